//! Mounts, devices, masked and read-only paths of containers that are made from OCI bundles.

use crate::oci_life::Bundle;
use crate::world::{Outcome, World};
use crate::{Need, Promise};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

const ROOT: &[Need] = &[Need::Root, Need::Busybox];
/// What these do takes system calls that came after Linux 4.4: it is refused without them.
const LATER: &[Need] = &[Need::Root, Need::Busybox, Need::LaterCalls];

pub const PROMISES: &[Promise] = &[
    Promise { name: "oci_mount_options_are_seen_inside", needs: LATER, check: options },
    Promise { name: "oci_mounts_are_made_in_their_order", needs: ROOT, check: order },
    Promise { name: "oci_links_at_destinations_lead_nowhere", needs: ROOT, check: hostile },
    Promise { name: "oci_links_swapped_at_destinations_lead_nowhere", needs: ROOT, check: swapped },
    Promise { name: "oci_devices_are_made_as_said", needs: ROOT, check: devices },
    Promise { name: "oci_paths_are_masked_anywhere", needs: LATER, check: masks },
    Promise { name: "oci_a_container_needs_no_dev_nor_proc", needs: LATER, check: bare },
    Promise { name: "oci_a_tmpfs_begins_with_what_it_covers", needs: ROOT, check: copy_up },
    Promise { name: "oci_cgroups_are_mounted", needs: LATER, check: cgroups },
    Promise { name: "oci_the_root_is_propagated_as_said", needs: ROOT, check: propagation },
    Promise { name: "oci_bad_mounts_are_refused", needs: ROOT, check: refused },
];

/// A bundle with a root of its own, in its directory, that has a busybox and nothing else.
fn with_root<'w>(world: &'w World, script: &str) -> (Bundle<'w>, PathBuf) {
    let bundle = Bundle::new(world, &["/bin/busybox", "sh", "-c", script]);
    let root = bundle.path("root");
    for directory in ["bin", "etc", "proc", "sys", "dev"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::copy(world.busybox().join("bin/busybox"), root.join("bin/busybox")).unwrap();
    for name in ["sh", "cat", "ls", "grep", "stat", "touch", "awk", "echo", "mount", "mkdir", "wc"]
    {
        symlink("busybox", root.join("bin").join(name)).unwrap();
    }
    bundle.edit(|config| config["root"] = json!({ "path": "root" }));
    (bundle, root)
}

fn mount(destination: &str, kind: &str, source: &Path, options: &[&str]) -> Value {
    json!({ "destination": destination, "type": kind, "source": source, "options": options })
}

fn add(bundle: &Bundle, mounts: Vec<Value>) {
    bundle.edit(|config| config["mounts"].as_array_mut().unwrap().extend(mounts));
}

/// With an id of this process's own: its cgroup is the machine's.
fn run(bundle: &Bundle) -> Outcome {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let id = format!("mounts-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    bundle.mini(&["run", &id])
}

fn out(bundle: &Bundle) -> String {
    run(bundle).ok()
}

/// `PLACE OPTIONS[ PROPAGATION]` of each mount below /m.
const SHOW: &str = "sed 's/shared:[0-9]*/shared/;s/master:[0-9]*/slave/' /proc/self/mountinfo | \
                    awk '$5 ~ /^\\/m/ {print $5, $6, $7}' | sed 's/ -$//'";

fn options(world: &World) {
    let script = SHOW.replace("sed ", "/bin/busybox sed ");
    let (bundle, _) = with_root(world, &script);
    let source = bundle.path("source");
    fs::create_dir_all(source.join("below")).unwrap();
    fs::write(source.join("file"), "").unwrap();
    let tmpfs = Path::new("tmpfs");
    let mut cases = vec![
        (mount("/m/01", "bind", &source, &["rbind", "ro"]), "ro,relatime"),
        (
            mount("/m/02", "bind", &source, &["bind", "nosuid", "nodev", "noexec"]),
            "rw,nosuid,nodev,noexec,relatime",
        ),
        (mount("/m/03", "none", &source, &["rbind", "rro"]), "ro,relatime"),
        (
            mount("/m/04", "bind", &source, &["bind", "noatime", "nodiratime"]),
            "rw,noatime,nodiratime",
        ),
        (mount("/m/05", "bind", &source, &["bind", "strictatime"]), "rw"),
        (mount("/m/06", "bind", &source, &["bind", "shared"]), "rw,relatime shared"),
        (mount("/m/07", "bind", &source, &["rbind", "runbindable"]), "rw,relatime unbindable"),
        (
            mount("/m/08", "bind", &source, &["bind", "private", "nosymfollow"]),
            "rw,relatime,nosymfollow",
        ),
        (mount("/m/09", "bind", &source.join("file"), &["bind", "ro", "rw", "ro"]), "ro,relatime"),
        (mount("/m/10", "bind", &source, &["ro", "rw"]), "rw,relatime"),
        (
            mount("/m/11", "tmpfs", tmpfs, &["size=1m", "nosuid", "rnoexec"]),
            "rw,nosuid,noexec,relatime",
        ),
        (mount("/m/12", "tmpfs", tmpfs, &["rshared", "noatime"]), "rw,noatime shared"),
        (
            mount("/m/13", "tmpfs", tmpfs, &["tmpcopyup", "ro", "suid", "dev", "exec"]),
            "ro,relatime",
        ),
        (mount("/m/14", "mqueue", Path::new("mqueue"), &["nosuid"]), "rw,nosuid,relatime"),
        (mount("/m/15", "proc", Path::new("proc"), &["ro"]), "ro,relatime"),
        (
            mount("/m/16", "devpts", Path::new("devpts"), &["newinstance", "noexec"]),
            "rw,noexec,relatime",
        ),
        (mount("m/17/deep", "bind", Path::new("source"), &["bind"]), "rw,relatime"),
    ];
    let layers = format!("lowerdir={}:{}", source.display(), world.busybox().display());
    cases.push((
        mount("/m/18", "overlay", Path::new("overlay"), &[&layers, "nodev"]),
        "ro,nodev,relatime",
    ));
    let expected: Vec<String> = cases
        .iter()
        .map(|(mount, options)| {
            let place = mount["destination"].as_str().unwrap();
            format!("/{} {options}", place.trim_start_matches('/'))
        })
        .collect();
    add(&bundle, cases.into_iter().map(|(mount, _)| mount).collect());
    let mut seen: Vec<String> = out(&bundle).lines().map(str::to_owned).collect();
    seen.sort();
    // An overlay without an upper directory is read-only in its superblock, not in its mount.
    let expected: Vec<String> =
        expected.iter().map(|line| line.replace("/m/18 ro", "/m/18 rw")).collect();
    assert_eq!(seen, expected);
}

fn order(world: &World) {
    let (bundle, _) =
        with_root(world, "cat /a/b/f; cat /a/f; echo /dev/x/*; cat /proc/f /proc/uptime");
    let source = |name: &str| {
        let directory = bundle.path(name);
        fs::create_dir_all(directory.join("b")).unwrap();
        fs::write(directory.join("f"), format!("{name}\n")).unwrap();
        directory
    };
    let (one, two, three) = (source("one"), source("two"), source("three"));
    add(
        &bundle,
        vec![
            // Hidden by the next one, and so is what is mounted in it.
            mount("/a", "bind", &three, &["bind"]),
            mount("/a", "bind", &one, &["bind"]),
            mount("/a/b", "bind", &two, &["bind"]),
            mount("/dev/x", "bind", &two, &["bind"]),
            // Over mini's own /proc.
            mount("/proc", "bind", &three, &["bind"]),
        ],
    );
    let output = run(&bundle);
    assert_eq!(output.stdout, "two\none\n/dev/x/b /dev/x/f\nthree\n");
    assert!(output.stderr.contains("/proc/uptime"), "{}", output.stderr);
}

/// Every way out of a root that a link at a mount point, or above it, can have.
fn hostile(world: &World) {
    let (bundle, root) =
        with_root(world, "/bin/busybox find / -xdev -name mark | /bin/busybox sort");
    let source = bundle.path("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("mark"), "").unwrap();
    let outside = bundle.path("outside");
    fs::create_dir_all(outside.join("deep")).unwrap();
    let up = "../".repeat(20);
    for (name, target) in [
        ("up", format!("{up}{}", outside.display())),
        ("absolute", outside.display().to_string()),
        ("self", "/proc/self/root/../outside".into()),
        ("out", "../outside".into()),
    ] {
        symlink(target, root.join(name)).unwrap();
    }
    let mut mounts = Vec::new();
    for name in ["up", "absolute", "out", "up/deep", "../../outside", "/a/../../outside/deep"] {
        mounts.push(mount(name, "bind", &source, &["bind"]));
        mounts.push(mount(name, "tmpfs", Path::new("tmpfs"), &["tmpcopyup", "shared"]));
    }
    add(&bundle, mounts);
    bundle.edit(|config| {
        config["linux"]["maskedPaths"] = json!(["/up/x", "/out/deep", "/absolute"]);
        config["linux"]["readonlyPaths"] = json!(["/up", "/out"]);
        config["linux"]["devices"] =
            json!([{ "path": "/out/null", "type": "c", "major": 1, "minor": 3 }]);
    });
    let before = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let output = run(&bundle);
    assert_eq!(output.status, 0, "{}", output.stderr);
    let is_of_bundle = |line: &&str| line.contains(bundle.directory().to_str().unwrap());
    let after = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let own = |text: &str| text.lines().filter(is_of_bundle).count();
    assert_eq!(own(&after), own(&before));
    let left: Vec<_> = fs::read_dir(&outside).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, ["deep"]);
    assert_eq!(fs::read_dir(outside.join("deep")).unwrap().count(), 0);
    // A link of procfs is followed nowhere.
    add(&bundle, vec![mount("/proc/self/cwd/x", "tmpfs", Path::new("tmpfs"), &[])]);
    run(&bundle).refused(1, "magic link");
    // /proc, /sys and /dev are directories, or nothing.
    for name in ["proc", "dev", "sys"] {
        let (bundle, root) = with_root(world, "true");
        fs::remove_dir(root.join(name)).unwrap();
        symlink(&outside, root.join(name)).unwrap();
        run(&bundle).refused(1, "must be mounted on ordinary directory");
        bundle.is_empty();
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

/// A link that is swapped for a directory all the time.
fn swapped(world: &World) {
    let (bundle, root) = with_root(world, "true");
    let outside = bundle.path("outside");
    fs::create_dir_all(outside.join("a/b")).unwrap();
    let (real, link) = (root.join("real"), root.join("link"));
    fs::create_dir_all(real.join("a/b")).unwrap();
    symlink(&outside, &link).unwrap();
    let source = bundle.path("source");
    fs::create_dir(&source).unwrap();
    let empty = Path::new("tmpfs");
    add(
        &bundle,
        vec![
            mount("/real/a/b/bind/x", "bind", &source, &["bind"]),
            mount("/real/a/b/tmpfs/x", "tmpfs", empty, &[]),
        ],
    );
    bundle.edit(|config| {
        config["linux"]["devices"] =
            json!([{ "path": "/real/a/b/node/x", "type": "c", "major": 1, "minor": 3 }]);
        config["linux"]["maskedPaths"] = json!(["/real/a/b/bind"]);
    });
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let swap = || {
            let spare = root.join("spare");
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for (from, to) in [(&real, &spare), (&link, &real), (&real, &link), (&spare, &real)]
                {
                    let _ = fs::rename(from, to);
                }
            }
        };
        scope.spawn(swap);
        let mut well = 0;
        for _ in 0..60 {
            well += u32::from(run(&bundle).status == 0);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(well > 0);
    });
    assert_eq!(fs::read_dir(outside.join("a/b")).unwrap().count(), 0);
}

fn devices(world: &World) {
    let script = "/bin/busybox stat -c '%n %a %u:%g %F %t:%T' \
                  /dev/null /dev/net/tun /dev/big /etc/fifo /dev/tty; ls /dev; \
                  /bin/busybox readlink /dev/ptmx; /bin/busybox readlink /dev/fd";
    let (bundle, _) = with_root(world, script);
    bundle.edit(|config| {
        config["linux"]["devices"] = json!([
            { "path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200, "fileMode": 0o600, "uid": 1, "gid": 2 },
            { "path": "/dev/big", "type": "b", "major": 259, "minor": 70_000 },
            { "path": "/etc/fifo", "type": "p", "fileMode": 0o622 },
            { "path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640 },
            { "path": "/dev/ptmx", "type": "c", "major": 5, "minor": 2 },
        ]);
    });
    let mut expected = String::from(
        "/dev/null 640 0:0 character special file 1:3\n\
         /dev/net/tun 600 1:2 character special file a:c8\n\
         /dev/big 666 0:0 block special file 103:11170\n\
         /etc/fifo 622 0:0 fifo 0:0\n\
         /dev/tty 666 0:0 character special file 5:0\n",
    );
    let core = if Path::new("/proc/kcore").exists() { "core\n" } else { "" };
    expected.push_str(&format!(
        "big\n{core}fd\nfull\nmqueue\nnet\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n"
    ));
    expected.push_str("pts/ptmx\n/proc/self/fd\n");
    assert_eq!(out(&bundle), expected);
    // With the host's /dev nothing is made in it.
    let before = fs::read_dir("/dev").unwrap().count();
    bundle.edit(|config| {
        let mounts = config["mounts"].as_array_mut().unwrap();
        mounts.retain(|mount| !mount["destination"].as_str().unwrap().starts_with("/dev"));
        mounts.push(mount("/dev", "bind", Path::new("/dev"), &["rbind", "rslave"]));
        config["process"]["args"] = json!(["/bin/ls", "/dev/null", "/dev/zero"]);
    });
    assert_eq!(out(&bundle), "/dev/null\n/dev/zero\n");
    assert_eq!(fs::read_dir("/dev").unwrap().count(), before);
}

fn masks(world: &World) {
    let script = "cat /etc/secret; ls /hidden; cat /proc/version; touch /etc/x /open/x; cat /late/f; \
                  echo o > /proc/sys/kernel/domainname";
    let (bundle, root) = with_root(world, script);
    fs::write(root.join("etc/secret"), "secret\n").unwrap();
    fs::create_dir_all(root.join("hidden/deep")).unwrap();
    fs::create_dir(root.join("open")).unwrap();
    let source = bundle.path("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("f"), "seen\n").unwrap();
    add(&bundle, vec![mount("/late", "bind", &source, &["bind"])]);
    bundle.edit(|config| {
        config["linux"]["maskedPaths"] = json!([
            "/etc/secret",
            "/hidden",
            "/proc/version",
            "/none",
            "/etc/secret/none",
            "/late/f"
        ]);
        config["linux"]["readonlyPaths"] = json!(["/etc", "/proc/sys", "/none/x"]);
    });
    let output = run(&bundle);
    assert_eq!(output.stdout, "", "{}", output.stderr);
    assert_eq!(output.stderr.matches("Read-only file system").count(), 2, "{}", output.stderr);
    assert!(root.join("open/x").exists() && !root.join("etc/x").exists());
    // Without /proc and /dev, too; there the container's own /dev/null covers a file.
    bundle.edit(|config| {
        config["mounts"] = json!([]);
        config["linux"]["maskedPaths"] = json!(["/etc/secret", "/hidden"]);
    });
    let output = run(&bundle);
    assert!(!output.stdout.contains("secret") && !output.stdout.contains("deep"), "{output:?}");
    assert!(output.stderr.contains("/etc/x: Read-only file system"), "{}", output.stderr);
}

fn bare(world: &World) {
    let (bundle, root) = with_root(world, "echo $(echo /proc/*) $(echo /sys/*); ls /dev");
    bundle.edit(|config| {
        config["mounts"] = json!([]);
        for list in ["maskedPaths", "readonlyPaths"] {
            config["linux"][list] = json!([]);
        }
    });
    let output = out(&bundle);
    assert!(output.starts_with("/proc/* /sys/*\n"), "{output}");
    assert!(output.contains("null\n") && output.contains("ptmx\n"), "{output}");
    // A second time, although everything is there; and a read-only root.
    bundle.edit(|config| config["root"]["readonly"] = json!(true));
    out(&bundle);
    assert!(root.join("dev/null").exists());
}

fn copy_up(world: &World) {
    let script = "/bin/busybox stat -c '%n %a %u:%g %s' /etc /etc/a /etc/d /etc/d/e; cat /etc/a; \
                  /bin/busybox readlink /etc/l; echo changed > /etc/a; ls -A /empty; \
                  /bin/busybox stat -c %a /empty /sticky";
    let (bundle, root) = with_root(world, script);
    let etc = root.join("etc");
    fs::write(etc.join("a"), "content\n").unwrap();
    fs::create_dir_all(etc.join("d/e")).unwrap();
    std::os::unix::fs::chown(etc.join("d"), Some(3), Some(4)).unwrap();
    fs::set_permissions(etc.join("a"), fs::Permissions::from_mode(0o4750)).unwrap();
    fs::set_permissions(&etc, fs::Permissions::from_mode(0o751)).unwrap();
    symlink("/nowhere/else", etc.join("l")).unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    fs::write(root.join("empty/covered"), "").unwrap();
    fs::set_permissions(root.join("empty"), fs::Permissions::from_mode(0o700)).unwrap();
    let tmpfs = Path::new("tmpfs");
    add(
        &bundle,
        vec![
            mount("/etc", "tmpfs", tmpfs, &["tmpcopyup", "size=1m"]),
            mount("/empty", "tmpfs", tmpfs, &[]),
            mount("/sticky", "tmpfs", tmpfs, &["mode=1777"]),
        ],
    );
    assert_eq!(
        out(&bundle),
        "/etc 751 0:0 100\n/etc/a 4750 0:0 8\n/etc/d 755 3:4 60\n/etc/d/e 755 0:0 40\ncontent\n\
         /nowhere/else\n700\n1777\n"
    );
    assert_eq!(fs::read_to_string(etc.join("a")).unwrap(), "content\n");
    // What does not fit is an error, and no half of it.
    fs::write(etc.join("large"), vec![1; 2 << 20]).unwrap();
    run(&bundle).refused(1, "No space left on device");
}

fn cgroups(world: &World) {
    let script = "for f in /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/cgroup.procs; do \
                  [ -e $f ] && cat $f; done; touch /sys/fs/cgroup/x 2>&1";
    for own in [true, false] {
        let (bundle, _) = with_root(world, script);
        bundle.edit(|config| {
            let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
            namespaces.retain(|namespace| own || namespace["type"] != "cgroup");
        });
        let output = run(&bundle).stdout;
        assert!(output.contains("Read-only file system"), "{output}");
        let hierarchies = fs::read_to_string("/proc/self/cgroup").unwrap().lines().count();
        // In its own view of v1 a container is alone in each of its cgroups.
        if hierarchies > 1 {
            let alone = output.lines().filter(|line| *line == "1").count();
            assert!(alone >= hierarchies - 1, "{own}: {output}");
        }
    }
}

fn propagation(world: &World) {
    for (value, expected) in [
        (Some("shared"), "shared"),
        (Some("rshared"), "shared"),
        (Some("unbindable"), "unbindable"),
        (Some("private"), ""),
        (None, ""),
    ] {
        let script = "/bin/busybox sed 's/shared:[0-9]*/shared/' /proc/self/mountinfo | \
                      awk '$5 == \"/\" {print $7}' | /bin/busybox sed 's/^-$//'";
        let (bundle, _) = with_root(world, script);
        bundle.edit(|config| {
            if let Some(value) = value {
                config["linux"]["rootfsPropagation"] = json!(value);
            }
        });
        assert_eq!(out(&bundle).trim(), expected, "{value:?}");
    }
}

fn refused(world: &World) {
    let source = Path::new("/nowhere");
    for (mount, reason) in [
        (mount("/m", "bind", source, &["bind"]), "No such file or directory"),
        (mount("/m", "nosuchfs", source, &[]), "without this file system"),
        (mount("/m", "tmpfs", source, &["nonsense"]), "Invalid argument"),
        (mount("/m", "proc", source, &["tmpcopyup"]), "tmpcopyup is for a tmpfs"),
        (json!({ "destination": "/m", "options": ["bind"] }), "needs a source"),
    ] {
        let (bundle, _) = with_root(world, "true");
        add(&bundle, vec![mount]);
        run(&bundle).refused(1, reason);
        bundle.is_empty();
        bundle.nothing_runs();
    }
}
