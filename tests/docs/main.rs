//! The documentation, tried: every console block of README.md, docs/ and examples/ is run, as root and as an
//! ordinary user, every link is followed, and what is generated from the option table is compared.
//!
//! A block is introduced by three backticks and `console`, and what follows there is not shown to readers:
//! `needs=WORD,...` names what a machine must have (see [`stage::Stage::missing`]), `by=NAME` what else runs it.
//! A block with `file=NAME` is saved under that name, as the text around it tells the reader to do.
//!
//! MINI_TEST_UPDATE=1 puts what was printed into the pages, and generated files into their place: look at the
//! difference before you commit it.

mod generated;
#[path = "../ignored.rs"]
mod ignored;
mod links;
mod markdown;
mod recording;
mod services;
mod shell;
mod shells;
mod stage;

use libtest_mimic::{Arguments, Trial};
use shell::Reading;
use stage::Stage;
use std::sync::Arc;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(2);
    let stage = Stage::new();
    let mut trials = vec![
        Trial::test("the_harness_tells_outputs_apart", || {
            markdown::check_matching();
            Ok(())
        }),
        test("links_lead_somewhere", &stage, |stage| links::lead_somewhere(&stage.top)),
        test("links_reach_every_page", &stage, |stage| links::reach_every_page(&stage.top)),
        test("the_matrix_is_summed_up", &stage, |stage| links::matrix_is_summed_up(&stage.top)),
        test("others_run_what_is_left_to_them", &stage, |stage| {
            links::others_run_what_is_left_to_them(&stage.top)
        }),
        test("commands_are_in_console_blocks", &stage, |stage| {
            links::commands_are_in_console_blocks(&stage.top)
        }),
        test("generated_files_are_what_the_tables_say", &stage, |stage| {
            generated::are_up_to_date(&stage.top)
        }),
        needing(&["mandoc", "groff"], "man_pages_are_clean", &stage, shells::man_pages_are_clean),
        needing(&["zsh", "fish"], "completions_are_read", &stage, shells::completions_are_read),
        test("bash_completes", &stage, shells::bash_completes),
        needing(&["zsh"], "zsh_completes", &stage, shells::zsh_completes),
        needing(&["fish"], "fish_completes", &stage, shells::fish_completes),
        in_debian(&[], "the_recording_shows_what_is_printed", &stage, recording::is_up_to_date),
        in_debian(&[], "the_package_is_installed_and_removed", &stage, services::deb),
        in_debian(&[services::SYSTEMD], "systemd_runs_the_example", &stage, services::systemd),
        in_debian(&[services::OPENRC], "openrc_runs_the_example", &stage, services::openrc),
        in_debian(&[services::S6], "s6_runs_the_example", &stage, services::s6),
    ];
    for page in markdown::pages(&stage.top).into_iter().map(Arc::new) {
        for who in stage.readers() {
            let reading = Reading::new(&page, *who, &stage);
            for (index, block) in page.blocks.iter().enumerate() {
                if block.language != "console" || !stage.is_for(*who, &block.needs) {
                    continue;
                }
                let name = format!("{who}: {}:{}", page.name, block.line);
                let reading = reading.clone();
                let trial = Trial::test(name, move || Ok(reading.result(index)?));
                trials.push(match (&block.by, stage.missing(*who, &block.needs)) {
                    (Some(other), _) => {
                        trial.with_kind(format!("run by {other}")).with_ignored_flag(true)
                    }
                    (None, Some(reason)) => trial.with_kind(reason).with_ignored_flag(true),
                    (None, None) => trial,
                });
            }
        }
    }
    let conclusion = ignored::run(&arguments, trials);
    stage.close();
    conclusion.exit();
}

fn test(name: &str, stage: &Arc<Stage>, check: fn(&Stage) -> Result<(), String>) -> Trial {
    let stage = stage.clone();
    Trial::test(name, move || Ok(check(&stage)?))
}

/// A test that needs these programs.
fn needing(
    programs: &[&str],
    name: &str,
    stage: &Arc<Stage>,
    check: fn(&Stage) -> Result<(), String>,
) -> Trial {
    let trial = test(name, stage, check);
    match programs.iter().find(|program| stage::on_path(program).is_none()) {
        Some(program) => trial.with_kind(format!("needs {program}")).with_ignored_flag(true),
        None => trial,
    }
}

/// A test in a Debian root that has these files.
fn in_debian(
    files: &[&str],
    name: &str,
    stage: &Arc<Stage>,
    check: fn(&Stage) -> Result<(), String>,
) -> Trial {
    let trial = test(name, stage, check);
    match services::missing(files) {
        Some(reason) => trial.with_kind(reason).with_ignored_flag(true),
        None => trial,
    }
}
