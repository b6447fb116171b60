//! `-t` and the terminal mini is started at, driven through a pseudo terminal as a person would.

use crate::world::{Outcome, World, eventually};
use crate::{Need, Promise};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub const PROMISES: &[Promise] = &[
    Promise { name: "terminal_is_the_commands_own", needs: &[], check: own },
    Promise { name: "terminal_is_shown_as_the_console", needs: &[Need::Busybox], check: console },
    Promise { name: "terminal_changes_its_size", needs: &[], check: resize },
    Promise { name: "terminal_signals_reach_who_acts_on_them", needs: &[], check: typed },
    Promise { name: "terminal_end_of_file_ends_the_command", needs: &[], check: end_of_file },
    Promise { name: "terminal_is_suspended_and_continued", needs: &[], check: suspend },
    Promise {
        name: "terminal_waits_for_its_turn_in_the_background",
        needs: &[],
        check: background,
    },
    Promise { name: "terminal_is_taken_back_from_an_inner_shell", needs: &[], check: taken_back },
    Promise {
        name: "terminal_is_taken_back_from_a_shell_faster_than_mini",
        needs: &[Need::Strace],
        check: taken_back_from_the_quick,
    },
    Promise { name: "terminal_has_job_control_inside", needs: &[Need::Debian], check: job_control },
    Promise {
        name: "terminal_takes_a_long_line_and_a_large_paste",
        needs: &[Need::Debian],
        check: paste,
    },
    Promise { name: "terminal_passes_every_byte_both_ways", needs: &[], check: bytes },
    Promise { name: "terminal_works_without_one_outside", needs: &[], check: scripts },
    Promise { name: "terminal_is_restored_whatever_happened", needs: &[], check: restored },
    Promise { name: "terminal_is_not_touched_by_flags", needs: &[], check: shared_flags },
    Promise { name: "terminal_of_odd_sizes_works", needs: &[], check: odd_sizes },
    Promise { name: "terminal_costs_nothing_while_idle", needs: &[], check: idle },
    Promise {
        name: "terminal_shows_full_screen_programs",
        needs: &[Need::Busybox, Need::Tmux],
        check: full_screen,
    },
    Promise { name: "terminal_that_goes_away_ends_the_command", needs: &[], check: hang_up },
];

/// A terminal, with mini or a shell at it.
struct Session {
    outer: File,
    /// Kept open to ask for its settings.
    inner: File,
    child: Child,
    seen: String,
}

impl Session {
    /// Starts a command as the leader of a session at a new terminal.
    fn start(command: Command) -> Session {
        Session::start_at(command, (24, 80))
    }

    fn start_at(mut command: Command, (rows, columns): (u16, u16)) -> Session {
        let (outer, inner) = terminal_pair();
        set_size(&outer, rows, columns);
        for side in ["in", "out", "error"] {
            let end = inner.try_clone().unwrap();
            match side {
                "in" => command.stdin(end),
                "out" => command.stdout(end),
                _ => command.stderr(end),
            };
        }
        lead_session(&mut command);
        let child = command.spawn().unwrap();
        Session { outer, inner, child, seen: String::new() }
    }

    fn write(&mut self, text: &str) {
        self.outer.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until this has been written to the terminal; what came before it is forgotten.
    #[track_caller]
    fn expect(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.seen.contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {text:?} in {:?}", self.seen);
            self.read(left);
        }
        let at = self.seen.find(text).unwrap() + text.len();
        self.seen.drain(..at);
    }

    /// Reads what there is, or waits for it.
    fn read(&mut self, at_most: Duration) {
        let mut polls = [rustix::event::PollFd::new(&self.outer, rustix::event::PollFlags::IN)];
        let timeout = rustix::event::Timespec { tv_sec: at_most.as_secs() as _, tv_nsec: 0 };
        if rustix::event::poll(&mut polls, Some(&timeout)).unwrap() == 0 {
            return;
        }
        let mut buffer = [0; 65536];
        let length = self.outer.read(&mut buffer).unwrap_or(0);
        self.seen.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    #[track_caller]
    fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        let deadline = Instant::now() + Duration::from_secs(20);
        while status.is_none() {
            assert!(Instant::now() < deadline, "still running; seen: {:?}", self.seen);
            // A terminal that nobody reads from is full at some point.
            self.read(Duration::from_millis(0));
            status = self.child.try_wait().unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        status.unwrap()
    }

    fn settings(&self) -> rustix::termios::Termios {
        rustix::termios::tcgetattr(&self.inner).unwrap()
    }
}

/// Has a command lead a session at the terminal that is its standard input.
pub fn lead_session(command: &mut Command) {
    lead_session_at(command, 0);
}

/// The same at the terminal that is this descriptor of its.
pub fn lead_session_at(command: &mut Command, descriptor: i32) {
    // SAFETY: two system calls between fork and exec.
    unsafe {
        command.pre_exec(move || {
            libc::setsid();
            match libc::ioctl(descriptor, libc::TIOCSCTTY, 0) {
                -1 => Err(std::io::Error::last_os_error()),
                _ => Ok(()),
            }
        });
    }
}

/// A new pseudo terminal: its two sides.
pub fn terminal_pair() -> (File, File) {
    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
    let outer = rustix::pty::openpt(flags).unwrap();
    rustix::io::fcntl_setfd(&outer, rustix::io::FdFlags::CLOEXEC).unwrap();
    rustix::pty::grantpt(&outer).unwrap();
    rustix::pty::unlockpt(&outer).unwrap();
    let name = rustix::pty::ptsname(&outer, Vec::new()).unwrap();
    let mut options = File::options();
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOCTTY);
    let inner = options.read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (File::from(outer), inner)
}

fn set_size(terminal: impl AsFd, rows: u16, columns: u16) {
    let size =
        rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(terminal, size).unwrap();
}

/// `mini run OPTIONS -- sh -c SCRIPT` at a terminal.
fn sh(world: &World, options: &[&str], script: &str) -> Session {
    Session::start(world.run_command(&[options, &["--", "/bin/sh", "-c", script]].concat()))
}

/// `mini run OPTIONS` at a terminal with a command that has no handler, once it has started.
fn waiting(world: &World, options: &[&str]) -> Session {
    let probe = world.probe();
    let words = [options, &["--", probe.to_str().unwrap(), "__probe", "wait"]].concat();
    let mut session = Session::start(world.run_command(&words));
    session.expect("up\r\n");
    session
}

/// A shell with job control at a terminal, and mini's path in $mini.
fn shell(world: &World) -> Session {
    let mut command = world.command("/bin/bash".as_ref(), &["--norc", "--noediting", "-i"]);
    command
        .env("mini", world.mini())
        .env("probe", world.probe())
        .env("PS1", "outer> ")
        .env("HISTFILE", "");
    let mut session = Session::start(command);
    session.expect("outer> ");
    session
}

fn own(world: &World) {
    let script =
        "tty; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && stty size && echo x > /dev/tty && echo $TERM";
    let mut command = world.run_command(&["-t", "/bin/sh", "-c", script]);
    command.env_remove("TERM");
    let mut session = Session::start_at(command, (33, 77));
    session.expect("/dev/pts/");
    session.expect("33 77\r\nx\r\nxterm\r\n");
    assert!(session.ended().success());
}

fn console(world: &World) {
    let root = world.busybox();
    let root = root.to_str().unwrap();
    let script = "tty; echo to the console > /dev/console; ls /dev/pts; stat -c %u $(tty)";
    let mut session =
        Session::start(world.run_command(&["-it", "--rootfs", root, "sh", "-c", script]));
    session.expect("/dev/pts/0\r\nto the console\r\n0     ptmx\r\n0\r\n");
    assert!(session.ended().success());
    if world.is_root() {
        let script = "stat -c %u $(tty); echo again > /dev/stderr";
        let words = ["-it", "--rootfs", root, "-u", "joe", "sh", "-c", script];
        Session::start(world.run_command(&words)).expect("1000\r\nagain\r\n");
    }
}

fn resize(world: &World) {
    for options in [&["-t"][..], &[]] {
        let script = "trap 'stty size' WINCH; echo up; read line; read line; echo $line";
        let mut session = sh(world, options, script);
        session.expect("up\r\n");
        set_size(&session.outer, 11, 222);
        session.expect("11 222\r\n");
        session.write("\nend\n");
        session.expect("end");
    }
}

fn typed(world: &World) {
    // A command without a handler, which as process 1 would never hear of it.
    for options in [&["-t"][..], &[], &["-t", "--init"], &["--init"]] {
        let mut session = waiting(world, options);
        session.write("\x03");
        assert_eq!(session.ended().code(), Some(130), "{options:?}");
        let mut session = waiting(world, options);
        session.write("\x1c");
        assert_eq!(session.ended().code(), Some(131), "{options:?}");
        // One with a handler hears of it once.
        let script = "n=0; trap 'n=$((n+1)); echo trapped $n' INT; echo up; read line; read line; echo got $n";
        let mut session = sh(world, options, script);
        session.expect("up\r\n");
        session.write("\x03");
        session.expect("trapped 1");
        session.write("\na\n");
        session.expect("got 1");
        assert!(session.ended().success(), "{options:?}");
    }
}

fn end_of_file(world: &World) {
    let mut session = Session::start(world.run_command(&["-t", "cat"]));
    session.write("line\n");
    session.expect("line\r\nline\r\n");
    session.write("\x04");
    assert!(session.ended().success());
}

fn suspend(world: &World) {
    for options in ["-t", "", "-t --init", "--init"] {
        let mut session = shell(world);
        let before = session.settings();
        session.write(&format!("$mini run {options} $probe __probe wait\n"));
        session.expect("up\r\n");
        session.write("\x1a");
        session.expect("Stopped");
        session.expect("outer> ");
        session.write("jobs; echo a''nd\n");
        session.expect("and");
        assert_eq!(session.settings().local_modes, before.local_modes, "{options}");
        session.write("fg\n");
        session.expect("__probe wait");
        // The shell says it before it gives the terminal away.
        eventually("the job is in the foreground", || {
            let group = rustix::termios::tcgetpgrp(&session.outer).unwrap();
            group != Pid::from_child(&session.child)
        });
        session.write("\x03");
        session.expect("outer> ");
        session.write("echo status $?\n");
        session.expect("status 130");
        session.write("exit\n");
        session.ended();
    }
}

fn background(world: &World) {
    let mut session = shell(world);
    session.write("$mini run -t -- sh -c 'echo in''side; read line; echo go''t $line' &\n");
    session.expect("outer> ");
    session.write("until jobs | grep -q Stopped; do :; done; echo a''t rest\n");
    session.expect("at rest");
    session.write("fg\n");
    session.expect("inside");
    session.write("it\n");
    session.expect("got it");
    session.expect("outer> ");
    session.write("exit\n");
    session.ended();
}

fn taken_back(world: &World) {
    shells_come_and_go(world, "");
}

/// The shell has been sent its words, and mini does not get on.
fn taken_back_from_the_quick(world: &World) {
    let delay = "-e trace=write -e inject=write:delay_exit=300000:when=1";
    let strace = world.strace().to_str().unwrap();
    shells_come_and_go(world, &format!("{strace} -f -qq -o /dev/null {delay}"));
}

fn shells_come_and_go(world: &World, tracer: &str) {
    // A script that goes on reading: it has no job control by which to help itself.
    let script = "for n in 1 2 3; do PS1='inner> ' $tracer $mini run -i bash --norc --noediting -i; \
        echo status $?; read word; echo got $word; done";
    let mut command = world.command("/bin/sh".as_ref(), &["-c", script]);
    command.env("mini", world.mini()).env("tracer", tracer);
    let mut session = Session::start(command);
    for _ in 0..3 {
        session.expect("inner> ");
        session.write("exit 3\n");
        session.expect("status 3\r\n");
        session.write("word\n");
        session.expect("got word");
    }
    assert!(session.ended().success());
}

fn job_control(world: &World) {
    let root = world.debian().to_str().unwrap();
    let words = ["-it", "-e", "PS1=in> ", "--rootfs", root, "bash", "--norc", "--noediting", "-i"];
    let mut session = Session::start(world.run_command(&words));
    session.expect("in> ");
    session.write("sh -c 'echo u''p; exec sleep 1000'\n");
    session.expect("up\r\n");
    session.write("\x1a");
    session.expect("Stopped");
    session.write("bg; jobs; kill %1; wait; echo do''ne\n");
    session.expect("Running");
    session.expect("done");
    session.expect("in> ");
    session.write("sh -c 'echo ea''ts; exec cat'\n");
    session.expect("eats\r\n");
    session.write("\x03");
    session.expect("^C");
    session.expect("in> ");
    session.write("exit 9\n");
    assert_eq!(session.ended().code(), Some(9));
}

fn paste(world: &World) {
    let root = world.debian().to_str().unwrap();
    // readline, and a line that wraps at 200 columns, edited at both ends.
    let words = ["-it", "-e", "PS1=in> ", "--rootfs", root, "bash", "--norc", "-i"];
    let mut session = Session::start_at(world.run_command(&words), (50, 200));
    session.expect("in> ");
    session.write(&format!("{}\x01printf %s \x05b | wc -c\r", "a".repeat(500)));
    session.expect("501");
    // 64 KiB in lines, through a shell that reads them one by one.
    session.write(
        "stty -echo; echo rea''dy; cat > /dev/shm/paste; wc -c < /dev/shm/paste; echo do''ne\r",
    );
    session.expect("ready\r\n");
    let line = format!("{}\n", "x".repeat(63));
    let text = line.repeat(1024);
    for part in text.as_bytes().chunks(4096) {
        session.outer.write_all(part).unwrap();
    }
    session.write("\x04");
    session.expect("65536\r\ndone");
    session.write("exit\r");
    assert!(session.ended().success());
}

fn bytes(world: &World) {
    const SIZE: usize = 8 << 20;
    let content: Vec<u8> =
        (0..SIZE as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let file = world.file("content", &content);
    let script = format!("stty raw -echo; exec cat {}", file.display());
    let mut command = world.run_command(&["-t", "/bin/sh", "-c", &script]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success() && output.stdout == content);
    // The other way: what comes in is hashed inside.
    let script = format!("stty raw -echo; echo up; head -c {SIZE} | md5sum");
    let mut command = world.run_command(&["-t", "/bin/sh", "-c", &script]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 3]).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&content).map(|()| stdin));
    let mut answer = String::new();
    stdout.read_to_string(&mut answer).unwrap();
    drop(writer.join().unwrap());
    assert!(child.wait().unwrap().success());
    let expected = Outcome::of(Command::new("md5sum").stdin(File::open(file).unwrap())).ok();
    assert_eq!(answer.trim(), expected.trim());
}

fn scripts(world: &World) {
    let run = |script: &str| {
        let script = script.replace("MINI", &format!("{} run", world.mini().display()));
        Outcome::of(&mut world.command("/bin/sh".as_ref(), &["-c", &script]))
    };
    assert_eq!(
        run("MINI -t -- sh -c 'tty >/dev/null && echo yes; exit 3' </dev/null; echo $?").ok(),
        "yes\r\n3\n"
    );
    assert_eq!(run("MINI -t -- yes </dev/null | head -n 1").ok(), "y\r\n");
    // The end of the input is the end of file, also in the middle of a line.
    assert!(run("printf 'a\\nb' | MINI -t -- sed s/b/last/").ok().ends_with("last"));
    run("MINI -t -- cat < /").refused(125, "use 'standard input': Is a directory");
    assert_eq!(run("MINI -t -- sh -c 'echo x; cat' <&-").ok(), "x\r\n");
    // In a file, behind what is there.
    let file = world.directory().join("log");
    let script =
        format!("(echo a; MINI -t -- echo b </dev/null; echo c) > {0}; cat {0}", file.display());
    assert_eq!(run(&script).ok(), "a\nb\r\nc\n");
    // All that was written before the end arrives.
    let outcome = run("MINI -t -- sh -c 'seq 100000' </dev/null | tail -n 1");
    assert_eq!(outcome.ok(), "100000\r\n");
}

fn restored(world: &World) {
    type Ending<'a> = (&'a str, &'a [&'a str], &'a str, Option<Signal>, i32);
    let endings: [Ending; 8] = [
        ("it ends", &["-t"], "echo up; exit 3", None, 3),
        ("it is killed", &["-t", "--init"], "echo up; kill -9 $$", None, 137),
        ("it cannot start", &["-t", "-w", "/nope"], "exit 1", None, 125),
        ("mini is terminated", &["-t"], "echo up; exec sleep 1000", Some(Signal::TERM), 143),
        ("mini is hung up on", &["-t"], "echo up; exec sleep 1000", Some(Signal::HUP), 129),
        ("its time is over", &["-t", "--timeout", "0.2"], "echo up; exec sleep 1000", None, 124),
        ("mini panics", &["-t"], "echo up; exec sleep 1000", Some(last_signal()), 125),
        (
            "its modes are strange",
            &["-t"],
            "stty raw -echo; stty erase x; echo up; exit 4",
            None,
            4,
        ),
    ];
    for (name, options, script, signal, status) in endings {
        // Only the binary that cargo built for tests panics when asked to.
        if name == "mini panics" && std::env::var_os("MINI_TEST_BINARY").is_some() {
            continue;
        }
        let mut command = world.command(
            "/bin/sh".as_ref(),
            &["-c", "stty erase ^H -ixon iutf8 kill ^X; exec \"$@\"", "sh"],
        );
        command.arg(world.mini()).arg("run").args(options).args(["--", "/bin/sh", "-c", script]);
        let mut session = Session::start(command);
        if status != 125 || signal.is_some() {
            session.expect("up");
        }
        if let Some(signal) = signal {
            session.signal(signal);
        }
        assert_eq!(session.ended().code(), Some(status), "{name}");
        let after = session.settings();
        let expected = {
            let (_outer, inner) = terminal_pair();
            let words = ["erase", "^H", "-ixon", "iutf8", "kill", "^X"];
            let stty = Command::new("stty").args(words).stdin(inner.try_clone().unwrap()).status();
            assert!(stty.unwrap().success());
            rustix::termios::tcgetattr(&inner).unwrap()
        };
        assert_eq!(format!("{after:?}"), format!("{expected:?}"), "{name}");
    }
}

fn shared_flags(world: &World) {
    let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let ((read, write), output) = (pipe(), pipe());
    rustix::fs::fcntl_setfl(&read, rustix::fs::OFlags::NONBLOCK).unwrap();
    let mut command = world.run_command(&["-t", "/bin/sh", "-c", "stty -echo; echo up; cat"]);
    command.stdin(read.try_clone().unwrap()).stdout(output.1.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    let mut seen = [0; 4];
    File::from(output.0.try_clone().unwrap()).read_exact(&mut seen).unwrap();
    // Nothing to read is not the end.
    File::from(write).write_all(b"word\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(rustix::fs::fcntl_getfl(&read).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
    assert!(!rustix::fs::fcntl_getfl(&output.1).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
}

fn odd_sizes(world: &World) {
    for size in [(0, 0), (65535, 65535), (1, 1)] {
        let command = world.run_command(&["-t", "stty", "size"]);
        Session::start_at(command, size).expect(&format!("{} {}", size.0, size.1));
    }
}

/// No wake-up while nothing happens.
fn idle(world: &World) {
    for options in [&["-t"][..], &["-t", "--init"], &[]] {
        let mut session = waiting(world, options);
        let switches = || {
            let status =
                std::fs::read_to_string(format!("/proc/{}/status", session.child.id())).unwrap();
            let count = |line: &str| line.contains("ctxt_switches").then(|| line.to_owned());
            status.lines().filter_map(count).collect::<String>()
        };
        // Once it has waited for a tenth of a second it lets go of its pages, and then not even that.
        let mut before = (String::new(), Instant::now());
        eventually("mini comes to rest", || {
            if before.0 != switches() {
                before = (switches(), Instant::now());
            }
            before.1.elapsed() > Duration::from_millis(500)
        });
        let before = before.0;
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(switches(), before, "{options:?}");
        session.signal(Signal::TERM);
        session.ended();
    }
}

fn hang_up(world: &World) {
    let session = waiting(world, &["-t"]);
    let Session { outer, inner, mut child, .. } = session;
    assert!(outer.as_raw_fd() > 2);
    drop((outer, inner));
    let mut status = None;
    eventually("mini ends", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(129));
}

/// The one at which a mini that was built for tests panics.
fn last_signal() -> Signal {
    // SAFETY: the number of a real-time signal that no C library keeps for itself.
    unsafe { Signal::from_raw_unchecked(64) }
}

/// A terminal that draws: tmux(1), with a server of its own, that goes when this does.
struct Tmux {
    socket: String,
}

impl Tmux {
    fn start(world: &World, words: &[&str]) -> Tmux {
        let socket = world.directory().join("tmux").to_str().unwrap().to_owned();
        let tmux = Tmux { socket };
        let mut command = world.command("tmux".as_ref(), &["-S", &tmux.socket, "-f", "/dev/null"]);
        command.args(["new-session", "-d", "-x", "200", "-y", "50"]).args(words);
        // Without a SHELL it takes the user's own, which may be nologin(8).
        command.env_remove("TMUX").env("TERM", "xterm").env("SHELL", "/bin/sh");
        let outcome = Outcome::of(&mut command);
        assert_eq!(outcome.status, 0, "{outcome:?}");
        tmux
    }

    fn run(&self, words: &[&str]) -> String {
        let mut command = Command::new("tmux");
        Outcome::of(command.args(["-S", &self.socket]).args(words)).stdout
    }

    fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        let mut screen = String::new();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !screen.contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} on the screen:\n{screen}");
            std::thread::sleep(Duration::from_millis(5));
            screen = self.run(&["capture-pane", "-p"]);
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

fn full_screen(world: &World) {
    let (mini, root) = (world.mini(), world.busybox());
    let tmux = Tmux::start(world, &["PS1='outer> ' exec bash --norc --noediting"]);
    tmux.shows("outer>");
    let command = format!(
        "{} run -it -e PS1='in> ' --tmpfs /tmp --rootfs {} sh",
        mini.display(),
        root.display()
    );
    tmux.keys(&[&command, "Enter"]);
    tmux.shows("in>");
    tmux.keys(&["vi /tmp/text", "Enter"]);
    tmux.shows("~\n~\n~");
    tmux.keys(&["i", "written in vi"]);
    tmux.shows("I /tmp/text");
    tmux.keys(&["Escape"]);
    tmux.shows("- /tmp/text");
    tmux.keys(&[":wq", "Enter"]);
    tmux.shows("in>");
    tmux.keys(&["clear; wc -c /tmp/text", "Enter"]);
    tmux.shows("14 /tmp/text");
    tmux.keys(&["seq 1000 > /tmp/long; less /tmp/long", "Enter"]);
    tmux.shows("\n48\n");
    tmux.keys(&["G"]);
    tmux.shows("\n1000\n");
    tmux.keys(&["q"]);
    tmux.keys(&["top", "Enter"]);
    tmux.shows("Load average");
    tmux.keys(&["q"]);
    tmux.run(&["resize-window", "-x", "123", "-y", "45"]);
    tmux.keys(&["clear; stty size", "Enter"]);
    tmux.shows("45 123");
    tmux.keys(&["exit", "Enter"]);
    tmux.shows("outer>");
    tmux.keys(&["clear; echo bac''k", "Enter"]);
    tmux.shows("back");
}
