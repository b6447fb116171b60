//! The plan: a pure function from (Spec, Host) to a list of steps. It has no effects, so
//! `--dry-run` can print the plan and golden tests can compare it.
//!
//! The order of the steps is the design:
//! 1. Open everything that comes from the host: clones of mounts, device nodes, an image, mini's
//!    own program.
//! 2. Mount /proc, /sys and /dev over the new root and fill them. Every name used there is mini's
//!    own.
//! 3. Unmount the old root.
//! 4. Only then look up names in the container's root. A hostile symbolic link in it can no longer
//!    lead to anything of the host.

mod cgroups;
pub mod defaults;
mod namespaces;
mod rights;
mod rootfs;
mod seccomp;
mod step;

pub use namespaces::{APPARMOR, CLONE_NEWTIME};
pub use seccomp::built_in as built_in_filter;
pub use step::{Mount, PathAt, SetAttributes, Step, namespace_name};

use crate::host::ids::IdMaps;
use crate::host::{Host, Image};
use crate::spec::{Exec, Namespace, Spec};
use crate::sys::fs::HERE;
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;
use libc::{
    CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER,
    CLONE_NEWUTS, MS_PRIVATE, MS_REC,
};
use rootfs::When;

/// The steps of a launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'a> {
    /// Steps of the parent before it starts the child.
    pub before: Vec<Step<'a>>,
    /// CLONE_NEW* flags for clone(2).
    pub clone_flags: i32,
    /// Steps of the parent while the child waits for them.
    pub meanwhile: Vec<Step<'a>>,
    /// Steps of the child. The last one executes the command.
    pub steps: Vec<Step<'a>>,
    /// The number of steps before clone(2): an intermediate process joins namespaces in them and starts the child.
    pub joins: usize,
    /// The number of mount trees that the child opens to attach them later.
    pub trees: usize,
}

impl<'a> Plan<'a> {
    /// Plans the launch of `spec` on `host`.
    pub fn new(spec: &'a Spec<'a>, host: &Host) -> Plan<'a> {
        let steps = Vec::with_capacity(80);
        let mut planner = Planner {
            spec,
            host,
            before: Vec::new(),
            meanwhile: Vec::new(),
            steps,
            order: Vec::new(),
            trees: 0,
        };
        planner.cgroups();
        planner.order_mounts();
        if let Some(exec) = &spec.exec {
            planner.enter_container(exec);
        }
        planner.join_namespaces();
        let joins = planner.steps.len();
        planner.steps();
        let clone_flags = planner.clone_flags();
        let Planner { before, meanwhile, steps, trees, .. } = planner;
        Plan { before, clone_flags, meanwhile, steps, joins, trees }
    }

    /// Appends the plan as text, one step per line.
    pub fn describe(&self, out: &mut Text) {
        let (joins, steps) = self.steps.split_at(self.joins);
        for step in self.before.iter().chain(joins) {
            step.describe(out);
            out.str("\n");
        }
        self.describe_clone(out);
        out.str("\n");
        for step in self.meanwhile.iter().chain(steps) {
            step.describe(out);
            out.str("\n");
        }
    }

    /// Appends the clone(2) call as text.
    pub fn describe_clone(&self, out: &mut Text) {
        const NAMES: [(i32, &str); 7] = [
            (CLONE_NEWUSER, " user"),
            (CLONE_NEWNS, " mount"),
            (CLONE_NEWPID, " pid"),
            (CLONE_NEWUTS, " uts"),
            (CLONE_NEWIPC, " ipc"),
            (CLONE_NEWNET, " net"),
            (CLONE_NEWCGROUP, " cgroup"),
        ];
        out.str("clone new");
        for (flag, name) in NAMES {
            if self.clone_flags & flag != 0 {
                out.str(name);
            }
        }
    }
}

struct Planner<'p, 'a> {
    spec: &'a Spec<'a>,
    host: &'p Host,
    before: Vec<Step<'a>>,
    meanwhile: Vec<Step<'a>>,
    steps: Vec<Step<'a>>,
    /// When each mount of the spec is made.
    order: Vec<When>,
    /// How many mount trees are numbered.
    trees: usize,
}

impl<'a> Planner<'_, 'a> {
    fn steps(&mut self) {
        // First, so that the child never outlives mini.
        self.add(Step::SetParentDeathSignal);
        // Next, so that all following steps count against the limits.
        let groups = &self.host.cgroups;
        for (number, group) in groups.list.iter().enumerate() {
            self.add(Step::JoinCgroup { number, path: groups.path_in(group) });
        }
        if self.spec.exec.is_some() {
            return self.exec();
        }
        if !groups.list.is_empty() && self.spec.namespaces.cgroup == Namespace::New {
            // The process's cgroup at this moment becomes the root of the namespace
            // (cgroup_namespaces(7)).
            self.add(Step::UnshareCgroupNamespace);
        }
        if self.spec.namespaces.time == Namespace::New {
            self.new_time_namespace();
        }
        // Before the first file is created: without mapped ids the kernel has no owner for it.
        self.users();
        self.net_devices();
        if self.spec.root.path.is_some() && !self.spec.keeps_keyring {
            self.add(Step::JoinSessionKeyring);
        }
        self.kernel_parameters();
        if !self.host.makes_namespace {
            // Before any mount, or the host would see it: most hosts share theirs. A slave still receives what the
            // host mounts.
            let propagation = match self.spec.root.propagation.unwrap_or(MS_PRIVATE | MS_REC) {
                flags if flags & libc::MS_UNBINDABLE != 0 => MS_PRIVATE | MS_REC,
                flags => flags | MS_REC,
            };
            if propagation & libc::MS_SHARED == 0 {
                self.mount(c"none", c"/", None, propagation, None);
            }
        }
        self.open_trees();
        if self.spec.root.propagation.unwrap_or_default() & libc::MS_SHARED != 0 {
            // Only now: a mount that is to stay shared with the host had to be cloned before.
            self.mount(c"none", c"/", None, libc::MS_SLAVE | MS_REC, None);
        }
        if self.host.image == Some(Image::Archive)
            && let Some(rootfs) = self.spec.root.path
        {
            self.add(Step::OpenArchive(rootfs));
        }
        if self.spec.hooks.run_at_create() {
            self.add(Step::WaitForHooks);
        }
        match self.spec.root.path {
            Some(rootfs) if self.host.makes_namespace => self.root_alone(rootfs),
            Some(rootfs) => self.own_root(rootfs),
            None => self.host_root(),
        }
        if !self.spec.namespaces.uts.is_host() {
            if let Some(name) = self.spec.hostname {
                self.add(Step::SetHostname(name));
            }
            if let Some(name) = self.spec.domainname {
                self.add(Step::SetDomainname(name));
            }
        }
        if self.spec.namespaces.net == Namespace::New {
            self.add(Step::BringUpLoopback);
        }
        self.confine();
    }

    /// The first steps of a further process of a container. The intermediate process performs them, which no process of
    /// the container can see; so the process that they can see never holds anything of the host's but its pipes.
    fn enter_container(&mut self, exec: &'a Exec) {
        for (number, path) in exec.cgroups.iter().enumerate() {
            self.before.push(Step::OpenCgroupTasks(PathAt { base: HERE, path }));
            self.add(Step::JoinCgroup { number, path });
        }
        self.close_descriptors(true);
    }

    /// The other steps of a further process: its mounts are there.
    fn exec(&mut self) {
        self.users();
        self.add(Step::JoinSessionKeyring);
        self.kernel_parameters();
        if let Some(path) = self.spec.process.cwd {
            self.add(Step::Chdir { path, in_root: true });
        }
        self.confine();
    }

    fn clone_flags(&self) -> i32 {
        let kinds = self.spec.namespaces;
        let mut flags = 0;
        for (kind, flag) in [
            (kinds.mount, CLONE_NEWNS),
            (kinds.pid, CLONE_NEWPID),
            (kinds.net, CLONE_NEWNET),
            (kinds.ipc, CLONE_NEWIPC),
            (kinds.uts, CLONE_NEWUTS),
            (kinds.cgroup, CLONE_NEWCGROUP),
        ] {
            if kind == Namespace::New {
                flags |= flag;
            }
        }
        if self.host.makes_namespace {
            flags &= !CLONE_NEWNS;
        }
        if !self.host.cgroups.list.is_empty() {
            // Made later, when the child has joined its cgroups.
            flags &= !CLONE_NEWCGROUP;
        }
        if !matches!(self.host.ids, IdMaps::None | IdMaps::Joined) {
            flags |= CLONE_NEWUSER;
        }
        flags
    }

    fn root_stays_below(&self) -> bool {
        self.spec.root.path.is_some() && self.host.root_is_initramfs
    }

    #[inline(never)]
    fn mount(
        &mut self,
        source: &'a CStr,
        target: &'a CStr,
        fstype: Option<&'a CStr>,
        flags: libc::c_ulong,
        data: Option<&'a CStr>,
    ) {
        let (if_present, over_root) = (false, false);
        self.add(Step::Mount(Mount { source, target, fstype, flags, data, if_present, over_root }));
    }

    /// Closes mini's and the caller's descriptors before the first name of the container is looked
    /// up. Close-on-exec is too late for that: it acts only after execve(2) has found the command.
    fn close_descriptors(&mut self, keep: bool) {
        self.add(Step::CloseRange { first: 3 + self.spec.security.descriptors, keep });
    }

    fn write(&mut self, path: &'static CStr, content: Text) {
        let place = PathAt { base: HERE, path };
        self.add(Step::WriteFile { file: place, alternative: None, content, if_present: false });
    }

    #[inline(never)] // Else every step's copy is compiled again at every place that adds one.
    fn add(&mut self, step: Step<'a>) {
        self.steps.push(step);
    }
}

#[cfg(test)]
mod golden;
