//! A school that asks questions: many PCs, each from an address of its own.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{MESSAGE_BYTES_MAX, question};
use crate::dns::Kind;
use crate::random::Random;

/// PCs that ask: a large classroom.
const CLIENTS: u8 = 30;
/// Questions that each PC has open at once under full load: 240 keep every server busy.
const OPEN_QUESTIONS: usize = 8;
/// The same while caches are filled: what waits for upstreams is limited everywhere.
const OPEN_QUESTIONS_WARMING: usize = 2;
/// When an answer counts as lost.
const PATIENCE: Duration = Duration::from_millis(500);
/// One question in this many is for an IPv6 address.
const AAAA_SHARE: usize = 3;
/// RCODEs that a working server does not send here: SERVFAIL, NOTIMP, REFUSED (RFC 1035 section 4.1.1).
const FAILURES: [u8; 3] = [2, 4, 5];

/// Questions in the order in which they are asked, again and again.
pub struct Plan {
    questions: Vec<Vec<u8>>,
    next: usize,
}

impl Plan {
    /// Each name once, for its IPv4 address.
    #[must_use]
    pub fn each(names: &[String]) -> Self {
        Self { questions: names.iter().map(|name| question(name, Kind::A)).collect(), next: 0 }
    }

    /// Both kinds of every name once.
    #[must_use]
    pub fn each_kind(names: &[String]) -> Self {
        let both = |name: &String| [Kind::A, Kind::Aaaa].map(|kind| question(name, kind));
        Self { questions: names.iter().flat_map(both).collect(), next: 0 }
    }

    /// `count` questions: `blocked_percent` of them for a name of `blocked`, the others for one of `permitted`,
    /// the first ones most often (Zipf's law with exponent 1).
    #[must_use]
    pub fn mix(permitted: &[String], blocked: &[String], blocked_percent: usize, count: usize) -> Self {
        const SEED: u64 = 0x5052_4541_5500_0053;
        let mut random = Random::new(SEED);
        let zipf = Zipf::new(permitted.len());
        let mut questions = Vec::with_capacity(count);
        for _ in 0..count {
            let name = if random.below(100) < blocked_percent {
                random.choose(blocked)
            } else {
                permitted.get(zipf.draw(&mut random))
            };
            let kind = if random.below(AAAA_SHARE) == 0 { Kind::Aaaa } else { Kind::A };
            questions.extend(name.map(|name| question(name, kind)));
        }
        Self { questions, next: 0 }
    }

    /// How many questions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.questions.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    pub(super) fn next(&mut self) -> &mut [u8] {
        let place = self.next;
        self.next = (place + 1) % self.questions.len().max(1);
        self.questions.get_mut(place).map(Vec::as_mut_slice).unwrap_or_default()
    }
}

/// Draws places of a list, the n-th with a weight of 1/n.
struct Zipf(Vec<f64>);

impl Zipf {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand places")]
    fn new(places: usize) -> Self {
        let weights = (1..=places).scan(0.0, |sum, place| {
            *sum += 1.0 / place as f64;
            Some(*sum)
        });
        Self(weights.collect())
    }

    #[expect(clippy::cast_precision_loss, reason = "a random number needs no more digits")]
    fn draw(&self, random: &mut Random) -> usize {
        let sum = self.0.last().copied().unwrap_or_default();
        let drawn = random.below(1 << 52) as f64 / (1_u64 << 52) as f64 * sum;
        self.0.partition_point(|&weight| weight <= drawn)
    }
}

/// What became of the questions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Answers.
    pub answers: u32,
    /// Answers that say that the server failed.
    pub failures: u32,
    /// Questions without an answer.
    pub lost: u32,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// The PCs.
pub struct School {
    clients: Vec<UdpSocket>,
    number: u16,
}

impl School {
    /// PCs on the loopback that ask `server`.
    ///
    /// # Errors
    /// The loopback is down.
    pub fn new(server: SocketAddr) -> Result<Self> {
        let client = |number| {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 1, number), 0))?;
            socket.connect(server)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok(socket)
        };
        let clients = (1..=CLIENTS).map(client).collect::<std::io::Result<_>>();
        Ok(Self { clients: clients.context("the school's sockets")?, number: 0 })
    }

    /// Asks everything once, so that caches are full. What is lost is asked later, as clients do.
    pub fn warm(&mut self, plan: &mut Plan) -> Tally {
        let mut tally = Tally::default();
        let start = now();
        let turn = self.clients.len() * OPEN_QUESTIONS_WARMING;
        for _ in 0..plan.len().div_ceil(turn) {
            self.turn(plan, OPEN_QUESTIONS_WARMING, &mut tally);
        }
        tally.seconds = start.elapsed().as_secs_f64();
        tally
    }

    /// Asks as much as the server answers.
    pub fn press(&mut self, plan: &mut Plan, duration: Duration) -> Tally {
        let mut tally = Tally::default();
        let start = now();
        while start.elapsed() < duration {
            self.turn(plan, OPEN_QUESTIONS, &mut tally);
        }
        tally.seconds = start.elapsed().as_secs_f64();
        tally
    }

    /// Asks one question after the other, with a pause before each.
    pub fn ask_slowly(&mut self, plan: &mut Plan, duration: Duration, pause: Duration) -> Tally {
        let mut tally = Tally::default();
        let start = now();
        let mut client = 0;
        while start.elapsed() < duration {
            thread::sleep(pause);
            client = (client + 1) % self.clients.len().max(1);
            self.number = self.number.wrapping_add(1);
            if let Some(socket) = self.clients.get(client) {
                ask(socket, plan.next(), self.number);
                receive(socket, self.number, 1, &mut tally);
            }
        }
        tally.seconds = start.elapsed().as_secs_f64();
        tally
    }

    /// Every PC asks, then every PC waits for its answers.
    fn turn(&mut self, plan: &mut Plan, open: usize, tally: &mut Tally) {
        self.number = self.number.wrapping_add(1);
        for socket in &self.clients {
            for _ in 0..open {
                ask(socket, plan.next(), self.number);
            }
        }
        for socket in &self.clients {
            receive(socket, self.number, open, tally);
        }
    }
}

fn ask(socket: &UdpSocket, question: &mut [u8], number: u16) {
    if let Some(place) = question.get_mut(..2) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    // A full buffer loses a datagram as a network does: it is counted when no answer comes.
    let _sent = socket.send(question);
}

/// Counts the answers to this turn's questions; late ones of an earlier turn were counted as lost.
fn receive(socket: &UdpSocket, number: u16, count: usize, tally: &mut Tally) {
    let mut packet = [0; MESSAGE_BYTES_MAX];
    let mut missing = count;
    while missing > 0 {
        match socket.recv(&mut packet) {
            Ok(_) if packet.starts_with(&number.to_be_bytes()) => {
                missing -= 1;
                tally.answers += 1;
                let code = packet.get(3).copied().unwrap_or_default() & 15;
                tally.failures += u32::from(FAILURES.contains(&code));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    tally.lost += u32::try_from(missing).unwrap_or(u32::MAX);
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::dns::authority;

    #[test]
    fn the_first_names_are_asked_most() {
        let zipf = Zipf::new(1_000);
        let mut random = Random::new(1);
        let mut counts = vec![0; 1_000];
        (0..100_000).for_each(|_| counts[zipf.draw(&mut random)] += 1);
        assert!((12_000..15_000).contains(&counts[0]), "{}", counts[0]);
        assert!((6_000..7_500).contains(&counts[1]), "{}", counts[1]);
        assert!(counts[999] < 100);
    }

    #[test]
    fn every_question_gets_its_answer() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut school = School::new(socket.local_addr().unwrap()).unwrap();
        let asked = authority::serve(socket, |_| [192, 0, 2, 1]).unwrap();
        let names: Vec<String> = (0..600).map(|number| format!("n{number}.example")).collect();
        let tally = school.warm(&mut Plan::each_kind(&names));
        assert_eq!((tally.answers, tally.failures, tally.lost), (1_200, 0, 0));
        assert_eq!(asked.load(Ordering::Relaxed), 1_200);
        let mut mix = Plan::mix(&names, &names, 5, 100);
        assert_eq!(mix.len(), 100);
        assert!(school.press(&mut mix, Duration::from_millis(50)).answers > 100);
    }
}
