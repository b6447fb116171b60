//! Resolves paths in the container's root, which may be hostile. It walks one component at a time
//! and follows symbolic links itself, so no path leads out of the root, whatever is swapped
//! meanwhile. Works on the child's stack alone.

use crate::sys::fs::{self, Kind};
use crate::sys::{Errno, Fd, Result};
use core::ffi::CStr;

/// What to create when the path does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// Nothing: a missing path is an error.
    Nothing,
    /// A directory, and its parents.
    Directory,
    /// An empty file, and its parent directories.
    File,
    /// Nothing; opens a regular file for reading.
    Read,
}

impl Make {
    fn makes(self) -> bool {
        matches!(self, Make::Directory | Make::File)
    }
}

/// PATH_MAX
pub const LONGEST: usize = 4096;
/// Maximum number of links, as in the kernel (path_resolution(7)).
const LINKS: usize = 40;

/// Takes the next component off a path.
fn component<'n>(rest: &mut &[u8], name: &'n mut [u8; 256]) -> Result<Option<&'n CStr>> {
    let slashes = rest.iter().take_while(|b| **b == b'/').count();
    let path = &rest[slashes..];
    let length = path.iter().take_while(|b| **b != b'/').count();
    if length == 0 {
        return Ok(None);
    }
    // NAME_MAX is 255; one byte is for the NUL.
    let place = name.get_mut(..length + 1).filter(|_| length < 256).ok_or(Errno::ENAMETOOLONG)?;
    place[..length].copy_from_slice(&path[..length]);
    place[length] = 0;
    *rest = &path[length..];
    CStr::from_bytes_with_nul(place).map(Some).map_err(|_| Errno::EINVAL)
}

/// The part of a path that is still to be resolved, at the end of a buffer. The text of a link is
/// put in front of it.
struct RemainingPath {
    buffer: [u8; LONGEST],
    start: usize,
}

impl RemainingPath {
    fn new(path: &[u8]) -> Result<RemainingPath> {
        let mut rest = RemainingPath { buffer: [0; LONGEST], start: LONGEST };
        rest.put_before(path)?;
        Ok(rest)
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Puts a path in front of the rest, with a slash between.
    fn put_before(&mut self, path: &[u8]) -> Result<()> {
        let start = self.start.checked_sub(path.len() + 1).ok_or(Errno::ENAMETOOLONG)?;
        self.buffer[start..start + path.len()].copy_from_slice(path);
        self.buffer[self.start - 1] = b'/';
        self.start = start;
        Ok(())
    }

    /// Keeps only the last `left` bytes.
    fn keep(&mut self, left: usize) {
        self.start = LONGEST - left;
    }
}

/// The directories from the root to the current one. The walk never asks the kernel for "..": where
/// something is mounted over the root, ".." would follow it.
struct PathWalk {
    directories: [Option<Fd>; PathWalk::DEEPEST],
    depth: usize,
    /// Whether some directories after the root were dropped, so that ".." cannot go back to them.
    has_gap: bool,
}

impl PathWalk {
    /// More levels than links usually go back.
    const DEEPEST: usize = 32;

    fn new(root: Fd) -> PathWalk {
        let mut walk =
            PathWalk { directories: [const { None }; PathWalk::DEEPEST], depth: 0, has_gap: false };
        walk.enter(root);
        walk
    }

    fn enter(&mut self, directory: Fd) {
        if self.depth == PathWalk::DEEPEST {
            self.directories[1..].rotate_left(1);
            self.depth -= 1;
            self.has_gap = true;
        }
        self.directories[self.depth] = Some(directory);
        self.depth += 1;
    }

    /// ".." at the root is the root.
    fn go_up(&mut self) -> Result<()> {
        if self.depth == 2 && self.has_gap {
            return Err(Errno::ENAMETOOLONG);
        }
        if self.depth > 1 {
            self.depth -= 1;
            self.directories[self.depth] = None;
        }
        Ok(())
    }

    fn go_to_root(&mut self) {
        self.directories[1..].fill_with(|| None);
        self.depth = 1;
        self.has_gap = false;
    }

    fn here(&self) -> Result<&Fd> {
        self.directories[self.depth - 1].as_ref().ok_or(Errno::EBADF)
    }

    fn end(&mut self) -> Result<Fd> {
        self.directories[self.depth - 1].take().ok_or(Errno::EBADF)
    }
}

/// Result of a walk.
enum Walked {
    /// The end of the path.
    End(Fd),
    /// A symbolic link, and the number of bytes of the path after it.
    Link(Fd, usize),
}

/// Opens a path with O_PATH. Creates missing parts as `make` says, owned by root.
pub fn open(path: &CStr, make: Make) -> Result<Fd> {
    open_in(fs::HERE, c"/", path, make)
}

/// The same with another directory as the root.
pub fn open_below(top: &Fd, path: &CStr) -> Result<Fd> {
    open_in(top.raw(), c".", path, Make::Nothing)
}

/// Opens the directory of a path, creating it if missing; returns it and the last name of the path.
pub fn open_parent(path: &CStr) -> Result<(Fd, &CStr)> {
    let bytes = path.to_bytes();
    let at = bytes.iter().rposition(|byte| *byte == b'/').ok_or(Errno::EINVAL)?;
    let name = &path[at + 1..];
    if matches!(name.to_bytes(), b"" | b"." | b"..") {
        return Err(Errno::EINVAL);
    }
    let mut buffer = [0; LONGEST];
    let parent = buffer.get_mut(..at + 1).ok_or(Errno::ENAMETOOLONG)?;
    parent[..at].copy_from_slice(&bytes[..at]);
    let parent = CStr::from_bytes_with_nul(parent).map_err(|_| Errno::EINVAL)?;
    Ok((open(parent, Make::Directory)?, name))
}

#[inline(never)]
fn open_in(base: fs::Base, root: &CStr, path: &CStr, make: Make) -> Result<Fd> {
    let path = path.to_bytes();
    if path.len() >= LONGEST {
        // The kernel sees only one component at a time, so mini checks the length.
        return Err(Errno::ENAMETOOLONG);
    }
    let mut walk = PathWalk::new(fs::open_at(base, root, libc::O_PATH | libc::O_DIRECTORY, 0)?);
    match walk_path(path, &mut walk, make)? {
        Walked::End(found) => Ok(found),
        Walked::Link(link, left) => follow(link, &path[path.len() - left..], walk, make),
    }
}

/// Not inlined: a path without links does not touch the stack pages of the buffer.
#[inline(never)]
fn follow(mut link: Fd, rest: &[u8], mut walk: PathWalk, make: Make) -> Result<Fd> {
    let mut rest = RemainingPath::new(rest)?;
    for _ in 0..LINKS {
        // A magic link of procfs is not resolved by its text: it leads wherever a process or
        // descriptor is.
        if fs::is_procfs(&link)? {
            return Err(Errno::ELOOP);
        }
        put_link_before(&mut rest, &link, &mut walk)?;
        match walk_path(rest.bytes(), &mut walk, make)? {
            Walked::End(found) => return Ok(found),
            Walked::Link(next, left) => {
                link = next;
                rest.keep(left);
            }
        }
    }
    Err(Errno::ELOOP)
}

#[inline(never)]
fn put_link_before(rest: &mut RemainingPath, link: &Fd, walk: &mut PathWalk) -> Result<()> {
    let mut text = [0; LONGEST];
    let length = fs::read_link(link, &mut text)?;
    if text[0] == b'/' {
        walk.go_to_root();
    }
    rest.put_before(&text[..length])
}

/// Walks to the end of the path or to the first link.
fn walk_path(mut rest: &[u8], walk: &mut PathWalk, make: Make) -> Result<Walked> {
    let mut name = [0; 256];
    while let Some(name) = component(&mut rest, &mut name)? {
        let is_last = rest.iter().all(|b| *b == b'/');
        match name.to_bytes() {
            b"." => continue,
            b".." => {
                walk.go_up()?;
                continue;
            }
            _ => {}
        }
        let here = walk.here()?;
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        let found = match fs::open_at(here.raw(), name, flags, 0) {
            Err(Errno::ENOENT) if make.makes() => {
                if is_last && make == Make::File {
                    fs::mknod_at(here.raw(), name, libc::S_IFREG | 0o644, 0)?;
                } else {
                    fs::mkdir_at(here.raw(), name, 0o755)?;
                }
                fs::open_at(here.raw(), name, flags, 0)?
            }
            result => result?,
        };
        match fs::kind(&found)? {
            Kind::Link => return Ok(Walked::Link(found, rest.len())),
            Kind::Directory => walk.enter(found),
            Kind::File if is_last && make == Make::Read => {
                return read(here, name).map(Walked::End);
            }
            Kind::File | Kind::Other if is_last => return Ok(Walked::End(found)),
            Kind::File | Kind::Other => return Err(Errno::ENOTDIR),
        }
    }
    walk.end().map(Walked::End)
}

/// Opens a file that was seen to be regular. It may have been swapped, so the type is checked
/// again.
fn read(directory: &Fd, name: &CStr) -> Result<Fd> {
    let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = fs::open_at(directory.raw(), name, flags, 0)?;
    if fs::kind(&file)? == Kind::File { Ok(file) } else { Err(Errno::EMEDIUMTYPE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn components(mut path: &[u8]) -> Vec<String> {
        let mut name = [0; 256];
        let mut found = Vec::new();
        while let Some(name) = component(&mut path, &mut name).unwrap() {
            found.push(name.to_str().unwrap().to_owned());
        }
        found
    }

    #[test]
    fn components_are_taken_one_by_one() {
        assert_eq!(components(b"/a//b/../c/"), ["a", "b", "..", "c"]);
        assert_eq!(components(b"/"), Vec::<String>::new());
        let mut rest = RemainingPath::new(b"/behind/tail").unwrap();
        rest.keep(b"/tail/".len());
        rest.put_before(b"x/y").unwrap();
        assert_eq!(components(rest.bytes()), ["x", "y", "tail"]);
    }

    #[test]
    fn what_is_too_long_is_refused() {
        assert_eq!(RemainingPath::new(&[b'a'; LONGEST]).err(), Some(Errno::ENAMETOOLONG));
        let mut name = [0; 256];
        assert_eq!(component(&mut &[b'a'; 256][..], &mut name), Err(Errno::ENAMETOOLONG));
        assert!(component(&mut &[b'a'; 255][..], &mut name).is_ok());
    }

    /// Resolves paths in this process's own root and compares with the kernel's results.
    #[test]
    fn it_walks_as_the_kernel_does() {
        let directory = std::env::temp_dir().join(format!("mini-walk-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("a/b")).unwrap();
        std::fs::write(directory.join("a/file"), "").unwrap();
        for (to, from) in [("a/b", "rel"), ("../../../../../../../..", "up"), ("loop", "loop")] {
            std::os::unix::fs::symlink(to, directory.join(from)).unwrap();
        }
        std::os::unix::fs::symlink(directory.join("a"), directory.join("abs")).unwrap();
        let top = directory.to_str().unwrap();
        let c = |tail: &str| std::ffi::CString::new(format!("{top}/{tail}")).unwrap();
        for path in ["a", "a/file", "rel", "rel/..", "abs/b", "abs/../a/file", "up", "./a/./b/"] {
            let walked = open(&c(path), Make::Nothing).unwrap();
            let walked = fs::identity_of(&walked).unwrap();
            assert_eq!(walked, fs::identity(&c(path)).unwrap(), "{path}");
        }
        assert_eq!(open(&c("loop"), Make::Nothing).err(), Some(Errno::ELOOP));
        assert_eq!(open(&c("a/file/x"), Make::Nothing).err(), Some(Errno::ENOTDIR));
        assert_eq!(open(&c("none"), Make::Nothing).err(), Some(Errno::ENOENT));
        assert_eq!(open(c"/proc/self/cwd", Make::Nothing).err(), Some(Errno::ELOOP));
        open(&c("made/deep/file"), Make::File).unwrap();
        assert!(directory.join("made/deep/file").is_file());
        open(&c("rel/made/too"), Make::Directory).unwrap();
        assert!(directory.join("a/b/made/too").is_dir());
        std::fs::remove_dir_all(directory).unwrap();
    }
}
