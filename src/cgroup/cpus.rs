//! Lists of CPUs and memory nodes in the kernel's format: `0-3,8` (cpuset(7)).

use crate::text::number;

/// A range of numbers, both ends included.
type Run = (u64, u64);

/// Parses a list; None for an invalid part.
pub fn runs(list: &[u8]) -> impl Iterator<Item = Option<Run>> {
    list.split(|b| *b == b',').map(|part| {
        let mut ends = part.splitn(2, |b| *b == b'-');
        let first = number(ends.next()?, 10)?;
        let last = match ends.next() {
            Some(last) => number(last, 10)?,
            None => first,
        };
        (first <= last).then_some((first, last))
    })
}

/// Whether the text is a non-empty list.
pub fn is_list(list: &[u8]) -> bool {
    runs(list).all(|run| run.is_some())
}

/// Whether all numbers of `wanted` are in `available`.
pub fn within(wanted: &[u8], available: &[u8]) -> bool {
    runs(wanted).flatten().all(|(first, last)| {
        let mut next = first;
        // The kernel's lists are ascending, but two ranges may touch.
        for (from, to) in runs(available).flatten() {
            if from <= next && next <= to {
                next = to + 1;
            }
        }
        next > last
    })
}

/// Number of CPUs or nodes in a list.
pub fn count(list: &[u8]) -> u64 {
    runs(list).flatten().map(|(first, last)| last - first + 1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        for good in [&b"0"[..], b"0-3", b"0,2,4", b"0-1,8-9,5"] {
            assert!(is_list(good), "{good:?}");
        }
        for bad in [&b""[..], b"0-", b"-1", b"9-3", b"0,", b"a", b"0--1", b"0-1-2", b" 0", b"0\n"] {
            assert!(!is_list(bad), "{bad:?}");
        }
        assert_eq!(count(b"0-3,8"), 5);
    }

    #[test]
    fn subsets() {
        assert!(within(b"1", b"0-1"));
        assert!(within(b"0-5", b"0-2,3-7"));
        assert!(within(b"0,8", b"0-3,8"));
        assert!(!within(b"2", b"0-1"));
        assert!(!within(b"0-5", b"0-2,4-7"));
        assert!(!within(b"0-18446744073709551614", b"0-1"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text: Vec<u8>, other: Vec<u8>) {
            is_list(&text);
            within(&text, &other);
        }
    }
}
