//! Man pages, in the man(7) macros.

use super::{Operand, Opt, Verb};

/// When the pages were changed last; each build has the same.
const DATE: &str = "2026-11-28";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// mini(1)
pub fn overview(verbs: &[Verb]) -> String {
    let mut out = head("MINI", "mini", "run commands in Linux containers");
    out.push_str(".SH SYNOPSIS\n");
    for verb in verbs {
        out.push_str(&synopsis(verb));
    }
    out.push_str(".SY mini\n.B \\-\\-version\n.YS\n");
    out.push_str(
        ".SH DESCRIPTION
.B mini
runs a command in a Linux container and exits with the status of the command.
It is one static binary that needs no daemon, no configuration, no library and no other program.
It works as root, as an ordinary user in a user namespace, and as the first process of a machine.
.SH VERBS
",
    );
    for verb in verbs {
        out.push_str(&format!(".TP\n.B {}\n{}.\n", verb.name, capital(&verb.summary)));
        if verb.operand != Operand::Verb {
            out.push_str(&format!("See\n.BR mini\\-{} (1).\n", verb.name));
        }
    }
    out.push_str(
        ".SH GLOBAL OPTIONS
For the verbs of an OCI runtime, before the verb.
",
    );
    for option in super::global() {
        out.push_str(&entry(&option));
    }
    out.push_str(STATUS);
    out.push_str(
        ".SH ENVIRONMENT
.TP
.B PATH
The directories in which the command is searched, inside the root of the container.
.TP
.B NOTIFY_SOCKET
When set,
.B mini
tells the service manager that the command has started, as
.BR sd_notify (3)
does.
.SH EXAMPLES
A command as process 1 of a container with the files of the host:
.PP
.EX
mini run \\-\\- sh \\-c \\(aqecho \"hello from pid $$\"\\(aq
.EE
.PP
A shell with a root file system of its own, whose changes are dropped at the end:
.PP
.EX
mini run \\-it \\-\\-rootfs ./debian:O bash
.EE
.PP
What this host can do:
.PP
.EX
mini check
.EE
",
    );
    out.push_str(".SH SEE ALSO\n");
    let pages = verbs.iter().filter(|verb| verb.operand != Operand::Verb);
    for verb in pages {
        out.push_str(&format!(".BR mini\\-{} (1),\n", verb.name));
    }
    out.push_str(".BR namespaces (7),\n.BR cgroups (7),\n.BR capabilities (7)\n");
    out
}

/// mini-VERB(1)
pub fn page(verb: &Verb) -> String {
    let name = format!("mini\\-{}", verb.name);
    let mut out = head(&format!("MINI-{}", verb.name.to_uppercase()), &name, &verb.summary);
    out.push_str(".SH SYNOPSIS\n");
    out.push_str(&synopsis(verb));
    out.push_str(".SH DESCRIPTION\n");
    out.push_str(match verb.name {
        "run" => {
            "Runs COMMAND as process 1 of a container with its own processes, mounts, host name, IPC, network and \
             cgroup view.
Options end at the first argument that is not an option, or at
.BR \\-\\- .
.PP
Without
.B \\-\\-rootfs
the command sees the files of the host.
A container has a loopback interface and no other network, unless
.B \\-\\-network host
is given.
.PP
For an ordinary user everything happens in a user namespace, in which the caller is user 0 or the number given with
.BR \\-u .
"
        }
        "check" => {
            "Starts small containers to find out what the host can do.
For each feature it prints
.BR ok ,
.B limited
or
.BR missing ,
the option that uses the feature, and what would have to change.
The status is 0 when a plain
.B mini run
works.
"
        }
        _ => "",
    });
    if !["run", "check"].contains(&verb.name) {
        out.push_str(&format!("{}.\n", capital(&verb.summary)));
        out.push_str("Global options stand before the verb; see\n.BR mini (1).\n");
    }
    if !verb.options.is_empty() {
        out.push_str(".SH OPTIONS\n");
    }
    for option in &verb.options {
        if let Some(section) = &option.section {
            out.push_str(&format!(".SS {}\n", escape(section)));
        }
        out.push_str(&entry(option));
    }
    if verb.operand == Operand::Command {
        out.push_str(STATUS);
    }
    out.push_str(".SH SEE ALSO\n.BR mini (1)\n");
    out
}

const STATUS: &str = ".SH EXIT STATUS
The status of the command, or
.TP
.B 128+n
when signal n ended the command,
.TP
.B 124
when
.B \\-\\-timeout
ended the command,
.TP
.B 125
when
.B mini
failed before the command ran,
.TP
.B 126
when the command cannot be executed,
.TP
.B 127
when the command was not found.
";

fn head(title: &str, name: &str, summary: &str) -> String {
    format!(
        ".\\\" Generated from the option table: see tests/docs/generated.
.TH {title} 1 \"{DATE}\" \"mini {VERSION}\" \"User Commands\"
.SH NAME
{name} \\- {summary}
"
    )
}

fn synopsis(verb: &Verb) -> String {
    format!(".SY mini\n.B {}\n{}\n.YS\n", verb.name, escape(&verb.synopsis))
}

fn entry(option: &Opt) -> String {
    let mut names = Vec::new();
    names.extend(option.short.map(|letter| format!("\\fB\\-{letter}\\fR")));
    names.push(format!("\\fB\\-\\-{}\\fR", escape(&option.long)));
    names.extend(option.original.as_deref().map(|word| format!("\\fB{}\\fR", escape(word))));
    let value = option.value.as_deref().map(|value| format!(" \\fI{}\\fR", escape(value)));
    let tag = names.join(", ") + &value.unwrap_or_default();
    // A sentence a line, so that none of them is set in a line of thousands of letters.
    let help = escape(&option.sentence()).replace(". ", ".\n").replace("; ", ";\n");
    format!(".TP\n{tag}\n{}\n", help.lines().map(guard).collect::<Vec<_>>().join("\n"))
}

/// A line must not begin with what begins a request.
fn guard(line: &str) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_string() }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
        .replace('^', "\\(ha")
        .replace('~', "\\(ti")
}

fn capital(text: &str) -> String {
    text[..1].to_uppercase() + &text[1..]
}
