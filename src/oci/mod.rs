//! The OCI runtime specification: its documents as data, and what mini makes of its rules.

pub mod json;
