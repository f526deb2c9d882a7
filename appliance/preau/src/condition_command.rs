//! `preau status`: how the running box is, and what to do.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::condition::{Condition, Found};

/// A running box writes four times as often: what is older was written by one that ended, or hangs.
const FRESH_MS: u64 = 60_000;

/// Prints a line for each thing, and what to do below it. Exit status 1 where something is broken, or no box runs.
pub(crate) fn status(data: &Path, is_english: bool) -> anyhow::Result<ExitCode> {
    let condition = Condition::read(data)
        .context("how the box is cannot be read")?
        .with_context(|| format!("no box has run on the data folder {}", data.display()))?;
    let (now, at) = (system::clock::now(), condition.at());
    let (age_ms, ahead_ms) = (now.ms_since(at), at.ms_since(now));
    let findings = if is_english { &condition.english } else { &condition.french };
    let mut out = io::stdout().lock();
    for Found { topic, level, lines, remedy, .. } in findings {
        writeln!(out, "{level}\t{topic}\t{}", lines.join(" "))?;
        if let Some(remedy) = remedy {
            writeln!(out, "\t\t→ {remedy}")?;
        }
    }
    if age_ms > FRESH_MS {
        let seconds = age_ms / 1_000;
        writeln!(out, "bad\tprogram\tthe box does not run, or hangs: this is {seconds} seconds old")?;
        return Ok(ExitCode::FAILURE);
    }
    // Whoever runs writes anew within seconds of a clock that was set back.
    if ahead_ms > FRESH_MS {
        let seconds = ahead_ms / 1_000;
        writeln!(
            out,
            "bad\tprogram\tthe box does not run, or hangs: this was written {seconds} seconds from now, and the clock set back since"
        )?;
        return Ok(ExitCode::FAILURE);
    }
    let is_broken = findings.iter().any(|found| found.level == "bad");
    Ok(if is_broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who asks wants to know whether to get up: a box that is gone is as bad as one that is broken.
    #[test]
    fn the_exit_status_says_whether_somebody_has_to_see_to_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(status(folder.path(), false).unwrap_err().to_string().contains("no box has run"));
        let check = |level: &str, age_ms: i64, expected: ExitCode| {
            let found = |level: &str| Found {
                topic: "line".to_owned(),
                level: level.to_owned(),
                name: "Line".to_owned(),
                lines: vec!["…".to_owned()],
                remedy: None,
            };
            let condition = Condition {
                at_ms: system::clock::now().unix_ms() - age_ms,
                version: "0.1.0".to_owned(),
                french: vec![found("good"), found(level)],
                english: vec![],
                nameless: vec![],
                counters: vec![],
                complaints: vec![],
            };
            condition.write(folder.path()).unwrap();
            assert_eq!(status(folder.path(), false).unwrap(), expected, "{level} {age_ms}");
        };
        check("good", 0, ExitCode::SUCCESS);
        check("warning", 0, ExitCode::SUCCESS);
        check("bad", 0, ExitCode::FAILURE);
        check("good", 61_000, ExitCode::FAILURE);
        check("good", -50_000, ExitCode::SUCCESS);
        check("good", -90_000, ExitCode::FAILURE);
    }
}
