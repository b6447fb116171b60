//! The number of fstatat(2), and clone(2) with a new stack, on aarch64.

use core::arch::asm;
use core::ffi::c_void;
use syscalls::Sysno;

/// fstatat(2).
pub const FSTATAT: Sysno = Sysno::fstatat;

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
    // SAFETY: the caller's promise; the child never comes back out of this block.
    unsafe {
        asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, {arg}",
            "blr {entry}",
            "brk #1",
            "2:",
            entry = in(reg) entry,
            arg = in(reg) arg,
            in("x8") number as usize,
            inlateout("x0") first as isize => result,
            in("x1") second,
            // Argument order of clone(2) on this CPU: flags, stack, parent_tid, tls, child_tid.
            in("x2") 0,
            in("x3") 0,
            in("x4") 0,
        );
    }
    result
}
