//! config.json to a container's specification, as the planner reads it.

mod mounts;
mod process;
pub mod resources;

use super::config::{Config, Process};
use crate::error::{Error, Result};
use crate::spec::Spec;
use crate::spec::security::Seccomp;
use crate::text::Text;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ffi::CStr;

/// The container that a configuration describes.
///
/// `bundle` is the bundle's directory, an absolute path: relative paths of the configuration begin there.
///
/// # Errors
/// When something is asked for that mini cannot do.
pub fn spec<'a>(config: &'a Config<'a>, bundle: &CStr, id: &'a CStr) -> Result<Spec<'a>> {
    let process = config.process.as_ref().unwrap_or_else(|| Box::leak(Box::new(no_process())));
    let mut spec = Spec {
        resources: resources::resources(config, id),
        hooks: config.hooks.clone(),
        waits_for_start: true,
        ..Spec::default()
    };
    process::fill(&mut spec, config, process, (id, bundle))?;
    mounts::file_system(config, bundle, &mut spec)?;
    Ok(spec)
}

/// A further process of a container, which has the rights that `process` says and the system calls that the container
/// has. The namespaces are for the caller to fill in.
///
/// # Errors
/// When something is asked for that mini cannot do.
pub fn exec<'a>(config: &'a Config<'a>, process: &'a Process<'a>) -> Result<Spec<'a>> {
    let mut spec = Spec::default();
    process::fill(&mut spec, config, process, (c"", c""))?;
    if let Seccomp::Program { listener: Some(_), .. } = spec.security.seccomp {
        let error = Error::new("config.json linux.seccomp.listenerPath");
        return Err(error.cause("not supported for further commands"));
    }
    // What was done when the container was created.
    spec.sysctl = Vec::new();
    spec.net_devices = Vec::new();
    (spec.hostname, spec.domainname) = (None, None);
    Ok(spec)
}

/// A container without a process can be created, but not started: its process only waits.
fn no_process() -> Process<'static> {
    Process { args: [c""].into(), cwd: c"/", ..Process::default() }
}

/// A path of the configuration, which may be relative to the bundle.
pub fn in_bundle<'a>(bundle: &CStr, path: &'a CStr) -> &'a CStr {
    if path.to_bytes().starts_with(b"/") {
        return path;
    }
    let mut text = Text::new();
    text.raw(bundle.to_bytes()).str("/").raw(path.to_bytes());
    text.leak()
}
