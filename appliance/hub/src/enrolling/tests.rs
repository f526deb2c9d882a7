use replication::{BoxExchange, EnrolmentCode};

use super::*;
use crate::register::NewCode;
use crate::register::sqlite::SqliteRegister;

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);
const ROOT: &[u8] = b"the hub's authority";

struct Commune {
    _folder: tempfile::TempDir,
    register: SqliteRegister,
    enroller: Enroller,
    key: pki::MemberKey,
}

impl Commune {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let register = SqliteRegister::open(&folder.path().join("register")).unwrap();
        let school = School { uai: "0750655E".to_owned(), name: "École".to_owned(), rooms: vec![] };
        register.put_school(&school).unwrap();
        let members = MemberAuthority::generate().unwrap();
        let enroller = Enroller::new(members, AuthorityHash::of(ROOT), "witness".to_owned());
        Self { _folder: folder, register, enroller, key: pki::MemberKey::generate().unwrap() }
    }

    fn make_code(&self, seed: u8) -> EnrolmentCode {
        let code = EnrolmentCode::from_chance(&[seed; 64]).unwrap();
        let until = Timestamp::from_unix_ms(NOW.unix_ms() + 3_600_000);
        let uai = "0750655E".parse().unwrap();
        self.register.add_code(&NewCode { code: code.clone(), uai, is_replacement: false, until }).unwrap();
        code
    }

    fn begin(&self, code: &EnrolmentCode, seen: &[u8], now: Timestamp) -> Result<(Keys, Begun), Refusal> {
        let (exchange, message) = BoxExchange::start(code, AuthorityHash::of(seen));
        let begin = Begin { number: code.number().to_string(), message: Encoded(message) };
        let from = "192.0.2.7".parse().unwrap();
        let begun = self.enroller.begin(&self.register, from, &begin, now)?;
        Ok((exchange.finish(&begun.message.0).unwrap(), begun))
    }

    fn proof(&self, keys: &Keys, begun: &Begun) -> Proof {
        let log_key = archive::SigningKey::of_box([7; 32]).unwrap().verifier().to_string();
        let public_key = Encoded(self.key.public_key().to_vec());
        let request = EnrolmentRequest { public_key, log_key, version: "0.1.0".to_owned() };
        let request = serde_json::to_string(&request).unwrap();
        let proof = Encoded(keys.prove_as_box(request.as_bytes()));
        Proof { session: begun.session.clone(), request, proof }
    }

    fn enrol(&self, code: &EnrolmentCode, seen: &[u8]) -> Result<Proved, Refusal> {
        let (keys, begun) = self.begin(code, seen, NOW)?;
        let proved = self.enroller.prove(&self.register, &self.proof(&keys, &begun), NOW)?;
        assert!(keys.is_of_hub(proved.reply.as_bytes(), &proved.proof.0));
        Ok(proved)
    }
}

/// A code of the same number with another secret.
fn with_another_secret(code: &EnrolmentCode) -> EnrolmentCode {
    let number = code.number();
    let bytes: Vec<u8> = number.as_str().bytes().map(place).chain([9; 64]).collect();
    let other = EnrolmentCode::from_chance(&bytes).unwrap();
    assert_eq!(other.number(), number);
    other
}

fn place(symbol: u8) -> u8 {
    let symbols = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
    u8::try_from(symbols.iter().position(|other| *other == symbol).unwrap()).unwrap()
}

#[test]
fn a_box_enrols_once_and_hears_the_answer_again() {
    let commune = Commune::new();
    let code = commune.make_code(3);
    let (keys, begun) = commune.begin(&code, ROOT, NOW).unwrap();
    let proof = commune.proof(&keys, &begun);
    let proved = commune.enroller.prove(&commune.register, &proof, NOW).unwrap();
    let enrolled: Enrolled = read_json(proved.reply.as_bytes()).unwrap();
    assert_eq!((enrolled.school.uai.as_str(), enrolled.witness_key.as_str()), ("0750655E", "witness"));
    assert!(keys.is_of_hub(proved.reply.as_bytes(), &proved.proof.0));
    let found = commune.register.find_box(Fingerprint::of(&enrolled.certificate.0)).unwrap().unwrap();
    assert_eq!(found.id.0, enrolled.box_id);

    // The line was cut before the answer arrived.
    assert_eq!(commune.enroller.prove(&commune.register, &proof, NOW), Ok(proved));
    let changed = Proof { request: proof.request.replace("0.1.0", "0.2.0"), ..proof };
    assert_eq!(commune.enroller.prove(&commune.register, &changed, NOW), Err(Refusal::UsedCode));
    assert_eq!(commune.register.boxes().unwrap().len(), 1);
}

#[test]
fn a_box_whose_answer_was_lost_asks_again_by_its_key_and_nobody_else_does() {
    let mut commune = Commune::new();
    let code = commune.make_code(3);
    // The hub dies after it has enrolled the box, and before it has noted the answer.
    let (keys, begun) = commune.begin(&code, ROOT, NOW).unwrap();
    let proof = commune.proof(&keys, &begun);
    let _lost = commune.enroller.prove(&commune.register, &proof, NOW).unwrap();
    let taken = commune.register.take_exchange(&proof.session.0).unwrap();
    assert!(taken.is_some());
    assert_eq!(commune.enroller.prove(&commune.register, &proof, NOW), Err(Refusal::WrongCode));

    let stranger = Commune { key: pki::MemberKey::generate().unwrap(), ..Commune::new() };
    let own = std::mem::replace(&mut commune.key, stranger.key);
    assert_eq!(commune.enrol(&code, ROOT), Err(Refusal::UsedCode), "another key");
    commune.key = own;
    let wrong = with_another_secret(&code);
    assert_eq!(commune.enrol(&wrong, ROOT), Err(Refusal::WrongCode), "the key without the code");

    let again = commune.enrol(&code, ROOT).unwrap();
    let enrolled: Enrolled = read_json(again.reply.as_bytes()).unwrap();
    let boxes = commune.register.boxes().unwrap();
    assert_eq!(boxes.iter().map(|it| it.id.0).collect::<Vec<_>>(), [enrolled.box_id], "it is one box");
    let found = commune.register.find_box(Fingerprint::of(&enrolled.certificate.0)).unwrap().unwrap();
    assert_eq!(found.id.0, enrolled.box_id);
    commune.register.note_health(found.id, "0.1.0", "{}", NOW).unwrap();
    assert_eq!(commune.enrol(&code, ROOT), Err(Refusal::UsedCode), "it has heard the answer");
}

#[test]
fn a_code_that_is_over_answers_nobody_again() {
    let commune = Commune::new();
    let code = commune.make_code(3);
    commune.enrol(&code, ROOT).unwrap();
    let late = Timestamp::from_unix_ms(NOW.unix_ms() + 3_600_000);
    assert_eq!(commune.begin(&code, ROOT, late).err(), Some(Refusal::UsedCode));
    let id = commune.register.boxes().unwrap()[0].id;
    commune.register.revoke(id, NOW).unwrap();
    assert_eq!(commune.begin(&code, ROOT, NOW).err(), Some(Refusal::UsedCode));
}

#[test]
fn three_wrong_secrets_burn_a_code() {
    let commune = Commune::new();
    let code = commune.make_code(3);
    let wrong = with_another_secret(&code);
    assert_eq!(commune.enrol(&wrong, ROOT), Err(Refusal::WrongCode));
    // Whoever stands between has another authority: it is a wrong try like any other.
    assert_eq!(commune.enrol(&code, b"another"), Err(Refusal::WrongCode));
    // A session that was begun before the last try is worth nothing after it.
    let (keys, begun) = commune.begin(&code, ROOT, NOW).unwrap();
    assert_eq!(commune.enrol(&wrong, ROOT), Err(Refusal::BurntCode));
    let late = commune.enroller.prove(&commune.register, &commune.proof(&keys, &begun), NOW);
    assert_eq!(late, Err(Refusal::BurntCode));
    assert_eq!(commune.enrol(&code, ROOT), Err(Refusal::BurntCode));
    assert!(commune.register.boxes().unwrap().is_empty());
}

#[test]
fn what_is_wrong_with_a_code_is_told() {
    let commune = Commune::new();
    let code = commune.make_code(3);
    let late = Timestamp::from_unix_ms(NOW.unix_ms() + 3_600_000);
    assert_eq!(commune.begin(&code, ROOT, late).err(), Some(Refusal::ExpiredCode));
    let unknown = EnrolmentCode::from_chance(&[8; 64]).unwrap();
    assert_eq!(commune.enrol(&unknown, ROOT), Err(Refusal::WrongCode));
    let (_, begun) = commune.begin(&code, ROOT, NOW).unwrap();
    let nobody = Proof { session: begun.session, request: String::new(), proof: Encoded(vec![]) };
    assert_eq!(commune.enroller.prove(&commune.register, &nobody, NOW), Err(Refusal::WrongCode));
    assert_eq!(commune.enroller.prove(&commune.register, &nobody, NOW), Err(Refusal::WrongCode));
    let left = commune.register.find_code(&code.number()).unwrap().unwrap().tries_left;
    assert_eq!(left, 2, "a session is good for one try");
}

#[test]
fn a_crowd_of_beginners_is_bounded() {
    let commune = Commune::new();
    let code = commune.make_code(3);
    let mut last = Ok(());
    for _ in 0..100 {
        last = commune.begin(&code, ROOT, NOW).map(drop);
    }
    assert_eq!(last, Err(Refusal::TooOften));
    let later = Timestamp::from_unix_ms(NOW.unix_ms() + 60_000);
    assert!(commune.begin(&code, ROOT, later).is_ok());
}

#[test]
fn whichever_hub_is_asked_goes_on_and_not_for_ever() {
    let commune = Commune::new();
    let code = commune.make_code(3);
    let (keys, begun) = commune.begin(&code, ROOT, NOW).unwrap();
    let members = MemberAuthority::read(&commune.enroller.members.write()).unwrap();
    let other = Enroller::new(members, AuthorityHash::of(ROOT), "witness".to_owned());
    let proof = commune.proof(&keys, &begun);
    let proved = other.prove(&commune.register, &proof, NOW).unwrap();
    assert!(keys.is_of_hub(proved.reply.as_bytes(), &proved.proof.0));
    assert_eq!(
        commune.enroller.prove(&commune.register, &proof, NOW),
        Ok(proved),
        "and the answer is told again"
    );

    let late = Timestamp::from_unix_ms(NOW.unix_ms() + EXCHANGE_MS);
    assert_eq!(commune.enroller.prove(&commune.register, &proof, late), Err(Refusal::WrongCode));
}
