//! What somebody has the box do at once, and what came of its self-test.

/// What may be done at once: one that nobody has asked for, one under way, one that was tried, one that has to be meant.
pub(crate) fn chores() -> Vec<crate::ChoreLine> {
    use crate::ChoreState::{Failed, Free, Running};
    let lines = crate::Chore::ALL.into_iter().zip([Failed, Running, Free, Failed]);
    lines.map(|(chore, state)| crate::ChoreLine { chore, state }).collect()
}

/// A self-test that found a way around.
pub(crate) fn selftest_run() -> crate::SelftestRun {
    let line = |id: &str, family: &str, with: &str, why: Option<&str>| crate::SelftestLine {
        id: id.to_owned(),
        family: family.to_owned(),
        with: with.to_owned(),
        profile: None,
        outcome: if why.is_some() { "fail" } else { "pass" },
        why: why.map(str::to_owned),
        detail: String::new(),
    };
    crate::SelftestRun {
        school: super::place().school,
        started: super::at(0),
        time_zone: jiff::tz::TimeZone::UTC,
        is_whole: true,
        is_good: false,
        way: "school".to_owned(),
        program: "0.1.0".to_owned(),
        list_built: None,
        list_lines: None,
        counts: [1, 1, 0],
        lines: vec![
            line("control-https", "control", "", None),
            line("dot", "encryption", "9.9.9.9", Some("open")),
        ],
        helpdesk: None,
    }
}
