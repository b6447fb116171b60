//! The command's surroundings: descriptors, directory, environment, user.

use crate::world::{Outcome, World};
use crate::{Need, Promise};
use std::os::unix::process::CommandExt;

pub const PROMISES: &[Promise] = &[
    Promise { name: "no_descriptor_leaks_in", needs: &[], check: descriptors },
    Promise { name: "closed_standard_descriptors_are_repaired", needs: &[], check: repaired },
    Promise { name: "the_working_directory_is_kept_or_as_asked", needs: &[], check: directory },
    Promise { name: "the_environment_is_inherited_and_edited", needs: &[], check: environment },
    Promise { name: "the_umask_is_the_callers", needs: &[Need::Busybox], check: umask },
    Promise {
        name: "users_are_looked_up_inside",
        needs: &[Need::Root, Need::Busybox],
        check: users,
    },
    Promise {
        name: "an_ordinary_user_may_choose_a_number",
        needs: &[Need::User, Need::Busybox],
        check: number,
    },
];

fn descriptors(world: &World) {
    let probe = world.probe();
    let script = format!(
        "exec 3</dev/null 4<&3 9<&3; exec {} run -- {} __probe fds",
        world.mini().display(),
        probe.display()
    );
    let outcome = Outcome::of(&mut world.command("/bin/sh".as_ref(), &["-c", &script]));
    assert_eq!(outcome.ok(), "[0, 1, 2]\n");
}

fn repaired(world: &World) {
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-", "<&- 2>&-"] {
        let out = world.directory().join("out");
        let script = format!(
            "exec {} run -- /bin/sh -c '{} __probe fds > {}; cat' {closed}",
            world.mini().display(),
            world.probe().display(),
            out.display()
        );
        let outcome = Outcome::of(&mut world.command("/bin/sh".as_ref(), &["-c", &script]));
        assert_eq!(outcome.status, 0, "{closed}: {outcome:?}");
        assert_eq!(std::fs::read_to_string(out).unwrap(), "[0, 1, 2]\n", "{closed}");
    }
    // What mini opens early, a report and the files of limits, does not take their place.
    if world.is_root() {
        let out = world.directory().join("out");
        let script = format!(
            "exec {} run --report {}.json --pids-limit 99 -- {} __probe fds > {} <&- 2>&-",
            world.mini().display(),
            out.display(),
            world.probe().display(),
            out.display()
        );
        let outcome = Outcome::of(&mut world.command("/bin/sh".as_ref(), &["-c", &script]));
        assert_eq!(outcome.status, 0, "{outcome:?}");
        assert_eq!(std::fs::read_to_string(out).unwrap(), "[0, 1, 2]\n");
    }
}

fn directory(world: &World) {
    let mut command = world.run_command(&["pwd"]);
    assert_eq!(Outcome::of(command.current_dir("/usr")).ok(), "/usr\n");
    assert_eq!(world.run(&["-w", "/tmp", "pwd"]).ok(), "/tmp\n");
    world.run(&["-w", "/nope", "pwd"]).refused(125, "chdir /nope: No such file or directory");
    world.run(&["-w", "/etc/passwd", "pwd"]).refused(125, "chdir /etc/passwd: Not a directory");
}

fn environment(world: &World) {
    let file = world.file("vars", b"# a comment\nFROM_FILE=1 2\nTAKEN_BY_FILE\nNOT_SET\n");
    let file = file.to_str().unwrap();
    let args = ["-e", "A=new", "-e", "TAKEN", "-e", "UNSET", "--env-file", file, "/usr/bin/env"];
    let mut command = world.run_command(&args);
    command.env_clear().env("A", "old").env("TAKEN", "t").env("TAKEN_BY_FILE", "f");
    let lines = Outcome::of(&mut command).ok();
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort();
    assert_eq!(lines, ["A=new", "FROM_FILE=1 2", "TAKEN=t", "TAKEN_BY_FILE=f"]);
}

fn umask(world: &World) {
    let root = world.busybox();
    let mut command = world.command("/bin/sh".as_ref(), &["-c", "umask 027; exec \"$@\"", "sh"]);
    command.arg(world.mini()).args(["run", "--rootfs"]).arg(root).args(["sh", "-c", "umask"]);
    assert_eq!(Outcome::of(&mut command).ok(), "0027\n");
    let modes = world.busybox_sh(&[], "stat -c %a /dev/null /dev /dev/shm /dev/pts/ptmx");
    assert_eq!(modes.ok(), "666\n755\n1777\n666\n");
}

fn users(world: &World) {
    let ids = |user: &str| world.busybox_sh(&["-u", user], "id -u; id -g; id -G; echo $HOME").ok();
    assert_eq!(ids("joe"), "1000\n1001\n1001 26\n/home/joe\n");
    assert_eq!(ids("joe:tape"), "1000\n26\n26\n/home/joe\n");
    assert_eq!(ids("1000"), "1000\n1001\n1001 26\n/home/joe\n");
    assert_eq!(ids("1000:7"), "1000\n7\n7\n/home/joe\n");
    assert_eq!(ids("77:78"), "77\n78\n78\n/\n");
    assert_eq!(ids("77"), "77\n0\n0\n/\n");
    assert_eq!(ids("root"), "0\n0\n0\n/root\n");
    assert_eq!(world.busybox_sh(&["-u", "joe", "-e", "HOME=/x"], "echo $HOME").ok(), "/x\n");
    let root = world.busybox();
    let root = root.to_str().unwrap();
    world
        .run(&["--rootfs", root, "-u", "nosuch", "true"])
        .refused(125, "set user nosuch: no such user in the container's /etc/passwd");
    world
        .run(&["--rootfs", root, "-u", "joe:nosuch", "true"])
        .refused(125, "set user joe:nosuch: no such group in the container's /etc/group");
    // Groups of the caller do not come along.
    let mut command = world.run_command(&["--rootfs", root, "-u", "joe", "id", "-G"]);
    assert_eq!(Outcome::of(command.groups_of_caller()).ok(), "1001 26\n");
    let mut command = world.run_command(&["--rootfs", root, "id", "-G"]);
    assert_eq!(Outcome::of(command.groups_of_caller()).ok(), "0\n");
}

/// Gives the caller supplementary groups.
trait Groups {
    fn groups_of_caller(&mut self) -> &mut Self;
}

impl Groups for std::process::Command {
    fn groups_of_caller(&mut self) -> &mut Self {
        // SAFETY: one system call between fork and exec.
        unsafe {
            self.pre_exec(|| {
                let groups = [4, 24, 27].map(rustix::thread::Gid::from_raw);
                rustix::thread::set_thread_groups(&groups)?;
                Ok(())
            })
        }
    }
}

fn number(world: &World) {
    let ids = |user: &str| world.busybox_sh(&["-u", user], "id -u; id -g; echo $HOME").ok();
    assert_eq!(ids("1000"), "1000\n0\n/home/joe\n");
    assert_eq!(ids("1000:1001"), "1000\n1001\n/home/joe\n");
    assert_eq!(ids("root"), "0\n0\n/root\n");
}
