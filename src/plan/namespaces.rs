//! The steps about namespaces: those that exist are joined, clocks and kernel parameters are set in new ones.

use super::{Planner, Step};
use crate::host::cgroups::path;
use crate::host::ids::IdMaps;
use crate::spec::namespaces::{TimeOffset, sysctl_path};
use crate::spec::security::{IdMapping, Seccomp};
use crate::spec::{Namespace, Namespaces};
use crate::text::Text;
use core::ffi::CStr;

/// CLONE_NEWTIME, which libc does not have everywhere.
pub const CLONE_NEWTIME: i32 = 0x80;

/// The namespaces besides the user namespace, by their flags.
fn kinds<'a>(namespaces: Namespaces<'a>) -> [(i32, Namespace<'a>); 7] {
    [
        (libc::CLONE_NEWNET, namespaces.net),
        (libc::CLONE_NEWIPC, namespaces.ipc),
        (libc::CLONE_NEWUTS, namespaces.uts),
        (libc::CLONE_NEWCGROUP, namespaces.cgroup),
        (CLONE_NEWTIME, namespaces.time),
        (libc::CLONE_NEWPID, namespaces.pid),
        (libc::CLONE_NEWNS, namespaces.mount),
    ]
}

impl<'a> Planner<'_, 'a> {
    /// Namespaces that belong to mini's user namespace can be joined only before the container's user namespace is
    /// joined or made; those that belong to the user namespace that is joined, only after that. Which is which, the
    /// kernel tells (setns(2)).
    pub(super) fn join_namespaces(&mut self) {
        let user = match (&self.host.ids, self.spec.security.users) {
            (IdMaps::Joined, IdMapping::Path(path)) => Some(path),
            _ => None,
        };
        self.join_others(user.is_some());
        if let Some(path) = user {
            let is_join = |step: &&Step| matches!(step, Step::JoinNamespace { .. });
            let number = self.steps.iter().filter(is_join).count();
            let kind = libc::CLONE_NEWUSER;
            self.add(Step::JoinNamespace { kind, number, path, if_permitted: false });
            self.join_others(false);
        }
    }

    fn join_others(&mut self, if_permitted: bool) {
        let joined = kinds(self.spec.namespaces).into_iter().filter_map(|(kind, namespace)| {
            let Namespace::Path(path) = namespace else { return None };
            Some((kind, path))
        });
        for (number, (kind, path)) in joined.enumerate() {
            self.add(Step::JoinNamespace { kind, number, path, if_permitted });
        }
    }

    /// The offsets can be written only while nobody is in the namespace yet (time_namespaces(7)), and the file is the
    /// child's own only as long as it is dumpable and has the caller's id.
    pub(super) fn new_time_namespace(&mut self) {
        self.add(Step::UnshareTimeNamespace);
        let offsets = self.spec.time_offsets;
        let mut content = Text::new();
        for (clock, offset) in [("monotonic", offsets.monotonic), ("boottime", offsets.boottime)] {
            if let Some(TimeOffset { secs, nanosecs }) = offset {
                content.str(clock).str(" ").signed(secs).str(" ").number(nanosecs.into()).str("\n");
            }
        }
        if !content.bytes().is_empty() {
            self.write(c"/proc/self/timens_offsets", content);
        }
        self.add(Step::EnterTimeNamespace);
    }

    /// The parent moves network interfaces while the child waits.
    pub(super) fn net_devices(&mut self) {
        if self.spec.net_devices.is_empty() {
            return;
        }
        for device in &self.spec.net_devices {
            let name = device.name.unwrap_or(device.host_name);
            self.meanwhile.push(Step::MoveNetDevice { host_name: device.host_name, name });
        }
        if !matches!(self.host.ids, IdMaps::Ranges { .. }) {
            self.add(Step::WaitForIdMaps);
        }
    }

    /// Kernel parameters and the labels of security modules: files of a procfs that nothing of the container is
    /// mounted over.
    pub(super) fn kernel_parameters(&mut self) {
        let spec = self.spec;
        for (name, value) in &spec.sysctl {
            // Front ends refuse what is not the container's own.
            let Ok(below) = sysctl_path(name.to_bytes(), &spec.namespaces) else { continue };
            self.add(Step::SetSysctl { name, path: path(&[b"sys/", &below]), value });
        }
        if let Seccomp::Program { listener: Some(listener), .. } = spec.security.seccomp {
            self.add(Step::ConnectSeccompAgent(listener.path));
        }
        let process = &spec.process;
        if let Some(profile) = process.apparmor_profile {
            let mut label = Text::new();
            label.str("exec ").raw(profile.to_bytes());
            self.add(Step::SetExecLabel { module: APPARMOR, label });
        }
        if let Some(selinux_label) = process.selinux_label {
            let mut label = Text::new();
            label.raw(selinux_label.to_bytes());
            self.add(Step::SetExecLabel { module: SELINUX, label });
        }
    }
}

/// Security modules as plans and errors name them.
pub const APPARMOR: &CStr = c"apparmor";
/// SELinux.
pub const SELINUX: &CStr = c"selinux";
