//! What the school asks of the commune and is told, between the hub's words and the state file's.

use access::Clock as _;
use model::{
    CommuneAnswer, CommuneConfiguration, CommuneNotice, CommuneRequest, CommuneSheet, DomainName, Mac,
    NewOverride, NewPreparation, PersonName, ReleaseArch, Timestamp,
};
use replication::limits::REQUESTS_MAX;
use replication::{SchoolRequest, SchoolSheet, SheetContent, SheetNotice};
use store::{CommuneDocument, CommuneError};
use sync::{Letters, Standing, SyncError};
use system::clock::{SystemClock, now};

use crate::hub_library;
use crate::hub_night::{HUB, State, disk};

/// Who wants what the commune has a box prepare.
const COMMUNE: &str = "Commune";
/// The device of what the commune wants: nobody's. Whoever prepares it looks for one that may open it.
pub(crate) const NO_DEVICE: Mac = Mac::new([0; 6]);

impl Letters for State {
    fn waiting(&mut self, is_urgent_alone: bool) -> Result<Vec<SchoolRequest>, SyncError> {
        let count = u32::try_from(REQUESTS_MAX).unwrap_or(u32::MAX);
        let requests = self.open()?.waiting_commune_requests(is_urgent_alone, count);
        Ok(requests.map_err(|error| disk(error.into()))?.into_iter().map(write).collect())
    }

    fn note_sent(&mut self, requests: &[SchoolRequest]) -> Result<(), SyncError> {
        let told = requests.iter().filter_map(|it| {
            let site: DomainName = it.site.parse().ok()?;
            Some((site, Timestamp::from_unix_ms(it.asked_ms), it.is_urgent))
        });
        let told: Vec<_> = told.collect();
        self.open()?.note_commune_told(&told, now()).map_err(|error| disk(error.into()))
    }

    fn sheet(&mut self) -> Result<Option<Standing>, SyncError> {
        let document = self.open()?.commune_sheet().map_err(|error| disk(error.into()))?;
        Ok(document.map(|CommuneDocument { serial, signer }| Standing { serial, signer }))
    }

    /// The rules come into force as those of the commune's policy do.
    fn take_sheet(&mut self, sheet: &SchoolSheet, signer: &str) -> Result<(), SyncError> {
        let clock = SystemClock::new().now();
        let read = read(sheet, clock.at).ok_or(SyncError::Sheet)?;
        let hub = HUB.parse().map_err(|_| SyncError::Sheet)?;
        let document = CommuneDocument { serial: sheet.serial, signer: signer.to_owned() };
        match self.open()?.take_commune_sheet(&document, &read, &hub, (clock.at, clock.quality)) {
            Ok(()) => self.take_files(sheet, signer),
            // The night and whoever listens may bring the same one.
            Err(CommuneError::Old { found, given }) if found == given => Ok(()),
            Err(CommuneError::Old { found, given }) => Err(SyncError::OldSheet { found, given }),
            Err(CommuneError::Store(error)) => Err(disk(error.into())),
        }
    }

    /// Where the power goes before they are noted, the night asks for them once more.
    fn take_files(&mut self, sheet: &SchoolSheet, signer: &str) -> Result<(), SyncError> {
        hub_library::take(self.data(), &mut self.open()?, sheet, signer)
    }
}

fn write(request: CommuneRequest) -> SchoolRequest {
    let CommuneRequest { wanted, asked, .. } = request;
    SchoolRequest {
        site: wanted.site.as_str().to_owned(),
        wants: wanted.wants.as_str().to_owned(),
        author: wanted.author.as_str().to_owned(),
        reason: wanted.motive.as_str().to_owned(),
        is_urgent: wanted.is_urgent,
        asked_ms: asked.unix_ms(),
    }
}

/// A sheet as the state file takes it; `None` where something of it is none. What is over by now is not wanted any more.
fn read(sheet: &SchoolSheet, now: Timestamp) -> Option<CommuneSheet> {
    let commune: PersonName = COMMUNE.parse().ok()?;
    let rules = sheet.rules()?.into_iter().filter_map(|rule| NewOverride::of_commune(rule, now).ok());
    let answers = sheet.answers.iter().map(|answer| {
        let (site, answered, author, motive) = answer.read()?;
        let at = Timestamp::from_unix_ms(answer.answered_ms);
        let asked = Timestamp::from_unix_ms(answer.asked_ms);
        Some(((site, asked), CommuneAnswer { answered, author, motive, at }))
    });
    let content = sheet.content.iter().map(SheetContent::read).collect::<Option<Vec<_>>>()?;
    let content = content.into_iter().filter(|(_, _, until)| *until > now);
    let notices = sheet.notices.iter().map(|SheetNotice { made_ms, author, text }| {
        let made = Timestamp::from_unix_ms(*made_ms);
        Some(CommuneNotice { made, author: author.parse().ok()?, text: text.clone() })
    });
    Some(CommuneSheet {
        rules: rules.collect(),
        answers: answers.collect::<Option<_>>()?,
        content: content
            .map(|(place, title, until)| NewPreparation {
                place,
                title,
                room: None,
                by: commune.clone(),
                device: NO_DEVICE,
                made: now,
                until,
            })
            .collect(),
        notices: notices.collect::<Option<_>>()?,
        release: sheet.release_for(ReleaseArch::OWN).ok()?,
        configuration: sheet
            .configuration
            .as_ref()
            .map(|it| CommuneConfiguration { number: it.number, text: it.text.clone() }),
    })
}

#[cfg(test)]
mod tests {
    use model::{Answered, Layer};
    use replication::CommunePolicy;
    use sync::Intake as _;

    use super::*;

    #[test]
    fn one_that_is_here_already_is_no_old_one() {
        let data = tempfile::tempdir().unwrap();
        let mut state = State::new(data.path());
        let sheet = |serial| SchoolSheet { serial, ..SchoolSheet::default() };
        state.take_sheet(&sheet(3), "hub").unwrap();
        state.take_sheet(&sheet(3), "hub").unwrap();
        let old = state.take_sheet(&sheet(2), "hub");
        assert!(matches!(old, Err(SyncError::OldSheet { found: 3, given: 2 })), "{old:?}");
        let policy = |serial| CommunePolicy { serial, ..CommunePolicy::default() };
        state.take_policy(&policy(5), "hub").unwrap();
        state.take_policy(&policy(5), "hub").unwrap();
        let old = state.take_policy(&policy(4), "hub");
        assert!(matches!(old, Err(SyncError::OldPolicy { found: 5, given: 4 })), "{old:?}");
    }

    #[test]
    fn a_sheet_becomes_what_the_state_file_keeps() {
        let golden = include_str!("../../replication/testdata/sheet-v1.txt");
        let sheet = SchoolSheet::read(golden).unwrap();
        let taken = read(&sheet, Timestamp::from_unix_ms(1_795_392_000_000)).unwrap();
        assert_eq!(taken.rules[0].rule().layer, Layer::Commune);
        let ((site, asked), answer) = &taken.answers[0];
        assert_eq!((site.as_str(), asked.unix_ms()), ("musee.example", 1_795_391_000_000));
        assert_eq!(answer.answered, Answered::School);
        assert_eq!((taken.content[0].device, taken.content[0].by.as_str()), (NO_DEVICE, COMMUNE));
        assert_eq!(taken.notices.len(), 1);
        // Two weeks later, its rule and its content are over.
        let late = read(&sheet, Timestamp::from_unix_ms(1_796_600_000_000)).unwrap();
        assert_eq!((late.rules.len(), late.content.len(), late.answers.len()), (0, 0, 2));
    }
}
