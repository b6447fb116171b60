//! The child's part of `mini create` and `mini start`. It works on the child's stack alone, with
//! what the parent has prepared, because the parent has ended by then.

use super::perform::Child;
use crate::container::args_pipe;
use crate::container::status::{Detail, Record};
use crate::sys::process::PointerTable;
use crate::sys::{Errno, Fd, Result, clock, fs, net, process, security, signal};
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;

/// What the child needs to wait for `mini start`.
pub struct StartSocket<'a> {
    /// The socket that `mini start` connects to.
    pub listener: &'a Fd,
    /// The startContainer hooks.
    pub hooks: Vec<HookCall<'a>>,
    /// Names of the steps after the wait, for error messages.
    pub names: Vec<Text>,
    /// Index of the first of these steps.
    pub first: usize,
    /// Whether the process outlives mini.
    pub outlives: bool,
}

/// A hook, prepared for execve(2).
pub struct HookCall<'a> {
    /// Path of the program.
    pub path: &'a CStr,
    /// Pointers to its arguments, ending with 0.
    pub args: Vec<usize>,
    /// Pointers to its environment, ending with 0.
    pub env: Vec<usize>,
    /// Time until the hook is killed, in nanoseconds.
    pub timeout: Option<u64>,
}

/// Reports to the parent that this step is reached, and waits for the parent's sync byte.
pub fn wait_for_parent(step: usize, child: &Child) -> Result<()> {
    Record { step, failure: None, nanos: 0 }.write(&Detail::new(), &child.status.1)?;
    if !args_pipe::wait_for_sync(&child.args_pipe.0)? {
        process::exit(i32::from(crate::error::FAILED));
    }
    Ok(())
}

/// Waits for `mini start` and runs the startContainer hooks. Returns the connection: its end
/// reports success.
#[inline(never)]
pub fn wait(step: usize, child: &Child, detail: &mut Detail) -> Result<Fd> {
    let start = child.start.as_ref().ok_or(Errno::EBADF)?;
    // A change of user may have made the process dumpable again (proc(5), fs.suid_dumpable).
    security::make_undumpable()?;
    if start.outlives {
        // From here on the end of the pipe reports the parent's death.
        process::set_parent_death_signal(0)?;
    }
    wait_for_parent(step, child)?;
    child.args_pipe.0.close_copy();
    child.status.1.close_copy();
    let (connection, state) = loop {
        let connection = net::accept(start.listener)?;
        // A connection that sends nothing only checks whether the container waits.
        if let Ok(Some((_, state))) = net::receive_with(&connection) {
            break (connection, state);
        }
    };
    start.listener.close_copy();
    for hook in &start.hooks {
        if let Err(errno) = run_hook(hook, state.as_ref()) {
            detail.set(hook.path.to_bytes());
            let record = Record { step, failure: Some(errno), nanos: 0 };
            let _ = report(&record, start, detail, &connection);
            process::exit(i32::from(crate::error::FAILED));
        }
    }
    Ok(connection)
}

/// Runs a hook with the container's state on standard input. ETIMEDOUT when it takes too long,
/// ECHILD when it fails.
fn run_hook(hook: &HookCall, state: Option<&Fd>) -> Result<()> {
    signal::set_mask(signal::ALL)?;
    let deadline = hook.timeout.map(|timeout| clock::now().saturating_add(timeout));
    let pid = match process::fork()? {
        0 => {
            let ready = || -> Result<()> {
                if let Some(state) = state {
                    fs::seek(state, 0)?;
                    fs::replace(0, state)?;
                }
                signal::set_mask(0)
            };
            if ready().is_ok() {
                let (args, env) = (PointerTable::new(&hook.args), PointerTable::new(&hook.env));
                process::execve(hook.path, args, env);
            }
            process::exit(127)
        }
        pid => pid,
    };
    match process::wait_end_until(pid, deadline)? {
        Some(process::Change::Exited(0)) => Ok(()),
        Some(_) => Err(Errno::ECHILD),
        None => Err(Errno::ETIMEDOUT),
    }
}

/// Reports a failure to `mini start`, which does not have the plan: two records, whose details are
/// the step's name and the detail of the failure.
pub fn report(
    record: &Record,
    start: &StartSocket,
    detail: &Detail,
    connection: &Fd,
) -> Result<()> {
    let mut name = Detail::new();
    let known = record.step.checked_sub(start.first).and_then(|at| start.names.get(at));
    name.set(known.map_or(b"hook", Text::bytes));
    Record { step: record.step, failure: None, nanos: 0 }.write(&name, connection)?;
    record.write(detail, connection)
}
