//! G: how fast a terminal takes what a command writes.

use crate::measure::median;
use crate::stage::Stage;
use std::process::{Command, Stdio};
use std::time::Instant;

const MEGABYTES: usize = 100;
const ROUNDS: usize = 9;

pub fn measure(stage: &Stage) {
    let write = format!("head -c {MEGABYTES}M /dev/zero | tr '\\0' x");
    let candidates: [(&str, Vec<&str>); 2] = [
        ("script", vec!["script", "-qec", &write, "/dev/null"]),
        ("mini", vec![&stage.mini, "run", "-t", "--", "sh", "-c", &write]),
    ];
    let mut rates = vec![Vec::new(); candidates.len()];
    for _ in 0..ROUNDS {
        for ((_, words), rates) in candidates.iter().zip(&mut rates) {
            let start = Instant::now();
            let mut command = Command::new(words[0]);
            command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null());
            if command.status().is_ok_and(|status| status.success()) {
                rates.push(MEGABYTES as f64 / start.elapsed().as_secs_f64());
            }
        }
    }
    println!("\n### G: {MEGABYTES} MB through a pseudo terminal, MB a second\n");
    println!("| | median |\n|---|---|");
    for ((name, _), rates) in candidates.iter().zip(&rates).filter(|(_, rates)| !rates.is_empty()) {
        println!("| {name} | {:.0} |", median(rates).0);
    }
}
