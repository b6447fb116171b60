//! Programs that are made of the OCI's rules, given to the kernel.

use crate::world::World;
use crate::{Need, Promise};
use mini::cgroup::devices;
use mini::oci::{config, seccomp};
use mini::sys::bpf;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub const PROMISES: &[Promise] = &[
    Promise {
        name: "the_kernel_takes_the_filter_of_an_engines_seccomp_rules",
        needs: &[],
        check: filter,
    },
    Promise {
        name: "the_kernel_takes_the_program_of_an_engines_device_rules",
        needs: &[Need::Root, Need::DevicePrograms],
        check: device_program,
    },
];

/// Where cgroup v2 is mounted, and the kernel takes programs about devices for it.
pub fn unified() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let mount = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let root =
        mount.filter(|words| words[2] == "cgroup2").map(|words| PathBuf::from(words[1])).next()?;
    let denies = devices::program(&[]).unwrap();
    bpf::load_device_program(&denies).ok().map(|_| root)
}

fn engine(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oci").join(name)).unwrap()
}

/// With Docker's rules a usual command runs, and what they do not allow fails.
fn filter(world: &World) {
    let mut text = engine("docker.json");
    let config = config::read_config(&mut text).unwrap();
    let program = seccomp::compile(&config.linux.seccomp.unwrap()).unwrap();
    let bytes: Vec<u8> = program.iter().flat_map(|line| line.to_le_bytes()).collect();
    let file = world.file("filter", &bytes);
    let option = format!("seccomp={}", file.display());
    let run = |command: &[&str]| {
        world.run(
            &[&["--security-opt", "no-new-privileges", "--security-opt", &option, "--"], command]
                .concat(),
        )
    };
    run(&["/bin/sh", "-c", "cd /; ls >/dev/null; echo $(uname)"]).ok();
    // unshare(2) needs a capability that the engine has not given, so its rules have no line for it.
    let refused = run(&["unshare", "--user", "true"]);
    assert!(refused.stderr.contains("unshare"), "{refused:?}");
    assert_ne!(refused.status, 0);
}

/// A cgroup of its own, removed at the end.
struct Cgroup(PathBuf);

impl Drop for Cgroup {
    fn drop(&mut self) {
        let removed = fs::remove_dir(&self.0);
        assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
    }
}

fn device_program(_: &World) {
    let unified = unified().expect("it was there before");
    let cgroup = Cgroup(unified.join(format!("mini-test-devices-{}", std::process::id())));
    fs::create_dir(&cgroup.0).unwrap();
    let inside = |script: &str| -> Output {
        let script = format!("echo 0 >{}/cgroup.procs && {script}", cgroup.0.display());
        Command::new("/bin/sh").args(["-c", &script]).output().unwrap()
    };
    let works = |script: &str| inside(script).status.success();
    // Without a program everything is allowed.
    assert!(works(": </dev/full && head -c 1 /dev/zero >/dev/null"));
    let mut text = engine("docker-many.json");
    let config = config::read_config(&mut text).unwrap();
    let rules = &config.linux.resources.devices.unwrap();
    let program = bpf::load_device_program(&devices::program(rules).unwrap()).unwrap();
    let path = std::ffi::CString::new(cgroup.0.to_str().unwrap()).unwrap();
    let directory = mini::sys::fs::open(&path, libc::O_DIRECTORY, 0).unwrap();
    bpf::attach_device_program(&directory, &program).unwrap();
    // Docker allows 1:3 and 1:5 by number. Its last rule about 1:3 is about reading and making, and takes nothing back.
    let head = "head -c 1 /dev/zero >/dev/null";
    assert!(works(head), "{:?}", inside(head));
    // Nothing is said about 1:7 and 1:11.
    assert!(!works(": </dev/full"));
    assert!(!works(": </dev/kmsg"));
    let node = std::env::temp_dir().join(format!("mini-test-node-{}", std::process::id()));
    assert!(!works(&format!("mknod {} c 1 7", node.display())));
    // All minor numbers of 42.
    assert!(works(&format!("mknod {} c 42 7", node.display())));
    fs::remove_file(&node).unwrap();
    drop((directory, program));
}
