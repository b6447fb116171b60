//! The process, its rights and its namespaces.

use crate::error::{Error, Result};
use crate::oci::config::{self, Config};
use crate::spec::security::{Capabilities, Rlimit, Security};
use crate::spec::{Id, Namespace, Namespaces, Process, User};
use alloc::vec::Vec;

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

/// What it has to itself.
pub fn namespaces(config: &Config) -> Result<Namespaces> {
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
    })
}

/// What it may do.
pub fn security<'a>(_: &'a Config<'a>, process: &'a config::Process<'a>) -> Result<Security<'a>> {
    let rlimits: Vec<Rlimit> = process
        .rlimits
        .iter()
        .map(|limit| Rlimit {
            resource: limit.resource,
            name: "rlimit",
            soft: limit.soft,
            hard: limit.hard,
        })
        .collect();
    let groups: Vec<Id> = process.user.additional_gids.iter().map(|gid| Id::Number(*gid)).collect();
    Ok(Security {
        capabilities: process.capabilities.map(|sets| Capabilities {
            set: sets.bounding,
            added: sets.ambient,
            named: 0,
        }),
        no_new_privileges: process.no_new_privileges,
        rlimits: rlimits,
        umask: process.user.umask,
        groups: groups,
        ..Security::default()
    })
}
