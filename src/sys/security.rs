//! Capabilities, no_new_privs, seccomp, Landlock, keyrings, rlimits.

use super::{Errno, Fd, Result};
use syscalls::{Sysno, syscall};

pub(super) fn prctl(option: i32, first: usize, second: usize) -> Result<usize> {
    // SAFETY: the options used here take numbers; unused arguments must be zero.
    unsafe { syscall!(Sysno::prctl, option, first, second, 0, 0) }
}

/// prctl(2), PR_CAPBSET_DROP: drops a capability from the bounding set. EINVAL: the kernel does not
/// know it, nor any higher one.
pub fn drop_bounding(capability: u8) -> Result<()> {
    prctl(libc::PR_CAPBSET_DROP, capability.into(), 0).map(drop)
}

/// prctl(2), PR_CAPBSET_READ: whether a capability is in the bounding set.
pub fn is_bounding(capability: u8) -> Result<bool> {
    prctl(libc::PR_CAPBSET_READ, capability.into(), 0).map(|answer| answer == 1)
}

/// prctl(2), PR_CAP_AMBIENT_RAISE: adds a capability to the ambient set, which programs of users
/// other than root keep.
pub fn raise_ambient(capability: u8) -> Result<()> {
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE as usize, capability.into()).map(drop)
}

/// prctl(2), PR_CAP_AMBIENT_CLEAR_ALL: clears the ambient set.
pub fn clear_ambient() -> Result<()> {
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as usize, 0).map(drop)
}

/// prctl(2), PR_SET_KEEPCAPS: permitted capabilities survive the change from root to another user.
pub fn keep_capabilities() -> Result<()> {
    prctl(libc::PR_SET_KEEPCAPS, 1, 0).map(drop)
}

/// prctl(2), PR_SET_NO_NEW_PRIVS
pub fn no_new_privileges() -> Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0).map(drop)
}

/// prctl(2), PR_SET_DUMPABLE 0: only root may access this process's memory and /proc files.
pub fn make_undumpable() -> Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 0, 0).map(drop)
}

/// Effective, permitted and inheritable set of the low 32 capabilities, then of the high ones.
type Sets = [u32; 6];
/// This process, version 3 of the call.
static CAPABILITY_HEADER: [u32; 2] = [0x2008_0522, 0];

fn capabilities() -> Result<Sets> {
    let mut sets: Sets = [0; 6];
    // SAFETY: version 3 has two triples of sets, which the kernel fills.
    unsafe { syscall!(Sysno::capget, CAPABILITY_HEADER.as_ptr(), sets.as_mut_ptr()) }?;
    Ok(sets)
}

/// capget(2): the effective set.
pub fn effective() -> Result<u64> {
    capabilities().map(|sets| u64::from(sets[0]) | u64::from(sets[3]) << 32)
}

/// capget(2): the permitted set.
pub fn permitted() -> Result<u64> {
    capabilities().map(|sets| u64::from(sets[1]) | u64::from(sets[4]) << 32)
}

/// capset(2). The ambient set shrinks with it: it never contains a capability that is not both
/// permitted and inheritable.
pub fn set_capabilities(effective: u64, permitted: u64, inheritable: u64) -> Result<()> {
    let sets = [effective, permitted, inheritable];
    let half = |shift: u32| sets.map(|set| (set >> shift) as u32);
    let ([e0, p0, i0], [e1, p1, i1]) = (half(0), half(32));
    let sets: Sets = [e0, p0, i0, e1, p1, i1];
    // SAFETY: the kernel reads two triples.
    unsafe { syscall!(Sysno::capset, CAPABILITY_HEADER.as_ptr(), sets.as_ptr()) }.map(drop)
}

/// seccomp(2), or prctl(2) before Linux 3.17: installs a filter program. `flags` are SECCOMP_FILTER_FLAG_*.
pub fn set_filter(program: &[u64], flags: u32) -> Result<usize> {
    #[repr(C)]
    struct SockFprog {
        len: u16,
        filter: *const u64,
    }
    let len = u16::try_from(program.len()).map_err(|_| Errno::EINVAL)?;
    let program = SockFprog { len, filter: program.as_ptr() };
    const SET_MODE_FILTER: usize = 1;
    // SAFETY: the kernel reads as many instructions as the slice has.
    unsafe { syscall!(Sysno::seccomp, SET_MODE_FILTER, flags, &raw const program) }
}

/// SECCOMP_FILTER_FLAG_TSYNC: the filter is for all threads.
pub const FILTER_TSYNC: u32 = 1;

/// Installs a filter whose notifications can be read from the descriptor that is returned (Linux 5.0), which is
/// close-on-exec.
pub fn set_filter_with_listener(program: &[u64], flags: u32) -> Result<i32> {
    const NEW_LISTENER: u32 = 8;
    set_filter(program, flags | NEW_LISTENER).map(|listener| listener as i32)
}

/// prlimit(2): sets a resource limit of this process.
pub fn set_limit(resource: u32, soft: u64, hard: u64) -> Result<()> {
    let limit = [soft, hard];
    // SAFETY: the kernel reads one struct rlimit64: two u64.
    unsafe { syscall!(Sysno::prlimit64, 0, resource, limit.as_ptr(), 0) }.map(drop)
}

/// keyctl(2), KEYCTL_JOIN_SESSION_KEYRING: joins a new, empty session keyring.
pub fn new_session_keyring() -> Result<()> {
    const JOIN: usize = 1;
    // SAFETY: a null name asks for a new, anonymous keyring.
    unsafe { syscall!(Sysno::keyctl, JOIN, 0, 0, 0, 0) }.map(drop)
}

/// Landlock's rights for files (linux/landlock.h).
pub mod access {
    /// Execute.
    pub const EXECUTE: u64 = 1 << 0;
    /// Open for writing.
    pub const WRITE_FILE: u64 = 1 << 1;
    /// Open for reading.
    pub const READ_FILE: u64 = 1 << 2;
    /// List a directory.
    pub const READ_DIR: u64 = 1 << 3;
    /// truncate(2) (version 3).
    pub const TRUNCATE: u64 = 1 << 14;
    /// ioctl(2) on a device (version 5).
    pub const IOCTL_DEV: u64 = 1 << 15;
    /// Connect to a unix socket (version 9).
    pub const RESOLVE_UNIX: u64 = 1 << 16;
    /// The rights that apply to a file itself.
    pub const OF_FILES: u64 =
        EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV | RESOLVE_UNIX;
}

/// landlock_create_ruleset(2), LANDLOCK_CREATE_RULESET_VERSION: the version of the kernel's
/// Landlock.
pub fn landlock_version() -> Result<usize> {
    const VERSION: usize = 1;
    // SAFETY: asks for a number.
    unsafe { syscall!(Sysno::landlock_create_ruleset, 0, 0, VERSION) }
}

/// landlock_create_ruleset(2): makes a ruleset that handles these rights.
pub fn landlock_ruleset(handled: u64) -> Result<Fd> {
    let attributes = [handled];
    // SAFETY: the kernel reads the one field the first version has.
    let fd = unsafe {
        syscall!(Sysno::landlock_create_ruleset, attributes.as_ptr(), size_of_val(&attributes), 0)
    }?;
    Ok(Fd::own(fd))
}

/// landlock_add_rule(2), LANDLOCK_RULE_PATH_BENEATH: allows rights at a path and below.
pub fn landlock_allow(ruleset: &Fd, path: &Fd, allowed: u64) -> Result<()> {
    #[repr(C, packed)]
    struct PathBeneath {
        allowed: u64,
        parent: i32,
    }
    let rule = PathBeneath { allowed, parent: path.raw() };
    const PATH_BENEATH: usize = 1;
    // SAFETY: the kernel reads one structure.
    unsafe { syscall!(Sysno::landlock_add_rule, ruleset.raw(), PATH_BENEATH, &raw const rule, 0) }
        .map(drop)
}

/// landlock_restrict_self(2)
pub fn landlock_restrict(ruleset: &Fd) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::landlock_restrict_self, ruleset.raw(), 0) }.map(drop)
}
