//! The verb `mini start`.

use super::oci::{Session, examine};
use crate::container::{self, hooks};
use crate::error::{Error, Result};
use crate::oci::config;
use crate::spec::hooks::Hooks;
use crate::store::process::Process;
use crate::store::state::{State, Status};
use crate::store::{Entry, START};
use crate::sys::clock::{self, SECOND};
use crate::sys::fs;

/// Starts the command of a created container.
///
/// # Errors
/// When the container is not created, or the command cannot be executed.
pub fn start(session: Session) -> Result<u8> {
    let entry = session.find()?;
    let failed = |errno| Error::new("start").object(entry.id.to_bytes()).errno(errno);
    if !entry.lock().map_err(failed)? {
        return Err(super::oci::unknown(entry.id));
    }
    let (state, status) = examine(&entry)?;
    let cause = match status {
        Status::Created if !state.has_process => "config.json has no process",
        Status::Created => {
            hooks::hold_signals()?;
            let text = if state.has_hooks { entry.config()? } else { alloc::vec::Vec::new() };
            let mut config = match state.has_hooks {
                true => Some(config::read_config(text.leak())?),
                false => None,
            };
            if let Some(config) = &mut config {
                config.inherit_environment(session.env);
            }
            let none = Hooks::default();
            let hooks = config.as_ref().map_or(&none, |config| &config.hooks);
            begin(&entry, &state, hooks)?;
            return Ok(0);
        }
        Status::Creating => "cannot start a container that is being created",
        Status::Running | Status::Paused => "cannot start an already running container",
        Status::Stopped => "cannot start a container that has stopped",
    };
    Err(Error::new("start").object(entry.id.to_bytes()).cause(cause))
}

/// Has the container's process become the command, and runs the poststart hooks.
pub fn begin(entry: &Entry, state: &State, hooks: &Hooks) -> Result<()> {
    let failed = |errno| Error::new("start").object(entry.id.to_bytes()).errno(errno);
    let memory = match hooks.start_container.is_empty() {
        true => None,
        false => {
            let text = state.for_hooks(Status::Created);
            Some(fs::memory_file(text.bytes()).map_err(failed)?)
        }
    };
    entry.enter()?;
    let started = container::start::start(START.to_bytes(), memory.as_ref());
    if started.is_err()
        && let Some(process) = Process::find(state.pid, state.started)
    {
        // It has nothing left to do but to end, and is to be stopped for the caller's next verb.
        process.wait(state.started, clock::now() + SECOND);
    }
    if started?.is_none() {
        let error = Error::new("start").object(entry.id.to_bytes());
        return Err(error.cause("cannot start an already running container"));
    }
    entry.remove_socket();
    if !hooks.poststart.is_empty() {
        // A bundle that is gone is no reason to leave the hooks out.
        let _ = fs::chdir(state.bundle);
        let running = state.for_hooks(Status::Running);
        if let Err(error) = hooks::run("poststart", &hooks.poststart, running.bytes(), None) {
            // The life of the container goes on where the specification wants it: with its end.
            super::delete::end(entry, state, hooks)?;
            return Err(error);
        }
    }
    Ok(())
}
