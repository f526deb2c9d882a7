//! Reaching a permitted host.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use access::{Recorded, ResolveError};
use futures_util::stream::{FuturesUnordered, StreamExt};
use model::End;
use policy::Permit;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::destinations::Forbidden;
use crate::gate::Gate;
use crate::passage::Passage;

/// Addresses of one host that are tried: two of each family usually, and a site whose first six are all dead is
/// down.
const ADDRESSES_MAX: usize = 6;
/// Head start of an address before the next one is tried beside it (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// Attempts under way at once: seats are counted in descriptors, and each attempt holds one.
const ATTEMPTS_MAX: usize = 2;
/// Silence after which the kernel asks whether the other side still lives: a tablet that leaves the Wi-Fi
/// says no goodbye.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
/// Between two such questions.
const KEEPALIVE_PAUSE: Duration = Duration::from_secs(15);
/// Unanswered questions that end the connection.
const KEEPALIVE_QUESTIONS: u32 = 4;

/// Why a permitted host was not reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("the host cannot be resolved")]
    Unresolved(#[source] ResolveError),
    #[error("the host's addresses must not be dialled")]
    Forbidden(#[source] Forbidden),
    #[error("no address of the host accepts a connection")]
    Refused(#[source] io::Error),
    #[error("no address of the host answers in time")]
    TimedOut,
}

impl DialError {
    /// How the access ends.
    pub(crate) fn end(&self) -> End {
        match self {
            Self::Forbidden(_) | Self::Unresolved(ResolveError::Screened(_)) => End::Forbidden,
            Self::Unresolved(_) | Self::Refused(_) | Self::TimedOut => End::Unreachable,
        }
    }
}

impl Gate {
    /// Resolves the host of a passage and connects to it on `port`; the passage knows the outcome.
    pub(crate) async fn dial(&self, passage: &mut Passage, port: u16) -> Result<TcpStream, DialError> {
        let outcome = match passage.permit() {
            Some(permit) => timeout(self.settings().timeouts.dial, self.reach(permit, port))
                .await
                .unwrap_or(Err(DialError::TimedOut)),
            None => Err(DialError::TimedOut),
        };
        match outcome {
            Ok(((stream, peer), choice)) => {
                passage.peer = Some(peer);
                passage.choice = choice;
                Ok(stream)
            }
            Err(error) => {
                passage.end = Some(error.end());
                Err(error)
            }
        }
    }

    /// Connects to `place`, where the configuration says that the host of a passage is; the passage knows the outcome.
    pub(crate) async fn dial_at(
        &self,
        passage: &mut Passage,
        place: SocketAddr,
    ) -> Result<TcpStream, DialError> {
        let outcome = match (passage.permit(), self.check_destination(place)) {
            (None, _) => Err(DialError::TimedOut),
            (Some(_), Err(forbidden)) => Err(DialError::Forbidden(forbidden)),
            (Some(_), Ok(())) => self.attempt(place).await,
        };
        match &outcome {
            Ok((_, peer)) => passage.peer = Some(*peer),
            Err(error) => passage.end = Some(error.end()),
        }
        outcome.map(|(stream, _)| stream)
    }

    /// The connection, where it leads, and where else it might have led.
    async fn reach(
        &self,
        permit: &Recorded<Permit>,
        port: u16,
    ) -> Result<((TcpStream, SocketAddr), Vec<SocketAddr>), DialError> {
        let addresses = self.resolver().resolve(permit).await.map_err(DialError::Unresolved)?;
        let allowed = self.choose(&addresses, port)?;
        Ok((self.race(&allowed).await?, allowed))
    }

    /// The addresses that may be dialled, in their order.
    fn choose(&self, addresses: &[IpAddr], port: u16) -> Result<Vec<SocketAddr>, DialError> {
        let mut allowed = Vec::new();
        let mut objection = None;
        for &address in addresses.iter().take(ADDRESSES_MAX) {
            let to = SocketAddr::new(address.to_canonical(), port);
            match self.check_destination(to) {
                Ok(()) => allowed.push(to),
                Err(forbidden) => objection = Some(forbidden),
            }
        }
        match objection {
            Some(forbidden) if allowed.is_empty() => Err(DialError::Forbidden(forbidden)),
            Some(_) | None => Ok(allowed),
        }
    }

    /// Tries the addresses in their order, each with a head start; the first to answer wins (RFC 8305).
    async fn race(&self, addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), DialError> {
        let mut waiting = addresses.iter();
        let mut attempts = FuturesUnordered::new();
        let mut last = DialError::TimedOut;
        attempts.extend(waiting.next().map(|&to| self.attempt(to)));
        while !attempts.is_empty() {
            let may_start = attempts.len() < ATTEMPTS_MAX && !waiting.as_slice().is_empty();
            tokio::select! {
                Some(outcome) = attempts.next() => match outcome {
                    Ok(reached) => return Ok(reached),
                    Err(error) => {
                        last = error;
                        attempts.extend(waiting.next().map(|&to| self.attempt(to)));
                    }
                },
                () = sleep(HEAD_START), if may_start => attempts.extend(waiting.next().map(|&to| self.attempt(to))),
            }
        }
        Err(last)
    }

    async fn attempt(&self, to: SocketAddr) -> Result<(TcpStream, SocketAddr), DialError> {
        let stream = timeout(self.settings().timeouts.connect, TcpStream::connect(to))
            .await
            .map_err(|_| DialError::TimedOut)?
            .map_err(DialError::Refused)?;
        tune(&stream);
        Ok((stream, to))
    }
}

/// Prepares a carried connection. An option that the kernel does not take is no reason to refuse the access.
pub(crate) fn tune(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_PAUSE)
        .with_retries(KEEPALIVE_QUESTIONS);
    let socket = SockRef::from(stream);
    drop(socket.set_tcp_nodelay(true));
    drop(socket.set_tcp_keepalive(&keepalive));
}
