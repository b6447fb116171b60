//! Signals, and who dies with whom.

use crate::world::{World, eventually, processes};
use crate::{Need, Promise};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

pub const PROMISES: &[Promise] = &[
    Promise { name: "the_container_dies_with_mini", needs: &[], check: dies_with_mini },
    Promise { name: "it_dies_with_mini_at_every_instant", needs: &[], check: every_instant },
    Promise { name: "a_command_without_a_handler_is_ended", needs: &[], check: no_handler },
    Promise { name: "a_trap_runs_and_its_status_counts", needs: &[], check: trap },
    Promise { name: "an_ignored_signal_stays_ignored", needs: &[], check: ignored },
    Promise { name: "other_signals_are_forwarded", needs: &[], check: passed_on },
    Promise { name: "nohup_is_respected", needs: &[], check: nohup },
    Promise { name: "it_stops_and_continues_with_mini", needs: &[], check: stop },
    Promise { name: "background_processes_end_with_the_command", needs: &[], check: orphans },
    Promise {
        name: "children_from_before_the_exec_of_mini_are_no_problem",
        needs: &[],
        check: adopted,
    },
    Promise { name: "signals_are_restored", needs: &[], check: dispositions },
    Promise { name: "sigchld_ignored_by_the_caller_is_no_problem", needs: &[], check: sigchld },
    Promise { name: "another_user_dies_with_mini_too", needs: &[Need::Root], check: other_user },
];

pub fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Starts `mini run OPTIONS -- sh -c SCRIPT` and waits for the script's first line.
pub fn started(
    world: &World,
    options: &[&str],
    script: &str,
) -> (Child, BufReader<impl Read + use<>>) {
    let mut command = world.run_command(&[options, &["--", "/bin/sh", "-c", script]].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    (child, stdout)
}

/// Waits until mini has taken every signal it was sent, and sleeps again.
fn taken(child: &Child) {
    let status = || std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    eventually("mini takes the signal", || {
        let status = status();
        status.contains("ShdPnd:\t0000000000000000") && status.contains("State:\tS")
    });
}

fn ended(mut child: Child) -> ExitStatus {
    let mut status = None;
    eventually("mini ends", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap()
}

/// A command line that no other test has.
fn mark(world: &World) -> String {
    // Nobody else's, nor the beginning of another.
    let directory = world.directory();
    let number = directory.file_name().unwrap().to_str().unwrap();
    format!("mark-{}-{number}-end", std::process::id())
}

fn dies_with_mini(world: &World) {
    let mark = mark(world);
    let (child, _) =
        started(world, &[], &format!("echo up; while :; do sleep 1000 {mark} || sleep 1000; done"));
    signal(&child, Signal::KILL);
    assert_eq!(ended(child).signal(), Some(9));
    world.nothing_runs(&mark);
}

fn every_instant(world: &World) {
    let mark = mark(world);
    let probe = world.probe();
    for round in 0..2000u64 {
        let words = ["--", probe.to_str().unwrap(), "__probe", "sleep", &mark];
        let mut child = world.run_command(&words).spawn().unwrap();
        // From the first instruction to well after the start, a different moment each time.
        std::thread::sleep(Duration::from_micros(round * 7919 % 4000));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    world.nothing_runs(&mark);
}

fn no_handler(world: &World) {
    for (number, sent) in
        [(1, Signal::HUP), (2, Signal::INT), (3, Signal::QUIT), (15, Signal::TERM)]
    {
        let probe = world.probe();
        let mark = mark(world);
        let words = ["--", probe.to_str().unwrap(), "__probe", "sleep", &mark];
        let child = world.run_command(&words).spawn().unwrap();
        eventually("the command runs", || processes(&mark).len() == 2);
        signal(&child, sent);
        assert_eq!(ended(child).code(), Some(128 + number));
        world.nothing_runs(&mark);
    }
    // And at once after the start, whatever it was doing then.
    for round in 0..200u64 {
        let child = world.run_command(&["--", "/bin/sleep", "1000"]).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(round * 397 % 4000));
        signal(&child, Signal::TERM);
        let status = ended(child);
        assert!(status.code() == Some(143) || status.signal() == Some(15), "{status:?}");
    }
}

fn trap(world: &World) {
    let script = "trap 'echo caught; exit 9' TERM; echo up; while :; do sleep 0.01; done";
    let (child, mut stdout) = started(world, &[], script);
    signal(&child, Signal::TERM);
    assert_eq!(ended(child).code(), Some(9));
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "caught\n");
}

fn ignored(world: &World) {
    let script = "trap '' TERM; echo up; read line; exit 4";
    let (mut child, _) = started(world, &[], script);
    signal(&child, Signal::TERM);
    taken(&child);
    signal(&child, Signal::TERM);
    taken(&child);
    drop(child.stdin.take());
    assert_eq!(ended(child).code(), Some(4));
}

fn passed_on(world: &World) {
    for (name, sent) in [
        ("USR1", Signal::USR1),
        ("USR2", Signal::USR2),
        ("WINCH", Signal::WINCH),
        ("ALRM", Signal::ALARM),
        ("CONT", Signal::CONT),
        ("PIPE", Signal::PIPE),
    ] {
        let script = format!("trap 'exit 21' {name}; echo up; while :; do sleep 0.01; done");
        let (child, _) = started(world, &[], &script);
        signal(&child, sent);
        assert_eq!(ended(child).code(), Some(21), "{name}");
    }
}

fn nohup(world: &World) {
    let mini = world.mini();
    let script = format!(
        "trap '' HUP; exec {} run -- /bin/sh -c 'echo up; read line; exit 6'",
        mini.display()
    );
    let mut command = world.command("/bin/sh".as_ref(), &["-c", &script]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    signal(&child, Signal::HUP);
    taken(&child);
    drop(child.stdin.take());
    assert_eq!(ended(child).code(), Some(6));
}

fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

fn stop(world: &World) {
    let mark = mark(world);
    let probe = world.probe();
    let words = ["--", probe.to_str().unwrap(), "__probe", "sleep", &mark];
    // In a process group of its own, so that a shell, us, could continue it.
    let child = world.run_command(&words).process_group(0).spawn().unwrap();
    eventually("the command runs", || processes(&mark).len() == 2);
    let pids = processes(&mark);
    signal(&child, Signal::TSTP);
    eventually("both are stopped", || pids.iter().all(|pid| state(*pid) == Some('T')));
    signal(&child, Signal::CONT);
    eventually("both go on", || pids.iter().all(|pid| state(*pid) == Some('S')));
    signal(&child, Signal::TERM);
    assert_eq!(ended(child).code(), Some(143));
}

fn orphans(world: &World) {
    let mark = mark(world);
    let script = format!("(setsid sh -c 'sleep 1000; : {mark}' &) ; exit 3");
    assert_eq!(world.sh(&[], &script).status, 3);
    world.nothing_runs(&mark);
}

fn adopted(world: &World) {
    // A shell that starts a job and then turns into mini leaves it the job as a child.
    let mini = world.mini();
    let script = format!(
        "(sleep 0.1; exit 1) & exec {} run -- /bin/sh -c 'sleep 0.3; exit 8'",
        mini.display()
    );
    let mut command = world.command("/bin/sh".as_ref(), &["-c", &script]);
    assert_eq!(command.status().unwrap().code(), Some(8));
}

fn dispositions(world: &World) {
    // The caller ignores some and blocks none; the command starts with neither.
    let mini = world.mini();
    let script =
        format!("trap '' PIPE HUP USR1; exec {} run -- /bin/cat /proc/self/status", mini.display());
    let mut command = world.command("/bin/sh".as_ref(), &["-c", &script]);
    let lines = crate::world::Outcome::of(&mut command).ok();
    for set in ["SigBlk", "SigIgn", "SigCgt"] {
        assert!(lines.contains(&format!("{set}:\t0000000000000000\n")), "{lines}");
    }
}

fn sigchld(world: &World) {
    let mini = world.mini();
    let mini = mini.to_str().unwrap();
    let words = ["--ignore-signal=CHLD", mini, "run", "--", "/bin/sh", "-c", "exit 12"];
    let mut command = world.command("/usr/bin/env".as_ref(), &words);
    assert_eq!(command.status().unwrap().code(), Some(12));
}

/// A change of user clears the kernel's promise to end the child; it is made again.
fn other_user(world: &World) {
    let mark = mark(world);
    let script = format!("echo up; while :; do sleep 1000 {mark} || sleep 1000; done");
    let (child, _) = started(world, &["-u", "12345:12345"], &script);
    signal(&child, Signal::KILL);
    ended(child);
    world.nothing_runs(&mark);
}
