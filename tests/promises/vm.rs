//! Hosts that only a virtual machine can be: real kernels, booted by `tests/vm/boot`.

use crate::world::World;
use crate::{Need, Promise};
use std::path::Path;
use std::process::Command;

pub const PROMISES: &[Promise] = &[
    Promise {
        name: "an_initramfs_host_is_not_reachable",
        needs: &[Need::Root, Need::Kernels],
        check: |world| scenario(world, "initramfs.sh", "", 19),
    },
    Promise {
        name: "escape_attacks_that_would_hurt_the_machine_are_held",
        needs: &[Need::Root, Need::Kernels],
        check: |world| scenario(world, "attacks.sh", "", 20),
    },
    Promise {
        name: "check_tells_the_truth_on_hosts_that_lack_things",
        needs: &[Need::Root, Need::Kernels],
        check: |world| scenario(world, "check.sh", "", 12),
    },
    Promise {
        name: "hosts_without_common_files_work",
        needs: &[Need::Root, Need::Kernels],
        check: |world| scenario(world, "bare.sh", "", 14),
    },
    Promise {
        name: "a_rootfs_is_the_same_on_every_kernel",
        needs: &[Need::Root, Need::Kernels],
        check: |world| scenario(world, "disk.sh", "", 27),
    },
    Promise {
        name: "path_rules_hold_on_every_kernel_or_are_refused",
        needs: &[Need::Root, Need::Kernels],
        check: |world| scenario(world, "paths.sh", "lsm=landlock", 5),
    },
    Promise {
        name: "walls_hold_on_an_initramfs",
        needs: &[Need::Root, Need::Kernels],
        check: |world| scenario_on(world, "walls.sh", "initramfs", "", 12),
    },
    Promise {
        name: "walls_hold_on_a_disk",
        needs: &[Need::Root, Need::Kernels],
        check: |world| scenario_on(world, "walls.sh", "ext4", "", 12),
    },
    Promise {
        name: "mini_can_be_pid_1_of_the_machine",
        needs: &[Need::Root, Need::Kernels],
        check: first,
    },
    Promise {
        name: "limits_hold_on_every_kind_of_cgroup",
        needs: &[Need::Root, Need::Kernels],
        check: |world| scenario(world, "limits.sh", "", 21),
    },
    Promise {
        name: "every_cgroup_is_in_use_or_removed",
        needs: &[Need::Root, Need::Kernels],
        check: |world| scenario(world, "cgroups.sh", "", 12),
    },
    Promise {
        name: "oci_limits_and_device_rules_hold_on_cgroup_v2",
        needs: &[Need::Root, Need::Kernels],
        check: |world| scenario(world, "oci-cgroups.sh", "", 20),
    },
    Promise {
        name: "limits_hold_on_cgroup_v1",
        needs: &[Need::Root, Need::Kernels],
        check: |world| scenario(world, "limits-v1.sh", "", 10),
    },
    Promise {
        name: "sizes_ids_and_times_are_wide",
        needs: &[Need::Root, Need::Kernels],
        check: |world| scenario(world, "wide.sh", "", 17),
    },
    Promise {
        name: "a_disabled_controller_is_an_error",
        needs: &[Need::Root, Need::Kernels],
        check: |world| scenario(world, "no-memory-controller.sh", "cgroup_disable=memory", 4),
    },
];

/// The kernel starts mini, which has nothing but a root for its container, and ends the machine.
fn first(world: &World) {
    let vm = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vm");
    for kernel in std::fs::read_dir(world.kernels()).unwrap().flatten() {
        for (words, status, end) in [
            ("run --rootfs /app /scenario", 7, "mini: status 7, power off"),
            ("run --then reboot --rootfs /app /bin/false", 1, ""),
            ("run --then panic --init --rootfs /app /bin/false", 1, ""),
            ("run --rootfs /nowhere sh", 125, ""),
            ("no-such-verb", 125, ""),
        ] {
            let mut command = Command::new(vm.join("boot"));
            command
                .arg(kernel.path().join("vmlinuz"))
                .arg(world.mini())
                .arg(vm.join("first.sh"))
                .arg("128");
            let output = command.env("VM_WORDS", words).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(status), "{words}: {text}");
            assert!(text.contains(end) && !text.contains("FAIL"), "{words}: {text}");
            assert_eq!(text.matches("ok: ").count(), if end.is_empty() { 0 } else { 3 }, "{text}");
        }
    }
}

/// Runs a scenario of `tests/vm` on every kernel; it prints a line for each of its checks.
fn scenario(world: &World, script: &str, parameters: &str, checks: usize) {
    let root = if ["disk.sh", "wide.sh"].contains(&script) { "ext4" } else { "initramfs" };
    scenario_on(world, script, root, parameters, checks)
}

fn scenario_on(world: &World, script: &str, root: &str, parameters: &str, checks: usize) {
    let vm = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vm");
    for kernel in std::fs::read_dir(world.kernels()).unwrap().flatten() {
        let output = Command::new(vm.join("boot"))
            .arg(kernel.path().join("vmlinuz"))
            .arg(world.mini())
            .arg(vm.join(script))
            .args(["256", parameters])
            .env("VM_ROOT", root)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let name = kernel.file_name();
        assert!(!text.contains("FAIL"), "{name:?}:\n{text}");
        let passed = text.lines().filter(|line| line.starts_with("ok: ")).count();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(passed, checks, "{name:?}:\n{text}\n{complaint}");
    }
}
