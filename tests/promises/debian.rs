//! A real Debian root file system: programs that nobody here wrote.

use crate::world::{Outcome, World};
use crate::{Need, Promise};

pub const PROMISES: &[Promise] = &[
    Promise { name: "debians_programs_run", needs: &[Need::Debian], check: programs },
    Promise { name: "debian_sees_a_machine_of_its_own", needs: &[Need::Debian], check: machine },
];

fn debian(world: &World, script: &str) -> Outcome {
    let root = world.debian().to_str().unwrap();
    world.run(&["--rootfs", root, "-it", "/bin/bash", "-c", script])
}

fn programs(world: &World) {
    assert!(debian(world, "apt-get --version").ok().starts_with("apt "));
    assert_eq!(debian(world, "perl -e 'print 6 * 7'").ok(), "42");
    assert_eq!(
        debian(world, "echo {1..3} | wc -w; cat /etc/debian_version | cut -d. -f1").ok(),
        "3\n12\n"
    );
    // An ordinary user cannot read the real root's home, about which dpkg complains.
    let listed = debian(world, "dpkg -l dpkg");
    assert!(listed.status == 0 && listed.stdout.contains("Debian package management system"));
}

fn machine(world: &World) {
    assert_eq!(debian(world, "id -u; hostname; pwd").ok(), "0\nmini\n/\n");
    let ps = debian(world, "ps -eo pid,comm --no-headers; true").ok();
    assert_eq!(ps.lines().count(), 2, "{ps}");
    assert!(ps.trim_start().starts_with("1 bash"), "{ps}");
    let links =
        debian(world, "ip -o link | cut -d: -f2; ip -o addr show lo | grep -c 127.0.0.1").ok();
    assert_eq!(links, " lo\n1\n");
    let mounts = debian(world, "mount | cut -d' ' -f3 | sort").ok();
    for mount in mounts.lines() {
        assert!(
            mount == "/" || ["/proc", "/sys", "/dev"].iter().any(|m| mount.starts_with(m)),
            "{mounts}"
        );
    }
    assert_eq!(debian(world, "df /dev | tail -n 1 | cut -d' ' -f1").ok(), "tmpfs\n");
}
