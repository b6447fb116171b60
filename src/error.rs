//! The one kind of failure: a line for the user and the exit status that goes with it.

use crate::sys::{self, Errno};
use crate::text::Text;
use alloc::boxed::Box;

/// Exit status of a failure of mini itself, before the command ran.
pub const FAILED: u8 = 125;

/// Why mini could not do what it was asked: `STEP OBJECT: reason (hint)`. Boxed, so that a result
/// travels in two registers: it is passed on in a hundred places and made in a few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Failure>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    status: u8,
    line: Text,
}

/// A result of anything that can fail so.
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    /// Begins with the step that failed.
    pub fn new(step: &str) -> Error {
        let mut line = Text::new();
        line.str(step);
        Error(Box::new(Failure { status: FAILED, line }))
    }

    /// Names the object of the step; hostile bytes in it are escaped.
    pub fn object(mut self, object: &[u8]) -> Error {
        self.0.line.str(" ").quoted(object);
        self
    }

    /// Adds text that is safe to print as it is.
    pub fn raw(mut self, text: &[u8]) -> Error {
        self.0.line.str(" ").raw(text);
        self
    }

    /// A hint that was put together.
    pub fn hint_text(mut self, hint: &Text) -> Error {
        self.0.line.str(" (").raw(hint.bytes()).str(")");
        self
    }

    /// Names a number as the object.
    pub fn number(mut self, number: u32) -> Error {
        self.0.line.str(" ").number(number.into());
        self
    }

    /// The kernel's reason.
    pub fn errno(mut self, errno: Errno) -> Error {
        self.0.line.str(": ");
        match sys::describe(errno) {
            "" => self.0.line.str("error ").number(errno.into_raw() as u64),
            text => self.0.line.str(text),
        };
        self
    }

    /// mini's own reason.
    pub fn cause(mut self, cause: &str) -> Error {
        self.0.line.str(": ").str(cause);
        self
    }

    /// What else is known: the cause behind the reason, and the remedy.
    pub fn hint(mut self, hint: &str) -> Error {
        self.0.line.str(" (").str(hint).str(")");
        self
    }

    /// Sets the exit status.
    pub fn with_status(mut self, status: u8) -> Error {
        self.0.status = status;
        self
    }

    /// The exit status mini ends with.
    pub fn status(&self) -> u8 {
        self.0.status
    }

    /// The line without the program's name.
    pub fn line(&self) -> &[u8] {
        self.0.line.bytes()
    }

    /// Writes the line to standard error in one piece.
    pub fn print(&self) {
        let mut line = Text::new();
        line.str("mini: ").raw(self.line()).str("\n");
        sys::diagnostics::say(line.bytes());
    }
}
