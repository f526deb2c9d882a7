//! `preau hub export`: all that a hub has, in files that any program reads: the end of a contract, or somebody who wants to look.
//!
//! Invariant: no secret leaves: neither keys of the hub, nor codes, nor what people sign in with. What is encrypted stays so.

mod folder;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use hub::blobs::{Blobs, Place};
use hub::register::configurations::Version;
use hub::register::library::Held;
use hub::register::people::Act;
use hub::register::releases::{HeldRelease, Offer};
use hub::register::web::WebOrder;
use hub::register::wishes::{Content, Notice, SchoolRule, Wish};
use hub::register::{BoxState, Records, SIGNED_MAX, StoredFile, StoredSnapshot};
use model::Timestamp;
use replication::School;
use serde_json::{Value, json};

use self::folder::{Export, Lines, Taken};
use crate::hub_command::note_act;
use crate::hub_engines::{open_blobs, open_register};

/// Acts that are read at a time.
const ACTS_A_TIME: u32 = 1_000;
/// Alerts are kept in this number at most, with those that wait.
const ALERTS_MAX: u32 = 10_000;
/// Before everything: what is over stands in the register for a while, and belongs to it.
const EVER: Timestamp = Timestamp::from_unix_ms(0);

/// Writes everything into a folder that is empty, or is not there yet.
pub(crate) fn export(out: &Path, data: &Path) -> anyhow::Result<ExitCode> {
    let (register, blobs) = (open_register(data)?, open_blobs(data)?);
    let mut export = Export::begin(out)?;
    note_act(&*register, "exported", &out.display().to_string())?;
    write_schools(&mut export, &*register)?;
    write_told(&mut export, &*register)?;
    write_library(&mut export, &*register)?;
    write_configurations(&mut export, &*register)?;
    write_names(&mut export, &*register)?;
    write_releases(&mut export, &*register)?;
    write_people(&mut export, &*register)?;
    write_boxes(&mut export, &*register, &*blobs)?;
    write_states(&mut export, &*register, &*blobs)?;
    export.end()?;
    let mut said = io::stdout().lock();
    writeln!(said, "{} files, {} bytes are in {}", export.files, export.bytes, out.display())?;
    writeln!(said, "sha256sum --check SHA256SUMS says there whether they are whole")?;
    for flaw in &export.flaws {
        writeln!(said, "missing or damaged among the hub's files: {flaw}")?;
    }
    Ok(if export.flaws.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_schools(export: &mut Export, register: &dyn Records) -> anyhow::Result<()> {
    let schools = register.schools()?.into_iter();
    let schools =
        schools.map(|School { uai, name, rooms }| json!({ "uai": uai, "name": name, "rooms": rooms }));
    export.write_lines("schools.jsonl", schools)?;
    let standings = register.standings()?.into_iter().map(
        |kept| json!({ "uai": kept.uai, "level": kept.level.as_str(), "since_ms": kept.since.unix_ms() }),
    );
    export.write_lines("standings.jsonl", standings)?;
    let alerts = register.alerts(ALERTS_MAX)?.into_iter().map(|alert| {
        json!({
            "id": alert.id, "channel": alert.new.channel.as_str(), "uai": alert.new.uai, "subject": alert.new.subject,
            "made_ms": alert.made.unix_ms(), "tries": alert.tries, "is_sent": alert.is_sent,
            "ended_ms": alert.ended.map(Timestamp::unix_ms),
        })
    });
    export.write_lines("alerts.jsonl", alerts)?;
    if let Some((_, note)) = register.policy()? {
        export.write("policy.note", note.as_bytes())?;
    }
    Ok(())
}

/// What schools ask, and what they are told.
fn write_told(export: &mut Export, register: &dyn Records) -> anyhow::Result<()> {
    export.write_lines("requests.jsonl", register.wishes(u32::MAX)?.iter().map(describe_wish))?;
    let rules = register.school_rules(EVER)?.into_iter().map(|SchoolRule { uai, rule }| {
        json!({
            "uai": uai, "verdict": rule.verdict, "site": rule.site, "author": rule.author, "reason": rule.reason,
            "until_ms": rule.until_ms,
        })
    });
    export.write_lines("school-rules.jsonl", rules)?;
    let content = register.contents(EVER)?.into_iter().map(|Content { id, uai, place, author }| {
        json!({
            "id": id, "uai": uai, "url": place.url, "title": place.title, "until_ms": place.until_ms, "author": author,
        })
    });
    export.write_lines("content.jsonl", content)?;
    let notices = register.notices()?.into_iter().map(|Notice { id, notice }| {
        json!({ "id": id, "made_ms": notice.made_ms, "author": notice.author, "text": notice.text })
    });
    export.write_lines("notices.jsonl", notices)?;
    let sheets = register.sheet_serials()?.into_iter().map(|(uai, serial)| {
        let uai = Some(uai).filter(|uai| !uai.is_empty());
        json!({ "uai": uai, "serial": serial })
    });
    export.write_lines("sheets.jsonl", sheets)
}

/// What the commune has decided of the configurations of boxes, each version.
fn write_configurations(export: &mut Export, register: &dyn Records) -> anyhow::Result<()> {
    let mut versions = export.open_lines("configurations.jsonl")?;
    for School { uai, .. } in register.schools()? {
        for Version { number, text, author, made } in register.configurations(&uai)? {
            let made_ms = made.unix_ms();
            versions.add(&json!({
                "uai": uai, "number": number, "text": text, "author": author, "made_ms": made_ms,
            }))?;
        }
    }
    export.close(versions)
}

/// Which files pupils have from the hub. Their bytes are the commune's own already: somebody of it has sent them.
fn write_library(export: &mut Export, register: &dyn Records) -> anyhow::Result<()> {
    let files = register.library(EVER)?.into_iter().map(|Held { id, uai, file, author, added }| {
        json!({
            "id": id, "uai": uai, "sha256": file.sha256, "bytes": file.bytes, "name": file.name.as_str(),
            "title": file.title.as_str(), "media": file.media.as_str(), "until_ms": file.until.unix_ms(),
            "author": author, "added_ms": added.unix_ms(),
        })
    });
    export.write_lines("library.jsonl", files)
}

/// Names that the commune owns, and what was certified for them.
fn write_names(export: &mut Export, register: &dyn Records) -> anyhow::Result<()> {
    let names = register.web_names()?.into_iter();
    let names = names.map(|(uai, name)| json!({ "uai": uai, "name": name.as_str() }));
    export.write_lines("names.jsonl", names)?;
    let certificates = register.web_orders()?.into_iter().map(|WebOrder { uai, asked, made, .. }| {
        let (chain, until) = made.unzip();
        json!({ "uai": uai, "asked_ms": asked.unix_ms(), "chain": chain, "until_ms": until.map(Timestamp::unix_ms) })
    });
    export.write_lines("certificates.jsonl", certificates)
}

/// Releases of the boxes' system, and to whom they are offered. Their files stay: whoever makes releases has them.
fn write_releases(export: &mut Export, register: &dyn Records) -> anyhow::Result<()> {
    let releases = register.releases()?.into_iter().map(|HeldRelease { release, added }| {
        let files: Vec<Value> = release
            .files()
            .iter()
            .map(|file| json!({ "name": file.name, "bytes": file.bytes, "sha256": file.sha256 }))
            .collect();
        json!({ "version": release.version().to_string(), "added_ms": added.unix_ms(), "files": files })
    });
    export.write_lines("releases.jsonl", releases)?;
    let offers = register.offers()?.into_iter().map(
        |Offer { uai, version, at }| json!({ "uai": uai, "version": version.to_string(), "at_ms": at.unix_ms() }),
    );
    export.write_lines("offers.jsonl", offers)
}

fn describe_wish(wish: &Wish) -> Value {
    let Wish { id, uai, request, came, answer } = wish;
    let answer = answer.as_ref().map(|answer| {
        json!({
            "answer": answer.answered.as_str(), "author": answer.author, "reason": answer.reason,
            "answered_ms": answer.at.unix_ms(),
        })
    });
    json!({
        "id": id, "uai": uai, "site": request.site, "wants": request.wants, "author": request.author,
        "reason": request.reason, "is_urgent": request.is_urgent, "asked_ms": request.asked_ms,
        "came_ms": came.unix_ms(), "answer": answer,
    })
}

fn write_people(export: &mut Export, register: &dyn Records) -> anyhow::Result<()> {
    let people = register.members()?.into_iter().map(|member| {
        let duties: Vec<&str> = member.duties.iter().map(|duty| duty.as_str()).collect();
        let disabled = member.disabled.map(Timestamp::unix_ms);
        json!({ "id": member.id.0, "name": member.name.as_str(), "duties": duties, "disabled_ms": disabled, "account": member.account })
    });
    export.write_lines("people.jsonl", people)?;
    let (mut acts, mut before) = (export.open_lines("acts.jsonl")?, None);
    loop {
        let page = register.acts(before, ACTS_A_TIME)?;
        let Some((last, _)) = page.last() else { break };
        before = Some(*last);
        for (number, Act { at, author, network, deed, about }) in page {
            acts.add(&json!({ "number": number, "at_ms": at.unix_ms(), "author": author, "network": network, "deed": deed, "about": about }))?;
        }
    }
    export.close(acts)
}

/// Boxes, with all that they have sent but their states.
fn write_boxes(export: &mut Export, register: &dyn Records, blobs: &dyn Blobs) -> anyhow::Result<()> {
    let (mut boxes, mut files) = (export.open_lines("boxes.jsonl")?, export.open_lines("files.jsonl")?);
    for state in register.boxes()? {
        let id = state.id;
        write_files(export, (register, blobs), &state, &mut files)?;
        for signed in register.signed_states(id, SIGNED_MAX)? {
            export.write(&format!("checkpoints/{}/{}", id.0, signed.size), signed.note.as_bytes())?;
        }
        let reports = register.reports(id, EVER)?.into_iter().map(|report| {
            let health: Value = serde_json::from_str(&report.health).unwrap_or_default();
            json!({ "at_ms": report.at.unix_ms(), "health": health })
        });
        export.write_lines(&format!("reports/{}.jsonl", id.0), reports)?;
        boxes.add(&describe(&state))?;
    }
    export.close(boxes)?;
    export.close(files)
}

/// The sealed files of a box. One that is missing or damaged has its line, and no path.
fn write_files(
    export: &mut Export,
    (register, blobs): (&dyn Records, &dyn Blobs),
    state: &BoxState,
    lines: &mut Lines,
) -> anyhow::Result<()> {
    let id = state.id;
    for StoredFile { hash, name, bytes, until } in register.files(id)? {
        let path = format!("files/{}/{hash}", id.0);
        let is_noted = || register.files(id).map(|files| files.iter().any(|file| file.hash == hash));
        let path = match export.take(blobs, (Place::sealed(id, hash), &path), is_noted)? {
            Taken::Whole => Some(path),
            Taken::Flawed => None,
            Taken::Over => continue,
        };
        lines.add(&json!({ "box": id.0, "name": name, "hash": hash.to_string(), "bytes": bytes, "until_ms": until.unix_ms(), "path": path }))?;
    }
    Ok(())
}

fn write_states(export: &mut Export, register: &dyn Records, blobs: &dyn Blobs) -> anyhow::Result<()> {
    for school in register.schools()? {
        for (id, StoredSnapshot { hash, .. }) in register.snapshots(&school.uai)? {
            let path = format!("states/{}/{hash}.age", id.0);
            let is_noted = || register.has_snapshot(id, hash);
            export.take(blobs, (Place::state(id, hash), &path), is_noted)?;
        }
    }
    Ok(())
}

fn describe(state: &BoxState) -> Value {
    json!({
        "id": state.id.0, "uai": state.uai, "log_key": state.log_key, "version": state.version,
        "enrolled_ms": state.enrolled.unix_ms(), "revoked_ms": state.revoked.map(Timestamp::unix_ms),
        "seen_ms": state.seen.map(Timestamp::unix_ms), "log_size": state.log_size,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Where the rows of a table go.
    const EXPORTED: [(&str, &str); 23] = [
        ("school", "schools.jsonl"),
        ("standing", "standings.jsonl"),
        ("alert", "alerts.jsonl"),
        ("policy", "policy.note"),
        ("wish", "requests.jsonl"),
        ("school_rule", "school-rules.jsonl"),
        ("content", "content.jsonl"),
        ("library", "library.jsonl"),
        ("notice", "notices.jsonl"),
        ("sheet", "sheets.jsonl"),
        ("school_configuration", "configurations.jsonl"),
        ("web_name", "names.jsonl"),
        ("web_order", "certificates.jsonl"),
        ("system_release", "releases.jsonl"),
        ("release_file", "releases.jsonl"),
        ("release_offer", "offers.jsonl"),
        ("member", "people.jsonl"),
        ("act", "acts.jsonl"),
        ("box", "boxes.jsonl"),
        ("file", "files.jsonl"),
        ("report", "reports/"),
        ("signed", "checkpoints/"),
        ("snapshot", "states/"),
    ];
    /// Why the rows of a table stay.
    const LEFT_OUT: [(&str, &str); 7] = [
        ("code", "a secret"),
        ("exchange", "the keys of an enrolment under way"),
        ("certificate", "another hub makes its own"),
        ("paper", "what people sign in with"),
        ("session", "what people are signed in with"),
        ("known", "where people sign in: worth nothing elsewhere"),
        ("failure", "for how long who fails has to wait: worth nothing elsewhere"),
    ];

    #[test]
    fn each_table_of_the_register_is_exported_or_left_out_on_purpose() {
        let schema = include_str!("../../hub/src/register/sqlite.rs");
        let name = |rest: &'static str| rest.split([' ', '(']).next().unwrap_or_default();
        let tables: BTreeSet<&str> = schema.split("CREATE TABLE ").skip(1).map(name).collect();
        let listed: Vec<&str> = EXPORTED.iter().chain(&LEFT_OUT).map(|(table, _)| *table).collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), tables, "what becomes of a new table?");
        assert_eq!(listed.len(), tables.len(), "each has one place");
        let program = include_str!("hub_export_command.rs").split("#[cfg(test)]").next().unwrap_or_default();
        let manual = include_str!("../../../docs/hub-commune.md");
        for (table, place) in EXPORTED {
            assert!(program.contains(&format!("\"{place}")), "{table}: nothing writes {place}");
            assert!(manual.contains(&format!("`{place}")), "{table}: the manual tells nothing of {place}");
        }
    }
}
