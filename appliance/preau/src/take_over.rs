//! How a box takes over the state of another one: what is put where, and what of it does not fit this machine.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use model::Timestamp;
use portal::pages::people::KeysPage;
use replication::Snapshot;
use store::Store;
use system::machine;
use system::private::PrivateLock;
use system::succession::{Heirloom, Succession, Unplaced};

use crate::config::Config;
use crate::{data_folder, reader_keys, times};

/// What is said of a disk that fails.
const UNPLACEABLE: &str = "the state of the box before cannot be put in place";

/// Puts a snapshot and the box's identity in place, in one step; what people have to know of it.
pub(crate) fn put_in_place(
    snapshot: &Snapshot,
    identity: &[u8],
    (data, lock): (&Path, &PrivateLock),
    place: Option<&Path>,
) -> anyhow::Result<Vec<String>> {
    let counts = stage(snapshot, identity, (data, lock), place)?;
    let unplaced = commit(data, lock)?;
    let mut told = tell(snapshot, &counts);
    match unplaced {
        None => told.extend(check_configuration(snapshot, data, place)),
        Some(unplaced) => told.push(data_folder::tell_unplaced(&unplaced)),
    }
    Ok(told)
}

/// Writes a snapshot and the box's identity beside what is in force, and looks at it; what is in it. Nothing has changed then.
pub(crate) fn stage(
    snapshot: &Snapshot,
    identity: &[u8],
    (data, lock): (&Path, &PrivateLock),
    place: Option<&Path>,
) -> anyhow::Result<String> {
    let catalogue = serde_json::to_vec_pretty(&snapshot.catalogue)?;
    let mut heirlooms: Vec<(Heirloom, &[u8])> = vec![
        (Heirloom::State, &snapshot.state),
        (Heirloom::Catalogue, &catalogue),
        (Heirloom::Identity, identity),
    ];
    heirlooms.extend(snapshot.authority.as_deref().map(|bytes| (Heirloom::Authority, bytes)));
    heirlooms.extend(snapshot.configuration.as_deref().map(|bytes| (Heirloom::Configuration, bytes)));
    let succession = Succession::new(data);
    let staged = succession.stage(&heirlooms, place, lock).context(UNPLACEABLE);
    let outcome = staged.and_then(|()| look_at(&succession.staged_state()));
    if outcome.is_err() {
        // Somebody's people and keys lie there. What cannot be removed goes with the next try.
        let _gone = succession.abandon(lock);
    }
    outcome
}

/// Puts in place what was written: a power cut only puts it off. A configuration that is not where it should be is told.
pub(crate) fn commit(data: &Path, lock: &PrivateLock) -> anyhow::Result<Option<Unplaced>> {
    let succession = Succession::new(data);
    let outcome = succession.commit(lock).context(UNPLACEABLE);
    if outcome.is_err() {
        let _gone = succession.abandon(lock);
    }
    outcome
}

/// Whose state it is, and what is in it.
pub(crate) fn tell(snapshot: &Snapshot, counts: &str) -> Vec<String> {
    let made = times::write(Timestamp::from_unix_ms(snapshot.about.made_ms), &TimeZone::system());
    let files = snapshot.catalogue.files.len();
    vec![
        format!("the state of box {} of {made} is here: {counts}", snapshot.about.box_id),
        format!("sealed files of the box before: {files} (DATA/hub/predecessor)"),
    ]
}

/// Whether this machine can run with the configuration of the box before; why not.
///
/// # Errors
/// What does not fit, in words.
pub(crate) fn fits_machine(configuration: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(configuration).map_err(|error| error.to_string())?;
    let config = Config::parse(text)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let found = machine::interfaces();
    match named_ports(&config).find(|(_, port)| !found.contains(port)) {
        None => Ok(()),
        Some((table, port)) => Err(format!("[{table}] names the port {port}, which this machine has not")),
    }
}

/// What is in a state, where this program can work with it. It is brought up to date on the way.
fn look_at(state: &Path) -> anyhow::Result<String> {
    let mut store =
        Store::open(state).context("this program cannot work with the state of the box before")?;
    if !store.is_whole()? {
        bail!("the state of the box before is damaged: ask the commune for another one")
    }
    if !store.has_own_schema()? {
        bail!(
            "the state of the box before has something in it that this preau does not put there, but a newer one, or \
             somebody else: nothing is taken over"
        )
    }
    let (devices, people) = (store.devices()?.len(), store.people()?.len());
    let keys = reader_keys::of_state(&store)
        .context("the state of the box before has keys of readers that are none: nothing is taken over")?;
    // The file alone goes to its place: what a full disk keeps in the log beside it would be lost.
    store.settle().map_err(io::Error::other).context(UNPLACEABLE)?;
    Ok(format!("{devices} devices, {people} people{}", tell_keys(keys.len())))
}

/// Days are sealed to the keys of readers that come along, and whoever has made the state may have put in one of her own: papers tell.
fn tell_keys(count: usize) -> String {
    if count == 0 {
        return String::new();
    }
    let page = KeysPage::PATH;
    format!(", {count} keys of readers: the head compares them ({page}) with her papers")
}

/// What of the configuration does not fit this machine.
fn check_configuration(snapshot: &Snapshot, data: &Path, place: Option<&Path>) -> Vec<String> {
    if snapshot.configuration.is_none() {
        return vec!["the box before had no configuration that it could send: write one".to_owned()];
    }
    let kept = data.join(data_folder::CONFIGURATION_FILE);
    let mut told = Vec::new();
    let path: PathBuf = match place {
        Some(place) => place.to_owned(),
        None => {
            told.push(format!(
                "its configuration is in {}: put it where this box reads its own",
                kept.display()
            ));
            kept
        }
    };
    match Config::load(&path) {
        Err(error) => told.push(format!("the configuration does not fit this machine: {error}")),
        Ok(config) => {
            told.extend(config.wifi.adoption_key_fault.iter().map(|fault| {
                format!(
                    "no access point that was adopted is driven until the commune's key is put in place: {fault}"
                )
            }));
            let found = machine::interfaces();
            told.extend(
                named_ports(&config).filter_map(|(table, port)| misfit(&table, &port, &found, &path)),
            );
        }
    }
    told
}

/// The ports that a configuration names, each with the table that it stands in.
fn named_ports(config: &Config) -> impl Iterator<Item = (String, String)> {
    let network = config.network.iter().map(|network| network.firewall.intent());
    let ports = network.flat_map(|intent| [("lan", intent.lan.to_string()), ("wan", intent.wan.to_string())]);
    let listener = config.wifi.listener.iter().map(|port| ("wifi", port.to_string()));
    ports.chain(listener).map(|(table, port)| (table.to_owned(), port))
}

fn misfit(table: &str, port: &str, found: &[String], path: &Path) -> Option<String> {
    if found.iter().any(|found| found == port) {
        return None;
    }
    Some(format!(
        "[{table}] of {} names the port {port}, which this machine has not: it has {}. Write the right one before the box is started",
        path.display(),
        if found.is_empty() { "none".to_owned() } else { found.join(", ") }
    ))
}

#[cfg(test)]
mod tests {
    use archive::Identity;
    use model::ReaderRole;
    use store::PageKey;

    use super::*;

    #[test]
    fn a_state_is_in_its_file_alone_when_it_was_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state.sqlite");
        // Whoever closes it last would write the log back, where the disk lets it.
        let held = Store::open(&state).unwrap();
        let log = || std::fs::metadata(folder.path().join("state.sqlite-wal")).map_or(0, |log| log.len());
        assert_ne!(log(), 0, "its tables stand there so far");
        assert_eq!(look_at(&state).unwrap(), "0 devices, 0 people");
        assert_eq!(log(), 0);
        drop(held);
    }

    #[test]
    fn keys_that_come_along_are_told_and_what_is_none_is_not_taken_over() {
        let check = |public: &str| {
            let folder = tempfile::tempdir().unwrap();
            let state = folder.path().join("state.sqlite");
            let (by, at) = ("Mme Durand".parse().unwrap(), Timestamp::from_unix_ms(0));
            let key = PageKey { public: public.to_owned(), role: ReaderRole::Head, by, at };
            Store::open(&state).unwrap().add_reader_key(&key, None).unwrap();
            look_at(&state)
        };
        let told = check(&Identity::generate().reader().to_string()).unwrap();
        assert!(told.starts_with("0 devices, 0 people, 1 keys of readers"), "{told}");
        assert!(check("age1nobody").is_err());
    }

    #[test]
    fn a_port_that_is_not_there_is_told_with_those_that_are() {
        let found = ["enp1s0".to_owned(), "enp2s0".to_owned()];
        let path = Path::new("/etc/preau/preau.toml");
        assert_eq!(misfit("lan", "enp2s0", &found, path), None);
        let told = misfit("wan", "eno1", &found, path).unwrap();
        assert!(told.contains("[wan]") && told.contains("eno1") && told.contains("enp1s0, enp2s0"), "{told}");
        assert!(misfit("lan", "lan0", &[], path).unwrap().contains("it has none"));
        let config = Config::load(Path::new("../../docs/preau.example.toml")).unwrap();
        let tables: Vec<String> = named_ports(&config).map(|(table, _)| table).collect();
        assert!(tables.contains(&"lan".to_owned()) && tables.contains(&"wan".to_owned()), "{tables:?}");
    }
}
