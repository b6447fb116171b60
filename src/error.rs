//! The error type: a one-line message for the user and the exit status.

use crate::sys::{self, Errno};
use crate::text::Text;
use alloc::boxed::Box;

/// Exit status when mini itself fails before the command runs.
pub const FAILED: u8 = 125;

/// A failure, as the line `STEP OBJECT: error (hint)` and an exit status. Boxed, so that a result
/// fits in two registers: errors pass through many functions and are made in few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Failure>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    status: u8,
    line: Text,
}

/// Result of a function that fails with [`Error`].
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    /// Starts a message with the name of the step.
    pub fn new(step: &str) -> Error {
        let mut line = Text::new();
        line.str(step);
        Error(Box::new(Failure { status: FAILED, line }))
    }

    /// Appends the object of the step, with unsafe bytes escaped.
    pub fn object(mut self, object: &[u8]) -> Error {
        self.0.line.str(" ").quoted(object);
        self
    }

    /// Appends text that needs no escaping.
    pub fn raw(mut self, text: &[u8]) -> Error {
        self.0.line.str(" ").raw(text);
        self
    }

    /// Appends a hint that was composed at run time.
    pub fn hint_text(mut self, hint: &Text) -> Error {
        self.0.line.str(" (").raw(hint.bytes()).str(")");
        self
    }

    /// Appends a number as the object.
    pub fn number(mut self, number: u32) -> Error {
        self.0.line.str(" ").number(number.into());
        self
    }

    /// Appends the kernel's error.
    pub fn errno(mut self, errno: Errno) -> Error {
        self.0.line.str(": ");
        match sys::describe(errno) {
            "" => self.0.line.str("error ").number(errno.into_raw() as u64),
            text => self.0.line.str(text),
        };
        self
    }

    /// Appends an error found by mini itself.
    pub fn cause(mut self, cause: &str) -> Error {
        self.0.line.str(": ").str(cause);
        self
    }

    /// Appends a hint: the cause, the remedy, or both.
    pub fn hint(mut self, hint: &str) -> Error {
        self.0.line.str(" (").str(hint).str(")");
        self
    }

    /// Sets the exit status.
    pub fn with_status(mut self, status: u8) -> Error {
        self.0.status = status;
        self
    }

    /// The exit status.
    pub fn status(&self) -> u8 {
        self.0.status
    }

    /// The message without `mini: `.
    pub fn line(&self) -> &[u8] {
        self.0.line.bytes()
    }

    /// Writes the message to standard error with one write(2).
    pub fn print(&self) {
        self.print_after("mini: ");
    }

    /// Writes the message to standard error after a prefix.
    pub fn print_after(&self, prefix: &str) {
        let mut line = Text::new();
        line.str(prefix).raw(self.line()).str("\n");
        sys::diagnostics::print(line.bytes());
    }
}
