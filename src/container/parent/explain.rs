//! Turns a failed step into the error line: step, object, the kernel's error, and a hint with cause
//! and remedy where mini knows them. All hints are in this file, as one match on (step, errno).

use crate::error::Error;
use crate::host::Host;
use crate::host::ids::IdMaps;
use crate::plan::{Mount, Step};
use crate::spec::Spec;
use crate::spec::mounts::Mount as SpecMount;
use crate::sys::{Errno, fs};
use alloc::vec::Vec;
use core::ffi::CStr;
use libc::MS_BIND;

/// Exit statuses of shells for a command that cannot be executed, and for one that is not found.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Docker and podman look for this text in the runtime's error and then exit with 127.
pub const NOT_IN_PATH: &str = "executable file not found in $PATH";

/// The error for a clone(2) that failed.
pub fn clone_failure(errno: Errno, flags: i32, host: &Host) -> Error {
    let error = Error::new("create namespaces").errno(errno);
    let hint = match errno {
        Errno::EPERM if host.euid != 0 => user_namespace_barrier(&read_setting).unwrap_or(
            "a seccomp filter, a security module or a chroot denies user namespaces: run as root",
        ),
        Errno::EPERM if host.ids == IdMaps::None => {
            "a seccomp filter or a security module denies it: start the outer container with \
             --privileged"
        }
        Errno::EPERM => "CAP_SYS_ADMIN is missing: start the outer container with --privileged",
        Errno::ENOSPC if host.euid != 0 => user_namespace_barrier(&read_setting).unwrap_or(
            "too many or too deeply nested namespaces: see sysctl user.max_*_namespaces",
        ),
        Errno::ENOSPC => {
            "too many or too deeply nested namespaces: see sysctl user.max_*_namespaces"
        }
        Errno::EINVAL => lacking(flags, &|path| fs::identity(path).is_ok()),
        Errno::EAGAIN => "process limit reached: see ulimit -u and pids.max",
        _ => return error,
    };
    error.hint(hint)
}

/// Finds the requested namespace that the kernel lacks: /proc/self/ns lists those it has.
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
            "the kernel was built without pid namespaces: add --pid host",
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
            "the kernel was built without uts namespaces: add --uts host",
        ),
    ];
    let lacks = |(flag, path, _): &(i32, &CStr, &str)| flags & flag != 0 && !is_there(path);
    match NAMESPACES.iter().find(|namespace| lacks(namespace)) {
        // Every kernel has ns/mnt: if that is missing, so is /proc.
        Some((.., hint)) if is_there(c"/proc/self/ns/mnt") => hint,
        _ => "the kernel was built without one of the namespaces",
    }
}

/// The error for a step of the child that failed; `detail` is what the child reports beyond errno.
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
    // Some hosts grant a user namespace without any capability in it (see user_namespace_barrier);
    // then the first privileged step fails.
    if host.euid != 0
        && matches!(errno, Errno::EPERM | Errno::EACCES)
        && let Some(hint) = user_namespace_barrier(&read_setting)
    {
        return error.hint(hint);
    }
    if let (
        Step::MoveMount { target, .. } | Step::MountInside { mount: Mount { target, .. }, .. },
        Errno::EROFS,
    ) = (step, errno)
        && let Some(mount) = mount_above(target.to_bytes(), spec)
    {
        let mut hint = crate::text::Text::new();
        hint.str("the volume at ").word(mount.destination);
        hint.str(" is read-only and has no such path: create it in the source of the volume");
        return error.hint_text(&hint);
    }
    match hint(step, errno, detail, host) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The innermost mount of the spec that contains a path.
fn mount_above<'s, 'a>(path: &[u8], spec: &'s Spec<'a>) -> Option<&'s SpecMount<'a>> {
    let names = |path: &[u8]| -> Vec<Vec<u8>> {
        let names = path.split(|b| *b == b'/').filter(|name| !matches!(*name, b"" | b"."));
        names.map(Vec::from).collect()
    };
    let path = names(path);
    let depth = |mount: &&SpecMount| names(mount.destination.to_bytes()).len();
    let mounts = spec.mounts.iter().filter(|mount| {
        let above = names(mount.destination.to_bytes());
        above.len() < path.len() && path.starts_with(&above)
    });
    mounts.max_by_key(depth)
}

/// Begins the line with the option the user gave, where that is clearer than the step's name.
pub fn named(step: &Step, spec: &Spec) -> Error {
    match (step, spec.root.path) {
        // Mounted over "/"; the user knows it as --rootfs.
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
        // Enters the new root.
        (Step::Chdir { path, .. }, Some(rootfs)) if *path == c"/.." => {
            Error::new("rootfs").object(rootfs.to_bytes())
        }
        (Step::OpenRoot, Some(rootfs)) => Error::new("rootfs").object(rootfs.to_bytes()),
        (Step::PivotRoot | Step::Chroot, Some(rootfs)) => {
            Error::new(step.name()).object(rootfs.to_bytes())
        }
        (Step::OpenTree { source, .. }, _) => Error::new("volume").object(source.to_bytes()),
        _ => {
            let mut object = crate::text::Text::new();
            step.object(&mut object);
            match object.bytes() {
                b"" => Error::new(step.name()),
                // object() has quoted it.
                text => Error::new(step.name()).raw(text),
            }
        }
    }
}

fn hint(step: &Step, errno: Errno, detail: &[u8], host: &Host) -> Option<&'static str> {
    Some(match (step, errno) {
        // These errors are not about the object of the step.
        (_, Errno::EMFILE) => "limit on open files reached: see ulimit -n",
        (_, Errno::ENFILE) => "system-wide limit on open files reached: see sysctl fs.file-max",
        (_, Errno::ENOMEM) => "out of kernel memory, or a memory limit is reached",
        (_, Errno::EINTR) => return None,
        (Step::WriteFile { file, .. }, Errno::EPERM)
            if host.euid == 0 && file.path.to_bytes().ends_with(b"_map") =>
        {
            "root without CAP_SYS_ADMIN needs a user namespace, which takes CAP_SETFCAP"
        }
        (Step::WriteFile { file, .. }, _) => return write_hint(file.path.to_bytes(), errno),
        (Step::WriteIdMap { by_helper: false, .. }, Errno::EPERM) if host.in_user_namespace => {
            "mini's own user namespace does not map all these ids: see /proc/self/uid_map and \
             gid_map"
        }
        (Step::WriteIdMap { .. } | Step::WaitForIdMaps, errno) => return map_hint(step, errno),
        (
            Step::OpenPseudoTerminal { .. },
            Errno::ENOENT | Errno::ENODEV | Errno::ENXIO | Errno::EIO,
        ) => "no pseudo terminals: mount devpts on /dev/pts and make /dev/ptmx",
        (Step::OpenPseudoTerminal { .. }, Errno::ENOSPC) => {
            "no free pseudo terminal: see sysctl kernel.pty.max"
        }
        (Step::SetRlimit(_), Errno::EPERM) => {
            "raising a hard limit takes CAP_SYS_RESOURCE on the host"
        }
        (Step::SetBoundingSet(_), Errno::EPERM) => "CAP_SETPCAP is missing",
        (Step::JoinNamespace { .. }, Errno::EINVAL) => "the file is not a namespace of this kind",
        (Step::JoinNamespace { .. }, Errno::EPERM) => {
            "joining takes CAP_SYS_ADMIN in the user namespace that owns it"
        }
        (Step::MoveNetDevice { .. }, Errno::ENODEV) => "the host has no such interface",
        (Step::MoveNetDevice { .. }, Errno::EEXIST) => {
            "the container's network namespace has an interface of this name"
        }
        (Step::MoveNetDevice { .. }, Errno::EINVAL) => "this kind of interface cannot be moved",
        (Step::MoveNetDevice { .. }, Errno::EPERM) => "this takes CAP_NET_ADMIN on the host",
        (Step::UnshareTimeNamespace, Errno::EINVAL) => {
            "the kernel was built without time namespaces"
        }
        (Step::SetSysctl { .. }, Errno::ENOENT) => "the kernel has no such parameter",
        (Step::SetSysctl { .. }, Errno::EINVAL | Errno::ERANGE) => "the kernel refuses the value",
        (Step::SetSysctl { .. }, Errno::EACCES | Errno::EPERM | Errno::EROFS) => {
            "the kernel lets only the host's root change it"
        }
        (Step::SetExecLabel { .. }, Errno::EINVAL | Errno::ENOENT | Errno::EOPNOTSUPP) => {
            "the kernel does not have this security module enabled, or the module has no such label"
        }
        (Step::SetScheduler(_) | Step::SetIoPriority(_), Errno::EPERM) => {
            "this takes CAP_SYS_NICE on the host"
        }
        (Step::SetMemoryPolicy { .. }, Errno::ENOSYS) => "the kernel was built without NUMA",
        (Step::SetCapabilities { .. }, Errno::EPERM) => {
            "mini lacks this capability, or the kernel does not know it"
        }
        (Step::JoinSessionKeyring, Errno::EDQUOT) => {
            "the user has too many keys: see sysctl kernel.keys.maxkeys"
        }
        (Step::JoinSessionKeyring, Errno::EPERM) => {
            "a seccomp filter denies keyctl: start the outer container with --privileged"
        }
        (Step::BringUpLoopback, Errno::EPERM) => {
            "CAP_NET_ADMIN is missing: start the outer container with --privileged, or add \
             --network host"
        }
        (Step::StartInit { .. }, Errno::EAGAIN) => {
            "process limit reached: --init and the command are two processes (--pids-limit, nproc)"
        }
        (Step::Seccomp { .. }, Errno::EINVAL) => {
            "not a valid filter, or the kernel was built without seccomp filters"
        }
        (
            Step::Seccomp { .. }
            | Step::Landlock(_)
            | Step::MakeMountsReadonly
            | Step::OpenTreeWritable { .. },
            Errno::ENOSYS,
        ) => "the kernel is too old or was built without it",
        (Step::Seccomp { .. }, Errno::EACCES) => "without no_new_privs this takes CAP_SYS_ADMIN",
        (Step::Landlock(_), Errno::EOPNOTSUPP) if detail == b"version" => {
            "this kernel's Landlock cannot restrict truncate(2): that takes Linux 6.2"
        }
        (Step::Landlock(_), Errno::EOPNOTSUPP) => {
            "Landlock is disabled: add landlock to the kernel parameter lsm="
        }
        (Step::SetGroups(_) | Step::SetUser { .. }, Errno::EPERM) if host.ids == IdMaps::Single => {
            "an ordinary user cannot set groups without mapped ids: see --userns auto"
        }
        (Step::SetGroups(_) | Step::SetUser { .. }, Errno::EPERM) if !host.may_set_groups => {
            "mini's own user namespace denies setgroups"
        }
        (Step::SetGroups(_) | Step::SetUser { .. } | Step::SetIds { .. }, Errno::EPERM) => {
            "CAP_SETUID or CAP_SETGID is missing"
        }
        (Step::SetUser { .. } | Step::SetGroups(_), Errno::EMSGSIZE) => {
            "more than 64 supplementary groups"
        }
        (Step::SetUser { .. } | Step::SetGroups(_), Errno::EMEDIUMTYPE) => {
            "the container's /etc/passwd or /etc/group is not a regular file"
        }
        (Step::SetUser { .. } | Step::SetGroups(_), Errno::EFBIG) => {
            "the container's /etc/passwd or /etc/group is longer than 16 MiB"
        }
        (Step::SetUser { .. } | Step::SetIds { .. }, Errno::EINVAL)
            if host.ids != IdMaps::Single =>
        {
            "the id is not mapped: see --uidmap and --gidmap"
        }
        (Step::Mount(mount), Errno::EPERM)
            if mount.fstype == Some(c"proc")
                && matches!(host.ids, IdMaps::Ranges { .. })
                && !host.in_user_namespace =>
        {
            "something is mounted over parts of the host's /proc, so the kernel refuses a new \
             procfs in a user namespace: unmount it, or leave out --userns and --uidmap"
        }
        (Step::Mount(mount), Errno::EPERM)
            if mount.fstype == Some(c"sysfs")
                && matches!(host.ids, IdMaps::Ranges { .. })
                && !host.in_user_namespace =>
        {
            "in a user namespace the kernel allows a new sysfs only if the host has one with \
             nothing mounted over it: mount sysfs on /sys, or leave out --userns and --uidmap"
        }
        (Step::Mount(_), Errno::EACCES | Errno::EPERM)
            if matches!(host.ids, IdMaps::Ranges { .. }) =>
        {
            "the container's ids differ from the host's: its root needs access to this path"
        }
        (Step::MakeCgroup(_) | Step::MakeLastingCgroup { .. }, Errno::EROFS) => {
            "cgroups are mounted read-only here"
        }
        (Step::MakeCgroup(_), Errno::EACCES | Errno::EPERM) => {
            "limits need a cgroup you may write to: run as root, or give one with --cgroup-parent"
        }
        (Step::MakeCgroup(_) | Step::MakeLastingCgroup { .. }, Errno::ENOSPC) => {
            "the kernel's limit on cgroups is reached: see cgroup.max.descendants"
        }
        (Step::MakeLastingCgroup { .. }, Errno::EBUSY) => {
            "the cgroup contains processes or is frozen: another container uses it"
        }
        (Step::EnableControllers { .. }, Errno::EBUSY) => {
            "the cgroup contains processes, so it cannot enable controllers for its children (cgroups(7))"
        }
        (Step::AttachDeviceProgram { .. }, Errno::EPERM) => {
            "device rules on cgroup v2 are a BPF program: mini needs CAP_BPF and CAP_NET_ADMIN, or \
             CAP_SYS_ADMIN"
        }
        (Step::AttachDeviceProgram { .. }, Errno::ENOSYS | Errno::EINVAL) => {
            "the kernel has no device programs for cgroup v2 (CONFIG_CGROUP_BPF)"
        }
        (Step::OpenArchive(path), Errno::ENXIO) if path.to_bytes() == b"-" => {
            "standard input is the archive, so -t needs a controlling terminal (/dev/tty) for the \
             keyboard"
        }
        (Step::JoinCgroup { .. }, Errno::ENOSPC) => "the cpuset of the cgroup is empty",
        (Step::JoinCgroup { .. }, Errno::EOPNOTSUPP) => "a parent cgroup is threaded",
        (Step::Unpack { .. }, errno) => match errno {
            Errno::EBADMSG => "not a tar archive, damaged or truncated",
            Errno::EXDEV => "the path leads out of the root",
            Errno::EOPNOTSUPP => "mini does not support this member type",
            Errno::ENOSPC => "the archive needs more than half of the machine's memory",
            Errno::EMSGSIZE => "the pax header is larger than 1 MiB",
            Errno::E2BIG => "the sparse file has more than a million holes",
            Errno::EOVERFLOW => "its owner, group or time is out of range",
            Errno::EINVAL => "its owner or group is not mapped: see --userns auto",
            Errno::ENOTEMPTY => "a non-empty directory has the same name",
            Errno::ENOENT => "the target of the link is missing",
            _ => return None,
        },
        (Step::MountDetached { .. }, errno) => match errno {
            Errno::ENODEV => "the kernel was built without this file system",
            Errno::ENOSYS => "needs Linux 5.2 (open_tree)",
            Errno::EPERM => "only root of the namespace that owns it may mount this file system",
            _ => return None,
        },
        (Step::MountImage { .. } | Step::Fsmount { .. }, errno) => match errno {
            Errno::ENOSYS => "needs Linux 5.2 (open_tree)",
            Errno::EPERM | Errno::EACCES => "the kernel lets only the host's root mount images",
            Errno::ENOENT | Errno::ENXIO => "no loop devices: /dev/loop-control is missing",
            Errno::EBUSY => "no free loop device",
            Errno::ENODEV => "the kernel was built without this file system",
            Errno::EINVAL
            | Errno::EIO
            | Errno::EUCLEAN
            | Errno::EBADMSG
            | Errno::EFBIG
            | Errno::EOVERFLOW
            | Errno::EROFS => "the image is damaged, truncated or made for a newer kernel",
            _ => return None,
        },
        (Step::Mount(mount), errno) if mount.fstype == Some(c"overlay") => match errno {
            Errno::ENOENT => "the upper directory or the work directory is missing",
            Errno::EPERM => "for ordinary users this needs Linux 5.11",
            Errno::ENODEV => "the kernel was built without this file system",
            _ => {
                "the upper and work directories must be on the same file system, and not on an \
                 overlay or network file system"
            }
        },
        (
            Step::MoveMount { create: false, .. } | Step::MountInside { create: false, .. },
            Errno::ENOENT,
        ) => "without --rootfs mini creates nothing on the host: create it first",
        (Step::MountInside { .. }, Errno::EINVAL) => {
            "uid= or gid= is not mapped, or an option is out of range"
        }
        (Step::MoveMount { .. } | Step::MountInside { .. }, Errno::EROFS) => {
            "the root is read-only and has no such path: create it in the image"
        }
        (
            Step::MoveMount { create: true, .. } | Step::MountInside { create: true, .. },
            Errno::EACCES,
        ) => "the root has no such path, and mini is not allowed to create it",
        (
            Step::MoveMount { .. } | Step::MountInside { .. } | Step::OpenTreeWritable { .. },
            Errno::ELOOP,
        ) => "or a magic link of /proc, which mini does not follow",
        (Step::MoveMount { .. }, Errno::EINVAL | Errno::ENOTDIR) => {
            "a file cannot be mounted on a directory, nor a directory on a file"
        }
        (Step::OpenTree { .. }, Errno::EINVAL) if host.euid != 0 => {
            "an ordinary user cannot leave out submounts: drop the option bind"
        }
        (Step::Mount(mount), Errno::EPERM)
            if mount.fstype == Some(c"proc") && host.in_user_namespace =>
        {
            "something is mounted over parts of /proc, so the kernel refuses a new procfs: start \
             the outer container with --security-opt unmask=all"
        }
        (Step::Mount(mount), Errno::EPERM) if mount.fstype == Some(c"proc") => {
            "something is mounted over parts of the host's /proc, so the kernel refuses a new \
             procfs: unmount it, or run as root"
        }
        (Step::Mount(mount), Errno::EPERM)
            if mount.fstype == Some(c"sysfs")
                && (host.ids != IdMaps::None || host.in_user_namespace) =>
        {
            "for ordinary users the kernel allows a new sysfs only if the host has one with \
             nothing mounted over it: mount sysfs on /sys"
        }
        (Step::Mount(mount), Errno::EROFS) if mount.fstype.is_some() => {
            "the root is read-only and has no such path: create it in the image"
        }
        (Step::Mount(_), Errno::EPERM) => "CAP_SYS_ADMIN is missing",
        (Step::Mount(mount), Errno::ENOENT) if mount.source.to_bytes().starts_with(b"dev/") => {
            "mini cannot make devices here and binds the host's, which is missing: mount devtmpfs \
             on /dev"
        }
        (Step::Mount(mount), Errno::ENODEV) if mount.fstype.is_some() => {
            "the kernel was built without this file system"
        }
        (Step::NewMountNamespace(_), Errno::EPERM) => "CAP_SYS_ADMIN or CAP_SYS_CHROOT is missing",
        (Step::PivotRoot, Errno::EINVAL) => {
            "the current root is not a mount point: mini was started inside a chroot"
        }
        (Step::Chdir { in_root: true, .. }, Errno::ELOOP) => {
            "or a magic link of /proc, which mini does not follow"
        }
        (Step::Chdir { .. } | Step::OpenRoot, Errno::EACCES) => {
            "the container's user needs search permission (x) on it and on its parent directories"
        }
        (Step::MoveMountTo(_), Errno::ENOTDIR | Errno::ELOOP) => {
            "/proc, /sys and /dev must be mounted on ordinary directory, not on a link"
        }
        (Step::MoveMountTo(_), Errno::EROFS) => {
            "the root is read-only and has no such path: create it in the image"
        }
        (Step::MaskPath { .. }, Errno::ENOENT) => "a masked path must exist",
        (Step::OpenInitProgram { .. }, Errno::ENOENT) => {
            "--init needs mini's own file, which was removed, or /proc to find it"
        }
        (Step::SetTreeAttributes(_) | Step::MoveMount { .. }, Errno::EBUSY) => {
            "other processes keep changing the mount points"
        }
        (Step::SetUser { .. }, Errno::EINVAL) if host.euid != 0 => {
            "an ordinary user has one id in the container: 0, or the one given by -u NUMBER"
        }
        (Step::MakeDevice { .. }, Errno::EPERM) => "CAP_MKNOD is missing",
        _ => return None,
    })
}

/// The hint for an id map that could not be written.
fn map_hint(step: &Step, errno: Errno) -> Option<&'static str> {
    Some(match (step, errno) {
        (Step::WriteIdMap { by_helper: true, .. }, Errno::ENOENT) => {
            "ordinary users need newuidmap and newgidmap: install the package uidmap"
        }
        (_, Errno::ENOENT) => "/proc must be mounted",
        (_, Errno::EINVAL) => "too many ranges, or overlapping ranges",
        (_, Errno::EPERM) => "CAP_SETUID or CAP_SETGID over these ids is missing",
        _ => return None,
    })
}

/// The hint for a control file that refuses a value.
fn write_hint(path: &[u8], errno: Errno) -> Option<&'static str> {
    let file = path.split(|b| *b == b'/').next_back().unwrap_or_default();
    Some(match (file, errno) {
        (b"setgroups" | b"uid_map" | b"gid_map", Errno::ENOENT) => "/proc must be mounted",
        (b"oom_score_adj", Errno::EACCES) => "lowering it takes CAP_SYS_RESOURCE",
        (b"oom_score_adj", Errno::ENOENT) => "/proc must be mounted",
        (b"cgroup.subtree_control", Errno::EBUSY) => {
            "the cgroup contains processes: give an empty one with --cgroup-parent"
        }
        (_, Errno::ENOENT)
            if file.starts_with(b"memory.memsw") || file.starts_with(b"memory.swap") =>
        {
            "the kernel does not account swap: boot it with swapaccount=1"
        }
        (_, Errno::ENOENT) if file.contains(&b'.') => "this kernel has no such setting",
        (_, Errno::EINVAL | Errno::ERANGE) if file.starts_with(b"cpu") => {
            "out of range, or more than the parent cgroup has"
        }
        (_, Errno::EINVAL) if file.contains(&b'.') => "the kernel rejects this value",
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
        Errno::ENOENT
            if !command.to_bytes().contains(&b'/')
                && (spec.waits_for_start || spec.exec.is_some()) =>
        {
            error.cause(NOT_IN_PATH).with_status(NOT_FOUND)
        }
        // "ls -l" in quotes is one argument.
        Errno::ENOENT if command.to_bytes().contains(&b' ') => error
            .errno(errno)
            .hint("one argument with blanks: leave the quotes out")
            .with_status(NOT_FOUND),
        Errno::ENOENT if !command.to_bytes().contains(&b'/') => {
            let error = error.cause("not found in PATH").with_status(NOT_FOUND);
            match spec.root.path {
                None => error.hint("a program of the host; for one of an image see --rootfs"),
                Some(_) => error,
            }
        }
        errno @ (Errno::ENOENT | Errno::ENOTDIR) => error.errno(errno).with_status(NOT_FOUND),
        // 125, not 126: the arguments are too long, not the command wrong.
        Errno::E2BIG => {
            let bytes: usize =
                spec.process.args.iter().map(|string| string.count_bytes() + 1).sum();
            let env: usize = spec.process.env.iter().map(|string| string.count_bytes() + 1).sum();
            let mut hint = crate::text::Text::new();
            hint.number(bytes as u64).str(" bytes of arguments and ").number(env as u64);
            hint.str(" of environment; the maximum is a quarter of the stack limit (ulimit -s)");
            error.errno(Errno::E2BIG).hint_text(&hint)
        }
        Errno::ENOEXEC => error
            .errno(Errno::ENOEXEC)
            .hint("built for another CPU, or not a program")
            .with_status(NOT_EXECUTABLE),
        Errno::EACCES if !spec.security.paths.is_empty() => error
            .errno(errno)
            .hint("the command, its loader and libraries must be below a --ro-path")
            .with_status(NOT_EXECUTABLE),
        Errno::EACCES => error
            .errno(errno)
            .hint("a directory, or permission denied to execute it: chmod +x")
            .with_status(NOT_EXECUTABLE),
        errno => error.errno(errno).with_status(NOT_EXECUTABLE),
    }
}

/// The sysctl that keeps ordinary users from making user namespaces.
fn user_namespace_barrier(read: &dyn Fn(&CStr) -> Option<u8>) -> Option<&'static str> {
    if read(c"/proc/sys/user/max_user_namespaces") == Some(b'0') {
        return Some("user.max_user_namespaces is 0: raise it with sysctl, or run as root");
    }
    // Debian's patch.
    if read(c"/proc/sys/kernel/unprivileged_userns_clone") == Some(b'0') {
        return Some("kernel.unprivileged_userns_clone is 0: set it to 1, or run as root");
    }
    // Ubuntu's AppArmor: the namespace is granted, but without any capability in it.
    if read(c"/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(b'1') {
        return Some(
            "kernel.apparmor_restrict_unprivileged_userns is 1: set it to 0, give mini an AppArmor \
             profile with 'userns,', or run as root",
        );
    }
    None
}

/// The first byte of a sysctl.
fn read_setting(path: &CStr) -> Option<u8> {
    fs::read_file(path, 4096).ok()?.first().copied()
}

#[cfg(test)]
mod tests;
