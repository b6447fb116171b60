//! Command line arguments to a [`Command`]. Pure: arguments in, data or an error out.

mod foreign;
mod help;
mod mounts;
mod nearest;
pub mod oci;
mod options;
mod packed;
mod security;
mod values;

pub use help::{check_help, overview, run_help, wrap};
pub use options::all as run_options;
pub use packed::{Act, Unpacked};
pub use security::CapabilityEdits;
pub use values::size;

use crate::container::RunOptions;
use crate::error::{Error, Result};
use crate::plan::defaults::Defaults;
use crate::spec::security::IdRange;
use crate::spec::{AfterExit, Spec};
use crate::text::Text;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ffi::CStr;

/// What mini is to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// `mini run`
    Run(Box<Run<'a>>),
    /// `mini check`
    Check {
        /// `--json`
        json: bool,
    },
    /// `mini help`, `mini VERB --help`: print this text.
    Help(Topic),
    /// `mini --version`
    Version,
}

/// The subject of a help text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// mini as a whole.
    Overview,
    /// `mini run`
    Run,
    /// `mini check`
    Check,
    /// A verb of the OCI runtime.
    Oci(oci::Verb),
}

/// The request of `mini run`: what each option says, checked one by one. `verbs::run` completes it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Run<'a> {
    /// The container.
    pub spec: Spec<'a>,
    /// What becomes part of the container when all options are known.
    pub edits: Edits<'a>,
    /// How mini runs the container.
    pub options: RunOptions<'a>,
    /// What the options change in the default mounts and masked paths.
    pub defaults: Defaults<'a>,
    /// The sources of `--device`, which are among the mounts.
    pub devices: Vec<&'a CStr>,
    /// `--name`
    pub name: Option<&'a CStr>,
    /// `--timeout`, in nanoseconds
    pub timeout: Option<u64>,
    /// `--then`
    pub then: Option<AfterExit>,
    /// `--report`
    pub report: Option<&'a CStr>,
    /// `--dry-run`
    pub dry_run: bool,
}

/// Option values whose meaning depends on other options.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Edits<'a> {
    /// `-e` and `--env-file`, in the order given
    pub env: Vec<EnvEdit<'a>>,
    /// `--cap-add`, `--cap-drop`
    pub capabilities: CapabilityEdits,
    /// `--security-opt no-new-privileges`; the default depends on `--privileged`
    pub no_new_privileges: Option<bool>,
    /// `--security-opt seccomp=`; the default depends on `--privileged`
    pub seccomp: Option<SeccompChoice<'a>>,
    /// `--uidmap`
    pub uids: Vec<IdRange>,
    /// `--gidmap`
    pub gids: Vec<IdRange>,
    /// Whether `--userns host` was given; the default for root is the same
    pub shares_users: bool,
    /// Whether `--userns keep-id` was given
    pub keeps_id: bool,
    /// Whether the CPU quota is for the default period (`--cpus`, `--cpu-percent`)
    pub cpus: bool,
}

/// The value of `--security-opt seccomp=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeccompChoice<'a> {
    /// `unconfined`: no filter.
    Unconfined,
    /// `builtin`: mini's own filter.
    BuiltIn,
    /// A file with a BPF program.
    File(&'a CStr),
}

/// A change of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvEdit<'a> {
    /// `KEY=VALUE`
    Set(&'a CStr),
    /// `KEY`, with the value it has in mini's own environment, if any.
    Take(&'a CStr),
    /// A file with one of the former in each line.
    File(&'a CStr),
}

/// Parses mini's arguments; the first one is the program's name.
///
/// # Errors
/// Names the argument that is wrong, and the right one where it is known.
pub fn parse<'a>(words: &'a [&'a CStr]) -> Result<Command<'a>> {
    let verb = words.get(1).map_or(&b""[..], |word| word.to_bytes());
    let rest = words.get(2..).unwrap_or_default();
    let first = rest.first().map(|word| word.to_bytes());
    match verb {
        b"run" => parse_run(rest),
        b"check" => match (first, rest.len()) {
            (None, _) => Ok(Command::Check { json: false }),
            (Some(b"--json"), 1) => Ok(Command::Check { json: true }),
            (Some(b"--help" | b"-h" | b"-help"), _) => Ok(Command::Help(Topic::Check)),
            _ => {
                // The first one that is not known.
                let wrong = rest.iter().find(|word| word.to_bytes() != b"--json");
                let wrong = wrong.copied().unwrap_or_default().to_bytes();
                let error = Error::new("option").object(wrong).cause("unknown");
                Err(error.hint("usage: mini check [--json]"))
            }
        },
        b"" | b"--help" | b"-h" | b"-help" => Ok(Command::Help(Topic::Overview)),
        b"--version" | b"-V" | b"-v" | b"version" => Ok(Command::Version),
        b"help" => match first {
            None | Some(b"help") => Ok(Command::Help(Topic::Overview)),
            Some(b"run") => Ok(Command::Help(Topic::Run)),
            Some(b"check") => Ok(Command::Help(Topic::Check)),
            Some(verb) => match oci::by_name(verb) {
                Some(verb) => Ok(Command::Help(Topic::Oci(verb))),
                None => Err(unknown_verb(verb)),
            },
        },
        verb => Err(unknown_verb(verb)),
    }
}

fn unknown_verb(verb: &[u8]) -> Error {
    if let [b'-', name @ ..] = verb {
        let error = Error::new("option").object(verb).cause("unknown");
        if options::is_known(verb) {
            return error.hint("options come after the verb: mini run [OPTIONS] COMMAND");
        }
        let name = name.strip_prefix(b"-").unwrap_or(name);
        return nearest::suggest(error, "--", name, [&b"help"[..], b"version"].into_iter());
    }
    let error = Error::new("command").object(verb).cause("unknown");
    if let Some(answer) = foreign::verb(verb) {
        return error.hint(answer);
    }
    let known = [&b"check"[..], b"help", b"version"].into_iter().chain(oci::names());
    if let Some(near) = nearest::find(verb, 3, known) {
        return nearest::did_you_mean(error, "mini ", near);
    }
    let mut hint = Text::new();
    hint.str("to run it: mini run ").quoted(verb).str("; for help: mini help");
    error.hint_text(&hint)
}

fn parse_run<'a>(words: &'a [&'a CStr]) -> Result<Command<'a>> {
    let mut run = Box::new(Run::default());
    let mut words = Args { words, value: None };
    while let Some(word) = words.next_option() {
        words.value = None;
        if matches!(word.to_bytes(), b"--help" | b"-help") {
            return Ok(Command::Help(Topic::Run));
        }
        if let Some((option, value)) = options::by_long_name(word) {
            take(&mut run, &option, value, word, &mut words)?;
        } else if word.to_bytes().starts_with(b"--") {
            return Err(options::unknown(word.to_bytes()));
        } else {
            short_options(&mut run, word, &mut words)?;
        }
    }
    if words.words.first().is_none_or(|command| command.is_empty()) {
        let error = Error::new("run").cause("no command given");
        let mut hint = Text::new();
        match words.value {
            Some((option, value)) => {
                hint.quoted(option.to_bytes()).str(" took ").word(value).str(" as its value");
            }
            None => drop(hint.str("usage: mini run [OPTIONS] [--] COMMAND [ARG...]")),
        }
        return Err(error.hint_text(&hint));
    }
    run.spec.process.args = words.words;
    Ok(Command::Run(run))
}

/// Short options in one argument: flags, then at most one option with a value, which is the rest of the
/// argument or the next argument.
fn short_options<'a>(run: &mut Run<'a>, word: &'a CStr, words: &mut Args<'a>) -> Result<()> {
    let letters = word.to_bytes();
    for (at, letter) in letters.iter().enumerate().skip(1) {
        let Some(option) = options::by_letter(*letter) else {
            return Err(options::unknown_letter(letters, *letter));
        };
        let rest = &word[at + 1..];
        let takes_value = matches!(option.act, Act::Value(..));
        let is_assigned = rest.to_bytes().first() == Some(&b'=');
        let value = match is_assigned {
            true => Some(&rest[1..]),
            false => (takes_value && !rest.is_empty()).then_some(rest),
        };
        take(run, &option, value, word, words)?;
        if takes_value || is_assigned {
            break;
        }
    }
    Ok(())
}

/// Applies one option. Its value comes from the same argument or from the next one.
fn take<'a>(
    run: &mut Run<'a>,
    option: &Unpacked,
    value: Option<&'a CStr>,
    word: &'a CStr,
    words: &mut Args<'a>,
) -> Result<()> {
    match (&option.act, value.map(CStr::to_bytes)) {
        (Act::Flag(set), None | Some(b"true" | b"1")) => set(run, true),
        (Act::Flag(set), Some(b"false" | b"0")) => set(run, false),
        (Act::Nothing, None | Some(b"true" | b"1")) => {}
        (Act::Flag(_) | Act::Nothing, Some(_)) => {
            return Err(Error::new("option").object(word.to_bytes()).cause("takes no value"));
        }
        (Act::Value(set), _) => {
            if value.is_none() {
                words.value = words.words.first().map(|value| (word, *value));
            }
            let Some(value) = value.or_else(|| words.next()) else {
                let error = Error::new("option").object(word.to_bytes()).cause("needs a value");
                return Err(error.hint_text(Text::new().raw(option.value)));
            };
            set(run, value)?;
        }
    }
    Ok(())
}

/// The arguments that are not parsed yet.
struct Args<'a> {
    words: &'a [&'a CStr],
    /// The last option and the argument that it took as its value.
    value: Option<(&'a CStr, &'a CStr)>,
}

impl<'a> Args<'a> {
    fn next(&mut self) -> Option<&'a CStr> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    /// The next argument if it is an option. `--` is skipped and ends the options.
    fn next_option(&mut self) -> Option<&'a CStr> {
        match self.words.first()?.to_bytes() {
            b"--" => {
                self.next();
                None
            }
            [b'-', _, ..] => self.next(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
