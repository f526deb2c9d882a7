//! One night of the box, by hand or by its own clock: what is told of its health, and what became of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use access::Clock as _;
use anyhow::Context as _;
use model::{NewOverride, Release};
use replication::{About, Catalogue, CategorySight, CommunePolicy, Health, Snapshot};
use store::{CommuneDocument, CommuneError, Store};
use sync::{HubFolder, Intake, Letters, Limits, Night, NightReport, NightState, Standing, SyncError, Watch};
use system::clock::{SystemClock, now};
use system::machine;
use system::private::PrivateFolder;

use crate::decided::Note;
use crate::{category_sights, data_folder, releases, selftest_health};

/// Where the copy of the state is made, and what it is called. It is removed at once.
const HUB_FOLDER: &str = "hub";
const COPY_FILE: &str = "state.copy";
/// Most bytes of the copy: more is nothing that another box takes.
const COPY_BYTES_MAX: u64 = 96 << 20;
/// Most bytes of the configuration and of the authority.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Who takes back what the commune has taken back.
pub(crate) const HUB: &str = "hub de la commune";

/// Syncs, and notes what became of it. Whoever syncs already is left alone. What the machine's system tells of its releases stands at `report`.
pub(crate) fn sync(
    data: &Path,
    report: &Path,
    limits: Limits,
    watch: &mut dyn Watch,
) -> Result<NightReport, SyncError> {
    let folder = HubFolder::new(data);
    if !folder.is_enrolled() {
        return Err(SyncError::NotEnrolled);
    }
    let _lock = folder.lock()?;
    let started = now();
    let night = Night { data, folder: &folder, health: health(data, report), limits, now: started };
    let mut state = State { data: data.to_owned(), report: Some(report.to_owned()) };
    let outcome = night.run(&mut state, watch);
    let before = folder.night();
    let state = match &outcome {
        Ok(_) => NightState { succeeded_ms: Some(started.unix_ms()), ..NightState::default() },
        Err(error) => NightState {
            failures: before.failures.saturating_add(1),
            error: Some(error.to_string()),
            is_refused: error.is_refusal(),
            fault: Some(error.fault()),
            ..before
        },
    };
    let kept = folder.keep_night(&NightState { tried_ms: Some(started.unix_ms()), ..state });
    let report = outcome?;
    kept.map(|()| report)
}

/// Tells the hub how the box is, and nothing else: what became of its configuration is not for the next night.
pub(crate) fn tell_health(data: &Path, report: &Path) -> Result<(), SyncError> {
    sync::tell_health(data, &HubFolder::new(data), health(data, report))
}

/// The box's state.
pub(crate) struct State {
    data: PathBuf,
    /// Where the machine's system tells of its releases; nothing of these is done without it.
    report: Option<PathBuf>,
}

impl State {
    /// In this data folder.
    pub(crate) fn new(data: &Path) -> Self {
        Self { data: data.to_owned(), report: None }
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn open(&self) -> Result<Store, SyncError> {
        Store::open(&self.data.join(data_folder::STATE_FILE)).map_err(|error| disk(error.into()))
    }

    /// A small file of the box's; `None` where there is none.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, SyncError> {
        let bytes = PrivateFolder::new(&self.data).read_bytes(name, FILE_BYTES_MAX);
        bytes.map_err(|source| SyncError::Disk { what: name.to_owned(), source })
    }
}

impl Intake for State {
    fn standing(&mut self) -> Result<Option<Standing>, SyncError> {
        let document = self.open()?.commune_document().map_err(|error| disk(error.into()))?;
        Ok(document.map(|CommuneDocument { serial, signer }| Standing { serial, signer }))
    }

    /// The rules come into force with the next look of the keeper, each once its record is durable.
    fn take_policy(&mut self, policy: &CommunePolicy, signer: &str) -> Result<(), SyncError> {
        let clock = SystemClock::new().now();
        let rules = policy.rules().ok_or(SyncError::Policy)?;
        // What is over by now is no rule any more; everything else was checked when it was read.
        let rules: Vec<NewOverride> =
            rules.into_iter().filter_map(|rule| NewOverride::of_commune(rule, clock.at).ok()).collect();
        let hub = HUB.parse().map_err(|_| SyncError::Policy)?;
        let document = CommuneDocument { serial: policy.serial, signer: signer.to_owned() };
        match self.open()?.replace_commune_rules(&document, &rules, &hub, (clock.at, clock.quality)) {
            Ok(()) => Ok(()),
            // The night and whoever listens may bring the same one.
            Err(CommuneError::Old { found, given }) if found == given => Ok(()),
            Err(CommuneError::Old { found, given }) => Err(SyncError::OldPolicy { found, given }),
            Err(CommuneError::Store(error)) => Err(disk(error.into())),
        }
    }

    fn snapshot(&mut self, about: About, catalogue: Catalogue) -> Result<Snapshot, SyncError> {
        let folder = PrivateFolder::new(&self.data.join(HUB_FOLDER));
        let state = copy_state(&self.open()?, &folder).map_err(|error| disk(error.into()))?;
        let configuration = self.read(data_folder::CONFIGURATION_FILE)?;
        let authority = self.read(data_folder::AUTHORITY_FILE)?;
        Ok(Snapshot { about, state, configuration, authority, catalogue })
    }

    fn letters(&mut self) -> Option<&mut dyn Letters> {
        Some(self)
    }

    fn release(&mut self) -> Result<Option<Release>, SyncError> {
        let report = self.report.as_deref().and_then(releases::read_report);
        let Some(report) = report else { return Ok(None) };
        let wanted = self.open()?.commune_release().map_err(|error| disk(error.into()))?;
        Ok(wanted.filter(|release| releases::is_wanted(release, &report)))
    }

    fn health(&mut self) -> Option<Health> {
        self.report.as_deref().map(|report| health(&self.data, report))
    }
}

/// Where the copy of the state is made.
fn copy_state(store: &Store, folder: &PrivateFolder) -> anyhow::Result<Vec<u8>> {
    folder.make()?;
    folder.remove(COPY_FILE)?;
    store.write_for_successor(&folder.path(COPY_FILE))?;
    let bytes = folder.read_bytes(COPY_FILE, COPY_BYTES_MAX)?;
    folder.remove(COPY_FILE)?;
    bytes.context("the copy of the state is gone")
}

pub(crate) fn disk(error: Box<dyn std::error::Error + Send + Sync>) -> SyncError {
    SyncError::Disk { what: data_folder::STATE_FILE.to_owned(), source: std::io::Error::other(error) }
}

fn health(data: &Path, report: &Path) -> Health {
    let clock = SystemClock::new().now();
    let machine::Condition { memory_bytes, memory_free_bytes, temperature_c, up_s } = machine::look();
    let disk = machine::measure_disk(data);
    let said = |number: u64| Some(number).filter(|number| *number > 0);
    Health {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now_ms: clock.at.unix_ms(),
        clock: clock.quality.as_str().to_owned(),
        up_s: said(up_s),
        disk_free_bytes: disk.map(|(free, _)| free),
        disk_bytes: disk.map(|(_, all)| all),
        memory_free_bytes: said(memory_bytes).map(|_| memory_free_bytes),
        memory_bytes: said(memory_bytes),
        temperature_c,
        list_ms: list_ms(data),
        policy_serial: policy_serial(data),
        content: content(data),
        release: releases::Releases::look(data, report).as_ref().map(releases::Releases::health),
        configuration: Note::read(data).health(),
        categories: categories(data),
        selftest: selftest_health::look(data),
        ..Health::default()
    }
}

/// The number of the commune's policy by which the box works; 0 where it has none.
fn policy_serial(data: &Path) -> Option<u64> {
    let document = Store::open(&data.join(data_folder::STATE_FILE)).ok()?.commune_document().ok()?;
    Some(document.map_or(0, |document| document.serial))
}

/// How much of what the commune wants to be here is here, and all of it.
fn content(data: &Path) -> Option<(u32, u32)> {
    Store::open(&data.join(data_folder::STATE_FILE)).ok()?.commune_content().ok()?
}

/// What the school shows of each category. A night goes on without it.
fn categories(data: &Path) -> Vec<CategorySight> {
    category_sights::look(data).unwrap_or_else(|error| {
        tracing::warn!("what the school shows of categories is not known: {error:#}");
        vec![]
    })
}

/// When the list that the box works with was put in force.
fn list_ms(data: &Path) -> Option<i64> {
    let changed =
        fs::metadata(data.join(data_folder::KEPT_LIST_FILE)).and_then(|file| file.modified()).ok()?;
    i64::try_from(changed.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}
