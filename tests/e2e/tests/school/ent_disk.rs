//! What the box keeps of the online workspace (ENT), on a disk that is full, and when the box dies while it fetches.

use anyhow::{Result, ensure};
use harness::{Lab, wait_until};

use crate::workspace::{ENT, configure, curl, export, open};

#[test]
fn a_disk_that_is_full_costs_the_cache_and_nothing_else() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = configure(&lab)?;
    let folder = appliance.data().join("ent").display().to_string();
    // Room for the folders and a page, and not for the film.
    let mount = format!("mkdir -p {folder} && mount -t tmpfs -o size=2m tmpfs {folder}");
    lab.appliance.shell(&mount)?.success()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let own = export(&lab, &appliance)?;
    let (film, page) = (format!("https://{ENT}/film.bin"), format!("https://{ENT}/lecon/1.html"));
    // The second time nobody waits for room, or for anybody.
    for told in ["no-room", "alone"] {
        curl(&lab.pc1, &["--cacert", &own, "--dump-header", "head", "--output", "film", &film])?;
        let head = lab.pc1.shell("cat head")?.success()?;
        ensure!(head.contains(&format!("detail=\"{told}\"")), "{head}");
        lab.pc1.shell(&format!("cmp film {}", lab.film().display()))?.success()?;
    }
    wait_until("a page that is kept all the same", || {
        Ok(curl(&lab.pc1, &["--include", "--cacert", &own, &page])?.contains("preau;hit"))
    })
}

#[test]
fn a_box_that_is_killed_while_it_fetches_serves_nothing_that_is_half_there() -> Result<()> {
    let lab = Lab::new()?;
    let (mut appliance, own) = open(&lab)?;
    // Slower than what buffers on the way hold: the box has a part of it when it is killed.
    let film = format!("https://{ENT}/slow.bin");
    let asked = ["curl", "--silent", "--output", "film", "--cacert", &own, &film];
    let mut download = lab.pc1.start("download", &asked)?;
    let part = lab.pc1.directory().join("film");
    wait_until("the film to come", || Ok(part.metadata().is_ok_and(|metadata| metadata.len() > 1 << 20)))?;
    appliance.kill9()?;
    download.wait()?;
    ensure!(part.metadata()?.len() < 8 << 20, "it came whole before the box was killed");

    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    // The box answers DNS before the web: the first try may come too early.
    wait_until("the film, whole", || {
        let again = lab.pc1.run(&["curl", "--silent", "--cacert", &own, "--output", "film", &film])?;
        Ok(again.is_success())
    })?;
    lab.pc1.shell(&format!("cmp film {}", lab.film().display()))?.success()?;
    curl(&lab.pc1, &["--cacert", &own, "--dump-header", "head", "--output", "film", &film])?;
    ensure!(lab.pc1.shell("cat head")?.success()?.contains("preau;hit"), "it is kept now");
    lab.pc1.shell(&format!("cmp film {}", lab.film().display()))?.success()?;
    Ok(())
}
