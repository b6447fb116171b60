//! The verb `mini state`.

use super::oci::{Session, examine};
use super::print;
use crate::error::Result;
use crate::json::indented;

/// Prints the state of a container.
///
/// # Errors
/// When there is no such container.
pub fn state(session: Session) -> Result<u8> {
    let (state, status) = examine(&session.find()?)?;
    let mut text = indented(state.for_users(status).bytes());
    text.str("\n");
    print(text.bytes().into())
}
