//! The kernel: one thin, typed function per system call, named as the kernel names it.
//!
//! No policy lives here and no raw call anywhere above. Every function's errors are those of its
//! man page (section 2), returned as [`Errno`]. Nothing here allocates, so all of it may be used
//! by the child of `clone`, which shares its parent's memory.

pub mod arch;
pub mod bpf;
pub mod clock;
pub mod diagnostics;
pub mod fd;
pub mod fs;
pub mod idle;
pub mod loopdev;
pub mod memory;
pub mod mount;
pub mod net;
pub mod output;
pub mod poll;
pub mod power;
pub mod process;
pub mod security;
pub mod signal;
pub mod terminal;
pub mod width;

pub use fd::Fd;
pub use syscalls::Errno;

/// Text of an error; empty for a number the kernel does not use.
pub fn describe(errno: Errno) -> &'static str {
    let texts = include_str!(concat!(env!("OUT_DIR"), "/errors.txt"));
    texts.split('\n').nth(errno.into_raw() as usize).unwrap_or_default()
}

/// Result of a system call.
pub type Result<T> = core::result::Result<T, Errno>;
