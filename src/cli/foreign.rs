//! Options and verbs of Docker, Podman, bubblewrap and systemd-nspawn that mini does not have, and what
//! does the same here. One text, because a table of references would be relocated at every start.

use crate::error::Error;
use crate::text::Text;

/// Lines of `NAME... = ANSWER`. An answer that begins with `-` is an option of `mini run`.
const OPTIONS: &str = "\
d detach=run mini in the background: mini run ... &
p P publish publish-all expose link ip ip6 network-alias mac-address n network-veth=mini makes no virtual network; --network host shares the host's ports
share-net=--network host
dns dns-option dns-search=-v FILE:/etc/resolv.conf:ro
add-host=-v FILE:/etc/hosts:ro
entrypoint=write the program as COMMAND, after the options
boot b=write the init program as COMMAND: /sbin/init
restart health-cmd health-interval health-retries health-timeout=a supervisor restarts and checks commands: systemd, runit, s6
gpus=--device /dev/nvidia0 for each device
device-cgroup-rule=--device
pull platform arch os disable-content-trust=mini downloads no images: --rootfs takes a directory, an image file or a tar archive
log-driver log-opt console=redirect standard output and standard error
l label label-file annotation annotate=mini keeps no labels: leave it out
cidfile=--pidfile FILE for the process id
a attach sig-proxy pipe detach-keys=standard input, output, error and signals are always passed on: leave it out
volumes-from volume-driver=-v SRC:DST
secret config=-v FILE:PATH:ro
domainname=--hostname takes a full name
oom-kill-disable kernel-memory memory-high=--cgroup-conf FILE=VALUE
device-read-bps device-write-bps device-read-iops device-write-iops blkio-weight-device=--cgroup-conf io.max=... or blkio.throttle.*
cgroups slice property=--cgroup-parent PATH
tz=-e TZ=ZONE
env-host=-e KEY for each variable
unsetenv clearenv=--rootfs begins with a clean environment; for one variable: env -u KEY COMMAND
pod=--network, --ipc and --pid can be host
bind dev-bind bind-try dev-bind-try=-v SRC:DST, with :dev for devices
ro-bind bind-ro ro-bind-try=-v SRC:DST:ro
remount-ro=--read-only, or :ro after a volume
chdir=-w DIR
setenv E=-e KEY=VALUE
dev proc mqueue=/proc, /sys and /dev are mounted by --rootfs: leave it out
dir symlink file bind-data=make it in the root before, or mount it: -v SRC:DST
unshare-all unshare-user unshare-ipc unshare-pid unshare-net unshare-uts unshare-cgroup private-network as-pid-1 die-with-parent=the default: leave it out
new-session=-t
uid gid uuid=-u UID:GID
D directory root image=--rootfs DIR or FILE
x ephemeral volatile tmp-overlay overlay-src=--rootfs DIR:O
as-pid2=--init
M machine=--name NAME
U private-users=--userns auto
capability=--cap-add NAME
drop-capability=--cap-drop NAME
kill-signal=--stop-signal SIGNAL
seccomp=--security-opt seccomp=FILE
";

/// The same for verbs.
const VERBS: &str = "\
pull push search login logout build buildx images image tag commit save load import=mini has no images: mini run --rootfs takes a directory, an image file or a tar archive
cp export diff=the root file system is a directory: use cp and tar
compose up down=mini runs one container: a script or a supervisor starts several
network port=mini makes no virtual network: mini run --network host
volume=mini run -v SRC:DST
top stats=ps and the cgroup's files on the host show it
info system=use mini check
container=leave it out: mini run
";

fn answer(table: &'static str, name: &[u8]) -> Option<&'static str> {
    table.lines().find_map(|line| {
        let (names, answer) = line.split_once('=')?;
        names.split(' ').any(|known| known.as_bytes() == name).then_some(answer)
    })
}

/// What does here what the option does elsewhere; the name is without dashes.
pub fn option(name: &[u8]) -> Option<&'static str> {
    answer(OPTIONS, name)
}

/// Adds an answer to an error.
pub fn hint(error: Error, answer: &str) -> Error {
    let mut hint = Text::new();
    hint.str(if answer.starts_with('-') { "here: " } else { "" }).str(answer);
    error.hint_text(&hint)
}

/// What to do instead of a verb.
pub fn verb(name: &[u8]) -> Option<&'static str> {
    answer(VERBS, name)
}

#[cfg(test)]
mod tests {
    use super::super::options;
    use super::*;

    /// An option that mini gets makes its answer a lie.
    #[test]
    fn no_answer_is_about_what_mini_has() {
        let names = |table: &'static str| -> Vec<&str> {
            let left = table.lines().map(|line| line.split_once('=').unwrap().0);
            left.flat_map(|names| names.split(' ')).collect()
        };
        let list = names(OPTIONS);
        for option in options::all() {
            let long = str::from_utf8(option.long).unwrap();
            assert!(!list.contains(&long), "{long}");
            let short = option.short.map(|letter| (letter as char).to_string());
            assert!(short.is_none_or(|short| !list.contains(&short.as_str())), "{long}");
        }
        for verb in super::super::oci::names() {
            assert!(!names(VERBS).contains(&str::from_utf8(verb).unwrap()), "{verb:?}");
        }
        for list in [list, names(VERBS)] {
            for (at, name) in list.iter().enumerate() {
                assert!(!list[at + 1..].contains(name), "{name} stands twice");
            }
        }
    }

    /// Every option that an answer names is there.
    #[test]
    fn answers_name_options_of_mini() {
        for text in [OPTIONS, VERBS] {
            for line in text.lines() {
                let answer = line.split_once('=').unwrap().1;
                for word in answer.split([' ', ',', ':', ';']) {
                    if let Some(long) = word.strip_prefix("--") {
                        assert!(options::all().any(|it| it.long == long.as_bytes()), "{word}");
                    }
                }
            }
        }
    }
}
