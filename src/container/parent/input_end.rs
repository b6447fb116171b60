//! End of input with `-t`. For a file, end of input is a state: every reader finds it. A terminal
//! has only the end-of-file character, so mini writes it again for the next reader.
//!
//! In canonical mode the end-of-file character ends one read (termios(3)). A program in raw mode,
//! such as a shell with line editing, takes the same character on an empty line as the end. The
//! mode may change after the character was written, and the change may discard input. So mini
//! writes the character again when the previous one has been read. It does not poll for that: the
//! kernel wakes a writer when input is read.

use crate::sys::{Fd, Result, clock, poll, terminal};

/// Minimum time between two checks, in nanoseconds. It doubles, up to LONGEST, for a program that
/// reads one character after the other without ending.
const SHORTEST: u64 = clock::SECOND / 100;
const LONGEST: u64 = clock::SECOND;

/// State of the end of input.
pub struct InputEnd {
    /// Becomes readable when something may have changed.
    changes: Fd,
    /// Whether the last line of input was complete.
    line_is_whole: bool,
    /// Whether the character was written in canonical mode since.
    is_flushed: bool,
    /// Time of the next check after a change.
    due: Option<u64>,
    /// Earliest time of the next check.
    not_before: u64,
    pause: u64,
}

impl InputEnd {
    /// Starts, with the two ends of the terminal.
    pub fn new(main: &Fd, end: &Fd, line_is_whole: bool) -> Result<InputEnd> {
        Ok(InputEnd {
            changes: poll::changes([main, end])?,
            line_is_whole,
            is_flushed: false,
            due: Some(0),
            not_before: 0,
            pause: SHORTEST,
        })
    }

    /// The descriptor to poll.
    pub fn changes(&self) -> Option<&Fd> {
        Some(&self.changes).filter(|_| self.due.is_none())
    }

    /// Time until which to wait at most.
    pub fn due(&self) -> Option<u64> {
        self.due
    }

    /// Notes that something may have changed.
    pub fn note(&mut self) {
        self.due = Some(self.not_before);
    }

    /// The byte to write to the terminal now, if any.
    pub fn next(&mut self, main: &Fd, end: &Fd) -> Result<Option<u8>> {
        let now = clock::now();
        if self.due.is_none_or(|due| now < due) {
            return Ok(None);
        }
        self.due = None;
        self.not_before = now + SHORTEST;
        // Clears the event first, so that a later change raises it again.
        poll::take_changes(&self.changes)?;
        if poll::is_readable(end)? {
            // The previous character has not been read yet.
            return Ok(None);
        }
        let settings = terminal::settings(main.raw())?;
        if settings.is_canonical() {
            // In the middle of a line the first character only completes the line.
            self.line_is_whole |= self.is_flushed;
            self.is_flushed = true;
            self.pause = SHORTEST;
        } else {
            self.not_before = now + self.pause;
            self.pause = (self.pause * 2).min(LONGEST);
            if !self.line_is_whole {
                self.line_is_whole = true;
                return Ok(Some(b'\n'));
            }
        }
        // A control character of 0 is disabled (termios(3)).
        Ok(Some(Some(settings.character(libc::VEOF)).filter(|byte| *byte != 0).unwrap_or(4)))
    }
}
