//! `--init`, seen from inside: the container's process 1 is mini itself. It starts the command,
//! passes signals on, collects whoever ends, and when the command has ended sees the others off.
//!
//! It is a copy of mini's process, not one that shares its memory, and as little dumpable: nobody can
//! look into it.

use crate::sys::memory::Program;
use crate::sys::process::{Change, News};
use crate::sys::signal::{self, Taken};
use crate::sys::{clock, fs, process};

/// Starts the command as a process of its own, which goes on from here, and itself as process 1;
/// `grace` is how long, in nanoseconds, the others have to end when the command has.
///
/// What mini was called with stands in /proc/1/cmdline: it is forgotten before there is somebody to
/// read it. The command's words are in the inbox by now.
pub fn begin(grace: u64, program: Program) -> crate::sys::Result<()> {
    program.forget_words();
    match process::fork()? {
        // The kernel's word about the parent's death is not handed down, nor needed: it comes to
        // process 1, with which all others end.
        0 => Ok(()),
        command => run(command, grace, &program),
    }
}

fn run(command: i32, grace: u64, program: &Program) -> ! {
    let status = match serve(command, grace, program) {
        Ok(status) => status,
        // Whoever is left ends with process 1.
        Err(_) => crate::error::FAILED,
    };
    process::exit(i32::from(status))
}

fn serve(command: i32, grace: u64, program: &Program) -> crate::sys::Result<u8> {
    signal::set_mask(signal::ALL)?;
    // The command has its own copies; a pipe of its is not to be held open here.
    fs::close_from(3)?;
    // Only to let go of another directory; the user may not be allowed to enter the root.
    let _ = fs::chdir(c"/");
    let status = loop {
        if let Some(taken) = signal::wait(signal::ALL, None, Some(program))? {
            if taken.signal != libc::SIGCHLD {
                pass_on(taken, command);
            } else if let Some(status) = reap(command)?.ended {
                break status;
            }
        }
    };
    see_off(grace)?;
    Ok(status)
}

/// To everybody but process 1 (kill(2)).
const ALL: i32 = -1;

fn pass_on(taken: Taken, command: i32) {
    let Taken { signal, from_kernel } = taken;
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
    /// The command's status, if it has ended.
    ended: Option<u8>,
    /// Whether there is nobody left.
    is_alone: bool,
}

fn reap(command: i32) -> crate::sys::Result<Collected> {
    let mut ended = None;
    loop {
        match process::wait_any()? {
            News::NoChild => return Ok(Collected { ended, is_alone: true }),
            News::None => return Ok(Collected { ended, is_alone: false }),
            News::Of(pid, change, _) if pid == command => match change {
                Change::Exited(status) => ended = Some(status),
                Change::Signaled(signal) => ended = Some(128 + signal),
                Change::Stopped(_) | Change::Continued => {}
            },
            News::Of(..) => {}
        }
    }
}

/// Asks whoever is left to end, and makes them when they have not in time.
fn see_off(grace: u64) -> crate::sys::Result<()> {
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
