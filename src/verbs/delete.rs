//! The verb `mini delete`, and what is removed of a container wherever it ends.

use super::oci::{Session, examine, unknown};
use crate::container::{self, hooks};
use crate::error::{Error, Result};
use crate::oci::config;
use crate::spec::hooks::Hooks;
use crate::store::Entry;
use crate::store::process::Process;
use crate::store::state::{State, Status};
use crate::sys::clock::{self, SECOND};
use crate::sys::{Errno, fs};

/// How long a process that was killed has to end, in nanoseconds.
const PATIENCE: u64 = 10 * SECOND;

/// How long a running container is given to end by itself, in nanoseconds.
const MOMENT: u64 = 100_000_000;

/// Deletes a container.
///
/// # Errors
/// When it is running, unless that shall not matter.
pub fn delete(session: Session) -> Result<u8> {
    let force = session.oci.is("force");
    let id = session.id()?;
    let Some(entry) = session.store.find(id)? else {
        return if force { Ok(0) } else { Err(unknown(id)) };
    };
    let failed = |errno| Error::new("delete").object(id.to_bytes()).errno(errno);
    if force {
        // Before the lock: somebody may wait for the container's process, who has it.
        if let Ok(Some(state)) = entry.state() {
            kill(&state).map_err(failed)?;
        }
    }
    if !lock(&entry, force).map_err(failed)? {
        return if force { Ok(0) } else { Err(unknown(id)) };
    }
    let (state, status) = match examine(&entry) {
        // What is damaged can be removed, but no process be found by it.
        Err(_) if force => (State { id: entry.id, ..State::default() }, Status::Stopped),
        result => result?,
    };
    let is_ending = || {
        let process = Process::find(state.pid, state.started);
        process.is_none_or(|process| process.wait(state.started, clock::now() + MOMENT))
    };
    match status {
        // A caller that saw the command's last output may be faster than the command's exit.
        Status::Running if !force && is_ending() => {}
        Status::Running | Status::Paused if !force => {
            let cause = "cannot delete container that is not stopped";
            let error = Error::new("delete").object(id.to_bytes()).cause(cause);
            return Err(error.hint("kill it first, or give --force"));
        }
        _ => kill(&state).map_err(failed)?,
    }
    hooks::hold_signals()?;
    let mut config = match state.has_hooks {
        true => entry.config().and_then(|text| config::read_config(text.leak())).ok(),
        false => None,
    };
    if let Some(config) = &mut config {
        config.inherit_environment(session.env);
    }
    let none = Hooks::default();
    remove(&entry, &state, config.as_ref().map_or(&none, |config| &config.hooks))?;
    Ok(0)
}

/// Waits for the lock; with `force` not for longer than a while. Whether the container is still there.
fn lock(entry: &Entry, force: bool) -> crate::sys::Result<bool> {
    let deadline = clock::now() + PATIENCE;
    while force && !entry.is_free() {
        if clock::now() > deadline {
            return Err(Errno::EBUSY);
        }
        clock::pause(1_000_000);
    }
    entry.lock()
}

/// Kills the container's process, and waits for its end.
fn kill(state: &State) -> crate::sys::Result<()> {
    let Some(process) = Process::find(state.pid, state.started) else { return Ok(()) };
    match process.kill(libc::SIGKILL) {
        Ok(()) => {}
        Err(Errno::ESRCH) => return Ok(()),
        Err(errno) => return Err(errno),
    }
    // One that is frozen dies when it is thawed.
    let _ = container::freezer::set_frozen(&state.cgroups, false);
    match process.wait(state.started, clock::now() + PATIENCE) {
        true => Ok(()),
        false => Err(Errno::ETIMEDOUT),
    }
}

/// Kills a container and removes it.
pub fn end(entry: &Entry, state: &State, hooks: &Hooks) -> Result<()> {
    kill(state).map_err(|errno| Error::new("kill").object(entry.id.to_bytes()).errno(errno))?;
    remove(entry, state, hooks)
}

/// Removes what a container has left: its cgroups with who is in them, and its state; runs the poststop hooks.
pub fn remove(entry: &Entry, state: &State, hooks: &Hooks) -> Result<()> {
    container::cgroups::delete(&state.cgroups)?;
    if !hooks.poststop.is_empty() {
        let _ = fs::chdir(state.bundle);
        hooks::run_all("poststop", &hooks.poststop, state.for_hooks(Status::Stopped).bytes());
    }
    entry.remove()
}
