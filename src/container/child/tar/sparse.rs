//! Maps of sparse files in GNU tar's four formats: where in the file each piece of the archive's
//! data belongs.

use super::pax::{Records, whole};
use crate::sys::{Errno, Result};
use crate::text::number;

/// A piece of data: its offset in the file and its length.
pub type Piece = (u64, u64);

const PIECE: usize = 16;

/// The pieces of a file, in the order of the archive.
pub struct Map<'m> {
    bytes: &'m mut [u8],
    length: usize,
}

impl<'m> Map<'m> {
    /// An empty map; a piece takes 16 bytes of memory.
    pub fn new(memory: &'m mut [u8]) -> Map<'m> {
        Map { bytes: memory, length: 0 }
    }

    /// Adds a piece.
    ///
    /// # Errors
    /// E2BIG when the memory is full.
    #[inline(never)]
    pub fn push(&mut self, (start, length): Piece) -> Result<()> {
        let place = self.bytes.get_mut(self.length..self.length + PIECE).ok_or(Errno::E2BIG)?;
        place[..8].copy_from_slice(&start.to_ne_bytes());
        place[8..].copy_from_slice(&length.to_ne_bytes());
        self.length += PIECE;
        Ok(())
    }

    /// All pieces.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> {
        self.bytes[..self.length].as_chunks::<PIECE>().0.iter().map(|piece| {
            let [mut start, mut length] = [[0; 8]; 2];
            start.copy_from_slice(&piece[..8]);
            length.copy_from_slice(&piece[8..]);
            (u64::from_ne_bytes(start), u64::from_ne_bytes(length))
        })
    }

    /// Whether the pieces add up to `data` bytes and fit into a file of `size` bytes.
    pub fn fits(&self, data: u64, size: u64) -> bool {
        let sum = self.pieces().try_fold(0u64, |sum, (start, length)| {
            let end = start.checked_add(length)?;
            sum.checked_add(length).filter(|_| end <= size)
        });
        sum == Some(data)
    }

    /// Reads the map from pax records: pairs of records (version 0.0), or one record with all
    /// numbers (0.1).
    pub fn read_records(&mut self, records: &[u8]) -> Result<()> {
        let mut start = None;
        for record in Records(records) {
            let (key, value) = record?;
            match key {
                b"GNU.sparse.offset" => start = Some(whole(value)?),
                b"GNU.sparse.numbytes" => {
                    self.push((start.take().ok_or(Errno::EBADMSG)?, whole(value)?))?;
                }
                b"GNU.sparse.map" => {
                    self.length = 0;
                    let mut numbers = value.split(|b| *b == b',');
                    while let Some(start) = numbers.next().filter(|_| !value.is_empty()) {
                        let length = numbers.next().ok_or(Errno::EBADMSG)?;
                        self.push((whole(start)?, whole(length)?))?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads pieces from the fields of a header, or of a block after it (the format before pax).
    pub fn read_fields(&mut self, fields: &[u8]) -> Result<()> {
        for field in fields.as_chunks::<24>().0 {
            // An empty field ends the list.
            if field[12] == 0 {
                return Ok(());
            }
            let part = |at| {
                let part = super::field(&field[at..at + 12]);
                part.and_then(|part| u64::try_from(part).ok()).ok_or(Errno::EBADMSG)
            };
            self.push((part(0)?, part(12)?))?;
        }
        Ok(())
    }
}

/// Parser of a map in front of the data (version 1.0): one number per line, the first is the number
/// of pieces.
pub struct Lines {
    number: Option<u64>,
    left: Option<u64>,
    start: Option<u64>,
}

impl Lines {
    /// Starts before the first byte.
    pub fn new() -> Lines {
        Lines { number: None, left: None, start: None }
    }

    /// Parses more bytes; returns whether the map is complete and the rest is padding.
    pub fn read(&mut self, bytes: &[u8], map: &mut Map) -> Result<bool> {
        for byte in bytes {
            if self.left == Some(0) {
                break;
            }
            if *byte != b'\n' {
                let digit = number(&[*byte], 10).ok_or(Errno::EBADMSG)?;
                let more = self.number.unwrap_or(0).checked_mul(10);
                let more = more.and_then(|number| number.checked_add(digit));
                self.number = Some(more.ok_or(Errno::EBADMSG)?);
                continue;
            }
            let number = self.number.take().ok_or(Errno::EBADMSG)?;
            match (self.left, self.start.take()) {
                (None, _) => self.left = Some(number),
                (_, None) => self.start = Some(number),
                (Some(left), Some(start)) => {
                    map.push((start, number))?;
                    self.left = Some(left - 1);
                }
            }
        }
        Ok(self.left == Some(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(read: impl FnOnce(&mut Map) -> Result<()>) -> Result<Vec<Piece>> {
        let mut memory = [0; 3 * PIECE];
        let mut map = Map::new(&mut memory);
        read(&mut map)?;
        Ok(map.pieces().collect())
    }

    #[test]
    fn maps_in_records() {
        let read = |records: &str| pieces(|map| map.read_records(records.as_bytes()));
        let pairs = "23 GNU.sparse.offset=0\n25 GNU.sparse.numbytes=9\n\
            24 GNU.sparse.offset=70\n25 GNU.sparse.numbytes=0\n";
        assert_eq!(read(pairs), Ok(vec![(0, 9), (70, 0)]));
        assert_eq!(read("27 GNU.sparse.map=0,9,70,0\n"), Ok(vec![(0, 9), (70, 0)]));
        assert_eq!(read("18 GNU.sparse.map=\n"), Err(Errno::EBADMSG));
        assert_eq!(read("19 GNU.sparse.map=\n"), Ok(vec![]));
        for bad in [
            "25 GNU.sparse.numbytes=9\n",
            "20 GNU.sparse.map=0\n",
            "24 GNU.sparse.map=0,9,7\n",
            "22 GNU.sparse.map=0,x\n",
        ] {
            assert_eq!(read(bad), Err(Errno::EBADMSG), "{bad}");
        }
        let many = "34 GNU.sparse.map=0,1,2,1,4,1,6,1\n";
        assert_eq!(read(many), Err(Errno::E2BIG));
    }

    #[test]
    fn maps_in_lines_and_fields() {
        let read = |parts: &[&str]| {
            let mut lines = Lines::new();
            pieces(|map| {
                let done = parts.iter().map(|part| lines.read(part.as_bytes(), map));
                let done = done.collect::<Result<Vec<_>>>()?;
                if done.last() == Some(&true) { Ok(()) } else { Err(Errno::EAGAIN) }
            })
        };
        assert_eq!(read(&["2\n0\n9", "00\n70\n0\n\0\0"]), Ok(vec![(0, 900), (70, 0)]));
        assert_eq!(read(&["0\n\0"]), Ok(vec![]));
        assert_eq!(read(&["2\n0\n9\n"]), Err(Errno::EAGAIN));
        for bad in ["\n", "x", "1\n\n", "99999999999999999999\n", "\0"] {
            assert_eq!(read(&[bad]), Err(Errno::EBADMSG), "{bad}");
        }
        let mut fields = [0; 48];
        fields[..24].copy_from_slice(b"00000000010\x0000000000002\0");
        assert_eq!(pieces(|map| map.read_fields(&fields)), Ok(vec![(8, 2)]));
        fields[12] = b'9';
        assert_eq!(pieces(|map| map.read_fields(&fields)), Err(Errno::EBADMSG));
    }

    #[test]
    fn a_map_fits_its_data_or_not() {
        let fits = |list: &[Piece], data, size| {
            let mut memory = [0; 3 * PIECE];
            let mut map = Map::new(&mut memory);
            list.iter().for_each(|piece| map.push(*piece).unwrap());
            map.fits(data, size)
        };
        assert!(fits(&[(0, 4), (6, 2), (9, 0)], 6, 9));
        assert!(!fits(&[(0, 4), (6, 2)], 7, 9));
        assert!(!fits(&[(0, 4), (6, 2)], 6, 7));
        assert!(!fits(&[(u64::MAX, 2)], 2, u64::MAX));
        assert!(!fits(&[(0, u64::MAX), (0, 2)], 1, u64::MAX));
        assert!(fits(&[], 0, 9));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>, text in "[0-9\n,]{0,40}") {
            let _ = pieces(|map| map.read_records(&bytes));
            let _ = pieces(|map| map.read_fields(&bytes));
            let _ = pieces(|map| Lines::new().read(&bytes, map).map(drop));
            let _ = pieces(|map| Lines::new().read(text.as_bytes(), map).map(drop));
        }
    }
}
