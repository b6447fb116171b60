//! The process, its rights and its namespaces.

use crate::error::{Error, Result};
use crate::json::Json;
use crate::oci::config::{self, Config};
use crate::oci::seccomp;
use crate::spec::namespaces::sysctl_path;
use crate::spec::process::{Capabilities, list_bits};
use crate::spec::security::{IdMapping, IdRange, Seccomp, SeccompListener, Security};
use crate::spec::{Id, Namespace, Namespaces, Process, Spec, User};
use crate::text::Text;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ffi::CStr;

/// Fills in what is said about the process, its rights and its namespaces.
///
/// # Errors
/// When something is asked for that mini cannot do.
pub fn fill<'a>(
    spec: &mut Spec<'a>,
    config: &'a Config<'a>,
    process: &'a config::Process<'a>,
    (id, bundle): (&CStr, &CStr),
) -> Result<()> {
    let linux = &config.linux;
    spec.process = self::process(config, process)?;
    spec.security = security(config, process)?;
    if let Some(rules) = &linux.seccomp {
        spec.security.seccomp = seccomp(rules, config, id, bundle)?;
    }
    spec.hostname = config.hostname;
    spec.domainname = config.domainname;
    spec.namespaces = namespaces(config)?;
    spec.time_offsets = linux.time_offsets;
    for (name, value) in &linux.sysctl {
        if let Err(cause) = sysctl_path(name.to_bytes(), &spec.namespaces) {
            return Err(Error::new("config.json linux.sysctl")
                .object(name.to_bytes())
                .cause(cause));
        }
        spec.sysctl.push((name, value));
    }
    spec.net_devices = linux.net_devices.clone();
    if linux.intel_rdt.is_some() {
        return Err(Error::new("config.json linux.intelRdt").cause("mini does not use resctrl"));
    }
    Ok(())
}

fn process<'a>(config: &Config<'a>, process: &'a config::Process<'a>) -> Result<Process<'a>> {
    let memory_policy = config.linux.memory_policy;
    let nodes = memory_policy.and_then(|policy| policy.nodes);
    if nodes.is_some_and(|nodes| list_bits(nodes.to_bytes()).is_none()) {
        let error = Error::new("config.json linux.memoryPolicy.nodes");
        return Err(error.cause("not a list of memory nodes like 0-3,7"));
    }
    Ok(Process {
        args: &process.args,
        env: process.env.clone(),
        home_from_passwd: !process.env.iter().any(|word| word.to_bytes().starts_with(b"HOME=")),
        cwd: Some(process.cwd),
        create_cwd: true,
        oom_score_adj: process.oom_score_adj,
        terminal: process.terminal,
        user: Some(User {
            uid: Id::Number(process.user.uid),
            gid: Some(Id::Number(process.user.gid)),
        }),
        apparmor_profile: process.apparmor_profile,
        selinux_label: process.selinux_label,
        scheduler: process.scheduler,
        io_priority: process.io_priority,
        memory_policy,
        personality: config.linux.personality,
        ..Process::default()
    })
}

/// The namespaces: new, existing or shared with mini's caller.
fn namespaces<'a>(config: &Config<'a>) -> Result<Namespaces<'a>> {
    let kind = |flag: i32| {
        let found = config.linux.namespaces.iter().find(|known| known.kind == flag as u32);
        match found {
            None => Namespace::Host,
            Some(namespace) => namespace.path.map_or(Namespace::New, Namespace::Path),
        }
    };
    let mount = kind(libc::CLONE_NEWNS);
    if mount.is_host() {
        let error = Error::new("config.json linux.namespaces").cause("without a mount namespace");
        return Err(error.hint("mini would change the host's mounts: add {\"type\": \"mount\"}"));
    }
    Ok(Namespaces {
        pid: kind(libc::CLONE_NEWPID),
        net: kind(libc::CLONE_NEWNET),
        ipc: kind(libc::CLONE_NEWIPC),
        uts: kind(libc::CLONE_NEWUTS),
        cgroup: kind(libc::CLONE_NEWCGROUP),
        time: kind(config::CLONE_NEWTIME),
        mount,
    })
}

fn users<'a>(config: &Config<'a>) -> IdMapping<'a> {
    let user = libc::CLONE_NEWUSER as u32;
    let Some(namespace) = config.linux.namespaces.iter().find(|known| known.kind == user) else {
        return IdMapping::Host;
    };
    let ranges = |mappings: &[config::IdMapping]| -> &'static [IdRange] {
        let range = |mapping: &config::IdMapping| IdRange {
            inside: mapping.container_id,
            outside: mapping.host_id,
            count: mapping.size,
        };
        mappings.iter().map(range).collect::<Vec<_>>().leak()
    };
    match namespace.path {
        Some(path) => IdMapping::Path(path),
        None => IdMapping::Mapped {
            uids: ranges(&config.linux.uid_mappings),
            gids: ranges(&config.linux.gid_mappings),
        },
    }
}

fn security<'a>(config: &'a Config<'a>, process: &'a config::Process<'a>) -> Result<Security<'a>> {
    warn_about(process);
    Ok(Security {
        // No sets are empty sets, as for runc and crun.
        capabilities: Some(process.capabilities.unwrap_or_default()),
        no_new_privileges: process.no_new_privileges,
        rlimits: process.rlimits.clone(),
        umask: process.user.umask,
        groups: process.user.additional_gids.iter().map(|gid| Id::Number(*gid)).collect(),
        users: users(config),
        ..Security::default()
    })
}

/// SECCOMP_RET_USER_NOTIF
const NOTIFY: u32 = 0x7fc0_0000;

fn seccomp<'a>(
    rules: &config::Seccomp<'a>,
    config: &Config,
    id: &CStr,
    bundle: &CStr,
) -> Result<Seccomp<'a>> {
    let failed = |cause| Error::new("config.json linux.seccomp").cause(cause);
    let notifies = rules.default_action == NOTIFY
        || rules.syscalls.iter().any(|rule| rule.action == NOTIFY && !rule.names.is_empty());
    let listener: Option<&SeccompListener> = match rules.listener_path {
        Some(path) if notifies => {
            let state = process_state(rules, config, id, bundle);
            Some(Box::leak(Box::new(SeccompListener { path, state })))
        }
        None if notifies => return Err(failed("SCMP_ACT_NOTIFY needs listenerPath")),
        _ => None,
    };
    let instructions = seccomp::compile(rules).map_err(failed)?.leak();
    let file = c"rules of config.json";
    Ok(Seccomp::Program { file, instructions, flags: rules.flags, listener })
}

/// The container process state, in parts between which the process id belongs.
fn process_state(
    rules: &config::Seccomp,
    config: &Config,
    id: &CStr,
    bundle: &CStr,
) -> [Vec<u8>; 3] {
    let part = |json: Json| json.text.bytes().to_vec();
    let json = |text| {
        let mut json = Json { text: Text::new() };
        json.text.str(text);
        json
    };
    let mut begin = json("{");
    begin.string("ociVersion", config::VERSION.as_bytes());
    begin.key("fds").str("[\"seccompFd\"]");
    begin.key("pid");
    let mut middle = json("");
    if let Some(metadata) = rules.listener_metadata {
        middle.string("metadata", metadata.to_bytes());
    }
    middle.key("state").str("{");
    middle.string("ociVersion", config::VERSION.as_bytes());
    middle.string("id", id.to_bytes());
    // It is sent when `start` has come, and the command does not run yet.
    middle.string("status", b"created");
    middle.key("pid");
    let mut end = json("");
    end.string("bundle", bundle.to_bytes());
    if !config.annotations.is_empty() {
        end.key("annotations").str("{");
        for (name, value) in &config.annotations {
            end.member(name.to_bytes(), value.to_bytes());
        }
        end.end();
    }
    end.text.str("}}");
    [part(begin), part(middle), part(end)]
}

/// Capabilities that cannot be granted are left out, with a warning, as the specification wants.
fn warn_about(process: &config::Process) {
    let warn = |set: &str, cause: &str| {
        let error = Error::new("warning: config.json process.capabilities");
        error.object(set.as_bytes()).cause(cause).print();
    };
    for name in &process.unknown_capabilities {
        // In the words of runc, which are looked for.
        let mut text = Text::new();
        text.str("ignoring unknown or unavailable capabilities: [")
            .quoted(name.to_bytes())
            .str("]");
        Error::new("warning:").raw(text.bytes()).print();
    }
    let Some(sets) = process.capabilities else { return };
    let Capabilities { bounding, effective, inheritable, permitted, ambient } = sets;
    if effective & !permitted != 0 {
        warn("effective", "what is not permitted is left out");
    }
    if inheritable & !bounding != 0 {
        warn("inheritable", "Operation not permitted: what is not in the bounding set is left out");
    }
    if ambient & !(permitted & inheritable) != 0 {
        warn("ambient", "what is not permitted and inheritable is left out");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::config::read_config;
    use crate::oci::convert;

    fn convert(linux: &str, process: &str) -> Result<Spec<'static>> {
        let text = format!(
            r#"{{"ociVersion": "1.3.0", "root": {{"path": "rootfs"}},
                "process": {{"args": ["sh"], "cwd": "/", "user": {{}} {process}}},
                "linux": {{{linux}}}}}"#
        );
        let config = read_config(text.into_bytes().leak())?;
        convert::spec(Box::leak(Box::new(config)), c"/bundle", c"id")
    }

    const MOUNT: &str = r#"{"type": "mount"}"#;

    #[track_caller]
    fn refused(linux: &str, process: &str, expected: &str) {
        let error = convert(linux, process).unwrap_err();
        let line = str::from_utf8(error.line()).unwrap();
        assert!(line.starts_with(expected), "{line}");
    }

    #[test]
    fn namespaces_are_new_joined_or_the_callers() {
        let all = r#""namespaces": [{"type": "mount"}, {"type": "pid", "path": "/proc/1/ns/pid"},
            {"type": "time"}, {"type": "user", "path": "/u"}, {"type": "uts"}]"#;
        let spec = convert(all, "").unwrap();
        let expected = Namespaces {
            pid: Namespace::Path(c"/proc/1/ns/pid"),
            net: Namespace::Host,
            ipc: Namespace::Host,
            uts: Namespace::New,
            cgroup: Namespace::Host,
            mount: Namespace::New,
            time: Namespace::New,
        };
        assert_eq!(spec.namespaces, expected);
        assert_eq!(spec.security.users, IdMapping::Path(c"/u"));
        refused("", "", "config.json linux.namespaces: without a mount namespace");
        let spec = convert(&format!(r#""namespaces": [{MOUNT}]"#), "").unwrap();
        assert_eq!(spec.security.users, IdMapping::Host);
    }

    #[test]
    fn what_belongs_to_the_machine_is_refused() {
        let with = |more: &str| format!(r#""namespaces": [{MOUNT}], {more}"#);
        refused(
            &with(r#""sysctl": {"net.core.somaxconn": "1"}"#),
            "",
            "config.json linux.sysctl net.core.somaxconn: needs a network namespace",
        );
        refused(
            &with(r#""sysctl": {"vm.swappiness": "1"}"#),
            "",
            "config.json linux.sysctl vm.swappiness: belongs to the whole machine",
        );
        refused(
            &with(r#""memoryPolicy": {"mode": "MPOL_BIND", "nodes": "x"}"#),
            "",
            "config.json linux.memoryPolicy.nodes: not a list",
        );
        refused(&with(r#""intelRdt": {}"#), "", "config.json linux.intelRdt: mini does not use");
    }

    #[test]
    fn rights_are_as_they_are_written() {
        let namespaces = format!(r#""namespaces": [{MOUNT}]"#);
        let rights = r#", "capabilities": {"bounding": ["CAP_KILL", "CAP_CHOWN", "CAP_NEW"],
            "permitted": ["CAP_KILL"], "ambient": ["CAP_KILL"], "inheritable": ["CAP_KILL"]},
            "rlimits": [{"type": "RLIMIT_CORE", "soft": 1, "hard": 2}], "noNewPrivileges": true"#;
        let spec = convert(&namespaces, rights).unwrap();
        let kill = 1 << 5;
        let expected = Capabilities {
            bounding: kill | 1,
            effective: 0,
            inheritable: kill,
            permitted: kill,
            ambient: kill,
        };
        assert_eq!(spec.security.capabilities, Some(expected));
        assert_eq!(spec.security.user_capabilities, None);
        assert!(spec.security.no_new_privileges && spec.process.home_from_passwd);
        assert_eq!(spec.security.rlimits.len(), 1);
        let spec = convert(&namespaces, r#", "env": ["HOME=/x"]"#).unwrap();
        assert!(!spec.process.home_from_passwd && !spec.security.no_new_privileges);
        assert_eq!(spec.security.capabilities, Some(Capabilities::default()));
    }
}
