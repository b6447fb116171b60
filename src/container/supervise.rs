//! The parent's half after the launch: one loop over signals until the command has ended.
//!
//! No handler runs: all signals are blocked and taken one by one, so nothing is interrupted and
//! nothing races.

use super::launch::Launched;
use super::status::{Detail, Record};
use super::{Outcome, explain, trace};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::plan::Plan;
use crate::spec::{Namespace, Spec};
use crate::sys::process::{Change, Rusage};
use crate::sys::signal::Taken;
use crate::sys::{Errno, Fd, fs, process, signal};
use crate::text::{Text, number};

/// Waits for the command; how it ended, and the kernel's account of it.
pub fn supervise(
    launched: Launched,
    plan: &Plan,
    spec: &Spec,
    host: &Host,
    traced: bool,
) -> Result<(Outcome, Rusage)> {
    let lost = |errno| Error::new("wait for the command").errno(errno);
    let Launched { mut child, status } = launched;
    let mut detail = Detail::new();
    let mut failed = if traced { follow(status, plan, &mut detail)? } else { None };
    let mut command = Command {
        pid: child.pid(),
        is_init: spec.namespaces.pid == Namespace::New,
        status,
        asked_to_end: None,
        killed_for: None,
    };
    let (end, rusage) = loop {
        let taken = signal::wait(signal::ALL).map_err(lost)?;
        if taken.signal != libc::SIGCHLD {
            command.pass_on(taken).map_err(lost)?;
        } else if let Some(end) = command.reap().map_err(lost)? {
            child.has_ended();
            break end;
        }
    };
    if failed.is_none() && !traced {
        failed = Record::read(&mut detail, status).map_err(lost)?;
    }
    if let Some(Record { step, failure: Some(errno), .. }) = failed {
        return Err(explain::step_failure(&plan.steps[step], errno, detail.bytes(), spec, host));
    }
    let (status, signal) = match (end, command.killed_for) {
        (Change::Exited(status), _) => (status, None),
        (Change::Signaled(9), Some(signal)) => (128 + signal as u8, Some(signal as u8)),
        (Change::Signaled(signal) | Change::Stopped(signal), _) => (128 + signal, Some(signal)),
    };
    Ok((Outcome { status, signal, ..Outcome::default() }, rusage))
}

/// The command, seen from outside.
struct Command<'a> {
    pid: i32,
    /// Whether the kernel treats it as a process 1, which ignores what it has no handler for.
    is_init: bool,
    status: &'a Fd,
    /// The last signal that asked it to end, where nothing could tell whether it would.
    asked_to_end: Option<i32>,
    /// The signal on whose behalf it was killed.
    killed_for: Option<i32>,
}

impl Command<'_> {
    /// Does for the command what a signal to mini asks for.
    fn pass_on(&mut self, taken: Taken) -> crate::sys::Result<()> {
        let Taken { signal, from_kernel } = taken;
        // What mini's caller ignores (nohup) is not meant for the command either.
        if signal::is_ignored(signal) {
            return Ok(());
        }
        let ends = matches!(signal, libc::SIGTERM | libc::SIGINT | libc::SIGHUP | libc::SIGQUIT);
        if ends && self.is_init && !self.will_act_on(signal) {
            self.killed_for = Some(signal);
            return process::kill(self.pid, libc::SIGKILL);
        }
        let stops = signal == libc::SIGTSTP;
        let typed = matches!(signal, libc::SIGINT | libc::SIGQUIT | libc::SIGTSTP) && from_kernel;
        if typed && !stops && self.shares_process_group() {
            // The terminal gave it to the whole group: the command has it already.
            return Ok(());
        }
        // A process 1 cannot be stopped politely.
        let signal = if stops { libc::SIGSTOP } else { signal };
        match process::kill(self.pid, signal) {
            // It has ended; its SIGCHLD is on the way.
            Err(Errno::ESRCH) => Ok(()),
            result => result,
        }
    }

    /// Whether a signal will have an effect: the command catches it, ignores it on purpose, or
    /// holds it back to read it (signalfd(2)). Without /proc nobody can tell: then the first
    /// signal is passed on, and the second time the answer is no.
    fn will_act_on(&mut self, signal: i32) -> bool {
        if !fs::is_alone(self.status).unwrap_or(false) {
            // Not started yet: nothing could keep the signal over execve.
            return false;
        }
        let mut path = Text::new();
        path.str("/proc/").number(self.pid as u64).str("/status");
        let status = fs::read_file(path.leak(), 65536).ok();
        match status {
            Some(status) => handled(&status) & signal::only(signal) != 0,
            None => self.asked_to_end.replace(signal).is_none(),
        }
    }

    fn shares_process_group(&self) -> bool {
        process::getpgid(self.pid) == process::getpgid(0)
    }

    /// Collects children; how the command ended, if it has. mini may have others: a program
    /// that turned into mini by exec leaves it its own, and a process 1 is given orphans.
    fn reap(&mut self) -> crate::sys::Result<Option<(Change, Rusage)>> {
        while let Some((pid, change, rusage)) = process::wait_any()? {
            match change {
                _ if pid != self.pid => {}
                // Stop with it, so that a shell sees its job stopped. Not by SIGSTOP: where no
                // shell could continue us (an orphaned process group) the kernel lets this be.
                Change::Stopped(_) => signal::raise_unblocked(libc::SIGTSTP)?,
                end => return Ok(Some((end, rusage))),
            }
        }
        Ok(None)
    }
}

/// The signals a process blocks, ignores or catches (proc_pid_status(5)).
fn handled(status: &[u8]) -> signal::Set {
    let mut handled = 0;
    for line in status.split(|b| *b == b'\n') {
        if let Some((b"SigBlk:\t" | b"SigIgn:\t" | b"SigCgt:\t", set)) = line.split_first_chunk() {
            handled |= number(set, 16).unwrap_or(0);
        }
    }
    handled
}

/// Prints the launch as it happens; the step that failed, if one did.
fn follow(status: &Fd, plan: &Plan, detail: &mut Detail) -> Result<Option<Record>> {
    let unreadable = |errno| Error::new("read status").errno(errno);
    let mut line = Text::new();
    plan.describe_clone(&mut line);
    trace::line(&line, None, None);
    let mut next = 0;
    while let Some(record) = Record::read(detail, status).map_err(unreadable)? {
        next = record.step + 1;
        trace::step(&plan.steps[record.step], record.failure, Some(record.nanos / 1000));
        if record.failure.is_some() {
            return Ok(Some(record));
        }
    }
    // A step that replaces the process cannot report that it went well: the pipe's end does.
    if let Some(step) = plan.steps.get(next) {
        trace::step(step, None, None);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handled_signals_are_read() {
        let status = b"Name:\tx\nSigPnd:\tff\nSigBlk:\t0000000000000001\n\
            SigIgn:\t0000000000004000\nSigCgt:\t0000000180000002\nCapBnd:\tff\n";
        assert_eq!(handled(status), 0x1_8000_4003);
        assert_eq!(handled(b"SigCgt:\tnonsense\n"), 0);
    }
}
