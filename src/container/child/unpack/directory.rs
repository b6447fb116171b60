//! The directory in which members are made. It is opened by the resolver; members are made and
//! replaced by name in it, without following links.

use crate::container::child::resolve::{self, Make};
use crate::container::child::tar::Name;
use crate::sys::fs::Time;
use crate::sys::{Errno, Fd, Result, fs};
use core::ffi::CStr;

/// The current directory. Its modification time is restored when the unpacking leaves it, because
/// its own member came before or comes later.
pub struct MemberDirectory {
    path: Name,
    directory: Option<(Fd, Time)>,
    is_changed: bool,
    /// Whether the path may lead elsewhere by now, because a name was removed.
    is_stale: bool,
}

impl MemberDirectory {
    /// No directory yet.
    pub fn new() -> MemberDirectory {
        MemberDirectory { path: Name::new(), directory: None, is_changed: false, is_stale: false }
    }

    /// Enters a directory by its path from the root. Makes missing directories.
    pub fn enter(&mut self, path: &[u8]) -> Result<()> {
        let is_here = self.path.bytes().strip_prefix(b"/") == Some(path);
        if self.directory.is_some() && is_here && !self.is_stale {
            return Ok(());
        }
        self.leave()?;
        match self.open(path, Make::Nothing) {
            Err(Errno::ENOENT) => {}
            result => return result,
        }
        // The last existing directory of the path gets the first missing one. Its time is restored.
        let (mut there, mut missing) = (0, path.len());
        while let Some(middle) = middle(path, there, missing) {
            match self.open(&path[..middle], Make::Nothing) {
                Ok(()) => there = middle,
                Err(Errno::ENOENT) => missing = middle,
                Err(errno) => return Err(errno),
            }
        }
        self.open(&path[..there], Make::Nothing)?;
        let changed = self.directory.take();
        self.open(path, Make::Directory)?;
        if let Some((directory, time)) = changed {
            fs::set_mtime_at(directory.raw(), Some(c"."), time)?;
        }
        Ok(())
    }

    fn open(&mut self, path: &[u8], make: Make) -> Result<()> {
        self.path.set(b"/")?;
        self.path.push(path)?;
        let directory = resolve::open(self.path.as_c_str(), make)?;
        let time = fs::mtime_of(&directory)?;
        self.directory = Some((directory, time));
        Ok(())
    }

    /// Leaves the directory and restores its time.
    pub fn leave(&mut self) -> Result<()> {
        let left = self.directory.take();
        self.is_stale = false;
        match left {
            // The name "." is never a link.
            Some((directory, time)) if core::mem::take(&mut self.is_changed) => {
                fs::set_mtime_at(directory.raw(), Some(c"."), time)
            }
            _ => Ok(()),
        }
    }

    /// The directory, for the *at calls.
    pub fn at(&self) -> Result<fs::Base> {
        let (directory, _) = self.directory.as_ref().ok_or(Errno::EBADF)?;
        Ok(directory.raw())
    }

    /// Makes something by name. Replaces what has the name, as tar does; a directory only when it
    /// is empty.
    pub fn make(
        &mut self,
        name: &CStr,
        make: &mut dyn FnMut(fs::Base) -> Result<()>,
    ) -> Result<()> {
        let at = self.at()?;
        self.is_changed = true;
        match make(at) {
            Err(Errno::EEXIST) => {
                self.is_stale = true;
                match fs::unlink_at(at, name) {
                    Err(Errno::EISDIR) => fs::rmdir_at(at, name)?,
                    result => result?,
                }
                make(at)
            }
            result => result,
        }
    }
}

/// A slash near the middle of a part of the path, for a binary search of the first missing
/// directory; None when there is no slash left.
fn middle(path: &[u8], there: usize, missing: usize) -> Option<usize> {
    let is_end = |at: &usize| path[*at] == b'/' && *at > there;
    let half = there + (missing - there) / 2;
    (half..missing).find(is_end).or_else(|| (there..half).rev().find(is_end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_near_its_middle() {
        for path in ["a/b/c/d/e/f/", "a//b/", "a", "", "/", "aaaaaaaaaaaaaaaa/b/"] {
            for wanted in 0..=path.len() {
                let (mut there, mut missing, mut steps) = (0, path.len(), 0);
                while let Some(at) = middle(path.as_bytes(), there, missing) {
                    assert!(at > there && at < missing && path.as_bytes()[at] == b'/');
                    if at <= wanted {
                        there = at
                    } else {
                        missing = at
                    }
                    steps += 1;
                    assert!(steps < 9, "{path}");
                }
            }
        }
    }
}
