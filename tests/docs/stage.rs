//! What the machine has, and where pages are tried.

use crate::markdown::{Block, Example};
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// Who reads a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Root,
    User,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Who::Root => "root",
            Who::User => "user",
        })
    }
}

/// The ordinary user that root's tests turn into: nobody.
const NOBODY: u32 = 65534;

pub struct Stage {
    pub top: PathBuf,
    directory: PathBuf,
    is_root: bool,
    user_namespaces: bool,
    proposals: Mutex<Vec<Proposal>>,
}

/// Output that a page should show, by MINI_TEST_UPDATE.
struct Proposal {
    page: String,
    line: usize,
    lines: usize,
    output: Vec<String>,
}

impl Stage {
    pub fn new() -> Arc<Stage> {
        let directory = std::env::temp_dir().join(format!("mini-test-docs-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let is_root = rustix::process::geteuid().is_root();
        let binary = std::env::var_os("MINI_TEST_BINARY").map(PathBuf::from);
        let binary = binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_mini").into());
        fs::create_dir(directory.join("bin")).unwrap();
        let mini = directory.join("bin/mini");
        fs::copy(binary, &mini).unwrap();
        for path in [&directory, &directory.join("bin"), &mini] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        // A copy, since an ordinary user may not be able to enter the checkout.
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let copied = Command::new("cp").arg("-r").args([&examples, &directory]).status();
        assert!(copied.unwrap().success());
        let mut stage = Stage {
            top: env!("CARGO_MANIFEST_DIR").into(),
            directory,
            is_root,
            user_namespaces: true,
            proposals: Mutex::default(),
        };
        if let Some(unshare) = on_path("unshare") {
            let mut command = Command::new(unshare);
            command.args(["-U", "true"]);
            stage.turn_into(&mut command, Who::User);
            stage.user_namespaces = command.output().unwrap().status.success();
        }
        Arc::new(stage)
    }

    pub fn mini(&self) -> PathBuf {
        self.directory.join("bin/mini")
    }

    /// Those who read every page here.
    pub fn readers(&self) -> &'static [Who] {
        if self.is_root { &[Who::Root, Who::User] } else { &[Who::User] }
    }

    /// Whether a block is for this reader, or for the other one of root's two.
    pub fn is_for(&self, who: Who, needs: &[String]) -> bool {
        let needs = |word: &str| needs.iter().any(|need| need == word);
        let refused = match who {
            Who::Root => needs("user"),
            Who::User => self.is_root && (needs("root") || needs("checkout")),
        };
        !refused
    }

    /// Why a block cannot be tried here, if so. A need is one of these words, or a program.
    pub fn missing(&self, who: Who, needs: &[String]) -> Option<String> {
        if who == Who::User && !self.user_namespaces {
            return Some("needs user namespaces".into());
        }
        needs.iter().find_map(|need| {
            let (is_there, what) = match need.as_str() {
                "root" => (who == Who::Root, "root"),
                "user" | "checkout" => (true, ""),
                "debian" => (variable("MINI_TEST_DEBIAN").is_some(), "MINI_TEST_DEBIAN"),
                "kernel" => (self.kernel().is_some(), "MINI_TEST_KERNELS"),
                "network" => (variable("MINI_TEST_NETWORK").is_some(), "MINI_TEST_NETWORK"),
                "docker" => (variable("MINI_TEST_DOCKER").is_some(), "MINI_TEST_DOCKER"),
                "limits" => (controllers_are_there(), "cgroup controllers"),
                "landlock" => (landlock_version() >= 3, "Landlock, version 3"),
                "busybox" => (busybox_is_static(), "a static busybox"),
                "loop" => (Path::new("/dev/loop-control").exists(), "loop devices"),
                program => (on_path(program).is_some(), program),
            };
            (!is_there).then(|| format!("needs {what}"))
        })
    }

    /// A kernel for virtual machines: the one of Debian's present release, else any.
    pub fn kernel(&self) -> Option<PathBuf> {
        let directory = variable("MINI_TEST_KERNELS")?;
        let mut kernels: Vec<_> =
            fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path()).collect();
        kernels.sort();
        let usual = kernels.iter().position(|path| path.to_string_lossy().contains("/6.1."));
        Some(kernels.get(usual.unwrap_or(0))?.join("vmlinuz"))
    }

    /// A new directory that belongs to whoever reads, with what needs bring along.
    pub fn directory(&self, who: Who) -> PathBuf {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = self.directory.join(format!("d{number}"));
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        self.give(who, &directory);
        std::os::unix::fs::symlink(self.directory.join("examples"), directory.join("examples"))
            .unwrap();
        if let Some(debian) = variable("MINI_TEST_DEBIAN") {
            std::os::unix::fs::symlink(debian, directory.join("debian")).unwrap();
        }
        if let Some(kernel) = self.kernel() {
            std::os::unix::fs::symlink(kernel, directory.join("vmlinuz")).unwrap();
        }
        directory
    }

    /// Makes a file belong to whoever reads.
    pub fn give(&self, who: Who, path: &Path) {
        if who == Who::User && self.is_root {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    pub fn turn_into(&self, command: &mut Command, who: Who) {
        if who == Who::User && self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
    }

    /// The reader, the directory and the environment of a block.
    pub fn prepare(&self, command: &mut Command, who: Who, block: &Block, directory: &Path) {
        self.turn_into(command, who);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.directory.join("bin").display()));
        command.env("LC_ALL", "C.UTF-8").env("TERM", "dumb");
        if block.needs.iter().any(|need| need == "checkout") {
            // What cargo installs goes where the page is tried.
            command.current_dir(&self.top).env("CARGO_INSTALL_ROOT", directory);
            command.env("PATH", format!("{}/bin:{path}", directory.display()));
        } else {
            command.current_dir(directory).env("HOME", directory).env("PWD", directory);
        }
    }

    /// Remembers what was printed instead of what a page shows.
    pub fn propose(&self, page: &str, example: &Example, printed: &[&str]) {
        self.proposals.lock().unwrap().push(Proposal {
            page: page.into(),
            line: example.line + example.command.lines().count(),
            lines: example.output.len(),
            output: printed.iter().map(|line| line.to_string()).collect(),
        });
    }

    /// With MINI_TEST_UPDATE, puts what was printed into the pages; then takes everything away.
    pub fn close(&self) {
        let mut proposals = self.proposals.lock().unwrap();
        proposals.sort_by(|one, other| (&other.page, other.line).cmp(&(&one.page, one.line)));
        proposals.dedup_by(|one, other| one.page == other.page && one.line == other.line);
        if variable("MINI_TEST_UPDATE").is_some() {
            for proposal in proposals.iter() {
                let path = self.top.join(&proposal.page);
                let text = fs::read_to_string(&path).unwrap();
                let mut lines: Vec<_> = text.lines().map(String::from).collect();
                let from = proposal.line - 1;
                lines.splice(from..from + proposal.lines, proposal.output.iter().cloned());
                fs::write(&path, lines.join("\n") + "\n").unwrap();
            }
        }
        let _ = Command::new("chmod").arg("-R").arg("u+rwX").arg(&self.directory).status();
        fs::remove_dir_all(&self.directory).unwrap();
    }
}

pub fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.exists())
}

fn controllers_are_there() -> bool {
    let top = Path::new("/sys/fs/cgroup");
    let v2 = fs::read_to_string(top.join("cgroup.controllers")).unwrap_or_default();
    ["memory", "cpu", "cpuset", "pids"].iter().all(|controller| {
        v2.split_whitespace().any(|name| name == *controller)
            || top.join(controller).join("cgroup.procs").exists()
    })
}

fn landlock_version() -> i64 {
    // SAFETY: asks for a number.
    unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, 1) }
}

/// Whether busybox(1) needs no libraries in the root it is copied to.
fn busybox_is_static() -> bool {
    on_path("busybox").is_some_and(|path| {
        let content = fs::read(path).unwrap();
        !content[..4096].windows(4).any(|bytes| bytes == b"/ld-")
    })
}
