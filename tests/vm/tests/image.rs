//! The disk image of a box, made of the program of this very build and started in QEMU with the firmware of a PC: it takes a lost
//! box's place in a school, by its page and a hub. `./dev image test` shows more of an image that is for schools.

#![cfg(target_arch = "x86_64")]

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use harness::preau_binary;

/// What puts an image together.
const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../image/build");
/// Where `./dev test` has laid trees of Debian's packages for it, in the folder of all that is built.
const FOLDER: &str = "image-test";

#[test]
fn a_box_of_the_image_takes_the_place_of_a_lost_one() -> Result<()> {
    let (program, folder) = (preau_binary()?, target()?.join(FOLDER));
    let trees = folder.join("base.stamp");
    ensure!(trees.is_file(), "there is no {}: `./dev test` makes it, as root", trees.display());
    let build = [PathBuf::from(BUILD), program.clone(), env!("CARGO_PKG_VERSION").into(), folder.clone()];
    run(&build)?;
    let scenario = [program.with_file_name("image"), folder.join("disk.raw"), "replacement".into()];
    run(&scenario)
}

/// The folder of all that is built.
fn target() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let profile = program.ancestors().find(|folder| folder.ends_with("debug") || folder.ends_with("release"));
    Ok(profile.and_then(|profile| profile.parent()).context("a target folder")?.to_owned())
}

/// Runs a program that succeeds; what it says is what this test says.
#[expect(clippy::disallowed_methods, reason = "a test's machine is put together by programs of the host's")]
fn run(words: &[PathBuf]) -> Result<()> {
    let (program, arguments) = words.split_first().context("a program")?;
    let status = Command::new(program).args(arguments).status();
    let status = status.with_context(|| format!("cannot start {}", program.display()))?;
    ensure!(status.success(), "{} ends with {status}", program.display());
    Ok(())
}
