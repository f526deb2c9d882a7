//! Keeps the box as intended: reads the intent again when it moves, and what the system says again now and then.
//!
//! Several threads do so. A class waits for an override: that must not wait for a list that is copied, nor for `nft`.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use access::{Clock, Desk, Forgeries};
use arc_swap::ArcSwap;
use firewall::testers_networks;
use journal::Journal;
use portal::Chore;
use proxy::{Destinations, Gate};
use resolver::{Resolver, Upstream};
use system::addresses::own_addresses;
use system::clock::{ClockWatch, Step, SystemClock, monotonic};
use system::nft::FirewallKeeper;
use system::sealing::Sealer;
use system::selftest::{self, Nightly};
use system::space;
use system::updates::{State as UpdateState, Updater, accept};

use super::board::Board;
use super::in_force::InForce;
use super::intent::{Intent, ListFile, ListNews};
use super::readings::Readings;
use super::services::{Fence, FlowKeeper, NameKeeper, RefusalKeeper};
use super::wifi::WifiKeepers;
use super::{selftests, updates, upstreams};
use crate::config::Config;
use crate::data_folder::list_places;
use crate::status_command::describe;

/// How often devices and overrides are looked at. A teacher who opens a site watches the pupil's screen: seen in one
/// look, in force with the next, once it is in the journal.
const STATE_PERIOD: Duration = Duration::from_millis(250);
/// How often the compiled list is looked at: a new one is in force within seconds, and one that is being copied is not
/// read too often.
const LIST_PERIOD: Duration = Duration::from_secs(1);
/// Looks at the list for each look at the line.
const SYSTEM_EVERY: u32 = 10;
/// Looks at the line for each look at the journal's room: one an hour. It changes by the day.
const SPACE_EVERY: u32 = 360;

/// What people of the school decide. Looking at it takes milliseconds.
pub(crate) struct State {
    pub(crate) intent: Intent,
    pub(crate) journal: Journal,
    pub(crate) clock: Arc<dyn Clock>,
    /// From before the first record on.
    pub(crate) watch: ClockWatch,
    pub(crate) desk: Arc<Desk>,
    pub(crate) in_force: Arc<InForce>,
    pub(crate) readings: Arc<Readings>,
}

/// All else that is kept. Looking at it may take many seconds.
pub(crate) struct Rest {
    pub(crate) config: Config,
    pub(crate) list_file: ListFile,
    pub(crate) in_force: Arc<InForce>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) resolver: Resolver,
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) destinations: Arc<ArcSwap<Destinations>>,
    pub(crate) board: Arc<Board>,
    /// The lists' updates, where the configuration names a mirror.
    pub(crate) updater: Option<Updater>,
    /// The self-test of each night.
    pub(crate) nightly: Nightly,
    /// The journal's sealing.
    pub(crate) sealer: Sealer,
    /// The data folder.
    pub(crate) data: PathBuf,
    /// How many forged questions the log has told of.
    pub(crate) forgeries_told: u64,
}

/// Whoever keeps the firewall, and what passes by it.
pub(crate) struct Fences {
    pub(crate) fence: Fence,
    /// Services, where there are any.
    pub(crate) flows: Option<FlowKeeper>,
    pub(crate) names: Option<NameKeeper>,
    /// Where there is a firewall, and a kernel that tells.
    pub(crate) refusals: Option<RefusalKeeper>,
}

/// The threads that keep.
pub(crate) struct Keeper {
    fence: Worker<FirewallKeeper>,
    others: Vec<Worker<()>>,
}

impl Keeper {
    /// Starts to keep.
    pub(crate) fn start(
        state: State,
        rest: Rest,
        fences: Fences,
        wifi: Option<WifiKeepers>,
    ) -> io::Result<Self> {
        let Fences { fence, flows, names, refusals } = fences;
        let fence = Worker::start("fence", |stopped| fence.keep(&stopped))?;
        let mut others = vec![
            Worker::start("state-keeper", |stopped| state.keep(&stopped))?,
            Worker::start("keeper", |stopped| rest.keep(&stopped))?,
        ];
        for worker in [
            flows.map(|flows| Worker::start("flows", move |stopped| flows.keep(&stopped))),
            names.map(|names| Worker::start("service-names", move |stopped| names.keep(&stopped))),
            refusals.map(|refusals| Worker::start("refused", move |stopped| refusals.keep(&stopped))),
        ] {
            others.extend(worker.transpose()?);
        }
        if let Some(WifiKeepers { orders, air, points, adopted }) = wifi {
            others.push(Worker::start("wifi", move |stopped| orders.keep(&stopped))?);
            if let Some(air) = air {
                others.push(Worker::start("wifi-air", move |stopped| air.keep(&stopped))?);
            }
            for point in points {
                // What it starts lives no longer than its thread.
                let name = format!("wifi-{}", point.name());
                others.push(Worker::start(&name, move |stopped| point.keep(&stopped))?);
            }
            others.push(Worker::start("wifi-adopted", move |stopped| adopted.keep(&stopped))?);
        }
        Ok(Self { fence, others })
    }

    /// Has something else kept, too.
    pub(crate) fn add(
        &mut self,
        name: &str,
        work: impl FnOnce(Receiver<()>) + Send + 'static,
    ) -> io::Result<()> {
        self.others.push(Worker::start(name, work)?);
        Ok(())
    }

    /// Whether all is still kept. A thread that ended unasked is a fault of this program.
    pub(crate) fn is_running(&self) -> bool {
        self.fence.is_running() && self.others.iter().all(Worker::is_running)
    }

    /// Stops keeping, and gives the firewall back as it stands.
    pub(crate) fn stop(self) -> anyhow::Result<FirewallKeeper> {
        // The fence first: it may be about to put an open table in place.
        let firewall = self.fence.stop();
        // All are told before one is waited for: each access point takes its time to be silent.
        let others: Vec<_> = self.others.into_iter().map(Worker::tell).collect();
        let others: anyhow::Result<Vec<()>> = others.into_iter().map(join).collect();
        others.and(firewall)
    }
}

/// A thread that works until it is told to stop: its sender is dropped.
struct Worker<T> {
    stop: Sender<()>,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Worker<T> {
    fn start(name: &str, work: impl FnOnce(Receiver<()>) -> T + Send + 'static) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || work(stopped))?;
        Ok(Self { stop, thread })
    }

    fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }

    fn stop(self) -> anyhow::Result<T> {
        join(self.tell())
    }

    fn tell(self) -> JoinHandle<T> {
        drop(self.stop);
        self.thread
    }
}

fn join<T>(thread: JoinHandle<T>) -> anyhow::Result<T> {
    thread.join().map_err(|_| anyhow::anyhow!("a keeper's thread panicked"))
}

impl State {
    fn keep(mut self, stopped: &Receiver<()>) {
        while stopped.recv_timeout(STATE_PERIOD) == Err(RecvTimeoutError::Timeout) {
            if let Some(directory) = self.intent.read_state() {
                self.desk.swap_directory(directory);
                tracing::info!("devices, overrides or lessons have changed");
            }
            if self.intent.keep_decided(&self.journal, self.clock.now()) {
                let lessons = self.intent.lessons();
                let running: Vec<_> = lessons.iter().map(|lesson| lesson.id).collect();
                self.in_force.swap_decided(self.intent.rules(), lessons);
                self.desk.forget_misses_but_of(&running);
            }
            let policy = self.desk.policy();
            self.intent.begin_planned(self.clock.now(), |at| policy.calendar().moment(at));
            self.intent.keep_readings(&self.readings, self.clock.now());
            self.intent.keep_person_acts(&self.journal, self.clock.now());
            self.intent.settle(false);
            self.keep_clock();
        }
        self.intent.settle(true);
    }

    /// Records that the clock was set: the times of what was recorded before follow from that.
    fn keep_clock(&mut self) {
        let (now, at) = (self.clock.now(), monotonic());
        if let Some(Step { now, before }) = self.watch.look(now, at) {
            if self.journal.record_clock(now.at, now.quality, before).is_err() {
                // It is tried again: the watch still knows how the clock was.
                return;
            }
            let by_ms = now.at.unix_ms().saturating_sub(before.unix_ms());
            tracing::info!(by_ms, quality = %now.quality, "the clock was set, or is known now");
        }
        self.watch.accept(now, at);
    }
}

impl Rest {
    fn keep(mut self, stopped: &Receiver<()>) {
        let mut rounds: u32 = 0;
        self.keep_space();
        self.show_updates();
        self.show_selftest();
        while stopped.recv_timeout(LIST_PERIOD) == Err(RecvTimeoutError::Timeout) {
            self.keep_list();
            self.keep_chores();
            self.keep_updates();
            self.keep_selftest();
            rounds = rounds.wrapping_add(1);
            if rounds.is_multiple_of(SYSTEM_EVERY) {
                self.tell_forgeries();
                self.sealer.keep(SystemClock::new().now());
                self.keep_upstreams();
                self.keep_destinations();
            }
            if rounds.is_multiple_of(SYSTEM_EVERY * SPACE_EVERY) {
                self.keep_space();
            }
        }
    }

    /// Tells weeks ahead that the disk will be too small.
    fn keep_space(&self) {
        match space::look(&self.data, SystemClock::new().now().at) {
            Ok(outlook) => {
                if outlook.is_tight() {
                    let room = describe(&outlook);
                    tracing::warn!(%room, "the journal's disk is too small: make room, or have a larger one put in");
                }
                self.board.show_journal_days(outlook.days_left.filter(|_| outlook.is_tight()));
            }
            Err(error) => {
                tracing::warn!("the journal's room is not known: {:#}", anyhow::Error::from(error));
            }
        }
    }

    fn keep_list(&mut self) {
        match self.list_file.read() {
            ListNews::None => {}
            ListNews::Good(list) => {
                self.in_force.swap_index(Arc::clone(&list.index));
                list.tell_missing(&self.desk.policy());
                self.board.show_list(&list);
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
            updater.state().map(UpdateState::tell).unwrap_or_default();
        }
        if is_changed || updater.next() != planned {
            self.show_updates();
        }
    }

    /// Has the box attack itself when it is time, and tells what became of it. Not while its lists change.
    fn keep_selftest(&mut self) {
        let is_held = self.updater.as_ref().is_some_and(Updater::is_running);
        let planned = self.nightly.next();
        let is_changed = self.nightly.keep(system::clock::now(), is_held);
        if is_changed {
            self.nightly.last().map(selftest::tell).unwrap_or_default();
        }
        if is_changed || self.nightly.next() != planned {
            self.show_selftest();
        }
    }

    /// Hears who wants at once what is kept here. What is taken begins with the next steps of the same round.
    fn keep_chores(&mut self) {
        let chores = self.board.chores();
        chores.offer(Chore::Selftest, true);
        chores.follow(Chore::Selftest, self.nightly.is_running());
        if chores.take(Chore::Selftest) {
            self.nightly.hurry();
        }
        let Some(updater) = &mut self.updater else { return };
        chores.offer(Chore::Lists, true);
        chores.follow(Chore::Lists, updater.is_running());
        if chores.take(Chore::Lists) {
            updater.hurry(system::clock::now());
        }
        chores.offer(Chore::HeldList, updater.state().is_some_and(|state| state.held.is_some()));
        if chores.take(Chore::HeldList) {
            chores.end(Chore::HeldList, accept_list(&self.data, &self.config));
        }
    }

    fn show_selftest(&self) {
        self.board.show_selftest(selftests::describe(&self.nightly, &self.config.school.timezone));
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
}

/// Puts the list in force that is held back. Whether that was done.
fn accept_list(data: &Path, config: &Config) -> bool {
    let places = list_places(data, config.list_index.as_deref());
    match accept(&places, system::clock::now()) {
        Ok(()) => true,
        Err(error) => {
            let error = anyhow::Error::from(error);
            tracing::error!("the list that is held back cannot be put in force: {error:#}");
            false
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
    // The devices of the self-test are of the school, too.
    let school = [school.unwrap_or_default(), &testers_networks()].concat();
    Destinations::new(&own, &school, &config.gate.private_networks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_works_until_it_is_stopped() {
        let worker = Worker::start("worker", |stopped| stopped.recv().is_err()).unwrap();
        assert!(worker.is_running());
        assert!(worker.stop().unwrap(), "it was told by the end of its sender");
    }

    #[test]
    fn a_worker_that_ends_unasked_is_seen() {
        let worker = Worker::start("worker", |_| panic!("a fault")).unwrap();
        while worker.is_running() {
            thread::yield_now();
        }
        let outcome: anyhow::Result<()> = worker.stop();
        assert!(outcome.is_err());
    }
}
