//! What is looked for, as columns can tell.

use journal::{Kind, Query};
use model::{Host, Mac, Timestamp, When};

use crate::frames::Window;
use crate::row::{Number, Row, Text, record, scope};
use crate::sieve::Trait;

/// The word of a declined request.
const DECLINE: &str = "decline";

/// The word of a clock that was right.
pub(crate) const CERTAIN: &str = "synchronised";

/// A query over rows. It finds what the same query finds in segments.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    window: Window,
    /// In small letters.
    device: Option<String>,
    mac: Option<String>,
    room: Option<String>,
    lesson: Option<String>,
    person: Option<String>,
    host: Option<Wanted>,
    category: Option<String>,
    verdict: Option<&'static str>,
    kind: Option<Kind>,
}

#[derive(Clone, Debug)]
struct Wanted {
    text: String,
    is_name: bool,
}

type NumberTest<'f> = Box<dyn Fn(Option<i64>) -> bool + 'f>;
type TextTest<'f> = Box<dyn for<'c> Fn(Option<&'c [u8]>) -> bool + 'f>;

/// What the cell of a single column tells of a row.
pub(crate) enum Test<'f> {
    Number(Number, NumberTest<'f>),
    Text(Text, TextTest<'f>),
}

impl<'f> Test<'f> {
    fn text(column: Text, wanted: &'f str) -> Self {
        Self::Text(column, Box::new(move |text| text == Some(wanted.as_bytes())))
    }
}

impl From<&Query> for Filter {
    fn from(query: &Query) -> Self {
        let host = query
            .host
            .as_ref()
            .map(|host| Wanted { text: host.to_string(), is_name: matches!(host, Host::Name(_)) });
        Self {
            window: (query.from, query.to),
            device: query.device.as_ref().map(|device| device.to_lowercase()),
            mac: query.device.as_ref().and_then(|device| Some(device.parse::<Mac>().ok()?.to_string())),
            room: query.room.as_ref().map(|room| room.as_str().to_owned()),
            lesson: query.lesson.clone(),
            person: query.person.as_ref().map(|person| person.as_str().to_owned()),
            host,
            category: query.category.as_ref().map(|category| category.as_str().to_owned()),
            verdict: query.verdict.map(model::Verdict::as_str),
            kind: query.kind,
        }
    }
}

impl Filter {
    /// Whether rows with times within these bounds may match.
    pub(crate) fn may_be_within(&self, times: Option<(i64, i64)>, last_times: Option<(i64, i64)>) -> bool {
        // Damage has no time: it is told in every search that is not about something.
        // Only repeats have a last time: of an act, and of most accesses, the time is the latest. So what bounds the one alone bounds nothing.
        let latest = [times, last_times].into_iter().flatten().map(|(_, latest)| latest).max();
        let (from, to) = self.window_ms();
        let is_late_enough = from.is_none_or(|from| times.is_none() || latest >= Some(from));
        let is_early_enough = to.is_none_or(|to| times.is_none_or(|(earliest, _)| earliest < to));
        is_late_enough && is_early_enough
    }

    fn window_ms(&self) -> (Option<i64>, Option<i64>) {
        let (from, to) = self.window;
        (from.map(Timestamp::unix_ms), to.map(Timestamp::unix_ms))
    }

    /// Whether a sieve can tell something about it.
    pub(crate) fn asks_sieve(&self) -> bool {
        self.is_about_something() || self.host.is_some()
    }

    fn is_about_something(&self) -> bool {
        [&self.device, &self.room, &self.lesson, &self.person, &self.category]
            .into_iter()
            .any(Option::is_some)
    }

    /// Whether rows may match of which a sieve says what they have. Whoever took back a rule stands in no sieve: `has_takings` where
    /// somebody may have.
    pub(crate) fn may_match(&self, has_takings: bool, may_have: impl Fn(Trait, &str) -> bool) -> bool {
        let has = |of: Trait, value: Option<&str>| value.is_none_or(|value| may_have(of, value));
        let is_mac = self.mac.as_deref().is_some_and(|mac| may_have(Trait::Mac, mac));
        let may_be_taking = has_takings && !matches!(self.kind, Some(Kind::Access(_)));
        (is_mac || has(Trait::Device, self.device.as_deref()))
            && has(Trait::Host, self.host.as_ref().map(|host| host.text.as_str()))
            && has(Trait::Room, self.room.as_deref())
            && has(Trait::Lesson, self.lesson.as_deref())
            && (may_be_taking || has(Trait::Person, self.person.as_deref()))
            && has(Trait::Category, self.category.as_deref())
    }

    /// What single columns tell: of each condition, a matching row passes at least one test. Those that leave the fewest
    /// rows come first. With `is_reckoned`, what a clock showed that was not right says nothing.
    pub(crate) fn conditions(&self, is_reckoned: bool) -> Vec<Vec<Test<'_>>> {
        let (from, to) = self.window_ms();
        let is_doubtful = |clock: Option<&[u8]>| clock.is_some_and(|clock| clock != CERTAIN.as_bytes());
        let doubtful = || is_reckoned.then(|| Test::Text(Text::Clock, Box::new(is_doubtful) as Box<_>));
        let conditions = [
            self.host.as_ref().map(|host| {
                vec![Test::Text(Text::Host, Box::new(|text: Option<&[u8]>| host.covers(text)) as Box<_>)]
            }),
            self.device_tests(),
            equals(&self.person, &[Text::Person, Text::Author, Text::By]),
            equals(&self.lesson, &[Text::Lesson]),
            equals(&self.category, &[Text::Category]),
            equals(&self.room, &[Text::Room, Text::ScopeName]),
            self.verdict.map(verdict_tests),
            self.kind.map(|kind| vec![kind_test(kind)]),
            // What has no time is told in every search that is not about something.
            from.map(|from| {
                let is_late = move |time: Option<i64>| time.is_none_or(|time| time >= from);
                let goes_on = move |time: Option<i64>| time.is_some_and(|time| time >= from);
                let (is_late, goes_on) = (Box::new(is_late) as Box<_>, Box::new(goes_on) as Box<_>);
                let tests = [Test::Number(Number::Time, is_late), Test::Number(Number::LastTime, goes_on)];
                tests.into_iter().chain(doubtful()).collect()
            }),
            to.map(|to| {
                let is_early = move |time: Option<i64>| time.is_none_or(|time| time < to);
                let test = Test::Number(Number::Time, Box::new(is_early) as Box<_>);
                [test].into_iter().chain(doubtful()).collect()
            }),
        ];
        conditions.into_iter().flatten().collect()
    }

    fn device_tests(&self) -> Option<Vec<Test<'_>>> {
        let device = self.device.as_deref()?;
        let is_device = move |text: Option<&[u8]>| text.is_some_and(|text| is_same(text, device));
        let mac = self.mac.as_deref().map(|mac| Test::text(Text::Mac, mac));
        Some([Test::Text(Text::Device, Box::new(is_device))].into_iter().chain(mac).collect())
    }

    /// Whether a row matches that was made then; without `when`, by what its clock showed.
    pub(crate) fn matches(&self, row: &Row, when: Option<When>) -> bool {
        match row.text(Text::Record) {
            // Read with the accesses that they belong to, or for the times of others.
            Some(record::CLOSING | record::REPEAT | record::CLOCK) => false,
            Some(record::UNKNOWN | record::DAMAGE) => self.is_open(),
            Some(_) => self.matches_record(row, when),
            None => false,
        }
    }

    /// Whether what nobody can read is of interest.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_about_something() && self.host.is_none() && self.verdict.is_none() && self.kind.is_none()
    }

    fn matches_record(&self, row: &Row, when: Option<When>) -> bool {
        let is_within = |time: Timestamp| {
            // Of an access repeats may reach into the time that is asked for.
            let lasting_ms = row.time(Number::LastTime).map_or(0, |last| last.ms_since(time));
            when.unwrap_or(When::Shown(time)).may_be_within(lasting_ms, self.window)
        };
        row.time(Number::Time).map_or(self.window == (None, None), is_within)
            && self.kind.is_none_or(|kind| match kind {
                Kind::Access(kind) => row.text(Text::Kind) == Some(kind.as_str()),
                Kind::Act => row.text(Text::Record) != Some(record::ACCESS),
            })
            && self.verdict.is_none_or(|wanted| verdict_of(row) == Some(wanted))
            && self.host.as_ref().is_none_or(|wanted| wanted.covers(row.text(Text::Host).map(str::as_bytes)))
            && self.device.as_ref().is_none_or(|device| self.is_device(device, row))
            && self.room.as_ref().is_none_or(|room| room_of(row) == Some(room))
            && self.person.as_ref().is_none_or(|person| is_of(row, person))
            && self.lesson.as_ref().is_none_or(|lesson| row.text(Text::Lesson) == Some(lesson))
            && self.category.as_ref().is_none_or(|category| row.text(Text::Category) == Some(category))
    }

    fn is_device(&self, device: &str, row: &Row) -> bool {
        row.text(Text::Device).is_some_and(|name| is_same(name.as_bytes(), device))
            || (self.mac.is_some() && row.text(Text::Mac) == self.mac.as_deref())
    }
}

/// Whether a name is one in small letters.
fn is_same(name: &[u8], small: &str) -> bool {
    if name.is_ascii() {
        return name.eq_ignore_ascii_case(small.as_bytes());
    }
    std::str::from_utf8(name).is_ok_and(|name| name.to_lowercase() == small)
}

fn equals<'f>(wanted: &'f Option<String>, columns: &[Text]) -> Option<Vec<Test<'f>>> {
    let wanted = wanted.as_deref()?;
    Some(columns.iter().map(|column| Test::text(*column, wanted)).collect())
}

fn verdict_tests(verdict: &'static str) -> Vec<Test<'static>> {
    let refuses = verdict == model::Verdict::Refuse.as_str();
    let declines = refuses.then(|| Test::text(Text::Deed, DECLINE));
    [Test::text(Text::Verdict, verdict)].into_iter().chain(declines).collect()
}

fn kind_test(kind: Kind) -> Test<'static> {
    match kind {
        Kind::Access(kind) => Test::text(Text::Kind, kind.as_str()),
        Kind::Act => Test::Text(Text::Record, Box::new(|text| text != Some(record::ACCESS.as_bytes()))),
    }
}

/// The room of a device, or that a rule is for.
fn room_of(row: &Row) -> Option<&str> {
    let scope = row.text(Text::Scope).filter(|scope| *scope == scope::ROOM).and(row.text(Text::ScopeName));
    row.text(Text::Room).or(scope)
}

/// Whether somebody used a device, or did what an act tells: made a rule, or took one back.
fn is_of(row: &Row, person: &str) -> bool {
    let columns: &[Text] = match row.text(Text::Record) {
        Some(record::ACCESS) => &[Text::Person],
        Some(_) | None => &[Text::Author, Text::By],
    };
    columns.iter().any(|column| row.text(*column) == Some(person))
}

/// A declined request refuses a site.
fn verdict_of(row: &Row) -> Option<&str> {
    match row.text(Text::Deed) {
        Some(DECLINE) => Some(model::Verdict::Refuse.as_str()),
        _ => row.text(Text::Verdict),
    }
}

impl Wanted {
    fn covers(&self, host: Option<&[u8]>) -> bool {
        let (Some(host), wanted) = (host, self.text.as_bytes()) else { return false };
        if !self.is_name {
            return host == wanted;
        }
        host.strip_suffix(wanted).is_some_and(|child| child.is_empty() || child.ends_with(b"."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_a_person_the_sieve_is_asked_where_nobody_took_a_rule_back() {
        let dns = Some(Kind::Access(model::AccessKind::Dns));
        for (kind, has_takings, expected) in [
            (None, true, true),
            (None, false, false),
            (Some(Kind::Act), true, true),
            (Some(Kind::Act), false, false),
            (dns, true, false),
        ] {
            let filter = Filter::from(&Query { person: "M. Petit".parse().ok(), kind, ..Query::default() });
            assert_eq!(filter.may_match(has_takings, |_, _| false), expected, "{kind:?} {has_takings}");
            assert!(filter.may_match(has_takings, |of, _| of == Trait::Person));
        }
    }

    #[test]
    fn what_is_not_bounded_may_be_within() {
        let check = |from: i64, to: i64, times, last_times, expected: bool| {
            let (from, to) = (Timestamp::from_unix_ms(from), Timestamp::from_unix_ms(to));
            let filter = Filter::from(&Query { from: Some(from), to: Some(to), ..Query::default() });
            assert_eq!(filter.may_be_within(times, last_times), expected, "{times:?} {last_times:?}");
        };
        check(10, 20, None, None, true);
        check(10, 20, Some((0, 10)), None, true);
        check(10, 20, Some((0, 9)), None, false);
        check(10, 20, Some((20, 30)), None, false);
        check(10, 20, Some((0, 9)), Some((5, 10)), true);
        check(10, 20, Some((0, 9)), Some((5, 9)), false);
        // Accesses that were not repeated have no last time.
        check(10, 20, None, Some((5, 9)), true);
        check(10, 20, None, Some((30, 40)), true);
    }
}
