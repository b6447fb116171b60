//! Hosts where something usual is missing. They are made by mini itself: a first container is
//! the odd host for a second.

use crate::world::{Outcome, World};
use crate::{Need, Promise};

pub const PROMISES: &[Promise] = &[
    Promise { name: "no_proc_is_needed", needs: &[Need::Root], check: no_proc },
    Promise {
        name: "no_proc_directory_is_needed",
        needs: &[Need::Root, Need::Busybox],
        check: no_directory,
    },
    Promise { name: "a_read_only_root_works", needs: &[], check: read_only },
    Promise { name: "a_deleted_working_directory_works", needs: &[], check: deleted },
    Promise { name: "mini_runs_in_mini", needs: &[], check: nested },
    Promise {
        name: "forbidden_user_namespaces_are_explained",
        needs: &[Need::Root],
        check: forbidden,
    },
    Promise {
        name: "no_dev_null_is_needed",
        needs: &[Need::Root, Need::Busybox],
        check: no_dev_null,
    },
    Promise { name: "a_missing_kernel_feature_is_explained", needs: &[], check: lesser_kernels },
    Promise { name: "tiny_limits_of_the_caller_are_explained", needs: &[], check: tiny_limits },
];

fn no_proc(world: &World) {
    let mini = world.mini();
    let mini = mini.display();
    let script = format!(
        "umount -l /proc && umount -l /proc; [ ! -e /proc/self ] || exit 99; \
         {mini} run -- /bin/sh -c 'echo $$ $(cat /proc/self/comm)'; {mini} run -- /bin/sh -c 'exit 5'"
    );
    let outcome = world.sh(&["--privileged"], &script);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (5, "1 cat\n"), "{outcome:?}");
}

fn no_directory(world: &World) {
    // A root with nothing but busybox and mini, as an initramfs can be.
    let root = world.directory();
    std::fs::create_dir(root.join("bin")).unwrap();
    world.copy_busybox(&root.join("bin/sh"));
    std::fs::hard_link(world.mini(), root.join("bin/mini")).unwrap();
    let script = "umount -l /proc; rmdir /proc; /bin/mini run /bin/sh -c 'echo $$'";
    let script = format!("exec 2>&1; {script}; [ ! -e /proc ] && echo not made");
    let outcome = world.run(&privileged(&root, &script));
    assert_eq!(outcome.ok(), "1\nnot made\n");
}

fn privileged<'a>(root: &'a std::path::Path, script: &'a str) -> [&'a str; 6] {
    ["--privileged", "--rootfs", root.to_str().unwrap(), "/bin/sh", "-c", script]
}

fn read_only(world: &World) {
    let mini = world.mini();
    let mini = mini.display();
    let mark = "the root is read-only";
    let script = format!(
        "mount --rbind / /mnt && mount -o remount,bind,ro /mnt || exit 77; cd /mnt; \
         exec chroot /mnt /bin/sh -c '! touch /x 2>/dev/null && {mini} run -- echo {mark}'"
    );
    let outcome = world.sh(&["--privileged"], &script);
    if outcome.status == 77 {
        // An ordinary user may not take flags off a mount that root gave, nor need it here.
        assert!(!world.is_root(), "{outcome:?}");
        return;
    }
    if world.is_root() {
        assert_eq!(outcome.ok(), format!("{mark}\n"));
    } else {
        // The kernel denies user namespaces to a changed root; mini says so.
        assert!(outcome.stdout == format!("{mark}\n") || outcome.stderr.contains("chroot"));
    }
}

fn deleted(world: &World) {
    let mini = world.mini();
    let script = format!(
        "d=$(mktemp -d) && cd $d && rmdir $d && exec {} run -- echo still here",
        mini.display()
    );
    let outcome = Outcome::of(&mut world.command("/bin/sh".as_ref(), &["-c", &script]));
    assert_eq!(outcome.ok(), "still here\n");
}

fn nested(world: &World) {
    let mini = world.mini();
    let mini = mini.to_str().unwrap();
    let open = ["--privileged", "--"];
    let words = [
        &open[..],
        &[mini, "run"],
        &open,
        &[mini, "run", "--", "/bin/sh", "-c", "echo $$; exit 42"],
    ]
    .concat();
    let outcome = world.run(&words);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (42, "1\n"), "{outcome:?}");
}

/// The limit is per user namespace: set in one of its own, it binds only what is inside.
fn forbidden(world: &World) {
    // What runs when the map is written has no rights yet; the next program has.
    let script = "unshare -U sh -c 'read go; exec sh -c \"\
            echo 0 > /proc/sys/user/max_user_namespaces && \
            exec setpriv --reuid 1000 --regid 1000 --clear-groups $0 run -- true\"' \"$0\" <&3 &
        until [ \"$(readlink /proc/$!/ns/user)\" != \"$(readlink /proc/$$/ns/user)\" ]; do :; done
        echo '0 0 65536' > /proc/$!/uid_map; echo '0 0 65536' > /proc/$!/gid_map
        echo go >&4; wait $!";
    let script = format!("d=$(mktemp -d); mkfifo $d/f; exec 3<>$d/f 4>&3; rm -r $d; {script}");
    let mut command = world.command("/bin/bash".as_ref(), &["-c", &script]);
    let outcome = Outcome::of(command.arg(world.mini()));
    outcome.refused(125, "user.max_user_namespaces is 0");
}

fn no_dev_null(world: &World) {
    let root = world.directory();
    std::fs::create_dir(root.join("bin")).unwrap();
    world.copy_busybox(&root.join("bin/sh"));
    std::fs::hard_link(world.mini(), root.join("bin/mini")).unwrap();
    // Closed descriptors where there is nothing to open in their stead.
    let script = "umount -l /dev; /bin/mini run /bin/sh -c 'cat; echo x; exit 6' <&- >&- 2>&-";
    let outcome = world.run(&privileged(&root, script));
    assert_eq!((outcome.status, outcome.stdout.as_str()), (6, ""), "{outcome:?}");
}

/// What the caller may use may be next to nothing; what is less than it takes is said in a line.
fn tiny_limits(world: &World) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    use std::os::unix::process::CommandExt;
    for (resource, limit, said) in [
        (Resource::Nofile, 0, "mini: pipe: Too many open files"),
        (Resource::Nofile, 6, "mini: pipe: Too many open files"),
        (Resource::Nofile, 7, ""),
        (Resource::As, 8_000_000, ""),
        (Resource::Stack, 64 << 10, ""),
        (Resource::Fsize, 0, ""),
        (Resource::Memlock, 0, ""),
        (Resource::Msgqueue, 0, ""),
        (Resource::Sigpending, 0, ""),
        (Resource::Core, 0, ""),
        (Resource::Cpu, 1, ""),
    ] {
        let mut command = world.run_command(&["/bin/true"]);
        let rlimit = Rlimit { current: Some(limit), maximum: Some(limit) };
        let lower = move || setrlimit(resource, rlimit).map_err(Into::into);
        // SAFETY: between fork and exec only a system call is made.
        unsafe { command.pre_exec(lower) };
        let outcome = Outcome::of(&mut command);
        let expected = if said.is_empty() { 0 } else { 125 };
        assert_eq!(outcome.status, expected, "{resource:?} {limit}: {outcome:?}");
        assert_eq!(outcome.stderr.trim_end(), said, "{resource:?} {limit}");
    }
}

/// Simulated: the calls fail as on a kernel that was built without.
fn lesser_kernels(world: &World) {
    let run = |part: &str, options: &[&str]| {
        let mut command = world.run_command(&[options, &["--", "/bin/true"]].concat());
        crate::old::without(&mut command, part);
        Outcome::of(&mut command)
    };
    for (part, without) in [
        ("pid", &["--pid", "host"][..]),
        ("network", &["--network", "host"]),
        ("ipc", &["--ipc", "host"]),
        ("uts", &["--uts", "host"]),
        ("seccomp", &["--security-opt", "seccomp=unconfined"]),
    ] {
        let cause = if part == "seccomp" { "seccomp built-in" } else { "create namespaces" };
        run(part, &[]).refused(125, cause);
        assert_eq!(run(part, without).status, 0, "{part}");
    }
    let outcome = run("user", &[]);
    if world.is_root() {
        assert_eq!(outcome.status, 0, "{outcome:?}");
    } else {
        outcome.refused(125, "create namespaces: Invalid argument");
    }
}
