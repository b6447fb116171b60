//! Facts about this machine and the caller. Each fact is read at most once, and only when the spec
//! needs it. mini does not ask for a fact that the kernel tells anyway by refusing a step.

pub mod cgroups;
pub mod ids;

use crate::error::{Error, Result};
use crate::spec::capability::{self, MKNOD, SYS_ADMIN};
use crate::spec::mounts::{Kind, Mount, Overlay};
use crate::spec::{Namespace, Spec};
use crate::sys::memory::Program;
use crate::sys::{Errno, Fd, fs, process};
use crate::text::Text;
use alloc::vec::Vec;
use cgroups::Cgroups;
use core::ffi::CStr;
use ids::IdMaps;

/// The caller of mini, from the auxiliary vector (getauxval(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Effective user id.
    pub euid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Privileges that mini's file gives and the caller does not have.
    pub gain: FilePrivilege,
    /// Path by which mini's file was executed.
    pub path: &'static CStr,
    /// Address range of mini itself in memory.
    pub program: Program,
}

/// Privileges that the file of a program gives to every caller (execve(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilePrivilege {
    /// None.
    Nothing,
    /// Another user or group id (set-user-id, set-group-id).
    SetId,
    /// AT_SECURE is set: file capabilities, or a security module asks for care.
    Secure,
}

impl Caller {
    /// Refuses to run with privileges of mini's file. mini would lend them to every caller, and no
    /// option could make that safe.
    ///
    /// # Errors
    /// mini is set-user-id or set-group-id, or has file capabilities that its caller does not have.
    pub fn check(&self) -> Result<()> {
        let cause = match self.gain {
            FilePrivilege::Nothing => return Ok(()),
            FilePrivilege::SetId => {
                "mini is set-user-id or set-group-id, or its caller is half another user"
            }
            // File capabilities give root nothing. A security module also sets AT_SECURE when it
            // gives the program a label of its own.
            FilePrivilege::Secure if self.euid == 0 => return Ok(()),
            FilePrivilege::Secure => match crate::sys::security::permitted() {
                Ok(0) => return Ok(()),
                _ => "mini has file capabilities",
            },
        };
        let error = Error::new("start").cause(cause);
        Err(error.hint(
            "every caller would get these privileges: remove them from mini's file and use sudo",
        ))
    }
}

/// A root file system in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// A file system image of this type.
    FileSystem(&'static CStr),
    /// A tar archive.
    Archive,
    /// A compressed file, which mini does not read. It may be an archive.
    Compressed(&'static Compression),
}

/// A compression format.
#[derive(Debug, PartialEq, Eq)]
pub struct Compression {
    magic: &'static [u8],
    /// Name for messages.
    pub name: &'static str,
    /// Command that lets mini read the content.
    pub remedy: &'static str,
}

/// Compression formats of tar archives, recognised by their first bytes.
static COMPRESSIONS: [Compression; 5] = [
    Compression {
        magic: b"\x1f\x8b",
        name: "compressed with gzip",
        remedy: "zcat FILE | mini run --rootfs - ...",
    },
    Compression {
        magic: b"\xfd7zXZ\0",
        name: "compressed with xz",
        remedy: "xzcat FILE | mini run --rootfs - ...",
    },
    Compression {
        magic: b"\x28\xb5\x2f\xfd",
        name: "compressed with zstd",
        remedy: "zstdcat FILE | mini run --rootfs - ...",
    },
    Compression {
        magic: b"BZh",
        name: "compressed with bzip2",
        remedy: "bzcat FILE | mini run --rootfs - ...",
    },
    Compression {
        magic: b"\x04\x22\x4d\x18",
        name: "compressed with lz4",
        remedy: "lz4cat FILE | mini run --rootfs - ...",
    },
];

/// The compression format of a file with this beginning.
pub fn compression(beginning: &[u8]) -> Option<&'static Compression> {
    COMPRESSIONS.iter().find(|format| beginning.starts_with(format.magic))
}

/// The facts a plan depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Effective user id.
    pub euid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Path by which mini's file was executed.
    pub path: &'static CStr,
    /// Id maps of the container's user namespace, if it has one.
    pub ids: IdMaps,
    /// Whether mini itself runs in a user namespace other than the initial one. Root there is not
    /// root of the machine. False when no step depends on it.
    pub in_user_namespace: bool,
    /// Whether mknod(2) makes usable device nodes. False when no step depends on it.
    pub may_make_devices: bool,
    /// Whether the user namespace allows setgroups(2) (user_namespaces(7)).
    pub may_set_groups: bool,
    /// Whether `/` is the initramfs, which pivot_root(2) cannot replace.
    pub root_is_initramfs: bool,
    /// Type of the image, if the rootfs is not a directory.
    pub image: Option<Image>,
    /// Whether the kernel can make a mount namespace from the rootfs alone (OPEN_TREE_NAMESPACE,
    /// Linux 7.0) and allows the container's mounts in it.
    pub makes_namespace: bool,
    /// Whether the kernel can clone mounts (OPEN_TREE_CLONE, Linux 5.2). Not asked without volumes.
    pub copies_mounts: bool,
    /// Whether the kernel has mount_setattr(2) (Linux 5.12). Not asked without a root directory.
    pub sets_attributes: bool,
    /// Working directory, from which relative paths start. Empty when no step depends on it.
    pub cwd: Vec<u8>,
    /// Memory of the machine in bytes. 0 when no step depends on it.
    pub memory: u64,
    /// Location of the container's cgroups.
    pub cgroups: Cgroups,
}

impl Host {
    /// Reads the facts that a plan for `spec` depends on.
    ///
    /// # Errors
    /// The root directory is missing or is the host's own root, or the limits need a cgroup and
    /// mini cannot make one.
    pub fn probe(caller: Caller, spec: &Spec) -> Result<Host> {
        let mut root_is_initramfs = false;
        let mut image = None;
        if let Some(rootfs) = spec.root.path {
            image = examine_rootfs(rootfs)?;
            let is_kept = matches!(spec.root.overlay, Some(Overlay::Kept { .. }));
            if image == Some(Image::Archive) && (is_kept || !spec.root.lowers.is_empty()) {
                let error = Error::new("rootfs").object(rootfs.to_bytes());
                return Err(error.cause("an archive cannot be a layer: it is unpacked into memory, and changes are discarded"));
            }
            root_is_initramfs = self::root_is_initramfs()?;
        }
        let copies_mounts = spec.mounts.is_empty() || crate::sys::mount::can_take_trees();
        let mut cwd = Vec::new();
        let mut memory = 0;
        if spec.root.overlay == Some(Overlay::Temporary)
            || (image.is_some() && spec.root.overlay.is_some())
            || !spec.root.lowers.is_empty()
            || !spec.security.paths.is_empty()
        {
            cwd = working_directory()?;
        }
        if spec.root.overlay.is_some()
            || image == Some(Image::Archive)
            || spec.mounts.iter().any(is_unsized_tmpfs)
        {
            memory = crate::sys::memory::total()
                .map_err(|errno| Error::new("examine memory").errno(errno))?;
        }
        let cgroups = cgroups::find(spec)?;
        // Capabilities decide, not the user id: root in a container may lack them.
        let capabilities = if caller.euid == 0 { effective_capabilities()? } else { 0 };
        let has = |capability: u8| capabilities & 1 << capability != 0;
        let ids = ids::find(&spec.security.users, caller, has(SYS_ADMIN))?;
        let user_namespace =
            if needs_initial_user_namespace(spec, &ids) { UserNamespace::own() } else { None };
        let in_user_namespace = user_namespace == Some(UserNamespace::Nested);
        let is_plain = spec.root.path.is_some() && image.is_none() && spec.root.overlay.is_none();
        // In a user namespace the kernel allows a new procfs only where one is visible already, and
        // the new mount namespace does not have the host's mounts. Hooks that run before the switch
        // of the root need the host's mounts in the container's mount namespace, too.
        let makes_namespace = is_plain
            && spec.namespaces.mount == Namespace::New
            && !spec.hooks.run_at_create()
            && copies_mounts
            && !root_is_initramfs
            // Such a one would be mounted on the host's root for a moment.
            && !spec.mounts.iter().any(is_mounted_detached)
            // A bundle may want devices and masks of the host without a /dev of its own.
            && !spec.waits_for_start
            && ids == IdMaps::None
            && crate::sys::mount::can_make_namespaces()
            && user_namespace == Some(UserNamespace::Initial);
        Ok(Host {
            euid: caller.euid,
            egid: caller.egid,
            path: caller.path,
            may_make_devices: ids == IdMaps::None && !in_user_namespace && has(MKNOD),
            may_set_groups: !(in_user_namespace && denies_groups()),
            in_user_namespace,
            ids,
            root_is_initramfs,
            image,
            makes_namespace,
            copies_mounts,
            sets_attributes: is_plain && crate::sys::mount::can_set_attributes(),
            cwd,
            memory,
            cgroups,
        })
    }
}

impl Host {
    /// Whether the child is in a user namespace: in one of its own, or in the one that mini is in.
    pub fn is_in_user_namespace(&self) -> bool {
        self.ids != IdMaps::None || self.in_user_namespace
    }

    /// Whether a group of the container is a group of the host.
    pub fn has_group(&self, group: u32) -> bool {
        match &self.ids {
            // The user namespace that mini is in may lack it.
            IdMaps::None => !self.in_user_namespace,
            IdMaps::Single | IdMaps::Joined => false,
            IdMaps::Ranges { gids, .. } => {
                gids.iter().any(|range| group >= range.inside && group - range.inside < range.count)
            }
        }
    }
}

/// The user namespace in which mini runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UserNamespace {
    /// The initial one.
    Initial,
    /// Another one.
    Nested,
}

impl UserNamespace {
    /// The inode number of the initial user namespace is fixed (PROC_USER_INIT_INO in the kernel).
    /// None without /proc: then only a failing step tells, and a nested user namespace allows no
    /// container root without /proc anyway.
    fn own() -> Option<UserNamespace> {
        const INITIAL: u64 = 0xefff_fffd;
        match fs::identity(c"/proc/self/ns/user").ok()?.inode {
            INITIAL => Some(UserNamespace::Initial),
            _ => Some(UserNamespace::Nested),
        }
    }
}

/// Opens the namespace of a process by its name in /proc/PID/ns; None when it is mini's own, or the kernel has no such
/// namespaces.
pub fn foreign_namespace(pid: i32, name: &str) -> crate::sys::Result<Option<Fd>> {
    let open = |process: i32| {
        let mut path = Text::new();
        path.str("/proc/").number(process as u64).str("/ns/").str(name);
        fs::open(path.leak(), libc::O_RDONLY, 0)
    };
    let theirs = match open(pid) {
        Err(Errno::ENOENT) => return Ok(None),
        result => result?,
    };
    let is_own = fs::identity_of(&theirs)? == fs::identity_of(&open(process::getpid())?)?;
    Ok((!is_own).then_some(theirs))
}

/// Whether mini runs in a user namespace other than the initial one. False when /proc cannot tell.
pub fn in_user_namespace() -> bool {
    UserNamespace::own() == Some(UserNamespace::Nested)
}

/// Whether the plan has steps that only root of the initial user namespace may perform.
fn needs_initial_user_namespace(spec: &Spec, ids: &IdMaps) -> bool {
    spec.root.path.is_some()
        || matches!(ids, IdMaps::Ranges { .. } | IdMaps::Joined)
        || spec.process.user.is_some()
        || spec.process.oom_score_adj.is_some()
        || !spec.security.groups.is_empty()
}

fn effective_capabilities() -> Result<capability::Set> {
    crate::sys::security::effective()
        .map_err(|errno| Error::new("examine capabilities").errno(errno))
}

/// Whether this user namespace, and so every namespace made in it, denies setgroups(2).
fn denies_groups() -> bool {
    fs::read_file(c"/proc/self/setgroups", 16).is_ok_and(|text| text.starts_with(b"deny"))
}

fn is_unsized_tmpfs(mount: &Mount) -> bool {
    let is_size = |option: &CStr| option.to_bytes().starts_with(b"size=");
    mount.is(c"tmpfs") && mount.options.data.iter().all(|option| !is_size(option))
}

fn is_mounted_detached(mount: &Mount) -> bool {
    matches!(mount.kind, Kind::FileSystem { .. }) && !mount.is(c"tmpfs")
}

/// The path of the working directory.
#[inline(never)]
pub fn working_directory() -> Result<Vec<u8>> {
    let mut buffer = [0; 4096];
    match fs::getcwd(&mut buffer) {
        Ok(path) => Ok(path.to_bytes().to_vec()),
        Err(errno) => Err(Error::new("find the working directory").errno(errno)),
    }
}

/// Finds out what the rootfs is: None for a directory, else the type of the image. The host's own
/// root is refused here, because no step would fail: the launch would succeed and the container
/// would share the host's root.
fn examine_rootfs(rootfs: &CStr) -> Result<Option<Image>> {
    if rootfs == c"-" {
        return Ok(Some(Image::Archive));
    }
    let identity = |path: &CStr| {
        fs::identity(path).map_err(|e| Error::new("rootfs").object(path.to_bytes()).errno(e))
    };
    let error = |errno| Error::new("rootfs").object(rootfs.to_bytes()).errno(errno);
    let root = identity(rootfs).map_err(|error| {
        // Nobody has directories called so, and who knows Docker writes it first.
        match rootfs.to_bytes().contains(&b':') || !rootfs.to_bytes().contains(&b'/') {
            true => error.hint(
                "mini downloads no images: docker export $(docker create IMAGE) | mini run --rootfs -",
            ),
            false => error,
        }
    })?;
    if !root.is_directory {
        // A named pipe, as of `<(tar c .)`, can be read only once, and its writer gets SIGPIPE when
        // the reader closes it. So it is not opened here.
        if fs::is_named_fifo(rootfs) {
            return Ok(Some(Image::Archive));
        }
        let file = fs::open(rootfs, libc::O_RDONLY | libc::O_NONBLOCK, 0).map_err(error)?;
        return match image_in(&file).map_err(error)? {
            Some(Image::Compressed(format)) => {
                let error = Error::new("rootfs").object(rootfs.to_bytes()).cause(format.name);
                Err(error.hint(format.remedy))
            }
            Some(image) => Ok(Some(image)),
            None => Err(error(Errno::ENOTDIR)
                .hint("nor a tar archive, nor an image of squashfs, erofs or ext4")),
        };
    }
    if root == identity(c"/")? {
        return Err(Error::new("rootfs")
            .object(rootfs.to_bytes())
            .cause("this is the host's root")
            .hint("leave --rootfs out to use the host's files"));
    }
    Ok(None)
}

/// Finds the type of an image by its first bytes. Not inlined, so that other launches do not touch
/// the stack pages of its buffer.
#[inline(never)]
pub fn image_in(file: &Fd) -> crate::sys::Result<Option<Image>> {
    let mut beginning = [0; 2048];
    let length = fs::read_full(file, &mut beginning)?;
    Ok(image_type(&beginning[..length]))
}

/// Recognises file systems by the magic number in the superblock (the kernel's magic.h): squashfs
/// at offset 0, the others in a block at 1024. Recognises tar archives by "ustar" in the header, or
/// by the header's checksum for the oldest format.
fn image_type(beginning: &[u8]) -> Option<Image> {
    let at = |offset: usize, magic: &[u8]| beginning.get(offset..)?.strip_prefix(magic).map(drop);
    if at(0, b"hsqs").is_some() {
        Some(Image::FileSystem(c"squashfs"))
    } else if at(1024, &0xe0f5_e1e2_u32.to_le_bytes()).is_some() {
        Some(Image::FileSystem(c"erofs"))
    } else if at(1024 + 56, &0xef53_u16.to_le_bytes()).is_some() {
        Some(Image::FileSystem(c"ext4"))
    } else if at(257, b"ustar").is_some() || beginning.first_chunk().is_some_and(is_tar_header) {
        Some(Image::Archive)
    } else {
        compression(beginning).map(Image::Compressed)
    }
}

/// Whether a block is a valid tar header. The header holds the sum of its bytes as an octal number;
/// the sum counts its own field as spaces. Some old programs added signed bytes.
pub fn is_tar_header(block: &[u8; 512]) -> bool {
    const FIELD: core::ops::Range<usize> = 148..156;
    let digits = block[FIELD].split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii();
    let Some(given) = crate::text::number(digits, 8) else { return false };
    let spaces = FIELD.len() as u64 * u64::from(b' ');
    let (mut sum, mut high) = (spaces, 0u64);
    for byte in block[..FIELD.start].iter().chain(&block[FIELD.end..]) {
        sum += u64::from(*byte);
        high += u64::from(*byte >> 7);
    }
    // In a block of zeros the sum would be that of the spaces: not a header.
    sum != spaces && (given == sum || given.wrapping_add(high << 8) == sum)
}

/// Whether `/` is the initramfs: a ramfs or tmpfs by its magic number, with the type "rootfs" in
/// mountinfo. A tmpfs that became the root by switch_root is an ordinary root. Without /proc the
/// answer is yes, because chroot(2) works on both.
///
/// # Errors
/// `/` cannot be examined.
pub fn root_is_initramfs() -> Result<bool> {
    let magic = fs::statfs_type(c"/").map_err(|e| Error::new("examine").object(b"/").errno(e))?;
    // The casts only adjust the constants' type, which differs by CPU.
    if magic != 0x8584_58f6 && magic != libc::TMPFS_MAGIC as u32 {
        return Ok(false);
    }
    match fs::read_file(c"/proc/self/mountinfo", 16 << 20) {
        Ok(text) => Ok(mountinfo_says_initramfs(&text)),
        Err(_) => Ok(true),
    }
}

/// proc_pid_mountinfo(5): `ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAGS...] - TYPE ...`. The
/// last line for `/` is the topmost mount.
fn mountinfo_says_initramfs(text: &[u8]) -> bool {
    let mut answer = true;
    for line in text.split(|b| *b == b'\n') {
        let mut fields = line.split(|b| *b == b' ');
        let (Some(_), Some(_), Some(_), Some(_), Some(b"/")) =
            (fields.next(), fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let fstype = fields.skip_while(|field| *field != b"-").nth(1);
        answer = fstype == Some(b"rootfs");
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_recognised_by_their_superblock() {
        let image = |offset: usize, magic: &[u8]| {
            let mut bytes = vec![0; 2048];
            bytes[offset..offset + magic.len()].copy_from_slice(magic);
            image_type(&bytes)
        };
        assert_eq!(image(0, b"hsqs"), Some(Image::FileSystem(c"squashfs")));
        assert_eq!(image(1024, &[0xe2, 0xe1, 0xf5, 0xe0]), Some(Image::FileSystem(c"erofs")));
        assert_eq!(image(1080, &[0x53, 0xef]), Some(Image::FileSystem(c"ext4")));
        assert_eq!(image(257, b"ustar"), Some(Image::Archive));
        let mut header = [0; 2048];
        header[..4].copy_from_slice(b"name");
        header[148..156].copy_from_slice(b"001241\0 ");
        assert_eq!(image_type(&header), Some(Image::Archive));
        header[0] += 1;
        assert_eq!(image_type(&header), None);
        for (magic, name) in
            [(&b"\x1f\x8b\x08"[..], "gzip"), (b"\xfd7zXZ\0", "xz"), (b"BZh9", "bzip2")]
        {
            let Some(Image::Compressed(format)) = image(0, magic) else { panic!("{name}") };
            assert!(format.name.ends_with(name));
        }
        assert_eq!(image(0, b"\x7fELF"), None);
        assert_eq!(image_type(b"hsq"), None);
        assert_eq!(image_type(b""), None);
    }

    #[test]
    fn an_initramfs_differs_from_a_tmpfs_root() {
        let initramfs =
            b"1 1 0:2 / / rw - rootfs rootfs rw,size=1k\n22 1 0:21 / /proc rw - proc p rw\n";
        assert!(mountinfo_says_initramfs(initramfs));
        let tmpfs = b"25 1 0:22 / / rw,relatime shared:1 - tmpfs tmpfs rw\n";
        assert!(!mountinfo_says_initramfs(tmpfs));
        let covered = b"1 1 0:2 / / rw - rootfs rootfs rw\n25 1 0:22 / / rw - tmpfs tmpfs rw\n";
        assert!(!mountinfo_says_initramfs(covered));
        assert!(mountinfo_says_initramfs(b""));
    }
}
