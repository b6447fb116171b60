//! What is mounted into a container: where it was asked for, as it was asked for, nowhere else.

use crate::world::{Outcome, World, eventually};
use crate::{Need, Promise};
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

const BUSYBOX: &[Need] = &[Need::Busybox];

pub const PROMISES: &[Promise] = &[
    Promise { name: "a_volume_is_a_file_or_a_directory", needs: BUSYBOX, check: volumes },
    Promise {
        name: "read_only_includes_submounts",
        needs: &[Need::Root, Need::Busybox],
        check: recursive,
    },
    Promise {
        name: "volumes_work_on_kernels_without_the_newer_calls",
        needs: &[Need::Root, Need::Busybox, Need::Strace],
        check: older,
    },
    Promise { name: "volumes_nest_in_the_order_given", needs: BUSYBOX, check: nested },
    Promise { name: "volumes_work_with_the_hosts_files", needs: &[], check: on_the_host },
    Promise { name: "a_tmpfs_is_bounded", needs: BUSYBOX, check: tmpfs },
    Promise { name: "a_root_can_be_read_only", needs: BUSYBOX, check: read_only },
    Promise { name: "a_temporary_overlay_takes_writes", needs: BUSYBOX, check: overlay },
    Promise { name: "an_overlay_can_be_kept", needs: BUSYBOX, check: kept },
    Promise {
        name: "debian_installs_into_an_overlay",
        needs: &[Need::Root, Need::Debian],
        check: install,
    },
    Promise {
        name: "an_image_is_a_root",
        needs: &[Need::Root, Need::Busybox, Need::ImageTools, Need::LaterCalls],
        check: images,
    },
    Promise { name: "an_archive_is_a_root", needs: BUSYBOX, check: archives },
    Promise { name: "bad_archives_are_refused", needs: BUSYBOX, check: bad_archives },
    Promise {
        name: "debian_runs_from_an_archive",
        needs: &[Need::Root, Need::Debian],
        check: debian_archive,
    },
    Promise { name: "bad_images_are_refused", needs: &[Need::Busybox], check: bad_images },
    Promise {
        name: "other_file_systems_are_volumes_too",
        needs: &[Need::Busybox, Need::LaterCalls],
        check: others,
    },
    Promise { name: "a_device_of_the_host_can_be_given", needs: BUSYBOX, check: device },
    Promise { name: "the_machines_files_are_masked", needs: BUSYBOX, check: masks },
    Promise { name: "hostile_links_do_not_lead_out", needs: BUSYBOX, check: hostile },
    Promise {
        name: "a_link_swapped_meanwhile_does_not_either",
        needs: &[Need::Root, Need::Busybox],
        check: swapped,
    },
    Promise { name: "bad_mounts_are_refused", needs: BUSYBOX, check: refused },
    Promise { name: "a_hundred_volumes_and_odd_paths_work", needs: BUSYBOX, check: many },
];

/// `mini run --rootfs ROOT OPTIONS sh -c SCRIPT`
fn run(world: &World, root: &str, options: &[&str], script: &str) -> Outcome {
    world.run(&[&["--rootfs", root], options, &["/bin/sh", "-c", script]].concat())
}

/// A root of one's own, that may be written to.
fn root(world: &World) -> PathBuf {
    let root = world.directory();
    fs::create_dir(root.join("bin")).unwrap();
    world.copy_busybox(&root.join("bin/busybox"));
    for applet in
        ["sh", "ls", "cat", "touch", "mkdir", "mount", "dd", "wc", "df", "rm", "stat", "grep"]
    {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    root
}

/// A directory with a file in it.
fn source(world: &World) -> PathBuf {
    let source = world.file("file", b"content\n");
    source.parent().unwrap().to_owned()
}

fn volumes(world: &World) {
    let (root, source) = (root(world), source(world));
    let (root, source) = (root.to_str().unwrap(), source.to_str().unwrap());
    let file = format!("{source}/file");
    let seen = run(world, root, &["-v", &format!("{source}:/new/dir")], "cat /new/dir/file");
    assert_eq!(seen.ok(), "content\n");
    let seen = run(world, root, &["-v", &format!("{file}:/new/file")], "cat /new/file");
    assert_eq!(seen.ok(), "content\n");
    let words = format!("type=bind,src={file},dst=/new/file,ro");
    let script = "cat /new/file; echo x 2>/dev/null > /new/file || echo read-only";
    assert_eq!(run(world, root, &["--mount", &words], script).ok(), "content\nread-only\n");
    // Written through, and the mount point that was made is all that is left in the root.
    run(world, root, &["-v", &format!("{source}:/new/dir")], "echo more >> /new/dir/made").ok();
    assert_eq!(fs::read_to_string(format!("{source}/made")).unwrap(), "more\n");
    assert_eq!(fs::read_dir(format!("{root}/new/dir")).unwrap().count(), 0);
    // A relative source is the caller's.
    let mut command = world.run_command(&["--rootfs", root, "-v", "./file:/f:ro", "cat", "/f"]);
    assert_eq!(Outcome::of(command.current_dir(source)).ok(), "content\n");
    // Options, seen from inside.
    let flags = run(
        world,
        root,
        &["-v", &format!("{source}:/d:ro,nosuid,nodev,noexec")],
        "grep ' /d ' /proc/mounts",
    );
    assert!(flags.ok().contains(" ro,nosuid,nodev,noexec,"));
}

/// With a mount below the source, made in a container of its own so that the host never has it.
fn recursive(world: &World) {
    let (root, source) = (root(world), source(world));
    fs::create_dir(source.join("below")).unwrap();
    let mini = world.mini();
    let script = format!(
        "mount -t tmpfs x {0}/below && echo deep > {0}/below/file && exec {1} run --rootfs {2} \
         -v {0}:/d:ro /bin/sh -c 'cat /d/below/file; echo x 2>/dev/null > /d/below/file || echo no; \
         echo x 2>/dev/null > /d/file || echo no'",
        source.display(),
        mini.display(),
        root.display()
    );
    assert_eq!(world.sh(&["--privileged"], &script).ok(), "deep\nno\nno\n");
    let script = script.replace(":/d:ro ", ":/d:bind ");
    let outcome = world.sh(&["--privileged"], &script);
    assert!(outcome.stderr.contains("can't open '/d/below/file'"), "{outcome:?}");
}

/// The calls of Linux 5.2 and of 5.12 are made to fail as on a kernel that lacks them.
fn older(world: &World) {
    let (root, source) = (root(world), source(world));
    fs::create_dir(source.join("below")).unwrap();
    let calls = ["mount_setattr", "open_tree,move_mount,mount_setattr"];
    for (lacking, options) in calls.iter().flat_map(|calls| [(calls, "ro"), (calls, "rw")]) {
        let script = format!(
            "mount -t tmpfs x {0}/below && echo deep > {0}/below/file && exec {5} -f -e trace={3} \
             -e inject={3}:error=ENOSYS -o /dev/null {1} run --rootfs {2} -v {0}:/d/e:{4},nosuid \
             -v {0}/file:/f --read-only --tmpfs /tmp /bin/sh -c 'cat /d/e/below/file /f; \
             touch /d/e/x /d/e/below/x 2>/dev/null || echo no; touch /x 2>/dev/null || echo no; \
             grep -c \" /d/e.*nosuid\" /proc/mounts; rm -f /d/e/x'",
            source.display(),
            world.mini().display(),
            root.display(),
            lacking,
            options,
            world.strace().display(),
        );
        let seen = world.sh(&["--privileged"], &script).ok();
        let middle = if options == "ro" { "no\n" } else { "" };
        assert_eq!(seen, format!("deep\ncontent\n{middle}no\n2\n"), "{lacking} {options}");
    }
}

fn nested(world: &World) {
    let (root, source) = (root(world), source(world));
    let inner = self::source(world);
    fs::write(inner.join("file"), "inner\n").unwrap();
    fs::create_dir(source.join("in")).unwrap();
    let outer = format!("{}:/a", source.display());
    let inner = format!("{}:/a/in", inner.display());
    let options = ["-v", &outer, "-v", &inner, "--tmpfs", "/a/in/mem"];
    let seen = run(world, root.to_str().unwrap(), &options, "cat /a/file /a/in/file; ls /a/in");
    assert_eq!(seen.ok(), "content\ninner\nfile\nmem\n");
    // The other way round as well: parents come first.
    let options = ["-v", &inner, "-v", &outer];
    let seen = run(world, root.to_str().unwrap(), &options, "cat /a/in/file");
    assert_eq!(seen.ok(), "inner\n");
}

fn on_the_host(world: &World) {
    let source = source(world);
    let before = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let volume = format!("{}:/mnt:ro", source.display());
    assert_eq!(world.sh(&["-v", &volume], "cat /mnt/file").ok(), "content\n");
    assert_eq!(world.sh(&["--tmpfs", "/mnt:size=1m"], "echo x > /mnt/x; cat /mnt/x").ok(), "x\n");
    let volume = format!("{}:/mnt/not/there", source.display());
    world.run(&["-v", &volume, "true"]).refused(125, "mini creates nothing on the host");
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
    assert!(!Path::new("/mnt/not").exists());
}

fn tmpfs(world: &World) {
    let root = root(world);
    let root = root.to_str().unwrap();
    let fill = "dd if=/dev/zero of=/tmp/big bs=1M count=2000 2>/dev/null; stat -c %s /tmp/big";
    let size: u64 = run(world, root, &["--tmpfs", "/tmp"], fill).stdout.trim().parse().unwrap();
    assert!(size <= 64 << 20, "{size}");
    let size = run(world, root, &["--tmpfs", "/tmp:size=1m,mode=700"], fill).stdout;
    assert_eq!(size, "1048576\n");
    let seen = run(
        world,
        root,
        &["--tmpfs", "/tmp:mode=700,exec"],
        "stat -c %a /tmp; \
        grep ' /tmp ' /proc/mounts",
    )
    .ok();
    assert!(seen.starts_with("700\n") && seen.contains("nosuid,nodev") && !seen.contains("noexec"));
}

fn read_only(world: &World) {
    let root = root(world);
    let source = source(world);
    let volume = format!("{}:/data", source.display());
    let options = ["--read-only", "--tmpfs", "/tmp", "-v", &volume];
    let script = "touch /x 2>/dev/null || echo root; touch /tmp/x && echo tmp; \
        touch /data/x && echo data; mount -o remount,rw / 2>/dev/null; echo x > /dev/null && echo dev";
    assert_eq!(run(world, root.to_str().unwrap(), &options, script).ok(), "root\ntmp\ndata\ndev\n");
}

/// The names of everything below a directory, with what files hold. Nothing but files is opened:
/// a root has devices and pipes.
fn tree(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            found.extend(tree(&path));
        }
        let content = if kind.is_file() { fs::read(&path).unwrap_or_default() } else { Vec::new() };
        found.push((path, content));
    }
    found.sort();
    found
}

fn overlay(world: &World) {
    let root = root(world);
    fs::create_dir(root.join("etc")).unwrap();
    fs::write(root.join("etc/conf"), "old\n").unwrap();
    for path in [root.join("etc"), root.join("etc/conf"), root.join("bin")] {
        world.give(&path);
    }
    let before = tree(&root);
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let layered = format!("{}:O", root.display());
    let script = "echo new > /etc/conf; rm /bin/wc; mkdir /made; ls /; cat /etc/conf; \
        grep -vE ' /(proc|sys|dev)' /proc/mounts | grep -c .";
    let seen = run(world, &layered, &[], script).ok();
    // One mount, the root: neither the layers nor the old root are left in sight.
    assert_eq!(seen, "bin\ndev\netc\nmade\nproc\nsys\nnew\n1\n");
    assert_eq!(tree(&root), before);
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), mounts);
    // Bounded by an eighth of the machine's memory.
    let kib = run(world, &layered, &[], "df -k / | grep overlay").ok();
    let kib: u64 = kib.split_whitespace().nth(1).unwrap().parse().unwrap();
    let total = fs::read_to_string("/proc/meminfo").unwrap();
    let total: u64 = total.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib <= total / 8 + 4, "{kib} of {total}");
    // Several layers, the first one uppermost.
    let more = world.directory();
    fs::create_dir(more.join("etc")).unwrap();
    fs::write(more.join("etc/conf"), "hidden\n").unwrap();
    fs::write(more.join("etc/more"), "seen\n").unwrap();
    let several = format!("{}:{}:O", root.display(), more.display());
    assert_eq!(run(world, &several, &[], "cat /etc/conf /etc/more").ok(), "old\nseen\n");
    // A relative one, with a comma and a colon in its name.
    let odd = root.with_file_name(format!("{},a:b", root.file_name().unwrap().to_str().unwrap()));
    fs::rename(&root, &odd).unwrap();
    let name = odd.file_name().unwrap().to_str().unwrap().replace(':', "\\:");
    let name = format!("{name}:O");
    let mut command = world.run_command(&["--rootfs", &name, "/bin/cat", "/etc/conf"]);
    assert_eq!(Outcome::of(command.current_dir(odd.parent().unwrap())).ok(), "old\n");
}

fn kept(world: &World) {
    let root = root(world);
    let layer = world.directory();
    let path = |name: &str| {
        let path = layer.join(name);
        // Made by whoever mini runs as.
        let status = world.command("/bin/mkdir".as_ref(), &[&path]).status().unwrap();
        assert!(status.success());
        path
    };
    let (upper, work) = (path("upper"), path("upper.work"));
    let root = root.to_str().unwrap();
    let overlay = upper.to_str().unwrap();
    run(world, root, &["--overlay", overlay], "echo kept > /kept").ok();
    assert_eq!(fs::read_to_string(upper.join("kept")).unwrap(), "kept\n");
    assert!(!Path::new(root).join("kept").exists());
    assert_eq!(run(world, root, &["--overlay", overlay], "cat /kept").ok(), "kept\n");
    let both = format!("{overlay},{}", work.display());
    assert_eq!(run(world, root, &["--overlay", &both], "cat /kept").ok(), "kept\n");
    // A further layer by a relative path, where what is written is kept.
    fs::write(path("more").join("further"), "further\n").unwrap();
    let layers = format!("{root}:more:O");
    let words = ["--rootfs", &layers, "--overlay", &both, "cat", "/further", "/kept"];
    let mut command = world.run_command(&words);
    assert_eq!(Outcome::of(command.current_dir(&layer)).ok(), "further\nkept\n");
    run(world, root, &["--overlay", "/no/such"], "true").refused(125, "overlay ");
    // On an overlay there can be none: a first container's root is the place for a second's layer.
    let mini = format!("{}:/mini:ro", world.mini().display());
    let layered = format!("{root}:O");
    let script = "mkdir /l /u /u.work /l/bin; /mini run --rootfs /l --overlay /u true";
    let options = ["--privileged", "-v", &mini];
    let outcome = run(world, &layered, &options, script);
    assert_eq!(outcome.status, 125);
    assert!(outcome.stderr.contains("overlay /l: "), "{outcome:?}");
}

/// A package made here and installed by Debian's own tools into a throw-away layer.
fn install(world: &World) {
    let directory = world.directory();
    let package = directory.join("package");
    fs::create_dir_all(package.join("DEBIAN")).unwrap();
    fs::create_dir_all(package.join("usr/bin")).unwrap();
    let control = "Package: greet\nVersion: 1\nArchitecture: all\nMaintainer: mini <mini@localhost>\n\
        Description: says hello\n";
    fs::write(package.join("DEBIAN/control"), control).unwrap();
    fs::write(package.join("usr/bin/greet"), "#!/bin/sh\necho hello from a package\n").unwrap();
    let script = "chmod 755 /d/package/usr/bin/greet; dpkg-deb -b /d/package /tmp/greet.deb >/dev/null \
        && apt-get install -y /tmp/greet.deb >/dev/null 2>&1 && greet && dpkg -s greet | grep Status";
    let before = tree(world.debian());
    let root = format!("{}:O", world.debian().display());
    let volume = format!("{}:/d", directory.display());
    let seen = run(world, &root, &["-v", &volume], script);
    assert_eq!(seen.stdout, "hello from a package\nStatus: install ok installed\n", "{seen:?}");
    assert!(tree(world.debian()) == before, "the layer below has changed");
}

fn masks(world: &World) {
    let root = root(world);
    fs::write(root.join("secret"), "x").unwrap();
    let root = root.to_str().unwrap();
    for path in ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts"] {
        if Path::new(path).exists() {
            assert_eq!(run(world, root, &[], &format!("cat {path} | wc -c")).ok().trim(), "0");
        }
    }
    if Path::new("/sys/firmware").exists() {
        assert_eq!(run(world, root, &[], "ls -A /sys/firmware").ok(), "");
    }
    for path in ["/proc/sys/kernel/core_pattern", "/proc/irq/default_smp_affinity"] {
        let outcome = run(world, root, &[], &format!("echo x 2>&1 > {path}"));
        assert_ne!(outcome.status, 0, "{path}");
    }
    let script = "grep -c -E ' /proc/(sys|irq|keys) ' /proc/mounts";
    assert_eq!(run(world, root, &["--security-opt", "unmask=all"], script).stdout, "0\n");
    let options = ["--security-opt", "unmask=/proc/keys", "--security-opt", "mask=/secret"];
    let script = "grep -c ' /proc/keys ' /proc/mounts; stat -c %F /secret";
    assert_eq!(run(world, root, &options, script).stdout, "0\ncharacter special file\n");
    // The host's files have the same masks.
    let seen = world.sh(&[], "grep -c ' /proc/sys proc ro,' /proc/mounts").ok();
    assert_eq!(seen, "1\n");
}

fn hostile(world: &World) {
    let outside = world.directory();
    fs::create_dir(outside.join("target")).unwrap();
    let source = source(world);
    let deep = format!("../../../../../../..{}", outside.display());
    let links: [(&str, &str); 6] = [
        ("data", outside.to_str().unwrap()),
        ("data", &deep),
        ("data", "/proc/self/cwd"),
        ("data", "/proc/self/fd"),
        ("data", "chain"),
        ("data", "data"),
    ];
    for (name, to) in links {
        let root = root(world);
        symlink(to, root.join(name)).unwrap();
        symlink(&outside, root.join("chain")).unwrap();
        let volume = format!("{}:/data/target/x", source.display());
        for options in [&["-v", &volume][..], &["--tmpfs", "/data/target/y"]] {
            // Inside the root, or an error: either way nothing outside.
            let outcome = run(world, root.to_str().unwrap(), options, "echo ran");
            assert!(outcome.status == 0 || outcome.status == 125, "{to}: {outcome:?}");
            assert_eq!(tree(&outside), [(outside.join("target"), Vec::new())], "{to}");
        }
    }
    // A directory that the caller left open is within reach of /proc, but not of a mount.
    let own = root(world);
    symlink("/proc/self/fd/9", own.join("data")).unwrap();
    let script = "exec 9<\"$2\"; exec \"$0\" run --rootfs \"$1\" --tmpfs /data/leak true";
    let mut command = world.command("/bin/sh".as_ref(), &["-c", script]);
    let outcome = Outcome::of(command.arg(world.mini()).arg(&own).arg(&outside));
    outcome.refused(125, "(or a magic link of /proc");
    assert_eq!(tree(&outside), [(outside.join("target"), Vec::new())]);
    // The working directory and the files of users, too, are looked up inside.
    let own = root(world);
    for name in ["etc", "work"] {
        symlink(format!("../../../..{}", outside.display()), own.join(name)).unwrap();
    }
    symlink("../../..", own.join("up")).unwrap();
    fs::write(outside.join("passwd"), "joe:x:1000:1000::/:/bin/sh\n").unwrap();
    let own = own.to_str().unwrap();
    assert_eq!(run(world, own, &["-w", "/up"], "ls -di . / | wc -l; pwd").ok(), "2\n/\n");
    run(world, own, &["-w", "/work"], "true").refused(125, "chdir /work: No such file");
    run(world, own, &["-u", "joe"], "true").refused(125, "no such user");
    fs::remove_file(outside.join("passwd")).unwrap();
    // A destination over a link to the outside lands inside.
    let root = root(world);
    symlink(&outside, root.join("out")).unwrap();
    let volume = format!("{}:/out/in", source.display());
    run(world, root.to_str().unwrap(), &["-v", &volume], "cat /out/in/file").ok();
    let inside = root.join(outside.strip_prefix("/").unwrap()).join("in");
    assert!(inside.is_dir());
}

/// Starts mini many times with a root in which two names change places all the while, and sees that
/// nothing is made outside.
fn while_swapped(
    world: &World,
    names: [&str; 2],
    outside: &Path,
    root: &Path,
    options: &[&str],
    starts: usize,
) {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let [one, two] = names.map(|name| root.join(name));
            while !done.load(Ordering::Relaxed) {
                let _ = renameat_with(CWD, &one, CWD, &two, RenameFlags::EXCHANGE);
            }
        });
        let always = ["--rootfs", root.to_str().unwrap(), "--network", "host"];
        let words = [&always, options, &["/bin/busybox", "true"]].concat();
        for _ in 0..starts {
            let status = world.run(&words).status;
            assert!(status == 0 || status == 125, "{status}");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(tree(outside), []);
}

/// Two thousand starts while the destination's parent is now a directory, now a link; and as many
/// while /dev is now a directory, now a link through what /proc shows of mini itself.
fn swapped(world: &World) {
    let (outside, source) = (world.directory(), source(world));
    let own = root(world);
    fs::create_dir(own.join("d")).unwrap();
    symlink(&outside, own.join("l")).unwrap();
    let volume = format!("{}:/d/x/y", source.display());
    while_swapped(world, ["d", "l"], &outside, &own, &["-v", &volume], 2000);
    let own = root(world);
    fs::create_dir(own.join("dev")).unwrap();
    symlink(format!("/proc/self/cwd{}", outside.display()), own.join("l")).unwrap();
    while_swapped(world, ["dev", "l"], &outside, &own, &[], 2000);
    // The way up leads to the old root as long as that lies on the new one.
    let own = root(world);
    fs::create_dir(own.join("dev")).unwrap();
    symlink(format!("../../../../..{}", outside.display()), own.join("l")).unwrap();
    while_swapped(world, ["dev", "l"], &outside, &own, &[], 2000);
}

fn refused(world: &World) {
    let source = source(world);
    let root = root(world);
    let root = root.to_str().unwrap();
    let s = source.to_str().unwrap();
    let volume = |tail: &str| format!("{s}{tail}");
    let cases: [(&str, String, &str); 23] = [
        ("-v", "/no/such:/d".into(), "volume /no/such: No such file or directory"),
        ("-v", volume(""), "has no destination"),
        ("-v", volume(":d"), "must begin with /"),
        ("-v", volume(":/a/../b"), "must not have .. in it"),
        ("-v", volume(":/"), "must not be the root"),
        ("-v", volume(":/d:what"), "--volume what: unknown option (ro rw"),
        ("-v", volume(":/d:rslave,private"), "both private and slave"),
        ("-v", volume(":/d:ro:x"), "too many colons"),
        ("-v", ":/d".into(), "has no source"),
        ("-v", volume("/file:/bin"), "a file cannot be mounted on a directory"),
        ("-v", volume(":/bin/busybox"), "a file cannot be mounted on a directory"),
        ("--device", "/etc/passwd".into(), "device /etc/passwd: not a device"),
        ("--device", "/dev/no-such".into(), "device /dev/no-such: No such file"),
        ("--device", "/dev/null:/dev/x:r".into(), "rights cannot be limited (rwm"),
        ("--mount", "src=/etc,dst=/d".into(), "needs type="),
        ("--mount", "type=moon,dst=/d".into(), "--mount moon: unknown type (bind"),
        ("--mount", "type=bind,dst=/d".into(), "has no source"),
        ("--mount", "type=tmpfs,dst=/d,size=x".into(), "--mount size=x: unknown option"),
        ("--tmpfs", "tmp".into(), "must begin with /"),
        ("--tmpfs", "/tmp:mode=999".into(), "unknown option"),
        ("--overlay", ",x".into(), "not UPPER[,WORK]"),
        ("--security-opt", "mask=x".into(), "mask=/PATH"),
        ("--security-opt", "privileged".into(), "mask=/PATH"),
    ];
    let before = fs::read_to_string("/proc/self/mountinfo").unwrap();
    for (option, value, line) in &cases {
        run(world, root, &[option, value], "echo it ran").refused(125, line);
    }
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
    world.run(&["--read-only", "-v"]).refused(125, "needs a value (SRC:DST[:OPTIONS])");
    world.run(&["--overlay", "/u", "true"]).refused(125, "needs --rootfs");
    world.run(&["--read-only", "true"]).refused(125, "needs --rootfs");
}

fn many(world: &World) {
    let (root, source) = (root(world), source(world));
    let root = root.to_str().unwrap();
    let volumes: Vec<String> =
        (0..100).map(|n| format!("{}:/v/{n}:ro", source.display())).collect();
    let options: Vec<&str> = volumes.iter().flat_map(|volume| ["-v", volume]).collect();
    assert_eq!(run(world, root, &options, "cat /v/*/file | wc -l").ok().trim(), "100");
    for name in ["with space", "new\nline", "a,b", "c:d", "e\\f"] {
        let odd = source.join(name);
        fs::create_dir(&odd).unwrap();
        fs::write(odd.join("file"), name).unwrap();
        let escaped = |text: &str| text.replace('\\', "\\\\").replace(',', "\\,");
        let words =
            format!("type=bind,src={},dst=/odd/{}", escaped(odd.to_str().unwrap()), escaped(name));
        let seen = run(world, root, &["--mount", &words], "cat /odd/*/file");
        assert_eq!(seen.ok(), name);
        fs::remove_dir_all(Path::new(root).join("odd")).unwrap();
    }
    let long = format!("{}:/{}", source.display(), "d/".repeat(1900));
    assert_eq!(run(world, root, &["-v", &long], "echo deep").ok(), "deep\n");
    let longer = format!("{}:/{}", source.display(), "d/".repeat(2100));
    run(world, root, &["-v", &longer], "echo deep").refused(125, "File name too long");
}

fn others(world: &World) {
    let root = root(world);
    let root = root.to_str().unwrap();
    let kinds = ["proc", "sysfs", "mqueue", "devpts"];
    let words: Vec<String> =
        kinds.iter().map(|kind| format!("type={kind},dst=/k/{kind}")).collect();
    let mut options: Vec<&str> = words.iter().flat_map(|words| ["--mount", words]).collect();
    options.extend(["--security-opt", "unmask=all"]);
    let script = "grep ' /k/' /proc/mounts | while read a b c d; do echo $c ${d%%,relatime*}; done; \
        cat /k/proc/1/comm; ls /k/sysfs/class/net; stat -c %a /k/devpts/ptmx";
    let seen = run(world, root, &options, script).ok();
    let quiet = "rw,nosuid,nodev,noexec";
    assert_eq!(
        seen,
        format!(
            "proc {quiet}\nsysfs {quiet}\nmqueue {quiet}\ndevpts rw,nosuid,noexec\nsh\nlo\n666\n"
        )
    );
    if !world.is_root() {
        return;
    }
    // Layers anywhere, here of two directories of the host.
    let (one, two) = (source(world), world.directory());
    fs::write(two.join("more"), "more\n").unwrap();
    let words = format!("type=overlay,lower={}:{},dst=/o,ro", one.display(), two.display());
    let script = "cat /o/file /o/more; touch /o/x 2>/dev/null || echo no";
    let seen = run(world, root, &["--mount", &words], script).ok();
    assert_eq!(seen, "content\nmore\nno\n");
    run(world, root, &["--mount", "type=image,src=/etc/passwd,dst=/i"], "true")
        .refused(125, "the image is damaged");
}

/// With the host's full device under another name, and one that a container has not.
fn device(world: &World) {
    let root = root(world);
    let root = root.to_str().unwrap();
    let script = "stat -c %t:%T /dev/nichts; echo x > /dev/nichts";
    assert_eq!(run(world, root, &["--device", "/dev/null:/dev/nichts"], script).ok(), "1:3\n");
    let kmsg = Path::new("/dev/kmsg");
    if kmsg.exists() {
        let seen = run(world, root, &["--device", "/dev/kmsg"], "stat -c %t:%T /dev/kmsg");
        assert_eq!(seen.ok(), "1:b\n");
    }
}

/// The loop devices that a file of ours is behind.
fn loop_devices(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/sys/block").unwrap().flatten() {
        let file = fs::read_to_string(entry.path().join("loop/backing_file")).unwrap_or_default();
        if file.contains(mark) {
            found.push(file);
        }
    }
    found
}

fn images(world: &World) {
    let root = root(world);
    fs::create_dir_all(root.join("proc")).unwrap();
    for directory in ["sys", "dev", "tmp"] {
        fs::create_dir(root.join(directory)).unwrap();
    }
    let directory = world.directory();
    let mark = directory.file_name().unwrap().to_str().unwrap();
    let image = |name: &str| directory.join(name).to_str().unwrap().to_owned();
    let (r, make) = (root.to_str().unwrap(), |program: &str, words: &[&str]| {
        let outcome = Outcome::of(std::process::Command::new(program).args(words));
        assert_eq!(outcome.status, 0, "{outcome:?}");
    });
    make("mksquashfs", &[r, &image("squashfs"), "-quiet", "-no-progress"]);
    make("mkfs.erofs", &[&image("erofs"), r]);
    make("mkfs.ext4", &["-q", "-d", r, &image("ext4"), "16M"]);
    for name in ["squashfs", "erofs", "ext4"] {
        let image = image(name);
        let script = "echo $$; echo x 2>/dev/null > /x || echo read-only";
        assert_eq!(run(world, &image, &[], script).ok(), "1\nread-only\n", "{name}");
        let layered = format!("{image}:O");
        let script = "echo x > /x; cat /x; grep -vE ' /(proc|sys|dev)' /proc/mounts | grep -c .";
        assert_eq!(run(world, &layered, &[], script).ok(), "x\n1\n", "{name}");
        let mut command = world.run_command(&["--rootfs", &format!("./{name}:O"), "ls", "/bin/sh"]);
        assert_eq!(Outcome::of(command.current_dir(&directory)).ok(), "/bin/sh\n");
        eventually("the loop device is given back", || loop_devices(mark).is_empty());
        // After a failed start, and when mini is killed.
        run(world, &image, &["-w", "/nope"], "true").refused(125, "chdir /nope");
        eventually("the loop device is given back", || loop_devices(mark).is_empty());
        let words = ["--rootfs", &image, "sh", "-c", "echo up; read x"];
        let mut command = world.run_command(&words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 3]).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        eventually("the loop device is given back", || loop_devices(mark).is_empty());
    }
    let (upper, work) = (world.directory(), world.directory());
    let overlay = format!("{},{}", upper.display(), work.display());
    run(world, &image("squashfs"), &["--overlay", &overlay], "echo kept > /kept").ok();
    assert_eq!(fs::read_to_string(upper.join("kept")).unwrap(), "kept\n");
    // As a volume.
    let words = format!("type=image,src={},dst=/i", image("squashfs"));
    let script = "ls /i/bin/sh; touch /i/x 2>/dev/null || echo no";
    assert_eq!(run(world, r, &["--mount", &words], script).ok(), "/i/bin/sh\nno\n");
    eventually("the loop device is given back", || loop_devices(mark).is_empty());
    // Without loop devices: a container has none.
    let (mini, volume) = (
        format!("{}:/mini:ro", world.mini().display()),
        format!("{}:/image:ro", image("squashfs")),
    );
    let words = ["--privileged", "-v", &mini, "-v", &volume];
    let outcome = run(world, r, &words, "exec /mini run --rootfs /image true");
    outcome.refused(125, "no loop devices");
    // Cut short, or damaged behind a good beginning.
    for name in ["squashfs", "ext4", "erofs"] {
        let whole = fs::read(image(name)).unwrap();
        let cut = world.file("cut", &whole[..2048]);
        run(world, cut.to_str().unwrap(), &[], "true").refused(125, "damaged, truncated");
    }
    eventually("the loop device is given back", || loop_devices(mark).is_empty());
}

fn bad_images(world: &World) {
    let text = world.file("text", b"hardly an image");
    run(world, text.to_str().unwrap(), &[], "true")
        .refused(125, "nor a tar archive, nor an image of squashfs, erofs or ext4");
    let mut fake = vec![0; 4096];
    fake[..4].copy_from_slice(b"hsqs");
    let fake = world.file("fake", &fake);
    let reason = if world.is_root() { "the image is damaged" } else { "only the host's root" };
    run(world, fake.to_str().unwrap(), &[], "true").refused(125, reason);
}

/// `tar` of the host, run where the archive's names begin.
fn tar(directory: &Path, words: &[&str]) {
    let outcome =
        Outcome::of(std::process::Command::new("tar").arg("-C").arg(directory).args(words));
    assert_eq!(outcome.status, 0, "{outcome:?}");
}

fn archives(world: &World) {
    let root = root(world);
    let long = "long/".repeat(30);
    fs::create_dir_all(root.join(&long)).unwrap();
    fs::write(root.join(&long).join("n".repeat(90)), "deep\n").unwrap();
    fs::write(root.join("file"), "x".repeat(1000)).unwrap();
    fs::hard_link(root.join("file"), root.join("hard")).unwrap();
    symlink("/bin/../file", root.join("soft")).unwrap();
    let status = std::process::Command::new("chmod").arg("4711").arg(root.join("file")).status();
    assert!(status.unwrap().success());
    let out = world.directory();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    for format in ["gnu", "pax", "ustar"] {
        let archive = out.join(format);
        let archive = archive.to_str().unwrap();
        let format = format!("--format={format}");
        tar(&root, &[&format, "-cf", archive, "."]);
        let script = format!(
            "stat -c '%a %h %s' /file; cat /soft /hard | wc -c; cat /{long}n*; touch /new && ls /"
        );
        let seen = run(world, archive, &[], &script).ok();
        let expected =
            "4711 2 1000\n2000\ndeep\nbin\ndev\nfile\nhard\nlong\nnew\nproc\nsoft\nsys\n";
        assert_eq!(seen, expected, "{format}");
        // Through a pipe, and with the option that says what is so anyway.
        let script = format!(
            "cat {archive} | {0} run --rootfs - cat /file | wc -c; \
             {0} run --rootfs {archive}:O cat /hard | wc -c",
            world.mini().display()
        );
        let outcome = Outcome::of(&mut world.command("/bin/sh".as_ref(), &["-c", &script]));
        assert_eq!(outcome.ok(), "1000\n1000\n");
        if world.is_root() {
            let owner = run(world, archive, &[], "stat -c %u /file").ok();
            assert_eq!(owner, "0\n");
        }
    }
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), mounts);
}

fn debian_archive(world: &World) {
    let archive = world.directory().join("debian.tar");
    let archive = archive.to_str().unwrap();
    tar(world.debian(), &["--exclude=./dev/*", "--exclude=./proc/*", "-cf", archive, "."]);
    let script = "cat /etc/debian_version | cut -d. -f1; perl -e 'print 6*7, qq(\n)'; \
        dpkg --verify 2>&1 | grep -c missing; ls -ld /tmp | cut -c1-10";
    assert_eq!(run(world, archive, &[], script).stdout, "12\n42\n0\ndrwxrwxrwt\n");
}

fn bad_archives(world: &World) {
    let root = root(world);
    let (out, outside) = (world.directory(), world.directory());
    let archive = |name: &str| out.join(name).to_str().unwrap().to_owned();
    fs::write(root.join("file"), "x").unwrap();
    tar(&root, &["-cf", &archive("good"), "."]);
    // Names that lead out.
    let up = format!("../../../../../..{}/x", outside.display());
    tar(&root, &["-P", "--transform", &format!("s,^file,{up},"), "-cf", &archive("up"), "file"]);
    let there = format!("{}/x", outside.display());
    tar(
        &root,
        &["-P", "--transform", &format!("s,^file,{there},"), "-cf", &archive("abs"), "file"],
    );
    run(world, &archive("up"), &[], "true").refused(125, "the path leads out of the root");
    // A slash in front is not heeded, as tar does not.
    tar(&root, &["-rf", &archive("abs"), "."]);
    let seen = run(world, &archive("abs"), &[], &format!("cat {there}")).ok();
    assert_eq!(seen, "x");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    // A link to the outside, and then a member through it: it lands inside.
    let up = format!("../../../../..{}", outside.display());
    for (name, to) in [("link", outside.to_str().unwrap()), ("link-up", &up)] {
        let staged = world.directory();
        symlink(to, staged.join("l")).unwrap();
        tar(&staged, &["-cf", &archive(name), "l"]);
        fs::remove_file(staged.join("l")).unwrap();
        fs::create_dir(staged.join("l")).unwrap();
        fs::write(staged.join("l/x"), "x").unwrap();
        tar(&staged, &["-rf", &archive(name), "l/x"]);
        tar(&root, &["-rf", &archive(name), "."]);
        let seen = run(world, &archive(name), &[], &format!("ls {}", outside.display()));
        assert_eq!(seen.stdout, "x\n", "{seen:?}");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }
    // Cut short, and damaged.
    let good = fs::read(archive("good")).unwrap();
    let cut = world.file("cut", &good[..good.len() / 2 / 512 * 512]);
    run(world, cut.to_str().unwrap(), &[], "true").refused(125, "damaged or truncated");
    let mut damaged = good.clone();
    damaged[3] ^= 1;
    let damaged = world.file("damaged", &damaged);
    run(world, damaged.to_str().unwrap(), &[], "true").refused(125, "damaged or truncated");
    world.run(&["--rootfs", "-", "true"]).refused(125, "not a tar archive");
    run(world, &archive("good"), &["--overlay", "/u"], "true").refused(125, "cannot be a layer");
    let layers = format!("{}:{}:O", archive("good"), root.display());
    run(world, &layers, &[], "true").refused(125, "cannot be a layer");
}
