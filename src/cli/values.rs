//! Parses and checks option values.

use super::{EnvEdit, Run};
use crate::cgroup::Controller;
use crate::cgroup::settings::DEFAULT_PERIOD;
use crate::error::{Error, Result};
use crate::spec::resources::Conf;
use crate::spec::{AfterExit, Id, Namespace, User};
use crate::sys::clock::SECOND;
use crate::text::{Text, number};
use core::ffi::CStr;

/// The error for a value of an option.
pub fn bad(option: &str, value: &[u8], cause: &str) -> Error {
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
pub fn network(value: &CStr) -> Result<Namespace<'static>> {
    match value.to_bytes() {
        b"none" => Ok(Namespace::New),
        b"host" => Ok(Namespace::Host),
        other => {
            let hint = "none or host: mini makes no virtual network";
            Err(bad("--network", other, "unknown").hint(hint))
        }
    }
}

/// `host` or `private`.
pub fn namespace(option: &str, value: &CStr) -> Result<Namespace<'static>> {
    match value.to_bytes() {
        b"host" => Ok(Namespace::Host),
        b"private" => Ok(Namespace::New),
        other => Err(bad(option, other, "unknown").hint("host or private")),
    }
}

/// A host name, also one made from a container's name: at most 64 bytes (uname(2)) of letters, digits,
/// `-`, `_` and `.`, the first one a letter or digit.
pub fn hostname<'a>(option: &str, value: &'a CStr) -> Result<&'a CStr> {
    let bytes = value.to_bytes();
    if bytes.is_empty() || bytes.len() > 64 {
        return Err(bad(option, bytes, "must have 1 to 64 characters"));
    }
    check_name(option, bytes)?;
    Ok(value)
}

fn check_name(option: &str, bytes: &[u8]) -> Result<()> {
    let good = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !bytes.iter().all(good) || !bytes[0].is_ascii_alphanumeric() {
        let rule = "letters, digits, - _ and . only; the first one a letter or digit";
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
    let uid = id("--user", bytes, parts.next().unwrap_or_default())?;
    let gid = parts.next().map(|group| id("--user", bytes, group)).transpose()?;
    Ok(User { uid, gid })
}

/// A number, or else a name. The highest number is no id: it means "no change" to setresuid(2).
pub fn id<'a>(option: &str, whole: &[u8], text: &'a [u8]) -> Result<Id<'a>> {
    if text.is_empty() {
        return Err(bad(option, whole, "has an empty part"));
    }
    if !text.iter().all(u8::is_ascii_digit) {
        return Ok(Id::Name(text));
    }
    match number(text, 10) {
        Some(number) if number < u64::from(u32::MAX) => Ok(Id::Number(number as u32)),
        _ => Err(bad(option, whole, "out of range").hint("0 to 4294967294")),
    }
}

/// A number within a range.
pub fn number_in(option: &str, value: &CStr, range: (u64, u64)) -> Result<u64> {
    in_range(option, value, number_or_more(value.to_bytes()), "digits only", range)
}

/// A size within a range.
pub fn size_in(option: &str, value: &CStr, range: (u64, u64)) -> Result<u64> {
    in_range(option, value, size(value.to_bytes()), SIZE, range)
}

/// The form of a size.
const SIZE: &str = "as 64m, 1.5g, 512KiB or 67108864";

fn in_range(
    option: &str,
    value: &CStr,
    number: Option<u64>,
    form: &str,
    (least, most): (u64, u64),
) -> Result<u64> {
    let Some(number) = number else {
        return Err(bad(option, value.to_bytes(), "not a number").hint(form));
    };
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    // `-m 64` means MiB to the hand that types it.
    if form == SIZE
        && (1..least).contains(&number)
        && number_or_more(value.to_bytes()) == Some(number)
    {
        let mut hint = Text::new();
        hint.str("write ").number(number).str("m");
        let error = bad(option, value.to_bytes(), "that many bytes are too little");
        return Err(error.hint_text(&hint));
    }
    let mut hint = Text::new();
    hint.number(least).str(" to ").number(most);
    Err(bad(option, value.to_bytes(), "out of range").hint_text(&hint))
}

/// A number. One that is too large for its type becomes the largest, which is out of every range.
fn number_or_more(text: &[u8]) -> Option<u64> {
    match number(text, 10) {
        None if !text.is_empty() && text.iter().all(u8::is_ascii_digit) => Some(u64::MAX),
        number => number,
    }
}

/// A kernel parameter and its value.
pub fn sysctl<'a>(run: &mut Run<'a>, value: &'a CStr) -> Result<()> {
    let bytes = value.to_bytes();
    let end = bytes.iter().position(|byte| *byte == b'=').filter(|end| *end > 0);
    let end = end.ok_or_else(|| bad("--sysctl", bytes, "not KEY=VALUE"))?;
    let mut name = Text::new();
    name.raw(&bytes[..end]);
    run.spec.sysctl.push((name.leak(), &value[end + 1..]));
    Ok(())
}

/// A size in bytes: a number, perhaps with a fraction, and perhaps a unit: one of b, k, m, g, t, p in either
/// case, alone or followed by `b` or `ib`. All units are powers of 1024, as in Docker.
pub fn size(text: &[u8]) -> Option<u64> {
    let end = text.iter().position(|b| b.is_ascii_alphabetic()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    scaled(digits, 1 << shift(unit)?)
}

/// The power of two that a unit stands for.
fn shift(unit: &[u8]) -> Option<u32> {
    let letter = match unit {
        [] | [b'b' | b'B'] => return Some(0),
        [letter] | [letter, b'b' | b'B'] | [letter, b'i' | b'I', b'b' | b'B'] => {
            letter.to_ascii_lowercase()
        }
        _ => return None,
    };
    let place = b"kmgtp".iter().position(|known| *known == letter)?;
    Some(10 * (place as u32 + 1))
}

/// `WHOLE[.FRACTION]` times a unit, rounded down. A result that is too large becomes the largest number.
fn scaled(text: &[u8], unit: u64) -> Option<u64> {
    let mut parts = text.splitn(2, |b| *b == b'.');
    let whole = number_or_more(parts.next()?)?.saturating_mul(unit);
    let Some(fraction) = parts.next() else { return Some(whole) };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Nine places are enough for every unit.
    let fraction = &fraction[..fraction.len().min(9)];
    let places = 10u128.pow(fraction.len() as u32);
    let fraction = u128::from(number(fraction, 10)?) * u128::from(unit) / places;
    Some(whole.saturating_add(fraction as u64))
}

/// A size, or -1 for no limit.
pub fn size_limit(option: &str, value: &CStr) -> Result<i64> {
    if value.to_bytes() == b"-1" {
        return Ok(-1);
    }
    size_in(option, value, (1, u64::MAX >> 1)).map(|size| size as i64)
}

/// A number from 1, or -1 for no limit.
pub fn limit(option: &str, value: &CStr) -> Result<i64> {
    if value.to_bytes() == b"-1" {
        return Ok(-1);
    }
    // PID_MAX_LIMIT
    number_in(option, value, (1, 4 << 20)).map(|number| number as i64)
}

/// A number of CPUs, as microseconds in each default period. Completing the request compares it with the
/// CPUs of the host.
pub fn cpus(value: &CStr) -> Result<u64> {
    quota("--cpus", value, DEFAULT_PERIOD as u64)
}

/// Percent of one CPU, likewise.
pub fn percent(value: &CStr) -> Result<u64> {
    quota("-cpu", value, DEFAULT_PERIOD as u64 / 100)
}

/// The kernel takes a hundredth of a CPU or more.
fn quota(option: &str, value: &CStr, unit: u64) -> Result<u64> {
    match scaled(value.to_bytes(), unit) {
        Some(micros @ 1000..) => Ok(micros),
        Some(_) => Err(bad(option, value.to_bytes(), "out of range").hint("at least 0.01")),
        None => Err(bad(option, value.to_bytes(), "not a number").hint("as 2 or 0.5")),
    }
}

/// A duration in nanoseconds: a number, perhaps with a fraction, and `ms`, `s`, `m`, `h` or `d`; seconds
/// without a unit.
pub fn duration(option: &str, value: &CStr) -> Result<u64> {
    let bytes = value.to_bytes();
    let end = bytes.iter().position(|b| b.is_ascii_alphabetic()).unwrap_or(bytes.len());
    let (digits, unit) = bytes.split_at(end);
    let unit = match unit {
        b"ms" => SECOND / 1000,
        b"" | b"s" => SECOND,
        b"m" => 60 * SECOND,
        b"h" => 3600 * SECOND,
        b"d" => 86400 * SECOND,
        _ => 0,
    };
    match scaled(digits, unit) {
        // The kernel's clocks count no further.
        Some(nanos) if unit != 0 && nanos > u64::MAX >> 1 => {
            Err(bad(option, bytes, "out of range").hint("at most 292 years: 106751d"))
        }
        Some(nanos) if unit != 0 => Ok(nanos),
        _ => Err(bad(option, bytes, "not a duration").hint("as 90, 1.5s, 10m, 2h or 500ms")),
    }
}

/// A signal: its name, with or without SIG, or its number.
pub fn stop_signal(value: &CStr) -> Result<i32> {
    const NAMES: [(&str, i32); 18] = [
        ("HUP", libc::SIGHUP),
        ("INT", libc::SIGINT),
        ("QUIT", libc::SIGQUIT),
        ("ABRT", libc::SIGABRT),
        ("KILL", libc::SIGKILL),
        ("USR1", libc::SIGUSR1),
        ("USR2", libc::SIGUSR2),
        ("PIPE", libc::SIGPIPE),
        ("ALRM", libc::SIGALRM),
        ("TERM", libc::SIGTERM),
        ("CONT", libc::SIGCONT),
        ("STOP", libc::SIGSTOP),
        ("TSTP", libc::SIGTSTP),
        ("WINCH", libc::SIGWINCH),
        ("IO", libc::SIGIO),
        ("PWR", libc::SIGPWR),
        ("RTMIN", 34),
        ("RTMIN+3", 37),
    ];
    let bytes = value.to_bytes();
    let prefix = bytes.get(..3).filter(|prefix| prefix.eq_ignore_ascii_case(b"SIG"));
    let name = if prefix.is_some() { &bytes[3..] } else { bytes };
    let known = NAMES.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
    match (known, number(bytes, 10)) {
        (Some((_, signal)), _) => Ok(*signal),
        (None, Some(signal @ 1..=64)) => Ok(signal as i32),
        _ => Err(bad("--stop-signal", bytes, "unknown signal").hint("as TERM, SIGINT or 15")),
    }
}

/// `poweroff`, `reboot`, `halt` or `panic`.
pub fn then(value: &CStr) -> Result<AfterExit> {
    match value.to_bytes() {
        b"poweroff" => Ok(AfterExit::PowerOff),
        b"reboot" => Ok(AfterExit::Reboot),
        b"halt" => Ok(AfterExit::Halt),
        b"panic" => Ok(AfterExit::Panic),
        other => Err(bad("--then", other, "unknown").hint("poweroff, reboot, halt or panic")),
    }
}

/// A list of CPUs or memory nodes.
pub fn cpu_list<'a>(option: &str, value: &'a CStr) -> Result<&'a CStr> {
    if !crate::cgroup::cpus::is_list(value.to_bytes()) {
        return Err(bad(option, value.to_bytes(), "not a list").hint("as 0-2,5"));
    }
    Ok(value)
}

/// `CONTROLLER.KEY=VALUE`.
pub fn conf(value: &CStr) -> Result<Conf<'_>> {
    let bytes = value.to_bytes();
    let wrong = |cause| Err(bad("--cgroup-conf", bytes, cause).hint("as memory.high=100000000"));
    let Some(at) = bytes.iter().position(|b| *b == b'=') else {
        return wrong("has no =");
    };
    let (file, value) = (&bytes[..at], &bytes[at + 1..]);
    if file.contains(&b'/') || !file.contains(&b'.') {
        return wrong("not the name of a cgroup file");
    }
    if Controller::of_file(file).is_none() {
        return wrong("its controller sets no limits");
    }
    Ok(Conf { file, value })
}

/// -1000 to 1000 (proc_pid_oom_score_adj(5)).
pub fn adjustment(value: &CStr) -> Result<i32> {
    let bytes = value.to_bytes();
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    match number(digits, 10) {
        Some(size @ 0..=1000) if digits.len() < bytes.len() => Ok(-(size as i32)),
        Some(size @ 0..=1000) => Ok(size as i32),
        _ => Err(bad("--oom-score-adj", bytes, "out of range").hint("-1000 to 1000")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("123", 123),
            ("1b", 1),
            ("64m", 64 << 20),
            ("64M", 64 << 20),
            ("64MB", 64 << 20),
            ("64MiB", 64 << 20),
            ("1.5g", 3 << 29),
            ("0.5k", 512),
            ("2t", 2 << 40),
            ("1p", 1 << 50),
            ("99999999999999999999", u64::MAX),
            ("99999999999p", u64::MAX),
        ] {
            assert_eq!(size(text.as_bytes()), Some(bytes), "{text}");
        }
        for bad in [
            "",
            "m",
            "64x",
            "64mm",
            "64mib1",
            "-1",
            "1.",
            ".5",
            "1..5",
            "0x10",
            "1 m",
            "1e9",
            "1.000000000;-5g",
            "0.500000000xyz",
            "1.0000000000.0",
        ] {
            assert_eq!(size(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn durations_and_signals() {
        let nanos = |text| duration("--timeout", text).ok();
        assert_eq!(nanos(c"90"), Some(90 * SECOND));
        assert_eq!(nanos(c"1.5s"), Some(SECOND * 3 / 2));
        assert_eq!(nanos(c"500ms"), Some(SECOND / 2));
        assert_eq!(nanos(c"2h"), Some(7200 * SECOND));
        assert_eq!(nanos(c"0"), Some(0));
        assert_eq!(nanos(c"106751d"), Some(106_751 * 86_400 * SECOND));
        assert_eq!(nanos(c"106752d"), None);
        assert_eq!(nanos(c"99999999999999999d"), None);
        for bad in [c"", c"s", c"-1", c"1x", c"1 s", c"1s1", c"1.s"] {
            assert_eq!(nanos(bad), None, "{bad:?}");
        }
        for (name, signal) in [(c"TERM", 15), (c"sigint", 2), (c"SIGRTMIN+3", 37), (c"9", 9)] {
            assert_eq!(stop_signal(name).unwrap(), signal);
        }
        for bad in [c"", c"SIG", c"0", c"65", c"TERMINATE"] {
            assert!(stop_signal(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn processors() {
        assert_eq!(cpus(c"0.5").unwrap(), 50_000);
        assert_eq!(cpus(c"2").unwrap(), 200_000);
        assert_eq!(percent(c"20").unwrap(), 20_000);
        assert_eq!(percent(c"0.5").unwrap_err().status(), 125);
        assert_eq!(cpus(c"0.5000000000000000000000000000000000000009").unwrap(), 50_000);
        for bad in [c"0", c"-1", c"", c"x", c"0.001", c"0.500000000xyz", c"1.000000000 "] {
            assert!(cpus(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn adjustments() {
        assert_eq!(adjustment(c"-1000").unwrap(), -1000);
        assert_eq!(adjustment(c"7").unwrap(), 7);
        for bad in [c"", c"-", c"--1", c"1001", c"-1001", c"x"] {
            assert!(adjustment(bad).is_err(), "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_size_or_not(text: Vec<u8>) {
            size(&text);
        }

        #[test]
        fn a_plain_number_is_that_many_bytes(number: u64) {
            assert_eq!(size(number.to_string().as_bytes()), Some(number));
        }
    }
}
