//! The number of fstatat(2), and clone(2) with a new stack, on x86_64.

use core::arch::asm;
use core::ffi::c_void;
use syscalls::Sysno;

/// fstatat(2).
pub const FSTATAT: Sysno = Sysno::newfstatat;

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
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r13",
            "call r12",
            "ud2",
            "2:",
            inlateout("rax") number as isize => result,
            in("rdi") first,
            in("rsi") second,
            // Argument order of clone(2) on this CPU: flags, stack, parent_tid, child_tid, tls.
            in("rdx") 0,
            in("r10") 0,
            in("r8") 0,
            in("r12") entry,
            in("r13") arg,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}
