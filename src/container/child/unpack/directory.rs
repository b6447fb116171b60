//! Where members go: directories of the root, opened by the resolver, in which things are made and replaced by
//! name without any being followed.

use crate::container::child::resolve::{self, Make};
use crate::container::child::tar::Name;
use crate::sys::fs::Time;
use crate::sys::{Errno, Fd, Result, fs};
use core::ffi::CStr;

/// The directory that members are made in at the moment. Its time is that of before, once the next one is
/// turned to: its member may have come first, or will come.
pub struct MemberDirectory {
    path: Name,
    directory: Option<(Fd, Time)>,
    is_changed: bool,
    /// Whether the path may lead elsewhere by now, as something was taken away.
    is_stale: bool,
}

impl MemberDirectory {
    /// None yet.
    pub fn new() -> MemberDirectory {
        MemberDirectory { path: Name::new(), directory: None, is_changed: false, is_stale: false }
    }

    /// Turns to a directory, by its path from the root. What is missing is made.
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
        // The last directory of the path that is there gets the first that is not: it keeps its time.
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

    /// Turns away, and gives the directory its time back.
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

    /// The directory, for calls that take a name in it.
    pub fn at(&self) -> Result<fs::Base> {
        let (directory, _) = self.directory.as_ref().ok_or(Errno::EBADF)?;
        Ok(directory.raw())
    }

    /// Makes something by a name. Another thing that has it is replaced, as tar does: a directory only when it
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

/// A place before a slash of a path, in the middle of a part of it, so that it is found where a prefix
/// begins to be missing in few steps; None when there is no more between.
fn middle(path: &[u8], there: usize, missing: usize) -> Option<usize> {
    let is_end = |at: &usize| path[*at] == b'/' && *at > there;
    let half = there + (missing - there) / 2;
    (half..missing).find(is_end).or_else(|| (there..half).rev().find(is_end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_halved_until_nothing_is_between() {
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
