//! The verb `mini spec`.

use super::oci::Session;
use crate::error::{Error, Result};
use crate::sys::fs;
use crate::text::Text;

/// Writes a configuration to begin with.
///
/// # Errors
/// When there is one, or it cannot be written.
pub fn spec(session: Session) -> Result<u8> {
    let mut path = Text::new();
    if let Some(bundle) = session.oci.value("bundle") {
        path.raw(bundle.to_bytes()).str("/");
    }
    path.str("config.json");
    let path = path.leak();
    let failed = |errno| Error::new("write").object(path.to_bytes()).errno(errno);
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL;
    let file = fs::open(path, flags, 0o644).map_err(failed)?;
    fs::write_all(&file, TEMPLATE.as_bytes()).map_err(failed)?;
    Ok(0)
}

const TEMPLATE: &str = include_str!("spec.json");
