//! The namespaces of a container (namespaces(7)): plain data, in the OCI runtime-spec's words.

use core::ffi::CStr;

/// The namespace of one kind that a container runs in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Namespace<'a> {
    /// A new namespace.
    #[default]
    New,
    /// The namespace of mini's caller.
    Host,
    /// An existing namespace, by its file.
    Path(&'a CStr),
}

/// The namespaces of a container, by kind. The user namespace is in [`super::security::IdMapping`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namespaces<'a> {
    /// Process ids.
    pub pid: Namespace<'a>,
    /// Network interfaces, addresses, ports and abstract sockets.
    pub net: Namespace<'a>,
    /// System V IPC and POSIX message queues.
    pub ipc: Namespace<'a>,
    /// Host name and NIS domain name.
    pub uts: Namespace<'a>,
    /// The view of cgroups.
    pub cgroup: Namespace<'a>,
    /// Mounts.
    pub mount: Namespace<'a>,
    /// The clocks CLOCK_MONOTONIC and CLOCK_BOOTTIME.
    pub time: Namespace<'a>,
}

impl Default for Namespaces<'_> {
    /// A new namespace of each kind, except for the clocks.
    fn default() -> Self {
        let new = Namespace::New;
        Namespaces {
            pid: new,
            net: new,
            ipc: new,
            uts: new,
            cgroup: new,
            mount: new,
            time: Namespace::Host,
        }
    }
}

/// The offsets of the clocks in a new time namespace (time_namespaces(7)); None leaves a clock as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeOffsets {
    /// CLOCK_MONOTONIC
    pub monotonic: Option<TimeOffset>,
    /// CLOCK_BOOTTIME
    pub boottime: Option<TimeOffset>,
}

/// The offset of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOffset {
    /// Seconds; may be negative.
    pub secs: i64,
    /// Nanoseconds, added to the seconds.
    pub nanosecs: u32,
}

/// A network interface of the host that moves into the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetDevice<'a> {
    /// The name on the host.
    pub host_name: &'a CStr,
    /// The name in the container; None keeps the name.
    pub name: Option<&'a CStr>,
}
