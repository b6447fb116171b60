//! Runs tests, and sums up in one line what cannot be tried here.

use libtest_mimic::{Arguments, Conclusion, Trial};
use std::collections::BTreeMap;

/// As [`libtest_mimic::run`], but tests that the machine cannot try are counted in one line at the end, with
/// their reasons and how to run them. `--list`, `--ignored` and `--include-ignored` show them one by one.
pub fn run(arguments: &Arguments, trials: Vec<Trial>) -> Conclusion {
    if arguments.list || arguments.ignored || arguments.include_ignored {
        return libtest_mimic::run(arguments, trials);
    }
    let (ignored, able): (Vec<_>, Vec<_>) =
        trials.into_iter().partition(|trial| trial.has_ignored_flag());
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for trial in &ignored {
        if wanted(arguments, trial) {
            *reasons.entry(trial.kind().to_string()).or_default() += 1;
        }
    }
    let conclusion = libtest_mimic::run(arguments, able);
    if !reasons.is_empty() {
        let sum: usize = reasons.values().sum();
        let parts: Vec<_> = reasons
            .iter()
            .map(|(reason, number)| {
                // "3 need root", where one needs it.
                let reason_of_many = reason
                    .strip_prefix("needs ")
                    .filter(|_| *number > 1)
                    .map(|what| format!("need {what}"));
                format!("{number} {}{}", reason_of_many.as_ref().unwrap_or(reason), way(reason))
            })
            .collect();
        println!("not tried here: {sum} tests: {} (names: -- --list)\n", parts.join("; "));
    }
    conclusion
}

/// How to run what needs this.
fn way(reason: &str) -> &'static str {
    match reason {
        "needs root" | "needs to be started by root" => " (sudo -E env PATH=\"$PATH\" cargo test)",
        "needs MINI_TEST_DEBIAN" => " (a Debian root: see CONTRIBUTING.md)",
        "needs MINI_TEST_KERNELS" => " (.ci/kernels DIRECTORY: see CONTRIBUTING.md)",
        _ => "",
    }
}

/// Whether the filters on the command line let a test through.
fn wanted(arguments: &Arguments, trial: &Trial) -> bool {
    let fits = |filter: &String| match arguments.exact {
        true => trial.name() == filter,
        false => trial.name().contains(filter.as_str()),
    };
    arguments.filter.as_ref().is_none_or(fits) && !arguments.skip.iter().any(fits)
}
