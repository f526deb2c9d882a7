//! "ENT only": what a profile or a lesson leaves open, with the line and without it.

use anyhow::{Result, ensure};
use harness::{Appliance, Lab, PC1_MAC, usual_configuration, wait_until};

use crate::outage::{CUT, MEND};
use crate::workspace::{ENT, configure, curl, export};

/// A site that is open at other times.
const OTHER: &str = "mediatheque.example";
const LESSON: &str = "/lecon/1.html";

/// A PC that has the box's certificate, and nothing but the ENT.
struct Pupil<'lab> {
    lab: &'lab Lab,
    own: String,
}

impl<'lab> Pupil<'lab> {
    fn new(lab: &'lab Lab, appliance: &mut Appliance<'lab>) -> Result<Self> {
        appliance.start()?;
        appliance.wait_until_ready(&lab.pc1)?;
        Ok(Self { lab, own: export(lab, appliance)? })
    }

    /// A page of the ENT with its head, as a browser asks for it.
    fn browse(&self, path: &str) -> Result<String> {
        let url = format!("https://{ENT}{path}");
        curl(&self.lab.pc1, &["--include", "--cacert", &self.own, "--header", "Accept: text/html", &url])
    }

    /// The status of another site; `000` where nothing answers.
    fn status_of(&self, url: &str) -> Result<String> {
        let quiet = ["curl", "--silent", "--output", "/dev/null", "--max-time", "5"];
        Ok(self.lab.pc1.run(&[&quiet[..], &["--write-out", "%{http_code}", url]].concat())?.stdout)
    }

    fn others_are_refused(&self) -> Result<()> {
        let [plain, encrypted] =
            ["http", "https"].map(|scheme| self.status_of(&format!("{scheme}://{OTHER}/")));
        let seen = (plain?, encrypted?);
        ensure!(seen.0 == "403" && seen.1 == "000", "{OTHER}: {seen:?}");
        Ok(())
    }

    fn has_the_ent_with_the_line(&self) -> Result<()> {
        let page = self.browse(LESSON)?;
        ensure!(page.contains("La photosynthèse.") && !page.contains("detail=\"stale\""), "{page}");
        self.others_are_refused()
    }

    /// What is kept of the ENT, a page that says so in place of the rest, and still no other site.
    fn has_the_ent_without_the_line(&self) -> Result<()> {
        self.lab.internet.shell(CUT)?.success()?;
        wait_until("a page that says that it is stale", || {
            let page = self.browse(LESSON)?;
            ensure!(page.contains("La photosynthèse."), "{page}");
            Ok(page.contains("detail=\"stale\""))
        })?;
        wait_until("the page in place of others", || {
            let page = self.browse("/inconnue")?;
            Ok(page.contains("L’ENT ne répond pas") && page.contains("<a href=\"/lecon/1.html\">"))
        })?;
        self.others_are_refused()
    }

    fn has_the_line_again(&self) -> Result<()> {
        self.lab.internet.shell(MEND)?.success()?;
        wait_until("the line to be noticed", || Ok(!self.browse(LESSON)?.contains("detail=\"stale\"")))?;
        self.others_are_refused()
    }
}

/// Refusals of the other site on record, at the doors of the web: two for each time that it was tried, beside those of its name.
fn count_refusals(appliance: &Appliance<'_>) -> Result<usize> {
    let search =
        ["journal", "search", "--json", "--device", "CM2-01", "--host", OTHER, "--verdict", "refuse"];
    let is_of_web = |line: &&str| line.contains("\"kind\":\"http\"") || line.contains("\"kind\":\"tls\"");
    Ok(appliance.run(&search)?.success()?.lines().filter(is_of_web).count())
}

#[test]
fn a_profile_leaves_the_ent_alone_with_the_line_and_without() -> Result<()> {
    let lab = Lab::new()?;
    let text = format!(
        "{}\n[[profile]]\nname = \"ent-seul\"\nmode = \"ent\"\n\n[[ent]]\nhosts = [\"{ENT}\"]\n\
         served_to = [\"ent-seul\"]\nca_file = \"{}\"\n",
        usual_configuration(),
        lab.authority().display()
    );
    let mut appliance = lab.appliance_with(&text)?;
    appliance.add_device(PC1_MAC, "CM2-01", "CM2", "ent-seul")?;
    appliance.build_lists(&lab.lists())?;
    let pupil = Pupil::new(&lab, &mut appliance)?;
    pupil.has_the_ent_with_the_line()?;
    wait_until("the refusals on record", || Ok(count_refusals(&appliance)? >= 2))?;
    let before = count_refusals(&appliance)?;
    pupil.has_the_ent_without_the_line()?;
    // The log does not depend on the line.
    wait_until("those without the line", || Ok(count_refusals(&appliance)? >= before + 2))?;
    pupil.has_the_line_again()
}

#[test]
fn a_lesson_leaves_the_ent_alone_and_ends_without_the_line() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = configure(&lab)?;
    let pupil = Pupil::new(&lab, &mut appliance)?;
    let other = format!("http://{OTHER}/");
    ensure!(pupil.status_of(&other)? == "200", "it is open before the lesson");
    let start = ["lesson", "start", "CM2", "--teacher", "Mme Martin", "--internet", "ent"];
    appliance.run(&start)?.success()?;
    wait_until("the lesson", || Ok(pupil.status_of(&other)? == "403"))?;
    pupil.has_the_ent_with_the_line()?;
    pupil.has_the_ent_without_the_line()?;
    pupil.has_the_line_again()?;
    pupil.lab.internet.shell(CUT)?.success()?;
    appliance.run(&["lesson", "end", "1", "--author", "Mme Martin"])?.success()?;
    wait_until("no refusal any more", || Ok(pupil.status_of(&other)? != "403"))?;
    pupil.lab.internet.shell(MEND)?.success()?;
    wait_until("the other site", || Ok(pupil.status_of(&other)? == "200"))
}
