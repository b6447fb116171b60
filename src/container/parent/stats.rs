//! What a container uses now, read from its cgroups, as JSON in the words of `runc events`; and the news that the kernel
//! killed a process of it for want of memory.

use super::usage::number_after;
use crate::cgroup::{Controller, Version};
use crate::error::{Error, Result};
use crate::host::cgroups::{Member, members, path};
use crate::json::Json;
use crate::sys::{Errno, Fd, fs};
use crate::text::{Text, number};
use alloc::vec::Vec;
use core::ffi::CStr;

const LIMIT: usize = 1 << 20;

/// The cgroups of a container, to be read again and again.
pub struct Stats<'d> {
    members: Vec<Member<'d>>,
}

impl<'d> Stats<'d> {
    /// Finds the cgroups.
    ///
    /// # Errors
    /// When the container has none.
    pub fn find(directories: &[&'d CStr]) -> Result<Stats<'d>> {
        let members = members(directories)?;
        match members.is_empty() {
            true => Err(Error::new("events").cause("the container has no cgroup")),
            false => Ok(Stats { members }),
        }
    }

    fn of(&self, controller: Controller) -> Option<&Member<'d>> {
        self.members.iter().find(|member| member.controllers.has(controller))
    }

    /// The members of the object `data`. What a kernel does not tell is left out or 0, as with runc.
    pub fn describe(&self, out: &mut Text) {
        let mut json = Json { text: Text::new() };
        json.text.str("{");
        json.key("cpu").str("{");
        self.cpu(&mut json);
        json.text.str("},\"cpuset\":{}");
        json.key("memory").str("{");
        self.memory(&mut json);
        json.text.str("}");
        json.key("pids").str("{");
        if let Some(member) = self.of(Controller::Pids) {
            json.number("current", Some(value(member, "pids.current").unwrap_or(0)));
            // 0 stands for no limit.
            json.number("limit", Some(value(member, "pids.max").unwrap_or(0)));
        }
        json.text.str("}");
        json.key("blkio").str("{");
        self.block_io(&mut json);
        json.text.str("}");
        json.key("hugetlb").str("{");
        self.huge_pages(&mut json);
        json.text.str("},\"intel_rdt\":{},\"network_interfaces\":null");
        json.end();
        out.raw(json.text.bytes());
    }

    fn cpu(&self, json: &mut Json) {
        let Some(member) = self.of(Controller::Cpu) else { return };
        let stat = text(member, "cpu.stat");
        let line = |label: &str| number_after(&stat, label).unwrap_or(0);
        // cpuacct has no limits, and may be a hierarchy of its own.
        let account = |file| self.members.iter().find_map(|it| value(it, file)).unwrap_or(0);
        // Nanoseconds.
        let (total, kernel, user, throttled) = match member.version {
            Version::V1 => (
                account("cpuacct.usage"),
                account("cpuacct.usage_sys"),
                account("cpuacct.usage_user"),
                line("throttled_time "),
            ),
            Version::V2 => (
                line("usage_usec ") * 1000,
                line("system_usec ") * 1000,
                line("user_usec ") * 1000,
                line("throttled_usec ") * 1000,
            ),
        };
        json.key("usage").str("{");
        json.number("total", Some(total));
        let each: Vec<u8> =
            self.members.iter().flat_map(|it| text(it, "cpuacct.usage_percpu")).collect();
        if !each.is_empty() {
            json.key("percpu").str("[");
            let numbers =
                each.split(|byte| *byte == b' ').filter_map(|word| number(word.trim_ascii(), 10));
            for (at, number) in numbers.enumerate() {
                json.text.str(if at > 0 { "," } else { "" }).number(number);
            }
            json.text.str("]");
        }
        json.number("kernel", Some(kernel));
        json.number("user", Some(user));
        json.text.str("}");
        json.key("throttling").str("{");
        json.number("periods", Some(line("nr_periods ")));
        json.number("throttledPeriods", Some(line("nr_throttled ")));
        json.number("throttledTime", Some(throttled));
        json.text.str("}");
    }

    fn memory(&self, json: &mut Json) {
        let Some(member) = self.of(Controller::Memory) else { return };
        let stat = text(member, "memory.stat");
        let v1 = member.version == Version::V1;
        let cache = number_after(&stat, if v1 { "cache " } else { "file " });
        json.number("cache", Some(cache.unwrap_or(0)));
        const V1: [(&str, &str); 4] = [
            ("usage", "memory"),
            ("swap", "memory.memsw"),
            ("kernel", "memory.kmem"),
            ("kernelTCP", "memory.kmem.tcp"),
        ];
        if v1 {
            for (name, prefix) in V1 {
                let file = |suffix: &str| {
                    let mut text = Text::new();
                    text.str(prefix).str(suffix);
                    value_of(member, text.bytes())
                };
                data(
                    json,
                    name,
                    file(".limit_in_bytes"),
                    file(".usage_in_bytes"),
                    file(".max_usage_in_bytes"),
                    file(".failcnt"),
                );
            }
        } else {
            let failures = number_after(&text(member, "memory.events"), "max ");
            let of = |name| value(member, name);
            data(
                json,
                "usage",
                of("memory.max"),
                of("memory.current"),
                of("memory.peak"),
                failures,
            );
            // With runc the limit on swap counts memory as well.
            let total =
                |swap: Option<u64>, memory: Option<u64>| Some(swap?.saturating_add(memory?));
            let limit = total(of("memory.swap.max"), of("memory.max"));
            let used = total(of("memory.swap.current"), of("memory.current"));
            data(json, "swap", limit, used, None, None);
            data(json, "kernel", None, number_after(&stat, "kernel "), None, None);
            data(json, "kernelTCP", None, number_after(&stat, "sock "), None, None);
        }
        json.key("raw").str("{");
        for line in stat.split(|byte| *byte == b'\n') {
            let mut parts = line.split(|byte| *byte == b' ');
            if let (Some(name), Some(value)) = (parts.next(), parts.next())
                && let Some(value) = number(value, 10)
            {
                json.number(str::from_utf8(name).unwrap_or_default(), Some(value));
            }
        }
        json.text.str("}");
    }

    fn block_io(&self, json: &mut Json) {
        let Some(member) = self.of(Controller::Io) else { return };
        let lists = [
            ("ioServiceBytesRecursive", "bytes", ["rbytes=", "wbytes="]),
            ("ioServicedRecursive", "", ["rios=", "wios="]),
        ];
        for (name, kind, keys) in lists {
            json.key(name).str("[");
            let mut entries = Entries { text: &mut json.text, is_first: true };
            match member.version {
                Version::V1 => {
                    let file = if kind.is_empty() {
                        "blkio.throttle.io_serviced_recursive"
                    } else {
                        "blkio.throttle.io_service_bytes_recursive"
                    };
                    // MAJOR:MINOR OPERATION NUMBER; a last line is the total.
                    for line in text(member, file).split(|byte| *byte == b'\n') {
                        let words: Vec<_> = line.split(|byte| *byte == b' ').collect();
                        if let [device, operation, count] = words[..] {
                            entries.add(device, operation, number(count, 10));
                        }
                    }
                }
                Version::V2 => {
                    for line in text(member, "io.stat").split(|byte| *byte == b'\n') {
                        let device = line.split(|byte| *byte == b' ').next().unwrap_or_default();
                        for (key, operation) in keys.into_iter().zip([&b"Read"[..], b"Write"]) {
                            entries.add(device, operation, after_word(line, key));
                        }
                    }
                }
            }
            json.text.str("]");
        }
    }

    fn huge_pages(&self, json: &mut Json) {
        let Some(member) = self.of(Controller::Hugetlb) else { return };
        let Ok(directory) =
            fs::open(c"/sys/kernel/mm/hugepages", libc::O_RDONLY | libc::O_DIRECTORY, 0)
        else {
            return;
        };
        let Ok(names) = fs::names_in(&directory, true) else { return };
        let sizes = names.into_iter().filter_map(|name| {
            let kilobytes = name.to_bytes().strip_prefix(b"hugepages-")?.strip_suffix(b"kB")?;
            number(kilobytes, 10)
        });
        for size in sizes {
            let mut name = Text::new();
            match size {
                size if size >= 1 << 20 => name.number(size >> 20).str("GB"),
                size if size >= 1 << 10 => name.number(size >> 10).str("MB"),
                size => name.number(size).str("KB"),
            };
            let file = |suffix: &str| {
                let mut text = Text::new();
                text.str("hugetlb.").raw(name.bytes()).str(suffix);
                value_of(member, text.bytes())
            };
            let (usage, most, failures) = match member.version {
                Version::V1 => {
                    (file(".usage_in_bytes"), file(".max_usage_in_bytes"), file(".failcnt"))
                }
                Version::V2 => (file(".current"), None, None),
            };
            json.key(str::from_utf8(name.bytes()).unwrap_or_default()).str("{");
            json.number("usage", Some(usage.unwrap_or(0)));
            json.number("max", Some(most.unwrap_or(0)));
            json.number("failcnt", Some(failures.unwrap_or(0)));
            json.text.str("}");
        }
    }

    /// Something that poll(2) tells when the kernel killed a process for want of memory.
    ///
    /// # Errors
    /// When the container has no memory cgroup, or the kernel refuses.
    pub fn watch_memory(&self) -> Result<OomWatch> {
        let failed = |errno| Error::new("watch the memory").errno(errno);
        let member = self.of(Controller::Memory).ok_or(Errno::ENOENT).map_err(failed)?;
        OomWatch::new(member).map_err(failed)
    }
}

/// Tells that the kernel killed a process for want of memory.
pub struct OomWatch {
    /// v1: an eventfd; v2: memory.events, which has news by POLLPRI.
    file: Fd,
    version: Version,
    kills: u64,
}

impl OomWatch {
    fn new(member: &Member) -> crate::sys::Result<OomWatch> {
        let at = |name: &[u8]| path(&[member.directory.to_bytes(), b"/", name]);
        if member.version == Version::V2 {
            let file = fs::open(at(b"memory.events"), libc::O_RDONLY, 0)?;
            let mut watch = OomWatch { file, version: Version::V2, kills: 0 };
            watch.kills = watch.read_kills();
            return Ok(watch);
        }
        // cgroup-v1/memory.rst: the numbers of an eventfd and of memory.oom_control.
        let file = crate::sys::poll::event_counter()?;
        let control = fs::open(at(b"memory.oom_control"), libc::O_RDONLY, 0)?;
        let mut line = Text::new();
        line.number(file.raw() as u64).str(" ").number(control.raw() as u64);
        fs::write_file_at(fs::HERE, at(b"cgroup.event_control"), line.bytes())?;
        Ok(OomWatch { file, version: Version::V1, kills: 0 })
    }

    /// What to wait for.
    pub fn poll(&self) -> libc::pollfd {
        let events = if self.version == Version::V1 { libc::POLLIN } else { libc::POLLPRI };
        libc::pollfd { fd: self.file.raw(), events, revents: 0 }
    }

    /// Whether there was such a kill since the last time. An end of the cgroup is news as well, but none of it.
    pub fn take(&mut self, directories: &[&CStr]) -> bool {
        if self.version == Version::V1 {
            let _ = fs::read(&self.file, &mut [0; 8]);
            return directories.iter().any(|directory| fs::exists_at(fs::HERE, directory).is_ok());
        }
        let before = core::mem::replace(&mut self.kills, 0);
        self.kills = self.read_kills();
        self.kills > before
    }

    fn read_kills(&self) -> u64 {
        let mut buffer = [0; 512];
        if fs::seek(&self.file, 0).is_err() {
            return 0;
        }
        let length = fs::read(&self.file, &mut buffer).unwrap_or(0);
        number_after(&buffer[..length], "oom_kill ").unwrap_or(0)
    }
}

/// The objects of a list of block I/O.
struct Entries<'t> {
    text: &'t mut Text,
    is_first: bool,
}

impl Entries<'_> {
    fn add(&mut self, device: &[u8], operation: &[u8], count: Option<u64>) {
        let mut numbers = device.split(|byte| *byte == b':').map(|word| number(word, 10));
        let (Some(Some(major)), Some(Some(minor)), Some(count)) =
            (numbers.next(), numbers.next(), count)
        else {
            return;
        };
        self.text.str(if self.is_first { "{" } else { ",{" });
        self.is_first = false;
        self.text.str("\"major\":").number(major).str(",\"minor\":").number(minor);
        self.text.str(",\"op\":\"").raw(operation).str("\",\"value\":").number(count).str("}");
    }
}

/// An object of a limit, the use, the most that was used, and how often the limit was met.
fn data(
    json: &mut Json,
    name: &str,
    limit: Option<u64>,
    usage: Option<u64>,
    most: Option<u64>,
    failures: Option<u64>,
) {
    json.key(name).str("{");
    for (name, value) in [("limit", limit), ("usage", usage), ("max", most), ("failcnt", failures)]
    {
        json.number(name, Some(value.unwrap_or(0)));
    }
    json.text.str("}");
}

fn text(member: &Member, file: &str) -> Vec<u8> {
    read(member, file.as_bytes())
}

fn read(member: &Member, file: &[u8]) -> Vec<u8> {
    fs::read_file(path(&[member.directory.to_bytes(), b"/", file]), LIMIT).unwrap_or_default()
}

fn value(member: &Member, file: &str) -> Option<u64> {
    value_of(member, file.as_bytes())
}

/// The number in a file; that of "max" is the largest one.
fn value_of(member: &Member, file: &[u8]) -> Option<u64> {
    match read(member, file).trim_ascii() {
        b"max" => Some(u64::MAX),
        digits => number(digits, 10),
    }
}

/// The number behind a key in a line of words.
fn after_word(line: &[u8], key: &str) -> Option<u64> {
    let word =
        line.split(|byte| *byte == b' ').find_map(|word| word.strip_prefix(key.as_bytes()))?;
    number(word, 10)
}
