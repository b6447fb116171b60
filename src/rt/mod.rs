//! Items of the freestanding binary only; a library linked into a test must not contain them.

mod allocator;
mod arch;
mod memory;
mod panic;
mod start;
