//! Answers kept for their time to live, and a while longer for when nobody answers (RFC 8767).

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use model::DomainName;
use quick_cache::sync::Cache as QuickCache;
use quick_cache::{Equivalent, Weighter};
use wire::dns::{Query, RecordType, Records, ResponseCode};

use crate::clock::Seconds;

/// How long an answer past its time may still help out, in seconds: RFC 8767 section 5 suggests one to three days.
const STALE_S_MAX: Seconds = 86_400;
/// How long a stale answer is given out without asking again, after asking has failed, in seconds (RFC 8767
/// section 5, the failure recheck timer).
const RECHECK_S: Seconds = 30;
/// Memory of an entry beside its text and records, in bytes: key, counts, places in the tables, malloc.
const ENTRY_BYTES: usize = 200;
/// What an answer takes on average with its entry, in bytes: sizes the tables.
const AVERAGE_BYTES: u64 = 300;

/// What is asked for a name: the part of a question, beside the name, that makes answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    pub(crate) kind: RecordType,
    pub(crate) dnssec_ok: bool,
    pub(crate) checking_disabled: bool,
}

impl Asked {
    /// What a client asks.
    pub(crate) fn by(query: &Query<'_>) -> Self {
        Self {
            kind: query.question.kind,
            dnssec_ok: query.dnssec_ok(),
            checking_disabled: query.header.checking_disabled(),
        }
    }

    /// What the box itself asks.
    pub(crate) fn plain(kind: RecordType) -> Self {
        Self { kind, dnssec_ok: false, checking_disabled: false }
    }
}

/// The key of a kept answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    name: DomainName,
    asked: Asked,
}

impl Key {
    pub(crate) fn new(name: &DomainName, asked: Asked) -> Self {
        Self { name: name.clone(), asked }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Probe { name: &self.name, asked: self.asked }.hash(state);
    }
}

/// A key that borrows its name.
#[derive(Hash)]
struct Probe<'a> {
    name: &'a DomainName,
    asked: Asked,
}

impl Equivalent<Key> for Probe<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.name == key.name && self.asked == key.asked
    }
}

/// A kept answer.
#[derive(Debug)]
pub(crate) struct Entry {
    records: Records,
    since_s: Seconds,
    lifetime_s: Seconds,
    /// Until when a stale answer is given without asking again.
    recheck_s: AtomicU32,
}

impl Entry {
    pub(crate) fn new(records: Records, now_s: Seconds, lifetime_s: Seconds) -> Self {
        Self { records, since_s: now_s, lifetime_s, recheck_s: AtomicU32::new(0) }
    }

    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    pub(crate) fn age_s(&self, now_s: Seconds) -> Seconds {
        now_s.saturating_sub(self.since_s)
    }

    /// Asking has failed: give the stale answer at once for a while.
    pub(crate) fn postpone(&self, now_s: Seconds) {
        self.recheck_s.store(now_s.saturating_add(RECHECK_S), Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn lifetime_s(&self) -> Seconds {
        self.lifetime_s
    }

    pub(crate) fn is_failure(&self) -> bool {
        self.records.code() == ResponseCode::ServFail
    }
}

/// What the cache has on a question.
#[derive(Debug)]
pub(crate) enum Found {
    /// An answer within its time.
    Fresh(Arc<Entry>),
    /// An answer past its time, that has just been asked for again in vain.
    Postponed(Arc<Entry>),
    /// An answer past its time: ask again, it helps out if nobody answers.
    Stale(Arc<Entry>),
    /// Nothing.
    Nothing,
}

/// Weighs entries by the memory behind them.
#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Arc<Entry>> for Bytes {
    fn weight(&self, key: &Key, entry: &Arc<Entry>) -> u64 {
        (ENTRY_BYTES + key.name.as_str().len() + entry.records.heap_bytes()) as u64
    }
}

/// Kept answers within a limit of memory; those asked for often stay longest.
pub(crate) struct Cache {
    entries: QuickCache<Key, Arc<Entry>, Bytes>,
}

impl Cache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let estimate = usize::try_from(bytes_max / AVERAGE_BYTES).unwrap_or(usize::MAX).max(1);
        let entries = QuickCache::with_weighter(estimate, bytes_max, Bytes);
        Self { entries }
    }

    pub(crate) fn find(&self, name: &DomainName, asked: Asked, now_s: Seconds) -> Found {
        let Some(entry) = self.entries.get(&Probe { name, asked }) else {
            return Found::Nothing;
        };
        let age_s = entry.age_s(now_s);
        if age_s < entry.lifetime_s {
            Found::Fresh(entry)
        } else if entry.is_failure() || age_s - entry.lifetime_s > STALE_S_MAX {
            Found::Nothing
        } else if now_s < entry.recheck_s.load(Ordering::Relaxed) {
            Found::Postponed(entry)
        } else {
            Found::Stale(entry)
        }
    }

    pub(crate) fn keep(&self, key: Key, entry: Arc<Entry>) {
        self.entries.insert(key, entry);
    }

    pub(crate) fn flush(&self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(code: ResponseCode, now_s: Seconds, lifetime_s: Seconds) -> Arc<Entry> {
        Arc::new(Entry::new(Records::none(code), now_s, lifetime_s))
    }

    fn word(found: &Found) -> &'static str {
        match found {
            Found::Fresh(_) => "fresh",
            Found::Postponed(_) => "postponed",
            Found::Stale(_) => "stale",
            Found::Nothing => "nothing",
        }
    }

    #[test]
    fn an_answer_grows_old() {
        let cache = Cache::new(CACHE_BYTES);
        let name: DomainName = "example.fr".parse().unwrap();
        let asked = Asked::plain(RecordType::A);
        let kept = entry(ResponseCode::NoError, 100, 60);
        cache.keep(Key::new(&name, asked), Arc::clone(&kept));
        let check = |now_s, expected| assert_eq!(word(&cache.find(&name, asked, now_s)), expected, "{now_s}");
        check(100, "fresh");
        check(159, "fresh");
        check(160, "stale");
        check(160 + STALE_S_MAX, "stale");
        check(161 + STALE_S_MAX, "nothing");
        kept.postpone(200);
        check(200, "postponed");
        check(229, "postponed");
        check(230, "stale");
        cache.flush();
        check(100, "nothing");
    }

    #[test]
    fn a_failure_never_gets_stale() {
        let cache = Cache::new(CACHE_BYTES);
        let name: DomainName = "example.fr".parse().unwrap();
        let asked = Asked::plain(RecordType::A);
        cache.keep(Key::new(&name, asked), entry(ResponseCode::ServFail, 0, 5));
        assert_eq!(word(&cache.find(&name, asked, 4)), "fresh");
        assert_eq!(word(&cache.find(&name, asked, 5)), "nothing");
    }

    #[test]
    fn answers_differ_by_all_that_is_asked() {
        let cache = Cache::new(CACHE_BYTES);
        let [name, other] = ["example.fr", "example.com"].map(|name| name.parse::<DomainName>().unwrap());
        let asked = Asked::plain(RecordType::A);
        cache.keep(Key::new(&name, asked), entry(ResponseCode::NoError, 0, 5));
        for (name, asked) in [
            (&other, asked),
            (&name, Asked::plain(RecordType::AAAA)),
            (&name, Asked { dnssec_ok: true, ..asked }),
            (&name, Asked { checking_disabled: true, ..asked }),
        ] {
            assert_eq!(word(&cache.find(name, asked, 0)), "nothing");
        }
    }

    #[test]
    fn the_limit_holds() {
        let cache = Cache::new(CACHE_BYTES);
        for n in 0..10_000 {
            let name = format!("n{n}.example.fr").parse().unwrap();
            cache.keep(Key::new(&name, Asked::plain(RecordType::A)), entry(ResponseCode::NoError, 0, 5));
        }
        assert!(cache.entries.weight() <= CACHE_BYTES);
        assert!(cache.entries.len() > 1_000);
    }

    const CACHE_BYTES: u64 = 1 << 20;
}
