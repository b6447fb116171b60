//! What a container used: read from its cgroups when it has ended, and from getrusage(2).

use crate::cgroup::Version::{self, V1, V2};
use crate::host::cgroups::path;
use crate::sys::fs::{self, Base};
use crate::text::number;
use core::ffi::CStr;

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Time from launch to end, in microseconds.
    Wall,
    /// CPU time in user mode, in microseconds.
    User,
    /// CPU time in the kernel, in microseconds.
    System,
    /// Maximum resident set size of one process, in bytes.
    MaxRss,
    /// Peak memory of all processes, in bytes.
    MemoryPeak,
    /// Processes killed by the OOM killer.
    OomKills,
    /// Peak number of processes.
    PidsPeak,
    /// Number of periods in which the CPU limit throttled the container.
    Throttled,
    /// Time throttled, in microseconds.
    ThrottledTime,
    /// Bytes read from block devices.
    IoRead,
    /// Bytes written to block devices.
    IoWritten,
}

/// Number of metrics.
const COUNT: usize = Metric::IoWritten as usize + 1;

/// Names in the report, in the order of [`Metric`].
const NAMES: [&str; COUNT] = [
    "wall_usec",
    "user_usec",
    "system_usec",
    "max_rss",
    "memory_peak",
    "oom_kills",
    "pids_peak",
    "throttled",
    "throttled_usec",
    "io_read_bytes",
    "io_written_bytes",
];

/// Measurements; None where the host does not provide one.
#[derive(Debug, Default)]
pub struct Usage([Option<u64>; COUNT]);

/// How a control file shows a number.
enum Form {
    /// The number alone.
    Alone,
    /// In the line that starts with this label.
    Line(&'static str),
    /// After this label, once per device; the values are added.
    EachDevice(&'static str),
}
use Form::*;

/// Where each metric is found: version, metric, file, form, and how many of the file's units make
/// one of the report's.
const SOURCES: [(Version, Metric, &str, Form, u64); 18] = [
    (V1, Metric::MemoryPeak, "memory.max_usage_in_bytes", Alone, 1),
    (V1, Metric::OomKills, "memory.oom_control", Line("oom_kill "), 1),
    (V1, Metric::PidsPeak, "pids.peak", Alone, 1),
    (V1, Metric::Throttled, "cpu.stat", Line("nr_throttled "), 1),
    (V1, Metric::ThrottledTime, "cpu.stat", Line("throttled_time "), 1000),
    // When cpuacct is mounted together with cpu.
    (V1, Metric::User, "cpuacct.usage_user", Alone, 1000),
    (V1, Metric::System, "cpuacct.usage_sys", Alone, 1000),
    (V1, Metric::IoRead, "blkio.throttle.io_service_bytes_recursive", EachDevice("Read "), 1),
    (V1, Metric::IoWritten, "blkio.throttle.io_service_bytes_recursive", EachDevice("Write "), 1),
    (V2, Metric::MemoryPeak, "memory.peak", Alone, 1),
    (V2, Metric::OomKills, "memory.events", Line("oom_kill "), 1),
    (V2, Metric::PidsPeak, "pids.peak", Alone, 1),
    (V2, Metric::Throttled, "cpu.stat", Line("nr_throttled "), 1),
    (V2, Metric::ThrottledTime, "cpu.stat", Line("throttled_usec "), 1),
    (V2, Metric::User, "cpu.stat", Line("user_usec "), 1),
    (V2, Metric::System, "cpu.stat", Line("system_usec "), 1),
    (V2, Metric::IoRead, "io.stat", EachDevice("rbytes="), 1),
    (V2, Metric::IoWritten, "io.stat", EachDevice("wbytes="), 1),
];

impl Usage {
    /// The value of a metric.
    pub fn get(&self, metric: Metric) -> Option<u64> {
        self.0[metric as usize]
    }

    /// Sets a metric, unless it is set already.
    pub fn note(&mut self, metric: Metric, value: Option<u64>) {
        let field = &mut self.0[metric as usize];
        *field = field.or(value);
    }

    /// All metrics with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Option<u64>)> {
        NAMES.into_iter().zip(self.0)
    }

    /// Reads the metrics of one cgroup.
    pub fn read(&mut self, version: Version, base: Base, cgroup: &CStr) {
        for (of, metric, file, form, parts) in &SOURCES {
            if *of != version {
                continue;
            }
            let path = path(&[cgroup.to_bytes(), b"/", file.as_bytes()]);
            let Ok(text) = fs::read_file_at(base, path, 1 << 20) else { continue };
            self.note(*metric, form.find(&text).map(|value| value / parts));
        }
    }
}

impl Form {
    fn find(&self, text: &[u8]) -> Option<u64> {
        match self {
            Alone => number(text.trim_ascii(), 10),
            Line(start) => number_after(text, start),
            EachDevice(label) => sum_after(text, label.as_bytes()),
        }
    }
}

/// The number in the line that begins with a label.
pub fn number_after(text: &[u8], label: &str) -> Option<u64> {
    let mut lines = text.split(|byte| *byte == b'\n');
    lines.find_map(|line| number(line.strip_prefix(label.as_bytes())?, 10))
}

/// Sum of the numbers that follow `label`; None without any.
fn sum_after(text: &[u8], label: &[u8]) -> Option<u64> {
    let mut sum = None;
    for at in 0..text.len() {
        if let Some(rest) = text[at..].strip_prefix(label) {
            let digits = rest.split(|b| !b.is_ascii_digit()).next().unwrap_or_default();
            sum = Some(sum.unwrap_or(0) + number(digits, 10).unwrap_or(0));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found() {
        let text = b"oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
        assert_eq!(Line("oom_kill ").find(text), Some(3));
        assert_eq!(Line("oom ").find(text), None);
        assert_eq!(Alone.find(b"12\n"), Some(12));
        let v1 = b"254:0 Read 4096\n254:0 Write 10\n8:0 Read 1\n8:0 Write 0\nTotal 4107\n";
        assert_eq!(EachDevice("Read ").find(v1), Some(4097));
        assert_eq!(EachDevice("Write ").find(v1), Some(10));
        let v2 = b"254:0 rbytes=5 wbytes=6 rios=1 wios=2\n8:0 rbytes=7 wbytes=0\n";
        assert_eq!(EachDevice("rbytes=").find(v2), Some(12));
        assert_eq!(EachDevice("rbytes=").find(b""), None);
    }

    #[test]
    fn the_first_value_is_kept() {
        let mut usage = Usage::default();
        usage.note(Metric::User, None);
        usage.note(Metric::User, Some(1));
        usage.note(Metric::User, Some(2));
        assert_eq!(usage.get(Metric::User), Some(1));
        assert_eq!(usage.iter().nth(1), Some(("user_usec", Some(1))));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_searched(text: Vec<u8>) {
            for form in [Alone, Line("a "), EachDevice("r=")] {
                form.find(&text);
            }
        }
    }
}
