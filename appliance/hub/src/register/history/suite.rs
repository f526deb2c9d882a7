//! What each engine has to do with the history of schools.

use model::Timestamp;
use replication::{EnrolmentCode, School};

use super::{Channel, History, Kept, Level, NewAlert, REPORT_DAYS_MAX, Report};
use crate::register::{BoxId, Fingerprint, NewBox, NewCode, Register};

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);
const DAY_MS: i64 = 86_400_000;
const UAI: &str = "0911234X";

fn later(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW.unix_ms() + ms)
}

/// Checks an engine; the two are hubs on one register.
pub(crate) fn check(register: &dyn Register, one: &dyn History, other: &dyn History) {
    let of = enrol(register, 77);
    check_reports(one, other, of);
    check_old_reports(one, of, enrol(register, 78));
    check_standings(one, other);
    check_alerts(one, other);
    check_channels(one, other);
    check_signed(register, one, of);
}

/// A box, in the place of the one before.
fn enrol(register: &dyn Register, mark: u8) -> BoxId {
    let school = School { uai: UAI.to_owned(), name: "École".to_owned(), rooms: vec![] };
    register.put_school(&school).unwrap();
    let code = EnrolmentCode::from_chance(&[mark; 64]).unwrap();
    let number = code.number();
    let new = NewCode { code, uai: UAI.parse().unwrap(), is_replacement: true, until: later(DAY_MS) };
    register.add_code(&new).unwrap();
    let new = NewBox {
        log_key: "key".to_owned(),
        version: "0.1".to_owned(),
        public_key: vec![mark],
        certificate: Fingerprint([mark; 32]),
        certificate_until: later(DAY_MS),
    };
    register.enrol(&number, &new, NOW).unwrap()
}

fn check_reports(one: &dyn History, other: &dyn History, of: BoxId) {
    let report = |ms: i64, health: &str| Report { at: later(ms), health: health.to_owned() };
    assert_eq!(one.reports(of, later(0)).unwrap(), []);
    one.keep_report(of, &report(0, "one")).unwrap();
    other.keep_report(of, &report(60_000, "again")).unwrap();
    other.keep_report(of, &report(DAY_MS, "two")).unwrap();
    let kept = [report(60_000, "again"), report(DAY_MS, "two")];
    assert_eq!(one.reports(of, later(0)).unwrap(), kept, "one a day");
    assert_eq!(one.reports(of, later(DAY_MS)).unwrap(), kept[1..]);
    assert_eq!(one.reports(BoxId(99), later(0)).unwrap(), []);
    one.keep_report(of, &report(REPORT_DAYS_MAX * DAY_MS, "late")).unwrap();
    let kept: Vec<_> = other.reports(of, later(0)).unwrap().into_iter().map(|report| report.health).collect();
    assert_eq!(kept, ["two", "late"], "what is older goes");
}

/// A box that was replaced says nothing more: what it said goes with the other's.
fn check_old_reports(one: &dyn History, before: BoxId, of: BoxId) {
    let at = later((2 * REPORT_DAYS_MAX + 2) * DAY_MS);
    one.keep_report(of, &Report { at, health: "new".to_owned() }).unwrap();
    assert_eq!(one.reports(before, later(0)).unwrap(), []);
    assert_eq!(one.reports(of, later(0)).unwrap().len(), 1);
}

fn alert(subject: &str) -> NewAlert {
    NewAlert {
        channel: Channel::Webhook,
        uai: UAI.to_owned(),
        subject: subject.to_owned(),
        body: "{}".to_owned(),
    }
}

fn check_standings(one: &dyn History, other: &dyn History) {
    let kept =
        |level: Level, ms: i64, is_told: bool| Kept { uai: UAI.to_owned(), level, since: later(ms), is_told };
    assert_eq!(one.standings().unwrap(), []);
    let (green, red) = (kept(Level::Green, 0, false), kept(Level::Red, 5, true));
    assert!(one.keep_standing(None, &green, &[], NOW).unwrap());
    assert!(!other.keep_standing(None, &green, &[alert("twice")], NOW).unwrap());
    assert!(one.keep_standing(Some(&green), &red, &[alert("red")], NOW).unwrap());
    assert!(
        !other.keep_standing(Some(&green), &red, &[alert("twice")], NOW).unwrap(),
        "another hub was first"
    );
    assert_eq!(other.standings().unwrap(), [red]);
    let told: Vec<_> = one.alerts(9).unwrap().into_iter().map(|alert| alert.new.subject).collect();
    assert_eq!(told, ["red"]);
}

fn check_alerts(one: &dyn History, other: &dyn History) {
    one.add_alert(&alert("second"), later(10)).unwrap();
    let taken = one.take_alerts(&Channel::ALL, later(10), later(100), 1).unwrap();
    assert_eq!(
        taken.iter().map(|alert| (alert.new.subject.as_str(), alert.tries)).collect::<Vec<_>>(),
        [("red", 1)]
    );
    let second = other.take_alerts(&Channel::ALL, later(10), later(100), 9).unwrap();
    assert_eq!(second.len(), 1, "the first is somebody's");
    assert_eq!(other.take_alerts(&Channel::ALL, later(99), later(100), 9).unwrap(), []);
    // Whoever had it is gone: it is tried again.
    let (first, second) = (taken[0].id, second[0].id);
    one.end_alert(second, true, later(20)).unwrap();
    let again = other.take_alerts(&Channel::ALL, later(100), later(200), 9).unwrap();
    assert_eq!(again.iter().map(|alert| (alert.id, alert.tries)).collect::<Vec<_>>(), [(first, 2)]);
    other.postpone_alert(first, later(500)).unwrap();
    assert_eq!(one.take_alerts(&Channel::ALL, later(499), later(600), 9).unwrap(), []);
    assert_eq!(one.take_alerts(&Channel::ALL, later(500), later(600), 9).unwrap().len(), 1);
    one.end_alert(first, false, later(700)).unwrap();
    assert_eq!(other.take_alerts(&Channel::ALL, later(9_000), later(9_001), 9).unwrap(), []);
    let ends: Vec<_> = other.alerts(9).unwrap().into_iter().map(|it| (it.id, it.ended, it.is_sent)).collect();
    assert_eq!(ends, [(second, Some(later(20)), true), (first, Some(later(700)), false)]);
}

/// A hub takes what it can send.
fn check_channels(one: &dyn History, other: &dyn History) {
    let at = later(20_000);
    one.add_alert(&NewAlert { channel: Channel::Mail, ..alert("letter") }, at).unwrap();
    one.add_alert(&alert("call"), at).unwrap();
    let subjects = |history: &dyn History, by: &[Channel]| -> Vec<String> {
        let taken = history.take_alerts(by, at, later(21_000), 9).unwrap();
        taken.into_iter().map(|alert| alert.new.subject).collect()
    };
    assert!(subjects(one, &[]).is_empty());
    assert_eq!(subjects(one, &[Channel::Webhook]), ["call"]);
    assert_eq!(subjects(other, &Channel::ALL), ["letter"]);
    let due = later(30_000);
    let taken = other.take_alerts(&Channel::ALL, due, due, 9).unwrap();
    assert!(taken.is_sorted_by_key(|alert| alert.id) && taken.len() == 2, "{taken:?}");
    for alert in taken {
        one.end_alert(alert.id, true, due).unwrap();
    }
}

fn check_signed(register: &dyn Register, one: &dyn History, of: BoxId) {
    assert_eq!(one.signed_states(of, 9).unwrap(), []);
    assert!(register.keep_signed(of, 0, 3, "three", NOW).unwrap());
    assert!(register.keep_signed(of, 3, 5, "five", later(5)).unwrap());
    let states = one.signed_states(of, 9).unwrap();
    let seen: Vec<_> = states.iter().map(|state| (state.size, state.at, state.note.as_str())).collect();
    assert_eq!(seen, [(5, later(5), "five"), (3, NOW, "three")]);
    assert_eq!(one.signed_states(of, 1).unwrap().len(), 1);
    assert_eq!(one.signed_state(of, 3).unwrap(), states.get(1).cloned());
    assert_eq!(one.signed_state(of, 4).unwrap(), None);
}
