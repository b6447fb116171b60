//! What a container used, read from its groups when it has ended.

use crate::cgroup::Version;
use crate::host::groups::path;
use crate::sys::fs::{self, Base};
use crate::text::number;
use alloc::vec::Vec;
use core::ffi::CStr;

/// Figures; None where the host does not give them.
#[derive(Debug, Default)]
pub struct Usage {
    /// The most memory at a time, in bytes.
    pub memory_peak: Option<u64>,
    /// Processes killed for lack of memory.
    pub oom_kills: Option<u64>,
    /// The most processes at a time.
    pub pids_peak: Option<u64>,
    /// Microseconds of processor time of the command's own.
    pub user_micros: Option<u64>,
    /// Microseconds of processor time in the kernel.
    pub system_micros: Option<u64>,
    /// How often the limit on processor time made it wait.
    pub throttled: Option<u64>,
    /// Microseconds it waited so.
    pub throttled_micros: Option<u64>,
    /// Bytes read from disks.
    pub io_read: Option<u64>,
    /// Bytes written to disks.
    pub io_written: Option<u64>,
}

impl Usage {
    /// Adds what one group tells.
    pub fn read(&mut self, version: Version, base: Base, group: &CStr) {
        let text = |file: &[u8]| -> Vec<u8> {
            let path = path(&[group.to_bytes(), b"/", file]);
            fs::read_file_at(base, &path, 1 << 20).unwrap_or_default()
        };
        let single = |file: &[u8]| number(text(file).trim_ascii(), 10);
        fn fill(field: &mut Option<u64>, value: Option<u64>) {
            *field = field.or(value);
        }
        fill(&mut self.pids_peak, single(b"pids.peak"));
        let cpu = text(b"cpu.stat");
        fill(&mut self.throttled, keyed(&cpu, b"nr_throttled"));
        match version {
            Version::V1 => {
                fill(&mut self.memory_peak, single(b"memory.max_usage_in_bytes"));
                fill(&mut self.oom_kills, keyed(&text(b"memory.oom_control"), b"oom_kill"));
                let nanos = keyed(&cpu, b"throttled_time");
                fill(&mut self.throttled_micros, nanos.map(|nanos| nanos / 1000));
                // Where cpuacct shares the hierarchy.
                let micros = |file| single(file).map(|nanos| nanos / 1000);
                fill(&mut self.user_micros, micros(b"cpuacct.usage_user"));
                fill(&mut self.system_micros, micros(b"cpuacct.usage_sys"));
                let io = text(b"blkio.throttle.io_service_bytes_recursive");
                fill(&mut self.io_read, device_sum(&io, b"Read "));
                fill(&mut self.io_written, device_sum(&io, b"Write "));
            }
            Version::V2 => {
                fill(&mut self.memory_peak, single(b"memory.peak"));
                fill(&mut self.oom_kills, keyed(&text(b"memory.events"), b"oom_kill"));
                fill(&mut self.throttled_micros, keyed(&cpu, b"throttled_usec"));
                fill(&mut self.user_micros, keyed(&cpu, b"user_usec"));
                fill(&mut self.system_micros, keyed(&cpu, b"system_usec"));
                let io = text(b"io.stat");
                fill(&mut self.io_read, device_sum(&io, b"rbytes="));
                fill(&mut self.io_written, device_sum(&io, b"wbytes="));
            }
        }
    }
}

/// The value in the line `KEY VALUE`.
fn keyed(text: &[u8], key: &[u8]) -> Option<u64> {
    text.split(|b| *b == b'\n').find_map(|line| {
        let value = line.strip_prefix(key)?.strip_prefix(b" ")?;
        number(value, 10)
    })
}

/// The sum over all devices of the numbers that follow `label`; None without any.
fn device_sum(text: &[u8], label: &[u8]) -> Option<u64> {
    let mut sum = None;
    let mut rest = text;
    while let Some(at) = rest.windows(label.len()).position(|window| window == label) {
        rest = &rest[at + label.len()..];
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let value = number(&rest[..digits], 10).unwrap_or(0);
        sum = Some(sum.unwrap_or(0) + value);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found() {
        let text = b"oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
        assert_eq!(keyed(text, b"oom_kill"), Some(3));
        assert_eq!(keyed(text, b"oom"), None);
        let v1 = b"254:0 Read 4096\n254:0 Write 10\n8:0 Read 1\n8:0 Write 0\nTotal 4107\n";
        assert_eq!(device_sum(v1, b"Read "), Some(4097));
        assert_eq!(device_sum(v1, b"Write "), Some(10));
        let v2 = b"254:0 rbytes=5 wbytes=6 rios=1 wios=2\n8:0 rbytes=7 wbytes=0\n";
        assert_eq!(device_sum(v2, b"rbytes="), Some(12));
        assert_eq!(device_sum(b"", b"rbytes="), None);
    }
}
