//! The known word nearest to a mistyped one.

use crate::error::Error;
use crate::text::Text;

/// The known word nearest to a mistyped one: it begins with the same letter, and at most one letter in
/// `letters` differs. A word that differs in its first letter or in more is seldom what was meant
/// (`--gpus` is not `--cpus`).
pub fn find(
    word: &[u8],
    letters: usize,
    known: impl Iterator<Item = &'static [u8]>,
) -> Option<&'static [u8]> {
    let (distance, near) = known
        .filter(|candidate| candidate.first() == word.first())
        .map(|candidate| (distance(word, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    (distance * letters <= near.len().max(word.len())).then_some(near)
}

/// Adds "did you mean" to an error.
pub fn did_you_mean(error: Error, prefix: &str, near: &[u8]) -> Error {
    let mut hint = Text::new();
    hint.str("did you mean ").str(prefix).raw(near).str("?");
    error.hint_text(&hint)
}

/// Adds "did you mean" to an error when one of the known words is near enough.
pub fn suggest(
    error: Error,
    prefix: &str,
    word: &[u8],
    known: impl Iterator<Item = &'static [u8]>,
) -> Error {
    match find(word, 3, known) {
        Some(near) => did_you_mean(error, prefix, near),
        None => error,
    }
}

/// Insertions, deletions, replacements and exchanges of two neighbours that make one word of the other.
fn distance(a: &[u8], b: &[u8]) -> usize {
    const LONGEST: usize = 31;
    let (a, b) = (&a[..a.len().min(LONGEST)], &b[..b.len().min(LONGEST)]);
    // Rows of the classic table: row[j] is the distance between a's read part and b[..j].
    let mut row: [usize; LONGEST + 1] = core::array::from_fn(|j| j);
    let mut above = row;
    for (i, x) in a.iter().enumerate() {
        let two_above = above;
        above = row;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = above[j] + usize::from(x != y);
            row[j + 1] = replaced.min(row[j] + 1).min(above[j + 1] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && *y == a[i - 1] {
                row[j + 1] = row[j + 1].min(two_above[j - 1] + 1);
            }
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance(b"", b"abc"), 3);
        assert_eq!(distance(b"rootfs", b"rootfs"), 0);
        assert_eq!(distance(b"rotfs", b"rootfs"), 1);
        assert_eq!(distance(b"hlep", b"help"), 1);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        assert!(distance(&[b'x'; 1000], b"y") <= 31);
    }

    proptest::proptest! {
        #[test]
        fn distance_is_one_of_a_metric(a in "[abc]{0,8}", b in "[abc]{0,8}") {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            assert_eq!(distance(a, b), distance(b, a));
            assert_eq!(distance(a, b) == 0, a == b);
            assert!(distance(a, b) <= a.len().max(b.len()));
            assert!(distance(a, b) >= a.len().abs_diff(b.len()));
        }
    }
}
