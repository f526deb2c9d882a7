use jiff::tz::TimeZone;
use model::{Answered, Timestamp};
use people::{CodeKey, PaperCode};
use portal::Language;
use replication::{CommunePolicy, CommuneRule, Health, School, SchoolRequest, SheetContent, SheetNotice};
use ring::rand::SystemRandom;

use super::account::{papers, phone, secret, sign_in, trouble};
use super::content::content;
use super::desk::{Wanted, acts, alerts, rules};
use super::fleet::fleet;
use super::frame::Place;
use super::lists::lists;
use super::school::{SchoolPage, archive, code};
use super::wishes::wishes;
use super::{Bar, tell};
use crate::fleet::{Finding, Measure, Sight, judge};
use crate::lists::ListState;
use crate::office::Trouble;
use crate::policy::Contrary;
use crate::register::history::{Alert, Channel, Kept, Level, NewAlert, Report, SignedState};
use crate::register::people::{Act, Duty, Member, MemberId};
use crate::register::wishes::{Content, Notice, SchoolRule, Wish, WishAnswer};
use crate::register::{BoxId, BoxState, OpenCode, StoredFile};

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);
static ZONE: TimeZone = TimeZone::UTC;
const DAY_MS: i64 = 86_400_000;
/// What people and boxes could call themselves.
const HOSTILE: &str = "École <script>alert(1)</script> & \"Ferry\"";

fn place(language: Language) -> Place<'static> {
    Place { commune: HOSTILE, timezone: &ZONE, language }
}

fn member(duties: &[Duty]) -> Member {
    Member {
        id: MemberId(1),
        name: "Mme <Petit>".parse().unwrap(),
        duties: duties.iter().copied().collect(),
        has_first_secret: false,
        has_key: true,
        disabled: None,
    }
}

fn health(day: i64) -> Health {
    Health {
        version: "<0.1>".to_owned(),
        now_ms: NOW.unix_ms(),
        clock: "synchronised".to_owned(),
        disk_free_bytes: Some(9 << 30),
        disk_bytes: Some(120 << 30),
        temperature_c: Some(51),
        list_ms: Some(NOW.unix_ms() - day * DAY_MS),
        log_size: Some(6),
        content: Some((2, 3)),
        ..Health::default()
    }
}

fn state() -> BoxState {
    BoxState {
        id: BoxId(4),
        uai: "0750655E".to_owned(),
        log_key: "key <1>".to_owned(),
        version: "<0.1>".to_owned(),
        enrolled: NOW,
        revoked: None,
        seen: Some(NOW),
        health: Some(serde_json::to_string(&health(8)).unwrap()),
        log_size: 6,
    }
}

fn sight() -> Sight {
    let school =
        School { uai: "0750655E".to_owned(), name: HOSTILE.to_owned(), rooms: vec![HOSTILE.to_owned()] };
    judge(school, vec![state()], &Measure { now: NOW, nights: 3, serial: 7, published: NOW })
}

fn kept() -> [Kept; 1] {
    [Kept { uai: "0750655E".to_owned(), level: Level::Amber, since: NOW, is_told: false }]
}

fn rule(verdict: &str, site: &str) -> CommuneRule {
    CommuneRule {
        verdict: verdict.to_owned(),
        site: site.to_owned(),
        author: HOSTILE.to_owned(),
        reason: HOSTILE.to_owned(),
        until_ms: Some(NOW.unix_ms()),
    }
}

fn reports() -> Vec<Report> {
    (0..40)
        .map(|day| Report {
            at: Timestamp::from_unix_ms(NOW.unix_ms() - day * DAY_MS),
            health: serde_json::to_string(&health(day)).unwrap(),
        })
        .rev()
        .collect()
}

fn policy() -> CommunePolicy {
    CommunePolicy {
        serial: 7,
        made_ms: NOW.unix_ms(),
        rules: vec![rule("refuse", "concours.example"), rule("permit", "b.example")],
    }
}

fn asked_for() -> [Wish; 2] {
    let wish = |id: u64, wants: &str, is_urgent: bool, answer: Option<WishAnswer>| Wish {
        id,
        uai: "0750655E".to_owned(),
        request: SchoolRequest {
            site: "concours.example".to_owned(),
            wants: wants.to_owned(),
            author: HOSTILE.to_owned(),
            reason: HOSTILE.to_owned(),
            is_urgent,
            asked_ms: 5,
        },
        came: NOW,
        answer,
    };
    let (author, reason) = (HOSTILE.to_owned(), HOSTILE.to_owned());
    let answer = WishAnswer { answered: Answered::No, author, reason, at: NOW };
    [wish(1, "permit", true, None), wish(2, "refuse", false, Some(answer))]
}

fn own_rules() -> [SchoolRule; 1] {
    [SchoolRule { uai: "0750655E".to_owned(), rule: rule("permit", "musee.example") }]
}

fn contrary() -> Contrary {
    let own = |site: &str| SchoolRule { uai: "0750655E".to_owned(), rule: rule("refuse", site) };
    Contrary { same: vec![own("a.concours.example")], below: vec![own("jeu.a.concours.example")] }
}

fn contents() -> [Content; 1] {
    let place = SheetContent {
        url: "https://ent.example/film".to_owned(),
        title: HOSTILE.to_owned(),
        until_ms: NOW.unix_ms() + 1,
    };
    [Content { id: 1, uai: None, place, author: HOSTILE.to_owned() }]
}

fn notices() -> [Notice; 1] {
    let notice = SheetNotice { made_ms: NOW.unix_ms(), author: HOSTILE.to_owned(), text: HOSTILE.to_owned() };
    [Notice { id: 1, notice }]
}

fn list_state() -> ListState {
    ListState {
        tried_ms: Some(NOW.unix_ms()),
        mirror: HOSTILE.to_owned(),
        bytes: 40_000_000,
        differences: vec![("a.diff".to_owned(), 78_600)],
        losses: vec![("adult".to_owned(), 100, 5)],
        failure: Some(HOSTILE.to_owned()),
        ..ListState::default()
    }
}

fn alert() -> Alert {
    Alert {
        id: 1,
        new: NewAlert {
            channel: Channel::Mail,
            uai: "0750655E".to_owned(),
            subject: HOSTILE.to_owned(),
            body: String::new(),
        },
        made: NOW,
        tries: 2,
        ended: None,
        is_sent: false,
    }
}

fn act() -> Act {
    Act {
        at: NOW,
        author: HOSTILE.to_owned(),
        network: "192.0.2.1".to_owned(),
        deed: "code-made".to_owned(),
        about: HOSTILE.to_owned(),
    }
}

/// Every page, with its name, as somebody with these duties sees it.
fn all(language: Language, duties: &[Duty]) -> Vec<(&'static str, String)> {
    let (place, member) = (place(language), member(duties));
    let bar = |path: &str| Bar::new(place, &member, "token", path);
    let (sights, key) = ([sight()], CodeKey::draw(&SystemRandom::new()).unwrap());
    let (reports, policy, alert, act) = (reports(), policy(), alert(), act());
    let schools = [sights[0].school.clone()];
    let wanted = rule("permit", "a.concours.example");
    let number = replication::EnrolmentCode::from_chance(&[5; 64]).unwrap().number();
    let codes =
        [OpenCode { number, uai: "0750655E".to_owned(), is_replacement: true, until: NOW, tries_left: 2 }];
    let (signed, stored) = (
        [SignedState { size: 3, at: NOW, note: String::new() }],
        [StoredFile { hash: archive::Hash::of(b"a"), name: HOSTILE.to_owned(), bytes: 5 << 20, until: NOW }],
    );
    let may_add = member.may(Duty::Technician);
    let school = SchoolPage {
        place,
        bar: bar("/ecole"),
        member: &member,
        sight: &sights[0],
        standings: &kept(),
        boxes: &[BoxState { revoked: Some(NOW), id: BoxId(3), ..state() }, state()],
        codes: &codes,
        reports: &reports,
    };
    vec![
        ("sign-in", sign_in(place, "token", HOSTILE, Some(Trouble::Wait(200)))),
        ("secret", secret(place, bar("/secret"), true, Some(Trouble::Short))),
        ("phone", phone(place, bar("/telephone"), &key, Some(Trouble::Code))),
        ("papers", papers(place, bar(""), &PaperCode::draw(&SystemRandom::new()).unwrap())),
        ("trouble", trouble(place, Some(bar("")), Trouble::Denied, "/")),
        ("fleet", fleet(place, bar("/"), &sights, &kept(), may_add)),
        ("empty", fleet(place, bar("/"), &[], &[], may_add)),
        ("school", school.render()),
        (
            "code",
            code(
                place,
                bar("/ecole"),
                ("0750655E", HOSTILE),
                ("K7QM-4XRT-9WPE", NOW, true),
                "https://hub:8443",
            ),
        ),
        ("archive", archive(place, bar("/ecole"), (HOSTILE, &state()), "preau/witness", (&signed, &stored))),
        ("rules", rules(place, bar("/regles"), &policy, &sights, member.may(Duty::Policy), None)),
        (
            "asked",
            rules(
                place,
                bar("/regles"),
                &policy,
                &sights,
                true,
                Some(&Wanted { rule: &wanted, days: "3", contrary: &contrary() }),
            ),
        ),
        (
            "wishes",
            wishes(place, bar("/demandes"), &schools, &asked_for(), &own_rules(), member.may(Duty::Policy)),
        ),
        (
            "content",
            content(place, bar("/contenus"), (&contents(), &notices()), &sights, member.may(Duty::Policy)),
        ),
        ("lists", lists(place, bar("/listes"), Some(&list_state()), &sights)),
        ("no-lists", lists(place, bar("/listes"), None, &[])),
        ("alerts", alerts(place, bar("/alertes"), &["mail"], &[alert])),
        ("acts", acts(place, bar("/actes"), &[(7, act)], Some(7))),
    ]
}

#[test]
fn nothing_that_people_chose_becomes_a_part_of_a_page() {
    for language in [Language::French, Language::English] {
        for (name, html) in all(language, &Duty::ALL) {
            assert!(
                html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"),
                "{name}: {html}"
            );
            for wrong in ["<script", "<Petit>", "<0.1>", "key <1>"] {
                assert!(!html.contains(wrong), "{name}: {wrong}");
            }
            // What the policy does not let pass would be a fault of the page.
            for wrong in [" style=", "javascript:", " onclick", "http-equiv"] {
                assert!(!html.contains(wrong), "{name}: {wrong}");
            }
        }
    }
}

#[test]
fn every_form_carries_its_token() {
    for (name, html) in all(Language::French, &Duty::ALL) {
        for form in html.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap();
            assert!(form.contains("name=\"jeton\" value=\"token\""), "{name}: {form}");
        }
    }
}

#[test]
fn whoever_only_looks_has_nothing_to_send() {
    for (name, html) in all(Language::French, &[Duty::Reader]) {
        let forms = html.matches("<form").count();
        let own = html.matches("action=\"/deconnexion\"").count();
        match name {
            "fleet" | "empty" | "school" | "archive" | "rules" | "wishes" | "content" | "lists"
            | "alerts" | "acts" => {
                assert_eq!(forms, own, "{name}");
            }
            _ => {}
        }
    }
    let html =
        all(Language::French, &[Duty::Technician]).into_iter().find(|(name, _)| *name == "school").unwrap().1;
    for action in ["/ecole/0750655E/code\"", "/ecole/0750655E/code/annuler", "/ecole/0750655E/revoquer"] {
        assert!(html.contains(&format!("action=\"{action}")), "{action}");
    }
}

#[test]
fn pages_say_what_there_is() {
    let pages = all(Language::French, &Duty::ALL);
    let check = |name: &str, words: &[&str]| {
        let (_, html) = pages.iter().find(|(it, _)| *it == name).unwrap();
        for word in words {
            assert!(html.contains(word), "{name}: {word}\n{html}");
        }
    };
    check("fleet", &["Orange", "Place libre sur le disque", "7\u{a0}%", "(1)", "href=\"/ecole/0750655E\""]);
    check(
        "school",
        &["depuis le", "<svg class=\"plot\"", "id=\"disk-t\"", "<th scope=\"row\">", "120\u{a0}Go"],
    );
    check("code", &["K7QM-4XRT-9WPE", "</strong> Kilo", "Trois essais", "--hub https:"]);
    check("archive", &["preau journal verify", "href=\"/ecole/0750655E/archive/4/3\"", "5120\u{a0}Ko"]);
    check("rules", &["concours.example", "Fermer", "inconnu"]);
    check("asked", &["Une règle plus large existe", "concours.example", "name=\"oui\" value=\"1\""]);
    check("asked", &["sur a.concours.example (Fermer) sera retirée", "sur jeu.a.concours.example (Fermer)"]);
    check(
        "wishes",
        &[
            "urgent",
            "concours.example",
            "Ouvrir pour toutes les écoles",
            "Fermer\u{a0}: refusé",
            "value=\"no\"",
        ],
    );
    check("content", &["https://ent.example/film", "2 sur 3", "toutes les écoles", "23/11/2026"]);
    check("lists", &["adult\u{a0}: 100 lignes, puis 5", "79\u{a0}ko", "preau hub lists accept", "Ferry"]);
    check("no-lists", &["Ce hub ne sert pas de listes"]);
    check("alerts", &["courriel", "en attente (essais\u{a0}: 2)"]);
    check("acts", &["code fait", "192.0.2.1", "href=\"/actes?avant=7\"", "Plus anciens"]);
    check("phone", &["<svg", "name=\"cle\" value=\""]);
    check("sign-in", &["réessayez dans 4 minutes", "autocomplete=\"one-time-code\""]);
}

#[test]
fn whoever_has_not_shown_everything_goes_nowhere_else() {
    let place = place(Language::French);
    let bar = |member: Member| Bar::new(place, &member, "token", "/").links.len();
    assert_eq!(bar(Member { has_key: false, ..member(&[]) }), 0);
    assert_eq!(bar(Member { has_first_secret: true, ..member(&[]) }), 0);
    assert_eq!(bar(member(&[])), 8);
}

#[test]
fn each_finding_is_said_with_its_number() {
    let place = place(Language::French);
    for finding in
        [Finding::Disk(7), Finding::List(8), Finding::Unsigned(9), Finding::Policy(5), Finding::Warm(91)]
    {
        let told = tell(place, finding);
        assert!(
            told.text.contains(&finding.number().unwrap().to_string()) && !told.remedy.is_empty(),
            "{}",
            told.text
        );
    }
    let absent = tell(place, Finding::Absent { nights: 4, since: NOW, is_long: true });
    assert!(absent.text.contains(": 4 (dernière venue le 23/11/2026"), "{}", absent.text);
}
