//! What is mounted into a container beside its root: plain data.

use alloc::vec::Vec;
use core::ffi::CStr;

/// A mount at a path of the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume<'a> {
    /// What is mounted.
    pub kind: Kind<'a>,
    /// Where, from the container's root.
    pub target: &'a CStr,
    /// How.
    pub options: Options,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A file or directory of the host.
    Bind(&'a CStr),
    /// A device of the host.
    Device(&'a CStr),
    /// A file system of the kernel's, with its options.
    FileSystem {
        /// Its type.
        fstype: &'a CStr,
        /// Its options.
        settings: Vec<Setting<'a>>,
    },
    /// The file system in a file of the host.
    Image(&'a CStr),
    /// Memory.
    Tmpfs(Tmpfs),
}

/// A file system in memory (tmpfs(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tmpfs {
    /// How much at most; None: sized by the host's.
    pub size: Option<Size>,
    /// How many files at most; None: as the kernel has it.
    pub inodes: Option<u64>,
    /// Permissions of its root.
    pub mode: u32,
    /// The user its root belongs to; None: the container's first.
    pub uid: Option<u32>,
    /// The group.
    pub gid: Option<u32>,
}

impl Tmpfs {
    /// As it is when nothing is said.
    pub const USUAL: Tmpfs = Tmpfs { size: None, inodes: None, mode: 0o1777, uid: None, gid: None };
}

/// How much memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// So many bytes.
    Bytes(u64),
    /// So much of the machine's, of 100.
    Percent(u64),
}

/// An option of a file system: a name, and a value unless it is a flag.
pub type Setting<'a> = (&'a CStr, Option<&'a CStr>);

/// How it is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Nothing in it can be changed.
    pub read_only: bool,
    /// Set-user-id bits count for nothing.
    pub nosuid: bool,
    /// Whether device nodes are no devices; None: they are not, unless the container is privileged.
    pub nodev: Option<bool>,
    /// Nothing in it can be run.
    pub noexec: bool,
    /// What is mounted below the source comes along, and all of this applies to it.
    pub recursive: bool,
    /// What the host mounts there later appears.
    pub slave: bool,
}

impl Options {
    /// A bind's, where nothing else is said.
    pub const BIND: Options = Options {
        read_only: false,
        nosuid: false,
        nodev: None,
        noexec: false,
        recursive: true,
        slave: false,
    };

    /// A tmpfs's.
    pub const TMPFS: Options =
        Options { nosuid: true, nodev: Some(true), noexec: true, ..Options::BIND };
}

/// How what is written to the root is kept from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overlay<'a> {
    /// It goes to memory, and is gone with the container.
    Temporary,
    /// It goes to a directory.
    Kept {
        /// What was written.
        upper: &'a CStr,
        /// The kernel's own; empty, and on the same file system.
        work: &'a CStr,
    },
}

/// Which of the kernel's files are kept from the container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Masks<'a> {
    /// Not the usual ones.
    pub unmask_all: bool,
    /// Of the usual ones, not these.
    pub unmask: alloc::vec::Vec<&'a core::ffi::CStr>,
    /// These as well.
    pub mask: alloc::vec::Vec<&'a core::ffi::CStr>,
}
