//! What is refused beyond the walls of a container: calls and socket families, a mini with rights of
//! its own, changes beside the paths that were named, odd descriptors, files that do not end.

use crate::world::{Outcome, World, eventually};
use crate::{Need, Promise};
use mini::text::is_plain;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const BUSYBOX: &[Need] = &[Need::Busybox];

pub const PROMISES: &[Promise] = &[
    Promise { name: "socket_families_beyond_the_network_are_refused", needs: &[], check: families },
    Promise {
        name: "calls_newer_than_the_table_fail_with_enosys",
        needs: &[],
        check: unknown_calls,
    },
    Promise {
        name: "mini_refuses_set_id_and_file_capabilities",
        needs: &[Need::Root],
        check: set_id,
    },
    Promise {
        name: "only_writable_paths_can_be_changed_in_any_way",
        needs: &[Need::Landlock],
        check: paths,
    },
    Promise {
        name: "only_writable_paths_can_be_changed_in_a_rootfs",
        needs: &[Need::Landlock, Need::Busybox],
        check: paths_in_a_root,
    },
    Promise { name: "a_mask_hides_what_a_volume_shows", needs: BUSYBOX, check: masked_volume },
    Promise { name: "messages_and_json_are_plain_text", needs: &[], check: messages },
    Promise {
        name: "passwd_and_group_are_regular_files_of_bounded_size",
        needs: BUSYBOX,
        check: endless_users,
    },
    Promise {
        name: "containers_at_the_same_time_have_different_ids",
        needs: &[Need::Root],
        check: own_ranges,
    },
    Promise {
        name: "a_directory_as_standard_descriptor_is_refused",
        needs: &[],
        check: directories,
    },
    Promise { name: "the_security_documents_name_tests_that_exist", needs: &[], check: documents },
    Promise {
        name: "the_machines_counters_are_masked",
        needs: &[Need::Root, Need::Busybox],
        check: masked_counters,
    },
];

/// The documents name tests, and these exist.
fn documents(_: &World) {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: PathBuf| fs::read_to_string(path).unwrap();
    let files = fs::read_dir(top.join("tests/promises")).unwrap();
    let tests: String = files.map(|file| read(file.unwrap().path())).collect();
    let mut count = 0;
    for document in ["SECURITY.md", "docs/published-holes.md"] {
        for word in read(top.join(document)).split('`').skip(1).step_by(2) {
            let is_name = word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
            if is_name && word.matches('_').count() > 2 {
                assert!(tests.contains(&format!("name: \"{word}\"")), "{document}: {word}");
                count += 1;
            }
        }
    }
    assert!(count > 50, "{count}");
}

const UNCONFINED: [&str; 2] = ["--security-opt", "seccomp=unconfined"];

/// What a call answers inside: `ok`, or its error's number.
fn answer(world: &World, options: &[&str], call: &[&str]) -> Outcome {
    let probe = world.probe();
    let words = [options, &["--", probe.to_str().unwrap(), "__probe", "call"], call];
    world.run(&words.concat())
}

fn number(call: i64) -> String {
    call.to_string()
}

const EPERM: &str = "1\n";
const ENOSYS: &str = "38\n";

fn families(world: &World) {
    let socket = number(libc::SYS_socket);
    // The kernel takes the low half of the first argument, and so does the filter.
    for family in [38u64, 40, 42, 38 | 1 << 32, 40 | 0xffff_ffff << 32, 42 | 1 << 63] {
        let family = family.to_string();
        for options in [&[][..], &["--cap-add", "ALL"]] {
            for kind in ["1", "2", "5", "524293"] {
                let seen = answer(world, options, &[&socket, &family, kind, "0"]);
                assert_eq!(seen.ok(), EPERM, "{options:?} {family} {kind}");
            }
        }
        // Without the filter it is for the kernel to say, which has another answer.
        assert_ne!(answer(world, &UNCONFINED, &[&socket, &family, "5", "0"]).ok(), EPERM);
    }
    for family in ["1", "2", "10", "16"] {
        assert_eq!(answer(world, &[], &[&socket, family, "2", "0"]).ok(), "ok\n", "{family}");
    }
    if cfg!(target_arch = "x86_64") {
        let x32 = number(0x4000_0000 | libc::SYS_socket);
        assert_eq!(answer(world, &[], &[&x32, "38", "5", "0"]).ok(), ENOSYS);
        // By the call of 32-bit programs: socket has number 359 there. The filter kills.
        let seen = answer(world, &[], &["int80", "359", "38", "5", "0"]);
        assert_eq!(seen.status, 128 + libc::SIGSYS, "{seen:?}");
        // By itself nothing is wrong with it, where the kernel has it.
        assert_eq!(answer(world, &UNCONFINED, &["int80", "20", "0", "0", "0"]).status, 0);
    }
}

fn unknown_calls(world: &World) {
    for call in [470, 471, 600, 1023, 0x3fff_ffff] {
        for options in [&[][..], &["--cap-add", "ALL"]] {
            assert_eq!(answer(world, options, &[&number(call)]).ok(), ENOSYS, "{call}");
        }
    }
    // The newest that was judged, file_setattr, is the kernel's to answer.
    let newest = [&*number(469), "4294967295"];
    assert_eq!(answer(world, &[], &newest).ok(), answer(world, &UNCONFINED, &newest).ok());
}

/// A copy of mini that belongs to root, run by somebody else.
fn set_id(world: &World) {
    let directory = world.directory();
    let copy = |name: &str| {
        let path = directory.join(name);
        assert!(Command::new("cp").arg(world.mini()).arg(&path).status().unwrap().success());
        path
    };
    let run = |mini: &Path, words: &[&str]| {
        let mut command = Command::new(mini);
        Outcome::of(command.args(words).uid(65534).gid(65534).current_dir("/").stdin(Stdio::null()))
    };
    let plain = copy("plain");
    assert_eq!(run(&plain, &["run", "id", "-u"]).ok(), "0\n");
    for mode in [0o4755, 0o2755, 0o6755] {
        let mini = copy(&format!("m{mode:o}"));
        fs::set_permissions(&mini, fs::Permissions::from_mode(mode)).unwrap();
        for words in [&["run", "id"][..], &["run", "--privileged", "id"], &["check"], &["--help"]] {
            run(&mini, words).refused(125, "start: mini is set-user-id or set-group-id");
        }
        // For whom it gives nothing to, it is a mini like any other.
        let own = Outcome::of(Command::new(&mini).args(["run", "id", "-u"]).stdin(Stdio::null()));
        assert_eq!(own.ok(), "0\n");
        // Nor is there anything to gain where the kernel passes over the bits.
        let mut command = Command::new("setpriv");
        command.args(["--no-new-privs", "--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        let command = command.arg(&mini).args(["run", "id", "-u"]).current_dir("/");
        assert_eq!(Outcome::of(command.stdin(Stdio::null())).ok(), "0\n");
    }
    let able = copy("able");
    for set in ["cap_sys_admin+ep", "cap_net_bind_service=ep"] {
        let setcap = Command::new("setcap").arg(set).arg(&able).output();
        // Not every file system has room for them, nor every host the program.
        let Ok(true) = setcap.map(|output| output.status.success()) else { continue };
        run(&able, &["run", "id"]).refused(125, "start: mini has file capabilities");
    }
}

/// Everything that changes a file without writing to it, and what writes.
const CHANGES: [&str; 9] = [
    "chmod 600 FILE",
    "chown $(id -u):$(id -g) FILE",
    "touch FILE",
    "echo x >> FILE",
    "mv FILE FILE.moved",
    "ln FILE FILE.linked",
    "ln -s x DIR/made",
    "mkdir DIR/made",
    "rm FILE",
];

/// In a directory to be read and one to be changed, as (its path inside, a run) has it.
fn only_inside(
    top: &Path,
    within: &str,
    run: &dyn Fn(&[&str], &str) -> Outcome,
    own: &dyn Fn(&Path),
) {
    let state = || {
        let meta = |path: &Path| {
            use std::os::unix::fs::MetadataExt;
            let meta = fs::metadata(path).unwrap();
            (
                meta.mode(),
                meta.uid(),
                meta.mtime(),
                meta.mtime_nsec(),
                meta.ctime(),
                meta.ctime_nsec(),
            )
        };
        let mut names: Vec<_> =
            fs::read_dir(top.join("out")).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        let metas: Vec<_> = names.iter().map(|path| meta(path)).collect();
        (meta(&top.join("out")), names, metas)
    };
    for (name, mode) in [("out", 0o777), ("in", 0o777)] {
        fs::create_dir(top.join(name)).unwrap();
        fs::set_permissions(top.join(name), fs::Permissions::from_mode(mode)).unwrap();
        fs::write(top.join(name).join("file"), "content\n").unwrap();
        own(&top.join(name));
        own(&top.join(name).join("file"));
    }
    let before = state();
    let inner = format!("{within}/in");
    let options = ["--ro-path", "/", "--rw-path", &inner];
    let script = |change: &str, directory: &str| {
        let file = format!("{within}/{directory}/file");
        change.replace("FILE", &file).replace("DIR", &format!("{within}/{directory}"))
    };
    for change in CHANGES {
        let outcome = run(&options, &script(change, "out"));
        assert_ne!(outcome.status, 0, "{change}: {outcome:?}");
        assert!(state() == before, "{change}");
    }
    assert_eq!(run(&options, &script("cat FILE", "out")).ok(), "content\n");
    // What was named is as it was: each of them works there, the last one last.
    for change in CHANGES {
        let restore =
            script("test -e FILE || mv FILE.moved FILE; rm -rf FILE.linked DIR/made; ", "in");
        run(&options, &format!("{restore}{}", script(change, "in"))).ok();
    }
    // Also from where one is, and a process's own files in /proc.
    run(&options, &format!("cd {inner} && echo x > here && chmod 600 here && rm here")).ok();
    run(&options, "echo 500 > /proc/self/oom_score_adj && echo x > /dev/null").ok();
    // It is the rules that hold it.
    run(&[], &script("chmod 640 FILE && touch FILE", "out")).ok();
    assert!(state() != before);
}

fn paths(world: &World) {
    let top = world.directory();
    let within = top.to_str().unwrap();
    // With / alone the host's /tmp, where all of this lies, would not be seen.
    let run = |options: &[&str], script: &str| {
        let own: &[&str] = if options.is_empty() { &[] } else { &["--ro-path", within] };
        world.sh(&[own, options].concat(), script)
    };
    only_inside(&top, within, &run, &|path| world.give(path));
    // Where mini's caller is stays where the command is, and can be changed if that was said.
    let inner = top.join("in");
    let mut command =
        world.run_command(&["--ro-path", "/", "--rw-path", ".", "--", "/bin/sh", "-c"]);
    let command = command.arg("pwd; echo x > made && chmod 600 made && rm made");
    let seen = Outcome::of(command.current_dir(&inner));
    assert_eq!(seen.ok(), format!("{}\n", inner.display()));
    // An attribute, by the call.
    let attribute = |directory: &str| {
        let file = top.join(directory).join("file");
        fs::write(&file, "").unwrap();
        world.give(&file);
        let options = ["--ro-path", "/", "--ro-path", within, "--rw-path", inner.to_str().unwrap()];
        answer(world, &options, &["setxattr", file.to_str().unwrap()]).ok()
    };
    assert_eq!(attribute("out"), format!("{}\n", libc::EROFS));
    let there = attribute("in");
    assert!(there == "ok\n" || there == format!("{}\n", libc::EOPNOTSUPP), "{there}");
    // A terminal goes to its user: one with an id of its own, where there is another.
    let user = if world.is_root() { "7:7" } else { "7" };
    let words = ["-t", "-u", user, "--ro-path", "/", "--", "/bin/sh", "-c"];
    let mut command = world.run_command(&words);
    let seen = Outcome::of(command.arg("stat -c %u $(tty)").stdin(Stdio::null()));
    assert_eq!(seen.ok(), "7\r\n");
    // A link among the rules is no way around.
    let link = top.join("link");
    symlink(&inner, &link).unwrap();
    let options = ["--ro-path", "/", "--ro-path", within, "--rw-path", link.to_str().unwrap()];
    world.sh(&options, &format!("touch {}/x", inner.display())).ok();
}

fn paths_in_a_root(world: &World) {
    let root = world.directory();
    for directory in ["bin", "proc", "sys", "dev", "top"] {
        fs::create_dir(root.join(directory)).unwrap();
        world.give(&root.join(directory));
    }
    world.copy_busybox(&root.join("bin/busybox"));
    for applet in ["sh", "cat", "chmod", "chown", "touch", "mv", "ln", "mkdir", "rm", "id", "test"]
    {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    let rootfs = root.to_str().unwrap();
    let run = |options: &[&str], script: &str| {
        world.sh(&[&["--rootfs", rootfs], options].concat(), script)
    };
    only_inside(&root.join("top"), "/top", &run, &|path| world.give(path));
    // Its terminal is the console, too.
    let words =
        ["-t", "--rootfs", rootfs, "--ro-path", "/", "--", "/bin/test", "-c", "/dev/console"];
    Outcome::of(world.run_command(&words).stdin(Stdio::null())).ok();
}

fn masked_volume(world: &World) {
    let data = world.directory();
    fs::write(data.join("secret"), "secret\n").unwrap();
    fs::write(data.join("open"), "open\n").unwrap();
    fs::create_dir(data.join("keys")).unwrap();
    fs::write(data.join("keys/key"), "secret\n").unwrap();
    let volume = format!("{}:/tmp:ro", data.display());
    let run = |masks: &[&str], script: &str| {
        let mut options = vec!["-v", &volume];
        for mask in masks {
            options.extend(["--security-opt", mask]);
        }
        world.busybox_sh(&options, script)
    };
    let script = "cat /tmp/secret /tmp/open; ls -A /tmp/keys";
    assert_eq!(run(&[], script).ok(), "secret\nopen\nkey\n");
    assert_eq!(run(&["mask=/tmp/secret", "mask=/tmp/keys"], script).ok(), "open\n");
    // What is not there cannot be hidden, and whoever says so may have misspelled it.
    run(&["mask=/tmp/sceret"], "true").refused(125, "mask path /tmp/sceret: No such file");
    run(&["mask=/no/such"], "true").refused(125, "mask path /no/such: No such file");
}

/// Words that would steer a terminal, turn text around or are no text.
const HOSTILE: &[u8] =
    b"/x\x1b[2J\x9b2J\xc2\x9b2J\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8\xd8\x9c\xff\x00\x7f\r\n\"\\";

fn messages(world: &World) {
    let hostile: Vec<u8> = HOSTILE.iter().copied().filter(|byte| *byte != 0).collect();
    let hostile = OsStr::from_bytes(&hostile);
    let with = |prefix: &str, suffix: &str| {
        let mut word = std::ffi::OsString::from(prefix);
        word.push(hostile);
        word.push(suffix);
        word
    };
    let plain = |bytes: &[u8], what: &str| {
        let text = str::from_utf8(bytes).unwrap_or_else(|_| panic!("{what}: {bytes:?}"));
        assert!(text.chars().all(|c| is_plain(c) || c == '\n'), "{what}: {text:?}");
        assert!(text.contains("\\xc2\\x9b"), "{what}: {text:?}");
    };
    let report = world.directory().join("report");
    let volume = with("", ":/mnt");
    let mask = with("mask=", "");
    let env_file = with("", "");
    let rows: [(&[&OsStr], &OsStr); 9] = [
        (&[], hostile),
        (&["--rootfs".as_ref(), hostile], "true".as_ref()),
        (&["-v".as_ref(), &volume], "true".as_ref()),
        (&["--security-opt".as_ref(), &mask], "true".as_ref()),
        (&["--env-file".as_ref(), &env_file], "true".as_ref()),
        (&["--cap-add".as_ref(), hostile], "true".as_ref()),
        (&["-w".as_ref(), hostile], "true".as_ref()),
        (&["-u".as_ref(), hostile], "true".as_ref()),
        (&["--ro-path".as_ref(), hostile], "true".as_ref()),
    ];
    // A kernel without Landlock has another reason to complain.
    let rows = &rows[..rows.len() - usize::from(crate::old::is_wanted())];
    for (options, command) in rows {
        let _ = fs::remove_file(&report);
        fs::write(&report, "").unwrap();
        world.give(&report);
        let mut words: Vec<&OsStr> = vec!["--report".as_ref(), report.as_ref()];
        words.extend(*options);
        words.extend(["--".as_ref(), *command]);
        let output = world.run_command(&words).output().unwrap();
        let what = format!("{words:?}");
        assert!(matches!(output.status.code(), Some(125..=127)), "{what}: {output:?}");
        plain(&output.stderr, &what);
        let written = fs::read(&report).unwrap();
        // Nothing is reported of what failed before there was something to report.
        if !written.is_empty() {
            plain(&written.replace_double_backslashes(), &what);
            let json: serde_json::Value = serde_json::from_slice(&written).expect(&what);
            let line = String::from_utf8(output.stderr.clone()).unwrap();
            assert_eq!(format!("mini: {}\n", json["error"].as_str().unwrap()), line);
        }
        for looking in ["--trace", "--dry-run"] {
            let words = [&[looking.as_ref()][..], options, &["--".as_ref(), command]].concat();
            let output = world.run_command(&words).output().unwrap();
            for bytes in [&output.stdout, &output.stderr] {
                let text = str::from_utf8(bytes).expect("UTF-8");
                assert!(text.chars().all(|c| is_plain(c) || c == '\n'), "{words:?}: {text:?}");
            }
        }
    }
}

trait Backslashes {
    fn replace_double_backslashes(&self) -> Vec<u8>;
}

impl Backslashes for Vec<u8> {
    /// As the text was before it became JSON.
    fn replace_double_backslashes(&self) -> Vec<u8> {
        String::from_utf8(self.clone()).unwrap().replace("\\\\", "\\").into_bytes()
    }
}

fn endless_users(world: &World) {
    let root = world.directory();
    for directory in ["bin", "etc", "proc", "sys", "dev"] {
        fs::create_dir(root.join(directory)).unwrap();
        world.give(&root.join(directory));
    }
    world.copy_busybox(&root.join("bin/busybox"));
    symlink("busybox", root.join("bin/id")).unwrap();
    let rootfs = root.to_str().unwrap();
    let make = |path: &Path, kind: &str| match kind {
        "fifo" => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        "directory" => fs::create_dir(path).unwrap(),
        "huge" => fs::File::create(path).unwrap().set_len(1 << 40).unwrap(),
        link => symlink(link, path).unwrap(),
    };
    let is_odd = "is not a regular file";
    let rows = [
        ("/dev/zero", is_odd),
        ("/dev/urandom", is_odd),
        ("/dev/tty", ""),
        ("/proc/self/fd/0", is_odd),
        ("fifo", is_odd),
        ("directory", is_odd),
        ("huge", "longer than 16 MiB"),
        ("/proc/self/pagemap", ""),
    ];
    for (kind, words) in rows {
        for name in ["passwd", "group"] {
            let path = root.join("etc").join(name);
            make(&path, kind);
            let user = match name {
                "passwd" => &["-u", "joe"][..],
                _ => &["--group-add", "tape"][..],
            };
            let words_of = [&["--rootfs", rootfs], user, &["--", "/bin/id"]].concat();
            world.run(&words_of).refused(125, words);
            if kind == "directory" {
                fs::remove_dir(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
    }
    // A file that is none of this is read, and one that is not there is an empty one.
    fs::write(root.join("etc/passwd"), "joe:x:0:0::/:/bin/sh\n").unwrap();
    world.run(&["--rootfs", rootfs, "-u", "joe:0", "--", "/bin/id"]).ok();
}

/// A container that says which ids it has and waits.
fn waiting(world: &World, options: &[&str]) -> (Child, String) {
    let script = "tr -s ' ' < /proc/self/uid_map; tr -s ' ' < /proc/self/gid_map; read x";
    let words = [&["--userns", "auto"], options, &["--", "/bin/sh", "-c", script]].concat();
    let mut command = world.run_command(&words);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut lines = String::new();
    reader.read_line(&mut lines).unwrap();
    reader.read_line(&mut lines).unwrap();
    (child, lines)
}

fn own_ranges(world: &World) {
    let options: [&[&str]; 4] = [&[], &["--init"], &["--network", "host"], &["--pid", "host"]];
    let mut running: Vec<(Child, String)> =
        options.iter().map(|options| waiting(world, options)).collect();
    let first_of = |lines: &str| -> Vec<u32> {
        lines.lines().map(|line| line.split_whitespace().nth(1).unwrap().parse().unwrap()).collect()
    };
    for line in 0..2 {
        let mut firsts: Vec<u32> = running.iter().map(|(_, lines)| first_of(lines)[line]).collect();
        firsts.sort();
        assert!(firsts.windows(2).all(|pair| pair[1] - pair[0] >= 65_536), "{firsts:?}");
    }
    // However mini ends, what it had is free again.
    let (mut killed, ids) = running.swap_remove(0);
    killed.kill().unwrap();
    killed.wait().unwrap();
    eventually("its ids are free", || {
        let (mut next, again) = waiting(world, &[]);
        drop(next.stdin.take());
        next.wait().unwrap();
        again == ids
    });
    for (mut child, _) in running {
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}

fn directories(world: &World) {
    let secret = world.directory();
    fs::write(secret.join("secret"), "secret").unwrap();
    let open = || Stdio::from(fs::File::open(&secret).unwrap());
    let names = ["standard input", "standard output", "standard error"];
    for (number, name) in names.into_iter().enumerate() {
        let mut command = world.run_command(&["--", "/bin/echo", "it ran"]);
        match number {
            0 => command.stdin(open()),
            1 => command.stdout(open()),
            _ => command.stderr(open()),
        };
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(125), "{output:?}");
        assert_eq!(output.stdout, b"");
        if number < 2 {
            let line = String::from_utf8(output.stderr).unwrap();
            assert!(line.starts_with(&format!("mini: use '{name}': Is a directory")), "{line}");
        }
    }
    // One that is only a place (O_PATH) is as much a way out.
    let place = PathBuf::from(&secret);
    let place = rustix::fs::open(&place, rustix::fs::OFlags::PATH, rustix::fs::Mode::empty());
    let mut command = world.run_command(&["--", "/bin/echo", "it ran"]);
    let output = command.stdin(Stdio::from(place.unwrap())).output().unwrap();
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    // Anything else is fine, and so is nothing.
    for path in ["/dev/null", "/etc/passwd"] {
        let mut command = world.run_command(&["--", "/bin/echo", "it ran"]);
        command.stdin(Stdio::from(fs::File::open(path).unwrap()));
        assert_eq!(Outcome::of(&mut command).ok(), "it ran\n");
    }
    let script = format!("exec {} run -- /bin/echo it ran <&-", world.mini().display());
    let seen = Outcome::of(&mut world.command("/bin/sh".as_ref(), &["-c", &script]));
    assert_eq!(seen.ok(), "it ran\n");
}

/// What this host has of them; a host without shows the same.
fn masked_counters(world: &World) {
    let listed = "ls -A /sys/devices/virtual/powercap /sys/devices/system/cpu/cpu*/thermal_throttle \
                  /proc/dynamic_debug 2>/dev/null | grep -v -e : -e '^$'";
    let seen = world.busybox_sh(&[], listed);
    assert_eq!(seen.stdout, "", "{seen:?}");
    for path in ["/proc/lock_stat", "/proc/profile", "/proc/dynamic_debug/control"] {
        let seen = world.busybox_sh(&[], &format!("cat {path} 2>/dev/null"));
        assert_eq!(seen.stdout, "", "{path}");
    }
    let plan = world.busybox_sh(&["--dry-run"], "true").ok();
    for path in ["dynamic_debug", "lock_stat", "profile"] {
        assert!(plan.contains(&format!("/proc/{path}\n")), "{plan}");
    }
    assert!(plan.contains("/sys/devices/virtual/powercap\n"), "{plan}");
    let cpus = fs::read_dir("/sys/devices/system/cpu").unwrap().flatten();
    for cpu in cpus.filter(|entry| entry.path().join("thermal_throttle").exists()) {
        let path = cpu.path().join("thermal_throttle");
        assert!(plan.contains(&format!("{}\n", path.display())), "{plan}");
    }
}

/// Makes one system call with numbers, or with a path, and prints `ok` or its error's number.
pub fn call(args: &[std::ffi::OsString]) {
    let words: Vec<&str> = args.iter().map(|word| word.to_str().unwrap()).collect();
    let value = |at: usize| words.get(at).map_or(0, |word| word.parse::<u64>().unwrap());
    let error = match words[0] {
        "setxattr" => {
            let path = std::ffi::CString::new(words[1]).unwrap();
            let (name, content) = (c"user.mini", c"x");
            // SAFETY: strings and one byte that outlive the call.
            let result = unsafe {
                libc::setxattr(path.as_ptr(), name.as_ptr(), content.as_ptr().cast(), 1, 0)
            };
            if result == 0 { 0 } else { std::io::Error::last_os_error().raw_os_error().unwrap() }
        }
        "int80" => int80([value(1), value(2), value(3), value(4)]),
        _ => {
            // SAFETY: the tests give numbers that are no pointers.
            let result = unsafe { libc::syscall(value(0) as i64, value(1), value(2), value(3), 0) };
            if result >= 0 { 0 } else { std::io::Error::last_os_error().raw_os_error().unwrap() }
        }
    };
    match error {
        0 => println!("ok"),
        error => println!("{error}"),
    }
}

/// A call as 32-bit programs make it.
#[cfg(target_arch = "x86_64")]
fn int80([number, a, b, c]: [u64; 4]) -> i32 {
    let result: u64;
    // SAFETY: a call with numbers; rbx, which the compiler keeps for itself, is put back.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {a}", "int 0x80", "xchg rbx, {a}",
            a = inout(reg) a => _,
            inlateout("rax") number => result,
            in("rcx") b,
            in("rdx") c,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    match result as i32 {
        error @ ..0 => -error,
        _ => 0,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn int80(_: [u64; 4]) -> i32 {
    libc::ENOSYS
}
