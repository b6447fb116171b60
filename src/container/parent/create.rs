//! Creates a container that waits for `mini start`: launches the child, runs the hooks, and waits
//! until the child has reached the last steps.

use super::cgroups::Cgroups;
use super::launch::{self, Launched};
use super::{explain, ready, supervise, trace};
use crate::container::status::{Detail, Record};
use crate::container::{Outcome, RunOptions};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::plan::{Plan, Step};
use crate::spec::Spec;
use crate::sys::process::Change;
use crate::sys::{Errno, Fd, net, process};
use core::ffi::CStr;

/// A created container. Dropping this value kills its process.
pub struct Created<'a> {
    launched: Launched<'a>,
}

/// Creates a container and calls `then` with it. If anything fails, nothing is left behind.
///
/// `hooks` is called with the process's id when the namespaces exist, before the switch of the
/// root.
///
/// # Errors
/// Anything that kept the container from being created.
pub fn create<'a, T>(
    plan: &'a Plan<'a>,
    spec: &Spec<'a>,
    host: &Host,
    options: RunOptions<'a>,
    hooks: &mut dyn FnMut(i32) -> Result<()>,
    then: impl FnOnce(Created<'_>) -> Result<T>,
) -> Result<T> {
    let groups = Cgroups::make(plan, spec, host, options.trace)?;
    let result = launch::launch(plan, spec, host, &groups.handles, options)
        .and_then(|launched| wait(launched, plan, spec, host, options, hooks))
        .and_then(then);
    if result.is_ok() {
        // The cgroups belong to the container now.
        core::mem::forget(groups);
    }
    result
}

/// Waits until the child has performed all steps before the start.
fn wait<'a>(
    mut launched: Launched<'a>,
    plan: &Plan,
    spec: &Spec,
    host: &Host,
    options: RunOptions,
    hooks: &mut dyn FnMut(i32) -> Result<()>,
) -> Result<Created<'a>> {
    let lost = |errno| Error::new("pass the command").errno(errno);
    let pid = launched.child.pid();
    let args = launched.args.as_ref().ok_or(Errno::EBADF).map_err(lost)?;
    if !spec.hooks.run_at_create() {
        args.send_all().map_err(lost)?;
    }
    let mut detail = Detail::new();
    loop {
        let unreadable = |errno| Error::new("read status").errno(errno);
        let record = Record::read(&mut detail, launched.status).map_err(unreadable)?;
        let Some(record) = record else {
            return Err(ended(&mut launched));
        };
        let step = &plan.steps[record.step];
        if options.trace {
            trace::step(step, record.failure, Some(record.nanos / 1000));
        }
        if let Some(errno) = record.failure {
            return Err(explain::step_failure(step, errno, detail.bytes(), spec, host));
        }
        match step {
            Step::WaitForHooks => {
                hooks(pid)?;
                args.send_sync().and_then(|()| args.send_all()).map_err(lost)?;
            }
            Step::WaitForStart => return Ok(Created { launched }),
            _ => {}
        }
    }
}

/// The error for a child that has ended without a report.
fn ended(launched: &mut Launched) -> Error {
    let error = Error::new("create");
    match process::wait_end(launched.child.pid()) {
        Ok(end) => {
            launched.child.has_ended();
            match end {
                Change::Signaled(signal) => error
                    .cause("the container's process was killed by signal")
                    .number(signal.into()),
                _ => error.cause("the container's process has ended"),
            }
        }
        Err(errno) => error.errno(errno),
    }
}

impl<'a> Created<'a> {
    /// Process id of the container's process.
    pub fn pid(&self) -> i32 {
        self.launched.child.pid()
    }

    /// Receives the two ends of the pseudo terminal, if the child has opened one.
    pub fn take_terminal(&mut self) -> Result<Option<[Fd; 2]>> {
        let Some(connection) = self.launched.terminal.take() else { return Ok(None) };
        net::receive_descriptors(connection)
            .map_err(|errno| Error::new("take the terminal").errno(errno))
    }

    /// Sends the sync byte: from now on the child outlives mini.
    pub fn commit(&self) -> Result<()> {
        match &self.launched.args {
            Some(args) => args.send_sync().map_err(|errno| Error::new("create").errno(errno)),
            None => Ok(()),
        }
    }

    /// Leaves the container running.
    pub fn leave(self) {
        core::mem::forget(self);
    }

    /// Waits for the command in the foreground; returns how it ended.
    pub fn supervise(
        mut self,
        plan: &'a Plan<'a>,
        spec: &Spec,
        host: &Host,
        options: RunOptions<'a>,
    ) -> Result<Outcome> {
        self.launched.args = None;
        supervise::supervise(self.launched, plan, spec, host, options).map(|(outcome, _)| outcome)
    }
}

/// Writes the pid file, which stays. Without a newline, because some engines do not expect one.
pub fn write_pid_file(path: &CStr, pid: i32) -> Result<()> {
    ready::write_number(path, pid, "").map(core::mem::forget)
}
