//! Doing what the plan says. The parent launches the child, hands it the command's words and
//! waits; the child performs the steps and becomes the command.

mod exec;
mod explain;
mod gate;
mod init;
mod launch;
mod passwd;
mod status;
mod supervise;

use crate::error::Result;
use crate::host::Host;
use crate::plan::Plan;
use crate::spec::Spec;

/// Launches, waits, and reports: the command's exit status.
///
/// # Errors
/// Whatever kept the command from starting; nothing is left behind.
pub fn run(plan: &Plan, spec: &Spec, host: &Host, page_size: usize, trace: bool) -> Result<u8> {
    let child = launch::launch(plan, spec, host, page_size, trace)?;
    supervise::supervise(child, plan, spec, host, trace)
}
