//! pax records (pax(1p)), with the keys of GNU tar and star.

use crate::sys::fs::Time;
use crate::sys::{Errno, Result};
use crate::text::number;

/// Iterates over records of the form `LENGTH KEY=VALUE\n`; the length counts the whole record.
pub struct Records<'r>(pub &'r [u8]);

impl<'r> Iterator for Records<'r> {
    /// Key and value.
    type Item = Result<(&'r [u8], &'r [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let record = self.first();
        if record.is_none() {
            self.0 = &[];
        }
        Some(record.ok_or(Errno::EBADMSG))
    }
}

impl<'r> Records<'r> {
    fn first(&mut self) -> Option<(&'r [u8], &'r [u8])> {
        // A length has at most 20 digits.
        let space = self.0.iter().take(20).position(|b| *b == b' ')?;
        let length = number(&self.0[..space], 10)?.try_into().ok()?;
        let (record, rest) = self.0.split_at_checked(length)?;
        let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|b| *b == b'=')?;
        self.0 = rest;
        Some((&record[..equals], &record[equals + 1..]))
    }
}

/// Properties of a member from its records. An empty value resets the property.
#[derive(Debug, Default, Clone, Copy)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub struct Facts<'r> {
    /// Path.
    pub path: Option<&'r [u8]>,
    /// Link target.
    pub link: Option<&'r [u8]>,
    /// Bytes of data that follow.
    pub size: Option<u64>,
    /// Owner.
    pub uid: Option<u64>,
    /// Group.
    pub gid: Option<u64>,
    /// Modification time.
    pub mtime: Option<Time>,
    /// Whether the file is sparse (GNU), and its size including holes, if given.
    pub sparse: Option<Option<u64>>,
    /// Path of a sparse file; its header has another name for programs without support.
    pub sparse_name: Option<&'r [u8]>,
    /// Version of the sparse format: (major, minor).
    pub sparse_version: (u64, u64),
    /// Whether there are properties that two members cannot share: other than owner, group and
    /// time.
    pub is_particular: bool,
    /// Whether there are extended attributes.
    pub has_attributes: bool,
    /// Whether there are access control lists.
    pub has_lists: bool,
}

impl<'r> Facts<'r> {
    /// Reads the records. Of several records with the same key the last one applies.
    ///
    /// # Errors
    /// EBADMSG for a malformed record or number; EOVERFLOW for a time beyond 2^63 seconds;
    /// EOPNOTSUPP for a key that changes the meaning of the member and is not supported.
    pub fn read(records: &'r [u8]) -> Result<Facts<'r>> {
        let mut facts = Facts::default();
        for record in Records(records) {
            let (key, value) = record?;
            let given = Some(value).filter(|value| !value.is_empty());
            match key {
                b"uid" => facts.uid = count(value)?,
                b"gid" => facts.gid = count(value)?,
                b"mtime" => facts.mtime = given.map(time).transpose()?,
                _ => facts.particular(key, value, given)?,
            }
        }
        Ok(facts)
    }

    fn particular(
        &mut self,
        key: &'r [u8],
        value: &'r [u8],
        given: Option<&'r [u8]>,
    ) -> Result<()> {
        let is_known = match key {
            b"path" => {
                self.path = given;
                true
            }
            b"linkpath" => {
                self.link = given;
                true
            }
            b"size" => {
                self.size = count(value)?;
                true
            }
            // star's sparse format, and parts of files.
            b"SCHILY.realsize" | b"GNU.volume.offset" => return Err(Errno::EOPNOTSUPP),
            _ if key.starts_with(b"GNU.sparse.") => {
                match &key[b"GNU.sparse.".len()..] {
                    b"major" => self.sparse_version.0 = whole(value)?,
                    b"minor" => self.sparse_version.1 = whole(value)?,
                    b"name" => self.sparse_name = given,
                    b"size" | b"realsize" => self.sparse = Some(count(value)?),
                    _ => {
                        self.sparse.get_or_insert(None);
                    }
                }
                true
            }
            _ if attribute(key).is_some() => {
                self.has_attributes = true;
                true
            }
            _ => {
                let is_list = key.starts_with(b"SCHILY.acl.");
                self.has_lists |= is_list;
                is_list
            }
        };
        self.is_particular |= is_known;
        Ok(())
    }

    /// The properties of a global header, which apply to each following member without its own.
    ///
    /// # Errors
    /// EOPNOTSUPP for properties that two members cannot share.
    pub fn for_all(&self) -> Result<Facts<'static>> {
        let Facts { uid, gid, mtime, is_particular, .. } = *self;
        if is_particular {
            return Err(Errno::EOPNOTSUPP);
        }
        Ok(Facts { uid, gid, mtime, ..Facts::default() })
    }
}

/// An integer.
#[inline(never)]
pub fn whole(digits: &[u8]) -> Result<u64> {
    number(digits, 10).ok_or(Errno::EBADMSG)
}

/// An integer, or nothing.
#[inline(never)]
fn count(value: &[u8]) -> Result<Option<u64>> {
    if value.is_empty() { Ok(None) } else { whole(value).map(Some) }
}

/// Seconds with a decimal fraction, possibly negative; rounded down to nanoseconds.
fn time(text: &[u8]) -> Result<Time> {
    let (is_negative, text) = match text {
        [b'-', text @ ..] => (true, text),
        text => (false, text),
    };
    let mut parts = text.splitn(2, |b| *b == b'.');
    let whole = parts.next().unwrap_or_default();
    let fraction = parts.next().unwrap_or_default();
    if whole.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return Err(Errno::EBADMSG);
    }
    let seconds = number(whole, 10).and_then(|seconds| i64::try_from(seconds).ok());
    let seconds = seconds.ok_or(Errno::EOVERFLOW)?;
    let digit = |at: usize| u32::from(fraction.get(at).map_or(0, |digit| digit - b'0'));
    let nanos = (0..9).fold(0, |nanos, at| nanos * 10 + digit(at));
    if !is_negative {
        return Ok(Time { seconds, nanos });
    }
    let is_finer = fraction.iter().skip(9).any(|digit| *digit != b'0');
    Ok(match nanos + u32::from(is_finer) {
        0 => Time { seconds: -seconds, nanos: 0 },
        part => Time { seconds: -seconds - 1, nanos: 1_000_000_000 - part },
    })
}

/// Encoding of the value of an extended attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// None.
    Plain,
    /// Base64.
    Base64,
}

/// The name of the extended attribute for a key, with its `%` codes.
pub fn attribute(key: &[u8]) -> Option<(&[u8], Coding)> {
    let plain = key.strip_prefix(b"SCHILY.xattr.").map(|name| (name, Coding::Plain));
    plain.or_else(|| key.strip_prefix(b"LIBARCHIVE.xattr.").map(|name| (name, Coding::Base64)))
}

/// Decodes the name of an extended attribute into the buffer, NUL-terminated: `%3D` is "=" (GNU),
/// and libarchive encodes any byte this way.
pub fn attribute_name<'b>(
    coded: &[u8],
    coding: Coding,
    buffer: &'b mut [u8; 256],
) -> Result<&'b core::ffi::CStr> {
    let (mut from, mut to) = (0, 0);
    while from < coded.len() {
        let code = coded.get(from + 1..from + 3).filter(|_| coded[from] == b'%');
        let byte = code.and_then(|code| {
            number(&[code[0].to_ascii_lowercase(), code[1].to_ascii_lowercase()], 16)
        });
        let byte = byte.map(|byte| byte as u8);
        let byte = byte.filter(|byte| coding == Coding::Base64 || matches!(byte, b'=' | b'%'));
        from += if byte.is_some() { 3 } else { 1 };
        let byte = byte.unwrap_or(coded[from - 1]);
        // Leaves one byte for the NUL.
        *buffer[..255].get_mut(to).ok_or(Errno::ERANGE)? = byte;
        to += 1;
    }
    buffer[to] = 0;
    core::ffi::CStr::from_bytes_with_nul(&buffer[..=to]).map_err(|_| Errno::EBADMSG)
}

/// Decodes base64, with or without the final `=`, into the buffer; returns the decoded bytes.
pub fn base64<'b>(text: &[u8], buffer: &'b mut [u8]) -> Result<&'b [u8]> {
    let (mut bits, mut count, mut length) = (0u32, 0, 0);
    let end = text.iter().rposition(|b| *b != b'=').map_or(0, |at| at + 1);
    for digit in &text[..end] {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err(Errno::EBADMSG),
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            *buffer.get_mut(length).ok_or(Errno::E2BIG)? = (bits >> count) as u8;
            length += 1;
        }
    }
    Ok(&buffer[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a record with the correct length.
    pub fn record(key: &str, value: &[u8]) -> Vec<u8> {
        let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
        let length = (1..).find(|n| n - n.to_string().len() == rest.len()).unwrap();
        [length.to_string().as_bytes(), &rest].concat()
    }

    #[test]
    fn records_are_read() {
        let records =
            [record("path", b"a/b"), record("path", b"c\n=\n"), record("uid", b"2097152")];
        let facts = Facts {
            path: Some(b"c\n=\n"),
            uid: Some(2_097_152),
            is_particular: true,
            ..Facts::default()
        };
        assert_eq!(Facts::read(&records.concat()), Ok(facts));
        // An empty value resets the property.
        let records = [record("gid", b"7"), record("gid", b""), record("comment", b"")].concat();
        assert_eq!(Facts::read(&records), Ok(Facts::default()));
        for bad in [
            &b"11 path=a/b\n"[..],
            b"12 path=a/b ",
            b"12 path=a/b\n7",
            b"13 path=a/b\n",
            b"7 path\n",
            b"path=a/b\n",
            b"-1 path=a/b\n",
            b"99999999999999999999999999 path=a/b\n",
            b"8 uid=x\n",
            b"\0\0\0",
        ] {
            assert_eq!(Facts::read(bad), Err(Errno::EBADMSG), "{:?}", bad.escape_ascii());
        }
    }

    #[test]
    fn unsupported_keys_are_refused() {
        for key in ["SCHILY.realsize", "GNU.volume.offset"] {
            assert_eq!(Facts::read(&record(key, b"1")), Err(Errno::EOPNOTSUPP));
        }
        let facts = record("uid", b"5");
        let facts = Facts::read(&facts).unwrap();
        assert_eq!(facts.for_all(), Ok(Facts { uid: Some(5), ..Facts::default() }));
        for key in ["path", "size", "SCHILY.xattr.user.x", "GNU.sparse.map"] {
            let record = record(key, b"1");
            assert_eq!(Facts::read(&record).unwrap().for_all(), Err(Errno::EOPNOTSUPP), "{key}");
        }
    }

    #[test]
    fn times() {
        for (text, seconds, nanos) in [
            ("0", 0, 0),
            ("1.5", 1, 500_000_000),
            ("1.", 1, 0),
            ("-1", -1, 0),
            ("-1.25", -2, 750_000_000),
            ("-0.000000001", -1, 999_999_999),
            ("-0.0000000001", -1, 999_999_999),
            ("1.0000000019", 1, 1),
            ("8589934592.123456789", 1 << 33, 123_456_789),
            ("9223372036854775807", i64::MAX, 0),
        ] {
            assert_eq!(time(text.as_bytes()), Ok(Time { seconds, nanos }), "{text}");
        }
        for text in ["", "-", ".5", "1.x", "--1", "1e3", "+1", "1.5.5"] {
            assert_eq!(time(text.as_bytes()), Err(Errno::EBADMSG), "{text}");
        }
        assert_eq!(time(b"9223372036854775808"), Err(Errno::EOVERFLOW));
    }

    #[test]
    fn names_and_values_of_attributes() {
        let name = |coded: &[u8], coding| {
            attribute_name(coded, coding, &mut [0; 256]).map(|name| name.to_bytes().to_vec())
        };
        assert_eq!(name(b"user.a%3db%25%41", Coding::Plain), Ok(b"user.a=b%%41".to_vec()));
        assert_eq!(name(b"user.%41%", Coding::Base64), Ok(b"user.A%".to_vec()));
        assert_eq!(name(b"user.%00", Coding::Base64), Err(Errno::EBADMSG));
        assert_eq!(name(&[b'a'; 256], Coding::Plain), Err(Errno::ERANGE));
        assert!(name(&[b'a'; 255], Coding::Plain).is_ok());
        for (text, value) in
            [("", &b""[..]), ("AQ", b"\x01"), ("AQI=", b"\x01\x02"), ("aGkh", b"hi!")]
        {
            assert_eq!(base64(text.as_bytes(), &mut [0; 8]), Ok(value));
        }
        assert_eq!(base64(b"a b", &mut [0; 8]), Err(Errno::EBADMSG));
        assert_eq!(base64(b"aGkh", &mut [0; 2]), Err(Errno::E2BIG));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(records: Vec<u8>) {
            let _ = Facts::read(&records);
            let _ = (time(&records), base64(&records, &mut [0; 16]));
            let _ = attribute_name(&records, Coding::Base64, &mut [0; 256]);
        }

        #[test]
        fn any_records_are_read(
            records in proptest::collection::vec(
                ("(uid|mtime|path|size|GNU.sparse.(map|offset|major)|SCHILY.xattr.a)", "[-.0-9,]{0,9}"), 0..5),
            cut in 0usize..200,
        ) {
            let bytes: Vec<u8> = records.iter().flat_map(|(k, v)| record(k, v.as_bytes())).collect();
            assert_eq!(Records(&bytes).filter(Result::is_ok).count(), records.len());
            let _ = Facts::read(&bytes);
            let _ = Facts::read(&bytes[..cut.min(bytes.len())]);
        }
    }
}
