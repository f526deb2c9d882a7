//! What the hub is told of the self-test of the filter: what came of the last one that is over, whoever had it made.

use std::path::Path;

use portal::SelftestOutcome;
use replication::{SELFTEST_NAMES_MAX, SelftestHealth};
use selftest::{Family, Outcome, Run, State};

use crate::data_folder;

/// What is told; nothing where no self-test was ever made here.
pub(crate) fn look(data: &Path) -> Option<SelftestHealth> {
    describe(&data_folder::selftest_results(data).list())
}

/// What came of a run.
pub(crate) fn judge(run: &Run) -> SelftestOutcome {
    let [passed, failed, untested] = run.counts().map(|count| count as u64);
    match run.state {
        State::Running => SelftestOutcome::Running,
        State::Finished if passed == 0 && failed == 0 => SelftestOutcome::Cut,
        State::Cut => SelftestOutcome::Cut,
        State::Finished if run.is_good() && !run.has_controls() => SelftestOutcome::Unproven,
        State::Finished if run.is_good() => SelftestOutcome::Closed { passed, untested },
        State::Finished => SelftestOutcome::Open { failed },
    }
}

/// Of runs, the last first. One that is under way has come to nothing yet.
fn describe(runs: &[Run]) -> Option<SelftestHealth> {
    let over = || runs.iter().filter(|run| run.state != State::Running);
    let last = over().next()?;
    let outcome = match judge(last) {
        SelftestOutcome::Closed { .. } => SelftestHealth::CLOSED,
        SelftestOutcome::Open { .. } => SelftestHealth::OPEN,
        // What got through has got through, whether the rest was tried or not.
        SelftestOutcome::Cut if has_way_around(last) => SelftestHealth::OPEN,
        SelftestOutcome::Unproven => SelftestHealth::UNPROVEN,
        SelftestOutcome::Cut | SelftestOutcome::Running => SelftestHealth::CUT,
    };
    let is_closed = |run: &&Run| matches!(judge(run), SelftestOutcome::Closed { .. });
    let since_ms = over().take_while(|run| !is_closed(run)).last().map(|run| run.started_ms);
    let [passed, failed, untested] = last.counts().map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    let open = last.results.iter().filter(|result| matches!(result.outcome, Outcome::Fail { .. }));
    let mut names: Vec<String> = open.map(|result| result.id.clone()).collect();
    names.dedup();
    names.truncate(SELFTEST_NAMES_MAX);
    let at_ms = last.started_ms;
    Some(SelftestHealth { at_ms, outcome: outcome.to_owned(), since_ms, passed, failed, untested, names })
}

/// Whether something got through that must not: what must pass and did not is no way around.
fn has_way_around(run: &Run) -> bool {
    let is_open = |result: &selftest::Result| matches!(result.outcome, Outcome::Fail { .. });
    run.results.iter().any(|result| is_open(result) && result.family != Family::Control)
}

#[cfg(test)]
pub(crate) mod tests {
    use selftest::{Way, Why};

    use super::*;

    /// A run of the box's own, for tests.
    pub(crate) fn run_of(started_ms: i64, state: State, results: Vec<selftest::Result>) -> Run {
        Run {
            started_ms,
            ended_ms: None,
            state,
            way: Way::School,
            school: "École".to_owned(),
            program: "0.1.0".to_owned(),
            list_built_ms: None,
            list_lines: None,
            results,
        }
    }

    fn result(id: &str, family: Family, outcome: Outcome) -> selftest::Result {
        selftest::Result { id: id.to_owned(), family, with: String::new(), profile: None, outcome }
    }

    fn run(started_ms: i64, state: State, is_open: bool) -> Run {
        let fail = Outcome::Fail { why: Why::Cut, detail: String::new() };
        let names = result("dns-tcp", Family::Names, if is_open { fail } else { Outcome::Pass });
        run_of(started_ms, state, vec![result("control", Family::Control, Outcome::Pass), names])
    }

    #[test]
    fn the_last_one_that_is_over_is_told_and_since_when_none_was_good() {
        let check = |runs: &[Run], expected: Option<(i64, &str, Option<i64>, u32)>| {
            let told = describe(runs);
            let told = told.as_ref().map(|it| (it.at_ms, it.outcome.as_str(), it.since_ms, it.failed));
            assert_eq!(told, expected);
        };
        let good = |at: i64| run(at, State::Finished, false);
        let open = |at: i64| run(at, State::Finished, true);
        let cut = |at: i64| run(at, State::Cut, false);
        check(&[], None);
        check(&[run(9, State::Running, false)], None);
        check(&[run(9, State::Running, false), good(8)], Some((8, "closed", None, 0)));
        check(&[open(9), good(8), open(7)], Some((9, "open", Some(9), 1)));
        check(&[open(9), cut(8), open(7), good(6), open(5)], Some((9, "open", Some(7), 1)));
        check(&[cut(9), open(8)], Some((9, "cut", Some(8), 0)));
        check(&[run(9, State::Cut, true), good(8)], Some((9, "open", Some(9), 1)));
        let unproven = Run { results: vec![result("dns-tcp", Family::Names, Outcome::Pass)], ..good(9) };
        check(&[unproven, good(8)], Some((9, "unproven", Some(9), 0)));
        let told = describe(&[open(9)]).unwrap();
        assert!(told.is_right() && told.names == ["dns-tcp"], "{told:?}");
    }

    #[test]
    fn where_nothing_was_tested_nothing_is_told() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(look(data.path()), None);
    }
}
