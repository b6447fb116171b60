//! The cgroups of containers made from bundles, on this machine's hierarchies.

use crate::oci_life::Bundle;
use crate::world::World;
use crate::{Need, Promise};
use serde_json::json;
use std::fs;
use std::path::PathBuf;

const V1: &[Need] = &[Need::Root, Need::Busybox, Need::Limits];

pub const PROMISES: &[Promise] = &[
    Promise { name: "oci_a_container_is_in_every_hierarchy", needs: V1, check: everywhere },
    Promise { name: "oci_a_cgroup_with_processes_is_refused", needs: V1, check: busy },
    Promise { name: "oci_limits_that_cannot_be_leave_nothing", needs: V1, check: impossible },
    Promise { name: "oci_device_rules_hold", needs: V1, check: devices },
];

/// A path that no other test has, below a cgroup of this test run.
fn path(name: &str) -> String {
    format!("/mini-test-{}/{name}", std::process::id())
}

/// The directories of a cgroup, by /proc/self/mountinfo: where each hierarchy is mounted.
fn directories(path: &str) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let points = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        kind.starts_with("cgroup").then(|| PathBuf::from(point))
    });
    points.map(|point| point.join(path.trim_start_matches('/'))).collect()
}

/// Removes the cgroups above the containers', which stay, as with other runtimes.
struct Above;

impl Drop for Above {
    fn drop(&mut self) {
        for directory in directories(&path("")) {
            let _ = fs::remove_dir(directory);
        }
    }
}

fn find(path: &str, file: &str) -> Option<String> {
    directories(path).iter().find_map(|it| fs::read_to_string(it.join(file)).ok())
}

fn everywhere(world: &World) {
    let _above = Above;
    let path = path("everywhere");
    let bundle = Bundle::sh(world, "exec sleep 1000");
    bundle.edit(|config| {
        config["linux"]["cgroupsPath"] = json!(path);
        config["linux"]["resources"] = json!({
            "memory": {"limit": 67108864}, "pids": {"limit": 30}, "cpu": {"shares": 0},
        });
    });
    bundle.create("c").ok();
    let pid = bundle.state_of("c")["pid"].as_u64().unwrap();
    let members = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let there = directories(&path).into_iter().filter(|it| it.exists()).count();
    assert!(there > 0 && there == directories(&path).len(), "{there}");
    let inside = members.lines().filter(|line| line.ends_with(&format!(":{path}"))).count();
    assert_eq!(inside, there, "{members}");
    let memory = find(&path, "memory.limit_in_bytes").or_else(|| find(&path, "memory.max"));
    assert_eq!(memory.as_deref(), Some("67108864\n"));
    assert_eq!(find(&path, "pids.max").as_deref(), Some("30\n"));
    bundle.mini(&["delete", "--force", "c"]).ok();
    assert!(directories(&path).iter().all(|it| !it.exists()));
}

fn busy(world: &World) {
    let _above = Above;
    let path = path("busy");
    let bundle = Bundle::sh(world, "exec sleep 1000");
    bundle.edit(|config| config["linux"]["cgroupsPath"] = json!(path));
    bundle.create("one").ok();
    let pid = bundle.state_of("one")["pid"].as_u64().unwrap();
    bundle.create("two").refused(1, "another container uses it");
    // Its process is left alone.
    assert_eq!(bundle.state_of("one")["pid"].as_u64(), Some(pid));
    assert_eq!(bundle.status_of("one"), "created");
    bundle.mini(&["delete", "--force", "one"]).ok();
    assert!(directories(&path).iter().all(|it| !it.exists()));
}

fn impossible(world: &World) {
    let _above = Above;
    let path = path("impossible");
    for (resources, complaint) in [
        (json!({"cpu": {"cpus": "4000"}}), "cpuset.cpus"),
        (json!({"memory": {"limit": 1000000, "swap": 999999}}), "below memory.limit"),
        (json!({"unified": {"nonsense.max": "1"}}), "nonsense.max"),
        (json!({"blockIO": {"weight": 5}}), "out of range (10 to 1000)"),
    ] {
        let bundle = Bundle::sh(world, "true");
        bundle.edit(|config| {
            config["linux"]["cgroupsPath"] = json!(path);
            config["linux"]["resources"] = resources;
        });
        bundle.create("c").refused(1, complaint);
        assert!(directories(&path).iter().all(|it| !it.exists()), "{complaint}");
        bundle.mini(&["state", "c"]).refused(1, "does not exist");
    }
    for wrong in ["/", "/..", "a/../b", "/x/mini-1-2.3"] {
        let bundle = Bundle::sh(world, "true");
        bundle.edit(|config| config["linux"]["cgroupsPath"] = json!(wrong));
        bundle.create("c").refused(1, "cgroupsPath");
    }
}

/// The kernel's random numbers are always there, /dev/kmsg only for whom the rules allow it.
fn devices(world: &World) {
    let _above = Above;
    let script =
        "for n in 8 11; do mknod /dev/x$n c 1 $n && (: </dev/x$n) && echo $n; done; exit 0";
    let open = |rules| {
        let bundle = Bundle::sh(world, script);
        bundle.edit(|config| {
            config["linux"]["cgroupsPath"] = json!(path("devices"));
            config["linux"]["resources"] = json!({"devices": rules});
            for set in ["bounding", "effective", "permitted"] {
                let set = &mut config["process"]["capabilities"][set];
                *set = json!(["CAP_MKNOD", "CAP_SYSLOG"]);
            }
        });
        bundle.mini(&["run", "--bundle", ".", "c"]).stdout
    };
    let none = json!({"allow": false, "access": "rwm"});
    let kmsg = json!({"allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"});
    assert_eq!(open(json!([none])), "8\n");
    assert_eq!(open(json!([none, kmsg])), "8\n11\n");
    assert_eq!(open(json!([kmsg, none])), "8\n");
}
