//! mini where uid 0 is not the machine's root: in a user namespace of somebody's, in itself, in
//! bubblewrap, and bubblewrap in it.

use crate::world::{Outcome, World};
use crate::{Need, Promise};
use std::path::{Path, PathBuf};
use std::process::Command;

pub const PROMISES: &[Promise] = &[
    Promise {
        name: "nested_root_of_a_user_namespace_gets_a_container",
        needs: &[Need::Busybox],
        check: user_namespace,
    },
    Promise {
        name: "nested_root_of_a_user_namespace_is_told_what_it_lacks",
        needs: &[Need::Busybox],
        check: lacks,
    },
    Promise { name: "nested_three_deep_in_itself", needs: &[Need::Busybox], check: three_deep },
    Promise {
        name: "nested_in_bubblewrap",
        needs: &[Need::Busybox, Need::Bubblewrap, Need::LaterCalls],
        check: in_bubblewrap,
    },
    Promise {
        name: "nested_bubblewrap_in_mini",
        needs: &[Need::Busybox, Need::Bubblewrap, Need::LaterCalls],
        check: bubblewrap_inside,
    },
    Promise {
        name: "nested_root_without_a_capability_works_or_explains",
        needs: &[Need::Root, Need::Busybox],
        check: lesser_root,
    },
];

/// What a container's devices are for: the host's real ones, and no other.
const DEVICES: &str = "echo x > /dev/null && head -c 3 /dev/zero | wc -c && \
    ls /dev | tr '\\n' ' ' && id -u && mount | grep -c ' /dev/null '";
const SEEN: &str = "3\nfd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom \
    zero 0\n";

/// `unshare -r mini run ARGS`: as uid 0 of a user namespace in which it is the only one, and which
/// denies setgroups(2).
fn as_its_root(world: &World, words: &[&str]) -> Outcome {
    let mini = world.mini();
    let words = [&["-Ur", mini.to_str().unwrap(), "run"], words].concat();
    Outcome::of(&mut world.command(Path::new("/usr/bin/unshare"), &words))
}

fn user_namespace(world: &World) {
    let root = world.busybox();
    let root = root.to_str().unwrap();
    let sh = |options: &[&str], script: &str| {
        let words = [&["--rootfs", root], options, &["/bin/sh", "-c", script]].concat();
        as_its_root(world, &words)
    };
    assert_eq!(sh(&[], DEVICES).ok(), format!("{SEEN}1\n"));
    // With ids of its own, which are made from those there are.
    for map in ["0:0:1", "0:0"] {
        assert_eq!(sh(&["--uidmap", map], "id -u; id -g").ok(), "0\n0\n");
    }
    let map = ["--uidmap", "1000:0:1", "-u", "1000:1000"];
    assert_eq!(sh(&map, "id -u; id -g; [ -c /dev/null ]").ok(), "1000\n1000\n");
    // What is the host's namespace's own is left out, or shown as it is.
    let shared = ["--network", "host", "--pid", "host", "--ipc", "host", "--uts", "host"];
    assert_eq!(sh(&shared, "[ -d /proc/self ] && ls /dev | grep -c mqueue").stdout, "0\n");
    // The other options work as anywhere.
    for (options, script, seen) in [
        (&["--oom-score-adj", "300"][..], "cat /proc/self/oom_score_adj", "300\n"),
        (&["-u", "0"], "id -u", "0\n"),
        (&["--init", "--tmpfs", "/tmp"], "echo $$; grep -c ' /tmp tmpfs' /proc/mounts", "2\n1\n"),
        (&["-v", "/etc/passwd:/etc/passwd:ro"], "grep -c ^root: /etc/passwd", "1\n"),
        (&["--device", "/dev/null:/dev/one"], "echo x > /dev/one; [ -c /dev/one ]", ""),
        (&["-t"], "tty; ls /dev/console", "/dev/pts/0\r\n/dev/console\r\n"),
        (&["--security-opt", "no-new-privileges=false"], "echo fine", "fine\n"),
    ] {
        assert_eq!(sh(options, script).ok(), seen, "{options:?}");
    }
    let layered = format!("{root}:O");
    let words = ["--rootfs", &layered, "/bin/sh", "-c", "echo kept > /x; cat /x"];
    assert_eq!(as_its_root(world, &words).ok(), "kept\n");
    // With the host's files there is nothing that it may not do.
    assert_eq!(as_its_root(world, &["/bin/sh", "-c", "echo $$; id -u"]).ok(), "1\n0\n");
}

fn lacks(world: &World) {
    let root = world.busybox();
    let root = root.to_str().unwrap();
    for (words, told) in [
        (
            &["--group-add", "5"][..],
            "setgroups 5: Operation not permitted (mini's own user namespace denies setgroups)",
        ),
        (&["-u", "1000"], "the id is not mapped"),
        (&["--uidmap", "0:0:2"], "does not map all these ids"),
        (&["--uidmap", "0:1000:1"], "does not map all these ids"),
    ] {
        let words = [&["--rootfs", root], words, &["/bin/sh", "-c", "echo it ran"]].concat();
        as_its_root(world, &words).refused(125, told);
    }
}

/// A root that has what the next container in it needs.
fn nestable(world: &World) -> PathBuf {
    let root = world.directory();
    for directory in ["bin", "proc", "sys", "dev", "r2", "r3"] {
        std::fs::create_dir(root.join(directory)).unwrap();
        world.give(&root.join(directory));
    }
    world.copy_busybox(&root.join("bin/busybox"));
    for applet in ["sh", "echo", "head", "wc", "ls", "tr", "id", "mount", "grep", "cat"] {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    std::fs::write(root.join("mini"), "").unwrap();
    root
}

/// `mini run --privileged --rootfs ROOT` with mini and a root for the next in it.
fn layer<'a>(mini: &'a str, root: &'a str, volumes: &'a [String]) -> Vec<&'a str> {
    let mut words = vec![mini, "run", "--privileged", "--rootfs", root];
    words.extend(volumes.iter().flat_map(|volume| ["-v", volume]));
    words
}

fn three_deep(world: &World) {
    // Each has its own: a root that is bound into itself would be the root already.
    let roots = [nestable(world), nestable(world), nestable(world)];
    let [root, second, third] = roots.each_ref().map(|root| root.to_str().unwrap());
    let mini = world.mini();
    let mini = mini.to_str().unwrap();
    let first = [format!("{mini}:/mini"), format!("{second}:/r2"), format!("{third}:/r3")];
    let next = ["/mini:/mini".to_owned(), "/r3:/r3".to_owned()];
    let words = [
        layer(mini, root, &first),
        layer("/mini", "/r2", &next),
        vec!["/mini", "run", "--rootfs", "/r3", "/bin/sh", "-c", DEVICES],
    ]
    .concat();
    let outcome = Outcome::of(&mut world.command(Path::new(words[0]), &words[1..]));
    // Where it is the machine's root all the way down, the nodes are its own.
    let bound = if world.is_root() { "0\n" } else { "1\n" };
    assert_eq!(outcome.stdout, format!("{SEEN}{bound}"), "{outcome:?}");
    // With the host's files on the way.
    let open = [mini, "run", "--privileged", "--"];
    let inner = [mini, "run", "--rootfs", root, "/bin/sh", "-c", "exit 42"];
    let words = [&open[..], &open, &open, &inner].concat();
    let outcome = Outcome::of(&mut world.command(Path::new(mini), &words[1..]));
    assert_eq!((outcome.status, outcome.stderr.as_str()), (42, ""), "{outcome:?}");
    // A container that is not open to this says what it takes.
    for (options, told) in [
        (&[][..], "CAP_SYS_ADMIN is missing: start the outer container with --privileged"),
        (&["--cap-add", "SYS_ADMIN"], "start the outer container with --privileged"),
        (&["--cap-add", "SYS_ADMIN,NET_ADMIN"], "start the outer container with --privileged"),
    ] {
        let inner = [mini, "run", "--rootfs", root, "/bin/sh", "-c", "echo it ran"];
        let words = [&[mini, "run"], options, &["--"], &inner[..]].concat();
        let outcome = Outcome::of(&mut world.command(Path::new(mini), &words[1..]));
        outcome.refused(125, told);
    }
    let plain = [mini, "run", "--cap-add", "SYS_ADMIN", "--", mini, "run", "echo", "it ran"];
    let outcome = Outcome::of(&mut world.command(Path::new(mini), &plain[1..]));
    outcome.refused(125, "bring up loopback: Operation not permitted (CAP_NET_ADMIN is missing");
}

fn bubblewrap(world: &World, words: &[&str]) -> Command {
    world.command(Path::new("/usr/bin/bwrap"), words)
}

fn in_bubblewrap(world: &World) {
    let root = world.busybox();
    let root = root.to_str().unwrap();
    let mini = world.mini();
    let mini = mini.to_str().unwrap();
    let host = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"];
    let inner = [mini, "run", "--rootfs", root, "/bin/sh", "-c", DEVICES];
    let all = ["--unshare-all"];
    let as_root = ["--unshare-all", "--uid", "0", "--gid", "0", "--cap-add", "ALL"];
    for options in [&all[..], &as_root, &["--unshare-all", "--uid", "7", "--gid", "7"]] {
        if world.is_root() && options.contains(&"7") {
            // It covers parts of /proc when root starts it, and the kernel holds that against a user
            // namespace made inside.
            continue;
        }
        let outcome = Outcome::of(&mut bubblewrap(world, &[options, &host, &inner].concat()));
        assert_eq!(outcome.stdout, format!("{SEEN}1\n"), "{options:?}: {outcome:?}");
        let plain = [mini, "run", "/bin/sh", "-c", "echo $$"];
        let outcome = Outcome::of(&mut bubblewrap(world, &[options, &host, &plain].concat()));
        assert_eq!(outcome.ok(), "1\n", "{options:?}");
    }
    if !world.is_root() {
        // uid 0 and nothing more: no right to make namespaces, nor to map itself.
        let options = &as_root[..5];
        let outcome = Outcome::of(&mut bubblewrap(world, &[options, &host, &inner].concat()));
        outcome.refused(
            125,
            "root without CAP_SYS_ADMIN needs a user namespace, which takes CAP_SETFCAP",
        );
        // With this one it has a user namespace, as an ordinary user would.
        let options = [options, &["--cap-add", "CAP_SETFCAP"]].concat();
        let outcome = Outcome::of(&mut bubblewrap(world, &[&options, &host[..], &inner].concat()));
        assert_eq!(outcome.ok(), format!("{SEEN}1\n"));
    }
}

fn bubblewrap_inside(world: &World) {
    let host = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"];
    let mini = world.mini();
    let mini = mini.to_str().unwrap();
    let wrap = [&["/usr/bin/bwrap", "--unshare-all"], &host[..]].concat();
    let open = ["--privileged", "--"];
    let words = [&open[..], &wrap, &["/bin/sh", "-c", "echo in it; exit 3"]].concat();
    let outcome = world.run(&words);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (3, "in it\n"), "{outcome:?}");
    // And mini in that.
    let root = world.busybox();
    let inner = [mini, "run", "--rootfs", root.to_str().unwrap(), "/bin/sh", "-c", DEVICES];
    let outcome = world.run(&[&open[..], &wrap, &inner].concat());
    assert_eq!(outcome.stdout, format!("{SEEN}1\n"), "{outcome:?}");
}

/// The machine's root, but not with all its rights, as in other containers.
fn lesser_root(world: &World) {
    let root = world.busybox();
    let root = root.to_str().unwrap();
    let mini = world.mini();
    let mini = mini.to_str().unwrap();
    let run = |dropped: &str, options: &[&str]| {
        let outer = ["--privileged", "--cap-drop", dropped, "--", mini, "run"];
        world.run(&[&outer[..], options, &["--rootfs", root, "/bin/sh", "-c", DEVICES]].concat())
    };
    assert_eq!(run("MKNOD", &[]).ok(), format!("{SEEN}1\n"));
    assert_eq!(run("SYS_TIME", &[]).stdout, format!("{SEEN}0\n"));
    // As an ordinary user, in a user namespace.
    assert_eq!(run("SYS_ADMIN", &[]).ok(), format!("{SEEN}1\n"));
    assert_eq!(run("SYS_ADMIN", &["--uidmap", "0:0:1"]).ok(), format!("{SEEN}1\n"));
    // Root of a namespace with a range of ids, as rootless engines have it: it gives them away.
    let script = "id -u; id -g; grep ^Groups /proc/self/status; [ -c /dev/null ]";
    let range = ["--privileged", "--userns", "auto", "--", mini, "run", "--rootfs", root];
    let words = ["-u", "1000:1000", "--group-add", "7", "/bin/sh", "-c", script];
    assert_eq!(world.run(&[&range[..], &words].concat()).ok(), "1000\n1000\nGroups:\t7 1000 \n");
    let words = ["--uidmap", "0:500:10", "-u", "3:3", "/bin/sh", "-c", script];
    assert_eq!(world.run(&[&range[..], &words].concat()).ok(), "3\n3\nGroups:\t3 \n");
    run("SETGID", &[]).refused(125, "setgroups: Operation not permitted (CAP_SETUID or CAP_SETGID");
}
