//! What a profile shows by itself.

use model::{Fault, Layer, UnknownDevice};

use super::school::{device, host, page, profile, rule, say, snapshot, unknown};
use crate::{Denial, Mode, Profile, Rulebook, SafeSearch, Target, YouTube};

fn school() -> Rulebook {
    let white = |name: &str, mode| Profile {
        mode,
        permitted: ["child"].map(|category| category.parse().unwrap()).into(),
        ..profile(name, &["adult", "games", "social_networks"])
    };
    let safe_search = SafeSearch { engines: true, youtube: YouTube::Strict };
    let profiles = vec![
        Profile { safe_search, ..profile("elementaire", &["porn", "gambling"]) },
        profile("adulte", &["adult", "weapons"]),
        white("maternelle", Mode::WhiteList),
        white("classe", Mode::Open),
        white("projecteur", Mode::Workspace),
        white("rien", Mode::Closed),
        profile(UnknownDevice::PROFILE, &["gambling"]),
    ];
    Rulebook { profiles, workspace: vec!["ent.example".parse().unwrap()], ..Rulebook::default() }
}

#[test]
fn a_list_line_covers_a_name_and_all_names_under_it() {
    let snapshot = snapshot(&school());
    let check = |profile: &str, name: &str, expected: &str| {
        assert_eq!(say(&snapshot, device(profile), host(name)), expected, "{profile} {name}");
    };
    check("elementaire", "adult.example", "refuse adult adult.example");
    check("elementaire", "WWW.Adult.Example.", "refuse adult adult.example");
    check("elementaire", "notadult.example", "permit");
    check("elementaire", "casino.example", "refuse gambling casino.example");
    check("adulte", "casino.example", "permit");
    check("elementaire", "bets.adult.example", "refuse gambling bets.adult.example");
    check("adulte", "bets.adult.example", "refuse adult adult.example");
}

#[test]
fn an_address_is_no_name() {
    let snapshot = snapshot(&school());
    let check = |name: &str, expected: &str| {
        assert_eq!(say(&snapshot, device("elementaire"), host(name)), expected, "{name}");
    };
    check("192.0.2.66", "refuse adult 192.0.2.66");
    check("192.0.2.67", "refuse address-literal");
    check("2001:db8::1", "refuse address-literal");
}

#[test]
fn each_mode_shows_less() {
    let snapshot = snapshot(&school());
    for (name, class, white_list, workspace) in [
        ("other.example", "permit", "refuse not-white-listed", "refuse not-white-listed"),
        (
            "encyclopedia.example",
            "permit white child encyclopedia.example",
            "permit white child encyclopedia.example",
            "refuse not-white-listed",
        ),
        ("www.ent.example", "permit ent ent.example", "permit ent ent.example", "permit ent ent.example"),
        (
            "games.example",
            "refuse games games.example",
            "refuse games games.example",
            "refuse not-white-listed",
        ),
        // The more specific entry wins, whichever colour it has.
        (
            "www.kids.games.example",
            "permit white child kids.games.example",
            "permit white child kids.games.example",
            "refuse not-white-listed",
        ),
        (
            "chat.encyclopedia.example",
            "refuse social_networks chat.encyclopedia.example",
            "refuse social_networks chat.encyclopedia.example",
            "refuse not-white-listed",
        ),
        // At the same depth, white wins.
        (
            "both.example",
            "permit white child both.example",
            "permit white child both.example",
            "refuse not-white-listed",
        ),
    ] {
        for (profile, expected) in [
            ("classe", class),
            ("maternelle", white_list),
            ("projecteur", workspace),
            ("rien", "refuse closed-hours"),
        ] {
            assert_eq!(say(&snapshot, device(profile), host(name)), expected, "{profile} {name}");
        }
    }
}

/// Whoever has broken into a hub could call any site the workspace: what a list closes stays closed, whatever the mode.
#[test]
fn a_workspace_that_the_hub_has_named_opens_nothing_that_a_list_closes() {
    let hosts = ["ent.example", "casino.example", "games.example", "adult.example", "encyclopedia.example"];
    let own = Rulebook { workspace: hosts.map(|host| host.parse().unwrap()).into(), ..school() };
    let barred = ["gambling", "nowhere"].map(|category| category.parse().unwrap());
    let sent = Rulebook { barred: Some(barred.into()), ..own.clone() };
    for (profile, name, by_the_box, by_the_hub) in [
        ("elementaire", "www.ent.example", "permit ent ent.example", "permit ent ent.example"),
        ("projecteur", "www.ent.example", "permit ent ent.example", "permit ent ent.example"),
        // Closed to everybody, also to those whose profile shows nothing but the workspace, or does not refuse it.
        ("projecteur", "casino.example", "permit ent casino.example", "refuse gambling casino.example"),
        ("adulte", "www.casino.example", "permit ent casino.example", "refuse gambling casino.example"),
        // Closed to some.
        ("classe", "games.example", "permit ent games.example", "refuse games games.example"),
        ("adulte", "games.example", "permit ent games.example", "permit ent games.example"),
        // A white list opens what it opened before.
        (
            "maternelle",
            "encyclopedia.example",
            "permit ent encyclopedia.example",
            "permit ent encyclopedia.example",
        ),
        (
            "maternelle",
            "chat.encyclopedia.example",
            "permit ent encyclopedia.example",
            "refuse social_networks chat.encyclopedia.example",
        ),
    ] {
        for (rulebook, expected) in [(&own, by_the_box), (&sent, by_the_hub)] {
            assert_eq!(say(&snapshot(rulebook), device(profile), host(name)), expected, "{profile} {name}");
        }
    }
    // A lock is stronger whoever has named it, and a rule of the commune opens what a lock closes: with a reason, an end and a record.
    for rulebook in [&own, &sent] {
        let locked = Rulebook { locked: ["adult".parse().unwrap()].into(), ..rulebook.clone() };
        let asked = || host("adult.example");
        let closed = "refuse locked adult adult.example";
        assert_eq!(say(&snapshot(&locked), device("elementaire"), asked()), closed);
        let rules = vec![rule(Layer::Commune, "permit adult.example")];
        let ruled = snapshot(&Rulebook { rules, ..locked });
        assert_eq!(say(&ruled, device("elementaire"), asked()), "permit commune adult.example");
    }
    // That a list has no such category is nobody's mistake.
    assert!(!snapshot(&sent).missing_categories().iter().any(|category| category.as_str() == "nowhere"));
}

#[test]
fn a_path_is_judged_and_forgotten() {
    let snapshot = snapshot(&school());
    let check = |profile: &str, path: &str, expected: &str| {
        assert_eq!(
            say(&snapshot, device(profile), page("portal.example", path)),
            expected,
            "{profile} {path}"
        );
    };
    check("elementaire", "/news", "permit");
    // The entry names the host only: what the pupil read there is nobody's business.
    check("elementaire", "/Gallery/12?q=x", "refuse adult portal.example");
    check("classe", "/gallery/12", "refuse adult portal.example");
    check("classe", "/gallery/kids/1", "permit white child portal.example");
}

#[test]
fn an_unknown_device_and_an_unknown_profile_get_the_profile_of_unknown_devices() {
    let snapshot = snapshot(&school());
    for subject in [unknown(), device("disparu")] {
        let expected = "refuse gambling casino.example";
        assert_eq!(say(&snapshot, subject.clone(), host("casino.example")), expected);
        assert_eq!(say(&snapshot, subject, host("adult.example")), "permit");
    }
}

#[test]
fn without_a_profile_for_unknown_devices_they_are_refused_every_category() {
    let snapshot = snapshot(&Rulebook { profiles: vec![profile("adulte", &[])], ..Rulebook::default() });
    assert_eq!(say(&snapshot, unknown(), host("adult.example")), "refuse adult adult.example");
    assert_eq!(say(&snapshot, unknown(), host("casino.example")), "refuse gambling casino.example");
    assert_eq!(say(&snapshot, unknown(), host("education.example")), "permit");
    assert_eq!(say(&snapshot, device("adulte"), host("adult.example")), "permit");
}

#[test]
fn ways_around_the_filter_are_refused_to_all() {
    let snapshot = snapshot(&school());
    for subject in [unknown(), device("adulte"), device("rien")] {
        for name in
            ["use-application-dns.net", "mask.icloud.com", "a.mask-h2.icloud.com", "cloudflare-ech.com"]
        {
            assert_eq!(say(&snapshot, subject.clone(), host(name)), "refuse evasion", "{name}");
        }
        let fault = Target::Fault { fault: Fault::NotTls, host: None };
        assert_eq!(say(&snapshot, subject, fault), "refuse not-tls");
    }
}

#[test]
fn a_canary_has_no_address_and_a_refused_site_has_the_boxes() {
    let snapshot = snapshot(&school());
    let denial = |name: &str| {
        let question = crate::Question {
            subject: device("elementaire"),
            kind: model::AccessKind::Dns,
            target: host(name),
            destination: None,
        };
        match crate::decide(&snapshot, question, None) {
            crate::Decision::Permit(_) => None,
            crate::Decision::Refusal(refusal) => Some(refusal.denial()),
        }
    };
    assert_eq!(denial("use-application-dns.net"), Some(Denial::NxDomain));
    assert_eq!(denial("mask.icloud.com"), Some(Denial::NxDomain));
    assert_eq!(denial("cloudflare-ech.com"), Some(Denial::OwnAddress));
    assert_eq!(denial("casino.example"), Some(Denial::OwnAddress));
    assert_eq!(denial("education.example"), None);
}

#[test]
fn safe_search_is_the_profiles() {
    use super::school::permit;
    let snapshot = snapshot(&school());
    let resolved = |profile: &str, name: &str| {
        let permit = permit(&snapshot, device(profile), name);
        assert_eq!(permit.permitted_host().to_string(), name);
        (permit.resolved_name().unwrap().to_string(), permit.substitute().is_some())
    };
    let safe = |name: &str| (name.to_owned(), true);
    let plain = |name: &str| (name.to_owned(), false);
    assert_eq!(resolved("elementaire", "www.google.fr"), safe("forcesafesearch.google.com"));
    assert_eq!(resolved("elementaire", "www.youtube.com"), safe("restrict.youtube.com"));
    assert_eq!(resolved("elementaire", "education.example"), plain("education.example"));
    assert_eq!(resolved("adulte", "www.google.fr"), plain("www.google.fr"));
}

#[test]
fn categories_that_no_list_has_are_told() {
    let snapshot = snapshot(&Rulebook { locked: ["lures".parse().unwrap()].into(), ..school() });
    let missing: Vec<_> = snapshot.missing_categories().iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["lures", "weapons"]);
}
