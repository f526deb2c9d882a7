//! The words of columns, read back.
//!
//! A word that this program does not know is a newer one's. To each enumeration belongs a function that names the variant
//! after each one: a new variant does not compile until it has its place here.

use std::iter::successors;
use std::sync::Arc;

use model::{AccessKind, ClockQuality, End, Fault, Layer, Narrowing, Reason, Ruling, Timestamp, Verdict};

pub(crate) fn kind(word: &str) -> Option<AccessKind> {
    let next = |kind: &AccessKind| match kind {
        AccessKind::Dns => Some(AccessKind::Tls),
        AccessKind::Tls => Some(AccessKind::Http),
        AccessKind::Http => Some(AccessKind::Connect),
        AccessKind::Connect => Some(AccessKind::Tcp),
        AccessKind::Tcp => Some(AccessKind::Udp),
        AccessKind::Udp => Some(AccessKind::Ip),
        AccessKind::Ip => None,
    };
    successors(Some(AccessKind::Dns), next).find(|kind| kind.as_str() == word)
}

pub(crate) fn verdict(word: &str) -> Option<Verdict> {
    let next = |verdict: &Verdict| match verdict {
        Verdict::Permit => Some(Verdict::Refuse),
        Verdict::Refuse => None,
    };
    successors(Some(Verdict::Permit), next).find(|verdict| verdict.as_str() == word)
}

pub(crate) fn clock(word: &str) -> Option<ClockQuality> {
    let next = |clock: &ClockQuality| match clock {
        ClockQuality::Synchronised => Some(ClockQuality::Unsynchronised),
        ClockQuality::Unsynchronised => Some(ClockQuality::Unset),
        ClockQuality::Unset => None,
    };
    successors(Some(ClockQuality::Synchronised), next).find(|clock| clock.as_str() == word)
}

pub(crate) fn layer(word: &str) -> Option<Layer> {
    let next = |layer: &Layer| match layer {
        Layer::Commune => Some(Layer::School),
        Layer::School => Some(Layer::Lesson),
        Layer::Lesson => None,
    };
    successors(Some(Layer::Commune), next).find(|layer| layer.as_str() == word)
}

pub(crate) fn end(word: &str) -> Option<End> {
    let next = |end: &End| match end {
        End::Finish => Some(End::Abort),
        End::Abort => Some(End::Unreachable),
        End::Unreachable => Some(End::Forbidden),
        End::Forbidden => Some(End::Cut),
        End::Cut => Some(End::Lapse),
        End::Lapse => None,
    };
    successors(Some(End::Finish), next).find(|end| end.as_str() == word)
}

/// What stands beside the word of a reason.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Details<'r> {
    pub(crate) category: Option<&'r str>,
    pub(crate) entry: Option<&'r str>,
    pub(crate) author: Option<&'r str>,
    pub(crate) until: Option<Timestamp>,
}

impl<'r> Details<'r> {
    /// What stands beside the word of this reason. One match: a new reason does not compile until it is told here, and
    /// read below.
    pub(crate) fn of(reason: &'r Reason) -> Self {
        match reason {
            Reason::Listed { category, entry }
            | Reason::WhiteListed { category, entry }
            | Reason::Locked { category, entry } => {
                Self { category: Some(category.as_str()), entry: Some(entry), ..Self::default() }
            }
            Reason::Workspace { entry } => Self { entry: Some(entry), ..Self::default() },
            Reason::Service(name) => Self { entry: Some(name.as_str()), ..Self::default() },
            Reason::Ruled(ruling) => Self {
                entry: Some(&ruling.entry),
                author: Some(ruling.author.as_str()),
                until: ruling.until,
                ..Self::default()
            },
            Reason::NotListed
            | Reason::NotWhiteListed
            | Reason::ClosedHours
            | Reason::Narrowed(_)
            | Reason::Fault(_) => Self::default(),
        }
    }

    pub(crate) fn reason(self, word: &str) -> Option<Reason> {
        let Self { category, entry, author, until } = self;
        let ruled = |layer: Layer| -> Option<Reason> {
            Some(Reason::Ruled(Arc::new(Ruling {
                layer,
                entry: entry?.into(),
                author: author?.parse().ok()?,
                until,
            })))
        };
        let category = || category?.parse().ok();
        Some(match word {
            "not-listed" => Reason::NotListed,
            "listed" => Reason::Listed { category: category()?, entry: entry?.into() },
            "white-listed" => Reason::WhiteListed { category: category()?, entry: entry?.into() },
            "workspace" => Reason::Workspace { entry: entry?.into() },
            "service" => Reason::Service(entry?.parse().ok()?),
            "not-white-listed" => Reason::NotWhiteListed,
            "closed-hours" => Reason::ClosedHours,
            "locked" => Reason::Locked { category: category()?, entry: entry?.into() },
            "commune-rule" => ruled(Layer::Commune)?,
            "school-rule" => ruled(Layer::School)?,
            "lesson-rule" => ruled(Layer::Lesson)?,
            "lesson-list" => Reason::Narrowed(Narrowing::List),
            "lesson-ent" => Reason::Narrowed(Narrowing::Workspace),
            "lesson-closed" => Reason::Narrowed(Narrowing::Closed),
            _ => Reason::Fault(Fault::ALL.into_iter().find(|fault| fault.as_str() == word)?),
        })
    }
}
