//! Writes the uid and gid maps of the child, or has newuidmap(1) and newgidmap(1) write them.

use super::{explain, signals, trace};
use crate::container::RunOptions;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::plan::Step;
use crate::spec::Spec;
use crate::sys::memory::ChildMemory;
use crate::sys::process::{Change, PointerTable};
use crate::sys::{Errno, clock, fs, process, signal};
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;

/// Writes one map of the child.
pub fn map(step: &Step, child: i32, options: RunOptions, spec: &Spec, host: &Host) -> Result<()> {
    let Step::WriteIdMap { kind, content, by_helper } = step else { return Ok(()) };
    let start = clock::now();
    let result = match by_helper {
        false => {
            let mut path = Text::new();
            path.str("/proc/").number(child as u64).str("/").word(kind).str("_map");
            fs::write_file_at(fs::HERE, path.leak(), content.bytes()).map_err(Failure::Kernel)
        }
        true => help(kind, child, content, options.program.page_size),
    };
    if options.trace {
        let errno = match result {
            Err(Failure::Kernel(errno)) => Some(errno),
            Err(Failure::Helper) => Some(Errno::EPERM),
            Err(Failure::End(_)) => Some(Errno::EINTR),
            Ok(()) => None,
        };
        trace::step(step, errno, Some((clock::now() - start) / 1000));
    }
    match result {
        Ok(()) => Ok(()),
        Err(Failure::Kernel(errno)) => Err(explain::step_failure(step, errno, b"", spec, host)),
        Err(failure) => {
            let mut name = Text::new();
            name.str("new").word(kind).str("map");
            let error = Error::new("map").object(kind.to_bytes()).raw(name.bytes());
            if let Failure::End(status) = failure {
                return Err(error.errno(Errno::EINTR).with_status(status));
            }
            Err(error.cause("refused").hint("its reason stands above; /etc/subuid and /etc/subgid"))
        }
    }
}

enum Failure {
    Kernel(Errno),
    /// The helper has printed the reason.
    Helper,
    /// A signal asks mini to end with this status.
    End(u8),
}

/// Runs newuidmap(1) or newgidmap(1): `PID INSIDE OUTSIDE COUNT...`.
fn help(
    kind: &CStr,
    child: i32,
    content: &Text,
    page_size: usize,
) -> core::result::Result<(), Failure> {
    let mut program = Text::new();
    program.str("/usr/bin/new").word(kind).str("map");
    let program = program.leak();
    let mut pid = Text::new();
    pid.number(child as u64);
    let mut table = Vec::from([program.as_ptr() as usize, pid.leak().as_ptr() as usize]);
    for number in content.bytes().split(u8::is_ascii_whitespace).filter(|number| !number.is_empty())
    {
        let mut argument = Text::new();
        argument.raw(number);
        table.push(argument.leak().as_ptr() as usize);
    }
    table.push(0);
    let command: &'static (&CStr, Vec<usize>) = alloc::boxed::Box::leak((program, table).into());
    let memory = ChildMemory::new(0, page_size).map_err(Failure::Kernel)?;
    let mut helper = process::clone_onto(
        libc::CLONE_VM | libc::CLONE_VFORK,
        None,
        memory,
        command,
        |command, _| {
            // The helper needs unblocked signals; the dispositions are those of mini's caller.
            if signal::set_mask(0).is_ok() {
                process::execve(command.0, PointerTable::new(&command.1), PointerTable::new(&[0]));
            }
            process::exit(i32::from(NO_HELPER))
        },
    )
    .map_err(Failure::Kernel)?;
    let end = wait_for(helper.pid())?;
    helper.has_ended();
    match end {
        Change::Exited(0) => Ok(()),
        Change::Exited(NO_HELPER) => Err(Failure::Kernel(Errno::ENOENT)),
        _ => Err(Failure::Helper),
    }
}

/// Waits for the helper, unless a signal asks mini to end. The helper may query a remote user
/// database.
fn wait_for(helper: i32) -> core::result::Result<Change, Failure> {
    loop {
        if let Some(end) = process::ended(helper).map_err(Failure::Kernel)? {
            // The SIGCHLD received below may have been for the container.
            process::kill(process::getpid(), libc::SIGCHLD).map_err(Failure::Kernel)?;
            return Ok(end);
        }
        let set = signals::END & !signals::ignored() | signal::only(libc::SIGCHLD);
        match signal::wait(set, signals::deadline(), None).map_err(Failure::Kernel)? {
            Some(received) if received.signal == libc::SIGCHLD => {}
            Some(received) => return Err(Failure::End(128 + received.signal as u8)),
            None => return Err(Failure::End(signals::TIMED_OUT)),
        }
    }
}

/// Exit status of the child when the helper is missing.
const NO_HELPER: u8 = 127;
