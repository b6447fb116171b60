//! What users of other tools reported, tried on mini: small inputs, each with its right answer.

use crate::terminal::{lead_session, terminal_pair};
use crate::world::{Outcome, World};
use crate::{Need, Promise};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Stdio;

pub const PROMISES: &[Promise] = &[
    Promise {
        name: "reported_the_user_owns_the_standard_streams",
        needs: &[Need::Root, Need::Busybox],
        check: streams,
    },
    Promise {
        name: "reported_standard_streams_can_be_opened_under_path_rules",
        needs: &[Need::Landlock],
        check: streams_under_rules,
    },
    Promise {
        name: "reported_users_get_all_capabilities_when_requested",
        needs: &[],
        check: all_capabilities,
    },
    Promise {
        name: "reported_volumes_are_mounted_parents_first",
        needs: &[Need::Busybox],
        check: parents_first,
    },
    Promise {
        name: "reported_an_upper_directory_is_used_by_one_container",
        needs: &[Need::Busybox],
        check: one_at_a_time,
    },
    Promise { name: "reported_end_of_input_is_seen_by_every_reader", needs: &[], check: no_input },
    Promise {
        name: "reported_end_of_input_ends_busybox",
        needs: &[Need::Busybox],
        check: no_input_for_busybox,
    },
    Promise {
        name: "reported_end_of_input_ends_line_editors",
        needs: &[Need::Debian],
        check: no_input_for_editors,
    },
    Promise {
        name: "reported_tmpfs_has_an_owner_and_limits",
        needs: &[Need::Busybox],
        check: memory,
    },
    Promise {
        name: "reported_the_report_has_the_signal_with_init",
        needs: &[],
        check: signal_with_init,
    },
    Promise {
        name: "reported_a_volume_that_lacks_a_path_is_named",
        needs: &[Need::Busybox],
        check: lacking_volume,
    },
    Promise {
        name: "reported_init_needs_two_processes",
        needs: &[Need::Root, Need::Limits],
        check: one_process,
    },
    Promise { name: "reported_path_rules_provide_a_tmp", needs: &[Need::Landlock], check: own_tmp },
    Promise {
        name: "reported_options_without_effect_are_errors",
        needs: &[],
        check: without_effect,
    },
    Promise { name: "reported_environment_files_of_other_systems", needs: &[], check: env_files },
];

/// Writes to its output and error by their names, and to the inherited descriptors.
const BY_NAME: &str = "echo out > /dev/stdout && echo error > /dev/stderr && echo plain && id -u";

/// `mini run -u 1000 --rootfs ROOT sh -c SCRIPT`
fn as_user(world: &World, options: &[&str], script: &str) -> std::process::Command {
    let root = world.busybox();
    let root = root.to_str().unwrap();
    let words = [&["-u", "1000", "--rootfs", root], options, &["/bin/sh", "-c", script]].concat();
    world.run_command(&words)
}

fn file(world: &World, name: &str, content: &str) -> (std::path::PathBuf, File) {
    let path = world.directory().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let file = File::options().read(true).append(true).open(&path).unwrap();
    (path, file)
}

fn streams(world: &World) {
    // Pipes.
    let outcome = Outcome::of(&mut as_user(world, &[], BY_NAME));
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("out\nplain\n1000\n", "error\n")
    );
    let outcome = Outcome::of(&mut as_user(world, &["--init"], BY_NAME));
    assert_eq!(outcome.stdout, "out\nplain\n1000\n", "{outcome:?}");
    let mut child = as_user(world, &[], "cat /dev/stdin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"typed\n").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"typed\n");
    // Files.
    let (path, log) = file(world, "log", "");
    let mut command = as_user(world, &[], BY_NAME);
    let status = command.stdout(log.try_clone().unwrap()).stderr(log).status().unwrap();
    assert!(status.success());
    assert_eq!(fs::metadata(&path).unwrap().uid(), 1000);
    let content = fs::read_to_string(&path).unwrap();
    assert!(content.contains("1000\n"), "{content}");
    // A file that is only read is not given away, nor is a device.
    let (secret, _) = file(world, "secret", "secret\n");
    let mut command = as_user(world, &[], "cat; cat /dev/stdin 2>/dev/null || echo not again");
    let outcome = Outcome::of(command.stdin(File::open(&secret).unwrap()));
    assert_eq!(outcome.ok(), "secret\nnot again\n");
    assert_eq!(fs::metadata(&secret).unwrap().uid(), 0);
    let zero = Path::new("/dev/zero");
    let before = fs::metadata(zero).unwrap().uid();
    let outcome = Outcome::of(as_user(world, &[], "head -c 1").stdin(File::open(zero).unwrap()));
    assert_eq!(outcome.ok(), "\0");
    assert_eq!(fs::metadata(zero).unwrap().uid(), before);
    // A terminal, mini's caller's or the command's own.
    for options in [&[][..], &["-t"]] {
        let (mut outer, inner) = terminal_pair();
        let mut command = as_user(world, options, BY_NAME);
        command.stdin(inner.try_clone().unwrap()).stdout(inner.try_clone().unwrap());
        command.stderr(inner.try_clone().unwrap());
        lead_session(&mut command);
        let mut child = command.spawn().unwrap();
        assert!(child.wait().unwrap().success(), "{options:?}");
        let mut buffer = [0; 4096];
        let length = outer.read(&mut buffer).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&buffer[..length]),
            "out\r\nerror\r\nplain\r\n1000\r\n",
            "{options:?}"
        );
    }
    // What cannot be given: nobody has rights over it, or its file system is read-only.
    let mini = world.mini();
    let script = format!(
        "mount -t tmpfs x /mnt && echo content > /mnt/f && exec 3<>/mnt/f && \
         chattr +i /mnt/f 2>/dev/null; {} run -u 1000 -- /bin/sh -c 'cat; id -u' <&3",
        mini.display()
    );
    assert_eq!(world.sh(&["--privileged"], &script).ok(), "content\n1000\n");
    let script = format!(
        "exec {} run --userns auto -u 1000 -- /bin/sh -c 'echo plain; id -u'",
        mini.display()
    );
    assert_eq!(world.sh(&["--privileged"], &script).ok(), "plain\n1000\n");
}

fn streams_under_rules(world: &World) {
    let script = "echo out > /dev/stdout && echo error > /dev/stderr && cat /dev/stdin && \
        cat /etc/passwd 2>/dev/null || echo closed";
    let rules =
        ["--ro-path", "/usr", "--ro-path", "/bin", "--ro-path", "/lib", "--ro-path", "/lib64"];
    let words = [&rules[..], &["/bin/sh", "-c", script]].concat();
    let given = |name: &str, content: &str| {
        let (path, file) = file(world, name, content);
        world.give(&path);
        (path, file)
    };
    let (_, input) = given("input", "typed\n");
    let (out, output) = given("output", "");
    let (error, errors) = given("errors", "");
    let mut command = world.run_command(&words);
    assert!(command.stdin(input).stdout(output).stderr(errors).status().unwrap().success());
    assert_eq!(fs::read_to_string(out).unwrap(), "out\ntyped\nclosed\n");
    assert_eq!(fs::read_to_string(error).unwrap(), "error\n");
    // To a device that is none of the container's.
    let null = || File::options().read(true).write(true).open("/dev/null").unwrap();
    let mut command = world.run_command(&words);
    assert!(command.stdin(null()).stdout(null()).stderr(null()).status().unwrap().success());
    // What is only read is not to be written to.
    let (path, _) = given("read", "kept\n");
    let script = "echo x 2>/dev/null > /dev/stdin || echo no";
    let words = [&rules[..], &["/bin/sh", "-c", script]].concat();
    let mut command = world.run_command(&words);
    assert_eq!(Outcome::of(command.stdin(File::open(&path).unwrap())).ok(), "no\n");
    // The terminal.
    let script = "echo out > /dev/stdout && stty size < /dev/stdin && echo tty > /dev/tty && tty";
    let words = [&rules[..], &["-t", "/bin/sh", "-c", script]].concat();
    let mut child = world.run_command(&words).stdout(Stdio::piped()).spawn().unwrap();
    let mut seen = String::new();
    child.stdout.take().unwrap().read_to_string(&mut seen).unwrap();
    assert!(child.wait().unwrap().success(), "{seen}");
    assert!(seen.starts_with("out\r\n0 0\r\ntty\r\n/dev/pts/"), "{seen:?}");
}

fn env_files(world: &World) {
    let content =
        b"\xef\xbb\xbfFIRST=1\r\n  SECOND= a b \r\n\r\n  # comment\r\n\tTAKEN\r\nLAST=x\r";
    let file = world.file("env", content);
    let words = ["--env-file", file.to_str().unwrap(), "/usr/bin/env", "-0"];
    let outcome = Outcome::of(world.run_command(&words).env_clear().env("TAKEN", "here"));
    let mut seen: Vec<&str> = outcome.stdout.split_terminator('\0').collect();
    seen.sort_unstable();
    assert_eq!(seen, ["FIRST=1", "LAST=x", "SECOND= a b ", "TAKEN=here"], "{outcome:?}");
    let file = world.file("env", b"A=1\r\nexport B=2\r\n");
    let told = "env: a name with blanks in line 2";
    world.run(&["--env-file", file.to_str().unwrap(), "/usr/bin/env"]).refused(125, told);
}

fn all_capabilities(world: &World) {
    let script = "id -u; sed -n 's/^Cap\\(Prm\\|Eff\\|Bnd\\|Amb\\):.//p' /proc/self/status";
    let sets = |options: &[&str]| -> Vec<u64> {
        let seen = world.sh(&[options, &["-u", "1000:1000"]].concat(), script).ok();
        let mut lines = seen.lines();
        assert_eq!(lines.next(), Some("1000"), "{options:?}");
        lines.map(|line| u64::from_str_radix(line, 16).unwrap()).collect()
    };
    // Root of the host as the tests have it; an ordinary user has all of the kernel's.
    let script = "sed -n 's/^CapEff:.//p' /proc/self/status";
    let all = world.sh(&["--privileged"], script).ok();
    let all = u64::from_str_radix(all.trim(), 16).unwrap();
    assert_eq!(sets(&["--cap-add", "ALL"]), [all; 4]);
    assert_eq!(sets(&["--cap-add", "ALL", "--cap-drop", "CHOWN,KILL"]), [all & !0x21; 4]);
    assert_eq!(sets(&["--privileged", "--cap-add", "ALL"]), [all; 4]);
    let both = ["--cap-add", "ALL", "--cap-add", "NET_ADMIN"];
    assert_eq!(sets(&both), [all; 4]);
    let unconfined = ["--cap-add", "all", "--security-opt", "no-new-privileges=false"];
    assert_eq!(sets(&unconfined), [all; 4]);
    assert_eq!(sets(&["--privileged", "--cap-add", "NET_ADMIN"]), [0x1000, 0x1000, all, 0x1000]);
    assert_eq!(sets(&["--privileged"]), [0, 0, all, 0]);
    assert_eq!(sets(&[]), [0, 0, 0xa804_25fb, 0]);
    // ALL is what there is; a name is a name.
    if world.is_root() {
        let mini = world.mini();
        let outer = ["--privileged", "--cap-drop", "SYS_TIME", "--", mini.to_str().unwrap(), "run"];
        let inner = |added| {
            [&outer[..], &["-u", "1000", "--cap-add", added, "/bin/sh", "-c", script]].concat()
        };
        let seen = world.run(&inner("ALL")).ok();
        assert_eq!(u64::from_str_radix(seen.trim(), 16).unwrap(), all & !(1 << 25));
        world.run(&inner("ALL,SYS_TIME")).refused(125, "SYS_TIME: Operation not permitted");
    }
}

fn parents_first(world: &World) {
    let root = world.directory();
    for directory in ["bin", "proc", "sys", "dev"] {
        fs::create_dir(root.join(directory)).unwrap();
        world.give(&root.join(directory));
    }
    world.copy_busybox(&root.join("bin/busybox"));
    let source = |name: &str| {
        let source = world.directory();
        fs::write(source.join("name"), name).unwrap();
        world.give(&source);
        source.to_str().unwrap().to_owned()
    };
    let (a, b, c) = (source("a"), source("b"), source("c"));
    let script = "for d in /v /v/w /v/w/x; do /bin/busybox cat $d/name; done";
    let run = |options: &[String]| {
        let mut words = vec!["--rootfs".to_owned(), root.to_str().unwrap().to_owned()];
        words.extend_from_slice(options);
        words.extend(["/bin/busybox", "sh", "-c", script].map(str::to_owned));
        world.run(&words)
    };
    let bind = |source: &str, target: &str| format!("-v{source}:{target}");
    let at = ["/v", "/v//w/", "/v/./w/x"];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let options = order.map(|which| bind([&a, &b, &c][which], at[which]));
        assert_eq!(run(&options).ok(), "abc", "{order:?}");
    }
    // Memory and volumes among each other.
    let mixed = [bind(&c, "/v/w/x"), "--tmpfs=/v/w".to_owned(), bind(&a, "/v")];
    let outcome = run(&mixed);
    assert_eq!(outcome.stdout, "ac", "{outcome:?}");
    let mount = format!("--mount=type=bind,src={c},dst=/v/w/x");
    let mixed = [mount, bind(&b, "/v/w"), "--tmpfs=/v".to_owned()];
    assert_eq!(run(&mixed).stdout, "bc");
    // Of two at one path the later one is seen.
    let deep = bind(&c, "/v/w/x");
    let twice = [deep.clone(), bind(&b, "/v/w"), bind(&c, "/v"), bind(&a, "/v/")];
    assert_eq!(run(&twice).ok(), "abc");
    let twice = [deep, bind(&b, "/v/w"), bind(&a, "/v"), bind(&c, "/v/.")];
    assert_eq!(run(&twice).ok(), "cbc");
}

fn one_at_a_time(world: &World) {
    let directory = world.directory();
    let place = directory.to_str().unwrap();
    for name in ["u", "other"] {
        fs::create_dir(directory.join(name)).unwrap();
        world.give(&directory.join(name));
    }
    let upper = format!("{place}/u");
    let root = world.busybox();
    let root = root.to_str().unwrap();
    let words = |layer: &[&str], script: &str| -> Vec<String> {
        let words = [&["--rootfs", root], layer, &["/bin/sh", "-c", script]].concat();
        words.into_iter().map(str::to_owned).collect()
    };
    let run = |layer: &[&str]| world.run(&words(layer, "echo it ran"));
    let told = format!("overlay {upper}: in use by another container");
    let other = format!("{place}/other,{upper}.work");
    let volume = format!("--mount=type=overlay,lower=/etc,upper={upper},work={place}/w,dst=/tmp");
    // One that is killed may have begun to write whatever comes after its input.
    for (killed, script) in [(false, "echo up; cat; echo kept > /kept"), (true, "echo up; cat")] {
        let mut first = world
            .run_command(&words(&["--overlay", &upper], script))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut up = [0; 3];
        first.stdout.as_mut().unwrap().read_exact(&mut up).unwrap();
        // The work directory was made for it.
        assert!(directory.join("u.work").is_dir());
        run(&["--overlay", &upper]).refused(125, &told);
        // However the directory is named, and for what.
        run(&["--overlay", &format!("{place}/other/../u/.,{place}/w")])
            .refused(125, "in use by another");
        run(&["--overlay", &other]).refused(125, "u.work: in use by another container");
        run(&[&volume]).refused(125, &told);
        if killed {
            first.kill().unwrap();
        }
        drop(first.stdin.take());
        assert_eq!(first.wait().unwrap().success(), !killed);
        // Now it is nobody's.
        assert_eq!(run(&["--overlay", &upper]).ok(), "it ran\n");
    }
    assert_eq!(fs::read_to_string(directory.join("u/kept")).unwrap(), "kept\n");
    run(&["--overlay", &upper, &volume]).refused(125, &told);
    run(&["--overlay", &format!("{place}/no")])
        .refused(125, &format!("overlay {place}/no: No such"));
    run(&["--overlay", &format!("{upper},{place}/no/w")]).refused(
        125,
        &format!("overlay {place}/no/w: No such file or directory (the kernel's own"),
    );
    assert!(!directory.join("no.work").exists());
    // Nothing is made when nothing is done.
    let other = format!("{place}/other");
    assert_eq!(run(&["--dry-run", "--overlay", &other]).status, 0);
    assert!(!directory.join("other.work").exists());
}

/// `printf INPUT | mini run -t OPTIONS`, made to end when it hangs; status and output.
fn piped(world: &World, input: &str, words: &[&str]) -> (i32, String) {
    let mini = world.mini();
    let words = [&["60", mini.to_str().unwrap(), "run", "-t"], words].concat();
    let mut command = world.command(Path::new("/usr/bin/timeout"), &words);
    // The program that is told of no terminal shows no colours.
    command.env("TERM", "dumb");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words:?}");
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn no_input(world: &World) {
    // For everybody who reads, one after the other.
    let script = "cat; cat; read x; echo $?; wc -c; echo done";
    let (status, seen) = piped(world, "", &["/bin/sh", "-c", script]);
    assert_eq!((status, seen.as_str()), (0, "1\r\n0\r\ndone\r\n"));
    // In the middle of a line, which is somebody's still.
    let script = "read x; read y; echo \"<$x$y>\"; cat; echo done";
    let (_, seen) = piped(world, "a\nb", &["/bin/sh", "-c", script]);
    assert!(seen.ends_with("<ab>\r\ndone\r\n"), "{seen:?}");
    // Who reads characters: what was written for lines is one, of no meaning; the next is the one.
    for mode in ["-icanon min 1", "raw"] {
        let script = format!("stty {mode}; head -c 2 | od -An -tx1; stty sane; cat; echo done");
        let (status, seen) = piped(world, "", &["/bin/sh", "-c", &script]);
        assert!(status == 0 && seen.contains(" 04") && seen.contains("done"), "{mode}: {seen:?}");
    }
    let (status, seen) =
        piped(world, "", &["/bin/sh", "-c", "stty eof x -icanon -echo; head -c 2"]);
    assert!(status == 0 && seen.ends_with('x'), "{seen:?}");
}

fn no_input_for_busybox(world: &World) {
    let root = world.busybox();
    let root = ["--rootfs", root.to_str().unwrap()];
    let (status, _) = piped(world, "", &[&root[..], &["sh"]].concat());
    assert_eq!(status, 0);
    for input in ["echo $((6*7)); (exit 3)\n", "echo $((6*7)); (exit 3)"] {
        let (status, seen) = piped(world, input, &[&root[..], &["sh"]].concat());
        assert_eq!(status, 3, "{seen:?}");
        assert!(seen.contains("\n42\r\n"), "{seen:?}");
    }
}

fn no_input_for_editors(world: &World) {
    let root = ["--rootfs", world.debian().to_str().unwrap()];
    let run = |input: &str, words: &[&str]| piped(world, input, &[&root[..], words].concat());
    for words in [
        &["bash"][..],
        &["bash", "--noediting", "-i"],
        &["python3"],
        &["python3", "-i", "-c", "pass"],
        &["--init", "bash"],
        &["sh"],
    ] {
        assert_eq!(run("", words).0, 0, "{words:?}");
    }
    for (words, line) in [
        (&["bash"][..], "echo $((6*7)); (exit 3)"),
        (&["sh"], "echo $((6*7)); (exit 3)"),
        (&["python3"], "print(6*7); exit(3)"),
    ] {
        for input in [line.to_owned(), format!("{line}\n"), format!("\n\n{line}\n")] {
            let (status, seen) = run(&input, words);
            assert_eq!(status, 3, "{words:?} {input:?}: {seen:?}");
            assert!(seen.contains("\n42\r\n") || seen.contains("42\r\n"), "{seen:?}");
        }
    }
    // One after the other, and in each other.
    let script = "bash; python3; bash -c 'read -e x; echo $?'; cat; echo done";
    let (status, seen) = run("", &["sh", "-c", script]);
    assert!(status == 0 && seen.ends_with("1\r\ndone\r\n"), "{seen:?}");
    let (status, seen) = run("bash\npython3\n", &["bash"]);
    assert_eq!(status, 0, "{seen:?}");
    // A password is asked for with the typed line thrown away.
    let (status, seen) = run("", &["python3", "-c", "import getpass; getpass.getpass()"]);
    assert!(status == 1 && seen.contains("EOFError"), "{seen:?}");
}

fn memory(world: &World) {
    let script = "stat -c '%u %g %a' /tmp; df -k /tmp | tail -n 1 | tr -s ' ' | cut -d' ' -f2; \
        df -i /tmp | tail -n 1 | tr -s ' ' | cut -d' ' -f2";
    let shown = |options: &str| {
        let seen = world.busybox_sh(&["--tmpfs", &format!("/tmp:{options}")], script).ok();
        let lines: Vec<String> = seen.lines().map(str::to_owned).collect();
        lines
    };
    let kib = |size: &str| shown(size)[1].parse::<u64>().unwrap();
    let all = fs::read_to_string("/proc/meminfo").unwrap();
    let total: u64 = all.split_whitespace().nth(1).unwrap().parse().unwrap();
    for (percent, part) in [("50%", total / 2), ("100%", total), ("1%", total / 100)] {
        assert!(kib(&format!("size={percent}")).abs_diff(part) <= 8, "{percent}");
    }
    assert_eq!(kib("size=1m"), 1024);
    assert_eq!(shown("nr_inodes=77")[2], "77");
    assert_eq!(shown("nr_inodes=2k")[2], "2048");
    assert_eq!(shown("mode=750")[0], "0 0 750");
    if world.is_root() {
        assert_eq!(shown("uid=1000,gid=7,mode=700,size=10%")[0], "1000 7 700");
        assert_eq!(shown("uid=5")[0], "5 0 1777");
    } else {
        assert_eq!(shown("uid=0,gid=0")[0], "0 0 1777");
        let outcome = world.busybox_sh(&["--tmpfs", "/tmp:uid=5"], "echo it ran");
        outcome.refused(125, "mount tmpfs /tmp: Invalid argument (uid= or gid= is not mapped");
    }
    let words = ["--mount", "type=tmpfs,dst=/tmp,size=50%,nr_inodes=9,uid=0"];
    assert_eq!(
        world.busybox_sh(&words, "df -i /tmp | tail -n 1 | tr -s ' ' | cut -d' ' -f2").ok(),
        "9\n"
    );
    for bad in [
        "size=0",
        "size=0%",
        "size=101%",
        "size=%",
        "size=-1%",
        "nr_inodes=0",
        "nr_inodes=x",
        "uid=-1",
        "uid=joe",
        "gid=4294967295",
        "uid=",
    ] {
        let outcome = world.busybox_sh(&["--tmpfs", &format!("/tmp:{bad}")], "echo it ran");
        outcome.refused(125, &format!("{bad}: unknown option (size=SIZE|N% nr_inodes=N"));
    }
}

fn signal_with_init(world: &World) {
    for (script, status, signal) in [
        ("kill -9 $$", 137, "9"),
        ("kill -15 $$", 143, "15"),
        ("kill -34 $$", 162, "34"),
        // What only looks like one.
        ("exit 137", 137, "null"),
        ("exit 0", 0, "null"),
    ] {
        let file = world.directory().join("report");
        let words = ["--init", "--report", file.to_str().unwrap()];
        assert_eq!(world.sh(&words, script).status, status, "{script}");
        let report = fs::read_to_string(&file).unwrap();
        let told = format!("{{\"status\":{status},\"signal\":{signal},\"error\":null");
        assert!(report.starts_with(&told), "{script}: {report}");
    }
    let file = world.directory().join("report");
    let words = ["--init", "--timeout", "0.2", "--report", file.to_str().unwrap()];
    assert_eq!(world.sh(&words, "exec sleep 100").status, 124);
    let report = fs::read_to_string(&file).unwrap();
    assert!(report.starts_with("{\"status\":124,\"signal\":15,"), "{report}");
}

fn lacking_volume(world: &World) {
    let source = world.directory();
    let source = source.to_str().unwrap();
    for (volume, option) in [("/tmp", "ro"), ("/home/joe", "ro"), ("/tmp//./", "ro,nosuid")] {
        for inner in ["-v/etc:/PLACE/x", "--tmpfs=/PLACE/x/y"] {
            let plain = volume.trim_end_matches("/.").trim_matches('/');
            let plain = if plain.starts_with("tmp") { "tmp" } else { plain };
            let inner = inner.replace("PLACE", plain);
            let outer = format!("-v{source}:{volume}:{option}");
            let told = format!(
                "Read-only file system (the volume at {volume} is read-only and has no such path"
            );
            world.busybox_sh(&[&outer, &inner], "echo it ran").refused(125, &told);
            world.busybox_sh(&[&inner, &outer], "echo it ran").refused(125, &told);
        }
    }
}

fn one_process(world: &World) {
    let words = ["--init", "--pids-limit", "1"];
    let told = "start init: Try again (process limit reached: --init and the command are two";
    world.sh(&words, "echo it ran").refused(125, told);
    assert_eq!(world.run(&["--init", "--pids-limit", "2", "/bin/echo", "fine"]).ok(), "fine\n");
}

fn own_tmp(world: &World) {
    let directory = world.directory();
    let script = "echo made > made && t=$(mktemp) && echo x > $t && echo y > /tmp/y && cat $t /tmp/y && \
        pwd && cc=$(command -v cc) && echo 'int main(){return 7;}' > p.c && $cc -o p p.c && ./p";
    let build = directory.join("build.sh");
    fs::write(&build, script).unwrap();
    fs::set_permissions(&build, PermissionsExt::from_mode(0o755)).unwrap();
    fs::write(directory.join("secret"), "secret\n").unwrap();
    let inner = directory.join("inner");
    fs::create_dir(&inner).unwrap();
    world.give(&inner);
    let has_compiler = world.sh(&[], "command -v cc").status == 0;
    let run = |words: &[&str]| {
        let mut command =
            world.run_command(&[&["--ro-path", "/", "--rw-path", "."], words].concat());
        Outcome::of(command.current_dir(&inner))
    };
    // In a directory that is itself in the host's /tmp, with a program that is there, too.
    for words in
        [&["/bin/sh", build.to_str().unwrap()][..], &["../build.sh"], &["/bin/sh", "-c", script]]
    {
        let outcome = run(words);
        let expected = format!("x\ny\n{}\n", inner.display());
        assert_eq!(outcome.stdout, expected, "{words:?}: {outcome:?}");
        assert!(outcome.status == 7 || !has_compiler, "{outcome:?}");
    }
    let outcome = run(&["/bin/cat", "../secret"]);
    assert_eq!(outcome.ok(), "secret\n");
    run(&["/bin/sh", "-c", "echo x > ../secret"]);
    assert_eq!(fs::read_to_string(directory.join("secret")).unwrap(), "secret\n");
    assert_eq!(fs::read_to_string(inner.join("made")).unwrap(), "made\n");
    assert!(!Path::new("/tmp/y").exists());
    let program = world.probe();
    let outcome = run(&[program.to_str().unwrap(), "__probe", "argv", "x"]);
    assert_eq!(outcome.status, 0, "{outcome:?}");
    // Where only reading is allowed, it stays so.
    let mut command =
        world.run_command(&["--ro-path", "/", "/bin/sh", "-c", "cat made; echo x > made"]);
    let outcome = Outcome::of(command.current_dir(&inner));
    assert!(outcome.status != 0 && outcome.stdout == "made\n", "{outcome:?}");
    // Whoever says something of /tmp means the host's.
    let mark = format!("/tmp/{}", directory.file_name().unwrap().display());
    let words = ["--ro-path", "/", "--rw-path", "/tmp", "/bin/sh", "-c", "echo x > $0"];
    let seen = world.run(&[&words[..], &[&format!("{mark}.{}", world.who)]].concat());
    assert_eq!(seen.status, 0, "{seen:?}");
    fs::remove_file(format!("{mark}.{}", world.who)).unwrap();
    let words = [
        "--ro-path",
        "/",
        "--ro-path",
        "/tmp",
        "/bin/sh",
        "-c",
        "ls /tmp | wc -l; echo x > /tmp/y",
    ];
    let seen = world.run(&words);
    assert!(seen.status != 0 && seen.stdout != "0\n", "{seen:?}");
}

fn without_effect(world: &World) {
    for (words, told) in [
        (&["--then", "poweroff"][..], "option --then: mini is not PID 1 of the machine"),
        (
            &["--security-opt", "unmask=/proc/nothing"],
            "option --security-opt unmask /proc/nothing: is not masked",
        ),
        (&["--mount", "type=tmpfs,src=/x,dst=/tmp"], "takes no source"),
        (&["--mount", "type=proc,src=/proc,dst=/tmp"], "takes no source"),
        (
            &["--mount", "type=overlay,lower=/etc,dst=/tmp,rslave"],
            "bind, private and slave are for type=bind",
        ),
    ] {
        world.run(&[words, &["/bin/echo", "it ran"]].concat()).refused(125, told);
    }
    // What is asked for to be hidden is hidden, whatever else is not.
    let words = ["--privileged", "--security-opt", "mask=/proc/uptime"];
    assert_eq!(
        world.sh(&words, "wc -c < /proc/uptime; [ -s /proc/cmdline ] && echo seen").ok(),
        "0\nseen\n"
    );
}
