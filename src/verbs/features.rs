//! The verb `mini features`.

use super::print;
use crate::error::Result;
use crate::spec::capability::NAMES;
use crate::store::state::OCI_VERSION;
use crate::text::Text;

/// Prints what mini supports, as the specification's features.md wants it.
///
/// # Errors
/// When it cannot be written.
pub fn features() -> Result<u8> {
    let mut text = Text::new();
    text.str("{\"ociVersionMin\":\"1.0.0\",\"ociVersionMax\":\"").str(OCI_VERSION).str("\"");
    words("hooks", HOOKS, &mut text);
    text.str(",\"mountOptions\":[");
    quoted(OPTIONS, &mut text);
    text.str("],\"linux\":{\"namespaces\":[");
    quoted("cgroup ipc mount network pid time user uts", &mut text);
    text.str("],\"capabilities\":[");
    for (number, name) in NAMES.iter().enumerate() {
        text.str(if number > 0 { ",\"CAP_" } else { "\"CAP_" }).str(name).str("\"");
    }
    text.str("],\"cgroup\":{\"v1\":true,\"v2\":true,\"systemd\":false,\"systemdUser\":false,\"rdma\":true}");
    text.str(",\"seccomp\":{\"enabled\":true");
    words("actions", ACTIONS, &mut text);
    words("operators", OPERATORS, &mut text);
    text.str("},\"apparmor\":{\"enabled\":true},\"selinux\":{\"enabled\":true},\"intelRdt\":{\"enabled\":false}");
    text.str(",\"netDevices\":{\"enabled\":true}}}\n");
    print(text.bytes().into())
}

const HOOKS: &str = "prestart createRuntime createContainer startContainer poststart poststop";

const OPTIONS: &str = "async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev \
    nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind \
    rdev rdiratime relatime remount rexec rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid \
    rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared \
    silent slave strictatime suid symfollow sync tmpcopyup unbindable";

const ACTIONS: &str = "SCMP_ACT_ALLOW SCMP_ACT_ERRNO SCMP_ACT_KILL SCMP_ACT_KILL_PROCESS SCMP_ACT_KILL_THREAD \
    SCMP_ACT_LOG SCMP_ACT_TRACE SCMP_ACT_TRAP";

const OPERATORS: &str =
    "SCMP_CMP_EQ SCMP_CMP_GE SCMP_CMP_GT SCMP_CMP_LE SCMP_CMP_LT SCMP_CMP_MASKED_EQ SCMP_CMP_NE";

/// A further member, a list of words.
fn words(name: &str, list: &str, out: &mut Text) {
    out.str(",\"").str(name).str("\":[");
    quoted(list, out);
    out.str("]");
}

fn quoted(list: &str, out: &mut Text) {
    for (number, word) in list.split(' ').enumerate() {
        out.str(if number > 0 { ",\"" } else { "\"" }).str(word).str("\"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::mounts::MountOptions;

    /// What is said to be supported is no option of a file system's own.
    #[test]
    fn mount_options_are_those_that_are_read() {
        for word in OPTIONS.split(' ') {
            let word = std::ffi::CString::new(word).unwrap();
            assert!(MountOptions::read(&[&*word]).data.is_empty(), "{word:?}");
        }
        let own = MountOptions::read(&[c"size=1k"]);
        assert_eq!(own.data.len(), 1);
    }
}
