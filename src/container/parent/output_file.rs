//! Output files of the user (pid file, report). They are written completely or not at all, and
//! replace only regular files. Their directory is opened once, so that the file written at the end
//! lies in the directory named at the beginning, whatever the path leads to by then.

use crate::sys::{Errno, Fd, Result, fs};
use crate::text::Text;
use core::ffi::CStr;

/// A file name in an open directory.
pub struct OutputFile {
    directory: Fd,
    name: &'static CStr,
}

/// A file that is being written and has no name yet (O_TMPFILE).
pub struct UnnamedFile {
    file: Fd,
    /// Temporary name, where the file system has no O_TMPFILE.
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

    /// Type of the existing file; of a symbolic link itself.
    pub fn kind(&self) -> Result<Option<fs::Mode>> {
        match fs::file_type_at(self.directory.raw(), self.name) {
            Ok(kind) => Ok(Some(kind)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Opens the existing file for writing. Does not follow a link and does not wait for the reader
    /// of a FIFO.
    pub fn open(&self) -> Result<Fd> {
        let flags = libc::O_WRONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
        fs::open_at(self.directory.raw(), self.name, flags, 0)
    }

    /// Creates an unnamed file in the same directory.
    pub fn create(&self, mode: fs::Mode) -> Result<UnnamedFile> {
        let base = self.directory.raw();
        match fs::open_at(base, c".", libc::O_TMPFILE | libc::O_WRONLY, mode) {
            Ok(file) => return Ok(UnnamedFile { file, name: None }),
            // The kernel or the file system has no O_TMPFILE.
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
                // A file of another process.
                Err(Errno::EEXIST) if number < 1000 => number += 1,
                result => return result.map(|file| UnnamedFile { file, name: Some(name) }),
            }
        }
    }

    /// Writes an unnamed file and, when it is complete, gives it its name, replacing a regular
    /// file. Returns the open file.
    pub fn write(&self, mut unnamed: UnnamedFile, content: &[u8]) -> Result<Fd> {
        let written =
            fs::write_all(&unnamed.file, content).and_then(|()| self.publish(&mut unnamed));
        if let Err(errno) = written {
            self.discard(&unnamed);
            return Err(errno);
        }
        Ok(unnamed.file)
    }

    fn publish(&self, unnamed: &mut UnnamedFile) -> Result<()> {
        let base = self.directory.raw();
        // Other processes may create the same name.
        for _ in 0..1000 {
            let is_free = match self.kind()? {
                None => true,
                Some(libc::S_IFREG) => false,
                Some(_) => return Err(Errno::EEXIST),
            };
            if let Some(name) = unnamed.name {
                fs::rename_at(base, name, self.name)?;
                unnamed.name = None;
                return Ok(());
            }
            if !is_free {
                // A second name and rename(2) would leave the second name if mini was killed
                // between the two. So for a moment there is no file.
                match fs::unlink_at(base, self.name) {
                    Ok(()) | Err(Errno::ENOENT) => {}
                    Err(errno) => return Err(errno),
                }
            }
            match fs::link_file(&unnamed.file, base, self.name) {
                Err(Errno::EEXIST) => {}
                result => return result,
            }
        }
        Err(Errno::EEXIST)
    }

    /// Removes the name if it still refers to this file.
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

    /// Discards an unnamed file.
    pub fn discard(&self, unnamed: &UnnamedFile) {
        if let Some(name) = unnamed.name {
            let _ = fs::unlink_at(self.directory.raw(), name);
        }
    }
}

impl UnnamedFile {
    /// Whether the file is visible before it is complete.
    pub fn has_name(&self) -> bool {
        self.name.is_some()
    }
}
