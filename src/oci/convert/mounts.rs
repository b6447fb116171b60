//! The root file system, mounts, devices, masked and read-only paths.

use super::in_bundle;
use crate::error::{Error, Result};
use crate::oci::config::Config;
use crate::spec::Spec;
use crate::spec::mounts::{self, Device, Kind, Mount, Root};
use crate::sys::fs;
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;
use libc::{MS_BIND, MS_REC, MS_REMOUNT, MS_SLAVE};

/// File systems that label their files themselves.
const UNLABELLED: [&CStr; 5] = [c"proc", c"sysfs", c"mqueue", c"cgroup2", c"devpts"];

/// Fills in what `root`, `mounts` and the paths and devices of `linux` say.
///
/// # Errors
/// When a mount has no source.
pub fn file_system<'a>(config: &'a Config<'a>, bundle: &CStr, spec: &mut Spec<'a>) -> Result<()> {
    let linux = &config.linux;
    let propagation = linux.rootfs_propagation.map_or(MS_SLAVE | MS_REC, Into::into);
    spec.root = Root {
        path: Some(in_bundle(bundle, config.root.path)),
        readonly: config.root.readonly,
        propagation: Some(propagation),
        ..Root::default()
    };
    if linux.mount_label.is_some() && fs::identity(c"/sys/fs/selinux/enforce").is_err() {
        let error = Error::new("config.json linux.mountLabel");
        return Err(error.cause("SELinux is not enabled on this machine"));
    }
    for (at, mount) in config.mounts.iter().enumerate() {
        let mut options = mount.options.clone();
        let is_bind = options.set & MS_BIND as u32 != 0 || mount.kind == Some(c"bind");
        let is_remount = options.set & MS_REMOUNT as u32 != 0;
        let kind = match (is_bind && !is_remount, mount.source, mount.kind) {
            (_, source, fstype) if is_remount => {
                let (fstype, source) = (fstype.unwrap_or(c"none"), source.unwrap_or(c"none"));
                Kind::FileSystem { fstype, source }
            }
            (true, Some(source), _) => {
                options.set |= MS_BIND as u32;
                Kind::Bind(in_bundle(bundle, source))
            }
            (false, _, Some(kind)) if kind == c"cgroup" => Kind::Cgroup,
            (false, source, Some(fstype)) => {
                Kind::FileSystem { fstype, source: source.unwrap_or(fstype) }
            }
            _ => {
                let error = Error::new("config.json mounts").number(at as u32);
                return Err(error.object(mount.destination.to_bytes()).cause("needs a source"));
            }
        };
        let wrong = |cause| {
            let error = Error::new("config.json mounts").number(at as u32);
            Err(error.object(mount.destination.to_bytes()).cause(cause))
        };
        if options.idmap || !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty() {
            return wrong("mini has no mounts with mapped ids yet");
        }
        if options.tmpcopyup
            && !matches!(kind, Kind::FileSystem { fstype, .. } if fstype == c"tmpfs")
        {
            return wrong("tmpcopyup is for a tmpfs");
        }
        if let (Some(label), Kind::FileSystem { fstype, .. }) = (linux.mount_label, kind)
            && !UNLABELLED.contains(&fstype)
        {
            let mut context = Text::new();
            context.str("context=\"").raw(label.to_bytes()).str("\"");
            options.data.push(context.leak());
        }
        spec.mounts.push(Mount::new(mount.destination, kind, options));
    }
    devices(config, spec);
    spec.masked_paths = linux.masked_paths.clone();
    spec.readonly_paths = linux.readonly_paths.clone();
    Ok(())
}

/// The devices and links, unless /dev is a bind mount, which has its own.
fn devices<'a>(config: &'a Config<'a>, spec: &mut Spec<'a>) {
    let is_bound = |mount: &Mount| {
        let names = mount.destination.to_bytes().split(|byte| *byte == b'/');
        names.filter(|name| !matches!(*name, b"" | b".")).eq([b"dev"])
            && matches!(mount.kind, Kind::Bind(_))
    };
    if spec.mounts.iter().any(is_bound) {
        return;
    }
    let asked: &Vec<Device> = &config.linux.devices;
    let is_default = |device: &Device| asked.iter().all(|asked| asked.path != device.path);
    spec.devices.extend(mounts::devices().filter(is_default));
    spec.dev_links = mounts::DEV_LINKS.into();
    if fs::identity(c"/proc/kcore").is_ok() {
        spec.dev_links.push((c"/proc/kcore", c"/dev/core"));
    }
    // A /dev/ptmx would be the host's.
    let links = &spec.dev_links;
    let is_link = |device: &&Device| links.iter().any(|(_, path)| *path == device.path);
    spec.devices.extend(asked.iter().filter(|device| !is_link(device)));
}
