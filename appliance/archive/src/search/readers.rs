//! Readers of sealed files: threads that each take the next file, in order, and hand over what they find in it.

use std::collections::HashMap;
use std::error::Error;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock};
use std::thread;

use journal::{ClockTie, Found, Hit, Late, Reckoning, may_end, may_repeat_since};

use super::clockwork::Clockwork;
use crate::filter::Filter;
use crate::frames::Frames;
use crate::reading::Sealed;
use crate::seal::Seal;
use crate::table::Table;

/// Files that are read at once: one for each processor, of which a box has two at least. Each reader holds the tail and a group of
/// rows of its file, some megabytes.
const READERS_MIN: usize = 2;
/// More would leave less of the machine to the classroom, and take more memory, than a search is worth.
const READERS_MAX: usize = 4;
/// Files that are read ahead of the one whose rows are given out, as far as their rows fit the queue.
const AHEAD: usize = 8;
/// Rows that are handed over at once, ...
const BATCH_ROWS: usize = 256;
/// ... and so many times before a reader waits.
const BATCHES: usize = 4;
/// In how many seals after an access its end and its repeats are looked for: a week and more.
pub(super) const LATE_SEALS: usize = 8;
/// In how many seals after a record without the time its tie is looked for: the clock of a box that runs is set within days,
/// or not in that run.
const TIE_SEALS: usize = 8;
/// Most ties that are kept of one seal: one a start of the box, and one each time that its clock is set.
const TIES_MAX: usize = 4_096;
/// Most things said later of accesses that are kept of one seal; of a day there are some hundred.
const NEWS_MAX: usize = 65_536;

type OpenError = Box<dyn Error + Send + Sync>;

/// How the reading of a file ended.
pub(super) enum End {
    Read,
    /// It is encrypted to others.
    Locked,
    Unreadable(OpenError),
}

/// What a file says of accesses of earlier ones, by their numbers.
#[derive(Default)]
pub(super) struct News {
    of: HashMap<u64, Vec<Late>>,
    /// Of all accesses together: a forged file says any number of things of a single one.
    count: usize,
}

impl News {
    pub(super) fn note(&mut self, late: Late) {
        if self.count < NEWS_MAX {
            self.count += 1;
            self.of.entry(late.of.number()).or_default().push(late);
        }
    }

    pub(super) fn join(&self, found: &mut Found) {
        self.of.get(&found.sequence.number()).into_iter().flatten().for_each(|late| late.join(found));
    }
}

/// What is known of what a file says of earlier accesses.
#[derive(Default)]
struct Gathered {
    /// Between which numbers these accesses are, once the file was opened for that.
    told_of: OnceLock<Vec<(u64, u64)>>,
    /// What it says, once it was read.
    news: OnceLock<News>,
}

impl Gathered {
    /// Whether something of these accesses may be said, and was not read yet.
    fn may_add(&self, accesses: &[u64]) -> bool {
        let is_told_of = |access: &u64, ranges: &Vec<(u64, u64)>| {
            ranges.iter().any(|(least, greatest)| (least..=greatest).contains(&access))
        };
        let may_be = |ranges: &Vec<(u64, u64)>| accesses.iter().any(|access| is_told_of(access, ranges));
        self.news.get().is_none() && self.told_of.get().is_none_or(may_be)
    }
}

/// Those who read, and what they read.
pub(super) struct Readers<'s, O> {
    seals: &'s [&'s Seal],
    open: &'s O,
    filter: &'s Filter,
    frames: &'s Frames,
    /// The seals that may have something, by their places.
    wanted: Vec<usize>,
    /// What each seal says of accesses of earlier ones, once somebody asked.
    news: Vec<Gathered>,
    /// Tables that were opened for their news and whose turn is still to come: to open one takes as long as to look through a
    /// group of its rows. As many as news are read ahead, and each is its end and a group.
    opened: Vec<Mutex<Option<Table>>>,
    /// What ties each seal's records, and earlier ones, to the true time, once somebody asked.
    ties: Vec<OnceLock<Vec<ClockTie>>>,
    /// The same of what is not sealed.
    ties_after: Vec<ClockTie>,
}

/// The rows of a file, or how its reading ended.
type Message = Result<Vec<Sealed>, End>;

/// Where readers say which file they have taken, and where its rows come.
type Taken = SyncSender<(usize, Receiver<Message>)>;

impl<'s, O> Readers<'s, O> {
    pub(super) fn new(
        seals: &'s [&'s Seal],
        open: &'s O,
        filter: &'s Filter,
        frames: &'s Frames,
        may_have: impl Fn(&Seal) -> bool,
    ) -> Self {
        let wanted = seals.iter().enumerate().filter(|(_, seal)| may_have(seal)).map(|(place, _)| place);
        let news = seals.iter().map(|_| Gathered::default()).collect();
        let ties = seals.iter().map(|_| OnceLock::new()).collect();
        let opened = seals.iter().map(|_| Mutex::new(None)).collect();
        let (wanted, ties_after) = (wanted.collect(), Vec::new());
        Self { seals, open, filter, frames, wanted, news, opened, ties, ties_after }
    }

    /// Whether a record that is wanted may be tied to the true time by what is not sealed.
    pub(super) fn may_ask_segments(&self) -> bool {
        let is_late = |place: &usize| place.saturating_add(TIE_SEALS) >= self.seals.len();
        let mut late = self.wanted.iter().filter(|place| is_late(place));
        late.any(|place| self.seals.get(*place).is_some_and(|seal| !seal.is_certain()))
    }

    /// What is known of the times of a seal that cannot be opened.
    pub(super) fn known_of(&self, place: usize, seal: &Seal) -> Reckoning {
        let mut known = self.frames.reckoning(seal);
        for ties in self.ties.iter().skip(place).take(1 + TIE_SEALS) {
            known.extend(ties.get().map_or(&[], Vec::as_slice));
        }
        known.extend(&self.ties_after);
        known
    }

    /// Takes a tie of what is not sealed.
    pub(super) fn note_tie(&mut self, tie: ClockTie) {
        if self.ties_after.len() < TIES_MAX {
            self.ties_after.push(tie);
        }
    }

    /// How many seals there are.
    pub(super) fn count(&self) -> usize {
        self.seals.len()
    }

    /// What the seals after this one say, as far as somebody asked.
    pub(super) fn news_after(&self, place: usize) -> impl Iterator<Item = &News> {
        self.news.iter().skip(place + 1).take(LATE_SEALS).filter_map(|gathered| gathered.news.get())
    }
}

impl<O> Readers<'_, O>
where
    O: Fn(&Seal) -> Result<Option<Table>, OpenError> + Sync,
{
    /// Reads all files that may have something and gives out their rows and their ends in order, until `each` breaks.
    pub(super) fn run(&self, mut each: impl FnMut(usize, Message) -> ControlFlow<()>) -> ControlFlow<()> {
        let (taken, files) = sync_channel(AHEAD);
        let next = Mutex::new(0);
        thread::scope(|scope| {
            let processors = thread::available_parallelism().map_or(READERS_MIN, NonZeroUsize::get);
            for _ in 0..processors.clamp(READERS_MIN, READERS_MAX).min(self.wanted.len()) {
                let (taken, next) = (taken.clone(), &next);
                scope.spawn(move || while self.take_turn(next, &taken).is_some() {});
            }
            drop(taken);
            let flow = files.iter().try_for_each(|(place, messages)| {
                messages.into_iter().try_for_each(|message| each(place, message))
            });
            // The readers stop when nobody takes what they hand over.
            drop(files);
            flow
        })
    }

    /// Reads the next file; `None` where there is none, or nobody wants it.
    fn take_turn(&self, next: &Mutex<usize>, taken: &Taken) -> Option<()> {
        let (place, sender) = {
            let mut next = next.lock().ok()?;
            let place = *self.wanted.get(*next)?;
            *next += 1;
            let (sender, messages) = sync_channel(BATCHES);
            // Under the lock: files are handed over in their order.
            taken.send((place, messages)).ok()?;
            (place, sender)
        };
        let end = self.read(place, &sender);
        sender.send(Err(end)).ok()
    }

    fn read(&self, place: usize, sender: &SyncSender<Message>) -> End {
        let Some(seal) = self.seals.get(place) else { return End::Read };
        let table = match self.take_opened(place).map_or_else(|| (self.open)(seal), |table| Ok(Some(table))) {
            Ok(Some(table)) => table,
            Ok(None) => return End::Locked,
            Err(error) => return End::Unreadable(error),
        };
        let mut batch = Vec::new();
        let each = |sealed| {
            batch.push(sealed);
            if batch.len() >= BATCH_ROWS {
                self.hand_over(place, &mut batch, sender)
            } else {
                ControlFlow::Continue(())
            }
        };
        let outcome = if seal.is_certain() {
            table.search(self.filter, each)
        } else {
            self.note_ties(place, &table);
            let mut places = place..=place.saturating_add(TIE_SEALS);
            let clockwork = Clockwork::new(self.frames.reckoning(seal), || {
                places.next().map(|place| self.ties_of(place))
            });
            let tell = |sequence, at, clock| clockwork.when(sequence, at, clock);
            table.search_reckoned(self.filter, &tell, each)
        };
        // Whether somebody still wants it makes no difference: it is the end.
        let _flow = self.hand_over(place, &mut batch, sender);
        outcome.map_or_else(|error| End::Unreadable(error.into()), |_| End::Read)
    }

    fn hand_over(
        &self,
        place: usize,
        batch: &mut Vec<Sealed>,
        sender: &SyncSender<Message>,
    ) -> ControlFlow<()> {
        self.gather_news_of(place, batch);
        match sender.send(Ok(std::mem::take(batch))) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// What a seal ties to the true time; for places after the last seal, what is not sealed does. What cannot be read ties
    /// nothing.
    fn ties_of(&self, place: usize) -> &[ClockTie] {
        let (Some(seal), Some(ties)) = (self.seals.get(place), self.ties.get(place)) else {
            return &self.ties_after;
        };
        ties.get_or_init(|| (self.open)(seal).ok().flatten().map_or_else(Vec::new, |table| read_ties(&table)))
    }

    /// The same of a table that is open.
    fn note_ties(&self, place: usize, table: &Table) {
        if let Some(ties) = self.ties.get(place) {
            ties.get_or_init(|| read_ties(table));
        }
    }

    /// Reads what the seals after this one say of these accesses, where they can say anything. What cannot be read says nothing:
    /// that it cannot is told where it may have something.
    fn gather_news_of(&self, place: usize, batch: &[Sealed]) {
        let accesses: Vec<&Found> = batch.iter().filter_map(access_of).collect();
        let later = self.seals.iter().zip(&self.news).enumerate().skip(place + 1).take(LATE_SEALS);
        for (later, (seal, news)) in later {
            let awaiting: Vec<u64> = accesses
                .iter()
                .filter(|found| may_be_told_of(found, seal))
                .map(|found| found.sequence.number())
                .collect();
            if !awaiting.is_empty() && news.may_add(&awaiting) {
                self.read_news(later, seal, news, &awaiting);
            }
        }
    }

    /// Opens a file, and reads what it says of earlier accesses where it says something of these.
    fn read_news(&self, place: usize, seal: &Seal, gathered: &Gathered, awaiting: &[u64]) {
        let table = self.take_opened(place).map_or_else(|| (self.open)(seal), |table| Ok(Some(table)));
        let Ok(Some(table)) = table else {
            gathered.told_of.get_or_init(Vec::new);
            return;
        };
        gathered.told_of.get_or_init(|| table.told_of());
        if gathered.may_add(awaiting) {
            gathered.news.get_or_init(|| {
                let mut news = News::default();
                table.read_late(|late| news.note(late)).ok();
                news
            });
        }
        self.keep_opened(place, table);
    }

    /// Keeps a table for whoever reads it next, where somebody will.
    fn keep_opened(&self, place: usize, table: Table) {
        let is_wanted = self.wanted.binary_search(&place).is_ok();
        if let Some(Ok(mut kept)) = self.opened.get(place).filter(|_| is_wanted).map(Mutex::lock) {
            *kept = Some(table);
        }
    }

    fn take_opened(&self, place: usize) -> Option<Table> {
        self.opened.get(place)?.lock().ok()?.take()
    }
}

fn access_of(sealed: &Sealed) -> Option<&Found> {
    match sealed {
        Sealed::Hit(hit) => match &**hit {
            Hit::Access(found) => Some(found),
            Hit::Act(_) | Hit::Person(_) | Hit::Damage(_) | Hit::Unreadable { .. } => None,
        },
        Sealed::Late(_) | Sealed::Other(_) => None,
    }
}

/// Whether a later seal may have something to say of an access: its end, where it may still have one, or repeats, which have
/// their times among those of the seal.
fn may_be_told_of(found: &Found, seal: &Seal) -> bool {
    may_end(found) || seal.times.is_some_and(|(first, _)| may_repeat_since(found, first))
}

fn read_ties(table: &Table) -> Vec<ClockTie> {
    let mut ties = Vec::new();
    let read = table.read_clock_ties(|tie| {
        if ties.len() < TIES_MAX {
            ties.push(tie);
        }
    });
    // What cannot be read is told by the search itself.
    read.ok();
    ties
}

#[cfg(test)]
mod tests {
    use journal::Sequence;
    use model::Timestamp;

    use super::*;

    #[test]
    fn what_is_said_later_has_a_limit_whatever_it_is_of() {
        let repeat = journal::News::Repeat { count: 2, last_at: Timestamp::from_unix_ms(0) };
        for accesses in [1, 1_000, u64::MAX] {
            let mut news = News::default();
            for number in (1..).take(NEWS_MAX + 100) {
                let of = Sequence::new(number % accesses);
                news.note(Late { sequence: Sequence::new(number), of, news: repeat });
            }
            assert_eq!(news.of.values().map(Vec::len).sum::<usize>(), NEWS_MAX, "of {accesses} accesses");
        }
    }
}
