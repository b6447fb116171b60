//! Power off, reboot and halt (reboot(2)).

use super::Result;
use syscalls::{Sysno, syscall};

fn reboot(command: i32) -> Result<()> {
    const MAGIC: (u32, u32) = (0xfee1_dead, 0x2812_1969);
    // SAFETY: numbers only; what it does is what it is for.
    unsafe { syscall!(Sysno::reboot, MAGIC.0, MAGIC.1, command, 0) }.map(drop)
}

/// Ctrl-Alt-Del sends SIGINT to PID 1.
pub fn keys_as_signal() -> Result<()> {
    reboot(libc::LINUX_REBOOT_CMD_CAD_OFF)
}

/// Powers off; halts where that is not possible.
pub fn off() -> Result<()> {
    reboot(libc::LINUX_REBOOT_CMD_POWER_OFF)
}

/// Reboots.
pub fn restart() -> Result<()> {
    reboot(libc::LINUX_REBOOT_CMD_RESTART)
}

/// Halts.
pub fn halt() -> Result<()> {
    reboot(libc::LINUX_REBOOT_CMD_HALT)
}

/// sync(2)
pub fn sync() {
    // SAFETY: no memory involved; it cannot fail.
    let _ = unsafe { syscall!(Sysno::sync) };
}
