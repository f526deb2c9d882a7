use base64::Engine as _;
use model::{ClockQuality, Fault, Host, Reason, Subject, Timestamp, UnknownDevice};

use super::frame::STYLE;
use super::*;
use crate::{Firewall, Health, Language, ListOrigin, SelftestLine, SelftestOutcome, SelftestRun, Shrunk};
use crate::{Setback, UpdateOutcome, Upstream};

const LANGUAGES: [Language; 2] = [Language::French, Language::English];
const CAUSES: [Cause; 4] = [Cause::NoAddress, Cause::NoAnswer, Cause::NoResolver, Cause::Inward];
const NOTICES: [Notice; 4] = [Notice::NotFound, Notice::Misdirected, Notice::Method, Notice::Forged];

/// Every page in every state that changes its words, with a name for its file.
fn all_pages(language: Language) -> Vec<(String, String)> {
    let place = samples::place();
    let (device, unknown) = (samples::device(), samples::unknown());
    let (poker, address) = (samples::host("www.poker.example"), samples::host("203.0.113.7"));
    let listed = samples::listed("gambling", "poker.example");
    let mut pages = Vec::new();
    let mut push = |name: &str, html: String| pages.push((format!("{}-{name}", language.tag()), html));

    let refusal = Refusal { place: &place, subject: &device, host: Some(&poker), reason: &listed };
    push("refusal", refusal.render(language));
    for fault in Fault::ALL {
        let host = (fault == Fault::AddressLiteral).then_some(&address);
        let reason = Reason::Fault(fault);
        let refusal = Refusal { place: &place, subject: &unknown, host, reason: &reason };
        push(&format!("refusal-{}", fault.as_str()), refusal.render(language));
    }
    for reason in samples::decided() {
        let refusal = Refusal { place: &place, subject: &device, host: Some(&poker), reason: &reason };
        push(&format!("refusal-{}", reason.as_str()), refusal.render(language));
    }
    push("closed", Closed { place: &place, host: Some(&poker) }.render(language));
    for cause in CAUSES {
        let page = Unreachable { place: &place, host: &poker, cause };
        push(&format!("unreachable-{cause:?}"), page.render(language));
    }
    for (name, page) in outages(language) {
        push(&name, page);
    }
    for notice in NOTICES {
        push(&format!("notice-{notice:?}"), notice.render(&place, language));
    }
    for (name, refusals) in [("all", samples::refusals()), ("noise", samples::noise()), ("none", vec![])] {
        for (who, visitor) in [("known", &device), ("unknown", &unknown)] {
            for is_clock_set in [true, false] {
                let client = "10.77.0.11".parse().unwrap();
                let page =
                    Why { place: &place, visitor, client, refusals: &refusals, is_clock_set, asking: None };
                push(&format!("why-{name}-{who}-{is_clock_set}"), page.render(language));
            }
        }
    }
    let authority = samples::authority();
    for (name, authority) in [("there", Some(&authority)), ("none", None)] {
        push(&format!("certificate-{name}"), Certificate { place: &place, authority }.render(language));
    }
    for (name, status) in statuses() {
        for (who, visitor) in [("known", &device), ("unknown", &unknown)] {
            let client = "10.77.0.11".parse().unwrap();
            let page =
                Home { place: &place, status: &status, visitor, client, prepared: &[], enrolment: None };
            push(&format!("home-{name}-{who}"), page.render(language));
        }
    }
    pages.extend(enrolments(language));
    pages.extend(people::tests::all(language));
    pages
}

/// The pages of a fresh box, in each case.
fn enrolments(language: Language) -> Vec<(String, String)> {
    let (place, status, visitor) = (samples::place(), samples::status(), samples::unknown());
    let client = "10.77.0.99".parse().unwrap();
    let mut pages = Vec::new();
    for (name, enrolment) in samples::enrolments() {
        let enrolment = &enrolment;
        let page = EnrolPage { place: &place, enrolment, trouble: None, hub: "", head: "", token: "00ff" };
        pages.push((format!("enrol-{name}"), page.render(language)));
        let home = Home {
            place: &place,
            status: &status,
            visitor: &visitor,
            client,
            prepared: &[],
            enrolment: Some(enrolment),
        };
        pages.push((format!("home-enrol-{name}"), home.render(language)));
    }
    let (_, enrolment) = samples::enrolments().remove(0);
    for trouble in Setback::ALL {
        let (hub, head) = ("hub.commune.example", "Mme Durand");
        let trouble = Some(trouble);
        let page = EnrolPage { place: &place, enrolment: &enrolment, trouble, hub, head, token: "00ff" };
        pages.push((format!("enrol-typed-{trouble:?}"), page.render(language)));
    }
    pages
}

/// The page in place of an online workspace, in each case.
fn outages(language: Language) -> Vec<(String, String)> {
    let (place, poker) = (samples::place(), samples::host("www.poker.example"));
    let fields = samples::typed();
    let whole = Typed { target: "/forum?x=1", fields: &fields, files: &[], is_multipart: false };
    let files = &[("f", "volcan <1>.pdf")];
    let chosen = Typed { target: "/forum", fields: &fields, files, is_multipart: true };
    let mut pages = Vec::new();
    for delivery in [Delivery::Nothing, Delivery::Unsent, Delivery::Half, Delivery::Unknown] {
        for (name, typed, has_files, kept) in [
            ("bare", None, false, &[][..]),
            ("whole", Some(whole), false, &[("Leçon <1>", "/lecon/1")]),
            ("files", None, true, &[]),
            ("chosen", Some(chosen), true, &[]),
        ] {
            let page = Outage { place: &place, host: &poker, delivery, typed, has_files, kept };
            pages.push((format!("outage-{delivery:?}-{name}"), page.render(language)));
        }
    }
    pages
}

fn statuses() -> Vec<(&'static str, crate::Status)> {
    let upstream = |health| Upstream { server: "192.0.2.53".to_owned(), health };
    let good = samples::status();
    let mut first = good.clone();
    first.list.origin = ListOrigin::Embedded;
    first.list.missing = vec!["gambling".parse().unwrap(), "commune".parse().unwrap()];
    first.firewall = Firewall::Absent;
    first.clock = ClockQuality::Unsynchronised;
    first.upstreams = vec![upstream(Health::Unknown)];
    let mut closed = good.clone();
    closed.is_open = false;
    closed.list.origin = ListOrigin::Built(None);
    closed.firewall = Firewall::Failed;
    closed.clock = ClockQuality::Unset;
    closed.upstreams = vec![upstream(Health::Bad)];
    let mut bare = good.clone();
    bare.upstreams.clear();
    bare.listeners.clear();
    bare.trials.clear();
    let mut held = good.clone();
    if let Some(update) = &mut held.update {
        update.last = update.last.map(|(at, _)| (at, UpdateOutcome::Held));
        update.held = vec![Shrunk { category: "adult".parse().unwrap(), before: 4_600_000, after: 12 }];
    }
    bare.update = None;
    bare.journal_days = Some(23);
    vec![("good", good), ("first", first), ("closed", closed), ("bare", bare), ("held", held)]
}

/// What stands between tags, so that a test reads what a visitor reads.
fn visible_text(html: &str) -> String {
    let body = html.split_once("</style>").map_or(html, |(_, body)| body);
    let mut text = String::new();
    let mut is_inside = false;
    for c in body.chars() {
        match c {
            '<' => is_inside = true,
            '>' => {
                is_inside = false;
                text.push(' ');
            }
            c if !is_inside => text.push(c),
            _ => {}
        }
    }
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// A page that breaks one of these breaks for somebody: a screen reader, a closed network, a hostile name.
#[test]
fn every_page_is_whole_and_self_contained() {
    for language in LANGUAGES {
        for (name, html) in all_pages(language) {
            let check = |holds: bool, what: &str| assert!(holds, "{name}: {what}\n{html}");
            check(html.starts_with("<!doctype html>"), "doctype");
            check(html.contains(&format!("<html lang=\"{}\">", language.tag())), "language");
            check(html.contains("name=\"viewport\""), "viewport");
            check(!html.contains("<title> –"), "title");
            for once in ["<title>", "<main>", "<h1>", "<header>", "<footer>", "</html>"] {
                check(html.matches(once).count() == 1, once);
            }
            // One page has a script, the box's own, from a file of its own.
            let html = html.replace("<script src=\"/direct.js\" defer></script>", "");
            for never in ["<script", "src=", "url(", "@import", "style=\"", "https://", "<img"] {
                // The box's own addresses by HTTPS are told, or lead to the box.
                // What a teacher prepares is a link to the school's workspace; the hub's address is told.
                let known = [
                    "https://preau.lan/",
                    "<a href=\"https://ent.example/",
                    "https://hub.commune.example:8443",
                ];
                let own = known.iter().fold(html.clone(), |html, known| html.replace(known, ""));
                check(!own.contains(never), never);
            }
            let text = visible_text(&html);
            let prefixes = [
                "frame-",
                "refusal-",
                "closed-",
                "unreachable-",
                "outage-",
                "notice-",
                "home-",
                "why-",
                "certificate-",
                "signin-",
                "guarded-",
                "secret-",
                "teacher-",
                "head-",
                "staff-",
                "card-",
                "trouble-",
                "nav-",
                "wish-",
                "enrol-",
            ];
            for prefix in prefixes {
                check(!text.contains(prefix), "a key without a text");
            }
            check(!text.contains("{$") && !text.contains("{ $"), "a variable without a value");
        }
    }
}

#[test]
fn the_refusal_names_site_category_line_device_and_whom_to_ask() {
    let place = samples::place();
    let page = Refusal {
        place: &place,
        subject: &samples::device(),
        host: Some(&samples::host("www.poker.example")),
        reason: &samples::listed("gambling", "poker.example"),
    };
    insta::assert_snapshot!(visible_text(&page.render(Language::French)));
}

fn why(refusals: &[crate::Refused], is_clock_set: bool, language: Language) -> String {
    let (place, visitor) = (samples::place(), samples::device());
    let client = "10.77.0.11".parse().unwrap();
    visible_text(
        &Why { place: &place, visitor: &visitor, client, refusals, is_clock_set, asking: None }
            .render(language),
    )
}

#[test]
fn a_device_learns_what_was_refused_when_why_and_who_may_open_it() {
    insta::assert_snapshot!(why(&samples::refusals(), true, Language::French));
}

#[test]
fn a_device_that_was_refused_nothing_learns_that_the_cause_is_elsewhere() {
    insta::assert_snapshot!(why(&[], true, Language::French));
}

#[test]
fn a_device_learns_what_was_refused_in_english() {
    insta::assert_snapshot!(why(&samples::refusals(), true, Language::English));
}

#[test]
fn a_clock_that_is_not_set_gives_no_times() {
    for language in LANGUAGES {
        let text = why(&samples::refusals(), false, language);
        assert!(!text.contains("11:0") && text.contains("www.poker.example"), "{text}");
    }
}

#[test]
fn the_reason_of_each_refusal_stands_on_the_page() {
    for (reason, expected) in [
        (samples::listed("gambling", "x"), "jeux d’argent (gambling)"),
        (Reason::NotWhiteListed, "sites choisis pour la classe"),
        (Reason::ClosedHours, "à cette heure-ci"),
        (Reason::Fault(Fault::AddressLiteral), "adresse IP"),
    ] {
        let mut refusals = samples::refusals();
        refusals.truncate(1);
        refusals.iter_mut().for_each(|refused| refused.reason = reason.clone());
        let text = why(&refusals, true, Language::French);
        assert!(text.contains(expected), "{reason:?}: {text}");
    }
}

#[test]
fn the_closed_page_says_why_whom_to_tell_and_that_it_reopens() {
    let page = Closed { place: &samples::place(), host: None };
    insta::assert_snapshot!(visible_text(&page.render(Language::French)));
}

#[test]
fn what_was_typed_stands_in_the_page_and_goes_where_it_was_to_go() {
    let (place, host, fields) = (samples::place(), samples::host("ent.example"), samples::typed());
    let page = |target| {
        let typed = Some(Typed { target, fields: &fields, files: &[], is_multipart: false });
        let delivery = Delivery::Unsent;
        Outage { place: &place, host: &host, delivery, typed, has_files: false, kept: &[] }
            .render(Language::French)
    };
    let html = page("/forum?x=1&y=2");
    insta::assert_snapshot!(visible_text(&html));
    assert!(html.contains("<form method=\"post\" action=\"/forum?x=1&#38;y=2\">"), "{html}");
    assert!(html.contains("name=\"csrf\" value=\"7f&#34;\""), "{html}");
    assert!(!html.contains("http-equiv=\"refresh\""), "what was typed does not go away by itself");
    let files = [("piece", "volcan.pdf")];
    let typed = Some(Typed { target: "/forum", fields: &fields, files: &files, is_multipart: true });
    let delivery = Delivery::Unsent;
    let upload = Outage { place: &place, host: &host, delivery, typed, has_files: true, kept: &[] };
    let html = upload.render(Language::French);
    assert!(html.contains("enctype=\"multipart/form-data\"") && html.contains("volcan.pdf"), "{html}");
    assert!(html.contains("<input type=\"file\" name=\"piece\" required>"), "{html}");
    for elsewhere in ["//evil.example/", "https:evil", "/\\evil.example"] {
        assert!(!page(elsewhere).contains("<form"), "{elsewhere}");
    }
}

#[test]
fn a_stale_page_says_how_old_it_is() {
    for (age_s, expected) in [
        (5, "il y a 1 min\u{a0};"),
        (7_199, "il y a 119 min\u{a0};"),
        (7_200, "il y a 2 h\u{a0};"),
        (172_800, "il y a 2 jours\u{a0};"),
    ] {
        let notice = stale_notice(age_s);
        assert!(notice.contains(expected), "{age_s}: {notice}");
    }
}

#[test]
fn an_unknown_visitor_learns_how_to_be_registered() {
    let (place, status) = (samples::place(), samples::status());
    let client = "10.77.0.99".parse().unwrap();
    let home = Home {
        place: &place,
        status: &status,
        visitor: &samples::unknown(),
        client,
        prepared: &[],
        enrolment: None,
    };
    insta::assert_snapshot!(visible_text(&home.render(Language::French)));

    // A program on the box itself has no hardware address that could be registered.
    let mac = "00:00:00:00:00:00".parse().ok();
    let own = Subject::Unknown(UnknownDevice { mac, address: "127.0.0.1".parse().unwrap() });
    let home = Home { place: &place, status: &status, visitor: &own, client, prepared: &[], enrolment: None };
    assert!(!visible_text(&home.render(Language::French)).contains("preau device add"));
}

#[test]
fn the_headline_follows_the_worst_of_the_state() {
    let (place, visitor) = (samples::place(), samples::device());
    let client = "10.77.0.11".parse().unwrap();
    let expected =
        ["Le web est ouvert ", "Le web est ouvert, 2 points", "Le web est fermé", "3 points", "un point"];
    for ((name, status), expected) in statuses().into_iter().zip(expected) {
        let page = Home {
            place: &place,
            status: &status,
            visitor: &visitor,
            client,
            prepared: &[],
            enrolment: None,
        };
        let text = visible_text(&page.render(Language::French));
        assert!(text.contains(expected), "{name}: {text}");
    }
}

#[test]
fn a_disk_that_will_be_too_small_is_told_weeks_ahead() {
    let (place, visitor) = (samples::place(), samples::device());
    let client = "10.77.0.11".parse().unwrap();
    let mut status = samples::status();
    let read = |status: &crate::Status| {
        visible_text(
            &Home { place: &place, status, visitor: &visitor, client, prepared: &[], enrolment: None }
                .render(Language::English),
        )
    };
    assert!(!read(&status).contains("more days"));
    status.journal_days = Some(41);
    assert!(read(&status).contains("The disk has room for 41 more days of it"), "{}", read(&status));
}

#[test]
fn a_list_held_back_says_what_it_lost_and_what_to_do() {
    let (place, visitor) = (samples::place(), samples::device());
    let (_, status) = statuses().pop().unwrap();
    let client = "10.77.0.11".parse().unwrap();
    let page =
        Home { place: &place, status: &status, visitor: &visitor, client, prepared: &[], enrolment: None };
    let text = visible_text(&page.render(Language::English));
    for expected in ["4,600,000 lines in force, 12 in the list held back", "under “Do now”", "Next attempt"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn every_outcome_of_an_update_has_its_words() {
    let place = samples::place();
    for outcome in [
        UpdateOutcome::Good,
        UpdateOutcome::Held,
        UpdateOutcome::Line,
        UpdateOutcome::Mirror,
        UpdateOutcome::List,
        UpdateOutcome::Disk,
        UpdateOutcome::Ended,
    ] {
        let mut status = samples::status();
        if let Some(update) = &mut status.update {
            update.last = update.last.map(|(at, _)| (at, outcome));
        }
        let visitor = samples::device();
        let page = Home {
            place: &place,
            status: &status,
            visitor: &visitor,
            client: "10.77.0.1".parse().unwrap(),
            prepared: &[],
            enrolment: None,
        };
        let text = visible_text(&page.render(Language::French));
        assert!(
            text.contains("le 17/08/2026 00:00") || outcome == UpdateOutcome::Held,
            "{outcome:?}: {text}"
        );
        assert_eq!(text.contains("Échec le"), !matches!(outcome, UpdateOutcome::Good | UpdateOutcome::Held));
    }
}

#[test]
fn what_people_choose_is_escaped() {
    let mut place = samples::place();
    place.school = "<b>École</b> & \"cie\"".to_owned();
    place.helpdesk = Some("<script>".to_owned());
    place.portal_url = Some("\"><script>".to_owned());
    let subject = Subject::Device(std::sync::Arc::new(model::Device {
        mac: "02:00:00:00:00:11".parse().unwrap(),
        name: "<img src=x>".parse().unwrap(),
        room: Some("'><i>".parse().unwrap()),
        profile: "elementaire".parse().unwrap(),
    }));
    let reason = samples::listed("gambling", "<u>line</u>");
    for language in LANGUAGES {
        let page = Refusal { place: &place, subject: &subject, host: None, reason: &reason };
        let client = "10.77.0.11".parse().unwrap();
        let mut refusals = samples::refusals();
        refusals.iter_mut().for_each(|refused| refused.reason = reason.clone());
        let why = Why {
            place: &place,
            visitor: &subject,
            client,
            refusals: &refusals,
            is_clock_set: true,
            asking: None,
        };
        let html = page.render(language) + &why.render(language);
        for never in ["<b>", "<script", "<img", "<i>", "<u>", "\"cie\""] {
            assert!(!html.contains(never), "{never}\n{html}");
        }
    }
}

#[test]
fn an_internationalised_name_shows_in_its_own_letters() {
    let place = samples::place();
    let host: Host = samples::host("école.example");
    let page = Unreachable { place: &place, host: &host, cause: Cause::NoAnswer };
    assert!(page.render(Language::French).contains("école.example (xn--cole-9oa.example)"));
}

#[test]
fn the_policy_names_the_style_sheet_by_its_hash() {
    let digest = ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes());
    let hash = base64::engine::general_purpose::STANDARD.encode(digest);
    assert!(CONTENT_SECURITY_POLICY.contains(&format!("'sha256-{hash}'")), "the hash is now sha256-{hash}");
}

#[test]
fn the_certificate_comes_with_its_fingerprint_and_its_limits() {
    let (place, authority) = (samples::place(), samples::authority());
    let page = Certificate { place: &place, authority: Some(&authority) };
    insta::assert_snapshot!(visible_text(&page.render(Language::French)));
}

fn selftest(lines: Vec<SelftestLine>) -> SelftestRun {
    let count = |outcome| lines.iter().filter(|line| line.outcome == outcome).count();
    let counts = [count("pass"), count("fail"), count("not-tested")];
    SelftestRun {
        school: "École <Jean-Jaurès>".to_owned(),
        started: Timestamp::from_unix_ms(1_795_900_000_000),
        time_zone: jiff::tz::TimeZone::UTC,
        is_whole: true,
        is_good: counts[1] == 0,
        way: "school".to_owned(),
        program: "0.1.0".to_owned(),
        list_built: Some(Timestamp::from_unix_ms(1_795_800_000_000)),
        list_lines: Some(4_637_941),
        counts,
        lines,
        helpdesk: Some("01 23 45 67 89".to_owned()),
    }
}

fn attack(id: &str, family: &str, with: &str, outcome: &'static str, why: Option<&str>) -> SelftestLine {
    SelftestLine {
        id: id.to_owned(),
        family: family.to_owned(),
        with: with.to_owned(),
        profile: None,
        outcome,
        why: why.map(str::to_owned),
        detail: String::new(),
    }
}

/// What is open stands once for all names of a kind, with what to do; nothing on the page asks anything of anybody.
#[test]
fn a_self_test_tells_what_is_closed_and_what_is_open_in_two_languages() {
    let run = selftest(vec![
        attack("control-https", "control", "site.example", "pass", None),
        attack("search", "search", "Google", "fail", Some("unsafe")),
        attack("search", "search", "Bing", "fail", Some("unsafe")),
        attack("dns-ipv6", "names", "<b>", "not-tested", Some("no-ipv6")),
    ]);
    let page = SelftestReport::of(&run).render();
    for text in [
        "École &#60;Jean-Jaurès&#62;",
        "Des contournements sont ouverts",
        "Ways around are open",
        "(Google, Bing) – le moteur répond sans son filtre → mettre safe_search dans le profil",
        "(Google, Bing) – the engine answers without its filter → set safe_search in the profile",
        "(&#60;b&#62;) – l’école n’a pas d’IPv6",
        "4\u{202f}637\u{202f}941 lignes",
        "28/11/2026",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    for text in ["<script", "http:", "https:", "url(", "<img", "<link"] {
        assert!(!page.contains(text), "{text}: {page}");
    }
    let good = selftest(vec![attack("control-https", "control", "", "pass", None)]);
    let page = SelftestReport::of(&good).render();
    assert!(page.contains("Aucun contournement connu") && page.contains(">Rien."), "{page}");
    let cut = SelftestRun { is_whole: false, is_good: false, ..good };
    assert!(SelftestReport::of(&cut).render().contains("pas allé au bout"));
}

/// Whoever is to unplug a device needs its addresses; of an attack on the box, what came is for tables.
#[test]
fn a_self_test_tells_the_addresses_of_whoever_else_gives_them() {
    let detail = "192.168.1.1 [02:00:00:00:00:12]".to_owned();
    let told = |id, family, why| {
        let line = attack(id, family, "", "fail", Some(why));
        SelftestLine { detail: detail.clone(), ..line }
    };
    let run = selftest(vec![told("other-dhcp", "network", "stranger"), told("dot", "encryption", "open")]);
    let page = SelftestReport::of(&run).whole().render();
    for text in [
        "dans l’école (192.168.1.1 [02:00:00:00:00:12]) → débrancher cet appareil",
        "in the school (192.168.1.1 [02:00:00:00:00:12]) → unplug that device",
        "Passer par un autre appareil",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert_eq!(page.matches("02:00:00:00:00:12").count(), 2, "{page}");
}

/// One sheet, whatever is open.
#[test]
fn a_self_test_tells_no_more_than_fits_on_a_sheet() {
    let ids =
        ["dns-listed", "dns-foreign", "cloak", "rebind", "tunnel", "dot", "doq", "quic", "relay", "ddr"];
    let lines = |outcome, why| ids.map(|id| attack(id, "names", "site.example", outcome, Some(why)));
    let run = selftest([lines("fail", "open"), lines("not-tested", "line")].concat());
    let page = SelftestReport::of(&run).render();
    assert_eq!(page.matches("<li>").count(), 5 + 3, "{page}");
    assert!(page.contains("… et 6 de plus") && page.contains("… and 8 more"), "{page}");
    let page = SelftestReport::of(&run).whole().render();
    assert_eq!(page.matches("<li>").count(), 10 + 10, "{page}");
}

#[test]
fn the_home_page_tells_in_words_what_became_of_the_self_test() {
    let check = |outcome: Option<SelftestOutcome>, expected: [&str; 2]| {
        let mut status = samples::status();
        if let Some(selftest) = &mut status.selftest {
            selftest.last = outcome.map(|outcome| (Timestamp::from_unix_ms(1_786_924_800_000), outcome));
        }
        let (place, visitor) = (samples::place(), samples::device());
        let client = [10, 77, 0, 11].into();
        let home = Home {
            place: &place,
            status: &status,
            visitor: &visitor,
            client,
            prepared: &[],
            enrolment: None,
        };
        for (language, expected) in LANGUAGES.into_iter().zip(expected) {
            let page = home.render(language);
            assert!(page.contains(expected), "{expected}: {page}");
        }
    };
    check(None, ["pas encore mis à l’épreuve", "not been put to the test yet"]);
    let closed = SelftestOutcome::Closed { passed: 81, untested: 2 };
    check(Some(closed), ["Vert, le 17/08/2026 00:00", "Green, on 2026-08-17 00:00"]);
    check(Some(SelftestOutcome::Unproven), ["n’a pas pu être essayé", "could not be tried"]);
    check(
        Some(SelftestOutcome::Open { failed: 3 }),
        ["Rouge, le 17/08/2026 00:00", "Red, on 2026-08-17 00:00"],
    );
    check(Some(SelftestOutcome::Cut), ["a été interrompu", "was cut off"]);
    check(Some(SelftestOutcome::Running), ["Un test est en cours", "A test has been running"]);
}

/// A charter is the school's: whoever writes it writes no code into the page.
#[test]
fn a_school_shows_its_own_charter_and_who_is_responsible() {
    let place = samples::place();
    let notices = crate::Notices {
        charter: Some(crate::CharterText::parse("# Nos règles\n\n- un <script>\n- deux").unwrap()),
        controller: Some("Commune de <b>Saint-Martin</b>".to_owned()),
        officer: Some("dpo@commune.example".to_owned()),
        days: 180,
    };
    let page = Charter { place: &place, notices: &notices }.render(Language::French);
    assert!(
        page.contains("<h2><bdi>Nos règles</bdi></h2>") && page.contains("un &#60;script&#62;"),
        "{page}"
    );
    assert!(!page.contains("Je vais sur Internet"), "{page}");
    let page = Legal { place: &place, notices: &notices }.render(Language::French);
    for text in
        ["Commune de &#60;b&#62;Saint-Martin", "dpo@commune.example", "180 jours", "CNIL", "article 13"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
}

#[test]
fn a_box_brings_a_charter_and_says_whom_to_ask() {
    let (place, notices) = (samples::place(), crate::Notices::default());
    for language in LANGUAGES {
        let page = visible_text(&Charter { place: &place, notices: &notices }.render(language));
        assert_eq!(page.matches("charter-").count(), 0, "{page}");
        let page = visible_text(&Legal { place: &place, notices: &notices }.render(language));
        assert_eq!(page.matches("legal-").count(), 0, "{page}");
    }
    let page = Legal { place: &place, notices: &notices }.render(Language::French);
    assert!(page.contains("La direction de l’école vous le dira"), "{page}");
}
