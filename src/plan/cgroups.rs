//! The steps about cgroups: the parent makes them, the child joins them, the root file system shows them.

use super::{Mount, PathAt, Planner, SetAttributes, Step};
use crate::cgroup::Version;
use crate::cgroup::settings::{Inherited, settings};
use crate::host::cgroups::{Cgroup, Devices, path};
use crate::spec::Namespace;
use crate::text::Text;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ffi::CStr;
use libc::{MS_BIND, MS_RDONLY, MS_REMOUNT};

impl Planner<'_, '_> {
    /// The parent makes the cgroups and writes the limits. On v1 the child joins by itself, through
    /// a file that the parent opened; on v2 it is created in its cgroup where the kernel has
    /// clone3(2). Joining from outside, and on v2 through `cgroup.procs` by anyone, makes the
    /// kernel wait for all CPUs, some 10 ms.
    pub(super) fn cgroups(&mut self) {
        let host = self.host;
        for group in &host.cgroups.list {
            self.group(group, host.cgroups.name.bytes());
        }
    }

    fn group(&mut self, group: &Cgroup, name: &[u8]) {
        let place = |parts: &[&[u8]]| PathAt {
            base: group.base,
            path: path(&[&[&group.parent[..], b"/"], parts].concat()),
        };
        if group.evacuate {
            self.before.push(Step::MakeCgroup(place(&[name, b"-self"])));
            self.before.push(Step::MoveToCgroup(place(&[name, b"-self"])));
        }
        if !group.enable.is_empty() {
            let mut content = Text::new();
            for controller in group.enable.iter() {
                let gap = if content.bytes().is_empty() { "+" } else { " +" };
                content.str(gap).str(controller.name(group.version));
            }
            self.control(place(&[b"cgroup.subtree_control"]), None, content, false);
        }
        if self.host.cgroups.stay {
            self.levels(group);
            self.before.push(Step::MakeLastingCgroup { place: place(&[name]), own: true });
        } else {
            self.before.push(Step::MakeCgroup(place(&[name])));
        }
        let inherited = Inherited { cpus: &group.cpuset.0, mems: &group.cpuset.1 };
        let resources = &self.spec.resources;
        for setting in settings(resources, group.version, group.controllers, &inherited) {
            let other = setting
                .other
                .map(|(file, value)| Box::new((place(&[name, b"/", file.as_bytes()]).path, value)));
            let place = place(&[name, b"/", setting.file.bytes()]);
            self.control(place, other, setting.value, setting.optional);
        }
        match &group.devices {
            Devices::Any => {}
            Devices::Lines(lines) => {
                for line in lines {
                    let file: &[u8] = if line.allow { b"devices.allow" } else { b"devices.deny" };
                    self.control(place(&[name, b"/", file]), None, line.text.clone(), false);
                }
            }
            Devices::Program(program) => self.before.push(Step::AttachDeviceProgram {
                place: place(&[name]),
                program: program.clone(),
            }),
        }
        self.before.push(match group.version {
            Version::V1 => Step::OpenCgroupTasks(place(&[name, b"/tasks"])),
            Version::V2 => Step::OpenCgroup(place(&[name])),
        });
    }

    /// Makes the cgroups above the container's, and enables the controllers it needs.
    fn levels(&mut self, group: &Cgroup) {
        for level in &group.levels {
            let base = group.base;
            let place = |file: &[u8]| PathAt { base, path: path(&[&level.directory, file]) };
            if level.make {
                self.before.push(Step::MakeLastingCgroup { place: place(b""), own: false });
            }
            if level.fill_cpuset {
                for (file, list) in
                    [("/cpuset.cpus", &group.cpuset.0), ("/cpuset.mems", &group.cpuset.1)]
                {
                    let mut content = Text::new();
                    content.raw(list);
                    self.control(place(file.as_bytes()), None, content, false);
                }
            }
            if !level.enable.or(level.enable_if_possible).is_empty() {
                self.before.push(Step::EnableControllers {
                    place: place(b"/cgroup.subtree_control"),
                    needed: level.enable,
                    wanted: level.enable_if_possible,
                });
            }
        }
    }

    #[inline(never)]
    fn control(
        &mut self,
        file: PathAt,
        alternative: Option<Box<(&'static CStr, Text)>>,
        content: Text,
        if_present: bool,
    ) {
        self.before.push(Step::WriteFile { file, alternative, content, if_present });
    }

    /// The cgroups that a mount of type cgroup shows: not an implied one, which nobody asked for and which is the last.
    fn shown_cgroups(&self) -> &[Cgroup] {
        let list = &self.host.cgroups.list[..];
        &list[..list.iter().position(|group| group.implied).unwrap_or(list.len())]
    }

    /// The directories of the host that are bind mounted to show the container its v1 cgroups. With a cgroup
    /// namespace there are none: a new mount of the hierarchy shows the namespace's own cgroup.
    pub(super) fn bound_cgroups(&self) -> Vec<&'static CStr> {
        let shown = self.shown_cgroups();
        if self.spec.namespaces.cgroup != Namespace::Host || is_v2(shown) {
            return Vec::new();
        }
        shown.iter().map(|group| self.host.cgroups.path_in(group)).collect()
    }

    /// Mounts the container's cgroups over the root: there programs look for their limits (a JVM, Go's runtime).
    pub(super) fn own_cgroups(&mut self, top: &'static CStr, flags: libc::c_ulong) {
        let host = self.host;
        let bound = self.bound_cgroups();
        let shown = &host.cgroups.list[..self.shown_cgroups().len()];
        if shown.is_empty() {
            return;
        }
        if is_v2(shown) {
            return self.mount(c"cgroup", top, Some(c"cgroup2"), flags, None);
        }
        self.mount(c"tmpfs", top, Some(c"tmpfs"), flags & !MS_RDONLY, Some(TMPFS));
        for (at, group) in shown.iter().enumerate() {
            let (name, fstype, data) = hierarchy(group);
            let target = path(&[top.to_bytes(), b"/", name]);
            self.add(Step::MakeDirectory(target));
            match bound.get(at) {
                Some(source) => {
                    self.mount(source, target, None, MS_BIND, None);
                    self.mount(source, target, None, flags | MS_REMOUNT | MS_BIND, None);
                }
                None => self.mount(c"cgroup", target, Some(fstype), flags, data),
            }
            for alias in aliases(name) {
                let path = path(&[top.to_bytes(), b"/", alias]);
                self.add(Step::Symlink { target: self::path(&[name]), path, in_root: false });
            }
        }
        if flags & MS_RDONLY != 0 {
            self.mount(c"tmpfs", top, None, flags | MS_REMOUNT | MS_BIND, None);
        }
    }

    /// Mounts the container's cgroups at a path of its root, when the old root is gone.
    pub(super) fn late_cgroups(&mut self, first: Option<usize>, top: &CStr, flags: libc::c_ulong) {
        let host = self.host;
        let shown = &host.cgroups.list[..self.shown_cgroups().len()];
        let mount = |source, target, fstype, flags, data| Mount {
            source,
            target,
            fstype: Some(fstype),
            flags,
            data,
            if_present: false,
            over_root: false,
        };
        let (top, create) = (path(&[top.to_bytes()]), true);
        if shown.is_empty() || is_v2(shown) {
            let mount = mount(c"cgroup", top, c"cgroup2", flags, None);
            return self.add(Step::MountInside { mount, create, copy_up: false });
        }
        let tmpfs = mount(c"tmpfs", top, c"tmpfs", flags & !MS_RDONLY, Some(TMPFS));
        self.add(Step::MountInside { mount: tmpfs, create, copy_up: false });
        for (at, group) in shown.iter().enumerate() {
            let (name, fstype, data) = hierarchy(group);
            let target = path(&[top.to_bytes(), b"/", name]);
            self.add(match first {
                Some(first) => Step::MoveMount {
                    number: first + at,
                    target,
                    attributes: [SetAttributes::from_flags(flags as u32, 0)].into(),
                    create,
                },
                None => {
                    let mount = mount(c"cgroup", target, fstype, flags, data);
                    Step::MountInside { mount, create, copy_up: false }
                }
            });
            for alias in aliases(name) {
                let path = path(&[top.to_bytes(), b"/", alias]);
                self.add(Step::Symlink { target: self::path(&[name]), path, in_root: true });
            }
        }
        if flags & MS_RDONLY != 0 {
            let attributes = [SetAttributes::from_flags(flags as u32, 0)].into();
            self.add(Step::SetAttributes { path: top, attributes });
        }
    }
}

/// Options of the tmpfs that holds the v1 hierarchies.
const TMPFS: &CStr = c"mode=0755,size=64k";

fn is_v2(shown: &[Cgroup]) -> bool {
    matches!(shown, [Cgroup { version: Version::V2, .. }])
}

/// The directory, the type and the options of a hierarchy.
fn hierarchy(group: &Cgroup) -> (&[u8], &'static CStr, Option<&'static CStr>) {
    match group.version {
        Version::V1 => {
            let name = group.names.strip_prefix(b"name=").unwrap_or(&group.names);
            (name, c"cgroup", Some(path(&[&group.names])))
        }
        Version::V2 => (b"unified", c"cgroup2", None),
    }
}

/// The names of the controllers of a hierarchy that has several.
fn aliases(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.split(|b| *b == b',').filter(|alias| alias.len() < name.len())
}
