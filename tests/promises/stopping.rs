//! Stopping and going on: mini stops with a command that it stopped, where somebody can continue it.

use crate::life::signal;
use crate::terminal::lead_session;
use crate::world::{World, eventually};
use crate::{Need, Promise};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

pub const PROMISES: &[Promise] = &[
    Promise { name: "stopping_a_session_leader_freezes_nothing", needs: &[], check: leader },
    Promise { name: "stopping_a_process_1_freezes_nothing", needs: &[], check: first },
    Promise { name: "stopping_at_a_terminal_without_a_shell", needs: &[], check: at_terminal },
    Promise { name: "stopping_the_command_alone_leaves_mini", needs: &[], check: alone },
    Promise { name: "stopping_and_continuing_at_any_moment", needs: &[], check: any_moment },
    Promise { name: "stopping_a_command_that_stopped_itself", needs: &[], check: by_itself },
    Promise {
        name: "stopping_needs_no_root_directory",
        needs: &[Need::Busybox, Need::StartedByRoot],
        check: closed_root,
    },
];

/// A command that answers each line.
const ANSWERS: [&str; 4] = ["--", "/bin/sh", "-c", "echo up; while read line; do echo $line; done"];

struct Talk {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Talk {
    fn start(mut command: std::process::Command) -> Talk {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut talk = Talk { child, input, output: BufReader::new(output) };
        assert_eq!(talk.line(), "up\n");
        talk
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }

    /// The command still answers.
    #[track_caller]
    fn answers(&mut self) {
        self.input.write_all(b"word\n").unwrap();
        assert_eq!(self.line(), "word\n");
    }

    #[track_caller]
    fn ends(mut self) {
        drop(self.input);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

fn state(pid: u32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().trim_start().chars().next().unwrap()
}

/// Waits until a mini has taken what it was sent, and sleeps again.
fn taken(pid: u32) {
    eventually("mini takes the signal", || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        status.contains("ShdPnd:\t0000000000000000") && status.contains("State:\tS")
    });
}

fn leader(world: &World) {
    for options in [&[][..], &["--init"], &["--pid", "host"]] {
        for sent in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
            let mut command = world.run_command(&[options, &ANSWERS].concat());
            // SAFETY: one system call between fork and exec.
            unsafe {
                command.pre_exec(|| {
                    libc::setsid();
                    Ok(())
                });
            }
            let mut talk = Talk::start(command);
            signal(&talk.child, sent);
            talk.answers();
            taken(talk.child.id());
            talk.answers();
            talk.ends();
        }
    }
}

/// mini is process 1 of another container.
fn first(world: &World) {
    let mini = world.mini();
    let file = world.directory().join("pid");
    let words = ["--privileged", "--pidfile", file.to_str().unwrap(), "--", mini.to_str().unwrap()];
    let words = [&words[..], &["run"], &ANSWERS].concat();
    let mut talk = Talk::start(world.run_command(&words));
    let pid: u32 = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::TSTP).unwrap();
    talk.answers();
    taken(pid);
    talk.answers();
    talk.ends();
}

/// As `xterm -e mini run` and `ssh -t host mini run` start it.
fn at_terminal(world: &World) {
    for options in [&["-t"][..], &[], &["-t", "--init"], &["--init"]] {
        let (outer, inner) = crate::terminal::terminal_pair();
        let mut command = world.run_command(&[options, &ANSWERS].concat());
        let end = || Stdio::from(inner.try_clone().unwrap());
        command.stdin(end()).stdout(end()).stderr(end());
        lead_session(&mut command);
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut lines = BufReader::new(outer.try_clone().unwrap());
        let mut expect = |wanted: &str| {
            let mut line = String::new();
            while !line.contains(wanted) {
                line.clear();
                lines.read_line(&mut line).unwrap();
            }
        };
        expect("up");
        // Its echo may come before it is processed, so ask twice.
        (&outer).write_all(b"\x1a").unwrap();
        taken(child.id());
        (&outer).write_all(b"one\n").unwrap();
        expect("one\r\n");
        (&outer).write_all(b"\x1atwo\n").unwrap();
        expect("two\r\n");
        drop(inner);
        (&outer).write_all(b"\x04").unwrap();
        eventually(&format!("{options:?} ends"), || child.try_wait().unwrap().is_some());
    }
}

fn alone(world: &World) {
    for options in [&[][..], &["--pid", "host"], &["-t"]] {
        let file = world.directory().join("pid");
        let pidfile = ["--pidfile", file.to_str().unwrap()];
        let script = "stty -echo 2>/dev/null; echo up; while read line; do echo $line; done";
        let words = [options, &pidfile, &["--", "/bin/sh", "-c", script]].concat();
        let mut command = world.run_command(&words);
        let mut child =
            command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = || {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            line.trim().to_owned()
        };
        assert_eq!(line(), "up");
        let pid: i32 = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        let pid = Pid::from_raw(pid).unwrap();
        for _ in 0..3 {
            kill_process(pid, Signal::STOP).unwrap();
            eventually("it is stopped", || state(pid.as_raw_nonzero().get() as u32) == 'T');
            taken(child.id());
            assert_eq!(state(child.id()), 'S');
            kill_process(pid, Signal::CONT).unwrap();
            child.stdin.as_mut().unwrap().write_all(b"word\n").unwrap();
            assert_eq!(line(), "word");
        }
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}

/// Whoever continues it right after it was told to stop is heard.
fn any_moment(world: &World) {
    let mut command = world.run_command(&ANSWERS);
    command.process_group(0);
    let mut talk = Talk::start(command);
    for round in 0..300u64 {
        signal(&talk.child, Signal::TSTP);
        std::thread::sleep(std::time::Duration::from_micros(round * 7919 % 1500));
        signal(&talk.child, Signal::CONT);
        talk.answers();
    }
    talk.ends();
}

/// What has stopped already cannot be stopped: mini stops at once.
fn by_itself(world: &World) {
    let script = "echo up; kill -STOP $$; echo on; read line";
    let words = ["--pid", "host", "--", "/bin/sh", "-c", script];
    let mut command = world.run_command(&words);
    command.process_group(0);
    let mut talk = Talk::start(command);
    let pid = talk.child.id();
    // The last one: who sees to the processes that outlive it comes before.
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let command: u32 = children.split_whitespace().last().unwrap().parse().unwrap();
    eventually("it is stopped", || state(command) == 'T');
    taken(pid);
    signal(&talk.child, Signal::TSTP);
    eventually("mini is stopped", || state(pid) == 'T');
    signal(&talk.child, Signal::CONT);
    assert_eq!(talk.line(), "on\n");
    drop(talk.input);
    talk.output.read_to_end(&mut Vec::new()).unwrap();
    talk.child.wait().unwrap();
}

/// `--init` in a root that the command's user may not enter.
fn closed_root(world: &World) {
    let root = world.directory().join("root");
    let from = world.busybox();
    let words = ["-a", from.to_str().unwrap(), root.to_str().unwrap()];
    assert!(std::process::Command::new("cp").args(words).status().unwrap().success());
    let mode = |bits| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(bits);
        fs::set_permissions(&root, mode).unwrap();
    };
    mode(0o700);
    let root_path = root.to_str().unwrap();
    let (user, status, line) = match world.is_root() {
        true => (&["-u", "1000:1000"][..], 127, "exec sh: not found in PATH"),
        // It belongs to root.
        false => (&[][..], 125, "Permission denied ("),
    };
    for init in [&[][..], &["--init"]] {
        let words = [init, user, &["--rootfs", root_path, "--", "sh"]].concat();
        world.run(&words).refused(status, line);
    }
    mode(0o755);
}
