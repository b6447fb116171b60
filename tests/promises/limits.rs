//! Limits are set, or the command does not run; afterwards nothing is left of them.

use crate::world::{Outcome, World, eventually};
use crate::{Need, Promise};
use rustix::fs::FlockOperation;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

const HERE: &[Need] = &[Need::Root, Need::Limits];

pub const PROMISES: &[Promise] = &[
    Promise { name: "memory_is_limited", needs: HERE, check: memory },
    Promise { name: "cpu_time_is_limited", needs: HERE, check: cpus },
    Promise { name: "shares_divide_a_busy_cpu", needs: HERE, check: shares },
    Promise { name: "cpus_are_chosen", needs: HERE, check: cpuset },
    Promise { name: "processes_are_limited", needs: HERE, check: pids },
    Promise { name: "the_first_minis_options_work", needs: HERE, check: originals },
    Promise {
        name: "two_containers_have_limits_of_their_own",
        needs: &[Need::Root, Need::Limits, Need::Busybox, Need::LaterCalls],
        check: separate,
    },
    Promise { name: "no_cgroup_is_left_whatever_happens", needs: HERE, check: cleaned },
    Promise { name: "processes_left_in_the_cgroup_are_killed", needs: HERE, check: swept },
    Promise {
        name: "a_container_sees_its_cgroup_as_the_root",
        needs: &[Need::LaterCalls],
        check: namespace,
    },
    Promise { name: "limits_work_inside_limits", needs: HERE, check: nested },
    Promise { name: "bad_limits_are_refused", needs: HERE, check: refused },
    Promise { name: "an_ordinary_user_is_told_what_is_missing", needs: &[Need::User], check: user },
    Promise { name: "a_report_tells_how_it_ended", needs: &[], check: report },
];

/// A number in the report, which is one flat object but for its last two members.
fn field(report: &str, key: &str) -> Option<f64> {
    let (_, rest) = report.split_once(&format!("\"{key}\":"))?;
    rest.split([',', '}']).next()?.parse().ok()
}

/// `mini run --report FILE OPTIONS -- probe ARGS`, and the report.
fn reported(world: &World, options: &[&str], probe: &[&str]) -> (Outcome, String) {
    let file = world.directory().join("report");
    let program = world.probe();
    let words = [
        &["--report", file.to_str().unwrap()],
        options,
        &["--", program.to_str().unwrap(), "__probe"],
        probe,
    ]
    .concat();
    let outcome = world.run(&words);
    (outcome, fs::read_to_string(file).unwrap())
}

fn memory(world: &World) {
    let (outcome, report) = reported(world, &["-m", "64m"], &["hog", "200"]);
    assert_eq!(outcome.status, 137, "{outcome:?}");
    assert_eq!(
        outcome.stderr,
        "mini: out of memory: the kernel killed the command (the limit is 67108864 bytes)\n"
    );
    assert!(field(&report, "oom_kills").unwrap() >= 1.0, "{report}");
    assert_eq!(field(&report, "signal"), Some(9.0));
    let (outcome, report) = reported(world, &["-m", "64m"], &["hog", "40"]);
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""));
    assert_eq!(field(&report, "oom_kills"), Some(0.0));
    let peak = field(&report, "memory_peak").unwrap();
    assert!((40e6..=68e6).contains(&peak), "{report}");
}

/// Tries thrice: the machine may be busy with something else for a moment.
fn measured(mut is_right: impl FnMut() -> Result<(), String>) {
    let mut last = Ok(());
    for _ in 0..3 {
        last = is_right();
        if last.is_ok() {
            return;
        }
    }
    panic!("{}", last.unwrap_err());
}

fn used(report: &str) -> f64 {
    field(report, "user_usec").unwrap() + field(report, "system_usec").unwrap()
}

/// What is allowed is never exceeded; whether it is reached depends on what the machine has to give, which a
/// second one without a limit finds out at the same time.
fn cpus(world: &World) {
    measured(|| {
        let run = |options: &[&str]| {
            let (outcome, report) = reported(world, options, &["burn", "3000"]);
            assert_eq!(outcome.status, 0, "{outcome:?}");
            report
        };
        let (limited, free) = std::thread::scope(|scope| {
            let free = scope.spawn(|| run(&[]));
            (run(&["--cpus", "0.5"]), free.join().unwrap())
        });
        // The machine may have stopped it in the middle, so that it ran for longer.
        let allowed = 0.5 * field(&limited, "wall_usec").unwrap();
        let (had, given) = (used(&limited), used(&free));
        assert!(had <= allowed * 1.15, "{limited}");
        let tells = format!("{had} of {allowed} allowed and {given} to be had: {limited}");
        // Little to be had tells nothing of the limit.
        let is_held_back = field(&limited, "throttled").unwrap() > 0.0 || given < allowed * 1.2;
        if is_held_back && had >= 0.7 * given.min(allowed) { Ok(()) } else { Err(tells) }
    });
}

fn shares(world: &World) {
    measured(|| {
        let run = |shares: &str| {
            let options = ["--cpuset-cpus", "1", "--cpu-shares", shares];
            let (outcome, report) = reported(world, &options, &["burn", "3000"]);
            assert_eq!(outcome.status, 0, "{outcome:?}");
            used(&report)
        };
        let (less, more) = std::thread::scope(|scope| {
            let less = scope.spawn(|| run("512"));
            (run("1024"), less.join().unwrap())
        });
        let ratio = less / more;
        if (ratio - 2.0).abs() <= 0.3 { Ok(()) } else { Err(format!("1:{ratio}")) }
    });
}

fn cpuset(world: &World) {
    let seen = world.sh(&["--cpuset-cpus", "1"], "grep Cpus_allowed_list /proc/self/status").ok();
    assert_eq!(seen.trim_start_matches("Cpus_allowed_list:").trim(), "1");
    assert_eq!(world.sh(&["--cpuset-mems", "0"], "exit 3").status, 3);
}

fn pids(world: &World) {
    let (outcome, _) = reported(world, &["--pids-limit", "20"], &["storm", "100"]);
    let started: usize = outcome.ok().trim().parse().unwrap();
    assert!((15..20).contains(&started), "{started}");
}

fn originals(world: &World) {
    let words = ["-mem", "100m", "-cpushare", "512", "-cpu", "20", "-cpuset", "0-1"];
    assert_eq!(world.sh(&words, "exit 5").status, 5);
    let plan = world.sh(&[&words[..], &["--dry-run"]].concat(), "true").ok();
    for written in [" 104857600\n", " 20000", "cpuset.cpus 0-1\n"] {
        assert!(plan.contains(written), "{plan}");
    }
    assert!(plan.contains("cpu.shares 512\n") || plan.contains("cpu.weight 59\n"), "{plan}");
}

fn separate(world: &World) {
    let script = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max \
        2>/dev/null; read line; echo x 2>/dev/null > /sys/fs/cgroup/x || echo read-only";
    let start = |limit: &str| {
        let root = world.busybox();
        let words = ["-m", limit, "--rootfs", root.to_str().unwrap(), "sh", "-c", script];
        let mut command = world.run_command(&words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    };
    let (one, two) = (start("64m"), start("128m"));
    let output = |child: std::process::Child| {
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    assert_eq!(output(one), "67108864\nread-only\n");
    assert_eq!(output(two), "134217728\nread-only\n");
}

/// The groups of minis that no longer live: nobody holds the lock of one. Those of minis that make
/// none, which others may be testing meanwhile, have no dot in their name.
fn abandoned(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let name = entry.file_name().into_string().unwrap_or_default();
        if !name.starts_with("mini-") {
            abandoned(&entry.path(), found);
        } else if name.contains('.')
            && let Ok(group) = fs::File::open(entry.path())
            && rustix::fs::flock(&group, FlockOperation::NonBlockingLockExclusive).is_ok()
        {
            found.push(entry.path());
        }
    }
}

fn nothing_is_abandoned(world: &World) {
    // A run with limits sweeps what a killed mini left, once that is older than a launch takes.
    eventually("no group is left", || {
        world.run(&["-m", "64m", "--pids-limit", "100", "--", "/bin/true"]).ok();
        let mut found = Vec::new();
        abandoned(Path::new("/sys/fs/cgroup"), &mut found);
        found.is_empty()
    });
}

fn cleaned(world: &World) {
    let limits = ["-m", "64m", "--pids-limit", "100", "--", "/bin/sleep", "0.02"];
    std::thread::scope(|scope| {
        for worker in 0..20u64 {
            scope.spawn(move || {
                for round in 0..10u64 {
                    let mut child = world.run_command(&limits).spawn().unwrap();
                    if (worker + round) % 3 == 0 {
                        std::thread::sleep(Duration::from_micros(worker * 577 + round * 91));
                        child.kill().unwrap();
                        child.wait().unwrap();
                    } else {
                        assert!(child.wait().unwrap().success());
                    }
                }
            });
        }
    });
    nothing_is_abandoned(world);
    // A launch that fails after its groups were made takes them away itself.
    world
        .run(&["-m", "64m", "--pids-limit", "9", "-w", "/nope", "true"])
        .refused(125, "chdir /nope");
    world.run(&["-m", "64m", "--", "/nope"]).refused(127, "exec /nope");
    nothing_is_abandoned(world);
}

/// With the host's process namespace, the command's end does not end what it started.
fn swept(world: &World) {
    let probe = world.probe();
    let mark = format!(
        "swept-{}-{}",
        std::process::id(),
        world.directory().file_name().unwrap().display()
    );
    let script = format!("setsid {} __probe sleep {mark} & exit 4", probe.display());
    assert_eq!(world.sh(&["--pid", "host", "--pids-limit", "50"], &script).status, 4);
    assert_eq!(crate::world::processes(&format!("sleep\0{mark}")), Vec::<i32>::new());
    nothing_is_abandoned(world);
}

fn namespace(world: &World) {
    let groups = |options: &[&str]| world.sh(options, "cut -d: -f3 /proc/self/cgroup").ok();
    assert!(groups(&[]).lines().all(|line| line == "/"), "{}", groups(&[]));
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let own: Vec<&str> = own.lines().map(|line| line.splitn(3, ':').nth(2).unwrap()).collect();
    assert_eq!(groups(&["--cgroupns", "host"]).lines().collect::<Vec<_>>(), own);
}

fn nested(world: &World) {
    let mini = world.mini();
    let mini = mini.to_str().unwrap();
    let probe = world.probe();
    let probe = probe.to_str().unwrap();
    let hog = |outer: &str, inner: &str| {
        world.run(&[
            "--privileged",
            "-m",
            outer,
            "--",
            mini,
            "run",
            "-m",
            inner,
            "--",
            probe,
            "__probe",
            "hog",
            "80",
        ])
    };
    if ["fsopen", "fsconfig", "fsmount"].into_iter().any(crate::old::is_only) {
        // Linux 4.6 to 5.1: no mount shows the group, and none can be made that nobody sees.
        hog("200m", "64m").refused(125, "mount cgroup");
        return;
    }
    assert_eq!(hog("200m", "64m").status, 137);
    assert_eq!(hog("64m", "200m").status, 137);
    assert_eq!(hog("200m", "160m").status, 0);
    nothing_is_abandoned(world);
}

fn refused(world: &World) {
    for (words, line) in [
        (&["-m", "1k"][..], "out of range (524288 to"),
        (&["-m", "64x"], "not a number (as 64m"),
        (&["-m", ""], "not a number"),
        (&["-m", "99999999999999999999g"], "out of range"),
        (&["-m", "-1"], "not a number"),
        (&["--cpus", "0"], "at least 0.01"),
        (&["--cpus", "-1"], "not a number"),
        (&["--cpus", "99999"], "more than are online (0.01 to "),
        (&["--cpus", "1", "--cpu-period", "5000"], "goes with --cpu-quota"),
        (&["--cpu-shares", "1"], "out of range (2 to 262144)"),
        (&["--cpu-period", "999"], "out of range (1000 to 1000000)"),
        (&["--cpu-quota", "1"], "out of range (1000 to"),
        (&["--cpuset-cpus", "0-"], "not a list"),
        (&["--cpuset-cpus", "9-3"], "not a list"),
        (&["--cpuset-cpus", "4095"], "can be had"),
        (&["--cpuset-mems", "1023"], "can be had"),
        (&["-m", "64m", "--memory-swap", "32m"], "below --memory"),
        (&["--memory-swap", "32m"], "needs --memory"),
        (&["-m", "64m", "--memory-reservation", "65m"], "above --memory"),
        (&["--memory-swappiness", "101"], "out of range (0 to 100)"),
        (&["--pids-limit", "0"], "out of range (1 to"),
        (&["--blkio-weight", "9"], "out of range (10 to 1000)"),
        (&["-m", "64m", "--cgroup-parent", "a/../.."], "must not have .. in it"),
        (&["-m", "64m", "--cgroup-parent", "no/such"], "make the cgroup first"),
        (&["--cgroup-conf", "../memory.max=1"], "not the name of a cgroup file"),
        (&["--cgroup-conf", "tasks=1"], "not the name of a cgroup file"),
        (&["--cgroup-conf", "memory.max"], "has no ="),
        (&["--cgroup-conf", "cgroup.procs=0"], "its controller sets no limits"),
        (&["--cgroup-conf", "pids.nope=0"], "this kernel has no such setting"),
        (&["--cgroup-conf", "pids.max=lots"], "pids.max: Invalid argument"),
        (&["--oom-score-adj", "1001"], "-1000 to 1000"),
        (&["--report", "/no/such/dir/report"], "report /no/such/dir/report: No such file"),
        (&["--report", "77"], "report 77: Bad file"),
    ] {
        let mut words = words.to_vec();
        words.extend(["--", "/bin/echo", "it ran"]);
        world.run(&words).refused(125, line);
    }
    // A read-only mount is no place for limits.
    let mini = world.mini();
    let script = format!(
        "for m in $(grep cgroup /proc/mounts | cut -d' ' -f2); do mount -o remount,bind,ro $m; done
         exec {} run --pids-limit 5 -- echo it ran",
        mini.display()
    );
    world
        .sh(&["--privileged", "--cgroupns", "host"], &script)
        .refused(125, "cgroups are mounted read-only here");
    nothing_is_abandoned(world);
}

fn user(world: &World) {
    let outcome = world.run(&["--pids-limit", "5", "--", "/bin/echo", "it ran"]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (125, ""), "{outcome:?}");
    assert!(outcome.stderr.contains("/sys/fs/cgroup"), "{outcome:?}");
    assert!(outcome.stderr.contains("--cgroup-parent"), "{outcome:?}");
}

fn report(world: &World) {
    let (outcome, report) = reported(world, &[], &["burn", "50"]);
    assert_eq!(outcome.status, 0);
    assert_eq!(field(&report, "status"), Some(0.0));
    assert_eq!(field(&report, "memory_peak"), None);
    assert!(field(&report, "user_usec").unwrap() > 1_000.0, "{report}");
    assert!(field(&report, "wall_usec").unwrap() >= 50_000.0, "{report}");
    assert!(field(&report, "max_rss").unwrap() > 100_000.0, "{report}");
    // To a descriptor, and of a failure, whose words are quoted.
    let script = "exec \"$0\" run --report 5 -w '/no \"where\"' true 5>&1 >/dev/null";
    let mut command = world.command("/bin/sh".as_ref(), &["-c", script]);
    let outcome = Outcome::of(command.arg(world.mini()));
    assert_eq!(outcome.status, 125);
    assert!(
        outcome.stdout.starts_with("{\"status\":125,\"signal\":null,\"error\":\"chdir"),
        "{outcome:?}"
    );
    assert!(outcome.stdout.contains("'/no \\\"where\\\"': No such file"), "{outcome:?}");
    assert!(outcome.stdout.ends_with("}\n") && outcome.stdout.lines().count() == 1);
}
