//! Tar archives made by hand, member by member: what no program would write, too.

/// An archive in the making.
#[derive(Clone, Default)]
pub struct Tarball(pub Vec<u8>);

/// A header, to be changed before it is added.
#[derive(Clone)]
pub struct Header {
    bytes: [u8; 512],
}

impl Header {
    /// Of a member of this kind (the letter of its type).
    pub fn new(kind: u8, name: &str) -> Header {
        let mut header = Header { bytes: [0; 512] };
        assert!(name.len() <= 100, "a long name needs a header of its own");
        header.bytes[..name.len()].copy_from_slice(name.as_bytes());
        header.bytes[156] = kind;
        header.bytes[257..265].copy_from_slice(b"ustar\x0000");
        let mode = if kind == b'5' { 0o755 } else { 0o644 };
        header.mode(mode).owner(0, 0).size(0).mtime(1_000_000_000)
    }

    pub fn octal(mut self, at: usize, length: usize, number: u64) -> Header {
        let text = format!("{number:0width$o}\0", width = length - 1);
        self.bytes[at..at + length].copy_from_slice(text.as_bytes());
        self
    }

    pub fn raw(mut self, at: usize, bytes: &[u8]) -> Header {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub fn mode(self, mode: u32) -> Header {
        self.octal(100, 8, mode.into())
    }

    pub fn owner(self, uid: u64, gid: u64) -> Header {
        self.octal(108, 8, uid).octal(116, 8, gid)
    }

    pub fn size(self, size: u64) -> Header {
        self.octal(124, 12, size)
    }

    pub fn mtime(self, seconds: u64) -> Header {
        self.octal(136, 12, seconds)
    }

    pub fn link(self, to: &str) -> Header {
        self.raw(157, to.as_bytes())
    }

    /// With its sum.
    fn sealed(mut self) -> [u8; 512] {
        self.bytes[148..156].fill(b' ');
        let sum: u32 = self.bytes.iter().map(|byte| u32::from(*byte)).sum();
        self.bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.bytes
    }
}

/// A pax record.
pub fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let length = (1..).find(|n: &usize| *n == n.to_string().len() + rest.len()).unwrap();
    [length.to_string().as_bytes(), &rest].concat()
}

impl Tarball {
    pub fn new() -> Tarball {
        Tarball::default()
    }

    /// Adds a header, and data as it is.
    pub fn header(mut self, header: Header, data: &[u8]) -> Tarball {
        self.0.extend(header.sealed());
        self.0.extend(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub fn file(self, name: &str, data: &[u8]) -> Tarball {
        self.header(Header::new(b'0', name).size(data.len() as u64), data)
    }

    pub fn directory(self, name: &str) -> Tarball {
        self.header(Header::new(b'5', name), b"")
    }

    pub fn symlink(self, name: &str, to: &str) -> Tarball {
        self.header(Header::new(b'2', name).link(to), b"")
    }

    pub fn hard_link(self, name: &str, to: &str) -> Tarball {
        self.header(Header::new(b'1', name).link(to), b"")
    }

    pub fn fifo(self, name: &str) -> Tarball {
        self.header(Header::new(b'6', name), b"")
    }

    /// Adds pax records for the next member.
    pub fn pax(self, records: &[(&str, &[u8])]) -> Tarball {
        let data: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
        self.header(Header::new(b'x', "pax").size(data.len() as u64), &data)
    }

    /// The end: two empty blocks, and no padding.
    pub fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}
