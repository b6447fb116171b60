//! What a container is: plain data in the terms of the OCI runtime specification. The command line
//! and config.json both fill it; nothing that reads it knows which.

pub mod capability;
pub mod hooks;
pub mod mounts;
pub mod namespaces;
pub mod process;
pub mod resources;
pub mod security;

use alloc::vec::Vec;
use core::ffi::CStr;
use hooks::Hooks;
use mounts::{Device, Mount, Root};
pub use namespaces::{Namespace, Namespaces};
use resources::Resources;
use security::Security;

/// PATH of a container that sets none.
pub const DEFAULT_PATH: &CStr =
    c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spec<'a> {
    /// The command and its properties.
    pub process: Process<'a>,
    /// The root file system.
    pub root: Root<'a>,
    /// Mounts, in order.
    pub mounts: Vec<Mount<'a>>,
    /// Device nodes.
    pub devices: Vec<Device<'a>>,
    /// Symbolic links in /dev: (target, path).
    pub dev_links: Vec<(&'a CStr, &'a CStr)>,
    /// Paths that read as empty. A path that does not exist is left out.
    pub masked_paths: Vec<&'a CStr>,
    /// The same, but a path that does not exist is an error.
    pub required_masked_paths: Vec<&'a CStr>,
    /// Paths that are read-only. A path that does not exist is left out.
    pub readonly_paths: Vec<&'a CStr>,
    /// The host name; None: unchanged.
    pub hostname: Option<&'a CStr>,
    /// The NIS domain name; None: unchanged.
    pub domainname: Option<&'a CStr>,
    /// The namespaces.
    pub namespaces: Namespaces<'a>,
    /// The offsets of the clocks in a new time namespace.
    pub time_offsets: namespaces::TimeOffsets,
    /// Kernel parameters: names and values.
    pub sysctl: Vec<(&'a CStr, &'a CStr)>,
    /// Network interfaces of the host that move into the container.
    pub net_devices: Vec<namespaces::NetDevice<'a>>,
    /// Resource limits.
    pub resources: Resources<'a>,
    /// Capabilities, seccomp, users and path rules.
    pub security: Security<'a>,
    /// Programs that run at points of the container's life.
    pub hooks: Hooks<'a>,
    /// Whether the process waits for `mini start` before it executes the command.
    pub waits_for_start: bool,
    /// Whether the process keeps the session keyring of the caller.
    pub keeps_keyring: bool,
    /// A further process for a container that exists (`mini exec`), instead of a new container.
    pub exec: Option<Exec>,
}

/// What a further process of a container needs to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exec {
    /// The files by which a process joins the container's cgroups (`tasks`, `cgroup.procs`).
    pub cgroups: Vec<&'static CStr>,
    /// Whether the process outlives mini.
    pub detached: bool,
}

/// The command and its properties.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process<'a> {
    /// The command and its arguments. Empty for a container without a process.
    pub args: &'a [&'a CStr],
    /// The environment, `KEY=VALUE`, each key once.
    pub env: Vec<&'a CStr>,
    /// Whether HOME is set from the user's entry in the container's /etc/passwd.
    pub home_from_passwd: bool,
    /// The working directory; None: `/` with a rootfs, else mini's own.
    pub cwd: Option<&'a CStr>,
    /// The OOM score adjustment, -1000 to 1000 (proc_pid_oom_score_adj(5)); None: unchanged.
    pub oom_score_adj: Option<i32>,
    /// Whether to allocate a pseudo terminal.
    pub terminal: bool,
    /// Whether to create a missing working directory.
    pub create_cwd: bool,
    /// The AppArmor profile of the command.
    pub apparmor_profile: Option<&'a CStr>,
    /// The SELinux label of the command.
    pub selinux_label: Option<&'a CStr>,
    /// The scheduling policy; None leaves mini's own.
    pub scheduler: Option<process::Scheduler>,
    /// The I/O priority; None leaves mini's own.
    pub io_priority: Option<process::IoPriority>,
    /// The NUMA memory policy; None leaves mini's own.
    pub memory_policy: Option<process::MemoryPolicy<'a>>,
    /// The execution domain (personality(2)); None leaves mini's own.
    pub personality: Option<u32>,
    /// Whether mini is PID 1 (--init): the time in nanoseconds between SIGTERM and SIGKILL for the
    /// processes that remain after the command.
    pub init: Option<u64>,
    /// The user; None: user 0, with unchanged groups.
    pub user: Option<User<'a>>,
}

/// A user and a group, by number or by a name in the container's own files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User<'a> {
    /// The user.
    pub uid: Id<'a>,
    /// The group; None: the user's group in /etc/passwd, else 0.
    pub gid: Option<Id<'a>>,
}

/// A user or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Id<'a> {
    /// By number.
    Number(u32),
    /// By name in the container's /etc/passwd or /etc/group.
    Name(&'a [u8]),
}

/// What mini as PID 1 of the machine does when the command has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AfterExit {
    /// Power off.
    #[default]
    PowerOff,
    /// Reboot.
    Reboot,
    /// Halt, with the power on.
    Halt,
    /// Kernel panic, as when PID 1 ends; the kernel parameter `panic=` decides what follows.
    Panic,
}
