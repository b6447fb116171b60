//! config.json and process.json as data: the properties of runtime-spec 1.3 for Linux, in its own words.
//!
//! Text is borrowed from the document. Constants that the specification names after the kernel's are the kernel's
//! numbers here. Unknown properties are ignored, as the specification wants. A property that is missing where it must
//! be there, has the wrong type or contradicts another one is an error that names it by its path.

use super::json::{Document, Value};
use crate::cgroup::settings;
use crate::error::{Error, Result};
use crate::spec::capability;
pub use crate::spec::hooks::{Hook, Hooks};
use crate::spec::mounts::{Device, MountOptions};
pub use crate::spec::namespaces::{NetDevice, TimeOffset, TimeOffsets};
pub use crate::spec::process::{
    Capabilities, ConsoleSize, CpuAffinity, IoPriority, MemoryPolicy, Rlimit, Scheduler,
};
use crate::spec::resources::{
    ACCESS_MKNOD, ACCESS_READ, ACCESS_WRITE, DeviceKind, DeviceRule, HugepageLimit, Rdma,
    Resources, Throttle, ThrottleDevice, WeightDevice,
};
use crate::text::{Text, number};
use alloc::vec::Vec;
use core::ffi::CStr;

/// The newest version of the specification that mini knows.
pub const VERSION: &str = "1.3.0";

/// Names and their values, each name once.
pub type Pairs<'a> = Vec<(&'a CStr, &'a CStr)>;

/// A container's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config<'a> {
    /// Version of the specification.
    pub oci_version: &'a CStr,
    /// The command. A container without one can be created but not started.
    pub process: Option<Process<'a>>,
    /// The root file system.
    pub root: Root<'a>,
    /// Host name; None: unchanged.
    pub hostname: Option<&'a CStr>,
    /// NIS domain name; None: unchanged.
    pub domainname: Option<&'a CStr>,
    /// Mounts, in order.
    pub mounts: Vec<Mount<'a>>,
    /// Programs that run at points of the container's life.
    pub hooks: Hooks<'a>,
    /// Annotations of the engine.
    pub annotations: Pairs<'a>,
    /// Linux-specific properties.
    pub linux: Linux<'a>,
}

impl<'a> Config<'a> {
    /// Gives the hooks without an environment the one they start with; `caller` is mini's own.
    pub fn inherit_environment(&mut self, caller: &[&'a CStr]) {
        let command = self.process.as_ref().map_or(&[][..], |process| &process.env);
        self.hooks.inherit(caller, command);
    }
}

/// The root file system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Root<'a> {
    /// Directory, absolute or relative to the bundle.
    pub path: &'a CStr,
    /// Whether the root is mounted read-only.
    pub readonly: bool,
}

/// A mount.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mount<'a> {
    /// Mount point, relative to the container's root.
    pub destination: &'a CStr,
    /// File system type.
    pub kind: Option<&'a CStr>,
    /// Source: a path or device; for bind mounts absolute or relative to the bundle.
    pub source: Option<&'a CStr>,
    /// Mount options.
    pub options: MountOptions<'a>,
    /// User ids of an id-mapped mount.
    pub uid_mappings: Vec<IdMapping>,
    /// Group ids of an id-mapped mount.
    pub gid_mappings: Vec<IdMapping>,
}

/// A range of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdMapping {
    /// First id in the container.
    pub container_id: u32,
    /// First id on the host.
    pub host_id: u32,
    /// Number of ids.
    pub size: u32,
}

/// The process of a container or of `exec`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process<'a> {
    /// Whether to allocate a pseudo terminal.
    pub terminal: bool,
    /// Initial size of the pseudo terminal.
    pub console_size: Option<ConsoleSize>,
    /// User and groups.
    pub user: User,
    /// Arguments; at least one.
    pub args: Vec<&'a CStr>,
    /// Environment.
    pub env: Vec<&'a CStr>,
    /// Working directory, an absolute path.
    pub cwd: &'a CStr,
    /// Capability sets; None: unchanged.
    pub capabilities: Option<Capabilities>,
    /// Names in the sets that are no known capability.
    pub unknown_capabilities: Vec<&'a CStr>,
    /// Resource limits, each one once.
    pub rlimits: Vec<Rlimit>,
    /// Whether to set no_new_privs.
    pub no_new_privileges: bool,
    /// AppArmor profile.
    pub apparmor_profile: Option<&'a CStr>,
    /// OOM score adjustment; None: unchanged.
    pub oom_score_adj: Option<i32>,
    /// Scheduling policy; None: unchanged.
    pub scheduler: Option<Scheduler>,
    /// SELinux label.
    pub selinux_label: Option<&'a CStr>,
    /// I/O priority; None: unchanged.
    pub io_priority: Option<IoPriority>,
    /// CPU affinity of a process of `exec`.
    pub exec_cpu_affinity: CpuAffinity<'a>,
}

/// A user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// User id in the container.
    pub uid: u32,
    /// Group id in the container.
    pub gid: u32,
    /// umask; None: unchanged.
    pub umask: Option<u32>,
    /// Supplementary groups.
    pub additional_gids: Vec<u32>,
}

/// Linux-specific properties.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Linux<'a> {
    /// uid map of a new user namespace.
    pub uid_mappings: Vec<IdMapping>,
    /// gid map of a new user namespace.
    pub gid_mappings: Vec<IdMapping>,
    /// Kernel parameters (sysctl).
    pub sysctl: Pairs<'a>,
    /// Resource limits.
    pub resources: Resources<'a>,
    /// The container's cgroup: an absolute or relative path, or systemd's `slice:prefix:name`. No
    /// component is `..`.
    pub cgroups_path: Option<&'a CStr>,
    /// Namespaces, each type once; missing ones are shared with the caller.
    pub namespaces: Vec<Namespace<'a>>,
    /// Device nodes.
    pub devices: Vec<Device<'a>>,
    /// Network interfaces of the host to move into the container.
    pub net_devices: Vec<NetDevice<'a>>,
    /// Seccomp rules.
    pub seccomp: Option<Seccomp<'a>>,
    /// Propagation of the root mount: MS_SHARED and so on, possibly with MS_REC.
    pub rootfs_propagation: Option<u32>,
    /// Masked paths.
    pub masked_paths: Vec<&'a CStr>,
    /// Read-only paths.
    pub readonly_paths: Vec<&'a CStr>,
    /// SELinux label of the mounts.
    pub mount_label: Option<&'a CStr>,
    /// Intel's Resource Director Technology.
    pub intel_rdt: Option<IntelRdt<'a>>,
    /// NUMA memory policy.
    pub memory_policy: Option<MemoryPolicy<'a>>,
    /// Execution domain (personality(2)).
    pub personality: Option<u32>,
    /// Clock offsets of a new time namespace.
    pub time_offsets: TimeOffsets,
}

/// A namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namespace<'a> {
    /// CLONE_NEW* flag.
    pub kind: u32,
    /// Path of an existing namespace; None: a new one.
    pub path: Option<&'a CStr>,
}

/// Intel's Resource Director Technology.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntelRdt<'a> {
    /// Class of service.
    pub clos_id: Option<&'a CStr>,
    /// Lines for the schemata file.
    pub schemata: Vec<&'a CStr>,
    /// Schema of the L3 cache.
    pub l3_cache_schema: Option<&'a CStr>,
    /// Schema of memory bandwidth.
    pub mem_bw_schema: Option<&'a CStr>,
    /// Whether to make a monitoring group.
    pub enable_monitoring: bool,
}

/// Seccomp rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seccomp<'a> {
    /// Action for calls without a rule (SECCOMP_RET_* and its data).
    pub default_action: u32,
    /// Architectures that have rules, as bits ([`ARCHITECTURES`]); this CPU's is always included.
    pub architectures: u32,
    /// SECCOMP_FILTER_FLAG_*
    pub flags: u32,
    /// Socket that receives the notification descriptor.
    pub listener_path: Option<&'a CStr>,
    /// Data sent with the descriptor.
    pub listener_metadata: Option<&'a CStr>,
    /// The rules.
    pub syscalls: Vec<Syscall<'a>>,
}

/// Names of architectures without SCMP_ARCH_, by bit.
pub const ARCHITECTURES: &str = "X86 X86_64 X32 ARM AARCH64 RISCV64 MIPS MIPS64 MIPS64N32 MIPSEL \
    MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC PARISC64 LOONGARCH64 M68K SH SHEB";

/// A rule for some system calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Syscall<'a> {
    /// Names of the calls.
    pub names: Vec<&'a CStr>,
    /// Action (SECCOMP_RET_* and its data).
    pub action: u32,
    /// Conditions on arguments; all must hold.
    pub args: Vec<Arg>,
}

/// A condition on an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arg {
    /// Index of the argument, 0 to 5.
    pub index: u32,
    /// Comparison.
    pub op: Operator,
    /// Value to compare with; for [`Operator::MaskedEqual`] the mask.
    pub value: u64,
    /// For [`Operator::MaskedEqual`] the value of the masked bits.
    pub value_two: u64,
}

/// Unsigned comparison of an argument with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `!=`
    NotEqual,
    /// `<`
    LessThan,
    /// `<=`
    LessEqual,
    /// `==`
    EqualTo,
    /// `>=`
    GreaterEqual,
    /// `>`
    GreaterThan,
    /// `(argument & value) == value_two`
    MaskedEqual,
}

/// Reads config.json. The text is modified.
pub fn read_config(text: &mut [u8]) -> Result<Config<'_>> {
    read("config.json", text, config)
}

/// Reads the process of `exec`. The text is modified.
pub fn read_process(text: &mut [u8]) -> Result<Process<'_>> {
    read("process.json", text, process)
}

/// Reads the limits of `update`. The text is modified.
pub fn read_resources(text: &mut [u8]) -> Result<Resources<'_>> {
    read("resources", text, resources)
}

/// Reads a document; the error names its first mistake.
///
/// The functions it calls are not inlined: one frame for all would exceed the range of short stack
/// offsets, and the code would be half as large again.
fn read<'a, T>(name: &str, text: &'a mut [u8], access: fn(Value<'_, 'a>) -> T) -> Result<T> {
    let document = Document::read(text).map_err(|error| {
        let mut place = Text::new();
        place.str("byte ").number(error.offset as u64);
        Error::new(name).cause(error.cause).hint_text(&place)
    })?;
    let root = document.root();
    if !root.is_object() {
        root.wrong("not an object");
    }
    let read = access(root);
    let Some((path, cause)) = document.problem() else { return Ok(read) };
    // mini ends with this error. Code to free all lists would be larger than the code that reads
    // them.
    core::mem::forget(read);
    let error = Error::new(name);
    Err(if path.bytes().is_empty() { error } else { error.object(path.bytes()) }.cause(cause))
}

/// Checks a container id: it becomes the name of a directory.
pub fn check_id(id: &[u8]) -> Result<()> {
    let cause = if id.is_empty() {
        "empty"
    } else if id.len() > 1024 {
        "longer than 1024 bytes"
    } else if !id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_+-.".contains(byte)) {
        "a character other than letters, digits and _+-."
    } else if id == b"." || id == b".." {
        "names a directory"
    } else {
        return Ok(());
    };
    Err(Error::new("container id").object(id).cause(cause))
}

impl<'a> Value<'_, 'a> {
    /// A required string.
    #[inline(never)]
    fn text(self, name: &'static str) -> &'a CStr {
        self.need(name).string().unwrap_or_default()
    }

    /// A required, non-empty string.
    #[inline(never)]
    fn name(self, name: &'static str) -> &'a CStr {
        let text = self.text(name);
        if text.is_empty() {
            self.wrong_in(name, "empty");
        }
        text
    }

    #[inline(never)]
    fn i64_of(self, name: &str) -> Option<i64> {
        self.get(name).i64()
    }

    #[inline(never)]
    fn u64_of(self, name: &str) -> Option<u64> {
        self.get(name).u64()
    }

    #[inline(never)]
    fn u32_of(self, name: &str) -> Option<u32> {
        self.get(name).u32()
    }

    #[inline(never)]
    fn strings_of(self, name: &str) -> Vec<&'a CStr> {
        self.get(name).strings()
    }

    /// A string; an empty one counts as missing, as in Go.
    #[inline(never)]
    fn maybe(self, name: &str) -> Option<&'a CStr> {
        self.get(name).string().filter(|text| !text.is_empty())
    }

    /// A required absolute path.
    #[inline(never)]
    fn path(self, name: &'static str) -> &'a CStr {
        let path = self.text(name);
        if !is_absolute(path) {
            self.wrong_in(name, "not an absolute path");
        }
        path
    }

    /// A boolean; false if missing.
    #[inline(never)]
    fn is(self, name: &str) -> bool {
        self.get(name).boolean().unwrap_or_default()
    }

    fn u32_or_0(self, name: &str) -> u32 {
        self.u32_of(name).unwrap_or_default()
    }

    #[inline(never)]
    fn u16(self, name: &str) -> Option<u16> {
        self.get(name).unsigned(u16::MAX.into()).map(|number| number as u16)
    }

    #[inline(never)]
    fn i32(self, name: &str) -> Option<i32> {
        let value = self.get(name);
        let number = i32::try_from(value.i64()?).ok();
        if number.is_none() {
            value.wrong("out of range");
        }
        number
    }

    /// The elements of an array.
    fn each<T>(self, name: &str, read: fn(Self) -> T) -> Vec<T> {
        let mut list = Vec::new();
        for value in self.get(name).list() {
            list.push(read(value));
        }
        list
    }

    /// The bits for the names in an array.
    #[inline(never)]
    fn bits(self, name: &str, prefix: &str, words: &str) -> u32 {
        let bit = |word: Self| word.word_of(prefix, words).map_or(0, |bit| 1 << bit);
        self.get(name).list().fold(0, |bits, word| bits | bit(word))
    }

    /// The index of a required name in a list.
    #[inline(never)]
    fn number_of(self, name: &'static str, prefix: &str, words: &str) -> u32 {
        self.need(name).word_of(prefix, words).unwrap_or_default() as u32
    }

    /// Names and their values.
    #[inline(never)]
    fn texts(self, name: &str) -> Pairs<'a> {
        let pairs = self.get(name).pairs().into_iter();
        pairs.map(|(name, value)| (name, value.string().unwrap_or_default())).collect()
    }

    /// Paths of the container. Relative ones begin at its root, as with runc.
    #[inline(never)]
    fn paths(self, name: &str) -> Vec<&'a CStr> {
        let list = self.get(name).list();
        list.filter_map(|path| {
            let text = path.string()?;
            if is_absolute(text) {
                return Some(text);
            }
            let mut absolute = Text::new();
            absolute.str("/").raw(text.to_bytes());
            Some(absolute.leak())
        })
        .collect()
    }
}

fn is_absolute(path: &CStr) -> bool {
    path.to_bytes().first() == Some(&b'/')
}

fn config<'a>(at: Value<'_, 'a>) -> Config<'a> {
    // First, because everything else depends on the version.
    let oci_version = at.text("ociVersion");
    if let Some(cause) = version_problem(oci_version.to_bytes()) {
        at.wrong_in("ociVersion", cause);
    }
    let root = at.need("root");
    let config = Config {
        oci_version,
        process: Some(at.get("process")).filter(|value| value.exists()).map(process),
        root: Root { path: root.name("path"), readonly: root.is("readonly") },
        hostname: at.maybe("hostname"),
        domainname: at.maybe("domainname"),
        mounts: at.each("mounts", mount),
        hooks: hooks(at.get("hooks")),
        annotations: at.texts("annotations"),
        linux: linux(at.get("linux")),
    };
    contradictions(at, &config);
    config
}

/// Only versions 1.x are supported.
fn version_problem(version: &[u8]) -> Option<&'static str> {
    let mut parts = version.splitn(3, |byte| *byte == b'.');
    let mut part = || parts.next().unwrap_or_default();
    let (major, minor, rest) = (part(), part(), part());
    let (Some(major), Some(_), true) =
        (number(major, 10), number(minor, 10), rest.first().is_some_and(u8::is_ascii_digit))
    else {
        return Some("not a version");
    };
    (major != 1).then_some("not a version 1.x")
}

/// Contradictions between properties.
#[inline(never)]
fn contradictions(at: Value, config: &Config) {
    let linux = &config.linux;
    let is_new = |kind: i32| {
        linux.namespaces.iter().any(|known| known.kind == kind as u32 && known.path.is_none())
    };
    let has = |kind: i32| linux.namespaces.iter().any(|known| known.kind == kind as u32);
    let demand = |wanted: bool, met: bool, name, cause| {
        if wanted && !met {
            at.wrong_in(name, cause);
        }
    };
    let has_uts = has(libc::CLONE_NEWUTS);
    demand(config.hostname.is_some(), has_uts, "hostname", "needs a uts namespace");
    demand(config.domainname.is_some(), has_uts, "domainname", "needs a uts namespace");
    let has_offsets = linux.time_offsets != TimeOffsets::default();
    demand(has_offsets, is_new(CLONE_NEWTIME), "linux.timeOffsets", "needs a new time namespace");
    let has_devices = !linux.net_devices.is_empty();
    demand(has_devices, has(libc::CLONE_NEWNET), "linux.netDevices", "needs a network namespace");
    let new_user = is_new(libc::CLONE_NEWUSER);
    let is_mapped = !linux.uid_mappings.is_empty() && !linux.gid_mappings.is_empty();
    let some_mapped = !linux.uid_mappings.is_empty() || !linux.gid_mappings.is_empty();
    demand(some_mapped, has(libc::CLONE_NEWUSER), "linux.uidMappings", "needs a user namespace");
    demand(
        new_user,
        is_mapped,
        "linux.uidMappings",
        "a new user namespace needs uidMappings and gidMappings",
    );
    let masks = !linux.masked_paths.is_empty() || !linux.readonly_paths.is_empty();
    demand(masks, has(libc::CLONE_NEWNS), "linux.maskedPaths", "needs a mount namespace");
    let maps_mount = |mount: &Mount| mount.options.idmap && mount.uid_mappings.is_empty();
    let idmaps = config.mounts.iter().any(maps_mount);
    demand(idmaps, has(libc::CLONE_NEWUSER), "mounts", "idmap needs mappings or a user namespace");
}

/// CLONE_NEWTIME, which libc does not name everywhere.
pub const CLONE_NEWTIME: i32 = 0x80;

#[inline(never)]
fn process<'a>(at: Value<'_, 'a>) -> Process<'a> {
    let args = at.strings_of("args");
    if args.is_empty() {
        at.wrong_in("args", "empty");
    }
    let size = at.get("consoleSize");
    let user = at.get("user");
    let scheduling = at.get("scheduler");
    let io = at.get("ioPriority");
    let affinity = at.get("execCPUAffinity");
    let (capabilities, unknown_capabilities) = capabilities(at.get("capabilities"));
    Process {
        terminal: at.is("terminal"),
        console_size: size.exists().then(|| ConsoleSize {
            height: size.u16("height").unwrap_or_default(),
            width: size.u16("width").unwrap_or_default(),
        }),
        user: User {
            uid: user.u32_or_0("uid"),
            gid: user.u32_or_0("gid"),
            umask: user.get("umask").unsigned(0o777).map(|umask| umask as u32),
            additional_gids: user.each("additionalGids", |gid| gid.u32().unwrap_or_default()),
        },
        args,
        env: at.strings_of("env"),
        cwd: at.path("cwd"),
        capabilities,
        unknown_capabilities,
        rlimits: rlimits(at.get("rlimits")),
        no_new_privileges: at.is("noNewPrivileges"),
        apparmor_profile: at.maybe("apparmorProfile"),
        oom_score_adj: oom_score_adj(at),
        scheduler: scheduling.exists().then(|| scheduler(scheduling)),
        selinux_label: at.maybe("selinuxLabel"),
        io_priority: io.exists().then(|| IoPriority {
            class: 1 + io.number_of("class", "IOPRIO_CLASS_", "RT BE IDLE"),
            priority: io.get("priority").unsigned(7).unwrap_or_default() as u32,
        }),
        exec_cpu_affinity: CpuAffinity {
            initial: affinity.maybe("initial"),
            final_: affinity.maybe("final"),
        },
    }
}

#[inline(never)]
fn oom_score_adj(at: Value) -> Option<i32> {
    let score = at.i32("oomScoreAdj")?;
    if !(-1000..=1000).contains(&score) {
        at.wrong_in("oomScoreAdj", "out of range");
    }
    Some(score)
}

#[inline(never)]
fn capabilities<'a>(at: Value<'_, 'a>) -> (Option<Capabilities>, Vec<&'a CStr>) {
    let mut unknown = Vec::new();
    let mut set = |name: &str| {
        let mut set = 0;
        for name in at.strings_of(name) {
            match capability::by_name(name.to_bytes()) {
                Some(number) => set |= 1 << number,
                None => unknown.push(name),
            }
        }
        set
    };
    let sets = at.exists().then(|| Capabilities {
        bounding: set("bounding"),
        effective: set("effective"),
        inheritable: set("inheritable"),
        permitted: set("permitted"),
        ambient: set("ambient"),
    });
    (sets, unknown)
}

/// Names by number (asm-generic/resource.h).
const RLIMITS: &str = "CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING \
                       MSGQUEUE NICE RTPRIO RTTIME";

#[inline(never)]
fn rlimits(at: Value) -> Vec<Rlimit> {
    let mut limits: Vec<Rlimit> = Vec::new();
    for limit in at.list() {
        let resource = limit.number_of("type", "RLIMIT_", RLIMITS);
        if limits.iter().any(|known| known.resource == resource) {
            limit.wrong_in("type", "said twice");
            break;
        }
        let value = |name| limit.need(name).u64().unwrap_or_default();
        let (soft, hard) = (value("soft"), value("hard"));
        if soft > hard {
            limit.wrong_in("soft", "larger than the hard limit");
        }
        limits.push(Rlimit { resource, soft, hard });
    }
    limits
}

#[inline(never)]
fn scheduler(at: Value) -> Scheduler {
    const POLICIES: &str = "OTHER FIFO RR BATCH ISO IDLE DEADLINE";
    const FLAGS: &str = "RESET_ON_FORK RECLAIM DL_OVERRUN KEEP_POLICY KEEP_PARAMS UTIL_CLAMP_MIN \
                         UTIL_CLAMP_MAX";
    let nanoseconds = |name| at.u64_of(name).unwrap_or_default();
    Scheduler {
        policy: at.number_of("policy", "SCHED_", POLICIES),
        nice: at.i32("nice").unwrap_or_default(),
        priority: at.get("priority").unsigned(99).unwrap_or_default() as u32,
        flags: at.bits("flags", "SCHED_FLAG_", FLAGS),
        runtime: nanoseconds("runtime"),
        deadline: nanoseconds("deadline"),
        period: nanoseconds("period"),
    }
}

#[inline(never)]
fn mount<'a>(at: Value<'_, 'a>) -> Mount<'a> {
    let mount = Mount {
        destination: at.name("destination"),
        kind: at.maybe("type"),
        source: at.maybe("source"),
        options: MountOptions::read(&at.strings_of("options")),
        uid_mappings: mappings(at.get("uidMappings")),
        gid_mappings: mappings(at.get("gidMappings")),
    };
    if mount.uid_mappings.is_empty() != mount.gid_mappings.is_empty() {
        at.wrong_in("uidMappings", "needs gidMappings, and the other way round");
    }
    mount
}

/// Maximum number of lines in an id map (user_namespaces(7)).
const MOST_MAPPINGS: usize = 340;

#[inline(never)]
fn mappings(at: Value) -> Vec<IdMapping> {
    let mut mappings: Vec<IdMapping> = Vec::new();
    for range in at.list() {
        let id = |name| range.need(name).u32().unwrap_or_default();
        let new =
            IdMapping { container_id: id("containerID"), host_id: id("hostID"), size: id("size") };
        let ends = |first: u32| first.checked_add(new.size).is_none();
        if new.size == 0 || ends(new.container_id) || ends(new.host_id) {
            range.wrong_in("size", "out of range");
        }
        // Ranges must not overlap.
        let meet = |one: u32, one_size: u32, other: u32, other_size: u32| {
            one.wrapping_sub(other) < other_size || other.wrapping_sub(one) < one_size
        };
        if mappings.iter().any(|known| {
            meet(new.container_id, new.size, known.container_id, known.size)
                || meet(new.host_id, new.size, known.host_id, known.size)
        }) {
            range.wrong("overlaps another mapping");
        }
        if mappings.len() == MOST_MAPPINGS {
            at.wrong("more than 340 mappings");
            break;
        }
        mappings.push(new);
    }
    mappings
}

#[inline(never)]
fn hooks<'a>(at: Value<'_, 'a>) -> Hooks<'a> {
    let list = |name: &str| at.each(name, hook);
    Hooks {
        prestart: list("prestart"),
        create_runtime: list("createRuntime"),
        create_container: list("createContainer"),
        start_container: list("startContainer"),
        poststart: list("poststart"),
        poststop: list("poststop"),
    }
}

#[inline(never)]
fn hook<'a>(at: Value<'_, 'a>) -> Hook<'a> {
    let timeout = at.get("timeout").unsigned(i32::MAX as u64).map(|seconds| seconds as u32);
    if timeout == Some(0) {
        at.wrong_in("timeout", "out of range");
    }
    let env = at.get("env").exists().then(|| at.strings_of("env"));
    Hook { path: at.path("path"), args: at.strings_of("args"), env, timeout }
}

#[inline(never)]
fn linux<'a>(at: Value<'_, 'a>) -> Linux<'a> {
    let rdt = at.get("intelRdt");
    let policy = at.get("memoryPolicy");
    Linux {
        uid_mappings: mappings(at.get("uidMappings")),
        gid_mappings: mappings(at.get("gidMappings")),
        sysctl: at.texts("sysctl"),
        resources: resources(at.get("resources")),
        cgroups_path: cgroups_path(at),
        namespaces: namespaces(at.get("namespaces")),
        devices: at.each("devices", device),
        net_devices: net_devices(at.get("netDevices")),
        seccomp: Some(at.get("seccomp")).filter(|value| value.exists()).map(seccomp),
        rootfs_propagation: rootfs_propagation(at),
        masked_paths: at.paths("maskedPaths"),
        readonly_paths: at.paths("readonlyPaths"),
        mount_label: at.maybe("mountLabel"),
        intel_rdt: rdt.exists().then(|| intel_rdt(rdt)),
        memory_policy: policy.exists().then(|| MemoryPolicy {
            mode: policy.number_of(
                "mode",
                "MPOL_",
                "DEFAULT PREFERRED BIND INTERLEAVE LOCAL PREFERRED_MANY WEIGHTED_INTERLEAVE",
            ),
            nodes: policy.maybe("nodes"),
            flags: policy.bits("flags", "MPOL_F_", "NUMA_BALANCING RELATIVE_NODES STATIC_NODES")
                << 13,
        }),
        personality: personality(at.get("personality")),
        time_offsets: time_offsets(at.get("timeOffsets")),
    }
}

#[inline(never)]
fn cgroups_path<'a>(at: Value<'_, 'a>) -> Option<&'a CStr> {
    let path = at.maybe("cgroupsPath")?;
    if path.to_bytes().split(|byte| *byte == b'/').any(|component| component == b"..") {
        at.wrong_in("cgroupsPath", "a component is ..");
    }
    Some(path)
}

#[inline(never)]
fn namespaces<'a>(at: Value<'_, 'a>) -> Vec<Namespace<'a>> {
    const NAMES: &str = "time mount cgroup uts ipc user pid network";
    const FLAGS: [i32; 8] = [
        CLONE_NEWTIME,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ];
    let mut namespaces: Vec<Namespace> = Vec::new();
    for namespace in at.list() {
        let index = namespace.number_of("type", "", NAMES);
        let kind = FLAGS[index as usize % FLAGS.len()] as u32;
        let path = namespace.maybe("path");
        if path.is_some_and(|path| !is_absolute(path)) {
            namespace.wrong_in("path", "not an absolute path");
        }
        if namespaces.iter().any(|known| known.kind == kind) {
            namespace.wrong_in("type", "said twice");
            break;
        }
        namespaces.push(Namespace { kind, path });
    }
    namespaces
}

/// Maximum device numbers of the kernel.
const MAJOR: u64 = 0xfff;
const MINOR: u64 = 0xf_ffff;

#[inline(never)]
fn device<'a>(at: Value<'_, 'a>) -> Device<'a> {
    let kind = match at.number_of("type", "", "c u b p") {
        2 => libc::S_IFBLK,
        3 => libc::S_IFIFO,
        _ => libc::S_IFCHR,
    };
    let number = |name, largest| {
        let number = if kind == libc::S_IFIFO { at.get(name) } else { at.need(name) };
        number.unsigned(largest).unwrap_or_default() as u32
    };
    Device {
        path: at.path("path"),
        kind,
        major: number("major", MAJOR),
        minor: number("minor", MINOR),
        // Engines include the file type.
        file_mode: at.u32_of("fileMode").map(|mode| mode & 0o7777),
        uid: at.u32_of("uid"),
        gid: at.u32_of("gid"),
    }
}

#[inline(never)]
fn net_devices<'a>(at: Value<'_, 'a>) -> Vec<NetDevice<'a>> {
    let read = |(host_name, device): (&'a CStr, Value<'_, 'a>)| {
        let name = device.maybe("name");
        for name in [Some(host_name), name].into_iter().flatten() {
            let bytes = name.to_bytes();
            let bad = |byte: &u8| matches!(byte, b'/' | b':' | 0..=b' ');
            // Names that the kernel accepts, except %d, which makes it choose a number.
            if bytes.is_empty()
                || bytes.len() > 15
                || bytes.iter().any(bad)
                || bytes == b"."
                || bytes == b".."
            {
                device.wrong("not an interface's name");
            }
        }
        NetDevice { host_name, name }
    };
    at.pairs().into_iter().map(read).collect()
}

#[inline(never)]
fn rootfs_propagation(at: Value) -> Option<u32> {
    const WORDS: &str = "private rprivate slave rslave shared rshared unbindable runbindable";
    at.maybe("rootfsPropagation")?;
    let index = at.get("rootfsPropagation").word_of("", WORDS)? as u32;
    const FLAGS: [libc::c_ulong; 4] =
        [libc::MS_PRIVATE, libc::MS_SLAVE, libc::MS_SHARED, libc::MS_UNBINDABLE];
    let flag = FLAGS[index as usize / 2 % FLAGS.len()] as u32;
    Some(if index & 1 == 0 { flag } else { flag | libc::MS_REC as u32 })
}

#[inline(never)]
fn intel_rdt<'a>(at: Value<'_, 'a>) -> IntelRdt<'a> {
    IntelRdt {
        clos_id: at.maybe("closID"),
        schemata: at.strings_of("schemata"),
        l3_cache_schema: at.maybe("l3CacheSchema"),
        mem_bw_schema: at.maybe("memBwSchema"),
        enable_monitoring: at.is("enableMonitoring"),
    }
}

#[inline(never)]
fn personality(at: Value) -> Option<u32> {
    if !at.exists() {
        return None;
    }
    if let Some(flag) = at.get("flags").list().next() {
        flag.wrong("unknown");
    }
    const PER_LINUX32: u32 = 8;
    Some(at.number_of("domain", "", "LINUX LINUX32") * PER_LINUX32)
}

#[inline(never)]
fn time_offsets(at: Value) -> TimeOffsets {
    let mut offsets = TimeOffsets::default();
    for (name, clock) in at.pairs() {
        let offset = TimeOffset {
            secs: clock.i64_of("secs").unwrap_or_default(),
            nanosecs: clock.get("nanosecs").unsigned(999_999_999).unwrap_or_default() as u32,
        };
        match name.to_bytes() {
            b"monotonic" => offsets.monotonic = Some(offset),
            b"boottime" => offsets.boottime = Some(offset),
            _ => clock.wrong("unknown clock"),
        }
    }
    offsets
}

#[inline(never)]
fn resources<'a>(at: Value<'_, 'a>) -> Resources<'a> {
    let network = at.get("network");
    let unified = at.texts("unified");
    if unified.iter().any(|(file, _)| file.is_empty() || file.to_bytes().contains(&b'/')) {
        at.wrong_in("unified", "a name is no file's");
    }
    let cpu = at.get("cpu");
    let io = at.get("blockIO");
    let mut throttles = Vec::new();
    for (name, throttle) in [
        ("throttleReadBpsDevice", Throttle::ReadBps),
        ("throttleWriteBpsDevice", Throttle::WriteBps),
        ("throttleReadIOPSDevice", Throttle::ReadIops),
        ("throttleWriteIOPSDevice", Throttle::WriteIops),
    ] {
        for at in io.get(name).list() {
            let rate = at.need("rate").u64().unwrap_or_default();
            throttles.push(ThrottleDevice { throttle, device: numbers(at), rate });
        }
    }
    let mut resources = Resources {
        cpus: cpu.maybe("cpus"),
        mems: cpu.maybe("mems"),
        weight_devices: io.each("weightDevice", |at| WeightDevice {
            device: numbers(at),
            weight: at.u16("weight"),
            leaf_weight: at.u16("leafWeight"),
        }),
        throttles,
        hugepage_limits: at.each("hugepageLimits", hugepage_limit),
        priorities: network.each("priorities", |at| (at.name("name"), at.u32_or_0("priority"))),
        rdma: rdma(at.get("rdma")),
        unified,
        devices: at.get("devices").exists().then(|| at.each("devices", device_rule)),
        ..Resources::default()
    };
    for row in settings::rows() {
        let mut names = row.name.splitn(2, '.');
        let mut name = || names.next().unwrap_or_default();
        let value = at.get(name()).get(name());
        let number = match row.kind {
            b'i' => value.i64(),
            b'b' => value.boolean().map(i64::from),
            kind => {
                let largest = match kind {
                    b'%' => 100,
                    b'h' => u16::MAX.into(),
                    b'w' => u32::MAX.into(),
                    _ => i64::MAX as u64,
                };
                value.unsigned(largest).map(|number| number as i64)
            }
        };
        number.into_iter().for_each(|number| resources.numbers.push((row.property, number)));
    }
    resources
}

#[inline(never)]
fn device_rule(at: Value) -> DeviceRule {
    let kind = match at.maybe("type").map_or(b"a".as_slice(), CStr::to_bytes) {
        b"a" => None,
        b"b" => Some(DeviceKind::Block),
        b"c" | b"u" => Some(DeviceKind::Char),
        _ => {
            at.wrong_in("type", "unknown");
            None
        }
    };
    // Docker writes -1 for "all".
    let number = |name, largest| {
        let value = at.get(name);
        match value.i64()? {
            -1 => None,
            _ => value.unsigned(largest).map(|number| number as u32),
        }
    };
    let mut access = 0;
    for letter in at.name("access").to_bytes() {
        access |= match letter {
            b'm' => ACCESS_MKNOD,
            b'r' => ACCESS_READ,
            b'w' => ACCESS_WRITE,
            _ => {
                at.wrong_in("access", "a letter other than rwm");
                0
            }
        };
    }
    DeviceRule {
        allow: at.is("allow"),
        kind,
        major: number("major", MAJOR),
        minor: number("minor", MINOR),
        access,
    }
}

/// Major and minor number.
fn numbers(at: Value) -> (u32, u32) {
    let number = |name, largest| at.need(name).unsigned(largest).unwrap_or_default() as u32;
    (number("major", MAJOR), number("minor", MINOR))
}

fn hugepage_limit<'a>(at: Value<'_, 'a>) -> HugepageLimit<'a> {
    let page_size = at.text("pageSize");
    // The page size becomes part of a file name.
    let size = page_size.to_bytes().strip_suffix(b"B").and_then(<[u8]>::split_last);
    if !size.is_some_and(|(unit, digits)| b"KMG".contains(unit) && number(digits, 10).is_some()) {
        at.wrong_in("pageSize", "not a size like 2MB");
    }
    HugepageLimit { page_size, limit: at.need("limit").u64().unwrap_or_default() }
}

#[inline(never)]
fn rdma<'a>(at: Value<'_, 'a>) -> Vec<Rdma<'a>> {
    let read = |(name, limits): (&'a CStr, Value)| Rdma {
        name,
        hca_handles: limits.u32_of("hcaHandles"),
        hca_objects: limits.u32_of("hcaObjects"),
    };
    at.pairs().into_iter().map(read).collect()
}

/// Reads seccomp rules.
#[inline(never)]
pub fn seccomp<'a>(at: Value<'_, 'a>) -> Seccomp<'a> {
    // Bits 0 to 5 of the flags of seccomp(2); those between the names are not allowed in
    // configurations.
    const FLAGS: &str = "TSYNC LOG SPEC_ALLOW   WAIT_KILLABLE_RECV";
    let seccomp = Seccomp {
        default_action: action(at, "defaultAction", "defaultErrnoRet"),
        architectures: at.bits("architectures", "SCMP_ARCH_", ARCHITECTURES),
        flags: at.bits("flags", "SECCOMP_FILTER_FLAG_", FLAGS),
        listener_path: at.maybe("listenerPath"),
        listener_metadata: at.maybe("listenerMetadata"),
        syscalls: at.each("syscalls", syscall),
    };
    if seccomp.listener_metadata.is_some() && seccomp.listener_path.is_none() {
        at.wrong_in("listenerMetadata", "needs listenerPath");
    }
    seccomp
}

#[inline(never)]
fn syscall<'a>(at: Value<'_, 'a>) -> Syscall<'a> {
    Syscall {
        names: at.need("names").strings(),
        action: action(at, "action", "errnoRet"),
        args: at.each("args", arg),
    }
}

#[inline(never)]
fn arg(at: Value) -> Arg {
    let number = |name| at.u64_of(name).unwrap_or_default();
    let op = match at.number_of("op", "SCMP_CMP_", "NE LT LE EQ GE GT MASKED_EQ") {
        0 => Operator::NotEqual,
        1 => Operator::LessThan,
        2 => Operator::LessEqual,
        3 => Operator::EqualTo,
        4 => Operator::GreaterEqual,
        5 => Operator::GreaterThan,
        _ => Operator::MaskedEqual,
    };
    Arg {
        index: at.need("index").unsigned(5).unwrap_or_default() as u32,
        op,
        value: number("value"),
        value_two: number("valueTwo"),
    }
}

/// The return value of a filter for an action (linux/seccomp.h).
#[inline(never)]
fn action(at: Value, name: &'static str, errno: &'static str) -> u32 {
    const NAMES: &str = "ERRNO TRACE KILL KILL_THREAD KILL_PROCESS TRAP LOG ALLOW NOTIFY";
    const VALUES: [u32; 9] = [
        0x0005_0000,
        0x7ff0_0000,
        0,
        0,
        0x8000_0000,
        0x0003_0000,
        0x7ffc_0000,
        0x7fff_0000,
        0x7fc0_0000,
    ];
    const EPERM: u32 = 1;
    let index = at.number_of(name, "SCMP_ACT_", NAMES);
    let value = VALUES[index as usize % VALUES.len()];
    let data = at.get(errno).unsigned(0xffff).map(|errno| errno as u32);
    match data {
        _ if index < 2 => value | data.unwrap_or(EPERM),
        None => value,
        Some(_) => {
            at.wrong_in(errno, "this action returns no error");
            value
        }
    }
}

#[cfg(test)]
mod tests;
