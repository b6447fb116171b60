//! Args to a command: nothing but words in, data or an error out.

mod help;
mod mounts;
mod nearest;
pub mod oci;
mod options;
mod packed;
mod security;
mod values;

pub use help::{overview, run_help};
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

/// What mini was asked to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// `mini run`
    Run(Box<Run<'a>>),
    /// `mini check`
    Check {
        /// `--json`
        json: bool,
    },
    /// `mini help`, `mini run --help`: show this text.
    Help(Topic),
    /// `mini --version`
    Version,
}

/// What help was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// mini as a whole.
    Overview,
    /// `mini run`
    Run,
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
    /// Whether the CPU quota is for the default period (`--cpus`, `--cpu-percent`)
    pub cpus: bool,
}

/// Which system calls are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeccompChoice<'a> {
    /// None.
    Unconfined,
    /// The usual ones.
    BuiltIn,
    /// Those that a program in a file says.
    File(&'a CStr),
}

/// A change of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvEdit<'a> {
    /// `KEY=VALUE`
    Set(&'a CStr),
    /// `KEY`, with the value it has in mini's own environment, if any.
    Take(&'a CStr),
    /// The same two, a line each, from a file.
    File(&'a CStr),
}

/// Reads mini's words, the program's name first.
///
/// # Errors
/// What is wrong with which word, and the nearest right one where there is one.
pub fn parse<'a>(words: &'a [&'a CStr]) -> Result<Command<'a>> {
    let verb = words.get(1).map_or(&b""[..], |word| word.to_bytes());
    let rest = words.get(2..).unwrap_or_default();
    match verb {
        b"run" => parse_run(rest),
        b"check" => match rest {
            [] => Ok(Command::Check { json: false }),
            [word] if word.to_bytes() == b"--json" => Ok(Command::Check { json: true }),
            [word] if word.to_bytes() == b"--help" => Ok(Command::Help(Topic::Overview)),
            [word, ..] => {
                let usage = "usage: mini check [--json]";
                Err(Error::new("option").object(word.to_bytes()).cause("unknown").hint(usage))
            }
        },
        b"" | b"--help" | b"-h" => Ok(Command::Help(Topic::Overview)),
        b"--version" | b"-V" => Ok(Command::Version),
        b"help" => match rest.first().map(|word| word.to_bytes()) {
            None | Some(b"help" | b"check") => Ok(Command::Help(Topic::Overview)),
            Some(b"run") => Ok(Command::Help(Topic::Run)),
            Some(verb) => Err(unknown_verb(verb)),
        },
        verb => Err(unknown_verb(verb)),
    }
}

fn unknown_verb(verb: &[u8]) -> Error {
    let error = Error::new("command").object(verb).cause("unknown");
    nearest::suggest(error, "", verb, [&b"run"[..], b"check", b"help"].into_iter())
}

fn parse_run<'a>(words: &'a [&'a CStr]) -> Result<Command<'a>> {
    let mut run = Box::new(Run::default());
    let mut words = Args { words };
    while let Some(word) = words.next_option() {
        if matches!(word.to_bytes(), b"--help") {
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
        let usage = "usage: mini run [OPTIONS] [--] COMMAND [ARG...]";
        return Err(Error::new("run").cause("no command given").hint(usage));
    }
    run.spec.process.args = words.words;
    Ok(Command::Run(run))
}

/// Short options in one word: flags, then at most one that takes a value, which is the rest of
/// the word or the next one.
fn short_options<'a>(run: &mut Run<'a>, word: &'a CStr, words: &mut Args<'a>) -> Result<()> {
    let letters = word.to_bytes();
    for (at, letter) in letters.iter().enumerate().skip(1) {
        let Some(option) = options::by_letter(*letter) else {
            return Err(options::unknown(letters));
        };
        let rest = &word[at + 1..];
        let takes_value = matches!(option.act, Act::Value(..));
        let value = (takes_value && !rest.is_empty())
            .then(|| if rest.to_bytes()[0] == b'=' { &rest[1..] } else { rest });
        take(run, &option, value, word, words)?;
        if takes_value {
            break;
        }
    }
    Ok(())
}

/// Applies one option, with its value from the same word or the next.
fn take<'a>(
    run: &mut Run<'a>,
    option: &Unpacked,
    value: Option<&'a CStr>,
    word: &'a CStr,
    words: &mut Args<'a>,
) -> Result<()> {
    match (&option.act, value) {
        (Act::Flag(set), None) => {
            set(run);
            Ok(())
        }
        (Act::Flag(_), Some(_)) => {
            Err(Error::new("option").object(word.to_bytes()).cause("takes no value"))
        }
        (Act::Value(set), value) => match value.or_else(|| words.next()) {
            Some(value) => set(run, value),
            None => {
                let error = Error::new("option").object(word.to_bytes()).cause("needs a value");
                Err(error.hint_text(Text::new().raw(option.value)))
            }
        },
    }
}

/// The words not read yet.
struct Args<'a> {
    words: &'a [&'a CStr],
}

impl<'a> Args<'a> {
    fn next(&mut self) -> Option<&'a CStr> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    /// The next word if it is an option; `--` is passed over, and ends them.
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
