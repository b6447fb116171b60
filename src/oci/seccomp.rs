//! Makes a seccomp filter of the OCI's rules: a program of classic BPF (seccomp(2)) that decides as the one that
//! libseccomp makes for runc and crun.
//!
//! The program finds a call's rules by halving the numbers, since the kernel goes over it for each number it knows
//! when the filter is set. It is written from its end to its beginning: so the target of every jump has its place
//! already, and a jump that is too far for its byte gets a step in between right where it starts.
//!
//! As with libseccomp:
//! - Names that no CPU has are skipped, as are rules whose action is the default one.
//! - This CPU's own calls are always subject to the rules. Other CPUs' are when they are listed; a call of a CPU that
//!   is not listed ends the thread. CPUs whose programs this one cannot run never call.
//! - A rule without conditions is the only one of its call; of several such rules the first one counts.
//! - 32-bit CPUs, x32 among them, compare the low half of an argument with the low half of the value.
//! - For x86 a rule for `socket` is one for the first of socketcall(2)'s calls, too: its first condition gives way to
//!   that, its others look at the arguments of socketcall. The same goes for ipc(2).
//! - If two conditions of a rule are about the same argument, each condition is a rule of its own: what runc and crun
//!   make of it.
//!
//! Where several rules with conditions and different actions hold for one call, the first one counts here. libseccomp
//! has an order of its own then, which depends on the conditions, and refuses some of them.

use super::config::{Arg, Operator, Seccomp};
use alloc::vec::Vec;

include!(concat!(env!("OUT_DIR"), "/syscalls.rs"));

// linux/bpf_common.h, linux/filter.h
const LOAD: u64 = 0x20;
const AND: u64 = 0x54;
const JUMP: u64 = 0x05;
const RETURN: u64 = 0x06;
const IF_EQUAL: u64 = 0x15;
const IF_GREATER: u64 = 0x25;
const IF_AT_LEAST: u64 = 0x35;
/// Offsets in struct seccomp_data.
const NUMBER: u32 = 0;
const CPU: u32 = 4;
const ARGUMENTS: u32 = 16;
/// The most instructions of a program (BPF_MAXINSNS).
const LONGEST: usize = 4096;
/// SECCOMP_RET_KILL_THREAD
const KILL_THREAD: u32 = 0;

/// A CPU as the filter sees it, and how its calls are told from those of others.
struct Abi {
    /// AUDIT_ARCH_* (linux/audit.h).
    cpu: u32,
    /// Its bit in [`super::config::ARCHITECTURES`].
    bit: u32,
    /// What is added to its numbers.
    base: u32,
    /// Whether its arguments have 32 bits, and it is another CPU than this.
    narrow: bool,
}

/// This CPU and those whose programs it runs; ones with the same number in the filter's eyes are neighbours.
#[cfg(target_arch = "x86_64")]
const ABIS: [Abi; 3] = [
    Abi { cpu: 0xc000_003e, bit: 1, base: 0, narrow: false },
    Abi { cpu: 0xc000_003e, bit: 2, base: X32, narrow: true },
    Abi { cpu: 0x4000_0003, bit: 0, base: 0, narrow: true },
];
#[cfg(target_arch = "aarch64")]
const ABIS: [Abi; 2] = [
    Abi { cpu: 0xc000_00b7, bit: 4, base: 0, narrow: false },
    Abi { cpu: 0x4000_0028, bit: 3, base: 0, narrow: true },
];
#[cfg(target_arch = "arm")]
const ABIS: [Abi; 1] = [Abi { cpu: 0x4000_0028, bit: 3, base: 0, narrow: false }];
#[cfg(target_arch = "riscv64")]
const ABIS: [Abi; 1] = [Abi { cpu: 0xc000_00f3, bit: 5, base: 0, narrow: false }];

/// Numbers from here on are x32's, on the CPU that has them.
#[cfg(any(target_arch = "x86_64", test))]
const X32: u32 = 0x4000_0000;
/// The calls of x86_64 that have a number of their own as calls of x32, which is from 512 on.
const X32_OTHERS: [u16; 36] = [
    13, 15, 16, 19, 20, 45, 46, 47, 59, 101, 127, 128, 129, 131, 222, 244, 246, 247, 273, 274, 278,
    279, 295, 296, 297, 299, 307, 310, 311, 54, 55, 206, 209, 322, 327, 328,
];
/// The calls of x86_64 that x32 does not have.
const X32_NONE: [u16; 12] = [134, 156, 174, 177, 178, 180, 205, 211, 214, 215, 236, 453];
/// The numbers of x86's socketcall(2) and ipc(2).
const MULTIPLEXED: [u32; 2] = [102, 117];

/// Numbers that the table and x32 have, and from [`PRIVATE`] on arm's own.
const SLOTS: usize = 560;
const PRIVATE: u32 = 552;
const PRIVATE_BASE: u32 = 0xf0000;

/// The numbers of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Numbers {
    first: u32,
    first_extra: u32,
    second: u32,
    second_extra: u32,
}

/// No number.
const NONE: u32 = 511;

/// Finds a call by its name. The table is searched by halving: build/syscalls.rs tells how it is made.
fn numbers(name: &[u8]) -> Option<Numbers> {
    const NUMBERS: usize = if ABIS.len() > 1 { 4 } else { 2 };
    let is_name = |at: &u8| *at < 0x80;
    let (mut low, mut high) = (0, TABLE.len());
    while low < high {
        // The entry in which the middle lies.
        let mut start = low + (high - low) / 2;
        while !(is_name(&TABLE[start]) && (start == 0 || !is_name(&TABLE[start - 1]))) {
            start -= 1;
        }
        let len = TABLE[start..].iter().take_while(|byte| is_name(byte)).count();
        let end = start + len;
        match TABLE[start..end].cmp(name) {
            core::cmp::Ordering::Less => low = end + NUMBERS,
            core::cmp::Ordering::Greater => high = start,
            core::cmp::Ordering::Equal => {
                let bits = |at: usize| {
                    let byte = |at: usize| u32::from(TABLE.get(at).copied().unwrap_or(0) & 0x7f);
                    byte(at) | byte(at + 1) << 7
                };
                let (first, second) = (bits(end), bits(end + 2));
                return Some(Numbers {
                    first: first & 511,
                    first_extra: first >> 9,
                    second: second & 511,
                    second_extra: second >> 9,
                });
            }
        }
    }
    None
}

impl Abi {
    /// The slot of a call; None if the CPU has no such call.
    fn slot(&self, numbers: Numbers) -> Option<u32> {
        let mut number = if self.narrow { numbers.second } else { numbers.first };
        if cfg!(target_arch = "x86_64") && self.base != 0 {
            number = numbers.first;
            if let Some(other) = X32_OTHERS.iter().position(|known| u32::from(*known) == number) {
                return Some(512 + other as u32);
            }
            if X32_NONE.iter().any(|known| u32::from(*known) == number) {
                return None;
            }
        }
        let extra = if self.narrow { numbers.second_extra } else { numbers.first_extra };
        if cfg!(any(target_arch = "aarch64", target_arch = "arm")) && extra == 31 {
            return Some(PRIVATE + number);
        }
        (number != NONE).then_some(number)
    }
}

/// What the filter does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    /// Returns this.
    Return(u32),
    /// Goes on at an instruction, counted from the program's end.
    At(usize),
}

/// A rule for one call.
struct Rule<'s> {
    slot: u32,
    action: u32,
    args: &'s [Arg],
    /// Which call of socketcall(2) or ipc(2); 0 for others.
    multiplexed: u32,
}

/// A program, its last instruction first.
struct Program {
    instructions: Vec<u64>,
    /// Where what is returned last.
    returns: Vec<(u32, usize)>,
}

impl Program {
    fn push(&mut self, code: u64, value: u32) {
        self.instructions.push(code | u64::from(value) << 32);
    }

    /// Makes an instruction reachable from the next but one to be written.
    fn near(&mut self, label: Label) -> usize {
        // A jump goes 255 instructions far; another step in between may follow.
        const FAR: usize = 250;
        let here = self.instructions.len();
        match label {
            Label::At(place) if here - place < FAR => place,
            Label::At(place) => {
                self.push(JUMP, (here - place - 1) as u32);
                here
            }
            Label::Return(value) => {
                let known = self.returns.iter_mut().find(|(known, _)| *known == value);
                match known {
                    Some((_, place)) if here - *place < FAR => return *place,
                    Some((_, place)) => *place = here,
                    None => self.returns.push((value, here)),
                }
                self.push(RETURN, value);
                here
            }
        }
    }

    fn branch(&mut self, code: u64, value: u32, yes: Label, no: Label) -> Label {
        if yes == no {
            return yes;
        }
        let (yes, no) = (self.near(yes), self.near(no));
        let here = self.instructions.len();
        let distance = |place: usize| (here - place - 1) as u64;
        self.push(code | distance(yes) << 16 | distance(no) << 24, value);
        Label::At(here)
    }

    /// Loads a word before what was written last, a branch.
    fn load(&mut self, offset: u32, mask: u32) -> Label {
        if mask != !0 {
            self.push(AND, mask);
        }
        self.push(LOAD, offset);
        Label::At(self.instructions.len() - 1)
    }

    /// Compares the half of an argument. The branch must not be empty.
    fn half(
        &mut self,
        code: u64,
        offset: u32,
        mask: u32,
        value: u32,
        yes: Label,
        no: Label,
    ) -> Label {
        match self.branch(code, value, yes, no) {
            label if yes == no => label,
            _ => self.load(offset, mask),
        }
    }

    fn condition(&mut self, arg: Arg, narrow: bool, holds: Label, fails: Label) -> Label {
        let (mut value, mut mask) = (arg.value, !0);
        let (code, yes, no) = match arg.op {
            Operator::EqualTo => (IF_EQUAL, holds, fails),
            Operator::NotEqual => (IF_EQUAL, fails, holds),
            Operator::GreaterThan => (IF_GREATER, holds, fails),
            Operator::LessEqual => (IF_GREATER, fails, holds),
            Operator::GreaterEqual => (IF_AT_LEAST, holds, fails),
            Operator::LessThan => (IF_AT_LEAST, fails, holds),
            Operator::MaskedEqual => {
                // Bits outside of the mask count for nothing, on both sides.
                (mask, value) = (arg.value, arg.value_two & arg.value);
                (IF_EQUAL, holds, fails)
            }
        };
        // Little endian: the low half comes first.
        let offset = ARGUMENTS + 8 * arg.index;
        let low = self.half(code, offset, mask as u32, value as u32, yes, no);
        let high = (value >> 32) as u32;
        let high_mask = (mask >> 32) as u32;
        if narrow || high_mask == 0 {
            return low;
        }
        let unequal = if code == IF_EQUAL {
            no
        } else {
            // The accumulator still holds the high half.
            self.branch(IF_GREATER, high, yes, no)
        };
        self.half(IF_EQUAL, offset + 4, high_mask, high, low, unequal)
    }

    /// The rules for one call, in their order.
    fn rules(&mut self, rules: &[&Rule], narrow: bool, otherwise: Label) -> Label {
        let mut next = otherwise;
        for rule in rules.iter().rev() {
            let mut holds = Label::Return(rule.action);
            for arg in rule.args.iter().rev() {
                if rule.multiplexed == 0 || arg.index != 0 {
                    holds = self.condition(*arg, narrow, holds, next);
                }
            }
            if rule.multiplexed != 0 {
                let call = Arg {
                    index: 0,
                    op: Operator::EqualTo,
                    value: rule.multiplexed.into(),
                    value_two: 0,
                };
                holds = self.condition(call, narrow, holds, next);
            }
            next = holds;
        }
        next
    }

    /// Halves the numbers: each of the ranges begins at a number and has one answer.
    fn search(&mut self, ranges: &[(u32, Label)]) -> Label {
        if let [(_, answer)] = ranges {
            return *answer;
        }
        let (low, high) = ranges.split_at(ranges.len() / 2);
        let yes = self.search(high);
        let no = self.search(low);
        self.branch(IF_AT_LEAST, high[0].0, yes, no)
    }
}

/// What is wrong with rules.
pub type Result<T> = core::result::Result<T, &'static str>;

/// Makes the program (struct sock_filter for each number).
pub fn compile(seccomp: &Seccomp) -> Result<Vec<u64>> {
    let mut program = Program { instructions: Vec::new(), returns: Vec::new() };
    // What is said about calls of CPUs without rules.
    let mut cpus = Label::Return(KILL_THREAD);
    // What is written last, this CPU, is asked for first.
    for same_cpu in ABIS.chunk_by(|one, next| one.cpu == next.cpu).rev() {
        let mut ranges: Vec<(u32, Label)> = Vec::new();
        for abi in same_cpu {
            if !abi.narrow || seccomp.architectures >> abi.bit & 1 != 0 {
                add_ranges(&mut program, seccomp, abi, &mut ranges)?;
            } else if abi.base != 0 {
                ranges.push((abi.base, Label::Return(KILL_THREAD)));
                // No number at all: a tracer lets a call be skipped so.
                ranges.push((u32::MAX, Label::Return(seccomp.default_action)));
            }
        }
        if ranges.is_empty() {
            continue;
        }
        let mut found = program.search(&ranges);
        if let Label::At(_) = found {
            found = program.load(NUMBER, !0);
        }
        cpus = program.branch(IF_EQUAL, same_cpu[0].cpu, found, cpus);
    }
    match cpus {
        Label::At(_) => drop(program.load(CPU, !0)),
        Label::Return(action) => program.push(RETURN, action),
    }
    if program.instructions.len() > LONGEST {
        return Err("the rules make a program of more than 4096 instructions");
    }
    program.instructions.reverse();
    Ok(program.instructions)
}

/// Writes the conditions of a CPU's calls, and notes where the answer for its numbers changes.
fn add_ranges(
    program: &mut Program,
    seccomp: &Seccomp,
    abi: &Abi,
    ranges: &mut Vec<(u32, Label)>,
) -> Result<()> {
    let default = Label::Return(seccomp.default_action);
    // What a call without conditions returns.
    let mut answers: Vec<Option<u32>> = Vec::new();
    answers.resize(SLOTS, None);
    let mut rules: Vec<Rule> = Vec::new();
    for syscall in seccomp.syscalls.iter().filter(|rule| rule.action != seccomp.default_action) {
        let known = syscall.names.iter().filter_map(|name| numbers(name.to_bytes()));
        for numbers in known {
            let mut add = |slot: Option<u32>, multiplexed: u32| {
                let Some(slot) = slot else { return };
                if syscall.args.is_empty() && multiplexed == 0 {
                    answers[slot as usize].get_or_insert(syscall.action);
                    return;
                }
                let action = syscall.action;
                if repeats(&syscall.args) {
                    for arg in syscall.args.chunks(1) {
                        rules.push(Rule { slot, action, args: arg, multiplexed });
                    }
                } else {
                    rules.push(Rule { slot, action, args: &syscall.args, multiplexed });
                }
            };
            add(abi.slot(numbers), 0);
            if cfg!(target_arch = "x86_64")
                && abi.narrow
                && abi.base == 0
                && numbers.first_extra != 0
            {
                let call = MULTIPLEXED[numbers.first_extra as usize - 1];
                add(Some(call), numbers.second_extra);
            }
        }
        // Each one takes an instruction at least.
        if rules.len() > LONGEST {
            return Err("there are more than 4096 rules with conditions");
        }
    }
    for (slot, answer) in answers.iter().enumerate() {
        let mut label = answer.map(Label::Return).unwrap_or(default);
        if answer.is_none() {
            let own: Vec<&Rule> = rules.iter().filter(|rule| rule.slot as usize == slot).collect();
            label = program.rules(&own, abi.narrow, default);
        }
        let slot = slot as u32;
        let number = if slot < PRIVATE { slot } else { slot - PRIVATE + PRIVATE_BASE };
        if ranges.last().is_none_or(|(_, last)| *last != label) {
            ranges.push((abi.base + number, label));
        }
    }
    Ok(())
}

/// Whether two conditions are about the same argument.
fn repeats(args: &[Arg]) -> bool {
    let mut seen = 0u32;
    args.iter().any(|arg| {
        let bit = 1 << arg.index;
        let again = seen & bit != 0;
        seen |= bit;
        again
    })
}

#[cfg(test)]
mod tests;
