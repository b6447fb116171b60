//! The handshake with whoever watches over mini: which process it is, and that it has started.

use super::Ready;
use crate::error::{Error, Result};
use crate::sys::{Errno, Fd, fs, net};
use crate::text::Text;
use core::ffi::CStr;

/// A file with a process id in it, which goes when this does.
pub struct PidFile<'a>(&'a CStr);

impl Drop for PidFile<'_> {
    fn drop(&mut self) {
        remove(self.0);
    }
}

/// Writes a process id to a file, which is there with its content or not at all.
pub fn write_pid(file: &CStr, pid: i32) -> Result<PidFile<'_>> {
    let mut draft = Text::new();
    draft.raw(file.to_bytes()).str(".").number(pid as u64);
    let draft = draft.leak();
    let mut content = Text::new();
    content.number(pid as u64).str("\n");
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
    let written = fs::open(draft, flags, 0o644)
        .and_then(|opened| fs::write_all(&opened, content.bytes()))
        .and_then(|()| fs::rename(draft, file));
    written.map(|()| PidFile(file)).map_err(|errno| {
        remove(draft);
        Error::new("pidfile").object(file.to_bytes()).errno(errno)
    })
}

fn remove(file: &CStr) {
    // Whoever has been faster has done the same.
    let _ = fs::unlink_at(fs::HERE, file);
}

/// Says that the command has started; it is process `pid`.
pub fn tell(ready: Ready, pid: i32) -> Result<()> {
    if let Some(fd) = ready.descriptor {
        let failed = |errno: Errno| Error::new("ready").number(fd).errno(errno);
        let to: Fd = fs::duplicate(fd as i32).map_err(failed)?;
        fs::write_all(&to, b"\n").map_err(failed)?;
    }
    if let Some(socket) = ready.socket {
        let mut text = Text::new();
        text.str("READY=1\nMAINPID=").number(pid as u64).str("\n");
        net::send_datagram(socket, text.bytes())
            .map_err(|errno| Error::new("notify").object(socket).errno(errno))?;
    }
    Ok(())
}
