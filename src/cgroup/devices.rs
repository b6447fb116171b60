//! Rules about devices: for cgroup v1 lines of `devices.allow` and `devices.deny`, for v2 a program that is attached
//! to the cgroup (BPF_PROG_TYPE_CGROUP_DEVICE).
//!
//! Both decide alike: of each kind of access (making a node, reading, writing) the last rule counts that applies to it
//! and to the device. What no rule applies to is denied, as with runc and crun. A request for several kinds is granted
//! if each one is.
//!
//! In a program of v2 that is the rules from the last to the first. v1 has a list of exceptions to a default, from
//! which a line takes only an exception with exactly its numbers, and a request must be met by a single exception. So
//! the lines are made next to a copy of that list: where a rule gives or takes a part of what others say, there are
//! lines for the parts. What v1 cannot express is an error: to deny a part of what is allowed by one number for all.

use crate::spec::resources::{
    ACCESS_MKNOD, ACCESS_READ, ACCESS_WRITE, ALL_ACCESS, DeviceKind, DeviceRule,
};
use crate::text::Text;
use alloc::vec::Vec;

/// The rules that every container has after its own, as with runc: nodes can be made, and the devices that mini puts
/// into /dev can be used: null zero full random urandom tty ptmx, and pseudo terminals.
pub fn always_allowed() -> Vec<DeviceRule> {
    const NODES: [(DeviceKind, u32, Option<u32>); 8] = {
        use DeviceKind::Char;
        [
            (Char, 1, Some(3)),
            (Char, 1, Some(5)),
            (Char, 1, Some(7)),
            (Char, 1, Some(8)),
            (Char, 1, Some(9)),
            (Char, 5, Some(0)),
            (Char, 5, Some(2)),
            (Char, 136, None),
        ]
    };
    let mut rules = Vec::with_capacity(9);
    let any =
        DeviceRule { allow: true, kind: None, major: None, minor: None, access: ACCESS_MKNOD };
    rules.push(any);
    rules.extend(NODES.map(|(kind, major, minor)| DeviceRule {
        kind: Some(kind),
        major: Some(major),
        minor,
        access: ALL_ACCESS,
        ..any
    }));
    rules
}

/// Whether rules allow every access to every device.
pub fn allow_all(rules: &[DeviceRule]) -> bool {
    let is_all = |rule: &DeviceRule| {
        (rule.kind, rule.major, rule.minor, rule.access) == (None, None, None, ALL_ACCESS)
    };
    rules.iter().rev().take_while(|rule| rule.allow).any(is_all)
}

/// Result; the error says what is wrong with the rules.
pub type Result<T> = core::result::Result<T, &'static str>;

/// A line for a v1 control file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whether it is for `devices.allow`; otherwise for `devices.deny`.
    pub allow: bool,
    /// The line.
    pub text: Text,
}

/// An exception of v1: devices and access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Exception {
    kind: DeviceKind,
    major: Option<u32>,
    minor: Option<u32>,
    access: u32,
}

impl Exception {
    /// The devices in both, with the access of either.
    fn and(&self, other: &Exception) -> Option<Exception> {
        let meet = |one: Option<u32>, other: Option<u32>| match (one, other) {
            (Some(one), Some(other)) => (one == other).then_some(Some(one)),
            _ => Some(one.or(other)),
        };
        (self.kind == other.kind).then_some(Exception {
            kind: self.kind,
            major: meet(self.major, other.major)?,
            minor: meet(self.minor, other.minor)?,
            access: self.access | other.access,
        })
    }

    fn is_of(&self, other: &Exception) -> bool {
        (self.kind, self.major, self.minor) == (other.kind, other.major, other.minor)
    }

    fn line(&self, allow: bool) -> Line {
        let mut text = Text::new();
        text.str(match self.kind {
            DeviceKind::Block => "b ",
            DeviceKind::Char => "c ",
        });
        let mut number = |number: Option<u32>| {
            match number {
                Some(number) => text.number(number.into()),
                None => text.str("*"),
            };
            text.str(":");
        };
        number(self.major);
        number(self.minor);
        let len = text.bytes().len();
        text.truncate(len - 1);
        text.str(" ");
        for (bit, letter) in [(ACCESS_READ, "r"), (ACCESS_WRITE, "w"), (ACCESS_MKNOD, "m")] {
            if self.access & bit != 0 {
                text.str(letter);
            }
        }
        Line { allow, text }
    }
}

/// Maximum number of lines.
const MOST_LINES: usize = 4096;

/// Makes the lines for v1, in order. The first one denies everything that the cgroup inherits.
pub fn lines(rules: &[DeviceRule]) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    // Whether devices without an exception are allowed.
    let mut default = false;
    let mut exceptions: Vec<Exception> = Vec::new();
    let everything = |allow| {
        let mut text = Text::new();
        text.str("a");
        Line { allow, text }
    };
    lines.push(everything(false));
    for rule in rules {
        let &DeviceRule { allow, kind, major, minor, access } = rule;
        if (kind, major, minor, access) == (None, None, None, ALL_ACCESS) {
            exceptions.clear();
            default = allow;
            lines.push(everything(allow));
            continue;
        }
        for kind in [DeviceKind::Block, DeviceKind::Char] {
            if rule.kind.is_some_and(|wanted| wanted != kind) {
                continue;
            }
            let new = Exception { kind, major, minor, access };
            if allow == default {
                take(&mut exceptions, &new, allow, &mut lines)?;
            } else {
                add(&mut exceptions, new, allow, &mut lines);
            }
        }
        if lines.len() > MOST_LINES {
            return Err("the rules take more than 4096 lines");
        }
    }
    Ok(lines)
}

/// Adds an exception. The kernel allows a request only if a single exception covers it, so each set
/// of devices covered by several gets one.
fn add(exceptions: &mut Vec<Exception>, new: Exception, allow: bool, lines: &mut Vec<Line>) {
    let mut changed: Vec<Exception> =
        exceptions.iter().filter_map(|known| known.and(&new)).collect();
    changed.push(new);
    for change in changed {
        match exceptions.iter_mut().find(|known| known.is_of(&change)) {
            Some(known) if known.access & change.access == change.access => continue,
            Some(known) => known.access |= change.access,
            None => exceptions.push(change),
        }
        lines.push(change.line(allow));
    }
}

/// Removes what a rule covers from the exceptions.
fn take(
    exceptions: &mut [Exception],
    rule: &Exception,
    allow: bool,
    lines: &mut Vec<Line>,
) -> Result<()> {
    for known in exceptions {
        let common = known.access & rule.access;
        let Some(both) = known.and(rule).filter(|_| common != 0) else { continue };
        if !known.is_of(&both) {
            return Err("cgroup v1 cannot make an exception to a rule for several devices");
        }
        known.access &= !common;
        lines.push(Exception { access: common, ..*known }.line(allow));
    }
    Ok(())
}

// Encoding of eBPF (linux/bpf_common.h, linux/bpf.h): registers in the second byte (destination
// low, source high), jump offset in the next two, immediate value in the last four.
const LOAD_WORD: u64 = 0x61;
const AND: u64 = 0x54;
const SHIFT_RIGHT: u64 = 0x74;
const MOVE: u64 = 0xb7;
const IF_NOT: u64 = 0x55;
const IF_BITS: u64 = 0x45;
const JUMP: u64 = 0x05;
const EXIT: u64 = 0x95;
/// Registers: the result; the input, struct bpf_cgroup_dev_ctx; and temporary values.
const ANSWER: u64 = 0;
const INPUT: u64 = 1;
const KIND: u64 = 2;
const ACCESS: u64 = 3;
const MAJOR: u64 = 4;
const MINOR: u64 = 5;
/// Maximum number of instructions before Linux 5.2 (BPF_MAXINSNS).
const LONGEST: usize = 4096;

fn instruction(code: u64, register: u64, value: u32) -> u64 {
    code | register << 8 | u64::from(value) << 32
}

fn answer(program: &mut Vec<u64>, allow: bool) {
    program.push(instruction(MOVE, ANSWER, allow.into()));
    program.push(EXIT);
}

/// Makes the program for v2 (one number per struct bpf_insn).
pub fn program(rules: &[DeviceRule]) -> Result<Vec<u64>> {
    let load = |register: u64, offset: u64| LOAD_WORD | register << 8 | INPUT << 12 | offset << 16;
    let mut program = Vec::new();
    // The access to decide comes in the upper half of the first word.
    program.extend([
        load(KIND, 0),
        load(ACCESS, 0),
        instruction(SHIFT_RIGHT, ACCESS, 16),
        instruction(AND, KIND, 0xffff),
        load(MAJOR, 4),
        load(MINOR, 8),
    ]);
    for rule in rules.iter().rev() {
        let kind = rule.kind.map(|kind| match kind {
            DeviceKind::Block => 1,
            DeviceKind::Char => 2,
        });
        // Jumps to the next rule, whose offset is not known yet.
        let mut jumps = Vec::new();
        for (register, wanted) in [(KIND, kind), (MAJOR, rule.major), (MINOR, rule.minor)] {
            if let Some(wanted) = wanted {
                jumps.push(program.len());
                program.push(instruction(IF_NOT, register, wanted));
            }
        }
        let applies_always = jumps.is_empty() && rule.access == ALL_ACCESS;
        if rule.access != ALL_ACCESS {
            if rule.allow {
                program.push(instruction(AND, ACCESS, !rule.access));
                jumps.push(program.len());
                program.push(instruction(IF_NOT, ACCESS, 0));
            } else {
                program.push(instruction(IF_BITS, ACCESS, rule.access) | 1 << 16);
                jumps.push(program.len());
                program.push(JUMP);
            }
        }
        answer(&mut program, rule.allow);
        for jump in jumps {
            program[jump] |= ((program.len() - jump - 1) as u64) << 16;
        }
        if program.len() > LONGEST - 2 {
            return Err("the rules make a program of more than 4096 instructions");
        }
        if applies_always {
            // The kernel refuses programs with unreachable instructions.
            return Ok(program);
        }
    }
    answer(&mut program, false);
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KINDS: [DeviceKind; 2] = [DeviceKind::Block, DeviceKind::Char];

    /// What the rules say, word by word.
    fn granted(
        rules: &[DeviceRule],
        kind: DeviceKind,
        major: u32,
        minor: u32,
        access: u32,
    ) -> bool {
        [ACCESS_MKNOD, ACCESS_READ, ACCESS_WRITE].iter().filter(|bit| access & **bit != 0).all(
            |bit| {
                let applies = |rule: &&DeviceRule| {
                    rule.kind.is_none_or(|wanted| wanted == kind)
                        && rule.major.is_none_or(|wanted| wanted == major)
                        && rule.minor.is_none_or(|wanted| wanted == minor)
                        && rule.access & bit != 0
                };
                rules.iter().rev().find(applies).is_some_and(|rule| rule.allow)
            },
        )
    }

    /// What the kernel would do: as much of eBPF as the program uses (linux/bpf.h).
    fn run(program: &[u64], kind: DeviceKind, major: u32, minor: u32, access: u32) -> bool {
        let kind = if kind == DeviceKind::Block { 1 } else { 2 };
        let input = [access << 16 | kind, major, minor];
        let mut registers = [None; 11];
        let mut at = 0;
        loop {
            let line = program[at];
            let (code, destination) = (line as u8, (line >> 8 & 15) as usize);
            let offset = (line >> 16) as i16;
            let value = (line >> 32) as u32;
            let register =
                |registers: &[Option<u64>; 11]| registers[destination].expect("it has a value");
            at += 1;
            match code {
                0x61 => {
                    assert_eq!(line >> 12 & 15, 1);
                    registers[destination] = Some(input[offset as usize / 4].into());
                }
                0x54 => {
                    registers[destination] =
                        Some(register(&registers) as u32 as u64 & u64::from(value))
                }
                0x74 => {
                    registers[destination] = Some(u64::from(register(&registers) as u32 >> value))
                }
                0xb7 => registers[destination] = Some(i64::from(value as i32) as u64),
                0x55 if register(&registers) != i64::from(value as i32) as u64 => {
                    at += offset as usize
                }
                0x45 if register(&registers) & i64::from(value as i32) as u64 != 0 => {
                    at += offset as usize
                }
                0x55 | 0x45 => {}
                0x05 => at += offset as usize,
                0x95 => return registers[0].unwrap() == 1,
                other => panic!("no such instruction: {other:#x}"),
            }
        }
    }

    /// cgroup v1's device controller (security/device_cgroup.c), below a parent that allows everything.
    #[derive(Default)]
    struct Kernel {
        allows: bool,
        exceptions: Vec<(String, u32)>,
    }

    impl Kernel {
        fn write(&mut self, line: &Line) {
            let text = String::from_utf8(line.text.bytes().to_vec()).unwrap();
            if text == "a" {
                self.allows = line.allow;
                self.exceptions.clear();
                return;
            }
            let (device, letters) = text.rsplit_once(' ').unwrap();
            let bit = |letter| match letter {
                'm' => ACCESS_MKNOD,
                'r' => ACCESS_READ,
                'w' => ACCESS_WRITE,
                _ => panic!("{text}"),
            };
            let access: u32 = letters.chars().map(bit).sum();
            let known = self.exceptions.iter_mut().find(|known| known.0 == device);
            match (known, line.allow == self.allows) {
                (Some(known), true) => known.1 &= !access,
                (None, true) => {}
                (Some(known), false) => known.1 |= access,
                (None, false) => self.exceptions.push((device.to_owned(), access)),
            }
            self.exceptions.retain(|known| known.1 != 0);
        }

        fn grants(&self, kind: DeviceKind, major: u32, minor: u32, access: u32) -> bool {
            let kind = if kind == DeviceKind::Block { "b" } else { "c" };
            let (major, minor) = (major.to_string(), minor.to_string());
            let mut exceptions = self.exceptions.iter().filter(|(device, _)| {
                let mut parts = device.split([' ', ':']);
                let mut is = |wanted: &str| matches!(parts.next(), Some(part) if part == "*" || part == wanted);
                is(kind) && is(&major) && is(&minor)
            });
            if self.allows {
                !exceptions.any(|(_, denied)| access & denied != 0)
            } else {
                exceptions.any(|(_, allowed)| access & !allowed == 0)
            }
        }
    }

    /// Every device whose numbers rules are about, and others, with every access.
    fn requests() -> impl Iterator<Item = (DeviceKind, u32, u32, u32)> {
        let numbers = || (0..4).chain([0xfff]);
        KINDS.into_iter().flat_map(move |kind| {
            numbers().flat_map(move |major| {
                numbers()
                    .flat_map(move |minor| (1..8).map(move |access| (kind, major, minor, access)))
            })
        })
    }

    fn rules() -> impl Strategy<Value = Vec<DeviceRule>> {
        let kind = prop_oneof![Just(None), Just(Some(KINDS[0])), Just(Some(KINDS[1]))];
        let number = || prop::option::weighted(0.7, 0..3u32);
        let access = prop_oneof![1..8u32, Just(7)];
        let rule = (any::<bool>(), kind, number(), number(), access).prop_map(
            |(allow, kind, major, minor, access)| DeviceRule { allow, kind, major, minor, access },
        );
        let all = any::<bool>().prop_map(|allow| DeviceRule {
            allow,
            kind: None,
            major: None,
            minor: None,
            access: 7,
        });
        prop::collection::vec(prop_oneof![6 => rule, 1 => all], 0..10)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_program_decides_as_the_rules_say(rules in rules()) {
            let program = program(&rules).unwrap();
            for (kind, major, minor, access) in requests() {
                prop_assert_eq!(
                    run(&program, kind, major, minor, access),
                    granted(&rules, kind, major, minor, access),
                    "{:?} {}:{} {}", kind, major, minor, access
                );
            }
        }

        #[test]
        fn lines_decide_as_the_rules_say(rules in rules()) {
            let Ok(lines) = lines(&rules) else { return Ok(()) };
            let mut kernel = Kernel { allows: true, ..Kernel::default() };
            lines.iter().for_each(|line| kernel.write(line));
            for (kind, major, minor, access) in requests() {
                prop_assert_eq!(
                    kernel.grants(kind, major, minor, access),
                    granted(&rules, kind, major, minor, access),
                    "{:?} {}:{} {}", kind, major, minor, access
                );
            }
        }
    }

    fn rule(
        allow: bool,
        kind: Option<DeviceKind>,
        major: Option<u32>,
        minor: Option<u32>,
        access: u32,
    ) -> DeviceRule {
        DeviceRule { allow, kind, major, minor, access }
    }

    fn texts(rules: &[DeviceRule]) -> Vec<String> {
        let text = |line: &Line| {
            let text = String::from_utf8(line.text.bytes().to_vec()).unwrap();
            format!("{} {text}", if line.allow { "allow" } else { "deny" })
        };
        lines(rules).unwrap().iter().map(text).collect()
    }

    #[test]
    fn rules_that_allow_all() {
        let all = rule(true, None, None, None, 7);
        let none = rule(false, None, None, None, 7);
        let some = rule(true, Some(DeviceKind::Char), Some(1), None, 7);
        assert!(allow_all(&[none, all, some]));
        assert!(!allow_all(&[all, none, some]));
        assert!(!allow_all(&[some]));
        assert!(!allow_all(&[]));
        assert!(!allow_all(&always_allowed()));
    }

    #[test]
    fn the_devices_of_every_container() {
        assert_eq!(
            texts(&always_allowed()),
            [
                "deny a",
                "allow b *:* m",
                "allow c *:* m",
                "allow c 1:3 rwm",
                "allow c 1:5 rwm",
                "allow c 1:7 rwm",
                "allow c 1:8 rwm",
                "allow c 1:9 rwm",
                "allow c 5:0 rwm",
                "allow c 5:2 rwm",
                "allow c 136:* rwm",
            ]
        );
    }

    /// As engines have it: nothing, then some.
    #[test]
    fn usual_rules_are_a_line_each() {
        let char = Some(DeviceKind::Char);
        let rules = [
            rule(false, None, None, None, 7),
            rule(true, char, Some(1), Some(3), 7),
            rule(true, char, Some(136), None, 7),
            rule(true, None, None, None, ACCESS_MKNOD),
            rule(false, char, Some(10), Some(229), ACCESS_READ | ACCESS_WRITE),
            rule(true, Some(DeviceKind::Block), Some(8), None, ACCESS_READ),
        ];
        assert_eq!(
            texts(&rules),
            [
                "deny a",
                "deny a",
                "allow c 1:3 rwm",
                "allow c 136:* rwm",
                "allow b *:* m",
                "allow c *:* m",
                "allow b 8:* rm",
            ]
        );
        assert_eq!(texts(&[]), ["deny a"]);
        assert_eq!(texts(&[rule(true, None, None, None, 7)]), ["deny a", "allow a"]);
    }

    #[test]
    fn what_v1_cannot_express_is_an_error() {
        let char = Some(DeviceKind::Char);
        let hole =
            [rule(true, char, Some(1), None, 7), rule(false, char, Some(1), Some(3), ACCESS_WRITE)];
        assert!(lines(&hole).is_err());
        assert!(program(&hole).is_ok());
        let hole = [
            rule(true, None, None, None, 7),
            rule(false, char, None, None, 7),
            rule(true, char, Some(1), Some(3), 7),
        ];
        assert!(lines(&hole).is_err());
        // A part that was not allowed is none.
        let other = [
            rule(true, char, Some(1), None, ACCESS_READ),
            rule(false, char, Some(1), Some(3), ACCESS_WRITE),
        ];
        assert_eq!(texts(&other), ["deny a", "allow c 1:* r"]);
    }

    #[test]
    fn too_many_rules_are_an_error() {
        let many: Vec<DeviceRule> = (0..5000)
            .map(|number| rule(true, Some(DeviceKind::Char), Some(1), Some(number), 7))
            .collect();
        assert!(lines(&many).is_err());
        assert!(program(&many).is_err());
        let all: Vec<DeviceRule> = (0..5000).map(|_| rule(true, None, None, None, 7)).collect();
        assert_eq!(program(&all).unwrap().len(), 8);
    }
}
