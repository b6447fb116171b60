//! Older kernels, as far as system calls go: what came after Linux 4.4 fails as if it did not exist, for
//! the test program and all it starts; everything at once (MINI_TEST_OLD_KERNEL=1), or the one that is
//! named (MINI_TEST_OLD_KERNEL=close_range).

use libc::sock_filter;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The last call of Linux 4.4 on x86_64 is mlock2.
const LAST: u32 = 325;

/// What mini makes use of, where it is there.
const CALLS: [Call; 9] = [
    ("clone3", libc::SYS_clone3),
    ("open_tree", libc::SYS_open_tree),
    ("move_mount", libc::SYS_move_mount),
    ("fsopen", libc::SYS_fsopen),
    ("fsconfig", libc::SYS_fsconfig),
    ("fsmount", libc::SYS_fsmount),
    ("close_range", libc::SYS_close_range),
    ("mount_setattr", libc::SYS_mount_setattr),
    ("landlock_create_ruleset", libc::SYS_landlock_create_ruleset),
];

/// What is no call of its own: (name, call, which argument, its bits or value, error).
const USES: [Use; 4] = [
    ("clone_newcgroup", libc::SYS_clone, 0, Match::Bits(0x0200_0000), libc::EINVAL),
    ("unshare_newcgroup", libc::SYS_unshare, 0, Match::Bits(0x0200_0000), libc::EINVAL),
    ("tiocgptpeer", libc::SYS_ioctl, 1, Match::Value(0x5441), libc::ENOTTY),
    ("loop_configure", libc::SYS_ioctl, 1, Match::Value(0x4c0a), libc::EINVAL),
];

/// Kernels that were built without something: not older, but less.
const PARTS: [Use; 6] = [
    ("pid", libc::SYS_clone, 0, Match::Bits(libc::CLONE_NEWPID as u32), libc::EINVAL),
    ("network", libc::SYS_clone, 0, Match::Bits(libc::CLONE_NEWNET as u32), libc::EINVAL),
    ("ipc", libc::SYS_clone, 0, Match::Bits(libc::CLONE_NEWIPC as u32), libc::EINVAL),
    ("uts", libc::SYS_clone, 0, Match::Bits(libc::CLONE_NEWUTS as u32), libc::EINVAL),
    ("user", libc::SYS_clone, 0, Match::Bits(libc::CLONE_NEWUSER as u32), libc::EINVAL),
    ("seccomp", libc::SYS_seccomp, 0, Match::Value(1), libc::ENOSYS),
];

#[derive(Clone, Copy)]
enum Match {
    Bits(u32),
    Value(u32),
}

/// Whether this is asked for.
pub fn is_wanted() -> bool {
    wanted().is_some()
}

/// Whether this is what is taken away, and the rest is there.
pub fn is_only(name: &str) -> bool {
    wanted().is_some_and(|wanted| wanted == name)
}

fn wanted() -> Option<String> {
    std::env::var("MINI_TEST_OLD_KERNEL").ok()
}

/// Takes the later calls away, for good; the numbers are x86_64's.
pub fn pretend() {
    let wanted = wanted().unwrap();
    let all = wanted == "1";
    assert!(
        all || CALLS.iter().any(|call| call.0 == wanted) || USES.iter().any(|it| it.0 == wanted),
        "MINI_TEST_OLD_KERNEL={wanted}: not known"
    );
    let is_gone = |name: &str| all || name == wanted;
    let calls: Vec<_> = CALLS.into_iter().filter(|call| is_gone(call.0)).collect();
    let uses: Vec<_> = USES.into_iter().filter(|it| is_gone(it.0)).collect();
    install(&program(&calls, &uses, all)).unwrap();
}

/// Has a command find a kernel that was built without this.
pub fn without(command: &mut Command, part: &str) {
    let uses: Vec<_> = PARTS.into_iter().filter(|it| it.0 == part).collect();
    assert_eq!(uses.len(), 1);
    let program = program(&[], &uses, false);
    // SAFETY: between fork and exec only system calls are made.
    unsafe { command.pre_exec(move || install(&program)) };
}

fn install(program: &[sock_filter]) -> std::io::Result<()> {
    let program =
        libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    // SAFETY: the kernel reads the program; every jump stays in it.
    let result = unsafe {
        if !rustix::process::geteuid().is_root() {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        }
        libc::syscall(libc::SYS_seccomp, 1, 0, &raw const program)
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

type Call = (&'static str, libc::c_long);
type Use = (&'static str, libc::c_long, u32, Match, i32);

fn program(calls: &[Call], uses: &[Use], and_all_later: bool) -> Vec<sock_filter> {
    const LOAD: u16 = 0x20;
    const IF_EQUAL: u16 = 0x15;
    const IF_ABOVE: u16 = 0x25;
    const IF_SET: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const ALLOW: u32 = 0x7fff_0000;
    let line = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let fail = |errno: i32| line(RETURN, 0, 0, 0x0005_0000 | errno as u32);
    let mut program = vec![line(LOAD, 0, 0, 0)];
    if and_all_later {
        // The C library registered the first thread, and insists on it for the others.
        program.extend([
            line(IF_EQUAL, 0, 1, libc::SYS_rseq as u32),
            line(RETURN, 0, 0, ALLOW),
            line(IF_ABOVE, 0, 1, LAST),
            fail(libc::ENOSYS),
        ]);
    }
    for (_, call) in calls {
        program.extend([line(IF_EQUAL, 0, 1, *call as u32), fail(libc::ENOSYS)]);
    }
    for (_, call, argument, value, errno) in uses {
        let (test, value) = match value {
            Match::Bits(bits) => (IF_SET, *bits),
            Match::Value(value) => (IF_EQUAL, *value),
        };
        program.extend([
            line(IF_EQUAL, 0, 4, *call as u32),
            line(LOAD, 0, 0, 16 + 8 * argument),
            line(test, 0, 1, value),
            fail(*errno),
            line(LOAD, 0, 0, 0),
        ]);
    }
    program.push(line(RETURN, 0, 0, ALLOW));
    program
}
