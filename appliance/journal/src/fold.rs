//! Repeated DNS questions, folded into the record of the first one.

use std::collections::HashMap;

use model::{AccessKind, Timestamp, Verdict};

/// How long repeats fold into a first record, in milliseconds.
pub const FOLD_WINDOW_MS: u64 = 60_000;
/// Most first records that are remembered: 60 s of 250 new names a second. Beyond, every question is a record.
const FOLDS_MAX: usize = 16_384;
/// Most bytes of keys: twice what as many ordinary keys take, so that odd names cannot fill the memory.
const KEY_BYTES_MAX: usize = 2 << 20;
/// How often ended windows are looked for, in milliseconds: it takes a walk over all, with the queue locked.
const SWEEP_INTERVAL_MS: u64 = 10_000;

/// How far an access may lie before the record that it folds into, in milliseconds: threads read the clock,
/// then wait for their turn. More means that the clock was set back, which ends a window.
const DISORDER_MS_MAX: u64 = 500;

/// Whether equal accesses share a record: those that are over once they are judged, and come in numbers.
pub(crate) fn may_fold(kind: AccessKind, verdict: Verdict) -> bool {
    match kind {
        AccessKind::Dns => true,
        AccessKind::Tls | AccessKind::Http | AccessKind::Connect => false,
        AccessKind::Tcp | AccessKind::Udp | AccessKind::Ip => verdict == Verdict::Refuse,
    }
}

/// The first records whose windows are open, by the body of the record: same subject, name, verdict and reason.
#[derive(Default)]
pub(crate) struct Folds {
    by_body: HashMap<Box<[u8]>, Fold>,
    key_bytes: usize,
    swept_at: Option<Timestamp>,
}

/// A first record, and how often it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fold {
    /// The first record.
    pub(crate) of: u64,
    first_at: Timestamp,
    pub(crate) last_at: Timestamp,
    /// Accesses, the first one included.
    pub(crate) count: u32,
    /// Where the queue holds the latest repeat.
    pub(crate) repeat: Option<QueuedRepeat>,
}

/// A repeat record in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueuedRepeat {
    /// The batch that it belongs to: once that one is with the writer, the repeat cannot be changed.
    pub(crate) batch: u64,
    /// Where its payload starts.
    pub(crate) offset: usize,
    /// Its number.
    pub(crate) sequence: u64,
}

impl Fold {
    /// A first record that the queue has accepted.
    pub(crate) fn first(of: u64, at: Timestamp) -> Self {
        Self { of, first_at: at, last_at: at, count: 1, repeat: None }
    }

    /// Whether an access at this time belongs to the window.
    fn covers(&self, at: Timestamp) -> bool {
        self.first_at.ms_since(at) <= DISORDER_MS_MAX && at.ms_since(self.first_at) < FOLD_WINDOW_MS
    }

    /// The same with so many more accesses.
    pub(crate) fn again(self, at: Timestamp, times: u32) -> Self {
        Self { count: self.count.saturating_add(times), last_at: self.last_at.max(at), ..self }
    }

    /// The same, counted by this repeat.
    pub(crate) fn with_repeat(self, repeat: QueuedRepeat) -> Self {
        Self { repeat: Some(repeat), ..self }
    }
}

impl Folds {
    /// The first record that an access at this time folds into.
    pub(crate) fn find(&mut self, body: &[u8], at: Timestamp) -> Option<&mut Fold> {
        self.by_body.get_mut(body).filter(|fold| fold.covers(at))
    }

    /// Remembers a record that the queue has accepted.
    pub(crate) fn insert(&mut self, body: &[u8], fold: Fold) {
        if let Some(ended) = self.by_body.get_mut(body) {
            *ended = fold;
        } else if self.by_body.len() < FOLDS_MAX && self.key_bytes + body.len() <= KEY_BYTES_MAX {
            self.key_bytes += body.len();
            self.by_body.insert(body.into(), fold);
        }
    }

    /// Forgets the windows that have ended, every [`SWEEP_INTERVAL_MS`].
    pub(crate) fn sweep(&mut self, now: Timestamp) {
        let due = |swept_at: Timestamp| now < swept_at || now.ms_since(swept_at) >= SWEEP_INTERVAL_MS;
        if !self.swept_at.is_none_or(due) {
            return;
        }
        self.swept_at = Some(now);
        let key_bytes = &mut self.key_bytes;
        self.by_body.retain(|body, fold| {
            let is_open = fold.covers(now);
            *key_bytes -= if is_open { 0 } else { body.len() };
            is_open
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::at;

    #[test]
    fn a_window_has_an_end() {
        let mut folds = Folds::default();
        folds.insert(b"a", Fold::first(1, at(100)));
        assert_eq!(folds.find(b"a", at(100)).map(|fold| fold.of), Some(1));
        assert!(folds.find(b"b", at(100)).is_none());
        assert!(folds.find(b"a", at(159)).is_some());
        assert!(folds.find(b"a", at(160)).is_none());
        assert!(folds.find(b"a", at(99)).is_none(), "the clock was set back");
        folds.insert(b"a", Fold::first(7, at(160)));
        assert_eq!(folds.find(b"a", at(161)).map(|fold| fold.of), Some(7));
    }

    #[test]
    fn memory_is_bounded_and_given_back() {
        let mut folds = Folds::default();
        for number in 0..100_000_u64 {
            folds.insert(&number.to_le_bytes(), Fold::first(number, at(100)));
        }
        assert_eq!(folds.by_body.len(), FOLDS_MAX);
        folds.sweep(at(100));
        folds.sweep(at(109));
        assert_eq!(folds.by_body.len(), FOLDS_MAX);
        folds.sweep(at(200));
        assert_eq!((folds.by_body.len(), folds.key_bytes), (0, 0));
        for number in 0..10_000_u64 {
            folds.insert(&[&[0; 1_000][..], &number.to_le_bytes()].concat(), Fold::first(number, at(200)));
        }
        assert!(folds.by_body.len() < 10_000 && folds.key_bytes <= KEY_BYTES_MAX);
        folds.sweep(at(50));
        assert_eq!(folds.by_body.len(), 0, "the clock was set back");
    }
}
