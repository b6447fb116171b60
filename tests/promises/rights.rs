//! What the command may do, as the kernel tells it, and as real programs find it.

use crate::world::{Outcome, World};
use crate::{Need, Promise};
use std::fs;

pub const PROMISES: &[Promise] = &[
    Promise {
        name: "capabilities_are_as_requested",
        needs: &[Need::LaterCalls],
        check: capabilities,
    },
    Promise {
        name: "users_other_than_root_keep_added_capabilities",
        needs: &[Need::Root],
        check: added,
    },
    Promise { name: "the_filter_refuses_exactly_its_table", needs: &[Need::Root], check: filter },
    Promise { name: "a_custom_seccomp_filter_can_be_used", needs: &[], check: own_filter },
    Promise { name: "rlimits_are_set", needs: &[], check: rlimits },
    Promise { name: "the_umask_can_be_set", needs: &[], check: umask },
    Promise {
        name: "supplementary_groups_can_be_added",
        needs: &[Need::Root, Need::Busybox],
        check: groups,
    },
    Promise { name: "only_allowed_paths_can_be_opened", needs: &[Need::Landlock], check: paths },
    Promise {
        name: "root_can_be_an_unprivileged_user_outside",
        needs: &[Need::Root, Need::Busybox],
        check: users,
    },
    Promise {
        name: "an_ordinary_user_gets_its_subid_ranges",
        needs: &[Need::Root, Need::IdHelpers],
        check: ranges,
    },
    Promise { name: "descriptors_can_be_preserved", needs: &[], check: descriptors },
    Promise { name: "bad_rights_are_refused", needs: &[], check: bad },
];

const STATUS: &str =
    "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status | cut -f2 | tr '\\n' ' '";

/// Inheritable, permitted, effective, bounding and ambient; no_new_privs; seccomp's mode.
fn capabilities(world: &World) {
    // An ordinary user has all of its namespace's, which are the kernel's; root what the caller of
    // the tests has.
    let host = fs::read_to_string("/proc/self/status").unwrap();
    let bounding = host.lines().find_map(|line| line.strip_prefix("CapBnd:\t")).unwrap();
    let last = fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap();
    let all = match world.is_root() {
        true => u64::from_str_radix(bounding, 16).unwrap(),
        false => u64::MAX >> (63 - last.trim().parse::<u64>().unwrap()),
    };
    let (all, but_one) = (format!("{all:016x}"), format!("{:016x}", all & !1));
    let (all, but_one) = (&*all, &*but_one);
    let usual = "00000000a80425fb";
    let no_nodes = "00000000a00425fb";
    let none = "0000000000000000";
    let rows: [(&[&str], [&str; 3], &str); 13] = [
        (&[], [usual, usual, none], "1 2"),
        (&["--cap-add", "SYS_ADMIN"], ["00000000a82425fb", "00000000a82425fb", none], "1 2"),
        (
            &["--cap-add", "cap_net_admin,sys_time"],
            ["00000000aa0435fb", "00000000aa0435fb", none],
            "1 2",
        ),
        (&["--cap-drop", "MKNOD"], ["00000000a00425fb", "00000000a00425fb", none], "1 2"),
        (&["--cap-drop", "ALL"], [none, none, none], "1 2"),
        (
            &["--cap-drop", "all", "--cap-add", "chown"],
            ["0000000000000001", "0000000000000001", none],
            "1 2",
        ),
        (&["--cap-add", "ALL"], [all, all, none], "1 2"),
        (&["--cap-add", "ALL", "--cap-drop", "CHOWN"], [but_one, but_one, none], "1 2"),
        (&["--privileged"], [all, all, none], "0 0"),
        (&["--privileged", "--cap-drop", "CHOWN"], [but_one, but_one, none], "0 0"),
        (&["--security-opt", "no-new-privileges=false"], [usual, usual, none], "0 2"),
        // Without the built-in filter nobody makes device nodes, unless that was asked for.
        (&["--security-opt", "seccomp=unconfined"], [no_nodes, no_nodes, none], "1 0"),
        (
            &["--security-opt", "seccomp=unconfined", "--cap-add", "MKNOD"],
            [usual, usual, none],
            "1 0",
        ),
    ];
    for (options, [permitted, bounding, ambient], rest) in rows {
        let expected = format!("{none} {permitted} {permitted} {bounding} {ambient} {rest} ");
        assert_eq!(world.sh(options, STATUS).ok(), expected, "{options:?}");
    }
}

fn added(world: &World) {
    let none = "0000000000000000";
    for (options, set, bounding, rest) in [
        (&["-u", "7:7"][..], none, "00000000a80425fb", "1 2"),
        (&["-u", "7:7", "--cap-add", "NET_RAW"], "0000000000002000", "00000000a80425fb", "1 2"),
        (
            &["-u", "7:7", "--cap-add", "NET_RAW", "--security-opt", "no-new-privileges=false"],
            "0000000000002000",
            "00000000a80425fb",
            "0 2",
        ),
    ] {
        let expected = format!("{set} {set} {set} {bounding} {set} {rest} ");
        assert_eq!(world.sh(options, STATUS).ok(), expected, "{options:?}");
    }
}

/// Every number is called with arguments that mean nothing, once with all capabilities and the
/// usual filter, from a file, and once without a filter: the answers differ just where the table
/// has a line without a condition.
fn filter(world: &World) {
    let program = mini::plan::built_in_filter(mini::spec::capability::DEFAULT);
    let bytes: Vec<u8> = program.iter().flat_map(|line| line.to_ne_bytes()).collect();
    let file = world.file("filter", &bytes);
    let filter = format!("seccomp={}", file.display());
    let probe = world.probe();
    let probe = probe.to_str().unwrap();
    let answers = |option: &str| -> Vec<String> {
        let words = ["--privileged", "--security-opt", option, "--", probe, "__probe", "calls"];
        world.run(&words).ok().lines().map(String::from).collect()
    };
    let (with, without) = (answers(&filter), answers("seccomp=unconfined"));
    assert!(with.len() > 300 && with.len() == without.len());
    let differing: Vec<&str> = with
        .iter()
        .zip(&without)
        .filter(|(with, without)| with != without)
        .map(|(with, _)| with.split(' ').next().unwrap())
        .collect();
    let table = include_str!("../../src/plan/seccomp.table");
    let mut expected: Vec<&str> = table
        .lines()
        .map(|line| line.split('#').next().unwrap().split_whitespace().collect::<Vec<_>>())
        // Of the conditions only this one is met by a number with all bits set.
        .filter(|words| words.len() == 3 || words.first() == Some(&"unshare"))
        // What has no capability among the usual ones.
        .filter(|words| words[2] != "SYS_CHROOT")
        // Of calls that this kernel does not have at all, the answer may be the same.
        .filter(|words| {
            let answer = without.iter().find(|line| line.split(' ').next() == Some(words[0]));
            answer.is_some_and(|answer| !(words[1] == "ENOSYS" && answer.ends_with(" 38")))
        })
        .map(|words| words[0])
        .collect();
    expected.sort_by_key(|name| with.iter().position(|line| line.starts_with(&format!("{name} "))));
    assert_eq!(differing, expected);
}

fn own_filter(world: &World) {
    let line = |code: u16, yes: u8, no: u8, value: u32| -> [u8; 8] {
        let mut line = [0; 8];
        line[..2].copy_from_slice(&code.to_ne_bytes());
        line[2..4].copy_from_slice(&[yes, no]);
        line[4..].copy_from_slice(&value.to_ne_bytes());
        line
    };
    // getuid(2) fails with error 99.
    let program = [
        line(0x20, 0, 0, 0),
        line(0x15, 0, 1, libc::SYS_getuid as u32),
        line(0x06, 0, 0, 0x0005_0000 | 99),
        line(0x06, 0, 0, 0x7fff_0000),
    ];
    let file = world.file("filter", &program.concat());
    let option = format!("seccomp={}", file.display());
    let probe = world.probe();
    let words = ["--security-opt", &option, "--", probe.to_str().unwrap(), "__probe", "calls"];
    let answers = world.run(&words).ok();
    assert!(answers.lines().any(|line| line == "getuid 99"), "{answers}");
    let broken = world.file("broken", &line(0x06, 9, 9, 0x7fff_0000)[..7]);
    let invalid = world.file("invalid", &line(0x15, 9, 9, 0));
    let json = world.file("json", b"{ \"defaultAction\": \"SCMP_ACT_ALLOW\" }   ");
    for (file, words) in [
        (broken, "its size is no multiple of 8"),
        (invalid, "not a valid filter"),
        (json, "a profile in JSON"),
    ] {
        let option = format!("seccomp={}", file.display());
        world.run(&["--security-opt", &option, "true"]).refused(125, words);
    }
    world.run(&["--security-opt", "seccomp=/no/such", "true"]).refused(125, "No such file");
}

fn rlimits(world: &World) {
    let options = ["--ulimit", "nofile=64:128", "--ulimit", "core=0", "--ulimit", "stack=1048576"];
    let script = "ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -s";
    assert_eq!(world.sh(&options, script).ok(), "64\n128\n0\n1024\n");
    if !world.is_root() {
        let raise = ["--ulimit", "nofile=unlimited", "true"];
        world
            .run(&raise)
            .refused(125, "setrlimit nofile: Operation not permitted (raising a hard limit");
    }
}

fn umask(world: &World) {
    assert_eq!(world.sh(&["--umask", "027"], "umask").ok(), "0027\n");
    assert_eq!(world.sh(&["--umask", "0"], "umask").ok(), "0000\n");
}

fn groups(world: &World) {
    let ids = |options: &[&str]| world.busybox_sh(options, "id -G").ok();
    assert_eq!(ids(&["--group-add", "tape", "--group-add", "7"]), "0 7 26\n");
    assert_eq!(ids(&["-u", "joe", "--group-add", "7"]), "1001 7 26\n");
    assert_eq!(ids(&["-u", "joe:joe", "--group-add", "tape"]), "1001 26\n");
    let root = world.busybox();
    world
        .run(&["--rootfs", root.to_str().unwrap(), "--group-add", "nosuch", "true"])
        .refused(125, "setgroups nosuch: no such group in the container's /etc/group");
}

fn paths(world: &World) {
    let directory = world.directory();
    fs::write(directory.join("file"), "content\n").unwrap();
    fs::create_dir(directory.join("in")).unwrap();
    world.give(&directory.join("in"));
    let d = directory.to_str().unwrap();
    let inner = format!("{d}/in");
    let base =
        ["--ro-path", "/usr", "--ro-path", "/bin", "--ro-path", "/lib", "--ro-path", "/lib64"];
    let run = |options: &[&str], script: &str| {
        let mut words = base.to_vec();
        words.extend(options);
        world.sh(&words, script)
    };
    let script = format!(
        "cat {d}/file; echo x > {d}/in/x && cat {d}/in/x && mv {d}/in/x {d}/in/y; \
         echo x 2>/dev/null > {d}/file || echo no; ls /etc 2>/dev/null || echo no; echo x > /dev/null; \
         cat /proc/self/comm"
    );
    let seen = run(&["--ro-path", d, "--rw-path", &inner], &script).ok();
    assert_eq!(seen, "content\nx\nno\nno\ncat\n");
    // A file by itself, and a path from where mini's caller is.
    let file = format!("{d}/file");
    let seen =
        run(&["--ro-path", &file], &format!("cat {file}; ls {d} 2>/dev/null || echo no")).ok();
    assert_eq!(seen, "content\nno\n");
    let mut command = world.run_command(
        &[&base[..], &["--rw-path", "in", "/bin/sh", "-c", "echo y > in/z; cat in/z"]].concat(),
    );
    assert_eq!(Outcome::of(command.current_dir(&directory)).ok(), "y\n");
    run(&["--ro-path", "/no/such"], "true").refused(125, "landlock /no/such: No such file");
    world.run(&["--ro-path", d, "/bin/true"]).refused(126, "must be below a --ro-path");
}

fn users(world: &World) {
    let root = world.busybox();
    let root = root.to_str().unwrap();
    let map = |options: &[&str]| {
        let words = [
            options,
            &[
                "--rootfs",
                root,
                "sh",
                "-c",
                "id -u; id -g; id -G; cat /proc/self/uid_map | tr -s ' '",
            ],
        ];
        world.run(&words.concat()).ok()
    };
    assert_eq!(map(&["--uidmap", "0:100000:5"]), "0\n0\n0\n 0 100000 5\n");
    assert_eq!(
        map(&["--uidmap", "0:100000:5", "--uidmap", "7:0:1", "-u", "7:0"]),
        "7\n0\n0\n 0 100000 5\n 7 0 1\n"
    );
    let auto = map(&["--userns", "auto", "-u", "joe"]);
    assert!(auto.starts_with("1000\n1001\n1001 26\n 0 "), "{auto}");
    assert_eq!(map(&["--userns", "host"]), "0\n0\n0\n 0 0 4294967295\n");
    // Root inside is nobody outside: what only root can read stays closed.
    let secret = world.directory().join("secret");
    fs::write(&secret, "secret").unwrap();
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let outcome = world.run(&["--userns", "auto", "cat", secret.to_str().unwrap()]);
    assert!(outcome.stderr.contains("Permission denied"), "{outcome:?}");
    for (options, words) in [
        (
            &["--uidmap", "0:100000:5", "-u", "5"][..],
            "set user 5: Invalid argument (the id is not mapped",
        ),
        (&["--uidmap", "0:100000:5", "--userns", "auto"], "goes without --uidmap"),
        (&["--uidmap", "0:100000:5", "--uidmap", "4:1:1"], "overlaps the one before"),
    ] {
        world.run(&[options, &["true"]].concat()).refused(125, words);
    }
}

/// A user with ranges, in a container that has a /etc/subuid for it; the helpers are the host's.
fn ranges(world: &World) {
    let line = b"nobody:200000:1000\n";
    let (subuid, passwd) = (world.file("subuid", line), fs::read("/etc/passwd").unwrap());
    let passwd = world.file("passwd", &passwd);
    let mini = world.mini();
    let script = format!(
        "mount --bind {0} /etc/subuid && mount --bind {0} /etc/subgid && mount --bind {2} /etc/passwd || exit 77
         exec setpriv --reuid 65534 --regid 65534 --clear-groups {1} run --userns auto \
            -- sh -c 'tr -s \" \" < /proc/self/uid_map; id -u; chown 5:6 $0 2>/dev/null; id -G' /dev/null",
        subuid.display(),
        mini.display(),
        passwd.display(),
    );
    let outcome = world.sh(&["--privileged"], &script);
    assert_eq!(outcome.ok(), " 0 65534 1\n 1 200000 1000\n0\n0\n");
    // Without a line in the file there is none to give.
    let script = script.replacen(subuid.to_str().unwrap(), "/dev/null", 2);
    world.sh(&["--privileged"], &script).refused(125, "no range of ids for nobody");
}

fn descriptors(world: &World) {
    let script = format!(
        "exec 3</dev/null 4<&3 5<&3; exec {} run --preserve-fds 2 -- {} __probe fds",
        world.mini().display(),
        world.probe().display()
    );
    let outcome = Outcome::of(&mut world.command("/bin/sh".as_ref(), &["-c", &script]));
    assert_eq!(outcome.ok(), "[0, 1, 2, 3, 4]\n");
    let mut words = vec!["--preserve-fds", "3", "true"];
    world.run(&words).refused(125, "--preserve-fds: file descriptor is not open: 3");
    words[1] = "1025";
    world.run(&words).refused(125, "0 to 1024");
}

fn bad(world: &World) {
    for (words, line) in [
        (&["--cap-add", "SYS_ADMI"][..], "--cap-add SYS_ADMI: unknown (did you mean SYS_ADMIN?)"),
        (&["--cap-drop", ""], "--cap-drop '': unknown"),
        (&["--ulimit", "files=1"], "--ulimit files: unknown (cpu fsize data stack"),
        (&["--ulimit", "nofile=2:1"], "the soft limit is above the hard one"),
        (&["--ulimit", "nofile"], "has no ="),
        (&["--umask", "8"], "not a mask (0 to 777, in octal)"),
        (&["--uidmap", "0:1:2:3"], "not a range of ids (INSIDE:OUTSIDE[:COUNT])"),
        (&["--gidmap", "0:4294967295"], "out of range"),
        (&["--userns", "nomap"], "--userns nomap: unknown (auto, keep-id or host)"),
        (&["--security-opt", "seccomp"], "--security-opt seccomp: unknown (no-new-privileges"),
        (&["--security-opt", "label=x"], "--security-opt label=x: unknown"),
        (&["--group-add", ""], "--group-add '': has an empty part"),
        (&["--ro-path", ""], "--ro-path '': must not be empty"),
    ] {
        world.run(&[words, &["--", "/bin/echo", "it ran"]].concat()).refused(125, line);
    }
    if !world.is_root() {
        world
            .run(&["--userns", "host", "true"])
            .refused(125, "--userns host: only root can use it");
    }
    // What is asked for by name and not there to give.
    let mini = world.mini();
    let words = ["--cap-drop", "SYS_TIME", "--privileged", "--", mini.to_str().unwrap(), "run"];
    let inner = ["--cap-add", "SYS_TIME", "true"];
    let refused = "SYS_TIME: Operation not permitted (mini lacks this capability";
    if world.is_root() {
        world.run(&[&words[..], &inner].concat()).refused(125, refused);
    }
}
