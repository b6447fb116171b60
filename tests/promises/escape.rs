//! Isolation, from the attacker's side: every attack of `attacks` is run inside, with mini's
//! defaults, and gets nowhere; then with the wall taken away that holds it, to see that it is real.
//!
//! They aim at what the test has made. What would hurt the machine is in `tests/vm/attacks.sh`.

use crate::terminal::{lead_session, terminal_pair};
use crate::world::{Outcome, World};
use crate::{Need, Promise};
use std::fs;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub const PROMISES: &[Promise] = &[
    Promise { name: "escape_chroot_does_not_lead_out", needs: &[Need::Root], check: chroot },
    Promise { name: "escape_handles_open_no_file_outside", needs: &[Need::Root], check: handle },
    Promise { name: "escape_no_disk_can_be_made", needs: &[Need::Root], check: device },
    Promise {
        name: "escape_device_nodes_in_an_image_do_not_work",
        needs: &[Need::Root],
        check: planted,
    },
    Promise { name: "escape_processes_outside_are_out_of_reach", needs: &[], check: process },
    Promise { name: "escape_the_launcher_cannot_be_overwritten", needs: &[], check: launcher },
    Promise { name: "escape_no_descriptor_or_directory_leads_out", needs: &[], check: descriptors },
    Promise {
        name: "escape_kernel_settings_cannot_be_changed",
        needs: &[Need::Root],
        check: levers,
    },
    Promise { name: "escape_cgroups_cannot_be_mounted", needs: &[Need::Root], check: cgroups },
    Promise { name: "escape_keys_outside_are_out_of_reach", needs: &[], check: keys },
    Promise { name: "escape_dangerous_calls_are_refused", needs: &[], check: calls },
    Promise { name: "escape_new_namespaces_are_refused", needs: &[], check: namespaces },
    Promise {
        name: "escape_nothing_can_be_typed_into_the_terminal",
        needs: &[Need::Root],
        check: terminal,
    },
    Promise {
        name: "escape_the_hosts_network_cannot_be_heard",
        needs: &[Need::Root],
        check: sniff,
    },
    Promise {
        name: "escape_abstract_sockets_outside_are_out_of_reach",
        needs: &[],
        check: sockets,
    },
    Promise { name: "escape_set_user_id_gives_nothing", needs: &[Need::Root], check: privileges },
];

/// An attack on a container, with the host's files or in a root of its own.
struct Attack<'w> {
    world: &'w World,
    words: Vec<String>,
    root: Option<PathBuf>,
}

impl<'w> Attack<'w> {
    fn new(world: &'w World, words: &[&str]) -> Attack<'w> {
        let words = words.iter().map(|word| word.to_string()).collect();
        Attack { world, words, root: None }
    }

    /// In a root that has what the host has for programs.
    fn in_a_root(mut self) -> Attack<'w> {
        let root = self.world.directory();
        for directory in ["tmp", "mnt", "usr"] {
            fs::create_dir(root.join(directory)).unwrap();
            self.world.give(&root.join(directory));
        }
        for link in ["bin", "lib", "lib64", "sbin"] {
            std::os::unix::fs::symlink(format!("usr/{link}"), root.join(link)).unwrap();
        }
        self.root = Some(root);
        self
    }

    fn command(&self, options: &[&str]) -> Command {
        let probe = self.world.probe();
        let probe = probe.to_str().unwrap();
        let volume = format!("{probe}:/probe:ro");
        let mut words: Vec<&str> = options.to_vec();
        match &self.root {
            Some(root) => {
                words.extend(["--rootfs", root.to_str().unwrap(), "-v", "/usr:/usr:ro", "-v"]);
                words.extend([&*volume, "--", "/probe"]);
            }
            None => words.extend(["--", probe]),
        }
        words.extend(["__probe", "attack"]);
        words.extend(self.words.iter().map(String::as_str));
        self.world.run_command(&words)
    }

    #[track_caller]
    fn fails(&self, options: &[&str]) {
        held(Outcome::of(&mut self.command(options)), options);
    }

    /// As proof that it is a real one.
    #[track_caller]
    fn succeeds(&self, options: &[&str]) {
        out(Outcome::of(&mut self.command(options)), options);
    }
}

#[track_caller]
fn held(outcome: Outcome, options: &[&str]) {
    let is_held = outcome.status == 1 && outcome.stdout.contains("held: ");
    assert!(is_held, "{options:?}: {outcome:?}");
}

#[track_caller]
fn out(outcome: Outcome, options: &[&str]) {
    let is_out = outcome.status == 0 && outcome.stdout.contains("out: ");
    assert!(is_out, "no attack at all, {options:?}: {outcome:?}");
}

/// A file of the host for them to read.
fn secret(world: &World) -> PathBuf {
    let path = world.directory().join("secret");
    fs::write(&path, "secret\n").unwrap();
    path
}

const UNCONFINED: [&str; 2] = ["--security-opt", "seccomp=unconfined"];

fn chroot(world: &World) {
    let secret = secret(world);
    let attack = Attack::new(world, &["chroot", secret.to_str().unwrap()]).in_a_root();
    attack.fails(&[]);
    // The old root is gone, not hidden: it does not take a wall to hold this one.
    fs::remove_dir(attack.root.as_ref().unwrap().join("tmp/jail")).unwrap();
    attack.fails(&["--privileged"]);
    // Where a root is only changed into, it leads out.
    let jail = world.directory();
    fs::create_dir(jail.join("tmp")).unwrap();
    fs::hard_link(world.probe(), jail.join("probe")).unwrap();
    let script = format!(
        "cd {0} && for d in usr lib lib64; do mkdir $d; mount --rbind /$d $d; done
         exec chroot {0} /probe __probe attack chroot {1}",
        jail.display(),
        secret.display()
    );
    out(world.sh(&["--privileged"], &script), &["plain chroot"]);
}

fn handle(world: &World) {
    let secret = secret(world);
    let shared = world.directory();
    let attack = Attack::new(world, &["handle", &handle_of(&secret), "/shared"]).in_a_root();
    let volume = format!("{}:/shared:ro", shared.display());
    attack.fails(&["-v", &volume]);
    // One wall is as good as the other.
    attack.fails(&["-v", &volume, UNCONFINED[0], UNCONFINED[1]]);
    attack.succeeds(&["-v", &volume, "--cap-add", "DAC_READ_SEARCH"]);
}

/// name_to_handle_at(2), in hexadecimal.
fn handle_of(path: &Path) -> String {
    let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    let mut handle = [0u8; 8 + 128];
    handle[..4].copy_from_slice(&128u32.to_ne_bytes());
    let mut mount = 0;
    // SAFETY: room for a header and as many bytes as it says.
    let result = unsafe {
        libc::syscall(
            libc::SYS_name_to_handle_at,
            libc::AT_FDCWD,
            path.as_ptr(),
            handle.as_mut_ptr(),
            &raw mut mount,
            0,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    handle.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn device(world: &World) {
    // In its /dev devices are devices; elsewhere they would not be.
    let attack = Attack::new(world, &["mknod", "/dev/disk"]).in_a_root();
    attack.fails(&[]);
    // The filter holds it, and where there is none, the capability that is not given.
    attack.fails(&["--cap-add", "MKNOD"]);
    attack.fails(&UNCONFINED);
    let unconfined_maker = ["--cap-add", "MKNOD", UNCONFINED[0], UNCONFINED[1]];
    attack.succeeds(&unconfined_maker);
    let attack = Attack::new(world, &["mknod", "/tmp/disk"]).in_a_root();
    attack.fails(&unconfined_maker);
    fs::remove_file(attack.root.as_ref().unwrap().join("tmp/disk")).unwrap();
    attack.succeeds(&["--privileged"]);
}

fn planted(world: &World) {
    let attack = Attack::new(world, &["open", "/tmp/null"]).in_a_root();
    let node = attack.root.as_ref().unwrap().join("tmp/null");
    assert!(Command::new("mknod").arg(node).args(["c", "1", "3"]).status().unwrap().success());
    attack.fails(&[]);
    attack.fails(&["--read-only"]);
    attack.succeeds(&["--privileged"]);
}

fn process(world: &World) {
    let secret = secret(world);
    // mini's caller's, so that no user is another.
    let mut other = world.command("sleep".as_ref(), &["1000"]).spawn().unwrap();
    let pid = other.id().to_string();
    let root_of = format!("/proc/{pid}/root{}", secret.display());
    let memory = Attack::new(world, &["memory", &pid]);
    let root = Attack::new(world, &["read", &root_of]);
    for attack in [&memory, &root] {
        attack.fails(&[]);
        // Seen, and still not open: it has capabilities, or a user namespace, that this has not.
        attack.fails(&["--pid", "host"]);
        // The kernel keeps it from ordinary users in any case.
        if world.is_root() {
            attack.succeeds(&["--pid", "host", "--privileged"]);
        }
    }
    Attack::new(world, &["read", &format!("/proc/1/root{}", secret.display())])
        .in_a_root()
        .fails(&[]);
    other.kill().unwrap();
    other.wait().unwrap();
}

fn launcher(world: &World) {
    let attack = Attack::new(world, &["launcher"]);
    attack.fails(&[]);
    attack.fails(&["--pid", "host"]);
    if world.is_root() {
        attack.succeeds(&["--pid", "host", "--privileged"]);
    }
}

fn descriptors(world: &World) {
    let secret = secret(world);
    let directory = secret.parent().unwrap();
    let with_descriptor = |attack: &Attack, options: &[&str]| {
        let mini = attack.command(options);
        let script = "cd $0; exec 3<. ; exec \"$@\"";
        let mut command = world.command("/bin/sh".as_ref(), &["-c", script]);
        command.arg(directory).arg(mini.get_program()).args(mini.get_args());
        Outcome::of(&mut command)
    };
    let attack = Attack::new(world, &["descriptors", "secret"]).in_a_root();
    held(with_descriptor(&attack, &[]), &[]);
    out(with_descriptor(&attack, &["--preserve-fds", "1"]), &["--preserve-fds", "1"]);
    let attack = Attack::new(world, &["working-directory", secret.to_str().unwrap()]).in_a_root();
    held(with_descriptor(&attack, &[]), &[]);
    // The way of the advisory: into a descriptor of mini's own.
    for fd in 3..12 {
        let outcome = with_descriptor(&attack, &["-w", &format!("/proc/self/fd/{fd}")]);
        // Either there is none, or it is a directory of the container's.
        assert_ne!(outcome.status, 0, "{fd}: {outcome:?}");
    }
}

/// Files through which root steers the machine; they are opened and never written to.
fn levers(world: &World) {
    for path in [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sysrq-trigger",
        "/sys/kernel/uevent_helper",
        "/sys/kernel/mm/transparent_hugepage/enabled",
    ] {
        if !Path::new(path).exists() {
            continue;
        }
        let attack = Attack::new(world, &["open-to-write", path]).in_a_root();
        attack.fails(&[]);
        attack.succeeds(&["--privileged"]);
        // With the host's files /sys is the host's, and its walls are the host's too.
        if path.starts_with("/proc") {
            Attack::new(world, &["open-to-write", path]).fails(&[]);
        }
    }
    for path in ["/proc/kcore", "/proc/timer_list", "/proc/keys"] {
        let attack = Attack::new(world, &["read", path]).in_a_root();
        let seen = Outcome::of(&mut attack.command(&[])).stdout;
        assert!(seen.starts_with("held: ") || seen == "out: \n", "{path}: {seen}");
    }
}

fn cgroups(world: &World) {
    // release_agent: a program that the kernel runs outside.
    let versions: [(&str, &str, &str, bool); 2] = [
        ("cgroup", "none,name=mini-test", "release_agent", true),
        ("cgroup2", "", "cgroup.procs", Path::new("/sys/fs/cgroup/unified").exists()),
    ];
    for (fstype, data, file, is_here) in versions {
        let attack = Attack::new(world, &["mount", fstype, data, file]).in_a_root();
        attack.fails(&[]);
        attack.fails(&UNCONFINED);
        if is_here {
            attack.succeeds(&["--privileged", "--cgroupns", "host"]);
        }
    }
}

fn keys(world: &World) {
    let run = |attack: &Attack, options: &[&str]| {
        let mut command = attack.command(options);
        // SAFETY: two system calls between fork and exec: a keyring, and a key in it.
        unsafe {
            command.pre_exec(|| {
                let session = -3;
                libc::syscall(libc::SYS_keyctl, 1, 0);
                let (kind, name) = (c"user".as_ptr(), c"mini-secret".as_ptr());
                match libc::syscall(libc::SYS_add_key, kind, name, c"x".as_ptr(), 1, session) {
                    -1 => Err(std::io::Error::last_os_error()),
                    _ => Ok(()),
                }
            });
        }
        Outcome::of(&mut command)
    };
    let inside = Attack::new(world, &["key", "mini-secret"]).in_a_root();
    held(run(&inside, &[]), &[]);
    held(run(&inside, &UNCONFINED), &UNCONFINED);
    let beside = Attack::new(world, &["key", "mini-secret"]);
    held(run(&beside, &[]), &[]);
    out(run(&beside, &UNCONFINED), &UNCONFINED);
}

fn calls(world: &World) {
    for name in ["userfaultfd", "io_uring", "add-key", "perf", "bpf"] {
        let attack = Attack::new(world, &[name]);
        attack.fails(&[]);
        // Some kernels keep these from users themselves, or lack them.
        let open = Outcome::of(&mut attack.command(&["--privileged"]));
        let is_out = open.status == 0;
        assert!(is_out || !world.is_root() || name == "io_uring", "{name}: {open:?}");
    }
}

fn namespaces(world: &World) {
    let attack = Attack::new(world, &["namespace"]);
    attack.fails(&[]);
    attack.succeeds(&UNCONFINED);
    // Also by the newer call, of which no filter sees the flags: it is not there.
    let outcome = world.run(&["unshare", "--user", "true"]);
    assert_ne!(outcome.status, 0, "{outcome:?}");
}

/// As the command of a shell at a terminal.
fn terminal(world: &World) {
    let attack = Attack::new(world, &["terminal"]);
    let run = |options: &[&str]| {
        let (main, end) = terminal_pair();
        let mut command = attack.command(options);
        command.stdin(end);
        lead_session(&mut command);
        let outcome = Outcome::of(&mut command);
        drop(main);
        outcome
    };
    held(run(&[]), &[]);
    // From Linux 6.2 on the kernel may refuse it to all but CAP_SYS_ADMIN.
    out(run(&["--privileged"]), &["--privileged"]);
}

fn sniff(world: &World) {
    let mark = format!("mini-test-mark-{}", std::process::id());
    let run = |options: &[&str]| {
        let attack = Attack::new(world, &["sniff", &mark]);
        let mut command = attack.command(options);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
        let here = UdpSocket::bind("127.0.0.1:0").unwrap();
        here.send_to(mark.as_bytes(), here.local_addr().unwrap()).unwrap();
        here.recv(&mut [0; 64]).unwrap();
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.wait().unwrap().code()
    };
    assert_eq!(run(&[]), Some(1));
    assert_eq!(run(&["--network", "host"]), Some(0));
}

fn sockets(world: &World) {
    let name = format!("mini-test-{}-{:?}", std::process::id(), world.who);
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    let attack = Attack::new(world, &["abstract-socket", &name]);
    attack.fails(&[]);
    attack.succeeds(&["--network", "host"]);
}

fn privileges(world: &World) {
    let directory = world.directory();
    let program = directory.join("id");
    let mut copy = world.command("cp".as_ref(), &["/usr/bin/id", program.to_str().unwrap()]);
    assert!(copy.status().unwrap().success());
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    let attack = Attack::new(world, &["privileges", program.to_str().unwrap()]);
    attack.fails(&["-u", "1000:1000"]);
    attack.succeeds(&["-u", "1000:1000", "--security-opt", "no-new-privileges=false"]);
}
