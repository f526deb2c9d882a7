//! The school's Wi-Fi, as far as a school without radios shows it: the keys, the status, and that nothing else fails. Radios are in
//! a machine of their own (`tests/vm`).

use anyhow::Result;
use harness::{Lab, WIFI_WITHOUT_RADIO, usual_configuration, wait_until};

#[test]
fn a_missing_radio_is_told_and_keeps_nothing_else_from_working() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.appliance_with(&format!("{}{WIFI_WITHOUT_RADIO}", usual_configuration()))?;
    appliance.add_usual_devices()?;
    let status = appliance.run(&["wifi", "status"])?;
    assert!(!status.is_success() && status.stdout.contains("no box with access points"), "{status:?}");
    appliance.start()?;

    let keys = || appliance.run(&["wifi", "key", "list"])?.success();
    wait_until("the room's key", || Ok(keys()?.starts_with("k1\tCM2\t-\t")))?;
    let show = || appliance.run(&["wifi", "key", "show", "--room", "CM2"])?.success();
    let first = show()?;
    assert_eq!(first.trim_end().len(), 24, "{first}");
    appliance.run(&["wifi", "key", "renew", "--room", "CM2"])?.success()?;
    assert!(keys()?.starts_with("k2\tCM2\t-\t") && show()? != first);
    let unknown = appliance.run(&["wifi", "key", "show", "--room", "CP"])?;
    assert!(unknown.stderr.contains("there is no key of the room CP"), "{unknown:?}");

    let lesson = ["lesson", "start", "CM2", "--teacher", "Mme Martin", "--for", "30m", "--wifi", "true"];
    appliance.run(&lesson)?.success()?;
    wait_until("the missing radio to be told", || {
        let told = appliance.run(&["wifi", "status"])?;
        Ok(!told.is_success()
            && told.stdout.starts_with("borne-cm2\tCM2\tunreachable since")
            && told.stdout.contains("lesson 1")
            && told.stdout.contains("there is no interface wlan-absent"))
    })?;
    let quiet =
        ["curl", "--silent", "--output", "/dev/null", "--max-time", "5", "--write-out", "%{http_code}"];
    let page = lab.pc1.run(&[&quiet[..], &["http://mediatheque.example/"]].concat())?;
    assert_eq!(page.stdout, "200");
    Ok(())
}
