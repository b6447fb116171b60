//! The OCI runtime specification: its documents as data, and their conversion.

pub mod config;
pub mod convert;
pub mod json;
pub mod mount_options;
pub mod seccomp;
