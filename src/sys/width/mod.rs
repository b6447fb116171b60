//! What differs between 32-bit and 64-bit kernels: one file each, with the same items in the same
//! order.
//!
//! 32-bit kernels have most calls twice: first with 16-bit ids, 32-bit sizes and 32-bit times,
//! later with wide ones under another name. mini uses the wide ones. The wide time calls came with
//! Linux 5.1, so for time it falls back to the old ones. 64-bit arguments take a pair of registers;
//! `syscall!` would truncate them silently, so calls with such an argument are made only here.

#[cfg(target_pointer_width = "32")]
mod bits32;
#[cfg(target_pointer_width = "64")]
mod bits64;

#[cfg(target_pointer_width = "32")]
pub use bits32::*;
#[cfg(target_pointer_width = "64")]
pub use bits64::*;

/// A time or duration (struct __kernel_timespec).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Time {
    /// Seconds.
    pub seconds: i64,
    /// Nanoseconds, less than a second.
    pub nanos: i64,
}

/// Properties of a file system.
#[derive(Debug, Clone, Copy)]
pub struct FileSystem {
    /// One of the *_MAGIC numbers.
    pub kind: u32,
    /// ST_* flags of the mount.
    pub flags: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsRawFd;

    #[test]
    fn offsets_beyond_4_gib_work() {
        const FAR: u64 = (5 << 30) + 7;
        let path = std::env::temp_dir().join(format!("mini-test-width-{}", std::process::id()));
        let mut file = std::fs::File::create_new(&path).unwrap();
        let reader = std::fs::File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let fd = file.as_raw_fd();
        ftruncate(fd, FAR).unwrap();
        assert_eq!(file.metadata().unwrap().len(), FAR);
        assert_eq!(lseek(fd, -3, libc::SEEK_END), Ok(FAR - 3));
        file.write_all(b"abc").unwrap();
        let mut buffer = [0; 8];
        assert_eq!(pread(reader.as_raw_fd(), &mut buffer, FAR - 2), Ok(2));
        assert_eq!(&buffer[..2], b"bc");
        assert_eq!(lseek(fd, 1 << 32, libc::SEEK_SET), Ok(1 << 32));
        assert_eq!(lseek(fd, -1, libc::SEEK_SET), Err(crate::sys::Errno::EINVAL));
    }

    #[test]
    fn file_systems_and_clocks_are_read() {
        let file = std::fs::File::open("/proc").unwrap();
        let system = fstatfs(file.as_raw_fd()).unwrap();
        assert_eq!(system.kind, 0x9fa0);
        // SAFETY: NUL-terminated.
        let same = unsafe { statfs(c"/proc".as_ptr()) }.unwrap();
        assert_eq!((system.kind, system.flags), (same.kind, same.flags));
        let (before, after) = (clock_gettime(1).unwrap(), clock_gettime(1).unwrap());
        assert!((after.seconds, after.nanos) >= (before.seconds, before.nanos));
        assert!(before.seconds > 0 && after.nanos < 1_000_000_000);
    }
}
