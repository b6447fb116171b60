//! The child: performs the plan's steps, and with the last one becomes the command.
//!
//! It shares the parent's memory until then (CLONE_VM), so it neither allocates nor formats:
//! it works on its own stack and inbox, and on failure sends the step's number and the kernel's
//! reason. The parent, which holds the same plan, says what that means.

use super::confine;
use super::exec;
use super::gate::{self, Words};
use super::groups::Door;
use super::inside::{self, Make};
use super::passwd::Account;
use super::reaper;
use super::status::{Detail, Record};
use super::unpack;
use super::volume::{self, Taken};
use crate::plan::{Mount, Plan, Step, WhenMissing};
use crate::sys::memory::Program;
use crate::sys::{
    Errno, Fd, Result, clock, fs, loopdev, mount, net, process, security, signal, terminal,
};
use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// What the child gets from its parent.
pub struct Child<'a> {
    /// What to do.
    pub plan: &'a Plan<'a>,
    /// The pipe of the command's words: (read end, write end).
    pub gate: (Fd, Fd),
    /// The pipe of reports: (read end, write end).
    pub status: (Fd, Fd),
    /// The files through which it joins its groups, in order.
    pub doors: &'a [Door],
    /// Whether it has joined the v2 group by being born.
    pub is_born_in_group: AtomicBool,
    /// What it takes of the host's mounts, by number.
    pub trees: &'a [Taken],
    /// The connection over which a terminal goes: (the parent's end, the child's).
    pub terminal: Option<(Fd, Fd)>,
    /// Where process 1, if it is mini's, leaves the signal that ended the command.
    pub signal: Option<&'static AtomicU32>,
    /// Where mini itself lies in memory.
    pub program: Program,
    /// Whether to report the steps that went well, too.
    pub trace: bool,
}

/// What the steps hand on to each other.
struct State {
    inbox: Option<&'static mut [usize]>,
    words: Option<Words>,
    old_umask: Option<fs::Mode>,
    account: Account,
    archive: Option<Fd>,
    parents: inside::Parents,
    /// What to say of a failure beyond its errno.
    detail: Detail,
}

/// The child's whole life until it is the command.
pub fn enter(child: &Child, inbox: &'static mut [usize]) -> ! {
    // Now only the parent holds the other ends: their closing means its death.
    child.gate.1.close_copy();
    child.status.0.close_copy();
    if let Some((parents, _)) = &child.terminal {
        parents.close_copy();
    }
    let mut state = State {
        inbox: Some(inbox),
        words: None,
        old_umask: None,
        account: Account::new(),
        archive: None,
        parents: inside::Parents::new(),
        detail: Detail::new(),
    };
    for (index, step) in child.plan.steps.iter().enumerate() {
        let start = if child.trace { clock::now() } else { 0 };
        let failure = perform(step, &mut state, child).err();
        if child.trace || failure.is_some() {
            let nanos = if child.trace { clock::now() - start } else { 0 };
            let record = Record { step: index, failure, nanos };
            // If the parent is gone there is nobody to tell.
            let _ = record.write(&state.detail, &child.status.1);
        }
        if failure.is_some() {
            break;
        }
    }
    process::exit(i32::from(crate::error::FAILED))
}

fn perform(step: &Step, state: &mut State, child: &Child) -> Result<()> {
    match step {
        Step::DieWithParent => process::set_parent_death_signal(libc::SIGKILL)?,
        Step::JoinGroup(number) => {
            let door = child.doors.get(*number).ok_or(Errno::EBADF)?;
            door.pass(child.is_born_in_group.load(Ordering::Relaxed))?;
        }
        Step::NewCgroupNamespace => match process::unshare(libc::CLONE_NEWCGROUP) {
            // As in the launch: before Linux 4.6 there is nothing to hide.
            Ok(()) | Err(Errno::EINVAL) => {}
            Err(errno) => return Err(errno),
        },
        Step::WriteFile { place, content, .. } => {
            fs::write_file_at(place.base, place.path, content.bytes())?;
        }
        Step::Mount(mount) => perform_mount(mount, state)?,
        Step::TakeTree { number, source, recursive, copy } => {
            child.trees.get(*number).ok_or(Errno::EBADF)?.take(source, *recursive, *copy)?;
        }
        Step::TakeFileSystem { number, fstype, settings, image } => {
            let taken = child.trees.get(*number).ok_or(Errno::EBADF)?;
            match (image, fstype) {
                (Some(image), _) => taken.take_image(image)?,
                (None, Some(fstype)) => taken.take_file_system(fstype, settings)?,
                (None, None) => return Err(Errno::EINVAL),
            }
        }
        Step::PutTree { number, target, flags, propagation, recursive, make } => {
            let manner = volume::Manner {
                flags: *flags,
                propagation: *propagation,
                recursive: *recursive,
                make: *make,
            };
            child.trees.get(*number).ok_or(Errno::EBADF)?.put(target, manner)?;
        }
        Step::Tmpfs { target, flags, data, make } => {
            let make = if *make { Make::Directory } else { Make::Nothing };
            let here = fs::open(c".", libc::O_PATH | libc::O_DIRECTORY, 0)?;
            fs::fchdir(&inside::open(target, make)?)?;
            mount::mount(Some(c"tmpfs"), c".", Some(c"tmpfs"), *flags, Some(data))?;
            fs::fchdir(&here)?;
        }
        Step::OpenArchive(path) => {
            state.archive = Some(match path.to_bytes() {
                b"-" => fs::duplicate(0)?,
                _ => fs::open(path, libc::O_RDONLY, 0)?,
            });
        }
        Step::Unpack { own } => {
            let archive = state.archive.take().ok_or(Errno::EALREADY)?;
            unpack::unpack(&archive, *own, &mut state.detail)?;
        }
        Step::MountImage { image, fstype, target } => mount_image(image, fstype, target)?,
        Step::Mask(path) => mask(path)?,
        Step::Protect(path) => protect(path)?,
        Step::RestrictRoot(flags) => volume::restrict_root(*flags)?,
        Step::EnterNamespaceOf(path) => mount::enter_namespace_of(path)?,
        Step::PivotRoot => {
            let old = fs::open(c"/", libc::O_PATH | libc::O_DIRECTORY, 0)?;
            mount::pivot_root(c".", c".")?;
            fs::fchdir(&old)?;
        }
        Step::Chroot => {
            let old = fs::open(c"/", libc::O_PATH | libc::O_DIRECTORY, 0)?;
            fs::chroot(c".")?;
            fs::fchdir(&old)?;
        }
        Step::DetachOldRoot => mount::umount(c".", libc::MNT_DETACH)?,
        Step::Chdir { path, inside } => {
            // A directory that is still open could be named by its link in /proc.
            state.parents = inside::Parents::new();
            fs::chdir(path)?;
            // A directory descriptor in /proc could lead out (CVE-2024-21626).
            if *inside && !fs::cwd_is_reachable()? {
                return Err(Errno::EXDEV);
            }
        }
        Step::ClearUmask => state.old_umask = Some(fs::umask(0)),
        Step::MakeDevice { path, major, minor } => {
            let (base, name) = state.parents.find(path)?;
            fs::mknod_at(base, name, libc::S_IFCHR | 0o666, fs::device(*major, *minor))?;
        }
        Step::MakeDirectory(path) => {
            let (base, name) = state.parents.find(path)?;
            fs::mkdir_at(base, name, 0o755)?;
        }
        Step::MakeFile(path) => {
            let (base, name) = state.parents.find(path)?;
            fs::mknod_at(base, name, libc::S_IFREG | 0o666, 0)?;
        }
        Step::Symlink { target, path } => {
            let (base, name) = state.parents.find(path)?;
            fs::symlink_at(target, base, name)?;
        }
        Step::Hostname(name) => process::sethostname(name.to_bytes())?,
        Step::LoopbackUp => net::loopback_up()?,
        Step::Descriptors(first) => fs::cloexec_from(*first as i32)?,
        Step::AwaitMaps => {
            if !gate::await_word(&child.gate.0)? {
                process::exit(i32::from(crate::error::FAILED));
            }
        }
        Step::Become { uid, gid, leave_groups } => {
            if *leave_groups {
                process::setgroups(&[])?;
            }
            process::setgid(*gid)?;
            process::setuid(*uid)?;
        }
        Step::NewSessionKeyring => confine::new_session_keyring()?,
        Step::Undumpable => security::make_undumpable()?,
        Step::Limit(limit) => security::set_limit(limit.resource, limit.soft, limit.hard)?,
        Step::BoundCapabilities(set) => confine::bound_capabilities(*set)?,
        Step::KeepCapabilities { set, added, named } => {
            confine::keep_capabilities(*set, *added, *named, &mut state.detail)?;
        }
        Step::Groups(groups) => confine::set_groups(groups, &mut state.detail)?,
        Step::User { user, groups, find_home, keep_capabilities } => {
            let wish = confine::Wish { groups: *groups, find_home: *find_home };
            confine::become_user(
                user,
                wish,
                &mut state.account,
                &mut state.detail,
                *keep_capabilities,
            )?;
        }
        Step::NoNewPrivileges => security::no_new_privileges()?,
        Step::AllowPaths(rules) => confine::allow_paths(rules, &mut state.detail)?,
        Step::Restore { umask } => restore(*umask, state)?,
        Step::Seccomp { program, .. } => security::set_filter(program)?,
        // The parent's part.
        Step::MakeGroup(_)
        | Step::MoveToGroup(_)
        | Step::OpenTasks(_)
        | Step::OpenGroup(_)
        | Step::MapIds { .. } => {
            return Err(Errno::ENOSYS);
        }
        Step::Terminal { console } => open_terminal(*console, state, child)?,
        Step::Init { grace } => reaper::begin(*grace, child.program, child.signal)?,
        Step::Gate => pass_gate(state, child)?,
        Step::Exec(_) => return Err(exec_command(state)),
    }
    Ok(())
}

fn perform_mount(step: &Mount, state: &mut State) -> Result<()> {
    let attempt =
        || mount::mount(Some(step.source), step.target, step.fstype, step.flags, step.data);
    match (attempt(), step.missing) {
        (Err(Errno::ENOENT), WhenMissing::Skip) => Ok(()),
        (Err(Errno::ENOENT), WhenMissing::MakeDirectory) => {
            let (base, name) = state.parents.find(step.target)?;
            fs::mkdir_at(base, name, 0o755)?;
            attempt()
        }
        (result, _) => result,
    }
}

/// Read-only, through a loop device that goes with the mount.
#[inline(never)]
fn mount_image(image: &CStr, fstype: &CStr, target: &CStr) -> Result<()> {
    // ext4: a journal that was not played back is left alone.
    let data = (fstype == c"ext4").then_some(c"noload");
    let mount = |source| mount::mount(Some(source), target, Some(fstype), libc::MS_RDONLY, data);
    // erofs reads a file by itself, where the kernel (6.12) was built so.
    if fstype == c"erofs" && mount(image).is_ok() {
        return Ok(());
    }
    let file = fs::open(image, libc::O_RDONLY, 0)?;
    let (_device, path) = loopdev::attach(&file)?;
    mount(path.as_c_str())
}

/// Binds an empty file over a file, or an empty directory over a directory. Asked for beforehand
/// which: a bind that the kernel has to take back costs ten times as much as one that it keeps.
fn mask(path: &CStr) -> Result<()> {
    let bind = |source| mount::mount(Some(source), path, None, libc::MS_BIND, None);
    let is_directory = match fs::identity(path) {
        // This kernel has nothing to hide there.
        Err(Errno::ENOENT) => return Ok(()),
        result => result?.is_directory,
    };
    if !is_directory {
        return match bind(c"/dev/null") {
            // There is no /dev/null: a file that says little will do.
            Err(Errno::ENOENT) => bind(c"/proc/uptime"),
            result => result,
        };
    }
    // A directory of procfs that is empty for ever, being a place to mount on, costs a tenth of a
    // file system of one's own; unless it is not there, or something is mounted on it.
    const EMPTY: &CStr = c"/proc/sys/fs/binfmt_misc";
    if fs::statfs_type(EMPTY) == Ok(libc::PROC_SUPER_MAGIC as u32) {
        return bind(EMPTY);
    }
    let flags = libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    mount::mount(Some(c"tmpfs"), path, Some(c"tmpfs"), flags, Some(c"size=4k,nr_inodes=2"))
}

/// Binds a directory over itself, read-only. The flags its file system was mounted with are kept:
/// a user namespace may not drop them.
fn protect(path: &CStr) -> Result<()> {
    match mount::mount(Some(path), path, None, libc::MS_BIND | libc::MS_REC, None) {
        Err(Errno::ENOENT) => return Ok(()),
        result => result?,
    }
    let flags = libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    mount::mount(None, path, None, libc::MS_REMOUNT | libc::MS_BIND | flags, None)
}

fn open_terminal(console: bool, state: &mut State, child: &Child) -> Result<()> {
    let (_, socket) = child.terminal.as_ref().ok_or(Errno::EBADF)?;
    let pair = terminal::open_pair(c"/dev/ptmx")?;
    // As the one mini was started at: it is not made raw before this one has arrived.
    if let Ok(settings) = terminal::settings(0) {
        terminal::set_settings(pair.end.raw(), &settings)?;
    }
    if let Some(size) = super::terminal::outer_size() {
        terminal::set_size(pair.main.raw(), size)?;
    }
    if console {
        let path = c"/dev/console";
        let (base, name) = state.parents.find(path)?;
        match fs::mknod_at(base, name, libc::S_IFREG | 0o600, 0) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
        }
        let end = fs::NumberedPath::new(b"/dev/pts/", pair.number);
        mount::mount(Some(end.as_c_str()), path, None, libc::MS_BIND, None)?;
        state.parents = inside::Parents::new();
    }
    net::send_descriptors(socket, [&pair.main, &pair.end])?;
    socket.close_copy();
    terminal::take(&pair.end)
}

fn pass_gate(state: &mut State, child: &Child) -> Result<()> {
    let inbox = state.inbox.take().ok_or(Errno::EALREADY)?;
    // The message may be whole although the parent has died since; its end of the status pipe
    // then has closed. If it dies later, the kernel's signal, set by now, ends us.
    let Some(words) = gate::receive(&child.gate.0, inbox)? else {
        process::exit(i32::from(crate::error::FAILED));
    };
    if fs::is_alone(&child.status.1)? {
        process::exit(i32::from(crate::error::FAILED));
    }
    state.words = Some(words);
    Ok(())
}

/// Runs the command.
fn exec_command(state: &mut State) -> Errno {
    let Some(mut words) = state.words.take() else {
        return Errno::EALREADY;
    };
    if let Some(home) = state.account.variable() {
        words.add_variable(home);
    }
    exec::exec(&mut words, &mut state.detail)
}

fn restore(umask: Option<fs::Mode>, state: &State) -> Result<()> {
    if let Some(mask) = umask.or(state.old_umask) {
        fs::umask(mask);
    }
    // A blocked signal stays blocked over execve(2).
    signal::set_mask(0)
}
