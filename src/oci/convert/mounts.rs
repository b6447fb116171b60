//! The root file system, mounts, masked paths.

use super::in_bundle;
use crate::error::Result;
use crate::oci::config::Config;
use crate::spec::mounts::{Kind, Options, Tmpfs, Volume};
use alloc::vec::Vec;
use core::ffi::CStr;

/// What is mounted beside what every container has.
pub fn mounts<'a>(config: &'a Config<'a>, bundle: &CStr) -> Result<Vec<Volume<'a>>> {
    let mut volumes = Vec::new();
    for mount in &config.mounts {
        let set = mount.options.set;
        let has = |flag: libc::c_ulong| set & flag as u32 != 0;
        let is_bind = has(libc::MS_BIND) || mount.kind == Some(c"bind");
        let options = Options {
            read_only: has(libc::MS_RDONLY),
            nosuid: has(libc::MS_NOSUID),
            nodev: Some(has(libc::MS_NODEV)),
            noexec: has(libc::MS_NOEXEC),
            recursive: has(libc::MS_REC),
            slave: false,
        };
        let kind = match (is_bind, mount.source, mount.kind) {
            (true, Some(source), _) => Kind::Bind(in_bundle(bundle, source)),
            (false, _, Some(kind))
                if kind == c"tmpfs" && !mount.destination.to_bytes().starts_with(b"/dev") =>
            {
                Kind::Tmpfs(Tmpfs::USUAL)
            }
            _ => continue,
        };
        volumes.push(Volume { kind, target: mount.destination, options });
    }
    Ok(volumes)
}
