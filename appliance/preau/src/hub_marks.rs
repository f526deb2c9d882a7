//! What a register that was put back from a copy has forgotten: which boxes were revoked, and how far it had come.
//!
//! It lies beside the register, in a file of its own, and grows only: whoever puts back the register alone revives no box, and is told. People
//! that it revives are told of, no more: a copy is as it was.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use hub::register::{BoxState, Register};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use system::private::PrivateFolder;

const MARKS_FILE: &str = "marks";
const VERSION: u32 = 2;
/// Revoked boxes that are kept in mind, the latest: beyond them, the file would be none that is read whole. Certificates of a year ago are over.
const REVOKED_MAX: usize = 400;

/// The file of marks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Marks {
    version: u32,
    /// The highest number of a box.
    box_max: u64,
    /// Entries of logs that were signed, all boxes' together.
    signed: u64,
    /// The number of the commune's policy.
    policy: u64,
    /// The highest number of what is said to schools.
    #[serde(default)]
    sheet: u64,
    /// The boxes that were revoked, as [`name`] says.
    revoked: Vec<String>,
}

/// An enrolment: a number is given anew after a register was put back, and a box that enrols again goes on with the key of its log. Number, moment
/// and key together are nobody else's.
fn name(state: &BoxState) -> String {
    format!("{} {} {}", state.id.0, state.enrolled.unix_ms(), state.log_key)
}

/// What was done about a register that had been put back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PutBack {
    /// Whether it was.
    pub(crate) is_old: bool,
    /// Boxes that were revoked again.
    pub(crate) revoked: u32,
    /// Codes that are worth nothing any more: some may have been used.
    pub(crate) cancelled: u32,
}

/// Compares the register with what was noted last, sets right what can be, and notes how it is now.
pub(crate) fn compare(data: &Path, register: &dyn Register, now: Timestamp) -> anyhow::Result<PutBack> {
    let folder = PrivateFolder::new(data);
    let named = || folder.path(MARKS_FILE).display().to_string();
    let text = folder.read(MARKS_FILE).with_context(named)?;
    // What cannot be read was none: it is written anew.
    let before: Marks = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let boxes = register.boxes()?;
    let found = look(register, &boxes)?;
    let mut put_back = PutBack {
        is_old: found.box_max < before.box_max
            || found.signed < before.signed
            || found.policy < before.policy
            || found.sheet < before.sheet,
        ..PutBack::default()
    };
    let gone: BTreeSet<&String> = before.revoked.iter().collect();
    for state in boxes.iter().filter(|state| state.revoked.is_none() && gone.contains(&name(state))) {
        put_back.revoked += u32::from(register.revoke(state.id, now)?);
    }
    let mut marks = found;
    if put_back.is_old {
        for code in register.open_codes(now)? {
            put_back.cancelled += u32::from(register.cancel_code(&code.number)?);
        }
        // Boxes take nothing under a number that they have seen: what is said to schools is what the register has by now.
        register.raise_sheets(before.sheet, now)?;
        marks.sheet = register.high_water()?.sheet;
    }
    let known: BTreeSet<String> = marks.revoked.iter().cloned().collect();
    // Those that the register has forgotten stay in mind, before the others.
    let mut revoked: Vec<String> =
        before.revoked.iter().filter(|name| !known.contains(*name)).cloned().collect();
    revoked.append(&mut marks.revoked);
    revoked.drain(..revoked.len().saturating_sub(REVOKED_MAX));
    marks.revoked = revoked;
    if marks != before {
        folder.replace(MARKS_FILE, &serde_json::to_string_pretty(&marks)?).with_context(named)?;
    }
    Ok(put_back)
}

fn look(register: &dyn Register, boxes: &[BoxState]) -> anyhow::Result<Marks> {
    let mut revoked: Vec<&BoxState> = boxes.iter().filter(|state| state.revoked.is_some()).collect();
    revoked.sort_by_key(|state| (state.revoked, state.id));
    Ok(Marks {
        version: VERSION,
        box_max: boxes.iter().map(|state| state.id.0).max().unwrap_or(0),
        signed: boxes.iter().map(|state| state.log_size).sum(),
        policy: register.policy()?.map_or(0, |(serial, _)| serial),
        sheet: register.high_water()?.sheet,
        revoked: revoked.into_iter().map(name).collect(),
    })
}

/// Tells what was found, where there is something to tell.
pub(crate) fn tell(put_back: PutBack) {
    let PutBack { is_old, revoked, cancelled } = put_back;
    if is_old {
        tracing::error!(
            revoked,
            cancelled,
            "the register was put back to an older state: boxes that enrolled since are unknown and have to enrol again, all codes \
             are cancelled, and what was signed since of logs is not known. People are as they were then, those who have left among \
             them, with the secrets and telephones of then: check `preau hub person list`, disable who has left, and reset everybody else"
        );
    } else if revoked > 0 {
        tracing::error!(revoked, "boxes that had been revoked were not any more: they are again");
    }
}

#[cfg(test)]
mod tests {
    use hub::make_code;
    use hub::register::sqlite::SqliteRegister;
    use hub::register::wishes::Wishes as _;
    use hub::register::{Fingerprint, NewBox};
    use replication::{School, SheetNotice};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);
    const LATER: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000 + 3_600_000);

    fn enrol(register: &dyn Register, mark: u8, is_replacement: bool) -> hub::register::BoxId {
        enrol_by(register, (mark, mark), is_replacement)
    }

    /// By a key, and a certificate.
    fn enrol_by(
        register: &dyn Register,
        (key, certificate): (u8, u8),
        is_replacement: bool,
    ) -> hub::register::BoxId {
        let uai = "0750655E".parse().unwrap();
        let code = make_code(register, &uai, is_replacement, LATER).unwrap();
        let new = NewBox {
            log_key: format!("key {key}"),
            version: "0.1".to_owned(),
            public_key: vec![certificate],
            certificate: Fingerprint::of(&[certificate]),
            certificate_until: LATER,
        };
        register.enrol(&code.number(), &new, NOW).unwrap()
    }

    #[test]
    fn a_box_that_enrols_again_stays_enrolled() {
        let folder = tempfile::tempdir().unwrap();
        let register = SqliteRegister::open(&folder.path().join("register.sqlite")).unwrap();
        let school = School { uai: "0750655E".to_owned(), name: "École".to_owned(), rooms: vec![] };
        register.put_school(&school).unwrap();
        enrol_by(&register, (1, 1), false);
        let again = enrol_by(&register, (1, 2), true);
        for _ in 0..2 {
            assert_eq!(compare(folder.path(), &register, NOW).unwrap(), PutBack::default());
            let boxes = register.boxes().unwrap();
            assert!(boxes.iter().all(|state| state.revoked.is_none() == (state.id == again)), "{boxes:?}");
        }
    }

    #[test]
    fn a_register_that_was_put_back_revives_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let (data, copy) = (folder.path().join("hub"), folder.path().join("copy"));
        PrivateFolder::new(&data).make().unwrap();
        let path = data.join("register.sqlite");
        let register = SqliteRegister::open(&path).unwrap();
        let school = School { uai: "0750655E".to_owned(), name: "École".to_owned(), rooms: vec![] };
        register.put_school(&school).unwrap();
        let first = enrol(&register, 1, false);
        let uai = "0750655E".parse().unwrap();
        make_code(&register, &uai, true, LATER).unwrap();
        assert_eq!(compare(&data, &register, NOW).unwrap(), PutBack::default());
        drop(register);
        std::fs::copy(&path, &copy).unwrap();

        // After the copy: the first box is stolen, another one enrols, and schools are told something.
        let register = SqliteRegister::open(&path).unwrap();
        register.revoke(first, NOW).unwrap();
        enrol(&register, 2, true);
        let notice = SheetNotice { made_ms: 5, author: "M. Blanc".to_owned(), text: "Jeudi".to_owned() };
        register.add_notice(&notice, NOW).unwrap();
        let seen = register.high_water().unwrap().sheet;
        assert_eq!(compare(&data, &register, NOW).unwrap(), PutBack::default());
        drop(register);
        std::fs::copy(&copy, &path).unwrap();

        let register = SqliteRegister::open(&path).unwrap();
        assert_eq!(register.boxes().unwrap()[0].revoked, None, "it has forgotten");
        let put_back = compare(&data, &register, NOW).unwrap();
        assert_eq!(put_back, PutBack { is_old: true, revoked: 1, cancelled: 1 });
        assert!(register.high_water().unwrap().sheet > seen, "boxes take what the hub has by now");
        assert!(
            register.boxes().unwrap()[0].revoked.is_some() && register.open_codes(NOW).unwrap().is_empty()
        );
        assert_eq!(compare(&data, &register, NOW).unwrap(), PutBack::default(), "it is told once");
        // A number is given anew, and the box that gets it is nobody who was revoked.
        let third = enrol(&register, 3, true);
        assert_eq!(third.0, 2);
        assert_eq!(compare(&data, &register, NOW).unwrap(), PutBack::default());
        assert!(register.boxes().unwrap().iter().any(|state| state.id == third && state.revoked.is_none()));
    }
}
