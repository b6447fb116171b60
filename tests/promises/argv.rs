//! The command's words arrive as they were given.

use crate::Promise;
use crate::probe::digest;
use crate::world::{Outcome, World};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;

pub const PROMISES: &[Promise] = &[
    Promise { name: "arguments_arrive_byte_for_byte", needs: &[], check: words_arrive },
    Promise { name: "an_argument_too_long_is_named", needs: &[], check: too_long },
    Promise { name: "the_size_of_too_many_arguments_is_reported", needs: &[], check: too_many },
    Promise { name: "the_environment_arrives_byte_for_byte", needs: &[], check: environment },
];

fn words_arrive(world: &World) {
    let lists: [Vec<OsString>; 6] = [
        vec!["".into(), "".into()],
        vec!["a b".into(), "new\nline".into(), "--".into(), "-x".into(), "".into()],
        vec![OsString::from_vec(vec![0xff, 0xfe, b'=', 1])],
        vec!["x".repeat(127 * 1024).into()],
        (0..10_000).map(|n| format!("word {n}").into()).collect(),
        (0..12).map(|_| "y".repeat(100_000).into()).collect(),
    ];
    for list in lists {
        let probe = world.probe();
        let mut words: Vec<&OsStr> =
            vec!["--".as_ref(), probe.as_os_str(), "__probe".as_ref(), "argv".as_ref()];
        words.extend(list.iter().map(|word| word.as_os_str()));
        assert_eq!(world.run(&words).ok().trim(), digest(&list));
    }
}

/// No caller can hand mini a longer word than it could hand on; a file can.
fn too_long(world: &World) {
    let file = world.file("env", format!("SHORT=1\nLONG={}\n", "z".repeat(128 * 1024)).as_bytes());
    let words = ["-e", "A=1", "--env-file", file.to_str().unwrap(), "--", "/bin/true"];
    let mut command = world.run_command(&words);
    Outcome::of(command.env_clear()).refused(125, "variable 2 LONG=zzzz");
}

/// The limit is a quarter of the stack's, 8 MiB here.
fn too_many(world: &World) {
    let variables: Vec<String> = (0..9).map(|n| format!("V{n}={}", "v".repeat(100_000))).collect();
    let file = world.file("env", variables.join("\n").as_bytes());
    let script = "ulimit -s 8192; exec \"$@\"";
    let mut command = world.command("/bin/sh".as_ref(), &["-c", script, "sh"]);
    command.arg(world.mini()).args(["run", "--env-file"]).arg(file).args(["--", "/bin/true"]);
    command.args((0..15).map(|_| "a".repeat(100_000)));
    Outcome::of(&mut command).refused(125, "bytes of arguments and");
}

fn environment(world: &World) {
    let value = OsString::from_vec(b"V=\xff\n=x".to_vec());
    let mut command = world.run_command(&["-e", "B=", "-e"]);
    command.arg(&value).args(["--", "/usr/bin/env", "-0"]).env_clear().env("A", "1");
    let output = command.output().unwrap();
    assert_eq!(output.stdout, b"A=1\0B=\0V=\xff\n=x\0");
}
