//! What each engine has to do with releases.

use archive::Hash;
use model::{Release, ReleaseArch, ReleaseFile, ReleaseVersion, Timestamp};
use replication::School;

use super::{RELEASES_MAX, offered_to};
use crate::register::Register;

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);
const UAI: &str = "0692345Z";
const OTHER: &str = "0751234J";

fn version(text: &str) -> ReleaseVersion {
    text.parse().unwrap()
}

/// A release whose files are told apart by their version and name; the sums' signature is one for all.
pub(crate) fn release(of: &str) -> Release {
    named(of, "preau")
}

fn named(of: &str, stem: &str) -> Release {
    let uuid = "0b1f6c1e-7a55-4c0b-9a86-0d6a4bb1c0de";
    let names = ["root", "verity"].map(|part| format!("{stem}_{of}_{uuid}.{part}.raw.gz"));
    let others = [format!("{stem}_{of}.efi"), "SHA256SUMS".to_owned(), "SHA256SUMS.gpg".to_owned()];
    let mark = if stem == "preau" { of.to_owned() } else { format!("{of} {stem}") };
    let file = |name: String| {
        let text = if name == "SHA256SUMS.gpg" { "signature".to_owned() } else { format!("{mark} {name}") };
        ReleaseFile { name, bytes: text.len() as u64, sha256: Hash::of(text.as_bytes()).to_string() }
    };
    Release::new(version(of), names.into_iter().chain(others).map(file).collect()).unwrap()
}

/// Checks an engine; the two are hubs on one register.
pub(crate) fn check(one: &dyn Register, other: &dyn Register) {
    for uai in [UAI, OTHER] {
        one.put_school(&School { uai: uai.to_owned(), name: "École".to_owned(), rooms: vec![] }).unwrap();
    }
    check_releases(one, other);
    check_offers(one, other);
    check_kinds_of_machine(one, other);
}

fn check_releases(one: &dyn Register, other: &dyn Register) {
    assert_eq!(one.releases().unwrap(), []);
    assert!(!one.offer_release(&version("1.4.0"), None, NOW).unwrap(), "the hub has none");
    assert!(one.add_release(&release("1.4.0"), NOW).unwrap());
    assert!(other.add_release(&release("1.4.0"), NOW).unwrap(), "the same once more");
    let mut files = release("1.4.0").files().to_vec();
    files[0].bytes += 1;
    let changed = Release::new(version("1.4.0"), files).unwrap();
    assert!(!other.add_release(&changed, NOW).unwrap(), "another one of its version");
    for number in 1..RELEASES_MAX {
        assert!(one.add_release(&release(&format!("1.{number}0.0")), NOW).unwrap());
    }
    assert!(!one.add_release(&release("2.0"), NOW).unwrap(), "there is no room");
    let held = other.releases().unwrap();
    assert_eq!(held.len(), RELEASES_MAX as usize);
    assert_eq!((held[0].release.version(), held[0].added), (&version("1.50.0"), NOW));
    assert_eq!(held.last().unwrap().release, release("1.4.0"));

    let known = release("1.4.0");
    let file = &known.files()[0];
    let hash: Hash = file.sha256.parse().unwrap();
    assert_eq!(other.release_file("1.4.0", &file.name).unwrap(), Some((hash, file.bytes)));
    assert_eq!(other.release_file("1.4.1", &file.name).unwrap(), None);
    assert_eq!(other.release_file("1.4.0", "../x").unwrap(), None);
    assert!(other.has_release_file(hash).unwrap() && !other.has_release_file(Hash::of(b"x")).unwrap());
    // What another release has as well stays.
    let gone = other.withdraw_release(&version("1.50.0"), NOW).unwrap().unwrap();
    assert_eq!(gone.len(), 4);
    assert!(!gone.contains(&Hash::of(b"signature")));
    assert_eq!(one.withdraw_release(&version("1.50.0"), NOW).unwrap(), None);
}

fn check_offers(one: &dyn Register, other: &dyn Register) {
    let of = |uai: &str| -> Option<String> {
        let releases = other.sheet(uai, NOW).unwrap().releases;
        assert!(releases.iter().all(|release| release.arch() == ReleaseArch::X86_64));
        releases.first().map(|release| release.version().to_string())
    };
    let serial = |uai: &str| one.sheet(uai, NOW).unwrap().serial;
    let (uai, before) = (UAI.parse().unwrap(), serial(OTHER));
    assert!(one.offer_release(&version("1.10.0"), Some(&uai), NOW).unwrap());
    assert_eq!((of(UAI).as_deref(), of(OTHER)), (Some("1.10.0"), None));
    assert!(serial(UAI) > 0 && serial(OTHER) == before, "nobody else hears of it");
    assert!(other.offer_release(&version("1.4.0"), None, NOW).unwrap());
    assert_eq!(of(UAI).as_deref(), Some("1.10.0"), "who has a newer one keeps it");
    assert_eq!(of(OTHER).as_deref(), Some("1.4.0"));
    assert!(serial(OTHER) > before);
    let offers = one.offers().unwrap();
    let told: Vec<_> = offers.iter().map(|it| (it.uai.as_deref(), it.version.to_string())).collect();
    assert_eq!(told, [(None, "1.4.0".to_owned()), (Some(UAI), "1.10.0".to_owned())]);
    let held = one.releases().unwrap();
    let of_all = |uai: &str, arch| offered_to((&offers, &held), uai, arch).map(|offer| offer.version.clone());
    assert_eq!(of_all(UAI, ReleaseArch::X86_64), Some(version("1.10.0")));
    assert_eq!(of_all(OTHER, ReleaseArch::X86_64), Some(version("1.4.0")));
    assert_eq!(of_all(OTHER, ReleaseArch::Arm64), None);

    // To all: what was offered to single schools of it is the same now.
    assert!(one.offer_release(&version("1.10.0"), None, NOW).unwrap());
    assert_eq!(one.offers().unwrap().len(), 1);
    let (own, others) = (serial(UAI), serial(OTHER));
    assert!(other.withdraw_release(&version("1.10.0"), NOW).unwrap().is_some());
    assert_eq!((of(UAI), of(OTHER)), (None, None));
    assert!(serial(UAI) > own && serial(OTHER) > others, "and all hear that");
    assert_eq!(one.offers().unwrap(), []);
}

/// A school has no more of a version than there is for its kind of machine, and what is for another one is no reason to wait.
fn check_kinds_of_machine(one: &dyn Register, other: &dyn Register) {
    let of = |uai: &str| -> Vec<String> {
        let releases = other.sheet(uai, NOW).unwrap().releases;
        releases.iter().map(|release| release.key().to_string()).collect()
    };
    let serial = |uai: &str| one.sheet(uai, NOW).unwrap().serial;
    let arm = |of: &str| named(of, "preau-arm64");
    // There is room for as many of each kind.
    assert!(one.add_release(&arm("1.4.0"), NOW).unwrap());
    assert!(other.add_release(&arm("1.4.0"), NOW).unwrap(), "the same once more");
    assert!(one.add_release(&arm("3.0"), NOW).unwrap());
    let keys: Vec<String> =
        other.releases().unwrap().iter().map(|held| held.release.key().to_string()).collect();
    assert_eq!(
        (&*keys[0], &keys[keys.len() - 2..]),
        ("3.0-arm64", &["1.4.0".into(), "1.4.0-arm64".into()][..])
    );

    assert!(one.offer_release(&version("1.4.0"), None, NOW).unwrap());
    assert_eq!(of(OTHER), ["1.4.0", "1.4.0-arm64"]);
    assert!(one.offer_release(&version("3.0"), Some(&UAI.parse().unwrap()), NOW).unwrap());
    assert_eq!(of(UAI), ["1.4.0", "3.0-arm64"], "a PC keeps what there is for it");
    let before = (serial(UAI), serial(OTHER));
    assert!(other.add_release(&release("3.0"), NOW).unwrap());
    assert_eq!(of(UAI), ["3.0", "3.0-arm64"]);
    assert!(serial(UAI) > before.0 && serial(OTHER) == before.1, "who is concerned hears of it");
    // Sums have one name in all releases.
    let hash = |key: &str| one.release_file(key, "SHA256SUMS").unwrap().unwrap().0;
    assert_ne!(hash("1.4.0"), hash("1.4.0-arm64"));
    let gone = one.withdraw_release(&version("1.4.0"), NOW).unwrap().unwrap();
    assert_eq!(gone.len(), 8, "of both kinds, but for the signature that all have");
    assert!(one.withdraw_release(&version("3.0"), NOW).unwrap().is_some());
    assert!(of(UAI).is_empty() && of(OTHER).is_empty());
}
