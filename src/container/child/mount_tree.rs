//! Mounts that are opened on the host before the switch of the root, and attached in the container
//! after it.
//!
//! Linux 5.2 has system calls for this (open_tree, move_mount), Linux 5.12 one for recursive
//! options (mount_setattr). Before 5.2, bind mounts are staged in a tmpfs of mini's own and moved
//! from there to their targets by /proc/self/fd. Before 5.12, mini reads mountinfo and sets the
//! options of each submount.

use super::resolve::{self, Make};
use super::rootfs::{Rootfs, TOP};
use crate::host::{Image, image_in};
use crate::plan::{Mount, SetAttributes};
use crate::sys::fs::{self, NumberedPath};
use crate::sys::{Errno, Fd, Result, loopdev, mount};
use crate::text::{number, unescaped};
use core::ffi::CStr;
use core::sync::atomic::{AtomicI32, Ordering};
use libc::{MS_BIND, MS_MOVE, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC};

/// An opened mount: the descriptor of a detached clone, or, with this bit, of the path itself.
pub struct MountTree(AtomicI32);

const ONLY_OPENED: i32 = 1 << 30;
/// Whether submounts are included.
const RECURSIVE: i32 = 1 << 29;
const MARKS: i32 = ONLY_OPENED | RECURSIVE;

impl MountTree {
    /// Nothing opened yet.
    pub const fn new() -> MountTree {
        MountTree(AtomicI32::new(-1))
    }

    /// Opens a path of the host: as a detached clone if `copy`, else the path itself.
    pub fn take(&self, source: &CStr, recursive: bool, copy: bool) -> Result<()> {
        let (fd, mark) = match copy {
            true => (mount::take_tree(source, recursive)?, 0),
            false if recursive => (fs::open(source, libc::O_PATH, 0)?, ONLY_OPENED | RECURSIVE),
            false => (fs::open(source, libc::O_PATH, 0)?, ONLY_OPENED),
        };
        self.0.store(fd.raw() | mark, Ordering::Relaxed);
        fd.leak();
        Ok(())
    }

    /// Clones the mount at a path of the container, with submounts.
    pub fn take_inside(&self, path: &CStr, optional: bool) -> Result<()> {
        match resolve::open(path, Make::Nothing) {
            Err(Errno::ENOENT) if optional => Ok(()),
            found => self.keep(mount::copy_of(&found?)?),
        }
    }

    /// Attaches the clone at the same path.
    pub fn put_back(&self, path: &CStr) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            -1 => Ok(()),
            fd => mount::put_tree(fd, &resolve::open(path, Make::Nothing)?),
        }
    }

    /// Mounts a file system and takes a copy of that mount. It lies over the root meanwhile, where the host's mount
    /// namespace does not see it: mount(2) takes more options than fsconfig(2), and sources that are paths.
    pub fn create(&self, step: &Mount) -> Result<()> {
        let Mount { source, fstype, flags, data, .. } = *step;
        mount::mount(Some(source), c"/", fstype, flags, data)?;
        let tree = mount::take_tree(TOP, false);
        mount::umount(TOP, libc::MNT_DETACH)?;
        self.keep(tree?)
    }

    /// Mounts an image read-only through a loop device that is removed with the mount.
    pub fn take_image(&self, image: &CStr) -> Result<()> {
        let file = fs::open(image, libc::O_RDONLY, 0)?;
        let Some(Image::FileSystem(fstype)) = image_in(&file)? else {
            return Err(Errno::EINVAL);
        };
        let (_device, path) = loopdev::attach(&file)?;
        let settings = [
            (c"source", Some(path.as_c_str())),
            (c"ro", None),
            // For ext4: does not replay the journal, and ignores an errors=panic in the superblock,
            // which the maker of the image chose.
            (c"noload", None),
            (c"errors", Some(c"continue")),
        ];
        let count = if fstype == c"ext4" { 4 } else { 2 };
        self.keep(mount::mount_unseen(fstype, settings.into_iter().take(count), 0)?)
    }

    fn keep(&self, tree: Fd) -> Result<()> {
        self.0.store(tree.raw(), Ordering::Relaxed);
        tree.leak();
        Ok(())
    }

    /// Binds an opened path into the staging tmpfs, where it stays reachable after the old root is
    /// unmounted.
    fn stage(&self, number: u32, rootfs: &mut Rootfs) -> Result<()> {
        let taken = self.0.load(Ordering::Relaxed);
        if taken < 0 || taken & ONLY_OPENED == 0 {
            return Ok(());
        }
        let name = NumberedPath::new(b"", number);
        let base = rootfs.stage()?.raw();
        match fs::is_directory(taken & !MARKS)? {
            true => fs::mkdir_at(base, name.as_c_str(), 0o700)?,
            false => fs::mknod_at(base, name.as_c_str(), libc::S_IFREG | 0o600, 0)?,
        }
        let place = fs::open_at(base, name.as_c_str(), libc::O_PATH, 0)?;
        let recursive = if taken & RECURSIVE != 0 { MS_REC } else { 0 };
        rootfs.mount_on(taken & !MARKS, place.raw(), MS_BIND | recursive)?;
        let staged = fs::open_at(base, name.as_c_str(), libc::O_PATH, 0)?;
        fs::replace_closing(taken & !MARKS, &staged)
    }

    /// Attaches the mount at a path of the container.
    pub fn put(
        &self,
        target: &CStr,
        attributes: &[SetAttributes],
        make: bool,
        rootfs: &mut Rootfs,
    ) -> Result<()> {
        let taken = self.0.load(Ordering::Relaxed);
        let fd = taken & !MARKS;
        let make = match (make, fs::is_directory(fd)?) {
            (false, _) => Make::Nothing,
            (true, true) => Make::Directory,
            (true, false) => Make::File,
        };
        let on = resolve::open(target, make)?;
        if taken & ONLY_OPENED == 0 {
            // Before the mount is visible.
            let result = set_unseen(fd, attributes);
            if result != Err(Errno::ENOSYS) {
                result?;
                return mount::put_tree(fd, &on);
            }
            mount::put_tree(fd, &on)?;
            // Attributes can be changed only when it is attached.
            return set_options(&self.opened()?, attributes, rootfs);
        }
        if rootfs.stage().is_ok() {
            rootfs.mount_on(fd, on.raw(), MS_MOVE)?;
            return set_options(&self.opened()?, attributes, rootfs);
        }
        let recursive = if taken & RECURSIVE != 0 { MS_REC } else { 0 };
        rootfs.mount_on(fd, on.raw(), MS_BIND | recursive)?;
        // Without a new root: the path now leads to the new mount.
        set_options(&resolve::open(target, Make::Nothing)?, attributes, rootfs)
    }

    /// A second descriptor of the mount.
    fn opened(&self) -> Result<Fd> {
        fs::duplicate(self.0.load(Ordering::Relaxed) & !MARKS)
    }

    /// The descriptor, if one is open.
    pub fn raw(&self) -> Option<i32> {
        let taken = self.0.load(Ordering::Relaxed);
        (taken >= 0).then_some(taken & !MARKS)
    }
}

/// Stages all bind mounts that were opened by path.
pub fn stage(trees: &[MountTree], rootfs: &mut Rootfs) -> Result<()> {
    (0u32..).zip(trees).try_for_each(|(number, taken)| taken.stage(number, rootfs))
}

/// Adds flags to the root mount.
pub fn restrict_root(flags: libc::c_ulong, rootfs: &mut Rootfs) -> Result<()> {
    let root = rootfs.root()?.raw();
    match mount::set_attributes(root, flags as _, 0, 0, false) {
        Err(Errno::ENOSYS) => {
            let root = fs::duplicate(root)?;
            rootfs.change_flags(&root, flags, 0)
        }
        result => result,
    }
}

/// Adds flags to the root mount and its submounts. MS_RDONLY applies only to the submounts.
pub fn restrict_tree(flags: libc::c_ulong, rootfs: &mut Rootfs) -> Result<()> {
    let root = rootfs.root()?.raw();
    match mount::set_attributes(root, flags as _, 0, 0, true) {
        Err(Errno::ENOSYS) => {
            let root = fs::duplicate(root)?;
            if flags & !MS_RDONLY != 0 {
                rootfs.change_flags(&root, flags & !MS_RDONLY, 0)?;
            }
            return set_below(&root, flags, rootfs);
        }
        result => result?,
    }
    if flags & MS_RDONLY == 0 {
        return Ok(());
    }
    match mount::set_attributes(root, 0, libc::MOUNT_ATTR_RDONLY, 0, false) {
        // The host's mount is read-only and stays so: nothing has to be made in it.
        Err(Errno::EPERM) => Ok(()),
        result => result,
    }
}

/// Sets attributes and propagation of a mount.
pub fn set_attributes(at: &Fd, attributes: &[SetAttributes], rootfs: &mut Rootfs) -> Result<()> {
    match set_unseen(at.raw(), attributes) {
        Err(Errno::ENOSYS) => set_options(at, attributes, rootfs),
        result => result,
    }
}

fn set_unseen(fd: i32, attributes: &[SetAttributes]) -> Result<()> {
    attributes.iter().try_for_each(|call| {
        let SetAttributes { set, clear, propagation, recursive } = *call;
        mount::set_attributes(fd, set, clear, propagation, recursive)
    })
}

/// Sets the options of a mount that is attached already, without mount_setattr(2).
#[inline(never)]
fn set_options(top: &Fd, attributes: &[SetAttributes], rootfs: &mut Rootfs) -> Result<()> {
    for call in attributes {
        let recursive = if call.recursive { MS_REC } else { 0 };
        if call.propagation != 0 {
            rootfs.set_propagation(top, call.propagation | recursive)?;
        }
        let (set, clear) = call.flags();
        if set | clear != 0 {
            rootfs.change_flags(top, set, clear)?;
        }
        if set != 0 && call.recursive {
            set_below(top, set, rootfs)?;
        }
    }
    Ok(())
}

/// Adds flags to every submount. The submounts are found by their paths in mountinfo, which other
/// processes may change meanwhile. So the table is read again until all of them have the flags.
#[inline(never)]
fn set_below(top: &Fd, flags: libc::c_ulong, rootfs: &mut Rootfs) -> Result<()> {
    let top_id = fs::mount_id(top)?;
    let mut lacking = usize::MAX;
    loop {
        let before = lacking;
        lacking = 0;
        // Ids of the mounts of this tree; further ones are recognised by their parents.
        let mut tree = [0u64; MOUNTS];
        tree[0] = top_id;
        let (mut known, mut length) = (1, None);
        for_each_mount(rootfs, |line, rootfs| {
            if line.id == top_id {
                length = Some(line.point.to_bytes().len());
                return Ok(());
            }
            if !tree[..known].contains(&line.parent) {
                return Ok(());
            }
            // The kernel lists a mount before its submounts.
            let top_length = length.ok_or(Errno::EBADMSG)?;
            let path = line.point.to_bytes();
            let rest = &line.point[if top_length == 1 { 0 } else { top_length.min(path.len()) }..];
            if rest.to_bytes().iter().all(|b| *b == b'/') {
                // mini's own mount, which lies on the root until it is moved to its place.
                return Ok(());
            }
            *tree.get_mut(known).ok_or(Errno::E2BIG)? = line.id;
            known += 1;
            if has_options(line.options, flags) {
                return Ok(());
            }
            lacking += 1;
            match resolve::open_below(top, rest) {
                Ok(at) if fs::mount_id(&at)? == line.id => rootfs.change_flags(&at, flags, 0),
                Ok(_) | Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(()),
                Err(errno) => Err(errno),
            }
        })?;
        if lacking == 0 {
            return if length.is_some() { Ok(()) } else { Err(Errno::ENOENT) };
        }
        if lacking >= before {
            // A mount that cannot be reached would stay unsafe.
            return Err(Errno::EBUSY);
        }
    }
}

/// Maximum number of mounts in a tree.
const MOUNTS: usize = 512;

/// Whether a mount's options in mountinfo (`rw,nosuid,relatime`) include these flags.
fn has_options(options: &[u8], flags: libc::c_ulong) -> bool {
    let has = |name: &[u8]| options.split(|b| *b == b',').any(|option| option == name);
    [(MS_RDONLY, &b"ro"[..]), (MS_NOSUID, b"nosuid"), (MS_NODEV, b"nodev"), (MS_NOEXEC, b"noexec")]
        .into_iter()
        .all(|(flag, name)| flags & flag == 0 || has(name))
}

/// A line of mountinfo (proc_pid_mountinfo(5)).
struct Line<'l> {
    id: u64,
    parent: u64,
    point: &'l CStr,
    options: &'l [u8],
}

/// Calls `show` for each line of mountinfo. A line longer than the buffer is an error, because it
/// would be missed.
#[inline(never)]
fn for_each_mount(
    rootfs: &mut Rootfs,
    mut show: impl FnMut(Line, &mut Rootfs) -> Result<()>,
) -> Result<()> {
    let file = rootfs.open_own(c"/proc/self/mountinfo")?;
    let mut buffer = [0; 3 * resolve::LONGEST];
    let mut filled = 0;
    loop {
        let read = fs::read(&file, &mut buffer[filled..])?;
        filled += read;
        let mut start = 0;
        while let Some(length) = buffer[start..filled].iter().position(|b| *b == b'\n') {
            let mut fields = buffer[start..start + length].split(|b| *b == b' ');
            let mut next = || fields.next().ok_or(Errno::EBADMSG);
            let (id, parent, _device, _root) = (next()?, next()?, next()?, next()?);
            let (point, options) = (next()?, next()?);
            let id = number(id, 10).ok_or(Errno::EBADMSG)?;
            let parent = number(parent, 10).ok_or(Errno::EBADMSG)?;
            let mut plain = [0; resolve::LONGEST];
            show(Line { id, parent, point: unescape(point, &mut plain)?, options }, rootfs)?;
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
fn unescape<'b>(text: &[u8], plain: &'b mut [u8; resolve::LONGEST]) -> Result<&'b CStr> {
    for (at, byte) in unescaped(text).enumerate() {
        *plain.get_mut(at).ok_or(Errno::ENAMETOOLONG)? = byte;
    }
    CStr::from_bytes_until_nul(plain).map_err(|_| Errno::ENAMETOOLONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        assert!(has_options(b"ro,nosuid,nodev,relatime", MS_RDONLY | MS_NODEV));
        assert!(!has_options(b"rw,nosuid,relatime", MS_NODEV));
        assert!(!has_options(b"rw,nodevx", MS_NODEV));
        assert!(has_options(b"rw", 0));
    }

    #[test]
    fn escapes_are_undone() {
        let mut plain = [0; resolve::LONGEST];
        assert_eq!(unescape(b"/a\\040b\\134c", &mut plain), Ok(c"/a b\\c"));
        let mut plain = [0; resolve::LONGEST];
        assert_eq!(unescape(&[b'x'; resolve::LONGEST], &mut plain), Err(Errno::ENAMETOOLONG));
    }

    #[test]
    fn the_mount_table_is_shown() {
        let mut found = Vec::new();
        for_each_mount(&mut Rootfs::new(), |line, _| {
            found.push((line.point.to_owned(), line.id));
            Ok(())
        })
        .unwrap();
        let root = fs::open(c"/", libc::O_PATH, 0).unwrap();
        let id = fs::mount_id(&root).unwrap();
        assert!(found.iter().any(|(point, _)| &**point == c"/proc"));
        assert!(found.contains(&(c"/".to_owned(), id)));
    }
}
