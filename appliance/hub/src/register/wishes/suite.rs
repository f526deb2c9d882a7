//! What each engine has to do with requests of schools, and with what they are told.

use model::{Answered, Timestamp};
use replication::limits::REQUESTS_MAX;
use replication::{
    CONTENT_MAX, CommuneRule, NOTICES_MAX, School, SchoolRequest, SheetContent, SheetNotice, Tide,
};

use super::{AnswerRule, Came, Settled, URGENT_MAX, Wish, WishAnswer};
use crate::register::history::{Channel, NewAlert};
use crate::register::{NewPolicy, Records, Register};

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);
const DAY_MS: i64 = 86_400_000;
const UAI: &str = "0692345Z";
const OTHER: &str = "0751234J";

fn later(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW.unix_ms() + ms)
}

fn request(site: &str, is_urgent: bool, asked_ms: i64) -> SchoolRequest {
    SchoolRequest {
        site: site.to_owned(),
        wants: "permit".to_owned(),
        author: "Mme Martin".to_owned(),
        reason: "sortie".to_owned(),
        is_urgent,
        asked_ms,
    }
}

fn rule(site: &str, until_ms: Option<i64>) -> CommuneRule {
    CommuneRule {
        verdict: "permit".to_owned(),
        site: site.to_owned(),
        author: "M. Blanc".to_owned(),
        reason: "sortie".to_owned(),
        until_ms,
    }
}

fn answer(answered: Answered, at: Timestamp) -> WishAnswer {
    WishAnswer { answered, author: "M. Blanc".to_owned(), reason: "sortie".to_owned(), at }
}

/// Checks an engine; the two are hubs on one register.
pub(crate) fn check(one: &dyn Records, other: &dyn Records) {
    for uai in [UAI, OTHER] {
        one.put_school(&School { uai: uai.to_owned(), name: "École".to_owned(), rooms: vec![] }).unwrap();
    }
    assert_eq!(one.high_water().unwrap().sheet, 0);
    assert_eq!(one.sheet(UAI, NOW).unwrap(), super::SheetParts::default());
    check_wishes(one, other);
    check_limits(one);
    check_room(one);
    check_alerts(one);
    check_policy(one, other);
    check_content(one, other);
    check_notices(one, other);
    // Boxes have seen more than the register knows of.
    let high = one.high_water().unwrap().sheet;
    one.raise_sheets(high + 5, NOW).unwrap();
    assert_eq!(other.sheet(UAI, NOW).unwrap().serial, high + 6);
    other.raise_sheets(0, NOW).unwrap();
    assert_eq!(one.sheet(OTHER, NOW).unwrap().serial, high + 7);
}

fn check_wishes(one: &dyn Register, other: &dyn Register) {
    let came = |site: &str, is_urgent: bool, asked| {
        one.add_wish(UAI, &request(site, is_urgent, asked), &[], NOW).unwrap()
    };
    assert_eq!(came("a.example", false, 1), Came::New { is_told: false });
    assert_eq!(came("a.example", false, 1), Came::Known, "it was sent again");
    assert_eq!(came("b.example", true, 2), Came::New { is_told: true });
    assert_eq!(came("b.example", true, 2), Came::Known);
    assert_eq!(one.high_water().unwrap().sheet, 0, "no box hears of what is asked");
    let sites = |hub: &dyn Register| -> Vec<String> {
        hub.wishes(9).unwrap().into_iter().map(|wish| wish.request.site).collect()
    };
    assert_eq!(sites(other), ["b.example", "a.example"], "what is urgent comes first");
    assert_eq!(came("c.example", false, 3), Came::New { is_told: false });
    assert_eq!(came("c.example", true, 3), Came::New { is_told: true }, "it has become urgent");
    let last = other.wishes(9).unwrap().into_iter().find(|wish| wish.request.site == "c.example").unwrap();
    assert!(last.request.is_urgent);
    let long_ago = answer(Answered::No, later(-90 * DAY_MS));
    let settled = one.answer_wish(last.id, &long_ago, AnswerRule::Nothing).unwrap();
    assert_eq!(settled, Settled::Done(vec![]));
    let first = other.wishes(9).unwrap()[1].clone();
    assert_eq!(other.find_wish(first.id).unwrap(), Some(first.clone()));
    assert_eq!(first.request, request("a.example", false, 1));

    let granted = answer(Answered::School, NOW);
    let own = rule("a.example", Some(later(DAY_MS).unix_ms()));
    let beside = |policy| AnswerRule::School { rule: &own, policy };
    assert_eq!(other.answer_wish(first.id, &granted, beside(7)).unwrap(), Settled::Race);
    assert_eq!(one.find_wish(first.id).unwrap().unwrap().answer, None);
    assert_eq!(other.answer_wish(first.id, &granted, beside(0)).unwrap(), Settled::Done(vec![]));
    assert_eq!(one.answer_wish(first.id, &granted, AnswerRule::Nothing).unwrap(), Settled::Answered);
    assert_eq!(one.answer_wish(999, &granted, AnswerRule::Nothing).unwrap(), Settled::Answered);
    let sheet = one.sheet(UAI, NOW).unwrap();
    let seconds = u64::try_from(NOW.unix_ms() / 1_000).unwrap();
    assert_eq!(sheet.answers.len(), 1, "the other was answered long ago");
    assert_eq!((sheet.serial, sheet.rules.as_slice()), (seconds, &[own][..]));
    let said = &sheet.answers[0];
    assert_eq!((said.site.as_str(), said.asked_ms, said.answer.as_str()), ("a.example", 1, "school"));
    assert_eq!(one.sheet(OTHER, NOW).unwrap().serial, 0, "another school is told nothing");
    assert_eq!(other.sheet_serials().unwrap(), [(UAI.to_owned(), seconds)]);
    assert_eq!(one.tide(UAI).unwrap(), Tide { policy: 0, sheet: seconds });
    assert_eq!(one.tide(OTHER).unwrap(), Tide::default());
    // A rule that is over is no rule any more; one that is taken back neither.
    assert_eq!(one.sheet(UAI, later(DAY_MS)).unwrap().rules, []);
    assert_eq!(one.school_rules(NOW).unwrap().len(), 1);
    assert!(one.remove_school_rule(UAI, "a.example", NOW).unwrap());
    assert!(!other.remove_school_rule(UAI, "a.example", NOW).unwrap());
    assert_eq!(one.sheet(UAI, NOW).unwrap().serial, seconds + 1);
    assert_eq!(other.high_water().unwrap(), Tide { policy: 0, sheet: seconds + 1 });
    assert_eq!(one.school_rules(NOW).unwrap(), []);
}

fn check_limits(one: &dyn Register) {
    let mut told = 0;
    for number in 0..60 {
        match one.add_wish(OTHER, &request(&format!("{number}.example"), true, 1), &[], NOW).unwrap() {
            Came::New { is_told } => told += u32::from(is_told),
            Came::TooMany => assert!(number >= i64::try_from(REQUESTS_MAX).unwrap()),
            Came::Known => panic!("{number} is another site"),
        }
    }
    assert_eq!(told, URGENT_MAX, "a storm is no alert");
    let waiting = one.wishes(500).unwrap().into_iter().filter(|wish| wish.uai == OTHER).count();
    assert_eq!(waiting, REQUESTS_MAX);
}

/// What is urgent has room where something that is not waits, and what nobody answers goes.
fn check_room(one: &dyn Register) {
    let open = || -> Vec<String> {
        let wishes = one.wishes(500).unwrap().into_iter();
        let open = wishes.filter(|wish| wish.uai == UAI && wish.answer.is_none());
        open.map(|wish| wish.request.site).collect()
    };
    let came = |number: usize, is_urgent: bool, at| {
        one.add_wish(UAI, &request(&format!("room-{number}.example"), is_urgent, 9), &[], at).unwrap()
    };
    let before = open().len();
    for number in before..REQUESTS_MAX {
        came(number, false, later(i64::try_from(number).unwrap()));
    }
    assert_eq!(came(900, false, later(DAY_MS)), Came::TooMany);
    assert!(matches!(came(901, true, later(DAY_MS)), Came::New { .. }));
    let oldest = format!("room-{before}.example");
    assert!(open().len() == REQUESTS_MAX && !open().contains(&oldest), "{:?}", open());
    // A summer later nobody waits any more, and there is room.
    assert!(matches!(came(902, false, later(200 * DAY_MS)), Came::New { .. }));
    assert_eq!(open(), ["room-902.example"]);
}

/// Whoever is to be told of a request is told of it where it is kept, and of none that is known.
fn check_alerts(one: &dyn Records) {
    let alert = NewAlert {
        channel: Channel::Mail,
        uai: UAI.to_owned(),
        subject: "demande".to_owned(),
        body: "sortie".to_owned(),
    };
    let at = later(300 * DAY_MS);
    for (is_urgent, alerts) in [(false, 0), (true, 1), (true, 1)] {
        one.add_wish(UAI, &request("told.example", is_urgent, 9), std::slice::from_ref(&alert), at).unwrap();
        assert_eq!(one.alerts(9).unwrap().len(), alerts);
    }
}

/// A rule of all schools takes the contrary ones of single schools with it, and an answer and its policy are there together or not at all.
fn check_policy(one: &dyn Register, other: &dyn Register) {
    let mut id = 0;
    for uai in [UAI, OTHER] {
        let (at, asked) = (later(400 * DAY_MS), request("both.example", false, 9));
        assert!(matches!(one.add_wish(uai, &asked, &[], at).unwrap(), Came::New { .. }), "{uai}");
        let is_it = |wish: &Wish| wish.uai == uai && wish.request.site == "both.example";
        id = one.wishes(500).unwrap().into_iter().find(is_it).unwrap().id;
        if uai == UAI {
            let own = AnswerRule::School { rule: &rule("both.example", None), policy: 0 };
            one.answer_wish(id, &answer(Answered::School, NOW), own).unwrap();
        }
    }
    let before = one.sheet(UAI, NOW).unwrap();
    assert_eq!(before.rules.len(), 1);
    let refuse = CommuneRule { verdict: "refuse".to_owned(), ..rule("both.example", None) };
    let new = |before, serial| NewPolicy { before, serial, note: "note", added: Some(&refuse), at: NOW };
    let all = answer(Answered::All, NOW);
    let settle = |hub: &dyn Register, policy| hub.answer_wish(id, &all, AnswerRule::All(policy)).unwrap();
    assert_eq!(settle(one, new(4, 5)), Settled::Race);
    assert_eq!((one.policy().unwrap(), one.find_wish(id).unwrap().unwrap().answer), (None, None));
    assert_eq!(settle(other, new(0, 5)), Settled::Done(vec![UAI.to_owned()]));
    let after = one.sheet(UAI, NOW).unwrap();
    assert!(after.rules.is_empty() && after.serial > before.serial, "its box hears of it");
    assert_eq!(settle(one, new(5, 6)), Settled::Answered);
    assert_eq!(other.policy().unwrap().map(|(serial, _)| serial), Some(5));
    assert_eq!(one.keep_policy(&new(5, 6)).unwrap(), Some(vec![]), "there is none any more");
}

fn check_content(one: &dyn Register, other: &dyn Register) {
    let place = |path: &str, days: i64| SheetContent {
        url: format!("https://ent.example/{path}"),
        title: "Le volcan".to_owned(),
        until_ms: later(days * DAY_MS).unix_ms(),
    };
    let (uai, before) = (UAI.parse().unwrap(), one.sheet(UAI, NOW).unwrap().serial);
    assert!(one.add_content(None, &place("all", 2), "M. Blanc", NOW).unwrap());
    assert!(other.add_content(Some(&uai), &place("own", 1), "M. Blanc", NOW).unwrap());
    assert!(other.add_content(Some(&uai), &place("own", 3), "M. Blanc", NOW).unwrap(), "it has another end");
    let urls = |uai: &str, at| -> Vec<String> {
        let content = one.sheet(uai, at).unwrap().content;
        content.into_iter().map(|place| place.url.rsplit('/').next().unwrap().to_owned()).collect()
    };
    assert_eq!(urls(UAI, NOW), ["all", "own"]);
    assert_eq!(urls(OTHER, NOW), ["all"]);
    assert_eq!(urls(UAI, later(2 * DAY_MS)), ["own"]);
    assert!(one.sheet(UAI, NOW).unwrap().serial > before && one.sheet(OTHER, NOW).unwrap().serial > before);
    let ids: Vec<u64> = other.contents(NOW).unwrap().into_iter().map(|content| content.id).collect();
    assert_eq!(ids.len(), 2);
    for id in ids {
        assert!(other.remove_content(id, NOW).unwrap() && !one.remove_content(id, NOW).unwrap());
    }
    for number in 0..CONTENT_MAX {
        assert!(one.add_content(Some(&uai), &place(&number.to_string(), 1), "M. Blanc", NOW).unwrap());
    }
    assert!(!one.add_content(Some(&uai), &place("more", 1), "M. Blanc", NOW).unwrap());
    // What is over makes room.
    assert!(one.add_content(Some(&uai), &place("more", 9), "M. Blanc", later(DAY_MS)).unwrap());
}

fn check_notices(one: &dyn Register, other: &dyn Register) {
    let notice = |text: String| SheetNotice { made_ms: 5, author: "M. Blanc".to_owned(), text };
    for number in 0..NOTICES_MAX {
        assert!(one.add_notice(&notice(number.to_string()), NOW).unwrap());
    }
    assert!(!other.add_notice(&notice("more".to_owned()), NOW).unwrap());
    let said = other.sheet(OTHER, NOW).unwrap();
    assert_eq!((said.notices.len(), said.notices[0].text.as_str()), (NOTICES_MAX, "9"));
    let last = other.notices().unwrap()[0].id;
    assert!(one.remove_notice(last, NOW).unwrap() && !one.remove_notice(last, NOW).unwrap());
    assert!(other.sheet(OTHER, NOW).unwrap().serial > said.serial);
}
