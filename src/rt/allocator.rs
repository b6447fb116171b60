//! A bump allocator. mini allocates while it reads its arguments and plans, and then runs without
//! allocating. Only the newest block can be freed or resized in place, so a growing `Vec` takes no
//! more than its length.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::null_mut;
use mini::sys::memory;

#[global_allocator]
static ALLOCATOR: Bump =
    Bump { free: UnsafeCell::new(Free { next: 0, end: 0 }), first: UnsafeCell::new([0; ARENA]) };

/// Enough for a usual run without a system call. Untouched pages of .bss cost nothing.
const ARENA: usize = 64 << 10;
/// Size of further requests to the kernel.
const CHUNK: usize = 1 << 20;

struct Free {
    next: usize,
    end: usize,
}

/// The order matters: `free` lies on a page that the first blocks touch anyway.
#[repr(C, align(16))]
struct Bump {
    free: UnsafeCell<Free>,
    first: UnsafeCell<[u8; ARENA]>,
}

// SAFETY: mini has one thread; the child of `clone` shares the memory and never allocates.
unsafe impl Sync for Bump {}

// SAFETY: blocks are disjoint and aligned; the newest one alone is ever resized or taken back.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and no reference into `Free` outlives this call.
        let free = unsafe { &mut *self.free.get() };
        if free.end == 0 {
            free.next = self.first.get() as usize;
            free.end = free.next + ARENA;
        }
        if let Some(block) = free.take(layout) {
            return block;
        }
        let Some(size) = layout.size().checked_add(layout.align()) else {
            return null_mut();
        };
        let Ok(chunk) = memory::map(size.max(CHUNK)) else {
            return null_mut();
        };
        free.next = chunk as usize;
        free.end = free.next + size.max(CHUNK);
        free.take(layout).unwrap_or(null_mut())
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: one thread.
        let free = unsafe { &mut *self.free.get() };
        if block as usize + layout.size() == free.next {
            free.next = block as usize;
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: one thread.
        let free = unsafe { &mut *self.free.get() };
        let newest = block as usize + layout.size() == free.next;
        if newest && size <= free.end - block as usize {
            free.next = block as usize + size;
            return block;
        }
        // SAFETY: the alignment is a valid one, and `GlobalAlloc` promises that `size` rounded
        // up to it does not overflow.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both blocks are at least this long, and they are disjoint.
            unsafe { new.copy_from_nonoverlapping(block, size.min(layout.size())) };
        }
        new
    }
}

impl Free {
    fn take(&mut self, layout: Layout) -> Option<*mut u8> {
        let start = self.next.checked_next_multiple_of(layout.align())?;
        let next = start.checked_add(layout.size())?;
        if next > self.end {
            return None;
        }
        self.next = next;
        Some(start as *mut u8)
    }
}
