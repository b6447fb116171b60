//! Locks the upper directories of overlays: overlayfs requires that each is used by one mount at a
//! time (overlayfs.rst). Makes missing work directories.

use crate::error::{Error, Result};
use crate::spec::Spec;
use crate::spec::mounts::Overlay;
use crate::sys::{Errno, Fd, fs};
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;

/// Locks the directories. The locks are released when the returned descriptors are closed, and so
/// when mini ends by any cause. Makes missing work directories.
pub fn claim(spec: &Spec) -> Result<Vec<Fd>> {
    let mut held = Vec::new();
    if let Some(Overlay::Kept { upper, work }) = spec.root.overlay {
        lock(upper, &mut held)?;
        make(work)?;
        lock(work, &mut held)?;
    }
    for mount in spec.mounts.iter().filter(|mount| mount.is(c"overlay")) {
        for option in &mount.options.data {
            if let Some(directory) = value(option, b"workdir=") {
                make(directory)?;
                lock(directory, &mut held)?;
            } else if let Some(directory) = value(option, b"upperdir=") {
                lock(directory, &mut held)?;
            }
        }
    }
    Ok(held)
}

/// The path in an option of an overlay, in which a comma has a backslash before it.
fn value(option: &CStr, name: &[u8]) -> Option<&'static CStr> {
    let escaped = option.to_bytes().strip_prefix(name)?;
    let mut path = Text::new();
    for (at, byte) in escaped.iter().enumerate() {
        if !(*byte == b'\\' && escaped.get(at + 1) == Some(&b',')) {
            path.raw(&[*byte]);
        }
    }
    Some(path.leak())
}

fn failed(directory: &CStr, errno: Errno) -> Error {
    Error::new("overlay").object(directory.to_bytes()).errno(errno)
}

fn make(work: &CStr) -> Result<()> {
    match fs::mkdir_at(fs::HERE, work, 0o700) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(errno) => {
            Err(failed(work, errno)
                .hint("the kernel's own directory, on the file system of the layer"))
        }
    }
}

fn lock(directory: &CStr, held: &mut Vec<Fd>) -> Result<()> {
    let open = fs::open(directory, libc::O_RDONLY | libc::O_DIRECTORY, 0);
    let open = open.map_err(|errno| failed(directory, errno))?;
    match fs::try_lock(&open, true) {
        Err(Errno::EAGAIN) => {
            let error = Error::new("overlay").object(directory.to_bytes());
            return Err(error.cause("in use by another container"));
        }
        result => result.map_err(|errno| failed(directory, errno))?,
    }
    held.push(open);
    Ok(())
}
