//! What only a freestanding binary needs, and a library linked into a test must not have.

mod allocator;
mod arch;
mod memory;
mod panic;
mod start;
