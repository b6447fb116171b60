//! The verbs: each one completes a spec, calls `container` and prints.

pub mod check;
pub mod run;

use crate::error::{Error, Result};
use crate::sys;
use alloc::vec::Vec;

/// Writes the verb's output to standard output. A full disk or a closed descriptor is an error.
pub fn print(text: Vec<u8>) -> Result<u8> {
    match sys::fs::write_all(&sys::fd::STDOUT, &text) {
        Ok(()) => Ok(0),
        Err(errno) => Err(Error::new("write").object(b"standard output").errno(errno)),
    }
}
