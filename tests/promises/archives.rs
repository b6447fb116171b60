//! Tar archives as roots: compared with what GNU tar makes of them, and hostile ones.

use crate::tarball::{Header, Tarball};
use crate::terminal::{lead_session, terminal_pair};
use crate::world::{Outcome, World};
use crate::{Need, Promise};
use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const BUSYBOX: &[Need] = &[Need::Busybox];
const PROGRAMS: &[Need] = &[Need::Busybox, Need::TarPrograms];

pub const PROMISES: &[Promise] = &[
    Promise { name: "archives_are_unpacked_as_gnu_tar_does", needs: PROGRAMS, check: as_gnu_tar },
    Promise { name: "archive_members_change_nothing_outside", needs: BUSYBOX, check: outside },
    Promise { name: "archive_members_replace_others", needs: BUSYBOX, check: replaced },
    Promise { name: "archive_members_of_any_size_and_number", needs: BUSYBOX, check: many },
    Promise { name: "an_archive_says_owner_time_and_name_in_pax", needs: BUSYBOX, check: pax },
    Promise {
        name: "an_archive_keeps_its_owners_in_a_range_of_ids",
        needs: &[Need::Busybox, Need::Root],
        check: owners,
    },
    Promise { name: "sparse_files_are_correct_or_refused", needs: BUSYBOX, check: sparse },
    Promise {
        name: "extended_attributes_are_kept_or_a_warning_is_printed",
        needs: BUSYBOX,
        check: attributes,
    },
    Promise { name: "odd_archives_are_refused", needs: BUSYBOX, check: refused },
    Promise { name: "compressed_archives_are_recognized", needs: BUSYBOX, check: compressed },
    Promise { name: "what_follows_an_archive_is_the_commands_input", needs: BUSYBOX, check: input },
    Promise { name: "an_archive_as_input_leaves_the_keyboard", needs: BUSYBOX, check: keyboard },
    Promise { name: "damaged_archives_do_no_harm", needs: BUSYBOX, check: damaged },
];

/// What a file is, as far as an archive says so.
#[derive(Debug, PartialEq, Eq, Clone)]
struct Entry {
    kind: &'static str,
    mode: u32,
    owner: Option<(u32, u32)>,
    /// Whole seconds and nanoseconds.
    mtime: (i64, i64),
    size: u64,
    device: u64,
    /// A link's text, or a file's content.
    content: Vec<u8>,
    /// The first of its names.
    first_name: PathBuf,
    attributes: BTreeMap<String, Vec<u8>>,
}

/// All there is below a directory, by path; with owners and attributes, or without.
fn list(top: &Path, with_owners: bool) -> BTreeMap<PathBuf, Entry> {
    let mut paths = vec![PathBuf::new()];
    let mut at = 0;
    while at < paths.len() {
        let path = top.join(&paths[at]);
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            paths.extend(names.into_iter().map(|name| paths[at].join(name)).collect::<Vec<_>>());
        }
        at += 1;
    }
    paths.sort();
    let mut inodes = BTreeMap::new();
    let mut entries = BTreeMap::new();
    for path in paths {
        let full = top.join(&path);
        let meta = fs::symlink_metadata(&full).unwrap();
        let kind = meta.file_type();
        let (kind, content) = if kind.is_file() {
            ("file", fs::read(&full).unwrap())
        } else if kind.is_symlink() {
            ("link", fs::read_link(&full).unwrap().as_os_str().as_bytes().to_vec())
        } else {
            let kind = match () {
                () if kind.is_dir() => "directory",
                () if kind.is_fifo() => "fifo",
                () if kind.is_block_device() => "block device",
                () if kind.is_char_device() => "character device",
                () => panic!("{full:?}"),
            };
            (kind, Vec::new())
        };
        let first_name = inodes.entry(meta.ino()).or_insert_with(|| path.clone()).clone();
        let entry = Entry {
            kind,
            mode: meta.mode() & 0o7777,
            owner: with_owners.then_some((meta.uid(), meta.gid())),
            mtime: (meta.mtime(), meta.mtime_nsec()),
            size: if kind == "directory" { 0 } else { meta.size() },
            device: meta.rdev(),
            content,
            first_name,
            attributes: if with_owners { attributes_of(&full) } else { BTreeMap::new() },
        };
        entries.insert(path, entry);
    }
    entries
}

fn attributes_of(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0u8; 65536];
    let Ok(length) = rustix::fs::llistxattr(path, &mut names[..]) else { return BTreeMap::new() };
    let names = String::from_utf8(names[..length].to_vec()).unwrap();
    let read = |name: &str| {
        let mut value = vec![0u8; 65536];
        let length = rustix::fs::lgetxattr(path, name, &mut value[..]).unwrap();
        (name.to_owned(), value[..length].to_vec())
    };
    names.split_terminator('\0').map(read).collect()
}

/// Runs mini with an archive as root, and looks at what it made of it from outside, at /proc/PID/root.
fn look<T>(world: &World, archive: &Path, look: impl FnOnce(&Path) -> T) -> T {
    let directory = world.directory();
    let pidfile = directory.join("pid");
    let busybox = format!("{}:/busybox:ro", world.busybox().join("bin/busybox").display());
    let words = ["--rootfs", archive.to_str().unwrap(), "-v", &busybox];
    let words = [&words[..], &["--pidfile", pidfile.to_str().unwrap()]].concat();
    let mut command =
        world.run_command(&[&words[..], &["/busybox", "sh", "-c", "echo up; read x"]].concat());
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let mut up = [0; 3];
    if child.stdout.as_mut().unwrap().read_exact(&mut up).is_err() {
        panic!("{archive:?}: {:?}", child.wait_with_output());
    }
    let pid = fs::read_to_string(&pidfile).unwrap();
    let seen = look(Path::new(&format!("/proc/{}/root", pid.trim())));
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    // An ordinary user may not set all attributes there are.
    let is_fine = complaint.is_empty() || !world.is_root() && complaint.contains("not restored");
    assert!(is_fine, "{archive:?}: {complaint}");
    seen
}

#[track_caller]
fn ran(command: &mut Command) {
    let outcome = Outcome::of(command);
    assert_eq!(outcome.status, 0, "{command:?}: {outcome:?}");
}

/// Sets times back: with fractions where the format has these.
fn set_time(path: &Path, seconds: i64, nanos: u32) {
    let time = rustix::fs::Timespec { tv_sec: seconds, tv_nsec: nanos.into() };
    let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::utimensat(rustix::fs::CWD, path, &times, flags).unwrap();
}

/// A tree that every format can hold.
fn plain_tree(top: &Path, is_root: bool) {
    for directory in ["tree/dir/deep", "tree/sticky", "tree/closed", "tree/empty"] {
        fs::create_dir_all(top.join(directory)).unwrap();
    }
    let tree = top.join("tree");
    for size in [0usize, 1, 511, 512, 513, 10_240, 100_000] {
        let content: Vec<u8> = (0..size).map(|at| (at * 7 + at / 251) as u8).collect();
        fs::write(tree.join(format!("dir/{size}")), content).unwrap();
    }
    fs::hard_link(tree.join("dir/513"), tree.join("hard")).unwrap();
    fs::hard_link(tree.join("dir/513"), tree.join("dir/deep/hard")).unwrap();
    for (name, to) in
        [("soft", "dir/513"), ("up", "../../../etc"), ("absolute", "/dev/null"), ("dangling", "no")]
    {
        symlink(to, tree.join(name)).unwrap();
    }
    ran(Command::new("mkfifo").arg(tree.join("fifo")));
    if is_root {
        for (name, kind, major, minor) in [("null", "c", "1", "3"), ("disk", "b", "7", "99")] {
            ran(Command::new("mknod").arg(tree.join(name)).args([kind, major, minor]));
        }
        let own = |name: &str, uid, gid| {
            std::os::unix::fs::lchown(tree.join(name), Some(uid), Some(gid)).unwrap();
        };
        own("dir/512", 1000, 1001);
        own("dir", 7, 8);
        own("soft", 9, 10);
        own("fifo", 11, 12);
    }
    for (name, mode) in [
        ("dir/1", 0o4755),
        ("dir/511", 0o2711),
        ("dir/512", 0o6750),
        ("sticky", 0o1777),
        ("dir", 0o2755),
        ("closed", 0o555),
        ("dir/0", 0o400),
        ("fifo", 0o620),
    ] {
        fs::set_permissions(tree.join(name), Permissions::from_mode(mode)).unwrap();
    }
    for (at, path) in (1..).zip(list(top, false).into_keys().rev()) {
        set_time(&top.join(path), 1_000_000_000 + at * 86_400, 0);
    }
}

/// What only some formats can.
fn add_rich(top: &Path, is_root: bool) {
    let tree = top.join("tree");
    let long = "d".repeat(120);
    let longest = "n".repeat(255);
    let deep = tree.join("a".repeat(200)).join(&long).join("b".repeat(200));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join(&longest), "deep").unwrap();
    fs::hard_link(deep.join(&longest), tree.join("hard-to-deep")).unwrap();
    symlink(Path::new(&"s".repeat(200)).join(&longest), tree.join("long-link")).unwrap();
    for name in ["new\nline", "tab\tblank ", "\\back", "-dash", "ümlaut"] {
        fs::write(tree.join(name), name).unwrap();
    }
    let odd = tree.join(std::ffi::OsStr::from_bytes(b"\xff\xfe"));
    fs::write(odd, "no text").unwrap();
    fs::write(tree.join("old"), "").unwrap();
    fs::write(tree.join("young"), "").unwrap();
    if is_root {
        fs::write(tree.join("far"), "far").unwrap();
        fs::create_dir(tree.join("farther")).unwrap();
        std::os::unix::fs::chown(tree.join("far"), Some(3_000_000), Some(2_097_152)).unwrap();
        std::os::unix::fs::chown(tree.join("farther"), Some(4_294_967_294), Some(9)).unwrap();
        fs::set_permissions(tree.join("far"), Permissions::from_mode(0o6755)).unwrap();
    }
    for (at, path) in (1..).zip(list(top, false).into_keys().rev()) {
        set_time(&top.join(path), 1_000_000_000 + at * 86_400, 0);
    }
    set_time(&tree.join("old"), -86_400, 0);
    set_time(&tree.join("young"), 1 << 33, 0);
}

/// What pax alone can.
fn add_richest(top: &Path) {
    let tree = top.join("tree");
    set_time(&tree.join("old"), -2, 250_000_000);
    set_time(&tree.join("dir/513"), 1_234_567_890, 123_456_789);
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (path, name, value) in [
        ("dir/513", "security.capability", &capability[..]),
        ("dir/10240", "trusted.mini", b"a\0=\nb"),
        ("dir", "trusted.mini", b"of a directory"),
    ] {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(tree.join(path), name, value, flags).unwrap();
    }
}

fn add_holes(top: &Path) {
    for (name, pieces, size) in [
        ("tree/begins", &[(0u64, 5000usize)][..], 900_000u64),
        ("tree/ends", &[(800_000, 100_000)], 900_000),
        ("tree/all-holes", &[], 1_000_000),
        ("tree/many", &[(4096, 1); 0], 0),
    ] {
        let file = File::create(top.join(name)).unwrap();
        file.set_len(size).unwrap();
        for (start, length) in pieces {
            file.write_all_at(&vec![b'x'; *length], *start).unwrap();
        }
    }
    // More pieces than a header or the first block behind it has room for.
    let many = File::create(top.join("tree/many")).unwrap();
    for at in 0..200 {
        many.write_all_at(format!("{at}").as_bytes(), at * 65_536).unwrap();
    }
    for name in ["begins", "ends", "all-holes", "many", ""] {
        set_time(&top.join("tree").join(name), 1_100_000_000, 0);
    }
}

/// Python's tarfile, with a format and whether owners are numbers only.
const TARFILE: &str = "import sys, tarfile
with tarfile.open(sys.argv[1], 'w', format=getattr(tarfile, sys.argv[3]), errors='surrogateescape') as tar:
    tar.add(sys.argv[2] + '/tree', 'tree')";

/// As `podman export` and `docker save` write them (Go's archive/tar): pax only where it must be, names
/// without `./`, links before what they lead to, no padding.
const GO: &str = "import io, os, sys, tarfile
class Go(tarfile.TarFile): pass
tarfile.RECORDSIZE = 512
out = tarfile.open(sys.argv[1], 'w', format=tarfile.PAX_FORMAT)
for directory, names, files in os.walk(sys.argv[2] + '/tree'):
    for name in [''] + sorted(files) + [n for n in names if os.path.islink(directory + '/' + n)]:
        path = os.path.join(directory, name).rstrip('/')
        info = out.gettarinfo(path, os.path.relpath(path, sys.argv[2]))
        info.uname = info.gname = ''
        for key in os.listxattr(path, follow_symlinks=False) if info.isfile() else []:
            info.pax_headers['SCHILY.xattr.' + key] = os.getxattr(path, key).decode('utf-8', 'surrogateescape')
        out.addfile(info, open(path, 'rb') if info.isreg() else None)
out.close()";

fn as_gnu_tar(world: &World) {
    let start = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64 - 1;
    let [plain, rich, richest, holes] = [(); 4].map(|()| world.directory());
    // Made by root for both, so that there is something to be lost.
    let is_root = rustix::process::geteuid().is_root();
    plain_tree(&plain, is_root);
    for top in [&rich, &richest] {
        plain_tree(top, is_root);
        add_rich(top, is_root);
    }
    if is_root {
        add_richest(&richest);
    }
    plain_tree(&holes, is_root);
    add_holes(&holes);
    let gnu = |top: &Path, words: &[&str]| {
        let mut command = Command::new("tar");
        command.args(["--create", "--file", "ARCHIVE", "--numeric-owner", "--directory"]);
        command.arg(top).args(words);
        if !words.iter().any(|word| *word == "tree" || word.starts_with("--files-from")) {
            command.arg("tree");
        }
        command
    };
    let bsd = |top: &Path, format: &str| {
        let mut command = Command::new("bsdtar");
        command.args(["-c", "-f", "ARCHIVE", "--format", format, "-C"]).arg(top);
        // The oldest format has files, directories and links only.
        for name in ["fifo", "null", "disk"].into_iter().filter(|_| format == "v7") {
            command.arg("--exclude").arg(name);
        }
        command.arg("tree");
        command
    };
    let python = |top: &Path, program: &str, format: &str| {
        let mut command = Command::new("python3");
        command.args(["-c", program, "ARCHIVE"]).arg(top).arg(format);
        command
    };
    let busybox = |top: &Path| {
        let mut command = Command::new(world.busybox().join("bin/busybox"));
        command.args(["tar", "-c", "-f", "ARCHIVE", "-C"]).arg(top).arg("tree");
        command
    };
    // Contents first, directories after them.
    let names = world.directory().join("names");
    let mut paths: Vec<_> =
        list(&rich, false).into_keys().filter(|path| path != Path::new("")).collect();
    paths.reverse();
    let lines: Vec<u8> =
        paths.iter().flat_map(|p| [p.as_os_str().as_bytes(), b"\0"].concat()).collect();
    fs::write(&names, lines).unwrap();
    let snapshot = world.directory().join("snapshot");
    let snapshot = format!("--listed-incremental={}", snapshot.display());
    let names = format!("--files-from={}", names.display());
    let pax_attributes = ["--format=posix", "--xattrs", "--xattrs-include=*"];
    let cases: Vec<(&str, Command)> = vec![
        (
            "gnu-v7",
            gnu(&plain, &["--format=v7", "--exclude=fifo", "--exclude=null", "--exclude=disk"]),
        ),
        ("gnu-ustar", gnu(&plain, &["--format=ustar"])),
        ("gnu-oldgnu", gnu(&rich, &["--format=oldgnu"])),
        ("gnu-gnu", gnu(&rich, &["--format=gnu"])),
        ("gnu-posix", gnu(&richest, &pax_attributes)),
        ("gnu-holes", gnu(&holes, &["--format=gnu", "--sparse"])),
        ("gnu-holes-0.0", gnu(&holes, &["--format=posix", "--sparse", "--sparse-version=0.0"])),
        ("gnu-holes-0.1", gnu(&holes, &["--format=posix", "--sparse", "--sparse-version=0.1"])),
        ("gnu-holes-1.0", gnu(&holes, &["--format=posix", "--sparse", "--sparse-version=1.0"])),
        ("gnu-absolute", gnu(&rich, &["--format=gnu", "-P", "--transform=s,^,//,S"])),
        ("gnu-label", gnu(&rich, &["--format=gnu", "--label=some volume"])),
        ("gnu-posix-label", gnu(&rich, &["--format=posix", "--label=some volume"])),
        ("gnu-depth-first", gnu(&rich, &["--format=posix", "--no-recursion", "--null", &names])),
        ("gnu-incremental", gnu(&rich, &["--format=gnu", &snapshot])),
        ("gnu-twice", gnu(&rich, &["--format=gnu", "tree", "tree"])),
        (
            "gnu-twice-no-links",
            gnu(&rich, &["--format=posix", "--hard-dereference", "tree", "tree"]),
        ),
        ("gnu-blocks-of-one", gnu(&rich, &["--format=gnu", "--blocking-factor=1"])),
        ("gnu-large-blocks", gnu(&rich, &["--format=gnu", "--blocking-factor=200"])),
        ("gnu-for-all", gnu(&rich, &["--format=posix", "--pax-option=gid=77,mtime=981158400"])),
        ("bsd-v7", bsd(&plain, "v7")),
        ("bsd-ustar", bsd(&plain, "ustar")),
        ("bsd-pax", bsd(&richest, "pax")),
        ("bsd-restricted", bsd(&rich, "paxr")),
        ("bsd-gnutar", bsd(&rich, "gnutar")),
        ("bsd-holes", bsd(&holes, "pax")),
        ("python-ustar", python(&plain, TARFILE, "USTAR_FORMAT")),
        ("python-gnu", python(&rich, TARFILE, "GNU_FORMAT")),
        ("python-pax", python(&richest, TARFILE, "PAX_FORMAT")),
        ("go", python(&richest, GO, "")),
        ("busybox", busybox(&plain)),
    ];
    let count = cases.len();
    let mut compared = 0;
    for (name, mut command) in cases {
        let archive = world.directory().join(name);
        let words: Vec<_> = command.get_args().map(|word| word.to_owned()).collect();
        let program = command.get_program().to_owned();
        let words = words
            .into_iter()
            .map(|word| if word == "ARCHIVE" { archive.clone().into() } else { word });
        command = Command::new(program);
        ran(command.args(words));
        let expected = world.directory();
        let mut tar = Command::new("tar");
        tar.args(["-x", "-p", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-f"]);
        ran(tar.arg(&archive).arg("-C").arg(&expected));
        let with_owners = world.is_root();
        let mut expected = list(&expected.join("tree"), with_owners);
        let got = look(world, &archive, |root| list(&root.join("tree"), with_owners));
        if !world.is_root() {
            // An ordinary user makes no devices.
            expected.retain(|_, entry| !entry.kind.ends_with("device"));
        }
        for (path, entry) in &mut expected {
            let got = got.get(path).unwrap_or_else(|| panic!("{name}: {path:?} is missing"));
            // GNU tar forgets the time of a directory when a hard link leads back to it: then the packed
            // tree says how it was.
            if entry.kind == "directory" && entry.mtime.0 > start {
                let was = |top: &&PathBuf| {
                    let packed = fs::metadata(top.join("tree").join(path));
                    packed.is_ok_and(|packed| packed.mtime() == got.mtime.0)
                };
                assert!([&plain, &rich, &holes].iter().any(was), "{name}: {path:?} {got:?}");
                entry.mtime = got.mtime;
            }
            assert!(got == entry, "{name}: {path:?}: got {got:?}, expected {entry:?}");
        }
        assert_eq!(got.len(), expected.len(), "{name}");
        compared += got.len();
    }
    // Who is not root has no devices to pack.
    assert!(count >= 30 && compared > 850, "{count} {compared}");
}

fn write(world: &World, archive: &[u8]) -> PathBuf {
    let path = world.directory().join("archive.tar");
    fs::write(&path, archive).unwrap();
    path
}

/// With busybox in it, for a command.
fn with_busybox(world: &World, archive: Tarball) -> PathBuf {
    let busybox = fs::read(world.busybox().join("bin/busybox")).unwrap();
    let header = Header::new(b'0', "bin/sh").mode(0o755).size(busybox.len() as u64);
    write(world, &archive.header(header, &busybox).end())
}

fn sh(world: &World, archive: Tarball, script: &str) -> Outcome {
    let archive = with_busybox(world, archive);
    world.run(&["--rootfs", archive.to_str().unwrap(), "/bin/sh", "-c", script])
}

/// Every way to name a file beside the root, in links that lead there, for every kind of member.
fn outside(world: &World) {
    let canary = world.directory();
    let paths = [canary.join("file"), canary.join("directory"), canary.join("directory/below")];
    fs::write(&paths[0], "untouched").unwrap();
    fs::create_dir(&paths[1]).unwrap();
    fs::write(&paths[2], "untouched").unwrap();
    for path in &paths {
        fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
        set_time(path, 1_000_000_000, 0);
    }
    let census = || list(&canary, true);
    let before = census();
    let absolute = canary.to_str().unwrap();
    for up in
        ["..", "../..", "/..", "", "../../../../../../..", "./..", "/proc/self/cwd", "/proc/1/root"]
    {
        for target in ["file", "directory"] {
            let to = format!("{up}{absolute}/{target}");
            for kind in [b'0', b'1', b'2', b'3', b'5', b'6', b'7', b'D'] {
                // The member takes the link's own place, and one below it.
                for name in ["x", "x/", "x/below", "x/below/."] {
                    let header = Header::new(kind, name).mode(0o4755).owner(4711, 4712).link("x");
                    let header = if kind == b'1' { header.link("x/below") } else { header };
                    let archive = Tarball::new().symlink("x", &to).header(header.mtime(5), b"");
                    let path = write(world, &archive.end());
                    let outcome = world.run(&["--rootfs", path.to_str().unwrap(), "/none"]);
                    assert!(matches!(outcome.status, 125 | 127), "{outcome:?}");
                    assert_eq!(census(), before, "{to} {name} {}", kind as char);
                }
            }
        }
    }
    // Through a link that is replaced by a directory and back, and hard links to it.
    let archive = Tarball::new()
        .symlink("x", absolute)
        .hard_link("y", "x")
        .directory("x")
        .file("x/file", b"inside")
        .file("y/file", b"through a link")
        .header(Header::new(b'5', "y").mode(0o4777), b"");
    let script = format!("cat x/file {absolute}/file; ls -ld y | cut -c1-10");
    let script = script.replace("cat", "/bin/sh -c 'exec busybox' 2>/dev/null; busybox cat");
    let busybox =
        archive.symlink("bin/busybox", "sh").symlink("bin/ls", "sh").symlink("bin/cut", "sh");
    let seen = sh(world, busybox, &script);
    assert!(seen.stdout.ends_with("insidethrough a linkdrwsrwxrwx\n"), "{seen:?}");
    assert_eq!(census(), before);
}

/// Links to the applets that scripts here use.
fn applets(mut archive: Tarball) -> Tarball {
    for name in ["ls", "cat", "stat", "cut", "wc", "readlink", "find", "sort", "od", "head", "cmp"]
    {
        archive = archive.symlink(&format!("bin/{name}"), "sh");
    }
    archive
}

fn replaced(world: &World) {
    // Ten changes of one name's kind, each of which has to leave nothing of the one before.
    let mut archive = applets(Tarball::new()).file("other", b"other");
    for _ in 0..10 {
        archive = archive
            .file("m", b"file")
            .directory("m/")
            .symlink("m", "other")
            .fifo("m")
            .hard_link("m", "other")
            .directory("m")
            .symlink("m", "/")
            .directory("m");
    }
    let script = "stat -c '%F %h' m; cat other; ls -A m";
    assert_eq!(sh(world, archive.clone(), script).ok(), "directory 2\nother");
    let archive = archive.hard_link("m", "other").symlink("m", "gone").file("m", b"last");
    assert_eq!(
        sh(world, archive, "stat -c '%F %h' m; cat m other").ok(),
        "regular file 1\nlastother"
    );
    // A link to a directory is replaced by a directory, as tar does; one with something in it stays, and
    // nothing else takes its place.
    let archive = applets(Tarball::new())
        .directory("d")
        .file("d/in", b"")
        .symlink("l", "d")
        .directory("l")
        .directory("d")
        .file("l/new", b"");
    assert_eq!(sh(world, archive.clone(), "ls d l").ok(), "d:\nin\n\nl:\nnew\n");
    for bad in
        [archive.clone().file("d", b""), archive.clone().symlink("d", "l"), archive.fifo("d")]
    {
        sh(world, bad, "true").refused(125, "unpack d: Directory not empty (a non-empty directory");
    }
    // Hard links: to itself, to what was replaced meanwhile, to a link, to nothing.
    let archive = applets(Tarball::new())
        .file("a", b"one")
        .hard_link("b", "/a")
        .hard_link("a", "b")
        .file("a", b"two")
        .hard_link("c", "a")
        .symlink("l", "a")
        .hard_link("k", "l")
        .hard_link("a", "./a");
    let script = "cat a b c; stat -c '%F %h' a b k";
    let expected = "twoonetworegular file 2\nregular file 1\nsymbolic link 2\n";
    assert_eq!(sh(world, archive, script).ok(), expected);
    sh(world, Tarball::new().hard_link("a", "none"), "true")
        .refused(125, "unpack a: No such file or directory (the target of the link is missing)");
    for to in ["../a", "/../a", "a/../../b"] {
        sh(world, Tarball::new().file("a", b"").hard_link("b", to), "true")
            .refused(125, "unpack b: Cross-device link (the path leads out");
    }
    // What is no directory is none for what lies below.
    sh(world, Tarball::new().file("a", b"").file("a/b", b""), "true")
        .refused(125, "unpack a/b: Not a directory");
    // The times of directories are those of their members, whatever came after these, made on the way too.
    let at = |name: &str, seconds| Header::new(b'5', name).mtime(seconds);
    let archive = applets(Tarball::new())
        .header(at("t", 1000), b"")
        .header(at("t/u", 2000), b"")
        .file("t/u/v/w/file", b"")
        .file("t/file", b"")
        .directory("elsewhere")
        .file("t/u/file", b"")
        .file("t/u/file", b"again")
        .header(at("t/x/y", 3000), b"");
    assert_eq!(sh(world, archive, "stat -c %Y t t/u t/x/y").ok(), "1000\n2000\n3000\n");
    // The root has a member as well.
    let root = Header::new(b'5', "./").mode(0o711).mtime(7);
    let archive = applets(Tarball::new()).header(root, b"");
    assert_eq!(sh(world, archive, "stat -c %a /").ok(), "711\n");
    sh(world, Tarball::new().file("./.", b"x"), "true").refused(125, "Is a directory");
}

fn many(world: &World) {
    let mut archive = applets(Tarball::new()).file("target", b"x");
    for at in 0..50_000 {
        archive.0.reserve(1024);
        archive = archive
            .symlink(&format!("l/{at}"), "../target")
            .hard_link(&format!("h/{at}"), "target");
    }
    let script = "ls l | wc -l; stat -c %h target; readlink l/49999";
    assert_eq!(sh(world, archive, script).ok(), "50000\n50001\n../target\n");
    // A path as long as there may be, and one byte more; a name of 255 bytes, and of 256.
    let path = |length: usize| "d/".repeat(length / 2) + if length % 2 == 1 { "f" } else { "" };
    let at_path =
        |path: &str| Tarball::new().pax(&[("path", path.as_bytes())]).file("short", b"deep");
    let find = "while cd d 2>/dev/null; do n=$((n+1)); done; cat f; echo $n";
    let seen = sh(world, at_path(&path(4095)).0.into_tarball_with_applets(), find).ok();
    assert_eq!(seen, "deep2047\n");
    sh(world, at_path(&path(4097)), "true").refused(125, "File name too long");
    let name = |length| at_path(&"n".repeat(length)).0.into_tarball_with_applets();
    assert_eq!(sh(world, name(255), "ls / | wc -L").status, 0);
    sh(world, name(256), "true").refused(125, "File name too long");
    // Links to links, as many as the kernel follows, and one more.
    for (count, is_fine) in [(40, true), (41, false)] {
        let mut archive = applets(Tarball::new()).directory("l0");
        for at in 0..count {
            archive = archive.symlink(&format!("l{}", at + 1), &format!("l{at}"));
        }
        let archive = archive.file(&format!("l{count}/f"), b"found");
        let outcome = sh(world, archive, "cat l0/f");
        if is_fine {
            assert_eq!(outcome.ok(), "found");
        } else {
            outcome.refused(125, "unpack l41/f: Too many symbolic links encountered");
        }
    }
}

trait WithApplets {
    fn into_tarball_with_applets(self) -> Tarball;
}

impl WithApplets for Vec<u8> {
    fn into_tarball_with_applets(self) -> Tarball {
        let mut archive = applets(Tarball::new());
        archive.0.extend(self);
        archive
    }
}

fn pax(world: &World) {
    let archive = applets(Tarball::new())
        .pax(&[
            ("path", b"n\xff\n"),
            ("mtime", b"8589934593.5"),
            ("uid", b"2097153"),
            ("gid", b"3000000"),
            ("comment", b"anything"),
        ])
        .header(Header::new(b'0', "other").mode(0o6755).size(3), b"abc")
        .pax(&[("linkpath", &[b'a'; 300]), ("mtime", b"-1.25")])
        .symlink("l", "short")
        // A value that is empty takes back what was said before.
        .pax(&[("path", b"no"), ("path", b"")])
        .file("header", b"")
        // In base 256.
        .header(
            Header::new(b'0', "binary")
                .raw(108, &[0x80, 0, 0, 0, 0, 0x2d, 0xc6, 0xc0])
                .raw(136, &[0xff; 12]),
            b"",
        )
        .header(Header::new(b'g', "g").size(28), b"9 gid=77\n19 mtime=123456789\n")
        .file("global", b"")
        .pax(&[("gid", b"78")])
        .file("local", b"");
    let script =
        "for f in n* l header binary global local; do stat -c '%u %g %a %Y %s' \"$f\"; done";
    let seen = sh(world, archive, script).ok();
    let lines: Vec<_> = seen.lines().collect();
    let owner =
        |uid: u32, gid: u32| if world.is_root() { format!("{uid} {gid}") } else { "0 0".into() };
    assert_eq!(
        lines,
        [
            format!("{} 6755 8589934593 3", owner(2_097_153, 3_000_000)),
            format!("{} 777 -2 300", owner(0, 0)),
            format!("{} 644 1000000000 0", owner(0, 0)),
            format!("{} 644 -1 0", owner(3_000_000, 0)),
            format!("{} 644 123456789 0", owner(0, 77)),
            format!("{} 644 123456789 0", owner(0, 78)),
        ]
    );
    for (records, words) in [
        (("uid", &b"4294967295"[..]), "is out of range"),
        (("gid", b"4294967296"), "is out of range"),
        (("mtime", b"9223372036854775808"), "is out of range"),
        (("uid", b"-1"), "damaged"),
        (("uid", b"0x1"), "damaged"),
        (("size", b"1e3"), "damaged"),
        (("path", b"a\0b"), "damaged"),
    ] {
        let archive = Tarball::new().pax(&[records]).file("f", b"");
        sh(world, archive, "true").refused(125, words);
    }
    for owner in [[0xff; 8], [0x80, 0, 0, 1, 0, 0, 0, 0], *b"37777777"] {
        let archive = Tarball::new().header(Header::new(b'0', "f").raw(108, &owner), b"");
        let outcome = sh(world, archive, "true");
        assert_eq!(outcome.status, if owner[0] == b'3' { 0 } else { 125 }, "{outcome:?}");
    }
    // A header of two megabytes, and data cut off in one.
    let long = vec![b'x'; 2 << 20];
    sh(world, Tarball::new().pax(&[("comment", &long)]).file("f", b""), "true")
        .refused(125, "the pax header is larger than 1 MiB");
}

fn owners(world: &World) {
    let owned = |uid| Header::new(b'0', "f").owner(uid, 1001).mode(0o6755);
    let archive = with_busybox(world, applets(Tarball::new()).header(owned(1000), b""));
    let archive = archive.to_str().unwrap();
    let words = ["--rootfs", archive, "stat", "-c", "%u %g %a", "f"];
    let run = |options: &[&str]| world.run(&[options, &words[..]].concat());
    assert_eq!(run(&[]).ok(), "1000 1001 6755\n");
    assert_eq!(run(&["--userns", "auto"]).ok(), "1000 1001 6755\n");
    run(&["--uidmap", "0:100000:10"])
        .refused(125, "unpack f: Invalid argument (its owner or group");
}

fn sparse(world: &World) {
    let digest = "cat f | wc -c; od -An -c -v f | head -n 2";
    let expected = "9\n  \\0  \\0   a   b   c  \\0   d   e  \\0\n";
    let fine = |records: &[(&str, &[u8])], data: &[u8]| {
        let archive = applets(Tarball::new()).pax(records).file("GNUSparseFile.0/f", data);
        assert_eq!(sh(world, archive, digest).ok(), expected, "{records:?}");
    };
    fine(
        &[
            ("path", b"f"),
            ("GNU.sparse.size", b"9"),
            ("GNU.sparse.numblocks", b"2"),
            ("GNU.sparse.offset", b"2"),
            ("GNU.sparse.numbytes", b"3"),
            ("GNU.sparse.offset", b"6"),
            ("GNU.sparse.numbytes", b"2"),
        ],
        b"abcde",
    );
    fine(
        &[("GNU.sparse.name", b"f"), ("GNU.sparse.size", b"9"), ("GNU.sparse.map", b"2,3,6,2")],
        b"abcde",
    );
    let in_data = |map: &[u8], data: &[u8]| {
        let mut map = map.to_vec();
        map.resize(map.len().next_multiple_of(512), 0);
        [map, data.to_vec()].concat()
    };
    let version: [(&str, &[u8]); 4] = [
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"f"),
        ("GNU.sparse.realsize", b"9"),
    ];
    fine(&version, &in_data(b"2\n2\n3\n6\n2\n", b"abcde"));
    let old = |pieces: &[(u64, u64)], size: u64, data: &[u8]| {
        let mut header = Header::new(b'S', "f").raw(257, b"ustar  \0").size(data.len() as u64);
        for (at, (start, length)) in pieces.iter().enumerate() {
            header = header.octal(386 + at * 24, 12, *start).octal(398 + at * 24, 12, *length);
        }
        applets(Tarball::new()).header(header.octal(483, 12, size), data)
    };
    assert_eq!(sh(world, old(&[(2, 3), (6, 2)], 9, b"abcde"), digest).ok(), expected);
    // Maps that say other than what is there.
    for bad in [
        old(&[(2, 3), (6, 3)], 9, b"abcde"),
        old(&[(2, 3)], 9, b"abcde"),
        old(&[(2, 3), (8, 2)], 9, b"abcde"),
        old(&[(0o7777777777, 5)], 9, b"abcde"),
    ] {
        sh(world, bad, "true")
            .refused(125, "unpack f: Not a data message (not a tar archive, damaged");
    }
    let refused = |records: &[(&str, &[u8])], data: &[u8], words: &str| {
        let archive = applets(Tarball::new()).pax(records).file("f", data);
        sh(world, archive, "true").refused(125, words);
    };
    refused(&version, &in_data(b"2\n2\n3\n6\n3\n", b"abcde"), "damaged");
    refused(&version, &in_data(b"3\n2\n3\n6\n2\n", b"abcde"), "damaged");
    refused(&version, b"abcde", "damaged");
    refused(&[("GNU.sparse.map", b"2,3,6,2")], b"abcde", "damaged");
    refused(&[("GNU.sparse.size", b"9"), ("GNU.sparse.map", b"2,3,6")], b"abcde", "damaged");
    refused(&[("GNU.sparse.major", b"2"), ("GNU.sparse.size", b"9")], b"", "does not support");
    refused(&[("SCHILY.realsize", b"9")], b"", "does not support");
    let star = Tarball::new().header(Header::new(b'S', "f"), b"");
    sh(world, star, "true").refused(125, "does not support");
}

fn attributes(world: &World) {
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let archive = Tarball::new()
        .pax(&[("SCHILY.xattr.security.capability", &capability)])
        .header(Header::new(b'0', "plain").owner(5, 5), b"")
        .pax(&[("LIBARCHIVE.xattr.security.capability", b"AQAAAgAgAAAAAAAAAAAAAAAAAAA")])
        .header(Header::new(b'0', "base64").owner(5, 5), b"")
        .pax(&[("SCHILY.xattr.security.selinux", b"of another system")])
        .file("label", b"");
    let path = write(world, &archive.end());
    for name in ["plain", "base64", "label"] {
        let got = look(world, &path, |root| attributes_of(&root.join(name)));
        let Some(value) = got.get("security.capability") else {
            assert!(got.is_empty() && name == "label", "{name}: {got:?}");
            continue;
        };
        // Seen from outside a user namespace, there is the id of its root behind it (version 3).
        assert_eq!(value[4..20], capability[4..20], "{name}");
        assert_eq!(value[3], if world.is_root() { 2 } else { 3 }, "{name}");
    }
    // What an ordinary user may not set is said, in one line, and the command runs.
    let lossy = Tarball::new()
        .pax(&[("SCHILY.xattr.trusted.x", b"1")])
        .file("f", b"")
        .pax(&[("SCHILY.xattr.trusted.y", b"2")])
        .file("g", b"");
    let outcome = sh(world, lossy, "echo ran");
    assert_eq!((outcome.status, outcome.stdout.as_str()), (0, "ran\n"), "{outcome:?}");
    if world.is_root() {
        assert_eq!(outcome.stderr, "");
    } else {
        assert!(
            outcome.stderr.starts_with("mini: unpack: some extended attributes"),
            "{outcome:?}"
        );
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    }
    let lists = Tarball::new().pax(&[("SCHILY.acl.access", b"user::rwx")]).file("f", b"");
    let outcome = sh(world, lists, "true");
    assert!(outcome.status == 0 && outcome.stderr.contains("access control lists"), "{outcome:?}");
    let bad = Tarball::new().pax(&[("LIBARCHIVE.xattr.user.x", b"!")]).file("f", b"");
    sh(world, bad, "true").refused(125, "unpack f: Not a data message");
}

fn refused(world: &World) {
    for kind in [b'M', b'N', b'A'] {
        let archive = Tarball::new().header(Header::new(kind, "f"), b"");
        let archive = write(world, &archive.end());
        let outcome = world.run(&["--rootfs", archive.to_str().unwrap(), "/none"]);
        outcome.refused(125, "(mini does not support this member type)");
    }
    // The end is missing, wherever that is.
    let whole = Tarball::new().file("f", &[b'x'; 700]).pax(&[("path", b"g")]).file("h", b"y").end();
    for length in [1, 511, 512, 513, 1100, 1536, 1537, 2048, 2560, 3072, 3500] {
        let archive = write(world, &whole[..length.min(whole.len() - 1024)]);
        let mut command = world.run_command(&["--rootfs", "-", "/none"]);
        command.stdin(File::open(archive).unwrap());
        Outcome::of(&mut command).refused(125, "truncated");
    }
    let old_directory = applets(Tarball::new())
        .header(Header::new(b'0', "old/").mode(0o750), b"")
        .header(Header::new(0, "older/").mode(0o750), b"");
    assert_eq!(sh(world, old_directory, "stat -c %F old older").ok(), "directory\ndirectory\n");
}

fn compressed(world: &World) {
    let archive = with_busybox(world, applets(Tarball::new()));
    for (program, cat, name) in [
        ("gzip", "zcat", "gzip"),
        ("xz", "xzcat", "xz"),
        ("zstd", "zstdcat", "zstd"),
        ("bzip2", "bzcat", "bzip2"),
    ] {
        let mut command = Command::new(program);
        let output = command.arg("-c").stdin(File::open(&archive).unwrap()).output();
        let Ok(output) = output else { continue };
        let packed = world.file("root.tar.packed", &output.stdout);
        let words = format!("compressed with {name} ({cat} FILE | mini run --rootfs - ...)");
        let path = packed.to_str().unwrap();
        world.run(&["--rootfs", path, "true"]).refused(125, &format!("rootfs {path}: {words}"));
        let mut command = world.run_command(&["--rootfs", "-", "true"]);
        command.stdin(File::open(&packed).unwrap());
        Outcome::of(&mut command).refused(125, &format!("mini: unpack: {words}"));
        // The remedy helps.
        let script =
            format!("{cat} < {path} | {} run --rootfs - sh -c 'echo in'", world.mini().display());
        let mut command = world.command("/bin/sh".as_ref(), &["-c", &script]);
        assert_eq!(Outcome::of(&mut command).ok(), "in\n");
    }
}

/// Runs mini with this as standard input.
fn with_input(world: &World, input: impl Into<Stdio>) -> Outcome {
    let mut command = world.run_command(&["--rootfs", "-", "cat"]);
    Outcome::of(command.stdin(input))
}

fn input(world: &World) {
    let unpadded = fs::read(with_busybox(world, applets(Tarball::new()))).unwrap();
    let padded = |blocks: usize| {
        let mut archive = unpadded.clone();
        archive.resize(archive.len().next_multiple_of(blocks * 512), 0);
        archive
    };
    // An archive whose second empty block begins a record.
    let mut across = unpadded[..unpadded.len() - 1024].to_vec();
    let fill = (across.len() + 1024).next_multiple_of(10_240) - across.len() - 512;
    let fill = vec![b'x'; fill - 512];
    let header = Tarball::new().file("fill", &fill).0;
    across.extend(header);
    across.resize(across.len() + 1024, 0);
    assert_eq!((across.len() - 512) % 10_240, 0);
    for (archive, name) in
        [(unpadded.clone(), "unpadded"), (padded(20), "padded"), (across, "across")]
    {
        for tail in [&b""[..], b"hello\n", &[7; 20_000], b"after zeros: \0\0\0"] {
            let whole = [&archive[..], tail].concat();
            let file = write(world, &whole);
            let check = |input: Stdio, way: &str| {
                let outcome = with_input(world, input);
                assert_eq!(outcome.status, 0, "{name} {way}: {outcome:?}");
                assert!(
                    outcome.stdout.as_bytes() == tail,
                    "{name} {way}: {}",
                    outcome.stdout.len()
                );
            };
            check(File::open(&file).unwrap().into(), "file");
            let (reader, writer) =
                rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
            let sender = send(writer, &whole, usize::MAX);
            check(reader.into(), "pipe");
            sender.join().unwrap();
            let flags = rustix::pipe::PipeFlags::NONBLOCK | rustix::pipe::PipeFlags::CLOEXEC;
            // Byte by byte where it matters, through a pipe that does not wait.
            let (reader, writer) = rustix::pipe::pipe_with(flags).unwrap();
            rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::empty()).unwrap();
            let sender = send(writer, &whole, archive.len() - 1500);
            let mut command = world.run_command(&["--rootfs", "-", "sh", "-c", "exit 0"]);
            assert_eq!(Outcome::of(command.stdin(reader)).ok(), "", "{name}");
            drop(sender);
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            let sender = send(ours.into(), &whole, usize::MAX);
            check(OwnedFd::from(theirs).into(), "socket");
            sender.join().unwrap();
        }
    }
    // The writer is waited for to its end: it gets no SIGPIPE, and no padding is left for the command.
    let archive = write(world, &padded(20));
    let script = format!(
        "(cat {}; echo $? >&2) | {} run --rootfs - sh -c 'exit 0'",
        archive.display(),
        world.mini().display()
    );
    let outcome = Outcome::of(&mut world.command("/bin/sh".as_ref(), &["-c", &script]));
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, "0\n"));
    // What is padded to the record does not wait for more: the command runs while the writer is silent.
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut command = world.run_command(&["--rootfs", "-", "sh", "-c", "echo up; read x; echo $x"]);
    let mut child = command.stdin(reader).stdout(Stdio::piped()).spawn().unwrap();
    writer.write_all(&padded(20)).unwrap();
    let mut up = [0; 3];
    child.stdout.as_mut().unwrap().read_exact(&mut up).unwrap();
    writer.write_all(b"typed\n").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"typed\n");
    // A pipe that is named is not opened twice: what was read from it would be lost.
    let fifo = world.directory().join("fifo");
    ran(Command::new("mkfifo").arg("-m").arg("666").arg(&fifo));
    let script = format!(
        "cat {} > {fifo} & exec {} run --rootfs {fifo} sh -c 'echo in'",
        archive.display(),
        world.mini().display(),
        fifo = fifo.display()
    );
    assert_eq!(Outcome::of(&mut world.command("/bin/sh".as_ref(), &["-c", &script])).ok(), "in\n");
}

/// Writes in a thread of its own, from some byte on one at a time.
fn send(to: OwnedFd, bytes: &[u8], slowly_from: usize) -> std::thread::JoinHandle<()> {
    let bytes = bytes.to_vec();
    std::thread::spawn(move || {
        let mut to = File::from(to);
        let (first, rest) = bytes.split_at(slowly_from.min(bytes.len()));
        let _ = to.write_all(first);
        for byte in rest {
            if to.write_all(&[*byte]).is_err() {
                return;
            }
        }
    })
}

fn keyboard(world: &World) {
    let archive = with_busybox(world, applets(Tarball::new()));
    let (mut outer, inner) = terminal_pair();
    let script = format!(
        "cat {} | {} run -t --rootfs - sh -c 'echo up; read x; echo \"got $x\"; test -t 0 && echo tty'",
        archive.display(),
        world.mini().display()
    );
    let mut command = world.command("/bin/sh".as_ref(), &["-c", &script]);
    command.stdin(inner.try_clone().unwrap());
    command.stdout(inner.try_clone().unwrap()).stderr(inner.try_clone().unwrap());
    // As a shell has it, which belongs to whoever is logged in there.
    rustix::fs::fchmod(&inner, 0o666.into()).unwrap();
    lead_session(&mut command);
    let mut child = command.spawn().unwrap();
    drop((command, inner));
    let mut seen = String::new();
    let mut buffer = [0; 4096];
    for (words, answer) in [("up", &b"words\n"[..]), ("got words", b""), ("tty", b"")] {
        while !seen.contains(words) {
            let length = outer.read(&mut buffer).unwrap_or(0);
            assert_ne!(length, 0, "no {words:?} in {seen:?}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        outer.write_all(answer).unwrap();
    }
    assert_eq!(child.wait().unwrap().code(), Some(0), "{seen}");
    // Where there is none, that is said.
    let mut command = world.command("/usr/bin/setsid".as_ref(), &["-w"]);
    command.arg(world.mini()).args(["run", "-t", "--rootfs", "-", "sh"]);
    let outcome = Outcome::of(command.stdin(File::open(archive).unwrap()));
    outcome
        .refused(125, "open archive -: No such device or address (standard input is the archive");
}

/// Bytes changed at random, sums made right again: an error or a container, and nothing outside changed.
fn damaged(world: &World) {
    let canary = world.directory();
    fs::write(canary.join("file"), "untouched").unwrap();
    let before = list(&canary, true);
    let up = format!("../../../../..{}/file", canary.display());
    let mut seed = 42u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let mut ran = [0; 2];
    for _ in 0..150 {
        let mut archive = Tarball::new()
            .symlink("x", &up)
            .pax(&[("path", b"x"), ("uid", b"7"), ("SCHILY.xattr.user.x", b"1")])
            .directory("x")
            .file("a/b", b"data")
            .hard_link("c", "a/b")
            .pax(&[
                ("GNU.sparse.major", b"1"),
                ("GNU.sparse.minor", b"0"),
                ("GNU.sparse.realsize", b"9"),
            ])
            .header(
                Header::new(b'0', "s").size(514),
                &[&b"1\n3\n2\n"[..], &[0; 506], b"ab"].concat(),
            )
            .fifo("p")
            .directory("a")
            .end();
        for _ in 0..=random(4) {
            let at = random(archive.len() - 1024);
            // Mostly in the fields that matter.
            let at = if random(2) == 0 { at / 512 * 512 + 100 + random(170) } else { at };
            archive[at] =
                if random(3) == 0 { random(256) as u8 } else { b"0123457/.\0xgLKSVD"[random(17)] };
            let block = at / 512 * 512;
            if archive[block + 257..].starts_with(b"ustar") {
                archive[block + 148..block + 156].fill(b' ');
                let sum: u32 = archive[block..block + 512].iter().map(|b| u32::from(*b)).sum();
                archive[block + 148..block + 156]
                    .copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
        }
        let path = write(world, &archive);
        let mut command = world.run_command(&["--rootfs", "-", "/none"]);
        let outcome = Outcome::of(command.stdin(File::open(path).unwrap()));
        assert!(matches!(outcome.status, 125 | 127), "{outcome:?}");
        ran[usize::from(outcome.status == 127)] += 1;
        assert_eq!(list(&canary, true), before);
    }
    assert!(ran[0] > 10 && ran[1] > 10, "{ran:?}");
}
