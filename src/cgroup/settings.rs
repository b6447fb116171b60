//! Control files and values of the limits in each cgroup version, in an order in which the kernel
//! refuses no intermediate state.

use super::{Controller, Set, Version, weight};
use crate::spec::resources::{Property, Resources};
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;

/// A value for a control file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The file.
    pub file: Text,
    /// The file and the value in kernels that have no `file`.
    pub other: Option<(&'static str, Text)>,
    /// The value.
    pub value: Text,
    /// Whether a missing file is ignored: the limit only follows from another one, or applies
    /// anyway.
    pub optional: bool,
}

/// The CPUs and memory nodes a v1 cgroup must name before a process can join it, copied from the cgroup above
/// (cpuset(7)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inherited<'a> {
    /// CPUs.
    pub cpus: &'a [u8],
    /// Memory nodes.
    pub mems: &'a [u8],
}

/// Default period of the CPU bandwidth controller, in microseconds.
pub const DEFAULT_PERIOD: i64 = 100_000;

/// One line for each [`Property`], in the order of its values. The fields:
/// 1. the name in `linux.resources`;
/// 2. the type of the value there: `i` int64, `u` uint64, `w` uint32, `h` uint16, `%` 0 to 100, `b` boolean;
/// 3. the control file of v1, and 4. of v2; `-`: there is none, and the limit is refused; `.`: nothing is written;
/// 5. `z`: 0 is a value; elsewhere 0 stands for "not given", as in runc. `o`: a kernel without the file is no error.
///
/// One text and no array of references: those would be relocated, in pages that every launch would have to copy.
const TABLE: &str = "\
memory.checkBeforeUpdate b . . .
memory.limit i memory.limit_in_bytes memory.max .
memory.swap i memory.memsw.limit_in_bytes memory.swap.max .
memory.reservation i memory.soft_limit_in_bytes memory.low .
memory.kernel i memory.kmem.limit_in_bytes - o
memory.kernelTCP i memory.kmem.tcp.limit_in_bytes - .
memory.swappiness % memory.swappiness - z
memory.disableOOMKiller b memory.oom_control - .
memory.useHierarchy b memory.use_hierarchy . o
cpu.shares u cpu.shares cpu.weight .
cpu.period u cpu.cfs_period_us cpu.max .
cpu.quota i cpu.cfs_quota_us . .
cpu.burst u cpu.cfs_burst_us cpu.max.burst .
cpu.realtimePeriod u cpu.rt_period_us - .
cpu.realtimeRuntime i cpu.rt_runtime_us - .
cpu.idle i cpu.idle cpu.idle .
pids.limit i pids.max pids.max .
blockIO.weight h blkio.bfq.weight io.bfq.weight .
blockIO.leafWeight h blkio.leaf_weight - .
network.classID w net_cls.classid - .
";

/// A line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The property.
    pub property: Property,
    /// Its name in `linux.resources`, `OBJECT.NAME`.
    pub name: &'static str,
    /// The type of its value there.
    pub kind: u8,
    v1: &'static str,
    v2: &'static str,
    form: &'static str,
}

/// The table.
pub fn rows() -> impl Iterator<Item = Row> {
    Property::ALL.into_iter().zip(TABLE.lines()).map(|(property, line)| {
        let mut fields = line.split(' ');
        let mut field = || fields.next().unwrap_or_default();
        let (name, kind) = (field(), field());
        let kind = kind.as_bytes().first().copied().unwrap_or_default();
        Row { property, name, kind, v1: field(), v2: field(), form: field() }
    })
}

impl Row {
    fn controller(&self) -> Option<Controller> {
        Controller::of_file(self.v1.as_bytes())
    }

    fn file(&self, version: Version) -> &'static str {
        if version == Version::V1 { self.v1 } else { self.v2 }
    }

    /// The value, if it was given.
    fn value(&self, resources: &Resources) -> Option<i64> {
        resources.get(self.property).filter(|value| *value != 0 || self.form == "z")
    }
}

/// The controllers that the limits need; those of device rules are not among them.
pub fn needed(resources: &Resources) -> Set {
    let mut set = Set::EMPTY;
    // Most containers have no limits: the table is not touched then.
    if !resources.numbers.is_empty() {
        for row in rows().filter(|row| row.value(resources).is_some()) {
            row.controller().into_iter().for_each(|it| set.add(it));
        }
    }
    let has_devices = !resources.weight_devices.is_empty() || !resources.throttles.is_empty();
    for (asked, controller) in [
        (resources.cpus.is_some() || resources.mems.is_some(), Controller::Cpuset),
        (has_devices, Controller::Io),
        (!resources.hugepage_limits.is_empty(), Controller::Hugetlb),
        (!resources.priorities.is_empty(), Controller::NetPrio),
        (!resources.rdma.is_empty(), Controller::Rdma),
    ] {
        if asked {
            set.add(controller);
        }
    }
    let unified = resources.unified.iter().map(|(file, _)| file.to_bytes());
    let conf = resources.conf.iter().map(|conf| conf.file);
    unified.chain(conf).filter_map(Controller::of_file).for_each(|it| set.add(it));
    set
}

/// What is wrong with limits: the name of one, and the cause. `version` tells which version of cgroups has a
/// controller.
pub fn refused(
    resources: &Resources,
    version: &dyn Fn(Controller) -> Option<Version>,
) -> Option<(Text, &'static str)> {
    let name = |name: &str| {
        let mut text = Text::new();
        text.str(name);
        text
    };
    for row in rows().filter(|row| row.v2 == "-" && row.value(resources).is_some()) {
        if row.controller().and_then(version) == Some(Version::V2) {
            return Some((name(row.name), "cgroup v2 has no such setting"));
        }
    }
    for (file, _) in &resources.unified {
        if Controller::of_file(file.to_bytes()).and_then(version) == Some(Version::V1) {
            let mut text = name("unified ");
            text.raw(file.to_bytes());
            return Some((text, "a setting of cgroup v2, but v1 has this controller here"));
        }
    }
    let limit = resources.get(Property::MemoryLimit).unwrap_or_default();
    match resources.get(Property::MemorySwap) {
        Some(swap @ 1..) if swap < limit => {
            return Some((
                name("memory.swap"),
                "below memory.limit: it counts memory and swap together",
            ));
        }
        Some(1..) if limit <= 0 && version(Controller::Memory) == Some(Version::V2) => {
            return Some((name("memory.swap"), "needs memory.limit"));
        }
        _ => {}
    }
    let weights = resources.weight_devices.iter().map(|it| i64::from(it.weight.unwrap_or(10)));
    for weight in weights.chain(resources.get(Property::BlockIoWeight).filter(|it| *it != 0)) {
        if !(10..=1000).contains(&weight) {
            return Some((name("blockIO.weight"), "out of range (10 to 1000)"));
        }
    }
    None
}

/// The settings for a cgroup with these controllers.
pub fn settings(
    resources: &Resources,
    version: Version,
    controllers: Set,
    inherited: &Inherited,
) -> Vec<Setting> {
    let mut list = List { settings: Vec::new(), version };
    for row in rows().filter(|row| row.controller().is_some_and(|it| controllers.has(it))) {
        list.number(&row, resources);
    }
    if controllers.has(Controller::Cpuset) {
        list.cpuset(resources, inherited);
    }
    if controllers.has(Controller::Io) {
        list.block_devices(resources);
    }
    if controllers.has(Controller::Hugetlb) {
        list.huge_pages(resources);
    }
    if controllers.has(Controller::NetPrio) {
        for (interface, priority) in &resources.priorities {
            let value = list.add("net_prio.ifpriomap");
            value.raw(interface.to_bytes()).str(" ").number((*priority).into());
        }
    }
    if controllers.has(Controller::Rdma) {
        for rdma in &resources.rdma {
            let value = list.add("rdma.max").raw(rdma.name.to_bytes());
            for (name, limit) in
                [(" hca_handle=", rdma.hca_handles), (" hca_object=", rdma.hca_objects)]
            {
                if let Some(limit) = limit {
                    value.str(name).number(limit.into());
                }
            }
        }
    }
    // Last, so that they can change what the others set.
    if version == Version::V2 {
        for (file, value) in &resources.unified {
            if Controller::of_file(file.to_bytes()).is_none_or(|it| controllers.has(it)) {
                list.lines(file, value);
            }
        }
    }
    for conf in &resources.conf {
        if Controller::of_file(conf.file).is_some_and(|it| controllers.has(it)) {
            list.add_to(conf.file).raw(conf.value);
        }
    }
    list.settings
}

struct List {
    settings: Vec<Setting>,
    version: Version,
}

impl List {
    /// Adds a setting, and returns its value to be filled in.
    #[inline(never)]
    fn add_to(&mut self, file: &[u8]) -> &mut Text {
        let mut name = Text::new();
        name.raw(file);
        let at = self.settings.len();
        self.settings.push(Setting {
            file: name,
            other: None,
            value: Text::new(),
            optional: false,
        });
        &mut self.settings[at].value
    }

    fn add(&mut self, file: &str) -> &mut Text {
        self.add_to(file.as_bytes())
    }

    /// The last setting, when there is one.
    fn last(&mut self) -> Option<&mut Setting> {
        self.settings.last_mut()
    }

    /// A limit that is one number.
    fn number(&mut self, row: &Row, resources: &Resources) {
        use Property::{BlockIoWeight, CpuPeriod, CpuShares, MemorySwap};
        let v2 = self.version == Version::V2;
        let memory = resources.get(Property::MemoryLimit).unwrap_or_default();
        let quota = resources.get(Property::CpuQuota).filter(|quota| *quota != 0);
        let mut value = row.value(resources);
        let mut optional = row.form == "o";
        match row.property {
            // Memory and swap together are never below memory alone: the limit on both comes second, in a new
            // cgroup where both are unlimited.
            MemorySwap if value.is_none() && memory > 0 && resources.swap_follows_memory => {
                value = Some(memory.saturating_mul(2));
                optional = true;
            }
            // No limit on memory is none on swap either.
            MemorySwap if value.is_none() && memory < 0 => {
                value = Some(-1);
                optional = true;
            }
            CpuPeriod if quota.is_some() => value = value.or(Some(DEFAULT_PERIOD)),
            _ => {}
        }
        let Some(mut value) = value else { return };
        let file = row.file(self.version);
        if matches!(file, "." | "-") {
            return;
        }
        match row.property {
            MemorySwap if v2 => {
                value = if value > 0 { value.saturating_sub(memory.max(0)) } else { value };
                // As in runc: without swap accounting there may be no swap, and no limit on it is needed.
                optional |= value <= 0 && resources.id.is_some();
            }
            CpuShares if v2 => value = weight::from_shares(value.max(0) as u64) as i64,
            _ => {}
        }
        let text = self.add(file);
        if row.property == CpuPeriod && v2 {
            limit(text, quota.unwrap_or(-1), true);
            text.str(" ");
        }
        limit(text, value, v2 || file == "pids.max");
        let Some(setting) = self.last() else { return };
        setting.optional = optional;
        if row.property == BlockIoWeight {
            // Which of the two a kernel has depends on the disk scheduler it was built with.
            setting.other = Some(other_weight(value, v2));
        }
    }

    fn cpuset(&mut self, resources: &Resources, inherited: &Inherited) {
        for (file, asked, inherited) in [
            ("cpuset.cpus", resources.cpus, inherited.cpus),
            ("cpuset.mems", resources.mems, inherited.mems),
        ] {
            match (asked.map(CStr::to_bytes), self.version) {
                (Some(list), _) => drop(self.add(file).raw(list)),
                (None, Version::V1) => drop(self.add(file).raw(inherited)),
                // Empty means inherited there.
                (None, Version::V2) => {}
            }
        }
    }

    fn block_devices(&mut self, resources: &Resources) {
        let v2 = self.version == Version::V2;
        for of in &resources.weight_devices {
            let weight = of.weight.unwrap_or_default();
            let leaf = of.leaf_weight.unwrap_or_default();
            if weight != 0 {
                let file = if v2 { "io.bfq.weight" } else { "blkio.bfq.weight_device" };
                device(self.add(file), of.device).number(weight.into());
                let mut other = Text::new();
                device(&mut other, of.device);
                let (file, value) = other_weight(weight.into(), v2);
                other.raw(value.bytes());
                let file = if v2 { file } else { "blkio.weight_device" };
                self.last().into_iter().for_each(|it| it.other = Some((file, other.clone())));
            }
            if leaf != 0 && !v2 {
                device(self.add("blkio.leaf_weight_device"), of.device).number(leaf.into());
            }
        }
        const KEYS: [&str; 4] = ["rbps=", "wbps=", "riops=", "wiops="];
        const FILES: [&str; 4] = ["read_bps", "write_bps", "read_iops", "write_iops"];
        for of in &resources.throttles {
            let throttle = of.throttle as usize;
            if v2 {
                let text = device(self.add("io.max"), of.device).str(KEYS[throttle]);
                match of.rate {
                    0 => text.str("max"),
                    rate => text.number(rate),
                };
            } else {
                let mut file = Text::new();
                file.str("blkio.throttle.").str(FILES[throttle]).str("_device");
                device(self.add_to(file.bytes()), of.device).number(of.rate);
            }
        }
    }

    /// A limit on what is used, and on what is reserved, in kernels that count that.
    fn huge_pages(&mut self, resources: &Resources) {
        for of in &resources.hugepage_limits {
            for (reserved, optional) in [("", false), (".rsvd", true)] {
                let mut file = Text::new();
                file.str("hugetlb.").raw(of.page_size.to_bytes()).str(reserved);
                let v1 = self.version == Version::V1;
                file.str(if v1 { ".limit_in_bytes" } else { ".max" });
                self.add_to(file.bytes()).number(of.limit);
                self.last().into_iter().for_each(|it| it.optional = optional);
            }
        }
    }

    /// A file takes one line at a time.
    fn lines(&mut self, file: &CStr, value: &CStr) {
        for line in value.to_bytes().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            self.add_to(file.to_bytes()).raw(line);
        }
    }
}

fn limit(text: &mut Text, value: i64, max: bool) {
    match value {
        0.. => text.number(value as u64),
        _ if max => text.str("max"),
        _ => text.str("-1"),
    };
}

fn device(text: &mut Text, (major, minor): (u32, u32)) -> &mut Text {
    text.number(major.into()).str(":").number(minor.into()).str(" ")
}

/// A weight for kernels without the BFQ scheduler.
fn other_weight(weight: i64, v2: bool) -> (&'static str, Text) {
    let mut text = Text::new();
    if v2 {
        text.number(weight::from_io(weight as u64));
        ("io.weight", text)
    } else {
        text.number(weight as u64);
        ("blkio.weight", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::resources::{
        Conf, HugepageLimit, Rdma, Throttle, ThrottleDevice, WeightDevice,
    };
    use Property::*;

    fn lines(resources: &Resources, version: Version) -> Vec<String> {
        let inherited = Inherited { cpus: b"0-3", mems: b"0" };
        let text = |text: &Text| String::from_utf8(text.bytes().to_vec()).unwrap();
        settings(resources, version, needed(resources), &inherited)
            .iter()
            .map(|it| {
                let optional = if it.optional { " if there" } else { "" };
                let other =
                    it.other.as_ref().map(|(file, value)| format!(" or {file} {}", text(value)));
                let other = other.unwrap_or_default();
                format!("{} {}{other}{optional}", text(&it.file), text(&it.value))
            })
            .collect()
    }

    fn with(numbers: &[(Property, i64)]) -> Resources<'static> {
        let mut resources = Resources::default();
        numbers.iter().for_each(|(property, value)| resources.set(*property, *value));
        resources
    }

    /// The limits of `mini run`.
    fn usual() -> Resources<'static> {
        Resources {
            cpus: Some(c"0-1"),
            conf: vec![Conf { file: b"memory.high", value: b"900" }],
            ..with(&[
                (MemoryLimit, 1000),
                (MemorySwap, 1500),
                (MemoryReservation, 500),
                (CpuShares, 512),
                (CpuQuota, 50_000),
                (PidsLimit, 20),
                (BlockIoWeight, 500),
            ])
        }
    }

    #[test]
    fn usual_limits_on_v1() {
        let mut resources = usual();
        resources.set(MemorySwappiness, 10);
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
                "pids.max 20",
                "blkio.bfq.weight 500 or blkio.weight 500",
                "cpuset.cpus 0-1",
                "cpuset.mems 0",
                "memory.high 900",
            ]
        );
    }

    #[test]
    fn usual_limits_on_v2() {
        assert_eq!(
            lines(&usual(), Version::V2),
            [
                "memory.max 1000",
                "memory.swap.max 500",
                "memory.low 500",
                "cpu.weight 59",
                "cpu.max 50000 100000",
                "pids.max 20",
                "io.bfq.weight 500 or io.weight 4950",
                "cpuset.cpus 0-1",
                "memory.high 900",
            ]
        );
    }

    /// Every property of `linux.resources`.
    fn everything() -> Resources<'static> {
        let rate = |throttle, minor, rate| ThrottleDevice { throttle, device: (8, minor), rate };
        Resources {
            mems: Some(c"0"),
            weight_devices: vec![
                WeightDevice { device: (8, 0), weight: Some(500), leaf_weight: Some(300) },
                WeightDevice { device: (8, 16), weight: Some(1000), leaf_weight: None },
            ],
            throttles: vec![
                rate(Throttle::ReadBps, 1, 600),
                rate(Throttle::WriteBps, 2, 601),
                rate(Throttle::ReadIops, 3, 602),
                rate(Throttle::WriteIops, 4, 0),
            ],
            hugepage_limits: vec![HugepageLimit { page_size: c"2MB", limit: 0 }],
            priorities: vec![(c"eth0", 5), (c"lo", 0)],
            rdma: vec![
                Rdma { name: c"mlx5_1", hca_handles: Some(3), hca_objects: Some(4) },
                Rdma { name: c"mlx4_0", hca_handles: None, hca_objects: Some(5) },
            ],
            unified: vec![
                (c"io.max", c"259:0 rbps=1\n8:0 wbps=2\n"),
                (c"cgroup.max.depth", c"3"),
                (c"memory.high", c"7"),
            ],
            ..with(&[
                (MemoryCheckBeforeUpdate, 1),
                (MemoryLimit, 1000),
                (MemorySwap, -1),
                (MemoryReservation, -1),
                (MemoryKernel, 10),
                (MemoryKernelTcp, 11),
                (MemorySwappiness, 0),
                (MemoryDisableOomKiller, 1),
                (MemoryUseHierarchy, 1),
                (CpuShares, 1024),
                (CpuPeriod, 50_000),
                (CpuQuota, -1),
                (CpuBurst, 10),
                (CpuRealtimePeriod, 1000),
                (CpuRealtimeRuntime, 950),
                (CpuIdle, 1),
                (PidsLimit, -1),
                (BlockIoWeight, 10),
                (BlockIoLeafWeight, 20),
                (NetworkClassId, 0x10_0001),
            ])
        }
    }

    #[test]
    fn every_property_on_v1() {
        assert_eq!(
            lines(&everything(), Version::V1),
            [
                "memory.limit_in_bytes 1000",
                "memory.memsw.limit_in_bytes -1",
                "memory.soft_limit_in_bytes -1",
                "memory.kmem.limit_in_bytes 10 if there",
                "memory.kmem.tcp.limit_in_bytes 11",
                "memory.swappiness 0",
                "memory.oom_control 1",
                "memory.use_hierarchy 1 if there",
                "cpu.shares 1024",
                "cpu.cfs_period_us 50000",
                "cpu.cfs_quota_us -1",
                "cpu.cfs_burst_us 10",
                "cpu.rt_period_us 1000",
                "cpu.rt_runtime_us 950",
                "cpu.idle 1",
                "pids.max max",
                "blkio.bfq.weight 10 or blkio.weight 10",
                "blkio.leaf_weight 20",
                "net_cls.classid 1048577",
                "cpuset.cpus 0-3",
                "cpuset.mems 0",
                "blkio.bfq.weight_device 8:0 500 or blkio.weight_device 8:0 500",
                "blkio.leaf_weight_device 8:0 300",
                "blkio.bfq.weight_device 8:16 1000 or blkio.weight_device 8:16 1000",
                "blkio.throttle.read_bps_device 8:1 600",
                "blkio.throttle.write_bps_device 8:2 601",
                "blkio.throttle.read_iops_device 8:3 602",
                "blkio.throttle.write_iops_device 8:4 0",
                "hugetlb.2MB.limit_in_bytes 0",
                "hugetlb.2MB.rsvd.limit_in_bytes 0 if there",
                "net_prio.ifpriomap eth0 5",
                "net_prio.ifpriomap lo 0",
                "rdma.max mlx5_1 hca_handle=3 hca_object=4",
                "rdma.max mlx4_0 hca_object=5",
            ]
        );
    }

    /// What v2 has no file for is refused by [`refused`].
    #[test]
    fn every_property_on_v2() {
        assert_eq!(
            lines(&everything(), Version::V2),
            [
                "memory.max 1000",
                "memory.swap.max max",
                "memory.low max",
                "cpu.weight 100",
                "cpu.max max 50000",
                "cpu.max.burst 10",
                "cpu.idle 1",
                "pids.max max",
                "io.bfq.weight 10 or io.weight 1",
                "cpuset.mems 0",
                "io.bfq.weight 8:0 500 or io.weight 8:0 4950",
                "io.bfq.weight 8:16 1000 or io.weight 8:16 10000",
                "io.max 8:1 rbps=600",
                "io.max 8:2 wbps=601",
                "io.max 8:3 riops=602",
                "io.max 8:4 wiops=max",
                "hugetlb.2MB.max 0",
                "hugetlb.2MB.rsvd.max 0 if there",
                "net_prio.ifpriomap eth0 5",
                "net_prio.ifpriomap lo 0",
                "rdma.max mlx5_1 hca_handle=3 hca_object=4",
                "rdma.max mlx4_0 hca_object=5",
                "io.max 259:0 rbps=1",
                "io.max 8:0 wbps=2",
                "cgroup.max.depth 3",
                "memory.high 7",
            ]
        );
    }

    #[test]
    fn what_a_version_does_not_have_is_refused() {
        let refused = |resources: &Resources, version: Version| {
            let refused = refused(resources, &|_| Some(version));
            refused.map(|(name, _)| String::from_utf8(name.bytes().to_vec()).unwrap())
        };
        for (property, name) in [
            (MemoryKernel, "memory.kernel"),
            (MemoryKernelTcp, "memory.kernelTCP"),
            (MemorySwappiness, "memory.swappiness"),
            (MemoryDisableOomKiller, "memory.disableOOMKiller"),
            (CpuRealtimePeriod, "cpu.realtimePeriod"),
            (CpuRealtimeRuntime, "cpu.realtimeRuntime"),
            (BlockIoLeafWeight, "blockIO.leafWeight"),
            (NetworkClassId, "network.classID"),
        ] {
            let resources = with(&[(property, 1)]);
            assert_eq!(refused(&resources, Version::V2).as_deref(), Some(name));
            assert_eq!(refused(&resources, Version::V1), None, "{name}");
        }
        assert_eq!(refused(&with(&[(MemoryDisableOomKiller, 0)]), Version::V2), None);
        let unified = vec![(c"memory.high", c"1")];
        let unified = Resources { unified, ..Resources::default() };
        assert_eq!(refused(&unified, Version::V1).as_deref(), Some("unified memory.high"));
        assert_eq!(refused(&unified, Version::V2), None);
        let swap = with(&[(MemoryLimit, 10), (MemorySwap, 9)]);
        assert_eq!(refused(&swap, Version::V1).as_deref(), Some("memory.swap"));
        let swap = with(&[(MemorySwap, 9)]);
        assert_eq!(refused(&swap, Version::V1), None);
        assert_eq!(refused(&swap, Version::V2).as_deref(), Some("memory.swap"));
        for weight in [9, 1001] {
            let weight = with(&[(BlockIoWeight, weight)]);
            assert_eq!(refused(&weight, Version::V2).as_deref(), Some("blockIO.weight"));
        }
    }

    #[test]
    fn swap_follows_memory_where_it_is_counted() {
        let mut resources = with(&[(MemoryLimit, 64)]);
        assert_eq!(lines(&resources, Version::V1), ["memory.limit_in_bytes 64"]);
        resources.swap_follows_memory = true;
        assert_eq!(
            lines(&resources, Version::V1),
            ["memory.limit_in_bytes 64", "memory.memsw.limit_in_bytes 128 if there"]
        );
        assert_eq!(
            lines(&resources, Version::V2),
            ["memory.max 64", "memory.swap.max 64 if there"]
        );
        resources.set(MemorySwap, -1);
        assert_eq!(lines(&resources, Version::V1)[1], "memory.memsw.limit_in_bytes -1");
        assert_eq!(lines(&resources, Version::V2)[1], "memory.swap.max max");
        resources.set(MemorySwap, 64);
        assert_eq!(lines(&resources, Version::V2)[1], "memory.swap.max 0");
        let unlimited = with(&[(MemoryLimit, -1)]);
        assert_eq!(
            lines(&unlimited, Version::V2),
            ["memory.max max", "memory.swap.max max if there"]
        );
    }

    /// As engines write them.
    #[test]
    fn zero_stands_for_a_limit_that_was_not_given() {
        let mut resources = Resources::default();
        for row in rows().filter(|row| row.name != "memory.swappiness") {
            resources.set(row.property, 0);
        }
        assert!(needed(&resources).is_empty());
        assert_eq!(lines(&resources, Version::V2), [""; 0]);
    }

    #[test]
    fn only_what_was_asked_for_is_needed() {
        assert!(needed(&Resources::default()).is_empty());
        assert_eq!(lines(&with(&[(PidsLimit, -1)]), Version::V2), ["pids.max max"]);
        let conf = vec![Conf { file: b"blkio.weight", value: b"10" }];
        assert!(needed(&Resources { conf, ..Resources::default() }).has(Controller::Io));
        assert!(needed(&with(&[(CpuPeriod, 1)])).has(Controller::Cpu));
    }

    #[test]
    fn the_table_is_whole() {
        assert_eq!(TABLE.lines().count(), Property::ALL.len());
        for (number, property) in Property::ALL.into_iter().enumerate() {
            assert_eq!(property as usize, number);
        }
        for row in rows() {
            assert!(b"iuwh%b".contains(&row.kind), "{row:?}");
            assert!(["z", "o", "."].contains(&row.form), "{row:?}");
            assert!(row.v1 == "." || row.controller().is_some(), "{row:?}");
        }
        assert_eq!(rows().nth(CpuIdle as usize).unwrap().name, "cpu.idle");
        assert_eq!(rows().nth(NetworkClassId as usize).unwrap().name, "network.classID");
    }
}
