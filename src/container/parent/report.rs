//! `--report`: writes one JSON object when the run has ended, also after an error.

use super::output_file::{OutputFile, UnnamedFile};
use super::signals;
use crate::cgroup::Version;
use crate::container::Outcome;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::json::Json;
use crate::spec::Spec;
use crate::spec::resources::Property;
use crate::sys::output::Output;
use crate::sys::{Errno, Fd, fs};
use crate::text::{Text, number};
use core::ffi::CStr;

/// Mode of a new file, before the umask.
const MODE: fs::Mode = 0o666;

/// Destination of the report.
pub struct Target<'a> {
    name: &'a CStr,
    to: To,
}

enum To {
    /// An open descriptor of the caller.
    Descriptor(i32),
    /// A device, or an existing file in a directory that mini may not write to.
    Existing(Fd),
    /// A file that appears when it is complete. It is created early where that leaves nothing if
    /// mini is killed.
    New(OutputFile, Option<UnnamedFile>),
}

/// Opens the destination: a descriptor by its number, or a file. This is done before the launch, so
/// that a destination that cannot be written is an error before the command starts.
pub fn open(name: &CStr) -> Result<Target<'_>> {
    let error = || Error::new("report").object(name.to_bytes());
    let failed = |errno| error().errno(errno);
    if name.to_bytes().iter().all(u8::is_ascii_digit) {
        let fd = number(name.to_bytes(), 10).and_then(|fd| i32::try_from(fd).ok());
        let fd = fd.ok_or_else(|| error().cause("out of range"))?;
        fs::file_type(fd).map_err(failed)?;
        return Ok(Target { name, to: To::Descriptor(fd) });
    }
    let output = OutputFile::find(name).map_err(failed)?;
    let to = match output.kind().map_err(failed)? {
        kind @ (None | Some(libc::S_IFREG)) => match output.create(MODE) {
            Ok(unnamed) if unnamed.has_name() => {
                output.discard(&unnamed);
                To::New(output, None)
            }
            Ok(unnamed) => To::New(output, Some(unnamed)),
            Err(Errno::EACCES | Errno::EPERM | Errno::EROFS) if kind.is_some() => {
                To::Existing(output.open().map_err(failed)?)
            }
            Err(errno) => return Err(failed(errno)),
        },
        Some(libc::S_IFCHR) => To::Existing(output.open().map_err(failed)?),
        Some(_) => {
            let hint = "of a pipe or a socket, give the descriptor's number";
            return Err(error().cause("not a regular file").hint(hint));
        }
    };
    Ok(Target { name, to })
}

impl Target<'_> {
    fn write(&mut self, text: &[u8]) -> crate::sys::Result<()> {
        match &mut self.to {
            To::Descriptor(fd) => signals::write(&Output::open(*fd), text),
            To::Existing(file) => {
                if fs::file_type(file.raw())? == libc::S_IFREG {
                    fs::empty(file)?;
                }
                signals::write(&Output::open(file.raw()), text)
            }
            To::New(output, unnamed) => {
                let unnamed = unnamed.take().map_or_else(|| output.create(MODE), Ok)?;
                output.write(unnamed, text).map(drop)
            }
        }
    }
}

/// Writes the report.
pub fn write(mut to: Target, result: &Result<Outcome>, spec: &Spec, host: &Host) -> Result<()> {
    let mut json = Json { text: Text::new() };
    json.text.str("{");
    outcome(&mut json, result);
    json.key("limits").str("{");
    limits(&mut json, spec);
    json.end();
    json.key("cgroups").str("{");
    for group in host.cgroups.list.iter().filter(|group| !group.implied) {
        for controller in group.controllers.iter() {
            let version = if group.version == Version::V1 { "\"v1\"" } else { "\"v2\"" };
            json.key(controller.name(group.version)).str(version);
        }
    }
    json.end();
    json.end();
    json.text.str("\n");
    let name = to.name.to_bytes();
    to.write(json.text.bytes()).map_err(|errno| {
        let error = Error::new("report").object(name);
        match errno {
            Errno::ETIMEDOUT | Errno::EINTR => error.cause("nobody reads it"),
            errno => error.errno(errno),
        }
    })
}

fn outcome(json: &mut Json, result: &Result<Outcome>) {
    let none = Outcome::default();
    let (status, outcome) = match result {
        Ok(outcome) => (outcome.status, outcome),
        Err(error) => (error.status(), &none),
    };
    json.number("status", Some(status.into()));
    json.number("signal", outcome.signal.map(u64::from));
    match result {
        Ok(_) => json.key("error").str("null"),
        Err(error) => json.string("error", error.line()),
    };
    for (name, value) in outcome.usage.iter() {
        json.number(name, value);
    }
}

fn limits(json: &mut Json, spec: &Spec) {
    let resources = &spec.resources;
    const NAMES: [(&str, Property); 9] = [
        ("memory", Property::MemoryLimit),
        ("memory_swap", Property::MemorySwap),
        ("memory_reservation", Property::MemoryReservation),
        ("memory_swappiness", Property::MemorySwappiness),
        ("cpu_shares", Property::CpuShares),
        ("cpu_quota_usec", Property::CpuQuota),
        ("cpu_period_usec", Property::CpuPeriod),
        ("pids", Property::PidsLimit),
        ("io_weight", Property::BlockIoWeight),
    ];
    for (name, property) in NAMES {
        match resources.get(property) {
            Some(..0) => drop(json.key(name).str("\"max\"")),
            value => json.number(name, value.map(|value| value as u64)),
        }
    }
    for (name, list) in [("cpuset_cpus", resources.cpus), ("cpuset_mems", resources.mems)] {
        match list {
            Some(list) => json.string(name, list.to_bytes()),
            None => json.key(name).str("null"),
        };
    }
}
