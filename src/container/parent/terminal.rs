//! `-t`, seen from outside: mini is the terminal of the command. What is typed goes in, what the
//! command writes comes out, one bounded buffer each way, in the same wait as the signals.

use super::input_end::InputEnd;
use super::signals;
use crate::error::Error;
use crate::sys::output::Output;
use crate::sys::signal;
use crate::sys::terminal::{self, Size};
use crate::sys::{Errno, Fd, Result, fd, fs};
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

    /// Writes what there is room for.
    fn flush(&mut self, write: impl FnOnce(&[u8]) -> Result<usize>) -> Result<()> {
        match write(self.pending()) {
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

/// The characters that are signals, where the settings say so.
const CHARACTERS: [(usize, i32); 3] =
    [(libc::VINTR, libc::SIGINT), (libc::VQUIT, libc::SIGQUIT), (libc::VSUSP, libc::SIGTSTP)];

/// The terminal of the command.
pub struct Terminal {
    /// Its outer side; None when it has been taken away from the command.
    main: Option<Fd>,
    /// Held open, so that the terminal is not hung up while nobody inside has it open.
    end: Fd,
    /// The process group of the command itself.
    group: i32,
    /// Whether there may be more to read from standard input.
    input_is_open: bool,
    /// What follows when there is no more.
    input_end: Option<InputEnd>,
    /// Whether the input so far ended with a line.
    at_line_start: bool,
    /// Where the output goes; None when nobody reads it any more.
    output: Option<Output>,
    inward: Buffer,
    outward: Buffer,
}

/// How large the terminal is that mini was started at, if any.
pub fn outer_size() -> Option<Size> {
    (0..=2).find_map(|fd| terminal::size(fd).ok())
}

impl Terminal {
    /// Of the two ends that the child has sent.
    pub fn new([main, end]: [Fd; 2], child: i32) -> Result<Terminal> {
        fs::set_nonblocking(&main)?;
        Ok(Terminal {
            main: Some(main),
            end,
            group: child,
            input_is_open: true,
            input_end: None,
            at_line_start: true,
            output: Some(Output::open(fd::STDOUT.raw())),
            inward: Buffer::new(),
            outward: Buffer::new(),
        })
    }

    /// Begins.
    pub fn begin(&mut self) -> Result<()> {
        let is_a_terminal = terminal::settings(0).is_ok();
        let waits = signals::ignored() & signal::only(libc::SIGTTOU) == 0
            && terminal::own_foreground(0).is_none()
            && terminal::foreground(0).is_ok();
        if is_a_terminal && waits {
            // A job in the background waits for its turn, as any other does that wants the terminal.
            signal::raise_unblocked(libc::SIGTTOU)?;
        }
        self.resume();
        Ok(())
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

    /// What to wait for: input, what the command writes, room for it, and what may have changed at the
    /// end of the input.
    pub fn polls(&self) -> [pollfd; 4] {
        let when = |wanted: bool, fd: i32, events: i16| pollfd {
            fd: if wanted { fd } else { -1 },
            events,
            revents: 0,
        };
        let mut main = 0;
        if self.outward.is_empty() && self.output.is_some() {
            main |= POLLIN;
        }
        if !self.inward.is_empty() {
            main |= POLLOUT;
        }
        let output = self.output.as_ref().map_or(-1, Output::raw);
        let fd = self.main.as_ref().map_or(-1, Fd::raw);
        let changes = self.input_end.as_ref().and_then(InputEnd::changes);
        [
            when(self.input_is_open && self.inward.is_empty(), 0, POLLIN),
            when(main != 0, fd, main),
            when(!self.outward.is_empty(), output, POLLOUT),
            when(changes.is_some(), changes.map_or(-1, Fd::raw), POLLIN),
        ]
    }

    /// When to go on even if none of them is ready.
    pub fn due(&self) -> Option<u64> {
        self.input_end.as_ref().and_then(InputEnd::due)
    }

    /// Whether there is little to copy.
    pub fn is_calm(&self) -> bool {
        self.inward.end.max(self.outward.end) < 1024
    }

    /// Copies what can be copied; the signal that was typed, if one was.
    pub fn go_on(&mut self, [input, main, output, changes]: [i16; 4]) -> Result<Option<i32>> {
        if input != 0
            && let Some(typed) = self.read_input()?
        {
            return Ok(Some(typed));
        }
        if let (Some(end), true) = (&mut self.input_end, changes != 0) {
            end.note();
        }
        self.tell_end()?;
        if let (Some(fd), false) = (&self.main, self.inward.is_empty()) {
            self.inward.flush(|bytes| fs::write(fd, bytes))?;
        }
        let mut is_new = false;
        if main & (POLLIN | POLLHUP | POLLERR) != 0 && self.outward.is_empty() {
            is_new = self.read_main()?;
        }
        if output != 0 || is_new {
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

    fn read_input(&mut self) -> Result<Option<i32>> {
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
                    return Ok(Some(signal));
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
        let Some(output) = &self.output else { return };
        let Err(errno) = self.outward.flush(|bytes| output.write(bytes)) else { return };
        match errno {
            // Nobody reads: the kernel's SIGPIPE is not the command's.
            Errno::EPIPE | Errno::ECONNRESET => signals::discard_pipe(),
            errno => {
                Error::new("write").raw(b"standard output").errno(errno).print();
            }
        }
        // It gets what a program at a terminal gets that is taken away.
        self.output = None;
        self.outward.set(&[]);
        self.input_is_open = false;
        self.input_end = None;
        self.main = None;
    }

    /// When the command has ended: whether there is something left of what it wrote.
    pub fn has_output(&mut self) -> Result<bool> {
        self.input_is_open = false;
        self.input_end = None;
        self.inward.set(&[]);
        Ok(self.output.is_some() && (!self.outward.is_empty() || self.read_main()?))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        terminal::restore();
    }
}
