//! The parent's part: everything mini does outside the container.

pub mod cgroups;
pub mod create;
mod event_loop;
pub mod exec;
mod explain;
mod foreground;
pub mod freezer;
pub mod hooks;
mod id_maps;
mod input_end;
mod launch;
mod net_devices;
mod output_file;
mod overlay_lock;
mod ready;
pub mod report;
pub mod signals;
pub mod start;
pub mod stats;
mod supervise;
pub mod terminal;
mod trace;
pub mod update;
pub mod usage;

use super::{Outcome, RunOptions};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::plan::Plan;
use crate::spec::Spec;
use crate::spec::resources::Property;
use crate::sys::clock;
use crate::text::Text;
use cgroups::Cgroups;
use usage::Metric;

/// Launches the command, waits for it and returns how it ended.
///
/// # Errors
/// Anything that kept the command from starting. Then nothing is left behind.
pub fn run<'a>(
    plan: &'a Plan<'a>,
    spec: &Spec<'a>,
    host: &Host,
    options: RunOptions<'a>,
) -> Result<Outcome> {
    let start = if options.measure { clock::now() } else { 0 };
    let _locks = overlay_lock::claim(spec)?;
    // Before the first change that a signal could leave behind.
    let failed = |errno| Error::new("block signals").errno(errno);
    signals::begin().map_err(failed)?;
    let mut cgroups = Cgroups::make(plan, spec, host, options.trace)?;
    cgroups.guard(host)?;
    let launched = launch::launch(plan, spec, host, &cgroups.handles, options)?;
    // The command is running; removing leftovers of killed minis delays only the end.
    cgroups::sweep(host);
    let (mut outcome, rusage) = supervise::supervise(launched, plan, spec, host, options)?;
    let killed = outcome.status == 128 + libc::SIGKILL as u8;
    let usage = &mut outcome.usage;
    if options.measure {
        usage.note(Metric::Wall, Some((clock::now() - start) / 1000));
    }
    if options.measure || (killed && spec.resources.get(Property::MemoryLimit).is_some()) {
        cgroups.usage(host, usage);
    }
    // The cgroup counts all processes. Without one, getrusage(2) counts those that were waited for.
    usage.note(Metric::User, Some(rusage.user_micros));
    usage.note(Metric::System, Some(rusage.system_micros));
    usage.note(Metric::MaxRss, Some(rusage.max_rss));
    if killed && usage.get(Metric::OomKills) > Some(0) {
        out_of_memory(spec).print();
    }
    Ok(outcome)
}

fn out_of_memory(spec: &Spec) -> Error {
    let mut hint = Text::new();
    let limit = spec.resources.get(Property::MemoryLimit).unwrap_or_default();
    hint.str("the limit is ").number(limit as u64).str(" bytes");
    Error::new("out of memory").cause("the kernel killed the command").hint_text(&hint)
}
