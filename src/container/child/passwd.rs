//! Reads the container's /etc/passwd and /etc/group, after the switch to its root. Ignores
//! malformed lines, as getpwnam(3) does. Works on the child's stack alone.

use super::resolve::{self, Make};
use crate::spec::Id;
use crate::sys::{Errno, Result, fs};
use crate::text;
use core::ffi::CStr;

/// User and group of a passwd line.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// Maximum number of supplementary groups that mini sets.
pub const GROUPS: usize = 64;

/// Name and home of the user.
pub struct Account {
    /// `HOME=...`
    home: [u8; 512],
    name: [u8; 256],
    looked_up: bool,
}

impl Account {
    /// An account without a looked-up user.
    pub fn new() -> Account {
        Account { home: [0; 512], name: [0; 256], looked_up: false }
    }

    /// The variable HOME, when a user was looked up; `/` without a home directory.
    pub fn variable(&self) -> Option<&CStr> {
        let text = CStr::from_bytes_until_nul(&self.home).ok()?;
        self.looked_up.then_some(text)
    }

    /// Discards HOME.
    pub fn forget_home(&mut self) {
        self.looked_up = false;
    }

    /// The user's name; empty when the user has no line.
    pub fn name(&self) -> &[u8] {
        self.name.split(|b| *b == 0).next().unwrap_or_default()
    }

    fn set(&mut self, name: &[u8], directory: &[u8]) {
        const HOME: &[u8] = b"HOME=";
        let fits = HOME.len() + directory.len() < self.home.len();
        let directory = if fits && !directory.is_empty() { directory } else { b"/" };
        self.home = [0; 512];
        self.home[..HOME.len()].copy_from_slice(HOME);
        self.home[HOME.len()..][..directory.len()].copy_from_slice(directory);
        self.name = [0; 256];
        if name.len() < self.name.len() {
            self.name[..name.len()].copy_from_slice(name);
        }
        self.looked_up = true;
    }
}

/// Looks a user up in /etc/passwd. A missing file counts as empty.
pub fn user(wanted: Id, account: &mut Account) -> Result<Option<Entry>> {
    account.set(b"", b"/");
    let mut found = None;
    each_line(c"/etc/passwd", &mut |line| {
        if let Some((entry, name, directory)) = match_user(line, wanted) {
            account.set(name, directory);
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

/// Adds the groups in /etc/group that have `member`. EMSGSIZE when there are more than GROUPS.
pub fn groups_of(member: &[u8], list: &mut SupplementaryGroups) -> Result<()> {
    let mut result = Ok(());
    each_line(c"/etc/group", &mut |line| {
        if let Some(gid) = match_member(line, member) {
            result = list.add(gid);
        }
        result.is_err()
    })?;
    result
}

/// A list of supplementary groups on the stack.
pub struct SupplementaryGroups {
    gids: [u32; GROUPS],
    length: usize,
}

impl SupplementaryGroups {
    /// An empty list.
    pub fn new() -> SupplementaryGroups {
        SupplementaryGroups { gids: [0; GROUPS], length: 0 }
    }

    /// Adds a group, if it is not in the list.
    pub fn add(&mut self, gid: u32) -> Result<()> {
        if !self.list().contains(&gid) {
            *self.gids.get_mut(self.length).ok_or(Errno::EMSGSIZE)? = gid;
            self.length += 1;
        }
        Ok(())
    }

    /// The groups.
    pub fn list(&self) -> &[u32] {
        &self.gids[..self.length]
    }
}

/// passwd(5): `name:password:uid:gid:comment:home:shell`.
fn match_user<'l>(line: &'l [u8], wanted: Id) -> Option<(Entry, &'l [u8], &'l [u8])> {
    let mut fields = line.split(|b| *b == b':');
    let name = fields.next()?;
    let uid = id(fields.nth(1)?)?;
    let gid = id(fields.next()?)?;
    let home = fields.nth(1).unwrap_or_default();
    let matches = match wanted {
        Id::Number(number) => number == uid,
        Id::Name(wanted) => wanted == name,
    };
    matches.then_some((Entry { uid, gid }, name, home))
}

/// group(5): `name:password:gid:members`.
fn match_group(line: &[u8], wanted: &[u8]) -> Option<u32> {
    let mut fields = line.split(|b| *b == b':');
    if fields.next()? != wanted {
        return None;
    }
    id(fields.nth(1)?)
}

fn match_member(line: &[u8], member: &[u8]) -> Option<u32> {
    let mut fields = line.split(|b| *b == b':').skip(2);
    let gid = id(fields.next()?)?;
    let mut members = fields.next()?.split(|b| *b == b',');
    members.any(|name| name == member).then_some(gid)
}

fn id(text: &[u8]) -> Option<u32> {
    text::number(text, 10)?.try_into().ok()
}

/// Maximum number of bytes read of a file.
const LONGEST_FILE: usize = 16 << 20;

/// Calls `done` with each line until it returns true. Skips lines that are longer than the buffer.
/// EMEDIUMTYPE when the path is not a regular file, EFBIG when the file is too long.
fn each_line(path: &CStr, done: &mut dyn FnMut(&[u8]) -> bool) -> Result<()> {
    match resolve::open(path, Make::Read) {
        Ok(file) if !fs::is_regular(&file)? => Err(Errno::EMEDIUMTYPE),
        Ok(file) => each_line_of(bounded(|buffer| fs::read(&file, buffer), LONGEST_FILE), done),
        Err(Errno::ENOENT) => Ok(()),
        // A magic link of /proc, or too many symbolic links.
        Err(Errno::ELOOP) => Err(Errno::EMEDIUMTYPE),
        Err(errno) => Err(errno),
    }
}

/// Reads at most LONGEST_FILE bytes.
fn bounded(
    mut read: impl FnMut(&mut [u8]) -> Result<usize>,
    mut left: usize,
) -> impl FnMut(&mut [u8]) -> Result<usize> {
    move |buffer| {
        let n = read(buffer)?;
        left = left.checked_sub(n).ok_or(Errno::EFBIG)?;
        Ok(n)
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
        let entry = || Some((Entry { uid: 33, gid: 34 }, &b"www-data"[..], &b"/var/www"[..]));
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
        assert_eq!(match_member(b"tape:x:26:me,you", b"you"), Some(26));
        assert_eq!(match_member(b"tape:x:26:me,you", b"yo"), None);
        assert_eq!(match_member(b"tape:x:26", b"me"), None);
    }

    #[test]
    fn a_user_without_a_home_gets_the_root() {
        let mut account = Account::new();
        assert_eq!(account.variable(), None);
        account.set(b"joe", b"");
        assert_eq!(account.variable(), Some(c"HOME=/"));
        assert_eq!(account.name(), b"joe");
        account.set(b"", b"/root");
        assert_eq!(account.variable(), Some(c"HOME=/root"));
        account.set(&[b'x'; 600], &[b'x'; 600]);
        assert_eq!(account.variable(), Some(c"HOME=/"));
        assert_eq!(account.name(), b"");
    }

    #[test]
    fn a_file_without_an_end_is_given_up() {
        let endless = |byte: u8| {
            let read = |buffer: &mut [u8]| {
                buffer.fill(byte);
                Ok(buffer.len())
            };
            each_line_of(bounded(read, 1 << 20), &mut |_| false)
        };
        assert_eq!(endless(0), Err(Errno::EFBIG));
        assert_eq!(endless(b'\n'), Err(Errno::EFBIG));
    }

    proptest::proptest! {
        /// Whatever the sizes of the reads, each line shorter than the buffer comes once and
        /// complete.
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
