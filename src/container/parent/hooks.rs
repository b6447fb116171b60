//! Runs hooks: programs of the configuration that run on the host or in the container's namespaces,
//! with the container's state on standard input.

use crate::error::{Error, Result};
use crate::host::foreign_namespace;
use crate::spec::hooks::Hook;
use crate::sys::clock::SECOND;
use crate::sys::process::{Change, PointerTable};
use crate::sys::{Errno, Fd, clock, fs, process, signal};
use alloc::vec::Vec;

/// Blocks the signals that are needed to wait for a hook.
pub fn hold_signals() -> Result<()> {
    signal::set_mask(signal::only(libc::SIGCHLD) | signal::only(libc::SIGPIPE))
        .map_err(|errno| Error::new("hold signals").errno(errno))
}

/// Runs hooks one after the other and stops at the first failure. SIGCHLD must be blocked.
///
/// With `inside`, the id of the container's process, the hooks run in its namespaces.
pub fn run(kind: &str, hooks: &[Hook], state: &[u8], inside: Option<i32>) -> Result<()> {
    hooks.iter().try_for_each(|hook| run_one(kind, hook, state, inside))
}

/// Runs hooks one after the other; a failure is a warning.
pub fn run_all(kind: &str, hooks: &[Hook], state: &[u8]) {
    for hook in hooks {
        if let Err(error) = run_one(kind, hook, state, None) {
            error.print();
        }
    }
}

fn run_one(kind: &str, hook: &Hook, state: &[u8], inside: Option<i32>) -> Result<()> {
    let error = || Error::new(kind).raw(b"hook").object(hook.path.to_bytes());
    let failed = |errno| error().errno(errno);
    let stdin = fs::memory_file(state).map_err(failed)?;
    let namespaces = match inside {
        Some(pid) => namespaces_of(pid).map_err(failed)?,
        None => Vec::new(),
    };
    let deadline = hook.timeout.map(|seconds| clock::now() + u64::from(seconds) * SECOND);
    let child = match process::fork().map_err(failed)? {
        0 => become_hook(hook, &stdin, &namespaces),
        child => child,
    };
    let end = wait(child, deadline).map_err(failed)?;
    match end {
        Some(Change::Exited(0)) => Ok(()),
        Some(Change::Exited(NOT_RUN)) => Err(error().cause("cannot be executed")),
        Some(Change::Exited(status)) => {
            Err(error().cause("failed: exit status").number(status.into()))
        }
        Some(Change::Signaled(number)) => {
            Err(error().cause("ended by signal").number(number.into()))
        }
        Some(Change::Stopped(_) | Change::Continued) | None => {
            Err(error().cause("timed out, and was killed"))
        }
    }
}

/// Waits for a hook; returns how it ended, or None when its time is over.
fn wait(child: i32, deadline: Option<u64>) -> crate::sys::Result<Option<Change>> {
    let end = process::wait_end_until(child, deadline)?;
    // The SIGCHLD received above may have been for the container.
    process::kill(process::getpid(), libc::SIGCHLD)?;
    Ok(end)
}

/// Exit status of a hook that could not be executed.
const NOT_RUN: u8 = 127;

/// Executes a hook, in a child process.
fn become_hook(hook: &Hook, stdin: &Fd, namespaces: &[(i32, Fd)]) -> ! {
    let become_it = || -> crate::sys::Result<Errno> {
        for (kind, namespace) in namespaces {
            process::setns(namespace, *kind)?;
            if *kind == libc::CLONE_NEWUSER {
                process::setgid(0)?;
                process::setuid(0)?;
            }
        }
        if namespaces.iter().any(|(kind, _)| *kind == libc::CLONE_NEWPID) {
            // Only children are in a new pid namespace.
            match process::fork()? {
                0 => {}
                child => {
                    signal::set_mask(0)?;
                    process::exit(match process::wait_end(child)? {
                        Change::Exited(status) => status.into(),
                        Change::Signaled(signal) => 128 + i32::from(signal),
                        Change::Stopped(_) | Change::Continued => NOT_RUN.into(),
                    })
                }
            }
        }
        fs::replace(0, stdin)?;
        signal::set_mask(0)?;
        let name = [hook.path];
        let args = process::addresses(if hook.args.is_empty() { &name[..] } else { &hook.args });
        let env = process::addresses(hook.env.as_deref().unwrap_or_default());
        Ok(process::execve(hook.path, PointerTable::new(&args), PointerTable::new(&env)))
    };
    let errno = become_it().unwrap_or_else(|errno| errno);
    Error::new("exec").object(hook.path.to_bytes()).errno(errno).print();
    process::exit(NOT_RUN.into())
}

/// The namespaces of a process, in the order in which they have to be joined.
fn namespaces_of(pid: i32) -> crate::sys::Result<Vec<(i32, Fd)>> {
    const KINDS: [(i32, &str); 7] = [
        (libc::CLONE_NEWUSER, "user"),
        (libc::CLONE_NEWCGROUP, "cgroup"),
        (libc::CLONE_NEWIPC, "ipc"),
        (libc::CLONE_NEWUTS, "uts"),
        (libc::CLONE_NEWNET, "net"),
        (libc::CLONE_NEWPID, "pid"),
        (libc::CLONE_NEWNS, "mnt"),
    ];
    let mut found = Vec::new();
    for (kind, name) in KINDS {
        // A process cannot join its own user namespace again.
        found.extend(foreign_namespace(pid, name)?.map(|namespace| (kind, namespace)));
    }
    Ok(found)
}
