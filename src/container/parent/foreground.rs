//! The foreground of the terminal that mini and the command share when `-t` is not used.

use crate::sys::terminal;

/// File descriptor of the terminal, if mini started in its foreground process group.
pub struct Foreground(Option<i32>);

impl Foreground {
    /// Records whether mini is in the foreground. Called before the command runs, which may change
    /// that.
    pub fn note() -> Foreground {
        Foreground(terminal::own_foreground(0))
    }

    /// Puts mini's process group into the foreground again. A shell inside leaves its own group
    /// there and cannot restore mini's, which has no id in its pid namespace; then the caller's
    /// shell would be in the background.
    pub fn take_back(self) {
        if let Some(group) = self.0
            && terminal::foreground(0) != Ok(group)
        {
            // Fails only when the terminal is gone.
            let _ = terminal::set_foreground(0, group);
        }
    }
}
