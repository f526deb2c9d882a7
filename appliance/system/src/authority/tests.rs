use model::DomainName;

use super::*;
use crate::full_disk::{FOLDER_VARIABLE, run_test_on};

fn names(domains: &[&str]) -> Names {
    Names::new(domains.iter().map(|name| DomainName::parse(name).unwrap()), [])
}

#[test]
fn it_is_made_once_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority");
    assert!(find(&path).unwrap().is_none());
    let (made, opened) = open(&path, names(&["preau.lan"])).unwrap();
    assert_eq!(opened, Opened::Made);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (found, opened) = open(&path, names(&["preau.lan"])).unwrap();
    assert_eq!((found.fingerprint(), opened), (made.fingerprint(), Opened::Found));
    let (renamed, opened) = open(&path, names(&["preau.lan", "ent.example"])).unwrap();
    assert_eq!(opened, Opened::Renamed);
    assert_ne!(renamed.fingerprint(), made.fingerprint());
    assert_eq!(find(&path).unwrap().unwrap().fingerprint(), renamed.fingerprint());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn a_damaged_one_is_told_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority");
    open(&path, names(&["preau.lan"])).unwrap();
    let whole = fs::read(&path).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"", b"\xff\xfe", &vec![b'x'; 1 << 20]] {
        fs::write(&path, damaged).unwrap();
        let error = open(&path, names(&["preau.lan"])).unwrap_err();
        assert!(matches!(error, AuthorityError::Damaged { .. }), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), damaged);
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let error = open(&path, names(&["preau.lan"])).unwrap_err();
    assert!(matches!(error, AuthorityError::Unreadable { .. }), "{error:?}");
}

#[test]
fn a_copy_that_others_can_read_is_closed_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority");
    open(&path, names(&["preau.lan"])).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    open(&path, names(&["preau.lan"])).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Has no room for another certificate, nor for a first one.
#[test]
fn child_has_no_room() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the parent tells by the environment where the small disk is"
    )]
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let folder = Path::new(&folder);
    let path = folder.join("authority");
    let (made, _) = open(&path, names(&["preau.lan"])).unwrap();
    let mut filler = File::create(folder.join("filler")).unwrap();
    while io::Write::write_all(&mut filler, &[1; 512]).is_ok() {}
    for path in [path.clone(), folder.join("other")] {
        let error = open(&path, names(&["ent.example"])).unwrap_err();
        assert!(matches!(error, AuthorityError::Unwritable { .. }), "{error:?}");
    }
    assert_eq!(find(&path).unwrap().unwrap().fingerprint(), made.fingerprint());
    assert!(find(&folder.join("other")).unwrap().is_none());
    println!("refused and kept");
}

#[test]
fn a_full_disk_takes_no_authority_away() {
    let said = run_test_on("64k", "authority::tests::child_has_no_room");
    assert!(said.contains("refused and kept"), "{said}");
}
