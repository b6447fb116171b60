//! The standard descriptors of a mini that was started without some of them.

use crate::error::{Error, Result};
use crate::sys::{self, Errno, fs};

/// Opens what is closed of 0, 1 and 2 on nothing, before anything else is opened: the command
/// shall not find a pipe of mini's there, nor its own first file get such a number.
pub fn repair() -> Result<()> {
    let failed = |errno: Errno| Error::new("open standard descriptors").errno(errno);
    for fd in 0..=2 {
        if fs::is_open(fd) {
            continue;
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
