//! Executes the command: PATH search, scripts without `#!`, and the reason of a failure. Works on
//! the child's stack alone.

use crate::container::args_pipe::Args;
use crate::container::status::Detail;
use crate::spec::DEFAULT_PATH;
use crate::sys::process::execve;
use crate::sys::{Errno, Result, fs};
use core::ffi::CStr;

const SHELL: &CStr = c"/bin/sh";
/// PATH_MAX
const LONGEST: usize = 4096;

/// Executes the command. Returns only an error.
pub fn exec(args: &mut Args, detail: &mut Detail) -> Errno {
    let name = args.command();
    if name.to_bytes().contains(&b'/') {
        return attempt(name, args, detail);
    }
    search(name, args, detail)
}

/// Checks that execve(2) will find an executable file. Used to report a missing command at
/// `create`.
#[inline(never)]
pub fn find(args: &Args) -> Result<()> {
    let name = args.command();
    if name.to_bytes().contains(&b'/') {
        return may_run(name);
    }
    let mut reason = Errno::ENOENT;
    for directory in path_of(args).split(|b| *b == b':') {
        let mut buffer = [0; LONGEST];
        let Some(path) = join(directory, name, &mut buffer) else { continue };
        match may_run(path) {
            Ok(()) => return Ok(()),
            Err(Errno::EACCES) if is_file(path) => reason = Errno::EACCES,
            Err(_) => {}
        }
    }
    Err(reason)
}

/// A directory is EACCES, as for execve(2).
fn may_run(path: &CStr) -> Result<()> {
    fs::may_execute(path)?;
    match fs::identity(path)?.is_directory {
        true => Err(Errno::EACCES),
        false => Ok(()),
    }
}

/// The value of PATH, or the default.
fn path_of(args: &Args) -> &'static [u8] {
    args.path().unwrap_or(&DEFAULT_PATH.to_bytes()[b"PATH=".len()..])
}

/// Tries each directory of PATH.
#[inline(never)]
fn search(name: &CStr, args: &mut Args, detail: &mut Detail) -> Errno {
    let mut reason = Errno::ENOENT;
    for directory in path_of(args).split(|b| *b == b':') {
        let mut buffer = [0; LONGEST];
        let Some(path) = join(directory, name, &mut buffer) else { continue };
        match attempt(path, args, detail) {
            Errno::ENOENT | Errno::ENOTDIR if detail.bytes().is_empty() => {}
            // Continues like a shell: a later directory may have an executable file.
            Errno::EACCES if is_file(path) => reason = Errno::EACCES,
            Errno::EACCES => {}
            errno => return errno,
        }
    }
    reason
}

/// `DIRECTORY/NAME`; an empty directory is the working directory. None when the path is longer than
/// PATH_MAX.
fn join<'b>(directory: &[u8], name: &CStr, buffer: &'b mut [u8; LONGEST]) -> Option<&'b CStr> {
    let directory = if directory.is_empty() { b"." } else { directory };
    let name = name.to_bytes_with_nul();
    let length = directory.len() + 1 + name.len();
    let path = buffer.get_mut(..length)?;
    path[..directory.len()].copy_from_slice(directory);
    path[directory.len()] = b'/';
    path[directory.len() + 1..].copy_from_slice(name);
    CStr::from_bytes_with_nul(path).ok()
}

fn attempt(path: &CStr, args: &mut Args, detail: &mut Detail) -> Errno {
    match execve(path, args.args(), args.env()) {
        errno @ (Errno::ENOENT | Errno::ENOEXEC) => look_into(path, errno, args, detail),
        errno => errno,
    }
}

/// Finds a better reason in the file. Not inlined, so that a command that exists does not touch the
/// stack pages of its buffer.
#[inline(never)]
fn look_into(path: &CStr, errno: Errno, args: &mut Args, detail: &mut Detail) -> Errno {
    let mut buffer = [0; LONGEST];
    match errno {
        // execve(2) returns ENOENT also when the interpreter or the loader is missing. If the file
        // exists, name its interpreter.
        Errno::ENOENT => {
            if let Some(name) = beginning(path, &mut buffer).and_then(interpreter) {
                detail.set(name);
            }
            Errno::ENOENT
        }
        // A script without `#!` is run by the shell (exec(3), POSIX). Like shells, mini takes a
        // file without a NUL byte at its beginning for a script.
        Errno::ENOEXEC if beginning(path, &mut buffer).is_some_and(|it| !it.contains(&0)) => {
            args.interpret(SHELL, path);
            let errno = execve(SHELL, args.interpreted_args(), args.env());
            if errno == Errno::ENOENT {
                detail.set(SHELL.to_bytes());
            }
            errno
        }
        errno => errno,
    }
}

fn beginning<'b>(path: &CStr, buffer: &'b mut [u8; LONGEST]) -> Option<&'b [u8]> {
    let file = fs::open(path, libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY, 0).ok()?;
    let length = fs::read_full(&file, buffer).ok()?;
    Some(&buffer[..length])
}

/// Whether the path is something other than a directory. No when it cannot be reached.
fn is_file(path: &CStr) -> bool {
    let found = |flags| fs::open(path, libc::O_PATH | flags, 0).is_ok();
    found(0) && !found(libc::O_DIRECTORY)
}

/// The interpreter that a file asks for: from `#!`, or in ELF from the PT_INTERP header (elf(5)),
/// if that lies in the part that was read.
fn interpreter(content: &[u8]) -> Option<&[u8]> {
    if let Some(line) = content.strip_prefix(b"#!") {
        let line = line.split(|b| *b == b'\n').next()?.trim_ascii_start();
        return line.split(|b| *b == b' ' || *b == b'\t').next();
    }
    const PT_INTERP: usize = 3;
    content.strip_prefix(b"\x7fELF")?;
    let wide = *content.get(4)? == 2;
    let number = |at: usize, size: usize| -> Option<usize> {
        let bytes = content.get(at..at.checked_add(size)?)?;
        // Little endian, as all CPUs of mini. Otherwise only the message is poorer.
        Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    let (headers, size, count) = if wide {
        (number(32, 8)?, number(54, 2)?, number(56, 2)?)
    } else {
        (number(28, 4)?, number(42, 2)?, number(44, 2)?)
    };
    for index in 0..count {
        let header = headers.checked_add(index * size)?;
        if number(header, 4)? == PT_INTERP {
            let (offset, length) = if wide {
                (number(header + 8, 8)?, number(header + 32, 8)?)
            } else {
                (number(header + 4, 4)?, number(header + 16, 4)?)
            };
            let text = content.get(offset..offset.checked_add(length)?)?;
            return text.split(|b| *b == 0).next();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_read() {
        assert_eq!(interpreter(b"#! /bin/awk -f\nx"), Some(&b"/bin/awk"[..]));
        assert_eq!(interpreter(b"#!/bin/sh"), Some(&b"/bin/sh"[..]));
        assert_eq!(interpreter(b"echo"), None);
        let own = std::fs::read("/proc/self/exe").unwrap();
        let loader = interpreter(&own[..LONGEST]).unwrap();
        assert!(loader.starts_with(b"/lib"), "{loader:?}");
    }

    #[test]
    fn paths_are_joined() {
        let mut buffer = [0; LONGEST];
        assert_eq!(join(b"/bin", c"sh", &mut buffer), Some(c"/bin/sh"));
        assert_eq!(join(b"", c"sh", &mut buffer), Some(c"./sh"));
        assert_eq!(join(&[b'x'; LONGEST], c"sh", &mut buffer), None);
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_read_safely(tail: Vec<u8>, elf: bool) {
            let head = if elf { &b"\x7fELF\x02"[..] } else { b"#!" };
            interpreter(&[head, &tail].concat());
        }
    }
}
