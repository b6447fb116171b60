//! `-t` when nothing more can be typed. The end of the input is a state, as it is of a file: whoever
//! reads finds it, the next one as well, and in whatever mode the terminal is.
//!
//! In canonical mode the end-of-file character is the end of one read (termios(3)). What reads
//! characters one by one (a shell that lets lines be edited) takes the same character, on an empty
//! line, for the end. Either may come, or the mode may change, after the character was written, and
//! input may be thrown away with the change: so it is written again when what was written has been
//! read. Both are seen without looking again and again: the kernel wakes whoever waits to write.

use crate::sys::{Fd, Result, clock, poll, terminal};

/// How long there is between one look and the next, at least; it grows for a program that takes one
/// character after the other and does not end, as far as the other one.
const SHORTEST: u64 = clock::SECOND / 100;
const LONGEST: u64 = clock::SECOND;

/// The end of the input of a terminal.
pub struct InputEnd {
    /// Is readable when something may have changed.
    changes: Fd,
    /// Whether the line that was typed last is whole.
    line_is_whole: bool,
    /// Whether the character was written in canonical mode since.
    is_flushed: bool,
    /// When to look next, if something has changed.
    due: Option<u64>,
    /// When that may be.
    not_before: u64,
    pause: u64,
}

impl InputEnd {
    /// Begins, with the two sides of the terminal.
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

    /// What to wait for.
    pub fn changes(&self) -> Option<&Fd> {
        Some(&self.changes).filter(|_| self.due.is_none())
    }

    /// When to wait no longer.
    pub fn due(&self) -> Option<u64> {
        self.due
    }

    /// Something may have changed.
    pub fn note(&mut self) {
        self.due = Some(self.not_before);
    }

    /// What to write to the terminal now, if anything.
    pub fn next(&mut self, main: &Fd, end: &Fd) -> Result<Option<u8>> {
        let now = clock::now();
        if self.due.is_none_or(|due| now < due) {
            return Ok(None);
        }
        self.due = None;
        self.not_before = now + SHORTEST;
        // First, so that what changes from here on is another change.
        poll::take_changes(&self.changes)?;
        if poll::is_readable(end)? {
            // There is something to be read still.
            return Ok(None);
        }
        let settings = terminal::settings(main.raw())?;
        if settings.is_canonical() {
            // In the middle of a line the first one only ends that.
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
        // Zero is how a function is switched off.
        Ok(Some(Some(settings.character(libc::VEOF)).filter(|byte| *byte != 0).unwrap_or(4)))
    }
}
