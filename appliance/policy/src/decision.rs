//! The decision itself.

use std::net::{IpAddr, SocketAddr};

use blocklist::CategorySet;
use model::{AccessKind, Fault, Host, Reason, Subject, Verdict};

use crate::{Question, Snapshot, Target};

/// Judges one access.
///
/// A list line covers a name and all names under it; one refused category among the lines that cover the
/// name refuses it. IP literals are refused whether listed or not: an address says nothing of who is behind
/// it.
#[must_use]
pub fn decide(snapshot: &Snapshot, question: Question) -> Decision {
    let Question { subject, kind, target, destination } = question;
    match judge(snapshot, snapshot.refused_for(&subject), target) {
        Ok(host) => {
            Decision::Permit(Permit { subject, kind, host, destination, reason: Reason::NotListed })
        }
        Err(Objection { host, reason }) => {
            Decision::Refusal(Refusal { subject, kind, host, destination, reason })
        }
    }
}

/// What stands against an access.
struct Objection {
    host: Option<Host>,
    reason: Reason,
}

fn judge(snapshot: &Snapshot, refused: CategorySet, target: Target) -> Result<Host, Objection> {
    let (host, reason) = match target {
        Target::Host(host) => {
            let reason = object_to_host(snapshot, refused, &host);
            (host, reason)
        }
        Target::Url { host, path_and_query } => {
            let reason = object_to_host(snapshot, refused, &host)
                .or_else(|| object_to_url(snapshot, refused, &host, &path_and_query));
            (host, reason)
        }
        Target::Fault { fault, host } => return Err(Objection { host, reason: Reason::Fault(fault) }),
    };
    match reason {
        None => Ok(host),
        Some(reason) => Err(Objection { host: Some(host), reason }),
    }
}

fn object_to_host(snapshot: &Snapshot, refused: CategorySet, host: &Host) -> Option<Reason> {
    match host {
        Host::Name(name) => snapshot
            .index()
            .match_name(name)
            .into_iter()
            .find_map(|found| list_reason(snapshot, refused.intersection(found.set), found.entry)),
        Host::Address(IpAddr::V4(address)) => {
            let listed = refused.intersection(snapshot.index().match_address(*address));
            list_reason(snapshot, listed, &address.to_string())
                .or(Some(Reason::Fault(Fault::AddressLiteral)))
        }
        Host::Address(IpAddr::V6(_)) => Some(Reason::Fault(Fault::AddressLiteral)),
    }
}

fn object_to_url(
    snapshot: &Snapshot,
    refused: CategorySet,
    host: &Host,
    path_and_query: &str,
) -> Option<Reason> {
    snapshot
        .index()
        .match_url(host, path_and_query)
        .into_iter()
        .find_map(|found| list_reason(snapshot, refused.intersection(found.set), &host.to_string()))
}

fn list_reason(snapshot: &Snapshot, listed: CategorySet, entry: &str) -> Option<Reason> {
    let category = snapshot.index().categories().get(listed.first()?.rank())?.clone();
    Some(Reason::Listed { category, entry: entry.into() })
}

/// What the policy says of one access.
#[derive(Debug)]
pub enum Decision {
    /// It may go out, once recorded.
    Permit(Permit),
    /// It may not.
    Refusal(Refusal),
}

/// The right of one subject to reach one host. Only [`decide`] makes one, and it cannot be cloned.
#[derive(Debug)]
pub struct Permit {
    subject: Subject,
    kind: AccessKind,
    host: Host,
    destination: Option<SocketAddr>,
    reason: Reason,
}

impl Permit {
    /// The host that may be reached: no other.
    #[must_use]
    pub fn permitted_host(&self) -> &Host {
        &self.host
    }
}

/// The refusal of one access. Only [`decide`] makes one.
#[derive(Debug)]
pub struct Refusal {
    subject: Subject,
    kind: AccessKind,
    host: Option<Host>,
    destination: Option<SocketAddr>,
    reason: Reason,
}

/// What a decision says of the access that it judged: all that the journal records.
pub trait Decided {
    /// Permit or refuse.
    fn verdict(&self) -> Verdict;
    /// Who asked.
    fn subject(&self) -> &Subject;
    /// By which door.
    fn kind(&self) -> AccessKind;
    /// For which host; `None` where the request named none.
    fn host(&self) -> Option<&Host>;
    /// Where the client's packets were bound for.
    fn destination(&self) -> Option<SocketAddr>;
    /// Why.
    fn reason(&self) -> &Reason;
}

impl Decided for Permit {
    fn verdict(&self) -> Verdict {
        Verdict::Permit
    }
    fn subject(&self) -> &Subject {
        &self.subject
    }
    fn kind(&self) -> AccessKind {
        self.kind
    }
    fn host(&self) -> Option<&Host> {
        Some(&self.host)
    }
    fn destination(&self) -> Option<SocketAddr> {
        self.destination
    }
    fn reason(&self) -> &Reason {
        &self.reason
    }
}

impl Decided for Refusal {
    fn verdict(&self) -> Verdict {
        Verdict::Refuse
    }
    fn subject(&self) -> &Subject {
        &self.subject
    }
    fn kind(&self) -> AccessKind {
        self.kind
    }
    fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }
    fn destination(&self) -> Option<SocketAddr> {
        self.destination
    }
    fn reason(&self) -> &Reason {
        &self.reason
    }
}
