//! What was refused during the lessons under way: sites, and how many devices met each. Never which.
//!
//! A teacher sees at a glance what her class looks for in vain. This is no log: it is small, it is in memory only, and it is
//! gone with the lesson. The journal has everything.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use model::{DomainName, Host, LessonId, Narrowing, Reason, Subject, Timestamp};
use policy::{Decided, Refusal};

use crate::refusals::is_noise;

/// Most sites of a lesson: what fits a page that a teacher looks at. Of more, the one that was met longest ago goes.
const SITES_MAX: usize = 30;
/// Most lessons: more than a school has rooms. Of more, the oldest is forgotten.
const LESSONS_MAX: usize = 200;
/// Most devices that are counted of one site: a class has fewer.
const DEVICES_MAX: usize = 100;

/// A site that devices of a lesson's room looked for in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// The site.
    pub site: DomainName,
    /// Why it was refused the last time.
    pub reason: Reason,
    /// How many devices met the refusal.
    pub devices: usize,
    /// When one did last.
    pub last: Timestamp,
}

/// A site with those who met it, by the names under which the journal knows them: they are counted, and told to nobody.
#[derive(Debug)]
struct Met {
    site: DomainName,
    reason: Reason,
    by: BTreeSet<String>,
    last: Timestamp,
}

/// The misses of all lessons. A permitted access never comes here.
#[derive(Debug, Default)]
pub(crate) struct Misses(Mutex<HashMap<LessonId, Vec<Met>>>);

impl Misses {
    /// Notes a refusal of a lesson. What programs try on their own is no site that anybody looks for, and where all is closed,
    /// everything is refused.
    pub(crate) fn note(&self, now: Timestamp, refusal: &Refusal) {
        let Some(lesson) = refusal.lesson() else { return };
        let reason = refusal.reason();
        if is_noise(reason) || *reason == Reason::Narrowed(Narrowing::Closed) {
            return;
        }
        let Some(site) = refusal.host().and_then(Host::name).and_then(|host| reason.site_of(host)) else {
            return;
        };
        let mut lessons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lessons.len() >= LESSONS_MAX && !lessons.contains_key(&lesson) {
            forget_oldest(&mut lessons);
        }
        add(lessons.entry(lesson).or_default(), now, site, reason, refusal.subject());
    }

    /// Forgets all that was missed in other lessons than these.
    pub(crate) fn keep_only(&self, running: &[LessonId]) {
        let mut lessons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lessons.retain(|lesson, _| running.contains(lesson));
    }

    /// What was missed in a lesson, the last first.
    pub(crate) fn recall(&self, lesson: LessonId) -> Vec<Miss> {
        let lessons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let met = lessons.get(&lesson).map(Vec::as_slice).unwrap_or_default();
        let told = met.iter().rev().map(|met| Miss {
            site: met.site.clone(),
            reason: met.reason.clone(),
            devices: met.by.len(),
            last: met.last,
        });
        told.collect()
    }
}

/// Adds a refusal as the last one.
fn add(sites: &mut Vec<Met>, now: Timestamp, site: DomainName, reason: &Reason, subject: &Subject) {
    let place = sites.iter().position(|met| met.site == site);
    let mut by = match place {
        Some(place) => sites.remove(place).by,
        None => BTreeSet::new(),
    };
    if by.len() < DEVICES_MAX {
        by.insert(subject.to_string());
    }
    if sites.len() >= SITES_MAX {
        sites.remove(0);
    }
    sites.push(Met { site, reason: reason.clone(), by, last: now });
}

fn forget_oldest(lessons: &mut HashMap<LessonId, Vec<Met>>) {
    if let Some(oldest) = lessons.keys().min().copied() {
        lessons.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use blocklist::builtin;
    use model::{AccessKind, Device, InternetMode, Lesson};
    use policy::{Decision, Question, Rulebook, Snapshot, Target, decide};

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_795_422_600_000 + ms)
    }

    fn lesson(number: u32, mode: &str) -> Lesson {
        Lesson {
            id: LessonId::new(number),
            teacher: "Mme Martin".parse().unwrap(),
            room: "CM2".parse().unwrap(),
            from: at(0),
            until: at(60_000),
            internet: InternetMode::read(mode, "vikidia.org").unwrap(),
            is_wifi_on: false,
            ended: None,
        }
    }

    fn refuse(lesson: &Lesson, device: u8, host: &str) -> Refusal {
        let subject = Subject::Device(Arc::new(Device {
            mac: model::Mac::new([2, 0, 0, 0, 0, device]),
            name: format!("CM2-{device:02}").parse().unwrap(),
            room: Some("CM2".parse().unwrap()),
            profile: "elementaire".parse().unwrap(),
        }));
        let target = Target::Host(Host::parse(host).unwrap());
        let rulebook = Rulebook { lessons: vec![lesson.clone()], ..Rulebook::default() };
        let policy = Snapshot::new(Arc::new(builtin()), &rulebook);
        let question = Question { subject, kind: AccessKind::Dns, target, destination: None };
        match decide(&policy, question, Some(at(1))) {
            Decision::Refusal(refusal) => refusal,
            Decision::Permit(_) => panic!("{host} is permitted"),
        }
    }

    fn told(misses: &Misses, lesson: &Lesson) -> Vec<String> {
        misses.recall(lesson.id).iter().map(|it| format!("{} {}", it.site, it.devices)).collect()
    }

    #[test]
    fn sites_are_counted_by_devices_and_the_last_comes_first() {
        let (misses, lesson) = (Misses::default(), lesson(7, "list"));
        for (device, host) in [
            (1, "www.jeux.example.fr"),
            (1, "mme-martin-est-bete.example.fr"),
            (2, "example.fr"),
            (3, "gambling.preau.test"),
            // A way around the filter is nothing that a pupil misses.
            (3, "use-application-dns.net"),
            (3, "192.0.2.7"),
        ] {
            misses.note(at(2), &refuse(&lesson, device, host));
        }
        assert_eq!(told(&misses, &lesson), ["gambling.preau.test 1", "example.fr 2"]);
        assert_eq!(misses.recall(LessonId::new(8)), []);
    }

    #[test]
    fn what_was_missed_goes_with_the_lesson() {
        let (misses, over, running) = (Misses::default(), lesson(7, "list"), lesson(8, "list"));
        for lesson in [&over, &running] {
            misses.note(at(2), &refuse(lesson, 1, "example.fr"));
        }
        misses.keep_only(&[running.id]);
        assert_eq!([told(&misses, &over).len(), told(&misses, &running).len()], [0, 1]);
    }

    #[test]
    fn where_all_is_closed_nothing_is_missed() {
        let (misses, lesson) = (Misses::default(), lesson(7, "closed"));
        misses.note(at(2), &refuse(&lesson, 1, "example.fr"));
        assert_eq!(told(&misses, &lesson), [""; 0]);
    }

    #[test]
    fn sites_devices_and_lessons_are_few() {
        let misses = Misses::default();
        let first = lesson(1, "list");
        for number in 0..SITES_MAX + 2 {
            misses.note(at(2), &refuse(&first, 1, &format!("site{number}.fr")));
        }
        let sites = told(&misses, &first);
        assert_eq!((sites.len(), sites.last().unwrap().as_str()), (SITES_MAX, "site2.fr 1"));
        for number in 2..u32::try_from(LESSONS_MAX).unwrap() + 2 {
            misses.note(at(2), &refuse(&lesson(number, "list"), 1, "a.fr"));
        }
        assert_eq!(misses.0.lock().unwrap().len(), LESSONS_MAX);
        assert_eq!(told(&misses, &first), [""; 0]);
    }
}
