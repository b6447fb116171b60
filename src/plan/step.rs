//! The kinds of steps: one visible act each, with its arguments ready.

use crate::spec::capability::Set;
use crate::spec::mounts::Setting;
use crate::spec::security::{PathRule, Rlimit};
use crate::spec::{Id, User};
use crate::sys::clock::SECOND;
use crate::sys::fs::Base;
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;
use libc::{
    MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT, MS_SLAVE,
    MS_STRICTATIME,
};

/// One act of the child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// Have the kernel kill this process when its parent dies.
    SetParentDeathSignal,
    /// Close every file descriptor from this one on, mini's own excepted.
    CloseRange {
        /// The first one.
        first: u32,
        /// Whether mini keeps its own, as far as they still have to serve; else the status pipe alone.
        keep: bool,
    },
    /// Make a control group; it is removed when the container has ended.
    MakeCgroup(PathAt),
    /// Put mini itself into a group that was made for that.
    MoveToCgroup(PathAt),
    /// Open the file by which the child joins a v1 group.
    OpenCgroupTasks(PathAt),
    /// Open the v2 group that the child joins, or is born in.
    OpenCgroup(PathAt),
    /// Join a cgroup that was opened.
    JoinCgroup {
        /// As which it was opened.
        number: usize,
        /// Its directory.
        path: &'static CStr,
    },
    /// See one's own groups as the top ones.
    UnshareCgroupNamespace,
    /// Write a value to a control file of the kernel.
    WriteFile {
        /// The file.
        place: PathAt,
        /// Its name in kernels that call it so.
        other: Option<&'static CStr>,
        /// The value.
        content: Text,
        /// Whether it is no error when the kernel has no such file.
        if_present: bool,
    },
    /// Mount something.
    Mount(Mount<'a>),
    /// Take a copy of what the host has mounted at a path, to put it into the container.
    OpenTree {
        /// Its number.
        number: usize,
        /// The host's path.
        source: &'a CStr,
        /// Whether what is mounted below comes along.
        recursive: bool,
        /// Whether by a copy, or by the path as long as that leads there.
        copy: bool,
    },
    /// Mount a file system where nobody sees it, to put it into the container.
    Fsmount {
        /// Its number.
        number: usize,
        /// Its type; None: as the image says.
        fstype: Option<&'a CStr>,
        /// Its options.
        settings: &'a [Setting<'a>],
        /// The host's path of the image it is in.
        image: Option<&'a CStr>,
    },
    /// Before Linux 5.2: bind what was opened for the volumes into a tmpfs that lies on the new root, where they
    /// stay in reach when the old root is gone.
    StageMounts,
    /// Let go of that tmpfs.
    UnmountStage,
    /// Attach such a copy.
    MoveMount {
        /// Its number.
        number: usize,
        /// The container's path.
        target: &'a CStr,
        /// MS_RDONLY and the like.
        flags: libc::c_ulong,
        /// MS_SLAVE or MS_PRIVATE.
        propagation: libc::c_ulong,
        /// Whether both apply to what is mounted below, too.
        recursive: bool,
        /// Whether to make what the path lacks.
        make: bool,
    },
    /// Mount memory at a path of the container.
    MountTmpfs {
        /// The container's path.
        target: &'a CStr,
        /// MS_*.
        flags: libc::c_ulong,
        /// Its size and the like.
        data: &'static CStr,
        /// Whether to make what the path lacks.
        make: bool,
    },
    /// Open a tar archive, or, with "-", take standard input for one.
    OpenArchive(&'a CStr),
    /// Unpack it into the root.
    Unpack {
        /// Whether members get their owners, and devices become devices.
        own: bool,
    },
    /// Mount the file system in a file, read-only.
    MountImage {
        /// The host's path of the file.
        image: &'a CStr,
        /// Its file system.
        fstype: &'static CStr,
        /// Where.
        target: &'static CStr,
        /// MS_NODEV or none.
        flags: libc::c_ulong,
    },
    /// Cover a file or directory of mini's own /proc or /sys, if it is there, so that it reads as empty.
    Mask(&'a CStr),
    /// Cover a file or directory anywhere in the container; it must be there.
    MaskPath(&'a CStr),
    /// Make a file or directory of mini's own /proc read-only, if it is there.
    MakeReadonly(&'a CStr),
    /// Add flags to the mount of the root and to all that is mounted below (MS_NODEV and the like). With
    /// MS_RDONLY, the root itself stays writable until [`Step::SetRootAttributes`].
    SetTreeAttributes(libc::c_ulong),
    /// Add flags to the mount of the root (MS_RDONLY and the like).
    SetRootAttributes(libc::c_ulong),
    /// Enter the new root, which lies over `/`, and keep its descriptor.
    OpenRoot,
    /// Move the file system that lies topmost on the root to its place in the container (MS_MOVE).
    MoveMountTo(&'static CStr),
    /// See that nothing lies on the root any more, so that `/..` is `/`.
    VerifyRoot,
    /// Keep mini's own program, for the container's process 1: as a read-only mount that is attached nowhere, or
    /// a sealed copy in memory.
    OpenInitProgram {
        /// Whether it has to be the copy.
        copy: bool,
        /// Where it is, if there is no /proc to tell.
        path: &'static CStr,
    },
    /// Enter a mount namespace that has a copy of this directory for its root, and nothing else.
    NewMountNamespace(&'a CStr),
    /// Make the working directory the root; the old root becomes the working directory.
    PivotRoot,
    /// The same by chroot(2), where `/` is the initramfs and stays below.
    Chroot,
    /// Let go of the old root, which is the working directory, or of what lies on it.
    UnmountOldRoot,
    /// Change the working directory.
    Chdir {
        /// To here.
        path: &'a CStr,
        /// Whether to make sure that it lies inside the root.
        inside: bool,
    },
    /// Let nodes and directories have just the permissions they are made with; the caller's
    /// mask comes back before the command runs.
    Umask,
    /// Make a character device that everybody may use.
    MakeDevice {
        /// Where.
        path: &'static CStr,
        /// Its kind.
        major: u32,
        /// Its number.
        minor: u32,
    },
    /// Make a directory that everybody may look into.
    MakeDirectory(&'static CStr),
    /// Make an empty file to bind something over.
    MakeFile(&'static CStr),
    /// Make a symbolic link.
    Symlink {
        /// What it says.
        target: &'static CStr,
        /// Where it is.
        path: &'static CStr,
    },
    /// Set the host name.
    SetHostname(&'a CStr),
    /// Bring the loopback interface up.
    BringUpLoopback,
    /// Say to the kernel which ids of the child are which outside (the parent's part).
    WriteIdMap {
        /// `uid` or `gid`.
        kind: &'static CStr,
        /// A line for each range.
        content: Text,
        /// Whether newuidmap(1) or newgidmap(1) has to say it.
        by_helper: bool,
    },
    /// Wait for the parent to have said so.
    WaitForIdMaps,
    /// Become who makes the container.
    SetIds {
        /// User.
        uid: u32,
        /// Group.
        gid: u32,
        /// Whether to leave all supplementary groups, which some user namespaces deny.
        leave_groups: bool,
    },
    /// Have a session keyring of one's own (keyrings(7)).
    JoinSessionKeyring,
    /// Let nobody but root look into this process and mini, with which it shares its memory.
    SetNotDumpable,
    /// Set a limit of each process.
    SetRlimit(Rlimit),
    /// Let no program have other capabilities than these (capabilities(7)).
    SetBoundingSet(Set),
    /// Give up all capabilities but these.
    SetCapabilities {
        /// What root keeps.
        set: Set,
        /// What others keep of it.
        added: Set,
        /// Those of them that not to have is an error.
        named: Set,
    },
    /// Have these groups beside one's own, and no others.
    SetGroups(&'a [Id<'a>]),
    /// Become a user.
    SetUser {
        /// This one.
        user: User<'a>,
        /// The groups to have beside its own, and, unless one was named, those that /etc/group
        /// says; None: leave them.
        groups: Option<&'a [Id<'a>]>,
        /// Whether to set HOME from /etc/passwd.
        find_home: bool,
        /// Whether there is something still to be done that takes capabilities.
        keep_capabilities: bool,
    },
    /// Let no program have more rights than its caller.
    SetNoNewPrivs,
    /// Take a copy of what is mounted at a path of the container, to be put there again as it is.
    OpenTreeWritable {
        /// Its number.
        number: usize,
        /// The path.
        path: &'a CStr,
        /// Whether it may be missing.
        optional: bool,
    },
    /// Make every mount of the container read-only.
    MakeMountsReadonly,
    /// Attach such a copy where it was taken.
    MoveMountWritable {
        /// Its number.
        number: usize,
        /// The path.
        path: &'a CStr,
    },
    /// Let no path be reached but these.
    Landlock(Vec<PathRule<'a>>),
    /// Open a terminal, give its outer side to the parent, and go on at it.
    OpenPseudoTerminal {
        /// Whether to show it as /dev/console.
        console: bool,
    },
    /// Leave a process behind as process 1, to collect whoever ends, and go on as its child.
    StartInit {
        /// How long others have to end when the command has, in nanoseconds.
        grace: u64,
        /// Where mini's file is, if the command can reach it by that name anyway.
        path: Option<&'static CStr>,
    },
    /// Read the command's words from the parent, and see that it is still alive.
    ReceiveArguments,
    /// Undo what the launch changed for itself, or mini's caller for mini: the dispositions of
    /// signals, and the mask of permissions, in place of which there may be another one.
    RestoreSignals {
        /// That one.
        umask: Option<u32>,
    },
    /// Put every further system call to a program.
    Seccomp {
        /// Its instructions.
        program: &'a [u64],
        /// Where it is from.
        name: &'a CStr,
    },
    /// Run the command.
    Exec(&'a CStr),
}

/// A path, and where it begins when it is a relative one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathAt {
    /// A directory of mini's own, or the working directory.
    pub base: Base,
    /// The path.
    pub path: &'static CStr,
}

/// A call of mount(2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount<'a> {
    /// A path, or a name to show for what has none.
    pub source: &'a CStr,
    /// The mount point.
    pub target: &'a CStr,
    /// The type; None for a bind or a change of propagation.
    pub fstype: Option<&'a CStr>,
    /// MS_*.
    pub flags: libc::c_ulong,
    /// Options of the file system.
    pub data: Option<&'a CStr>,
    /// Whether a missing mount point is no error.
    pub if_present: bool,
    /// Whether it is mounted over the root at first, where no name in the container can lead astray what is made
    /// in it: [`Step::MoveMountTo`] moves it to its target.
    pub over_root: bool,
}

impl Step<'_> {
    /// The act's name, as errors begin with it.
    pub fn name(&self) -> &'static str {
        match self {
            Step::SetParentDeathSignal => "set parent-death signal",
            Step::CloseRange { .. } => "close_range",
            Step::MakeCgroup(_) => "make cgroup",
            Step::MoveToCgroup(_) => "move to cgroup",
            Step::OpenCgroupTasks(_) | Step::OpenCgroup(_) => "open",
            Step::JoinCgroup { .. } => "join cgroup",
            Step::UnshareCgroupNamespace => "unshare cgroup namespace",
            Step::WriteFile { .. } => "write",
            Step::Mount(mount) => mount.name(),
            Step::OpenTree { .. } => "open_tree",
            Step::Fsmount { .. } => "fsmount",
            Step::StageMounts => "stage mounts",
            Step::UnmountStage => "unmount stage",
            Step::MoveMount { .. } => "move_mount",
            Step::MountTmpfs { .. } => "mount tmpfs",
            Step::OpenArchive(_) => "open archive",
            Step::Unpack { .. } => "unpack",
            Step::MountImage { .. } => "mount image",
            Step::Mask(_) => "mask",
            Step::MaskPath(_) => "mask path",
            Step::MakeReadonly(_) => "make read-only",
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
            Step::ReceiveArguments => "receive arguments",
            Step::RestoreSignals { .. } => "restore signals",
            Step::Seccomp { .. } => "seccomp",
            Step::Exec(_) => "exec",
        }
    }

    /// What the act is done to, as errors name it.
    pub fn object(&self, out: &mut Text) {
        match self {
            Step::MakeFile(path) | Step::MakeDevice { path, .. } => out.word(path),
            Step::MakeDirectory(path) | Step::Symlink { path, .. } => out.word(path),
            Step::MakeCgroup(place)
            | Step::MoveToCgroup(place)
            | Step::OpenCgroupTasks(place)
            | Step::OpenCgroup(place)
            | Step::WriteFile { place, .. } => out.word(place.path),
            Step::OpenTree { source, .. } => out.word(source),
            Step::Fsmount { fstype, image, .. } => out.word(image.or(*fstype).unwrap_or_default()),
            Step::MoveMount { target, .. } | Step::MountTmpfs { target, .. } => out.word(target),
            Step::OpenTreeWritable { path, .. } | Step::MoveMountWritable { path, .. } => {
                out.word(path)
            }
            Step::MountImage { image, .. } => out.word(image),
            Step::OpenArchive(path) | Step::NewMountNamespace(path) => out.word(path),
            Step::Mask(path) | Step::MaskPath(path) | Step::MakeReadonly(path) => out.word(path),
            Step::MoveMountTo(path) => out.word(path),
            Step::JoinCgroup { path, .. } => out.word(path),
            Step::Mount(mount) => out.word(mount.target),
            Step::Chdir { path, .. } => out.word(path),
            Step::SetHostname(name) => out.word(name),
            Step::CloseRange { first, .. } => out.number((*first).into()),
            Step::WriteIdMap { kind, .. } => out.word(kind),
            Step::SetIds { uid, gid, .. } => {
                out.number((*uid).into()).str(":").number((*gid).into())
            }
            Step::SetRlimit(limit) => out.str(limit.name),
            Step::SetBoundingSet(set) | Step::SetCapabilities { set, .. } => out.hex(*set),
            Step::SetGroups(groups) => ids_text(groups, out),
            Step::SetUser { user, .. } => user_text(user, out),
            Step::Seccomp { name, .. } => out.word(name),
            Step::Exec(command) => out.word(command),
            Step::SetRootAttributes(_) | Step::SetTreeAttributes(_) => out.str("/"),
            Step::SetParentDeathSignal
            | Step::UnshareCgroupNamespace
            | Step::OpenRoot
            | Step::VerifyRoot
            | Step::OpenInitProgram { .. }
            | Step::StageMounts
            | Step::UnmountStage
            | Step::WaitForIdMaps
            | Step::JoinSessionKeyring
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
            | Step::ReceiveArguments => out,
        };
    }

    /// The whole act, as plans and traces show it.
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
            Step::WriteFile { other, content, if_present, .. } => {
                if let Some(other) = other {
                    out.str(" or ").word(other);
                }
                out.str(" ").quoted(content.bytes());
                if *if_present {
                    out.str(" if present");
                }
            }
            Step::Mount(mount) => mount.describe(out),
            Step::OpenTree { number, recursive, .. } => {
                out.str(" as ").number(*number as u64);
                out.str(if *recursive { " recursive" } else { "" });
            }
            Step::Fsmount { number, settings, .. } => {
                out.str(" as ").number(*number as u64);
                for (name, value) in *settings {
                    out.str(" ").word(name);
                    if let Some(value) = value {
                        out.str("=").word(value);
                    }
                }
            }
            Step::MoveMount { number, flags, propagation, recursive, make, .. } => {
                out.str(" from ").number(*number as u64);
                describe_flags(*flags, out);
                out.str(if *propagation == libc::MS_SLAVE { " slave" } else { "" });
                out.str(if *recursive { " recursive" } else { "" });
                out.str(if *make { " create" } else { "" });
            }
            Step::MountTmpfs { flags, data, make, .. } => {
                describe_flags(*flags, out);
                out.str(" ").word(data);
                out.str(if *make { " create" } else { "" });
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
            Step::SetIds { leave_groups: false, .. } => {
                out.str(" keeping groups");
            }
            Step::SetRlimit(limit) => {
                for number in [limit.soft, limit.hard] {
                    match number {
                        u64::MAX => out.str(" unlimited"),
                        number => out.str(" ").number(number),
                    };
                }
            }
            Step::SetCapabilities { added, .. } if *added != 0 => {
                out.str(" added ").hex(*added);
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
            Step::Unpack { own } => {
                out.str(if *own { "" } else { " without owners" });
            }
            Step::MountImage { fstype, target, flags, .. } => {
                out.str(" on ").word(target).str(" type ").word(fstype);
                describe_flags(*flags, out);
            }
            Step::Symlink { target, .. } => {
                out.str(" -> ").word(target);
            }
            Step::MakeDevice { major, minor, .. } => {
                out.str(" c ").number((*major).into()).str(":").number((*minor).into());
            }
            _ => {}
        }
    }
}

impl Mount<'_> {
    fn name(&self) -> &'static str {
        match self.flags {
            flags if flags & MS_PRIVATE != 0 => "make private",
            flags if flags & MS_SLAVE != 0 => "make slave",
            flags if flags & MS_REMOUNT != 0 => "remount",
            flags if flags & MS_BIND != 0 => "bind",
            _ => "mount",
        }
    }

    fn describe(&self, out: &mut Text) {
        if self.flags & (MS_PRIVATE | MS_SLAVE | MS_REMOUNT) == 0 {
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
