//! `preau journal export`, and `preau journal verify EXTRACT`.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;
use std::process::ExitCode;

use access::Clock;
use anyhow::{Context, bail};
use archive::{
    BundleFinding, BundleReport, BundleTrust, Field, Log, Manifest, ROWS_MAX, Request, Seal, query,
    seals_that_may_have, verify_bundle,
};
use jiff::tz::TimeZone;
use model::{Host, Purpose, ReadingId, ReadingTerms, Selection};
use portal::pages::{CoverFile, CoverVersion, DeletedKind, ExportCover};
use store::Look;
use system::clock::SystemClock;
use system::export::{Export, export_file};
use system::limits::limit_memory;
use system::vault::Folder;

use crate::cli::{ExportArguments, VerifyArguments};
use crate::config::Config;
use crate::data_folder::{self, STATE_FILE};
use crate::journal_command::read_identities;
use crate::reading_command::{self, Looking};
use crate::sought_lesson::SoughtLesson;
use crate::verify_command::{INCOMPLETE_STATUS, MEMORY_BYTES_MAX};
use crate::{operator, times};

/// Writes an extract, once the box has noted who takes it.
pub(crate) fn export(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    limit_memory(MEMORY_BYTES_MAX).context("cannot bound the memory of an extract")?;
    let config = Config::load_or_default(arguments.config.as_deref())?;
    let zone = &config.school.timezone;
    let data = data_folder::find(arguments.data.path.as_deref())?;
    let mut selection = build_selection(arguments, &data, zone)?;
    if arguments.reason == Purpose::Maintenance {
        let (window, now) = ((selection.from, selection.to), SystemClock::new().now().at);
        (selection.from, selection.to) = reading_command::today(window, now, zone);
    }
    if arguments.whole {
        check_whole(&selection)?;
    }
    if !data.is_dir() {
        bail!("there is no data folder {}", data.display());
    }
    if arguments.out.exists() {
        bail!("{} is there already", arguments.out.display());
    }
    let identities = read_identities(arguments.identity.as_deref())?;
    if reading_command::reaches_sealed(&data, !identities.is_empty(), &query(&selection))? {
        reading_command::check_purpose(arguments.reason)?;
    }
    let reading = note(arguments, &data, &selection, zone)?;
    let request = Request {
        author: operator::attribute(Some(&arguments.author))?,
        purpose: arguments.reason,
        detail: arguments.detail.clone(),
        reading,
    };
    let what = Export {
        data: &data,
        request: &request,
        selection: &selection,
        identities: &identities,
        is_whole: arguments.whole,
        rows_max: ROWS_MAX,
    };
    let cover = |manifest: &Manifest, key: &str| render_cover(manifest, key, &config.school.name, zone);
    let manifest = export_file(&what, SystemClock::new().now(), &arguments.out, cover)?;
    writeln!(io::stdout(), "{}: {} records", arguments.out.display(), manifest.rows)?;
    let mut told = io::stderr().lock();
    if manifest.locked > 0 {
        writeln!(told, "{} sealed files are encrypted to others, and left out", manifest.locked)?;
    }
    if manifest.unreadable > 0 {
        writeln!(told, "{} sealed files or segments cannot be read", manifest.unreadable)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn build_selection(arguments: &ExportArguments, data: &Path, zone: &TimeZone) -> anyhow::Result<Selection> {
    let time = |text: &Option<String>, parse: fn(&str, &TimeZone) -> Result<_, times::TimeError>| {
        text.as_deref().map(|text| parse(text, zone)).transpose()
    };
    let host =
        arguments.host.as_deref().map(|text| Host::parse(text).with_context(|| format!("--host {text}")));
    let lesson = arguments.lesson.as_deref().map(|text| SoughtLesson::find(text, data, zone));
    let lesson = lesson.transpose().context("--lesson")?;
    let window = lesson.and_then(|lesson| lesson.window);
    let (from, to) =
        (time(&arguments.window.from, times::parse_start), time(&arguments.window.to, times::parse_end));
    let mut selection = Selection {
        from: from.context("--from")?.or(window.map(|(from, _)| from)),
        to: to.context("--to")?.or(window.map(|(_, to)| to)),
        device: arguments.device.clone(),
        room: arguments.room.clone(),
        lesson: lesson.map(|lesson| lesson.id),
        person: arguments.person.clone(),
        host: host.transpose()?,
        category: arguments.category.clone(),
        verdict: arguments.verdict,
        with_people: arguments.people,
    };
    let terms = ReadingTerms {
        purpose: arguments.reason,
        detail: arguments.detail.clone(),
        from: selection.from,
        to: selection.to,
        target: selection.device.clone(),
        with_people: selection.with_people,
    };
    let terms = terms.bounded(SystemClock::new().now().at);
    (selection.from, selection.to) = (terms.from, terms.to);
    terms.check().context("give --from and --to, or --device")?;
    Ok(selection)
}

/// Refuses the sealed files of the year that may be asked for of one device: they are everybody's.
fn check_whole(selection: &Selection) -> anyhow::Result<()> {
    let checked = ReadingTerms::check_window(selection.from, selection.to, false);
    checked.context("--whole takes along what everybody did: give --from and --to")
}

/// What goes along with an extract as it was sealed: how many files, of which days.
pub(crate) fn describe_sealed(log: &Log, selection: &Selection) -> String {
    let (deleted, asked) = (log.expiries(), query(selection));
    let left = seals_that_may_have(log, &asked).filter(|seal| !seal.is_deleted(&deleted));
    let left: Vec<&Seal> = left.collect();
    let files = left.iter().flat_map(|seal| seal.files().map(move |(field, _, _)| (seal.number, field)));
    let count = files.filter(|file| !deleted.contains_key(file)).count();
    match (left.first(), left.last()) {
        (Some(first), Some(last)) => format!("with {count} sealed files, {} to {}", first.day, last.day),
        (None, _) | (_, None) => format!("with {count} sealed files"),
    }
}

/// Notes the extract in the box's own folder, also while the box is off: it records that when it starts. A copy without
/// state has no box to note it.
fn note(
    arguments: &ExportArguments,
    data: &Path,
    selection: &Selection,
    zone: &TimeZone,
) -> anyhow::Result<Option<ReadingId>> {
    if !data.join(STATE_FILE).is_file() {
        return Ok(None);
    }
    let sealed = match arguments.whole {
        true => {
            let log = Folder::new(data).log_so_far().context("the log of seals cannot be read")?;
            Some(describe_sealed(&log, selection))
        }
        false => None,
    };
    let (detail, more) = (Some(&arguments.detail), sealed.as_deref());
    let looking = Looking { purpose: arguments.reason, detail, selection, more };
    let look = Look::export(arguments.whole);
    reading_command::note(data, &looking, Some(&arguments.author), look, zone).map(Some)
}

/// The cover of an extract, as portal and command line print it.
pub(crate) fn render_cover(manifest: &Manifest, key: &str, school: &str, zone: &TimeZone) -> String {
    render_version(CoverVersion::LATEST, manifest, key, school, zone)
}

/// The same as an earlier release printed it.
fn render_version(
    version: CoverVersion,
    manifest: &Manifest,
    key: &str,
    school: &str,
    zone: &TimeZone,
) -> String {
    let file = |file: &archive::PackedFile| CoverFile {
        name: file.name.clone(),
        bytes: file.bytes,
        hash: file.hash.to_string(),
    };
    let files: Vec<CoverFile> = manifest.files.iter().map(file).collect();
    let deleted = describe_deleted(&manifest.deleted);
    let cover = ExportCover {
        version,
        school,
        time_zone: zone,
        key,
        made: manifest.made,
        clock: manifest.clock,
        author: &manifest.request.author,
        purpose: manifest.request.purpose,
        detail: &manifest.request.detail,
        reading: manifest.request.reading,
        selection: &manifest.selection,
        rows: manifest.rows,
        unsealed: manifest.unsealed,
        locked: manifest.locked,
        unreadable: manifest.unreadable,
        deleted: &deleted,
        is_whole: manifest.is_whole,
        files: &files,
    };
    cover.render()
}

/// What is deleted, by kind, with runs of seals in one word.
fn describe_deleted(deleted: &[(u64, Field)]) -> Vec<DeletedKind> {
    let of = |kind: Field| {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for (seal, _) in deleted.iter().filter(|(_, field)| *field == kind) {
            match runs.last_mut() {
                Some((_, last)) if last.saturating_add(1) == *seal => *last = *seal,
                Some(_) | None => runs.push((*seal, *seal)),
            }
        }
        let tell = |(first, last): (u64, u64)| match first == last {
            true => first.to_string(),
            false => format!("{first}–{last}"),
        };
        let seals = runs.into_iter().map(tell).collect::<Vec<_>>().join(", ");
        (!seals.is_empty()).then(|| DeletedKind { word: kind.as_str(), seals })
    };
    Field::ALL.into_iter().filter_map(of).collect()
}

/// Prints what is wrong with an extract, and what is worth knowing.
pub(crate) fn verify(arguments: &VerifyArguments) -> anyhow::Result<ExitCode> {
    limit_memory(MEMORY_BYTES_MAX).context("cannot bound the memory of a verification")?;
    let path = arguments.extract.as_deref().context("no extract is given")?;
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let trust = BundleTrust {
        signer: arguments.key.clone(),
        witness: arguments.witness.clone(),
        identities: read_identities(arguments.identity.as_deref())?,
    };
    let mut report = verify_bundle(BufReader::new(file), &trust);
    let is_compared = compare_cover(&report);
    if is_compared == Some(false) {
        report.findings.push(BundleFinding::Cover);
    }
    write!(io::stdout(), "{report}")?;
    if is_compared.is_none() {
        writeln!(
            io::stdout(),
            "NOT COMPLETE: couverture.html is of a newer release, and was not compared: read what stands here, not there"
        )?;
    }
    Ok(match (report.is_right(), &arguments.key, is_compared) {
        (false, _, _) => ExitCode::FAILURE,
        // Anybody makes an extract with a key of her own: a script must not take that for the box's. Nor a cover for signed that
        // nobody has compared.
        (true, None, _) | (true, _, None) => ExitCode::from(INCOMPLETE_STATUS),
        (true, Some(_), Some(_)) => ExitCode::SUCCESS,
    })
}

/// Whether the cover says what is signed: it is made again. `None` where this release makes others, or there is nothing to
/// make it of.
fn compare_cover(report: &BundleReport) -> Option<bool> {
    const COVER: &str = "couverture.html";
    let (Some(signed), Some(key), Some(cover)) = (&report.manifest, &report.signer, &report.cover) else {
        // What is wrong with it is told already.
        return Some(true);
    };
    let place = ExportCover::read_place(cover)?;
    let zone = TimeZone::get(&place.time_zone).ok()?;
    let mut manifest = signed.clone();
    manifest.files.retain(|file| file.name != COVER);
    Some(render_version(place.version, &manifest, &key.to_string(), &place.school, &zone) == *cover)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleted_parts_are_told_by_kind_and_in_runs() {
        let traffic = |seal: u64| (seal, Field::Traffic);
        let deleted =
            [traffic(3), traffic(5), traffic(6), (6, Field::Access), traffic(7), (9, Field::Access)];
        let told = describe_deleted(&deleted);
        let told: Vec<_> = told.iter().map(|kind| (kind.word, kind.seals.as_str())).collect();
        assert_eq!(told, [("access", "6, 9"), ("traffic", "3, 5–7")]);
    }

    #[test]
    fn whole_days_are_taken_within_a_window_only() {
        let days = |count: i64| Selection {
            from: Some(model::Timestamp::from_unix_ms(0)),
            to: Some(model::Timestamp::from_unix_ms(count * 86_400_000)),
            device: "CM2-05".parse().ok(),
            ..Selection::default()
        };
        assert!(check_whole(&days(31)).is_ok());
        for selection in [days(32), Selection { to: None, ..days(1) }, Selection::default()] {
            let error = format!("{:#}", check_whole(&selection).unwrap_err());
            assert!(error.contains("--from and --to"), "{error}");
        }
        assert_eq!(describe_sealed(&Log::default(), &days(31)), "with 0 sealed files");
    }

    #[test]
    fn a_cover_says_what_is_signed() {
        let at = model::Timestamp::from_unix_ms;
        let request = Request {
            author: "Mme Durand".parse().unwrap(),
            purpose: Purpose::Judicial,
            detail: "réquisition 118".parse().unwrap(),
            reading: None,
        };
        let manifest = Manifest {
            version: 2,
            log: "preau/journal/0".to_owned(),
            seals: 3,
            made: at(60_000),
            clock: model::ClockQuality::Synchronised,
            request,
            selection: Selection { device: "CM2-05".parse().ok(), ..Selection::default() },
            rows: 4,
            unsealed: 0,
            untimed: 0,
            locked: 0,
            unreadable: 0,
            is_whole: false,
            deleted: vec![],
            from_segments: vec![],
            files: vec![],
        };
        let key = archive::SigningKey::of_box([7; 32]).unwrap().verifier().clone();
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let print = |version| render_version(version, &manifest, &key.to_string(), "École <Jaurès>", &zone);
        let (cover, earlier) = (print(CoverVersion::LATEST), print(CoverVersion::First));
        let check = |cover: Option<String>, expected: Option<bool>| {
            let packed = archive::PackedFile {
                name: "couverture.html".to_owned(),
                bytes: 1,
                hash: archive::Hash::of(b""),
            };
            let manifest = Some(Manifest { files: vec![packed], ..manifest.clone() });
            let report =
                BundleReport { manifest, signer: Some(key.clone()), cover, ..BundleReport::default() };
            assert_eq!(compare_cover(&report), expected, "{:?}", report.cover);
        };
        check(Some(cover.clone()), Some(true));
        check(Some(cover.replace("CM2-05", "CM2-06")), Some(false));
        check(Some(earlier.clone()), Some(true));
        check(Some(earlier.replace("CM2-05", "CM2-06")), Some(false));
        check(Some(earlier.replace("content=\"1\"", "content=\"2\"")), Some(false));
        check(Some(cover.replace("Mme Durand", "Mme Dupont")), Some(false));
        check(Some(cover.replace("preau-cover", "preau-other")), None);
        check(None, Some(true));
    }
}
