//! What the verbs of an OCI runtime have in common: the state directory, the log, and containers by their ids.

use super::run::env::value_of;
use super::{
    create, delete, events, exec, features, kill, list, pause, print, ps, spec, start, state,
    update,
};
use crate::cli::oci::{self, Oci, Parsed, Verb};
use crate::error::{Error, Result};
use crate::host::{self, Caller, working_directory};
use crate::json::Json;
use crate::oci::config::{ConsoleSize, check_id};
use crate::store::process::Process;
use crate::store::state::{State, Status};
use crate::store::time::rfc3339;
use crate::store::{Entry, START, Store};
use crate::sys::{Fd, clock, fs, net, terminal};
use crate::text::{Text, number};
use alloc::boxed::Box;
use core::ffi::CStr;

/// Exit status of a verb of an OCI runtime that failed.
const FAILED: u8 = 1;

/// What a verb has to work with.
pub struct Session<'a> {
    /// The command line.
    pub oci: &'a Oci<'a>,
    /// mini's words, the program's name first.
    pub words: &'a [&'a CStr],
    /// The environment.
    pub env: &'a [&'a CStr],
    /// Who called mini.
    pub caller: Caller,
    /// The state directory.
    pub store: Store,
}

/// Whether these words, without the program's name, are an OCI runtime's command line.
pub fn is_meant(words: &[&CStr]) -> bool {
    match oci::is_meant(words) {
        oci::Meant::Yes => true,
        oci::Meant::No => false,
        oci::Meant::InBundle => is_bundle(),
    }
}

/// Whether the working directory is a bundle's.
fn is_bundle() -> bool {
    let Ok(file) = fs::open(c"config.json", libc::O_RDONLY | libc::O_NONBLOCK, 0) else {
        return false;
    };
    const KEY: &[u8] = b"\"ociVersion\"";
    let mut beginning = [0; 4096];
    let length = fs::read_full(&file, &mut beginning).unwrap_or(0);
    beginning[..length].windows(KEY.len()).any(|part| part == KEY)
}

/// Does what the words, the program's name first, say; the exit status. What fails is told on standard error and in
/// the log.
pub fn run<'a>(words: &'a [&'a CStr], env: &'a [&'a CStr], caller: Caller) -> u8 {
    let oci = match oci::parse(words.get(1..).unwrap_or_default()) {
        Ok(Parsed::Verb(oci)) => oci,
        Ok(Parsed::Help(verb)) => return show(|text| oci::help(verb, text)),
        Ok(Parsed::Overview) => return show(crate::cli::overview),
        Ok(Parsed::Version) => return show(super::version),
        Err(error) => return tell(&error, None),
    };
    // It lives as long as the process.
    let oci: &'a Oci<'a> = leak(oci);
    perform(oci, words, env, caller).unwrap_or_else(|error| tell(&error, Some(oci)))
}

fn show(write: impl FnOnce(&mut Text)) -> u8 {
    let mut text = Text::new();
    write(&mut text);
    print(text.bytes().into()).unwrap_or_else(|error| tell(&error, None))
}

fn perform<'a>(
    oci: &'a Oci<'a>,
    words: &'a [&'a CStr],
    env: &'a [&'a CStr],
    caller: Caller,
) -> Result<u8> {
    if oci.is("systemd-cgroup") {
        let error = Error::new("option").object(b"--systemd-cgroup").cause("not supported yet");
        return Err(error.hint("use the cgroupfs driver of the engine"));
    }
    let session = Session { oci, words, env, caller, store: store(oci, env, caller)? };
    match oci.verb {
        Verb::Create | Verb::Run => create::create(session),
        Verb::Start => start::start(session),
        Verb::State => state::state(session),
        Verb::Kill => kill::kill(session),
        Verb::Delete => delete::delete(session),
        Verb::List => list::list(session),
        Verb::Features => features::features(),
        Verb::Spec => spec::spec(session),
        Verb::Pause => pause::pause(session),
        Verb::Resume => pause::resume(session),
        Verb::Ps => ps::ps(session),
        Verb::Update => update::update(session),
        Verb::Events => events::events(session),
        Verb::Exec => exec::exec(session),
    }
}

/// The state directory that was asked for, or the usual one.
fn store(oci: &Oci, env: &[&CStr], caller: Caller) -> Result<Store> {
    if let Some(path) = oci.value("root") {
        return Ok(Store::at(path));
    }
    let variable = |name: &[u8]| value_of(name, env);
    let directory = variable(b"XDG_RUNTIME_DIR").filter(|value| !value.is_empty());
    // Who is root in a user namespace alone, as in rootless podman, has a directory of its own.
    let is_other = || {
        directory.is_some()
            && host::in_user_namespace()
            && variable(b"USER").is_some_and(|user| !matches!(user, b"" | b"root"))
    };
    Store::usual(caller.euid == 0 && !is_other(), directory)
}

/// Tells an error; the exit status.
fn tell(error: &Error, oci: Option<&Oci>) -> u8 {
    // Callers that have no exit status look for the word, which every other runtime writes.
    error.print_after("mini: error: ");
    if let Some(oci) = oci
        && let Some(path) = oci.value("log")
        && let Err(errno) = log(path, oci.value("log-format") == Some(c"json"), error.line())
    {
        Error::new("log").object(path.to_bytes()).errno(errno).print();
    }
    FAILED
}

/// Appends a line to the log, in one write.
fn log(path: &CStr, is_json: bool, message: &[u8]) -> crate::sys::Result<()> {
    let mut time = Text::new();
    rfc3339(clock::since_1970(), &mut time);
    let mut json = Json { text: Text::new() };
    if is_json {
        json.text.str("{");
        json.string("level", b"error");
        json.string("msg", message);
        json.string("time", time.bytes());
        json.end();
    } else {
        json.text.str("time=\"").raw(time.bytes()).str("\" level=error msg=");
        json.quote(message);
    }
    json.text.str("\n");
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_NONBLOCK;
    let file = fs::open(path, flags, 0o644)?;
    fs::write_all(&file, json.text.bytes())
}

impl Session<'_> {
    /// The id that was given.
    pub fn id(&self) -> Result<&CStr> {
        let id = self.oci.words.first().copied().unwrap_or_default();
        check_id(id.to_bytes())?;
        Ok(id)
    }

    /// The container with the id that was given.
    pub fn find(&self) -> Result<Entry> {
        let id = self.id()?;
        self.store.find(id)?.ok_or_else(|| unknown(id))
    }
}

/// No container has this id. Engines look for these words.
pub fn unknown(id: &CStr) -> Error {
    Error::new("container").object(id.to_bytes()).cause("container does not exist")
}

/// What a container is doing.
pub fn status(entry: &Entry, state: &State) -> Result<Status> {
    if state.pid == 0 {
        return Ok(if entry.is_free() { Status::Stopped } else { Status::Creating });
    }
    if Process::find(state.pid, state.started).is_none() {
        return Ok(Status::Stopped);
    }
    if crate::container::freezer::is_paused(&state.cgroups) {
        return Ok(Status::Paused);
    }
    if entry.has_socket() {
        let failed = |errno| Error::new("find the working directory").errno(errno);
        let here = fs::open(c".", libc::O_PATH | libc::O_DIRECTORY, 0).map_err(failed)?;
        entry.enter()?;
        let waits = crate::container::start::is_waiting(START.to_bytes());
        fs::fchdir(&here).map_err(failed)?;
        if waits {
            return Ok(Status::Created);
        }
    }
    Ok(Status::Running)
}

/// What is known of a container, and what it is doing. Of one that was not created to the end there is little.
pub fn examine(entry: &Entry) -> Result<(State<'static>, Status)> {
    let state = match entry.state()? {
        Some(state) => state,
        None => State { id: entry.id, ..State::default() },
    };
    let status = status(entry, &state)?;
    Ok((state, status))
}

/// Keeps a value for the life of the process.
pub fn leak<'a, T: 'a>(value: T) -> &'a T {
    Box::leak(Box::new(value))
}

/// Paths of the command line, absolute ones: mini changes its working directory.
pub struct Paths<'a> {
    /// The directory of the bundle.
    pub bundle: &'a CStr,
    /// The file for the process id.
    pub pid_file: Option<&'a CStr>,
    /// The socket that gets the terminal.
    pub console: Option<&'a CStr>,
}

impl<'a> Paths<'a> {
    /// Finds them, from the present working directory.
    pub fn find(oci: &'a Oci<'a>) -> Result<Paths<'a>> {
        let cwd = working_directory()?;
        let absolute = |path: &'a CStr| -> &'a CStr {
            if path.to_bytes().starts_with(b"/") {
                return path;
            }
            let mut text = Text::new();
            text.raw(&cwd);
            text.str(if cwd.ends_with(b"/") { "" } else { "/" }).raw(path.to_bytes());
            text.leak()
        };
        let bundle = match oci.value("bundle").filter(|path| *path != c"." && !path.is_empty()) {
            Some(path) => absolute(path),
            None => {
                let mut text = Text::new();
                text.raw(&cwd);
                text.leak()
            }
        };
        let value = |name| oci.value(name).filter(|path| !path.is_empty()).map(absolute);
        Ok(Paths { bundle, pid_file: value("pid-file"), console: value("console-socket") })
    }
}

/// Whether a terminal and its receiver go together; else an error that begins with `step`, or tells what gives the
/// command a terminal.
pub fn check_console(
    terminal: bool,
    has_socket: bool,
    detached: bool,
    (step, remedy): (&str, &str),
) -> Result<()> {
    match (terminal, has_socket) {
        (true, false) if detached => Err(Error::new(step)
            .cause("a terminal needs a receiver")
            .hint("give --console-socket SOCKET, or run in the foreground")),
        (false, true) => Err(Error::new("option")
            .object(b"--console-socket")
            .cause("there is no terminal to send")
            .hint(remedy)),
        _ => Ok(()),
    }
}

/// Connects to the receiver of the terminal.
pub fn connect_console(path: &CStr) -> Result<Fd> {
    net::connect_stream(path.to_bytes())
        .map_err(|errno| Error::new("console socket").object(path.to_bytes()).errno(errno))
}

/// Sends the main end of a pseudo terminal, which gets a size first.
pub fn send_main(console: &Fd, main: &Fd, size: Option<ConsoleSize>) -> Result<()> {
    let failed = |errno| Error::new("send the terminal").errno(errno);
    if let Some(size) = size.filter(|size| size.height > 0 && size.width > 0) {
        terminal::set_size(main.raw(), [size.height, size.width, 0, 0]).map_err(failed)?;
    }
    // The data is a name for the terminal, which receivers may print.
    net::send_with(console, b"/dev/ptmx", Some(main)).map_err(failed)
}

/// How many of the caller's descriptors the command gets. They must be there, or mini's own would take their place.
pub fn descriptors(oci: &Oci) -> Result<u32> {
    let Some(value) = oci.value("preserve-fds") else { return Ok(0) };
    let error = || Error::new("option").object(b"--preserve-fds");
    let count = number(value.to_bytes(), 10).filter(|count| *count <= 1 << 16);
    let count = count.ok_or_else(|| error().cause("not a number of file descriptors"))? as u32;
    match (3..3 + count).find(|fd| !fs::is_open(*fd as i32)) {
        Some(fd) => Err(error().cause("not open:").number(fd)),
        None => Ok(count),
    }
}
