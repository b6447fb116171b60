//! Where it all happens: a root with a program that does nothing, the floor, bundles for OCI runtimes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// The program inside the root.
pub const COMMAND: &str = "/bin/no-op";

pub struct Stage {
    pub directory: PathBuf,
    pub root: String,
    pub mini: String,
    pub floor: String,
    /// The parents of mini's groups on cgroup v1: pids, memory, cpu.
    pub groups: Option<Vec<String>>,
}

mod filter {
    #![allow(dead_code)]
    include!(concat!(env!("OUT_DIR"), "/seccomp.rs"));
}

impl Stage {
    pub fn new() -> Result<Stage, String> {
        // What is changed here is seen here only. crun refuses a host with a v2 hierarchy beside v1 ones.
        // SAFETY: no other thread is there yet to be surprised.
        unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) }
            .map_err(|errno| errno.to_string())?;
        run("mount", &["--make-rprivate", "/"])?;
        if Path::new("/sys/fs/cgroup/unified/cgroup.procs").exists() {
            run("umount", &["/sys/fs/cgroup/unified"])?;
        }
        let directory = std::env::temp_dir().join(format!("mini-bench-{}", std::process::id()));
        let path = |name: &str| directory.join(name).to_str().unwrap().to_owned();
        for name in ["bin", "proc", "sys", "dev", "tmp"] {
            fs::create_dir_all(directory.join("root").join(name)).unwrap();
        }
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let program = |name: &str, bytes: &[u8]| {
            fs::write(directory.join(name), bytes).unwrap();
            fs::set_permissions(directory.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        };
        program("root/bin/no-op", &NO_OP);
        // Where an ordinary user can reach it.
        program("mini", &fs::read(env!("CARGO_BIN_EXE_mini")).unwrap());
        let lines: Vec<String> =
            filter::BUILT_IN.iter().map(|line| format!("{line:#x}ull")).collect();
        let header =
            format!("static const unsigned long long FILTER[] = {{{}}};\n", lines.join(","));
        fs::write(directory.join("filter.h"), header).unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/launch/floor.c");
        let options = "-O2 -static -nostdlib -ffreestanding -fno-stack-protector -fno-pie -no-pie";
        let include = format!("-I{}", directory.display());
        let floor = path("floor");
        let words: Vec<&str> =
            options.split(' ').chain([include.as_str(), "-o", &floor, source]).collect();
        run("cc", &words)?;
        let mut stage =
            Stage { root: path("root"), mini: path("mini"), floor, groups: None, directory };
        stage.groups = stage.groups_of_a_plan();
        Ok(stage)
    }

    /// Where mini would make its groups, if all of them are version 1's.
    fn groups_of_a_plan(&self) -> Option<Vec<String>> {
        let mut command = Command::new(&self.mini);
        command.args(["run", "--dry-run"]).args(LIMITS).arg("/bin/true");
        let plan = String::from_utf8(command.output().ok()?.stdout).ok()?;
        let made = plan.lines().filter_map(|line| line.strip_prefix("make cgroup "));
        let parents: Vec<String> =
            made.filter_map(|path| Some(path.rsplit_once('/')?.0.to_owned())).collect();
        let is_v1 = |(parent, name): (&String, &&str)| parent.contains(&format!("/{name}"));
        let names = ["pids", "memory", "cpu"];
        (parents.len() == 3 && parents.iter().zip(&names).all(is_v1)).then_some(parents)
    }

    /// A bundle for an OCI runtime, as its own `spec` makes it, with this much changed.
    pub fn bundle(&self, name: &str, runtime: &Path, changes: &str) -> Option<String> {
        let bundle = self.directory.join(name);
        // The same in every scenario that asks for the same.
        let _ = fs::remove_dir_all(&bundle);
        fs::create_dir(&bundle).ok()?;
        let status = Command::new(runtime).arg("spec").current_dir(&bundle).status().ok()?;
        let script = "import json,sys; c=json.load(open('config.json')); \
            c['process']['terminal']=False; c['process']['args']=['/bin/no-op']; \
            c['root']={'path':sys.argv[1],'readonly':False}; exec(sys.argv[2]); \
            json.dump(c,open('config.json','w'))";
        let mut python = Command::new("python3");
        python.args(["-c", script, &self.root, changes]).current_dir(&bundle);
        (status.success() && python.status().ok()?.success())
            .then(|| bundle.to_str().unwrap().to_owned())
    }

    /// The machine, and who takes part.
    pub fn description(&self) -> String {
        let first_line = |program: &str, word: &str| -> Option<String> {
            let output = Command::new(find(program)?).arg(word).output().ok()?;
            Some(String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned())
        };
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        let mut text = format!("Linux {}, {processors} processors\n", kernel.trim());
        for (program, word) in [
            (self.mini.as_str(), "--version"),
            ("unshare", "--version"),
            ("bwrap", "--version"),
            ("crun", "--version"),
            ("runc", "--version"),
            ("minijail0", "--help"),
            ("nsjail", "--help"),
            ("podman", "--version"),
        ] {
            if let Some(line) = first_line(program, word) {
                let name = Path::new(program).file_name().unwrap().to_str().unwrap();
                let size = fs::metadata(find(program).unwrap()).map_or(0, |file| file.len());
                text += &format!("{name:16} {:>9} bytes  {line}\n", size);
            }
        }
        text
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Limits in three hierarchies.
pub const LIMITS: [&str; 6] = ["-m", "64m", "--pids-limit", "100", "--cpus", "0.5"];

pub fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(program.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.exists())
}

pub fn run(program: &str, words: &[&str]) -> Result<(), String> {
    match Command::new(program).args(words).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program}: {status}")),
        Err(error) => Err(format!("{program}: {error}")),
    }
}
