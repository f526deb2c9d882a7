//! Whoever keeps the box has no shell: what it does by itself at its time is done at once where she presses a button, and she is on record.
//! What the lists are told stands beside them, in `updates.rs`.

use anyhow::{Result, ensure};
use harness::{Appliance, Lab, wait_until};

use super::hub_urgent::FarHub;
use super::people::{AUTHORITY, Browser, Page, add, open};
use super::selftest::{await_closed, configuration, internet, start};

/// Her own password, as forms have it.
pub(crate) const SECRET: &str = "trois+chats+gris";
/// Her page, and where its buttons lead.
const PAGE: &str = "/technique";
const NOW: &str = "/technique/maintenant";

/// Somebody who keeps the box, at a PC of the school: signed in, with a telephone that the box knows.
pub(crate) fn sign_in<'a>(lab: &'a Lab, appliance: &Appliance<'_>) -> Result<Browser<'a>> {
    let card = add(appliance, "Mme Petit", "technician", &[])?;
    let technician = Browser::new(lab, &lab.pc2, "technician");
    technician.begin("nom=Mme+Petit", &card, SECRET)?;
    technician.make_telephone_known(SECRET)?;
    Ok(technician)
}

/// Presses a button of her page: what came back.
pub(crate) fn press(technician: &Browser<'_>, form: &str) -> Result<Page> {
    technician.fill(&technician.get(PAGE)?, NOW, form)
}

/// Waits until the page has the button: the box does it, and it is neither asked for nor under way.
fn await_button(technician: &Browser<'_>, word: &str) -> Result<()> {
    let field = format!("name=\"tache\" value=\"{word}\"");
    wait_until(&format!("the button of {word}"), || Ok(technician.get(PAGE)?.text.contains(&field)))
}

/// Waits until the journal has so often that she wanted something at once.
fn await_orders(appliance: &Appliance<'_>, count: usize) -> Result<()> {
    wait_until("what she wanted on record", || {
        let acts = appliance.run(&["journal", "search", "--json", "--acts"])?.success()?;
        let is_hers = |act: &&str| act.contains("\"do-now\"") && act.contains("Mme Petit");
        Ok(acts.lines().filter(is_hers).count() == count)
    })
}

#[test]
fn the_box_attacks_itself_where_she_wants_that() -> Result<()> {
    let lab = Lab::with_sites(internet("doh")?)?;
    let appliance = start(&lab, &configuration())?;
    let file = lab.directory().join(AUTHORITY).display().to_string();
    appliance.run(&["ca", "export", "--out", &file])?.success()?;
    let technician = sign_in(&lab, &appliance)?;
    ensure!(technician.get("/technique/autotest")?.status == "404", "none was made yet");
    await_button(&technician, "selftest")?;
    let pressed = press(&technician, "tache=selftest")?;
    ensure!(pressed.location == PAGE, "{} {}", pressed.status, pressed.text);
    await_closed(&appliance)?;
    wait_until("the page to tell of it", || {
        Ok(technician.get("/technique/autotest")?.text.contains("Aucun contournement connu"))
    })?;
    await_button(&technician, "selftest")?;
    await_orders(&appliance, 1)
}

#[test]
fn an_exchange_with_the_hub_is_made_at_once_and_one_that_fails_is_told() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open(&lab)?;
    let technician = sign_in(&lab, &appliance)?;
    let alone = press(&technician, "tache=sync")?;
    ensure!(alone.status == "404", "there is no hub: {} {}", alone.status, alone.text);

    let mut hub = FarHub::start(&lab)?;
    hub.enrol(&appliance)?;
    let exchanges =
        || -> Result<usize> { Ok(appliance.log()?.matches("the hub has what it should have").count()) };
    let exchange = || -> Result<()> {
        await_button(&technician, "sync")?;
        let before = exchanges()?;
        let pressed = press(&technician, "tache=sync")?;
        ensure!(pressed.location == PAGE, "{} {}", pressed.status, pressed.text);
        wait_until("another exchange", || Ok(exchanges()? > before))
    };
    exchange()?;

    // The hub is gone, and comes back.
    hub.stop();
    await_button(&technician, "sync")?;
    press(&technician, "tache=sync")?;
    let told = "Le dernier essai n’a pas abouti";
    wait_until("the page to tell that", || Ok(technician.get(PAGE)?.text.contains(told)))?;
    hub.run()?;
    exchange()?;
    wait_until("nothing to tell any more", || Ok(!technician.get(PAGE)?.text.contains(told)))?;
    await_orders(&appliance, 3)
}
