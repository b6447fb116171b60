//! The steps about cgroups: the parent makes them, the child joins them, the root file system shows them.

use super::{PathAt, Planner, Step};
use crate::cgroup::Version;
use crate::cgroup::settings::{Inherited, settings};
use crate::host::cgroups::{Cgroup, Devices, path};
use crate::text::Text;
use alloc::boxed::Box;
use core::ffi::CStr;
use libc::{MS_BIND, MS_RDONLY, MS_REMOUNT};

impl Planner<'_, '_> {
    /// The parent makes the groups and writes the limits. On v1 the child joins by itself, through a
    /// file that was opened for it; on v2 it is born there, where the kernel can (clone3(2)).
    /// Attaching it from outside makes the kernel wait for every thread of the machine, and so does
    /// `cgroup.procs` of v2, whoever writes to it: some 10 ms.
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

    /// Makes the cgroups above the container's, and lets them pass on what it needs.
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

    /// Where programs look for the limits they live under (a JVM, Go's runtime): the container's
    /// groups, to be read.
    pub(super) fn own_cgroups(&mut self, top: &'static CStr, flags: libc::c_ulong) {
        let quiet = flags & !MS_RDONLY;
        let list = &self.host.cgroups.list[..];
        // Nobody asked for an implied one, which is the last.
        let shown = &list[..list.iter().position(|group| group.implied).unwrap_or(list.len())];
        match shown {
            [] => return,
            [Cgroup { version: Version::V2, .. }] => {
                return self.mount(c"cgroup", top, Some(c"cgroup2"), flags, None);
            }
            _ => {}
        }
        self.mount(c"tmpfs", top, Some(c"tmpfs"), quiet, Some(c"mode=0755,size=64k"));
        for group in shown {
            let (names, fstype): (&[u8], _) = match group.version {
                Version::V1 => (&group.names, c"cgroup"),
                Version::V2 => (b"unified", c"cgroup2"),
            };
            let at = |name: &[u8]| path(&[top.to_bytes(), b"/", name]);
            self.add(Step::MakeDirectory(at(names)));
            let data = (group.version == Version::V1).then(|| path(&[names]));
            self.mount(c"cgroup", at(names), Some(fstype), flags, data);
            for name in names.split(|b| *b == b',').filter(|name| name.len() < names.len()) {
                self.add(Step::Symlink { target: path(&[names]), path: at(name) });
            }
        }
        if flags & MS_RDONLY != 0 {
            self.mount(c"tmpfs", top, None, flags | MS_REMOUNT | MS_BIND, None);
        }
    }
}
