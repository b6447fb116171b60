//! The verb `mini events`.

use super::oci::{Session, examine, unknown};
use super::print;
use crate::container::stats::{OomWatch, Stats};
use crate::error::{Error, Result};
use crate::json::Json;
use crate::store::Entry;
use crate::store::process::Process;
use crate::store::state::Status;
use crate::sys::clock::{self, SECOND};
use crate::sys::poll;
use crate::text::{Text, number};

/// Prints what a container uses, once or again and again, and when it ran out of memory.
///
/// # Errors
/// When the container is not running, or has no cgroup.
pub fn events(session: Session) -> Result<u8> {
    let interval = match session.oci.value("interval") {
        None => 5 * SECOND,
        Some(value) => {
            let bytes = value.to_bytes();
            let seconds = number(bytes.strip_suffix(b"s").unwrap_or(bytes), 10);
            let seconds = seconds.filter(|seconds| (1..=86_400).contains(seconds));
            let error = || Error::new("option --interval").object(bytes).cause("out of range");
            seconds.ok_or_else(|| error().hint("1s to 86400s"))? * SECOND
        }
    };
    let entry = session.find()?;
    let (state, status) = examine(&entry)?;
    if matches!(status, Status::Stopped | Status::Creating) {
        let error = Error::new("events").object(entry.id.to_bytes());
        return Err(error.cause("container not running"));
    }
    let stats = Stats::find(&state.cgroups)?;
    if session.oci.is("stats") {
        return tell_stats(&entry, &stats);
    }
    let process = Process::find(state.pid, state.started).ok_or_else(|| unknown(entry.id))?;
    // Not every host counts memory.
    let mut watch = stats.watch_memory().ok();
    let mut next = clock::now() + interval;
    loop {
        let mut polls =
            [watch.as_ref().map_or(NOTHING, OomWatch::poll), process.poll().unwrap_or(NOTHING)];
        // Without a descriptor of the process its end is looked for.
        let deadline = if polls[1].fd < 0 { next.min(clock::now() + SECOND) } else { next };
        let failed = |errno| Error::new("events").errno(errno);
        poll::wait(&mut polls, Some(deadline), None).map_err(failed)?;
        if polls[0].revents != 0
            && let Some(of) = &mut watch
        {
            if of.take(&state.cgroups) {
                tell(&entry, "oom", |_| {})?;
            } else if !process.is_alive(state.started) {
                // A cgroup that is gone has news without end.
                watch = None;
            }
        }
        if !process.is_alive(state.started) {
            return Ok(0);
        }
        if clock::now() >= next {
            tell_stats(&entry, &stats)?;
            next = clock::now() + interval;
        }
    }
}

const NOTHING: libc::pollfd = libc::pollfd { fd: -1, events: 0, revents: 0 };

fn tell_stats(entry: &Entry, stats: &Stats) -> Result<u8> {
    tell(entry, "stats", |json| stats.describe(json.key("data")))
}

fn tell(entry: &Entry, kind: &str, more: impl FnOnce(&mut Json)) -> Result<u8> {
    let mut json = Json { text: Text::new() };
    json.text.str("{");
    json.string("type", kind.as_bytes());
    json.string("id", entry.id.to_bytes());
    more(&mut json);
    json.end();
    json.text.str("\n");
    print(json.text.bytes().into())
}
