//! What the command sees of the world with the host's files.

use crate::Promise;
use crate::world::{Outcome, World};
use std::fs;

pub const PROMISES: &[Promise] = &[
    Promise { name: "the_command_is_process_1", needs: &[], check: pid_1 },
    Promise { name: "only_its_own_processes_are_seen", needs: &[], check: processes },
    Promise { name: "the_hosts_mounts_are_untouched", needs: &[], check: mounts },
    Promise { name: "namespaces_are_new_or_the_hosts_as_asked", needs: &[], check: namespaces },
    Promise { name: "loopback_is_up_and_alone", needs: &[], check: loopback },
    Promise { name: "the_host_keeps_its_name", needs: &[], check: hostname },
    Promise { name: "kernel_parameters_of_its_namespaces_are_set", needs: &[], check: sysctl },
    Promise { name: "no_option_is_needed_before_the_command", needs: &[], check: bare },
    Promise { name: "an_ordinary_user_is_root_inside", needs: &[crate::Need::User], check: ids },
];

fn pid_1(world: &World) {
    assert_eq!(world.sh(&[], "echo \"hello from pid $$\"").ok(), "hello from pid 1\n");
    assert_eq!(world.sh(&["-i"], "echo $$").ok(), "1\n");
}

fn processes(world: &World) {
    let seen = world.sh(&[], "for p in /proc/[0-9]*; do echo ${p#/proc/}; done").ok();
    assert_eq!(seen, "1\n");
    let options = world.sh(&[], "grep ' /proc proc ' /proc/mounts | tail -n 1").ok();
    for option in ["nosuid", "nodev", "noexec"] {
        assert!(options.contains(option), "{options}");
    }
}

fn mounts(world: &World) {
    let before = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let script = "mount -t tmpfs x /mnt && grep -c ' /mnt ' /proc/mounts";
    assert_eq!(world.sh(&["--cap-add", "SYS_ADMIN"], script).ok(), "1\n");
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
    assert!(fs::read_to_string("/proc/self/status").unwrap().contains("Name:"));
}

fn namespaces(world: &World) {
    let kinds = ["mnt", "pid", "uts", "ipc", "net"];
    let links = |options: &[&str]| -> Vec<String> {
        let script = "for k in mnt pid uts ipc net; do readlink /proc/self/ns/$k; done";
        world.sh(options, script).ok().lines().map(String::from).collect()
    };
    let host: Vec<String> = kinds
        .iter()
        .map(|kind| {
            let link = fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
            link.to_str().unwrap().to_owned()
        })
        .collect();
    for (kind, (host, new)) in kinds.iter().zip(host.iter().zip(links(&[]))) {
        assert_ne!(*host, new, "{kind}");
    }
    let all_shared = ["--pid", "host", "--uts", "host", "--ipc", "host", "--network", "host"];
    let shared = links(&all_shared);
    assert_ne!(shared[0], host[0]);
    assert_eq!(shared[1..], host[1..]);
    assert_ne!(links(&["-net=none"])[4], host[4]);
}

fn loopback(world: &World) {
    let script = "tail -n +3 /proc/net/dev | cut -d: -f1; cat /proc/net/if_inet6 2>/dev/null";
    let seen = world.sh(&[], script).ok();
    let mut lines = seen.lines();
    assert_eq!(lines.next().map(str::trim), Some("lo"));
    for address in lines {
        assert!(address.starts_with("00000000000000000000000000000001"), "{address}");
    }
    let flags = world.sh(&[], "grep -q 7F000001 /proc/net/fib_trie || cat /proc/net/fib_trie");
    assert!(flags.ok().contains("127.0.0.1"));
}

fn hostname(world: &World) {
    let before = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let name = |options: &[&str]| world.sh(options, "cat /proc/sys/kernel/hostname").ok();
    assert_eq!(name(&[]), "mini\n");
    assert_eq!(name(&["--name", "bird"]), "bird\n");
    assert_eq!(name(&["-h", "box.example", "--name", "bird"]), "box.example\n");
    assert_eq!(name(&["--uts", "host"]), before);
    assert_eq!(fs::read_to_string("/proc/sys/kernel/hostname").unwrap(), before);
}

fn bare(world: &World) {
    let listing = Outcome::of(&mut world.run_command(&["ls", "-l", "/etc"])).ok();
    assert!(listing.contains("passwd"), "{listing}");
}

fn ids(world: &World) {
    assert_eq!(world.run(&["id", "-u"]).ok(), "0\n");
    assert_eq!(world.run(&["-u", "1000:1000", "id", "-u"]).ok(), "1000\n");
    assert_eq!(world.sh(&[], "cat /proc/self/setgroups").ok(), "deny\n");
    world.run(&["-u", "daemon", "true"]).refused(125, "one id in the container");
}

fn sysctl(world: &World) {
    const FILE: &str = "/proc/sys/net/core/somaxconn";
    let host = fs::read_to_string(FILE).unwrap();
    let told = world.sh(&["--sysctl", "net.core.somaxconn=77"], &format!("cat {FILE}"));
    assert_eq!(told.ok(), "77\n");
    assert_eq!(fs::read_to_string(FILE).unwrap(), host);
    let options = ["--network", "host", "--sysctl", "net.core.somaxconn=77"];
    let cause = "option --sysctl net.core.somaxconn: needs a network namespace";
    world.sh(&options, "true").refused(125, cause);
    let cause = "option --sysctl kernel.pid_max: belongs to the whole machine";
    world.sh(&["--sysctl", "kernel.pid_max=9"], "true").refused(125, cause);
}
