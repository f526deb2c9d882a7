//! What each engine has to do with people.

use std::collections::BTreeSet;

use model::{Failures, PersonName, Timestamp};
use people::{CodeKey, CodeStep, PaperHash, StoredSecret, TokenHash, Watch};

use super::{Act, Count, Duty, KNOWN_MAX, MemberId, Proof, SESSIONS_MAX, Staff};
use crate::register::RegisterError;

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW.unix_ms() + seconds * 1_000)
}

fn name(text: &str) -> PersonName {
    text.parse().unwrap()
}

fn secret(text: &str) -> StoredSecret {
    StoredSecret::from_phc(text.to_owned())
}

/// Checks an engine; the two are hubs on one register.
pub(crate) fn check(one: &dyn Staff, other: &dyn Staff) {
    let id = check_members(one, other);
    check_accounts(one, other, id);
    check_second(one, other, id);
    check_sessions(one, other, id);
    check_failures(one, other);
    check_acts(one, other);
}

fn check_members(one: &dyn Staff, other: &dyn Staff) -> MemberId {
    let duties = BTreeSet::from([Duty::Policy, Duty::Technician]);
    let id = one.add_member(&name("Mme Petit"), &duties, &secret("first")).unwrap();
    let again = other.add_member(&name("MME PETIT"), &duties, &secret("another"));
    assert!(matches!(again, Err(RegisterError::Taken)));
    let reader = other.add_member(&name("Éric"), &BTreeSet::from([Duty::Reader]), &secret("x")).unwrap();
    assert_ne!(reader, id);
    let found = other.find_member(&name("mme petit")).unwrap().unwrap();
    assert_eq!((found.member.id, found.member.duties.clone()), (id, duties));
    assert!(found.member.has_first_secret && !found.member.has_key && found.member.may(Duty::Policy));
    assert_eq!((found.secret, found.key, found.step), (secret("first"), None, CodeStep(0)));
    assert!(one.find_member(&name("M. Blanc")).unwrap().is_none());
    assert_eq!(one.members().unwrap().len(), 2);
    assert!(one.find_member(&name("ÉRIC")).unwrap().is_some(), "in any case of its letters");

    other.keep_secret(id, &secret("own")).unwrap();
    let found = one.find_member(&name("Mme Petit")).unwrap().unwrap();
    assert_eq!((found.secret, found.member.has_first_secret), (secret("own"), false));
    id
}

fn check_accounts(one: &dyn Staff, other: &dyn Staff, id: MemberId) {
    let find = |account: &str| other.find_account(account).unwrap().map(|member| member.id);
    assert_eq!((find("petit@commune.example"), find("")), (None, None), "nobody has an empty one");
    let token = TokenHash([201; 32]);
    one.open_session(id, token, Proof::ProviderAlone, "192.0.2.1", NOW).unwrap();
    assert_eq!(other.find_session(token).unwrap().unwrap().proof, Proof::ProviderAlone);
    assert!(!other.is_known(&name("Mme Petit"), "192.0.2.1").unwrap(), "one factor makes no address known");
    one.set_account(id, Some("Petit@Commune.example")).unwrap();
    assert!(other.find_session(token).unwrap().is_none(), "it began as somebody else");
    assert_eq!(find("PETIT@commune.example"), Some(id));
    assert_eq!(
        one.find_member(&name("Mme Petit")).unwrap().unwrap().member.account.unwrap(),
        "petit@commune.example"
    );
    let reader = one.find_member(&name("Éric")).unwrap().unwrap().member.id;
    let taken = other.set_account(reader, Some("petit@commune.example"));
    assert!(matches!(taken, Err(RegisterError::Taken)));
    other.set_account(reader, Some("aB7")).unwrap();
    assert_eq!((find("aB7"), find("ab7")), (Some(reader), None), "letter by letter");
    other.set_account(reader, Some("Kim@commune.example")).unwrap();
    let found = (find("kim@commune.example"), find("\u{212a}im@commune.example"));
    assert_eq!(found, (Some(reader), None), "the sign of kelvin is no k");
    other.set_account(reader, None).unwrap();
    one.set_account(id, Some("petit@commune.example")).unwrap();
    assert_eq!((find("aB7"), find("petit@commune.example")), (None, Some(id)));
}

fn check_second(one: &dyn Staff, other: &dyn Staff, id: MemberId) {
    let key = CodeKey::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
    let papers = [PaperHash([1; 32]), PaperHash([2; 32])];
    let token = TokenHash([200; 32]);
    other.open_session(id, token, Proof::Own, "192.0.2.1", NOW).unwrap();
    assert!(one.keep_key(id, &key, CodeStep(5), &papers).unwrap());
    assert!(other.find_session(token).unwrap().is_none(), "it began without the telephone");
    assert!(!other.keep_key(id, &key, CodeStep(9), &[]).unwrap(), "she has one");
    let found = other.find_member(&name("Mme Petit")).unwrap().unwrap();
    assert_eq!((found.key, found.step, found.member.has_key), (Some(key.clone()), CodeStep(5), true));
    assert!(!one.spend_step(id, CodeStep(5)).unwrap() && !one.spend_step(id, CodeStep(4)).unwrap());
    assert!(one.spend_step(id, CodeStep(6)).unwrap() && !other.spend_step(id, CodeStep(6)).unwrap());
    assert!(other.spend_paper(id, papers[0]).unwrap() && !one.spend_paper(id, papers[0]).unwrap());
    assert!(!one.spend_paper(MemberId(99), papers[1]).unwrap(), "it is somebody else's");

    // Anew from the beginning: nothing of before counts.
    one.reset_member(id, &secret("drawn")).unwrap();
    let found = other.find_member(&name("Mme Petit")).unwrap().unwrap();
    assert!(found.member.has_first_secret && !found.member.has_key && found.key.is_none());
    assert!(!one.spend_paper(id, papers[1]).unwrap());
    assert!(other.keep_key(id, &key, CodeStep(7), &papers).unwrap());
}

fn check_sessions(one: &dyn Staff, other: &dyn Staff, id: MemberId) {
    let token = |mark: u8| TokenHash([mark; 32]);
    one.open_session(id, token(1), Proof::Own, "192.0.2.1", NOW).unwrap();
    let found = other.find_session(token(1)).unwrap().unwrap();
    assert_eq!((found.member.id, found.network.as_str()), (id, "192.0.2.1"));
    assert_eq!((found.began, found.used), (NOW, NOW));
    other.touch_session(token(1), later(60)).unwrap();
    assert_eq!(one.find_session(token(1)).unwrap().unwrap().used, later(60));
    assert!(one.find_session(token(9)).unwrap().is_none());
    one.end_session(token(1)).unwrap();
    one.end_session(token(1)).unwrap();
    assert!(other.find_session(token(1)).unwrap().is_none());

    for mark in 0..=u8::try_from(SESSIONS_MAX).unwrap() {
        let network = format!("192.0.2.{mark}");
        one.open_session(id, token(100 + mark), Proof::Own, &network, later(i64::from(mark))).unwrap();
    }
    assert!(one.find_session(token(100)).unwrap().is_none(), "the oldest gave way");
    assert!(one.find_session(token(101)).unwrap().is_some());
    let known = |network: u32| one.is_known(&name("MME petit"), &format!("192.0.2.{network}")).unwrap();
    let first = SESSIONS_MAX + 1 - KNOWN_MAX;
    assert!(known(SESSIONS_MAX) && known(first) && !known(first - 1) && !known(200));
    assert!(!one.is_known(&name("Éric"), "192.0.2.8").unwrap());

    for (mark, end) in [(50, "secret"), (51, "reset"), (52, "disable")] {
        one.open_session(id, token(mark), Proof::Own, "192.0.2.1", later(1_000)).unwrap();
        match end {
            "secret" => other.keep_secret(id, &secret("new")).unwrap(),
            "reset" => other.reset_member(id, &secret("drawn")).unwrap(),
            _ => other.disable_member(id, NOW).unwrap(),
        }
        assert!(one.find_session(token(mark)).unwrap().is_none(), "{end}");
    }
    one.open_session(id, token(60), Proof::Own, "192.0.2.1", NOW).unwrap();
    assert!(other.find_session(token(60)).unwrap().is_none(), "she may sign in no more");
    assert!(other.find_account("petit@commune.example").unwrap().is_none(), "nor by the provider");
    assert_eq!(one.find_member(&name("Mme Petit")).unwrap().unwrap().member.disabled, Some(NOW));
}

fn check_failures(one: &dyn Staff, other: &dyn Staff) {
    let counts =
        [("a", Watch::Pair), ("b", Watch::Device)].map(|(of, watch)| Count { of: of.to_owned(), watch });
    assert_eq!(one.failures("a").unwrap(), Failures::default());
    one.add_failure(&counts, NOW).unwrap();
    other.add_failure(&counts[..1], later(1)).unwrap();
    assert_eq!(one.failures("a").unwrap(), Failures { count: 2, last: Some(later(1)) });
    assert_eq!(other.failures("b").unwrap(), Failures { count: 1, last: Some(NOW) });
    one.forget_failures(&["a", "c"]).unwrap();
    assert_eq!((other.failures("a").unwrap().count, other.failures("b").unwrap().count), (0, 1));
}

fn check_acts(one: &dyn Staff, other: &dyn Staff) {
    let act = |about: &str| Act {
        at: NOW,
        author: "Mme Petit".to_owned(),
        network: "192.0.2.1".to_owned(),
        deed: "code-made".to_owned(),
        about: about.to_owned(),
    };
    assert!(one.acts(None, 9).unwrap().is_empty());
    one.note_act(&act("first")).unwrap();
    other.note_act(&act("second")).unwrap();
    let kept = one.acts(None, 9).unwrap();
    let acts: Vec<_> = kept.iter().map(|(_, act)| act.clone()).collect();
    assert_eq!(acts, [act("second"), act("first")]);
    assert_eq!(other.acts(None, 1).unwrap(), kept[..1]);
    assert_eq!(other.acts(Some(kept[0].0), 9).unwrap(), kept[1..], "what is older");
    assert!(one.acts(Some(kept[1].0), 9).unwrap().is_empty());
}
