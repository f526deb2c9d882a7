use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use model::{Answered, LibraryFile, Timestamp};
use people::{CodeKey, PaperCode};
use portal::Language;
use replication::{
    CategoryLock, CommunePolicy, CommuneRule, Health, LibraryHealth, ReleaseFailure, ReleaseHealth, School,
    SchoolRequest, SheetContent, SheetNotice, short_sum,
};
use ring::rand::SystemRandom;

use super::account::{arrived, ask_code, papers, phone, secret, sign_in, trouble};
use super::content::content;
use super::desk::{Wanted, acts, alerts, rules};
use super::fleet::fleet;
use super::frame::Place;
use super::library::library;
use super::lists::lists;
use super::locks::locks;
use super::releases::releases;
use super::school::{SchoolPage, archive, code};
use super::wishes::wishes;
use super::{Bar, tell};
use crate::fleet::{Finding, Measure, Sight, Uncertified, judge};
use crate::lists::ListState;
use crate::office::Trouble;
use crate::policy::{Contrary, Reach, Reached};
use crate::register::history::{Alert, Channel, Kept, Level, NewAlert, Report, SignedState};
use crate::register::library::Held;
use crate::register::library::suite::file;
use crate::register::people::{Act, Duty, Member, MemberId};
use crate::register::releases::suite::release;
use crate::register::releases::{HeldRelease, Offer};
use crate::register::web::WebFailure;
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
        account: None,
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
        library: Some(LibraryHealth {
            wanted: 2,
            here: vec![short_sum(&file("here", NOW).sha256).to_owned()],
            trouble: Some("no-room".to_owned()),
        }),
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
    judge(school, vec![state()], &[], &Measure { now: NOW, nights: 3, serial: 7, published: NOW })
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
        locks: vec![lock("gambling")],
    }
}

fn lock(category: &str) -> CategoryLock {
    CategoryLock {
        category: category.to_owned(),
        author: HOSTILE.to_owned(),
        reason: HOSTILE.to_owned(),
        made_ms: NOW.unix_ms(),
    }
}

fn reach() -> Reach {
    let school = |name: &str, devices: u32, rules: u32| Reached {
        uai: "0750655E".to_owned(),
        name: name.to_owned(),
        devices,
        rules,
    };
    Reach {
        schools: vec![school("École Prévert", 30, 0), school(HOSTILE, 14, 2)],
        known: 3,
        workspace: vec!["École Perec".to_owned(), HOSTILE.to_owned()],
        unsure: 1,
        silent: 4,
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

/// A file that its school has, and one that it lacks.
fn files() -> [Held; 2] {
    let held = |id: u64, mark: &str, uai: Option<&str>| {
        let file = LibraryFile { title: HOSTILE.parse().unwrap(), ..file(mark, NOW) };
        Held { id, uai: uai.map(str::to_owned), file, author: HOSTILE.to_owned(), added: NOW }
    };
    [held(1, "here", None), held(2, "missing", Some("0750655E"))]
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

/// A school whose box has left a release, and has no room for the next one.
fn unlucky() -> Sight {
    let release = ReleaseHealth {
        running: "1.4.0".to_owned(),
        arch: None,
        since_ms: Some(NOW.unix_ms()),
        waiting: None,
        trouble: Some("no-room".to_owned()),
        failed: vec![
            ReleaseFailure {
                version: "1.5.0".to_owned(),
                at_ms: NOW.unix_ms(),
                why: "preau-health: <script>DNS</script>".to_owned(),
            },
            ReleaseFailure { version: "1.4.9".to_owned(), at_ms: 0, why: "preau-health: DHCP".to_owned() },
        ],
    };
    Sight { health: Some(Health { release: Some(release), ..health(8) }), ..sight() }
}

fn held() -> [HeldRelease; 2] {
    ["1.10.0", "1.4.0"].map(|version| HeldRelease { release: release(version), added: NOW })
}

fn offers() -> [Offer; 2] {
    let offer = |uai: Option<&str>, version: &str| Offer {
        uai: uai.map(str::to_owned),
        version: version.parse().unwrap(),
        at: NOW,
    };
    [offer(None, "1.4.0"), offer(Some("0750655E"), "1.10.0")]
}

/// The pages by which somebody shows who she is.
fn account_pages(place: Place<'static>, member: &Member) -> Vec<(&'static str, String)> {
    let bar = |path: &str| Bar::new(place, member, "token", path);
    let key = CodeKey::draw(&SystemRandom::new()).unwrap();
    vec![
        ("sign-in", sign_in(place, "token", HOSTILE, true, Some(Trouble::Wait(200)))),
        ("arrived", arrived(place)),
        ("code-asked", ask_code(place, bar("/code"), Some(Trouble::Code))),
        ("secret", secret(place, bar("/secret"), true, Some(Trouble::Short))),
        ("phone", phone(place, bar("/telephone"), &key, Some(Trouble::Code))),
        ("papers", papers(place, bar(""), &PaperCode::draw(&SystemRandom::new()).unwrap())),
        ("trouble", trouble(place, Some(bar("")), Trouble::Denied, "/")),
    ]
}

/// The pages of what the hub keeps and has done.
fn kept_pages(place: Place<'static>, member: &Member, sights: &[Sight]) -> Vec<(&'static str, String)> {
    let bar = |path: &str| Bar::new(place, member, "token", path);
    vec![
        ("lists", lists(place, bar("/listes"), Some(&list_state()), sights)),
        ("no-lists", lists(place, bar("/listes"), None, &[])),
        ("releases", releases(place, bar("/versions"), (&held(), &offers()), &[unlucky()])),
        ("no-releases", releases(place, bar("/versions"), (&[], &[]), &[])),
        ("library", library(place, bar("/contenus"), &files(), sights, member.may(Duty::Policy))),
        ("alerts", alerts(place, bar("/alertes"), &["mail"], &[alert()])),
        ("acts", acts(place, bar("/actes"), &[(7, act())], Some(7))),
    ]
}

/// Every page, with its name, as somebody with these duties sees it.
fn all(language: Language, duties: &[Duty]) -> Vec<(&'static str, String)> {
    let (place, member) = (place(language), member(duties));
    let bar = |path: &str| Bar::new(place, &member, "token", path);
    let sights = [sight()];
    let (reports, policy) = (reports(), policy());
    let schools = [sights[0].school.clone()];
    let known = BTreeSet::from(["games".to_owned(), "gambling".to_owned()]);
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
    let mut pages = account_pages(place, &member);
    pages.extend([
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
        ("locks", locks(place, bar("/categories"), &policy, &known, member.may(Duty::Policy), None)),
        (
            "lock-asked",
            locks(place, bar("/categories"), &policy, &known, true, Some((&lock("games"), &reach()))),
        ),
        (
            "wishes",
            wishes(place, bar("/demandes"), &schools, &asked_for(), &own_rules(), member.may(Duty::Policy)),
        ),
        (
            "content",
            content(place, bar("/contenus"), (&contents(), &notices()), &sights, member.may(Duty::Policy)),
        ),
    ]);
    pages.extend(kept_pages(place, &member, &sights));
    pages
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
            "fleet" | "empty" | "school" | "archive" | "rules" | "locks" | "wishes" | "content" | "lists"
            | "releases" | "no-releases" | "library" | "alerts" | "acts" => {
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
    check("locks", &["gambling", "Déverrouiller", "<option value=\"games\">"]);
    check(
        "lock-asked",
        &[
            "<bdi>games</bdi>",
            "qui la montrent aujourd’hui\u{a0}: 2",
            "boîtier n’a rien dit\u{a0}: 4",
            "il y fermera, pour tous",
            "Écoles\u{a0}: 2 (École Perec, ",
            "ne dit pas si cette catégorie contient l’ENT\u{a0}: 1",
            "name=\"oui\" value=\"1\"",
        ],
    );
    let (_, asked) = pages.iter().find(|(it, _)| *it == "lock-asked").unwrap();
    let [own, other] = ["ne compteront plus\u{a0}: 2", "École Prévert"].map(|word| asked.find(word).unwrap());
    assert!(own < other, "whose own rules count no more stands first");
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
    check("releases", &["proposée à toutes les écoles", "proposée à 1 école(s)", "depuis le 23/11/2026"]);
    check("releases", &["pas de place sur son disque pour 1.10.0", "1.5.0 a échoué le 23/11/2026", "échec"]);
    check("releases", &["1.4.9 a échoué à un moment inconnu\u{a0}: preau-health: DHCP"]);
    check("no-releases", &["Aucune version", "preau hub release add"]);
    check("alerts", &["courriel", "en attente (essais\u{a0}: 2)"]);
    check("acts", &["code fait", "192.0.2.1", "href=\"/actes?avant=7\"", "Plus anciens"]);
    check("phone", &["<svg", "name=\"cle\" value=\""]);
    check(
        "sign-in",
        &["réessayez dans 4 minutes", "autocomplete=\"one-time-code\"", "href=\"/connexion/compte\""],
    );
    check("arrived", &["href=\"/\"", "Continuer"]);
    check("code-asked", &["action=\"/code\"", "Ce code n’est pas celui de maintenant"]);
}

#[test]
fn whoever_has_not_shown_everything_goes_nowhere_else() {
    let place = place(Language::French);
    let bar = |member: Member| Bar::new(place, &member, "token", "/").links.len();
    assert_eq!(bar(Member { has_key: false, ..member(&[]) }), 0);
    assert_eq!(bar(Member { has_first_secret: true, ..member(&[]) }), 0);
    assert_eq!(bar(member(&[])), 10);
}

#[test]
fn a_file_is_told_with_the_schools_that_lack_it() {
    let pages = all(Language::French, &Duty::ALL);
    let (_, html) = pages.iter().find(|(name, _)| *name == "library").unwrap();
    assert!(html.contains("qui l’ont\u{a0}: 1 sur 1") && html.contains("qui l’ont\u{a0}: 0 sur 1"), "{html}");
    assert_eq!(html.matches("<details>").count(), 1, "of the one that is missing");
    assert!(html.contains("le disque du boîtier n’a plus de place"), "{html}");
    assert!(html.contains("enctype=\"multipart/form-data\"") && html.contains("1024 Mo au plus"), "{html}");
}

#[test]
fn each_finding_is_said_with_its_number() {
    let place = place(Language::French);
    for finding in [
        Finding::Disk(7),
        Finding::List(8),
        Finding::Unsigned(9),
        Finding::Policy(5),
        Finding::Warm(91),
        Finding::Open { failed: 6, since: NOW, is_long: false },
        Finding::Selftest(4),
    ] {
        let told = tell(place, finding);
        assert!(
            told.text.contains(&finding.number().unwrap().to_string()) && !told.remedy.is_empty(),
            "{}",
            told.text
        );
    }
    for failure in WebFailure::ALL.into_iter().map(Some).chain([None]) {
        let tried = failure.map(|_| (NOW, Timestamp::from_unix_ms(NOW.unix_ms() + 2 * DAY_MS)));
        let told =
            tell(place, Finding::Uncertified(Uncertified { since: NOW, failure, tried, is_long: true }));
        assert!(told.level == Level::Red && told.text.contains("23/11/2026"), "{}", told.text);
        assert_eq!(
            told.text.contains("Prochain essai après le 25/11/2026"),
            tried.is_some(),
            "{}",
            told.text
        );
        assert!(!told.text.contains("uncertified-") && !told.remedy.is_empty(), "{}", told.text);
    }
    let absent = tell(place, Finding::Absent { nights: 4, since: NOW, is_long: true });
    assert!(absent.text.contains(": 4 (dernière venue le 23/11/2026"), "{}", absent.text);
}
