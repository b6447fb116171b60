//! What the test program does when it is run inside a container.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

pub fn run(args: &[OsString]) -> ! {
    match args[0].to_str().unwrap() {
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
        // Waits for a signal that ends it.
        "sleep" => loop {
            std::thread::park();
        },
        other => panic!("no probe {other}"),
    }
    std::process::exit(0)
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
