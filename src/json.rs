//! JSON, written member by member.

use crate::text::{Text, is_plain};

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

    /// A string.
    pub fn string(&mut self, key: &str, value: &[u8]) -> &mut Text {
        self.key(key);
        self.quote(value)
    }

    /// A string, under any name.
    pub fn member(&mut self, name: &[u8], value: &[u8]) {
        if !self.text.bytes().ends_with(b"{") {
            self.text.str(",");
        }
        self.quote(name).str(":");
        self.quote(value);
    }

    /// Any bytes: what is no UTF-8 shows as U+FFFD, and what would not show as itself as its number.
    pub fn quote(&mut self, value: &[u8]) -> &mut Text {
        self.text.str("\"");
        for chunk in value.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '"' | '\\' => self.text.str("\\").raw(&[character as u8]),
                    _ if is_plain(character) => self.text.str(character.encode_utf8(&mut [0; 4])),
                    // All of these have numbers of at most four digits.
                    _ => {
                        let number = character as u64;
                        self.text.str("\\u");
                        for least in [0x1000, 0x100, 0x10] {
                            self.text.str(if number < least { "0" } else { "" });
                        }
                        self.text.hex(number)
                    }
                };
            }
            if !chunk.invalid().is_empty() {
                self.text.str("\\ufffd");
            }
        }
        self.text.str("\"")
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.text.str("}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: &[u8]) -> String {
        let mut json = Json { text: Text::new() };
        json.text.str("{");
        json.string("key", value);
        json.end();
        String::from_utf8(json.text.bytes().to_vec()).unwrap()
    }

    #[test]
    fn strings() {
        assert_eq!(object(b"a \"b\" \\"), r#"{"key":"a \"b\" \\"}"#);
        assert_eq!(
            object("caf\u{e9}\n\u{9b}\u{202e}".as_bytes()),
            "{\"key\":\"caf\u{e9}\\u000a\\u009b\\u202e\"}"
        );
        assert_eq!(object(b"\xff\xfe"), r#"{"key":"\ufffd\ufffd"}"#);
    }

    proptest::proptest! {
        /// Whatever it is, it is JSON of plain text, and reads as what it was.
        #[test]
        fn any_bytes_make_valid_json(value: Vec<u8>) {
            let text = object(&value);
            assert!(text.chars().all(is_plain));
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(read["key"], String::from_utf8_lossy(&value).as_ref());
        }
    }
}
