//! The parent's half after the launch: one loop over signals, the deadline and the terminal, until
//! the command has ended.
//!
//! No handler runs: all signals are blocked and taken one by one, so nothing is interrupted and
//! nothing races.

use super::launch::Launched;
use super::status::{Detail, Record};
use super::terminal::{Event, Terminal};
use super::{Manner, Outcome, Stop, explain, ready, trace};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::plan::Plan;
use crate::spec::{Namespace, Spec};
use crate::sys::process::{Change, News, Rusage};
use crate::sys::signal::Taken;
use crate::sys::{Errno, Fd, clock, fs, net, process, signal};
use crate::text::{Text, number};
use core::sync::atomic::Ordering;

/// Exit status when the time was over, as timeout(1) has it.
const TIMED_OUT: u8 = 124;

/// Waits for the command; how it ended, and the kernel's account of it.
pub fn supervise(
    launched: Launched,
    plan: &Plan,
    spec: &Spec,
    host: &Host,
    manner: Manner,
) -> Result<(Outcome, Rusage)> {
    let lost = |errno| Error::new("wait for the command").errno(errno);
    let Launched {
        mut child,
        status,
        terminal: connection,
        foreground,
        signal: left,
        ignored,
        pidfile: _pidfile,
    } = launched;
    let mut detail = Detail::new();
    let mut terminal = match connection {
        // When the child has failed before, there is no terminal, and the status pipe says why.
        Some(connection) => net::receive_descriptors(connection)
            .and_then(|ends| {
                ends.map(|ends| Terminal::new(ends, child.pid(), ignored, manner.program))
                    .transpose()
            })
            .map_err(lost)?,
        None => None,
    };
    let mut failed = None;
    let mut status_is_read = false;
    if manner.trace {
        failed = follow(status, plan, &mut detail)?;
        status_is_read = true;
    } else if manner.ready.is_wanted() {
        failed = Record::read(&mut detail, status).map_err(lost)?;
        status_is_read = true;
    }
    if failed.is_none()
        && manner.ready.is_wanted()
        && let Err(error) = ready::tell(manner.ready, child.pid())
    {
        // The command runs; that nobody heard of it is for whoever should have to act upon.
        error.print();
    }
    let mut command = Command {
        pid: child.pid(),
        is_init: spec.namespaces.pid == Namespace::New,
        has_reaper: spec.process.init.is_some(),
        status,
        ignored,
        stop: manner.stop,
        deadline: manner.stop.timeout.map(|timeout| clock::now().saturating_add(timeout)),
        is_ending: false,
        timed_out: false,
        asked_to_end: None,
        killed_for: None,
    };
    let (end, rusage) = loop {
        let event = match &mut terminal {
            Some(terminal) => terminal.wait(command.deadline).map_err(lost)?,
            None => match signal::wait(signal::ALL, command.deadline, Some(&manner.program))
                .map_err(lost)?
            {
                Some(taken) => Event::Signal(taken),
                None => Event::Deadline,
            },
        };
        match event {
            Event::Signal(Taken { signal: libc::SIGCHLD, .. }) => {
                if let Some(end) = command.reap(&terminal).map_err(lost)? {
                    child.has_ended();
                    break end;
                }
            }
            Event::Signal(taken) => command.pass_on(taken, &mut terminal).map_err(lost)?,
            Event::Deadline => command.overdue().map_err(lost)?,
            Event::Typed(signal) => command.typed(signal, &mut terminal).map_err(lost)?,
        }
    };
    if let Some(terminal) = &mut terminal {
        terminal.drain().map_err(lost)?;
    }
    drop(terminal);
    foreground.take_back();
    if failed.is_none() && !status_is_read {
        failed = Record::read(&mut detail, status).map_err(lost)?;
    }
    if let Some(Record { step, failure: Some(errno), .. }) = failed {
        return Err(explain::step_failure(&plan.steps[step], errno, detail.bytes(), spec, host));
    }
    let (status, signal) = match (end, command.killed_for) {
        // Process 1, if it is mini's, cannot be ended by the signal that ended the command.
        (Change::Exited(status), _) => {
            let left = left.map_or(0, |left| left.load(Ordering::Relaxed) as u8);
            (status, Some(left).filter(|signal| *signal != 0))
        }
        (Change::Signaled(9), Some(signal)) => (128 + signal as u8, Some(signal as u8)),
        (Change::Signaled(signal) | Change::Stopped(signal), _) => (128 + signal, Some(signal)),
    };
    let status = if command.timed_out { TIMED_OUT } else { status };
    Ok((Outcome { status, signal, ..Outcome::default() }, rusage))
}

/// The command, seen from outside.
struct Command<'a> {
    pid: i32,
    /// Whether the kernel treats it as a process 1, which ignores what it has no handler for.
    is_init: bool,
    /// Whether that is mini's own.
    has_reaper: bool,
    status: &'a Fd,
    /// The signals that mini's caller ignores.
    ignored: signal::Set,
    stop: Stop,
    /// When its time is over.
    deadline: Option<u64>,
    /// Whether it was told to end, and will be made to.
    is_ending: bool,
    timed_out: bool,
    /// The last signal that asked it to end, where nothing could tell whether it would.
    asked_to_end: Option<i32>,
    /// The signal on whose behalf it was killed.
    killed_for: Option<i32>,
}

impl Command<'_> {
    /// Does for the command what a signal to mini asks for.
    fn pass_on(&mut self, taken: Taken, terminal: &mut Option<Terminal>) -> crate::sys::Result<()> {
        let Taken { signal, from_kernel } = taken;
        // What mini's caller ignores (nohup) is not meant for the command either.
        if self.ignored & signal::only(signal) != 0 {
            return Ok(());
        }
        if cfg!(debug_assertions) && signal == signal::LAST {
            // For the test that a panic leaves the terminal as it was.
            panic!("asked for by signal {}", signal::LAST);
        }
        match (signal, &mut *terminal) {
            (libc::SIGWINCH, Some(terminal)) => {
                // The kernel tells whoever is in the foreground there.
                terminal.resize();
                return Ok(());
            }
            (libc::SIGCONT, Some(terminal)) => terminal.resume(),
            (libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU, _) => return self.halt(terminal),
            (libc::SIGTERM, _) => return self.end(self.stop.signal),
            (libc::SIGINT | libc::SIGHUP | libc::SIGQUIT, _) if self.is_ending => {
                return self.kill(signal);
            }
            _ => {}
        }
        let typed = matches!(signal, libc::SIGINT | libc::SIGQUIT | libc::SIGWINCH) && from_kernel;
        let has_it = typed && self.shares_process_group();
        let ends = matches!(signal, libc::SIGINT | libc::SIGHUP | libc::SIGQUIT);
        if ends && self.is_init && !self.will_act_on(signal) {
            return self.kill(signal);
        }
        // The terminal gave it to the whole group: the command has it already.
        if has_it { Ok(()) } else { self.send(signal) }
    }

    fn send(&self, signal: i32) -> crate::sys::Result<()> {
        match process::kill(self.pid, signal) {
            // It has ended; its SIGCHLD is on the way.
            Err(Errno::ESRCH) => Ok(()),
            result => result,
        }
    }

    /// Ends it for good, on behalf of a signal.
    fn kill(&mut self, signal: i32) -> crate::sys::Result<()> {
        self.killed_for = Some(signal);
        self.deadline = None;
        self.send(libc::SIGKILL)
    }

    /// Asks it to end by this signal; the second time, or when it would not hear, it is killed.
    fn end(&mut self, signal: i32) -> crate::sys::Result<()> {
        if self.is_ending || (self.is_init && !self.will_act_on(signal)) {
            return self.kill(signal);
        }
        if self.timed_out || self.stop.grace_is_asked {
            self.is_ending = true;
            self.deadline = Some(clock::now().saturating_add(self.stop.grace));
        }
        self.send(signal)
    }

    /// Its time is over: to run, or to end.
    fn overdue(&mut self) -> crate::sys::Result<()> {
        if self.is_ending {
            return self.kill(libc::SIGKILL);
        }
        self.timed_out = true;
        self.end(self.stop.signal)
    }

    /// Stops it, and mini with it.
    fn halt(&mut self, terminal: &mut Option<Terminal>) -> crate::sys::Result<()> {
        if self.has_reaper {
            // That one stops the others, and does not stop itself.
            self.send(libc::SIGTSTP)?;
            return self.stop_with_it(terminal);
        }
        // A process 1 cannot be stopped politely; mini follows when it has stopped.
        self.send(libc::SIGSTOP)
    }

    /// A signal was typed at the terminal of the command, which is in its foreground: a process 1
    /// that does not act on it would leave the user without a way to end or to suspend it.
    fn typed(&mut self, signal: i32, terminal: &mut Option<Terminal>) -> crate::sys::Result<()> {
        let suspends = signal == libc::SIGTSTP;
        let acts = !self.is_init || self.will_act_on(signal);
        match terminal {
            // The reaper would not tell that the command has stopped.
            Some(terminal) if acts && !(suspends && self.has_reaper) => {
                terminal.type_character(signal);
                Ok(())
            }
            _ if suspends => self.halt(terminal),
            _ => self.kill(signal),
        }
    }

    /// Whether a signal will have an effect: the command catches it, ignores it on purpose, or
    /// holds it back to read it (signalfd(2)). Without /proc nobody can tell: then the first
    /// signal is passed on, and the second time the answer is no.
    fn will_act_on(&mut self, signal: i32) -> bool {
        if self.has_reaper {
            return true;
        }
        if !fs::is_alone(self.status).unwrap_or(false) {
            // Not started yet: nothing could keep the signal over execve.
            return false;
        }
        let handles = || {
            let status = self.about(b"/status").ok()?;
            Some(handled(&status) & signal::only(signal) != 0)
        };
        match handles() {
            // Who waits for signals in sigtimedwait(2), as mini and other init programs do, does not
            // block them meanwhile. It may have come back from there between the two looks.
            Some(false) => self.waits_for_signals() || handles() == Some(true),
            Some(true) => true,
            None => self.asked_to_end.replace(signal).is_none(),
        }
    }

    /// Whether it is in that call (proc_pid_syscall(5)).
    fn waits_for_signals(&self) -> bool {
        let Ok(text) = self.about(b"/syscall") else { return false };
        let call = text.split(|b| *b == b' ').next().and_then(|digits| number(digits, 10));
        call == Some(libc::SYS_rt_sigtimedwait as u64)
    }

    /// A file of its directory in /proc.
    fn about(&self, name: &[u8]) -> crate::sys::Result<alloc::vec::Vec<u8>> {
        let mut path = Text::new();
        path.str("/proc/").number(self.pid as u64).raw(name);
        fs::read_file(path.leak(), 65536)
    }

    fn shares_process_group(&self) -> bool {
        process::getpgid(self.pid) == process::getpgid(0)
    }

    /// Collects children; how the command ended, if it has. mini may have others: a program
    /// that turned into mini by exec leaves it its own, and a process 1 is given orphans.
    fn reap(
        &mut self,
        terminal: &Option<Terminal>,
    ) -> crate::sys::Result<Option<(Change, Rusage)>> {
        while let News::Of(pid, change, rusage) = process::wait_any()? {
            match change {
                _ if pid != self.pid => {}
                Change::Stopped(_) => self.stop_with_it(terminal)?,
                end => return Ok(Some((end, rusage))),
            }
        }
        Ok(None)
    }

    /// Stops mini, so that a shell sees its job stopped. Not by SIGSTOP: where no shell could
    /// continue it (it ignores the signal, or an orphaned process group) this is let be.
    fn stop_with_it(&self, terminal: &Option<Terminal>) -> crate::sys::Result<()> {
        if let Some(terminal) = terminal {
            terminal.suspend();
        }
        if self.ignored & signal::only(libc::SIGTSTP) != 0 {
            return Ok(());
        }
        signal::raise_unblocked(libc::SIGTSTP)
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
