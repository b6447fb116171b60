//! JSON, written member by member.

use crate::text::Text;

/// An object being written.
pub struct Json {
    /// What there is of it.
    pub text: Text,
}

impl Json {
    /// Begins a member.
    pub fn key(&mut self, key: &str) -> &mut Text {
        if !self.text.bytes().ends_with(b"{") {
            self.text.str(",");
        }
        self.text.str("\"").str(key).str("\":")
    }

    /// A number; None is null.
    pub fn number(&mut self, key: &str, value: Option<u64>) {
        match value {
            Some(value) => self.key(key).number(value),
            None => self.key(key).str("null"),
        };
    }

    /// Error lines and lists: their bytes are printable already, and no backslash or quote is
    /// left alone.
    pub fn string(&mut self, key: &str, value: &[u8]) -> &mut Text {
        self.key(key).str("\"");
        for byte in value {
            if matches!(byte, b'"' | b'\\') {
                self.text.str("\\");
            }
            self.text.raw(&[*byte]);
        }
        self.text.str("\"")
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.text.str("}");
    }
}
