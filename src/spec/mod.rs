//! What a container is: plain data, in the vocabulary of the OCI runtime specification. Whoever
//! fills it in (flags today, a config.json later), nothing downstream can tell.

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

/// The search path of a container that was not told otherwise.
pub const DEFAULT_PATH: &CStr =
    c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spec<'a> {
    /// What runs in it.
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
    /// The name it sees as its own; None leaves the name as it is.
    pub hostname: Option<&'a CStr>,
    /// The NIS domain name; None leaves the name as it is.
    pub domainname: Option<&'a CStr>,
    /// The namespaces.
    pub namespaces: Namespaces<'a>,
    /// The offsets of the clocks in a new time namespace.
    pub time_offsets: namespaces::TimeOffsets,
    /// Kernel parameters: names and values.
    pub sysctl: Vec<(&'a CStr, &'a CStr)>,
    /// Network interfaces of the host that move into the container.
    pub net_devices: Vec<namespaces::NetDevice<'a>>,
    /// What it may use.
    pub resources: Resources<'a>,
    /// What it may do.
    pub security: Security<'a>,
    /// Programs that run at points of its life.
    pub hooks: Hooks<'a>,
    /// Whether its process waits for `mini start` before it becomes the command.
    pub waits_for_start: bool,
}

/// The command and its surroundings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process<'a> {
    /// The command and its arguments; never empty.
    pub args: &'a [&'a CStr],
    /// The environment, `KEY=VALUE`, each key once.
    pub env: Vec<&'a CStr>,
    /// Whether HOME is still to be set, from the user's entry in the container's /etc/passwd.
    pub home_from_passwd: bool,
    /// The working directory; None: `/` under a rootfs, else as mini's own.
    pub cwd: Option<&'a CStr>,
    /// How much sooner than others the kernel ends it when memory runs out, -1000 to 1000; None
    /// leaves mini's own.
    pub oom_score_adj: Option<i32>,
    /// Whether it gets a terminal of its own.
    pub terminal: bool,
    /// Whether a working directory that is missing is made.
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
    /// Whether process 1 is mini's, which collects orphans, and the command another one; then how
    /// long the others have to end when the command has, in nanoseconds.
    pub init: Option<u64>,
    /// Who it runs as; None: id 0 and its groups as they are.
    pub user: Option<User<'a>>,
}

/// A user and perhaps a group, by number or by a name of the container's own files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User<'a> {
    /// The user.
    pub uid: Id<'a>,
    /// The group; None: the user's own from /etc/passwd, else 0.
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

/// What the machine does when the command has ended, where mini is its first process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AfterExit {
    /// Switch the machine off.
    #[default]
    PowerOff,
    /// Start it anew.
    Reboot,
    /// Stop it, with the power on.
    Halt,
    /// Let the kernel panic, as it does when its first process ends: what it then does is for its
    /// parameter `panic=` to say.
    Panic,
}
