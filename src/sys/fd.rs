//! Owned file descriptors.

use core::mem::ManuallyDrop;
use syscalls::{Sysno, syscall};

/// A file descriptor that is closed when it goes out of scope.
#[derive(Debug, PartialEq, Eq)]
pub struct Fd(i32);

/// Standard error; a static is never dropped, so never closed.
pub static STDERR: Fd = Fd(2);
/// Standard input.
pub static STDIN: Fd = Fd(0);
/// Standard output.
pub static STDOUT: Fd = Fd(1);

impl Fd {
    /// Takes ownership of what a system call returned.
    pub(super) fn own(raw: usize) -> Fd {
        Fd(raw as i32)
    }

    /// The number, for the kernel and for comparing; ownership stays here.
    pub fn raw(&self) -> i32 {
        self.0
    }

    /// Closes this process's copy of a descriptor that another process owns. The child of `clone`
    /// has its own descriptor table but shares the memory that holds the owner.
    #[inline(never)] // Every drop is a call of it.
    pub fn close_copy(&self) {
        // SAFETY: closes a number; no memory is involved. close(2) frees the number even when
        // it reports an error.
        let _ = unsafe { syscall!(Sysno::close, self.0) };
    }

    /// Uses a descriptor that has another owner.
    pub(super) fn borrowed(raw: i32) -> ManuallyDrop<Fd> {
        ManuallyDrop::new(Fd(raw))
    }

    /// Gives up ownership: the descriptor stays open.
    pub fn leak(self) {
        core::mem::forget(self);
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        self.close_copy();
    }
}
