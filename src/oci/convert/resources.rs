//! `linux.resources` and `linux.cgroupsPath`.

use crate::cgroup::devices::always_allowed;
use crate::oci::config::Config;
use crate::spec::resources::Resources;
use core::ffi::CStr;

/// The limits of a container, and the devices it can use.
pub fn resources<'a>(config: &Config<'a>, id: &'a CStr) -> Resources<'a> {
    let mut resources = config.linux.resources.clone();
    resources.devices.get_or_insert_default().extend(always_allowed());
    resources.cgroups_path = config.linux.cgroups_path;
    resources.id = Some(id);
    resources
}
