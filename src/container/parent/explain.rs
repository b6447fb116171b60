//! What a failure means: the line for the user, with the cause and the remedy where they are
//! known. All such knowledge is here, as one match from (step, errno) to words.

use crate::error::Error;
use crate::host::Host;
use crate::host::ids::IdMaps;
use crate::plan::{Mount, Step};
use crate::spec::Spec;
use crate::spec::mounts::Volume;
use crate::sys::{Errno, fs};
use alloc::vec::Vec;
use core::ffi::CStr;
use libc::MS_BIND;

/// Exit statuses of a command that could not be run, as shells have them.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// What Docker and podman look for in an error of the runtime, and answer with status 127.
pub const NOT_IN_PATH: &str = "executable file not found in $PATH";

/// Why clone(2) refused.
pub fn clone_failure(errno: Errno, flags: i32, host: &Host) -> Error {
    let error = Error::new("create namespaces").errno(errno);
    let hint = match errno {
        Errno::EPERM if host.euid != 0 => user_namespace_barrier(&read_setting).unwrap_or(
            "user namespaces are denied by a seccomp filter, a security module or a chroot: \
             run as root",
        ),
        Errno::EPERM if host.ids == IdMaps::None => {
            "a seccomp filter or a security module denies them: start the container that mini is in \
             with --privileged"
        }
        Errno::EPERM => {
            "CAP_SYS_ADMIN is missing: start the container that mini is in with --privileged"
        }
        Errno::ENOSPC if host.euid != 0 => user_namespace_barrier(&read_setting)
            .unwrap_or("namespaces are nested too deep, or a user.max_*_namespaces is reached"),
        Errno::ENOSPC => "namespaces are nested too deep, or a user.max_*_namespaces is reached",
        Errno::EINVAL => lacking(flags, &|path| fs::identity(path).is_ok()),
        Errno::EAGAIN => "a limit on processes is reached",
        _ => return error,
    };
    error.hint(hint)
}

/// Which of the namespaces the kernel was built without: it shows those that it has.
fn lacking(flags: i32, is_there: &dyn Fn(&CStr) -> bool) -> &'static str {
    const NAMESPACES: [(i32, &CStr, &str); 5] = [
        (
            libc::CLONE_NEWUSER,
            c"/proc/self/ns/user",
            "the kernel was built without user namespaces: run as root",
        ),
        (
            libc::CLONE_NEWPID,
            c"/proc/self/ns/pid",
            "the kernel was built without process namespaces: add --pid host",
        ),
        (
            libc::CLONE_NEWNET,
            c"/proc/self/ns/net",
            "the kernel was built without network namespaces: add --network host",
        ),
        (
            libc::CLONE_NEWIPC,
            c"/proc/self/ns/ipc",
            "the kernel was built without ipc namespaces: add --ipc host",
        ),
        (
            libc::CLONE_NEWUTS,
            c"/proc/self/ns/uts",
            "the kernel was built without host name namespaces: add --uts host",
        ),
    ];
    let lacks = |(flag, path, _): &(i32, &CStr, &str)| flags & flag != 0 && !is_there(path);
    match NAMESPACES.iter().find(|namespace| lacks(namespace)) {
        // The one for mounts is always there: its absence is that of /proc.
        Some((.., hint)) if is_there(c"/proc/self/ns/mnt") => hint,
        _ => "the kernel was built without one of them",
    }
}

/// Why a step of the child failed; `detail` is what the child found out about it.
pub fn step_failure(step: &Step, errno: Errno, detail: &[u8], spec: &Spec, host: &Host) -> Error {
    match step {
        Step::Exec(command) | Step::FindCommand(command) => {
            return exec_failure(command, errno, detail, spec);
        }
        Step::SetUser { .. } | Step::SetGroups(_) if errno == Errno::ESRCH => {
            let group = detail == crate::container::child::rights::GROUP;
            let error = named(step, spec);
            return if group {
                error.cause("no such group in the container's /etc/group")
            } else {
                error.cause("no such user in the container's /etc/passwd")
            };
        }
        _ => {}
    }
    if let (Step::Unpack { .. }, Errno::EPROTO, Some(format)) =
        (step, errno, crate::host::compression(detail))
    {
        return Error::new(step.name()).cause(format.name).hint(format.remedy);
    }
    let mut error = named(step, spec);
    if let Step::Unpack { .. } | Step::Landlock(_) | Step::SetCapabilities { .. } = step
        && !detail.is_empty()
    {
        error = error.object(detail);
    }
    let error = error.errno(errno);
    // A namespace that was granted without its rights fails at whatever comes first.
    if host.euid != 0
        && matches!(errno, Errno::EPERM | Errno::EACCES)
        && let Some(hint) = user_namespace_barrier(&read_setting)
    {
        return error.hint(hint);
    }
    if let (Step::MoveMount { target, .. } | Step::MountTmpfs { target, .. }, Errno::EROFS) =
        (step, errno)
        && let Some(volume) = volume_above(target.to_bytes(), spec)
    {
        let mut hint = crate::text::Text::new();
        hint.str("the volume at ").word(volume.target);
        hint.str(" is read-only and lacks this path: make it in what is mounted there");
        return error.hint_text(&hint);
    }
    match hint(step, errno, detail, host) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The volume in which a path lies; the innermost one.
fn volume_above<'s, 'a>(path: &[u8], spec: &'s Spec<'a>) -> Option<&'s Volume<'a>> {
    let names = |path: &[u8]| -> Vec<Vec<u8>> {
        let names = path.split(|b| *b == b'/').filter(|name| !matches!(*name, b"" | b"."));
        names.map(Vec::from).collect()
    };
    let path = names(path);
    let depth = |volume: &&Volume| names(volume.target.to_bytes()).len();
    let volumes = spec.volumes.iter().filter(|volume| {
        let above = names(volume.target.to_bytes());
        above.len() < path.len() && path.starts_with(&above)
    });
    volumes.max_by_key(depth)
}

/// Begins the line with what the user knows the step by.
pub fn named(step: &Step, spec: &Spec) -> Error {
    match (step, spec.rootfs) {
        // Laid over "/", but known by its own name.
        (Step::Mount(Mount { target, flags, .. }), Some(rootfs))
            if flags & MS_BIND != 0 && *target == c"/" =>
        {
            Error::new("rootfs").object(rootfs.to_bytes())
        }
        (Step::Mount(Mount { fstype: Some(fstype), .. }), Some(rootfs))
            if *fstype == c"overlay" =>
        {
            Error::new("overlay").object(rootfs.to_bytes())
        }
        (Step::NewMountNamespace(rootfs), _) => Error::new("rootfs").object(rootfs.to_bytes()),
        // The way into it.
        (Step::Chdir { path, .. }, Some(rootfs)) if *path == c"/.." => {
            Error::new("rootfs").object(rootfs.to_bytes())
        }
        (Step::OpenRoot, Some(rootfs)) => Error::new("rootfs").object(rootfs.to_bytes()),
        (Step::PivotRoot | Step::Chroot, Some(rootfs)) => {
            Error::new(step.name()).object(rootfs.to_bytes())
        }
        _ => {
            let mut object = crate::text::Text::new();
            step.object(&mut object);
            match object.bytes() {
                b"" => Error::new(step.name()),
                // Quoted already.
                text => Error::new(step.name()).raw(text),
            }
        }
    }
}

fn hint(step: &Step, errno: Errno, detail: &[u8], host: &Host) -> Option<&'static str> {
    Some(match (step, errno) {
        // These say nothing of the object.
        (_, Errno::EMFILE) => "a limit on open files is reached: ulimit -n",
        (_, Errno::ENFILE) => "the machine's limit on open files is reached: fs.file-max",
        (_, Errno::ENOMEM) => "the kernel has no memory for it, or a limit on memory is reached",
        (_, Errno::EINTR) => return None,
        (Step::WriteFile { file, .. }, Errno::EPERM)
            if host.euid == 0 && file.path.to_bytes().ends_with(b"_map") =>
        {
            "root without CAP_SYS_ADMIN needs a user namespace, and to have one CAP_SETFCAP"
        }
        (Step::WriteFile { file, .. }, _) => return write_hint(file.path.to_bytes(), errno),
        (Step::WriteIdMap { by_helper: false, .. }, Errno::EPERM) if host.in_user_namespace => {
            "the user namespace that mini is in does not have all these ids itself: see \
             /proc/self/uid_map and gid_map"
        }
        (Step::WriteIdMap { .. } | Step::WaitForIdMaps, errno) => return map_hint(step, errno),
        (
            Step::OpenPseudoTerminal { .. },
            Errno::ENOENT | Errno::ENODEV | Errno::ENXIO | Errno::EIO,
        ) => "no pseudo terminals here: mount devpts on /dev/pts, and have /dev/ptmx",
        (Step::OpenPseudoTerminal { .. }, Errno::ENOSPC) => {
            "no pseudo terminal is free: kernel.pty.max"
        }
        (Step::SetRlimit(_), Errno::EPERM) => "to raise a limit takes CAP_SYS_RESOURCE outside",
        (Step::SetBoundingSet(_), Errno::EPERM) => "mini has no CAP_SETPCAP here",
        (Step::SetCapabilities { .. }, Errno::EPERM) => {
            "mini does not have it here, or the kernel does not know it"
        }
        (Step::JoinSessionKeyring, Errno::EDQUOT) => {
            "the caller has too many keys: kernel.keys.maxkeys"
        }
        (Step::JoinSessionKeyring, Errno::EPERM) => {
            "a seccomp filter denies keyctl: start the container that mini is in with --privileged"
        }
        (Step::BringUpLoopback, Errno::EPERM) => {
            "CAP_NET_ADMIN is missing: start the container that mini is in with --privileged, or add \
             --network host"
        }
        (Step::StartInit { .. }, Errno::EAGAIN) => {
            "a limit on processes is reached: process 1 and the command are two (--pids-limit, nproc)"
        }
        (Step::Seccomp { .. }, Errno::EINVAL) => {
            "not a program the kernel takes, or the kernel has no seccomp filters"
        }
        (
            Step::Seccomp { .. }
            | Step::Landlock(_)
            | Step::MakeMountsReadonly
            | Step::OpenTreeWritable { .. },
            Errno::ENOSYS,
        ) => "the kernel is too old, or built without it",
        (Step::Seccomp { .. }, Errno::EACCES) => {
            "without no-new-privileges this takes CAP_SYS_ADMIN"
        }
        (Step::Landlock(_), Errno::EOPNOTSUPP) if detail == b"version" => {
            "this kernel's Landlock cannot keep files from being cut short: that takes Linux 6.2"
        }
        (Step::Landlock(_), Errno::EOPNOTSUPP) => {
            "Landlock is not switched on: add it to the kernel's parameter lsm="
        }
        (Step::SetGroups(_) | Step::SetUser { .. }, Errno::EPERM) if host.ids == IdMaps::Single => {
            "an ordinary user has no groups to give: see --userns auto"
        }
        (Step::SetGroups(_) | Step::SetUser { .. }, Errno::EPERM) if !host.may_set_groups => {
            "the user namespace that mini is in denies setgroups"
        }
        (Step::SetGroups(_) | Step::SetUser { .. } | Step::SetIds { .. }, Errno::EPERM) => {
            "CAP_SETUID or CAP_SETGID is missing"
        }
        (Step::SetUser { .. } | Step::SetGroups(_), Errno::EMSGSIZE) => "more than 64 groups",
        (Step::SetUser { .. } | Step::SetGroups(_), Errno::EMEDIUMTYPE) => {
            "the container's /etc/passwd or /etc/group is no regular file"
        }
        (Step::SetUser { .. } | Step::SetGroups(_), Errno::EFBIG) => {
            "the container's /etc/passwd or /etc/group is longer than 16 MiB"
        }
        (Step::SetUser { .. } | Step::SetIds { .. }, Errno::EINVAL)
            if host.ids != IdMaps::Single =>
        {
            "the ids are not mapped: see --uidmap and --gidmap"
        }
        (Step::Mount(mount), Errno::EPERM)
            if mount.fstype == Some(c"proc")
                && matches!(host.ids, IdMaps::Ranges { .. })
                && !host.in_user_namespace =>
        {
            "parts of the host's /proc are covered, as in a container, and the kernel shows no \
             new one in a user namespace: uncover them, or leave out --userns and --uidmap"
        }
        (Step::Mount(mount), Errno::EPERM)
            if mount.fstype == Some(c"sysfs")
                && matches!(host.ids, IdMaps::Ranges { .. })
                && !host.in_user_namespace =>
        {
            "the kernel shows a new /sys in a user namespace only where the host has one that \
             nothing covers: mount sysfs on /sys, or leave out --userns and --uidmap"
        }
        (Step::Mount(_), Errno::EACCES | Errno::EPERM)
            if matches!(host.ids, IdMaps::Ranges { .. }) =>
        {
            "the container's users have other ids outside: what it is to reach must be open to them"
        }
        (Step::MakeCgroup(_), Errno::EROFS) => "cgroups are mounted read-only here",
        (Step::MakeCgroup(_), Errno::EACCES | Errno::EPERM) => {
            "limits need a cgroup of one's own: run as root, or name one with --cgroup-parent"
        }
        (Step::MakeCgroup(_), Errno::ENOSPC) => "the kernel has no more room for groups",
        (Step::OpenArchive(path), Errno::ENXIO) if path.to_bytes() == b"-" => {
            "standard input is the archive, so with -t the keyboard is /dev/tty, and there is none"
        }
        (Step::JoinCgroup { .. }, Errno::ENOSPC) => "the group's cpuset is empty",
        (Step::JoinCgroup { .. }, Errno::EOPNOTSUPP) => "a group above is threaded",
        (Step::Unpack { .. }, errno) => match errno {
            Errno::EBADMSG => "no tar archive, or damaged, or cut short",
            Errno::EXDEV => "the name leads out of the archive",
            Errno::EOPNOTSUPP => "mini does not understand this kind of member",
            Errno::ENOSPC => "it does not fit: an archive may take half of the machine's memory",
            Errno::EMSGSIZE => "a pax header may have a megabyte",
            Errno::E2BIG => "a file may have a million holes",
            Errno::EOVERFLOW => "its owner, group or time is a number beyond the kernel's",
            Errno::EINVAL => "its owner or group may not be mapped here: see --userns auto",
            Errno::ENOTEMPTY => "a directory with something in it has its name",
            Errno::ENOENT => "a link to a member that is not there",
            _ => return None,
        },
        (Step::Fsmount { image: None, .. }, errno) => match errno {
            Errno::ENODEV => "the kernel has no such file system",
            Errno::ENOSYS => "this needs Linux 5.2: fsopen(2)",
            Errno::EPERM => "only the owner of what it shows may mount it",
            _ => return None,
        },
        (Step::MountImage { .. } | Step::Fsmount { .. }, errno) => match errno {
            Errno::ENOSYS => "an image as a volume needs Linux 5.2: fsopen(2)",
            Errno::EPERM | Errno::EACCES => "the kernel mounts images for the machine's root only",
            Errno::ENOENT | Errno::ENXIO => "there is no loop device: /dev/loop-control",
            Errno::EBUSY => "no loop device is free",
            Errno::ENODEV => "the kernel has no such file system",
            Errno::EINVAL
            | Errno::EIO
            | Errno::EUCLEAN
            | Errno::EBADMSG
            | Errno::EFBIG
            | Errno::EOVERFLOW
            | Errno::EROFS => "it is damaged, cut short, or made for a newer kernel",
            _ => return None,
        },
        (Step::Mount(mount), errno) if mount.fstype == Some(c"overlay") => match errno {
            Errno::ENOENT => "the directory for what is written, or the kernel's own, is missing",
            Errno::EPERM => "an ordinary user may do this from Linux 5.11 on",
            Errno::ENODEV => "the kernel has no overlay file system",
            _ => {
                "what is written and the kernel's own directory must be on one file system that \
                 overlay can use, and that is not an overlay"
            }
        },
        (
            Step::MoveMount { create: false, .. } | Step::MountTmpfs { create: false, .. },
            Errno::ENOENT,
        ) => "nothing is made on the host: make it first",
        (Step::MountTmpfs { .. }, Errno::EINVAL) => {
            "uid= or gid= is not mapped in the container, or an option is out of range"
        }
        (Step::MoveMount { .. } | Step::MountTmpfs { .. }, Errno::EROFS) => {
            "the root is read-only and lacks this path: add it to the image"
        }
        (
            Step::MoveMount { create: true, .. } | Step::MountTmpfs { create: true, .. },
            Errno::EACCES,
        ) => "the root lacks this path, and mini may not make it there",
        (
            Step::MoveMount { .. } | Step::MountTmpfs { .. } | Step::OpenTreeWritable { .. },
            Errno::ELOOP,
        ) => "too many links, or one of /proc",
        (Step::MoveMount { .. }, Errno::EINVAL | Errno::ENOTDIR) => {
            "a file cannot be put on a directory, or the reverse"
        }
        (Step::OpenTree { .. }, Errno::EINVAL) if host.euid != 0 => {
            "an ordinary user cannot leave out what is mounted below: drop the option bind"
        }
        (Step::Mount(mount), Errno::EPERM)
            if mount.fstype == Some(c"proc") && host.in_user_namespace =>
        {
            "parts of /proc are covered here, as in a container, and the kernel shows no new one then: \
             start the container that mini is in with --security-opt unmask=all"
        }
        (Step::Mount(mount), Errno::EPERM) if mount.fstype == Some(c"proc") => {
            "parts of the host's /proc are covered, as in a container, and the kernel shows no \
             new one there: uncover them, or run as root"
        }
        (Step::Mount(mount), Errno::EPERM)
            if mount.fstype == Some(c"sysfs")
                && (host.ids != IdMaps::None || host.in_user_namespace) =>
        {
            "the kernel shows an ordinary user a new /sys only where the host has one that nothing \
             covers: mount sysfs on /sys"
        }
        (Step::Mount(mount), Errno::EROFS) if mount.fstype.is_some() => {
            "the root is read-only and lacks this directory: add it to the image"
        }
        (Step::Mount(_), Errno::EPERM) => "CAP_SYS_ADMIN is missing",
        (Step::Mount(mount), Errno::ENOENT) if mount.source.to_bytes().starts_with(b"dev/") => {
            "without the right to make devices the container has the host's, and this one is not there: \
             mount devtmpfs on /dev"
        }
        (Step::Mount(mount), Errno::ENODEV) if mount.fstype.is_some() => {
            "the kernel was built without this file system"
        }
        (Step::NewMountNamespace(_), Errno::EPERM) => "CAP_SYS_ADMIN or CAP_SYS_CHROOT is missing",
        (Step::PivotRoot, Errno::EINVAL) => {
            "the present root is not a mount point: mini was started inside a chroot"
        }
        (Step::Chdir { in_root: true, .. }, Errno::ELOOP) => {
            "a link of /proc, which could lead out of the root, or too many links"
        }
        (Step::Chdir { .. } | Step::OpenRoot, Errno::EACCES) => {
            "the directory, or one above it, cannot be entered by the container's user"
        }
        (Step::MoveMountTo(_), Errno::ENOTDIR | Errno::ELOOP) => {
            "in the root it is a link or a file: /proc, /sys and /dev must be directories"
        }
        (Step::MoveMountTo(_), Errno::EROFS) => {
            "the root is read-only and lacks this directory: add it to the image"
        }
        (Step::MaskPath(_), Errno::ENOENT) => "there is nothing to cover",
        (Step::OpenInitProgram { .. }, Errno::ENOENT) => {
            "--init needs mini's own file: it is gone, or there is no /proc to find it"
        }
        (Step::SetTreeAttributes(_) | Step::MoveMount { .. }, Errno::EBUSY) => {
            "somebody changes the directories that its mounts lie on"
        }
        (Step::SetUser { .. }, Errno::EINVAL) if host.euid != 0 => {
            "an ordinary user has one id in the container, 0 or the number given: use -u NUMBER"
        }
        (Step::MakeDevice { .. }, Errno::EPERM) => "CAP_MKNOD is missing",
        _ => return None,
    })
}

/// Why the kernel would not take a map.
fn map_hint(step: &Step, errno: Errno) -> Option<&'static str> {
    Some(match (step, errno) {
        (Step::WriteIdMap { by_helper: true, .. }, Errno::ENOENT) => {
            "an ordinary user needs newuidmap and newgidmap for this: install uidmap"
        }
        (_, Errno::ENOENT) => "this needs /proc mounted",
        (_, Errno::EINVAL) => "too many lines, or ranges that overlap",
        (_, Errno::EPERM) => "mini has no CAP_SETUID and CAP_SETGID here, or not over these ids",
        _ => return None,
    })
}

/// Why a control file would not take a value.
fn write_hint(path: &[u8], errno: Errno) -> Option<&'static str> {
    let file = path.split(|b| *b == b'/').next_back().unwrap_or_default();
    Some(match (file, errno) {
        (b"setgroups" | b"uid_map" | b"gid_map", Errno::ENOENT) => {
            "an ordinary user needs /proc mounted"
        }
        (b"oom_score_adj", Errno::EACCES) => "to lower it takes CAP_SYS_RESOURCE",
        (b"oom_score_adj", Errno::ENOENT) => "there is no /proc",
        (b"cgroup.subtree_control", Errno::EBUSY) => {
            "the group has members: name one without with --cgroup-parent"
        }
        (_, Errno::ENOENT)
            if file.starts_with(b"memory.memsw") || file.starts_with(b"memory.swap") =>
        {
            "the kernel does not count swap: boot it with swapaccount=1"
        }
        (_, Errno::ENOENT) if file.contains(&b'.') => "this kernel has no such setting",
        (_, Errno::EINVAL | Errno::ERANGE) if file.starts_with(b"cpu") => {
            "out of range, or more than the group above has"
        }
        (_, Errno::EINVAL) if file.contains(&b'.') => "the kernel takes no such value",
        _ => return None,
    })
}

fn exec_failure(command: &CStr, errno: Errno, detail: &[u8], spec: &Spec) -> Error {
    let error = Error::new("exec").object(command.to_bytes());
    match errno {
        Errno::ENOENT if !detail.is_empty() => error
            .cause("needs the interpreter")
            .object(detail)
            .hint("no such file in the container")
            .with_status(NOT_EXECUTABLE),
        Errno::ENOENT if !command.to_bytes().contains(&b'/') && spec.waits_for_start => {
            error.cause(NOT_IN_PATH).with_status(NOT_FOUND)
        }
        Errno::ENOENT if !command.to_bytes().contains(&b'/') => {
            error.cause("not found in PATH").with_status(NOT_FOUND)
        }
        errno @ (Errno::ENOENT | Errno::ENOTDIR) => error.errno(errno).with_status(NOT_FOUND),
        // Not the command's fault: nothing was wrong with it.
        Errno::E2BIG => {
            let bytes: usize = spec.process.args.iter().map(|word| word.count_bytes() + 1).sum();
            let env: usize = spec.process.env.iter().map(|word| word.count_bytes() + 1).sum();
            let mut hint = crate::text::Text::new();
            hint.number(bytes as u64).str(" bytes of arguments and ").number(env as u64);
            hint.str(" of environment; a quarter of the stack limit (ulimit -s) is the most");
            error.errno(Errno::E2BIG).hint_text(&hint)
        }
        Errno::ENOEXEC => error
            .errno(Errno::ENOEXEC)
            .hint("built for another CPU, or no program")
            .with_status(NOT_EXECUTABLE),
        Errno::EACCES if !spec.security.paths.is_empty() => error
            .errno(errno)
            .hint("perhaps not under a --ro-path, it or its loader and libraries")
            .with_status(NOT_EXECUTABLE),
        errno => error.errno(errno).with_status(NOT_EXECUTABLE),
    }
}

/// What keeps ordinary users from having user namespaces, by the settings that say so.
fn user_namespace_barrier(read: &dyn Fn(&CStr) -> Option<u8>) -> Option<&'static str> {
    if read(c"/proc/sys/user/max_user_namespaces") == Some(b'0') {
        return Some("user.max_user_namespaces is 0: raise it with sysctl, or run as root");
    }
    // Debian's.
    if read(c"/proc/sys/kernel/unprivileged_userns_clone") == Some(b'0') {
        return Some("kernel.unprivileged_userns_clone is 0: set it to 1, or run as root");
    }
    // Ubuntu's: the namespace is granted, but nothing may be done in it.
    if read(c"/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(b'1') {
        return Some(
            "kernel.apparmor_restrict_unprivileged_userns is 1: set it to 0, give mini an \
             AppArmor profile with 'userns,', or run as root",
        );
    }
    None
}

/// The first character of a setting.
fn read_setting(path: &CStr) -> Option<u8> {
    fs::read_file(path, 4096).ok()?.first().copied()
}

#[cfg(test)]
mod tests;
