//! Names out of the list in force, to attack with.

use model::{AccessKind, Category, DomainName, Host, Timestamp};
use policy::{Decision, Mode, Question, Snapshot, Target, decide};

/// Names of a category that are looked at before one is found that nothing opens.
const LOOKED_AT_MAX: usize = 64;

/// Whoever is judged.
pub use model::Subject;

/// What a profile must be refused at this moment, by the lists and rules in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// One name of each category that is refused.
    pub listed: Vec<Listed>,
    /// Whether the profile shows the web in general, so that something else passes.
    pub is_open: bool,
    /// Whether it shows nothing at all, so that a refusal says nothing of the lists.
    pub is_closed: bool,
    /// Whether search engines are led to their safe variants.
    pub has_safe_search: bool,
    /// To what YouTube is restricted: nothing, the moderate or the strict filter.
    pub youtube: Option<policy::YouTube>,
}

/// A refused category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The category.
    pub category: Category,
    /// A name of it that nothing opens; `None` where there is none.
    pub name: Option<DomainName>,
    /// Whether names of it were looked at, and a rule opens each.
    pub is_opened: bool,
}

impl Samples {
    /// Names of each category of the list in force, for all profiles that draw.
    #[must_use]
    pub fn pool(snapshot: &Snapshot) -> Vec<Vec<DomainName>> {
        snapshot.index().some_names(LOOKED_AT_MAX)
    }

    /// Draws names out of the pool for this subject, at this time.
    #[must_use]
    pub fn draw(
        snapshot: &Snapshot,
        pool: &[Vec<DomainName>],
        subject: &Subject,
        now: Option<Timestamp>,
    ) -> Self {
        let standing = snapshot.standing(subject, now);
        let index = snapshot.index();
        let refused = index.categories().iter().filter(|category| {
            let id = index.category_id(category.as_str());
            let is_in = |set: blocklist::CategorySet| set.iter().any(|other| Some(other) == id);
            is_in(standing.refused) || is_in(snapshot.locked_categories())
        });
        let draw = |category: &Category| {
            let names = index.category_id(category.as_str()).and_then(|id| pool.get(id.rank()));
            let names = names.map(Vec::as_slice).unwrap_or_default();
            let name = names.iter().find(|name| is_refused(snapshot, subject, name, now)).cloned();
            Listed { category: category.clone(), is_opened: name.is_none() && !names.is_empty(), name }
        };
        Self {
            listed: refused.map(draw).collect(),
            is_open: standing.mode == Mode::Open,
            is_closed: standing.mode == Mode::Closed,
            has_safe_search: standing.safe_search.engines,
            youtube: Some(standing.safe_search.youtube).filter(|degree| *degree != policy::YouTube::Off),
        }
    }

    /// One of the names, whatever its category.
    #[must_use]
    pub fn any(&self) -> Option<&DomainName> {
        self.listed.iter().find_map(|listed| listed.name.as_ref())
    }
}

fn is_refused(snapshot: &Snapshot, subject: &Subject, name: &DomainName, now: Option<Timestamp>) -> bool {
    let target = Target::Host(Host::Name(name.clone()));
    let question = Question { subject: subject.clone(), kind: AccessKind::Dns, target, destination: None };
    matches!(decide(snapshot, question, now), Decision::Refusal(_))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use blocklist::builtin;
    use model::Tester;
    use policy::{Profile, Rulebook, SafeSearch, YouTube};

    use super::*;

    #[test]
    fn names_are_of_refused_and_locked_categories_and_nothing_opens_them() {
        let category = |name: &str| -> Category { name.parse().unwrap() };
        let mut profile = Profile::open("elementaire".parse().unwrap(), [category("gambling")].into());
        profile.safe_search = SafeSearch { engines: false, youtube: YouTube::Moderate };
        let rulebook =
            Rulebook { profiles: vec![profile], locked: [category("adult")].into(), ..Rulebook::default() };
        let subject =
            Subject::Device(Arc::new(Tester::new(1).unwrap().device(&"elementaire".parse().unwrap())));
        let draw = |rulebook: &Rulebook| {
            let snapshot = Snapshot::new(Arc::new(builtin()), rulebook);
            Samples::draw(&snapshot, &Samples::pool(&snapshot), &subject, None)
        };
        let samples = draw(&rulebook);
        let categories: Vec<&str> = samples.listed.iter().map(|listed| listed.category.as_str()).collect();
        assert_eq!(categories, ["adult", "gambling"]);
        let name = |samples: &Samples| samples.listed[1].name.clone().unwrap();
        let first = name(&samples);
        assert!(!builtin().match_name(&first).is_empty());
        assert_eq!((samples.is_open, samples.has_safe_search), (true, false));
        assert_eq!(samples.youtube, Some(YouTube::Moderate));

        let open = |topic: policy::Topic| policy::Rule {
            layer: model::Layer::School,
            effect: model::Verdict::Permit,
            topic,
            scope: policy::Scope::Everyone,
            author: "Mme Martin".parse().unwrap(),
            motive: "exposé".parse().unwrap(),
            from: None,
            until: None,
        };
        let rules = vec![open(policy::Topic::Site(first.clone()))];
        let samples = draw(&Rulebook { rules, ..rulebook.clone() });
        assert_ne!(name(&samples), first, "a name that is open is none to try");
        assert!(samples.any().is_some());
        let rules = vec![open(policy::Topic::Category(category("gambling")))];
        let samples = draw(&Rulebook { rules, ..rulebook });
        assert_eq!((samples.listed[1].name.as_ref(), samples.listed[1].is_opened), (None, true));
    }
}
