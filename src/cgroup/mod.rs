//! cgroups(7): controllers, hierarchies and control files. Pure.

pub mod cpus;
pub mod devices;
pub mod layout;
pub mod settings;
pub mod weight;

/// A controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controller {
    /// Memory and swap.
    Memory,
    /// CPU time.
    Cpu,
    /// CPUs and memory nodes.
    Cpuset,
    /// The number of processes.
    Pids,
    /// Block I/O.
    Io,
    /// Huge pages.
    Hugetlb,
    /// RDMA devices.
    Rdma,
    /// Miscellaneous resources.
    Misc,
    /// Access to devices (v1).
    Devices,
    /// Freezing all processes (v1).
    Freezer,
    /// The class of network packets (v1).
    NetCls,
    /// The priority of network packets (v1).
    NetPrio,
}

/// The cgroup versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Several hierarchies with some controllers each.
    V1,
    /// One hierarchy.
    V2,
}

impl Controller {
    /// All controllers.
    pub const ALL: [Controller; 12] = {
        use Controller::*;
        [Memory, Cpu, Cpuset, Pids, Io, Hugetlb, Rdma, Misc, Devices, Freezer, NetCls, NetPrio]
    };

    /// The kernel's name of the controller.
    pub fn name(self, version: Version) -> &'static str {
        match (self, version) {
            (Controller::Memory, _) => "memory",
            (Controller::Cpu, _) => "cpu",
            (Controller::Cpuset, _) => "cpuset",
            (Controller::Pids, _) => "pids",
            (Controller::Io, Version::V1) => "blkio",
            (Controller::Io, Version::V2) => "io",
            (Controller::Hugetlb, _) => "hugetlb",
            (Controller::Rdma, _) => "rdma",
            (Controller::Misc, _) => "misc",
            (Controller::Devices, _) => "devices",
            (Controller::Freezer, _) => "freezer",
            (Controller::NetCls, _) => "net_cls",
            (Controller::NetPrio, _) => "net_prio",
        }
    }

    /// The controller of a control file, by the part of its name before the first dot.
    pub fn of_file(file: &[u8]) -> Option<Controller> {
        let prefix = file.split(|b| *b == b'.').next()?;
        Controller::ALL.into_iter().find(|controller| {
            [Version::V1, Version::V2].iter().any(|v| controller.name(*v).as_bytes() == prefix)
        })
    }
}

/// A set of controllers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Set(u16);

impl Set {
    /// None.
    pub const EMPTY: Set = Set(0);
    /// The controllers that limits of `mini run` may need.
    pub const LIMITS: Set = Set((1 << Controller::Devices as u16) - 1);

    /// Adds one.
    pub fn add(&mut self, controller: Controller) {
        self.0 |= 1 << controller as u16;
    }

    /// Whether one is in it.
    pub fn has(self, controller: Controller) -> bool {
        self.0 & 1 << controller as u16 != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in this one and not in the other.
    pub fn without(self, other: Set) -> Set {
        Set(self.0 & !other.0)
    }

    /// What is in both.
    pub fn and(self, other: Set) -> Set {
        Set(self.0 & other.0)
    }

    /// What is in either.
    pub fn or(self, other: Set) -> Set {
        Set(self.0 | other.0)
    }

    /// One by one.
    pub fn iter(self) -> impl Iterator<Item = Controller> {
        Controller::ALL.into_iter().filter(move |controller| self.has(*controller))
    }

    /// Parses names between separators; ignores unknown ones.
    pub fn read(names: &[u8], version: Version) -> Set {
        let mut set = Set::EMPTY;
        for name in names.split(|b| matches!(b, b' ' | b',' | b'\n')) {
            for controller in Controller::ALL {
                if controller.name(version).as_bytes() == name {
                    set.add(controller);
                }
            }
        }
        set
    }
}
