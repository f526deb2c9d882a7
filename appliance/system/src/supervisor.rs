//! Whoever started the box and watches over it: systemd, by its notifications (sd_notify(3)) and the sockets that it keeps
//! for a service that starts anew (sd_listen_fds(3)). Without one, all of this does nothing.
//!
//! Invariant: the crate `sd_notify` alone reads what systemd leaves in the environment.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::sockets::{BindError, Presence, Transport, bind_udp, listen_tcp};

/// Signs of life for each time that the supervisor waits: three may come late.
const SIGNS_PER_WAIT: u32 = 4;

/// Who watches over the process.
#[derive(Debug)]
pub struct Supervisor {
    kept: Mutex<Vec<Kept>>,
}

/// A socket of an earlier run.
#[derive(Debug)]
struct Kept {
    name: String,
    descriptor: OwnedFd,
}

impl Supervisor {
    /// Takes over what an earlier run left. To be called once, before the process has other descriptors or runs programs.
    #[must_use]
    pub fn find() -> Self {
        let kept = match sd_notify::listen_fds_with_names() {
            Ok(found) => found.map(|(descriptor, name)| Kept { name, descriptor: own(descriptor) }).collect(),
            Err(error) => {
                tracing::warn!(%error, "the sockets of an earlier run cannot be taken over");
                Vec::new()
            }
        };
        Self { kept: Mutex::new(kept) }
    }

    /// Says that the box serves.
    pub fn tell_ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// Says that the box is about to end.
    pub fn tell_stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// Gives a sign of life.
    pub fn tell_alive(&self) {
        tell_alive();
    }

    /// How often the supervisor wants a sign of life, if it does.
    #[must_use]
    pub fn watch_period(&self) -> Option<Duration> {
        sd_notify::watchdog_enabled().map(|within| within / SIGNS_PER_WAIT)
    }

    /// Listens for TCP connections on `address`, by the socket of an earlier run where there is one: connections that came
    /// meanwhile wait in it. A new one is left with the supervisor.
    ///
    /// # Errors
    /// As [`listen_tcp`].
    pub fn listen_tcp(&self, address: SocketAddr, presence: Presence) -> Result<TcpListener, BindError> {
        let name = name(Transport::Tcp, address);
        let kept = self.take(&name).map(TcpListener::from);
        let kept = kept.filter(|socket| {
            socket.local_addr().is_ok_and(|found| found == address) && socket.set_nonblocking(true).is_ok()
        });
        if let Some(socket) = kept {
            return Ok(socket);
        }
        let socket = listen_tcp(address, presence)?;
        keep(&name, socket.as_fd());
        Ok(socket)
    }

    /// Receives UDP datagrams on `address`; the same for them.
    ///
    /// # Errors
    /// As [`bind_udp`].
    pub fn bind_udp(&self, address: SocketAddr, presence: Presence) -> Result<UdpSocket, BindError> {
        let name = name(Transport::Udp, address);
        let kept = self.take(&name).map(UdpSocket::from);
        let kept = kept.filter(|socket| {
            socket.local_addr().is_ok_and(|found| found == address) && socket.set_nonblocking(true).is_ok()
        });
        if let Some(socket) = kept {
            return Ok(socket);
        }
        let socket = bind_udp(address, presence)?;
        keep(&name, socket.as_fd());
        Ok(socket)
    }

    /// Closes what an earlier run left and this one has no use for: another configuration has other doors.
    pub fn close_the_rest(&self) {
        let rest = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        for Kept { name, descriptor } in rest {
            drop(descriptor);
            tell(&[NotifyState::FdStoreRemove, NotifyState::FdName(&name)]);
            tracing::info!(socket = name, "a socket of an earlier run is closed");
        }
    }

    fn take(&self, name: &str) -> Option<OwnedFd> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|kept| kept.name == name)?;
        Some(kept.swap_remove(place).descriptor)
    }
}

#[expect(unsafe_code, reason = "descriptors come as numbers")]
fn own(descriptor: RawFd) -> OwnedFd {
    // SAFETY: systemd has opened it for this process, which has asked for it once, and has nothing else of this number.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

/// What a socket is called by the supervisor, where names have no colons.
fn name(transport: Transport, address: SocketAddr) -> String {
    format!("{transport}-{address}").replace(':', "_")
}

/// Gives a sign of life of a process for which nothing is kept.
pub(crate) fn tell_alive() {
    tell(&[NotifyState::Watchdog]);
}

/// Leaves a copy of a socket with the supervisor.
fn keep(name: &str, socket: BorrowedFd<'_>) {
    // An error on a socket is no end of it: it is not given up for that.
    let words = [NotifyState::FdStore, NotifyState::FdName(name), NotifyState::Custom("FDPOLL=0")];
    if let Err(error) = sd_notify::notify_with_fds(&words, &[socket]) {
        tracing::warn!(%error, "the supervisor cannot keep a socket: connections are refused while the box starts anew");
    }
}

/// A supervisor that does not listen is told again by the next word.
fn tell(words: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(words) {
        tracing::warn!(%error, "the supervisor cannot be told");
    }
}
