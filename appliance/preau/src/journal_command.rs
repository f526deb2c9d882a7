//! `preau journal`.

mod json;
mod table;

use std::fs;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use archive::{FoundAnywhere, Identity, Log, Row, Seal, Searched, Vault};
use jiff::tz::TimeZone;
use journal::{Damage, DamageKind, Hit, Kind, Listed, Query, SegmentId, Source};
use model::{Category, Host, PersonName, RoomName, Selection, Verdict};
use store::Look;
use system::segments::Directory;
use system::vault::Folder;

use crate::cli::Asking;
use crate::reading_command::{self, Looking};
use crate::sought_lesson::SoughtLesson;
use crate::times;

/// The kind of records that are no accesses.
const ACT: &str = "act";
/// JSON lines that are shown as they are found: somebody waits for the first ones. Later ones come some at a time.
const LINES_AT_ONCE: u32 = 100;
/// Those whom a secret key is not for, among the bits of a file's mode.
const OTHERS: u32 = 0o077;
/// What stands for the kind of what somebody did besides making rules.
const PERSON: &str = "person";

/// What `preau journal search` is asked for.
#[derive(Clone, Debug)]
pub(crate) struct SearchOptions {
    /// The box's data folder, or a copy of it. It is only read.
    pub(crate) data: PathBuf,
    /// The first time; a date means its first moment.
    pub(crate) from: Option<String>,
    /// The time after the last; a date means the whole day.
    pub(crate) to: Option<String>,
    /// A device's name or hardware address.
    pub(crate) device: Option<String>,
    /// A room.
    pub(crate) room: Option<RoomName>,
    /// A lesson's number, or its room and a moment of it.
    pub(crate) lesson: Option<String>,
    /// A person.
    pub(crate) person: Option<PersonName>,
    /// A host; a name stands for all names under it, too.
    pub(crate) host: Option<String>,
    /// A category of the lists.
    pub(crate) category: Option<Category>,
    /// A verdict.
    pub(crate) verdict: Option<Verdict>,
    /// Acts on the rules only.
    pub(crate) acts: bool,
    /// One JSON object a line instead of a table.
    pub(crate) json: bool,
    /// The file with the secret key of a reader.
    pub(crate) identity: Option<PathBuf>,
    /// Who looks, and why.
    pub(crate) asking: Asking,
    /// Where the school is: times without an offset are read and written in it.
    pub(crate) time_zone: TimeZone,
}

/// The time zone of a school whose configuration names none.
pub(crate) fn default_time_zone() -> TimeZone {
    TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC)
}

/// Prints the records that match, in the order in which they were recorded. Places that cannot be read are
/// told on standard error; the exit status is 1 when there was something and nothing of it could be read.
pub(crate) fn search(options: &SearchOptions) -> anyhow::Result<ExitCode> {
    let query = build_query(options)?;
    if !options.data.is_dir() {
        bail!("there is no data folder {}", options.data.display());
    }
    let query = note_search(options, query)?;
    let output = BufWriter::new(io::stdout().lock());
    match print_hits(&query, options, output) {
        Ok(searched) if is_nothing_readable(&searched) => Ok(ExitCode::FAILURE),
        Ok(_) => Ok(ExitCode::SUCCESS),
        // The reader has seen enough: `| head`.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error),
    }
}

/// Has the box on this folder note who looks for what, before anything is seen. Without a box, nobody can: whoever has a copy
/// is not held to anything. Acts of adults are the register itself, which is read without a reason.
///
/// Returns what may be looked for.
fn note_search(options: &SearchOptions, query: Query) -> anyhow::Result<Query> {
    if options.acts || !Directory::new(&options.data).is_in_use() {
        return Ok(query);
    }
    let Some(purpose) = options.asking.reason else {
        bail!(
            "who looks into the log of a box that runs says why, and the box notes it: give --reason maintenance, incident, \
             complaint, judicial, oversight or access (and --detail, --author)"
        )
    };
    let asked = select(options, &query)?;
    let detail = options.asking.detail.as_ref();
    let looking = Looking { purpose, detail, selection: &asked, more: None };
    let (has_keys, zone) = (options.identity.is_some(), &options.time_zone);
    let query = reading_command::bound(&options.data, has_keys, &query, &looking, zone)?;
    let selection = select(options, &query)?;
    let looking = Looking { selection: &selection, ..looking };
    let author = options.asking.author.as_ref();
    reading_command::note(&options.data, &looking, author, Look::Search, zone)?;
    Ok(query)
}

/// What a search is recorded as: all that it asks for.
fn select(options: &SearchOptions, query: &Query) -> anyhow::Result<Selection> {
    Ok(Selection {
        from: query.from,
        to: query.to,
        device: options.device.as_deref().map(str::parse).transpose().context("--device")?,
        room: query.room.clone(),
        lesson: query.lesson.as_deref().map(str::parse).transpose().context("--lesson")?,
        person: query.person.clone(),
        host: query.host.clone(),
        category: query.category.clone(),
        verdict: query.verdict,
        with_people: true,
    })
}

fn build_query(options: &SearchOptions) -> anyhow::Result<Query> {
    let zone = &options.time_zone;
    let parse_host = |text: &String| Host::parse(text).with_context(|| format!("--host {text}"));
    let from = options.from.as_deref().map(|text| times::parse_start(text, zone)).transpose();
    let to = options.to.as_deref().map(|text| times::parse_end(text, zone)).transpose();
    let lesson = options.lesson.as_deref().map(|text| SoughtLesson::find(text, &options.data, zone));
    let lesson = lesson.transpose().context("--lesson")?;
    // An act may be recorded long after its lesson: where the box was off at its end.
    let window = lesson.and_then(|lesson| lesson.window).filter(|_| !options.acts);
    Ok(Query {
        from: from.context("--from")?.or(window.map(|(from, _)| from)),
        to: to.context("--to")?.or(window.map(|(_, to)| to)),
        device: options.device.clone(),
        room: options.room.clone(),
        lesson: lesson.map(|lesson| lesson.id.to_string()),
        person: options.person.clone(),
        host: options.host.as_ref().map(parse_host).transpose()?,
        category: options.category.clone(),
        verdict: options.verdict,
        kind: options.acts.then_some(Kind::Act),
    })
}

/// Whether there is something, and none of it could be read.
pub(crate) fn is_nothing_readable(searched: &Searched) -> bool {
    let read = searched.segments.segments_read + searched.seals_read;
    read == 0 && searched.segments.segments_unreadable + searched.seals_unreadable > 0
}

fn print_hits(query: &Query, options: &SearchOptions, output: impl Write) -> anyhow::Result<Searched> {
    let (directory, folder) = (Directory::new(&options.data), Folder::new(&options.data));
    // The segments first: the child that seals may move some of them into the log meanwhile.
    let segments = Listed::new(&directory).context("the journal cannot be listed")?;
    // The end of the last segment may be an append under way.
    let last = segments.list()?.last().copied();
    let log = read_log(&folder)?;
    let mut failure = None;
    let identities = read_identities(options.identity.as_deref())?;
    let tables = folder.tables(&log, &identities);
    let mut printer = Printer::new(options, output);
    let read = |seal: &Seal| tables.open(seal).map_err(Into::into);
    let searched =
        archive::search(&log, read, &segments, query, |found| match take_found(&mut printer, found, last) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        })?;
    match failure {
        Some(error) => Err(error.into()),
        None => {
            printer.finish()?;
            tell_locked(&searched, identities.is_empty())?;
            Ok(searched)
        }
    }
}

/// The keys of a file, which is to be its owner's alone.
pub(crate) fn read_identities(file: Option<&Path>) -> anyhow::Result<Vec<Identity>> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    if fs::metadata(file).is_ok_and(|metadata| metadata.mode() & OTHERS != 0) {
        let _told = writeln!(
            io::stderr(),
            "preau: others on this machine may read the secret key in {}: chmod 600 it",
            file.display()
        );
    }
    Identity::read_all(&text).with_context(|| format!("--identity {}", file.display()))
}

/// What is left out is not to look as if it were not there.
pub(crate) fn tell_locked(searched: &Searched, has_no_key: bool) -> io::Result<()> {
    if searched.seals_nameless > 0 {
        writeln!(
            io::stderr(),
            "of {} days who it was is deleted: devices, rooms, lessons and people are not found there",
            searched.seals_nameless
        )?;
    }
    match (searched.seals_locked, has_no_key) {
        (0, _) => Ok(()),
        (days, true) => {
            writeln!(io::stderr(), "{days} sealed files are encrypted: read them with --identity FILE")
        }
        (days, false) => writeln!(io::stderr(), "{days} sealed files are encrypted to others"),
    }
}

/// The log of seals as far as it can be read: what is wrong with the rest is told, and for `verify` to judge.
pub(crate) fn read_log(folder: &Folder) -> anyhow::Result<Log> {
    let bytes = folder.log().context("the log of seals cannot be read")?;
    let (log, error) = Log::read(&bytes.unwrap_or_default());
    if let Some(error) = error {
        writeln!(io::stderr(), "the log of seals is damaged, {error}")?;
    }
    Ok(log)
}

fn take_found(
    printer: &mut Printer<impl Write>,
    found: FoundAnywhere,
    last: Option<SegmentId>,
) -> io::Result<()> {
    match found {
        FoundAnywhere::Hit(hit) => take_hit(printer, *hit, last),
        FoundAnywhere::Other(row) => printer.print_other(&row),
        FoundAnywhere::Unreadable { seal, error } => {
            writeln!(io::stderr(), "seal {seal} cannot be read: {error}")
        }
    }
}

fn take_hit(printer: &mut Printer<impl Write>, hit: Hit, last: Option<SegmentId>) -> io::Result<()> {
    match hit {
        hit @ (Hit::Access(_) | Hit::Act(_) | Hit::Person(_)) => printer.print(&hit),
        Hit::Damage(Damage { kind: DamageKind::Tail, segment, .. }) if Some(segment) == last => Ok(()),
        Hit::Damage(damage) => writeln!(io::stderr(), "{damage}"),
        Hit::Unreadable { segment, error } => writeln!(io::stderr(), "{segment} cannot be read: {error}"),
    }
}

/// Where the records go.
enum Printer<W: Write> {
    /// With the number of lines that are still shown at once.
    Json(W, u32),
    Table(table::Table<W>),
}

impl<W: Write> Printer<W> {
    fn new(options: &SearchOptions, output: W) -> Self {
        if options.json {
            Self::Json(output, LINES_AT_ONCE)
        } else {
            Self::Table(table::Table::new(output, options.time_zone.clone()))
        }
    }

    fn print(&mut self, hit: &Hit) -> io::Result<()> {
        match self {
            Self::Json(output, at_once) => {
                json::write_line(output, hit)?;
                if *at_once > 0 {
                    *at_once -= 1;
                    output.flush()?;
                }
                Ok(())
            }
            Self::Table(table) => table.push(hit),
        }
    }

    /// Prints what this program does not understand, as it was sealed.
    fn print_other(&mut self, row: &Row) -> io::Result<()> {
        match self {
            Self::Json(output, _) => json::write_cells(output, row),
            // No column of the table is for it.
            Self::Table(_) => {
                let cells: Vec<String> = row.cells().map(|(name, value)| format!("{name} {value}")).collect();
                writeln!(io::stderr(), "a record of a newer program, or damaged: {}", cells.join(", "))
            }
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Json(mut output, _) => output.flush(),
            Self::Table(table) => table.finish(),
        }
    }
}

pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(data: PathBuf) -> SearchOptions {
        SearchOptions {
            data,
            from: None,
            to: None,
            device: None,
            room: None,
            lesson: None,
            person: None,
            host: None,
            category: None,
            verdict: None,
            acts: false,
            json: false,
            identity: None,
            asking: Asking { reason: None, detail: None, author: None },
            time_zone: default_time_zone(),
        }
    }

    #[test]
    fn a_missing_folder_and_wrong_options_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let check = |options: SearchOptions, expected: &str| {
            assert!(format!("{:#}", search(&options).unwrap_err()).contains(expected), "{expected}");
        };
        let missing = folder.path().join("missing");
        check(options(missing.clone()), &format!("no data folder {}", missing.display()));
        check(
            SearchOptions { from: Some("soon".into()), ..options(missing.clone()) },
            "--from: `soon` is not a time",
        );
        check(SearchOptions { host: Some("a b".into()), ..options(missing) }, "--host a b");
    }

    /// Every field of a query stands in the record of the search.
    #[test]
    fn a_search_is_recorded_as_what_it_asks_for() {
        let asked = SearchOptions {
            device: Some("CM2-01".into()),
            room: "CM2".parse().ok(),
            lesson: Some("7".into()),
            person: "Mme Martin".parse().ok(),
            host: Some("example.com".into()),
            category: "games".parse().ok(),
            verdict: Some(Verdict::Refuse),
            ..options(PathBuf::new())
        };
        let query = build_query(&asked).unwrap();
        let sought = reading_command::describe(&select(&asked, &query).unwrap(), &asked.time_zone);
        assert_eq!(
            sought.as_str(),
            "device CM2-01, room CM2, lesson 7, person Mme Martin, host example.com, category games, verdict refuse, with people"
        );
    }

    #[test]
    fn a_box_that_has_recorded_nothing_has_an_empty_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = Vec::new();
        let json = SearchOptions { json: true, ..options(folder.path().to_owned()) };
        print_hits(&Query::default(), &json, &mut output).unwrap();
        assert!(output.is_empty());
    }
}
