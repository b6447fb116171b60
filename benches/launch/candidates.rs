//! Who takes part in which scenario: the same namespaces, the same root, the same command. `floor` does what
//! mini does, call for call; `least` only what any launcher has to (`floor.c`).

use crate::measure::Candidate;
use crate::stage::{COMMAND, LIMITS, Stage, find};

pub struct Scenario {
    pub name: &'static str,
    pub title: &'static str,
    pub candidates: fn(&Stage) -> Vec<Option<Candidate>>,
}

pub const SCENARIOS: [Scenario; 5] = [
    Scenario {
        name: "A",
        title: "A: pid, mount, uts and ipc namespaces, own root, /proc, /sys, /dev",
        candidates: |stage| without_limits(stage, false),
    },
    Scenario {
        name: "B",
        title: "B: the same with a network namespace",
        candidates: |stage| without_limits(stage, true),
    },
    Scenario {
        name: "C",
        title: "C: the same with limits on memory, processes and processor time",
        candidates: limited,
    },
    Scenario {
        name: "D",
        title: "D: mini's defaults: B with masks, 14 capabilities, no_new_privs, a seccomp filter",
        candidates: defaults,
    },
    Scenario {
        name: "E",
        title: "E: as an ordinary user, in a user namespace",
        candidates: ordinary_user,
    },
];

pub fn mini(stage: &Stage, name: &str, uid: Option<u32>, options: &[&str]) -> Option<Candidate> {
    let words =
        [&[stage.mini.as_str(), "run", "--rootfs", &stage.root], options, &[COMMAND]].concat();
    Candidate::of_user(name, uid, &words)
}

pub fn floor(stage: &Stage, name: &str, work: &str) -> Option<Candidate> {
    let mut words = vec![stage.floor.as_str(), work, &stage.root, COMMAND];
    if work.contains('g') {
        words.extend(stage.groups.as_ref()?.iter().map(String::as_str));
    }
    Candidate::new(name, &words)
}

fn unshare(stage: &Stage, options: &[&str]) -> Option<Candidate> {
    let root = format!("--root={}", stage.root);
    let usual = ["unshare", "--fork", "--pid", "--mount", "--uts", "--ipc", "--mount-proc"];
    Candidate::new("unshare (no /dev)", &[&usual, options, &[&root, COMMAND]].concat())
}

/// bubblewrap's /dev; mini always makes one.
pub const DEV: [&str; 2] = ["--dev", "/dev"];

pub fn bwrap(stage: &Stage, name: &str, uid: Option<u32>, options: &[&str]) -> Option<Candidate> {
    let usual =
        ["bwrap", "--unshare-pid", "--unshare-uts", "--unshare-ipc", "--bind", &stage.root, "/"];
    let words = [&usual[..], &["--proc", "/proc"], options, &[COMMAND]].concat();
    Candidate::of_user(name, uid, &words)
}

fn runtime(stage: &Stage, name: &str, changes: &str) -> Option<Candidate> {
    let program = find(name)?;
    let bundle = stage.bundle(&format!("{name}-{}", changes.len()), &program, changes)?;
    let id = format!("mini-bench-{}", std::process::id());
    let words: &[&str] = match name {
        "crun" => &["crun", "--cgroup-manager=cgroupfs", "run", "-b", &bundle, &id],
        _ => &["runc", "run", "-b", &bundle, &id],
    };
    Candidate::new(name, words)
}

/// Python for the bundle of an OCI runtime.
const HOST_NETWORK: &str =
    "c['linux']['namespaces']=[n for n in c['linux']['namespaces'] if n['type']!='network']";
const LIMITED: &str = "c['linux']['resources']={'memory':{'limit':67108864,'swap':134217728},\
    'pids':{'limit':100},'cpu':{'quota':50000,'period':100000}}";

fn others(stage: &Stage, net: bool) -> Vec<Option<Candidate>> {
    let (unshared, sandboxed): (&[&str], &[&str]) =
        if net { (&["--net"], &["--unshare-net"]) } else { (&[], &[]) };
    let network = if net { "" } else { HOST_NETWORK };
    let jail = stage.root.as_str();
    let minijail = [
        &["minijail0", "-p", "-v", "-l", "-r"][..],
        if net { &["-e"] } else { &[] },
        &["-P", jail, COMMAND],
    ];
    let nsjail_net: &[&str] = if net { &[] } else { &["-N"] };
    let nsjail = [
        &["nsjail", "-Mo", "-Q", "--disable_clone_newuser", "--rw", "-c", jail][..],
        nsjail_net,
        &["--", COMMAND],
    ];
    vec![
        unshare(stage, unshared),
        bwrap(stage, "bwrap (no /dev)", None, sandboxed),
        bwrap(stage, "bwrap --dev", None, &[sandboxed, &DEV].concat()),
        Candidate::new("minijail0", &minijail.concat()),
        Candidate::new("nsjail", &nsjail.concat()),
        runtime(stage, "crun", network),
        runtime(stage, "runc", network),
    ]
}

fn without_limits(stage: &Stage, net: bool) -> Vec<Option<Candidate>> {
    let network = if net { "none" } else { "host" };
    let (floor_work, least_work) = if net { ("dnl", "n") } else { ("d", "-") };
    let mut all = vec![
        floor(stage, "floor", floor_work),
        mini(stage, "mini", None, &["--privileged", "--network", network]),
        floor(stage, "least", least_work),
    ];
    all.extend(others(stage, net));
    all
}

fn limited(stage: &Stage) -> Vec<Option<Candidate>> {
    vec![
        floor(stage, "floor", "dnlg"),
        mini(stage, "mini", None, &[&LIMITS[..], &["--privileged"]].concat()),
        runtime(stage, "crun", LIMITED),
        runtime(stage, "runc", LIMITED),
    ]
}

fn defaults(stage: &Stage) -> Vec<Option<Candidate>> {
    let mut all = vec![
        floor(stage, "floor", "dnlms"),
        mini(stage, "mini", None, &[]),
        floor(stage, "least of B", "n"),
        mini(stage, "mini --privileged", None, &["--privileged"]),
        mini(stage, "mini, no filter", None, &["--security-opt", "seccomp=unconfined"]),
        mini(stage, "mini, no masks", None, &["--security-opt", "unmask=all"]),
        mini(stage, "mini --init", None, &["--init"]),
        mini(stage, "mini -t", None, &["-t"]),
        mini(stage, "mini, limits", None, &LIMITS),
    ];
    all.extend(others(stage, true));
    all
}

const NOBODY: u32 = 65534;

fn ordinary_user(stage: &Stage) -> Vec<Option<Candidate>> {
    let root = format!("--root={}", stage.root);
    let unshare =
        "unshare --user --map-root-user --fork --pid --mount --uts --ipc --net --mount-proc";
    let unshare: Vec<&str> = unshare.split(' ').chain([root.as_str(), COMMAND]).collect();
    vec![
        mini(stage, "mini", Some(NOBODY), &[]),
        Candidate::of_user("unshare (no /dev)", Some(NOBODY), &unshare),
        bwrap(stage, "bwrap (no /dev)", Some(NOBODY), &["--unshare-user", "--unshare-net"]),
        bwrap(
            stage,
            "bwrap --dev",
            Some(NOBODY),
            &[&["--unshare-user", "--unshare-net"][..], &DEV].concat(),
        ),
    ]
}

pub fn start_up(stage: &Stage) -> Vec<Option<Candidate>> {
    let no_op = format!("{}{COMMAND}", stage.root);
    vec![
        Candidate::new("no-op", &[&no_op]),
        Candidate::new("mini", &[&stage.mini, "--version"]),
        Candidate::new("bwrap", &["bwrap", "--version"]),
        Candidate::new("crun", &["crun", "--version"]),
        Candidate::new("runc", &["runc", "--version"]),
        Candidate::new("podman", &["podman", "--version"]),
    ]
}
