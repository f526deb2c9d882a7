//! Overrides: rules that people of the school make while the box runs.

use crate::number::number;
use crate::{Layer, PersonName, Rule, Scope, Timestamp, Topic, Verdict};

/// How far ahead a lesson's rule may end, in milliseconds: 8 hours, the longest school day, lunch included. What is
/// to last longer is not a lesson's matter, and the head decides it.
const LESSON_MS_MAX: u64 = 8 * 60 * 60 * 1_000;

number! {
    /// The number of an override. It is never used again.
    OverrideId
}

/// An override that nobody has kept yet. It is one that its layer may make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOverride {
    rule: Rule,
    made: Timestamp,
}

impl NewOverride {
    /// The rule as an override that is made now, and begins now.
    ///
    /// # Errors
    /// [`Unfit`] when its layer may not make it.
    pub fn new(rule: Rule, now: Timestamp) -> Result<Self, Unfit> {
        if let Topic::Site(name) = &rule.topic
            && name.is_public_suffix()
        {
            return Err(Unfit::PublicSuffix);
        }
        if rule.until.is_some_and(|until| until <= now) {
            return Err(Unfit::Over);
        }
        match rule.layer {
            Layer::Commune => return Err(Unfit::Commune),
            Layer::School => {}
            Layer::Lesson => check_lesson(&rule, now)?,
        }
        // A rule that stays counts whatever the clock shows: nobody wants a closed site open because of a battery.
        let from = rule.until.map(|_| now);
        Ok(Self { rule: Rule { from, ..rule }, made: now })
    }

    /// A rule that the commune's hub has brought, for the whole school.
    ///
    /// # Errors
    /// [`Unfit`] when it is none of the commune's, or for less than the school.
    pub fn of_commune(rule: Rule, now: Timestamp) -> Result<Self, Unfit> {
        if rule.layer != Layer::Commune || rule.scope != Scope::Everyone {
            return Err(Unfit::Commune);
        }
        let made = Self::new(Rule { layer: Layer::School, ..rule }, now)?;
        Ok(Self { rule: Rule { layer: Layer::Commune, ..made.rule }, ..made })
    }

    /// What it says.
    #[must_use]
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The override, once it has a number.
    #[must_use]
    pub fn keep(self, id: OverrideId) -> Override {
        let Self { rule, made } = self;
        Override { id, rule, made, ended: None, is_start_recorded: false, is_end_recorded: false }
    }

    /// When it was made.
    #[must_use]
    pub fn made(&self) -> Timestamp {
        self.made
    }
}

fn check_lesson(rule: &Rule, now: Timestamp) -> Result<(), Unfit> {
    match rule.scope {
        Scope::Room(_) | Scope::Device(_) => {}
        Scope::Everyone | Scope::Profile(_) => return Err(Unfit::TooWide),
    }
    match rule.until {
        None => Err(Unfit::Endless),
        Some(until) if until.ms_since(now) > LESSON_MS_MAX => Err(Unfit::TooLong),
        Some(_) => Ok(()),
    }
}

/// Why a rule cannot be an override.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The commune's rules stand in the configuration, or come from its hub.
    #[error("the commune's rules stand in the configuration file, or come from its hub")]
    Commune,
    /// Names of all the world lie right under it.
    #[error("a public suffix (fr, gouv.fr) is nobody's site: name one under it")]
    PublicSuffix,
    /// The end is not after the beginning.
    #[error("the end has passed already")]
    Over,
    /// A lesson's rule for more than a room.
    #[error("a lesson's rule is for one room or one device: for others, make a rule of the school")]
    TooWide,
    /// A lesson's rule without an end.
    #[error("a lesson's rule has an end")]
    Endless,
    /// A lesson's rule that would outlast the school day.
    #[error("a lesson's rule ends within {} hours: for longer, make a rule of the school", LESSON_MS_MAX / 3_600_000)]
    TooLong,
}

/// An override as the box keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Its number.
    pub id: OverrideId,
    /// What it says, who says so, why and until when.
    pub rule: Rule,
    /// When it was made.
    pub made: Timestamp,
    /// Somebody has taken it back before its time.
    pub ended: Option<Ended>,
    /// The journal has its beginning.
    pub is_start_recorded: bool,
    /// The journal has its end: nothing follows.
    pub is_end_recorded: bool,
}

/// Who took an override back, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: PersonName,
}

impl Override {
    /// Whether its rule belongs to the policy; whether it counts at a time is told by [`Rule::apply`].
    ///
    /// What opens something is in the journal before it does so: a permit begins, and a refusal that is taken back
    /// ends, once that is recorded. What closes something waits for nobody.
    #[must_use]
    pub fn is_in_force(&self) -> bool {
        let opens_unrecorded = match self.rule.effect {
            Verdict::Permit => !self.is_start_recorded || self.ended.is_some(),
            Verdict::Refuse => false,
        };
        !self.is_end_recorded && !opens_unrecorded
    }

    /// Whether it is over, by its time or because somebody took it back.
    #[must_use]
    pub fn is_over(&self, now: Option<Timestamp>) -> bool {
        let has_run_out = now.zip(self.rule.until).is_some_and(|(now, until)| now >= until);
        self.ended.is_some() || self.is_end_recorded || has_run_out
    }

    /// What has happened to it and is not in the journal yet; of two acts the first.
    #[must_use]
    pub fn unrecorded_act(&self, now: Option<Timestamp>) -> Option<Act> {
        let deed = match &self.ended {
            _ if !self.is_start_recorded => Deed::Make,
            _ if self.is_end_recorded || !self.is_over(now) => return None,
            Some(ended) => Deed::TakeBack { by: ended.by.clone() },
            None => Deed::RunOut,
        };
        Some(Act { deed, id: self.id, rule: self.rule.clone() })
    }

    /// Notes that the journal has the act.
    pub fn note_recorded(&mut self, deed: &Deed) {
        match deed {
            Deed::Make => self.is_start_recorded = true,
            Deed::TakeBack { .. } | Deed::RunOut => self.is_end_recorded = true,
        }
    }
}

/// The beginning or the end of an override: a record of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// What happened.
    pub deed: Deed,
    /// To which override.
    pub id: OverrideId,
    /// What it says.
    pub rule: Rule,
}

impl Act {
    /// Whether it is an act of this person: on a rule of hers, or done by her to somebody else's.
    #[must_use]
    pub fn is_of(&self, person: &PersonName) -> bool {
        self.rule.author == *person || self.deed.by() == Some(person)
    }
}

/// What happens to an override.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Its author makes it.
    Make,
    /// Somebody takes it back before its time.
    TakeBack {
        /// Who.
        by: PersonName,
    },
    /// Its time is up.
    RunOut,
}

impl Deed {
    /// The word that records use.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Make => "make",
            Self::TakeBack { .. } => "take-back",
            Self::RunOut => "run-out",
        }
    }

    /// Who did it, where it is not the rule's author.
    #[must_use]
    pub fn by(&self) -> Option<&PersonName> {
        match self {
            Self::TakeBack { by } => Some(by),
            Self::Make | Self::RunOut => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_795_422_600_000);

    fn after(minutes: i64) -> Option<Timestamp> {
        Some(Timestamp::from_unix_ms(NOW.unix_ms() + minutes * 60_000))
    }

    fn lesson() -> Rule {
        Rule {
            layer: Layer::Lesson,
            effect: Verdict::Permit,
            topic: Topic::Site("casino.example".parse().unwrap()),
            scope: Scope::Room("CM2".parse().unwrap()),
            author: "Mme Martin".parse().unwrap(),
            motive: "exposé".parse().unwrap(),
            from: None,
            until: after(30),
        }
    }

    fn school() -> Rule {
        Rule { layer: Layer::School, scope: Scope::Everyone, until: None, ..lesson() }
    }

    #[test]
    fn each_layer_makes_its_own_rules() {
        let check = |rule: Rule, expected: Result<(), Unfit>| {
            assert_eq!(NewOverride::new(rule.clone(), NOW).map(drop), expected, "{rule:?}");
        };
        let top = || Topic::Site("fr".parse().unwrap());
        let device = Scope::Device("02:00:00:00:00:11".parse().unwrap());
        check(lesson(), Ok(()));
        check(Rule { scope: device, ..lesson() }, Ok(()));
        check(Rule { topic: Topic::Category("fr".parse().unwrap()), ..lesson() }, Ok(()));
        check(Rule { until: after(480), ..lesson() }, Ok(()));
        check(Rule { until: after(481), ..lesson() }, Err(Unfit::TooLong));
        check(Rule { until: after(0), ..lesson() }, Err(Unfit::Over));
        check(Rule { until: None, ..lesson() }, Err(Unfit::Endless));
        check(Rule { scope: Scope::Everyone, ..lesson() }, Err(Unfit::TooWide));
        check(Rule { scope: Scope::Profile("adulte".parse().unwrap()), ..lesson() }, Err(Unfit::TooWide));
        check(Rule { topic: top(), ..lesson() }, Err(Unfit::PublicSuffix));
        for suffix in ["co.uk", "gouv.fr"] {
            let topic = Topic::Site(suffix.parse().unwrap());
            check(Rule { topic, ..lesson() }, Err(Unfit::PublicSuffix));
        }
        check(school(), Ok(()));
        check(Rule { until: after(60 * 24 * 90), ..school() }, Ok(()));
        check(Rule { until: after(-1), ..school() }, Err(Unfit::Over));
        check(Rule { topic: top(), ..school() }, Err(Unfit::PublicSuffix));
        check(Rule { layer: Layer::Commune, ..school() }, Err(Unfit::Commune));
        let by_hub = |rule: Rule| NewOverride::of_commune(rule, NOW).map(|new| new.rule().layer);
        assert_eq!(by_hub(Rule { layer: Layer::Commune, ..school() }), Ok(Layer::Commune));
        assert_eq!(by_hub(school()), Err(Unfit::Commune));
        assert_eq!(
            by_hub(Rule { layer: Layer::Commune, topic: top(), ..school() }),
            Err(Unfit::PublicSuffix)
        );
    }

    #[test]
    fn a_rule_with_an_end_has_a_beginning_and_one_that_stays_needs_no_clock() {
        assert_eq!(NewOverride::new(lesson(), NOW).unwrap().rule().from, Some(NOW));
        assert_eq!(NewOverride::new(school(), NOW).unwrap().rule().from, None);
    }

    /// A life: what is in force, and what the journal lacks, before and after each record.
    #[test]
    fn what_opens_is_recorded_before() {
        let life = |effect: Verdict, end: Option<&str>, now: Option<Timestamp>| -> Vec<String> {
            let new = NewOverride::new(Rule { effect, ..lesson() }, NOW).unwrap();
            let mut it = new.keep(OverrideId::new(7));
            it.ended = end.map(|by| Ended { at: NOW, by: by.parse().unwrap() });
            let mut steps = Vec::new();
            while let Some(act) = it.unrecorded_act(now) {
                steps.push(format!(
                    "{} {}",
                    if it.is_in_force() { "in force" } else { "not" },
                    act.deed.as_str()
                ));
                it.note_recorded(&act.deed);
            }
            steps.push(if it.is_in_force() { "in force" } else { "not" }.to_owned());
            steps
        };
        use Verdict::{Permit, Refuse};
        assert_eq!(life(Permit, None, after(1)), ["not make", "in force"]);
        assert_eq!(life(Permit, None, after(30)), ["not make", "in force run-out", "not"]);
        assert_eq!(life(Permit, Some("M. Petit"), after(1)), ["not make", "not take-back", "not"]);
        assert_eq!(life(Refuse, None, after(1)), ["in force make", "in force"]);
        assert_eq!(life(Refuse, Some("M. Petit"), after(1)), ["in force make", "in force take-back", "not"]);
        // Nobody knows what time it is: nothing runs out.
        assert_eq!(life(Permit, None, None), ["not make", "in force"]);
    }
}
