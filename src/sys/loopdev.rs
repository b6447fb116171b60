//! Loop devices (loop(4)): a file as a block device.

use super::fs::NumberedPath;
use super::{Errno, Fd, Result, fs};
use syscalls::{Sysno, syscall};

const GET_FREE: u32 = 0x4c82;
const CONFIGURE: u32 = 0x4c0a;
const SET_FD: u32 = 0x4c00;
const SET_STATUS64: u32 = 0x4c04;
const READ_ONLY: u32 = 1;
const AUTOCLEAR: u32 = 4;

/// `struct loop_info64`; only the flags are used.
#[repr(C)]
#[derive(Clone, Copy)]
struct Info {
    before: [u64; 6],
    more: u32,
    flags: u32,
    after: [u64; 22],
}

/// `struct loop_config`
#[repr(C)]
struct Config {
    fd: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

fn ioctl(fd: &Fd, request: u32, argument: usize) -> Result<usize> {
    // SAFETY: the requests here take a number or the address of a structure that outlives the call.
    unsafe { syscall!(Sysno::ioctl, fd.raw(), request, argument) }
}

/// Attaches a file to a free loop device, read-only, with autoclear: the kernel detaches it when
/// the last user is gone. Keep the descriptor until the device is mounted.
pub fn attach(file: &Fd) -> Result<(Fd, NumberedPath)> {
    let control = fs::open(c"/dev/loop-control", libc::O_RDWR, 0)?;
    let info = Info { before: [0; 6], more: 0, flags: READ_ONLY | AUTOCLEAR, after: [0; 22] };
    // Another process may take the free device first.
    for _ in 0..100 {
        let path = NumberedPath::new(b"/dev/loop", ioctl(&control, GET_FREE, 0)? as u32);
        let device = fs::open(path.as_c_str(), libc::O_RDONLY, 0)?;
        let config = Config { fd: file.raw() as u32, block_size: 0, info, reserved: [0; 8] };
        let result = match ioctl(&device, CONFIGURE, &raw const config as usize) {
            // Before Linux 5.8 (no LOOP_CONFIGURE) it takes two calls.
            Err(Errno::EINVAL | Errno::ENOTTY) => ioctl(&device, SET_FD, file.raw() as usize)
                .and_then(|_| ioctl(&device, SET_STATUS64, &raw const info as usize)),
            result => result,
        };
        match result {
            Err(Errno::EBUSY) => {}
            Err(errno) => return Err(errno),
            Ok(_) => return Ok((device, path)),
        }
    }
    Err(Errno::EBUSY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_sizes() {
        for number in [0, 7, 10, 123_456, u32::MAX] {
            let path = std::ffi::CString::new(format!("/dev/loop{number}")).unwrap();
            assert_eq!(NumberedPath::new(b"/dev/loop", number).as_c_str(), &*path);
        }
        assert_eq!((size_of::<Info>(), size_of::<Config>()), (232, 304));
        assert_eq!(core::mem::offset_of!(Info, flags), 52);
    }
}
