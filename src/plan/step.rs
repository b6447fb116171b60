//! The kinds of steps. A step is one visible act with its arguments ready; most steps are one
//! system call and have its name.

use super::namespaces::CLONE_NEWTIME;
use crate::cgroup::{Set as Controllers, Version};
use crate::spec::capability::Set;
use crate::spec::mounts::Device;
use crate::spec::process::{Capabilities, IoPriority, RLIMITS, Rlimit, Scheduler};
use crate::spec::security::{PathRule, SeccompListener};
use crate::spec::{Id, User};
use crate::sys::clock::SECOND;
use crate::sys::fs::Base;
use crate::text::Text;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ffi::CStr;
use libc::{
    MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT, MS_SLAVE,
    MS_STRICTATIME,
};

/// One act of a launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// Asks the kernel to kill this process when its parent dies (PR_SET_PDEATHSIG).
    SetParentDeathSignal,
    /// Tell the kernel that the process outlives its parent (prctl(2), PR_SET_PDEATHSIG).
    ClearParentDeathSignal,
    /// Closes every file descriptor from `first` on, except those that mini still uses.
    CloseRange {
        /// The lowest file descriptor to close.
        first: u32,
        /// Whether the descriptors of later steps stay open. If not, only those needed until
        /// execve(2) stay: the status pipe, and the program and file of `--init`.
        keep: bool,
    },
    /// Makes a cgroup. The parent removes it when the container has ended.
    MakeCgroup(PathAt),
    /// Make a cgroup that may exist, and that stays.
    MakeLastingCgroup {
        /// Its directory.
        place: PathAt,
        /// Whether it is the container's own, which must have no members, or one above.
        own: bool,
    },
    /// Let a v2 cgroup pass controllers on to its children.
    EnableControllers {
        /// Its `cgroup.subtree_control`.
        place: PathAt,
        /// Controllers that have to be passed on.
        needed: Controllers,
        /// Controllers that are passed on where the kernel lets it be.
        wanted: Controllers,
    },
    /// Let a BPF program decide about the devices that a v2 cgroup can use.
    AttachDeviceProgram {
        /// The cgroup's directory.
        place: PathAt,
        /// The program.
        program: Vec<u64>,
    },
    /// Moves mini itself to a cgroup made for it (cgroup v2 allows no processes in inner cgroups).
    MoveToCgroup(PathAt),
    /// Opens the `tasks` file through which the child joins a v1 cgroup.
    OpenCgroupTasks(PathAt),
    /// Opens the v2 cgroup that the child joins or is created in (CLONE_INTO_CGROUP).
    OpenCgroup(PathAt),
    /// Joins an opened cgroup.
    JoinCgroup {
        /// Index in the plan's list of cgroups.
        number: usize,
        /// Directory of the cgroup.
        path: &'static CStr,
    },
    /// Makes a cgroup namespace: the process's own cgroups become the roots it sees.
    UnshareCgroupNamespace,
    /// Writes a value to a control file of the kernel.
    WriteFile {
        /// The control file.
        file: PathAt,
        /// The file and the value in other kernel versions, for when `file` is missing.
        alternative: Option<Box<(&'static CStr, Text)>>,
        /// The value.
        content: Text,
        /// Whether a missing file is ignored.
        if_present: bool,
    },
    /// Calls mount(2).
    Mount(Mount<'a>),
    /// Opens what the host has mounted at a path, to attach it in the container later.
    OpenTree {
        /// Number by which [`Step::MoveMount`] refers to it.
        number: usize,
        /// Path on the host.
        source: &'a CStr,
        /// Whether to include submounts.
        recursive: bool,
        /// Whether to clone the mount (OPEN_TREE_CLONE, Linux 5.2); if not, only the path is opened.
        copy: bool,
    },
    /// Mounts a file system over the root, clones that mount and unmounts it again.
    MountDetached {
        /// Number by which [`Step::MoveMount`] refers to it.
        number: usize,
        /// The call of mount(2).
        mount: Mount<'a>,
    },
    /// Mounts a file system image that is not attached anywhere (fsopen(2), fsmount(2)).
    Fsmount {
        /// Number by which [`Step::MoveMount`] refers to it.
        number: usize,
        /// Path of the image on the host.
        image: &'a CStr,
    },
    /// Before Linux 5.2: binds the opened paths into a tmpfs over the new root. There they stay
    /// reachable after the old root is unmounted.
    StageMounts,
    /// Unmounts that tmpfs.
    UnmountStage,
    /// Attaches an opened or created mount in the container.
    MoveMount {
        /// Number given to [`Step::OpenTree`], [`Step::MountDetached`] or [`Step::Fsmount`].
        number: usize,
        /// Path in the container.
        target: &'a CStr,
        /// Its attributes and propagation.
        attributes: Vec<SetAttributes>,
        /// Whether to create missing parts of the path.
        create: bool,
    },
    /// Mounts a file system at a path of the container.
    MountInside {
        /// The call of mount(2). The target is the path in the container.
        mount: Mount<'a>,
        /// Whether to create missing parts of the path.
        create: bool,
        /// Whether to copy the directory that is covered into the new file system.
        copy_up: bool,
    },
    /// Opens a tar archive; `-` is standard input.
    OpenArchive(&'a CStr),
    /// Unpacks the archive into the root.
    Unpack {
        /// Whether to set owners and make devices. If not, everything belongs to the caller.
        set_owners: bool,
    },
    /// Mounts a file system image read-only.
    MountImage {
        /// Path of the image on the host.
        image: &'a CStr,
        /// File system type.
        fstype: &'static CStr,
        /// Mount point.
        target: &'static CStr,
        /// MS_NODEV, MS_NOSUID, or 0.
        flags: libc::c_ulong,
    },
    /// Hides a path of procfs or sysfs (an OCI masked path). Skipped when the kernel has no such
    /// path. The path is looked up in the mount that mini made, not by name in the root.
    Mask(&'a CStr),
    /// Hides a path anywhere in the container.
    MaskPath {
        /// Path in the container.
        path: &'a CStr,
        /// Whether a missing path is ignored.
        if_present: bool,
    },
    /// Makes a path of procfs or sysfs read-only (an OCI read-only path). Skipped when the kernel
    /// has no such path.
    MakeReadonly(&'a CStr),
    /// Makes a path anywhere in the container read-only. Skipped when it does not exist.
    MakePathReadonly(&'a CStr),
    /// Adds flags (MS_NODEV and so on) to the root mount and its submounts. MS_RDONLY applies to
    /// the submounts only: the root stays writable until [`Step::SetRootAttributes`].
    SetTreeAttributes(libc::c_ulong),
    /// Adds flags (MS_RDONLY and so on) to the root mount alone.
    SetRootAttributes(libc::c_ulong),
    /// Opens the new root, which is mounted over `/`, and makes it the working directory.
    OpenRoot,
    /// Moves the topmost mount over the root to this directory of the container (MS_MOVE).
    MoveMountTo(&'static CStr),
    /// Fails unless `/` is the expected root and nothing is mounted over it (`/..` is `/`).
    VerifyRoot,
    /// Opens mini's own program for `--init`, as a detached read-only mount or as a sealed copy in
    /// memory, so that the container cannot write to the host's file.
    OpenInitProgram {
        /// Whether to use the sealed copy.
        copy: bool,
        /// Path of the program when there is no /proc/self/exe.
        path: &'static CStr,
    },
    /// Makes and enters a mount namespace whose root is a copy of this directory
    /// (OPEN_TREE_NAMESPACE, Linux 7.0).
    NewMountNamespace(&'a CStr),
    /// Makes the working directory the root and the old root the working directory.
    PivotRoot,
    /// Makes the working directory the root by chroot(2): an initramfs cannot be unmounted.
    Chroot,
    /// Unmounts the old root, which is the working directory.
    UnmountOldRoot,
    /// Changes the working directory.
    Chdir {
        /// The new working directory.
        path: &'a CStr,
        /// Whether the path is resolved inside the container's root.
        in_root: bool,
    },
    /// Clears the umask, so that files get the permissions mini gives them. `RestoreSignals` sets
    /// the caller's umask again.
    Umask,
    /// Makes a device node or FIFO.
    MakeDevice {
        /// The node.
        device: Device<'a>,
        /// Whether its path is resolved inside the container's root. A path that exists is left alone then.
        in_root: bool,
    },
    /// Makes a directory with mode 0755.
    MakeDirectory(&'static CStr),
    /// Makes an empty file as a target for a bind mount.
    MakeFile(&'a CStr),
    /// Makes a symbolic link.
    Symlink {
        /// What the link points to.
        target: &'a CStr,
        /// Path of the link.
        path: &'a CStr,
        /// Whether the path is resolved inside the container's root. A path that exists is left alone then.
        in_root: bool,
    },
    /// Sets attributes and propagation of a mount in the container (mount_setattr(2)).
    SetAttributes {
        /// Path in the container.
        path: &'a CStr,
        /// The attributes.
        attributes: Vec<SetAttributes>,
    },
    /// Changes the options of a file system in the container (MS_REMOUNT).
    Remount(Mount<'a>),
    /// Sets the NIS domain name.
    SetDomainname(&'a CStr),
    /// Sets the host name.
    SetHostname(&'a CStr),
    /// Brings the loopback interface up.
    BringUpLoopback,
    /// Writes the child's uid map or gid map (done by the parent).
    WriteIdMap {
        /// `uid` or `gid`.
        kind: &'static CStr,
        /// One line per range: first id inside, first id outside, count.
        content: Text,
        /// Whether newuidmap(1) or newgidmap(1) writes it.
        by_helper: bool,
    },
    /// Waits until the parent has written the id maps.
    WaitForIdMaps,
    /// Sets user and group id for the time of the launch.
    SetIds {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
        /// Whether to drop all supplementary groups. Some user namespaces deny setgroups(2).
        drop_groups: bool,
    },
    /// Makes a directory of the container with those above it, where they are missing.
    CreateDirectories(&'a CStr),
    /// Joins a namespace that exists (setns(2)).
    JoinNamespace {
        /// CLONE_NEW*
        kind: i32,
        /// The number of the file, which the parent has opened.
        number: usize,
        /// The file.
        path: &'a CStr,
        /// Whether a refusal (EPERM) is no error, as the same step comes again in another user namespace.
        if_permitted: bool,
    },
    /// Makes a new time namespace for children and for what setns(2) enters (unshare(2)).
    UnshareTimeNamespace,
    /// Enters that time namespace.
    EnterTimeNamespace,
    /// Sets a kernel parameter of one of the container's namespaces.
    SetSysctl {
        /// The name as given.
        name: &'a CStr,
        /// The file in /proc.
        path: &'static CStr,
        /// The value.
        value: &'a CStr,
    },
    /// Moves a network interface of the host into the container's network namespace (a step of the parent).
    MoveNetDevice {
        /// The name on the host.
        host_name: &'a CStr,
        /// The name in the container.
        name: &'a CStr,
    },
    /// Connects to the agent that gets the notifications of the seccomp filter.
    ConnectSeccompAgent(&'a CStr),
    /// Sets the label that a security module gives the process with the next execve(2).
    SetExecLabel {
        /// [`super::namespaces::APPARMOR`] or SELINUX.
        module: &'static CStr,
        /// What is written to the module's file.
        label: Text,
    },
    /// Joins a new session keyring (keyrings(7)).
    JoinSessionKeyring,
    /// Makes the process not dumpable: only root may read its memory and /proc files, and so those
    /// of the parent, whose memory it shares.
    SetNotDumpable,
    /// Sets a resource limit of the process.
    SetRlimit(Rlimit),
    /// Sets the scheduling policy (sched_setattr(2)).
    SetScheduler(Scheduler),
    /// Sets the I/O priority (ioprio_set(2)).
    SetIoPriority(IoPriority),
    /// Sets the NUMA memory policy (set_mempolicy(2)).
    SetMemoryPolicy {
        /// MPOL_* and MPOL_F_*
        mode: u32,
        /// A bit for each memory node.
        nodes: Vec<usize>,
    },
    /// Sets the execution domain (personality(2)).
    SetPersonality(u32),
    /// Drops every other capability from the bounding set (capabilities(7)).
    SetBoundingSet(Set),
    /// Sets the capability sets of the process, as far as mini has the capabilities.
    SetCapabilities {
        /// The sets.
        sets: Capabilities,
        /// The sets of another user than 0; None: the same.
        of_users: Option<Capabilities>,
        /// Capabilities that mini must have.
        required: Set,
    },
    /// Sets the supplementary groups.
    SetGroups(&'a [Id<'a>]),
    /// Sets user, group and supplementary groups of the command.
    SetUser {
        /// User and group.
        user: User<'a>,
        /// Supplementary groups, in addition to those in /etc/group; None: leave them unchanged.
        groups: Option<&'a [Id<'a>]>,
        /// Whether the group is one of the supplementary groups, too.
        joins_group: bool,
        /// Whether to set HOME from /etc/passwd.
        find_home: bool,
        /// Whether a later step needs capabilities (PR_SET_KEEPCAPS).
        keep_capabilities: bool,
    },
    /// Sets no_new_privs: execve(2) no longer grants privileges.
    SetNoNewPrivs,
    /// Clones what is mounted at a path of the container, to keep it writable.
    OpenTreeWritable {
        /// Number by which [`Step::MoveMountWritable`] refers to it.
        number: usize,
        /// Path in the container.
        path: &'a CStr,
        /// Whether a missing path is ignored.
        optional: bool,
    },
    /// Makes every mount of the container read-only.
    MakeMountsReadonly,
    /// Attaches the writable clone at its path again.
    MoveMountWritable {
        /// Number given to [`Step::OpenTreeWritable`].
        number: usize,
        /// Path in the container.
        path: &'a CStr,
    },
    /// Restricts file access to these paths (landlock(7)).
    Landlock(Vec<PathRule<'a>>),
    /// Opens a pseudo terminal, sends its main end to the parent and makes the other end the
    /// controlling terminal.
    OpenPseudoTerminal {
        /// Whether to bind it at /dev/console.
        console: bool,
    },
    /// Starts mini as PID 1, which reaps orphans; the launch continues in its child.
    StartInit {
        /// Time between SIGTERM and SIGKILL for the remaining processes when the command has
        /// ended, in nanoseconds.
        grace: u64,
        /// Path of mini's program if the command can reach it under this name anyway.
        path: Option<&'static CStr>,
    },
    /// Waits for the parent to run the hooks that come before the root is switched.
    WaitForHooks,
    /// Checks that the command's file is there and can be executed.
    FindCommand(&'a CStr),
    /// Reports that the container is created, waits for `mini start`, and runs the startContainer hooks.
    WaitForStart,
    /// Reads the command's arguments and environment from the parent.
    ReceiveArguments,
    /// Restores signal mask and umask for the command.
    RestoreSignals {
        /// The command's umask; None: the caller's.
        umask: Option<u32>,
    },
    /// Installs a seccomp filter.
    Seccomp {
        /// BPF instructions.
        program: &'a [u64],
        /// `built-in` or the file it was read from.
        name: &'a CStr,
        /// SECCOMP_FILTER_FLAG_*
        flags: u32,
        /// The agent that gets the notifications.
        listener: Option<&'a SeccompListener<'a>>,
    },
    /// Runs the command.
    Exec(&'a CStr),
}

/// A path and the directory from which it is resolved, if it is relative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathAt {
    /// An open directory, or the working directory.
    pub base: Base,
    /// The path.
    pub path: &'static CStr,
}

/// A call of mount_setattr(2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetAttributes {
    /// MOUNT_ATTR_* to set.
    pub set: u64,
    /// MOUNT_ATTR_* to clear.
    pub clear: u64,
    /// MS_SHARED and its like; 0 leaves the propagation.
    pub propagation: libc::c_ulong,
    /// Whether it applies to the mounts below, too.
    pub recursive: bool,
}

/// Flags of mount(2) and the attributes of mount_setattr(2) that they are.
const ATTRIBUTES: [(libc::c_ulong, u64, &str); 8] = [
    (MS_RDONLY, libc::MOUNT_ATTR_RDONLY, " ro"),
    (MS_NOSUID, libc::MOUNT_ATTR_NOSUID, " nosuid"),
    (MS_NODEV, libc::MOUNT_ATTR_NODEV, " nodev"),
    (MS_NOEXEC, libc::MOUNT_ATTR_NOEXEC, " noexec"),
    (libc::MS_NOATIME, libc::MOUNT_ATTR_NOATIME, " noatime"),
    (MS_STRICTATIME, libc::MOUNT_ATTR_STRICTATIME, " strictatime"),
    (libc::MS_NODIRATIME, libc::MOUNT_ATTR_NODIRATIME, " nodiratime"),
    // MS_NOSYMFOLLOW
    (1 << 8, libc::MOUNT_ATTR_NOSYMFOLLOW, " nosymfollow"),
];

impl SetAttributes {
    /// The call that sets and clears flags of mount(2).
    pub fn from_flags(set: u32, clear: u32) -> SetAttributes {
        // One of three, in the same bits; the kernel wants all of them cleared to set one.
        const ATIME: libc::c_ulong = libc::MS_NOATIME | MS_STRICTATIME | libc::MS_RELATIME;
        let mut call = SetAttributes::default();
        for (flag, attribute, _) in ATTRIBUTES {
            call.set |= if set & flag as u32 != 0 { attribute } else { 0 };
            call.clear |= if clear & flag as u32 != 0 { attribute } else { 0 };
        }
        if (set | clear) & ATIME as u32 != 0 {
            call.clear |= libc::MOUNT_ATTR__ATIME;
        }
        call
    }

    /// The flags of mount(2) that set and clear the same.
    pub fn flags(&self) -> (libc::c_ulong, libc::c_ulong) {
        let flags = |attributes: u64| {
            let known = ATTRIBUTES.iter().filter(|(_, attribute, _)| attributes & attribute != 0);
            known.fold(0, |flags, (flag, ..)| flags | flag)
        };
        (flags(self.set), flags(self.clear))
    }

    fn describe(&self, out: &mut Text) {
        for (flag, attribute, name) in ATTRIBUTES {
            if self.set & attribute != 0 {
                out.str(name);
            }
            if self.clear & attribute != 0 && (flag & (libc::MS_NOATIME | MS_STRICTATIME)) == 0 {
                out.str(" not").str(name);
            }
        }
        if self.clear & libc::MOUNT_ATTR__ATIME != 0 && self.set & libc::MOUNT_ATTR__ATIME == 0 {
            out.str(" relatime");
        }
        out.str(match self.propagation {
            MS_SLAVE => " slave",
            libc::MS_SHARED => " shared",
            libc::MS_UNBINDABLE => " unbindable",
            _ => "",
        });
        out.str(if self.recursive { " recursive" } else { "" });
    }
}

/// A call of mount(2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount<'a> {
    /// Source path, or the name to show in the mount table.
    pub source: &'a CStr,
    /// Mount point.
    pub target: &'a CStr,
    /// File system type; None for a bind mount or a change of propagation.
    pub fstype: Option<&'a CStr>,
    /// MS_*.
    pub flags: libc::c_ulong,
    /// Options of the file system.
    pub data: Option<&'a CStr>,
    /// Whether a missing mount point is ignored.
    pub if_present: bool,
    /// Whether it is mounted over the root first, and moved to its target by
    /// [`Step::MoveMountTo`]. Until then no name in the container's root is looked up.
    pub over_root: bool,
}

impl Step<'_> {
    /// The name of the step, as errors and plans begin with it.
    pub fn name(&self) -> &'static str {
        match self {
            Step::SetParentDeathSignal => "set parent-death signal",
            Step::ClearParentDeathSignal => "clear parent-death signal",
            Step::CloseRange { .. } => "close_range",
            Step::MakeCgroup(_) | Step::MakeLastingCgroup { .. } => "make cgroup",
            Step::EnableControllers { .. } => "enable controllers",
            Step::AttachDeviceProgram { .. } => "attach device program",
            Step::MoveToCgroup(_) => "move to cgroup",
            Step::OpenCgroupTasks(_) | Step::OpenCgroup(_) => "open",
            Step::JoinCgroup { .. } => "join cgroup",
            Step::UnshareCgroupNamespace => "unshare cgroup namespace",
            Step::WriteFile { .. } => "write",
            Step::Mount(mount) => mount.name(),
            Step::OpenTree { .. } => "open_tree",
            Step::MountDetached { .. } => "mount detached",
            Step::Fsmount { .. } => "fsmount",
            Step::StageMounts => "stage mounts",
            Step::UnmountStage => "unmount stage",
            Step::MoveMount { .. } => "move_mount",
            Step::MountInside { mount, .. } if mount.fstype == Some(c"tmpfs") => "mount tmpfs",
            Step::MountInside { .. } => "mount",
            Step::SetAttributes { .. } => "mount_setattr",
            Step::Remount(_) => "remount",
            Step::OpenArchive(_) => "open archive",
            Step::Unpack { .. } => "unpack",
            Step::MountImage { .. } => "mount image",
            Step::Mask(_) => "mask",
            Step::MaskPath { .. } => "mask path",
            Step::MakeReadonly(_) => "make read-only",
            Step::MakePathReadonly(_) => "make path read-only",
            Step::SetTreeAttributes(_) => "mount_setattr",
            Step::OpenRoot => "open root",
            Step::MoveMountTo(_) => "move mount to",
            Step::VerifyRoot => "verify root",
            Step::OpenInitProgram { .. } => "open init program",
            Step::SetRootAttributes(_) => "mount_setattr",
            Step::NewMountNamespace(_) => "new mount namespace",
            Step::PivotRoot => "pivot_root",
            Step::Chroot => "chroot",
            Step::UnmountOldRoot => "unmount old root",
            Step::Chdir { .. } => "chdir",
            Step::Umask => "umask 0",
            Step::MakeDevice { .. } => "mknod",
            Step::MakeDirectory(_) => "mkdir",
            Step::MakeFile(_) => "make file",
            Step::Symlink { .. } => "symlink",
            Step::SetHostname(_) => "sethostname",
            Step::SetDomainname(_) => "setdomainname",
            Step::CreateDirectories(_) => "mkdir -p",
            Step::MoveNetDevice { .. } => "move interface",
            Step::ConnectSeccompAgent(_) => "connect seccomp agent",
            Step::JoinNamespace { .. } => "setns",
            Step::UnshareTimeNamespace => "unshare time namespace",
            Step::EnterTimeNamespace => "setns time namespace",
            Step::SetSysctl { .. } => "sysctl",
            Step::SetExecLabel { .. } => "exec label",
            Step::SetScheduler(_) => "sched_setattr",
            Step::SetIoPriority(_) => "ioprio_set",
            Step::SetMemoryPolicy { .. } => "set_mempolicy",
            Step::SetPersonality(_) => "personality",
            Step::BringUpLoopback => "bring up loopback",
            Step::WriteIdMap { .. } => "write id map",
            Step::WaitForIdMaps => "wait for id maps",
            Step::SetIds { .. } => "set ids",
            Step::JoinSessionKeyring => "join session keyring",
            Step::SetNotDumpable => "set not dumpable",
            Step::SetRlimit(_) => "setrlimit",
            Step::SetBoundingSet(_) => "set bounding set",
            Step::SetCapabilities { .. } => "set capabilities",
            Step::SetGroups(_) => "setgroups",
            Step::SetUser { .. } => "set user",
            Step::SetNoNewPrivs => "set no_new_privs",
            Step::OpenTreeWritable { .. } => "open_tree writable",
            Step::MakeMountsReadonly => "make mounts read-only",
            Step::MoveMountWritable { .. } => "move_mount writable",
            Step::Landlock(_) => "landlock",
            Step::OpenPseudoTerminal { .. } => "open pseudo terminal",
            Step::StartInit { .. } => "start init",
            Step::WaitForHooks => "wait for hooks",
            Step::FindCommand(_) => "find command",
            Step::WaitForStart => "wait for start",
            Step::ReceiveArguments => "receive arguments",
            Step::RestoreSignals { .. } => "restore signals",
            Step::Seccomp { .. } => "seccomp",
            Step::Exec(_) => "exec",
        }
    }

    /// Appends the object of the step, as errors name it.
    pub fn object(&self, out: &mut Text) {
        match self {
            Step::MakeFile(path) => out.word(path),
            Step::MakeDevice { device, .. } => out.word(device.path),
            Step::SetAttributes { path, .. } => out.word(path),
            Step::Remount(mount) => out.word(mount.target),
            Step::MakeDirectory(path) | Step::Symlink { path, .. } => out.word(path),
            Step::MakeCgroup(at)
            | Step::MoveToCgroup(at)
            | Step::OpenCgroupTasks(at)
            | Step::OpenCgroup(at)
            | Step::MakeLastingCgroup { place: at, .. }
            | Step::EnableControllers { place: at, .. }
            | Step::AttachDeviceProgram { place: at, .. }
            | Step::WriteFile { file: at, .. } => out.word(at.path),
            Step::OpenTree { source, .. } => out.word(source),
            Step::MountDetached { mount, .. } => out.word(mount.fstype.unwrap_or_default()),
            Step::Fsmount { image, .. } => out.word(image),
            Step::MoveMount { target, .. } => out.word(target),
            Step::MountInside { mount, .. } => out.word(mount.target),
            Step::OpenTreeWritable { path, .. } | Step::MoveMountWritable { path, .. } => {
                out.word(path)
            }
            Step::MountImage { image, .. } => out.word(image),
            Step::OpenArchive(path) | Step::NewMountNamespace(path) => out.word(path),
            Step::Mask(path) | Step::MaskPath { path, .. } => out.word(path),
            Step::MakeReadonly(path) | Step::MakePathReadonly(path) => out.word(path),
            Step::MoveMountTo(path) => out.word(path),
            Step::JoinCgroup { path, .. } => out.word(path),
            Step::Mount(mount) => out.word(mount.target),
            Step::Chdir { path, .. } => out.word(path),
            Step::SetHostname(name) | Step::SetDomainname(name) => out.word(name),
            Step::SetSysctl { name, .. } => out.word(name),
            Step::MoveNetDevice { host_name, .. } => out.word(host_name),
            Step::CreateDirectories(path) | Step::ConnectSeccompAgent(path) => out.word(path),
            Step::JoinNamespace { kind, path, .. } => {
                out.str(namespace_name(*kind)).str(" ").word(path)
            }
            Step::SetExecLabel { module, label } => out.word(module).str(" ").quoted(label.bytes()),
            Step::SetScheduler(scheduler) => out.str("policy ").number(scheduler.policy.into()),
            Step::SetIoPriority(priority) => out.str("class ").number(priority.class.into()),
            Step::SetMemoryPolicy { mode, .. } => out.str("mode ").number((*mode).into()),
            Step::SetPersonality(personality) => out.hex((*personality).into()),
            Step::CloseRange { first, .. } => out.number((*first).into()),
            Step::WriteIdMap { kind, .. } => out.word(kind),
            Step::SetIds { uid, gid, .. } => {
                out.number((*uid).into()).str(":").number((*gid).into())
            }
            Step::SetRlimit(limit) => out.str(RLIMITS.get(limit.resource as usize).unwrap_or(&"?")),
            Step::SetBoundingSet(set) => out.hex(*set),
            Step::SetCapabilities { sets, .. } => out.hex(sets.permitted),
            Step::SetGroups(groups) => ids_text(groups, out),
            Step::SetUser { user, .. } => user_text(user, out),
            Step::Seccomp { name, .. } => out.word(name),
            Step::Exec(command) | Step::FindCommand(command) => out.word(command),
            Step::SetRootAttributes(_) | Step::SetTreeAttributes(_) => out.str("/"),
            Step::SetParentDeathSignal
            | Step::ClearParentDeathSignal
            | Step::UnshareCgroupNamespace
            | Step::OpenRoot
            | Step::VerifyRoot
            | Step::OpenInitProgram { .. }
            | Step::StageMounts
            | Step::UnmountStage
            | Step::WaitForIdMaps
            | Step::JoinSessionKeyring
            | Step::UnshareTimeNamespace
            | Step::EnterTimeNamespace
            | Step::SetNotDumpable
            | Step::SetNoNewPrivs
            | Step::MakeMountsReadonly
            | Step::Landlock(_)
            | Step::OpenPseudoTerminal { .. }
            | Step::StartInit { .. }
            | Step::RestoreSignals { .. }
            | Step::Unpack { .. }
            | Step::PivotRoot
            | Step::Chroot
            | Step::UnmountOldRoot
            | Step::Umask
            | Step::BringUpLoopback
            | Step::WaitForHooks
            | Step::WaitForStart
            | Step::ReceiveArguments => out,
        };
    }

    /// Appends the whole step, as plans and traces show it.
    pub fn describe(&self, out: &mut Text) {
        out.str(self.name());
        let before = out.bytes().len();
        out.str(" ");
        let object = out.bytes().len();
        self.object(out);
        if out.bytes().len() == object {
            out.truncate(before);
        }
        match self {
            Step::WriteFile { alternative, content, if_present, .. } => {
                out.str(" ").quoted(content.bytes());
                if let Some(other) = alternative {
                    out.str(" or ").word(other.0).str(" ").quoted(other.1.bytes());
                }
                if *if_present {
                    out.str(" if present");
                }
            }
            Step::MakeLastingCgroup { own, .. } => {
                out.str(if *own { "" } else { " if missing" });
            }
            Step::EnableControllers { needed, wanted, .. } => {
                describe_controllers(*needed, " ", out);
                describe_controllers(*wanted, " if possible ", out);
            }
            Step::AttachDeviceProgram { program, .. } => {
                out.str(" of ").number(program.len() as u64).str(" instructions");
            }
            Step::Mount(mount) => mount.describe(out),
            Step::OpenTree { number, recursive, .. } => {
                out.str(" as ").number(*number as u64);
                out.str(if *recursive { " recursive" } else { "" });
            }
            Step::MountDetached { number, mount } => {
                out.str(" as ").number(*number as u64);
                if Some(mount.source) != mount.fstype {
                    out.str(" from ").word(mount.source);
                }
                describe_flags(mount.flags, out);
                if let Some(data) = mount.data {
                    out.str(" ").word(data);
                }
            }
            Step::Fsmount { number, .. } => {
                out.str(" as ").number(*number as u64);
            }
            Step::MoveMount { number, attributes, create, .. } => {
                out.str(" from ").number(*number as u64);
                attributes.iter().for_each(|call| call.describe(out));
                out.str(if *create { " create" } else { "" });
            }
            Step::MountInside { mount, create, copy_up } => {
                if mount.fstype == Some(c"tmpfs") {
                    describe_flags(mount.flags, out);
                    out.str(" ").word(mount.data.unwrap_or_default());
                } else {
                    mount.describe(out);
                }
                out.str(if *copy_up { " copy up" } else { "" });
                out.str(if *create { " create" } else { "" });
            }
            Step::MaskPath { if_present: true, .. } => {
                out.str(" if present");
            }
            Step::OpenTreeWritable { number, optional, .. } => {
                out.str(" as ").number(*number as u64);
                out.str(if *optional { " if present" } else { "" });
            }
            Step::MoveMountWritable { number, .. } => {
                out.str(" from ").number(*number as u64);
            }
            Step::SetRootAttributes(flags) => describe_flags(*flags, out),
            Step::SetTreeAttributes(flags) => describe_flags(*flags | MS_REC, out),
            Step::CloseRange { keep: true, .. } => {
                out.str(" except mini's");
            }
            Step::OpenInitProgram { copy: true, .. } => {
                out.str(" as sealed copy");
            }
            Step::WriteIdMap { kind, content, by_helper } => {
                out.str(" ").quoted(content.bytes());
                if *by_helper {
                    out.str(" by new").word(kind).str("map");
                }
            }
            Step::SetIds { drop_groups: false, .. } => {
                out.str(" keeping groups");
            }
            Step::JoinNamespace { if_permitted: true, .. } => {
                out.str(" if permitted");
            }
            Step::MoveNetDevice { host_name, name } if host_name != name => {
                out.str(" as ").word(name);
            }
            Step::SetSysctl { value, .. } => {
                out.str(" ").word(value);
            }
            Step::SetScheduler(scheduler) => {
                let Scheduler { nice, priority, flags, runtime, deadline, period, .. } = *scheduler;
                let sign = if nice < 0 { " nice -" } else { " nice " };
                for (name, number) in [
                    (sign, u64::from(nice.unsigned_abs())),
                    (" priority ", priority.into()),
                    (" flags ", flags.into()),
                    (" runtime ", runtime),
                    (" deadline ", deadline),
                    (" period ", period),
                ] {
                    if number != 0 {
                        out.str(name).number(number);
                    }
                }
            }
            Step::SetIoPriority(priority) => {
                out.str(" priority ").number(priority.priority.into());
            }
            Step::SetMemoryPolicy { nodes, .. } => {
                for word in nodes.iter().rev() {
                    out.str(" nodes ").hex(*word as u64);
                }
            }
            Step::SetRlimit(limit) => {
                for number in [limit.soft, limit.hard] {
                    match number {
                        u64::MAX => out.str(" unlimited"),
                        number => out.str(" ").number(number),
                    };
                }
            }
            Step::SetCapabilities { sets, of_users, .. } => {
                for (name, set, usual) in [
                    (" effective ", sets.effective, sets.permitted),
                    (" inheritable ", sets.inheritable, 0),
                    (" ambient ", sets.ambient, 0),
                ] {
                    if set != usual {
                        out.str(name).hex(set);
                    }
                }
                if let Some(sets) = of_users.filter(|sets| sets.hold_any()) {
                    out.str(" added ").hex(sets.permitted);
                }
            }
            Step::SetUser { groups, .. } if groups.is_some_and(|groups| !groups.is_empty()) => {
                ids_text(groups.unwrap_or_default(), out.str(" and "));
            }
            Step::Landlock(rules) => {
                for rule in rules {
                    out.str(if rule.writable { " rw " } else { " ro " }).word(rule.path);
                }
            }
            Step::OpenPseudoTerminal { console: true } => {
                out.str(" as /dev/console");
            }
            Step::StartInit { grace, .. } => {
                out.str(" grace ").number(grace / SECOND).str(" s");
            }
            Step::RestoreSignals { umask: Some(umask) } => {
                out.str(" umask ").octal(*umask);
            }
            Step::Unpack { set_owners } => {
                out.str(if *set_owners { "" } else { " without owners" });
            }
            Step::MountImage { fstype, target, flags, .. } => {
                out.str(" on ").word(target).str(" type ").word(fstype);
                describe_flags(*flags, out);
            }
            Step::Symlink { target, in_root, .. } => {
                out.str(" -> ").word(target);
                out.str(if *in_root { " in root" } else { "" });
            }
            Step::MakeDevice { device, in_root } => {
                out.str(match device.kind {
                    libc::S_IFBLK => " b ",
                    libc::S_IFIFO => " p ",
                    _ => " c ",
                });
                out.number(device.major.into()).str(":").number(device.minor.into());
                if let Some(mode) = device.file_mode.filter(|mode| mode & 0o7777 != 0o666) {
                    out.str(" mode ").octal(mode & 0o7777);
                }
                for (name, id) in [(" uid ", device.uid), (" gid ", device.gid)] {
                    if let Some(id) = id.filter(|id| *id != 0) {
                        out.str(name).number(id.into());
                    }
                }
                out.str(if *in_root { " in root" } else { "" });
            }
            Step::SetAttributes { attributes, .. } => {
                attributes.iter().for_each(|call| call.describe(out));
            }
            Step::Remount(mount) => mount.describe(out),
            _ => {}
        }
    }
}

const PROPAGATION: libc::c_ulong = MS_PRIVATE | MS_SLAVE | libc::MS_SHARED | libc::MS_UNBINDABLE;

impl Mount<'_> {
    fn name(&self) -> &'static str {
        match self.flags {
            flags if flags & MS_PRIVATE != 0 => "make private",
            flags if flags & MS_SLAVE != 0 => "make slave",
            flags if flags & libc::MS_SHARED != 0 => "make shared",
            flags if flags & libc::MS_UNBINDABLE != 0 => "make unbindable",
            flags if flags & MS_REMOUNT != 0 => "remount",
            flags if flags & MS_BIND != 0 => "bind",
            _ => "mount",
        }
    }

    fn describe(&self, out: &mut Text) {
        if self.flags & (PROPAGATION | MS_REMOUNT) == 0 {
            out.str(" from ").word(self.source);
        }
        if let Some(fstype) = self.fstype {
            out.str(" type ").word(fstype);
        }
        describe_flags(self.flags, out);
        if let Some(data) = &self.data {
            out.str(" ").word(data);
        }
        out.str(if self.if_present { " if present" } else { "" });
        out.str(if self.over_root { " over root" } else { "" });
    }
}

fn describe_controllers(set: Controllers, before: &str, out: &mut Text) {
    let mut before = before;
    for controller in set.iter() {
        out.str(before).str(controller.name(Version::V2));
        before = " ";
    }
}

fn describe_flags(flags: libc::c_ulong, out: &mut Text) {
    const NAMES: [(libc::c_ulong, &str); 6] = [
        (MS_RDONLY, " ro"),
        (MS_NOSUID, " nosuid"),
        (MS_NODEV, " nodev"),
        (MS_NOEXEC, " noexec"),
        (MS_STRICTATIME, " strictatime"),
        (MS_REC, " recursive"),
    ];
    for (flag, name) in NAMES {
        if flags & flag != 0 {
            out.str(name);
        }
    }
}

/// The kind of a namespace, in the words of the OCI runtime specification.
pub fn namespace_name(kind: i32) -> &'static str {
    match kind {
        libc::CLONE_NEWUSER => "user",
        libc::CLONE_NEWNS => "mount",
        libc::CLONE_NEWPID => "pid",
        libc::CLONE_NEWUTS => "uts",
        libc::CLONE_NEWIPC => "ipc",
        libc::CLONE_NEWNET => "network",
        libc::CLONE_NEWCGROUP => "cgroup",
        CLONE_NEWTIME => "time",
        _ => "unknown",
    }
}

fn user_text<'t>(user: &User, out: &'t mut Text) -> &'t mut Text {
    id_text(user.uid, out);
    if let Some(gid) = user.gid {
        out.str(":");
        id_text(gid, out);
    }
    out
}

fn ids_text<'t>(ids: &[Id], out: &'t mut Text) -> &'t mut Text {
    for (at, id) in ids.iter().enumerate() {
        out.str(if at > 0 { "," } else { "" });
        id_text(*id, out);
    }
    out
}

fn id_text(id: Id, out: &mut Text) {
    match id {
        Id::Number(number) => out.number(number.into()),
        Id::Name(name) => out.quoted(name),
    };
}
