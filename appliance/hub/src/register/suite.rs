//! What each engine of the register has to do.

use archive::Hash;
use model::Timestamp;
use replication::{EnrolmentCode, School};

use super::{
    BoxId, EXCHANGES_MAX, Exchange, Fingerprint, NewBox, NewCode, NewPolicy, OpenCode, Register,
    RegisterError, StoredFile, StoredSnapshot,
};

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);
const LATER: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000 + 3_600_000);

pub(crate) fn code(seed: u8, uai: &str, is_replacement: bool) -> NewCode {
    let code = EnrolmentCode::from_chance(&[seed; 64]).unwrap();
    NewCode { code, uai: uai.parse().unwrap(), is_replacement, until: LATER }
}

pub(crate) fn new_box(mark: u8) -> NewBox {
    let certificate = Fingerprint([mark; 32]);
    NewBox {
        log_key: format!("key {mark}"),
        version: "0.1".to_owned(),
        public_key: vec![mark],
        certificate,
        certificate_until: LATER,
    }
}

/// Checks an engine; each call of `open` gives a hub of its own on one register.
pub(crate) fn check(open: impl Fn() -> Box<dyn Register>) {
    let (one, other) = (open(), open());
    check_codes(&*one, &*other);
    check_open_codes(&*one, &*other);
    check_replacement(&*one, &*other);
    check_boxes(&*one, &*other);
    check_snapshots(&*one, &*other);
    check_exchanges(&*one, &*other);
}

fn check_codes(one: &dyn Register, other: &dyn Register) {
    let uai = "0750655E";
    assert!(matches!(one.add_code(&code(1, uai, false)), Err(RegisterError::NoSchool(_))));
    let school = School { uai: uai.to_owned(), name: "École".to_owned(), rooms: vec![] };
    one.put_school(&school).unwrap();
    let school = School { rooms: vec!["CM2".to_owned()], ..school };
    other.put_school(&school).unwrap();
    assert_eq!(one.schools().unwrap(), [school]);

    let made = code(1, uai, false);
    one.add_code(&made).unwrap();
    assert!(matches!(one.add_code(&made), Err(RegisterError::Taken)));
    let number = made.code.number();
    let found = other.find_code(&number).unwrap().unwrap();
    assert_eq!((found.code.as_ref(), found.tries_left), (Some(&made.code), 3));
    // Three wrong tries, whichever hub hears of them.
    assert_eq!([one, other, one].map(|hub| hub.spend_try(&number).unwrap()), [2, 1, 0]);
    assert_eq!(one.spend_try(&number).unwrap(), 0);
    assert_eq!(one.find_code(&number).unwrap().unwrap().code, None, "the secret of a burnt code is gone");
    assert!(matches!(one.enrol(&number, &new_box(1), NOW), Err(RegisterError::Spent)));

    let late = code(2, uai, false);
    one.add_code(&late).unwrap();
    assert!(matches!(one.enrol(&late.code.number(), &new_box(1), LATER), Err(RegisterError::Spent)));
    let first = one.enrol(&late.code.number(), &new_box(1), NOW).unwrap();
    assert!(matches!(other.enrol(&late.code.number(), &new_box(2), NOW), Err(RegisterError::Spent)));
    let found = one.find_code(&late.code.number()).unwrap().unwrap();
    assert_eq!(found.code, None);
    assert_eq!(other.find_box(Fingerprint([1; 32])).unwrap().unwrap().id, first);
    // The box may not have heard the answer: it can ask again, until it was heard of.
    let unheard = found.unheard.unwrap();
    assert_eq!((unheard.code, unheard.id), (late.code.clone(), first));
    assert_eq!((unheard.public_key, &*unheard.log_key), (Hash::of(&[1]), "key 1"));
    other.note_health(first, "0.1", "{}", NOW).unwrap();
    assert!(one.find_code(&late.code.number()).unwrap().unwrap().unheard.is_none());
}

fn check_open_codes(one: &dyn Register, other: &dyn Register) {
    assert_eq!(one.open_codes(NOW).unwrap(), [], "one is burnt, a box enrolled by the other");
    let uai = "0750655E";
    let (astray, made) = (code(5, uai, true), code(6, uai, true));
    one.add_code(&astray).unwrap();
    one.add_code(&made).unwrap();
    let number = made.code.number();
    assert_eq!(one.spend_try(&number).unwrap(), 2);
    let expected = OpenCode {
        number: number.clone(),
        uai: uai.to_owned(),
        is_replacement: true,
        until: LATER,
        tries_left: 2,
    };
    assert_eq!(other.open_codes(NOW).unwrap(), [expected], "the one before is worth nothing any more");
    assert_eq!(other.open_codes(LATER).unwrap(), [], "it is too old");
    assert!(one.cancel_code(&number).unwrap() && !other.cancel_code(&number).unwrap());
    assert!(!one.cancel_code(&code(7, uai, true).code.number()).unwrap(), "there is none");
    assert_eq!(other.open_codes(NOW).unwrap(), []);
    assert!(matches!(other.enrol(&number, &new_box(5), NOW), Err(RegisterError::Spent)));
}

fn check_replacement(one: &dyn Register, other: &dyn Register) {
    let uai = "0750655E";
    assert!(matches!(one.add_code(&code(3, uai, false)), Err(RegisterError::HasBox(_))));
    let made = code(3, uai, true);
    one.add_code(&made).unwrap();
    let before = one.find_box(Fingerprint([1; 32])).unwrap().unwrap();
    assert_eq!(before.revoked, None, "until the other one is there");
    other.enrol(&made.code.number(), &new_box(3), NOW).unwrap();
    assert!(one.find_code(&made.code.number()).unwrap().unwrap().unheard.is_some());
    assert_eq!([one, other, one].map(|hub| hub.spend_try(&made.code.number()).unwrap()), [2, 1, 0]);
    assert!(one.find_code(&made.code.number()).unwrap().unwrap().unheard.is_none(), "it is burnt");
    assert_eq!(one.find_box(Fingerprint([1; 32])).unwrap().unwrap().revoked, Some(NOW));
    assert_eq!(one.find_box(Fingerprint([3; 32])).unwrap().unwrap().revoked, None);
    assert_eq!(one.find_box(Fingerprint([9; 32])).unwrap(), None);
}

fn check_boxes(one: &dyn Register, other: &dyn Register) {
    let of = one.find_box(Fingerprint([3; 32])).unwrap().unwrap().id;
    one.add_certificate(of, Fingerprint([4; 32]), LATER).unwrap();
    one.note_health(of, "0.2", "{}", LATER).unwrap();
    for mark in 100..106 {
        one.add_certificate(of, Fingerprint([mark; 32]), LATER).unwrap();
    }
    assert!(one.find_box(Fingerprint([3; 32])).unwrap().is_some(), "eight count");
    one.add_certificate(of, Fingerprint([106; 32]), LATER).unwrap();
    assert!(one.find_box(Fingerprint([3; 32])).unwrap().is_none(), "the ninth takes the place of the oldest");
    let found = other.find_box(Fingerprint([4; 32])).unwrap().unwrap();
    assert_eq!((found.id, found.version.as_str(), found.seen), (of, "0.2", Some(LATER)));
    assert_eq!(one.boxes().unwrap().len(), 2);

    assert_eq!(one.signed(of).unwrap(), None);
    assert!(one.keep_signed(of, 0, 3, "three", NOW).unwrap());
    assert!(!other.keep_signed(of, 0, 4, "four", NOW).unwrap(), "another hub was first");
    assert!(other.keep_signed(of, 3, 3, "three again", NOW).unwrap());
    assert!(other.keep_signed(of, 3, 5, "five", NOW).unwrap());
    assert_eq!(one.signed(of).unwrap().as_deref(), Some("five"));
    assert_eq!(one.find_box(Fingerprint([4; 32])).unwrap().unwrap().log_size, 5);

    assert_eq!(one.policy().unwrap(), None);
    let keep = |hub: &dyn Register, before, serial, note| {
        let new = NewPolicy { before, serial, note, added: None, at: NOW };
        hub.keep_policy(&new).unwrap().is_some()
    };
    assert!(keep(one, 0, 1, "one") && !keep(other, 0, 1, "another"));
    assert!(!keep(other, 1, 1, "one again") && keep(other, 1, 2, "two"));
    assert_eq!(one.policy().unwrap(), Some((2, "two".to_owned())));

    check_files(one, other, of);

    check_files_of_a_revoked(one, other, of);
    assert!(!one.revoke(BoxId(99), NOW).unwrap());
    assert_eq!(other.find_box(Fingerprint([4; 32])).unwrap().unwrap().revoked, Some(NOW));
}

fn check_files(one: &dyn Register, other: &dyn Register, of: BoxId) {
    let hash = Hash::of(b"a");
    let file = StoredFile { hash, name: "a".to_owned(), bytes: 1, until: LATER };
    assert_eq!(one.add_file(of, &file, NOW).unwrap(), None);
    assert_eq!(other.add_file(of, &file, NOW).unwrap(), None, "the same again");
    assert_eq!(one.files(of).unwrap(), std::slice::from_ref(&file));
    let before_later = |ms: i64| Timestamp::from_unix_ms(LATER.unix_ms() - ms);
    let ends = |until: Timestamp, soonest: Timestamp| {
        let nearer = other.add_file(of, &StoredFile { until, ..file.clone() }, soonest).unwrap();
        (one.files(of).unwrap()[0].until, nearer)
    };
    assert_eq!(ends(before_later(-1), NOW), (LATER, None), "no later");
    assert_eq!(ends(NOW, LATER), (LATER, None), "not before what is given");
    assert_eq!(ends(NOW, before_later(9)), (before_later(9), Some(1)));
    assert_eq!(ends(before_later(5), NOW), (before_later(9), None), "the earlier one stays");
    assert_eq!(ends(before_later(10), NOW), (before_later(10), Some(1)));
    let held = |until: Timestamp| {
        one.hold_file(of, hash, until).unwrap();
        other.files(of).unwrap()[0].until
    };
    assert_eq!(held(before_later(11)), before_later(10), "a hold takes no time away");
    assert_eq!(held(before_later(-5)), before_later(-5));
    assert_eq!(ends(before_later(10), NOW), (before_later(10), Some(1)), "it is lifted");
    let second = StoredFile { hash: Hash::of(b"b"), ..file.clone() };
    assert_eq!(one.add_file(of, &second, NOW).unwrap(), None);
    assert_eq!(one.add_file(of, &StoredFile { until: NOW, ..second }, NOW).unwrap(), Some(2));
    one.forget_file(of, Hash::of(b"b")).unwrap();
    assert_eq!(one.files(BoxId(99)).unwrap(), []);
    assert_eq!(one.due_files(NOW, 9).unwrap(), []);
    assert_eq!(one.due_files(before_later(10), 9).unwrap(), [(of, hash)]);
    other.forget_file(of, hash).unwrap();
    assert_eq!(one.files(of).unwrap(), []);
}

fn check_files_of_a_revoked(one: &dyn Register, other: &dyn Register, of: BoxId) {
    let file = StoredFile { hash: Hash::of(b"c"), name: "c".to_owned(), bytes: 1, until: LATER };
    one.add_file(of, &file, NOW).unwrap();
    one.add_file(of, &StoredFile { until: NOW, ..file }, NOW).unwrap();
    assert_eq!(other.due_files(NOW, 9).unwrap(), [(of, Hash::of(b"c"))]);
    assert!(one.revoke(of, NOW).unwrap() && !other.revoke(of, NOW).unwrap());
    assert_eq!(other.due_files(NOW, 9).unwrap(), [], "what it said first counts");
    assert_eq!(other.due_files(LATER, 9).unwrap(), [(of, Hash::of(b"c"))]);
    one.forget_file(of, Hash::of(b"c")).unwrap();
}

fn check_snapshots(one: &dyn Register, other: &dyn Register) {
    let uai = "0911234X";
    one.put_school(&School { uai: uai.to_owned(), name: "École".to_owned(), rooms: vec![] }).unwrap();
    let enrol = |seed: u8, is_replacement: bool| {
        let made = code(seed, uai, is_replacement);
        one.add_code(&made).unwrap();
        assert_eq!(other.find_code(&made.code.number()).unwrap().unwrap().is_replacement, is_replacement);
        other.enrol(&made.code.number(), &new_box(seed), NOW).unwrap()
    };
    let snapshot = |mark: u8, at: i64| StoredSnapshot {
        hash: Hash::of(&[mark]),
        bytes: u64::from(mark),
        at: Timestamp::from_unix_ms(NOW.unix_ms() + at),
    };
    let day = 86_400_000;
    let first = enrol(20, false);
    assert_eq!((one.last_snapshot(first).unwrap(), one.inheritance(first).unwrap()), (None, None));
    for (mark, at) in [(1, day), (3, 3 * day), (2, 2 * day)] {
        one.add_snapshot(first, &snapshot(mark, at)).unwrap();
        other.add_snapshot(first, &snapshot(mark, at)).unwrap();
    }
    assert_eq!(other.last_snapshot(first).unwrap(), Some(snapshot(3, 3 * day)));
    assert_eq!(one.inheritance(first).unwrap(), None, "nobody inherits from herself");
    let second = enrol(21, true);
    assert_eq!(one.inheritance(second).unwrap(), Some((first, Hash::of(&[3]))));
    assert_eq!(other.inheritance(first).unwrap(), None);
    one.add_snapshot(second, &snapshot(4, 4 * day)).unwrap();
    assert_eq!(one.inheritance(second).unwrap(), None, "it has a state of its own");
    assert_eq!(one.surplus_snapshots(second, 4).unwrap(), []);
    let mut surplus = other.surplus_snapshots(first, 2).unwrap();
    surplus.sort_by_key(|(_, hash)| *hash != Hash::of(&[1]));
    assert_eq!(surplus, [(first, Hash::of(&[1])), (first, Hash::of(&[2]))], "of the school, not of the box");
    assert!(other.has_snapshot(first, Hash::of(&[1])).unwrap());
    one.forget_snapshot(first, Hash::of(&[1])).unwrap();
    assert!(!other.has_snapshot(first, Hash::of(&[1])).unwrap());
    assert_eq!(one.surplus_snapshots(second, 2).unwrap(), [(first, Hash::of(&[2]))]);
    // However many come in a day, the days before stay: the newest one and the first of its day count.
    for (mark, at) in [(5, 1), (6, 2), (7, 3)] {
        one.add_snapshot(second, &snapshot(mark, 4 * day + at)).unwrap();
    }
    let mut surplus = one.surplus_snapshots(second, 3).unwrap();
    surplus.sort_by_key(|(_, hash)| *hash != Hash::of(&[5]));
    assert_eq!(surplus, [(second, Hash::of(&[5])), (second, Hash::of(&[6]))]);
    let listed: Vec<_> = one.snapshots(uai).unwrap().into_iter().map(|(of, it)| (of, it.bytes)).collect();
    assert_eq!(listed, [(second, 7), (second, 6), (second, 5), (second, 4), (first, 3), (first, 2)]);
    assert_eq!(one.snapshots("0750655E").unwrap(), []);
    // A state of before is chosen, of this school's, by a code for a replacement.
    let chosen = code(23, uai, true);
    one.add_code(&chosen).unwrap();
    let number = chosen.code.number();
    assert!(!one.choose_state(&number, Hash::of(&[1])).unwrap(), "it is gone");
    assert!(other.choose_state(&number, Hash::of(&[3])).unwrap());
    assert!(!one.choose_state(&code(24, uai, true).code.number(), Hash::of(&[3])).unwrap(), "no such code");
    let heir = one.enrol(&number, &new_box(23), NOW).unwrap();
    assert_eq!(other.inheritance(heir).unwrap(), Some((first, Hash::of(&[3]))));
    assert!(!other.surplus_snapshots(heir, 1).unwrap().contains(&(first, Hash::of(&[3]))), "it is chosen");
    let second = heir;
    // Whoever enrols as the first one gets nobody's.
    one.revoke(second, NOW).unwrap();
    let third = enrol(22, false);
    assert_eq!(one.inheritance(third).unwrap(), None);
}

fn check_exchanges(one: &dyn Register, other: &dyn Register) {
    let at = |ms: i64| Timestamp::from_unix_ms(NOW.unix_ms() + ms);
    let exchange = |begun: Timestamp| Exchange {
        number: code(3, "0750655E", false).code.number(),
        keys: vec![7; 64],
        begun,
        asked: String::new(),
        answer: String::new(),
    };
    one.put_exchange(b"first", &exchange(NOW), at(-1)).unwrap();
    let mut taken = other.take_exchange(b"first").unwrap().unwrap();
    assert!(taken == exchange(NOW) && one.take_exchange(b"first").unwrap().is_none(), "it is taken once");
    taken.answer = "answer".to_owned();
    other.put_exchange(b"first", &taken, at(-1)).unwrap();
    assert_eq!(one.take_exchange(b"first").unwrap().unwrap().answer, "answer");
    one.put_exchange(b"old", &exchange(NOW), at(-1)).unwrap();
    other.put_exchange(b"new", &exchange(at(9)), NOW).unwrap();
    assert!(one.take_exchange(b"old").unwrap().is_none(), "it is stale");
    for number in 0..EXCHANGES_MAX {
        one.put_exchange(&number.to_be_bytes(), &exchange(at(9)), NOW).unwrap();
    }
    assert!(other.take_exchange(b"new").unwrap().is_none(), "the oldest gives way");
    assert!(other.take_exchange(&0_u32.to_be_bytes()).unwrap().is_some());
}
