//! Files of the caller's, the pidfile and the report: whole or not at all, and nobody else's.

use crate::life::{signal, started};
use crate::world::{Outcome, World, eventually};
use crate::{Need, Promise};
use rustix::process::Signal;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

pub const PROMISES: &[Promise] = &[
    Promise { name: "files_pidfile_of_two_is_the_later_ones", needs: &[], check: two_pidfiles },
    Promise { name: "files_nothing_is_left_by_kill_9", needs: &[], check: killed },
    Promise { name: "files_of_other_kinds_are_left_alone", needs: &[], check: kinds },
    Promise { name: "files_are_removed_where_they_were_made", needs: &[], check: moved },
    Promise { name: "files_report_of_two_is_whole", needs: &[], check: two_reports },
    Promise { name: "files_a_failing_report_keeps_the_status", needs: &[], check: failing },
    Promise {
        name: "files_a_report_that_may_only_be_written",
        needs: &[Need::User],
        check: in_place,
    },
    Promise { name: "files_lost_output_is_reported", needs: &[], check: full_disk },
];

fn ended(mut child: Child, mut stdout: impl Read) -> i32 {
    stdout.read_to_end(&mut Vec::new()).unwrap();
    child.wait().unwrap().code().unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

fn two_pidfiles(world: &World) {
    let directory = world.directory();
    let file = directory.join("pid");
    let options = ["--pidfile", file.to_str().unwrap()];
    let read = || fs::read_to_string(&file).unwrap();
    let (first, first_out) = started(world, &options, "echo up; exec sleep 1000");
    let of_first = read();
    let (second, second_out) = started(world, &options, "echo up; exec sleep 1000");
    let of_second = read();
    assert_ne!(of_first, of_second);
    signal(&first, Signal::TERM);
    assert_eq!(ended(first, first_out), 143);
    assert_eq!(read(), of_second);
    signal(&second, Signal::TERM);
    assert_eq!(ended(second, second_out), 143);
    assert_eq!(names(&directory), Vec::<String>::new());
    // One that somebody else has put in its place stays, too.
    let (mini, out) = started(world, &options, "echo up; exec sleep 1000");
    fs::remove_file(&file).unwrap();
    fs::write(&file, "mine\n").unwrap();
    signal(&mini, Signal::TERM);
    assert_eq!(ended(mini, out), 143);
    assert_eq!(read(), "mine\n");
}

fn killed(world: &World) {
    let directory = world.directory();
    let (pid, report) = (directory.join("pid"), directory.join("report"));
    let words = ["--pidfile", pid.to_str().unwrap(), "--report", report.to_str().unwrap(), "true"];
    for round in 0..300u64 {
        let mut child = world.run_command(&words).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(round * 7919 % 6000));
        child.kill().unwrap();
        child.wait().unwrap();
        for name in names(&directory) {
            assert!(["pid", "report"].contains(&name.as_str()), "{name}");
            // Whole, if it is there.
            assert!(fs::read_to_string(directory.join(name)).unwrap().ends_with('\n'));
        }
    }
    // And what a killed one has left is in nobody's way.
    assert_eq!(world.run(&words).ok(), "");
    assert!(!pid.exists());
}

fn kinds(world: &World) {
    let directory = world.directory();
    let path = |name: &str| directory.join(name);
    fs::write(path("target"), "target").unwrap();
    symlink("target", path("link")).unwrap();
    symlink("nowhere", path("loose")).unwrap();
    fs::create_dir(path("directory")).unwrap();
    let fifo = Outcome::of(&mut world.command("mkfifo".as_ref(), &[path("fifo")]));
    fifo.ok();
    symlink("/dev/full", path("full")).unwrap();
    let mut kinds = vec!["link", "loose", "directory", "fifo", "full"];
    if world.is_root() {
        let device = path("device");
        let words = [device.to_str().unwrap(), "c", "1", "7"];
        Outcome::of(&mut world.command("mknod".as_ref(), &words)).ok();
        kinds.push("device");
    }
    let before: Vec<_> =
        kinds.iter().map(|kind| fs::symlink_metadata(path(kind)).unwrap().file_type()).collect();
    for kind in &kinds {
        let path = path(kind);
        let path = path.to_str().unwrap();
        world.run(&["--pidfile", path, "echo", "it ran"]).refused(125, "not a regular file");
        if *kind != "device" {
            world.run(&["--report", path, "echo", "it ran"]).refused(125, "not a regular file");
        }
    }
    let after: Vec<_> =
        kinds.iter().map(|kind| fs::symlink_metadata(path(kind)).unwrap().file_type()).collect();
    assert_eq!(before, after);
    assert_eq!(fs::read_to_string(path("target")).unwrap(), "target");
    assert!(fs::metadata("/dev/full").unwrap().file_type().is_char_device());
    for number in ["4294967297", "2147483648", "99999999999999999999"] {
        world.run(&["--report", number, "echo", "it ran"]).refused(125, "out of range");
    }
    for path in ["/", ".", "/tmp/", "/tmp/.", "/no/such/x"] {
        let outcome = world.run(&["--pidfile", path, "echo", "it ran"]);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (125, ""), "{path}: {outcome:?}");
    }
}

/// The directory's name may lead elsewhere by the end.
fn moved(world: &World) {
    let directory = world.directory();
    let (sub, away, victim) =
        (directory.join("sub"), directory.join("away"), directory.join("victim"));
    for path in [&sub, &victim] {
        fs::create_dir(path).unwrap();
        world.give(path);
    }
    fs::write(victim.join("pid"), "of somebody else").unwrap();
    let file = sub.join("pid");
    let script = "echo up; read line";
    let (mut child, out) = started(world, &["--pidfile", file.to_str().unwrap()], script);
    assert!(file.exists());
    fs::rename(&sub, &away).unwrap();
    symlink(&victim, &sub).unwrap();
    drop(child.stdin.take());
    ended(child, out);
    assert_eq!(fs::read_to_string(victim.join("pid")).unwrap(), "of somebody else");
    assert_eq!(names(&away), Vec::<String>::new());
}

fn two_reports(world: &World) {
    let file = world.directory().join("report");
    let words = ["--report", file.to_str().unwrap(), "--", "/bin/true"];
    for _ in 0..100 {
        let children: Vec<_> = (0..2).map(|_| world.run_command(&words).spawn().unwrap()).collect();
        for mut child in children {
            assert_eq!(child.wait().unwrap().code(), Some(0));
            // Not there for a moment while the second takes its place; whole, if it is.
            let report = fs::read_to_string(&file).unwrap_or("{\"status\":0,}}\n".into());
            assert!(report.starts_with("{\"status\":0,") && report.ends_with("}}\n"), "{report}");
            assert_eq!(report.lines().count(), 1, "{report}");
        }
        assert!(file.exists());
    }
    assert_eq!(names(file.parent().unwrap()), ["report"]);
}

fn failing(world: &World) {
    let outcome = world.sh(&["--report", "/dev/full"], "exit 3");
    assert_eq!(outcome.status, 3);
    assert_eq!(outcome.stderr, "mini: report /dev/full: No space left on device\n");
    assert_eq!(world.sh(&["--report", "/dev/null"], "exit 3").status, 3);
    // The directory is gone.
    let directory = world.directory().join("sub");
    fs::create_dir(&directory).unwrap();
    world.give(&directory);
    let file = directory.join("report");
    let (mut child, out) =
        started(world, &["--report", file.to_str().unwrap()], "echo up; read line; exit 3");
    fs::remove_dir(&directory).unwrap();
    drop(child.stdin.take());
    assert_eq!(ended(child, out), 3);
    // The reader of a descriptor is gone.
    let script = "{ \"$0\" run --report 5 -- /bin/sh -c 'sleep 0.1; exit 3' 5>&1 >/dev/null; \
        echo $? >&2; } | true";
    let mut command = world.command("/bin/sh".as_ref(), &["-c", script]);
    let outcome = Outcome::of(command.arg(world.mini()));
    assert_eq!(outcome.stderr, "mini: report 5: Broken pipe\n3\n");
}

/// A file that was made for the user, in a directory that is not the user's.
fn in_place(world: &World) {
    let directory = world.directory();
    let file = directory.join("report");
    fs::write(&file, "x".repeat(5000)).unwrap();
    world.give(&file);
    let _ = std::os::unix::fs::chown(&directory, Some(0), Some(0));
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o555)).unwrap();
    let outcome = world.sh(&["--report", file.to_str().unwrap()], "exit 3");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!((outcome.status, outcome.stderr.as_str()), (3, ""));
    let report = fs::read_to_string(&file).unwrap();
    assert!(report.starts_with("{\"status\":3,") && report.ends_with("}}\n"), "{report}");
}

fn full_disk(world: &World) {
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    // It ends by itself, or of its terminal's being taken away.
    for (script, statuses) in [("echo x; exit 3", &[3, 129][..]), ("exec yes", &[1, 129])] {
        let mut command = world.run_command(&["-t", "--", "/bin/sh", "-c", script]);
        let output = command.stdout(full()).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        assert!(statuses.contains(&output.status.code().unwrap()), "{script}: {output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, "mini: write standard output: No space left on device\n", "{script}");
    }
    eventually("/dev/full is as before", || full().metadata().is_ok());
}
