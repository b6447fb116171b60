//! Processes: clone, exec, wait, identity.

use super::memory::ChildMemory;
use super::security::prctl;
use super::width::{GETEUID, SETGROUPS, SETRESGID, SETRESUID};
use super::{Errno, Fd, Result, arch, signal};
use alloc::vec::Vec;
use core::ffi::{CStr, c_void};
use core::marker::PhantomData;
use syscalls::{Sysno, syscall};

/// exit_group(2)
pub fn exit(status: i32) -> ! {
    loop {
        // SAFETY: does not return; the loop is for the type.
        let _ = unsafe { syscall!(Sysno::exit_group, status) };
    }
}

/// exit(2): ends this thread alone.
pub fn exit_thread() -> ! {
    loop {
        // SAFETY: does not return; the loop is for the type.
        let _ = unsafe { syscall!(Sysno::exit, 0) };
    }
}

/// sched_yield(2)
pub fn sched_yield() {
    // SAFETY: no memory involved; it cannot fail.
    let _ = unsafe { syscall!(Sysno::sched_yield) };
}

/// getpid(2)
pub fn getpid() -> i32 {
    // SAFETY: no memory involved; it cannot fail.
    unsafe { syscall!(Sysno::getpid) }.map_or(0, |pid| pid as i32)
}

/// geteuid(2)
pub fn geteuid() -> u32 {
    // SAFETY: no memory involved; it cannot fail.
    unsafe { syscall!(GETEUID) }.map_or(u32::MAX, |uid| uid as u32)
}

/// kill(2)
pub fn kill(pid: i32, signal: i32) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::kill, pid, signal) }.map(drop)
}

/// pidfd_open(2), Linux 5.3: refers to this process, never to a later one with the same id.
pub fn open_pidfd(pid: i32) -> Result<Fd> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::pidfd_open, pid, 0) }.map(Fd::own)
}

/// pidfd_send_signal(2), Linux 5.1
pub fn signal_pidfd(process: &Fd, signal: i32) -> Result<()> {
    // SAFETY: no further information is passed.
    unsafe { syscall!(Sysno::pidfd_send_signal, process.raw(), signal, 0, 0) }.map(drop)
}

/// getpgid(2); 0 is the caller.
pub fn getpgid(pid: i32) -> Result<i32> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::getpgid, pid) }.map(|group| group as i32)
}

/// A child that shares its parent's memory until it executes or ends. What the child borrows lives
/// as long as this value. Dropping this value before [`SharingChild::has_ended`] kills the child.
#[derive(Debug)]
pub struct SharingChild<'a> {
    pid: i32,
    ended: bool,
    borrowed: PhantomData<&'a ()>,
}

impl SharingChild<'_> {
    /// A child that another process has started as this one's (CLONE_PARENT).
    pub fn of_pid(pid: i32) -> Self {
        SharingChild { pid, ended: false, borrowed: PhantomData }
    }

    /// Process id, valid until [`SharingChild::has_ended`].
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Notes that wait(2) has reported the end: from now on the id may belong to another process.
    pub fn has_ended(&mut self) {
        self.ended = true;
    }
}

impl Drop for SharingChild<'_> {
    fn drop(&mut self) {
        if !self.ended && kill(self.pid, libc::SIGKILL).is_ok() {
            // The result does not matter: the child is gone either way.
            let _ = wait_end(self.pid);
        }
    }
}

/// What a new child starts with; lies on its stack.
struct Start<'a, T> {
    memory: ChildMemory,
    shared: &'a T,
    entry: fn(&T, &'static mut [usize]) -> !,
}

/// clone(2) with a new stack, on which the child runs `entry(shared, buffer)`. With CLONE_VM the
/// child shares all memory and must not allocate, because the allocator is its parent's.
///
/// With `group` the child is created in this cgroup (clone3(2), CLONE_INTO_CGROUP, Linux 5.7).
pub fn clone_onto<'a, T: Sync>(
    flags: i32,
    group: Option<&Fd>,
    memory: ChildMemory,
    shared: &'a T,
    entry: fn(&T, &'static mut [usize]) -> !,
) -> Result<SharingChild<'a>> {
    unsafe extern "C" fn start<T>(arg: *mut c_void) -> ! {
        // SAFETY: `arg` is the block written below, at the top of this child's own stack.
        unsafe {
            let Start { memory, shared, entry } = arg.cast::<Start<T>>().read();
            entry(shared, memory.buffer())
        }
    }
    let block = (memory.stack_top() as usize - size_of::<Start<T>>()) & !15;
    let block = block as *mut Start<T>;
    const INTO_CGROUP: u64 = 0x2_0000_0000;
    let flags = flags as u32;
    // With CLONE_PARENT the child's exit signal is the caller's own, and clone3(2) accepts no other.
    let signal = if flags & libc::CLONE_PARENT as u32 == 0 { libc::SIGCHLD } else { 0 } as u64;
    // struct clone_args of Linux 5.7: flags, pidfd, child_tid, parent_tid, exit_signal, stack,
    // stack_size, tls, set_tid, set_tid_size, cgroup.
    let (bottom, group_fd) = (memory.stack_bottom(), group.map_or(0, |group| group.raw() as u64));
    let (flags3, size) = (u64::from(flags) | INTO_CGROUP, (block as usize - bottom) as u64);
    let args: [u64; 11] = [flags3, 0, 0, 0, signal, bottom as u64, size, 0, 0, 0, group_fd];
    let (number, first, second) = match group {
        Some(_) => (Sysno::clone3, &raw const args as usize, size_of_val(&args)),
        None => (Sysno::clone, (flags | libc::SIGCHLD as u32) as usize, block as usize),
    };
    // SAFETY: the block lies in the child's mapping, which nobody else uses, and its stack begins
    // below; `shared` is Sync, and the value returned keeps it borrowed while the child uses it.
    let pid = unsafe {
        block.write(Start { memory, shared, entry });
        arch::clone(number, first, second, start::<T>, block.cast())
    };
    let pid = Errno::from_ret(pid as usize)? as i32;
    Ok(SharingChild { pid, ended: false, borrowed: PhantomData })
}

/// fork(2): returns 0 in the child, the child's id in the parent.
pub fn fork() -> Result<i32> {
    // SAFETY: without CLONE_VM and a new stack both go on as one would have, each with its own
    // memory; mini has no threads.
    unsafe { syscall!(Sysno::clone, libc::SIGCHLD, 0, 0, 0, 0) }.map(|pid| pid as i32)
}

/// A null-terminated table of pointers to strings, for execve(2).
#[derive(Debug, Clone, Copy)]
pub struct PointerTable<'a>(&'a [usize]);

impl<'a> PointerTable<'a> {
    /// Wraps addresses of NUL-terminated strings, of which the last must be 0; otherwise the table
    /// is empty.
    pub fn new(addresses: &'a [usize]) -> Self {
        PointerTable(if addresses.last() == Some(&0) { addresses } else { &[0] })
    }
}

/// The addresses of strings and the final 0, for a [`PointerTable`]. The strings must outlive its use.
pub fn addresses<'s>(strings: impl IntoIterator<Item = &'s &'s CStr>) -> Vec<usize> {
    strings.into_iter().map(|string| string.as_ptr() as usize).chain([0]).collect()
}

/// execve(2); returns only an error. The kernel checks every address (EFAULT).
pub fn execve(path: &CStr, args: PointerTable, env: PointerTable) -> Errno {
    let (args, env) = (args.0.as_ptr(), env.0.as_ptr());
    // SAFETY: the kernel reads NUL-terminated strings through null-terminated tables.
    match unsafe { syscall!(Sysno::execve, path.as_ptr(), args, env) } {
        Err(errno) => errno,
        Ok(_) => Errno::EIO,
    }
}

/// execveat(2) of an open file; returns only an error.
pub fn execve_at(file: &Fd, args: PointerTable, env: PointerTable) -> Errno {
    let (args, env) = (args.0.as_ptr(), env.0.as_ptr());
    let path = c"".as_ptr();
    // SAFETY: as above.
    match unsafe { syscall!(Sysno::execveat, file.raw(), path, args, env, libc::AT_EMPTY_PATH) } {
        Err(errno) => errno,
        Ok(_) => Errno::EIO,
    }
}

/// A state change of a child (wait(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Exited with this status.
    Exited(u8),
    /// Killed by this signal.
    Signaled(u8),
    /// Stopped by this signal.
    Stopped(u8),
    /// Continued by SIGCONT.
    Continued,
}

/// Resources used by a process and by the children it waited for (getrusage(2)).
#[derive(Debug, Clone, Copy)]
pub struct Rusage {
    /// CPU time in user mode, in microseconds.
    pub user_micros: u64,
    /// CPU time in the kernel, in microseconds.
    pub system_micros: u64,
    /// Maximum resident set size of one process, in bytes.
    pub max_rss: u64,
}

/// Result of wait4(2).
#[derive(Debug, Clone, Copy)]
pub enum WaitResult {
    /// A state change of this child, and its resource usage.
    Of(i32, Change, Rusage),
    /// No child has changed its state.
    None,
    /// There are no children.
    NoChild,
}

/// wait4(2) for any child, without blocking; also reports stopped and continued children.
pub fn wait_any() -> Result<WaitResult> {
    const ANY: isize = -1;
    let mut status = 0i32;
    let options = libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED | libc::__WALL;
    // `struct rusage` in machine words: two times of seconds and microseconds, the maximum resident
    // set size in KiB, and 13 others.
    let mut usage = [0usize; 18];
    // SAFETY: the kernel writes one int and, for a child that ended, one rusage.
    let pid = unsafe {
        match syscall!(Sysno::wait4, ANY, &raw mut status, options, usage.as_mut_ptr()) {
            Ok(0) => return Ok(WaitResult::None),
            Err(Errno::ECHILD) => return Ok(WaitResult::NoChild),
            result => result? as i32,
        }
    };
    let micros = |at: usize| usage[at] as u64 * 1_000_000 + usage[at + 1] as u64;
    let rusage = Rusage {
        user_micros: micros(0),
        system_micros: micros(2),
        max_rss: usage[4] as u64 * 1024,
    };
    Ok(WaitResult::Of(pid, change(status), rusage))
}

/// wait4(2) for one child, without blocking; returns how it ended, if it has.
pub fn ended(pid: i32) -> Result<Option<Change>> {
    let mut status = 0i32;
    let options = libc::WNOHANG | libc::__WALL;
    // SAFETY: the kernel writes one int.
    let found = unsafe { syscall!(Sysno::wait4, pid, &raw mut status, options, 0) }?;
    Ok((found > 0).then(|| change(status)))
}

/// wait4(2) for one child; blocks until it has ended.
pub fn wait_end(pid: i32) -> Result<Change> {
    loop {
        let mut status = 0i32;
        // SAFETY: the kernel writes one int.
        match unsafe { syscall!(Sysno::wait4, pid, &raw mut status, libc::__WALL, 0) } {
            Ok(_) => return Ok(change(status)),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Waits for one child until it has ended, or until `deadline` (in the time of [`super::clock::now`]); then it is
/// killed, and the result is None. SIGCHLD must be blocked.
pub fn wait_end_until(pid: i32, deadline: Option<u64>) -> Result<Option<Change>> {
    loop {
        if let Some(end) = ended(pid)? {
            return Ok(Some(end));
        }
        if signal::wait(signal::only(libc::SIGCHLD), deadline, None)?.is_none() {
            let _ = kill(pid, libc::SIGKILL);
            wait_end(pid)?;
            return Ok(None);
        }
    }
}

/// Decodes a status of wait(2): the low seven bits are 0 for an exit, 0x7f for a stop, else the
/// signal; all ones for continued.
fn change(status: i32) -> Change {
    match (status & 0x7f, (status >> 8) as u8) {
        _ if status == 0xffff => Change::Continued,
        (0, code) => Change::Exited(code),
        (0x7f, signal) => Change::Stopped(signal),
        (signal, _) => Change::Signaled(signal as u8),
    }
}

/// unshare(2)
pub fn unshare(flags: i32) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::unshare, flags) }.map(drop)
}

/// prctl(2), PR_SET_PDEATHSIG: sets the signal sent to this process when its parent dies.
pub fn set_parent_death_signal(signal: i32) -> Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, signal as usize, 0).map(drop)
}

/// prctl(2), PR_SET_CHILD_SUBREAPER: orphaned descendants become children of this process.
pub fn adopt_orphans() -> Result<()> {
    prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0).map(drop)
}

/// setsid(2)
pub fn setsid() -> Result<()> {
    // SAFETY: no memory involved.
    unsafe { syscall!(Sysno::setsid) }.map(drop)
}

/// sethostname(2)
pub fn sethostname(name: &[u8]) -> Result<()> {
    // SAFETY: the kernel reads the slice, no further than its length.
    unsafe { syscall!(Sysno::sethostname, name.as_ptr(), name.len()) }.map(drop)
}

/// setgroups(2)
pub fn setgroups(groups: &[u32]) -> Result<()> {
    // SAFETY: the kernel reads the slice, no further than its length.
    unsafe { syscall!(SETGROUPS, groups.len(), groups.as_ptr()) }.map(drop)
}

/// setresgid(2): sets all three ids.
pub fn setgid(gid: u32) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(SETRESGID, gid, gid, gid) }.map(drop)
}

/// setresuid(2): sets all three ids.
pub fn setuid(uid: u32) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(SETRESUID, uid, uid, uid) }.map(drop)
}

/// setns(2): joins the namespace of this kind (CLONE_NEW*) that a file stands for. EINVAL when the file is another
/// kind's.
pub fn setns(file: &Fd, kind: i32) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::setns, file.raw(), kind) }.map(drop)
}

/// setdomainname(2)
pub fn setdomainname(name: &[u8]) -> Result<()> {
    // SAFETY: the kernel reads the slice, no further than its length.
    unsafe { syscall!(Sysno::setdomainname, name.as_ptr(), name.len()) }.map(drop)
}

/// personality(2)
pub fn set_personality(personality: u32) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::personality, personality) }.map(drop)
}

/// sched_setattr(2) for this process.
pub fn set_scheduler(
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    deadline: [u64; 3],
) -> Result<()> {
    #[repr(C)]
    struct SchedAttr {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        /// Runtime, deadline and period.
        deadline: [u64; 3],
    }
    let size = size_of::<SchedAttr>() as u32;
    let attributes = SchedAttr { size, policy, flags, nice, priority, deadline };
    // SAFETY: the kernel reads one structure of the size that it names.
    unsafe { syscall!(Sysno::sched_setattr, 0, &raw const attributes, 0) }.map(drop)
}

/// ioprio_set(2) for this process.
pub fn set_io_priority(class: u32, priority: u32) -> Result<()> {
    const PROCESS: usize = 1;
    const CLASS_SHIFT: u32 = 13;
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::ioprio_set, PROCESS, 0, class << CLASS_SHIFT | priority) }.map(drop)
}

/// set_mempolicy(2): `nodes` has a bit for each memory node.
pub fn set_memory_policy(mode: u32, nodes: &[usize]) -> Result<()> {
    // The kernel takes one bit less than it is told.
    let bits = if nodes.is_empty() { 0 } else { size_of_val(nodes) * 8 + 1 };
    let nodes = if nodes.is_empty() { core::ptr::null() } else { nodes.as_ptr() };
    // SAFETY: the kernel reads as many bits as the slice has.
    unsafe { syscall!(Sysno::set_mempolicy, mode, nodes, bits) }.map(drop)
}
