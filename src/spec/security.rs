//! What a container may do: plain data, in the OCI runtime-spec's words.

use super::Id;
use super::capability::Set;
use alloc::vec::Vec;
use core::ffi::CStr;

/// What the command may do, and who it is outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Security<'a> {
    /// What root in the container can have; None: what mini has.
    pub capabilities: Option<Capabilities>,
    /// Whether no program it runs can have more rights than its caller.
    pub no_new_privileges: bool,
    /// Which system calls are refused.
    pub seccomp: Seccomp<'a>,
    /// Whether its root shows what is a device as one, and all of /sys can be written to.
    pub privileged: bool,
    /// Limits of each process.
    pub rlimits: Vec<Rlimit>,
    /// Permissions that new files lack; None: as mini's own.
    pub umask: Option<u32>,
    /// The groups it has beside its own.
    pub groups: Vec<Id<'a>>,
    /// The only paths it can reach; none: all.
    pub paths: Vec<PathRule<'a>>,
    /// Who its users are outside.
    pub users: IdMapping<'a>,
    /// How many of mini's caller's descriptors it gets, from 3 on.
    pub descriptors: u32,
}

/// Capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// What root in the container has, as far as mini has it, and what nobody there can exceed.
    pub set: Set,
    /// What users other than root have of it: what was asked for.
    pub added: Set,
    /// What of that was asked for by name: not to have it is an error.
    pub named: Set,
}

/// Which system calls are refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Seccomp<'a> {
    /// None.
    #[default]
    Unconfined,
    /// Those that no usual program needs, unless a capability stands for them.
    BuiltIn,
    /// Those that a program says, read from a file.
    Program {
        /// The file's name.
        file: &'a CStr,
        /// Its instructions (struct sock_filter).
        instructions: &'a [u64],
    },
}

/// A limit of a process (getrlimit(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rlimit {
    /// RLIMIT_*
    pub resource: u32,
    /// Its name.
    pub name: &'static str,
    /// The limit; u64::MAX is none.
    pub soft: u64,
    /// How far it can be raised.
    pub hard: u64,
}

/// A path that can be reached, with everything below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathRule<'a> {
    /// The path.
    pub path: &'a CStr,
    /// Whether it can be changed, too.
    pub writable: bool,
    /// Whether it may be missing.
    pub optional: bool,
}

/// Who the container's users are outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IdMapping<'a> {
    /// Root's: the same; an ordinary user's: that one, alone.
    #[default]
    Own,
    /// 65,536 of no other use.
    Auto,
    /// As said.
    Mapped {
        /// IdMapping.
        uids: &'a [IdRange],
        /// Groups.
        gids: &'a [IdRange],
    },
}

/// A range of ids inside and outside (user_namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// The first one inside.
    pub inside: u32,
    /// The first one outside.
    pub outside: u32,
    /// How many.
    pub count: u32,
}
