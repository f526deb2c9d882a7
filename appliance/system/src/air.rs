//! What is in the air, as a radio of the box in monitor mode hears it, by a packet socket (packet(7)).

use std::io::{self, Read as _};
use std::time::Duration;

use firewall::Interface;
use nix::net::if_::if_nametoindex;
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};
use wire::wifi::{Beacon, skip_radiotap};

/// How much of a frame is read, in bytes: a beacon says its name in the first hundred, behind the radio's own header.
const FRAME_BYTES_MAX: usize = 1_024;
/// How long one waits for a frame: whoever listens has to look up now and then.
const FRAME_WITHIN: Duration = Duration::from_millis(250);

/// An ear.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
}

impl Listener {
    /// Listens by this interface, which somebody has put into monitor mode.
    ///
    /// # Errors
    /// The kernel's: there is no such interface, or CAP_NET_RAW is missing.
    pub fn open(interface: &Interface) -> io::Result<Self> {
        // Of all protocols, in the order of bytes of the wire.
        let all = i32::from(u16::try_from(libc::ETH_P_ALL).unwrap_or_default().to_be());
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(all)))?;
        socket.set_read_timeout(Some(FRAME_WITHIN))?;
        let index = if_nametoindex(interface.as_str())?;
        socket.bind(&address(all, index))?;
        Ok(Self { socket })
    }

    /// The name of the network whose beacon comes next; `None` when what comes is none, or nothing comes for a while.
    ///
    /// # Errors
    /// The kernel's: the interface is down, or has gone.
    pub fn hear(&mut self) -> io::Result<Option<String>> {
        let mut bytes = [0; FRAME_BYTES_MAX];
        match (&self.socket).read(&mut bytes) {
            Ok(length) => {
                let frame = skip_radiotap(bytes.get(..length).unwrap_or_default());
                Ok(frame.and_then(Beacon::read).map(|beacon| beacon.ssid))
            }
            Err(error) if [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted].contains(&error.kind()) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// The address of an interface, for a socket that takes what comes in by it.
fn address(protocol: i32, index: u32) -> SockAddr {
    #[expect(unsafe_code, reason = "no crate of the house makes addresses of packet sockets")]
    // SAFETY: sockaddr_ll is plain integers, for which zero is a value; it is smaller than the storage, which it begins, and its
    // own length is given.
    unsafe {
        let mut storage = SockAddrStorage::zeroed();
        let address: &mut libc::sockaddr_ll = storage.view_as();
        address.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or_default();
        address.sll_protocol = u16::try_from(protocol).unwrap_or_default();
        address.sll_ifindex = i32::try_from(index).unwrap_or_default();
        let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).unwrap_or_default();
        SockAddr::new(storage, length)
    }
}
