//! A container that is created and waits for `mini start`: the child's part. Works on the child's stack alone,
//! with what the parent has prepared, as the parent is gone by then.

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
    /// What the steps are called in errors, from the first step of the plan that comes after the wait.
    pub names: Vec<Text>,
    /// The number of that step.
    pub first: usize,
}

/// A hook with its arguments as execve(2) reads them.
pub struct HookCall<'a> {
    /// Its file.
    pub path: &'a CStr,
    /// The addresses of its arguments, and 0.
    pub args: Vec<usize>,
    /// The same of its environment.
    pub env: Vec<usize>,
    /// Nanoseconds until it is killed.
    pub timeout: Option<u64>,
}

/// Tells the parent that this step is reached, and waits for the parent's byte.
pub fn wait_for_parent(step: usize, child: &Child) -> Result<()> {
    Record { step, failure: None, nanos: 0 }.write(&Detail::new(), &child.status.1)?;
    if !args_pipe::wait_for_sync(&child.args_pipe.0)? {
        process::exit(i32::from(crate::error::FAILED));
    }
    Ok(())
}

/// Waits for `mini start`, and runs the startContainer hooks; the connection, which tells of success by its end.
#[inline(never)]
pub fn wait(step: usize, child: &Child, detail: &mut Detail) -> Result<Fd> {
    let start = child.start.as_ref().ok_or(Errno::EBADF)?;
    // A change of user may have made it dumpable again (proc(5), fs.suid_dumpable).
    security::make_undumpable()?;
    // From here on the parent's death means the same as its silence: the pipe ends.
    process::set_parent_death_signal(0)?;
    wait_for_parent(step, child)?;
    child.args_pipe.0.close_copy();
    child.status.1.close_copy();
    let (connection, state) = loop {
        let connection = net::accept(start.listener)?;
        // Who sends nothing only wanted to know whether somebody waits here.
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

/// Runs a hook with the container's state as its standard input. ETIMEDOUT when it took too long, ECHILD when it
/// failed.
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
    loop {
        match process::ended(pid)? {
            Some(process::Change::Exited(0)) => return Ok(()),
            Some(_) => return Err(Errno::ECHILD),
            None => {}
        }
        if signal::wait(signal::only(libc::SIGCHLD), deadline, None)?.is_none() {
            let _ = process::kill(pid, libc::SIGKILL);
            let _ = process::wait_end(pid);
            return Err(Errno::ETIMEDOUT);
        }
    }
}

/// Tells `mini start` what failed: two records, whose details are the step's name and what is known beyond the
/// kernel's reason. `mini start` does not have the plan.
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
