//! The line is changed by whoever keeps the box, and the journal has it.

use portal::{LineFault, LineRoom as _, LineShown, LineTrouble, TypedLine};

use super::*;
use crate::line::LineDesk;

#[test]
fn a_line_is_changed_once_it_is_on_record_and_nonsense_changes_nothing() {
    let it = School::new();
    let (technician, _) = it.person("M. Petit", Role::Technician, &[]);
    assert_eq!(it.office.line(), None, "on loopback there is none");
    let config = Config::load(Path::new("../../docs/preau.example.toml")).unwrap();
    let office = open(it.folder.path(), &it.desk, &it.hand);
    let office = office.with_line_desk(LineDesk::new(&config, it.folder.path()));
    let change = |address: &str, gateway: &str| {
        let typed = TypedLine::Fixed { address, gateway, resolvers: "192.0.2.53" };
        office.change_line(PC.into(), &technician, &typed)
    };
    let told = || {
        let acts = it.store().waiting_person_acts(99).unwrap();
        acts.into_iter().filter(|waiting| waiting.act.deed.as_str() == "change-line").count()
    };
    assert_eq!(change("10.77.0.9/24", "10.77.0.254"), Err(LineTrouble::Typed(LineFault::School)));
    assert_eq!((told(), office.line().unwrap().shown), (0, LineShown::Dhcp));
    change("192.0.2.10/24", "192.0.2.1").unwrap();
    let seat = office.line().unwrap();
    assert!(
        seat.is_typed
            && matches!(&seat.shown, LineShown::Fixed { address, .. } if address == "192.0.2.10/24")
    );
    assert_eq!(told(), 1);
    office.change_line(PC.into(), &technician, &TypedLine::Dhcp).unwrap();
    assert_eq!((told(), office.line().unwrap().shown), (2, LineShown::Dhcp));
}
