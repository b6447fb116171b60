//! Further commands in containers that run: `mini exec`.

use crate::oci_life::{Bundle, receive};
use crate::world::{Outcome, World, eventually};
use crate::{Need, Promise};
use serde_json::{Value, json};
use std::fs;
use std::io::Read;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

const ROOT: &[Need] = &[Need::Root, Need::Busybox];
/// What these do takes system calls that came after Linux 4.4: it is refused without them.
const LATER: &[Need] = &[Need::Root, Need::Busybox, Need::LaterCalls];

pub const PROMISES: &[Promise] = &[
    Promise { name: "oci_exec_joins_the_container", needs: ROOT, check: joins },
    Promise { name: "oci_exec_tells_why_it_cannot", needs: ROOT, check: refused },
    Promise { name: "oci_exec_as_engines_call_it", needs: ROOT, check: engines },
    Promise { name: "oci_exec_joins_a_user_namespace", needs: LATER, check: users },
    Promise { name: "oci_exec_shows_nothing_of_mini", needs: ROOT, check: spied },
    Promise { name: "oci_execs_leave_nothing", needs: ROOT, check: many },
];

fn running<'w>(world: &'w World, script: &str, edit: impl FnOnce(&mut Value)) -> Bundle<'w> {
    let bundle = Bundle::sh(world, script);
    bundle.edit(edit);
    bundle.create("c").ok();
    bundle.mini(&["start", "c"]).ok();
    bundle
}

/// `mini exec OPTIONS c sh -c SCRIPT`
fn sh(bundle: &Bundle, options: &[&str], script: &str) -> Outcome {
    bundle.mini(&[&["exec"], options, &["c", "sh", "-c", script]].concat())
}

fn joins(world: &World) {
    let bundle = running(world, "echo $$ >/dev/shm/pid; exec sleep 1000", |config| {
        config["process"]["oomScoreAdj"] = json!(321);
        config["process"]["noNewPrivileges"] = json!(true);
        config["linux"]["resources"]["pids"] = json!({"limit": 30});
    });
    eventually("it writes", || sh(&bundle, &[], "cat /dev/shm/pid").stdout == "1\n");
    let pid = bundle.state_of("c")["pid"].to_string();
    let outside = |name: &str| fs::read_link(format!("/proc/{pid}/ns/{name}")).unwrap();
    for name in ["pid", "net", "ipc", "uts", "mnt", "cgroup", "user"] {
        let inside = sh(&bundle, &[], &format!("readlink /proc/self/ns/{name}")).ok();
        assert_eq!(inside.trim(), outside(name).to_str().unwrap());
    }
    let own = |file: &str| sh(&bundle, &[], &format!("cat /proc/$$/{file}")).ok();
    let first = |file: &str| sh(&bundle, &[], &format!("cat /proc/1/{file}")).ok();
    for file in ["cgroup", "oom_score_adj", "limits"] {
        assert_eq!(own(file), first(file), "{file}");
    }
    assert_eq!(own("oom_score_adj"), "321\n");
    let rights = |status: String| -> Vec<String> {
        let is_right = |line: &&str| line.starts_with("Cap") || line.starts_with("NoNewPrivs");
        status.lines().filter(is_right).map(str::to_owned).collect()
    };
    assert_eq!(rights(own("status")), rights(first("status")));
    // Nothing is open but 0 to 2 and the directory itself, and the status is the command's.
    assert_eq!(sh(&bundle, &[], "ls /proc/self/fd | tr '\\n' ' '").ok(), "0 1 2 3 ");
    assert_eq!(sh(&bundle, &[], "exit 7").status, 7);
    assert_eq!(sh(&bundle, &[], "kill -TERM $$").status, 143);
    let options = ["-u", "1000:1001", "-g", "1002", "-e", "A=b", "--cwd", "/bin"];
    let told = sh(&bundle, &options, "id -u; id -g; id -G; echo $A; pwd").ok();
    assert_eq!(told, "1000\n1001\n1001 1002\nb\n/bin\n");
    let options = ["--cap", "SYS_TIME", "--no-new-privs"];
    let told = sh(&bundle, &options, "grep -E 'CapEff|NoNew' /proc/self/status").ok();
    assert!(told.contains("NoNewPrivs:\t1"), "{told}");
    let set = told.lines().next().unwrap().split_whitespace().nth(1).unwrap();
    assert_ne!(u64::from_str_radix(set, 16).unwrap() & 1 << 25, 0, "{told}");
    // Words behind the id are the command's, whatever they look like.
    assert_eq!(bundle.mini(&["exec", "c", "echo", "-e", "--cwd"]).ok(), "--cwd\n");
    bundle.mini(&["delete", "--force", "c"]).ok();
    bundle.is_empty();
    bundle.nothing_runs();
}

fn refused(world: &World) {
    let bundle = Bundle::sh(world, "sleep 1000");
    bundle.mini(&["exec", "c", "true"]).refused(1, "does not exist");
    bundle.create("c").ok();
    bundle.mini(&["exec", "c", "true"]).refused(1, "not started");
    bundle.mini(&["start", "c"]).ok();
    bundle.mini(&["exec", "c", "nothing"]).refused(1, "executable file not found in $PATH");
    bundle.mini(&["exec", "c", "/etc"]).refused(1, "exec /etc: ");
    bundle.mini(&["exec", "c"]).refused(1, "no command given");
    bundle.mini(&["exec", "--cwd", "/nowhere", "c", "true"]).refused(1, "chdir /nowhere");
    bundle.mini(&["exec", "--cwd", "bin", "c", "true"]).refused(1, "not an absolute path");
    bundle.mini(&["exec", "-u", "me", "c", "true"]).refused(1, "not UID or UID:GID");
    bundle.mini(&["exec", "--cap", "ALLES", "c", "true"]).refused(1, "unknown capability");
    bundle.mini(&["exec", "-p", "none", "c"]).refused(1, "read none: No such file");
    fs::write(bundle.path("process.json"), "{\"args\":[]}").unwrap();
    bundle.mini(&["exec", "-p", "process.json", "c"]).refused(1, "process.json");
    bundle.mini(&["exec", "-td", "c", "true"]).refused(1, "option -td");
    bundle.mini(&["exec", "-t", "-d", "c", "true"]).refused(1, "a terminal needs a receiver");
    bundle.mini(&["pause", "c"]).ok();
    bundle.mini(&["exec", "c", "true"]).refused(1, "paused container (resume it first)");
    bundle.mini(&["resume", "c"]).ok();
    bundle.mini(&["exec", "c", "true"]).ok();
    bundle.mini(&["kill", "c", "KILL"]).ok();
    bundle.becomes("c", "stopped");
    bundle.mini(&["exec", "c", "true"]).refused(1, "stopped container");
    bundle.mini(&["delete", "c"]).ok();
    bundle.is_empty();
}

fn engines(world: &World) {
    let bundle = running(world, "sleep 1000", |_| {});
    let process = |args: &[&str], terminal: bool| {
        let process = json!({
            "args": args, "cwd": "/", "terminal": terminal, "user": {"uid": 5, "gid": 6},
            "env": ["PATH=/bin", "X=y"], "consoleSize": {"height": 33, "width": 77},
            "capabilities": {"bounding": ["CAP_KILL"], "permitted": [], "effective": []},
        });
        fs::write(bundle.path("process.json"), process.to_string()).unwrap();
    };
    process(&["sh", "-c", "echo $X; id -u; sleep 1001"], false);
    let words = ["exec", "--process", "process.json", "--detach", "--pid-file", "pid", "c"];
    let mut command = bundle.command(&words);
    let out = bundle.path("out");
    let status = command.stdout(fs::File::create(&out).unwrap()).status().unwrap();
    assert!(status.success());
    let pid = fs::read_to_string(bundle.path("pid")).unwrap();
    let pids: Value = serde_json::from_str(&bundle.mini(&["ps", "-f", "json", "c"]).ok()).unwrap();
    assert!(pids.as_array().unwrap().contains(&json!(pid.parse::<u32>().unwrap())), "{pids} {pid}");
    eventually("it prints", || fs::read_to_string(&out).unwrap() == "y\n5\n");
    // A failure before the command runs is the verb's.
    process(&["nothing"], false);
    bundle.mini(&words).refused(1, "executable file not found in $PATH");
    // The terminal goes to the console socket.
    process(&["sh", "-c", "stty size 2>/dev/null; tty; sleep 1002"], true);
    let listener = UnixListener::bind(bundle.path("console")).unwrap();
    let words = ["exec", "-p", "process.json", "--console-socket", "console", "--detach", "c"];
    bundle.mini(&words).ok();
    let mut terminal = receive(&listener);
    let size = rustix::termios::tcgetwinsize(&terminal).unwrap();
    assert_eq!((size.ws_row, size.ws_col), (33, 77));
    let mut seen = Vec::new();
    eventually("the terminal's name", || {
        let mut buffer = [0; 256];
        let length = terminal.read(&mut buffer).unwrap();
        seen.extend_from_slice(&buffer[..length]);
        String::from_utf8_lossy(&seen).contains("/dev/pts/")
    });
    bundle.mini(&["delete", "--force", "c"]).ok();
    bundle.is_empty();
    bundle.nothing_runs();
}

fn users(world: &World) {
    let bundle = running(world, "sleep 1000", |config| {
        let range = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
        config["linux"]["uidMappings"] = range.clone();
        config["linux"]["gidMappings"] = range;
        config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user"}));
    });
    assert_eq!(sh(&bundle, &[], "id -u; cat /proc/self/uid_map").ok().lines().next(), Some("0"));
    let pid = bundle.state_of("c")["pid"].to_string();
    let map = fs::read_to_string(format!("/proc/{pid}/uid_map")).unwrap();
    assert_eq!(sh(&bundle, &[], "cat /proc/self/uid_map").ok(), map);
    assert_eq!(sh(&bundle, &["-u", "7:8"], "id -u").ok(), "7\n");
    // It is in the container's cgroups, though these are not the container's to write to.
    let cgroup = sh(&bundle, &[], "cat /proc/self/cgroup").ok();
    assert_eq!(cgroup, sh(&bundle, &[], "cat /proc/1/cgroup").ok());
    bundle.mini(&["delete", "--force", "c"]).ok();
    bundle.is_empty();
}

/// A container that may look into every process watches for the ones that join it.
fn spied(world: &World) {
    let watch = "
        while :; do
            for p in /proc/[0-9]*; do
                case $p in /proc/1|/proc/$$) continue;; esac
                e=$(readlink $p/exe) && case $e in /bin/*|'') ;; *) echo \"$e\" >>/dev/shm/exe; ( : >>$p/exe ) && echo \"written $e\" >>/dev/shm/found;; esac
                grep -q SECRET $p/environ 2>/dev/null && echo environ >>/dev/shm/found
                for f in $p/fd/*; do
                    l=$(readlink $f) || continue
                    case $l in pipe:*|socket:*|/dev/null|/dev/pts/*|anon_inode:*|/proc/*|/dev/shm/*) ;; *) echo \"fd $l\" >>/dev/shm/found;; esac
                done
                case $(readlink $p/cwd) in /|/dev/shm|'') ;; *) echo \"cwd $(readlink $p/cwd)\" >>/dev/shm/found;; esac
            done
        done 2>/dev/null";
    let bundle = running(world, watch, |config| {
        for set in ["bounding", "effective", "permitted"] {
            let names = json!(["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"]);
            config["process"]["capabilities"][set] = names;
        }
        // It may not hide what it has found from the test, but is alone otherwise.
        config["process"]["noNewPrivileges"] = json!(false);
    });
    let rounds = std::env::var("MINI_TEST_RACES").ok().map_or(200, |text| text.parse().unwrap());
    for _ in 0..rounds {
        let mut command = bundle.command(&["exec", "c", "true"]);
        command.env("SECRET", "SECRET").stdin(Stdio::null());
        Outcome::of(&mut command).ok();
    }
    // It did see processes before they were the command.
    let seen = sh(&bundle, &[], "sort /dev/shm/exe | uniq -c").ok();
    assert!(!seen.is_empty());
    let found = sh(&bundle, &[], "cat /dev/shm/found 2>/dev/null; :").ok();
    assert_eq!(found, "");
    bundle.mini(&["delete", "--force", "c"]).ok();
    bundle.is_empty();
}

fn many(world: &World) {
    let bundle = running(world, "sleep 1000", |_| {});
    for _ in 0..300 {
        bundle.mini(&["exec", "c", "true"]).ok();
    }
    let pids: Value = serde_json::from_str(&bundle.mini(&["ps", "-f", "json", "c"]).ok()).unwrap();
    assert_eq!(pids.as_array().unwrap().len(), 1, "{pids}");
    bundle.mini(&["delete", "--force", "c"]).ok();
    bundle.is_empty();
    bundle.nothing_runs();
}
