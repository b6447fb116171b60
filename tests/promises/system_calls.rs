//! The launch makes the system calls that ARCHITECTURE.md lists and explains, and no other.

use crate::world::World;
use crate::{Need, Promise};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub const PROMISES: &[Promise] = &[Promise {
    name: "every_system_call_of_the_launch_is_explained",
    needs: &[Need::Root, Need::Busybox, Need::Strace, Need::LaterCalls],
    check: explained,
}];

type Counts = BTreeMap<String, usize>;

/// From mini's exec to its wait, and from the child's birth to the command's exec, whatever
/// order the two run in.
fn traced(world: &World, options: &[&str]) -> Counts {
    let log = world.directory().join("strace");
    let mini = world.mini();
    let mut command = world.command(world.strace(), &["-f", "-o", log.to_str().unwrap()]);
    // How many masks there are depends on the kernel: those are counted apart.
    let unmasked = ["--security-opt", "unmask=all", "--", "/bin/true"];
    command.arg(mini).arg("run").args(options).args(unmasked).env_clear();
    assert!(command.status().unwrap().success());
    let log = fs::read_to_string(log).unwrap();
    let parent = log.split_whitespace().next().unwrap();
    let (mut waits, mut runs) = (false, false);
    let mut counts = Counts::new();
    for line in log.lines() {
        let (pid, rest) = line.split_once(' ').unwrap();
        let name = rest.trim_start().split('(').next().unwrap();
        // Not the second half of an interrupted line, a signal or an exit.
        if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            continue;
        }
        let over = if pid == parent { &mut waits } else { &mut runs };
        *over |= pid == parent && name == "rt_sigtimedwait";
        if !*over {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
        *over |= pid != parent && name == "execve";
    }
    counts
}

/// The table's rows: `| call | host's files | rootfs | why |`.
fn documented(column: usize) -> Counts {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, table) = text.split_once("<!-- system calls -->").unwrap();
    let mut counts = Counts::new();
    for line in table.lines().skip_while(|line| !line.starts_with("|---")).skip(1) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, ..] = cells[..] else { break };
        let count: usize = cells[column].parse().unwrap();
        if count > 0 {
            *counts.entry(name.trim_matches('`').to_owned()).or_default() += count;
        }
    }
    counts
}

fn explained(world: &World) {
    assert_eq!(traced(world, &[]), documented(2));
    let root = world.busybox();
    assert_eq!(traced(world, &["--rootfs", root.to_str().unwrap()]), documented(3));
}
