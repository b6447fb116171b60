//! Notifies a service manager: the pid file, --ready-fd and NOTIFY_SOCKET.

use super::output_file::OutputFile;
use super::signals;
use crate::container::Ready;
use crate::error::{Error, Result};
use crate::sys::output::Output;
use crate::sys::{Errno, Fd, net};
use crate::text::Text;
use core::ffi::CStr;
use libc::{POLLOUT, pollfd};

/// A pid file. Dropping this value removes it.
pub struct PidFile<'a> {
    path: &'a CStr,
    output: OutputFile,
    file: Fd,
}

impl Drop for PidFile<'_> {
    fn drop(&mut self) {
        if let Err(errno) = self.output.remove(&self.file) {
            // The command's status is kept.
            Error::new("remove pidfile").object(self.path.to_bytes()).errno(errno).print();
        }
    }
}

/// Writes a process id to a file, completely or not at all.
pub fn write_pid(path: &CStr, pid: i32) -> Result<PidFile<'_>> {
    write_number(path, pid, "\n")
}

/// Writes a process id and `end` to a file, completely or not at all.
pub fn write_number<'a>(path: &'a CStr, pid: i32, end: &str) -> Result<PidFile<'a>> {
    let error = || Error::new("pidfile").object(path.to_bytes());
    let failed = |errno| error().errno(errno);
    let output = OutputFile::find(path).map_err(failed)?;
    if !matches!(output.kind().map_err(failed)?, None | Some(libc::S_IFREG)) {
        return Err(error().cause("not a regular file"));
    }
    let mut content = Text::new();
    content.number(pid as u64).str(end);
    let written = output.create(0o644).and_then(|unnamed| output.write(unnamed, content.bytes()));
    let file = written.map_err(failed)?;
    Ok(PidFile { path, output, file })
}

/// What a service manager is told (sd_notify(3)). Its main process stays mini, which forwards signals and whose
/// status is the command's: systemd would not learn the status of a process that is not its child (MAINPID=).
const READY: &[u8] = b"READY=1\n";

/// Notifies that the command has started. Does not wait for slow readers.
pub struct ReadyNotification<'a> {
    ready: Ready<'a>,
    /// Notifications that the descriptor and the socket have not taken yet.
    line: Option<Output>,
    datagram: Option<Fd>,
}

impl<'a> ReadyNotification<'a> {
    /// No notification yet.
    pub fn new(ready: Ready<'a>) -> ReadyNotification<'a> {
        ReadyNotification { ready, line: None, datagram: None }
    }

    /// Starts to notify that the command has started. Errors are printed and do not end the command.
    pub fn begin(&mut self) {
        self.line = self.ready.descriptor.map(|fd| Output::open(fd as i32));
        if let Some(socket) = self.ready.socket {
            match net::connect_datagram(socket) {
                Ok(connected) => self.datagram = Some(connected),
                Err(errno) => self.failed_to_notify(errno),
            }
        }
        self.send();
    }

    /// Descriptors to poll.
    pub fn polls(&self) -> [pollfd; 2] {
        let out = |fd: Option<i32>| pollfd { fd: fd.unwrap_or(-1), events: POLLOUT, revents: 0 };
        [out(self.line.as_ref().map(Output::raw)), out(self.datagram.as_ref().map(Fd::raw))]
    }

    /// Whether a notification is still pending.
    pub fn is_pending(&self) -> bool {
        self.line.is_some() || self.datagram.is_some()
    }

    /// Sends what there is room for.
    pub fn send(&mut self) {
        match self.line.as_ref().map(|output| output.write(b"\n")) {
            None | Some(Err(Errno::EAGAIN)) => {}
            Some(result) => {
                self.line = None;
                if let Err(errno) = result {
                    signals::discard_pipe();
                    let fd = self.ready.descriptor.unwrap_or_default();
                    Error::new("ready").number(fd).errno(errno).print();
                }
            }
        }
        match self.datagram.as_ref().map(|socket| net::send(socket, READY)) {
            None | Some(Err(Errno::EAGAIN)) => {}
            Some(result) => {
                self.datagram = None;
                if let Err(errno) = result {
                    self.failed_to_notify(errno);
                }
            }
        }
    }

    fn failed_to_notify(&self, errno: Errno) {
        let socket = self.ready.socket.unwrap_or_default();
        Error::new("notify").object(socket).errno(errno).print();
    }
}
