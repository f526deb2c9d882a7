//! How a box takes over the state of another one: what is put where, and what of it does not fit this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use model::Timestamp;
use replication::Snapshot;
use store::Store;
use system::machine;
use system::private::PrivateLock;
use system::succession::{Heirloom, Succession, Unplaced};

use crate::cli::EnrolArguments;
use crate::config::Config;
use crate::{data_folder, times};

/// Puts a snapshot and the box's identity in place, in one step; what people have to know of it.
pub(crate) fn put_in_place(
    snapshot: &Snapshot,
    identity: &[u8],
    (data, lock): (&Path, &PrivateLock),
    arguments: &EnrolArguments,
) -> anyhow::Result<Vec<String>> {
    let catalogue = serde_json::to_vec_pretty(&snapshot.catalogue)?;
    let mut heirlooms: Vec<(Heirloom, &[u8])> = vec![
        (Heirloom::State, &snapshot.state),
        (Heirloom::Catalogue, &catalogue),
        (Heirloom::Identity, identity),
    ];
    heirlooms.extend(snapshot.authority.as_deref().map(|bytes| (Heirloom::Authority, bytes)));
    heirlooms.extend(snapshot.configuration.as_deref().map(|bytes| (Heirloom::Configuration, bytes)));
    let succession = Succession::new(data);
    let place = arguments.config.as_deref();
    let outcome = put(&succession, &heirlooms, place, lock);
    if outcome.is_err() {
        // Somebody's people and keys lie there. What cannot be removed goes with the next try.
        let _gone = succession.abandon(lock);
    }
    let (counts, unplaced) = outcome?;

    let made = times::write(Timestamp::from_unix_ms(snapshot.about.made_ms), &TimeZone::system());
    let mut told = vec![format!("the state of box {} of {made} is here: {counts}", snapshot.about.box_id)];
    told.push(format!(
        "sealed files of the box before: {} (DATA/hub/predecessor)",
        snapshot.catalogue.files.len()
    ));
    match unplaced {
        None => told.extend(check_configuration(snapshot, data, place)),
        Some(unplaced) => told.push(data_folder::tell_unplaced(&unplaced)),
    }
    Ok(told)
}

/// Writes it, looks at it, and puts it in place: what is in the state, and a configuration that is not where it should be.
fn put(
    succession: &Succession,
    heirlooms: &[(Heirloom, &[u8])],
    place: Option<&Path>,
    lock: &PrivateLock,
) -> anyhow::Result<(String, Option<Unplaced>)> {
    let told = "the state of the box before cannot be put in place";
    succession.stage(heirlooms, place, lock).context(told)?;
    let counts = look_at(&succession.staged_state())?;
    let unplaced = succession.commit(lock).context(told)?;
    Ok((counts, unplaced))
}

/// What is in a state, where this program can work with it. It is brought up to date on the way.
fn look_at(state: &Path) -> anyhow::Result<String> {
    let store = Store::open(state).context("this program cannot work with the state of the box before")?;
    if !store.is_whole()? {
        bail!("the state of the box before is damaged: ask the commune for another one")
    }
    if !store.has_own_schema()? {
        bail!(
            "the state of the box before has something in it that no preau has put there: nothing is taken over"
        )
    }
    let (devices, people) = (store.devices()?.len(), store.people()?.len());
    Ok(format!("{devices} devices, {people} people"))
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
    use super::*;

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
