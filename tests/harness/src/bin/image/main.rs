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
mod examine;
mod hands;
mod hub;
mod monitor;
mod radio;
mod release;
mod replacement;
mod screen;
mod start;
mod stick;
mod update;
mod write_log;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
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
        /// How many cuts; `all`: one after each write of the update; `check`: what a cut after any write leaves is looked at without
        /// a machine, and where a machine has to be started is said.
        #[arg(required_unless_present = "at")]
        cuts: Option<Cuts>,
        /// The files of a release that is newer than the image, signed by a key that the image knows.
        #[arg(long, value_name = "FOLDER")]
        release: PathBuf,
        /// What decides which of the unsafe writes are lost; without it, chance. It is printed.
        #[arg(long, value_name = "NUMBER")]
        seed: Option<u64>,
        /// Record nothing: go on with this cut of what was recorded last.
        #[arg(long, value_name = "NUMBER")]
        from: Option<usize>,
        /// Record nothing: cut after these entries of what was recorded last.
        #[arg(long, value_name = "ENTRIES", value_delimiter = ',', conflicts_with_all = ["cuts", "from"])]
        at: Vec<usize>,
        /// The entries that are lost, or `none`; without it, the seed decides.
        #[arg(long, value_name = "ENTRIES", conflicts_with = "cuts")]
        lost: Option<String>,
        /// Where the version before starts, order the update once more: it has to be blessed.
        #[arg(long)]
        order: bool,
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
        Scenario::Cuts { cuts, release, seed, from, at, lost, order } => {
            let cuts = cuts.unwrap_or(Cuts::At(at));
            let lost = lost.map(|entries| read_entries(&entries)).transpose()?;
            cuts::run(&image, &release, &Choice { cuts, seed, lost, from, orders_again: order })
        }
    }
}

/// Numbers of entries, or `none`.
fn read_entries(text: &str) -> Result<BTreeSet<usize>> {
    if text == "none" {
        return Ok(BTreeSet::new());
    }
    let entries = text.split(',').map(str::parse).collect::<Result<_, _>>();
    entries.with_context(|| format!("no numbers of entries: {text}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn cuts_are_a_number_a_word_or_entries() {
        Cli::command().debug_assert();
        let read = |words: &str| {
            let words = format!("image disk.raw cuts --release newer {words}");
            Cli::try_parse_from(words.split_ascii_whitespace()).is_ok()
        };
        for (words, expected) in [
            ("check", true),
            ("20 --from 3", true),
            ("--at 12,13 --lost none", true),
            ("", false),
            ("20 --at 12", false),
            ("20 --lost 12", false),
            ("--lost 12", false),
        ] {
            assert_eq!(read(words), expected, "{words}");
        }
        assert_eq!(read_entries("7,3").unwrap(), BTreeSet::from([3, 7]));
        assert!(read_entries("none").unwrap().is_empty() && read_entries("3,").is_err());
    }
}
