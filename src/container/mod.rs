//! Doing what the plan says. The parent makes the groups, launches the child, hands it the
//! command's words and waits; the child performs the steps and becomes the command.

mod confine;
mod exec;
mod explain;
mod foreground;
mod gate;
mod groups;
mod ids;
mod init;
mod input_end;
mod inside;
mod launch;
mod layers;
mod passwd;
mod places;
mod ready;
mod reaper;
pub mod report;
mod status;
pub mod stdio;
mod supervise;
mod tar;
mod terminal;
mod trace;
mod unpack;
mod usage;
mod volume;

use crate::error::{Error, Result};
use crate::host::Host;
use crate::plan::Plan;
use crate::spec::Spec;
use crate::sys::clock;
use crate::sys::memory::Program;
use crate::text::Text;
use core::ffi::CStr;
use groups::Groups;
pub use reaper::serve_as_init;
use usage::{Figure, Usage};

/// How to go about it, beside what to do.
#[derive(Debug, Clone, Copy)]
pub struct Manner<'a> {
    /// Print each step with its result and time.
    pub trace: bool,
    /// Measure what the command uses.
    pub measure: bool,
    /// Where mini itself lies in memory.
    pub program: Program,
    /// When and how to end the command.
    pub stop: Stop,
    /// Where to write the command's process id.
    pub pidfile: Option<&'a CStr>,
    /// Whom to tell that it has started.
    pub ready: Ready<'a>,
}

/// When and how to end the command; times in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    /// After this much time.
    pub timeout: Option<u64>,
    /// By this signal, also when somebody sends SIGTERM to mini.
    pub signal: i32,
    /// What it has to end then, before it is killed.
    pub grace: u64,
    /// Whether that was asked for, and so applies whoever wants it to end.
    pub grace_is_asked: bool,
}

/// Whom to tell that the command has started.
#[derive(Debug, Clone, Copy)]
pub struct Ready<'a> {
    /// This descriptor gets a newline.
    pub descriptor: Option<u32>,
    /// The value of NOTIFY_SOCKET, where the container cannot reach it itself (sd_notify(3)).
    pub socket: Option<&'a [u8]>,
}

impl Ready<'_> {
    fn is_wanted(&self) -> bool {
        self.descriptor.is_some() || self.socket.is_some()
    }
}

/// How the command ended, and, if measured, what it used.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The exit status for mini's caller.
    pub status: u8,
    /// The signal that ended it.
    pub signal: Option<u8>,
    /// What it used.
    pub usage: Usage,
}

/// Launches, waits, and tells how it ended.
///
/// # Errors
/// Whatever kept the command from starting; nothing is left behind.
pub fn run(plan: &Plan, spec: &Spec, host: &Host, manner: Manner) -> Result<Outcome> {
    let start = if manner.measure { clock::now() } else { 0 };
    let _locks = layers::claim(spec)?;
    let mut groups = Groups::make(plan, spec, host, manner.trace)?;
    groups.guard(host)?;
    let launched = launch::launch(plan, spec, host, &groups.doors, manner)?;
    // The command is on its way: what others left behind delays only its end.
    groups::sweep(host);
    let (mut outcome, rusage) = supervise::supervise(launched, plan, spec, host, manner)?;
    let killed = outcome.status == 128 + libc::SIGKILL as u8;
    let usage = &mut outcome.usage;
    if manner.measure {
        usage.note(Figure::Wall, Some((clock::now() - start) / 1000));
    }
    if manner.measure || (killed && spec.resources.memory.limit.is_some()) {
        groups.usage(host, usage);
    }
    // A group counts everybody; where none tells, those that were waited for.
    usage.note(Figure::User, Some(rusage.user_micros));
    usage.note(Figure::System, Some(rusage.system_micros));
    usage.note(Figure::MaxRss, Some(rusage.max_rss));
    if killed && usage.get(Figure::OomKills) > Some(0) {
        out_of_memory(spec).print();
    }
    Ok(outcome)
}

fn out_of_memory(spec: &Spec) -> Error {
    let mut hint = Text::new();
    hint.str("the limit is ").number(spec.resources.memory.limit.unwrap_or(0)).str(" bytes");
    Error::new("out of memory").cause("the kernel killed the command").hint_text(&hint)
}
