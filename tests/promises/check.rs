//! `mini check` tells what a run would.

use crate::world::{Outcome, World};
use crate::{Need, Promise};

pub const PROMISES: &[Promise] = &[
    Promise { name: "check_agrees_with_the_runs", needs: &[], check: agrees },
    Promise { name: "check_knows_a_container", needs: &[], check: inside },
    Promise { name: "check_leaves_nothing_and_reads_nothing", needs: &[], check: harmless },
    Promise { name: "check_prints_json", needs: &[], check: json },
    Promise {
        name: "check_finds_everything_here",
        needs: &[Need::Root, Need::Limits, Need::LaterCalls],
        check: everything,
    },
    Promise { name: "check_refuses_other_arguments", needs: &[], check: words },
];

fn check(world: &World, options: &[&str]) -> Outcome {
    Outcome::of(world.command(&world.mini(), &["check"]).args(options))
}

/// (state, options of the run that was tried, reason)
fn rows(text: &str) -> Vec<(String, Vec<String>, String)> {
    let mut rows: Vec<(String, Vec<String>, String)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("         ") {
            Some(reason) => {
                let told = &mut rows.last_mut().unwrap().2;
                *told = format!("{told} {reason}").trim().to_owned();
            }
            // The sum.
            None if line.starts_with(|c: char| c.is_ascii_digit()) => {}
            None => {
                let (state, rest) = line.split_once(' ').unwrap();
                // One row is about what the runs are made of.
                let words = rest.split_once("mini run").map_or("CALLS", |(_, words)| words);
                let words = words.split_whitespace().map(String::from).collect();
                rows.push((state.to_owned(), words, String::new()));
            }
        }
    }
    rows
}

/// What names the process differs from run to run.
fn without_numbers(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn agrees(world: &World) {
    let outcome = check(world, &[]);
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""), "{outcome:?}");
    let rows = rows(&outcome.stdout);
    assert!(rows.len() > 20);
    // It fits a terminal, and ends with a sum.
    for line in outcome.stdout.lines() {
        let is_word = line.trim_start().split(' ').count() == 1;
        assert!(line.len() <= 80 || is_word, "{line}");
    }
    let count = |state: &str| rows.iter().filter(|row| row.0 == state).count();
    let sum =
        format!("{} ok, {} limited, {} missing", count("ok"), count("limited"), count("missing"));
    assert_eq!(outcome.stdout.lines().last().unwrap(), sum);
    for (state, words, reason) in rows {
        // Those that stand for a path of the user's.
        if words.iter().any(|word| word.chars().all(|c| c.is_ascii_uppercase() || c == ':')) {
            continue;
        }
        let words: Vec<&str> = words.iter().map(String::as_str).chain(["--", "true"]).collect();
        let run = Outcome::of(world.run_command(&words).stdin(std::process::Stdio::null()));
        assert_eq!(run.status, if state == "missing" { 125 } else { 0 }, "{words:?}: {run:?}");
        assert!(
            state != "missing"
                || reason == "for the same reason"
                || without_numbers(&run.stderr).contains(&without_numbers(&reason)),
            "{reason}: {run:?}"
        );
    }
}

fn inside(world: &World) {
    let mini = world.mini();
    let mini = mini.to_str().unwrap();
    let outcome = world.run(&[mini, "check"]);
    assert_eq!(outcome.status, 1, "{outcome:?}");
    assert!(outcome.stdout.starts_with("missing  plain run"), "{outcome:?}");
    assert!(outcome.stdout.contains("with --privileged"), "{outcome:?}");
    assert_eq!(world.run(&["--privileged", "--", mini, "check"]).status, 0);
}

fn harmless(world: &World) {
    let before = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let script = format!("echo word | {{ {} check >/dev/null; cat; }}", world.mini().display());
    let outcome = Outcome::of(&mut world.command("/bin/sh".as_ref(), &["-c", &script]));
    assert_eq!(outcome.ok(), "word\n");
    assert_eq!(std::fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
}

fn json(world: &World) {
    let text = check(world, &["--json"]).stdout;
    assert!(text.starts_with("{\"plain run\":{\"state\":\"ok\"},"), "{text}");
    assert!(text.ends_with("}}\n"), "{text}");
    assert_eq!(text.matches("\"state\":").count(), rows(&check(world, &[]).stdout).len());
}

fn everything(world: &World) {
    let outcome = check(world, &[]);
    let missing = rows(&outcome.stdout).into_iter().filter(|(state, ..)| state != "ok");
    // Images want loop devices, which not every machine has; path rules a recent kernel.
    let missing: Vec<_> = missing
        .filter(|(_, words, _)| !words.iter().any(|word| word == "FILE" || word == "--ro-path"))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn words(world: &World) {
    let outcome = check(world, &["--yaml"]);
    outcome.refused(125, "option --yaml: unknown (usage: mini check [--json])");
}
