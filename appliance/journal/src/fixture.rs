//! Accesses for tests.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use model::{
    AccessKind, Act, Deed, Device, Host, Layer, LessonId, OverrideId, Reason, Rule, Scope, Subject,
    Timestamp, Topic, UnknownDevice, Verdict,
};
use policy::Decided;

use crate::{Damage, Found, FoundAct, FoundPersonAct, Hit, Query, Source, search};

/// 2026-11-23 00:00:00 UTC.
const DAY_START_S: i64 = 1_795_392_000;

/// So many seconds into a school day.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms((DAY_START_S + seconds) * 1_000)
}

/// A decision, whatever the policy would say.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) verdict: Verdict,
    pub(crate) subject: Subject,
    pub(crate) kind: AccessKind,
    pub(crate) host: Option<Host>,
    pub(crate) destination: Option<SocketAddr>,
    pub(crate) lesson: Option<LessonId>,
    pub(crate) reason: Reason,
}

impl Asked {
    pub(crate) fn dns(device: &str, name: &str) -> Self {
        Self {
            verdict: Verdict::Permit,
            subject: subject(device),
            kind: AccessKind::Dns,
            host: Some(Host::parse(name).unwrap()),
            destination: None,
            lesson: None,
            reason: Reason::NotListed,
        }
    }

    pub(crate) fn tls(device: &str, name: &str) -> Self {
        let destination = Some("192.0.2.1:443".parse().unwrap());
        Self { kind: AccessKind::Tls, destination, ..Self::dns(device, name) }
    }

    pub(crate) fn refused(self, category: &str, entry: &str) -> Self {
        let reason = Reason::Listed { category: category.parse().unwrap(), entry: entry.into() };
        Self { verdict: Verdict::Refuse, reason, ..self }
    }

    /// Every text as long as it may be.
    pub(crate) fn largest() -> Self {
        let name = "a.".repeat(126) + "b";
        let device = Device {
            mac: "02:00:00:00:00:11".parse().unwrap(),
            name: "\u{1f3eb}".repeat(64).parse().unwrap(),
            room: Some("\u{1f3eb}".repeat(64).parse().unwrap()),
            profile: "p".repeat(64).parse().unwrap(),
        };
        let asked = Self::tls("x", &name).refused(&"c".repeat(64), &name);
        let destination = Some("[2001:db8::1]:65535".parse().unwrap());
        let lesson = Some(LessonId::new(u32::MAX));
        Self { subject: Subject::Device(Arc::new(device)), destination, lesson, ..asked }
    }
}

/// A registered device, or with an empty name an unknown one.
fn subject(device: &str) -> Subject {
    let mac = "02:00:00:00:00:11".parse().unwrap();
    if device.is_empty() {
        let address = "10.77.0.11".parse().unwrap();
        return UnknownDevice { mac: Some(mac), address }.into();
    }
    Subject::Device(Arc::new(Device {
        mac,
        name: device.parse().unwrap(),
        room: Some("CM2".parse().unwrap()),
        profile: "elementaire".parse().unwrap(),
    }))
}

impl Decided for Asked {
    fn verdict(&self) -> Verdict {
        self.verdict
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

/// A teacher opens a site for her room, for half an hour.
pub(crate) fn act(deed: Deed) -> Act {
    let rule = Rule {
        layer: Layer::Lesson,
        effect: Verdict::Permit,
        topic: Topic::Site("casino.example".parse().unwrap()),
        scope: Scope::Room("CM2".parse().unwrap()),
        author: "Mme Martin".parse().unwrap(),
        motive: "exposé sur les jeux".parse().unwrap(),
        from: Some(at(0)),
        until: Some(at(1_800)),
    };
    Act { deed, id: OverrideId::new(7), rule }
}

/// Every text as long as it may be.
pub(crate) fn largest_act() -> Act {
    let latest = Some(Timestamp::from_unix_ms(i64::MAX));
    let person = "\u{1f3eb}".repeat(64);
    let Act { rule, .. } = act(Deed::Make);
    let rule = Rule {
        topic: Topic::Site(("a.".repeat(126) + "b").parse().unwrap()),
        scope: Scope::Room(person.parse().unwrap()),
        author: person.parse().unwrap(),
        motive: "\u{1f3eb}".repeat(200).parse().unwrap(),
        from: latest,
        until: latest,
        ..rule
    };
    Act { deed: Deed::TakeBack { by: person.parse().unwrap() }, id: OverrideId::new(u32::MAX), rule }
}

/// All accesses that a query finds, and all damage on the way.
pub(crate) fn find(source: &impl Source, query: &Query) -> (Vec<Found>, Vec<Damage>) {
    let (mut found, mut damages) = (Vec::new(), Vec::new());
    each_hit(source, query, |hit| match hit {
        Hit::Access(access) => found.push(*access),
        Hit::Act(_) | Hit::Person(_) => {}
        Hit::Damage(damage) => damages.push(damage),
        Hit::Unreadable { segment, error } => panic!("{segment}: {error}"),
    });
    (found, damages)
}

/// All acts that a query finds.
pub(crate) fn find_acts(source: &impl Source, query: &Query) -> Vec<FoundAct> {
    let mut found = Vec::new();
    each_hit(source, query, |hit| {
        if let Hit::Act(act) = hit {
            found.push(*act);
        }
    });
    found
}

/// All that people did besides making rules that a query finds.
pub(crate) fn find_person_acts(source: &impl Source, query: &Query) -> Vec<FoundPersonAct> {
    let mut found = Vec::new();
    each_hit(source, query, |hit| {
        if let Hit::Person(act) = hit {
            found.push(*act);
        }
    });
    found
}

pub(crate) fn each_hit(source: &impl Source, query: &Query, mut each: impl FnMut(Hit)) {
    search(source, query, |hit| {
        each(hit);
        ControlFlow::Continue(())
    })
    .unwrap();
}
