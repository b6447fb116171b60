//! The type of an option, and how the binary stores a table of them: all texts in one array, with their
//! lengths. References would have to be relocated at every start, in pages that every run would copy.

use super::Run;
use crate::error::Result;
use core::ffi::CStr;

/// One option.
pub struct Opt {
    /// The title that help prints before it.
    pub section: Option<&'static str>,
    /// The name, without `--`.
    pub long: &'static str,
    /// The letter, without `-`.
    pub short: Option<u8>,
    /// The name in the program that mini descends from, with its one dash. Two dashes are accepted, too.
    pub original: Option<&'static str>,
    /// The placeholder for the value in help; None if the option has no value.
    pub value: Option<&'static str>,
    /// The help text; help breaks it into lines.
    pub help: &'static str,
    /// What the option does.
    pub act: Act,
}

/// What an option does to the request.
#[derive(Clone, Copy)]
pub enum Act {
    /// Switches something on or off: `--flag`, `--flag=true`, `--flag=false`.
    Flag(for<'a> fn(&mut Run<'a>, bool)),
    /// Asks for what is so anyway.
    Nothing,
    /// Takes a value.
    Value(for<'a> fn(&mut Run<'a>, &'a CStr) -> Result<()>),
}

/// A table without references.
pub struct Packed<const OPTIONS: usize, const BYTES: usize> {
    texts: [u8; BYTES],
    rows: [Row; OPTIONS],
}

/// One option. Its texts follow one another in the order of [`texts`].
#[derive(Clone, Copy)]
struct Row {
    start: u16,
    lengths: [u8; TEXTS],
    short: Option<u8>,
}

const TEXTS: usize = 5;

/// The texts of an option, none longer than 255 bytes.
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

/// The size of all texts of a table in bytes.
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

/// Packs a table. The compiler evaluates this and refuses what does not fit.
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

/// An option of the packed table: an [`Opt`] whose missing texts are empty.
pub struct Unpacked {
    /// The title that help prints before it.
    pub section: &'static [u8],
    /// The name, without `--`.
    pub long: &'static [u8],
    /// The letter, without `-`.
    pub short: Option<u8>,
    /// The name in the program that mini descends from, with its dash.
    pub original: &'static [u8],
    /// The placeholder for the value.
    pub value: &'static [u8],
    /// The help text.
    pub help: &'static [u8],
    /// What the option does.
    pub act: Act,
}

/// What the options of a table do, in the order of the table.
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
    /// The options in the order of the table; `acts` has the same order.
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
