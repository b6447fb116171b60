//! The kinds of steps: one visible act each, with its arguments ready.

use crate::spec::capability::Set;
use crate::spec::mounts::Setting;
use crate::spec::security::{PathRule, Rlimit};
use crate::spec::{Id, User, Word};
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
    DieWithParent,
    /// Close every file descriptor from this one on, mini's own excepted.
    CloseFrom {
        /// The first one.
        first: u32,
        /// Whether mini keeps its own, as far as they still have to serve; else the status pipe alone.
        keep: bool,
    },
    /// Make a control group; it is removed when the container has ended.
    MakeGroup(Place),
    /// Put mini itself into a group that was made for that.
    MoveToGroup(Place),
    /// Open the file by which the child joins a v1 group.
    OpenTasks(Place),
    /// Open the v2 group that the child joins, or is born in.
    OpenGroup(Place),
    /// Join a cgroup that was opened.
    JoinGroup {
        /// As which it was opened.
        number: usize,
        /// Its directory.
        path: &'static CStr,
    },
    /// See one's own groups as the top ones.
    NewCgroupNamespace,
    /// Write a value to a control file of the kernel.
    WriteFile {
        /// The file.
        place: Place,
        /// Its name in kernels that call it so.
        other: Option<&'static CStr>,
        /// The value.
        content: Text,
        /// Whether it is no error when the kernel has no such file.
        if_there: bool,
    },
    /// Mount something.
    Mount(Mount<'a>),
    /// Take a copy of what the host has mounted at a path, to put it into the container.
    TakeTree {
        /// Its number.
        number: usize,
        /// The host's path.
        source: Word<'a>,
        /// Whether what is mounted below comes along.
        recursive: bool,
        /// Whether by a copy, or by the path as long as that leads there.
        copy: bool,
    },
    /// Mount a file system where nobody sees it, to put it into the container.
    TakeFileSystem {
        /// Its number.
        number: usize,
        /// Its type; None: as the image says.
        fstype: Option<Word<'a>>,
        /// Its options.
        settings: &'a [Setting<'a>],
        /// The host's path of the image it is in.
        image: Option<Word<'a>>,
    },
    /// Before Linux 5.2: bind what was opened for the volumes into a tmpfs that lies on the new root, where they
    /// stay in reach when the old root is gone.
    StageVolumes,
    /// Let go of that tmpfs.
    Unstage,
    /// Attach such a copy.
    PutTree {
        /// Its number.
        number: usize,
        /// The container's path.
        target: Word<'a>,
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
    Tmpfs {
        /// The container's path.
        target: Word<'a>,
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
        image: Word<'a>,
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
    Protect(&'a CStr),
    /// Add flags to the mount of the root and to all that is mounted below (MS_NODEV and the like). With
    /// MS_RDONLY, the root itself stays writable until [`Step::RestrictRoot`].
    RestrictTree(libc::c_ulong),
    /// Add flags to the mount of the root (MS_RDONLY and the like).
    RestrictRoot(libc::c_ulong),
    /// Enter the new root, which lies over `/`, and keep its descriptor.
    EnterRoot,
    /// Move the file system that lies topmost on the root to its place in the container (MS_MOVE).
    Attach(&'static CStr),
    /// See that nothing lies on the root any more, so that `/..` is `/`.
    VerifyRoot,
    /// Keep mini's own program, for the container's process 1: as a read-only mount that is attached nowhere, or
    /// a sealed copy in memory.
    TakeProgram {
        /// Whether it has to be the copy.
        copy: bool,
    },
    /// Enter a mount namespace that has a copy of this directory for its root, and nothing else.
    EnterNamespaceOf(&'a CStr),
    /// Make the working directory the root; the old root becomes the working directory.
    PivotRoot,
    /// The same by chroot(2), where `/` is the initramfs and stays below.
    Chroot,
    /// Let go of the old root, which is the working directory, or of what lies on it.
    DetachOldRoot,
    /// Change the working directory.
    Chdir {
        /// To here.
        path: &'a CStr,
        /// Whether to make sure that it lies inside the root.
        inside: bool,
    },
    /// Let nodes and directories have just the permissions they are made with; the caller's
    /// mask comes back before the command runs.
    ClearUmask,
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
    MakeDirectory(Word<'static>),
    /// Make an empty file to bind something over.
    MakeFile(&'static CStr),
    /// Make a symbolic link.
    Symlink {
        /// What it says.
        target: Word<'static>,
        /// Where it is.
        path: Word<'static>,
    },
    /// Set the host name.
    Hostname(&'a CStr),
    /// Bring the loopback interface up.
    LoopbackUp,
    /// Say to the kernel which ids of the child are which outside (the parent's part).
    MapIds {
        /// `uid` or `gid`.
        kind: &'static CStr,
        /// A line for each range.
        content: Text,
        /// Whether newuidmap(1) or newgidmap(1) has to say it.
        by_helper: bool,
    },
    /// Wait for the parent to have said so.
    AwaitMaps,
    /// Become who makes the container.
    Become {
        /// User.
        uid: u32,
        /// Group.
        gid: u32,
        /// Whether to leave all supplementary groups, which some user namespaces deny.
        leave_groups: bool,
    },
    /// Have a session keyring of one's own (keyrings(7)).
    NewSessionKeyring,
    /// Let nobody but root look into this process and mini, with which it shares its memory.
    Undumpable,
    /// Set a limit of each process.
    Limit(Rlimit),
    /// Let no program have other capabilities than these (capabilities(7)).
    BoundCapabilities(Set),
    /// Give up all capabilities but these.
    KeepCapabilities {
        /// What root keeps.
        set: Set,
        /// What others keep of it.
        added: Set,
        /// Those of them that not to have is an error.
        named: Set,
    },
    /// Have these groups beside one's own, and no others.
    Groups(&'a [Id<'a>]),
    /// Become a user.
    User {
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
    NoNewPrivileges,
    /// Take a copy of what is mounted at a path of the container, to be put there again as it is.
    TakeWritable {
        /// Its number.
        number: usize,
        /// The path.
        path: Word<'a>,
        /// Whether it may be missing.
        optional: bool,
    },
    /// Make every mount of the container read-only.
    ReadOnlyMounts,
    /// Attach such a copy where it was taken.
    PutWritable {
        /// Its number.
        number: usize,
        /// The path.
        path: Word<'a>,
    },
    /// Let no path be reached but these.
    AllowPaths(Vec<PathRule<'a>>),
    /// Open a terminal, give its outer side to the parent, and go on at it.
    Terminal {
        /// Whether to show it as /dev/console.
        console: bool,
    },
    /// Leave a process behind as process 1, to collect whoever ends, and go on as its child.
    Init {
        /// How long others have to end when the command has, in nanoseconds.
        grace: u64,
    },
    /// Read the command's words from the parent, and see that it is still alive.
    Gate,
    /// Undo what the launch changed for itself, or mini's caller for mini: the dispositions of
    /// signals, and the mask of permissions, in place of which there may be another one.
    Restore {
        /// That one.
        umask: Option<u32>,
    },
    /// Put every further system call to a program.
    Seccomp {
        /// Its instructions.
        program: &'a [u64],
        /// Where it is from.
        name: Word<'a>,
    },
    /// Run the command.
    Exec(&'a CStr),
}

/// A path, and where it begins when it is a relative one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// A directory of mini's own, or the working directory.
    pub base: Base,
    /// The path.
    pub path: Word<'static>,
}

/// A call of mount(2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount<'a> {
    /// A path, or a name to show for what has none.
    pub source: &'a CStr,
    /// The mount point.
    pub target: Word<'a>,
    /// The type; None for a bind or a change of propagation.
    pub fstype: Option<&'a CStr>,
    /// MS_*.
    pub flags: libc::c_ulong,
    /// Options of the file system.
    pub data: Option<Word<'a>>,
    /// Whether a missing mount point is no error.
    pub if_there: bool,
    /// Whether it is mounted over the root at first, where no name in the container can lead astray what is made
    /// in it: [`Step::Attach`] moves it to its target.
    pub aside: bool,
}

impl Step<'_> {
    /// The act's name, as errors begin with it.
    pub fn name(&self) -> &'static str {
        match self {
            Step::DieWithParent => "die with parent",
            Step::CloseFrom { .. } => "close from",
            Step::MakeGroup(_) => "make group",
            Step::MoveToGroup(_) => "move to group",
            Step::OpenTasks(_) | Step::OpenGroup(_) => "open",
            Step::JoinGroup { .. } => "join group",
            Step::NewCgroupNamespace => "new cgroup namespace",
            Step::WriteFile { .. } => "write",
            Step::Mount(mount) => mount.name(),
            Step::TakeTree { .. } => "take",
            Step::TakeFileSystem { .. } => "take file system",
            Step::StageVolumes => "stage volumes",
            Step::Unstage => "unstage volumes",
            Step::PutTree { .. } => "put",
            Step::Tmpfs { .. } => "tmpfs",
            Step::OpenArchive(_) => "open archive",
            Step::Unpack { .. } => "unpack",
            Step::MountImage { .. } => "mount image",
            Step::Mask(_) | Step::MaskPath(_) => "mask",
            Step::Protect(_) => "protect",
            Step::RestrictTree(_) => "restrict tree",
            Step::EnterRoot => "enter root",
            Step::Attach(_) => "attach",
            Step::VerifyRoot => "verify root",
            Step::TakeProgram { .. } => "take program",
            Step::RestrictRoot(_) => "restrict root",
            Step::EnterNamespaceOf(_) => "new mount namespace of",
            Step::PivotRoot => "pivot_root",
            Step::Chroot => "chroot",
            Step::DetachOldRoot => "detach old root",
            Step::Chdir { .. } => "chdir",
            Step::ClearUmask => "clear umask",
            Step::MakeDevice { .. } => "mknod",
            Step::MakeDirectory(_) => "mkdir",
            Step::MakeFile(_) => "make file",
            Step::Symlink { .. } => "symlink",
            Step::Hostname(_) => "hostname",
            Step::LoopbackUp => "loopback up",
            Step::MapIds { .. } => "map",
            Step::AwaitMaps => "await maps",
            Step::Become { .. } => "become",
            Step::NewSessionKeyring => "new session keyring",
            Step::Undumpable => "undumpable",
            Step::Limit(_) => "limit",
            Step::BoundCapabilities(_) => "bound capabilities",
            Step::KeepCapabilities { .. } => "keep capabilities",
            Step::Groups(_) => "groups",
            Step::User { .. } => "user",
            Step::NoNewPrivileges => "no new privileges",
            Step::TakeWritable { .. } => "take writable",
            Step::ReadOnlyMounts => "read-only mounts",
            Step::PutWritable { .. } => "put writable",
            Step::AllowPaths(_) => "allow paths",
            Step::Terminal { .. } => "terminal",
            Step::Init { .. } => "init",
            Step::Gate => "gate",
            Step::Restore { .. } => "restore",
            Step::Seccomp { .. } => "seccomp",
            Step::Exec(_) => "exec",
        }
    }

    /// What the act is done to, as errors name it.
    pub fn object(&self, out: &mut Text) {
        match self {
            Step::MakeFile(path) | Step::MakeDevice { path, .. } => out.word(path),
            Step::MakeDirectory(path) | Step::Symlink { path, .. } => out.word(path),
            Step::MakeGroup(place)
            | Step::MoveToGroup(place)
            | Step::OpenTasks(place)
            | Step::OpenGroup(place)
            | Step::WriteFile { place, .. } => out.word(place.path),
            Step::TakeTree { source, .. } => out.word(source),
            Step::TakeFileSystem { fstype, image, .. } => {
                out.word(image.or(*fstype).unwrap_or_default())
            }
            Step::PutTree { target, .. } | Step::Tmpfs { target, .. } => out.word(target),
            Step::TakeWritable { path, .. } | Step::PutWritable { path, .. } => out.word(path),
            Step::MountImage { image, .. } => out.word(image),
            Step::OpenArchive(path) | Step::EnterNamespaceOf(path) => out.word(path),
            Step::Mask(path) | Step::MaskPath(path) | Step::Protect(path) => out.word(path),
            Step::Attach(path) => out.word(path),
            Step::JoinGroup { path, .. } => out.word(path),
            Step::Mount(mount) => out.word(mount.target),
            Step::Chdir { path, .. } => out.word(path),
            Step::Hostname(name) => out.word(name),
            Step::CloseFrom { first, .. } => out.number((*first).into()),
            Step::MapIds { kind, .. } => out.word(kind),
            Step::Become { uid, gid, .. } => {
                out.number((*uid).into()).str(":").number((*gid).into())
            }
            Step::Limit(limit) => out.str(limit.name),
            Step::BoundCapabilities(set) | Step::KeepCapabilities { set, .. } => out.hex(*set),
            Step::Groups(groups) => ids_text(groups, out),
            Step::User { user, .. } => user_text(user, out),
            Step::Seccomp { name, .. } => out.word(name),
            Step::Exec(command) => out.word(command),
            Step::DieWithParent
            | Step::NewCgroupNamespace
            | Step::RestrictRoot(_)
            | Step::RestrictTree(_)
            | Step::EnterRoot
            | Step::VerifyRoot
            | Step::TakeProgram { .. }
            | Step::StageVolumes
            | Step::Unstage
            | Step::AwaitMaps
            | Step::NewSessionKeyring
            | Step::Undumpable
            | Step::NoNewPrivileges
            | Step::ReadOnlyMounts
            | Step::AllowPaths(_)
            | Step::Terminal { .. }
            | Step::Init { .. }
            | Step::Restore { .. }
            | Step::Unpack { .. }
            | Step::PivotRoot
            | Step::Chroot
            | Step::DetachOldRoot
            | Step::ClearUmask
            | Step::LoopbackUp
            | Step::Gate => out,
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
            Step::WriteFile { other, content, if_there, .. } => {
                if let Some(other) = other {
                    out.str(" or ").word(other);
                }
                out.str(" ").quoted(content.bytes());
                if *if_there {
                    out.str(" if there");
                }
            }
            Step::Mount(mount) => mount.describe(out),
            Step::TakeTree { number, recursive, .. } => {
                out.str(" as ").number(*number as u64);
                out.str(if *recursive { " recursive" } else { "" });
            }
            Step::TakeFileSystem { number, settings, .. } => {
                out.str(" as ").number(*number as u64);
                for (name, value) in *settings {
                    out.str(" ").word(name);
                    if let Some(value) = value {
                        out.str("=").word(value);
                    }
                }
            }
            Step::PutTree { number, flags, propagation, recursive, make, .. } => {
                out.str(" from ").number(*number as u64);
                describe_flags(*flags, out);
                out.str(if *propagation == libc::MS_SLAVE { " slave" } else { "" });
                out.str(if *recursive { " recursive" } else { "" });
                out.str(if *make { " make" } else { "" });
            }
            Step::Tmpfs { flags, data, make, .. } => {
                describe_flags(*flags, out);
                out.str(" ").word(data);
                out.str(if *make { " make" } else { "" });
            }
            Step::TakeWritable { number, optional, .. } => {
                out.str(" as ").number(*number as u64);
                out.str(if *optional { " if there" } else { "" });
            }
            Step::PutWritable { number, .. } => {
                out.str(" from ").number(*number as u64);
            }
            Step::RestrictRoot(flags) | Step::RestrictTree(flags) => describe_flags(*flags, out),
            Step::CloseFrom { keep: true, .. } => {
                out.str(" but mini's");
            }
            Step::MaskPath(_) => {
                out.str(" anywhere");
            }
            Step::TakeProgram { copy: true } => {
                out.str(" as a copy");
            }
            Step::MapIds { content, by_helper, .. } => {
                out.str(" ").quoted(content.bytes());
                out.str(if *by_helper { " by helper" } else { "" });
            }
            Step::Become { leave_groups: false, .. } => {
                out.str(" with its groups");
            }
            Step::Limit(limit) => {
                for number in [limit.soft, limit.hard] {
                    match number {
                        u64::MAX => out.str(" unlimited"),
                        number => out.str(" ").number(number),
                    };
                }
            }
            Step::KeepCapabilities { added, .. } if *added != 0 => {
                out.str(" added ").hex(*added);
            }
            Step::User { groups, .. } if groups.is_some_and(|groups| !groups.is_empty()) => {
                ids_text(groups.unwrap_or_default(), out.str(" and "));
            }
            Step::AllowPaths(rules) => {
                for rule in rules {
                    out.str(if rule.writable { " rw " } else { " ro " }).word(rule.path);
                }
            }
            Step::Terminal { console: true } => {
                out.str(" and /dev/console");
            }
            Step::Init { grace } => {
                out.str(" grace ").number(grace / SECOND).str(" s");
            }
            Step::Restore { umask: Some(umask) } => {
                out.str(" umask ").octal(*umask);
            }
            Step::Unpack { own } => {
                out.str(if *own { "" } else { " as one's own" });
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
        out.str(if self.if_there { " if there" } else { "" });
        out.str(if self.aside { " aside" } else { "" });
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
