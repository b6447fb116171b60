//! Changes the limits of a container that exists.

use super::cgroups::replace_device_program;
use crate::cgroup::settings::{Inherited, Setting, needed, refused, settings};
use crate::cgroup::{Controller, Set, Version, devices};
use crate::error::{Error, Result};
use crate::host::cgroups::{Member, members, path};
use crate::spec::resources::{Property, Resources};
use crate::sys::{Errno, fs};
use crate::text::number;
use alloc::vec::Vec;
use core::ffi::CStr;

const LIMIT: usize = 65536;

/// Sets limits in a container's cgroups. When one cannot be set, those that were set before get their old values back.
///
/// # Errors
/// Which control file does not take which value.
pub fn update(directories: &[&CStr], resources: &mut Resources) -> Result<()> {
    let members = members(directories)?;
    let asked = needed(resources);
    let version =
        |controller| members.iter().find(|it| it.controllers.has(controller)).map(|it| it.version);
    if let Some((name, cause)) = refused(resources, &version) {
        return Err(Error::new("update").object(name.bytes()).cause(cause));
    }
    if let Some(missing) = asked.iter().find(|controller| version(*controller).is_none()) {
        let error = Error::new("update").object(missing.name(Version::V2).as_bytes());
        return Err(error.cause("the container has no cgroup of this controller"));
    }
    let mut old = Vec::new();
    let mut result = members.iter().try_for_each(|member| {
        let here = asked.and(member.controllers);
        complete(resources, member, here)?;
        set_all(member, here, resources, &mut old)
    });
    if result.is_ok() {
        result = members.iter().try_for_each(|member| set_devices(member, resources));
    }
    if result.is_err() {
        // The latest first: values depend on those before.
        while let Some((file, value)) = old.pop() {
            let _ = fs::write_file_at(fs::HERE, file, &value);
        }
    }
    result
}

/// What one file holds as several values, and is given only in part, keeps its other part.
fn complete(resources: &mut Resources, member: &Member, here: Set) -> Result<()> {
    let text = |file: &[u8]| read(path(&[member.directory.to_bytes(), b"/", file]));
    if here.has(Controller::Cpu) {
        let (quota, period) = match member.version {
            Version::V1 => (text(b"cpu.cfs_quota_us"), text(b"cpu.cfs_period_us")),
            Version::V2 => {
                let both = text(b"cpu.max");
                let mut parts = both.split(|byte| *byte == b' ');
                (parts.next().unwrap_or_default().into(), parts.next().unwrap_or_default().into())
            }
        };
        let given = |property| resources.get(property).filter(|value| *value != 0).is_some();
        let (has_quota, has_period) = (given(Property::CpuQuota), given(Property::CpuPeriod));
        if has_quota != has_period {
            let known = |text: &[u8]| number(text.trim_ascii(), 10).map_or(-1, |it| it as i64);
            match has_quota {
                true => resources.set(Property::CpuPeriod, known(&period)),
                false => resources.set(Property::CpuQuota, known(&quota)),
            }
        }
    }
    let limit = resources.get(Property::MemoryLimit).filter(|limit| *limit > 0);
    if here.has(Controller::Memory)
        && resources.get(Property::MemoryCheckBeforeUpdate) == Some(1)
        && let Some(limit) = limit
    {
        let file: &[u8] = match member.version {
            Version::V1 => b"memory.usage_in_bytes",
            Version::V2 => b"memory.current",
        };
        if number(text(file).trim_ascii(), 10).is_some_and(|usage| usage > limit as u64) {
            let error = Error::new("update").object(b"memory.limit");
            return Err(error.cause("below what the container uses"));
        }
    }
    Ok(())
}

fn read(file: &CStr) -> Vec<u8> {
    fs::read_file(file, LIMIT).unwrap_or_default()
}

fn set_all(
    member: &Member,
    here: Set,
    resources: &Resources,
    old: &mut Vec<(&'static CStr, Vec<u8>)>,
) -> Result<()> {
    let file = |name: &[u8]| path(&[member.directory.to_bytes(), b"/", name]);
    // What was not given stays as it is.
    let (cpus, mems) = (read(file(b"cpuset.cpus")), read(file(b"cpuset.mems")));
    let inherited = Inherited { cpus: cpus.trim_ascii(), mems: mems.trim_ascii() };
    let mut settings = settings(resources, member.version, here, &inherited);
    let mut next = 0;
    let mut swapped = false;
    while let Some(setting) = settings.get(next) {
        let result = set(setting, &file, old);
        // On v1 the limit on memory is never above that on memory and swap: whoever raises both raises the other first.
        if matches!(result, Err((_, Errno::EINVAL | Errno::EBUSY)))
            && !swapped
            && setting.file.bytes() == b"memory.limit_in_bytes"
            && settings
                .get(next + 1)
                .is_some_and(|it| it.file.bytes() == b"memory.memsw.limit_in_bytes")
        {
            swapped = true;
            settings.swap(next, next + 1);
            continue;
        }
        if let Err((at, errno)) = result {
            let error = Error::new("update").object(at.to_bytes()).object(setting.value.bytes());
            return Err(match errno {
                Errno::EBUSY => error.errno(errno).hint("the container uses more than that"),
                _ => error.errno(errno),
            });
        }
        next += 1;
    }
    Ok(())
}

/// Writes a value, and notes the one before.
fn set(
    setting: &Setting,
    file: &dyn Fn(&[u8]) -> &'static CStr,
    old: &mut Vec<(&'static CStr, Vec<u8>)>,
) -> core::result::Result<(), (&'static CStr, Errno)> {
    let write = |at: &'static CStr, value: &[u8], old: &mut Vec<(&'static CStr, Vec<u8>)>| {
        let before = fs::read_file(at, LIMIT);
        fs::write_file_at(fs::HERE, at, value)?;
        // Files of several lines (io.max) take one line at a time: what they held before is not known by key.
        if let Ok(before) = before
            && before.iter().filter(|byte| **byte == b'\n').count() <= 1
            && !before.is_empty()
        {
            old.push((at, before));
        }
        Ok(())
    };
    let at = file(setting.file.bytes());
    let mut result = write(at, setting.value.bytes(), old);
    if let (Err(Errno::ENOENT), Some((other, value))) = (result, &setting.other) {
        result = write(file(other.as_bytes()), value.bytes(), old);
    }
    match result {
        Err(Errno::ENOENT) if setting.optional => Ok(()),
        result => result.map_err(|errno| (at, errno)),
    }
}

/// Puts new device rules in the place of the old ones.
fn set_devices(member: &Member, resources: &Resources) -> Result<()> {
    let Some(rules) = resources.devices.as_deref().filter(|rules| !rules.is_empty()) else {
        return Ok(());
    };
    if !member.controllers.has(Controller::Devices) {
        return Ok(());
    }
    let error = || Error::new("update devices").object(member.directory.to_bytes());
    let failed = |errno| error().errno(errno);
    match member.version {
        Version::V1 => {
            for line in devices::lines(rules).map_err(|cause| error().cause(cause))? {
                let name: &[u8] = if line.allow { b"/devices.allow" } else { b"/devices.deny" };
                let file = path(&[member.directory.to_bytes(), name]);
                fs::write_file_at(fs::HERE, file, line.text.bytes()).map_err(failed)?;
            }
        }
        Version::V2 => {
            let flags = libc::O_RDONLY | libc::O_DIRECTORY;
            let cgroup = fs::open(member.directory, flags, 0).map_err(failed)?;
            let program = devices::program(rules).map_err(|cause| error().cause(cause))?;
            replace_device_program(&cgroup, &program).map_err(failed)?;
        }
    }
    Ok(())
}
