//! The event loop of the parent: signals, the deadline, the arguments pipe, the status pipe, the
//! pseudo terminal and readiness notification, until the command has ended.

use super::launch::Launched;
use super::ready::ReadyNotification;
use super::terminal::Terminal;
use super::{signals, trace};
use crate::container::RunOptions;
use crate::container::args_pipe::PendingArgs;
use crate::container::status::{Detail, Record};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::sys::idle::IDLE;
use crate::sys::signal::{self, ReceivedSignal};
use crate::sys::{Errno, Fd, clock, diagnostics, net, poll};
use crate::text::Text;
use libc::{POLLIN, POLLOUT, pollfd};

/// What ended a wait.
pub enum Event {
    /// mini received a signal.
    Signal(ReceivedSignal),
    /// A stop signal is pending; it is not taken yet.
    Stop,
    /// The deadline has passed.
    Deadline,
    /// The user typed the character of this signal while the command itself is in the foreground of
    /// its terminal. The character has not been passed on.
    Typed(i32),
}

/// Everything the parent waits for.
pub struct EventLoop<'a> {
    options: RunOptions<'a>,
    plan: &'a Plan<'a>,
    pid: i32,
    has_waited: bool,
    /// signalfd(2), opened only when there are other descriptors to wait for, or a long wait.
    signals: Option<Fd>,
    /// Whether a stop signal is pending and the command is being stopped.
    is_stopping: bool,
    args: Option<PendingArgs<'a>>,
    /// The status pipe, if it is read before the command ends.
    status: Option<&'a Fd>,
    /// Index of the step whose record comes next.
    next: usize,
    /// The failed step, if any; what the child reports about it is in `detail`.
    pub failed: Option<Record>,
    pub detail: Detail,
    /// Socket over which the child sends the pseudo terminal.
    connection: Option<&'a Fd>,
    pub terminal: Option<Terminal>,
    notification: ReadyNotification<'a>,
}

/// Maximum number of descriptors to wait for.
const COUNT: usize = 11;

fn lost(errno: Errno) -> Error {
    Error::new("wait for the command").errno(errno)
}

impl<'a> EventLoop<'a> {
    /// Creates the loop.
    pub fn new(
        launched: &mut Launched<'a>,
        plan: &'a Plan<'a>,
        options: RunOptions<'a>,
    ) -> EventLoop<'a> {
        if options.trace {
            let mut line = Text::new();
            plan.describe_clone(&mut line);
            trace::line(&line, None, None);
        }
        EventLoop {
            options,
            plan,
            pid: launched.child.pid(),
            has_waited: false,
            signals: None,
            is_stopping: false,
            args: launched.args.take(),
            status: (options.trace || options.ready.is_wanted()).then_some(launched.status),
            next: 0,
            failed: None,
            detail: Detail::new(),
            connection: launched.terminal,
            terminal: None,
            notification: ReadyNotification::new(options.ready),
        }
    }

    /// Handles everything until there is an event for the caller.
    pub fn wait(&mut self, deadline: Option<u64>) -> Result<Event> {
        loop {
            let mut polls = self.polls();
            if !self.has_waited && polls.iter().all(|poll| poll.fd < 0) {
                self.has_waited = true;
                // Waits at first without a signalfd, because most commands end soon. A pending stop
                // signal is not taken (see `deliver_stops`), so the wait is bounded too.
                let left = deadline.map_or(IDLE, |it| it.saturating_sub(clock::now()).min(IDLE));
                let received =
                    signal::wait_for(signal::ALL & !signal::STOPS, left).map_err(lost)?;
                if let Some(received) = received {
                    return Ok(Event::Signal(received));
                }
            }
            let due = self.terminal.as_ref().and_then(Terminal::due);
            self.poll(&mut polls, [deadline, due].into_iter().flatten().min())?;
            if polls[0].revents != 0 {
                if let Some(received) = signal::take(signal::ALL & !signal::STOPS).map_err(lost)? {
                    return Ok(Event::Signal(received));
                }
                if !self.is_stopping && signal::pending().map_err(lost)? & signal::STOPS != 0 {
                    return Ok(Event::Stop);
                }
            }
            if let Some(signal) = self.handle_ready(&polls)? {
                return Ok(Event::Typed(signal));
            }
            if deadline.is_some_and(|deadline| clock::now() >= deadline) {
                return Ok(Event::Deadline);
            }
        }
    }

    /// After the command has ended: copies its last output and sends pending notifications, as long
    /// as somebody reads them. Returns whether that was done before the deadline.
    pub fn finish(&mut self) -> Result<bool> {
        self.args = None;
        self.set_stopping(false)?;
        // The child has ended, so the pipe ends.
        while self.status.is_some() {
            self.read_status()?;
        }
        self.receive_terminal()?;
        self.connection = None;
        let mut limit = signals::patience();
        loop {
            let has_output = match &mut self.terminal {
                Some(terminal) => terminal.has_output().map_err(lost)?,
                None => false,
            };
            if !has_output && !self.notification.is_pending() {
                return Ok(true);
            }
            let mut polls = self.polls();
            if !self.poll(&mut polls, limit)? {
                return Ok(signals::is_asked());
            }
            if polls[0].revents != 0 && signals::is_over().map_err(lost)? {
                return Ok(true);
            }
            if polls[1..].iter().any(|poll| poll.revents != 0) {
                self.handle_ready(&polls)?;
                limit = signals::patience();
            }
        }
    }

    /// Descriptors to poll, in addition to the signalfd, which is first.
    fn polls(&self) -> [pollfd; COUNT] {
        let when = |fd: Option<i32>, events| pollfd { fd: fd.unwrap_or(-1), events, revents: 0 };
        let [line, datagram] = self.notification.polls();
        let [input, main, output, changes] = match &self.terminal {
            Some(terminal) => terminal.polls(),
            None => [when(None, 0); 4],
        };
        [
            when(None, POLLIN),
            when(self.args.as_ref().map(|args| args.pipe().raw()), POLLOUT),
            when(self.status.map(Fd::raw), POLLIN),
            when(self.connection.map(Fd::raw), POLLIN),
            when(diagnostics::poll_descriptor(), POLLOUT),
            line,
            datagram,
            input,
            main,
            output,
            changes,
        ]
    }

    /// Waits for descriptors and signals; returns whether something happened before the deadline.
    fn poll(&mut self, polls: &mut [pollfd; COUNT], deadline: Option<u64>) -> Result<bool> {
        if self.signals.is_none() {
            self.watch()?;
        }
        polls[0].fd = self.signals.as_ref().map_or(-1, Fd::raw);
        // poll(2) with a timeout costs more, so it has none while there is a lot to copy.
        let is_idle = self.terminal.as_ref().is_none_or(Terminal::is_idle);
        let program = is_idle.then_some(&self.options.program);
        // Passes used entries only: the kernel refuses more entries than the limit on open files
        // (poll(2)).
        let mut some = [pollfd { fd: -1, events: 0, revents: 0 }; COUNT];
        let mut count = 0;
        for poll in polls.iter().filter(|poll| poll.fd >= 0) {
            some[count] = *poll;
            count += 1;
        }
        let is_ready = poll::wait(&mut some[..count], deadline, program).map_err(lost)?;
        let mut answers = some.iter();
        for poll in polls.iter_mut().filter(|poll| poll.fd >= 0) {
            poll.revents = answers.next().map_or(0, |answer| answer.revents);
        }
        Ok(is_ready)
    }

    /// Sets whether the command is being stopped. Meanwhile a pending stop signal does not end a
    /// wait.
    pub fn set_stopping(&mut self, is_stopping: bool) -> Result<()> {
        if self.is_stopping != is_stopping {
            self.is_stopping = is_stopping;
            self.watch()?;
        }
        Ok(())
    }

    fn watch(&mut self) -> Result<()> {
        let stops = if self.is_stopping { signal::STOPS } else { 0 };
        let new = poll::signals(signal::ALL & !stops, self.signals.as_ref()).map_err(lost)?;
        self.signals = self.signals.take().or(new);
        Ok(())
    }

    /// Handles the ready descriptors; returns the signal of a typed character, if any.
    fn handle_ready(&mut self, polls: &[pollfd; COUNT]) -> Result<Option<i32>> {
        let [_, args, status, connection, said, line, datagram, input, main, output, changes] =
            polls.map(|poll| poll.revents);
        if args != 0
            && let Some(args) = self.args.take()
        {
            let failed = |errno| Error::new("pass the command").errno(errno);
            self.args = args.send_more().map_err(failed)?;
        }
        if status != 0 {
            self.read_status()?;
        }
        if connection != 0 {
            self.receive_terminal()?;
            if let Some(terminal) = &mut self.terminal {
                terminal.begin().map_err(lost)?;
            }
        }
        if said != 0 {
            diagnostics::flush();
        }
        if line | datagram != 0 {
            self.notification.send();
        }
        match &mut self.terminal {
            Some(terminal) => terminal.copy([input, main, output, changes]).map_err(lost),
            None => Ok(None),
        }
    }

    /// Reads a record, or the end of the pipe: the command has started or the child has ended.
    fn read_status(&mut self) -> Result<()> {
        let Some(status) = self.status else { return Ok(()) };
        let unreadable = |errno| Error::new("read status").errno(errno);
        let Some(record) = Record::read(&mut self.detail, status).map_err(unreadable)? else {
            self.status = None;
            if self.options.trace
                && let Some(step) = self.plan.steps.get(self.next)
            {
                // execve(2) closes the pipe, so its success is reported by the end of the pipe.
                trace::step(step, None, None);
            }
            self.notification.begin();
            return Ok(());
        };
        self.next = record.step + 1;
        if self.options.trace {
            let micros = Some(record.nanos / 1000);
            trace::step(&self.plan.steps[record.step], record.failure, micros);
        }
        if record.failure.is_some() {
            self.status = None;
            self.failed = Some(record);
        }
        Ok(())
    }

    /// Receives the pseudo terminal. It does not come when an earlier step has failed.
    fn receive_terminal(&mut self) -> Result<()> {
        let Some(connection) = self.connection else { return Ok(()) };
        match net::receive_descriptors(connection) {
            Err(Errno::EAGAIN) => return Ok(()),
            Ok(Some(ends)) => self.terminal = Some(Terminal::new(ends, self.pid).map_err(lost)?),
            Ok(None) => {}
            Err(errno) => return Err(lost(errno)),
        }
        self.connection = None;
        Ok(())
    }
}
