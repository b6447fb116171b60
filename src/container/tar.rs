//! The headers of tar archives (POSIX ustar and pax, and GNU's long names): bytes in, a member out.

use super::inside::LONGEST;
use crate::sys::{Errno, Result};
use crate::text::number;

/// The unit of an archive.
pub const BLOCK: usize = 512;

/// A header, a block of an archive.
pub struct Header<'b>(pub &'b [u8; BLOCK]);

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// Another name of a member that came before.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A character device.
    Character,
    /// A block device.
    Block,
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
    /// Not a member: facts about the next one (pax).
    Extended,
    /// Not a member: the name of the next one (GNU).
    LongName,
    /// Not a member: what the next one is linked to (GNU).
    LongLink,
    /// Facts about the whole archive, of no use here.
    Global,
}

impl Header<'_> {
    /// Whether the block is empty, as at the end of an archive.
    pub fn is_end(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// Whether the block is a header and undamaged.
    pub fn is_sound(&self) -> bool {
        let sum = |range: core::ops::Range<usize>| -> u64 {
            self.0[range].iter().map(|byte| u64::from(*byte)).sum()
        };
        // The field itself counts as eight spaces.
        let expected = sum(0..148) + 8 * u64::from(b' ') + sum(156..BLOCK);
        self.field(148, 8) == Some(expected)
    }

    /// What it is of; None for kinds that cannot be unpacked (sparse files, volumes).
    pub fn kind(&self) -> Option<Kind> {
        Some(match self.0[156] {
            0 | b'0' | b'7' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'3' => Kind::Character,
            b'4' => Kind::Block,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            b'x' => Kind::Extended,
            b'g' => Kind::Global,
            b'L' => Kind::LongName,
            b'K' => Kind::LongLink,
            _ => return None,
        })
    }

    /// Permissions.
    pub fn mode(&self) -> Option<u32> {
        Some(self.field(100, 8)? as u32 & 0o7777)
    }

    /// The owner.
    pub fn uid(&self) -> Option<u32> {
        self.field(108, 8)?.try_into().ok()
    }

    /// Its group.
    pub fn gid(&self) -> Option<u32> {
        self.field(116, 8)?.try_into().ok()
    }

    /// Bytes that follow.
    pub fn size(&self) -> Option<u64> {
        self.field(124, 12)
    }

    /// Seconds since 1970.
    pub fn mtime(&self) -> Option<u64> {
        self.field(136, 12)
    }

    /// The device's two numbers.
    pub fn device(&self) -> Option<(u32, u32)> {
        Some((self.field(329, 8)? as u32, self.field(337, 8)? as u32))
    }

    /// Appends the name, with ustar's prefix in front.
    pub fn name(&self, to: &mut Name) -> Result<()> {
        to.clear();
        if &self.0[257..263] == b"ustar\0" && self.0[345] != 0 {
            to.push(text(&self.0[345..500]))?;
            to.push(b"/")?;
        }
        to.push(text(&self.0[..100]))
    }

    /// What it is linked to.
    pub fn link(&self, to: &mut Name) -> Result<()> {
        to.clear();
        to.push(text(&self.0[157..257]))
    }

    /// An octal number between spaces and NULs, or, with the first bit set, a binary one.
    fn field(&self, at: usize, length: usize) -> Option<u64> {
        let field = &self.0[at..at + length];
        if field[0] & 0x80 != 0 {
            let (start, low) = field.split_at(length - 8);
            let is_small = start.iter().skip(1).all(|byte| *byte == 0);
            let first = if length == 8 { low[0] & 0x7f } else { low[0] };
            let number =
                low[1..].iter().fold(u64::from(first), |sum, byte| sum << 8 | u64::from(*byte));
            return is_small.then_some(number);
        }
        let digits = text(field).trim_ascii();
        if digits.is_empty() { Some(0) } else { number(digits, 8) }
    }
}

/// The bytes before the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A path, on the stack.
pub struct Name {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Name {
    /// An empty one.
    pub const fn new() -> Name {
        Name { bytes: [0; LONGEST], length: 0 }
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// Adds to it; a NUL, and room for one, is not to be had.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let end = self.length + bytes.len();
        if end >= LONGEST {
            return Err(Errno::ENAMETOOLONG);
        }
        if bytes.contains(&0) {
            return Err(Errno::EBADMSG);
        }
        self.bytes[self.length..end].copy_from_slice(bytes);
        self.bytes[end] = 0;
        self.length = end;
        Ok(())
    }

    /// The path.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The path for the kernel.
    pub fn as_c_str(&self) -> &core::ffi::CStr {
        core::ffi::CStr::from_bytes_until_nul(&self.bytes[..=self.length]).unwrap_or_default()
    }

    /// Whether it stays below where it starts: not absolute, and no "..".
    pub fn stays_below(&self) -> bool {
        let bytes = self.bytes();
        !bytes.starts_with(b"/") && !bytes.split(|b| *b == b'/').any(|part| part == b"..")
    }
}

/// Finds a value among pax records, each `LENGTH KEY=VALUE\n`; the last one counts.
pub fn extended<'r>(mut records: &'r [u8], key: &[u8]) -> Option<&'r [u8]> {
    let mut found = None;
    loop {
        let space = records.iter().position(|b| *b == b' ')?;
        let length = number(&records[..space], 10)? as usize;
        let (record, rest) = records.split_at_checked(length)?;
        let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
        if let Some(value) = record.strip_prefix(key).and_then(|rest| rest.strip_prefix(b"=")) {
            found = Some(value);
        }
        if rest.is_empty() {
            return found;
        }
        records = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(edit: impl FnOnce(&mut [u8; BLOCK])) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        block[..8].copy_from_slice(b"dir/name");
        block[100..108].copy_from_slice(b"0000644\0");
        block[108..116].copy_from_slice(b"0001750 ");
        block[124..136].copy_from_slice(b"00000000017\0");
        block[156] = b'0';
        block[257..265].copy_from_slice(b"ustar\x0000");
        edit(&mut block);
        let sum: u64 = block.iter().map(|b| u64::from(*b)).sum::<u64>() + 8 * 32;
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }

    #[test]
    fn headers_are_read() {
        let block = header(|_| {});
        let header = Header(&block);
        assert!(header.is_sound() && !header.is_end());
        assert_eq!(
            (header.mode(), header.uid(), header.size()),
            (Some(0o644), Some(1000), Some(15))
        );
        let mut name = Name::new();
        header.name(&mut name).unwrap();
        assert_eq!(name.as_c_str(), c"dir/name");
        let mut damaged = block;
        damaged[0] ^= 1;
        assert!(!Header(&damaged).is_sound());
        assert!(Header(&[0; BLOCK]).is_end());
    }

    #[test]
    fn long_names_and_large_numbers() {
        let block = self::header(|block| {
            block[345..351].copy_from_slice(b"prefix");
            block[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1]);
        });
        let mut name = Name::new();
        Header(&block).name(&mut name).unwrap();
        assert_eq!(name.bytes(), b"prefix/dir/name");
        assert_eq!(Header(&block).size(), Some((2 << 32) + 1));
        assert_eq!(name.push(&[b'x'; LONGEST]), Err(Errno::ENAMETOOLONG));
    }

    #[test]
    fn names_that_lead_out_are_told() {
        for (path, stays) in [
            ("a/b", true),
            ("./a", true),
            ("..a/b..", true),
            ("/a", false),
            ("a/../b", false),
            ("..", false),
        ] {
            let mut name = Name::new();
            name.push(path.as_bytes()).unwrap();
            assert_eq!(name.stays_below(), stays, "{path}");
        }
    }

    #[test]
    fn extended_records() {
        let records = b"11 path=a/b\n9 path=c\n13 size=1234\n";
        let records = &records[..];
        // A length that does not fit the record is no record.
        assert_eq!(extended(records, b"path"), None);
        let records = b"12 path=a/b\n9 path=c\n13 size=1234\n";
        assert_eq!(extended(records, b"path"), Some(&b"c"[..]));
        assert_eq!(extended(records, b"size"), Some(&b"1234"[..]));
        assert_eq!(extended(records, b"uid"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_block_is_read(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), BLOCK)) {
            let block: [u8; BLOCK] = bytes.try_into().unwrap();
            let header = Header(&block);
            let mut name = Name::new();
            let _ = (header.is_sound(), header.kind(), header.size(), header.mode(), header.device());
            let _ = (header.name(&mut name), header.link(&mut name), header.uid(), header.mtime());
        }

        #[test]
        fn any_records_are_searched(records: Vec<u8>, key in "[a-z]{0,3}") {
            extended(&records, key.as_bytes());
        }
    }
}
