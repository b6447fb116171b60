//! `--init`, seen from inside: the container's process 1 is mini itself. It starts the command,
//! passes signals on, collects whoever ends, and when the command has ended sees the others off.
//!
//! It runs mini's program anew, from a mount or a copy that nobody can write to: by /proc/1/exe whoever
//! may look into process 1 would otherwise have the host's file. It is as little dumpable.

use super::rootfs::Rootfs;
use crate::host::Caller;
use crate::sys::memory::{self, Program};
use crate::sys::process::{Change, PointerTable, WaitResult};
use crate::sys::signal::{self, ReceivedSignal};
use crate::sys::{Errno, Fd, Result, clock, fs, mount, process, security};
use crate::text::number;
use alloc::vec::Vec;
use core::ffi::CStr;
use core::sync::atomic::Ordering;

/// The first word of the environment by which a process 1 of mini's is told what it is; only it can
/// read that. The others are the command's process id, how many milliseconds the others have to end, the
/// pipe to close when it is ready, and the file to leave the signal in that ended the command.
const NAME: &CStr = c"mini-init";
/// What ps(1) shows.
const WORD: &CStr = c"mini";

/// Opens mini's own program so that nobody who has it can change the file: on a read-only mount that is
/// attached nowhere, or as a copy in memory where that cannot be had, or not everybody may execute it.
pub fn take_program(copy: bool, path: &CStr, rootfs: &Rootfs) -> Result<Fd> {
    let (base, link) = rootfs.find(c"/proc/self/exe")?;
    if !copy && let Ok(program) = mount_of_program(base, link) {
        return Ok(program);
    }
    let program = match fs::open_at(base, link, libc::O_RDONLY, 0) {
        // There is no /proc.
        Err(Errno::ENOENT) => fs::open(path, libc::O_RDONLY, 0),
        result => result,
    };
    fs::sealed_copy(&program?)
}

#[inline(never)]
fn mount_of_program(base: fs::Base, link: &CStr) -> Result<Fd> {
    // The link itself leads into the parent's mount namespace, of which nothing can be copied here.
    let mut path = [0; 4096];
    let length = fs::read_link_at(base, link, &mut path[..4095])?;
    let path = CStr::from_bytes_until_nul(&path[..length + 1]).map_err(|_| Errno::ENAMETOOLONG)?;
    let program = mount::take_tree(path, false)?;
    let running = fs::open_at(base, link, libc::O_PATH, 0)?;
    if fs::identity_of(&program)? != fs::identity_of(&running)?
        || !fs::is_executable_by_all(&program)
    {
        return Err(Errno::EACCES);
    }
    mount::set_attributes(program.raw(), libc::MS_RDONLY | libc::MS_NOSUID, 0, 0, false)?;
    Ok(program)
}

/// The name by which mini knows that it runs from a file that nobody can write to.
const SEALED: &CStr = c"mini (sealed)";

/// Runs mini anew from a file that nobody can write to, unless it does already. The container's process runs mini's
/// program until it is the command, and others can look at that process where they share its process namespace.
///
/// # Errors
/// Why that is impossible.
pub fn run_sealed(words: &[&CStr], env: &[&CStr], path: &CStr) -> Result<()> {
    if words.first() == Some(&SEALED) {
        return Ok(());
    }
    let program = take_program(false, path, &Rootfs::new())?;
    let address = |word: &&CStr| word.as_ptr() as usize;
    let args = words.get(1..).unwrap_or_default().iter();
    let args: Vec<usize> = [SEALED].iter().chain(args).map(address).chain([0]).collect();
    let env: Vec<usize> = env.iter().map(address).chain([0]).collect();
    Err(process::execve_at(&program, PointerTable::new(&args), PointerTable::new(&env)))
}

/// Starts the command as a process of its own, which goes on from here when the other one, process 1,
/// has become mini's program anew; `grace` is how long, in nanoseconds, the others have to end when
/// the command has.
///
/// `path` is where mini's file is, where the command can reach it by that name anyway.
pub fn begin(
    grace: u64,
    program: &Fd,
    path: Option<&CStr>,
    signal: &Fd,
    status: &Fd,
) -> Result<()> {
    let (ready, wait) = fs::pipe()?;
    match process::fork()? {
        // The kernel's word about the parent's death is not handed down, nor needed: it comes to
        // process 1, with which all others end.
        0 => {
            wait.close_copy();
            program.close_copy();
            signal.close_copy();
            let mut errno = [0; 4];
            match fs::read_full(&ready, &mut errno)? {
                0 => Ok(()),
                _ => Err(Errno::new(i32::from_ne_bytes(errno))),
            }
        }
        command => {
            let errno = become_init(command, grace, (program, path), signal, &wait);
            // The command's side has the record to write.
            let _ = fs::write_all(&wait, &errno.into_raw().to_ne_bytes());
            status.close_copy();
            wait.close_copy();
            let _ = process::wait_end(command);
            process::exit(i32::from(crate::error::FAILED))
        }
    }
}

fn become_init(
    command: i32,
    grace: u64,
    (program, path): (&Fd, Option<&CStr>),
    signal: &Fd,
    wait: &Fd,
) -> Errno {
    let number = |number: u64| fs::NumberedPath::new(b"", number.min(u32::MAX.into()) as u32);
    let words = [
        number(command as u64),
        number(grace / 1_000_000),
        number(wait.raw() as u64),
        number(signal.raw() as u64),
    ];
    let [command, grace, pipe, place] = &words;
    let pointer = |text: &CStr| text.as_ptr() as usize;
    let args = [pointer(WORD), 0];
    let env = [
        pointer(NAME),
        pointer(command.as_c_str()),
        pointer(grace.as_c_str()),
        pointer(pipe.as_c_str()),
        pointer(place.as_c_str()),
        0,
    ];
    let prepared = signal::set_mask(signal::ALL)
        .and_then(|()| fs::keep_copy_over_exec(wait.raw()))
        .and_then(|()| fs::keep_copy_over_exec(signal.raw()));
    if let Err(errno) = prepared {
        return errno;
    }
    let (args, env) = (PointerTable::new(&args), PointerTable::new(&env));
    match (process::execve_at(program, args, env), path) {
        // A security module of some kernels (TOMOYO) looks for it at /dev/fd, which an initramfs may lack.
        (Errno::ENOENT, Some(path)) => process::execve(path, args, env),
        (errno, _) => errno,
    }
}

/// Whether these are the words of a process 1 of mini's; if so it does not return before the container
/// has ended. Its status is the command's.
pub fn serve(words: &[&CStr], env: &[&CStr], caller: &Caller) -> Option<u8> {
    let (name, numbers) = env.split_first()?;
    if *words != [WORD] || *name != NAME || process::getpid() != 1 {
        return None;
    }
    let mut numbers = numbers.iter().map(|word| number(word.to_bytes(), 10));
    let mut next = || numbers.next().flatten();
    let (command, grace, pipe, signal) = (next()?, next()?, next()?, next()?);
    Some(run(command as i32, grace * 1_000_000, pipe as i32, signal as i32, &caller.program))
}

fn run(command: i32, grace: u64, pipe: i32, signal: i32, program: &Program) -> u8 {
    let begin = || -> Result<_> {
        security::make_undumpable()?;
        // Only to let go of another directory; the user may not be allowed to enter the root.
        let _ = fs::chdir(c"/");
        let place = memory::map_number(signal)?;
        // The command waits for the end of the pipe, which was kept over exec.
        let none = || Err(Errno::ENOENT);
        fs::close_all_but(3, &|from| (from <= pipe).then_some(pipe), &none)?;
        fs::close_number(pipe);
        Ok(place)
    };
    let end = begin().and_then(|place| Ok((place, wait_for_command(command, grace, program)?)));
    match end {
        Ok((_, Change::Exited(status))) => status,
        Ok((place, Change::Signaled(number) | Change::Stopped(number))) => {
            place.store(number.into(), Ordering::Relaxed);
            128 + number
        }
        // Whoever is left ends with process 1. That it goes on is no end.
        Ok((_, Change::Continued)) | Err(_) => crate::error::FAILED,
    }
}

fn wait_for_command(command: i32, grace: u64, program: &Program) -> Result<Change> {
    let end = loop {
        if let Some(taken) = signal::wait(signal::ALL, None, Some(program))? {
            if taken.signal != libc::SIGCHLD {
                pass_on(taken, command);
            } else if let Some(end) = reap(command)?.ended {
                break end;
            }
        }
    };
    see_off(grace)?;
    Ok(end)
}

/// To everybody but process 1 (kill(2)).
const ALL: i32 = -1;

fn pass_on(taken: ReceivedSignal, command: i32) {
    let ReceivedSignal { signal, from_kernel } = taken;
    let typed = from_kernel && process::getpgid(command) == process::getpgid(0);
    let (whom, signal) = match signal {
        // Typed at a terminal: mini outside has it, too, if it shall stop, and says so next.
        libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU if from_kernel => return,
        // The whole container stops and goes on.
        libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => (ALL, libc::SIGSTOP),
        libc::SIGCONT => (ALL, signal),
        // The terminal gave it to the command, too.
        _ if typed => return,
        _ => (command, signal),
    };
    // That it has just ended, or is somebody else's by now, will be seen at once.
    let _ = process::kill(whom, signal);
}

/// What was collected.
struct Collected {
    /// How the command ended, if it has.
    ended: Option<Change>,
    /// Whether there is nobody left.
    is_alone: bool,
}

fn reap(command: i32) -> Result<Collected> {
    let mut ended = None;
    loop {
        match process::wait_any()? {
            WaitResult::NoChild => return Ok(Collected { ended, is_alone: true }),
            WaitResult::None => return Ok(Collected { ended, is_alone: false }),
            WaitResult::Of(pid, change, _) if pid == command => match change {
                Change::Stopped(_) | Change::Continued => {}
                end => ended = Some(end),
            },
            WaitResult::Of(..) => {}
        }
    }
}

/// Asks whoever is left to end, and makes them when they have not in time.
fn see_off(grace: u64) -> Result<()> {
    if reap(0)?.is_alone {
        return Ok(());
    }
    let _ = process::kill(ALL, libc::SIGTERM);
    // What is stopped would not hear of it.
    let _ = process::kill(ALL, libc::SIGCONT);
    let mut deadline = clock::now() + grace;
    while !reap(0)?.is_alone {
        if signal::wait(signal::only(libc::SIGCHLD), Some(deadline), None)?.is_none() {
            let _ = process::kill(ALL, libc::SIGKILL);
            deadline = clock::now() + clock::SECOND;
        }
    }
    Ok(())
}
