//! Completes the Spec of `mini run` when all options are known: defaults, edits of capabilities and of the
//! environment, and checks between options.

use super::env::{Variables, apply, key, value_of};
use super::own_tmp;
use crate::cgroup::settings::DEFAULT_PERIOD;
use crate::cli::{CapabilityEdits, Run, SeccompChoice};
use crate::error::{Error, Result};
use crate::host::cgroups::{online_cpus, throttled_cpus};
use crate::plan::defaults::{Defaults, is_masked};
use crate::spec::capability::{self, ALL, MKNOD};
use crate::spec::mounts::Kind;
use crate::spec::namespaces::sysctl_path;
use crate::spec::process::Capabilities;
use crate::spec::resources::{Property, Resources};
use crate::spec::security::{IdMapping, Seccomp, Security};
use crate::spec::{DEFAULT_PATH, Id, Namespace, User};
use crate::sys::fs;
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;

/// Completes `request.spec`; `environ` is mini's own environment.
///
/// # Errors
/// When two options contradict each other, or a file that an option names cannot be read.
pub fn complete<'a>(request: &mut Run<'a>, environ: &[&'a CStr]) -> Result<()> {
    let is_host_root = request.spec.root.path.is_none();
    for (option, given) in [
        ("--overlay", request.spec.root.overlay.is_some()),
        ("--read-only", request.spec.root.readonly),
        ("--shm-size", request.defaults.shm_size.is_some()),
    ] {
        if given && is_host_root {
            return Err(clash(option, "needs --rootfs"));
        }
    }
    hostname(request)?;
    for (name, _) in &request.spec.sysctl {
        if let Err(cause) = sysctl_path(name.to_bytes(), &request.spec.namespaces) {
            return Err(Error::new("option --sysctl").object(name.to_bytes()).cause(cause));
        }
    }
    if let Some(grace) = &mut request.spec.process.init {
        if request.spec.namespaces.pid == Namespace::Host {
            let error = clash("--init", "needs a pid namespace");
            return Err(error.hint("leave out --pid host"));
        }
        *grace = request.options.stop.grace;
    }
    environment(request, environ)?;
    own_tmp::add(&mut request.spec)?;
    masks(&mut request.defaults)?;
    devices(request)?;
    rights(request)?;
    resources(&request.spec.resources, request.edits.cpus)
}

/// An option that does not go with another one.
fn clash(option: &str, cause: &str) -> Error {
    Error::new("option").object(option.as_bytes()).cause(cause)
}

/// The host name: `--hostname`, else `--name`, else "mini".
fn hostname(request: &mut Run) -> Result<()> {
    let hostname = &mut request.spec.hostname;
    match request.spec.namespaces.uts {
        Namespace::New => *hostname = hostname.or(request.name).or(Some(c"mini")),
        Namespace::Host if hostname.is_some() => {
            let error = clash("--hostname", "would rename the host");
            return Err(error.hint("leave out --uts host"));
        }
        Namespace::Host | Namespace::Path(_) => {}
    }
    Ok(())
}

/// The environment: mini's own without a rootfs, else a clean one; then the edits in their order.
fn environment<'a>(request: &mut Run<'a>, environ: &[&'a CStr]) -> Result<()> {
    let spec = &mut request.spec;
    let is_host_root = spec.root.path.is_none();
    let env = if is_host_root { environ.to_vec() } else { clean_env(spec.hostname, environ) };
    let mut env = Variables::new(env);
    for edit in &request.edits.env {
        apply(*edit, &mut env, environ)?;
    }
    let mut env = env.words;
    if spec.process.terminal && value_of(b"TERM", &env).is_none() {
        env.push(c"TERM=xterm");
    }
    // User id 0 is root and needs no look-up in /etc/passwd: root's home is known.
    let is_root = matches!(spec.process.user, None | Some(User { uid: Id::Number(0), .. }));
    let home_is_set = is_host_root || value_of(b"HOME", &env).is_some();
    if !home_is_set && is_root {
        env.push(c"HOME=/root");
    }
    spec.process.home_from_passwd = !home_is_set && !is_root;
    spec.process.env = env;
    Ok(())
}

/// What a container with its own root starts with: of the host's variables only TERM.
fn clean_env<'a>(hostname: Option<&CStr>, environ: &[&'a CStr]) -> Vec<&'a CStr> {
    let mut env = Vec::with_capacity(8);
    env.push(DEFAULT_PATH);
    if let Some(name) = hostname {
        let mut text = Text::new();
        text.str("HOSTNAME=").raw(name.to_bytes());
        env.push(text.leak());
    }
    env.extend(environ.iter().find(|word| key(word.to_bytes()) == b"TERM"));
    env
}

/// The masked paths: with `--privileged` only those of `mask=`. To unmask a path that is not masked
/// would have no effect, so it is an error.
fn masks(defaults: &mut Defaults) -> Result<()> {
    defaults.unmask_all |= defaults.privileged;
    if defaults.unmask_all {
        return Ok(());
    }
    defaults.throttled_cpus = throttled_cpus();
    match defaults.unmask.iter().find(|path| !is_masked(path)) {
        Some(path) => {
            let error = Error::new("option --security-opt unmask").object(path.to_bytes());
            Err(error.cause("is not masked"))
        }
        None => Ok(()),
    }
}

/// A `--device` must be a device; and a device in a volume would not work, so it is an error.
fn devices(request: &Run) -> Result<()> {
    for path in &request.devices {
        let error = Error::new("device").object(path.to_bytes());
        match fs::is_device(path) {
            Ok(true) => {}
            Ok(false) => return Err(error.cause("not a device")),
            Err(errno) => return Err(error.errno(errno)),
        }
    }
    for mount in &request.spec.mounts {
        if let Kind::Bind(path) = mount.kind
            && !request.defaults.privileged
            && !mount.options.decides(libc::MS_NODEV)
            && fs::is_device(path) == Ok(true)
        {
            let error = Error::new("volume").object(path.to_bytes()).cause("a device");
            return Err(error.hint("use --device, or add the option dev"));
        }
    }
    Ok(())
}

/// Capabilities, seccomp filter, no_new_privs and id maps.
fn rights(request: &mut Run) -> Result<()> {
    let security = &mut request.spec.security;
    let edits = &mut request.edits;
    let privileged = request.defaults.privileged;
    security.seccomp = match edits.seccomp {
        None if privileged => Seccomp::Unconfined,
        None | Some(SeccompChoice::BuiltIn) => Seccomp::BuiltIn,
        Some(SeccompChoice::Unconfined) => Seccomp::Unconfined,
        Some(SeccompChoice::File(file)) => {
            Seccomp::Program { file, instructions: read_program(file)?, flags: 0, listener: None }
        }
    };
    let is_built_in = security.seccomp == Seccomp::BuiltIn;
    capabilities(security, &edits.capabilities, privileged, is_built_in);
    security.no_new_privileges = edits.no_new_privileges.unwrap_or(!privileged);
    if edits.uids.is_empty() && edits.gids.is_empty() {
        return Ok(());
    }
    if security.users == IdMapping::Auto || edits.shares_users || edits.keeps_id {
        return Err(clash("--userns", "goes without --uidmap and --gidmap"));
    }
    let (uids, gids) = (&edits.uids, &edits.gids);
    security.users = IdMapping::Mapped {
        uids: if uids.is_empty() { gids } else { uids }.clone().leak(),
        gids: if gids.is_empty() { uids } else { gids }.clone().leak(),
    };
    Ok(())
}

/// Sets the capabilities as Docker computes them: `--cap-add ALL` begins with all, `--cap-drop ALL` with none,
/// and a capability added by name is never dropped, unless all are added. None where nothing is to be
/// dropped and no user but root keeps any. The built-in filter decides which devices may be made;
/// without that filter nobody has CAP_MKNOD unless it is added.
fn capabilities(
    security: &mut Security,
    edits: &CapabilityEdits,
    privileged: bool,
    built_in_filter: bool,
) {
    let usual = capability::DEFAULT & if built_in_filter { ALL } else { !(1 << MKNOD) };
    let set = match (edits.add_all || privileged, edits.drop_all) {
        (true, false) => ALL & !edits.drop,
        (_, true) => edits.add,
        (false, false) => (usual & !edits.drop) | edits.add,
    };
    let named = edits.add & set;
    let added = if edits.add_all { set } else { named };
    if !privileged || set != ALL || added != 0 {
        security.capabilities = Some(Capabilities::of_root(set));
        security.user_capabilities = Some(Capabilities::of_user(set, added));
        security.required_capabilities = named;
    }
}

/// Reads a BPF program for seccomp(2), as bubblewrap takes it: struct sock_filter, one after the other.
fn read_program(file: &CStr) -> Result<&'static [u64]> {
    // BPF_MAXINSNS instructions of eight bytes.
    const LONGEST: usize = 4096 * 8;
    let error = || Error::new("seccomp").object(file.to_bytes());
    let content = fs::read_file(file, LONGEST).map_err(|errno| error().errno(errno))?;
    let (instructions, rest) = content.as_chunks::<8>();
    if content.first() == Some(&b'{') {
        let hint = "as libseccomp's seccomp_export_bpf writes it";
        return Err(error().cause("a profile in JSON, where a BPF program is wanted").hint(hint));
    }
    if instructions.is_empty() || !rest.is_empty() {
        return Err(error().cause("no BPF program: its size is no multiple of 8"));
    }
    let program: Vec<u64> = instructions.iter().map(|bytes| u64::from_ne_bytes(*bytes)).collect();
    Ok(program.leak())
}

/// Checks the limits against each other and against the machine.
fn resources(resources: &Resources, is_in_cpus: bool) -> Result<()> {
    let get = |property| resources.get(property);
    match (get(Property::MemorySwap), get(Property::MemoryLimit)) {
        (Some(0..), None) => return Err(clash("--memory-swap", "needs --memory")),
        (Some(both @ 0..), Some(memory)) if both < memory => {
            let cause = "below --memory: it counts memory and swap together";
            return Err(clash("--memory-swap", cause));
        }
        _ => {}
    }
    if let Some(limit) = get(Property::MemoryLimit)
        && get(Property::MemoryReservation) > Some(limit)
    {
        return Err(clash("--memory-reservation", "above --memory"));
    }
    if is_in_cpus {
        if get(Property::CpuPeriod).is_some() {
            return Err(clash("--cpu-period", "goes with --cpu-quota, not with --cpus"));
        }
        let quota = get(Property::CpuQuota);
        // At least one CPU is always online.
        let online = if quota > Some(DEFAULT_PERIOD) { online_cpus() } else { 1 };
        if quota > Some(online as i64 * DEFAULT_PERIOD) {
            let mut hint = Text::new();
            hint.str("0.01 to ").number(online);
            return Err(clash("--cpus", "more than are online").hint_text(&hint));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::EnvEdit;

    fn words(env: &[&CStr]) -> Vec<String> {
        env.iter().map(|word| word.to_str().unwrap().into()).collect()
    }

    fn request(rootfs: bool) -> Run<'static> {
        let mut request = Run::default();
        request.spec.root.path = rootfs.then_some(c"/r");
        request.spec.process.args = &[c"sh"];
        request
    }

    const ENVIRON: &[&CStr] = &[c"HOME=/home/me", c"TERM=vt100", c"SECRET=x", c"PATH=/here"];

    #[test]
    fn the_hosts_environment_is_inherited_without_a_rootfs_and_hidden_with_one() {
        let mut request = self::request(false);
        complete(&mut request, ENVIRON).unwrap();
        let env = words(&request.spec.process.env);
        assert_eq!(env, ["HOME=/home/me", "TERM=vt100", "SECRET=x", "PATH=/here"]);
        let mut request = self::request(true);
        complete(&mut request, ENVIRON).unwrap();
        let env = words(&request.spec.process.env);
        let path = DEFAULT_PATH.to_str().unwrap();
        assert_eq!(env, [path, "HOSTNAME=mini", "TERM=vt100", "HOME=/root"]);
    }

    #[test]
    fn the_last_word_for_a_key_counts() {
        let mut request = request(true);
        request.edits.env = vec![
            EnvEdit::Set(c"A=1"),
            EnvEdit::Set(c"A=2"),
            EnvEdit::Take(c"SECRET"),
            EnvEdit::Take(c"UNSET"),
            EnvEdit::Set(c"PATH=/bin"),
            EnvEdit::Set(c"HOME=/"),
        ];
        complete(&mut request, ENVIRON).unwrap();
        assert_eq!(
            words(&request.spec.process.env),
            ["PATH=/bin", "HOSTNAME=mini", "TERM=vt100", "A=2", "SECRET=x", "HOME=/"]
        );
        assert!(!request.spec.process.home_from_passwd);
    }

    #[test]
    fn the_home_of_another_user_is_looked_up() {
        let mut request = request(true);
        request.spec.process.user = Some(User { uid: Id::Name(b"www"), gid: None });
        complete(&mut request, ENVIRON).unwrap();
        assert!(request.spec.process.home_from_passwd);
        assert_eq!(value_of(b"HOME", &request.spec.process.env), None);
    }
}
