//! Writing to what mini was given by its caller, without ever waiting. Others share it, so that its
//! flags are not mini's to set.

use super::fs::NumberedPath;
use super::{Errno, Fd, Result, fs, net, terminal};
use libc::POLLOUT;

/// A descriptor that is written to.
pub struct Output {
    number: i32,
    way: Way,
}

/// How no write waits.
enum Way {
    /// The same terminal or pipe, opened again.
    Again(Fd),
    /// A socket can be asked not to, for each write.
    Socket,
    /// A file takes all at once. It has a place where it is written to, which only this descriptor
    /// knows.
    File,
    /// The rest: without /proc, or somebody else's terminal. Not more at once than a pipe takes whole
    /// when it says that it is ready.
    Little,
}

/// PIPE_BUF (pipe(7))
const LITTLE: usize = 4096;

impl Output {
    /// Finds out how; `number` stays open as long as this is used.
    pub fn open(number: i32) -> Output {
        let way = match fs::file_type(number) {
            Ok(libc::S_IFREG) => Way::File,
            Ok(libc::S_IFSOCK) => Way::Socket,
            Ok(libc::S_IFIFO) => open_again(number),
            Ok(libc::S_IFCHR) if terminal::settings(number).is_ok() => open_again(number),
            _ => Way::Little,
        };
        Output { number, way }
    }

    /// What to wait for, with POLLOUT.
    pub fn raw(&self) -> i32 {
        match &self.way {
            Way::Again(own) => own.raw(),
            _ => self.number,
        }
    }

    /// Writes as much as can be written at once; EAGAIN if nothing can.
    pub fn write(&self, bytes: &[u8]) -> Result<usize> {
        let shared = Fd::borrowed(self.number);
        match &self.way {
            Way::Again(own) => fs::write(own, bytes),
            Way::Socket => net::send(&shared, bytes),
            Way::File => fs::write(&shared, bytes),
            // Where no descriptor may be had, none may be asked about (poll(2)).
            Way::Little if fs::poll_now(self.number, POLLOUT) == Ok(0) => Err(Errno::EAGAIN),
            Way::Little => fs::write(&shared, &bytes[..bytes.len().min(LITTLE)]),
        }
    }
}

fn open_again(number: i32) -> Way {
    let path = NumberedPath::new(b"/proc/self/fd/", number as u32);
    let flags = libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY;
    fs::open(path.as_c_str(), flags, 0).map_or(Way::Little, Way::Again)
}
