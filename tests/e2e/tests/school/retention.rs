//! The log is gone on time: deleted with a proof, held while somebody asks for it, and never by a clock in doubt.

use anyhow::{Context, Result, ensure};
use harness::{Lab, usual_configuration, wait_until};

#[test]
fn what_is_past_its_time_goes_unless_it_is_held() -> Result<()> {
    let lab = Lab::new()?;
    let retention = "[journal.retention]\naccess = 1\nsigned = 'La DPO'\n";
    let mut appliance = lab.appliance_with(&format!("{}\n{retention}", usual_configuration()))?;
    appliance.add_usual_devices()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    lab.pc1.run(&["curl", "--silent", "--output", "/dev/null", "http://mediatheque.example/"])?;
    wait_until("the visit in the journal", || {
        Ok(appliance.run(&["journal", "search", "--host", "mediatheque.example"])?.stdout.contains("http"))
    })?;
    appliance.stop()?;
    let verify = || appliance.run(&["journal", "verify"]);
    let verified = verify()?.success()?;
    assert!(verified.contains("access 1, who 1") && verified.contains("as La DPO signed"), "{verified}");
    let status = appliance.run(&["journal", "status"])?;
    assert!(status.stdout.contains("held\t0 holds in force"), "{status:#?}");

    let add =
        ["journal", "hold", "add", "--device", "CM2-04", "--reason", "plainte", "--author", "La direction"];
    let added = appliance.run(&add)?;
    assert!(added.stderr.contains("cannot read what is encrypted"), "{added:#?}");
    let hold = added.success()?.trim().strip_prefix("hold ").context("a number")?.to_owned();
    let listed = appliance.run(&["journal", "hold", "list"])?.success()?;
    assert!(
        listed.starts_with(&hold) && listed.contains("CM2-04\tLa direction (ligne de commande, "),
        "{listed}"
    );
    assert!(listed.contains(")\tplainte"), "{listed}");

    // Two days later, as somebody says.
    let later = lab.pc1.run(&["date", "--utc", "--date=+2 days", "+%Y-%m-%dT%H:%M:%SZ"])?.success()?;
    let expire = || appliance.run(&["journal", "expire", "--now", later.trim(), "--author", "M. Durand"]);
    let held = expire()?;
    if held.stderr.contains("a time server disciplines this machine's clock") {
        // Nobody is believed against a time server, and by that nothing is a day old.
        assert_eq!(held.status, Some(1));
        return Ok(());
    }
    assert!(held.stdout.contains("1 files are past their time and held"), "{held:#?}");
    appliance.run(&["journal", "hold", "lift", &hold, "--reason", "classée"])?.success()?;
    let deleted = expire()?.success()?;
    assert!(deleted.contains("deleted\tseal-"), "{deleted}");
    // What adults did, these searches too, is kept for the year that nobody has shortened.
    let kept: Vec<String> = appliance
        .data()
        .join("sealed")
        .read_dir()?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("seal-"))
        .collect();
    ensure!(kept.iter().all(|name| name.contains(".acts.")), "{kept:?}");
    let verified = verify()?.success()?;
    assert!(verified.contains("M. Durand (ligne de commande, "), "{verified}");
    assert!(verified.contains(") vouched for the time"), "{verified}");
    assert!(verified.contains("deleted when their time was over: 1 on time, 0 late"), "{verified}");
    let nothing = expire()?.success()?;
    assert!(nothing.contains("nothing is past its time"), "{nothing}");
    let by_itself = appliance.run(&["journal", "expire"])?;
    assert!(by_itself.stdout.contains("nothing is deleted: no time server"), "{by_itself:#?}");
    Ok(())
}
