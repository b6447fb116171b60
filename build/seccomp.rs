//! Generates the built-in seccomp filter: `src/plan/seccomp.table` becomes a BPF program
//! (seccomp(2)) for the target CPU.
//!
//! The program finds the system call by binary search. The kernel runs the program for every call
//! number when it is installed; a linear chain of comparisons, as libseccomp makes it, takes 75
//! microseconds longer per launch, a twentieth of the launch. Each capability has its own return
//! instructions, so a container with the capability gets the same program with these changed to
//! "allow". Nothing is compiled at run time.

use std::collections::BTreeMap;
use std::fmt::Write;

/// A line of the table.
struct Rule {
    number: u32,
    refusal: Refusal,
    conditions: Vec<Condition>,
}

/// An errno, and the capability with which the call is allowed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Refusal {
    errno: u32,
    capability: Option<u8>,
}

struct Condition {
    argument: u32,
    mask: Option<u32>,
    test: Test,
}

enum Test {
    NotZero,
    Is(Vec<u32>),
    IsNot(Vec<u32>),
}

/// Target of a jump.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Allow,
    Kill,
    Refuse(Refusal),
    /// Conditions of a system call.
    Call(u32),
    /// A label within conditions.
    Inner(u32),
}

// linux/bpf_common.h, linux/filter.h
const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;
const IF_EQUAL: u16 = 0x15;
const IF_AT_LEAST: u16 = 0x35;
// linux/seccomp.h
const KILL: u32 = 0x8000_0000;
const ERRNO: u32 = 0x0005_0000;
const ALLOW: u32 = 0x7fff_0000;
/// Offsets in struct seccomp_data.
const NUMBER: u32 = 0;
const CPU: u32 = 4;
const ARGUMENTS: u32 = 16;
/// The newest system call in the table. Newer calls have higher numbers on every CPU. Higher
/// numbers, and on x86_64 those of x32 (from 0x4000_0000), fail with ENOSYS.
const NEWEST: &str = "file_setattr";
/// ARM's private calls (asm/unistd.h): breakpoint, cache flush, two obsolete ones, and the thread
/// pointer, which every program needs. From 0x90_0000 on follow the numbers of the old ABI (OABI);
/// a kernel with OABI support has no seccomp filters.
const PRIVATE: std::ops::Range<u32> = 0xf_0001..0xf_0007;

/// An instruction with labels as jump targets; None is the next instruction.
struct Line {
    code: u16,
    value: u32,
    yes: Option<Label>,
    no: Option<Label>,
}

#[derive(Default)]
struct Program {
    lines: Vec<Line>,
    places: BTreeMap<Label, usize>,
    inner: u32,
}

impl Program {
    fn plain(&mut self, code: u16, value: u32) {
        self.lines.push(Line { code, value, yes: None, no: None });
    }

    fn branch(&mut self, code: u16, value: u32, yes: Option<Label>, no: Option<Label>) {
        self.lines.push(Line { code, value, yes, no });
    }

    fn place(&mut self, label: Label) {
        self.places.insert(label, self.lines.len());
    }

    fn new_label(&mut self) -> Label {
        self.inner += 1;
        Label::Inner(self.inner)
    }

    /// Binary search: each of `ranges` starts at a number and has one result.
    fn search(&mut self, ranges: &[(u32, Label)]) {
        let middle = ranges.len() / 2;
        let (low, high) = ranges.split_at(middle);
        let answer = |half: &[(u32, Label)]| (half.len() == 1).then(|| half[0].1);
        let yes = answer(high).unwrap_or_else(|| self.new_label());
        self.branch(IF_AT_LEAST, high[0].0, Some(yes), answer(low));
        if low.len() > 1 {
            self.search(low);
        }
        if high.len() > 1 {
            self.place(yes);
            self.search(high);
        }
    }

    /// A call is refused when all conditions of one of its lines hold.
    fn conditions(&mut self, rules: &[&Rule]) {
        for (at, rule) in rules.iter().enumerate() {
            let is_last = at + 1 == rules.len();
            let fails = if is_last { Label::Allow } else { self.new_label() };
            let refused = Label::Refuse(rule.refusal);
            for (at, condition) in rule.conditions.iter().enumerate() {
                let holds = (at + 1 == rule.conditions.len()).then_some(refused);
                // Little endian: the low half comes first.
                self.plain(LOAD, ARGUMENTS + 8 * condition.argument);
                if let Some(mask) = condition.mask {
                    self.plain(AND, mask);
                }
                match &condition.test {
                    Test::NotZero => self.branch(IF_EQUAL, 0, Some(fails), holds),
                    Test::Is(values) => {
                        let next = self.new_label();
                        let (last, others) = values.split_last().expect("a value");
                        for value in others {
                            self.branch(IF_EQUAL, *value, Some(holds.unwrap_or(next)), None);
                        }
                        self.branch(IF_EQUAL, *last, holds, Some(fails));
                        self.place(next);
                    }
                    Test::IsNot(values) => {
                        let (last, others) = values.split_last().expect("a value");
                        for value in others {
                            self.branch(IF_EQUAL, *value, Some(fails), None);
                        }
                        self.branch(IF_EQUAL, *last, Some(fails), holds);
                    }
                }
            }
            if !is_last {
                self.place(fails);
            }
        }
    }

    /// The kernel's encoding: code, two jump offsets of one byte, value.
    fn assemble(&self) -> Vec<u64> {
        let distance = |from: usize, to: Option<Label>| -> u64 {
            let Some(to) = to else { return 0 };
            let place = self.places.get(&to).expect("every label has a place");
            u8::try_from(place - from - 1).expect("a jump goes 255 instructions far").into()
        };
        let encode = |(at, line): (usize, &Line)| {
            let (yes, no) = (distance(at, line.yes), distance(at, line.no));
            u64::from(line.code) | yes << 16 | no << 24 | u64::from(line.value) << 32
        };
        self.lines.iter().enumerate().map(encode).collect()
    }
}

/// Generates the Rust source of the program and the list of its returns per capability.
pub fn generate(table: &str, cpu: &str, capabilities: &[&str]) -> String {
    let rules: Vec<Rule> = table
        .lines()
        .map(|line| line.split('#').next().unwrap().trim())
        .filter(|line| !line.is_empty())
        .flat_map(|line| {
            rules(line, cpu, capabilities).unwrap_or_else(|why| panic!("{line}: {why}"))
        })
        .collect();
    let mut calls: BTreeMap<u32, Vec<&Rule>> = BTreeMap::new();
    for rule in &rules {
        calls.entry(rule.number).or_default().push(rule);
    }
    let mut program = Program::default();
    program.plain(LOAD, CPU);
    program.branch(IF_EQUAL, audit_number(cpu), None, Some(Label::Kill));
    program.plain(LOAD, NUMBER);
    program.search(&ranges(&calls, cpu));
    for (number, rules) in &calls {
        if rules.iter().any(|rule| !rule.conditions.is_empty()) {
            program.place(Label::Call(*number));
            program.conditions(rules);
        }
    }
    let mut refusals: Vec<Refusal> = rules.iter().map(|rule| rule.refusal).collect();
    refusals.push(NO_SUCH_CALL);
    refusals.sort();
    refusals.dedup();
    let mut lifted = Vec::new();
    for refusal in refusals {
        program.place(Label::Refuse(refusal));
        if let Some(capability) = refusal.capability {
            lifted.push((capability, program.lines.len()));
        }
        program.plain(RETURN, ERRNO | refusal.errno);
    }
    program.place(Label::Kill);
    program.plain(RETURN, KILL);
    program.place(Label::Allow);
    program.plain(RETURN, ALLOW);
    render(&program.assemble(), &lifted)
}

fn render(program: &[u64], lifted: &[(u8, usize)]) -> String {
    let mut text = String::new();
    let number = program.len();
    writeln!(text, "pub static BUILT_IN: [u64; {number}] = {program:?};").unwrap();
    let number = lifted.len();
    writeln!(text, "pub static LIFTED: [(u8, u8); {number}] = {lifted:?};").unwrap();
    text
}

/// Result of a call that does not exist.
const NO_SUCH_CALL: Refusal = Refusal { errno: 38, capability: None };

/// Number ranges with the same result.
fn ranges(calls: &BTreeMap<u32, Vec<&Rule>>, cpu: &str) -> Vec<(u32, Label)> {
    let mut ranges = vec![(0, Label::Allow)];
    let mut add = |from, label| {
        if ranges.last().is_some_and(|(begin, _)| *begin == from) {
            ranges.pop();
        }
        if ranges.last().is_none_or(|(_, last)| *last != label) {
            ranges.push((from, label));
        }
    };
    for (number, rules) in calls {
        let label = match rules[..] {
            [rule] if rule.conditions.is_empty() => Label::Refuse(rule.refusal),
            _ => Label::Call(*number),
        };
        add(*number, label);
        add(number + 1, Label::Allow);
    }
    let newest = number(NEWEST, cpu).ok().flatten().expect("every CPU has the newest call");
    add(newest + 1, Label::Refuse(NO_SUCH_CALL));
    if cpu == "arm" {
        add(PRIVATE.start, Label::Allow);
        add(PRIVATE.end, Label::Refuse(NO_SUCH_CALL));
    }
    ranges
}

/// AUDIT_ARCH_* (linux/audit.h)
fn audit_number(cpu: &str) -> u32 {
    match cpu {
        "x86_64" => 0xc000_003e,
        "aarch64" => 0xc000_00b7,
        "arm" => 0x4000_0028,
        "riscv64" => 0xc000_00f3,
        _ => panic!("no seccomp filter for {cpu}"),
    }
}

/// Number of a system call; None when the CPU does not have it.
fn number(name: &str, cpu: &str) -> Result<Option<u32>, String> {
    use syscalls::{aarch64, arm, riscv64, x86_64};
    let here = match cpu {
        "x86_64" => name.parse().ok().map(|call: x86_64::Sysno| call.id()),
        "aarch64" => name.parse().ok().map(|call: aarch64::Sysno| call.id()),
        "arm" => name.parse().ok().map(|call: arm::Sysno| call.id()),
        _ => name.parse().ok().map(|call: riscv64::Sysno| call.id()),
    };
    // x86_64 has the longest history and knows all calls, except those of other CPUs.
    if name.parse::<x86_64::Sysno>().is_err() && name.parse::<arm::Sysno>().is_err() {
        return Err("no such call".into());
    }
    Ok(here.map(|number| number as u32))
}

/// Suffixes of later 32-bit calls with wider arguments in the same positions.
const WIDE: [&str; 4] = ["", "32", "64", "_time64"];

/// Rules of a line for the call it names and for that call's wide forms.
fn rules(line: &str, cpu: &str, capabilities: &[&str]) -> Result<Vec<Rule>, String> {
    let mut rules = Vec::new();
    let (name, rest) = line.split_once(char::is_whitespace).ok_or("too few words")?;
    for suffix in WIDE {
        if let Ok(Some(number)) = number(&format!("{name}{suffix}"), cpu) {
            rules.push(rule(number, rest, capabilities)?);
        }
    }
    number(name, cpu)?;
    Ok(rules)
}

fn rule(number: u32, line: &str, capabilities: &[&str]) -> Result<Rule, String> {
    let mut words = line.split_whitespace();
    let mut word = || words.next().ok_or("too few words");
    let (errno, capability) = (word()?, word()?);
    let errno = match errno {
        "EPERM" => 1,
        "ENOSYS" => 38,
        other => return Err(format!("no such error: {other}")),
    };
    let position = |name| capabilities.iter().position(|known| *known == name);
    let capability = match capability {
        "-" => None,
        name => Some(position(name).ok_or("no such capability")? as u8),
    };
    let rest: Vec<&str> = words.collect();
    let conditions = match &rest[..] {
        [] => Vec::new(),
        rest => rest.split(|word| *word == "and").map(condition).collect::<Result<_, _>>()?,
    };
    let refusal = Refusal { errno, capability };
    Ok(Rule { number, refusal, conditions })
}

fn condition(words: &[&str]) -> Result<Condition, String> {
    let (argument, mut words) = words.split_first().ok_or("a condition is empty")?;
    let argument = argument.strip_prefix('a').and_then(|digit| digit.parse().ok());
    let argument = argument.ok_or("arguments are a0 to a5")?;
    let mut mask = None;
    if let ["&", value, rest @ ..] = words {
        mask = Some(numeral(value)?);
        words = rest;
    }
    let test = match words {
        [] if mask.is_some() => Test::NotZero,
        ["=", values] => Test::Is(numerals(values)?),
        ["!=", values] => Test::IsNot(numerals(values)?),
        _ => return Err("not a condition".into()),
    };
    Ok(Condition { argument, mask, test })
}

fn numerals(text: &str) -> Result<Vec<u32>, String> {
    text.split(',').map(numeral).collect()
}

fn numeral(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("not a number: {text}"))
}
