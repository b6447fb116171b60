//! What the test program does when it is run inside a container.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

pub fn run(args: &[OsString]) -> ! {
    match args[0].to_str().unwrap() {
        "attack" => crate::attacks::run(&args[1..]),
        // What the kernel answers to each call whose arguments mean nothing: its error.
        "calls" => calls(),
        // One system call, and what it answered.
        "call" => crate::hardening::call(&args[1..]),
        // How many words came, and a hash over each with its length.
        "argv" => println!("{}", digest(&args[1..])),
        // The open descriptors, without the one that reads them.
        "fds" => {
            let mut fds: Vec<i32> = (0..1024)
                .filter(|fd| {
                    // SAFETY: asking about a closed number is the point; nothing is done to it.
                    let fd = unsafe { rustix::fd::BorrowedFd::borrow_raw(*fd) };
                    rustix::io::fcntl_getfd(fd).is_ok()
                })
                .collect();
            fds.sort();
            println!("{fds:?}");
        }
        // Takes so many MiB and touches every page.
        "hog" => {
            let size: usize = args[1].to_str().unwrap().parse().unwrap();
            let mut memory = vec![0u8; size << 20];
            memory.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
            std::hint::black_box(&memory);
        }
        // Keeps a processor busy for so many milliseconds.
        "burn" => {
            let millis = args[1].to_str().unwrap().parse().unwrap();
            let end = Instant::now() + Duration::from_millis(millis);
            while Instant::now() < end {}
        }
        // Starts threads, at most so many, and tells how many there were.
        "storm" => {
            let most: usize = args[1].to_str().unwrap().parse().unwrap();
            let sleep = || loop {
                std::thread::park();
            };
            let started = (0..most)
                .take_while(|_| std::thread::Builder::new().stack_size(65536).spawn(sleep).is_ok())
                .count();
            println!("{started}");
        }
        // Says so when it has no handlers, and waits for a signal that ends it.
        "wait" => {
            println!("up");
            loop {
                std::thread::park();
            }
        }
        // Leaves so many children of its children behind, and tells how many processes there are
        // when they have ended.
        "orphans" => orphans(args[1].to_str().unwrap().parse().unwrap()),
        // Waits for a signal that ends it.
        "sleep" => loop {
            std::thread::park();
        },
        other => panic!("no probe {other}"),
    }
    std::process::exit(0)
}

/// Prints a line for each call: its name and error, or `ok`.
fn calls() {
    // These end or stop whoever calls them, or wait for what does not come.
    const NOT: [&str; 11] = [
        "exit",
        "exit_group",
        "rt_sigreturn",
        "pause",
        "vfork",
        "fork",
        "clone",
        "sched_yield",
        "wait4",
        "rt_sigsuspend",
        "restart_syscall",
    ];
    for number in 0..512 {
        let Some(call) = syscalls::Sysno::new(number) else { continue };
        if NOT.contains(&call.name()) {
            continue;
        }
        // In a child, since some close descriptors or change who one is.
        // SAFETY: the child makes one call, whose pointers the kernel refuses, and ends.
        let status = unsafe {
            let child = libc::fork();
            if child == 0 {
                let result = libc::syscall(
                    number as i64,
                    -1isize,
                    -1isize,
                    -1isize,
                    -1isize,
                    -1isize,
                    -1isize,
                );
                let error = if result < 0 { *libc::__errno_location() } else { 0 };
                libc::_exit(error);
            }
            let mut status = 0;
            assert_eq!(libc::waitpid(child, &mut status, 0), child);
            status
        };
        match (status & 0x7f, status >> 8) {
            (0, 0) => println!("{} ok", call.name()),
            (0, error) => println!("{} {error}", call.name()),
            (signal, _) => println!("{} signal {signal}", call.name()),
        }
    }
}

fn orphans(count: usize) {
    // SAFETY: the children only fork and exit.
    unsafe {
        for _ in 0..count {
            let child = libc::fork();
            if child == 0 {
                libc::fork();
                libc::_exit(0);
            }
            assert_eq!(libc::waitpid(child, std::ptr::null_mut(), 0), child);
        }
    }
    let processes = || {
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        entries.filter(|entry| entry.file_name().as_bytes()[0].is_ascii_digit()).count()
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while processes() > 2 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("{} processes", processes());
}

/// FNV-1a over lengths and bytes.
pub fn digest(words: &[OsString]) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for word in words {
        let length = (word.len() as u64).to_le_bytes();
        for byte in length.iter().chain(word.as_bytes()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    format!("{} {hash:016x}", words.len())
}
