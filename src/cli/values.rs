//! Checks of option values.

use super::EnvEdit;
use crate::error::{Error, Result};
use crate::spec::{Id, Namespace, User};
use crate::text::number;
use core::ffi::CStr;

fn bad(option: &str, value: &[u8], cause: &str) -> Error {
    Error::new("option").object(option.as_bytes()).object(value).cause(cause)
}

/// A value that must not be empty.
pub fn not_empty<'a>(option: &str, value: &'a CStr, to: &mut Option<&'a CStr>) -> Result<()> {
    if value.is_empty() {
        return Err(bad(option, b"", "must not be empty"));
    }
    *to = Some(value);
    Ok(())
}

/// `none` or `host`.
pub fn network(value: &CStr) -> Result<Namespace> {
    match value.to_bytes() {
        b"none" => Ok(Namespace::New),
        b"host" => Ok(Namespace::Host),
        other => Err(bad("--network", other, "unknown").hint("none or host")),
    }
}

/// `host`.
pub fn namespace(option: &str, value: &CStr) -> Result<Namespace> {
    match value.to_bytes() {
        b"host" => Ok(Namespace::Host),
        other => Err(bad(option, other, "unknown").hint("host, or leave the option out")),
    }
}

/// A host name the kernel and programs accept: at most 64 bytes (uname(2)) of letters, digits,
/// `-`, `_` and `.`, the first one a letter or digit.
pub fn hostname<'a>(option: &str, value: &'a CStr) -> Result<&'a CStr> {
    let bytes = value.to_bytes();
    if bytes.is_empty() || bytes.len() > 64 {
        return Err(bad(option, bytes, "must have 1 to 64 characters"));
    }
    check_name(option, bytes)?;
    Ok(value)
}

/// A container's name: it may become its host name, so the same rule.
pub fn name(value: &CStr) -> Result<&CStr> {
    hostname("--name", value)
}

fn check_name(option: &str, bytes: &[u8]) -> Result<()> {
    let good = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !bytes.iter().all(good) || !bytes[0].is_ascii_alphanumeric() {
        let rule = "letters, digits, - _ and . only, beginning with a letter or digit";
        return Err(bad(option, bytes, "invalid name").hint(rule));
    }
    Ok(())
}

/// `KEY=VALUE` or `KEY`.
pub fn env_edit(value: &CStr) -> Result<EnvEdit<'_>> {
    let bytes = value.to_bytes();
    match bytes.iter().position(|b| *b == b'=') {
        Some(0) => Err(bad("--env", bytes, "has no name before =").hint("KEY=VALUE or KEY")),
        None if bytes.is_empty() => {
            Err(bad("--env", bytes, "must not be empty").hint("KEY=VALUE or KEY"))
        }
        Some(_) => Ok(EnvEdit::Set(value)),
        None => Ok(EnvEdit::Take(value)),
    }
}

/// `USER[:GROUP]`.
pub fn user(value: &CStr) -> Result<User<'_>> {
    let bytes = value.to_bytes();
    let mut parts = bytes.splitn(2, |b| *b == b':');
    let uid = id(bytes, parts.next().unwrap_or_default())?;
    let gid = parts.next().map(|group| id(bytes, group)).transpose()?;
    Ok(User { uid, gid })
}

/// A number, or a name if it is none. The highest number stands for "no change" in the kernel's
/// calls (setresuid(2)), so it is nobody's.
fn id<'a>(whole: &[u8], text: &'a [u8]) -> Result<Id<'a>> {
    if text.is_empty() {
        return Err(bad("--user", whole, "has an empty part").hint("USER[:GROUP]"));
    }
    if !text.iter().all(u8::is_ascii_digit) {
        return Ok(Id::Name(text));
    }
    match number(text, 10) {
        Some(number) if number < u64::from(u32::MAX) => Ok(Id::Number(number as u32)),
        _ => Err(bad("--user", whole, "out of range").hint("0 to 4294967294")),
    }
}
