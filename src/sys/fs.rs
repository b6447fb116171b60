//! Files, directories and pipes.

use super::arch::FSTATAT;
use super::width::{self, FCHOWN, FCNTL, LARGE_FILE, Stat};
use super::{Errno, Fd, Result};
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use syscalls::{Sysno, syscall};

/// File type and permission bits (inode(7)).
pub type Mode = u32;

/// Directory from which a relative path starts: a descriptor, or the working directory.
pub type Base = i32;
/// The working directory.
pub const HERE: Base = libc::AT_FDCWD;

/// open(2), always close-on-exec. `mode` is used only with O_CREAT.
pub fn open(path: &CStr, flags: i32, mode: Mode) -> Result<Fd> {
    open_at(HERE, path, flags, mode)
}

/// openat(2), always close-on-exec.
pub fn open_at(base: Base, path: &CStr, flags: i32, mode: Mode) -> Result<Fd> {
    let flags = flags | libc::O_CLOEXEC | LARGE_FILE;
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::openat, base, path.as_ptr(), flags, mode) }.map(Fd::own)
}

/// read(2), repeated when a signal interrupts it.
pub fn read(fd: &Fd, buffer: &mut [u8]) -> Result<usize> {
    loop {
        // SAFETY: the kernel writes into the buffer, no further than its length.
        match unsafe { syscall!(Sysno::read, fd.raw(), buffer.as_mut_ptr(), buffer.len()) } {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

/// read(2) until the buffer is full or the file ends; returns the number of bytes.
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

/// Reads a whole file; EFBIG when it has more than `limit` bytes.
pub fn read_file(path: &CStr, limit: usize) -> Result<Vec<u8>> {
    read_file_at(HERE, path, limit)
}

/// [`read_file`] relative to a base.
pub fn read_file_at(base: Base, path: &CStr, limit: usize) -> Result<Vec<u8>> {
    let file = open_at(base, path, libc::O_RDONLY, 0)?;
    let (mut content, mut length) = (Vec::new(), 0);
    loop {
        // procfs returns one line at a time. Touching another page for the last line is not worth
        // it.
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

/// write(2), repeated when a signal interrupts it; returns the number of bytes.
pub fn write(fd: &Fd, bytes: &[u8]) -> Result<usize> {
    loop {
        // SAFETY: the kernel reads the slice, no further than its length.
        match unsafe { syscall!(Sysno::write, fd.raw(), bytes.as_ptr(), bytes.len()) } {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

/// write(2) until all bytes are written.
pub fn write_all(fd: &Fd, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        bytes = &bytes[write(fd, bytes)?..];
    }
    Ok(())
}

/// Writes to an existing file with one write(2), as control files require.
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
    Ok(poll_now(end.raw(), 0)? & (libc::POLLERR | libc::POLLHUP) != 0)
}

/// Which of `events` a descriptor is ready for (ppoll(2), without waiting).
pub(super) fn poll_now(fd: i32, events: i16) -> Result<i16> {
    let mut poll = libc::pollfd { fd, events, revents: 0 };
    let now = width::Time { seconds: 0, nanos: 0 };
    // SAFETY: one pollfd that lives across the call.
    unsafe { width::ppoll(&raw mut poll, 1, Some(&now)) }?;
    Ok(poll.revents)
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

/// renameat(2) within a directory.
pub fn rename_at(base: Base, from: &CStr, to: &CStr) -> Result<()> {
    // SAFETY: both paths are NUL-terminated and outlive the call.
    unsafe { syscall!(Sysno::renameat2, base, from.as_ptr(), base, to.as_ptr(), 0) }.map(drop)
}

/// linkat(2): gives an open file a name that does not exist yet. AT_EMPTY_PATH works for the opener
/// of the file since Linux 6.10; through /proc it always works.
pub fn link_file(file: &Fd, base: Base, name: &CStr) -> Result<()> {
    let path = NumberedPath::new(b"/proc/self/fd/", file.raw() as u32);
    let link = |from: Base, path: &CStr, flags: i32| {
        // SAFETY: both paths are NUL-terminated and outlive the call.
        unsafe { syscall!(Sysno::linkat, from, path.as_ptr(), base, name.as_ptr(), flags) }
    };
    match link(file.raw(), c"", libc::AT_EMPTY_PATH) {
        Err(Errno::ENOENT | Errno::EPERM | Errno::EINVAL) => {
            link(HERE, path.as_c_str(), libc::AT_SYMLINK_FOLLOW)
        }
        result => result,
    }
    .map(drop)
}

/// ftruncate(2) to size 0.
pub fn empty(file: &Fd) -> Result<()> {
    width::ftruncate(file.raw(), 0).map(drop)
}

/// linkat(2)
pub fn link_at(from: Base, old: &CStr, to: Base, new: &CStr) -> Result<()> {
    // SAFETY: both paths are NUL-terminated and outlive the call.
    unsafe { syscall!(Sysno::linkat, from, old.as_ptr(), to, new.as_ptr(), 0) }.map(drop)
}

/// fchownat(2), without following a link.
pub fn chown_at(base: Base, path: &CStr, uid: u32, gid: u32) -> Result<()> {
    let flags = libc::AT_SYMLINK_NOFOLLOW;
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::fchownat, base, path.as_ptr(), uid, gid, flags) }.map(drop)
}

/// access(2) with W_OK, for the real user id.
pub fn may_write(path: &CStr) -> bool {
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::faccessat, libc::AT_FDCWD, path.as_ptr(), libc::W_OK) }.is_ok()
}

/// mknodat(2)
pub fn mknod_at(base: Base, path: &CStr, mode: Mode, device: u32) -> Result<()> {
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::mknodat, base, path.as_ptr(), mode, device) }.map(drop)
}

/// readlink(2) of a link opened with O_PATH and O_NOFOLLOW; returns the length.
pub fn read_link(link: &Fd, text: &mut [u8]) -> Result<usize> {
    read_link_at(link.raw(), c"", text)
}

/// readlinkat(2); returns the length.
pub fn read_link_at(base: Base, path: &CStr, text: &mut [u8]) -> Result<usize> {
    // SAFETY: the path is NUL-terminated; the kernel writes no further than the length.
    unsafe { syscall!(Sysno::readlinkat, base, path.as_ptr(), text.as_mut_ptr(), text.len()) }
}

/// A short path that ends in a number, on the stack.
pub struct NumberedPath([u8; 32]);

impl NumberedPath {
    /// The prefix and the number in decimal. A prefix of more than 21 bytes is truncated.
    pub fn new(prefix: &[u8], number: u32) -> NumberedPath {
        // A u32 has at most ten digits, and a NUL follows.
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

    /// The path.
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

/// A device number from its two parts, as mknod(2) takes it (makedev(3)).
pub const fn device(major: u32, minor: u32) -> u32 {
    minor & 0xff | major << 8 | (minor & !0xff) << 12
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
    change_directory(directory.raw())
}

/// fchdir(2) by descriptor number.
pub fn change_directory(directory: Base) -> Result<()> {
    // SAFETY: a descriptor number, no memory.
    unsafe { syscall!(Sysno::fchdir, directory) }.map(drop)
}

/// chroot(2)
pub fn chroot(path: &CStr) -> Result<()> {
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::chroot, path.as_ptr()) }.map(drop)
}

/// umask(2); returns the old mask. It cannot fail.
pub fn umask(mask: Mode) -> Mode {
    // SAFETY: no memory involved.
    unsafe { syscall!(Sysno::umask, mask) }.map_or(0o022, |old| old as Mode)
}

/// File system type of a path (statfs(2), `f_type`: one of the *_MAGIC numbers).
pub fn statfs_type(path: &CStr) -> Result<u32> {
    // SAFETY: the path is NUL-terminated.
    unsafe { width::statfs(path.as_ptr()) }.map(|system| system.kind)
}

/// Identity of a file (stat(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Device of the file system.
    pub device: u64,
    /// Inode number.
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

/// File types that the resolver distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A regular file.
    File,
    /// Anything else.
    Other,
}

/// Type of an open file (fstat(2)).
pub fn kind(file: &Fd) -> Result<Kind> {
    let stat = stat(file.raw(), c"", libc::AT_EMPTY_PATH)?;
    Ok(match stat.st_mode & libc::S_IFMT {
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFLNK => Kind::Link,
        libc::S_IFREG => Kind::File,
        _ => Kind::Other,
    })
}

/// Type of an open file, one of the S_IF* numbers (fstat(2)).
pub fn file_type(fd: Base) -> Result<Mode> {
    Ok(stat(fd, c"", libc::AT_EMPTY_PATH)?.st_mode & libc::S_IFMT)
}

/// Type of a file by name, without following a link (fstatat(2)), one of the S_IF* numbers.
pub fn file_type_at(base: Base, name: &CStr) -> Result<Mode> {
    Ok(stat(base, name, libc::AT_SYMLINK_NOFOLLOW)?.st_mode & libc::S_IFMT)
}

/// Whether an open file is a regular file (fstat(2)).
pub fn is_regular(file: &Fd) -> Result<bool> {
    let stat = stat(file.raw(), c"", libc::AT_EMPTY_PATH)?;
    Ok(stat.st_mode & libc::S_IFMT == libc::S_IFREG)
}

/// Whether a path leads to a FIFO (stat(2)).
pub fn is_named_fifo(path: &CStr) -> bool {
    stat(HERE, path, 0).is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFIFO)
}

/// Type, owner and access mode of a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Type, one of the S_IF* numbers.
    pub kind: Mode,
    /// Owner.
    pub uid: u32,
    /// Whether it is open for reading.
    pub reads: bool,
    /// Whether it is open for writing.
    pub writes: bool,
}

/// fstat(2) and fcntl(2), F_GETFL
pub fn stream(fd: i32) -> Result<Stream> {
    let stat = stat(fd, c"", libc::AT_EMPTY_PATH)?;
    // SAFETY: numbers only.
    let flags = unsafe { syscall!(Sysno::fcntl, fd, libc::F_GETFL, 0) }? as i32;
    let (reads, writes) = match flags & libc::O_ACCMODE {
        _ if flags & libc::O_PATH != 0 => (false, false),
        libc::O_RDONLY => (true, false),
        libc::O_WRONLY => (false, true),
        _ => (true, true),
    };
    Ok(Stream { kind: stat.st_mode & libc::S_IFMT, uid: stat.st_uid, reads, writes })
}

/// Whether a path leads to a character or block device (stat(2)).
pub fn is_device(path: &CStr) -> Result<bool> {
    let kind = stat(HERE, path, 0)?.st_mode & libc::S_IFMT;
    Ok(kind == libc::S_IFCHR || kind == libc::S_IFBLK)
}

/// Whether an open file is the null device (fstat(2)).
pub fn is_null_device(file: &Fd) -> Result<bool> {
    let stat = stat(file.raw(), c"", libc::AT_EMPTY_PATH)?;
    let is_device = stat.st_mode & libc::S_IFMT == libc::S_IFCHR;
    Ok(is_device && stat.st_rdev as u32 == device(1, 3))
}

/// Whether a descriptor refers to a directory (fstat(2)).
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

/// File system type of an open file (fstatfs(2), `f_type`).
pub fn type_of(file: &Fd) -> Result<u32> {
    width::fstatfs(file.raw()).map(|system| system.kind)
}

/// Whether an open file lies on procfs.
pub fn is_procfs(file: &Fd) -> Result<bool> {
    Ok(type_of(file)? == libc::PROC_SUPER_MAGIC as u32)
}

/// Flags of the mount of an open file (fstatfs(2)), as MS_* for mount(2).
pub fn mount_flags(file: &Fd) -> Result<libc::c_ulong> {
    let flags = width::fstatfs(file.raw())?.flags as libc::c_ulong;
    // ST_* and MS_* are the same numbers except for this one (linux/statfs.h). Not every libc has
    // it.
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

/// getcwd(2) into a buffer.
pub fn getcwd(buffer: &mut [u8]) -> Result<&CStr> {
    // SAFETY: the kernel writes into the buffer, no further than its length.
    unsafe { syscall!(Sysno::getcwd, buffer.as_mut_ptr(), buffer.len()) }?;
    CStr::from_bytes_until_nul(buffer).map_err(|_| Errno::ERANGE)
}

fn close_range(first: i32, last: i32) -> Result<()> {
    // SAFETY: closes numbers; whoever calls this does not use them again.
    unsafe { syscall!(Sysno::close_range, first, last, 0) }.map(drop)
}

/// Whether the kernel has close_range(2) (Linux 5.9). Asks with the highest number, which is never
/// open.
pub fn can_close_ranges() -> bool {
    close_range(-1, -1).is_ok()
}

/// Closes every descriptor from `first` on, except those that `next` names: the lowest one to keep,
/// from a number on. Without close_range(2) (before Linux 5.9) it closes those listed in
/// /proc/self/fd, which `list` opens; without /proc every number up to RLIMIT_NOFILE.
pub fn close_all_but(
    first: i32,
    next: &dyn Fn(i32) -> Option<i32>,
    list: &dyn Fn() -> Result<Fd>,
) -> Result<()> {
    let mut from = first;
    loop {
        let kept = next(from);
        // u32::MAX is the highest number.
        let result = match kept {
            Some(kept) if kept == from => Ok(()),
            _ => close_range(from, kept.map_or(-1, |kept| kept - 1)),
        };
        match (result, kept) {
            (Err(Errno::ENOSYS), _) => return close_one_by_one(first, next, list),
            (Ok(()), Some(kept)) => from = kept + 1,
            (result, _) => return result,
        }
    }
}

#[inline(never)]
fn close_one_by_one(
    first: i32,
    next: &dyn Fn(i32) -> Option<i32>,
    list: &dyn Fn() -> Result<Fd>,
) -> Result<()> {
    let close = |fd| {
        if fd >= first && next(fd) != Some(fd) {
            // SAFETY: as above. That it is not open is no error here.
            let _ = unsafe { syscall!(Sysno::close, fd) };
        }
    };
    let Ok(directory) = list() else {
        (first..open_files_limit()?).for_each(close);
        return Ok(());
    };
    let mut buffer = [0u8; 1024];
    loop {
        let n = read_directory(&directory, &mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        for fd in Names(&buffer[..n]).filter_map(|name| crate::text::number(name.to_bytes(), 10)) {
            if fd != directory.raw() as u64 {
                close(fd as i32);
            }
        }
    }
}

/// getdents64(2); returns the number of bytes of entries for [`Names`], 0 at the end.
pub fn read_directory(directory: &Fd, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes into the buffer, no further than its length.
    unsafe { syscall!(Sysno::getdents64, directory.raw(), buffer.as_mut_ptr(), buffer.len()) }
}

/// Iterates over the names in a buffer of [`read_directory`].
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

/// Iterates over the names of directories, and of entries of unknown type, in a buffer of
/// [`read_directory`]; skips `.` and `..`.
struct Directories<'a>(pub &'a [u8]);

impl<'a> Iterator for Directories<'a> {
    type Item = &'a CStr;

    fn next(&mut self) -> Option<&'a CStr> {
        loop {
            let kind = *self.0.get(18)?;
            let mut names = Names(self.0);
            let name = names.next()?;
            self.0 = names.0;
            let may_be = kind == libc::DT_DIR || kind == libc::DT_UNKNOWN;
            if may_be && !matches!(name.to_bytes(), b"." | b"..") {
                return Some(name);
            }
        }
    }
}

/// The names in a directory, `.` and `..` left out; with `only_directories` those of directories, and of entries of
/// unknown type.
pub fn names_in(directory: &Fd, only_directories: bool) -> Result<Vec<&'static CStr>> {
    let mut found = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        let length = read_directory(directory, &mut buffer)?;
        if length == 0 {
            return Ok(found);
        }
        let mut keep = |name: &CStr| {
            let mut text = Text::new();
            text.raw(name.to_bytes());
            found.push(text.leak());
        };
        match only_directories {
            true => Directories(&buffer[..length]).for_each(&mut keep),
            false => Names(&buffer[..length])
                .filter(|name| !matches!(name.to_bytes(), b"." | b".."))
                .for_each(&mut keep),
        }
    }
}

/// flock(2) without waiting: EAGAIN when another process has a conflicting lock. The lock belongs
/// to the open file description, so it is released with its last descriptor, however the holder
/// ends.
pub fn try_lock(file: &Fd, exclusive: bool) -> Result<()> {
    let kind = if exclusive { libc::LOCK_EX } else { libc::LOCK_SH };
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::flock, file.raw(), kind | libc::LOCK_NB) }.map(drop)
}

/// flock(2): waits for an exclusive lock.
pub fn lock_exclusively(file: &Fd) -> Result<()> {
    loop {
        // SAFETY: numbers only.
        match unsafe { syscall!(Sysno::flock, file.raw(), libc::LOCK_EX) } {
            Err(Errno::EINTR) => {}
            result => return result.map(drop),
        }
    }
}

/// A file in memory with this content (memfd_create(2)), positioned at its start.
pub fn memory_file(content: &[u8]) -> Result<Fd> {
    const CLOEXEC: u32 = 1;
    // SAFETY: the name is NUL-terminated and outlives the call.
    let file = unsafe { syscall!(Sysno::memfd_create, c"mini".as_ptr(), CLOEXEC) }.map(Fd::own)?;
    write_all(&file, content)?;
    seek(&file, 0)?;
    Ok(file)
}

/// Whether a file may be executed (access(2), X_OK).
pub fn may_execute(path: &CStr) -> Result<()> {
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::faccessat, HERE, path.as_ptr(), libc::X_OK) }.map(drop)
}

/// Whether there is such a file (access(2), F_OK).
pub fn exists_at(base: Base, path: &CStr) -> Result<()> {
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::faccessat, base, path.as_ptr(), libc::F_OK) }.map(drop)
}

/// A close-on-exec copy of a descriptor (fcntl(2), F_DUPFD_CLOEXEC).
pub fn duplicate(fd: i32) -> Result<Fd> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::fcntl, fd, libc::F_DUPFD_CLOEXEC, 3) }.map(Fd::own)
}

/// Locks a range of bytes of a file that is open for writing, until it is closed (fcntl(2),
/// F_OFD_SETLK). EAGAIN or EACCES when another process holds a conflicting lock.
pub fn lock(file: &Fd, start: u64, length: u64) -> Result<()> {
    // SAFETY: all of its fields are numbers.
    let mut lock: libc::flock64 = unsafe { MaybeUninit::zeroed().assume_init() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    (lock.l_start, lock.l_len) = (start as i64, length as i64);
    // SAFETY: the kernel reads the structure.
    unsafe { syscall!(FCNTL, file.raw(), libc::F_OFD_SETLK, &raw const lock) }.map(drop)
}

/// Duplicates an open file to descriptor `fd`, which stays open over execve(2) (dup3(2)).
pub fn replace(fd: i32, by: &Fd) -> Result<()> {
    // SAFETY: numbers only; whoever owned the place has given it up.
    unsafe { syscall!(Sysno::dup3, by.raw(), fd, 0) }.map(drop)
}

/// Duplicates an open file to descriptor `fd`, close-on-exec (dup3(2)).
pub fn replace_closing(fd: i32, by: &Fd) -> Result<()> {
    // SAFETY: numbers only; whoever owns the place goes on to own what is there.
    unsafe { syscall!(Sysno::dup3, by.raw(), fd, libc::O_CLOEXEC) }.map(drop)
}

/// Whether a descriptor is open (fcntl(2), F_GETFD).
pub fn is_open(fd: i32) -> bool {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::fcntl, fd, libc::F_GETFD, 0) }.is_ok()
}

/// Clears close-on-exec and leaks the descriptor.
pub fn keep_over_exec(fd: Fd) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::fcntl, fd.raw(), libc::F_SETFD, 0) }?;
    fd.leak();
    Ok(())
}

/// Clears close-on-exec of a descriptor by number.
pub fn keep_copy_over_exec(fd: i32) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::fcntl, fd, libc::F_SETFD, 0) }.map(drop)
}

/// Closes a descriptor by its number.
pub fn close_number(fd: i32) {
    Fd::own(fd as usize);
}

/// Sets O_NONBLOCK (fcntl(2), F_SETFL). This affects every process that shares the open file
/// description. Only for files that mini opened itself: it clears the other status flags.
pub fn set_nonblocking(fd: &Fd) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::fcntl, fd.raw(), libc::F_SETFL, libc::O_NONBLOCK) }.map(drop)
}

/// fchown(2) of the user; the group is unchanged.
pub fn give_to(fd: i32, uid: u32) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(FCHOWN, fd, uid, u32::MAX) }.map(drop)
}

fn open_files_limit() -> Result<i32> {
    let mut limit = MaybeUninit::<libc::rlimit64>::uninit();
    // SAFETY: the kernel fills the structure when it returns success.
    let limit = unsafe {
        syscall!(Sysno::prlimit64, 0, libc::RLIMIT_NOFILE, 0, limit.as_mut_ptr())?;
        limit.assume_init()
    };
    // An upper bound for an unlimited RLIMIT_NOFILE.
    Ok(limit.rlim_cur.min(1 << 20) as i32)
}

/// Whether everybody may execute an open file (fstat(2)).
pub fn is_executable_by_all(file: &Fd) -> bool {
    stat(file.raw(), c"", libc::AT_EMPTY_PATH).is_ok_and(|stat| stat.st_mode & 0o005 == 0o005)
}

/// A sealed copy of a file in memory (memfd_create(2)) that everybody may execute and nobody can
/// change.
pub fn sealed_copy(file: &Fd) -> Result<Fd> {
    const CLOEXEC: u32 = 1;
    const ALLOW_SEALING: u32 = 2;
    // MFD_EXEC, Linux 6.3. The kernel may refuse an executable memfd without this flag
    // (vm.memfd_noexec).
    const EXEC: u32 = 0x10;
    let create = |flags: u32| {
        // SAFETY: the name is NUL-terminated and outlives the call.
        unsafe { syscall!(Sysno::memfd_create, c"mini".as_ptr(), flags) }.map(Fd::own)
    };
    let copy = match create(CLOEXEC | ALLOW_SEALING | EXEC) {
        Err(Errno::EINVAL) => create(CLOEXEC | ALLOW_SEALING)?,
        result => result?,
    };
    let seals = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;
    send_all(file, &copy)?;
    // SAFETY: numbers only.
    unsafe {
        syscall!(Sysno::fchmod, copy.raw(), 0o555)?;
        syscall!(Sysno::fcntl, copy.raw(), libc::F_ADD_SEALS, seals)?;
    }
    Ok(copy)
}

/// Copies a file to another one, from where both are (sendfile(2)).
pub fn send_all(from: &Fd, to: &Fd) -> Result<()> {
    const ALL_AT_ONCE: usize = 1 << 24;
    // SAFETY: numbers only.
    while unsafe { syscall!(Sysno::sendfile, to.raw(), from.raw(), 0, ALL_AT_ONCE) }? > 0 {}
    Ok(())
}

/// What a file is beside its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Type and permissions.
    pub mode: Mode,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// The device that a device node refers to.
    pub device: u32,
    /// The time of the last change.
    pub time: Time,
}

/// What the file of this name is; a symbolic link itself (fstatat(2)).
pub fn node_at(base: Base, name: &CStr) -> Result<Node> {
    let stat = stat(base, name, libc::AT_SYMLINK_NOFOLLOW)?;
    Ok(Node {
        mode: stat.st_mode,
        uid: stat.st_uid,
        gid: stat.st_gid,
        device: stat.st_rdev as _,
        time: Time { seconds: stat.st_mtime as _, nanos: stat.st_mtime_nsec as _ },
    })
}

/// A point in time since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// Seconds; negative before 1970.
    pub seconds: i64,
    /// Nanoseconds, less than a second.
    pub nanos: u32,
}

/// Modification time of an open file (fstat(2)).
pub fn mtime_of(file: &Fd) -> Result<Time> {
    let stat = stat(file.raw(), c"", libc::AT_EMPTY_PATH)?;
    let (seconds, nanos) = width::mtime(file.raw(), &stat);
    Ok(Time { seconds, nanos })
}

/// Sets the modification time without following a link (utimensat(2)); without a path, that of the
/// open file `base`.
pub fn set_mtime_at(base: Base, path: Option<&CStr>, time: Time) -> Result<()> {
    let spec = |nanos| width::Time { seconds: time.seconds, nanos };
    let times = [spec(libc::UTIME_OMIT as _), spec(time.nanos.into())];
    let flags = if path.is_some() { libc::AT_SYMLINK_NOFOLLOW } else { 0 };
    let path = path.map_or(core::ptr::null(), CStr::as_ptr);
    // SAFETY: the path is NUL-terminated, or none.
    unsafe { width::utimensat(base, path, &times, flags) }.map(drop)
}

/// fchown(2)
pub fn fchown(file: &Fd, uid: u32, gid: u32) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(FCHOWN, file.raw(), uid, gid) }.map(drop)
}

/// fchmod(2)
pub fn fchmod(file: &Fd, mode: Mode) -> Result<()> {
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::fchmod, file.raw(), mode) }.map(drop)
}

/// fchmodat2(2) with AT_SYMLINK_NOFOLLOW (Linux 6.6).
pub fn chmod_at(base: Base, path: &CStr, mode: Mode) -> Result<()> {
    let flags = libc::AT_SYMLINK_NOFOLLOW;
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::fchmodat2, base, path.as_ptr(), mode, flags) }.map(drop)
}

/// fsetxattr(2)
pub fn fsetxattr(file: &Fd, name: &CStr, value: &[u8]) -> Result<()> {
    let (at, length) = (value.as_ptr(), value.len());
    // SAFETY: the name is NUL-terminated, and the kernel reads the value, no further than its length.
    unsafe { syscall!(Sysno::fsetxattr, file.raw(), name.as_ptr(), at, length, 0) }.map(drop)
}

/// ftruncate(2)
pub fn ftruncate(file: &Fd, size: u64) -> Result<()> {
    let size = i64::try_from(size).map_err(|_| Errno::EFBIG)?;
    width::ftruncate(file.raw(), size as u64).map(drop)
}

/// lseek(2) to an absolute offset.
pub fn seek(file: &Fd, to: u64) -> Result<()> {
    let to = i64::try_from(to).map_err(|_| Errno::EOVERFLOW)?;
    width::lseek(file.raw(), to, libc::SEEK_SET).map(drop)
}

/// [`identity`] without following a link.
pub fn identity_at(base: Base, path: &CStr) -> Result<Identity> {
    stat(base, path, libc::AT_SYMLINK_NOFOLLOW).map(Identity::of)
}

/// Waits until a non-blocking descriptor is readable (ppoll(2)).
pub fn await_input(fd: &Fd) -> Result<()> {
    let mut poll = libc::pollfd { fd: fd.raw(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one pollfd that lives across the call, no time and no signal mask.
    match unsafe { width::ppoll(&raw mut poll, 1, None) } {
        Err(Errno::EINTR) => Ok(()),
        result => result.map(drop),
    }
}

/// Reads ahead without consuming: from a pipe (tee(2)), a socket (MSG_PEEK) or a file. Waits for
/// the first byte; 0 at the end. EINVAL for anything else.
pub fn peek(fd: &Fd, buffer: &mut [u8]) -> Result<usize> {
    let (at, length) = (buffer.as_mut_ptr(), buffer.len());
    let (read_end, write_end) = pipe()?;
    // SAFETY: numbers only.
    match unsafe { syscall!(Sysno::tee, fd.raw(), write_end.raw(), length, 0) } {
        Ok(length) => return read(&read_end, &mut buffer[..length]),
        Err(Errno::EINVAL) => {}
        result => return result,
    }
    let flags = libc::MSG_PEEK;
    // SAFETY: the kernel writes into the buffer, no further than its length; no address is asked for.
    match unsafe { syscall!(Sysno::recvfrom, fd.raw(), at, length, flags, 0, 0) } {
        Err(Errno::ENOTSOCK) => {}
        result => return result,
    }
    let here = width::lseek(fd.raw(), 0, libc::SEEK_CUR).map_err(|_| Errno::EINVAL)?;
    width::pread(fd.raw(), buffer, here)
}

/// Id of the mount of an open file, as in mountinfo: statx(2) since Linux 5.8, else
/// name_to_handle_at(2), which returns the mount id even when its buffer is too small for the
/// handle.
pub fn mount_id(file: &Fd) -> Result<u64> {
    // Offsets in `struct statx`, in words; the mask comes first.
    const MNT_ID: u32 = 0x1000;
    let mut stat = [0u64; 32];
    let empty = c"".as_ptr();
    // SAFETY: the path is empty; the kernel fills the structure.
    let told = unsafe {
        syscall!(Sysno::statx, file.raw(), empty, libc::AT_EMPTY_PATH, MNT_ID, stat.as_mut_ptr())
    };
    if told.is_ok() && stat[0] as u32 & MNT_ID != 0 {
        return Ok(stat[18]);
    }
    let (mut handle, mut id) = ([0u32; 2], 0i32);
    let flags = libc::AT_EMPTY_PATH;
    // SAFETY: a handle whose header says that nothing follows, and one int.
    match unsafe {
        let id = &raw mut id;
        syscall!(Sysno::name_to_handle_at, file.raw(), empty, handle.as_mut_ptr(), id, flags)
    } {
        Err(Errno::EOVERFLOW) => Ok(id as u64),
        result => result.and(Err(Errno::EOPNOTSUPP)),
    }
}
