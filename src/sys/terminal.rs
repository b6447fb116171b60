//! Terminals and pseudo terminals (ioctl_tty(2), pty(7)).

use super::{Errno, Fd, Result, fs, process};
use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use syscalls::{Sysno, syscall};

/// `struct termios` of the kernel, the same on all of mini's CPUs: four sets of flags, the line
/// discipline, and 19 control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Settings {
    input: u32,
    output: u32,
    control: u32,
    local: u32,
    rest: [u8; 20],
}

/// Rows, columns, and width and height in pixels (struct winsize).
pub type Size = [u16; 4];

impl Settings {
    const NONE: Settings = Settings { input: 0, output: 0, control: 0, local: 0, rest: [0; 20] };

    /// The control character of a function, such as VEOF.
    pub fn character(&self, function: usize) -> u8 {
        self.rest[1 + function]
    }

    /// Whether control characters raise signals (ISIG).
    pub fn has_signals(&self) -> bool {
        self.local & libc::ISIG != 0
    }

    /// Whether input is line by line (ICANON).
    pub fn is_canonical(&self) -> bool {
        self.local & libc::ICANON != 0
    }

    /// Raw mode (cfmakeraw(3)).
    fn raw(mut self) -> Settings {
        self.input &= !(libc::IGNBRK
            | libc::BRKINT
            | libc::PARMRK
            | libc::ISTRIP
            | libc::INLCR
            | libc::IGNCR
            | libc::ICRNL
            | libc::IXON);
        self.output &= !libc::OPOST;
        self.local &= !(libc::ECHO | libc::ECHONL | libc::ICANON | libc::ISIG | libc::IEXTEN);
        self.control &= !(libc::CSIZE | libc::PARENB);
        self.control |= libc::CS8;
        self.rest[1 + libc::VMIN] = 1;
        self.rest[1 + libc::VTIME] = 0;
        self
    }
}

/// ioctl(2) with a pointer or a number as its argument.
fn control(fd: i32, request: u32, argument: usize) -> Result<usize> {
    // SAFETY: the callers below give what the request asks for, and it lives across the call.
    unsafe { syscall!(Sysno::ioctl, fd, request, argument) }
}

/// TCGETS; ENOTTY when it is not a terminal.
pub fn settings(fd: i32) -> Result<Settings> {
    let mut settings = Settings::NONE;
    control(fd, libc::TCGETS as u32, (&raw mut settings) as usize).map(|_| settings)
}

/// TCSETS
pub fn set_settings(fd: i32, settings: &Settings) -> Result<()> {
    control(fd, libc::TCSETS as u32, (settings as *const Settings) as usize).map(drop)
}

/// TIOCGWINSZ
pub fn size(fd: i32) -> Result<Size> {
    let mut size: Size = [0; 4];
    control(fd, libc::TIOCGWINSZ as u32, (&raw mut size) as usize).map(|_| size)
}

/// TIOCSWINSZ; the foreground process group gets SIGWINCH when the size changes.
pub fn set_size(fd: i32, size: Size) -> Result<()> {
    control(fd, libc::TIOCSWINSZ as u32, (&raw const size) as usize).map(drop)
}

/// TIOCGPGRP: the foreground process group; ENOTTY when it is not the controlling terminal.
pub fn foreground(fd: i32) -> Result<i32> {
    let mut group = 0i32;
    control(fd, libc::TIOCGPGRP as u32, (&raw mut group) as usize).map(|_| group)
}

/// The process group of the caller, if it is in the foreground.
pub fn own_foreground(fd: i32) -> Option<i32> {
    // Asked first, because mostly there is no terminal.
    let group = foreground(fd).ok()?;
    (process::getpgid(0) == Ok(group)).then_some(group)
}

/// TIOCSPGRP
pub fn set_foreground(fd: i32, group: i32) -> Result<()> {
    control(fd, libc::TIOCSPGRP as u32, (&raw const group) as usize).map(drop)
}

/// The two ends of a pseudo terminal.
pub struct Pair {
    /// The main end (from /dev/ptmx).
    pub main: Fd,
    /// The other end (/dev/pts/N), which the programs use.
    pub end: Fd,
    /// The number N of `/dev/pts/N`.
    pub number: u32,
}

/// Opens a pseudo terminal through /dev/ptmx (ptmx(4)); `by_number` opens /dev/pts/N.
pub fn open_pair(
    base: fs::Base,
    ptmx: &CStr,
    by_number: impl Fn(u32) -> Result<Fd>,
) -> Result<Pair> {
    let main = fs::open_at(base, ptmx, libc::O_RDWR | libc::O_NOCTTY, 0)?;
    let unlocked = 0i32;
    control(main.raw(), libc::TIOCSPTLCK as u32, (&raw const unlocked) as usize)?;
    let mut number = 0u32;
    control(main.raw(), libc::TIOCGPTN as u32, (&raw mut number) as usize)?;
    let flags = (libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC) as usize;
    let end = match control(main.raw(), libc::TIOCGPTPEER as u32, flags) {
        Ok(end) => Fd::own(end),
        // Before Linux 4.13 (no TIOCGPTPEER) the path is the only way.
        Err(Errno::EINVAL | Errno::ENOTTY) => by_number(number)?,
        Err(errno) => return Err(errno),
    };
    Ok(Pair { main, end, number })
}

/// Makes this the controlling terminal of a new session and its standard input, output and error
/// (setsid(2), TIOCSCTTY, dup3(2)).
pub fn make_controlling(end: &Fd) -> Result<()> {
    // SAFETY: no memory involved.
    unsafe { syscall!(Sysno::setsid) }?;
    control(end.raw(), libc::TIOCSCTTY as u32, 0)?;
    for fd in 0..=2 {
        // SAFETY: numbers only; `end` is none of the three.
        unsafe { syscall!(Sysno::dup3, end.raw(), fd, 0) }?;
    }
    Ok(())
}

/// The terminal in raw mode and its previous settings. Static, so that every exit, also a panic,
/// can restore them.
static IS_RAW: AtomicBool = AtomicBool::new(false);
static RAW_FD: AtomicU32 = AtomicU32::new(0);
static BEFORE: [AtomicU32; 9] = [const { AtomicU32::new(0) }; 9];

/// Sets a terminal to raw mode, until [`restore`].
pub fn make_raw(fd: i32) -> Result<()> {
    let before = settings(fd)?;
    if IS_RAW.load(Ordering::Relaxed) {
        return Ok(());
    }
    let flags = [before.input, before.output, before.control, before.local];
    let (characters, _) = before.rest.as_chunks::<4>();
    let characters = characters.iter().map(|bytes| u32::from_ne_bytes(*bytes));
    for (place, word) in BEFORE.iter().zip(flags.into_iter().chain(characters)) {
        place.store(word, Ordering::Relaxed);
    }
    RAW_FD.store(fd as u32, Ordering::Relaxed);
    set_settings(fd, &before.raw())?;
    IS_RAW.store(true, Ordering::Relaxed);
    Ok(())
}

/// Restores the settings of the terminal in raw mode.
pub fn restore() {
    if !IS_RAW.swap(false, Ordering::Relaxed) {
        return;
    }
    let word = |at: usize| BEFORE[at].load(Ordering::Relaxed);
    let mut rest = [0; 20];
    for at in 0..5 {
        rest[at * 4..at * 4 + 4].copy_from_slice(&word(4 + at).to_ne_bytes());
    }
    let before =
        Settings { input: word(0), output: word(1), control: word(2), local: word(3), rest };
    // Fails only when the terminal is gone.
    let _ = set_settings(RAW_FD.load(Ordering::Relaxed) as i32, &before);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_keeps_what_is_not_about_passing_on() {
        let all = Settings { input: !0, output: !0, control: !0, local: !0, rest: [7; 20] };
        let raw = all.raw();
        assert!(raw.has_signals() != all.has_signals());
        assert_ne!(raw.input & libc::IUTF8, 0);
        assert_eq!(raw.input & libc::ICRNL, 0);
        assert_eq!((raw.character(libc::VMIN), raw.character(libc::VTIME)), (1, 0));
        assert_eq!(raw.character(libc::VSUSP), 7);
        assert_eq!(size_of::<Settings>(), 36);
    }
}
