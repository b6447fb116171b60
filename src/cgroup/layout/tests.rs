//! The texts of real hosts, shortened to what matters.

use super::*;
use crate::cgroup::Controller;

/// `CONTROLLERS@MOUNT POINT:OWN GROUP`, in the order of /proc/self/cgroup.
fn summary(mountinfo: &str, cgroups: &str) -> Vec<String> {
    read(mountinfo.as_bytes(), cgroups.as_bytes())
        .into_iter()
        .map(|hierarchy| {
            let names = match hierarchy.version {
                Version::V1 => String::from_utf8(hierarchy.names).unwrap(),
                Version::V2 => "v2".into(),
            };
            match hierarchy.mount {
                Some(Mount { point, own }) => {
                    let (point, own) = (String::from_utf8(point), String::from_utf8(own));
                    format!("{names}@{}:{}", point.unwrap(), own.unwrap())
                }
                None => format!("{names}@nowhere"),
            }
        })
        .collect()
}

#[test]
fn systemd_with_v2() {
    let mountinfo = "\
29 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
34 25 0:29 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate
";
    let own = "0::/user.slice/user-1000.slice/session-2.scope\n";
    assert_eq!(
        summary(mountinfo, own),
        ["v2@/sys/fs/cgroup:/user.slice/user-1000.slice/session-2.scope"]
    );
}

#[test]
fn systemd_with_v1_and_comounted_controllers() {
    let mountinfo = "\
26 18 0:23 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755
28 26 0:25 / /sys/fs/cgroup/systemd rw,nosuid shared:11 - cgroup cgroup rw,xattr,name=systemd
32 26 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:14 - cgroup cgroup rw,cpu,cpuacct
33 26 0:30 / /sys/fs/cgroup/memory rw,nosuid shared:15 - cgroup cgroup rw,memory
";
    let own = "3:memory:/user.slice\n2:cpu,cpuacct:/user.slice\n1:name=systemd:/user.slice/x\n";
    assert_eq!(
        summary(mountinfo, own),
        [
            "memory@/sys/fs/cgroup/memory:/user.slice",
            "cpu,cpuacct@/sys/fs/cgroup/cpu,cpuacct:/user.slice",
            "name=systemd@/sys/fs/cgroup/systemd:/user.slice/x",
        ]
    );
    let hierarchies = read(mountinfo.as_bytes(), own.as_bytes());
    assert!(hierarchies[1].controllers.has(Controller::Cpu));
    assert!(!hierarchies[1].controllers.has(Controller::Memory));
}

#[test]
fn hybrid_with_an_empty_v2() {
    let mountinfo = "\
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
    let own = "4:memory:/jobs/a055\n0::/\n";
    assert_eq!(
        summary(mountinfo, own),
        ["memory@/sys/fs/cgroup/memory:/jobs/a055", "v2@/sys/fs/cgroup/unified:"]
    );
}

#[test]
fn openrc_mounts_each_controller() {
    let mountinfo = "\
21 20 0:19 / /sys/fs/cgroup rw,nosuid - tmpfs cgroup_root rw,size=10240k
22 21 0:20 / /sys/fs/cgroup/openrc rw - cgroup openrc rw,release_agent=/lib/rc/x,name=openrc
23 21 0:21 / /sys/fs/cgroup/cpuset rw - cgroup cpuset rw,cpuset
24 21 0:22 / /sys/fs/cgroup/pids rw - cgroup pids rw,pids
";
    let own = "12:pids:/\n11:cpuset:/\n1:name=openrc:/sshd\n";
    assert_eq!(
        summary(mountinfo, own),
        [
            "pids@/sys/fs/cgroup/pids:",
            "cpuset@/sys/fs/cgroup/cpuset:",
            "name=openrc@/sys/fs/cgroup/openrc:/sshd",
        ]
    );
}

#[test]
fn inside_docker_on_v1_the_mount_shows_the_containers_part() {
    let mountinfo = "\
700 699 0:30 /docker/abc /sys/fs/cgroup/memory ro,nosuid master:15 - cgroup cgroup rw,memory
";
    assert_eq!(summary(mountinfo, "5:memory:/docker/abc\n"), ["memory@/sys/fs/cgroup/memory:"]);
    assert_eq!(
        summary(mountinfo, "5:memory:/docker/abc/in\n"),
        ["memory@/sys/fs/cgroup/memory:/in"]
    );
    // Another container's part does not show it.
    assert_eq!(summary(mountinfo, "5:memory:/docker/abcdef\n"), ["memory@nowhere"]);
}

#[test]
fn inside_a_cgroup_namespace_the_group_is_the_root() {
    let mountinfo = "800 799 0:29 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw,nsdelegate\n";
    assert_eq!(summary(mountinfo, "0::/\n"), ["v2@/sys/fs/cgroup:"]);
    // The host's mount, seen from such a namespace.
    let mountinfo = "800 799 0:29 /../.. /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw\n";
    assert_eq!(summary(mountinfo, "0::/\n"), ["v2@nowhere"]);
    // A process that was moved out of the namespace's root.
    let mountinfo = "800 799 0:29 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw\n";
    assert_eq!(summary(mountinfo, "0::/../other\n"), ["v2@nowhere"]);
}

#[test]
fn android_mounts_v1_in_odd_places() {
    let mountinfo = "\
60 22 0:31 / /dev/cpuset rw,nosuid,nodev,noexec - cgroup none rw,cpuset,noprefix
61 22 0:32 / /dev/memcg rw,nosuid - cgroup none rw,memory
62 22 0:33 / /sys/fs/cgroup rw,nosuid - cgroup2 none rw
";
    let own = "5:memory:/apps\n3:cpuset:/top-app\n0::/uid_1000/pid_7\n";
    assert_eq!(
        summary(mountinfo, own),
        [
            "memory@/dev/memcg:/apps",
            "cpuset@/dev/cpuset:/top-app",
            "v2@/sys/fs/cgroup:/uid_1000/pid_7"
        ]
    );
}

#[test]
fn the_first_mount_that_can_be_written_to_counts() {
    let mountinfo = "\
40 1 0:29 / /ro ro - cgroup2 c rw
41 1 0:29 /a /part rw - cgroup2 c rw
42 1 0:29 / /with\\040space rw - cgroup2 c rw
";
    assert_eq!(summary(mountinfo, "0::/b\n"), ["v2@/with space:/b"]);
    assert_eq!(summary(mountinfo, "0::/a/b\n"), ["v2@/part:/b"]);
    assert_eq!(summary("40 1 0:29 / /ro ro - cgroup2 c rw\n", "0::/b\n"), ["v2@/ro:/b"]);
}

#[test]
fn no_cgroups_at_all() {
    assert_eq!(summary("29 1 254:1 / / rw - ext4 /dev/vda1 rw\n", ""), Vec::<String>::new());
    assert_eq!(summary("", "0::/\n"), ["v2@nowhere"]);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(mountinfo: Vec<u8>, own: Vec<u8>) {
        read(&mountinfo, &own);
    }

    #[test]
    fn any_line_is_read(root in "[ /a\\\\0-9.-]{0,20}", options in "[a-z,= -]{0,20}", path in "[/.a:]{0,9}") {
        let mountinfo = format!("1 2 0:3 {root} /m {options} - cgroup2 c rw\n");
        read(mountinfo.as_bytes(), format!("0::{path}\n").as_bytes());
    }
}
