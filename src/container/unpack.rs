//! Unpacking a tar archive into the container's root, which is the process's own by now: no name
//! and no link in the archive leads out of it. Works on the child's stack alone.

use super::inside::{self, Make};
use super::status::Detail;
use super::tar::{BLOCK, Header, Kind, Name, extended};
use crate::sys::{Errno, Fd, Result, fs};
use crate::text::number;
use core::ffi::CStr;

/// What is copied at a time, and the most that pax may say of one member.
const CHUNK: usize = 16 << 10;

/// A member, put together from its header and what came before it.
struct Member {
    kind: Kind,
    name: Name,
    link: Name,
    size: u64,
}

/// Unpacks all members. With `own` they get their owners and devices become devices; an ordinary
/// user owns all of them, and gets no devices. `detail` tells the member at fault.
#[inline(never)]
pub fn unpack(archive: &Fd, own: bool, detail: &mut Detail) -> Result<()> {
    let mut block = [0; BLOCK];
    let mut member = Member { kind: Kind::File, name: Name::new(), link: Name::new(), size: 0 };
    // What came before the header overrides it.
    let (mut has_name, mut has_link, mut size) = (false, false, None);
    loop {
        if fs::read_full(archive, &mut block)? < BLOCK {
            return Err(Errno::EBADMSG);
        }
        let header = Header(&block);
        if header.is_end() {
            return Ok(());
        }
        if !header.is_sound() {
            return Err(Errno::EBADMSG);
        }
        let length = header.size().ok_or(Errno::EBADMSG)?;
        member.kind = header.kind().ok_or(Errno::EOPNOTSUPP)?;
        match member.kind {
            Kind::Global => skip(archive, padded(length))?,
            Kind::LongName => {
                read_name(archive, length, &mut member.name)?;
                has_name = true;
            }
            Kind::LongLink => {
                read_name(archive, length, &mut member.link)?;
                has_link = true;
            }
            Kind::Extended => {
                let mut records = [0; CHUNK];
                let records = read_block(archive, length, &mut records)?;
                if let Some(path) = extended(records, b"path") {
                    member.name.clear();
                    member.name.push(path)?;
                    has_name = true;
                }
                if let Some(path) = extended(records, b"linkpath") {
                    member.link.clear();
                    member.link.push(path)?;
                    has_link = true;
                }
                size = extended(records, b"size").and_then(|digits| number(digits, 10)).or(size);
            }
            _ => {
                if !has_name {
                    header.name(&mut member.name)?;
                }
                if !has_link {
                    header.link(&mut member.link)?;
                }
                member.size = size.unwrap_or(length);
                detail.set(member.name.bytes());
                make(archive, &header, &member, own)?;
                detail.set(b"");
                (has_name, has_link, size) = (false, false, None);
            }
        }
    }
}

/// Splits a path into its directory and its last part; None for the root itself.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = path.iter().rposition(|b| *b != b'/')? + 1;
    let path = &path[..end];
    let start = path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
    let name = &path[start..];
    (name != b".").then_some((&path[..start], name))
}

/// Opens the directory of a member's path, from the root, making what is missing; and tells the
/// last part of the path.
fn parent<'n>(path: &Name, last: &'n mut Name) -> Result<Option<(Fd, &'n CStr)>> {
    if !path.stays_below() {
        return Err(Errno::EXDEV);
    }
    let Some((directory, name)) = split(path.bytes()) else { return Ok(None) };
    // Its own buffer serves first for the directory.
    last.clear();
    last.push(b"/")?;
    last.push(directory)?;
    let directory = inside::open(last.as_c_str(), Make::Directory)?;
    last.clear();
    last.push(name)?;
    Ok(Some((directory, last.as_c_str())))
}

fn make(archive: &Fd, header: &Header, member: &Member, own: bool) -> Result<()> {
    let mode = header.mode().ok_or(Errno::EBADMSG)?;
    let has_data = member.kind == Kind::File;
    let mut last = Name::new();
    let Some((directory, name)) = parent(&member.name, &mut last)? else {
        // The root, which is there.
        return Ok(());
    };
    let at = directory.raw();
    // A later member takes the place of an earlier one; a directory stays.
    if member.kind != Kind::Directory {
        match fs::unlink_at(at, name) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    match member.kind {
        Kind::File => {
            let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
            let file = fs::open_at(at, name, flags, mode)?;
            copy(archive, &file, member.size)?;
        }
        Kind::Directory => match fs::mkdir_at(at, name, mode) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
        },
        Kind::Symlink => fs::symlink_at(member.link.as_c_str(), at, name)?,
        Kind::HardLink => {
            let mut linked = Name::new();
            let (from, from_name) = parent(&member.link, &mut linked)?.ok_or(Errno::EBADMSG)?;
            return fs::link_at(from.raw(), from_name, at, name);
        }
        Kind::Fifo => fs::mknod_at(at, name, libc::S_IFIFO | mode, 0)?,
        Kind::Character | Kind::Block => {
            if !own {
                return Ok(());
            }
            let (major, minor) = header.device().ok_or(Errno::EBADMSG)?;
            let kind = if member.kind == Kind::Block { libc::S_IFBLK } else { libc::S_IFCHR };
            fs::mknod_at(at, name, kind | mode, fs::device(major, minor))?;
        }
        _ => return Err(Errno::EOPNOTSUPP),
    }
    if own {
        let uid = header.uid().ok_or(Errno::EBADMSG)?;
        let gid = header.gid().ok_or(Errno::EBADMSG)?;
        fs::chown_at(at, name, uid, gid)?;
    }
    if member.kind != Kind::Symlink {
        // After the owner, whose change takes the set-user-id bit away.
        fs::chmod_at(at, name, mode)?;
    }
    if has_data {
        fs::set_mtime_at(at, name, header.mtime().unwrap_or(0))?;
    }
    Ok(())
}

/// Copies a member's bytes, and passes over the rest of its last block.
fn copy(archive: &Fd, file: &Fd, size: u64) -> Result<()> {
    let mut buffer = [0; CHUNK];
    let mut left = size;
    while left > 0 {
        let part = &mut buffer[..left.min(CHUNK as u64) as usize];
        if fs::read_full(archive, part)? < part.len() {
            return Err(Errno::EBADMSG);
        }
        fs::write_all(file, part)?;
        left -= part.len() as u64;
    }
    skip(archive, padded(size) - size)
}

/// Reads on without use; archives may come through a pipe.
fn skip(archive: &Fd, mut left: u64) -> Result<()> {
    let mut buffer = [0; BLOCK];
    while left > 0 {
        let part = &mut buffer[..left.min(BLOCK as u64) as usize];
        if fs::read_full(archive, part)? < part.len() {
            return Err(Errno::EBADMSG);
        }
        left -= part.len() as u64;
    }
    Ok(())
}

fn padded(size: u64) -> u64 {
    size.saturating_add(BLOCK as u64 - 1) / BLOCK as u64 * BLOCK as u64
}

/// Reads the bytes that follow a header that is not a member's.
fn read_block<'b>(archive: &Fd, length: u64, buffer: &'b mut [u8; CHUNK]) -> Result<&'b [u8]> {
    let length = usize::try_from(length).map_err(|_| Errno::EMSGSIZE)?;
    let part = buffer.get_mut(..length).ok_or(Errno::EMSGSIZE)?;
    if fs::read_full(archive, part)? < length {
        return Err(Errno::EBADMSG);
    }
    skip(archive, padded(length as u64) - length as u64)?;
    Ok(part)
}

fn read_name(archive: &Fd, length: u64, name: &mut Name) -> Result<()> {
    let mut buffer = [0; CHUNK];
    let text = read_block(archive, length, &mut buffer)?;
    name.clear();
    name.push(text.split(|byte| *byte == 0).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split() {
        assert_eq!(split(b"a/b/c"), Some((&b"a/b/"[..], &b"c"[..])));
        assert_eq!(split(b"a/b/"), Some((&b"a/"[..], &b"b"[..])));
        assert_eq!(split(b"./a"), Some((&b"./"[..], &b"a"[..])));
        for root in [&b""[..], b".", b"./", b"/"] {
            assert_eq!(split(root), None);
        }
    }

    #[test]
    fn sizes_are_padded() {
        assert_eq!((padded(0), padded(1), padded(512), padded(513)), (0, 512, 512, 1024));
        padded(u64::MAX);
    }
}
