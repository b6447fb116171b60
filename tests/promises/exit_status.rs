//! The exit status tells what happened.

use crate::Promise;
use crate::world::World;

pub const PROMISES: &[Promise] = &[
    Promise { name: "the_commands_status_is_minis", needs: &[], check: own },
    Promise { name: "death_by_signal_is_128_and_the_signal", needs: &[], check: signaled },
    Promise { name: "a_command_that_is_not_there_is_127", needs: &[], check: not_found },
    Promise { name: "a_command_that_cannot_be_run_is_126", needs: &[], check: not_executable },
    Promise { name: "a_missing_interpreter_is_named", needs: &[], check: interpreter },
    Promise { name: "a_script_without_an_interpreter_line_runs", needs: &[], check: script },
    Promise {
        name: "path_is_searched_inside_the_root",
        needs: &[crate::Need::Busybox],
        check: path,
    },
];

fn own(world: &World) {
    for status in [0, 1, 7, 124, 125, 126, 127, 128, 255] {
        assert_eq!(world.sh(&[], &format!("exit {status}")).status, status);
    }
}

fn signaled(world: &World) {
    // A process 1 cannot be killed from inside; a shell's child can, and the shell tells.
    let outcome = world.sh(&[], "sh -c 'kill -9 $$'; exit $?");
    assert_eq!(outcome.status, 137);
    // With the host's processes the command is an ordinary one.
    if world.is_root() {
        assert_eq!(world.sh(&["--pid", "host"], "kill -15 $$").status, 143);
    }
    // A fault is not held back from process 1.
    let outcome = world.sh(&[], "ulimit -c 0; kill -11 $$; exit 3");
    assert!(matches!(outcome.status, 3 | 139), "{outcome:?}");
}

fn not_found(world: &World) {
    world.run(&["--", "/nope"]).refused(127, "exec /nope: No such file or directory");
    world.run(&["--", "/etc/passwd/x"]).refused(127, "exec /etc/passwd/x: Not a directory");
    world.run(&["--", "no-such-command"]).refused(127, "exec no-such-command: not found in PATH");
    world.run(&["-e", "PATH=/nope::", "--", "ls"]).refused(127, "not found in PATH");
}

fn not_executable(world: &World) {
    world.run(&["--", "/etc/passwd"]).refused(126, "exec /etc/passwd: Permission denied");
    world.run(&["--", "/etc"]).refused(126, "exec /etc: Permission denied");
    let elf = world.file("alien", b"\x7fELF\x01\x01\x01\0 not a program at all\0");
    world.run(&[elf.to_str().unwrap()]).refused(126, "Exec format error");
}

fn interpreter(world: &World) {
    let script = world.file("script", b"#!/no/such/interpreter -x\n");
    world
        .run(&[script.to_str().unwrap()])
        .refused(126, "needs the interpreter /no/such/interpreter");
}

fn script(world: &World) {
    let script = world.file("script", b"echo \"got $1 and $#\"; exit 5\n");
    let outcome = world.run(&[script.to_str().unwrap(), "a b", ""]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (5, "got a b and 2\n"));
    // Found by search, too.
    let directory = script.parent().unwrap().to_str().unwrap();
    let path = format!("PATH=/nope:{directory}");
    assert_eq!(world.run(&["-e", &path, "script"]).status, 5);
}

fn path(world: &World) {
    let root = world.busybox();
    let root = root.to_str().unwrap();
    assert_eq!(world.run(&["--rootfs", root, "echo", "hi"]).ok(), "hi\n");
    world.run(&["--rootfs", root, "-e", "PATH=/etc", "echo"]).refused(127, "not found in PATH");
    // A directory of that name is no command, a file without permission is one that cannot run.
    world.run(&["--rootfs", root, "-e", "PATH=/", "etc"]).refused(127, "not found in PATH");
    world.run(&["--rootfs", root, "-e", "PATH=/etc", "passwd"]).refused(126, "Permission denied");
    // The search goes on past what cannot run.
    let found = world.run(&["--rootfs", root, "-e", "PATH=/etc:/bin", "passwd", "--help"]);
    assert_ne!(found.status, 126, "{found:?}");
}
