//! Memory: pages from the kernel, and the child's stack.

use super::Result;
use super::width::{MMAP, WAIT_LENGTH};
use core::mem::MaybeUninit;
use syscalls::{Sysno, syscall};

/// mmap(2): new private pages, zero when first touched, for the life of the process.
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

/// The program as it lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// The first byte of what is only ever read.
    pub start: usize,
    /// Behind the last one.
    pub end: usize,
    /// Where the kernel put its words and environment: above this address, to the end of the stack.
    pub stack: usize,
    /// Bytes in a page.
    pub page_size: usize,
}

impl Program {
    /// Forgets the words it was called with and its environment (madvise(2), MADV_DONTNEED): there are zeros from then
    /// on, but for `mini` in place of the first word. For a process that runs on another stack.
    pub fn forget_words(&self) {
        // Far more than there can be: what is not mapped behind it is passed over, with an error.
        const MORE: usize = 64 << 20;
        let start = self.stack & !(self.page_size - 1);
        // What ps(1) shows: the kernel looks where the first word was, which the initial stack names
        // behind the number of words.
        const NAME: [u8; 5] = *b"mini\0";
        // SAFETY: the initial stack is mapped for the life of the process.
        let first = unsafe { (self.stack as *const [usize; 2]).read()[1] } as *mut [u8; 5];
        // SAFETY: private memory, which stays mapped; what lies there are bytes that nobody reads any
        // more, and zeros are as good.
        let _ = unsafe { syscall!(Sysno::madvise, start, MORE, libc::MADV_DONTNEED) };
        // SAFETY: still mapped; the words and the environment behind them are longer than this.
        unsafe { first.write(NAME) };
    }

    /// Gives all read-only pages back but those of the function at `kept` (madvise(2), MADV_DONTNEED).
    #[inline(always)]
    pub(super) fn let_go_of_all_but(&self, kept: usize) {
        let page = !(self.page_size - 1);
        let (first, last) = (kept & page, (kept + WAIT_LENGTH) & page);
        // What can be written to begins in a page of its own.
        for &(from, to) in &[(self.start, first), (last + self.page_size, self.end & page)] {
            if from < to {
                // SAFETY: unchanged pages of a file, which the kernel reads in again when they are
                // needed, as it does when it has given them to somebody else; a gap between segments
                // is too small for anything that mini maps. An error changes nothing.
                let _ = unsafe { syscall!(Sysno::madvise, from, to - from, libc::MADV_DONTNEED) };
            }
        }
    }
}

/// Bytes of the machine's memory (sysinfo(2)).
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

/// The memory of a child of `clone`: a guard page, the stack that grows down towards it, and
/// above the stack an inbox for what arrives through the gate.
#[derive(Debug, Clone, Copy)]
pub struct ChildMemory {
    stack_top: *mut usize,
    inbox_len: usize,
}

/// Room for the child's frames, the deepest of which hold several paths and a block of a file.
/// What is not touched costs nothing.
const STACK: usize = 256 << 10;

impl ChildMemory {
    /// Maps it, with an inbox of at least `inbox` bytes. Only touched pages cost anything, and
    /// the inbox begins in the stack's first page.
    pub fn new(inbox: usize, page_size: usize) -> Result<ChildMemory> {
        let inbox_len = inbox.div_ceil(size_of::<usize>()) * size_of::<usize>();
        let usable = (STACK + inbox_len).next_multiple_of(page_size);
        let guard = map_with(page_size + usable, libc::PROT_NONE)?;
        let bottom = guard.wrapping_add(page_size);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: part of the mapping made above.
        unsafe { syscall!(Sysno::mprotect, bottom, usable, protection) }?;
        // The ABI wants the stack pointer aligned to 16 bytes at a call.
        let top = (bottom as usize + usable - inbox_len) & !15;
        Ok(ChildMemory { stack_top: top as *mut usize, inbox_len })
    }

    pub(super) fn stack_top(&self) -> *mut usize {
        self.stack_top
    }

    pub(super) fn stack_bottom(&self) -> usize {
        self.stack_top as usize - STACK
    }

    /// The inbox, in words.
    ///
    /// # Safety
    /// Called once, by the child.
    pub(super) unsafe fn inbox(self) -> &'static mut [usize] {
        // SAFETY: mapped for the life of the process, above the stack, used by nobody else.
        unsafe {
            core::slice::from_raw_parts_mut(self.stack_top, self.inbox_len / size_of::<usize>())
        }
    }
}

/// The bytes of a slice of words.
pub fn bytes_of(words: &mut [usize]) -> &mut [u8] {
    // SAFETY: every byte of a word is a byte, and the borrow passes on.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) }
}
