//! Linux 4.4, as far as its system calls go: every later one fails as if it did not exist, for the
//! test program and all it starts (MINI_TEST_OLD_KERNEL=1).

/// The last call of Linux 4.4 on x86_64 is mlock2.
const LAST: u32 = 325;
const NAMESPACE_OF_CGROUPS: u32 = 0x0200_0000;
/// ioctl(2) requests of Linux 4.13 and 5.8.
const TIOCGPTPEER: u32 = 0x5441;
const LOOP_CONFIGURE: u32 = 0x4c0a;

/// Whether this is asked for.
pub fn is_wanted() -> bool {
    std::env::var_os("MINI_TEST_OLD_KERNEL").is_some()
}

/// Takes the later calls away, for good; the numbers are x86_64's.
pub fn pretend() {
    const LOAD: u16 = 0x20;
    const IF_EQUAL: u16 = 0x15;
    const IF_ABOVE: u16 = 0x25;
    const IF_SET: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const ALLOW: u32 = 0x7fff_0000;
    let error = |errno: i32| 0x0005_0000 | errno as u32;
    let line = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut program = [
        line(LOAD, 0, 0, 0),
        // The C library registered the first thread, and insists on it for the others.
        line(IF_EQUAL, 12, 0, libc::SYS_rseq as u32),
        line(IF_ABOVE, 9, 0, LAST),
        line(IF_EQUAL, 4, 0, libc::SYS_clone as u32),
        line(IF_EQUAL, 3, 0, libc::SYS_unshare as u32),
        line(IF_EQUAL, 0, 8, libc::SYS_ioctl as u32),
        line(LOAD, 0, 0, 24),
        line(IF_EQUAL, 5, 7, TIOCGPTPEER),
        line(LOAD, 0, 0, 16),
        line(IF_SET, 1, 4, NAMESPACE_OF_CGROUPS),
        line(RETURN, 0, 0, ALLOW),
        line(RETURN, 0, 0, error(libc::EINVAL)),
        line(RETURN, 0, 0, error(libc::ENOSYS)),
        line(RETURN, 0, 0, error(libc::ENOTTY)),
        line(RETURN, 0, 0, ALLOW),
        line(IF_EQUAL, 0, 1, LOOP_CONFIGURE),
        line(RETURN, 0, 0, error(libc::EINVAL)),
        line(RETURN, 0, 0, ALLOW),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the kernel reads the program; every jump stays in it.
    let result = unsafe {
        if !rustix::process::geteuid().is_root() {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        }
        libc::syscall(libc::SYS_seccomp, 1, 0, &raw const program)
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: asks for a number, of which there is none any more.
    let later = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, 1) };
    assert_eq!(later, -1);
}
