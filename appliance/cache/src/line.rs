//! Whether the line to a server stands.
//!
//! ```text
//!        an exchange fails or is silent          a probe has no answer
//!   Up ---------------------------------> Doubted ---------------------> Down <-----------+
//!   ^                                        |                            |  a probe is   | it has no
//!   |                                        |                            v  due          | answer
//!   +--------- any sign of life -------------+----------------------- HalfOpen -----------+
//! ```
//!
//! A line that swallows packets says nothing, and a server that thinks says nothing either: a short probe tells them apart.
//! While the line is down, somebody who wants something is not kept waiting to find that out again; probes notice that it is
//! back, as long as there is somebody who asks.
//!
//! Invariant: one probe at a time; what came from the server, by whatever exchange, outweighs a probe that got no answer.

use std::time::Duration;

/// How long an exchange may be silent before the line is probed: pages of a workspace take less, and what takes longer costs
/// one connection.
pub const SILENCE: Duration = Duration::from_secs(1);
/// A probe that has no answer by then has none: the round trips of a handshake on a line that is slow and full.
pub const PROBE_WAIT: Duration = Duration::from_secs(3);
/// Between two probes that are made because of doubts: a server that breaks off each exchange is probed no more often.
const DOUBT_PAUSE: Duration = Duration::from_secs(1);
/// After the first probe without an answer; each further pause is twice as long.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest pause: the line's return is noticed within this and a probe.
const PAUSE_MAX: Duration = Duration::from_secs(4);
/// For how long after the last one who asked the line is probed: pages that wait for it ask every few seconds.
const INTEREST: Duration = Duration::from_secs(30);

/// Where the line is in its course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    /// A probe is on its way; requests go as ever.
    Doubted,
    Down,
    /// Down, and a probe is on its way.
    HalfOpen,
}

/// The line to one server. Times are those since a start that is the same for all of them, by a clock that is never set.
#[derive(Clone, Debug)]
pub struct Line {
    state: State,
    /// The last sign of life.
    heard: Option<Duration>,
    /// When the last probe began.
    probed: Option<Duration>,
    /// When somebody wanted something last.
    wanted: Duration,
    pause: Duration,
}

impl Default for Line {
    fn default() -> Self {
        Self { state: State::Up, heard: None, probed: None, wanted: Duration::ZERO, pause: PAUSE }
    }
}

impl Line {
    /// Whether nobody should be kept waiting for it.
    #[must_use]
    pub fn is_down(&self) -> bool {
        matches!(self.state, State::Down | State::HalfOpen)
    }

    /// The server said something, whatever it was.
    pub fn hear(&mut self, now: Duration) {
        *self = Self { heard: Some(now), probed: self.probed, wanted: self.wanted, ..Self::default() };
    }

    /// An exchange failed, or has been silent, since `since`. True where a probe has to begin now.
    pub fn doubt(&mut self, since: Duration, now: Duration) -> bool {
        self.wanted = now;
        let is_heard = self.heard.is_some_and(|heard| heard > since);
        let is_recent = self.probed.is_some_and(|probed| now < probed.saturating_add(DOUBT_PAUSE));
        if self.state != State::Up || is_heard || is_recent {
            return false;
        }
        self.begin(State::Doubted, now);
        true
    }

    /// Somebody wants something of the server. True where a probe has to begin now: it is down, and the last one was long ago.
    pub fn want(&mut self, now: Duration) -> bool {
        self.wanted = now;
        let is_due = self.probed.is_none_or(|probed| now >= probed.saturating_add(self.pause));
        let begins = self.state == State::Down && is_due;
        if begins {
            self.begin(State::HalfOpen, now);
        }
        begins
    }

    /// Whether the server is there is looked at, though nobody wants anything of it. True where a probe has to begin now: none is
    /// on its way.
    pub fn look(&mut self, now: Duration) -> bool {
        match self.state {
            State::Up => self.begin(State::Doubted, now),
            State::Down => self.begin(State::HalfOpen, now),
            State::Doubted | State::HalfOpen => return false,
        }
        true
    }

    /// The probe that began then had no answer. How long to wait before [`Line::retry`] begins another one; `None` where the
    /// server said something meanwhile.
    pub fn miss(&mut self, began: Duration) -> Option<Duration> {
        match self.state {
            State::Up | State::Down => return None,
            State::Doubted | State::HalfOpen if self.probed != Some(began) => return None,
            State::Doubted => self.pause = PAUSE,
            State::HalfOpen => self.pause = self.pause.saturating_mul(2).min(PAUSE_MAX),
        }
        self.state = State::Down;
        Some(self.pause)
    }

    /// After the pause: true where another probe has to begin, because there is somebody who asks.
    pub fn retry(&mut self, now: Duration) -> bool {
        let is_wanted = now <= self.wanted.saturating_add(INTEREST);
        let begins = self.state == State::Down && is_wanted;
        if begins {
            self.begin(State::HalfOpen, now);
        }
        begins
    }

    /// The probe that began then was not made after all: nothing is known that was not before.
    pub fn withdraw(&mut self, began: Duration) {
        if self.probed != Some(began) {
            return;
        }
        self.state = match self.state {
            State::Up | State::Doubted => State::Up,
            State::Down | State::HalfOpen => State::Down,
        };
    }

    fn begin(&mut self, state: State, now: Duration) {
        self.state = state;
        self.probed = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A line that fell at the tenth second.
    fn fallen() -> Line {
        let mut line = Line::default();
        line.hear(s(9));
        assert!(line.doubt(s(10), s(11)));
        assert!(!line.is_down(), "a doubt is no fall");
        assert_eq!(line.miss(s(11)), Some(PAUSE));
        assert!(line.is_down());
        line
    }

    #[test]
    fn a_silence_is_a_fall_once_a_probe_has_no_answer_either() {
        fallen();
    }

    #[test]
    fn a_server_that_thinks_is_not_a_line_that_is_down() {
        let mut line = Line::default();
        assert!(line.doubt(s(0), s(1)));
        assert!(!line.doubt(s(0), s(1)), "one probe at a time");
        line.hear(s(2));
        assert_eq!(line.miss(s(1)), None, "what came outweighs a probe that was lost");
        assert!(!line.is_down());
    }

    #[test]
    fn another_exchange_that_moves_takes_away_the_doubt() {
        let mut line = Line::default();
        line.hear(s(10));
        assert!(!line.doubt(s(9), s(10)));
        assert!(line.doubt(s(10), s(12)));
    }

    #[test]
    fn a_server_that_breaks_off_each_exchange_is_probed_once_a_second() {
        let mut line = Line::default();
        let mut probes = 0;
        for ms in (0..10_000).step_by(50) {
            let now = Duration::from_millis(ms);
            if line.doubt(now, now) {
                probes += 1;
                line.hear(now);
            }
        }
        assert_eq!(probes, 10);
    }

    #[test]
    fn it_is_probed_while_somebody_asks_and_its_return_is_noticed_in_seconds() {
        let mut line = fallen();
        let mut pauses = Vec::new();
        let mut now = s(13);
        for _ in 0..4 {
            assert!(line.retry(now));
            assert!(line.is_down() && !line.want(now), "one probe at a time");
            let pause = line.miss(now).unwrap();
            pauses.push(pause);
            now += PROBE_WAIT + pause;
        }
        assert_eq!(pauses, [s(2), s(4), s(4), s(4)]);
        assert!(line.retry(now));
        line.hear(now);
        assert!(!line.is_down());
        // The next fall begins with short pauses again.
        assert!(line.doubt(now + s(5), now + s(6)));
        assert_eq!(line.miss(now), None, "a probe of the last outage tells nothing of this one");
        assert_eq!(line.miss(now + s(6)), Some(PAUSE));
    }

    #[test]
    fn nobody_is_probed_for() {
        let mut line = fallen();
        let late = s(11) + INTEREST + s(1);
        assert!(!line.retry(late) && line.is_down());
        assert!(line.want(late), "the next one who asks begins again");
        line.withdraw(late);
        assert!(line.is_down() && !line.want(late), "but not at once");
        assert!(line.want(late + PAUSE));
    }

    #[test]
    fn a_look_finds_the_line_down_before_anybody_asks() {
        let mut line = Line::default();
        assert!(line.look(s(0)) && !line.look(s(1)), "one probe at a time");
        assert!(!line.is_down() && line.miss(s(0)).is_some() && line.is_down());
        assert!(line.look(s(60)) && line.is_down());
        line.hear(s(61));
        assert!(!line.is_down());
    }

    #[test]
    fn a_probe_that_is_not_made_tells_nothing() {
        let mut line = Line::default();
        assert!(line.doubt(s(0), s(1)));
        line.withdraw(s(1));
        assert!(!line.is_down());
        assert_eq!(line.miss(s(1)), None);
    }

    proptest! {
        /// However signs follow each other: one probe at a time that counts, the line falls by a missed one only, and a sign of
        /// life ends the outage at once.
        #[test]
        fn only_a_missed_probe_makes_it_fall(steps in prop::collection::vec((0_u8..7, 0_u64..3_000), 0..200)) {
            let mut line = Line::default();
            let (mut now, mut probe) = (Duration::ZERO, None);
            for (step, ms) in steps {
                now += Duration::from_millis(ms);
                let was_down = line.is_down();
                let begins = match step {
                    1 => line.doubt(now.saturating_sub(SILENCE), now),
                    2 => line.want(now),
                    3 => line.retry(now),
                    6 => line.look(now),
                    _ => false,
                };
                prop_assert!(!begins || probe.is_none(), "two probes at a time");
                match step {
                    0 => { line.hear(now); probe = None; }
                    4 => if let Some(began) = probe.take() { let _pause = line.miss(began); },
                    5 => if let Some(began) = probe.take() { line.withdraw(began); },
                    _ => {}
                }
                probe = if begins { Some(now) } else { probe };
                prop_assert!(was_down || !line.is_down() || step == 4);
                prop_assert!(step != 0 || !line.is_down());
            }
        }
    }
}
