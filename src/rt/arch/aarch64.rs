//! Program entry and memory functions on aarch64.

use core::arch::{asm, global_asm};

// The kernel enters with the stack pointer at argc (ELF psABI, "Process Initialization").
// `enter` gets that pointer, the dynamic section and the address the file was loaded at;
// all three relative to the instruction pointer, because nothing is relocated yet.
global_asm!(
    ".globl _start",
    ".hidden _DYNAMIC",
    ".hidden __ehdr_start",
    ".type _start, %function",
    "_start:",
    "mov x29, xzr",
    "mov x30, xzr",
    "mov x0, sp",
    "adrp x1, _DYNAMIC",
    "add x1, x1, :lo12:_DYNAMIC",
    "adrp x2, __ehdr_start",
    "add x2, x2, :lo12:__ehdr_start",
    "bl {enter}",
    "brk #1",
    enter = sym super::super::start::enter,
);

/// A relocation: address, type, addend.
pub type Relocation = [usize; 3];
/// Tags of the relocation table and its size: DT_RELA, DT_RELASZ.
pub const RELOCATIONS: [usize; 2] = [7, 8];
/// Type of a relocation that adds the load address: `R_AARCH64_RELATIVE`.
pub const RELATIVE: usize = 1027;

/// Copies upwards, byte by byte.
///
/// # Safety
/// As `memcpy`; the regions may overlap when `to` is below `from`.
#[inline]
pub unsafe fn copy_forward(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller vouches for both regions.
    unsafe {
        asm!("2:", "cbz {n}, 3f", "ldrb {b:w}, [{f}], #1", "strb {b:w}, [{t}], #1",
            "sub {n}, {n}, #1", "b 2b", "3:",
            n = inout(reg) len => _, t = inout(reg) to => _, f = inout(reg) from => _,
            b = out(reg) _, options(nostack, preserves_flags));
    }
}

/// Copies downwards, byte by byte.
///
/// # Safety
/// As `memmove`.
#[inline]
pub unsafe fn copy_backward(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller vouches for both regions; indices run from `len - 1` to 0.
    unsafe {
        asm!("2:", "cbz {n}, 3f", "sub {n}, {n}, #1", "ldrb {b:w}, [{f}, {n}]",
            "strb {b:w}, [{t}, {n}]", "b 2b", "3:",
            n = inout(reg) len => _, t = in(reg) to, f = in(reg) from,
            b = out(reg) _, options(nostack, preserves_flags));
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
        asm!("2:", "cbz {n}, 3f", "strb {b:w}, [{t}], #1", "sub {n}, {n}, #1", "b 2b", "3:",
            n = inout(reg) len => _, t = inout(reg) to => _, b = in(reg) u32::from(byte),
            options(nostack, preserves_flags));
    }
}
