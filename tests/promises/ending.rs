//! How a run ends: process 1 that collects orphans, time limits, the handshake with supervisors.

use crate::life::{signal, started};
use crate::world::{Outcome, World};
use crate::{Need, Promise};
use rustix::process::Signal;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

pub const PROMISES: &[Promise] = &[
    Promise { name: "init_reaps_ten_thousand_orphans", needs: &[], check: orphans },
    Promise { name: "init_returns_the_status_and_forwards_signals", needs: &[], check: status },
    Promise { name: "init_ends_the_remaining_processes", needs: &[], check: order },
    Promise { name: "init_shows_nothing_of_its_caller", needs: &[], check: hidden },
    Promise { name: "a_timeout_ends_everything_in_time", needs: &[], check: timeout },
    Promise { name: "a_timeout_survives_a_stopped_mini", needs: &[], check: stopped },
    Promise { name: "a_second_signal_does_not_wait", needs: &[], check: impatient },
    Promise { name: "the_stop_signal_can_be_chosen", needs: &[], check: stop_signal },
    Promise { name: "the_process_id_is_written_while_it_runs", needs: &[], check: pidfile },
    Promise {
        name: "a_supervisor_is_notified_of_the_start",
        needs: &[Need::Busybox],
        check: ready,
    },
    Promise { name: "three_deep_statuses_and_signals_come_through", needs: &[], check: deep },
    Promise { name: "bad_ends_are_refused", needs: &[], check: bad },
];

/// Its status, and what it had still to say.
fn ended(mut child: Child, mut stdout: impl Read) -> (i32, String) {
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code().unwrap(), text)
}

fn orphans(world: &World) {
    let probe = world.probe();
    let words = ["--init", "--", probe.to_str().unwrap(), "__probe", "orphans", "10000"];
    // What is left as a zombie shows in the number of processes.
    assert_eq!(world.run(&words).ok(), "2 processes\n");
}

fn status(world: &World) {
    assert_eq!(world.sh(&["--init"], "exit 7").status, 7);
    assert_eq!(world.sh(&["--init"], "kill -9 $$").status, 137);
    assert_eq!(world.sh(&["--init"], "echo $$").ok(), "2\n");
    world.run(&["--init", "/no/such"]).refused(127, "exec /no/such: No such file");
    let script = "trap 'echo usr; exit 5' USR1; echo up; while :; do sleep 0.01; done";
    let (child, stdout) = started(world, &["--init"], script);
    signal(&child, Signal::USR1);
    assert_eq!(ended(child, stdout), (5, "usr\n".into()));
    let (child, stdout) = started(world, &["--init"], "echo up; exec sleep 1000");
    signal(&child, Signal::TERM);
    assert_eq!(ended(child, stdout).0, 143);
}

/// The command first, then who is left; and without --init nobody is asked.
fn order(world: &World) {
    let daemon = "(trap 'echo daemon; exit' TERM; echo ready > $0; while :; do sleep 0.01; done) &";
    let script = format!(
        "mkfifo $0; {daemon} read x < $0; trap 'echo command; exit 3' TERM; echo up; \
         while :; do sleep 0.01; done"
    );
    let run = |options: &[&str]| {
        let fifo = world.directory().join("fifo");
        let words = [options, &["--", "/bin/sh", "-c", &script, fifo.to_str().unwrap()]].concat();
        let mut child = world.run_command(&words).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut String::new()).unwrap();
        signal(&child, Signal::TERM);
        ended(child, stdout)
    };
    assert_eq!(run(&["--init"]), (3, "command\ndaemon\n".into()));
    assert_eq!(run(&[]), (3, "command\n".into()));
    // One that will not is killed when its time is over.
    let start = Instant::now();
    let script = "trap '' TERM; sleep 1000 & exit 4";
    assert_eq!(world.sh(&["--init", "--stop-timeout", "0.3"], script).status, 4);
    assert!(start.elapsed() >= Duration::from_millis(300));
}

fn hidden(world: &World) {
    let script = "tr '\\0' ' ' < /proc/1/cmdline; cat /proc/1/environ 2>/dev/null | grep -c SECRET; \
        readlink /proc/1/exe || echo no";
    let words = ["--init", "-e", "SECRET=x", "--", "/bin/sh", "-c", script];
    let seen = world.run(&words).stdout;
    assert!(seen.starts_with("mini "), "{seen}");
    assert!(!seen.contains("SECRET") && seen.trim().ends_with("0\nno"), "{seen}");
}

fn timeout(world: &World) {
    for (options, script) in [
        (&[][..], "exec sleep 1000"),
        (&[], "trap '' TERM; sleep 1000"),
        (&["--init"], "trap '' TERM; sleep 1000"),
        (&["--init"], "(setsid sleep 1000 &) ; sleep 1000"),
        (&["--pid", "host"], "exec sleep 1000"),
        (&["-t"], "exec sleep 1000"),
    ] {
        let base = ["--timeout", "0.5", "--stop-timeout", "300ms"];
        let start = Instant::now();
        let outcome = world.sh(&[&base, options].concat(), script);
        let took = start.elapsed();
        assert_eq!(outcome.status, 124, "{options:?} {script}: {outcome:?}");
        assert!(took >= Duration::from_millis(500), "{took:?}");
        assert!(took < Duration::from_secs(8), "{options:?} {script}: {took:?}");
    }
    assert_eq!(world.sh(&["--timeout", "100s"], "exit 3").status, 3);
    // As timeout(1) has it.
    for none in ["0", "0s", "0.0h"] {
        assert_eq!(world.sh(&["--timeout", none], "sleep 0.1; exit 3").status, 3, "{none}");
    }
    let again = ["--timeout", "0.2", "--timeout", "0"];
    assert_eq!(world.sh(&again, "sleep 0.5; exit 3").status, 3);
}

fn stopped(world: &World) {
    let (child, stdout) = started(world, &["--timeout", "0.3"], "echo up; exec sleep 1000");
    signal(&child, Signal::STOP);
    std::thread::sleep(Duration::from_millis(400));
    signal(&child, Signal::CONT);
    assert_eq!(ended(child, stdout).0, 124);
}

fn impatient(world: &World) {
    let script = "trap 'echo first' TERM INT; echo up; while :; do sleep 0.01; done";
    let (child, mut stdout) = started(world, &["--stop-timeout", "1000"], script);
    signal(&child, Signal::TERM);
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "first\n");
    signal(&child, Signal::INT);
    assert_eq!(ended(child, stdout).0, 130);
    // In time it is killed by itself.
    let (child, stdout) = started(world, &["--stop-timeout", "0.1"], script);
    signal(&child, Signal::TERM);
    assert_eq!(ended(child, stdout).0, 137);
}

fn stop_signal(world: &World) {
    let script = "trap 'echo quit; exit 6' QUIT; trap 'echo term; exit 7' TERM; echo up; \
        while :; do sleep 0.01; done";
    let (child, stdout) = started(world, &["--stop-signal", "SIGQUIT"], script);
    signal(&child, Signal::TERM);
    assert_eq!(ended(child, stdout), (6, "quit\n".into()));
    let outcome = world.sh(&["--stop-signal", "3", "--timeout", "0.3"], script);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (124, "up\nquit\n"));
}

fn pidfile(world: &World) {
    let directory = world.directory();
    let file = directory.join("pid");
    let path = file.to_str().unwrap();
    let (child, stdout) = started(world, &["--pidfile", path], "echo up; exec sleep 1000");
    let pid: u32 = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    let parent = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(parent.contains(&format!("PPid:\t{}\n", child.id())), "{parent}");
    signal(&child, Signal::TERM);
    assert_eq!(ended(child, stdout).0, 143);
    world.run(&["--pidfile", path, "/no/such"]).refused(127, "exec");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    world
        .run(&["--pidfile", "/no/such/file", "true"])
        .refused(125, "pidfile /no/such/file: No such");
}

fn ready(world: &World) {
    let mini = world.mini();
    let run = |words: &str| {
        let script = format!("{{ {} run {words} 3>&1 >&2; }} 2>/dev/null | cat", mini.display());
        Outcome::of(&mut world.command("/bin/sh".as_ref(), &["-c", &script])).stdout
    };
    assert_eq!(run("--ready-fd 3 true"), "\n");
    assert_eq!(run("--ready-fd 3 --init true"), "\n");
    assert_eq!(run("--ready-fd 3 /no/such"), "");
    world
        .run(&["--ready-fd", "9", "true"])
        .refused(125, "--ready-fd: file descriptor is not open: 9");
    // As a service manager listens, for a container that cannot tell itself.
    let path = world.directory().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let root = world.busybox();
    let mut command =
        world.run_command(&["--rootfs", root.to_str().unwrap(), "sh", "-c", "echo $NOTIFY_SOCKET"]);
    assert_eq!(Outcome::of(command.env("NOTIFY_SOCKET", &path)).ok(), "\n");
    let mut text = [0; 99];
    let length = socket.recv(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text[..length]);
    assert_eq!(text, "READY=1\n");
    // With the host's files it can.
    let mut command = world.run_command(&["/bin/sh", "-c", "echo $NOTIFY_SOCKET"]);
    assert_eq!(Outcome::of(command.env("NOTIFY_SOCKET", "/x")).ok(), "/x\n");
}

fn deep(world: &World) {
    let mini = world.mini();
    let mini = mini.to_str().unwrap();
    let words = |last: &[&'static str]| -> Vec<String> {
        let two = ["--privileged", "--", mini, "run", "--privileged", "--", mini, "run", "--"];
        two.iter().chain(last).map(|word| word.to_string()).collect()
    };
    assert_eq!(world.run(&words(&["/bin/sh", "-c", "exit 42"])).status, 42);
    assert_eq!(world.run(&words(&["/no/such"])).status, 127);
    for (script, sent, status) in [
        ("trap 'exit 9' TERM; echo up; while :; do sleep 0.01; done", Signal::TERM, 9),
        ("echo up; exec sleep 1000", Signal::TERM, 143),
        ("trap 'exit 8' USR2; echo up; while :; do sleep 0.01; done", Signal::USR2, 8),
    ] {
        let mut command = world.run_command(&words(&["/bin/sh", "-c", script]));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut String::new()).unwrap();
        signal(&child, sent);
        assert_eq!(ended(child, stdout).0, status, "{script}");
    }
    // As process 1 mini collects what is not its own.
    let script = format!("(sleep 0.01 &); exec {mini} run -- /bin/sh -c 'sleep 0.1; exit 6'");
    assert_eq!(world.sh(&["--privileged"], &script).status, 6);
}

fn bad(world: &World) {
    for (words, line) in [
        (&["--timeout", "soon"][..], "--timeout soon: not a duration (as 90, 1.5s"),
        (&["--timeout", "-1"], "--timeout -1: not a duration"),
        (&["--stop-timeout", "1y"], "not a duration"),
        (&["--stop-signal", "STOPIT"], "unknown signal (as TERM"),
        (&["--init", "--pid", "host"], "--init: needs a pid namespace"),
    ] {
        world.run(&[words, &["--", "/bin/echo", "it ran"]].concat()).refused(125, line);
    }
}
