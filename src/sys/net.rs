//! Network interfaces.

use super::{Fd, Result};
use syscalls::{Sysno, syscall};

/// Brings the loopback interface up (netdevice(7), SIOCSIFFLAGS). The kernel then gives it
/// 127.0.0.1 and ::1 by itself. The request is the same for a socket of any family, and a unix
/// socket exists in every kernel.
pub fn loopback_up() -> Result<()> {
    // SAFETY: numbers only.
    let socket = unsafe {
        syscall!(Sysno::socket, libc::AF_UNIX, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0)
    }?;
    let socket = Fd::own(socket);
    // SAFETY: all zero is a valid ifreq.
    let mut request: libc::ifreq = unsafe { core::mem::zeroed() };
    request.ifr_name[0] = b'l' as _;
    request.ifr_name[1] = b'o' as _;
    request.ifr_ifru.ifru_flags = libc::IFF_UP as i16;
    // SAFETY: the kernel reads one ifreq.
    unsafe { syscall!(Sysno::ioctl, socket.raw(), libc::SIOCSIFFLAGS, &raw const request) }
        .map(drop)
}
