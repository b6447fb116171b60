//! Text for people, built without `core::fmt`, whose machinery would be a quarter of the binary.

use alloc::vec::Vec;
use core::ffi::CStr;

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

    fn digits(&mut self, mut number: u64, base: u64) -> &mut Text {
        let mut digits = [0; 24];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % base) as u8;
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
            for char in chunk.valid().chars() {
                match char {
                    '\n' => self.str("\\n"),
                    '\\' => self.str("\\\\"),
                    char if char.is_control() => self.escaped(char as u32 as u8),
                    char => self.str(char.encode_utf8(&mut [0; 4])),
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
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
        self.str("\\x").raw(&digits)
    }

    /// Takes back what was added after the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
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
