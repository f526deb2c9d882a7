//! To whom days are sealed: to the keys of the configuration, and to those that were made on the pages.
//!
//! Invariant: where those of the pages cannot be read, nothing is sealed: what would be sealed to nobody stays so for a year.

use std::path::Path;

use anyhow::{Context as _, bail};
use archive::ReaderKey;
use store::{PageKey, READER_KEYS_MAX, Store};
use system::sealing::Manner;

use crate::config::Config;
use crate::data_folder::{CONFIGURATION_FILE, STATE_FILE};

/// The keys that were made on the pages of the box with this data. A folder without its state has none.
///
/// # Errors
/// The state cannot be read, or has what is no key.
pub(crate) fn of_pages(data: &Path) -> anyhow::Result<Vec<ReaderKey>> {
    let state = data.join(STATE_FILE);
    if !state.try_exists()? {
        return Ok(Vec::new());
    }
    of_state(&Store::open(&state)?)
}

/// Those of this state, wherever it is from: more than the pages make of them would be more than the log of seals takes.
///
/// # Errors
/// The state cannot be read, has what is no key, or too many.
pub(crate) fn of_state(store: &Store) -> anyhow::Result<Vec<ReaderKey>> {
    parse(&store.reader_keys()?)
}

fn parse(keys: &[PageKey]) -> anyhow::Result<Vec<ReaderKey>> {
    if keys.len() > READER_KEYS_MAX as usize {
        bail!("{} keys of readers, where the pages make {READER_KEYS_MAX} at most", keys.len());
    }
    let read = |key: &PageKey| key.public.parse::<ReaderKey>().with_context(|| format!("{:?}", key.public));
    keys.iter().map(read).collect()
}

/// The manner of the configuration at `config`, with the keys of the pages.
///
/// # Errors
/// Those of [`of_pages`]; or no configuration is given, and the one that the box runs with names readers: they would be left out.
pub(crate) fn with_pages(manner: Manner, config: Option<&Path>, data: &Path) -> anyhow::Result<Manner> {
    let keys = of_pages(data).context("the keys of readers that were made on the pages cannot be read")?;
    if config.is_none() && !keys.is_empty() && names_readers(data) {
        bail!("the box's configuration names readers, and none is given: give --config");
    }
    Ok(join(manner, keys))
}

/// Whether the configuration that the box ran with last names readers.
fn names_readers(data: &Path) -> bool {
    let config = Config::load(&data.join(CONFIGURATION_FILE)).ok();
    config.and_then(|config| config.journal_readers).is_some_and(|readers| !readers.is_empty())
}

fn join(manner: Manner, keys: Vec<ReaderKey>) -> Manner {
    if keys.is_empty() {
        return manner;
    }
    let mut readers = manner.readers.unwrap_or_default();
    for key in keys {
        if !readers.contains(&key) {
            readers.push(key);
        }
    }
    Manner { readers: Some(readers), ..manner }
}

#[cfg(test)]
mod tests {
    use archive::{Identity, decrypt, encrypt};
    use jiff::tz::TimeZone;
    use model::{ReaderRole, Timestamp};

    use super::*;

    fn manner(readers: Option<Vec<ReaderKey>>) -> Manner {
        Manner { time_zone: TimeZone::UTC, readers, policy: None }
    }

    fn page_key(public: &str) -> PageKey {
        let by = "Mme Durand".parse().unwrap();
        PageKey { public: public.to_owned(), role: ReaderRole::Head, by, at: Timestamp::from_unix_ms(0) }
    }

    fn add(data: &Path, public: &str) {
        Store::open(&data.join(STATE_FILE)).unwrap().add_reader_key(&page_key(public), None).unwrap();
    }

    #[test]
    fn days_are_sealed_to_the_configurations_readers_and_to_those_of_the_pages() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let (officer, head) = (Identity::generate(), Identity::generate());
        let of =
            |readers: Option<Vec<ReaderKey>>| with_pages(manner(readers), Some(data), data).unwrap().readers;
        assert_eq!(of(None), None, "nobody says so, and no state is made");
        assert!(!data.join(STATE_FILE).exists());
        add(data, &head.reader().to_string());
        for before in [None, Some(vec![]), Some(vec![head.reader()])] {
            assert_eq!(of(before), Some(vec![head.reader()]));
        }
        let readers = of(Some(vec![officer.reader()])).unwrap();
        assert_eq!(readers, [officer.reader(), head.reader()]);
        let file = encrypt(b"a day", &readers).unwrap();
        for identity in [officer, head] {
            assert_eq!(decrypt(&file, &[identity]).unwrap().as_deref(), Some(&b"a day"[..]));
        }
    }

    #[test]
    fn what_is_no_key_keeps_days_from_being_sealed() {
        let folder = tempfile::tempdir().unwrap();
        add(folder.path(), "age1nobody");
        assert!(with_pages(manner(None), Some(folder.path()), folder.path()).is_err());
    }

    /// A log with more readers than it takes could be read by nobody any more, this box included.
    #[test]
    fn more_keys_than_the_pages_make_are_none() {
        let keys = |count: u32| -> Vec<PageKey> {
            (0..count).map(|_| page_key(&Identity::generate().reader().to_string())).collect()
        };
        assert_eq!(parse(&keys(READER_KEYS_MAX)).unwrap().len(), READER_KEYS_MAX as usize);
        assert!(parse(&keys(READER_KEYS_MAX + 1)).is_err());
    }

    #[test]
    fn a_configuration_that_is_not_given_leaves_none_of_its_readers_out() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let key = Identity::generate().reader().to_string();
        add(data, &key);
        assert!(with_pages(manner(None), None, data).is_ok(), "there is none");
        let text = format!(
            "version = 1\n[school]\nname = 'École'\n[journal]\nreaders = ['{key}']\nrecovery = '{key}'\n"
        );
        std::fs::write(data.join(CONFIGURATION_FILE), text).unwrap();
        assert!(with_pages(manner(None), None, data).is_err());
    }
}
