//! Devices that a technician registers on the page.

use portal::DeviceRoom as _;

use super::*;

#[test]
fn devices_are_registered_moved_and_forgotten() {
    let it = School::new();
    let profiles = ["elementaire", "adulte"].map(|profile| profile.parse().unwrap()).to_vec();
    let office = open(it.folder.path(), &it.desk, &it.hand).with_profiles(profiles);
    let (technician, _) = it.person("M. Petit", Role::Technician, &[]);
    let list = office.devices(TELEPHONE.into()).unwrap();
    let rooms: Vec<_> = list.rooms.iter().map(ToString::to_string).collect();
    assert_eq!((list.devices.len(), rooms.as_slice()), (4, &["CM2".to_owned()][..]));
    assert_eq!(list.asker, Some(Mac::new([2, 0, 0, 0, 0, 0x99])), "whoever stands before it");
    assert_eq!(office.devices(PC.into()).unwrap().asker, None);
    let device = |last: u8, name: &str, profile: &str| Device {
        mac: Mac::new([2, 0, 0, 0, 0, last]),
        name: name.parse().unwrap(),
        room: Some("CP".parse().unwrap()),
        profile: profile.parse().unwrap(),
    };
    office.add_device(PC.into(), &technician, &device(0x99, "CP-01", "elementaire")).unwrap();
    assert_eq!(office.devices(PC.into()).unwrap().devices.len(), 5);
    assert_eq!(
        office.add_device(PC.into(), &technician, &device(0x98, "CP-01", "elementaire")),
        Err(Trouble::NameTaken)
    );
    assert_eq!(
        office.add_device(PC.into(), &technician, &device(0x98, "CP-02", "nobody")),
        Err(Trouble::Field)
    );
    let testers = format!("{}1", model::Tester::NAME_START);
    assert_eq!(
        office.add_device(PC.into(), &technician, &device(0x98, &testers, "adulte")),
        Err(Trouble::Field)
    );
    office.remove_device(PC.into(), &technician, Mac::new([2, 0, 0, 0, 0, 0x99])).unwrap();
    assert_eq!(
        office.remove_device(PC.into(), &technician, Mac::new([2, 0, 0, 0, 0, 0x99])),
        Err(Trouble::Unknown)
    );
    let acts = it.store().waiting_person_acts(99).unwrap();
    let of_devices = acts.iter().map(|waiting| waiting.act.deed.as_str());
    let of_devices: Vec<_> = of_devices.filter(|deed| deed.ends_with("-device")).collect();
    assert_eq!(of_devices, ["register-device", "forget-device"]);
}
