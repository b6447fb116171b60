//! The steps that make the container's file system: its root, what the kernel shows in it, its
//! devices and volumes.

use super::{Mount, Planner, Step};
use crate::host::Image;
use crate::host::cgroups::path;
use crate::host::ids::IdMaps;
use crate::spec::Namespace;
use crate::spec::mounts::{Kind, Overlay, Size, Tmpfs, Volume};
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;
use libc::{
    MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC, MS_SLAVE,
    MS_STRICTATIME,
};

/// The devices every container has: name, major, minor (the kernel's devices.txt). The first one
/// covers what is masked.
const DEVICES: [(&CStr, u32, u32); 6] = [
    (c"/dev/null", 1, 3),
    (c"/dev/zero", 1, 5),
    (c"/dev/full", 1, 7),
    (c"/dev/random", 1, 8),
    (c"/dev/urandom", 1, 9),
    (c"/dev/tty", 5, 0),
];

/// The name, in plans, of the tmpfs that holds the volumes before Linux 5.2.
const STAGE: &CStr = c"stage";

/// Links that programs expect in /dev: (target, path).
const LINKS: [(&CStr, &CStr); 5] = [
    (c"/proc/self/fd", c"/dev/fd"),
    (c"/proc/self/fd/0", c"/dev/stdin"),
    (c"/proc/self/fd/1", c"/dev/stdout"),
    (c"/proc/self/fd/2", c"/dev/stderr"),
    (c"pts/ptmx", c"/dev/ptmx"),
];

/// Hidden from the container: what other engines hide, and of what the kernel lets the user id 0
/// change without any capability: dynamic_debug, lock_stat, profile. What is not listed is so
/// because the kernel itself asks for a capability (mtrr, kmsg, kallsyms), because it belongs to a
/// namespace of the container's (net, sysvipc), or because nothing is mounted there in a new sysfs
/// (fs/bpf, fs/selinux, kernel/debug, kernel/tracing, kernel/security).
const MASKED: [&CStr; 15] = [
    c"/proc/acpi",
    c"/proc/asound",
    c"/proc/dynamic_debug",
    c"/proc/interrupts",
    c"/proc/kcore",
    c"/proc/keys",
    c"/proc/latency_stats",
    c"/proc/lock_stat",
    c"/proc/profile",
    c"/proc/sched_debug",
    c"/proc/scsi",
    c"/proc/timer_list",
    c"/proc/timer_stats",
    c"/sys/devices/virtual/powercap",
    c"/sys/firmware",
];

/// To be read only.
const PROTECTED: [&CStr; 5] =
    [c"/proc/bus", c"/proc/fs", c"/proc/irq", c"/proc/sys", c"/proc/sysrq-trigger"];

/// Whether it is one of the paths that are hidden or protected unless told.
pub fn is_masked(path: &CStr) -> bool {
    MASKED.contains(&path) || PROTECTED.contains(&path)
}

/// How many names a path has.
fn depth(path: &[u8]) -> usize {
    path.split(|b| *b == b'/').filter(|name| !matches!(*name, b"" | b".")).count()
}

impl<'a> Planner<'_, 'a> {
    /// The host's files, with a /proc of the new process namespace over the old one.
    pub(super) fn host_root(&mut self) {
        self.close_descriptors(true);
        if self.spec.namespaces.pid == Namespace::New {
            // A host without the directory shows no processes either; it is not made, because
            // it would stay on the host.
            self.add(Step::Mount(Mount { if_present: true, over_root: false, ..self.proc() }));
        }
        self.take_program();
        self.masks_of(b"/proc/");
        self.masks_of(b"/sys/");
        // Nothing is made on the host.
        self.put_volumes(false);
        self.mask_paths();
        if let Some(path) = self.spec.process.cwd {
            self.add(Step::Chdir { path, in_root: false });
        }
    }

    /// In a mount namespace that was made of it alone: there is nothing of the host's to be let go of.
    pub(super) fn root_alone(&mut self, rootfs: &'a CStr) {
        self.take_program();
        self.add(Step::NewMountNamespace(rootfs));
        // Nothing has been mounted yet that the host could see, were the root shared with it.
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
                // The memory of the layers lies on the old root: it is the first to go. The
                // overlay holds on to it by itself.
                self.add(Step::UnmountOldRoot);
            }
            self.add(Step::UnmountOldRoot);
        }
        // Leaves the old root behind as working directory, too. Now nothing of the host's is
        // within reach.
        self.add(Step::Chdir { path: c"/", in_root: false });
        if self.host.image == Some(Image::Archive) {
            // Nothing of the kernel's is in its place yet that a link in it could lead through.
            // With a single id all there is belongs to it.
            self.add(Step::Unpack { set_owners: self.host.ids != IdMaps::Single });
        }
        self.fill_root();
    }

    /// Makes what is mini's own, and mounts it over the new root. Nothing of the root itself is
    /// looked at: no name here is the container's. The host's devices are still at hand, and its
    /// /proc and /sys, beside which alone the kernel lets an ordinary user mount new ones.
    fn prepare_root(&mut self) {
        self.close_descriptors(true);
        self.add(Step::OpenRoot);
        if self.host.sets_attributes {
            self.restrict_tree();
        }
        // Permissions are meant as given.
        self.add(Step::Umask);
        if self.needs_stage() {
            let flags = MS_NODEV | MS_NOSUID | MS_NOEXEC;
            self.mount_over_root(c"tmpfs", STAGE, c"tmpfs", flags, Some(c"mode=0700,size=64k"));
        }
        self.devices();
        self.pseudo_file_systems();
        if self.needs_stage() {
            self.add(Step::StageMounts);
        }
    }

    /// With nothing but the container within reach: moves what was prepared to its place, the
    /// topmost first, and then whatever else belongs there.
    fn fill_root(&mut self) {
        if !self.host.sets_attributes {
            self.restrict_tree();
        }
        if self.has_sysfs() {
            self.add(Step::MoveMountTo(c"/sys"));
        }
        self.add(Step::MoveMountTo(c"/proc"));
        self.add(Step::MoveMountTo(c"/dev"));
        self.put_volumes(true);
        if self.needs_stage() {
            self.add(Step::UnmountStage);
        }
        self.mask_paths();
        if let (Some(path), true) = (self.spec.process.cwd, self.spec.process.create_cwd) {
            self.add(Step::CreateDirectories(path));
        }
        if self.spec.read_only {
            // Only now, when every mount point has been made.
            self.add(Step::SetRootAttributes(MS_RDONLY));
        }
        self.add(Step::VerifyRoot);
        if self.spec.process.terminal {
            self.add(Step::OpenPseudoTerminal { console: true });
        }
        if let Some(path) = self.spec.process.cwd {
            self.add(Step::Chdir { path, in_root: true });
        }
    }

    /// What is a device in the root would be one of the host's, whatever its maker meant; so on
    /// everything that is mounted in it. An overlay or an image has the flag from its mount on.
    fn restrict_tree(&mut self) {
        let is_directory = self.host.image.is_none() && self.spec.overlay.is_none();
        let mut flags = if is_directory { self.untrusted() } else { 0 };
        if is_directory && self.spec.read_only {
            flags |= MS_RDONLY;
        }
        if flags != 0 {
            self.add(Step::SetTreeAttributes(flags));
        }
    }

    /// What a root that somebody else has made must not have: devices, and, as long as they would
    /// give nothing anyway, set-user-id programs.
    fn untrusted(&self) -> libc::c_ulong {
        let no_devices = if self.spec.security.privileged { 0 } else { MS_NODEV };
        let no_set_id = if self.spec.security.no_new_privileges { MS_NOSUID } else { 0 };
        no_devices | no_set_id
    }

    /// The container's process 1 will be mini: not the host's file.
    fn take_program(&mut self) {
        if self.spec.process.init.is_some() {
            // Path rules cannot name a mount that is attached nowhere.
            self.add(Step::OpenInitProgram {
                copy: !self.spec.security.paths.is_empty(),
                path: self.host.path,
            });
        }
    }

    /// Whether what is taken of the host has to lie somewhere in the meantime (before Linux 5.2).
    fn needs_stage(&self) -> bool {
        !self.host.copies_mounts && !self.spec.volumes.is_empty()
    }

    /// Lays the new root over the present one, so that it is a mount point, as pivot_root(2)
    /// wants, and so that chroot(2) alone will do where the present root cannot be taken away.
    fn lay_root(&mut self, rootfs: &'a CStr) {
        let host = self.host;
        let mut lower = rootfs.to_bytes().to_vec();
        if host.image == Some(Image::Archive) {
            // Into memory; half of the machine's is the kernel's own bound, too.
            return self.memory_over_root(host.memory / 2);
        }
        if self.needs_scratch() {
            self.scratch();
            lower = self.absolute(&lower);
        }
        if let Some(Image::FileSystem(fstype)) = host.image {
            let target = if self.spec.overlay.is_none() { c"/" } else { c"lower" };
            let image = path(&[&lower]);
            if self.spec.overlay.is_some() {
                self.add(Step::MakeDirectory(target));
                lower = target.to_bytes().to_vec();
            }
            self.add(Step::MountImage { image, fstype, target, flags: self.untrusted() });
        }
        let options = match &self.spec.overlay {
            None if host.image.is_some() => return,
            // Recursive, as a user namespace may not look under mounts it was given, and as what
            // is mounted in the root belongs to it.
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
        self.over_root(c"overlay", self.untrusted(), options);
    }

    /// Whether the layers need a place of their own.
    fn needs_scratch(&self) -> bool {
        match self.spec.overlay {
            // What is unpacked is in memory and thrown away as it is.
            _ if self.host.image == Some(Image::Archive) => false,
            Some(Overlay::Temporary) => true,
            Some(Overlay::Kept { .. }) => self.host.image.is_some(),
            None => false,
        }
    }

    /// Lays memory over the present root and makes it the working directory. Paths from the root
    /// are found all the same: a look-up starts below what lies on the root.
    fn scratch(&mut self) {
        self.memory_over_root(self.host.memory / 8);
        self.add(Step::Chdir { path: c"/..", in_root: false });
    }

    fn memory_over_root(&mut self, size: u64) {
        let mut data = Text::new();
        data.str("mode=0755,size=").number(size);
        self.over_root(c"tmpfs", self.untrusted(), data);
    }

    /// Mounts a file system over the present root.
    fn over_root(&mut self, fstype: &'static CStr, flags: libc::c_ulong, data: Text) {
        self.mount(fstype, c"/", Some(fstype), flags, Some(data.leak()));
    }

    /// A path that means the same from another working directory.
    pub(super) fn absolute(&self, path: &[u8]) -> Vec<u8> {
        match path {
            [b'/', ..] => path.to_vec(),
            relative => [&self.host.cwd[..], b"/", relative].concat(),
        }
    }

    /// The layers for overlay (the kernel's overlayfs.rst); in a user namespace its notes go into
    /// attributes that users may write (Linux 5.11).
    fn overlay_options(&self, lower: &[u8], upper: &[u8], work: &[u8]) -> Text {
        let mut options = Text::new();
        let further = self.spec.lowers.iter().map(|lower| (":", self.absolute(lower.to_bytes())));
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
        options.str(if self.in_user_namespace() { ",userxattr" } else { "" });
        options
    }

    /// Copies of the host's mounts are taken while its paths still mean what they say.
    pub(super) fn take_volumes(&mut self) {
        for (number, volume) in self.spec.volumes.iter().enumerate() {
            let recursive = volume.options.recursive;
            match &volume.kind {
                Kind::Bind(source) | Kind::Device(source) => {
                    let copy = self.host.copies_mounts;
                    self.add(Step::OpenTree { number, source, recursive, copy });
                }
                Kind::Image(image) => self.add(Step::Fsmount {
                    number,
                    fstype: None,
                    settings: &[],
                    image: Some(image),
                }),
                Kind::FileSystem { fstype, settings } => {
                    self.add(Step::Fsmount { number, fstype: Some(fstype), settings, image: None })
                }
                Kind::Tmpfs(_) => {}
            }
        }
    }

    /// Attaches them when only the container can be reached: parents first, or they would hide what is
    /// to be seen in them; else in the order of the command line, so that of two at one path the later
    /// one is seen.
    fn put_volumes(&mut self, create: bool) {
        let volumes = &self.spec.volumes;
        let depth = |volume: &Volume| depth(volume.target.to_bytes());
        let deepest = volumes.iter().map(depth).max().unwrap_or(0);
        let at = |level| move |(_, volume): &(usize, &Volume)| depth(volume) == level;
        let sorted = (0..=deepest).flat_map(|level| volumes.iter().enumerate().filter(at(level)));
        for (number, volume) in sorted {
            // In memory that was mounted there for the container alone anything may be made.
            let create = create || self.lies_in_memory(volume);
            let options = volume.options;
            let mut flags = 0;
            for (is_set, flag) in [
                (options.read_only, MS_RDONLY),
                (options.nosuid || self.spec.security.no_new_privileges, MS_NOSUID),
                (options.nodev.unwrap_or(!self.spec.security.privileged), MS_NODEV),
                (options.noexec, MS_NOEXEC),
            ] {
                flags |= if is_set { flag } else { 0 };
            }
            let target = volume.target;
            self.add(match volume.kind {
                Kind::Bind(_) | Kind::Device(_) | Kind::Image(_) | Kind::FileSystem { .. } => {
                    Step::MoveMount {
                        number,
                        target,
                        flags,
                        propagation: if options.slave { MS_SLAVE } else { MS_PRIVATE },
                        recursive: options.recursive,
                        create,
                    }
                }
                Kind::Tmpfs(Tmpfs { size, inodes, mode, uid, gid }) => {
                    let mut data = Text::new();
                    match size {
                        Some(Size::Percent(percent)) => data.str("size=").number(percent).str("%"),
                        Some(Size::Bytes(size)) => data.str("size=").number(size),
                        None => data.str("size=").number((64 << 20).min(self.host.memory / 8)),
                    };
                    data.str(",mode=").octal(mode);
                    for (name, value) in [
                        (",nr_inodes=", inodes),
                        (",uid=", uid.map(u64::from)),
                        (",gid=", gid.map(u64::from)),
                    ] {
                        if let Some(value) = value {
                            data.str(name).number(value);
                        }
                    }
                    Step::MountTmpfs { target, flags, data: data.leak(), create }
                }
            });
        }
    }

    /// Whether the innermost volume that one lies in is a tmpfs.
    fn lies_in_memory(&self, inner: &Volume) -> bool {
        let path = inner.target.to_bytes();
        let is_above = |volume: &&Volume| {
            let rest = path.strip_prefix(volume.target.to_bytes());
            rest.is_some_and(|rest| rest.starts_with(b"/"))
        };
        let above = self.spec.volumes.iter().filter(is_above);
        let innermost = above.max_by_key(|volume| depth(volume.target.to_bytes()));
        innermost.is_some_and(|volume| matches!(volume.kind, Kind::Tmpfs(_)))
    }

    /// What the kernel shows of the machine in /proc and /sys and lets root change there: not the
    /// container's business (the usual list of container engines).
    fn masks_of(&mut self, top: &[u8]) {
        let masks = &self.spec.masks;
        let is_kept = |path: &&CStr| {
            path.to_bytes().starts_with(top) && !masks.unmask_all && !masks.unmask.contains(path)
        };
        for path in MASKED.into_iter().filter(is_kept) {
            self.add(Step::Mask(path));
        }
        for number in 0..self.host.throttled_cpus {
            let mut name = Text::new();
            name.str("/sys/devices/system/cpu/cpu").number(number.into()).str("/thermal_throttle");
            let path = name.leak();
            if is_kept(&path) {
                self.add(Step::Mask(path));
            }
        }
        for path in PROTECTED.into_iter().filter(is_kept) {
            self.add(Step::MakeReadonly(path));
        }
    }

    /// What the user wants covered: wherever it is, on volumes too.
    fn mask_paths(&mut self) {
        for path in &self.spec.masks.mask {
            self.add(Step::MaskPath(path));
        }
    }

    /// Whether the container has a /sys: the kernel gives one only to the owner of the network
    /// namespace.
    fn has_sysfs(&self) -> bool {
        self.spec.namespaces.net == Namespace::New || !self.in_user_namespace()
    }

    fn pseudo_file_systems(&mut self) {
        let kinds = self.spec.namespaces;
        if kinds.pid == Namespace::New || !self.in_user_namespace() {
            self.add(Step::Mount(self.proc()));
        } else {
            // The kernel gives a new one only to the owner of the process namespace.
            let (fstype, flags) = (None, MS_BIND | MS_REC);
            self.add(Step::Mount(Mount { source: c"/proc", fstype, flags, ..self.proc() }));
        }
        self.masks_of(b"/proc/");
        if self.has_sysfs() {
            let read_only = if self.spec.security.privileged { 0 } else { MS_RDONLY };
            let flags = read_only | MS_NOSUID | MS_NODEV | MS_NOEXEC;
            self.mount_over_root(c"sysfs", c"/sys", c"sysfs", flags, None);
            if kinds.cgroup == Namespace::New {
                self.own_cgroups();
            }
            self.masks_of(b"/sys/");
        }
    }

    fn proc(&self) -> Mount<'a> {
        Mount {
            source: c"proc",
            target: c"/proc",
            fstype: Some(c"proc"),
            flags: MS_NOSUID | MS_NODEV | MS_NOEXEC,
            data: None,
            if_present: false,
            over_root: true,
        }
    }

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

    /// An own /dev, small and bounded: what the image has there is not trusted.
    fn devices(&mut self) {
        let dev = c"mode=0755,size=64k,nr_inodes=256";
        let strict = MS_NOSUID | MS_STRICTATIME;
        self.mount_over_root(c"tmpfs", c"/dev", c"tmpfs", strict, Some(dev));
        for (path, major, minor) in DEVICES {
            if self.host.may_make_devices {
                self.add(Step::MakeDevice { path, major, minor });
            } else {
                // The host's node is bound over a file. Whoever is its owner by a map of ids must not
                // change its mode.
                let is_owned = matches!(self.host.ids, IdMaps::Ranges { .. } | IdMaps::None);
                self.add(Step::MakeFile(path));
                self.mount(path, path, None, MS_BIND | if is_owned { MS_RDONLY } else { 0 }, None);
            }
        }
        for (target, path) in LINKS {
            self.add(Step::Symlink { target, path });
        }
        let quiet = MS_NOSUID | MS_NOEXEC;
        // Group 5 is "tty" everywhere, where it is mapped.
        let pts = if self.has_group(5) {
            c"newinstance,ptmxmode=0666,mode=0620,gid=5"
        } else {
            c"newinstance,ptmxmode=0666,mode=0620"
        };
        self.add(Step::MakeDirectory(c"/dev/pts"));
        self.mount(c"devpts", c"/dev/pts", Some(c"devpts"), quiet, Some(pts));
        let shm = c"mode=1777,size=64m";
        self.add(Step::MakeDirectory(c"/dev/shm"));
        self.mount(c"shm", c"/dev/shm", Some(c"tmpfs"), quiet | MS_NODEV, Some(shm));
        if self.spec.namespaces.ipc == Namespace::New || !self.in_user_namespace() {
            // Again, only the owner of the namespace may show it.
            self.add(Step::MakeDirectory(c"/dev/mqueue"));
            self.mount(c"mqueue", c"/dev/mqueue", Some(c"mqueue"), quiet | MS_NODEV, None);
        }
    }
}
