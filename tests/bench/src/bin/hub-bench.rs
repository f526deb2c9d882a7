//! Measures a commune's hub: nights of simulated boxes, with the box's own client and without the pace of a line, before one process and before two.
//!
//! `hub-bench FOLDER` measures communes of 7, 60, 600 and 3,000 schools, in some twelve minutes on two cores: all boxes of a row are enrolled, and nights
//! begin for half a minute; how many of the boxes had theirs stands in the row. `hub-bench FOLDER whole BOXES` has each of so many boxes have its night,
//! however long that takes, and `hub-bench FOLDER list [NAMES]` measures only what a list's change costs a box. Boxes and hubs share the machine: processor
//! time is the hub's own, all its threads.

#![expect(clippy::disallowed_methods, reason = "a benchmark runs programs")]

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bench::figures::{print_table, short};
use bench::hub::engines::{Engine, Hubs};
use bench::hub::meter::Meter;
use bench::hub::nights::{self, Nights};
use bench::hub::template::Template;
use bench::hub::{commune, list};
use bench::{lists, machine};
use harness::preau_binary;

/// Schools of a small commune, of a town, of a large town, and of an academy.
const COMMUNES: [usize; 4] = [7, 60, 600, 3_000];
/// Boxes whose nights run at the same time. By their own clocks, 3,000 boxes in three hours are one at a time at most.
const AT_ONCE: usize = 32;
/// For so long nights begin, of each row: the whole is to end while somebody waits for it.
const LONGEST: Duration = Duration::from_secs(30);
/// What the folder beside PostgreSQL is measured with: the store of tests is a program in Python, and takes of two cores what the hub could have had.
const FOLDER_BOXES_MIN: usize = 3_000;
/// One night in so many may come to nothing: a box has another one. More of them measure a hub that does not work.
const GIVEN_UP_PART: usize = 50;
/// Boxes whose lines are counted.
const METERED: usize = 7;
const STEPS: [&str; 5] = ["health", "log", "policy", "state", "file"];

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (folder, communes, longest) = match words[..] {
        [folder] => (folder, COMMUNES.to_vec(), LONGEST),
        [folder, "list"] => return show_list(folder, lists::FULL_NAMES),
        [folder, "list", names] => return show_list(folder, names.parse().context("how many names")?),
        [folder, boxes] => (folder, vec![boxes.parse().context("how many boxes")?], LONGEST),
        [folder, "whole", boxes] => (folder, vec![boxes.parse().context("how many boxes")?], Duration::MAX),
        _ => bail!("usage: hub-bench FOLDER [BOXES | whole BOXES | list [NAMES]]"),
    };
    machine::print()?;
    fs::create_dir_all(folder)?;
    let place = tempfile::Builder::new().prefix("hub-").tempdir_in(folder)?;
    let template = Template::make(&place.path().join("template"), 2)?;
    show_nights(&template, &communes, longest, place.path())?;
    show_lines(&template, place.path())?;
    if words.len() == 1 {
        show_list(folder, lists::FULL_NAMES)?;
    }
    machine::print()?;
    Ok(ExitCode::SUCCESS)
}

/// All rows.
fn show_nights(template: &Template, communes: &[usize], longest: Duration, place: &Path) -> Result<()> {
    let mut rows = Vec::new();
    for (engine, processes) in [
        (Engine::Sqlite, 1),
        (Engine::Store, 1),
        (Engine::Store, 2),
        (Engine::Postgres, 1),
        (Engine::Postgres, 2),
    ] {
        for boxes in communes {
            if engine != Engine::Postgres || *boxes >= FOLDER_BOXES_MIN {
                rows.push(measure(template, (engine, processes), (*boxes, longest), place)?);
            }
        }
    }
    let columns = [
        "engines",
        "processes",
        "boxes",
        "of these had a night",
        "nights a minute",
        "hub's processor, ms a night",
        "memory of the largest process, MB",
        "tries that failed",
        "nights given up",
        "p50 and p99 in ms: health with the handshake",
        "log",
        "policy",
        "state",
        "a file's piece",
    ];
    let title = "Nights of boxes: the state has changed, a day was sealed, the commune has decided something";
    Ok(print_table(title, &columns, &rows)?)
}

/// One row.
fn measure(
    template: &Template,
    (engine, processes): (Engine, usize),
    (boxes, longest): (usize, Duration),
    place: &Path,
) -> Result<Vec<String>> {
    let place = place.join("commune");
    fs::create_dir_all(&place)?;
    let hubs = Hubs::start(engine, processes, &place)?;
    decide(&hubs)?;
    let folders = commune::enrol(&hubs, template, boxes, &place)?;
    let before = hubs.processor_s()?;
    let done = nights::run(&folders, template, 0, (AT_ONCE, longest))?;
    let processor_s = hubs.processor_s()? - before;
    ensure!(done.file_bytes > 0, "no box has sent anything");
    let given_up = done.given_up;
    ensure!(given_up * GIVEN_UP_PART <= done.count, "{given_up} of {boxes} nights came to nothing");
    let mut row = vec![
        engine.name().to_owned(),
        processes.to_string(),
        boxes.to_string(),
        done.count.to_string(),
        short(float(done.count) / done.wall_s * 60.0),
        short(processor_s / float(done.count) * 1e3),
        short(mega(hubs.memory_peak()?)),
        done.failures.to_string(),
        done.given_up.to_string(),
    ];
    row.extend(STEPS.map(|step| quantiles(&done, step)));
    drop(hubs);
    fs::remove_dir_all(&place)?;
    Ok(row)
}

fn quantiles(nights: &Nights, step: &str) -> String {
    format!("{}, {}", short(nights.quantile(step, 0.5)), short(nights.quantile(step, 0.99)))
}

/// The commune has decided something, which each box fetches.
fn decide(hubs: &Hubs) -> Result<()> {
    for number in 0..10 {
        let site = format!("concours-{number}.example");
        let mut command = Command::new(preau_binary()?);
        command.args(["hub", "rule", "refuse", &site, "--author", "M. Blanc", "--reason", "faux concours"]);
        let said = command.arg("--data").arg(&hubs.folder).output()?;
        ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }
    Ok(())
}

/// What goes over the line of a box in its first night, in one in which much is new, and in one in which nothing is.
fn show_lines(template: &Template, place: &Path) -> Result<()> {
    let place = place.join("metered");
    fs::create_dir_all(&place)?;
    let mut hubs = Hubs::start(Engine::Sqlite, 1, &place)?;
    decide(&hubs)?;
    let meter = Meter::before(*hubs.addresses.first().context("a hub")?)?;
    hubs.addresses = vec![meter.address];
    let folders = commune::enrol(&hubs, template, METERED, &place)?;
    let mut rows = Vec::new();
    for (name, night) in
        [("the first", 0), ("a day was sealed, the state has changed", 1), ("nothing is new", 1)]
    {
        let before = meter.read();
        let done = nights::run(&folders, template, night, (1, Duration::MAX))?;
        let after = meter.read();
        let each = |bytes: u64| short(kilo(bytes) / float(METERED));
        rows.push(vec![
            name.to_owned(),
            each(after.0 - before.0),
            each(after.1 - before.1),
            each(done.file_bytes),
        ]);
    }
    let columns = ["night", "kB to the hub", "kB from the hub", "of these, of sealed files"];
    print_table("What goes over a box's line, with TLS", &columns, &rows)?;
    drop(hubs);
    Ok(fs::remove_dir_all(&place)?)
}

fn show_list(folder: &str, names: usize) -> Result<ExitCode> {
    fs::create_dir_all(folder)?;
    let place = tempfile::Builder::new().prefix("hub-list-").tempdir_in(folder)?;
    let cost = list::measure(place.path(), names)?;
    let row = vec![
        names.to_string(),
        cost.changes.to_string(),
        short(kilo(cost.difference + cost.sheets)),
        short(kilo(cost.whole)),
        short(cost.making_s),
    ];
    let columns =
        ["names", "came or went", "kB a box", "kB for a box that has none", "seconds to make, once"];
    print_table("A list's change of one night", &columns, &[row])?;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::cast_precision_loss, reason = "figures have three digits")]
fn float(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "figures have three digits")]
fn kilo(bytes: u64) -> f64 {
    bytes as f64 / 1e3
}

fn mega(bytes: u64) -> f64 {
    kilo(bytes) / 1e3
}
