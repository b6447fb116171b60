//! The verb `mini check`: what this host can do, found out by doing it. Each line is a run of mini in
//! a throw-away process, with a command that does not exist: when that is all there is to
//! complain about, everything before it went well. So what is missing is said, with its cause and
//! remedy, in the very words of the run that would fail.

use super::print;
use crate::cgroup::Controller;
use crate::cli::{self, Command, wrap};
use crate::error::{Error, Result};
use crate::host::{self, Caller, cgroups};
use crate::json::Json;
use crate::sys::process::{self, Change};
use crate::sys::{Errno, fs, mount, terminal};
use crate::text::Text;
use crate::verbs::run;
use alloc::vec::Vec;
use core::ffi::CStr;

/// Something that a host can or cannot do.
struct Check {
    name: &'static str,
    probe: Probe,
}

enum Probe {
    /// By a run with these options.
    Run(&'static [&'static CStr]),
    /// The same, for a limit: where its groups are is worth a word.
    Limit(&'static [&'static CStr], Controller),
    /// By a run in a root that is an archive with nothing in it.
    EmptyRoot,
    /// By a run in a throw-away layer over a directory of the host.
    Layer,
    /// By asking the kernel for a file system of this type.
    FileSystem(&'static CStr),
    /// By copying a mount.
    Volumes,
    /// By making calls that are later than Linux 4.4.
    LaterCalls,
}

/// A namespace alone, the others being the host's.
const PROCESSES: &[&CStr] = &[c"--network", c"host", c"--ipc", c"host", c"--uts", c"host"];
const NETWORK: &[&CStr] = &[c"--pid", c"host", c"--ipc", c"host", c"--uts", c"host"];
const IPC: &[&CStr] = &[c"--network", c"host", c"--pid", c"host", c"--uts", c"host"];
const HOST_NAME: &[&CStr] = &[c"--network", c"host", c"--pid", c"host", c"--ipc", c"host"];

const CHECKS: [Check; 22] = [
    Check { name: "plain run", probe: Probe::Run(&[]) },
    Check { name: "host's network", probe: Probe::Run(&[c"--network", c"host"]) },
    Check { name: "pid namespace", probe: Probe::Run(PROCESSES) },
    Check { name: "network namespace", probe: Probe::Run(NETWORK) },
    Check { name: "ipc namespace", probe: Probe::Run(IPC) },
    Check { name: "uts namespace", probe: Probe::Run(HOST_NAME) },
    Check { name: "root file system", probe: Probe::EmptyRoot },
    Check { name: "overlay", probe: Probe::Layer },
    Check { name: "volumes", probe: Probe::Volumes },
    Check { name: "squashfs images", probe: Probe::FileSystem(c"squashfs") },
    Check { name: "erofs images", probe: Probe::FileSystem(c"erofs") },
    Check { name: "terminal", probe: Probe::Run(&[c"-t"]) },
    Check { name: "init", probe: Probe::Run(&[c"--init"]) },
    Check { name: "memory limit", probe: Probe::Limit(&[c"-m", c"64m"], Controller::Memory) },
    Check { name: "cpu limit", probe: Probe::Limit(&[c"--cpus", c"0.1"], Controller::Cpu) },
    Check { name: "cpu set", probe: Probe::Limit(&[c"--cpuset-cpus", c"0"], Controller::Cpuset) },
    Check {
        name: "process limit",
        probe: Probe::Limit(&[c"--pids-limit", c"100"], Controller::Pids),
    },
    Check {
        name: "disk weight",
        probe: Probe::Limit(&[c"--blkio-weight", c"100"], Controller::Io),
    },
    Check { name: "id maps", probe: Probe::Run(&[c"--userns", c"auto"]) },
    Check { name: "path rules", probe: Probe::Run(&[c"--ro-path", c"/"]) },
    Check { name: "nesting", probe: Probe::Run(&[c"--privileged"]) },
    Check { name: "newer calls", probe: Probe::LaterCalls },
];

/// What a check found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Limited,
    Missing,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Limited => "limited",
            State::Missing => "missing",
        }
    }
}

/// Tries everything, prints what was found, as a table or as JSON; 0 when a plain run would work,
/// else 1.
///
/// # Errors
/// When it cannot be printed.
pub fn check(json: bool, env: &[&CStr], caller: Caller) -> Result<u8> {
    let mut text = Text::new();
    let mut object = Json { text: Text::new() };
    object.text.str("{");
    let mut works = false;
    // The terminal's columns; a terminal that tells none, and a file, has 80.
    let width = match terminal::size(1) {
        Ok([_, columns, ..]) if columns >= 40 => columns.into(),
        _ => 80,
    };
    let mut counts = [0; 3];
    let mut told: Vec<Vec<u8>> = Vec::new();
    for Check { name, probe } in &CHECKS {
        let (state, remark) = perform(probe, env, caller)?;
        if *name == CHECKS[0].name {
            works = state == State::Ok;
        }
        counts[state as usize] += 1;
        line(&mut text, name, state, probe);
        if !remark.is_empty() {
            // Rows differ in what failed; what to do about it is told once.
            let hint = remark.windows(2).position(|pair| pair == b" (").unwrap_or(remark.len());
            let (reason, hint) = match told.contains(&remark) {
                true => (&b"for the same reason"[..], &b""[..]),
                false => remark.split_at(hint),
            };
            let is_new = told.iter().all(|before| !before.ends_with(hint) || hint.is_empty());
            let reason = if is_new { [reason, hint].concat() } else { reason.to_vec() };
            wrap(&mut text, &reason, 0, 9, width);
            text.str("\n");
            told.push(remark.clone());
        }
        object.key(name).str("{");
        object.string("state", state.name().as_bytes());
        if !remark.is_empty() {
            object.string(if state == State::Ok { "note" } else { "reason" }, &remark);
        }
        object.end();
    }
    object.end();
    object.text.str("\n");
    text.number(counts[0]).str(" ok, ").number(counts[1]).str(" limited, ");
    text.number(counts[2]).str(" missing\n");
    print(if json { object.text.bytes().into() } else { text.bytes().into() })?;
    Ok(u8::from(!works))
}

/// `STATE NAME OPTIONS`
fn line(text: &mut Text, name: &str, state: State, probe: &Probe) {
    let pad = |text: &mut Text, start: usize, column: usize| {
        while text.bytes().len() < start + column {
            text.str(" ");
        }
    };
    let start = text.bytes().len();
    text.str(state.name());
    pad(text, start, 9);
    text.str(name);
    pad(text, start, 28);
    match probe {
        Probe::Run(words) | Probe::Limit(words, _) => {
            text.str("mini run");
            for word in *words {
                text.str(" ").word(word);
            }
        }
        Probe::EmptyRoot => drop(text.str("mini run --rootfs DIR")),
        Probe::Layer => drop(text.str("mini run --rootfs DIR:O")),
        Probe::FileSystem(_) => drop(text.str("mini run --rootfs FILE")),
        Probe::Volumes => drop(text.str("mini run -v SRC:DST")),
        Probe::LaterCalls => drop(text.str("every run")),
    }
    text.str("\n");
}

fn perform(probe: &Probe, env: &[&CStr], caller: Caller) -> Result<(State, Vec<u8>)> {
    match probe {
        Probe::Run(words) => attempt(words, None, env, caller),
        Probe::Limit(words, controller) => {
            let (state, reason) = attempt(words, None, env, caller)?;
            let is_ok = state == State::Ok;
            Ok((
                state,
                if is_ok { cgroups::whereabouts(*controller).bytes().into() } else { reason },
            ))
        }
        Probe::EmptyRoot => {
            let found = attempt(&[c"--rootfs", c"-"], Some(&[0; 1024]), env, caller)?;
            let covers = found.0 == State::Ok && host::root_is_initramfs()?;
            let note = "/ is an initramfs, which a root of its own covers and never leaves: it goes \
                        without CAP_SYS_ADMIN";
            Ok(if covers { (State::Limited, note.into()) } else { found })
        }
        Probe::Layer => {
            const LAYERS: [(&CStr, &CStr); 3] =
                [(c"/usr", c"/usr:O"), (c"/bin", c"/bin:O"), (c"/etc", c"/etc:O")];
            let is_there = |path| fs::identity(path).is_ok_and(|it| it.is_directory);
            let layer = LAYERS.into_iter().find(|(path, _)| is_there(path)).unwrap_or(LAYERS[0]);
            attempt(&[c"--rootfs", layer.1], None, env, caller)
        }
        Probe::FileSystem(fstype) => Ok(file_system(fstype, caller)),
        Probe::Volumes => Ok(match mount::can_take_trees() {
            true => (State::Ok, Vec::new()),
            false => {
                let reason = "before Linux 5.2 volumes are mounted by their names in /proc, which \
                              must be there";
                (State::Limited, reason.into())
            }
        }),
        Probe::LaterCalls => Ok(later_calls()),
    }
}

/// Which of the calls are missing that have a stand-in; mini picks that without being told.
fn later_calls() -> (State, Vec<u8>) {
    let mut missing = Text::new();
    for (name, is_there) in [
        ("open_tree and fsopen (Linux 5.2)", mount::can_take_trees()),
        ("close_range (5.9)", fs::can_close_ranges()),
        ("mount_setattr (5.12)", mount::can_set_attributes()),
    ] {
        if !is_there {
            missing
                .str(if missing.bytes().is_empty() { "in their stead older ones: " } else { ", " })
                .str(name);
        }
    }
    let state = if missing.bytes().is_empty() { State::Ok } else { State::Limited };
    (state, missing.bytes().into())
}

/// The kernel knows a type when it opens one, whoever asks (fsopen(2)); only root may mount it.
fn file_system(fstype: &CStr, caller: Caller) -> (State, Vec<u8>) {
    match mount::open_type(fstype).map(drop) {
        _ if caller.euid != 0 || host::in_user_namespace() => {
            (State::Missing, "the kernel mounts images for the machine's root only".into())
        }
        Ok(()) if !fs::is_device(c"/dev/loop-control").unwrap_or(false) => {
            (State::Missing, "there is no loop device: /dev/loop-control".into())
        }
        Ok(()) => (State::Ok, Vec::new()),
        Err(Errno::ENOSYS) => {
            (State::Limited, "before Linux 5.2 only a mount would tell whether it is there".into())
        }
        Err(errno) => {
            let error = Error::new("file system").object(fstype.to_bytes()).errno(errno);
            let hint = match errno {
                Errno::ENODEV => "the kernel was built without it",
                _ => "CAP_SYS_ADMIN is missing",
            };
            (State::Missing, error.hint(hint).line().into())
        }
    }
}

/// A command that is in no container.
const NOTHING: &CStr = c"/mini-check-no-such-command";
/// Exit status of a command that is not there.
const NOT_FOUND: u8 = 127;

/// A run with these options, and with this to read, in a process of its own; why it failed before
/// the command, if it did.
fn attempt(
    options: &[&'static CStr],
    input: Option<&[u8]>,
    env: &[&CStr],
    caller: Caller,
) -> Result<(State, Vec<u8>)> {
    let failed = |errno| Error::new("check").errno(errno);
    let (answer, question) = fs::pipe().map_err(failed)?;
    let (source, content) = fs::pipe().map_err(failed)?;
    fs::write_all(&content, input.unwrap_or_default()).map_err(failed)?;
    drop(content);
    if process::fork().map_err(failed)? == 0 {
        drop(answer);
        // What the process has for standard input is not to be read, nor its terminal touched.
        let status = match fs::replace(0, &source).map_err(failed) {
            Ok(()) => try_run(options, env, caller, &question),
            Err(_) => crate::error::FAILED,
        };
        process::exit(status.into());
    }
    drop(question);
    let mut reason = Vec::new();
    let mut buffer = [0; 512];
    loop {
        match fs::read(&answer, &mut buffer).map_err(failed)? {
            0 => break,
            length => reason.extend_from_slice(&buffer[..length]),
        }
    }
    // Any child is the one: there is no other.
    let end = process::wait_end(-1).map_err(failed)?;
    Ok(match end {
        Change::Exited(NOT_FOUND) => (State::Ok, Vec::new()),
        _ => (State::Missing, reason),
    })
}

fn try_run(options: &[&'static CStr], env: &[&CStr], caller: Caller, tell: &crate::sys::Fd) -> u8 {
    let words = [&[c"mini", c"run"], options, &[c"--", NOTHING]].concat().leak();
    let result = cli::parse(words).and_then(|command| match command {
        Command::Run(request) => run::run(request, env, caller),
        _ => Err(Error::new("check")),
    });
    match result {
        Ok(status) => status,
        Err(error) => {
            // Whoever asked is gone when this fails.
            let _ = fs::write_all(tell, error.line());
            error.status()
        }
    }
}
