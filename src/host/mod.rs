//! What this machine and the caller are: facts, each read at most once and only when the spec
//! needs it. What the kernel can tell by refusing a step is not asked for beforehand.

pub mod cgroups;
pub mod ids;

use crate::error::{Error, Result};
use crate::spec::Spec;
use crate::spec::capability::{self, MKNOD, SYS_ADMIN};
use crate::spec::mounts::{Kind, Overlay, Tmpfs, Volume};
use crate::sys::memory::Program;
use crate::sys::{Errno, Fd, fs};
use alloc::vec::Vec;
use cgroups::Cgroups;
use core::ffi::CStr;
use ids::IdMaps;

/// Who called mini; the kernel hands this to every program (getauxval(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Effective user id.
    pub euid: u32,
    /// Effective group id.
    pub egid: u32,
    /// What mini's file gave it that its caller does not have.
    pub gain: FilePrivilege,
    /// The path by which mini's file was executed.
    pub path: &'static CStr,
    /// Where mini itself lies in memory.
    pub program: Program,
}

/// What a program's file can give to whoever runs it (execve(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilePrivilege {
    /// Nothing.
    Nothing,
    /// Another user or group.
    SetId,
    /// Something that only the capabilities tell, or nothing: the kernel asks for care (AT_SECURE).
    Secure,
}

impl Caller {
    /// Who may run mini decides what mini does for them: to serve everybody as root is nothing that an
    /// option could make safe, so it is refused, before anything is opened.
    ///
    /// # Errors
    /// When mini is set-user-id or set-group-id, or has file capabilities that its caller has not.
    pub fn check(&self) -> Result<()> {
        let cause = match self.gain {
            FilePrivilege::Nothing => return Ok(()),
            FilePrivilege::SetId => {
                "mini is set-user-id or set-group-id, or its caller is half another user"
            }
            // For root there are none; and a security module asks for care, too, when it gives a
            // program a label of its own.
            FilePrivilege::Secure if self.euid == 0 => return Ok(()),
            FilePrivilege::Secure => match crate::sys::security::permitted() {
                Ok(0) => return Ok(()),
                _ => "mini has file capabilities",
            },
        };
        let error = Error::new("start").cause(cause);
        Err(error
            .hint("it would lend its rights to everybody: take them from its file; run it by sudo"))
    }
}

/// A root in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// A file system of this type.
    FileSystem(&'static CStr),
    /// A tar archive.
    Archive,
    /// Perhaps an archive, but compressed, which mini does not read.
    Compressed(&'static Compression),
}

/// A format of compressed files.
#[derive(Debug, PartialEq, Eq)]
pub struct Compression {
    magic: &'static [u8],
    /// What it is.
    pub name: &'static str,
    /// How mini gets what is in it.
    pub remedy: &'static str,
}

/// Those that tar archives come in, by the bytes they begin with.
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

/// The format of a compressed file, by how it begins.
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
    /// The path by which mini's file was executed.
    pub path: &'static CStr,
    /// Whose ids the container's are: with some of its own everything happens in a user namespace.
    pub ids: IdMaps,
    /// Whether mini itself is in a user namespace other than the machine's first: root there is not the
    /// machine's root, whatever its number. False unless it matters.
    pub in_user_namespace: bool,
    /// Whether mknod(2) makes a device node that can be used; false unless it matters.
    pub may_make_devices: bool,
    /// Whether the user namespace lets groups be set (user_namespaces(7)).
    pub may_set_groups: bool,
    /// Whether `/` is the initramfs, which pivot_root(2) cannot move away.
    pub root_is_initramfs: bool,
    /// What the rootfs is, if not a directory.
    pub image: Option<Image>,
    /// Whether the kernel makes a mount namespace of the rootfs alone (Linux 7.0), and lets what the
    /// container needs be mounted in it.
    pub makes_namespace: bool,
    /// Whether the kernel makes copies of mounts that are attached nowhere (Linux 5.2); not asked
    /// without volumes.
    pub copies_mounts: bool,
    /// Whether the kernel has mount_setattr(2) (Linux 5.12); not asked without a root directory.
    pub sets_attributes: bool,
    /// How many processors there can be, if the kernel counts how often each was too hot; not asked
    /// where nothing is masked.
    pub throttled_cpus: u32,
    /// Where relative paths begin; empty unless one matters.
    pub cwd: Vec<u8>,
    /// Bytes of memory; 0 unless it matters.
    pub memory: u64,
    /// Where the container's cgroups will be.
    pub cgroups: Cgroups,
}

impl Host {
    /// Reads what a plan for `spec` needs to know.
    ///
    /// # Errors
    /// When there is no such root directory, or it is the host's own; when there is no place for
    /// the cgroups that limits need.
    pub fn probe(caller: Caller, spec: &Spec) -> Result<Host> {
        let mut root_is_initramfs = false;
        let mut image = None;
        if let Some(rootfs) = spec.rootfs {
            image = examine_rootfs(rootfs)?;
            let is_kept = matches!(spec.overlay, Some(Overlay::Kept { .. }));
            if image == Some(Image::Archive) && (is_kept || !spec.lowers.is_empty()) {
                let error = Error::new("rootfs").object(rootfs.to_bytes());
                return Err(error.cause("an archive is unpacked into memory, not layered"));
            }
            root_is_initramfs = self::root_is_initramfs()?;
        }
        let copies_mounts = spec.volumes.is_empty() || crate::sys::mount::can_take_trees();
        let mut cwd = Vec::new();
        let mut memory = 0;
        if spec.overlay == Some(Overlay::Temporary)
            || (image.is_some() && spec.overlay.is_some())
            || !spec.lowers.is_empty()
            || !spec.security.paths.is_empty()
        {
            cwd = working_directory()?;
        }
        if spec.overlay.is_some()
            || image == Some(Image::Archive)
            || spec.volumes.iter().any(is_unsized_tmpfs)
        {
            memory = crate::sys::memory::total()
                .map_err(|errno| Error::new("examine memory").errno(errno))?;
        }
        for volume in &spec.volumes {
            match &volume.kind {
                Kind::Device(path) => check_device(path)?,
                Kind::Bind(path)
                    if volume.options.nodev.is_none()
                        && !spec.security.privileged
                        && fs::is_device(path) == Ok(true) =>
                {
                    let error = Error::new("volume").object(path.to_bytes()).cause("a device");
                    return Err(error.hint("use --device, or add the option dev"));
                }
                _ => {}
            }
        }
        let throttled_cpus = if spec.masks.unmask_all { 0 } else { cgroups::throttled_cpus() };
        let cgroups = cgroups::find(spec)?;
        // What mini may do, not the number of its user, tells what it is.
        let capabilities = if caller.euid == 0 { effective_capabilities()? } else { 0 };
        let has = |capability: u8| capabilities & 1 << capability != 0;
        let ids = ids::find(&spec.security.users, caller, has(SYS_ADMIN))?;
        let user_namespace = if asks_for_rights(spec, &ids) { UserNamespace::own() } else { None };
        let in_user_namespace = user_namespace == Some(UserNamespace::Later);
        let is_plain = spec.rootfs.is_some() && image.is_none() && spec.overlay.is_none();
        // A user namespace is shown a new /proc only where it sees one already, with the host's mounts.
        // The hooks before the switch of the root run in the container's mount namespace.
        let makes_namespace = is_plain
            && !spec.hooks.run_at_create()
            && copies_mounts
            && !root_is_initramfs
            && ids == IdMaps::None
            && crate::sys::mount::can_make_namespaces()
            && user_namespace == Some(UserNamespace::First);
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
            throttled_cpus,
            cwd,
            memory,
            cgroups,
        })
    }
}

/// Which user namespace mini is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UserNamespace {
    /// The one that the kernel starts with.
    First,
    /// One that was made later.
    Later,
}

impl UserNamespace {
    /// The first one has an inode number that never changes (the kernel's nsfs.h). None without /proc;
    /// nothing but a failing step tells then, and in a later one no root of one's own can be had
    /// without /proc anyway.
    fn own() -> Option<UserNamespace> {
        const FIRST: u64 = 0xefff_fffd;
        match fs::identity(c"/proc/self/ns/user").ok()?.inode {
            FIRST => Some(UserNamespace::First),
            _ => Some(UserNamespace::Later),
        }
    }
}

/// Whether mini is in a later user namespace than the machine's first, as far as /proc tells.
pub fn in_user_namespace() -> bool {
    UserNamespace::own() == Some(UserNamespace::Later)
}

/// Whether the plan has steps that root may do only where it is the machine's root.
fn asks_for_rights(spec: &Spec, ids: &IdMaps) -> bool {
    spec.rootfs.is_some()
        || matches!(ids, IdMaps::Ranges { .. })
        || spec.process.user.is_some()
        || spec.process.oom_score_adj.is_some()
        || !spec.security.groups.is_empty()
}

fn effective_capabilities() -> Result<capability::Set> {
    crate::sys::security::effective()
        .map_err(|errno| Error::new("examine capabilities").errno(errno))
}

/// Whether groups may not be set in this user namespace, nor in those made in it.
fn denies_groups() -> bool {
    fs::read_file(c"/proc/self/setgroups", 16).is_ok_and(|text| text.starts_with(b"deny"))
}

fn is_unsized_tmpfs(volume: &Volume) -> bool {
    matches!(volume.kind, Kind::Tmpfs(Tmpfs { size: None, .. }))
}

/// To bind anything else by `--device` would be a surprise.
fn check_device(path: &CStr) -> Result<()> {
    let error = Error::new("device").object(path.to_bytes());
    match fs::is_device(path) {
        Ok(true) => Ok(()),
        Ok(false) => Err(error.cause("not a device")),
        Err(errno) => Err(error.errno(errno)),
    }
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

/// The one fact that is asked for although a step would tell: with `/` as its own rootfs the launch
/// would go well, and the container be no container. A file is an image: its file system.
fn examine_rootfs(rootfs: &CStr) -> Result<Option<Image>> {
    if rootfs == c"-" {
        return Ok(Some(Image::Archive));
    }
    let identity = |path: &CStr| {
        fs::identity(path).map_err(|e| Error::new("rootfs").object(path.to_bytes()).errno(e))
    };
    let error = |errno| Error::new("rootfs").object(rootfs.to_bytes()).errno(errno);
    let root = identity(rootfs)?;
    if !root.is_directory {
        // What is read from a pipe, as of `<(tar c .)`, is gone; and it is opened once, or the one who writes
        // loses its reader.
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
            .cause("it is the root already")
            .hint("leave --rootfs out to use the host's files"));
    }
    Ok(None)
}

/// What image there is in a file, if any. A function of its own, as no other launch should touch the
/// memory it takes.
#[inline(never)]
pub fn image_in(file: &Fd) -> crate::sys::Result<Option<Image>> {
    let mut beginning = [0; 2048];
    let length = fs::read_full(file, &mut beginning)?;
    Ok(image_type(&beginning[..length]))
}

/// Tells a file system by the magic number in its superblock (the kernel's magic.h): squashfs has
/// it first, the others in a block at 1024. A tar archive begins with a header, which
/// has "ustar" in it, or is old and known by its sum.
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

/// Whether a block is an undamaged header of a tar archive: the sum of its bytes is in it, as an octal number
/// for which the field of the sum itself counts as spaces. Some have added up signed bytes.
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
    // A block of zeros is none: its sum would be that of the spaces.
    sum != spaces && (given == sum || given.wrapping_add(high << 8) == sum)
}

/// The initramfs is a ramfs or a tmpfs by its magic number, and by its name in mountinfo the
/// "rootfs"; a tmpfs that was mounted and switched to is an ordinary root. Without /proc nothing
/// tells the two apart, and the way that works on both is taken.
///
/// # Errors
/// When `/` cannot be examined.
pub fn root_is_initramfs() -> Result<bool> {
    let magic = fs::statfs_type(c"/").map_err(|e| Error::new("examine").object(b"/").errno(e))?;
    // The casts only change the constants' type, which differs by CPU.
    if magic != 0x8584_58f6 && magic != libc::TMPFS_MAGIC as u32 {
        return Ok(false);
    }
    match fs::read_file(c"/proc/self/mountinfo", 16 << 20) {
        Ok(text) => Ok(mountinfo_says_initramfs(&text)),
        Err(_) => Ok(true),
    }
}

/// proc_pid_mountinfo(5): `ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAGS...] - TYPE ...`.
/// The last line for `/` is the one that is seen.
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
    fn images_are_told_by_their_superblock() {
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
    fn an_initramfs_is_told_from_a_tmpfs_root() {
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
