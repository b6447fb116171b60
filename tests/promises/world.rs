//! Where a promise is tried: a private copy of the binary, roots, and a way to run them as root
//! or as an ordinary user.

use crate::Need;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Who mini is run as.
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

/// What all tests share: made once, taken away at the end.
pub struct Stage {
    directory: PathBuf,
    busybox: Option<PathBuf>,
    debian: Option<PathBuf>,
    kernels: Option<PathBuf>,
    strace: Option<PathBuf>,
    is_root: bool,
    user_namespaces: bool,
    limits: bool,
}

impl Stage {
    pub fn new() -> Arc<Stage> {
        let directory = std::env::temp_dir().join(format!("mini-test-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        // Copies, since the ordinary user may not be able to enter the checkout.
        for (from, to) in [(binary(), "mini"), (std::env::current_exe().unwrap(), "probe")] {
            let to = directory.join(to);
            fs::copy(from, &to).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut stage = Stage {
            busybox: busybox(),
            debian: std::env::var_os("MINI_TEST_DEBIAN").map(PathBuf::from),
            kernels: std::env::var_os("MINI_TEST_KERNELS").map(PathBuf::from),
            strace: on_path("strace"),
            is_root: rustix::process::geteuid().is_root(),
            user_namespaces: false,
            limits: false,
            directory,
        };
        // Asked of others, never of mini: what it cannot do shall fail, not be ignored.
        stage.user_namespaces = match on_path("unshare") {
            Some(unshare) => {
                let mut command = stage.command(Who::User, &unshare);
                command.args(["-U", "true"]).output().unwrap().status.success()
            }
            None => true,
        };
        stage.limits = stage.is_root && controllers_are_there();
        if let Some(busybox) = &stage.busybox {
            make_busybox_root(busybox, &stage.directory.join("busybox"));
        }
        Arc::new(stage)
    }

    /// Why a promise cannot be tried here, if so.
    pub fn missing(&self, who: Who, needs: &[Need]) -> Option<&'static str> {
        if who == Who::Root && !self.is_root {
            return Some("needs root");
        }
        if who == Who::User && !self.user_namespaces {
            return Some("needs user namespaces");
        }
        if needs.contains(&Need::Busybox) && self.busybox.is_none() {
            return Some("needs a static busybox");
        }
        if needs.contains(&Need::LaterCalls) && crate::old::is_wanted() {
            return Some("needs a later kernel than 4.4");
        }
        if needs.contains(&Need::StartedByRoot) && !self.is_root {
            return Some("needs to be started by root");
        }
        if needs.contains(&Need::IdHelpers) && on_path("newuidmap").is_none() {
            return Some("needs newuidmap");
        }
        if needs.contains(&Need::Bubblewrap) && on_path("bwrap").is_none() {
            return Some("needs bwrap");
        }
        if needs.contains(&Need::Tmux) && on_path("tmux").is_none() {
            return Some("needs tmux");
        }
        if needs.contains(&Need::DevicePrograms) && crate::oci_kernel::unified().is_none() {
            return Some("needs cgroup v2 and programs about devices");
        }
        if needs.contains(&Need::Libseccomp) && !crate::oci_seccomp::has_libseccomp() {
            return Some("needs python3 and libseccomp");
        }
        if needs.contains(&Need::Landlock) && landlock_version() < 3 {
            return Some("needs Landlock, version 3");
        }
        if needs.contains(&Need::Debian) && self.debian.is_none() {
            return Some("needs MINI_TEST_DEBIAN");
        }
        if needs.contains(&Need::Limits) && !self.limits {
            return Some("needs cgroup controllers");
        }
        if needs.contains(&Need::Kernels) {
            if self.kernels.is_none() {
                return Some("needs MINI_TEST_KERNELS");
            }
            if on_path("qemu-system-x86_64").is_none() {
                return Some("needs qemu-system-x86_64");
            }
        }
        if needs.contains(&Need::ImageTools) {
            for tool in ["mksquashfs", "mkfs.erofs", "mkfs.ext4"] {
                if on_path(tool).is_none() {
                    return Some("needs tools that make images");
                }
            }
            if !Path::new("/dev/loop-control").exists() {
                return Some("needs loop devices");
            }
        }
        if needs.contains(&Need::TarPrograms) {
            for program in ["tar", "bsdtar", "python3"] {
                if on_path(program).is_none() {
                    return Some("needs tar, bsdtar and python3");
                }
            }
        }
        if needs.contains(&Need::Strace) && self.strace.is_none() {
            return Some("needs strace");
        }
        None
    }

    /// A command run as somebody, ended with this process.
    fn command(&self, who: Who, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null());
        if who == Who::User && self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    pub fn close(&self) {
        // The kernel leaves a directory of an overlay without permissions, even for its owner.
        let _ = Command::new("chmod").arg("-R").arg("u+rwX").arg(&self.directory).status();
        fs::remove_dir_all(&self.directory).unwrap();
    }
}

/// The one cargo built, or the one named: when an ordinary user cannot enter the checkout.
fn binary() -> PathBuf {
    let named = std::env::var_os("MINI_TEST_BINARY").map(PathBuf::from);
    named.unwrap_or_else(|| env!("CARGO_BIN_EXE_mini").into())
}

/// Whether memory, cpu, cpuset and pids can be limited, on either version of cgroups.
fn controllers_are_there() -> bool {
    let top = Path::new("/sys/fs/cgroup");
    let v2 = fs::read_to_string(top.join("cgroup.controllers")).unwrap_or_default();
    ["memory", "cpu", "cpuset", "pids"].iter().all(|controller| {
        v2.split_whitespace().any(|name| name == *controller)
            || top.join(controller).join("cgroup.procs").exists()
    })
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.exists())
}

fn landlock_version() -> i64 {
    // SAFETY: asks for a number.
    unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, 1) }
}

fn busybox() -> Option<PathBuf> {
    let found = ["/bin/busybox", "/usr/bin/busybox", "/usr/local/bin/busybox"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists())?;
    // A dynamic one would want libraries in the root.
    let content = fs::read(&found).ok()?;
    let is_static = !content[..4096].windows(4).any(|bytes| bytes == b"/ld-");
    is_static.then_some(found)
}

fn make_busybox_root(busybox: &Path, root: &Path) {
    for directory in ["bin", "etc", "tmp", "home/joe", "proc", "sys", "dev"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::copy(busybox, root.join("bin/busybox")).unwrap();
    let list = Command::new(busybox).arg("--list").output().unwrap();
    for applet in String::from_utf8(list.stdout).unwrap().lines() {
        if applet != "busybox" {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
    }
    let passwd = "root:x:0:0:root:/root:/bin/sh\n\
        joe:x:1000:1001:Joe:/home/joe:/bin/sh\n";
    fs::write(root.join("etc/passwd"), passwd).unwrap();
    fs::write(root.join("etc/group"), "root:x:0:\ntape:x:26:joe\njoe:x:1001:\n").unwrap();
}

/// Where one promise is tried.
pub struct World {
    pub who: Who,
    stage: Arc<Stage>,
}

/// What a run gave back.
#[derive(Debug)]
pub struct Outcome {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    pub fn of(command: &mut Command) -> Outcome {
        let output = command.output().unwrap();
        Outcome {
            // As a shell would tell it.
            status: output.status.code().unwrap_or_else(|| {
                128 + std::os::unix::process::ExitStatusExt::signal(&output.status).unwrap()
            }),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Everything went well and nobody complained; what was printed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!((self.status, self.stderr.as_str()), (0, ""), "{self:?}");
        self.stdout
    }

    /// mini itself refused, with a line that has these words.
    #[track_caller]
    pub fn refused(self, status: i32, words: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(self.stderr.starts_with("mini: "), "{self:?}");
        assert!(self.stderr.contains(words), "{words:?} is not in {self:?}");
    }
}

impl World {
    pub fn new(who: Who, stage: Arc<Stage>) -> World {
        World { who, stage }
    }

    pub fn is_root(&self) -> bool {
        self.who == Who::Root
    }

    /// mini's path. Tests that want a program elsewhere make a hard link to it: a copy that is being
    /// written cannot be run, and another test's new process may hold it open for a moment.
    pub fn mini(&self) -> PathBuf {
        self.stage.directory.join("mini")
    }

    /// The test program itself, which does small things inside containers (see `probe`).
    pub fn probe(&self) -> PathBuf {
        self.stage.directory.join("probe")
    }

    /// A root with busybox in it, shared by all tests: not to be written to.
    pub fn busybox(&self) -> PathBuf {
        self.stage.directory.join("busybox")
    }

    /// A Debian root file system.
    pub fn debian(&self) -> &Path {
        self.stage.debian.as_deref().unwrap()
    }

    /// A directory of kernel images.
    pub fn kernels(&self) -> &Path {
        self.stage.kernels.as_deref().unwrap()
    }

    /// strace(1)
    pub fn strace(&self) -> &Path {
        self.stage.strace.as_deref().unwrap()
    }

    /// Copies busybox to a path. A link would change the time of a file that others read; written
    /// by this process, it could still be open in a child of another test when it is to run.
    pub fn copy_busybox(&self, to: &Path) {
        let from = self.busybox().join("bin/busybox");
        assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
    }

    /// A new directory that belongs to whoever mini runs as.
    pub fn directory(&self) -> PathBuf {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = self.stage.directory.join(format!("d{number}"));
        fs::create_dir(&directory).unwrap();
        self.give(&directory);
        directory
    }

    /// Makes a file or directory belong to whoever mini runs as.
    pub fn give(&self, path: &Path) {
        if self.who == Who::User && self.stage.is_root {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    /// A file with this content, readable and executable by all. It is written under another name
    /// and copied by another process, so that nobody here ever has it open for writing (see
    /// [`World::mini`]).
    pub fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let (draft, path) = (self.directory().join(name), self.directory().join(name));
        fs::write(&draft, content).unwrap();
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Command::new("cp").arg("-p").arg(&draft).arg(&path).status().unwrap().success());
        path
    }

    /// A program run as whoever this world is for.
    pub fn command<I: AsRef<OsStr>>(&self, program: &Path, args: &[I]) -> Command {
        let mut command = self.stage.command(self.who, program);
        command.args(args);
        command
    }

    /// `mini run ARGS`
    pub fn run_command<I: AsRef<OsStr>>(&self, args: &[I]) -> Command {
        let mut command = self.stage.command(self.who, &self.mini());
        command.arg("run").args(args);
        command
    }

    /// `mini run ARGS`, to its end.
    pub fn run<I: AsRef<OsStr>>(&self, args: &[I]) -> Outcome {
        Outcome::of(&mut self.run_command(args))
    }

    /// `mini run OPTIONS -- sh -c SCRIPT` with the host's files.
    pub fn sh(&self, options: &[&str], script: &str) -> Outcome {
        self.run(&[options, &["--", "/bin/sh", "-c", script]].concat())
    }

    /// The same in the busybox root.
    pub fn busybox_sh(&self, options: &[&str], script: &str) -> Outcome {
        let root = self.busybox();
        let root = root.to_str().unwrap();
        self.sh(&[&["--rootfs", root], options].concat(), script)
    }

    /// Asserts that soon no process is left whose command line or program has `mark` in it.
    #[track_caller]
    pub fn nothing_runs(&self, mark: &str) {
        eventually("no process is left", || processes(mark).is_empty());
    }
}

/// The ids of processes whose command line or program has `mark` in it.
pub fn processes(mark: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let path = entry.path();
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        let exe = fs::read_link(path.join("exe")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.contains(mark) || exe.to_string_lossy().contains(mark) {
            found.push(pid);
        }
    }
    found
}

/// Waits until something is so; a loaded machine gets ten seconds.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "not within ten seconds: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
