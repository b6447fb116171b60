//! The verb `mini run`: the request and the environment become a spec, the spec becomes a plan, the plan
//! becomes an exit status.

mod complete;
pub mod env;
mod own_tmp;

use super::print;
use crate::cli::Run;
use crate::container::{self, report, signals, stdio};
use crate::error::{Error, Result};
use crate::host::{Caller, Host};
use crate::plan::Plan;
use crate::spec::capability::SYS_ADMIN;
use crate::spec::{Id, Spec, User};
use crate::sys::fs;
use crate::text::Text;
use alloc::boxed::Box;
use core::ffi::CStr;

/// Runs the command and returns its exit status.
///
/// # Errors
/// Whatever kept the command from starting.
pub fn run<'a>(request: Box<Run<'a>>, environ: &[&'a CStr], caller: Caller) -> Result<u8> {
    // The time counts from here, however long the launch takes.
    if let Some(timeout) = request.timeout {
        signals::count(timeout).map_err(|errno| Error::new("timeout").errno(errno))?;
    }
    stdio::repair()?;
    check_descriptors(&request)?;
    // The request, the host and the plan live as long as the process: no code frees them.
    let request: &mut Run = Box::leak(request);
    if request.edits.keeps_id && request.spec.process.user.is_none() {
        let (uid, gid) = (Id::Number(caller.euid), Some(Id::Number(caller.egid)));
        request.spec.process.user = Some(User { uid, gid });
    }
    complete::complete(request, environ)?;
    check_lengths(&request.spec, caller.program.page_size)?;
    if request.edits.shares_users && caller.euid != 0 {
        let error = Error::new("option --userns host").cause("only root can use it");
        return Err(error.hint("a container of an ordinary user has a user namespace"));
    }
    let host = Box::leak(Box::new(Host::probe(caller, &request.spec)?));
    check_initramfs(request, host)?;
    core::mem::take(&mut request.defaults).fill(&mut request.spec, host);
    let request: &Run = request;
    let spec = &request.spec;
    let plan = Box::leak(Box::new(Plan::new(spec, host)));
    if request.dry_run {
        let mut text = Text::new();
        plan.describe(&mut text);
        return print(text.bytes().into());
    }
    let report = request.report.map(report::open).transpose()?;
    let mut options = request.options;
    options.program = caller.program;
    options.measure = report.is_some();
    // Without a rootfs the command reaches the socket itself.
    options.ready.socket = spec.root.path.and(env::value_of(b"NOTIFY_SOCKET", environ));
    let result = container::run(plan, spec, host, options);
    if let Some(to) = report
        && let Err(error) = report::write(to, &result, spec, host)
    {
        // The exit status stays the command's.
        error.print();
    }
    result.map(|outcome| outcome.status)
}

/// Descriptors that the command or the caller uses must be open: otherwise one of mini's own would get
/// the number.
fn check_descriptors(request: &Run) -> Result<()> {
    let preserved = (3..3 + request.spec.security.descriptors).map(|fd| ("--preserve-fds", fd));
    let ready = request.options.ready.descriptor;
    for (option, fd) in preserved.chain(ready.map(|fd| ("--ready-fd", fd))) {
        if !fs::is_open(fd as i32) {
            let error = Error::new("option").object(option.as_bytes());
            return Err(error.cause("file descriptor is not open:").number(fd));
        }
    }
    Ok(())
}

/// A process with CAP_SYS_ADMIN could unmount the new root and see the initramfs, so the plan drops
/// CAP_SYS_ADMIN there; to request it is an error.
fn check_initramfs(request: &Run, host: &Host) -> Result<()> {
    if !(host.root_is_initramfs && request.spec.root.path.is_some()) {
        return Ok(());
    }
    let admin = 1 << SYS_ADMIN;
    let edits = request.edits.capabilities;
    let adds_all = edits.add_all || request.defaults.privileged;
    let all = adds_all && edits.drop & admin == 0 && !edits.drop_all;
    if all || edits.add & admin != 0 {
        let error = Error::new("rootfs on an initramfs").cause("goes without CAP_SYS_ADMIN");
        return Err(
            error.hint("it could unmount its root and see the initramfs: add --cap-drop SYS_ADMIN")
        );
    }
    Ok(())
}

/// The kernel takes arguments and variables of at most 32 pages (MAX_ARG_STRLEN, execve(2)). Its error
/// E2BIG does not tell which one is too long.
fn check_lengths(spec: &Spec, page_size: usize) -> Result<()> {
    let longest = 32 * page_size - 1;
    let args = spec.process.args.iter().zip(0..).map(|(word, at)| ("argument", word, at));
    let env = spec.process.env.iter().zip(0..).map(|(word, at)| ("variable", word, at));
    for (step, word, at) in args.chain(env) {
        if word.count_bytes() > longest {
            let mut hint = Text::new();
            hint.number(word.count_bytes() as u64);
            hint.str(" bytes; the kernel takes at most ").number(longest as u64);
            let error = Error::new(step).number(at).object(word.to_bytes());
            return Err(error.cause("too long").hint_text(&hint));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_the_kernel_would_refuse_is_named() {
        let long = std::ffi::CString::new(vec![b'a'; 32 * 4096]).unwrap();
        let words = [c"cmd", &long];
        let mut spec = Spec::default();
        spec.process.args = &words;
        let error = check_lengths(&spec, 4096).unwrap_err();
        let line = str::from_utf8(error.line()).unwrap();
        assert!(line.starts_with("argument 1 aaaa"), "{line}");
        let end = "too long (131072 bytes; the kernel takes at most 131071)";
        assert!(line.ends_with(end), "{line}");
        assert!(check_lengths(&spec, 65536).is_ok());
        spec.process.env = vec![c"A=1", &long];
        spec.process.args = &[];
        let error = check_lengths(&spec, 4096).unwrap_err();
        assert!(error.line().starts_with(b"variable 1 aaaa"), "{error:?}");
    }
}
