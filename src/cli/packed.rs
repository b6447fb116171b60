//! What an option is, and how the binary holds a table of them: all texts in one, and where each begins. As
//! references they would have to be relocated at every start, in pages that every run would copy.

use super::Run;
use crate::error::Result;
use core::ffi::CStr;

/// One option.
pub struct Opt {
    /// The title that help puts before it.
    pub section: Option<&'static str>,
    /// Its name, after `--`.
    pub long: &'static str,
    /// Its letter, after `-`.
    pub short: Option<u8>,
    /// The word of the program mini descends from, written with one dash.
    pub original: Option<&'static str>,
    /// What help calls its value, if it takes one.
    pub value: Option<&'static str>,
    /// What it is for; help breaks the lines.
    pub help: &'static str,
    /// What it does to the request.
    pub act: Act,
}

/// What an option does to the request.
#[derive(Clone, Copy)]
pub enum Act {
    /// It stands alone.
    Flag(for<'a> fn(&mut Run<'a>)),
    /// It takes a value.
    Value(for<'a> fn(&mut Run<'a>, &'a CStr) -> Result<()>),
}

/// The texts of a table, and the rest of it; without a reference in them.
pub struct Packed<const OPTIONS: usize, const BYTES: usize> {
    texts: [u8; BYTES],
    rows: [Row; OPTIONS],
}

/// One option; its texts stand behind one another, in the order of [`texts`].
#[derive(Clone, Copy)]
struct Row {
    start: u16,
    lengths: [u8; TEXTS],
    short: Option<u8>,
}

const TEXTS: usize = 5;

/// What there is to be stored of an option. None of them is longer than 255 bytes.
const fn texts(option: &Opt) -> [&'static str; TEXTS] {
    [
        or_empty(option.section),
        option.long,
        or_empty(option.original),
        or_empty(option.value),
        option.help,
    ]
}

const fn or_empty(text: Option<&'static str>) -> &'static str {
    match text {
        Some(text) => text,
        None => "",
    }
}

/// Bytes that the texts of a table take.
pub const fn length(table: &[Opt]) -> usize {
    let (mut option, mut sum) = (0, 0);
    while option < table.len() {
        let texts = texts(&table[option]);
        let mut text = 0;
        while text < TEXTS {
            sum += texts[text].len();
            text += 1;
        }
        option += 1;
    }
    sum
}

/// Packs a table; evaluated by the compiler, which refuses what does not fit.
pub const fn pack<const OPTIONS: usize, const BYTES: usize>(
    table: &[Opt],
) -> Packed<OPTIONS, BYTES> {
    let row = Row { start: 0, lengths: [0; TEXTS], short: None };
    let mut packed = Packed { texts: [0; BYTES], rows: [row; OPTIONS] };
    let (mut option, mut end) = (0, 0);
    while option < OPTIONS {
        let row = &mut packed.rows[option];
        row.short = table[option].short;
        row.start = end as u16;
        assert!(BYTES <= u16::MAX as usize);
        let texts = texts(&table[option]);
        let mut text = 0;
        while text < TEXTS {
            let bytes = texts[text].as_bytes();
            assert!(bytes.len() <= u8::MAX as usize, "the text of an option is too long");
            row.lengths[text] = bytes.len() as u8;
            let mut at = 0;
            while at < bytes.len() {
                packed.texts[end] = bytes[at];
                (at, end) = (at + 1, end + 1);
            }
            text += 1;
        }
        option += 1;
    }
    packed
}

/// An option of the packed table: an [`Opt`], but what it does not have is empty.
pub struct Unpacked {
    /// The title that help puts before it.
    pub section: &'static [u8],
    /// Its name, after `--`.
    pub long: &'static [u8],
    /// Its letter, after `-`.
    pub short: Option<u8>,
    /// The word of the program mini descends from.
    pub original: &'static [u8],
    /// What help calls its value.
    pub value: &'static [u8],
    /// What it is for.
    pub help: &'static [u8],
    /// What it does to the request.
    pub act: Act,
}

/// What the options of a table do, in its order.
pub const fn acts<const OPTIONS: usize>(table: &[Opt]) -> [Act; OPTIONS] {
    let mut acts = [table[0].act; OPTIONS];
    let mut option = 0;
    while option < OPTIONS {
        acts[option] = table[option].act;
        option += 1;
    }
    acts
}

impl<const OPTIONS: usize, const BYTES: usize> Packed<OPTIONS, BYTES> {
    /// The options, in the order of the table; so are what they do.
    pub fn iter(&'static self, acts: &'static [Act]) -> impl Iterator<Item = Unpacked> {
        self.rows.iter().zip(acts).map(|(row, act)| {
            let mut rest = self.texts.get(usize::from(row.start)..).unwrap_or_default();
            let [section, long, original, value, help] = row.lengths.map(|length| {
                let (text, behind) = rest.split_at_checked(length.into()).unwrap_or_default();
                rest = behind;
                text
            });
            Unpacked { section, long, short: row.short, original, value, help, act: *act }
        })
    }
}
