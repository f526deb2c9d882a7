//! What is asked of the year.

use super::box_year::visits_of_day;
use super::school::{DAYS, School, Visit, day_times};

/// A question, and how many accesses answer it.
pub struct Question {
    /// As people would say it.
    pub text: String,
    /// The device, by its place.
    pub device: Option<usize>,
    /// The day.
    pub day: Option<usize>,
    /// The host, by its rank.
    pub host: Option<usize>,
    /// How many accesses there are.
    pub accesses: u64,
}

impl Question {
    /// The first and the last moment that are asked for.
    #[must_use]
    pub fn times(&self) -> Option<(i64, i64)> {
        self.day.map(day_times)
    }

    fn is_answer(&self, day: usize, visit: &Visit) -> bool {
        self.day.is_none_or(|wanted| wanted == day)
            && self.device.is_none_or(|wanted| wanted == visit.device)
            && self.host.is_none_or(|wanted| wanted == visit.host)
    }
}

/// The questions, counted: a device on a day, a device with a host, hosts from rare to the most popular.
#[must_use]
pub fn all(school: &School, visits: usize) -> Vec<Question> {
    let new =
        |text: &str, device, day, host| Question { text: text.to_owned(), device, day, host, accesses: 0 };
    let mut questions = vec![
        new("device on a day", Some(137), Some(200), None),
        new("host, rare", None, None, Some(120_001)),
        new("host of rank 20,000", None, None, Some(20_000)),
        new("host of rank 2,000", None, None, Some(2_000)),
        new("the most popular host", None, None, Some(0)),
        new("device with a host of rank 200, over the year", Some(137), None, Some(200)),
    ];
    for day in 0..DAYS {
        for visit in school.day(day, visits_of_day(day, visits)) {
            for question in &mut questions {
                question.accesses += u64::from(question.is_answer(day, &visit));
            }
        }
    }
    questions
}
