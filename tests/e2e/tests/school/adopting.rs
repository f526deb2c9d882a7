//! An access point from the factory is plugged in, with the files of `firmware-config`: it makes itself known, a touch adopts it, and it
//! sends for lessons. A pupil's laptop that says the same is nothing.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use harness::{Lab, Machine, usual_configuration, wait_until};

use super::people::AUTHORITY;
use super::technician;

/// The commune's key.
const KEY: &str = "6b1f0c9b5f3f4f2a9f0c7de3a1b2c3d4e5f60718293a4b5c6d7e8f9012345678";
const MAC: &str = "02:aa:00:00:00:01";
/// The password that both make of key and hardware address is not told by anybody: the machine asks its own script.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../firmware-config/openwrt/preau-announce");

/// What OpenWrt has that the lab's machines have not.
const UCI: &str = r#"#!/bin/sh
case "$2 $3" in
  'show wireless') printf 'wireless.radio0=wifi-device\nwireless.default_radio0=wifi-iface\n' ;;
  'get wireless.radio0.band') echo 5g ;;
esac
"#;
const FETCH: &str = r#"#!/bin/sh
for word in "$@"; do
  case $word in --post-data=*) form=${word#--post-data=} ;; http*) url=$word ;; esac
done
exec curl --ipv4 --silent --fail --output /dev/null --data "$form" "$url"
"#;

/// A machine with the files of an access point, under a key.
fn equip(machine: &Machine, key: &str) -> Result<PathBuf> {
    let root = machine.directory().join("openwrt");
    for folder in ["bin", "etc", "tmp", "sys/class/net/br-lan"] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::write(root.join("etc/preau.key"), key)?;
    fs::write(root.join("sys/class/net/br-lan/address"), MAC)?;
    for (name, text) in [("uci", UCI), ("uclient-fetch", FETCH)] {
        fs::write(root.join("bin").join(name), text)?;
    }
    machine.shell("chmod 755 openwrt/bin/*")?.success()?;
    Ok(root)
}

/// Whether the box believes what the machine says of itself.
fn say(machine: &Machine, word: &str) -> Result<harness::Output> {
    machine.shell(&format!("PREAU_ROOT=$PWD/openwrt PATH=$PWD/openwrt/bin:$PATH sh '{SCRIPT}' {word}"))
}

/// What is on the access point's flash, and what it sends.
fn flash(root: &Path) -> Result<String> {
    Ok(fs::read_to_string(root.join("flash"))?)
}

#[test]
fn an_access_point_is_adopted_by_plugging_it_in() -> Result<()> {
    let lab = Lab::new()?;
    let key_file = lab.directory().join("adoption.key");
    fs::write(&key_file, format!("{KEY}\n"))?;
    let wifi = format!(
        "[wifi]\nadoption_key_file = \"{}\"\n[[wifi.network]]\nroom = \"CM2\"\nssid = \"tilleul\"\n",
        key_file.display()
    );
    let mut appliance = lab.appliance_with(&format!("{}\n{wifi}", usual_configuration()))?;
    appliance.add_usual_devices()?;
    appliance.build_lists(&lab.lists())?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let file = lab.directory().join(AUTHORITY).display().to_string();
    appliance.run(&["ca", "export", "--out", &file])?.success()?;

    // It starts, with its open network, and makes its certificate.
    let root = equip(&lab.tablet, KEY)?;
    let password = say(&lab.tablet, "password")?.success()?;
    let program = env!("CARGO_BIN_EXE_access-point");
    let state = root.join("flash").display().to_string();
    let _running = lab.tablet.start("access-point", &[program, "10.77.0.13:443", password.trim(), &state])?;
    let show = "openssl s_client -connect 10.77.0.13:443 </dev/null 2>/dev/null | openssl x509 -outform der > openwrt/etc/uhttpd.crt";
    wait_until("its certificate", || Ok(lab.tablet.shell(show)?.is_success()))?;
    // It answers a moment before it has written down what is on its flash.
    wait_until("its flash", || Ok(root.join("flash").exists()))?;
    ensure!(
        flash(&root)?.contains("sending [\"default_radio0\"]"),
        "as the factory left it: {}",
        flash(&root)?
    );
    wait_until("the box to hear it", || Ok(say(&lab.tablet, "say")?.is_success()))?;

    // A laptop says that it is one, too.
    let laptop = equip(&lab.pc1, &"a".repeat(64))?;
    fs::copy(root.join("etc/uhttpd.crt"), laptop.join("etc/uhttpd.crt"))?;
    ensure!(!say(&lab.pc1, "say")?.is_success(), "a laptop without the key is heard");

    let technician = technician::sign_in(&lab, &appliance)?;
    let page = technician.get("/technique")?;
    ensure!(page.text.contains("Bornes branchées"), "{}", page.text);
    let page = technician.get("/technique/bornes")?;
    ensure!(page.text.matches(MAC).count() >= 1 && page.text.contains("10.77.0.13"), "{}", page.text);
    ensure!(!page.text.contains("10.77.0.11"), "the laptop is shown: {}", page.text);
    // The laptop says word for word what the access point said, and is heard last: it cannot show the certificate.
    fs::write(laptop.join("etc/preau.key"), KEY)?;
    say(&lab.pc1, "say")?.success()?;
    let adopted = technician.fill(&page, "/technique/bornes", &format!("borne={MAC}&salle=CM2"))?;
    ensure!(adopted.location == "/technique/bornes", "{} {}", adopted.status, adopted.text);

    // It is the box's: silent, and with the room's network.
    wait_until("the access point to be silent", || {
        let flash = flash(&root)?;
        Ok(flash.contains("preau_radio0 {")
            && flash.contains("\"ssid\": \"tilleul\"")
            && flash.contains("sending []"))
    })?;
    let lesson = ["lesson", "start", "CM2", "--teacher", "Mme Martin", "--for", "30m", "--wifi", "true"];
    let begun = appliance.run(&lesson)?.success()?;
    let number = begun.split(':').next().context("a lesson")?.to_owned();
    wait_until("its network", || Ok(flash(&root)?.contains("sending [\"preau_radio0\"]")))?;
    wait_until("the box to say so", || {
        Ok(appliance.run(&["wifi", "status"])?.stdout.contains("borne-02aa00000001\tCM2\ton since"))
    })?;
    // What the laptop says again moves nothing.
    say(&lab.pc1, "say")?.success()?;
    appliance.run(&["lesson", "end", &number, "--author", "Mme Martin"])?.success()?;
    wait_until("silence", || Ok(flash(&root)?.contains("sending []")))?;

    // Forgotten, it is told nothing any more.
    let page = technician.get("/technique/bornes")?;
    let released = technician.fill(&page, "/technique/bornes/oublier", "borne=borne-02aa00000001")?;
    ensure!(released.status == "303", "{}", released.text);
    wait_until("nobody to keep it", || Ok(!appliance.run(&["wifi", "status"])?.stdout.contains("borne-")))?;
    ensure!(appliance.is_running()?, "{}", appliance.log()?);
    Ok(())
}

/// A box of the image, where nobody has a shell to put a key in place: it draws its own, and the technician takes it to the access point.
#[test]
fn a_box_draws_its_own_key_and_gives_it_out_with_the_files_of_the_first_start() -> Result<()> {
    let lab = Lab::new()?;
    let wifi = "[[wifi.network]]\nroom = \"CM2\"\nssid = \"tilleul\"\n";
    let mut appliance = lab.appliance_with(&format!("{}\n{wifi}", usual_configuration()))?;
    appliance.add_usual_devices()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let file = lab.directory().join(AUTHORITY).display().to_string();
    appliance.run(&["ca", "export", "--out", &file])?.success()?;
    let technician = technician::sign_in(&lab, &appliance)?;
    let page = technician.get("/technique/bornes")?;
    let packed = lab.pc2.directory().join("preau-borne.tar.gz");
    technician.save(&page, "/technique/bornes/fichiers", "", &packed)?;
    wait_until("the record", || {
        let acts = appliance.run(&["journal", "search", "--json", "--acts"])?.success()?;
        Ok(acts.lines().any(|act| act.contains("take-adoption-key") && act.contains("Mme Petit")))
    })?;

    // OpenWrt unpacks it so.
    let root = equip(&lab.tablet, "unset")?;
    let unpack = format!("tar -C openwrt -xzf '{}'", packed.display());
    lab.tablet.shell(&unpack)?.success()?;
    let key = fs::read_to_string(root.join("etc/preau.key"))?;
    ensure!(key.trim().len() == 64 && !appliance.log()?.contains(key.trim()), "the key is in no log");
    ensure!(root.join("etc/uci-defaults/95-preau").exists());
    let certificate = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=borne -keyout /dev/null \
                       -outform der -out openwrt/etc/uhttpd.crt";
    lab.tablet.shell(certificate)?.success()?;
    wait_until("the box to hear it", || Ok(say(&lab.tablet, "say")?.is_success()))?;
    // The same key after the next start; a laptop has none.
    appliance.kill9()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    wait_until("the box to hear it again", || Ok(say(&lab.tablet, "say")?.is_success()))?;
    let laptop = equip(&lab.pc1, &"a".repeat(64))?;
    fs::copy(root.join("etc/uhttpd.crt"), laptop.join("etc/uhttpd.crt"))?;
    ensure!(!say(&lab.pc1, "say")?.is_success(), "a laptop without the key is heard");
    Ok(())
}
