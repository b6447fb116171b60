//! Headers of tar archives (v7, POSIX ustar and pax, GNU).

pub mod pax;
pub mod sparse;

use super::resolve::LONGEST;
use crate::host::is_tar_header;
use crate::sys::{Errno, Result};
use crate::text::number;

/// Block size of an archive.
pub const BLOCK: usize = 512;

/// A header: one block of an archive.
pub struct Header<'b>(pub &'b [u8; BLOCK]);

/// The type of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A sparse file in GNU's format before pax.
    SparseFile,
    /// A hard link to an earlier member.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A character device.
    Character,
    /// A block device.
    Block,
    /// A directory.
    Directory,
    /// A directory with a list of its names as data (GNU incremental backups).
    ListedDirectory,
    /// A named pipe.
    Fifo,
    /// Not a member: pax records for the next member.
    Extended,
    /// Not a member: pax records for all following members.
    Global,
    /// Not a member: the name of the next member (GNU).
    LongName,
    /// Not a member: the link target of the next member (GNU).
    LongLink,
    /// Not a member: the name of the archive.
    Label,
}

impl Header<'_> {
    /// Whether the block is all zeros, as at the end of an archive.
    pub fn is_end(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// Whether the block is a valid header.
    pub fn is_sound(&self) -> bool {
        is_tar_header(self.0)
    }

    /// The type; None for types that mini does not support, such as a file continued from another
    /// volume.
    pub fn kind(&self) -> Option<Kind> {
        Some(match self.0[156] {
            0 | b'0' | b'7' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'3' => Kind::Character,
            b'4' => Kind::Block,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            b'D' => Kind::ListedDirectory,
            // Solaris used X before pax was standardised.
            b'x' | b'X' => Kind::Extended,
            b'g' => Kind::Global,
            b'L' => Kind::LongName,
            b'K' => Kind::LongLink,
            b'V' => Kind::Label,
            // star uses this letter for another format.
            b'S' if self.is_gnu() => Kind::SparseFile,
            _ => return None,
        })
    }

    fn is_gnu(&self) -> bool {
        self.0[257..265] == *b"ustar  \0"
    }

    /// Permission bits.
    pub fn mode(&self) -> Option<u32> {
        Some(self.field(100, 8)? as u32 & 0o7777)
    }

    /// Owner.
    pub fn uid(&self) -> Option<u64> {
        self.unsigned(108, 8)
    }

    /// Group.
    pub fn gid(&self) -> Option<u64> {
        self.unsigned(116, 8)
    }

    /// Bytes of data that follow.
    pub fn size(&self) -> Option<u64> {
        self.unsigned(124, 12)
    }

    /// Modification time in seconds since 1970.
    pub fn mtime(&self) -> Option<i64> {
        self.field(136, 12)
    }

    /// Major and minor number of a device.
    pub fn device(&self) -> Option<(u32, u32)> {
        let part = |at| self.unsigned(at, 8)?.try_into().ok();
        Some((part(329)?, part(337)?))
    }

    /// Size of a sparse file including holes (GNU).
    pub fn real_size(&self) -> Option<u64> {
        self.unsigned(483, 12)
    }

    /// Sets a name to the member's, with the ustar prefix in front.
    pub fn name(&self, to: &mut Name) -> Result<()> {
        to.clear();
        if &self.0[257..263] == b"ustar\0" && self.0[345] != 0 {
            to.push(text(&self.0[345..500]))?;
            to.push(b"/")?;
        }
        to.push(text(&self.0[..100]))
    }

    /// Sets a name to the link target.
    pub fn link(&self, to: &mut Name) -> Result<()> {
        to.clear();
        to.push(text(&self.0[157..257]))
    }

    /// A number that must not be negative.
    fn unsigned(&self, at: usize, length: usize) -> Option<u64> {
        self.field(at, length)?.try_into().ok()
    }

    fn field(&self, at: usize, length: usize) -> Option<i64> {
        field(&self.0[at..at + length])
    }
}

/// A number: octal between spaces and NULs, or, with the first bit set, binary: big-endian two's
/// complement in the remaining bits.
#[inline(never)]
fn field(field: &[u8]) -> Option<i64> {
    if let [first @ 0x80..=0xff, rest @ ..] = field {
        let start = i64::from((*first << 1) as i8 >> 1);
        return rest
            .iter()
            .try_fold(start, |sum, byte| sum.checked_mul(256)?.checked_add(i64::from(*byte)));
    }
    let digits = text(field).trim_ascii();
    if digits.is_empty() { Some(0) } else { number(digits, 8)?.try_into().ok() }
}

/// The bytes before the first NUL.
pub fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A path on the stack.
pub struct Name {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Name {
    /// An empty path.
    pub const fn new() -> Name {
        Name { bytes: [0; LONGEST], length: 0 }
    }

    /// Clears the path.
    pub fn clear(&mut self) {
        self.length = 0;
        self.bytes[0] = 0;
    }

    /// Replaces the path.
    pub fn set(&mut self, bytes: &[u8]) -> Result<()> {
        self.clear();
        self.push(bytes)
    }

    /// Appends to the path. EBADMSG for a NUL, ENAMETOOLONG when it does not fit with its NUL.
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
        self.tail(0)
    }

    /// The path for the kernel, from a byte offset on.
    pub fn tail(&self, start: usize) -> &core::ffi::CStr {
        let tail = self.bytes.get(start..=self.length).unwrap_or_default();
        core::ffi::CStr::from_bytes_until_nul(tail).unwrap_or_default()
    }

    /// Refuses a path with a ".." that could lead upwards. Truncates the path after its last name,
    /// without trailing slashes and dots, and returns where that name starts; None for the root
    /// itself.
    pub fn split(&mut self) -> Result<Option<usize>> {
        if self.bytes().split(|b| *b == b'/').any(|part| part == b"..") {
            return Err(Errno::EXDEV);
        }
        loop {
            match self.bytes() {
                [rest @ .., b'/'] | [rest @ .., b'/', b'.'] => self.length = rest.len(),
                b"" | b"." => return Ok(None),
                path => {
                    let start = path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
                    self.bytes[self.length] = 0;
                    return Ok(Some(start));
                }
            }
        }
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
    fn checksums_of_signed_bytes_are_accepted() {
        let mut block = header(|block| block[0] = 0xe4);
        assert!(Header(&block).is_sound());
        let sum: i64 = block[..148].iter().chain(&block[156..]).map(|b| i64::from(*b as i8)).sum();
        block[148..156].copy_from_slice(format!("{:06o}\0 ", sum + 256).as_bytes());
        assert!(Header(&block).is_sound());
    }

    #[test]
    fn long_names_and_large_numbers() {
        let block = self::header(|block| {
            block[345..351].copy_from_slice(b"prefix");
            block[108..116].copy_from_slice(&[0x80, 0, 0, 0, 0, 0x3f, 0xff, 0xff]);
            block[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1]);
            block[136..148].copy_from_slice(&[0xff; 12]);
        });
        let header = Header(&block);
        let mut name = Name::new();
        header.name(&mut name).unwrap();
        assert_eq!(name.bytes(), b"prefix/dir/name");
        assert_eq!(header.uid(), Some(0x3f_ffff));
        assert_eq!(header.size(), Some((2 << 32) + 1));
        assert_eq!(header.mtime(), Some(-1));
        assert_eq!(name.push(&[b'x'; LONGEST]), Err(Errno::ENAMETOOLONG));
        // A negative size, a size of more than 63 bits, and a malformed size.
        for size in [[0xff; 12], [0x81; 12], *b"00000000008\0", *b"-0000000001\0"] {
            let block = self::header(|block| block[124..136].copy_from_slice(&size));
            assert_eq!(Header(&block).size(), None, "{size:?}");
        }
    }

    fn split(path: &[u8]) -> Result<Option<(Vec<u8>, std::ffi::CString)>> {
        let mut name = Name::new();
        name.push(path)?;
        let start = name.split()?;
        Ok(start.map(|start| (name.bytes()[..start].to_vec(), name.tail(start).to_owned())))
    }

    #[test]
    fn paths_are_split() {
        let to = |directory: &[u8], name: &std::ffi::CStr| {
            Ok(Some((directory.to_vec(), name.to_owned())))
        };
        assert_eq!(split(b"a/b/c"), to(b"a/b/", c"c"));
        assert_eq!(split(b"a/b/"), to(b"a/", c"b"));
        assert_eq!(split(b"a/./b/././/"), to(b"a/./", c"b"));
        assert_eq!(split(b"./a"), to(b"./", c"a"));
        assert_eq!(split(b"//a"), to(b"//", c"a"));
        assert_eq!(split(b"a."), to(b"", c"a."));
        assert_eq!(split(b"..a/b.."), to(b"..a/", c"b.."));
        for root in [&b""[..], b".", b"./", b"/", b"//.//", b"././."] {
            assert_eq!(split(root), Ok(None));
        }
        for up in [&b".."[..], b"a/../b", b"../a", b"/..", b"a/.."] {
            assert_eq!(split(up), Err(Errno::EXDEV));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_block_is_read(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), BLOCK)) {
            let block: [u8; BLOCK] = bytes.try_into().unwrap();
            let header = Header(&block);
            let mut name = Name::new();
            let _ = (header.is_sound(), header.kind(), header.size(), header.mode(), header.device());
            let _ = (header.name(&mut name), header.link(&mut name), header.uid(), header.mtime());
            let _ = name.split();
        }

        #[test]
        fn any_path_is_split(path in "[./a]{0,12}") {
            let parts = |path: &[u8]| -> Vec<Vec<u8>> {
                let parts = path.split(|b| *b == b'/');
                parts.filter(|part| !part.is_empty() && part != b".").map(<[u8]>::to_vec).collect()
            };
            match split(path.as_bytes()) {
                Ok(Some((directory, name))) => {
                    let whole = [&directory, name.to_bytes()].concat();
                    assert_eq!(parts(&whole), parts(path.as_bytes()));
                    assert!(!name.to_bytes().contains(&b'/') && name.as_c_str() != c".");
                }
                Ok(None) => assert!(parts(path.as_bytes()).is_empty()),
                Err(_) => assert!(parts(path.as_bytes()).contains(&b"..".to_vec())),
            }
        }
    }
}
