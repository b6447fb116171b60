//! The options of `mini run`: one table, from which parsing and help are made.

use super::packed::{self, Act, Opt, Packed, Unpacked};
use super::values::{
    adjustment, conf, cpu_list, cpus, duration, env_edit, hostname, limit, namespace, network,
    not_empty, number_in, percent, size_in, size_limit, stop_signal, sysctl, then, user,
};
use super::{EnvEdit, foreign, mounts, nearest, security};
use crate::error::Error;
use crate::spec::resources::Property;
use core::ffi::CStr;

static PACKED: Packed<{ TABLE.len() }, { packed::length(TABLE) }> = packed::pack(TABLE);
static ACTS: [Act; TABLE.len()] = packed::acts(TABLE);

/// The options in the order of help. Help, man pages and completions are made from these.
pub fn all() -> impl Iterator<Item = Unpacked> {
    PACKED.iter(&ACTS)
}

/// The table. A section of help begins with the option that has its title.
const TABLE: &[Opt] = &[
    Opt {
        section: Some("Files"),
        long: "rootfs",
        short: None,
        original: None,
        value: Some("DIR[:DIR...][:O]"),
        help: "Use DIR as the root file system, with its own /proc, /sys and /dev (default: the \
               host's files). DIR can be a squashfs, erofs or ext4 image, or a tar archive (-: \
               standard input). :O keeps changes in memory and discards them in the end",
        act: Act::Value(mounts::rootfs),
    },
    Opt {
        section: None,
        long: "overlay",
        short: None,
        original: None,
        value: Some("UPPER[,WORK]"),
        help: "Keep changes to the root file system in UPPER, for one container at a time. The \
               kernel needs WORK on the same file system, made if missing (default: UPPER.work)",
        act: Act::Value(mounts::overlay),
    },
    Opt {
        section: None,
        long: "read-only",
        short: None,
        original: None,
        value: None,
        help: "Mount the root file system read-only; volumes keep their own mode",
        act: Act::Flag(|run, on| run.spec.root.readonly = on),
    },
    Opt {
        section: None,
        long: "volume",
        short: Some(b'v'),
        original: None,
        value: Some("SRC:DST[:OPTIONS]"),
        help: "Bind mount a file or directory of the host. OPTIONS: ro, nosuid, noexec, dev (allow \
               devices), bind (without its submounts), rslave. Of two mounts at one path, the later \
               one is on top",
        act: Act::Value(mounts::volume),
    },
    Opt {
        section: None,
        long: "tmpfs",
        short: None,
        original: None,
        value: Some("DST[:OPTIONS]"),
        help: "Mount a tmpfs. OPTIONS: size= (50%: half of the memory; default: 64m, at most an \
               eighth of it), nr_inodes=, mode=, uid=, gid=, ro, exec, suid, dev",
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
        help: "Make a device of the host available (default DST: HOST)",
        act: Act::Value(mounts::device),
    },
    Opt {
        section: None,
        long: "mount",
        short: None,
        original: None,
        value: Some("type=TYPE,..."),
        help: "Mount in words: type=bind,src=SRC,dst=DST,OPTIONS; type=tmpfs, image (src=FILE), \
               overlay (lower=, upper=, work=), proc, sysfs, mqueue or devpts. Write \\, for a \
               comma in a path",
        act: Act::Value(mounts::mount),
    },
    Opt {
        section: Some("Command"),
        long: "interactive",
        short: Some(b'i'),
        original: None,
        value: None,
        help: "Accepted: standard input is always connected",
        act: Act::Nothing,
    },
    Opt {
        section: None,
        long: "tty",
        short: Some(b't'),
        original: None,
        value: None,
        help: "Allocate a pseudo terminal for the command and connect it to this one",
        act: Act::Flag(|run, on| run.spec.process.terminal = on),
    },
    Opt {
        section: None,
        long: "init",
        short: None,
        original: None,
        value: None,
        help: "Run mini as PID 1, which reaps orphans, and the command as PID 2. When the command \
               ends, mini ends the other processes",
        // The time comes when all options are known.
        act: Act::Flag(|run, on| run.spec.process.init = on.then_some(0)),
    },
    Opt {
        section: None,
        long: "timeout",
        short: None,
        original: None,
        value: Some("DURATION"),
        help: "End the command after DURATION (90, 1.5s, 10m, 2h, 1d) with exit status 124 \
               (default: 0, never)",
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
        help: "Signal that asks the command to end, after --timeout or when mini receives SIGTERM \
               (default: TERM)",
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
        help: "Time between the stop signal and SIGKILL (default: 10s after --timeout, unlimited \
               after a signal to mini)",
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
        help: "What the machine does when the command has ended, if mini is its first process: \
               poweroff, reboot, halt or panic (default: poweroff)",
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
        help: "Write the command's process id on the host to FILE while the command runs",
        act: Act::Value(|run, value| not_empty("--pidfile", value, &mut run.options.pidfile)),
    },
    Opt {
        section: None,
        long: "ready-fd",
        short: None,
        original: None,
        value: Some("FD"),
        help: "Write a newline to file descriptor FD when the command has started",
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
        help: "Working directory of the command (default: / with --rootfs, else the current one)",
        act: Act::Value(|run, value| not_empty("--workdir", value, &mut run.spec.process.cwd)),
    },
    Opt {
        section: None,
        long: "env",
        short: Some(b'e'),
        original: None,
        value: Some("KEY[=VALUE]"),
        help: "Set an environment variable; KEY alone passes on mini's value",
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
        help: "Set environment variables from FILE, one per line as for --env; # starts a comment",
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
        help: "Run as USER and GROUP: numbers, or names in the container's /etc/passwd and \
               /etc/group (default: 0)",
        act: Act::Value(|run, value| {
            run.spec.process.user = Some(user(value)?);
            Ok(())
        }),
    },
    Opt {
        section: Some("Namespaces"),
        long: "hostname",
        short: Some(b'h'),
        original: None,
        value: Some("NAME"),
        help: "Host name (default: the --name, else mini)",
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
        help: "Name of the container, used as its host name",
        act: Act::Value(|run, value| {
            run.name = Some(hostname("--name", value)?);
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "network",
        short: None,
        original: Some("-net"),
        value: Some("none|host"),
        help: "none: a loopback interface only; host: share the host's network (default: none)",
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
        help: "Share the host's process ids; processes left behind are killed when the command ends \
               (default: private)",
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
        help: "Share the host's System V IPC and message queues (default: private)",
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
        help: "Share the host's host name (default: private)",
        act: Act::Value(|run, value| {
            run.spec.namespaces.uts = namespace("--uts", value)?;
            Ok(())
        }),
    },
    Opt {
        section: None,
        long: "sysctl",
        short: None,
        original: None,
        value: Some("KEY=VALUE"),
        help: "Set a kernel parameter of the container's network, ipc or uts namespace",
        act: Act::Value(sysctl),
    },
    Opt {
        section: None,
        long: "cgroupns",
        short: None,
        original: None,
        value: Some("host"),
        help: "Show the host's cgroup paths (default: private)",
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
        value: Some("auto|keep-id|host"),
        help: "auto: map users to otherwise unused ids of the host; keep-id: keep the caller's user \
               id; host: no user namespace (default for root)",
        act: Act::Value(security::user_namespace),
    },
    Opt {
        section: None,
        long: "uidmap",
        short: None,
        original: None,
        value: Some("IN:OUT[:COUNT]"),
        help: "Map COUNT user ids from IN in the container to OUT on the host (default COUNT: 1); \
               repeatable. Group ids are mapped alike unless --gidmap is given",
        act: Act::Value(|run, value| security::id_range("--uidmap", value, &mut run.edits.uids)),
    },
    Opt {
        section: None,
        long: "gidmap",
        short: None,
        original: None,
        value: Some("IN:OUT[:COUNT]"),
        help: "Map group ids likewise",
        act: Act::Value(|run, value| security::id_range("--gidmap", value, &mut run.edits.gids)),
    },
    Opt {
        section: Some("Security"),
        long: "cap-add",
        short: None,
        original: None,
        value: Some("NAME[,NAME...]"),
        help: "Add capabilities to the default 14, or ALL; the seccomp filter allows their system \
               calls, and a --user other than root has them, too. Without the built-in filter, \
               MKNOD is not among the default ones",
        act: Act::Value(security::cap_add),
    },
    Opt {
        section: None,
        long: "cap-drop",
        short: None,
        original: None,
        value: Some("NAME[,NAME...]"),
        help: "Drop capabilities, or ALL",
        act: Act::Value(security::cap_drop),
    },
    Opt {
        section: None,
        long: "privileged",
        short: None,
        original: None,
        value: None,
        help: "Keep all capabilities, use no seccomp filter, mask nothing, make /sys writable: only \
               for programs that you trust as yourself",
        act: Act::Flag(|run, on| run.defaults.privileged = on),
    },
    Opt {
        section: None,
        long: "security-opt",
        short: None,
        original: None,
        value: Some("OPT"),
        help: "no-new-privileges=false: let programs be set-user-id; seccomp=unconfined: no filter; \
               seccomp=FILE: filter with a BPF program; mask=PATH: hide a path; unmask=PATH, \
               unmask=all: show masked and read-only paths of /proc and /sys",
        act: Act::Value(security::security_opt),
    },
    Opt {
        section: None,
        long: "ro-path",
        short: None,
        original: None,
        value: Some("PATH"),
        help: "Restrict file access: allow reading PATH and below (Landlock); repeatable. Only \
               /proc and harmless devices are allowed besides. With /, the command gets its own \
               /tmp. Names stay visible; before Linux 7.1, sockets can be connected to",
        act: Act::Value(|run, value| security::path_rule(run, "--ro-path", value, false)),
    },
    Opt {
        section: None,
        long: "rw-path",
        short: None,
        original: None,
        value: Some("PATH"),
        help: "Restrict file access: allow reading and writing PATH and below",
        act: Act::Value(|run, value| security::path_rule(run, "--rw-path", value, true)),
    },
    Opt {
        section: None,
        long: "group-add",
        short: None,
        original: None,
        value: Some("GROUP"),
        help: "Add a supplementary group",
        act: Act::Value(security::group_add),
    },
    Opt {
        section: None,
        long: "umask",
        short: None,
        original: None,
        value: Some("MASK"),
        help: "File mode creation mask in octal (default: mini's own)",
        act: Act::Value(security::umask),
    },
    Opt {
        section: None,
        long: "preserve-fds",
        short: None,
        original: None,
        value: Some("N"),
        help: "Pass N file descriptors from 3 on (default: 0). A directory's descriptor is a way \
               out of the container",
        act: Act::Value(security::preserve_fds),
    },
    Opt {
        section: Some("Limits"),
        long: "memory",
        short: Some(b'm'),
        original: Some("-mem"),
        value: Some("SIZE"),
        help: "Limit memory, as 64m or 1.5g (default: no limit); the same amount of swap can be \
               used besides",
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
        help: "Limit memory and swap together; -1: no limit (default: twice --memory)",
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
        help: "Memory to leave to the container when others need it",
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
        help: "How readily memory is swapped out, 0 to 100 (cgroup v1)",
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
        help: "Limit CPU time: 0.5 is half of one CPU (default: no limit)",
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
        help: "Limit CPU time in percent of one CPU",
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
        help: "Relative CPU weight, 2 to 262144 (default: 1024)",
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
        help: "Period of --cpu-quota in microseconds, 1000 to 1000000 (default: 100000)",
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
        help: "CPU time in each period, in microseconds",
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
        help: "CPUs to run on, as 0-2,5 (default: all)",
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
        help: "Memory nodes to use, as 0,1 (default: all)",
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
        help: "Limit processes and threads; -1: no limit (default)",
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
        help: "Set an rlimit, as nofile=1024:4096 or core=unlimited (default: mini's own)",
        act: Act::Value(security::ulimit),
    },
    Opt {
        section: None,
        long: "blkio-weight",
        short: None,
        original: None,
        value: Some("N"),
        help: "Relative disk weight, 10 to 1000",
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
        help: "Make the container's cgroup in this existing one, even without limits; PATH begins \
               at the top of the hierarchy",
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
        help: "Write VALUE to a cgroup file, as memory.high=100000000",
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
        help: "Preference of the OOM killer, -1000 to 1000 (higher: killed sooner)",
        act: Act::Value(|run, value| {
            run.spec.process.oom_score_adj = Some(adjustment(value)?);
            Ok(())
        }),
    },
    Opt {
        section: Some("Output"),
        long: "rm",
        short: None,
        original: None,
        value: None,
        help: "Accepted: mini leaves nothing behind in any case",
        act: Act::Nothing,
    },
    Opt {
        section: None,
        long: "report",
        short: None,
        original: None,
        value: Some("FILE|FD"),
        help: "Write a JSON object with exit status and resource usage when the command has ended",
        act: Act::Value(|run, value| not_empty("--report", value, &mut run.report)),
    },
    Opt {
        section: None,
        long: "dry-run",
        short: None,
        original: None,
        value: None,
        help: "Print the steps of the launch, perform none",
        act: Act::Flag(|run, on| run.dry_run = on),
    },
    Opt {
        section: None,
        long: "trace",
        short: None,
        original: None,
        value: None,
        help: "Print each step with its result and time to standard error",
        act: Act::Flag(|run, on| run.options.trace = on),
    },
    Opt {
        section: None,
        long: "help",
        short: None,
        original: None,
        value: None,
        help: "Print this text",
        // Answered by the parser, whatever else was asked.
        act: Act::Nothing,
    },
];

/// Bytes: from what a shell needs to start to what the kernel can count.
const MEMORY: (u64, u64) = (512 << 10, u64::MAX >> 1);

/// Finds an option by `--name`, `--name=value`, or the original's `-name`.
pub fn by_long_name(word: &CStr) -> Option<(Unpacked, Option<&CStr>)> {
    let bytes = word.to_bytes();
    let end = bytes.iter().position(|b| *b == b'=');
    let spelled = &bytes[..end.unwrap_or(bytes.len())];
    let long = spelled.strip_prefix(b"--");
    let option = all().find(|option| {
        let original = option.original;
        long == Some(option.long)
            || (!original.is_empty() && (original == spelled || Some(&original[1..]) == long))
    })?;
    Some((option, end.map(|end| &word[end + 1..])))
}

/// Finds an option by its letter.
pub fn by_letter(letter: u8) -> Option<Unpacked> {
    all().find(|option| option.short == Some(letter))
}

/// Whether an argument begins like an option of `mini run`.
pub fn is_known(word: &[u8]) -> bool {
    let name = name(word);
    all().any(|option| {
        option.long == name || (!word.starts_with(b"--") && option.short == name.first().copied())
    })
}

/// The name in an argument, without dashes and value.
fn name(word: &[u8]) -> &[u8] {
    let name = word.split(|b| *b == b'=').next().unwrap_or_default();
    name.strip_prefix(b"--").or(name.strip_prefix(b"-")).unwrap_or(name)
}

/// The error for an argument that is no option of mini: with the option that does the same as that one
/// does elsewhere, or with the nearest one.
pub fn unknown(word: &[u8]) -> Error {
    let name = name(word);
    let error = Error::new("option").object(word).cause("unknown");
    match foreign::option(name) {
        Some(answer) => foreign::hint(error, answer),
        None => nearest::suggest(error, "--", name, all().map(|option| option.long)),
    }
}

/// The same for a letter in an argument.
pub fn unknown_letter(word: &[u8], letter: u8) -> Error {
    match foreign::option(name(word)).or_else(|| foreign::option(&[letter])) {
        Some(answer) => foreign::hint(Error::new("option").object(word).cause("unknown"), answer),
        None => unknown(word),
    }
}
