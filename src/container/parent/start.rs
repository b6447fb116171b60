//! Starts a created container: connects to its process and receives failures.

use super::explain::NOT_IN_PATH;
use crate::container::status::{Detail, Record};
use crate::error::{Error, Result};
use crate::sys::{Errno, Fd, net};

/// Whether a container waits at the socket.
pub fn is_waiting(socket: &[u8]) -> bool {
    net::connect_stream(socket).is_ok()
}

/// Tells the container's process to execute the command. `state` is the standard input of the
/// startContainer hooks.
///
/// # Errors
/// The command could not be executed, or a hook failed. Returns None when no process waits at the
/// socket.
pub fn start(socket: &[u8], state: Option<&Fd>) -> Result<Option<()>> {
    let failed = |errno| Error::new("start").errno(errno);
    let connection = match net::connect_stream(socket) {
        Err(Errno::ECONNREFUSED | Errno::ENOENT) => return Ok(None),
        result => result.map_err(failed)?,
    };
    net::send_with(&connection, &[1], state).map_err(failed)?;
    let mut detail = Detail::new();
    match Record::read(&mut detail, &connection) {
        // The command runs: execve(2) closed the connection.
        Ok(None) => return Ok(Some(())),
        Ok(Some(_)) => {}
        // Another `mini start` was faster.
        Err(Errno::ECONNRESET) => return Ok(None),
        Err(errno) => return Err(failed(errno)),
    }
    let mut name = Detail::new();
    name.set(detail.bytes());
    match Record::read(&mut detail, &connection).map_err(failed)? {
        Some(Record { failure: Some(errno), .. }) => {
            Err(explain(name.bytes(), errno, detail.bytes()))
        }
        _ => Ok(Some(())),
    }
}

fn explain(name: &[u8], errno: Errno, detail: &[u8]) -> Error {
    let error = Error::new("start:").raw(name);
    if name == b"hook" {
        let error = error.object(detail);
        return match errno {
            Errno::ETIMEDOUT => error.cause("timed out, and was killed"),
            Errno::ECHILD => error.cause("failed"),
            errno => error.errno(errno),
        };
    }
    let command = name.strip_prefix(b"exec ");
    match (errno, command) {
        (Errno::ENOENT, Some(command)) if detail.is_empty() && !command.contains(&b'/') => {
            error.cause(NOT_IN_PATH)
        }
        _ if detail.is_empty() => error.errno(errno),
        _ => {
            let mut hint = crate::text::Text::new();
            hint.quoted(detail);
            error.errno(errno).hint_text(&hint)
        }
    }
}
