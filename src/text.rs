//! Text output and number parsing without `core::fmt` and `str::parse`, which would be a tenth of
//! the binary.

use alloc::vec::Vec;
use core::ffi::CStr;

/// Parses an unsigned number in base 2 to 16. Digits only; None when it does not fit into a u64.
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

/// Decodes a path of mountinfo, where the kernel writes space, tab, newline and backslash as a
/// backslash and three octal digits (proc_pid_mountinfo(5)).
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

/// Whether a character is safe to print: no control character (C0, DEL, C1), no line or paragraph
/// separator, no bidirectional control (Unicode's Bidi_Control and the deprecated formats next to
/// it).
pub fn is_plain(character: char) -> bool {
    !matches!(
        character,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{206f}'
    )
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A growable text of bytes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Text(Vec<u8>);

impl Text {
    /// An empty text.
    pub const fn new() -> Text {
        Text(Vec::new())
    }

    /// Appends a string.
    pub fn str(&mut self, text: &str) -> &mut Text {
        self.raw(text.as_bytes())
    }

    /// Appends bytes.
    #[inline(never)] // The way of all text: once in the binary.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Text {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends a number in decimal.
    pub fn number(&mut self, number: u64) -> &mut Text {
        self.digits(number, 10)
    }

    /// Appends a number that may be negative in decimal.
    pub fn signed(&mut self, number: i64) -> &mut Text {
        self.str(if number < 0 { "-" } else { "" }).number(number.unsigned_abs())
    }

    /// Appends a number in octal with a leading 0, as file modes are written.
    pub fn octal(&mut self, number: u32) -> &mut Text {
        self.str("0").digits(number.into(), 8)
    }

    /// Appends a number in hexadecimal, as capability sets are written.
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

    /// Appends untrusted text. Escapes bytes that could end the line, control a terminal, reorder
    /// the text, or are not UTF-8; truncates very long text. Quotes empty text and text with
    /// spaces.
    pub fn quoted(&mut self, words: &[u8]) -> &mut Text {
        const LONGEST: usize = 120;
        let shown = &words[..words.len().min(LONGEST)];
        let quote = shown.is_empty() || shown.iter().any(|b| b.is_ascii_whitespace());
        if quote {
            self.str("'");
        }
        // Most text is plain ASCII and needs no escapes.
        if shown.iter().all(|b| matches!(b, b' '..=b'~') && *b != b'\\') {
            self.raw(shown);
        } else {
            self.escape(shown);
        }
        if shown.len() < words.len() {
            self.str("...");
        }
        if quote {
            self.str("'");
        }
        self
    }

    #[inline(never)] // Seldom needed.
    fn escape(&mut self, words: &[u8]) {
        for chunk in words.utf8_chunks() {
            for character in chunk.valid().chars() {
                let mut room = [0; 4];
                let bytes = character.encode_utf8(&mut room).as_bytes();
                match character {
                    '\n' => self.str("\\n"),
                    '\\' => self.str("\\\\"),
                    _ if is_plain(character) => self.raw(bytes),
                    _ => bytes.iter().fold(&mut *self, |text, byte| text.escaped(*byte)),
                };
            }
            for byte in chunk.invalid() {
                self.escaped(*byte);
            }
        }
    }

    /// [`Text::quoted`] for a C string.
    pub fn word(&mut self, word: &CStr) -> &mut Text {
        self.quoted(word.to_bytes())
    }

    fn escaped(&mut self, byte: u8) -> &mut Text {
        let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
        self.str("\\x").raw(&digits)
    }

    /// Truncates the text to `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Converts to a C string, up to the first NUL, that is never freed.
    pub fn leak(mut self) -> &'static CStr {
        self.0.push(0);
        CStr::from_bytes_until_nul(self.0.leak()).unwrap_or_default()
    }

    /// The bytes.
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
        // An 8-bit CSI; a bidirectional override; the separators.
        assert_eq!(quoted("\u{9b}2J".as_bytes()), "\\xc2\\x9b2J");
        assert_eq!(quoted("a\u{202e}b".as_bytes()), "a\\xe2\\x80\\xaeb");
        assert_eq!(quoted("\u{2028}".as_bytes()), "\\xe2\\x80\\xa8");
        // Neighbours of the characters that are escaped.
        let plain = "\u{a0}\u{bf}\u{61b}\u{200d}\u{2010}\u{2027}\u{202f}\u{2065}\u{2070}";
        assert_eq!(quoted(plain.as_bytes()), plain);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_quoted_as_one_line_of_plain_text(words: Vec<u8>) {
            assert!(quoted(&words).chars().all(is_plain));
        }

        #[test]
        fn any_text_is_quoted_as_one_line_of_plain_text(words in ".*[\u{80}-\u{9f}\u{61c}\u{200e}\u{2028}-\u{202e}\u{2066}-\u{206f}].*") {
            assert!(quoted(words.as_bytes()).chars().all(is_plain));
        }
    }
}
