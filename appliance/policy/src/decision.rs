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
        Ok(host) => Decision::Permit(Permit { subject, kind, host, destination, reason: Reason::NotListed }),
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
            list_reason(snapshot, listed, &address.to_string()).or(Some(Reason::Fault(Fault::AddressLiteral)))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use blocklist::{Compiler, Index};
    use model::{Device, UnknownDevice};

    use super::*;
    use crate::Profile;

    fn index() -> Index {
        let files = [
            ("adult/domains", "adult.example\n192.0.2.66\n"),
            ("adult/urls", "portal.example/gallery\n"),
            ("gambling/domains", "casino.example\nbets.adult.example\n"),
        ];
        let mut ignore = |_: blocklist::Event<'_>| {};
        let mut compiler = Compiler::new(&mut ignore);
        for (path, lines) in files {
            compiler.add_file(path, lines.as_bytes()).unwrap();
        }
        compiler.add_alias("porn", "adult").unwrap();
        Index::open(compiler.finish().unwrap().bytes).unwrap()
    }

    fn profile(name: &str, refused: &[&str]) -> Profile {
        let refused = refused.iter().map(|category| category.parse().unwrap()).collect();
        Profile { name: name.parse().unwrap(), refused }
    }

    fn snapshot() -> Snapshot {
        let profiles = [
            profile("elementaire", &["porn", "gambling"]),
            profile("adulte", &["adult", "weapons"]),
            profile(UnknownDevice::PROFILE, &["gambling"]),
        ];
        Snapshot::new(Arc::new(index()), &profiles)
    }

    fn device(profile: &str) -> Subject {
        Subject::Device(Arc::new(Device {
            mac: "02:00:00:00:00:11".parse().unwrap(),
            name: "CM2-04".parse().unwrap(),
            room: None,
            profile: profile.parse().unwrap(),
        }))
    }

    fn unknown() -> Subject {
        UnknownDevice { mac: None, address: "10.77.0.99".parse().unwrap() }.into()
    }

    /// What is decided, in words.
    fn say(snapshot: &Snapshot, subject: Subject, target: Target) -> String {
        let question = Question { subject, kind: AccessKind::Http, target, destination: None };
        match decide(snapshot, question) {
            Decision::Permit(permit) => format!("permit {}", permit.permitted_host()),
            Decision::Refusal(refusal) => match refusal.reason() {
                Reason::Listed { category, entry } => format!("{category}: {entry}"),
                Reason::Fault(fault) => fault.as_str().to_owned(),
                Reason::NotListed => "refused without a reason".to_owned(),
            },
        }
    }

    fn host(text: &str) -> Target {
        Target::Host(Host::parse(text).unwrap())
    }

    #[test]
    fn a_pupil_and_a_teacher() {
        let snapshot = snapshot();
        let check = |profile: &str, name: &str, expected: &str| {
            assert_eq!(say(&snapshot, device(profile), host(name)), expected, "{profile} {name}");
        };
        check("elementaire", "adult.example", "adult: adult.example");
        check("elementaire", "WWW.Adult.Example.", "adult: adult.example");
        check("elementaire", "notadult.example", "permit notadult.example");
        check("elementaire", "casino.example", "gambling: casino.example");
        check("adulte", "casino.example", "permit casino.example");
        check("elementaire", "bets.adult.example", "gambling: bets.adult.example");
        check("adulte", "bets.adult.example", "adult: adult.example");
        check("elementaire", "192.0.2.66", "adult: 192.0.2.66");
        check("elementaire", "192.0.2.67", "address-literal");
        check("elementaire", "2001:db8::1", "address-literal");
    }

    #[test]
    fn an_unknown_device_and_an_unknown_profile_get_the_profile_of_unknown_devices() {
        let snapshot = snapshot();
        for subject in [unknown(), device("disparu")] {
            assert_eq!(say(&snapshot, subject.clone(), host("casino.example")), "gambling: casino.example");
            assert_eq!(say(&snapshot, subject, host("adult.example")), "permit adult.example");
        }
    }

    #[test]
    fn without_a_profile_for_unknown_devices_they_are_refused_every_category() {
        let snapshot = Snapshot::new(Arc::new(index()), &[profile("adulte", &[])]);
        assert_eq!(say(&snapshot, unknown(), host("adult.example")), "adult: adult.example");
        assert_eq!(say(&snapshot, unknown(), host("casino.example")), "gambling: casino.example");
        assert_eq!(say(&snapshot, unknown(), host("education.example")), "permit education.example");
        assert_eq!(say(&snapshot, device("adulte"), host("adult.example")), "permit adult.example");
    }

    #[test]
    fn a_path_is_judged_and_forgotten() {
        let snapshot = snapshot();
        let url = |path: &str| Target::Url {
            host: Host::parse("portal.example").unwrap(),
            path_and_query: path.to_owned(),
        };
        assert_eq!(say(&snapshot, device("elementaire"), url("/news")), "permit portal.example");
        // The entry names the host only: what the pupil read there is nobody's business.
        assert_eq!(say(&snapshot, device("elementaire"), url("/Gallery/12?q=x")), "adult: portal.example");
    }

    #[test]
    fn a_fault_is_refused_whatever_it_names() {
        let target = Target::Fault { fault: Fault::NotTls, host: None };
        assert_eq!(say(&snapshot(), device("adulte"), target), "not-tls");
    }

    #[test]
    fn categories_that_no_list_has_are_told() {
        let missing: Vec<_> = snapshot().missing_categories().iter().map(ToString::to_string).collect();
        assert_eq!(missing, ["weapons"]);
    }
}
