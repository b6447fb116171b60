//! A system call that fails where none should: the launch ends, and nothing opens.

use crate::world::{Outcome, World};
use crate::{Need, Promise};

pub const PROMISES: &[Promise] = &[Promise {
    name: "a_fault_within_the_bounding_set_is_an_error",
    needs: &[Need::Strace],
    check: bounding,
}];

/// EINVAL says that the kernel has no more capabilities, but not of one that it has.
fn bounding(world: &World) {
    // The third prctl(2) of the child is the first of 27.
    for number in ["3", "4", "10", "20", "29"] {
        let inject = format!("inject=prctl:error=EINVAL:when={number}");
        let words = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=prctl", "-e", &inject];
        let mut command = world.command(world.strace(), &words);
        command.arg(world.mini()).args(["run", "--", "/bin/echo", "it ran"]);
        Outcome::of(&mut command).refused(125, "Invalid argument");
    }
}
