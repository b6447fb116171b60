//! System calls that differ on 64-bit kernels: their numbers and structures.

use super::{FileSystem, Time};
use crate::sys::Result;
use core::ffi::c_char;
use core::ptr;
use syscalls::{Sysno, syscall};

/// mmap(2)
pub const MMAP: Sysno = Sysno::mmap;
/// fcntl(2), also for locks.
pub const FCNTL: Sysno = Sysno::fcntl;
/// geteuid(2) with 32-bit ids.
pub const GETEUID: Sysno = Sysno::geteuid;
/// fchown(2) with 32-bit ids.
pub const FCHOWN: Sysno = Sysno::fchown;
/// setgroups(2) with 32-bit ids.
pub const SETGROUPS: Sysno = Sysno::setgroups;
/// setresuid(2) with 32-bit ids.
pub const SETRESUID: Sysno = Sysno::setresuid;
/// setresgid(2) with 32-bit ids.
pub const SETRESGID: Sysno = Sysno::setresgid;

/// Flag of open(2) for files longer than 2 GiB; not needed here.
pub const LARGE_FILE: i32 = 0;

/// Upper bound of the length of the waiting function (`idle`).
pub const WAIT_LENGTH: usize = 1024;

/// The structure of fstatat(2).
pub use libc::stat as Stat;

/// statfs(2)
///
/// # Safety
/// The path is NUL-terminated.
pub unsafe fn statfs(path: *const c_char) -> Result<FileSystem> {
    // SAFETY: the caller's promise.
    unsafe { ask_file_system(Sysno::statfs, path as usize) }
}

/// fstatfs(2)
pub fn fstatfs(fd: i32) -> Result<FileSystem> {
    // SAFETY: a number.
    unsafe { ask_file_system(Sysno::fstatfs, fd as usize) }
}

#[inline(always)]
unsafe fn ask_file_system(call: Sysno, which: usize) -> Result<FileSystem> {
    // `struct statfs` in machine words; libc's type hides the flags, the eleventh word.
    let mut stat = core::mem::MaybeUninit::<[usize; 15]>::uninit();
    // SAFETY: the kernel fills these 15 words when it returns success.
    unsafe {
        syscall!(call, which, stat.as_mut_ptr())?;
        let stat = stat.assume_init_ref();
        Ok(FileSystem { kind: stat[0] as u32, flags: stat[10] })
    }
}

fn address(time: Option<&Time>) -> *const Time {
    time.map_or(ptr::null(), ptr::from_ref)
}

/// clock_gettime(2)
pub fn clock_gettime(clock: i32) -> Result<Time> {
    let mut time = Time { seconds: 0, nanos: 0 };
    // SAFETY: the kernel writes one time.
    unsafe { syscall!(Sysno::clock_gettime, clock, &raw mut time) }.map(|_| time)
}

/// nanosleep(2)
pub fn nanosleep(span: &Time) -> Result<usize> {
    // SAFETY: the kernel reads one time.
    unsafe { syscall!(Sysno::nanosleep, address(Some(span)), 0) }
}

/// ppoll(2), without a signal mask.
///
/// # Safety
/// There are `count` structures, and they live across the call.
#[inline(always)]
pub unsafe fn ppoll(polls: *mut libc::pollfd, count: usize, span: Option<&Time>) -> Result<usize> {
    // SAFETY: the caller's promise.
    unsafe { syscall!(Sysno::ppoll, polls, count, address(span), 0, 8) }
}

/// sigtimedwait(2)
///
/// # Safety
/// The kernel may fill `info`, or it is null.
#[inline(always)]
pub unsafe fn sigtimedwait(
    set: &u64,
    info: *mut libc::siginfo_t,
    span: Option<&Time>,
) -> Result<usize> {
    // SAFETY: the caller's promise.
    unsafe { syscall!(Sysno::rt_sigtimedwait, ptr::from_ref(set), info, address(span), 8) }
}

/// Modification time of an open file with this stat: seconds and nanoseconds.
#[inline(always)]
pub fn mtime(_: i32, stat: &Stat) -> (i64, u32) {
    (stat.st_mtime, stat.st_mtime_nsec as u32)
}

/// utimensat(2) with access time and modification time.
///
/// # Safety
/// The path is NUL-terminated.
pub unsafe fn utimensat(
    base: i32,
    path: *const c_char,
    times: &[Time; 2],
    flags: i32,
) -> Result<usize> {
    // SAFETY: the caller's promise, and the kernel reads two times.
    unsafe { syscall!(Sysno::utimensat, base, path, times.as_ptr(), flags) }
}

/// lseek(2); returns the new offset.
pub fn lseek(fd: i32, offset: i64, whence: i32) -> Result<u64> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::lseek, fd, offset, whence) }.map(|place| place as u64)
}

/// ftruncate(2)
pub fn ftruncate(fd: i32, length: u64) -> Result<usize> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::ftruncate, fd, length) }
}

/// pread(2)
pub fn pread(fd: i32, buffer: &mut [u8], offset: u64) -> Result<usize> {
    // SAFETY: the kernel writes into the buffer, no further than its length.
    unsafe { syscall!(Sysno::pread64, fd, buffer.as_mut_ptr(), buffer.len(), offset) }
}
