//! Help texts; the options come from the option table.

use super::options;
use super::packed::Unpacked;
use crate::text::Text;

/// Columns of the narrowest terminal that is still common.
pub const WIDTH: usize = 80;
/// The column at which explanations begin.
const COLUMN: usize = 28;

/// `mini --help`
pub fn overview(out: &mut Text) {
    out.str(
        "mini runs a command in a Linux container and returns its exit status.

Usage:
  mini run [OPTIONS] [--] COMMAND [ARG...]  run a command in a container
  mini check [--json]                       test what works on this host
  mini help [run|check]                     explain mini, or one of these
  mini version                              print the version

As an OCI runtime (mini [GLOBAL OPTIONS] VERB, see mini VERB --help):
",
    );
    super::oci::verbs(out);
    out.str(
        "
Examples:
  mini run -- sh -c 'echo \"hello from pid $$\"'
  docker export $(docker create alpine) | mini run --rootfs - -it sh
  mini run --rootfs ./debian:O --network host -it bash

Without --rootfs, COMMAND is a program of the host. There is no network but
loopback, unless --network host shares the host's.
",
    );
}

/// `mini check --help`
pub fn check_help(out: &mut Text) {
    out.str(
        "Usage: mini check [--json]

Tests what mini can do on this host: it starts containers of each kind, with a
command that does not exist. Prints a line for each test and each reason once;
with --json a JSON object.

Exit status: 0 if a plain `mini run` works, else 1.
",
    );
}

/// `mini run --help`
pub fn run_help(out: &mut Text) {
    out.str(
        "Usage: mini run [OPTIONS] [--] COMMAND [ARG...]

Runs COMMAND as PID 1 of a container with its own processes, mounts, host name,
IPC and network. Options end at the first argument that is not an option, or at
`--`.
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
  that of COMMAND; 128+N if signal N ended it; 124 after --timeout; 125 if mini
  failed before COMMAND ran; 126 if COMMAND cannot be executed; 127 if it is not
  found.

For an ordinary user, mini creates a user namespace in which the caller is user
0, or the number given with --user. In [brackets]: the name of an option in the
program that mini descends from.
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
    let mut help = Text::new();
    help.raw(option.help);
    if !option.original.is_empty() {
        help.str(" [").raw(option.original).str("]");
    }
    wrap(out, help.bytes(), column, COLUMN, WIDTH);
    out.str("\n");
}

/// Prints words between the columns `indent` and `width`. The line has reached `column`.
pub fn wrap(out: &mut Text, text: &[u8], mut column: usize, indent: usize, width: usize) {
    for word in text.split(|b| *b == b' ') {
        if column > indent && column + 1 + word.len() > width {
            out.str("\n");
            column = 0;
        }
        let gap = if column < indent { indent - column } else { 1 };
        for _ in 0..gap {
            out.str(" ");
        }
        out.raw(word);
        column += gap + word.len();
    }
}
