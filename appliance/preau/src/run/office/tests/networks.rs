//! Keys of the Wi-Fi that technicians take in files, and renew.

use portal::{JoinFile, KeyBearer, NetworkRoom as _};
use store::KeyOwner;

use super::*;

const CONFIGURATION: &str = "version = 1\n[school]\nname = 'École'\n\
    [[wifi.network]]\nroom = 'CM2'\nssid = 'tilleul'\n\
    [[wifi.network]]\nroom = 'CM1'\nssid = 'hetre'\nkeys = 'device'\n";
const KEY: &str = "k7pm-x2hd-9tqv-ej4w-ab3c";

fn bearer(room: &str, device: Option<&str>) -> KeyBearer {
    KeyBearer { room: room.parse().unwrap(), device: device.map(|name| name.parse().unwrap()) }
}

/// A school with a room whose devices share a key, and one where each has its own.
fn open_school() -> School {
    let mut it = School::new();
    let file = it.folder.path().join("preau.toml");
    std::fs::write(&file, CONFIGURATION).unwrap();
    let config = Config::load(&file).unwrap();
    let office = open(it.folder.path(), &it.desk, &it.hand);
    let office = office.with_points(PointPlan::new(Arc::default(), &config.wifi));
    it.office = office.with_join_desk(JoinDesk::new(&config));
    let now = it.hand.now().at;
    for (room, device) in [("CM2", None), ("CM1", Some("tab-07")), ("CM1", None)] {
        let KeyBearer { room, device } = bearer(room, device);
        it.store().add_wifi_key(&KeyOwner { room, device }, KEY, now).unwrap();
    }
    it
}

fn alterations(it: &School) -> Vec<(&'static str, String)> {
    let acts = it.store().waiting_person_acts(99).unwrap().into_iter();
    let told = acts.filter_map(|waiting| {
        let model::PersonDeed::Alter { what, words } = waiting.act.deed else { return None };
        Some((what.as_str(), words.as_str().to_owned()))
    });
    told.collect()
}

#[test]
fn a_file_has_the_key_of_whoever_bears_it_and_the_journal_that_it_was_taken() {
    let it = open_school();
    let (technician, _) = it.person("M. Petit", Role::Technician, &[]);
    let listed: Vec<_> = it
        .office
        .networks()
        .unwrap()
        .into_iter()
        .map(|network| (network.room.to_string(), network.ssid, network.keys.len()))
        .collect();
    let line = |room: &str, ssid: &str| (room.to_owned(), ssid.to_owned(), 1);
    assert_eq!(listed, [line("CM2", "tilleul"), line("CM1", "hetre")]);
    let take = |bearer: &KeyBearer, kind| it.office.join_file(PC.into(), &technician, bearer, kind);
    for kind in JoinFile::ALL {
        let bytes = take(&bearer("CM1", Some("tab-07")), kind).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(kind == JoinFile::Picture || text.contains(KEY) && text.contains("hetre"), "{text}");
    }
    // What nobody has, what opens nothing, and a room without a network.
    for (room, device) in [("CM1", Some("tab-08")), ("CM1", None), ("CM2", Some("tab-07")), ("CP", None)] {
        assert_eq!(take(&bearer(room, device), JoinFile::Apple), Err(Trouble::Unknown), "{room} {device:?}");
    }
    let told = alterations(&it);
    let taken: Vec<_> =
        JoinFile::ALL.map(|kind| ("take-wifi-key", format!("room CM1, tab-07: {}", kind.as_str()))).into();
    assert_eq!(told, taken);
}

#[test]
fn a_renewed_key_is_another_one_and_its_author_is_on_record() {
    let it = open_school();
    let (technician, _) = it.person("M. Petit", Role::Technician, &[]);
    let renew = |bearer: &KeyBearer| it.office.renew_wifi_key(PC.into(), &technician, bearer);
    assert_eq!(renew(&bearer("CM1", Some("tab-08"))), Err(Trouble::Unknown));
    assert_eq!(renew(&bearer("CM2", None)), Ok(()));
    let keys = it.store().wifi_keys().unwrap();
    let of = |room: &str| keys.iter().filter(|key| key.owner.room.as_str() == room).collect::<Vec<_>>();
    let new = &of("CM2")[0].passphrase;
    assert!(**new != *KEY && new.len() == 24);
    assert!(of("CM1").iter().all(|key| &*key.passphrase == KEY), "the others stay");
    assert_eq!(alterations(&it), [("renew-wifi-key", "room CM2".to_owned())]);
}
