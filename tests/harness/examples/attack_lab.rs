//! A school to attack by hand: `attack_lab DIRECTORY EXTRA.toml` leaves a script `on-MACHINE` for each machine in DIRECTORY.
#![expect(clippy::print_stdout, reason = "it talks to the person who runs it")]
use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use anyhow::Result;
use harness::{Lab, PC1_MAC, PC2_MAC, usual_configuration};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let directory = std::path::Path::new(&arguments[0]);
    let extra = std::fs::read_to_string(&arguments[1])?;
    let lab = Lab::quiet()?;
    let mut appliance = lab.appliance_with(&format!("{}{extra}", usual_configuration()))?;
    appliance.build_lists(&lab.lists())?;
    appliance.add_device(PC1_MAC, "CM2-01", "CM2", "adulte")?;
    appliance.add_device(PC2_MAC, "CM2-02", "CM2", "elementaire")?;
    for machine in [&lab.pc1, &lab.pc2, &lab.tablet, &lab.appliance, &lab.internet] {
        let command = machine.command(&[]);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<String> = words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
        let path = directory.join(format!("on-{}", machine.name()));
        std::fs::write(&path, format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" ")))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    }
    std::fs::write(directory.join("place"), lab.directory().display().to_string())?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    println!("ready {}", lab.directory().display());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
