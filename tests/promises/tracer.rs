//! Stops mini's child at its system calls (ptrace(2)) and looks at what it has open.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What was seen of a launch.
#[derive(Debug, Default)]
pub struct Seen {
    /// How many look-ups there were when the old root was gone.
    pub after_detach: usize,
    /// What was open then and belongs to the host.
    pub outside: Vec<String>,
    /// What was open beside 0 to 2 when the command was executed.
    pub at_exec: Vec<String>,
    /// Whether it was.
    pub executed: bool,
}

/// System calls that look up a name.
const LOOK_UPS: [i64; 14] = [
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_symlinkat,
    libc::SYS_unlinkat,
    libc::SYS_linkat,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_chdir,
    libc::SYS_mount,
    libc::SYS_execve,
];

/// Runs mini with a directory of the host open as descriptor 9, and with that directory's root.
pub fn look_ups(mini: &Path, words: &[&str], outside: &Path) -> Seen {
    let words: Vec<CString> = std::iter::once(mini.as_os_str().as_bytes())
        .chain(words.iter().map(|word| word.as_bytes()))
        .map(|word| CString::new(word).unwrap())
        .collect();
    let mut argv: Vec<*const libc::c_char> = words.iter().map(|word| word.as_ptr()).collect();
    argv.push(std::ptr::null());
    let directory = CString::new(outside.as_os_str().as_bytes()).unwrap();
    // SAFETY: between fork and exec the child makes system calls alone.
    unsafe {
        let parent = libc::fork();
        if parent == 0 {
            let fd = libc::open(directory.as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY);
            libc::dup2(fd, 9);
            libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
            libc::execve(argv[0], argv.as_ptr(), [std::ptr::null()].as_ptr());
            libc::_exit(99);
        }
        follow(parent)
    }
}

/// # Safety
/// `parent` is a child that has asked to be traced.
unsafe fn follow(parent: i32) -> Seen {
    let mut seen = Seen::default();
    let mut detached = false;
    let mut status = 0;
    let options = libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_EXITKILL;
    let mut entering = std::collections::HashMap::new();
    // SAFETY: numbers, and memory that the kernel fills.
    unsafe {
        libc::waitpid(parent, &mut status, 0);
        libc::ptrace(libc::PTRACE_SETOPTIONS, parent, 0, options);
        libc::ptrace(libc::PTRACE_SYSCALL, parent, 0, 0);
        loop {
            let pid = libc::waitpid(-1, &mut status, libc::__WALL);
            if pid < 0 {
                return seen;
            }
            if !libc::WIFSTOPPED(status) {
                if pid == parent {
                    seen.executed &= libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
                    return seen;
                }
                continue;
            }
            let signal = libc::WSTOPSIG(status);
            let mut deliver = 0;
            if signal == libc::SIGTRAP | 0x80 {
                let enters = entering.entry(pid).or_insert(true);
                if *enters && pid != parent {
                    let mut registers = std::mem::zeroed::<libc::user_regs_struct>();
                    libc::ptrace(libc::PTRACE_GETREGS, pid, 0, &raw mut registers);
                    let call = registers.orig_rax as i64;
                    detached |= call == libc::SYS_umount2;
                    if detached && LOOK_UPS.contains(&call) && !seen.executed {
                        look(pid, call, &mut seen);
                    }
                }
                *enters = !*enters;
            } else if signal == libc::SIGTRAP {
                // A clone, fork or exec, told by its event.
            } else if signal != libc::SIGSTOP {
                deliver = signal;
            }
            libc::ptrace(libc::PTRACE_SYSCALL, pid, 0, deliver);
        }
    }
}

fn look(pid: i32, call: i64, seen: &mut Seen) {
    seen.after_detach += 1;
    let host = fs::metadata("/").unwrap();
    let mut open = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
        let number: i32 = entry.file_name().to_str().unwrap().parse().unwrap();
        if number < 3 {
            continue;
        }
        let name = fs::read_link(entry.path()).unwrap_or_default().display().to_string();
        if number == 9 && name.contains("mini-test") && !name.contains("roots") {
            seen.outside.push(format!("inherited: {name}"));
        }
        if let Ok(m) = fs::metadata(entry.path()) {
            use std::os::unix::fs::MetadataExt;
            if m.is_dir() && (m.dev(), m.ino()) == (host.dev(), host.ino()) {
                seen.outside.push(format!("the host's root: {name}"));
            }
        }
        open.push(name);
    }
    if call == libc::SYS_execve {
        seen.at_exec = open;
        seen.executed = true;
    }
}
