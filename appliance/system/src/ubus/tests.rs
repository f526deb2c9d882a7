//! The driver against an access point that does what OpenWrt's rpcd does.

mod access_point;
mod firmware;

use wifi::{Channel, Country, Power, Security};

use super::*;
use access_point::{AccessPoint, PASSWORD, Running, start};

struct Lab {
    access_point: Running,
    radio: OpenWrtRadio,
    folder: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        let access_point = start(AccessPoint::new());
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("password"), format!("{PASSWORD}\n")).unwrap();
        let radio = OpenWrtRadio::new(OpenWrtPlace {
            address: access_point.address,
            certificate: access_point.certificate,
            radio: "radio0".to_owned(),
            user: "preau".to_owned(),
            password: PointPassword::File(folder.path().join("password")),
        });
        Self { access_point, radio: radio.unwrap(), folder }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, AccessPoint> {
        self.access_point.state.lock().unwrap()
    }

    fn sending(&self) -> Vec<String> {
        self.state().sending().into_iter().map(str::to_owned).collect()
    }

    /// What stands against a step.
    fn refusal(&mut self, step: Step) -> String {
        let error = self.radio.apply(step, Some(&setup())).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error} {cause}")
    }
}

fn setup() -> Setup {
    Setup {
        ssid: "tilleul".parse().unwrap(),
        security: Security::Wpa2,
        passphrase: Some("k7pm-x2hd-9tqv-ej4w-ab3c".parse().unwrap()),
        keys: vec![],
        channel: Channel::new(36).unwrap(),
        country: Country::FRANCE,
        power: Power::default(),
        isolates_stations: false,
        bridges: vec![],
    }
}

const UNTIL: Timestamp = Timestamp::from_unix_ms(1_795_422_600_000);
const OWN: &str = "preau_radio0";

#[test]
fn one_from_the_factory_is_silenced_and_sends_for_a_lesson() {
    let mut lab = Lab::new();
    let found = lab.radio.look(Some(&setup())).unwrap();
    assert_eq!((found.setup, found.is_sending), (None, true), "its open network");
    lab.radio.apply(Step::Silence, Some(&setup())).unwrap();
    assert_eq!(lab.sending(), [""; 0]);
    lab.radio.apply(Step::SetUp, Some(&setup())).unwrap();
    assert_eq!(lab.sending(), [""; 0]);
    let stamps = lab.radio.stamps(&setup());
    let until = Some(Timestamp::from_unix_ms(0));
    let rest = Reality { setup: Some(stamps.setup), keys: Some(stamps.keys), is_sending: false, until };
    assert_eq!(lab.radio.look(Some(&setup())).unwrap(), rest);
    lab.radio.apply(Step::Send { until: UNTIL }, Some(&setup())).unwrap();
    assert_eq!(lab.sending(), [OWN]);
    assert_eq!(lab.state().flash[OWN][UNTIL_OPTION], "1795422601", "its watchdog knows the end");
    let until = Some(Timestamp::from_unix_ms(UNTIL.unix_ms() + 1_000));
    assert_eq!(lab.radio.look(Some(&setup())).unwrap(), Reality { is_sending: true, until, ..rest });
    let later = Timestamp::from_unix_ms(UNTIL.unix_ms() + 600_000);
    lab.radio.apply(Step::Send { until: later }, Some(&setup())).unwrap();
    assert_eq!(lab.state().flash[OWN][UNTIL_OPTION], "1795423201", "the lesson is extended");
    let mac = "02:aa:00:00:00:77".parse().unwrap();
    assert_eq!(lab.radio.stations().unwrap(), [Station { mac, key: None }]);
    lab.radio.apply(Step::Silence, None).unwrap();
    assert_eq!(lab.sending(), [""; 0]);
    assert!(lab.state().calls.iter().any(|call| call == "file write"), "its watchdog hears the box");
}

#[test]
fn another_machine_is_told_nothing() {
    let mut lab = Lab::new();
    let other = start(AccessPoint::new());
    let place = OpenWrtPlace { address: other.address, ..lab.radio.place.clone() };
    lab.radio = OpenWrtRadio::new(place).unwrap();
    let told = lab.refusal(Step::SetUp);
    assert!(told.contains("another certificate than at its adoption"), "{told}");
    assert_eq!(other.state.lock().unwrap().calls, [""; 0], "not even a password");
}

#[test]
fn a_wrong_password_and_a_missing_right_are_told_apart() {
    let mut lab = Lab::new();
    lab.state().denied = vec!["uci apply"];
    let told = lab.refusal(Step::SetUp);
    assert!(told.contains("access denied to uci apply") && told.contains("preau.json"), "{told}");
    fs::write(lab.folder.path().join("password"), "another").unwrap();
    let told = lab.refusal(Step::SetUp);
    assert!(told.contains("the password of `preau` is another one"), "{told}");
    fs::remove_file(lab.folder.path().join("password")).unwrap();
    assert!(lab.refusal(Step::SetUp).contains("password: No such file"));
}

#[test]
fn a_session_that_ends_is_no_end() {
    let mut lab = Lab::new();
    lab.state().forgets_after = Some(3);
    assert!(lab.refusal(Step::SetUp).contains("the session is over"));
    lab.radio.apply(Step::SetUp, Some(&setup())).unwrap();
    assert_eq!(lab.sending(), [""; 0]);
}

#[test]
fn a_change_that_was_taken_back_is_not_taken_for_done() {
    let mut lab = Lab::new();
    lab.state().takes_back = true;
    assert!(lab.refusal(Step::SetUp).contains("took the change back"));
    assert_eq!(lab.radio.look(Some(&setup())).unwrap().setup, None, "read by another session");
    assert_eq!(lab.sending(), ["default_radio0"]);
    lab.radio.apply(Step::SetUp, Some(&setup())).unwrap();
    assert_eq!(lab.sending(), [""; 0]);
}

/// What a power cut leaves is on the flash, unconfirmed, for ever: it is read, and put right.
#[test]
fn a_power_cut_in_the_middle_is_put_right() {
    let mut lab = Lab::new();
    lab.radio.apply(Step::SetUp, Some(&setup())).unwrap();
    {
        let mut state = lab.state();
        state.flash.get_mut(OWN).unwrap().insert("disabled".to_owned(), "0".to_owned());
        state.flash.get_mut(OWN).unwrap().insert("ssid".to_owned(), "half".to_owned());
        state.reboot();
    }
    let stamps = lab.radio.stamps(&setup());
    let found = lab.radio.look(Some(&setup())).unwrap();
    assert!(found.is_sending && found.setup != Some(stamps.setup), "{found:?}");
    lab.state().loses_power_at = Some(1);
    assert!(lab.radio.apply(Step::Silence, Some(&setup())).is_err());
    lab.radio.apply(Step::Silence, Some(&setup())).unwrap();
    lab.radio.apply(Step::SetUp, Some(&setup())).unwrap();
    assert_eq!(lab.radio.look(Some(&setup())).unwrap().setup, Some(stamps.setup));
    assert_eq!(lab.sending(), [""; 0]);
}

/// What is to be put right, whatever came of a step before: the next ones do.
fn put_right(lab: &mut Lab, what: &str) {
    for step in [Step::Silence, Step::SetUp] {
        lab.radio.apply(step, Some(&setup())).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    let (stamps, found) = (lab.radio.stamps(&setup()), lab.radio.look(Some(&setup())).unwrap());
    assert_eq!((found.setup, found.is_sending), (Some(stamps.setup), false), "{what}");
    assert_eq!(lab.sending(), [""; 0], "{what}");
}

/// One call after the other, until the step has fewer.
#[test]
fn a_power_cut_at_any_call_is_put_right() {
    for call in 1..100 {
        let mut lab = Lab::new();
        lab.state().loses_power_at = Some(call);
        let outcome = lab.radio.apply(Step::SetUp, Some(&setup()));
        if lab.state().loses_power_at.take().is_some() {
            outcome.unwrap();
            assert!(call > 6, "the step has {call} calls");
            return;
        }
        put_right(&mut lab, &format!("power cut at call {call}"));
    }
    panic!("a step without an end");
}

#[test]
fn a_session_that_ends_after_any_call_is_put_right() {
    for call in 1..100 {
        let mut lab = Lab::new();
        lab.state().forgets_after = Some(call);
        let outcome = lab.radio.apply(Step::SetUp, Some(&setup()));
        if lab.state().forgets_after.take().is_some() {
            outcome.unwrap();
            assert!(call > 6, "the step has {call} calls");
            return;
        }
        // What nobody confirmed is taken back.
        lab.state().pass_time();
        put_right(&mut lab, &format!("session over after call {call}"));
    }
    panic!("a step without an end");
}

/// Each method that a step needs, refused: told by its name, and half a change is not taken for a whole one.
#[test]
fn each_right_that_is_missing_is_told_by_its_name() {
    for call in ["uci get", "uci add", "uci set", "uci apply", "uci confirm"] {
        let mut lab = Lab::new();
        lab.state().denied = vec![call];
        let told = lab.refusal(Step::SetUp);
        assert!(told.contains(&format!("access denied to {call}")) && told.contains("preau.json"), "{told}");
        lab.state().denied.clear();
        lab.state().pass_time();
        assert_eq!(lab.radio.look(Some(&setup())).unwrap().setup, None, "{call}: nothing of it stands");
        put_right(&mut lab, call);
    }
    for call in ["network.wireless status", "file write"] {
        let mut lab = Lab::new();
        lab.state().denied = vec![call];
        let told = lab.radio.look(Some(&setup())).unwrap_err().to_string();
        assert!(told.contains(&format!("access denied to {call}")), "{told}");
    }
}

#[test]
fn somebody_elses_change_is_waited_for() {
    let mut lab = Lab::new();
    let before = lab.state().flash.clone();
    lab.state().pending = Some(("luci".to_owned(), before));
    lab.state().denied = vec!["session login"];
    assert!(lab.refusal(Step::SetUp).contains("access denied to session login"));
    lab.state().denied.clear();
    lab.state().pending = None;
    lab.radio.apply(Step::SetUp, Some(&setup())).unwrap();
}

/// A change of LuCI's waits to be confirmed: the box's own is not mixed with it.
#[test]
fn what_somebody_else_applied_is_not_confirmed_for_him() {
    let mut lab = Lab::new();
    let before = lab.state().flash.clone();
    lab.state().pending = Some(("luci".to_owned(), before));
    assert!(lab.refusal(Step::SetUp).contains("another change is waiting"));
    assert!(lab.state().pending.is_some(), "it still waits");
    lab.state().pending = None;
    lab.radio.apply(Step::SetUp, Some(&setup())).unwrap();
    assert_eq!(lab.sending(), [""; 0]);
}

/// `uci apply` without a change answers 5, which is no failure.
#[test]
fn nothing_to_change_is_no_failure() {
    let mut lab = Lab::new();
    for _ in 0..2 {
        lab.radio.apply(Step::Silence, Some(&setup())).unwrap();
    }
    assert_eq!(lab.sending(), [""; 0]);
}

#[test]
fn each_error_of_uhttpd_and_of_ubus_is_told_for_what_it_is() {
    let mut lab = Lab::new();
    let garble = |lab: &mut Lab, call: &'static str, field: &'static str, value: Value| {
        lab.state().garbled = Some((call, field, value));
        let told = lab.refusal(Step::SetUp);
        assert_eq!(lab.state().garbled, None, "{call} was never called: {told}");
        told
    };
    let error = |code: i64| json!({ "code": code, "message": "as it may be" });
    for (call, field, value, expected) in [
        ("uci get", "error", error(-32_002), "access denied to uci get"),
        ("uci get", "error", error(-32_001), "access denied to uci get"),
        ("uci set", "error", error(-32_000), "uci set: not found"),
        ("uci apply", "error", error(-32_003), "uci apply: timed out"),
        ("uci get", "error", error(-32_700), "error -32700 of JSON-RPC"),
        ("uci get", "result", json!([]), "none of JSON-RPC"),
        ("uci get", "result", json!({ "values": {} }), "none of JSON-RPC"),
        ("uci get", "result", json!([3]), "uci get: no such method"),
        ("uci get", "result", json!([9]), "uci get: status 9"),
        ("uci set", "result", json!([4]), "uci set: not found"),
        // A configuration that is not in its access control list.
        ("uci get", "result", json!([6]), "uci get: permission denied"),
        ("uci set", "result", json!([6]), "uci set: permission denied"),
        ("session login", "result", json!([6]), "the password of `preau` is another one"),
        ("session login", "result", json!([0, {}]), "a session without a number"),
        ("uci confirm", "result", json!([5]), "took the change back"),
    ] {
        let told = garble(&mut lab, call, field, value.clone());
        assert!(told.contains(expected), "{call} {value}: {told}");
        lab.state().pending = None;
    }
}

#[test]
fn a_radio_that_does_nothing_is_not_said_to_send() {
    let one = json!([{ "section": "a", "ifname": "phy0-ap0" }]);
    assert!(is_sending(&json!({ "radio0": { "up": true, "interfaces": one } }), "radio0"));
    for status in [
        json!({}),
        json!({ "radio0": { "up": true, "interfaces": [{ "section": "a" }] } }),
        json!({ "radio0": { "up": true, "interfaces": [] } }),
        json!({ "radio0": { "up": false, "interfaces": one } }),
        json!({ "radio1": { "up": true, "interfaces": one } }),
        json!({ "radio0": "up" }),
    ] {
        assert!(!is_sending(&status, "radio0"), "{status}");
    }
}
