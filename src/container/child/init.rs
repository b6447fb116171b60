//! `--init`: mini is PID 1 of the container. It starts the command, forwards signals, reaps
//! orphans, and ends the remaining processes when the command has ended.
//!
//! PID 1 executes mini's program again, from a read-only mount or a sealed copy. Otherwise a
//! process that may ptrace PID 1 could reach the host's file through /proc/1/exe. PID 1 is not
//! dumpable either.

use super::rootfs::Rootfs;
use crate::host::Caller;
use crate::sys::memory::{self, Program};
use crate::sys::process::{Change, PointerTable, WaitResult};
use crate::sys::signal::{self, ReceivedSignal};
use crate::sys::{Errno, Fd, Result, clock, fs, mount, process, security};
use crate::text::number;
use core::ffi::CStr;
use core::sync::atomic::Ordering;

/// The first environment variable tells mini that it is PID 1 of a container; only mini can read
/// it. The others are the command's process id, the grace time in milliseconds, the pipe to close
/// when PID 1 is ready, and the file for the signal that ended the command.
const NAME: &CStr = c"mini-init";
/// Its name in ps(1).
const PROCESS_NAME: &CStr = c"mini";

/// Opens mini's own program so that nobody who obtains the descriptor can change the file: on a
/// detached read-only mount, or as a sealed copy in memory. The copy is used where there are no
/// detached mounts, or where not everybody may execute the file.
pub fn open_program(copy: bool, path: &CStr, rootfs: &Rootfs) -> Result<Fd> {
    let (base, link) = rootfs.find(c"/proc/self/exe")?;
    if !copy && let Ok(program) = mount_of_program(base, link) {
        return Ok(program);
    }
    let program = match fs::open_at(base, link, libc::O_RDONLY, 0) {
        // Without /proc.
        Err(Errno::ENOENT) => fs::open(path, libc::O_RDONLY, 0),
        result => result,
    };
    fs::sealed_copy(&program?)
}

#[inline(never)]
fn mount_of_program(base: fs::Base, link: &CStr) -> Result<Fd> {
    // The link refers to the parent's mount namespace, from which open_tree(2) cannot clone here.
    // So its text is read.
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
    mount::set_attributes(
        program.raw(),
        libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID,
        0,
        0,
        false,
    )?;
    Ok(program)
}

/// argv[0] of a mini that runs from a file that nobody can write to.
const SEALED: &CStr = c"mini (sealed)";

/// Executes mini again from a read-only mount or a sealed copy, unless it runs from there already.
/// The container's process runs mini's program until it executes the command, and processes that
/// share its pid namespace can reach that program through /proc.
///
/// # Errors
/// The reason why that is impossible.
pub fn run_sealed(args: &[&CStr], env: &[&CStr], path: &CStr) -> Result<()> {
    if args.first() == Some(&SEALED) {
        return Ok(());
    }
    let program = open_program(false, path, &Rootfs::new())?;
    let args = args.get(1..).unwrap_or_default().iter();
    let args = process::addresses([SEALED].iter().chain(args));
    // The container's processes may read the environment: only what tells where the state is, and where hooks without
    // an environment of their own find programs.
    let is_needed = |variable: &&&CStr| {
        let names = [&b"XDG_RUNTIME_DIR="[..], b"USER=", b"PATH="];
        names.iter().any(|name| variable.to_bytes().starts_with(name))
    };
    let env = process::addresses(env.iter().filter(is_needed));
    Err(process::execve_at(&program, PointerTable::new(&args), PointerTable::new(&env)))
}

/// Continues the launch in a new process, while this process, PID 1, executes mini's program.
/// Returns in the new process when PID 1 is ready. `grace` is the time in nanoseconds between
/// SIGTERM and SIGKILL for the remaining processes.
///
/// `path` is the path of mini's file, if the command can reach it by this name anyway.
pub fn begin(
    grace: u64,
    program: &Fd,
    path: Option<&CStr>,
    signal: &Fd,
    status: &Fd,
) -> Result<()> {
    let (ready, wait) = fs::pipe()?;
    match process::fork()? {
        // fork(2) clears the parent-death signal. It is not needed: when PID 1 dies, the kernel
        // kills the others.
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
            // The new process writes the record.
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
    let args = [pointer(PROCESS_NAME), 0];
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
        // TOMOYO looks the program up by /dev/fd, which an initramfs may lack.
        (Errno::ENOENT, Some(path)) => process::execve(path, args, env),
        (errno, _) => errno,
    }
}

/// If mini was executed as PID 1 of a container, runs it and returns the command's status when the
/// container has ended; else returns None.
pub fn serve(words: &[&CStr], env: &[&CStr], caller: &Caller) -> Option<u8> {
    let (name, numbers) = env.split_first()?;
    if *words != [PROCESS_NAME] || *name != NAME || process::getpid() != 1 {
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
        // Only to release another directory. The user may have no access to the root.
        let _ = fs::chdir(c"/");
        let place = memory::map_number(signal)?;
        // Closes the pipe, which was kept over execve(2). The command waits for its end.
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
        // The remaining processes die with PID 1. Continued is not an end.
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
    end_remaining(grace)?;
    Ok(end)
}

/// All processes except PID 1 (kill(2)).
const ALL: i32 = -1;

fn pass_on(taken: ReceivedSignal, command: i32) {
    let ReceivedSignal { signal, from_kernel } = taken;
    let typed = from_kernel && process::getpgid(command) == process::getpgid(0);
    let (whom, signal) = match signal {
        // Typed at a terminal: the terminal also signals the mini outside, which forwards it when
        // it stops.
        libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU if from_kernel => return,
        // Stops or continues the whole container.
        libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => (ALL, libc::SIGSTOP),
        libc::SIGCONT => (ALL, signal),
        // The terminal has signalled the command too.
        _ if typed => return,
        _ => (command, signal),
    };
    // Fails only when the process has ended, which the caller notices next.
    let _ = process::kill(whom, signal);
}

/// Result of reaping.
struct Reaped {
    /// How the command ended, if it has.
    ended: Option<Change>,
    /// Whether no child is left.
    is_alone: bool,
}

fn reap(command: i32) -> Result<Reaped> {
    let mut ended = None;
    loop {
        match process::wait_any()? {
            WaitResult::NoChild => return Ok(Reaped { ended, is_alone: true }),
            WaitResult::None => return Ok(Reaped { ended, is_alone: false }),
            WaitResult::Of(pid, change, _) if pid == command => match change {
                Change::Stopped(_) | Change::Continued => {}
                end => ended = Some(end),
            },
            WaitResult::Of(..) => {}
        }
    }
}

/// Ends the remaining processes: SIGTERM, and SIGKILL after the grace time.
fn end_remaining(grace: u64) -> Result<()> {
    if reap(0)?.is_alone {
        return Ok(());
    }
    let _ = process::kill(ALL, libc::SIGTERM);
    // A stopped process would not handle SIGTERM.
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
