//! What somebody shows beside her secret: a code of her telephone's, or one on paper.

use std::net::IpAddr;

use access::Instant;
use model::{ClockQuality, Person, PersonId, Role};
use people::{CodeKey, CodeStep, PaperCode};
use portal::{NewCodes, ShownKey, TelephoneState, Trouble, TypedTelephone};
use store::{NewTelephone, Second, Telephone};

use super::Office;

/// How far ahead of the clock the last code may lie, in half minutes, and be believed: a telephone is early by one. One that lies
/// further ahead was judged by a clock that ran ahead, and would keep its bearer out until then; a clock that a time server disciplines forgets it. One that runs
/// on its own may lie behind as well, and would have codes count again that somebody saw: until then, codes on paper count.
const AHEAD_STEPS_MAX: i64 = 3;
/// A half minute, in milliseconds (RFC 6238 section 4.1).
const STEP_MS: i64 = 30_000;

impl Office {
    /// What was shown; `None` where it is wrong. While nobody knows the time, no code of a telephone can be judged.
    pub(super) fn judge_second(&self, person: &Person, code: &str) -> Result<Option<Second>, Trouble> {
        let Some(telephone) = self.work(|store| store.find_telephone(person.id))? else {
            return Ok(Some(Second::Nothing));
        };
        let shown = judge_code(telephone, code, self.clock.now());
        if shown.is_some() {
            return Ok(shown);
        }
        let Some(hash) = PaperCode::typed(code).map(|paper| paper.hash().0) else { return Ok(None) };
        let is_hers = self.work(|store| store.has_paper_code(person.id, &hash))?;
        Ok(is_hers.then_some(Second::Paper(hash)))
    }

    /// Whether somebody has to make a telephone known before anything else: not while nobody knows the time, since none can be.
    pub(super) fn lacks_telephone(&self, person: &Person) -> bool {
        let is_asked = !person.has_telephone && self.telephones.contains(&person.role);
        is_asked && self.clock.now().plausible().is_some()
    }

    pub(super) fn describe_telephone(&self, person: &Person) -> Result<TelephoneState, Trouble> {
        let telephone = self.work(|store| store.find_telephone(person.id))?;
        Ok(TelephoneState {
            papers: telephone.map(|telephone| telephone.papers),
            is_asked: self.telephones.contains(&person.role),
        })
    }

    /// The key that a page shows; a new one, unless the page showed one before. Until a code of it was typed, nobody keeps it.
    pub(super) fn show_telephone_key(
        &self,
        person: &Person,
        letters: Option<&str>,
    ) -> Result<ShownKey, Trouble> {
        let key = match letters.and_then(CodeKey::parse) {
            Some(key) => key,
            None => CodeKey::draw(&self.random).map_err(|_| Trouble::Unavailable)?,
        };
        let issuer = format!("Préau {}", self.school);
        Ok(ShownKey { letters: key.reveal(), address: key.address(&issuer, person.name.as_str()) })
    }

    /// Makes a telephone known whose code somebody typed. Where she has one, she shows a code of that, too, else her secret: what is wrong
    /// is counted as at the sign-in.
    pub(super) fn add_telephone(
        &self,
        client: IpAddr,
        person: &Person,
        typed: &TypedTelephone<'_>,
    ) -> Result<(NewCodes, String), Trouble> {
        if !person.role.shows_codes() {
            return Err(Trouble::Denied);
        }
        let asker = self.identify(client);
        let key = CodeKey::parse(typed.key).ok_or(Trouble::Field)?;
        let now = self.clock.now().plausible().ok_or(Trouble::NoClock)?;
        let second = match self.work(|store| store.find_telephone(person.id))? {
            Some(_) => self.check_second(&asker, person, typed.present)?,
            None => self.check_own(&asker, person, typed.secret)?,
        };
        let step = key.check(typed.code, CodeStep(0), now).ok_or(Trouble::Code)?;
        let papers = PaperCode::draw(&self.random).map_err(|_| Trouble::Unavailable)?;
        let hashes: Vec<_> = papers.iter().map(|paper| paper.hash().0).collect();
        let (_, stored) = self.work(|store| store.find_credential(person.id))?.ok_or(Trouble::Unknown)?;
        let new = NewTelephone { key: &key.reveal(), step: as_kept(step), papers: &hashes };
        let device = asker.machine.mac();
        self.write(|store| store.keep_telephone((person, &stored), new, &second, device))?;
        // All her sessions are over, and so are the keys that they gave.
        self.readings.wipe_keys_of(&person.name);
        let stored = people::StoredSecret::from_phc(stored);
        let token = self.start_session(&asker, person, &stored, &Second::Session)?;
        Ok((NewCodes(papers.iter().map(|paper| paper.reveal().to_owned()).collect()), token))
    }

    pub(super) fn forget_telephone(&self, client: IpAddr, by: &Person, id: PersonId) -> Result<(), Trouble> {
        self.check_change(by, id)?;
        let author = self.author(client, by);
        let person = self.write(|store| store.remove_telephone(id, author))?;
        self.readings.wipe_keys_of(&person.name);
        Ok(())
    }

    /// The same office where those of these roles have to have a telephone.
    pub(crate) fn with_telephones(self, of: &[Role]) -> Self {
        Self { telephones: of.to_vec(), ..self }
    }
}

/// A code of a telephone's, if it is one of this moment that did not count yet.
fn judge_code(telephone: Telephone, code: &str, clock: Instant) -> Option<Second> {
    let (now, Telephone { key, step: last, .. }) = (clock.plausible()?, telephone);
    let is_ahead = last > now.unix_ms() / STEP_MS + AHEAD_STEPS_MAX;
    if is_ahead && clock.quality != ClockQuality::Synchronised {
        return None;
    }
    let believed = if is_ahead { 0 } else { u64::try_from(last).unwrap_or(0) };
    let step = CodeKey::parse(&key)?.check(code, CodeStep(believed), now)?;
    Some(Second::Step { key, last, step: as_kept(step) })
}

fn as_kept(CodeStep(step): CodeStep) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    #[test]
    fn only_a_clock_that_is_disciplined_forgets_a_code_that_lies_ahead() {
        let key = CodeKey::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        let at = Timestamp::from_unix_ms(1_795_422_600_000);
        let (code, here) = (key.show(at).unwrap(), at.unix_ms() / STEP_MS);
        let check = |step: i64, quality, expected: bool| {
            let telephone = Telephone { key: key.reveal(), step, papers: 8 };
            let judged = judge_code(telephone, &code, Instant { at, quality });
            assert_eq!(judged.is_some(), expected, "{step} {quality:?}");
        };
        check(here - 1, ClockQuality::Synchronised, true);
        check(here - 1, ClockQuality::Unsynchronised, true);
        check(here - 1, ClockQuality::Unset, false);
        check(here + 1, ClockQuality::Synchronised, false);
        check(here + 100, ClockQuality::Synchronised, true);
        check(here + 100, ClockQuality::Unsynchronised, false);
    }
}
