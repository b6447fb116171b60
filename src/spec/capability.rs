//! Capabilities (capabilities(7)), as bits of a set.

/// A set of capabilities: bit N is capability N.
pub type Set = u64;

/// Names by number, without CAP_.
pub const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Mounting, unmounting and much else.
pub const SYS_ADMIN: u8 = 21;

/// Making device nodes.
pub const MKNOD: u8 = 27;

/// Every capability, including those of future kernels.
pub const ALL: Set = !0;

/// The default set of a container: Docker's fourteen.
pub const DEFAULT: Set = {
    const NUMBERS: [u8; 14] = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31];
    let mut set = 0;
    let mut at = 0;
    while at < NUMBERS.len() {
        set |= 1 << NUMBERS[at];
        at += 1;
    }
    set
};

/// The number of a capability by its name, with or without CAP_, in any case.
pub fn by_name(name: &[u8]) -> Option<u8> {
    let prefix = name.get(..4).filter(|prefix| prefix.eq_ignore_ascii_case(b"CAP_"));
    let name = if prefix.is_some() { &name[4..] } else { name };
    let position = NAMES.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(name))?;
    Some(position as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_dress() {
        for name in ["SYS_ADMIN", "sys_admin", "CAP_SYS_ADMIN", "cap_Sys_Admin"] {
            assert_eq!(by_name(name.as_bytes()), Some(SYS_ADMIN), "{name}");
        }
        assert_eq!(by_name(b"CHECKPOINT_RESTORE"), Some(40));
        for name in ["", "CAP_", "SYS", "CAP_CAP_CHOWN", "ALL"] {
            assert_eq!(by_name(name.as_bytes()), None, "{name}");
        }
    }

    /// As `capsh --decode=00000000a80425fb` shows it.
    #[test]
    fn the_default_is_dockers() {
        assert_eq!(DEFAULT, 0xa804_25fb);
    }
}
