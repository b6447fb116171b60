//! Programs that run at points of a container's life: plain data.

use alloc::vec::Vec;
use core::ffi::CStr;

/// Programs that run at points of the container's life.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks<'a> {
    /// On the host, when the container's namespaces have been created.
    pub prestart: Vec<Hook<'a>>,
    /// The same, after the prestart hooks.
    pub create_runtime: Vec<Hook<'a>>,
    /// In the container's namespaces, before the switch of the root.
    pub create_container: Vec<Hook<'a>>,
    /// In the container, before the command.
    pub start_container: Vec<Hook<'a>>,
    /// On the host, when the command has started.
    pub poststart: Vec<Hook<'a>>,
    /// On the host, when the container is deleted.
    pub poststop: Vec<Hook<'a>>,
}

impl<'a> Hooks<'a> {
    /// Gives hooks without an environment the caller's, or in the container the command's, as runc and crun do.
    pub fn inherit(&mut self, caller: &[&'a CStr], command: &[&'a CStr]) {
        let Hooks {
            prestart,
            create_runtime,
            create_container,
            start_container,
            poststart,
            poststop,
        } = self;
        for hook in start_container {
            hook.env.get_or_insert_with(|| command.to_vec());
        }
        for list in [prestart, create_runtime, create_container, poststart, poststop] {
            for hook in list {
                hook.env.get_or_insert_with(|| caller.to_vec());
            }
        }
    }

    /// Whether hooks run before the switch of the root.
    pub fn run_at_create(&self) -> bool {
        !(self.prestart.is_empty()
            && self.create_runtime.is_empty()
            && self.create_container.is_empty())
    }
}

/// A hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook<'a> {
    /// Absolute path of the program.
    pub path: &'a CStr,
    /// Arguments, including argv[0].
    pub args: Vec<&'a CStr>,
    /// Environment; None: that of who starts the hook ([`Hooks::inherit`]).
    pub env: Option<Vec<&'a CStr>>,
    /// Seconds until the hook is killed; None: no limit.
    pub timeout: Option<u32>,
}
