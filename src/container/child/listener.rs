//! A seccomp filter whose notifications an agent gets (seccomp_unotify(2)): the listener goes to the agent over a
//! socket, as the OCI runtime specification wants it.
//!
//! After seccomp(2) every call of this thread is the filter's, a call that sends something as well. So a second thread,
//! which the filter does not apply to, waits for the listener and sends it. Meanwhile this thread makes no call.

use crate::spec::security::SeccompListener;
use crate::sys::memory::ChildMemory;
use crate::sys::{Errno, Fd, Result, fs, net, process, security};
use alloc::vec::Vec;
use core::ffi::CStr;
use core::sync::atomic::{AtomicI32, Ordering};

/// The connection to the agent, and what its message will say.
pub struct Agent {
    socket: Fd,
    /// The id of this process for mini's caller, in digits.
    pid: [u8; 16],
    length: usize,
}

impl Agent {
    /// Connects to the agent. The host's /proc tells the id of this process there.
    pub fn connect(path: &CStr) -> Result<Agent> {
        let mut pid = [0; 16];
        let length = fs::read_link_at(fs::HERE, c"/proc/self", &mut pid)?;
        Ok(Agent { socket: net::connect_stream(path.to_bytes())?, pid, length })
    }

    /// The connection.
    pub fn socket(&self) -> &Fd {
        &self.socket
    }
}

/// What the two threads share.
struct Handover<'a> {
    agent: &'a Agent,
    state: &'a [Vec<u8>; 3],
    /// The listener; [`WAITING`] until there is one, [`NONE`] if there will be none.
    listener: AtomicI32,
    /// 0 until the listener is sent; then 1, or the kernel's reason as a negative number.
    sent: AtomicI32,
}

const WAITING: i32 = -1;
const NONE: i32 = -2;

/// Installs the filter, and sends its listener to the agent.
#[inline(never)]
pub fn set_filter(
    program: &[u64],
    flags: u32,
    agent: &Agent,
    listener: &SeccompListener,
) -> Result<()> {
    // Larger than any page, and so a multiple of it.
    const PAGE: usize = 1 << 16;
    let memory = ChildMemory::new(0, PAGE)?;
    let handover = Handover {
        agent,
        state: &listener.state,
        listener: AtomicI32::new(WAITING),
        sent: AtomicI32::new(0),
    };
    let thread = libc::CLONE_VM
        | libc::CLONE_FS
        | libc::CLONE_FILES
        | libc::CLONE_SIGHAND
        | libc::CLONE_THREAD;
    // It ends by itself; there is nobody to wait for it.
    core::mem::forget(process::clone_onto(thread, None, memory, &handover, send)?);
    // There is one thread that the filter is for.
    let result = security::set_filter_with_listener(program, flags & !security::FILTER_TSYNC);
    handover.listener.store(result.unwrap_or(NONE), Ordering::Release);
    let sent = loop {
        match handover.sent.load(Ordering::Acquire) {
            0 => core::hint::spin_loop(),
            sent => break sent,
        }
    };
    result?;
    if sent < 0 { Err(Errno::new(-sent)) } else { Ok(()) }
}

/// The second thread.
fn send(handover: &Handover, _: &'static mut [usize]) -> ! {
    let listener = loop {
        match handover.listener.load(Ordering::Acquire) {
            WAITING => process::sched_yield(),
            listener => break listener,
        }
    };
    let Handover { agent, state, .. } = handover;
    let pid = &agent.pid[..agent.length];
    let [begin, middle, end] = state;
    let sent = match listener {
        NONE => Err(Errno::ECANCELED),
        // Closed by execve(2).
        listener => net::send_parts(&agent.socket, &[begin, pid, middle, pid, end], listener),
    };
    // The agent may wait for the end of the connection, and the threads share their descriptors.
    agent.socket.close_copy();
    let sent = sent.map_or_else(|errno| -errno.into_raw(), |()| 1);
    handover.sent.store(sent, Ordering::Release);
    process::exit_thread()
}
