//! mini runs a command in a Linux container: one static binary on raw system calls.
//!
//! Data flows one way:
//!
//! ```text
//! arguments ─── cli ─┐                                        ┌─ verbs::run: wait in the foreground
//! config.json ─ oci ─┼─> Spec ─┐                              │
//!                    │         ├─ plan ─> Plan ─ container ───┤
//!      host facts, read once ──┘                              └─ exit status
//! ```
//!
//! Four principles:
//! 1. **The plan is the program.** A pure function decides what a launch does and writes it down as steps. The
//!    child performs the steps in order and decides nothing.
//! 2. **Fail closed.** A step that fails ends the launch before the command starts. One line names the step,
//!    its object and the kernel's error.
//! 3. **Every system call earns its place.** mini does not ask the kernel for a fact that a refused step
//!    would tell anyway.
//! 4. **`unsafe` is only in `sys`** and in the binary's `rt`, in small blocks, each with its reason.
//!
//! The modules, in the order of their imports: a module imports only modules that stand above it here.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

/// Text and numbers, without allocation on the way out.
pub mod text;

/// The kernel: one thin, typed function per system call.
pub mod sys;

/// JSON output.
pub mod json;

/// The one-line error and the exit status that belongs to it.
pub mod error;

/// What a container is: plain data in the words of the OCI runtime specification.
pub mod spec;

/// cgroup hierarchies, control files and their values; pure.
pub mod cgroup;

/// What this machine and the caller are: facts.
pub mod host;

/// The OCI documents: config.json, seccomp rules, device rules.
pub mod oci;

/// (Spec, Host) to steps; pure.
pub mod plan;

/// Executes a plan: the parent's part and the child's part.
pub mod container;

/// The state directory of containers that outlive mini.
pub mod store;

/// Command line arguments to a command; the option tables; help.
pub mod cli;

/// One module for each verb.
pub mod verbs;

/// mini as the machine's first process.
pub mod machine;

use cli::{Command, Topic};
use core::ffi::CStr;
use error::{Error, Result};
use host::Caller;
use spec::AfterExit;
use text::Text;

/// The whole program: mini's words and environment in, an exit status out.
pub fn main(words: &[&CStr], env: &[&CStr], caller: Caller) -> u8 {
    if let Some(status) = container::serve_as_init(words, env, &caller) {
        return status;
    }
    if let Err(error) = caller.check() {
        error.print();
        return error.status();
    }
    if !machine::is_mine() {
        return run_command(words, env, caller, None);
    }
    machine::begin();
    let mut then = AfterExit::default();
    let status = run_command(words, env, caller, Some(&mut then));
    machine::end(then, status)
}

/// `then` is there where mini is the machine's first process, to take down what is to follow.
fn run_command(words: &[&CStr], env: &[&CStr], caller: Caller, then: Option<&mut AfterExit>) -> u8 {
    if then.is_none() && verbs::oci::is_meant(words.get(1..).unwrap_or_default()) {
        let status = verbs::oci::run(words, env, caller);
        container::signals::end();
        return status;
    }
    let result = cli::parse(words).and_then(|command| match command {
        Command::Run(request) => {
            match then {
                Some(then) => *then = request.then.unwrap_or_default(),
                None if request.then.is_some() => {
                    let error = Error::new("option").object(b"--then");
                    return Err(error.cause("mini is not the machine's first process here"));
                }
                None => {}
            }
            verbs::run::run(request, env, caller)
        }
        Command::Check { json } => verbs::check::check(json, env, caller),
        Command::Help(topic) => show(topic),
        Command::Version => {
            let mut text = Text::new();
            verbs::version(&mut text);
            verbs::print(text.bytes().into())
        }
    });
    let status = result.unwrap_or_else(|error| {
        error.print();
        error.status()
    });
    container::signals::end();
    status
}

fn show(topic: Topic) -> Result<u8> {
    let mut text = Text::new();
    match topic {
        Topic::Overview => cli::overview(&mut text),
        Topic::Run => cli::run_help(&mut text),
    }
    verbs::print(text.bytes().into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// The modules of this file, in their order.
    fn modules() -> Vec<String> {
        let source = include_str!("lib.rs").lines();
        source
            .filter_map(|line| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned()))
            .collect()
    }

    fn files(path: &Path, found: &mut Vec<std::path::PathBuf>) {
        if path.is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| files(&entry.unwrap().path(), found));
        } else if path.exists() {
            found.push(path.to_owned());
        }
    }

    /// The modules that a file imports from the crate's root: `crate::name` and `crate::{name, name}`.
    fn imports(text: &str) -> Vec<String> {
        let names = |rest: &str| -> Vec<String> {
            let first = |text: &str| -> String {
                text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
            };
            match rest.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap().split(',').map(first).collect(),
                None => vec![first(rest)],
            }
        };
        let uses = text.split("crate::").skip(1);
        uses.flat_map(names).filter(|name| !name.is_empty()).collect()
    }

    #[test]
    fn imports_point_up_the_list() {
        let modules = modules();
        assert!(modules.len() > 10, "{modules:?}");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut seen = 0;
        for (at, module) in modules.iter().enumerate() {
            let mut list = Vec::new();
            files(&source.join(module), &mut list);
            files(&source.join(format!("{module}.rs")), &mut list);
            for file in list {
                for import in imports(&fs::read_to_string(&file).unwrap()) {
                    let above = modules.iter().position(|module| *module == import);
                    let above = above.unwrap_or_else(|| panic!("{file:?} imports crate::{import}"));
                    assert!(
                        above <= at,
                        "{file:?}: {module} imports {import}, which stands below it"
                    );
                    seen += 1;
                }
            }
        }
        assert!(seen > 100, "{seen}");
    }

    /// ARCHITECTURE.md's table of modules names the same ones in the same order.
    #[test]
    fn the_architecture_tells_the_same_order() {
        let text = include_str!("../ARCHITECTURE.md");
        let table = text.split("| `rt` |").next().unwrap();
        let rows: Vec<_> = table
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .filter(|name| modules().iter().any(|module| module == name))
            .map(str::to_owned)
            .collect();
        assert_eq!(rows, modules());
    }
}
