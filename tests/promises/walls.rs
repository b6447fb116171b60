//! Nothing leads out: roots whose links, names and files are made to reach the host. Each attack is
//! tried in every way a root can be given, and each must either be refused with one line, or run and
//! reach nothing; what is outside is compared before and after.

use crate::terminal::terminal_pair;
use crate::world::{Outcome, World};
use crate::{Need, Promise};
use std::ffi::CString;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

const BUSYBOX: &[Need] = &[Need::Busybox];
const ROOT: &[Need] = &[Need::Busybox, Need::Root];

pub const PROMISES: &[Promise] = &[
    Promise { name: "walls_links_at_mount_points_lead_nowhere", needs: BUSYBOX, check: links },
    Promise {
        name: "walls_links_in_archives_and_images_lead_nowhere",
        needs: &[Need::Busybox, Need::Root, Need::ImageTools],
        check: images,
    },
    Promise { name: "walls_links_in_archives_lead_nowhere", needs: BUSYBOX, check: archives },
    Promise { name: "walls_the_command_cannot_be_a_descriptor", needs: BUSYBOX, check: command },
    Promise { name: "walls_no_descriptor_is_open_at_a_look_up", needs: ROOT, check: look_ups },
    Promise {
        name: "walls_names_swapped_during_the_launch_gain_nothing",
        needs: ROOT,
        check: races,
    },
    Promise { name: "walls_masks_belong_to_minis_own_mounts", needs: ROOT, check: masks },
    Promise { name: "walls_a_mask_hides_paths_of_a_volume", needs: BUSYBOX, check: mask_paths },
    Promise { name: "walls_device_nodes_outside_dev_do_not_work", needs: ROOT, check: devices },
    Promise { name: "walls_a_read_only_root_includes_submounts", needs: ROOT, check: read_only },
    Promise { name: "walls_minis_program_cannot_be_reached", needs: BUSYBOX, check: program },
    Promise { name: "walls_odd_roots_are_refused_or_work", needs: BUSYBOX, check: odd },
    Promise {
        name: "walls_only_the_resolver_looks_up_names",
        needs: &[Need::Root],
        check: one_resolver,
    },
    Promise {
        name: "walls_an_image_cannot_stop_the_machine",
        needs: &[Need::Busybox, Need::Root, Need::ImageTools],
        check: panicking,
    },
];

/// How a link can lead to the root, above it, or to nothing.
const SPELLINGS: [&str; 17] = [
    "..",
    "../..",
    "/..",
    "/../..",
    "/",
    ".",
    "//",
    "./.",
    "d/..",
    "d/../..",
    "../proc/..",
    "proc/../..",
    "/proc/self/root",
    "/proc/1/cwd",
    "/proc/self/fd/3",
    "/nowhere",
    "/tmp",
];

/// What a link can stand for.
const PLACES: [&str; 9] =
    ["proc", "sys", "dev", "dev/pts", "dev/shm", "etc", "mnt/volume", "mnt/tmpfs", "work"];

/// A tree of the host beside which the roots lie, and what must not happen to it.
struct Outside {
    directory: PathBuf,
    /// The path of a file in it.
    secret: String,
    before: String,
    mounts: String,
}

impl Outside {
    fn new(world: &World) -> Outside {
        let directory = world.directory();
        for name in ["proc", "sys", "dev", "etc", "work", "mnt", "d"] {
            fs::create_dir(directory.join(name)).unwrap();
            world.give(&directory.join(name));
        }
        fs::write(directory.join("SECRET"), "secret\n").unwrap();
        world.give(&directory.join("SECRET"));
        let roots = directory.join("roots");
        fs::create_dir(&roots).unwrap();
        world.give(&roots);
        let secret = directory.join("SECRET").display().to_string();
        let mut outside = Outside { directory, secret, before: String::new(), mounts: mounts() };
        outside.before = outside.census();
        outside
    }

    /// Kinds, modes, owners, sizes, times and contents, without the roots.
    fn census(&self) -> String {
        let mut text = String::new();
        list(&self.directory, &self.directory.join("roots"), &mut text);
        text
    }

    #[track_caller]
    fn is_unchanged(&self, what: &str) {
        // What the probe makes, in the host's own root.
        assert!(!Path::new("/made-by-probe").exists(), "{what}");
        assert_eq!(self.census(), self.before, "{what}");
    }

    fn root(&self, world: &World, name: &str) -> PathBuf {
        let root = self.directory.join("roots").join(name);
        fs::create_dir(&root).unwrap();
        for directory in ["bin", "d", "mnt", "etc", "tmp", "proc", "sys", "dev"] {
            fs::create_dir(root.join(directory)).unwrap();
            world.give(&root.join(directory));
        }
        fs::hard_link(world.busybox().join("bin/busybox"), root.join("bin/busybox")).unwrap();
        for applet in ["sh", "ls", "cat", "touch", "true", "grep", "stat", "mkdir", "chmod"] {
            symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
        world.give(&root);
        root
    }
}

fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").unwrap()
}

fn list(directory: &Path, except: &Path, text: &mut String) {
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    for path in names.iter().filter(|path| **path != except) {
        let m = fs::symlink_metadata(path).unwrap();
        writeln!(
            text,
            "{} {:o} {}:{} {} {}.{}",
            path.display(),
            m.mode(),
            m.uid(),
            m.gid(),
            m.size(),
            m.mtime(),
            m.mtime_nsec()
        )
        .unwrap();
        if m.is_dir() {
            list(path, except, text);
        } else if m.is_file() {
            text.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
        }
    }
}

/// What the container's command looks at and tries; its first word is where the secret is on the host.
const PROBE: &str = "for p in / /proc /sys /dev /dev/pts /dev/shm /etc /mnt/volume /mnt/tmpfs /work . ..; do \
       for s in $p$0 $p/SECRET $p/../SECRET $p/../../SECRET $p/roots; do [ -e $s ] && echo OUT $s; done; \
       touch $p/made-by-probe 2>/dev/null; \
     done; \
     for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger; do \
       [ -e $f ] && [ -w $f ] && (: >> $f) 2>/dev/null && echo OPEN $f; done; exit 42";

/// Ways to run in a root.
fn manners(world: &World) -> Vec<Vec<&'static str>> {
    let mut manners = vec![vec![], vec!["--init"], vec!["--read-only"], vec!["--cap-drop", "ALL"]];
    if world.is_root() {
        manners.push(vec!["--userns", "auto"]);
        manners.push(vec!["--userns", "auto", "--init"]);
        manners.push(vec!["--pid", "host", "--network", "host", "--ipc", "host"]);
    }
    manners
}

/// Either one line that refuses, or a run that reached nothing.
#[track_caller]
fn reached_nothing(outcome: &Outcome, what: &str) {
    match outcome.status {
        125..=127 => {
            assert_eq!(outcome.stderr.lines().count(), 1, "{what}: {outcome:?}");
            assert!(outcome.stderr.starts_with("mini: "), "{what}: {outcome:?}");
        }
        42 => assert_eq!(outcome.stdout, "", "{what}: {outcome:?}"),
        _ => panic!("{what}: {outcome:?}"),
    }
}

fn place_link(root: &Path, place: &str, spelling: &str) {
    let path = root.join(place);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = fs::remove_dir(&path);
    symlink(spelling, path).unwrap();
}

fn links(world: &World) {
    let outside = Outside::new(world);
    let volume = world.directory();
    let volume = format!("{}:/mnt/volume", volume.display());
    for (number, place) in PLACES.into_iter().enumerate() {
        for (other, spelling) in SPELLINGS.into_iter().enumerate() {
            let root = outside.root(world, &format!("{number}-{other}"));
            place_link(&root, place, spelling);
            let manners = manners(world);
            // Each way with each place, and every way with the three that mattered most.
            let chosen: Vec<_> = match number {
                0..=2 => manners,
                _ => vec![manners[other % manners.len()].clone()],
            };
            for mut options in chosen {
                match place {
                    "mnt/volume" => options.extend(["-v", &volume]),
                    "mnt/tmpfs" => options.extend(["--tmpfs", "/mnt/tmpfs"]),
                    "work" => options.extend(["-w", "/work"]),
                    "etc" => options.extend(["-u", "daemon"]),
                    _ => options.extend(["--security-opt", "mask=/d"]),
                }
                let what = format!("{place} -> {spelling} {options:?}");
                let root = root.to_str().unwrap();
                let words =
                    [&["--rootfs", root], &options[..], &["/bin/sh", "-c", PROBE, &outside.secret]]
                        .concat();
                reached_nothing(&world.run(&words), &what);
                outside.is_unchanged(&what);
            }
            if number <= 2 {
                let what = format!("{place} -> {spelling}, in a layer");
                let rootfs = format!("{}:O", root.display());
                reached_nothing(
                    &world.run(&["--rootfs", &rootfs, "/bin/sh", "-c", PROBE, &outside.secret]),
                    &what,
                );
                outside.is_unchanged(&what);
                let what = format!("{place} -> {spelling}, masked");
                let mask = format!("mask=/{place}");
                let words = ["--rootfs", root.to_str().unwrap(), "--security-opt", &mask];
                let words = [&words[..], &["/bin/sh", "-c", PROBE, &outside.secret]].concat();
                reached_nothing(&world.run(&words), &what);
                outside.is_unchanged(&what);
            }
            fs::remove_dir_all(&root).unwrap();
        }
    }
    assert_eq!(mounts(), outside.mounts);
}

fn archives(world: &World) {
    packed(world, &|root, file| {
        let tar = Command::new("tar").arg("-cf").arg(file).arg("-C").arg(root).arg(".").status();
        // 1: a file changed meanwhile, here in its number of links.
        assert!(matches!(tar.unwrap().code(), Some(0 | 1)));
    });
}

fn images(world: &World) {
    packed(world, &|root, file| {
        let mut make = Command::new("mksquashfs");
        make.arg(root).arg(file).args(["-quiet", "-no-progress", "-comp", "gzip"]);
        assert!(make.output().unwrap().status.success());
    });
}

fn packed(world: &World, pack: &dyn Fn(&Path, &Path)) {
    let outside = Outside::new(world);
    for place in ["proc", "sys", "dev", "etc"] {
        for spelling in SPELLINGS {
            let root = outside.root(world, "packed");
            place_link(&root, place, spelling);
            let file = outside.directory.join("roots/file");
            pack(&root, &file);
            let what = format!("{place} -> {spelling}, packed");
            let words = ["--rootfs", file.to_str().unwrap(), "-u", "daemon"];
            reached_nothing(
                &world.run(&[&words[..], &["/bin/sh", "-c", PROBE, &outside.secret]].concat()),
                &what,
            );
            outside.is_unchanged(&what);
            fs::remove_dir_all(&root).unwrap();
            fs::remove_file(&file).unwrap();
        }
    }
    assert_eq!(mounts(), outside.mounts);
}

/// The command, an interpreter, or the file of users is a link through a descriptor.
fn command(world: &World) {
    let outside = Outside::new(world);
    let root = outside.root(world, "root");
    fs::copy(world.busybox().join("bin/busybox"), outside.directory.join("ash")).unwrap();
    let before = outside.census();
    for fd in 3..12 {
        for up in ["", "/..", "/../..", "/../../.."] {
            let path = |name: &str| format!("/proc/self/fd/{fd}{up}/{name}");
            let link = root.join("bin/ash");
            let _ = fs::remove_file(&link);
            symlink(path("ash"), &link).unwrap();
            let script = root.join("bin/script");
            let _ = fs::remove_file(&script);
            fs::write(&script, format!("#!{}\n", path("ash"))).unwrap();
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
            world.give(&script);
            let passwd = root.join("etc/passwd");
            let _ = fs::remove_file(&passwd);
            symlink(path("SECRET"), &passwd).unwrap();
            for (options, name) in [
                (&[][..], "/bin/ash"),
                (&["-m", "64m"], "/bin/ash"),
                (&["-t"], "/bin/ash"),
                (&["--init"], "/bin/ash"),
                (&[], "/bin/script"),
                (&["-u", "daemon"], "/bin/sh"),
            ] {
                if options == ["-m", "64m"] && !world.is_root() {
                    continue;
                }
                let command = [name, "-c", "exit 43"];
                let words =
                    [&["run", "--rootfs", root.to_str().unwrap()], options, &command].concat();
                let script = format!("cd $0; exec 9<. ; exec {} \"$@\"", world.mini().display());
                let mut command = world.command("/bin/sh".as_ref(), &["-c", &script]);
                command.arg(&outside.directory).args(&words);
                let outcome = Outcome::of(&mut command);
                assert!((125..=127).contains(&outcome.status), "{words:?} {fd}{up}: {outcome:?}");
            }
        }
    }
    assert_eq!(outside.census(), before);
    // A descriptor that was asked for is there.
    let link = root.join("bin/ash");
    fs::remove_file(&link).unwrap();
    symlink("/proc/self/fd/3/ash", &link).unwrap();
    let script = "cd $0; exec 3<. ; exec \"$@\"";
    let mut command = world.command("/bin/sh".as_ref(), &["-c", script]);
    command.arg(&outside.directory).arg(world.mini());
    command.args(["run", "--preserve-fds", "1", "--rootfs", root.to_str().unwrap()]);
    assert_eq!(Outcome::of(command.args(["/bin/ash", "-c", "exit 43"])).status, 43);
}

/// Stops mini's child at each of its system calls that looks a name up, and lists what it has open.
fn look_ups(world: &World) {
    let outside = Outside::new(world);
    let root = outside.root(world, "root");
    fs::write(root.join("etc/passwd"), "joe:x:7:8::/:/bin/sh\n").unwrap();
    let volume = format!("{}:/mnt/volume", outside.directory.join("d").display());
    for options in [
        &[][..],
        &["-m", "64m"],
        &["--userns", "auto"],
        &["-v", &volume],
        &["-u", "joe"],
        &["--init", "-u", "joe"],
    ] {
        let words = [&["run", "--rootfs", root.to_str().unwrap()], options, &["true"]].concat();
        let seen = crate::tracer::look_ups(world, &words, &outside.directory);
        assert!(seen.after_detach > 3, "{options:?}: {seen:?}");
        assert_eq!(seen.outside, Vec::<String>::new(), "{options:?}");
        assert!(seen.at_exec.iter().all(|name| name.starts_with("pipe:")), "{options:?}: {seen:?}");
        assert!(seen.at_exec.len() <= 1, "{options:?}: {seen:?}");
        assert!(seen.executed, "{options:?}: {seen:?}");
    }
}

/// How many launches a race for one place is given: `MINI_TEST_RACES`.
fn launches() -> usize {
    std::env::var("MINI_TEST_RACES").ok().map_or(300, |text| text.parse().unwrap())
}

fn exchange(one: &Path, other: &Path) {
    let path = |path: &Path| CString::new(path.as_os_str().as_bytes()).unwrap();
    let (one, other) = (path(one), path(other));
    // SAFETY: two strings that outlive the call; RENAME_EXCHANGE.
    unsafe {
        libc::renameat2(libc::AT_FDCWD, one.as_ptr(), libc::AT_FDCWD, other.as_ptr(), 2);
    }
}

/// While somebody exchanges the names of a directory and a link, or of two directories.
fn races(world: &World) {
    let outside = Outside::new(world);
    let volume = world.directory();
    fs::write(volume.join("here"), "").unwrap();
    let volume = format!("{}:/mnt/volume", volume.display());
    for (number, place) in PLACES.into_iter().enumerate() {
        let spellings = ["..", "/", "other"];
        for (other, spelling) in spellings.into_iter().enumerate() {
            let root = outside.root(world, &format!("race{number}-{other}"));
            fs::create_dir_all(root.join(place)).unwrap();
            let beside = root.join(place).with_file_name("swapped");
            fs::create_dir_all(root.join(place).with_file_name("other")).unwrap();
            symlink(spelling, &beside).unwrap();
            let options: &[&str] = match place {
                "mnt/volume" => &["-v", &volume],
                "mnt/tmpfs" => &["--tmpfs", "/mnt/tmpfs"],
                "work" => &["-w", "/work"],
                _ => &[],
            };
            let (root, options) = (root.to_str().unwrap(), options.to_vec());
            let words =
                [&["--rootfs", root], &options[..], &["/bin/sh", "-c", PROBE, &outside.secret]]
                    .concat();
            race(Path::new(root), place, &beside, launches() / spellings.len(), || {
                let outcome = world.run(&words);
                reached_nothing(&outcome, &format!("{place} <-> {spelling}"));
            });
            outside.is_unchanged(place);
            fs::remove_dir_all(root).unwrap();
        }
    }
    assert_eq!(mounts(), outside.mounts);
}

fn race(root: &Path, place: &str, beside: &Path, count: usize, mut launch: impl FnMut()) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                exchange(&root.join(place), beside);
            }
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..count {
                launch();
            }
        }));
        done.store(true, Ordering::Relaxed);
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
}

/// /proc of the root and a directory beside it exchange names: wherever mini's /proc then is, it is
/// masked.
fn masks(world: &World) {
    let outside = Outside::new(world);
    let root = outside.root(world, "masks");
    fs::create_dir(root.join("p1")).unwrap();
    let script = "for p in /proc /p1; do f=$p/sys/kernel/core_pattern; \
        [ -e $f ] && (: >> $f) 2>/dev/null && echo OPEN $f; \
        [ -s $p/keys ] && echo SEEN $p/keys; done; exit 42";
    let words = ["--rootfs", root.to_str().unwrap(), "/bin/sh", "-c", script];
    race(&root, "proc", &root.join("p1"), launches(), || {
        reached_nothing(&world.run(&words), "proc <-> p1");
    });
}

fn mask_paths(world: &World) {
    let outside = Outside::new(world);
    let root = outside.root(world, "root");
    let volume = outside.directory.join("work");
    fs::write(volume.join("secret"), "seen\n").unwrap();
    fs::create_dir(volume.join("dir")).unwrap();
    fs::write(volume.join("dir/secret"), "seen\n").unwrap();
    let (root, volume) = (root.to_str().unwrap(), format!("{}:/data", volume.display()));
    let run = |options: &[&str], script: &str| {
        let words = [&["--rootfs", root, "-v", &volume], options, &["/bin/sh", "-c", script]];
        world.run(&words.concat())
    };
    let both = ["--security-opt", "mask=/data/secret", "--security-opt", "mask=/data/dir"];
    assert_eq!(run(&both, "cat /data/secret; ls /data/dir; echo end").ok(), "end\n");
    assert_eq!(run(&[], "cat /data/secret").ok(), "seen\n");
    run(&["--security-opt", "mask=/data/none"], "true").refused(125, "a masked path must exist");
    // The kernel's own list is of what this kernel may lack.
    run(&[], "true").ok();
}

fn devices(world: &World) {
    let outside = Outside::new(world);
    let root = outside.root(world, "root");
    let (volume, below) = (world.directory(), world.directory());
    let node = |path: &Path| {
        // The null device stands for the disk: opening it says whether it is alive.
        assert!(Command::new("mknod").arg(path).args(["c", "1", "3"]).status().unwrap().success());
    };
    for directory in [&root, &volume, &below] {
        node(&directory.join("node"));
    }
    fs::create_dir(root.join("below")).unwrap();
    fs::create_dir(volume.join("below")).unwrap();
    let (root, volume) = (root.to_str().unwrap(), volume.to_str().unwrap());
    // A mount below the root and below the volume, which only a process of the test's has.
    let script = format!(
        "mount --bind {0} {root}/below && mount --bind {0} {volume}/below && exec \"$@\"",
        below.display()
    );
    let run = |options: &[&str], rootfs: &str, script_inside: &str| {
        let mini = world.mini();
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", &script, "sh", mini.to_str().unwrap(), "run"]);
        command.args(["--rootfs", rootfs]).args(options).args(["/bin/sh", "-c", script_inside]);
        Outcome::of(&mut command)
    };
    let open = "for f in /node /below/node /mnt/node /mnt/below/node; do \
        [ -c $f ] && (: < $f) 2>/dev/null && echo ALIVE $f; done; :";
    let plain = format!("{volume}:/mnt");
    for options in [
        &["-v", &*plain][..],
        &["-v", &plain, "--init"],
        &["-v", &plain, "--userns", "auto"],
        &["-v", &plain, "--read-only"],
        &["-v", &plain, "--cap-add", "ALL"],
        &["-v", &format!("{plain}:ro")],
        &["--mount", &format!("type=bind,src={volume},dst=/mnt")],
    ] {
        assert_eq!(run(options, root, open).ok(), "", "{options:?}");
    }
    assert_eq!(run(&["-v", &plain], &format!("{root}:O"), open).ok(), "");
    // With the option, on that volume and below, alone.
    let dev = format!("{volume}:/mnt:dev");
    let alive = "ALIVE /mnt/node\nALIVE /mnt/below/node\n";
    assert_eq!(run(&["-v", &dev], root, open).ok(), alive);
    // A device alone is --device's.
    let node = format!("{volume}/node:/x");
    run(&["-v", &node], root, ":").refused(125, "use --device");
}

fn read_only(world: &World) {
    let outside = Outside::new(world);
    let root = outside.root(world, "root");
    let below = world.directory();
    fs::create_dir(root.join("below")).unwrap();
    let root = root.to_str().unwrap();
    let script = format!("mount --bind {} {root}/below && exec \"$@\"", below.display());
    let mini = world.mini();
    for options in [&[][..], &["--init"], &["--userns", "auto"]] {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", &script, "sh", mini.to_str().unwrap(), "run"]);
        command.args(["--read-only", "--rootfs", root]).args(options).args(["/bin/sh", "-c"]);
        command.arg("for d in / /below /d; do touch $d/x 2>/dev/null && echo MADE $d; done; :");
        assert_eq!(Outcome::of(&mut command).ok(), "", "{options:?}");
    }
    assert_eq!(fs::read_dir(below).unwrap().count(), 0);
}

/// Process 1 of --init is mini: whoever may look into it finds nothing that is the host's file.
fn program(world: &World) {
    let before = fs::metadata(world.mini()).unwrap();
    let root = world.busybox();
    let root = root.to_str().unwrap();
    let script = "chmod 6777 /proc/1/exe 2>/dev/null; cat /bin/busybox 2>/dev/null >> /proc/1/exe; \
        ls /proc/1/fd 2>/dev/null | grep -v '^[012]$'; :";
    let mut options = vec![
        vec!["--init"],
        vec!["--init", "-t"],
        vec!["--init", "--ro-path", "/"],
        vec!["--init", "--cap-add", "SYS_PTRACE"],
        vec!["--init", "--cap-add", "ALL"],
        vec!["--init", "--cap-add", "ALL", "--security-opt", "seccomp=unconfined"],
    ];
    if crate::old::is_wanted() {
        // Path rules are later than Linux 4.4.
        options.retain(|options| !options.contains(&"--ro-path"));
    }
    if world.is_root() {
        options.push(vec!["--init", "--userns", "auto", "--cap-add", "ALL"]);
        options.push(vec!["--init", "--uidmap", "0:0:65536", "--cap-add", "ALL"]);
        options.push(vec!["--init", "-u", "1:1"]);
    }
    for options in options {
        let words = [&["--rootfs", root], &options[..], &["/bin/sh", "-c", script]].concat();
        let mut command = world.run_command(&words);
        let terminal = options.contains(&"-t").then(terminal_pair);
        if let Some((_, end)) = &terminal {
            command.stdin(end.try_clone().unwrap());
        }
        let outcome = Outcome::of(&mut command);
        let can = outcome.status != 125 || outcome.stderr.contains("Landlock");
        assert!(can, "{options:?}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{options:?}: {outcome:?}");
        let after = fs::metadata(world.mini()).unwrap();
        let facts = |m: &fs::Metadata| (m.mode(), m.uid(), m.len(), m.mtime(), m.mtime_nsec());
        assert_eq!(facts(&after), facts(&before), "{options:?}");
    }
}

/// Roots that lack things, or have something else in their place.
fn odd(world: &World) {
    let outside = Outside::new(world);
    for place in ["proc", "sys", "dev", "mnt/volume", "work", "etc/passwd"] {
        for kind in ["file", "fifo", "socket", "device", "loop"] {
            let root = outside.root(world, "odd");
            let path = root.join(place);
            let _ = fs::remove_dir(&path);
            let _socket = match kind {
                "file" => fs::write(&path, "x").map(|()| None).unwrap(),
                "fifo" => {
                    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
                    None
                }
                "socket" => Some(std::os::unix::net::UnixListener::bind(&path).unwrap()),
                "device" if world.is_root() => {
                    let node = Command::new("mknod").arg(&path).args(["c", "1", "5"]).status();
                    assert!(node.unwrap().success());
                    None
                }
                "device" => None,
                _ => {
                    symlink(path.file_name().unwrap(), &path).unwrap();
                    None
                }
            };
            let directory = format!("{}:/mnt/volume", outside.directory.join("d").display());
            let words = ["--rootfs", root.to_str().unwrap(), "-v", &directory, "-w", "/work"];
            let words = [&words[..], &["-u", "daemon", "/bin/sh", "-c", "exit 42"]].concat();
            let outcome = world.run(&words);
            reached_nothing(&outcome, &format!("{kind} at {place}"));
            outside.is_unchanged(kind);
            fs::remove_dir_all(&root).unwrap();
        }
    }
    // Links in links, as many as the kernel follows and more.
    let root = outside.root(world, "links");
    fs::create_dir(root.join("l0")).unwrap();
    for number in 1..=45 {
        symlink(format!("l{}", number - 1), root.join(format!("l{number}"))).unwrap();
    }
    let root = root.to_str().unwrap();
    let at = |path: &str| world.run(&["--rootfs", root, "-w", path, "/bin/sh", "-c", "exit 42"]);
    assert_eq!(at("/l40").status, 42);
    at("/l45").refused(125, "Too many symbolic links");
    // As long as names and paths can be.
    let long = format!("/{}", "n".repeat(255));
    let volume = |target: &str| {
        let volume = format!("{}:{target}", outside.directory.join("d").display());
        world.run(&["--rootfs", root, "-v", &volume, "/bin/sh", "-c", "exit 42"])
    };
    assert_eq!(volume(&long).status, 42);
    volume(&format!("/{}", "n".repeat(256))).refused(125, "File name too long");
    let deep = "/d".repeat(2047);
    assert_eq!(volume(&deep).status, 42);
    volume(&"/d".repeat(2048)).refused(125, "File name too long");
    outside.is_unchanged("long names");
}

/// An ext4 that asks the kernel to stop the machine when it finds a mistake.
fn panicking(world: &World) {
    let outside = Outside::new(world);
    let root = outside.root(world, "root");
    let image = outside.directory.join("roots/image");
    fs::write(&image, vec![0; 8 << 20]).unwrap();
    let mut make = Command::new("mkfs.ext4");
    make.args(["-q", "-e", "panic", "-d"]).arg(&root).arg(&image);
    assert!(make.output().unwrap().status.success());
    let options = |outcome: Outcome| {
        let line = outcome.ok();
        assert!(line.contains("errors=continue") && !line.contains("errors=panic"), "{line}");
    };
    let image = image.to_str().unwrap();
    let script = "cat /proc/mounts | grep ' ext4 '";
    options(world.run(&["--rootfs", image, "/bin/sh", "-c", script]));
    let root = root.to_str().unwrap();
    let mount = format!("type=image,src={image},dst=/mnt");
    if !crate::old::is_wanted() {
        let script = "grep ' /mnt ext4 ' /proc/mounts";
        options(world.run(&["--rootfs", root, "--mount", &mount, "/bin/sh", "-c", script]));
    }
}

/// Where a path is handed to the kernel in `src/container`, how often, and why that is no name of the
/// container's. Whoever adds one says so here, or walks there with `resolve`.
const LOOK_UPS: [(&str, usize, &str); 22] = [
    ("cgroups.rs", 4, "the parent, cgroups"),
    (
        "exec.rs",
        3,
        "to find the command, or to explain why execve(2) refused it, with nothing of the host in reach",
    ),
    ("explain.rs", 2, "the parent, the host's /proc"),
    ("freezer.rs", 1, "the parent, cgroups"),
    ("hooks.rs", 1, "the parent, the programs of hooks"),
    ("id_maps.rs", 2, "the parent, newuidmap"),
    ("init.rs", 4, "mini's own program; process 1 leaves for the root"),
    ("launch.rs", 1, "the parent, namespaces that are joined"),
    ("listener.rs", 1, "the process's own id in /proc, which is only told to the agent"),
    (
        "mount_tree.rs",
        7,
        "the host's sources and images, taken before the switch; what lies topmost",
    ),
    ("net_devices.rs", 2, "the parent, namespaces of the network"),
    ("output_file.rs", 1, "the parent, the caller's pidfile and report"),
    ("overlay_lock.rs", 2, "the parent, the caller's layers"),
    ("perform.rs", 8, "images and archives before the switch; what lies topmost; the host's files"),
    ("resolve.rs", 1, "the resolver's beginning, the root itself"),
    ("rights.rs", 1, "a procfs before the switch; it must be one"),
    (
        "rootfs.rs",
        29,
        "mini's own file systems, from their descriptors, topmost on the root or as the working directory",
    ),
    ("start.rs", 1, "programs of startContainer hooks, with nothing of the host in reach"),
    ("stats.rs", 6, "the parent, cgroups"),
    ("stdio.rs", 2, "the parent's /dev/null and /dev/tty"),
    ("supervise.rs", 1, "the parent, the host's /proc"),
    ("update.rs", 6, "the parent, cgroups"),
];

fn one_resolver(_world: &World) {
    const CALLS: [&str; 13] = [
        "fs::open(",
        "fs::read_file(",
        "fs::chdir(",
        "fs::identity(",
        "fs::statfs_type(",
        "fs::is_device(",
        "mount::mount(",
        "mount::umount(",
        "fs::HERE",
        "mount::take_tree(",
        "process::execve(",
        "fs::chroot(",
        "fs::rename(",
    ];
    let mut found = Vec::new();
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/container")];
    while let Some(directory) = directories.pop() {
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            let code = code.lines().map(|line| line.split("//").next().unwrap());
            let calls =
                |line: &str| -> usize { CALLS.iter().map(|call| line.matches(call).count()).sum() };
            let count: usize = code.map(calls).sum();
            if count > 0 {
                found.push((path.file_name().unwrap().to_str().unwrap().to_owned(), count));
            }
        }
    }
    found.sort();
    let known: Vec<_> =
        LOOK_UPS.iter().map(|(name, count, _)| (name.to_string(), *count)).collect();
    assert_eq!(found, known);
}
