//! The parent's part of the launch: starts the child and sends it its arguments.

use super::cgroups::CgroupHandle;
use super::foreground::Foreground;
use super::ready::PidFile;
use super::{explain, id_maps, net_devices, ready};
use crate::container::args_pipe::PendingArgs;
use crate::container::child::join::{self, Start};
use crate::container::child::mount_tree::MountTree;
use crate::container::child::perform::Child;
use crate::container::child::start::{HookCall, StartSocket};
use crate::container::status::{Detail, Record};
use crate::container::{RunOptions, args_pipe, stdio};
use crate::error::{Error, Result};
use crate::host::{Host, Image};
use crate::plan::{Plan, Step, namespace_name};
use crate::spec::Spec;
use crate::sys::clock::SECOND;
use crate::sys::memory::{ChildMemory, SharedNumber};
use crate::sys::process::{self, SharingChild};
use crate::sys::{Errno, Fd, fs, net};
use crate::text::Text;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32};

/// A started child.
pub struct Launched<'a> {
    /// The child; it is killed when this value is dropped before it has ended.
    pub child: SharingChild<'a>,
    /// The status pipe.
    pub status: &'a Fd,
    /// Socket over which the child sends the pseudo terminal.
    pub terminal: Option<&'a Fd>,
    /// The terminal's foreground before the command.
    pub foreground: Foreground,
    /// Number in shared memory where mini's PID 1 (--init) stores the signal that ended the
    /// command.
    pub signal: Option<&'static AtomicU32>,
    /// Arguments that are not sent yet.
    pub args: Option<PendingArgs<'a>>,
    /// The pid file, removed at the end.
    pub pidfile: Option<PidFile<'a>>,
}

/// Starts the child in its namespaces and sends it the command's arguments.
pub fn launch<'a>(
    plan: &'a Plan<'a>,
    spec: &Spec<'a>,
    host: &Host,
    handles: &'a [CgroupHandle],
    options: RunOptions<'a>,
) -> Result<Launched<'a>> {
    let failed = |step| move |errno| Error::new(step).errno(errno);
    let (args, env) = (spec.process.args, &spec.process.env);
    let mut message = args_pipe::pack(args, env);
    let buffer = args_pipe::buffer_size(args.len(), env.len(), message.len());
    let child_memory =
        ChildMemory::new(buffer, options.program.page_size).map_err(failed("allocate"))?;
    let trees = (0..plan.trees).map(|_| MountTree::new()).collect::<Vec<_>>().leak();
    let (args_read, args_write) = fs::pipe().map_err(failed("pipe"))?;
    let (status_read, status_write) = fs::pipe().map_err(failed("pipe"))?;
    // The child reads this struct through the shared memory but has its own descriptor table. So
    // each side closes its copies of the other's ends by number, and the owner of the descriptors
    // is not dropped.
    let shared: &'a Child = Box::leak(Box::new(Child {
        plan,
        args_pipe: (args_read, args_write),
        status: (status_read, status_write),
        handles,
        is_born_in_cgroup: AtomicBool::new(false),
        trees,
        terminal: spec
            .process
            .terminal
            .then(net::socket_pair)
            .transpose()
            .map_err(failed("socket"))?,
        signal: spec
            .process
            .init
            .map(|_| SharedNumber::new())
            .transpose()
            .map_err(failed("allocate"))?,
        start: options.start.map(|listener| start_socket(listener, options.outlives, plan, spec)),
        namespaces: open_namespaces(&plan.steps[..plan.joins])?,
        trace: options.trace,
    }));
    // The child needs a copy of mini's memory in three cases. mini's PID 1 (--init) lives on. The kernel charges a
    // tmpfs to the cgroup of the memory's owner, so a child that unpacks an archive under a limit must not share
    // mini's memory. And who shares memory cannot enter a time namespace.
    let unpacks_under_limit = host.image == Some(Image::Archive) && host.cgroups.count_memory();
    // Nor does a process share it that enters a container, where others may look at it.
    let is_copy = spec.process.init.is_some() || unpacks_under_limit || spec.exec.is_some();
    let has_time = !spec.namespaces.time.is_host();
    let shared_memory = |is_copy| if is_copy { 0 } else { libc::CLONE_VM };
    let cgroup = handles.iter().find_map(|handle| match handle {
        CgroupHandle::Directory(cgroup) => Some(cgroup),
        CgroupHandle::TasksFile(_) | CgroupHandle::None => None,
    });
    let through = if plan.joins == 0 { 0 } else { libc::CLONE_PARENT };
    let start: &'a Start = Box::leak(Box::new(Start {
        child: shared,
        flags: plan.clone_flags | through | shared_memory(is_copy || has_time),
        cgroup,
        memory: child_memory,
        pid: match plan.joins {
            0 => None,
            _ => Some(SharedNumber::new().map_err(failed("allocate"))?),
        },
    }));
    let child = match plan.joins {
        0 => {
            start.start().map_err(|errno| explain::clone_failure(errno, plan.clone_flags, host))?
        }
        _ => {
            let memory =
                ChildMemory::new(0, options.program.page_size).map_err(failed("allocate"))?;
            let pid = start
                .by_intermediate(memory, shared_memory(has_time))
                .map_err(|errno| explain::clone_failure(errno, 0, host))?;
            if pid == 0 {
                shared.status.1.close_copy();
                return Err(join_failure(&shared.status.0, plan, spec, host));
            }
            if pid & join::FAILED != 0 {
                let errno = Errno::new((pid & !join::FAILED) as i32);
                return Err(explain::clone_failure(errno, plan.clone_flags, host));
            }
            SharingChild::of_pid(pid as i32)
        }
    };
    shared.args_pipe.0.close_copy();
    shared.status.1.close_copy();
    if let Some((_, childs)) = &shared.terminal {
        childs.close_copy();
    }
    if spec.process.terminal && spec.root.path == Some(c"-") {
        // The child has opened the archive by now. Without a terminal it reports the error itself.
        let _ = stdio::take_keyboard();
    }
    let pidfile = options.pidfile.map(|file| ready::write_pid(file, child.pid())).transpose()?;
    if !plan.meanwhile.is_empty() {
        for step in &plan.meanwhile {
            id_maps::map(step, child.pid(), options, spec, host)?;
            net_devices::move_device(step, child.pid(), options, spec, host)?;
        }
        match options.start {
            Some(_) => fs::write_all(&shared.args_pipe.1, &args_pipe::SYNC)
                .map_err(failed("pass the command"))?,
            None => drop(message.splice(0..0, args_pipe::SYNC)),
        }
    }
    let foreground = Foreground::note();
    let pipe = &shared.args_pipe.1;
    let args = match options.start {
        // The hooks come first.
        Some(_) => Some(PendingArgs::hold(pipe, message)),
        None => PendingArgs::send(pipe, message).map_err(failed("pass the command"))?,
    };
    let terminal = shared.terminal.as_ref().map(|(parents, _)| parents);
    let (status, signal) = (&shared.status.0, shared.signal.as_ref().map(|shared| shared.number));
    Ok(Launched { child, status, terminal, foreground, signal, args, pidfile })
}

/// Opens the namespaces that are joined, before a namespace changes what their paths mean.
fn open_namespaces(joins: &[Step]) -> Result<Vec<Fd>> {
    let mut files = Vec::new();
    for step in joins {
        if let Step::JoinNamespace { number, path, kind, .. } = step
            && *number == files.len()
        {
            let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY;
            files.push(fs::open(path, flags, 0).map_err(|errno| {
                let mut name = Text::new();
                name.str(namespace_name(*kind)).str(" namespace");
                Error::new("open").raw(name.bytes()).object(path.to_bytes()).errno(errno)
            })?);
        }
    }
    Ok(files)
}

/// Why the intermediate process has started no child.
#[inline(never)]
fn join_failure(status: &Fd, plan: &Plan, spec: &Spec, host: &Host) -> Error {
    let mut detail = Detail::new();
    while let Ok(Some(record)) = Record::read(&mut detail, status) {
        if let (Some(errno), Some(step)) = (record.failure, plan.steps.get(record.step)) {
            return explain::step_failure(step, errno, detail.bytes(), spec, host);
        }
    }
    Error::new("join namespaces").cause("the process that joins them was killed")
}

/// What the child needs to wait for `mini start`.
fn start_socket<'a>(
    listener: &'a Fd,
    outlives: bool,
    plan: &'a Plan<'a>,
    spec: &Spec<'a>,
) -> StartSocket<'a> {
    let hooks = spec.hooks.start_container.iter().map(|hook| HookCall {
        path: hook.path,
        args: process::addresses(&hook.args),
        env: process::addresses(hook.env.as_deref().unwrap_or_default()),
        timeout: hook.timeout.map(|seconds| u64::from(seconds) * SECOND),
    });
    let is_wait = |step: &Step| matches!(step, Step::WaitForStart);
    let first = plan.steps.iter().position(is_wait).map_or(plan.steps.len(), |at| at + 1);
    let name = |step: &Step| {
        let mut name = Text::new();
        name.raw(explain::named(step, spec).line());
        name
    };
    let names = plan.steps.get(first..).unwrap_or_default().iter().map(name).collect();
    StartSocket { listener, hooks: hooks.collect(), names, first, outlives }
}
