//! Containers that run are paused, changed and looked at: pause, resume, update, ps, events.

use crate::oci_life::Bundle;
use crate::world::{World, eventually};
use crate::{Need, Promise};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::Stdio;

const ROOT: &[Need] = &[Need::Root, Need::Busybox];

pub const PROMISES: &[Promise] = &[
    Promise { name: "oci_a_paused_container_stands_still", needs: ROOT, check: paused },
    Promise { name: "oci_limits_are_updated_or_all_stay", needs: ROOT, check: updated },
    Promise { name: "oci_processes_are_listed", needs: ROOT, check: listed },
    Promise { name: "oci_events_tell_use_and_want_of_memory", needs: ROOT, check: events },
];

/// The file of a controller in the cgroup of a container.
fn control(bundle: &Bundle, id: &str, v1: (&str, &str), v2: &str) -> PathBuf {
    let pid = bundle.state_of(id)["pid"].to_string();
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let top = PathBuf::from("/sys/fs/cgroup");
    for line in text.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (names, path) = (parts.next().unwrap(), &parts.next().unwrap()[1..]);
        if names.split(',').any(|name| name == v1.0) {
            return top.join(v1.0).join(path).join(v1.1);
        }
        if names.is_empty() && !text.contains(&format!(":{}:", v1.0)) {
            return top.join(path).join(v2);
        }
    }
    panic!("no {} in {text}", v1.0)
}

fn read(path: &PathBuf) -> String {
    fs::read_to_string(path).unwrap().trim().to_owned()
}

fn paused(world: &World) {
    let bundle = Bundle::sh(world, "while :; do echo x >>/dev/count; done");
    bundle.edit(|config| {
        config["root"]["readonly"] = json!(false);
        config["mounts"].as_array_mut().unwrap().push(json!({
            "destination": "/dev/count", "type": "bind", "source": "count", "options": ["bind"],
        }));
    });
    fs::write(bundle.path("count"), "").unwrap();
    let count = || fs::metadata(bundle.path("count")).unwrap().len();
    bundle.mini(&["pause", "c"]).refused(1, "does not exist");
    bundle.create("c").ok();
    bundle.mini(&["resume", "c"]).refused(1, "container not paused");
    bundle.mini(&["start", "c"]).ok();
    eventually("it counts", || count() > 0);
    bundle.mini(&["pause", "c"]).ok();
    assert_eq!(bundle.status_of("c"), "paused");
    let before = count();
    bundle.mini(&["pause", "c"]).refused(1, "container not running");
    bundle.mini(&["delete", "c"]).refused(1, "not stopped");
    assert_eq!(count(), before);
    bundle.mini(&["resume", "c"]).ok();
    assert_eq!(bundle.status_of("c"), "running");
    eventually("it goes on", || count() > before);
    // A paused one can be deleted all the same.
    bundle.mini(&["pause", "c"]).ok();
    bundle.mini(&["delete", "--force", "c"]).ok();
    bundle.is_empty();
    bundle.nothing_runs();
}

fn updated(world: &World) {
    let bundle = Bundle::sh(world, "sleep 1000");
    bundle.edit(|config| {
        config["linux"]["resources"]["memory"] = json!({"limit": 50 << 20});
        config["linux"]["resources"]["pids"] = json!({"limit": 20});
    });
    bundle.create("c").ok();
    bundle.mini(&["start", "c"]).ok();
    let memory = control(&bundle, "c", ("memory", "memory.limit_in_bytes"), "memory.max");
    let pids = control(&bundle, "c", ("pids", "pids.max"), "pids.max");
    let both = || (read(&memory), read(&pids));
    assert_eq!(both(), ((50 << 20).to_string(), "20".into()));
    bundle.mini(&["update", "--memory", "40m", "--pids-limit", "30", "c"]).ok();
    assert_eq!(both(), ((40 << 20).to_string(), "30".into()));
    // As engines do it, from standard input; both limits are raised above the old one on memory and swap.
    let update = |document: Value| {
        let mut command = bundle.command(&["update", "--resources", "-", "c"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(document.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(
        update(json!({"memory": {"limit": 20 << 20, "swap": 20 << 20}})),
        (Some(0), "".into())
    );
    assert_eq!(
        update(json!({"memory": {"limit": 80 << 20, "swap": 90 << 20}})),
        (Some(0), "".into())
    );
    assert_eq!(both(), ((80 << 20).to_string(), "30".into()));
    // One that is impossible leaves the others as they were.
    let (status, said) = update(json!({
        "memory": {"limit": 60 << 20}, "pids": {"limit": 5}, "cpu": {"cpus": "9999"},
    }));
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("cpuset.cpus"), "{said}");
    assert_eq!(both(), ((80 << 20).to_string(), "30".into()));
    bundle.mini(&["update", "--memory", "lots", "c"]).refused(1, "--memory lots: not a number");
    assert_eq!(update(json!([])).0, Some(1));
    assert_eq!(update(json!({"memory": {"limit": 1000, "checkBeforeUpdate": true}})).0, Some(1));
    assert_eq!(both(), ((80 << 20).to_string(), "30".into()));
    bundle.mini(&["delete", "--force", "c"]).ok();
    bundle.mini(&["update", "--memory", "40m", "c"]).refused(1, "does not exist");
    bundle.is_empty();
}

fn listed(world: &World) {
    let bundle = Bundle::sh(world, "sleep 1001 & sleep 1002");
    bundle.create("c").ok();
    let pid = bundle.state_of("c")["pid"].clone();
    let pids = || -> Vec<Value> {
        serde_json::from_str(&bundle.mini(&["ps", "--format", "json", "c"]).ok()).unwrap()
    };
    assert_eq!(pids(), [pid]);
    bundle.mini(&["start", "c"]).ok();
    // Each is the shell for a moment before it is sleep.
    eventually("all are there", || {
        let table = bundle.mini(&["ps", "c"]).ok();
        table.starts_with("PID ") && table.contains(" 0        sleep 1001\n")
    });
    assert!(matches!(pids().len(), 2 | 3), "{:?}", pids());
    bundle.mini(&["ps", "--format", "xml", "c"]).refused(1, "--format xml: unknown");
    bundle.mini(&["kill", "c", "KILL"]).ok();
    bundle.becomes("c", "stopped");
    assert_eq!(bundle.mini(&["ps", "-f", "json", "c"]).ok(), "[]\n");
    bundle.mini(&["delete", "c"]).ok();
    bundle.is_empty();
}

fn events(world: &World) {
    let bundle = Bundle::sh(
        world,
        "cat /dev/go >/dev/null; (dd if=/dev/zero of=/dev/null bs=60M count=1); cat /dev/go; sleep 1000",
    );
    bundle.edit(|config| {
        config["linux"]["resources"]["memory"] = json!({"limit": 30 << 20, "swap": 30 << 20});
        config["linux"]["resources"]["pids"] = json!({"limit": 20});
        config["mounts"].as_array_mut().unwrap().push(json!({
            "destination": "/dev/go", "type": "bind", "source": "go", "options": ["bind"],
        }));
    });
    let fifo = bundle.path("go");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    bundle.create("c").ok();
    bundle.mini(&["start", "c"]).ok();
    let told: Value = serde_json::from_str(&bundle.mini(&["events", "--stats", "c"]).ok()).unwrap();
    assert_eq!((told["type"].as_str(), told["id"].as_str()), (Some("stats"), Some("c")));
    let data = &told["data"];
    assert_eq!(data["memory"]["usage"]["limit"], 30 << 20);
    assert!(data["memory"]["usage"]["usage"].as_u64().unwrap() > 0, "{data}");
    assert!(data["memory"]["raw"].as_object().unwrap().len() > 10, "{data}");
    assert!(data["cpu"]["usage"]["total"].as_u64().unwrap() > 0, "{data}");
    assert!(data["pids"]["current"].as_u64().unwrap() >= 1, "{data}");
    assert_eq!(data["pids"]["limit"], 20);
    let mut stream = bundle.command(&["events", "--interval", "1s", "c"]);
    let mut stream = stream.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(stream.stdout.take().unwrap()).lines();
    let mut next = || -> String {
        let line = lines.next().unwrap().unwrap();
        serde_json::from_str::<Value>(&line).unwrap()["type"].as_str().unwrap().to_owned()
    };
    assert_eq!(next(), "stats");
    fs::write(&fifo, "go").unwrap();
    while next() != "oom" {}
    bundle.mini(&["kill", "c", "KILL"]).ok();
    // The stream ends with the container.
    assert!(stream.wait().unwrap().success());
    bundle.becomes("c", "stopped");
    bundle.mini(&["events", "--stats", "c"]).refused(1, "container not running");
    bundle.mini(&["events", "--interval", "0s", "c"]).refused(1, "out of range");
    bundle.mini(&["delete", "c"]).ok();
    bundle.is_empty();
}
