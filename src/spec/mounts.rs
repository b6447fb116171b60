//! What is mounted in a container: plain data, in the OCI runtime-spec's words.

use super::security::IdRange;
use alloc::vec::Vec;
use core::ffi::CStr;
use libc::{MS_BIND, MS_PRIVATE, MS_REC};

/// The root file system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Root<'a> {
    /// Its directory, image or archive (`-`: standard input). None: the host's files.
    pub path: Option<&'a CStr>,
    /// Whether the root mount is read-only. What is mounted below keeps its own mode.
    pub readonly: bool,
    /// Flags of the root mount and of every mount below it, before anything else is mounted there: MS_NODEV,
    /// MS_NOSUID, and MS_RDONLY for the mounts below.
    pub flags: libc::c_ulong,
    /// The propagation of every mount of the container's mount namespace (MS_SHARED and its like, perhaps with
    /// MS_REC). None: MS_PRIVATE, and MS_SLAVE if a mount is one.
    pub propagation: Option<libc::c_ulong>,
    /// Directories below the root's own, uppermost first, that an overlay merges with it.
    pub lowers: Vec<&'a CStr>,
    /// Where changes of the root go. None: to the root itself.
    pub overlay: Option<Overlay<'a>>,
}

/// The writable layer of an overlay over the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overlay<'a> {
    /// A tmpfs, which is gone with the container.
    Temporary,
    /// A directory.
    Kept {
        /// The upper directory.
        upper: &'a CStr,
        /// The work directory, on the same file system.
        work: &'a CStr,
    },
}

/// A mount. Mounts are made in the order of their list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount<'a> {
    /// The mount point, from the container's root.
    pub destination: &'a CStr,
    /// What is mounted.
    pub kind: Kind<'a>,
    /// How it is mounted.
    pub options: MountOptions<'a>,
    /// The ids that the users of the source have at the destination (with [`MountOptions::idmap`]).
    pub uid_mappings: Vec<IdRange>,
    /// The same for groups.
    pub gid_mappings: Vec<IdRange>,
}

/// What is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A file or directory of the host.
    Bind(&'a CStr),
    /// The file system in a file of the host, read-only.
    Image(&'a CStr),
    /// A new file system.
    FileSystem {
        /// Its type.
        fstype: &'a CStr,
        /// The device or name that mount(2) is given for its source.
        source: &'a CStr,
    },
    /// The container's cgroups: a cgroup v2 file system, or a tmpfs with a directory for each v1 hierarchy.
    Cgroup,
}

/// The options of a mount. Of two that contradict each other the later one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountOptions<'a> {
    /// Flags to set (MS_*), with MS_BIND and MS_REC, without propagation.
    pub set: u32,
    /// Flags to clear. They matter for a bind mount, which has its source's.
    pub clear: u32,
    /// Attributes to set on the mount and on every mount below it (MOUNT_ATTR_*).
    pub recursive_set: u64,
    /// Attributes to clear on the mount and on every mount below it.
    pub recursive_clear: u64,
    /// Changes of propagation, in order: MS_SHARED and its like, perhaps with MS_REC.
    pub propagation: Vec<u32>,
    /// Whether the ids of the source's files are mapped.
    pub idmap: bool,
    /// Whether they are mapped in all mounts below, too.
    pub recursive_idmap: bool,
    /// Whether a tmpfs starts with a copy of the directory that it covers.
    pub tmpcopyup: bool,
    /// Options of the file system, in order.
    pub data: Vec<&'a CStr>,
}

impl<'a> Mount<'a> {
    /// A mount of a new file system.
    pub fn file_system(
        destination: &'a CStr,
        fstype: &'a CStr,
        source: &'a CStr,
        flags: libc::c_ulong,
    ) -> Mount<'a> {
        let options = MountOptions { set: flags as u32, ..MountOptions::default() };
        Mount::new(destination, Kind::FileSystem { fstype, source }, options)
    }

    /// A recursive, private bind mount; the flags apply to the mounts below it, too.
    pub fn bind(destination: &'a CStr, source: &'a CStr, flags: libc::c_ulong) -> Mount<'a> {
        let mut options = MountOptions {
            set: (MS_BIND | MS_REC) as u32,
            propagation: [(MS_PRIVATE | MS_REC) as u32].into(),
            ..MountOptions::default()
        };
        options.add_flags(flags);
        Mount::new(destination, Kind::Bind(source), options)
    }

    /// A mount without mapped ids.
    pub fn new(destination: &'a CStr, kind: Kind<'a>, options: MountOptions<'a>) -> Mount<'a> {
        Mount { destination, kind, options, uid_mappings: Vec::new(), gid_mappings: Vec::new() }
    }

    /// The same with options of the file system.
    pub fn with_data(mut self, data: &[&'a CStr]) -> Mount<'a> {
        self.options.data = data.into();
        self
    }

    /// Whether it is a new file system of this type.
    pub fn is(&self, name: &CStr) -> bool {
        matches!(self.kind, Kind::FileSystem { fstype, .. } if fstype == name)
    }
}

impl MountOptions<'_> {
    /// Whether the mounts below the source are mounted, too.
    pub fn is_recursive(&self) -> bool {
        self.set & MS_REC as u32 != 0
    }

    /// The flags for mount(2) of a new file system.
    pub fn flags(&self) -> libc::c_ulong {
        libc::c_ulong::from(self.set) & !(MS_BIND | MS_REC)
    }

    /// Sets flags that are the same number as MS_* and as MOUNT_ATTR_*, below a recursive bind mount, too.
    pub fn add_flags(&mut self, flags: libc::c_ulong) {
        match self.is_recursive() {
            true => self.recursive_set |= u64::from(flags as u32),
            false => self.set |= flags as u32,
        }
    }

    /// Whether a flag of MS_RDONLY, MS_NOSUID, MS_NODEV and MS_NOEXEC, which are the same numbers as MOUNT_ATTR_*,
    /// is set or cleared.
    pub fn decides(&self, flag: libc::c_ulong) -> bool {
        let recursive = (self.recursive_set | self.recursive_clear) as u32;
        (self.set | self.clear | recursive) & flag as u32 != 0
    }
}

/// A device node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device<'a> {
    /// Its path, from the container's root.
    pub path: &'a CStr,
    /// S_IFCHR, S_IFBLK or S_IFIFO.
    pub kind: u32,
    /// The major number; 0 for a FIFO.
    pub major: u32,
    /// The minor number; 0 for a FIFO.
    pub minor: u32,
    /// Permission bits. None: 0666.
    pub file_mode: Option<u32>,
    /// Its owner. None: the container's root.
    pub uid: Option<u32>,
    /// Its group. None: the container's root.
    pub gid: Option<u32>,
}

/// The symbolic links that the runtime-spec wants in /dev: (target, path).
pub const DEV_LINKS: [(&CStr, &CStr); 5] = [
    (c"/proc/self/fd", c"/dev/fd"),
    (c"/proc/self/fd/0", c"/dev/stdin"),
    (c"/proc/self/fd/1", c"/dev/stdout"),
    (c"/proc/self/fd/2", c"/dev/stderr"),
    (c"pts/ptmx", c"/dev/ptmx"),
];

/// The devices that the runtime-spec wants in every container (the kernel's devices.txt).
pub fn devices<'a>() -> impl Iterator<Item = Device<'a>> {
    const DEVICES: [(&CStr, u32, u32); 6] = [
        (c"/dev/null", 1, 3),
        (c"/dev/zero", 1, 5),
        (c"/dev/full", 1, 7),
        (c"/dev/random", 1, 8),
        (c"/dev/urandom", 1, 9),
        (c"/dev/tty", 5, 0),
    ];
    DEVICES.into_iter().map(|(path, major, minor)| {
        let (kind, file_mode, uid, gid) = (libc::S_IFCHR, None, None, None);
        Device { path, kind, major, minor, file_mode, uid, gid }
    })
}
