//! The decision itself.

use std::fmt;
use std::net::SocketAddr;

use model::{AccessKind, DomainName, Fault, Host, LessonId, Reason, Subject, Timestamp, Verdict};

use crate::evasion;
use crate::explanation::{Silent, Witness};
use crate::judgement::{Case, Judged};
use crate::service::Doorway;
use crate::{Question, Snapshot, Target};

/// Judges one access. `now` is `None` when the clock is not set: then nothing that has a beginning or an end
/// counts.
///
/// Names that serve to go around the filter are refused first. Then, in this order: the commune's rules, the categories that it locked, the school's rules, a lesson's rules, the
/// profile. Within each of them the more specific entry wins and, of two on the same name, the one that
/// permits. A list line covers a name and all names under it. IP literals are refused whether listed or not:
/// an address says nothing of who is behind it. Last, a lesson in the subject's room may show less of what is permitted.
#[must_use]
pub fn decide(snapshot: &Snapshot, question: Question, now: Option<Timestamp>) -> Decision {
    decide_before(snapshot, question, now, &mut Silent)
}

/// Decides, and tells a witness how.
pub(crate) fn decide_before(
    snapshot: &Snapshot,
    question: Question,
    now: Option<Timestamp>,
    witness: &mut impl Witness,
) -> Decision {
    let Question { subject, kind, target, destination } = question;
    let lesson = snapshot.lesson_of(&subject, now).map(|lesson| lesson.id);
    let refuse = |subject, host, reason| {
        Decision::Refusal(Refusal { subject, kind, host, destination, lesson, reason })
    };
    let (host, page, service) = match target {
        Target::Host(host) => (host, None, None),
        Target::Url { host, path_and_query } => (host, Some(Page(path_and_query)), None),
        Target::Service { service, host, transport, port } => {
            (host, None, Some(Doorway { service, transport, port }))
        }
        Target::Fault { fault, host } => return refuse(subject, host, Reason::Fault(fault)),
    };
    let claim = Claim { subject, kind, host, page, service };
    match claim.judge(snapshot, &claim.subject, now, witness) {
        Judged { verdict: Verdict::Refuse, reason } => refuse(claim.subject, Some(claim.host), reason),
        Judged { verdict: Verdict::Permit, reason } => {
            let safe_search = snapshot.standing(&claim.subject, now).safe_search;
            let name = claim.host.name().filter(|_| claim.service.is_none());
            let substitute = name.and_then(|name| snapshot.variants().find(name, safe_search)).cloned();
            Decision::Permit(Permit { claim, destination, lesson, reason, substitute })
        }
    }
}

/// Judges what a permitted host turned out to lead to. `None`: the permit holds.
///
/// A reason against the finding outweighs the permit only where it comes before the permit's own reason in the
/// order of [`decide`]: a teacher who opens a site opens what it stands on, but not what the commune has locked.
#[must_use]
pub fn screen(
    snapshot: &Snapshot,
    permit: &Permit,
    finding: Finding<'_>,
    now: Option<Timestamp>,
) -> Option<Refusal> {
    let case = Case { snapshot, subject: &permit.claim.subject, now, kind: permit.claim.kind };
    let judged = match finding {
        Finding::Alias(name) => case.judge_name(name, None, &mut Silent),
        Finding::Address(address) => case.judge_address(address),
        Finding::Inward => Judged::refuse(Reason::Fault(Fault::Inward)),
        Finding::Tunnel => Judged::refuse(Reason::Fault(Fault::Tunnel)),
    };
    // A workspace that the hub has named opens nothing that a list closes, nor what stands behind it.
    let is_sent = matches!(permit.reason, Reason::Workspace { .. }) && snapshot.barred().is_some();
    let rank_of_permit = if is_sent { rank(&Reason::NotListed) } else { rank(&permit.reason) };
    let outweighs = judged.verdict == Verdict::Refuse && rank(&judged.reason) < rank_of_permit;
    outweighs.then(|| Refusal {
        subject: permit.claim.subject.clone(),
        kind: permit.claim.kind,
        host: Some(permit.claim.host.clone()),
        destination: permit.destination,
        lesson: snapshot.lesson_of(&permit.claim.subject, now).map(|lesson| lesson.id),
        reason: judged.reason,
    })
}

/// Whether what was permitted would be permitted now, to the same device as `subject` describes it now.
#[must_use]
pub fn still_permits(snapshot: &Snapshot, claim: &Claim, subject: &Subject, now: Option<Timestamp>) -> bool {
    claim.judge(snapshot, subject, now, &mut Silent).verdict == Verdict::Permit
}

/// What a permit was given for, as far as it takes to judge it again.
#[derive(Clone, Debug)]
pub struct Claim {
    subject: Subject,
    kind: AccessKind,
    host: Host,
    page: Option<Page>,
    service: Option<Doorway>,
}

impl Claim {
    /// Judges the claim as one of `subject`: who asked, as it is described now.
    fn judge(
        &self,
        snapshot: &Snapshot,
        subject: &Subject,
        now: Option<Timestamp>,
        witness: &mut impl Witness,
    ) -> Judged {
        let case = Case { snapshot, subject, now, kind: self.kind };
        match &self.service {
            Some(door) => case.judge_service(&self.host, door, witness),
            None => case.judge(&self.host, self.page.as_ref().map(|Page(path)| path.as_str()), witness),
        }
    }

    /// Who asked.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }
}

/// Path and query of a page. They are judged, and shown to nobody: nothing gives them out.
#[derive(Clone)]
struct Page(String);

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Page")
    }
}

/// What a permitted host leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding<'f> {
    /// Another name: the target of a CNAME record, of a service binding.
    Alias(&'f DomainName),
    /// An address.
    Address(std::net::IpAddr),
    /// Nothing but addresses inside: the box, the school's network, networks that are not on the Internet.
    Inward,
    /// One more new name of a domain, where the device has asked for more of them than any site has.
    Tunnel,
}

/// The place of a reason in the order of precedence.
fn rank(reason: &Reason) -> u8 {
    use model::Layer;
    match reason {
        Reason::Ruled(ruling) => match ruling.layer {
            Layer::Commune => 0,
            Layer::School => 2,
            Layer::Lesson => 3,
        },
        Reason::Locked { .. } | Reason::Fault(_) => 1,
        Reason::WhiteListed { .. } | Reason::Workspace { .. } | Reason::Service(_) => 4,
        Reason::Listed { .. } => 5,
        Reason::NotListed => 6,
        // A mode judges the host that was asked for, not what stands behind it.
        Reason::NotWhiteListed | Reason::ClosedHours | Reason::Narrowed(_) => 7,
    }
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
    claim: Claim,
    destination: Option<SocketAddr>,
    lesson: Option<LessonId>,
    reason: Reason,
    substitute: Option<DomainName>,
}

impl Permit {
    /// What it was given for.
    #[must_use]
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The host that may be reached: no other.
    #[must_use]
    pub fn permitted_host(&self) -> &Host {
        &self.claim.host
    }

    /// The name by whose addresses the host is reached, where it is not its own: a search engine's safe variant.
    #[must_use]
    pub fn substitute(&self) -> Option<&DomainName> {
        self.substitute.as_ref()
    }

    /// The name whose addresses are to be asked for; `None` for a host that is an address.
    #[must_use]
    pub fn resolved_name(&self) -> Option<&DomainName> {
        self.substitute().or_else(|| self.claim.host.name())
    }
}

/// The refusal of one access. Only [`decide`] and [`screen`] make one.
#[derive(Debug)]
pub struct Refusal {
    subject: Subject,
    kind: AccessKind,
    host: Option<Host>,
    destination: Option<SocketAddr>,
    lesson: Option<LessonId>,
    reason: Reason,
}

impl Refusal {
    /// How a DNS question that is refused is answered.
    #[must_use]
    pub fn denial(&self) -> Denial {
        // Programs ask for these names, and nobody waits for a page.
        if matches!(self.reason, Reason::Fault(Fault::Inward | Fault::Tunnel)) {
            return Denial::NoData;
        }
        if self.reason != Reason::Fault(Fault::Evasion) {
            return Denial::OwnAddress;
        }
        self.host.as_ref().and_then(Host::name).and_then(evasion::find).unwrap_or(Denial::NxDomain)
    }
}

/// How a refused DNS question is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// With the box's own address, where a page tells why.
    OwnAddress,
    /// That there is no such name.
    NxDomain,
    /// That the name has no such record.
    NoData,
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
    /// During which lesson in the subject's room.
    fn lesson(&self) -> Option<LessonId>;
    /// Why.
    fn reason(&self) -> &Reason;
}

impl Decided for Permit {
    fn verdict(&self) -> Verdict {
        Verdict::Permit
    }
    fn subject(&self) -> &Subject {
        &self.claim.subject
    }
    fn kind(&self) -> AccessKind {
        self.claim.kind
    }
    fn host(&self) -> Option<&Host> {
        Some(&self.claim.host)
    }
    fn destination(&self) -> Option<SocketAddr> {
        self.destination
    }
    fn lesson(&self) -> Option<LessonId> {
        self.lesson
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
    fn lesson(&self) -> Option<LessonId> {
        self.lesson
    }
    fn reason(&self) -> &Reason {
        &self.reason
    }
}
