//! What people are told of an access point, and of a room.

use model::Timestamp;

/// What an access point does, as far as the box knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It sends nothing.
    Off(Silence),
    /// It has been told to send, and does not yet.
    Starting,
    /// It sends.
    On {
        /// Since when.
        since: Timestamp,
    },
    /// It does not answer, or not as it should: nobody knows what it does.
    Unreachable {
        /// Since when.
        since: Timestamp,
    },
}

/// How far it is known that nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// The access point says so.
    Said,
    /// Another radio of the box listens, and heard no beacon.
    Heard,
}

/// What a look at an access point has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// No answer.
    Nothing,
    /// It sends.
    Sending,
    /// It does not.
    Silent {
        /// Whether it should send.
        is_wanted: bool,
        /// How far that is known.
        silence: Silence,
    },
}

impl Status {
    /// The word that the command line and files use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off(Silence::Said) => "off-not-verified",
            Self::Off(Silence::Heard) => "off",
            Self::Starting => "starting",
            Self::On { .. } => "on",
            Self::Unreachable { .. } => "unreachable",
        }
    }

    /// Since when, where that is known.
    #[must_use]
    pub fn since(self) -> Option<Timestamp> {
        match self {
            Self::On { since } | Self::Unreachable { since } => Some(since),
            Self::Off(_) | Self::Starting => None,
        }
    }

    /// The status after a look. `before` is that of the look before: what goes on has begun when it began.
    #[must_use]
    pub fn after(before: Option<Self>, sight: Sight, now: Timestamp) -> Self {
        match (sight, before) {
            (Sight::Nothing, Some(Self::Unreachable { since })) => Self::Unreachable { since },
            (Sight::Nothing, _) => Self::Unreachable { since: now },
            (Sight::Sending, Some(Self::On { since })) => Self::On { since },
            (Sight::Sending, _) => Self::On { since: now },
            (Sight::Silent { is_wanted: true, .. }, _) => Self::Starting,
            (Sight::Silent { is_wanted: false, silence }, _) => Self::Off(silence),
        }
    }

    /// What is told of a room with these access points; `None` without any. One that sends serves the class; one that nobody
    /// can reach may send, so that the room is not said to be silent.
    #[must_use]
    pub fn of_room(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().min_by_key(|status| match status {
            Self::On { since } => (0, since.unix_ms(), Silence::Said),
            Self::Starting => (1, 0, Silence::Said),
            Self::Unreachable { since } => (2, since.unix_ms(), Silence::Said),
            Self::Off(silence) => (3, 0, *silence),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(seconds * 1_000)
    }

    #[test]
    fn what_goes_on_keeps_its_beginning() {
        let silent = |is_wanted| Sight::Silent { is_wanted, silence: Silence::Said };
        let sights = [
            (silent(false), Status::Off(Silence::Said)),
            (silent(true), Status::Starting),
            (Sight::Sending, Status::On { since: at(2) }),
            (Sight::Sending, Status::On { since: at(2) }),
            (Sight::Nothing, Status::Unreachable { since: at(4) }),
            (Sight::Nothing, Status::Unreachable { since: at(4) }),
            (Sight::Sending, Status::On { since: at(6) }),
            (Sight::Silent { is_wanted: false, silence: Silence::Heard }, Status::Off(Silence::Heard)),
        ];
        let mut status = None;
        for ((sight, expected), second) in sights.into_iter().zip(0..) {
            let after = Status::after(status, sight, at(second));
            assert_eq!(after, expected, "second {second}");
            status = Some(after);
        }
    }

    #[test]
    fn a_room_is_silent_only_when_all_of_it_is() {
        let (heard, said) = (Status::Off(Silence::Heard), Status::Off(Silence::Said));
        let (on, lost) = (Status::On { since: at(1) }, Status::Unreachable { since: at(2) });
        let check = |all: &[Status], expected: Option<Status>| {
            assert_eq!(Status::of_room(all.iter().copied()), expected, "{all:?}");
        };
        check(&[], None);
        check(&[heard, said], Some(said));
        check(&[heard, heard], Some(heard));
        check(&[heard, lost], Some(lost));
        check(&[Status::Starting, lost], Some(Status::Starting));
        check(&[lost, on, Status::On { since: at(3) }], Some(on));
    }
}
