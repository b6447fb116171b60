//! What a container may do: plain data, in the OCI runtime-spec's words.

use super::Id;
use super::capability::Set;
use super::process::{Capabilities, Rlimit};
use alloc::vec::Vec;
use core::ffi::CStr;

/// What the command may do, and which ids its users have on the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Security<'a> {
    /// The capability sets, as far as mini has the capabilities; None leaves mini's own sets.
    pub capabilities: Option<Capabilities>,
    /// The sets of a command that runs as another user than 0; None: the same.
    pub user_capabilities: Option<Capabilities>,
    /// Capabilities that mini must have.
    pub required_capabilities: Set,
    /// Whether no program gives more rights than its caller has (PR_SET_NO_NEW_PRIVS).
    pub no_new_privileges: bool,
    /// The filter of system calls.
    pub seccomp: Seccomp<'a>,
    /// The limits of each process.
    pub rlimits: Vec<Rlimit>,
    /// The umask; None leaves mini's own.
    pub umask: Option<u32>,
    /// Supplementary groups.
    pub groups: Vec<Id<'a>>,
    /// The only paths that can be reached (Landlock); an empty list allows all.
    pub paths: Vec<PathRule<'a>>,
    /// The user namespace and its id maps.
    pub users: IdMapping<'a>,
    /// How many descriptors of mini's caller the command gets, from 3 on.
    pub descriptors: u32,
}

/// The filter of system calls (seccomp(2)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Seccomp<'a> {
    /// No filter.
    #[default]
    Unconfined,
    /// mini's own: refuses what no usual program needs, unless a capability stands for it.
    BuiltIn,
    /// A program.
    Program {
        /// The file it is from.
        file: &'a CStr,
        /// Its instructions (struct sock_filter).
        instructions: &'a [u64],
        /// SECCOMP_FILTER_FLAG_*
        flags: u32,
        /// The agent that gets the filter's notifications.
        listener: Option<&'a SeccompListener<'a>>,
    },
}

/// An agent that gets the notifications of a filter (seccomp_unotify(2)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeccompListener<'a> {
    /// The agent's socket.
    pub path: &'a CStr,
    /// The container process state, a JSON text. The process id belongs between these parts.
    pub state: [Vec<u8>; 3],
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

/// The user namespace of a container and the ids of its users on the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IdMapping<'a> {
    /// For root, the host's user namespace; for an ordinary user, a new one with the user's own id alone.
    #[default]
    Own,
    /// The user namespace of mini's caller, who must be root in it.
    Host,
    /// An existing one, by its file.
    Path(&'a CStr),
    /// A new one with 65,536 ids that nothing else uses.
    Auto,
    /// A new one with these ids.
    Mapped {
        /// Users.
        uids: &'a [IdRange],
        /// Groups.
        gids: &'a [IdRange],
    },
}

/// A range of ids (user_namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// The first id in the container.
    pub inside: u32,
    /// The first id on the host.
    pub outside: u32,
    /// How many ids.
    pub count: u32,
}
