//! What became of a run, in words.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use portal::{Language, SelftestLine, SelftestRun};
use selftest::{Outcome, Run, State, Way};

use crate::config::School;

/// A run as pages and tables take it.
pub(super) fn report(run: &Run, school: &School) -> SelftestRun {
    let [passed, failed, untested] = run.counts();
    SelftestRun {
        school: run.school.clone(),
        started: run.started(),
        time_zone: school.timezone.clone(),
        is_whole: run.state == State::Finished,
        is_good: run.is_good(),
        way: word(&run.way),
        program: run.program.clone(),
        list_built: run.list_built_ms.map(model::Timestamp::from_unix_ms),
        list_lines: run.list_lines,
        counts: [passed, failed, untested],
        lines: run.results.iter().map(line).collect(),
        helpdesk: school.helpdesk.clone(),
    }
}

fn line(result: &selftest::Result) -> SelftestLine {
    let (outcome, why, detail) = match &result.outcome {
        Outcome::Pass => ("pass", None, ""),
        Outcome::Fail { why, detail } => ("fail", Some(word(why)), detail.as_str()),
        Outcome::NotTested { why, detail } => ("not-tested", Some(word(why)), detail.as_str()),
    };
    SelftestLine {
        id: result.id.clone(),
        family: result.family.as_str().to_owned(),
        with: result.with.clone(),
        profile: result.profile.clone(),
        outcome,
        why,
        detail: detail.to_owned(),
    }
}

/// The word that the file has for a value.
fn word(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_value(value).ok();
    text.as_ref().and_then(|text| text.as_str()).unwrap_or_default().to_owned()
}

/// Prints the table: what became of it, what was tried, with what, by which profile; and why it did not pass.
pub(super) fn show(out: &mut impl Write, run: &Run, language: Language) -> io::Result<()> {
    for result in &run.results {
        let line = line(result);
        let outcome = portal::selftest_word(language, "outcome", line.outcome);
        let what = portal::selftest_word(language, "attack", &line.id);
        let with = [Some(line.with.as_str()), line.profile.as_deref()];
        let with: Vec<&str> = with.into_iter().flatten().filter(|text| !text.is_empty()).collect();
        let with = if with.is_empty() { String::new() } else { format!(" ({})", with.join(", ")) };
        write!(out, "{outcome:<10}  {what}{with}")?;
        if let Some(why) = &line.why {
            write!(out, "\n            {}", portal::selftest_word(language, "why", why))?;
            if !line.detail.is_empty() {
                write!(out, ": {}", line.detail)?;
            }
        }
        writeln!(out)?;
    }
    let [passed, failed, untested] = run.counts();
    let word = |outcome| portal::selftest_word(language, "outcome", outcome);
    writeln!(
        out,
        "\n{}: {passed}  {}: {failed}  {}: {untested}",
        word("pass"),
        word("fail"),
        word("not-tested")
    )?;
    if run.state == State::Cut {
        writeln!(out, "{}", portal::selftest_word(language, "why", "cut"))?;
    }
    Ok(())
}

/// A run in a line of the history.
pub(super) fn show_line(out: &mut impl Write, run: &Run, time_zone: &TimeZone) -> io::Result<()> {
    let at =
        jiff::Timestamp::from_millisecond(run.started_ms).unwrap_or_default().to_zoned(time_zone.clone());
    let state = match run.state {
        State::Running => "running",
        State::Cut => "cut",
        State::Finished if run.is_good() => "closed",
        State::Finished => "open",
    };
    let way = match run.way {
        Way::School => "school",
        Way::Machine => "machine",
        Way::Loopback => "loopback",
    };
    let [passed, failed, untested] = run.counts();
    let at = at.strftime("%Y-%m-%d %H:%M:%S %:z");
    writeln!(out, "{at}\t{state}\t{way}\t{passed} passed\t{failed} failed\t{untested} not tested")?;
    for result in &run.results {
        if let Outcome::Fail { why, detail } = &result.outcome {
            writeln!(out, "\t{} {}: {}: {detail}", result.id, result.with, word(why))?;
        }
    }
    Ok(())
}
