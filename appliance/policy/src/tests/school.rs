//! A school, its lists, and what is said in it.

use std::sync::Arc;

use blocklist::{Compiler, Index};
use model::{
    AccessKind, Device, Host, Layer, ProfileName, Reason, Subject, Timestamp, UnknownDevice, Verdict,
};

use crate::{
    Decided, Decision, Permit, Profile, Question, Rule, Rulebook, Scope, Snapshot, Target, Topic, decide,
};

/// A Tuesday morning in term, 09:30 in Paris.
pub(super) const LESSON: &str = "2026-11-24T08:30:00Z";

pub(super) fn index() -> Index {
    let files = [
        ("adult/domains", "adult.example\n192.0.2.66\n"),
        ("adult/urls", "portal.example/gallery\n"),
        ("gambling/domains", "casino.example\nbets.adult.example\n"),
        ("games/domains", "games.example\n"),
        ("child/domains", "kids.games.example\nencyclopedia.example\nboth.example\nkids.adult.example\n"),
        ("child/urls", "portal.example/gallery/kids\n"),
        ("social_networks/domains", "both.example\nchat.encyclopedia.example\n"),
    ];
    let mut ignore = |_: blocklist::Event<'_>| {};
    let mut compiler = Compiler::new(&mut ignore);
    for (path, lines) in files {
        compiler.add_file(path, lines.as_bytes()).unwrap();
    }
    compiler.add_alias("porn", "adult").unwrap();
    Index::open(compiler.finish().unwrap().bytes).unwrap()
}

pub(super) fn snapshot(rulebook: &Rulebook) -> Snapshot {
    Snapshot::new(Arc::new(index()), rulebook)
}

pub(super) fn profile(name: &str, refused: &[&str]) -> Profile {
    let refused = refused.iter().map(|category| category.parse().unwrap()).collect();
    Profile::open(name.parse().unwrap(), refused)
}

/// A device of the profile, in the room CM2.
pub(super) fn device(profile: &str) -> Subject {
    Subject::Device(Arc::new(Device {
        mac: "02:00:00:00:00:11".parse().unwrap(),
        name: "CM2-04".parse().unwrap(),
        room: Some("CM2".parse().unwrap()),
        profile: profile.parse().unwrap(),
    }))
}

pub(super) fn unknown() -> Subject {
    UnknownDevice { mac: None, address: "10.77.0.99".parse().unwrap() }.into()
}

pub(super) fn host(text: &str) -> Target {
    Target::Host(Host::parse(text).unwrap())
}

pub(super) fn page(name: &str, path: &str) -> Target {
    Target::Url { host: Host::parse(name).unwrap(), path_and_query: path.to_owned() }
}

pub(super) fn at(text: &str) -> Timestamp {
    Timestamp::from_unix_ms(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// `permit casino.example` or `refuse category gambling`, of somebody at this layer, for everyone, always.
pub(super) fn rule(layer: Layer, text: &str) -> Rule {
    let (effect, topic) = text.split_once(' ').unwrap();
    let effect = [Verdict::Permit, Verdict::Refuse].into_iter().find(|v| v.as_str() == effect).unwrap();
    let topic = match topic.strip_prefix("category ") {
        Some(category) => Topic::Category(category.parse().unwrap()),
        None => Topic::Site(topic.parse().unwrap()),
    };
    Rule {
        layer,
        effect,
        topic,
        scope: Scope::Everyone,
        author: "Mme Martin".parse().unwrap(),
        motive: "exposé sur les jeux".parse().unwrap(),
        from: None,
        until: None,
    }
}

/// What is decided for a target, in words.
pub(super) fn say(snapshot: &Snapshot, subject: Subject, target: Target) -> String {
    say_at(snapshot, subject, target, Some(at(LESSON)))
}

pub(super) fn say_at(
    snapshot: &Snapshot,
    subject: Subject,
    target: Target,
    now: Option<Timestamp>,
) -> String {
    let question = Question { subject, kind: AccessKind::Http, target, destination: None };
    match decide(snapshot, question, now) {
        Decision::Permit(permit) => format!("permit{}", say_reason(permit.reason())),
        Decision::Refusal(refusal) => format!("refuse{}", say_reason(refusal.reason())),
    }
}

pub(super) fn say_reason(reason: &Reason) -> String {
    match reason {
        Reason::NotListed => String::new(),
        Reason::Listed { category, entry } => format!(" {category} {entry}"),
        Reason::WhiteListed { category, entry } => format!(" white {category} {entry}"),
        Reason::Locked { category, entry } => format!(" locked {category} {entry}"),
        Reason::Workspace { entry } => format!(" ent {entry}"),
        Reason::Service(name) => format!(" service {name}"),
        Reason::Ruled(ruling) => format!(" {} {}", ruling.layer.as_str(), ruling.entry),
        Reason::NotWhiteListed | Reason::ClosedHours | Reason::Narrowed(_) | Reason::Fault(_) => {
            format!(" {}", reason.as_str())
        }
    }
}

/// The permit for a host that is permitted.
pub(super) fn permit(snapshot: &Snapshot, subject: Subject, name: &str) -> Permit {
    let question = Question { subject, kind: AccessKind::Dns, target: host(name), destination: None };
    match decide(snapshot, question, Some(at(LESSON))) {
        Decision::Permit(permit) => permit,
        Decision::Refusal(refusal) => panic!("{name} is refused: {:?}", refusal.reason()),
    }
}

pub(super) fn name(text: &str) -> ProfileName {
    text.parse().unwrap()
}
