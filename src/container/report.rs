//! `--report`: one JSON object when the run has ended, however it ended.

use super::Outcome;
use crate::cgroup::Version;
use crate::error::{Error, Result};
use crate::host::Host;
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
    for group in &host.groups.list {
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
    let usage = &outcome.usage;
    let started = result.is_ok();
    json.number("wall_usec", started.then_some(outcome.wall_micros));
    // A group counts everybody; without one, those that were waited for.
    json.number("user_usec", usage.user_micros.or(started.then_some(outcome.user_micros)));
    json.number("system_usec", usage.system_micros.or(started.then_some(outcome.system_micros)));
    json.number("max_rss", started.then_some(outcome.max_rss));
    json.number("memory_peak", usage.memory_peak);
    json.number("oom_kills", usage.oom_kills);
    json.number("pids_peak", usage.pids_peak);
    json.number("throttled", usage.throttled);
    json.number("throttled_usec", usage.throttled_micros);
    json.number("io_read_bytes", usage.io_read);
    json.number("io_written_bytes", usage.io_written);
}

fn limits(json: &mut Json, spec: &Spec) {
    let resources = &spec.resources;
    json.number("memory", resources.memory.limit);
    json.limit("memory_swap", resources.memory.swap);
    json.number("memory_reservation", resources.memory.reservation);
    json.number("memory_swappiness", resources.memory.swappiness);
    json.number("cpu_shares", resources.cpu.shares);
    json.number("cpu_quota_usec", resources.cpu.quota);
    json.number("cpu_period_usec", resources.cpu.period);
    for (key, list) in [("cpuset_cpus", resources.cpu.cpus), ("cpuset_mems", resources.cpu.mems)] {
        match list {
            Some(list) => json.string(key, list.to_bytes()),
            None => json.key(key).str("null"),
        };
    }
    json.limit("pids", resources.pids);
    json.number("io_weight", resources.io_weight);
}

/// An object being written.
struct Json {
    text: Text,
}

impl Json {
    fn key(&mut self, key: &str) -> &mut Text {
        if !self.text.bytes().ends_with(b"{") {
            self.text.str(",");
        }
        self.text.str("\"").str(key).str("\":")
    }

    fn number(&mut self, key: &str, value: Option<u64>) {
        match value {
            Some(value) => self.key(key).number(value),
            None => self.key(key).str("null"),
        };
    }

    fn limit(&mut self, key: &str, value: Option<Limit>) {
        match value {
            Some(Limit::At(value)) => self.number(key, Some(value)),
            Some(Limit::Max) => drop(self.key(key).str("\"max\"")),
            None => self.number(key, None),
        };
    }

    /// Error lines and lists: their bytes are printable already, and no backslash or quote is
    /// left alone.
    fn string(&mut self, key: &str, value: &[u8]) -> &mut Text {
        self.key(key).str("\"");
        for byte in value {
            if matches!(byte, b'"' | b'\\') {
                self.text.str("\\");
            }
            self.text.raw(&[*byte]);
        }
        self.text.str("\"")
    }

    fn end(&mut self) {
        self.text.str("}");
    }
}
