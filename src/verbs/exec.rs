//! The verb `mini exec`.

use super::oci::{
    Paths, Session, check_console, connect_console, descriptors, examine, leak, send_main,
};
use super::run::env::Variables;
use crate::cgroup::Version;
use crate::container::create::write_pid_file;
use crate::container::{self, RunOptions, stdio};
use crate::error::{Error, Result};
use crate::host::cgroups::{members, path};
use crate::host::{Host, foreign_namespace};
use crate::oci::config::{self, Config, Process};
use crate::oci::convert;
use crate::plan::Plan;
use crate::spec::capability;
use crate::spec::security::IdMapping;
use crate::spec::{Exec, Namespace, Namespaces, Spec};
use crate::store::state::{State, Status};
use crate::store::{Entry, LIMIT};
use crate::sys::{Fd, fs, security};
use crate::text::{Text, number};
use alloc::vec::Vec;
use core::ffi::CStr;

/// Runs a further command in a container; its exit status, or 0 when it was detached.
///
/// # Errors
/// When the container is not running, or the command cannot be executed.
pub fn exec(session: Session) -> Result<u8> {
    let (oci, caller) = (session.oci, session.caller);
    let entry = session.find()?;
    let error = || Error::new("exec").object(entry.id.to_bytes());
    stdio::repair()?;
    let paths = Paths::find(oci)?;
    // The process runs mini's program for a moment in which the container's processes can look at it.
    container::run_sealed(session.words, session.env, caller.path)
        .map_err(|errno| Error::new("protect mini's program").errno(errno))?;
    security::make_undumpable().map_err(|errno| error().errno(errno))?;
    let (state, status) = examine(&entry)?;
    match status {
        Status::Running => {}
        Status::Paused if oci.is("ignore-paused") => {}
        Status::Paused => {
            let error = error().cause("cannot exec in a paused container");
            return Err(error.hint("resume it first"));
        }
        Status::Created | Status::Creating => {
            return Err(error().cause("cannot exec in a container that is not started"));
        }
        Status::Stopped => return Err(error().cause("cannot exec in a stopped container")),
    }
    let config: &Config = leak(config::read_config(entry.config()?.leak())?);
    let command: &Process = leak(command(&session, config)?);
    let is_detached = oci.is("detach");
    check_console(command.terminal, paths.console.is_some(), is_detached, ("exec", "add --tty"))?;
    let mut spec = convert::exec(config, command)?;
    spec.security.descriptors = descriptors(oci)?;
    let detached = is_detached || paths.console.is_some();
    let below = oci.value("cgroup").map_or(&b""[..], CStr::to_bytes);
    spec.exec = Some(Exec { cgroups: joined_cgroups(&state, below)?, detached });
    let _files = join(&mut spec, &entry, &state)?;
    if let Some(adjustment) = spec.process.oom_score_adj.take() {
        // The child inherits it. The container's /proc is not trusted.
        let mut text = Text::new();
        text.signed(adjustment.into());
        fs::write_file_at(fs::HERE, c"/proc/self/oom_score_adj", text.bytes())
            .map_err(|errno| Error::new("write oom_score_adj").errno(errno))?;
    }
    let spec: &Spec = leak(spec);
    let host = leak(Host::probe(caller, spec)?);
    let plan = leak(Plan::new(spec, host));
    let console = paths.console.map(connect_console).transpose()?;
    let options = RunOptions { program: caller.program, ..RunOptions::default() };
    if detached {
        container::exec::start_detached(plan, spec, host, options, |pid, terminal| {
            if let (Some(console), Some([main, _])) = (&console, &terminal) {
                send_main(console, main, command.console_size)?;
            }
            paths.pid_file.map_or(Ok(()), |file| write_pid_file(file, pid))
        })?;
        return Ok(0);
    }
    let options = RunOptions { pidfile: paths.pid_file, ..options };
    container::run(plan, spec, host, options).map(|outcome| outcome.status)
}

/// The command: that of --process, or the container's own process with other words.
fn command<'a>(session: &Session<'a>, config: &'a Config<'a>) -> Result<Process<'a>> {
    let oci = session.oci;
    let words = &oci.words[1..];
    if let Some(file) = oci.value("process") {
        let text = fs::read_file(file, LIMIT)
            .map_err(|errno| Error::new("read").object(file.to_bytes()).errno(errno))?;
        let mut process = config::read_process(text.leak())?;
        process.terminal |= oci.is("tty");
        return Ok(process);
    }
    if words.is_empty() {
        let error = Error::new("exec").cause("no command given");
        return Err(error.hint("usage: mini exec [OPTIONS] ID COMMAND [ARG]..."));
    }
    let mut process = config.process.clone().unwrap_or_default();
    process.args = words.to_vec();
    process.terminal = oci.is("tty");
    process.console_size = None;
    let mut env = Variables::new(process.env);
    oci.values("env").for_each(|variable| env.set(variable));
    process.env = env.words;
    process.cwd = oci.value("cwd").unwrap_or(process.cwd);
    if !process.cwd.to_bytes().starts_with(b"/") {
        let error = Error::new("option --cwd").object(process.cwd.to_bytes());
        return Err(error.cause("not an absolute path"));
    }
    if let Some(user) = oci.value("user") {
        let error = || Error::new("option --user").object(user.to_bytes());
        let mut parts = user.to_bytes().split(|b| *b == b':').map(id);
        match (parts.next().flatten(), parts.next(), parts.next()) {
            (Some(uid), None, None) => process.user.uid = uid,
            (Some(uid), Some(Some(gid)), None) => {
                (process.user.uid, process.user.gid) = (uid, gid);
            }
            _ => return Err(error().cause("not UID or UID:GID, in numbers")),
        }
    }
    for group in oci.values("additional-gids") {
        let error = || Error::new("option --additional-gids").object(group.to_bytes());
        let gid = id(group.to_bytes()).ok_or_else(|| error().cause("not a number"))?;
        process.user.additional_gids.push(gid);
    }
    for name in oci.values("cap") {
        let error = || Error::new("option --cap").object(name.to_bytes());
        let number = capability::by_name(name.to_bytes());
        let bit = 1 << number.ok_or_else(|| error().cause("unknown capability"))?;
        let sets = process.capabilities.get_or_insert_default();
        for set in [&mut sets.bounding, &mut sets.effective, &mut sets.permitted] {
            *set |= bit;
        }
        if process.user.uid != 0 {
            sets.inheritable |= bit;
            sets.ambient |= bit;
        }
    }
    process.no_new_privileges |= oci.is("no-new-privs");
    process.apparmor_profile = oci.value("apparmor").or(process.apparmor_profile);
    process.selinux_label = oci.value("process-label").or(process.selinux_label);
    Ok(process)
}

/// A user or group id; the last number means none.
fn id(digits: &[u8]) -> Option<u32> {
    number(digits, 10).filter(|id| *id < u64::from(u32::MAX)).map(|id| id as u32)
}

/// The files by which a process joins the container's cgroups, or one below them.
fn joined_cgroups(state: &State, below: &[u8]) -> Result<Vec<&'static CStr>> {
    if below.split(|byte| *byte == b'/').any(|part| part == b"..") {
        return Err(Error::new("option --cgroup").object(below).cause("a component is .."));
    }
    let file = |version| if version == Version::V1 { &b"/tasks"[..] } else { b"/cgroup.procs" };
    let members = members(&state.cgroups)?;
    Ok(members
        .iter()
        .map(|it| path(&[it.directory.to_bytes(), b"/", below, file(it.version)]))
        .collect())
}

/// Has the process join the namespaces of the container's process that are not mini's own. Their files stay open until
/// then: whoever gets the container's process id meanwhile, they are the container's.
fn join(spec: &mut Spec, entry: &Entry, state: &State) -> Result<Vec<Fd>> {
    let failed = |errno| Error::new("exec").object(entry.id.to_bytes()).errno(errno);
    let mut files = Vec::new();
    let mut open = |name: &str| -> Result<Option<&'static CStr>> {
        let found = foreign_namespace(state.pid, name).map_err(failed)?;
        let Some(theirs) = found else { return Ok(None) };
        let mut path = Text::new();
        path.str("/proc/self/fd/").number(theirs.raw() as u64);
        files.push(theirs);
        Ok(Some(path.leak()))
    };
    let user = open("user")?;
    let mut kind = |name| -> Result<Namespace<'static>> {
        Ok(open(name)?.map_or(Namespace::Host, Namespace::Path))
    };
    spec.namespaces = Namespaces {
        pid: kind("pid")?,
        net: kind("net")?,
        ipc: kind("ipc")?,
        uts: kind("uts")?,
        cgroup: kind("cgroup")?,
        mount: kind("mnt")?,
        time: kind("time")?,
    };
    spec.security.users = user.map_or(IdMapping::Host, IdMapping::Path);
    if crate::store::process::Process::find(state.pid, state.started).is_none() {
        let error = Error::new("exec").object(entry.id.to_bytes());
        return Err(error.cause("cannot exec in a stopped container"));
    }
    Ok(files)
}
