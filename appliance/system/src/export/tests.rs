//! Extracts of real folders, and on a disk that is full.

#![expect(clippy::disallowed_methods, reason = "a child is told by its environment what to do")]

use std::io::Cursor;
use std::os::unix::fs::PermissionsExt as _;

use archive::{BundleRemark, BundleTrust, ROWS_MAX, verify_bundle};
use jiff::tz::TimeZone;
use model::{AccessKind, ClockQuality, Purpose, Timestamp};

use super::*;
use crate::asked::Asked;
use crate::full_disk::{FOLDER_VARIABLE, run_test_on};
use crate::sealing::{Manner, seal};

/// 2026-11-23 12:00:00 UTC.
const NOON_MS: i64 = 1_795_435_200_000;
const DAY_MS: i64 = 86_400_000;

fn noon(day: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOON_MS + day * DAY_MS)
}

fn now(day: i64) -> Instant {
    Instant { at: noon(day), quality: ClockQuality::Synchronised }
}

/// Two sealed days, and a third that is not.
fn live(data: &Path, identity: &Identity) {
    let manner = Manner { time_zone: TimeZone::UTC, readers: Some(vec![identity.reader()]), policy: None };
    for day in 0..3 {
        let (journal, mut writer) = journal::open(Directory::new(data));
        writer.commit(noon(day)).unwrap();
        for number in 0..4 {
            let asked = Asked::new(AccessKind::Dns, &format!("h{number}.d{day}.fr"));
            journal.record(noon(day), ClockQuality::Synchronised, asked).unwrap();
        }
        writer.finish(noon(day)).unwrap();
        if day < 2 {
            seal(data, &manner, now(day + 1)).unwrap();
        }
    }
}

fn request() -> Request {
    Request {
        author: "Mme Durand".parse().unwrap(),
        purpose: Purpose::Judicial,
        detail: "réquisition".parse().unwrap(),
        reading: None,
    }
}

fn cover(manifest: &Manifest, _: &str) -> String {
    format!("<p>{}</p>", manifest.rows)
}

fn take(data: &Path, identities: &[Identity], path: &Path) -> Result<Manifest, ExportError> {
    let selection = Selection { from: Some(noon(-1)), to: Some(noon(9)), ..Selection::default() };
    let request = request();
    let what = Export {
        data,
        request: &request,
        selection: &selection,
        identities,
        is_whole: true,
        rows_max: ROWS_MAX,
    };
    export_file(&what, now(3), path, cover)
}

#[test]
fn an_extract_of_a_folder_verifies_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let head = Identity::generate();
    live(&data, &head);
    let path = folder.path().join("extrait.zip");
    let manifest = take(&data, &[], &path).unwrap();
    let seen = (manifest.rows, manifest.unsealed, manifest.locked);
    assert_eq!(seen, (8, 8, 1), "without a key, what is in segments still: nobody has sealed that");
    assert!(matches!(take(&data, &[], &path), Err(ExportError::File { .. })), "nothing is replaced");
    fs::remove_file(&path).unwrap();

    let identities = [head];
    assert_eq!(take(&data, &identities, &path).unwrap().rows, 12);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, FILE_MODE);
    fs::remove_dir_all(&data).unwrap();
    let bytes = fs::read(&path).unwrap();
    let report = verify_bundle(Cursor::new(&bytes), &BundleTrust::default());
    assert!(report.is_right(), "{report}");
    assert!(!bytes.windows(7).any(|part| part == b"SECRET-"), "no key is in it");
    let [identity] = identities;
    let trust = BundleTrust { identities: vec![identity], ..BundleTrust::default() };
    let report = verify_bundle(Cursor::new(&bytes), &trust);
    assert!(report.is_right(), "{report}");
    assert!(report.remarks.contains(&BundleRemark::Compared { seals: 2, rows: 8 }), "{report}");
}

#[test]
fn nothing_is_signed_with_another_key() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    live(data, &Identity::generate());
    let path = data.join("extrait.zip");
    let key = key_path(data);
    fs::write(&key, archive::SigningKey::of_box([1; 32]).unwrap().write()).unwrap();
    assert!(matches!(take(data, &[], &path), Err(ExportError::OtherKey)));
    fs::remove_file(&key).unwrap();
    assert!(matches!(take(data, &[], &path), Err(ExportError::NoKey(_))));
    assert!(!path.exists());
}

/// Takes an extract to a disk that has no room for it.
#[test]
fn child_fills_the_disk_with_an_extract() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let data = tempfile::tempdir().unwrap();
    live(data.path(), &Identity::generate());
    let folder = Path::new(&folder);
    fs::write(folder.join("ballast"), vec![1; 8 << 10]).unwrap_or_default();
    let path = folder.join("extrait.zip");
    let full = take(data.path(), &[], &path).unwrap_err();
    let source = std::error::Error::source(&full).map(ToString::to_string).unwrap_or_default();
    let told = format!("{full}: {source}");
    let left: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["ballast"], "{told}");
    println!("nothing is left: {told}");
}

#[test]
fn a_full_disk_gets_no_half_extract() {
    let said = run_test_on("16k", "export::tests::child_fills_the_disk_with_an_extract");
    assert!(said.contains("nothing is left"), "{said}");
}
