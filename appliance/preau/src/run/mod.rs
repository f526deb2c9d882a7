//! The role `run`: a box.
//!
//! The order of the start is the order of safety: the firewall closes the network first, then the journal
//! opens, then the doors. The order of the stop is its reverse, and the firewall stays.

mod announcement;
mod beginning;
mod board;
mod chores;
mod complaints;
mod condition;
mod configurations;
mod doors;
mod ending;
mod fixed_addresses;
mod forgetting;
mod front;
mod in_force;
mod intent;
mod keeper;
mod lessons;
mod library;
mod listeners;
mod nights;
mod office;
mod overrides;
mod pages;
mod person_acts;
mod preparing;
mod pulse;
mod radios;
mod readings;
mod reception;
mod releases;
mod selftests;
mod services;
mod unsealed;
mod updates;
mod upstreams;
mod urgent;
mod web_certificate;
pub(crate) mod wifi;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use access::{Clock, Desk, Testers};
use anyhow::Context;
use arc_swap::ArcSwap;
use ipnet::IpNet;
use journal::Journal;
use model::Mac;
use proxy::Destinations;
use resolver::{Resolver, ServiceAddresses};
use selftest::Zone;
use sync::HubFolder;
use system::clock::{ClockWatch, SystemClock, monotonic};
use system::neighbours::NeighbourTable;
use system::nft::{FirewallKeeper, Nft};
use system::sealing::{self, Sealer};
use system::segments::{self, WriterThread, spawn_writer};
use system::supervisor::Supervisor;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::cli::RunOptions;
use crate::config::Config;
use crate::join_files::JoinDesk;
use crate::line::LineDesk;

pub(crate) use beginning::start_diagnostics;
use beginning::{Begun, begin};
use board::Board;
use condition::ConditionKeeper;
use configurations::ConfigurationKeeper;
use doors::{Doors, Rooms};
use ending::Ending;
use fixed_addresses::FixedAddressKeeper;
use in_force::InForce;
use intent::{Intent, List, ListFile};
use keeper::Keeper;
use library::LibraryKeeper;
use listeners::Listeners;
use nights::Nights;
use office::{Larder, Office, PointPlan};
use preparing::Preparer;
use pulse::{Pulse, Vital};
use radios::Radios;
use readings::Readings;
use reception::{Prepared, Reception, ReceptionKeeper};
use releases::ReleaseKeeper;
use services::{Fence, FlowKeeper, NameKeeper, RefusalKeeper, Services};
use wifi::HeardPoints;

/// Threads that serve connections: a box has two to four cores, and the gate mostly waits.
const GATE_WORKERS: usize = 2;
/// Threads that ask upstream resolvers: apart, so that a crowd at the gate holds up no name.
const DNS_WORKERS: usize = 1;

/// Runs a box until it is told to stop: SIGTERM, SIGINT (^C), or SIGHUP, which a terminal sends when it is closed.
pub(crate) fn run(options: &RunOptions) -> anyhow::Result<ExitCode> {
    let Begun { data, config, segments, supervisor, descriptors, complaints } = begin(options)?;
    let mut firewall = close_network(&config)?;
    let (clock, watch) = open_clock();
    let (journal, writer) = open_journal(segments, &config)?;
    let mut list_file = ListFile::new(&config, &data);
    let (list, is_list_refused) = list_file.first();
    let mut intent = Intent::new(&data);
    let (desk, in_force) = open_desk(&config, &mut intent, &list, journal.clone(), Arc::clone(&clock))?;
    let identity = front::open_identity(&config, &data, Arc::clone(&clock));
    let listeners = Listeners::bind(&config, identity.is_some(), &supervisor)?;
    let upstreams = upstreams::find(&config);
    upstreams::tell(&upstreams);
    let destinations = Arc::new(ArcSwap::from_pointee(keeper::destinations(&config)));
    let services = Arc::new(Services::new(Arc::clone(&desk), ServiceAddresses::default()));
    keep_closed(&mut firewall, &config, services.registered())?;
    let workspaces = front::open_workspaces(&config, &data, &clock, identity.as_ref(), descriptors)?;
    let inside = Arc::clone(&destinations);
    let resolver = open_resolver(&config, &listeners, &upstreams, inside, &services, workspaces.as_ref())?;
    let larder = open_larder(&config, workspaces.is_some());
    let shown = (workspaces, &larder.prepared);
    let gate = doors::build_gate(&config, descriptors, &desk, &resolver, identity.is_some(), shown);
    let trials = announcement::trials(&config, &desk.policy(), &data);
    let parts = board_parts(&desk, &clock, &resolver, &upstreams, &trials, &larder);
    let board = open_board(parts, &config, &listeners, &list, is_list_refused);

    let (runtime, dns) = (start_runtime("gate", GATE_WORKERS)?, start_runtime("dns", DNS_WORKERS)?);
    let (readings, radios) = (Arc::new(Readings::default()), Arc::new(Radios::default()));
    let heard = Arc::new(HeardPoints::new(wifi::find_key(&config.wifi, &data)));
    let rooms = Rooms {
        resolver: resolver.clone(),
        gate: Arc::clone(&gate),
        board: Arc::clone(&board),
        office: open_office((&config, options), &data, &board, &readings, (&radios, &heard), &larder),
        identity: identity.clone(),
    };
    let (file, identity) = (options.config.as_deref(), identity.as_ref());
    let condition = ConditionKeeper::new((&config, file), &data, &board, (&clock, identity), complaints)
        .with_report(&options.release_report);
    let wifi = wifi::open(&config, (&data, options.hostapd.as_deref()), &desk, &clock, (&radios, &heard))?;
    let mut doors = Doors::open(&config, listeners, rooms, &runtime, &dns)?;
    announcement::tell(&config, &board.list(), &data, &trials, identity.is_some());
    let ending = Ending::new(&config, options, &data, &clock);
    let preparer = open_preparer(&config, &data, &gate, &clock, &larder, &runtime, &desk);
    let (judge, rules) = (Arc::clone(&desk), Arc::clone(&in_force));
    let state = keeper::State { intent, journal, clock, watch, desk: judge, in_force: rules, readings };
    let fences = open_fences(&config, firewall, &services, &resolver, &board, dns.handle());
    let (reception, enroller) = open_reception(&config, options, &data, &board);
    let besides = Besides::new((&config, options), &data, (condition, enroller), identity, preparer, &board);
    let rest = keeper::Rest {
        nightly: selftests::plan(&config, options, &data),
        updater: updates::plan(&config, options.config.as_deref(), &data),
        sealer: plan_sealing(&config, options.config.as_deref(), &data),
        config,
        list_file,
        in_force,
        desk,
        gate,
        resolver,
        upstreams,
        destinations,
        board,
        data,
        forgeries_told: 0,
    };
    let mut keeper = Keeper::start(state, rest, fences, wifi).context("cannot start the keeper")?;
    keep_besides(&mut keeper, besides, &supervisor, vitals(&writer, &runtime, &dns))?;
    let outcome = runtime.block_on(doors.wait(&keeper, &reception));
    supervisor.tell_stopping();

    ending.carry_out(keeper, doors, &runtime, writer)?;
    // Nothing of this process works with its own state any more.
    reception.take_prepared().map_or(Ok(()), Prepared::put_in_place)?;
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Who enrols the box while it is nobody's; pages ask it by the board.
fn open_reception(
    config: &Config,
    options: &RunOptions,
    data: &Path,
    board: &Arc<Board>,
) -> (Arc<Reception>, ReceptionKeeper) {
    let reception = Arc::new(Reception::new());
    board.set_reception(&reception);
    if let Some(desk) = LineDesk::new(config, data) {
        board.set_line_desk(desk);
    }
    let enroller = ReceptionKeeper::new(config, options, data, (&reception, board));
    (reception, enroller)
}

/// What has to make progress for the box to be alive.
fn vitals(writer: &WriterThread, runtime: &Runtime, dns: &Runtime) -> Vec<Vital> {
    vec![
        Vital::of_beats("the journal", writer.beats()),
        Vital::of_runtime("the gate", runtime.handle().clone()),
        Vital::of_runtime("the resolver", dns.handle().clone()),
    ]
}

/// What a thread does until it is told to stop.
type Work = Box<dyn FnOnce(Receiver<()>) + Send>;

/// What is kept beside the classroom, each with the name of its thread.
struct Besides(Vec<(&'static str, Work)>);

impl Besides {
    fn new(
        (config, options): (&Config, &RunOptions),
        data: &Path,
        (condition, enroller): (ConditionKeeper, ReceptionKeeper),
        identity: Option<&Arc<pki::Identity>>,
        (preparer, library): (Option<Preparer>, LibraryKeeper),
        board: &Board,
    ) -> Self {
        let (report, zone) = (&options.release_report, &config.school.timezone);
        let mut besides = Self(Vec::new());
        besides.add("condition", move |stopped| condition.keep(stopped));
        besides.add("reception", move |stopped| enroller.keep(stopped));
        if let Some(addresses) = FixedAddressKeeper::new(config, data, options.dhcp_hosts.as_deref()) {
            besides.add("addresses", move |stopped| addresses.keep(stopped));
        }
        let nights = Nights::new(data, report, zone.clone(), Arc::clone(board.chores()));
        besides.add("nights", move |stopped| nights.keep(stopped));
        // Where another service puts releases of the machine's system into place.
        if let Some(order) = options.release_order.as_deref() {
            let releases = ReleaseKeeper::new(data, report, order, zone.clone());
            besides.add("releases", move |stopped| releases.keep(stopped));
        }
        let configurations = ConfigurationKeeper::new(data, options.config.as_deref(), report);
        besides.add("configurations", move |stopped| configurations.keep(stopped));
        if let Some(identity) = identity.cloned() {
            let folder = HubFolder::new(data);
            besides.add("web certificate", move |stopped| web_certificate::keep(&identity, &folder, stopped));
        }
        besides.add_channel(data);
        besides.add("library", move |stopped| library.keep(stopped));
        if let Some(preparer) = preparer {
            besides.add("preparer", move |stopped| preparer.keep(stopped));
        }
        besides
    }

    /// What does not wait for the night, both ways.
    fn add_channel(&mut self, data: &Path) {
        let (of_speaker, of_listener) = (data.to_owned(), data.to_owned());
        self.add("speaker", move |stopped| urgent::speak(&of_speaker, stopped));
        self.add("listener", move |stopped| {
            if let Err(error) = urgent::listen(&of_listener, stopped) {
                tracing::error!(%error, "nothing is heard of the commune before the night");
                // Whoever ends unasked ends the box: all else goes on.
                let _told = stopped.recv();
            }
        });
    }

    fn add(&mut self, name: &'static str, work: impl FnOnce(&Receiver<()>) + Send + 'static) {
        self.0.push((name, Box::new(move |stopped: Receiver<()>| work(&stopped))));
    }
}

/// Keeps what others wait for: dnsmasq for addresses, the hub for the night, teachers for what they prepare, the supervisor for
/// signs of life. From now on the box serves.
fn keep_besides(
    keeper: &mut Keeper,
    Besides(besides): Besides,
    supervisor: &Arc<Supervisor>,
    vitals: Vec<Vital>,
) -> anyhow::Result<()> {
    for (name, work) in besides {
        keeper.add(name, work)?;
    }
    if let Some(pulse) = Pulse::new(supervisor, vitals) {
        keeper.add("pulse", move |stopped| pulse.keep(&stopped))?;
    }
    supervisor.tell_ready();
    Ok(())
}

/// The clock, and what it shows before anything is recorded by it.
fn open_clock() -> (Arc<dyn Clock>, ClockWatch) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let watch = ClockWatch::new(clock.now(), monotonic());
    (clock, watch)
}

fn board_parts(
    desk: &Arc<Desk>,
    clock: &Arc<dyn Clock>,
    resolver: &Resolver,
    upstreams: &[resolver::Upstream],
    trials: &[portal::Trial],
    larder: &Larder,
) -> board::Parts {
    board::Parts {
        desk: Arc::clone(desk),
        clock: Arc::clone(clock),
        resolver: resolver.clone(),
        upstreams: upstreams.iter().map(ToString::to_string).collect(),
        trials: trials.to_vec(),
        prepared: Arc::clone(&larder.prepared),
    }
}

fn open_board(
    parts: board::Parts,
    config: &Config,
    listeners: &Listeners,
    list: &List,
    is_list_refused: bool,
) -> Arc<Board> {
    let board = Arc::new(Board::new(parts, config, listeners, list));
    if is_list_refused {
        board.show_refused_list();
    }
    board
}

/// Seals in the background what is finished while the box runs.
fn plan_sealing(config: &Config, file: Option<&Path>, data: &Path) -> Sealer {
    let mut arguments: Vec<OsString> = ["journal", "seal", "--background", "--data"].map(Into::into).into();
    arguments.push(data.into());
    if let Some(file) = file {
        arguments.extend(["--config".into(), file.into()]);
    }
    Sealer::new(arguments, data, config.school.timezone.clone())
}

/// Puts the firewall in place before anything is opened. On loopback there is none.
fn close_network(config: &Config) -> anyhow::Result<FirewallKeeper> {
    let mut firewall = FirewallKeeper::new(Nft::default());
    // Whose devices are registered is not known yet.
    keep_closed(&mut firewall, config, BTreeSet::new())?;
    Ok(firewall)
}

/// The same once these devices are known: they have paces of their own from the first packet on that meets a door.
fn keep_closed(firewall: &mut FirewallKeeper, config: &Config, devices: BTreeSet<Mac>) -> anyhow::Result<()> {
    if let Some(network) = &config.network {
        // With the chains of services, and none in them: packets of flows of an earlier run are dropped, not reset.
        let closed = network.firewall.clone().with_devices(devices);
        let closed = if config.filter.services.is_empty() { closed } else { closed.with_passages(vec![]) };
        firewall.ensure(&closed).context("cannot load the firewall; it needs CAP_NET_ADMIN and nft")?;
    }
    Ok(())
}

fn open_journal(segments: segments::Directory, config: &Config) -> anyhow::Result<(Journal, WriterThread)> {
    let (journal, mut writer) = journal::open(segments);
    let time_zone = config.school.timezone.clone();
    writer.split_days_by(move |at| sealing::day_number(at, &time_zone));
    let writer = spawn_writer(writer, &journal, system::clock::now).context("cannot start the journal")?;
    Ok((journal, writer))
}

fn open_desk(
    config: &Config,
    intent: &mut Intent,
    list: &List,
    journal: Journal,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<(Arc<Desk>, Arc<InForce>)> {
    let lans = config.network.as_ref().map(|network| network.firewall.intent().lans()).unwrap_or_default();
    let neighbours = NeighbourTable::open(&lans).context("cannot read the kernel's neighbour table")?;
    let directory = intent.read_state().unwrap_or_default();
    let (index, rulebook) = (Arc::clone(&list.index), config.rulebook());
    let parts = in_force::Parts { index, rulebook, overrides: intent.rules(), lessons: intent.lessons() };
    let testers = match config.network {
        Some(_) => Testers::on_network(config.tester_profiles()),
        None => Testers::on_loopback(config.tester_profiles()),
    };
    let desk =
        Desk::new(Arc::new(neighbours), clock, journal, directory, parts.freeze()).with_testers(testers);
    let desk = Arc::new(desk);
    list.tell_missing(&desk.policy());
    let in_force = InForce::new(parts, Arc::clone(&desk));
    Ok((desk, Arc::new(in_force)))
}

fn open_office(
    (config, options): (&Config, &RunOptions),
    data: &Path,
    board: &Board,
    readings: &Arc<Readings>,
    (radios, heard): (&Arc<Radios>, &Arc<HeardPoints>),
    larder: &Larder,
) -> Arc<Office> {
    let (desk, clock) = board.judge();
    let office = Office::new(data, Arc::clone(desk), Arc::clone(clock), config.school.timezone.clone());
    let office = office.of_school(config.school.name.clone(), Arc::clone(readings));
    let office = office.with_points(PointPlan::new(Arc::clone(heard), &config.wifi));
    let profiles = config.filter.profiles.iter().map(|profile| profile.name.clone());
    let office = office.with_profiles(profiles.collect()).with_join_desk(JoinDesk::new(config));
    let office = office.with_line_desk(LineDesk::new(config, data));
    let office = office.with_telephones(&config.portal.telephones);
    let readers = config.journal_readers.iter().flatten().map(ToString::to_string);
    let office = office.with_readers(readers.collect());
    let office = office.with_lessons(config.lessons.minutes, Arc::clone(radios));
    let office = office.with_release_report(&options.release_report).with_chores(board.chores());
    Arc::new(office.with_larder(larder.clone()))
}

/// What can be prepared of the workspaces that the box serves.
fn open_larder(config: &Config, is_served: bool) -> Larder {
    let served = config.served_workspaces.iter().filter(|_| is_served && config.cache_bytes_max > 0);
    let served = served.map(|workspace| (workspace.hosts.clone(), workspace.profiles.clone()));
    Larder { served: served.collect(), ..Larder::default() }
}

/// Whoever prepares lessons, where there is something to prepare, and looks at what came from the commune.
fn open_preparer(
    config: &Config,
    data: &Path,
    gate: &Arc<proxy::Gate>,
    clock: &Arc<dyn Clock>,
    larder: &Larder,
    runtime: &Runtime,
    desk: &Arc<Desk>,
) -> (Option<Preparer>, LibraryKeeper) {
    let parts = preparing::Parts {
        gate: Arc::clone(gate),
        desk: Arc::clone(desk),
        clock: Arc::clone(clock),
        zone: config.school.timezone.clone(),
        bytes_per_second: config.prepare_bytes_per_second,
        prepared: Arc::clone(&larder.prepared),
        runtime: runtime.handle().clone(),
        served: larder.served.clone(),
    };
    let library = LibraryKeeper::new(data, clock, &larder.prepared);
    ((!larder.served.is_empty()).then(|| Preparer::new(data, parts)), library)
}

fn open_resolver(
    config: &Config,
    listeners: &Listeners,
    upstreams: &[resolver::Upstream],
    destinations: Arc<ArcSwap<Destinations>>,
    services: &Services,
    workspaces: Option<&Arc<proxy::Workspaces>>,
) -> anyhow::Result<Resolver> {
    let networks: Vec<IpNet> =
        config.filter.services.iter().flat_map(|service| service.networks.clone()).collect();
    let zone = Zone::new(listeners.addresses.clone());
    let workspaces = workspaces.cloned();
    let settings = resolver::Settings {
        own_zone: Arc::new(move |name, kind| zone.answer(name, kind)),
        addresses: listeners.addresses.clone(),
        own_names: config.portal.names(),
        upstreams: upstreams.to_vec(),
        extra_roots: upstreams::authorities(&config.dns),
        ipv6: config.network.as_ref().is_none_or(|network| network.wan_ipv6),
        questions_per_second: config.dns.questions_per_second,
        expects_marks: config.network.is_some(),
        explanation: doors::explanation(config),
        // Where the gate never dials, no answer leads either, unless a service is there.
        is_inward: Arc::new(move |address| {
            let is_of_service = || networks.iter().any(|network| network.contains(&address));
            destinations.load().check(address).is_err() && !is_of_service()
        }),
        service_addresses: Arc::clone(&services.told),
        last_addresses: Arc::new(move |name| {
            workspaces.as_ref().map_or(vec![], |workspaces| workspaces.last_addresses(name))
        }),
        ..resolver::Settings::default()
    };
    Resolver::new(settings, Arc::clone(&services.desk)).context("cannot set up the resolver")
}

/// Whoever keeps the firewall, and what passes by it. Services are kept where there are any, and a firewall.
fn open_fences(
    config: &Config,
    keeper: FirewallKeeper,
    services: &Arc<Services>,
    resolver: &Resolver,
    board: &Arc<Board>,
    dns: &Handle,
) -> keeper::Fences {
    let policy = config.network.as_ref().map(|network| network.firewall.clone());
    let has_services = policy.is_some() && !config.filter.services.is_empty();
    let refusals = policy.as_ref().and_then(|_| RefusalKeeper::new(Arc::clone(services)));
    let flows = if has_services { FlowKeeper::new(Arc::clone(services)) } else { None };
    let names = has_services.then(|| NameKeeper::new(Arc::clone(services), resolver.clone(), dns.clone()));
    let (services, board) = (Arc::clone(services), Arc::clone(board));
    let fence = Fence { keeper, policy, has_services, services, board };
    keeper::Fences { fence, flows, names, refusals }
}

fn start_runtime(name: &str, workers: usize) -> anyhow::Result<Runtime> {
    let runtime = Builder::new_multi_thread().worker_threads(workers).thread_name(name).enable_all().build();
    runtime.context("cannot start the runtime")
}
