//! Codes of telephones, and codes on paper.

use people::CodeKey;
use portal::{NewCodes, TelephoneRoom as _, TypedTelephone};

use super::*;

/// A technician with a telephone.
struct Equipped {
    it: School,
    person: Person,
    secret: String,
    key: CodeKey,
    papers: Vec<String>,
}

impl Equipped {
    fn new() -> Self {
        let it = School::new();
        let (person, secret) = it.person("M. Petit", Role::Technician, &[]);
        let letters = it.office.show_key(&person, None).unwrap().letters;
        let key = CodeKey::parse(&letters).unwrap();
        let mut equipped = Self { it, person, secret, key, papers: vec![] };
        equipped.papers = equipped.take(&letters, &equipped.code(), "").unwrap().0.0;
        equipped.it.pass(30_000);
        equipped
    }

    fn code(&self) -> String {
        self.key.show(self.it.hand.now().at).unwrap()
    }

    fn take(&self, key: &str, code: &str, present: &str) -> Result<(NewCodes, String), Trouble> {
        let typed = TypedTelephone { key, code, present, secret: &self.secret };
        self.it.office.take_telephone(PC.into(), &self.person, &typed)
    }

    fn sign_in(&self, client: [u8; 4], code: &str) -> Result<String, Trouble> {
        self.it.office.sign_in(client.into(), &named("M. Petit"), &self.secret, code)
    }
}

#[test]
fn a_code_is_asked_for_counts_once_and_guesses_are_counted() {
    let them = Equipped::new();
    assert_eq!(them.sign_in(PC, ""), Err(Trouble::Wrong), "the secret alone");
    let code = them.code();
    let token = them.sign_in(PC, &code).unwrap();
    assert!(them.it.is_in(PC, &token));
    assert_eq!(them.sign_in(OTHER_PC, &code), Err(Trouble::Wrong), "seen over her shoulder");
    them.it.pass(30_000);
    them.sign_in(OTHER_PC, &them.code()).unwrap();
    for _ in 0..4 {
        assert_eq!(them.sign_in(PC, "000000"), Err(Trouble::Wrong));
    }
    them.it.pass(30_000 - 16_000);
    assert!(matches!(them.sign_in(PC, "000000"), Err(Trouble::Wait(_) | Trouble::Wrong)));
    assert!(matches!(them.sign_in(PC, &them.code()), Err(Trouble::Wait(_))), "also with the right one");
}

#[test]
fn paper_counts_once_and_also_while_nobody_knows_the_time() {
    let them = Equipped::new();
    let [first, second, ..] = them.papers.as_slice() else { panic!("codes on paper") };
    assert_eq!(them.papers.len(), 8);
    them.sign_in(PC, &first.to_uppercase().replace('-', " ")).unwrap();
    assert_eq!(them.sign_in(OTHER_PC, first), Err(Trouble::Wrong));
    them.it.hand.0.store(-1, Ordering::Relaxed);
    assert_eq!(them.sign_in(OTHER_PC, &them.code()), Err(Trouble::Wrong), "of a clock that nobody set");
    them.sign_in(OTHER_PC, second).unwrap();
    assert_eq!(them.take("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "000000", ""), Err(Trouble::NoClock));
    let acts = them.it.store().waiting_person_acts(99).unwrap();
    let deeds: Vec<_> = acts.iter().map(|waiting| waiting.act.deed.as_str()).collect();
    assert_eq!(deeds.iter().filter(|deed| **deed == "sign-in-by-paper").count(), 2, "{deeds:?}");
    assert_eq!(deeds.iter().filter(|deed| **deed == "add-telephone").count(), 1, "{deeds:?}");
}

#[test]
fn another_telephone_is_taken_with_a_code_of_the_one_before() {
    let them = Equipped::new();
    let letters = them.it.office.show_key(&them.person, None).unwrap().letters;
    let other = CodeKey::parse(&letters).unwrap();
    let now = || them.it.hand.now().at;
    let code = other.show(now()).unwrap();
    assert_eq!(them.take(&letters, &code, "").err(), Some(Trouble::Wrong), "whoever found her session");
    assert_eq!(them.take(&letters, "000000", &them.code()).err(), Some(Trouble::Code));
    them.take(&letters, &code, &them.code()).unwrap();
    them.it.pass(30_000);
    assert_eq!(them.sign_in(PC, &them.code()), Err(Trouble::Wrong), "the old one");
    them.sign_in(PC, &other.show(now()).unwrap()).unwrap();
}

#[test]
fn a_clock_that_ran_ahead_keeps_no_telephone_out() {
    let them = Equipped::new();
    const YEAR_MS: i64 = 365 * 24 * HOUR_MS;
    them.it.pass(YEAR_MS);
    them.sign_in(PC, &them.code()).unwrap();
    them.it.pass(-YEAR_MS);
    them.sign_in(PC, &them.code()).unwrap();
}

#[test]
fn who_lacks_a_telephone_is_asked_for_one_and_another_takes_it_away() {
    let it = School::new();
    let office = open(it.folder.path(), &it.desk, &it.hand).with_telephones(&[Role::Technician]);
    let (technician, secret) = it.person("M. Petit", Role::Technician, &[]);
    let (other, _) = it.person("Mme Petit", Role::Technician, &[]);
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let (teacher, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    let lacks = |person: &Person| office.lacks_telephone(person);
    assert_eq!([lacks(&technician), lacks(&head)], [true, false]);
    it.hand.0.store(-1, Ordering::Relaxed);
    assert!(!lacks(&technician), "without the time none can be made known");
    it.hand.0.store(0, Ordering::Relaxed);
    let letters = office.show_key(&technician, None).unwrap().letters;
    let code = CodeKey::parse(&letters).unwrap().show(it.hand.now().at).unwrap();
    let found = TypedTelephone { key: &letters, code: &code, present: "", secret: "four other words" };
    let refused = office.take_telephone(PC.into(), &technician, &found).err();
    assert_eq!(refused, Some(Trouble::Wrong), "whoever found her session");
    let typed = TypedTelephone { secret: &secret, ..found };
    let (_, token) = office.take_telephone(PC.into(), &technician, &typed).unwrap();
    let known = office.enter(PC.into(), &token, true).unwrap().unwrap();
    assert!(known.has_telephone && !lacks(&known));
    let refused = office.take_telephone(PC.into(), &teacher, &typed).err();
    assert_eq!(refused, Some(Trouble::Denied));
    assert_eq!(office.remove_telephone(PC.into(), &teacher, known.id), Err(Trouble::Denied));
    assert_eq!(office.remove_telephone(PC.into(), &known, known.id), Err(Trouble::Denied), "her own");
    office.remove_telephone(PC.into(), &other, known.id).unwrap();
    assert_eq!(office.enter(PC.into(), &token, true), Ok(None));
}
