//! The lines to the workspaces' servers: signs of life, doubts and probes.
//!
//! `cache::Line` knows what follows from what; here it hears of real exchanges, and a probe is a connection to the server, an
//! access of the device for whose sake it is made.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use access::{Admission, ResolveError};
use cache::{Line, PROBE_WAIT};
use model::{AccessKind, DomainName, End, Host};
use policy::Target;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::connection::Connection;
use super::server::{Server, is_untrusted};
use super::settings::Workspaces;
use crate::dial::DialError;
use crate::gate::{Caller, Gate};
use crate::http::SendError;

/// Servers whose lines are known: more than any workspace has. When there are more, somebody makes them up, and those that
/// stand are forgotten: they are known again with the next exchange.
const LINES_MAX: usize = 64;
/// Each silence of an exchange that leads to a doubt is so many times longer than the one before: long polls are silent for a
/// minute, and are probed three times.
const SILENCE_GROWTH: u32 = 4;

/// The lines, by the server that they lead to.
#[derive(Default)]
pub(super) struct Lines(Mutex<HashMap<DomainName, Arc<Watched>>>);

/// One line, and who waits for its fall.
pub(super) struct Watched {
    server: DomainName,
    start: Instant,
    line: Mutex<Line>,
    is_down: watch::Sender<bool>,
    has_answered: AtomicBool,
}

impl Lines {
    pub(super) fn find(&self, server: &DomainName) -> Arc<Watched> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= LINES_MAX && !known.contains_key(server) {
            known.retain(|_, watched| watched.is_down());
            // Names below the workspace's can be made up while its line is down: nobody has ever answered for them.
            if known.len() >= LINES_MAX {
                known.retain(|_, watched| watched.has_answered.load(Ordering::Relaxed));
            }
            if known.len() >= LINES_MAX {
                known.clear();
            }
        }
        let new = || {
            let (line, is_down) = (Mutex::default(), watch::Sender::new(false));
            let has_answered = AtomicBool::new(false);
            Arc::new(Watched { server: server.clone(), start: Instant::now(), line, is_down, has_answered })
        };
        Arc::clone(known.entry(server.clone()).or_insert_with(new))
    }
}

impl Watched {
    pub(super) fn is_down(&self) -> bool {
        *self.is_down.borrow()
    }

    /// The server said something.
    pub(super) fn hear(&self) {
        self.has_answered.store(true, Ordering::Relaxed);
        self.change(Line::hear);
    }

    /// The server takes what is sent to it. Where packets vanish, they are taken until the kernel's buffers are full.
    pub(super) fn hear_sending(&self) {
        if !self.is_down() {
            self.hear();
        }
    }

    /// Returns once the line is down.
    pub(super) async fn fall(&self) {
        // The sender is this value's own: it is not gone.
        let mut told = self.is_down.subscribe();
        let _outcome = told.wait_for(|&is_down| is_down).await;
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn change<T>(&self, act: impl FnOnce(&mut Line, Duration) -> T) -> T {
        let now = self.now();
        // Each step of the line is whole.
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = act(&mut line, now);
        let is_down = line.is_down();
        // While the line is held: changes are told in their order.
        let is_news = self.is_down.send_if_modified(|known| std::mem::replace(known, is_down) != is_down);
        drop(line);
        match (is_news, is_down) {
            (true, true) => tracing::warn!(server = %self.server, "the line to the ENT is down"),
            (true, false) => tracing::info!(server = %self.server, "the line to the ENT is back"),
            (false, _) => {}
        }
        outcome
    }
}

/// Somebody for whose sake a server is probed.
pub(super) struct Prober {
    pub(super) gate: Arc<Gate>,
    pub(super) workspaces: Arc<Workspaces>,
    pub(super) caller: Caller,
    pub(super) name: DomainName,
}

/// What a failure says of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// The server was there.
    Life,
    /// It may be down.
    Fault,
    /// Nobody asked it: the access cannot be recorded.
    Closed,
    None,
}

/// What a look for a server finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It is there.
    There,
    /// The line is down.
    Silent,
    /// It cannot be told, and will not be.
    Untold,
    /// Nobody looked: the access cannot be recorded yet.
    Closed,
}

/// A look on its way: where it is given up, it was not made. Once it has told something, there is nothing to withdraw.
struct Looking {
    line: Arc<Watched>,
    began: Duration,
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.line.change(|line, _| line.withdraw(self.began));
    }
}

impl Connection {
    pub(super) fn prober(&self) -> Prober {
        Prober {
            gate: Arc::clone(&self.gate),
            workspaces: Arc::clone(&self.workspaces),
            caller: self.caller.clone(),
            name: self.name.clone(),
        }
    }
}

impl Prober {
    pub(super) fn line(&self) -> Arc<Watched> {
        self.workspaces.lines.find(&self.name)
    }

    /// Whether the line is down, asked by somebody who wants something of the server: it is probed for its return.
    pub(super) fn is_down(&self) -> bool {
        let line = self.line();
        if line.is_down() {
            self.begin(&line, |line, now| line.want(now));
        }
        line.is_down()
    }

    /// Looks whether the server is there, though nobody wants anything of it.
    pub(super) async fn look(&self) -> Look {
        let line = self.line();
        if let Some(began) = line.change(|line, now| line.look(now).then_some(now)) {
            let looking = Looking { line: Arc::clone(&line), began };
            match timeout(PROBE_WAIT, self.knock()).await.unwrap_or(Sign::Fault) {
                Sign::Life => line.hear(),
                Sign::Fault => drop(line.change(|line, _| line.miss(looking.began))),
                Sign::Closed => return Look::Closed,
                Sign::None => return Look::Untold,
            }
        }
        if line.is_down() { Look::Silent } else { Look::There }
    }

    /// Awaits an exchange. While it is silent, and where it fails, the line is doubted.
    pub(super) async fn attend<T>(
        &self,
        exchange: impl Future<Output = Result<T, SendError>>,
    ) -> Result<T, SendError> {
        let Some(mut silence) = self.gate.settings().timeouts.silence else { return exchange.await };
        let line = self.line();
        let mut exchange = pin!(exchange);
        loop {
            let since = line.now();
            match timeout(silence, exchange.as_mut()).await {
                Ok(outcome) => {
                    match outcome.as_ref().map_or_else(sign_of, |_| Sign::Life) {
                        Sign::Life => line.hear(),
                        Sign::Fault => self.begin(&line, |line, now| line.doubt(now, now)),
                        Sign::Closed | Sign::None => {}
                    }
                    return outcome;
                }
                Err(_) => self.begin(&line, |line, now| line.doubt(since, now)),
            }
            silence = silence.saturating_mul(SILENCE_GROWTH);
        }
    }

    /// Begins a probe where the line says so.
    fn begin(&self, line: &Arc<Watched>, asks: impl FnOnce(&mut Line, Duration) -> bool) {
        let began = line.change(|line, now| asks(line, now).then_some(now));
        if let Some(began) = began {
            let Self { gate, workspaces, caller, name } = self;
            let prober = Self {
                gate: Arc::clone(gate),
                workspaces: Arc::clone(workspaces),
                caller: caller.clone(),
                name: name.clone(),
            };
            tokio::spawn(prober.probe(Arc::clone(line), began));
        }
    }

    /// Probes until the server answers, or nobody asks for it any more.
    async fn probe(self, line: Arc<Watched>, mut began: Duration) {
        loop {
            let sign = timeout(PROBE_WAIT, self.knock()).await.unwrap_or(Sign::Fault);
            let pause = match sign {
                Sign::Life => return line.hear(),
                Sign::Closed | Sign::None => return line.change(|line, _| line.withdraw(began)),
                Sign::Fault => line.change(|line, _| line.miss(began)),
            };
            let Some(pause) = pause else { return };
            sleep(pause).await;
            match line.change(|line, now| line.retry(now).then_some(now)) {
                Some(next) => began = next,
                None => return,
            }
        }
    }

    /// Opens a connection to the server; the next request has it.
    async fn knock(&self) -> Sign {
        let (gate, workspaces, name) = (&*self.gate, &*self.workspaces, &self.name);
        let target = Target::Host(Host::from(name.clone()));
        let permit = match gate.admit(&self.caller, AccessKind::Http, target) {
            Ok(Admission::Permit(permit)) => permit,
            Ok(Admission::Refusal(_)) => return Sign::None,
            Err(_) => return Sign::Closed,
        };
        let Some(workspace) = workspaces.find(name) else { return Sign::None };
        let mut passage = gate.begin(permit, &self.caller);
        match (Server { gate, workspaces, workspace, name }).open(&mut passage).await {
            Ok(line) => {
                passage.end = Some(End::Finish);
                workspaces.pool.give(name.clone(), line);
                Sign::Life
            }
            Err(error) => sign_of(&error),
        }
    }
}

fn sign_of(error: &SendError) -> Sign {
    match error {
        SendError::Unasked => Sign::Life,
        // It showed a certificate.
        SendError::Untrusted(error) if is_untrusted(error) => Sign::Life,
        SendError::Untrusted(_)
        | SendError::Broken(_)
        | SendError::TimedOut
        | SendError::Unreached(
            DialError::Refused(_) | DialError::TimedOut | DialError::Unresolved(ResolveError::Unreachable),
        ) => Sign::Fault,
        // That is about the name.
        SendError::LineDown
        | SendError::Unreached(
            DialError::Forbidden(_)
            | DialError::Unresolved(ResolveError::NoAddress | ResolveError::Screened(_)),
        ) => Sign::None,
    }
}

#[cfg(test)]
mod tests {
    use cache::SILENCE;
    use tokio::time::advance;

    use super::*;

    fn name(text: &str) -> DomainName {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_hear_of_the_fall_at_once() {
        let lines = Lines::default();
        let line = lines.find(&name("ent.example"));
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let line = lines.find(&name("ent.example"));
                tokio::spawn(async move { line.fall().await })
            })
            .collect();
        advance(SILENCE).await;
        assert!(line.change(|line, now| line.doubt(Duration::ZERO, now)));
        let began = line.now();
        advance(PROBE_WAIT).await;
        assert!(!line.is_down());
        let fell = Instant::now();
        assert!(line.change(|line, _| line.miss(began)).is_some());
        for waiter in waiting {
            waiter.await.unwrap();
        }
        assert_eq!(fell.elapsed(), Duration::ZERO);
        assert!(lines.find(&name("ent.example")).is_down());
        assert!(!lines.find(&name("media.example")).is_down(), "each server has a line of its own");
        line.hear_sending();
        assert!(line.is_down(), "what the kernel takes is no answer");
        line.hear();
        assert!(!line.is_down());
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_is_given_up_was_not_made() {
        let line = Lines::default().find(&name("ent.example"));
        let look = || line.change(|line, now| line.look(now).then_some(now));
        let began = look().unwrap();
        assert_eq!(look(), None, "one at a time");
        drop(Looking { line: Arc::clone(&line), began });
        assert!(!line.is_down());
        let began = look().unwrap();
        let looking = Looking { line: Arc::clone(&line), began };
        assert!(line.change(|line, _| line.miss(began)).is_some());
        drop(looking);
        assert!(line.is_down(), "it had no answer");
    }

    #[tokio::test(start_paused = true)]
    async fn made_up_servers_do_not_pile_up() {
        let lines = Lines::default();
        let down = lines.find(&name("ent.example"));
        down.change(|line, now| line.doubt(now, now));
        let began = down.now();
        down.change(|line, _| line.miss(began));
        for number in 0..10 * LINES_MAX {
            lines.find(&name(&format!("n{number}.example")));
        }
        assert!(lines.0.lock().unwrap().len() <= LINES_MAX);
        assert!(lines.find(&name("ent.example")).is_down(), "what is known to be down is kept");
    }

    #[tokio::test(start_paused = true)]
    async fn made_up_servers_that_are_down_do_not_push_out_one_that_was_there() {
        let lines = Lines::default();
        let fall = |text: &str| {
            let line = lines.find(&name(text));
            line.change(|line, now| line.doubt(now, now));
            let began = line.now();
            line.change(|line, _| line.miss(began));
            assert!(line.is_down(), "{text}");
        };
        lines.find(&name("ent.example")).hear();
        // What was heard at this moment outweighs a miss.
        advance(SILENCE).await;
        fall("ent.example");
        for number in 0..2 * LINES_MAX {
            fall(&format!("n{number}.ent.example"));
        }
        assert!(lines.0.lock().unwrap().len() <= LINES_MAX);
        assert!(lines.find(&name("ent.example")).is_down());
    }
}
