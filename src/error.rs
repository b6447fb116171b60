//! The one kind of failure: a line for the user and the exit status that goes with it.

use crate::sys::{self, Errno, fd::STDERR};
use crate::text::Text;

/// Exit status of a failure of mini itself, before the command ran.
pub const FAILED: u8 = 125;

/// Why mini could not do what it was asked: `STEP OBJECT: reason (hint)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The exit status mini ends with.
    pub status: u8,
    line: Text,
}

/// A result of anything that can fail so.
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    /// Begins with the step that failed.
    pub fn new(step: &str) -> Error {
        let mut line = Text::new();
        line.str(step);
        Error { status: FAILED, line }
    }

    /// Names the object of the step; hostile bytes in it are escaped.
    pub fn object(mut self, object: &[u8]) -> Error {
        self.line.str(" ").quoted(object);
        self
    }

    /// Adds text that is safe to print as it is.
    pub fn raw(mut self, text: &[u8]) -> Error {
        self.line.str(" ").raw(text);
        self
    }

    /// A hint that was put together.
    pub fn hint_text(mut self, hint: &Text) -> Error {
        self.line.str(" (").raw(hint.bytes()).str(")");
        self
    }

    /// Names a number as the object.
    pub fn number(mut self, number: u32) -> Error {
        self.line.str(" ").number(number.into());
        self
    }

    /// The kernel's reason.
    pub fn errno(mut self, errno: Errno) -> Error {
        self.line.str(": ");
        match errno.description() {
            Some(description) => self.line.str(description),
            None => self.line.str("error ").number(errno.into_raw() as u64),
        };
        self
    }

    /// mini's own reason.
    pub fn cause(mut self, cause: &str) -> Error {
        self.line.str(": ").str(cause);
        self
    }

    /// What else is known: the cause behind the reason, and the remedy.
    pub fn hint(mut self, hint: &str) -> Error {
        self.line.str(" (").str(hint).str(")");
        self
    }

    /// Sets the exit status.
    pub fn status(mut self, status: u8) -> Error {
        self.status = status;
        self
    }

    /// The line without the program's name.
    pub fn line(&self) -> &[u8] {
        self.line.bytes()
    }

    /// Writes the line to standard error in one piece.
    pub fn print(&self) {
        let mut line = Text::new();
        line.str("mini: ").raw(self.line()).str("\n");
        // With standard error gone there is nobody left to tell; the status still says it.
        let _ = sys::fs::write_all(&STDERR, line.bytes());
    }
}
