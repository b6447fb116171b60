//! Makes the container's cgroups before the child starts, and removes them after it has ended or leaves them for
//! [`delete`].

use super::freezer;
use super::usage::Usage;
use super::{explain, trace};
use crate::cgroup::{Set, Version};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::host::cgroups::{path, time_in_name};
use crate::plan::{PathAt, Plan, Step};
use crate::spec::Spec;
use crate::sys::fs::{self, Base, HERE};
use crate::sys::process::WaitResult;
use crate::sys::{Errno, Fd, bpf, clock, process, signal};
use crate::text::{Text, number};
use alloc::vec::Vec;
use core::ffi::CStr;

/// The cgroups that were made. Dropping this value removes them.
pub struct Cgroups<'a> {
    made: Vec<Made<'a>>,
    /// Cgroups that are to outlive mini, as long as it may have to remove them after a failure.
    lasting: Vec<Lasting<'a>>,
    /// The cgroup that mini left, and the controllers it enabled there.
    left: Option<(&'a PathAt, &'a Text)>,
    /// What the child joins, in order.
    pub handles: Vec<CgroupHandle>,
    /// What kills processes that outlive the command where no pid namespace does.
    guard: Guard,
}

/// A cgroup that was made to outlive mini.
struct Lasting<'a> {
    place: &'a PathAt,
    /// Whether it is the container's own, or one above.
    own: bool,
}

/// A cgroup that was made.
struct Made<'a> {
    at: &'a PathAt,
    /// Lock on the cgroup's directory: while it is held, no other mini removes the cgroup as
    /// abandoned. None before the cgroup is complete.
    lock: Option<Fd>,
}

/// What kills processes that outlive the command.
enum Guard {
    /// Nothing: it is not needed, or not possible.
    None,
    /// A process of mini's that waits for mini's end (end of file on the pipe).
    Watcher { pid: i32, pipe: Fd },
    /// mini itself, as child subreaper (PR_SET_CHILD_SUBREAPER).
    Adoption,
}

/// A descriptor through which the child joins a cgroup.
pub enum CgroupHandle {
    /// The file `tasks` of a v1 cgroup.
    TasksFile(Fd),
    /// The directory of a v2 cgroup.
    Directory(Fd),
    /// None: the implied cgroup could not be made.
    None,
}

impl CgroupHandle {
    /// Joins the cgroup, unless the child was created in it.
    pub fn join(&self, is_born_in_cgroup: bool) -> crate::sys::Result<()> {
        match self {
            CgroupHandle::TasksFile(tasks) => fs::write_all(tasks, b"0"),
            CgroupHandle::Directory(_) if is_born_in_cgroup => Ok(()),
            CgroupHandle::None => Ok(()),
            CgroupHandle::Directory(cgroup) => {
                fs::write_file_at(cgroup.raw(), c"cgroup.procs", b"0")
            }
        }
    }

    fn close_copy(&self) {
        if let CgroupHandle::TasksFile(file) | CgroupHandle::Directory(file) = self {
            file.close_copy();
        }
    }
}

impl<'a> Cgroups<'a> {
    /// Performs the plan's steps before the child starts.
    pub fn make(plan: &'a Plan, spec: &Spec, host: &Host, traced: bool) -> Result<Cgroups<'a>> {
        let mut cgroups = Cgroups {
            made: Vec::new(),
            lasting: Vec::new(),
            left: None,
            handles: Vec::new(),
            guard: Guard::None,
        };
        // The implied cgroup comes last, and its two steps may fail.
        let is_implied = host.cgroups.list.last().is_some_and(|cgroup| cgroup.implied);
        let needed = plan.before.len() - if is_implied { 2 } else { 0 };
        let mut tries = if host.cgroups.stay { MOST_TRIES } else { 1 };
        let mut number = 0;
        while let Some(step) = plan.before.get(number) {
            let start = if traced { clock::now() } else { 0 };
            let result = cgroups.perform(step);
            if traced {
                let micros = (clock::now() - start) / 1000;
                trace::step(step, result.err(), Some(micros));
            }
            if result.is_err() && number >= needed {
                cgroups.handles.push(CgroupHandle::None);
                break;
            }
            if let (Err(Errno::ENOENT), Step::MakeLastingCgroup { .. }) = (result, step)
                && tries > 1
            {
                // Another launch failed, and removed a cgroup above that both would have used.
                tries -= 1;
                number = 0;
                cgroups.handles.clear();
                continue;
            }
            number += 1;
            result.map_err(|errno| explain::step_failure(step, errno, b"", spec, host))?;
        }
        Ok(cgroups)
    }

    fn perform(&mut self, step: &'a Step) -> crate::sys::Result<()> {
        match step {
            Step::MakeCgroup(at) => {
                fs::mkdir_at(at.base, at.path, 0o755)?;
                self.made.push(Made { at, lock: None });
                let lock = claim(at)?;
                if let Some(made) = self.made.last_mut() {
                    made.lock = lock;
                }
            }
            Step::MakeLastingCgroup { place, own } => self.make_lasting(place, *own)?,
            Step::EnableControllers { place, needed, wanted } => {
                enable(place, *needed)?;
                for controller in wanted.iter() {
                    let mut one = Set::EMPTY;
                    one.add(controller);
                    let _ = enable(place, one);
                }
            }
            Step::AttachDeviceProgram { place, program } => {
                let cgroup = fs::open_at(place.base, place.path, DIRECTORY, 0)?;
                replace_device_program(&cgroup, program)?;
            }
            Step::MoveToCgroup(at) => {
                let procs = path(&[at.path.to_bytes(), b"/cgroup.procs"]);
                fs::write_file_at(at.base, procs, b"0")?;
                static NOTHING: Text = Text::new();
                self.left = Some((at, &NOTHING));
            }
            Step::WriteFile { file: at, alternative, content, if_present } => {
                write(at, alternative.as_deref(), content.bytes(), *if_present)?;
                if let Some((_, passed_on)) = &mut self.left
                    && at.path.to_bytes().ends_with(b"/cgroup.subtree_control")
                {
                    *passed_on = content;
                }
            }
            Step::OpenCgroupTasks(at) => {
                self.handles.push(CgroupHandle::TasksFile(fs::open_at(
                    at.base,
                    at.path,
                    libc::O_WRONLY,
                    0,
                )?));
            }
            Step::OpenCgroup(at) => {
                let flags = libc::O_PATH | libc::O_DIRECTORY;
                self.handles
                    .push(CgroupHandle::Directory(fs::open_at(at.base, at.path, flags, 0)?));
            }
            _ => return Err(Errno::ENOSYS),
        }
        Ok(())
    }

    /// Makes a cgroup that outlives mini, or takes one that exists. It must have no members: they would be killed with
    /// the container.
    fn make_lasting(&mut self, place: &'a PathAt, own: bool) -> crate::sys::Result<()> {
        match fs::mkdir_at(place.base, place.path, 0o755) {
            Ok(()) => {
                self.lasting.push(Lasting { place, own });
                Ok(())
            }
            Err(Errno::EEXIST) if !own || self.lasting.iter().any(|it| it.place == place) => Ok(()),
            Err(Errno::EEXIST) => {
                let top = fs::open_at(place.base, place.path, DIRECTORY, 0)?;
                let is_free = walk(&top, &mut |visit| match visit {
                    Visit::Enter(cgroup) => is_empty(cgroup),
                    Visit::Leave(..) => true,
                })?;
                if is_free && !freezer::is_frozen(top.raw()) { Ok(()) } else { Err(Errno::EBUSY) }
            }
            Err(errno) => Err(errno),
        }
    }

    /// Leaves the container's cgroups behind: from now on [`delete`] removes them.
    pub fn keep(&mut self) {
        self.lasting.clear();
    }

    /// Reads what the container used from its cgroups.
    pub fn usage(&self, host: &Host, usage: &mut Usage) {
        for cgroup in &host.cgroups.list {
            usage.read(cgroup.version, cgroup.base, host.cgroups.path_in(cgroup));
        }
    }

    /// Makes sure that processes which the command leaves behind end with it, and, where there is a
    /// cgroup, also if mini is killed.
    pub fn guard(&mut self, host: &Host) -> Result<()> {
        if !host.cgroups.kills_remaining {
            return Ok(());
        }
        if self.made.is_empty() {
            if process::adopt_orphans().is_ok() && children() == Ok(Vec::new()) {
                self.guard = Guard::Adoption;
            } else {
                Error::new("option --pid host")
                    .cause(
                        "no cgroup can be had here, nor can mini tell its own children from the \
                            command's",
                    )
                    .hint("processes that the command leaves behind will outlive it")
                    .print();
            }
            return Ok(());
        }
        let failed = |errno| Error::new("watch over the command").errno(errno);
        let (end, pipe) = fs::pipe().map_err(failed)?;
        match process::fork().map_err(failed)? {
            0 => self.watch(&end, &pipe),
            pid => self.guard = Guard::Watcher { pid, pipe },
        }
        Ok(())
    }

    /// The watcher process: when mini has ended, it kills what is left in the cgroups. It has its
    /// own session, so that a signal to mini's process group does not end it.
    fn watch(&mut self, end: &Fd, pipe: &Fd) -> ! {
        let _ = signal::set_mask(signal::ALL);
        let _ = process::setsid();
        pipe.close_copy();
        for handle in &self.handles {
            handle.close_copy();
        }
        // Waits for end of file; nobody writes to the pipe.
        let _ = fs::read(end, &mut [0]);
        self.remove_all(false);
        process::exit(0)
    }

    fn remove_all(&mut self, is_mini: bool) {
        while let Some(Made { at, lock }) = self.made.pop() {
            if let Some((left, passed_on)) = self.left.filter(|(left, _)| *left == at) {
                come_back(left, passed_on);
                self.left = None;
            }
            let deadline = clock::now() + REMOVAL_LIMIT;
            let result = remove(at.base, at.path, deadline);
            drop(lock);
            if let (Err(errno), true) = (result, is_mini) {
                // The command's status is kept, but the user learns what is left.
                Error::new("remove cgroup").object(at.path.to_bytes()).errno(errno).print();
            }
        }
    }
}

/// Locks a cgroup that was just made. Another mini may remove it as abandoned before the lock; then
/// it is made again. None where the file system has no locks; then no mini removes cgroups.
fn claim(at: &PathAt) -> crate::sys::Result<Option<Fd>> {
    // Another mini holds the lock and is about to remove the cgroup, or it failed to remove it.
    // Wait up to five seconds.
    let mut pause = 20_000;
    for _ in 0..1000 {
        let directory = match fs::open_at(at.base, at.path, DIRECTORY, 0) {
            Err(Errno::ENOENT) => {
                fs::mkdir_at(at.base, at.path, 0o755)?;
                continue;
            }
            result => result?,
        };
        match fs::try_lock(&directory, false) {
            Ok(()) => match fs::exists_at(at.base, at.path) {
                Err(Errno::ENOENT) => {}
                result => return result.map(|()| Some(directory)),
            },
            Err(Errno::EAGAIN) => {
                clock::pause(pause);
                pause = (pause * 2).min(5_000_000);
            }
            Err(_) => break,
        }
    }
    Ok(None)
}

/// How often the cgroups above the container's are made before mini gives up.
const MOST_TRIES: u32 = 10;

const DIRECTORY: i32 = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;

fn write(
    at: &PathAt,
    other: Option<&(&'static CStr, Text)>,
    content: &[u8],
    if_present: bool,
) -> crate::sys::Result<()> {
    let result = fs::write_file_at(at.base, at.path, content);
    let result = match (result, other) {
        (Err(Errno::ENOENT), Some((other, content))) => {
            fs::write_file_at(at.base, other, content.bytes())
        }
        (result, _) => result,
    };
    match result {
        // The setting only follows from another limit, which applies; or newer kernels ignore it.
        Err(Errno::ENOENT | Errno::EOPNOTSUPP) if if_present => Ok(()),
        result => result,
    }
}

fn enable(place: &PathAt, set: Set) -> crate::sys::Result<()> {
    let mut content = Text::new();
    for controller in set.iter() {
        content.str("+").str(controller.name(Version::V2)).str(" ");
    }
    if set.is_empty() {
        return Ok(());
    }
    fs::write_file_at(place.base, place.path, content.bytes())
}

/// Attaches the new program before the old ones go, so that no moment is without rules.
pub fn replace_device_program(cgroup: &Fd, program: &[u64]) -> crate::sys::Result<()> {
    let old = bpf::device_programs(cgroup)?;
    bpf::attach_device_program(cgroup, &bpf::load_device_program(program)?)?;
    for program in &old {
        bpf::detach_device_program(cgroup, program)?;
    }
    Ok(())
}

impl Drop for Cgroups<'_> {
    fn drop(&mut self) {
        // A directory that is removed while open stays in the kernel's caches.
        self.handles.clear();
        if let Guard::Adoption = self.guard {
            end_orphans();
        }
        self.remove_all(true);
        while let Some(Lasting { place, own }) = self.lasting.pop() {
            if own {
                let _ = remove(place.base, place.path, clock::now() + REMOVAL_LIMIT);
            } else {
                // Others may use it meanwhile: then it is not empty.
                let _ = fs::rmdir_at(place.base, place.path);
            }
        }
        if let Guard::Watcher { pid, pipe } = core::mem::replace(&mut self.guard, Guard::None) {
            drop(pipe);
            // The process may have been reaped already.
            let _ = process::wait_end(pid);
        }
    }
}

/// Undoes [`Step::MoveToCgroup`]. If that fails the cgroup stays, and its removal reports the
/// error.
fn come_back(left: &PathAt, passed_on: &Text) {
    let parent = left.path.to_bytes();
    let parent = &parent[..parent.iter().rposition(|b| *b == b'/').unwrap_or(0)];
    let mut take_back = Text::new();
    for byte in passed_on.bytes() {
        take_back.raw(&[if *byte == b'+' { b'-' } else { *byte }]);
    }
    let control = path(&[parent, b"/cgroup.subtree_control"]);
    let procs = path(&[parent, b"/cgroup.procs"]);
    let _ = fs::write_file_at(left.base, control, take_back.bytes());
    let _ = fs::write_file_at(left.base, procs, b"0");
}

/// Time for the removal. The kernel needs a moment after the last process was reaped, and longer on
/// a loaded machine.
const REMOVAL_LIMIT: u64 = 5_000_000_000;

/// Removes a cgroup and those below it, killing their processes. `deadline` is in the time of
/// [`clock::now`].
fn remove(base: Base, cgroup: &CStr, deadline: u64) -> crate::sys::Result<()> {
    let mut pause = 20_000;
    loop {
        match fs::rmdir_at(base, cgroup) {
            // Another mini may have removed it as abandoned.
            Ok(()) | Err(Errno::ENOENT) => return Ok(()),
            Err(Errno::EBUSY) if clock::now() < deadline => {}
            Err(errno) => return Err(errno),
        }
        // Errors show up in the next round.
        if let Ok(top) = fs::open_at(base, cgroup, DIRECTORY, 0) {
            let _ = walk(&top, &mut |visit| {
                match visit {
                    Visit::Enter(cgroup) => kill_all(cgroup),
                    Visit::Leave(above, name) => drop(fs::rmdir_at(above.raw(), name)),
                }
                true
            });
        }
        // Only v2 has an event for this. It takes microseconds, so a short pause that doubles costs
        // less than watching for the event.
        clock::pause(pause);
        pause = (pause * 2).min(20_000_000);
    }
}

/// An item of a walk.
enum Visit<'a> {
    /// A cgroup, before those below it.
    Enter(&'a Fd),
    /// The same cgroup after those below it: its parent directory and its name.
    Leave(&'a Fd, &'a CStr),
}

/// Visits a cgroup and all below it until `visit` returns false; returns whether all were visited.
/// The container chooses depth and names, so the walk uses no recursion, no paths, and one
/// descriptor at a time.
fn walk(top: &Fd, visit: &mut dyn FnMut(Visit) -> bool) -> crate::sys::Result<bool> {
    let mut here = fs::open_at(top.raw(), c".", DIRECTORY, 0)?;
    if !visit(Visit::Enter(&here)) {
        return Ok(false);
    }
    let mut names = fs::names_in(&here, true)?;
    let mut above = Vec::new();
    loop {
        if let Some(name) = names.pop() {
            here = match fs::open_at(here.raw(), name, DIRECTORY, 0) {
                Err(Errno::ENOENT | Errno::ENOTDIR) => continue,
                result => result?,
            };
            if !visit(Visit::Enter(&here)) {
                return Ok(false);
            }
            above.push((name, core::mem::replace(&mut names, fs::names_in(&here, true)?)));
        } else if let Some((name, others)) = above.pop() {
            here = fs::open_at(here.raw(), c"..", DIRECTORY, 0)?;
            names = others;
            if !visit(Visit::Leave(&here, name)) {
                return Ok(false);
            }
        } else {
            return Ok(true);
        }
    }
}

/// Room for about a million process ids.
const PROCS_LIMIT: usize = 8 << 20;

/// Kills the processes in a cgroup: there are some only where the command shared the host's pid
/// namespace. Processes that fork meanwhile are found in the next round.
fn kill_all(cgroup: &Fd) {
    // Linux 5.14, v2: kills all at once.
    if fs::write_file_at(cgroup.raw(), c"cgroup.kill", b"1").is_ok() {
        return;
    }
    // Processes that cannot fork (v1) or are frozen (v2) cannot outrun the loop. A cgroup has one of
    // the two files or none.
    let _ = fs::write_file_at(cgroup.raw(), c"pids.max", b"0");
    let _ = fs::write_file_at(cgroup.raw(), c"cgroup.freeze", b"1");
    let procs = fs::read_file_at(cgroup.raw(), c"cgroup.procs", PROCS_LIMIT).unwrap_or_default();
    kill_each(&procs);
}

/// Kills the processes in a list of ids.
fn kill_each(list: &[u8]) {
    for pid in pids_in(list) {
        let _ = process::kill(pid, libc::SIGKILL);
    }
}

/// The ids in a list. 0 stands for a process that this process namespace cannot see; to kill it would be to kill mini's
/// own process group.
fn pids_in(list: &[u8]) -> impl Iterator<Item = i32> {
    let words = list.split(u8::is_ascii_whitespace).filter_map(|word| number(word, 10));
    words.filter(|pid| *pid > 0).map(|pid| pid as i32)
}

/// mini's children, as a list of ids.
fn children() -> crate::sys::Result<Vec<u8>> {
    fs::read_file(c"/proc/thread-self/children", PROCS_LIMIT)
}

/// Kills the processes that the command has left behind. They are mini's children, or become so
/// when their parents end.
fn end_orphans() {
    let deadline = clock::now() + REMOVAL_LIMIT;
    while clock::now() < deadline {
        kill_each(&children().unwrap_or_default());
        loop {
            match process::wait_any() {
                Ok(WaitResult::Of(..)) => {}
                Ok(WaitResult::None) => break,
                Ok(WaitResult::NoChild) | Err(_) => return,
            }
        }
        clock::pause(100_000);
    }
}

/// Removes cgroups that were left behind ([`Cgroups::keep`]) and those below them, and kills what is in them. Cgroups
/// that are gone already are no error.
///
/// # Errors
/// When a cgroup cannot be removed within five seconds.
pub fn delete(directories: &[&CStr]) -> Result<()> {
    // Usually there is nothing to kill.
    let stays =
        |directory: &&&CStr| !matches!(fs::rmdir_at(HERE, directory), Ok(()) | Err(Errno::ENOENT));
    let left: Vec<&CStr> = directories.iter().filter(stays).copied().collect();
    if left.is_empty() {
        return Ok(());
    }
    let deadline = clock::now() + REMOVAL_LIMIT;
    kill(&left, libc::SIGKILL);
    for directory in left {
        remove(HERE, directory, deadline).map_err(|errno| {
            Error::new("remove cgroup").object(directory.to_bytes()).errno(errno)
        })?;
    }
    Ok(())
}

/// The processes in a container's cgroups, those below included.
///
/// # Errors
/// When the container has no cgroup, or none that can be read.
pub fn pids(directories: &[&CStr]) -> Result<Vec<i32>> {
    // All hierarchies have the same members.
    let Some(directory) = directories.first() else {
        return Err(Error::new("list processes").cause("the container has no cgroup"));
    };
    let mut found = Vec::new();
    let mut list = || {
        let top = fs::open(directory, DIRECTORY, 0)?;
        walk(&top, &mut |visit| {
            if let Visit::Enter(cgroup) = visit
                && let Ok(procs) = fs::read_file_at(cgroup.raw(), c"cgroup.procs", PROCS_LIMIT)
            {
                found.extend(pids_in(&procs));
            }
            true
        })
    };
    list().map_err(|errno| Error::new("read").object(directory.to_bytes()).errno(errno))?;
    Ok(found)
}

/// Sends a signal to every process in a container's cgroups. They are frozen meanwhile, so that none can fork away
/// from it.
pub fn kill(directories: &[&CStr], signal: i32) {
    let mut was_frozen = false;
    for directory in directories {
        was_frozen |=
            fs::open(directory, DIRECTORY, 0).is_ok_and(|top| freezer::is_frozen(top.raw()));
    }
    if signal != libc::SIGKILL && !was_frozen {
        let _ = freezer::set_frozen(directories, true);
    }
    for directory in directories {
        let Ok(top) = fs::open(directory, DIRECTORY, 0) else { continue };
        let _ = walk(&top, &mut |visit| {
            match visit {
                Visit::Enter(cgroup) if signal == libc::SIGKILL => kill_all(cgroup),
                Visit::Enter(cgroup) => {
                    let procs = fs::read_file_at(cgroup.raw(), c"cgroup.procs", PROCS_LIMIT);
                    pids_in(&procs.unwrap_or_default()).for_each(|pid| {
                        let _ = process::kill(pid, signal);
                    });
                }
                Visit::Leave(..) => {}
            }
            true
        });
        if signal != libc::SIGKILL {
            // All hierarchies have the same members: once is enough.
            break;
        }
    }
    // A process frozen by v1 dies when it is thawed.
    if signal == libc::SIGKILL || !was_frozen {
        let _ = freezer::set_frozen(directories, false);
    }
}

/// Age in nanoseconds below which a cgroup is left alone: its mini is probably about to lock it.
const YOUTH: u64 = 50_000_000;

/// Removes cgroups that a killed mini has left beside the container's own: those that nobody has
/// locked and that contain no processes. This does not depend on pid namespaces.
pub fn sweep(host: &Host) {
    for cgroup in &host.cgroups.list {
        let Ok(parent) = fs::open_at(cgroup.base, path(&[&cgroup.parent]), DIRECTORY, 0) else {
            continue;
        };
        for name in fs::names_in(&parent, true).unwrap_or_default() {
            // In another time namespace (time_namespaces(7)) the time may be in the future.
            let is_old = |time: u64| time.abs_diff(clock::now()) > YOUTH;
            if time_in_name(name.to_bytes()).is_some_and(is_old) {
                let _ = sweep_one(&parent, name);
            }
        }
    }
}

/// mini locks a cgroup after making it and then checks that it still exists. So a lock that can be
/// taken here means that its mini has ended, or will make the cgroup again.
fn sweep_one(parent: &Fd, name: &CStr) -> crate::sys::Result<()> {
    let top = fs::open_at(parent.raw(), name, DIRECTORY, 0)?;
    fs::try_lock(&top, true)?;
    let is_abandoned = walk(&top, &mut |visit| match visit {
        Visit::Enter(cgroup) if is_same(cgroup, &top) => is_empty(cgroup),
        Visit::Enter(cgroup) => fs::try_lock(cgroup, true).is_ok() && is_empty(cgroup),
        Visit::Leave(..) => true,
    })?;
    if is_abandoned
        && walk(&top, &mut |visit| match visit {
            Visit::Enter(_) => true,
            Visit::Leave(above, name) => fs::rmdir_at(above.raw(), name).is_ok(),
        })?
    {
        fs::rmdir_at(parent.raw(), name)?;
    }
    Ok(())
}

/// Whether a cgroup has no members.
fn is_empty(cgroup: &Fd) -> bool {
    let procs = fs::read_file_at(cgroup.raw(), c"cgroup.procs", PROCS_LIMIT);
    procs.is_ok_and(|procs| procs.is_empty())
}

fn is_same(one: &Fd, other: &Fd) -> bool {
    matches!((fs::identity_of(one), fs::identity_of(other)), (Ok(one), Ok(other)) if one == other)
}
