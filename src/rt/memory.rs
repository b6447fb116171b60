//! The memory functions that the compiler calls by name. They are short loops or one instruction,
//! because mini copies little. They are written in assembly (`arch`), because the compiler would
//! replace a loop in Rust by a call of the function itself.

use super::arch;

/// memcpy(3)
///
/// # Safety
/// As in C: both regions are `len` bytes long and do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { arch::copy_forward(to, from, len) };
    to
}

/// memmove(3)
///
/// # Safety
/// As in C: both regions are `len` bytes long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // SAFETY: the caller's promise; going down is needed only when `to` lies inside `from`.
    unsafe {
        if (to as usize).wrapping_sub(from as usize) >= len {
            arch::copy_forward(to, from, len);
        } else {
            arch::copy_backward(to, from, len);
        }
    }
    to
}

/// memset(3)
///
/// # Safety
/// As in C: the region is `len` bytes long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { arch::fill(to, byte as u8, len) };
    to
}

/// memcmp(3)
///
/// # Safety
/// As in C: both regions are `len` bytes long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    let mut at = 0;
    while at < len {
        // SAFETY: `at` is below `len`.
        let (x, y) = unsafe { (*a.add(at), *b.add(at)) };
        if x != y {
            return i32::from(x) - i32::from(y);
        }
        at += 1;
    }
    0
}

/// bcmp(3)
///
/// # Safety
/// As [`memcmp`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { memcmp(a, b, len) }
}

/// strlen(3): `CStr::from_ptr` is built on it.
///
/// # Safety
/// `text` ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut len = 0;
    // SAFETY: reads nothing after the NUL. Volatile, so that the compiler does not replace the loop
    // by a call of strlen.
    while unsafe { text.add(len).read_volatile() } != 0 {
        len += 1;
    }
    len
}
