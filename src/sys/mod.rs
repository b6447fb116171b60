//! The kernel: one thin, typed function per system call, named as the kernel names it.
//!
//! No policy lives here and no raw call anywhere above. Every function's errors are those of its
//! man page (section 2), returned as [`Errno`]. Nothing here allocates, so all of it may be used
//! by the child of `clone`, which shares its parent's memory.

pub mod arch;
pub mod clock;
pub mod fd;
pub mod fs;
pub mod memory;
pub mod mount;
pub mod net;
pub mod process;
pub mod signal;

pub use fd::Fd;
pub use syscalls::Errno;

/// What every system call gives back.
pub type Result<T> = core::result::Result<T, Errno>;
