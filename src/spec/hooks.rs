//! Programs that run at points of a container's life: plain data.

use alloc::vec::Vec;
use core::ffi::CStr;

/// Programs that run at points of the container's life.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks<'a> {
    /// Outside, when the container's namespaces are there.
    pub prestart: Vec<Hook<'a>>,
    /// The same, after those.
    pub create_runtime: Vec<Hook<'a>>,
    /// In the container's namespaces, before its root is switched.
    pub create_container: Vec<Hook<'a>>,
    /// In the container, before its command.
    pub start_container: Vec<Hook<'a>>,
    /// Outside, when the command has started.
    pub poststart: Vec<Hook<'a>>,
    /// Outside, when the container is deleted.
    pub poststop: Vec<Hook<'a>>,
}

impl Hooks<'_> {
    /// Whether a hook runs before the root is switched.
    pub fn run_at_create(&self) -> bool {
        !(self.prestart.is_empty()
            && self.create_runtime.is_empty()
            && self.create_container.is_empty())
    }
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook<'a> {
    /// Its file, an absolute path.
    pub path: &'a CStr,
    /// Its arguments, its name among them.
    pub args: Vec<&'a CStr>,
    /// Its environment.
    pub env: Vec<&'a CStr>,
    /// Seconds until it is ended.
    pub timeout: Option<u32>,
}
