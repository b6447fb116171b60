//! Moves network interfaces of the host into the container's network namespace (rtnetlink(7)).
//!
//! An interface loses its addresses and is set down when it moves; both are restored there.

use super::{explain, trace};
use crate::container::RunOptions;
use crate::error::Result;
use crate::host::Host;
use crate::plan::Step;
use crate::spec::Spec;
use crate::sys::net::{Netlink, interface_index};
use crate::sys::{self, Errno, Fd, clock, fs, process};
use crate::text::Text;
use alloc::vec::Vec;
use core::ffi::CStr;

// linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const RTM_SETLINK: u16 = 19;
const IFLA_IFNAME: u16 = 3;
const IFLA_NET_NS_FD: u16 = 28;
const IFA_FLAGS: u16 = 8;
const IFA_F_PERMANENT: u32 = 0x80;
const SCOPE_UNIVERSE: u8 = 0;
/// Addresses that are carried over: IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST.
const KEPT: [u16; 4] = [1, 2, 3, 4];
const IFA_LABEL: u16 = 3;

/// Performs a step that moves an interface.
pub fn move_device(
    step: &Step,
    child: i32,
    options: RunOptions,
    spec: &Spec,
    host: &Host,
) -> Result<()> {
    let Step::MoveNetDevice { host_name, name } = step else { return Ok(()) };
    let start = clock::now();
    let result = perform(host_name, name, child);
    if options.trace {
        trace::step(step, result.err(), Some((clock::now() - start) / 1000));
    }
    result.map_err(|errno| explain::step_failure(step, errno, b"", spec, host))
}

fn perform(host_name: &CStr, name: &CStr, child: i32) -> sys::Result<()> {
    let namespace = {
        let mut path = Text::new();
        path.str("/proc/").number(child as u64).str("/ns/net");
        fs::open(path.leak(), libc::O_RDONLY, 0)?
    };
    let here = Netlink::new()?;
    let index = interface_index(&here, host_name)?;
    let addresses = addresses(&here, index)?;
    let mut move_link = link(index, 0);
    attribute(&mut move_link, IFLA_NET_NS_FD, &namespace.raw().to_ne_bytes());
    attribute(&mut move_link, IFLA_IFNAME, name.to_bytes_with_nul());
    here.ask(RTM_SETLINK, 0, &move_link, &mut |_, _| {})?;
    let there = socket_in(&namespace)?;
    let index = interface_index(&there, name)?;
    for address in addresses {
        let mut message = address;
        message[4..8].copy_from_slice(&index.to_ne_bytes());
        const CREATE_NEW: u16 = 0x400 | 0x200;
        match there.ask(RTM_NEWADDR, CREATE_NEW, &message, &mut |_, _| {}) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    there.ask(RTM_SETLINK, 0, &link(index, libc::IFF_UP as u32), &mut |_, _| {})
}

/// A socket of another network namespace. mini itself is back in its own one afterwards.
fn socket_in(namespace: &Fd) -> sys::Result<Netlink> {
    let own = fs::open(c"/proc/self/ns/net", libc::O_RDONLY, 0)?;
    process::setns(namespace, libc::CLONE_NEWNET)?;
    let socket = Netlink::new();
    process::setns(&own, libc::CLONE_NEWNET)?;
    socket
}

/// struct ifinfomsg: family, padding, type, index, flags, change.
fn link(index: u32, flags: u32) -> Vec<u8> {
    let words = [0, index, flags, flags];
    words.iter().flat_map(|word: &u32| word.to_ne_bytes()).collect()
}

/// Appends an attribute: length, type, value, padding to four bytes.
fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend_from_slice(&(4 + value.len() as u16).to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

/// The permanent global addresses of an interface, as messages that add them (struct ifaddrmsg: family, prefix length,
/// flags, scope, index).
fn addresses(socket: &Netlink, index: u32) -> sys::Result<Vec<Vec<u8>>> {
    const DUMP: u16 = 0x300;
    let mut found = Vec::new();
    socket.ask(RTM_GETADDR, DUMP, &[0; 8], &mut |kind, body| {
        if kind == RTM_NEWADDR {
            found.extend(kept_address(body, index));
        }
    })?;
    Ok(found)
}

fn kept_address(body: &[u8], index: u32) -> Option<Vec<u8>> {
    let (head, mut rest) = body.split_first_chunk::<8>()?;
    let word = |bytes: &[u8]| bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
    if word(&head[4..])? != index || head[3] != SCOPE_UNIVERSE {
        return None;
    }
    let mut flags = head[2].into();
    let mut message = head.to_vec();
    // Labels begin with the interface's name, which may be another one there.
    while let Some((&[low, high, kind_low, kind_high], _)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([low, high]));
        let kind = u16::from_ne_bytes([kind_low, kind_high]);
        let value = rest.get(4..length)?;
        match kind {
            IFA_FLAGS => flags = word(value)?,
            IFA_LABEL => {}
            kind if KEPT.contains(&kind) => attribute(&mut message, kind, value),
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    (flags & IFA_F_PERMANENT != 0).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permanent_global_addresses_are_kept() {
        let message = |scope: u8, flags: u8, index: u32| {
            let mut message = vec![2, 24, flags, scope];
            message.extend_from_slice(&index.to_ne_bytes());
            attribute(&mut message, 1, &[10, 0, 0, 1]);
            attribute(&mut message, IFA_LABEL, b"eth0\0");
            attribute(&mut message, 6, &[0; 16]);
            attribute(&mut message, 2, &[10, 0, 0, 1]);
            message
        };
        let mut kept = vec![2, 24, 0x80, 0, 7, 0, 0, 0];
        attribute(&mut kept, 1, &[10, 0, 0, 1]);
        attribute(&mut kept, 2, &[10, 0, 0, 1]);
        assert_eq!(kept_address(&message(0, 0x80, 7), 7), Some(kept));
        for other in [message(0, 0x80, 8), message(0, 0, 7), message(253, 0x80, 7), vec![1; 7]] {
            assert_eq!(kept_address(&other, 7), None);
        }
        assert_eq!(link(5, 1).len(), 16);
    }

    proptest::proptest! {
        #[test]
        fn any_message_is_read_safely(body: Vec<u8>) {
            let index = body.get(4..8).map_or(0, |i| u32::from_ne_bytes(i.try_into().unwrap()));
            kept_address(&body, index);
        }
    }
}
