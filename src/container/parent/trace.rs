//! `--trace`: prints each step with its result and its time.

use crate::plan::Step;
use crate::sys::{Errno, describe, diagnostics};
use crate::text::Text;

/// Prints the line of a step; `micros` is None where the time cannot be measured.
pub fn step(step: &Step, failure: Option<Errno>, micros: Option<u64>) {
    let mut text = Text::new();
    step.describe(&mut text);
    line(&text, failure, micros);
}

/// Prints a line with a result.
pub fn line(what: &Text, failure: Option<Errno>, micros: Option<u64>) {
    let mut line = Text::new();
    line.str("mini: trace: ").raw(what.bytes()).str(": ").str(failure.map_or("ok", describe));
    if let Some(micros) = micros {
        line.str(", ").number(micros).str(" us");
    }
    line.str("\n");
    diagnostics::print(line.bytes());
}
