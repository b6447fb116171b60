//! The life of containers that are made from OCI bundles: create, start, state, kill, delete, run, list.

use crate::world::{Outcome, World, eventually, processes};
use crate::{Need, Promise};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const BOTH: &[Need] = &[Need::Busybox];
const ROOT: &[Need] = &[Need::Root, Need::Busybox];

pub const PROMISES: &[Promise] = &[
    Promise { name: "oci_a_container_lives_from_create_to_delete", needs: BOTH, check: lives },
    Promise { name: "oci_verbs_out_of_order_are_refused", needs: ROOT, check: out_of_order },
    Promise { name: "oci_ids_are_checked", needs: ROOT, check: ids },
    Promise {
        name: "oci_bad_configurations_leave_nothing",
        needs: ROOT,
        check: bad_configurations,
    },
    Promise { name: "oci_errors_are_logged_as_engines_read_them", needs: ROOT, check: logs },
    Promise { name: "oci_commands_that_cannot_run_are_told", needs: ROOT, check: no_command },
    Promise { name: "oci_hooks_run_at_their_points", needs: ROOT, check: hooks },
    Promise { name: "oci_hooks_that_fail_end_the_creation", needs: ROOT, check: failing_hooks },
    Promise { name: "oci_run_is_all_in_one", needs: BOTH, check: run },
    Promise { name: "oci_a_killed_run_ends_its_container", needs: ROOT, check: killed_run },
    Promise { name: "oci_run_is_told_from_run_of_a_command", needs: ROOT, check: which_run },
    Promise { name: "oci_the_terminal_goes_to_the_console_socket", needs: ROOT, check: console },
    Promise { name: "oci_descriptors_are_preserved", needs: ROOT, check: descriptors },
    Promise { name: "oci_a_waiting_process_shows_nothing_of_mini", needs: ROOT, check: waiting },
    Promise { name: "oci_one_of_many_creates_of_an_id_wins", needs: ROOT, check: same_id },
    Promise { name: "oci_one_of_many_starts_wins", needs: ROOT, check: same_start },
    Promise { name: "oci_64_containers_at_a_time", needs: ROOT, check: many },
    Promise { name: "oci_creates_killed_at_any_moment_leave_nothing", needs: ROOT, check: killed },
    Promise {
        name: "oci_a_start_killed_at_any_moment_is_no_harm",
        needs: ROOT,
        check: killed_start,
    },
    Promise { name: "oci_a_full_or_read_only_state_directory", needs: ROOT, check: no_room },
    Promise { name: "oci_damaged_states_can_be_deleted", needs: ROOT, check: damaged },
    Promise { name: "oci_pid_of_somebody_else_is_never_killed", needs: ROOT, check: other_pid },
    Promise { name: "oci_spec_features_version_list", needs: ROOT, check: papers },
];

/// A bundle, and a state directory of its own.
pub struct Bundle<'w> {
    world: &'w World,
    directory: PathBuf,
    state: PathBuf,
}

impl<'w> Bundle<'w> {
    /// With this command, as `mini spec` makes it otherwise.
    pub fn new(world: &'w World, args: &[&str]) -> Bundle<'w> {
        let directory = world.directory();
        let state = directory.join("state");
        let bundle = Bundle { world, directory, state };
        let mut spec = bundle.command(&["spec"]);
        if !world.is_root() {
            spec.arg("--rootless");
        }
        Outcome::of(spec.arg("--bundle").arg(&bundle.directory)).ok();
        bundle.edit(|config| {
            config["root"]["path"] = json!(world.busybox());
            config["process"]["args"] = json!(args);
            config["process"]["terminal"] = json!(false);
            // Not after the id, which other tests have, too.
            if world.is_root() {
                let name = bundle.directory.display().to_string().replace('/', "-");
                config["linux"]["cgroupsPath"] = json!(format!("/mini{name}"));
            }
        });
        bundle
    }

    pub fn sh(world: &'w World, script: &str) -> Bundle<'w> {
        Bundle::new(world, &["sh", "-c", script])
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub fn edit(&self, change: impl FnOnce(&mut Value)) {
        let path = self.path("config.json");
        let mut config = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut config);
        fs::write(&path, config.to_string()).unwrap();
    }

    /// `mini --root STATE ARGS` in the bundle's directory.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.command(&self.world.mini(), &["--root"]);
        command.arg(&self.state).args(args).current_dir(&self.directory).stdin(Stdio::null());
        command
    }

    pub fn mini(&self, args: &[&str]) -> Outcome {
        Outcome::of(&mut self.command(args))
    }

    /// With files in place of pipes: what a container holds open would keep a reader waiting.
    pub fn create(&self, id: &str) -> Outcome {
        quietly(&mut self.command(&["create", id]), &self.directory)
    }

    pub fn state_of(&self, id: &str) -> Value {
        serde_json::from_str(&self.mini(&["state", id]).ok()).unwrap()
    }

    pub fn status_of(&self, id: &str) -> String {
        self.state_of(id)["status"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn becomes(&self, id: &str, status: &str) {
        eventually(status, || self.status_of(id) == status);
    }

    #[track_caller]
    pub fn is_empty(&self) {
        let found: Vec<_> = fs::read_dir(&self.state)
            .map(|entries| entries.flatten().map(|entry| entry.file_name()).collect())
            .unwrap_or_default();
        assert!(found.is_empty(), "{found:?}");
    }

    /// No process of this bundle's containers is left.
    #[track_caller]
    pub fn nothing_runs(&self) {
        self.world.nothing_runs(self.state.to_str().unwrap());
    }
}

/// Nothing stays of a test that fails.
impl Drop for Bundle<'_> {
    fn drop(&mut self) {
        for entry in fs::read_dir(&self.state).into_iter().flatten().flatten() {
            if let Some(id) = entry.file_name().to_str() {
                let _ = self.command(&["delete", "--force", id]).status();
            }
        }
        // A container whose state is damaged does not tell where its cgroups are.
        let name = format!("mini{}", self.directory.display().to_string().replace('/', "-"));
        for hierarchy in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            let _ = fs::remove_dir(hierarchy.path().join(&name));
        }
        let _ = fs::remove_dir(Path::new("/sys/fs/cgroup").join(&name));
    }
}

/// Runs a command whose output goes to files of a directory.
fn quietly(command: &mut Command, directory: &Path) -> Outcome {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = |name: &str| directory.join(format!("{name}.{number}"));
    let file = |name| File::create(path(name)).unwrap();
    let status = command.stdout(file("out")).stderr(file("err")).status().unwrap();
    let read = |name| {
        let bytes = fs::read(path(name)).unwrap();
        fs::remove_file(path(name)).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let status = status.code().unwrap_or(-1);
    Outcome { status, stdout: read("out"), stderr: read("err") }
}

fn lives(world: &World) {
    let bundle = Bundle::sh(world, "echo $$; sleep 1000");
    let out = bundle.path("output");
    let mut create = bundle.command(&["create", "--pid-file", "pid", "c1"]);
    assert!(create.stdout(File::create(&out).unwrap()).status().unwrap().success());
    let state = bundle.state_of("c1");
    assert_eq!(state["status"], "created");
    assert_eq!(state["id"], "c1");
    assert_eq!(state["bundle"], json!(bundle.directory));
    let pid = state["pid"].to_string();
    assert_eq!(fs::read_to_string(bundle.path("pid")).unwrap(), pid);
    assert_eq!(fs::read_to_string(&out).unwrap(), "");
    bundle.mini(&["start", "c1"]).ok();
    assert_eq!(bundle.status_of("c1"), "running");
    eventually("it prints", || fs::read_to_string(&out).unwrap() == "1\n");
    let list: Value = serde_json::from_str(&bundle.mini(&["list", "-f", "json"]).ok()).unwrap();
    assert_eq!((list[0]["id"].as_str(), list[0]["status"].as_str()), (Some("c1"), Some("running")));
    assert_eq!(bundle.mini(&["list", "-q"]).ok(), "c1\n");
    let table = bundle.mini(&["list"]).ok();
    assert!(table.starts_with("ID") && table.contains("running"), "{table}");
    bundle.mini(&["kill", "c1", "SIGKILL"]).ok();
    bundle.becomes("c1", "stopped");
    assert_eq!(bundle.state_of("c1")["pid"], 0);
    bundle.mini(&["delete", "c1"]).ok();
    bundle.mini(&["state", "c1"]).refused(1, "container does not exist");
    bundle.is_empty();
    // The id is free again; a container that was only created can be deleted.
    bundle.create("c1").ok();
    bundle.mini(&["delete", "c1"]).ok();
    bundle.is_empty();
    bundle.nothing_runs();
}

fn out_of_order(world: &World) {
    let bundle = Bundle::sh(world, "sleep 1000");
    for verb in ["start", "state", "kill", "delete"] {
        bundle.mini(&[verb, "c"]).refused(1, "container c: container does not exist");
    }
    // What is gone already is what was wanted.
    bundle.mini(&["delete", "--force", "c"]).ok();
    bundle.create("c").ok();
    bundle.create("c").refused(1, "container with given ID already exists");
    assert_eq!(bundle.status_of("c"), "created");
    bundle.mini(&["start", "c"]).ok();
    bundle.mini(&["start", "c"]).refused(1, "cannot start an already running container");
    bundle.mini(&["delete", "c"]).refused(1, "cannot delete container that is not stopped");
    bundle.mini(&["kill", "c", "NONSENSE"]).refused(1, "signal NONSENSE: unknown");
    assert_eq!(bundle.status_of("c"), "running");
    bundle.mini(&["kill", "c", "9"]).ok();
    bundle.becomes("c", "stopped");
    bundle.mini(&["kill", "c"]).refused(1, "container not running");
    bundle.mini(&["start", "c"]).refused(1, "cannot start a container that has stopped");
    bundle.mini(&["delete", "c"]).ok();
    bundle.create("d").ok();
    bundle.mini(&["start", "d"]).ok();
    bundle.mini(&["delete", "--force", "d"]).ok();
    bundle.is_empty();
    bundle.nothing_runs();
    bundle.mini(&["create"]).refused(1, "no container id given");
    bundle.mini(&["start", "a", "b"]).refused(1, "too many words");
    bundle.mini(&["start", "--bundle", "b", "a"]).refused(1, "option --bundle: unknown");
    bundle.mini(&["--systemd-cgroup", "create", "a"]).refused(1, "not supported");
}

fn ids(world: &World) {
    let bundle = Bundle::sh(world, "true");
    let long = "a".repeat(1025);
    for id in ["a/b", "/", "..", ".", "", "a b", "a\n", "caf\u{e9}", long.as_str()] {
        for verb in ["create", "state", "delete", "start", "kill"] {
            bundle.mini(&[verb, id]).refused(1, "container id");
        }
    }
    bundle.is_empty();
    for id in ["a", "A_b+c-d.e", "...", "0"] {
        bundle.create(id).ok();
        bundle.mini(&["delete", id]).ok();
    }
    bundle.is_empty();
}

fn bad_configurations(world: &World) {
    let bundle = Bundle::sh(world, "true");
    let path = bundle.path("config.json");
    let good: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let refused = |text: &[u8], words: &str| {
        fs::write(&path, text).unwrap();
        let outcome = bundle.create("c");
        assert_eq!(outcome.status, 1, "{outcome:?}");
        assert!(outcome.stderr.contains(words), "{words:?} is not in {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
        bundle.is_empty();
    };
    fs::remove_file(&path).unwrap();
    bundle.create("c").refused(1, "config.json: No such file or directory");
    refused(b"", "config.json: ");
    refused(b"{", "config.json: ");
    refused(b"nonsense", "config.json: ");
    refused(b"[]", "not an object");
    refused(b"{}", "ociVersion: missing");
    refused(&[b'['; 10_000], "config.json: ");
    refused(&vec![b' '; 10 << 20], "longer than 8 MiB");
    refused(good.to_string().replace("\"1.3.0\"", "\"2.0.0\"").as_bytes(), "ociVersion");
    let edited = |change: &dyn Fn(&mut Value), words: &str| {
        let mut config = good.clone();
        change(&mut config);
        refused(config.to_string().as_bytes(), words);
    };
    edited(&|it| it["root"] = Value::Null, "root: missing");
    edited(&|it| it["root"]["path"] = json!("/nowhere"), "No such file or directory");
    edited(&|it| it["root"]["path"] = json!("/"), "/");
    edited(&|it| it["process"]["cwd"] = json!("tmp"), "process.cwd: not an absolute path");
    edited(&|it| it["process"]["args"] = json!([]), "process.args: empty");
    edited(&|it| it["process"]["args"] = json!("sh"), "process.args: not an array");
    edited(&|it| it["process"]["args"] = json!(["a\u{0}b"]), "has a NUL byte");
    edited(&|it| it["process"]["user"]["uid"] = json!(-1), "process.user.uid: out of range");
    edited(&|it| it["process"]["user"]["uid"] = json!("0"), "process.user.uid: not a number");
    edited(
        &|it| it["process"]["rlimits"] = json!([{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}]),
        "process.rlimits[0].soft",
    );
    let big = good.to_string().replace("\"soft\":1024", "\"soft\":99999999999999999999");
    refused(big.as_bytes(), "process.rlimits[0].soft: out of range");
    edited(&|it| it["linux"]["namespaces"][0]["type"] = json!("nonsense"), "unknown");
    edited(&|it| it["linux"]["cgroupsPath"] = json!("/a/../b"), "cgroupsPath");
    let mapping = json!([
        {"containerID": 0, "hostID": 1000, "size": 10},
        {"containerID": 5, "hostID": 2000, "size": 10},
    ]);
    edited(&|it| it["linux"]["uidMappings"] = mapping.clone(), "overlaps");
    edited(&|it| it["hooks"] = json!({"prestart": [{"path": "rel"}]}), "not an absolute path");
    // The last of two counts, as with other readers.
    let twice = good.to_string().replacen("{", "{\"ociVersion\":\"9\",", 1);
    fs::write(&path, twice).unwrap();
    bundle.create("c").ok();
    bundle.mini(&["delete", "c"]).ok();
    // Without a process it can be created, but not started.
    let mut config = good.clone();
    config.as_object_mut().unwrap().remove("process");
    fs::write(&path, config.to_string()).unwrap();
    bundle.create("c").ok();
    bundle.mini(&["start", "c"]).refused(1, "config.json has no process");
    bundle.mini(&["delete", "c"]).ok();
    bundle.is_empty();
    bundle.nothing_runs();
}

fn logs(world: &World) {
    let bundle = Bundle::sh(world, "true");
    let log = bundle.path("log");
    for _ in 0..2 {
        let args = ["--log", "log", "--log-format", "json", "state", "none"];
        bundle.mini(&args).refused(1, "does not exist");
    }
    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["level"], "error");
    assert_eq!(lines[0]["msg"], "container none: container does not exist");
    assert!(lines[0]["time"].as_str().unwrap().ends_with('Z'));
    fs::remove_file(&log).unwrap();
    bundle.mini(&["--log=log", "--debug", "state", "none"]).refused(1, "does not exist");
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.starts_with("time=\"2") && text.contains("level=error msg=\""), "{text}");
    // A log that cannot be written to does not hide the error.
    let outcome = bundle.mini(&["--log", "/nowhere/log", "state", "none"]);
    assert_eq!(outcome.status, 1);
    assert!(outcome.stderr.contains("does not exist"), "{outcome:?}");
    assert!(outcome.stderr.contains("log /nowhere/log: No such file"), "{outcome:?}");
    // What goes well is not logged.
    fs::remove_file(&log).unwrap();
    bundle.mini(&["--log", "log", "list"]).ok();
    assert!(!log.exists());
}

fn no_command(world: &World) {
    let create = |args: &[&str], words: &str| {
        let bundle = Bundle::new(world, args);
        bundle.create("c").refused(1, words);
        bundle.is_empty();
    };
    create(&["nonsense"], "exec nonsense: executable file not found in $PATH");
    create(&["/bin/nonsense"], "exec /bin/nonsense: No such file or directory");
    create(&["/etc/passwd"], "exec /etc/passwd: Permission denied");
    create(&["/etc"], "exec /etc: Permission denied");
    // A file that goes away between create and start, or that is no program.
    let root = world.directory();
    for directory in ["bin", "proc", "sys", "dev"] {
        fs::create_dir(root.join(directory)).unwrap();
    }
    world.copy_busybox(&root.join("bin/busybox"));
    let bundle = Bundle::new(world, &["busybox", "true"]);
    bundle.edit(|config| config["root"]["path"] = json!(root));
    bundle.create("c").ok();
    fs::rename(root.join("bin/busybox"), root.join("bin/other")).unwrap();
    bundle.mini(&["start", "c"]).refused(1, "exec busybox: executable file not found in $PATH");
    bundle.becomes("c", "stopped");
    bundle.mini(&["delete", "c"]).ok();
    fs::write(root.join("bin/busybox"), b"\0\0\0\0").unwrap();
    fs::set_permissions(root.join("bin/busybox"), fs::Permissions::from_mode(0o755)).unwrap();
    bundle.create("c").ok();
    bundle.mini(&["start", "c"]).refused(1, "exec busybox: Exec format error");
    bundle.mini(&["delete", "c"]).ok();
    bundle.mini(&["run", "--pid-file", "p", "c"]).refused(1, "Exec format error");
    bundle.is_empty();
    bundle.nothing_runs();
}

/// A hook of the host's that writes a line about itself.
fn hook(bundle: &Bundle, kind: &str, rest: &str) -> Value {
    let script = format!(
        "state=$(cat); echo \"{kind} $(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/uts) \
         $state\" >>{}/hooks; {rest}",
        bundle.directory.display()
    );
    json!([{
        "path": "/bin/sh", "args": ["hook", "-c", script], "env": ["PATH=/bin:/usr/bin"], "timeout": 10
    }])
}

fn lines_of(bundle: &Bundle) -> Vec<String> {
    let text = fs::read_to_string(bundle.path("hooks")).unwrap_or_default();
    let _ = fs::remove_file(bundle.path("hooks"));
    text.lines().map(str::to_owned).collect()
}

fn kinds(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| line.split(' ').next().unwrap()).collect()
}

fn hooks(world: &World) {
    let bundle = Bundle::sh(world, "cat /tmp/hook; sleep 1000");
    bundle.edit(|config| {
        config["annotations"] = json!({"org.example": "value"});
        let mut hooks = json!({});
        for kind in ["prestart", "createRuntime", "createContainer", "poststart", "poststop"] {
            hooks[kind] = hook(&bundle, kind, "true");
        }
        hooks["startContainer"] =
            json!([{"path": "/bin/sh", "args": ["sh", "-c", "cat >/tmp/hook; id -u >>/tmp/hook"]}]);
        config["hooks"] = hooks;
        config["process"]["user"]["uid"] = json!(1234);
        config["mounts"].as_array_mut().unwrap().push(json!({
            "destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]
        }));
    });
    let out = bundle.path("output");
    let mut create = bundle.command(&["create", "c"]);
    assert!(create.stdout(File::create(&out).unwrap()).status().unwrap().success());
    let lines = lines_of(&bundle);
    assert_eq!(kinds(&lines), ["prestart", "createRuntime", "createContainer"]);
    let pid = bundle.state_of("c")["pid"].as_u64().unwrap();
    let own = fs::read_link("/proc/self/ns/mnt").unwrap();
    let theirs = |name: &str| fs::read_link(format!("/proc/{pid}/ns/{name}")).unwrap();
    for line in &lines {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        let inside = words[0] == "createContainer";
        assert_eq!(Path::new(words[1]) == own, !inside, "{line}");
        assert_eq!(Path::new(words[2]) == theirs("uts"), inside, "{line}");
        let state: Value = serde_json::from_str(words[3]).unwrap();
        assert_eq!(state["status"], "creating");
        assert_eq!(state["pid"], pid);
        assert_eq!(state["bundle"], json!(bundle.directory));
        assert_eq!(state["annotations"]["org.example"], "value");
    }
    bundle.mini(&["start", "c"]).ok();
    let lines = lines_of(&bundle);
    assert_eq!(kinds(&lines), ["poststart"]);
    assert!(lines[0].contains("\"running\""), "{lines:?}");
    let mut text = String::new();
    eventually("the hook inside has run", || {
        text = fs::read_to_string(&out).unwrap();
        text.ends_with("1234\n")
    });
    let state: Value = serde_json::from_str(text.trim_end().trim_end_matches("1234")).unwrap();
    assert_eq!((state["status"].as_str(), state["id"].as_str()), (Some("created"), Some("c")));
    bundle.mini(&["delete", "--force", "c"]).ok();
    let lines = lines_of(&bundle);
    assert_eq!(kinds(&lines), ["poststop"]);
    assert!(lines[0].contains("\"stopped\""), "{lines:?}");
    bundle.is_empty();
}

fn failing_hooks(world: &World) {
    let bundle = Bundle::sh(world, "true");
    for kind in ["prestart", "createRuntime", "createContainer"] {
        bundle.edit(|config| {
            config["hooks"] = json!({"poststop": hook(&bundle, "poststop", "true")});
            config["hooks"][kind] = hook(&bundle, kind, "exit 3");
        });
        let outcome = bundle.create("c");
        outcome.refused(1, &format!("{kind} hook /bin/sh: failed: exit status 3"));
        assert_eq!(kinds(&lines_of(&bundle)), [kind, "poststop"]);
        bundle.is_empty();
        bundle.edit(|config| {
            config["hooks"] = json!({});
            config["hooks"][kind] =
                json!([{"path": "/bin/sleep", "args": ["sleep", "100"], "timeout": 1}]);
        });
        let start = Instant::now();
        bundle.create("c").refused(1, "timed out");
        assert!(start.elapsed() < Duration::from_secs(20));
        bundle.edit(|config| config["hooks"][kind] = json!([{"path": "/nowhere/hook"}]));
        let outcome = bundle.create("c");
        assert_eq!(outcome.status, 1, "{outcome:?}");
        assert!(outcome.stderr.contains("/nowhere/hook: cannot be executed"), "{outcome:?}");
        bundle.is_empty();
    }
    for script in ["exit 1", "sleep 100"] {
        bundle.edit(|config| {
            config["hooks"] = json!({"startContainer": [
                {"path": "/bin/sh", "args": ["sh", "-c", script], "timeout": 1}
            ]});
        });
        bundle.create("c").ok();
        bundle.mini(&["start", "c"]).refused(1, "hook /bin/sh: ");
        bundle.becomes("c", "stopped");
        bundle.mini(&["delete", "c"]).ok();
    }
    // A poststart hook that fails ends the container. A poststop hook comes too late to change anything.
    bundle.edit(|config| {
        config["hooks"] = json!({
            "poststart": hook(&bundle, "poststart", "exit 1"),
            "poststop": hook(&bundle, "poststop", "exit 1"),
        });
    });
    bundle.create("c").ok();
    let outcome = bundle.mini(&["start", "c"]);
    assert_eq!(outcome.status, 1, "{outcome:?}");
    assert!(
        outcome.stderr.contains("poststart hook /bin/sh: failed: exit status 1"),
        "{outcome:?}"
    );
    assert!(outcome.stderr.contains("poststop hook /bin/sh: failed: exit status 1"), "{outcome:?}");
    bundle.is_empty();
    bundle.edit(|config| {
        config["hooks"] = json!({"poststop": hook(&bundle, "poststop", "exit 1")});
    });
    bundle.create("c").ok();
    bundle.mini(&["start", "c"]).ok();
    bundle.becomes("c", "stopped");
    let outcome = bundle.mini(&["delete", "c"]);
    assert_eq!(outcome.status, 0, "{outcome:?}");
    assert!(outcome.stderr.contains("failed: exit status 1"), "{outcome:?}");
    bundle.is_empty();
    bundle.nothing_runs();
}

fn run(world: &World) {
    let bundle = Bundle::sh(world, "cat; echo out; echo err >&2; exit 7");
    let mut command = bundle.command(&["run", "--bundle", ".", "c"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"in ").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"in out\n"[..], &b"err\n"[..]));
    bundle.is_empty();
    // A signal ends it, and it is gone.
    let bundle = Bundle::sh(world, "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done");
    let mut child =
        bundle.command(&["run", "--bundle", ".", "c"]).stdout(Stdio::piped()).spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 3]).unwrap();
    assert_eq!(bundle.status_of("c"), "running");
    crate::life::signal(&child, rustix::process::Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(9));
    bundle.is_empty();
    // In the background it stays.
    let args = ["run", "--detach", "--pid-file", "pid", "--bundle", ".", "c"];
    quietly(&mut bundle.command(&args), &bundle.directory).ok();
    assert_eq!(bundle.status_of("c"), "running");
    assert_eq!(
        bundle.state_of("c")["pid"].to_string(),
        fs::read_to_string(bundle.path("pid")).unwrap()
    );
    // Until the trap is there, process 1 hears of no signal.
    eventually("the signal ends it", || {
        bundle.mini(&["kill", "c", "TERM"]);
        bundle.status_of("c") == "stopped"
    });
    bundle.mini(&["delete", "c"]).ok();
    bundle.is_empty();
    bundle.nothing_runs();
}

fn killed_run(world: &World) {
    let bundle = Bundle::sh(world, "echo up; sleep 1000");
    let mut child = bundle.command(&["run", "--bundle", ".", "c"]);
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = [0; 3];
    child.stdout.take().unwrap().read_exact(&mut said).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // In the foreground nothing outlives mini.
    bundle.becomes("c", "stopped");
    bundle.mini(&["delete", "c"]).ok();
    bundle.is_empty();
    bundle.nothing_runs();
}

fn which_run(world: &World) {
    let bundle = Bundle::sh(world, "echo from the bundle");
    let own = |args: &[&str], directory: &Path| {
        let mut command = world.command(&world.mini(), args);
        Outcome::of(command.current_dir(directory).stdin(Stdio::null()))
    };
    // The usual state directory is not touched by the words of these.
    assert_eq!(bundle.mini(&["run", "c"]).ok(), "from the bundle\n");
    let ls = own(&["run", "--", "ls"], &bundle.directory).ok();
    assert!(ls.contains("config.json"), "{ls}");
    let elsewhere = world.directory();
    fs::write(elsewhere.join("config.json"), "{\"name\": \"of another program\"}").unwrap();
    assert_eq!(own(&["run", "ls"], &elsewhere).ok(), "config.json\n");
    assert_eq!(own(&["run", "echo", "c"], &bundle.directory).ok(), "c\n");
    bundle.is_empty();
}

/// Takes a descriptor that is sent over a socket's connection.
pub fn receive(listener: &UnixListener) -> File {
    let (connection, _) = listener.accept().unwrap();
    let mut byte = [0u8; 64];
    let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: byte.len() };
    let mut control = [0u64; 8];
    // SAFETY: all of the message is initialised, and lives across the call; the kernel gives the descriptor
    // to nobody else.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        assert!(libc::recvmsg(connection.as_raw_fd(), &raw mut message, 0) > 0);
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        assert!(!header.is_null() && (*header).cmsg_type == libc::SCM_RIGHTS);
        File::from_raw_fd(*libc::CMSG_DATA(header).cast::<i32>())
    }
}

fn console(world: &World) {
    let bundle = Bundle::sh(world, "tty; stty size; ls -l /dev/console; read line; echo got $line");
    bundle.edit(|config| {
        config["process"]["terminal"] = json!(true);
        config["process"]["consoleSize"] = json!({"height": 33, "width": 111});
    });
    bundle.create("c").refused(1, "--console-socket");
    let args = ["create", "--console-socket", "socket", "c"];
    bundle.mini(&args).refused(1, "console socket");
    let listener = UnixListener::bind(bundle.path("socket")).unwrap();
    quietly(&mut bundle.command(&args), &bundle.directory).ok();
    let mut terminal = receive(&listener);
    bundle.mini(&["start", "c"]).ok();
    let mut seen = String::new();
    let mut expect = |terminal: &mut File, text: &str| {
        while !seen.contains(text) {
            let mut buffer = [0; 1000];
            let length = terminal.read(&mut buffer).unwrap_or(0);
            assert!(length > 0, "no {text:?} in {seen:?}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    };
    expect(&mut terminal, "/dev/pts/0\r\n33 111\r\n");
    expect(&mut terminal, "/dev/console\r\n");
    terminal.write_all(b"line\n").unwrap();
    expect(&mut terminal, "got line\r\n");
    bundle.becomes("c", "stopped");
    bundle.mini(&["delete", "c"]).ok();
    bundle.edit(|config| config["process"]["terminal"] = json!(false));
    bundle.mini(&args).refused(1, "no terminal");
    bundle.is_empty();
}

fn descriptors(world: &World) {
    let bundle = Bundle::sh(world, "cat <&3; cat <&4; ls -l /proc/self/fd | grep -c socket");
    let script = format!(
        "exec 3<<'A' 4<<'B'\nthree\nA\nfour\nB\nexec {} --root {} run --preserve-fds 2 --bundle {} c",
        world.mini().display(),
        bundle.state.display(),
        bundle.directory.display()
    );
    let outcome =
        Outcome::of(world.command(Path::new("/bin/sh"), &["-c", &script]).stdin(Stdio::null()));
    assert_eq!(outcome.stdout, "three\nfour\n0\n", "{outcome:?}");
    bundle.mini(&["create", "--preserve-fds", "3", "c"]).refused(1, "--preserve-fds: not open: 3");
    bundle.mini(&["create", "--preserve-fds", "x", "c"]).refused(1, "not a number");
    bundle.is_empty();
}

fn waiting(world: &World) {
    for shared in [false, true] {
        let bundle = Bundle::sh(world, "sleep 1000");
        bundle.edit(|config| {
            let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
            namespaces.retain(|namespace| !shared || namespace["type"] != "pid");
        });
        let mut create = bundle.command(&["create", "c"]);
        let outcome = quietly(create.env("SECRET", "value"), &bundle.directory);
        outcome.ok();
        let pid = bundle.state_of("c")["pid"].as_u64().unwrap();
        let proc = PathBuf::from(format!("/proc/{pid}"));
        // Not dumpable: its files are root's, whoever it is.
        let status = fs::read_to_string(proc.join("status")).unwrap();
        assert!(status.contains("CapEff:\t0000000020000420"), "{status}");
        // 0 to 2, and the socket of the start.
        eventually("the pipes to mini are closed", || {
            let entries = fs::read_dir(proc.join("fd")).unwrap().flatten();
            let targets = entries.filter_map(|fd| fs::read_link(fd.path()).ok());
            let mut targets: Vec<_> = targets.map(|path| path.display().to_string()).collect();
            targets.retain(|target| !target.starts_with('/'));
            targets.len() == 1 && targets[0].starts_with("socket:")
        });
        for link in ["root", "cwd"] {
            assert_eq!(fs::read_link(proc.join(link)).unwrap(), Path::new("/"));
        }
        // The host's root is no mount of its own.
        let mounts = fs::read_to_string(proc.join("mountinfo")).unwrap();
        assert!(mounts.lines().all(|line| !line.contains(" /home ")), "{mounts}");
        if shared {
            let exe = proc.join("exe");
            for mode in [false, true] {
                let opened = File::options().write(true).append(mode).open(&exe);
                assert!(opened.is_err());
            }
            // Not the host's file by name, either.
            assert_ne!(fs::read_link(&exe).unwrap(), world.mini());
        }
        bundle.mini(&["delete", "c"]).ok();
        bundle.is_empty();
    }
}

fn same_id(world: &World) {
    let bundle = Bundle::sh(world, "sleep 1000");
    for _ in 0..5 {
        let mut children: Vec<_> = (0..8)
            .map(|_| bundle.command(&["create", "c"]).stderr(Stdio::null()).spawn().unwrap())
            .collect();
        let won = children.iter_mut().filter_map(|child| child.wait().unwrap().code());
        assert_eq!(won.filter(|status| *status == 0).count(), 1);
        assert_eq!(bundle.status_of("c"), "created");
        bundle.mini(&["delete", "c"]).ok();
        bundle.is_empty();
    }
    bundle.nothing_runs();
}

fn same_start(world: &World) {
    let bundle = Bundle::sh(world, "sleep 1000");
    for _ in 0..5 {
        bundle.create("c").ok();
        let mut children: Vec<_> = (0..8)
            .map(|_| bundle.command(&["start", "c"]).stderr(Stdio::null()).spawn().unwrap())
            .collect();
        let won = children.iter_mut().filter_map(|child| child.wait().unwrap().code());
        assert_eq!(won.filter(|status| *status == 0).count(), 1);
        assert_eq!(bundle.status_of("c"), "running");
        // Two who delete it: one does, the other finds nothing or finds it done.
        let mut others: Vec<_> =
            (0..4).map(|_| bundle.command(&["delete", "-f", "c"]).spawn().unwrap()).collect();
        assert!(others.iter_mut().all(|child| child.wait().unwrap().success()));
        bundle.is_empty();
    }
    bundle.nothing_runs();
}

fn many(world: &World) {
    let bundle = Bundle::sh(world, "exit 0");
    // Each has a cgroup of its own.
    bundle.edit(|config| drop(config["linux"].as_object_mut().unwrap().remove("cgroupsPath")));
    let script = format!(
        "set -e; m='{} --root {}'; $m create $1; $m start $1; \
         while ! $m state $1 | grep -q stopped; do sleep 0.05; done; $m delete $1",
        world.mini().display(),
        bundle.state.display()
    );
    let mut children: Vec<_> = (0..64)
        .map(|number| {
            let id = format!("mini-test-{}-{number}", std::process::id());
            let mut command = world.command(Path::new("/bin/sh"), &["-c", &script, "sh", &id]);
            command.current_dir(&bundle.directory).stdin(Stdio::null()).spawn().unwrap()
        })
        .collect();
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    bundle.is_empty();
    bundle.nothing_runs();
}

/// A number that is different each time, and the same in each run of the tests.
fn next_random(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

fn mounts_and_processes(bundle: &Bundle) -> (usize, Vec<i32>) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mark = bundle.directory.to_str().unwrap();
    let mounts = mounts.lines().filter(|line| line.contains(mark)).count();
    (mounts, processes(bundle.state.to_str().unwrap()))
}

fn killed(world: &World) {
    let bundle = Bundle::sh(world, "sleep 1000");
    bundle.edit(|config| {
        // With a hook on the way the moments are more.
        config["hooks"] = json!({"createRuntime": [{"path": "/bin/true"}]});
    });
    // How long a whole one takes here.
    let start = Instant::now();
    bundle.create("c").ok();
    let whole = start.elapsed().as_micros() as u64;
    bundle.mini(&["delete", "-f", "c"]).ok();
    let mut seed = 0x9e37_79b9_7f4a_7c15;
    let mut half_made = 0;
    for number in 0..200 {
        let mut child = bundle.command(&["create", "c"]).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(next_random(&mut seed) % (whole * 3 / 2)));
        let _ = child.kill();
        child.wait().unwrap();
        half_made += u32::from(bundle.state.join("c").exists());
        bundle.mini(&["delete", "--force", "c"]).ok();
        assert!(!bundle.state.join("c").exists(), "round {number}");
    }
    assert!(half_made > 20, "only {half_made} of 200 left something");
    bundle.is_empty();
    eventually("nothing is left", || mounts_and_processes(&bundle) == (0, Vec::new()));
}

fn killed_start(world: &World) {
    let bundle = Bundle::sh(world, "sleep 1000");
    let mut seed = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..50 {
        bundle.create("c").ok();
        let mut child = bundle.command(&["start", "c"]).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(next_random(&mut seed) % 3000));
        let _ = child.kill();
        child.wait().unwrap();
        // Whatever the moment was, it is one or the other, and goes on from there.
        let status = bundle.status_of("c");
        match status.as_str() {
            "created" => {
                bundle.mini(&["start", "c"]);
            }
            "running" => {}
            _ => panic!("{status}"),
        }
        assert_eq!(bundle.status_of("c"), "running");
        bundle.mini(&["kill", "c", "KILL"]).ok();
        bundle.becomes("c", "stopped");
        bundle.mini(&["delete", "c"]).ok();
        bundle.is_empty();
    }
    bundle.nothing_runs();
}

fn no_room(world: &World) {
    let bundle = Bundle::sh(world, "true");
    fs::create_dir(&bundle.state).unwrap();
    let mount = |words: &[&str]| {
        let mut command = Command::new("mount");
        assert!(command.args(words).arg(&bundle.state).status().unwrap().success());
    };
    mount(&["-t", "tmpfs", "-o", "size=4k,nr_inodes=4", "none"]);
    let outcome = bundle.create("c");
    assert_eq!(outcome.status, 1, "{outcome:?}");
    assert!(outcome.stderr.contains("No space left on device"), "{outcome:?}");
    bundle.is_empty();
    mount(&["-o", "remount,ro"]);
    bundle.create("c").refused(1, "Read-only file system");
    bundle.is_empty();
    assert!(Command::new("umount").arg(&bundle.state).status().unwrap().success());
    bundle.nothing_runs();
    // Something else in its place.
    fs::remove_dir(&bundle.state).unwrap();
    fs::write(&bundle.state, "").unwrap();
    bundle.create("c").refused(1, "Not a directory");
    fs::remove_file(&bundle.state).unwrap();
}

fn damaged(world: &World) {
    let bundle = Bundle::sh(world, "sleep 1000");
    for text in ["", "{", "{}", "{\"pid\":1}", "[1]"] {
        bundle.create("c").ok();
        let pid = bundle.state_of("c")["pid"].as_i64().unwrap() as i32;
        fs::write(bundle.state.join("c/state.json"), text).unwrap();
        bundle.mini(&["state", "c"]).refused(1, "state.json: damaged");
        bundle.mini(&["delete", "c"]).refused(1, "state.json: damaged");
        bundle.mini(&["delete", "--force", "c"]).ok();
        // Nothing tells which process it was.
        kill_and_wait(pid);
        bundle.is_empty();
    }
    // Half made: a directory, and no more.
    fs::create_dir(bundle.state.join("half")).unwrap();
    assert_eq!(bundle.status_of("half"), "stopped");
    bundle.mini(&["start", "half"]).refused(1, "has stopped");
    bundle.create("half").refused(1, "already exists");
    bundle.mini(&["delete", "half"]).ok();
    bundle.is_empty();
}

fn other_pid(world: &World) {
    let bundle = Bundle::sh(world, "sleep 1000");
    let mut other = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
    // The time of a start is known in hundredths of a second.
    std::thread::sleep(Duration::from_millis(30));
    bundle.create("c").ok();
    let path = bundle.state.join("c/state.json");
    let mut state: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let pid = state["pid"].as_i64().unwrap() as i32;
    // As if the container's process had ended, and its id been given to another one.
    state["pid"] = json!(other.id());
    fs::write(&path, state.to_string()).unwrap();
    assert_eq!(bundle.status_of("c"), "stopped");
    bundle.mini(&["kill", "c", "KILL"]).refused(1, "container not running");
    bundle.mini(&["delete", "--force", "c"]).ok();
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
    kill_and_wait(pid);
}

/// Ends a container's process that mini cannot know of any more.
fn kill_and_wait(pid: i32) {
    let process = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    eventually("it ends", || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.is_empty() || status.contains("State:\tZ")
    });
}

fn papers(world: &World) {
    let bundle = Bundle::sh(world, "true");
    bundle.mini(&["spec"]).refused(1, "config.json: File exists");
    let features: Value = serde_json::from_str(&bundle.mini(&["features"]).ok()).unwrap();
    assert_eq!(features["ociVersionMax"], "1.3.0");
    assert_eq!(features["hooks"].as_array().unwrap().len(), 6);
    let version = bundle.mini(&["--version"]).ok();
    assert!(version.starts_with("mini version "), "{version}");
    assert!(version.lines().any(|line| line == "spec: 1.3.0"), "{version}");
    assert_eq!(bundle.mini(&["list", "--format", "json"]).ok(), "[]\n");
    bundle.mini(&["list", "--format", "xml"]).refused(1, "table or json");
    for verb in ["create", "start", "state", "kill", "delete", "list", "features", "spec"] {
        let help = bundle.mini(&[verb, "--help"]).ok();
        assert!(help.starts_with("Usage: mini ") && help.contains("--help"), "{help}");
    }
}
