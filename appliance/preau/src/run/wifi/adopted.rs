//! The access points that people adopted on the pages: each is kept by a thread of its own, begun and ended as they come and go.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use store::{AdoptedPoint, Generation, Store};
use system::ubus::{OpenWrtPlace, OpenWrtRadio};
use wifi::{AccessPoint, AdoptionKey, Channel, Kind, PointPassword, Status};

use super::HeardPoints;
use super::point::{Point, Shared};

/// Where an access point answers by HTTPS.
pub(crate) const HTTPS_PORT: u16 = 443;
/// Who the box is to it (`firmware-config/openwrt/95-preau`).
const USER: &str = "preau";
/// How often the store is looked at: somebody stands before the page.
const PERIOD: Duration = Duration::from_secs(1);

/// Whoever keeps them.
pub(crate) struct AdoptedKeeper {
    state_file: PathBuf,
    heard: Arc<HeardPoints>,
    shared: Shared,
    /// Why there is no key, where there should be one.
    fault: Option<String>,
    store: Option<Store>,
    generation: Option<Generation>,
    kept: Vec<Kept>,
    /// Those that nobody drives, for want of the key.
    keyless: Vec<AccessPoint>,
    is_failure_told: bool,
}

struct Kept {
    point: AdoptedPoint,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl AdoptedKeeper {
    pub(super) fn new(
        state_file: PathBuf,
        heard: Arc<HeardPoints>,
        shared: Shared,
        fault: Option<String>,
    ) -> Self {
        Self {
            state_file,
            heard,
            shared,
            fault,
            store: None,
            generation: None,
            kept: vec![],
            keyless: vec![],
            is_failure_told: false,
        }
    }

    /// Keeps them until it is told to stop; then all are silent. It ends unasked where one of its threads did: that is a fault of this
    /// program, which ends the box.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        loop {
            self.look();
            let is_stopped = stopped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout);
            if is_stopped || self.kept.iter().any(|kept| kept.thread.is_finished()) {
                break;
            }
        }
        end(std::mem::take(&mut self.kept));
    }

    /// A store that cannot be read leaves all as it was: each lesson has an end.
    fn look(&mut self) {
        let outcome = self.try_look();
        let is_told = std::mem::replace(&mut self.is_failure_told, outcome.is_err());
        if let Err(error) = outcome {
            (self.store, self.generation) = (None, None);
            if !is_told {
                tracing::error!("which access points were adopted cannot be read: {error:#}");
            }
        }
    }

    fn try_look(&mut self) -> anyhow::Result<()> {
        let store = match self.store.take() {
            Some(store) => store,
            None => Store::open(&self.state_file)?,
        };
        let generation = store.generation()?;
        if self.generation != Some(generation) {
            // Without the commune's key nobody knows their passwords.
            let adopted = store.adopted_points()?;
            let wanted = if self.heard.key().is_some() {
                adopted
            } else {
                self.show_keyless(&adopted)?;
                vec![]
            };
            let is_wanted = |kept: &Kept| wanted.iter().any(|point| is_same(point, &kept.point));
            let (kept, gone): (Vec<Kept>, Vec<Kept>) =
                std::mem::take(&mut self.kept).into_iter().partition(is_wanted);
            self.kept = kept;
            end(gone);
            for point in wanted {
                if !self.kept.iter().any(|kept| is_same(&kept.point, &point)) {
                    self.begin(point)?;
                }
            }
            self.generation = Some(generation);
        }
        self.store = Some(store);
        Ok(())
    }

    /// Says of those that nobody drives that nobody knows what they do, and why.
    fn show_keyless(&mut self, adopted: &[AdoptedPoint]) -> anyhow::Result<()> {
        let Some(fault) = &self.fault else { return Ok(()) };
        let Shared { board, clock, .. } = &self.shared;
        let keyless =
            adopted.iter().map(|point| describe(point, None)).collect::<anyhow::Result<Vec<_>>>()?;
        let is_among = |points: &[AccessPoint], point: &AccessPoint| {
            points.iter().any(|other| (&other.name, &other.room) == (&point.name, &point.room))
        };
        for gone in self.keyless.iter().filter(|known| !is_among(&keyless, known)) {
            board.forget(gone);
        }
        for point in keyless.iter().filter(|point| !is_among(&self.keyless, point)) {
            let status = Status::Unreachable { since: clock.now().at };
            let trouble = format!("the commune's key cannot be read: {fault}");
            board.show(point, status, None, vec![], Some(trouble));
        }
        self.keyless = keyless;
        Ok(())
    }

    fn begin(&mut self, adopted: AdoptedPoint) -> anyhow::Result<()> {
        let former = adopted.former_key.as_ref().and_then(|key| key.reveal().parse::<AdoptionKey>().ok());
        let Some(key) = former.or_else(|| self.heard.key()) else { return Ok(()) };
        let point = describe(&adopted, Some(&key))?;
        let drive = OpenWrtRadio::new(place(&point.kind)?)?;
        let point = Point::new(&point, Box::new(drive), self.shared.clone());
        let (stop, stopped) = channel();
        let name = format!("wifi-{}", point.name());
        let thread = thread::Builder::new().name(name).spawn(move || point.keep(&stopped))?;
        self.kept.push(Kept { point: adopted, stop, thread });
        Ok(())
    }
}

/// Whether whoever drives the one drives the other: with a key that was the box's and is the former one by now, it is known as before.
fn is_same(one: &AdoptedPoint, other: &AdoptedPoint) -> bool {
    let keyless = |point: &AdoptedPoint| AdoptedPoint { former_key: None, ..point.clone() };
    keyless(one) == keyless(other)
}

/// What it is for whoever drives it; without the key nobody does.
fn describe(adopted: &AdoptedPoint, key: Option<&AdoptionKey>) -> anyhow::Result<AccessPoint> {
    Ok(AccessPoint {
        name: adopted.name.clone(),
        room: adopted.room.clone(),
        channel: Channel::new(adopted.channel)?,
        kind: Kind::OpenWrt {
            address: SocketAddr::new(adopted.address, HTTPS_PORT),
            certificate: adopted.certificate,
            radio: adopted.radio.clone(),
            user: USER.to_owned(),
            password: PointPassword::Made(key.map(|key| key.password(adopted.mac)).unwrap_or_default()),
        },
    })
}

/// Where an access point with OpenWrt is, and who the box is to it.
pub(super) fn place(kind: &Kind) -> anyhow::Result<OpenWrtPlace> {
    match kind {
        Kind::OpenWrt { address, certificate, radio, user, password } => Ok(OpenWrtPlace {
            address: *address,
            certificate: *certificate,
            radio: radio.clone(),
            user: user.clone(),
            password: password.clone(),
        }),
        Kind::Hostapd { .. } => None.context("a radio of the box is no other machine"),
    }
}

/// Has all of them end, and waits: each is silent by then, or does not answer.
fn end(gone: Vec<Kept>) {
    let threads: Vec<_> = gone.into_iter().map(|Kept { stop, thread, .. }| (stop, thread)).collect();
    for (stop, _) in &threads {
        // One that has ended hears nothing.
        let _heard = stop.send(());
    }
    for (_, thread) in threads {
        if thread.join().is_err() {
            tracing::error!("whoever kept an access point has broken down");
        }
    }
}
