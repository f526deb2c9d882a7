//! Power cuts and full disks: what was logged stays logged, and without a log there is no web.

use anyhow::Result;
use harness::{Lab, Machine, usual_configuration, wait_until};

fn status_of(client: &Machine, url: &str) -> Result<String> {
    let quiet =
        ["curl", "--silent", "--output", "/dev/null", "--max-time", "5", "--write-out", "%{http_code}"];
    Ok(client.run(&[&quiet[..], &[url]].concat())?.stdout)
}

fn addresses_of(client: &Machine, name: &str, resolver: &str) -> Result<String> {
    let question = ["dig", "+time=1", "+tries=1", "+short", resolver, name];
    Ok(client.run(&question)?.stdout)
}

#[test]
fn a_killed_box_loses_no_committed_record_and_leaves_the_network_closed() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.start_appliance()?;
    let download = [
        "curl",
        "--silent",
        "--limit-rate",
        "1M",
        "--output",
        "/dev/null",
        "https://mediatheque.example/big.bin",
    ];
    let _download = lab.pc2.start("download", &download)?;
    let committed = "--device CM2-01 --host mediatheque.example";
    let committed: Vec<_> = committed.split(' ').collect();
    assert_eq!(status_of(&lab.pc1, "http://mediatheque.example/")?, "200");
    let search =
        |filter: &[&str]| appliance.run(&[&["journal", "search", "--json"], filter].concat())?.success();
    wait_until("records on the disk", || {
        Ok(search(&committed)?.contains("\"http\"") && search(&["--device", "CM2-02"])?.contains("\"tls\""))
    })?;
    let before = search(&committed)?;
    appliance.kill9()?;

    // The firewall stands in the kernel: nothing answers, nothing gets out.
    assert_eq!(status_of(&lab.pc1, "http://198.51.100.10/")?, "000");
    assert_eq!(status_of(&lab.pc1, "https://[2001:db8:1::a]/")?, "000");
    assert!(!addresses_of(&lab.pc1, "mediatheque.example", "@8.8.8.8")?.contains("198.51.100."));

    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    assert_eq!(status_of(&lab.pc1, "http://mediatheque.example/")?, "200");
    let search =
        |filter: &[&str]| appliance.run(&[&["journal", "search", "--json"], filter].concat())?.success();
    for line in before.lines() {
        let sequence = line.split(',').next().unwrap_or(line);
        assert!(search(&committed)?.contains(sequence), "lost: {line}");
    }
    wait_until(
        "the download to be closed as cut",
        || Ok(search(&["--device", "CM2-02"])?.contains("\"cut\"")),
    )
}

#[test]
fn a_full_disk_closes_the_web_until_there_is_room_again() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.appliance_with(&usual_configuration())?;
    let data = appliance.data().display().to_string();
    lab.appliance.shell(&format!("mkdir -p {data} && mount -t tmpfs -o size=32m tmpfs {data}"))?.success()?;
    // The lists and the devices are written inside the machine, where the small disk is.
    lab.appliance.shell(&format!("touch {data}/probe"))?.success()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    wait_until("the open web", || Ok(status_of(&lab.pc1, "http://mediatheque.example/")? == "200"))?;

    // dd fails, as it should: the disk is full then.
    lab.appliance.shell(&format!("dd if=/dev/zero of={data}/filler bs=64k 2>/dev/null"))?;
    wait_until("the closed web", || Ok(status_of(&lab.pc1, "http://mediatheque.example/")? == "503"))?;
    let page = lab.pc1.run(&["curl", "--silent", "http://mediatheque.example/"])?.stdout;
    assert!(page.contains("lang=\"fr\"") && page.contains("journal"), "{page}");
    assert_eq!(addresses_of(&lab.pc1, "encyclopedie.example", "@10.77.0.1")?, "10.77.0.1\n");
    let https = lab.pc1.run(&[
        "curl",
        "--silent",
        "--max-time",
        "5",
        "--connect-to",
        "::198.51.100.10:",
        "https://mediatheque.example/",
    ])?;
    assert!(!https.is_success(), "{https:#?}");
    assert_eq!(status_of(&lab.pc1, "http://preau.lan/")?, "200", "the box's own page stays");

    lab.appliance.shell(&format!("rm {data}/filler"))?.success()?;
    wait_until("the open web", || Ok(status_of(&lab.pc1, "http://mediatheque.example/")? == "200"))
}

/// Writes to a file that was removed succeed for ever; the box must notice, and log again.
#[test]
fn a_journal_that_is_removed_under_the_box_is_begun_anew() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    lab.appliance.shell(&format!("rm -r {}/journal", appliance.data().display()))?.success()?;
    wait_until("a record in the new journal", || {
        status_of(&lab.pc1, "http://mediatheque.example/")?;
        Ok(appliance.run(&["journal", "search", "--json"])?.stdout.contains("mediatheque.example"))
    })
}
