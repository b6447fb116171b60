//! The parent's part after the launch: handles signals, the deadline and the other events until the
//! command has ended.

use super::event_loop::{Event, EventLoop};
use super::launch::Launched;
use super::terminal::Terminal;
use super::{explain, signals};
use crate::container::status::Record;
use crate::container::{Outcome, RunOptions, Stop};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::plan::Plan;
use crate::spec::{Namespace, Spec};
use crate::sys::process::{Change, Rusage, WaitResult};
use crate::sys::signal::ReceivedSignal;
use crate::sys::{Errno, Fd, clock, fs, process, signal};
use crate::text::{Text, number};
use core::sync::atomic::Ordering;

/// Waits for the command; returns how it ended and its resource usage.
pub fn supervise<'a>(
    mut launched: Launched<'a>,
    plan: &'a Plan<'a>,
    spec: &Spec,
    host: &Host,
    options: RunOptions<'a>,
) -> Result<(Outcome, Rusage)> {
    let lost = |errno| Error::new("wait for the command").errno(errno);
    let mut events = EventLoop::new(&mut launched, plan, options);
    let Launched { mut child, status, foreground, signal: left, pidfile: _pidfile, .. } = launched;
    let mut command = Command {
        pid: child.pid(),
        is_init: spec.namespaces.pid == Namespace::New,
        has_reaper: spec.process.init.is_some(),
        status,
        stop: options.stop,
        deadline: signals::deadline(),
        is_ending: false,
        timed_out: false,
        last_end: None,
        asked_to_end: None,
        killed_for: None,
        is_stopping: false,
        is_stopped: false,
    };
    let (end, rusage) = loop {
        events.set_stopping(command.is_stopping)?;
        match events.wait(command.deadline)? {
            Event::Signal(ReceivedSignal { signal: libc::SIGCHLD, .. }) => {
                if let Some(end) = command.reap(&mut events.terminal).map_err(lost)? {
                    child.has_ended();
                    break end;
                }
            }
            Event::Signal(received) => {
                command.forward(received, &mut events.terminal).map_err(lost)?;
            }
            Event::Stop => command.stop(&mut events.terminal).map_err(lost)?,
            Event::Deadline => command.overdue().map_err(lost)?,
            Event::Typed(signal) => {
                command.typed(signal, &mut events.terminal).map_err(lost)?;
            }
        }
    };
    if command.was_ended(end) {
        signals::ask();
    }
    let status_is_read = options.trace || options.ready.is_wanted();
    command.timed_out |= !events.finish()?;
    drop(events.terminal.take());
    foreground.take_back();
    let (mut failed, mut detail) = (events.failed.take(), events.detail);
    if !status_is_read {
        failed = Record::read(&mut detail, status).map_err(lost)?;
    }
    // A failure after a request to end, such as a truncated archive, is a consequence and not the
    // reason.
    if let Some(Record { step, failure: Some(errno), .. }) = failed
        && command.killed_for.is_none()
    {
        return Err(explain::step_failure(&plan.steps[step], errno, detail.bytes(), spec, host));
    }
    let (status, signal) = match (end, command.killed_for) {
        (Change::Signaled(9), Some(signal)) => (128 + signal as u8, Some(signal as u8)),
        (Change::Exited(_), Some(signal)) if failed.is_some() => {
            (128 + signal as u8, Some(signal as u8))
        }
        // mini's PID 1 (--init) cannot die by the signal that ended the command, so it stores the
        // signal.
        (Change::Exited(status), _) => {
            let left = left.map_or(0, |left| left.load(Ordering::Relaxed) as u8);
            (status, Some(left).filter(|signal| *signal != 0))
        }
        (Change::Signaled(signal) | Change::Stopped(signal), _) => (128 + signal, Some(signal)),
        // Not an end.
        (Change::Continued, _) => (0, None),
    };
    let status = if command.timed_out {
        Error::new("timeout").cause("the command was ended (--timeout)").print();
        signals::TIMED_OUT
    } else {
        status
    };
    Ok((Outcome { status, signal, ..Outcome::default() }, rusage))
}

/// The state of the command.
struct Command<'a> {
    pid: i32,
    /// Whether the command is PID 1 of its namespace: the kernel discards signals for which it has
    /// no handler (pid_namespaces(7)).
    is_init: bool,
    /// Whether PID 1 is mini (--init).
    has_reaper: bool,
    status: &'a Fd,
    stop: Stop,
    /// Time of the next action: the timeout, or SIGKILL.
    deadline: Option<u64>,
    /// Whether the stop signal has been sent and SIGKILL follows at the deadline.
    is_ending: bool,
    timed_out: bool,
    /// The last signal that asked mini to end.
    last_end: Option<i32>,
    /// The last signal sent to the command when /proc could not tell whether it handles it.
    asked_to_end: Option<i32>,
    /// The signal because of which the command was killed.
    killed_for: Option<i32>,
    /// Whether mini has stopped the command and stops when the command has.
    is_stopping: bool,
    /// Whether the command is stopped.
    is_stopped: bool,
}

impl Command<'_> {
    /// Handles a signal to mini.
    fn forward(
        &mut self,
        received: ReceivedSignal,
        terminal: &mut Option<Terminal>,
    ) -> crate::sys::Result<()> {
        let ReceivedSignal { signal, from_kernel } = received;
        // A signal that mini's caller ignores (nohup) is not forwarded.
        if signals::ignored() & signal::only(signal) != 0 {
            return Ok(());
        }
        if cfg!(debug_assertions) && signal == signal::LAST {
            // For the test that a panic restores the terminal.
            panic!("asked for by signal {}", signal::LAST);
        }
        if signals::END & signal::only(signal) != 0 {
            self.last_end = Some(signal);
        }
        match (signal, &mut *terminal) {
            (libc::SIGWINCH, Some(terminal)) => {
                // The kernel then sends SIGWINCH to the foreground process group there.
                terminal.resize();
                return Ok(());
            }
            (libc::SIGCONT, terminal) => {
                self.is_stopping = false;
                if let Some(terminal) = terminal {
                    terminal.resume();
                }
            }
            (libc::SIGTERM, _) => return self.end(self.stop.signal),
            (libc::SIGINT | libc::SIGHUP | libc::SIGQUIT, _) if self.is_ending => {
                return self.kill(signal);
            }
            _ => {}
        }
        let typed = matches!(signal, libc::SIGINT | libc::SIGQUIT | libc::SIGWINCH) && from_kernel;
        let has_it = typed && self.shares_process_group();
        let ends = matches!(signal, libc::SIGINT | libc::SIGHUP | libc::SIGQUIT);
        if ends && !self.will_act_on(signal) {
            return self.kill(signal);
        }
        // The terminal has sent the signal to the whole process group, which includes the command.
        if has_it { Ok(()) } else { self.send(signal) }
    }

    fn send(&self, signal: i32) -> crate::sys::Result<()> {
        match process::kill(self.pid, signal) {
            // The command has ended; SIGCHLD is pending.
            Err(Errno::ESRCH) => Ok(()),
            result => result,
        }
    }

    /// Kills the command because of a signal.
    fn kill(&mut self, signal: i32) -> crate::sys::Result<()> {
        self.killed_for = Some(signal);
        self.deadline = None;
        self.send(libc::SIGKILL)
    }

    /// Asks the command to end. Kills it the second time, or when it would ignore the signal.
    fn end(&mut self, signal: i32) -> crate::sys::Result<()> {
        if self.is_ending || !self.will_act_on(signal) {
            return self.kill(signal);
        }
        if self.timed_out || self.stop.grace_is_asked {
            self.is_ending = true;
            self.deadline = Some(clock::now().saturating_add(self.stop.grace));
        }
        self.send(signal)
    }

    /// The deadline has passed: the timeout, or the time until SIGKILL.
    fn overdue(&mut self) -> crate::sys::Result<()> {
        if self.is_ending {
            return self.kill(libc::SIGKILL);
        }
        self.timed_out = true;
        self.end(self.stop.signal)
    }

    /// A stop signal is pending: stops the command, then mini.
    fn stop(&mut self, terminal: &mut Option<Terminal>) -> crate::sys::Result<()> {
        // A signal that mini's caller ignores is not for the command either.
        while signal::take(signal::STOPS & signals::ignored())?.is_some() {}
        if signal::pending()? & signal::STOPS == 0 {
            return Ok(());
        }
        if self.has_reaper {
            // PID 1 stops the other processes and keeps running.
            self.send(libc::SIGTSTP)?;
            return self.stop_with_it(terminal);
        }
        if self.is_stopped {
            return self.stop_with_it(terminal);
        }
        // The kernel discards SIGTSTP for a PID 1, but not SIGSTOP from outside. mini stops when
        // the command has.
        self.is_stopping = true;
        self.send(libc::SIGSTOP)
    }

    /// The user typed a signal character while the command is in the foreground of its terminal.
    /// Without a handler a PID 1 would ignore the signal, and the user could neither end nor
    /// suspend it.
    fn typed(&mut self, signal: i32, terminal: &mut Option<Terminal>) -> crate::sys::Result<()> {
        let suspends = signal == libc::SIGTSTP;
        let acts = self.will_act_on(signal);
        match terminal {
            // mini's PID 1 (--init) does not report that the command has stopped.
            Some(terminal) if acts && !(suspends && self.has_reaper) => {
                terminal.type_character(signal);
                Ok(())
            }
            _ if suspends => process::kill(process::getpid(), signal),
            _ => self.kill(signal),
        }
    }

    /// Whether a signal has an effect: the command catches it, ignores it, or blocks it to read it
    /// by signalfd(2). Without /proc the answer is yes for the first signal and no for the second.
    fn will_act_on(&mut self, signal: i32) -> bool {
        if !fs::is_alone(self.status).unwrap_or(false) {
            // The command has not started: the launch has no handlers.
            return false;
        }
        if self.has_reaper || !self.is_init {
            return true;
        }
        let handles = || {
            let status = self.about(b"/status").ok()?;
            Some(handled(&status) & signal::only(signal) != 0)
        };
        match handles() {
            // A program that waits in sigtimedwait(2), as init programs do, does not block the
            // signals meanwhile. It may have returned from there between the two checks, so the
            // second check is repeated.
            Some(false) => self.waits_for_signals() || handles() == Some(true),
            Some(true) => true,
            None => self.asked_to_end.replace(signal).is_none(),
        }
    }

    /// Whether the command is in sigtimedwait(2) (proc_pid_syscall(5)).
    fn waits_for_signals(&self) -> bool {
        let Ok(text) = self.about(b"/syscall") else { return false };
        let call = text.split(|b| *b == b' ').next().and_then(|digits| number(digits, 10));
        call == Some(libc::SYS_rt_sigtimedwait as u64)
    }

    /// Reads a file of the command's directory in /proc.
    fn about(&self, name: &[u8]) -> crate::sys::Result<alloc::vec::Vec<u8>> {
        let mut path = Text::new();
        path.str("/proc/").number(self.pid as u64).raw(name);
        fs::read_file(path.leak(), 65536)
    }

    fn shares_process_group(&self) -> bool {
        process::getpgid(self.pid) == process::getpgid(0)
    }

    /// Reaps children; returns how the command ended, if it has. mini may have other children:
    /// those of a program that executed mini, and orphans if mini is PID 1.
    fn reap(
        &mut self,
        terminal: &mut Option<Terminal>,
    ) -> crate::sys::Result<Option<(Change, Rusage)>> {
        while let WaitResult::Of(pid, change, rusage) = process::wait_any()? {
            match change {
                _ if pid != self.pid => {}
                Change::Continued => self.is_stopped = false,
                Change::Stopped(_) => {
                    self.is_stopped = true;
                    // A command stopped by another process is continued by that process.
                    if self.is_stopping {
                        self.stop_with_it(terminal)?;
                    }
                }
                end => return Ok(Some((end, rusage))),
            }
        }
        Ok(None)
    }

    /// Stops mini by the pending signal, not by SIGSTOP, so that a shell sees its job stopped. The
    /// kernel does not stop a process that no shell could continue (in an orphaned process group,
    /// or PID 1), nor one with a pending SIGCONT; then the command continues.
    fn stop_with_it(&mut self, terminal: &mut Option<Terminal>) -> crate::sys::Result<()> {
        self.is_stopping = false;
        if let Some(terminal) = terminal {
            terminal.suspend();
        }
        signal::deliver_stops()?;
        if signal::pending()? & signal::only(libc::SIGCONT) != 0 {
            // It is handled next.
            return Ok(());
        }
        if let Some(terminal) = terminal {
            terminal.resume();
        }
        self.send(libc::SIGCONT)
    }

    /// Whether the command ended because it was asked to.
    fn was_ended(&self, end: Change) -> bool {
        let by_it = |signal: i32| match end {
            Change::Exited(status) => i32::from(status) == 128 + signal,
            Change::Signaled(ended_by) => i32::from(ended_by) == signal,
            _ => false,
        };
        let asked = self.last_end.is_some_and(|it| it == libc::SIGTERM || by_it(it));
        asked || self.timed_out || self.killed_for.is_some()
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
