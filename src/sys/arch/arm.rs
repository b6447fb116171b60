//! The number of fstatat(2), and clone(2) with a new stack, on ARM (32 bits, EABI).

use core::arch::asm;
use core::ffi::c_void;
use syscalls::Sysno;

/// fstatat(2).
pub const FSTATAT: Sysno = Sysno::fstatat64;

/// clone(2) with flags and stack, or clone3(2) with its arguments and their size. The child starts
/// in `entry(arg)` on the stack; the parent gets the child's process id or a negative errno.
/// Assembly, because the child returns on a stack without a frame.
///
/// # Safety
/// The stack is the 16-byte aligned top of memory that nothing else uses while the child runs; when
/// the flags have CLONE_VM, `entry` may touch only what is shared or its own.
pub unsafe fn clone(
    number: Sysno,
    first: usize,
    second: usize,
    entry: unsafe extern "C" fn(*mut c_void) -> !,
    arg: *mut c_void,
) -> isize {
    let result;
    // SAFETY: the caller's promise; the child never comes back out of this block. The number's register
    // may be the frame pointer, so it is put back.
    unsafe {
        asm!(
            "mov {saved}, r7",
            "mov r7, {number}",
            "svc #0",
            "mov r7, {saved}",
            "cmp r0, #0",
            "bne 2f",
            "mov fp, #0",
            "mov lr, #0",
            "mov r0, {arg}",
            "blx {entry}",
            "udf #0",
            "2:",
            saved = out(reg) _,
            number = in(reg) number as usize,
            entry = in(reg) entry,
            arg = in(reg) arg,
            inlateout("r0") first as isize => result,
            in("r1") second,
            // Argument order of clone(2) on this CPU: flags, stack, parent_tid, tls, child_tid.
            in("r2") 0,
            in("r3") 0,
            in("r4") 0,
        );
    }
    result
}
