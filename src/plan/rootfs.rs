//! The steps that make the container's file system: the root, mounts, devices, masked and read-only paths.

use super::{Mount, Planner, SetAttributes, Step};
use crate::host::Image;
use crate::host::cgroups::path;
use crate::host::ids::IdMaps;
use crate::spec::mounts::{self, Device, Kind, MountOptions, Overlay};
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;
use libc::{MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT};

/// Name, in plans, of the tmpfs that holds bind mounts before Linux 5.2.
const STAGE: &CStr = c"stage";

/// Mount points of file systems that are mounted over the new root before the old root is detached, with their types.
const TOPS: [(&CStr, &CStr); 3] = [(c"/dev", c"tmpfs"), (c"/proc", c"proc"), (c"/sys", c"sysfs")];
const DEV: usize = 0;
const PROC: usize = 1;
const SYS: usize = 2;

/// When a mount of the spec is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// While the host can be reached, over the new root ([`TOPS`]).
    Top(usize),
    /// At the same time, in one of those.
    Below(usize),
    /// When the old root is detached; with the number of the mount tree that the child opens before, if it does.
    Late(Option<usize>),
}

/// The names in a path.
fn names(path: &CStr) -> impl Iterator<Item = &[u8]> + Clone {
    path.to_bytes().split(|b| *b == b'/').filter(|name| !matches!(*name, b"" | b"."))
}

/// Whether a path is `above`, or lies below it.
fn is_within(path: &CStr, above: &CStr) -> bool {
    // Most paths differ in their first letter already.
    if let ([b'/', one, ..], [b'/', other, ..]) = (path.to_bytes(), above.to_bytes())
        && one != other
        && ![one, other].iter().any(|byte| matches!(byte, b'/' | b'.'))
    {
        return false;
    }
    let mut path = names(path);
    names(above).all(|name| path.next() == Some(name))
}

fn are_related(one: &CStr, other: &CStr) -> bool {
    is_within(one, other) || is_within(other, one)
}

fn has_parent_names(path: &CStr) -> bool {
    path.to_bytes().windows(2).any(|two| two == b"..") && names(path).any(|name| name == b"..")
}

/// A path as the kernel writes it.
fn normal(path: &CStr) -> &'static CStr {
    let mut text = Text::new();
    for name in names(path) {
        text.str("/").raw(name);
    }
    text.leak()
}

/// Whether mount(2) needs nothing of the host for this type, so that it can be mounted when the old root is gone. In a
/// user namespace the kernel allows a new procfs or sysfs only where one is visible already: on the host.
fn is_self_contained(fstype: &CStr) -> bool {
    const TYPES: &str = "tmpfs ramfs devpts mqueue cgroup cgroup2 debugfs tracefs securityfs bpf configfs hugetlbfs \
                         fusectl pstore efivarfs binfmt_misc selinuxfs rpc_pipefs";
    TYPES.split(' ').any(|name| name.as_bytes() == fstype.to_bytes())
}

/// Whether mount(2) alone makes a mount with these options.
fn is_plain(options: &MountOptions) -> bool {
    const PRIVATE: u32 = MS_PRIVATE as u32;
    options.propagation.iter().all(|flags| flags & !MS_REC as u32 == PRIVATE)
        && options.recursive_set | options.recursive_clear == 0
        && !options.idmap
        && !options.tmpcopyup
        && options.set & MS_REMOUNT as u32 == 0
}

/// What makes a mount private.
const PRIVATE_CALL: SetAttributes =
    SetAttributes { set: 0, clear: 0, propagation: MS_PRIVATE, recursive: false };
const PRIVATE_TREE: SetAttributes = SetAttributes { recursive: true, ..PRIVATE_CALL };

/// The options of a file system as mount(2) takes them.
fn data(options: &MountOptions) -> Option<&'static CStr> {
    let mut text = Text::new();
    for (at, option) in options.data.iter().enumerate() {
        text.str(if at > 0 { "," } else { "" }).raw(option.to_bytes());
    }
    (!options.data.is_empty()).then(|| text.leak())
}

/// The calls of mount_setattr(2) that give a mount its options; `own` are its flags (MS_*).
fn attributes(options: &MountOptions, own: bool) -> Vec<SetAttributes> {
    let mut calls: Vec<SetAttributes> = Vec::new();
    let mut add = |call: SetAttributes| match calls.last_mut() {
        _ if call == (SetAttributes { recursive: call.recursive, ..SetAttributes::default() }) => {}
        Some(last) if last.recursive == call.recursive && last.propagation == 0 => {
            last.set |= call.set;
            last.clear |= call.clear;
            last.propagation = call.propagation;
        }
        _ => calls.push(call),
    };
    if own {
        add(SetAttributes::from_flags(options.set, options.clear));
    }
    let (set, clear) = (options.recursive_set, options.recursive_clear);
    add(SetAttributes { set, clear, propagation: 0, recursive: true });
    for flags in &options.propagation {
        let flags = libc::c_ulong::from(*flags);
        let (propagation, recursive) = (flags & !MS_REC, flags & MS_REC != 0);
        add(SetAttributes { propagation, recursive, ..SetAttributes::default() });
    }
    calls
}

impl<'a> Planner<'_, 'a> {
    /// Decides when each mount is made. What is mounted over the new root must not depend on a mount that is made
    /// later: it stands before all mounts on, above and below it in the list.
    pub(super) fn order_mounts(&mut self) {
        let mut late: Vec<&CStr> = Vec::new();
        for mount in &self.spec.mounts {
            let when = match self.early(mount, &late) {
                Some(when) => when,
                None => {
                    late.push(mount.destination);
                    When::Late(self.opened_before(mount))
                }
            };
            self.order.push(when);
        }
    }

    fn early(&self, mount: &mounts::Mount, late: &[&CStr]) -> Option<When> {
        let destination = mount.destination;
        if !is_plain(&mount.options)
            || has_parent_names(destination)
            || late.iter().any(|other| are_related(destination, other))
        {
            return None;
        }
        let top = TOPS.iter().position(|(top, _)| is_within(destination, top))?;
        if is_within(TOPS[top].0, destination) {
            let fits = mount.is(TOPS[top].1)
                // The host's, where the kernel gives no new one to a user namespace.
                || top == PROC && matches!(mount.kind, Kind::Bind(source) if source == TOPS[PROC].0);
            return (fits && !self.has_top(top)).then_some(When::Top(top));
        }
        let is_new = matches!(mount.kind, Kind::FileSystem { .. } | Kind::Cgroup);
        // Links of procfs lead to whatever a process has open: they are for the resolver to refuse.
        (is_new && top != PROC && self.has_top(top)).then_some(When::Below(top))
    }

    /// Whether a file system is mounted over the new root for this mount point.
    fn has_top(&self, top: usize) -> bool {
        self.order.contains(&When::Top(top))
    }

    /// The number of the mount tree that the child opens for a mount, if it needs a path of the host.
    fn opened_before(&mut self, mount: &mounts::Mount) -> Option<usize> {
        let count = match mount.kind {
            _ if mount.options.set & MS_REMOUNT as u32 != 0 => 0,
            Kind::Bind(_) | Kind::Image(_) => 1,
            Kind::FileSystem { fstype, .. } => usize::from(!is_self_contained(fstype)),
            Kind::Cgroup => self.bound_cgroups().len(),
        };
        let first = self.trees;
        self.trees += count;
        (count > 0).then_some(first)
    }

    /// The host's root, with a procfs of the new pid namespace over the host's.
    pub(super) fn host_root(&mut self) {
        self.close_descriptors(true);
        if self.has_top(PROC) {
            let mount = self.spec.mounts.iter().zip(&self.order);
            let mount = mount.filter(|(_, when)| **when == When::Top(PROC)).map(|(mount, _)| mount);
            // A host without the directory shows no processes either. It is not made, because it would stay on the
            // host.
            let steps: Vec<Mount> =
                mount.map(|it| Mount { if_present: true, ..new_mount(it, false) }).collect();
            steps.into_iter().for_each(|mount| self.add(Step::Mount(mount)));
        }
        self.take_program();
        self.mask_below(PROC);
        self.mask_below(SYS);
        // mini creates nothing on the host.
        self.attach_mounts(false);
        self.mask_late();
        if let Some(path) = self.spec.process.cwd {
            self.add(Step::Chdir { path, in_root: false });
        }
    }

    /// The root is a new mount namespace, made from the rootfs alone: no old root has to be
    /// unmounted.
    pub(super) fn root_alone(&mut self, rootfs: &'a CStr) {
        self.take_program();
        self.add(Step::NewMountNamespace(rootfs));
        // Before the first mount, which the host would see if the rootfs has shared propagation.
        self.mount(c"none", c"/", None, MS_PRIVATE | MS_REC, None);
        self.prepare_root();
        self.fill_root();
    }

    pub(super) fn own_root(&mut self, rootfs: &'a CStr) {
        self.lay_root(rootfs);
        self.prepare_root();
        self.take_program();
        self.add(if self.root_stays_below() { Step::Chroot } else { Step::PivotRoot });
        if !self.root_stays_below() {
            if self.needs_scratch() {
                // The tmpfs of a temporary overlay hides the old root and is unmounted first. The
                // overlay keeps it in use.
                self.add(Step::UnmountOldRoot);
            }
            self.add(Step::UnmountOldRoot);
        }
        // The working directory leaves the old root, too. From here on nothing of the host is
        // reachable.
        self.add(Step::Chdir { path: c"/", in_root: false });
        if self.host.image == Some(Image::Archive) {
            // Before the kernel's file systems are moved to their places, where a link in the root
            // could lead into them. With a single id all files belong to it.
            self.add(Step::Unpack { set_owners: self.host.ids != IdMaps::Single });
        }
        self.fill_root();
    }

    /// Mounts what mini makes itself over the new root. No name in the container's root is looked
    /// up here. The host's device nodes are still reachable, and its /proc and /sys, without which
    /// the kernel refuses a new procfs and sysfs in a user namespace.
    fn prepare_root(&mut self) {
        self.close_descriptors(true);
        self.add(Step::OpenRoot);
        if self.host.sets_attributes {
            self.restrict_tree();
        }
        // The modes of the steps below are exact.
        self.add(Step::Umask);
        if self.needs_stage() {
            let flags = MS_NODEV | MS_NOSUID | MS_NOEXEC;
            self.mount_over_root(c"tmpfs", STAGE, c"tmpfs", flags, Some(c"mode=0700,size=64k"));
        }
        for top in self.tops() {
            self.mount_top(top);
        }
        if self.needs_stage() {
            self.add(Step::StageMounts);
        }
    }

    /// When only the container is reachable: moves the prepared mounts to their places, the topmost
    /// first, and then does the rest.
    fn fill_root(&mut self) {
        if !self.host.sets_attributes {
            self.restrict_tree();
        }
        for top in self.tops().into_iter().rev() {
            if self.has_top(top) {
                self.add(Step::MoveMountTo(TOPS[top].0));
            }
        }
        self.attach_mounts(true);
        if self.needs_stage() {
            self.add(Step::UnmountStage);
        }
        self.mask_late();
        if let (Some(path), true) = (self.spec.process.cwd, self.spec.process.create_cwd) {
            self.add(Step::CreateDirectories(path));
        }
        if self.spec.root.readonly {
            // After every mount point has been made.
            self.add(Step::SetRootAttributes(MS_RDONLY));
        }
        self.add(Step::VerifyRoot);
        let propagation = self.spec.root.propagation.unwrap_or_default();
        if propagation & (libc::MS_SHARED | libc::MS_UNBINDABLE) != 0 {
            self.mount(c"none", c"/", None, propagation, None);
        }
        if self.spec.process.terminal {
            self.add(Step::OpenPseudoTerminal { console: true });
        }
        if let Some(path) = self.spec.process.cwd {
            self.add(Step::Chdir { path, in_root: true });
        }
    }

    /// /dev, /proc and /sys in the order of the spec's mounts, which is the order mountinfo shows.
    fn tops(&self) -> [usize; 3] {
        let mut tops = [DEV, PROC, SYS];
        let position = |top| self.order.iter().position(|when| *when == When::Top(top));
        for at in [0, 1, 0] {
            if position(tops[at]) > position(tops[at + 1]) {
                tops.swap(at, at + 1);
            }
        }
        tops
    }

    /// Sets the root's flags on the mounts of a directory. An overlay or an image has them from its mount on.
    fn restrict_tree(&mut self) {
        let is_directory = self.host.image.is_none() && self.spec.root.overlay.is_none();
        if is_directory && self.spec.root.flags != 0 {
            self.add(Step::SetTreeAttributes(self.spec.root.flags));
        }
    }

    /// The flags of a root that mini mounts itself.
    fn root_flags(&self) -> libc::c_ulong {
        self.spec.root.flags & !MS_RDONLY
    }

    /// Opens mini's own program for --init, so that PID 1 does not run the host's file.
    fn take_program(&mut self) {
        if self.spec.process.init.is_some() {
            // Landlock rules cannot name a detached mount.
            self.add(Step::OpenInitProgram {
                copy: !self.spec.security.paths.is_empty(),
                path: self.host.path,
            });
        }
    }

    /// Whether bind mounts need a staging tmpfs (before Linux 5.2).
    fn needs_stage(&self) -> bool {
        !self.host.copies_mounts && self.trees > 0
    }

    /// Mounts the new root over `/`: pivot_root(2) needs a mount point, and on an initramfs
    /// chroot(2) is enough then.
    fn lay_root(&mut self, rootfs: &'a CStr) {
        let host = self.host;
        let mut lower = rootfs.to_bytes().to_vec();
        if host.image == Some(Image::Archive) {
            // A tmpfs with at most half of the memory, the kernel's own default.
            return self.memory_over_root(host.memory / 2);
        }
        if self.needs_scratch() {
            self.scratch();
            lower = self.absolute(&lower);
        }
        if let Some(Image::FileSystem(fstype)) = host.image {
            let target = if self.spec.root.overlay.is_none() { c"/" } else { c"lower" };
            let image = path(&[&lower]);
            if self.spec.root.overlay.is_some() {
                self.add(Step::MakeDirectory(target));
                lower = target.to_bytes().to_vec();
            }
            self.add(Step::MountImage { image, fstype, target, flags: self.root_flags() });
        }
        let options = match &self.spec.root.overlay {
            None if host.image.is_some() => return,
            // Recursive: submounts belong to the root, and a user namespace may not reveal what is
            // below a mount.
            None => return self.mount(rootfs, c"/", None, MS_BIND | MS_REC, None),
            Some(Overlay::Kept { upper, work }) if host.image.is_some() => {
                let (upper, work) =
                    (self.absolute(upper.to_bytes()), self.absolute(work.to_bytes()));
                self.overlay_options(&lower, &upper, &work)
            }
            Some(Overlay::Kept { upper, work }) => {
                self.overlay_options(&lower, upper.to_bytes(), work.to_bytes())
            }
            Some(Overlay::Temporary) => {
                self.add(Step::MakeDirectory(c"upper"));
                self.add(Step::MakeDirectory(c"work"));
                self.overlay_options(&lower, b"upper", b"work")
            }
        };
        self.over_root(c"overlay", self.root_flags(), options);
    }

    /// Whether the overlay needs a temporary directory for its layers.
    fn needs_scratch(&self) -> bool {
        match self.spec.root.overlay {
            // An unpacked archive is in memory and discarded anyway.
            _ if self.host.image == Some(Image::Archive) => false,
            Some(Overlay::Temporary) => true,
            Some(Overlay::Kept { .. }) => self.host.image.is_some(),
            None => false,
        }
    }

    /// Mounts a tmpfs over the current root and makes it the working directory. Absolute paths
    /// still work: a lookup starts at the root itself, below the mounts on it.
    fn scratch(&mut self) {
        self.memory_over_root(self.host.memory / 8);
        self.add(Step::Chdir { path: c"/..", in_root: false });
    }

    fn memory_over_root(&mut self, size: u64) {
        let mut data = Text::new();
        data.str("mode=0755,size=").number(size);
        self.over_root(c"tmpfs", self.root_flags(), data);
    }

    /// Mounts a file system over the current root.
    fn over_root(&mut self, fstype: &'static CStr, flags: libc::c_ulong, data: Text) {
        self.mount(fstype, c"/", Some(fstype), flags, Some(data.leak()));
    }

    /// An absolute path, independent of the working directory.
    pub(super) fn absolute(&self, path: &[u8]) -> Vec<u8> {
        match path {
            [b'/', ..] => path.to_vec(),
            relative => [&self.host.cwd[..], b"/", relative].concat(),
        }
    }

    /// The options of an overlay (the kernel's overlayfs.rst). In a user namespace overlayfs stores
    /// its attributes as user.* (userxattr, Linux 5.11).
    fn overlay_options(&self, lower: &[u8], upper: &[u8], work: &[u8]) -> Text {
        let mut options = Text::new();
        let further =
            self.spec.root.lowers.iter().map(|lower| (":", self.absolute(lower.to_bytes())));
        let own = |name, path: &[u8]| (name, path.to_vec());
        for (name, path) in core::iter::once(own("lowerdir=", lower))
            .chain(further)
            .chain([own(",upperdir=", upper), own(",workdir=", work)])
        {
            options.str(name);
            for byte in path {
                if matches!(byte, b'\\' | b',' | b':') {
                    options.str("\\");
                }
                options.raw(&[byte]);
            }
        }
        options.str(if self.host.is_in_user_namespace() { ",userxattr" } else { "" });
        options
    }

    /// Opens what the mounts need from the host, while the host's paths are reachable.
    pub(super) fn open_trees(&mut self) {
        let spec = self.spec;
        for (at, mount) in spec.mounts.iter().enumerate() {
            let When::Late(Some(number)) = self.order[at] else { continue };
            match mount.kind {
                Kind::Bind(source) => {
                    let (recursive, copy) = (mount.options.is_recursive(), self.host.copies_mounts);
                    self.add(Step::OpenTree { number, source, recursive, copy });
                }
                Kind::Image(image) => self.add(Step::Fsmount { number, image }),
                Kind::FileSystem { .. } => {
                    self.add(Step::MountDetached { number, mount: new_mount(mount, true) });
                }
                Kind::Cgroup => {
                    for (at, source) in self.bound_cgroups().into_iter().enumerate() {
                        let (number, copy) = (number + at, self.host.copies_mounts);
                        self.add(Step::OpenTree { number, source, recursive: false, copy });
                    }
                }
            }
        }
    }

    /// Attaches the mounts, when only the container is reachable, in the order of the list.
    fn attach_mounts(&mut self, create: bool) {
        let spec = self.spec;
        for (at, mount) in spec.mounts.iter().enumerate() {
            let When::Late(number) = self.order[at] else { continue };
            // In a tmpfs that was mounted for this container anything may be created.
            let create = create || self.lies_in_memory(mount.destination);
            let target = mount.destination;
            if mount.options.set & MS_REMOUNT as u32 != 0 {
                let flags = libc::c_ulong::from(mount.options.set) & !MS_REC;
                self.add(Step::Remount(Mount { flags, ..new_mount(mount, false) }));
                continue;
            }
            match (number, mount.kind) {
                (number, Kind::Cgroup) => {
                    self.late_cgroups(number, target, mount.options.flags());
                }
                (Some(number), kind) => {
                    let own = !matches!(kind, Kind::FileSystem { .. });
                    let attributes = attributes(&mount.options, own);
                    self.add(Step::MoveMount { number, target, attributes, create });
                }
                (None, _) => {
                    let copy_up = mount.options.tmpcopyup;
                    let step = new_mount(mount, false);
                    self.add(Step::MountInside { mount: step, create, copy_up });
                    // A new mount is private.
                    let attributes = attributes(&mount.options, false);
                    if attributes.iter().any(|call| *call != PRIVATE_CALL && *call != PRIVATE_TREE)
                    {
                        self.add(Step::SetAttributes { path: target, attributes });
                    }
                }
            }
        }
        if create {
            self.late_devices();
        }
    }

    /// Devices and links that are not in a /dev of mini's own.
    fn late_devices(&mut self) {
        let spec = self.spec;
        for device in spec
            .devices
            .iter()
            .filter(|device| !self.is_in_own_dev(device.path))
            .collect::<Vec<_>>()
        {
            if self.host.may_make_devices {
                self.add(Step::MakeDevice { device: *device, in_root: true });
            }
        }
        if !self.has_top(DEV) {
            for (target, path) in &spec.dev_links {
                self.add(Step::Symlink { target, path, in_root: true });
            }
        }
    }

    fn is_in_own_dev(&self, path: &CStr) -> bool {
        self.has_top(DEV)
            && is_within(path, TOPS[DEV].0)
            && !has_parent_names(path)
            && !self.spec.mounts.iter().zip(&self.order).any(|(mount, when)| {
                matches!(when, When::Late(_) | When::Below(DEV))
                    && is_within(path, mount.destination)
            })
    }

    /// Whether the innermost mount in which a path lies is a tmpfs.
    fn lies_in_memory(&self, inner: &CStr) -> bool {
        let is_above = |mount: &&mounts::Mount| {
            is_within(inner, mount.destination) && !is_within(mount.destination, inner)
        };
        let above = self.spec.mounts.iter().filter(is_above);
        let innermost = above.max_by_key(|mount| names(mount.destination).count());
        innermost.is_some_and(|mount| mount.is(c"tmpfs"))
    }

    /// Whether a masked or read-only path is named from a file system that mini mounted: no mount of the list hides
    /// it, and nothing in the root can lead elsewhere.
    fn is_own(&self, path: &CStr, top: usize) -> bool {
        is_within(path, TOPS[top].0)
            && !is_within(TOPS[top].0, path)
            && !has_parent_names(path)
            && (self.has_top(top) || self.spec.root.path.is_none())
            && !self.spec.mounts.iter().zip(&self.order).any(|(mount, when)| {
                matches!(when, When::Late(_)) && are_related(mount.destination, path)
            })
    }

    fn mask_below(&mut self, top: usize) {
        let spec = self.spec;
        for path in &spec.masked_paths {
            if self.is_own(path, top) {
                self.add(Step::Mask(path));
            }
        }
        for path in &spec.readonly_paths {
            if self.is_own(path, top) {
                self.add(Step::MakeReadonly(path));
            }
        }
    }

    /// Masks the paths that are not in a /proc or /sys of mini's own, wherever they are.
    fn mask_late(&mut self) {
        let spec = self.spec;
        let is_late =
            |planner: &Self, path| ![PROC, SYS].iter().any(|top| planner.is_own(path, *top));
        for path in &spec.masked_paths {
            if is_late(self, path) {
                self.add(Step::MaskPath { path, if_present: true });
            }
        }
        for path in &spec.required_masked_paths {
            self.add(Step::MaskPath { path, if_present: false });
        }
        for path in &spec.readonly_paths {
            if is_late(self, path) {
                self.add(Step::MakePathReadonly(path));
            }
        }
    }

    /// Mounts /dev, /proc or /sys over the root, and what belongs below.
    fn mount_top(&mut self, top: usize) {
        if !self.has_top(top) {
            return;
        }
        let spec = self.spec;
        let of = |planner: &Self, when| {
            let at = planner.order.iter().position(|it| *it == when);
            at.map(|at| &spec.mounts[at])
        };
        if let Some(mount) = of(self, When::Top(top)) {
            let target = TOPS[top].0;
            self.add(Step::Mount(Mount { over_root: true, target, ..new_mount(mount, false) }));
        }
        if top == DEV {
            for device in &spec.devices {
                if self.is_in_own_dev(device.path) {
                    self.device(device);
                }
            }
            for (target, path) in &spec.dev_links {
                self.add(Step::Symlink { target, path, in_root: false });
            }
        }
        for (at, mount) in spec.mounts.iter().enumerate() {
            if self.order[at] != When::Below(top) {
                continue;
            }
            let target = normal(mount.destination);
            if top == DEV {
                self.make_parents(target);
                self.add(Step::MakeDirectory(target));
            }
            match mount.kind {
                Kind::Cgroup => self.own_cgroups(target, mount.options.flags()),
                _ => self.add(Step::Mount(Mount { target, ..new_mount(mount, false) })),
            }
        }
        self.mask_below(top);
    }

    /// A node in mini's own /dev.
    fn device(&mut self, device: &Device<'a>) {
        let path = device.path;
        self.make_parents(path);
        if self.host.may_make_devices {
            return self.add(Step::MakeDevice { device: *device, in_root: false });
        }
        // Binds the host's node over a file. If the container's root owns the node, the mount must
        // be read-only, or the container could change the node's mode.
        let is_owned = matches!(self.host.ids, IdMaps::Ranges { .. } | IdMaps::None);
        self.add(Step::MakeFile(path));
        self.mount(path, path, None, MS_BIND | if is_owned { MS_RDONLY } else { 0 }, None);
    }

    /// Makes the directories between /dev and a path.
    fn make_parents(&mut self, path: &CStr) {
        let depth = names(path).count();
        let mut directory = Text::new();
        for (at, name) in names(path).take(depth.saturating_sub(1)).enumerate() {
            directory.str("/").raw(name);
            let is_made = |step: &Step| matches!(step, Step::MakeDirectory(made) if made.to_bytes() == directory.bytes());
            if at > 0 && !self.steps.iter().any(is_made) {
                let made = directory.clone().leak();
                self.add(Step::MakeDirectory(made));
            }
        }
    }

    /// Mounts a file system over the root, for [`Step::MoveMountTo`].
    fn mount_over_root(
        &mut self,
        source: &'a CStr,
        target: &'static CStr,
        fstype: &'static CStr,
        flags: libc::c_ulong,
        data: Option<&'static CStr>,
    ) {
        let (fstype, if_present, over_root) = (Some(fstype), false, true);
        self.add(Step::Mount(Mount { source, target, fstype, flags, data, if_present, over_root }));
    }
}

/// The call of mount(2) for a mount of the spec.
fn new_mount<'a>(mount: &mounts::Mount<'a>, over_root: bool) -> Mount<'a> {
    let options = &mount.options;
    let (source, fstype, flags) = match mount.kind {
        Kind::FileSystem { fstype, source } => (source, Some(fstype), options.flags()),
        Kind::Bind(source) | Kind::Image(source) => {
            (source, None, libc::c_ulong::from(options.set))
        }
        Kind::Cgroup => (c"cgroup", Some(c"cgroup2"), options.flags()),
    };
    let (target, data) = (mount.destination, data(options));
    Mount { source, target, fstype, flags, data, if_present: false, over_root }
}
