//! The verb `mini spec`.

use super::oci::Session;
use crate::error::{Error, Result};
use crate::host::Caller;
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
    let mut text = Text::new();
    if session.oci.is("rootless") {
        rootless(session.caller, &mut text);
    } else {
        text.str(TEMPLATE);
    }
    fs::write_all(&file, text.bytes()).map_err(failed)?;
    Ok(0)
}

/// The same for an ordinary user: in a user namespace with one id of each kind, and without what that cannot have.
fn rootless(caller: Caller, out: &mut Text) {
    for line in TEMPLATE.lines() {
        if line.contains("\"resources\"") {
            for (name, id) in [("uid", caller.euid), ("gid", caller.egid)] {
                out.str("\t\t\"").str(name).str("Mappings\": [{\"containerID\": 0, \"hostID\": ");
                out.number(id.into()).str(", \"size\": 1}],\n");
            }
            continue;
        }
        let line = line.strip_suffix(", \"gid=5\"]").map_or(line, |line| line);
        out.str(line);
        out.str(if line.contains("ptmxmode") { "]" } else { "" }).str("\n");
        if line.contains("\"namespaces\"") {
            out.str("\t\t\t{\"type\": \"user\"},\n");
        }
    }
}

const TEMPLATE: &str = include_str!("spec.json");
