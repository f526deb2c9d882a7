//! Measures the log of one year: taking records in, sealing them, searching them, beside SQLite with indexes and `zgrep`
//! over squid's logs, all of the same accesses.
//!
//! `journal-bench FOLDER [--records N]` makes a year of N accesses in a temporary folder below FOLDER, which takes some 130
//! bytes an access, and is removed at the end; with `--year PLACE` in PLACE, which stays, and is asked again the next time. Each
//! search is a process of its own, as a person starts it.

#![expect(clippy::disallowed_methods, reason = "a benchmark runs programs")]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use archive::Identity;
use bench::figures::{print_table, short};
use bench::journal::box_year::{self, Cost};
use bench::journal::question::{self, Question};
use bench::journal::school::{DAYS, School};
use bench::journal::stopwatch::{Ran, folder_bytes, make_cold, make_warm, processor_s, run, time};
use bench::journal::{ingest, peers};
use bench::machine;

/// Accesses of a year of a large school.
const RECORDS: usize = 30_000_000;
/// Accesses of the measurement of taking in.
const INGEST_RECORDS: usize = 2_000_000;
/// Warm searches, of which the middle one counts.
const ROUNDS: usize = 3;
const USAGE: &str = "usage: journal-bench FOLDER [--records N] [--year PLACE]";

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some((folder, options)) = words.split_first() else { bail!(USAGE) };
    let (mut records, mut kept) = (RECORDS, None);
    for option in options.chunks(2) {
        match option {
            ["--records", count] => records = count.parse().context("--records")?,
            ["--year", place] => kept = Some(Path::new(place)),
            _ => bail!(USAGE),
        }
    }
    machine::print()?;
    let place = tempfile::Builder::new().prefix("journal-").tempdir_in(folder)?;
    let school = School::new()?;
    measure_ingest(&school, records, &place.path().join("ingest"))?;
    let year = Year::at(kept.unwrap_or(place.path()));
    if !year.identity.is_file() {
        year.make(&school, records)?;
    }
    for question in question::all(&school, records) {
        year.ask(&school, &question)?;
    }
    machine::print()?;
    Ok(ExitCode::SUCCESS)
}

fn measure_ingest(school: &School, records: usize, data: &Path) -> Result<()> {
    fs::create_dir_all(data)?;
    let rhythm = ingest::measure_rhythm(school, records / DAYS, data)?;
    fs::remove_dir_all(data)?;
    fs::create_dir_all(data)?;
    let mut rows = Vec::new();
    for has_classroom in [false, true] {
        let done = ingest::measure(school, records.min(INGEST_RECORDS), has_classroom, data)?;
        let per_second = |seconds: f64| short(float(done.visits) / seconds / 1e3);
        let waits = [500, 990, 999].map(|thousandths| short(done.wait_ms(thousandths)));
        rows.push(vec![
            if has_classroom { "beside a classroom" } else { "alone" }.to_owned(),
            done.visits.to_string(),
            per_second(done.processor_s),
            per_second(done.wall_s),
            short(float(folder_bytes(data)?) / float(done.visits)),
            if has_classroom { waits.join(", ") } else { "-".to_owned() },
        ]);
        fs::remove_dir_all(data)?;
        fs::create_dir_all(data)?;
    }
    let columns = [
        "",
        "accesses",
        "thousand a second of processor",
        "thousand a second",
        "bytes each, unsealed",
        "the classroom's accesses wait, ms: middle, 99 %, 99.9 %",
    ];
    print_table("Taking in: judged, recorded, durable; nearly each with its end", &columns, &rows)?;
    let title = "Written at the box's own rhythm, a commit every half second";
    print_table(title, &["bytes an access"], &[vec![short(rhythm)]])?;
    Ok(fs::remove_dir_all(data)?)
}

/// A year, as all keep it.
struct Year {
    encrypted: PathBuf,
    plain: PathBuf,
    identity: PathBuf,
    sqlite: PathBuf,
    squid: PathBuf,
}

impl Year {
    fn at(place: &Path) -> Self {
        Self {
            encrypted: place.join("encrypted"),
            plain: place.join("plain"),
            identity: place.join("identity"),
            sqlite: place.join("sqlite/year.db"),
            squid: place.join("squid"),
        }
    }

    fn make(&self, school: &School, records: usize) -> Result<()> {
        let identity = Identity::generate();
        fs::create_dir_all(&self.encrypted)?;
        self.sqlite.parent().map_or(Ok(()), fs::create_dir_all)?;
        let (cost, own_s) = time(|| box_year::make(school, records, &self.encrypted, &identity));
        let cost = cost?;
        let plain = box_year::decrypt_all(&self.encrypted, &self.plain, &identity)?;
        let (sqlite, sqlite_s) = Self::processor(|| peers::make_sqlite(school, records, &self.sqlite))?;
        sqlite?;
        let (squid, squid_s) = Self::processor(|| peers::make_squid(school, records, &self.squid))?;
        squid?;
        self.show(records, &cost, own_s, plain, (sqlite_s, squid_s))?;
        // Last: a year that has its key is whole.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.identity)?;
        Ok(file.write_all(identity.write().as_bytes())?)
    }

    fn processor<T>(work: impl FnOnce() -> T) -> Result<(T, f64)> {
        let before = processor_s()?;
        let done = work();
        Ok((done, processor_s()? - before))
    }

    fn show(
        &self,
        accesses: usize,
        cost: &Cost,
        own_s: f64,
        plain: u64,
        (sqlite_s, squid_s): (f64, f64),
    ) -> Result<()> {
        let count = float(accesses as u64);
        let each = |bytes: u64| short(float(bytes) / count);
        let rows = vec![
            vec![
                "preau, encrypted".to_owned(),
                each(cost.sealed_bytes),
                short(float(cost.sealed_bytes) / float(cost.records)),
                each(cost.written_bytes),
                short((cost.recording_s + cost.sealing_s) * 1e6 / count),
            ],
            vec![
                "preau, plain".to_owned(),
                each(plain),
                short(float(plain) / float(cost.records)),
                "-".to_owned(),
                "-".to_owned(),
            ],
            vec![
                "SQLite, two indexes".to_owned(),
                each(fs::metadata(&self.sqlite)?.len()),
                "-".to_owned(),
                "-".to_owned(),
                short(sqlite_s * 1e6 / count),
            ],
            vec![
                "squid's logs, gzip".to_owned(),
                each(folder_bytes(&self.squid)?),
                "-".to_owned(),
                "-".to_owned(),
                short(squid_s * 1e6 / count),
            ],
        ];
        let title = format!(
            "A year of {accesses} accesses: {} records, {} rows; recorded in {} s of processor, sealed in {} s, {} s in all",
            cost.records,
            cost.rows,
            short(cost.recording_s),
            short(cost.sealing_s),
            short(own_s)
        );
        let columns =
            ["", "bytes an access", "bytes a record", "bytes written an access", "µs of processor an access"];
        Ok(print_table(&title, &columns, &rows)?)
    }

    fn ask(&self, school: &School, question: &Question) -> Result<()> {
        let mut rows = Vec::new();
        let own = |data: &Path| run(self.search(school, data, question)?);
        rows.push(compare("preau, encrypted", &self.encrypted, || own(&self.encrypted))?);
        rows.push(compare("preau, plain", &self.plain, || own(&self.plain))?);
        let folder = self.sqlite.parent().context("no folder")?;
        rows.push(compare("SQLite", folder, || peers::ask_sqlite(school, &self.sqlite, question))?);
        rows.push(compare("zgrep", &self.squid, || peers::ask_zgrep(school, &self.squid, question))?);
        let title = format!("Search: {}, {} accesses", question.text, question.accesses);
        let columns =
            ["", "warm ms", "first line, warm ms", "cold ms", "first line, cold ms", "lines", "peak MB"];
        Ok(print_table(&title, &columns, &rows)?)
    }

    fn search(&self, school: &School, data: &Path, question: &Question) -> Result<Command> {
        let program = std::env::current_exe()?.with_file_name("preau");
        ensure!(program.is_file(), "there is no {}: build the box", program.display());
        let mut command = Command::new(program);
        command
            .args(["journal", "search", "--json", "--data"])
            .arg(data)
            .arg("--identity")
            .arg(&self.identity);
        if let Some((from, to)) = question.times() {
            let time = |ms: i64| jiff::Timestamp::from_millisecond(ms).map(|time| time.to_string());
            command.args(["--from", &time(from)?, "--to", &time(to)?]);
        }
        if let Some(device) = question.device.and_then(|device| school.device(device)) {
            command.args(["--device", &device.name.to_string()]);
        }
        if let Some(host) = question.host {
            command.args(["--host", &school.host_text(host)]);
        }
        Ok(command)
    }
}

/// A row of a table: cold, then warm.
fn compare(name: &str, folder: &Path, ask: impl Fn() -> Result<Ran>) -> Result<Vec<String>> {
    make_cold(folder)?;
    let cold = ask()?;
    make_warm(folder)?;
    let mut warm = (0..ROUNDS).map(|_| ask()).collect::<Result<Vec<_>>>()?;
    warm.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    let middle = warm.get(ROUNDS / 2).copied().unwrap_or_default();
    let peak = warm.iter().map(|ran| ran.peak_bytes).max().unwrap_or(0).max(cold.peak_bytes);
    let ms = |seconds: f64| short(seconds * 1e3);
    Ok(vec![
        name.to_owned(),
        ms(middle.seconds),
        ms(middle.first_line_s),
        ms(cold.seconds),
        ms(cold.first_line_s),
        middle.lines.to_string(),
        if peak == 0 { "-".to_owned() } else { short(float(peak) / 1e6) },
    ])
}

#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
fn float(count: u64) -> f64 {
    count as f64
}
