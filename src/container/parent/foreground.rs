//! Without `-t`: the foreground of the terminal that mini and the command share.

use crate::sys::terminal;

/// The terminal mini was started at, if it was in its foreground.
pub struct Foreground(Option<i32>);

impl Foreground {
    /// To be asked before the command runs, which may change it at once.
    pub fn note() -> Foreground {
        Foreground(terminal::own_foreground(0))
    }

    /// A shell inside leaves its own group in the foreground: mini's it cannot name, which is in
    /// another process namespace. AfterExit whoever comes after mini would be in the background.
    pub fn take_back(self) {
        if let Some(group) = self.0
            && terminal::foreground(0) != Ok(group)
        {
            // When the terminal is gone, nobody is in front of it.
            let _ = terminal::set_foreground(0, group);
        }
    }
}
