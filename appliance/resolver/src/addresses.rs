//! Addresses for the other doors.

use std::net::IpAddr;

use access::{Addresses, Recorded, Resolve, ResolveError};
use hickory_proto::rr::RData;
use model::{Host, Reason};
use policy::{Decided as _, Permit, ServiceHost};
use wire::dns::RecordType;

use crate::Resolver;
use crate::cache::{Asked, Entry, Found};
use crate::clock::Seconds;
use crate::keep::wire_name;
use crate::quota::Client;
use crate::upstream::{Failure, PermittedName};

impl Resolve for Resolver {
    fn resolve<'a>(&'a self, permit: &'a Recorded<Permit>) -> Addresses<'a> {
        Box::pin(self.find_addresses(permit))
    }
}

impl Resolver {
    async fn find_addresses(&self, permit: &Recorded<Permit>) -> Result<Vec<IpAddr>, ResolveError> {
        let name = match permit.decision().permitted_host() {
            Host::Address(address) => return Ok(vec![*address]),
            Host::Name(_) => PermittedName::of(permit).ok_or(ResolveError::NoAddress)?,
        };
        if self.core().responder.is_local(name.as_domain()) {
            return Err(ResolveError::NoAddress);
        }
        let entries = self.find_entries(permit, &name).await?;
        // One after the other: an access is refused once, whatever else it leads to.
        for entry in entries.iter().flatten() {
            self.core().responder.screen().judge_answer(permit, entry)?;
        }
        let read = |entry: &Option<Entry>| entry.as_ref().and_then(|entry| read_addresses(entry).ok());
        let [v4, v6] = entries.each_ref().map(read);
        let failed = v4.is_none() || self.ipv6 && v6.is_none();
        let addresses = interleave(v4.unwrap_or_default(), v6.unwrap_or_default());
        match (addresses.is_empty(), failed) {
            (false, _) => Ok(addresses),
            (true, true) => Err(ResolveError::Unreachable),
            (true, false) => Err(ResolveError::NoAddress),
        }
    }

    /// Resolves a host that a service names, on the box's own behalf.
    pub async fn resolve_service(&self, host: &ServiceHost) -> ServiceAnswer {
        let name = PermittedName::of_service(host);
        if self.core().responder.is_local(host.name()) {
            return ServiceAnswer::Found { addresses: Vec::new(), ttl_s: 0 };
        }
        let now_s = self.core().clock.now_s();
        let found = [RecordType::A, RecordType::AAAA]
            .map(|kind| self.core().cache.find(host.name(), Asked::plain(kind), now_s));
        let entries = self.obtain(&name, found).await;
        for entry in entries.iter().flatten() {
            if let Err(reason) = self.core().responder.screen().judge_service(host, entry) {
                return ServiceAnswer::Forbidden(reason);
            }
        }
        let known: Vec<&Entry> = entries.iter().flatten().filter(|entry| !entry.is_failure()).collect();
        if known.is_empty() {
            return ServiceAnswer::Silence;
        }
        let now_s = self.core().clock.now_s();
        let ttl_s = known.iter().map(|entry| remaining_s(entry, now_s)).min().unwrap_or_default();
        let addresses = known.iter().filter_map(|entry| read_addresses(entry).ok()).flatten().collect();
        ServiceAnswer::Found { addresses, ttl_s }
    }

    /// The answers for IPv4 and for IPv6, where there are any, not judged yet.
    async fn find_entries(
        &self,
        permit: &Recorded<Permit>,
        name: &PermittedName,
    ) -> Result<[Option<Entry>; 2], ResolveError> {
        let (core, now_s) = (self.core(), self.core().clock.now_s());
        let asked = [RecordType::A, RecordType::AAAA].map(Asked::plain);
        let [v4, v6] = asked.map(|asked| core.cache.find(name.as_domain(), asked, now_s));
        let is_asked = |found: &Found| matches!(found, Found::Stale(_) | Found::Nothing);
        if is_asked(&v4) || self.ipv6 && is_asked(&v6) {
            let client = Client::of(permit.decision().subject());
            core.responder.screen().judge_question(permit, client, name.as_domain(), now_s)?;
        }
        Ok(self.obtain(name, [v4, v6]).await)
    }

    /// What is kept where it is fresh, else what upstreams say.
    async fn obtain(&self, name: &PermittedName, [v4, v6]: [Found; 2]) -> [Option<Entry>; 2] {
        let core = self.core();
        let obtain = async |asked, found| match found {
            Found::Fresh(entry) | Found::Postponed(entry) => Some(entry),
            Found::Stale(entry) => core.forwarder.obtain(name, asked, Some(entry)).await.into_entry(),
            Found::Nothing => core.forwarder.obtain(name, asked, None).await.into_entry(),
        };
        let [ipv4, ipv6] = [RecordType::A, RecordType::AAAA].map(Asked::plain);
        let v6 = async { if self.ipv6 { obtain(ipv6, v6).await } else { None } };
        tokio::join!(obtain(ipv4, v4), v6).into()
    }
}

/// Where a host of a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceAnswer {
    /// At these addresses, for so many seconds; perhaps at none.
    Found {
        /// IPv4 and IPv6 addresses.
        addresses: Vec<IpAddr>,
        /// How long the answer is good.
        ttl_s: u32,
    },
    /// Nobody answered.
    Silence,
    /// It leads to what is not permitted.
    Forbidden(Reason),
}

/// How long an answer is still good, in seconds.
fn remaining_s(entry: &Entry, now_s: Seconds) -> u32 {
    let message = entry.to_message();
    let ttl_s = message.iter().flat_map(|message| &message.answers).map(|record| record.ttl).min();
    ttl_s.unwrap_or_default().saturating_sub(entry.age_s(now_s))
}

/// The addresses of an answer: those of the name itself, or of the name that its aliases lead to.
fn read_addresses(entry: &Entry) -> Result<Vec<IpAddr>, Failure> {
    if entry.is_failure() {
        return Err(Failure::Silent);
    }
    let message = entry.to_message().ok_or(Failure::Refused)?;
    let mut owner = wire_name(entry.name())?;
    // Servers give aliases in their order (RFC 1034 section 3.6.2), so that one pass follows them.
    let mut addresses = Vec::new();
    for record in &message.answers {
        if record.name != owner {
            continue;
        }
        if let RData::CNAME(alias) = &record.data {
            owner = alias.0.clone();
        }
        addresses.extend(
            record.data.ip_addr().filter(|_| u16::from(record.record_type()) == entry.asked().kind.0),
        );
    }
    Ok(addresses)
}

/// IPv4 and IPv6 in turn: whichever of the two is broken, the next try is the other one. IPv4 first, since it is
/// what every school's line has.
fn interleave(v4: Vec<IpAddr>, v6: Vec<IpAddr>) -> Vec<IpAddr> {
    let (mut v4, mut v6) = (v4.into_iter(), v6.into_iter());
    let mut addresses = Vec::new();
    loop {
        let pair = [v4.next(), v6.next()];
        if pair == [None, None] {
            return addresses;
        }
        addresses.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let parse = |text: &str| text.split_whitespace().map(|a| a.parse().unwrap()).collect::<Vec<IpAddr>>();
        let check = |v4, v6, expected| assert_eq!(interleave(parse(v4), parse(v6)), parse(expected));
        check("", "", "");
        check("192.0.2.1 192.0.2.2 192.0.2.3", "2001:db8::1", "192.0.2.1 2001:db8::1 192.0.2.2 192.0.2.3");
        check("", "2001:db8::1 2001:db8::2", "2001:db8::1 2001:db8::2");
    }
}
