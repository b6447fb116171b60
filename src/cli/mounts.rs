//! Parses `--rootfs`, `--overlay`, `-v`, `--tmpfs`, `--device` and `--mount`.

use super::Run;
use super::values::{bad, not_empty, size};
use crate::error::Result;
use crate::spec::mounts::{Kind, Mount, MountOptions, Overlay};
use crate::text::{Text, number};
use alloc::vec::Vec;
use core::ffi::CStr;
use libc::{MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC, MS_SLAVE};

fn word<'a>(bytes: &[u8]) -> &'a CStr {
    let mut text = Text::new();
    text.raw(bytes);
    text.leak()
}

/// `DIR[:DIR...][:O]`. Colons separate directories only with `:O`, where a colon in a path is written
/// `\\:`; without it, every path is taken as it is.
pub fn rootfs<'a>(run: &mut Run<'a>, value: &'a CStr) -> Result<()> {
    let Some(lowers) = value.to_bytes().strip_suffix(b":O") else {
        return not_empty("--rootfs", value, &mut run.spec.root.path);
    };
    run.spec.root.overlay = Some(Overlay::Temporary);
    let mut lowers = split(lowers, b':').into_iter();
    let first = word(&lowers.next().unwrap_or_default());
    run.spec.root.lowers = lowers.map(|lower| word(&lower)).collect();
    if run.spec.root.lowers.iter().any(|lower| lower.is_empty()) {
        return Err(bad("--rootfs", value.to_bytes(), "has an empty part").hint("DIR[:DIR...]:O"));
    }
    not_empty("--rootfs", first, &mut run.spec.root.path)
}

/// `UPPER[,WORK]`
pub fn overlay<'a>(run: &mut Run<'a>, value: &'a CStr) -> Result<()> {
    let parts = split(value.to_bytes(), b',');
    let (upper, work) = match &parts[..] {
        [upper] if !upper.is_empty() => (upper.clone(), [upper, &b".work"[..]].concat()),
        [upper, work] if !upper.is_empty() && !work.is_empty() => (upper.clone(), work.clone()),
        _ => return Err(bad("--overlay", value.to_bytes(), "not UPPER[,WORK]")),
    };
    run.spec.root.overlay = Some(Overlay::Kept { upper: word(&upper), work: word(&work) });
    Ok(())
}

/// `SRC:DST[:OPTIONS]`
pub fn volume<'a>(run: &mut Run<'a>, value: &'a CStr) -> Result<()> {
    let form = |cause| bad("--volume", value.to_bytes(), cause).hint("SRC:DST[:OPTIONS]");
    let mut parts = value.to_bytes().split(|b| *b == b':');
    let (Some(source), Some(target)) = (parts.next(), parts.next()) else {
        return Err(form("has no destination"));
    };
    let mut new = Draft::new(true);
    for option in parts.next().unwrap_or_default().split(|b| *b == b',') {
        // z and Z are for SELinux, the others for Docker's desktops: none changes a mount of mini.
        let is_moot =
            matches!(option, b"" | b"z" | b"Z" | b"cached" | b"delegated" | b"consistent");
        if !is_moot && !new.option(option) {
            return Err(bad("--volume", option, "unknown option").hint(BIND_OPTIONS));
        }
    }
    if parts.next().is_some() {
        return Err(form("has too many colons: use --mount"));
    }
    (new.source, new.target) = (source.to_vec(), target.to_vec());
    run.spec.mounts.push(new.finish("--volume", value)?);
    Ok(())
}

/// `DST[:OPTIONS]`
pub fn tmpfs<'a>(run: &mut Run<'a>, value: &'a CStr) -> Result<()> {
    let mut parts = value.to_bytes().splitn(2, |b| *b == b':');
    let mut new = Draft::new(false);
    new.target = parts.next().unwrap_or_default().to_vec();
    for option in parts.next().unwrap_or_default().split(|b| *b == b',') {
        if !option.is_empty() && !new.option(option) {
            return Err(bad("--tmpfs", option, "unknown option").hint(TMPFS_OPTIONS));
        }
    }
    run.spec.mounts.push(new.finish("--tmpfs", value)?);
    Ok(())
}

/// `HOST[:CONTAINER[:rwm]]`
pub fn device<'a>(run: &mut Run<'a>, value: &'a CStr) -> Result<()> {
    let mut parts = value.to_bytes().splitn(3, |b| *b == b':');
    let source = parts.next().unwrap_or_default();
    let target = parts.next().unwrap_or(source);
    if parts.next().is_some_and(|rights| rights != b"rwm") {
        let hint = "rwm, or leave it out: the device's permissions decide";
        return Err(bad("--device", value.to_bytes(), "rights cannot be limited").hint(hint));
    }
    let mut new = Draft::new(true);
    (new.source, new.target) = (source.to_vec(), target.to_vec());
    new.options.recursive = false;
    new.options.nodev = Some(false);
    run.spec.mounts.push(new.finish("--device", value)?);
    run.devices.push(word(source));
    Ok(())
}

/// `type=bind,src=SRC,dst=DST,OPTIONS`
pub fn mount<'a>(run: &mut Run<'a>, value: &'a CStr) -> Result<()> {
    let words = split(value.to_bytes(), b',');
    let valued = |word: &[u8], keys: &[&[u8]]| {
        let at = word.iter().position(|b| *b == b'=')?;
        keys.contains(&&word[..at]).then(|| word[at + 1..].to_vec())
    };
    let kind = words.iter().find_map(|word| valued(word, &[b"type"]));
    let mut new = match kind.as_deref() {
        Some(b"bind") => Draft::new(true),
        Some(b"tmpfs") => Draft::new(false),
        Some(b"image") => Draft::new(true),
        Some(fstype @ (b"overlay" | b"proc" | b"sysfs" | b"mqueue" | b"devpts")) => {
            Draft::file_system(fstype)
        }
        kind => {
            let (object, cause) = match kind {
                Some(kind) => (kind, "unknown type"),
                None => (value.to_bytes(), "needs type="),
            };
            let hint = "bind, tmpfs, image, overlay, proc, sysfs, mqueue or devpts";
            return Err(bad("--mount", object, cause).hint(hint));
        }
    };
    let is_image = kind.as_deref() == Some(b"image");
    for word in &words {
        if let Some(source) = valued(word, &[b"src", b"source"]) {
            new.source = source;
        } else if let Some(target) = valued(word, &[b"dst", b"destination", b"target"]) {
            new.target = target;
        } else if let (Some(b"overlay"), Some(layer)) =
            (new.fstype.map(CStr::to_bytes), valued(word, &LAYERS))
        {
            let name = word.split(|b| *b == b'=').next().unwrap_or_default();
            let mut option = Text::new();
            option.raw(name).str("dir=");
            // A comma ends an option of mount(2); overlay takes it after a backslash.
            for byte in layer {
                option.str(if byte == b',' { "\\" } else { "" }).raw(&[byte]);
            }
            new.data.push(option.leak());
        } else if valued(word, &[b"type"]).is_none() && !new.option(word) {
            let hint = if new.is_bind { BIND_OPTIONS } else { TMPFS_OPTIONS };
            return Err(bad("--mount", word, "unknown option").hint(hint));
        }
    }
    let is_overlay = new.fstype == Some(c"overlay");
    let mut mount = new.finish("--mount", value)?;
    if is_overlay {
        let layers = LAYERS.map(|name| words.iter().filter_map(|it| valued(it, &[name])).next());
        let cause = match layers {
            [None, ..] => "needs lower=",
            [_, Some(_), None] => "needs work= with upper=",
            [_, None, Some(_)] => "needs upper= with work=",
            [Some(lower), None, None] if !lower.contains(&b':') => {
                "needs upper= and work=, or a second directory: lower=DIR:DIR"
            }
            _ => "",
        };
        if !cause.is_empty() {
            return Err(bad("--mount", value.to_bytes(), cause));
        }
    }
    if let (true, Kind::Bind(image)) = (is_image, mount.kind) {
        mount.kind = Kind::Image(image);
    }
    run.spec.mounts.push(mount);
    Ok(())
}

/// The directories of an overlay.
const LAYERS: [&[u8]; 3] = [b"lower", b"upper", b"work"];

const BIND_OPTIONS: &str =
    "ro rw nosuid nodev dev noexec exec bind rbind private rprivate slave rslave";
const TMPFS_OPTIONS: &str =
    "size=SIZE|N% nr_inodes=N mode=OCTAL uid=N gid=N ro rw nosuid nodev noexec suid dev exec";

/// How a mount is made, as the words say it.
#[derive(Clone, Copy)]
struct Options {
    read_only: bool,
    nosuid: bool,
    /// None: the word was not given.
    nodev: Option<bool>,
    noexec: bool,
    /// Whether the mounts below the source are mounted, too.
    recursive: bool,
    /// Whether mounts that the host makes below the source later appear.
    slave: bool,
}

impl Options {
    /// A bind mount's, unless told otherwise.
    const BIND: Options = Options {
        read_only: false,
        nosuid: false,
        nodev: None,
        noexec: false,
        recursive: true,
        slave: false,
    };

    /// A tmpfs's, unless told otherwise.
    const TMPFS: Options =
        Options { nosuid: true, nodev: Some(true), noexec: true, ..Options::BIND };
}

/// The options of a tmpfs (tmpfs(5)), as text.
struct Tmpfs {
    /// `size=`; without one the size depends on the machine.
    size: Option<Text>,
    /// Permission bits of its root.
    mode: u32,
    /// `,nr_inodes=`, `,uid=` and `,gid=`.
    inodes: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
}

/// A mount whose words are being read.
struct Draft<'a> {
    is_bind: bool,
    /// The type of a file system other than tmpfs.
    fstype: Option<&'static CStr>,
    data: Vec<&'a CStr>,
    source: Vec<u8>,
    target: Vec<u8>,
    options: Options,
    tmpfs: Tmpfs,
    propagation: Option<bool>,
    conflict: bool,
    has_bind_options: bool,
}

impl<'a> Draft<'a> {
    fn file_system(name: &[u8]) -> Draft<'a> {
        const KNOWN: [&CStr; 5] = [c"overlay", c"proc", c"sysfs", c"mqueue", c"devpts"];
        let mut draft = Draft::new(true);
        draft.fstype = KNOWN.into_iter().find(|known| known.to_bytes() == name);
        match name {
            // Its files are like those of a bind mount.
            b"overlay" => {}
            b"devpts" => {
                draft.options =
                    Options { nosuid: true, nodev: Some(false), noexec: true, ..Options::BIND };
                draft.data.extend([c"ptmxmode=0666", c"mode=0620"]);
            }
            _ => draft.options = Options::TMPFS,
        }
        draft
    }

    fn new(is_bind: bool) -> Draft<'a> {
        Draft {
            is_bind,
            fstype: None,
            data: Vec::new(),
            source: Vec::new(),
            target: Vec::new(),
            options: if is_bind { Options::BIND } else { Options::TMPFS },
            tmpfs: Tmpfs { size: None, mode: 0o1777, inodes: None, uid: None, gid: None },
            propagation: None,
            conflict: false,
            has_bind_options: false,
        }
    }

    /// Applies an option; returns false when it is unknown.
    fn option(&mut self, option: &[u8]) -> bool {
        // Docker's long forms.
        let option: &[u8] = match option {
            b"readonly=true" | b"ro=true" => b"ro",
            b"readonly=false" | b"ro=false" => b"rw",
            b"bind-nonrecursive" | b"bind-nonrecursive=true" => b"bind",
            option => option.strip_prefix(b"bind-propagation=").unwrap_or(option),
        };
        let options = &mut self.options;
        self.has_bind_options |=
            matches!(option, b"bind" | b"rbind" | b"private" | b"rprivate" | b"slave" | b"rslave");
        match option {
            b"ro" | b"readonly" => options.read_only = true,
            b"rw" => options.read_only = false,
            b"nosuid" => options.nosuid = true,
            b"nodev" => options.nodev = Some(true),
            b"dev" => options.nodev = Some(false),
            b"noexec" => options.noexec = true,
            b"exec" => options.noexec = false,
            b"suid" if !self.is_bind => options.nosuid = false,
            b"bind" if self.is_bind => options.recursive = false,
            b"rbind" if self.is_bind => options.recursive = true,
            b"private" | b"rprivate" | b"slave" | b"rslave" if self.is_bind => {
                let slave = option.ends_with(b"slave");
                self.conflict |= self.propagation.is_some_and(|before| before != slave);
                self.propagation = Some(slave);
                options.slave = slave;
            }
            _ if self.is_bind => return false,
            _ => return self.tmpfs_option(option).is_some(),
        }
        true
    }

    /// Applies an option of tmpfs(5) that makes sense in a container; Docker's `tmpfs-size` and `tmpfs-mode`
    /// are the same as `size` and `mode`.
    fn tmpfs_option(&mut self, option: &[u8]) -> Option<()> {
        let at = option.iter().position(|b| *b == b'=')?;
        let (name, value) = (&option[..at], &option[at + 1..]);
        let name = match name {
            b"tmpfs-size" | b"tmpfs-mode" => &name[b"tmpfs-".len()..],
            name => name,
        };
        let tmpfs = &mut self.tmpfs;
        // The highest number is no id. To the kernel, a size of 0 means no limit.
        let id =
            || number(value, 10).filter(|id| *id < u64::from(u32::MAX)).map(|id| Some(id as u32));
        match name {
            b"size" => {
                let mut text = Text::new();
                match value.strip_suffix(b"%") {
                    Some(digits) => {
                        let percent = number(digits, 10).filter(|it| (1..=100).contains(it))?;
                        text.str("size=").number(percent).str("%");
                    }
                    None => {
                        let size = size(value).filter(|size| (1..=MOST).contains(size))?;
                        text.str("size=").number(size);
                    }
                }
                tmpfs.size = Some(text);
            }
            b"nr_inodes" => {
                tmpfs.inodes = Some(size(value).filter(|count| (1..=MOST).contains(count))?)
            }
            b"mode" => tmpfs.mode = number(value, 8).filter(|mode| *mode <= 0o7777)? as u32,
            b"uid" => tmpfs.uid = id()?,
            b"gid" => tmpfs.gid = id()?,
            _ => return None,
        }
        Some(())
    }

    fn finish(self, option: &str, value: &CStr) -> Result<Mount<'a>> {
        let wrong = |cause| Err(bad(option, value.to_bytes(), cause));
        match (self.is_bind && self.fstype.is_none(), self.source.is_empty()) {
            (true, true) => return wrong("has no source"),
            (false, false) => return wrong("takes no source"),
            _ => {}
        }
        if self.fstype.is_some() && self.has_bind_options {
            return wrong("bind, private and slave are for type=bind");
        }
        if !self.target.starts_with(b"/") {
            return wrong("the destination must begin with /");
        }
        if self.target.split(|b| *b == b'/').any(|part| part == b"..") {
            return wrong("the destination must not have .. in it");
        }
        if self.target.iter().all(|b| matches!(b, b'/' | b'.')) {
            return wrong("the destination must not be the root");
        }
        if self.conflict {
            return wrong("both private and slave");
        }
        let target = word(&self.target);
        let (fstype, data) = match self.fstype {
            Some(fstype) => (fstype, self.data),
            None if self.is_bind => {
                let kind = Kind::Bind(word(&self.source));
                return Ok(Mount::new(target, kind, self.options.of_bind()));
            }
            None => (c"tmpfs", self.tmpfs.data()),
        };
        let mut mount = Mount::file_system(target, fstype, fstype, self.options.flags());
        mount.options.clear = self.options.cleared();
        Ok(mount.with_data(&data))
    }
}

impl Options {
    fn flags(self) -> libc::c_ulong {
        let mut flags = 0;
        for (is_set, flag) in [
            (self.read_only, MS_RDONLY),
            (self.nosuid, MS_NOSUID),
            (self.nodev == Some(true), MS_NODEV),
            (self.noexec, MS_NOEXEC),
        ] {
            flags |= if is_set { flag } else { 0 };
        }
        flags
    }

    /// `dev` keeps the default away, which is `nodev`.
    fn cleared(self) -> u32 {
        if self.nodev == Some(false) { MS_NODEV as u32 } else { 0 }
    }

    /// The options of a bind mount apply to the mounts below it, too.
    fn of_bind(self) -> MountOptions<'static> {
        let recursive = if self.recursive { MS_REC } else { 0 };
        let propagation = recursive | if self.slave { MS_SLAVE } else { MS_PRIVATE };
        let mut options = MountOptions {
            set: (MS_BIND | recursive) as u32,
            clear: self.cleared(),
            propagation: [propagation as u32].into(),
            ..MountOptions::default()
        };
        options.add_flags(self.flags());
        options
    }
}

impl Tmpfs {
    fn data<'a>(self) -> Vec<&'a CStr> {
        let mut data = Vec::new();
        data.extend(self.size.map(Text::leak));
        let mut mode = Text::new();
        mode.str("mode=").octal(self.mode);
        data.push(mode.leak());
        for (name, value) in [
            ("nr_inodes=", self.inodes),
            ("uid=", self.uid.map(u64::from)),
            ("gid=", self.gid.map(u64::from)),
        ] {
            if let Some(value) = value {
                let mut text = Text::new();
                text.str(name).number(value);
                data.push(text.leak());
            }
        }
        data
    }
}

/// The largest size; the kernel would take more for no limit.
const MOST: u64 = u64::MAX >> 1;

/// Splits at each separator without a backslash before it, and removes those backslashes.
fn split(text: &[u8], separator: u8) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut part = Vec::new();
    let mut escaped = false;
    for byte in text {
        match byte {
            b'\\' if !escaped => escaped = true,
            byte if *byte == separator && !escaped => parts.push(core::mem::take(&mut part)),
            byte => {
                if escaped && *byte != separator && *byte != b'\\' {
                    part.push(b'\\');
                }
                part.push(*byte);
                escaped = false;
            }
        }
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(split(b"a,b", b','), [b"a".to_vec(), b"b".to_vec()]);
        assert_eq!(split(b"a\\,b,c", b','), [b"a,b".to_vec(), b"c".to_vec()]);
        assert_eq!(split(b"a\\\\,c\\d", b','), [b"a\\".to_vec(), b"c\\d".to_vec()]);
        assert_eq!(split(b"", b','), [b"".to_vec()]);
    }
}
