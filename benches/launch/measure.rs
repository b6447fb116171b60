//! Rounds, medians and ratios.

use crate::stage::find;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 300;
/// The first rounds warm the caches.
const WARM_UP: usize = 10;
/// Nobody who takes this long is measured as often as the others.
const SLOW: Duration = Duration::from_millis(50);

pub struct Candidate {
    pub name: String,
    pub words: Vec<String>,
    /// Started as this user, or as root.
    pub uid: Option<u32>,
}

impl Candidate {
    /// None where the program is not on this machine, or does not do the work.
    pub fn new(name: &str, words: &[&str]) -> Option<Candidate> {
        Candidate::of_user(name, None, words)
    }

    pub fn of_user(name: &str, uid: Option<u32>, words: &[&str]) -> Option<Candidate> {
        find(words[0])?;
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let candidate = Candidate { name: name.to_owned(), words, uid };
        let output = candidate.command().output().ok()?;
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            println!("left out: {name}: {}", complaint.lines().next().unwrap_or("it fails"));
            return None;
        }
        Some(candidate)
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).stdin(Stdio::null());
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid).current_dir("/");
        }
        command
    }

    /// One run: how long it took, and how many pages were touched for the first time until it ended.
    fn run(&self) -> (Duration, i64) {
        let mut command = self.command();
        command.stdout(Stdio::null());
        let start = Instant::now();
        #[expect(clippy::zombie_processes, reason = "it is waited for by wait4")]
        let child = command.spawn().unwrap();
        let mut status = 0;
        // SAFETY: a plain structure of numbers, which the kernel fills.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: waits for the child that was just started, into two places of its own.
        let pid = unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
        let time = start.elapsed();
        assert!(pid > 0 && status == 0, "{}: status {status:#x}", self.name);
        (time, usage.ru_minflt)
    }
}

/// The middle, and the value that one in ten exceeds.
pub fn median<T: Copy + PartialOrd>(values: &[T]) -> (T, T) {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
    (sorted[sorted.len() / 2], sorted[sorted.len() * 9 / 10])
}

/// Runs all in turn and prints a table; ratios are to the first and, where there is one, to `mini`.
pub fn compare(title: &str, candidates: Vec<Option<Candidate>>) {
    let candidates: Vec<Candidate> = candidates.into_iter().flatten().collect();
    if candidates.is_empty() {
        return;
    }
    let results = rounds(&candidates, ROUNDS);
    let mini = candidates.iter().position(|candidate| candidate.name == "mini").unwrap_or(0);
    println!("\n### {title}\n");
    let first = if mini == 0 { "-" } else { &candidates[0].name };
    println!("| | median us | p90 us | to {first} | to mini | page faults |");
    println!("|---|---|---|---|---|---|");
    for (candidate, result) in candidates.iter().zip(&results) {
        let ratio = |to: usize| {
            let pairs = result
                .iter()
                .zip(&results[to])
                .filter_map(|(a, b)| Some((a.as_ref()?, b.as_ref()?)));
            let ratios: Vec<f64> =
                pairs.map(|(a, b)| a.0.as_secs_f64() / b.0.as_secs_f64()).collect();
            median(&ratios).0
        };
        let times: Vec<u128> = result.iter().flatten().map(|(time, _)| time.as_micros()).collect();
        let faults: Vec<i64> = result.iter().flatten().map(|(_, faults)| *faults).collect();
        println!(
            "| {} | {} | {} | {:.2} | {:.2} | {} |",
            candidate.name,
            median(&times).0,
            median(&times).1,
            ratio(0),
            ratio(mini),
            median(&faults).0,
        );
    }
}

type Rounds = Vec<Option<(Duration, i64)>>;

pub fn rounds(candidates: &[Candidate], rounds: usize) -> Vec<Rounds> {
    let mut results: Vec<Rounds> = candidates.iter().map(|_| Vec::new()).collect();
    let mut slow = vec![false; candidates.len()];
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    let mut chance = 1u64;
    for round in 0..rounds + WARM_UP {
        // Whoever comes after a large program finds the caches full of it: nobody always does.
        for at in (1..order.len()).rev() {
            chance = chance.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            order.swap(at, (chance >> 33) as usize % (at + 1));
        }
        for at in order.iter().copied() {
            let candidate = &candidates[at];
            // One round in ten tells as much, and does not take ten minutes.
            let run = (!slow[at] || round % 10 == 0).then(|| candidate.run());
            if let Some((time, _)) = run
                && round == 1
            {
                slow[at] = time > SLOW;
            }
            if round >= WARM_UP {
                results[at].push(run);
            }
        }
    }
    results
}
