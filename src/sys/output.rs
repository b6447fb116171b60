//! Writes to descriptors of the caller without ever waiting. Other processes share them, so mini
//! must not set O_NONBLOCK on them.

use super::fs::NumberedPath;
use super::{Errno, Fd, Result, fs, net, terminal};
use libc::POLLOUT;

/// A descriptor to write to.
pub struct Output {
    number: i32,
    way: Method,
}

/// How writes avoid waiting.
enum Method {
    /// A terminal or pipe, reopened with O_NONBLOCK.
    Reopened(Fd),
    /// A socket: MSG_DONTWAIT for each write.
    Socket,
    /// A file never waits. It is not reopened, because only this descriptor has the file offset.
    File,
    /// Anything else: without /proc, or another user's terminal. After poll(2) reports room, a pipe
    /// takes up to PIPE_BUF bytes without waiting.
    PipeBuf,
}

/// PIPE_BUF (pipe(7)).
const PIPE_BUF: usize = 4096;

impl Output {
    /// Chooses the method; descriptor `number` must stay open while this is used.
    pub fn open(number: i32) -> Output {
        let way = match fs::file_type(number) {
            Ok(libc::S_IFREG) => Method::File,
            Ok(libc::S_IFSOCK) => Method::Socket,
            Ok(libc::S_IFIFO) => open_again(number),
            Ok(libc::S_IFCHR) if terminal::settings(number).is_ok() => open_again(number),
            _ => Method::PipeBuf,
        };
        Output { number, way }
    }

    /// The descriptor to poll for POLLOUT.
    pub fn raw(&self) -> i32 {
        match &self.way {
            Method::Reopened(own) => own.raw(),
            _ => self.number,
        }
    }

    /// Writes as much as possible; EAGAIN when nothing can be written.
    pub fn write(&self, bytes: &[u8]) -> Result<usize> {
        let shared = Fd::borrowed(self.number);
        match &self.way {
            Method::Reopened(own) => fs::write(own, bytes),
            Method::Socket => net::send(&shared, bytes),
            Method::File => fs::write(&shared, bytes),
            // With RLIMIT_NOFILE 0 poll(2) fails; then the write is tried.
            Method::PipeBuf if fs::poll_now(self.number, POLLOUT) == Ok(0) => Err(Errno::EAGAIN),
            Method::PipeBuf => fs::write(&shared, &bytes[..bytes.len().min(PIPE_BUF)]),
        }
    }
}

fn open_again(number: i32) -> Method {
    let path = NumberedPath::new(b"/proc/self/fd/", number as u32);
    let flags = libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY;
    fs::open(path.as_c_str(), flags, 0).map_or(Method::PipeBuf, Method::Reopened)
}
