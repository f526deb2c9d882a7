//! What is stated in a log, verified: nothing was deleted before its time, or while it was held, and what is said of its
//! time is so.
//!
//! All of it follows from the log: it stands when the files, the box and the configuration are long gone.

use model::{ClockQuality, Timestamp};

use crate::belief::{Belief, CONFIRMATION_DAYS};
use crate::bounds::Bounds;
use crate::finding::{Finding, Remark};
use crate::leaf::Leaf;
use crate::log::Log;
use crate::retention::{DAY_MS, Field, Retention};
use crate::seal::Seal;
use crate::statement::{Expiry, Fact, Hold, Policy, Promptness, State, Statement, Term, Unsealed};
use crate::term::{due, promptness};

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
    let mut auditor = Auditor { log, audit: Audit::default(), retention: Retention::default() };
    let mut belief = Belief::default();
    for (place, leaf) in log.leaves().enumerate() {
        if let Leaf::Statement(statement) = leaf {
            auditor.check(place, statement, &belief);
        }
        belief.note(leaf.made());
    }
    for (statement, hold) in log.holds().values() {
        auditor.audit.remarks.push(Remark::Held { entry: statement.number, hold: (*hold).clone() });
    }
    auditor.audit
}

struct Auditor<'l> {
    log: &'l Log,
    audit: Audit,
    /// What is decided at this place.
    retention: Retention,
}

impl<'l> Auditor<'l> {
    fn check(&mut self, place: usize, statement: &Statement, belief: &Belief) {
        match &statement.fact {
            Fact::Expiry(expiry) => self.check_expiry(place, statement, expiry, belief),
            Fact::Unsealed(unsealed) => self.check_unsealed(place, statement, unsealed, belief),
            Fact::Policy(Policy { retention, signed }) => {
                self.retention = *retention;
                let (entry, signed) = (statement.number, signed.clone());
                self.audit.remarks.push(Remark::Policy { entry, retention: *retention, signed });
            }
            Fact::Lift(lift) => {
                let is_there = self
                    .before(place)
                    .filter_map(Leaf::statement)
                    .any(|held| held.number == lift.hold && matches!(held.fact, Fact::Hold(_)));
                if !is_there {
                    self.audit.findings.push(Finding::NoHold { entry: statement.number, hold: lift.hold });
                }
            }
            Fact::Hold(_) | Fact::Clock => {}
        }
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
        if self.was_deleted(place, expiry) {
            return self.audit.findings.push(Finding::Expiry { entry, what: "the file was deleted before" });
        }
        if expiry.found != State::Intact {
            self.audit.findings.push(Finding::Perished { entry, seal: seal.number, found: expiry.found });
        }
        let bounds = Bounds::of(self.before(place), seal.number, statement.at);
        let days = self.log.days_kept(seal.number, expiry.field, &self.retention);
        let is_due = due(&bounds, seal, days) == Some(expiry.term.due) && expiry.term.days == days;
        let right = self.promptness(place, statement, &expiry.term, |hold| hold.covers(seal, &bounds));
        self.check_term(place, statement, &expiry.term, is_due, &[right], belief);
        self.check_held(place, entry, (seal, &bounds));
    }

    fn check_unsealed(&mut self, place: usize, statement: &Statement, unsealed: &Unsealed, belief: &Belief) {
        // When its records were made is known from the segment alone, which is gone; only that it was not later than said.
        let bounds = Bounds::after_all(self.before(place), statement.at);
        let days = unsealed.term.days;
        let made_ms = unsealed.term.due.unix_ms().saturating_sub(i64::from(days) * DAY_MS);
        let is_after = bounds.not_before().is_none_or(|before| made_ms >= before.unix_ms());
        let is_due = days == self.retention.days(Field::Access) && is_after;
        self.audit.remarks.push(Remark::DeletedUnsealed {
            entry: statement.number,
            segment: unsealed.segment,
            records: unsealed.through.saturating_sub(unsealed.after),
        });
        // Nor is it known which holds were about them.
        let right = [false, true].map(|covers| self.promptness(place, statement, &unsealed.term, |_| covers));
        self.check_term(place, statement, &unsealed.term, is_due, &right, belief);
    }

    fn was_deleted(&self, place: usize, expiry: &Expiry) -> bool {
        let mut facts = self.before(place).filter_map(Leaf::statement).map(|statement| &statement.fact);
        facts.any(|fact| {
            matches!(fact, Fact::Expiry(before) if (before.seal, before.field) == (expiry.seal, expiry.field))
        })
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
        if statement.at < term.due || self.log.leaves().skip(place + 1).any_time_confirmed_before(term.due) {
            findings.push(Finding::Early { entry, due: term.due });
        }
        match &term.vouched {
            Some(name) => self.audit.remarks.push(Remark::Vouched { entry, name: name.clone() }),
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
    fn check_held(&mut self, place: usize, entry: u64, (seal, bounds): (&Seal, &Bounds)) {
        let facts = || self.before(place).filter_map(Leaf::statement);
        let lifted: Vec<u64> = facts()
            .filter_map(|statement| match &statement.fact {
                Fact::Lift(lift) => Some(lift.hold),
                Fact::Hold(_) | Fact::Expiry(_) | Fact::Unsealed(_) | Fact::Policy(_) | Fact::Clock => None,
            })
            .collect();
        let held = facts().find(|statement| {
            matches!(&statement.fact, Fact::Hold(hold) if hold.covers(seal, bounds))
                && !lifted.contains(&statement.number)
        });
        if let Some(hold) = held.map(|statement| statement.number) {
            self.audit.findings.push(Finding::WasHeld { entry, hold });
        }
    }
}

/// Later entries that show that an earlier clock was ahead.
trait Later {
    /// Whether clocks that are believed went on for days before this time.
    fn any_time_confirmed_before(self, time: Timestamp) -> bool;
}

impl<'l, I: Iterator<Item = &'l Leaf>> Later for I {
    fn any_time_confirmed_before(self, time: Timestamp) -> bool {
        let times = self.map(Leaf::made);
        let before = times.filter(|(made, clock)| *clock == ClockQuality::Synchronised && *made < time);
        let (first, last) = before.fold((i64::MAX, i64::MIN), |(first, last), (made, _)| {
            (first.min(made.unix_ms()), last.max(made.unix_ms()))
        });
        last.saturating_sub(first) >= CONFIRMATION_DAYS * DAY_MS
    }
}
