//! The standard descriptors: of a mini that was started without some of them, or with odd ones, and as what
//! the command finds at /dev/stdin, /dev/stdout and /dev/stderr.

use crate::error::{Error, Result};
use crate::sys::fs::Stream;
use crate::sys::{self, Errno, fs, terminal};

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

/// Gives what 0, 1 and 2 are to a user, who else could not open them once more by their names in /dev:
/// terminals, pipes, and files that are open to be written. A file that is only read stays whose it is
/// (`</etc/shadow`), and so does a device.
pub fn give_to(uid: u32) -> sys::Result<()> {
    for fd in 0..=2 {
        let Ok(Stream { kind, uid: owner, writes, .. }) = fs::stream(fd) else { continue };
        let is_given = match kind {
            libc::S_IFIFO => true,
            libc::S_IFREG => writes,
            libc::S_IFCHR => terminal::settings(fd).is_ok(),
            _ => false,
        };
        if owner == uid || !is_given {
            continue;
        }
        match fs::give_to(fd, uid) {
            // Not ours to give, on a read-only file system, or on one without owners: the descriptor
            // itself works all the same.
            Err(Errno::EPERM | Errno::EROFS | Errno::EINVAL) => {}
            result => result?,
        }
    }
    Ok(())
}
