//! What became of a run, in words.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use portal::{Language, SelftestLine, SelftestRun};
use selftest::{Outcome, Run, State, Way};

/// A run as pages and tables take it, of a school with this clock and these people to call.
pub(crate) fn report(run: &Run, time_zone: &TimeZone, helpdesk: Option<&str>) -> SelftestRun {
    let [passed, failed, untested] = run.counts();
    SelftestRun {
        school: run.school.clone(),
        started: run.started(),
        time_zone: time_zone.clone(),
        is_whole: run.state == State::Finished,
        is_good: run.is_good(),
        way: word(&run.way),
        program: run.program.clone(),
        list_built: run.list_built_ms.map(model::Timestamp::from_unix_ms),
        list_lines: run.list_lines,
        counts: [passed, failed, untested],
        lines: run.results.iter().map(line).collect(),
        helpdesk: helpdesk.map(str::to_owned),
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
pub(crate) fn word(value: &impl serde::Serialize) -> String {
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

#[cfg(test)]
mod tests {
    use model::Tester;
    use selftest::{
        Attacker, Doors, Family, Overheard, Place, Result, Samples, Targets, Why, judge_overheard, list,
    };

    use super::*;
    use crate::selftest_health::tests::run_of;

    fn targets() -> Targets {
        Targets {
            place: Place {
                ipv4: [10, 77, 0, 1].into(),
                ipv6: None,
                doors: Doors { dns: 53, tls: 8443, http: 8080, proxy: 3128, portal: 8000, portal_tls: 8444 },
                has_firewall: true,
                own_name: "preau.lan".parse().unwrap(),
            },
            site: "mediatheque.example".parse().unwrap(),
            listed: None,
            profiles: vec![Attacker {
                profile: "elementaire".parse().ok(),
                tester: Tester::new(1),
                spare: Tester::new(2),
                samples: Some(Samples::default()),
            }],
            mark: 7,
        }
    }

    /// Words of tables and pages stand in translation files: none is missing there.
    #[test]
    fn everything_has_its_words_in_both_languages() {
        let attacks = list(&targets());
        let mut words: Vec<(&str, String)> =
            attacks.iter().map(|attack| ("attack", attack.id.to_owned())).collect();
        // Without samples there is no category to try.
        words.push(("attack", "category".to_owned()));
        let others = judge_overheard(&Ok(Overheard::default()));
        words.extend(others.map(|result| ("attack", result.id)));
        words.extend(Why::ALL.map(|why| ("why", word(&why))));
        words.extend(Family::ALL.map(|family| ("family", family.as_str().to_owned())));
        words.extend(Family::ALL.map(|family| ("advice", family.as_str().to_owned())));
        words.extend([Way::School, Way::Machine, Way::Loopback].map(|way| ("way", word(&way))));
        words.extend(["pass", "fail", "not-tested"].map(|outcome| ("outcome", outcome.to_owned())));
        for (group, word) in words {
            for language in [Language::French, Language::English] {
                let said = portal::selftest_word(language, group, &word);
                assert_ne!(said, word, "{group} {language:?}");
            }
        }
    }

    #[test]
    fn a_table_and_a_line_tell_what_failed() {
        let attacks = list(&targets());
        let find = |id: &str| attacks.iter().find(|attack| attack.id == id).unwrap();
        let open = Outcome::Fail { why: Why::Open, detail: "8.8.8.8: 198.51.100.12".to_owned() };
        let skipped = Outcome::NotTested { why: Why::NoIpv6, detail: String::new() };
        let results = vec![
            Result::of(find("control-https"), Outcome::Pass),
            Result::of(find("dns-foreign"), open),
            Result::of(find("dns-ipv6"), skipped),
        ];
        let run =
            Run { ended_ms: Some(1_795_900_012_000), ..run_of(1_795_900_000_000, State::Finished, results) };
        let mut said = Vec::new();
        show(&mut said, &run, Language::French).unwrap();
        show(&mut said, &Run { state: State::Cut, ..run.clone() }, Language::English).unwrap();
        show_line(&mut said, &run, &TimeZone::UTC).unwrap();
        insta::assert_snapshot!(String::from_utf8(said).unwrap());
    }
}
