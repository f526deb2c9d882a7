//! The power is cut: the writes of a first start, of work and of an update are recorded once, and the disk is rebuilt as a cut would
//! have left it, at any write. Each such disk starts in a machine of its own.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use harness::Lab;

use crate::booted::{Booted, Parts, START_WITHIN, beside, copy_disk};
use crate::classroom::{answers, check_filter, give_line, open, resolve, rewire};
use crate::examine::{self, Job};
use crate::release::{Release, running};
use crate::update::BLESSED_WITHIN;
use crate::write_log::{Toll, WriteLog};

/// What is kept in the folder `cuts` beside the image, until the next recording: the writes, what is known of them, the disk as far as
/// it was safe at the last cut, and the disk of the last cut.
const WRITES: &str = "writes.log";
const RECORD: &str = "record";
const SAFE_DISK: &str = "safe.raw";
const CUT_DISK: &str = "cut.raw";
/// The part of the record that all of is replayed by `all`.
const UPDATE: &str = "update";
/// How much a classroom does, before the update and after it.
const ROUNDS: u32 = 40;
/// A box of which all is in order has not lost what it had recorded.
const VERIFY: &str =
    "systemctl restart preau && runuser -u preau -- preau journal verify --data /var/lib/preau";
const VERIFIED: &str = "verified: nothing was changed";

/// Which cuts there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cuts {
    /// One after each write of the update.
    All,
    /// One after each write of all that was recorded, looked at without a machine.
    Check,
    /// So many, spread over all that was recorded.
    Spread(usize),
    /// After these numbers of entries.
    At(Vec<usize>),
}

impl FromStr for Cuts {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.parse::<usize>() {
            _ if text == "all" => Ok(Self::All),
            _ if text == "check" => Ok(Self::Check),
            Ok(0) | Err(_) => bail!("a number of cuts, `all` or `check`"),
            Ok(count) => Ok(Self::Spread(count)),
        }
    }
}

/// What chooses the cuts.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) cuts: Cuts,
    /// What decides which writes are lost; without it, chance.
    pub(crate) seed: Option<u64>,
    /// The entries that are lost, instead.
    pub(crate) lost: Option<BTreeSet<usize>>,
    /// Go on with this cut, the first being 1, of what was recorded last.
    pub(crate) from: Option<usize>,
    /// Whether a box that starts with the version before is updated once more.
    pub(crate) orders_again: bool,
}

/// Records the writes, unless they lie there, and starts the disk of each cut, or looks at it without a machine.
pub(crate) fn run(image: &Path, release: &Path, choice: &Choice) -> Result<()> {
    let release = Release::open(release)?;
    let folder = beside(image)?.join("cuts");
    let seed = choice.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let is_recorded = choice.from.is_some() || matches!(choice.cuts, Cuts::At(_));
    if choice.cuts == Cuts::Check && is_recorded {
        return check(image, &release, &Record::read(&folder)?, &folder, (seed, choice.from));
    }
    let lab = Lab::quiet()?;
    rewire(&lab)?;
    let _line = give_line(&lab.internet)?;
    let record = if is_recorded { Record::read(&folder)? } else { record(&lab, image, &release, &folder)? };
    if choice.cuts == Cuts::Check {
        return check(image, &release, &record, &folder, (seed, None));
    }
    let log = WriteLog::open(&folder.join(WRITES))?;
    let points = record.points(&choice.cuts, log.len());
    println!("cuts                {} of {} entries, seed {seed}", points.len(), log.len());
    let mut rebuilt = Rebuilt::new(&lab, image, &folder)?;
    let first = choice.from.unwrap_or(1).max(1);
    let (count, mut total) = (points.len(), 0);
    for (number, point) in (1_usize..).zip(points).skip(first - 1) {
        let lost = choice.lost.clone().map_or_else(|| log.draw_lost(point, seed), Ok)?;
        let toll = rebuilt.cut(&lab, &log, point, &lost)?;
        let again = choice.orders_again.then_some(&release);
        let told = start_again(&lab, (image, &rebuilt.cut), &record, again).with_context(|| {
            format!(
                "cut {number} at entry {point}: its disk, started since, is {}; again: --seed {seed} --at {point}",
                rebuilt.cut.display()
            )
        })?;
        total += toll.lost;
        let Toll { unsafe_writes, lost } = toll;
        let part = record.part(point);
        println!(
            "cut {number:>4} of {count:<6} entry {point} ({part}), {lost} of {unsafe_writes} writes lost: {told}"
        );
    }
    println!("all start           {total} writes were lost");
    Ok(())
}

/// Looks at what each cut leaves, without a machine.
fn check(
    image: &Path,
    release: &Release,
    record: &Record,
    folder: &Path,
    (seed, from): (u64, Option<usize>),
) -> Result<()> {
    let old = Release::open(&beside(image)?.join("release"))?;
    ensure!(
        old.version == record.old && release.version == record.new,
        "{} and {} were recorded, not {} and {}",
        record.old,
        record.new,
        old.version,
        release.version
    );
    let log = WriteLog::open(&folder.join(WRITES))?;
    println!("check               {} entries, seed {seed}", log.len());
    let parts = tempfile::Builder::new().prefix("check-").tempdir_in(folder)?;
    let from = from.unwrap_or_default();
    examine::run(&Job { image, folder: parts.path(), log: &log, releases: [&old, release], seed, from })
}

/// What was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    /// The version of the image.
    old: String,
    /// The version of the update.
    new: String,
    /// What was done, and how many entries there were at the end of it.
    parts: Vec<(String, usize)>,
}

impl Record {
    /// The numbers of entries after which the power goes.
    fn points(&self, cuts: &Cuts, entries: usize) -> Vec<usize> {
        match cuts {
            Cuts::Spread(count) => (0..*count).map(|at| (2 * at + 1) * entries / (2 * count)).collect(),
            Cuts::Check => (0..=entries).collect(),
            // The disk is rebuilt from its beginning on.
            Cuts::At(points) => points.iter().copied().collect::<BTreeSet<_>>().into_iter().collect(),
            Cuts::All => {
                let place = self.parts.iter().position(|(name, _)| name == UPDATE).unwrap_or_default();
                let end = |place: usize| self.parts.get(place).map_or(0, |(_, end)| *end);
                let begin = place.checked_sub(1).map_or(0, end);
                (begin + 1..=end(place)).collect()
            }
        }
    }

    /// What was done when there were so many entries.
    fn part(&self, point: usize) -> &str {
        let part = self.parts.iter().find(|(_, end)| point <= *end);
        part.map_or("the end", |(name, _)| name.as_str())
    }

    fn write(&self) -> String {
        let parts = self.parts.iter().map(|(name, end)| format!("{name}\t{end}\n"));
        format!("{}\t{}\n{}", self.old, self.new, parts.collect::<String>())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(|line| line.split_once('\t'));
        let (old, new) = lines.next()??;
        let parts = lines.map(|line| line.and_then(|(name, end)| Some((name.to_owned(), end.parse().ok()?))));
        Some(Self { old: old.to_owned(), new: new.to_owned(), parts: parts.collect::<Option<_>>()? })
    }

    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(RECORD);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("nothing is recorded in {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is damaged", path.display()))
    }
}

/// Records a fresh box from its first start to its end: it works, is updated, and works again.
fn record(lab: &Lab, image: &Path, release: &Release, folder: &Path) -> Result<Record> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir(folder)?;
    let [live, writes, tar] = ["live.raw", WRITES, "release.tar"].map(|name| folder.join(name));
    copy_disk(lab, image, &live)?;
    drop(File::create(&writes)?);
    release.write_disk(lab, &tar)?;
    let beside = [("release", tar.as_path())];
    let parts = Parts { image, disk: &live, log: Some(&writes), beside: &beside, is_attended: false };
    let mut machine = Booted::start(lab, &parts)?;
    machine.wait("the first answer", START_WITHIN, |_| answers(&lab.pc2))?;
    machine.settle()?;
    let old = running(&mut machine)?;
    let mut parts = Vec::new();
    let mut end = |what: &str, machine: &mut Booted<'_>| -> Result<()> {
        machine.inside("sync")?;
        let entries = usize::try_from(WriteLog::count(&writes)?)?;
        println!(
            "recorded            {what}, until entry {entries}, {:.1} s after power-on",
            machine.seconds()
        );
        parts.push((what.to_owned(), entries));
        Ok(())
    };
    end("first start", &mut machine)?;
    work(lab, &mut machine)?;
    end("work", &mut machine)?;
    release.lay(&mut machine, "release")?;
    release.order(&mut machine)?;
    machine.wait("the new version's blessing", BLESSED_WITHIN, |machine| {
        // The school goes on meanwhile.
        resolve(&lab.pc1, "mediatheque.example")?;
        release.is_blessed(machine)
    })?;
    machine.settle()?;
    end(UPDATE, &mut machine)?;
    work(lab, &mut machine)?;
    end("work after it", &mut machine)?;
    machine.shut_down()?;
    let record = Record { old, new: release.version.clone(), parts };
    fs::write(folder.join(RECORD), record.write())?;
    check_log(lab, image, &writes, &live)?;
    fs::remove_file(&live)?;
    Ok(record)
}

/// What a school does to the disk: names and pages, people who register things, a box that starts anew and seals what it has written.
fn work(lab: &Lab, machine: &mut Booted<'_>) -> Result<()> {
    for round in 0..ROUNDS {
        resolve(&lab.pc1, &format!("site-{round}.example"))?;
        open(&lab.pc2, "http://mediatheque.example/")?;
    }
    let add =
        "device add 02:00:00:00:00:13 --name Imprimante --profile adulte --config /etc/preau/preau.toml";
    machine.inside(&format!(
        "runuser -u preau -- preau {add} --data /var/lib/preau && systemctl restart preau"
    ))?;
    machine.wait("the box that starts anew", START_WITHIN, |_| answers(&lab.pc2))
}

/// All of the log is the very disk that the machine wrote: whatever is rebuilt from it is what was there.
fn check_log(lab: &Lab, image: &Path, writes: &Path, live: &Path) -> Result<()> {
    let log = WriteLog::open(writes)?;
    let whole = live.with_file_name(SAFE_DISK);
    copy_disk(lab, image, &whole)?;
    log.replay(0, log.len(), &File::options().write(true).open(&whole)?)?;
    let (one, other) = (whole.to_str().context("text")?, live.to_str().context("text")?);
    lab.appliance.run(&["cmp", one, other])?.success().context("the log is not what the machine wrote")?;
    println!("log                 {} entries, which are the disk", log.len());
    Ok(())
}

/// The disk, rebuilt cut by cut.
struct Rebuilt {
    /// As far as it was safe at the last cut.
    safe: PathBuf,
    /// So many entries are in it.
    until: usize,
    /// As the last cut left it.
    cut: PathBuf,
}

impl Rebuilt {
    fn new(lab: &Lab, image: &Path, folder: &Path) -> Result<Self> {
        let (safe, cut) = (folder.join(SAFE_DISK), folder.join(CUT_DISK));
        copy_disk(lab, image, &safe)?;
        Ok(Self { safe, until: 0, cut })
    }

    /// The disk as a cut at `point` leaves it, which is not before the last one.
    fn cut(&mut self, lab: &Lab, log: &WriteLog, point: usize, lost: &BTreeSet<usize>) -> Result<Toll> {
        let until = log.safe_until(point);
        log.replay(self.until, until, &File::options().write(true).open(&self.safe)?)?;
        self.until = until;
        copy_disk(lab, &self.safe, &self.cut)?;
        log.replay_without(lost, point, &File::options().write(true).open(&self.cut)?)
    }
}

/// The box starts from what a cut has left, the one version or the other, filters, and finds its journal as it was. One with the version before
/// takes this release, where it is ordered again. Says what it runs and after how long.
fn start_again(
    lab: &Lab,
    (image, disk): (&Path, &Path),
    record: &Record,
    again: Option<&Release>,
) -> Result<String> {
    let tar = disk.with_file_name("release.tar");
    if let Some(release) = again {
        release.write_disk(lab, &tar)?;
    }
    let beside = again.map(|_| ("release", tar.as_path()));
    let parts = Parts { image, disk, log: None, beside: beside.as_slice(), is_attended: false };
    let mut machine = Booted::start(lab, &parts)?;
    machine.wait("the first answer", START_WITHIN, |_| answers(&lab.pc2))?;
    let seconds = machine.seconds();
    machine.settle()?;
    check_filter(&lab.pc2)?;
    let version = running(&mut machine)?;
    ensure!(version == record.old || version == record.new, "neither version: {version}");
    let verified = machine.inside(VERIFY)?;
    ensure!(verified.contains(VERIFIED), "{verified}");
    let mut told = format!("{version}, answers after {seconds:.1} s, log verified");
    if let Some(release) = again.filter(|release| release.version != version) {
        release.lay(&mut machine, "release")?;
        release.order(&mut machine)?;
        machine.wait("the blessing of what is ordered again", BLESSED_WITHIN, |machine| {
            release.is_blessed(machine)
        })?;
        machine.settle()?;
        told = format!("{told}; ordered again, {} is blessed", release.version);
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let parts = [("first start", 100), ("work", 150), (UPDATE, 155), ("work after it", 200)];
        let parts = parts.map(|(name, end)| (name.to_owned(), end)).to_vec();
        Record { old: "1.0.0".to_owned(), new: "1.1.0".to_owned(), parts }
    }

    #[test]
    fn cuts_are_spread_over_all_or_are_all_of_the_update() {
        let check = |cuts: Cuts, entries, expected: &[usize]| {
            assert_eq!(record().points(&cuts, entries), expected, "{cuts:?}");
        };
        check(Cuts::Spread(4), 200, &[25, 75, 125, 175]);
        check(Cuts::All, 200, &[151, 152, 153, 154, 155]);
        check(Cuts::Spread(2), 0, &[0, 0]);
        check(Cuts::Check, 3, &[0, 1, 2, 3]);
        check(Cuts::At(vec![7, 3, 7]), 200, &[3, 7]);
        for (point, part) in [(0, "first start"), (100, "first start"), (151, UPDATE), (201, "the end")] {
            assert_eq!(record().part(point), part, "{point}");
        }
        for (text, cuts) in [
            ("all", Some(Cuts::All)),
            ("check", Some(Cuts::Check)),
            ("20", Some(Cuts::Spread(20))),
            ("0", None),
            ("few", None),
        ] {
            assert_eq!(text.parse::<Cuts>().ok(), cuts, "{text}");
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        assert_eq!(Record::parse(&record().write()), Some(record()));
        for damaged in ["", "1.0.0", "1.0.0\t1.1.0\nwork", "1.0.0\t1.1.0\nwork\tmany"] {
            assert_eq!(Record::parse(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn another_seed_is_drawn_each_time() {
        let seed = || RandomState::new().build_hasher().finish();
        assert_ne!(seed(), seed());
    }
}
