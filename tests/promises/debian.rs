//! A real Debian root file system: programs that nobody here wrote.

use crate::world::{Outcome, World};
use crate::{Need, Promise};

pub const PROMISES: &[Promise] = &[
    Promise { name: "debians_programs_run", needs: &[Need::Debian], check: programs },
    Promise {
        name: "debians_programs_run_with_default_rights",
        needs: &[Need::Debian],
        check: rights,
    },
    Promise {
        name: "debian_drops_rights_inside",
        needs: &[Need::Debian, Need::Root],
        check: given_up,
    },
    Promise { name: "a_tracer_needs_cap_sys_ptrace", needs: &[Need::Debian], check: tracer },
    Promise { name: "debian_sees_a_machine_of_its_own", needs: &[Need::Debian], check: machine },
];

fn debian(world: &World, script: &str) -> Outcome {
    let root = world.debian().to_str().unwrap();
    world.run(&["--rootfs", root, "-i", "/bin/bash", "-c", script])
}

fn programs(world: &World) {
    assert!(debian(world, "apt-get --version").ok().starts_with("apt "));
    assert_eq!(debian(world, "perl -e 'print 6 * 7'").ok(), "42");
    assert_eq!(
        debian(world, "echo {1..3} | wc -w; cat /etc/debian_version | cut -d. -f1").ok(),
        "3\n12\n"
    );
    // An ordinary user cannot read the real root's home, about which dpkg complains.
    let listed = debian(world, "dpkg -l dpkg");
    assert!(listed.status == 0 && listed.stdout.contains("Debian package management system"));
}

/// Threads, processes, signals, sockets, files: with the filter, fewer capabilities and no_new_privs.
fn rights(world: &World) {
    let script = "import subprocess, threading, multiprocessing, socket, tempfile, asyncio
seen = []
threads = [threading.Thread(target=seen.append, args=(n,)) for n in range(50)]
[t.start() for t in threads]; [t.join() for t in threads]
print(len(seen), subprocess.check_output(['echo', 'child']).decode().strip())
print(sum(multiprocessing.get_context('fork').Pool(2).map(abs, range(-9, 1))))
server = socket.create_server(('127.0.0.1', 0)); client = socket.create_connection(server.getsockname())
server.accept()[0].sendall(b'over loopback'); print(client.recv(99).decode())
print(asyncio.run(asyncio.wait_for(asyncio.sleep(0, 'awaited'), 9)))";
    let root = world.debian().to_str().unwrap();
    let layered = format!("{root}:O");
    let run =
        |words: &[&str]| world.run(&[&["--rootfs", &layered, "--tmpfs", "/tmp"], words].concat());
    let seen = run(&["python3", "-c", script]).ok();
    assert_eq!(seen, "50 child\n45\nover loopback\nawaited\n");
    let sum = "create table t (n); insert into t values (40), (2); select sum(n) from t;";
    assert_eq!(run(&["sqlite3", "/tmp/x.db", sum]).ok(), "42\n");
    let script = "redis-server --save '' --daemonize yes >/dev/null; \
        until redis-cli ping >/dev/null 2>&1; do :; done; redis-cli set a 7; redis-cli incr a; \
        redis-cli shutdown nosave";
    assert_eq!(run(&["sh", "-c", script]).ok(), "OK\n8\n");
    // A static program of Go's, with its own threads and signals.
    assert!(run(&["gosu", "--version"]).ok().contains("go1."));
    let decoded = run(&["capsh", "--decode=00000000a80425fb"]).ok();
    assert_eq!(decoded.matches("cap_").count(), 14, "{decoded}");
    let held = run(&["sh", "-c", "getpcaps $$ 2>&1"]).ok();
    assert_eq!(held.matches("cap_").count(), 14, "{held}");
}

/// As far as no_new_privs lets them: from root to somebody else, not back.
fn given_up(world: &World) {
    let run = |script: &str| debian(world, script);
    assert_eq!(run("gosu nobody id -un").ok(), "nobody\n");
    assert_eq!(run("setpriv --reuid 33 --regid 33 --init-groups id -un").ok(), "www-data\n");
    assert_eq!(run("su www-data -s /bin/sh -c 'id -un'").ok(), "www-data\n");
    let outcome = run("su www-data -s /bin/sh -c 'su root -c id' </dev/null");
    assert!(outcome.status != 0 && !outcome.stdout.contains("uid=0"), "{outcome:?}");
}

fn tracer(world: &World) {
    let root = world.debian().to_str().unwrap();
    let words = ["strace", "-e", "trace=exit_group", "true"];
    let run = |options: &[&str]| world.run(&[&["--rootfs", root], options, &words].concat());
    assert_ne!(run(&[]).status, 0);
    let traced = run(&["--cap-add", "SYS_PTRACE"]);
    assert!(traced.status == 0 && traced.stderr.contains("exit_group(0)"), "{traced:?}");
}

fn machine(world: &World) {
    assert_eq!(debian(world, "id -u; hostname; pwd").ok(), "0\nmini\n/\n");
    let ps = debian(world, "ps -eo pid,comm --no-headers; true").ok();
    assert_eq!(ps.lines().count(), 2, "{ps}");
    assert!(ps.trim_start().starts_with("1 bash"), "{ps}");
    let links =
        debian(world, "ip -o link | cut -d: -f2; ip -o addr show lo | grep -c 127.0.0.1").ok();
    assert_eq!(links, " lo\n1\n");
    let mounts = debian(world, "mount | cut -d' ' -f3 | sort").ok();
    for mount in mounts.lines() {
        assert!(
            mount == "/" || ["/proc", "/sys", "/dev"].iter().any(|m| mount.starts_with(m)),
            "{mounts}"
        );
    }
    assert_eq!(debian(world, "df /dev | tail -n 1 | cut -d' ' -f1").ok(), "tmpfs\n");
}
