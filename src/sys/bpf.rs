//! Programs in the kernel (bpf(2)).

use super::{Fd, Result};
use core::ffi::CStr;
use syscalls::{Sysno, syscall};

/// What the kernel reads of union bpf_attr for BPF_PROG_LOAD.
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

/// What it reads for BPF_PROG_ATTACH.
#[repr(C)]
struct Attach {
    target: i32,
    program: i32,
    kind: u32,
    flags: u32,
}

/// bpf(2), BPF_PROG_LOAD: loads a program that decides about devices (BPF_PROG_TYPE_CGROUP_DEVICE).
pub fn load_device_program(instructions: &[u64]) -> Result<Fd> {
    const PROG_LOAD: usize = 5;
    const CGROUP_DEVICE: u32 = 15;
    const LICENSE: &CStr = c"MIT";
    let load = Load {
        kind: CGROUP_DEVICE,
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

/// bpf(2), BPF_PROG_ATTACH: lets a program decide about the devices of a cgroup (v2), next to those above it.
pub fn attach_device_program(cgroup: &Fd, program: &Fd) -> Result<()> {
    const PROG_ATTACH: usize = 8;
    const CGROUP_DEVICE: u32 = 6;
    const ALLOW_MULTI: u32 = 2;
    let attach = Attach {
        target: cgroup.raw(),
        program: program.raw(),
        kind: CGROUP_DEVICE,
        flags: ALLOW_MULTI,
    };
    // SAFETY: the kernel reads the structure.
    unsafe { syscall!(Sysno::bpf, PROG_ATTACH, &raw const attach, size_of::<Attach>()) }.map(drop)
}
