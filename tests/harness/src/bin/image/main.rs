//! `./dev image test`: the disk image of a box, started in QEMU between the lab's school and its Internet.
//!
//! The machine is the box's own system, unchanged: firmware, kernel, verified root, units. What a scenario does inside it is done by
//! a shell that comes as a credential of the firmware.
#![expect(clippy::print_stdout, reason = "it talks to the person who runs it")]

mod agent;
mod board;
mod booted;
mod classroom;
mod compare;
mod cuts;
mod hands;
mod hub;
mod monitor;
mod release;
mod replacement;
mod screen;
mod start;
mod stick;
mod update;
mod write_log;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::cuts::{Choice, Cuts};

/// The disk image of a box, started in QEMU between the lab's school and its Internet.
#[derive(Debug, Parser)]
struct Cli {
    /// The image. It stays as it was built.
    image: PathBuf,
    /// What becomes of it; without it, `start`.
    #[command(subcommand)]
    scenario: Option<Scenario>,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// A box that nobody has told anything: it gives addresses, filters, and is well inside.
    Start,
    /// A fresh box takes the place of a lost one, by its page and a hub on the line; all of it is timed.
    Replacement,
    /// Somebody stands before the machine: what its screen shows, sticks that are plugged in, and what each key does, up to the word
    /// that has it forget everything. Pictures of the screen stay in `hands`, beside the image.
    Hands,
    /// A newer release is installed and blessed; a broken one goes by itself, and is tried no more.
    Update {
        /// The files of a release that is newer than the image, signed by a key that the image knows.
        #[arg(long, value_name = "FOLDER")]
        release: PathBuf,
        /// The files of one that is newer still, whose box does not serve.
        #[arg(long, value_name = "FOLDER")]
        broken: PathBuf,
    },
    /// How long it takes from power-on to the first answer, beside a plain Debian in the same machine.
    Compare {
        /// The disk of the plain Debian, as image/bare makes it.
        #[arg(long, value_name = "FILE")]
        bare: PathBuf,
        /// How often each is measured; what counts is the least.
        #[arg(value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
        rounds: u16,
    },
    /// The power is cut while the box starts for the first time, works, and is updated. The record stays in `cuts`, beside the image.
    Cuts {
        /// How many cuts; `all`: one after each write of the update.
        cuts: Cuts,
        /// The files of a release that is newer than the image, signed by a key that the image knows.
        #[arg(long, value_name = "FOLDER")]
        release: PathBuf,
        /// What decides which of the unsafe writes are lost; without it, chance. It is printed.
        #[arg(long, value_name = "NUMBER")]
        seed: Option<u64>,
        /// Record nothing: go on with this cut of what was recorded last.
        #[arg(long, value_name = "NUMBER")]
        from: Option<usize>,
    },
}

fn main() -> Result<()> {
    let Cli { image, scenario } = Cli::parse();
    match scenario.unwrap_or(Scenario::Start) {
        Scenario::Start => start::run(&image),
        Scenario::Replacement => replacement::run(&image),
        Scenario::Hands => hands::run(&image),
        Scenario::Update { release, broken } => update::run(&image, &release, &broken),
        Scenario::Compare { bare, rounds } => compare::run(&image, &bare, rounds),
        Scenario::Cuts { cuts, release, seed, from } => {
            cuts::run(&image, &release, &Choice { cuts, seed, from })
        }
    }
}
