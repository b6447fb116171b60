//! `--report`: one JSON object when the run has ended, however it ended.

use super::Outcome;
use crate::cgroup::Version;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::json::Json;
use crate::spec::Spec;
use crate::spec::resources::Limit;
use crate::sys::{Fd, fs};
use crate::text::{Text, number};
use core::ffi::CStr;

/// Opens what the report goes to: an open descriptor by its number, else a file, emptied. Done
/// before the launch, so that a report that cannot be written is an error before the command.
pub fn open(target: &CStr) -> Result<Fd> {
    let failed = |errno| Error::new("report").object(target.to_bytes()).errno(errno);
    match number(target.to_bytes(), 10) {
        Some(fd) => fs::duplicate(fd as i32).map_err(failed),
        None => {
            let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC;
            fs::open(target, flags, 0o666).map_err(failed)
        }
    }
}

/// Writes the report.
pub fn write(to: &Fd, result: &Result<Outcome>, spec: &Spec, host: &Host) -> Result<()> {
    let mut json = Json { text: Text::new() };
    json.text.str("{");
    outcome(&mut json, result);
    json.key("limits").str("{");
    limits(&mut json, spec);
    json.end();
    json.key("cgroups").str("{");
    for group in host.groups.list.iter().filter(|group| !group.implied) {
        for controller in group.controllers.iter() {
            let version = if group.version == Version::V1 { "\"v1\"" } else { "\"v2\"" };
            json.key(controller.name(group.version)).str(version);
        }
    }
    json.end();
    json.end();
    json.text.str("\n");
    fs::write_all(to, json.text.bytes()).map_err(|errno| Error::new("report").errno(errno))
}

fn outcome(json: &mut Json, result: &Result<Outcome>) {
    let none = Outcome::default();
    let (status, outcome) = match result {
        Ok(outcome) => (outcome.status, outcome),
        Err(error) => (error.status(), &none),
    };
    json.number("status", Some(status.into()));
    json.number("signal", outcome.signal.map(u64::from));
    match result {
        Ok(_) => json.key("error").str("null"),
        Err(error) => json.string("error", error.line()),
    };
    for (name, value) in outcome.usage.iter() {
        json.number(name, value);
    }
}

fn limits(json: &mut Json, spec: &Spec) {
    let resources = spec.resources;
    let (memory, cpu) = (&resources.memory, &resources.cpu);
    for (name, value) in [
        ("memory", memory.limit.map(Limit::At)),
        ("memory_swap", memory.swap),
        ("memory_reservation", memory.reservation.map(Limit::At)),
        ("memory_swappiness", memory.swappiness.map(Limit::At)),
        ("cpu_shares", cpu.shares.map(Limit::At)),
        ("cpu_quota_usec", cpu.quota.map(Limit::At)),
        ("cpu_period_usec", cpu.period.map(Limit::At)),
        ("pids", resources.pids),
        ("io_weight", resources.io_weight.map(Limit::At)),
    ] {
        limit(json, name, value);
    }
    for (name, list) in [("cpuset_cpus", cpu.cpus), ("cpuset_mems", cpu.mems)] {
        match list {
            Some(list) => json.string(name, list.to_bytes()),
            None => json.key(name).str("null"),
        };
    }
}

fn limit(json: &mut Json, key: &str, value: Option<Limit>) {
    match value {
        Some(Limit::At(value)) => json.number(key, Some(value)),
        Some(Limit::Max) => drop(json.key(key).str("\"max\"")),
        None => json.number(key, None),
    };
}
