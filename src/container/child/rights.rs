//! Sets the command's user, capabilities and Landlock rules. Works on the child's stack alone.

use super::passwd::{self, Account, SupplementaryGroups};
use super::resolve::{self, Make};
use crate::container::status::Detail;
use crate::container::stdio;
use crate::plan::APPARMOR;
use crate::spec::capability::{NAMES, Set};
use crate::spec::process::Capabilities;
use crate::spec::security::PathRule;
use crate::spec::{Id, User};
use crate::sys::security::access;
use crate::sys::{Errno, Fd, Result, fs, mount, process, security};
use core::ffi::CStr;

/// Options for looking up a user.
#[derive(Clone, Copy)]
pub struct UserOptions<'a> {
    /// Supplementary groups in addition to those of /etc/group; None: leave them unchanged.
    pub groups: Option<&'a [Id<'a>]>,
    /// Whether the user's group is one of the supplementary groups, too.
    pub joins_group: bool,
    /// Whether to look up the home directory.
    pub find_home: bool,
}

/// Detail of a failure when the group was not found.
pub const GROUP: &[u8] = b"group";

/// Changes to a user, given by number or by a name in the container's own files.
#[inline(never)]
pub fn become_user(
    user: &User,
    options: UserOptions,
    account: &mut Account,
    detail: &mut Detail,
    keep_capabilities: bool,
) -> Result<()> {
    let is_told = matches!(user.uid, Id::Number(_)) && user.gid.is_some();
    let entry = match is_told && !options.find_home {
        true => None,
        false => passwd::user(user.uid, account)?,
    };
    let uid = match (user.uid, &entry) {
        (Id::Number(number), _) => number,
        (Id::Name(_), Some(entry)) => entry.uid,
        (Id::Name(_), None) => return Err(Errno::ESRCH),
    };
    let gid = match user.gid {
        Some(id) => group(id, detail)?,
        None => entry.map_or(0, |entry| entry.gid),
    };
    if let Some(added) = options.groups {
        let mut list = SupplementaryGroups::new();
        if options.joins_group {
            list.add(gid)?;
        }
        // A group given with the user is the only one, as in Docker.
        if user.gid.is_none() && !account.name().is_empty() {
            passwd::groups_of(account.name(), &mut list)?;
        }
        add_groups(added, &mut list, detail)?;
        process::setgroups(list.list())?;
    }
    if !options.find_home {
        account.forget_home();
    }
    // Some programs open the standard streams again by their paths.
    stdio::give_to(uid)?;
    if keep_capabilities {
        security::keep_capabilities()?;
    }
    process::setgid(gid)?;
    process::setuid(uid)?;
    if keep_capabilities {
        // The change of user cleared the effective set; the capabilities are still permitted.
        let held = security::permitted()?;
        security::set_capabilities(held, held, 0)?;
    }
    Ok(())
}

/// Sets the supplementary groups.
#[inline(never)]
pub fn set_groups(groups: &[Id], detail: &mut Detail) -> Result<()> {
    let mut list = SupplementaryGroups::new();
    add_groups(groups, &mut list, detail)?;
    process::setgroups(list.list())
}

fn add_groups(groups: &[Id], list: &mut SupplementaryGroups, detail: &mut Detail) -> Result<()> {
    groups.iter().try_for_each(|id| list.add(group(*id, detail)?))
}

fn group(id: Id, detail: &mut Detail) -> Result<u32> {
    match id {
        Id::Number(number) => Ok(number),
        Id::Name(name) => passwd::group(name)?.ok_or_else(|| {
            detail.set(GROUP);
            Errno::ESRCH
        }),
    }
}

/// Drops all other capabilities from the bounding set, up to the kernel's last one.
pub fn bound_capabilities(set: Set) -> Result<()> {
    for capability in 0..64 {
        if set & 1 << capability != 0 {
            continue;
        }
        match security::drop_bounding(capability) {
            // The kernel has none from here on: unless it is one that there must be, which it can tell.
            Err(Errno::EINVAL)
                if capability as usize >= NAMES.len()
                    || security::is_bounding(capability) == Err(Errno::EINVAL) =>
            {
                break;
            }
            // Without CAP_SETPCAP this is no error if the capability is not in the set anyway.
            Err(Errno::EPERM) if !security::is_bounding(capability)? => {}
            result => result?,
        }
    }
    Ok(())
}

/// Sets the capability sets, as far as this process has the capabilities; `of_users` are the sets of
/// another user than 0.
pub fn set_capabilities(
    sets: &Capabilities,
    of_users: &Option<Capabilities>,
    required: Set,
    detail: &mut Detail,
) -> Result<()> {
    let held = security::permitted()?;
    if let Some(missing) = (0..64).find(|bit| required & !held & (1 << bit) != 0) {
        detail.set(NAMES.get(missing).map_or(b"?", |name| name.as_bytes()));
        return Err(Errno::EPERM);
    }
    let sets = match of_users {
        Some(of_users) if process::geteuid() != 0 => of_users,
        _ => sets,
    };
    // capset(2) refuses capabilities outside of the permitted set.
    let permitted = sets.permitted & held;
    let inheritable = sets.inheritable & held & sets.bounding;
    let ambient = sets.ambient & permitted & inheritable;
    security::set_capabilities(sets.effective & permitted, permitted, inheritable)?;
    if inheritable & permitted & !ambient != 0 {
        // mini's caller may have ambient capabilities, which stay while they are permitted and
        // inheritable.
        security::clear_ambient()?;
    }
    (0..64).filter(|bit| ambient & 1 << bit != 0).try_for_each(security::raise_ambient)
}

/// The top of a procfs of this process's pid namespace that nothing is mounted over; where the kernel gives none
/// (before Linux 5.2, or in a user namespace), of the host's.
pub fn procfs(kept: &mut Option<Fd>) -> Result<fs::Base> {
    if kept.is_none() {
        let own = mount::mount_unseen(c"proc", core::iter::empty(), 0);
        let host = |_| {
            let host = fs::open(c"/proc", libc::O_PATH | libc::O_DIRECTORY, 0)?;
            // That of a container that is entered may be anything.
            if fs::is_procfs(&host)? { Ok(host) } else { Err(Errno::ENODEV) }
        };
        *kept = Some(own.or_else(host)?);
    }
    kept.as_ref().map(Fd::raw).ok_or(Errno::EBADF)
}

/// Writes the label for the next execve(2). AppArmor has a directory of its own since Linux 5.8.
pub fn set_exec_label(procfs: fs::Base, module: &CStr, label: &[u8]) -> Result<()> {
    let open = |path| fs::open_at(procfs, path, libc::O_WRONLY, 0);
    let shared = c"self/attr/exec";
    let file = match open(if module == APPARMOR { c"self/attr/apparmor/exec" } else { shared }) {
        Err(Errno::ENOENT) => open(shared),
        result => result,
    }?;
    fs::write_all(&file, label)
}

/// Joins a new session keyring, unless the kernel has no keyrings.
pub fn new_session_keyring() -> Result<()> {
    match security::new_session_keyring() {
        Err(Errno::ENOSYS) => Ok(()),
        result => result,
    }
}

/// The first Landlock version with TRUNCATE; mini requires it.
const LANDLOCK: usize = 3;
/// The first version with IOCTL_DEV.
const LANDLOCK_IOCTL: usize = 5;
/// The first version with RESOLVE_UNIX (Linux 7.1).
const LANDLOCK_UNIX: usize = 9;

/// Restricts file access to these paths (landlock(7)). mini's own optional paths may be missing.
pub fn allow_paths(rules: &[PathRule], detail: &mut Detail) -> Result<()> {
    let version = security::landlock_version()?;
    if version < LANDLOCK {
        detail.set(b"version");
        return Err(Errno::EOPNOTSUPP);
    }
    let last = match version {
        0..LANDLOCK_IOCTL => access::TRUNCATE,
        LANDLOCK_IOCTL..LANDLOCK_UNIX => access::IOCTL_DEV,
        _ => access::RESOLVE_UNIX,
    };
    let all = (last << 1) - 1;
    let readable = access::EXECUTE | access::READ_FILE | access::READ_DIR;
    let ruleset = security::landlock_ruleset(all)?;
    for rule in rules {
        let path = match resolve::open(rule.path, Make::Nothing) {
            Err(Errno::ENOENT) if rule.optional => continue,
            result => result.inspect_err(|_| detail.set(rule.path.to_bytes()))?,
        };
        let mut allowed = if rule.writable { all } else { readable };
        if !fs::is_directory(path.raw())? {
            allowed &= access::OF_FILES;
        }
        security::landlock_allow(&ruleset, &path, allowed & all)
            .inspect_err(|_| detail.set(rule.path.to_bytes()))?;
    }
    for fd in 0..=2 {
        // A path rule for each file open at 0, 1 and 2, so that it can be opened again by
        // /dev/stdin and so on. Pipes always can.
        let Ok(fs::Stream { kind: libc::S_IFREG | libc::S_IFCHR, reads, writes, .. }) =
            fs::stream(fd)
        else {
            continue;
        };
        let readable = if reads { access::READ_FILE } else { 0 };
        let writable = if writes { access::WRITE_FILE | access::TRUNCATE } else { 0 };
        let allowed = (readable | writable | access::IOCTL_DEV) & all;
        if readable | writable == 0 {
            continue;
        }
        match security::landlock_allow(&ruleset, &fs::duplicate(fd)?, allowed) {
            // A file without a file system (memfd) is not restricted anyway.
            Err(Errno::EBADFD) => {}
            result => result?,
        }
    }
    security::landlock_restrict(&ruleset)
}
