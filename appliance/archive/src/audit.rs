//! What is stated in a log, verified: nothing was deleted before its time, or while it was held, and what is said of its
//! time is so.
//!
//! All of it follows from the log: it stands when the files, the box and the configuration are long gone.

use std::collections::{BTreeMap, BTreeSet};

use model::{ClockQuality, Timestamp};

use crate::belief::{Belief, CONFIRMATION_DAYS, days_after_last};
use crate::bounds::{Bounds, Chronicle, number_about};
use crate::finding::{Finding, Remark};
use crate::leaf::Leaf;
use crate::log::Log;
use crate::retention::{DAY_MS, Field, Retention};
use crate::seal::{Form, Seal};
use crate::statement::{
    Approval, Expiry, Fact, Hold, Policy, Promptness, Readers, State, Statement, Term, Unsealed,
};
use crate::term::{DELETED_WITHIN_DAYS, after, due, list_due, promptness, settled};

/// How many leaves an audit goes over to reckon times, those twice that it goes over twice. A box of twenty years makes it go over half
/// as many: each night in which something is deleted, over all before it. A log that somebody wrote to keep an audit busy ends it.
const LEAVES_MAX: u64 = 1 << 32;

/// What an audit found.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    pub(crate) findings: Vec<Finding>,
    pub(crate) remarks: Vec<Remark>,
    /// Files and segments that were deleted when it was time.
    pub(crate) on_time: u64,
    /// Those that were deleted later.
    pub(crate) late: u64,
}

/// Goes over the statements of a log.
pub(crate) fn audit(log: &Log) -> Audit {
    audit_within(log, LEAVES_MAX)
}

/// The same, going over so many leaves at most to reckon times.
pub(crate) fn audit_within(log: &Log, leaves_max: u64) -> Audit {
    let mut auditor = Auditor {
        log,
        audit: Audit::default(),
        told: None,
        leaves_left: Some(leaves_max),
        readers: None,
        holds: BTreeMap::new(),
        placed: BTreeSet::new(),
        deleted: BTreeSet::new(),
    };
    let mut belief = Belief::default();
    let mut believed = Vec::new();
    for (place, leaf) in log.leaves().enumerate() {
        match leaf {
            Leaf::Statement(statement) => {
                auditor.check(place, statement, &belief);
                auditor.note(statement);
            }
            Leaf::Seal(seal) => auditor.check_form(seal),
        }
        believed.extend(belief.check(leaf.made()).is_ok().then_some((leaf.number(), leaf.made().0)));
        belief.note(leaf.made());
    }
    auditor.check_overdue(&believed);
    if auditor.leaves_left.is_none() {
        let what = "its times change so often that it was given up";
        auditor.audit.findings.push(Finding::Unaudited(what));
    }
    let in_force = log.holds();
    for statement in log.statements() {
        let entry = statement.number;
        auditor.audit.remarks.extend(match &statement.fact {
            Fact::Hold(hold) if in_force.contains_key(&entry) => {
                Some(Remark::Held { entry, hold: hold.clone() })
            }
            Fact::Hold(hold) => Some(Remark::WasHeld { entry, hold: hold.clone() }),
            Fact::Lift(lift) => Some(Remark::Lifted { entry, lift: lift.clone() }),
            Fact::Expiry(_)
            | Fact::Unsealed(_)
            | Fact::Policy(_)
            | Fact::Approval(_)
            | Fact::Readers(_)
            | Fact::Clock => None,
        });
    }
    auditor.audit
}

struct Auditor<'l> {
    log: &'l Log,
    audit: Audit,
    /// What was asked for last.
    told: Option<Told>,
    /// How many leaves may still be gone over to reckon times; `None` once that was too few.
    leaves_left: Option<u64>,
    /// To whom files are sealed at this place, as far as the log says.
    readers: Option<&'l Readers>,
    /// The holds in force at this place.
    holds: BTreeMap<u64, &'l Hold>,
    /// The numbers of all holds before it.
    placed: BTreeSet<u64>,
    /// The files that are deleted before it.
    deleted: BTreeSet<(u64, Field)>,
}

/// What the leaves before a place tell of times at a moment.
struct Told {
    place: usize,
    now: Timestamp,
    chronicle: Chronicle,
    /// For how long what is sealed is kept then.
    settled: Retention,
}

impl Told {
    /// Whether the leaves before a later place tell the same. A night that deletes much asks for it again and again, and what it
    /// enters at this moment bounds nothing.
    fn is_so(&self, log: &Log, place: usize, now: Timestamp) -> bool {
        let count = place.checked_sub(self.place).filter(|_| self.now == now);
        let changes = |leaf: &Leaf| {
            let (made, clock) = leaf.made();
            let bounds = clock == ClockQuality::Synchronised && made < now;
            bounds || leaf.statement().is_some_and(|statement| statement.policy().is_some())
        };
        count.is_some_and(|count| !log.leaves().skip(self.place).take(count).any(changes))
    }
}

impl<'l> Auditor<'l> {
    fn check(&mut self, place: usize, statement: &'l Statement, belief: &Belief) {
        match &statement.fact {
            Fact::Expiry(expiry) => self.check_expiry(place, statement, expiry, belief),
            Fact::Unsealed(unsealed) => self.check_unsealed(place, statement, unsealed, belief),
            Fact::Policy(Policy { retention, signed }) => {
                let (entry, signed) = (statement.number, signed.clone());
                self.audit.remarks.push(Remark::Policy { entry, retention: *retention, signed });
            }
            Fact::Lift(lift) => {
                if !self.placed.contains(&lift.hold) {
                    self.audit.findings.push(Finding::NoHold { entry: statement.number, hold: lift.hold });
                }
            }
            Fact::Readers(readers) => {
                self.readers = Some(readers);
                self.audit
                    .remarks
                    .push(Remark::Readers { entry: statement.number, readers: readers.clone() });
            }
            Fact::Approval(Approval { policy, author }) => {
                let (entry, policy, author) = (statement.number, *policy, author.clone());
                // Of numbers that nobody has stated: those that hold where none are.
                let last =
                    self.before(place).filter_map(Leaf::statement).filter(|it| it.policy().is_some()).last();
                if policy != last.map(|it| it.number) {
                    self.audit.findings.push(Finding::NoPolicy { entry, policy: policy.unwrap_or(0) });
                }
                self.audit.remarks.push(Remark::Approved { entry, policy, author });
            }
            Fact::Hold(_) | Fact::Clock => {}
        }
    }

    /// Notes what a statement changes for those after it.
    fn note(&mut self, statement: &'l Statement) {
        match &statement.fact {
            Fact::Hold(hold) => {
                self.holds.insert(statement.number, hold);
                self.placed.insert(statement.number);
            }
            Fact::Lift(lift) => {
                self.holds.remove(&lift.hold);
            }
            Fact::Expiry(expiry) => {
                self.deleted.insert((expiry.seal, expiry.field));
            }
            Fact::Unsealed(_) | Fact::Policy(_) | Fact::Approval(_) | Fact::Readers(_) | Fact::Clock => {}
        }
    }

    fn check_form(&mut self, seal: &Seal) {
        let Some(readers) = self.readers else { return };
        let form = if readers.is_empty() { Form::Plain } else { Form::Encrypted };
        if seal.files().any(|(_, file, _)| file.form != form) {
            self.audit.findings.push(Finding::Form(seal.number));
        }
    }

    /// What was due when the box was on and knew the time, and is not deleted days later. `believed` are the entries of a clock that
    /// was believed, by number, and when they were made.
    fn check_overdue(&mut self, believed: &[(u64, Timestamp)]) {
        let Some((_, now)) = believed.last() else { return };
        let is_earlier = |(_, at): &&(u64, Timestamp)| after(*at, DELETED_WITHIN_DAYS) <= *now;
        let Some((place, then)) = believed.iter().rev().find(is_earlier) else { return };
        // What a hold kept until then goes with the next run. Whether it was lifted since is told by its place: its clock may be wrong.
        let freed = self.list_freed(*place);
        let chronicle = Chronicle::new(self.log.leaves(), *then);
        let as_of_then = usize::try_from(*place).unwrap_or(usize::MAX);
        let known_then = Chronicle::new(self.before(as_of_then), *then);
        // By what is known now of its time, or was known then: a hold may have covered more.
        let was_freed = |seal: &Seal| {
            let of_now = chronicle.bounds(seal.number);
            let of_then = known_then.bounds(seal.number);
            freed.iter().any(|hold| hold.covers(seal, &of_now) || hold.covers(seal, &of_then))
        };
        let due = list_due(self.log, *then).into_iter();
        let due = due.filter(|due| freed.is_empty() || !was_freed(due.seal));
        let overdue = due.filter_map(|due| {
            let (_, _, file) = due.seal.files().find(|(field, _, _)| *field == due.field)?;
            Some(Finding::Overdue { seal: due.seal.number, file, due: due.at })
        });
        let overdue: Vec<Finding> = overdue.collect();
        self.audit.findings.extend(overdue);
    }

    /// The holds that were lifted after the entry of this number.
    fn list_freed(&self, place: u64) -> Vec<&'l Hold> {
        let mut placed = BTreeMap::new();
        let mut freed: Vec<&'l Hold> = Vec::new();
        for statement in self.log.statements() {
            match &statement.fact {
                Fact::Hold(hold) => {
                    placed.insert(statement.number, hold);
                }
                Fact::Lift(lift) => {
                    freed.extend(placed.remove(&lift.hold).filter(|_| statement.number > place));
                }
                Fact::Expiry(_)
                | Fact::Unsealed(_)
                | Fact::Policy(_)
                | Fact::Approval(_)
                | Fact::Readers(_)
                | Fact::Clock => {}
            }
        }
        freed
    }

    /// The bounds of a seal by the leaves before a place, and for how long what is sealed is kept there; `None` where too many leaves
    /// were gone over for such things.
    fn reckon(&mut self, place: usize, now: Timestamp, number: u64) -> Option<(Bounds, Retention)> {
        let is_so = self.told.as_ref().is_some_and(|told| told.is_so(self.log, place, now));
        if !is_so {
            // Each policy is set beside all times.
            let policies = self.before(place).filter_map(Leaf::statement).filter(|it| it.policy().is_some());
            let leaves = (place as u64).saturating_mul(policies.count() as u64 + 1);
            self.leaves_left = self.leaves_left.and_then(|left| left.checked_sub(leaves));
            self.leaves_left?;
            let chronicle = Chronicle::new(self.before(place), now);
            let settled = settled(self.before(place), &chronicle, now);
            self.told = Some(Told { place, now, chronicle, settled });
        }
        let told = self.told.as_mut()?;
        told.place = place;
        Some((told.chronicle.bounds(number), told.settled))
    }

    fn before(&self, place: usize) -> impl Iterator<Item = &'l Leaf> + Clone + use<'l> {
        self.log.leaves().take(place)
    }

    fn check_expiry(&mut self, place: usize, statement: &Statement, expiry: &Expiry, belief: &Belief) {
        let entry = statement.number;
        let seal = self.before(place).filter_map(Leaf::seal).find(|seal| seal.number == expiry.seal);
        let sealed = seal.and_then(|seal| Some((seal, seal.file(expiry.field)?)));
        let Some((seal, _)) = sealed.filter(|(_, file)| file.hash == expiry.hash) else {
            return self.audit.findings.push(Finding::Expiry { entry, what: "no such file was sealed" });
        };
        if self.deleted.contains(&(expiry.seal, expiry.field)) {
            return self.audit.findings.push(Finding::Expiry { entry, what: "the file was deleted before" });
        }
        if expiry.found != State::Intact {
            self.audit.findings.push(Finding::Perished { entry, seal: seal.number, found: expiry.found });
        }
        let Some((bounds, settled)) = self.reckon(place, statement.at, seal.number) else { return };
        let days = self.log.days_kept(seal.number, expiry.field, &settled);
        let is_due = due(&bounds, seal, days) == Some(expiry.term.due) && expiry.term.days == days;
        let right = self.promptness(place, statement, &expiry.term, |hold| hold.covers(seal, &bounds));
        self.check_term(place, statement, &expiry.term, is_due, &[right], belief);
        self.check_held(entry, (seal, &bounds));
    }

    fn check_unsealed(&mut self, place: usize, statement: &Statement, unsealed: &Unsealed, belief: &Belief) {
        // When its records were made is known from the segment alone, which is gone; only that it was not later than said.
        let number = number_about(self.before(place), unsealed.segment);
        let Some((bounds, settled)) = self.reckon(place, statement.at, number) else { return };
        let days = unsealed.term.days;
        let made_ms = unsealed.term.due.unix_ms().saturating_sub(i64::from(days) * DAY_MS);
        let is_after = bounds.not_before().is_none_or(|before| made_ms >= before.unix_ms());
        let is_due = days == settled.days(Field::Access) && is_after;
        self.audit.remarks.push(Remark::DeletedUnsealed {
            entry: statement.number,
            segment: unsealed.segment,
            records: unsealed.through.saturating_sub(unsealed.after),
        });
        // Nor is it known which holds were about them.
        let right = [false, true].map(|covers| self.promptness(place, statement, &unsealed.term, |_| covers));
        self.check_term(place, statement, &unsealed.term, is_due, &right, belief);
    }

    fn promptness(
        &self,
        place: usize,
        statement: &Statement,
        term: &Term,
        covers: impl Fn(&Hold) -> bool,
    ) -> Promptness {
        promptness(self.before(place), covers, term.due, statement.at)
    }

    fn check_term(
        &mut self,
        place: usize,
        statement: &Statement,
        term: &Term,
        is_due: bool,
        right: &[Promptness],
        belief: &Belief,
    ) {
        let entry = statement.number;
        let findings = &mut self.audit.findings;
        if !is_due {
            findings.push(Finding::Expiry { entry, what: "its time was another than the entry says" });
        }
        if statement.at < term.due || was_ahead(self.log, place, term) {
            findings.push(Finding::Early { entry, due: term.due });
        }
        match &term.vouched {
            Some(name) => {
                let days = days_after_last(self.log.leaves().take(place), statement.at);
                self.audit.remarks.push(Remark::Vouched { entry, name: name.clone(), days });
            }
            None => {
                let doubt = belief.check((statement.at, statement.clock)).err();
                findings.extend(doubt.map(|doubt| Finding::Doubted { entry, doubt }));
            }
        }
        if !right.contains(&term.promptness) {
            findings.push(Finding::Expiry { entry, what: "it was later or earlier than the entry says" });
        }
        match term.promptness {
            Promptness::OnTime => self.audit.on_time += 1,
            Promptness::Off | Promptness::Held | Promptness::Late => self.audit.late += 1,
        }
    }

    /// Nothing that was held at that moment.
    fn check_held(&mut self, entry: u64, (seal, bounds): (&Seal, &Bounds)) {
        let held = self.holds.iter().find(|(_, hold)| hold.covers(seal, bounds));
        if let Some((hold, _)) = held {
            self.audit.findings.push(Finding::WasHeld { entry, hold: *hold });
        }
    }
}

/// Whether later entries show that the clock was ahead by which something was deleted: they went on for days before that was due.
/// Where a person vouched for the time, each clock that was set may contradict her, as long as it goes on from where it was.
fn was_ahead(log: &Log, place: usize, term: &Term) -> bool {
    let later = || log.leaves().skip(place + 1).map(Leaf::made).filter(|(made, _)| *made < term.due);
    let known = later().filter(|(_, clock)| *clock == ClockQuality::Synchronised);
    let before = log.leaves().take(place).rev().filter(|leaf| !leaf.is_vouched()).map(Leaf::made);
    let reached = before.filter(|(_, clock)| *clock != ClockQuality::Unset).map(|(made, _)| made).next();
    let set = later().filter(|(made, clock)| *clock != ClockQuality::Unset && reached <= Some(*made));
    went_on(known) || (term.vouched.is_some() && went_on(set))
}

fn went_on(times: impl Iterator<Item = (Timestamp, ClockQuality)>) -> bool {
    let (first, last) = times.fold((i64::MAX, i64::MIN), |(first, last), (made, _)| {
        (first.min(made.unix_ms()), last.max(made.unix_ms()))
    });
    last.saturating_sub(first) >= CONFIRMATION_DAYS * DAY_MS
}
