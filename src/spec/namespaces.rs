//! The namespaces of a container (namespaces(7)): plain data, in the OCI runtime-spec's words.

use alloc::vec::Vec;
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

impl Namespace<'_> {
    /// Whether the container shares the namespace of mini's caller.
    pub fn is_host(self) -> bool {
        self == Namespace::Host
    }
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

/// The path below /proc/sys of a kernel parameter, which must belong to a namespace of the container.
///
/// A name has dots or slashes; the first one of either tells which, so that `net/ipv4/conf/eth0.1/rp_filter` and
/// `net.ipv4.conf.eth0/1.rp_filter` mean the same (sysctl(8)).
///
/// # Errors
/// Why the parameter is refused.
pub fn sysctl_path(name: &[u8], namespaces: &Namespaces) -> Result<Vec<u8>, &'static str> {
    const IPC: [&[u8]; 8] = [
        b"kernel/msgmax",
        b"kernel/msgmnb",
        b"kernel/msgmni",
        b"kernel/sem",
        b"kernel/shm_rmid_forced",
        b"kernel/shmall",
        b"kernel/shmmax",
        b"kernel/shmmni",
    ];
    let has_dots = name.iter().find(|byte| b"./".contains(byte)) == Some(&b'.');
    let mut path = name.to_vec();
    for byte in path.iter_mut().filter(|_| has_dots) {
        *byte = match *byte {
            b'.' => b'/',
            b'/' => b'.',
            other => other,
        };
    }
    let is_bad = |part: &[u8]| matches!(part, b"" | b"." | b"..");
    if path.split(|byte| *byte == b'/').any(is_bad) {
        return Err("not the name of a kernel parameter");
    }
    let (owner, shared) = if path.starts_with(b"net/") {
        (namespaces.net, "needs a network namespace of the container's own")
    } else if path.starts_with(b"fs/mqueue/") || IPC.contains(&&path[..]) {
        (namespaces.ipc, "needs an ipc namespace of the container's own")
    } else if matches!(&path[..], b"kernel/hostname" | b"kernel/domainname") {
        (namespaces.uts, "needs a uts namespace of the container's own")
    } else {
        return Err("belongs to the whole machine, not to a namespace");
    };
    if owner.is_host() { Err(shared) } else { Ok(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_parameters_belong_to_a_namespace_of_the_containers_own() {
        let own = Namespaces::default();
        let path = |name: &str, namespaces: &Namespaces| {
            sysctl_path(name.as_bytes(), namespaces).map(|path| String::from_utf8(path).unwrap())
        };
        for (name, there) in [
            ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
            ("net/ipv4/conf/eth0.1/rp_filter", "net/ipv4/conf/eth0.1/rp_filter"),
            ("net.ipv4.conf.eth0/1.rp_filter", "net/ipv4/conf/eth0.1/rp_filter"),
            ("kernel.shmmax", "kernel/shmmax"),
            ("kernel.domainname", "kernel/domainname"),
            ("fs.mqueue.msg_max", "fs/mqueue/msg_max"),
        ] {
            assert_eq!(path(name, &own).unwrap(), there);
        }
        for name in [
            "",
            "net",
            "net.",
            "net..x",
            "net/../kernel/pid_max",
            "net.//.x",
            "kernel.pid_max",
            "vm.swappiness",
            "kernel.shmmax.x",
            "fs.mqueue",
            "kernel",
            "/net/ipv4/ip_forward",
        ] {
            assert!(path(name, &own).is_err(), "{name}");
        }
        let host = Namespaces { net: Namespace::Host, ..own };
        assert!(path("net.core.somaxconn", &host).unwrap_err().contains("network"));
        assert!(path("kernel.sem", &host).is_ok());
        let joined = Namespaces { net: Namespace::Path(c"/n"), ipc: Namespace::Host, ..own };
        assert!(path("net.core.somaxconn", &joined).is_ok());
        assert!(path("fs.mqueue.msg_max", &joined).unwrap_err().contains("ipc"));
        let host = Namespaces { uts: Namespace::Host, ..own };
        assert!(path("kernel.hostname", &host).unwrap_err().contains("uts"));
    }
}
