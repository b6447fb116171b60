//! The built-in seccomp filter, generated from `seccomp.table` by build.rs.

use crate::spec::capability::Set;
use alloc::vec::Vec;

include!(concat!(env!("OUT_DIR"), "/seccomp.rs"));

/// SECCOMP_RET_ALLOW as an instruction (seccomp(2)).
const RETURN_ALLOW: u64 = 0x7fff_0000_0000_0006;

/// The filter for a container with these capabilities. System calls that need one of them are
/// allowed.
pub fn built_in(capabilities: Set) -> Vec<u64> {
    let mut program = BUILT_IN.to_vec();
    for (capability, place) in LIFTED {
        if capabilities & (1 << capability) != 0 {
            program[usize::from(place)] = RETURN_ALLOW;
        }
    }
    program
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::capability::{ALL, DEFAULT, by_name};
    use syscalls::Sysno;

    const ALLOW: u32 = 0x7fff_0000;
    const KILL: u32 = 0x8000_0000;
    const fn error(errno: u32) -> u32 {
        0x0005_0000 | errno
    }

    /// AUDIT_ARCH_* of this CPU.
    const HERE: u32 = if cfg!(target_arch = "x86_64") {
        0xc000_003e
    } else if cfg!(target_arch = "aarch64") {
        0xc000_00b7
    } else if cfg!(target_arch = "arm") {
        0x4000_0028
    } else {
        0xc000_00f3
    };

    /// Runs a filter like the kernel: the part of classic BPF that filters use (linux/filter.h).
    fn verdict(program: &[u64], cpu: u32, number: u32, args: [u32; 6]) -> u32 {
        let (mut at, mut value) = (0, 0u32);
        loop {
            let line = program[at];
            let (code, yes, no) =
                (line as u16, line as usize >> 16 & 255, line as usize >> 24 & 255);
            let constant = (line >> 32) as u32;
            at += 1;
            match code {
                0x20 => {
                    value = match constant {
                        0 => number,
                        4 => cpu,
                        offset => args[(offset as usize - 16) / 8],
                    }
                }
                0x54 => value &= constant,
                0x15 => at += if value == constant { yes } else { no },
                0x35 => at += if value >= constant { yes } else { no },
                0x06 => return constant,
                other => panic!("no such instruction: {other:#x}"),
            }
        }
    }

    fn of(set: Set, call: Sysno, args: [u32; 6]) -> u32 {
        verdict(&built_in(set), HERE, call.id() as u32, args)
    }

    #[test]
    fn exactly_the_calls_of_the_table_are_refused() {
        let table = include_str!("seccomp.table");
        let rows: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split('#').next().unwrap().split_whitespace().collect())
            .filter(|words: &Vec<&str>| !words.is_empty())
            .collect();
        assert!(rows.len() > 60);
        // When the `syscalls` crate learns a new call, it must be reviewed and NEWEST updated.
        let newest = Sysno::file_setattr.id() as usize;
        assert!((newest + 1..1024).all(|number| Sysno::new(number).is_none()));
        for number in newest + 1..1024 {
            assert_eq!(verdict(&built_in(ALL), HERE, number as u32, [0; 6]), error(38));
        }
        for number in 0..=newest {
            let name = Sysno::new(number).map_or("", |call| call.name());
            // 32-bit CPUs have wide forms.
            let narrow =
                ["32", "_time64", "64"].into_iter().find_map(|wide| name.strip_suffix(wide));
            let is = |row: &&Vec<&str>| row[0] == name || Some(row[0]) == narrow;
            let row = rows.iter().find(is);
            let none = verdict(&built_in(0), HERE, number as u32, [0; 6]);
            let all = verdict(&built_in(ALL), HERE, number as u32, [0; 6]);
            let Some(row) = row else {
                assert_eq!(none, ALLOW, "{name}");
                continue;
            };
            let refused = if row[1] == "EPERM" { error(1) } else { error(38) };
            if row.len() == 3 {
                assert_eq!(none, refused, "{name}");
                let lifted = by_name(row[2].as_bytes());
                assert_eq!(all, if lifted.is_some() { ALLOW } else { refused }, "{name}");
                if let Some(capability) = lifted {
                    let one = verdict(&built_in(1 << capability), HERE, number as u32, [0; 6]);
                    assert_eq!(one, ALLOW, "{name}");
                }
            } else {
                // Conditional lines: these arguments are allowed.
                assert_eq!(none, ALLOW, "{name}");
            }
        }
    }

    #[test]
    fn conditions_look_at_the_low_half_of_arguments() {
        let a = |args: &[u32]| {
            let mut all = [0; 6];
            all[..args.len()].copy_from_slice(args);
            all
        };
        let namespaces = [0x20000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000];
        for flag in namespaces.into_iter().chain([0x4000_0000]) {
            assert_eq!(of(DEFAULT, Sysno::clone, a(&[flag | 17])), error(1));
            assert_eq!(of(DEFAULT, Sysno::unshare, a(&[flag])), error(1));
            assert_eq!(of(1 << 21, Sysno::unshare, a(&[flag])), ALLOW);
        }
        // Flags of a thread, as libc passes them.
        assert_eq!(of(DEFAULT, Sysno::clone, a(&[0x003d_0f00])), ALLOW);
        assert_eq!(of(DEFAULT, Sysno::unshare, a(&[0x600])), ALLOW);
        assert_eq!(of(DEFAULT, Sysno::ioctl, a(&[0, 0x5412])), error(1));
        assert_eq!(of(DEFAULT, Sysno::ioctl, a(&[0, 0x541c])), error(1));
        assert_eq!(of(DEFAULT, Sysno::ioctl, a(&[0, 0x5401])), ALLOW);
        for (family, answer) in [(38, error(1)), (40, error(1)), (42, error(1)), (1, ALLOW)] {
            assert_eq!(of(DEFAULT, Sysno::socket, a(&[family])), answer);
            assert_eq!(of(ALL, Sysno::socket, a(&[family])), answer);
        }
        assert_eq!(of(DEFAULT, Sysno::personality, a(&[0x0040_0000])), error(1));
        for allowed in [0, 8, 0xffff_ffff] {
            assert_eq!(of(DEFAULT, Sysno::personality, a(&[allowed])), ALLOW);
        }
        let node = |mode, device| of(DEFAULT, Sysno::mknodat, a(&[0, 0, mode, device]));
        assert_eq!(node(0x6180, 0x800), error(1)); // sda
        assert_eq!(node(0x2180, 0x101), error(1)); // mem
        assert_eq!(node(0x21b6, 0x103), ALLOW); // null
        assert_eq!(node(0x21b6, 0), ALLOW); // a whiteout
        assert_eq!(node(0x11b6, 0x800), ALLOW); // a pipe
        assert_eq!(node(0x81b6, 0x800), ALLOW); // a file
    }

    #[test]
    fn other_cpus_are_refused() {
        let program = built_in(DEFAULT);
        assert_eq!(verdict(&program, 0x4000_0003, 1, [0; 6]), KILL);
        if cfg!(target_arch = "x86_64") {
            // x32 numbers, and -1.
            for number in [0x4000_0000, 0x4000_003b, u32::MAX] {
                assert_eq!(verdict(&program, HERE, number, [0; 6]), error(38));
            }
        }
    }

    #[test]
    fn private_calls_of_arm() {
        let program = built_in(DEFAULT);
        if cfg!(target_arch = "arm") {
            // The cache flush and the thread pointer; the numbers after them; the old ABI.
            for number in [0xf_0001, 0xf_0002, 0xf_0005, 0xf_0006] {
                assert_eq!(verdict(&program, HERE, number, [0; 6]), ALLOW);
            }
            for number in [0xf_0007, 0x90_0000, 0x90_0015, u32::MAX] {
                assert_eq!(verdict(&program, HERE, number, [0; 6]), error(38));
            }
            assert_eq!(verdict(&program, HERE, 404, [0; 6]), error(1)); // clock_settime64
            assert_eq!(verdict(&program, HERE, 273, [0; 6]), error(1)); // pciconfig_write
        }
    }

    /// When a filter is installed, the kernel runs it for every call number.
    #[test]
    fn the_program_is_short() {
        assert!(BUILT_IN.len() < 200, "{}", BUILT_IN.len());
    }
}
