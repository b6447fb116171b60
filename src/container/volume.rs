//! Volumes: copies of the host's mounts, taken while its paths mean what they say, and attached
//! when only the container can be reached.
//!
//! The kernel has calls for this since 5.2, and for the options of all that is mounted below since
//! 5.12. Before, a bind of one descriptor's file over another's does it, by their names in /proc,
//! and a walk through the mount table for the options.

use super::inside::{self, Make};
use crate::host::{Image, image_in};
use crate::spec::mounts::Setting;
use crate::sys::fs::{self, Base, NumberedPath};
use crate::sys::{Errno, Fd, Result, loopdev, mount};
use crate::text::unescaped;
use core::ffi::CStr;
use core::sync::atomic::{AtomicI32, Ordering};
use libc::{MS_BIND, MS_PRIVATE, MS_REC, MS_REMOUNT, MS_SLAVE};

/// What was taken: the descriptor of a copy, or of the file itself, told by this bit.
pub struct Taken(AtomicI32);

const ONLY_OPENED: i32 = 1 << 30;

/// How a volume is attached.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// MS_RDONLY and the like.
    pub flags: libc::c_ulong,
    /// MS_SLAVE or MS_PRIVATE.
    pub propagation: libc::c_ulong,
    /// Whether what is mounted below comes along, and all of this applies to it.
    pub recursive: bool,
    /// Whether to make what the path lacks.
    pub make: bool,
}

impl Taken {
    /// Nothing yet.
    pub const fn new() -> Taken {
        Taken(AtomicI32::new(-1))
    }

    /// Takes what is mounted at a path of the host: a copy, where the kernel makes some.
    pub fn take(&self, source: &CStr, recursive: bool, copy: bool) -> Result<()> {
        let (fd, mark) = match copy {
            true => (mount::take_tree(source, recursive)?, 0),
            false => (fs::open(source, libc::O_PATH, 0)?, ONLY_OPENED),
        };
        self.0.store(fd.raw() | mark, Ordering::Relaxed);
        fd.leak();
        Ok(())
    }

    /// Takes a copy of what is mounted at a path of the container, and below.
    pub fn take_inside(&self, path: &CStr, optional: bool) -> Result<()> {
        match inside::open(path, Make::Nothing) {
            Err(Errno::ENOENT) if optional => Ok(()),
            found => self.keep(mount::copy_of(&found?)?),
        }
    }

    /// Attaches that copy at the same path.
    pub fn put_back(&self, path: &CStr) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            -1 => Ok(()),
            fd => mount::put_tree(fd, &inside::open(path, Make::Nothing)?),
        }
    }

    /// Mounts a file system where nobody sees it.
    pub fn take_file_system(&self, fstype: &CStr, settings: &[Setting]) -> Result<()> {
        self.keep(mount::mount_unseen(fstype, settings.iter().copied(), 0)?)
    }

    /// The same with the one in a file, read-only, through a loop device that goes with it.
    pub fn take_image(&self, image: &CStr) -> Result<()> {
        let file = fs::open(image, libc::O_RDONLY, 0)?;
        let Some(Image::FileSystem(fstype)) = image_in(&file)? else {
            return Err(Errno::EINVAL);
        };
        let (_device, path) = loopdev::attach(&file)?;
        let settings = [(c"source", Some(path.as_c_str())), (c"ro", None), (c"noload", None)];
        // The journal of an ext4 that was not played back is left alone.
        let count = if fstype == c"ext4" { 3 } else { 2 };
        self.keep(mount::mount_unseen(fstype, settings.into_iter().take(count), 0)?)
    }

    fn keep(&self, tree: Fd) -> Result<()> {
        self.0.store(tree.raw(), Ordering::Relaxed);
        tree.leak();
        Ok(())
    }

    /// Attaches it at a path of the container.
    pub fn put(&self, target: &CStr, manner: Manner) -> Result<()> {
        let taken = self.0.load(Ordering::Relaxed);
        let fd = taken & !ONLY_OPENED;
        let make = match (manner.make, fs::is_directory(fd)?) {
            (false, _) => Make::Nothing,
            (true, true) => Make::Directory,
            (true, false) => Make::File,
        };
        let on = inside::open(target, make)?;
        if taken & ONLY_OPENED != 0 {
            let recursive = if manner.recursive { MS_REC } else { 0 };
            let (from, to) = (proc_path(fd), proc_path(on.raw()));
            mount::mount(Some(from.as_c_str()), to.as_c_str(), None, MS_BIND | recursive, None)?;
            return set_by_path(target, manner);
        }
        let Manner { flags, propagation, recursive, .. } = manner;
        let result = mount::set_attributes(fd, flags, propagation, recursive);
        let is_old = result == Err(Errno::ENOSYS);
        if !is_old {
            result?;
        }
        mount::put_tree(fd, &on)?;
        if is_old { set_by_path(target, manner) } else { Ok(()) }
    }
}

/// Adds flags to the mount of the root, which is the working directory.
pub fn restrict_root(flags: libc::c_ulong) -> Result<()> {
    match mount::set_attributes(fs::HERE, flags, 0, false) {
        Err(Errno::ENOSYS) => add_flags(&fs::open(c".", libc::O_PATH, 0)?, flags),
        result => result,
    }
}

/// Sets the options of a volume that is attached already.
#[inline(never)]
fn set_by_path(target: &CStr, manner: Manner) -> Result<()> {
    // Walked again: now it leads to what was mounted there.
    let top = inside::open(target, Make::Nothing)?;
    let recursive = if manner.recursive { MS_REC } else { 0 };
    let path = proc_path(top.raw());
    let propagation = manner.propagation & (MS_SLAVE | MS_PRIVATE);
    mount::mount(None, path.as_c_str(), None, propagation | recursive, None)?;
    if manner.flags == 0 {
        return Ok(());
    }
    add_flags(&top, manner.flags)?;
    if !manner.recursive {
        return Ok(());
    }
    let mut place = [0; inside::LONGEST];
    let opened = fs::open(path.as_c_str(), libc::O_PATH | libc::O_NOFOLLOW, 0)?;
    let length = fs::read_link(&opened, &mut place)?;
    for_each_mount(&place[..length], |below| {
        // What is covered by the volume, and so out of reach, is listed as well: there is no such
        // path, or nothing is mounted there.
        match inside::open(below, Make::Nothing).and_then(|at| add_flags(&at, manner.flags)) {
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EINVAL) => Ok(()),
            result => result,
        }
    })
}

/// Adds flags to a mount. Those it has are said again: a remount sets all of them, and a user
/// namespace may not take any away.
fn add_flags(at: &Fd, flags: libc::c_ulong) -> Result<()> {
    let path = proc_path(at.raw());
    let flags = MS_REMOUNT | MS_BIND | flags | fs::mount_flags(at)?;
    mount::mount(None, path.as_c_str(), None, flags, None)
}

/// Shows the mount points below a directory, by /proc/self/mountinfo. What is cut off by the
/// buffer's end is an error, since it would be missed.
#[inline(never)]
fn for_each_mount(directory: &[u8], mut show: impl FnMut(&CStr) -> Result<()>) -> Result<()> {
    let file = fs::open(c"/proc/self/mountinfo", libc::O_RDONLY, 0)?;
    let mut buffer = [0; 3 * inside::LONGEST];
    let mut filled = 0;
    loop {
        let read = fs::read(&file, &mut buffer[filled..])?;
        filled += read;
        let mut start = 0;
        while let Some(length) = buffer[start..filled].iter().position(|b| *b == b'\n') {
            if let Some(point) = buffer[start..start + length].split(|b| *b == b' ').nth(4) {
                let mut plain = [0; inside::LONGEST];
                let plain = unescape(point, &mut plain)?;
                let is_below = plain
                    .to_bytes()
                    .strip_prefix(directory)
                    .is_some_and(|rest| rest.starts_with(b"/"));
                if is_below {
                    show(plain)?;
                }
            }
            start += length + 1;
        }
        if read == 0 {
            return Ok(());
        }
        if start == 0 && filled == buffer.len() {
            return Err(Errno::ENAMETOOLONG);
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
    }
}

/// Undoes the octal escapes of mountinfo.
fn unescape<'b>(text: &[u8], plain: &'b mut [u8; inside::LONGEST]) -> Result<&'b CStr> {
    for (at, byte) in unescaped(text).enumerate() {
        *plain.get_mut(at).ok_or(Errno::ENAMETOOLONG)? = byte;
    }
    CStr::from_bytes_until_nul(plain).map_err(|_| Errno::ENAMETOOLONG)
}

/// `/proc/self/fd/N`
fn proc_path(fd: Base) -> NumberedPath {
    NumberedPath::new(b"/proc/self/fd/", fd.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_descriptors() {
        assert_eq!(proc_path(0).as_c_str(), c"/proc/self/fd/0");
        assert_eq!(proc_path(1234).as_c_str(), c"/proc/self/fd/1234");
    }

    #[test]
    fn escapes_are_undone() {
        let mut plain = [0; inside::LONGEST];
        assert_eq!(unescape(b"/a\\040b\\134c", &mut plain), Ok(c"/a b\\c"));
        let mut plain = [0; inside::LONGEST];
        assert_eq!(unescape(&[b'x'; inside::LONGEST], &mut plain), Err(Errno::ENAMETOOLONG));
    }

    #[test]
    fn mounts_below_a_directory_are_shown() {
        let mut found = Vec::new();
        for_each_mount(b"", |point| {
            found.push(point.to_owned());
            Ok(())
        })
        .unwrap();
        assert!(found.iter().any(|point| &**point == c"/proc"));
    }
}
