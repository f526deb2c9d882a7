//! `preau sync`.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use jiff::tz::TimeZone;
use model::Timestamp;
use replication::Night;
use sync::{HubFolder, Limits, NightReport, NightState, Step, SyncError, Watch};

use crate::cli::SyncCommand;
use crate::{data_folder, hub_night, times};

/// Letters of a bar.
const BAR_LENGTH: u64 = 24;

pub(crate) fn carry_out(command: SyncCommand) -> anyhow::Result<ExitCode> {
    match command {
        SyncCommand::Now { kbit, release_report, data } => {
            let data = data_folder::find(data.path.as_deref())?;
            let limits = Limits { bytes_per_second: u64::from(kbit) * 1_000 / 8 };
            let mut shown = Shown { out: io::stderr(), is_terminal: io::stderr().is_terminal() };
            let report = hub_night::sync(&data, &release_report, limits, &mut shown)?;
            let NightReport { log_size, files, bytes, plain_files, release_bytes, library_bytes } = report;
            let mut out = io::stdout().lock();
            writeln!(
                out,
                "the hub has signed {log_size} entries of the log; {files} files went, {bytes} bytes"
            )?;
            if library_bytes > 0 {
                writeln!(out, "{library_bytes} bytes of files for pupils came")?;
            }
            if release_bytes > 0 {
                writeln!(out, "{release_bytes} bytes of a release of the system came")?;
            }
            if plain_files > 0 {
                writeln!(
                    out,
                    "{plain_files} sealed files stay here: anybody could read them. Configure readers of the journal"
                )?;
            }
            Ok(ExitCode::SUCCESS)
        }
        SyncCommand::Status { data } => status(&HubFolder::new(&data_folder::find(data.path.as_deref())?)),
    }
}

fn status(folder: &HubFolder) -> anyhow::Result<ExitCode> {
    let identity = folder.read()?.ok_or(SyncError::NotEnrolled)?;
    let NightState { succeeded_ms, failures, error, .. } = folder.night();
    let zone = TimeZone::system();
    let time = |unix_ms: i64| times::write(Timestamp::from_unix_ms(unix_ms), &zone);
    let (hour, minute) = Night::of(&identity.enrolled.school.uai).time();
    let mut out = io::stdout().lock();
    writeln!(out, "hub\t{}", identity.url)?;
    writeln!(out, "box\t{}", identity.enrolled.box_id)?;
    writeln!(out, "school\t{}\t{}", identity.enrolled.school.uai, identity.enrolled.school.name)?;
    writeln!(out, "certificate\tuntil {}", time(identity.enrolled.valid_ms.1))?;
    writeln!(out, "night\tat {hour:02}:{minute:02}")?;
    writeln!(out, "last\t{}", succeeded_ms.map_or_else(|| "never".to_owned(), time))?;
    match error {
        Some(error) if failures > 0 => writeln!(out, "failures\t{failures}\t{error}")?,
        Some(_) | None => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Bars for a terminal, lines for a file.
struct Shown<W: Write> {
    out: W,
    is_terminal: bool,
}

impl<W: Write> Shown<W> {
    fn show(&mut self, step: Step<'_>) -> anyhow::Result<()> {
        match step {
            Step::Health => writeln!(self.out, "the hub knows how the box is")?,
            Step::Renewed => writeln!(self.out, "the box has another certificate")?,
            Step::Log(size) => writeln!(self.out, "the hub has signed {size} entries of the log")?,
            Step::Policy(serial) => writeln!(self.out, "the commune's policy {serial} is here")?,
            Step::Requests(count) => writeln!(self.out, "the commune has been told of {count} requests")?,
            Step::Sheet(serial) => {
                writeln!(self.out, "what the commune says to the school ({serial}) is here")?;
            }
            Step::Web(until) => {
                let until = times::write(until, &TimeZone::system());
                writeln!(self.out, "a certificate for the commune's names is here, good until {until}")?;
            }
            Step::Snapshot => writeln!(self.out, "the hub has the box's state")?,
            Step::Library(title) => writeln!(self.out, "{title} is here for pupils")?,
            Step::Release(version) => {
                writeln!(self.out, "the release {version} of the system is here, and waits for the night")?;
            }
            Step::File { name, sent, total } if self.is_terminal => {
                let end = if sent == total { "\n" } else { "" };
                write!(self.out, "\r{} {name}{end}", bar(sent, total))?;
                self.out.flush()?;
            }
            Step::File { name, sent, total } => writeln!(self.out, "{name}: {sent} of {total} bytes")?,
        }
        Ok(())
    }
}

impl<W: Write> Watch for Shown<W> {
    fn report(&mut self, step: Step<'_>) {
        // Progress that nobody can read any more is no reason to stop.
        drop(self.show(step).context("progress"));
    }

    fn pause(&mut self, time: Duration) -> bool {
        thread::sleep(time);
        true
    }
}

fn bar(sent: u64, total: u64) -> String {
    let filled = sent.saturating_mul(BAR_LENGTH) / total.max(1);
    let letters = (0..BAR_LENGTH).map(|place| if place < filled { '#' } else { '.' });
    format!("[{}]", letters.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_on_a_terminal_and_lines_stand_in_a_file() {
        let show = |is_terminal: bool| {
            let mut shown = Shown { out: Vec::new(), is_terminal };
            for sent in [0, 50, 100] {
                shown.report(Step::File { name: "a", sent, total: 100 });
            }
            String::from_utf8(shown.out).unwrap()
        };
        assert_eq!(show(false), "a: 0 of 100 bytes\na: 50 of 100 bytes\na: 100 of 100 bytes\n");
        let bars = show(true);
        assert!(
            bars.contains("\r[############............] a\r")
                && bars.ends_with("[########################] a\n")
        );
        assert_eq!(bar(0, 0).len(), 26);
    }
}
