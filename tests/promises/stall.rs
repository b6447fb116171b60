//! Whatever mini waits for, it can be told to end meanwhile: by a signal, by its time limit, by kill -9.

use crate::life::signal;
use crate::terminal::{lead_session_at, terminal_pair};
use crate::world::{World, eventually, processes};
use crate::{Need, Promise};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Signal;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

pub const PROMISES: &[Promise] = &[
    Promise { name: "stalled_archives_end_when_told", needs: &[], check: archives },
    Promise { name: "stalled_files_end_when_told", needs: &[Need::Root], check: files },
    Promise { name: "stalled_arguments_end_when_told", needs: &[], check: words },
    Promise { name: "stalled_readers_are_not_waited_for", needs: &[], check: readers },
    Promise {
        name: "stalled_readers_of_the_last_output",
        needs: &[Need::StartedByRoot],
        check: last_words,
    },
    Promise {
        name: "stalled_supervisors_are_not_waited_for",
        needs: &[Need::Busybox],
        check: supervisors,
    },
    Promise {
        name: "stalled_supervisors_are_notified_later",
        needs: &[Need::Busybox],
        check: room,
    },
    Promise {
        name: "signals_at_any_moment_leave_no_cgroup",
        needs: &[Need::Root, Need::Limits, Need::Busybox],
        check: any_moment,
    },
];

/// How mini is told to end.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Stop {
    Signal(Signal),
    /// By `--timeout`, when the time comes.
    Timeout,
}

const STOPS: [Stop; 5] = [
    Stop::Signal(Signal::TERM),
    Stop::Signal(Signal::INT),
    Stop::Signal(Signal::HUP),
    Stop::Timeout,
    Stop::Signal(Signal::KILL),
];

impl Stop {
    fn options(self) -> &'static [&'static str] {
        match self {
            // Most of them have stalled by then, and all shall end whatever they are at.
            Stop::Timeout => &["--timeout", "0.3"],
            _ => &[],
        }
    }

    fn send(self, child: &Child) {
        if let Stop::Signal(number) = self {
            signal(child, number);
        }
    }

    /// The status of a command that this ended.
    #[track_caller]
    fn check(self, status: ExitStatus, what: &str) {
        let expected = match self {
            Stop::Signal(Signal::KILL) => (None, Some(9)),
            Stop::Signal(signal) => (Some(128 + signal.as_raw()), None),
            Stop::Timeout => (Some(124), None),
        };
        assert_eq!((status.code(), status.signal()), expected, "{what}: {self:?}");
    }
}

/// The modes of launch; the second part is for root alone.
fn modes(world: &World) -> Vec<Vec<&'static str>> {
    let mut modes = vec![
        vec![],
        vec!["-t"],
        vec!["--init"],
        vec!["--pid", "host"],
        vec!["--trace"],
        vec!["--ready-fd", "1"],
        vec!["-t", "--init", "--trace", "--ready-fd", "1"],
        vec!["--read-only", "--network", "host"],
    ];
    if world.is_root() {
        modes.push(vec!["--userns", "auto"]);
        modes.push(vec!["-u", "1000:1000"]);
    }
    modes
}

/// A word that no other command line has.
fn mark(world: &World) -> String {
    let directory = world.directory();
    format!("stall-{}-{}-end", std::process::id(), directory.file_name().unwrap().display())
}

fn pipe() -> (File, File) {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    (File::from(read), File::from(write))
}

/// A pipe with no room for anything, and nobody who reads.
fn full_pipe() -> (File, File) {
    let (read, write) = pipe();
    while !is_full(&write) {
        // Not more than a page: this write shall not wait.
        (&write).write_all(&[b'x'; 4096]).unwrap();
    }
    (read, write)
}

fn is_full(pipe: impl AsFd) -> bool {
    let mut polls = [PollFd::new(&pipe, PollFlags::OUT)];
    rustix::event::poll(&mut polls, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 0
}

/// How many bytes nobody has read yet.
fn unread(pipe: impl AsFd) -> u64 {
    rustix::io::ioctl_fionread(pipe).unwrap()
}

#[track_caller]
fn ended(child: &mut Child, what: &str) -> ExitStatus {
    let mut status = None;
    eventually(&format!("mini ends: {what}"), || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap()
}

/// Whatever happens, nothing is left of a test that fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The header of a file of a megabyte in a tar archive, which is then cut short.
fn beginning_of_an_archive() -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..4].copy_from_slice(b"file");
    header[100..107].copy_from_slice(b"0000644");
    header[108..115].copy_from_slice(b"0000000");
    header[116..123].copy_from_slice(b"0000000");
    header[124..135].copy_from_slice(b"00004000000");
    header[136..147].copy_from_slice(b"00000000000");
    header[148..156].fill(b' ');
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    header.extend_from_slice(&[b'x'; 700]);
    header
}

/// Launches with an archive that goes no further, and `more` words for the command.
fn stalled_archives(world: &World, more: &[&str]) {
    std::thread::scope(|scope| {
        for mode in modes(world) {
            scope.spawn(move || {
                for stop in STOPS {
                    let what = format!("{mode:?}");
                    let mark = mark(world);
                    let (archive, mut writer) = pipe();
                    let base = ["--rootfs", "-", "--", "sh", &mark];
                    let options = [&mode[..], stop.options(), &base, more].concat();
                    let mut command = world.run_command(&options);
                    command.stdin(archive).stdout(Stdio::piped()).stderr(Stdio::piped());
                    // The archive takes the keyboard's place, which is then the session's terminal.
                    let terminal = mode.contains(&"-t").then(terminal_pair);
                    if let Some((_, inner)) = &terminal {
                        rustix::fs::fchmod(inner, 0o666.into()).unwrap();
                        command.stderr(inner.try_clone().unwrap());
                        lead_session_at(&mut command, 2);
                    }
                    let mut mini = Running(command.spawn().unwrap());
                    drop(command);
                    writer.write_all(&beginning_of_an_archive()).unwrap();
                    // A time limit may be over before.
                    eventually("the archive is read", || {
                        unread(&writer) == 0 || mini.0.try_wait().unwrap().is_some()
                    });
                    stop.send(&mini.0);
                    stop.check(ended(&mut mini.0, &what), &what);
                    world.nothing_runs(&mark);
                }
            });
        }
    });
}

fn archives(world: &World) {
    stalled_archives(world, &[]);
}

/// What mini reads before it starts anything goes no further. No signal is held back yet.
fn files(world: &World) {
    for option in ["--env-file", "--security-opt"] {
        for stop in STOPS {
            let mark = mark(world);
            let (file, writer) = pipe();
            let value = match option {
                "--env-file" => "/dev/stdin",
                _ => "seccomp=/dev/stdin",
            };
            let words = [stop.options(), &[option, value, "--", "sh", &mark]].concat();
            let mut mini = Running(world.run_command(&words).stdin(file).spawn().unwrap());
            (&writer).write_all(b"A=1\n").unwrap();
            eventually("the file is read", || {
                unread(&writer) == 0 || mini.0.try_wait().unwrap().is_some()
            });
            stop.send(&mini.0);
            let status = ended(&mut mini.0, option);
            match stop {
                Stop::Signal(signal) => assert_eq!(status.signal(), Some(signal.as_raw())),
                Stop::Timeout => assert_eq!(status.code(), Some(124), "{option}"),
            }
            world.nothing_runs(&mark);
        }
    }
}

/// More than a pipe takes: mini has to wait until the child reads them.
fn words(world: &World) {
    let long = "w".repeat(100_000);
    stalled_archives(world, &[&long, &long]);
}

/// A command that starts with this file as a descriptor.
fn with_descriptor(mut command: Command, number: i32, file: &File) -> Command {
    let from = file.as_raw_fd();
    // SAFETY: two system calls between fork and exec.
    unsafe {
        command.pre_exec(move || {
            // By way of another, since a copy in its own place would stay close-on-exec.
            let copy = libc::dup(from);
            match libc::dup2(copy, number) {
                -1 => Err(std::io::Error::last_os_error()),
                _ => Ok(()),
            }
        });
    }
    command
}

/// A command that says when it has started, has no handlers, and waits for somebody to read on. (A shell
/// catches SIGINT for a moment.)
const WAITS: [&str; 3] = ["--", "yes", "up"];

fn expect_up(mut from: impl Read) {
    let mut line = [0; 2];
    from.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"up");
}

/// Nobody reads what the command writes to its terminal, what --trace prints, --report's descriptor,
/// or --ready-fd's.
fn readers(world: &World) {
    for stop in STOPS {
        for options in [&["-t"][..], &["-t", "--init"], &["-t", "--pid", "host"]] {
            let what = format!("output {options:?}");
            let mark = mark(world);
            let (_reader, output) = pipe();
            let words = ["--", "/bin/sh", "-c", "exec yes \"$0\"", &mark];
            let mut command = world.run_command(&[options, stop.options(), &words].concat());
            command.stdout(output.try_clone().unwrap());
            let mut mini = Running(command.spawn().unwrap());
            eventually("the pipe is full", || {
                is_full(&output) || mini.0.try_wait().unwrap().is_some()
            });
            stop.send(&mini.0);
            stop.check(ended(&mut mini.0, &what), &what);
            world.nothing_runs(&mark);
        }
        for options in [&["--trace"][..], &["--report", "9"], &["--ready-fd", "9"]] {
            let what = format!("{options:?}");
            let mark = mark(world);
            let (_reader, full) = full_pipe();
            let words = [options, stop.options(), &WAITS, &[&mark]].concat();
            let mut command = world.run_command(&words);
            command.stdout(Stdio::piped());
            match options {
                ["--trace"] => drop(command.stderr(full.try_clone().unwrap())),
                _ => command = with_descriptor(command, 9, &full),
            }
            let mut mini = Running(command.spawn().unwrap());
            if stop != Stop::Timeout {
                expect_up(mini.0.stdout.as_mut().unwrap());
            }
            stop.send(&mini.0);
            stop.check(ended(&mut mini.0, &what), &what);
            world.nothing_runs(&mark);
        }
    }
}

/// The command has ended by itself, and nobody reads what it or mini has still to say: then mini may be
/// told to end as well, and the command's status stands; unless the time is over.
fn last_words(world: &World) {
    for stop in STOPS {
        let lines = "echo the last words; exit 3";
        let run = |options: &[&str], script: &str| {
            let words = ["--", "/bin/sh", "-c", script];
            world.run_command(&[options, stop.options(), &words].concat())
        };
        let (_reader, full) = full_pipe();
        let terminal = {
            let mut command = run(&["-t"], lines);
            command.stdout(full.try_clone().unwrap());
            (command, 3)
        };
        let report = (with_descriptor(run(&["--report", "9"], "exit 3"), 9, &full), 3);
        let failure = {
            let mut command = run(&["-w", "/no/such"], "exit 3");
            command.stderr(full.try_clone().unwrap());
            (command, 125)
        };
        for (what, (mut command, status)) in
            [("terminal", terminal), ("report", report), ("failure", failure)]
        {
            if what != "failure" {
                command.stderr(Stdio::piped());
            }
            let mut mini = Running(command.spawn().unwrap());
            // Its last child is gone: only the last words are left. (A time limit may be over before.)
            let pid = mini.0.id();
            eventually("the command has ended", || {
                let children = format!("/proc/{pid}/task/{pid}/children");
                let is_alone = fs::read_to_string(children).is_ok_and(|it| it.is_empty());
                let syscall = fs::read_to_string(format!("/proc/{pid}/syscall"));
                // For everything, not a look at one descriptor, of which there are some before the command.
                let waits = syscall.is_ok_and(|it| {
                    let mut words = it.split(' ');
                    words.next() == Some(&libc::SYS_ppoll.to_string())
                        && words.nth(1) != Some("0x1")
                });
                (is_alone && waits) || mini.0.try_wait().unwrap().is_some()
            });
            let early = mini.0.try_wait().unwrap();
            assert!(early.is_none() || stop == Stop::Timeout, "{what} {stop:?}: {early:?}");
            stop.send(&mini.0);
            let ended = ended(&mut mini.0, what);
            match (stop, what) {
                (Stop::Signal(Signal::KILL), _) => assert_eq!(ended.signal(), Some(9)),
                (Stop::Timeout, "terminal") => assert_eq!(ended.code(), Some(124)),
                _ => assert_eq!(ended.code(), Some(status), "{what} {stop:?}"),
            }
            if what == "report" && stop != Stop::Signal(Signal::KILL) {
                let mut line = String::new();
                mini.0.stderr.take().unwrap().read_to_string(&mut line).unwrap();
                assert!(line.starts_with("mini: report 9: "), "{line:?}");
            }
        }
    }
}

/// A service manager that is busy, and has no room for another message.
fn busy_manager(world: &World) -> (PathBuf, UnixDatagram) {
    let path = world.directory().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    while sender.send_to(b"x", &path).is_ok() {}
    (path, socket)
}

fn busybox_command(world: &World, options: &[&str], words: &[&str]) -> Command {
    let root = world.busybox();
    let root = ["--rootfs", root.to_str().unwrap()];
    world.run_command(&[options, &root, words].concat())
}

fn supervisors(world: &World) {
    for stop in STOPS {
        for options in [&[][..], &["--init"], &["--pid", "host"], &["--trace"]] {
            let what = format!("{options:?}");
            let mark = mark(world);
            let (path, _socket) = busy_manager(world);
            let options = [options, stop.options()].concat();
            let mut command = busybox_command(world, &options, &[&WAITS[..], &[&mark]].concat());
            command.env("NOTIFY_SOCKET", &path).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut mini = Running(command.spawn().unwrap());
            if stop != Stop::Timeout {
                expect_up(mini.0.stdout.as_mut().unwrap());
            }
            stop.send(&mini.0);
            stop.check(ended(&mut mini.0, &what), &what);
            world.nothing_runs(&mark);
        }
    }
}

/// Nothing is lost where somebody is only slow: the message, the line, and every byte.
fn room(world: &World) {
    let (path, socket) = busy_manager(world);
    let (mut reader, full) = full_pipe();
    let options = ["--ready-fd", "9", "--trace"];
    // The command has ended long before they hear of it.
    let mut command = busybox_command(world, &options, &["--", "sh", "-c", "exit 3"]);
    command.env("NOTIFY_SOCKET", &path).stderr(full.try_clone().unwrap());
    let mut command = with_descriptor(command, 9, &full);
    let mut mini = Running(command.spawn().unwrap());
    drop((command, full));
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut text = [0; 99];
    loop {
        let length = socket.recv(&mut text).unwrap();
        if &text[..length] == b"READY=1\n" {
            break;
        }
        assert_eq!(&text[..length], b"x");
    }
    let mut all = String::new();
    reader.read_to_string(&mut all).unwrap();
    let said = all.trim_start_matches('x');
    assert!(said.starts_with("mini: trace: clone"), "{said}");
    assert!(said.contains("\n\n") || said.ends_with("\n"), "{said}");
    assert!(said.contains("mini: trace: exec"), "{said}");
    let lines = said.lines().filter(|line| line.is_empty()).count();
    assert_eq!(lines, 1, "{said}");
    assert_eq!(ended(&mut mini.0, "room").code(), Some(3));
    // More than any buffer holds, behind a reader that begins when the command has ended.
    let (mut reader, output) = pipe();
    let words = ["-t", "--", "/bin/sh", "-c", "stty raw; yes | head -c 66000; exit 4"];
    let mut command = world.run_command(&words);
    command.stdout(output);
    let mut mini = Running(command.spawn().unwrap());
    drop(command);
    let mut seen = Vec::new();
    reader.read_to_end(&mut seen).unwrap();
    assert_eq!((seen.len(), ended(&mut mini.0, "room").code()), (66000, Some(4)));
}

/// Cgroups to make others in, one in each hierarchy that is needed; they must be empty at the end.
struct Parents(Vec<PathBuf>, String);

impl Parents {
    fn new() -> Parents {
        let name = format!("stall-test-{}", std::process::id());
        let top = PathBuf::from("/sys/fs/cgroup");
        let places = match top.join("cgroup.controllers").exists() {
            true => vec![top],
            false => vec![top.join("memory"), top.join("pids")],
        };
        let places: Vec<_> = places.into_iter().map(|place| place.join(&name)).collect();
        places.iter().for_each(|place| fs::create_dir(place).unwrap());
        Parents(places, name)
    }

    fn left(&self) -> Vec<PathBuf> {
        let entries = self.0.iter().flat_map(|place| fs::read_dir(place).unwrap().flatten());
        entries.filter(|it| it.file_type().unwrap().is_dir()).map(|it| it.path()).collect()
    }
}

impl Drop for Parents {
    fn drop(&mut self) {
        for place in self.left().into_iter().chain(self.0.clone()) {
            let _ = fs::remove_dir(place);
        }
    }
}

/// TERM, INT, HUP, TSTP and CONT, from before mini's first instruction to after its last. How often, a
/// variable may tell: MINI_TEST_ROUNDS.
fn any_moment(world: &World) {
    let rounds = std::env::var("MINI_TEST_ROUNDS").ok().and_then(|it| it.parse().ok());
    let rounds: u64 = rounds.unwrap_or(12);
    let parents = Parents::new();
    let root = world.busybox();
    let root = root.to_str().unwrap();
    let report = world.directory().join("report");
    let pidfile = world.directory().join("pid");
    let long = "w".repeat(100_000);
    let limits = ["-m", "64m", "--pids-limit", "50", "--cgroup-parent", &parents.1];
    let lines: [&[&str]; 8] = [
        &["--", "/bin/true"],
        &["--rootfs", root, "--", "true"],
        &["--init", "--rootfs", root, "--", "true"],
        &["-t", "--rootfs", root, "--", "sh", "-c", "echo up; exit 0"],
        &["--pid", "host", "--", "/bin/true"],
        &["--trace", "--rootfs", root, "--", "true"],
        &["--pidfile", pidfile.to_str().unwrap(), "--", "/bin/true", &long],
        &["--report", report.to_str().unwrap(), "--userns", "auto", "--", "/bin/true"],
    ];
    let mut moment: u64 = 0;
    for line in lines {
        for sent in [Signal::TERM, Signal::INT, Signal::HUP, Signal::TSTP] {
            for _ in 0..rounds {
                moment += 1;
                let mut command = world.run_command(&[&limits[..], line].concat());
                command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
                let mut mini = Running(command.spawn().unwrap());
                std::thread::sleep(Duration::from_micros(moment * 7919 % 6000));
                signal(&mini.0, sent);
                if sent == Signal::TSTP {
                    std::thread::sleep(Duration::from_micros(moment * 104_729 % 2000));
                    signal(&mini.0, Signal::CONT);
                }
                let what =
                    format!("{sent:?} {}", line.join(" ").chars().take(60).collect::<String>());
                let status = ended(&mut mini.0, &what);
                let right = match (status.code(), status.signal()) {
                    (Some(0), None) => true,
                    // Before mini held it back, or as the command's status.
                    (None, Some(number)) => number == sent.as_raw(),
                    (Some(status), None) => status == 128 + sent.as_raw(),
                    _ => false,
                };
                assert!(right && (sent != Signal::TSTP || status.success()), "{what}: {status:?}");
                let left = parents.left();
                assert!(left.is_empty(), "{what}: {left:?}");
                assert!(!pidfile.exists(), "{what}");
            }
        }
    }
    assert!(processes(&parents.1).is_empty());
}
