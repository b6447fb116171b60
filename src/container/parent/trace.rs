//! What `--trace` prints: each step as it is known from the plan, its result, its time.

use crate::plan::Step;
use crate::sys::{Errno, describe, diagnostics};
use crate::text::Text;

/// A step's line; `micros` is None where nobody could measure.
pub fn step(step: &Step, failure: Option<Errno>, micros: Option<u64>) {
    let mut text = Text::new();
    step.describe(&mut text);
    line(&text, failure, micros);
}

/// The line of anything.
pub fn line(what: &Text, failure: Option<Errno>, micros: Option<u64>) {
    let mut line = Text::new();
    line.str("mini: trace: ").raw(what.bytes()).str(": ").str(failure.map_or("ok", describe));
    if let Some(micros) = micros {
        line.str(", ").number(micros).str(" us");
    }
    line.str("\n");
    diagnostics::say(line.bytes());
}
