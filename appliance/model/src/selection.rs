//! What is looked for in the journal, as people choose it on a page or a command line.

use crate::{Category, Host, LessonId, PersonName, ReadingTerms, RoomName, Target, Timestamp, Verdict};

/// Records that fit every field that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// Of the device of this name or hardware address.
    pub device: Option<Target>,
    /// Of the devices of this room.
    pub room: Option<RoomName>,
    /// During this lesson; its beginning, its changes and its end, too.
    pub lesson: Option<LessonId>,
    /// What this person did. No access is a person's: nobody signs in to browse.
    pub person: Option<PersonName>,
    /// For this host; for a name, also for all names under it.
    pub host: Option<Host>,
    /// By a list of this category.
    pub category: Option<Category>,
    /// With this verdict.
    pub verdict: Option<Verdict>,
    /// Whether names of people are shown, and what people did.
    pub with_people: bool,
}

impl Selection {
    /// What of it a reading may see: its window and its device, whatever is asked for. `None` where that is nothing.
    #[must_use]
    pub fn within(self, terms: &ReadingTerms) -> Option<Self> {
        let from = self.from.max(terms.from);
        let to = match (self.to, terms.to) {
            (Some(asked), Some(seen)) => Some(asked.min(seen)),
            (asked, seen) => asked.or(seen),
        };
        let is_same = |asked: &Target, seen: &Target| asked.as_str().eq_ignore_ascii_case(seen.as_str());
        let device = match (self.device, &terms.target) {
            (Some(asked), Some(seen)) if !is_same(&asked, seen) => return None,
            (asked, seen) => seen.clone().or(asked),
        };
        if matches!((from, to), (Some(from), Some(to)) if to <= from) {
            return None;
        }
        // To look for a person is to show her.
        if self.person.is_some() && !terms.with_people {
            return None;
        }
        let with_people = (self.with_people || self.person.is_some()) && terms.with_people;
        Some(Self { from, to, device, with_people, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Purpose;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    fn terms(target: Option<&str>, with_people: bool) -> ReadingTerms {
        ReadingTerms {
            purpose: Purpose::Incident,
            detail: "essai".parse().unwrap(),
            from: Some(at(10)),
            to: Some(at(20)),
            target: target.map(|target| target.parse().unwrap()),
            with_people,
        }
    }

    #[test]
    fn nothing_is_seen_outside_a_reading() {
        let check = |from: Option<i64>, to: Option<i64>, expected: Option<(i64, i64)>| {
            let asked = Selection { from: from.map(at), to: to.map(at), ..Selection::default() };
            let seen = asked.within(&terms(None, false));
            let window = seen.map(|seen| (seen.from.unwrap().unix_ms(), seen.to.unwrap().unix_ms()));
            assert_eq!(window, expected, "{from:?} {to:?}");
        };
        check(None, None, Some((10, 20)));
        check(Some(5), Some(25), Some((10, 20)));
        check(Some(12), Some(15), Some((12, 15)));
        check(Some(20), None, None);
        check(None, Some(10), None);
        let of = |device: &str| Selection { device: device.parse().ok(), ..Selection::default() };
        let one = terms(Some("CM2-04"), false);
        assert_eq!(of("cm2-04").within(&one).unwrap().device, one.target);
        assert_eq!(of("CM2-05").within(&one), None);
        assert_eq!(Selection::default().within(&one).unwrap().device, one.target);
        assert_eq!(of("CM2-05").within(&terms(None, false)).unwrap().device, "CM2-05".parse().ok());
    }

    #[test]
    fn people_are_shown_where_the_reading_says_so() {
        let asked = Selection { with_people: true, ..Selection::default() };
        assert!(asked.clone().within(&terms(None, true)).unwrap().with_people);
        assert!(!asked.within(&terms(None, false)).unwrap().with_people);
        let of = Selection { person: "Mme Martin".parse().ok(), ..Selection::default() };
        assert!(
            of.clone().within(&terms(None, true)).unwrap().with_people,
            "or nothing of her would be found"
        );
        assert_eq!(of.within(&terms(None, false)), None);
    }
}
