//! What `mini run` gives every container unless told otherwise: /dev, /proc, /sys, masked and read-only paths. All
//! of it is data in the spec; the planner does not know which mount is a default.

use crate::host::Host;
use crate::host::cgroups::path;
use crate::spec::mounts::{self, Kind, Mount, MountOptions};
use crate::spec::{Namespace, Spec};
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;
use libc::{
    MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC, MS_SLAVE, MS_STRICTATIME,
};

/// Paths that are masked by default: those of Docker and podman, and those that the kernel lets user id 0 change
/// without a capability: dynamic_debug, lock_stat, profile. Other files of the kernel are left out for one of three
/// reasons: the kernel itself asks for a capability (mtrr, kmsg, kallsyms), they belong to a namespace of the container
/// (net, sysvipc), or nothing is mounted there in a new sysfs (fs/bpf, fs/selinux, kernel/debug, kernel/tracing,
/// kernel/security).
const MASKED: [&CStr; 15] = [
    c"/proc/acpi",
    c"/proc/asound",
    c"/proc/dynamic_debug",
    c"/proc/interrupts",
    c"/proc/kcore",
    c"/proc/keys",
    c"/proc/latency_stats",
    c"/proc/lock_stat",
    c"/proc/profile",
    c"/proc/sched_debug",
    c"/proc/scsi",
    c"/proc/timer_list",
    c"/proc/timer_stats",
    c"/sys/devices/virtual/powercap",
    c"/sys/firmware",
];

/// Paths that are read-only by default.
const READONLY: [&CStr; 5] =
    [c"/proc/bus", c"/proc/fs", c"/proc/irq", c"/proc/sys", c"/proc/sysrq-trigger"];

/// The size of /dev/shm, in bytes.
const SHM_SIZE: &CStr = c"size=64m";

/// Whether a path is masked or read-only by default.
pub fn is_masked(path: &CStr) -> bool {
    MASKED.contains(&path) || READONLY.contains(&path)
}

/// What the options of `mini run` change in the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults<'a> {
    /// Whether devices and set-user-id programs work everywhere, and /sys is writable (`--privileged`).
    pub privileged: bool,
    /// The size of /dev/shm, in bytes (`--shm-size`).
    pub shm_size: Option<u64>,
    /// Whether nothing is masked or read-only by default.
    pub unmask_all: bool,
    /// Paths that are neither masked nor read-only, although they are by default.
    pub unmask: Vec<&'a CStr>,
    /// The number of CPUs whose `thermal_throttle` directory is masked.
    pub throttled_cpus: u32,
}

impl Defaults<'_> {
    /// Completes a spec whose mounts are those of the command line: puts the defaults before them.
    pub fn fill(&self, spec: &mut Spec, host: &Host) {
        let has_own_root = spec.root.path.is_some();
        let asked = core::mem::take(&mut spec.mounts);
        let is_slave = |mount: &Mount| {
            mount.options.propagation.iter().any(|flags| flags & MS_SLAVE as u32 != 0)
        };
        let propagation = if asked.iter().any(is_slave) { MS_SLAVE } else { MS_PRIVATE };
        spec.root.propagation = Some(propagation | MS_REC);
        let no_set_id = if spec.security.no_new_privileges { MS_NOSUID } else { 0 };
        let no_devices = if self.privileged { 0 } else { MS_NODEV };
        let mut has_sysfs = true;
        if has_own_root {
            spec.root.flags = no_set_id | no_devices;
            if spec.root.readonly {
                spec.root.flags |= MS_RDONLY;
            }
            has_sysfs = self.file_systems(spec, host);
            spec.devices.extend(mounts::devices());
            spec.dev_links = mounts::DEV_LINKS.into();
        } else if spec.namespaces.pid == Namespace::New {
            spec.mounts.push(proc());
        }
        let first = spec.mounts.len();
        for mut mount in asked {
            let nodev = if mount.options.decides(MS_NODEV) { 0 } else { no_devices };
            // `dev` keeps the default away; what the source has stays.
            mount.options.clear &= !MS_NODEV as u32;
            let nosuid = if mount.options.decides(MS_NOSUID) { 0 } else { no_set_id };
            mount.options.add_flags(nodev | nosuid);
            if mount.is(c"tmpfs") {
                bound(&mut mount.options, host);
            }
            // A mount hides what was mounted below its mount point before: so the shortest paths come first. Of two
            // mounts with one mount point the later one is visible.
            let depth = |mount: &Mount| depth(mount.destination.to_bytes());
            let behind = spec.mounts[first..].iter().filter(|it| depth(it) <= depth(&mount));
            let at = first + behind.count();
            spec.mounts.insert(at, mount);
        }
        self.mask(spec, has_sysfs);
    }

    /// The file systems of the kernel in a root of the container's own. A user namespace may mount only those whose
    /// namespace belongs to it. Returns whether there is a sysfs.
    fn file_systems(&self, spec: &mut Spec, host: &Host) -> bool {
        let kinds = spec.namespaces;
        let is_owner = |kind| kind == Namespace::New || !host.is_in_user_namespace();
        let quiet = MS_NOSUID | MS_NOEXEC;
        let mut add = |mount: Mount<'static>| spec.mounts.push(mount);
        // Small and bounded: it is for nodes and links.
        let dev = [c"mode=0755", c"size=64k", c"nr_inodes=256"];
        let flags = MS_NOSUID | MS_STRICTATIME;
        add(Mount::file_system(c"/dev", c"tmpfs", c"tmpfs", flags).with_data(&dev));
        // Group 5 is "tty" in every distribution, where it is mapped.
        let pts = [c"newinstance", c"ptmxmode=0666", c"mode=0620", c"gid=5"];
        let pts = if host.has_group(5) { &pts[..] } else { &pts[..3] };
        add(Mount::file_system(c"/dev/pts", c"devpts", c"devpts", quiet).with_data(pts));
        let size = self.shm_size.map_or(SHM_SIZE, |size| {
            let mut text = Text::new();
            text.str("size=").number(size);
            text.leak()
        });
        let shm = Mount::file_system(c"/dev/shm", c"tmpfs", c"shm", quiet | MS_NODEV);
        add(shm.with_data(&[c"mode=1777", size]));
        if is_owner(kinds.ipc) {
            add(Mount::file_system(c"/dev/mqueue", c"mqueue", c"mqueue", quiet | MS_NODEV));
        }
        // The host's /proc instead.
        add(if is_owner(kinds.pid) { proc() } else { Mount::bind(c"/proc", c"/proc", 0) });
        if !is_owner(kinds.net) {
            return false;
        }
        let read_only = if self.privileged { 0 } else { MS_RDONLY };
        let flags = read_only | quiet | MS_NODEV;
        add(Mount::file_system(c"/sys", c"sysfs", c"sysfs", flags));
        // The ones with limits; nobody asked for an implied one.
        if kinds.cgroup == Namespace::New && host.cgroups.list.iter().any(|group| !group.implied) {
            let flags = (MS_RDONLY | quiet | MS_NODEV) as u32;
            let options = MountOptions { set: flags, ..MountOptions::default() };
            add(Mount::new(c"/sys/fs/cgroup", Kind::Cgroup, options));
        }
        true
    }

    /// Masks what the kernel shows of the machine, and lets root change there.
    fn mask(&self, spec: &mut Spec, has_sysfs: bool) {
        let applies = |path: &&CStr| {
            !self.unmask_all
                && !self.unmask.contains(path)
                && (has_sysfs || path.to_bytes().starts_with(b"/proc/"))
        };
        spec.masked_paths.extend(MASKED.into_iter().filter(applies));
        for cpu in 0..self.throttled_cpus {
            let mut number = Text::new();
            number.number(cpu.into());
            let cpu = [b"/sys/devices/system/cpu/cpu", number.bytes(), b"/thermal_throttle"];
            spec.masked_paths.extend(Some(path(&cpu)).filter(applies));
        }
        spec.readonly_paths.extend(READONLY.into_iter().filter(applies));
    }
}

fn proc() -> Mount<'static> {
    Mount::file_system(c"/proc", c"proc", c"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
}

/// Bounds a tmpfs without a size: the kernel's own bound, half of the memory, is too much for several of them.
fn bound(options: &mut MountOptions, host: &Host) {
    if options.data.iter().all(|option| !option.to_bytes().starts_with(b"size=")) {
        let mut size = Text::new();
        size.str("size=").number((64 << 20).min(host.memory / 8));
        options.data.insert(0, size.leak());
    }
}

/// The number of names in a path.
fn depth(path: &[u8]) -> usize {
    path.split(|b| *b == b'/').filter(|name| !matches!(*name, b"" | b".")).count()
}
