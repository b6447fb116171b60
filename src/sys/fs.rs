//! Files, directories and pipes.

use super::arch::FSTATAT;
use super::width::{self, FCHOWN, LARGE_FILE, Stat, Time};
use super::{Errno, Fd, Result};
use alloc::vec::Vec;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use syscalls::{Sysno, syscall};

/// The file type and permission bits of a mode, as in inode(7).
pub type Mode = u32;

/// Where a relative path begins: a directory descriptor, or the working directory.
pub type Base = i32;
/// The working directory.
pub const HERE: Base = libc::AT_FDCWD;

/// open(2), always close-on-exec; `mode` counts only with O_CREAT.
pub fn open(path: &CStr, flags: i32, mode: Mode) -> Result<Fd> {
    open_at(HERE, path, flags, mode)
}

/// openat(2), always close-on-exec.
pub fn open_at(base: Base, path: &CStr, flags: i32, mode: Mode) -> Result<Fd> {
    let flags = flags | libc::O_CLOEXEC | LARGE_FILE;
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::openat, base, path.as_ptr(), flags, mode) }.map(Fd::own)
}

/// read(2), again when a signal came between.
pub fn read(fd: &Fd, buffer: &mut [u8]) -> Result<usize> {
    loop {
        // SAFETY: the kernel writes into the buffer, no further than its length.
        match unsafe { syscall!(Sysno::read, fd.raw(), buffer.as_mut_ptr(), buffer.len()) } {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

/// read(2) until the buffer is full or the file ends; the number of bytes read.
pub fn read_full(fd: &Fd, buffer: &mut [u8]) -> Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match read(fd, &mut buffer[done..])? {
            0 => break,
            n => done += n,
        }
    }
    Ok(done)
}

/// Reads a whole file of at most `limit` bytes; EFBIG beyond.
pub fn read_file(path: &CStr, limit: usize) -> Result<Vec<u8>> {
    read_file_at(HERE, path, limit)
}

/// [`read_file`], from a base.
pub fn read_file_at(base: Base, path: &CStr, limit: usize) -> Result<Vec<u8>> {
    let file = open_at(base, path, libc::O_RDONLY, 0)?;
    let (mut content, mut length) = (Vec::new(), 0);
    loop {
        // Files of procfs give a line at a time; a page is not worth touching for the end of one.
        if content.len() - length < 1024 {
            content.resize(length + 4096, 0);
        }
        let n = read(&file, &mut content[length..])?;
        length += n;
        if n == 0 {
            content.truncate(length);
            content.shrink_to_fit();
            return Ok(content);
        }
        if length > limit {
            return Err(Errno::EFBIG);
        }
    }
}

/// write(2), again when a signal came between; how much was written.
pub fn write(fd: &Fd, bytes: &[u8]) -> Result<usize> {
    loop {
        // SAFETY: the kernel reads the slice, no further than its length.
        match unsafe { syscall!(Sysno::write, fd.raw(), bytes.as_ptr(), bytes.len()) } {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

/// write(2) until everything is written.
pub fn write_all(fd: &Fd, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        bytes = &bytes[write(fd, bytes)?..];
    }
    Ok(())
}

/// Writes to an existing file in one go: the kernel's control files take a value per write.
pub fn write_file_at(base: Base, path: &CStr, content: &[u8]) -> Result<()> {
    write_all(&open_at(base, path, libc::O_WRONLY, 0)?, content)
}

/// pipe2(2), close-on-exec: (read end, write end).
pub fn pipe() -> Result<(Fd, Fd)> {
    let mut ends = [0i32; 2];
    // SAFETY: the kernel writes two ints.
    unsafe { syscall!(Sysno::pipe2, ends.as_mut_ptr(), libc::O_CLOEXEC) }?;
    Ok((Fd::own(ends[0] as usize), Fd::own(ends[1] as usize)))
}

/// Whether the other end of a pipe is closed everywhere (poll(2): POLLERR for a write end without
/// readers, POLLHUP for a read end without writers).
pub fn is_alone(end: &Fd) -> Result<bool> {
    let mut poll = libc::pollfd { fd: end.raw(), events: 0, revents: 0 };
    let now = Time { seconds: 0, nanos: 0 };
    // SAFETY: one pollfd that lives across the call.
    unsafe { width::ppoll(&raw mut poll, 1, Some(&now)) }?;
    Ok(poll.revents & (libc::POLLERR | libc::POLLHUP) != 0)
}

/// mkdirat(2)
pub fn mkdir_at(base: Base, path: &CStr, mode: Mode) -> Result<()> {
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::mkdirat, base, path.as_ptr(), mode) }.map(drop)
}

/// unlinkat(2) with AT_REMOVEDIR.
pub fn rmdir_at(base: Base, path: &CStr) -> Result<()> {
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::unlinkat, base, path.as_ptr(), libc::AT_REMOVEDIR) }.map(drop)
}

/// unlinkat(2)
pub fn unlink_at(base: Base, path: &CStr) -> Result<()> {
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::unlinkat, base, path.as_ptr(), 0) }.map(drop)
}

/// renameat(2)
pub fn rename(from: &CStr, to: &CStr) -> Result<()> {
    // SAFETY: both paths are NUL-terminated and outlive the call.
    unsafe { syscall!(Sysno::renameat2, HERE, from.as_ptr(), HERE, to.as_ptr(), 0) }.map(drop)
}

/// linkat(2)
pub fn link_at(from: Base, old: &CStr, to: Base, new: &CStr) -> Result<()> {
    // SAFETY: both paths are NUL-terminated and outlive the call.
    unsafe { syscall!(Sysno::linkat, from, old.as_ptr(), to, new.as_ptr(), 0) }.map(drop)
}

/// fchownat(2), of a link itself.
pub fn chown_at(base: Base, path: &CStr, uid: u32, gid: u32) -> Result<()> {
    let flags = libc::AT_SYMLINK_NOFOLLOW;
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::fchownat, base, path.as_ptr(), uid, gid, flags) }.map(drop)
}

/// fchmodat(2)
pub fn chmod_at(base: Base, path: &CStr, mode: Mode) -> Result<()> {
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::fchmodat, base, path.as_ptr(), mode) }.map(drop)
}

/// utimensat(2): the time of the last change, in seconds since 1970.
pub fn set_mtime_at(base: Base, path: &CStr, seconds: u64) -> Result<()> {
    let time = Time { seconds: seconds as i64, nanos: 0 };
    let flags = libc::AT_SYMLINK_NOFOLLOW;
    // SAFETY: the path is NUL-terminated.
    unsafe { width::utimensat(base, path.as_ptr(), &[time, time], flags) }.map(drop)
}

/// access(2) with W_OK: whether the real user may write there.
pub fn may_write(path: &CStr) -> bool {
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::faccessat, libc::AT_FDCWD, path.as_ptr(), libc::W_OK) }.is_ok()
}

/// mknodat(2)
pub fn mknod_at(base: Base, path: &CStr, mode: Mode, device: u32) -> Result<()> {
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::mknodat, base, path.as_ptr(), mode, device) }.map(drop)
}

/// readlink(2) of a link that was opened with O_PATH and O_NOFOLLOW; the length of its text.
pub fn read_link(link: &Fd, text: &mut [u8]) -> Result<usize> {
    read_link_at(link.raw(), c"", text)
}

/// readlinkat(2) of a path; the length of what it says.
pub fn read_link_at(base: Base, path: &CStr, text: &mut [u8]) -> Result<usize> {
    // SAFETY: the path is NUL-terminated; the kernel writes no further than the length.
    unsafe { syscall!(Sysno::readlinkat, base, path.as_ptr(), text.as_mut_ptr(), text.len()) }
}

/// A short path that ends in a number, without allocation.
pub struct NumberedPath([u8; 32]);

impl NumberedPath {
    /// `PREFIX` and the number in base ten; a prefix of more than 21 bytes is cut.
    pub fn new(prefix: &[u8], number: u32) -> NumberedPath {
        // A u32 has at most ten digits, and a NUL comes last.
        let prefix = &prefix[..prefix.len().min(21)];
        let mut path = [0; 32];
        path[..prefix.len()].copy_from_slice(prefix);
        let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
        let mut rest = number;
        for at in (prefix.len()..prefix.len() + digits).rev() {
            path[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        NumberedPath(path)
    }

    /// For the kernel.
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

/// A device number from its two parts (makedev(3), for the small numbers of standard devices).
pub const fn device(major: u32, minor: u32) -> u32 {
    major << 8 | minor
}

/// symlinkat(2)
pub fn symlink_at(target: &CStr, base: Base, path: &CStr) -> Result<()> {
    // SAFETY: both paths are NUL-terminated and outlive the call.
    unsafe { syscall!(Sysno::symlinkat, target.as_ptr(), base, path.as_ptr()) }.map(drop)
}

/// chdir(2)
pub fn chdir(path: &CStr) -> Result<()> {
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::chdir, path.as_ptr()) }.map(drop)
}

/// fchdir(2)
pub fn fchdir(directory: &Fd) -> Result<()> {
    // SAFETY: a descriptor number, no memory.
    unsafe { syscall!(Sysno::fchdir, directory.raw()) }.map(drop)
}

/// chroot(2)
pub fn chroot(path: &CStr) -> Result<()> {
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::chroot, path.as_ptr()) }.map(drop)
}

/// Whether the working directory lies below the root directory (getcwd(2) marks one that does
/// not with a path that does not start with "/"). A path too long to tell counts as below:
/// the kernel had to walk it up to the root to know its length.
pub fn cwd_is_reachable() -> Result<bool> {
    match getcwd(&mut [0u8; 256]) {
        Ok(path) => Ok(path.to_bytes().starts_with(b"/")),
        Err(Errno::ERANGE) => Ok(true),
        Err(errno) => Err(errno),
    }
}

/// umask(2); the old mask. It cannot fail.
pub fn umask(mask: Mode) -> Mode {
    // SAFETY: no memory involved.
    unsafe { syscall!(Sysno::umask, mask) }.map_or(0o022, |old| old as Mode)
}

/// The file system type at a path (statfs(2), `f_type`: one of the *_MAGIC numbers).
pub fn statfs_type(path: &CStr) -> Result<u32> {
    // SAFETY: the path is NUL-terminated.
    unsafe { width::statfs(path.as_ptr()) }.map(|system| system.kind)
}

/// What tells files apart, and their kind (stat(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The file system's device.
    pub device: u64,
    /// The number of the file on it.
    pub inode: u64,
    /// Whether it is a directory.
    pub is_directory: bool,
}

/// stat(2)
pub fn identity(path: &CStr) -> Result<Identity> {
    stat(HERE, path, 0).map(Identity::of)
}

/// fstat(2)
pub fn identity_of(file: &Fd) -> Result<Identity> {
    stat(file.raw(), c"", libc::AT_EMPTY_PATH).map(Identity::of)
}

impl Identity {
    fn of(stat: Stat) -> Identity {
        let is_directory = stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
        Identity { device: stat.st_dev, inode: stat.st_ino, is_directory }
    }
}

/// The kinds of files a walk along a path tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// Anything else.
    Other,
}

/// The kind of an open file (fstat(2)).
pub fn kind(file: &Fd) -> Result<Kind> {
    let stat = stat(file.raw(), c"", libc::AT_EMPTY_PATH)?;
    Ok(match stat.st_mode & libc::S_IFMT {
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFLNK => Kind::Link,
        _ => Kind::Other,
    })
}

/// Whether an open file is a pipe (fstat(2)).
pub fn is_fifo(file: &Fd) -> bool {
    stat(file.raw(), c"", libc::AT_EMPTY_PATH)
        .is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFIFO)
}

/// Whether a path leads to a character or block device (stat(2)).
pub fn is_device(path: &CStr) -> Result<bool> {
    let kind = stat(HERE, path, 0)?.st_mode & libc::S_IFMT;
    Ok(kind == libc::S_IFCHR || kind == libc::S_IFBLK)
}

/// Whether a descriptor is of a directory (fstat(2)).
pub fn is_directory(fd: Base) -> Result<bool> {
    let stat = stat(fd, c"", libc::AT_EMPTY_PATH)?;
    Ok(stat.st_mode & libc::S_IFMT == libc::S_IFDIR)
}

fn stat(base: Base, path: &CStr, flags: i32) -> Result<Stat> {
    let mut stat = MaybeUninit::<Stat>::uninit();
    // SAFETY: the kernel fills the structure when it returns success.
    unsafe {
        syscall!(FSTATAT, base, path.as_ptr(), stat.as_mut_ptr(), flags)?;
        Ok(stat.assume_init())
    }
}

/// Whether an open file is one of procfs (fstatfs(2)).
pub fn is_procfs(file: &Fd) -> Result<bool> {
    width::fstatfs(file.raw()).map(|system| system.kind == libc::PROC_SUPER_MAGIC as u32)
}

/// The flags of the mount an open file is on (fstatfs(2)), as mount(2) takes them.
pub fn mount_flags(file: &Fd) -> Result<libc::c_ulong> {
    let flags = width::fstatfs(file.raw())?.flags as libc::c_ulong;
    // ST_* and MS_* are the same numbers but for this one.
    // linux/statfs.h; not every C library's constants have it.
    const ST_RELATIME: libc::c_ulong = 0x1000;
    let relatime = if flags & ST_RELATIME != 0 { libc::MS_RELATIME } else { 0 };
    let same = libc::MS_RDONLY
        | libc::MS_NOSUID
        | libc::MS_NODEV
        | libc::MS_NOEXEC
        | libc::MS_NOATIME
        | libc::MS_NODIRATIME;
    Ok(flags & same | relatime)
}

/// getcwd(2) into a buffer: the path and its NUL.
pub fn getcwd(buffer: &mut [u8]) -> Result<&CStr> {
    // SAFETY: the kernel writes into the buffer, no further than its length.
    unsafe { syscall!(Sysno::getcwd, buffer.as_mut_ptr(), buffer.len()) }?;
    CStr::from_bytes_until_nul(buffer).map_err(|_| Errno::ERANGE)
}

/// close_range(2) with CLOSE_RANGE_CLOEXEC, which is Linux 5.11.
fn mark_range(first: i32) -> Result<()> {
    const CLOEXEC: u32 = 1 << 2;
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::close_range, first, u32::MAX, CLOEXEC) }.map(drop)
}

/// Whether the kernel can mark a range of descriptors: asked for the last number, which none has.
pub fn can_mark_ranges() -> bool {
    mark_range(-1).is_ok()
}

/// Marks every descriptor from `first` on close-on-exec: at once, or, before Linux 5.11, each that is
/// read from /proc/self/fd, and where that is absent every number up to RLIMIT_NOFILE.
pub fn cloexec_from(first: i32) -> Result<()> {
    match mark_range(first) {
        Err(Errno::ENOSYS | Errno::EINVAL) => {}
        result => return result.map(drop),
    }
    match open(c"/proc/self/fd", libc::O_RDONLY | libc::O_DIRECTORY, 0) {
        Ok(directory) => {
            let mut buffer = [0u8; 1024];
            loop {
                let n = read_directory(&directory, &mut buffer)?;
                if n == 0 {
                    return Ok(());
                }
                for name in Names(&buffer[..n]) {
                    match crate::text::number(name.to_bytes(), 10) {
                        Some(fd) if fd >= first as u64 => set_cloexec(fd as i32)?,
                        _ => {}
                    }
                }
            }
        }
        Err(_) => {
            for fd in first..open_files_limit()? {
                match set_cloexec(fd) {
                    Err(Errno::EBADF) | Ok(()) => {}
                    Err(errno) => return Err(errno),
                }
            }
            Ok(())
        }
    }
}

/// getdents64(2): the number of bytes of entries, for [`Names`]; 0 at the end.
pub fn read_directory(directory: &Fd, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes into the buffer, no further than its length.
    unsafe { syscall!(Sysno::getdents64, directory.raw(), buffer.as_mut_ptr(), buffer.len()) }
}

/// The names in what [`read_directory`] has read.
pub struct Names<'a>(pub &'a [u8]);

impl<'a> Iterator for Names<'a> {
    type Item = &'a CStr;

    fn next(&mut self) -> Option<&'a CStr> {
        // d_ino 8, d_off 8, d_reclen 2, d_type 1, then the name.
        let length = u16::from_ne_bytes([*self.0.get(16)?, *self.0.get(17)?]).into();
        let name = CStr::from_bytes_until_nul(self.0.get(19..length)?).ok()?;
        self.0 = self.0.get(length..)?;
        Some(name)
    }
}

/// A close-on-exec copy of a descriptor that mini was started with (fcntl(2), F_DUPFD_CLOEXEC).
pub fn duplicate(fd: i32) -> Result<Fd> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::fcntl, fd, libc::F_DUPFD_CLOEXEC, 3) }.map(Fd::own)
}

/// Puts a copy of an open file in a descriptor's place, over exec too (dup3(2)).
pub fn replace(fd: i32, by: &Fd) -> Result<()> {
    // SAFETY: numbers only; whoever owned the place has given it up.
    unsafe { syscall!(Sysno::dup3, by.raw(), fd, 0) }.map(drop)
}

/// Whether a number is that of an open descriptor (fcntl(2), F_GETFD).
pub fn is_open(fd: i32) -> bool {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::fcntl, fd, libc::F_GETFD, 0) }.is_ok()
}

/// Clears close-on-exec, and leaves the descriptor open for good.
pub fn keep_over_exec(fd: Fd) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::fcntl, fd.raw(), libc::F_SETFD, 0) }?;
    fd.leak();
    Ok(())
}

fn set_cloexec(fd: i32) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::fcntl, fd, libc::F_SETFD, libc::FD_CLOEXEC) }.map(drop)
}

/// Lets no read or write through this descriptor wait (fcntl(2), F_SETFL); others that share it
/// are affected.
pub fn set_nonblocking(fd: &Fd) -> Result<()> {
    // SAFETY: numbers only.
    unsafe {
        let flags = syscall!(Sysno::fcntl, fd.raw(), libc::F_GETFL, 0)?;
        syscall!(Sysno::fcntl, fd.raw(), libc::F_SETFL, flags | libc::O_NONBLOCK as usize)
    }
    .map(drop)
}

/// Gives an open file to a user (fchown(2)); the group stays.
pub fn give_to(fd: i32, uid: u32) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(FCHOWN, fd, uid, u32::MAX) }.map(drop)
}

/// Closes every descriptor from `first` on (close_range(2), Linux 5.9; before, one by one).
pub fn close_from(first: i32) -> Result<()> {
    // SAFETY: closes numbers; whoever calls this does not use them again.
    match unsafe { syscall!(Sysno::close_range, first, u32::MAX, 0) } {
        Err(Errno::ENOSYS) => {}
        result => return result.map(drop),
    }
    for fd in first..open_files_limit()? {
        // SAFETY: as above.
        let _ = unsafe { syscall!(Sysno::close, fd) };
    }
    Ok(())
}

fn open_files_limit() -> Result<i32> {
    let mut limit = MaybeUninit::<libc::rlimit64>::uninit();
    // SAFETY: the kernel fills the structure when it returns success.
    let limit = unsafe {
        syscall!(Sysno::prlimit64, 0, libc::RLIMIT_NOFILE, 0, limit.as_mut_ptr())?;
        limit.assume_init()
    };
    Ok(limit.rlim_cur.min(i32::MAX as u64) as i32)
}
