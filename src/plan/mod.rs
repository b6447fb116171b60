//! What will be done: a pure function from what the container is and what the host is to a list
//! of steps. It has no effects, so `--dry-run` can print it and a test can hold it still.
//!
//! The order of the steps is the design. Its one idea about paths: the root is switched first,
//! and from then until the old root is detached an absolute path is the container's and a
//! relative path the host's. So no link inside the container's root, hostile or not, can lead a
//! mount or a file out of it, and the host's files are still at hand as sources.

mod groups;
mod root;
mod step;

pub use step::{Mount, Place, Step, WhenMissing};

use crate::host::Host;
use crate::spec::{Id, Namespace, Spec, User};
use crate::sys::fs::HERE;
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;
use libc::{
    CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER,
    CLONE_NEWUTS, MS_PRIVATE, MS_REC, MS_SLAVE,
};

/// What a launch does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'a> {
    /// What the parent does before there is a child, in order.
    pub before: Vec<Step<'a>>,
    /// The namespaces the child is born into (clone(2)).
    pub clone_flags: i32,
    /// What the child does, in order; the last step runs the command.
    pub steps: Vec<Step<'a>>,
}

/// CAP_SYS_ADMIN, which may unmount.
const SYS_ADMIN: u8 = 21;

impl<'a> Plan<'a> {
    /// Plans the launch of `spec` on `host`.
    pub fn new(spec: &Spec<'a>, host: &Host) -> Plan<'a> {
        let steps = Vec::with_capacity(48);
        let mut planner = Planner { spec, host, before: Vec::new(), steps };
        planner.groups();
        planner.steps();
        let clone_flags = planner.clone_flags();
        Plan { before: planner.before, clone_flags, steps: planner.steps }
    }

    /// The plan as text, a step a line.
    pub fn describe(&self, out: &mut Text) {
        for step in &self.before {
            step.describe(out);
            out.str("\n");
        }
        self.describe_clone(out);
        out.str("\n");
        for step in &self.steps {
            step.describe(out);
            out.str("\n");
        }
    }

    /// The call that starts the child, as text.
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
    spec: &'p Spec<'a>,
    host: &'p Host,
    before: Vec<Step<'a>>,
    steps: Vec<Step<'a>>,
}

impl<'a> Planner<'_, 'a> {
    fn steps(&mut self) {
        // First, so that no moment of the launch outlives mini.
        self.add(Step::DieWithParent);
        // Next, so that what follows counts against the limits.
        let groups = self.host.groups.list.len();
        for number in 0..groups {
            self.add(Step::JoinGroup(number));
        }
        if groups > 0 && self.spec.namespaces.cgroup == Namespace::New {
            // The group one is in when the namespace is made is its top (cgroup_namespaces(7)).
            self.add(Step::NewCgroupNamespace);
        }
        if self.in_user_namespace() {
            // Before anything that creates a file: without ids the kernel has no owner for it.
            self.id_maps();
        }
        // Before any mount, or the host would see it: most hosts share theirs. As a slave the
        // container still sees what the host mounts.
        let is_slave = self.spec.volumes.iter().any(|volume| volume.options.slave);
        let propagation = if is_slave { MS_SLAVE } else { MS_PRIVATE };
        self.mount(c"none", c"/", None, propagation | MS_REC, None);
        self.take_volumes();
        match self.spec.rootfs {
            Some(rootfs) => self.own_root(rootfs),
            None => self.host_root(),
        }
        if let (Some(name), Namespace::New) = (self.spec.hostname, self.spec.namespaces.uts) {
            self.add(Step::Hostname(name));
        }
        if self.spec.namespaces.net == Namespace::New {
            self.add(Step::LoopbackUp);
        }
        if self.root_stays_below() {
            // Whoever can unmount the new root sees the initramfs below it. Without this
            // capability nobody can; a user namespace made inside gives it back only over mounts
            // that the kernel locks together (mount_namespaces(7)).
            self.add(Step::DropCapability(SYS_ADMIN));
        }
        if let Some(user) = self.spec.process.user {
            self.add(Step::User {
                user: self.mapped(user),
                // The map of an ordinary user forbids setgroups (user_namespaces(7)).
                drop_groups: !self.in_user_namespace(),
                find_home: self.spec.process.home_from_passwd,
            });
            // A change of user clears it.
            self.add(Step::DieWithParent);
        }
        if let Some(adjustment) = self.spec.process.oom_score_adj {
            let mut content = Text::new();
            content.str(if adjustment < 0 { "-" } else { "" });
            content.number(adjustment.unsigned_abs().into());
            self.write(c"/proc/self/oom_score_adj", content);
        }
        // Last, when the parent has long written: reading then does not wait.
        self.add(Step::Gate);
        self.add(Step::Exec(self.spec.process.args[0]));
    }

    fn clone_flags(&self) -> i32 {
        let kinds = self.spec.namespaces;
        let mut flags = CLONE_NEWNS;
        for (kind, flag) in [
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
        if !self.host.groups.list.is_empty() {
            // Later, when the child is in its groups.
            flags &= !CLONE_NEWCGROUP;
        }
        if self.in_user_namespace() {
            flags |= CLONE_NEWUSER;
        }
        flags
    }

    fn in_user_namespace(&self) -> bool {
        self.host.euid != 0
    }

    fn root_stays_below(&self) -> bool {
        self.spec.rootfs.is_some() && self.host.root_is_initramfs
    }

    /// One id of each kind, the caller's own, seen inside as the one asked for by number, else
    /// as 0. The child writes the maps itself, so nobody waits for anybody (user_namespaces(7):
    /// a process may map its own id once setgroups is denied).
    fn id_maps(&mut self) {
        let user = self.spec.process.user;
        let inside = |id: Option<Id>| match id {
            Some(Id::Number(id)) => id,
            _ => 0,
        };
        let uid = inside(user.map(|user| user.uid));
        let gid = inside(user.and_then(|user| user.gid));
        let map = |inside: u32, outside: u32| {
            let mut text = Text::new();
            text.number(inside.into()).str(" ").number(outside.into()).str(" 1");
            text
        };
        let mut deny = Text::new();
        deny.str("deny");
        self.write(c"/proc/self/setgroups", deny);
        self.write(c"/proc/self/uid_map", map(uid, self.host.euid));
        self.write(c"/proc/self/gid_map", map(gid, self.host.egid));
    }

    /// An ordinary user has one group in the container: not the one /etc/passwd tells.
    fn mapped(&self, user: User<'a>) -> User<'a> {
        match user {
            User { uid: Id::Number(_), gid: None } if self.in_user_namespace() => {
                User { gid: Some(Id::Number(0)), ..user }
            }
            _ => user,
        }
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
        let missing = match fstype {
            Some(_) => WhenMissing::MakeDirectory,
            None => WhenMissing::Fail,
        };
        self.add(Step::Mount(Mount { source, target, fstype, flags, data, missing }));
    }

    fn write(&mut self, path: &'static CStr, content: Text) {
        let place = Place { base: HERE, path };
        self.add(Step::WriteFile { place, other: None, content, if_there: false });
    }

    #[inline(never)] // Else every step's copy is compiled again at every place that adds one.
    fn add(&mut self, step: Step<'a>) {
        self.steps.push(step);
    }
}

#[cfg(test)]
mod golden;
