//! The verb `mini features`.

use super::print;
use crate::error::Result;
use crate::store::state::OCI_VERSION;
use crate::text::Text;

/// Prints what mini supports, as the specification's features.md wants it.
///
/// # Errors
/// When it cannot be written.
pub fn features() -> Result<u8> {
    let mut text = Text::new();
    text.str("{\"ociVersionMin\":\"1.0.0\",\"ociVersionMax\":\"").str(OCI_VERSION).str("\",");
    text.str(
        "\"hooks\":[\"prestart\",\"createRuntime\",\"createContainer\",\"startContainer\",\
         \"poststart\",\"poststop\"]}\n",
    );
    print(text.bytes().into())
}
