//! The same year in SQLite, and as squid's logs.

#![expect(clippy::disallowed_methods, reason = "a benchmark runs programs")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use model::AccessKind;
use rusqlite::{Connection, params};

use super::box_year::visits_of_day;
use super::question::Question;
use super::school::{DAYS, School, Visit};
use super::stopwatch::{Ran, run, time};

/// SQLite as somebody would use it who knows it: names once, two indexes, a transaction a day.
const TABLES: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
CREATE TABLE device (id INTEGER PRIMARY KEY, name TEXT UNIQUE, room TEXT);
CREATE TABLE host (id INTEGER PRIMARY KEY, name TEXT, reversed TEXT UNIQUE);
CREATE TABLE access (at INTEGER, device INTEGER, host INTEGER, kind INTEGER, refused TEXT, up INTEGER, down INTEGER,
  duration INTEGER);
CREATE INDEX by_device ON access (device, at);
CREATE INDEX by_host ON access (host, at);";

/// The year in SQLite.
///
/// # Errors
/// It cannot be written.
pub fn make_sqlite(school: &School, visits: usize, path: &Path) -> Result<()> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch(TABLES)?;
    let names = connection.transaction()?;
    for place in 0.. {
        let Some(device) = school.device(place) else { break };
        let room = device.room.as_ref().map(ToString::to_string);
        names.execute(
            "INSERT INTO device VALUES (?, ?, ?)",
            params![integer(place), device.name.to_string(), room],
        )?;
    }
    for rank in 0..school.hosts.len() {
        let name = school.host_text(rank);
        names.execute("INSERT INTO host VALUES (?, ?, ?)", params![integer(rank), name, reversed(&name)])?;
    }
    names.commit()?;
    for day in 0..DAYS {
        let transaction = connection.transaction()?;
        {
            let mut insert =
                transaction.prepare_cached("INSERT INTO access VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
            for visit in school.day(day, visits_of_day(day, visits)) {
                let (up, down, duration) = visit.traffic;
                insert.execute(params![
                    visit.at_ms,
                    integer(visit.device),
                    integer(visit.host),
                    visit.kind as i64,
                    school.category(visit.host),
                    integer(up),
                    integer(down),
                    integer(duration)
                ])?;
            }
        }
        transaction.commit()?;
    }
    Ok(())
}

/// Asks SQLite, and reads all answers.
///
/// # Errors
/// It cannot be read.
pub fn ask_sqlite(school: &School, path: &Path, question: &Question) -> Result<Ran> {
    let (outcome, seconds) = time(|| -> Result<(u64, f64)> {
        let connection = Connection::open(path)?;
        let mut conditions = vec!["1".to_owned()];
        if let Some((from, to)) = question.times() {
            conditions.push(format!("at BETWEEN {from} AND {to}"));
        }
        if let Some(device) = question.device {
            conditions.push(format!("device = {device}"));
        }
        if let Some(host) = question.host {
            let reversed = reversed(&school.host_text(host));
            // A name, and all names under it.
            conditions.push(format!(
                "host IN (SELECT id FROM host WHERE reversed = '{reversed}' OR (reversed > '{reversed}.' AND reversed < '{reversed}/'))"
            ));
        }
        let query = format!(
            "SELECT access.*, device.name, host.name FROM access JOIN device ON device.id = device JOIN host ON host.id = host
             WHERE {} ORDER BY at",
            conditions.join(" AND ")
        );
        let mut statement = connection.prepare(&query)?;
        let mut rows = statement.query([])?;
        let mut count = 0;
        let start = std::time::Instant::now();
        let mut first_s = 0.0;
        while let Some(row) = rows.next()? {
            let _name: String = row.get(9)?;
            if count == 0 {
                first_s = start.elapsed().as_secs_f64();
            }
            count += 1;
        }
        Ok((count, first_s))
    });
    let (lines, first_line_s) = outcome?;
    Ok(Ran { seconds, first_line_s, lines, peak_bytes: 0 })
}

/// The year as squid's logs: one file a day, compressed by gzip, as logrotate leaves them.
///
/// # Errors
/// They cannot be written.
pub fn make_squid(school: &School, visits: usize, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for day in 0..DAYS {
        let file = File::create(log_of(folder, day))?;
        let mut log = BufWriter::new(GzEncoder::new(file, Compression::default()));
        for visit in school.day(day, visits_of_day(day, visits)) {
            write_line(&mut log, school, &visit)?;
        }
        log.into_inner().map_err(|error| error.into_error())?.finish()?;
    }
    Ok(())
}

/// As squid's own format has it: time, duration, client, outcome, bytes, method, target.
fn write_line(log: &mut impl Write, school: &School, visit: &Visit) -> Result<()> {
    let (_, down, duration) = visit.traffic;
    let host = school.host_text(visit.host);
    let outcome = if school.category(visit.host).is_some() { "TCP_DENIED/403" } else { "TCP_TUNNEL/200" };
    let (seconds, milliseconds) = (visit.at_ms / 1_000, visit.at_ms % 1_000);
    let client = format!("10.77.{}.{}", visit.device / 250, visit.device % 250);
    if visit.kind == AccessKind::Dns {
        writeln!(
            log,
            "{seconds}.{milliseconds:03} {duration:6} {client} NONE/000 0 DNS {host} - HIER_NONE/- -"
        )?;
    } else {
        writeln!(
            log,
            "{seconds}.{milliseconds:03} {duration:6} {client} {outcome} {down} CONNECT {host}:443 - HIER_DIRECT/{host} -"
        )?;
    }
    Ok(())
}

fn log_of(folder: &Path, day: usize) -> PathBuf {
    folder.join(format!("access-{day:03}.log.gz"))
}

/// Asks `zgrep`, of the day's file where a day is asked for.
///
/// # Errors
/// It cannot be run.
pub fn ask_zgrep(school: &School, folder: &Path, question: &Question) -> Result<Ran> {
    let client = question.device.map(|device| format!(" 10\\.77\\.{}\\.{} ", device / 250, device % 250));
    let host = question.host.map(|host| school.host_text(host).replace('.', "\\."));
    let host = host.map(|host| format!("[ .]{host}[: ]"));
    let pattern = match (client, host) {
        (Some(client), Some(host)) => format!("{client}.*{host}"),
        (one, other) => one.or(other).context("neither a device nor a host")?,
    };
    let mut command = Command::new("zgrep");
    command.args(["-h", "-e", &pattern]);
    match question.day {
        Some(day) => command.arg(log_of(folder, day)),
        None => command.args((0..DAYS).map(|day| log_of(folder, day))),
    };
    run(command)
}

fn reversed(name: &str) -> String {
    name.split('.').rev().collect::<Vec<_>>().join(".")
}

fn integer(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
