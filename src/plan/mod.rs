//! What will be done: a pure function from what the container is and what the host is to a list
//! of steps. It has no effects, so `--dry-run` can print it and a test can hold it still.
//!
//! The order of the steps is the design. Its one idea about paths: the root is switched first,
//! and from then until the old root is detached an absolute path is the container's and a
//! relative path the host's. So no link inside the container's root, hostile or not, can lead a
//! mount or a file out of it, and the host's files are still at hand as sources.

mod step;

pub use step::{Mount, Place, Step, WhenMissing};

use crate::cgroup::Version;
use crate::cgroup::settings::{Inherited, settings};
use crate::host::groups::{Group, path};
use crate::host::{Host, Image};
use crate::spec::mounts::{Kind, Overlay};
use crate::spec::{Id, Namespace, Spec, User};
use crate::sys::fs::HERE;
use crate::text::Text;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::ffi::CStr;
use libc::{
    CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER,
    CLONE_NEWUTS, MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC,
    MS_REMOUNT, MS_SLAVE, MS_STRICTATIME,
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

/// The devices every container has: name, major, minor (the kernel's devices.txt).
const DEVICES: [(&CStr, &CStr, u32, u32); 6] = [
    (c"/dev/null", c"dev/null", 1, 3),
    (c"/dev/zero", c"dev/zero", 1, 5),
    (c"/dev/full", c"dev/full", 1, 7),
    (c"/dev/random", c"dev/random", 1, 8),
    (c"/dev/urandom", c"dev/urandom", 1, 9),
    (c"/dev/tty", c"dev/tty", 5, 0),
];

/// Links that programs expect in /dev: (target, path).
const LINKS: [(&CStr, &CStr); 5] = [
    (c"/proc/self/fd", c"/dev/fd"),
    (c"/proc/self/fd/0", c"/dev/stdin"),
    (c"/proc/self/fd/1", c"/dev/stdout"),
    (c"/proc/self/fd/2", c"/dev/stderr"),
    (c"pts/ptmx", c"/dev/ptmx"),
];

/// Hidden from the container.
const MASKED: [&CStr; 11] = [
    c"/proc/acpi",
    c"/proc/asound",
    c"/proc/interrupts",
    c"/proc/kcore",
    c"/proc/keys",
    c"/proc/latency_stats",
    c"/proc/sched_debug",
    c"/proc/scsi",
    c"/proc/timer_list",
    c"/proc/timer_stats",
    c"/sys/firmware",
];

/// To be read only.
const PROTECTED: [&CStr; 5] =
    [c"/proc/bus", c"/proc/fs", c"/proc/irq", c"/proc/sys", c"/proc/sysrq-trigger"];

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
    /// The parent makes the groups and writes the limits; the child joins by itself, through a
    /// file that was opened for it. (Attaching it from outside makes the kernel wait for every
    /// thread of the machine.)
    fn groups(&mut self) {
        let host = self.host;
        for group in &host.groups.list {
            self.group(group, host.groups.name.bytes());
        }
    }

    fn group(&mut self, group: &Group, name: &[u8]) {
        let place = |parts: &[&[u8]]| Place {
            base: group.base,
            path: Cow::Owned(path(&[&[&group.parent[..], b"/"], parts].concat())),
        };
        if group.evacuate {
            self.before.push(Step::MakeGroup(place(&[name, b"-self"])));
            self.before.push(Step::MoveToGroup(place(&[name, b"-self"])));
        }
        if !group.enable.is_empty() {
            let mut content = Text::new();
            for controller in group.enable.iter() {
                let gap = if content.bytes().is_empty() { "+" } else { " +" };
                content.str(gap).str(controller.name(group.version));
            }
            let place = place(&[b"cgroup.subtree_control"]);
            self.before.push(Step::WriteFile { place, other: None, content, if_there: false });
        }
        self.before.push(Step::MakeGroup(place(&[name])));
        let inherited = Inherited { cpus: &group.cpuset.0, mems: &group.cpuset.1 };
        let resources = self.spec.resources;
        for setting in settings(resources, group.version, group.controllers, &inherited) {
            let other = setting
                .other_file
                .map(|file| place(&[name, b"/", file.as_bytes()]).path.into_owned());
            self.before.push(Step::WriteFile {
                place: place(&[name, b"/", setting.file.bytes()]),
                other,
                content: setting.value,
                if_there: setting.implied,
            });
        }
        let door: &[u8] = match group.version {
            Version::V1 => b"/tasks",
            Version::V2 => b"/cgroup.procs",
        };
        self.before.push(Step::OpenGroup(place(&[name, door])));
    }

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

    /// The host's files, with a /proc of the new process namespace over the old one.
    fn host_root(&mut self) {
        if self.spec.namespaces.pid == Namespace::New {
            // A host without the directory shows no processes either; it is not made, because
            // it would stay on the host.
            self.proc(WhenMissing::Skip);
            self.masks();
        }
        // Nothing is made on the host.
        self.put_volumes(false);
        if let Some(path) = self.spec.process.cwd {
            self.add(Step::Chdir { path, inside: false });
        }
    }

    fn own_root(&mut self, rootfs: &'a CStr) {
        self.lay_root(rootfs);
        // ".." of the root is the root, but seen from above: with what is mounted on it.
        self.add(Step::Chdir { path: c"/..", inside: false });
        self.add(if self.root_stays_below() { Step::Chroot } else { Step::PivotRoot });
        // From here an absolute path is the container's, a relative path the host's.
        // Permissions are meant as given.
        self.add(Step::ClearUmask);
        if self.host.image == Some(Image::Archive) {
            // Nothing of the kernel's is mounted yet that a link in it could lead through.
            self.add(Step::Unpack { own: !self.in_user_namespace() });
        }
        self.pseudo_file_systems();
        self.devices();
        self.masks();
        if !self.root_stays_below() {
            if self.needs_scratch() {
                // The memory of the layers lies on the old root: it is the first to go. The
                // overlay holds on to it by itself.
                self.add(Step::DetachOldRoot);
            }
            self.add(Step::DetachOldRoot);
        }
        // Leaves the old root behind as working directory, too. Now nothing of the host's is
        // within reach.
        self.add(Step::Chdir { path: c"/", inside: false });
        self.put_volumes(true);
        if self.spec.read_only {
            // Only now, when every mount point has been made.
            self.add(Step::ProtectRoot);
        }
        if let Some(path) = self.spec.process.cwd {
            self.add(Step::Chdir { path, inside: true });
        }
    }

    /// Lays the new root over the present one, so that it is a mount point, as pivot_root(2)
    /// wants, and so that chroot(2) alone will do where the present root cannot be taken away.
    fn lay_root(&mut self, rootfs: &'a CStr) {
        let host = self.host;
        let mut lower = rootfs.to_bytes().to_vec();
        if host.image == Some(Image::Archive) {
            // Into memory; half of the machine's is the kernel's own bound, too.
            self.add(Step::OpenArchive(rootfs));
            return self.memory_over_root(host.memory / 2);
        }
        if self.needs_scratch() {
            self.scratch();
            lower = self.absolute(&lower);
        }
        if let Some(Image::FileSystem(fstype)) = host.image {
            let target = if self.spec.overlay.is_none() { c"/" } else { c"lower" };
            let image = Cow::Owned(path(&[&lower]));
            if self.spec.overlay.is_some() {
                self.add(Step::MakeDirectory(Cow::Borrowed(target)));
                lower = target.to_bytes().to_vec();
            }
            self.add(Step::MountImage { image, fstype, target });
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
                self.add(Step::MakeDirectory(Cow::Borrowed(c"upper")));
                self.add(Step::MakeDirectory(Cow::Borrowed(c"work")));
                self.overlay_options(&lower, b"upper", b"work")
            }
        };
        self.add(Step::Mount(Mount {
            source: c"overlay",
            target: Cow::Borrowed(c"/"),
            fstype: Some(c"overlay"),
            flags: 0,
            data: Some(Cow::Owned(options.to_c_string())),
            missing: WhenMissing::Fail,
        }));
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
        self.add(Step::Chdir { path: c"/..", inside: false });
    }

    fn memory_over_root(&mut self, size: u64) {
        let mut data = Text::new();
        data.str("mode=0755,size=").number(size);
        self.add(Step::Mount(Mount {
            source: c"tmpfs",
            target: Cow::Borrowed(c"/"),
            fstype: Some(c"tmpfs"),
            flags: 0,
            data: Some(Cow::Owned(data.to_c_string())),
            missing: WhenMissing::Fail,
        }));
    }

    /// A path that means the same from another working directory.
    fn absolute(&self, path: &[u8]) -> Vec<u8> {
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
    fn take_volumes(&mut self) {
        for (number, volume) in self.spec.volumes.iter().enumerate() {
            if let Kind::Bind(source) | Kind::Device(source) = &volume.kind {
                self.add(Step::TakeTree {
                    number,
                    source: source.clone(),
                    recursive: volume.options.recursive,
                });
            }
        }
    }

    /// Attaches them, in the order of the command line, when only the container can be reached.
    fn put_volumes(&mut self, make: bool) {
        for (number, volume) in self.spec.volumes.iter().enumerate() {
            let options = volume.options;
            let mut flags = 0;
            for (is_set, flag) in [
                (options.read_only, MS_RDONLY),
                (options.nosuid, MS_NOSUID),
                (options.nodev, MS_NODEV),
                (options.noexec, MS_NOEXEC),
            ] {
                flags |= if is_set { flag } else { 0 };
            }
            let target = volume.target.clone();
            self.add(match volume.kind {
                Kind::Bind(_) | Kind::Device(_) => Step::PutTree {
                    number,
                    target,
                    flags,
                    propagation: if options.slave { MS_SLAVE } else { MS_PRIVATE },
                    recursive: options.recursive,
                    make,
                },
                Kind::Tmpfs { size, mode } => {
                    let mut data = Text::new();
                    let size = size.unwrap_or((64 << 20).min(self.host.memory / 8));
                    data.str("size=").number(size).str(",mode=").octal(mode);
                    Step::Tmpfs { target, flags, data: data.to_c_string(), make }
                }
            });
        }
    }

    /// What the kernel shows of the machine in /proc and /sys and lets root change there: not the
    /// container's business (the usual list of container engines).
    fn masks(&mut self) {
        let masks = self.spec.masks;
        let is_kept = |path: &&CStr| !masks.unmask_all && !masks.unmask.contains(path);
        for path in MASKED.into_iter().filter(is_kept) {
            self.add(Step::Mask(path));
        }
        for path in PROTECTED.into_iter().filter(is_kept) {
            self.add(Step::Protect(path));
        }
        for path in &masks.mask {
            self.add(Step::Mask(path));
        }
    }

    fn pseudo_file_systems(&mut self) {
        let kinds = self.spec.namespaces;
        if kinds.pid == Namespace::New || !self.in_user_namespace() {
            self.proc(WhenMissing::MakeDirectory);
        } else {
            // The kernel gives a new one only to the owner of the process namespace.
            self.mount(c"proc", c"/proc", None, MS_BIND | MS_REC, None);
        }
        if kinds.net == Namespace::New || !self.in_user_namespace() {
            // Likewise for the network namespace; without, the container has no /sys.
            let flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
            self.mount(c"sysfs", c"/sys", Some(c"sysfs"), flags, None);
            if kinds.cgroup == Namespace::New {
                self.own_groups();
            }
        }
    }

    /// Where programs look for the limits they live under (a JVM, Go's runtime): the container's
    /// groups, to be read.
    fn own_groups(&mut self) {
        let quiet = MS_NOSUID | MS_NODEV | MS_NOEXEC;
        let top = c"/sys/fs/cgroup";
        let host = self.host;
        match &host.groups.list[..] {
            [] => return,
            [Group { version: Version::V2, .. }] => {
                return self.mount(c"cgroup", top, Some(c"cgroup2"), quiet | MS_RDONLY, None);
            }
            _ => {}
        }
        self.mount(c"tmpfs", top, Some(c"tmpfs"), quiet, Some(c"mode=0755,size=64k"));
        for group in &host.groups.list {
            let (names, fstype): (&[u8], _) = match group.version {
                Version::V1 => (&group.names, c"cgroup"),
                Version::V2 => (b"unified", c"cgroup2"),
            };
            let at = |name: &[u8]| Cow::Owned(path(&[top.to_bytes(), b"/", name]));
            self.add(Step::MakeDirectory(at(names)));
            self.add(Step::Mount(Mount {
                source: c"cgroup",
                target: at(names),
                fstype: Some(fstype),
                flags: quiet | MS_RDONLY,
                data: (group.version == Version::V1).then(|| Cow::Owned(path(&[names]))),
                missing: WhenMissing::Fail,
            }));
            for name in names.split(|b| *b == b',').filter(|name| name.len() < names.len()) {
                self.add(Step::Symlink { target: Cow::Owned(path(&[names])), path: at(name) });
            }
        }
        self.mount(c"tmpfs", top, None, quiet | MS_REMOUNT | MS_BIND | MS_RDONLY, None);
    }

    fn proc(&mut self, missing: WhenMissing) {
        self.add(Step::Mount(Mount {
            source: c"proc",
            target: Cow::Borrowed(c"/proc"),
            fstype: Some(c"proc"),
            flags: MS_NOSUID | MS_NODEV | MS_NOEXEC,
            data: None,
            missing,
        }));
    }

    /// An own /dev, small and bounded: what the image has there is not trusted.
    fn devices(&mut self) {
        let dev = c"mode=0755,size=64k,nr_inodes=256";
        let strict = MS_NOSUID | MS_STRICTATIME;
        self.mount(c"tmpfs", c"/dev", Some(c"tmpfs"), strict, Some(dev));
        for (path, on_host, major, minor) in DEVICES {
            if self.in_user_namespace() {
                // mknod(2) of a device is refused there: the host's node is bound over a file.
                self.add(Step::MakeFile(path));
                self.mount(on_host, path, None, MS_BIND, None);
            } else {
                self.add(Step::MakeDevice { path, major, minor });
            }
        }
        for (target, path) in LINKS {
            self.add(Step::Symlink { target: Cow::Borrowed(target), path: Cow::Borrowed(path) });
        }
        let quiet = MS_NOSUID | MS_NOEXEC;
        // Group 5 is "tty" everywhere, but a single-id map has no such group.
        let pts = if self.in_user_namespace() {
            c"newinstance,ptmxmode=0666,mode=0620"
        } else {
            c"newinstance,ptmxmode=0666,mode=0620,gid=5"
        };
        self.add(Step::MakeDirectory(Cow::Borrowed(c"/dev/pts")));
        self.mount(c"devpts", c"/dev/pts", Some(c"devpts"), quiet, Some(pts));
        let shm = c"mode=1777,size=64m";
        self.add(Step::MakeDirectory(Cow::Borrowed(c"/dev/shm")));
        self.mount(c"shm", c"/dev/shm", Some(c"tmpfs"), quiet | MS_NODEV, Some(shm));
        if self.spec.namespaces.ipc == Namespace::New || !self.in_user_namespace() {
            // Again, only the owner of the namespace may show it.
            self.add(Step::MakeDirectory(Cow::Borrowed(c"/dev/mqueue")));
            self.mount(c"mqueue", c"/dev/mqueue", Some(c"mqueue"), quiet | MS_NODEV, None);
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
        let (target, data) = (Cow::Borrowed(target), data.map(Cow::Borrowed));
        self.add(Step::Mount(Mount { source, target, fstype, flags, data, missing }));
    }

    fn write(&mut self, path: &'static CStr, content: Text) {
        let place = Place { base: HERE, path: Cow::Borrowed(path) };
        self.add(Step::WriteFile { place, other: None, content, if_there: false });
    }

    #[inline(never)] // Else every step's copy is compiled again at every place that adds one.
    fn add(&mut self, step: Step<'a>) {
        self.steps.push(step);
    }
}

#[cfg(test)]
mod golden;
