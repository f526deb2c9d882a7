//! Answers kept for their time to live, and a while longer for when nobody answers (RFC 8767).

use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use model::DomainName;
use quick_cache::Weighter;
use quick_cache::sync::{Cache as QuickCache, DefaultLifecycle};
use triomphe::ThinArc;
use wire::dns::{Query, RecordType, Records, ResponseCode};

use crate::clock::Seconds;
use crate::recollection::Recollection;
use crate::sift::Leads;

/// How long an answer past its time may still help out, in seconds: RFC 8767 section 5 suggests one to three days.
const STALE_S_MAX: Seconds = 86_400;
/// How long a stale answer is given out without asking again, after asking has failed, in seconds (RFC 8767
/// section 5, the failure recheck timer).
const RECHECK_S: Seconds = 30;
/// Memory of an entry beside its name and records, in bytes: head, places in the tables, rounding by malloc.
const ENTRY_BYTES: usize = 112;
/// What an answer takes on average with its entry, in bytes: sizes the tables.
const AVERAGE_BYTES: u64 = 200;

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

/// A kept answer: one allocation, so that a hit touches little memory and a name takes little of it. Clones share
/// it.
#[derive(Clone, Debug)]
pub(crate) struct Entry(ThinArc<Head, u8>);

/// What stands before an entry's bytes: those of its name, then those of its records.
#[derive(Debug)]
struct Head {
    asked: Asked,
    records: Records<()>,
    name_bytes: u8,
    /// `None` for an answer that leads nowhere but to the addresses in its records, as most do.
    leads: Option<Box<Leads>>,
    since_s: Seconds,
    lifetime_s: Seconds,
    /// Until when a stale answer is given without asking again.
    recheck_s: AtomicU32,
}

impl Entry {
    pub(crate) fn new(
        name: &DomainName,
        asked: Asked,
        records: &Records<Vec<u8>>,
        leads: Leads,
        now_s: Seconds,
        lifetime_s: Seconds,
    ) -> Self {
        let Records { code, answers, authorities, ref bytes } = *records;
        let name = name.as_str();
        let head = Head {
            asked,
            records: Records { code, answers, authorities, bytes: () },
            // A name has 253 bytes at most.
            name_bytes: u8::try_from(name.len()).unwrap_or_default(),
            leads: (!leads.is_empty()).then(|| Box::new(leads)),
            since_s: now_s,
            lifetime_s,
            recheck_s: AtomicU32::new(0),
        };
        Self(ThinArc::from_header_and_slice(head, &[name.as_bytes(), bytes].concat()))
    }

    pub(crate) fn name(&self) -> &str {
        let name = self.0.slice.get(..self.name_bytes());
        name.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
    }

    pub(crate) fn asked(&self) -> Asked {
        self.head().asked
    }

    pub(crate) fn records(&self) -> Records<&[u8]> {
        let Records { code, answers, authorities, bytes: () } = self.head().records;
        let bytes = self.0.slice.get(self.name_bytes()..).unwrap_or_default();
        Records { code, answers, authorities, bytes }
    }

    pub(crate) fn age_s(&self, now_s: Seconds) -> Seconds {
        now_s.saturating_sub(self.head().since_s)
    }

    #[cfg(test)]
    pub(crate) fn lifetime_s(&self) -> Seconds {
        self.head().lifetime_s
    }

    /// Asking has failed: give the stale answer at once for a while.
    pub(crate) fn postpone(&self, now_s: Seconds) {
        self.head().recheck_s.store(now_s.saturating_add(RECHECK_S), Ordering::Relaxed);
    }

    pub(crate) fn is_failure(&self) -> bool {
        self.head().records.code == ResponseCode::ServFail
    }

    /// The names that stand for this one, and those of the services that it names.
    pub(crate) fn aliases(&self) -> &[DomainName] {
        self.head().leads.as_deref().map(|leads| leads.aliases.as_slice()).unwrap_or_default()
    }

    /// All addresses that it leads to.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let hints = self.head().leads.as_deref().map(|leads| leads.hints.as_slice()).unwrap_or_default();
        addresses(self.records()).chain(hints.iter().copied())
    }

    /// Whether its addresses all led inside, so that none is left.
    pub(crate) fn is_inward(&self) -> bool {
        self.head().leads.as_deref().is_some_and(|leads| leads.is_inward)
    }

    fn head(&self) -> &Head {
        &self.0.header.header
    }

    fn name_bytes(&self) -> usize {
        usize::from(self.head().name_bytes)
    }

    fn memory_bytes(&self) -> usize {
        ENTRY_BYTES + self.0.slice.len() + self.head().leads.as_deref().map_or(0, Leads::bytes)
    }

    fn is_for(&self, name: &DomainName, asked: Asked) -> bool {
        self.asked() == asked && self.0.slice.get(..self.name_bytes()) == Some(name.as_str().as_bytes())
    }
}

/// The addresses in the records of an answer.
fn addresses(records: Records<&[u8]>) -> impl Iterator<Item = IpAddr> {
    records.into_answers().filter_map(|(kind, data)| match kind {
        RecordType::A => data.as_array().copied().map(<[u8; 4]>::into),
        RecordType::AAAA => data.as_array().copied().map(<[u8; 16]>::into),
        _ => None,
    })
}

/// What the cache has on a question.
#[derive(Debug)]
pub(crate) enum Found {
    /// An answer within its time.
    Fresh(Entry),
    /// An answer past its time, that has just been asked for again in vain.
    Postponed(Entry),
    /// An answer past its time: ask again, it helps out if nobody answers.
    Stale(Entry),
    /// Nothing.
    Nothing,
}

/// Weighs entries by the memory behind them.
#[derive(Clone)]
struct Bytes;

impl Weighter<Fingerprint, Entry> for Bytes {
    fn weight(&self, _: &Fingerprint, entry: &Entry) -> u64 {
        entry.memory_bytes() as u64
    }
}

/// A hash of name and what is asked, under a key that changes with each start. It stands for both in the tables;
/// an entry that is found is compared with them in full.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Fingerprint(u64);

/// Hands a fingerprint on as its own hash.
#[derive(Clone, Copy, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        // Fingerprints come by `write_u64` alone.
        self.0 = bytes.iter().fold(self.0, |hash, &byte| hash.rotate_left(8) ^ u64::from(byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Kept answers within a limit of memory; those asked for often stay longest.
pub(crate) struct Cache {
    entries: QuickCache<Fingerprint, Entry, Bytes, BuildHasherDefault<AsItIs>>,
    key: RandomState,
    recollection: Recollection,
}

impl Cache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let estimate = usize::try_from(bytes_max / AVERAGE_BYTES).unwrap_or(usize::MAX).max(1);
        let entries = QuickCache::with(
            estimate,
            bytes_max,
            Bytes,
            BuildHasherDefault::default(),
            DefaultLifecycle::default(),
        );
        Self { entries, key: RandomState::new(), recollection: Recollection::default() }
    }

    /// The same, which knows where some hosts were last reached.
    pub(crate) fn with(self, recollection: Recollection) -> Self {
        Self { recollection, ..self }
    }

    /// What there is on a question. What is known from before the start is past its time from the beginning.
    pub(crate) fn find(&self, name: &DomainName, asked: Asked, now_s: Seconds) -> Found {
        let found = self.look_up(name, asked, now_s);
        if !matches!(found, Found::Nothing) {
            return found;
        }
        let Some(entry) = self.recollection.recall(name, asked, now_s) else { return Found::Nothing };
        // So that it is known for a while that asking has failed.
        self.keep(entry.clone());
        Found::Stale(entry)
    }

    fn look_up(&self, name: &DomainName, asked: Asked, now_s: Seconds) -> Found {
        let found = self.entries.get(&self.fingerprint(name.as_str(), asked));
        let Some(entry) = found.filter(|entry| entry.is_for(name, asked)) else {
            return Found::Nothing;
        };
        let (head, age_s) = (entry.head(), entry.age_s(now_s));
        if age_s < head.lifetime_s {
            Found::Fresh(entry)
        } else if entry.is_failure() || age_s - head.lifetime_s > STALE_S_MAX {
            Found::Nothing
        } else if now_s < head.recheck_s.load(Ordering::Relaxed) {
            Found::Postponed(entry)
        } else {
            Found::Stale(entry)
        }
    }

    pub(crate) fn keep(&self, entry: Entry) {
        self.entries.insert(self.fingerprint(entry.name(), entry.asked()), entry);
    }

    fn fingerprint(&self, name: &str, asked: Asked) -> Fingerprint {
        Fingerprint(self.key.hash_one((name, asked)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &DomainName, code: ResponseCode, now_s: Seconds, lifetime_s: Seconds) -> Entry {
        Entry::new(
            name,
            Asked::plain(RecordType::A),
            &Records::none(code),
            Leads::default(),
            now_s,
            lifetime_s,
        )
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
        let kept = entry(&name, ResponseCode::NoError, 100, 60);
        cache.keep(kept.clone());
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
    }

    #[test]
    fn a_failure_never_gets_stale() {
        let cache = Cache::new(CACHE_BYTES);
        let name: DomainName = "example.fr".parse().unwrap();
        let asked = Asked::plain(RecordType::A);
        cache.keep(entry(&name, ResponseCode::ServFail, 0, 5));
        assert_eq!(word(&cache.find(&name, asked, 4)), "fresh");
        assert_eq!(word(&cache.find(&name, asked, 5)), "nothing");
    }

    #[test]
    fn answers_differ_by_all_that_is_asked() {
        let cache = Cache::new(CACHE_BYTES);
        let [name, other] = ["example.fr", "example.com"].map(|name| name.parse::<DomainName>().unwrap());
        let asked = Asked::plain(RecordType::A);
        cache.keep(entry(&name, ResponseCode::NoError, 0, 5));
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
            cache.keep(entry(&name, ResponseCode::NoError, 0, 5));
        }
        assert!(cache.entries.weight() <= CACHE_BYTES);
        assert!(cache.entries.len() > 1_000);
    }

    const CACHE_BYTES: u64 = 1 << 20;
}
