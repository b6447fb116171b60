//! The verbs: each one completes a spec, calls `container` and prints.

pub mod check;
mod create;
mod delete;
mod events;
mod exec;
mod features;
mod kill;
mod list;
pub mod oci;
mod pause;
mod ps;
pub mod run;
mod spec;
mod start;
mod state;
mod update;

use crate::error::{Error, Result};
use crate::store::state::OCI_VERSION;
use crate::sys;
use crate::text::Text;
use alloc::vec::Vec;

/// `mini --version`, in the form that engines read.
pub fn version(out: &mut Text) {
    out.str(concat!("mini version ", env!("CARGO_PKG_VERSION"), "\nspec: "));
    out.str(OCI_VERSION).str("\n");
}

/// Writes the verb's output to standard output. A full disk or a closed descriptor is an error.
pub fn print(text: Vec<u8>) -> Result<u8> {
    match sys::fs::write_all(&sys::fd::STDOUT, &text) {
        Ok(()) => Ok(0),
        Err(errno) => Err(Error::new("write").object(b"standard output").errno(errno)),
    }
}
