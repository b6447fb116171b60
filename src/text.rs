//! Text for people, and numbers from it, without `core::fmt` and `str::parse`: their machinery
//! would be a tenth of the binary.

use alloc::vec::Vec;
use core::ffi::CStr;

/// Reads a whole number in a base of 2 to 16: digits and nothing else, no larger than a u64.
pub fn number(digits: &[u8], base: u64) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let mut number: u64 = 0;
    for digit in digits {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        let digit = Some(u64::from(digit)).filter(|digit| *digit < base)?;
        number = number.checked_mul(base)?.checked_add(digit)?;
    }
    Some(number)
}

/// The bytes of a path from the kernel's tables of mounts, where it writes space, tab, newline and
/// backslash as a backslash and three octal digits (proc_pid_mountinfo(5)).
pub fn unescaped(mut path: &[u8]) -> impl Iterator<Item = u8> {
    core::iter::from_fn(move || {
        let (byte, tail) = path.split_first()?;
        path = tail;
        let code = tail.get(..3).and_then(|digits| number(digits, 8));
        match code {
            Some(code) if *byte == b'\\' => {
                path = &tail[3..];
                Some(code as u8)
            }
            _ => Some(*byte),
        }
    })
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Bytes that grow piece by piece.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Text(Vec<u8>);

impl Text {
    /// Nothing yet.
    pub const fn new() -> Text {
        Text(Vec::new())
    }

    /// Adds text as it is.
    pub fn str(&mut self, text: &str) -> &mut Text {
        self.raw(text.as_bytes())
    }

    /// Adds bytes as they are.
    #[inline(never)] // The way of all text: once in the binary.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Text {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Adds a number in base ten.
    pub fn number(&mut self, number: u64) -> &mut Text {
        self.digits(number, 10)
    }

    /// Adds a number in base eight with a leading 0, as file modes are written.
    pub fn octal(&mut self, number: u32) -> &mut Text {
        self.str("0").digits(number.into(), 8)
    }

    /// Adds a number in base sixteen, as sets of capabilities are written.
    pub fn hex(&mut self, number: u64) -> &mut Text {
        self.digits(number, 16)
    }

    fn digits(&mut self, mut number: u64, base: u64) -> &mut Text {
        let mut digits = [0; 24];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = HEX[(number % base) as usize];
            number /= base;
            if number == 0 {
                return self.raw(&digits[at..]);
            }
        }
    }

    /// Adds somebody's words safely: what could end the line, steer a terminal or is no UTF-8 is
    /// written as an escape, and a very long text is cut. Empty text and text with spaces is
    /// quoted, so that it can be told from its surroundings.
    pub fn quoted(&mut self, words: &[u8]) -> &mut Text {
        const LONGEST: usize = 120;
        let shown = &words[..words.len().min(LONGEST)];
        let quote = shown.is_empty() || shown.iter().any(|b| b.is_ascii_whitespace());
        if quote {
            self.str("'");
        }
        for chunk in shown.utf8_chunks() {
            for byte in chunk.valid().bytes() {
                match byte {
                    b'\n' => self.str("\\n"),
                    b'\\' => self.str("\\\\"),
                    // 0xc2 begins the characters U+0080 to U+00BF, half of which are controls.
                    0..b' ' | 0x7f | 0xc2 => self.escaped(byte),
                    byte => self.raw(&[byte]),
                };
            }
            for byte in chunk.invalid() {
                self.escaped(*byte);
            }
        }
        if shown.len() < words.len() {
            self.str("...");
        }
        if quote {
            self.str("'");
        }
        self
    }

    /// [`Text::quoted`] of a C string.
    pub fn word(&mut self, word: &CStr) -> &mut Text {
        self.quoted(word.to_bytes())
    }

    fn escaped(&mut self, byte: u8) -> &mut Text {
        let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
        self.str("\\x").raw(&digits)
    }

    /// Takes back what was added after the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// The same for the kernel, up to the first NUL, for the life of the process.
    pub fn leak(mut self) -> &'static CStr {
        self.0.push(0);
        CStr::from_bytes_until_nul(self.0.leak()).unwrap_or_default()
    }

    /// What has been built.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(words: &[u8]) -> String {
        String::from_utf8(Text::new().quoted(words).bytes().to_vec()).unwrap()
    }

    #[test]
    fn numbers() {
        let mut text = Text::new();
        text.number(0).str(" ").number(u64::MAX).str(" ").octal(0o755);
        assert_eq!(text.bytes(), b"0 18446744073709551615 0755");
    }

    #[test]
    fn numbers_are_read() {
        assert_eq!(number(b"0", 10), Some(0));
        assert_eq!(number(b"18446744073709551615", 10), Some(u64::MAX));
        assert_eq!(number(b"18446744073709551616", 10), None);
        assert_eq!(number(b"ff", 16), Some(255));
        for bad in [&b""[..], b"-1", b"+1", b"1 ", b"f", b"0x1"] {
            assert_eq!(number(bad, 10), None);
        }
    }

    #[test]
    fn nothing_quoted_ends_the_line_or_steers_the_terminal() {
        assert_eq!(quoted(b"/bin/sh"), "/bin/sh");
        assert_eq!(quoted("/srv/caf\u{e9}".as_bytes()), "/srv/caf\u{e9}");
        assert_eq!(quoted(b""), "''");
        assert_eq!(quoted(b"a b"), "'a b'");
        assert_eq!(quoted(b"a\nb"), "'a\\nb'");
        assert_eq!(quoted(b"\x1b[2J"), "\\x1b[2J");
        assert_eq!(quoted(b"\xff\\"), "\\xff\\\\");
        assert!(quoted(&[b'a'; 100_000]).len() < 130);
    }
}
