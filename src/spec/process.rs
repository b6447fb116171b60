//! What a process is allowed and how the kernel treats it: plain data, in the OCI runtime-spec's words.

use super::capability::Set;
use crate::text::number;
use alloc::vec::Vec;
use core::ffi::CStr;

/// Capability sets of a process (capabilities(7)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The limit of what execve(2) can give.
    pub bounding: Set,
    /// The capabilities that the kernel checks.
    pub effective: Set,
    /// The capabilities that programs with inheritable file capabilities keep.
    pub inheritable: Set,
    /// The capabilities that the process can make effective.
    pub permitted: Set,
    /// The capabilities that programs without file capabilities keep.
    pub ambient: Set,
}

impl Capabilities {
    /// The sets of user 0 as Docker fills them: nothing is inheritable or ambient.
    pub const fn of_root(set: Set) -> Capabilities {
        Capabilities { bounding: set, effective: set, inheritable: 0, permitted: set, ambient: 0 }
    }

    /// The sets of another user: every program keeps `set`.
    pub const fn of_user(bounding: Set, set: Set) -> Capabilities {
        Capabilities { bounding, effective: set, inheritable: set, permitted: set, ambient: set }
    }

    /// The same sets without what is not in `set`.
    pub fn and(self, set: Set) -> Capabilities {
        Capabilities {
            bounding: self.bounding & set,
            effective: self.effective & set,
            inheritable: self.inheritable & set,
            permitted: self.permitted & set,
            ambient: self.ambient & set,
        }
    }

    /// Whether the process holds any capability, in whatever set.
    pub fn hold_any(self) -> bool {
        self.effective | self.inheritable | self.permitted | self.ambient != 0
    }
}

/// A limit of a process (getrlimit(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rlimit {
    /// RLIMIT_*
    pub resource: u32,
    /// The limit; u64::MAX is no limit.
    pub soft: u64,
    /// The ceiling of the limit.
    pub hard: u64,
}

/// The names of resources in the order of their numbers (asm-generic/resource.h), without RLIMIT_.
pub const RLIMITS: [&str; 16] = [
    "cpu",
    "fsize",
    "data",
    "stack",
    "core",
    "rss",
    "nproc",
    "nofile",
    "memlock",
    "as",
    "locks",
    "sigpending",
    "msgqueue",
    "nice",
    "rtprio",
    "rttime",
];

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsoleSize {
    /// Lines.
    pub height: u16,
    /// Columns.
    pub width: u16,
}

/// The scheduling policy of a process (sched_setattr(2)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scheduler {
    /// SCHED_*
    pub policy: u32,
    /// The nice value, -20 to 19.
    pub nice: i32,
    /// The static priority.
    pub priority: u32,
    /// SCHED_FLAG_*
    pub flags: u32,
    /// CPU time in each period, in nanoseconds (SCHED_DEADLINE).
    pub runtime: u64,
    /// The deadline in each period, in nanoseconds (SCHED_DEADLINE).
    pub deadline: u64,
    /// The period, in nanoseconds (SCHED_DEADLINE).
    pub period: u64,
}

/// The I/O priority of a process (ioprio_set(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoPriority {
    /// IOPRIO_CLASS_*
    pub class: u32,
    /// The level in the class, 0 (highest) to 7.
    pub priority: u32,
}

/// The CPUs of a process of `exec`, as lists (`0-3,7`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuAffinity<'a> {
    /// The CPUs before the process joins the container's cgroup.
    pub initial: Option<&'a CStr>,
    /// The CPUs afterwards.
    pub final_: Option<&'a CStr>,
}

/// The NUMA memory policy of a process (set_mempolicy(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPolicy<'a> {
    /// MPOL_*
    pub mode: u32,
    /// A list of memory nodes (`0-3,7`).
    pub nodes: Option<&'a CStr>,
    /// MPOL_F_*
    pub flags: u32,
}

/// The bits of a list of numbers below 4096 (`0-3,7`), the form of CPU and node lists; None if the text is no such
/// list.
pub fn list_bits(text: &[u8]) -> Option<Vec<usize>> {
    const MOST: u64 = 4096;
    const WIDTH: usize = usize::BITS as usize;
    let mut bits = Vec::new();
    for range in text.trim_ascii().split(|byte| *byte == b',') {
        let mut ends = range.splitn(2, |byte| *byte == b'-').map(|end| number(end, 10));
        let first = ends.next()??;
        let last = ends.next().unwrap_or(Some(first))?;
        if first > last || last >= MOST {
            return None;
        }
        bits.resize(bits.len().max(last as usize / WIDTH + 1), 0);
        for bit in first as usize..=last as usize {
            bits[bit / WIDTH] |= 1 << (bit % WIDTH);
        }
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_bits() {
        assert_eq!(list_bits(b"0"), Some(vec![1]));
        assert_eq!(list_bits(b"0-3,7\n"), Some(vec![0x8f]));
        assert_eq!(list_bits(b"64,1").unwrap()[0] & 2, 2);
        assert_eq!(list_bits(b"4095").unwrap().len(), 4096 / usize::BITS as usize);
        for bad in ["", ",", "1,", "-1", "3-1", "4096", "0-9999999999", "a", "1-2-3"] {
            assert_eq!(list_bits(bad.as_bytes()), None, "{bad}");
        }
    }
}
