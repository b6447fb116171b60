use super::*;
use crate::host::cgroups::Cgroups;
use crate::plan::{Mount, Plan};
use crate::spec::mounts::Root;
use crate::spec::{Id, Process, User};

fn spec() -> Spec<'static> {
    let process = Process { args: &[c"cmd"], ..Process::default() };
    let root = Root { path: Some(c"/r"), ..Root::default() };
    Spec { process, root, ..Spec::default() }
}

fn root() -> Host {
    Host {
        euid: 0,
        egid: 0,
        path: c"mini",
        ids: IdMaps::None,
        in_user_namespace: false,
        may_make_devices: true,
        may_set_groups: true,
        root_is_initramfs: false,
        image: None,
        makes_namespace: false,
        copies_mounts: true,
        sets_attributes: true,
        cwd: Vec::new(),
        memory: 0,
        cgroups: Cgroups::default(),
    }
}

fn line(step: &Step, errno: Errno, detail: &[u8]) -> (String, u8) {
    let error = step_failure(step, errno, detail, &spec(), &root());
    (String::from_utf8(error.line().to_vec()).unwrap(), error.status())
}

#[test]
fn failures_name_what_the_user_gave() {
    let proc = Step::Mount(Mount {
        source: c"proc",
        target: c"/proc",
        fstype: Some(c"proc"),
        flags: 0,
        data: None,
        if_present: false,
        over_root: false,
    });
    let (spec, root) = (spec(), root());
    let plan = Plan::new(&spec, &root);
    let bind = plan
        .steps
        .iter()
        .find(|step| matches!(step, Step::Mount(mount) if mount.source == c"/r"))
        .unwrap();
    let user = Step::SetUser {
        user: User { uid: Id::Name(b"joe"), gid: None },
        groups: Some(&[]),
        joins_group: true,
        find_home: false,
        keep_capabilities: false,
    };
    let exec = |name| Step::Exec(name);
    for (step, errno, detail, status, text) in [
        (bind, Errno::ENOENT, "", 125, "rootfs /r: No such file or directory"),
        (
            &Step::PivotRoot,
            Errno::EINVAL,
            "",
            125,
            "pivot_root /r: Invalid argument (the current root is not a mount point: mini was \
             started inside a chroot)",
        ),
        (
            &proc,
            Errno::EROFS,
            "",
            125,
            "mount /proc: Read-only file system (the root is read-only and has no such path: \
             create it in the image)",
        ),
        (
            &user,
            Errno::ESRCH,
            "user",
            125,
            "set user joe: no such user in the container's /etc/passwd",
        ),
        (
            &user,
            Errno::ESRCH,
            "group",
            125,
            "set user joe: no such group in the container's /etc/group",
        ),
        (&exec(c"cmd"), Errno::ENOENT, "", 127, "exec cmd: not found in PATH"),
        (&exec(c"/cmd"), Errno::ENOENT, "", 127, "exec /cmd: No such file or directory"),
        (&exec(c"/a/b"), Errno::ENOTDIR, "", 127, "exec /a/b: Not a directory"),
        (
            &exec(c"/cmd"),
            Errno::EACCES,
            "",
            126,
            "exec /cmd: Permission denied (a directory, or permission denied to execute it: chmod +x)",
        ),
        (
            &exec(c"/cmd"),
            Errno::ENOENT,
            "/lib/ld.so",
            126,
            "exec /cmd: needs the interpreter /lib/ld.so (no such file in the container)",
        ),
        (
            &exec(c"/cmd"),
            Errno::ENOEXEC,
            "",
            126,
            "exec /cmd: Exec format error (built for another CPU, or not a program)",
        ),
        (&Step::BringUpLoopback, Errno::EIO, "", 125, "bring up loopback: I/O error"),
    ] {
        assert_eq!(line(step, errno, detail.as_bytes()), (text.into(), status));
    }
}

#[test]
fn what_forbids_user_namespaces_is_named() {
    let with = |path: &'static CStr, value: u8| {
        user_namespace_barrier(&move |asked| (asked == path).then_some(value))
    };
    for (path, forbids, allows, hint) in [
        (c"/proc/sys/user/max_user_namespaces", b'0', b'9', "user.max_user_namespaces"),
        (c"/proc/sys/kernel/unprivileged_userns_clone", b'0', b'1', "unprivileged_userns_clone"),
        (
            c"/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            b'1',
            b'0',
            "apparmor_restrict_unprivileged_userns",
        ),
    ] {
        assert!(with(path, forbids).unwrap().contains(hint));
        assert_eq!(with(path, allows), None);
    }
}

#[test]
fn a_missing_namespace_is_explained() {
    let all = libc::CLONE_NEWPID | libc::CLONE_NEWNET | libc::CLONE_NEWUSER;
    let without = |gone: &'static [&'static CStr]| move |path: &CStr| !gone.contains(&path);
    let net = without(&[c"/proc/self/ns/net"]);
    assert!(lacking(all, &net).contains("add --network host"));
    let user_and_pid = without(&[c"/proc/self/ns/user", c"/proc/self/ns/pid"]);
    assert!(lacking(all, &user_and_pid).contains("run as root"));
    // What was not asked for, and what cannot be seen, is not to blame.
    assert_eq!(
        lacking(libc::CLONE_NEWPID, &net),
        "the kernel was built without one of the namespaces"
    );
    assert_eq!(lacking(all, &|_| false), "the kernel was built without one of the namespaces");
}

/// What says nothing of an image does not blame it, and a user namespace that was asked for is named.
#[test]
fn hints_name_the_fault() {
    let image = Step::MountImage { image: c"/i", fstype: c"ext4", target: c"/", flags: 0 };
    let mount = |fstype, target| {
        Step::Mount(Mount {
            source: fstype,
            target,
            fstype: Some(fstype),
            flags: 0,
            data: None,
            if_present: false,
            over_root: false,
        })
    };
    let (proc, sys) = (mount(c"proc", c"/proc"), mount(c"sysfs", c"/sys"));
    for (errno, is_damaged) in [
        (Errno::EINVAL, true),
        (Errno::EUCLEAN, true),
        (Errno::EIO, true),
        (Errno::EMFILE, false),
        (Errno::ENFILE, false),
        (Errno::ENOMEM, false),
        (Errno::EINTR, false),
        (Errno::ENODEV, false),
    ] {
        let (line, _) = line(&image, errno, b"");
        assert_eq!(line.contains("damaged"), is_damaged, "{line}");
    }
    let mapped = Host {
        ids: IdMaps::Ranges { uids: Vec::new(), gids: Vec::new(), by_helper: false },
        ..root()
    };
    for (step, hint) in [(&proc, "leave out --userns"), (&sys, "mount sysfs on /sys, or leave")] {
        let error = step_failure(step, Errno::EPERM, b"", &spec(), &mapped);
        let line = String::from_utf8(error.line().to_vec()).unwrap();
        assert!(line.contains(hint), "{line}");
    }
    for enter in [Step::Chdir { path: c"/..", in_root: false }, Step::OpenRoot] {
        let (line, _) = line(&enter, Errno::EACCES, b"");
        assert!(
            line.starts_with("rootfs /r: Permission denied (the container's user needs"),
            "{line}"
        );
    }
}
