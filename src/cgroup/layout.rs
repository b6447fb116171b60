//! Finds the mounted hierarchies: a pure function of the text of /proc/self/mountinfo and
//! /proc/self/cgroup (proc_pid_mountinfo(5), cgroups(7)).

use super::{Set, Version};
use crate::text::unescaped;
use alloc::vec::Vec;

/// A hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// cgroup version.
    pub version: Version,
    /// Controllers of a v1 hierarchy; on v2 each directory lists them.
    pub controllers: Set,
    /// Mount option that selects a v1 hierarchy: `cpu,cpuacct`.
    pub names: Vec<u8>,
    /// A mount of it.
    pub mount: Option<Mount>,
}

/// A mount of a hierarchy that shows mini's own cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Mount point.
    pub point: Vec<u8>,
    /// mini's own cgroup relative to it: empty, or with a leading slash.
    pub own: Vec<u8>,
}

/// Finds the hierarchies, including those of v1 with only a name (`name=systemd`).
pub fn read(mountinfo: &[u8], own_cgroups: &[u8]) -> Vec<Hierarchy> {
    let mut hierarchies = Vec::new();
    for line in own_cgroups.split(|b| *b == b'\n') {
        // `ID:CONTROLLERS:PATH`; the path may contain colons.
        let mut fields = line.splitn(3, |b| *b == b':');
        let (Some(_), Some(names), Some(path)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let version = if names.is_empty() { Version::V2 } else { Version::V1 };
        let controllers = Set::read(names, Version::V1);
        hierarchies.push(Hierarchy {
            version,
            controllers,
            names: names.to_vec(),
            mount: find_mount(mountinfo, version, names, path),
        });
    }
    hierarchies
}

/// Finds a mount of a hierarchy: the first writable one, else the first.
fn find_mount(mountinfo: &[u8], version: Version, names: &[u8], path: &[u8]) -> Option<Mount> {
    let mut found = None;
    for line in mountinfo.split(|b| *b == b'\n') {
        let Some(entry) = Entry::read(line) else { continue };
        let matches = match version {
            Version::V2 => entry.fstype == b"cgroup2",
            Version::V1 => {
                let first = names.split(|b| *b == b',').next();
                entry.fstype == b"cgroup"
                    && entry.super_options.split(|b| *b == b',').any(|name| Some(name) == first)
            }
        };
        if !matches {
            continue;
        }
        let Some(own) = below(path, &unescaped(entry.root).collect::<Vec<u8>>()) else { continue };
        let writable = entry.options.split(|b| *b == b',').any(|option| option == b"rw");
        if writable || found.is_none() {
            found = Some(Mount { point: unescaped(entry.mount_point).collect(), own });
        }
        if writable {
            break;
        }
    }
    found
}

/// The part of `path` below `root`. None when the mount does not show it: it shows another part of
/// the hierarchy, or belongs to another cgroup namespace (`/..`).
fn below(path: &[u8], root: &[u8]) -> Option<Vec<u8>> {
    let root = root.strip_suffix(b"/").unwrap_or(root);
    let rest = path.strip_prefix(root)?;
    let rest = rest.strip_suffix(b"/").unwrap_or(rest);
    let outside = path.starts_with(b"/..") || root.starts_with(b"/..");
    (!outside && (rest.is_empty() || rest[0] == b'/')).then(|| rest.to_vec())
}

/// The needed fields of a line of mountinfo.
struct Entry<'a> {
    root: &'a [u8],
    mount_point: &'a [u8],
    options: &'a [u8],
    fstype: &'a [u8],
    super_options: &'a [u8],
}

impl<'a> Entry<'a> {
    fn read(line: &'a [u8]) -> Option<Entry<'a>> {
        let mut fields = line.split(|b| *b == b' ');
        let root = fields.nth(3)?;
        let mount_point = fields.next()?;
        let options = fields.next()?;
        let mut rest = fields.skip_while(|field| *field != b"-").skip(1);
        let fstype = rest.next()?;
        let super_options = rest.nth(1)?;
        Some(Entry { root, mount_point, options, fstype, super_options })
    }
}

#[cfg(test)]
mod tests;
