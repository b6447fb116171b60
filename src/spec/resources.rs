//! What a container may use of the machine: plain data, in the OCI runtime-spec's words.

use core::ffi::CStr;

/// Limits; None is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources<'a> {
    /// Memory.
    pub memory: Memory,
    /// Processor time and place.
    pub cpu: Cpu<'a>,
    /// The most processes at a time.
    pub pids: Option<Limit>,
    /// Its part of a busy disk's time, 10 to 1000.
    pub io_weight: Option<u64>,
    /// Values for control files named by the user.
    pub conf: alloc::vec::Vec<Conf<'a>>,
    /// The cgroup under which the container's own are made, from the top of its hierarchy;
    /// None: mini's own, or the nearest above it that will do.
    pub parent: Option<&'a CStr>,
}

/// Limits on memory, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Memory.
    pub limit: Option<u64>,
    /// Memory and swap together.
    pub swap: Option<Limit>,
    /// What it may keep when memory is short.
    pub reservation: Option<u64>,
    /// How readily its memory is swapped out, 0 to 100.
    pub swappiness: Option<u64>,
}

/// Limits on processors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cpu<'a> {
    /// Its part of a busy processor, 2 to 262144, 1024 being usual.
    pub shares: Option<u64>,
    /// Microseconds of processor time in each period.
    pub quota: Option<u64>,
    /// Microseconds.
    pub period: Option<u64>,
    /// The processors it may run on, as a list (`0-2,5`).
    pub cpus: Option<&'a CStr>,
    /// The memory nodes it may use, as a list.
    pub mems: Option<&'a CStr>,
}

/// A limit that can be lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// No limit.
    Max,
    /// This much.
    At(u64),
}

/// A control file's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conf<'a> {
    /// The file's name, `CONTROLLER.KEY`.
    pub file: &'a [u8],
    /// What is written to it.
    pub value: &'a [u8],
}
