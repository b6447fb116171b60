//! Promises of mini, each tried on the real binary: as root, and as an ordinary user.
//!
//! Started by root, every promise is tried as both; started by an ordinary user, as that one, and
//! the others are reported as ignored. What a host lacks is a reason to ignore a test, shown in
//! brackets before its name, never to pass it.

mod answers;
mod archives;
mod argv;
mod attacks;
mod bad_input;
mod binary;
mod check;
mod debian;
mod ending;
mod escape;
mod exit_status;
mod faults;
mod files;
mod hardening;
#[path = "../ignored.rs"]
mod ignored;
mod isolation;
mod life;
mod limits;
mod mounts;
mod nested;
mod oci_cgroups;
mod oci_changes;
mod oci_exec;
mod oci_kernel;
mod oci_life;
mod oci_mounts;
mod oci_seccomp;
mod odd_hosts;
mod old;
mod plan;
mod probe;
mod process;
mod reported;
mod rights;
mod rootfs;
mod stall;
mod stopping;
mod sweep;
mod system_calls;
mod tarball;
mod terminal;
mod tracer;
mod vm;
mod walls;
mod world;

use libtest_mimic::{Arguments, Trial};
use std::sync::Arc;
use world::{Who, World};

/// A promise: its name, what it needs, and how it is tried.
struct Promise {
    name: &'static str,
    needs: &'static [Need],
    check: fn(&World),
}

/// What a test cannot do without.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Need {
    /// To be tried as root only.
    Root,
    /// To be tried as an ordinary user only.
    User,
    /// Tests that root has started, whoever they try it as: they look at what that user may not see, or need
    /// what is not that user's.
    StartedByRoot,
    /// A statically linked busybox on the host.
    Busybox,
    /// A host whose controllers root can use: memory, cpu, cpuset and pids.
    Limits,
    /// A directory of kernels, whose path is in MINI_TEST_KERNELS, and QEMU to boot them.
    Kernels,
    /// mksquashfs, mkfs.erofs and mkfs.ext4, and loop devices.
    ImageTools,
    /// A kernel whose Landlock can keep files from being cut short.
    Landlock,
    /// System calls later than Linux 4.4, which MINI_TEST_OLD_KERNEL takes away.
    LaterCalls,
    /// newuidmap(1) and newgidmap(1).
    IdHelpers,
    /// tmux(1).
    Tmux,
    /// strace(1).
    Strace,
    /// bsdtar(1), GNU's tar(1) and Python with its tarfile.
    TarPrograms,
    /// bwrap(1).
    Bubblewrap,
    /// cgroup v2, and a kernel that takes programs about devices for it.
    DevicePrograms,
    /// python3(1) and libseccomp.
    Libseccomp,
    /// A Debian root file system, whose path is in MINI_TEST_DEBIAN.
    Debian,
}

fn main() {
    // Whoever starts the tests in the background may have had signals ignored, which mini's container would
    // then be spared as well.
    for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGHUP, libc::SIGTTOU, libc::SIGTTIN] {
        // SAFETY: the default action, before there is another thread.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let args: Vec<_> = std::env::args_os().collect();
    if args.get(1).is_some_and(|word| word == "__probe") {
        probe::run(&args[2..]);
    }
    if old::is_wanted() {
        old::pretend();
    }
    let mut arguments = Arguments::from_args();
    // Two cores are common, and the tests of death want to see races, not a crowd.
    arguments.test_threads.get_or_insert(2);
    let promises = [
        answers::PROMISES,
        archives::PROMISES,
        argv::PROMISES,
        bad_input::PROMISES,
        binary::PROMISES,
        check::PROMISES,
        debian::PROMISES,
        ending::PROMISES,
        escape::PROMISES,
        exit_status::PROMISES,
        faults::PROMISES,
        files::PROMISES,
        hardening::PROMISES,
        isolation::PROMISES,
        life::PROMISES,
        limits::PROMISES,
        mounts::PROMISES,
        nested::PROMISES,
        oci_changes::PROMISES,
        oci_cgroups::PROMISES,
        oci_exec::PROMISES,
        oci_kernel::PROMISES,
        oci_life::PROMISES,
        oci_mounts::PROMISES,
        oci_seccomp::PROMISES,
        odd_hosts::PROMISES,
        plan::PROMISES,
        process::PROMISES,
        reported::PROMISES,
        rights::PROMISES,
        rootfs::PROMISES,
        stall::PROMISES,
        stopping::PROMISES,
        sweep::PROMISES,
        system_calls::PROMISES,
        terminal::PROMISES,
        vm::PROMISES,
        walls::PROMISES,
    ]
    .concat();
    let stage = world::Stage::new();
    let mut trials = Vec::new();
    for promise in promises {
        for who in [Who::Root, Who::User] {
            let other = match who {
                Who::Root => Need::User,
                Who::User => Need::Root,
            };
            if promise.needs.contains(&other) {
                continue;
            }
            trials.push(trial(promise, who, &stage));
        }
    }
    let conclusion = ignored::run(&arguments, trials);
    stage.close();
    conclusion.exit();
}

impl Clone for Promise {
    fn clone(&self) -> Promise {
        *self
    }
}

impl Copy for Promise {}

fn trial(promise: Promise, who: Who, stage: &Arc<world::Stage>) -> Trial {
    let name = format!("{who}: {}", promise.name);
    match stage.missing(who, promise.needs) {
        Some(reason) => Trial::test(name, || Ok(())).with_kind(reason).with_ignored_flag(true),
        None => {
            let world = World::new(who, stage.clone());
            Trial::test(name, move || {
                (promise.check)(&world);
                Ok(())
            })
        }
    }
}
