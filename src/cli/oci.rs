//! The command line of an OCI runtime: global options, a verb, then options and words in any order. The options of
//! all verbs are one text, of which parsing and help are made.

use super::help::{WIDTH, wrap};
use super::nearest;
use crate::error::{Error, Result};
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;

/// A verb of an OCI runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `mini create`
    Create,
    /// `mini run`, of a bundle
    Run,
    /// `mini start`
    Start,
    /// `mini state`
    State,
    /// `mini kill`
    Kill,
    /// `mini delete`
    Delete,
    /// `mini list`
    List,
    /// `mini features`
    Features,
    /// `mini spec`
    Spec,
    /// `mini pause`
    Pause,
    /// `mini resume`
    Resume,
    /// `mini ps`
    Ps,
    /// `mini update`
    Update,
    /// `mini events`
    Events,
    /// `mini exec`
    Exec,
}

/// What a verb is called, the letter by which [`OPTIONS`] names it, its words, and what it does.
const VERBS: [(Verb, &str, u8, &str, &str); 15] = [
    (
        Verb::Create,
        "create",
        b'c',
        "ID",
        "Create a container from a bundle; its command waits for mini start.",
    ),
    (Verb::Run, "run", b'r', "ID", "Create a container from a bundle and start it."),
    (Verb::Start, "start", b's', "ID", "Start the command of a created container."),
    (Verb::State, "state", b't', "ID", "Print the state of a container as JSON."),
    (
        Verb::Kill,
        "kill",
        b'k',
        "ID [SIGNAL]",
        "Send a signal to a container's process (default: TERM).",
    ),
    (Verb::Delete, "delete", b'd', "ID", "Delete a stopped container and all it has left."),
    (Verb::List, "list", b'l', "", "List the containers."),
    (Verb::Features, "features", b'f', "", "Print what mini supports as JSON."),
    (Verb::Spec, "spec", b'p', "", "Write a config.json to begin with."),
    (
        Verb::Exec,
        "exec",
        b'x',
        "ID [COMMAND] [ARG]...",
        "Run a further command in a running container.",
    ),
    (Verb::Pause, "pause", b'P', "ID", "Stop all processes of a container where they are."),
    (Verb::Resume, "resume", b'R', "ID", "Let the processes of a paused container go on."),
    (Verb::Ps, "ps", b'S', "ID", "Print the processes of a container."),
    (Verb::Update, "update", b'u', "ID", "Change the limits of a container."),
    (
        Verb::Events,
        "events",
        b'e',
        "ID",
        "Print what a container uses, and when it ran out of memory.",
    ),
];

/// The options, one a line: name, letter, value, the verbs that have it (g: before the verb), help.
const OPTIONS: &str = "\
root||DIR|g|Keep the state of containers in DIR (default: /run/mini; for other users than root \
$XDG_RUNTIME_DIR/mini).
log||FILE|g|Append errors to FILE as well.
log-format||FORMAT|g|Format of the log: text or json (default: text).
debug|||g|Accepted: mini has no debug messages.
systemd-cgroup|||g|Let systemd make the cgroups. Not supported yet.
rootless||BOOL|g|Accepted: mini finds out by itself what its user may do.
bundle|b|DIR|crp|Directory of the bundle (default: the working directory).
pid-file||FILE|crx|Write the id of the container's process to FILE.
console-socket||SOCKET|crx|Send the pseudo terminal of the container to the unix socket SOCKET.
preserve-fds||N|crx|Pass N further file descriptors of the caller, from 3 on, to the command (default: 0).
no-pivot|||cr|Accepted: mini uses chroot where pivot_root is impossible.
no-new-keyring|||cr|Keep the session keyring of the caller.
no-subreaper|||r|Accepted: mini does not become a subreaper.
keep|||r|Keep the container when its command has ended.
process|p|FILE|x|Read the process from FILE, a process.json.
tty|t||x|Give the command a pseudo terminal.
env|e|KEY=VALUE|x|Set an environment variable; can be repeated.
user|u|UID[:GID]|x|Run as this user.
additional-gids|g|GID|x|Add a supplementary group; can be repeated.
cwd||DIR|x|Working directory of the command.
cgroup||PATH|x|Run in this cgroup below the container's (default: the container's own).
cap|c|NAME|x|Add a capability; can be repeated.
no-new-privs|||x|Let no program give more rights than its caller has.
apparmor||PROFILE|x|AppArmor profile of the command.
process-label||LABEL|x|SELinux label of the command.
ignore-paused|||x|Wait until a paused container goes on.
detach|d||rx|Do not wait for the command.
all|a||k|Send the signal to all processes of the container.
force|f||d|Kill the container first if it is not stopped; no error if there is none.
format|f|FORMAT|lS|Print a table or JSON: table or json (default: table).
resources|r|FILE|u|Read the limits from FILE, as JSON (- is standard input).
blkio-weight||N|u|Relative weight of block I/O, 10 to 1000.
cpu-period||USEC|u|Period of the CPU limit in microseconds.
cpu-quota||USEC|u|CPU time in each period in microseconds.
cpu-burst||USEC|u|Unused CPU time that can be saved up, in microseconds.
cpu-share||N|u|Relative CPU weight, 2 to 262144.
cpu-rt-period||USEC|u|Period of realtime scheduling in microseconds.
cpu-rt-runtime||USEC|u|Realtime scheduling in each such period in microseconds.
cpu-idle||N|u|1: run only when nothing else wants to.
cpuset-cpus||LIST|u|CPUs, as 0-2,5.
cpuset-mems||LIST|u|Memory nodes.
kernel-memory||SIZE|u|Kernel memory.
kernel-memory-tcp||SIZE|u|Buffers of TCP.
memory||SIZE|u|Memory (suffixes k, m, g).
memory-reservation||SIZE|u|Memory the container keeps when memory is short.
memory-swap||SIZE|u|Memory and swap together (-1: no limit).
pids-limit||N|u|Processes and threads at a time (-1: no limit).
stats|||e|Print once, and end.
interval||SECONDS|e|Time between two prints (default: 5s).
quiet|q||l|Print the ids only.
rootless|||p|Write a configuration for an ordinary user.
help|h||gcrstkdlfpPRSuex|Print this text.
";

/// An option of [`OPTIONS`].
#[derive(Clone, Copy)]
struct Opt {
    name: &'static str,
    letter: &'static str,
    value: &'static str,
    help: &'static str,
}

fn options(of: u8) -> impl Iterator<Item = Opt> {
    OPTIONS.lines().filter_map(move |line| {
        let mut parts = line.splitn(5, '|');
        let mut part = || parts.next().unwrap_or_default();
        let (name, letter, value, verbs, help) = (part(), part(), part(), part(), part());
        verbs.as_bytes().contains(&of).then_some(Opt { name, letter, value, help })
    })
}

/// A verb for man pages and completions.
pub struct Described {
    /// The verb.
    pub name: &'static str,
    /// The words beside its options.
    pub words: &'static str,
    /// What it does.
    pub text: &'static str,
    /// Name, letter, value and help of its options.
    pub options: Vec<[&'static str; 4]>,
}

/// All verbs, and first the global options as those of a verb without a name.
pub fn described() -> impl Iterator<Item = Described> {
    let of = |letter| options(letter).map(|it| [it.name, it.letter, it.value, it.help]).collect();
    let global = Described { name: "", words: "", text: "", options: of(b'g') };
    let verbs = VERBS.iter().map(move |(_, name, letter, words, text)| Described {
        name,
        words,
        text,
        options: of(*letter),
    });
    core::iter::once(global).chain(verbs)
}

/// A verb with its options and words, as given.
#[derive(Debug, PartialEq, Eq)]
pub struct Oci<'a> {
    /// The verb.
    pub verb: Verb,
    /// Options, each with its value, or an empty one.
    given: Vec<(&'static str, &'a CStr)>,
    /// The words beside the options.
    pub words: Vec<&'a CStr>,
}

impl<'a> Oci<'a> {
    /// The value of an option; the last one counts.
    pub fn value(&self, name: &str) -> Option<&'a CStr> {
        self.given.iter().rfind(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// The values of an option that can be repeated, in their order.
    pub fn values(&self, name: &'static str) -> impl Iterator<Item = &'a CStr> {
        self.given.iter().filter(move |(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Whether a flag was given.
    pub fn is(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| value != c"false")
    }
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// A verb.
    Verb(Oci<'a>),
    /// The help of a verb.
    Help(Verb),
    /// The help of mini.
    Overview,
    /// `--version`
    Version,
}

/// Whether some words are an OCI runtime's command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// They are.
    Yes,
    /// They are not.
    No,
    /// They are if the working directory is a bundle's: `mini run ID`.
    InBundle,
}

/// Whether these words are an OCI runtime's command line: they begin with a global option or one of its verbs, or
/// they are `run` of a bundle.
pub fn is_meant(words: &[&CStr]) -> Meant {
    let Some(first) = words.first() else { return Meant::No };
    let is = |meant| if meant { Meant::Yes } else { Meant::No };
    match first.to_bytes() {
        b"run" => is_bundle_run(words.get(1..).unwrap_or_default()),
        [b'-', b'-', name @ ..] => {
            let name = name.split(|byte| *byte == b'=').next().unwrap_or_default();
            is(GLOBAL.split(' ').any(|known| known.as_bytes() == name))
        }
        name => is(VERBS.iter().any(|(_, verb, ..)| verb.as_bytes() == name)),
    }
}

/// The global options, for a look that costs every launch next to nothing; a test compares them with the table.
const GLOBAL: &str = "root log log-format debug systemd-cgroup rootless";
/// The same of the options of `mini run` of a bundle, beside --help.
const RUN: &str = "bundle b pid-file console-socket preserve-fds no-pivot no-new-keyring no-subreaper keep detach d";

/// Options that `mini run` has for a command as well.
const SHARED: [&str; 3] = ["detach", "preserve-fds", "help"];

/// `mini run` has two meanings. With one word, an id, beside options of a bundle's run alone it is that; with options
/// that both have, the working directory decides. `--` makes a command of what follows in any case.
fn is_bundle_run(words: &[&CStr]) -> Meant {
    // Most commands are seen to be none of it by their first word.
    let Some(first) = words.first().map(|word| word.to_bytes()) else { return Meant::No };
    let name = match first {
        [b'-', b'-', name @ ..] => name.split(|byte| *byte == b'=').next(),
        [b'-', letter, ..] => Some(core::slice::from_ref(letter)),
        _ => None,
    };
    if name.is_some_and(|name| !RUN.split(' ').any(|known| known.as_bytes() == name)) {
        return Meant::No;
    }
    let Ok(Parsed::Verb(run)) = parse_verb(Verb::Run, Vec::new(), words) else { return Meant::No };
    if run.words.len() != 1 || words.contains(&c"--") {
        return Meant::No;
    }
    match run.given.iter().all(|(name, _)| SHARED.contains(name)) {
        true => Meant::InBundle,
        false => Meant::Yes,
    }
}

/// Reads the words behind the program's name.
///
/// # Errors
/// What is wrong with which word.
pub fn parse<'a>(words: &'a [&'a CStr]) -> Result<Parsed<'a>> {
    let mut given = Vec::new();
    let mut rest = words;
    while let Some((word, behind)) = rest.split_first() {
        if !word.to_bytes().starts_with(b"-") {
            break;
        }
        rest = behind;
        match take(b'g', word, &mut rest, &mut given)? {
            Some("help") => return Ok(Parsed::Overview),
            Some("version") => return Ok(Parsed::Version),
            _ => {}
        }
    }
    let Some((word, behind)) = rest.split_first() else { return Ok(Parsed::Overview) };
    match by_name(word.to_bytes()) {
        Some(verb) => parse_verb(verb, given, behind),
        None => {
            let error = Error::new("command").object(word.to_bytes()).cause("unknown");
            Err(nearest::suggest(error, "", word.to_bytes(), names()))
        }
    }
}

fn parse_verb<'a>(
    verb: Verb,
    mut given: Vec<(&'static str, &'a CStr)>,
    words: &'a [&'a CStr],
) -> Result<Parsed<'a>> {
    let (_, name, letter, usage, _) = entry(verb);
    let mut rest = words;
    let mut found = Vec::new();
    while let Some((word, behind)) = rest.split_first() {
        rest = behind;
        match word.to_bytes() {
            b"--" => {
                found.extend(rest);
                break;
            }
            [b'-', _, ..] => {
                if take(letter, word, &mut rest, &mut given)? == Some("help") {
                    return Ok(Parsed::Help(verb));
                }
            }
            _ => found.push(*word),
        }
        if verb == Verb::Exec && found.len() == 2 {
            // What follows belongs to the command.
            found.extend(rest);
            break;
        }
    }
    let least = usize::from(usage.starts_with("ID"));
    let most = match usage.ends_with("...") {
        true => usize::MAX,
        false => usage.split(' ').filter(|word| !word.is_empty()).count(),
    };
    if found.len() < least || found.len() > most {
        let mut hint = Text::new();
        hint.str("usage: mini ").str(name).str(" [OPTIONS] ").str(usage);
        let cause = if found.len() < least { "no container id given" } else { "too many words" };
        return Err(Error::new(name).cause(cause).hint_text(&hint));
    }
    Ok(Parsed::Verb(Oci { verb, given, words: found }))
}

/// Finds a verb by its name.
pub fn by_name(name: &[u8]) -> Option<Verb> {
    VERBS.iter().find(|(_, known, ..)| known.as_bytes() == name).map(|(verb, ..)| *verb)
}

/// The names of the verbs.
pub fn names() -> impl Iterator<Item = &'static [u8]> {
    VERBS.iter().map(|(_, name, ..)| name.as_bytes())
}

fn entry(verb: Verb) -> (Verb, &'static str, u8, &'static str, &'static str) {
    *VERBS.iter().find(|(known, ..)| *known == verb).unwrap_or(&VERBS[0])
}

/// Takes an option, with its value from the same word or the next; its name.
fn take<'a>(
    of: u8,
    word: &'a CStr,
    rest: &mut &'a [&'a CStr],
    given: &mut Vec<(&'static str, &'a CStr)>,
) -> Result<Option<&'static str>> {
    let bytes = word.to_bytes();
    let unknown = || {
        let error = Error::new("option").object(bytes).cause("unknown");
        let name = bytes.split(|byte| *byte == b'=').next().unwrap_or_default();
        let name = name.strip_prefix(b"--").unwrap_or(name);
        nearest::suggest(error, "--", name, options(of).map(|option| option.name.as_bytes()))
    };
    if of == b'g' && matches!(bytes, b"--version" | b"-v") {
        return Ok(Some("version"));
    }
    let (option, value) = match bytes {
        [b'-', b'-', name @ ..] => {
            let end = name.iter().position(|byte| *byte == b'=');
            let wanted = &name[..end.unwrap_or(name.len())];
            let option = options(of).find(|option| option.name.as_bytes() == wanted);
            (option.ok_or_else(unknown)?, end.map(|end| &word[end + 3..]))
        }
        [b'-', letter, ..] => {
            let option = options(of).find(|option| option.letter.as_bytes() == [*letter]);
            let value = match bytes.get(2) {
                None => None,
                Some(b'=') => Some(&word[3..]),
                Some(_) => Some(&word[2..]),
            };
            (option.ok_or_else(unknown)?, value)
        }
        _ => return Err(unknown()),
    };
    let value = match (option.value.is_empty(), value) {
        (true, None) => c"",
        (true, Some(value))
            if bytes.starts_with(b"--") && (value == c"true" || value == c"false") =>
        {
            value
        }
        (true, Some(_)) => {
            return Err(Error::new("option").object(bytes).cause("takes no value"));
        }
        (false, Some(value)) => value,
        (false, None) => {
            let Some((value, behind)) = rest.split_first() else {
                return Err(Error::new("option").object(bytes).cause("needs a value"));
            };
            *rest = behind;
            value
        }
    };
    given.push((option.name, value));
    Ok(Some(option.name))
}

/// The verbs, for the overview.
pub fn verbs(out: &mut Text) {
    for (_, name, _, words, help) in VERBS {
        let start = out.bytes().len();
        out.str("  ").str(name).str(" ").str(words);
        let column = out.bytes().len() - start;
        wrap(out, help.as_bytes(), column, 20, WIDTH);
        out.str("\n");
    }
}

/// The help of a verb.
pub fn help(verb: Verb, out: &mut Text) {
    let (_, name, letter, words, text) = entry(verb);
    out.str("Usage: mini [GLOBAL OPTIONS] ").str(name).str(" [OPTIONS]");
    out.str(if words.is_empty() { "" } else { " " }).str(words).str("\n").str(text).str("\n");
    for (title, of) in [("\nOptions:\n", letter), ("\nGlobal options, before the verb:\n", b'g')] {
        out.str(title);
        for option in options(of) {
            let start = out.bytes().len();
            out.str("  ");
            if option.letter.is_empty() {
                out.str("    ");
            } else {
                out.str("-").str(option.letter).str(", ");
            }
            out.str("--").str(option.name);
            out.str(if option.value.is_empty() { "" } else { " " }).str(option.value);
            let column = out.bytes().len() - start;
            wrap(out, option.help.as_bytes(), column, 28, WIDTH);
            out.str("\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed<'a>(words: &'a [&'a CStr]) -> Oci<'a> {
        match parse(words).unwrap() {
            Parsed::Verb(oci) => oci,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn help_fits_the_terminal() {
        let mut text = Text::new();
        VERBS.iter().for_each(|(verb, ..)| help(*verb, &mut text));
        for line in str::from_utf8(text.bytes()).unwrap().lines() {
            assert!(line.len() <= WIDTH, "{line:?}");
            assert_eq!(line, line.trim_end());
        }
    }

    #[test]
    fn options_stand_before_and_behind_the_id() {
        let words = [
            c"--root",
            c"/r",
            c"--log-format=json",
            c"create",
            c"a",
            c"--bundle",
            c"/b",
            c"-b/c",
            c"--pid-file=p",
        ];
        let oci = parsed(&words);
        assert_eq!((oci.verb, &oci.words[..]), (Verb::Create, &[c"a"][..]));
        assert_eq!(oci.value("root"), Some(c"/r"));
        assert_eq!(oci.value("log-format"), Some(c"json"));
        assert_eq!(oci.value("bundle"), Some(c"/c"));
        assert_eq!(oci.value("pid-file"), Some(c"p"));
        assert!(!oci.is("no-pivot"));
        let words = [c"delete", c"-f", c"--", c"-x"];
        let oci = parsed(&words);
        assert!(oci.is("force"));
        assert_eq!(oci.words, [c"-x"]);
        let words = [c"--debug", c"kill", c"--all=false", c"a", c"KILL"];
        let oci = parsed(&words);
        assert!(!oci.is("all") && oci.is("debug"));
        assert_eq!(oci.words, [c"a", c"KILL"]);
    }

    #[test]
    fn mistakes_are_named() {
        let line = |words: &[&CStr]| String::from_utf8(parse(words).unwrap_err().line().to_vec());
        let line = |words: &[&CStr]| line(words).unwrap();
        assert!(line(&[c"create"]).starts_with("create: no container id given"));
        assert!(line(&[c"start", c"a", c"b"]).starts_with("start: too many words"));
        assert!(line(&[c"start", c"--al", c"a"]).starts_with("option --al: unknown"));
        assert!(line(&[c"create", c"--bundle"]).starts_with("option --bundle: needs a value"));
        assert!(line(&[c"delete", c"-fx", c"a"]).starts_with("option -fx: takes no value"));
    }

    #[test]
    fn the_quick_look_knows_the_options_of_the_table() {
        let names = |of| -> Vec<String> {
            let all = options(of).filter(|option| option.name != "help");
            let both = all.flat_map(|option| [option.name, option.letter]);
            let mut names: Vec<_> = both.filter(|it| !it.is_empty()).map(str::to_owned).collect();
            names.sort();
            names
        };
        for (of, known) in [(b'g', GLOBAL), (b'r', RUN)] {
            let mut known: Vec<_> = known.split(' ').map(str::to_owned).collect();
            known.sort();
            assert_eq!(known, names(of));
        }
    }

    #[test]
    fn a_run_of_a_bundle_is_told_from_a_run_of_a_command() {
        for words in [
            &[c"run", c"--bundle", c"/b", c"a"][..],
            &[c"run", c"a", c"-b", c"/b"],
            &[c"run", c"--detach", c"--pid-file", c"p", c"a"],
            &[c"--root", c"/r", c"run", c"a"],
            &[c"state", c"a"],
        ] {
            assert_eq!(is_meant(words), Meant::Yes, "{words:?}");
        }
        for words in
            [&[c"run", c"ls"][..], &[c"run", c"-d", c"a"], &[c"run", c"--preserve-fds", c"2", c"a"]]
        {
            assert_eq!(is_meant(words), Meant::InBundle, "{words:?}");
        }
        for words in [
            &[c"run", c"--rootfs", c"/r", c"ls"][..],
            &[c"run", c"--bundle", c"/b", c"--", c"ls"],
            &[c"run", c"--", c"ls"],
            &[c"run", c"ls", c"-b"],
            &[c"run", c"bash", c"-c", c"ls"],
            &[c"run", c"echo", c"a"],
            &[c"--help"],
            &[c"check"],
            &[],
        ] {
            assert_eq!(is_meant(words), Meant::No, "{words:?}");
        }
    }
}
