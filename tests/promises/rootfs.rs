//! A root of its own.

use crate::world::World;
use crate::{Need, Promise};
use std::fs;
use std::os::unix::fs::symlink;

pub const PROMISES: &[Promise] = &[
    Promise { name: "nothing_of_the_host_is_visible", needs: &[Need::Busybox], check: hidden },
    Promise { name: "dot_dot_of_the_root_stays_inside", needs: &[Need::Busybox], check: dot_dot },
    Promise { name: "a_rootfs_has_its_own_devices", needs: &[Need::Busybox], check: devices },
    Promise { name: "sys_is_read_only", needs: &[Need::Busybox], check: sys },
    Promise { name: "the_environment_is_clean", needs: &[Need::Busybox], check: environment },
    Promise { name: "the_root_is_left_as_it_was", needs: &[Need::Busybox], check: unchanged },
    Promise { name: "links_in_the_root_do_not_lead_out", needs: &[Need::Busybox], check: links },
    Promise { name: "missing_mount_points_are_made", needs: &[Need::Busybox], check: bare },
    Promise { name: "a_relative_rootfs_works", needs: &[Need::Busybox], check: relative },
    Promise {
        name: "the_working_directory_is_inside_the_root",
        needs: &[Need::Busybox],
        check: workdir,
    },
    Promise { name: "the_hosts_namespaces_can_be_shared", needs: &[Need::Busybox], check: shared },
];

fn hidden(world: &World) {
    let seen = world.busybox_sh(&[], "ls -A /").ok();
    assert_eq!(
        seen.split_whitespace().collect::<Vec<_>>(),
        ["bin", "dev", "etc", "home", "proc", "sys", "tmp"]
    );
    let mounts = world.busybox_sh(&[], "cut -d' ' -f2 /proc/mounts").ok();
    for mount in mounts.lines() {
        assert!(
            mount == "/" || ["/proc", "/sys", "/dev"].iter().any(|m| mount.starts_with(m)),
            "{mounts}"
        );
    }
    assert_eq!(world.busybox_sh(&[], "echo /proc/[0-9]*").ok(), "/proc/1\n");
    let root = world.busybox();
    assert!(!mounts.contains(root.to_str().unwrap()));
}

fn dot_dot(world: &World) {
    let script = "cd /..; ls -di . / ; cd ../../..; pwd; [ -e /../../etc/hostname ] && echo out";
    let seen = world.busybox_sh(&[], script);
    let lines: Vec<&str> = seen.stdout.lines().collect();
    let inode = |line: &str| line.split_whitespace().next().unwrap().to_owned();
    assert_eq!(inode(lines[0]), inode(lines[1]));
    assert_eq!(lines[2..], ["/"]);
}

fn devices(world: &World) {
    let seen = world.busybox_sh(&[], "ls /dev").ok();
    assert_eq!(
        seen.split_whitespace().collect::<Vec<_>>(),
        [
            "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
            "stdout", "tty", "urandom", "zero"
        ]
    );
    let numbers = "cd /dev; for d in null zero full random urandom tty; do stat -c %t:%T $d; done";
    assert_eq!(world.busybox_sh(&[], numbers).ok(), "1:3\n1:5\n1:7\n1:8\n1:9\n5:0\n");
    let use_them = "echo x > /dev/null && head -c 3 /dev/zero | wc -c && head -c 9 /dev/urandom \
        | wc -c && echo hi | cat /dev/stdin && echo x > /dev/shm/x && cat /dev/shm/x";
    assert_eq!(world.busybox_sh(&[], use_them).ok(), "3\n9\nhi\nx\n");
    assert_ne!(world.busybox_sh(&[], "echo x > /dev/full").status, 0);
    // Bounded: a small device file system and no way to fill memory through it.
    assert_ne!(world.busybox_sh(&[], "dd if=/dev/zero of=/dev/big bs=1k count=200 2>&1").status, 0);
    // Pseudo terminals of its own, none yet.
    assert_eq!(world.busybox_sh(&[], "ls /dev/pts; stat -Lc %a /dev/ptmx").ok(), "ptmx\n666\n");
}

fn sys(world: &World) {
    assert_eq!(world.busybox_sh(&[], "ls /sys/class/net").ok(), "lo\n");
    assert_ne!(world.busybox_sh(&[], "echo 1 > /sys/class/net/lo/mtu 2>/dev/null").status, 0);
}

fn environment(world: &World) {
    let root = world.busybox();
    let mut command = world.run_command(&["--rootfs", root.to_str().unwrap(), "env"]);
    let output = command.env("SECRET", "x").env("TERM", "vt52").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "HOME=/root",
            "HOSTNAME=mini",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "TERM=vt52",
        ]
    );
}

fn unchanged(world: &World) {
    let list = || {
        let mut names: Vec<_> = fs::read_dir(world.busybox())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = (list(), fs::read_to_string("/proc/self/mountinfo").unwrap());
    world.busybox_sh(&[], "true").ok();
    assert_eq!((list(), fs::read_to_string("/proc/self/mountinfo").unwrap()), before);
    assert_eq!(fs::read_dir(world.busybox().join("dev")).unwrap().count(), 0);
}

/// A root that belongs to whoever mini runs as, with the given links in place of directories.
fn root_with(world: &World, make: impl FnOnce(&std::path::Path)) -> String {
    let root = world.directory();
    fs::create_dir(root.join("bin")).unwrap();
    fs::hard_link(world.busybox().join("bin/busybox"), root.join("bin/busybox")).unwrap();
    symlink("busybox", root.join("bin/sh")).unwrap();
    make(&root);
    root.to_str().unwrap().into()
}

fn links(world: &World) {
    let outside = world.directory();
    let target = |name: &str| {
        fs::create_dir(outside.join(name)).unwrap();
        outside.join(name)
    };
    let (dev, proc, sys) = (target("dev"), target("proc"), target("sys"));
    let root = root_with(world, |root| {
        symlink(&dev, root.join("dev")).unwrap();
        symlink(format!("../../../../../../..{}", proc.display()), root.join("proc")).unwrap();
        symlink(&sys, root.join("sys")).unwrap();
    });
    // The links lead to nothing inside the root: that is said, and nothing happens outside.
    let outcome = world.run(&["--rootfs", &root, "/bin/sh", "-c", "true"]);
    assert_eq!(outcome.status, 125, "{outcome:?}");
    for directory in [dev, proc, sys] {
        assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
    }
    // Nor are links followed that stay inside: these three are directories.
    for name in ["dev", "proc", "sys"] {
        let root = root_with(world, |root| {
            fs::create_dir_all(root.join("real").join(name)).unwrap();
            symlink(format!("/real/{name}"), root.join(name)).unwrap();
        });
        let outcome = world.run(&["--rootfs", &root, "/bin/sh", "-c", "true"]);
        outcome.refused(125, "/proc, /sys and /dev must be mounted on ordinary directory");
        assert_eq!(fs::read_dir(format!("{root}/real/{name}")).unwrap().count(), 0);
    }
}

fn bare(world: &World) {
    let root = root_with(world, |_| {});
    if !world.is_root() {
        // The copy of busybox belongs to root, the directory does not.
        assert!(fs::read_dir(&root).unwrap().count() == 1);
    }
    let script = "/bin/busybox cat /proc/self/stat >/dev/null && echo fine";
    assert_eq!(world.run(&["--rootfs", &root, "/bin/sh", "-c", script]).ok(), "fine\n");
}

fn relative(world: &World) {
    let root = world.busybox();
    let mut command = world.run_command(&["--rootfs", "busybox", "echo", "here"]);
    command.current_dir(root.parent().unwrap());
    assert_eq!(crate::world::Outcome::of(&mut command).ok(), "here\n");
    let mut command = world.run_command(&["--rootfs", ".", "pwd"]);
    command.current_dir(root);
    assert_eq!(crate::world::Outcome::of(&mut command).ok(), "/\n");
}

fn workdir(world: &World) {
    assert_eq!(world.busybox_sh(&["-w", "/home/joe"], "pwd").ok(), "/home/joe\n");
    let root = world.busybox();
    let root = root.to_str().unwrap();
    // A path of the host's means nothing inside.
    let outcome = world.run(&["--rootfs", root, "-w", root, "true"]);
    outcome.refused(125, "No such file or directory");
    // Nor does a directory that the caller left open (CVE-2024-21626).
    let script = "exec 9</; exec \"$0\" run --rootfs \"$1\" -w /proc/self/fd/9 pwd";
    let mut command = world.command("/bin/sh".as_ref(), &["-c", script]);
    let outcome = crate::world::Outcome::of(command.arg(world.mini()).arg(root));
    outcome.refused(125, "a magic link of /proc");
    // Descriptors of mini's own do not lead out either.
    for fd in 3..9 {
        let path = format!("/proc/self/fd/{fd}");
        let outcome = world.run(&["--rootfs", root, "-w", &path, "pwd"]);
        assert_eq!(outcome.status, 125, "{path}: {outcome:?}");
    }
}

fn shared(world: &World) {
    let options = ["--network", "host", "--ipc", "host", "--uts", "host", "--pid", "host"];
    let seen = world.busybox_sh(&options, "hostname; [ -d /proc/self ] && echo proc").ok();
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(seen, format!("{name}proc\n"));
}
