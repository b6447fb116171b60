//! The saved state of a container.

use super::time::rfc3339;
use crate::error::{Error, Result};
use crate::json::Json;
use crate::oci::config::Pairs;
use crate::oci::json::{Document, Value};
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;

/// The newest version of the specification that mini knows.
pub use crate::oci::config::VERSION as OCI_VERSION;

/// The state of a container, as saved for later verbs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State<'a> {
    /// The container's id.
    pub id: &'a CStr,
    /// The container's process; 0 for none.
    pub pid: i32,
    /// Start time of that process in clock ticks since boot.
    pub started: u64,
    /// Absolute path of the bundle.
    pub bundle: &'a CStr,
    /// Absolute path of the root directory.
    pub rootfs: &'a CStr,
    /// Time of creation, in nanoseconds since 1970.
    pub created: u64,
    /// User id of the creator.
    pub owner: u32,
    /// Directories of the container's cgroups, which `delete` removes.
    pub cgroups: Vec<&'a CStr>,
    /// Whether the configuration has a process.
    pub has_process: bool,
    /// Whether the configuration has hooks for `start` or `delete`.
    pub has_hooks: bool,
    /// Annotations of the engine.
    pub annotations: Pairs<'a>,
}

/// Status of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The container is being created.
    Creating,
    /// The process waits for `mini start`.
    Created,
    /// The command runs.
    Running,
    /// The processes are frozen.
    Paused,
    /// The process has ended.
    Stopped,
}

impl Status {
    /// The name in the runtime specification.
    pub fn name(self) -> &'static str {
        match self {
            Status::Creating => "creating",
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Stopped => "stopped",
        }
    }
}

impl<'a> State<'a> {
    /// The state as JSON for the state file.
    pub fn to_json(&self) -> Text {
        let mut json = Json { text: Text::new() };
        json.text.str("{");
        json.string("ociVersion", OCI_VERSION.as_bytes());
        json.string("id", self.id.to_bytes());
        json.number("pid", Some(self.pid as u64));
        json.number("started", Some(self.started));
        json.string("bundle", self.bundle.to_bytes());
        json.string("rootfs", self.rootfs.to_bytes());
        json.number("created", Some(self.created));
        json.number("owner", Some(self.owner.into()));
        json.key("cgroups").str("{");
        for (number, path) in self.cgroups.iter().enumerate() {
            let mut name = Text::new();
            name.number(number as u64);
            json.string(str::from_utf8(name.bytes()).unwrap_or_default(), path.to_bytes());
        }
        json.text.str("}");
        json.number("process", Some(self.has_process.into()));
        json.number("hooks", Some(self.has_hooks.into()));
        self.add_annotations(&mut json);
        json.end();
        json.text
    }

    fn add_annotations(&self, json: &mut Json) {
        json.key("annotations").str("{");
        for (name, value) in &self.annotations {
            json.member(name.to_bytes(), value.to_bytes());
        }
        json.end();
    }

    /// Reads a state file. The text is modified.
    ///
    /// # Errors
    /// The text differs from what [`State::to_json`] writes.
    pub fn read(text: &'a mut [u8]) -> Result<State<'a>> {
        let broken = || Error::new("state.json").cause("damaged").hint("mini delete --force ID");
        let document = Document::read(text).map_err(|_| broken())?;
        let at = document.root();
        let string = |name: &'static str| at.need(name).string().unwrap_or_default();
        let count = |name: &'static str| at.need(name).u64().unwrap_or_default();
        let pairs = |value: Value<'_, 'a>| -> Pairs<'a> {
            let pairs = value.pairs().into_iter();
            pairs.map(|(name, value)| (name, value.string().unwrap_or_default())).collect()
        };
        let state = State {
            id: string("id"),
            pid: count("pid") as i32,
            started: count("started"),
            bundle: string("bundle"),
            rootfs: string("rootfs"),
            created: count("created"),
            owner: count("owner") as u32,
            cgroups: pairs(at.get("cgroups")).into_iter().map(|(_, path)| path).collect(),
            has_process: count("process") != 0,
            has_hooks: count("hooks") != 0,
            annotations: pairs(at.get("annotations")),
        };
        match document.problem() {
            Some(_) => Err(broken()),
            None => Ok(state),
        }
    }

    /// Writes the members of the runtime specification's state, for hooks and `mini state`.
    pub fn describe(&self, status: Status, json: &mut Json) {
        json.string("ociVersion", OCI_VERSION.as_bytes());
        json.string("id", self.id.to_bytes());
        json.string("status", status.name().as_bytes());
        let has_process = status != Status::Stopped;
        json.number("pid", Some(if has_process { self.pid as u64 } else { 0 }));
        json.string("bundle", self.bundle.to_bytes());
    }

    /// The state for hooks.
    pub fn for_hooks(&self, status: Status) -> Text {
        let mut json = Json { text: Text::new() };
        json.text.str("{");
        self.describe(status, &mut json);
        if !self.annotations.is_empty() {
            self.add_annotations(&mut json);
        }
        json.end();
        json.text
    }

    /// The state for `mini state` and `mini list`.
    pub fn for_users(&self, status: Status) -> Text {
        let mut json = Json { text: Text::new() };
        json.text.str("{");
        self.describe(status, &mut json);
        json.string("rootfs", self.rootfs.to_bytes());
        let mut created = Text::new();
        rfc3339(self.created, &mut created);
        json.string("created", created.bytes());
        let mut owner = Text::new();
        owner.number(self.owner.into());
        json.string("owner", owner.bytes());
        if !self.annotations.is_empty() {
            self.add_annotations(&mut json);
        }
        json.end();
        json.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let state = State {
            id: c"a",
            pid: 17,
            started: 4711,
            bundle: c"/b \"x\"",
            rootfs: c"/b/rootfs",
            created: 1_798_761_599_000_000_000,
            owner: 1000,
            cgroups: vec![c"/sys/fs/cgroup/a", c"/sys/fs/cgroup/b"],
            has_process: true,
            has_hooks: true,
            annotations: vec![(c"k\n", c"v"), (c"", c"\xc3\xa9")],
        };
        let mut text = state.to_json().bytes().to_vec();
        assert_eq!(State::read(&mut text).unwrap(), state);
        let shown: serde_json::Value =
            serde_json::from_slice(state.for_users(Status::Running).bytes()).unwrap();
        assert_eq!(shown["status"], "running");
        assert_eq!(shown["created"], "2026-12-31T23:59:59.000000000Z");
        assert_eq!(shown["annotations"]["k\n"], "v");
        let shown: serde_json::Value =
            serde_json::from_slice(state.for_hooks(Status::Stopped).bytes()).unwrap();
        assert_eq!(shown["pid"], 0);
    }

    #[test]
    fn damaged_files_are_errors() {
        for text in ["", "{", "{}", "[]", "{\"id\":1}"] {
            assert!(State::read(&mut text.as_bytes().to_vec()).is_err(), "{text}");
        }
    }
}
