//! One try: what takes its time at the hub, and what it leaves behind. It runs on a thread that nobody waits for: at the box's end it ends with
//! the process, as by a power cut.

use std::path::{Path, PathBuf};

use replication::Snapshot;
use sync::{HubFolder, NightState, SyncError};
use system::private::{PrivateFolder, PrivateLock};
use system::succession::KEPT_CONFIGURATION;

use super::Order;
use super::head::{FirstHead, SealedHead};
use crate::enrolment::{self, Admission};
use crate::{data_folder, take_over};

/// What is to be done.
pub(super) enum Task {
    /// To enrol by a code.
    Enrol(Order),
    /// To fetch the state of the box whose place this one takes.
    Inherit,
}

/// What came of it.
pub(super) enum Outcome {
    /// The box is this school's.
    Member(String),
    /// It takes another one's place, whose state is to be fetched.
    Heir,
    /// That state is here, and waits for the end of the process.
    Prepared(Prepared),
}

/// Another box's state, written beside what is in force. Nobody else finishes what was begun here: the lock is held to the end.
pub(crate) struct Prepared {
    data: PathBuf,
    told: Vec<String>,
    lock: PrivateLock,
}

impl Prepared {
    /// Puts it in place, when nothing of this process works with the state any more.
    ///
    /// # Errors
    /// The disk's; the next run goes on.
    pub(crate) fn put_in_place(self) -> anyhow::Result<()> {
        let Self { data, told, lock } = self;
        let folder = HubFolder::new(&data);
        if let Some(unplaced) = take_over::commit(&data, &lock)? {
            tracing::warn!("{}", data_folder::tell_unplaced(&unplaced));
        }
        folder.forget_heir()?;
        // What became of another box's nights keeps this one from none.
        folder.keep_night(&NightState::default())?;
        told.iter().for_each(|line| tracing::info!("{line}"));
        tracing::info!("the box begins anew with this state");
        Ok(())
    }
}

/// Does it. `place` is where the box reads its configuration.
///
/// # Errors
/// As [`enrolment::enrol`] and [`sync::inherit`]; the box is then what it was.
pub(super) fn carry_out(task: Task, data: &Path, place: Option<&Path>) -> anyhow::Result<Outcome> {
    let folder = HubFolder::new(data);
    let lock = folder.lock()?;
    // Somebody may have entered something since the form was shown.
    let has_state = enrolment::has_state(data)?;
    if has_state || folder.is_enrolled() {
        return Err(SyncError::HasState.into());
    }
    match task {
        Task::Enrol(Order { hub, code, head }) => {
            // What may fail by itself, fails before the code is spent.
            let head = head.map(FirstHead::seal).transpose()?;
            match enrolment::enrol(data, &folder, (&hub, &code), (has_state, false))? {
                Admission::Member(identity) => {
                    folder.keep_night(&NightState::default())?;
                    register(head.as_ref(), data);
                    Ok(Outcome::Member(identity.enrolled.school.name))
                }
                Admission::Heir(_) => Ok(Outcome::Heir),
            }
        }
        Task::Inherit => inherit(data, &folder, lock, place),
    }
}

/// Makes the school's first person. The box is enrolled whatever comes of it; that nobody is there is told on its pages.
fn register(head: Option<&SealedHead>, data: &Path) {
    match head.map(|head| head.register(data)) {
        Some(Ok(true)) => tracing::info!("the school's first head is registered"),
        Some(Ok(false)) => tracing::warn!("somebody is registered already: no head was made"),
        Some(Err(error)) => tracing::error!("the school's first head cannot be registered: {error:#}"),
        None => {}
    }
}

fn inherit(
    data: &Path,
    folder: &HubFolder,
    lock: PrivateLock,
    place: Option<&Path>,
) -> anyhow::Result<Outcome> {
    let heir = folder.read_heir()?.ok_or(SyncError::NotEnrolled)?;
    let Some(mut snapshot) = sync::inherit(&heir)? else {
        folder.keep(&heir)?;
        folder.forget_heir()?;
        folder.keep_night(&NightState::default())?;
        tracing::info!(
            "the hub has no state of the box before: devices, people and rules have to be entered"
        );
        return Ok(Outcome::Member(heir.enrolled.school.name));
    };
    let apart = set_configuration_apart(&mut snapshot, data, place)?;
    let counts = take_over::stage(&snapshot, folder.write(&heir)?.as_bytes(), (data, &lock), place)?;
    let mut told = take_over::tell(&snapshot, &counts);
    told.extend(apart);
    Ok(Outcome::Prepared(Prepared { data: data.to_owned(), told, lock }))
}

/// A configuration by which this machine would not start, or that cannot be put where the box reads its own, is kept beside, and the box goes
/// on with the one that it has: nobody is there who could put it right. What is to be told of it.
fn set_configuration_apart(
    snapshot: &mut Snapshot,
    data: &Path,
    place: Option<&Path>,
) -> anyhow::Result<Option<String>> {
    let Some(configuration) = &snapshot.configuration else { return Ok(None) };
    let fault = match place {
        None => Some("this box runs without a configuration file".to_owned()),
        Some(place) => take_over::fits_machine(configuration).err().or_else(|| find_fault(place)),
    };
    let Some(fault) = fault else { return Ok(None) };
    PrivateFolder::new(data).replace_bytes(KEPT_CONFIGURATION, configuration)?;
    snapshot.configuration = None;
    let kept = data.join(KEPT_CONFIGURATION);
    Ok(Some(format!(
        "the configuration of the box before is in {}, and this box goes on with its own: {fault}",
        kept.display()
    )))
}

/// Why nothing can be written there.
fn find_fault(place: &Path) -> Option<String> {
    let error = system::succession::prove_writable(place).err()?;
    Some(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use replication::{About, Catalogue};

    use super::*;

    const GOOD: &[u8] = b"version = 1\n[school]\nname = \"\xc3\x89cole\"\n";

    fn snapshot(configuration: &[u8]) -> Snapshot {
        let about = About { uai: "0750655E".to_owned(), box_id: 1, made_ms: 0, version: String::new() };
        let (catalogue, configuration) = (Catalogue::default(), Some(configuration.to_vec()));
        Snapshot { about, state: vec![], configuration, authority: None, catalogue }
    }

    #[test]
    fn a_configuration_by_which_the_box_would_not_start_is_kept_beside() {
        let around = tempfile::tempdir().unwrap();
        let (data, own) = (around.path().join("data"), around.path().join("preau.toml"));
        fs::create_dir(&data).unwrap();
        fs::write(&own, "version = 1\n").unwrap();
        let other_ports = fs::read("../../docs/preau.example.toml").unwrap();
        let nowhere = around.path().join("no-such-folder/preau.toml");
        for (configuration, place, is_apart) in [
            (GOOD, Some(&own), false),
            (GOOD, Some(&nowhere), true),
            (GOOD, None, true),
            (other_ports.as_slice(), Some(&own), true),
            (b"version = 9".as_slice(), Some(&own), true),
            (b"\xff\xfe".as_slice(), Some(&own), true),
        ] {
            let mut snapshot = snapshot(configuration);
            let place = place.map(PathBuf::as_path);
            let told = set_configuration_apart(&mut snapshot, &data, place).unwrap();
            assert_eq!((told.is_some(), snapshot.configuration.is_none()), (is_apart, is_apart), "{place:?}");
            let kept = PrivateFolder::new(&data);
            let found = kept.read_bytes(KEPT_CONFIGURATION, 1 << 20).unwrap();
            assert_eq!(found.as_deref(), is_apart.then_some(configuration));
            kept.remove(KEPT_CONFIGURATION).unwrap();
        }
        assert_eq!(fs::read_to_string(&own).unwrap(), "version = 1\n", "nothing is in place yet");
    }

    #[test]
    fn a_box_that_is_somebodys_is_not_enrolled() {
        let data = tempfile::tempdir().unwrap();
        let folder = HubFolder::new(data.path());
        drop(folder.lock().unwrap());
        let refused = |data: &Path| {
            let outcome = carry_out(Task::Inherit, data, None).err().unwrap();
            matches!(outcome.downcast_ref::<SyncError>(), Some(SyncError::HasState))
        };
        assert!(!refused(data.path()), "it is no heir, but fresh");
        fs::write(data.path().join("hub/identity"), "{}").unwrap();
        assert!(refused(data.path()));
    }
}
