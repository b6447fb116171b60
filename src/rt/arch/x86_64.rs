//! Program entry and memory functions on x86_64.

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
    "xor ebp, ebp",
    "mov rdi, rsp",
    "lea rsi, [rip + _DYNAMIC]",
    "lea rdx, [rip + __ehdr_start]",
    "and rsp, -16",
    "call {enter}",
    "ud2",
    enter = sym super::super::start::enter,
);

/// A relocation: address, type, addend.
pub type Relocation = [usize; 3];
/// Tags of the relocation table and its size: DT_RELA, DT_RELASZ.
pub const RELOCATIONS: [usize; 2] = [7, 8];
/// Type of a relocation that adds the load address: `R_X86_64_RELATIVE`.
pub const RELATIVE: usize = 8;

/// Copies upwards, byte by byte.
///
/// # Safety
/// As `memcpy`; the regions may overlap when `to` is below `from`.
#[inline]
pub unsafe fn copy_forward(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller vouches for both regions.
    unsafe {
        asm!("rep movsb", inout("rcx") len => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags));
    }
}

/// Copies downwards, byte by byte.
///
/// # Safety
/// As `memmove`.
#[inline]
pub unsafe fn copy_backward(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller vouches for both regions; the pointers start at their last bytes, and
    // the direction flag is cleared again, as the ABI asks.
    unsafe {
        asm!("std", "rep movsb", "cld",
            inout("rcx") len => _,
            inout("rdi") to.wrapping_add(len).wrapping_sub(1) => _,
            inout("rsi") from.wrapping_add(len).wrapping_sub(1) => _,
            options(nostack));
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
        asm!("rep stosb", inout("rcx") len => _, inout("rdi") to => _, in("al") byte,
            options(nostack, preserves_flags));
    }
}
