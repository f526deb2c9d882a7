//! The pages of the journal, the head's and the officer's: readings are opened, looked into and ended.

use jiff::civil::DateTime;
use model::{Host, ReadingId, ReadingTerms, Selection, Timestamp};
use zeroize::Zeroizing;

use super::page::Page;
use super::people::{Answer, Content, Signed};
use super::visit::Jar;
use crate::pages::people::{ClassesPage, JournalPage, ReadingPage, TroublePage};
use crate::{LessonChoice, NewHold, NewReading, Reader, Trouble};

impl Signed<'_> {
    /// Answers on the pages of the journal.
    #[expect(clippy::wildcard_enum_match_arm, reason = "who comes here has asked for a page of the journal")]
    pub(super) fn journal(&self, page: Page) -> Result<Answer, Trouble> {
        match page {
            Page::JournalOpen => match self.open_reading() {
                Ok(id) => Ok(self.see_reading(id)),
                Err(trouble) => self.show_journal(Some(trouble)),
            },
            Page::JournalClose => {
                let id: ReadingId = self.read("lecture")?;
                self.portal.office.close_reading(self.visit.client, self.person, id)?;
                Ok(Answer::see(JournalPage::PATH))
            }
            Page::JournalHold => match self.place_hold() {
                Ok(_) => Ok(Answer::see(JournalPage::PATH)),
                Err(trouble) => self.show_journal(Some(trouble)),
            },
            Page::JournalLift => {
                let (number, reason) = (self.read("numero")?, self.read("precisions")?);
                self.portal.office.lift_hold(self.visit.client, self.person, number, &reason)?;
                Ok(Answer::see(JournalPage::PATH))
            }
            Page::JournalSign => {
                let entry = self.read("numeros")?;
                self.portal.office.sign_retention(self.visit.client, self.person, entry)?;
                Ok(Answer::see(JournalPage::PATH))
            }
            Page::Reading if self.visit.is_post => self.search(),
            Page::Reading => self.show_reading(self.number()?),
            Page::ReadingUnlock => {
                let id: ReadingId = self.read("lecture")?;
                let key = self.visit.field("cle").unwrap_or_default();
                match self.portal.office.unlock_reading(self.reader(), id, key) {
                    Ok(()) => Ok(self.see_reading(id)),
                    Err(trouble @ Trouble::Key) => {
                        self.render_reading(id, &Selection::default(), Err(trouble))
                    }
                    Err(trouble) => Err(trouble),
                }
            }
            Page::ReadingClasses => self.show_classes(),
            Page::ReadingExtract => self.extract(),
            _ => self.show_journal(None),
        }
    }

    fn reader(&self) -> Reader<'_> {
        Reader { person: self.person, session: self.visit.cookie(Jar::Session).unwrap_or_default() }
    }

    fn see_reading(&self, id: ReadingId) -> Answer {
        let path = format!("{}?{}={id}", ReadingPage::PATH, ReadingPage::NUMBER_QUERY);
        Answer::of(Content::SeeAt(path))
    }

    fn number(&self) -> Result<ReadingId, Trouble> {
        let number = self.visit.query(ReadingPage::NUMBER_QUERY);
        number.and_then(|number| number.parse().ok()).ok_or(Trouble::Unknown)
    }

    fn show_journal(&self, trouble: Option<Trouble>) -> Result<Answer, Trouble> {
        let office = &self.portal.office;
        let before = self.visit.query(JournalPage::BEFORE_QUERY).and_then(|number| number.parse().ok());
        let (list, summary, cards) = (office.readings(before)?, office.summary()?, office.reader_cards()?);
        // A register that cannot be read hides no reading, nor keeps one from being ended.
        let (holds, custody) = (office.holds().ok(), office.custody().ok());
        let place = &self.portal.settings.place;
        let page = JournalPage {
            place,
            person: self.person,
            list: &list,
            cards: &cards,
            holds: holds.as_deref(),
            custody: custody.as_ref(),
            summary: summary.as_ref(),
            now: office.now(),
            token: &self.token,
            trouble,
        };
        let status = trouble.map_or(JournalPage::STATUS, |trouble| {
            TroublePage { place, trouble, back: JournalPage::PATH }.status()
        });
        Ok(Answer::page(status, page.render(self.visit.language)))
    }

    fn place_hold(&self) -> Result<u64, Trouble> {
        let text = |name: &str| self.visit.field(name).map(str::trim).filter(|text| !text.is_empty());
        let device = text("appareil").map(str::parse).transpose().map_err(|_| Trouble::Field)?;
        let (from, to) = (self.read_time("du")?, self.read_time("au")?);
        let new = NewHold { from, to, device, reason: self.read("precisions")? };
        self.portal.office.place_hold(self.visit.client, self.person, &new)
    }

    fn open_reading(&self) -> Result<ReadingId, Trouble> {
        let text = |name: &str| self.visit.field(name).map(str::trim).filter(|text| !text.is_empty());
        let device = text("appareil").map(str::parse).transpose().map_err(|_| Trouble::Field)?;
        let terms = ReadingTerms {
            purpose: self.read("motif")?,
            detail: self.read("precisions")?,
            from: self.read_time("du")?,
            to: self.read_time("au")?,
            target: device,
            with_people: self.visit.field("personnes").is_some(),
        };
        let minutes = self.read("minutes")?;
        let key = Zeroizing::new(self.visit.field("cle").unwrap_or_default().to_owned());
        let new = NewReading { terms, minutes, key };
        self.portal.office.open_reading(self.visit.client, self.reader(), &new)
    }

    fn show_reading(&self, id: ReadingId) -> Result<Answer, Trouble> {
        let (reading, _) = self.portal.office.reading(self.reader(), id)?;
        let selection = Selection { with_people: reading.terms.with_people, ..Selection::default() };
        self.render_reading(id, &selection, Ok(None))
    }

    fn search(&self) -> Result<Answer, Trouble> {
        let id: ReadingId = self.read("lecture")?;
        let after = self.visit.field("apres").and_then(|after| after.parse().ok()).unwrap_or(0);
        let selection = match self.read_selection() {
            Ok(selection) => selection,
            Err(trouble) => return self.render_reading(id, &Selection::default(), Err(trouble)),
        };
        match self.portal.office.look(self.visit.client, self.reader(), id, &selection, after) {
            Ok(found) => self.render_reading(id, &selection, Ok(Some(found))),
            Err(trouble @ (Trouble::Outside | Trouble::Busy | Trouble::Locked)) => {
                self.render_reading(id, &selection, Err(trouble))
            }
            Err(trouble) => Err(trouble),
        }
    }

    fn show_classes(&self) -> Result<Answer, Trouble> {
        let id: ReadingId = self.read("lecture")?;
        match self.portal.office.classes(self.visit.client, self.reader(), id) {
            Ok(classes) => {
                let (place, person) = (&self.portal.settings.place, self.person);
                let page = ClassesPage { place, person, id, classes: &classes, token: &self.token };
                Ok(Answer::page(ClassesPage::STATUS, page.render(self.visit.language)))
            }
            Err(trouble @ (Trouble::Outside | Trouble::Busy | Trouble::Locked)) => {
                self.render_reading(id, &Selection::default(), Err(trouble))
            }
            Err(trouble) => Err(trouble),
        }
    }

    fn extract(&self) -> Result<Answer, Trouble> {
        let id: ReadingId = self.read("lecture")?;
        let is_whole = self.visit.field("entier") == Some("1");
        let selection = match self.read_selection() {
            Ok(selection) => selection,
            Err(trouble) => return self.render_reading(id, &Selection::default(), Err(trouble)),
        };
        match self.portal.office.extract(self.visit.client, self.reader(), id, &selection, is_whole) {
            Ok(bytes) => Ok(Answer::of(Content::File(format!("extrait-lecture-{id}.zip"), bytes))),
            Err(trouble @ (Trouble::Outside | Trouble::Busy | Trouble::Locked | Trouble::TooMuch)) => {
                self.render_reading(id, &selection, Err(trouble))
            }
            Err(trouble) => Err(trouble),
        }
    }

    fn render_reading(
        &self,
        id: ReadingId,
        selection: &Selection,
        outcome: Result<Option<crate::Findings>, Trouble>,
    ) -> Result<Answer, Trouble> {
        let (reading, is_unlocked) = self.portal.office.reading(self.reader(), id)?;
        let choice = match is_unlocked {
            true => self.portal.office.lesson_choice(self.reader(), id, selection)?,
            false => LessonChoice::default(),
        };
        let place = &self.portal.settings.place;
        let trouble = outcome.as_ref().err().copied();
        let found = outcome.ok().flatten();
        let page = ReadingPage {
            place,
            person: self.person,
            reading: &reading,
            is_unlocked,
            selection,
            choice: &choice,
            found: found.as_ref(),
            token: &self.token,
            trouble,
        };
        let status = trouble.map_or(ReadingPage::STATUS, |trouble| {
            TroublePage { place, trouble, back: JournalPage::PATH }.status()
        });
        Ok(Answer::page(status, page.render(self.visit.language)))
    }

    /// What the fields of the search say; an empty one says nothing.
    fn read_selection(&self) -> Result<Selection, Trouble> {
        let text = |name: &str| self.visit.field(name).map(str::trim).filter(|text| !text.is_empty());
        let host = text("site").map(Host::parse).transpose().map_err(|_| Trouble::Field)?;
        Ok(Selection {
            from: self.read_time("du")?,
            to: self.read_time("au")?,
            device: text("appareil").map(str::parse).transpose().map_err(|_| Trouble::Field)?,
            room: text("salle").map(str::parse).transpose().map_err(|_| Trouble::Field)?,
            lesson: text("cours").map(str::parse).transpose().map_err(|_| Trouble::Field)?,
            person: text("personne").map(str::parse).transpose().map_err(|_| Trouble::Field)?,
            host,
            category: text("categorie").map(str::parse).transpose().map_err(|_| Trouble::Field)?,
            verdict: match text("verdict") {
                None => None,
                Some("permit") => Some(model::Verdict::Permit),
                Some("refuse") => Some(model::Verdict::Refuse),
                Some(_) => return Err(Trouble::Field),
            },
            with_people: self.visit.field("personnes").is_some(),
        })
    }

    /// A moment by the school's clock, as browsers send it.
    fn read_time(&self, name: &str) -> Result<Option<Timestamp>, Trouble> {
        let text = self.visit.field(name).map(str::trim).filter(|text| !text.is_empty());
        let Some(text) = text else { return Ok(None) };
        let civil: DateTime = text.parse().map_err(|_| Trouble::Field)?;
        let time = civil.to_zoned(self.portal.settings.place.timezone.clone()).map_err(|_| Trouble::Field)?;
        Ok(Some(Timestamp::from_unix_ms(time.timestamp().as_millisecond())))
    }
}
