//! mini runs a command in a Linux container: one static binary on raw system calls.
//!
//! The flow, one way only:
//!
//! ```text
//! words ─ cli ─> Command ─ run ─> Spec ─┐
//!                                       ├─ plan ─> Plan ─ container ─> exit status
//!            host: facts, read once ────┘           (launch · init · supervise)
//! ```
//!
//! Four principles:
//! 1. **The plan is the program.** What a launch does is decided by a pure function and written
//!    down as steps; the child performs them in order and decides nothing.
//! 2. **Fail closed.** A step that fails ends the launch before the command has started, with one
//!    line that names the step, its object and the kernel's reason.
//! 3. **Every system call earns its place.** No fact is asked for that a refused step would tell.
//! 4. **`unsafe` lives in `sys`** (and in the binary's `rt`), in small blocks, each with its reason.
//!
//! A module imports only what stands above it here, `sys` being the ground:

#![cfg_attr(not(test), no_std)]

extern crate alloc;

/// The kernel, one function per system call.
pub mod sys;

/// Text for people.
pub mod text;

/// JSON for programs.
pub mod json;

/// The one kind of failure.
pub mod error;

/// What a container is.
pub mod spec;

/// The OCI runtime specification: config.json, seccomp rules, device rules.
pub mod oci;

/// Control groups: hierarchies, control files, scales.
pub mod cgroup;

/// What this machine is.
pub mod host;

/// What will be done: steps.
pub mod plan;

/// Doing it: launch, the child, supervision.
pub mod container;

/// Words to a command.
pub mod cli;

/// The verb `mini run`.
pub mod run;

/// The verb `mini check`.
pub mod check;

/// mini as the machine's first process.
pub mod machine;

use alloc::boxed::Box;
use alloc::vec::Vec;
use cli::{Command, Topic};
use core::ffi::CStr;
use error::{Error, Result};
use host::Caller;
use spec::Then;
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
        return obey(words, env, caller, None);
    }
    machine::begin();
    let mut then = Then::default();
    let status = obey(words, env, caller, Some(&mut then));
    machine::end(then, status)
}

/// `then` is there where mini is the machine's first process, to take down what is to follow.
fn obey(words: &[&CStr], env: &[&CStr], caller: Caller, then: Option<&mut Then>) -> u8 {
    let result = cli::parse(words).and_then(|command| match command {
        // It lives as long as the process, and so does what is made of it.
        Command::Run(request) => {
            match then {
                Some(then) => *then = request.then.unwrap_or_default(),
                None if request.then.is_some() => {
                    let error = Error::new("option").object(b"--then");
                    return Err(error.cause("mini is not the machine's first process here"));
                }
                None => {}
            }
            run::run(Box::leak(request), env, caller)
        }
        Command::Check { json } => check::check(json, env, caller),
        Command::Help(topic) => show(topic),
        Command::Version => print(concat!("mini ", env!("CARGO_PKG_VERSION"), "\n").into()),
    });
    result.unwrap_or_else(|error| {
        error.print();
        error.status()
    })
}

fn show(topic: Topic) -> Result<u8> {
    let mut text = Text::new();
    match topic {
        Topic::Overview => cli::overview(&mut text),
        Topic::Run => cli::run_help(&mut text),
    }
    print(text.bytes().into())
}

/// Answers on standard output; a full disk or a closed descriptor is an error.
fn print(text: Vec<u8>) -> Result<u8> {
    match sys::fs::write_all(&sys::fd::STDOUT, &text) {
        Ok(()) => Ok(0),
        Err(errno) => Err(Error::new("write").object(b"standard output").errno(errno)),
    }
}
