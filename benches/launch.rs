//! What a launch costs, against whatever else on this machine can do the same.
//!
//! `cargo bench` runs all candidates in turn, round by round, so that a machine whose speed drifts
//! drifts for all of them, and prints medians and the ratio to mini's, pair by pair. Needs root.
//! The command is a program that does nothing, so that only the launch is measured.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 300;

/// An x86_64 program of one system call: exit(0).
const NO_OP: [u8; 0x80] = {
    let mut elf = [0; 0x80];
    let header: [(usize, &[u8]); 11] = [
        (0, b"\x7fELF\x02\x01\x01"),
        (0x10, &[2, 0, 0x3e, 0, 1]),       // executable, x86_64, version
        (0x18, &[0x78, 0, 0x40]),          // entry 0x400078
        (0x20, &[0x40]),                   // program headers
        (0x34, &[0x40, 0, 0x38, 0, 1, 0]), // sizes, one program header
        (0x40, &[1, 0, 0, 0, 5]),          // load, read and execute
        (0x50, &[0, 0, 0x40]),             // at 0x400000
        (0x60, &[0x80]),                   // bytes in the file
        (0x68, &[0x80]),                   // bytes in memory
        (0x70, &[0, 0x10]),                // alignment
        (0x78, &[0x31, 0xff, 0x6a, 0x3c, 0x58, 0x0f, 5]), // xor edi, edi; push 60; pop rax; syscall
    ];
    let mut at = 0;
    while at < header.len() {
        let (offset, bytes) = header[at];
        let mut byte = 0;
        while byte < bytes.len() {
            elf[offset + byte] = bytes[byte];
            byte += 1;
        }
        at += 1;
    }
    elf
};

struct Candidate {
    name: &'static str,
    program: PathBuf,
    args: Vec<OsString>,
    times: Vec<Duration>,
}

fn main() {
    if !rustix::process::geteuid().is_root() || !cfg!(target_arch = "x86_64") {
        println!("launch: not measured, this benchmark needs root on x86_64");
        return;
    }
    let root = std::env::temp_dir().join(format!("mini-bench-{}", std::process::id()));
    for directory in ["bin", "proc", "sys", "dev", "tmp"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    let no_op = root.join("bin/no-op");
    fs::write(&no_op, NO_OP).unwrap();
    fs::set_permissions(&no_op, fs::Permissions::from_mode(0o755)).unwrap();
    scenario(
        "new pid, mount, uts and ipc namespaces, the host's network, own root",
        &no_op,
        candidates(&root, false),
    );
    scenario("the same with a new network namespace", &no_op, candidates(&root, true));
    fs::remove_dir_all(&root).unwrap();
}

fn candidates(root: &Path, net: bool) -> Vec<Candidate> {
    let root = root.to_str().unwrap();
    let mini = env!("CARGO_BIN_EXE_mini");
    let network = if net { "none" } else { "host" };
    let mut unshare =
        "--fork --pid --mount --uts --ipc --mount-proc".split(' ').collect::<Vec<_>>();
    let mut bwrap = "--unshare-pid --unshare-uts --unshare-ipc --proc /proc --bind"
        .split(' ')
        .collect::<Vec<_>>();
    bwrap.extend([root, "/"]);
    if net {
        unshare.push("--net");
        bwrap.push("--unshare-net");
    }
    let root_option = format!("--root={root}");
    unshare.extend([root_option.as_str(), "/bin/no-op"]);
    bwrap.push("/bin/no-op");
    let full = ["run", "--network", network, "--rootfs", root, "/bin/no-op"];
    let open = [&full[..5], &["--security-opt", "unmask=all", "/bin/no-op"]].concat();
    let privileged = [&full[..5], &["--privileged", "/bin/no-op"]].concat();
    let open_default =
        [&full[..5], &["--security-opt", "seccomp=unconfined", "/bin/no-op"]].concat();
    let all: [(&'static str, &str, &[&str]); 6] = [
        ("mini", mini, &full),
        ("mini --privileged", mini, &privileged),
        ("mini, no filter", mini, &open_default),
        ("mini, no masks", mini, &open),
        ("unshare", "unshare", &unshare),
        ("bwrap", "bwrap", &bwrap),
    ];
    all.into_iter()
        .filter_map(|(name, program, args)| {
            let program = find(program)?;
            let args = args.iter().map(OsString::from).collect();
            Some(Candidate { name, program, args, times: Vec::new() })
        })
        .collect()
}

fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(program.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.exists())
}

fn scenario(title: &str, no_op: &Path, mut candidates: Vec<Candidate>) {
    candidates.push(Candidate {
        name: "(no-op alone)",
        program: no_op.into(),
        args: Vec::new(),
        times: Vec::new(),
    });
    for round in 0..ROUNDS + 10 {
        for candidate in &mut candidates {
            let mut command = Command::new(&candidate.program);
            command.args(&candidate.args).stdin(Stdio::null());
            let start = Instant::now();
            let status = command.status().unwrap();
            let time = start.elapsed();
            assert!(status.success(), "{}", candidate.name);
            // The first rounds warm the caches.
            if round >= 10 {
                candidate.times.push(time);
            }
        }
    }
    println!("\n{title}: {ROUNDS} rounds, microseconds");
    println!("{:20} {:>8} {:>8} {:>10}", "", "median", "p90", "to mini's");
    for candidate in &candidates {
        let mut ratios: Vec<f64> = candidate
            .times
            .iter()
            .zip(&candidates[0].times)
            .map(|(time, mini)| time.as_secs_f64() / mini.as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        let mut times = candidate.times.clone();
        times.sort();
        println!(
            "{:20} {:>8} {:>8} {:>9.2}x",
            candidate.name,
            times[ROUNDS / 2].as_micros(),
            times[ROUNDS * 9 / 10].as_micros(),
            ratios[ROUNDS / 2]
        );
    }
}
