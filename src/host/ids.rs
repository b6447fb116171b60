//! Finds the id maps of the container's user namespace.

use super::Caller;
use crate::error::{Error, Result};
use crate::spec::security::{IdMapping, IdRange};
use crate::sys::{Errno, fs};
use crate::text::{Text, number};
use alloc::vec;
use alloc::vec::Vec;
use core::ffi::CStr;

/// Id maps of the container's user namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdMaps {
    /// No user namespace: the container has the host's ids.
    None,
    /// The caller's own user and group id, one each.
    Single,
    /// The maps of a user namespace that exists; the container joins it.
    Joined,
    /// Ranges of ids.
    Ranges {
        /// User ids.
        uids: Vec<IdRange>,
        /// Group ids.
        gids: Vec<IdRange>,
        /// Whether newuidmap(1) and newgidmap(1) write the maps.
        by_helper: bool,
    },
}

/// Range of `--userns auto` when root has none in /etc/subuid: (first, count). Distributions and
/// systemd do not allocate ids here.
const DEFAULT_RANGE: (u32, u32) = (0x7000_0000, 0x1000_0000);
/// Number of ids in a map of `--userns auto`.
const COUNT: u32 = 65_536;

/// Finds the id maps for `users`. A caller without CAP_SYS_ADMIN needs a user namespace to make the
/// other namespaces.
///
/// # Errors
/// The caller has no range of ids to map.
pub fn find(users: &IdMapping, caller: Caller, has_sys_admin: bool) -> Result<IdMaps> {
    let is_root = caller.euid == 0;
    Ok(match users {
        IdMapping::Own if has_sys_admin => IdMaps::None,
        IdMapping::Own => IdMaps::Single,
        // setns(2) refuses the user namespace that the caller is in.
        IdMapping::Path(path) => match (is_own(path)?, has_sys_admin) {
            (false, _) => IdMaps::Joined,
            (true, true) => IdMaps::None,
            (true, false) => return Err(needs_namespace()),
        },
        IdMapping::Host if has_sys_admin => IdMaps::None,
        IdMapping::Host => return Err(needs_namespace()),
        // The one map that an ordinary user may write without a helper.
        IdMapping::Mapped { uids: [uid], gids: [gid] }
            if !is_root
                && (uid.outside, uid.count) == (caller.euid, 1)
                && (gid.outside, gid.count) == (caller.egid, 1)
                && (uid.inside, gid.inside) == (0, 0) =>
        {
            IdMaps::Single
        }
        IdMapping::Mapped { uids, gids } => {
            IdMaps::Ranges { uids: uids.to_vec(), gids: gids.to_vec(), by_helper: !is_root }
        }
        IdMapping::Auto if is_root => {
            let name = user_name(caller.euid);
            let uids = granted(c"/etc/subuid", &name, caller.euid)?.unwrap_or(DEFAULT_RANGE);
            let gids = granted(c"/etc/subgid", &name, caller.euid)?.unwrap_or(DEFAULT_RANGE);
            let (uids, gids) = claim(uids, gids)?;
            IdMaps::Ranges { uids: vec![uids], gids: vec![gids], by_helper: false }
        }
        IdMapping::Auto => {
            let name = user_name(caller.euid);
            let range = |file: &CStr, own: u32| -> Result<Vec<IdRange>> {
                let granted = granted(file, &name, caller.euid)?;
                // Root inside is the caller, so that the caller's files belong to root inside.
                match granted {
                    Some((outside, count)) => Ok(vec![
                        IdRange { inside: 0, outside: own, count: 1 },
                        IdRange { inside: 1, outside, count: count.min(COUNT) },
                    ]),
                    None => Err(no_range(file, &name)),
                }
            };
            let uids = range(c"/etc/subuid", caller.euid)?;
            let gids = range(c"/etc/subgid", caller.egid)?;
            IdMaps::Ranges { uids, gids, by_helper: true }
        }
    })
}

/// Files for the locks: they exist in every kernel and only root can open them; the first only root
/// of the initial user namespace, the second also root of others. mini writes nothing to them.
const LOCK_FILES: [&CStr; 2] =
    [c"/proc/sys/kernel/usermodehelper/bset", c"/proc/sys/user/max_user_namespaces"];

/// Claims the first free part of the ranges, so that no two containers share ids. The claim is a
/// lock (fcntl(2)) on as many bytes as there are ids, at the offset of the first id. The kernel
/// releases it when mini ends, by whatever cause.
#[inline(never)]
fn claim(uids: (u32, u32), gids: (u32, u32)) -> Result<(IdRange, IdRange)> {
    let open = |path| fs::open(path, libc::O_RDWR, 0);
    let file = open(LOCK_FILES[0]).or_else(|_| open(LOCK_FILES[1])).map_err(|errno| {
        let error = Error::new("user namespace").object(LOCK_FILES[0].to_bytes()).errno(errno);
        error.hint("a lock there keeps others from the same ids: choose some with --uidmap")
    })?;
    let parts = (uids.1.min(gids.1) / COUNT).max(1);
    for part in 0..parts {
        let range = |(first, count): (u32, u32)| IdRange {
            inside: 0,
            outside: first + part * COUNT,
            count: count.min(COUNT),
        };
        let (uids, gids) = (range(uids), range(gids));
        let lock = |range: &IdRange, base: u64| match fs::lock(
            &file,
            base + u64::from(range.outside),
            range.count.into(),
        ) {
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(errno) => Err(Error::new("user namespace").cause("lock").errno(errno)),
            Ok(()) => Ok(true),
        };
        // Group ids are locked at a higher offset than user ids.
        if lock(&uids, 0)? && lock(&gids, 1 << 32)? {
            file.leak();
            return Ok((uids, gids));
        }
    }
    let error = Error::new("user namespace").cause("all ranges of ids are in use");
    Err(error.hint("give root more in /etc/subuid and /etc/subgid: each container takes 65536"))
}

fn no_range(file: &CStr, name: &[u8]) -> Error {
    Error::new("user namespace")
        .object(file.to_bytes())
        .cause("no range of ids for")
        .object(name)
        .hint("root adds one: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER")
}

/// The first range of a user in a file like subuid(5), as (first, count).
fn granted(file: &CStr, name: &[u8], id: u32) -> Result<Option<(u32, u32)>> {
    let text = match fs::read_file(file, 1 << 20) {
        Ok(text) => text,
        Err(Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(Error::new("read").object(file.to_bytes()).errno(errno)),
    };
    let mut id_text = Text::new();
    id_text.number(id.into());
    Ok(text.split(|b| *b == b'\n').find_map(|line| range_of(line, &[name, id_text.bytes()])))
}

/// subuid(5): `USER:FIRST:COUNT`.
fn range_of(line: &[u8], names: &[&[u8]]) -> Option<(u32, u32)> {
    let mut fields = line.split(|b| *b == b':');
    let user = fields.next()?;
    if user.is_empty() || !names.contains(&user) {
        return None;
    }
    let first = u32::try_from(number(fields.next()?, 10)?).ok()?;
    let count = u32::try_from(number(fields.next()?, 10)?).ok()?;
    (count > 0 && first.checked_add(count).is_some()).then_some((first, count))
}

/// The user's name in /etc/passwd; empty when there is none.
fn user_name(id: u32) -> Vec<u8> {
    // Without /etc/passwd, ranges can still be found by number.
    let text = fs::read_file(c"/etc/passwd", 16 << 20).unwrap_or_default();
    let named = |line: &[u8]| {
        let mut fields = line.split(|b| *b == b':');
        let name = fields.next()?.to_vec();
        (number(fields.nth(1)?, 10)? == u64::from(id)).then_some(name)
    };
    text.split(|b| *b == b'\n').find_map(named).unwrap_or_default()
}

/// Whether a file stands for the user namespace that mini is in.
fn is_own(path: &CStr) -> Result<bool> {
    let identity = fs::identity(path)
        .map_err(|errno| Error::new("user namespace").object(path.to_bytes()).errno(errno))?;
    Ok(fs::identity(c"/proc/self/ns/user") == Ok(identity))
}

fn needs_namespace() -> Error {
    let error = Error::new("user namespace").cause("going without takes CAP_SYS_ADMIN");
    error.hint("run as root, or configure a user namespace with uidMappings and gidMappings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let names: [&[u8]; 2] = [b"joe", b"1000"];
        assert_eq!(range_of(b"joe:100000:65536", &names), Some((100_000, 65_536)));
        assert_eq!(range_of(b"1000:100000:10", &names), Some((100_000, 10)));
        assert_eq!(range_of(b"joe:100000:9999999", &names), Some((100_000, 9_999_999)));
        for bad in ["", "joe", "joe:1", "joe:x:1", "joe:1:0", "joe:4294967295:2", "ann:1:1", ":1:1"]
        {
            assert_eq!(range_of(bad.as_bytes(), &[b"joe", b""]), None, "{bad}");
        }
    }
}
