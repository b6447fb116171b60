//! First mistakes, and habits from Docker, Podman, bubblewrap and systemd-nspawn: each has its answer, in one line.

use crate::Promise;
use crate::world::{Outcome, World};

pub const PROMISES: &[Promise] = &[
    Promise { name: "answers_to_first_mistakes", needs: &[], check: mistakes },
    Promise { name: "answers_to_habits_of_other_tools", needs: &[], check: habits },
    Promise { name: "answers_are_one_line_whatever_the_name", needs: &[], check: one_line },
];

/// Arguments, exit status, and the whole message behind `mini: `.
type Answer = (&'static [&'static str], i32, &'static str);

fn told(world: &World, answers: &[Answer]) {
    for (words, status, line) in answers {
        let mut command = world.command(&world.mini(), words);
        let outcome = Outcome::of(command.stdin(std::process::Stdio::null()));
        assert_eq!(outcome.stderr, format!("mini: {line}\n"), "{words:?}");
        assert_eq!((outcome.status, outcome.stdout.as_str()), (*status, ""), "{words:?}");
    }
}

fn mistakes(world: &World) {
    assert!(MISTAKES.len() >= 20);
    told(world, MISTAKES);
}

fn habits(world: &World) {
    assert!(HABITS.len() >= 30);
    told(world, HABITS);
}

fn one_line(world: &World) {
    let name = "a\nb\u{1b}[31m\u{9b}\u{202e}\r\t";
    let option = format!("--{name}");
    let volume = format!("/{name}:/mnt");
    for words in [
        &[name][..],
        &["help", name],
        &["check", name],
        &[&option],
        &["run", &option],
        &["run", name],
        &["run", "-e", name],
        &["run", "-h", name, "true"],
        &["run", "-m", name, "true"],
        &["run", "-v", &volume, "true"],
        &["run", "-v", name, "true"],
        &["run", "--mount", name, "true"],
        &["run", "--rootfs", name, "true"],
        &["run", "--cap-add", name, "true"],
        &["run", "--ulimit", name, "true"],
        &["run", "--security-opt", name, "true"],
        &["run", "--network", name, "true"],
        &["run", "--env-file", name, "true"],
    ] {
        let outcome = Outcome::of(&mut world.command(&world.mini(), words));
        let line = outcome.stderr.strip_suffix('\n').unwrap();
        assert!(line.starts_with("mini: "), "{words:?}: {line:?}");
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
        assert_ne!(outcome.status, 0, "{words:?}");
    }
}

const MISTAKES: &[Answer] = &[
    (&["bash"], 125, "command bash: unknown (to run it: mini run bash; for help: mini help)"),
    (&["foo"], 125, "command foo: unknown (to run it: mini run foo; for help: mini help)"),
    (&["--hlep"], 125, "option --hlep: unknown (did you mean --help?)"),
    (&["rnu"], 125, "command rnu: unknown (did you mean mini run?)"),
    (
        &["pull", "alpine"],
        125,
        "command pull: unknown (mini has no images: mini run --rootfs takes a directory, an image file or a tar archive)",
    ),
    (&["check", "--yaml"], 125, "option --yaml: unknown (usage: mini check [--json])"),
    (
        &["--rootfs", "/r"],
        125,
        "option --rootfs: unknown (options come after the verb: mini run [OPTIONS] COMMAND)",
    ),
    (&["run"], 125, "run: no command given (usage: mini run [OPTIONS] [--] COMMAND [ARG...])"),
    (&["run", "--rotfs", "/r", "sh"], 125, "option --rotfs: unknown (did you mean --rootfs?)"),
    (&["run", "-e", "true"], 125, "run: no command given (-e took true as its value)"),
    (
        &["run", "--hostname", "true"],
        125,
        "run: no command given (--hostname took true as its value)",
    ),
    (
        &["run", "-m", "64", "true"],
        125,
        "option --memory 64: that many bytes are too little (write 64m)",
    ),
    (
        &["run", "ls -l /"],
        127,
        "exec 'ls -l /': No such file or directory (one argument with blanks: leave the quotes out)",
    ),
    (
        &["run", "/etc"],
        126,
        "exec /etc: Permission denied (a directory, or permission denied to execute it: chmod +x)",
    ),
    (
        &["run", "/etc/passwd"],
        126,
        "exec /etc/passwd: Permission denied (a directory, or permission denied to execute it: chmod +x)",
    ),
    (
        &["run", "no-such-program"],
        127,
        "exec no-such-program: not found in PATH (a program of the host; for one of an image see --rootfs)",
    ),
    (&["run", "./no-such"], 127, "exec ./no-such: No such file or directory"),
    (
        &["run", "--cap-add", "NET_FOO", "true"],
        125,
        "option --cap-add NET_FOO: unknown (did you mean NET_RAW?)",
    ),
    (
        &["run", "--cap-add", "FOO", "true"],
        125,
        "option --cap-add FOO: unknown (see capabilities(7); ALL for all of them)",
    ),
    (
        &["run", "--mount", "type=overlay,lower=/etc,dst=/tmp", "true"],
        125,
        "option --mount type=overlay,lower=/etc,dst=/tmp: needs upper= and work=, or a second directory: lower=DIR:DIR",
    ),
    (
        &["run", "--mount", "type=volume,src=a,dst=/b", "true"],
        125,
        "option --mount volume: unknown type (bind, tmpfs, image, overlay, proc, sysfs, mqueue or devpts)",
    ),
    (
        &["run", "--mount", "dst=/b", "true"],
        125,
        "option --mount dst=/b: needs type= (bind, tmpfs, image, overlay, proc, sysfs, mqueue or devpts)",
    ),
    (&["run", "-v", "/nope:/mnt", "true"], 125, "volume /nope: No such file or directory"),
    (
        &["run", "-v", "/data", "true"],
        125,
        "option --volume /data: has no destination (SRC:DST[:OPTIONS])",
    ),
    (
        &["run", "--rootfs", "alpine:3.19", "true"],
        125,
        "rootfs alpine:3.19: No such file or directory (mini downloads no images: docker export $(docker create IMAGE) | mini run --rootfs -)",
    ),
    (
        &["run", "--rootfs", "ubuntu", "true"],
        125,
        "rootfs ubuntu: No such file or directory (mini downloads no images: docker export $(docker create IMAGE) | mini run --rootfs -)",
    ),
    (
        &["run", "--network", "bridge", "true"],
        125,
        "option --network bridge: unknown (none or host: mini makes no virtual network)",
    ),
    (
        &["run", "--pid", "container:a", "true"],
        125,
        "option --pid container:a: unknown (host or private)",
    ),
    (&["run", "--trace=yes", "true"], 125, "option --trace=yes: takes no value"),
    (
        &["run", "-u", "no-such-user", "true"],
        125,
        "set user no-such-user: no such user in the container's /etc/passwd",
    ),
    (
        &["run", "--ulimit", "files=1", "true"],
        125,
        "option --ulimit files: unknown (cpu fsize data stack core rss nproc nofile memlock as locks sigpending msgqueue nice rtprio rttime)",
    ),
    (&["run", "--cpus", "0", "true"], 125, "option --cpus 0: out of range (at least 0.01)"),
    (&["run", "--timeout", "0.1", "sleep", "9"], 124, "timeout: the command was ended (--timeout)"),
    (&["run", "--zzz", "true"], 125, "option --zzz: unknown"),
];

const HABITS: &[Answer] = &[
    (
        &["run", "-d", "true"],
        125,
        "option -d: unknown (run mini in the background: mini run ... &)",
    ),
    (
        &["run", "-dit", "true"],
        125,
        "option -dit: unknown (run mini in the background: mini run ... &)",
    ),
    (
        &["run", "-p", "80:80", "true"],
        125,
        "option -p: unknown (mini makes no virtual network; --network host shares the host's ports)",
    ),
    (
        &["run", "-P", "true"],
        125,
        "option -P: unknown (mini makes no virtual network; --network host shares the host's ports)",
    ),
    (
        &["run", "--publish", "80:80", "true"],
        125,
        "option --publish: unknown (mini makes no virtual network; --network host shares the host's ports)",
    ),
    (
        &["run", "--restart", "always", "true"],
        125,
        "option --restart: unknown (a supervisor restarts and checks commands: systemd, runit, s6)",
    ),
    (
        &["run", "--gpus", "all", "true"],
        125,
        "option --gpus: unknown (here: --device /dev/nvidia0 for each device)",
    ),
    (
        &["run", "--pull", "always", "true"],
        125,
        "option --pull: unknown (mini downloads no images: --rootfs takes a directory, an image file or a tar archive)",
    ),
    (
        &["run", "--platform", "linux/arm64", "true"],
        125,
        "option --platform: unknown (mini downloads no images: --rootfs takes a directory, an image file or a tar archive)",
    ),
    (
        &["run", "--log-driver", "none", "true"],
        125,
        "option --log-driver: unknown (redirect standard output and standard error)",
    ),
    (
        &["run", "--health-cmd", "x", "true"],
        125,
        "option --health-cmd: unknown (a supervisor restarts and checks commands: systemd, runit, s6)",
    ),
    (
        &["run", "--label", "a=b", "true"],
        125,
        "option --label: unknown (mini keeps no labels: leave it out)",
    ),
    (&["run", "-l", "a", "true"], 125, "option -l: unknown (mini keeps no labels: leave it out)"),
    (
        &["run", "--cidfile", "f", "true"],
        125,
        "option --cidfile: unknown (here: --pidfile FILE for the process id)",
    ),
    (
        &["run", "--dns", "1.1.1.1", "true"],
        125,
        "option --dns: unknown (here: -v FILE:/etc/resolv.conf:ro)",
    ),
    (
        &["run", "--add-host", "a:1.2.3.4", "true"],
        125,
        "option --add-host: unknown (here: -v FILE:/etc/hosts:ro)",
    ),
    (
        &["run", "--entrypoint", "sh", "true"],
        125,
        "option --entrypoint: unknown (write the program as COMMAND, after the options)",
    ),
    (
        &["run", "--link", "a", "true"],
        125,
        "option --link: unknown (mini makes no virtual network; --network host shares the host's ports)",
    ),
    (
        &["run", "--ip", "10.0.0.2", "true"],
        125,
        "option --ip: unknown (mini makes no virtual network; --network host shares the host's ports)",
    ),
    (
        &["run", "--volumes-from", "a", "true"],
        125,
        "option --volumes-from: unknown (here: -v SRC:DST)",
    ),
    (&["run", "--secret", "s", "true"], 125, "option --secret: unknown (here: -v FILE:PATH:ro)"),
    (
        &["run", "--domainname", "d", "true"],
        125,
        "option --domainname: unknown (here: --hostname takes a full name)",
    ),
    (
        &["run", "--oom-kill-disable", "true"],
        125,
        "option --oom-kill-disable: unknown (here: --cgroup-conf FILE=VALUE)",
    ),
    (
        &["run", "--device-read-bps", "/dev/sda:1m", "true"],
        125,
        "option --device-read-bps: unknown (here: --cgroup-conf io.max=... or blkio.throttle.*)",
    ),
    (
        &["run", "--cgroups", "disabled", "true"],
        125,
        "option --cgroups: unknown (here: --cgroup-parent PATH)",
    ),
    (
        &["run", "--pod", "p", "true"],
        125,
        "option --pod: unknown (here: --network, --ipc and --pid can be host)",
    ),
    (&["run", "--tz", "UTC", "true"], 125, "option --tz: unknown (here: -e TZ=ZONE)"),
    (
        &["run", "--sig-proxy=false", "true"],
        125,
        "option --sig-proxy=false: unknown (standard input, output, error and signals are always passed on: leave it out)",
    ),
    (&["run", "--uid", "0", "true"], 125, "option --uid: unknown (here: -u UID:GID)"),
    (&["run", "--gid", "0", "true"], 125, "option --gid: unknown (here: -u UID:GID)"),
    (
        &["run", "--bind", "/a", "/b", "true"],
        125,
        "option --bind: unknown (here: -v SRC:DST, with :dev for devices)",
    ),
    (
        &["run", "--ro-bind", "/a", "/b", "true"],
        125,
        "option --ro-bind: unknown (here: -v SRC:DST:ro)",
    ),
    (
        &["run", "--dev-bind", "/dev", "/dev", "true"],
        125,
        "option --dev-bind: unknown (here: -v SRC:DST, with :dev for devices)",
    ),
    (&["run", "--chdir", "/x", "true"], 125, "option --chdir: unknown (here: -w DIR)"),
    (&["run", "--setenv", "A", "b", "true"], 125, "option --setenv: unknown (here: -e KEY=VALUE)"),
    (
        &["run", "--unsetenv", "A", "true"],
        125,
        "option --unsetenv: unknown (here: --rootfs begins with a clean environment; for one variable: env -u KEY COMMAND)",
    ),
    (
        &["run", "--dev", "/dev", "true"],
        125,
        "option --dev: unknown (/proc, /sys and /dev are mounted by --rootfs: leave it out)",
    ),
    (
        &["run", "--proc", "/proc", "true"],
        125,
        "option --proc: unknown (/proc, /sys and /dev are mounted by --rootfs: leave it out)",
    ),
    (
        &["run", "--unshare-all", "true"],
        125,
        "option --unshare-all: unknown (the default: leave it out)",
    ),
    (&["run", "--share-net", "true"], 125, "option --share-net: unknown (here: --network host)"),
    (
        &["run", "--die-with-parent", "true"],
        125,
        "option --die-with-parent: unknown (the default: leave it out)",
    ),
    (&["run", "--new-session", "true"], 125, "option --new-session: unknown (here: -t)"),
    (&["run", "-D", "/r", "true"], 125, "option -D: unknown (here: --rootfs DIR or FILE)"),
    (&["run", "--bind-ro", "/a", "true"], 125, "option --bind-ro: unknown (here: -v SRC:DST:ro)"),
    (&["run", "-x", "true"], 125, "option -x: unknown (here: --rootfs DIR:O)"),
    (
        &["run", "-b", "true"],
        125,
        "option -b: unknown (write the init program as COMMAND: /sbin/init)",
    ),
    (&["run", "-M", "box", "true"], 125, "option -M: unknown (here: --name NAME)"),
    (&["run", "-U", "true"], 125, "option -U: unknown (here: --userns auto)"),
    (&["run", "--image", "f", "true"], 125, "option --image: unknown (here: --rootfs DIR or FILE)"),
    (&["run", "--ephemeral", "true"], 125, "option --ephemeral: unknown (here: --rootfs DIR:O)"),
];
