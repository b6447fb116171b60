//! The verb `mini run`: the request and mini's surroundings become a spec, the spec a plan, the
//! plan an exit status.

use super::print;
use crate::cgroup::settings::DEFAULT_PERIOD;
use crate::cli::{CapabilityEdits, EnvEdit, Run, SeccompChoice};
use crate::container::{self, Ready, RunOptions, Stop, report, signals, stdio};
use crate::error::{Error, Result};
use crate::host::cgroups::online_cpus;
use crate::host::{Caller, Host, working_directory};
use crate::plan::Plan;
use crate::spec::capability::{self, ALL, MKNOD, SYS_ADMIN};
use crate::spec::mounts::{Kind, Masks, Options, Size, Tmpfs, Volume};
use crate::spec::resources::{Limit, Resources};
use crate::spec::security::{Capabilities, IdMapping, PathRule, Seccomp, Security};
use crate::spec::{DEFAULT_PATH, Id, Namespace, Process, Spec, User};
use crate::sys::clock::SECOND;
use crate::sys::fs;
use crate::text::Text;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ffi::CStr;

/// The longest environment file that is read.
const ENV_FILE_LIMIT: usize = 1 << 20;

/// How long the command has to end when it is asked to, unless told, in nanoseconds.
const GRACE: u64 = 10 * SECOND;

/// Runs the command; its exit status.
///
/// # Errors
/// Whatever kept the command from starting.
pub fn run<'a>(request: &'a Run<'a>, environ: &[&'a CStr], caller: Caller) -> Result<u8> {
    // Counted from here on, whatever takes how long.
    if let Some(timeout) = request.timeout {
        signals::count(timeout).map_err(|errno| Error::new("timeout").errno(errno))?;
    }
    stdio::repair()?;
    check_descriptors(request)?;
    // These three live as long as the process; no code is spent on taking them apart.
    let spec = leak(spec(request, environ)?);
    check_lengths(spec, caller.program.page_size)?;
    if request.shares_users && caller.euid != 0 {
        let error = Error::new("option").object(b"--userns").cause("host needs root");
        return Err(error.hint("an ordinary user's container has a user namespace"));
    }
    let host = leak(Host::probe(caller, spec)?);
    check_lock(request, spec, host)?;
    let plan = leak(Plan::new(spec, host));
    if request.dry_run {
        let mut text = Text::new();
        plan.describe(&mut text);
        return print(text.bytes().into());
    }
    let report = request.report.map(report::open).transpose()?;
    let options = RunOptions {
        trace: request.trace,
        measure: report.is_some(),
        program: caller.program,
        stop: Stop {
            signal: request.stop_signal.unwrap_or(libc::SIGTERM),
            grace: request.stop_timeout.unwrap_or(GRACE),
            grace_is_asked: request.stop_timeout.is_some(),
        },
        pidfile: request.pidfile,
        ready: Ready {
            descriptor: request.ready_fd,
            // With the host's files the command can tell by itself.
            socket: spec.rootfs.and(value_of(b"NOTIFY_SOCKET", environ)),
        },
    };
    let result = container::run(plan, spec, host, options);
    if let Some(to) = report
        && let Err(error) = report::write(to, &result, spec, host)
    {
        // The command's status stands.
        error.print();
    }
    result.map(|outcome| outcome.status)
}

fn leak<'a, T: 'a>(value: T) -> &'a T {
    Box::leak(Box::new(value))
}

/// Fills in the spec from the request.
fn spec<'a>(request: &'a Run<'a>, environ: &[&'a CStr]) -> Result<Spec<'a>> {
    let hostname = match request.namespaces.uts {
        Namespace::New => Some(request.hostname.or(request.name).unwrap_or(c"mini")),
        Namespace::Host if request.hostname.is_some() => {
            let error = Error::new("option").object(b"--hostname");
            return Err(error.cause("would rename the host").hint("leave out --uts host"));
        }
        Namespace::Host => None,
    };
    let inherited = request.rootfs.is_none();
    for (option, given) in
        [("--overlay", request.overlay.is_some()), ("--read-only", request.read_only)]
    {
        if given && inherited {
            return Err(Error::new("option").object(option.as_bytes()).cause("needs --rootfs"));
        }
    }
    if request.init && request.namespaces.pid == Namespace::Host {
        let error = Error::new("option").object(b"--init");
        return Err(error.cause("needs processes of its own").hint("leave out --pid host"));
    }
    let env = if inherited { environ.to_vec() } else { clean_env(request, hostname, environ) };
    let mut env = Variables::new(env);
    for edit in &request.env {
        apply(*edit, &mut env, environ)?;
    }
    let mut env = env.words;
    if request.tty && value_of(b"TERM", &env).is_none() {
        env.push(c"TERM=xterm");
    }
    // Without a name to look up, 0 is root and root's home is known.
    let root = matches!(request.user, None | Some(User { uid: Id::Number(0), .. }));
    let home_is_set = inherited || value_of(b"HOME", &env).is_some();
    if !home_is_set && root {
        env.push(c"HOME=/root");
    }
    let own_tmp = own_tmp(request)?.map(leak);
    let security = security(request, own_tmp.is_some())?;
    Ok(Spec {
        process: Process {
            args: request.args,
            env,
            home_from_passwd: !home_is_set && !root,
            cwd: own_tmp.and_then(|own_tmp| own_tmp.cwd).or(request.cwd),
            oom_score_adj: request.oom_score_adj,
            terminal: request.tty,
            init: request.init.then_some(request.stop_timeout.unwrap_or(GRACE)),
            user: request.user,
        },
        rootfs: request.rootfs,
        read_only: request.read_only,
        lowers: &request.lowers,
        overlay: request.overlay.clone(),
        volumes: match &own_tmp {
            Some(own_tmp) => &own_tmp.volumes,
            None => &request.volumes,
        },
        masks: masks(request)?,
        hostname,
        namespaces: request.namespaces,
        resources: resources(request)?,
        security,
    })
}

/// What is masked: with `--privileged` only what was asked for. To unmask what is not masked would have
/// no effect.
fn masks<'a>(request: &'a Run<'a>) -> Result<&'a Masks<'a>> {
    let masks = &request.masks;
    let all = masks.unmask_all || request.privileged;
    for path in &masks.unmask {
        if !all && !crate::plan::is_masked(path) {
            let error = Error::new("option --security-opt unmask").object(path.to_bytes());
            return Err(error.cause("is not masked"));
        }
    }
    Ok(if request.privileged && !masks.unmask_all {
        leak(Masks { unmask_all: true, unmask: Vec::new(), mask: masks.mask.clone() })
    } else {
        masks
    })
}

/// What the command may do: the usual, unless told.
fn security<'a>(request: &'a Run<'a>, has_own_tmp: bool) -> Result<Security<'a>> {
    let privileged = request.privileged;
    let seccomp = match request.seccomp {
        None if privileged => Seccomp::Unconfined,
        None | Some(SeccompChoice::BuiltIn) => Seccomp::BuiltIn,
        Some(SeccompChoice::Unconfined) => Seccomp::Unconfined,
        Some(SeccompChoice::File(file)) => {
            Seccomp::Program { file, instructions: read_program(file)? }
        }
    };
    let users = match (&request.uids[..], &request.gids[..]) {
        ([], []) => request.users,
        (uids, gids) => {
            if request.users == IdMapping::Auto || request.shares_users {
                let error = Error::new("option").object(b"--userns");
                return Err(error.cause("goes without --uidmap and --gidmap"));
            }
            IdMapping::Mapped {
                uids: if uids.is_empty() { gids } else { uids },
                gids: if gids.is_empty() { uids } else { gids },
            }
        }
    };
    Ok(Security {
        capabilities: capabilities(&request.capabilities, privileged, seccomp == Seccomp::BuiltIn),
        no_new_privileges: request.no_new_privileges.unwrap_or(!privileged),
        seccomp,
        privileged,
        rlimits: &request.rlimits,
        umask: request.umask,
        groups: &request.groups,
        paths: match has_own_tmp {
            // First, as what was asked for may lie below it.
            true => leak([&[OWN_TMP], &request.paths[..]].concat()),
            false => &request.paths,
        },
        users,
        descriptors: request.descriptors,
    })
}

/// What programs write for themselves, beside the paths that they may change: most cannot do without.
const OWN_TMP: PathRule = PathRule { path: c"/tmp", writable: true, optional: false };

/// A /tmp in memory.
struct OwnTmp<'a> {
    /// With what is asked for, and what of the host's /tmp stays in sight.
    volumes: Vec<Volume<'a>>,
    /// Where the command begins, if that would be covered.
    cwd: Option<&'a CStr>,
}

/// With the host's files and a rule by which all may be read (`--ro-path /`) the command has a /tmp of its
/// own, unless a rule is about /tmp, or lets it be changed. What the rules, the working directory and the
/// command's words name of the host's stays where it is; what may not be changed there is read-only, as
/// the rule for /tmp is one for all below it.
fn own_tmp<'a>(request: &'a Run<'a>) -> Result<Option<OwnTmp<'a>>> {
    const TMP: &[u8] = b"/tmp";
    let is_below = |path: &[u8], above: &[u8]| {
        above == b"/"
            || path.strip_prefix(above).is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
    };
    if request.paths.is_empty() || request.rootfs.is_some() {
        return Ok(None);
    }
    let cwd = working_directory()?;
    let place = |path: &[u8]| normal(&cwd, path);
    let rules: Vec<(Vec<u8>, bool)> =
        request.paths.iter().map(|rule| (place(rule.path.to_bytes()), rule.writable)).collect();
    let is_told =
        rules.iter().any(|(path, writable)| path == TMP || (*writable && is_below(TMP, path)))
            || request.volumes.iter().any(|volume| place(volume.target.to_bytes()) == TMP);
    // Only where /tmp would be in sight: else nothing is given that was not asked for.
    let is_in_sight = rules.iter().any(|(path, _)| is_below(TMP, path));
    if is_told || !is_in_sight || !fs::identity(c"/tmp").is_ok_and(|it| it.is_directory) {
        return Ok(None);
    }
    let begin = request.cwd.map_or(cwd.clone(), |path| place(path.to_bytes()));
    let mut kept: Vec<Vec<u8>> = rules.iter().map(|(path, _)| path.clone()).collect();
    kept.push(begin.clone());
    let names = request.args.iter().filter(|word| word.to_bytes().contains(&b'/'));
    kept.extend(names.map(|name| normal(&begin, name.to_bytes())));
    let mut volumes = Vec::new();
    let options = Options { noexec: false, ..Options::TMPFS };
    let memory = Tmpfs { size: Some(Size::Percent(25)), ..Tmpfs::USUAL };
    volumes.push(Volume { kind: Kind::Tmpfs(memory), target: c"/tmp", options });
    for path in kept {
        // What is not there is for the rule, or for exec, to say.
        if path == TMP || !is_below(&path, TMP) || fs::identity(word(&path)).is_err() {
            continue;
        }
        let writable = rules.iter().any(|(rule, writable)| *writable && is_below(&path, rule));
        let options = Options { read_only: !writable, ..Options::BIND };
        let target = word(&path);
        if volumes.iter().all(|volume| volume.target != target) {
            volumes.push(Volume { kind: Kind::Bind(target), target, options });
        }
    }
    volumes.extend(request.volumes.iter().cloned());
    Ok(Some(OwnTmp { volumes, cwd: is_below(&begin, TMP).then(|| word(&begin)) }))
}

/// A path from the root, by its letters: without `.`, `..` and double slashes.
fn normal(from: &[u8], path: &[u8]) -> Vec<u8> {
    let mut names: Vec<&[u8]> = Vec::new();
    let from = if path.starts_with(b"/") { b"" } else { from };
    for name in from.split(|b| *b == b'/').chain(path.split(|b| *b == b'/')) {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    match names.is_empty() {
        true => b"/".to_vec(),
        false => names.iter().flat_map(|name| [b"/", *name].concat()).collect(),
    }
}

fn word(path: &[u8]) -> &'static CStr {
    let mut text = Text::new();
    text.raw(path);
    text.leak()
}

/// As in Docker: `--cap-add ALL` begins with all, `--cap-drop ALL` with none, and what is added by
/// name is never dropped, unless all are added. None where nothing is to be taken away, nor kept by
/// another user than root. What a device made in /dev may be is for the built-in filter to say:
/// without it, nobody makes any unless that was asked for.
fn capabilities(
    edits: &CapabilityEdits,
    privileged: bool,
    built_in_filter: bool,
) -> Option<Capabilities> {
    let usual = capability::DEFAULT & if built_in_filter { ALL } else { !(1 << MKNOD) };
    let set = match (edits.add_all || privileged, edits.drop_all) {
        (true, false) => ALL & !edits.drop,
        (_, true) => edits.add,
        (false, false) => (usual & !edits.drop) | edits.add,
    };
    let named = edits.add & set;
    let added = if edits.add_all { set } else { named };
    (!privileged || set != ALL || added != 0).then_some(Capabilities { set, added, named })
}

/// A program for seccomp(2), as bubblewrap takes it: struct sock_filter, one after the other.
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

/// Those that shall be handed on must be there, or one of mini's own would take their place.
fn check_descriptors(request: &Run) -> Result<()> {
    let preserved = (3..3 + request.descriptors).map(|fd| ("--preserve-fds", fd));
    for (option, fd) in preserved.chain(request.ready_fd.map(|fd| ("--ready-fd", fd))) {
        if !fs::is_open(fd as i32) {
            return Err(Error::new("option")
                .object(option.as_bytes())
                .cause("not open:")
                .number(fd));
        }
    }
    Ok(())
}

/// On an initramfs whoever may unmount finds it below the new root: nobody may (see the plan), and
/// who asks for that right is told so.
fn check_lock(request: &Run, spec: &Spec, host: &Host) -> Result<()> {
    if !(host.root_is_initramfs && spec.rootfs.is_some()) {
        return Ok(());
    }
    let admin = 1 << SYS_ADMIN;
    let edits = request.capabilities;
    let all = (request.privileged || edits.add_all) && edits.drop & admin == 0 && !edits.drop_all;
    if all || edits.add & admin != 0 {
        let error = Error::new("rootfs on an initramfs").cause("goes without CAP_SYS_ADMIN");
        return Err(
            error.hint("it could unmount its root and see the initramfs: add --cap-drop SYS_ADMIN")
        );
    }
    Ok(())
}

/// The limits, as far as they have to agree with each other and with the machine.
fn resources<'a>(request: &'a Run<'a>) -> Result<&'a Resources<'a>> {
    let resources = &request.resources;
    let memory = &resources.memory;
    let clash =
        |option: &str, cause| Err(Error::new("option").object(option.as_bytes()).cause(cause));
    match (memory.swap, memory.limit) {
        (Some(Limit::At(_)), None) => return clash("--memory-swap", "needs --memory"),
        (Some(Limit::At(both)), Some(memory)) if both < memory => {
            return clash("--memory-swap", "below --memory: it counts memory and swap together");
        }
        _ => {}
    }
    if memory.reservation > memory.limit && memory.limit.is_some() {
        return clash("--memory-reservation", "above --memory");
    }
    if request.cpus {
        if resources.cpu.period.is_some() {
            return clash("--cpu-period", "goes with --cpu-quota, not with --cpus");
        }
        // One there always is.
        let online = if resources.cpu.quota > Some(DEFAULT_PERIOD) { online_cpus() } else { 1 };
        if resources.cpu.quota > Some(online * DEFAULT_PERIOD) {
            let mut hint = Text::new();
            hint.str("0.01 to ").number(online).str(" processors");
            let error = Error::new("option").object(b"--cpus").cause("more than are online");
            return Err(error.hint_text(&hint));
        }
    }
    Ok(resources)
}

/// What a container with its own root starts with: nothing of the host's but the terminal's kind.
fn clean_env<'a>(
    request: &Run<'a>,
    hostname: Option<&CStr>,
    environ: &[&'a CStr],
) -> Vec<&'a CStr> {
    let mut env = Vec::with_capacity(4 + request.env.len());
    env.push(DEFAULT_PATH);
    if let Some(name) = hostname {
        let mut text = Text::new();
        text.str("HOSTNAME=").raw(name.to_bytes());
        env.push(text.leak());
    }
    env.extend(environ.iter().find(|word| key(word.to_bytes()) == b"TERM"));
    env
}

fn apply<'a>(edit: EnvEdit<'a>, env: &mut Variables<'a>, environ: &[&'a CStr]) -> Result<()> {
    match edit {
        EnvEdit::Set(word) => env.set(word),
        EnvEdit::Take(name) => {
            if let Some(word) = environ.iter().find(|word| key(word.to_bytes()) == name.to_bytes())
            {
                env.set(word);
            }
        }
        EnvEdit::File(path) => {
            let content = fs::read_file(path, ENV_FILE_LIMIT)
                .map_err(|errno| Error::new("read").object(path.to_bytes()).errno(errno))?;
            for word in env_file(path, &content, &mut Variables::new(environ.to_vec()))? {
                env.set(word);
            }
        }
    }
    Ok(())
}

/// The variables of an environment file, as Docker reads it: `KEY=VALUE` or `KEY` a line, which may end
/// with a carriage return, too; values are taken to the letter. A byte order mark and what is blank before
/// a name count for nothing; blank lines and lines that begin with # are passed over.
fn env_file(path: &CStr, content: &[u8], environ: &mut Variables) -> Result<Vec<&'static CStr>> {
    let mut words = Vec::new();
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    for (number, line) in (1u32..).zip(content.split(|b| *b == b'\n')) {
        let bad = |cause| {
            Err(Error::new("environment file").object(path.to_bytes()).cause(cause).number(number))
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_start();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        match key(line) {
            b"" => return bad("no name before = in line"),
            name if name.iter().any(|b| b.is_ascii_whitespace()) => {
                return bad("a name with blanks in line");
            }
            _ => {}
        }
        let line = match line.contains(&b'=') {
            true => line,
            false => match environ.find(line) {
                Some(at) => environ.words[at].to_bytes(),
                None => continue,
            },
        };
        if line.contains(&0) {
            return bad("a NUL byte in line");
        }
        let mut word = Text::new();
        word.raw(line);
        words.push(word.leak());
    }
    Ok(words)
}

/// The name in `KEY=VALUE`.
fn key(word: &[u8]) -> &[u8] {
    word.split(|b| *b == b'=').next().unwrap_or_default()
}

fn value_of<'e>(name: &[u8], env: &'e [&CStr]) -> Option<&'e [u8]> {
    let word = env.iter().find(|word| key(word.to_bytes()) == name)?;
    word.to_bytes().get(name.len() + 1..)
}

/// Variables that are found by their names, however many there are.
struct Variables<'a> {
    words: Vec<&'a CStr>,
    /// A hash table: the place of a word and one, or 0. Made when there are many.
    slots: Vec<u32>,
}

impl<'a> Variables<'a> {
    fn new(words: Vec<&'a CStr>) -> Variables<'a> {
        Variables { words, slots: Vec::new() }
    }

    /// Sets a variable: the last word for a key counts.
    fn set(&mut self, word: &'a CStr) {
        match self.find(key(word.to_bytes())) {
            Some(at) => self.words[at] = word,
            None => {
                self.words.push(word);
                if !self.slots.is_empty() {
                    self.note(self.words.len() - 1);
                }
            }
        }
    }

    fn find(&mut self, name: &[u8]) -> Option<usize> {
        const FEW: usize = 32;
        if self.words.len() <= FEW {
            return self.words.iter().position(|word| key(word.to_bytes()) == name);
        }
        // No more than half full.
        if self.slots.len() < 2 * (self.words.len() + 1) {
            self.slots = alloc::vec![0; (4 * self.words.len()).next_power_of_two()];
            // Of two words for a key in the environment the first one counts.
            (0..self.words.len()).rev().for_each(|at| self.note(at));
        }
        (self.slots[self.slot(name)] as usize).checked_sub(1)
    }

    /// The slot of a name, or the free one that it would take.
    fn slot(&self, name: &[u8]) -> usize {
        // FNV-1a
        let hash = name.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
        let mut at = (hash ^ hash >> 32) as usize;
        loop {
            at &= self.slots.len() - 1;
            match (self.slots[at] as usize).checked_sub(1) {
                Some(word) if key(self.words[word].to_bytes()) != name => at += 1,
                _ => return at,
            }
        }
    }

    fn note(&mut self, at: usize) {
        let slot = self.slot(key(self.words[at].to_bytes()));
        self.slots[slot] = at as u32 + 1;
    }
}

/// The kernel takes words of at most 32 pages (MAX_ARG_STRLEN, execve(2)) and would only say
/// that something is too long.
fn check_lengths(spec: &Spec, page_size: usize) -> Result<()> {
    let longest = 32 * page_size - 1;
    let too_long = |step, at: usize, word: &[u8]| {
        let mut hint = Text::new();
        hint.number(word.len() as u64).str(" bytes, the kernel takes ").number(longest as u64);
        let error = Error::new(step).number(at as u32).object(word);
        Err(error.cause("too long").hint_text(&hint))
    };
    for (at, word) in spec.process.args.iter().enumerate() {
        if word.count_bytes() > longest {
            return too_long("argument", at, word.to_bytes());
        }
    }
    for (at, word) in spec.process.env.iter().enumerate() {
        if word.count_bytes() > longest {
            return too_long("variable", at, word.to_bytes());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(env: &[&CStr]) -> Vec<String> {
        env.iter().map(|word| word.to_str().unwrap().into()).collect()
    }

    fn request(rootfs: bool) -> Run<'static> {
        Run { rootfs: rootfs.then_some(c"/r"), args: &[c"sh"], ..Run::default() }
    }

    const ENVIRON: &[&CStr] = &[c"HOME=/home/me", c"TERM=vt100", c"SECRET=x", c"PATH=/here"];

    #[test]
    fn the_hosts_environment_is_inherited_without_a_rootfs_and_hidden_with_one() {
        let request = self::request(false);
        let spec = spec(&request, ENVIRON).unwrap();
        assert_eq!(
            words(&spec.process.env),
            ["HOME=/home/me", "TERM=vt100", "SECRET=x", "PATH=/here"]
        );
        let request = self::request(true);
        let spec = super::spec(&request, ENVIRON).unwrap();
        let path = DEFAULT_PATH.to_str().unwrap();
        assert_eq!(words(&spec.process.env), [path, "HOSTNAME=mini", "TERM=vt100", "HOME=/root"]);
    }

    #[test]
    fn the_last_word_for_a_key_counts() {
        let mut request = request(true);
        request.env = vec![
            EnvEdit::Set(c"A=1"),
            EnvEdit::Set(c"A=2"),
            EnvEdit::Take(c"SECRET"),
            EnvEdit::Take(c"UNSET"),
            EnvEdit::Set(c"PATH=/bin"),
            EnvEdit::Set(c"HOME=/"),
        ];
        let spec = spec(&request, ENVIRON).unwrap();
        assert_eq!(
            words(&spec.process.env),
            ["PATH=/bin", "HOSTNAME=mini", "TERM=vt100", "A=2", "SECRET=x", "HOME=/"]
        );
        assert!(!spec.process.home_from_passwd);
    }

    #[test]
    fn the_home_of_another_user_is_looked_up() {
        let mut request = request(true);
        request.user = Some(User { uid: Id::Name(b"www"), gid: None });
        let spec = spec(&request, ENVIRON).unwrap();
        assert!(spec.process.home_from_passwd);
        assert_eq!(value_of(b"HOME", &spec.process.env), None);
    }

    #[test]
    fn environment_files() {
        let lines = b"# comment\n\nA=1 2 \nTAKEN\nABSENT\nB=x=y";
        let environ = || Variables::new(vec![c"TAKEN=t"]);
        let got = env_file(c"f", lines, &mut environ()).unwrap();
        assert_eq!(got, [c"A=1 2 ", c"TAKEN=t", c"B=x=y"]);
        // Of other systems' editors, and indented.
        let lines = b"\xef\xbb\xbfA=1\r\n  B= 2 \t\r\n\t# comment\r\n \r\n\t TAKEN\r\nC=\r\nD=\xef\xbb\xbf\r\r\nE=e\r";
        let got = env_file(c"f", lines, &mut environ()).unwrap();
        let bytes: Vec<&[u8]> = got.iter().map(|word| word.to_bytes()).collect();
        assert_eq!(
            bytes,
            [&b"A=1"[..], b"B= 2 \t", b"TAKEN=t", b"C=", b"D=\xef\xbb\xbf\r", b"E=e"]
        );
        for bad in [&b"A=1\nexport B=2"[..], b"\nB =2", b"#\nB C", b"\n\tB\tC=1", b"\nA "] {
            let error = env_file(c"f", bad, &mut environ()).unwrap_err();
            assert_eq!(error.line(), b"environment file f: a name with blanks in line 2");
        }
        let error = env_file(c"f", b"A=1\n=2", &mut environ()).unwrap_err();
        assert_eq!(error.line(), b"environment file f: no name before = in line 2");
        let error = env_file(c"f", b"A=\0", &mut environ()).unwrap_err();
        assert_eq!(error.line(), b"environment file f: a NUL byte in line 1");
    }

    #[test]
    fn many_variables_are_set_as_few_are() {
        let names: Vec<_> = (0..5000)
            .map(|n| std::ffi::CString::new(format!("V{}={n}", n % 1777)).unwrap())
            .collect();
        for count in [0, 1, 31, 32, 33, 34, 100, 5000] {
            let mut few: Vec<&CStr> = vec![c"V0=a", c"V0=b", c"X"];
            let mut many = Variables::new(few.clone());
            for word in &names[..count] {
                match few.iter_mut().find(|old| key(old.to_bytes()) == key(word.to_bytes())) {
                    Some(old) => *old = word,
                    None => few.push(word),
                }
                many.set(word);
            }
            assert_eq!(many.words, few, "{count}");
            assert_eq!((many.find(b"X"), many.find(b"V")), (Some(2), None));
        }
    }

    #[test]
    fn a_word_the_kernel_would_refuse_is_named() {
        let long = std::ffi::CString::new(vec![b'a'; 32 * 4096]).unwrap();
        let words = [c"cmd", &long];
        let mut request = request(false);
        request.args = &words;
        let spec = spec(&request, &[]).unwrap();
        let error = check_lengths(&spec, 4096).unwrap_err();
        let line = str::from_utf8(error.line()).unwrap();
        assert!(line.starts_with("argument 1 aaaa"), "{line}");
        assert!(line.ends_with("too long (131072 bytes, the kernel takes 131071)"), "{line}");
        assert!(check_lengths(&spec, 65536).is_ok());
    }
}
