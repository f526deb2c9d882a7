//! Where the servers of workspaces were last reached: for the time when nobody can be asked for their names.
//!
//! After a power cut the box may be without a line, and with it without a resolver; devices then need an address to go to, or
//! they never come to what is kept. `docs/formats.md` describes the file.
//!
//! Invariant: a server is here only after it has shown its certificate; what is here leads nobody anywhere while somebody
//! answers for the name.

use std::net::IpAddr;

use model::{DomainName, Mac, Timestamp};
use serde::{Deserialize, Serialize};

/// What the file begins with.
const SERVERS_MAGIC: [u8; 8] = *b"PREAUSRV";
const VERSION: u16 = 1;
/// Bytes of the checksum at its end: the whole BLAKE3.
const CHECKSUM_BYTES: usize = 32;
/// Servers at most: more than any workspace has.
pub const SERVERS_MAX: usize = 64;
/// Addresses of one server: as many as the gate tries.
pub const ADDRESSES_MAX: usize = 6;
/// Longest file: names of 253 bytes, and addresses of 17.
pub const SERVERS_BYTES_MAX: usize = SERVERS_MAX * 512;
/// Names beside those of the configuration that are noted in an hour, at most: somebody may make them up.
const UNNAMED_MAX: usize = 16;
/// How long an address is good for when nobody can be asked: as long as a session reads offline at most.
const GOOD_MS: u64 = 31 * 24 * 60 * 60 * 1_000;
/// How old what is known of a server may be before it is noted anew: servers move in days, and a disk shall rest.
const DUE_MS: u64 = 60 * 60 * 1_000;

/// A server, as it was last reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Its name.
    pub name: DomainName,
    /// Where it was.
    pub addresses: Vec<IpAddr>,
    /// The registered device for whose sake: by its rules the box looks for the server once it starts.
    pub device: Mac,
    /// When.
    pub at: Timestamp,
}

/// Why the file cannot be read. Whoever reads does as if there were none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServersDamage {
    /// It is something else, or of another version.
    #[error("no file of servers")]
    Foreign,
    /// It is cut short, or changed.
    #[error("a damaged file of servers")]
    Checksum,
    /// It is whole, and says what cannot be.
    #[error("a file of servers that says what cannot be")]
    Content,
}

/// The servers, the one that was noted last at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Servers(Vec<Reached>);

impl Servers {
    /// The last ones first.
    pub fn iter(&self) -> impl Iterator<Item = &Reached> {
        self.0.iter().rev()
    }

    /// Where a server is, as far as is known without asking. A clock that is behind takes nothing away: a box that was
    /// without power may have one.
    #[must_use]
    pub fn addresses(&self, name: &DomainName, now: Timestamp) -> &[IpAddr] {
        let reached = self.find(name).filter(|reached| now.ms_since(reached.at) <= GOOD_MS);
        reached.map(|reached| reached.addresses.as_slice()).unwrap_or_default()
    }

    /// Whether a server that was reached just now has to be noted.
    #[must_use]
    pub fn is_due(&self, name: &DomainName, now: Timestamp) -> bool {
        self.find(name).is_none_or(|reached| now < reached.at || now.ms_since(reached.at) >= DUE_MS)
    }

    /// Notes a server. Where there are too many the oldest one leaves, but first of all one that is not `named`: somebody may
    /// make names up under a workspace's own. False where too many of these came within the hour.
    pub fn note(&mut self, mut reached: Reached, is_named: impl Fn(&DomainName) -> bool) -> bool {
        let is_recent = |other: &&Reached| reached.at.ms_since(other.at) < DUE_MS && !is_named(&other.name);
        let is_new = self.find(&reached.name).is_none() && !is_named(&reached.name);
        if is_new && self.0.iter().filter(is_recent).count() >= UNNAMED_MAX {
            return false;
        }
        reached.addresses.truncate(ADDRESSES_MAX);
        self.0.retain(|other| other.name != reached.name);
        if self.0.len() >= SERVERS_MAX {
            let place = self.0.iter().position(|other| !is_named(&other.name)).unwrap_or(0);
            self.0.remove(place);
        }
        self.0.push(reached);
        true
    }

    fn find(&self, name: &DomainName) -> Option<&Reached> {
        self.0.iter().find(|reached| reached.name == *name)
    }

    /// The file.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let written: Vec<Written> = self.0.iter().map(write_one).collect();
        let mut bytes = SERVERS_MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        // Into memory, which does not fail; were it to, the file would be read as damaged.
        bytes.extend(postcard::to_stdvec(&written).unwrap_or_default());
        let checksum = blake3::hash(&bytes);
        bytes.extend_from_slice(checksum.as_bytes());
        bytes
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`ServersDamage`].
    pub fn read(bytes: &[u8]) -> Result<Self, ServersDamage> {
        let rest = bytes.strip_prefix(&SERVERS_MAGIC).ok_or(ServersDamage::Foreign)?;
        rest.strip_prefix(&VERSION.to_le_bytes()).ok_or(ServersDamage::Foreign)?;
        let (said, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(ServersDamage::Checksum)?;
        if bytes.len() > SERVERS_BYTES_MAX || blake3::hash(said) != *checksum {
            return Err(ServersDamage::Checksum);
        }
        let payload = said.get(SERVERS_MAGIC.len() + 2..).ok_or(ServersDamage::Checksum)?;
        let written: Vec<Written> = postcard::from_bytes(payload).map_err(|_| ServersDamage::Content)?;
        let read: Option<Vec<Reached>> = written.iter().map(read_one).collect();
        read.filter(|servers| servers.len() <= SERVERS_MAX).map(Self).ok_or(ServersDamage::Content)
    }
}

#[derive(Serialize, Deserialize)]
struct Written {
    name: String,
    addresses: Vec<IpAddr>,
    device: [u8; 6],
    at_ms: i64,
}

fn write_one(reached: &Reached) -> Written {
    let Reached { name, addresses, device, at } = reached;
    let (name, addresses) = (name.as_str().to_owned(), addresses.clone());
    Written { name, addresses, device: device.octets(), at_ms: at.unix_ms() }
}

fn read_one(written: &Written) -> Option<Reached> {
    (written.addresses.len() <= ADDRESSES_MAX).then_some(())?;
    Some(Reached {
        name: DomainName::parse(&written.name).ok()?,
        addresses: written.addresses.clone(),
        device: Mac::new(written.device),
        at: Timestamp::from_unix_ms(written.at_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::tests::at;

    const DAY_S: i64 = 24 * 60 * 60;

    fn reached(name: &str, at_s: i64) -> Reached {
        let addresses = ["198.51.100.11", "2001:db8:1::b"].map(|text| text.parse().unwrap()).to_vec();
        let device = "02:00:00:00:00:11".parse().unwrap();
        Reached { name: name.parse().unwrap(), addresses, device, at: at(at_s) }
    }

    fn sample() -> Servers {
        let mut servers = Servers::default();
        assert!(servers.note(reached("ent.example", 0), |_| true));
        assert!(servers.note(reached("media.ent.example", 5), |_| true));
        servers
    }

    #[test]
    fn the_file_is_read_as_it_was_written() {
        let servers = sample();
        assert_eq!(Servers::read(&servers.write()), Ok(servers));
        assert_eq!(Servers::read(&Servers::default().write()), Ok(Servers::default()));
    }

    #[test]
    fn the_golden_file_is_what_is_written() {
        let written: String = sample()
            .write()
            .chunks(32)
            .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n")
            .collect();
        assert_eq!(written, include_str!("../testdata/servers-v1.hex"));
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_found() {
        let bytes = sample().write();
        for place in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[place] ^= 0x40;
            assert!(Servers::read(&flipped).is_err(), "{place}");
            assert!(Servers::read(&bytes[..place]).is_err(), "{place}");
        }
    }

    #[test]
    fn an_address_is_good_for_a_month_and_noted_once_an_hour() {
        let (servers, name) = (sample(), "ent.example".parse().unwrap());
        let check = |now_s: i64, is_good: bool, is_due: bool| {
            assert_eq!(!servers.addresses(&name, at(now_s)).is_empty(), is_good, "{now_s}");
            assert_eq!(servers.is_due(&name, at(now_s)), is_due, "{now_s}");
        };
        check(0, true, false);
        check(3_599, true, false);
        check(3_600, true, true);
        check(31 * DAY_S, true, true);
        check(31 * DAY_S + 1, false, true);
        // A clock that was set back.
        check(-31 * DAY_S, true, true);
        assert!(servers.is_due(&"other.example".parse().unwrap(), at(0)));
        assert!(servers.addresses(&"other.example".parse().unwrap(), at(0)).is_empty());
    }

    #[test]
    fn made_up_names_do_not_push_out_those_that_the_configuration_names() {
        let mut servers = Servers::default();
        let own: DomainName = "ent.example".parse().unwrap();
        let is_named = |name: &DomainName| *name == own;
        assert!(servers.note(reached("ent.example", 0), is_named));
        for number in 0..3 * SERVERS_MAX {
            let number = i64::try_from(number).unwrap();
            assert!(servers.note(reached(&format!("n{number}.ent.example"), 3_600 * number), is_named));
        }
        assert_eq!(servers.iter().count(), SERVERS_MAX);
        assert!(!servers.addresses(&own, at(0)).is_empty());
        let longest = Reached { name: long_name(), ..reached("ent.example", 0) };
        let many =
            Servers(vec![Reached { addresses: vec!["2001:db8::1".parse().unwrap(); 6], ..longest }; 64]);
        assert!(many.write().len() <= SERVERS_BYTES_MAX, "{}", many.write().len());
    }

    #[test]
    fn so_many_made_up_names_are_noted_in_an_hour() {
        let mut servers = Servers::default();
        let is_named = |name: &DomainName| name.as_str() == "ent.example";
        let noted = (0..100).filter(|n| servers.note(reached(&format!("n{n}.ent.example"), *n), is_named));
        assert_eq!(noted.count(), UNNAMED_MAX);
        assert!(servers.note(reached("ent.example", 100), is_named));
        assert!(servers.note(reached("n0.ent.example", 100), is_named), "it is known");
        assert!(servers.note(reached("late.ent.example", 3_700), is_named));
    }

    fn long_name() -> DomainName {
        format!("{}.example", ["a".repeat(61).as_str(); 3].join(".")).parse().unwrap()
    }
}
