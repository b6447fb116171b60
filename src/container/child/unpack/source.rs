//! Reads the bytes of an archive from a file or a pipe. Never reads past the end of the archive:
//! what follows may be the command's input.

use crate::container::child::tar::BLOCK;
use crate::sys::{Errno, Fd, Result, fs};

/// Record size of tar: archives are padded with zeros to a multiple of it (tar(1), `-b`).
const RECORD: u64 = 20 * BLOCK as u64;

/// An archive that is being read.
pub struct Source<'a> {
    archive: &'a Fd,
    position: u64,
}

impl<'a> Source<'a> {
    /// Starts at the beginning.
    pub fn new(archive: &'a Fd) -> Source<'a> {
        Source { archive, position: 0 }
    }

    /// Whether nothing has been read yet.
    pub fn is_at_start(&self) -> bool {
        self.position == 0
    }

    /// Reads until the buffer is full or the archive ends; returns the number of bytes.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match fs::read(self.archive, &mut buffer[done..]) {
                Ok(0) => break,
                Ok(length) => done += length,
                // The caller's descriptor may be non-blocking.
                Err(Errno::EAGAIN) => fs::await_input(self.archive)?,
                Err(errno) => return Err(errno),
            }
        }
        self.position += done as u64;
        Ok(done)
    }

    /// Fills the buffer.
    ///
    /// # Errors
    /// EBADMSG when the archive is truncated.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<()> {
        let length = self.read(buffer)?;
        if length == buffer.len() { Ok(()) } else { Err(Errno::EBADMSG) }
    }

    /// Reads `length` bytes in parts of the buffer's size and calls a function with each.
    pub fn each(
        &mut self,
        mut left: u64,
        buffer: &mut [u8],
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        while left > 0 {
            let room = buffer.len();
            let part = &mut buffer[..usize::try_from(left).unwrap_or(room).min(room)];
            self.fill(part)?;
            take(part)?;
            left -= part.len() as u64;
        }
        Ok(())
    }

    /// Skips bytes.
    pub fn skip(&mut self, length: u64, buffer: &mut [u8]) -> Result<()> {
        self.each(length, buffer, &mut |_| Ok(()))
    }

    /// Skips the padding after `length` bytes of data.
    pub fn skip_padding(&mut self, length: u64, buffer: &mut [u8]) -> Result<()> {
        self.skip(length.wrapping_neg() % BLOCK as u64, buffer)
    }

    /// Called after the first of the two zero blocks that end an archive. Skips the zeros up to the
    /// end of the record that contains the second one. Not all programs write that much, so each
    /// byte is checked before it is consumed.
    pub fn finish(&mut self, buffer: &mut [u8]) -> Result<()> {
        let end = (self.position + BLOCK as u64).next_multiple_of(RECORD);
        while self.position < end {
            let room = buffer.len().min((end - self.position) as usize);
            let seen = match fs::peek(self.archive, &mut buffer[..room]) {
                Err(Errno::EAGAIN) => {
                    fs::await_input(self.archive)?;
                    continue;
                }
                // A device, or something else that cannot seek: nothing follows there.
                Err(Errno::EINVAL) => return Ok(()),
                result => result?,
            };
            let zeros = buffer[..seen].iter().take_while(|byte| **byte == 0).count();
            self.fill(&mut buffer[..zeros])?;
            if zeros < seen || seen == 0 {
                return Ok(());
            }
        }
        Ok(())
    }
}
