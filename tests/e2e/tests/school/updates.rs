//! Lists from a mirror in the Internet: taken by the box itself, and by hand, while a class works.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Result;
use harness::{APPLIANCE_IPV4, Lab, Machine, preau_binary, sites, usual_configuration, wait_until};

use super::people::AUTHORITY;
use super::technician;

/// A mirror among the sites of the lab's Internet.
pub(crate) struct Mirror<'lab> {
    lab: &'lab Lab,
    folder: PathBuf,
}

impl Mirror<'_> {
    /// Publishes an archive with these lines for gambling, and its checksum.
    pub(crate) fn publish(&self, gambling: &str) -> Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        std::fs::write(self.lab.lists().join("gambling/domains"), gambling)?;
        let lists = self.lab.directory().display();
        let folder = self.folder.display();
        let pack = format!(
            "cd {folder} && tar -C {lists} -czf new blacklists && mv new blacklists.tar.gz && \
             md5sum blacklists.tar.gz > MD5SUM.LST"
        );
        self.lab.internet.shell(&pack)?.success().map(drop)
    }
}

pub(crate) fn school() -> Result<Lab> {
    let names = [("mediatheque.example", None), ("casino.example", Some("gambling")), ("ut1.example", None)];
    let lab = Lab::with_sites(sites(&names)?)?;
    Ok(lab)
}

pub(crate) fn mirror(lab: &Lab) -> Mirror<'_> {
    Mirror { lab, folder: lab.internet.directory().join("ut1.example/lists") }
}

fn configuration(lab: &Lab) -> String {
    let ca_file = lab.authority();
    let lists =
        format!("[lists]\nmirror = \"https://ut1.example/lists/\"\nca_file = \"{}\"\n", ca_file.display());
    usual_configuration() + &lists
}

pub(crate) fn is_refused(client: &Machine, name: &str) -> Result<bool> {
    let question = ["dig", "+time=3", "+tries=1", &format!("@{APPLIANCE_IPV4}"), name];
    Ok(client.run(&question)?.stdout.contains("EDE: 15 (Blocked)"))
}

#[test]
fn a_box_takes_its_lists_from_a_mirror_and_loses_no_question() -> Result<()> {
    let lab = school()?;
    let mirror = mirror(&lab);
    mirror.publish("casino.example\n")?;
    let mut appliance = lab.appliance_with(&configuration(&lab))?;
    appliance.add_usual_devices()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    // A box without a list does not wait for the night.
    wait_until("the first list", || is_refused(&lab.pc1, "casino.example"))?;
    assert!(!is_refused(&lab.pc1, "mediatheque.example")?);

    let place = lab.pc2.directory().display().to_string();
    let ask = format!(
        "while [ ! -e {place}/enough ]; do \
           dig +time=2 +tries=1 +short @{APPLIANCE_IPV4} casino.example | grep -q {APPLIANCE_IPV4} || echo lost; \
         done; echo asked"
    );
    let mut class = lab.pc2.start("questions", &["sh", "-c", &ask])?;
    mirror.publish("casino.example\nmediatheque.example\n")?;
    let config = lab.appliance.directory().join("preau.toml").display().to_string();
    let update = ["blocklist", "update", "--config", &config];
    // The first list is in force a moment before the box has put its sources away: until then it is the box that updates.
    wait_until("the update by hand", || {
        Ok(appliance.run(&update)?.stdout.contains("a new list is in force"))
    })?;
    wait_until("the new list", || is_refused(&lab.pc1, "mediatheque.example"))?;
    lab.pc2.shell(&format!("touch {place}/enough"))?.success()?;
    class.wait()?;
    assert_eq!(class.log()?, "asked\n", "a question was lost");

    let said = appliance.run(&update)?.success()?;
    assert!(said.contains("nothing new"), "{said}");
    wait_until("the page to say so", || {
        let page = lab.pc1.run(&["curl", "--silent", "http://preau.lan/"])?.stdout;
        Ok(page.contains("est celle du serveur"))
    })?;

    // While somebody updates by hand, the one in the background says that it has to wait, and touches nothing.
    let lists = appliance.data().join("lists");
    let state = std::fs::read(lists.join("state.json"))?;
    let by_hand = File::options().append(true).open(lists.join("lock"))?;
    by_hand.try_lock()?;
    let output = appliance.run(&["blocklist", "update", "--background", "--config", &config])?;
    assert_eq!(output.status, Some(75), "{output:#?}");
    assert_eq!(std::fs::read(lists.join("state.json"))?, state);
    Ok(())
}

#[test]
fn a_list_that_lost_too_much_waits_for_a_technician() -> Result<()> {
    let lab = school()?;
    let mirror = mirror(&lab);
    let many: String = (0..50).map(|number| format!("casino-{number}.example\n")).collect();
    mirror.publish(&format!("{many}casino.example\n"))?;
    let mut appliance = lab.appliance_with(&configuration(&lab))?;
    appliance.add_usual_devices()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    wait_until("the first list", || is_refused(&lab.pc1, "casino.example"))?;

    mirror.publish("mediatheque.example\n")?;
    let config = lab.appliance.directory().join("preau.toml").display().to_string();
    // The first list is in force a moment before the box has put its sources away.
    wait_until("the loss that is held back", || {
        let output = appliance.run(&["blocklist", "update", "--config", &config])?;
        Ok(output.stdout.contains("gambling: 51 lines, 1 in the new list"))
    })?;
    wait_until("the page that says so", || {
        let page = lab.pc1.run(&["curl", "--silent", "http://preau.lan/"])?.stdout;
        Ok(page.contains("Faire maintenant"))
    })?;
    assert!(is_refused(&lab.pc1, "casino.example")?, "the old list stays in force");
    // She has no shell: her page offers it, once she says that it is meant.
    let file = lab.directory().join(AUTHORITY).display().to_string();
    appliance.run(&["ca", "export", "--out", &file])?.success()?;
    let technician = technician::sign_in(&lab, &appliance)?;
    wait_until("the box that she asks for it", || {
        Ok(technician.get("/technique")?.text.contains("name=\"voulu\""))
    })?;
    let press = |form: &str| technician::press(&technician, form);
    assert_eq!(press("tache=held-list")?.status, "422", "it is not said that it is meant");
    assert!(is_refused(&lab.pc1, "casino.example")?);
    assert_eq!(press("tache=held-list&voulu=1")?.location, "/technique");
    wait_until("the accepted list", || is_refused(&lab.pc1, "mediatheque.example"))?;
    assert!(!is_refused(&lab.pc1, "casino.example")?);
    // The next one does not wait for the night, nor for a shell.
    mirror.publish("mediatheque.example\nludotheque.example\n")?;
    assert_eq!(press("tache=lists")?.location, "/technique");
    wait_until("the list that she wanted", || is_refused(&lab.pc1, "ludotheque.example"))?;
    wait_until("what she did on record", || {
        let acts = appliance.run(&["journal", "search", "--json", "--acts"])?.success()?;
        Ok(acts.matches("do-now").count() == 2)
    })
}

/// The folder of a mirror of one's own, published by the same program.
#[test]
fn a_box_fetches_from_a_mirror_of_ones_own_only_what_changed() -> Result<()> {
    const ARCHIVE: &str = "/lists/blacklists.tar.gz ";
    let lab = school()?;
    let folder = lab.internet.directory().join("ut1.example/lists");
    let preau = preau_binary()?;
    let publish = |gambling: &str| -> Result<String> {
        std::fs::write(lab.lists().join("gambling/domains"), gambling)?;
        let archive = lab.internet.directory().join("new.tar.gz");
        let pack = format!("tar -C {} -czf {} blacklists", lab.directory().display(), archive.display());
        lab.internet.shell(&pack)?.success()?;
        let command =
            format!("{} blocklist publish {} --out {}", preau.display(), archive.display(), folder.display());
        lab.internet.shell(&command)?.success()
    };
    let many: String =
        (0..3_000).map(|number| format!("casino-{}.example\n", number * 7_919 % 3_001)).collect();
    publish(&format!("{many}casino.example\n"))?;
    let mut appliance = lab.appliance_with(&configuration(&lab))?;
    appliance.add_usual_devices()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    wait_until("the first list", || is_refused(&lab.pc1, "casino.example"))?;
    assert_eq!(lab.requests()?.matches(ARCHIVE).count(), 1);

    let published = publish(&format!("{many}mediatheque.example\n"))?;
    let bytes: u64 = published.trim().rsplit('\t').next().unwrap_or_default().parse()?;
    assert!(bytes < 1_000, "{published}");
    let config = lab.appliance.directory().join("preau.toml").display().to_string();
    wait_until("the new list", || {
        let output = appliance.run(&["blocklist", "update", "--config", &config])?;
        Ok(output.stdout.contains("a new list is in force"))
    })?;
    wait_until("the new list", || is_refused(&lab.pc1, "mediatheque.example"))?;
    assert!(!is_refused(&lab.pc1, "casino.example")?);
    assert!(is_refused(&lab.pc1, "casino-7.example")?);
    let requests = lab.requests()?;
    assert_eq!(requests.matches(ARCHIVE).count(), 1, "{requests}");
    let said = appliance.run(&["blocklist", "update", "--config", &config])?.success()?;
    assert!(said.contains("nothing new"), "{said}");
    assert_eq!(lab.requests()?.matches(ARCHIVE).count(), 1);
    Ok(())
}
