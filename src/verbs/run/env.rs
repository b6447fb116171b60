//! Environment variables: edits by options and by environment files.

use crate::cli::EnvEdit;
use crate::error::{Error, Result};
use crate::sys::fs;
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;

/// The longest environment file that is read, in bytes.
const ENV_FILE_LIMIT: usize = 1 << 20;

/// Applies one edit of the environment.
pub fn apply<'a>(edit: EnvEdit<'a>, env: &mut Variables<'a>, environ: &[&'a CStr]) -> Result<()> {
    match edit {
        EnvEdit::Set(word) => env.set(word),
        EnvEdit::Take(name) => {
            if let Some(word) = environ.iter().find(|word| key(word.to_bytes()) == name.to_bytes())
            {
                env.set(word);
            }
        }
        EnvEdit::File(path) => {
            let content = fs::read_file(path, ENV_FILE_LIMIT)
                .map_err(|errno| Error::new("read").object(path.to_bytes()).errno(errno))?;
            for word in env_file(path, &content, &mut Variables::new(environ.to_vec()))? {
                env.set(word);
            }
        }
    }
    Ok(())
}

/// The variables of an environment file, as Docker reads it: `KEY=VALUE` or `KEY` a line, which may end
/// with a carriage return, too; values are taken to the letter. A byte order mark and what is blank before
/// a name count for nothing; blank lines and lines that begin with # are passed over.
fn env_file(path: &CStr, content: &[u8], environ: &mut Variables) -> Result<Vec<&'static CStr>> {
    let mut words = Vec::new();
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    for (number, line) in (1u32..).zip(content.split(|b| *b == b'\n')) {
        let bad = |cause| {
            Err(Error::new("environment file").object(path.to_bytes()).cause(cause).number(number))
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_start();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        match key(line) {
            b"" => return bad("no name before = in line"),
            name if name.iter().any(|b| b.is_ascii_whitespace()) => {
                return bad("a name with blanks in line");
            }
            _ => {}
        }
        let line = match line.contains(&b'=') {
            true => line,
            false => match environ.find(line) {
                Some(at) => environ.words[at].to_bytes(),
                None => continue,
            },
        };
        if line.contains(&0) {
            return bad("a NUL byte in line");
        }
        let mut word = Text::new();
        word.raw(line);
        words.push(word.leak());
    }
    Ok(words)
}

/// The name in `KEY=VALUE`.
pub fn key(word: &[u8]) -> &[u8] {
    word.split(|b| *b == b'=').next().unwrap_or_default()
}

/// The value of a variable.
pub fn value_of<'e>(name: &[u8], env: &'e [&CStr]) -> Option<&'e [u8]> {
    let word = env.iter().find(|word| key(word.to_bytes()) == name)?;
    word.to_bytes().get(name.len() + 1..)
}

/// Variables that are found by their names, however many there are.
pub struct Variables<'a> {
    /// The variables, `KEY=VALUE`.
    pub words: Vec<&'a CStr>,
    /// A hash table: the place of a word and one, or 0. Made when there are many.
    slots: Vec<u32>,
}

impl<'a> Variables<'a> {
    /// Begins with these variables.
    pub fn new(words: Vec<&'a CStr>) -> Variables<'a> {
        Variables { words, slots: Vec::new() }
    }

    /// Sets a variable: the last word for a key counts.
    pub fn set(&mut self, word: &'a CStr) {
        match self.find(key(word.to_bytes())) {
            Some(at) => self.words[at] = word,
            None => {
                self.words.push(word);
                if !self.slots.is_empty() {
                    self.note(self.words.len() - 1);
                }
            }
        }
    }

    fn find(&mut self, name: &[u8]) -> Option<usize> {
        const FEW: usize = 32;
        if self.words.len() <= FEW {
            return self.words.iter().position(|word| key(word.to_bytes()) == name);
        }
        // No more than half full.
        if self.slots.len() < 2 * (self.words.len() + 1) {
            self.slots = alloc::vec![0; (4 * self.words.len()).next_power_of_two()];
            // Of two words for a key in the environment the first one counts.
            (0..self.words.len()).rev().for_each(|at| self.note(at));
        }
        (self.slots[self.slot(name)] as usize).checked_sub(1)
    }

    /// The slot of a name, or the free one that it would take.
    fn slot(&self, name: &[u8]) -> usize {
        // FNV-1a
        let hash = name.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
        let mut at = (hash ^ hash >> 32) as usize;
        loop {
            at &= self.slots.len() - 1;
            match (self.slots[at] as usize).checked_sub(1) {
                Some(word) if key(self.words[word].to_bytes()) != name => at += 1,
                _ => return at,
            }
        }
    }

    fn note(&mut self, at: usize) {
        let slot = self.slot(key(self.words[at].to_bytes()));
        self.slots[slot] = at as u32 + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_files() {
        let lines = b"# comment\n\nA=1 2 \nTAKEN\nABSENT\nB=x=y";
        let environ = || Variables::new(vec![c"TAKEN=t"]);
        let got = env_file(c"f", lines, &mut environ()).unwrap();
        assert_eq!(got, [c"A=1 2 ", c"TAKEN=t", c"B=x=y"]);
        // Of other systems' editors, and indented.
        let lines = b"\xef\xbb\xbfA=1\r\n  B= 2 \t\r\n\t# comment\r\n \r\n\t TAKEN\r\nC=\r\nD=\xef\xbb\xbf\r\r\nE=e\r";
        let got = env_file(c"f", lines, &mut environ()).unwrap();
        let bytes: Vec<&[u8]> = got.iter().map(|word| word.to_bytes()).collect();
        assert_eq!(
            bytes,
            [&b"A=1"[..], b"B= 2 \t", b"TAKEN=t", b"C=", b"D=\xef\xbb\xbf\r", b"E=e"]
        );
        for bad in [&b"A=1\nexport B=2"[..], b"\nB =2", b"#\nB C", b"\n\tB\tC=1", b"\nA "] {
            let error = env_file(c"f", bad, &mut environ()).unwrap_err();
            assert_eq!(error.line(), b"environment file f: a name with blanks in line 2");
        }
        let error = env_file(c"f", b"A=1\n=2", &mut environ()).unwrap_err();
        assert_eq!(error.line(), b"environment file f: no name before = in line 2");
        let error = env_file(c"f", b"A=\0", &mut environ()).unwrap_err();
        assert_eq!(error.line(), b"environment file f: a NUL byte in line 1");
    }

    #[test]
    fn many_variables_are_set_as_few_are() {
        let names: Vec<_> = (0..5000)
            .map(|n| std::ffi::CString::new(format!("V{}={n}", n % 1777)).unwrap())
            .collect();
        for count in [0, 1, 31, 32, 33, 34, 100, 5000] {
            let mut few: Vec<&CStr> = vec![c"V0=a", c"V0=b", c"X"];
            let mut many = Variables::new(few.clone());
            for word in &names[..count] {
                match few.iter_mut().find(|old| key(old.to_bytes()) == key(word.to_bytes())) {
                    Some(old) => *old = word,
                    None => few.push(word),
                }
                many.set(word);
            }
            assert_eq!(many.words, few, "{count}");
            assert_eq!((many.find(b"X"), many.find(b"V")), (Some(2), None));
        }
    }
}
