//! Parses mount options: flags, propagation, and options for the file system.

use crate::spec::mounts::MountOptions;
use core::ffi::CStr;

/// Names that set a flag, by bit (mount(2)). Two spaces: no name for the bit. The last two are not
/// kernel flags.
const SET: &str = "ro nosuid nodev noexec sync remount mand dirsync nosymfollow  noatime nodiratime bind   silent  \
                   unbindable private slave shared relatime  iversion strictatime lazytime     idmap tmpcopyup";
/// Names that clear a flag.
const CLEAR: &str = "rw suid dev exec async  nomand  symfollow  atime diratime    loud      norelatime  noiversion \
                     nostrictatime nolazytime";
const BIND: u32 = 12;
const REC: u32 = 14;
const IDMAP: u32 = 30;
const TMPCOPYUP: u32 = 31;
/// MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED
const PROPAGATION: u32 = 0xf << 17;
/// Flags that are also mount attributes: ro, nosuid, nodev, noexec, nosymfollow, noatime,
/// nodiratime, relatime, strictatime.
const ATTRIBUTES: u32 = 0xf | 1 << 8 | 1 << 10 | 1 << 11 | 1 << 21 | 1 << 24;
/// MOUNT_ATTR__ATIME
const ATIME: u64 = 0x70;

impl<'a> MountOptions<'a> {
    /// Parses the options.
    pub fn read(words: &[&'a CStr]) -> MountOptions<'a> {
        let mut options = MountOptions::default();
        for word in words {
            let bytes = word.to_bytes();
            if !options.word(bytes) && !options.recursive(bytes) {
                options.data.push(word);
            }
        }
        options
    }

    /// Parses an option of a single mount.
    fn word(&mut self, word: &[u8]) -> bool {
        if word == b"defaults" || word.is_empty() {
            return true;
        }
        let Some((bit, set)) = find(word) else { return false };
        let flag = 1 << bit;
        match bit {
            IDMAP => self.idmap = true,
            TMPCOPYUP => self.tmpcopyup = true,
            _ if flag & PROPAGATION != 0 => self.propagation.push(flag),
            _ if set => {
                self.set |= flag;
                self.clear &= !flag;
            }
            _ => {
                self.clear |= flag;
                self.set &= !flag;
            }
        }
        true
    }

    /// Parses a recursive option: `r` and the name of an option that is a mount attribute.
    fn recursive(&mut self, word: &[u8]) -> bool {
        let Some((bit, set)) = word.strip_prefix(b"r").and_then(find) else { return false };
        let flag = 1u32 << bit;
        match bit {
            BIND => self.set |= flag | 1 << REC,
            IDMAP => (self.idmap, self.recursive_idmap) = (true, true),
            _ if flag & PROPAGATION != 0 => self.propagation.push(flag | 1 << REC),
            _ if flag & ATTRIBUTES != 0 => self.attribute(bit, set),
            _ => return false,
        }
        true
    }

    fn attribute(&mut self, bit: u32, set: bool) {
        let attribute: u64 = match bit {
            8 => 0x20_0000,
            10 => 0x10,
            11 => 0x80,
            21 => 0,
            24 => 0x20,
            _ => 1 << bit,
        };
        if matches!(bit, 10 | 21 | 24) {
            // One of three values in the same bits; mount_setattr(2) requires that all bits are
            // cleared. The default is relatime.
            self.recursive_set &= !ATIME;
            self.recursive_clear |= ATIME;
        }
        if set {
            self.recursive_set |= attribute;
            self.recursive_clear &= !attribute | ATIME;
        } else {
            self.recursive_set &= !attribute;
            self.recursive_clear |= attribute;
        }
    }
}

/// The bit of a flag, and whether the option sets or clears it.
fn find(word: &[u8]) -> Option<(u32, bool)> {
    let position = |words: &str| words.split(' ').position(|known| known.as_bytes() == word);
    // Two spaces in the list are no name.
    if word.is_empty() {
        return None;
    }
    let set = position(SET);
    let bit = set.or_else(|| position(CLEAR))?;
    Some((bit as u32, set.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> MountOptions<'static> {
        let words: Vec<&CStr> = words
            .split(',')
            .map(|word| std::ffi::CString::new(word).unwrap())
            .map(|word| &*Box::leak(word.into_boxed_c_str()))
            .collect();
        MountOptions::read(&words)
    }

    fn set(flags: libc::c_ulong) -> MountOptions<'static> {
        MountOptions { set: flags as u32, ..MountOptions::default() }
    }

    fn cleared(flags: libc::c_ulong) -> MountOptions<'static> {
        MountOptions { clear: flags as u32, ..MountOptions::default() }
    }

    /// The table of config.md, in its order, but for the recursive ones.
    #[test]
    fn every_option_has_its_flag() {
        let strict = libc::MS_STRICTATIME;
        for (word, options) in [
            ("async", cleared(libc::MS_SYNCHRONOUS)),
            ("atime", cleared(libc::MS_NOATIME)),
            ("bind", set(libc::MS_BIND)),
            ("defaults", set(0)),
            ("", set(0)),
            ("dev", cleared(libc::MS_NODEV)),
            ("diratime", cleared(libc::MS_NODIRATIME)),
            ("dirsync", set(libc::MS_DIRSYNC)),
            ("exec", cleared(libc::MS_NOEXEC)),
            ("iversion", set(libc::MS_I_VERSION)),
            ("lazytime", set(1 << 25)),
            ("loud", cleared(libc::MS_SILENT)),
            ("mand", set(libc::MS_MANDLOCK)),
            ("noatime", set(libc::MS_NOATIME)),
            ("nodev", set(libc::MS_NODEV)),
            ("nodiratime", set(libc::MS_NODIRATIME)),
            ("noexec", set(libc::MS_NOEXEC)),
            ("noiversion", cleared(libc::MS_I_VERSION)),
            ("nolazytime", cleared(1 << 25)),
            ("nomand", cleared(libc::MS_MANDLOCK)),
            ("norelatime", cleared(libc::MS_RELATIME)),
            ("nostrictatime", cleared(strict)),
            ("nosuid", set(libc::MS_NOSUID)),
            ("nosymfollow", set(1 << 8)),
            ("rbind", set(libc::MS_BIND | libc::MS_REC)),
            ("relatime", set(libc::MS_RELATIME)),
            ("remount", set(libc::MS_REMOUNT)),
            ("ro", set(libc::MS_RDONLY)),
            ("rw", cleared(libc::MS_RDONLY)),
            ("silent", set(libc::MS_SILENT)),
            ("strictatime", set(strict)),
            ("suid", cleared(libc::MS_NOSUID)),
            ("symfollow", cleared(1 << 8)),
            ("sync", set(libc::MS_SYNCHRONOUS)),
        ] {
            assert_eq!(read(word), options, "{word}");
        }
        let propagation = |flags: libc::c_ulong| MountOptions {
            propagation: vec![flags as u32],
            ..MountOptions::default()
        };
        for (word, flag) in [
            ("private", libc::MS_PRIVATE),
            ("shared", libc::MS_SHARED),
            ("slave", libc::MS_SLAVE),
            ("unbindable", libc::MS_UNBINDABLE),
        ] {
            assert_eq!(read(word), propagation(flag), "{word}");
            assert_eq!(read(&format!("r{word}")), propagation(flag | libc::MS_REC), "r{word}");
        }
        assert!(read("tmpcopyup").tmpcopyup);
        let idmap = read("idmap");
        assert!(idmap.idmap && !idmap.recursive_idmap);
        let idmap = read("ridmap");
        assert!(idmap.idmap && idmap.recursive_idmap);
    }

    #[test]
    fn recursive_options_are_attributes() {
        for (word, attribute) in [
            ("ro", libc::MOUNT_ATTR_RDONLY),
            ("nosuid", libc::MOUNT_ATTR_NOSUID),
            ("nodev", libc::MOUNT_ATTR_NODEV),
            ("noexec", libc::MOUNT_ATTR_NOEXEC),
            ("nodiratime", libc::MOUNT_ATTR_NODIRATIME),
            ("nosymfollow", libc::MOUNT_ATTR_NOSYMFOLLOW),
        ] {
            let options = MountOptions { recursive_set: attribute, ..MountOptions::default() };
            assert_eq!(read(&format!("r{word}")), options, "r{word}");
            let opposite = if word == "ro" { "rrw".into() } else { word.replace("no", "r") };
            let options = MountOptions { recursive_clear: attribute, ..MountOptions::default() };
            assert_eq!(read(&opposite), options, "{opposite}");
        }
        let atime = libc::MOUNT_ATTR__ATIME;
        for (word, set) in [
            ("rnoatime", libc::MOUNT_ATTR_NOATIME),
            ("ratime", 0),
            ("rrelatime", 0),
            ("rnorelatime", 0),
            ("rstrictatime", libc::MOUNT_ATTR_STRICTATIME),
            ("rnostrictatime", 0),
        ] {
            let options = MountOptions {
                recursive_set: set,
                recursive_clear: atime,
                ..MountOptions::default()
            };
            assert_eq!(read(word), options, "{word}");
        }
        let both = read("rnoatime,rnodiratime,rstrictatime,rro,rrw");
        assert_eq!(both.recursive_set, libc::MOUNT_ATTR_STRICTATIME | libc::MOUNT_ATTR_NODIRATIME);
        assert_eq!(both.recursive_clear, atime | libc::MOUNT_ATTR_RDONLY);
    }

    #[test]
    fn the_later_of_two_counts() {
        assert_eq!(read("ro,rw"), cleared(libc::MS_RDONLY));
        assert_eq!(read("rw,ro"), set(libc::MS_RDONLY));
        let both = [libc::MS_PRIVATE as u32, libc::MS_SHARED as u32 | libc::MS_REC as u32];
        assert_eq!(read("private,rshared").propagation, both);
    }

    #[test]
    fn what_is_unknown_is_the_file_systems() {
        let options =
            read("nosuid,mode=755,size=65536k,rremount,rsilent,rtmpcopyup,r,rr,gid=5,X-x");
        assert_eq!(options.set, libc::MS_NOSUID as u32);
        let data = [
            c"mode=755",
            c"size=65536k",
            c"rremount",
            c"rsilent",
            c"rtmpcopyup",
            c"r",
            c"rr",
            c"gid=5",
            c"X-x",
        ];
        assert_eq!(options.data, data);
    }
}
