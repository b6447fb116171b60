//! Help, made from the option table.

use super::options;
use super::packed::Unpacked;
use crate::text::Text;

/// The narrowest terminal that is still common.
const WIDTH: usize = 80;
/// Where the explanations begin.
const COLUMN: usize = 28;

/// `mini --help`
pub fn overview(out: &mut Text) {
    out.str(
        "mini runs a command in a Linux container and gives back its exit status.

Usage:
  mini run [OPTIONS] [--] COMMAND [ARG...]   run a command in a container
  mini check [--json]                        try what can be done here, and tell
                                             what would have to change; 0 when a
                                             plain run would work
  mini help [run]                            explain mini, or one of its verbs
  mini --version                             print the version

Try:
  mini run -- sh -c 'echo \"hello from pid $$\"'
  mini run --rootfs ./debian -it /bin/bash
",
    );
}

/// `mini run --help`
pub fn run_help(out: &mut Text) {
    out.str(
        "mini run [OPTIONS] [--] COMMAND [ARG...]

Runs COMMAND as process 1 of a container with its own processes, mounts, host
name, IPC and network. Options end at the first word that is none, or at --.
",
    );
    for option in options::all() {
        if !option.section.is_empty() {
            out.str("\n").raw(option.section).str(":\n");
        }
        describe(&option, out);
    }
    out.str(
        "
Exit status:
  the command's own; 128+N when signal N ended it; 124 when its time was over;
  125 when mini failed before the command ran; 126 when it cannot be executed;
  127 when it is not found.

As an ordinary user everything happens in a user namespace, in which the caller
is user 0 (or the number given with -u).
",
    );
}

fn describe(option: &Unpacked, out: &mut Text) {
    let start = out.bytes().len();
    match option.short {
        Some(letter) => out.str("  -").raw(&[letter]).str(", --"),
        None => out.str("      --"),
    };
    out.raw(option.long);
    if !option.value.is_empty() {
        out.str(" ").raw(option.value);
    }
    let mut column = out.bytes().len() - start;
    if column >= COLUMN {
        out.str("\n");
        column = 0;
    }
    for word in option.help.split(|b| *b == b' ') {
        if column > COLUMN && column + 1 + word.len() > WIDTH {
            out.str("\n");
            column = 0;
        }
        let gap = if column < COLUMN { COLUMN - column } else { 1 };
        for _ in 0..gap {
            out.str(" ");
        }
        out.raw(word);
        column += gap + word.len();
    }
    if !option.original.is_empty() {
        out.str(" [").raw(option.original).str("]");
    }
    out.str("\n");
}
