//! H: how the cost of a launch grows with what there is on the host, and with what is asked for.

use crate::candidates;
use crate::measure::{Candidate, median, rounds};
use crate::stage::{COMMAND, Stage, run};
use std::process::{Child, Command, Stdio};

const ROUNDS: usize = 60;

pub fn measure(stage: &Stage) {
    println!("\n### H: microseconds of a launch (median), as something grows\n");
    host_mounts(stage);
    host_processes(stage);
    files(stage);
    asked(stage, "volumes", &[0, 10, 50, 200], |n, options, _| {
        for at in 0..n {
            options.extend(["-v".to_owned(), format!("/tmp:/tmp/{at}")]);
        }
    });
    asked(stage, "words of the command", &[1, 100, 1000, 10_000], |n, _, arguments| {
        arguments.extend(vec!["word".to_owned(); n]);
    });
    asked(stage, "bytes of environment", &[1, 1000, 10_000, 100_000], |n, options, _| {
        options.extend(["-e".to_owned(), format!("X={}", "x".repeat(n))]);
    });
}

fn mini(stage: &Stage, options: &[String], arguments: &[String]) -> Candidate {
    let start = [&stage.mini, "run", "--network", "host", "--rootfs", &stage.root];
    let mut words: Vec<String> = start.iter().map(|word| (*word).to_owned()).collect();
    words.extend_from_slice(options);
    words.push(COMMAND.to_owned());
    words.extend_from_slice(arguments);
    Candidate { name: "mini".to_owned(), words, uid: None }
}

fn head(what: &str, others: &[&str]) {
    println!("| {what} | mini | {} |", others.join(" | "));
    println!("|---|---|{}", "---|".repeat(others.len()));
}

fn row(at: usize, candidates: &[Candidate]) {
    print!("| {at} |");
    for result in rounds(candidates, ROUNDS) {
        let times: Vec<u128> = result.iter().flatten().map(|(time, _)| time.as_micros()).collect();
        print!(" {} |", median(&times).0);
    }
    println!();
}

/// mini, and those who launch the same.
fn all(stage: &Stage) -> Vec<Candidate> {
    let mini = Some(mini(stage, &[], &[]));
    let floor = candidates::floor(stage, "floor", "dms");
    let bwrap = candidates::bwrap(stage, "bwrap --dev", None, &candidates::DEV);
    [mini, floor, bwrap].into_iter().flatten().collect()
}

fn names(candidates: &[Candidate]) -> Vec<&str> {
    candidates[1..].iter().map(|candidate| candidate.name.as_str()).collect()
}

fn host_mounts(stage: &Stage) {
    let candidates = all(stage);
    head("mounts on the host", &names(&candidates));
    let place = stage.directory.join("mounts");
    std::fs::create_dir(&place).unwrap();
    let mut made = 0;
    for count in [0, 100, 500, 1000] {
        while made < count {
            let at = place.join(made.to_string());
            std::fs::create_dir(&at).unwrap();
            let at = at.to_str().unwrap();
            run("mount", &["--bind", at, at]).unwrap();
            made += 1;
        }
        row(count, &candidates);
    }
    for at in 0..made {
        run("umount", &[place.join(at.to_string()).to_str().unwrap()]).unwrap();
    }
    println!();
}

fn host_processes(stage: &Stage) {
    let candidates = all(stage);
    head("processes on the host", &names(&candidates));
    let mut sleepers: Vec<Child> = Vec::new();
    for count in [0, 1000, 5000] {
        while sleepers.len() < count {
            let mut command = Command::new("sleep");
            match command.arg("1000").stdin(Stdio::null()).spawn() {
                Ok(child) => sleepers.push(child),
                Err(error) => {
                    println!("no more than {} processes: {error}", sleepers.len());
                    break;
                }
            }
        }
        row(sleepers.len(), &candidates);
    }
    for sleeper in &mut sleepers {
        let _ = sleeper.kill();
    }
    for mut sleeper in sleepers {
        let _ = sleeper.wait();
    }
    println!();
}

fn files(stage: &Stage) {
    let candidates = all(stage);
    head("files in the root", &names(&candidates));
    let place = std::path::Path::new(&stage.root).join("tmp/files");
    std::fs::create_dir(&place).unwrap();
    let mut made = 0;
    for count in [0, 1000, 20_000] {
        while made < count {
            std::fs::write(place.join(made.to_string()), "x").unwrap();
            made += 1;
        }
        row(count, &candidates);
    }
    std::fs::remove_dir_all(&place).unwrap();
    println!();
}

/// Each count as what the closure makes of it: options, and arguments of the command.
fn asked(
    stage: &Stage,
    what: &str,
    counts: &[usize],
    ask: impl Fn(usize, &mut Vec<String>, &mut Vec<String>),
) {
    head(what, &[]);
    for count in counts {
        let (mut options, mut arguments) = (Vec::new(), Vec::new());
        ask(*count, &mut options, &mut arguments);
        row(*count, &[mini(stage, &options, &arguments)]);
    }
    println!();
}
