//! What an access point has to do next.
//!
//! ```text
//!   sends, and should not, or is not what it should be --> silence
//!   is not what it should be -----------------------------> set up     (it is silent from then on)
//!   has other keys ---------------------------------------> load keys  (devices that have theirs stay)
//!   should send, and does not, or until another time -----> send       (never without an end that lies ahead)
//! ```
//! One step at a time: what comes after it depends on what the access point made of it, which is read back.

use model::Timestamp;

use crate::Intent;
use crate::setup::{Stamp, Stamps};

/// How much later an access point may go silent by itself than it should, in milliseconds: it counts seconds.
const LATE_MS_MAX: u64 = 1_000;

/// Steps from any state to the intended one: each at most once. An access point that needs more does not do as it is told.
pub const STEPS_MAX: usize = 4;

/// What an access point was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reality {
    /// What it is set up as; `None`: as nothing that it was given, or it does not run.
    pub setup: Option<Stamp>,
    /// The keys that it has.
    pub keys: Option<Stamp>,
    /// Whether it sends.
    pub is_sending: bool,
    /// When it goes silent by itself, where it can.
    pub until: Option<Timestamp>,
}

/// What it is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Stop sending. Devices are thrown out.
    Silence,
    /// Take another setup, and be silent.
    SetUp,
    /// Take other keys.
    LoadKeys,
    /// Send.
    Send {
        /// Not longer than that: an access point that can go silent by itself then does.
        until: Timestamp,
    },
}

/// The next step of an access point that shall be `target`; `None` when it is as intended. Without a target it has nothing to
/// serve, and is silent.
#[must_use]
pub fn plan(
    intent: Intent,
    target: Option<&Stamps>,
    reality: &Reality,
    now: Option<Timestamp>,
) -> Option<Step> {
    let until = match intent {
        Intent::Send { until, .. } => Some(until).filter(|&until| now.is_some_and(|now| until > now)),
        Intent::Silent => None,
    };
    let is_set_up = target.is_some_and(|target| reality.setup == Some(target.setup));
    if reality.is_sending && (until.is_none() || !is_set_up) {
        return Some(Step::Silence);
    }
    let target = target?;
    if !is_set_up {
        return Some(Step::SetUp);
    }
    if reality.keys != Some(target.keys) {
        return Some(Step::LoadKeys);
    }
    let is_as_wanted = |until: &Timestamp| {
        let is_known = |known: Timestamp| known >= *until && known.ms_since(*until) <= LATE_MS_MAX;
        reality.is_sending && reality.until.is_none_or(is_known)
    };
    // A lesson that is extended: an access point that knows an end must know the new one.
    until.filter(|until| !is_as_wanted(until)).map(|until| Step::Send { until })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An access point that does as it is told, and knows ends or does not.
    fn apply(reality: &mut Reality, step: Step, target: Option<&Stamps>, knows_ends: bool) {
        match step {
            Step::Silence => reality.is_sending = false,
            Step::SetUp => *reality = Reality { setup: target.map(|it| it.setup), ..SILENT },
            Step::LoadKeys => reality.keys = target.map(|it| it.keys),
            Step::Send { until } => {
                (reality.is_sending, reality.until) = (true, knows_ends.then_some(until));
            }
        }
    }

    const SILENT: Reality = Reality { setup: None, keys: None, is_sending: false, until: None };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_795_422_600_000 + seconds * 1_000)
    }

    fn stamps() -> impl Strategy<Value = Stamps> {
        let stamp = || (0..3u8).prop_map(|number| Stamp::of(&number.to_string()));
        (stamp(), stamp()).prop_map(|(setup, keys)| Stamps { setup, keys })
    }

    fn realities() -> impl Strategy<Value = Reality> {
        let until = proptest::option::of((0..60i64).prop_map(at));
        (proptest::option::of(stamps()), any::<bool>(), until).prop_map(|(stamps, is_sending, until)| {
            Reality { setup: stamps.map(|it| it.setup), keys: stamps.map(|it| it.keys), is_sending, until }
        })
    }

    fn intents() -> impl Strategy<Value = Intent> {
        prop_oneof![
            Just(Intent::Silent),
            (0..60i64).prop_map(|end| Intent::Send { lesson: 1, until: at(end) })
        ]
    }

    fn has_end_ahead(intent: Intent, now: Option<Timestamp>) -> bool {
        match (intent, now) {
            (Intent::Send { until, .. }, Some(now)) => until > now,
            (Intent::Silent, _) | (_, None) => false,
        }
    }

    proptest! {
        /// Whatever somebody or a power cut made of it, and whatever is intended: in few steps it is as intended, and it never
        /// sends without an end that lies ahead.
        #[test]
        fn from_any_reality_it_converges(
            days in proptest::collection::vec((realities(), intents(), proptest::option::of(stamps()), proptest::option::of(0..60i64)), 1..20),
        ) {
            for (mut reality, intent, target, now) in days {
                let (now, knows_ends) = (now.map(at), reality.until.is_some());
                let mut steps = Vec::new();
                while let Some(step) = plan(intent, target.as_ref(), &reality, now) {
                    prop_assert!(!steps.contains(&step), "{step:?} after {steps:?}");
                    if let Step::Send { until } = step {
                        prop_assert!(now.is_some_and(|now| until > now));
                        prop_assert_eq!(reality.setup, target.map(|it| it.setup), "what it sends is what it should");
                        prop_assert_eq!(reality.keys, target.map(|it| it.keys));
                    }
                    apply(&mut reality, step, target.as_ref(), knows_ends);
                    steps.push(step);
                    // What must be silent is silent after the first step, whatever becomes of the others.
                    let is_wanted = has_end_ahead(intent, now) && target.is_some();
                    prop_assert!(is_wanted || !reality.is_sending, "{steps:?}");
                }
                prop_assert!(steps.len() <= STEPS_MAX, "{steps:?}");
                prop_assert_eq!(reality.is_sending, has_end_ahead(intent, now) && target.is_some());
                if let (true, Intent::Send { until, .. }, Some(known)) = (reality.is_sending, intent, reality.until) {
                    prop_assert!(known >= until && known.ms_since(until) <= LATE_MS_MAX);
                }
                if let Some(target) = target {
                    prop_assert_eq!((reality.setup, reality.keys), (Some(target.setup), Some(target.keys)));
                }
            }
        }
    }

    #[test]
    fn a_lesson_is_one_step_and_its_end_another() {
        let target = Stamps { setup: Stamp::of("a"), keys: Stamp::of("b") };
        let rest = Reality { setup: Some(target.setup), keys: Some(target.keys), ..SILENT };
        let lesson = Intent::Send { lesson: 7, until: at(60) };
        let next = |intent, is_sending, second| {
            plan(intent, Some(&target), &Reality { is_sending, ..rest }, Some(at(second)))
        };
        assert_eq!(next(Intent::Silent, false, 0), None);
        assert_eq!(next(lesson, false, 0), Some(Step::Send { until: at(60) }));
        assert_eq!(next(lesson, true, 59), None);
        assert_eq!(next(lesson, true, 60), Some(Step::Silence));
        assert_eq!(next(lesson, false, 60), None);
        // Extended, where the access point knows the end by itself.
        let knows = |second| Reality { is_sending: true, until: Some(at(second)), ..rest };
        assert_eq!(plan(lesson, Some(&target), &knows(60), Some(at(0))), None);
        for second in [50, 62] {
            let step = plan(lesson, Some(&target), &knows(second), Some(at(0)));
            assert_eq!(step, Some(Step::Send { until: at(60) }), "{second}");
        }
        let revoked = Reality { keys: Some(Stamp::of("c")), is_sending: true, ..rest };
        assert_eq!(
            plan(lesson, Some(&target), &revoked, Some(at(0))),
            Some(Step::LoadKeys),
            "the class goes on"
        );
    }
}
