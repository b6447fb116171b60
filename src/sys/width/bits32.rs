//! System calls that differ on 32-bit kernels: their numbers and structures.

use super::{FileSystem, Time};
use crate::sys::{Errno, Result};
use core::ffi::c_char;
use core::mem::MaybeUninit;
use core::ptr;
use syscalls::{Sysno, syscall};

/// mmap(2); its offset, always 0 here, is counted in pages.
pub const MMAP: Sysno = Sysno::mmap2;
/// fcntl(2), also for locks.
pub const FCNTL: Sysno = Sysno::fcntl64;
/// geteuid(2) with 32-bit ids.
pub const GETEUID: Sysno = Sysno::geteuid32;
/// fchown(2) with 32-bit ids.
pub const FCHOWN: Sysno = Sysno::fchown32;
/// setgroups(2) with 32-bit ids.
pub const SETGROUPS: Sysno = Sysno::setgroups32;
/// setresuid(2) with 32-bit ids.
pub const SETRESUID: Sysno = Sysno::setresuid32;
/// setresgid(2) with 32-bit ids.
pub const SETRESGID: Sysno = Sysno::setresgid32;

/// Flag of open(2) for files longer than 2 GiB.
pub const LARGE_FILE: i32 = libc::O_LARGEFILE;

/// Upper bound of the length of the waiting function (`idle`) and the few functions it calls, which
/// the compiler places after it.
pub const WAIT_LENGTH: usize = 2048;

/// The structure of fstatat64(2) on ARM and x86 (struct stat64 in asm/stat.h). A libc has its own.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Stat {
    /// Device of the file system.
    pub st_dev: u64,
    hole: u32,
    short_inode: u32,
    /// Type and permissions.
    pub st_mode: u32,
    /// Number of links.
    pub st_nlink: u32,
    /// Owner.
    pub st_uid: u32,
    /// Group.
    pub st_gid: u32,
    /// Device number of a device.
    pub st_rdev: u64,
    other_hole: u32,
    /// Size.
    pub st_size: i64,
    block_size: u32,
    blocks: u64,
    access_time: [u32; 2],
    /// Modification time in seconds, low 32 bits.
    pub st_mtime: i32,
    /// Modification time, nanoseconds.
    pub st_mtime_nsec: u32,
    change_time: [u32; 2],
    /// Inode number.
    pub st_ino: u64,
}

/// statfs64(2)
///
/// # Safety
/// The path is NUL-terminated.
pub unsafe fn statfs(path: *const c_char) -> Result<FileSystem> {
    // SAFETY: the caller's promise.
    unsafe { ask_file_system(Sysno::statfs64, path as usize) }
}

/// fstatfs64(2)
pub fn fstatfs(fd: i32) -> Result<FileSystem> {
    // SAFETY: a number.
    unsafe { ask_file_system(Sysno::fstatfs64, fd as usize) }
}

unsafe fn ask_file_system(call: Sysno, which: usize) -> Result<FileSystem> {
    // `struct statfs64` in 32-bit words. It is packed on ARM and x86: type, block size, five 64-bit
    // numbers, id, two lengths, flags.
    let mut stat = [0u32; 21];
    // SAFETY: the kernel fills as much as it is told that there is.
    unsafe { syscall!(call, which, size_of_val(&stat), stat.as_mut_ptr()) }?;
    Ok(FileSystem { kind: stat[0], flags: stat[16] as usize })
}

/// A time before Linux 5.1 (struct old_timespec32).
#[derive(Clone, Copy)]
#[repr(C)]
struct Time32 {
    seconds: i32,
    nanos: i32,
}

impl Time32 {
    /// Limits a later time to the maximum: 2038 for a date, 68 years for a duration.
    #[inline(always)]
    fn of(time: &Time) -> Time32 {
        let latest = i64::from(i32::MAX);
        let seconds = if time.seconds > latest { latest } else { time.seconds };
        Time32 { seconds: seconds as i32, nanos: time.nanos as i32 }
    }
}

/// clock_gettime(2)
pub fn clock_gettime(clock: i32) -> Result<Time> {
    let mut time = Time { seconds: 0, nanos: 0 };
    // SAFETY: the kernel writes one time.
    match unsafe { syscall!(Sysno::clock_gettime64, clock, &raw mut time) } {
        Err(Errno::ENOSYS) => {}
        result => return result.map(|_| time),
    }
    let mut time = MaybeUninit::<Time32>::uninit();
    // SAFETY: the kernel fills the structure when it returns success.
    let time = unsafe {
        syscall!(Sysno::clock_gettime, clock, time.as_mut_ptr())?;
        time.assume_init()
    };
    Ok(Time { seconds: time.seconds.into(), nanos: time.nanos.into() })
}

/// nanosleep(2)
pub fn nanosleep(span: &Time) -> Result<usize> {
    const CLOCK: i32 = libc::CLOCK_MONOTONIC;
    // SAFETY: the kernel reads one time.
    match unsafe { syscall!(Sysno::clock_nanosleep_time64, CLOCK, 0, ptr::from_ref(span), 0) } {
        Err(Errno::ENOSYS) => {}
        result => return result,
    }
    let span = Time32::of(span);
    // SAFETY: likewise.
    unsafe { syscall!(Sysno::nanosleep, &raw const span, 0) }
}

/// ppoll(2), without a signal mask.
///
/// # Safety
/// There are `count` structures, and they live across the call.
#[inline(always)]
pub unsafe fn ppoll(polls: *mut libc::pollfd, count: usize, span: Option<&Time>) -> Result<usize> {
    let time = span.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the caller's promise.
    match unsafe { syscall!(Sysno::ppoll_time64, polls, count, time, 0, 8) } {
        Err(Errno::ENOSYS) => {}
        result => return result,
    }
    let span = span.map(Time32::of);
    let time = span.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: likewise.
    unsafe { syscall!(Sysno::ppoll, polls, count, time, 0, 8) }
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
    let set = ptr::from_ref(set);
    let time = span.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the caller's promise.
    match unsafe { syscall!(Sysno::rt_sigtimedwait_time64, set, info, time, 8) } {
        Err(Errno::ENOSYS) => {}
        result => return result,
    }
    let span = span.map(Time32::of);
    let time = span.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: likewise.
    unsafe { syscall!(Sysno::rt_sigtimedwait, set, info, time, 8) }
}

/// Modification time of an open file with this stat: seconds and nanoseconds. By statx(2), Linux
/// 4.11; before, the 32-bit seconds.
pub fn mtime(fd: i32, stat: &Stat) -> (i64, u32) {
    const MTIME: u32 = 0x40;
    // `struct statx` in 64-bit words; the mask of valid fields comes first.
    let mut wide = [0u64; 32];
    let (path, flags) = (c"".as_ptr(), libc::AT_EMPTY_PATH);
    // SAFETY: the path is empty; the kernel fills the structure.
    let told = unsafe { syscall!(Sysno::statx, fd, path, flags, MTIME, wide.as_mut_ptr()) };
    if told.is_ok() && wide[0] as u32 & MTIME != 0 {
        return (wide[14] as i64, wide[15] as u32);
    }
    (stat.st_mtime.into(), stat.st_mtime_nsec)
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
    match unsafe { syscall!(Sysno::utimensat_time64, base, path, times.as_ptr(), flags) } {
        Err(Errno::ENOSYS) => {}
        result => return result,
    }
    let times = [Time32::of(&times[0]), Time32::of(&times[1])];
    // SAFETY: likewise.
    unsafe { syscall!(Sysno::utimensat, base, path, times.as_ptr(), flags) }
}

/// The halves of a 64-bit argument, in register order of little-endian CPUs. On ARM such a pair
/// begins at an even register; the calls below skip one where needed.
fn halves(number: u64) -> (usize, usize) {
    (number as usize, (number >> 32) as usize)
}

/// _llseek(2); returns the new offset.
pub fn lseek(fd: i32, offset: i64, whence: i32) -> Result<u64> {
    let (low, high) = halves(offset as u64);
    let mut offset = 0u64;
    // SAFETY: the kernel writes one number. Here the halves are two arguments, the high one first.
    unsafe { syscall!(Sysno::_llseek, fd, high, low, &raw mut offset, whence) }.map(|_| offset)
}

/// ftruncate64(2)
pub fn ftruncate(fd: i32, length: u64) -> Result<usize> {
    let (low, high) = halves(length);
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::ftruncate64, fd, 0, low, high) }
}

/// pread64(2)
pub fn pread(fd: i32, buffer: &mut [u8], offset: u64) -> Result<usize> {
    let (low, high) = halves(offset);
    let (at, length) = (buffer.as_mut_ptr(), buffer.len());
    // SAFETY: the kernel writes into the buffer, no further than its length.
    unsafe { syscall!(Sysno::pread64, fd, at, length, 0, low, high) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::offset_of;

    #[test]
    fn structures_are_the_kernels() {
        let (stat, size) = if cfg!(target_arch = "arm") { (104, 48) } else { (96, 44) };
        assert_eq!((size_of::<Stat>(), offset_of!(Stat, st_size)), (stat, size));
        assert_eq!(offset_of!(Stat, st_ino), stat - 8);
        assert_eq!((size_of::<Time>(), size_of::<Time32>()), (16, 8));
    }

    #[test]
    fn a_time_too_late_for_32_bits_is_the_latest() {
        let of = |seconds| Time32::of(&Time { seconds, nanos: 5 });
        assert_eq!((of(1 << 33).seconds, of(7).seconds, of(7).nanos), (i32::MAX, 7, 5));
    }
}
