//! Puts what the commune decides of the box's configuration into its file, once the box's own parser has found it good and nobody has a lesson. On the
//! image, another service starts the box anew then; elsewhere it is told that somebody has to.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use access::Clock as _;
use anyhow::Context as _;
use model::{ClockQuality, CommuneConfiguration, Timestamp, Uai};
use store::Store;
use sync::HubFolder;
use system::clock::SystemClock;
use system::succession::{prove_writable, replace_configuration};

use crate::config::{Config, Halves, check_decided};
use crate::decided::{Note, Trial, Wait, read_text, renew};
use crate::{data_folder, hub_night, take_over};

/// How often it is looked at: whoever has sent one waits for what becomes of it.
const PERIOD: Duration = Duration::from_secs(2);
/// Looks after which a configuration has shown that the box runs with it: a minute.
const LOOKS_ON_TRIAL: u32 = 30;
/// What people are told where the box has no file, or none that it can write.
const NO_FILE: &str = "the box has no configuration file that it can write";

/// Whoever does so.
pub(crate) struct ConfigurationKeeper {
    data: PathBuf,
    file: Option<PathBuf>,
    report: PathBuf,
    store: Option<Store>,
    /// How often it was looked at since the box serves.
    looks: u32,
}

impl ConfigurationKeeper {
    /// For the box with this data, which reads its configuration from `file`.
    pub(crate) fn new(data: &Path, file: Option<&Path>, report: &Path) -> Self {
        let (data, report) = (data.to_owned(), report.to_owned());
        Self { data, file: file.map(Path::to_owned), report, store: None, looks: 0 }
    }

    /// Keeps at it until it is told to stop.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        // What this start has found out, the hub has not heard.
        let (clock, mut told, mut heard) = (SystemClock::new(), false, None);
        while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
            self.looks = self.looks.saturating_add(1);
            let now = clock.now();
            let outcome = self.look(now.at, now.quality);
            let is_told = std::mem::replace(&mut told, outcome.is_err());
            if let Err(error) = outcome {
                self.store = None;
                if !is_told {
                    tracing::error!("the commune's configuration cannot be seen to: {error:#}");
                }
            }
            let health = Note::read(&self.data).health();
            if health != heard {
                self.tell_hub();
                heard = health;
            }
        }
    }

    /// Tells the hub at once how far it has come. The thread ends by itself, and nobody waits for it: what did not come tells the night.
    fn tell_hub(&self) {
        let (data, report) = (self.data.clone(), self.report.clone());
        let tell = move || {
            if let Err(error) = hub_night::tell_health(&data, &report) {
                tracing::info!(%error, "the hub hears in the night how far its configuration has come");
            }
        };
        if let Err(error) = thread::Builder::new().name("teller".to_owned()).spawn(tell) {
            tracing::warn!(%error, "the hub hears in the night how far its configuration has come");
        }
    }

    fn look(&mut self, now: Timestamp, quality: ClockQuality) -> anyhow::Result<()> {
        let Some(identity) = HubFolder::new(&self.data).read()? else { return Ok(()) };
        let uai: Uai = identity.enrolled.school.uai.parse().context("the box is of no school")?;
        self.see_to(&uai, (now, quality))
    }

    fn see_to(&mut self, uai: &Uai, now: (Timestamp, ClockQuality)) -> anyhow::Result<()> {
        let before = Note::read(&self.data);
        let mut note = before.clone();
        // One that was never started has not run, though it may have the number of one that has.
        let runs = |trial: &Trial| trial.starts > 0 && Some(trial.number) == note.in_force;
        if note.trial.as_ref().is_some_and(runs) && self.looks >= LOOKS_ON_TRIAL {
            let number = note.in_force.unwrap_or_default();
            tracing::info!(number, "the box runs with the commune's configuration");
            note.trial = None;
            note.refused = None;
        }
        let wanted = self.open()?.commune_configuration()?;
        let placed = match &wanted {
            Some(wanted) => self.judge(wanted, uai, &mut note, now)?,
            None => None,
        };
        if note != before {
            note.keep(&self.data).context("how far it has come cannot be noted")?;
        }
        // The note is there: whoever starts next knows the way back.
        if let Some((file, text)) = placed {
            replace_configuration(&file, text.as_bytes()).context(NO_FILE)?;
            tracing::info!("the commune's configuration is in the file: the box has to be started anew");
        }
        Ok(())
    }

    /// What is to be written where, now; `None` where nothing is.
    fn judge(
        &mut self,
        wanted: &CommuneConfiguration,
        uai: &Uai,
        note: &mut Note,
        now: (Timestamp, ClockQuality),
    ) -> anyhow::Result<Option<(PathBuf, String)>> {
        let number = wanted.number;
        if note.refused.as_ref().is_some_and(|(refused, _)| *refused == number) {
            return Ok(None);
        }
        let Some(file) = self.file.clone() else {
            note.waiting = Some((number, Wait::File));
            return Ok(None);
        };
        let text = read_text(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let renewed = renew(&text, wanted);
        if renewed == text {
            let runs = note.in_force == Some(number) && note.trial.as_ref().is_none_or(|it| it.starts > 0);
            note.waiting = (!runs).then_some((number, Wait::Restart));
            return Ok(None);
        }
        let halves = Halves::split(&text);
        if let Err(why) = find_fault(wanted, (&halves.own, &renewed), uai) {
            tracing::warn!(number, "the commune's configuration is not taken: {why}");
            note.refuse(number, &why);
            return Ok(None);
        }
        if prove_writable(&file).is_err() {
            note.waiting = Some((number, Wait::File));
            return Ok(None);
        }
        if self.has_lesson(now)? {
            note.waiting = Some((number, Wait::Lesson));
            return Ok(None);
        }
        // What was never in force for a minute is nothing to go back to.
        let before = match note.trial.take() {
            Some(trial) => trial.before,
            None => halves.commune,
        };
        note.trial = Some(Trial { number, starts: 0, before });
        note.waiting = Some((number, Wait::Restart));
        Ok(Some((file, renewed)))
    }

    /// Whether somebody has a lesson. Without the time, nobody knows which are over.
    fn has_lesson(&mut self, (now, quality): (Timestamp, ClockQuality)) -> anyhow::Result<bool> {
        let lessons = self.open()?.open_lessons()?;
        Ok(lessons.iter().any(|lesson| quality == ClockQuality::Unset || lesson.until > now))
    }

    fn open(&mut self) -> anyhow::Result<&mut Store> {
        match &mut self.store {
            Some(_) => {}
            absent => *absent = Some(Store::open(&self.data.join(data_folder::STATE_FILE))?),
        }
        self.store.as_mut().context("the state is not open")
    }
}

/// Why the box does not run with a configuration: what the commune may decide, the whole file, this machine's ports.
fn find_fault(wanted: &CommuneConfiguration, (own, renewed): (&str, &str), uai: &Uai) -> Result<(), String> {
    check_decided(&wanted.text, own, uai)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    // The way back leads there.
    if Config::parse(own).is_err() {
        return Err("the box's own half of the file does not do by itself".to_owned());
    }
    take_over::fits_machine(renewed.as_bytes())
}

#[cfg(test)]
mod tests;
