//! What a PC asks to be given an address (RFC 2131), and what it is offered.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use dhcproto::v4::{
    CLIENT_PORT, Decodable as _, DhcpOption, Encodable as _, Flags, Message, MessageType, Opcode, OptionCode,
    SERVER_PORT,
};
use model::Mac;
use socket2::{Domain, Protocol, Socket, Type};

use crate::clock::monotonic;
use crate::selftest::TestbedError;

/// How often it asks; and how long it waits each time. dnsmasq answers at once.
const ATTEMPTS: u32 = 3;
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Most bytes of an answer.
pub(super) const DATAGRAM_BYTES_MAX: usize = 1_500;

/// What a PC is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its address.
    pub address: Ipv4Addr,
    /// How many bits of it are the network's.
    pub prefix_bits: u8,
    /// The way to everywhere else.
    pub router: Ipv4Addr,
    /// Whom it asks for names.
    pub resolver: Ipv4Addr,
    /// Whether the address was offered; else it was taken by hand, and the server told the rest.
    pub is_offered: bool,
}

/// Who asks whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// The PC's hardware address.
    pub(super) mac: Mac,
    /// The box's address. Nobody else is listened to: on the school's wire, others may make offers, too.
    pub(super) server: Ipv4Addr,
    /// The address that the PC has taken by hand; without one, it asks for one.
    pub(super) own: Option<Ipv4Addr>,
}

/// Why a PC has no address.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// It cannot ask.
    #[error("the question cannot be sent")]
    Ask(#[source] io::Error),
    /// The box makes no offer.
    #[error("no offer")]
    Silent,
    /// The address cannot be taken.
    #[error("the address that was offered cannot be taken")]
    Take(#[source] TestbedError),
}

/// Asks on this interface.
///
/// # Errors
/// [`LeaseError::Ask`], [`LeaseError::Silent`].
pub(super) fn ask(interface: &str, question: Question) -> Result<Lease, LeaseError> {
    let socket = open(interface).map_err(LeaseError::Ask)?;
    let message = question.message();
    let bytes = message.to_vec().map_err(|error| LeaseError::Ask(io::Error::other(error.to_string())))?;
    let mut wrong = None;
    for _ in 0..ATTEMPTS {
        let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, SERVER_PORT);
        socket.send_to(&bytes, to).map_err(LeaseError::Ask)?;
        match question.listen(&socket, message.xid()).map_err(LeaseError::Ask)? {
            Some(lease) if question.is_right(&lease) => return Ok(lease),
            lease => wrong = wrong.or(lease),
        }
    }
    wrong.ok_or(LeaseError::Silent)
}

pub(super) fn open(interface: &str) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind_device(Some(interface.as_bytes()))?;
    socket.set_broadcast(true)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT_PORT).into())?;
    Ok(socket.into())
}

impl Question {
    /// DHCPDISCOVER, to be answered to all: an address that is not taken yet hears nothing. With an address, DHCPINFORM.
    pub(super) fn message(&self) -> Message {
        let mut message = Message::default();
        message.set_chaddr(&self.mac.octets());
        let kind = match self.own {
            Some(own) => {
                message.set_ciaddr(own);
                MessageType::Inform
            }
            None => {
                message.set_flags(Flags::default().set_broadcast());
                MessageType::Discover
            }
        };
        let options = message.opts_mut();
        options.insert(DhcpOption::MessageType(kind));
        options.insert(DhcpOption::ParameterRequestList(vec![
            OptionCode::SubnetMask,
            OptionCode::Router,
            OptionCode::DomainNameServer,
        ]));
        message
    }

    /// Whether an offer leads to the box alone.
    pub(super) fn is_right(&self, lease: &Lease) -> bool {
        lease.router == self.server && lease.resolver == self.server
    }

    /// Waits for the server's answer; `None` when none came in time. Somebody else on the wire may answer in the box's name, and sooner: what leads
    /// elsewhere counts only where nothing else comes.
    fn listen(&self, socket: &UdpSocket, number: u32) -> io::Result<Option<Lease>> {
        let until = monotonic() + ANSWER_WITHIN;
        let (mut bytes, mut wrong) = ([0; DATAGRAM_BYTES_MAX], None);
        loop {
            let rest = until.saturating_duration_since(monotonic());
            if rest.is_zero() {
                return Ok(wrong);
            }
            socket.set_read_timeout(Some(rest))?;
            match socket.recv_from(&mut bytes) {
                Ok((length, from)) if from.ip() == IpAddr::V4(self.server) => {
                    match self.read(bytes.get(..length).unwrap_or_default(), number) {
                        Some(lease) if self.is_right(&lease) => return Ok(Some(lease)),
                        lease => wrong = wrong.or(lease),
                    }
                }
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Ok(wrong);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads the server's offer (DHCPOFFER), or what it tells whoever has an address (DHCPACK); `None` for anything else, and for
    /// what a PC could not work with.
    pub(super) fn read(&self, bytes: &[u8], number: u32) -> Option<Lease> {
        let message = Message::from_bytes(bytes).ok()?;
        let kind = if self.own.is_some() { MessageType::Ack } else { MessageType::Offer };
        let is_ours = message.opcode() == Opcode::BootReply
            && message.xid() == number
            && message.chaddr() == self.mac.octets()
            && message.opts().has_msg_type(kind);
        let option = |code| message.opts().get(code);
        let server = DhcpOption::ServerIdentifier(self.server);
        let is_own = option(OptionCode::ServerIdentifier) == Some(&server);
        let Some(DhcpOption::SubnetMask(mask)) = option(OptionCode::SubnetMask) else { return None };
        let Some(DhcpOption::Router(routers)) = option(OptionCode::Router) else { return None };
        let Some(DhcpOption::DomainNameServer(resolvers)) = option(OptionCode::DomainNameServer) else {
            return None;
        };
        let (bits, address) = (mask.to_bits(), self.own.unwrap_or(message.yiaddr()));
        let prefix_bits = u8::try_from(bits.leading_ones()).ok()?;
        let is_usable = bits.leading_ones() + bits.trailing_zeros() == u32::BITS && !address.is_unspecified();
        let (router, resolver) = (*routers.first()?, *resolvers.first()?);
        let lease = Lease { address, prefix_bits, router, resolver, is_offered: self.own.is_none() };
        (is_ours && is_own && is_usable).then_some(lease)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac::new([2, 0, 0, 0, 0, 0x11]);
    const BOX: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
    const STRANGER: Question = Question { mac: MAC, server: BOX, own: None };

    fn offer() -> Message {
        let mut offer = STRANGER.message();
        offer.set_xid(7).set_opcode(Opcode::BootReply).set_yiaddr([10, 77, 0, 101]);
        for option in [
            DhcpOption::MessageType(MessageType::Offer),
            DhcpOption::ServerIdentifier(BOX),
            DhcpOption::SubnetMask([255, 255, 255, 0].into()),
            DhcpOption::Router(vec![BOX]),
            DhcpOption::DomainNameServer(vec![BOX]),
        ] {
            offer.opts_mut().insert(option);
        }
        offer
    }

    fn read_changed(change: impl FnOnce(&mut Message)) -> Option<Lease> {
        let mut offer = offer();
        change(&mut offer);
        STRANGER.read(&offer.to_vec().unwrap(), 7)
    }

    #[test]
    fn a_question_is_one_of_a_pc_without_an_address() {
        let bytes = STRANGER.message().to_vec().unwrap();
        // RFC 2131 section 2: a request by Ethernet, from nowhere, to be answered to all.
        assert_eq!(bytes[..4], [1, 1, 6, 0]);
        assert_eq!(bytes[10..28], [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[28..34], MAC.octets());
        assert_eq!(bytes[236..240], [99, 130, 83, 99]);
        assert!(bytes[240..].windows(3).any(|option| option == [53, 1, 1]));
    }

    #[test]
    fn the_offer_of_the_box_to_this_question_is_taken() {
        let address = [10, 77, 0, 101].into();
        let expected = Lease { address, prefix_bits: 24, router: BOX, resolver: BOX, is_offered: true };
        assert_eq!(read_changed(|_| {}), Some(expected));
    }

    #[test]
    fn whoever_has_an_address_is_told_the_rest() {
        let own = Ipv4Addr::new(10, 77, 0, 254);
        let question = Question { own: Some(own), ..STRANGER };
        let bytes = question.message().to_vec().unwrap();
        assert_eq!((&bytes[10..12], &bytes[12..16]), (&[0, 0][..], &own.octets()[..]));
        assert!(bytes[240..].windows(3).any(|option| option == [53, 1, 8]));
        let mut answer = offer();
        assert_eq!(question.read(&answer.to_vec().unwrap(), 7), None, "an offer is none");
        answer.set_yiaddr([0, 0, 0, 0]);
        answer.opts_mut().insert(DhcpOption::MessageType(MessageType::Ack));
        let expected = Lease { address: own, prefix_bits: 24, router: BOX, resolver: BOX, is_offered: false };
        assert_eq!(question.read(&answer.to_vec().unwrap(), 7), Some(expected));
    }

    #[test]
    fn other_offers_are_not() {
        let other = Ipv4Addr::new(10, 77, 0, 66);
        let refused = |change: &dyn Fn(&mut Message)| assert_eq!(read_changed(change), None);
        refused(&|offer| {
            offer.set_xid(8);
        });
        refused(&|offer| {
            offer.set_chaddr(&[2, 0, 0, 0, 0, 0x12]);
        });
        refused(&|offer| {
            offer.set_opcode(Opcode::BootRequest);
        });
        refused(&|offer| {
            offer.set_yiaddr([0, 0, 0, 0]);
        });
        for option in [
            DhcpOption::MessageType(MessageType::Nak),
            DhcpOption::ServerIdentifier(other),
            DhcpOption::SubnetMask([255, 0, 255, 0].into()),
            DhcpOption::Router(vec![]),
        ] {
            refused(&|offer| drop(offer.opts_mut().insert(option.clone())));
        }
        for code in [OptionCode::ServerIdentifier, OptionCode::SubnetMask, OptionCode::DomainNameServer] {
            refused(&|offer| drop(offer.opts_mut().remove(code)));
        }
    }

    /// Whoever sees the question can answer it in the box's name.
    #[test]
    fn who_answers_sooner_in_the_name_of_the_box_does_not_spoil_its_offer() {
        let own = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let question = Question { server: Ipv4Addr::LOCALHOST, ..STRANGER };
        let mut said = offer();
        for resolver in [Ipv4Addr::new(10, 77, 0, 66), Ipv4Addr::LOCALHOST] {
            for option in [
                DhcpOption::ServerIdentifier(Ipv4Addr::LOCALHOST),
                DhcpOption::Router(vec![Ipv4Addr::LOCALHOST]),
                DhcpOption::DomainNameServer(vec![resolver]),
            ] {
                said.opts_mut().insert(option);
            }
            server.send_to(&said.to_vec().unwrap(), own.local_addr().unwrap()).unwrap();
        }
        let lease = question.listen(&own, 7).unwrap().unwrap();
        assert_eq!(lease.resolver, Ipv4Addr::LOCALHOST);
    }

    /// Whoever is on the school's wire may say anything.
    #[test]
    fn damaged_offers_are_none_and_harm_nothing() {
        let whole = offer().to_vec().unwrap();
        for length in 0..240 {
            assert_eq!(STRANGER.read(&whole[..length], 7), None, "{length}");
        }
        for place in 240..whole.len() {
            for byte in [0, 1, 53, 255] {
                let mut damaged = whole.clone();
                damaged[place] = byte;
                // No more than that it comes back.
                let _lease = STRANGER.read(&damaged, 7);
            }
        }
        let noise: Vec<u8> = whole.iter().map(|byte| byte.wrapping_mul(151).wrapping_add(13)).collect();
        assert_eq!(STRANGER.read(&noise, 7), None);
    }
}
