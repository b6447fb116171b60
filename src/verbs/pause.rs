//! The verbs `mini pause` and `mini resume`.

use super::oci::{Session, examine};
use crate::container::freezer;
use crate::error::{Error, Result};
use crate::store::state::Status;

/// Stops all processes of a running container where they are.
///
/// # Errors
/// When the container is not running, or has no cgroup with a freezer.
pub fn pause(session: Session) -> Result<u8> {
    set_frozen(session, true)
}

/// Lets the processes of a paused container go on.
///
/// # Errors
/// When the container is not paused.
pub fn resume(session: Session) -> Result<u8> {
    set_frozen(session, false)
}

fn set_frozen(session: Session, stop: bool) -> Result<u8> {
    let entry = session.find()?;
    let step = if stop { "pause" } else { "resume" };
    let error = || Error::new(step).object(entry.id.to_bytes());
    if !entry.lock().map_err(|errno| error().errno(errno))? {
        return Err(super::oci::unknown(entry.id));
    }
    let (state, status) = examine(&entry)?;
    match (stop, status) {
        (true, Status::Running | Status::Created) | (false, Status::Paused) => {
            freezer::set_frozen(&state.cgroups, stop)?;
            Ok(0)
        }
        (true, _) => Err(error().cause("container not running")),
        (false, _) => Err(error().cause("container not paused")),
    }
}
