//! Reads JSON (RFC 8259) that may be hostile.
//!
//! The parser makes a flat list of the values in the order of the text. Bytes, values and nesting are
//! limited, and the parser does not recurse. It decodes strings in place and replaces the closing
//! quote by a NUL byte, so all strings are borrowed from the buffer and can be passed to the kernel.
//!
//! A property that is missing, is `null` or has the wrong type reads as a default. The document keeps
//! the first mistake with its path. So code that reads hundreds of properties needs no error handling
//! and checks once at the end ([`Document::problem`]).
//!
//! Of members with the same name the last one applies, as in Go's encoding/json, which the engines
//! use. (Go merges two objects with the same name; here the last one replaces the first.) Names are
//! case-sensitive. The text must be UTF-8; a lone surrogate (`\ud800`) is an error. Numbers are
//! integers: a fraction or an exponent is a wrong type, as for Go's integers.

use crate::text::{Text, number};
use alloc::vec::Vec;
use core::cell::Cell;
use core::ffi::CStr;

/// Maximum size of a text in bytes.
pub const LONGEST: usize = 4 << 20;
/// Maximum number of values in a text.
const MOST_VALUES: usize = 1 << 17;
/// Maximum number of members of a map with free names.
const MOST_PAIRS: usize = 4096;
/// Maximum nesting of arrays and objects.
const DEEPEST: usize = 127;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    False,
    True,
    Number,
    String,
    Array,
    Object,
}

/// A range of the text: offset and length.
type Span = (u32, u32);

#[derive(Debug, Clone, Copy)]
struct Node {
    kind: Kind,
    /// Name, if this is a member of an object.
    name: Span,
    /// Text of a number or string.
    text: Span,
    /// Index of the enclosing array or object; the outermost value has its own.
    parent: u32,
    /// Index of the node after this one and its content.
    end: u32,
}

/// A syntax error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxError {
    /// Offset of the byte at which reading stopped.
    pub offset: usize,
    /// Description.
    pub cause: &'static str,
}

struct Reader<'t> {
    text: &'t mut [u8],
    at: usize,
    nodes: Vec<Node>,
}

type Read<T> = Result<T, &'static str>;

const UNEXPECTED: &str = "unexpected character or end";
const BAD_STRING: &str = "malformed string";
const BAD_NUMBER: &str = "malformed number";

impl Reader<'_> {
    /// The current byte; at the end 0, which never occurs in JSON.
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    /// The next byte after white space.
    fn next(&mut self) -> u8 {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.peek()
    }

    fn literal(&mut self, word: &str) -> Read<()> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(UNEXPECTED);
        }
        self.at += word.len();
        Ok(())
    }

    /// One or more digits.
    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(BAD_NUMBER) } else { Ok(()) }
    }

    fn number(&mut self) -> Read<Span> {
        let start = self.at;
        self.at += usize::from(self.peek() == b'-');
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), b'+' | b'-'));
            self.digits()?;
        }
        Ok((start as u32, (self.at - start) as u32))
    }

    /// A string, decoded in place: the decoded string is never longer than its source.
    fn string(&mut self) -> Read<Span> {
        self.literal("\"").map_err(|_| UNEXPECTED)?;
        let start = self.at;
        let mut end = start;
        loop {
            let byte = self.peek();
            let decoded = match byte {
                // Also the end of the text.
                0..b' ' => return Err(BAD_STRING),
                b'\\' => {
                    self.at += 1;
                    let letter = self.peek();
                    match letter {
                        b'"' | b'\\' | b'/' => letter,
                        b'b' => 8,
                        b'f' => 12,
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'u' => {
                            self.at += 1;
                            let mut utf8 = [0; 4];
                            for byte in self.character()?.encode_utf8(&mut utf8).bytes() {
                                self.text[end] = byte;
                                end += 1;
                            }
                            continue;
                        }
                        _ => return Err(BAD_STRING),
                    }
                }
                _ => byte,
            };
            self.at += 1;
            if byte == b'"' {
                self.text[end] = 0;
                return Ok((start as u32, (end - start) as u32));
            }
            self.text[end] = decoded;
            end += 1;
        }
    }

    /// Four hexadecimal digits after `\u`, and the second half of a surrogate pair.
    fn character(&mut self) -> Read<char> {
        let mut code = self.unit()?;
        if code & 0xfc00 == 0xd800 && self.literal("\\u").is_ok() {
            let low = self.unit()?;
            if low & 0xfc00 != 0xdc00 {
                return Err(BAD_STRING);
            }
            code = 0x10000 + ((code & 0x3ff) << 10 | low & 0x3ff);
        }
        char::from_u32(code).ok_or(BAD_STRING)
    }

    fn unit(&mut self) -> Read<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = char::from(self.peek()).to_digit(16).ok_or(BAD_STRING)?;
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn read(&mut self) -> Read<()> {
        if self.text.len() > LONGEST {
            return Err("longer than 4 MiB");
        }
        if let Err(error) = core::str::from_utf8(self.text) {
            self.at = error.valid_up_to();
            return Err("not UTF-8");
        }
        // The innermost open array or object.
        let mut parent = 0;
        let mut depth = 0;
        loop {
            // A value, or the end of an empty array or object.
            let index = self.nodes.len();
            if index == MOST_VALUES {
                return Err("more than 131072 values");
            }
            let mut name = (0, 0);
            self.next();
            if depth > 0 && self.nodes[parent].kind == Kind::Object {
                name = self.string()?;
                self.next();
                self.literal(":")?;
            }
            let mut text = (0, 0);
            let kind = match self.next() {
                b'"' => {
                    text = self.string()?;
                    Kind::String
                }
                b'-' | b'0'..=b'9' => {
                    text = self.number()?;
                    Kind::Number
                }
                b'[' => Kind::Array,
                b'{' => Kind::Object,
                b't' => {
                    self.literal("true")?;
                    Kind::True
                }
                b'f' => {
                    self.literal("false")?;
                    Kind::False
                }
                _ => {
                    self.literal("null")?;
                    Kind::Null
                }
            };
            let end = index as u32 + 1;
            self.nodes.push(Node { kind, name, text, parent: parent as u32, end });
            if matches!(kind, Kind::Array | Kind::Object) {
                self.at += 1;
                depth += 1;
                if depth > DEEPEST {
                    return Err("nested more than 127 deep");
                }
                parent = index;
                if !matches!(self.next(), b']' | b'}') {
                    continue;
                }
            }
            // Handles what follows a value.
            loop {
                let next = self.next();
                if depth == 0 {
                    return if self.at == self.text.len() { Ok(()) } else { Err(UNEXPECTED) };
                }
                self.at += 1;
                match (next, self.nodes[parent].kind) {
                    (b',', _) => break,
                    (b']', Kind::Array) | (b'}', Kind::Object) => {
                        self.nodes[parent].end = self.nodes.len() as u32;
                        parent = self.nodes[parent].parent as usize;
                        depth -= 1;
                    }
                    _ => {
                        self.at -= 1;
                        return Err(UNEXPECTED);
                    }
                }
            }
        }
    }
}

/// A parsed text.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a [u8],
    nodes: Vec<Node>,
    problem: Cell<Option<Problem>>,
}

/// A mistake: a property with a wrong value.
#[derive(Debug, Clone, Copy)]
struct Problem {
    /// Index of the value, or of the object in which a property is missing.
    at: usize,
    /// Name of the property; empty for the value itself.
    name: &'static str,
    cause: &'static str,
}

impl<'a> Document<'a> {
    /// Parses a text. The text is modified: strings are decoded in place.
    pub fn read(text: &'a mut [u8]) -> Result<Document<'a>, SyntaxError> {
        let mut reader = Reader { text, at: 0, nodes: Vec::new() };
        match reader.read() {
            Ok(()) => {
                Ok(Document { nodes: reader.nodes, text: reader.text, problem: Cell::new(None) })
            }
            Err(cause) => Err(SyntaxError { offset: reader.at, cause }),
        }
    }

    /// The outermost value.
    pub fn root(&self) -> Value<'_, 'a> {
        Value { document: self, at: 0 }
    }

    fn text(&self, (start, len): Span) -> &'a CStr {
        let text = self.text.get(start as usize..=(start + len) as usize);
        // The string ends with a NUL byte; an earlier NUL byte truncates it. Callers that hand out
        // strings compare the length.
        text.and_then(|text| CStr::from_bytes_until_nul(text).ok()).unwrap_or_default()
    }

    /// The first mistake: path of the property (`linux.resources.devices[2].type`) and description.
    pub fn problem(&self) -> Option<(Text, &'static str)> {
        let problem = self.problem.get()?;
        let mut path = Text::new();
        self.path(problem.at, &mut path);
        if !problem.name.is_empty() {
            join(&mut path, problem.name.as_bytes());
        }
        Some((path, problem.cause))
    }

    /// Appends the names that lead to a value. Recurses no deeper than the nesting of the text.
    fn path(&self, at: usize, path: &mut Text) {
        let Some(node) = self.nodes.get(at).filter(|_| at != 0) else { return };
        let parent = node.parent as usize;
        self.path(parent, path);
        if self.nodes[parent].kind == Kind::Object {
            join(path, self.text(node.name).to_bytes());
        } else {
            let (mut index, mut sibling) = (0, parent + 1);
            while sibling < at {
                index += 1;
                sibling = self.nodes[sibling].end as usize;
            }
            path.str("[").number(index).str("]");
        }
    }
}

/// Appends a name to a path.
fn join(path: &mut Text, name: &[u8]) {
    if !path.bytes().is_empty() {
        path.str(".");
    }
    path.raw(name);
}

/// A value of a document, or a missing one.
#[derive(Debug, Clone, Copy)]
pub struct Value<'d, 'a> {
    document: &'d Document<'a>,
    at: usize,
}

/// Index of a missing value.
const NOWHERE: usize = usize::MAX;

impl<'d, 'a> Value<'d, 'a> {
    /// The node, unless the value is missing or `null`.
    fn node(self) -> Option<&'d Node> {
        self.document.nodes.get(self.at).filter(|node| node.kind != Kind::Null)
    }

    /// Whether the value is an object.
    pub fn is_object(self) -> bool {
        self.node().is_some_and(|node| node.kind == Kind::Object)
    }

    /// Whether the value exists and is not `null`.
    pub fn exists(self) -> bool {
        self.node().is_some()
    }

    /// Reports a mistake in this value. Only the first report is kept.
    pub fn wrong(self, cause: &'static str) {
        self.wrong_in("", cause);
    }

    /// Reports a mistake in a property of this value. Only the first report is kept.
    #[inline(never)]
    pub fn wrong_in(self, name: &'static str, cause: &'static str) {
        let problem = &self.document.problem;
        if problem.get().is_none() {
            problem.set(Some(Problem { at: self.at, name, cause }));
        }
    }

    /// The node, if it has this type; another type is a mistake.
    #[inline(never)]
    fn of_kind(self, kind: Kind, cause: &'static str) -> Option<&'d Node> {
        let node = self.node()?;
        if node.kind != kind {
            self.wrong(cause);
            return None;
        }
        Some(node)
    }

    /// The values in an array or object.
    fn children(self, kind: Kind, cause: &'static str) -> Children<'d, 'a> {
        let end = self.of_kind(kind, cause).map_or(0, |node| node.end as usize);
        Children { document: self.document, at: self.at.wrapping_add(1), end }
    }

    /// The members of an object.
    fn members(self) -> Children<'d, 'a> {
        self.children(Kind::Object, "not an object")
    }

    /// A property of an object.
    #[inline(never)]
    pub fn get(self, name: &str) -> Value<'d, 'a> {
        let mut found = Value { document: self.document, at: NOWHERE };
        for member in self.members() {
            if member.member_name().is_some_and(|known| known.to_bytes() == name.as_bytes()) {
                found = member;
            }
        }
        found
    }

    /// A required property of an object.
    #[inline(never)]
    pub fn need(self, name: &'static str) -> Value<'d, 'a> {
        let property = self.get(name);
        if !property.exists() {
            self.wrong_in(name, "missing");
        }
        property
    }

    /// The name of a member; None if it contains a NUL byte.
    fn member_name(self) -> Option<&'a CStr> {
        let span = self.document.nodes.get(self.at)?.name;
        Some(self.document.text(span)).filter(|name| name.count_bytes() == span.1 as usize)
    }

    /// The values of an array.
    #[inline(never)]
    pub fn list(self) -> Children<'d, 'a> {
        self.children(Kind::Array, "not an array")
    }

    /// A string. A NUL byte in it is a mistake: the kernel would see only a part of the string.
    #[inline(never)]
    pub fn string(self) -> Option<&'a CStr> {
        let span = self.of_kind(Kind::String, "not a string")?.text;
        let string = self.document.text(span);
        if string.count_bytes() != span.1 as usize {
            self.wrong("has a NUL byte");
            return None;
        }
        Some(string)
    }

    /// A boolean.
    #[inline(never)]
    pub fn boolean(self) -> Option<bool> {
        if matches!(self.node()?.kind, Kind::False) {
            return Some(false);
        }
        self.of_kind(Kind::True, "not a boolean").map(|_| true)
    }

    /// A number from 0 to `largest`.
    #[inline(never)]
    pub fn unsigned(self, largest: u64) -> Option<u64> {
        let (negative, number) = self.integer()?;
        if number > largest || negative && number != 0 {
            self.wrong("out of range");
            return None;
        }
        Some(number)
    }

    /// A 32-bit number.
    pub fn u32(self) -> Option<u32> {
        self.unsigned(u32::MAX.into()).map(|number| number as u32)
    }

    /// A 64-bit number.
    pub fn u64(self) -> Option<u64> {
        self.unsigned(u64::MAX)
    }

    /// A signed number.
    #[inline(never)]
    pub fn i64(self) -> Option<i64> {
        let (negative, number) = self.integer()?;
        let signed =
            if negative { 0i64.checked_sub_unsigned(number) } else { number.try_into().ok() };
        if signed.is_none() {
            self.wrong("out of range");
        }
        signed
    }

    /// Sign (true: negative) and absolute value of a number.
    fn integer(self) -> Option<(bool, u64)> {
        let (start, len) = self.of_kind(Kind::Number, "not a number")?.text;
        let text = self.document.text.get(start as usize..(start + len) as usize)?;
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        let Some(number) = number(digits, 10) else {
            let whole = digits.iter().all(u8::is_ascii_digit);
            self.wrong(if whole { "out of range" } else { "not a whole number" });
            return None;
        };
        Some((digits.len() < text.len(), number))
    }

    /// An array of strings; None when the array is missing.
    #[inline(never)]
    pub fn strings(self) -> Vec<&'a CStr> {
        let string = |value: Self| {
            if !value.exists() {
                value.wrong("missing");
            }
            value.string()
        };
        self.list().filter_map(string).collect()
    }

    /// The members of a map with free names; of members with the same name the last one.
    #[inline(never)]
    pub fn pairs(self) -> Vec<(&'a CStr, Value<'d, 'a>)> {
        let mut pairs: Vec<(&'a CStr, Value<'d, 'a>)> = Vec::new();
        for member in self.members() {
            let Some(name) = member.member_name() else {
                member.wrong("its name has a NUL byte");
                break;
            };
            if let Some(pair) = pairs.iter_mut().find(|(known, _)| *known == name) {
                pair.1 = member;
                continue;
            }
            // Each name is compared with all before it, so their number is limited.
            if pairs.len() == MOST_PAIRS {
                self.wrong("has more than 4096 members");
                break;
            }
            pairs.push((name, member));
        }
        pairs
    }

    /// Index of a string in a list of names separated by spaces, after a common prefix. Another
    /// string is a mistake.
    #[inline(never)]
    pub fn word_of(self, prefix: &str, words: &str) -> Option<usize> {
        let word = self.string()?.to_bytes().strip_prefix(prefix.as_bytes());
        // Two spaces mark a number without a name.
        let word = word.filter(|word| !word.is_empty());
        let position =
            word.and_then(|word| words.split(' ').position(|known| known.as_bytes() == word));
        if position.is_none() {
            self.wrong("unknown");
        }
        position
    }
}

/// The values in an array or an object.
#[derive(Debug, Clone)]
pub struct Children<'d, 'a> {
    document: &'d Document<'a>,
    at: usize,
    end: usize,
}

impl<'d, 'a> Iterator for Children<'d, 'a> {
    type Item = Value<'d, 'a>;

    fn next(&mut self) -> Option<Value<'d, 'a>> {
        if self.at >= self.end {
            return None;
        }
        let value = Value { document: self.document, at: self.at };
        self.at = self.document.nodes.get(self.at)?.end as usize;
        Some(value)
    }
}

#[cfg(test)]
mod tests;
