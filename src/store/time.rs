//! Time as text.

use crate::sys::clock::SECOND;
use crate::text::Text;

/// Nanoseconds since 1970 as RFC 3339 writes them, in UTC: `2026-01-31T09:05:00.000000001Z`.
pub fn rfc3339(nanos: u64, out: &mut Text) {
    let (seconds, nanos) = (nanos / SECOND, nanos % SECOND);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let mut part = |number: u64, width: usize, end: &str| {
        let mut digits = 1;
        let mut rest = number / 10;
        while rest > 0 {
            digits += 1;
            rest /= 10;
        }
        for _ in digits..width {
            out.str("0");
        }
        out.number(number).str(end);
    };
    part(year, 4, "-");
    part(month, 2, "-");
    part(day, 2, "T");
    part(second / 3600, 2, ":");
    part(second / 60 % 60, 2, ":");
    part(second % 60, 2, ".");
    part(nanos, 9, "Z");
}

/// The date that is `days` days after 1970-01-01.
fn date(days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| {
        (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
    };
    let (mut year, mut left) = (1970, days);
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if left < length {
            break;
        }
        left -= length;
        year += 1;
    }
    const MONTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    loop {
        let leap_day = u64::from(month == 1 && is_leap(year));
        let length = MONTHS.get(month).map_or(31, |length| length + leap_day);
        if left < length || month == 11 {
            return (year, month as u64 + 1, left + 1);
        }
        left -= length;
        month += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(nanos: u64) -> String {
        let mut text = Text::new();
        rfc3339(nanos, &mut text);
        String::from_utf8(text.bytes().to_vec()).unwrap()
    }

    /// As `date -u` prints it.
    #[test]
    fn times_are_written() {
        assert_eq!(text(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(text(951_782_399_000_000_007), "2000-02-28T23:59:59.000000007Z");
        assert_eq!(text(951_782_400_123_456_789), "2000-02-29T00:00:00.123456789Z");
        assert_eq!(text(1_798_761_599_000_000_000), "2026-12-31T23:59:59.000000000Z");
        assert_eq!(text(4_107_542_400_000_000_000), "2100-03-01T00:00:00.000000000Z");
    }
}
