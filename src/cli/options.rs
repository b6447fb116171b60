//! The options of `mini run`: one table, from which parsing and help are made.

use super::packed::{self, Act, Opt, Packed, Unpacked};
use super::values::{
    adjustment, conf, cpu_list, cpus, duration, env_edit, hostname, limit, name, namespace,
    network, not_empty, number_in, percent, size_in, size_limit, stop_signal, then, user,
};
use super::{EnvEdit, mounts, nearest, security};
use crate::error::Error;
use crate::spec::resources::Property;
use core::ffi::CStr;

static PACKED: Packed<{ TABLE.len() }, { packed::length(TABLE) }> = packed::pack(TABLE);
static ACTS: [Act; TABLE.len()] = packed::acts(TABLE);

/// The options, in the order in which help shows them.
pub fn all() -> impl Iterator<Item = Unpacked> {
    PACKED.iter(&ACTS)
}

/// The table. A section of help begins with the option that names it.
const TABLE: &[Opt] = &[
    Opt {
        section: Some("Root and files"),
        long: "rootfs",
        short: None,
        original: None,
        value: Some("DIR[:DIR...][:O]"),
        help: "make DIR the root, with its own /proc, /sys and /dev; without it the command sees \
               the host's files. DIR can be an image of squashfs, erofs or ext4, or a tar archive \
               (-: standard input). With :O what is \
               written to it goes to memory and is gone in \
               the end",
        act: Act::Value(mounts::rootfs),
    },
    Opt {
        section: None,
        long: "overlay",
        short: None,
        original: None,
        value: Some("UPPER[,WORK]"),
        help: "keep what is written to the root in UPPER instead, for one container at a time; WORK is \
               for the kernel, on the same file system, made if missing (UPPER.work)",
        act: Act::Value(mounts::overlay),
    },
    Opt {
        section: None,
        long: "read-only",
        short: None,
        original: None,
        value: None,
        help: "let nothing in the root be changed, beside volumes",
        act: Act::Flag(|run| run.spec.root.readonly = true),
    },
    Opt {
        section: None,
        long: "volume",
        short: Some(b'v'),
        original: None,
        value: Some("SRC:DST[:OPTIONS]"),
        help: "put a file or directory of the host at a path of the container; OPTIONS are ro, \
               nosuid, dev (devices work), noexec, bind (without what is mounted below), rslave; parents \
               are mounted first, and of two at one path the later one is seen",
        act: Act::Value(mounts::volume),
    },
    Opt {
        section: None,
        long: "tmpfs",
        short: None,
        original: None,
        value: Some("DST[:OPTIONS]"),
        help: "put memory at a path of the container; OPTIONS are size= (50% is half of the \
               machine's), nr_inodes=, mode=, uid=, gid=, ro, exec, suid, dev; at most 64m or an eighth of the \
               machine's unless told",
        act: Act::Value(mounts::tmpfs),
    },
    Opt {
        section: None,
        long: "shm-size",
        short: None,
        original: None,
        value: Some("SIZE"),
        help: "Limit /dev/shm to SIZE bytes (suffixes k, m, g; default: 64m)",
        act: Act::Value(|run, value| {
            run.defaults.shm_size = Some(size_in("--shm-size", value, (1, u64::MAX >> 1))?);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "device",
        short: None,
        original: None,
        value: Some("HOST[:DST[:rwm]]"),
        help: "put a device of the host at its path, or another, of the container",
        act: Act::Value(mounts::device),
    },
    Opt {
        section: None,
        long: "mount",
        short: None,
        original: None,
        value: Some("WORDS"),
        help: "the same in words: type=bind,src=SRC,dst=DST,OPTIONS, type=tmpfs, type=image (src a file), \
               type=overlay (lower=, upper=, work=), type=proc, sysfs, mqueue or devpts; \
               a comma in a path is written \\,",
        act: Act::Value(mounts::mount),
    },
    Opt {
        section: Some("Command"),
        long: "interactive",
        short: Some(b'i'),
        original: None,
        value: None,
        help: "accepted: standard input is always passed on",
        act: Act::Flag(|_| {}),
    },
    Opt {
        section: None,
        long: "tty",
        short: Some(b't'),
        original: None,
        value: None,
        help: "give it a terminal of its own, and pass on what is typed at, and goes to, this one",
        act: Act::Flag(|run| run.spec.process.terminal = true),
    },
    Opt {
        section: None,
        long: "init",
        short: None,
        original: None,
        value: None,
        help: "run it as process 2: process 1 is mini, collects orphans, and ends what is left when \
               the command has ended",
        act: Act::Flag(|run| run.spec.process.init = Some(0)),
    },
    Opt {
        section: None,
        long: "timeout",
        short: None,
        original: None,
        value: Some("DURATION"),
        help: "end it after so long, as 90, 10m or 1.5h; the status is 124; 0: never",
        act: Act::Value(|run, value| {
            run.timeout = Some(duration("--timeout", value)?).filter(|nanos| *nanos > 0);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "stop-signal",
        short: None,
        original: None,
        value: Some("SIGNAL"),
        help: "the signal that asks it to end, in place of SIGTERM to mini, too",
        act: Act::Value(|run, value| {
            run.options.stop.signal = stop_signal(value)?;
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "stop-timeout",
        short: None,
        original: None,
        value: Some("DURATION"),
        help: "how long it has to end then, before it is killed: 10s after a timeout, for ever after \
               a signal to mini",
        act: Act::Value(|run, value| {
            run.options.stop.grace = duration("--stop-timeout", value)?;
            run.options.stop.grace_is_asked = true;
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "then",
        short: None,
        original: None,
        value: Some("WHAT"),
        help: "what the machine does when it has ended, where mini is its first process: poweroff, \
               reboot, halt or panic",
        act: Act::Value(|run, value| {
            run.then = Some(then(value)?);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "pidfile",
        short: None,
        original: None,
        value: Some("FILE"),
        help: "write the process id it has on the host, as long as it runs",
        act: Act::Value(|run, value| not_empty("--pidfile", value, &mut run.options.pidfile)),
    },
    Opt {
        section: None,
        long: "ready-fd",
        short: None,
        original: None,
        value: Some("FD"),
        help: "write a newline to this descriptor when it has started",
        act: Act::Value(|run, value| {
            run.options.ready.descriptor = Some(number_in("--ready-fd", value, (1, 1024))? as u32);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "workdir",
        short: Some(b'w'),
        original: None,
        value: Some("DIR"),
        help: "run in DIR of the container",
        act: Act::Value(|run, value| not_empty("--workdir", value, &mut run.spec.process.cwd)),
    },
    Opt {
        section: None,
        long: "env",
        short: Some(b'e'),
        original: None,
        value: Some("KEY[=VALUE]"),
        help: "set a variable; KEY alone takes mini's own value",
        act: Act::Value(|run, value| {
            run.edits.env.push(env_edit(value)?);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "env-file",
        short: None,
        original: None,
        value: Some("FILE"),
        help: "set variables from FILE: one a line, as for -e; # begins a comment",
        act: Act::Value(|run, value| {
            run.edits.env.push(EnvEdit::File(value));
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "user",
        short: Some(b'u'),
        original: None,
        value: Some("USER[:GROUP]"),
        help: "run as a user and group: numbers, or names of the container's /etc/passwd and \
               /etc/group",
        act: Act::Value(|run, value| {
            run.spec.process.user = Some(user(value)?);
            Ok(())
        }),
    },
    Opt {
        section: Some("Isolation"),
        long: "hostname",
        short: Some(b'h'),
        original: None,
        value: Some("NAME"),
        help: "the container's host name (its name, else \"mini\")",
        act: Act::Value(|run, value| {
            run.spec.hostname = Some(hostname("--hostname", value)?);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "name",
        short: None,
        original: Some("-name"),
        value: Some("NAME"),
        help: "the container's name",
        act: Act::Value(|run, value| {
            run.name = Some(name(value)?);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "network",
        short: None,
        original: Some("-net"),
        value: Some("none|host"),
        help: "none: a loopback interface and nothing else (the default); host: the host's",
        act: Act::Value(|run, value| {
            run.spec.namespaces.net = network(value)?;
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "pid",
        short: None,
        original: None,
        value: Some("host"),
        help: "host: see and share the host's processes; what the command leaves behind ends with it",
        act: Act::Value(|run, value| {
            run.spec.namespaces.pid = namespace("--pid", value)?;
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "ipc",
        short: None,
        original: None,
        value: Some("host"),
        help: "host: share the host's System V IPC and message queues",
        act: Act::Value(|run, value| {
            run.spec.namespaces.ipc = namespace("--ipc", value)?;
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "uts",
        short: None,
        original: None,
        value: Some("host"),
        help: "host: share the host's name",
        act: Act::Value(|run, value| {
            run.spec.namespaces.uts = namespace("--uts", value)?;
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "cgroupns",
        short: None,
        original: None,
        value: Some("host"),
        help: "host: see the host's cgroups",
        act: Act::Value(|run, value| {
            run.spec.namespaces.cgroup = namespace("--cgroupns", value)?;
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "userns",
        short: None,
        original: None,
        value: Some("auto|host"),
        help: "auto: the container's users are nobody's outside, from /etc/subuid or a high range; \
               host: they are the host's (the default for root)",
        act: Act::Value(security::user_namespace),
    },
    Opt {
        section: None,
        long: "uidmap",
        short: None,
        original: None,
        value: Some("IN:OUT[:COUNT]"),
        help: "which users inside are which outside; can be repeated; groups likewise unless told",
        act: Act::Value(|run, value| security::id_range("--uidmap", value, &mut run.edits.uids)),
    },
    Opt {
        section: None,
        long: "gidmap",
        short: None,
        original: None,
        value: Some("IN:OUT[:COUNT]"),
        help: "the same for groups",
        act: Act::Value(|run, value| security::id_range("--gidmap", value, &mut run.edits.gids)),
    },
    Opt {
        section: Some("Rights"),
        long: "cap-add",
        short: None,
        original: None,
        value: Some("NAME[,NAME...]"),
        help: "give root in the container a capability beside the usual 14 (13 without MKNOD if the \
               seccomp filter is not the built-in one), or ALL; system calls that belong to it are \
               let through; a user named with -u has it, too",
        act: Act::Value(security::cap_add),
    },
    Opt {
        section: None,
        long: "cap-drop",
        short: None,
        original: None,
        value: Some("NAME[,NAME...]"),
        help: "take one away, or ALL",
        act: Act::Value(security::cap_drop),
    },
    Opt {
        section: None,
        long: "privileged",
        short: None,
        original: None,
        value: None,
        help: "take no rights away: all capabilities, no filter of system calls, nothing masked, \
               /sys writable; for what you trust as yourself",
        act: Act::Flag(|run| run.defaults.privileged = true),
    },
    Opt {
        section: None,
        long: "security-opt",
        short: None,
        original: None,
        value: Some("OPT"),
        help: "no-new-privileges=false lets programs be set-user-id; seccomp=unconfined refuses no \
               system call, seccomp=FILE those a BPF program says; mask=PATH hides a path, also of a \
               volume; \
               unmask=PATH or unmask=all shows what is hidden or protected of /proc and /sys",
        act: Act::Value(security::security_opt),
    },
    Opt {
        section: None,
        long: "ro-path",
        short: None,
        original: None,
        value: Some("PATH"),
        help: "allow reading PATH and what lies below; can be repeated. Nothing else can be opened or \
               changed but /proc and harmless devices; with / itself, /tmp is one of its own. Names stay \
               visible; before Linux 7.1, sockets can be connected to",
        act: Act::Value(|run, value| security::path_rule(run, "--ro-path", value, false)),
    },
    Opt {
        section: None,
        long: "rw-path",
        short: None,
        original: None,
        value: Some("PATH"),
        help: "the same, to read and change",
        act: Act::Value(|run, value| security::path_rule(run, "--rw-path", value, true)),
    },
    Opt {
        section: None,
        long: "group-add",
        short: None,
        original: None,
        value: Some("GROUP"),
        help: "a group beside the user's own",
        act: Act::Value(security::group_add),
    },
    Opt {
        section: None,
        long: "umask",
        short: None,
        original: None,
        value: Some("MASK"),
        help: "permissions that new files lack, in octal (the caller's)",
        act: Act::Value(security::umask),
    },
    Opt {
        section: None,
        long: "preserve-fds",
        short: None,
        original: None,
        value: Some("N"),
        help: "hand on N descriptors of the caller's from 3 on; one of a directory is a way out",
        act: Act::Value(security::preserve_fds),
    },
    Opt {
        section: Some("Limits"),
        long: "memory",
        short: Some(b'm'),
        original: Some("-mem"),
        value: Some("SIZE"),
        help: "memory, as 64m or 1.5GiB; swap gets as much again unless told",
        act: Act::Value(|run, value| {
            run.spec
                .resources
                .set(Property::MemoryLimit, size_in("--memory", value, MEMORY)? as i64);
            run.spec.resources.swap_follows_memory = true;
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "memory-swap",
        short: None,
        original: None,
        value: Some("SIZE"),
        help: "memory and swap together; -1: no limit",
        act: Act::Value(|run, value| {
            run.spec.resources.set(Property::MemorySwap, size_limit("--memory-swap", value)?);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "memory-reservation",
        short: None,
        original: None,
        value: Some("SIZE"),
        help: "memory it may keep when others need it",
        act: Act::Value(|run, value| {
            let size = size_in("--memory-reservation", value, MEMORY)?;
            run.spec.resources.set(Property::MemoryReservation, size as i64);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "memory-swappiness",
        short: None,
        original: None,
        value: Some("N"),
        help: "0 to 100: how readily it is swapped out (cgroup v1)",
        act: Act::Value(|run, value| {
            let number = number_in("--memory-swappiness", value, (0, 100))?;
            run.spec.resources.set(Property::MemorySwappiness, number as i64);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "cpus",
        short: None,
        original: None,
        value: Some("N"),
        help: "processor time: 0.5 is half of one processor",
        act: Act::Value(|run, value| {
            run.spec.resources.set(Property::CpuQuota, cpus(value)? as i64);
            run.edits.cpus = true;
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "cpu-percent",
        short: None,
        original: Some("-cpu"),
        value: Some("N"),
        help: "the same in percent of one processor",
        act: Act::Value(|run, value| {
            run.spec.resources.set(Property::CpuQuota, percent(value)? as i64);
            run.edits.cpus = true;
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "cpu-shares",
        short: Some(b'c'),
        original: Some("-cpushare"),
        value: Some("N"),
        help: "its part of a busy processor: 2 to 262144, others have 1024",
        act: Act::Value(|run, value| {
            let shares = number_in("--cpu-shares", value, (2, 262_144))?;
            run.spec.resources.set(Property::CpuShares, shares as i64);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "cpu-period",
        short: None,
        original: None,
        value: Some("N"),
        help: "microseconds, 1000 to 1000000; see --cpu-quota",
        act: Act::Value(|run, value| {
            let period = number_in("--cpu-period", value, (1000, 1_000_000))?;
            run.spec.resources.set(Property::CpuPeriod, period as i64);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "cpu-quota",
        short: None,
        original: None,
        value: Some("N"),
        help: "microseconds of processor time in each period of 100000",
        act: Act::Value(|run, value| {
            let quota = number_in("--cpu-quota", value, (1000, u64::MAX >> 20))?;
            run.spec.resources.set(Property::CpuQuota, quota as i64);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "cpuset-cpus",
        short: None,
        original: Some("-cpuset"),
        value: Some("LIST"),
        help: "the processors it may run on, as 0-2,5",
        act: Act::Value(|run, value| {
            run.spec.resources.cpus = Some(cpu_list("--cpuset-cpus", value)?);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "cpuset-mems",
        short: None,
        original: None,
        value: Some("LIST"),
        help: "the memory nodes it may use",
        act: Act::Value(|run, value| {
            run.spec.resources.mems = Some(cpu_list("--cpuset-mems", value)?);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "pids-limit",
        short: None,
        original: None,
        value: Some("N"),
        help: "processes and threads at a time; -1: no limit",
        act: Act::Value(|run, value| {
            run.spec.resources.set(Property::PidsLimit, limit("--pids-limit", value)?);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "ulimit",
        short: None,
        original: None,
        value: Some("NAME=SOFT[:HARD]"),
        help: "a limit of each process, as nofile=1024:4096; unlimited: none",
        act: Act::Value(security::ulimit),
    },
    Opt {
        section: None,
        long: "blkio-weight",
        short: None,
        original: None,
        value: Some("N"),
        help: "its part of a busy disk: 10 to 1000",
        act: Act::Value(|run, value| {
            let weight = number_in("--blkio-weight", value, (10, 1000))?;
            run.spec.resources.set(Property::BlockIoWeight, weight as i64);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "cgroup-parent",
        short: None,
        original: None,
        value: Some("PATH"),
        help: "the existing cgroup to make its own in, from the top of the hierarchy; also without a limit",
        act: Act::Value(|run, value| {
            not_empty("--cgroup-parent", value, &mut run.spec.resources.parent)
        }),
    },
    Opt {
        section: None,
        long: "cgroup-conf",
        short: None,
        original: None,
        value: Some("FILE=VALUE"),
        help: "write VALUE to a control file, as memory.high=100000000",
        act: Act::Value(|run, value| {
            run.spec.resources.conf.push(conf(value)?);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "oom-score-adj",
        short: None,
        original: None,
        value: Some("N"),
        help: "-1000 to 1000: the higher, the sooner it is killed for memory",
        act: Act::Value(|run, value| {
            run.spec.process.oom_score_adj = Some(adjustment(value)?);
            Ok(())
        }),
    },
    Opt {
        section: Some("Looking on"),
        long: "rm",
        short: None,
        original: None,
        value: None,
        help: "accepted: nothing is left behind in any case",
        act: Act::Flag(|_| {}),
    },
    Opt {
        section: None,
        long: "report",
        short: None,
        original: None,
        value: Some("FILE|FD"),
        help: "when it has ended, write a JSON object with its status and what it used",
        act: Act::Value(|run, value| not_empty("--report", value, &mut run.report)),
    },
    Opt {
        section: None,
        long: "dry-run",
        short: None,
        original: None,
        value: None,
        help: "print the steps of the launch and do none of them",
        act: Act::Flag(|run| run.dry_run = true),
    },
    Opt {
        section: None,
        long: "trace",
        short: None,
        original: None,
        value: None,
        help: "print each step with its result and time to standard error",
        act: Act::Flag(|run| run.options.trace = true),
    },
    Opt {
        section: None,
        long: "help",
        short: None,
        original: None,
        value: None,
        help: "print this text",
        // Answered by the parser, whatever else was asked.
        act: Act::Flag(|_| {}),
    },
];

/// Bytes: what a shell needs to start at all, to what the kernel can count.
const MEMORY: (u64, u64) = (512 << 10, u64::MAX >> 1);

/// Finds an option spelled out as `--name`, `--name=value`, or as in the original, `-name`.
pub fn by_long_name(word: &CStr) -> Option<(Unpacked, Option<&CStr>)> {
    let bytes = word.to_bytes();
    let end = bytes.iter().position(|b| *b == b'=');
    let spelled = &bytes[..end.unwrap_or(bytes.len())];
    let option = all().find(|option| {
        spelled.strip_prefix(b"--") == Some(option.long) || option.original == spelled
    })?;
    Some((option, end.map(|end| &word[end + 1..])))
}

/// Finds an option by its letter.
pub fn by_letter(letter: u8) -> Option<Unpacked> {
    all().find(|option| option.short == Some(letter))
}

/// The error for a word that is no option.
pub fn unknown(word: &[u8]) -> Error {
    let error = Error::new("option").object(word);
    let name = word.split(|b| *b == b'=').next().unwrap_or_default();
    let name = name.strip_prefix(b"--").or(name.strip_prefix(b"-")).unwrap_or(name);
    nearest::suggest(error.cause("unknown"), "--", name, all().map(|option| option.long))
}
