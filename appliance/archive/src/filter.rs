//! What is looked for, as columns can tell.

use journal::{Kind, Query};
use model::{Host, Mac};

use crate::row::{Number, Row, Text, record, site};

/// A query over rows. It finds what the same query finds in segments.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    from_ms: Option<i64>,
    to_ms: Option<i64>,
    /// In small letters.
    device: Option<String>,
    mac: Option<String>,
    host: Option<Wanted>,
    verdict: Option<&'static str>,
    kind: Option<Kind>,
}

#[derive(Clone, Debug)]
struct Wanted {
    text: String,
    is_name: bool,
}

impl From<&Query> for Filter {
    fn from(query: &Query) -> Self {
        let host = query
            .host
            .as_ref()
            .map(|host| Wanted { text: host.to_string(), is_name: matches!(host, Host::Name(_)) });
        Self {
            from_ms: query.from.map(model::Timestamp::unix_ms),
            to_ms: query.to.map(model::Timestamp::unix_ms),
            device: query.device.as_ref().map(|device| device.to_lowercase()),
            mac: query.device.as_ref().and_then(|device| Some(device.parse::<Mac>().ok()?.to_string())),
            host,
            verdict: query.verdict.map(model::Verdict::as_str),
            kind: query.kind,
        }
    }
}

impl Filter {
    /// Whether a group may have matching rows, by the bounds of its times and its filters of values.
    pub(crate) fn may_match(
        &self,
        times: Option<(i64, i64)>,
        last_times: Option<(i64, i64)>,
        may_have: impl Fn(Text, &str) -> bool,
    ) -> bool {
        // Damage has no time: it is told in every search that is not about something.
        let latest = times.max(last_times).map(|(_, latest)| latest);
        let is_late_enough = self.from_ms.is_none_or(|from| latest.is_none_or(|latest| latest >= from));
        let is_early_enough = self.to_ms.is_none_or(|to| times.is_none_or(|(earliest, _)| earliest < to));
        let has_device = self.mac.as_deref().is_none_or(|mac| may_have(Text::Mac, mac));
        let has_host = self.host.as_ref().is_none_or(|host| match host.is_name {
            // The names under a name of one label have other last two labels.
            true if !host.text.contains('.') => true,
            true => may_have(Text::Site, site(&host.text)),
            false => may_have(Text::Host, &host.text),
        });
        is_late_enough && is_early_enough && has_device && has_host
    }

    /// Whether it asks for this column of numbers.
    pub(crate) fn asks_number(&self, column: Number) -> bool {
        let asks_time = self.from_ms.is_some() || self.to_ms.is_some();
        asks_time && matches!(column, Number::Time | Number::LastTime)
    }

    /// Whether it asks for this column of texts.
    pub(crate) fn asks_text(&self, column: Text) -> bool {
        match column {
            Text::Record => true,
            Text::Device | Text::Mac => self.device.is_some(),
            Text::Host => self.host.is_some(),
            Text::Verdict | Text::Deed => self.verdict.is_some(),
            Text::Kind => self.kind.is_some(),
            Text::Clock
            | Text::Room
            | Text::Profile
            | Text::Lesson
            | Text::Person
            | Text::Site
            | Text::Destination
            | Text::Reason
            | Text::Category
            | Text::Entry
            | Text::Author
            | Text::End
            | Text::Peer
            | Text::By
            | Text::Layer
            | Text::Scope
            | Text::ScopeName
            | Text::Motive
            | Text::Machine
            | Text::Name
            | Text::Role => false,
        }
    }

    /// Whether a row matches, by the columns that it asks for.
    pub(crate) fn matches(&self, row: &Row) -> bool {
        match row.text(Text::Record) {
            // Read with the accesses that they belong to, or for the times of others.
            Some(record::CLOSING | record::REPEAT | record::CLOCK) => false,
            Some(record::UNKNOWN | record::DAMAGE) => self.is_open(),
            Some(_) => self.matches_record(row),
            None => false,
        }
    }

    /// Whether what nobody can read is of interest.
    fn is_open(&self) -> bool {
        self.device.is_none() && self.host.is_none() && self.verdict.is_none() && self.kind.is_none()
    }

    fn matches_record(&self, row: &Row) -> bool {
        let time = row.number(Number::Time);
        // Of an access repeats may reach into the time that is asked for.
        let latest = row.number(Number::LastTime).max(time);
        self.from_ms.is_none_or(|from| latest.is_some_and(|latest| latest >= from))
            && self.to_ms.is_none_or(|to| time.is_some_and(|time| time < to))
            && self.kind.is_none_or(|kind| match kind {
                Kind::Access(kind) => row.text(Text::Kind) == Some(kind.as_str()),
                Kind::Act => row.text(Text::Record) != Some(record::ACCESS),
            })
            && self.verdict.is_none_or(|wanted| verdict_of(row) == Some(wanted))
            && self.host.as_ref().is_none_or(|wanted| wanted.covers(row.text(Text::Host)))
            && self.device.as_ref().is_none_or(|device| self.is_device(device, row))
    }

    fn is_device(&self, device: &str, row: &Row) -> bool {
        row.text(Text::Device).is_some_and(|name| name.to_lowercase() == device)
            || (self.mac.is_some() && row.text(Text::Mac) == self.mac.as_deref())
    }
}

/// A declined request refuses a site.
fn verdict_of(row: &Row) -> Option<&str> {
    match row.text(Text::Deed) {
        Some("decline") => Some(model::Verdict::Refuse.as_str()),
        _ => row.text(Text::Verdict),
    }
}

impl Wanted {
    fn covers(&self, host: Option<&str>) -> bool {
        let Some(host) = host else { return false };
        if !self.is_name {
            return host == self.text;
        }
        let child = host.strip_suffix(self.text.as_str());
        child.is_some_and(|child| child.is_empty() || child.ends_with('.'))
    }
}
