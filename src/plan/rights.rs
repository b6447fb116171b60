//! The steps that set what the command may do: users, capabilities, rlimits, paths, system calls.
//! All but the id maps come last, when no other step needs the rights that are dropped.

use super::{Planner, Step, seccomp};
use crate::host::cgroups::path;
use crate::host::ids::IdMaps;
use crate::spec::capability::{ALL, SYS_ADMIN, Set};
use crate::spec::process::{Capabilities, list_bits};
use crate::spec::security::{IdRange, PathRule, Seccomp};
use crate::spec::{Id, User};
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;

/// Paths that are always allowed next to path rules: the container's own /proc, and harmless
/// devices.
const HARMLESS: [(&CStr, bool); 7] = [
    (c"/proc", true),
    (c"/dev/null", true),
    (c"/dev/zero", true),
    (c"/dev/full", true),
    (c"/dev/random", false),
    (c"/dev/urandom", false),
    (c"/dev/tty", true),
];

/// Paths that stay writable in addition to those the user names.
const KEPT: [&CStr; KEPT_WRITABLE] = [c"/proc", c"/dev/pts"];
/// Their number.
const KEPT_WRITABLE: usize = 2;

/// Every capability except CAP_SYS_ADMIN.
const NO_ADMIN: Set = !(1 << SYS_ADMIN);

impl<'a> Planner<'_, 'a> {
    /// Sets the ids with which the child makes the container.
    pub(super) fn users(&mut self) {
        // While the file still belongs to the caller: the /proc files of a process that is not
        // dumpable, or has changed its user, belong to root.
        if let Some(adjustment) = self.spec.process.oom_score_adj {
            let mut content = Text::new();
            content.signed(adjustment.into());
            self.write(c"/proc/self/oom_score_adj", content);
        }
        match &self.host.ids {
            IdMaps::None => self.add(Step::SetNotDumpable),
            IdMaps::Single => self.own_id(),
            IdMaps::Joined => {
                self.add(Step::SetIds { uid: 0, gid: 0, drop_groups: true });
                // A change of user clears it.
                self.add(Step::SetParentDeathSignal);
            }
            IdMaps::Ranges { uids, gids, by_helper } => {
                for (kind, ranges) in [(c"uid", uids), (c"gid", gids)] {
                    let mut content = Text::new();
                    for range in ranges {
                        let IdRange { inside, outside, count } = *range;
                        for (number, end) in [(inside, " "), (outside, " "), (count, "\n")] {
                            content.number(number.into()).str(end);
                        }
                    }
                    self.meanwhile.push(Step::WriteIdMap { kind, content, by_helper: *by_helper });
                }
                self.add(Step::WaitForIdMaps);
                let first = |ranges: &[IdRange]| match ranges.iter().any(|range| range.inside == 0)
                {
                    true => 0,
                    false => ranges.first().map_or(0, |range| range.inside),
                };
                // Without a mapped id the child could not create files.
                let drop_groups = self.host.may_set_groups;
                self.add(Step::SetIds { uid: first(uids), gid: first(gids), drop_groups });
                // A change of user clears it.
                self.add(Step::SetParentDeathSignal);
            }
        }
    }

    /// One user id and one group id: the caller's own, mapped to the requested number or to 0. The
    /// child writes the maps itself, so nobody waits (user_namespaces(7): a process may map its own
    /// id when setgroups is denied).
    fn own_id(&mut self) {
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

    /// From here on rights are only dropped; the last step executes the command.
    pub(super) fn confine(&mut self) {
        let security = &self.spec.security;
        if !security.paths.is_empty() {
            // While the child may mount.
            self.read_only_but_writable();
        }
        if self.spec.process.terminal && self.spec.root.path.is_none() {
            self.add(Step::OpenPseudoTerminal { console: false });
        }
        if self.host.ids == IdMaps::Single {
            // Not earlier: the /proc files of a process that is not dumpable belong to root.
            self.add(Step::SetNotDumpable);
        }
        for limit in &security.rlimits {
            self.add(Step::SetRlimit(*limit));
        }
        let process = &self.spec.process;
        if let Some(scheduler) = process.scheduler {
            self.add(Step::SetScheduler(scheduler));
        }
        if let Some(priority) = process.io_priority {
            self.add(Step::SetIoPriority(priority));
        }
        if let Some(policy) = process.memory_policy {
            let nodes = policy.nodes.and_then(|nodes| list_bits(nodes.to_bytes()));
            let nodes = nodes.unwrap_or_default();
            self.add(Step::SetMemoryPolicy { mode: policy.mode | policy.flags, nodes });
        }
        if let Some(personality) = process.personality {
            self.add(Step::SetPersonality(personality));
        }
        // By now the parent has written the arguments, so reading does not wait.
        self.add(Step::ReceiveArguments);
        // Closes the directories that earlier steps used, and everything else of mini's. From here
        // on the kernel looks up names of the container: its users, the command, an interpreter.
        self.close_descriptors(false);
        let capabilities = self.capabilities();
        if let Some(sets) = capabilities {
            // While the child has CAP_SETPCAP.
            self.add(Step::SetBoundingSet(sets.bounding));
        }
        let of_users = self.user_capabilities();
        let keeps_right = of_users.or(capabilities).is_some_and(Capabilities::hold_any)
            || (!security.no_new_privileges
                && (security.seccomp != Seccomp::Unconfined || !security.paths.is_empty()));
        self.become_user(keeps_right);
        // Without no_new_privs the filter and path rules need CAP_SYS_ADMIN, so it is dropped last.
        let keeps_admin = !security.no_new_privileges;
        if !keeps_admin {
            self.give_up(capabilities);
            self.add(Step::SetNoNewPrivs);
        }
        if !security.paths.is_empty() {
            self.add(Step::Landlock(self.paths()));
        }
        if let Some(grace) = self.spec.process.init {
            // Before the filter, which applies to the command only.
            let path = self.spec.root.path.is_none().then_some(self.host.path);
            self.add(Step::StartInit { grace, path });
        }
        let has_agent = self.spec.waits_for_start
            && matches!(security.seccomp, Seccomp::Program { listener: Some(_), .. });
        if self.spec.waits_for_start {
            let command = self.spec.process.args[0];
            // A container without a process is never started.
            if !command.is_empty() {
                self.add(Step::FindCommand(command));
            }
            if has_agent {
                // Engines expect their agent to hear of the container before `mini start`, as with runc.
                self.seccomp();
            }
            self.add(Step::WaitForStart);
        }
        if self.spec.exec.as_ref().is_some_and(|exec| exec.detached) {
            self.add(Step::ClearParentDeathSignal);
        }
        self.add(Step::RestoreSignals { umask: security.umask });
        if !has_agent {
            // As late as possible, so that a custom filter need not allow what the launch calls, except
            // execve.
            self.seccomp();
        }
        if keeps_admin {
            self.give_up(capabilities);
        }
        self.add(Step::Exec(self.spec.process.args[0]));
    }

    fn seccomp(&mut self) {
        let security = &self.spec.security;
        match &security.seccomp {
            Seccomp::Unconfined => {}
            Seccomp::BuiltIn => {
                let set = security.capabilities.map_or(ALL, |sets| sets.bounding);
                let program = seccomp::built_in(set).leak();
                self.add(Step::Seccomp { program, name: c"built-in", flags: 0, listener: None });
            }
            Seccomp::Program { file, instructions, flags, listener } => {
                let (flags, listener) = (*flags, *listener);
                self.add(Step::Seccomp { program: instructions, name: file, flags, listener });
            }
        }
    }

    /// The command's capabilities. On an initramfs a process with CAP_SYS_ADMIN could unmount the
    /// new root and see the initramfs, so it is dropped. A user namespace made inside gives it back
    /// only over mounts that the kernel locks together (mount_namespaces(7)).
    fn capabilities(&self) -> Option<Capabilities> {
        let asked = self.spec.security.capabilities;
        if !self.root_stays_below() {
            return asked;
        }
        Some(asked.unwrap_or(Capabilities::of_root(ALL)).and(NO_ADMIN))
    }

    /// The sets of another user than 0, where they differ.
    fn user_capabilities(&self) -> Option<Capabilities> {
        let security = &self.spec.security;
        match security.capabilities {
            Some(_) => security.user_capabilities.map(|sets| sets.and(self.possible())),
            None => self.root_stays_below().then_some(Capabilities::of_user(NO_ADMIN, 0)),
        }
    }

    fn possible(&self) -> Set {
        if self.root_stays_below() { NO_ADMIN } else { ALL }
    }

    fn give_up(&mut self, capabilities: Option<Capabilities>) {
        let Some(sets) = capabilities else { return };
        let of_users = self.user_capabilities();
        let required = self.spec.security.required_capabilities & self.possible();
        self.add(Step::SetCapabilities { sets, of_users, required });
    }

    fn become_user(&mut self, keep_capabilities: bool) {
        // The single-id map of an ordinary user forbids setgroups (user_namespaces(7)).
        let set_groups = self.host.ids != IdMaps::Single && self.host.may_set_groups;
        let groups = &self.spec.security.groups[..];
        let process = &self.spec.process;
        let Some(user) = process.user else {
            // The caller's groups have no meaning in another root.
            if (self.spec.root.path.is_some() && set_groups) || !groups.is_empty() {
                self.add(Step::SetGroups(groups));
            }
            return;
        };
        self.add(Step::SetUser {
            user: self.mapped(user),
            groups: if set_groups || !groups.is_empty() { Some(groups) } else { None },
            // The additionalGids of config.json are all there are.
            joins_group: !(self.spec.waits_for_start || self.spec.exec.is_some()),
            find_home: process.home_from_passwd,
            keep_capabilities,
        });
        // A change of user clears it.
        self.add(Step::SetParentDeathSignal);
    }

    /// An ordinary user has only one group in the container, not the one in /etc/passwd.
    fn mapped(&self, user: User<'a>) -> User<'a> {
        match user {
            User { uid: Id::Number(_), gid: None } if self.host.ids == IdMaps::Single => {
                User { gid: Some(Id::Number(0)), ..user }
            }
            _ => user,
        }
    }

    /// Landlock does not cover modes, owners, times and attributes. So all mounts become read-only,
    /// and clones of the writable paths are attached again. The same for /proc, because of a
    /// process's own files, and for /dev/pts, where a terminal changes its owner.
    fn read_only_but_writable(&mut self) {
        let mut kept: Vec<&CStr> = KEPT.into();
        for rule in self.paths() {
            if rule.writable && !rule.optional {
                kept.push(rule.path);
            }
        }
        let first = self.trees;
        self.trees += kept.len();
        for (at, path) in kept.iter().enumerate() {
            self.add(Step::OpenTreeWritable {
                number: first + at,
                path,
                optional: at < KEPT_WRITABLE,
            });
        }
        self.add(Step::MakeMountsReadonly);
        for (at, path) in kept.iter().enumerate() {
            self.add(Step::MoveMountWritable { number: first + at, path });
        }
        // The working directory may lie below one of the new mounts, so it is entered again.
        let inside = self.spec.root.path.is_some();
        let top = if inside { &b""[..] } else { &self.host.cwd };
        let path = match self.spec.process.cwd {
            Some(cwd) if cwd.to_bytes().starts_with(b"/") => cwd,
            cwd => path(&[top, b"/", cwd.unwrap_or_default().to_bytes()]),
        };
        self.add(Step::Chdir { path, in_root: inside });
    }

    /// The rules, with absolute paths; relative ones start at the caller's working directory.
    fn paths(&self) -> Vec<PathRule<'a>> {
        let own = HARMLESS.into_iter().map(|(path, writable)| PathRule {
            path,
            writable,
            optional: true,
        });
        let asked = self.spec.security.paths.iter().map(|rule| {
            let mut path = Text::new();
            path.raw(&self.absolute(rule.path.to_bytes()));
            PathRule { path: path.leak(), ..*rule }
        });
        asked.chain(own).collect()
    }
}
