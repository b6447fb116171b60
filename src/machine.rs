//! mini as PID 1 of the machine (`rdinit=/mini -- run ...`): /proc and /dev may be missing, and
//! there is no caller to return to when the command has ended.

use crate::error::{Error, FAILED};
use crate::spec::AfterExit;
use crate::sys::fs::{self, HERE};
use crate::sys::{Errno, mount, power, process};
use crate::text::Text;
use core::ffi::CStr;
use libc::{MS_NODEV, MS_NOEXEC, MS_NOSUID};

/// Whether mini is PID 1 of the machine, not of a container.
pub fn is_mine() -> bool {
    if process::getpid() != 1 {
        return false;
    }
    // The inode number of the initial pid namespace is fixed (PROC_PID_INIT_INO in the kernel).
    const FIRST: &[u8] = b"pid:[4026531836]";
    let name = |base, path: &CStr| -> Result<bool, Errno> {
        let mut text = [0; 32];
        let length = fs::read_link_at(base, path, &mut text)?;
        Ok(&text[..length] == FIRST)
    };
    name(HERE, c"/proc/self/ns/pid")
        .or_else(|_| {
            // Without a mounted procfs, uses one that is not attached.
            let proc = mount::mount_unseen(c"proc", core::iter::empty(), 0)?;
            name(proc.raw(), c"self/ns/pid")
        })
        // Before Linux 5.2 there are no detached mounts. But PID 2 of the machine is a kernel
        // thread in process group 0.
        .unwrap_or_else(|_| process::getpgid(2) == Ok(0))
}

/// Sets up what programs expect where it is missing: /proc, /sys, /dev and so on. Receives
/// Ctrl-Alt-Del as a signal.
pub fn begin() {
    let quiet = MS_NOSUID | MS_NOEXEC | MS_NODEV;
    let is_mounted = |path| {
        let device = |path| fs::identity(path).map(|it| it.device);
        matches!((device(path), device(c"/")), (Ok(own), Ok(root)) if own != root)
    };
    let has_devices = fs::is_device(c"/dev/null") == Ok(true);
    for (fstype, path, flags, is_there) in [
        (c"proc", c"/proc", quiet, is_mounted(c"/proc")),
        (c"sysfs", c"/sys", quiet, is_mounted(c"/sys")),
        (c"devtmpfs", c"/dev", MS_NOSUID | MS_NOEXEC, has_devices),
    ] {
        // Existing directories are left unchanged. If something cannot be made, the step that needs
        // it reports an error.
        if !is_there {
            let _ = fs::mkdir_at(HERE, path, 0o755);
            let _ = mount::mount(Some(fstype), path, Some(fstype), flags, None);
        }
    }
    if !fs::is_open(0) {
        // The kernel opened no /dev/console because it did not exist yet.
        for _ in 0..=2 {
            if let Ok(console) = fs::open(c"/dev/console", libc::O_RDWR | libc::O_NOCTTY, 0) {
                let _ = fs::keep_over_exec(console);
            }
        }
    }
    let _ = power::keys_as_signal();
}

/// Prints how the command ended, and powers off, reboots or halts the machine.
pub fn end(then: AfterExit, status: u8) -> ! {
    let mut text = Text::new();
    text.str("mini: status ").number(status.into()).str(match then {
        AfterExit::PowerOff => ", power off",
        AfterExit::Reboot => ", reboot",
        AfterExit::Halt => ", halt",
        AfterExit::Panic => ", panic",
    });
    text.str("\n");
    // Without a console there is nowhere to print it.
    let _ = fs::write_all(&crate::sys::fd::STDERR, text.bytes());
    power::sync();
    let result = match then {
        AfterExit::PowerOff => power::off(),
        AfterExit::Reboot => power::restart(),
        AfterExit::Halt => power::halt(),
        AfterExit::Panic => process::exit(status.into()),
    };
    if let Err(errno) = result {
        Error::new("end the machine").errno(errno).print();
    }
    process::exit(i32::from(if result.is_ok() { status } else { FAILED }))
}
