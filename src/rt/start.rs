//! From the kernel's entry point to [`mini::main`]: relocates, reads the initial stack, runs,
//! exits.

use super::arch;
use alloc::vec::Vec;
use core::ffi::{CStr, c_char};
use mini::host::{Caller, FilePrivilege};
use mini::sys::memory::Program;

/// Entries of the dynamic section (elf(5); DT_RELR* from the generic ABI).
const DT_NULL: usize = 0;
const DT_RELRSZ: usize = 35;
const DT_RELR: usize = 36;

unsafe extern "C" {
    /// End of the read-only part of the program, from the linker.
    static etext: u8;
}

/// First Rust function of the process, called once by `_start` on the kernel's stack.
///
/// # Safety
/// `stack` points at argc as the kernel laid it out, `dynamic` at the dynamic section, and `base`
/// is the load address.
pub unsafe extern "C" fn enter(
    stack: *const usize,
    dynamic: *const [usize; 2],
    base: *mut u8,
) -> ! {
    // SAFETY: nothing has read relocated data yet.
    unsafe { relocate(dynamic, base) };
    // SAFETY: the kernel's layout: argc, argv..., NULL, envp..., NULL, auxv pairs, (0, 0).
    let (args, env, caller) = unsafe {
        let args = stack.add(1);
        let env = args.add(*stack + 1);
        let (env, aux) = strings_at(env);
        let program =
            Program { start: base as usize, end: &raw const etext as usize, page_size: 4096 };
        let caller = caller_at(aux.cast(), program);
        (strings_at(args).0, env, caller)
    };
    mini::sys::process::exit(i32::from(mini::main(&args, &env, caller)))
}

/// Relocates the program: adds the load address to every word that the linker listed. The program
/// is position independent and has no dynamic loader.
///
/// # Safety
/// As [`enter`], once, before any relocated word is read.
unsafe fn relocate(mut dynamic: *const [usize; 2], base: *mut u8) {
    const TABLE: usize = arch::RELOCATIONS[0];
    const TABLE_SIZE: usize = arch::RELOCATIONS[1];
    let (mut table, mut table_size, mut relr, mut relr_size) = (0, 0, 0, 0);
    // SAFETY: the section ends with DT_NULL; the tables are where it says, inside the image,
    // and every word they name is writable.
    unsafe {
        while (*dynamic)[0] != DT_NULL {
            let [tag, value] = *dynamic;
            match tag {
                TABLE => table = value,
                TABLE_SIZE => table_size = value,
                DT_RELR => relr = value,
                DT_RELRSZ => relr_size = value,
                _ => {}
            }
            dynamic = dynamic.add(1);
        }
        let mut entry = base.add(table).cast::<arch::Relocation>();
        let end = base.add(table + table_size).cast();
        while entry < end {
            let [offset, info, ..] = *entry;
            if info == arch::RELATIVE {
                let word = base.add(offset).cast::<usize>();
                // On some CPUs the addend lies in the word itself.
                *word = base as usize + (*entry).get(2).copied().unwrap_or(*word);
            }
            entry = entry.add(1);
        }
        // DT_RELR: an even entry is the address of a word to relocate; an odd one is a bitmap of
        // the words that follow the last one.
        let mut next = base.cast::<usize>();
        let mut entry = base.add(relr).cast::<usize>();
        let end = base.add(relr + relr_size).cast();
        while entry < end {
            let bits = *entry;
            if bits & 1 == 0 {
                next = base.add(bits).cast();
                *next += base as usize;
                next = next.add(1);
            } else {
                let mut bits = bits >> 1;
                while bits != 0 {
                    *next.add(bits.trailing_zeros() as usize) += base as usize;
                    bits &= bits - 1;
                }
                next = next.add(usize::BITS as usize - 1);
            }
            entry = entry.add(1);
        }
    }
}

/// Reads a NULL-terminated array of C strings; returns the address after the NULL.
///
/// # Safety
/// `at` is such an array and lives as long as the process.
unsafe fn strings_at(mut at: *const usize) -> (Vec<&'static CStr>, *const usize) {
    let mut words = Vec::new();
    // SAFETY: the caller's promise.
    unsafe {
        while *at != 0 {
            words.push(CStr::from_ptr(*at as *const c_char));
            at = at.add(1);
        }
        (words, at.add(1))
    }
}

/// Reads ids and page size from the auxiliary vector (getauxval(3)), without a system call.
///
/// # Safety
/// `at` is the kernel's auxiliary vector.
unsafe fn caller_at(mut at: *const [usize; 2], program: Program) -> Caller {
    let mut caller = Caller { euid: 0, egid: 0, gain: FilePrivilege::Nothing, path: c"", program };
    let (mut uid, mut gid, mut is_secure) = (0, 0, false);
    // SAFETY: the vector ends with AT_NULL.
    unsafe {
        while (*at)[0] != libc::AT_NULL as usize {
            let [key, value] = *at;
            match key as libc::c_ulong {
                libc::AT_UID => uid = value as u32,
                libc::AT_GID => gid = value as u32,
                libc::AT_SECURE => is_secure = value != 0,
                libc::AT_EUID => caller.euid = value as u32,
                libc::AT_EGID => caller.egid = value as u32,
                libc::AT_EXECFN => caller.path = CStr::from_ptr(value as *const c_char),
                libc::AT_PAGESZ => caller.program.page_size = value,
                _ => {}
            }
            at = at.add(1);
        }
    }
    if uid != caller.euid || gid != caller.egid {
        caller.gain = FilePrivilege::SetId;
    } else if is_secure {
        caller.gain = FilePrivilege::Secure;
    }
    caller
}
