//! The verb `mini ps`.

use super::oci::{Session, examine};
use super::print;
use crate::container::cgroups;
use crate::error::{Error, Result};
use crate::store::state::Status;
use crate::sys::fs;
use crate::text::Text;
use alloc::vec::Vec;

/// Prints the processes of a container: their ids as JSON, or a table with their parents, users and commands.
///
/// # Errors
/// When the format is unknown, or the container has no cgroup.
pub fn ps(session: Session) -> Result<u8> {
    let entry = session.find()?;
    let format = session.oci.value("format").map_or(&b"table"[..], |format| format.to_bytes());
    if !matches!(format, b"table" | b"json") {
        let error = Error::new("option --format").object(format).cause("unknown");
        return Err(error.hint("table or json"));
    }
    let (state, status) = examine(&entry)?;
    let pids = match status {
        Status::Stopped | Status::Creating => Vec::new(),
        _ => cgroups::pids(&state.cgroups)?,
    };
    let mut text = Text::new();
    if format == b"json" {
        text.str("[");
        for (number, pid) in pids.iter().enumerate() {
            text.str(if number > 0 { "," } else { "" }).number(*pid as u64);
        }
        text.str("]\n");
    } else {
        text.str("PID      PPID     UID      COMMAND\n");
        pids.iter().for_each(|pid| row(*pid, &mut text));
    }
    print(text.bytes().into())
}

/// A line about a process, unless it has just ended.
fn row(pid: i32, out: &mut Text) {
    let file = |name: &str| {
        let mut path = Text::new();
        path.str("/proc/").number(pid as u64).str(name);
        fs::read_file(path.leak(), 65536).ok()
    };
    let Some(status) = file("/status") else { return };
    let value = |key: &[u8]| {
        let line = status.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(key));
        line.unwrap_or_default().split(u8::is_ascii_whitespace).find(|word| !word.is_empty())
    };
    let mut own = Text::new();
    own.number(pid as u64);
    for column in [Some(own.bytes()), value(b"PPid:"), value(b"Uid:")] {
        let column = column.unwrap_or_default();
        out.raw(column);
        for _ in column.len()..9 {
            out.str(" ");
        }
    }
    let arguments = file("/cmdline").unwrap_or_default();
    if arguments.is_empty() {
        // A zombie, or a thread of the kernel's.
        out.str("[").quoted(value(b"Name:").unwrap_or_default()).str("]");
    }
    for (number, argument) in arguments.split(|b| *b == 0).enumerate() {
        if number > 0 && argument.is_empty() {
            break;
        }
        out.str(if number > 0 { " " } else { "" }).quoted(argument);
    }
    out.str("\n");
}
