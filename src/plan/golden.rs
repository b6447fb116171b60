//! Golden plans: a changed or moved line is a change of what mini does.

use super::Plan;
use super::defaults::Defaults;
use crate::cgroup::{Controller, Set, Version};
use crate::host::cgroups::{Cgroup, Cgroups, Devices, Level};
use crate::host::ids::IdMaps;
use crate::host::{Host, Image};
use crate::spec::capability;
use crate::spec::mounts::{Kind, Mount, MountOptions, Overlay, Root};
use crate::spec::namespaces::{NetDevice, TimeOffset, TimeOffsets};
use crate::spec::process::{Capabilities, IoPriority, Rlimit};
use crate::spec::resources::{Property, Resources};
use crate::spec::security::{IdMapping, IdRange, PathRule, Seccomp, Security};
use crate::spec::{Id, Namespace, Namespaces, Process, Spec, User};
use crate::sys::fs::HERE;
use crate::text::Text;
use core::ffi::CStr;

fn host(euid: u32, egid: u32, root_is_initramfs: bool) -> Host {
    Host {
        euid,
        egid,
        path: c"mini",
        ids: if euid == 0 { IdMaps::None } else { IdMaps::Single },
        in_user_namespace: false,
        may_make_devices: euid == 0,
        may_set_groups: true,
        root_is_initramfs,
        image: None,
        makes_namespace: false,
        copies_mounts: true,
        sets_attributes: true,
        cwd: Vec::new(),
        memory: 0,
        cgroups: Cgroups::default(),
    }
}

fn root() -> Host {
    host(0, 0, false)
}

fn user() -> Host {
    host(1000, 100, false)
}

fn initramfs() -> Host {
    host(0, 0, true)
}

fn spec() -> Spec<'static> {
    let process = Process { args: &[c"/bin/sh"], ..Process::default() };
    Spec { process, hostname: Some(c"mini"), ..Spec::default() }
}

fn with_rootfs() -> Spec<'static> {
    Spec { root: Root { path: Some(c"/srv/root"), ..Root::default() }, ..spec() }
}

/// What `mini run` fills in: nothing is masked, and a container that keeps all capabilities is privileged.
fn defaults(spec: &Spec) -> Defaults<'static> {
    let privileged = spec.security.capabilities.is_none();
    Defaults { privileged, unmask_all: true, ..Defaults::default() }
}

/// The plan of `mini run`, as text.
fn planned(spec: &Spec, host: &Host, defaults: &Defaults) -> String {
    let mut spec = spec.clone();
    defaults.fill(&mut spec, host);
    let mut text = Text::new();
    Plan::new(&spec, host).describe(&mut text);
    String::from_utf8(text.bytes().to_vec()).unwrap()
}

fn plan(spec: &Spec, host: &Host) -> String {
    planned(spec, host, &defaults(spec))
}

#[track_caller]
fn check(spec: &Spec, host: &Host, expected: &str) {
    let text = plan(spec, host);
    assert_eq!(text, expected, "\n--- the plan is:\n{text}");
}

#[test]
fn root_without_rootfs() {
    check(
        &spec(),
        &root(),
        "\
clone new mount pid uts ipc net cgroup
set parent-death signal
set not dumpable
make private / recursive
close_range 3 except mini's
mount /proc from proc type proc nosuid nodev noexec if present
sethostname mini
bring up loopback
receive arguments
close_range 3
restore signals
exec /bin/sh
",
    );
}

#[test]
fn root_with_a_rootfs() {
    check(
        &with_rootfs(),
        &root(),
        "\
clone new mount pid uts ipc net cgroup
set parent-death signal
set not dumpable
join session keyring
make private / recursive
bind / from /srv/root recursive
close_range 3 except mini's
open root
umask 0
mount /dev from tmpfs type tmpfs nosuid strictatime mode=0755,size=64k,nr_inodes=256 over root
mknod /dev/null c 1:3
mknod /dev/zero c 1:5
mknod /dev/full c 1:7
mknod /dev/random c 1:8
mknod /dev/urandom c 1:9
mknod /dev/tty c 5:0
symlink /dev/fd -> /proc/self/fd
symlink /dev/stdin -> /proc/self/fd/0
symlink /dev/stdout -> /proc/self/fd/1
symlink /dev/stderr -> /proc/self/fd/2
symlink /dev/ptmx -> pts/ptmx
mkdir /dev/pts
mount /dev/pts from devpts type devpts nosuid noexec newinstance,ptmxmode=0666,mode=0620,gid=5
mkdir /dev/shm
mount /dev/shm from shm type tmpfs nosuid nodev noexec mode=1777,size=64m
mkdir /dev/mqueue
mount /dev/mqueue from mqueue type mqueue nosuid nodev noexec
mount /proc from proc type proc nosuid nodev noexec over root
mount /sys from sysfs type sysfs nosuid nodev noexec over root
pivot_root
unmount old root
chdir /
move mount to /sys
move mount to /proc
move mount to /dev
verify root
sethostname mini
bring up loopback
receive arguments
close_range 3
setgroups
restore signals
exec /bin/sh
",
    );
}

#[test]
fn an_ordinary_user_with_a_rootfs() {
    check(
        &with_rootfs(),
        &user(),
        "\
clone new user mount pid uts ipc net cgroup
set parent-death signal
write /proc/self/setgroups deny
write /proc/self/uid_map '0 1000 1'
write /proc/self/gid_map '0 100 1'
join session keyring
make private / recursive
bind / from /srv/root recursive
close_range 3 except mini's
open root
umask 0
mount /dev from tmpfs type tmpfs nosuid strictatime mode=0755,size=64k,nr_inodes=256 over root
make file /dev/null
bind /dev/null from /dev/null
make file /dev/zero
bind /dev/zero from /dev/zero
make file /dev/full
bind /dev/full from /dev/full
make file /dev/random
bind /dev/random from /dev/random
make file /dev/urandom
bind /dev/urandom from /dev/urandom
make file /dev/tty
bind /dev/tty from /dev/tty
symlink /dev/fd -> /proc/self/fd
symlink /dev/stdin -> /proc/self/fd/0
symlink /dev/stdout -> /proc/self/fd/1
symlink /dev/stderr -> /proc/self/fd/2
symlink /dev/ptmx -> pts/ptmx
mkdir /dev/pts
mount /dev/pts from devpts type devpts nosuid noexec newinstance,ptmxmode=0666,mode=0620
mkdir /dev/shm
mount /dev/shm from shm type tmpfs nosuid nodev noexec mode=1777,size=64m
mkdir /dev/mqueue
mount /dev/mqueue from mqueue type mqueue nosuid nodev noexec
mount /proc from proc type proc nosuid nodev noexec over root
mount /sys from sysfs type sysfs nosuid nodev noexec over root
pivot_root
unmount old root
chdir /
move mount to /sys
move mount to /proc
move mount to /dev
verify root
sethostname mini
bring up loopback
set not dumpable
receive arguments
close_range 3
restore signals
exec /bin/sh
",
    );
}

#[test]
fn on_an_initramfs_chroot_is_used_and_cap_sys_admin_dropped() {
    let mut spec = with_rootfs();
    spec.process.user = Some(User { uid: Id::Name(b"www"), gid: None });
    spec.process.home_from_passwd = true;
    spec.process.cwd = Some(c"/srv/www");
    check(
        &spec,
        &initramfs(),
        "\
clone new mount pid uts ipc net cgroup
set parent-death signal
set not dumpable
join session keyring
make private / recursive
bind / from /srv/root recursive
close_range 3 except mini's
open root
umask 0
mount /dev from tmpfs type tmpfs nosuid strictatime mode=0755,size=64k,nr_inodes=256 over root
mknod /dev/null c 1:3
mknod /dev/zero c 1:5
mknod /dev/full c 1:7
mknod /dev/random c 1:8
mknod /dev/urandom c 1:9
mknod /dev/tty c 5:0
symlink /dev/fd -> /proc/self/fd
symlink /dev/stdin -> /proc/self/fd/0
symlink /dev/stdout -> /proc/self/fd/1
symlink /dev/stderr -> /proc/self/fd/2
symlink /dev/ptmx -> pts/ptmx
mkdir /dev/pts
mount /dev/pts from devpts type devpts nosuid noexec newinstance,ptmxmode=0666,mode=0620,gid=5
mkdir /dev/shm
mount /dev/shm from shm type tmpfs nosuid nodev noexec mode=1777,size=64m
mkdir /dev/mqueue
mount /dev/mqueue from mqueue type mqueue nosuid nodev noexec
mount /proc from proc type proc nosuid nodev noexec over root
mount /sys from sysfs type sysfs nosuid nodev noexec over root
chroot
chdir /
move mount to /sys
move mount to /proc
move mount to /dev
verify root
chdir /srv/www
sethostname mini
bring up loopback
receive arguments
close_range 3
set bounding set ffffffffffdfffff
set user www
set parent-death signal
restore signals
set capabilities ffffffffffdfffff
exec /bin/sh
",
    );
}

#[test]
fn an_ordinary_user_is_mapped_to_the_requested_id() {
    let mut spec = spec();
    spec.process.user = Some(User { uid: Id::Number(33), gid: Some(Id::Number(34)) });
    spec.process.cwd = Some(c"/tmp");
    check(
        &spec,
        &user(),
        "\
clone new user mount pid uts ipc net cgroup
set parent-death signal
write /proc/self/setgroups deny
write /proc/self/uid_map '33 1000 1'
write /proc/self/gid_map '34 100 1'
make private / recursive
close_range 3 except mini's
mount /proc from proc type proc nosuid nodev noexec if present
chdir /tmp
sethostname mini
bring up loopback
set not dumpable
receive arguments
close_range 3
set user 33:34
set parent-death signal
restore signals
exec /bin/sh
",
    );
}

/// Only root of the owning user namespace can mount file systems that show a namespace.
#[test]
fn an_ordinary_user_in_host_namespaces_gets_the_hosts_proc() {
    let mut spec = with_rootfs();
    spec.hostname = None;
    spec.namespaces = Namespaces {
        pid: Namespace::Host,
        net: Namespace::Host,
        ipc: Namespace::Host,
        uts: Namespace::Host,
        cgroup: Namespace::Host,
        ..Namespaces::default()
    };
    let text = plan(&spec, &user());
    assert!(text.starts_with("clone new user mount\n"));
    assert!(text.contains("bind /proc from /proc recursive over root\n"));
    for absent in ["sysfs", "mqueue", "hostname", "loopback"] {
        assert!(!text.contains(absent), "{absent}");
    }
}

fn group(version: Version, controllers: &[Controller], parent: &str) -> Cgroup {
    let mut set = Set::EMPTY;
    controllers.iter().for_each(|controller| set.add(*controller));
    Cgroup {
        names: controllers[0].name(version).into(),
        cpuset: (b"0-1".to_vec(), b"0".to_vec()),
        ..Cgroup::new(version, set, HERE, parent.into())
    }
}

fn groups(list: Vec<Cgroup>) -> Cgroups {
    let mut name = Text::new();
    name.str("mini-7-8");
    Cgroups { name, list, kills_remaining: false, stay: false }
}

fn limits() -> Resources<'static> {
    let mut resources = Resources { cpus: Some(c"1"), ..Resources::default() };
    resources.set(Property::PidsLimit, 20);
    resources.set(Property::MemoryLimit, 64 << 20);
    resources.swap_follows_memory = true;
    resources
}

#[test]
fn v1_cgroups_are_made_before_the_child_and_joined_first() {
    let spec = Spec { resources: limits(), ..spec() };
    let cg = "/sys/fs/cgroup";
    let host = Host {
        cgroups: groups(vec![
            group(Version::V1, &[Controller::Pids], &format!("{cg}/pids")),
            group(Version::V1, &[Controller::Memory], &format!("{cg}/memory/jobs")),
            group(Version::V1, &[Controller::Cpuset], &format!("{cg}/cpuset")),
        ]),
        ..root()
    };
    check(
        &spec,
        &host,
        "\
make cgroup /sys/fs/cgroup/pids/mini-7-8
write /sys/fs/cgroup/pids/mini-7-8/pids.max 20
open /sys/fs/cgroup/pids/mini-7-8/tasks
make cgroup /sys/fs/cgroup/memory/jobs/mini-7-8
write /sys/fs/cgroup/memory/jobs/mini-7-8/memory.limit_in_bytes 67108864
write /sys/fs/cgroup/memory/jobs/mini-7-8/memory.memsw.limit_in_bytes 134217728 if present
open /sys/fs/cgroup/memory/jobs/mini-7-8/tasks
make cgroup /sys/fs/cgroup/cpuset/mini-7-8
write /sys/fs/cgroup/cpuset/mini-7-8/cpuset.cpus 1
write /sys/fs/cgroup/cpuset/mini-7-8/cpuset.mems 0
open /sys/fs/cgroup/cpuset/mini-7-8/tasks
clone new mount pid uts ipc net
set parent-death signal
join cgroup /sys/fs/cgroup/pids/mini-7-8
join cgroup /sys/fs/cgroup/memory/jobs/mini-7-8
join cgroup /sys/fs/cgroup/cpuset/mini-7-8
unshare cgroup namespace
set not dumpable
make private / recursive
close_range 3 except mini's
mount /proc from proc type proc nosuid nodev noexec if present
sethostname mini
bring up loopback
receive arguments
close_range 3
restore signals
exec /bin/sh
",
    );
}

#[test]
fn v2_cgroups_when_mini_is_the_only_process_of_its_cgroup() {
    let mut resources = limits();
    resources.cpus = None;
    let mut spec = Spec { resources, ..spec() };
    spec.process.oom_score_adj = Some(-5);
    let controllers = [Controller::Memory, Controller::Pids];
    let mut group = group(Version::V2, &controllers, "/sys/fs/cgroup");
    (group.enable, group.evacuate) = (group.controllers, true);
    let host = Host { cgroups: groups(vec![group]), ..root() };
    check(
        &spec,
        &host,
        "\
make cgroup /sys/fs/cgroup/mini-7-8-self
move to cgroup /sys/fs/cgroup/mini-7-8-self
write /sys/fs/cgroup/cgroup.subtree_control '+memory +pids'
make cgroup /sys/fs/cgroup/mini-7-8
write /sys/fs/cgroup/mini-7-8/memory.max 67108864
write /sys/fs/cgroup/mini-7-8/memory.swap.max 67108864 if present
write /sys/fs/cgroup/mini-7-8/pids.max 20
open /sys/fs/cgroup/mini-7-8
clone new mount pid uts ipc net
set parent-death signal
join cgroup /sys/fs/cgroup/mini-7-8
unshare cgroup namespace
write /proc/self/oom_score_adj -5
set not dumpable
make private / recursive
close_range 3 except mini's
mount /proc from proc type proc nosuid nodev noexec if present
sethostname mini
bring up loopback
receive arguments
close_range 3
restore signals
exec /bin/sh
",
    );
}

/// The steps about cgroups that an engine's configuration makes, on the host's hierarchies.
fn cgroups_of(engine: &str, list: Vec<Cgroup>) -> String {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oci");
    let mut text = std::fs::read(directory.join(engine)).unwrap();
    let config = crate::oci::config::read_config(&mut text).unwrap();
    let resources = crate::oci::convert::resources::resources(&config, c"id");
    let spec = Spec { resources, ..spec() };
    let mut name = Text::new();
    name.str("c1");
    let host =
        Host { cgroups: Cgroups { name, list, kills_remaining: false, stay: true }, ..root() };
    let plan = Plan::new(&spec, &host);
    let mut text = Text::new();
    for step in &plan.before {
        step.describe(&mut text);
        text.str("\n");
    }
    String::from_utf8(text.bytes().to_vec()).unwrap()
}

/// The rules of an engine, as [`crate::host::cgroups::find`] would have them applied.
fn with_rules(mut group: Cgroup, engine: &str) -> Cgroup {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oci");
    let mut text = std::fs::read(directory.join(engine)).unwrap();
    let config = crate::oci::config::read_config(&mut text).unwrap();
    let resources = crate::oci::convert::resources::resources(&config, c"id");
    let rules = resources.devices.as_deref().unwrap();
    group.devices = match group.version {
        Version::V1 => Devices::Lines(crate::cgroup::devices::lines(rules).unwrap()),
        Version::V2 => Devices::Program(crate::cgroup::devices::program(rules).unwrap()),
    };
    group
}

fn below(mut group: Cgroup, levels: &[&str]) -> Cgroup {
    let mut directory = group.parent.clone();
    group.levels.push(Level { directory: directory.clone(), ..Level::default() });
    for level in levels {
        directory.extend(b"/");
        directory.extend(level.as_bytes());
        group.levels.push(Level { directory: directory.clone(), make: true, ..Level::default() });
    }
    group.parent = directory;
    group
}

#[test]
fn podmans_limits_on_v1() {
    let cg = "/sys/fs/cgroup";
    let v1 = |controller: Controller, name: &str| {
        below(group(Version::V1, &[controller], &format!("{cg}/{name}")), &["libpod_parent"])
    };
    let mut cpuset = v1(Controller::Cpuset, "cpuset");
    cpuset.levels[1].fill_cpuset = true;
    let devices = with_rules(v1(Controller::Devices, "devices"), "podman-many.json");
    let list = vec![
        v1(Controller::Memory, "memory"),
        v1(Controller::Cpu, "cpu"),
        cpuset,
        v1(Controller::Pids, "pids"),
        devices,
        v1(Controller::Freezer, "freezer"),
        below(
            group(Version::V2, &[Controller::Misc], &format!("{cg}/unified")),
            &["libpod_parent"],
        ),
    ];
    assert_eq!(
        cgroups_of("podman-many.json", list),
        "\
make cgroup /sys/fs/cgroup/memory/libpod_parent if missing
make cgroup /sys/fs/cgroup/memory/libpod_parent/c1
write /sys/fs/cgroup/memory/libpod_parent/c1/memory.limit_in_bytes 67108864
write /sys/fs/cgroup/memory/libpod_parent/c1/memory.memsw.limit_in_bytes 134217728
open /sys/fs/cgroup/memory/libpod_parent/c1/tasks
make cgroup /sys/fs/cgroup/cpu/libpod_parent if missing
make cgroup /sys/fs/cgroup/cpu/libpod_parent/c1
write /sys/fs/cgroup/cpu/libpod_parent/c1/cpu.shares 512
write /sys/fs/cgroup/cpu/libpod_parent/c1/cpu.cfs_period_us 100000
write /sys/fs/cgroup/cpu/libpod_parent/c1/cpu.cfs_quota_us 50000
open /sys/fs/cgroup/cpu/libpod_parent/c1/tasks
make cgroup /sys/fs/cgroup/cpuset/libpod_parent if missing
write /sys/fs/cgroup/cpuset/libpod_parent/cpuset.cpus 0-1
write /sys/fs/cgroup/cpuset/libpod_parent/cpuset.mems 0
make cgroup /sys/fs/cgroup/cpuset/libpod_parent/c1
write /sys/fs/cgroup/cpuset/libpod_parent/c1/cpuset.cpus 0-1
write /sys/fs/cgroup/cpuset/libpod_parent/c1/cpuset.mems 0
open /sys/fs/cgroup/cpuset/libpod_parent/c1/tasks
make cgroup /sys/fs/cgroup/pids/libpod_parent if missing
make cgroup /sys/fs/cgroup/pids/libpod_parent/c1
write /sys/fs/cgroup/pids/libpod_parent/c1/pids.max 50
open /sys/fs/cgroup/pids/libpod_parent/c1/tasks
make cgroup /sys/fs/cgroup/devices/libpod_parent if missing
make cgroup /sys/fs/cgroup/devices/libpod_parent/c1
write /sys/fs/cgroup/devices/libpod_parent/c1/devices.deny a
write /sys/fs/cgroup/devices/libpod_parent/c1/devices.allow 'c 10:229 rwm'
write /sys/fs/cgroup/devices/libpod_parent/c1/devices.allow 'b *:* m'
write /sys/fs/cgroup/devices/libpod_parent/c1/devices.allow 'c *:* m'
write /sys/fs/cgroup/devices/libpod_parent/c1/devices.allow 'c 1:3 rwm'
write /sys/fs/cgroup/devices/libpod_parent/c1/devices.allow 'c 1:5 rwm'
write /sys/fs/cgroup/devices/libpod_parent/c1/devices.allow 'c 1:7 rwm'
write /sys/fs/cgroup/devices/libpod_parent/c1/devices.allow 'c 1:8 rwm'
write /sys/fs/cgroup/devices/libpod_parent/c1/devices.allow 'c 1:9 rwm'
write /sys/fs/cgroup/devices/libpod_parent/c1/devices.allow 'c 5:0 rwm'
write /sys/fs/cgroup/devices/libpod_parent/c1/devices.allow 'c 5:2 rwm'
write /sys/fs/cgroup/devices/libpod_parent/c1/devices.allow 'c 136:* rwm'
open /sys/fs/cgroup/devices/libpod_parent/c1/tasks
make cgroup /sys/fs/cgroup/freezer/libpod_parent if missing
make cgroup /sys/fs/cgroup/freezer/libpod_parent/c1
open /sys/fs/cgroup/freezer/libpod_parent/c1/tasks
make cgroup /sys/fs/cgroup/unified/libpod_parent if missing
make cgroup /sys/fs/cgroup/unified/libpod_parent/c1
open /sys/fs/cgroup/unified/libpod_parent/c1
"
    );
}

#[test]
fn dockers_limits_on_v2() {
    use Controller::*;
    let mut list = group(Version::V2, &[Memory, Cpu, Pids, Io], "/sys/fs/cgroup");
    list = with_rules(below(list, &["docker"]), "docker-many.json");
    list.levels[0].enable.add(Memory);
    list.levels[0].enable_if_possible.add(Hugetlb);
    list.levels[1].enable = list.controllers;
    assert_eq!(
        cgroups_of("docker-many.json", vec![list]),
        "\
enable controllers /sys/fs/cgroup/cgroup.subtree_control memory if possible hugetlb
make cgroup /sys/fs/cgroup/docker if missing
enable controllers /sys/fs/cgroup/docker/cgroup.subtree_control memory cpu pids io
make cgroup /sys/fs/cgroup/docker/c1
write /sys/fs/cgroup/docker/c1/memory.max 67108864
write /sys/fs/cgroup/docker/c1/memory.swap.max 67108864
write /sys/fs/cgroup/docker/c1/cpu.max '50000 100000'
write /sys/fs/cgroup/docker/c1/pids.max 50
write /sys/fs/cgroup/docker/c1/io.max '254:0 rbps=1048576'
attach device program /sys/fs/cgroup/docker/c1 of 97 instructions
open /sys/fs/cgroup/docker/c1
"
    );
}

#[test]
fn containerds_limits_of_a_privileged_container() {
    use Controller::*;
    let v2 = group(Version::V2, &[Memory, Cpu], "/sys/fs/cgroup");
    assert_eq!(
        cgroups_of("containerd-many.json", vec![below(v2, &["default"])]),
        "\
make cgroup /sys/fs/cgroup/default if missing
make cgroup /sys/fs/cgroup/default/c1
write /sys/fs/cgroup/default/c1/memory.max 50000000
write /sys/fs/cgroup/default/c1/cpu.weight 100
write /sys/fs/cgroup/default/c1/cpu.max '50000 100000'
open /sys/fs/cgroup/default/c1
"
    );
}

#[test]
fn a_rootfs_shows_the_containers_cgroups() {
    let show = |list| {
        let spec = Spec { resources: limits(), ..with_rootfs() };
        let host = Host { cgroups: groups(list), ..root() };
        let text = plan(&spec, &host);
        let lines = text.lines().skip_while(|line| !line.starts_with("mount /sys ")).skip(1);
        lines.take_while(|line| *line != "pivot_root").map(String::from).collect()
    };
    let v2: Vec<String> = show(vec![group(Version::V2, &[Controller::Memory], "/c")]);
    assert_eq!(v2, ["mount /sys/fs/cgroup from cgroup type cgroup2 ro nosuid nodev noexec"]);
    let mut cpu = group(Version::V1, &[Controller::Cpu], "/c");
    cpu.names = b"cpu,cpuacct".to_vec();
    let hybrid: Vec<String> = show(vec![cpu, group(Version::V2, &[Controller::Memory], "/c")]);
    assert_eq!(
        hybrid,
        [
            "mount /sys/fs/cgroup from tmpfs type tmpfs nosuid nodev noexec mode=0755,size=64k",
            "mkdir /sys/fs/cgroup/cpu,cpuacct",
            "mount /sys/fs/cgroup/cpu,cpuacct from cgroup type cgroup ro nosuid nodev noexec \
             cpu,cpuacct",
            "symlink /sys/fs/cgroup/cpu -> cpu,cpuacct",
            "symlink /sys/fs/cgroup/cpuacct -> cpu,cpuacct",
            "mkdir /sys/fs/cgroup/unified",
            "mount /sys/fs/cgroup/unified from cgroup type cgroup2 ro nosuid nodev noexec",
            "remount /sys/fs/cgroup ro nosuid nodev noexec",
        ]
    );
}

#[test]
fn masked_and_readonly_paths() {
    let spec = spec();
    let defaults = Defaults { privileged: true, ..Defaults::default() };
    assert_eq!(
        planned(&spec, &root(), &defaults),
        "\
clone new mount pid uts ipc net cgroup
set parent-death signal
set not dumpable
make private / recursive
close_range 3 except mini's
mount /proc from proc type proc nosuid nodev noexec if present
mask /proc/acpi
mask /proc/asound
mask /proc/dynamic_debug
mask /proc/interrupts
mask /proc/kcore
mask /proc/keys
mask /proc/latency_stats
mask /proc/lock_stat
mask /proc/profile
mask /proc/sched_debug
mask /proc/scsi
mask /proc/timer_list
mask /proc/timer_stats
make read-only /proc/bus
make read-only /proc/fs
make read-only /proc/irq
make read-only /proc/sys
make read-only /proc/sysrq-trigger
mask /sys/devices/virtual/powercap
mask /sys/firmware
sethostname mini
bring up loopback
receive arguments
close_range 3
restore signals
exec /bin/sh
",
    );
    let spec = Spec { required_masked_paths: vec![c"/etc"], ..spec };
    let defaults = Defaults { unmask: vec![c"/proc/kcore"], ..defaults };
    let text = planned(&spec, &root(), &defaults);
    assert!(!text.contains("kcore"));
    assert!(text.contains("mask /sys/firmware\nmask path /etc\n"));
    // Each CPU has its own directory of thermal throttling counters.
    let text = planned(&spec, &root(), &Defaults { throttled_cpus: 2, ..defaults.clone() });
    let cpu = "/sys/devices/system/cpu/cpu";
    let expected = format!("mask {cpu}0/thermal_throttle\nmask {cpu}1/thermal_throttle\n");
    assert!(text.contains(&expected));
    // With the host's pid namespace it is the host's /proc, which is masked too.
    let namespaces = Namespaces { pid: Namespace::Host, ..Namespaces::default() };
    let text = planned(&Spec { namespaces, ..spec }, &root(), &defaults);
    assert!(text.contains("mask /proc/acpi\n") && text.contains("mask path /etc\n"));
}

fn tmpfs(destination: &'static CStr) -> Mount<'static> {
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    Mount::file_system(destination, c"tmpfs", c"tmpfs", flags).with_data(&[c"mode=01777"])
}

fn with_root(root: Root<'static>) -> Spec<'static> {
    Spec { root, ..spec() }
}

/// The lines of a plan between two given lines.
fn between(spec: &Spec, host: &Host, first: &str, last: &str) -> Vec<String> {
    let text = plan(spec, host);
    let lines = text.lines().skip_while(|line| *line != first).skip(1);
    lines.take_while(|line| *line != last).map(String::from).collect()
}

#[test]
fn volumes_are_opened_before_the_switch_of_the_root_and_attached_after_it() {
    let slave = MountOptions {
        set: libc::MS_BIND as u32,
        propagation: vec![libc::MS_SLAVE as u32],
        ..MountOptions::default()
    };
    let mounts = vec![
        Mount::bind(c"/a", c"/src", libc::MS_RDONLY | libc::MS_NOSUID),
        tmpfs(c"/tmp"),
        Mount::new(c"/a/b", Kind::Bind(c"rel"), slave),
    ];
    let mut spec = Spec { mounts, ..with_rootfs() };
    spec.root.readonly = true;
    let host = Host { memory: 80 << 20, ..root() };
    assert_eq!(
        between(
            &spec,
            &host,
            "join session keyring",
            "mount /dev from tmpfs type tmpfs nosuid strictatime mode=0755,size=64k,nr_inodes=256 over root"
        ),
        [
            "make slave / recursive",
            "open_tree /src as 0 recursive",
            "open_tree rel as 1",
            "bind / from /srv/root recursive",
            "close_range 3 except mini's",
            "open root",
            "mount_setattr / ro recursive",
            "umask 0",
        ]
    );
    assert_eq!(
        between(&spec, &host, "unmount old root", "sethostname mini"),
        [
            "chdir /",
            "move mount to /sys",
            "move mount to /proc",
            "move mount to /dev",
            "move_mount /a from 0 ro nosuid recursive create",
            "mount tmpfs /tmp nosuid nodev noexec size=10485760,mode=01777 create",
            "move_mount /a/b from 1 slave create",
            "mount_setattr / ro",
            "verify root",
        ]
    );
    // Before Linux 5.2 bind mounts are staged in a tmpfs until they are moved to their targets.
    let old = Host { copies_mounts: false, ..host.clone() };
    let lines = between(&spec, &old, "umask 0", "umask 0");
    assert!(
        lines[0].starts_with("mount stage from tmpfs type tmpfs nosuid nodev noexec mode=0700,")
    );
    let switch = lines.iter().position(|line| line == "pivot_root").unwrap();
    assert_eq!(lines[switch - 1], "stage mounts");
    let lines = between(&spec, &old, "move mount to /dev", "verify root");
    assert_eq!(lines[0], "move_mount /a from 0 ro nosuid recursive create");
    assert_eq!(lines[3..], ["unmount stage", "mount_setattr / ro"]);
    let spec = Spec { root: Root::default(), ..spec };
    let lines = between(&spec, &host, "set not dumpable", "sethostname mini");
    assert_eq!(lines[5], "move_mount /a from 0 ro nosuid recursive", "{lines:?}");
}

#[test]
fn the_size_of_shared_memory_is_an_option_of_its_mount() {
    let spec = with_rootfs();
    let usual = plan(&spec, &root());
    let defaults = Defaults { shm_size: Some(1 << 20), ..defaults(&spec) };
    let line = "mount /dev/shm from shm type tmpfs nosuid nodev noexec mode=1777,size=";
    let expected = usual.replace(&format!("{line}64m\n"), &format!("{line}1048576\n"));
    assert_ne!(usual, expected);
    assert_eq!(planned(&spec, &root(), &defaults), expected);
}

#[test]
fn the_root_is_a_new_mount_namespace_on_linux_7() {
    let spec = Spec { mounts: vec![Mount::bind(c"/a", c"/from", 0)], ..with_rootfs() };
    let host = Host { makes_namespace: true, ..root() };
    let lines = |host| plan(&spec, host);
    // Replaces exactly the lines that differ.
    let usual = root();
    let expected = lines(&usual)
        .replace("clone new mount", "clone new")
        .replace("make private / recursive\n", "")
        .replace(
            "bind / from /srv/root recursive\n",
            "new mount namespace /srv/root\nmake private / recursive\n",
        )
        .replace("pivot_root\nunmount old root\nchdir /\n", "");
    assert_eq!(lines(&host), expected);
    assert!(expected.contains(
        "\nnew mount namespace /srv/root\nmake private / recursive\nclose_range 3 except mini's\n"
    ));
}

#[test]
fn overlay_roots() {
    let layered = Root { overlay: Some(Overlay::Temporary), ..with_rootfs().root };
    let spec = with_root(layered.clone());
    let host = Host { memory: 80 << 20, ..root() };
    assert_eq!(
        between(&spec, &host, "make private / recursive", "close_range 3 except mini's"),
        [
            "mount / from tmpfs type tmpfs mode=0755,size=10485760",
            "chdir /..",
            "mkdir upper",
            "mkdir work",
            "mount / from overlay type overlay lowerdir=/srv/root,upperdir=upper,workdir=work",
        ]
    );
    let lowers = vec![c"/more", c"rel"];
    let host = Host { cwd: b"/here".to_vec(), ..host };
    let lines = between(
        &with_root(Root { lowers, ..layered }),
        &host,
        "make private / recursive",
        "close_range 3 except mini's",
    );
    assert!(lines[4].contains(" lowerdir=/srv/root:/more:/here/rel,upperdir="), "{lines:?}");
    let overlay = Some(Overlay::Kept { upper: c"/u:1", work: c"/w,\\" });
    let root_of = |overlay| Root { overlay, path: Some(c"rel"), ..Root::default() };
    let spec = with_root(root_of(overlay));
    assert_eq!(
        between(&spec, &user(), "make private / recursive", "close_range 3 except mini's"),
        ["mount / from overlay type overlay \
             lowerdir=rel,upperdir=/u\\\\:1,workdir=/w\\\\,\\\\\\\\,userxattr",]
    );
    let spec = with_root(root_of(Some(Overlay::Temporary)));
    let host = Host { cwd: b"/here".to_vec(), ..root() };
    let lines = between(&spec, &host, "make private / recursive", "close_range 3 except mini's");
    assert!(lines[4].contains("lowerdir=/here/rel,"), "{lines:?}");
}

#[test]
fn image_roots() {
    let mut spec = with_root(Root { path: Some(c"app.squashfs"), ..Root::default() });
    let host = Host {
        image: Some(Image::FileSystem(c"squashfs")),
        memory: 80 << 20,
        cwd: b"/here".into(),
        ..root()
    };
    assert_eq!(
        between(&spec, &host, "make private / recursive", "close_range 3 except mini's"),
        ["mount image app.squashfs on / type squashfs"]
    );
    spec.root.overlay = Some(Overlay::Temporary);
    let lines = between(&spec, &host, "chdir /..", "close_range 3 except mini's");
    assert_eq!(
        lines,
        [
            "mkdir lower",
            "mount image /here/app.squashfs on lower type squashfs",
            "mkdir upper",
            "mkdir work",
            "mount / from overlay type overlay lowerdir=lower,upperdir=upper,workdir=work",
        ]
    );
}

#[test]
fn an_archive_is_unpacked_after_the_old_root_is_unmounted() {
    let spec = with_root(Root { path: Some(c"-"), ..Root::default() });
    let host = Host { image: Some(Image::Archive), memory: 80 << 20, ..root() };
    let lines = between(&spec, &host, "make private / recursive", "umask 0");
    assert_eq!(
        lines,
        [
            "open archive -",
            "mount / from tmpfs type tmpfs mode=0755,size=41943040",
            "close_range 3 except mini's",
            "open root",
        ]
    );
    // When nothing of the host and no kernel file system is reachable.
    assert_eq!(
        between(&spec, &host, "unmount old root", "move mount to /sys"),
        ["chdir /", "unpack"]
    );
    let host = Host { ids: IdMaps::Single, ..host };
    assert_eq!(between(&spec, &host, "chdir /", "move mount to /sys"), ["unpack without owners"]);
}

#[test]
fn devices_images_and_file_systems_are_volumes() {
    let options = Mount::bind(c"", c"", 0).options;
    let volume = |kind, target| Mount::new(target, kind, options.clone());
    let overlay = Kind::FileSystem { fstype: c"overlay", source: c"overlay" };
    let mounts = vec![
        volume(Kind::Bind(c"/dev/kvm"), c"/dev/kvm"),
        volume(Kind::Image(c"app.erofs"), c"/app"),
        volume(overlay, c"/o").with_data(&[c"lowerdir=/a:/b"]),
    ];
    let spec = Spec { mounts, ..with_rootfs() };
    assert_eq!(
        between(&spec, &root(), "make private / recursive", "bind / from /srv/root recursive"),
        [
            "fsmount app.erofs as 0",
            "mount detached overlay as 1 lowerdir=/a:/b",
            "open_tree /dev/kvm as 2 recursive",
        ]
    );
    let lines = between(&spec, &root(), "unmount old root", "sethostname mini");
    // Parent directories come first.
    assert_eq!(
        lines[4..7],
        [
            "move_mount /app from 0 recursive create",
            "move_mount /o from 1 recursive create",
            "move_mount /dev/kvm from 2 recursive create",
        ]
    );
}

/// The security options of a container by default.
fn usual() -> Security<'static> {
    Security {
        capabilities: Some(Capabilities::of_root(capability::DEFAULT)),
        user_capabilities: Some(Capabilities::of_user(capability::DEFAULT, 0)),
        no_new_privileges: true,
        seccomp: Seccomp::BuiltIn,
        ..Security::default()
    }
}

/// The lines that set rights.
fn rights(spec: &Spec, host: &Host) -> Vec<String> {
    between(spec, host, "bring up loopback", "exec /bin/sh")
}

#[test]
fn rights_are_dropped_last_and_the_filter_is_the_very_last() {
    let spec = Spec { security: usual(), ..with_rootfs() };
    let usual = [
        "setgroups",
        "set capabilities a80425fb",
        "set no_new_privs",
        "restore signals",
        "seccomp built-in",
    ];
    let before = ["receive arguments", "close_range 3", "set bounding set a80425fb"];
    assert_eq!(rights(&spec, &root())[..3], before);
    assert_eq!(rights(&spec, &root())[3..], usual);
    let own = rights(&spec, &user());
    assert_eq!(own[0], "set not dumpable");
    assert_eq!(own[1..4], before);
    assert_eq!(own[4..], usual[1..]);
    // Device nodes in an image do not work.
    assert_eq!(
        between(&spec, &root(), "open root", "umask 0"),
        ["mount_setattr / nosuid nodev recursive"]
    );
    // Before Linux 5.12 the mounts are read from mountinfo in mini's own /proc.
    let old = Host { sets_attributes: false, ..root() };
    assert_eq!(
        between(&spec, &old, "chdir /", "move mount to /sys"),
        ["mount_setattr / nosuid nodev recursive"]
    );
}

#[test]
fn without_no_new_privs_the_filter_needs_cap_sys_admin() {
    let user = Some(User { uid: Id::Number(7), gid: Some(Id::Number(8)) });
    let process = Process { user, ..spec().process };
    let security = Security { no_new_privileges: false, ..usual() };
    let spec = Spec { process, security, ..spec() };
    assert_eq!(
        rights(&spec, &root()),
        [
            "receive arguments",
            "close_range 3",
            "set bounding set a80425fb",
            "set user 7:8",
            "set parent-death signal",
            "restore signals",
            "seccomp built-in",
            "set capabilities a80425fb",
        ]
    );
}

#[test]
fn requested_capabilities_are_kept_by_users_too() {
    let user = Some(User { uid: Id::Name(b"joe"), gid: None });
    let process = Process { user, oom_score_adj: Some(-5), ..spec().process };
    let added = 1 << 12;
    let security = Security {
        capabilities: Some(Capabilities::of_root(capability::DEFAULT | added)),
        user_capabilities: Some(Capabilities::of_user(capability::DEFAULT | added, added)),
        required_capabilities: added,
        rlimits: vec![Rlimit { resource: 7, soft: 9, hard: u64::MAX }],
        umask: Some(0o27),
        groups: vec![Id::Number(4), Id::Name(b"tape")],
        paths: vec![PathRule { path: c"src", writable: true, optional: false }],
        descriptors: 2,
        ..usual()
    };
    let spec = Spec { process, security, ..spec() };
    let host = Host { cwd: b"/here".to_vec(), ..root() };
    let lines = rights(&spec, &host);
    assert_eq!(
        lines[..16],
        [
            "open_tree writable /proc as 0 if present",
            "open_tree writable /dev/pts as 1 if present",
            "open_tree writable /here/src as 2",
            "make mounts read-only",
            "move_mount writable /proc from 0",
            "move_mount writable /dev/pts from 1",
            "move_mount writable /here/src from 2",
            "chdir /here/",
            "setrlimit nofile 9 unlimited",
            "receive arguments",
            "close_range 5",
            "set bounding set a80435fb",
            "set user joe and 4,tape",
            "set parent-death signal",
            "set capabilities a80435fb added 1000",
            "set no_new_privs",
        ]
    );
    assert!(lines[16].starts_with("landlock rw /here/src rw /proc rw /dev/null "), "{lines:?}");
    assert_eq!(lines[17..], ["restore signals umask 027", "seccomp built-in"]);
    let first = between(&spec, &host, "set parent-death signal", "set not dumpable");
    assert_eq!(first, ["write /proc/self/oom_score_adj -5"]);
}

#[test]
fn the_parent_writes_id_maps_while_the_child_waits() {
    let range = |inside, outside, count| IdRange { inside, outside, count };
    let uids = vec![range(0, 1000, 1), range(1, 100_000, 9)];
    let ids = IdMaps::Ranges { uids, gids: vec![range(7, 100, 1)], by_helper: true };
    let host = Host { ids, ..user() };
    let spec = spec();
    let text = plan(&spec, &host);
    let (begin, _) = text.split_once("make private").unwrap();
    assert_eq!(
        begin,
        "\
clone new user mount pid uts ipc net cgroup
write id map uid '0 1000 1\\n1 100000 9\\n' by newuidmap
write id map gid '7 100 1\\n' by newgidmap
set parent-death signal
wait for id maps
set ids 0:7
set parent-death signal
"
    );
}

/// Root of a user namespace is not the machine's root: it may make no devices, perhaps set no
/// groups, and its /proc files are its own only until it cannot be dumped.
#[test]
fn root_in_a_user_namespace_with_a_rootfs() {
    let nested =
        Host { in_user_namespace: true, may_make_devices: false, may_set_groups: false, ..root() };
    let spec = Spec {
        namespaces: Namespaces { net: Namespace::Host, ..Namespaces::default() },
        process: Process { oom_score_adj: Some(5), ..spec().process },
        ..with_rootfs()
    };
    let text = plan(&spec, &nested);
    assert_eq!(Plan::new(&spec, &nested).clone_flags & libc::CLONE_NEWUSER, 0);
    for there in
        ["make file /dev/null\nbind /dev/null from /dev/null ro\n", "ptmxmode=0666,mode=0620\n"]
    {
        assert!(text.contains(there), "{there:?} is not in\n{text}");
    }
    for not in ["mknod", "groups", "sysfs", "gid=5"] {
        assert!(!text.contains(not), "{not:?} is in\n{text}");
    }
    let at = |step: &str| text.find(step).unwrap();
    assert!(at("oom_score_adj") < at("set not dumpable"), "{text}");
    let planned = |host: &Host| plan(&spec, host);
    let range = || vec![IdRange { inside: 0, outside: 0, count: 1 }];
    let ids = IdMaps::Ranges { uids: range(), gids: range(), by_helper: false };
    let mapped = planned(&Host { ids: ids.clone(), ..nested.clone() });
    assert!(mapped.contains("set ids 0:0 keeping groups\n"), "{mapped}");
    let mapped = planned(&Host { ids, ..root() });
    assert!(mapped.contains("set ids 0:0\n"), "{mapped}");
}

/// An intermediate process joins what exists: what mini's user namespace owns before the user namespace, the rest
/// after it.
#[test]
fn namespaces_that_exist_are_joined_before_the_clone() {
    let mut spec = spec();
    spec.hostname = None;
    spec.namespaces = Namespaces {
        net: Namespace::Path(c"/run/netns/a"),
        pid: Namespace::Path(c"/proc/7/ns/pid"),
        ..Namespaces::default()
    };
    let text = |spec: &Spec, host: &Host| {
        let mut text = Text::new();
        let plan = Plan::new(spec, host);
        plan.describe(&mut text);
        (String::from_utf8(text.bytes().to_vec()).unwrap(), plan.joins)
    };
    let (plan, joins) = text(&spec, &root());
    assert_eq!(joins, 2);
    assert!(
        plan.starts_with(
            "setns network /run/netns/a\nsetns pid /proc/7/ns/pid\nclone new mount uts ipc cgroup\n"
        ),
        "{plan}"
    );
    assert!(!plan.contains("loopback"), "{plan}");
    spec.security.users = IdMapping::Path(c"/u");
    let host = Host { ids: IdMaps::Joined, ..root() };
    let (plan, joins) = text(&spec, &host);
    assert_eq!(joins, 5);
    assert!(
        plan.starts_with(
            "setns network /run/netns/a if permitted\nsetns pid /proc/7/ns/pid if permitted\n\
             setns user /u\nsetns network /run/netns/a\nsetns pid /proc/7/ns/pid\n\
             clone new mount uts ipc cgroup\n"
        ),
        "{plan}"
    );
}

#[test]
fn clocks_kernel_parameters_and_labels_come_first_and_scheduling_with_the_limits() {
    let mut spec = spec();
    spec.namespaces.time = Namespace::New;
    let offset = TimeOffset { secs: -5, nanosecs: 7 };
    spec.time_offsets = TimeOffsets { monotonic: None, boottime: Some(offset) };
    spec.domainname = Some(c"dom");
    spec.sysctl = vec![(c"net.core.somaxconn", c"9"), (c"kernel.pid_max", c"9")];
    spec.net_devices = vec![NetDevice { host_name: c"d0", name: Some(c"eth0") }];
    spec.process.apparmor_profile = Some(c"p");
    spec.process.io_priority = Some(IoPriority { class: 2, priority: 6 });
    spec.process.personality = Some(8);
    let mut text = Text::new();
    Plan::new(&spec, &root()).describe(&mut text);
    let text = String::from_utf8(text.bytes().to_vec()).unwrap();
    let at = |line: &str| {
        text.lines().position(|l| l == line).unwrap_or_else(|| panic!("{line}: {text}"))
    };
    let lines = [
        "move interface d0 as eth0",
        "unshare time namespace",
        "write /proc/self/timens_offsets 'boottime -5 7\\n'",
        "setns time namespace",
        "sysctl net.core.somaxconn 9",
        "exec label apparmor 'exec p'",
        "sethostname mini",
        "setdomainname dom",
        "ioprio_set class 2 priority 6",
        "personality 8",
    ];
    assert!(lines.map(at).is_sorted(), "{text}");
    // What is the whole machine's is not touched, whatever a front end lets through.
    assert!(!text.contains("pid_max"), "{text}");
}

#[test]
fn the_callers_session_keyring_can_be_kept() {
    let steps = |keeps_keyring| {
        let mut text = Text::new();
        Plan::new(&Spec { keeps_keyring, ..with_rootfs() }, &root()).describe(&mut text);
        String::from_utf8(text.bytes().to_vec()).unwrap()
    };
    assert_eq!(steps(true), steps(false).replace("join session keyring\n", ""));
    assert!(steps(false).contains("join session keyring\n"));
}
