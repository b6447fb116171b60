//! Executes a plan. The parent creates the cgroups, starts the child, sends it the command's arguments and
//! waits for it; the child performs the steps and becomes the command.

mod args_pipe;
mod child;
mod parent;
mod status;
pub mod stdio;

pub use child::init::{run_sealed, serve as serve_as_init};
pub use parent::{
    cgroups, create, exec, freezer, hooks, report, run, signals, start, stats, update,
};

use crate::sys::Fd;
use crate::sys::clock::SECOND;
use crate::sys::memory::Program;
use core::ffi::CStr;
use parent::usage::Usage;

/// How to run a container: what is not part of the container itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunOptions<'a> {
    /// Whether to print each step with its result and time.
    pub trace: bool,
    /// Whether to measure what the command uses.
    pub measure: bool,
    /// Address range of mini itself in memory.
    pub program: Program,
    /// How to end the command.
    pub stop: Stop,
    /// Path of the file for the command's process id.
    pub pidfile: Option<&'a CStr>,
    /// Readiness notification.
    pub ready: Ready<'a>,
    /// Where the child waits for `mini start`; None: it does not.
    pub start: Option<&'a Fd>,
    /// Whether a process that waits for `mini start` outlives mini.
    pub outlives: bool,
}

/// How to end the command; times in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// The signal that asks the command to end (--stop-signal). mini sends it also on SIGTERM to
    /// mini.
    pub signal: i32,
    /// Time between that signal and SIGKILL.
    pub grace: u64,
    /// Whether --stop-timeout was given. Then it applies to every request to end, not only to
    /// --timeout.
    pub grace_is_asked: bool,
}

/// SIGTERM, and 10 seconds before SIGKILL.
impl Default for Stop {
    fn default() -> Stop {
        Stop { signal: libc::SIGTERM, grace: 10 * SECOND, grace_is_asked: false }
    }
}

/// Where to report that the command has started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ready<'a> {
    /// File descriptor that gets a newline.
    pub descriptor: Option<u32>,
    /// Value of NOTIFY_SOCKET, where the container cannot reach the socket itself (sd_notify(3)).
    pub socket: Option<&'a [u8]>,
}

impl Ready<'_> {
    fn is_wanted(&self) -> bool {
        self.descriptor.is_some() || self.socket.is_some()
    }
}

/// How the command ended and what it used.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Exit status of mini.
    pub status: u8,
    /// Signal that ended the command.
    pub signal: Option<u8>,
    /// Measurements, if requested.
    pub usage: Usage,
}
