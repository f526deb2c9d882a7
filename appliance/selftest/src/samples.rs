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
}

impl Samples {
    /// Draws names for this subject, at this time.
    #[must_use]
    pub fn draw(snapshot: &Snapshot, subject: &Subject, now: Option<Timestamp>) -> Self {
        let standing = snapshot.standing(subject, now);
        let index = snapshot.index();
        let refused = index.categories().iter().filter(|category| {
            let id = index.category_id(category.as_str());
            let is_in = |set: blocklist::CategorySet| set.iter().any(|other| Some(other) == id);
            is_in(standing.refused) || is_in(snapshot.locked_categories())
        });
        let draw = |category: &Category| {
            let id = index.category_id(category.as_str());
            let names = id.map(|id| index.some_names_in(id, LOOKED_AT_MAX)).unwrap_or_default();
            let name = names.into_iter().find(|name| is_refused(snapshot, subject, name, now));
            Listed { category: category.clone(), name }
        };
        Self {
            listed: refused.map(draw).collect(),
            is_open: standing.mode == Mode::Open,
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
