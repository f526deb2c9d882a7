//! What an access point shall do, as the lessons that run want it.

use model::{RoomName, Timestamp};

/// A lesson that wants Wi-Fi in its room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The lesson's number.
    pub lesson: u32,
    /// Where.
    pub room: RoomName,
    /// When it begins.
    pub from: Timestamp,
    /// When it is over.
    pub until: Timestamp,
}

/// What an access point shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Nothing.
    Silent,
    /// Send, for a lesson.
    Send {
        /// The lesson's number.
        lesson: u32,
        /// No longer than that.
        until: Timestamp,
    },
}

/// What the access points of a room shall do now. Of two lessons in one room the later end counts: the Wi-Fi is for both. Where
/// nobody knows the time, no lesson has an end that lies ahead.
#[must_use]
pub fn intend(room: &RoomName, wishes: &[Wish], now: Option<Timestamp>) -> Intent {
    let Some(now) = now else { return Intent::Silent };
    let wanted = wishes.iter().filter(|wish| wish.room == *room && (wish.from..wish.until).contains(&now));
    let last = wanted.max_by_key(|wish| (wish.until, wish.lesson));
    last.map_or(Intent::Silent, |wish| Intent::Send { lesson: wish.lesson, until: wish.until })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_795_422_600_000);

    fn wish(lesson: u32, room: &str, minutes: i64) -> Wish {
        let until = Timestamp::from_unix_ms(NOW.unix_ms() + minutes * 60_000);
        Wish { lesson, room: room.parse().unwrap(), from: NOW, until }
    }

    #[test]
    fn a_room_sends_for_its_own_lessons_until_the_last_ends() {
        let wishes = [wish(1, "CM1", 90), wish(2, "CM2", 10), wish(3, "CM2", 50), wish(4, "CM2", 0)];
        let check = |room: &str, now: Option<Timestamp>, expected: Option<u32>| {
            let lesson = match intend(&room.parse().unwrap(), &wishes, now) {
                Intent::Silent => None,
                Intent::Send { lesson, until } => {
                    assert!(Some(until) > now, "{room}");
                    Some(lesson)
                }
            };
            assert_eq!(lesson, expected, "{room}");
        };
        check("CM1", Some(NOW), Some(1));
        check("CM2", Some(NOW), Some(3));
        check("CP", Some(NOW), None);
        check("CM2", Some(wish(0, "CM2", 50).until), None);
        check("CM2", None, None);
        // The clock was set back behind its beginning.
        check("CM2", Some(Timestamp::from_unix_ms(NOW.unix_ms() - 1)), None);
    }
}
