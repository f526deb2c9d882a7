//! Keeps the box as intended: reads the intent again when it moves, and the firewall again now and then.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use access::{Clock, Desk, Forgeries};
use arc_swap::ArcSwap;
use blocklist::Index;
use journal::Journal;
use portal::Firewall;
use proxy::{Destinations, Gate};
use resolver::{Resolver, Upstream};
use system::addresses::own_addresses;
use system::nft::{Cause, FirewallKeeper, Outcome};
use system::updates::{State, Updater};

use super::board::Board;
use super::intent::{Intent, ListNews};
use super::{updates, upstreams};
use crate::config::Config;

/// How often devices and overrides are looked at. A teacher who opens a site watches the pupil's screen: seen in one
/// look, in force with the next, once it is in the journal.
const PERIOD: Duration = Duration::from_millis(250);
/// Looks at the state for each look at the compiled list: a new one is in force within seconds, and one that is being
/// copied is not read too often.
const LIST_EVERY: u32 = 4;
/// Looks at the state for each look at the system: the firewall, which runs a program, and the line.
const SYSTEM_EVERY: u32 = 40;

/// All that is kept.
pub(crate) struct Kept {
    pub(crate) config: Config,
    pub(crate) intent: Intent,
    /// The lists in force.
    pub(crate) index: Arc<Index>,
    pub(crate) journal: Journal,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) firewall: FirewallKeeper,
    pub(crate) desk: Arc<Desk>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) resolver: Resolver,
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) destinations: Arc<ArcSwap<Destinations>>,
    pub(crate) board: Arc<Board>,
    /// The lists' updates, where the configuration names a mirror.
    pub(crate) updater: Option<Updater>,
    /// How many forged questions the log has told of.
    pub(crate) forgeries_told: u64,
}

/// The thread that keeps.
pub(crate) struct Keeper {
    stop: Sender<()>,
    thread: JoinHandle<FirewallKeeper>,
}

impl Keeper {
    /// Starts to keep.
    pub(crate) fn start(kept: Kept) -> anyhow::Result<Self> {
        let (stop, stopped) = channel();
        let thread = thread::Builder::new().name("keeper".to_owned()).spawn(move || kept.keep(&stopped))?;
        Ok(Self { stop, thread })
    }

    /// Whether it still keeps. One that ended unasked is a fault of this program.
    pub(crate) fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Stops keeping, and gives the firewall back as it stands.
    pub(crate) fn stop(self) -> anyhow::Result<FirewallKeeper> {
        drop(self.stop);
        self.thread.join().map_err(|_| anyhow::anyhow!("the keeper's thread panicked"))
    }
}

impl Kept {
    fn keep(mut self, stopped: &Receiver<()>) -> FirewallKeeper {
        let mut rounds: u32 = 0;
        self.show_updates();
        while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
            self.keep_state();
            rounds = rounds.wrapping_add(1);
            if rounds.is_multiple_of(LIST_EVERY) {
                self.keep_list();
                self.keep_updates();
            }
            if rounds.is_multiple_of(SYSTEM_EVERY) {
                self.tell_forgeries();
                self.keep_firewall();
                self.keep_upstreams();
                self.keep_destinations();
            }
        }
        self.firewall
    }

    fn keep_state(&mut self) {
        if let Some(directory) = self.intent.read_state() {
            self.desk.swap_directory(directory);
            tracing::info!("devices or overrides have changed");
        }
        if self.intent.keep_overrides(&self.journal, self.clock.now()) {
            self.desk.swap_policy(self.intent.freeze_index(&self.index));
        }
    }

    fn keep_list(&mut self) {
        match self.intent.read_list() {
            ListNews::None => {}
            ListNews::Good(list) => {
                self.desk.swap_policy(self.intent.freeze(&list));
                self.board.show_list(&list);
                self.index = list.index;
                tracing::info!("another list is in force");
            }
            ListNews::Refused => self.board.show_refused_list(),
        }
    }

    /// Starts an update when it is time, and tells what became of it.
    fn keep_updates(&mut self) {
        let Some(updater) = &mut self.updater else { return };
        let planned = updater.next();
        let is_changed = updater.keep(system::clock::now());
        if is_changed {
            updater.state().map(State::tell).unwrap_or_default();
        }
        if is_changed || updater.next() != planned {
            self.show_updates();
        }
    }

    fn show_updates(&self) {
        if let Some(updater) = &self.updater {
            self.board.show_update(updates::describe(updater, &self.config.school.timezone));
        }
    }

    /// Told now and then, however many there are: the log must not be flooded by whoever floods the box.
    fn tell_forgeries(&mut self) {
        let Forgeries { count, last } = self.desk.forgeries();
        let new = count - std::mem::replace(&mut self.forgeries_told, count);
        let Some((address, sender)) = last.filter(|_| new > 0) else { return };
        let sender = self.desk.find_sender(sender);
        let sender =
            sender.map_or_else(|| "a device that is not registered".to_owned(), |it| it.name.to_string());
        tracing::warn!(
            questions = new,
            "questions came with addresses of other machines, and are recorded under nobody's name; the last with \
             {address}, from {sender}"
        );
    }

    /// A line that comes up later, or another one, brings other resolvers with it.
    fn keep_upstreams(&mut self) {
        let upstreams = upstreams::find(&self.config);
        if upstreams == self.upstreams {
            return;
        }
        if let Err(error) = self.resolver.swap_upstreams(&upstreams) {
            tracing::error!("the upstream resolvers stay as they were: {:#}", anyhow::Error::from(error));
            return;
        }
        upstreams::tell(&upstreams);
        self.board.show_upstreams(upstreams.iter().map(ToString::to_string).collect());
        self.upstreams = upstreams;
    }

    /// The box's own addresses change with its line.
    fn keep_destinations(&self) {
        let destinations = destinations(&self.config);
        self.destinations.store(Arc::new(destinations.clone()));
        self.gate.swap_destinations(destinations);
    }

    fn keep_firewall(&mut self) {
        let Some(network) = &self.config.network else { return };
        match self.firewall.ensure(&network.firewall) {
            Ok(outcome) => {
                self.board.show_firewall(Firewall::Applied);
                match outcome {
                    Outcome::Replaced(Cause::Altered) => {
                        tracing::error!("somebody changed the firewall: it is put right");
                    }
                    Outcome::Replaced(Cause::Removed) => {
                        tracing::error!("somebody removed the firewall: it is put back");
                    }
                    Outcome::Replaced(Cause::Start | Cause::Intent) | Outcome::Kept => {}
                }
            }
            Err(error) => {
                self.board.show_firewall(Firewall::Failed);
                tracing::error!("the firewall is not as intended: {:#}", anyhow::Error::from(error));
            }
        }
    }
}

/// Where the gate may dial, by the addresses that the box has at the moment.
pub(crate) fn destinations(config: &Config) -> Destinations {
    let own: Vec<IpAddr> = match own_addresses() {
        Ok(own) => own.into_iter().collect(),
        Err(error) => {
            tracing::warn!(%error, "the box's own addresses cannot be read");
            super::listeners::door_addresses(config).0
        }
    };
    let school = config.network.as_ref().map(|network| network.firewall.intent().networks.as_slice());
    Destinations::new(&own, school.unwrap_or_default(), &config.gate.private_networks)
}
