//! What mini costs, side by side with the floor and with whatever else on this machine does the same.
//!
//! `cargo bench --bench launch` measures everything; `-- A B ...` these scenarios only. All candidates of a
//! scenario run in turn, round by round, so that a machine whose speed drifts drifts for all of them;
//! ratios are taken pair by pair in the same round. Needs root on x86_64, and `cc`.
//!
//! A to E are launches of a program that does nothing (`candidates.rs`); F many at a time (`load.rs`);
//! G a terminal's throughput (`terminal.rs`); H how the cost grows with what there is (`growth.rs`).

mod candidates;
mod growth;
mod load;
mod measure;
mod stage;
mod terminal;

use stage::Stage;

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    if !rustix::process::geteuid().is_root() || !cfg!(target_arch = "x86_64") {
        println!("launch: not measured, this benchmark needs root on x86_64");
        return;
    }
    let stage = match Stage::new() {
        Ok(stage) => stage,
        Err(reason) => {
            println!("launch: not measured: {reason}");
            return;
        }
    };
    println!("{}", stage.description());
    for scenario in candidates::SCENARIOS {
        if is_wanted(scenario.name) {
            measure::compare(scenario.title, (scenario.candidates)(&stage));
        }
    }
    if is_wanted("start") {
        measure::compare("start-up alone", candidates::start_up(&stage));
    }
    if is_wanted("F") {
        load::measure(&stage);
    }
    if is_wanted("G") {
        terminal::measure(&stage);
    }
    if is_wanted("H") {
        growth::measure(&stage);
    }
}
