//! Creates a container that waits for `mini start`: the launch as far as the child goes by itself, with the hooks on
//! the way, and what becomes of it.

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

/// A container whose process waits. Dropped, it is killed.
pub struct Created<'a> {
    launched: Launched<'a>,
}

/// Creates a container, and hands it to `then`. Where that or anything before fails, nothing is left.
///
/// `hooks` is called when the namespaces are there and the root is not switched, with the process's id.
///
/// # Errors
/// Whatever kept the container from being created.
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
        // They are the container's, as long as that is there.
        core::mem::forget(groups);
    }
    result
}

/// Waits until the child has done all that comes before the start.
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

/// The child has ended without a word.
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
    /// The id of its process.
    pub fn pid(&self) -> i32 {
        self.launched.child.pid()
    }

    /// Takes the terminal that the child has opened, if it has: both of its ends.
    pub fn take_terminal(&mut self) -> Result<Option<[Fd; 2]>> {
        let Some(connection) = self.launched.terminal.take() else { return Ok(None) };
        net::receive_descriptors(connection)
            .map_err(|errno| Error::new("take the terminal").errno(errno))
    }

    /// Tells the child that it is known: from now on it outlives mini.
    pub fn commit(&self) -> Result<()> {
        match &self.launched.args {
            Some(args) => args.send_sync().map_err(|errno| Error::new("create").errno(errno)),
            None => Ok(()),
        }
    }

    /// Leaves it behind.
    pub fn leave(self) {
        core::mem::forget(self);
    }

    /// Waits for the command in the foreground; how it ended.
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

/// Writes the process's id to a file that stays, without a newline, which some engines do not expect.
pub fn write_pid_file(path: &CStr, pid: i32) -> Result<()> {
    ready::write_number(path, pid, "").map(core::mem::forget)
}
