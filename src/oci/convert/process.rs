//! The process, its rights and its namespaces.

use crate::error::{Error, Result};
use crate::oci::config::{self, Config};
use crate::spec::security::Security;
use crate::spec::{Id, Namespace, Namespaces, Process, User};

/// The command and its surroundings.
pub fn process<'a>(process: &'a config::Process<'a>) -> Process<'a> {
    Process {
        args: &process.args,
        env: process.env.clone(),
        cwd: Some(process.cwd),
        oom_score_adj: process.oom_score_adj,
        terminal: process.terminal,
        user: Some(User {
            uid: Id::Number(process.user.uid),
            gid: Some(Id::Number(process.user.gid)),
        }),
        ..Process::default()
    }
}

/// The namespaces, new or shared with mini's caller.
pub fn namespaces<'a>(config: &Config<'a>) -> Result<Namespaces<'a>> {
    let kind = |flag: i32| {
        let found = config.linux.namespaces.iter().find(|known| known.kind == flag as u32);
        match found {
            None => Ok(Namespace::Host),
            Some(namespace) if namespace.path.is_none() => Ok(Namespace::New),
            Some(_) => Err(Error::new("config.json linux.namespaces").cause("a path")),
        }
    };
    Ok(Namespaces {
        pid: kind(libc::CLONE_NEWPID)?,
        net: kind(libc::CLONE_NEWNET)?,
        ipc: kind(libc::CLONE_NEWIPC)?,
        uts: kind(libc::CLONE_NEWUTS)?,
        cgroup: kind(libc::CLONE_NEWCGROUP)?,
        ..Namespaces::default()
    })
}

/// What the process may do.
pub fn security<'a>(_: &'a Config<'a>, process: &'a config::Process<'a>) -> Result<Security<'a>> {
    Ok(Security {
        capabilities: process.capabilities,
        no_new_privileges: process.no_new_privileges,
        rlimits: process.rlimits.clone(),
        umask: process.user.umask,
        groups: process.user.additional_gids.iter().map(|gid| Id::Number(*gid)).collect(),
        ..Security::default()
    })
}
