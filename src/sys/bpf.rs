//! BPF programs (bpf(2)).

use super::{Fd, Result};
use alloc::vec::Vec;
use core::ffi::CStr;
use syscalls::{Sysno, syscall};

/// The part of union bpf_attr for BPF_PROG_LOAD.
#[repr(C)]
struct Load {
    kind: u32,
    length: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
}

/// The part of union bpf_attr for BPF_PROG_ATTACH and BPF_PROG_DETACH.
#[repr(C)]
struct Attach {
    target: i32,
    program: i32,
    kind: u32,
    flags: u32,
}

/// The part of union bpf_attr for BPF_PROG_QUERY. The kernel writes the last two fields.
#[repr(C)]
struct Query {
    target: i32,
    kind: u32,
    flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    padding: u32,
}

/// BPF_CGROUP_DEVICE
const CGROUP_DEVICE: u32 = 6;
/// BPF_F_ALLOW_MULTI
const ALLOW_MULTI: u32 = 2;

/// bpf(2), BPF_PROG_LOAD: loads a program for device access (BPF_PROG_TYPE_CGROUP_DEVICE).
pub fn load_device_program(instructions: &[u64]) -> Result<Fd> {
    const PROG_LOAD: usize = 5;
    const PROGRAM_TYPE: u32 = 15;
    const LICENSE: &CStr = c"MIT";
    let load = Load {
        kind: PROGRAM_TYPE,
        length: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        license: LICENSE.as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
    };
    // SAFETY: the kernel reads the structure, the instructions and the license.
    let fd = unsafe { syscall!(Sysno::bpf, PROG_LOAD, &raw const load, size_of::<Load>()) }?;
    Ok(Fd::own(fd))
}

/// bpf(2), BPF_PROG_ATTACH: attaches a device program to a v2 cgroup. Programs of parent cgroups
/// still apply.
pub fn attach_device_program(cgroup: &Fd, program: &Fd) -> Result<()> {
    const PROG_ATTACH: usize = 8;
    let attach = Attach {
        target: cgroup.raw(),
        program: program.raw(),
        kind: CGROUP_DEVICE,
        flags: ALLOW_MULTI,
    };
    // SAFETY: the kernel reads the structure.
    unsafe { syscall!(Sysno::bpf, PROG_ATTACH, &raw const attach, size_of::<Attach>()) }.map(drop)
}

/// bpf(2), BPF_PROG_DETACH: takes a program about devices away from a cgroup.
pub fn detach_device_program(cgroup: &Fd, program: &Fd) -> Result<()> {
    const PROG_DETACH: usize = 9;
    let attach =
        Attach { target: cgroup.raw(), program: program.raw(), kind: CGROUP_DEVICE, flags: 0 };
    // SAFETY: the kernel reads the structure.
    unsafe { syscall!(Sysno::bpf, PROG_DETACH, &raw const attach, size_of::<Attach>()) }.map(drop)
}

/// bpf(2), BPF_PROG_QUERY and BPF_PROG_GET_FD_BY_ID: the programs about devices that are attached to a cgroup itself,
/// up to 64.
#[inline(never)]
pub fn device_programs(cgroup: &Fd) -> Result<Vec<Fd>> {
    const PROG_QUERY: usize = 16;
    const GET_FD_BY_ID: usize = 13;
    let mut ids = [0u32; 64];
    let mut query = Query {
        target: cgroup.raw(),
        kind: CGROUP_DEVICE,
        flags: 0,
        attach_flags: 0,
        ids: ids.as_mut_ptr() as u64,
        count: ids.len() as u32,
        padding: 0,
    };
    // SAFETY: the kernel reads and writes the structure, and writes as many ids as it says.
    unsafe { syscall!(Sysno::bpf, PROG_QUERY, &raw mut query, size_of::<Query>()) }?;
    let mut programs = Vec::new();
    for id in ids.iter().take(query.count as usize) {
        let attribute = [*id, 0, 0];
        // SAFETY: the kernel reads the id, and that the rest is 0.
        let fd = unsafe {
            syscall!(Sysno::bpf, GET_FD_BY_ID, &raw const attribute, size_of_val(&attribute))
        }?;
        programs.push(Fd::own(fd));
    }
    Ok(programs)
}
