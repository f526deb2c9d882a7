//! A box in use is enrolled anew on its page.

use std::thread::yield_now;

use portal::{HubRoom as _, HubSeat, JoinStep, JoinTrouble, Setback, TypedHub};
use replication::EnrolmentCode;

use super::*;

#[test]
fn a_box_in_use_enrols_by_whoever_shows_her_secret_again() {
    let it = School::new();
    let (technician, secret) = it.person("M. Petit", Role::Technician, &[]);
    let code = EnrolmentCode::from_chance(&[7; 64]).unwrap().to_string();
    let office = &it.office;
    let join = |code: &str, hub: &str, secret: &str| {
        office.join_hub(PC.into(), &technician, &TypedHub { code, hub, secret })
    };
    assert_eq!(office.hub_seat(), Ok(HubSeat { hub: None, failures: (0, None), step: JoinStep::Nothing }));
    // Nobody is there.
    let nowhere = "127.0.0.1:1";
    assert_eq!(join("K7QM", nowhere, &secret), Err(JoinTrouble::Typed(Setback::Code)));
    assert_eq!(join(&code, "a b", &secret), Err(JoinTrouble::Typed(Setback::Address)));
    assert_eq!(join(&code, nowhere, "faux"), Err(JoinTrouble::Person(Trouble::Wrong)));
    let of_hubs = || {
        let acts = it.store().waiting_person_acts(99).unwrap();
        acts.into_iter().filter(|waiting| waiting.act.deed.as_str() == "join-hub").count()
    };
    assert_eq!((of_hubs(), office.hub_seat().unwrap().step), (0, JoinStep::Nothing));
    join(&code, nowhere, &secret).unwrap();
    assert_eq!(of_hubs(), 1, "it is on record before any hub answers");
    let step = loop {
        match office.hub_seat().unwrap().step {
            JoinStep::Asking => yield_now(),
            step @ (JoinStep::Nothing | JoinStep::Failed(_) | JoinStep::Joined) => break step,
        }
    };
    assert_eq!(step, JoinStep::Failed(Setback::Silent));
    // Somebody syncs at this moment.
    let folder = sync::HubFolder::new(it.folder.path());
    let _lock = folder.lock().unwrap();
    // What became of its nights is told.
    let fault = Some(sync::NightFault::Silent);
    folder.keep_night(&sync::NightState { failures: 2, fault, ..sync::NightState::default() }).unwrap();
    assert_eq!(office.hub_seat().unwrap().failures, (2, Some(portal::HubFault::Silent)));
    join(&code, nowhere, &secret).unwrap();
    let is_over = || office.hub_seat().unwrap().step != JoinStep::Asking;
    while !is_over() {
        yield_now();
    }
    assert_eq!(office.hub_seat().unwrap().step, JoinStep::Failed(Setback::Wait));
}
