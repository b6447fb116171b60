//! Starts a further process of a container and leaves it to itself.

use super::cgroups::Cgroups;
use super::{explain, launch, signals};
use crate::container::RunOptions;
use crate::container::status::{Detail, Record};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::plan::Plan;
use crate::spec::Spec;
use crate::sys::{Fd, net, poll};

/// Starts the process, and hands its id and the ends of its pseudo terminal to `then`. Where that fails, the process is
/// killed.
///
/// # Errors
/// Whatever kept the command from being executed.
pub fn start_detached<'a>(
    plan: &'a Plan<'a>,
    spec: &Spec<'a>,
    host: &Host,
    options: RunOptions<'a>,
    then: impl FnOnce(i32, Option<[Fd; 2]>) -> Result<()>,
) -> Result<()> {
    let failed = |step| move |errno| Error::new(step).errno(errno);
    signals::begin().map_err(failed("block signals"))?;
    let cgroups = Cgroups::make(plan, spec, host, options.trace)?;
    let mut launched = launch::launch(plan, spec, host, &cgroups.handles, options)?;
    let mut rest = launched.args.take();
    while let Some(args) = rest {
        let pipe = libc::pollfd { fd: args.pipe().raw(), events: libc::POLLOUT, revents: 0 };
        poll::wait(&mut [pipe], None, None).map_err(failed("pass the command"))?;
        rest = args.send_more().map_err(failed("pass the command"))?;
    }
    let mut detail = Detail::new();
    // The pipe ends when the command is executed.
    while let Some(record) =
        Record::read(&mut detail, launched.status).map_err(failed("read status"))?
    {
        if let Some(errno) = record.failure {
            let step = &plan.steps[record.step];
            return Err(explain::step_failure(step, errno, detail.bytes(), spec, host));
        }
    }
    let terminal = match launched.terminal.take() {
        Some(connection) => {
            net::receive_descriptors(connection).map_err(failed("take the terminal"))?
        }
        None => None,
    };
    then(launched.child.pid(), terminal)?;
    core::mem::forget(launched);
    Ok(())
}
