//! The files from the commune, as pages show them: what is here, and how much of the rest.
//!
//! The night brings them; this thread looks at what it has brought, removes what is over by day, too, and has files give way to the journal also where no
//! hub has been reached for weeks.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use access::Clock;
use arc_swap::ArcSwap;
use model::{ClockQuality, LibraryFile, Timestamp};
use portal::LibraryLine;
use sync::{HubFolder, SyncError};
use system::library_shelf::{LibraryShelf, LibraryTrouble};
use system::release_shelf::fits;
use system::space;

use super::preparing::Prepared;

/// How often it is looked at what is here: a file of a night stands on the pages before anybody comes.
const PERIOD: Duration = Duration::from_secs(5);

/// How many looks it takes until the disk's room is looked at again: an hour of them.
const LOOKS_AT_ROOM: u32 = 720;

/// What is here, for pages.
#[derive(Default)]
pub(crate) struct Library {
    lines: ArcSwap<Vec<LibraryLine>>,
    shelf: OnceLock<LibraryShelf>,
}

impl Library {
    /// All that shall be here, and how much of it is.
    pub(crate) fn lines(&self) -> Vec<LibraryLine> {
        self.lines.load().to_vec()
    }

    /// What is here, whole.
    pub(crate) fn ready(&self) -> Vec<LibraryFile> {
        let lines = self.lines.load();
        lines.iter().filter(|line| line.here >= line.file.bytes).map(|line| line.file.clone()).collect()
    }

    /// A file that is here, to be read. Blocks.
    pub(crate) fn open(&self, sum: &str) -> Option<(LibraryFile, File)> {
        let file = self.ready().into_iter().find(|file| file.sha256 == sum)?;
        let opened = self.shelf.get()?.open(&file).ok()?;
        Some((file, opened))
    }
}

/// Whoever looks.
pub(crate) struct LibraryKeeper {
    data: PathBuf,
    shelf: LibraryShelf,
    hub: HubFolder,
    clock: Arc<dyn Clock>,
    prepared: Arc<Prepared>,
    /// Looks until the disk's room is looked at.
    until_room: u32,
    /// A failure is told once.
    is_failure_told: bool,
}

impl LibraryKeeper {
    /// Of the box with this data.
    pub(crate) fn new(data: &Path, clock: &Arc<dyn Clock>, prepared: &Arc<Prepared>) -> Self {
        let (shelf, hub) = (LibraryShelf::new(data), HubFolder::new(data));
        // The same as before, where somebody has looked already.
        let _set = prepared.library.shelf.set(shelf.clone());
        let (clock, prepared, data) = (Arc::clone(clock), Arc::clone(prepared), data.to_owned());
        Self { data, shelf, hub, clock, prepared, until_room: 0, is_failure_told: false }
    }

    /// Looks until it is told to stop.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        loop {
            let outcome = self.look();
            if let Err(error) = &outcome
                && !self.is_failure_told
            {
                tracing::error!("files from the commune that have to go cannot be removed: {error:#}");
            }
            self.is_failure_told = outcome.is_err();
            if stopped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn look(&mut self) -> anyhow::Result<()> {
        let now = self.clock.now();
        // Before the box knows the time, it shows what it has.
        let at = now.plausible().unwrap_or(Timestamp::from_unix_ms(0));
        let is_full = self.shelf.trouble() == Some(LibraryTrouble::NoRoom);
        let line = |file: LibraryFile| {
            let here = self.shelf.arrived(&file).unwrap_or(0);
            LibraryLine { has_no_room: is_full && here < file.bytes, file, here }
        };
        let lines: Vec<LibraryLine> = self.shelf.wanted(at).into_iter().map(line).collect();
        let shown = &self.prepared.library.lines;
        if **shown.load() != lines {
            shown.store(Arc::new(lines));
        }
        self.make_room(now.at)?;
        // A clock that nobody confirms takes nothing away, and a night may be bringing something.
        if now.quality != ClockQuality::Synchronised || !self.has_old(now.at) {
            return Ok(());
        }
        let lock = self.hub.lock();
        if !matches!(lock, Err(SyncError::Busy)) {
            self.shelf.keep_only(&self.shelf.wanted(now.at))?;
        }
        Ok(())
    }

    /// Has files go where the journal lacks room, now and then. A night looks by itself.
    fn make_room(&mut self, now: Timestamp) -> anyhow::Result<()> {
        if self.until_room > 0 {
            self.until_room -= 1;
            return Ok(());
        }
        self.until_room = LOOKS_AT_ROOM;
        if self.prepared.library.lines.load().iter().all(|line| line.here == 0) {
            return Ok(());
        }
        let lock = self.hub.lock();
        if matches!(lock, Err(SyncError::Busy)) {
            return Ok(());
        }
        let data = self.data.as_path();
        if self.shelf.give_way(&mut || Ok(fits(&space::look(data, now)?, 0)))? > 0 {
            self.shelf.note_trouble(Some(LibraryTrouble::NoRoom))?;
        }
        Ok(())
    }

    /// Whether something lies here whose day is over.
    fn has_old(&self, now: Timestamp) -> bool {
        let files = self.shelf.manifest().map(|manifest| manifest.files).unwrap_or_default();
        files.iter().any(|file| file.until <= now && self.shelf.arrived(file).is_ok_and(|bytes| bytes > 0))
    }
}

#[cfg(test)]
mod tests {
    use access::Instant;
    use archive::Hash;
    use model::{Host, MediaType};
    use proxy::{Delivery, Outage, Pages as _};
    use system::library_shelf::Manifest;

    use super::*;
    use crate::run::pages::PortalPages;

    struct Fixed(i64, ClockQuality);

    impl Clock for Fixed {
        fn now(&self) -> Instant {
            Instant { at: Timestamp::from_unix_ms(self.0), quality: self.1 }
        }
    }

    const NOON: i64 = 1_795_392_000_000;

    fn file(text: &str, until_ms: i64) -> LibraryFile {
        let name = "carte.pdf".parse().unwrap();
        LibraryFile {
            sha256: Hash::of(text.as_bytes()).to_string(),
            bytes: text.len() as u64,
            media: MediaType::of(&name),
            name,
            title: "La carte".parse().unwrap(),
            until: Timestamp::from_unix_ms(until_ms),
        }
    }

    /// Whoever may not open it does not read what it is called either.
    #[test]
    fn only_devices_of_the_school_are_told_titles_while_the_line_is_down() {
        let data = tempfile::tempdir().unwrap();
        let (shelf, map) = (LibraryShelf::new(data.path()), file("map", NOON + 5));
        let files = vec![map.clone()];
        shelf.keep_manifest(&Manifest { serial: 1, signer: "hub".to_owned(), files }).unwrap();
        shelf.append(&map, 0, b"map").unwrap();
        assert!(shelf.finish(&map).unwrap());
        let prepared = Arc::<Prepared>::default();
        let clock: Arc<dyn Clock> = Arc::new(Fixed(NOON, ClockQuality::Synchronised));
        LibraryKeeper::new(data.path(), &clock, &prepared).look().unwrap();
        let place = portal::pages::Place {
            school: "École Jules-Ferry".to_owned(),
            helpdesk: None,
            portal_url: Some("http://preau.lan/".to_owned()),
            timezone: jiff::tz::TimeZone::UTC,
        };
        let pages = PortalPages { place, prepared };
        let tell = |is_registered: bool| {
            let host = Host::parse("ent.example").unwrap();
            let outage = Outage {
                host: &host,
                delivery: Delivery::Nothing,
                typed: None,
                has_files: false,
                kept: &[],
                is_registered,
            };
            String::from_utf8(pages.outage(&outage, None).body.to_vec()).unwrap()
        };
        assert!(tell(true).contains("La carte") && !tell(false).contains("La carte"));
    }

    #[test]
    fn what_is_here_is_shown_and_what_is_over_goes() {
        let data = tempfile::tempdir().unwrap();
        let shelf = LibraryShelf::new(data.path());
        let (map, film) = (file("map", NOON + 5), file("film", NOON + 9));
        let files = vec![map.clone(), film.clone()];
        shelf.keep_manifest(&Manifest { serial: 1, signer: "hub".to_owned(), files }).unwrap();
        shelf.append(&map, 0, b"map").unwrap();
        assert!(shelf.finish(&map).unwrap());
        shelf.append(&film, 0, b"fi").unwrap();
        let prepared = Arc::<Prepared>::default();
        let library = &prepared.library;
        assert!(library.ready().is_empty() && library.open(&map.sha256).is_none());
        let look = |at: i64, quality: ClockQuality| {
            let clock: Arc<dyn Clock> = Arc::new(Fixed(at, quality));
            LibraryKeeper::new(data.path(), &clock, &prepared).look().unwrap();
            library.lines().iter().map(|line| line.here).collect::<Vec<_>>()
        };
        assert_eq!(look(NOON, ClockQuality::Synchronised), [3, 2]);
        assert_eq!(library.ready(), std::slice::from_ref(&map));
        let (found, mut source) = library.open(&map.sha256).unwrap();
        assert_eq!((found, std::io::read_to_string(&mut source).unwrap()), (map.clone(), "map".to_owned()));
        assert!(library.open(&film.sha256).is_none(), "it is on its way");
        assert_eq!(look(0, ClockQuality::Unset), [3, 2], "without the time, what there is");
        assert_eq!(look(NOON + 5, ClockQuality::Synchronised), [2]);
        assert!(!shelf.has(&map) && library.open(&map.sha256).is_none());
        look(NOON + 9, ClockQuality::Unset);
        assert_eq!(shelf.arrived(&film).unwrap(), 2, "a clock that nobody confirms takes nothing away");
    }
}
