//! A /tmp of the command's own, where path rules would leave it none.

use crate::error::Result;
use crate::host::working_directory;
use crate::spec::Spec;
use crate::spec::mounts::Mount;
use crate::spec::security::PathRule;
use crate::sys::fs;
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;

/// Most programs need a directory for temporary files besides the paths that they may change.
const OWN_TMP: PathRule = PathRule { path: c"/tmp", writable: true, optional: false };

/// Gives the command its own /tmp when a rule allows reading everything of the host's files
/// (`--ro-path /`), unless a rule or a volume names /tmp or a rule lets it be changed. Paths of the host
/// below /tmp that the rules, the working directory or the command's arguments name are bind mounted at
/// their places; read-only, unless a rule lets them be changed, because the rule for /tmp covers all
/// below it.
///
/// # Errors
/// When mini's working directory is unknown.
pub fn add(spec: &mut Spec) -> Result<()> {
    const TMP: &[u8] = b"/tmp";
    let is_below = |path: &[u8], above: &[u8]| {
        above == b"/"
            || path.strip_prefix(above).is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
    };
    if spec.security.paths.is_empty() || spec.root.path.is_some() {
        return Ok(());
    }
    let cwd = working_directory()?;
    let place = |path: &[u8]| normal(&cwd, path);
    let rules = spec.security.paths.iter();
    let rules: Vec<(Vec<u8>, bool)> =
        rules.map(|rule| (place(rule.path.to_bytes()), rule.writable)).collect();
    let is_told =
        rules.iter().any(|(path, writable)| path == TMP || (*writable && is_below(TMP, path)))
            || spec.mounts.iter().any(|mount| place(mount.destination.to_bytes()) == TMP);
    // Only where the rules show /tmp: nothing is given that was not requested.
    let is_in_sight = rules.iter().any(|(path, _)| is_below(TMP, path));
    if is_told || !is_in_sight || !fs::identity(c"/tmp").is_ok_and(|it| it.is_directory) {
        return Ok(());
    }
    let begin = spec.process.cwd.map_or(cwd.clone(), |path| place(path.to_bytes()));
    let mut kept: Vec<Vec<u8>> = rules.iter().map(|(path, _)| path.clone()).collect();
    kept.push(begin.clone());
    let names = spec.process.args.iter().filter(|word| word.to_bytes().contains(&b'/'));
    kept.extend(names.map(|name| normal(&begin, name.to_bytes())));
    let mut mounts = Vec::new();
    let tmpfs = Mount::file_system(c"/tmp", c"tmpfs", c"tmpfs", libc::MS_NOSUID | libc::MS_NODEV);
    mounts.push(tmpfs.with_data(&[c"size=25%", c"mode=01777"]));
    for path in kept {
        // A missing path is an error of its rule, or of exec.
        if path == TMP || !is_below(&path, TMP) || fs::identity(word(&path)).is_err() {
            continue;
        }
        let writable = rules.iter().any(|(rule, writable)| *writable && is_below(&path, rule));
        let flags = if writable { 0 } else { libc::MS_RDONLY };
        let target = word(&path);
        if mounts.iter().all(|mount: &Mount| mount.destination != target) {
            mounts.push(Mount::bind(target, target, flags));
        }
    }
    mounts.append(&mut spec.mounts);
    spec.mounts = mounts;
    // First: a requested rule may be about a path below it.
    spec.security.paths.insert(0, OWN_TMP);
    if is_below(&begin, TMP) {
        // The working directory that mini was started in is covered now.
        spec.process.cwd = Some(word(&begin));
    }
    Ok(())
}

/// The absolute form of a path without `.`, `..` and double slashes; no link is followed.
fn normal(from: &[u8], path: &[u8]) -> Vec<u8> {
    let mut names: Vec<&[u8]> = Vec::new();
    let from = if path.starts_with(b"/") { b"" } else { from };
    for name in from.split(|b| *b == b'/').chain(path.split(|b| *b == b'/')) {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    match names.is_empty() {
        true => b"/".to_vec(),
        false => names.iter().flat_map(|name| [b"/", *name].concat()).collect(),
    }
}

fn word(path: &[u8]) -> &'static CStr {
    let mut text = Text::new();
    text.raw(path);
    text.leak()
}
