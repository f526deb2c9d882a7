//! A newer version of the box's system is installed and blessed; then one whose box does not serve, which goes by itself.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::Lab;
use serde_json::Value;

use crate::booted::{Booted, Parts, START_WITHIN, copy_disk, now, workshop};
use crate::classroom::{answers, check_filter, give_line, rewire};
use crate::release::{BOOT_FILES, RUNNING, Release, running};

/// How long a version may take from its order to its blessing: it is written, and the machine starts once.
pub(crate) const BLESSED_WITHIN: Duration = Duration::from_secs(3_600);
/// How long a version may take that does not serve: it is written, is tried three times, and the one before starts.
const RETURNED_WITHIN: Duration = Duration::from_secs(7_200);
/// How often a version is tried.
const TRIES: u64 = 3;
/// Waits until what was ordered is done.
const CARRIED_OUT: &str = "
while test -e /run/preau/release-order; do sleep 1; done
while systemctl show -P ActiveState preau-release.service | grep -q activating; do sleep 1; done";
const BOOT_ID: &str = "cat /proc/sys/kernel/random/boot_id";
const REPORT: &str = "cat /run/preau/release.json";

/// What the report says of a version that did not serve.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    at_ms: i64,
    tries: u64,
    why: String,
}

/// Installs a release, then a broken one, which must leave the first one running and be tried no more.
pub(crate) fn run(image: &Path, release: &Path, broken: &Path) -> Result<()> {
    let (release, broken) = (Release::open(release)?, Release::open(broken)?);
    ensure!(release.version != broken.version, "both are {}", release.version);
    let workshop = workshop(image)?;
    let lab = Lab::quiet()?;
    rewire(&lab)?;
    let _line = give_line(&lab.internet)?;
    let [disk, first, second] =
        ["disk.raw", "release.tar", "broken.tar"].map(|name| workshop.path().join(name));
    copy_disk(&lab, image, &disk)?;
    release.write_disk(&lab, &first)?;
    broken.write_disk(&lab, &second)?;
    let beside = [("release", first.as_path()), ("broken", second.as_path())];
    let mut machine =
        Booted::start(&lab, &Parts { image, disk: &disk, log: None, beside: &beside, is_attended: false })?;
    machine.wait("the first answer", START_WITHIN, |_| answers(&lab.pc2))?;
    machine.settle()?;
    let old = running(&mut machine)?;
    println!("running             {old}, {:.1} s after power-on", machine.seconds());

    let began = now();
    release.lay(&mut machine, "release")?;
    release.order(&mut machine)?;
    machine.wait("the new version's blessing", BLESSED_WITHIN, |machine| release.is_blessed(machine))?;
    machine.wait("the report of it", START_WITHIN, |machine| {
        Ok(tells_blessing(&machine.peek(REPORT)?.unwrap_or_default(), &release.version))
    })?;
    machine.settle()?;
    check_filter(&lab.pc2)?;
    println!("update              {old} -> {} in {:.1} s", release.version, began.elapsed().as_secs_f64());
    fail(&mut machine, &release, &broken)?;
    check_filter(&lab.pc2)?;
    refuse(&mut machine, &broken)
}

/// The broken one is tried, and the one before is back by itself, with the reason.
fn fail(machine: &mut Booted<'_>, release: &Release, broken: &Release) -> Result<()> {
    let began = now();
    let ordered_at_ms = clock_ms(machine)?;
    broken.lay(machine, "broken")?;
    broken.order(machine)?;
    let mut failure = None;
    let look = format!("{RUNNING}; {REPORT}");
    machine.wait("the return of the version before", RETURNED_WITHIN, |machine| {
        let said = machine.peek(&look)?.unwrap_or_default();
        let (version, report) = said.split_once('\n').unwrap_or_default();
        failure = find_failure(report, &broken.version).filter(|_| version == release.version);
        Ok(failure.is_some())
    })?;
    machine.settle()?;
    let Failure { at_ms, tries, why } = failure.context("no failure")?;
    println!(
        "return              {} -> {} in {:.1} s",
        broken.version,
        release.version,
        began.elapsed().as_secs_f64()
    );
    println!("its reason          {tries} tries: {why}");
    ensure!(tries == TRIES && !why.trim().is_empty(), "{tries} tries: {why:?}");
    let until = clock_ms(machine)?;
    ensure!(
        (ordered_at_ms..=until).contains(&at_ms),
        "failed at {at_ms}, between {ordered_at_ms} and {until}"
    );
    ensure!(running(machine)? == release.version, "another version runs");
    Ok(())
}

/// Whoever orders it once more gets nothing.
fn refuse(machine: &mut Booted<'_>, broken: &Release) -> Result<()> {
    let boot = machine.inside(BOOT_ID)?;
    broken.lay(machine, "broken")?;
    broken.order(machine)?;
    machine.inside(CARRIED_OUT)?;
    let files = machine.inside(BOOT_FILES)?;
    ensure!(
        !files.contains(&format!("preau_{}+{TRIES}", broken.version)),
        "it is to be tried again: {files}"
    );
    ensure!(machine.inside(BOOT_ID)? == boot, "the machine has started anew");
    let report = machine.inside(REPORT)?;
    ensure!(find_failure(&report, &broken.version).is_some(), "its failure is forgotten: {report}");
    let why = find_refusal(&report, &broken.version).with_context(|| format!("not refused: {report}"))?;
    println!("once more           refused: {why}");
    Ok(())
}

/// The machine's clock, in milliseconds since 1970.
fn clock_ms(machine: &mut Booted<'_>) -> Result<i64> {
    machine.inside("date +%s%3N")?.trim().parse().context("no time")
}

/// Whether a report says that this version runs, and has passed: else the box orders nothing after it.
fn tells_blessing(report: &str, version: &str) -> bool {
    let Ok(report) = serde_json::from_str::<Value>(report) else { return false };
    report.get("running").and_then(Value::as_str) == Some(version)
        && report.get("is_blessed").and_then(Value::as_bool) == Some(true)
}

/// What a report says of a version that failed.
fn find_failure(report: &str, version: &str) -> Option<Failure> {
    let report: Value = serde_json::from_str(report).ok()?;
    let mut failed = report.get("failed")?.as_array()?.iter();
    let failure = failed.find(|failure| failure.get("version").and_then(Value::as_str) == Some(version))?;
    let (at_ms, tries) = (failure.get("at_ms")?.as_i64()?, failure.get("tries")?.as_u64()?);
    Some(Failure { at_ms, tries, why: failure.get("why")?.as_str()?.to_owned() })
}

/// Why a report says that the last order, which was for this version, was not carried out.
fn find_refusal(report: &str, version: &str) -> Option<String> {
    let report: Value = serde_json::from_str(report).ok()?;
    let refused = report.get("refused")?;
    let is_it = refused.get("version")?.as_str()? == version;
    Some(refused.get("why")?.as_str()?.to_owned()).filter(|why| is_it && !why.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_what_failed() {
        let report = r#"{"running":"1.1.0","is_blessed":true,"installed":null,"failed":[
            {"version":"1.2.0","at_ms":1795989600000,"tries":3,"why":"preau-health: DNS: no answer"}]}"#;
        let why = "preau-health: DNS: no answer".to_owned();
        let expected = Failure { at_ms: 1_795_989_600_000, tries: 3, why };
        assert_eq!(find_failure(report, "1.2.0"), Some(expected));
        for (report, version) in [
            (report.to_owned(), "1.1.0"),
            (report.replace("\"tries\":3,", ""), "1.2.0"),
            (report.replace("\"failed\"", "\"others\""), "1.2.0"),
            (report.replace('}', ""), "1.2.0"),
            (String::new(), "1.2.0"),
        ] {
            assert_eq!(find_failure(&report, version), None, "{report}");
        }
    }

    #[test]
    fn a_report_tells_what_has_passed() {
        let report = r#"{"running":"1.2.0","is_blessed":true}"#;
        assert!(tells_blessing(report, "1.2.0") && !tells_blessing(report, "1.1.0"));
        assert!(!tells_blessing(&report.replace("true", "false"), "1.2.0") && !tells_blessing("", "1.2.0"));
    }

    #[test]
    fn a_report_tells_what_was_refused() {
        let report = r#"{"running":"1.1.0","refused":{"version":"1.2.0","at_ms":1,"why":"it failed here"}}"#;
        assert_eq!(find_refusal(report, "1.2.0").as_deref(), Some("it failed here"));
        for (report, version) in [
            (report.to_owned(), "1.1.0"),
            (report.replace("it failed here", " "), "1.2.0"),
            (r#"{"running":"1.1.0","refused":null}"#.to_owned(), "1.2.0"),
        ] {
            assert_eq!(find_refusal(&report, version), None, "{report}");
        }
    }
}
