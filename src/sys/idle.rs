//! Waiting for long: then mini lets go of its own pages. The kernel counts a page of a program to all
//! who have it mapped, and mini, once its command runs, needs nearly none of its pages.

use super::memory::Program;
use super::width::Time;
use super::{Errno, Result, clock};

/// After so many nanoseconds without anything to do, there will be nothing for a while. Most commands
/// of scripts have ended by then, and cost no call more than without.
pub const CALM: u64 = clock::SECOND / 10;

/// Waits until `deadline` (by [`clock::now`]) by `attempt`, which is given the time it may take, and
/// tells what came, or None if nothing did. When that gets long, `program` is let go of.
///
/// A function of its own, into which `attempt` goes as well: the page it lies in is kept, so that none
/// is missed until something comes. (Otherwise the kernel would map the sixteen around the missing one.)
#[inline(never)]
pub fn wait<T, A>(deadline: Option<u64>, program: Option<&Program>, attempt: A) -> Result<Option<T>>
where
    A: Fn(Option<&Time>) -> Result<Option<T>>,
{
    loop {
        let mut left = deadline.map(|deadline| deadline.saturating_sub(clock::now()));
        let program = program.filter(|_| left.is_none_or(|left| left > CALM));
        if program.is_some() {
            match attempt(Some(&clock::span(CALM))) {
                Ok(None) => {}
                Err(Errno::EINTR) => continue,
                result => return result,
            }
            left = left.map(|left| left - CALM);
        }
        // A division is a call of something that lies elsewhere on some CPUs.
        let span = left.map(clock::span);
        if let Some(program) = program {
            program.let_go_of_all_but(wait::<T, A> as *const () as usize);
        }
        // From here on nothing is called that lies elsewhere, not even to look at the clock.
        match attempt(span.as_ref()) {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}
