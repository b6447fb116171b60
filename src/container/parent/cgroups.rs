//! The container's control groups: made before the child, removed after it.

use super::usage::Usage;
use super::{explain, trace};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::host::cgroups::{path, time_in_name};
use crate::plan::{PathAt, Plan, Step};
use crate::spec::Spec;
use crate::sys::fs::{self, Base, Directories};
use crate::sys::process::WaitResult;
use crate::sys::{Errno, Fd, clock, process, signal};
use crate::text::{Text, number};
use alloc::vec::Vec;
use core::ffi::CStr;

/// The groups that were made; they are removed when this value goes, whatever happened.
pub struct Cgroups<'a> {
    made: Vec<Made<'a>>,
    /// The group mini left, and the controllers it then passed on.
    left: Option<(&'a PathAt, &'a Text)>,
    /// What the child joins through, in order.
    pub handles: Vec<CgroupHandle>,
    /// Who ends what the command leaves behind, where its process namespace does not.
    guard: Guard,
}

/// A group that was made.
struct Made<'a> {
    place: &'a PathAt,
    /// Its directory, locked: as long as this is open, no other mini takes the group for abandoned.
    /// None while the making goes on.
    lock: Option<Fd>,
}

/// Who ends processes that outlive the command.
enum Guard {
    /// Nobody has to, or can.
    None,
    /// A process of mini's that outlives mini by a moment: it ends when its pipe does.
    Watcher { pid: i32, pipe: Fd },
    /// mini itself, to which the kernel gives the command's orphans.
    Adoption,
}

/// What the child joins a group through.
pub enum CgroupHandle {
    /// A v1 group's file `tasks`.
    TasksFile(Fd),
    /// A v2 group's directory.
    Directory(Fd),
    /// The implied group could not be made: there is nothing to join.
    None,
}

impl CgroupHandle {
    /// Joins, unless the child was born there.
    pub fn join(&self, is_born_in_cgroup: bool) -> crate::sys::Result<()> {
        match self {
            CgroupHandle::TasksFile(tasks) => fs::write_all(tasks, b"0"),
            CgroupHandle::Directory(_) if is_born_in_cgroup => Ok(()),
            CgroupHandle::None => Ok(()),
            CgroupHandle::Directory(group) => fs::write_file_at(group.raw(), c"cgroup.procs", b"0"),
        }
    }

    fn close_copy(&self) {
        if let CgroupHandle::TasksFile(file) | CgroupHandle::Directory(file) = self {
            file.close_copy();
        }
    }
}

impl<'a> Cgroups<'a> {
    /// Does what the plan wants done before there is a child.
    pub fn make(plan: &'a Plan, spec: &Spec, host: &Host, traced: bool) -> Result<Cgroups<'a>> {
        let mut groups =
            Cgroups { made: Vec::new(), left: None, handles: Vec::new(), guard: Guard::None };
        // The implied group comes last, and its two steps may fail.
        let is_implied = host.cgroups.list.last().is_some_and(|group| group.implied);
        let needed = plan.before.len() - if is_implied { 2 } else { 0 };
        for (number, step) in plan.before.iter().enumerate() {
            let start = if traced { clock::now() } else { 0 };
            let result = groups.perform(step);
            if traced {
                let micros = (clock::now() - start) / 1000;
                trace::step(step, result.err(), Some(micros));
            }
            if result.is_err() && number >= needed {
                groups.handles.push(CgroupHandle::None);
                break;
            }
            result.map_err(|errno| explain::step_failure(step, errno, b"", spec, host))?;
        }
        Ok(groups)
    }

    fn perform(&mut self, step: &'a Step) -> crate::sys::Result<()> {
        match step {
            Step::MakeCgroup(place) => {
                fs::mkdir_at(place.base, place.path, 0o755)?;
                self.made.push(Made { place, lock: None });
                let lock = claim(place)?;
                if let Some(made) = self.made.last_mut() {
                    made.lock = lock;
                }
            }
            Step::MoveToCgroup(place) => {
                let procs = path(&[place.path.to_bytes(), b"/cgroup.procs"]);
                fs::write_file_at(place.base, procs, b"0")?;
                static NOTHING: Text = Text::new();
                self.left = Some((place, &NOTHING));
            }
            Step::WriteFile { file: place, alternative, content, if_present } => {
                write(place, *alternative, content.bytes(), *if_present)?;
                if let Some((_, passed_on)) = &mut self.left
                    && place.path.to_bytes().ends_with(b"/cgroup.subtree_control")
                {
                    *passed_on = content;
                }
            }
            Step::OpenCgroupTasks(place) => {
                self.handles.push(CgroupHandle::TasksFile(fs::open_at(
                    place.base,
                    place.path,
                    libc::O_WRONLY,
                    0,
                )?));
            }
            Step::OpenCgroup(place) => {
                let flags = libc::O_PATH | libc::O_DIRECTORY;
                self.handles
                    .push(CgroupHandle::Directory(fs::open_at(place.base, place.path, flags, 0)?));
            }
            _ => return Err(Errno::ENOSYS),
        }
        Ok(())
    }

    /// Notes what the container used, as far as the groups tell.
    pub fn usage(&self, host: &Host, usage: &mut Usage) {
        for group in &host.cgroups.list {
            usage.read(group.version, group.base, host.cgroups.path_in(group));
        }
    }

    /// Sees to it that what the command leaves behind ends with it, and, where there is a cgroup, with
    /// mini, should that be killed.
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

    /// The watcher: when mini is gone, whatever is left in the groups goes, too. It is in a session of its
    /// own, as what ends a whole process group should not end it.
    fn watch(&mut self, end: &Fd, pipe: &Fd) -> ! {
        let _ = signal::set_mask(signal::ALL);
        let _ = process::setsid();
        pipe.close_copy();
        for handle in &self.handles {
            handle.close_copy();
        }
        // Nobody ever writes to it.
        let _ = fs::read(end, &mut [0]);
        self.remove_all(false);
        process::exit(0)
    }

    fn remove_all(&mut self, is_mini: bool) {
        while let Some(Made { place, lock }) = self.made.pop() {
            if let Some((left, passed_on)) = self.left.filter(|(left, _)| *left == place) {
                come_back(left, passed_on);
                self.left = None;
            }
            let deadline = clock::now() + REMOVAL_LIMIT;
            let result = remove(place.base, place.path, deadline);
            drop(lock);
            if let (Err(errno), true) = (result, is_mini) {
                // The command's status stands; but what is left shall not be a surprise.
                Error::new("remove group").object(place.path.to_bytes()).errno(errno).print();
            }
        }
    }
}

/// Locks a group that was just made. Between the two another mini may take it for abandoned: then it is
/// made anew. None where the kernel has no locks there; then nobody can take it for abandoned either.
fn claim(place: &PathAt) -> crate::sys::Result<Option<Fd>> {
    // Whoever holds it is about to remove it, however long a busy machine keeps him from that; or may not
    // remove it at all, and gets five seconds' patience.
    let mut pause = 20_000;
    for _ in 0..1000 {
        let directory = match fs::open_at(place.base, place.path, DIRECTORY, 0) {
            Err(Errno::ENOENT) => {
                fs::mkdir_at(place.base, place.path, 0o755)?;
                continue;
            }
            result => result?,
        };
        match fs::try_lock(&directory, false) {
            Ok(()) => match fs::exists_at(place.base, place.path) {
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

const DIRECTORY: i32 = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;

fn write(
    place: &PathAt,
    other: Option<&CStr>,
    content: &[u8],
    if_present: bool,
) -> crate::sys::Result<()> {
    let result = fs::write_file_at(place.base, place.path, content);
    let result = match (result, other) {
        (Err(Errno::ENOENT), Some(other)) => fs::write_file_at(place.base, other, content),
        (result, _) => result,
    };
    match result {
        // The limit only follows from another, which holds.
        Err(Errno::ENOENT) if if_present => Ok(()),
        result => result,
    }
}

impl Drop for Cgroups<'_> {
    fn drop(&mut self) {
        // What is open in a directory when it is removed stays in the kernel's caches.
        self.handles.clear();
        if let Guard::Adoption = self.guard {
            end_orphans();
        }
        self.remove_all(true);
        if let Guard::Watcher { pid, pipe } = core::mem::replace(&mut self.guard, Guard::None) {
            drop(pipe);
            // It may have been collected already.
            let _ = process::wait_end(pid);
        }
    }
}

/// Undoes [`Step::MoveToCgroup`]. Where that fails the group stays, and its removal says so.
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

/// The kernel is still taking apart what was in a group for a moment after its last process was
/// reaped; a loaded machine may take long over it.
const REMOVAL_LIMIT: u64 = 5_000_000_000;

/// Removes a group and those below it, killing what is in them. `deadline` is a time of the
/// monotonic clock.
fn remove(base: Base, group: &CStr, deadline: u64) -> crate::sys::Result<()> {
    let mut pause = 20_000;
    loop {
        match fs::rmdir_at(base, group) {
            // Gone is gone: another mini may have found it abandoned.
            Ok(()) | Err(Errno::ENOENT) => return Ok(()),
            Err(Errno::EBUSY) if clock::now() < deadline => {}
            Err(errno) => return Err(errno),
        }
        // What resists is met the next time round.
        if let Ok(top) = fs::open_at(base, group, DIRECTORY, 0) {
            let _ = walk(&top, &mut |visit| {
                match visit {
                    Visit::Enter(group) => kill_all(group),
                    Visit::Leave(above, name) => drop(fs::rmdir_at(above.raw(), name)),
                }
                true
            });
        }
        // There is an event for this on v2 alone; there and on v1 it is a matter of
        // microseconds, so a short pause that doubles costs less than the means to wait.
        clock::pause(pause);
        pause = (pause * 2).min(20_000_000);
    }
}

/// What is met on a walk.
enum Visit<'a> {
    /// A group, before those below it.
    Enter(&'a Fd),
    /// The same group, after them, by the one above it and its name.
    Leave(&'a Fd, &'a CStr),
}

/// Goes through a group and all below it, until `visit` has seen enough; whether it has not. How deep
/// they are and how they are called was for the container to choose, so there is no recursion here and no path, and
/// one descriptor at a time.
fn walk(top: &Fd, visit: &mut dyn FnMut(Visit) -> bool) -> crate::sys::Result<bool> {
    let mut here = fs::open_at(top.raw(), c".", DIRECTORY, 0)?;
    if !visit(Visit::Enter(&here)) {
        return Ok(false);
    }
    let mut names = groups_in(&here)?;
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
            above.push((name, core::mem::replace(&mut names, groups_in(&here)?)));
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

/// A million processes' ids.
const PROCS_LIMIT: usize = 8 << 20;

/// Kills what is in a group, mostly nothing: processes of the host's process namespace that the
/// command left behind. Those that fork meanwhile are met the next time round.
fn kill_all(group: &Fd) {
    // Linux 5.14, v2: all at once.
    if fs::write_file_at(group.raw(), c"cgroup.kill", b"1").is_ok() {
        return;
    }
    // What cannot fork, or run, cannot outrun us. Of these a kernel has one or none.
    let _ = fs::write_file_at(group.raw(), c"pids.max", b"0");
    let _ = fs::write_file_at(group.raw(), c"cgroup.freeze", b"1");
    let procs = fs::read_file_at(group.raw(), c"cgroup.procs", PROCS_LIMIT).unwrap_or_default();
    kill_each(&procs);
}

/// Kills processes given by a list of their ids.
fn kill_each(list: &[u8]) {
    for pid in list.split(u8::is_ascii_whitespace).filter_map(|word| number(word, 10)) {
        // 0 stands for one that this process namespace cannot see; to kill it would be to kill
        // mini's own process group.
        if pid > 0 {
            let _ = process::kill(pid as i32, libc::SIGKILL);
        }
    }
}

/// mini's children, as a list of ids.
fn children() -> crate::sys::Result<Vec<u8>> {
    fs::read_file(c"/proc/thread-self/children", PROCS_LIMIT)
}

/// Kills what the command has left behind, all of which the kernel has made, or makes, a child of mini's.
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

/// The names of the groups in a group.
fn groups_in(directory: &Fd) -> crate::sys::Result<Vec<&'static CStr>> {
    let mut names = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        match fs::read_directory(directory, &mut buffer)? {
            0 => return Ok(names),
            length => {
                let found = Directories(&buffer[..length]);
                names.extend(found.map(|name| path(&[name.to_bytes()])));
            }
        }
    }
}

/// Younger groups are left alone: mostly their mini is about to lock them.
const YOUTH: u64 = 50_000_000;

/// Removes what a mini that was killed has left beside the container's own groups: what nobody holds a
/// lock of and nobody is in, all the way down. That holds whatever process namespace the other was in.
pub fn sweep(host: &Host) {
    for group in &host.cgroups.list {
        let Ok(parent) = fs::open_at(group.base, path(&[&group.parent]), DIRECTORY, 0) else {
            continue;
        };
        for name in groups_in(&parent).unwrap_or_default() {
            // Whose clock is another one (time_namespaces(7)) may seem to be from the future.
            let is_old = |time: u64| time.abs_diff(clock::now()) > YOUTH;
            if time_in_name(name.to_bytes()).is_some_and(is_old) {
                let _ = sweep_one(&parent, name);
            }
        }
    }
}

/// The directories of a container's cgroups, for whoever removes them later.
pub fn cgroup_directories(_host: &Host) -> Vec<&'static CStr> {
    Vec::new()
}

/// Whether a container's processes are frozen.
pub fn is_frozen(directories: &[&CStr]) -> bool {
    directories.iter().any(|directory| {
        let read = |name: &[u8]| fs::read_file(path(&[directory.to_bytes(), name]), 4096);
        let events = read(b"/cgroup.events").unwrap_or_default();
        events.split(|byte| *byte == b'\n').any(|line| line == b"frozen 1")
            || read(b"/freezer.state").is_ok_and(|state| state.starts_with(b"FROZEN"))
    })
}

/// Lets a container's processes go on.
pub fn thaw(directories: &[&CStr]) {
    for directory in directories {
        for (name, value) in [(&b"/cgroup.freeze"[..], &b"0"[..]), (b"/freezer.state", b"THAWED")] {
            let file = path(&[directory.to_bytes(), name]);
            let _ = fs::write_file_at(fs::HERE, file, value);
        }
    }
}

/// Sends a signal to all processes of a container.
pub fn signal_all(directories: &[&CStr], signal: i32) -> crate::sys::Result<()> {
    for directory in directories {
        let top = match fs::open(directory, DIRECTORY, 0) {
            Err(Errno::ENOENT) => continue,
            result => result?,
        };
        walk(&top, &mut |visit| {
            if let Visit::Enter(group) = visit {
                let procs = fs::read_file_at(group.raw(), c"cgroup.procs", PROCS_LIMIT);
                for pid in procs.unwrap_or_default().split(u8::is_ascii_whitespace) {
                    if let Some(pid @ 1..) = number(pid, 10) {
                        let _ = process::kill(pid as i32, signal);
                    }
                }
            }
            true
        })?;
    }
    Ok(())
}

/// Removes a container's cgroups with all that is in them.
pub fn remove_cgroups(directories: &[&CStr]) -> Result<()> {
    for directory in directories {
        remove(fs::HERE, directory, clock::now() + REMOVAL_LIMIT).map_err(|errno| {
            Error::new("remove cgroup").object(directory.to_bytes()).errno(errno)
        })?;
    }
    Ok(())
}

/// Whoever makes a group locks it and looks whether it is still there, in this order; so a lock that can be
/// had here says that its mini is gone, or will make it again.
fn sweep_one(parent: &Fd, name: &CStr) -> crate::sys::Result<()> {
    let top = fs::open_at(parent.raw(), name, DIRECTORY, 0)?;
    fs::try_lock(&top, true)?;
    let is_empty = |group: &Fd| {
        let procs = fs::read_file_at(group.raw(), c"cgroup.procs", PROCS_LIMIT);
        procs.is_ok_and(|procs| procs.is_empty())
    };
    let is_abandoned = walk(&top, &mut |visit| match visit {
        Visit::Enter(group) if is_same(group, &top) => is_empty(group),
        Visit::Enter(group) => fs::try_lock(group, true).is_ok() && is_empty(group),
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

fn is_same(one: &Fd, other: &Fd) -> bool {
    matches!((fs::identity_of(one), fs::identity_of(other)), (Ok(one), Ok(other)) if one == other)
}
