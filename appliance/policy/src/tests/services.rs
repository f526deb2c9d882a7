//! Named services: who may use them, and what is stronger.

use model::{AccessKind, Host, Layer, Subject, Timestamp, Transport};

use super::school::{at, device, permit, profile, rule, say_reason, snapshot, unknown};
use crate::{
    Decided as _, Decision, Finding, Hours, Mode, Profile, Question, Rulebook, Service, Snapshot, Target,
    TimeOfDay, decide, still_permits,
};

/// Mail for adults at a plain host and at one in a locked list; a conference in a network; adults' evenings are closed.
fn school() -> Rulebook {
    let evening = Hours {
        days: crate::Days::ALL,
        season: crate::Season::Always,
        from: TimeOfDay::new(18, 0).unwrap(),
        to: TimeOfDay::new(24, 0).unwrap(),
        mode: Some(Mode::Closed),
        refused: [].into(),
        released: [].into(),
    };
    let adult = Profile { hours: vec![evening], mode: Mode::WhiteList, ..profile("adulte", &[]) };
    let service = |name: &str, hosts: &[&str], networks: &[&str]| Service {
        name: name.parse().unwrap(),
        purpose: "le courrier".to_owned(),
        tcp: vec!["993".parse().unwrap()],
        udp: vec!["5000-5999".parse().unwrap()],
        hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
        networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
        profiles: ["adulte".parse().unwrap()].into(),
    };
    Rulebook {
        profiles: vec![adult, profile("elementaire", &[])],
        locked: ["adult".parse().unwrap()].into(),
        services: vec![
            service("imaps", &["mail.example", "mail.adult.example"], &[]),
            service("visio", &[], &["203.0.113.0/24", "192.0.2.0/24", "2001:db8:5::/48"]),
        ],
        ..Rulebook::default()
    }
}

fn flow(service: &str, host: &str, transport: Transport, port: u16) -> Target {
    Target::Service { service: service.parse().unwrap(), host: Host::parse(host).unwrap(), transport, port }
}

fn say(snapshot: &Snapshot, subject: Subject, target: Target, now: Timestamp) -> String {
    let question = Question { subject, kind: AccessKind::Tcp, target, destination: None };
    match decide(snapshot, question, Some(now)) {
        Decision::Permit(permit) => format!("permit{}", say_reason(permit.reason())),
        Decision::Refusal(refusal) => format!("refuse{}", say_reason(refusal.reason())),
    }
}

fn noon() -> Timestamp {
    at("2026-11-24T11:00:00Z")
}

#[test]
fn a_flow_is_permitted_by_service_host_port_and_profile_together() {
    let snapshot = snapshot(&school());
    let (tcp, udp) = (Transport::Tcp, Transport::Udp);
    for (subject, target, expected) in [
        (device("adulte"), flow("imaps", "mail.example", tcp, 993), "permit service imaps"),
        (device("adulte"), flow("imaps", "mail.example", udp, 5500), "permit service imaps"),
        (device("adulte"), flow("imaps", "mail.example", udp, 993), "refuse no-service"),
        (device("adulte"), flow("imaps", "mail.example", tcp, 994), "refuse no-service"),
        (device("adulte"), flow("imaps", "www.mail.example", tcp, 993), "refuse elsewhere"),
        (device("adulte"), flow("imaps", "203.0.113.7", tcp, 993), "refuse elsewhere"),
        (device("adulte"), flow("visio", "203.0.113.7", tcp, 993), "permit service visio"),
        (device("adulte"), flow("visio", "2001:db8:5::7", tcp, 993), "permit service visio"),
        (device("adulte"), flow("visio", "192.0.2.66", tcp, 993), "refuse locked adult 192.0.2.66"),
        (
            device("adulte"),
            flow("imaps", "mail.adult.example", tcp, 993),
            "refuse locked adult adult.example",
        ),
        (device("adulte"), flow("ftp", "mail.example", tcp, 993), "refuse no-service"),
        (device("elementaire"), flow("imaps", "mail.example", tcp, 993), "refuse not-for-profile"),
        (unknown(), flow("imaps", "mail.example", tcp, 993), "refuse not-for-profile"),
    ] {
        assert_eq!(say(&snapshot, subject, target.clone(), noon()), expected, "{target:?}");
    }
}

#[test]
fn rules_and_hours_close_a_service_and_open_none() {
    let target = || flow("imaps", "mail.example", Transport::Tcp, 993);
    let with = |layer, text: &str| snapshot(&Rulebook { rules: vec![rule(layer, text)], ..school() });
    let check = |snapshot: &Snapshot, profile: &str, now: Timestamp, expected: &str| {
        assert_eq!(say(snapshot, device(profile), target(), now), expected);
    };
    check(&with(Layer::Lesson, "refuse mail.example"), "adulte", noon(), "refuse lesson mail.example");
    check(&with(Layer::School, "permit mail.example"), "elementaire", noon(), "refuse not-for-profile");
    let evening = at("2026-11-24T18:00:00Z");
    check(&snapshot(&school()), "adulte", evening, "refuse closed-hours");
    let opened = with(Layer::Commune, "permit mail.adult.example");
    let locked = || flow("imaps", "mail.adult.example", Transport::Tcp, 993);
    assert_eq!(say(&opened, device("adulte"), locked(), noon()), "permit service imaps");
}

#[test]
fn a_flow_is_judged_again_as_what_it_is() {
    let permitting = snapshot(&school());
    let question = Question {
        subject: device("adulte"),
        kind: AccessKind::Tcp,
        target: flow("imaps", "mail.example", Transport::Tcp, 993),
        destination: None,
    };
    let Decision::Permit(permit) = decide(&permitting, question, Some(noon())) else { panic!() };
    let claim = permit.claim();
    assert!(still_permits(&permitting, claim, &device("adulte"), Some(noon())));
    assert!(!still_permits(&permitting, claim, &device("elementaire"), Some(noon())));
    assert!(!still_permits(&permitting, claim, &device("adulte"), Some(at("2026-11-24T18:00:00Z"))));
    let without = snapshot(&Rulebook { services: vec![], ..school() });
    assert!(!still_permits(&without, claim, &device("adulte"), Some(noon())));
}

/// Whoever may use a service may ask where it is, even where the profile shows nothing of the web; its pages stay closed.
#[test]
fn the_name_of_a_service_is_answered_and_its_web_is_not_opened() {
    let snapshot = snapshot(&school());
    let reason = permit(&snapshot, device("adulte"), "mail.example");
    assert_eq!(say_reason(reason.reason()), " service imaps");
    for (kind, profile, expected) in [
        (AccessKind::Tls, "adulte", "refuse not-white-listed"),
        (AccessKind::Dns, "elementaire", "permit"),
        (AccessKind::Tls, "elementaire", "permit"),
    ] {
        let target = Target::Host(Host::parse("mail.example").unwrap());
        let question = Question { subject: device(profile), kind, target, destination: None };
        let said = match decide(&snapshot, question, Some(noon())) {
            Decision::Permit(permit) => format!("permit{}", say_reason(permit.reason())),
            Decision::Refusal(refusal) => format!("refuse{}", say_reason(refusal.reason())),
        };
        assert_eq!(said, expected, "{kind:?} {profile}");
    }
}

#[test]
fn the_box_resolves_what_the_commune_leaves_open() {
    let snapshot = snapshot(&school());
    let (open, closed) = snapshot.service_hosts(Some(noon()));
    let names: Vec<_> = open.iter().map(|host| host.name().as_str()).collect();
    assert_eq!(names, ["mail.example"]);
    let closed: Vec<_> =
        closed.iter().map(|(name, reason)| format!("{name}{}", say_reason(reason))).collect();
    assert_eq!(closed, ["mail.adult.example locked adult adult.example"]);
    let host = open.first().unwrap();
    let screen = |finding| snapshot.screen_service(host, finding, None).map(|it| say_reason(&it));
    let (alias, plain) = ("www.adult.example".parse().unwrap(), "mail2.example".parse().unwrap());
    assert_eq!(screen(Finding::Alias(&alias)).as_deref(), Some(" locked adult adult.example"));
    assert_eq!(screen(Finding::Alias(&plain)), None);
    assert_eq!(
        screen(Finding::Address("192.0.2.66".parse().unwrap())).as_deref(),
        Some(" locked adult 192.0.2.66")
    );
    assert_eq!(screen(Finding::Address("192.0.2.67".parse().unwrap())), None);
    assert_eq!(screen(Finding::Inward).as_deref(), Some(" inward"));
}
