//! Bad input: one clear line, status 125, nothing left.

use crate::world::{Outcome, World};
use crate::{Need, Promise};
use std::fs;

pub const PROMISES: &[Promise] = &[
    Promise { name: "bad_arguments_are_refused", needs: &[], check: words },
    Promise { name: "bad_roots_are_refused", needs: &[], check: roots },
    Promise { name: "bad_names_and_users_are_refused", needs: &[], check: names },
    Promise { name: "bad_environment_files_are_refused", needs: &[], check: env_files },
    Promise {
        name: "options_after_the_command_are_its_own",
        needs: &[Need::Busybox],
        check: after,
    },
    Promise { name: "help_and_version_answer_on_standard_output", needs: &[], check: help },
    Promise { name: "answers_that_cannot_be_written_are_errors", needs: &[], check: unwritten },
];

/// Runs each, and sees that nothing is left: no mount, no process, no file.
fn refused(world: &World, cases: &[(&[&str], &str)]) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let directory = world.directory();
    for (words, line) in cases {
        let mut command = world.run_command(words);
        command.current_dir(&directory);
        Outcome::of(&mut command).refused(125, line);
    }
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), mounts);
    assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
}

fn words(world: &World) {
    refused(
        world,
        &[
            (&["--rotfs", "/", "sh"], "option --rotfs: unknown (did you mean --rootfs?)"),
            (&["--rootfs"], "option --rootfs: needs a value (DIR[:DIR...][:O])"),
            (&["-e"], "option -e: needs a value"),
            (&[], "no command given"),
            (&["--"], "no command given"),
            (&["--", ""], "no command given"),
            (&["-e", "=x", "sh"], "has no name before ="),
            (&["--network", "bridge", "sh"], "none or host"),
            (&["--uts", "host", "-h", "x", "sh"], "would rename the host"),
        ],
    );
}

fn roots(world: &World) {
    let missing = world.directory().join("missing");
    let missing = missing.to_str().unwrap();
    refused(
        world,
        &[
            (&["--rootfs", missing, "sh"], "missing: No such file or directory"),
            (&["--rootfs", "/etc/passwd", "sh"], "rootfs /etc/passwd: Not a directory"),
            (&["--rootfs", "/", "sh"], "this is the host's root (leave --rootfs out"),
            (&["--rootfs", "/proc/self/root", "sh"], "this is the host's root (leave --rootfs out"),
            (&["--rootfs", "", "sh"], "must not be empty"),
        ],
    );
}

fn names(world: &World) {
    let long = "x".repeat(65);
    refused(
        world,
        &[
            (&["-h", "", "sh"], "must have 1 to 64 characters"),
            (&["-h", &long, "sh"], "must have 1 to 64 characters"),
            (&["-h", "a/b", "sh"], "invalid name"),
            (&["-h", "-x", "sh"], "invalid name"),
            (&["-h", "a\nb", "sh"], "--hostname 'a\\nb': invalid name"),
            (&["--name", "a b", "sh"], "invalid name"),
            (&["-u", "no-such-user", "sh"], "no such user in the container's /etc/passwd"),
            (&["-u", ":5", "sh"], "empty part"),
            (&["-u", "99999999999", "sh"], "out of range"),
        ],
    );
}

fn env_files(world: &World) {
    let bad = world.file("bad", b"A=1\n=2\n");
    refused(
        world,
        &[
            (&["--env-file", "/no/such", "sh"], "read /no/such: No such file or directory"),
            (&["--env-file", "/etc", "sh"], "read /etc: Is a directory"),
            (&["--env-file", bad.to_str().unwrap(), "sh"], "no name before = in line 2"),
        ],
    );
    let secret = world.file("secret", b"A=1\n");
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o0)).unwrap();
    if !world.is_root() {
        refused(world, &[(&["--env-file", secret.to_str().unwrap(), "sh"], "Permission denied")]);
    }
}

fn after(world: &World) {
    let root = world.busybox();
    let root = root.to_str().unwrap();
    let seen = world.run(&["--rootfs", root, "echo", "--rootfs", "-x", "--"]).ok();
    assert_eq!(seen, "--rootfs -x --\n");
}

fn help(world: &World) {
    let mini = world.mini();
    let ask = |words: &[&str]| Outcome::of(&mut world.command(&mini, words));
    assert!(ask(&["--help"]).ok().contains("mini run [OPTIONS]"));
    assert!(ask(&["run", "--help"]).ok().contains("--rootfs DIR"));
    assert!(ask(&["help", "run"]).ok().contains("Exit status"));
    let version = concat!("mini version ", env!("CARGO_PKG_VERSION"), "\n");
    assert!(ask(&["--version"]).ok().starts_with(version));
    ask(&["rum"]).refused(125, "did you mean mini run?");
}

/// An answer that cannot be written is a failure.
fn unwritten(world: &World) {
    let mini = world.mini();
    for words in
        ["--help", "--version", "help", "help run", "run --help", "check --json", "kill --help"]
    {
        let ask = |script: &str| {
            let script = format!("{script}; exec \"$0\" {words}");
            world.command("/bin/sh".as_ref(), &["-c".as_ref(), script.as_ref(), mini.as_os_str()])
        };
        let failed = |mut command: std::process::Command, reason: &str| {
            let outcome = Outcome::of(&mut command);
            assert!([1, 125].contains(&outcome.status), "{words}: {outcome:?}");
            let status = outcome.status;
            outcome.refused(status, reason);
        };
        let closed_pipe = |mut command: std::process::Command| {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            command.stdout(writer);
            command
        };
        failed(ask("exec >/dev/full"), "No space left on device");
        failed(ask("exec >&-"), "Bad file");
        failed(closed_pipe(ask("trap '' PIPE")), "Broken pipe");
        // Where the signal is not ignored it ends mini, as it ends every program.
        assert_eq!(Outcome::of(&mut closed_pipe(ask(":"))).status, 128 + libc::SIGPIPE, "{words}");
    }
}
