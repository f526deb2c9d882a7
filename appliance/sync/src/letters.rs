//! What the school asks of the commune, and what that says to the school: in each night, and at once where it is urgent.

use archive::{Note, VerifierKey};
use replication::limits::SHEET_BYTES_MAX;
use replication::{SchoolRequest, SchoolRequests, SchoolSheet, SignedSheet, Tide};
use serde::de::IgnoredAny;

use crate::client::Client;
use crate::error::SyncError;
use crate::identity::Identity;
use crate::night::{Intake, Standing, Step, Watch, fetch_policy};

/// What the school has to say, and where what it is told goes.
pub trait Letters {
    /// What waits for the commune's answer; or what is urgent, and the commune was not told of yet.
    ///
    /// # Errors
    /// [`SyncError::Disk`]; so with all that follow.
    fn waiting(&mut self, is_urgent_alone: bool) -> Result<Vec<SchoolRequest>, SyncError>;
    /// The commune has been told these.
    fn note_sent(&mut self, requests: &[SchoolRequest]) -> Result<(), SyncError>;
    /// The sheet that is here; `None` where none ever was.
    fn sheet(&mut self) -> Result<Option<Standing>, SyncError>;
    /// Puts one that `signer` has signed in its place, all or nothing of it. An older one is refused.
    fn take_sheet(&mut self, sheet: &SchoolSheet, signer: &str) -> Result<(), SyncError>;
    /// Takes the files alone of the sheet that is here: it was taken without them.
    fn take_files(&mut self, sheet: &SchoolSheet, signer: &str) -> Result<(), SyncError>;
}

/// A box that listens for what does not wait for the night, by one connection.
pub struct Ear {
    client: Client,
    identity: Identity,
}

impl Ear {
    /// Of a box. Nothing is sent yet.
    ///
    /// # Errors
    /// [`SyncError::Damaged`].
    pub fn new(identity: Identity) -> Result<Self, SyncError> {
        Ok(Self { client: Client::of_waiting_box(&identity)?, identity })
    }

    /// Whether it is this box's still, with the certificate that it has now.
    #[must_use]
    pub fn is_of(&self, identity: &Identity) -> bool {
        let same = self.identity.enrolled.certificate == identity.enrolled.certificate;
        same && self.client.url() == identity.url.to_string()
    }

    /// Waits at the hub until there is something that this box has not seen, or for some fifty seconds. What comes back are numbers, and nothing is
    /// believed of them but that it may be worth asking. `None` where the hub is one that knows no such thing.
    ///
    /// # Errors
    /// [`SyncError`].
    pub fn wait(&self, seen: Tide) -> Result<Option<Tide>, SyncError> {
        self.client.find(&format!("/api/v1/urgent?policy={}&sheet={}", seen.policy, seen.sheet))
    }

    /// Takes what is new, by the rules of the night.
    ///
    /// # Errors
    /// [`SyncError`]; what was refused is refused in the night as well.
    pub fn take(&self, intake: &mut dyn Intake, watch: &mut dyn Watch) -> Result<(), SyncError> {
        let policy = fetch_policy(&self.client, &self.identity, intake, watch);
        let sheet = fetch_sheet(&self.client, &self.identity, intake, watch);
        policy.and(sheet)
    }
}

/// Sends what is urgent of the school's requests; how many there were.
///
/// # Errors
/// [`SyncError`]; what was not sent goes with the night.
pub fn send_urgent(
    identity: &Identity,
    intake: &mut dyn Intake,
    watch: &mut dyn Watch,
) -> Result<u32, SyncError> {
    send(&Client::of_box(identity)?, true, intake, watch)
}

/// Sends what the school asks for, also what was sent before and waits for its answer, and fetches what it is told.
pub(crate) fn exchange(
    client: &Client,
    identity: &Identity,
    intake: &mut dyn Intake,
    watch: &mut dyn Watch,
) -> Result<(), SyncError> {
    let sent = send(client, false, intake, watch).map(drop);
    match sent {
        Err(error) if error.ends_night() => Err(error),
        // What the school cannot say is no reason not to hear.
        sent => fetch_sheet(client, identity, intake, watch).and(sent),
    }
}

fn send(
    client: &Client,
    is_urgent_alone: bool,
    intake: &mut dyn Intake,
    watch: &mut dyn Watch,
) -> Result<u32, SyncError> {
    let Some(letters) = intake.letters() else { return Ok(0) };
    let requests = letters.waiting(is_urgent_alone)?;
    if requests.is_empty() {
        return Ok(0);
    }
    let message = SchoolRequests { requests };
    let _: IgnoredAny = client.post("/api/v1/requests", &message)?;
    letters.note_sent(&message.requests)?;
    let count = u32::try_from(message.requests.len()).unwrap_or(u32::MAX);
    watch.report(Step::Requests(count));
    Ok(count)
}

fn fetch_sheet(
    client: &Client,
    identity: &Identity,
    intake: &mut dyn Intake,
    watch: &mut dyn Watch,
) -> Result<(), SyncError> {
    let Some(letters) = intake.letters() else { return Ok(()) };
    // An older hub says nothing to single schools.
    let Some(offered) = client.find::<SignedSheet>("/api/v1/sheet")? else { return Ok(()) };
    let signer = identity.enrolled.witness_key.as_str();
    let (uai, standing) = (&identity.enrolled.school.uai, letters.sheet()?);
    let sheet = match offered.note {
        Some(note) => read_sheet(&note, signer, uai).ok_or(SyncError::Sheet)?,
        // What another hub has said is over, also where this one has said nothing yet.
        None if standing.as_ref().is_some_and(|found| found.signer != signer) => {
            SchoolSheet { school: uai.clone(), ..SchoolSheet::default() }
        }
        None => return Ok(()),
    };
    if is_taken(standing, sheet.serial, signer)? {
        letters.take_sheet(&sheet, signer)?;
        watch.report(Step::Sheet(sheet.serial));
    }
    Ok(())
}

/// A sheet that the hub has signed for this school, and for no other.
pub(crate) fn read_sheet(text: &str, signer: &str, uai: &str) -> Option<SchoolSheet> {
    let key: VerifierKey = signer.parse().ok()?;
    let note = Note::read_up_to(text, SHEET_BYTES_MAX).ok().filter(|note| note.is_signed_by(&key))?;
    SchoolSheet::read(note.text()).filter(|sheet| sheet.school == uai)
}

/// Whether a sheet of this number is to be put in the place of the one that is here. An old one is refused, though it is signed.
fn is_taken(standing: Option<Standing>, offered: u64, signer: &str) -> Result<bool, SyncError> {
    match standing {
        Some(found) if found.signer == signer && offered < found.serial => {
            Err(SyncError::OldSheet { found: found.serial, given: offered })
        }
        Some(found) => Ok(found.signer != signer || offered > found.serial),
        None => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use archive::SigningKey;
    use model::Timestamp;

    use super::*;

    const UAI: &str = "0750655E";

    fn signed(key: &SigningKey, school: &str) -> String {
        let sheet = SchoolSheet { serial: 3, school: school.to_owned(), ..SchoolSheet::default() };
        let text = sheet.write();
        Note::new(text.clone()).with(key.sign(&text, Timestamp::from_unix_ms(5_000))).write()
    }

    #[test]
    fn a_sheet_is_the_hubs_own_and_of_this_school() {
        let key = |seed| SigningKey::of_witness([seed; 32]).unwrap();
        let signer = key(7).verifier().to_string();
        assert_eq!(read_sheet(&signed(&key(7), UAI), &signer, UAI).unwrap().serial, 3);
        assert_eq!(read_sheet(&signed(&key(7), "0911234X"), &signer, UAI), None, "another school's");
        assert_eq!(read_sheet(&signed(&key(8), UAI), &signer, UAI), None, "another hub's");
        assert_eq!(
            read_sheet(&signed(&key(7), UAI).replace("\"serial\":3", "\"serial\":4"), &signer, UAI),
            None
        );
    }

    #[test]
    fn an_old_sheet_is_refused_though_it_is_signed() {
        let standing = |serial, signer: &str| Some(Standing { serial, signer: signer.to_owned() });
        assert!(is_taken(None, 1, "own").unwrap());
        assert!(is_taken(standing(1, "own"), 2, "own").unwrap());
        assert!(!is_taken(standing(2, "own"), 2, "own").unwrap());
        assert!(is_taken(standing(9, "another"), 2, "own").unwrap());
        let old = is_taken(standing(3, "own"), 2, "own");
        assert!(matches!(old, Err(SyncError::OldSheet { found: 3, given: 2 })), "{old:?}");
    }
}
