//! The verb `mini update`.

use super::oci::{Session, examine};
use crate::cli;
use crate::container;
use crate::error::{Error, Result};
use crate::oci::config;
use crate::spec::resources::{Property, Resources};
use crate::store::LIMIT;
use crate::store::state::Status;
use crate::sys::fd::STDIN;
use crate::sys::{Fd, fs};
use crate::text::{Text, number};
use alloc::vec::Vec;
use core::ffi::CStr;

/// Options that are one number each. The suffixes k, m and g are for those whose name begins with memory or kernel.
const NUMBERS: [(&str, Property); 14] = [
    ("blkio-weight", Property::BlockIoWeight),
    ("cpu-period", Property::CpuPeriod),
    ("cpu-quota", Property::CpuQuota),
    ("cpu-burst", Property::CpuBurst),
    ("cpu-share", Property::CpuShares),
    ("cpu-rt-period", Property::CpuRealtimePeriod),
    ("cpu-rt-runtime", Property::CpuRealtimeRuntime),
    ("cpu-idle", Property::CpuIdle),
    ("kernel-memory", Property::MemoryKernel),
    ("kernel-memory-tcp", Property::MemoryKernelTcp),
    ("memory", Property::MemoryLimit),
    ("memory-reservation", Property::MemoryReservation),
    ("memory-swap", Property::MemorySwap),
    ("pids-limit", Property::PidsLimit),
];

/// Changes the limits of a container.
///
/// # Errors
/// When a limit is impossible; then all limits are as before.
pub fn update(session: Session) -> Result<u8> {
    let mut resources = match session.oci.value("resources") {
        Some(path) => config::read_resources(read(path)?.leak())?,
        None => Resources::default(),
    };
    for (name, property) in NUMBERS {
        if let Some(value) = session.oci.value(name) {
            resources.set(property, parse(name, value)?);
        }
    }
    let list = |name| session.oci.value(name).filter(|list| !list.is_empty());
    resources.cpus = list("cpuset-cpus").or(resources.cpus);
    resources.mems = list("cpuset-mems").or(resources.mems);
    let entry = session.find()?;
    let failed = |errno| Error::new("update").object(entry.id.to_bytes()).errno(errno);
    if !entry.lock().map_err(failed)? {
        return Err(super::oci::unknown(entry.id));
    }
    let (state, status) = examine(&entry)?;
    if matches!(status, Status::Stopped | Status::Creating) {
        return Err(Error::new("update")
            .object(entry.id.to_bytes())
            .cause("container not running"));
    }
    container::update::update(&state.cgroups, &mut resources)?;
    Ok(0)
}

/// The document in a file, or on standard input.
fn read(path: &CStr) -> Result<Vec<u8>> {
    let failed = |errno| Error::new("read").object(path.to_bytes()).errno(errno);
    if path != c"-" {
        return fs::read_file(path, LIMIT).map_err(failed);
    }
    let mut text = alloc::vec![0; LIMIT];
    let input: &Fd = &STDIN;
    let length = fs::read_full(input, &mut text).map_err(failed)?;
    text.truncate(length);
    Ok(text)
}

fn parse(name: &str, value: &CStr) -> Result<i64> {
    let bytes = value.to_bytes();
    let digits = bytes.strip_prefix(b"-");
    let found = match digits {
        Some(digits) => {
            number(digits, 10).filter(|it| *it <= i64::MAX as u64).map(|it| -(it as i64))
        }
        None if name.starts_with("memory") || name.starts_with("kernel") => {
            cli::size(bytes).filter(|it| *it <= i64::MAX as u64).map(|it| it as i64)
        }
        None => number(bytes, 10).filter(|it| *it <= i64::MAX as u64).map(|it| it as i64),
    };
    found.ok_or_else(|| {
        let mut option = Text::new();
        option.str("--").str(name);
        Error::new("option").raw(option.bytes()).object(bytes).cause("not a number")
    })
}
