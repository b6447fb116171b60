//! The plan is what happens.

use crate::world::World;
use crate::{Need, Promise};

pub const PROMISES: &[Promise] = &[
    Promise { name: "a_dry_run_prints_the_plan_and_does_nothing", needs: &[], check: dry_run },
    Promise { name: "a_trace_shows_every_step_of_the_plan", needs: &[Need::Busybox], check: trace },
    Promise { name: "a_trace_ends_at_the_step_that_failed", needs: &[], check: failed },
];

fn dry_run(world: &World) {
    let file = world.directory().join("made");
    let words = ["--dry-run", "--", "/bin/touch", file.to_str().unwrap()];
    let plan = world.run(&words).ok();
    assert!(plan.starts_with("clone new"), "{plan}");
    assert!(plan.ends_with("restore signals\nseccomp built-in\nexec /bin/touch\n"), "{plan}");
    assert!(!file.exists());
}

fn trace(world: &World) {
    let root = world.busybox();
    let root = root.to_str().unwrap();
    let plan = world.run(&["--dry-run", "--rootfs", root, "echo", "hi"]).ok();
    let traced = world.run(&["--trace", "--rootfs", root, "echo", "hi"]);
    assert_eq!((traced.status, traced.stdout.as_str()), (0, "hi\n"));
    let steps: Vec<&str> = traced
        .stderr
        .lines()
        .map(|line| {
            let line = line.strip_prefix("mini: trace: ").unwrap();
            let (step, result) = line.rsplit_once(": ").unwrap();
            assert!(
                result == "ok" || result.starts_with("ok, ") && result.ends_with(" us"),
                "{line}"
            );
            step
        })
        .collect();
    assert_eq!(steps, plan.lines().collect::<Vec<_>>());
}

fn failed(world: &World) {
    let outcome = world.run(&["--trace", "-w", "/nope", "true"]);
    assert_eq!(outcome.status, 125);
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    let [.., last, error] = lines[..] else { panic!("{outcome:?}") };
    assert!(last.starts_with("mini: trace: chdir /nope: No such file or directory, "), "{last}");
    assert_eq!(error, "mini: chdir /nope: No such file or directory");
}
