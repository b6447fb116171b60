//! `-t`, seen from outside: mini is the terminal of the command. What is typed goes in, what the
//! command writes comes out, one bounded buffer each way, in the same wait as the signals.

use super::input_end::InputEnd;
use crate::sys::memory::Program;
use crate::sys::poll::{next_signal, wait};
use crate::sys::signal::{self, Taken};
use crate::sys::terminal::{self, Size};
use crate::sys::{Errno, Fd, Result, fd, fs, poll};
use alloc::vec;
use alloc::vec::Vec;
use libc::{POLLERR, POLLHUP, POLLIN, POLLOUT, pollfd};

/// What is on its way in one direction.
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    fn new() -> Buffer {
        Buffer { bytes: vec![0; 8192], start: 0, end: 0 }
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes in what a descriptor has; how many bytes came. Only when nothing is left to write.
    fn fill(&mut self, from: &Fd) -> Result<usize> {
        self.start = 0;
        self.end = 0;
        self.end = fs::read(from, &mut self.bytes)?;
        Ok(self.end)
    }

    /// Writes what there is, `at_once` at most.
    fn flush(&mut self, to: &Fd, at_once: usize) -> Result<()> {
        let end = self.end.min(self.start.saturating_add(at_once));
        match fs::write(to, &self.bytes[self.start..end]) {
            Ok(written) => self.start += written,
            Err(Errno::EAGAIN) => {}
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    /// In place of what there was.
    fn set(&mut self, bytes: &[u8]) {
        self.bytes[..bytes.len()].copy_from_slice(bytes);
        (self.start, self.end) = (0, bytes.len());
    }

    /// Behind what there is; what was read was never so much that there is no room.
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.end) {
            *place = byte;
            self.end += 1;
        }
    }

    fn pending(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }
}

/// What ended a wait.
pub enum Event {
    /// A signal to mini.
    Signal(Taken),
    /// The deadline.
    Deadline,
    /// The user typed the character for this signal, while the command itself, and no job of a shell,
    /// is in the foreground of its terminal. The character is not passed on yet.
    Typed(i32),
}

/// The characters that are signals, where the settings say so.
const CHARACTERS: [(usize, i32); 3] =
    [(libc::VINTR, libc::SIGINT), (libc::VQUIT, libc::SIGQUIT), (libc::VSUSP, libc::SIGTSTP)];

/// The terminal of the command.
pub struct Terminal {
    /// Its outer side; None when it has been taken away from the command.
    main: Option<Fd>,
    /// Held open, so that the terminal is not hung up while nobody inside has it open.
    end: Fd,
    signals: Fd,
    /// The process group of the command itself.
    group: i32,
    /// Whether there may be more to read from standard input.
    input_is_open: bool,
    /// What follows when there is no more.
    input_end: Option<InputEnd>,
    /// Whether the input so far ended with a line.
    at_line_start: bool,
    output: Output,
    /// Where mini itself lies in memory.
    program: Program,
    inward: Buffer,
    outward: Buffer,
}

/// Where the command's output goes.
enum Output {
    /// Standard output as mini got it: others may share it, so that its flags are not mini's to set.
    Shared,
    /// The same terminal or pipe, opened again so that no write waits.
    Own(Fd),
    /// Nobody reads it any more.
    Gone,
}

impl Output {
    /// A file has a place where it is written to, which only the shared descriptor knows.
    fn open() -> Output {
        let flags = libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY;
        let can_be_opened_again = terminal::settings(1).is_ok() || fs::is_fifo(&fd::STDOUT);
        match can_be_opened_again.then(|| fs::open(c"/proc/self/fd/1", flags, 0)) {
            Some(Ok(own)) => Output::Own(own),
            // Without /proc, or with a terminal of somebody else's.
            _ => Output::Shared,
        }
    }

    /// Not more at once to a shared pipe than it takes whole when it says that it is ready, so
    /// that mini does not wait in write(2).
    fn descriptor(&self) -> Option<(&Fd, usize)> {
        match self {
            Output::Shared => Some((&fd::STDOUT, 4096)),
            Output::Own(own) => Some((own, usize::MAX)),
            Output::Gone => None,
        }
    }
}

/// How large the terminal is that mini was started at, if any.
pub fn outer_size() -> Option<Size> {
    (0..=2).find_map(|fd| terminal::size(fd).ok())
}

impl Terminal {
    /// Begins, with the two ends that the child has sent; `ignored` are the signals that mini's caller
    /// ignores.
    pub fn new(
        [main, end]: [Fd; 2],
        child: i32,
        ignored: signal::Set,
        program: Program,
    ) -> Result<Terminal> {
        fs::set_nonblocking(&main)?;
        let mut terminal = Terminal {
            main: Some(main),
            end,
            signals: poll::signals(signal::ALL)?,
            group: child,
            input_is_open: true,
            input_end: None,
            at_line_start: true,
            output: Output::open(),
            program,
            inward: Buffer::new(),
            outward: Buffer::new(),
        };
        let is_a_terminal = terminal::settings(0).is_ok();
        let waits = ignored & signal::only(libc::SIGTTOU) == 0
            && terminal::own_foreground(0).is_none()
            && terminal::foreground(0).is_ok();
        if is_a_terminal && waits {
            // A job in the background waits for its turn, as any other does that wants the terminal.
            signal::raise_unblocked(libc::SIGTTOU)?;
        }
        terminal.resume();
        Ok(terminal)
    }

    /// Takes the outer terminal over, where mini is in its foreground.
    pub fn resume(&mut self) {
        if terminal::own_foreground(0).is_some() || terminal::foreground(0) == Err(Errno::ENOTTY) {
            // What is no terminal cannot be made raw, nor need it be.
            let _ = terminal::make_raw(0);
        }
        self.resize();
    }

    /// Gives it back.
    pub fn suspend(&self) {
        terminal::restore();
    }

    /// Makes the inner terminal as large as the outer one.
    pub fn resize(&self) {
        if let (Some(size), Some(main)) = (outer_size(), &self.main) {
            // It can only fail when the terminal is gone, and then nobody looks.
            let _ = terminal::set_size(main.raw(), size);
        }
    }

    /// Passes the character on that stands for a signal.
    pub fn type_character(&mut self, signal: i32) {
        let function = CHARACTERS.into_iter().find(|(_, known)| *known == signal);
        if let (Some(settings), Some((function, _))) = (self.settings(), function) {
            self.inward.push(settings.character(function));
        }
    }

    fn settings(&self) -> Option<terminal::Settings> {
        terminal::settings(self.main.as_ref()?.raw()).ok()
    }

    /// Copies both ways until there is something to tell.
    pub fn wait(&mut self, deadline: Option<u64>) -> Result<Event> {
        loop {
            if let Some(taken) = next_signal(&self.signals)? {
                return Ok(Event::Signal(taken));
            }
            let due = self.input_end.as_ref().and_then(InputEnd::due);
            let was_ready = self.poll([deadline, due].into_iter().flatten().min())?;
            if let Some(event) = self.copy(was_ready)? {
                return Ok(event);
            }
            if deadline.is_some_and(|deadline| crate::sys::clock::now() >= deadline) {
                return Ok(Event::Deadline);
            }
        }
    }

    /// Waits for what can go on; the answers, by [`SIGNALS`] and so on.
    fn poll(&self, deadline: Option<u64>) -> Result<[i16; 5]> {
        let when = |wanted: bool, fd: i32, events: i16| pollfd {
            fd: if wanted { fd } else { -1 },
            events,
            revents: 0,
        };
        let mut main = 0;
        if self.outward.is_empty() && !matches!(self.output, Output::Gone) {
            main |= POLLIN;
        }
        if !self.inward.is_empty() {
            main |= POLLOUT;
        }
        let output = self.output.descriptor().map_or(-1, |(output, _)| output.raw());
        let fd = self.main.as_ref().map_or(-1, Fd::raw);
        let changes = self.input_end.as_ref().and_then(InputEnd::changes);
        let mut polls = [
            when(true, self.signals.raw(), POLLIN),
            when(self.input_is_open && self.inward.is_empty(), 0, POLLIN),
            when(main != 0, fd, main),
            when(!self.outward.is_empty(), output, POLLOUT),
            when(changes.is_some(), changes.map_or(-1, Fd::raw), POLLIN),
        ];
        // A wait that counts the time costs more, so none does while there is a lot to copy.
        let is_calm = self.inward.end.max(self.outward.end) < 1024;
        wait(&mut polls, deadline, is_calm.then_some(&self.program))?;
        Ok(polls.map(|poll| poll.revents))
    }

    fn copy(&mut self, ready: [i16; 5]) -> Result<Option<Event>> {
        let [_, input, main, output, changes] = ready;
        if input != 0
            && let Some(event) = self.read_input()?
        {
            return Ok(Some(event));
        }
        if let (Some(end), true) = (&mut self.input_end, changes != 0) {
            end.note();
        }
        self.tell_end()?;
        if let (Some(fd), false) = (&self.main, self.inward.is_empty()) {
            self.inward.flush(fd, usize::MAX)?;
        }
        if main & (POLLIN | POLLHUP | POLLERR) != 0 && self.outward.is_empty() {
            self.read_main()?;
        }
        if output != 0 || (matches!(self.output, Output::Own(_)) && !self.outward.is_empty()) {
            self.write_output();
        }
        Ok(None)
    }

    /// Writes that the input is at its end, if that is to be written now.
    fn tell_end(&mut self) -> Result<()> {
        if self.inward.is_empty()
            && let (Some(input_end), Some(main)) = (&mut self.input_end, &self.main)
            && let Some(character) = input_end.next(main, &self.end)?
        {
            self.inward.set(&[character]);
        }
        Ok(())
    }

    fn read_input(&mut self) -> Result<Option<Event>> {
        match self.inward.fill(&fd::STDIN) {
            // Somebody else was faster.
            Err(Errno::EAGAIN) => {}
            // At its end; or a directory, or a terminal that is gone or somebody else's.
            Ok(0) | Err(_) => {
                self.input_is_open = false;
                self.inward.set(&[]);
                if let Some(main) = &self.main {
                    self.input_end = Some(InputEnd::new(main, &self.end, self.at_line_start)?);
                }
            }
            Ok(_) => {
                let typed = self.inward.pending();
                self.at_line_start = matches!(typed.last(), Some(b'\n' | b'\r'));
                if let Some(signal) = typed.last().and_then(|last| self.signal_of(*last)) {
                    self.inward.end -= 1;
                    return Ok(Some(Event::Typed(signal)));
                }
            }
        }
        Ok(None)
    }

    /// The signal that a typed character is to the command itself.
    fn signal_of(&self, typed: u8) -> Option<i32> {
        // Zero is how a function is switched off.
        let settings = self.settings().filter(|settings| typed != 0 && settings.has_signals())?;
        let (_, signal) =
            CHARACTERS.into_iter().find(|(function, _)| settings.character(*function) == typed)?;
        let is_its_own = terminal::foreground(self.main.as_ref()?.raw()) == Ok(self.group);
        is_its_own.then_some(signal)
    }

    /// Whether something came.
    fn read_main(&mut self) -> Result<bool> {
        let Some(main) = &self.main else { return Ok(false) };
        match self.outward.fill(main) {
            Ok(0) | Err(Errno::EAGAIN | Errno::EIO) => Ok(false),
            result => result.map(|_| true),
        }
    }

    fn write_output(&mut self) {
        let Some((to, at_once)) = self.output.descriptor() else { return };
        if self.outward.flush(to, at_once).is_err() {
            // Nobody reads: the kernel's SIGPIPE is not the command's, which gets what a program at
            // a terminal gets that is taken away.
            signal::discard(signal::only(libc::SIGPIPE));
            self.output = Output::Gone;
            self.outward.set(&[]);
            self.input_is_open = false;
            self.input_end = None;
            self.main = None;
        }
    }

    /// Writes out what the command wrote before it ended, as long as somebody takes it.
    pub fn drain(&mut self) -> Result<()> {
        const END: signal::Set = signal::only(libc::SIGTERM)
            | signal::only(libc::SIGINT)
            | signal::only(libc::SIGHUP)
            | signal::only(libc::SIGQUIT);
        loop {
            if self.output.descriptor().is_none()
                || (self.outward.is_empty() && !self.read_main()?)
            {
                return Ok(());
            }
            let [_, _, _, output, _] = self.poll(None)?;
            if output != 0 {
                self.write_output();
            }
            while let Some(taken) = next_signal(&self.signals)? {
                if signal::only(taken.signal) & END != 0 {
                    return Ok(());
                }
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        terminal::restore();
    }
}
