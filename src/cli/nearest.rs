//! The right word nearest to a wrong one.

use crate::error::Error;

/// Adds "did you mean" to an error, when one of the known words is near enough.
pub fn suggest(
    error: Error,
    prefix: &str,
    word: &[u8],
    known: impl Iterator<Item = &'static [u8]>,
) -> Error {
    let near = known
        .map(|candidate| (distance(word, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance * 3 <= candidate.len().max(3));
    match near {
        Some((_, candidate)) => {
            let mut hint = crate::text::Text::new();
            hint.str("did you mean ").str(prefix).raw(candidate).str("?");
            error.hint_text(&hint)
        }
        None => error,
    }
}

/// Insertions, deletions and replacements that make one word of the other.
fn distance(a: &[u8], b: &[u8]) -> usize {
    const LONGEST: usize = 31;
    let (a, b) = (&a[..a.len().min(LONGEST)], &b[..b.len().min(LONGEST)]);
    // One row of the classic table: row[j] is the distance between a's read part and b[..j].
    let mut row: [usize; LONGEST + 1] = core::array::from_fn(|j| j);
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
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
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        assert!(distance(&[b'x'; 1000], b"y") <= 31);
    }
}
