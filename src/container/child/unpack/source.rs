//! The bytes of an archive, from a file or through a pipe: never one more is taken than belongs to it, since
//! what follows may be the command's input.

use crate::container::child::tar::BLOCK;
use crate::sys::{Errno, Fd, Result, fs};

/// What tar writes at a time: an archive is padded with zeros to a multiple of it (tar(1), `-b`).
const RECORD: u64 = 20 * BLOCK as u64;

/// An archive that is being read.
pub struct Source<'a> {
    archive: &'a Fd,
    position: u64,
}

impl<'a> Source<'a> {
    /// At its beginning.
    pub fn new(archive: &'a Fd) -> Source<'a> {
        Source { archive, position: 0 }
    }

    /// Whether nothing has been read.
    pub fn is_at_start(&self) -> bool {
        self.position == 0
    }

    /// Reads until the buffer is full or the archive ends; how much there was.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match fs::read(self.archive, &mut buffer[done..]) {
                Ok(0) => break,
                Ok(length) => done += length,
                // The caller's descriptor may be one that does not wait.
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
    /// EBADMSG when the archive is cut short.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<()> {
        let length = self.read(buffer)?;
        if length == buffer.len() { Ok(()) } else { Err(Errno::EBADMSG) }
    }

    /// Reads so many bytes part by part, as the buffer has room, and hands each part on.
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

    /// Passes over so many bytes.
    pub fn skip(&mut self, length: u64, buffer: &mut [u8]) -> Result<()> {
        self.each(length, buffer, &mut |_| Ok(()))
    }

    /// Passes over what fills the last block of so many bytes.
    pub fn skip_padding(&mut self, length: u64, buffer: &mut [u8]) -> Result<()> {
        self.skip(length.wrapping_neg() % BLOCK as u64, buffer)
    }

    /// After the first of the two empty blocks that end an archive: passes over the zeros that follow, to where
    /// the record ends that the second one is in. Not all programs write that much, so each byte is looked
    /// at before it is taken.
    pub fn finish(&mut self, buffer: &mut [u8]) -> Result<()> {
        let end = (self.position + BLOCK as u64).next_multiple_of(RECORD);
        while self.position < end {
            let room = buffer.len().min((end - self.position) as usize);
            let seen = match fs::peek(self.archive, &mut buffer[..room]) {
                Err(Errno::EAGAIN) => {
                    fs::await_input(self.archive)?;
                    continue;
                }
                // A device, or what else has no way back: nothing follows there.
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
