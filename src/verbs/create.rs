//! The verbs `mini create` and `mini run --bundle`.

use super::delete::remove;
use super::oci::{Paths, Session, check_console, connect_console, descriptors, leak, send_main};
use crate::cli::oci::Verb;
use crate::container::create::{Created, write_pid_file};
use crate::container::{self, RunOptions, hooks, signals, stdio};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::oci::config::{self, Config, ConsoleSize};
use crate::oci::convert;
use crate::plan::Plan;
use crate::spec::Spec;
use crate::spec::hooks::Hooks;
use crate::store::state::{State, Status};
use crate::store::{Entry, LIMIT, START, process};
use crate::sys::{Errno, Fd, clock, fs, net};
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;

/// Creates a container; with `mini run` starts it, too, and waits for its command. The exit status.
///
/// # Errors
/// Whatever kept it from being created; nothing is left then.
pub fn create(session: Session) -> Result<u8> {
    let (oci, caller) = (session.oci, session.caller);
    let id = session.id()?;
    stdio::repair()?;
    let detached = oci.verb == Verb::Create || oci.is("detach");
    let paths = Paths::find(oci)?;
    let (config, text) = read_config(paths.bundle, session.env)?;
    let size = config.process.as_ref().and_then(|process| process.console_size);
    let terminal = config.process.as_ref().is_some_and(|process| process.terminal);
    if !has_new(config, libc::CLONE_NEWPID) {
        // Others see the container's process while it still runs mini.
        container::run_sealed(session.words, session.env, caller.path)
            .map_err(|errno| Error::new("protect mini's program").errno(errno))?;
    }
    let remedy = "set process.terminal in config.json";
    check_console(
        terminal,
        paths.console.is_some(),
        detached,
        ("config.json process.terminal", remedy),
    )?;
    let mut spec = convert::spec(config, paths.bundle, id)?;
    spec.security.descriptors = descriptors(oci)?;
    spec.keeps_keyring = oci.is("no-new-keyring");
    let spec = leak(spec);
    let host = leak(Host::probe(caller, spec)?);
    let plan = leak(Plan::new(spec, host));
    let console = paths.console.map(connect_console).transpose()?;
    let entry = session.store.create(id)?;
    let mut state = State {
        id: entry.id,
        bundle: paths.bundle,
        rootfs: spec.root.path.unwrap_or_default(),
        created: clock::since_1970(),
        owner: caller.euid,
        cgroups: host.cgroups.directories(),
        has_process: config.process.is_some(),
        has_hooks: config.hooks != Hooks::default(),
        annotations: config.annotations.clone(),
        ..State::default()
    };
    let mut hooks_ran = false;
    let result = (|| {
        entry.save_config(&text)?;
        entry.enter()?;
        let listener = net::listen_at(START.to_bytes())
            .map_err(|errno| Error::new("listen for mini start").errno(errno))?;
        let listener: &Fd = leak(listener);
        fs::chdir(paths.bundle)
            .map_err(|errno| Error::new("bundle").object(paths.bundle.to_bytes()).errno(errno))?;
        if !state.cgroups.is_empty() {
            // Whenever mini ends from here on, `mini delete --force` finds them.
            entry.save(&state)?;
        }
        let options = RunOptions {
            program: caller.program,
            start: Some(listener),
            outlives: detached,
            ..RunOptions::default()
        };
        signals::begin().map_err(|errno| Error::new("hold signals").errno(errno))?;
        if detached {
            hooks::hold_signals()?;
        }
        let mut base = state.clone();
        let mut run_hooks = |pid| {
            hooks_ran = true;
            base.pid = pid;
            run_create_hooks(spec, &base, pid)
        };
        container::create::create(plan, spec, host, options, &mut run_hooks, |mut created| {
            if let Some(console) = &console {
                send_terminal(&mut created, console, size)?;
            }
            settle(&created, &mut state, &entry, paths.pid_file)?;
            if oci.verb == Verb::Create {
                created.leave();
                return Ok(0);
            }
            // Only the container's process listens: that tells `mini state` that it waits.
            listener.close_copy();
            super::start::begin(&entry, &state, &spec.hooks)?;
            if detached {
                created.leave();
                return Ok(0);
            }
            let outcome = created.supervise(plan, spec, host, options)?;
            Ok(outcome.status)
        })
    })();
    let foreground = !detached && !oci.is("keep");
    if result.is_err() {
        // Those that were made are gone; one that was there before may be another container's.
        state.cgroups.clear();
    }
    if result.is_err() || foreground {
        let none = Hooks::default();
        let hooks = if hooks_ran || result.is_ok() { &spec.hooks } else { &none };
        let removed = remove(&entry, &state, hooks);
        return result.and_then(|status| removed.map(|()| status));
    }
    result
}

/// Gives the terminal that the child has opened to the engine.
fn send_terminal(created: &mut Created, console: &Fd, size: Option<ConsoleSize>) -> Result<()> {
    let failed = |errno| Error::new("send the terminal").errno(errno);
    let [main, _] = created.take_terminal()?.ok_or(Errno::ENOENT).map_err(failed)?;
    send_main(console, &main, size)
}

/// What must be done when the child waits: it is written down, and told so.
fn settle(
    created: &Created,
    state: &mut State,
    entry: &Entry,
    pid_file: Option<&CStr>,
) -> Result<()> {
    state.pid = created.pid();
    state.started = process::start_time(state.pid).unwrap_or(0);
    entry.save(state)?;
    if let Some(file) = pid_file {
        write_pid_file(file, state.pid)?;
    }
    created.commit()
}

/// Whether the container has a new namespace of this kind.
fn has_new(config: &Config, kind: i32) -> bool {
    let mut namespaces = config.linux.namespaces.iter();
    namespaces.any(|known| known.kind == kind as u32 && known.path.is_none())
}

fn run_create_hooks(spec: &Spec, state: &State, pid: i32) -> Result<()> {
    let text = state.for_hooks(Status::Creating);
    let hooks = &spec.hooks;
    hooks::run("prestart", &hooks.prestart, text.bytes(), None)?;
    hooks::run("createRuntime", &hooks.create_runtime, text.bytes(), None)?;
    hooks::run("createContainer", &hooks.create_container, text.bytes(), Some(pid))
}

/// Reads the bundle's configuration; beside it its text.
fn read_config<'a>(bundle: &CStr, env: &[&'a CStr]) -> Result<(&'a Config<'a>, Vec<u8>)> {
    let mut path = Text::new();
    path.raw(bundle.to_bytes()).str("/config.json");
    let path = path.leak();
    let text = fs::read_file(path, LIMIT).map_err(|errno| {
        let error = Error::new("read").object(path.to_bytes()).errno(errno);
        match errno {
            Errno::ENOENT => error.hint("--bundle names the directory with config.json"),
            Errno::EFBIG => error.hint("longer than 8 MiB"),
            _ => error,
        }
    })?;
    let mut config = config::read_config(text.clone().leak())?;
    config.inherit_environment(env);
    Ok((leak(config), text))
}
