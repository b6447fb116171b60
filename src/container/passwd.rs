//! The container's own /etc/passwd and /etc/group, read by the child when they are at last in
//! their place. Tolerant of bad lines, as getpwnam(3) is; works on the child's stack alone.

use crate::spec::Id;
use crate::sys::{Errno, Result, fs};
use crate::text;
use core::ffi::CStr;

/// A user's line.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// Room for `HOME=...`, filled in by [`user`].
pub struct Home {
    text: [u8; 512],
    looked_up: bool,
}

impl Home {
    /// Not looked up.
    pub fn new() -> Home {
        Home { text: [0; 512], looked_up: false }
    }

    /// The variable, when a user was looked up; one without a home gets `/`.
    pub fn variable(&self) -> Option<&CStr> {
        let text = CStr::from_bytes_until_nul(&self.text).ok()?;
        self.looked_up.then_some(text)
    }

    fn set(&mut self, directory: &[u8]) {
        const NAME: &[u8] = b"HOME=";
        let fits = NAME.len() + directory.len() < self.text.len();
        let directory = if fits && !directory.is_empty() { directory } else { b"/" };
        self.text = [0; 512];
        self.text[..NAME.len()].copy_from_slice(NAME);
        self.text[NAME.len()..][..directory.len()].copy_from_slice(directory);
        self.looked_up = true;
    }
}

/// Looks a user up in /etc/passwd, and notes its home; a missing file is an empty one.
pub fn user(wanted: Id, home: &mut Home) -> Result<Option<Entry>> {
    home.set(b"/");
    let mut found = None;
    each_line(c"/etc/passwd", &mut |line| {
        if let Some((entry, directory)) = match_user(line, wanted) {
            home.set(directory);
            found = Some(entry);
        }
        found.is_some()
    })?;
    Ok(found)
}

/// Looks a group up in /etc/group.
pub fn group(wanted: &[u8]) -> Result<Option<u32>> {
    let mut found = None;
    each_line(c"/etc/group", &mut |line| {
        found = match_group(line, wanted);
        found.is_some()
    })?;
    Ok(found)
}

/// passwd(5): `name:password:uid:gid:comment:home:shell`.
fn match_user<'l>(line: &'l [u8], wanted: Id) -> Option<(Entry, &'l [u8])> {
    let mut fields = line.split(|b| *b == b':');
    let name = fields.next()?;
    let uid = id(fields.nth(1)?)?;
    let gid = id(fields.next()?)?;
    let home = fields.nth(1).unwrap_or_default();
    let matches = match wanted {
        Id::Number(number) => number == uid,
        Id::Name(wanted) => wanted == name,
    };
    matches.then_some((Entry { uid, gid }, home))
}

/// group(5): `name:password:gid:members`.
fn match_group(line: &[u8], wanted: &[u8]) -> Option<u32> {
    let mut fields = line.split(|b| *b == b':');
    if fields.next()? != wanted {
        return None;
    }
    id(fields.nth(1)?)
}

fn id(text: &[u8]) -> Option<u32> {
    text::number(text, 10)?.try_into().ok()
}

/// Shows the lines of a file one by one until `done`; lines longer than the buffer are passed over.
fn each_line(path: &CStr, done: &mut dyn FnMut(&[u8]) -> bool) -> Result<()> {
    match fs::open(path, libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY, 0) {
        Ok(file) => each_line_of(|buffer| fs::read(&file, buffer), done),
        Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn each_line_of(
    mut read: impl FnMut(&mut [u8]) -> Result<usize>,
    done: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<()> {
    let mut buffer = [0u8; 2048];
    let mut filled = 0;
    let mut skipping = false;
    loop {
        let n = read(&mut buffer[filled..])?;
        filled += n;
        let mut start = 0;
        while let Some(length) = buffer[start..filled].iter().position(|b| *b == b'\n') {
            if !skipping && done(&buffer[start..start + length]) {
                return Ok(());
            }
            skipping = false;
            start += length + 1;
        }
        if n == 0 {
            if filled > start && !skipping {
                done(&buffer[start..filled]);
            }
            return Ok(());
        }
        if start == 0 && filled == buffer.len() {
            skipping = true;
            filled = 0;
        } else {
            buffer.copy_within(start..filled, 0);
            filled -= start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_users() {
        let line = b"www-data:x:33:34:www:/var/www:/usr/sbin/nologin";
        let entry = || Some((Entry { uid: 33, gid: 34 }, &b"/var/www"[..]));
        assert_eq!(match_user(line, Id::Name(b"www-data")), entry());
        assert_eq!(match_user(line, Id::Number(33)), entry());
        assert_eq!(match_user(line, Id::Name(b"www")), None);
        for bad in [&b""[..], b":", b"a:b", b"a:x:y:z", b"www-data:x:99999999999:1:::", b"\xff:::"]
        {
            assert_eq!(match_user(bad, Id::Name(b"www-data")), None);
        }
    }

    #[test]
    fn lines_of_groups() {
        assert_eq!(match_group(b"tape:x:26:me,you", b"tape"), Some(26));
        assert_eq!(match_group(b"tape:x:26", b"tap"), None);
        assert_eq!(match_group(b"tape", b"tape"), None);
    }

    #[test]
    fn a_user_without_a_home_gets_the_root() {
        let mut home = Home::new();
        assert_eq!(home.variable(), None);
        home.set(b"");
        assert_eq!(home.variable(), Some(c"HOME=/"));
        home.set(b"/root");
        assert_eq!(home.variable(), Some(c"HOME=/root"));
        home.set(&[b'x'; 600]);
        assert_eq!(home.variable(), Some(c"HOME=/"));
    }

    proptest::proptest! {
        /// However the file is read, each line shorter than the buffer comes once and whole.
        #[test]
        fn lines_come_whole(lines in proptest::collection::vec("[a-z]{0,3000}", 0..8), step in 1usize..3000) {
            let text = lines.join("\n").into_bytes();
            let mut rest = &text[..];
            let mut seen = Vec::new();
            each_line_of(
                |buffer| {
                    let n = rest.len().min(buffer.len()).min(step);
                    buffer[..n].copy_from_slice(&rest[..n]);
                    rest = &rest[n..];
                    Ok(n)
                },
                &mut |line| {
                    seen.push(String::from_utf8(line.to_vec()).unwrap());
                    false
                },
            ).unwrap();
            let mut expected: Vec<_> = text.split(|b| *b == b'\n')
                .map(|line| String::from_utf8(line.to_vec()).unwrap())
                .filter(|line| line.len() < 2048).collect();
            if text.last().is_none_or(|b| *b == b'\n') {
                expected.pop();
            }
            assert_eq!(seen, expected);
        }
    }
}
