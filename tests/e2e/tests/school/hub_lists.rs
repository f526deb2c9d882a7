//! The hub mirrors the lists once, and its boxes have them from it: what changed alone, and nothing that lost too much.

use std::fs;

use anyhow::{Context, Result, ensure};
use harness::{Lab, RESOLVER_IPV4, preau_binary, usual_configuration, wait_until};

use crate::hub::text;
use crate::hub_urgent::FarHub;
use crate::updates::{is_refused, mirror, school};

/// The hub's configuration: a mirror in the lab's Internet, and a name server to find it by.
fn configure(lab: &Lab) -> Result<String> {
    fs::write(lab.internet.directory().join("resolv.conf"), format!("nameserver {RESOLVER_IPV4}\n"))?;
    let file = lab.internet.directory().join("hub.toml");
    let lists = format!("mirror = 'https://ut1.example/lists/'\nca_file = '{}'\n", lab.authority().display());
    fs::write(&file, format!("version = 1\n[lists]\n{lists}"))?;
    Ok(file.to_str().context("a path that is text")?.to_owned())
}

#[test]
fn boxes_have_their_lists_from_the_hub_and_nothing_that_lost_too_much() -> Result<()> {
    let lab = school()?;
    let mirror = mirror(&lab);
    let many: String = (0..50).map(|number| format!("casino-{number}.example\n")).collect();
    mirror.publish(&format!("{many}casino.example\n"))?;
    let config = configure(&lab)?;
    let hub = FarHub::start_with(&lab, &["--config", &config])?;
    // A hub without a list does not wait for the night.
    wait_until("the hub's list", || {
        let status = hub.command(&["lists", "status"])?;
        Ok(status.is_success() && !status.stdout.contains("archive\t0 bytes"))
    })?;

    let own = usual_configuration() + "[lists]\nmirror = \"hub\"\n";
    let mut appliance = lab.appliance_with(&own)?;
    appliance.add_usual_devices()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let file = lab.appliance.directory().join("preau.toml").display().to_string();
    let update = || appliance.run(&["blocklist", "update", "--config", &file]);
    wait_until("the update that has nowhere to go", || {
        let status = appliance.run(&["blocklist", "status", "--config", &file])?;
        Ok(status.stdout.contains("this box is not enrolled"))
    })?;
    hub.enrol(&appliance)?;
    let said = update()?.success()?;
    ensure!(said.contains("a new list is in force"), "{said}");
    wait_until("the first list", || is_refused(&lab.pc1, "casino.example"))?;

    // One name more: the box fetches the difference.
    mirror.publish(&format!("{many}casino.example\nmediatheque.example\n"))?;
    // Where the mirror is known by its name.
    let (program, data) = (text(&preau_binary()?)?, text(hub.folder.path())?);
    let look =
        || lab.internet.run(&[&program, "hub", "lists", "update", "--config", &config, "--data", &data]);
    let shelf = text(&hub.folder.path().join("lists/published"))?;
    lab.internet.shell(&format!("cp -a {shelf} {shelf}.before"))?.success()?;
    look()?.success()?;
    // Cut between the update and its publication: what is served is what was; the mirror has nothing new.
    lab.internet.shell(&format!("rm -r {shelf} && mv {shelf}.before {shelf}"))?.success()?;
    let published = look()?.success()?;
    ensure!(published.contains("difference\t"), "{published}");
    let said = update()?;
    ensure!(said.is_success() && said.stdout.contains("a new list is in force"), "{said:#?}");
    wait_until("the new list", || is_refused(&lab.pc1, "mediatheque.example"))?;

    // A list that lost almost all is not served before somebody has looked at it.
    mirror.publish("casino.example\n")?;
    let held = look()?.success()?;
    ensure!(held.contains("held\tgambling\t52 lines, then 1"), "{held}");
    ensure!(update()?.success()?.contains("nothing new"));
    ensure!(is_refused(&lab.pc1, "mediatheque.example")?, "the list of before is in force");
    let accepted = hub.command(&["lists", "accept", "--config", &config])?.success()?;
    ensure!(!accepted.contains("held\t"), "{accepted}");
    let said = update()?;
    ensure!(
        said.stdout.contains("gambling: 52 lines, 1 in the new list"),
        "the box looks for itself: {said:#?}"
    );
    Ok(())
}
