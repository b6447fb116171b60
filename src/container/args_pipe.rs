//! The arguments pipe carries the command's arguments and environment to the child. The child reads
//! until the parent has written everything.
//!
//! Format: three u32 (number of arguments, number of variables, bytes that follow), then each
//! string as a u32 length, its bytes and a NUL, in native byte order. Because of the NUL the child
//! can pass the strings to execve(2) in place.

use crate::sys::memory::bytes_of;
use crate::sys::process::PointerTable;
use crate::sys::{Errno, Fd, Result, fs};
use alloc::vec::Vec;
use core::ffi::CStr;

const HEADER: usize = 12;

/// Slots in the pointer table in addition to the strings: one in front for an interpreter, the null
/// after the arguments, one for a variable added later, and the last null.
const EXTRA_SLOTS: usize = 4;

/// Packs the message for the child.
pub fn pack(args: &[&CStr], env: &[&CStr]) -> Vec<u8> {
    let strings = || args.iter().copied().chain(env.iter().copied());
    let body: usize = strings().map(|string| 4 + string.count_bytes() + 1).sum();
    let mut message = Vec::with_capacity(HEADER + body);
    for number in [args.len(), env.len(), body] {
        message.extend_from_slice(&(number as u32).to_ne_bytes());
    }
    for string in strings() {
        message.extend_from_slice(&(string.count_bytes() as u32).to_ne_bytes());
        message.extend_from_slice(string.to_bytes_with_nul());
    }
    message
}

/// A message that is not fully sent because the pipe is full.
pub struct PendingArgs<'a> {
    pipe: &'a Fd,
    message: Vec<u8>,
    sent: usize,
}

impl<'a> PendingArgs<'a> {
    /// Sends as much as the pipe has room for; returns the rest. Closes the pipe after the last
    /// byte.
    pub fn send(pipe: &'a Fd, message: Vec<u8>) -> Result<Option<PendingArgs<'a>>> {
        // A pipe has room for at least one page (pipe(7)), and for no more when the user has
        // reached pipe-user-pages-soft.
        if message.len() > 4096 {
            fs::set_nonblocking(pipe)?;
        }
        PendingArgs { pipe, message, sent: 0 }.send_more()
    }

    /// Keeps the message, to be sent later.
    pub fn hold(pipe: &'a Fd, message: Vec<u8>) -> PendingArgs<'a> {
        PendingArgs { pipe, message, sent: 0 }
    }

    /// Sends the whole message and waits for the child to read it. The pipe stays open.
    pub fn send_all(&self) -> Result<()> {
        match fs::write_all(self.pipe, &self.message) {
            // The child is gone already; its record or its status says why.
            Err(Errno::EPIPE) => {
                crate::container::signals::discard_pipe();
                Ok(())
            }
            result => result,
        }
    }

    /// Sends the byte that the child waits for.
    pub fn send_sync(&self) -> Result<()> {
        fs::write_all(self.pipe, &SYNC)
    }

    /// Sends more of the message.
    pub fn send_more(mut self) -> Result<Option<PendingArgs<'a>>> {
        while self.sent < self.message.len() {
            match fs::write(self.pipe, &self.message[self.sent..]) {
                Ok(length) => self.sent += length,
                Err(Errno::EAGAIN) => return Ok(Some(self)),
                // The child has ended; its status record or exit status says why.
                Err(Errno::EPIPE) => {
                    crate::container::signals::discard_pipe();
                    break;
                }
                Err(errno) => return Err(errno),
            }
        }
        self.pipe.close_copy();
        Ok(None)
    }

    /// The pipe, to poll for room.
    pub fn pipe(&self) -> &Fd {
        self.pipe
    }
}

/// Bytes of buffer that [`receive`] needs for the message.
pub fn buffer_size(args: usize, env: usize, message: usize) -> usize {
    (args + env + EXTRA_SLOTS) * size_of::<usize>() + message.next_multiple_of(size_of::<usize>())
}

/// Arguments and environment in the child's memory, and a table of pointers to them.
pub struct Args {
    table: &'static mut [usize],
    args: usize,
    /// argv[0]
    command: &'static CStr,
    /// Value of PATH.
    path: Option<&'static [u8]>,
}

/// Waits for the byte that the parent sends first when it has written the id maps. Returns whether
/// it came.
pub fn wait_for_sync(pipe: &Fd) -> Result<bool> {
    Ok(fs::read_full(pipe, &mut [0; SYNC.len()])? == SYNC.len())
}

/// That byte.
pub const SYNC: [u8; 1] = [1];

/// Reads the message; None when the parent has ended before all was written.
pub fn receive(pipe: &Fd, buffer: &'static mut [usize]) -> Result<Option<Args>> {
    let mut header = [0u8; HEADER];
    if fs::read_full(pipe, &mut header)? < HEADER {
        return Ok(None);
    }
    let [args, env, length] = numbers(header);
    let slots = args + env + EXTRA_SLOTS;
    let (table, rest) = buffer.split_at_mut_checked(slots).ok_or(Errno::EMSGSIZE)?;
    let body = bytes_of(rest).get_mut(..length).ok_or(Errno::EMSGSIZE)?;
    if fs::read_full(pipe, body)? < length {
        return Ok(None);
    }
    unpack(table, body, args, env).ok_or(Errno::EBADMSG).map(Some)
}

fn numbers(header: [u8; HEADER]) -> [usize; 3] {
    let number = |at: usize| {
        u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize
    };
    [number(0), number(4), number(8)]
}

/// Finds the strings in the body and fills in the table; None when the body is malformed.
fn unpack(
    table: &'static mut [usize],
    mut body: &'static [u8],
    args: usize,
    env: usize,
) -> Option<Args> {
    let mut command = None;
    let mut path = None;
    table.fill(0);
    for index in 0..args + env {
        let (length, rest) = body.split_first_chunk()?;
        let (string, rest) = rest.split_at_checked(u32::from_ne_bytes(*length) as usize + 1)?;
        body = rest;
        let string = CStr::from_bytes_with_nul(string).ok()?;
        if index == 0 {
            command = Some(string);
        }
        if index >= args && path.is_none() {
            path = string.to_bytes().strip_prefix(b"PATH=");
        }
        // Skips the spare slot before the arguments, and the null before the variables.
        let slot = index + if index < args { 1 } else { 2 };
        *table.get_mut(slot)? = string.as_ptr() as usize;
    }
    (args > 0 && body.is_empty()).then_some(Args { table, args, command: command?, path })
}

impl Args {
    /// The command: argv[0].
    pub fn command(&self) -> &'static CStr {
        self.command
    }

    /// Value of PATH in the command's environment.
    pub fn path(&self) -> Option<&'static [u8]> {
        self.path
    }

    /// Adds a variable. The string must live until execve(2).
    pub fn add_variable(&mut self, variable: &CStr) {
        let slot = self.table.len() - 2;
        self.table[slot] = variable.as_ptr() as usize;
    }

    /// The arguments, for execve.
    pub fn args(&self) -> PointerTable<'_> {
        PointerTable::new(&self.table[1..self.args + 2])
    }

    /// Changes the arguments to `interpreter script arg...`, as for a script without `#!`. The
    /// strings must live until execve(2).
    pub fn interpret(&mut self, interpreter: &CStr, script: &CStr) {
        self.table[0] = interpreter.as_ptr() as usize;
        self.table[1] = script.as_ptr() as usize;
    }

    /// The arguments with the interpreter in front.
    pub fn interpreted_args(&self) -> PointerTable<'_> {
        PointerTable::new(&self.table[..self.args + 2])
    }

    /// The environment, for execve.
    pub fn env(&self) -> PointerTable<'_> {
        PointerTable::new(&self.table[self.args + 2..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    fn leaked_table(slots: usize) -> &'static mut [usize] {
        vec![1; slots].leak()
    }

    fn unpacked(message: &[u8]) -> Option<Args> {
        let [args, env, length] = numbers(message[..HEADER].try_into().unwrap());
        let body: &'static [u8] = message[HEADER..].to_vec().leak();
        assert_eq!(body.len(), length);
        unpack(leaked_table(args + env + EXTRA_SLOTS), body, args, env)
    }

    proptest::proptest! {
        /// What is packed is received: any strings, also empty ones.
        #[test]
        fn strings_arrive_byte_for_byte(
            args in proptest::collection::vec(proptest::collection::vec(1u8.., 0..300), 1..20),
            env in proptest::collection::vec(proptest::collection::vec(1u8.., 0..300), 0..20),
        ) {
            let args: Vec<CString> = args.into_iter().map(|w| CString::new(w).unwrap()).collect();
            let env: Vec<CString> = env.into_iter().map(|w| CString::new(w).unwrap()).collect();
            let env: Vec<&CStr> = env.iter().map(|w| &**w).collect();
            let borrowed: Vec<&CStr> = args.iter().map(|w| &**w).collect();
            let message = pack(&borrowed, &env);
            assert!(buffer_size(args.len(), env.len(), message.len()) >= message.len());
            let received = unpacked(&message).unwrap();
            assert_eq!(received.command(), borrowed[0]);
            let stored = |address: usize| {
                // SAFETY: the table holds addresses in the leaked body.
                unsafe { CStr::from_ptr(address as *const _) }
            };
            for (slot, string) in borrowed.iter().enumerate() {
                assert_eq!(stored(received.table[1 + slot]), *string);
            }
            assert_eq!(received.table[1 + args.len()], 0);
            for (slot, string) in env.iter().enumerate() {
                assert_eq!(stored(received.table[2 + args.len() + slot]), *string);
            }
            assert_eq!(received.table[received.table.len() - 2..], [0, 0]);
        }

        /// A malformed message is refused and never read past its end.
        #[test]
        fn any_body_unpacks_or_is_refused(body: Vec<u8>, args in 0usize..5, env in 0usize..5) {
            unpack(leaked_table(args + env + EXTRA_SLOTS), body.leak(), args, env);
        }
    }
}
