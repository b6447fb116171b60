//! The child's part: between clone(2) and execve(2) it performs the steps of the plan. It shares the parent's
//! memory, so nothing here allocates or formats text.

mod copy_up;
mod exec;
pub mod init;
pub mod join;
mod listener;
pub mod mount_tree;
mod passwd;
pub mod perform;
mod resolve;
pub mod rights;
mod rootfs;
pub mod start;
mod tar;
mod unpack;
