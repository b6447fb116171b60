//! Finds the location of the container's cgroups: for each controller that a limit needs, its
//! hierarchy and the parent cgroup in it.

use crate::cgroup::layout::{self, Hierarchy, Mount};
use crate::cgroup::settings::{needed, refused};
use crate::cgroup::{Controller, Set, Version, cpus, devices};
use crate::error::{Error, Result};
use crate::spec::resources::Resources;
use crate::spec::{Namespace, Spec};
use crate::sys::clock::SECOND;
use crate::sys::fs::{self, Base, HERE};
use crate::sys::{Errno, clock, mount, process};
use crate::text::{Text, number};
use alloc::vec::Vec;
use core::ffi::CStr;

/// A cgroup to be made, in one hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    /// The hierarchy's version.
    pub version: Version,
    /// The controllers whose limits are written here.
    pub controllers: Set,
    /// The mount option that selects a v1 hierarchy (`cpu,cpuacct`, `name=systemd`).
    pub names: Vec<u8>,
    /// Base of relative paths: a detached mount of mini's own; unused for absolute paths.
    pub base: Base,
    /// Mount point of the hierarchy; empty for a detached mount.
    pub mount_point: Vec<u8>,
    /// The directory of the parent cgroup.
    pub parent: Vec<u8>,
    /// The cgroups from the first existing one down to the parent; empty where the parent exists.
    pub levels: Vec<Level>,
    /// Controllers that must be enabled in the parent (v2).
    pub enable: Set,
    /// Whether mini must leave the parent first, because it is the only process there: a v2 cgroup
    /// with processes cannot enable controllers for its children.
    pub evacuate: bool,
    /// The parent's own `cpuset.cpus` and `cpuset.mems`, where the container gets a cpuset.
    pub cpuset: (Vec<u8>, Vec<u8>),
    /// Whether this cgroup only serves to kill the container as a whole. The container does not see
    /// it, and a failure to make it is ignored.
    pub implied: bool,
    /// How the device rules are applied.
    pub devices: Devices,
}

impl Cgroup {
    /// A cgroup in an existing parent.
    pub fn new(version: Version, controllers: Set, base: Base, parent: Vec<u8>) -> Cgroup {
        Cgroup {
            version,
            controllers,
            names: Vec::new(),
            base,
            mount_point: Vec::new(),
            parent,
            levels: Vec::new(),
            enable: Set::EMPTY,
            evacuate: false,
            cpuset: Default::default(),
            implied: false,
            devices: Devices::Any,
        }
    }
}

/// A cgroup above the container's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Level {
    /// Its directory.
    pub directory: Vec<u8>,
    /// Whether it is made if missing.
    pub make: bool,
    /// Whether it lacks CPUs and memory nodes: a v1 cpuset without them takes no processes.
    pub fill_cpuset: bool,
    /// Controllers that must be enabled in it (v2).
    pub enable: Set,
    /// Controllers to enable if possible, because engines read their statistics (v2).
    pub enable_if_possible: Set,
}

/// How device rules are applied to a cgroup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Devices {
    /// Every device is allowed, or another hierarchy has the rules.
    #[default]
    Any,
    /// By lines for `devices.allow` and `devices.deny` (v1).
    Lines(Vec<devices::Line>),
    /// By a BPF program (v2).
    Program(Vec<u64>),
}

/// The container's cgroups, and the name they all have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cgroups {
    /// `mini-PID-SECONDS.NANOSECONDS` (process id and time since boot), which is unique on a host;
    /// or the last component of cgroupsPath.
    pub name: Text,
    /// At most one per hierarchy; an implied one is the last.
    pub list: Vec<Cgroup>,
    /// Whether mini must kill the remaining processes at the end, because no pid namespace does
    /// (`--pid host`).
    pub kills_remaining: bool,
    /// Whether the cgroups stay when mini ends.
    pub stay: bool,
}

impl Cgroups {
    /// The path of the container's cgroup in one of its parents.
    pub fn path_in(&self, group: &Cgroup) -> &'static CStr {
        path(&[&group.parent, b"/", self.name.bytes()])
    }

    /// The directories of the container's cgroups, one for each hierarchy: what `delete`, `kill` and `pause` need, and so
    /// what the state of a container records.
    pub fn directories(&self) -> Vec<&'static CStr> {
        self.list.iter().map(|group| self.path_in(group)).collect()
    }

    /// Whether the container's memory is counted.
    pub fn count_memory(&self) -> bool {
        self.list.iter().any(|group| group.controllers.has(Controller::Memory))
    }
}

/// Prefix of the names of mini's cgroups.
const PREFIX: &[u8] = b"mini-";

/// The time in the name of one of mini's cgroups, in nanoseconds since boot; None for other names,
/// including those of minis that did not lock their cgroups.
pub fn time_in_name(name: &[u8]) -> Option<u64> {
    let mut parts = name.strip_prefix(PREFIX)?.split(|b| *b == b'-');
    number(parts.next()?, 10)?;
    let mut time = parts.next()?.split(|b| *b == b'.').map(|digits| number(digits, 10));
    time.next()??.checked_mul(SECOND)?.checked_add(time.next()??)
}

const TEXT_LIMIT: usize = 16 << 20;

/// Finds a parent for every controller that the limits need, for a requested parent, and for the
/// cgroup by which mini kills the container.
///
/// # Errors
/// A limit or a requested parent is not possible; the hint says what to change.
pub fn find(spec: &Spec) -> Result<Cgroups> {
    let resources = &spec.resources;
    let needed = needed(resources);
    if let Some(id) = resources.id {
        // Containers of different state directories can have the same id. No id has an @.
        let mut own = Text::new();
        own.raw(id.to_bytes()).str("@");
        add_time(&mut own);
        let asked = resources.cgroups_path.map_or(own.bytes(), CStr::to_bytes);
        return find_path(&hierarchies()?, needed, resources, asked);
    }
    if spec.exec.is_some() {
        // The container's are joined.
        return Ok(Cgroups::default());
    }
    let kills_remaining = spec.namespaces.pid != Namespace::New;
    let is_asked = !needed.is_empty() || resources.parent.is_some();
    if !is_asked && !kills_remaining {
        return Ok(Cgroups::default());
    }
    let mut name = Text::new();
    name.raw(PREFIX).number(process::getpid() as u64).str("-");
    add_time(&mut name);
    let list = if is_asked {
        find_asked(&hierarchies()?, needed, resources)?
    } else {
        // Failing to find one is no error.
        find_implied(&hierarchies().unwrap_or_default()).into_iter().collect()
    };
    Ok(Cgroups { name, list, kills_remaining, stay: false })
}

/// The time since boot.
fn add_time(text: &mut Text) {
    let now = clock::now();
    text.number(now / SECOND).str(".").number(now % SECOND);
}

fn find_asked(
    hierarchies: &[Hierarchy],
    needed: Set,
    resources: &Resources,
) -> Result<Vec<Cgroup>> {
    if let Some(asked) = resources.parent.map(CStr::to_bytes)
        && asked.split(|b| *b == b'/').any(|part| part == b"..")
    {
        let error = Error::new("option --cgroup-parent").object(asked);
        return Err(error.cause("must not have .. in it"));
    }
    if needed.is_empty() {
        return find_parent(hierarchies, resources);
    }
    let mut list = Vec::new();
    let mut left = needed;
    // A controller in a v1 hierarchy is not available in v2.
    for hierarchy in hierarchies {
        let here = hierarchy.controllers.without(hierarchy.controllers.without(left));
        if hierarchy.version == Version::V1 && !here.is_empty() {
            list.push(on_v1(hierarchy, here, resources)?);
            left = left.without(here);
        }
    }
    if !left.is_empty() {
        let v2 = hierarchies.iter().find(|hierarchy| hierarchy.version == Version::V2);
        list.push(on_v2(v2, left, resources)?);
    }
    for group in &mut list {
        check_cpuset(group, resources)?;
    }
    let version = |controller| {
        list.iter().find(|group| group.controllers.has(controller)).map(|group| group.version)
    };
    match refused(resources, &version) {
        Some((name, cause)) => Err(Error::new("limit").object(name.bytes()).cause(cause)),
        None => Ok(list),
    }
}

/// A requested parent without a limit: a cgroup in every hierarchy that has this parent, if mini
/// may write there and processes can join.
fn find_parent(hierarchies: &[Hierarchy], resources: &Resources) -> Result<Vec<Cgroup>> {
    let mut list = Vec::new();
    let mut barrier = no_controller(Controller::Memory);
    for hierarchy in hierarchies {
        let controllers = hierarchy.controllers.and(Set::LIMITS);
        let found = match hierarchy.version {
            Version::V1 if controllers.is_empty() => continue,
            Version::V1 => on_v1(hierarchy, controllers, resources),
            Version::V2 => on_v2(Some(hierarchy), Set::EMPTY, resources),
        };
        let checked = found.and_then(|mut group| {
            if !may_write(group.base, &group.parent) {
                let error = Error::new("cgroup parent").object(&group.parent);
                return Err(error.errno(Errno::EACCES).hint("mini may not make a cgroup there"));
            }
            check_cpuset(&mut group, resources)?;
            Ok(group)
        });
        match checked {
            Ok(group) => list.push(group),
            Err(error) => barrier = error,
        }
    }
    if list.is_empty() { Err(barrier) } else { Ok(list) }
}

/// A cgroup by which mini kills all processes: on v2 beside mini's own (`cgroup.kill`, Linux 5.14,
/// or freeze), else on v1 where forks can be stopped (`pids.max`).
fn find_implied(hierarchies: &[Hierarchy]) -> Option<Cgroup> {
    let mut pids = Set::EMPTY;
    pids.add(Controller::Pids);
    for (version, controllers) in [(Version::V2, Set::EMPTY), (Version::V1, pids)] {
        for hierarchy in hierarchies {
            let serves = version == Version::V2 || hierarchy.controllers.has(Controller::Pids);
            if hierarchy.version != version || !serves {
                continue;
            }
            let Ok((base, top, own)) = view(Some(hierarchy), controllers) else { continue };
            let parent = or_dot([&top[..], &own].concat());
            let file = |name: &[u8]| [&parent[..], b"/", name].concat();
            // A threaded cgroup takes only threaded children (cgroups(7)); the root cgroup has no
            // type.
            let kind = fs::read_file_at(base, path(&[&file(b"cgroup.type")]), 4096);
            let holds_domains = match &kind {
                Ok(kind) => kind == b"domain\n",
                Err(errno) => *errno == Errno::ENOENT,
            };
            if holds_domains && may_write(base, &parent) && may_write(base, &file(b"cgroup.procs"))
            {
                return Some(Cgroup {
                    names: hierarchy.names.clone(),
                    implied: true,
                    ..Cgroup::new(version, controllers, base, parent)
                });
            }
        }
    }
    None
}

/// Whether mini may write there. On its own detached mount, made as root, it may.
fn may_write(base: Base, at: &[u8]) -> bool {
    base != HERE || fs::may_write(path(&[at]))
}

/// The cgroups of a specification's cgroupsPath: one in every hierarchy that is mounted, as engines look for the
/// container in each of them.
///
/// An ordinary user, or root of a user namespace, has no cgroup where nothing can be made and no limit needs one;
/// and no device rules, as it cannot make device nodes.
fn find_path(
    hierarchies: &[Hierarchy],
    needed: Set,
    resources: &Resources,
    asked: &[u8],
) -> Result<Cgroups> {
    let error = |cause| Err(Error::new("cgroupsPath").object(asked).cause(cause));
    let is_part = |part: &&[u8]| !part.is_empty() && *part != b".";
    let mut parts: Vec<&[u8]> = asked.split(|b| *b == b'/').filter(is_part).collect();
    let Some(last) = parts.pop() else { return error("names no cgroup") };
    if last == b".." || parts.contains(&&b".."[..]) {
        return error("a component is ..");
    }
    if time_in_name(last).is_some() {
        return error("a name that `mini run` gives to cgroups of its own, which it removes");
    }
    let is_limited = process::geteuid() != 0 || super::in_user_namespace();
    let mounted = || hierarchies.iter().filter(|it| it.mount.is_some());
    let on_v1 = mounted().fold(Set::EMPTY, |set, it| set.or(it.controllers));
    let has_v2 = mounted().any(|it| it.version == Version::V2);
    let version = |controller| match on_v1.has(controller) {
        true => Some(Version::V1),
        false => has_v2.then_some(Version::V2),
    };
    if let Some((name, cause)) = refused(resources, &version) {
        return Err(Error::new("linux.resources").object(name.bytes()).cause(cause));
    }
    if let (false, Some(missing)) = (has_v2, needed.without(on_v1).iter().next()) {
        return Err(not_mounted(missing));
    }
    let rules = resources.devices.as_deref().filter(|rules| !devices::allow_all(rules));
    let rules = rules.filter(|_| !is_limited);
    let rules_on = version(Controller::Devices);
    if rules.is_some() && rules_on.is_none() {
        return Err(not_mounted(Controller::Devices));
    }
    let mut list = Vec::new();
    for hierarchy in hierarchies {
        let Some(Mount { point, own }) = &hierarchy.mount else { continue };
        let v1 = hierarchy.version == Version::V1;
        let controllers = if v1 { hierarchy.controllers } else { needed.without(on_v1) };
        let start = match asked.first() {
            Some(b'/') => point.clone(),
            _ if v1 => [&point[..], own].concat(),
            // mini's own cgroup contains mini, so it cannot enable controllers.
            _ => {
                let cut = own.iter().rposition(|b| *b == b'/').unwrap_or(0);
                [&point[..], &own[..cut]].concat()
            }
        };
        let mut group = Cgroup::new(hierarchy.version, controllers, HERE, Vec::new());
        group.names = hierarchy.names.clone();
        group.mount_point = point.clone();
        group.levels.push(Level { directory: start, ..Level::default() });
        for part in &parts {
            let above = group.levels.last().map(|level| &level.directory[..]).unwrap_or_default();
            let directory = [above, b"/", part].concat();
            group.levels.push(Level { directory, make: true, ..Level::default() });
        }
        if is_limited && !may_make(&group, last) {
            match needed.and(controllers).iter().next() {
                None => continue,
                Some(_) => {
                    let error = Error::new("cgroupsPath").object(asked).errno(Errno::EACCES);
                    return Err(error.hint("limits need a cgroup that mini may write to"));
                }
            }
        }
        if v1 {
            fill_cpusets(&mut group);
        } else {
            // On a hybrid host controllers belong to v1: a controller enabled in v2 could no longer
            // be mounted there.
            enable_controllers(&mut group, on_v1.and(Set::LIMITS).is_empty())?;
        }
        group.parent = group.levels.last().map(|level| level.directory.clone()).unwrap_or_default();
        let wrong = |cause| Error::new("linux.resources").object(b"devices").cause(cause);
        match (rules, rules_on) {
            (Some(rules), Some(Version::V1)) if controllers.has(Controller::Devices) => {
                group.devices = Devices::Lines(devices::lines(rules).map_err(wrong)?);
            }
            (Some(rules), Some(Version::V2)) if !v1 => {
                group.devices = Devices::Program(devices::program(rules).map_err(wrong)?);
            }
            _ => {}
        }
        list.push(group);
    }
    if list.is_empty() && !is_limited {
        return Err(Error::new("cgroupsPath")
            .object(asked)
            .cause("no cgroup hierarchy is mounted"));
    }
    let mut name = Text::new();
    name.raw(last);
    Ok(Cgroups { name, list, kills_remaining: false, stay: true })
}

fn not_mounted(controller: Controller) -> Error {
    let name = controller.name(Version::V1);
    Error::new("controller").object(name.as_bytes()).cause("in no cgroup hierarchy that is mounted").hint(
        "mount it, as in 'mount -t cgroup2 none /sys/fs/cgroup' or 'mount -t cgroup -o NAME none DIRECTORY'",
    )
}

/// Whether mini can make the container's cgroup, or write to an existing one.
fn may_make(group: &Cgroup, name: &[u8]) -> bool {
    let above = group.levels.last().map(|level| &level.directory[..]).unwrap_or_default();
    let leaf = [above, b"/", name].concat();
    let levels = group.levels.iter().map(|level| &level.directory[..]);
    let mut directories = levels.chain([&leaf[..]]);
    let nearest = directories.rfind(|it| fs::exists_at(HERE, path(&[it])).is_ok());
    nearest.is_some_and(|it| may_write(HERE, it))
}

/// Finds the levels without CPUs or memory nodes, and the values for them: those of the nearest
/// level above.
fn fill_cpusets(group: &mut Cgroup) {
    if !group.controllers.has(Controller::Cpuset) {
        return;
    }
    for level in &mut group.levels {
        let read = |file: &[u8]| {
            let text = fs::read_file(path(&[&level.directory, file]), TEXT_LIMIT);
            text.unwrap_or_default().trim_ascii().to_vec()
        };
        let (cpus, mems) = (read(b"/cpuset.cpus"), read(b"/cpuset.mems"));
        level.fill_cpuset = cpus.is_empty() || mems.is_empty();
        if !level.fill_cpuset {
            group.cpuset = (cpus, mems);
        }
    }
}

/// Finds the controllers that are not yet enabled in each level.
fn enable_controllers(group: &mut Cgroup, all: bool) -> Result<()> {
    let mut available = Set::EMPTY;
    for level in &mut group.levels {
        let read = |file: &[u8]| fs::read_file(path(&[&level.directory, file]), TEXT_LIMIT);
        if !level.make {
            let text = read(b"/cgroup.controllers").map_err(|errno| {
                Error::new("read")
                    .object(&level.directory)
                    .object(b"cgroup.controllers")
                    .errno(errno)
            })?;
            available = Set::read(&text, Version::V2);
            if let Some(missing) = group.controllers.without(available).iter().next() {
                return Err(no_controller(missing));
            }
        }
        let enabled = read(b"/cgroup.subtree_control").unwrap_or_default();
        let missing = available.without(Set::read(&enabled, Version::V2));
        level.enable = missing.and(group.controllers);
        if all {
            level.enable_if_possible = missing.without(group.controllers);
        }
    }
    Ok(())
}

/// Describes where a controller's hierarchy is.
pub fn whereabouts(controller: Controller) -> Text {
    let hierarchies = hierarchies().unwrap_or_default();
    let v1 = |it: &&Hierarchy| it.version == Version::V1 && it.controllers.has(controller);
    let v2 = |it: &&Hierarchy| it.version == Version::V2;
    let mut text = Text::new();
    let found = hierarchies.iter().find(v1).or(hierarchies.iter().find(v2));
    text.str(if found.is_some_and(|it| it.version == Version::V1) {
        "cgroup v1"
    } else {
        "cgroup v2"
    });
    match found.and_then(|hierarchy| hierarchy.mount.as_ref()) {
        Some(mount) => text.str(", in ").quoted(&[&mount.point[..], &mount.own].concat()),
        None => text.str(", which mini mounts for itself"),
    };
    text
}

/// A cgroup of an existing container.
pub struct Member<'d> {
    /// The hierarchy's version.
    pub version: Version,
    /// The controllers that have their limits there.
    pub controllers: Set,
    /// Its directory.
    pub directory: &'d CStr,
}

/// Finds out which controllers the cgroups of a container have.
///
/// # Errors
/// When a list of the kernel's cannot be read.
pub fn members<'d>(directories: &[&'d CStr]) -> Result<Vec<Member<'d>>> {
    let hierarchies = hierarchies()?;
    let mounted = || hierarchies.iter().filter(|it| it.mount.is_some());
    let on_v1 = mounted().fold(Set::EMPTY, |set, it| set.or(it.controllers));
    let all = Controller::ALL.into_iter().fold(Set::EMPTY, |mut set, it| {
        set.add(it);
        set
    });
    let mut members = Vec::new();
    for hierarchy in mounted() {
        let Some(Mount { point, .. }) = &hierarchy.mount else { continue };
        let is_below = |directory: &&&CStr| {
            let rest = directory.to_bytes().strip_prefix(&point[..]);
            rest.is_some_and(|rest| rest.starts_with(b"/"))
        };
        // A mount point of another hierarchy may lie below this one's (/sys/fs/cgroup and /sys/fs/cgroup/unified).
        let is_own = |directory: &&&CStr| {
            let magic = if hierarchy.version == Version::V1 {
                libc::CGROUP_SUPER_MAGIC
            } else {
                libc::CGROUP2_SUPER_MAGIC
            };
            fs::statfs_type(directory) == Ok(magic as u32)
        };
        let (version, v1) = (hierarchy.version, hierarchy.version == Version::V1);
        let controllers = if v1 { hierarchy.controllers } else { all.without(on_v1) };
        if let Some(directory) = directories.iter().filter(is_below).find(is_own) {
            members.push(Member { version, controllers, directory });
        }
    }
    Ok(members)
}

/// The mounted hierarchies, from /proc/self. Without /proc, those mounted below /sys/fs/cgroup, with
/// mini in their root cgroup; this is a guess. A /proc that cannot be read is an error: with the guess
/// the container would leave the limits of mini itself.
fn hierarchies() -> Result<Vec<Hierarchy>> {
    let text = |path: &CStr| match fs::read_file(path, TEXT_LIMIT) {
        Ok(text) => Ok(Some(text)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(Error::new("read").object(path.to_bytes()).errno(errno)),
    };
    let (mountinfo, own) = (text(c"/proc/self/mountinfo")?, text(c"/proc/self/cgroup")?);
    if let (Some(mountinfo), Some(own)) = (mountinfo, own) {
        return Ok(layout::read(&mountinfo, &own));
    }
    const CGROUP: u32 = libc::CGROUP_SUPER_MAGIC as u32;
    const CGROUP2: u32 = libc::CGROUP2_SUPER_MAGIC as u32;
    let at = |point: &[u8]| Some(Mount { point: point.to_vec(), own: Vec::new() });
    let mut found = Vec::new();
    if fs::statfs_type(c"/sys/fs/cgroup") == Ok(CGROUP2) {
        found.push(Hierarchy {
            version: Version::V2,
            controllers: Set::EMPTY,
            names: Vec::new(),
            mount: at(b"/sys/fs/cgroup"),
        });
        return Ok(found);
    }
    for controller in Controller::ALL {
        let name = controller.name(Version::V1);
        let mut path = Text::new();
        path.str("/sys/fs/cgroup/").str(name);
        if fs::statfs_type(path.clone().leak()) == Ok(CGROUP) {
            let mut controllers = Set::EMPTY;
            controllers.add(controller);
            found.push(Hierarchy {
                version: Version::V1,
                controllers,
                names: name.into(),
                mount: at(path.bytes()),
            });
        }
    }
    Ok(found)
}

/// The parent on v1: mini's own cgroup, or the requested one.
fn on_v1(hierarchy: &Hierarchy, controllers: Set, resources: &Resources) -> Result<Cgroup> {
    let (base, top, own) = view(Some(hierarchy), controllers)?;
    let parent = match resources.parent {
        Some(asked) => asked_parent(base, &top, asked.to_bytes())?,
        None => [&top[..], &own].concat(),
    };
    Ok(Cgroup {
        names: hierarchy.names.clone(),
        ..Cgroup::new(Version::V1, controllers, base, or_dot(parent))
    })
}

/// The parent on v2: the requested one, else the nearest ancestor of mini's cgroup, or that itself,
/// which has the controllers, can enable them and is writable.
fn on_v2(hierarchy: Option<&Hierarchy>, needed: Set, resources: &Resources) -> Result<Cgroup> {
    let (base, top, own) = view(hierarchy, needed)?;
    let group = |parent: Vec<u8>, enable, evacuate| Cgroup {
        enable,
        evacuate,
        ..Cgroup::new(Version::V2, needed, base, parent)
    };
    if let Some(asked) = resources.parent {
        let parent = or_dot(asked_parent(base, &top, asked.to_bytes())?);
        let state = State::read(base, &parent, needed)?;
        if let Some(missing) = needed.without(state.available).iter().next() {
            return Err(no_controller(missing));
        }
        return Ok(group(parent, state.missing, false));
    }
    let mut barrier = None;
    let mut own = &own[..];
    let mut nearest = true;
    loop {
        let parent = or_dot([&top[..], own].concat());
        let state = State::read(base, &parent, needed)?;
        if !needed.without(state.available).is_empty() {
            // An ancestor may be suitable.
        } else if !state.writable {
            barrier.get_or_insert(Barrier::NotWritable(parent));
        } else if state.missing.is_empty() || state.is_top || state.members == Members::None {
            return Ok(group(parent, state.missing, false));
        } else if nearest && state.members == Members::OnlyMini {
            return Ok(group(parent, state.missing, true));
        } else {
            barrier.get_or_insert(Barrier::Members(parent));
        }
        nearest = false;
        if own.is_empty() {
            let missing = needed.without(state.available).iter().next();
            return Err(match (missing, barrier) {
                (Some(missing), _) => no_controller(missing),
                (None, Some(barrier)) => barrier.explain(),
                (None, None) => no_controller(Controller::Memory),
            });
        }
        let cut = own.iter().rposition(|b| *b == b'/').unwrap_or(0);
        own = &own[..cut];
    }
}

/// How to access a hierarchy: (base, root of the hierarchy, mini's own cgroup relative to it). If
/// no mount shows mini's cgroup, mini makes a detached one.
fn view(hierarchy: Option<&Hierarchy>, needed: Set) -> Result<(Base, Vec<u8>, Vec<u8>)> {
    if let Some(Mount { point, own }) = hierarchy.and_then(|it| it.mount.as_ref()) {
        return Ok((HERE, point.clone(), own.clone()));
    }
    // Each of co-mounted controllers (`cpu,cpuacct`) is a mount flag.
    let (fstype, names) = match hierarchy {
        Some(it) if it.version == Version::V1 => (c"cgroup", &it.names[..]),
        _ => (c"cgroup2", &b""[..]),
    };
    let names = names.split(|b| *b == b',').filter(|name| !name.is_empty());
    let quiet = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    let mounted = mount::mount_unseen(fstype, names.map(|name| (path(&[name]), None)), quiet);
    match mounted {
        // The mount stays open while mini lives; it is close-on-exec.
        Ok(directory) => {
            let base = directory.raw();
            directory.leak();
            Ok((base, Vec::new(), Vec::new()))
        }
        Err(Errno::ENODEV) => {
            Err(no_controller(needed.iter().next().unwrap_or(Controller::Memory)))
        }
        Err(errno) => Err(Error::new("mount cgroups").errno(errno).hint(
            "no mounted hierarchy shows mini's own cgroup: mount one, as in \
             'mount -t cgroup2 none /sys/fs/cgroup'",
        )),
    }
}

/// Directory of a requested parent. It must exist, because mini removes what it makes.
fn asked_parent(base: Base, top: &[u8], asked: &[u8]) -> Result<Vec<u8>> {
    let mut path = top.to_vec();
    for part in asked.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".") {
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(part);
    }
    let mut text = Text::new();
    text.raw(&or_dot(path.clone()));
    let directory = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW;
    match fs::open_at(base, text.clone().leak(), directory, 0) {
        Ok(_) => Ok(path),
        Err(errno) => Err(Error::new("cgroup parent")
            .object(text.bytes())
            .errno(errno)
            .hint("make the cgroup first, in every hierarchy that a limit needs")),
    }
}

/// What a v2 group is like.
struct State {
    available: Set,
    missing: Set,
    writable: bool,
    members: Members,
    is_top: bool,
}

#[derive(PartialEq, Eq)]
enum Members {
    None,
    OnlyMini,
    Some,
}

impl State {
    fn read(base: Base, group: &[u8], needed: Set) -> Result<State> {
        let path = |file: &str| {
            let mut text = Text::new();
            text.raw(group).str("/").str(file);
            text
        };
        let read = |file| {
            let path = path(file);
            fs::read_file_at(base, path.clone().leak(), TEXT_LIMIT)
                .map_err(|errno| Error::new("read").object(path.bytes()).errno(errno))
        };
        let available = Set::read(&read("cgroup.controllers")?, Version::V2);
        let missing = needed.without(Set::read(&read("cgroup.subtree_control")?, Version::V2));
        let members = read("cgroup.procs")?;
        let own = process::getpid() as u64;
        let mut pids = members.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        let members = match (pids.next(), pids.next()) {
            (None, _) => Members::None,
            (Some(pid), None) if number(pid, 10) == Some(own) => Members::OnlyMini,
            _ => Members::Some,
        };
        // Only the very top, which no namespace hides, has no type; it may have members and pass
        // controllers on at once.
        let is_top = read("cgroup.type").is_err();
        let mut directory = Text::new();
        directory.raw(group);
        let may_write = |text: &Text| may_write(base, text.bytes());
        // To move the command into a group below takes this file of the group above.
        let writable = may_write(&directory)
            && may_write(&path("cgroup.procs"))
            && (missing.is_empty() || may_write(&path("cgroup.subtree_control")));
        Ok(State { available, missing, writable, members, is_top })
    }
}

/// What stands in the way of every group.
enum Barrier {
    NotWritable(Vec<u8>),
    Members(Vec<u8>),
}

impl Barrier {
    fn explain(&self) -> Error {
        match self {
            Barrier::NotWritable(parent) => {
                let path = [&parent[..], b"/cgroup.procs"].concat();
                Error::new("write").object(&path).errno(Errno::EACCES).hint(
                    "limits need a cgroup you may write to: start mini with 'systemd-run --user \
                     --scope -p Delegate=yes', give one with --cgroup-parent, or run as root",
                )
            }
            Barrier::Members(parent) => {
                Error::new("cgroup").object(parent).errno(Errno::EBUSY).hint(
                    "it contains other processes, so it cannot enable controllers for its children: \
                     give an empty cgroup with --cgroup-parent",
                )
            }
        }
    }
}

fn no_controller(controller: Controller) -> Error {
    let name = controller.name(Version::V2);
    Error::new("limit").object(name.as_bytes()).cause("the kernel has no such controller").hint(
        "not built in, or disabled by the kernel parameter cgroup_disable=; some boards need \
         cgroup_enable=memory",
    )
}

/// Reads what a cpuset inherits, and checks what was asked for against it.
fn check_cpuset(group: &mut Cgroup, resources: &Resources) -> Result<()> {
    if !group.controllers.has(Controller::Cpuset) {
        return Ok(());
    }
    let files = match group.version {
        Version::V1 => ["/cpuset.cpus", "/cpuset.mems"],
        Version::V2 => ["/cpuset.cpus.effective", "/cpuset.mems.effective"],
    };
    let read = |file: &str| {
        let mut path = Text::new();
        path.raw(&group.parent).str(file);
        // A v2 group that does not pass cpuset on yet lacks them; its parent's hold then, and the
        // kernel checks.
        let text = fs::read_file_at(group.base, path.clone().leak(), TEXT_LIMIT);
        text.unwrap_or_default().trim_ascii().to_vec()
    };
    group.cpuset = (read(files[0]), read(files[1]));
    if group.version == Version::V1 && (group.cpuset.0.is_empty() || group.cpuset.1.is_empty()) {
        let error = Error::new("cgroup parent").object(&group.parent);
        return Err(error
            .cause("its cpuset is empty")
            .hint("set its cpuset.cpus and cpuset.mems first"));
    }
    for (option, asked, available) in [
        ("--cpuset-cpus", resources.cpus, &group.cpuset.0),
        ("--cpuset-mems", resources.mems, &group.cpuset.1),
    ] {
        let Some(asked) = asked.map(|list| list.to_bytes()) else { continue };
        if !available.is_empty() && !cpus::within(asked, available) {
            let mut hint = Text::new();
            hint.quoted(available).str(" can be had");
            let error = Error::new("option").object(option.as_bytes()).object(asked);
            return Err(error.cause("not available").hint_text(&hint));
        }
    }
    Ok(())
}

/// A path that is never empty.
fn or_dot(path: Vec<u8>) -> Vec<u8> {
    if path.is_empty() { b".".to_vec() } else { path }
}

/// The number of processors that are online, for the range of `--cpus`; a guess of the kernel's
/// greatest where /sys does not tell.
pub fn online_cpus() -> u64 {
    let list = fs::read_file(c"/sys/devices/system/cpu/online", 4096).unwrap_or_default();
    match cpus::count(list.trim_ascii()) {
        0 => 8192,
        count => count,
    }
}

/// One more than the highest number a processor can have, where the first one has a count of how often
/// it was too hot (thermal_throttle, on some of Intel's); else 0. A host without /sys does not tell.
pub fn throttled_cpus() -> u32 {
    if fs::identity(c"/sys/devices/system/cpu/cpu0/thermal_throttle").is_err() {
        return 0;
    }
    let list = fs::read_file(c"/sys/devices/system/cpu/possible", 4096).unwrap_or_default();
    let last = cpus::runs(list.trim_ascii()).flatten().map(|(_, last)| last).max();
    last.map_or(1, |last| last.min(8191) as u32 + 1)
}

/// Makes a path for the kernel of text that came from the kernel.
pub fn path(parts: &[&[u8]]) -> &'static CStr {
    let mut text = Text::new();
    for part in parts {
        text.raw(part);
    }
    text.leak()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cgroups_that_were_locked_have_a_time_in_their_name() {
        assert_eq!(time_in_name(b"mini-12-3.000000004"), Some(3_000_000_004));
        assert_eq!(time_in_name(b"mini-12-3.4-self"), Some(3_000_000_004));
        for other in [
            "mini-12-3",
            "mini-12",
            "mini-",
            "mini-x-3.4",
            "mini-12-3.x",
            "mini-12-.4",
            "tini-1-3.4",
        ] {
            assert_eq!(time_in_name(other.as_bytes()), None, "{other}");
        }
        assert_eq!(time_in_name(b"mini-12-99999999999999999.4"), None);
    }
}
