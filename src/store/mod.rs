//! The state directory. It has one directory per container; making that directory makes the
//! container's id unique.
//!
//! | file | content |
//! |---|---|
//! | `config.json` | the configuration from which the container was created |
//! | `state.json` | the container's process and other facts for later verbs; replaced as a whole |
//! | `start` | the socket at which the container's process waits for `mini start` |
//!
//! Nothing is synced to disk: the state ends with the machine's run, as the container does. A file
//! that is renamed into place is complete for every other process.

pub mod process;
pub mod state;
pub mod time;

use crate::error::{Error, Result};
use crate::sys::fs;
use crate::sys::{Errno, Fd};
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;
use state::State;

/// The state file.
const STATE: &CStr = c"state.json";
/// Its name while it is written.
const NEW_STATE: &CStr = c"state.json.new";
/// The configuration file.
const CONFIG: &CStr = c"config.json";
/// The socket of `mini start`, relative to the container's directory.
pub const START: &CStr = c"start";

/// Maximum size of a state or configuration file.
pub const LIMIT: usize = 8 << 20;

const DIRECTORY: i32 = libc::O_RDONLY | libc::O_DIRECTORY;

/// A state directory.
pub struct Store {
    path: &'static CStr,
}

impl Store {
    /// The state directory at a path.
    pub fn at(path: &CStr) -> Store {
        let mut text = Text::new();
        text.raw(path.to_bytes());
        Store { path: text.leak() }
    }

    /// The default state directory: /run/mini for root, else $XDG_RUNTIME_DIR/mini.
    ///
    /// # Errors
    /// Another user has no XDG_RUNTIME_DIR.
    pub fn usual(is_root: bool, runtime_directory: Option<&[u8]>) -> Result<Store> {
        if is_root {
            return Ok(Store { path: c"/run/mini" });
        }
        let Some(directory) = runtime_directory.filter(|path| path.starts_with(b"/")) else {
            let error = Error::new("find the state directory").cause("XDG_RUNTIME_DIR is not set");
            return Err(error.hint("set it, or give --root DIR"));
        };
        let mut path = Text::new();
        path.raw(directory).str("/mini");
        Ok(Store { path: path.leak() })
    }

    fn failed(&self, errno: Errno) -> Error {
        Error::new("state directory").object(self.path.to_bytes()).errno(errno)
    }

    /// Makes and locks the directory of a new container.
    ///
    /// # Errors
    /// A container with this id exists, or the state directory is not writable.
    pub fn create(&self, id: &CStr) -> Result<Entry> {
        let failed = |errno| self.failed(errno);
        let root = match fs::open(self.path, DIRECTORY, 0) {
            Err(Errno::ENOENT) => {
                self.make().map_err(failed)?;
                fs::open(self.path, DIRECTORY, 0).map_err(failed)?
            }
            result => result.map_err(failed)?,
        };
        match fs::mkdir_at(root.raw(), id, 0o700) {
            Ok(()) => {}
            Err(Errno::EEXIST) => {
                let error = Error::new("container").object(id.to_bytes());
                return Err(error.cause("container with given ID already exists"));
            }
            Err(errno) => return Err(failed(errno)),
        }
        let directory = fs::open_at(root.raw(), id, DIRECTORY, 0).map_err(failed)?;
        let mut text = Text::new();
        text.raw(id.to_bytes());
        let entry = Entry { root, directory, id: text.leak() };
        if !entry.lock().map_err(failed)? {
            return Err(failed(Errno::ENOENT));
        }
        Ok(entry)
    }

    /// Makes the state directory and its parents.
    fn make(&self) -> crate::sys::Result<()> {
        let path = self.path.to_bytes();
        for (at, _) in path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/') {
            let mut above = Text::new();
            above.raw(&path[..at]);
            match fs::mkdir_at(fs::HERE, above.leak(), 0o755) {
                Ok(()) | Err(Errno::EEXIST) => {}
                // mkdir(2) on a read-only file system reports EROFS also for a directory that
                // exists.
                Err(Errno::EROFS) => {}
                Err(errno) => return Err(errno),
            }
        }
        match fs::mkdir_at(fs::HERE, self.path, 0o700) {
            Err(Errno::EEXIST) => Ok(()),
            result => result,
        }
    }

    /// Finds a container; None when the id is unknown.
    pub fn find(&self, id: &CStr) -> Result<Option<Entry>> {
        let open = || {
            let root = fs::open(self.path, DIRECTORY, 0)?;
            let flags = DIRECTORY | libc::O_NOFOLLOW;
            let directory = fs::open_at(root.raw(), id, flags, 0)?;
            Ok((root, directory))
        };
        match open() {
            Ok((root, directory)) => {
                let mut text = Text::new();
                text.raw(id.to_bytes());
                Ok(Some(Entry { root, directory, id: text.leak() }))
            }
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(None),
            Err(errno) => Err(self.failed(errno)),
        }
    }

    /// The ids of all containers.
    pub fn ids(&self) -> Result<Vec<&'static CStr>> {
        let failed = |errno| self.failed(errno);
        let root = match fs::open(self.path, DIRECTORY, 0) {
            Err(Errno::ENOENT) => return Ok(Vec::new()),
            result => result.map_err(failed)?,
        };
        let mut ids = fs::names_in(&root, false).map_err(failed)?;
        ids.sort_unstable();
        Ok(ids)
    }
}

/// A container's directory.
pub struct Entry {
    root: Fd,
    directory: Fd,
    /// The container's id.
    pub id: &'static CStr,
}

impl Entry {
    /// Waits for the container's lock, which is held until mini ends; returns whether the container
    /// still exists.
    pub fn lock(&self) -> crate::sys::Result<bool> {
        fs::lock_exclusively(&self.directory)?;
        self.is_there()
    }

    /// Whether no other mini works on the container.
    pub fn is_free(&self) -> bool {
        fs::try_lock(&self.directory, true).is_ok()
    }

    /// Whether the id still refers to this directory. This cannot change while the lock is held.
    fn is_there(&self) -> crate::sys::Result<bool> {
        match fs::identity_at(self.root.raw(), self.id) {
            Ok(found) => Ok(found == fs::identity_of(&self.directory)?),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Makes the container's directory the working directory, because the address of a socket must
    /// be short.
    pub fn enter(&self) -> Result<()> {
        fs::fchdir(&self.directory).map_err(|errno| self.failed(errno))
    }

    fn failed(&self, errno: Errno) -> Error {
        Error::new("state of container").object(self.id.to_bytes()).errno(errno)
    }

    fn write(&self, name: &CStr, content: &[u8]) -> crate::sys::Result<()> {
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_NOFOLLOW;
        let file = fs::open_at(self.directory.raw(), name, flags, 0o600)?;
        fs::write_all(&file, content)
    }

    /// Writes the configuration.
    pub fn save_config(&self, text: &[u8]) -> Result<()> {
        self.write(CONFIG, text).map_err(|errno| self.failed(errno))
    }

    /// Reads the configuration.
    pub fn config(&self) -> Result<Vec<u8>> {
        fs::read_file_at(self.directory.raw(), CONFIG, LIMIT).map_err(|errno| self.failed(errno))
    }

    /// Writes the state, replacing the previous one.
    pub fn save(&self, state: &State) -> Result<()> {
        let base = self.directory.raw();
        self.write(NEW_STATE, state.to_json().bytes())
            .and_then(|()| fs::rename_at(base, NEW_STATE, STATE))
            .map_err(|errno| self.failed(errno))
    }

    /// Reads the state; None when the container was not completely created.
    pub fn state(&self) -> Result<Option<State<'static>>> {
        match fs::read_file_at(self.directory.raw(), STATE, LIMIT) {
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(self.failed(errno)),
            Ok(text) => State::read(text.leak()).map(Some),
        }
    }

    /// Whether the socket of `mini start` exists.
    pub fn has_socket(&self) -> bool {
        fs::exists_at(self.directory.raw(), START).is_ok()
    }

    /// Removes the socket of `mini start`.
    pub fn remove_socket(&self) {
        // If it stays, a connection is refused.
        let _ = fs::unlink_at(self.directory.raw(), START);
    }

    /// Removes the container's directory. The lock must be held.
    pub fn remove(&self) -> Result<()> {
        let failed = |errno| self.failed(errno);
        // The other descriptor may have been read to its end.
        let directory = fs::open_at(self.directory.raw(), c".", DIRECTORY, 0).map_err(failed)?;
        for name in fs::names_in(&directory, false).map_err(failed)? {
            match fs::unlink_at(directory.raw(), name) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
        match fs::rmdir_at(self.root.raw(), self.id) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(failed(errno)),
        }
    }
}
