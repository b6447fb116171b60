//! What the limits are called and how they are written, on each interface: control files and
//! their values, in an order in which the kernel refuses no intermediate state.

use super::{Controller, Set, Version, weight};
use crate::spec::resources::{Limit, Resources};
use crate::text::Text;
use alloc::vec::Vec;

/// One value for one control file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The file.
    pub file: Text,
    /// Its name in kernels that call it so, tried when there is no `file`.
    pub other_file: Option<&'static str>,
    /// What is written.
    pub value: Text,
    /// Whether the limit follows from another one, so that a kernel without the file is no error.
    pub implied: bool,
}

/// The processors and memory nodes a v1 group must name before anybody can join it, copied from
/// the group above (cpuset(7)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inherited<'a> {
    /// Processors.
    pub cpus: &'a [u8],
    /// Memory nodes.
    pub mems: &'a [u8],
}

/// The period of the kernel's bandwidth control when none is given, in microseconds.
pub const DEFAULT_PERIOD: u64 = 100_000;

/// The controllers that `resources` needs.
pub fn needed(resources: &Resources) -> Set {
    let Resources { memory, cpu, pids, io_weight, conf, parent: _ } = resources;
    let mut set = Set::EMPTY;
    for (asked, controller) in [
        (
            memory.limit.is_some()
                || memory.swap.is_some()
                || memory.reservation.is_some()
                || memory.swappiness.is_some(),
            Controller::Memory,
        ),
        (cpu.shares.is_some() || cpu.quota.is_some() || cpu.period.is_some(), Controller::Cpu),
        (cpu.cpus.is_some() || cpu.mems.is_some(), Controller::Cpuset),
        (pids.is_some(), Controller::Pids),
        (io_weight.is_some(), Controller::Io),
    ] {
        if asked {
            set.add(controller);
        }
    }
    conf.iter().filter_map(|conf| Controller::of_file(conf.file)).for_each(|it| set.add(it));
    set
}

/// The settings for a group of these controllers.
pub fn settings(
    resources: &Resources,
    version: Version,
    controllers: Set,
    inherited: &Inherited,
) -> Vec<Setting> {
    let mut list = List { settings: Vec::new() };
    if controllers.has(Controller::Memory) {
        list.memory(resources, version);
    }
    if controllers.has(Controller::Cpu) {
        list.cpu(resources, version);
    }
    if controllers.has(Controller::Cpuset) {
        list.cpuset(resources, version, inherited);
    }
    if let (true, Some(pids)) = (controllers.has(Controller::Pids), resources.pids) {
        list.add("pids.max", &limit(pids, "max"));
    }
    if let (true, Some(io)) = (controllers.has(Controller::Io), resources.io_weight) {
        list.io(io, version);
    }
    // Last, so that they may change what the others said.
    for conf in &resources.conf {
        if Controller::of_file(conf.file).is_some_and(|it| controllers.has(it)) {
            let mut setting = Setting::new("", Text::new());
            setting.file.raw(conf.file);
            setting.value.raw(conf.value);
            list.settings.push(setting);
        }
    }
    list.settings
}

impl Setting {
    fn new(file: &str, value: Text) -> Setting {
        let mut name = Text::new();
        name.str(file);
        Setting { file: name, other_file: None, value, implied: false }
    }
}

struct List {
    settings: Vec<Setting>,
}

impl List {
    #[inline(never)]
    fn add(&mut self, file: &str, value: &Text) -> &mut Setting {
        let at = self.settings.len();
        self.settings.push(Setting::new(file, value.clone()));
        &mut self.settings[at]
    }

    fn memory(&mut self, resources: &Resources, version: Version) {
        let memory = &resources.memory;
        let v1 = version == Version::V1;
        if let Some(bytes) = memory.limit {
            self.add(if v1 { "memory.limit_in_bytes" } else { "memory.max" }, &decimal(bytes));
        }
        // Memory and swap together are never below memory alone: the limit on both comes second,
        // in a new group where both are unlimited. Without one, swap gets as much as memory.
        let swap = memory.swap.or(memory.limit.map(|bytes| Limit::At(bytes.saturating_mul(2))));
        if let Some(both) = swap {
            let setting = match (both, memory.limit) {
                (Limit::At(both), Some(memory)) if !v1 => {
                    self.add("memory.swap.max", &decimal(both.saturating_sub(memory)))
                }
                (both, _) if !v1 => self.add("memory.swap.max", &limit(both, "max")),
                (both, _) => self.add("memory.memsw.limit_in_bytes", &limit(both, "-1")),
            };
            setting.implied = memory.swap.is_none();
        }
        if let Some(bytes) = memory.reservation {
            let file = if v1 { "memory.soft_limit_in_bytes" } else { "memory.low" };
            self.add(file, &decimal(bytes));
        }
        if let Some(swappiness) = memory.swappiness {
            self.add("memory.swappiness", &decimal(swappiness));
        }
    }

    fn cpu(&mut self, resources: &Resources, version: Version) {
        let cpu = &resources.cpu;
        match (cpu.shares, version) {
            (Some(shares), Version::V1) => drop(self.add("cpu.shares", &decimal(shares))),
            (Some(shares), Version::V2) => {
                self.add("cpu.weight", &decimal(weight::from_shares(shares)));
            }
            (None, _) => {}
        }
        if cpu.quota.is_none() && cpu.period.is_none() {
            return;
        }
        let period = cpu.period.unwrap_or(DEFAULT_PERIOD);
        match version {
            Version::V1 => {
                self.add("cpu.cfs_period_us", &decimal(period));
                if let Some(quota) = cpu.quota {
                    self.add("cpu.cfs_quota_us", &decimal(quota));
                }
            }
            Version::V2 => {
                let mut value = limit(cpu.quota.map_or(Limit::Max, Limit::At), "max");
                value.str(" ").number(period);
                self.add("cpu.max", &value);
            }
        }
    }

    fn cpuset(&mut self, resources: &Resources, version: Version, inherited: &Inherited) {
        let asked = [resources.cpu.cpus, resources.cpu.mems];
        for ((file, asked), inherited) in [("cpuset.cpus", asked[0]), ("cpuset.mems", asked[1])]
            .into_iter()
            .zip([inherited.cpus, inherited.mems])
        {
            let value = match (asked, version) {
                (Some(list), _) => list.to_bytes(),
                (None, Version::V1) => inherited,
                // Empty means inherited there.
                (None, Version::V2) => continue,
            };
            self.add(file, Text::new().raw(value));
        }
    }

    fn io(&mut self, io: u64, version: Version) {
        // Which of the two a kernel has depends on the disk scheduler it was built with.
        let (file, other, value) = match version {
            Version::V1 => ("blkio.bfq.weight", "blkio.weight", io),
            Version::V2 => ("io.bfq.weight", "io.weight", weight::from_io(io)),
        };
        self.add(file, &decimal(value)).other_file = Some(other);
    }
}

fn decimal(number: u64) -> Text {
    let mut text = Text::new();
    text.number(number);
    text
}

fn limit(limit: Limit, max: &str) -> Text {
    match limit {
        Limit::At(number) => decimal(number),
        Limit::Max => {
            let mut text = Text::new();
            text.str(max);
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::resources::{Conf, Cpu, Memory};

    fn lines(resources: &Resources, version: Version) -> Vec<String> {
        let inherited = Inherited { cpus: b"0-3", mems: b"0" };
        let text = |text: &Text| String::from_utf8(text.bytes().to_vec()).unwrap();
        settings(resources, version, needed(resources), &inherited)
            .iter()
            .map(|it| {
                let implied = if it.implied { " if there" } else { "" };
                let other = it.other_file.map(|it| format!(" or {it}")).unwrap_or_default();
                format!("{}{other} {}{implied}", text(&it.file), text(&it.value))
            })
            .collect()
    }

    fn everything() -> Resources<'static> {
        Resources {
            memory: Memory {
                limit: Some(1000),
                swap: Some(Limit::At(1500)),
                reservation: Some(500),
                swappiness: None,
            },
            cpu: Cpu {
                shares: Some(512),
                quota: Some(50_000),
                period: None,
                cpus: Some(c"0-1"),
                mems: None,
            },
            pids: Some(Limit::At(20)),
            io_weight: Some(500),
            conf: vec![Conf { file: b"memory.high", value: b"900" }],
            parent: None,
        }
    }

    #[test]
    fn everything_on_v1() {
        let mut resources = everything();
        resources.memory.swappiness = Some(10);
        assert_eq!(
            lines(&resources, Version::V1),
            [
                "memory.limit_in_bytes 1000",
                "memory.memsw.limit_in_bytes 1500",
                "memory.soft_limit_in_bytes 500",
                "memory.swappiness 10",
                "cpu.shares 512",
                "cpu.cfs_period_us 100000",
                "cpu.cfs_quota_us 50000",
                "cpuset.cpus 0-1",
                "cpuset.mems 0",
                "pids.max 20",
                "blkio.bfq.weight or blkio.weight 500",
                "memory.high 900",
            ]
        );
    }

    #[test]
    fn everything_on_v2() {
        assert_eq!(
            lines(&everything(), Version::V2),
            [
                "memory.max 1000",
                "memory.swap.max 500",
                "memory.low 500",
                "cpu.weight 59",
                "cpu.max 50000 100000",
                "cpuset.cpus 0-1",
                "pids.max 20",
                "io.bfq.weight or io.weight 4950",
                "memory.high 900",
            ]
        );
    }

    #[test]
    fn swap_follows_memory_where_it_is_counted() {
        let mut resources = Resources::default();
        resources.memory.limit = Some(64);
        assert_eq!(
            lines(&resources, Version::V1),
            ["memory.limit_in_bytes 64", "memory.memsw.limit_in_bytes 128 if there"]
        );
        assert_eq!(
            lines(&resources, Version::V2),
            ["memory.max 64", "memory.swap.max 64 if there"]
        );
        resources.memory.swap = Some(Limit::Max);
        assert_eq!(lines(&resources, Version::V1)[1], "memory.memsw.limit_in_bytes -1");
        assert_eq!(lines(&resources, Version::V2)[1], "memory.swap.max max");
    }

    #[test]
    fn only_what_was_asked_for_is_needed() {
        assert!(needed(&Resources::default()).is_empty());
        let resources = Resources { pids: Some(Limit::Max), ..Resources::default() };
        assert_eq!(lines(&resources, Version::V2), ["pids.max max"]);
        let conf = vec![Conf { file: b"blkio.weight", value: b"10" }];
        assert!(needed(&Resources { conf, ..Resources::default() }).has(Controller::Io));
    }
}
