//! What goes on beside the signals until the command has ended, each part when what it waits for is
//! there: the args on their way in, the status pipe, the terminal, and who is told.

use super::launch::Launched;
use super::ready::ReadyNotification;
use super::terminal::Terminal;
use super::{signals, trace};
use crate::container::RunOptions;
use crate::container::args_pipe::PendingArgs;
use crate::container::status::{Detail, Record};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::sys::idle::CALM;
use crate::sys::signal::{self, ReceivedSignal};
use crate::sys::{Errno, Fd, clock, diagnostics, net, poll};
use crate::text::Text;
use libc::{POLLIN, POLLOUT, pollfd};

/// What ended a wait.
pub enum Event {
    /// A signal to mini.
    Signal(ReceivedSignal),
    /// mini is to stop, by a signal that is there and has not been taken.
    Stop,
    /// The deadline.
    Deadline,
    /// The user typed the character for this signal, while the command itself, and no job of a shell,
    /// is in the foreground of its terminal. The character is not passed on yet.
    Typed(i32),
}

/// All of them.
pub struct EventLoop<'a> {
    options: RunOptions<'a>,
    plan: &'a Plan<'a>,
    pid: i32,
    has_waited: bool,
    /// Opened when there is something to wait for beside signals, or for long.
    signals: Option<Fd>,
    /// Whether a stop is known of, and the command is about to stop.
    is_halted: bool,
    args: Option<PendingArgs<'a>>,
    /// The status pipe, while it is read before the command's end.
    status: Option<&'a Fd>,
    /// The step whose record comes next.
    next: usize,
    /// The step that failed, if one did, and what the child found out about it.
    pub failed: Option<Record>,
    pub detail: Detail,
    /// Over which the terminal comes.
    connection: Option<&'a Fd>,
    pub terminal: Option<Terminal>,
    notification: ReadyNotification<'a>,
}

/// How many descriptors there are to wait for.
const COUNT: usize = 11;

fn lost(errno: Errno) -> Error {
    Error::new("wait for the command").errno(errno)
}

impl<'a> EventLoop<'a> {
    /// Begins.
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
            is_halted: false,
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

    /// Goes on with everything until there is something to tell.
    pub fn wait(&mut self, deadline: Option<u64>) -> Result<Event> {
        loop {
            let mut polls = self.polls();
            if !self.has_waited && polls.iter().all(|poll| poll.fd < 0) {
                self.has_waited = true;
                // At first without a descriptor: most commands end soon. What stops is not taken (see
                // `let_stop`), and so has to wait for as long.
                let left = deadline.map_or(CALM, |it| it.saturating_sub(clock::now()).min(CALM));
                let taken = signal::wait_for(signal::ALL & !signal::STOPS, left).map_err(lost)?;
                if let Some(taken) = taken {
                    return Ok(Event::Signal(taken));
                }
            }
            let due = self.terminal.as_ref().and_then(Terminal::due);
            self.poll(&mut polls, [deadline, due].into_iter().flatten().min())?;
            if polls[0].revents != 0 {
                if let Some(taken) = signal::take(signal::ALL & !signal::STOPS).map_err(lost)? {
                    return Ok(Event::Signal(taken));
                }
                if !self.is_halted && signal::pending().map_err(lost)? & signal::STOPS != 0 {
                    return Ok(Event::Stop);
                }
            }
            if let Some(signal) = self.go_on(&polls)? {
                return Ok(Event::Typed(signal));
            }
            if deadline.is_some_and(|deadline| clock::now() >= deadline) {
                return Ok(Event::Deadline);
            }
        }
    }

    /// When the command has ended: brings out what it wrote last, and tells whoever has not been told,
    /// as long as somebody takes it; whether that was in time.
    pub fn finish(&mut self) -> Result<bool> {
        self.args = None;
        self.set_halted(false)?;
        // Nobody else has the other ends any more.
        while self.status.is_some() {
            self.read_status()?;
        }
        self.take_terminal()?;
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
                self.go_on(&polls)?;
                limit = signals::patience();
            }
        }
    }

    /// What to wait for beside signals, whose place is the first.
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
            when(diagnostics::waits_for(), POLLOUT),
            line,
            datagram,
            input,
            main,
            output,
            changes,
        ]
    }

    /// Waits for one of them or a signal; whether there is something before the deadline.
    fn poll(&mut self, polls: &mut [pollfd; COUNT], deadline: Option<u64>) -> Result<bool> {
        if self.signals.is_none() {
            self.watch()?;
        }
        polls[0].fd = self.signals.as_ref().map_or(-1, Fd::raw);
        // A wait that counts the time costs more, so none does while there is a lot to copy.
        let is_calm = self.terminal.as_ref().is_none_or(Terminal::is_calm);
        let program = is_calm.then_some(&self.options.program);
        // No more than there are: the kernel takes no more than the limit on open files (poll(2)).
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

    /// Whether the command is about to stop, and mini with it: until then what stops mini stays where it
    /// is, and no wait ends because of it.
    pub fn set_halted(&mut self, is_halted: bool) -> Result<()> {
        if self.is_halted != is_halted {
            self.is_halted = is_halted;
            self.watch()?;
        }
        Ok(())
    }

    fn watch(&mut self) -> Result<()> {
        let stops = if self.is_halted { signal::STOPS } else { 0 };
        let new = poll::signals(signal::ALL & !stops, self.signals.as_ref()).map_err(lost)?;
        self.signals = self.signals.take().or(new);
        Ok(())
    }

    /// Goes on with whatever is ready; the signal that was typed, if one was.
    fn go_on(&mut self, polls: &[pollfd; COUNT]) -> Result<Option<i32>> {
        let [_, args, status, connection, said, line, datagram, input, main, output, changes] =
            polls.map(|poll| poll.revents);
        if args != 0
            && let Some(args) = self.args.take()
        {
            let failed = |errno| Error::new("pass the command").errno(errno);
            self.args = args.go_on().map_err(failed)?;
        }
        if status != 0 {
            self.read_status()?;
        }
        if connection != 0 {
            self.take_terminal()?;
            if let Some(terminal) = &mut self.terminal {
                terminal.begin().map_err(lost)?;
            }
        }
        if said != 0 {
            diagnostics::go_on();
        }
        if line | datagram != 0 {
            self.notification.go_on();
        }
        match &mut self.terminal {
            Some(terminal) => terminal.go_on([input, main, output, changes]).map_err(lost),
            None => Ok(None),
        }
    }

    /// Reads a record, which is one write, or the pipe's end: the command has started, or is gone.
    fn read_status(&mut self) -> Result<()> {
        let Some(status) = self.status else { return Ok(()) };
        let unreadable = |errno| Error::new("read status").errno(errno);
        let Some(record) = Record::read(&mut self.detail, status).map_err(unreadable)? else {
            self.status = None;
            if self.options.trace
                && let Some(step) = self.plan.steps.get(self.next)
            {
                // A step that replaces the process cannot report that it went well: the pipe's end does.
                trace::step(step, None, None);
            }
            self.notification.begin(self.pid);
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

    /// Takes the terminal, if it has been sent. When the child has failed before, it never comes.
    fn take_terminal(&mut self) -> Result<()> {
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
