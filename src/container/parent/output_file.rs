//! Files of the caller's: written whole or not at all, never over what is no regular file, and by
//! their directory's descriptor: whatever its path leads to by then, what is written and removed at
//! the end lies in the directory that was named at the beginning.

use crate::sys::{Errno, Fd, Result, fs};
use crate::text::Text;
use core::ffi::CStr;

/// A place in a directory.
pub struct OutputFile {
    directory: Fd,
    name: &'static CStr,
}

/// A file that is being written, and has no name yet.
pub struct UnnamedFile {
    file: Fd,
    /// Its name for the time being, where the file system knows no file without one.
    name: Option<&'static CStr>,
}

impl OutputFile {
    /// Opens the directory of a path.
    pub fn find(path: &CStr) -> Result<OutputFile> {
        let bytes = path.to_bytes();
        let at = bytes.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
        let mut directory = Text::new();
        directory.str(if at == 0 { "." } else { "" }).raw(&bytes[..at]);
        let mut name = Text::new();
        name.raw(&bytes[at..]);
        let flags = libc::O_PATH | libc::O_DIRECTORY;
        let directory = fs::open(directory.leak(), flags, 0)?;
        match name.bytes() {
            b"" | b"." | b".." => Err(Errno::EISDIR),
            _ => Ok(OutputFile { directory, name: name.leak() }),
        }
    }

    /// The type of what is there, of a link itself.
    pub fn kind(&self) -> Result<Option<fs::Mode>> {
        match fs::file_type_at(self.directory.raw(), self.name) {
            Ok(kind) => Ok(Some(kind)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Opens what is there for writing; not where a link leads, and without waiting for a reader.
    pub fn open(&self) -> Result<Fd> {
        let flags = libc::O_WRONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
        fs::open_at(self.directory.raw(), self.name, flags, 0)
    }

    /// Begins a file in the same directory.
    pub fn draft(&self, mode: fs::Mode) -> Result<UnnamedFile> {
        let base = self.directory.raw();
        match fs::open_at(base, c".", libc::O_TMPFILE | libc::O_WRONLY, mode) {
            Ok(file) => return Ok(UnnamedFile { file, name: None }),
            // The file system, or the kernel, knows no such files.
            Err(Errno::EOPNOTSUPP | Errno::EISDIR | Errno::ENOENT | Errno::EINVAL) => {}
            Err(errno) => return Err(errno),
        }
        let mut number = 0;
        loop {
            let mut name = Text::new();
            name.raw(self.name.to_bytes()).str(".").number(number);
            let name = name.leak();
            let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
            match fs::open_at(base, name, flags, mode) {
                // Somebody else's.
                Err(Errno::EEXIST) if number < 1000 => number += 1,
                result => return result.map(|file| UnnamedFile { file, name: Some(name) }),
            }
        }
    }

    /// Writes a draft, and gives it its name when it is complete, in place of a regular file that has
    /// the name; the open file.
    pub fn write(&self, mut draft: UnnamedFile, content: &[u8]) -> Result<Fd> {
        let written = fs::write_all(&draft.file, content).and_then(|()| self.publish(&mut draft));
        if let Err(errno) = written {
            self.drop_draft(&draft);
            return Err(errno);
        }
        Ok(draft.file)
    }

    fn publish(&self, draft: &mut UnnamedFile) -> Result<()> {
        let base = self.directory.raw();
        // Others may be at it, too.
        for _ in 0..1000 {
            let is_free = match self.kind()? {
                None => true,
                Some(libc::S_IFREG) => false,
                Some(_) => return Err(Errno::EEXIST),
            };
            if let Some(name) = draft.name {
                fs::rename_at(base, name, self.name)?;
                draft.name = None;
                return Ok(());
            }
            if !is_free {
                // Not by way of a second name and rename(2): that name would stay if mini was killed
                // between the two. So there is no file for a moment.
                match fs::unlink_at(base, self.name) {
                    Ok(()) | Err(Errno::ENOENT) => {}
                    Err(errno) => return Err(errno),
                }
            }
            match fs::link_file(&draft.file, base, self.name) {
                Err(Errno::EEXIST) => {}
                result => return result,
            }
        }
        Err(Errno::EEXIST)
    }

    /// Removes the file of this name if it is this one.
    pub fn remove(&self, file: &Fd) -> Result<()> {
        let base = self.directory.raw();
        let found = fs::open_at(base, self.name, libc::O_PATH | libc::O_NOFOLLOW, 0)
            .and_then(|found| fs::identity_of(&found));
        match found {
            Ok(found) if found == fs::identity_of(file)? => fs::unlink_at(base, self.name),
            Ok(_) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Gives a draft up.
    pub fn drop_draft(&self, draft: &UnnamedFile) {
        if let Some(name) = draft.name {
            let _ = fs::unlink_at(self.directory.raw(), name);
        }
    }
}

impl UnnamedFile {
    /// Whether it is seen before it is complete.
    pub fn has_name(&self) -> bool {
        self.name.is_some()
    }
}
