//! What the commune says to one school, as its box fetches it: signed at the moment at which it is asked for.
//!
//! The number is the register's, and counts with each change; so any hub process signs the same, and nothing that is signed has to be kept.

use std::collections::HashMap;

use archive::{Note, SigningKey};
use model::{ReleaseArch, Timestamp};
use replication::limits::SHEET_BYTES_MAX;
use replication::{Refusal, SchoolSheet, SheetFile, SheetRelease, SignedSheet, Tide};

use crate::enrolling::tell;
use crate::register::Register;
use crate::register::wishes::SheetParts;

/// Bytes of a signature with what stands around it, at most.
const SIGNATURE_BYTES: usize = 1 << 10;

/// What is said to a school now.
///
/// # Errors
/// [`Refusal::Broken`]; the hub's own log has the reason.
pub(crate) fn sign(
    register: &dyn Register,
    key: &SigningKey,
    uai: &str,
    now: Timestamp,
) -> Result<SignedSheet, Refusal> {
    let parts = register.sheet(uai, now).map_err(tell)?;
    if parts.serial == 0 {
        return Ok(SignedSheet::default());
    }
    let text = compose(uai, parts).write();
    let note = Note::new(text.clone()).with(key.sign(&text, now)).write();
    // What the box could not read would change nothing there, and nobody would hear of it.
    if SchoolSheet::read(&text).is_none() || Note::read_up_to(&note, SHEET_BYTES_MAX).is_err() {
        tracing::error!(
            school = uai,
            "what is said to a school cannot be read by its box: look at its requests and contents"
        );
        return Err(Refusal::Broken);
    }
    Ok(SignedSheet { note: Some(note) })
}

/// As its box reads it.
fn compose(uai: &str, parts: SheetParts) -> SchoolSheet {
    let SheetParts { serial, rules, answers, content, notices, releases, files, configuration } = parts;
    let told = |arch| releases.iter().find(|release| release.arch() == arch).map(SheetRelease::write);
    SchoolSheet {
        serial,
        school: uai.to_owned(),
        rules,
        answers,
        content,
        notices,
        release: told(ReleaseArch::X86_64),
        release_arm64: told(ReleaseArch::Arm64),
        configuration,
        files: files.iter().map(SheetFile::write).collect(),
    }
}

/// Whether a school's box takes what is said to it, and `spare` bytes more.
pub(crate) fn fits(uai: &str, parts: SheetParts, spare: usize) -> bool {
    let bytes = compose(uai, parts).write().len();
    bytes.saturating_add(SIGNATURE_BYTES).saturating_add(spare) <= SHEET_BYTES_MAX
}

/// How far a school's documents have come.
pub(crate) fn tide_of(register: &dyn Register, uai: &str) -> Result<Tide, Refusal> {
    register.tide(uai).map_err(tell)
}

/// The number of a school's sheet: the higher one of its own and of that of all.
pub(crate) fn serial_of(serials: &HashMap<String, u64>, uai: &str) -> u64 {
    let find = |of: &str| serials.get(of).copied().unwrap_or(0);
    find(uai).max(find(""))
}

#[cfg(test)]
mod tests {
    use replication::{SchoolRequest, SheetNotice};

    use super::*;
    use crate::fixture;

    #[test]
    fn a_sheet_is_signed_as_the_register_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, _) = fixture::open(folder.path());
        let sign = || sign(&*hub.register, &hub.witness, fixture::UAI, fixture::EARLY).unwrap().note;
        assert_eq!(sign(), None, "nobody has said anything");
        let notice = SheetNotice { made_ms: 5, author: "M. Blanc".to_owned(), text: "Jeudi".to_owned() };
        hub.register.add_notice(&notice, fixture::EARLY).unwrap();
        let request = SchoolRequest {
            site: "a.example".to_owned(),
            wants: "permit".to_owned(),
            author: "Mme Martin".to_owned(),
            reason: "sortie".to_owned(),
            is_urgent: false,
            asked_ms: 1,
        };
        hub.register.add_wish(fixture::UAI, &request, &[], fixture::EARLY).unwrap();
        let note = Note::read_up_to(&sign().unwrap(), SHEET_BYTES_MAX).unwrap();
        assert!(note.is_signed_by(hub.witness.verifier()));
        let sheet = SchoolSheet::read(note.text()).unwrap();
        assert_eq!((sheet.school.as_str(), sheet.notices), (fixture::UAI, vec![notice]));
        assert_eq!(tide_of(&*hub.register, fixture::UAI).unwrap(), Tide { policy: 0, sheet: sheet.serial });
        let serials = |all: u64| {
            HashMap::from([("", all), ("a", 5), ("b", 9)].map(|(of, serial)| (of.to_owned(), serial)))
        };
        assert_eq!((serial_of(&serials(3), "a"), serial_of(&serials(7), "a")), (5, 7));
        assert_eq!(serial_of(&serials(3), "c"), 3);
    }
}
