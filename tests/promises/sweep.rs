//! The container's cgroups: nobody else takes them away, and nothing of them stays, whoever is killed
//! and whatever was made in them.

use crate::world::{World, eventually, processes};
use crate::{Need, Promise};
use rustix::fs::FlockOperation;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const HERE: &[Need] = &[Need::Root, Need::Limits];

pub const PROMISES: &[Promise] = &[
    Promise {
        name: "minis_in_other_pid_namespaces_leave_each_others_cgroups_alone",
        needs: &[Need::Root, Need::Limits, Need::LaterCalls],
        check: neighbours,
    },
    Promise {
        name: "cgroups_of_a_killed_nested_mini_are_swept",
        needs: &[Need::Root, Need::Limits, Need::LaterCalls],
        check: nested,
    },
    Promise { name: "a_locked_cgroup_is_not_swept", needs: HERE, check: held },
    Promise { name: "cgroups_made_inside_are_removed", needs: HERE, check: made_inside },
    Promise { name: "a_memory_limit_covers_unpacking", needs: HERE, check: unpacking },
    Promise {
        name: "cgroup_parent_without_a_limit_makes_a_cgroup",
        needs: HERE,
        check: parent_alone,
    },
    Promise { name: "an_empty_cpuset_is_explained", needs: HERE, check: empty_cpuset },
    Promise {
        name: "cgroups_are_not_guessed_when_proc_cannot_be_read",
        needs: HERE,
        check: unreadable,
    },
    Promise {
        name: "processes_left_in_the_hosts_pid_namespace_end_with_the_command",
        needs: &[],
        check: left_behind,
    },
    Promise {
        name: "processes_in_the_hosts_pid_namespace_end_with_mini",
        needs: HERE,
        check: killed,
    },
];

/// What tells a process of this test from all others.
fn mark(world: &World, what: &str) -> String {
    let directory = world.directory();
    format!("{what}-{}-{}", std::process::id(), directory.file_name().unwrap().display())
}

/// The directories of the cgroups that a process is in, as far as they are mini's.
fn cgroups_of(pid: i32) -> Vec<PathBuf> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let directory = |line: &str| {
        let mut fields = line.splitn(3, ':');
        let (_, names, path) = (fields.next()?, fields.next()?, fields.next()?);
        let name = if names.is_empty() { "unified" } else { names };
        let top = ["/sys/fs/cgroup".into(), format!("/sys/fs/cgroup/{name}")];
        let found = top.into_iter().map(|top| PathBuf::from(format!("{top}{path}")));
        found.filter(|path| path.exists()).find(|path| path.to_str().unwrap().contains("/mini-"))
    };
    text.lines().filter_map(directory).collect()
}

/// The cgroup that mini is put in for a limit on processes.
fn own() -> PathBuf {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap();
    let on_v1 = text.lines().find_map(|line| line.split_once(":pids:"));
    let path = match on_v1 {
        Some((_, path)) => format!("/sys/fs/cgroup/pids{path}"),
        None => format!("/sys/fs/cgroup{}", text.trim().strip_prefix("0::").unwrap()),
    };
    PathBuf::from(path.trim_end_matches('/'))
}

fn launch(world: &World) {
    world.run(&["-m", "64m", "--pids-limit", "100", "--", "/bin/true"]).ok();
}

/// Two loops, each in a process namespace of its own but with the same parent cgroups, and many at once here:
/// of those that are about to join a cgroup, none is taken for dead by somebody who cannot see it.
fn neighbours(world: &World) {
    let file = world.file("failed", b"");
    let script = format!(
        "while :; do {} run -m 64m --pids-limit 100 -- /bin/true 2>>{1} || echo failed >>{1}; done",
        world.mini().display(),
        file.display()
    );
    let options = ["--privileged", "--cgroupns", "host", "--", "/bin/sh", "-c", &script];
    let mut loops = [0, 1].map(|_| world.run_command(&options).spawn().unwrap());
    let failed = std::thread::scope(|scope| {
        let many = [(); 16].map(|()| {
            scope.spawn(|| {
                let one = |_| world.run(&["-m", "64m", "--pids-limit", "100", "--", "/bin/true"]);
                (0..25).map(one).find(|outcome| outcome.status != 0)
            })
        });
        many.map(|one| one.join().unwrap())
    });
    for child in &mut loops {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(failed.iter().all(Option::is_none), "{failed:?}");
    assert_eq!(fs::read_to_string(file).unwrap(), "");
}

fn nested(world: &World) {
    let mini = world.mini();
    let probe = world.probe();
    for outer in [&[][..], &["-m", "200m", "--pids-limit", "200"]] {
        let mark = mark(world, "nested");
        // Without a limit of its own, the outer one is not in the way to the cgroups around.
        let namespace: &[&str] = if outer.is_empty() { &["--cgroupns", "host"] } else { &[] };
        let mut words = vec!["--privileged"];
        words.extend(outer.iter().chain(namespace));
        words.extend(["--", mini.to_str().unwrap(), "run", "-m", "64m", "--pids-limit", "50"]);
        words.extend(["--", probe.to_str().unwrap(), "__probe", "sleep", &mark]);
        let mut child = world.run_command(&words).spawn().unwrap();
        let line = format!("{}\0__probe\0sleep\0{mark}", probe.display());
        let command = |pid: &i32| {
            let is = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            is.starts_with(line.as_bytes())
        };
        let mut groups = Vec::new();
        eventually("the nested command runs", || {
            groups = processes(&mark)
                .iter()
                .filter(|pid| command(pid))
                .flat_map(|pid| cgroups_of(*pid))
                .collect();
            !groups.is_empty()
        });
        child.kill().unwrap();
        child.wait().unwrap();
        world.nothing_runs(&mark);
        eventually("they are swept", || {
            launch(world);
            groups.iter().all(|group| !group.exists())
        });
    }
}

/// A cgroup with the name of a mini that nobody can see.
fn held(world: &World) {
    let group = own().join("mini-4194305-1.5");
    fs::create_dir(&group).unwrap();
    let lock = File::open(&group).unwrap();
    rustix::fs::flock(&lock, FlockOperation::LockShared).unwrap();
    (0..3).for_each(|_| launch(world));
    assert!(group.exists());
    // Nor one that holds something, whoever has locked it.
    fs::create_dir(group.join("below")).unwrap();
    let mut child = std::process::Command::new(world.probe());
    let mut child = child.args(["__probe", "sleep", &mark(world, "held")]).spawn().unwrap();
    fs::write(group.join("below/cgroup.procs"), child.id().to_string()).unwrap();
    drop(lock);
    (0..3).for_each(|_| launch(world));
    assert!(group.join("below").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("it is swept", || {
        launch(world);
        !group.exists()
    });
}

fn made_inside(world: &World) {
    // Names with a dot, and more of them than a path can hold; `cd -P` goes one step at a time.
    let script = r#"
        own=/sys/fs/cgroup/pids$(grep :pids: /proc/self/cgroup | cut -d: -f3)
        [ -d /sys/fs/cgroup/pids ] || own=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)
        cd -P "$own" && mkdir system.slice system.slice/a.service tasks.d .hidden || exit 9
        name=$(printf %0200d 0)
        n=0
        while [ $n -lt 30 ]; do
            mkdir "$name" || exit 8
            cd -P "$name" 2>/dev/null || cd -P "./$name" 2>/dev/null
            n=$((n + 1))
        done
        echo "$own""#;
    let options = ["--pids-limit", "50", "--cgroupns", "host"];
    let outcome = world.sh(&options, script);
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""), "{outcome:?}");
    let group = outcome.stdout.trim();
    assert!(group.contains("/mini-"), "{outcome:?}");
    assert!(!Path::new(group).exists());
}

fn unpacking(world: &World) {
    let root = world.directory();
    let archive = world.directory().join("root.tar");
    fs::create_dir(root.join("bin")).unwrap();
    fs::copy(world.probe(), root.join("bin/probe")).unwrap();
    // Not all zeros, lest somebody finds holes in it.
    fs::write(root.join("big"), vec![7; 60 << 20]).unwrap();
    let tar = std::process::Command::new("tar")
        .arg("-C")
        .arg(&root)
        .arg("-cf")
        .arg(&archive)
        .arg(".")
        .status();
    assert!(tar.unwrap().success());
    for init in [&[][..], &["--init"]] {
        let run = |limit| {
            let options = ["-m", limit, "--rootfs", archive.to_str().unwrap()];
            world.run(&[init, &options, &["--", "/nope"]].concat())
        };
        let outcome = run("16m");
        assert_eq!((outcome.status, outcome.stdout.as_str()), (137, ""), "{outcome:?}");
        assert!(outcome.stderr.starts_with("mini: out of memory: "), "{outcome:?}");
        run("200m").refused(127, "exec /nope");
    }
}

fn parent_alone(world: &World) {
    let name = mark(world, "parent");
    let parent = own().join(&name);
    let run = |asked: &str| {
        world.sh(&["--cgroup-parent", asked, "--cgroupns", "host"], "cat /proc/self/cgroup")
    };
    let top = if Path::new("/sys/fs/cgroup/pids").exists() {
        "/sys/fs/cgroup/pids"
    } else {
        "/sys/fs/cgroup"
    };
    let asked = parent.strip_prefix(top).unwrap().to_str().unwrap();
    run(asked).refused(125, "No such file or directory (make the cgroup first");
    run(&format!("{asked}/../x")).refused(125, "must not have .. in it");
    run("../../x").refused(125, "must not have .. in it");
    fs::create_dir(&parent).unwrap();
    let seen = run(asked);
    fs::remove_dir(&parent).unwrap();
    assert!(seen.ok().contains(&format!("{name}/mini-")));
}

/// On v2 an empty cpuset means the one above.
fn empty_cpuset(world: &World) {
    let top = Path::new("/sys/fs/cgroup/cpuset");
    if !top.exists() {
        return;
    }
    let name = mark(world, "cpuset");
    fs::create_dir(top.join(&name)).unwrap();
    let outcome = world.sh(&["--cgroup-parent", &name, "--cpuset-cpus", "0"], "echo it ran");
    fs::remove_dir(top.join(&name)).unwrap();
    outcome.refused(125, "its cpuset is empty");
}

/// mini's own cgroup is in /proc; to take the top one instead would leave the limits mini is under.
fn unreadable(world: &World) {
    let script =
        format!("ulimit -n 3; exec {} run --pids-limit 5 -- echo it ran", world.mini().display());
    let outcome =
        crate::world::Outcome::of(&mut world.command("/bin/sh".as_ref(), &["-c", &script]));
    outcome.refused(125, "/proc/self/mountinfo: Too many open files");
}

/// Where an ordinary user has no cgroup to make one in, mini adopts them.
fn left_behind(world: &World) {
    let mark = mark(world, "left");
    let probe = world.probe();
    // In sessions of their own, two generations, one of which has lost its parent.
    let script = format!(
        "setsid {0} __probe sleep {mark} & (setsid sh -c '{0} __probe sleep {mark} & wait' &) ; exit 4",
        probe.display()
    );
    for _ in 0..5 {
        let outcome = world.sh(&["--pid", "host"], &script);
        assert_eq!((outcome.status, outcome.stderr.as_str()), (4, ""), "{outcome:?}");
        assert_eq!(processes(&mark), Vec::<i32>::new());
    }
}

fn killed(world: &World) {
    for options in [&["--pid", "host"][..], &["--pid", "host", "--pids-limit", "50"]] {
        let mark = mark(world, "killed");
        let script = format!(
            "setsid {0} __probe sleep {mark} & setsid {0} __probe sleep {mark} & echo up; \
             exec {0} __probe sleep {mark}",
            world.probe().display()
        );
        let mut command = world.run_command(&[options, &["--", "/bin/sh", "-c", &script]].concat());
        // As a shell would start it, and end it.
        let mut child = command.stdout(Stdio::piped()).process_group(0).spawn().unwrap();
        let line = format!("__probe\0sleep\0{mark}");
        let mut groups = Vec::new();
        eventually("all three run", || {
            let running = processes(&line);
            groups = running.iter().flat_map(|pid| cgroups_of(*pid)).collect();
            running.len() == 3
        });
        assert!(!groups.is_empty());
        let group = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
        child.wait().unwrap();
        world.nothing_runs(&mark);
        eventually("their cgroup is gone", || groups.iter().all(|group| !group.exists()));
    }
}
