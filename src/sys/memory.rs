//! Memory: pages from the kernel, and the child's stack.

use super::width::{MMAP, WAIT_LENGTH, ftruncate};
use super::{Fd, Result};
use core::mem::MaybeUninit;
use core::sync::atomic::AtomicU32;
use syscalls::{Sysno, syscall};

/// mmap(2): new private zeroed pages that are never unmapped.
pub fn map(size: usize) -> Result<*mut u8> {
    map_with(size, libc::PROT_READ | libc::PROT_WRITE)
}

fn map_with(size: usize, protection: i32) -> Result<*mut u8> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    const NO_FILE: isize = -1;
    // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
    let at = unsafe { syscall!(MMAP, 0, size, protection, flags, NO_FILE, 0) }?;
    Ok(at as *mut u8)
}

/// A number in a memfd, shared between processes.
#[derive(Debug)]
pub struct SharedNumber {
    /// The number; initially 0.
    pub number: &'static AtomicU32,
    /// The memfd, for a process that [maps it](map_number).
    pub file: Fd,
}

impl SharedNumber {
    /// Makes a new number.
    pub fn new() -> Result<SharedNumber> {
        const CLOEXEC: u32 = 1;
        // SAFETY: the name is NUL-terminated and outlives the call.
        let file =
            unsafe { syscall!(Sysno::memfd_create, c"mini".as_ptr(), CLOEXEC) }.map(Fd::own)?;
        ftruncate(file.raw(), size_of::<AtomicU32>() as u64)?;
        Ok(SharedNumber { number: map_number(file.raw())?, file })
    }
}

/// mmap(2), MAP_SHARED: maps the number of a memfd, for the life of the process.
pub fn map_number(file: i32) -> Result<&'static AtomicU32> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let size = size_of::<AtomicU32>();
    // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
    let at = unsafe { syscall!(MMAP, 0, size, access, libc::MAP_SHARED, file, 0) }?;
    // SAFETY: the beginning of a page that stays mapped; any bytes are a number, and only atomic
    // accesses are made to it.
    Ok(unsafe { &*(at as *const AtomicU32) })
}

/// Address range of the program in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Program {
    /// First byte of the read-only part.
    pub start: usize,
    /// End of the read-only part.
    pub end: usize,
    /// Page size in bytes.
    pub page_size: usize,
}

impl Program {
    /// Releases all read-only pages except those of the function at `kept` (madvise(2),
    /// MADV_DONTNEED).
    #[inline(always)]
    pub(super) fn let_go_of_all_but(&self, kept: usize) {
        let page = !(self.page_size - 1);
        let (first, last) = (kept & page, (kept + WAIT_LENGTH) & page);
        release(self.start, first);
        // Writable data begins on a page of its own.
        release(last + self.page_size, self.end & page);
    }
}

/// Releases pages of the program. Inlined, because other functions are no longer in memory
/// afterwards.
#[inline(always)]
fn release(from: usize, to: usize) {
    if from < to {
        // SAFETY: unchanged pages of a file, which the kernel reads in again when they are
        // needed, as it does when it has given them to somebody else; a gap between segments
        // is too small for anything that mini maps. An error changes nothing.
        let _ = unsafe { syscall!(Sysno::madvise, from, to - from, libc::MADV_DONTNEED) };
    }
}

/// Memory of the machine in bytes (sysinfo(2)).
pub fn total() -> Result<u64> {
    let mut info = MaybeUninit::<libc::sysinfo>::uninit();
    // SAFETY: the kernel fills the structure when it returns success.
    let info = unsafe {
        syscall!(Sysno::sysinfo, info.as_mut_ptr())?;
        info.assume_init()
    };
    let units: u64 = info.totalram as _;
    Ok(units * u64::from(info.mem_unit))
}

/// Memory of a child of `clone`: a guard page, the stack growing down towards it, and above the
/// stack a buffer for the arguments pipe.
#[derive(Debug, Clone, Copy)]
pub struct ChildMemory {
    stack_top: *mut usize,
    buffer_len: usize,
}

/// Room for the deepest call chain, which holds several paths and a block of a file. Untouched
/// pages cost nothing.
const STACK: usize = 256 << 10;

// SAFETY: the address is that of a mapping for the life of the process, and who gets the memory is one child.
unsafe impl Sync for ChildMemory {}

impl ChildMemory {
    /// Maps the memory with a buffer of at least `buffer` bytes. Only touched pages cost anything,
    /// and the buffer begins on the first page of the stack.
    pub fn new(buffer: usize, page_size: usize) -> Result<ChildMemory> {
        let buffer_len = buffer.div_ceil(size_of::<usize>()) * size_of::<usize>();
        let usable = (STACK + buffer_len).next_multiple_of(page_size);
        let guard = map_with(page_size + usable, libc::PROT_NONE)?;
        let bottom = guard.wrapping_add(page_size);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: part of the mapping made above.
        unsafe { syscall!(Sysno::mprotect, bottom, usable, protection) }?;
        // The ABI requires a stack pointer aligned to 16 bytes at a call.
        let top = (bottom as usize + usable - buffer_len) & !15;
        Ok(ChildMemory { stack_top: top as *mut usize, buffer_len })
    }

    pub(super) fn stack_top(&self) -> *mut usize {
        self.stack_top
    }

    pub(super) fn stack_bottom(&self) -> usize {
        self.stack_top as usize - STACK
    }

    /// The buffer, in machine words.
    ///
    /// # Safety
    /// Called once, by the child.
    pub(super) unsafe fn buffer(self) -> &'static mut [usize] {
        // SAFETY: mapped for the life of the process, above the stack, used by nobody else.
        unsafe {
            core::slice::from_raw_parts_mut(self.stack_top, self.buffer_len / size_of::<usize>())
        }
    }
}

/// The bytes of a slice of machine words.
pub fn bytes_of(words: &mut [usize]) -> &mut [u8] {
    // SAFETY: every byte of a word is a byte, and the borrow passes on.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) }
}

/// Temporary memory from mmap(2), zeroed, unmapped when dropped. It does not use the allocator, so
/// the child may use it.
pub struct Scratch {
    at: *mut u8,
    size: usize,
}

impl Scratch {
    /// Maps `size` bytes.
    pub fn new(size: usize) -> Result<Scratch> {
        Ok(Scratch { at: map(size)?, size })
    }

    /// The bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: mapped with this size, and nobody else's as long as this lives.
        unsafe { core::slice::from_raw_parts_mut(self.at, self.size) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: mapped with this size; nothing borrows it any more.
        let _ = unsafe { syscall!(Sysno::munmap, self.at, self.size) };
    }
}
