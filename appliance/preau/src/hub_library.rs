//! Files for pupils, as the school's sheet names them: from the hub's words to the box's shelf.

use std::path::Path;

use model::{CommuneOrderKind, LibraryFile};
use replication::{SchoolSheet, SheetFile};
use store::Store;
use sync::SyncError;
use system::clock::now;
use system::library_shelf::{LibraryShelf, Manifest};

use crate::hub_night::disk;

/// Puts what a sheet names in the place of what was wanted; what the hub had done by that stands in the state file before.
pub(crate) fn take(
    data: &Path,
    store: &mut Store,
    sheet: &SchoolSheet,
    signer: &str,
) -> Result<(), SyncError> {
    let shelf = LibraryShelf::new(data);
    let files = SheetFile::read_all(&sheet.files).ok_or(SyncError::Sheet)?;
    let before = shelf.manifest().map(|manifest| manifest.files).unwrap_or_default();
    let has = |list: &[LibraryFile], sum: &str| list.iter().any(|file| file.sha256 == sum);
    let gone = before.iter().filter(|file| !has(&files, &file.sha256));
    let new = files.iter().filter(|file| !has(&before, &file.sha256));
    let orders: Vec<(CommuneOrderKind, String)> = gone
        .map(|file| (CommuneOrderKind::Unprepare, describe(file)))
        .chain(new.map(|file| (CommuneOrderKind::Prepare, describe(file))))
        .collect();
    if !orders.is_empty() {
        store.note_commune_orders(&orders, now()).map_err(|error| disk(error.into()))?;
    }
    let manifest = Manifest { serial: sheet.serial, signer: signer.to_owned(), files };
    let kept = shelf.keep_manifest(&manifest);
    kept.map_err(|source| SyncError::Disk { what: "files for pupils".to_owned(), source })
}

fn describe(file: &LibraryFile) -> String {
    format!("{} ({}, {} Mo)", file.title, file.name, (file.bytes >> 20).max(1))
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use sync::Letters as _;

    use super::*;
    use crate::hub_night::State;

    fn file(mark: &str) -> SheetFile {
        SheetFile {
            sha256: mark.repeat(64),
            bytes: 5 << 20,
            name: format!("{mark}.pdf"),
            title: format!("Titre {mark}"),
            media: "application/pdf".to_owned(),
            until_ms: i64::MAX,
        }
    }

    #[test]
    fn what_a_sheet_names_is_wanted_and_written_down() {
        let data = tempfile::tempdir().unwrap();
        let mut state = State::new(data.path());
        let sheet = |serial, files: &[&str]| SchoolSheet {
            serial,
            files: files.iter().map(|mark| file(mark)).collect(),
            ..SchoolSheet::default()
        };
        let wanted = || -> (u64, Vec<String>) {
            let manifest = LibraryShelf::new(data.path()).manifest().unwrap();
            (manifest.serial, manifest.files.iter().map(|file| file.name.to_string()).collect())
        };
        state.take_sheet(&sheet(1, &["a", "b"]), "hub").unwrap();
        assert_eq!(wanted(), (1, vec!["a.pdf".to_owned(), "b.pdf".to_owned()]));
        state.take_sheet(&sheet(2, &["b", "c"]), "hub").unwrap();
        assert_eq!(wanted(), (2, vec!["b.pdf".to_owned(), "c.pdf".to_owned()]));
        assert!(state.take_sheet(&sheet(1, &["a"]), "hub").is_err(), "an old one");
        assert_eq!(wanted().0, 2);
        let orders = state.open().unwrap().commune_orders(9).unwrap();
        let told: Vec<_> = orders.iter().rev().map(|it| (it.kind.as_str(), it.about.as_str())).collect();
        let expected = [
            ("prepare", "Titre a (a.pdf, 5 Mo)"),
            ("prepare", "Titre b (b.pdf, 5 Mo)"),
            ("unprepare", "Titre a (a.pdf, 5 Mo)"),
            ("prepare", "Titre c (c.pdf, 5 Mo)"),
        ];
        assert_eq!(told, expected);
        let until = LibraryShelf::new(data.path()).manifest().unwrap().files[0].until;
        assert!(until > Timestamp::from_unix_ms(0), "{until:?}");
    }
}
