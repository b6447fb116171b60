//! What differs by the width of the kernel's words: one file each, the same items in the same order.
//!
//! A 32-bit kernel got most calls twice: first with 16-bit ids, 32-bit sizes and 32-bit times, later
//! with wide ones under another name. mini knows the wide ones alone, but for time: those calls came
//! with Linux 5.1, so the older ones stand in. Arguments of 64 bits would go in pairs of registers
//! (on some CPUs from an even one on); no call that mini makes has one.

#[cfg(target_pointer_width = "32")]
mod bits32;
#[cfg(target_pointer_width = "64")]
mod bits64;

#[cfg(target_pointer_width = "32")]
pub use bits32::*;
#[cfg(target_pointer_width = "64")]
pub use bits64::*;

/// A time, or a span of it, as the kernel reads and writes it (struct __kernel_timespec).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Time {
    /// Whole seconds.
    pub seconds: i64,
    /// Below a thousand million.
    pub nanos: i64,
}

/// What is told of a file system.
#[derive(Debug, Clone, Copy)]
pub struct FileSystem {
    /// One of the *_MAGIC numbers.
    pub kind: u32,
    /// ST_* flags of the mount.
    pub flags: usize,
}
