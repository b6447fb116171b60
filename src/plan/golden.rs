//! Plans, held still: a changed line here is a change of what mini does, and a changed order of
//! lines is one too.

use super::Plan;
use crate::host::Host;
use crate::spec::{Id, Namespace, Namespaces, Process, Spec, User};
use crate::text::Text;

const ROOT: Host = Host { euid: 0, egid: 0, root_is_initramfs: false };
const USER: Host = Host { euid: 1000, egid: 100, root_is_initramfs: false };
const INITRAMFS: Host = Host { euid: 0, egid: 0, root_is_initramfs: true };

fn spec() -> Spec<'static> {
    Spec {
        process: Process {
            args: &[c"/bin/sh"],
            env: Vec::new(),
            home_from_passwd: false,
            cwd: None,
            user: None,
        },
        rootfs: None,
        hostname: Some(c"mini"),
        namespaces: Namespaces::default(),
    }
}

fn with_rootfs() -> Spec<'static> {
    Spec { rootfs: Some(c"/srv/root"), ..spec() }
}

#[track_caller]
fn check(spec: &Spec, host: &Host, expected: &str) {
    let mut text = Text::new();
    Plan::new(spec, host).describe(&mut text);
    let text = String::from_utf8(text.bytes().to_vec()).unwrap();
    assert_eq!(text, expected, "\n--- the plan is:\n{text}");
}

#[test]
fn root_with_the_hosts_files() {
    check(
        &spec(),
        &ROOT,
        "\
clone new mount pid uts ipc net
die with parent
make private / recursive
mount /proc from proc type proc nosuid nodev noexec if there
hostname mini
loopback up
gate
exec /bin/sh
",
    );
}

#[test]
fn root_with_a_rootfs() {
    check(
        &with_rootfs(),
        &ROOT,
        "\
clone new mount pid uts ipc net
die with parent
make private / recursive
bind / from /srv/root recursive
chdir /..
pivot_root
clear umask
mount /proc from proc type proc nosuid nodev noexec
mount /sys from sysfs type sysfs ro nosuid nodev noexec
mount /dev from tmpfs type tmpfs nosuid strictatime mode=0755,size=64k,nr_inodes=256
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
detach old root
chdir /
hostname mini
loopback up
gate
exec /bin/sh
",
    );
}

#[test]
fn an_ordinary_user_with_a_rootfs() {
    check(
        &with_rootfs(),
        &USER,
        "\
clone new user mount pid uts ipc net
die with parent
write /proc/self/setgroups deny
write /proc/self/uid_map '0 1000 1'
write /proc/self/gid_map '0 100 1'
make private / recursive
bind / from /srv/root recursive
chdir /..
pivot_root
clear umask
mount /proc from proc type proc nosuid nodev noexec
mount /sys from sysfs type sysfs ro nosuid nodev noexec
mount /dev from tmpfs type tmpfs nosuid strictatime mode=0755,size=64k,nr_inodes=256
make file /dev/null
bind /dev/null from dev/null
make file /dev/zero
bind /dev/zero from dev/zero
make file /dev/full
bind /dev/full from dev/full
make file /dev/random
bind /dev/random from dev/random
make file /dev/urandom
bind /dev/urandom from dev/urandom
make file /dev/tty
bind /dev/tty from dev/tty
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
detach old root
chdir /
hostname mini
loopback up
gate
exec /bin/sh
",
    );
}

#[test]
fn an_initramfs_host_covers_the_root_and_gives_up_the_right_to_undo_it() {
    let mut spec = with_rootfs();
    spec.process.user = Some(User { uid: Id::Name(b"www"), gid: None });
    spec.process.home_from_passwd = true;
    spec.process.cwd = Some(c"/srv/www");
    check(
        &spec,
        &INITRAMFS,
        "\
clone new mount pid uts ipc net
die with parent
make private / recursive
bind / from /srv/root recursive
chdir /..
chroot
clear umask
mount /proc from proc type proc nosuid nodev noexec
mount /sys from sysfs type sysfs ro nosuid nodev noexec
mount /dev from tmpfs type tmpfs nosuid strictatime mode=0755,size=64k,nr_inodes=256
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
chdir /srv/www
hostname mini
loopback up
drop capability 21
user www
die with parent
gate
exec /bin/sh
",
    );
}

#[test]
fn an_ordinary_user_is_seen_inside_as_the_number_asked_for() {
    let mut spec = spec();
    spec.process.user = Some(User { uid: Id::Number(33), gid: Some(Id::Number(34)) });
    spec.process.cwd = Some(c"/tmp");
    check(
        &spec,
        &USER,
        "\
clone new user mount pid uts ipc net
die with parent
write /proc/self/setgroups deny
write /proc/self/uid_map '33 1000 1'
write /proc/self/gid_map '34 100 1'
make private / recursive
mount /proc from proc type proc nosuid nodev noexec if there
chdir /tmp
hostname mini
loopback up
user 33:34
die with parent
gate
exec /bin/sh
",
    );
}

/// What belongs to a namespace can be mounted by its owner only.
#[test]
fn an_ordinary_user_who_shares_the_hosts_namespaces_shows_the_hosts_processes() {
    let mut spec = with_rootfs();
    spec.hostname = None;
    spec.namespaces = Namespaces {
        pid: Namespace::Host,
        net: Namespace::Host,
        ipc: Namespace::Host,
        uts: Namespace::Host,
    };
    let mut text = Text::new();
    Plan::new(&spec, &USER).describe(&mut text);
    let text = String::from_utf8(text.bytes().to_vec()).unwrap();
    assert!(text.starts_with("clone new user mount\n"));
    assert!(text.contains("bind /proc from proc recursive\n"));
    for absent in ["sysfs", "mqueue", "hostname", "loopback"] {
        assert!(!text.contains(absent), "{absent}");
    }
}
