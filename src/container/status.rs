//! The status pipe: what the child tells its parent. It is close-on-exec, so its end without a
//! failure says that the command has started.
//!
//! On the wire, a record: u32 step, u32 errno (0: done), u64 nanoseconds, u32 length, and that
//! many bytes of detail. A record is one write of less than PIPE_BUF, so it arrives whole.

use crate::sys::{Errno, Fd, Result, fs};

const HEADER: usize = 20;
/// The longest detail.
pub const DETAIL: usize = 256;

/// A few bytes that explain a failure: what the child found out beyond the kernel's reason.
#[derive(Debug)]
pub struct Detail {
    bytes: [u8; DETAIL],
    length: usize,
}

impl Detail {
    /// Nothing to add.
    pub const fn new() -> Detail {
        Detail { bytes: [0; DETAIL], length: 0 }
    }

    /// Keeps the beginning of `text`.
    pub fn set(&mut self, text: &[u8]) {
        self.length = text.len().min(DETAIL);
        self.bytes[..self.length].copy_from_slice(&text[..self.length]);
    }

    /// The text.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// One step's outcome.
#[derive(Debug)]
pub struct Record {
    /// Its place in the plan.
    pub step: usize,
    /// The kernel's reason why it failed, if it did.
    pub failure: Option<Errno>,
    /// How long it took; 0 when nobody asked.
    pub nanos: u64,
}

impl Record {
    /// Sends it, with what there is to add.
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

    /// Waits for the next one, and takes down what came with it; None at the end of the pipe.
    pub fn read(detail: &mut Detail, pipe: &Fd) -> Result<Option<Record>> {
        let mut header = [0u8; HEADER];
        if fs::read_full(pipe, &mut header)? < HEADER {
            return Ok(None);
        }
        let word = |at: usize| {
            u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        detail.length = (word(16) as usize).min(DETAIL);
        fs::read_full(pipe, &mut detail.bytes[..detail.length])?;
        let mut nanos = [0; 8];
        nanos.copy_from_slice(&header[8..16]);
        let failure = (word(4) != 0).then(|| Errno::new(word(4) as i32));
        Ok(Some(Record { step: word(0) as usize, failure, nanos: u64::from_ne_bytes(nanos) }))
    }
}
