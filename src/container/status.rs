//! The status pipe carries the child's reports to its parent. It is close-on-exec: end of file
//! without a failure means that the command has started.
//!
//! Format of a record: u32 step, u32 errno (0: success), u64 nanoseconds, u32 length, and as many
//! bytes of detail. A record is written by one write(2) of less than PIPE_BUF bytes, so it arrives
//! whole.

use crate::sys::{Errno, Fd, Result, fs};

const HEADER: usize = 20;
/// Maximum length of the detail.
pub const DETAIL: usize = 256;

/// What the child knows about a failure beyond errno, such as the name of a file.
#[derive(Debug)]
pub struct Detail {
    bytes: [u8; DETAIL],
    length: usize,
}

impl Detail {
    /// No detail.
    pub const fn new() -> Detail {
        Detail { bytes: [0; DETAIL], length: 0 }
    }

    /// Sets the detail, truncated to DETAIL bytes.
    pub fn set(&mut self, text: &[u8]) {
        self.length = text.len().min(DETAIL);
        self.bytes[..self.length].copy_from_slice(&text[..self.length]);
    }

    /// The detail.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Result of one step.
#[derive(Debug)]
pub struct Record {
    /// Index in the plan's steps.
    pub step: usize,
    /// The kernel's error, if the step failed.
    pub failure: Option<Errno>,
    /// Duration; 0 when not measured.
    pub nanos: u64,
}

impl Record {
    /// Writes the record, with the detail.
    pub fn write(&self, detail: &Detail, pipe: &Fd) -> Result<()> {
        let mut message = [0u8; HEADER + DETAIL];
        let errno = self.failure.map_or(0, |errno| errno.into_raw() as u32);
        let detail = detail.bytes();
        message[..4].copy_from_slice(&(self.step as u32).to_ne_bytes());
        message[4..8].copy_from_slice(&errno.to_ne_bytes());
        message[8..16].copy_from_slice(&self.nanos.to_ne_bytes());
        message[16..20].copy_from_slice(&(detail.len() as u32).to_ne_bytes());
        message[HEADER..][..detail.len()].copy_from_slice(detail);
        fs::write_all(pipe, &message[..HEADER + detail.len()])
    }

    /// Reads the next record and its detail; None at end of file.
    pub fn read(detail: &mut Detail, pipe: &Fd) -> Result<Option<Record>> {
        let mut header = [0u8; HEADER];
        if fs::read_full(pipe, &mut header)? < HEADER {
            return Ok(None);
        }
        let number = |at: usize| {
            u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        detail.length = (number(16) as usize).min(DETAIL);
        fs::read_full(pipe, &mut detail.bytes[..detail.length])?;
        let mut nanos = [0; 8];
        nanos.copy_from_slice(&header[8..16]);
        let failure = (number(4) != 0).then(|| Errno::new(number(4) as i32));
        Ok(Some(Record { step: number(0) as usize, failure, nanos: u64::from_ne_bytes(nanos) }))
    }
}
