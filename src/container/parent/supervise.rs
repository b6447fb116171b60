//! The parent's half after the launch: one loop over signals, the deadline and what else goes on,
//! until the command has ended.

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

/// Waits for the command; how it ended, and the kernel's account of it.
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
        is_halted: false,
        is_stopped: false,
    };
    let (end, rusage) = loop {
        events.set_halted(command.is_halted)?;
        match events.wait(command.deadline)? {
            Event::Signal(ReceivedSignal { signal: libc::SIGCHLD, .. }) => {
                if let Some(end) = command.reap(&mut events.terminal).map_err(lost)? {
                    child.has_ended();
                    break end;
                }
            }
            Event::Signal(taken) => {
                command.pass_on(taken, &mut events.terminal).map_err(lost)?;
            }
            Event::Stop => command.halt(&mut events.terminal).map_err(lost)?,
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
    // What it failed at since somebody wanted it to end, the end of its archive for one, is not the
    // reason for its end.
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
        // Process 1, if it is mini's, cannot be ended by the signal that ended the command.
        (Change::Exited(status), _) => {
            let left = left.map_or(0, |left| left.load(Ordering::Relaxed) as u8);
            (status, Some(left).filter(|signal| *signal != 0))
        }
        (Change::Signaled(signal) | Change::Stopped(signal), _) => (128 + signal, Some(signal)),
        // Not an end.
        (Change::Continued, _) => (0, None),
    };
    let status = if command.timed_out { signals::TIMED_OUT } else { status };
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
    stop: Stop,
    /// When its time is over.
    deadline: Option<u64>,
    /// Whether it was told to end, and will be made to.
    is_ending: bool,
    timed_out: bool,
    /// The last signal that asked for its end.
    last_end: Option<i32>,
    /// The last signal that asked it to end, where nothing could tell whether it would.
    asked_to_end: Option<i32>,
    /// The signal on whose behalf it was killed.
    killed_for: Option<i32>,
    /// Whether mini has told it to stop, and stops with it when it has.
    is_halted: bool,
    /// Whether it has stopped.
    is_stopped: bool,
}

impl Command<'_> {
    /// Does for the command what a signal to mini asks for.
    fn pass_on(
        &mut self,
        taken: ReceivedSignal,
        terminal: &mut Option<Terminal>,
    ) -> crate::sys::Result<()> {
        let ReceivedSignal { signal, from_kernel } = taken;
        // What mini's caller ignores (nohup) is not meant for the command either.
        if signals::ignored() & signal::only(signal) != 0 {
            return Ok(());
        }
        if cfg!(debug_assertions) && signal == signal::LAST {
            // For the test that a panic leaves the terminal as it was.
            panic!("asked for by signal {}", signal::LAST);
        }
        if signals::END & signal::only(signal) != 0 {
            self.last_end = Some(signal);
        }
        match (signal, &mut *terminal) {
            (libc::SIGWINCH, Some(terminal)) => {
                // The kernel tells whoever is in the foreground there.
                terminal.resize();
                return Ok(());
            }
            (libc::SIGCONT, terminal) => {
                self.is_halted = false;
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
        if self.is_ending || !self.will_act_on(signal) {
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

    /// A signal to stop mini has come, and is held back: stops the command, and mini with it.
    fn halt(&mut self, terminal: &mut Option<Terminal>) -> crate::sys::Result<()> {
        // What mini's caller ignores is not meant for the command either.
        while signal::take(signal::STOPS & signals::ignored())?.is_some() {}
        if signal::pending()? & signal::STOPS == 0 {
            return Ok(());
        }
        if self.has_reaper {
            // That one stops the others, and does not stop itself.
            self.send(libc::SIGTSTP)?;
            return self.stop_with_it(terminal);
        }
        if self.is_stopped {
            return self.stop_with_it(terminal);
        }
        // A process 1 cannot be stopped politely; mini follows when it has stopped.
        self.is_halted = true;
        self.send(libc::SIGSTOP)
    }

    /// A signal was typed at the terminal of the command, which is in its foreground: a process 1
    /// that does not act on it would leave the user without a way to end or to suspend it.
    fn typed(&mut self, signal: i32, terminal: &mut Option<Terminal>) -> crate::sys::Result<()> {
        let suspends = signal == libc::SIGTSTP;
        let acts = self.will_act_on(signal);
        match terminal {
            // The reaper would not tell that the command has stopped.
            Some(terminal) if acts && !(suspends && self.has_reaper) => {
                terminal.type_character(signal);
                Ok(())
            }
            _ if suspends => process::kill(process::getpid(), signal),
            _ => self.kill(signal),
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
        if self.has_reaper || !self.is_init {
            return true;
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
        terminal: &mut Option<Terminal>,
    ) -> crate::sys::Result<Option<(Change, Rusage)>> {
        while let WaitResult::Of(pid, change, rusage) = process::wait_any()? {
            match change {
                _ if pid != self.pid => {}
                Change::Continued => self.is_stopped = false,
                Change::Stopped(_) => {
                    self.is_stopped = true;
                    // When somebody else has stopped it, that one will make it go on.
                    if self.is_halted {
                        self.stop_with_it(terminal)?;
                    }
                }
                end => return Ok(Some((end, rusage))),
            }
        }
        Ok(None)
    }

    /// Lets mini stop, so that a shell sees its job stopped: by the signal that came, not by SIGSTOP. Where
    /// no shell could continue it (an orphaned process group, a process 1) mini does not stop, and
    /// the command goes on; so it does where a SIGCONT has come meanwhile.
    fn stop_with_it(&mut self, terminal: &mut Option<Terminal>) -> crate::sys::Result<()> {
        self.is_halted = false;
        if let Some(terminal) = terminal {
            terminal.suspend();
        }
        signal::let_stop()?;
        if signal::pending()? & signal::only(libc::SIGCONT) != 0 {
            // It is passed on next.
            return Ok(());
        }
        if let Some(terminal) = terminal {
            terminal.resume();
        }
        self.send(libc::SIGCONT)
    }

    /// Whether it ended because somebody wanted it to.
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
