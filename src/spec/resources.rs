//! Resource limits of a container: plain data, in the words of the OCI runtime specification (`linux.resources`).

use alloc::vec::Vec;
use core::ffi::CStr;

/// The limits, and the container's place among the cgroups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources<'a> {
    /// The limits that are one number each; each property at most once.
    pub numbers: Vec<(Property, i64)>,
    /// `cpu.cpus`: the CPUs the container may run on, as a list (`0-2,5`).
    pub cpus: Option<&'a CStr>,
    /// `cpu.mems`: the memory nodes the container may use, as a list.
    pub mems: Option<&'a CStr>,
    /// `blockIO.weightDevice`: weights for single devices.
    pub weight_devices: Vec<WeightDevice>,
    /// `blockIO.throttle*Device`: rates for single devices.
    pub throttles: Vec<ThrottleDevice>,
    /// `hugepageLimits`.
    pub hugepage_limits: Vec<HugepageLimit<'a>>,
    /// `network.priorities`: the priority of packets, by the name of the interface.
    pub priorities: Vec<(&'a CStr, u32)>,
    /// `rdma`: limits on RDMA devices.
    pub rdma: Vec<Rdma<'a>>,
    /// `unified`: files of cgroup v2 and their values.
    pub unified: Vec<(&'a CStr, &'a CStr)>,
    /// `devices`: which devices the container may use. Rules apply in their order. None: no rules, so every
    /// device.
    pub devices: Option<Vec<DeviceRule>>,
    /// `cgroupsPath`: the container's own cgroup, in every hierarchy. An absolute path begins at the top of the
    /// hierarchy, a relative one at mini's own cgroup (v1) or beside it (v2).
    pub cgroups_path: Option<&'a CStr>,
    /// The id of a container that outlives mini, as its cgroups then do. Without a cgroupsPath they get a name made of
    /// it. None: mini makes cgroups only for limits that need one, and removes them at the end.
    pub id: Option<&'a CStr>,
    /// mini's own: values for control files of either version, named by the user.
    pub conf: Vec<Conf<'a>>,
    /// mini's own: the cgroup in which mini makes the container's, from the top of its hierarchy. None: mini's own
    /// cgroup, or the nearest one above that can have children.
    pub parent: Option<&'a CStr>,
    /// mini's own: whether a memory limit without a swap limit allows as much swap again, as in Docker.
    pub swap_follows_memory: bool,
}

/// A limit that is one number. The order is that in which control files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Property {
    /// Whether `update` refuses a memory limit below the present use.
    MemoryCheckBeforeUpdate,
    /// Bytes of memory; -1: no limit.
    MemoryLimit,
    /// Bytes of memory and swap together; -1: no limit.
    MemorySwap,
    /// Bytes of memory the container keeps when memory is short; -1: no limit.
    MemoryReservation,
    /// Bytes of kernel memory.
    MemoryKernel,
    /// Bytes of the kernel's TCP buffers.
    MemoryKernelTcp,
    /// How readily memory is swapped out, 0 to 100.
    MemorySwappiness,
    /// Whether processes wait for memory instead of being killed.
    MemoryDisableOomKiller,
    /// Whether cgroups below count against this limit.
    MemoryUseHierarchy,
    /// The relative CPU weight, 2 to 262144.
    CpuShares,
    /// Microseconds of a period.
    CpuPeriod,
    /// Microseconds of CPU time in each period; -1: no limit.
    CpuQuota,
    /// Microseconds of unused CPU time that can be saved up.
    CpuBurst,
    /// Microseconds of a period of realtime scheduling.
    CpuRealtimePeriod,
    /// Microseconds of realtime scheduling in each such period.
    CpuRealtimeRuntime,
    /// 1: the container runs only when nothing else wants to.
    CpuIdle,
    /// Processes and threads at a time; -1: no limit.
    PidsLimit,
    /// The relative weight of block I/O, 10 to 1000.
    BlockIoWeight,
    /// The same, next to cgroups below.
    BlockIoLeafWeight,
    /// The class of network packets.
    NetworkClassId,
}

impl Property {
    /// All of them, in their order.
    pub const ALL: [Property; 20] = {
        use Property::*;
        [
            MemoryCheckBeforeUpdate,
            MemoryLimit,
            MemorySwap,
            MemoryReservation,
            MemoryKernel,
            MemoryKernelTcp,
            MemorySwappiness,
            MemoryDisableOomKiller,
            MemoryUseHierarchy,
            CpuShares,
            CpuPeriod,
            CpuQuota,
            CpuBurst,
            CpuRealtimePeriod,
            CpuRealtimeRuntime,
            CpuIdle,
            PidsLimit,
            BlockIoWeight,
            BlockIoLeafWeight,
            NetworkClassId,
        ]
    };
}

impl Resources<'_> {
    /// A limit; None when it was not given.
    pub fn get(&self, property: Property) -> Option<i64> {
        self.numbers.iter().find(|(known, _)| *known == property).map(|(_, value)| *value)
    }

    /// Sets a limit.
    #[inline(never)]
    pub fn set(&mut self, property: Property, value: i64) {
        match self.numbers.iter_mut().find(|(known, _)| *known == property) {
            Some((_, known)) => *known = value,
            None => self.numbers.push((property, value)),
        }
    }
}

/// What a rate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// Bytes read.
    ReadBps,
    /// Bytes written.
    WriteBps,
    /// Read operations.
    ReadIops,
    /// Write operations.
    WriteIops,
}

/// A weight for one block device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightDevice {
    /// The device's major and minor number.
    pub device: (u32, u32),
    /// The relative weight.
    pub weight: Option<u16>,
    /// The same, next to cgroups below.
    pub leaf_weight: Option<u16>,
}

/// A rate for one block device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleDevice {
    /// What is counted.
    pub throttle: Throttle,
    /// The device's major and minor number.
    pub device: (u32, u32),
    /// Bytes or operations in a second; 0: no limit.
    pub rate: u64,
}

/// A limit on huge pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HugepageLimit<'a> {
    /// Their size as the kernel's files name it: `64KB`, `2MB`, `1GB`.
    pub page_size: &'a CStr,
    /// Bytes.
    pub limit: u64,
}

/// Limits on an RDMA device; None: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rdma<'a> {
    /// The device's name.
    pub name: &'a CStr,
    /// Handles.
    pub hca_handles: Option<u32>,
    /// Objects.
    pub hca_objects: Option<u32>,
}

/// A rule about devices. Of several rules that apply to a device the last one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceRule {
    /// Whether it allows.
    pub allow: bool,
    /// To which kind of device it applies; None: to both.
    pub kind: Option<DeviceKind>,
    /// The major number; None: all.
    pub major: Option<u32>,
    /// The minor number; None: all.
    pub minor: Option<u32>,
    /// The kinds of access it applies to, as bits ([`ACCESS_MKNOD`], [`ACCESS_READ`], [`ACCESS_WRITE`]).
    pub access: u32,
}

/// A kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// A block device.
    Block,
    /// A character device.
    Char,
}

/// Making a node (BPF_DEVCG_ACC_MKNOD).
pub const ACCESS_MKNOD: u32 = 1;
/// Reading (BPF_DEVCG_ACC_READ).
pub const ACCESS_READ: u32 = 2;
/// Writing (BPF_DEVCG_ACC_WRITE).
pub const ACCESS_WRITE: u32 = 4;
/// All of them.
pub const ALL_ACCESS: u32 = ACCESS_MKNOD | ACCESS_READ | ACCESS_WRITE;

/// A value for a control file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conf<'a> {
    /// The file's name, `CONTROLLER.KEY`.
    pub file: &'a [u8],
    /// What is written to it.
    pub value: &'a [u8],
}
