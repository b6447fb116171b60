//! Program entry and memory functions on ARM (32 bits, EABI).

use core::arch::{asm, global_asm};

// The kernel enters with the stack pointer at argc (ELF for the ARM Architecture).
// `enter` gets that pointer, the dynamic section and the address the file was loaded at;
// all three relative to the instruction pointer, because nothing is relocated yet: it reads as eight
// bytes further on.
global_asm!(
    ".globl _start",
    ".hidden _DYNAMIC",
    ".hidden __ehdr_start",
    ".type _start, %function",
    ".arm",
    "_start:",
    "mov fp, #0",
    "mov lr, #0",
    "mov r0, sp",
    "ldr r1, 3f",
    "2: add r1, pc, r1",
    "ldr r2, 5f",
    "4: add r2, pc, r2",
    "bic sp, sp, #7",
    "bl {enter}",
    "udf #0",
    "3: .word _DYNAMIC - (2b + 8)",
    "5: .word __ehdr_start - (4b + 8)",
    enter = sym super::super::start::enter,
);

/// A relocation: address and type. The addend lies at the address.
pub type Relocation = [usize; 2];
/// Tags of the relocation table and its size: DT_REL, DT_RELSZ.
pub const RELOCATIONS: [usize; 2] = [17, 18];
/// Type of a relocation that adds the load address: `R_ARM_RELATIVE`.
pub const RELATIVE: usize = 23;

/// Copies upwards, byte by byte.
///
/// # Safety
/// As `memcpy`; the regions may overlap when `to` is below `from`.
#[inline]
pub unsafe fn copy_forward(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller vouches for both regions.
    unsafe {
        asm!("2:", "cmp {n}, #0", "beq 3f", "ldrb {b}, [{f}], #1", "strb {b}, [{t}], #1",
            "sub {n}, {n}, #1", "b 2b", "3:",
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
    // SAFETY: the caller vouches for both regions; indices run from `len - 1` to 0.
    unsafe {
        asm!("2:", "cmp {n}, #0", "beq 3f", "sub {n}, {n}, #1", "ldrb {b}, [{f}, {n}]",
            "strb {b}, [{t}, {n}]", "b 2b", "3:",
            n = inout(reg) len => _, t = in(reg) to, f = in(reg) from,
            b = out(reg) _, options(nostack));
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
        asm!("2:", "cmp {n}, #0", "beq 3f", "strb {b}, [{t}], #1", "sub {n}, {n}, #1", "b 2b", "3:",
            n = inout(reg) len => _, t = inout(reg) to => _, b = in(reg) u32::from(byte),
            options(nostack));
    }
}

/// The ARM runtime ABI's names for memory functions ("Run-time ABI for the ARM Architecture", 4.3.4), one
/// for each alignment that the compiler knows of. Those of memset have its arguments in another order.
mod runtime_abi {
    use super::super::super::memory::{memcpy, memmove, memset};

    macro_rules! copies {
        ($($name:ident = $function:ident;)*) => {$(
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name(to: *mut u8, from: *const u8, len: usize) {
                // SAFETY: the caller's promise, which is the same.
                unsafe { $function(to, from, len) };
            }
        )*};
    }
    copies! {
        __aeabi_memcpy = memcpy;
        __aeabi_memcpy4 = memcpy;
        __aeabi_memcpy8 = memcpy;
        __aeabi_memmove = memmove;
        __aeabi_memmove4 = memmove;
        __aeabi_memmove8 = memmove;
    }

    macro_rules! fills {
        ($($set:ident $clear:ident)*) => {$(
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $set(to: *mut u8, len: usize, byte: i32) {
                // SAFETY: the caller's promise, which is the same.
                unsafe { memset(to, byte, len) };
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn $clear(to: *mut u8, len: usize) {
                // SAFETY: likewise.
                unsafe { memset(to, 0, len) };
            }
        )*};
    }
    fills! {
        __aeabi_memset __aeabi_memclr
        __aeabi_memset4 __aeabi_memclr4
        __aeabi_memset8 __aeabi_memclr8
    }
}
