//! The standard descriptors of a mini that was started without some of them, or with odd ones.

use crate::error::{Error, Result};
use crate::sys::{self, Errno, fs};

/// Opens what is closed of 0, 1 and 2 on nothing, before anything else is opened: the command
/// shall not find a pipe of mini's there, nor its own first file get such a number. A directory
/// there would be one of the host's, open to whatever runs in the container, and is refused.
pub fn repair() -> Result<()> {
    let failed = |errno: Errno| Error::new("open standard descriptors").errno(errno);
    const NAMES: [&[u8]; 3] = [b"standard input", b"standard output", b"standard error"];
    for (fd, name) in (0..).zip(NAMES) {
        match fs::is_directory(fd) {
            Err(Errno::EBADF) => {}
            Ok(true) => {
                let error = Error::new("use").object(name).errno(Errno::EISDIR);
                return Err(error.hint("a directory is a way out: --preserve-fds hands one on"));
            }
            // What cannot be examined is open, and no directory that could be read.
            _ => continue,
        }
        // The lowest free number is what open gives: this one.
        let nothing = match fs::open(c"/dev/null", libc::O_RDWR, 0) {
            Ok(null) => null,
            // No /dev here: the reading end of a pipe nobody writes to is at its end at once,
            // and refuses writes.
            Err(_) => fs::pipe().map_err(failed)?.0,
        };
        fs::keep_over_exec(nothing).map_err(failed)?;
    }
    Ok(())
}

/// Makes the terminal that mini was started at standard input, where that was an archive.
///
/// # Errors
/// ENXIO when there is none.
pub fn take_keyboard() -> sys::Result<()> {
    fs::replace(0, &fs::open(c"/dev/tty", libc::O_RDWR, 0)?)
}
