//! Unpacks a tar archive into the container's root, after the switch to that root: no name or link
//! in the archive can lead out of it. Owner, mode, times and attributes are set through the
//! descriptor of what was just made, or by a name without following a link. Works on the child's
//! stack and on memory from mmap(2).

mod directory;
mod source;

use super::resolve::{self, Make};
use super::tar::pax::{self, Coding, Facts, Records};
use super::tar::sparse::{Lines, Map};
use super::tar::{BLOCK, Header, Kind, Name, text};
use crate::container::status::Detail;
use crate::host;
use crate::sys::fs::Time;
use crate::sys::memory::Scratch;
use crate::sys::{Errno, Fd, Result, fd, fs};
use directory::MemberDirectory;
use source::Source;

/// Maximum size of the pax records of a member.
const RECORDS: usize = 1 << 20;
/// Memory for the map of a sparse file: a million pieces.
const MAP: usize = 16 << 20;
/// Buffer size, and the maximum size of an extended attribute.
const CHUNK: usize = 64 << 10;

/// Warnings about something that could not be set. The command runs anyway.
const LOST_CAPABILITIES: &[u8] =
    b"mini: unpack: file capabilities are not restored: mini may not set them here\n";
const LOST_ATTRIBUTES: &[u8] =
    b"mini: unpack: some extended attributes or access control lists are \
    not restored: mini may not set them here, or tmpfs has none (user.* needs Linux 6.6)\n";

/// State of the unpacking.
struct Unpacking<'a> {
    source: Source<'a>,
    place: MemberDirectory,
    name: Name,
    link: Name,
    /// Whether to set owners. If not, everything belongs to the caller.
    own: bool,
    copy: &'a mut [u8],
    map: &'a mut [u8],
    lost_capabilities: bool,
    lost_attributes: bool,
}

/// Properties of a member.
struct Member<'m> {
    header: Header<'m>,
    /// The pax records, raw and parsed.
    records: &'m [u8],
    facts: Facts<'m>,
    /// Bytes of data that follow.
    size: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    mtime: Time,
}

/// Unpacks all members. Sets their owners if `own`. On failure `detail` is the name of the member.
#[inline(never)]
pub fn unpack(archive: &Fd, own: bool, detail: &mut Detail) -> Result<()> {
    let mut memory = Scratch::new(RECORDS + MAP + CHUNK)?;
    let (records, rest) = memory.bytes().split_at_mut(RECORDS);
    let (map, copy) = rest.split_at_mut(MAP);
    let mut unpacking = Unpacking {
        source: Source::new(archive),
        place: MemberDirectory::new(),
        name: Name::new(),
        link: Name::new(),
        own,
        copy,
        map,
        lost_capabilities: false,
        lost_attributes: false,
    };
    unpacking.members(records, detail)?;
    unpacking.place.leave()?;
    for (is_lost, words) in [
        (unpacking.lost_capabilities, LOST_CAPABILITIES),
        (unpacking.lost_attributes, LOST_ATTRIBUTES),
    ] {
        if is_lost {
            // Without standard error there is nowhere to report it.
            let _ = fs::write_all(&fd::STDERR, words);
        }
    }
    Ok(())
}

impl Unpacking<'_> {
    fn members(&mut self, records: &mut [u8], detail: &mut Detail) -> Result<()> {
        let mut block = [0; BLOCK];
        // Records before the header override the header.
        let (mut has_name, mut has_link, mut told) = (false, false, 0);
        let mut for_all = Facts::default();
        loop {
            let is_first = self.source.is_at_start();
            let length = self.source.read(&mut block)?;
            let header = Header(&block);
            if length == BLOCK && header.is_end() {
                return self.source.finish(self.copy);
            }
            if length < BLOCK || !header.is_sound() {
                if is_first && host::compression(&block[..length]).is_some() {
                    detail.set(&block[..length]);
                    return Err(Errno::EPROTO);
                }
                return Err(Errno::EBADMSG);
            }
            let length = header.size().ok_or(Errno::EBADMSG)?;
            match header.kind().ok_or(Errno::EOPNOTSUPP)? {
                Kind::Label => {
                    self.source.skip(length, self.copy)?;
                    self.source.skip_padding(length, self.copy)?;
                }
                Kind::Global => {
                    let told = self.read_records(length, &mut records[told..])?;
                    for_all = told_for_all(told, for_all)?;
                }
                Kind::LongName => {
                    self.read_name(length, false)?;
                    has_name = true;
                }
                Kind::LongLink => {
                    self.read_name(length, true)?;
                    has_link = true;
                }
                Kind::Extended => told += self.read_records(length, &mut records[told..])?.len(),
                kind => {
                    if !has_name {
                        header.name(&mut self.name)?;
                    }
                    if !has_link {
                        header.link(&mut self.link)?;
                    }
                    detail.set(self.name.bytes());
                    let facts = Facts::read(&records[..told])?;
                    if let Some(path) = facts.sparse_name.or(facts.path) {
                        self.name.set(path)?;
                        detail.set(path);
                    }
                    if let Some(path) = facts.link {
                        self.link.set(path)?;
                    }
                    let member = Member::new(header, &records[..told], facts, &for_all)?;
                    self.member(kind, &member)?;
                    detail.set(b"");
                    (has_name, has_link, told) = (false, false, 0);
                }
            }
        }
    }

    /// Reads the data of a header that is not a member.
    fn read_records<'b>(&mut self, length: u64, buffer: &'b mut [u8]) -> Result<&'b [u8]> {
        let part = usize::try_from(length).ok().and_then(|length| buffer.get_mut(..length));
        let part = part.ok_or(Errno::EMSGSIZE)?;
        self.source.fill(part)?;
        self.source.skip_padding(length, self.copy)?;
        Ok(part)
    }

    fn read_name(&mut self, length: u64, is_link: bool) -> Result<()> {
        let part = usize::try_from(length).ok().and_then(|length| self.copy.get_mut(..length));
        let part = part.ok_or(Errno::ENAMETOOLONG)?;
        self.source.fill(part)?;
        let name = if is_link { &mut self.link } else { &mut self.name };
        name.set(text(part))?;
        self.source.skip_padding(length, self.copy)
    }

    fn member(&mut self, kind: Kind, member: &Member) -> Result<()> {
        // Before the type for directories existed, a trailing slash marked them.
        let is_directory = self.name.bytes().ends_with(b"/") && kind == Kind::File;
        let Some(start) = self.name.split()? else {
            return match kind {
                Kind::Directory | Kind::ListedDirectory => self.root(kind, member),
                Kind::File if is_directory => self.root(kind, member),
                _ => Err(Errno::EISDIR),
            };
        };
        self.place.enter(&self.name.bytes()[..start])?;
        match kind {
            Kind::File if is_directory => {
                self.directory(start, member)?;
                self.skip_data(member)
            }
            Kind::ListedDirectory => {
                self.directory(start, member)?;
                self.skip_data(member)
            }
            Kind::Directory => self.directory(start, member),
            Kind::File | Kind::SparseFile => self.file(start, kind, member),
            Kind::HardLink => self.hard_link(start),
            Kind::Symlink => {
                let Unpacking { place, link, name, .. } = self;
                let (name, link) = (name.tail(start), link.as_c_str());
                place.make(name, &mut |at| fs::symlink_at(link, at, name))?;
                self.describe_name(start, None, member)
            }
            Kind::Fifo => self.node(start, libc::S_IFIFO, 0, member),
            Kind::Character | Kind::Block => {
                let (major, minor) = member.header.device().ok_or(Errno::EBADMSG)?;
                let kind = if kind == Kind::Block { libc::S_IFBLK } else { libc::S_IFCHR };
                match self.node(start, kind, fs::device(major, minor), member) {
                    // A user namespace cannot make devices, and devices in the root do not work
                    // anyway (nodev).
                    Err(Errno::EPERM) => Ok(()),
                    result => result,
                }
            }
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    fn skip_data(&mut self, member: &Member) -> Result<()> {
        self.source.skip(member.size, self.copy)?;
        self.source.skip_padding(member.size, self.copy)
    }

    /// The root itself, which exists.
    fn root(&mut self, kind: Kind, member: &Member) -> Result<()> {
        self.place.leave()?;
        let root = resolve::open(c"/", Make::Nothing)?;
        let root = fs::open_at(root.raw(), c".", libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
        self.describe(&root, member)?;
        if kind == Kind::Directory { Ok(()) } else { self.skip_data(member) }
    }

    /// An existing directory stays, with its content.
    fn directory(&mut self, start: usize, member: &Member) -> Result<()> {
        let name = self.name.tail(start);
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let mut made = None;
        self.place.make(name, &mut |at| {
            let is_new = match fs::mkdir_at(at, name, 0o700) {
                Err(Errno::EEXIST) => false,
                result => result.map(|_| true)?,
            };
            made = match fs::open_at(at, name, flags, 0) {
                Err(Errno::ENOTDIR | Errno::ELOOP) if !is_new => return Err(Errno::EEXIST),
                result => Some(result?),
            };
            Ok(())
        })?;
        self.describe(&made.ok_or(Errno::EBADF)?, member)
    }

    fn file(&mut self, start: usize, kind: Kind, member: &Member) -> Result<()> {
        let name = self.name.tail(start);
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
        let mut made = None;
        self.place.make(name, &mut |at| {
            made = Some(fs::open_at(at, name, flags, 0o600)?);
            Ok(())
        })?;
        let file = made.ok_or(Errno::EBADF)?;
        if kind == Kind::SparseFile || member.facts.sparse.is_some() {
            self.copy_pieces(&file, kind, member)?;
        } else {
            self.source.each(member.size, self.copy, &mut |part| fs::write_all(&file, part))?;
        }
        self.source.skip_padding(member.size, self.copy)?;
        self.describe(&file, member)
    }

    /// Copies the data of a sparse file.
    #[inline(never)]
    fn copy_pieces(&mut self, file: &Fd, kind: Kind, member: &Member) -> Result<()> {
        let Unpacking { source, copy, map, .. } = self;
        let mut map = Map::new(map);
        let mut data = member.size;
        let size = if kind == Kind::SparseFile {
            let header = &member.header;
            map.read_fields(&header.0[386..482])?;
            let mut is_followed = header.0[482] != 0;
            while is_followed {
                let mut block = [0; BLOCK];
                source.fill(&mut block)?;
                map.read_fields(&block[..504])?;
                is_followed = block[504] != 0;
            }
            header.real_size()
        } else {
            match member.facts.sparse_version {
                (0, _) => map.read_records(member.records)?,
                (1, 0) => {
                    let mut lines = Lines::new();
                    let mut block = [0; BLOCK];
                    let mut is_complete = false;
                    while !is_complete {
                        data = data.checked_sub(BLOCK as u64).ok_or(Errno::EBADMSG)?;
                        source.fill(&mut block)?;
                        is_complete = lines.read(&block, &mut map)?;
                    }
                }
                _ => return Err(Errno::EOPNOTSUPP),
            }
            member.facts.sparse.flatten()
        };
        let size = size.filter(|size| map.fits(data, *size)).ok_or(Errno::EBADMSG)?;
        fs::ftruncate(file, size)?;
        for (start, length) in map.pieces() {
            fs::seek(file, start)?;
            source.each(length, copy, &mut |part| fs::write_all(file, part))?;
        }
        Ok(())
    }

    /// Makes a hard link to an earlier member. The same file may have the name already.
    #[inline(never)]
    fn hard_link(&mut self, start: usize) -> Result<()> {
        let linked = self.link.split()?.ok_or(Errno::EISDIR)?;
        let mut directory = Name::new();
        directory.set(b"/")?;
        directory.push(&self.link.bytes()[..linked])?;
        let directory = resolve::open(directory.as_c_str(), Make::Nothing)?;
        let (from, link, name) = (directory.raw(), self.link.tail(linked), self.name.tail(start));
        let identity = fs::identity_at(from, link)?;
        if fs::identity_at(self.place.at()?, name) == Ok(identity) {
            return Ok(());
        }
        self.place.make(name, &mut |at| fs::link_at(from, link, at, name))
    }

    fn node(&mut self, start: usize, kind: u32, device: u32, member: &Member) -> Result<()> {
        let (name, mode) = (self.name.tail(start), member.mode);
        self.place.make(name, &mut |at| fs::mknod_at(at, name, kind | mode, device))?;
        self.describe_name(start, Some(mode), member)
    }

    /// Sets owner and time of something that must not be opened.
    fn describe_name(&mut self, start: usize, mode: Option<u32>, member: &Member) -> Result<()> {
        let (at, name) = (self.place.at()?, self.name.tail(start));
        if self.own {
            fs::chown_at(at, name, member.uid, member.gid)?;
            if let Some(mode) = mode.filter(|mode| mode & 0o6000 != 0) {
                // A change of the owner clears the set-id bits. They have no meaning here, but
                // before Linux 6.6 they cannot be set again, as no call changes a mode without
                // following a link.
                match fs::chmod_at(at, name, mode) {
                    Err(Errno::ENOSYS) => {}
                    result => result?,
                }
            }
        }
        // Symbolic links and devices cannot have user attributes.
        self.lost_attributes |= member.facts.has_lists;
        for record in Records(member.records) {
            self.lost_attributes |=
                pax::attribute(record?.0).is_some_and(|(name, _)| !name.starts_with(b"security."));
        }
        fs::set_mtime_at(at, Some(name), member.mtime)
    }

    /// Sets owner, mode, extended attributes and time of an open file.
    fn describe(&mut self, file: &Fd, member: &Member) -> Result<()> {
        if self.own {
            fs::fchown(file, member.uid, member.gid)?;
        }
        // After the owner: a change of owner clears set-id bits and file capabilities.
        fs::fchmod(file, member.mode)?;
        self.lost_attributes |= member.facts.has_lists;
        if member.facts.has_attributes {
            self.set_attributes(file, member.records)?;
        }
        fs::set_mtime_at(file.raw(), None, member.mtime)
    }

    #[inline(never)]
    fn set_attributes(&mut self, file: &Fd, records: &[u8]) -> Result<()> {
        for record in Records(records) {
            let (key, value) = record?;
            let Some((name, coding)) = pax::attribute(key) else { continue };
            let mut buffer = [0; 256];
            let name = pax::attribute_name(name, coding, &mut buffer)?;
            let is_capability = name == c"security.capability";
            // Labels of a security module are valid only on the system they come from.
            if !is_capability && name.to_bytes().starts_with(b"security.") {
                continue;
            }
            let value = match coding {
                Coding::Plain => value,
                Coding::Base64 => pax::base64(value, self.copy)?,
            };
            match fs::fsetxattr(file, name, value) {
                Err(Errno::EPERM | Errno::EACCES | Errno::EOPNOTSUPP | Errno::EINVAL) => {
                    self.lost_capabilities |= is_capability;
                    self.lost_attributes |= !is_capability;
                }
                result => result?,
            }
        }
        Ok(())
    }
}

impl<'m> Member<'m> {
    fn new(
        header: Header<'m>,
        records: &'m [u8],
        facts: Facts<'m>,
        for_all: &Facts,
    ) -> Result<Member<'m>> {
        let size = facts.size.or(header.size()).ok_or(Errno::EBADMSG)?;
        let id = |told: Option<u64>, for_all: Option<u64>, own: Option<u64>| -> Result<u32> {
            let id = told.or(for_all).or(own).ok_or(Errno::EBADMSG)?;
            // The highest number would mean "unchanged" to the kernel.
            u32::try_from(id).ok().filter(|id| *id != u32::MAX).ok_or(Errno::EOVERFLOW)
        };
        let mtime = match facts.mtime.or(for_all.mtime) {
            Some(time) => time,
            None => Time { seconds: header.mtime().ok_or(Errno::EBADMSG)?, nanos: 0 },
        };
        Ok(Member {
            mode: header.mode().ok_or(Errno::EBADMSG)?,
            uid: id(facts.uid, for_all.uid, header.uid())?,
            gid: id(facts.gid, for_all.gid, header.gid())?,
            header,
            records,
            facts,
            size,
            mtime,
        })
    }
}

/// Merges the records of a global header into the earlier ones.
fn told_for_all(records: &[u8], before: Facts<'static>) -> Result<Facts<'static>> {
    let Facts { uid, gid, mtime, .. } = Facts::read(records)?.for_all()?;
    Ok(Facts {
        uid: uid.or(before.uid),
        gid: gid.or(before.gid),
        mtime: mtime.or(before.mtime),
        ..before
    })
}
