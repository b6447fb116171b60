//! Seccomp rules of the OCI, compared with what libseccomp makes of them: both programs are asked about every call.

use crate::world::World;
use crate::{Need, Promise};
use mini::oci::{config, json::Document, seccomp};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

pub const PROMISES: &[Promise] = &[
    Promise {
        name: "engines_seccomp_profiles_decide_as_libseccomp_makes_them",
        needs: &[Need::Root, Need::Libseccomp],
        check: profiles,
    },
    Promise {
        name: "each_system_call_has_libseccomps_number_on_each_cpu",
        needs: &[Need::Root, Need::Libseccomp],
        check: names,
    },
    Promise {
        name: "any_seccomp_rules_decide_as_libseccomp_makes_them",
        needs: &[Need::Root, Need::Libseccomp],
        check: any_rules,
    },
];

/// This CPU, and the others whose programs it runs: OCI's name, AUDIT_ARCH_*, where the numbers begin.
type Cpu = (&'static str, u32, u32);
#[cfg(target_arch = "x86_64")]
const CPUS: [Cpu; 3] =
    [("X86_64", 0xc000_003e, 0), ("X32", 0xc000_003e, 0x4000_0000), ("X86", 0x4000_0003, 0)];
#[cfg(target_arch = "aarch64")]
const CPUS: [Cpu; 2] = [("AARCH64", 0xc000_00b7, 0), ("ARM", 0x4000_0028, 0)];
#[cfg(target_arch = "riscv64")]
const CPUS: [Cpu; 1] = [("RISCV64", 0xc000_00f3, 0)];

/// A running libseccomp.py.
struct Libseccomp {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Libseccomp {
    fn start() -> Libseccomp {
        let mut child = Command::new("python3")
            .arg(directory().join("libseccomp.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Libseccomp { child, answers }
    }

    fn ask(&mut self, task: &Value) -> String {
        let mut line = task.to_string();
        line.push('\n');
        self.child.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }

    /// Those of all names that it knows.
    fn names(&mut self) -> Vec<&'static str> {
        let mut names = every_name();
        let known = self.ask(&json!({"names": names}));
        names.retain(|name| known.split(' ').any(|known| known == *name));
        names
    }

    /// Its program for these rules; None where it takes them for a contradiction.
    fn program(&mut self, rules: &Value) -> Option<Vec<u64>> {
        let hex = self.ask(&json!({"rules": rules, "cpu": CPUS[0].0}));
        if hex == "refused" {
            return None;
        }
        assert!(!hex.is_empty(), "libseccomp.py has said why: {rules}");
        let byte = |at: usize| u64::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let word = |at: usize| (0..8).rev().fold(0, |word, index| word << 8 | byte(at + 2 * index));
        Some((0..hex.len()).step_by(16).map(word).collect())
    }
}

impl Drop for Libseccomp {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// Whether this host has what is compared with.
pub fn has_libseccomp() -> bool {
    const LOAD: &str = "import ctypes; ctypes.CDLL('libseccomp.so.2')";
    let python = Command::new("python3").args(["-c", LOAD]).stderr(Stdio::null()).status();
    python.is_ok_and(|status| status.success())
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oci")
}

/// mini's program for these rules.
fn ours(rules: &Value) -> Vec<u64> {
    let mut text = rules.to_string().into_bytes();
    let document = Document::read(&mut text).unwrap();
    let read = config::seccomp(document.root());
    assert!(document.problem().is_none(), "{:?}: {rules}", document.problem());
    seccomp::compile(&read).unwrap()
}

/// What the kernel would do: as much of classic BPF as filters use (linux/filter.h). Fails where the kernel would
/// refuse the program. Tells also whether an argument was looked at.
fn verdict(program: &[u64], cpu: u32, number: u32, args: &[u64; 6]) -> (u32, bool) {
    let (mut at, mut value, mut looked) = (0, 0u32, false);
    loop {
        let line = program[at];
        let (code, yes, no) = (line as u16, line as usize >> 16 & 255, line as usize >> 24 & 255);
        let constant = (line >> 32) as u32;
        at += 1;
        match code {
            0x20 => {
                value = match constant {
                    0 => number,
                    4 => cpu,
                    offset => {
                        assert!((16..64).contains(&offset) && offset % 4 == 0);
                        looked = true;
                        let arg = args[(offset as usize - 16) / 8];
                        (arg >> (offset % 8 * 8)) as u32
                    }
                }
            }
            0x54 => value &= constant,
            0x05 => at += constant as usize,
            0x15 => at += if value == constant { yes } else { no },
            0x25 => at += if value > constant { yes } else { no },
            0x35 => at += if value >= constant { yes } else { no },
            0x06 => return (constant, looked),
            other => panic!("no such instruction: {other:#x}"),
        }
    }
}

/// Numbers on every CPU that the filter tells apart.
fn numbers() -> impl Iterator<Item = (u32, u32)> {
    let known =
        CPUS.iter().flat_map(|(_, cpu, base)| (0..600).map(move |number| (*cpu, base + number)));
    let edges = [
        0x3fff_ffff,
        0x4000_0000,
        0x7fff_ffff,
        0x8000_0000,
        0xf_0000,
        0xf_0002,
        0xf_0005,
        u32::MAX,
    ];
    let others = [CPUS[0].1, CPUS[CPUS.len() - 1].1, 0xc000_00b8, 0]
        .into_iter()
        .flat_map(move |cpu| edges.into_iter().map(move |number| (cpu, number)));
    known.chain(others)
}

/// Values that tell conditions on these apart: each, its neighbours, and those with other halves.
fn around(values: &[u64]) -> Vec<u64> {
    let mut around = vec![0, 1, u64::MAX, 1 << 32];
    for value in values {
        around.extend([
            *value,
            value.wrapping_add(1),
            value.wrapping_sub(1),
            value ^ 1 << 32,
            value ^ 1 << 63,
            value & 0xffff_ffff,
            value | 0xffff_ffff_0000_0000,
            value.wrapping_add(1 << 32),
            value.wrapping_sub(1 << 32),
            !value,
        ]);
    }
    around.sort();
    around.dedup();
    around
}

/// All values that conditions are about.
fn values(rules: &Value) -> Vec<u64> {
    let mut values = Vec::new();
    for rule in rules["syscalls"].as_array().into_iter().flatten() {
        for arg in rule["args"].as_array().into_iter().flatten() {
            values.extend(arg["value"].as_u64());
            values.extend(arg["valueTwo"].as_u64());
        }
    }
    values.sort();
    values.dedup();
    values
}

/// What several programs say, each with one more rule than the first one: if a rule holds, what it says.
fn any_verdict(programs: &[Vec<u64>], cpu: u32, number: u32, args: &[u64; 6]) -> (u32, bool) {
    let mut answers = programs.iter().map(|program| verdict(program, cpu, number, args));
    let (first, mut looked) = answers.next().unwrap();
    let mut differing = first;
    for (answer, has_looked) in answers {
        looked |= has_looked;
        if answer != first {
            differing = answer;
        }
    }
    (differing, looked)
}

/// Both programs about every call, with every one of its arguments at every value, and some mixtures.
fn compare(rules: &Value, ours: &[u64], theirs: &[Vec<u64>], random: &[u64]) {
    let around = around(&values(rules));
    let mut asked = 0;
    for (cpu, number) in numbers() {
        let mut same = |args: [u64; 6]| {
            asked += 1;
            let (ours, we_looked) = verdict(ours, cpu, number, &args);
            let (theirs, they_looked) = any_verdict(theirs, cpu, number, &args);
            assert!(
                ours == theirs,
                "call {number:#x} of {cpu:#x} with {args:x?}: {ours:#x}, and libseccomp says {theirs:#x}: {rules}"
            );
            we_looked || they_looked
        };
        if !same([0; 6]) {
            // Neither has looked at an argument, so neither answers otherwise for others.
            continue;
        }
        for value in &around {
            same([*value; 6]);
            for index in 0..6 {
                let mut args = [0; 6];
                args[index] = *value;
                same(args);
            }
        }
        for chosen in random.chunks_exact(6) {
            let mut args = [0; 6];
            for (arg, choice) in args.iter_mut().zip(chosen) {
                *arg = around[*choice as usize % around.len()];
            }
            same(args);
        }
        // The calls of socketcall and ipc.
        for call in 0..26 {
            same([call, around[around.len() / 2], 0, 3, 0, 0]);
        }
    }
    assert!(asked > 1000);
}

fn runner() -> TestRunner {
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn profiles(_: &World) {
    let mut libseccomp = Libseccomp::start();
    let mut seen = 0;
    for file in std::fs::read_dir(directory()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let whole: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let mut rules = whole["linux"]["seccomp"].clone();
        if rules.is_null() {
            continue;
        }
        seen += 1;
        rules["architectures"] = architectures((1 << CPUS.len()) - 1);
        let all = ours(&rules);
        let theirs = libseccomp.program(&rules).unwrap();
        let shorter = all.len() < theirs.len();
        assert!(
            shorter,
            "{}: {} instructions, and libseccomp's {}",
            path.display(),
            all.len(),
            theirs.len()
        );
        compare(&rules, &all, &[theirs], &[]);
        rules["architectures"] = json!([]);
        compare(&rules, &ours(&rules), &[libseccomp.program(&rules).unwrap()], &[]);
    }
    assert!(seen >= 4, "{seen} profiles");
}

/// Some of the CPUs, by bit.
fn architectures(chosen: u8) -> Value {
    let named = CPUS.iter().enumerate().filter(|(bit, _)| chosen >> bit & 1 != 0);
    named.map(|(_, (name, ..))| json!(format!("SCMP_ARCH_{name}"))).collect()
}

/// Every name of this CPU and of others, each with an answer of its own.
fn names(_: &World) {
    let mut libseccomp = Libseccomp::start();
    let known = libseccomp.names();
    assert!(known.len() > 400, "{known:?}");
    let both: Vec<Value> = known
        .iter()
        .enumerate()
        .map(|(index, name)| json!({"names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": index + 2}))
        .collect();
    for chosen in 0..1 << CPUS.len() {
        let rules = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "architectures": architectures(chosen),
            "syscalls": both,
        });
        compare(&rules, &ours(&rules), &[libseccomp.program(&rules).unwrap()], &[]);
    }
}

/// This CPU's names, and those that only others have.
fn every_name() -> Vec<&'static str> {
    const OTHERS: &str = "socketcall ipc send recv accept semop semtimedop shmat msgsnd stat64 fstatat64 _llseek mmap2 \
        chown32 getuid32 setfsuid32 truncate64 ftruncate64 fcntl64 ugetrlimit waitpid umount stime time clock_gettime64 \
        futex_time64 ppoll_time64 semtimedop_time64 sigreturn sigprocmask oldstat nice signal arm_fadvise64_64 \
        breakpoint cacheflush set_tls usr26 s390_pci_mmio_read riscv_flush_icache no_such_call";
    let mut names: Vec<&str> = OTHERS.split_whitespace().collect();
    names.extend((0..1024).filter_map(syscalls::Sysno::new).map(|call| call.name()));
    names.sort();
    names.dedup();
    names
}

/// libseccomp puts the rules for one call together wrongly where they compare the same argument with values whose high
/// halves differ (`a <= 0xf144db96` or `a <= 1 << 43` does not hold for 0xf144db97): it is asked about each rule with
/// conditions by itself, beside all without.
fn any_rules(_: &World) {
    let mut libseccomp = Libseccomp::start();
    let names = libseccomp.names();
    let cases =
        std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(10);
    let mut runner = runner();
    for _ in 0..cases {
        let rules = rules(&names).new_tree(&mut runner).unwrap().current();
        let random: Vec<u64> =
            prop::collection::vec(any::<u64>(), 6 * 20).new_tree(&mut runner).unwrap().current();
        let theirs: Vec<Vec<u64>> =
            apart(&rules).iter().map(|rules| libseccomp.program(rules).unwrap()).collect();
        compare(&rules, &ours(&rules), &theirs, &random);
    }
}

/// The rules without conditions, and these with one condition's rule each.
fn apart(rules: &Value) -> Vec<Value> {
    let (plain, conditional): (Vec<Value>, Vec<Value>) = rules["syscalls"]
        .as_array()
        .unwrap()
        .iter()
        .cloned()
        .partition(|rule| rule["args"].as_array().unwrap().is_empty());
    let with = |more: Option<Value>| {
        let mut some = rules.clone();
        some["syscalls"] = plain.iter().cloned().chain(more).collect();
        some
    };
    let mut all = vec![with(None)];
    for rule in conditional {
        let args = rule["args"].as_array().unwrap();
        let indices: std::collections::BTreeSet<u64> =
            args.iter().map(|arg| arg["index"].as_u64().unwrap()).collect();
        if indices.len() == args.len() {
            all.push(with(Some(rule)));
            continue;
        }
        // runc and crun make a rule of each.
        for arg in args {
            let mut single = rule.clone();
            single["args"] = json!([arg]);
            all.push(with(Some(single)));
        }
    }
    all
}

/// Any rules; those of one call with conditions have the same action.
fn rules(names: &[&'static str]) -> impl Strategy<Value = Value> {
    const ACTIONS: [&str; 9] =
        ["KILL", "KILL_THREAD", "KILL_PROCESS", "TRAP", "ERRNO", "TRACE", "LOG", "ALLOW", "NOTIFY"];
    const OPERATORS: [&str; 7] = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];
    let value = prop_oneof![
        0..8u64,
        any::<u32>().prop_map(u64::from),
        any::<u64>(),
        (0..64u32).prop_map(|bit| 1 << bit),
        any::<u32>().prop_map(|high| u64::from(high) << 32),
    ];
    let arg = (0..6u32, prop::sample::select(&OPERATORS[..]), value.clone(), value).prop_map(
        |(index, op, value, two)| {
            json!({"index": index, "op": format!("SCMP_CMP_{op}"), "value": value, "valueTwo": two})
        },
    );
    let args = prop_oneof![
        2 => Just(Vec::new()),
        3 => prop::collection::vec(arg, 1..4),
    ];
    let action = (prop::sample::select(&ACTIONS[..]), prop::option::of(2..4096u32));
    let names = prop::collection::vec(prop::sample::select(names.to_vec()), 1..6);
    let rule = (names, args);
    let groups = prop::collection::vec((action.clone(), prop::collection::vec(rule, 1..8)), 1..6);
    (action, groups, 0..1u8 << CPUS.len()).prop_map(|(default, groups, chosen)| {
        let named = |(name, errno): (&str, Option<u32>), key: &str, errno_key: &str| {
            let mut object = json!({ key: format!("SCMP_ACT_{name}") });
            if matches!(name, "ERRNO" | "TRACE") && errno.is_some() {
                object[errno_key] = json!(errno);
            }
            object
        };
        let mut whole = named(default, "defaultAction", "defaultErrnoRet");
        let mut taken: Vec<&str> = Vec::new();
        let mut syscalls = Vec::new();
        for (action, rules) in groups {
            let mut mine: Vec<&str> = Vec::new();
            for (names, args) in rules {
                let names: Vec<&str> = names
                    .into_iter()
                    .filter(|name| !taken.iter().any(|other| same_call(name, other)))
                    .collect();
                mine.extend(&names);
                let mut rule = named(action, "action", "errnoRet");
                rule["names"] = json!(names);
                rule["args"] = json!(args);
                syscalls.push(rule);
            }
            taken.extend(mine);
        }
        whole["syscalls"] = json!(syscalls);
        whole["architectures"] = architectures(chosen);
        whole
    })
}

/// Whether two names may end up as one call: all of socketcall's and ipc's may.
fn same_call(one: &str, other: &str) -> bool {
    const TOGETHER: &str = "socketcall socket bind connect listen accept getsockname getpeername socketpair send recv \
        sendto recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg ipc semop semget \
        semctl semtimedop msgsnd msgrcv msgget msgctl shmat shmdt shmget shmctl";
    let together = |name: &str| TOGETHER.split_whitespace().any(|known| known == name);
    one == other || together(one) && together(other)
}
