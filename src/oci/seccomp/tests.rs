//! What libseccomp makes of the same rules is compared in tests/promises/oci_seccomp.rs.

use super::*;
use crate::oci::config::Syscall;
use core::ffi::CStr;
use syscalls::Sysno;

const ALLOW: u32 = 0x7fff_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const fn errno(errno: u32) -> u32 {
    0x0005_0000 | errno
}

/// What the kernel would do: as much of classic BPF as the program uses (linux/filter.h).
fn verdict(program: &[u64], cpu: u32, number: u32, args: [u64; 6]) -> u32 {
    let (mut at, mut value) = (0, 0u32);
    loop {
        let line = program[at];
        let (yes, no) = (line as usize >> 16 & 255, line as usize >> 24 & 255);
        let constant = (line >> 32) as u32;
        at += 1;
        match line & 0xffff {
            LOAD => {
                value = match constant {
                    NUMBER => number,
                    CPU => cpu,
                    offset => (args[(offset - ARGUMENTS) as usize / 8] >> (offset % 8 * 8)) as u32,
                }
            }
            AND => value &= constant,
            JUMP => at += constant as usize,
            IF_EQUAL => at += if value == constant { yes } else { no },
            IF_GREATER => at += if value > constant { yes } else { no },
            IF_AT_LEAST => at += if value >= constant { yes } else { no },
            RETURN => return constant,
            other => panic!("no such instruction: {other:#x}"),
        }
    }
}

fn rule(names: &[&'static CStr], action: u32, args: &[Arg]) -> Syscall<'static> {
    Syscall { names: names.to_vec(), action, args: args.to_vec() }
}

fn arg(index: u32, op: Operator, value: u64) -> Arg {
    Arg { index, op, value, value_two: 0 }
}

fn rules(syscalls: Vec<Syscall<'static>>) -> Seccomp<'static> {
    Seccomp { default_action: errno(1), syscalls, ..Seccomp::default() }
}

/// What this CPU's call gets.
fn answer(seccomp: &Seccomp, call: Sysno, args: [u64; 6]) -> u32 {
    verdict(&compile(seccomp).unwrap(), ABIS[0].cpu, call.id() as u32, args)
}

#[test]
fn every_name_of_this_cpu_has_its_number() {
    let mut found = 0;
    for call in (0..1024).filter_map(Sysno::new) {
        let numbers = numbers(call.name().as_bytes()).unwrap_or_else(|| panic!("{}", call.name()));
        assert_eq!(numbers.first, call.id() as u32, "{}", call.name());
        found += 1;
    }
    assert!(found > 300);
    for name in ["", "no_such_call", "rea", "readd", "~", "_", "zz", "accep", "\u{e9}"] {
        assert_eq!(numbers(name.as_bytes()), None, "{name}");
    }
}

#[test]
fn a_rule_without_conditions_is_the_only_one() {
    let five = [arg(0, Operator::EqualTo, 5)];
    let kill = rule(&[c"read"], KILL_PROCESS, &five);
    let allow = rule(&[c"read"], ALLOW, &[]);
    for order in [vec![kill.clone(), allow.clone()], vec![allow.clone(), kill.clone()]] {
        assert_eq!(answer(&rules(order), Sysno::read, [5, 0, 0, 0, 0, 0]), ALLOW);
    }
    let other = rule(&[c"read"], errno(7), &[]);
    assert_eq!(answer(&rules(vec![other, allow]), Sysno::read, [0; 6]), errno(7));
}

#[test]
fn of_rules_with_conditions_the_first_that_holds_counts() {
    let first =
        rule(&[c"read"], ALLOW, &[arg(0, Operator::GreaterEqual, 5), arg(1, Operator::EqualTo, 1)]);
    let second = rule(&[c"read"], errno(7), &[arg(0, Operator::EqualTo, 6)]);
    let both = rules(vec![first, second]);
    for (args, expected) in [
        ([5, 1], ALLOW),
        ([6, 1], ALLOW),
        ([6, 0], errno(7)),
        ([5, 0], errno(1)),
        ([4, 1], errno(1)),
    ] {
        assert_eq!(
            answer(&both, Sysno::read, [args[0], args[1], 0, 0, 0, 0]),
            expected,
            "{args:?}"
        );
    }
}

#[test]
fn two_conditions_on_one_argument_are_two_rules() {
    let either = rules(vec![rule(
        &[c"read"],
        ALLOW,
        &[arg(0, Operator::EqualTo, 1), arg(0, Operator::EqualTo, 2), arg(1, Operator::EqualTo, 3)],
    )]);
    for (args, expected) in [([1, 0], ALLOW), ([2, 0], ALLOW), ([0, 3], ALLOW), ([0, 0], errno(1))]
    {
        assert_eq!(
            answer(&either, Sysno::read, [args[0], args[1], 0, 0, 0, 0]),
            expected,
            "{args:?}"
        );
    }
}

#[test]
fn without_rules_everything_has_the_default_action() {
    for default_action in [ALLOW, KILL_PROCESS, KILL_THREAD, errno(38)] {
        let program = compile(&Seccomp { default_action, ..Seccomp::default() }).unwrap();
        for number in [0, 1, 500, 0x3fff_ffff, u32::MAX] {
            assert_eq!(verdict(&program, ABIS[0].cpu, number, [0; 6]), default_action);
        }
        // Another CPU, and one of which no bit is set.
        for cpu in [0, 0xc000_00b8]
            .into_iter()
            .chain(ABIS.iter().map(|abi| abi.cpu).filter(|cpu| *cpu != ABIS[0].cpu))
        {
            assert_eq!(verdict(&program, cpu, 1, [0; 6]), KILL_THREAD);
        }
        if cfg!(target_arch = "x86_64") {
            assert_eq!(verdict(&program, ABIS[0].cpu, X32, [0; 6]), KILL_THREAD);
        }
    }
}

/// So many rules that jumps are too far for a byte.
#[test]
fn long_programs_jump_far() {
    let calls: Vec<Sysno> = (0..300).filter_map(Sysno::new).take(200).collect();
    let names: Vec<std::ffi::CString> =
        calls.iter().map(|call| std::ffi::CString::new(call.name()).unwrap()).collect();
    let syscalls = names
        .iter()
        .enumerate()
        .map(|(index, name)| Syscall {
            names: vec![name.as_c_str()],
            action: errno(100 + index as u32),
            args: vec![
                arg(2, Operator::GreaterThan, 1 << 40 | index as u64),
                arg(3, Operator::NotEqual, 1 << 33),
            ],
        })
        .collect();
    let seccomp = Seccomp { default_action: ALLOW, syscalls, ..Seccomp::default() };
    let program = compile(&seccomp).unwrap();
    assert!(program.len() > 1500, "{}", program.len());
    for (index, call) in calls.iter().enumerate() {
        let ask = |third: u64, fourth: u64| {
            verdict(&program, ABIS[0].cpu, call.id() as u32, [0, 0, third, fourth, 0, 0])
        };
        let edge = 1 << 40 | index as u64;
        assert_eq!(ask(edge + 1, 0), errno(100 + index as u32));
        assert_eq!(ask(edge, 0), ALLOW);
        assert_eq!(ask(edge + 1, 1 << 33), ALLOW);
        assert_eq!(ask(1 << 41, 1), errno(100 + index as u32));
        assert_eq!(ask(u64::from(u32::MAX), 1), ALLOW);
    }
    assert_eq!(verdict(&program, ABIS[0].cpu, 999, [0, 0, 1 << 41, 0, 0, 0]), ALLOW);
}

#[test]
fn a_search_takes_few_steps() {
    let all: Vec<std::ffi::CString> = (0..1024)
        .filter_map(Sysno::new)
        .step_by(2)
        .map(|call| std::ffi::CString::new(call.name()).unwrap())
        .collect();
    let syscalls = vec![Syscall {
        names: all.iter().map(|name| name.as_c_str()).collect(),
        action: ALLOW,
        args: vec![],
    }];
    let program =
        compile(&Seccomp { default_action: errno(1), syscalls, ..Seccomp::default() }).unwrap();
    for number in 0..600 {
        let (mut at, mut steps) = (0, 0);
        let mut value = 0;
        while program[at] & 0xffff != RETURN {
            let line = program[at];
            let constant = (line >> 32) as u32;
            let (yes, no) = (line as usize >> 16 & 255, line as usize >> 24 & 255);
            at += 1;
            match line & 0xffff {
                LOAD => value = if constant == CPU { ABIS[0].cpu } else { number },
                JUMP => at += constant as usize,
                IF_EQUAL => at += if value == constant { yes } else { no },
                _ => at += if value >= constant { yes } else { no },
            }
            steps += 1;
        }
        assert!(steps < 20, "call {number} takes {steps} steps of {}", program.len());
    }
}

#[test]
fn what_makes_no_program_is_an_error() {
    let many = |number: u64| {
        (0..number)
            .map(|value| rule(&[c"read"], ALLOW, &[arg(0, Operator::EqualTo, value)]))
            .collect()
    };
    assert!(compile(&rules(many(900))).is_ok());
    assert_eq!(
        compile(&rules(many(2000))),
        Err("the rules make a program of more than 4096 instructions")
    );
    assert_eq!(compile(&rules(many(5000))), Err("there are more than 4096 rules with conditions"));
}
