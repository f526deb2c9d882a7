//! The timetable: lessons that begin by themselves each week.

use crate::number::number;
use crate::{InternetMode, LESSON_MINUTES_MAX, PersonName, RoomName};

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

number! {
    /// The number of a planned lesson. It is never used again.
    PlanId
}

/// A lesson that begins each week: on a day, at a minute of the school's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessonPlan {
    /// Who has the room.
    pub teacher: PersonName,
    /// Which room.
    pub room: RoomName,
    /// The day of the week: 0 is Monday, 6 Sunday.
    pub weekday: u8,
    /// The minute of the day at which it begins.
    pub from_minute: u16,
    /// How long it lasts.
    pub minutes: u32,
    /// What the devices of the room may reach.
    pub internet: InternetMode,
    /// Whether the room has its Wi-Fi.
    pub is_wifi_on: bool,
}

impl LessonPlan {
    /// Whether there are such a day, such a minute and such a length.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        self.weekday < 7 && self.from_minute < DAY_MINUTES && (1..=LESSON_MINUTES_MAX).contains(&self.minutes)
    }

    /// How many minutes it has been on at this minute of this day of the week; `None` where it is not.
    #[must_use]
    pub fn minutes_on(&self, weekday: u8, minute: u16) -> Option<u32> {
        let on = u32::from(minute.checked_sub(self.from_minute)?);
        (weekday == self.weekday && on < self.minutes).then_some(on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_on_for_its_minutes() {
        let plan = LessonPlan {
            teacher: "Mme Martin".parse().unwrap(),
            room: "CM2".parse().unwrap(),
            weekday: 0,
            from_minute: 9 * 60,
            minutes: 55,
            internet: InternetMode::Normal,
            is_wifi_on: true,
        };
        assert_eq!(
            [539, 540, 594, 595].map(|minute| plan.minutes_on(0, minute)),
            [None, Some(0), Some(54), None]
        );
        assert_eq!(plan.minutes_on(1, 540), None);
        assert!(plan.is_fit());
        assert!(!LessonPlan { weekday: 7, ..plan.clone() }.is_fit());
        assert!(!LessonPlan { from_minute: 1_440, ..plan.clone() }.is_fit());
        assert!(!LessonPlan { minutes: 481, ..plan.clone() }.is_fit());
        assert!(!LessonPlan { minutes: 0, ..plan }.is_fit());
    }
}
