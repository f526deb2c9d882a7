//! `preau journal status`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use access::Clock;
use anyhow::bail;
use archive::{Belief, Chronicle, Field, SETTLED_DAYS, settled};
use system::clock::{SystemClock, check_pace};
use system::space::{self, Outlook};
use system::vault::Folder;

/// Bytes of a megabyte, as disks are sold.
const MEGABYTE: u64 = 1_000_000;

/// Tells how the log stands, a line for each thing.
pub(crate) fn status(data: &Path) -> anyhow::Result<ExitCode> {
    if !data.is_dir() {
        bail!("there is no data folder {}", data.display());
    }
    let now = check_pace(data, SystemClock::new().now());
    let log = Folder::new(data).read_log()?;
    let (expiries, holds) = (log.expiries(), log.holds());
    let mut out = io::stdout().lock();
    let kept = log.seals().filter(|seal| !seal.is_deleted(&expiries)).count();
    writeln!(out, "sealed\t{kept} days or parts of days, the last one of {}", last_day(&log))?;
    writeln!(out, "deleted\t{} files", expiries.len())?;
    writeln!(out, "held\t{} holds in force", holds.len())?;
    let retention = log.retention();
    let days = Field::ALL.map(|field| format!("{field} {}", retention.days(field)));
    writeln!(out, "kept for\t{} days", days.join(", "))?;
    let settled = settled(log.leaves(), &Chronicle::new(log.leaves(), now.at), now.at);
    if settled != retention {
        let days = Field::ALL.map(|field| format!("{field} {}", settled.days(field)));
        writeln!(
            out,
            "until then\twhat is sealed already is kept for {} days, until the shorter numbers have stood for {SETTLED_DAYS} days",
            days.join(", ")
        )?;
    }
    match Belief::after(log.leaves()).check((now.at, now.quality)) {
        Ok(()) => writeln!(out, "clock\tknown: what is past its time is deleted")?,
        Err(doubt) => writeln!(out, "clock\t{doubt}: nothing is deleted")?,
    }
    let outlook = space::look(data, now.at)?;
    writeln!(out, "room\t{}", describe(&outlook))?;
    Ok(if outlook.is_tight() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn last_day(log: &archive::Log) -> &str {
    log.last().map_or("-", |last| &last.day)
}

/// How long the disk lasts.
pub(crate) fn describe(outlook: &Outlook) -> String {
    let Outlook { bytes_a_day, free_bytes, reserved_bytes, days_left } = outlook;
    let lasts = match days_left {
        Some(days) => format!("lasts {days} days"),
        None => "lasts".to_owned(),
    };
    format!(
        "{lasts}: {} kB a day, {} MB free, {} MB of them kept for the journal",
        bytes_a_day / 1_000,
        free_bytes / MEGABYTE,
        reserved_bytes / MEGABYTE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_will_be_too_small_is_told_in_days() {
        let outlook = Outlook {
            bytes_a_day: 1_200_000,
            free_bytes: 48_000_000,
            reserved_bytes: 8_000_000,
            days_left: Some(40),
        };
        assert!(outlook.is_tight());
        assert_eq!(
            describe(&outlook),
            "lasts 40 days: 1200 kB a day, 48 MB free, 8 MB of them kept for the journal"
        );
        let enough = Outlook { days_left: None, ..outlook };
        assert!(!enough.is_tight() && describe(&enough).starts_with("lasts: "));
    }
}
