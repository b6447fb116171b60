//! Program entry and memory functions on riscv64.

use core::arch::{asm, global_asm};

// The kernel enters with the stack pointer at argc (ELF psABI, "Process Initialization").
// `enter` gets that pointer, the dynamic section and the address the file was loaded at;
// all three relative to the instruction pointer, because nothing is relocated yet.
global_asm!(
    ".globl _start",
    ".hidden _DYNAMIC",
    ".hidden __ehdr_start",
    ".type _start, @function",
    "_start:",
    ".option push",
    ".option norelax",
    "lla gp, __global_pointer$",
    ".option pop",
    "mv s0, zero",
    "mv a0, sp",
    "lla a1, _DYNAMIC",
    "lla a2, __ehdr_start",
    "call {enter}",
    "ebreak",
    enter = sym super::super::start::enter,
);

/// A relocation: address, type, addend.
pub type Relocation = [usize; 3];
/// Tags of the relocation table and its size: DT_RELA, DT_RELASZ.
pub const RELOCATIONS: [usize; 2] = [7, 8];
/// Type of a relocation that adds the load address: `R_RISCV_RELATIVE`.
pub const RELATIVE: usize = 3;

/// Copies upwards, byte by byte.
///
/// # Safety
/// As `memcpy`; the regions may overlap when `to` is below `from`.
#[inline]
pub unsafe fn copy_forward(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller vouches for both regions.
    unsafe {
        asm!("2:", "beqz {n}, 3f", "lbu {b}, 0({f})", "sb {b}, 0({t})",
            "addi {f}, {f}, 1", "addi {t}, {t}, 1", "addi {n}, {n}, -1", "j 2b", "3:",
            n = inout(reg) len => _, t = inout(reg) to => _, f = inout(reg) from => _,
            b = out(reg) _, options(nostack));
    }
}

/// Copies downwards, byte by byte.
///
/// # Safety
/// As `memmove`.
#[inline]
pub unsafe fn copy_backward(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller vouches for both regions; the pointers start one past their ends.
    unsafe {
        asm!("2:", "beqz {n}, 3f", "addi {f}, {f}, -1", "addi {t}, {t}, -1",
            "lbu {b}, 0({f})", "sb {b}, 0({t})", "addi {n}, {n}, -1", "j 2b", "3:",
            n = inout(reg) len => _, t = inout(reg) to.wrapping_add(len) => _,
            f = inout(reg) from.wrapping_add(len) => _, b = out(reg) _, options(nostack));
    }
}

/// Fills with one byte.
///
/// # Safety
/// As `memset`.
#[inline]
pub unsafe fn fill(to: *mut u8, byte: u8, len: usize) {
    // SAFETY: the caller vouches for the region.
    unsafe {
        asm!("2:", "beqz {n}, 3f", "sb {b}, 0({t})", "addi {t}, {t}, 1", "addi {n}, {n}, -1",
            "j 2b", "3:",
            n = inout(reg) len => _, t = inout(reg) to => _, b = in(reg) usize::from(byte),
            options(nostack));
    }
}
