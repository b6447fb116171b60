//! Generates the table of system calls for seccomp rules that are read at run time. Each name occurs
//! once, in alphabetical order, with its number on this CPU and on the 32-bit CPU whose programs it
//! also runs.
//!
//! An entry is a name and four bytes with the highest bit set (two where there is no 32-bit CPU). So a
//! binary search finds the start of an entry without an index. Two bytes hold 14 bits, low half first:
//! nine bits of the number (511: no such call) and five extra bits. For x86 the extra bits say how
//! socketcall(2) and ipc(2) provide the same call: those of the first number which of the two (1, 2),
//! those of the second number which of its calls. For arm, 31 in the extra bits of the second number
//! means that the number is relative to 0xf0000.

use std::collections::BTreeMap;
use syscalls::{aarch64, arm, riscv64, x86, x86_64};

const NONE: u32 = 511;

#[derive(Clone, Copy)]
struct Entry {
    first: u32,
    first_extra: u32,
    second: u32,
    second_extra: u32,
}

const EMPTY: Entry = Entry { first: NONE, first_extra: 0, second: NONE, second_extra: 0 };

/// Calls of socketcall(2) (linux/net.h).
const SOCKETCALL: [&str; 20] = [
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];

/// Calls of ipc(2) (linux/ipc.h).
const IPC: [(&str, u32); 12] = [
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];

/// Private calls of ARM, from 0xf0000 (asm/unistd.h).
const ARM: [(&str, u32); 5] =
    [("breakpoint", 1), ("cacheflush", 2), ("usr26", 3), ("usr32", 4), ("set_tls", 5)];

/// Generates the Rust source of the table.
pub fn generate(cpu: &str) -> String {
    let mut entries: BTreeMap<&str, Entry> = BTreeMap::new();
    // Not the crate's own iterator, which omits the last number.
    let numbers = || 0..NONE as usize;
    let mut first = |name, number: i32| entries.entry(name).or_insert(EMPTY).first = number as u32;
    match cpu {
        "x86_64" => {
            numbers().filter_map(x86_64::Sysno::new).for_each(|call| first(call.name(), call.id()))
        }
        "aarch64" => {
            numbers().filter_map(aarch64::Sysno::new).for_each(|call| first(call.name(), call.id()))
        }
        "arm" => {
            numbers().filter_map(arm::Sysno::new).for_each(|call| first(call.name(), call.id()))
        }
        _ => {
            numbers().filter_map(riscv64::Sysno::new).for_each(|call| first(call.name(), call.id()))
        }
    }
    let mut second =
        |name, number: i32| entries.entry(name).or_insert(EMPTY).second = number as u32;
    match cpu {
        "x86_64" => {
            numbers().filter_map(x86::Sysno::new).for_each(|call| second(call.name(), call.id()))
        }
        "aarch64" => {
            numbers().filter_map(arm::Sysno::new).for_each(|call| second(call.name(), call.id()))
        }
        _ => {}
    }
    if cpu == "x86_64" {
        for (index, name) in SOCKETCALL.iter().enumerate() {
            let entry = entries.entry(name).or_insert(EMPTY);
            (entry.first_extra, entry.second_extra) = (1, index as u32 + 1);
        }
        for (name, call) in IPC {
            let entry = entries.entry(name).or_insert(EMPTY);
            (entry.first_extra, entry.second_extra) = (2, call);
        }
    }
    if cpu == "aarch64" {
        for (name, number) in ARM {
            let entry = entries.entry(name).or_insert(EMPTY);
            (entry.second, entry.second_extra) = (number, 31);
        }
    }
    if cpu == "arm" {
        for (name, number) in ARM {
            let entry = entries.entry(name).or_insert(EMPTY);
            (entry.first, entry.first_extra) = (number, 31);
        }
    }
    let mut table = Vec::new();
    for (name, entry) in &entries {
        table.extend(name.as_bytes());
        table.extend(packed(entry.first, entry.first_extra));
        if !matches!(cpu, "riscv64" | "arm") {
            table.extend(packed(entry.second, entry.second_extra));
        }
    }
    format!("static TABLE: [u8; {}] = {table:?};\n", table.len())
}

fn packed(number: u32, extra: u32) -> [u8; 2] {
    assert!(number <= NONE && extra < 32, "nine bits are too few for {number}");
    let bits = number | extra << 9;
    [0x80 | (bits & 0x7f) as u8, 0x80 | (bits >> 7) as u8]
}
