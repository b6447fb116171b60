//! The child performs the plan's steps in order. The last step executes the command.
//!
//! Until execve(2) the child shares the parent's memory (CLONE_VM). So it neither allocates nor
//! formats text: it works on its own stack and a buffer made by the parent. When a step fails, it
//! sends the index of the step and the errno; the parent, which has the same plan, composes the
//! message.

use super::exec;
use super::init;
use super::listener::{self, Agent};
use super::mount_tree::{self, MountTree};
use super::passwd::Account;
use super::resolve::{self, Make};
use super::rights;
use super::rootfs::{Rootfs, TOP};
use super::start::{self, StartSocket};
use super::unpack;
use crate::container::args_pipe::{self, Args};
use crate::container::parent::cgroups::CgroupHandle;
use crate::container::status::{Detail, Record};
use crate::plan::{CLONE_NEWTIME, Plan, Step};
use crate::spec::process::Scheduler;
use crate::sys::memory::SharedNumber;
use crate::sys::{
    Errno, Fd, Result, clock, fs, loopdev, mount, net, process, security, signal, terminal,
};
use alloc::vec::Vec;
use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, Ordering};

/// What the parent prepares for the child.
pub struct Child<'a> {
    /// The plan.
    pub plan: &'a Plan<'a>,
    /// The arguments pipe: (read end, write end).
    pub args_pipe: (Fd, Fd),
    /// The status pipe: (read end, write end).
    pub status: (Fd, Fd),
    /// Descriptors through which the child joins its cgroups, in the plan's order.
    pub handles: &'a [CgroupHandle],
    /// Whether the child was created in its v2 cgroup (CLONE_INTO_CGROUP).
    pub is_born_in_cgroup: AtomicBool,
    /// Mounts to open and attach, by number.
    pub trees: &'a [MountTree],
    /// Socket for the pseudo terminal: (the parent's end, the child's end).
    pub terminal: Option<(Fd, Fd)>,
    /// The files of the namespaces that are joined, by number.
    pub namespaces: Vec<Fd>,
    /// Shared memory where mini's PID 1 (--init) stores the signal that ended the command.
    pub signal: Option<SharedNumber>,
    /// What the child needs to wait for `mini start`, if it does.
    pub start: Option<StartSocket<'a>>,
    /// Whether to report successful steps too.
    pub trace: bool,
}

/// State passed from step to step.
struct State {
    /// Index of the current step.
    step: usize,
    /// Connection to `mini start`, which receives failures from then on.
    started: Option<Fd>,
    buffer: Option<&'static mut [usize]>,
    args: Option<Args>,
    old_umask: Option<fs::Mode>,
    account: Account,
    archive: Option<Fd>,
    /// A procfs that is mounted nowhere, or the host's.
    procfs: Option<Fd>,
    /// The namespaces that are joined, by their flags.
    joined: i32,
    /// The agent that gets the notifications of the seccomp filter.
    agent: Option<Agent>,
    /// mini's own program, for --init.
    program: Option<Fd>,
    rootfs: Rootfs,
    /// What to report about a failure beyond errno.
    detail: Detail,
}

/// Runs the child until it executes the command or fails.
pub fn enter(child: &Child, buffer: &'static mut [usize]) -> ! {
    // Closes the parent's ends, so that the pipe ends when the parent dies.
    child.args_pipe.1.close_copy();
    child.status.0.close_copy();
    let mut state = State::new(Some(buffer));
    let plan = child.plan;
    let _ = perform_steps(&plan.steps[plan.joins..], plan.joins, &mut state, child);
    process::exit(i32::from(crate::error::FAILED))
}

/// Joins the namespaces that exist: the part of the intermediate process.
pub fn perform_joins(child: &Child) -> Result<()> {
    let mut state = State::new(None);
    perform_steps(&child.plan.steps[..child.plan.joins], 0, &mut state, child)
}

impl State {
    fn new(buffer: Option<&'static mut [usize]>) -> State {
        State {
            step: 0,
            started: None,
            buffer,
            args: None,
            old_umask: None,
            account: Account::new(),
            archive: None,
            procfs: None,
            joined: 0,
            agent: None,
            program: None,
            rootfs: Rootfs::new(),
            detail: Detail::new(),
        }
    }
}

/// Performs steps, the first of which has this number. A failure is reported.
fn perform_steps(steps: &[Step], first: usize, state: &mut State, child: &Child) -> Result<()> {
    for (index, step) in (first..).zip(steps) {
        let start = if child.trace { clock::now() } else { 0 };
        state.step = index;
        let failure = perform(step, state, child).err();
        if child.trace || failure.is_some() {
            let nanos = if child.trace { clock::now() - start } else { 0 };
            let record = Record { step: index, failure, nanos };
            // A parent that is gone cannot receive it.
            let _ = match (&state.started, &child.start) {
                (Some(connection), Some(start)) => {
                    start::report(&record, start, &state.detail, connection)
                }
                _ => record.write(&state.detail, &child.status.1),
            };
        }
        if let Some(errno) = failure {
            return Err(errno);
        }
    }
    Ok(())
}

fn perform(step: &Step, state: &mut State, child: &Child) -> Result<()> {
    match step {
        Step::SetParentDeathSignal => process::set_parent_death_signal(libc::SIGKILL)?,
        Step::ClearParentDeathSignal => process::set_parent_death_signal(0)?,
        Step::JoinCgroup { number, .. } => {
            let handle = child.handles.get(*number).ok_or(Errno::EBADF)?;
            handle.join(child.is_born_in_cgroup.load(Ordering::Relaxed))?;
        }
        Step::UnshareCgroupNamespace => match process::unshare(libc::CLONE_NEWCGROUP) {
            // Before Linux 4.6 there are no cgroup namespaces: see the launch.
            Ok(()) | Err(Errno::EINVAL) => {}
            Err(errno) => return Err(errno),
        },
        Step::WriteFile { file, content, .. } => {
            let (base, path) = state.rootfs.find(file.path)?;
            fs::write_file_at(base, path, content.bytes())?;
        }
        Step::Mount(mount) => state.rootfs.mount(mount)?,
        Step::OpenTree { number, source, recursive, copy } => {
            child.trees.get(*number).ok_or(Errno::EBADF)?.take(source, *recursive, *copy)?;
        }
        Step::MountDetached { number, mount } => {
            child.trees.get(*number).ok_or(Errno::EBADF)?.create(mount)?;
        }
        Step::Fsmount { number, image } => {
            child.trees.get(*number).ok_or(Errno::EBADF)?.take_image(image)?;
        }
        Step::MoveMount { number, target, attributes, create } => {
            let tree = child.trees.get(*number).ok_or(Errno::EBADF)?;
            tree.put(target, attributes, *create, &mut state.rootfs)?;
        }
        Step::StageMounts => mount_tree::stage(child.trees, &mut state.rootfs)?,
        Step::UnmountStage => mount::umount(TOP, libc::MNT_DETACH)?,
        Step::MountInside { mount, create, copy_up } => {
            state.rootfs.mount_inside(mount, *create, *copy_up)?;
        }
        Step::OpenArchive(path) => {
            state.archive = Some(match path.to_bytes() {
                b"-" => fs::duplicate(0)?,
                _ => fs::open(path, libc::O_RDONLY, 0)?,
            });
            if child.terminal.is_some() && path.to_bytes() == b"-" {
                crate::container::stdio::take_keyboard()?;
            }
        }
        Step::Unpack { set_owners } => {
            let archive = state.archive.take().ok_or(Errno::EALREADY)?;
            unpack::unpack(&archive, *set_owners, &mut state.detail)?;
        }
        Step::MountImage { image, fstype, target, flags } => {
            mount_image(image, fstype, target, *flags)?;
        }
        Step::Mask(path) => state.rootfs.mask(path)?,
        Step::MaskPath { path, if_present } => state.rootfs.mask_path(path, *if_present)?,
        Step::MakeReadonly(path) => state.rootfs.protect(path)?,
        Step::MakePathReadonly(path) => state.rootfs.protect_path(path)?,
        Step::SetTreeAttributes(flags) => mount_tree::restrict_tree(*flags, &mut state.rootfs)?,
        Step::SetRootAttributes(flags) => mount_tree::restrict_root(*flags, &mut state.rootfs)?,
        Step::NewMountNamespace(path) => mount::enter_namespace_of(path)?,
        Step::OpenRoot => state.rootfs.enter_root()?,
        Step::MoveMountTo(path) => state.rootfs.attach(path)?,
        Step::VerifyRoot => state.rootfs.verify()?,
        Step::OpenInitProgram { copy, path } => {
            state.program = Some(init::open_program(*copy, path, &state.rootfs)?);
        }
        Step::PivotRoot => state.rootfs.pivot()?,
        Step::Chroot => state.rootfs.chroot()?,
        Step::UnmountOldRoot => mount::umount(c".", libc::MNT_DETACH)?,
        Step::Chdir { path, in_root } => {
            state.rootfs.forget_working_directory();
            match in_root {
                // A magic link of /proc to an open directory could lead out of the root
                // (CVE-2024-21626), so the resolver follows none.
                true => fs::fchdir(&resolve::open(path, Make::Nothing)?)?,
                false => fs::chdir(path)?,
            }
        }
        Step::Umask => state.old_umask = Some(fs::umask(0)),
        Step::MakeDevice { device, in_root } => state.rootfs.make_device(device, *in_root)?,
        Step::MakeDirectory(path) => {
            let (base, name) = state.rootfs.find(path)?;
            fs::mkdir_at(base, name, 0o755)?;
        }
        Step::MakeFile(path) => {
            let (base, name) = state.rootfs.find(path)?;
            fs::mknod_at(base, name, libc::S_IFREG | 0o666, 0)?;
        }
        Step::Symlink { target, path, in_root } => {
            state.rootfs.make_link(target, path, *in_root)?;
        }
        Step::SetAttributes { path, attributes } => {
            let at = resolve::open(path, Make::Nothing)?;
            mount_tree::set_attributes(&at, attributes, &mut state.rootfs)?;
        }
        Step::Remount(mount) => state.rootfs.remount_inside(mount)?,
        Step::SetHostname(name) => process::sethostname(name.to_bytes())?,
        Step::CreateDirectories(path) => drop(resolve::open(path, Make::Directory)?),
        Step::SetDomainname(name) => process::setdomainname(name.to_bytes())?,
        Step::JoinNamespace { kind, number, if_permitted, .. } if state.joined & kind == 0 => {
            let file = child.namespaces.get(*number).ok_or(Errno::EBADF)?;
            match process::setns(file, *kind) {
                Err(Errno::EPERM) if *if_permitted => {}
                result => {
                    result?;
                    state.joined |= kind;
                    file.close_copy();
                }
            }
        }
        Step::JoinNamespace { .. } => {}
        Step::UnshareTimeNamespace => process::unshare(CLONE_NEWTIME)?,
        Step::EnterTimeNamespace => {
            let flags = libc::O_RDONLY | libc::O_CLOEXEC;
            let own = fs::open(c"/proc/self/ns/time_for_children", flags, 0)?;
            process::setns(&own, CLONE_NEWTIME)?;
        }
        Step::SetSysctl { path, value, .. } => {
            fs::write_file_at(rights::procfs(&mut state.procfs)?, path, value.to_bytes())?;
        }
        Step::SetExecLabel { module, label } => {
            rights::set_exec_label(rights::procfs(&mut state.procfs)?, module, label.bytes())?;
        }
        Step::SetScheduler(scheduler) => {
            let Scheduler { policy, nice, priority, flags, runtime, deadline, period } = *scheduler;
            let deadline = [runtime, deadline, period];
            process::set_scheduler(policy, flags.into(), nice, priority, deadline)?;
        }
        Step::SetIoPriority(io) => process::set_io_priority(io.class, io.priority)?,
        Step::SetMemoryPolicy { mode, nodes } => process::set_memory_policy(*mode, nodes)?,
        Step::SetPersonality(personality) => process::set_personality(*personality)?,
        Step::BringUpLoopback => net::loopback_up()?,
        Step::CloseRange { first, keep } => close_from(*first as i32, *keep, state, child)?,
        Step::WaitForIdMaps => {
            if !args_pipe::wait_for_sync(&child.args_pipe.0)? {
                process::exit(i32::from(crate::error::FAILED));
            }
        }
        Step::SetIds { uid, gid, drop_groups } => {
            if *drop_groups {
                process::setgroups(&[])?;
            }
            process::setgid(*gid)?;
            process::setuid(*uid)?;
        }
        Step::JoinSessionKeyring => rights::new_session_keyring()?,
        Step::SetNotDumpable => security::make_undumpable()?,
        Step::SetRlimit(limit) => security::set_limit(limit.resource, limit.soft, limit.hard)?,
        Step::SetBoundingSet(set) => rights::bound_capabilities(*set)?,
        Step::SetCapabilities { sets, of_users, required } => {
            rights::set_capabilities(sets, of_users, *required, &mut state.detail)?;
        }
        Step::SetGroups(groups) => rights::set_groups(groups, &mut state.detail)?,
        Step::SetUser { user, groups, joins_group, find_home, keep_capabilities } => {
            let user_options = rights::UserOptions {
                groups: *groups,
                joins_group: *joins_group,
                find_home: *find_home,
            };
            rights::become_user(
                user,
                user_options,
                &mut state.account,
                &mut state.detail,
                *keep_capabilities,
            )?;
        }
        Step::SetNoNewPrivs => security::no_new_privileges()?,
        Step::OpenTreeWritable { number, path, optional } => {
            child.trees.get(*number).ok_or(Errno::EBADF)?.take_inside(path, *optional)?;
        }
        Step::MakeMountsReadonly => {
            let root = fs::open(c"/", libc::O_PATH | libc::O_DIRECTORY, 0)?;
            mount::set_attributes(root.raw(), libc::MOUNT_ATTR_RDONLY, 0, 0, true)?;
        }
        Step::MoveMountWritable { number, path } => {
            child.trees.get(*number).ok_or(Errno::EBADF)?.put_back(path)?;
        }
        Step::Landlock(rules) => rights::allow_paths(rules, &mut state.detail)?,
        Step::RestoreSignals { umask } => restore(*umask, state, child)?,
        Step::Seccomp { program, flags, listener, .. } => match (listener, &state.agent) {
            (Some(listener), Some(agent)) => {
                listener::set_filter(program, *flags, agent, listener)?;
            }
            _ => security::set_filter(program, *flags).map(drop)?,
        },
        Step::ConnectSeccompAgent(path) => state.agent = Some(Agent::connect(path)?),
        // Steps of the parent.
        Step::MakeCgroup(_)
        | Step::MakeLastingCgroup { .. }
        | Step::EnableControllers { .. }
        | Step::AttachDeviceProgram { .. }
        | Step::MoveToCgroup(_)
        | Step::OpenCgroupTasks(_)
        | Step::OpenCgroup(_)
        | Step::MoveNetDevice { .. }
        | Step::WriteIdMap { .. } => {
            return Err(Errno::ENOSYS);
        }
        Step::OpenPseudoTerminal { console } => open_terminal(*console, state, child)?,
        Step::StartInit { grace, path } => {
            let program = state.program.take().ok_or(Errno::EBADF)?;
            let signal = child.signal.as_ref().ok_or(Errno::EBADF)?;
            init::begin(*grace, &program, *path, &signal.file, &child.status.1)?;
        }
        Step::WaitForHooks => start::wait_for_parent(state.step, child)?,
        Step::FindCommand(_) => {
            let args = state.args.as_ref().ok_or(Errno::EALREADY)?;
            exec::find(args)?;
        }
        Step::WaitForStart => {
            state.started = Some(start::wait(state.step, child, &mut state.detail)?);
        }
        Step::ReceiveArguments => pass_gate(state, child)?,
        Step::Exec(_) => return Err(exec_command(state)),
    }
    Ok(())
}

/// Closes the descriptors that are not for the command. With `keep`, those that later steps need
/// stay open.
fn close_from(first: i32, keep: bool, state: &mut State, child: &Child) -> Result<()> {
    let status = Some(child.status.1.raw());
    let program = state.program.as_ref().map(Fd::raw);
    let signal = child.signal.as_ref().map(|place| place.file.raw());
    let serving = [
        Some(child.args_pipe.0.raw()),
        child.terminal.as_ref().map(|(_, own)| own.raw()),
        state.archive.as_ref().map(Fd::raw),
    ];
    let trees = || child.trees.iter().map(MountTree::raw).filter(|_| keep);
    // Only the intermediate process has namespaces still to join.
    let is_joining = state.step < child.plan.joins;
    let namespaces = || child.namespaces.iter().map(|file| Some(file.raw())).filter(|_| is_joining);
    let waiting = child.start.as_ref().map(|start| start.listener.raw());
    // The parent's sync byte after `create` comes over the arguments pipe, too.
    let commit = waiting.map(|_| child.args_pipe.0.raw());
    let agent = state.agent.as_ref().map(|agent| agent.socket().raw());
    let next = |from| {
        let others = serving.into_iter().filter(|_| keep);
        let own = [status, program, signal, waiting, commit, agent];
        let all = own.into_iter().chain(others).chain(trees()).chain(namespaces());
        all.flatten().filter(|fd| *fd >= from).min()
    };
    // close_range(2) closes it; dropping the value would close it twice.
    core::mem::forget(state.procfs.take());
    fs::close_all_but(first, &next, &|| state.rootfs.open_own(c"/proc/self/fd"))?;
    if !keep {
        // The descriptors are closed already; dropping the value would close them twice.
        core::mem::forget(core::mem::replace(&mut state.rootfs, Rootfs::new()));
    }
    Ok(())
}

/// Mounts an image read-only through a loop device that is removed with the mount.
#[inline(never)]
fn mount_image(image: &CStr, fstype: &CStr, target: &CStr, flags: libc::c_ulong) -> Result<()> {
    // For ext4: does not replay the journal, and ignores an errors=panic in the superblock, which
    // the maker of the image chose.
    let data = (fstype == c"ext4").then_some(c"noload,errors=continue");
    let flags = flags | libc::MS_RDONLY;
    let mount = |source| mount::mount(Some(source), target, Some(fstype), flags, data);
    // erofs can read a file without a loop device (Linux 6.12, if built so).
    if fstype == c"erofs" && mount(image).is_ok() {
        return Ok(());
    }
    let file = fs::open(image, libc::O_RDONLY, 0)?;
    let (_device, path) = loopdev::attach(&file)?;
    mount(path.as_c_str())
}

fn open_terminal(console: bool, state: &mut State, child: &Child) -> Result<()> {
    let (_, socket) = child.terminal.as_ref().ok_or(Errno::EBADF)?;
    let (dev, ptmx) = state.rootfs.find(c"/dev/ptmx")?;
    let pair = terminal::open_pair(dev, ptmx, |number| {
        let path = fs::NumberedPath::new(b"/dev/pts/", number);
        let (base, name) = state.rootfs.find(path.as_c_str())?;
        fs::open_at(base, name, libc::O_RDWR | libc::O_NOCTTY, 0)
    })?;
    // Copies the settings of the user's terminal, which the parent sets to raw mode only after it
    // has received this one.
    if let Ok(settings) = terminal::settings(0) {
        terminal::set_settings(pair.end.raw(), &settings)?;
    }
    if let Some(size) = crate::container::parent::terminal::outer_size() {
        terminal::set_size(pair.main.raw(), size)?;
    }
    if console {
        state.rootfs.show_console(pair.number)?;
    }
    net::send_descriptors(socket, [&pair.main, &pair.end])?;
    socket.close_copy();
    terminal::make_controlling(&pair.end)
}

fn pass_gate(state: &mut State, child: &Child) -> Result<()> {
    let buffer = state.buffer.take().ok_or(Errno::EALREADY)?;
    let Some(args) = args_pipe::receive(&child.args_pipe.0, buffer)? else {
        process::exit(i32::from(crate::error::FAILED));
    };
    state.args = Some(args);
    Ok(())
}

/// Executes the command.
fn exec_command(state: &mut State) -> Errno {
    let Some(mut args) = state.args.take() else {
        return Errno::EALREADY;
    };
    if let Some(home) = state.account.variable() {
        args.add_variable(home);
    }
    exec::exec(&mut args, &mut state.detail)
}

fn restore(umask: Option<fs::Mode>, state: &State, child: &Child) -> Result<()> {
    // The parent may have died before the parent-death signal was set, or between a change of user,
    // which clears it, and the next setting. Then its end of the status pipe is closed. A container
    // that waits for `mini start` outlives its parent.
    if child.start.is_none() && fs::is_alone(&child.status.1)? {
        process::exit(i32::from(crate::error::FAILED));
    }
    if let Some(mask) = umask.or(state.old_umask) {
        fs::umask(mask);
    }
    // Blocked signals stay blocked over execve(2).
    signal::set_mask(0)
}
