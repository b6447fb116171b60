//! The options of `mini run`: one table, from which parsing and help are made.

use super::values::{env_edit, hostname, name, namespace, network, not_empty, user};
use super::{EnvEdit, Run, nearest};
use crate::error::{Error, Result};
use core::ffi::CStr;

/// One option.
pub struct Opt {
    /// The title that help puts before it.
    pub section: Option<&'static str>,
    /// Its name, after `--`.
    pub long: &'static str,
    /// Its letter, after `-`.
    pub short: Option<u8>,
    /// The word of the program mini descends from, written with one dash.
    pub original: Option<&'static str>,
    /// What it is for; help breaks the lines.
    pub help: &'static str,
    /// What it does to the request.
    pub act: Act,
}

/// What an option does to the request.
pub enum Act {
    /// It stands alone.
    Flag(for<'a> fn(&mut Run<'a>)),
    /// It takes a value, called so in help.
    Value(&'static str, for<'a> fn(&mut Run<'a>, &'a CStr) -> Result<()>),
}

/// The table, in the order in which help shows it; a section begins with the option that names it.
pub static OPTIONS: &[Opt] = &[
    Opt {
        section: Some("Root and files"),
        long: "rootfs",
        short: None,
        original: None,
        help: "make DIR the root, with its own /proc, /sys and /dev; without it the command sees \
               the host's files",
        act: Act::Value("DIR", |run, value| not_empty("--rootfs", value, &mut run.rootfs)),
    },
    Opt {
        section: Some("Command"),
        long: "interactive",
        short: Some(b'i'),
        original: None,
        help: "accepted: standard input is always passed on",
        act: Act::Flag(|_| {}),
    },
    Opt {
        section: None,
        long: "tty",
        short: Some(b't'),
        original: None,
        help: "set TERM; the terminal itself is the caller's",
        act: Act::Flag(|run| run.tty = true),
    },
    Opt {
        section: None,
        long: "workdir",
        short: Some(b'w'),
        original: None,
        help: "run in DIR of the container",
        act: Act::Value("DIR", |run, value| not_empty("--workdir", value, &mut run.cwd)),
    },
    Opt {
        section: None,
        long: "env",
        short: Some(b'e'),
        original: None,
        help: "set a variable; KEY alone takes mini's own value",
        act: Act::Value("KEY[=VALUE]", |run, value| {
            run.env.push(env_edit(value)?);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "env-file",
        short: None,
        original: None,
        help: "set variables from FILE: one a line, as for -e; # begins a comment",
        act: Act::Value("FILE", |run, value| {
            run.env.push(EnvEdit::File(value));
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "user",
        short: Some(b'u'),
        original: None,
        help: "run as a user and group: numbers, or names of the container's /etc/passwd and \
               /etc/group",
        act: Act::Value("USER[:GROUP]", |run, value| {
            run.user = Some(user(value)?);
            Ok(())
        }),
    },
    Opt {
        section: Some("Isolation"),
        long: "hostname",
        short: Some(b'h'),
        original: None,
        help: "the container's host name (its name, else \"mini\")",
        act: Act::Value("NAME", |run, value| {
            run.hostname = Some(hostname("--hostname", value)?);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "name",
        short: None,
        original: Some("-name"),
        help: "the container's name",
        act: Act::Value("NAME", |run, value| {
            run.name = Some(name(value)?);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "network",
        short: None,
        original: Some("-net"),
        help: "none: a loopback interface and nothing else (the default); host: the host's",
        act: Act::Value("none|host", |run, value| {
            run.namespaces.net = network(value)?;
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "pid",
        short: None,
        original: None,
        help: "host: see and share the host's processes",
        act: Act::Value("host", |run, value| {
            run.namespaces.pid = namespace("--pid", value)?;
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "ipc",
        short: None,
        original: None,
        help: "host: share the host's System V IPC and message queues",
        act: Act::Value("host", |run, value| {
            run.namespaces.ipc = namespace("--ipc", value)?;
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "uts",
        short: None,
        original: None,
        help: "host: share the host's name",
        act: Act::Value("host", |run, value| {
            run.namespaces.uts = namespace("--uts", value)?;
            Ok(())
        }),
    },
    Opt {
        section: Some("Looking on"),
        long: "rm",
        short: None,
        original: None,
        help: "accepted: nothing is left behind in any case",
        act: Act::Flag(|_| {}),
    },
    Opt {
        section: None,
        long: "dry-run",
        short: None,
        original: None,
        help: "print the steps of the launch and do none of them",
        act: Act::Flag(|run| run.dry_run = true),
    },
    Opt {
        section: None,
        long: "trace",
        short: None,
        original: None,
        help: "print each step with its result and time to standard error",
        act: Act::Flag(|run| run.trace = true),
    },
    Opt {
        section: None,
        long: "help",
        short: None,
        original: None,
        help: "print this text",
        // Answered by the parser, whatever else was asked.
        act: Act::Flag(|_| {}),
    },
];

/// Options of the original that the next release brings back.
const NOT_YET: [&[u8]; 4] = [b"-mem", b"-cpushare", b"-cpu", b"-cpuset"];

/// Finds an option spelled out as `--name`, `--name=value`, or as in the original, `-name`.
pub fn spelled_whole(word: &CStr) -> Option<(&'static Opt, Option<&CStr>)> {
    let bytes = word.to_bytes();
    let end = bytes.iter().position(|b| *b == b'=');
    let spelled = &bytes[..end.unwrap_or(bytes.len())];
    let option = OPTIONS.iter().find(|option| {
        spelled.strip_prefix(b"--") == Some(option.long.as_bytes())
            || option.original.is_some_and(|original| original.as_bytes() == spelled)
    })?;
    Some((option, end.map(|end| &word[end + 1..])))
}

/// Finds an option by its letter.
pub fn by_letter(letter: u8) -> Option<&'static Opt> {
    OPTIONS.iter().find(|option| option.short == Some(letter))
}

/// The error for a word that is no option.
pub fn unknown(word: &[u8]) -> Error {
    let error = Error::new("option").object(word);
    if NOT_YET.contains(&word) {
        return error.cause("not yet supported");
    }
    let name = word.split(|b| *b == b'=').next().unwrap_or_default();
    let name = name.strip_prefix(b"--").or(name.strip_prefix(b"-")).unwrap_or(name);
    nearest::suggest(error.cause("unknown"), "--", name, OPTIONS.iter().map(|option| option.long))
}
