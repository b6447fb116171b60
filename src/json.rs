//! JSON output.

use crate::text::{Text, is_plain};

/// An object that is being written.
pub struct Json {
    /// The text so far.
    pub text: Text,
}

impl Json {
    /// Starts a member.
    pub fn key(&mut self, key: &str) -> &mut Text {
        if !self.text.bytes().ends_with(b"{") {
            self.text.str(",");
        }
        self.text.str("\"").str(key).str("\":")
    }

    /// Writes a number; None is null.
    pub fn number(&mut self, key: &str, value: Option<u64>) {
        match value {
            Some(value) => self.key(key).number(value),
            None => self.key(key).str("null"),
        };
    }

    /// Writes a string.
    pub fn string(&mut self, key: &str, value: &[u8]) -> &mut Text {
        self.key(key);
        self.quote(value)
    }

    /// Writes a string under a name that needs escapes.
    pub fn member(&mut self, name: &[u8], value: &[u8]) {
        if !self.text.bytes().ends_with(b"{") {
            self.text.str(",");
        }
        self.quote(name).str(":");
        self.quote(value);
    }

    /// Writes any bytes as a JSON string: invalid UTF-8 becomes U+FFFD, unsafe characters are
    /// escaped.
    pub fn quote(&mut self, value: &[u8]) -> &mut Text {
        self.text.str("\"");
        for chunk in value.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '"' | '\\' => self.text.str("\\").raw(&[character as u8]),
                    _ if is_plain(character) => self.text.str(character.encode_utf8(&mut [0; 4])),
                    // These characters have numbers of at most four hexadecimal digits.
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

    /// Ends the object.
    pub fn end(&mut self) {
        self.text.str("}");
    }
}

/// The same JSON with a line for each member, as runc prints it: tools look for `"id": "`.
pub fn indented(json: &[u8]) -> Text {
    let mut text = Text::new();
    let (mut depth, mut in_string, mut escaped, mut previous) = (0, false, false, 0);
    let line = |text: &mut Text, depth| {
        text.str("\n");
        (0..depth).for_each(|_| {
            text.str("  ");
        });
    };
    for &byte in json {
        if !in_string {
            let closes = matches!(byte, b'}' | b']');
            if closes {
                depth -= 1;
            }
            let after_open = matches!(previous, b'{' | b'[');
            if closes != after_open && (closes || after_open) || previous == b',' {
                line(&mut text, depth);
            }
            if matches!(byte, b'{' | b'[') {
                depth += 1;
            }
        }
        text.raw(&[byte]);
        if !in_string && byte == b':' {
            text.str(" ");
        }
        match byte {
            b'"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && byte == b'\\' && !escaped;
        previous = if in_string { 0 } else { byte };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let text =
            |json: &str| String::from_utf8(indented(json.as_bytes()).bytes().to_vec()).unwrap();
        assert_eq!(
            text(r#"{"a":"x","b":{"c,\"{":1},"d":{},"e":[1,2]}"#),
            "{
  \"a\": \"x\",
  \"b\": {
    \"c,\\\"{\": 1
  },
  \"d\": {},
  \"e\": [
    1,
    2
  ]
}"
        );
    }

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
        /// Any bytes give valid JSON in plain text, and decode to the same bytes.
        #[test]
        fn any_bytes_make_valid_json(value: Vec<u8>) {
            let text = object(&value);
            assert!(text.chars().all(is_plain));
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(read["key"], String::from_utf8_lossy(&value).as_ref());
            let lines = indented(text.as_bytes());
            assert_eq!(serde_json::from_slice::<serde_json::Value>(lines.bytes()).unwrap(), read);
        }
    }
}
