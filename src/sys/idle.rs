//! Long waits: mini releases the pages of its own program. The kernel counts a mapped page of a
//! program for every process that has it mapped (Pss), and mini needs very few pages while its
//! command runs.

use super::memory::Program;
use super::width::Time;
use super::{Errno, Result, clock};

/// Time without events after which mini releases its pages. Most commands of scripts have ended by
/// then and cost no extra call.
pub const IDLE: u64 = clock::SECOND / 10;

/// Waits until `deadline` (in the time of [`clock::now`]) by calling `attempt` with the time it may
/// take. Returns what came, or None. After a long wait it releases `program`.
///
/// This is a function of its own, into which `attempt` is inlined: its page is kept, so that no
/// page is missing until an event comes. The kernel would map the sixteen pages around a missing
/// one.
#[inline(never)]
pub fn wait<T, A>(deadline: Option<u64>, program: Option<&Program>, attempt: A) -> Result<Option<T>>
where
    A: Fn(Option<&Time>) -> Result<Option<T>>,
{
    loop {
        let mut left = deadline.map(|deadline| deadline.saturating_sub(clock::now()));
        let program = program.filter(|_| left.is_none_or(|left| left > IDLE));
        if program.is_some() {
            match attempt(Some(&clock::span(IDLE))) {
                Ok(None) => {}
                Err(Errno::EINTR) => continue,
                result => return result,
            }
            left = left.map(|left| left - IDLE);
        }
        // On some CPUs a division calls a function in another page.
        let span = left.map(clock::span);
        if let Some(program) = program {
            program.let_go_of_all_but(wait::<T, A> as *const () as usize);
        }
        // From here on nothing in another page is called, not even to read the clock.
        match attempt(span.as_ref()) {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}
