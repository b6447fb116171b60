//! The container's control groups: made before the child, removed after it.

use super::usage::Usage;
use super::{explain, trace};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::host::groups::{PREFIX, path};
use crate::plan::{Place, Plan, Step};
use crate::spec::Spec;
use crate::sys::fs::{self, Base, Names};
use crate::sys::{Errno, Fd, clock, process};
use crate::text::{Text, number};
use alloc::vec::Vec;
use core::ffi::CStr;

/// The groups that were made; they are removed when this value goes, whatever happened.
pub struct Groups<'a> {
    made: Vec<&'a Place>,
    /// The group mini left, and the controllers it then passed on.
    left: Option<(&'a Place, &'a Text)>,
    /// What the child joins through, in order.
    pub doors: Vec<Door>,
}

/// What the child joins a group through.
pub enum Door {
    /// A v1 group's file `tasks`.
    Tasks(Fd),
    /// A v2 group's directory.
    Group(Fd),
}

impl Door {
    /// Joins, unless the child was born there.
    pub fn pass(&self, is_born_in_group: bool) -> crate::sys::Result<()> {
        match self {
            Door::Tasks(tasks) => fs::write_all(tasks, b"0"),
            Door::Group(_) if is_born_in_group => Ok(()),
            Door::Group(group) => fs::write_file_at(group.raw(), c"cgroup.procs", b"0"),
        }
    }
}

impl<'a> Groups<'a> {
    /// Does what the plan wants done before there is a child.
    pub fn make(plan: &'a Plan, spec: &Spec, host: &Host, traced: bool) -> Result<Groups<'a>> {
        let mut groups = Groups { made: Vec::new(), left: None, doors: Vec::new() };
        for step in &plan.before {
            let start = if traced { clock::now() } else { 0 };
            let result = groups.perform(step);
            if traced {
                let micros = (clock::now() - start) / 1000;
                trace::step(step, result.err(), Some(micros));
            }
            result.map_err(|errno| explain::step_failure(step, errno, b"", spec, host))?;
        }
        Ok(groups)
    }

    fn perform(&mut self, step: &'a Step) -> crate::sys::Result<()> {
        match step {
            Step::MakeGroup(place) => {
                fs::mkdir_at(place.base, place.path, 0o755)?;
                self.made.push(place);
            }
            Step::MoveToGroup(place) => {
                let procs = path(&[place.path.to_bytes(), b"/cgroup.procs"]);
                fs::write_file_at(place.base, procs, b"0")?;
                static NOTHING: Text = Text::new();
                self.left = Some((place, &NOTHING));
            }
            Step::WriteFile { place, other, content, if_there } => {
                write(place, *other, content.bytes(), *if_there)?;
                if let Some((_, passed_on)) = &mut self.left
                    && place.path.to_bytes().ends_with(b"/cgroup.subtree_control")
                {
                    *passed_on = content;
                }
            }
            Step::OpenTasks(place) => {
                self.doors.push(Door::Tasks(fs::open_at(
                    place.base,
                    place.path,
                    libc::O_WRONLY,
                    0,
                )?));
            }
            Step::OpenGroup(place) => {
                let flags = libc::O_PATH | libc::O_DIRECTORY;
                self.doors.push(Door::Group(fs::open_at(place.base, place.path, flags, 0)?));
            }
            _ => return Err(Errno::ENOSYS),
        }
        Ok(())
    }

    /// Notes what the container used, as far as the groups tell.
    pub fn usage(&self, host: &Host, usage: &mut Usage) {
        for group in &host.groups.list {
            let directory = path(&[&group.parent, b"/", host.groups.name.bytes()]);
            usage.read(group.version, group.base, directory);
        }
    }
}

fn write(
    place: &Place,
    other: Option<&CStr>,
    content: &[u8],
    if_there: bool,
) -> crate::sys::Result<()> {
    let result = fs::write_file_at(place.base, place.path, content);
    let result = match (result, other) {
        (Err(Errno::ENOENT), Some(other)) => fs::write_file_at(place.base, other, content),
        (result, _) => result,
    };
    match result {
        // The limit only follows from another, which holds.
        Err(Errno::ENOENT) if if_there => Ok(()),
        result => result,
    }
}

impl Drop for Groups<'_> {
    fn drop(&mut self) {
        while let Some(place) = self.made.pop() {
            if let Some((left, passed_on)) = self.left.filter(|(left, _)| *left == place) {
                come_back(left, passed_on);
                self.left = None;
            }
            let deadline = clock::now() + REMOVAL_LIMIT;
            if let Err(errno) = remove(place.base, place.path, deadline) {
                // The command's status stands; but what is left shall not be a surprise.
                Error::new("remove group").object(place.path.to_bytes()).errno(errno).print();
            }
        }
    }
}

/// Undoes [`Step::MoveToGroup`]. Where that fails the group stays, and its removal says so.
fn come_back(left: &Place, passed_on: &Text) {
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
        kill_all(base, group);
        for below in groups_below(base, group) {
            remove(base, path(&[group.to_bytes(), b"/", below.to_bytes()]), deadline)?;
        }
        // There is an event for this on v2 alone; there and on v1 it is a matter of
        // microseconds, so a short pause that doubles costs less than the means to wait.
        clock::pause(pause);
        pause = (pause * 2).min(20_000_000);
    }
}

/// Kills what is in a group, mostly nothing: processes of the host's process namespace that the
/// command left behind. Those that fork meanwhile are met the next time round.
fn kill_all(base: Base, group: &CStr) {
    let kill = path(&[group.to_bytes(), b"/cgroup.kill"]);
    // Linux 5.14, v2: all at once.
    if fs::write_file_at(base, kill, b"1").is_ok() {
        return;
    }
    let procs = path(&[group.to_bytes(), b"/cgroup.procs"]);
    let pids = fs::read_file_at(base, procs, 1 << 20).unwrap_or_default();
    for pid in pids.split(|b| *b == b'\n').filter_map(|line| number(line, 10)) {
        // 0 stands for one that this process namespace cannot see; to kill it would be to kill
        // mini's own process group.
        if pid > 0 {
            let _ = process::kill(pid as i32, libc::SIGKILL);
        }
    }
}

/// The names of the groups in a group.
fn groups_below(base: Base, group: &CStr) -> Vec<&'static CStr> {
    let mut names = Vec::new();
    let Ok(directory) = fs::open_at(base, group, libc::O_RDONLY | libc::O_DIRECTORY, 0) else {
        return names;
    };
    let mut buffer = [0; 2048];
    while let Ok(length @ 1..) = fs::read_directory(&directory, &mut buffer) {
        for name in Names(&buffer[..length]) {
            // Control files have a dot in their name, or are these.
            let plain =
                matches!(name.to_bytes(), b"tasks" | b"notify_on_release" | b"release_agent");
            if !plain && !name.to_bytes().contains(&b'.') {
                names.push(path(&[name.to_bytes()]));
            }
        }
    }
    names
}

/// Removes what a mini that was killed has left beside the container's own groups. Such groups are
/// told by their name: the process in it is gone. One with members is somebody's and stays.
pub fn prune(host: &Host) {
    for group in &host.groups.list {
        for name in groups_below(group.base, path(&[&group.parent])) {
            let Some(owner) = name.to_bytes().strip_prefix(PREFIX) else { continue };
            let mut parts = owner.splitn(2, |b| *b == b'-');
            let pid = parts.next().and_then(|pid| number(pid, 10)).unwrap_or(0);
            let made = parts.next().and_then(|it| it.split(|b| *b == b'-').next());
            let made = made.and_then(|millis| number(millis, 10)).unwrap_or(u64::MAX);
            let gone = pid > 0 && process::kill(pid as i32, 0) == Err(Errno::ESRCH);
            // In another process namespace it may live all the same, and its child be about to
            // join: only what is older than a launch takes is abandoned.
            if gone && made.saturating_add(50) < clock::now() / 1_000_000 {
                let group_path = path(&[&group.parent, b"/", name.to_bytes()]);
                // EBUSY: it has members.
                let _ = fs::rmdir_at(group.base, group_path);
            }
        }
    }
}
