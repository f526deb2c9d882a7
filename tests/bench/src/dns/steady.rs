//! A school that asks at an even pace, whatever the server does meanwhile: how long each question waits.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::MESSAGE_BYTES_MAX;
use super::load::Plan;

/// PCs that ask, each from an address of its own.
const CLIENTS: u8 = 5;
/// Questions are sent once in this time, one by each PC: 5,000 a second.
const TICK: Duration = Duration::from_millis(1);
/// Who waits longer than this for an answer has asked in vain: clients ask again, or give up.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often somebody who waits for an answer looks whether the measurement is over.
const LOOK: Duration = Duration::from_millis(100);
/// Numbers of questions (RFC 1035 section 4.1.1): a PC comes to the same one again after 65 seconds.
const NUMBERS: usize = 1 << 16;
/// No question with this number waits.
const NOT_WAITING: u32 = 0;

/// How long answers took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waits {
    /// Each answer's time in microseconds, ascending.
    microseconds: Vec<u32>,
    /// Questions that were asked.
    pub asked: usize,
}

impl Waits {
    /// Questions without an answer in time.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.asked - self.microseconds.len()
    }

    /// The time in milliseconds within which this part of the answers came; 0 of none.
    #[must_use]
    pub fn percentile_ms(&self, part: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place among some hundred thousand"
        )]
        let place = (self.microseconds.len() as f64 * part) as usize;
        let place = place.min(self.microseconds.len().saturating_sub(1));
        self.microseconds.get(place).map_or(0.0, |&time| f64::from(time) / 1e3)
    }
}

/// PCs that ask a server until they are told to stop.
pub struct Classroom {
    over: Arc<AtomicBool>,
    asking: JoinHandle<usize>,
    listening: Vec<JoinHandle<Vec<u32>>>,
}

impl Classroom {
    /// Starts to ask `server` what is on the plan.
    ///
    /// # Errors
    /// The loopback is down.
    pub fn start(server: SocketAddr, mut plan: Plan) -> Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let start = now();
        let (mut clients, mut listening) = (Vec::new(), Vec::new());
        for number in 1..=CLIENTS {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 2, number), 0)).context("a PC's socket")?;
            socket.connect(server)?;
            socket.set_read_timeout(Some(LOOK))?;
            let client = Client { socket: socket.try_clone()?, sent: sent() };
            let listener = Client { socket, sent: Arc::clone(&client.sent) };
            let over = Arc::clone(&over);
            listening.push(thread::spawn(move || listener.listen(start, &over)));
            clients.push(client);
        }
        let stop = Arc::clone(&over);
        let asking = thread::spawn(move || {
            let mut asked = 0;
            let mut due = now();
            while !stop.load(Ordering::Relaxed) {
                for client in &clients {
                    client.ask(plan.next(), asked / clients.len(), start);
                    asked += 1;
                }
                due += TICK;
                thread::sleep(due.saturating_duration_since(now()));
            }
            asked
        });
        Ok(Self { over, asking, listening })
    }

    /// Stops asking, waits for the last answers, and tells how long all took.
    ///
    /// # Errors
    /// A thread broke down.
    pub fn stop(self) -> Result<Waits> {
        self.over.store(true, Ordering::Relaxed);
        let broken = |_| anyhow::anyhow!("a thread of the classroom broke down");
        let asked = self.asking.join().map_err(broken)?;
        let mut microseconds = Vec::new();
        for listener in self.listening {
            microseconds.extend(listener.join().map_err(broken)?);
        }
        microseconds.sort_unstable();
        Ok(Waits { microseconds, asked })
    }
}

/// A PC, as its two threads see it.
struct Client {
    socket: UdpSocket,
    /// When the question of each number was sent, in microseconds since the start; from 1 on.
    sent: Arc<[AtomicU32]>,
}

fn sent() -> Arc<[AtomicU32]> {
    (0..NUMBERS).map(|_| AtomicU32::new(NOT_WAITING)).collect()
}

impl Client {
    fn ask(&self, question: &mut [u8], number: usize, start: Instant) {
        let number = number % NUMBERS;
        if let (Some(place), Ok(number)) = (question.get_mut(..2), u16::try_from(number)) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        if let Some(sent) = self.sent.get(number) {
            sent.store(microseconds(start).max(1), Ordering::Relaxed);
        }
        // A server that is not there refuses at once: the question is lost, like one in a full buffer.
        let _sent = self.socket.send(question);
    }

    /// Takes answers until the measurement is over and nobody's patience lasts any longer.
    fn listen(&self, start: Instant, over: &AtomicBool) -> Vec<u32> {
        let mut times = Vec::new();
        let mut packet = [0; MESSAGE_BYTES_MAX];
        let mut end = None;
        loop {
            // No answer for a while; or nobody has the port while a server starts anew.
            if self.socket.recv(&mut packet).is_ok() {
                times.extend(self.take(&packet, start));
            }
            if over.load(Ordering::Relaxed) && *end.get_or_insert_with(|| now() + PATIENCE) < now() {
                return times;
            }
        }
    }

    /// The time that an answer took, unless its question waits no more.
    fn take(&self, packet: &[u8], start: Instant) -> Option<u32> {
        let (number, _) = packet.split_first_chunk()?;
        let sent = self.sent.get(usize::from(u16::from_be_bytes(*number)))?;
        let took = match sent.swap(NOT_WAITING, Ordering::Relaxed) {
            NOT_WAITING => return None,
            asked => microseconds(start).saturating_sub(asked),
        };
        (u128::from(took) <= PATIENCE.as_micros()).then_some(took)
    }
}

/// Microseconds since `start`; a measurement lasts less than the hour that fits.
fn microseconds(start: Instant) -> u32 {
    u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::authority;

    fn names() -> Vec<String> {
        (0..50).map(|number| format!("n{number}.example")).collect()
    }

    #[test]
    fn every_answer_is_timed() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let server = socket.local_addr().unwrap();
        let asked = authority::serve(socket, |_| [192, 0, 2, 1]).unwrap();
        let classroom = Classroom::start(server, Plan::each(&names())).unwrap();
        while asked.load(Ordering::Relaxed) < 100 {
            thread::yield_now();
        }
        let waits = classroom.stop().unwrap();
        assert!(waits.asked >= 100, "{}", waits.asked);
        assert_eq!(waits.lost(), 0);
        assert!(waits.percentile_ms(0.5) <= waits.percentile_ms(0.999));
        assert!(waits.percentile_ms(1.0) > 0.0);
    }

    #[test]
    fn what_is_not_answered_is_lost() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let classroom = Classroom::start(silent.local_addr().unwrap(), Plan::each(&names())).unwrap();
        let mut packet = [0; MESSAGE_BYTES_MAX];
        silent.recv(&mut packet).unwrap();
        let waits = classroom.stop().unwrap();
        assert_eq!((waits.lost(), waits.percentile_ms(0.5)), (waits.asked, 0.0));
        assert!(waits.asked > 0);
    }
}
