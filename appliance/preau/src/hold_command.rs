//! `preau journal hold`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use access::Clock;
use anyhow::{Context, bail};
use archive::{Fact, Hold, Lift};
use jiff::tz::TimeZone;
use model::{Motive, PersonAct, PersonDeed, PersonName, Sought, Timestamp};
use store::Store;
use system::clock::{SystemClock, keep_pace};
use system::sealing;
use system::vault::Folder;

use crate::cli::{Author, HoldAddArguments};
use crate::data_folder::STATE_FILE;
use crate::{data_folder, journal_command, operator, times};

/// Adds a hold, and tells what the box can make of it.
pub(crate) fn add(arguments: HoldAddArguments, zone: &TimeZone) -> anyhow::Result<ExitCode> {
    let HoldAddArguments { from, to, device, reason, author, data, .. } = arguments;
    let from = from.as_deref().map(|text| times::parse_start(text, zone)).transpose().context("--from")?;
    let to = to.as_deref().map(|text| times::parse_end(text, zone)).transpose().context("--to")?;
    let data = data_folder::find(data.path.as_deref())?;
    if !data.is_dir() {
        bail!("there is no data folder {}", data.display());
    }
    let is_of_device = device.is_some();
    let hold = Hold { from, to, device, author: operator::attribute(Some(&author.author))?, reason };
    let now = keep_pace(&data, SystemClock::new().now());
    let number = sealing::add_hold(&data, now, hold.clone(), sealing::PATIENCE).context("nothing is held")?;
    writeln!(io::stdout(), "hold {number}")?;
    let words = describe_hold(number, &hold, zone);
    note(&data, hold.author, PersonDeed::PlaceHold { words })?;
    if is_of_device {
        writeln!(
            io::stderr(),
            "The box cannot read what is encrypted: every sealed file of that time is held, for it may have the device."
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Has the box record in its journal what the log of seals has already. A copy without state has no box to record it.
fn note(data: &Path, author: PersonName, deed: PersonDeed) -> anyhow::Result<()> {
    let file = data.join(STATE_FILE);
    if !file.is_file() {
        return Ok(());
    }
    let act = PersonAct { author, device: None, deed };
    let noted =
        Store::open(&file).map_err(anyhow::Error::from).and_then(|mut store| Ok(store.keep_done_act(&act)?));
    noted.context("it stands in the log of seals, and could not be noted for the journal")
}

/// What a record says of a hold.
pub(crate) fn describe_hold(number: u64, hold: &Hold, zone: &TimeZone) -> Sought {
    let Hold { from, to, device, reason, .. } = hold;
    let time = |name: &str, at: &Option<Timestamp>| at.map(|at| format!("{name} {}", times::write(at, zone)));
    let device = device.as_ref().map(|device| format!("device {device}"));
    let parts = [Some(format!("hold {number}")), time("from", from), time("to", to), device];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Sought::new(&format!("{}: {reason}", parts.join(", ")))
}

/// What a record says of its end.
pub(crate) fn describe_lift(lift: &Lift) -> Sought {
    Sought::new(&format!("hold {}: {}", lift.hold, lift.reason))
}

/// Lists what is held: number, since when, window, device, author, reason, between tabs. With `all`, also what was held, with
/// when it was lifted, by whom and why.
pub(crate) fn list(data: &Path, zone: &TimeZone, all: bool) -> anyhow::Result<ExitCode> {
    let log = Folder::new(data).read_log()?;
    let mut out = io::stdout().lock();
    let write =
        |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| times::write(time, zone));
    let in_force = log.holds();
    for statement in log.statements() {
        let number = statement.number;
        match &statement.fact {
            Fact::Hold(hold) if all || in_force.contains_key(&number) => {
                let Hold { from, to, device, author, reason } = hold;
                let device = device.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
                let (since, from, to) = (write(Some(statement.at)), write(*from), write(*to));
                writeln!(out, "{number}\t{since}\t{from}\t{to}\t{device}\t{author}\t{reason}")?;
            }
            Fact::Lift(lift) if all => {
                let at = write(Some(statement.at));
                writeln!(out, "{number}\t{at}\tlifts {}\t{}\t{}", lift.hold, lift.author, lift.reason)?;
            }
            Fact::Hold(_)
            | Fact::Lift(_)
            | Fact::Expiry(_)
            | Fact::Unsealed(_)
            | Fact::Policy(_)
            | Fact::Approval(_)
            | Fact::Readers(_)
            | Fact::Clock => {}
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Lifts a hold.
pub(crate) fn lift(data: &Path, hold: u64, reason: Motive, author: &Author) -> anyhow::Result<ExitCode> {
    let author = operator::attribute(Some(&author.author))?;
    let lift = Lift { hold, author: author.clone(), reason };
    let words = describe_lift(&lift);
    let now = keep_pace(data, SystemClock::new().now());
    sealing::lift_hold(data, now, lift, sealing::PATIENCE).context("nothing is lifted")?;
    writeln!(io::stdout(), "hold {hold} is lifted")?;
    note(data, author, PersonDeed::LiftHold { words })?;
    Ok(ExitCode::SUCCESS)
}

/// The time zone in which times are given and told.
pub(crate) fn zone(config: Option<&Path>) -> anyhow::Result<TimeZone> {
    match config {
        Some(path) => Ok(crate::config::Config::load(path)?.school.timezone),
        None => Ok(journal_command::default_time_zone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the log of seals says, the journal records: who, on the command line, and why.
    #[test]
    fn a_hold_and_its_end_are_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        Store::open(&data.join(STATE_FILE)).unwrap();
        let author = || Author { author: "Mme Durand".parse().unwrap() };
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let arguments = HoldAddArguments {
            from: Some("2026-11-20".to_owned()),
            to: None,
            device: Some("CM2-04".parse().unwrap()),
            reason: "réquisition 26/123".parse().unwrap(),
            author: author(),
            config: None,
            data: crate::cli::DataFolder { path: Some(data.to_owned()) },
        };
        add(arguments, &zone).unwrap();
        lift(data, 1, "affaire classée".parse().unwrap(), &author()).unwrap();
        assert!(lift(data, 1, "encore".parse().unwrap(), &author()).is_err());
        let waiting = Store::open(&data.join(STATE_FILE)).unwrap().waiting_person_acts(9).unwrap();
        let deeds: Vec<_> = waiting.into_iter().map(|it| (it.act.author.to_string(), it.act.deed)).collect();
        let expected = [
            PersonDeed::PlaceHold {
                words: Sought::new(
                    "hold 1, from 2026-11-20 00:00:00 +01:00, device CM2-04: réquisition 26/123",
                ),
            },
            PersonDeed::LiftHold { words: Sought::new("hold 1: affaire classée") },
        ];
        let told = operator::attribute(Some(&author().author)).unwrap().to_string();
        assert_eq!(deeds, expected.map(|deed| (told.clone(), deed)));
        assert_eq!(list(data, &zone, true).unwrap(), ExitCode::SUCCESS);
    }
}
