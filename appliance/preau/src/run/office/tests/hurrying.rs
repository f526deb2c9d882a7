//! What the box does at its time is done at once for whoever keeps it, and the journal has who wanted it.

use portal::{Chore, ChoreLine, ChoreRoom as _, ChoreState};
use selftest::{Family, Outcome, State, Why};

use super::*;
use crate::data_folder::selftest_results;
use crate::run::chores::Chores;
use crate::selftest_health::tests::run_of;

#[test]
fn a_chore_is_asked_for_once_it_is_on_record() {
    let it = School::new();
    let (technician, _) = it.person("M. Petit", Role::Technician, &[]);
    let chores = Arc::<Chores>::default();
    let office = open(it.folder.path(), &it.desk, &it.hand).with_chores(&chores);
    let ask = |chore| office.do_chore(PC.into(), &technician, chore);
    let told = || {
        let acts = it.store().waiting_person_acts(99).unwrap();
        acts.into_iter().filter(|waiting| waiting.act.deed.as_str() == "do-now").count()
    };
    assert_eq!((ask(Chore::Sync), office.chores()), (Err(Trouble::Unknown), vec![]), "there is no hub");
    chores.offer(Chore::Sync, true);
    chores.offer(Chore::Selftest, true);
    assert_eq!(ask(Chore::HeldList), Err(Trouble::Unknown), "none is held back");
    assert_eq!(told(), 0);
    ask(Chore::Sync).unwrap();
    ask(Chore::Sync).unwrap();
    assert_eq!(told(), 1, "a double click is one");
    let lines = [(Chore::Sync, ChoreState::Asked), (Chore::Selftest, ChoreState::Free)];
    assert_eq!(office.chores(), lines.map(|(chore, state)| ChoreLine { chore, state }));
    assert!(chores.take(Chore::Sync));
    chores.end(Chore::Sync, true);
    it.pass(-2 * HOUR_MS);
    assert_eq!(ask(Chore::Sync), Err(Trouble::NoClock));
    ask(Chore::Selftest).unwrap();
    assert_eq!(told(), 2);
}

#[test]
fn the_last_self_test_that_is_over_is_told() {
    let it = School::new();
    let office = open(it.folder.path(), &it.desk, &it.hand);
    assert_eq!(office.last_selftest().map(|run| run.started), Err(Trouble::Unknown));
    let results = selftest_results(it.folder.path());
    let found = selftest::Result {
        id: "dot".to_owned(),
        family: Family::Encryption,
        with: "9.9.9.9".to_owned(),
        profile: None,
        outcome: Outcome::Fail { why: Why::Open, detail: String::new() },
    };
    let lock = results.lock().unwrap();
    for (started_ms, state) in [(1, State::Finished), (2, State::Running)] {
        results.keep(&lock, &run_of(started_ms, state, vec![found.clone()])).unwrap();
    }
    let told = office.last_selftest().unwrap();
    assert_eq!((told.started.unix_ms(), told.counts, told.is_good), (1, [0, 1, 0], false));
    assert_eq!((told.lines[0].id.as_str(), told.lines[0].outcome), ("dot", "fail"));
}
