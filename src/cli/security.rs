//! Parses the options about rights: `--cap-add`, `--security-opt`, `--ulimit`, `--uidmap` and the like.

use super::values::{bad, id, number_in};
use super::{Run, SeccompChoice, nearest};
use crate::error::Result;
use crate::spec::capability::{self, NAMES, Set};
use crate::spec::process::{RLIMITS, Rlimit};
use crate::spec::security::{IdMapping, IdRange, PathRule};
use crate::text::{Text, number};
use alloc::vec::Vec;
use core::ffi::CStr;

/// Changes of the default capabilities.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct CapabilityEdits {
    /// `--cap-add NAME`
    pub add: Set,
    /// `--cap-add ALL`
    pub add_all: bool,
    /// `--cap-drop NAME`
    pub drop: Set,
    /// `--cap-drop ALL`
    pub drop_all: bool,
}

/// `--cap-add NAME[,NAME...]`
pub fn cap_add(run: &mut Run, value: &CStr) -> Result<()> {
    capabilities(
        "--cap-add",
        value,
        &mut run.edits.capabilities.add,
        &mut run.edits.capabilities.add_all,
    )
}

/// `--cap-drop NAME[,NAME...]`
pub fn cap_drop(run: &mut Run, value: &CStr) -> Result<()> {
    capabilities(
        "--cap-drop",
        value,
        &mut run.edits.capabilities.drop,
        &mut run.edits.capabilities.drop_all,
    )
}

fn capabilities(option: &str, value: &CStr, set: &mut Set, all: &mut bool) -> Result<()> {
    for name in value.to_bytes().split(|b| *b == b',') {
        if name.eq_ignore_ascii_case(b"ALL") {
            *all = true;
            continue;
        }
        let Some(capability) = capability::by_name(name) else {
            let error = bad(option, name, "unknown");
            let name = name.to_ascii_uppercase();
            let name = name.strip_prefix(b"CAP_").unwrap_or(&name);
            // Their names have little in common: the nearest one may differ in every second letter.
            return Err(match nearest::find(name, 2, NAMES.into_iter().map(str::as_bytes)) {
                Some(near) => nearest::did_you_mean(error, "", near),
                None => error.hint("see capabilities(7); ALL for all of them"),
            });
        };
        *set |= 1 << capability;
    }
    Ok(())
}

/// `--security-opt NAME[=VALUE]`; Docker also takes `:` for `=`.
pub fn security_opt<'a>(run: &mut Run<'a>, value: &'a CStr) -> Result<()> {
    let bytes = value.to_bytes();
    let at = bytes.iter().position(|b| matches!(b, b'=' | b':'));
    let (name, rest) = (&bytes[..at.unwrap_or(bytes.len())], at.map(|at| &value[at + 1..]));
    match (name, rest.map(CStr::to_bytes)) {
        (b"no-new-privileges", None | Some(b"true")) => run.edits.no_new_privileges = Some(true),
        (b"no-new-privileges", Some(b"false")) => run.edits.no_new_privileges = Some(false),
        (b"seccomp", Some(b"unconfined")) => run.edits.seccomp = Some(SeccompChoice::Unconfined),
        (b"seccomp", Some(b"builtin")) => run.edits.seccomp = Some(SeccompChoice::BuiltIn),
        (b"seccomp", Some([_, ..])) => run.edits.seccomp = rest.map(SeccompChoice::File),
        (b"unmask", Some(b"all")) | (b"systempaths", Some(b"unconfined")) => {
            run.defaults.unmask_all = true;
        }
        // mini gives the command no label and no profile.
        (b"label", Some(b"disable")) | (b"apparmor", Some(b"unconfined")) => {}
        (b"unmask", Some([b'/', ..])) => run.defaults.unmask.extend(rest),
        (b"mask", Some([b'/', ..])) => run.spec.required_masked_paths.extend(rest),
        _ => {
            let hint = "no-new-privileges[=false], seccomp=unconfined, seccomp=builtin, \
                        seccomp=FILE, mask=/PATH, unmask=/PATH or unmask=all";
            return Err(bad("--security-opt", bytes, "unknown").hint(hint));
        }
    }
    Ok(())
}

/// `--ulimit NAME=SOFT[:HARD]`
pub fn ulimit(run: &mut Run, value: &CStr) -> Result<()> {
    let bytes = value.to_bytes();
    let form = |cause| bad("--ulimit", bytes, cause).hint("NAME=SOFT[:HARD], or unlimited");
    let Some(at) = bytes.iter().position(|b| *b == b'=') else { return Err(form("has no =")) };
    let (name, limits) = (&bytes[..at], &bytes[at + 1..]);
    let Some(resource) = RLIMITS.iter().position(|known| known.as_bytes() == name) else {
        let mut hint = Text::new();
        for name in RLIMITS {
            hint.str(if hint.bytes().is_empty() { "" } else { " " }).str(name);
        }
        return Err(bad("--ulimit", name, "unknown").hint_text(&hint));
    };
    let resource = resource as u32;
    let one = |text: &[u8]| match text {
        b"unlimited" | b"-1" => Some(u64::MAX),
        digits => number(digits, 10),
    };
    let mut parts = limits.split(|b| *b == b':').map(one);
    let (soft, hard) = match (parts.next(), parts.next(), parts.next()) {
        (Some(Some(soft)), None, None) => (soft, soft),
        (Some(Some(soft)), Some(Some(hard)), None) => (soft, hard),
        _ => return Err(form("not a limit")),
    };
    if soft > hard {
        return Err(form("the soft limit is above the hard one"));
    }
    run.spec.security.rlimits.retain(|old| old.resource != resource);
    run.spec.security.rlimits.push(Rlimit { resource, soft, hard });
    Ok(())
}

/// `--umask OCTAL`
pub fn umask(run: &mut Run, value: &CStr) -> Result<()> {
    let bytes = value.to_bytes();
    match number(bytes, 8) {
        Some(mask @ 0..=0o777) => run.spec.security.umask = Some(mask as u32),
        _ => return Err(bad("--umask", bytes, "not a mask").hint("0 to 777, in octal")),
    }
    Ok(())
}

/// `--group-add GROUP`
pub fn group_add<'a>(run: &mut Run<'a>, value: &'a CStr) -> Result<()> {
    run.spec.security.groups.push(id("--group-add", value.to_bytes(), value.to_bytes())?);
    Ok(())
}

/// `--userns auto|keep-id|host`
pub fn user_namespace(run: &mut Run, value: &CStr) -> Result<()> {
    run.spec.security.users = match value.to_bytes() {
        b"auto" => IdMapping::Auto,
        b"host" | b"keep-id" => IdMapping::Own,
        other => return Err(bad("--userns", other, "unknown").hint("auto, keep-id or host")),
    };
    run.edits.shares_users = value == c"host";
    run.edits.keeps_id = value == c"keep-id";
    Ok(())
}

/// `--uidmap`, `--gidmap`: `INSIDE:OUTSIDE[:COUNT]`
pub fn id_range(option: &str, value: &CStr, ranges: &mut Vec<IdRange>) -> Result<()> {
    let bytes = value.to_bytes();
    let form = |cause| Err(bad(option, bytes, cause).hint("INSIDE:OUTSIDE[:COUNT]"));
    let mut parts = bytes.split(|b| *b == b':').map(|part| number(part, 10));
    let (inside, outside, count) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Some(inside)), Some(Some(outside)), None, None) => (inside, outside, 1),
        (Some(Some(inside)), Some(Some(outside)), Some(Some(count)), None) => {
            (inside, outside, count)
        }
        _ => return form("not a range of ids"),
    };
    // The highest number is no id.
    const END: u64 = u32::MAX as u64;
    let fits = |first: u64| first.checked_add(count).is_some_and(|end| end <= END);
    if count == 0 || !fits(inside) || !fits(outside) {
        return form("out of range");
    }
    let new = IdRange { inside: inside as u32, outside: outside as u32, count: count as u32 };
    let meet = |a: u32, b: u32, old: &IdRange| a - a.min(b) < old.count && b - a.min(b) < new.count;
    if ranges
        .iter()
        .any(|old| meet(new.inside, old.inside, old) || meet(new.outside, old.outside, old))
    {
        return form("overlaps the one before");
    }
    if ranges.len() == LINES {
        return form("more than 340 ranges");
    }
    ranges.push(new);
    Ok(())
}

/// The most lines of a map in the kernel (user_namespaces(7)).
const LINES: usize = 340;

/// `--ro-path`, `--rw-path`
pub fn path_rule<'a>(
    run: &mut Run<'a>,
    option: &str,
    path: &'a CStr,
    writable: bool,
) -> Result<()> {
    if path.is_empty() {
        return Err(bad(option, b"", "must not be empty"));
    }
    run.spec.security.paths.push(PathRule { path, writable, optional: false });
    Ok(())
}

/// `--preserve-fds N`
pub fn preserve_fds(run: &mut Run, value: &CStr) -> Result<()> {
    run.spec.security.descriptors = number_in("--preserve-fds", value, (0, 1024))? as u32;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(words: &[&CStr]) -> Result<Vec<IdRange>> {
        let mut ranges = Vec::new();
        words.iter().try_for_each(|word| id_range("--uidmap", word, &mut ranges))?;
        Ok(ranges)
    }

    #[test]
    fn ranges_of_ids() {
        let range = |inside, outside, count| IdRange { inside, outside, count };
        assert_eq!(ranges(&[c"0:1000"]).unwrap(), [range(0, 1000, 1)]);
        let two = ranges(&[c"0:100000:65536", c"65536:0:1"]).unwrap();
        assert_eq!(two, [range(0, 100_000, 65_536), range(65_536, 0, 1)]);
        for bad in
            [c"", c"0", c"0:", c"0:1:0", c"a:1:1", c"0:1:1:1", c"4294967295:0:1", c"1:2:4294967295"]
        {
            assert!(ranges(&[bad]).is_err(), "{bad:?}");
        }
        for overlap in [c"5:50:1", c"0:50:6", c"9:105:1", c"50:99:2", c"50:109:9"] {
            assert!(ranges(&[c"5:100:10", overlap]).is_err(), "{overlap:?}");
        }
        assert!(ranges(&[c"5:100:10", c"0:95:5", c"15:110:1"]).is_ok());
    }

    #[test]
    fn limits_of_processes() {
        let mut run = Run::default();
        ulimit(&mut run, c"nofile=10:20").unwrap();
        ulimit(&mut run, c"core=unlimited").unwrap();
        ulimit(&mut run, c"nofile=30").unwrap();
        let core = Rlimit { resource: 4, soft: u64::MAX, hard: u64::MAX };
        let files = Rlimit { resource: 7, soft: 30, hard: 30 };
        assert_eq!(run.spec.security.rlimits, [core, files]);
        for bad in [c"nofile", c"nofile=", c"nofile=2:1", c"nofile=1:2:3", c"x=1", c"nofile=-2"] {
            assert!(ulimit(&mut run, bad).is_err(), "{bad:?}");
        }
        let error = ulimit(&mut run, c"files=1").unwrap_err();
        let line = str::from_utf8(error.line()).unwrap();
        assert!(line.contains("cpu fsize data stack core"), "{line}");
    }

    #[test]
    fn an_unknown_capability_has_a_neighbour() {
        let mut run = Run::default();
        cap_add(&mut run, c"net_admin,CAP_SYS_TIME").unwrap();
        assert_eq!(run.edits.capabilities.add, 1 << 12 | 1 << 25);
        for (name, line) in [
            (c"NET_ADMI", "option --cap-drop NET_ADMI: unknown (did you mean NET_ADMIN?)"),
            (c"cap_net_foo", "option --cap-drop cap_net_foo: unknown (did you mean NET_RAW?)"),
            (c"", "option --cap-drop '': unknown (see capabilities(7); ALL for all of them)"),
            (c"X,ALL", "option --cap-drop X: unknown (see capabilities(7); ALL for all of them)"),
        ] {
            let error = cap_drop(&mut run, name).unwrap_err();
            assert_eq!(str::from_utf8(error.line()).unwrap(), line);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "[ -~]{0,40}") {
            let word = std::ffi::CString::new(text).unwrap();
            let word: &'static CStr = Box::leak(word.into_boxed_c_str());
            let mut run = Run::default();
            let _ = security_opt(&mut run, word);
            let _ = ulimit(&mut run, word);
            let _ = cap_add(&mut run, word);
            let _ = id_range("--uidmap", word, &mut Vec::new());
        }
    }
}
