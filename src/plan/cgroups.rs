//! The steps about control groups: made before the child, joined by it, shown in its root.

use super::{PathAt, Planner, Step};
use crate::cgroup::Version;
use crate::cgroup::settings::{Inherited, settings};
use crate::host::cgroups::{Cgroup, path};
use crate::text::Text;
use libc::{MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REMOUNT};

impl Planner<'_, '_> {
    /// The parent makes the groups and writes the limits. On v1 the child joins by itself, through a
    /// file that was opened for it; on v2 it is born there, where the kernel can (clone3(2)).
    /// Attaching it from outside makes the kernel wait for every thread of the machine, and so does
    /// `cgroup.procs` of v2, whoever writes to it: some 10 ms.
    pub(super) fn groups(&mut self) {
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
            let place = place(&[b"cgroup.subtree_control"]);
            self.before.push(Step::WriteFile {
                file: place,
                alternative: None,
                content,
                if_present: false,
            });
        }
        self.before.push(Step::MakeCgroup(place(&[name])));
        let inherited = Inherited { cpus: &group.cpuset.0, mems: &group.cpuset.1 };
        let resources = &self.spec.resources;
        for setting in settings(resources, group.version, group.controllers, &inherited) {
            let alternative =
                setting.other_file.map(|file| place(&[name, b"/", file.as_bytes()]).path);
            self.before.push(Step::WriteFile {
                file: place(&[name, b"/", setting.file.bytes()]),
                alternative,
                content: setting.value,
                if_present: setting.implied,
            });
        }
        self.before.push(match group.version {
            Version::V1 => Step::OpenCgroupTasks(place(&[name, b"/tasks"])),
            Version::V2 => Step::OpenCgroup(place(&[name])),
        });
    }

    /// Where programs look for the limits they live under (a JVM, Go's runtime): the container's
    /// groups, to be read.
    pub(super) fn own_cgroups(&mut self) {
        let quiet = MS_NOSUID | MS_NODEV | MS_NOEXEC;
        let top = c"/sys/fs/cgroup";
        let list = &self.host.cgroups.list[..];
        // Nobody asked for an implied one, which is the last.
        let shown = &list[..list.iter().position(|group| group.implied).unwrap_or(list.len())];
        match shown {
            [] => return,
            [Cgroup { version: Version::V2, .. }] => {
                return self.mount(c"cgroup", top, Some(c"cgroup2"), quiet | MS_RDONLY, None);
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
            self.mount(c"cgroup", at(names), Some(fstype), quiet | MS_RDONLY, data);
            for name in names.split(|b| *b == b',').filter(|name| name.len() < names.len()) {
                self.add(Step::Symlink { target: path(&[names]), path: at(name) });
            }
        }
        self.mount(c"tmpfs", top, None, quiet | MS_REMOUNT | MS_BIND | MS_RDONLY, None);
    }
}
