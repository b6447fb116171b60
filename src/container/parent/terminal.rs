//! `-t`, the parent's side: copies between the user's terminal and the command's pseudo terminal,
//! with one bounded buffer in each direction, in the same event loop as the signals.

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

/// Bytes on their way in one direction.
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

    /// Reads from a descriptor; returns the number of bytes. Called only when the buffer is empty.
    fn fill(&mut self, from: &Fd) -> Result<usize> {
        self.start = 0;
        self.end = 0;
        self.end = fs::read(from, &mut self.bytes)?;
        Ok(self.end)
    }

    /// Writes as much as possible.
    fn flush(&mut self, write: impl FnOnce(&[u8]) -> Result<usize>) -> Result<()> {
        match write(self.pending()) {
            Ok(written) => self.start += written,
            Err(Errno::EAGAIN) => {}
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    /// Replaces the content.
    fn set(&mut self, bytes: &[u8]) {
        self.bytes[..bytes.len()].copy_from_slice(bytes);
        (self.start, self.end) = (0, bytes.len());
    }

    /// Appends a byte. There is room, because reads never fill the buffer completely.
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.end) {
            *slot = byte;
            self.end += 1;
        }
    }

    fn pending(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }
}

/// Characters that raise signals, unless disabled.
const CHARACTERS: [(usize, i32); 3] =
    [(libc::VINTR, libc::SIGINT), (libc::VQUIT, libc::SIGQUIT), (libc::VSUSP, libc::SIGTSTP)];

/// The command's pseudo terminal.
pub struct Terminal {
    /// Its main end; None when the command has lost the terminal.
    main: Option<Fd>,
    /// Its other end, held open so that the terminal is not hung up while the command has it
    /// closed.
    end: Fd,
    /// Process group of the command.
    group: i32,
    /// Whether standard input may deliver more.
    input_is_open: bool,
    /// Set at the end of standard input.
    input_end: Option<InputEnd>,
    /// Whether the input so far ended with a newline.
    at_line_start: bool,
    /// Destination of the output; None when its reader is gone.
    output: Option<Output>,
    inward: Buffer,
    outward: Buffer,
}

/// Size of the user's terminal, if there is one.
pub fn outer_size() -> Option<Size> {
    (0..=2).find_map(|fd| terminal::size(fd).ok())
}

impl Terminal {
    /// Takes the two ends that the child has sent.
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

    /// Sets up the user's terminal.
    pub fn begin(&mut self) -> Result<()> {
        let is_a_terminal = terminal::settings(0).is_ok();
        let waits = signals::ignored() & signal::only(libc::SIGTTOU) == 0
            && terminal::own_foreground(0).is_none()
            && terminal::foreground(0).is_ok();
        if is_a_terminal && waits {
            // A background job waits here, like every job that wants the terminal.
            signal::raise_unblocked(libc::SIGTTOU)?;
        }
        self.resume();
        Ok(())
    }

    /// Sets the user's terminal to raw mode, if mini is in its foreground.
    pub fn resume(&mut self) {
        if terminal::own_foreground(0).is_some() || terminal::foreground(0) == Err(Errno::ENOTTY) {
            // Fails only where standard input is not a terminal.
            let _ = terminal::make_raw(0);
        }
        self.resize();
    }

    /// Restores the user's terminal.
    pub fn suspend(&self) {
        terminal::restore();
    }

    /// Gives the pseudo terminal the size of the user's terminal.
    pub fn resize(&self) {
        if let (Some(size), Some(main)) = (outer_size(), &self.main) {
            // Fails only when the terminal is gone.
            let _ = terminal::set_size(main.raw(), size);
        }
    }

    /// Writes the character of a signal to the pseudo terminal.
    pub fn type_character(&mut self, signal: i32) {
        let function = CHARACTERS.into_iter().find(|(_, known)| *known == signal);
        if let (Some(settings), Some((function, _))) = (self.settings(), function) {
            self.inward.push(settings.character(function));
        }
    }

    fn settings(&self) -> Option<terminal::Settings> {
        terminal::settings(self.main.as_ref()?.raw()).ok()
    }

    /// Descriptors to poll: input, the command's output, room for output, and changes at the end of
    /// input.
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

    /// Time until which to wait at most.
    pub fn due(&self) -> Option<u64> {
        self.input_end.as_ref().and_then(InputEnd::due)
    }

    /// Whether there is little to copy.
    pub fn is_idle(&self) -> bool {
        self.inward.end.max(self.outward.end) < 1024
    }

    /// Copies what is ready; returns the signal of a typed character, if any.
    pub fn copy(&mut self, [input, main, output, changes]: [i16; 4]) -> Result<Option<i32>> {
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

    /// Writes the end-of-file character, if it is time.
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
            // Another reader was faster.
            Err(Errno::EAGAIN) => {}
            // End of file; or a directory, or a terminal that is gone or belongs to another
            // session.
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

    /// The signal that a typed character raises for the command itself.
    fn signal_of(&self, typed: u8) -> Option<i32> {
        // A control character of 0 is disabled (termios(3)).
        let settings = self.settings().filter(|settings| typed != 0 && settings.has_signals())?;
        let (_, signal) =
            CHARACTERS.into_iter().find(|(function, _)| settings.character(*function) == typed)?;
        let is_its_own = terminal::foreground(self.main.as_ref()?.raw()) == Ok(self.group);
        is_its_own.then_some(signal)
    }

    /// Reads the command's output; returns whether there was any.
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
            // The reader of the output is gone: this SIGPIPE is mini's, not the command's.
            Errno::EPIPE | Errno::ECONNRESET => signals::discard_pipe(),
            errno => {
                Error::new("write").raw(b"standard output").errno(errno).print();
            }
        }
        // Then the command loses its terminal, as on a hangup.
        self.output = None;
        self.outward.set(&[]);
        self.input_is_open = false;
        self.input_end = None;
        self.main = None;
    }

    /// After the command has ended: whether some of its output is still unwritten.
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
