use super::*;
use crate::spec::resources::Property;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Configurations as engines and runtimes write them (tests/oci).
fn file(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oci").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn good(text: &[u8]) -> Config<'static> {
    let text = Box::leak(text.to_vec().into_boxed_slice());
    read_config(text).unwrap_or_else(|error| panic!("{}", line(&error)))
}

fn line(error: &Error) -> String {
    String::from_utf8(error.line().to_vec()).unwrap()
}

/// The smallest configuration that is right.
fn smallest() -> Json {
    json!({
        "ociVersion": "1.0.2",
        "root": {"path": "rootfs"},
        "process": {"cwd": "/", "args": ["sh"]},
    })
}

/// The error of a configuration in which a property was changed: `process.args` to something.
fn changed(path: &str, value: Json) -> Json {
    let mut whole = smallest();
    let mut at = &mut whole;
    for name in path.split('.') {
        at = &mut at[name];
    }
    *at = value;
    whole
}

fn error_of(config: &Json) -> String {
    match read_config(&mut config.to_string().into_bytes()) {
        Ok(config) => panic!("it is taken: {config:?}"),
        Err(error) => line(&error),
    }
}

fn words(list: &[&CStr]) -> Vec<String> {
    list.iter().map(|word| word.to_str().unwrap().to_owned()).collect()
}

const ENGINES: [&str; 10] = [
    "containerd-many.json",
    "containerd.json",
    "crun-spec.json",
    "docker-many.json",
    "docker-privileged.json",
    "docker.json",
    "podman-many.json",
    "podman.json",
    "runc-spec-rootless.json",
    "runc-spec.json",
];

/// Against serde_json: as many of everything, and the same texts.
#[test]
fn what_engines_write_is_read() {
    for name in ENGINES {
        let text = file(name);
        let theirs: Json = serde_json::from_slice(&text).unwrap();
        let config = good(&text);
        let texts = |value: &Json| -> Vec<String> {
            let list = value.as_array().into_iter().flatten();
            list.map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let process = config.process.as_ref().unwrap();
        assert_eq!(words(&process.args), texts(&theirs["process"]["args"]), "{name}");
        assert_eq!(words(&process.env), texts(&theirs["process"]["env"]), "{name}");
        assert_eq!(process.cwd.to_str().unwrap(), theirs["process"]["cwd"], "{name}");
        assert_eq!(json!(process.user.uid), theirs["process"]["user"]["uid"], "{name}");
        let terminal = theirs["process"]["terminal"].as_bool().unwrap_or_default();
        assert_eq!(process.terminal, terminal, "{name}");
        let capabilities = &theirs["process"]["capabilities"];
        let sets = process.capabilities.unwrap_or_default();
        for (set, key) in [
            (sets.bounding, "bounding"),
            (sets.effective, "effective"),
            (sets.inheritable, "inheritable"),
            (sets.permitted, "permitted"),
            (sets.ambient, "ambient"),
        ] {
            assert_eq!(set.count_ones() as usize, texts(&capabilities[key]).len(), "{name} {key}");
        }
        let limits = theirs["process"]["rlimits"].as_array().map_or(0, Vec::len);
        assert_eq!(process.rlimits.len(), limits, "{name}");

        let mounts = theirs["mounts"].as_array().unwrap();
        assert_eq!(config.mounts.len(), mounts.len(), "{name}");
        for (mount, theirs) in config.mounts.iter().zip(mounts) {
            assert_eq!(mount.destination.to_str().unwrap(), theirs["destination"], "{name}");
            let options = texts(&theirs["options"]);
            let is_ro = options.iter().any(|option| option == "ro");
            assert_eq!(mount.options.set & libc::MS_RDONLY as u32 != 0, is_ro, "{name}");
            let data =
                options.iter().filter(|option| option.contains('=') || *option == "newinstance");
            assert_eq!(mount.options.data.len(), data.count(), "{name}: {options:?}");
        }
        let linux = &theirs["linux"];
        let count = |key: &str| {
            let value = &linux[key];
            value.as_array().map_or(value.as_object().map_or(0, |object| object.len()), Vec::len)
        };
        assert_eq!(config.linux.namespaces.len(), count("namespaces"), "{name}");
        assert_eq!(config.linux.sysctl.len(), count("sysctl"), "{name}");
        assert_eq!(config.linux.devices.len(), count("devices"), "{name}");
        assert_eq!(words(&config.linux.masked_paths), texts(&linux["maskedPaths"]), "{name}");
        assert_eq!(words(&config.linux.readonly_paths), texts(&linux["readonlyPaths"]), "{name}");
        assert_eq!(config.linux.uid_mappings.len(), count("uidMappings"), "{name}");
        let path = linux["cgroupsPath"].as_str();
        assert_eq!(config.linux.cgroups_path.map(|path| path.to_str().unwrap()), path, "{name}");
        let resources = &linux["resources"];
        let rules = resources["devices"].as_array().map_or(0, Vec::len);
        assert_eq!(config.linux.resources.devices.as_ref().map_or(0, Vec::len), rules, "{name}");
        let limit = resources["memory"]["limit"].as_i64();
        assert_eq!(config.linux.resources.get(Property::MemoryLimit), limit, "{name}");
        assert_eq!(
            config.linux.resources.get(Property::PidsLimit),
            resources["pids"]["limit"].as_i64(),
            "{name}"
        );
        assert_eq!(
            config.linux.resources.get(Property::CpuQuota),
            resources["cpu"]["quota"].as_i64(),
            "{name}"
        );
        let calls = linux["seccomp"]["syscalls"].as_array().map_or(0, Vec::len);
        assert_eq!(
            config.linux.seccomp.map_or(0, |seccomp| seccomp.syscalls.len()),
            calls,
            "{name}"
        );
        let annotations = theirs["annotations"].as_object().map_or(0, |object| object.len());
        assert_eq!(config.annotations.len(), annotations, "{name}");
    }
}

#[test]
fn what_engines_write_for_exec_is_read() {
    for name in ["docker-exec-process.json", "podman-exec-process.json"] {
        let mut text = file(name);
        let theirs: Json = serde_json::from_slice(&text).unwrap();
        let process = read_process(&mut text).unwrap_or_else(|error| panic!("{}", line(&error)));
        assert_eq!(process.args, [c"echo", c"hi"]);
        assert_eq!(json!(words(&process.env)), theirs["env"]);
        assert_eq!(process.terminal, theirs["terminal"].as_bool().unwrap_or_default());
    }
}

/// Every property of the specification, with a value of its own.
#[test]
fn every_property_has_its_place() {
    let text = include_bytes!("every.json");
    let config = good(text);
    assert_eq!(config.oci_version, c"1.3.0");
    assert_eq!(config.root, Root { path: c"/srv/root", readonly: true });
    assert_eq!((config.hostname, config.domainname), (Some(c"host"), Some(c"domain")));
    assert_eq!(config.annotations, [(c"a.key", c"a value"), (c"b.key", c"")]);
    let process = config.process.unwrap();
    let set = |numbers: &[u8]| numbers.iter().fold(0, |set, number| set | 1 << number);
    assert_eq!(
        process,
        Process {
            terminal: true,
            console_size: Some(ConsoleSize { height: 25, width: 80 }),
            user: User { uid: 1, gid: 2, umask: Some(0o77), additional_gids: vec![5, 6] },
            args: vec![c"sh", c"-c", c"true"],
            env: vec![c"PATH=/bin", c"EMPTY="],
            cwd: c"/work",
            capabilities: Some(Capabilities {
                bounding: set(&[0]),
                effective: set(&[5]),
                inheritable: set(&[7]),
                permitted: set(&[10, 21]),
                ambient: set(&[40]),
            }),
            rlimits: vec![
                Rlimit { resource: 7, soft: 1023, hard: 1024 },
                Rlimit { resource: 15, soft: 0, hard: u64::MAX },
            ],
            unknown_capabilities: vec![],
            no_new_privileges: true,
            apparmor_profile: Some(c"profile"),
            oom_score_adj: Some(-500),
            scheduler: Some(Scheduler {
                policy: 6,
                nice: -5,
                priority: 9,
                flags: 0x41,
                runtime: 1,
                deadline: 2,
                period: 3,
            }),
            selinux_label: Some(c"system_u:system_r:svirt_lxc_net_t:s0:c124,c675"),
            io_priority: Some(IoPriority { class: 3, priority: 4 }),
            exec_cpu_affinity: CpuAffinity { initial: Some(c"7"), final_: Some(c"0-3,7") },
        }
    );
    let mapping = |container_id, host_id, size| IdMapping { container_id, host_id, size };
    assert_eq!(config.mounts.len(), 2);
    assert_eq!(
        config.mounts[0],
        Mount {
            destination: c"/data",
            kind: Some(c"none"),
            source: Some(c"/srv/data"),
            options: MountOptions::read(&[c"rbind", c"rro", c"ridmap", c"rslave"]),
            uid_mappings: vec![mapping(0, 1000, 10)],
            gid_mappings: vec![mapping(0, 2000, 10)],
        }
    );
    assert_eq!(
        config.mounts[1],
        Mount { destination: c"tmp", kind: Some(c"tmpfs"), ..Mount::default() }
    );
    let hook = |path, args: &[&'static CStr], timeout| Hook {
        path,
        args: args.to_vec(),
        env: None,
        timeout,
    };
    let hooks = config.hooks;
    assert_eq!(hooks.prestart[0], hook(c"/h/prestart", &[c"prestart", c"x"], Some(30)));
    assert_eq!(hooks.prestart[1].env, Some(vec![c"A=b"]));
    for (list, path) in [
        (hooks.create_runtime, c"/h/createRuntime"),
        (hooks.create_container, c"/h/createContainer"),
        (hooks.start_container, c"/h/startContainer"),
        (hooks.poststart, c"/h/poststart"),
        (hooks.poststop, c"/h/poststop"),
    ] {
        assert_eq!(list, [hook(path, &[], None)]);
    }
    let linux = config.linux;
    assert_eq!(linux.uid_mappings, [mapping(0, 100_000, 65_536)]);
    assert_eq!(linux.gid_mappings, [mapping(0, 200_000, 1), mapping(1, 300_000, 9)]);
    assert_eq!(linux.sysctl, [(c"net.ipv4.ip_forward", c"1")]);
    assert_eq!(linux.cgroups_path, Some(c"/a/b"));
    let namespace = |kind: i32, path| Namespace { kind: kind as u32, path };
    assert_eq!(
        linux.namespaces,
        [
            namespace(libc::CLONE_NEWPID, Some(c"/proc/1/ns/pid")),
            namespace(libc::CLONE_NEWNET, None),
            namespace(libc::CLONE_NEWNS, None),
            namespace(libc::CLONE_NEWIPC, None),
            namespace(libc::CLONE_NEWUTS, None),
            namespace(libc::CLONE_NEWUSER, None),
            namespace(libc::CLONE_NEWCGROUP, None),
            namespace(0x80, None),
        ]
    );
    let device = |path, kind, major, minor| Device {
        path,
        kind,
        major,
        minor,
        file_mode: None,
        uid: None,
        gid: None,
    };
    assert_eq!(
        linux.devices,
        [
            Device {
                file_mode: Some(0o666),
                uid: Some(3),
                gid: Some(4),
                ..device(c"/dev/fuse", libc::S_IFCHR, 10, 229)
            },
            device(c"/dev/sda", libc::S_IFBLK, 8, 0),
            device(c"/dev/u", libc::S_IFCHR, 1, 1_048_575),
            device(c"/dev/p", libc::S_IFIFO, 0, 0),
        ]
    );
    assert_eq!(
        linux.net_devices,
        [
            NetDevice { host_name: c"eth0", name: Some(c"container0") },
            NetDevice { host_name: c"ens4", name: None },
        ]
    );
    assert_eq!(linux.rootfs_propagation, Some((libc::MS_SLAVE | libc::MS_REC) as u32));
    assert_eq!(linux.masked_paths, [c"/proc/kcore"]);
    assert_eq!(linux.readonly_paths, [c"/proc/sys"]);
    assert_eq!(linux.mount_label, Some(c"label"));
    assert_eq!(
        linux.intel_rdt,
        Some(IntelRdt {
            clos_id: Some(c"guaranteed"),
            schemata: vec![c"L3:0=7f0;1=1f"],
            l3_cache_schema: Some(c"L3:0=7f0"),
            mem_bw_schema: Some(c"MB:0=20"),
            enable_monitoring: true,
        })
    );
    let policy = MemoryPolicy { mode: 3, nodes: Some(c"2-3"), flags: 1 << 15 | 1 << 13 };
    assert_eq!(linux.memory_policy, Some(policy));
    assert_eq!(linux.personality, Some(8));
    assert_eq!(
        linux.time_offsets,
        TimeOffsets {
            monotonic: Some(TimeOffset { secs: -172_800, nanosecs: 5 }),
            boottime: Some(TimeOffset { secs: 604_800, nanosecs: 0 }),
        }
    );
    let seccomp = linux.seccomp.unwrap();
    assert_eq!(
        seccomp,
        Seccomp {
            default_action: 0x0005_0026,
            architectures: 0b111,
            flags: 0b10_0111,
            listener_path: Some(c"/run/seccomp.sock"),
            listener_metadata: Some(c"metadata"),
            syscalls: vec![
                Syscall {
                    names: vec![c"read", c"write"],
                    action: 0x7fff_0000,
                    args: vec![
                        Arg { index: 0, op: Operator::EqualTo, value: u64::MAX, value_two: 0 },
                        Arg { index: 5, op: Operator::MaskedEqual, value: 7, value_two: 3 },
                    ],
                },
                Syscall { names: vec![c"kill"], action: 0x7ff0_0001, args: vec![] },
            ],
        }
    );
    let rate = |throttle, minor, rate| ThrottleDevice { throttle, device: (8, minor), rate };
    assert_eq!(
        linux.resources,
        Resources {
            devices: Some(vec![
                DeviceRule { allow: false, kind: None, major: None, minor: None, access: 7 },
                DeviceRule {
                    allow: true,
                    kind: Some(DeviceKind::Char),
                    major: Some(10),
                    minor: None,
                    access: ACCESS_READ | ACCESS_WRITE,
                },
                DeviceRule {
                    allow: true,
                    kind: Some(DeviceKind::Block),
                    major: None,
                    minor: Some(0),
                    access: ACCESS_MKNOD,
                },
            ]),
            numbers: Property::ALL
                .into_iter()
                .zip([
                    1,
                    536_870_912,
                    -1,
                    536_870_911,
                    1,
                    2,
                    3,
                    0,
                    1,
                    1024,
                    500_000,
                    1_000_000,
                    4,
                    1_000_000,
                    950_000,
                    1,
                    32_771,
                    10,
                    11,
                    1_048_577,
                ])
                .collect(),
            cpus: Some(c"2-3"),
            mems: Some(c"0-7"),
            weight_devices: vec![
                WeightDevice { device: (8, 0), weight: Some(500), leaf_weight: Some(300) },
                WeightDevice { device: (8, 16), weight: None, leaf_weight: None },
            ],
            throttles: vec![
                rate(Throttle::ReadBps, 1, 600),
                rate(Throttle::WriteBps, 2, 601),
                rate(Throttle::ReadIops, 3, 602),
                rate(Throttle::WriteIops, 4, 603),
            ],
            hugepage_limits: vec![HugepageLimit { page_size: c"2MB", limit: 209_715_200 }],
            priorities: vec![(c"eth0", 500), (c"eth1", 0)],
            rdma: vec![
                Rdma { name: c"mlx5_1", hca_handles: Some(3), hca_objects: None },
                Rdma { name: c"mlx4_0", hca_handles: None, hca_objects: Some(4) },
            ],
            unified: vec![(c"io.max", c"259:0 rbps=2097152"), (c"hugetlb.1GB.max", c"1")],
            ..Resources::default()
        }
    );
}

/// The documents of this module together name every property of the specification.
#[test]
fn no_property_is_forgotten() {
    fn names(value: &Json, found: &mut BTreeSet<String>) {
        match value {
            Json::Object(members) => members.iter().for_each(|(name, value)| {
                found.insert(name.clone());
                names(value, found);
            }),
            Json::Array(values) => values.iter().for_each(|value| names(value, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    names(&serde_json::from_slice(include_bytes!("every.json")).unwrap(), &mut found);
    // config.md and config-linux.md of runtime-spec 1.3.
    const PROPERTIES: &str = "ociVersion root path readonly mounts destination source options type uidMappings \
        gidMappings process terminal consoleSize height width cwd env args rlimits soft hard apparmorProfile \
        capabilities effective bounding inheritable permitted ambient noNewPrivileges oomScoreAdj scheduler policy nice \
        priority flags runtime deadline period selinuxLabel ioPriority class execCPUAffinity initial final user uid gid \
        umask additionalGids hostname domainname hooks prestart createRuntime createContainer startContainer poststart \
        poststop timeout annotations linux namespaces containerID hostID size timeOffsets secs nanosecs devices major \
        minor fileMode netDevices name cgroupsPath resources allow access memory limit reservation swap kernel kernelTCP \
        swappiness disableOOMKiller useHierarchy checkBeforeUpdate cpu shares quota burst realtimeRuntime realtimePeriod \
        cpus mems idle blockIO weight leafWeight weightDevice throttleReadBpsDevice throttleWriteBpsDevice \
        throttleReadIOPSDevice throttleWriteIOPSDevice rate hugepageLimits pageSize network classID priorities pids rdma \
        hcaHandles hcaObjects unified intelRdt closID l3CacheSchema memBwSchema schemata enableMonitoring memoryPolicy \
        mode nodes sysctl seccomp defaultAction defaultErrnoRet architectures listenerPath listenerMetadata syscalls \
        names action errnoRet index value valueTwo op rootfsPropagation maskedPaths readonlyPaths mountLabel personality \
        domain";
    for property in PROPERTIES.split_whitespace() {
        assert!(found.contains(property), "{property}");
    }
}

#[test]
fn the_smallest_is_enough_and_what_is_unknown_is_ignored() {
    let config = good(smallest().to_string().as_bytes());
    assert_eq!(config.linux, Linux::default());
    assert_eq!(config.hooks, Hooks::default());
    let mut more = smallest();
    more["new"] = json!({"deep": [1.5, {"process": 1e99}]});
    more["linux"] =
        json!({"new": true, "seccomp": null, "resources": {"memory": {"new": "x", "limit": null}}});
    more["windows"] = json!({"layerFolders": 5});
    assert_eq!(good(more.to_string().as_bytes()).linux, Linux::default());
}

/// Each place that takes a type refuses all others, and says where.
#[test]
fn wrong_types_are_named_by_their_path() {
    /// All values, each by its pointer (RFC 6901) and by the path in errors.
    fn places(value: &Json, pointer: String, path: String, found: &mut Vec<(String, String)>) {
        match value {
            Json::Object(members) => {
                let dot = if path.is_empty() { "" } else { "." };
                for (name, value) in members {
                    places(value, format!("{pointer}/{name}"), format!("{path}{dot}{name}"), found);
                }
            }
            Json::Array(values) => {
                for (index, value) in values.iter().enumerate() {
                    places(value, format!("{pointer}/{index}"), format!("{path}[{index}]"), found);
                }
            }
            _ => {}
        }
        found.push((pointer, path));
    }
    let whole: Json = serde_json::from_slice(include_bytes!("every.json")).unwrap();
    let mut found = Vec::new();
    places(&whole, String::new(), String::new(), &mut found);
    found.pop();
    assert!(found.len() > 250, "{}", found.len());
    for (pointer, path) in found {
        for wrong in [json!("\n"), json!(true), json!(5), json!([]), json!({}), json!(1.5)] {
            let mut broken = whole.clone();
            let value = broken.pointer_mut(&pointer).unwrap();
            let same = std::mem::discriminant(&wrong) == std::mem::discriminant(value);
            if same && !wrong.is_f64() {
                continue;
            }
            *value = wrong.clone();
            let error = error_of(&broken);
            assert!(
                error.starts_with(&format!("config.json {path}: not a")),
                "{path} = {wrong}: {error}"
            );
        }
    }
}

#[test]
fn bad_input_is_refused_with_its_reason() {
    for (path, value, error) in [
        ("ociVersion", Json::Null, "ociVersion: missing"),
        ("ociVersion", json!("2.0.0"), "ociVersion: not a version 1.x"),
        ("ociVersion", json!("18446744073709551616.0.0"), "ociVersion: not a version"),
        ("ociVersion", json!("0.9.0"), "ociVersion: not a version 1.x"),
        ("ociVersion", json!("1"), "ociVersion: not a version"),
        ("ociVersion", json!("one.two.three"), "ociVersion: not a version"),
        ("ociVersion", json!(""), "ociVersion: not a version"),
        ("root", Json::Null, "root: missing"),
        ("root.path", Json::Null, "root.path: missing"),
        ("root.path", json!(""), "root.path: empty"),
        ("root.path", json!("a\u{0}b"), "root.path: has a NUL byte"),
        ("process.cwd", Json::Null, "process.cwd: missing"),
        ("process.cwd", json!("work"), "process.cwd: not an absolute path"),
        ("process.args", Json::Null, "process.args: empty"),
        ("process.args", json!([]), "process.args: empty"),
        ("process.args", json!(["a", null]), "process.args[1]: missing"),
        ("process.env", json!(["A=\u{0}"]), "process.env[0]: has a NUL byte"),
        ("process.user", json!({"uid": 4294967296u64}), "process.user.uid: out of range"),
        ("process.user", json!({"uid": -1}), "process.user.uid: out of range"),
        ("process.user", json!({"umask": 512}), "process.user.umask: out of range"),
        ("process.oomScoreAdj", json!(1001), "process.oomScoreAdj: out of range"),
        ("process.oomScoreAdj", json!(-4294967296i64), "process.oomScoreAdj: out of range"),
        (
            "process.ioPriority",
            json!({"class": "IOPRIO_CLASS_BE", "priority": 8}),
            "process.ioPriority.priority: out of range",
        ),
        ("process.scheduler", json!({"policy": "FIFO"}), "process.scheduler.policy: unknown"),
        (
            "process.capabilities",
            json!({"bounding": ["CAP_KILL", 3]}),
            "process.capabilities.bounding[1]: not a string",
        ),
        (
            "process.rlimits",
            json!([{"type": "RLIMIT_X", "soft": 1, "hard": 1}]),
            "process.rlimits[0].type: unknown",
        ),
        (
            "process.rlimits",
            json!([{"type": "RLIMIT_AS", "soft": 2, "hard": 1}]),
            "process.rlimits[0].soft: larger than the hard limit",
        ),
        (
            "process.rlimits",
            json!([{"type": "RLIMIT_AS", "soft": 1, "hard": 1}, {"type": "RLIMIT_AS", "soft": 1, "hard": 1}]),
            "process.rlimits[1].type: said twice",
        ),
        ("hostname", json!("x"), "hostname: needs a uts namespace"),
        ("mounts", json!([{"type": "proc"}]), "mounts[0].destination: missing"),
        ("mounts", json!([null]), "mounts[0].destination: missing"),
        (
            "mounts",
            json!([{"destination": "/a", "options": ["idmap"]}]),
            "mounts: idmap needs mappings or a user namespace",
        ),
        (
            "mounts",
            json!([{"destination": "/a", "uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]}]),
            "mounts[0].uidMappings: needs gidMappings, and the other way round",
        ),
        (
            "hooks",
            json!({"prestart": [{"path": "a"}]}),
            "hooks.prestart[0].path: not an absolute path",
        ),
        (
            "hooks",
            json!({"poststop": [{"path": "/a", "timeout": 0}]}),
            "hooks.poststop[0].timeout: out of range",
        ),
        ("linux", json!({"namespaces": [{"type": "net"}]}), "linux.namespaces[0].type: unknown"),
        (
            "linux",
            json!({"namespaces": [{"type": "pid"}, {"type": "pid"}]}),
            "linux.namespaces[1].type: said twice",
        ),
        ("linux", json!({"namespaces": [{"path": "/a"}]}), "linux.namespaces[0].type: missing"),
        (
            "linux",
            json!({"namespaces": [{"type": "pid", "path": "a"}]}),
            "linux.namespaces[0].path: not an absolute path",
        ),
        (
            "linux",
            json!({"namespaces": [{"type": "user"}]}),
            "linux.uidMappings: a new user namespace needs uidMappings and gidMappings",
        ),
        ("linux", json!({"cgroupsPath": "/a/../b"}), "linux.cgroupsPath: a component is .."),
        ("linux", json!({"cgroupsPath": ".."}), "linux.cgroupsPath: a component is .."),
        ("linux", json!({"rootfsPropagation": "rpublic"}), "linux.rootfsPropagation: unknown"),
        ("linux", json!({"personality": {"domain": "BSD"}}), "linux.personality.domain: unknown"),
        (
            "linux",
            json!({"timeOffsets": {"realtime": {}}}),
            "linux.timeOffsets.realtime: unknown clock",
        ),
        (
            "linux",
            json!({"timeOffsets": {"monotonic": {"secs": 1}}}),
            "linux.timeOffsets: needs a new time namespace",
        ),
        (
            "linux",
            json!({"netDevices": {"a/b": {}}}),
            "linux.netDevices.a/b: not an interface's name",
        ),
        (
            "linux",
            json!({"devices": [{"path": "/dev/x", "type": "c", "minor": 1}]}),
            "linux.devices[0].major: missing",
        ),
        (
            "linux",
            json!({"devices": [{"path": "/dev/x", "type": "d"}]}),
            "linux.devices[0].type: unknown",
        ),
        (
            "linux",
            json!({"devices": [{"path": "x", "type": "p"}]}),
            "linux.devices[0].path: not an absolute path",
        ),
        (
            "linux",
            json!({"resources": {"memory": {"limit": 9223372036854775808u64}}}),
            "linux.resources.memory.limit: out of range",
        ),
        (
            "linux",
            json!({"resources": {"memory": {"limit": "1g"}}}),
            "linux.resources.memory.limit: not a number",
        ),
        (
            "linux",
            json!({"resources": {"devices": [{"allow": true}]}}),
            "linux.resources.devices[0].access: missing",
        ),
        (
            "linux",
            json!({"resources": {"devices": [{"access": "rx"}]}}),
            "linux.resources.devices[0].access: a letter other than rwm",
        ),
        (
            "linux",
            json!({"resources": {"devices": [{"access": "r", "major": -2}]}}),
            "linux.resources.devices[0].major: out of range",
        ),
        (
            "linux",
            json!({"resources": {"hugepageLimits": [{"pageSize": "../2MB", "limit": 1}]}}),
            "linux.resources.hugepageLimits[0].pageSize: not a size like 2MB",
        ),
        (
            "linux",
            json!({"resources": {"unified": {"../x": "1"}}}),
            "linux.resources.unified: a name is no file's",
        ),
        ("linux", json!({"seccomp": {}}), "linux.seccomp.defaultAction: missing"),
        (
            "linux",
            json!({"seccomp": {"defaultAction": "SCMP_ACT_NO"}}),
            "linux.seccomp.defaultAction: unknown",
        ),
        (
            "linux",
            json!({"seccomp": {"defaultAction": "SCMP_ACT_"}}),
            "linux.seccomp.defaultAction: unknown",
        ),
        (
            "linux",
            json!({"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}}),
            "linux.seccomp.defaultErrnoRet: this action returns no error",
        ),
        (
            "linux",
            json!({"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_"]}}),
            "linux.seccomp.flags[0]: unknown",
        ),
        (
            "linux",
            json!({"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "x"}}),
            "linux.seccomp.listenerMetadata: needs listenerPath",
        ),
        (
            "linux",
            json!({"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_LOG"}]}}),
            "linux.seccomp.syscalls[0].names: missing",
        ),
        (
            "linux",
            json!({"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_LOG", "names": ["a"], "args": [{"index": 6, "op": "SCMP_CMP_EQ"}]}]}}),
            "linux.seccomp.syscalls[0].args[0].index: out of range",
        ),
    ] {
        assert_eq!(
            error_of(&changed(path, value.clone())),
            format!("config.json {error}"),
            "{path} {value}"
        );
    }
}

#[test]
fn mappings_that_overlap_are_refused() {
    let range = |container: u32, host: u32, size: u32| json!({"containerID": container, "hostID": host, "size": size});
    let with = |ranges: Vec<Json>| {
        changed(
            "linux",
            json!({"namespaces": [{"type": "user"}], "uidMappings": ranges, "gidMappings": [range(0, 0, 1)]}),
        )
    };
    for ranges in [
        vec![range(0, 0, 10), range(5, 100, 10)],
        vec![range(5, 0, 10), range(0, 100, 6)],
        vec![range(0, 100, 10), range(10, 109, 1)],
        vec![range(0, 109, 1), range(10, 100, 10)],
        vec![range(0, 0, 100), range(10, 1000, 1)],
        vec![range(10, 1000, 1), range(0, 0, 100)],
    ] {
        assert_eq!(
            error_of(&with(ranges)),
            "config.json linux.uidMappings[1]: overlaps another mapping"
        );
    }
    for ranges in [vec![range(1, 0, u32::MAX)], vec![range(0, 1, u32::MAX)], vec![range(0, 0, 0)]] {
        assert_eq!(error_of(&with(ranges)), "config.json linux.uidMappings[0].size: out of range");
    }
    let apart = |number: u32| (0..number).map(|at| range(at * 2, at * 3, 2)).collect::<Vec<_>>();
    good(with(apart(340)).to_string().as_bytes());
    assert_eq!(
        error_of(&with(apart(341))),
        "config.json linux.uidMappings: more than 340 mappings"
    );
}

#[test]
fn invalid_json_is_refused() {
    for (text, error) in [
        ("", "config.json: unexpected character or end (byte 0)"),
        ("not JSON", "config.json: unexpected character or end (byte 0)"),
        ("[]", "config.json: not an object"),
        ("null", "config.json: not an object"),
        ("\"x\"", "config.json: not an object"),
        ("{} {}", "config.json: unexpected character or end (byte 3)"),
        ("{}", "config.json ociVersion: missing"),
    ] {
        let mut bytes = text.as_bytes().to_vec();
        let problem = read_config(&mut bytes).map_err(|error| line(&error));
        assert_eq!(problem, Err(error.to_owned()), "{text}");
    }
    let mut long = vec![b' '; 10 << 20];
    assert_eq!(
        line(&read_config(&mut long).unwrap_err()),
        "config.json: longer than 4 MiB (byte 0)"
    );
    let mut deep = "[".repeat(10_000).into_bytes();
    assert!(line(&read_config(&mut deep).unwrap_err()).contains("nested more than 127 deep"));
}

#[test]
fn ids_are_checked() {
    for id in ["a", "0", "a.b_c+d-e", "...", &"x".repeat(1024)] {
        assert!(check_id(id.as_bytes()).is_ok(), "{id}");
    }
    for (id, cause) in [
        ("", "empty"),
        (".", "names a directory"),
        ("..", "names a directory"),
        ("a/b", "a character other than letters, digits and _+-."),
        ("a b", "a character other than letters, digits and _+-."),
        ("\u{e9}", "a character other than letters, digits and _+-."),
        ("a\n", "a character other than letters, digits and _+-."),
        (&"x".repeat(1025), "longer than 1024 bytes"),
    ] {
        let error = line(&check_id(id.as_bytes()).unwrap_err());
        assert!(error.starts_with("container id ") && error.ends_with(cause), "{error}");
    }
}

#[test]
fn a_path_in_an_error_cannot_steer_the_terminal() {
    let error = error_of(&changed("annotations", json!({"\u{1b}[2J\n": 5})));
    assert!(!error.contains(['\u{1b}', '\n']), "{error:?}");
}

proptest! {
    /// Whatever is done to a real configuration, it is read or refused.
    #[test]
    fn broken_configurations_never_panic(
        engine in prop::sample::select(&ENGINES[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6),
    ) {
        let mut text = file(engine);
        for (place, byte, how) in changes {
            let place = place.index(text.len());
            match how {
                0 => text[place] = byte,
                1 => drop(text.remove(place)),
                2 => text.insert(place, byte),
                // A digit, a bracket or a quote is more likely to leave it JSON.
                _ => text[place] = b"0123456789-{}[]\",:"[usize::from(byte) % 18],
            }
        }
        if let Ok(config) = read_config(&mut text) {
            let _ = config.linux.seccomp.as_ref().map(crate::oci::seccomp::compile);
            let _ = crate::cgroup::devices::lines(config.linux.resources.devices.as_deref().unwrap_or_default());
            let _ = crate::cgroup::devices::program(config.linux.resources.devices.as_deref().unwrap_or_default());
        }
    }
}
