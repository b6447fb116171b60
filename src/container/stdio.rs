//! The standard descriptors 0, 1 and 2: opens missing ones, and lets the command's user open them
//! by /dev/stdin, /dev/stdout and /dev/stderr.

use crate::error::{Error, Result};
use crate::sys::fs::Stream;
use crate::sys::{self, Errno, fs, terminal};

/// Opens /dev/null on each closed descriptor of 0, 1 and 2, before anything else is opened:
/// otherwise a pipe of mini's would get such a number. Refuses directories: a container could reach
/// the host's files through one.
pub fn repair() -> Result<()> {
    let failed = |errno: Errno| Error::new("open standard descriptors").errno(errno);
    const NAMES: [&[u8]; 3] = [b"standard input", b"standard output", b"standard error"];
    for (fd, name) in (0..).zip(NAMES) {
        match fs::is_directory(fd) {
            Err(Errno::EBADF) => {}
            Ok(true) => {
                let error = Error::new("use").object(name).errno(Errno::EISDIR);
                return Err(error.hint("the container could reach the host through it; --preserve-fds passes one deliberately"));
            }
            // Open, and not a directory that could be read.
            _ => continue,
        }
        // open(2) returns the lowest free number, which is this one.
        let nothing = match fs::open(c"/dev/null", libc::O_RDWR, 0) {
            Ok(null) => null,
            // Without /dev: the read end of a pipe without a writer, which is at end of file and
            // refuses writes.
            Err(_) => fs::pipe().map_err(failed)?.0,
        };
        fs::keep_over_exec(nothing).map_err(failed)?;
    }
    Ok(())
}

/// Makes mini's controlling terminal standard input, when that was the archive.
///
/// # Errors
/// ENXIO without a controlling terminal.
pub fn take_keyboard() -> sys::Result<()> {
    fs::replace(0, &fs::open(c"/dev/tty", libc::O_RDWR, 0)?)
}

/// Gives terminals, pipes and writable files on 0, 1 and 2 to the command's user, who could
/// otherwise not open /dev/stdin, /dev/stdout and /dev/stderr. Read-only files (`</etc/shadow`) and
/// devices keep their owner.
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
            // mini may not change the owner, or the file system is read-only or has no owners. The
            // descriptor works anyway.
            Err(Errno::EPERM | Errno::EROFS | Errno::EINVAL) => {}
            result => result?,
        }
    }
    Ok(())
}
