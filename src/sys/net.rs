//! The loopback interface, and unix sockets.

use super::{Errno, Fd, Result};
use core::mem::MaybeUninit;
use syscalls::{Sysno, syscall};

/// Brings the loopback interface up (netdevice(7), SIOCSIFFLAGS); the kernel then adds 127.0.0.1
/// and ::1. The request works on a socket of any family, and every kernel has unix sockets.
pub fn loopback_up() -> Result<()> {
    let socket = datagram_socket()?;
    // SAFETY: all zero is a valid ifreq.
    let mut request: libc::ifreq = unsafe { core::mem::zeroed() };
    request.ifr_name[0] = b'l' as _;
    request.ifr_name[1] = b'o' as _;
    request.ifr_ifru.ifru_flags = libc::IFF_UP as i16;
    // SAFETY: the kernel reads one ifreq.
    unsafe { syscall!(Sysno::ioctl, socket.raw(), libc::SIOCSIFFLAGS, &raw const request) }
        .map(drop)
}

/// socket(2): a unix datagram socket.
fn datagram_socket() -> Result<Fd> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::socket, libc::AF_UNIX, kind, 0) }.map(Fd::own)
}

/// socketpair(2): two connected unix sockets.
pub fn socket_pair() -> Result<(Fd, Fd)> {
    let mut ends = [0i32; 2];
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    // SAFETY: the kernel writes two ints.
    unsafe { syscall!(Sysno::socketpair, libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) }?;
    Ok((Fd::own(ends[0] as usize), Fd::own(ends[1] as usize)))
}

/// A control message with two descriptors (cmsg(3), unix(7)).
#[repr(C)]
struct Descriptors {
    length: usize,
    level: i32,
    kind: i32,
    descriptors: [i32; 2],
}

/// A message of one byte with control data.
fn with_message<T>(
    byte: &mut u8,
    descriptors: &mut Descriptors,
    call: impl FnOnce(*mut libc::msghdr) -> Result<T>,
) -> Result<T> {
    let mut part = libc::iovec { iov_base: (&raw mut *byte).cast(), iov_len: 1 };
    // SAFETY: all zero is a valid message; some C libraries' have padding.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut *descriptors).cast();
    message.msg_controllen = size_of::<Descriptors>() as _;
    call(&raw mut message)
}

/// sendmsg(2): sends two descriptors to the other end.
pub fn send_descriptors(socket: &Fd, descriptors: [&Fd; 2]) -> Result<()> {
    let mut control = Descriptors {
        length: size_of::<Descriptors>(),
        level: libc::SOL_SOCKET,
        kind: libc::SCM_RIGHTS,
        descriptors: descriptors.map(Fd::raw),
    };
    with_message(&mut 0, &mut control, |message| {
        // SAFETY: the message and all it points to live across the call.
        unsafe { syscall!(Sysno::sendmsg, socket.raw(), message, 0) }.map(drop)
    })
}

/// recvmsg(2) without waiting: receives two descriptors; None when the other end is closed.
pub fn receive_descriptors(socket: &Fd) -> Result<Option<[Fd; 2]>> {
    let mut control = Descriptors { length: 0, level: 0, kind: 0, descriptors: [-1; 2] };
    let length = with_message(&mut 0, &mut control, |message| {
        let flags = libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT;
        // SAFETY: as above; the kernel fills what it points to.
        unsafe { syscall!(Sysno::recvmsg, socket.raw(), message, flags) }
    })?;
    if length == 0 {
        return Ok(None);
    }
    if control.kind != libc::SCM_RIGHTS || control.length != size_of::<Descriptors>() {
        return Err(Errno::EBADMSG);
    }
    Ok(Some(control.descriptors.map(|fd| Fd::own(fd as usize))))
}

/// connect(2): a datagram socket connected to a path or, after `@`, an abstract name. poll(2) on a
/// connected socket shows when the receiver has room.
pub fn connect_datagram(path: &[u8]) -> Result<Fd> {
    // SAFETY: all zero is a valid address.
    let mut address: libc::sockaddr_un = unsafe { MaybeUninit::zeroed().assume_init() };
    address.sun_family = libc::AF_UNIX as _;
    let room = address.sun_path.get_mut(..path.len()).ok_or(Errno::ENAMETOOLONG)?;
    for (place, byte) in room.iter_mut().zip(path) {
        *place = *byte as _;
    }
    if path.first() == Some(&b'@') {
        address.sun_path[0] = 0;
    }
    let length = size_of::<libc::sa_family_t>() + path.len();
    let socket = datagram_socket()?;
    // SAFETY: the kernel reads the address, no further than its length.
    unsafe { syscall!(Sysno::connect, socket.raw(), &raw const address, length) }?;
    Ok(socket)
}

/// sendto(2) without waiting: EAGAIN when the receiver has no room.
pub fn send(socket: &Fd, bytes: &[u8]) -> Result<usize> {
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    loop {
        let (at, size) = (bytes.as_ptr(), bytes.len());
        // SAFETY: the kernel reads the slice, no further than its length.
        match unsafe { syscall!(Sysno::sendto, socket.raw(), at, size, flags, 0, 0) } {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

/// A stream socket of the unix family.
fn stream_socket() -> Result<Fd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::socket, libc::AF_UNIX, kind, 0) }.map(Fd::own)
}

/// The address of a unix socket by its path, and the address's length.
fn address_of(path: &[u8]) -> Result<(libc::sockaddr_un, usize)> {
    // SAFETY: all zero is a valid address.
    let mut address: libc::sockaddr_un = unsafe { MaybeUninit::zeroed().assume_init() };
    address.sun_family = libc::AF_UNIX as _;
    // The NUL behind the path is part of the address.
    if path.len() >= address.sun_path.len() {
        return Err(Errno::ENAMETOOLONG);
    }
    for (place, byte) in address.sun_path.iter_mut().zip(path) {
        *place = *byte as _;
    }
    Ok((address, size_of::<libc::sa_family_t>() + path.len() + 1))
}

/// A socket that listens at a path, which must be free (bind(2), listen(2)).
pub fn listen_at(path: &[u8]) -> Result<Fd> {
    const BACKLOG: usize = 64;
    let (address, length) = address_of(path)?;
    let socket = stream_socket()?;
    // SAFETY: the kernel reads the address, no further than its length.
    unsafe {
        syscall!(Sysno::bind, socket.raw(), &raw const address, length)?;
        syscall!(Sysno::listen, socket.raw(), BACKLOG)?;
    }
    Ok(socket)
}

/// connect(2) of a new stream socket to the one that listens at a path. ECONNREFUSED when nobody listens any more.
pub fn connect_stream(path: &[u8]) -> Result<Fd> {
    let (address, length) = address_of(path)?;
    let socket = stream_socket()?;
    // SAFETY: the kernel reads the address, no further than its length.
    unsafe { syscall!(Sysno::connect, socket.raw(), &raw const address, length) }?;
    Ok(socket)
}

/// accept4(2): waits for a connection.
pub fn accept(socket: &Fd) -> Result<Fd> {
    loop {
        // SAFETY: no address is asked for.
        match unsafe { syscall!(Sysno::accept4, socket.raw(), 0, 0, libc::SOCK_CLOEXEC) } {
            Err(Errno::EINTR | Errno::ECONNABORTED) => {}
            result => return result.map(Fd::own),
        }
    }
}

/// A control message with one descriptor.
#[repr(C)]
struct OneDescriptor {
    length: usize,
    level: i32,
    kind: i32,
    descriptor: i32,
}

/// The length that the kernel wants for it, without what pads the structure.
const ONE_LENGTH: usize = size_of::<usize>() + 3 * size_of::<i32>();

/// sendmsg(2): some bytes, and with them a copy of a descriptor if there is one.
pub fn send_with(socket: &Fd, bytes: &[u8], descriptor: Option<&Fd>) -> Result<()> {
    let mut control = OneDescriptor {
        length: ONE_LENGTH,
        level: libc::SOL_SOCKET,
        kind: libc::SCM_RIGHTS,
        descriptor: descriptor.map_or(-1, Fd::raw),
    };
    let mut part = libc::iovec { iov_base: bytes.as_ptr() as *mut _, iov_len: bytes.len() };
    // SAFETY: all zero is a valid message; some C libraries' have padding.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    if descriptor.is_some() {
        message.msg_control = (&raw mut control).cast();
        message.msg_controllen = size_of::<OneDescriptor>() as _;
    }
    // SAFETY: the message and all it points to live across the call, and the kernel only reads them.
    unsafe { syscall!(Sysno::sendmsg, socket.raw(), &raw const message, libc::MSG_NOSIGNAL) }
        .map(drop)
}

/// recvmsg(2): waits for one byte, and takes the descriptor that came with it, if one did; None at the end.
pub fn receive_with(socket: &Fd) -> Result<Option<(u8, Option<Fd>)>> {
    let mut byte = 0u8;
    loop {
        let mut control = OneDescriptor { length: 0, level: 0, kind: 0, descriptor: -1 };
        let mut part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        // SAFETY: all zero is a valid message; some C libraries' have padding.
        let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = (&raw mut control).cast();
        message.msg_controllen = size_of::<OneDescriptor>() as _;
        let flags = libc::MSG_CMSG_CLOEXEC;
        // SAFETY: the message and all it points to live across the call.
        match unsafe { syscall!(Sysno::recvmsg, socket.raw(), &raw mut message, flags) } {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
            Ok(0) => return Ok(None),
            Ok(_) => {
                let has_one = control.kind == libc::SCM_RIGHTS && control.length == ONE_LENGTH;
                return Ok(Some((byte, has_one.then(|| Fd::own(control.descriptor as usize)))));
            }
        }
    }
}

/// sendmsg(2): some texts, one after the other, and with them a copy of a descriptor.
pub fn send_parts(socket: &Fd, texts: &[&[u8]; 5], descriptor: i32) -> Result<()> {
    let mut control = OneDescriptor {
        length: ONE_LENGTH,
        level: libc::SOL_SOCKET,
        kind: libc::SCM_RIGHTS,
        descriptor,
    };
    let mut parts =
        texts.map(|text| libc::iovec { iov_base: text.as_ptr() as *mut _, iov_len: text.len() });
    // SAFETY: all zero is a valid message; some C libraries' have padding.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = parts.as_mut_ptr();
    message.msg_iovlen = parts.len() as _;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<OneDescriptor>() as _;
    let total: usize = texts.iter().map(|text| text.len()).sum();
    // SAFETY: the message and all it points to live across the call, and the kernel only reads them.
    let sent =
        unsafe { syscall!(Sysno::sendmsg, socket.raw(), &raw const message, libc::MSG_NOSIGNAL) }?;
    if sent == total { Ok(()) } else { Err(Errno::EMSGSIZE) }
}

/// A socket for rtnetlink(7).
pub struct Netlink(Fd);

/// The bytes of struct nlmsghdr: length, type, flags, sequence number, port.
const NETLINK_HEADER: usize = 16;

impl Netlink {
    /// A socket of this process's network namespace.
    pub fn new() -> Result<Netlink> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // SAFETY: numbers only.
        unsafe { syscall!(Sysno::socket, libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) }
            .map(|fd| Netlink(Fd::own(fd)))
    }

    /// Sends a request and calls `each` with the type and the body of each answer, until the kernel says that it is
    /// done.
    pub fn ask(
        &self,
        kind: u16,
        flags: u16,
        body: &[u8],
        each: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<()> {
        const REQUEST: u16 = 1;
        const ACKNOWLEDGE: u16 = 4;
        const ERROR: u16 = 2;
        const DONE: u16 = 3;
        let mut message = alloc::vec![0; NETLINK_HEADER];
        let length = (NETLINK_HEADER + body.len()) as u32;
        message[..4].copy_from_slice(&length.to_ne_bytes());
        message[4..6].copy_from_slice(&kind.to_ne_bytes());
        message[6..8].copy_from_slice(&(flags | REQUEST | ACKNOWLEDGE).to_ne_bytes());
        message.extend_from_slice(body);
        let (at, size) = (message.as_ptr(), message.len());
        // SAFETY: the kernel reads the slice, no further than its length.
        unsafe { syscall!(Sysno::sendto, self.0.raw(), at, size, 0, 0, 0) }?;
        let mut buffer = alloc::vec![0u8; 1 << 16];
        loop {
            let (at, size) = (buffer.as_mut_ptr(), buffer.len());
            // SAFETY: the kernel writes no further than the length.
            let length = unsafe { syscall!(Sysno::recvfrom, self.0.raw(), at, size, 0, 0, 0) }?;
            let mut rest = buffer.get(..length).unwrap_or_default();
            while let Some((header, _)) = rest.split_first_chunk::<NETLINK_HEADER>() {
                let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]);
                let body = rest.get(NETLINK_HEADER..length as usize).ok_or(Errno::EBADMSG)?;
                match (u16::from_ne_bytes([header[4], header[5]]), body.first_chunk()) {
                    (ERROR | DONE, Some(error)) => {
                        return match i32::from_ne_bytes(*error) {
                            0 => Ok(()),
                            error => Err(Errno::new(-error)),
                        };
                    }
                    (kind, _) => each(kind, body),
                }
                rest = rest.get((length as usize).next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }
}

/// The number of an interface (netdevice(7), SIOCGIFINDEX), in the socket's network namespace.
pub fn interface_index(socket: &Netlink, name: &core::ffi::CStr) -> Result<u32> {
    // SAFETY: all zero is a valid ifreq.
    let mut request: libc::ifreq = unsafe { core::mem::zeroed() };
    let bytes = name.to_bytes();
    let room = request.ifr_name.get_mut(..bytes.len()).ok_or(Errno::ENODEV)?;
    for (place, byte) in room.iter_mut().zip(bytes) {
        *place = *byte as _;
    }
    // SAFETY: the kernel reads and writes one ifreq.
    unsafe { syscall!(Sysno::ioctl, socket.0.raw(), libc::SIOCGIFINDEX, &raw mut request) }?;
    // SAFETY: the kernel has filled in the index.
    Ok(unsafe { request.ifr_ifru.ifru_ifindex } as u32)
}
