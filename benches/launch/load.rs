//! F: as many containers a second as the machine gives, with more and more of them in flight.

use crate::candidates;
use crate::measure::Candidate;
use crate::stage::Stage;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const RUNS: usize = 10_000;

pub fn measure(stage: &Stage) {
    let dev = [&["--unshare-net"][..], &candidates::DEV].concat();
    let candidates = [
        (candidates::floor(stage, "floor", "dnlms"), RUNS / 4),
        (candidates::mini(stage, "mini", None, &[]), RUNS),
        (candidates::mini(stage, "mini --network host", None, &["--network", "host"]), RUNS / 4),
        (candidates::bwrap(stage, "bwrap --dev", None, &dev), RUNS / 4),
    ];
    println!("\n### F: containers a second, so many in flight\n");
    println!("| | 1 | 2 | 8 | 64 | failures |\n|---|---|---|---|---|---|");
    for (candidate, runs) in candidates {
        let Some(candidate) = candidate else { continue };
        print!("| {} |", candidate.name);
        let mut failures = 0;
        for in_flight in [1, 2, 8, 64] {
            let (rate, failed) = rate(&candidate, in_flight, runs / 4);
            print!(" {rate:.0} |");
            failures += failed;
        }
        println!(" {failures} of {runs} |");
    }
}

fn rate(candidate: &Candidate, in_flight: usize, runs: usize) -> (f64, usize) {
    let (left, failed) = (AtomicUsize::new(runs), AtomicUsize::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..in_flight {
            scope.spawn(|| {
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                    .is_ok()
                {
                    if !candidate.command().status().is_ok_and(|status| status.success()) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    (runs as f64 / start.elapsed().as_secs_f64(), failed.into_inner())
}
