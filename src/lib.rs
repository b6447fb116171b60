//! mini starts commands in Linux containers. It is one static binary on raw system calls, and both a
//! launcher (`mini run`) and an OCI runtime (`mini create`, `mini start` and so on).
//!
//! Data flows one way:
//!
//! ```text
//! command line ── cli ──┐
//!                       ├─> Spec ──┐                            ┌─ run: wait for the command
//! config.json ─── oci ──┘          ├─ plan ─> Plan ─ container ─┤
//!                    host facts ───┘                            └─ create: wait for `mini start`
//! ```
//!
//! Principles:
//! 1. **The plan is the program.** A pure function decides what a launch does and writes it down as
//!    steps. The child performs the steps in order and decides nothing.
//! 2. **Fail closed.** A step that fails ends the launch before the command starts. One line names the
//!    step, its object and the kernel's error.
//! 3. **Every system call earns its place.** mini does not ask the kernel for a fact that the kernel
//!    tells anyway by refusing a step.
//! 4. **`unsafe` is only in `sys`** and in the binary's `rt`, in small blocks, each with its reason.
//!
//! The modules are listed in the order of their imports: a module imports only modules above it.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

/// Text output and number parsing.
pub mod text;

/// The kernel: one thin, typed function per system call.
pub mod sys;

/// JSON output.
pub mod json;

/// The error type: a one-line message and an exit status.
pub mod error;

/// What a container is: plain data in the terms of the OCI runtime specification.
pub mod spec;

/// cgroup hierarchies, control files and their values; pure.
pub mod cgroup;

/// Facts about this machine and the caller.
pub mod host;

/// OCI documents: config.json, seccomp rules, device rules.
pub mod oci;

/// From (Spec, Host) to steps; pure.
pub mod plan;

/// Executes a plan: the parent's part and the child's part.
pub mod container;

/// The state directory of containers that outlive mini.
pub mod store;

/// The command line: parser, option table, help.
pub mod cli;

/// One module per verb.
pub mod verbs;

/// mini as PID 1 of the machine.
pub mod machine;

use cli::{Command, Topic};
use core::ffi::CStr;
use error::{Error, Result};
use host::Caller;
use spec::AfterExit;
use text::Text;

/// The whole program: mini's arguments and environment in, an exit status out.
pub fn main(args: &[&CStr], env: &[&CStr], caller: Caller) -> u8 {
    if let Some(status) = container::serve_as_init(args, env, &caller) {
        return status;
    }
    if let Err(error) = caller.check() {
        error.print();
        return error.status();
    }
    if !machine::is_mine() {
        return run_command(args, env, caller, None);
    }
    machine::begin();
    let mut then = AfterExit::default();
    let status = run_command(args, env, caller, Some(&mut then));
    machine::end(then, status)
}

/// Runs the command line. `then` is Some where mini is PID 1 of the machine; it receives the value
/// of `--then`.
fn run_command(args: &[&CStr], env: &[&CStr], caller: Caller, then: Option<&mut AfterExit>) -> u8 {
    if then.is_none() && verbs::oci::is_meant(args.get(1..).unwrap_or_default()) {
        let status = verbs::oci::run(args, env, caller);
        container::signals::end();
        return status;
    }
    let result = cli::parse(args).and_then(|command| match command {
        Command::Run(request) => {
            match then {
                Some(then) => *then = request.then.unwrap_or_default(),
                None if request.then.is_some() => {
                    let error = Error::new("option").object(b"--then");
                    return Err(error.cause("mini is not PID 1 of the machine"));
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
        Topic::Check => cli::check_help(&mut text),
        Topic::Oci(verb) => cli::oci::help(verb, &mut text),
    }
    verbs::print(text.bytes().into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// The modules of this file, in order.
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

    /// The modules that a file imports: `crate::name` and `crate::{name, name}`.
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

    /// ARCHITECTURE.md's table of modules has the same names in the same order.
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
