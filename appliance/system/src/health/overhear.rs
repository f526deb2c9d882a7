//! Who answers a PC that asks the whole network for an address (RFC 2131 section 4.4.1), and who says in it that it is a router (RFC 4861):
//! whoever is not the box leads the school's devices past it.
//!
//! Router advertisements are read by the PC's own kernel, which asks for them as soon as the PC is plugged in; so are the hardware addresses.
//! It takes no socket that hears everything, and no right to one.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::thread;
use std::time::Duration;

use dhcproto::v4::{
    Decodable as _, DhcpOption, Encodable as _, Message, MessageType, Opcode, OptionCode, SERVER_PORT,
};
use model::Mac;
use selftest::{Overheard, Stranger};

use super::lease::{DATAGRAM_BYTES_MAX, Question, open};
use crate::clock::monotonic;
use crate::selftest::TestbedError;
use crate::selftest::testbed::{ask_ip, ip};

/// How often it asks, and how long it hears each time. Many servers find out for three seconds whether an address is free before they offer it;
/// a router may wait as long between two advertisements (RFC 4861 section 10).
const ROUNDS: u32 = 4;
const ROUND: Duration = Duration::from_secs(2);
/// How long somebody on the same wire may take to say which hardware address it has.
const ADDRESS_WITHIN: Duration = Duration::from_millis(500);
/// A port at which nothing is done with what comes (RFC 863).
const DISCARD_PORT: u16 = 9;
/// Most of each kind that are told: one is too many, and a pupil can make up any number.
const STRANGERS_MAX: usize = 8;

/// Why nothing was heard.
#[derive(Debug, thiserror::Error)]
pub enum OverhearError {
    /// The PC's kernel does not tell what it knows.
    #[error("the made-up PC's neighbours cannot be read")]
    Neighbours(#[source] TestbedError),
    /// The PC cannot ask.
    #[error("the question cannot be sent")]
    Ask(#[source] io::Error),
}

/// Somebody else's offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Offer {
    /// The server that it names (option 54); where that is the box, whom it leads to instead.
    server: Ipv4Addr,
    /// Where it came from.
    from: Ipv4Addr,
}

/// The offers to one question.
#[derive(Debug)]
struct Offers {
    question: Question,
    number: u32,
    is_own_heard: bool,
    others: Vec<Offer>,
}

/// Somebody that the PC's kernel has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Neighbour {
    address: IpAddr,
    mac: Option<Mac>,
    /// Whether it has said that it is a router.
    is_router: bool,
}

/// Asks on this interface, and hears who answers. `own` is the box's hardware address.
///
/// # Errors
/// [`OverhearError`].
pub(super) fn overhear(interface: &str, question: Question, own: Mac) -> Result<Overheard, OverhearError> {
    let socket = open(interface).map_err(OverhearError::Ask)?;
    let message = question.message();
    let bytes = message.to_vec().map_err(|error| OverhearError::Ask(io::Error::other(error.to_string())))?;
    let mut offers = Offers { question, number: message.xid(), is_own_heard: false, others: vec![] };
    for _ in 0..ROUNDS {
        let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, SERVER_PORT);
        socket.send_to(&bytes, to).map_err(OverhearError::Ask)?;
        offers.listen(&socket).map_err(OverhearError::Ask)?;
    }
    meet(interface, &socket, &offers.others);
    let said = ask_ip(&[format!("neighbour show dev {interface}")]).map_err(OverhearError::Neighbours)?;
    let neighbours: Vec<Neighbour> = said.lines().filter_map(read_neighbour).collect();
    Ok(Overheard {
        is_own_heard: offers.is_own_heard,
        servers: offers.others.iter().map(|offer| offer.introduce(&neighbours)).collect(),
        routers: find_routers(&neighbours, own),
    })
}

/// Has the kernel find out the hardware addresses of those that made offers. Who does not answer stays without one.
fn meet(interface: &str, socket: &UdpSocket, others: &[Offer]) {
    for Offer { from, .. } in others {
        // A server may have an address of another network than the school's.
        let _kept = ip(&[format!("route replace {from}/32 dev {interface}")]);
        let _unsent = socket.send_to(&[], SocketAddrV4::new(*from, DISCARD_PORT));
    }
    if !others.is_empty() {
        thread::sleep(ADDRESS_WITHIN);
    }
}

/// Those that are not the box.
fn find_routers(neighbours: &[Neighbour], own: Mac) -> Vec<Stranger> {
    let others = neighbours.iter().filter(|it| it.is_router && it.mac != Some(own));
    others.map(|it| Stranger { address: it.address, mac: it.mac }).take(STRANGERS_MAX).collect()
}

/// Reads a line of `ip neighbour show dev`: `fe80::12 lladdr 02:00:00:00:00:12 router STALE`.
fn read_neighbour(line: &str) -> Option<Neighbour> {
    let mut words = line.split_ascii_whitespace();
    let address = words.next()?.parse().ok()?;
    let mac = words.clone().skip_while(|word| *word != "lladdr").nth(1).and_then(|word| word.parse().ok());
    Some(Neighbour { address, mac, is_router: words.any(|word| word == "router") })
}

impl Offer {
    fn introduce(&self, neighbours: &[Neighbour]) -> Stranger {
        let sender = neighbours.iter().find(|neighbour| neighbour.address == IpAddr::V4(self.from));
        Stranger { address: self.server.into(), mac: sender.and_then(|neighbour| neighbour.mac) }
    }
}

impl Offers {
    /// Hears what comes, as long as a round takes.
    fn listen(&mut self, socket: &UdpSocket) -> io::Result<()> {
        let until = monotonic() + ROUND;
        let mut bytes = [0; DATAGRAM_BYTES_MAX];
        loop {
            let rest = until.saturating_duration_since(monotonic());
            if rest.is_zero() {
                return Ok(());
            }
            socket.set_read_timeout(Some(rest))?;
            match socket.recv_from(&mut bytes) {
                Ok((length, SocketAddr::V4(from))) => {
                    self.note(bytes.get(..length).unwrap_or_default(), *from.ip());
                }
                Ok((_, SocketAddr::V6(_))) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Notes whose offer this is, where it is one.
    fn note(&mut self, bytes: &[u8], from: Ipv4Addr) {
        let lease = self.question.read(bytes, self.number).filter(|lease| self.question.is_right(lease));
        if lease.is_some() && from == self.question.server {
            self.is_own_heard = true;
            return;
        }
        let Some(server) = self.read_other(bytes) else { return };
        let is_new = self.others.iter().all(|other| other.server != server);
        if is_new && self.others.len() < STRANGERS_MAX {
            self.others.push(Offer { server, from });
        }
    }

    /// Whom an offer is of, or leads to, that is not the box; `None` for anything else, and for what no PC takes.
    fn read_other(&self, bytes: &[u8]) -> Option<Ipv4Addr> {
        let message = Message::from_bytes(bytes).ok()?;
        let is_ours = message.opcode() == Opcode::BootReply
            && message.xid() == self.number
            && message.chaddr() == self.question.mac.octets()
            && message.opts().has_msg_type(MessageType::Offer)
            && !message.yiaddr().is_unspecified();
        let option = |code| message.opts().get(code);
        let Some(DhcpOption::ServerIdentifier(server)) = option(OptionCode::ServerIdentifier) else {
            return None;
        };
        let first = |code| {
            let Some(DhcpOption::Router(all) | DhcpOption::DomainNameServer(all)) = option(code) else {
                return None;
            };
            all.first().copied()
        };
        // Whoever speaks in the box's name is known by where it leads.
        let led = [Some(*server), first(OptionCode::Router), first(OptionCode::DomainNameServer)];
        led.into_iter().flatten().find(|address| *address != self.question.server).filter(|_| is_ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac::new([2, 0, 0, 0, 0, 0x11]);
    const BOX: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
    const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
    const BOX_MAC: Mac = Mac::new([2, 0, 0, 0, 0, 1]);

    fn offers() -> Offers {
        let question = Question { mac: MAC, server: BOX, own: None };
        Offers { question, number: 7, is_own_heard: false, others: vec![] }
    }

    /// An offer that names this server, and this way to everywhere.
    fn offer(server: Ipv4Addr, way: Ipv4Addr) -> Message {
        let mut offer = offers().question.message();
        offer.set_xid(7).set_opcode(Opcode::BootReply).set_yiaddr([10, 77, 0, 101]);
        for option in [
            DhcpOption::MessageType(MessageType::Offer),
            DhcpOption::ServerIdentifier(server),
            DhcpOption::SubnetMask([255, 255, 255, 0].into()),
            DhcpOption::Router(vec![way]),
            DhcpOption::DomainNameServer(vec![way]),
        ] {
            offer.opts_mut().insert(option);
        }
        offer
    }

    /// What is noted of these offers, each with where it comes from: whether the box's own is there, and whom the others are of.
    fn noted(all: &[(&Message, Ipv4Addr)]) -> (bool, Vec<Ipv4Addr>) {
        let mut offers = offers();
        for (offer, from) in all {
            offers.note(&offer.to_vec().unwrap(), *from);
        }
        (offers.is_own_heard, offers.others.iter().map(|other| other.server).collect())
    }

    #[test]
    fn of_two_servers_the_other_one_is_told_whichever_comes_first() {
        let (own, other) = (offer(BOX, BOX), offer(ROUTER, ROUTER));
        assert_eq!(noted(&[(&own, BOX)]), (true, vec![]));
        assert_eq!(noted(&[(&own, BOX), (&other, ROUTER)]), (true, vec![ROUTER]));
        assert_eq!(noted(&[(&other, ROUTER), (&own, BOX), (&other, ROUTER)]), (true, vec![ROUTER]));
        assert_eq!(noted(&[(&other, ROUTER)]), (false, vec![ROUTER]));
    }

    /// A router that a pupil has given the box's name.
    #[test]
    fn who_speaks_in_the_name_of_the_box_is_told_by_where_it_leads() {
        assert_eq!(noted(&[(&offer(BOX, ROUTER), BOX)]), (false, vec![ROUTER]));
        // Leads to the box after all.
        assert_eq!(noted(&[(&offer(BOX, BOX), ROUTER)]), (false, vec![]));
        let mut wayless = offer(BOX, ROUTER);
        wayless.opts_mut().remove(OptionCode::Router);
        assert_eq!(noted(&[(&wayless, BOX)]), (false, vec![ROUTER]));
    }

    #[test]
    fn what_is_no_offer_to_this_question_is_none() {
        let ignored = |change: &dyn Fn(&mut Message)| {
            let mut offer = offer(ROUTER, ROUTER);
            change(&mut offer);
            assert_eq!(noted(&[(&offer, ROUTER)]), (false, vec![]));
        };
        ignored(&|offer| {
            offer.set_xid(8);
        });
        ignored(&|offer| {
            offer.set_chaddr(&[2, 0, 0, 0, 0, 0x12]);
        });
        ignored(&|offer| {
            offer.set_opcode(Opcode::BootRequest);
        });
        ignored(&|offer| {
            offer.set_yiaddr([0, 0, 0, 0]);
        });
        ignored(&|offer| drop(offer.opts_mut().insert(DhcpOption::MessageType(MessageType::Ack))));
        ignored(&|offer| drop(offer.opts_mut().remove(OptionCode::ServerIdentifier)));
    }

    /// Whoever is on the school's wire may say anything, and as often as it likes.
    #[test]
    fn damaged_offers_and_many_harm_nothing() {
        let whole = offer(ROUTER, ROUTER).to_vec().unwrap();
        let mut offers = offers();
        for length in 0..240 {
            offers.note(&whole[..length], ROUTER);
        }
        assert_eq!(offers.others, []);
        for place in 240..whole.len() {
            for byte in [0, 1, 53, 255] {
                let mut damaged = whole.clone();
                damaged[place] = byte;
                // No more than that it comes back.
                offers.note(&damaged, ROUTER);
            }
        }
        for end in 0..=255 {
            let server = Ipv4Addr::new(192, 168, 2, end);
            offers.note(&offer(server, server).to_vec().unwrap(), server);
        }
        assert_eq!(offers.others.len(), STRANGERS_MAX);
    }

    #[test]
    fn neighbours_tell_hardware_addresses_and_routers() {
        let said = "192.168.1.1 lladdr 02:00:00:00:00:12 REACHABLE \n192.168.1.9 FAILED\n\
                    fe80::ff:fe00:12 lladdr 02:00:00:00:00:12 router STALE \n\
                    fe80::ff:fe00:1 lladdr 02:00:00:00:00:01 router DELAY\n\
                    fe80::ff:fe00:13 lladdr 02:00:00:00:00:13 STALE\nnonsense\n";
        let neighbours: Vec<Neighbour> = said.lines().filter_map(read_neighbour).collect();
        assert_eq!(neighbours.len(), 5);
        let mac = Some(Mac::new([2, 0, 0, 0, 0, 0x12]));
        let told = Offer { server: ROUTER, from: ROUTER }.introduce(&neighbours);
        assert_eq!(told, Stranger { address: ROUTER.into(), mac });
        let silent = Ipv4Addr::new(192, 168, 1, 9);
        assert_eq!(Offer { server: ROUTER, from: silent }.introduce(&neighbours).mac, None);
        let router = Stranger { address: "fe80::ff:fe00:12".parse().unwrap(), mac };
        assert_eq!(find_routers(&neighbours, BOX_MAC), [router]);
    }
}
