//! Where the child works: the new root, and the file systems that mini mounts over it before it
//! looks at anything in it. Their descriptors are kept, so that what is made, mounted or covered in
//! them is named from there, and no name in the container's root can lead it astray. Works on the
//! child's stack alone.
//!
//! With the host's files there is no new root, and an absolute path is the host's.

use super::copy_up;
use super::resolve::{self, Make};
use crate::plan::Mount;
use crate::spec::mounts::Device;
use crate::sys::fs::{self, Base, NumberedPath};
use crate::sys::{Errno, Fd, Result, mount};
use core::ffi::CStr;
use libc::{MS_BIND, MS_MOVE, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC, MS_REMOUNT};

/// Opens a directory, without following a link to it.
const DIRECTORY: i32 = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW;

/// The topmost mount on the root. A lookup of ".." at the root stays there, but then follows the
/// mounts stacked on it.
pub const TOP: &CStr = c"/..";

/// The flags and options of an empty file system.
const EMPTY: libc::c_ulong = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
const EMPTY_DATA: &CStr = c"size=4k,nr_inodes=2";

/// The directories in which mini works.
pub struct Rootfs {
    root: Option<Fd>,
    dev: Option<Fd>,
    proc: Option<Fd>,
    sys: Option<Fd>,
    /// The staging tmpfs for bind mounts before Linux 5.2.
    stage: Option<Fd>,
    /// The one that is the working directory; -1 for none.
    here: Base,
}

impl Rootfs {
    /// Nothing is open yet.
    pub const fn new() -> Rootfs {
        Rootfs { root: None, dev: None, proc: None, sys: None, stage: None, here: -1 }
    }

    /// Opens the new root, which is the topmost mount, and makes it the working directory.
    pub fn enter_root(&mut self) -> Result<()> {
        self.root = Some(fs::open(TOP, DIRECTORY, 0)?);
        self.enter(|rootfs| &rootfs.root).map(drop)
    }

    fn enter(&mut self, which: impl Fn(&Rootfs) -> &Option<Fd>) -> Result<()> {
        let fd = which(self).as_ref().ok_or(Errno::EBADF)?;
        if self.here != fd.raw() {
            fs::fchdir(fd)?;
            self.here = fd.raw();
        }
        Ok(())
    }

    /// Notes that other code has changed the working directory.
    pub fn forget_working_directory(&mut self) {
        self.here = -1;
    }

    /// The new root.
    pub fn root(&self) -> Result<&Fd> {
        self.root.as_ref().ok_or(Errno::EBADF)
    }

    /// The staging tmpfs for bind mounts before Linux 5.2.
    pub fn stage(&self) -> Result<&Fd> {
        self.stage.as_ref().ok_or(Errno::EBADF)
    }

    /// The descriptor and relative name for a path in mini's own mounts. Without a new root, the
    /// host's path.
    pub fn find<'p>(&self, path: &'p CStr) -> Result<(Base, &'p CStr)> {
        for (top, place) in [("/dev/", &self.dev), ("/proc/", &self.proc), ("/sys/", &self.sys)] {
            if let Some(directory) = place
                && path.to_bytes().starts_with(top.as_bytes())
            {
                return Ok((directory.raw(), &path[top.len()..]));
            }
        }
        match self.root {
            // The planner's own paths only; names in the container's root go through the resolver.
            Some(_) if path.to_bytes().starts_with(b"/") => Err(Errno::EXDEV),
            _ => Ok((fs::HERE, path)),
        }
    }

    /// The same for mount(2), which takes paths relative to the working directory.
    fn go<'p>(&mut self, path: &'p CStr) -> Result<&'p CStr> {
        let (base, name) = self.find(path)?;
        if base != fs::HERE && base != self.here {
            fs::change_directory(base)?;
            self.here = base;
        }
        Ok(name)
    }

    /// Performs a mount step.
    pub fn mount(&mut self, step: &Mount) -> Result<()> {
        let Mount { source, fstype, flags, data, .. } = *step;
        if step.over_root {
            mount::mount(Some(source), c"/", fstype, flags, data)?;
            return self.keep_top(step.target);
        }
        let target = match step.target == c"/" {
            true => step.target,
            false => self.go(step.target)?,
        };
        match mount::mount(Some(source), target, fstype, flags, data) {
            Err(Errno::ENOENT) if step.if_present => Ok(()),
            Ok(()) if flags & (MS_BIND | MS_RDONLY | MS_REMOUNT) == MS_BIND | MS_RDONLY => {
                // mount(2) ignores MS_RDONLY for a bind mount.
                let bound = fs::open(target, libc::O_PATH, 0)?;
                match mount::set_attributes(bound.raw(), libc::MOUNT_ATTR_RDONLY, 0, 0, false) {
                    Err(Errno::ENOSYS) => remount(&bound, target, MS_RDONLY, 0),
                    result => result,
                }
            }
            result => result,
        }
    }

    /// Keeps the descriptor of the file system that was mounted over the root.
    fn keep_top(&mut self, target: &CStr) -> Result<()> {
        let top = fs::open(TOP, DIRECTORY, 0)?;
        let (place, magic) = match target.to_bytes() {
            b"/dev" => (&mut self.dev, None),
            // Names in it are the kernel's, so its type is checked.
            b"/proc" => (&mut self.proc, Some(libc::PROC_SUPER_MAGIC as u32)),
            b"/sys" => (&mut self.sys, Some(libc::SYSFS_MAGIC as u32)),
            _ => (&mut self.stage, None),
        };
        if magic.is_some_and(|magic| fs::type_of(&top) != Ok(magic)) {
            return Err(Errno::EXDEV);
        }
        *place = Some(top);
        Ok(())
    }

    /// Moves the topmost mount to a directory of the root, which is made if missing. It must be a
    /// directory, not a link.
    pub fn attach(&mut self, path: &CStr) -> Result<()> {
        let root = self.root()?.raw();
        let name = &path[1..];
        let target = match fs::open_at(root, name, DIRECTORY, 0) {
            Err(Errno::ENOENT) => {
                fs::mkdir_at(root, name, 0o755)?;
                fs::open_at(root, name, DIRECTORY, 0)?
            }
            result => result?,
        };
        fs::fchdir(&target)?;
        self.forget_working_directory();
        mount::mount(Some(TOP), c".", None, MS_MOVE, None)
    }

    /// pivot_root(2): the new root becomes the process's root and the old one the working
    /// directory.
    pub fn pivot(&mut self) -> Result<()> {
        self.enter(|rootfs| &rootfs.root)?;
        let old = fs::open(c"/", libc::O_PATH | libc::O_DIRECTORY, 0)?;
        mount::pivot_root(c".", c".")?;
        self.forget_working_directory();
        fs::fchdir(&old)
    }

    /// chroot(2), where the current root cannot be unmounted.
    pub fn chroot(&mut self) -> Result<()> {
        self.enter(|rootfs| &rootfs.root)?;
        fs::chroot(c".")
    }

    /// Fails unless the root is the one that was opened and nothing is mounted over it; makes it
    /// the working directory.
    pub fn verify(&mut self) -> Result<()> {
        let root = fs::identity_of(self.root()?)?;
        if fs::identity(TOP)? != root || fs::identity(c"/")? != root {
            return Err(Errno::EXDEV);
        }
        self.enter(|rootfs| &rootfs.root)
    }

    /// A path for mount(2) to an open file: /proc/self/fd/N in mini's own procfs.
    fn link(&mut self, fd: Base) -> Result<NumberedPath> {
        let prefix = self.go(c"/proc/self/fd/")?;
        Ok(NumberedPath::new(prefix.to_bytes(), fd.unsigned_abs()))
    }

    /// Mounts one open file or directory on another (MS_BIND or MS_MOVE).
    pub fn mount_on(&mut self, from: Base, to: Base, flags: libc::c_ulong) -> Result<()> {
        let (from, to) = (self.link(from)?, self.link(to)?);
        mount::mount(Some(from.as_c_str()), to.as_c_str(), None, flags, None)
    }

    /// Sets and clears flags of the mount of an open file, without mount_setattr(2).
    pub fn change_flags(
        &mut self,
        at: &Fd,
        set: libc::c_ulong,
        clear: libc::c_ulong,
    ) -> Result<()> {
        let path = self.link(at.raw())?;
        remount(at, path.as_c_str(), set, clear)
    }

    /// Opens a file of /proc/self in mini's own procfs.
    pub fn open_own(&self, path: &CStr) -> Result<Fd> {
        let (base, name) = self.find(path)?;
        fs::open_at(base, name, libc::O_RDONLY, 0)
    }

    /// Sets the propagation of the mount of an open file (MS_SLAVE, MS_PRIVATE, with MS_REC).
    pub fn set_propagation(&mut self, at: &Fd, propagation: libc::c_ulong) -> Result<()> {
        let path = self.link(at.raw())?;
        mount::mount(None, path.as_c_str(), None, propagation, None)
    }

    /// Masks a path of mini's own procfs or sysfs, if present. With a new root that file system is
    /// the topmost mount, and the path is looked up there.
    pub fn mask(&mut self, path: &CStr) -> Result<()> {
        let mut buffer = [0; 80];
        let path = match self.root.is_some() {
            true => join(TOP, &path.to_bytes()[1..], &mut buffer)?,
            false => path,
        };
        // Asks for the type first: a bind mount that fails costs ten times as much as one that
        // succeeds.
        let is_directory = match fs::identity(path) {
            // The kernel has no such path.
            Err(Errno::ENOENT) => return Ok(()),
            result => result?.is_directory,
        };
        self.cover(path, is_directory)
    }

    /// Mounts a file system at a path of the container. A tmpfs whose options say no mode has the permissions of the
    /// directory that it covers; with `copy_up` a copy of what is in that directory, too.
    pub fn mount_inside(&mut self, step: &Mount, make: bool, copy_up: bool) -> Result<()> {
        let Mount { source, target, fstype, flags, data, .. } = *step;
        let make = if make { Make::Directory } else { Make::Nothing };
        let here = fs::open(c".", libc::O_PATH | libc::O_DIRECTORY, 0)?;
        let covered = resolve::open(target, make)?;
        fs::fchdir(&covered)?;
        if fstype != Some(c"tmpfs") || (!copy_up && has_mode(data)) {
            mount::mount(Some(source), c".", fstype, flags, data)?;
            return fs::fchdir(&here);
        }
        mount::mount(Some(source), c".", fstype, flags & !MS_RDONLY, data)?;
        fs::fchdir(&here)?;
        // The walk now leads to the root of the tmpfs.
        let top = resolve::open(target, Make::Nothing)?;
        if fs::type_of(&top)? != libc::TMPFS_MAGIC as u32 {
            return Err(Errno::EXDEV);
        }
        let top = fs::open_at(top.raw(), c".", libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
        if copy_up {
            let covered = fs::open_at(covered.raw(), c".", libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
            copy_up::copy(&covered, &top)?;
        }
        if !has_mode(data) {
            fs::fchmod(&top, fs::node_at(covered.raw(), c".")?.mode & 0o7777)?;
        }
        match flags & MS_RDONLY {
            0 => Ok(()),
            _ => match mount::set_attributes(top.raw(), libc::MOUNT_ATTR_RDONLY, 0, 0, false) {
                Err(Errno::ENOSYS) => self.change_flags(&top, MS_RDONLY, 0),
                result => result,
            },
        }
    }

    /// Masks a path anywhere in the container.
    pub fn mask_path(&mut self, path: &CStr, if_present: bool) -> Result<()> {
        let file = match resolve::open(path, Make::Nothing) {
            Err(Errno::ENOENT | Errno::ENOTDIR) if if_present => return Ok(()),
            result => result?,
        };
        if fs::is_directory(file.raw())? {
            let here = fs::open(c".", libc::O_PATH | libc::O_DIRECTORY, 0)?;
            fs::fchdir(&file)?;
            mount::mount(Some(c"tmpfs"), c".", Some(c"tmpfs"), EMPTY, Some(EMPTY_DATA))?;
            return fs::fchdir(&here);
        }
        let null = self.null_device()?;
        match mount::copy_of(&null) {
            Err(Errno::ENOSYS) => self.mount_on(null.raw(), file.raw(), MS_BIND),
            tree => mount::put_tree(tree?.raw(), &file),
        }
    }

    /// The null device of mini's own /dev, or the container's.
    fn null_device(&self) -> Result<Fd> {
        if let Ok((base, name)) = self.find(c"/dev/null") {
            return fs::open_at(base, name, libc::O_PATH, 0);
        }
        let null = resolve::open(c"/dev/null", Make::Nothing)?;
        if fs::is_null_device(&null)? { Ok(null) } else { Err(Errno::ENODEV) }
    }

    /// Makes a device node in mini's own /dev, or anywhere in the container.
    pub fn make_device(&self, device: &Device, in_root: bool) -> Result<()> {
        let Device { path, kind, major, minor, file_mode, uid, gid } = *device;
        let mode = kind | file_mode.unwrap_or(0o666) & 0o7777;
        let parent;
        let (base, name) = match in_root {
            true => {
                let (directory, name) = resolve::open_parent(path)?;
                parent = directory;
                (parent.raw(), name)
            }
            false => self.find(path)?,
        };
        match fs::mknod_at(base, name, mode, fs::device(major, minor)) {
            Err(Errno::EEXIST) if in_root => return Ok(()),
            result => result?,
        }
        match (uid.unwrap_or(0), gid.unwrap_or(0)) {
            (0, 0) => Ok(()),
            (uid, gid) => fs::chown_at(base, name, uid, gid),
        }
    }

    /// Makes a symbolic link in mini's own /dev, or anywhere in the container.
    pub fn make_link(&self, target: &CStr, path: &CStr, in_root: bool) -> Result<()> {
        if !in_root {
            let (base, name) = self.find(path)?;
            return fs::symlink_at(target, base, name);
        }
        let (parent, name) = resolve::open_parent(path)?;
        match fs::symlink_at(target, parent.raw(), name) {
            Err(Errno::EEXIST | Errno::EROFS) => Ok(()),
            result => result,
        }
    }

    /// Changes the options of a file system of the container.
    pub fn remount_inside(&mut self, step: &Mount) -> Result<()> {
        let at = resolve::open(step.target, Make::Nothing)?;
        if step.flags & MS_BIND != 0 {
            let path = self.link(at.raw())?;
            return mount::mount(None, path.as_c_str(), None, step.flags, None);
        }
        fs::fchdir(&at)?;
        self.forget_working_directory();
        mount::mount(Some(step.source), c".", step.fstype, step.flags, step.data)
    }

    /// Shows a pseudo terminal as /dev/console.
    pub fn show_console(&mut self, number: u32) -> Result<()> {
        let (base, console) = self.find(c"/dev/console")?;
        match fs::mknod_at(base, console, libc::S_IFREG | 0o600, 0) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
        }
        let path = NumberedPath::new(b"/dev/pts/", number);
        let name = self.go(path.as_c_str())?;
        mount::mount(Some(name), console, None, MS_BIND, None)
    }

    /// Binds /dev/null over a file, or an empty directory over a directory.
    fn cover(&mut self, path: &CStr, is_directory: bool) -> Result<()> {
        let bind = |source| mount::mount(Some(source), path, None, MS_BIND, None);
        if !is_directory {
            // Without mini's own /dev this is the host's, as the root is not switched.
            let null = self.go(c"/dev/null").unwrap_or(c"/dev/null");
            return match bind(null) {
                // Without /dev/null, a file with harmless content.
                Err(Errno::ENOENT) if self.root.is_none() => bind(c"/proc/uptime"),
                result => result,
            };
        }
        // Binding a directory of procfs that is always empty costs a tenth of a new tmpfs. It may
        // be missing, or have something mounted on it.
        if let Ok(empty) = self.go(c"/proc/sys/fs/binfmt_misc")
            && fs::statfs_type(empty) == Ok(libc::PROC_SUPER_MAGIC as u32)
        {
            return bind(empty);
        }
        mount::mount(Some(c"tmpfs"), path, Some(c"tmpfs"), EMPTY, Some(EMPTY_DATA))
    }

    /// Makes a file or directory of the container read-only, wherever it is, if it is there.
    pub fn protect_path(&mut self, path: &CStr) -> Result<()> {
        let file = match resolve::open(path, Make::Nothing) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(()),
            result => result?,
        };
        match mount::copy_of(&file) {
            Err(Errno::ENOSYS) => {
                self.mount_on(file.raw(), file.raw(), MS_BIND | MS_REC)?;
                let top = resolve::open(path, Make::Nothing)?;
                self.change_flags(&top, MS_RDONLY, 0)
            }
            tree => {
                let tree = tree?;
                let result =
                    mount::set_attributes(tree.raw(), libc::MOUNT_ATTR_RDONLY, 0, 0, false);
                mount::put_tree(tree.raw(), &file)?;
                match result {
                    Err(Errno::ENOSYS) => self.change_flags(&tree, MS_RDONLY, 0),
                    result => result,
                }
            }
        }
    }

    /// Makes a path of mini's own procfs read-only, if present. Keeps the flags of the mount: a
    /// user namespace may not clear them.
    pub fn protect(&mut self, path: &CStr) -> Result<()> {
        let name = self.go(path)?;
        match mount::mount(Some(name), name, None, MS_BIND | MS_REC, None) {
            Err(Errno::ENOENT) => return Ok(()),
            result => result?,
        }
        let flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
        mount::mount(None, name, None, MS_REMOUNT | MS_BIND | flags, None)
    }
}

/// Whether the options of a tmpfs set the permissions of its root.
fn has_mode(data: Option<&CStr>) -> bool {
    let mut options = data.unwrap_or_default().to_bytes().split(|byte| *byte == b',');
    options.any(|option| option.starts_with(b"mode="))
}

/// Joins `place` and the part of a path after its first name (`proc/kcore`).
fn join<'b>(place: &CStr, path: &[u8], buffer: &'b mut [u8; 80]) -> Result<&'b CStr> {
    let place = place.to_bytes();
    let name = path.iter().position(|b| *b == b'/').map_or(&b""[..], |at| &path[at..]);
    let room = buffer.get_mut(..place.len() + name.len() + 1).ok_or(Errno::ENAMETOOLONG)?;
    room[..place.len()].copy_from_slice(place);
    room[place.len()..place.len() + name.len()].copy_from_slice(name);
    CStr::from_bytes_until_nul(room).map_err(|_| Errno::EINVAL)
}

/// A remount replaces all flags, and a user namespace may not clear any, so the mount's flags are
/// repeated.
fn remount(at: &Fd, path: &CStr, set: libc::c_ulong, clear: libc::c_ulong) -> Result<()> {
    let flags = MS_REMOUNT | MS_BIND | fs::mount_flags(at)? & !clear | set;
    mount::mount(None, path, None, flags, None)
}
