//! The binary: a freestanding runtime and one call into the library, [`mini::main`].

#![no_std]
#![no_main]

extern crate alloc;

mod rt;
