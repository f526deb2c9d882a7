//! Which hardware address uses an IP address, as the kernel's neighbour tables (ARP and NDP) say.
//!
//! Doors ask for every access, so the answer comes from memory: a table that a thread keeps like the kernel's
//! by netlink (rtnetlink(7)). When memory knows nothing, the kernel is asked at once: the first question of a
//! device may overtake the news about it.
//!
//! The kernel forgets a quiet neighbour after a minute or so, while the device still knows the box and goes on
//! without a new exchange of addresses. Its next question would come from nobody. So what the kernel forgot is
//! remembered for [`REMEMBERED`], and used only while the kernel knows nothing else: another device that takes
//! the address makes itself known before it can talk.

mod kernel;
mod table;

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use firewall::Interface;
use model::Mac;
use nix::net::if_::{if_nameindex, if_nametoindex};

use crate::clock::monotonic;
use kernel::{Kernel, News, Sighting};
use table::Table;

/// How long an address that the kernel forgot still stands for its device: longer than a lesson's silence,
/// shorter than a lease, after which the address may go to another device.
pub const REMEMBERED: Duration = Duration::from_mins(15);

/// Questions to the kernel in a second. One costs some twenty microseconds, so that a flood from invented
/// addresses costs a fiftieth of a processor.
const QUESTIONS_PER_SECOND: u32 = 1_000;

/// The kernel's tables of neighbours that have a queue each: of IPv4 and of IPv6.
const TABLES: [&str; 2] = ["arp_cache", "ndisc_cache"];

/// What may wait for one neighbour that the kernel looks for, in bytes of its memory: some ten replies to
/// questions. The kernel's own limit is a whole socket's buffer, so that one address that nobody has would take
/// all of the DNS door's, and a forger has hundreds. All 1,024 neighbours that the kernel has at most (gc_thresh3
/// in arp(7)) come to 8 MiB with this.
const QUEUE_BYTES_MAX: u32 = 8_192;

/// Pause before netlink is opened again after an error that should never happen.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

/// What a client on the box itself has for a hardware address: the loopback interface's.
const LOOPBACK: [u8; 6] = [0; 6];

/// The neighbours of the box. Cheap to share; ends with its last copy.
#[derive(Debug)]
pub struct NeighbourTable {
    shared: Arc<Shared>,
    enquiry: Mutex<Enquiry>,
}

#[derive(Debug)]
struct Shared {
    table: Table,
    scope: Scope,
}

/// Which interfaces count.
#[derive(Debug)]
struct Scope {
    /// These, each with its index, 0 while there is no such interface. It changes when the interface is made anew. None: all.
    only: Vec<(Interface, AtomicU32)>,
}

/// The right to ask the kernel, so many times a second.
#[derive(Debug)]
struct Enquiry {
    kernel: Kernel,
    second: Instant,
    questions: u32,
}

/// Limits what waits for neighbours of this interface that do not answer, so that questions in the name of
/// addresses that nobody has use up no socket's buffer. An interface that comes back has the kernel's limit again.
/// Does nothing while there is no such interface.
///
/// # Errors
/// The kernel's error: this needs CAP_NET_ADMIN.
pub fn limit_queues(interface: &Interface) -> io::Result<()> {
    let Ok(index) = if_nametoindex(interface.as_str()) else { return Ok(()) };
    let mut kernel = Kernel::open()?;
    for table in TABLES {
        match kernel.limit_queue(table, index, QUEUE_BYTES_MAX) {
            // The interface does not speak this protocol, or went away meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => (),
            outcome => outcome?,
        }
    }
    Ok(())
}

impl NeighbourTable {
    /// Reads the kernel's tables and follows them from now on: of one interface, or of all when none is named.
    /// The interface may appear later.
    ///
    /// # Errors
    /// The kernel's error: netlink is not available.
    pub fn open(only: &[Interface]) -> io::Result<Self> {
        let scope = Scope { only: only.iter().map(|it| (it.clone(), AtomicU32::new(0))).collect() };
        let shared = Arc::new(Shared { table: Table::default(), scope });
        let news = News::open()?;
        let mut kernel = Kernel::open()?;
        shared.reread(&mut kernel)?;
        let watched = Arc::downgrade(&shared);
        thread::Builder::new().name("neighbours".to_owned()).spawn(move || follow(&watched, news))?;
        let enquiry = Mutex::new(Enquiry { kernel, second: monotonic(), questions: 0 });
        Ok(Self { shared, enquiry })
    }

    /// Asks the kernel about an address that memory does not know.
    fn ask(&self, address: IpAddr, now: Instant) -> Option<Mac> {
        let mut enquiry = self.enquiry.lock().unwrap_or_else(PoisonError::into_inner);
        if !enquiry.may_ask(now) {
            return None;
        }
        for interface in self.shared.scope.interfaces() {
            match enquiry.kernel.ask(interface, address) {
                Ok(Some(sighting)) => {
                    self.shared.table.apply(sighting, now);
                    return sighting.mac;
                }
                Ok(None) => (),
                Err(error) => tracing::debug!(%address, %error, "the kernel does not tell a neighbour"),
            }
        }
        None
    }
}

impl access::Neighbours for NeighbourTable {
    fn find_mac(&self, address: IpAddr) -> Option<Mac> {
        let address = address.to_canonical();
        if address.is_loopback() {
            return Some(Mac::new(LOOPBACK));
        }
        let table = &self.shared.table;
        table.find(address).or_else(|| {
            let now = monotonic();
            self.ask(address, now).or_else(|| table.recall(address, now))
        })
    }
}

impl Enquiry {
    fn may_ask(&mut self, now: Instant) -> bool {
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.questions = 0;
        }
        self.questions += 1;
        self.questions <= QUESTIONS_PER_SECOND
    }
}

impl Shared {
    fn reread(&self, kernel: &mut Kernel) -> io::Result<()> {
        self.scope.refresh();
        let sightings = kernel.dump()?;
        let ours = sightings.into_iter().filter(|sighting| self.scope.includes(sighting.interface));
        self.table.replace(ours, monotonic());
        Ok(())
    }

    fn hear(&self, sightings: Vec<Sighting>) {
        let now = monotonic();
        for sighting in sightings.into_iter().filter(|sighting| self.scope.includes(sighting.interface)) {
            self.table.apply(sighting, now);
        }
    }
}

impl Scope {
    /// The interfaces to ask about, as they are now.
    fn interfaces(&self) -> Vec<u32> {
        self.refresh();
        if self.only.is_empty() {
            return if_nameindex()
                .map(|interfaces| interfaces.iter().map(|interface| interface.index()).collect())
                .unwrap_or_default();
        }
        let known = self.only.iter().map(|(_, index)| index.load(Ordering::Relaxed));
        known.filter(|&index| index != 0).collect()
    }

    fn refresh(&self) {
        for (name, index) in &self.only {
            index.store(if_nametoindex(name.as_str()).unwrap_or(0), Ordering::Relaxed);
        }
    }

    fn includes(&self, interface: u32) -> bool {
        let is_this = |(_, index): &(Interface, AtomicU32)| index.load(Ordering::Relaxed) == interface;
        self.only.is_empty() || self.only.iter().any(is_this)
    }
}

/// Keeps the table like the kernel's until nobody needs it.
fn follow(watched: &Weak<Shared>, mut news: News) {
    loop {
        let heard = news.next();
        let Some(shared) = watched.upgrade() else { return };
        match heard {
            Ok(sightings) => shared.hear(sightings),
            Err(error) => {
                // The kernel drops news that are not read in time (ENOBUFS): only a new reading makes up for it.
                tracing::debug!(%error, "news of neighbours lost: reading them all");
                match reopen(&shared) {
                    Ok(reopened) => news = reopened,
                    Err(error) => {
                        tracing::error!(%error, "cannot follow the kernel's neighbour table");
                        drop(shared);
                        thread::sleep(REOPEN_AFTER);
                    }
                }
            }
        }
    }
}

fn reopen(shared: &Shared) -> io::Result<News> {
    let news = News::open()?;
    shared.reread(&mut Kernel::open()?)?;
    Ok(news)
}

#[cfg(test)]
mod tests {
    use access::Neighbours as _;

    use super::*;

    #[test]
    fn the_box_itself_has_the_loopback_address() {
        let table = NeighbourTable::open(&[]).unwrap();
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(table.find_mac(address.parse().unwrap()), Some(Mac::new(LOOPBACK)), "{address}");
        }
    }

    #[test]
    fn strangers_are_nobody_and_a_flood_of_them_is_cheap() {
        let table = NeighbourTable::open(&["nowhere0".parse().unwrap()]).unwrap();
        for host in 0..QUESTIONS_PER_SECOND * 3 {
            let address = std::net::Ipv4Addr::from(0xcb00_7100 + host);
            assert_eq!(table.find_mac(address.into()), None);
        }
        assert!(table.enquiry.lock().unwrap().questions > 0);
    }

    #[test]
    fn questions_are_rationed_by_the_second() {
        let second = monotonic();
        let mut enquiry = Enquiry { kernel: Kernel::open().unwrap(), second, questions: 0 };
        assert!((0..QUESTIONS_PER_SECOND).all(|_| enquiry.may_ask(second)));
        assert!(!enquiry.may_ask(second));
        assert!(enquiry.may_ask(second + Duration::from_secs(1)));
    }
}
