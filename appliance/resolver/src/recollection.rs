//! Where hosts were last reached: answers for names that nobody has answered for since the start.
//!
//! A box that starts without a line knows no name. Some hosts have something to read on the box itself: clients have to come to
//! it, by an address that was right when there was a line. Such an answer helps out as any stale one does (RFC 8767): whoever
//! answers for the name outweighs it, and where it leads is judged.

use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::op::Message;
use hickory_proto::rr::{RData, Record};
use model::DomainName;
use wire::dns::RecordType;

use crate::cache::{Asked, Entry};
use crate::clock::Seconds;
use crate::keep::{keep, wire_name};
use crate::settings::{IsInward, LastAddresses};

/// What browsers ask for beside addresses (RFC 9460): they go on without it, but wait for an answer.
const HTTPS: RecordType = RecordType(65);

/// What is known from before the start.
#[derive(Clone)]
pub(crate) struct Recollection {
    last_addresses: LastAddresses,
    is_inward: IsInward,
}

impl Default for Recollection {
    /// Nothing.
    fn default() -> Self {
        Self { last_addresses: Arc::new(|_| Vec::new()), is_inward: Arc::new(|_| false) }
    }
}

impl Recollection {
    pub(crate) fn new(last_addresses: LastAddresses, is_inward: IsInward) -> Self {
        Self { last_addresses, is_inward }
    }

    /// An answer that is past its time. `None` where nothing is known, or no longer leads out of the school.
    pub(crate) fn recall(&self, name: &DomainName, asked: Asked, now_s: Seconds) -> Option<Entry> {
        if ![RecordType::A, RecordType::AAAA, HTTPS].contains(&asked.kind) {
            return None;
        }
        let mut addresses = (self.last_addresses)(name);
        addresses.retain(|address| !(self.is_inward)(*address));
        if addresses.is_empty() {
            return None;
        }
        let owner = wire_name(name.as_str()).ok()?;
        let records = addresses.into_iter().filter_map(|address| match (address, asked.kind) {
            (IpAddr::V4(v4), RecordType::A) => Some(RData::A(v4.into())),
            (IpAddr::V6(v6), RecordType::AAAA) => Some(RData::AAAA(v6.into())),
            (IpAddr::V4(_) | IpAddr::V6(_), _) => None,
        });
        let mut message = Message::query().into_response();
        // A time of zero: it is asked for anew as soon as anybody can be asked.
        message.add_answers(records.map(|data| Record::from_rdata(owner.clone(), 0, data)));
        keep(message, name, asked, now_s, &*self.is_inward).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recollection(addresses: &[&str]) -> Recollection {
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let known: DomainName = "ent.example".parse().unwrap();
        Recollection::new(
            Arc::new(move |name| if *name == known { addresses.clone() } else { vec![] }),
            Arc::new(|address| address == IpAddr::from([10, 77, 0, 1])),
        )
    }

    #[test]
    fn a_host_is_where_it_was_as_far_as_that_is_outside() {
        let check = |known: &[&str], name: &str, kind: RecordType, expected: Option<&[&str]>| {
            let entry = recollection(known).recall(&name.parse().unwrap(), Asked::plain(kind), 7);
            let found = entry.map(|entry| {
                assert_eq!(entry.lifetime_s(), 0, "nobody takes it for fresh");
                entry.addresses().map(|address| address.to_string()).collect::<Vec<_>>()
            });
            let expected =
                expected.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
            assert_eq!(found, expected, "{known:?} {name} {kind:?}");
        };
        let both = ["198.51.100.11", "2001:db8::b"];
        check(&both, "ent.example", RecordType::A, Some(&both[..1]));
        check(&both, "ent.example", RecordType::AAAA, Some(&both[1..]));
        check(&both[..1], "ent.example", RecordType::AAAA, Some(&[]));
        check(&both, "ent.example", HTTPS, Some(&[]));
        check(&both, "ent.example", RecordType::SOA, None);
        check(&both, "other.example", RecordType::A, None);
        check(&["10.77.0.1"], "ent.example", RecordType::A, None);
        check(&["10.77.0.1", "198.51.100.11"], "ent.example", RecordType::A, Some(&both[..1]));
    }
}
