//! `preau hub`: the commune's hub, and what its people do on its command line.

use std::io::{self, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use archive::{Hash, SigningKey};
use hub::alerts::Ways;
use hub::register::history::History;
use hub::register::people::{Act, Staff};
use hub::register::{BoxId, BoxState, OpenCode, Records, Register, StoredSnapshot};
use hub::{Enroller, Hub, Listening, Office, Settings, survey};
use jiff::tz::TimeZone;
use model::{ClockQuality, Host, Timestamp, Uai};
use pki::{Identity, MemberAuthority, Names};
use replication::{AuthorityHash, CodeNumber, School};
use rustls::RootCertStore;
use rustls::crypto::ring::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use system::clock::now;
use system::private::PrivateFolder;
use system::supervisor::Supervisor;
use system::{authority, limits, seal_key};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use crate::cli::{
    HubArguments, HubBoxCommand, HubCodeArguments, HubCodeCommand, HubCommand, HubSchoolCommand,
    HubStateCommand, ServeArguments,
};
use crate::config::{HubConfig, check_sent};
use crate::hub_engines::{open_blobs, open_incoming, open_register};
use crate::{
    hub_acts_command, hub_adopt_command, hub_alert_command, hub_category_command, hub_certify,
    hub_configuration_command, hub_desk_command, hub_engines, hub_export_command, hub_file_command,
    hub_lists_command, hub_marks, hub_move_command, hub_person_command, hub_release_command,
    hub_rule_command, hub_web_command, operator, run, times,
};

/// Who vouches for the hub itself.
const AUTHORITY_FILE: &str = "authority";
/// Who vouches for boxes.
const MEMBERS_FILE: &str = "members";
/// By which the hub signs: how far logs have grown, and what the commune decides.
pub(crate) const WITNESS_FILE: &str = "witness";
/// By which states of boxes are read.
const SNAPSHOT_KEY_FILE: &str = "snapshot-key";
/// How often files whose time is over are looked for.
const FORGET_PERIOD: Duration = Duration::from_secs(3_600);
/// How often schools are looked at, and people told of them.
const WATCH_PERIOD: Duration = Duration::from_secs(60);
/// How often a sign of life is given where nobody says how often it is wanted.
const SIGN_PERIOD: Duration = Duration::from_secs(15);
/// How often it is looked whether the hub still serves.
const LOOK_PERIOD: Duration = Duration::from_secs(1);
const HOUR_MS: i64 = 3_600_000;

/// Carries out a command of the hub, or runs it.
pub(crate) fn carry_out(arguments: HubArguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        None => serve(&arguments.serve),
        Some(HubCommand::School(HubSchoolCommand::Add { uai, name, rooms, data })) => {
            add_school(&*open_register(&data.path)?, &School { uai: uai.to_string(), name, rooms })
        }
        Some(HubCommand::School(HubSchoolCommand::List { data })) => {
            list_schools(&*open_register(&data.path)?)
        }
        Some(HubCommand::Code(arguments)) => carry_out_code(arguments),
        Some(HubCommand::Adopt { disk, data }) => hub_adopt_command::adopt(&disk, &data.path),
        Some(HubCommand::State(HubStateCommand::List { uai, data })) => {
            list_states(&*open_register(&data.path)?, &uai)
        }
        Some(HubCommand::Rule(command)) => hub_rule_command::carry_out(command),
        Some(HubCommand::Category(command)) => hub_category_command::carry_out(command),
        Some(HubCommand::Configuration(command)) => hub_configuration_command::carry_out(command),
        Some(HubCommand::Request(command)) => hub_desk_command::carry_out_request(command),
        Some(HubCommand::Content(command)) => hub_desk_command::carry_out_content(command),
        Some(HubCommand::Notice(command)) => hub_desk_command::carry_out_notice(command),
        Some(HubCommand::Lists(command)) => hub_lists_command::carry_out(&command),
        Some(HubCommand::Release(command)) => hub_release_command::carry_out(command),
        Some(HubCommand::File(command)) => hub_file_command::carry_out(command),
        Some(HubCommand::Name(command)) => hub_web_command::carry_out_name(command),
        Some(HubCommand::Certificate(command)) => hub_web_command::carry_out_certificate(command),
        Some(HubCommand::Person(command)) => hub_person_command::carry_out(command),
        Some(HubCommand::Alert(command)) => hub_alert_command::carry_out(&command),
        Some(HubCommand::Acts { before, count, data }) => {
            hub_acts_command::list(&*open_register(&data.path)?, before, count)
        }
        Some(HubCommand::Export { out, data }) => hub_export_command::export(&out, &data.path),
        Some(HubCommand::Move { engines, data }) => hub_move_command::carry_out(&engines, &data),
        Some(HubCommand::Box(HubBoxCommand::List { data })) => list_boxes(&*open_register(&data.path)?),
        Some(HubCommand::Box(HubBoxCommand::Revoke { id, data })) => revoke(&data.path, BoxId(id)),
        Some(HubCommand::Box(HubBoxCommand::Checkpoint { id, data })) => {
            let note = open_register(&data.path)?.signed(BoxId(id))?;
            let note = note.with_context(|| format!("this hub has signed nothing of a box {id}"))?;
            io::stdout().write_all(note.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn add_school(register: &dyn Records, school: &School) -> anyhow::Result<ExitCode> {
    if school.check().is_none() {
        bail!("a school and its rooms have names of 1 to 200 letters, and 200 rooms at most")
    }
    note_act(register, "school-added", &format!("{} {}", school.uai, school.name))?;
    register.put_school(school)?;
    Ok(ExitCode::SUCCESS)
}

fn list_schools(register: &dyn Register) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    for School { uai, name, rooms } in register.schools()? {
        writeln!(out, "{uai}\t{name}\t{}", rooms.join(", "))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn carry_out_code(arguments: HubCodeArguments) -> anyhow::Result<ExitCode> {
    let HubCodeArguments { command, uai, replacement, state, hours, data } = arguments;
    match command {
        Some(HubCodeCommand::List { data }) => list_codes(&*open_register(&data.path)?),
        Some(HubCodeCommand::Cancel { number, data }) => cancel_code(&*open_register(&data.path)?, &number),
        None => {
            let (uai, data) =
                uai.zip(data).context("give the school and the folder of the hub: UAI --data DIR")?;
            make_code(&*open_register(&data)?, &uai, (replacement, state), hours)
        }
    }
}

fn list_codes(register: &dyn Register) -> anyhow::Result<ExitCode> {
    let (mut out, zone) = (io::stdout().lock(), TimeZone::system());
    for OpenCode { number, uai, is_replacement, until, tries_left } in register.open_codes(now())? {
        let until = times::write(until, &zone);
        let kind = if is_replacement { "\treplacement" } else { "" };
        writeln!(out, "{number}\t{uai}\tuntil {until}\ttries {tries_left}{kind}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn cancel_code(register: &dyn Records, number: &CodeNumber) -> anyhow::Result<ExitCode> {
    note_act(register, "code-cancelled", number.as_str())?;
    if !register.cancel_code(number)? {
        bail!("there is no code {number} by which a box could enrol: preau hub code list")
    }
    Ok(ExitCode::SUCCESS)
}

fn make_code(
    register: &dyn Records,
    uai: &Uai,
    (is_replacement, state): (bool, Option<Hash>),
    hours: u32,
) -> anyhow::Result<ExitCode> {
    let until = now().unix_ms().saturating_add(i64::from(hours).saturating_mul(HOUR_MS));
    let until = Timestamp::from_unix_ms(until);
    let deed = if is_replacement { "code-made-replacement" } else { "code-made" };
    note_act(register, deed, uai.as_str())?;
    let code = hub::make_code(register, uai, is_replacement, until)?;
    if let Some(state) = state
        && !register.choose_state(&code.number(), state)?
    {
        register.cancel_code(&code.number())?;
        bail!("there is no state {state} of the school {uai}: preau hub state list")
    }
    writeln!(io::stdout(), "{code}")?;
    let until = times::write(until, &TimeZone::system());
    writeln!(io::stderr(), "good once, until {until}; three wrong tries burn it")?;
    Ok(ExitCode::SUCCESS)
}

fn list_boxes(register: &dyn Register) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let zone = TimeZone::system();
    for state in register.boxes()? {
        let files = register.files(state.id)?.len();
        let BoxState { id, uai, version, revoked, seen, log_size, .. } = state;
        let standing = revoked
            .map_or_else(|| "enrolled".to_owned(), |at| format!("revoked {}", times::write(at, &zone)));
        let seen = seen.map_or_else(|| "never".to_owned(), |at| times::write(at, &zone));
        writeln!(out, "{}\t{uai}\t{standing}\tseen {seen}\t{version}\tlog {log_size}\tfiles {files}", id.0)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list_states(register: &dyn Register, uai: &Uai) -> anyhow::Result<ExitCode> {
    let (mut out, zone) = (io::stdout().lock(), TimeZone::system());
    for (of, StoredSnapshot { hash, bytes, at }) in register.snapshots(uai.as_str())? {
        writeln!(out, "{hash}\tbox {}\t{}\t{bytes} bytes", of.0, times::write(at, &zone))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn revoke(data: &Path, id: BoxId) -> anyhow::Result<ExitCode> {
    let register = open_register(data)?;
    note_act(&*register, "box-revoked", &id.0.to_string())?;
    if !register.revoke(id, now())? {
        bail!("there is no box {} that is enrolled: preau hub box list", id.0)
    }
    // Whatever becomes of the register, it stays revoked.
    hub_marks::compare(data, &*register, now())?;
    tell_of_certificate(&*register, id)
}

/// What the hub cannot take back: browsers believe a certificate of the commune's names to its end.
fn tell_of_certificate(register: &dyn Records, id: BoxId) -> anyhow::Result<ExitCode> {
    let of = register.boxes()?.into_iter().find(|of| of.id == id).map(|of| of.uai);
    // Whoever has asked anew still has the certificate of before, which the hub keeps no longer.
    for order in register.web_orders()?.into_iter().filter(|order| Some(&order.uai) == of.as_ref()) {
        writeln!(
            io::stderr(),
            "{} may have a certificate of the commune's names: have its authority revoke it, where it was this box's",
            order.uai
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes down what a command does, before it is done: whoever gives it on the hub's own machine.
pub(crate) fn note_act(register: &dyn Staff, deed: &str, about: &str) -> anyhow::Result<()> {
    let act = Act {
        at: now(),
        author: operator::attribute(None)?.as_str().to_owned(),
        network: String::new(),
        deed: deed.to_owned(),
        about: about.to_owned(),
    };
    Ok(register.note_act(&act)?)
}

/// Runs the hub until it is told to stop.
fn serve(arguments: &ServeArguments) -> anyhow::Result<ExitCode> {
    let data = arguments.data.as_deref().context("give the folder of the hub: --data DIR")?;
    let config = HubConfig::load(arguments.config.as_deref())?;
    run::start_diagnostics();
    let supervisor = Supervisor::find();
    // Every TLS connection uses ring. It can only be installed already.
    let _installed = default_provider().install_default();
    let folder = PrivateFolder::new(data);
    let _lock = folder.lock().with_context(|| format!("the folder {} cannot be used", data.display()))?;
    hub_engines::keep(data, &arguments.engines)?;
    let register = open_register(data)?;
    hub_marks::tell(hub_marks::compare(data, &*register, now())?);
    if !arguments.new_keys {
        check_keys(&folder, &*register)?;
    }
    let names = find_names(arguments, data)?;
    let (authority, opened) = authority::open(&data.join(AUTHORITY_FILE), names.clone())?;
    if opened == authority::Opened::Renamed {
        tracing::warn!("the hub has other names now: boxes that enrolled before have to be enrolled again");
    }
    let witness = seal_key::open(&data.join(WITNESS_FILE), SigningKey::of_witness)?;
    let members = open_members(&folder)?;
    let snapshot_key = open_snapshot_key(&folder)?;
    let verifier = verify_members(&members)?;
    let authority_der = authority.certificate_der();
    let hash = AuthorityHash::of(&authority_der);
    let identity = Arc::new(Identity::new(authority, names, read_clock).with_authority_shown());
    let tls = identity.server_config_for_members(verifier)?;
    let enroller = Enroller::new(members, hash, witness.verifier().to_string());
    let blobs = open_blobs(data)?;
    // Each box that waits for what is urgent holds a connection.
    limits::raise_open_files().context("the limit of open files cannot be raised")?;
    let _lists = hub_lists_command::keep(&config, arguments.config.as_deref(), data)?;
    let certifying: Arc<dyn Register> = Arc::clone(&register) as _;
    let HubConfig { commune, timezone, url, nights, metrics, ways, certifier, provider, .. } = config;
    hub_certify::keep_zone(certifier.as_ref(), &folder);
    let certifying = certifier.map(|certifier| hub_certify::keep(&certifying, certifier, &folder));
    let _certificates = certifying.transpose()?;
    let listener = TcpListener::bind(arguments.listen)
        .with_context(|| format!("cannot listen at {}", arguments.listen))?;
    let witness_key = witness.verifier().to_string();
    let channels = ways.channels();
    let settings = Settings {
        commune,
        timezone,
        url,
        nights,
        metrics,
        channels,
        authority_der,
        provider,
        check_configuration: check_sent,
    };
    let (staff, history): (Arc<dyn Staff>, Arc<dyn History>) =
        (Arc::clone(&register) as _, Arc::clone(&register) as _);
    let lists = Some(hub_lists_command::shelf(data));
    let office = Some(Office::new(staff, history, settings));
    let incoming = open_incoming(data);
    let clock = now;
    let hub = Hub { register, blobs, enroller, witness, snapshot_key, clock, office, lists, incoming };
    let hub = Arc::new(hub);
    let listening = hub::serve(Arc::clone(&hub), listener, tls).context("the hub cannot be served")?;
    writeln!(io::stdout(), "listening on {}", listening.address())?;
    writeln!(io::stdout(), "witness {witness_key}")?;
    let watching = watch_schools(&hub, data, ways)?;
    supervisor.tell_ready();
    wait(&hub, data, (&listening, &watching), &supervisor)?;
    supervisor.tell_stopping();
    listening.stop()?;
    Ok(ExitCode::SUCCESS)
}

/// Where boxes have enrolled, their hub's keys are there: with others, it would be nobody to them.
fn check_keys(folder: &PrivateFolder, register: &dyn Register) -> anyhow::Result<()> {
    let boxes = register.boxes()?;
    if boxes.is_empty() {
        return Ok(());
    }
    let is_missing = |name: &&str| !folder.path(name).exists();
    let mut missing: Vec<&str> =
        [AUTHORITY_FILE, MEMBERS_FILE, WITNESS_FILE].into_iter().filter(is_missing).collect();
    // A hub that has no state yet has nothing that another key would not read.
    if is_missing(&SNAPSHOT_KEY_FILE) {
        for state in &boxes {
            if register.last_snapshot(state.id)?.is_some() {
                missing.push(SNAPSHOT_KEY_FILE);
                break;
            }
        }
    }
    let paths: Vec<String> = missing.iter().map(|name| folder.path(name).display().to_string()).collect();
    ensure!(
        paths.is_empty(),
        "boxes have enrolled at this hub, and a key of it is not here: {}. Copy it from the hub's other machine, or from the back-up. Is it lost, \
         then --new-keys makes another one: boxes may have to enrol anew, and states that are there are not read",
        paths.join(", ")
    );
    Ok(())
}

/// The names of the hub: those that are given, those that it had, or the address at which it listens.
fn find_names(arguments: &ServeArguments, data: &Path) -> anyhow::Result<Names> {
    let mut names = arguments.names.clone();
    if names.is_empty() {
        if let Some(authority) = authority::find(&data.join(AUTHORITY_FILE))? {
            return Ok(authority.names().clone());
        }
        if arguments.listen.ip().is_unspecified() {
            bail!("give the name by which boxes reach the hub, as in --name hub.commune.example");
        }
        names.push(Host::Address(arguments.listen.ip()));
    }
    let domains = names.iter().filter_map(|host| match host {
        Host::Name(name) => Some(name.clone()),
        Host::Address(_) => None,
    });
    let addresses = names.iter().filter_map(|host| match host {
        Host::Address(address) => Some(*address),
        Host::Name(_) => None,
    });
    Ok(Names::new(domains, addresses))
}

/// Who vouches for boxes, made where there is none.
fn open_members(folder: &PrivateFolder) -> anyhow::Result<MemberAuthority> {
    let named = || format!("the authority over boxes {}", folder.path(MEMBERS_FILE).display());
    if let Some(text) = folder.read(MEMBERS_FILE).with_context(named)? {
        return MemberAuthority::read(&text).with_context(named);
    }
    let members = MemberAuthority::generate().with_context(named)?;
    folder.replace(MEMBERS_FILE, &members.write()).with_context(named)?;
    Ok(members)
}

/// By which states of boxes are read, made where there is none. Neither the register nor the files alone are enough to read one.
fn open_snapshot_key(folder: &PrivateFolder) -> anyhow::Result<archive::Identity> {
    let named = || format!("the key of the boxes' states {}", folder.path(SNAPSHOT_KEY_FILE).display());
    if let Some(text) = folder.read(SNAPSHOT_KEY_FILE).with_context(named)? {
        let keys = archive::Identity::read_all(&text).with_context(named)?;
        return keys.into_iter().next().with_context(named);
    }
    let key = archive::Identity::generate();
    folder.replace(SNAPSHOT_KEY_FILE, &key.write()).with_context(named)?;
    Ok(key)
}

/// Boxes show their certificates; whoever enrols has none yet.
fn verify_members(members: &MemberAuthority) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
    let mut roots = RootCertStore::empty();
    roots.add(members.certificate_der().into()).context("the authority over boxes")?;
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()));
    builder.allow_unauthenticated().build().context("the authority over boxes")
}

/// A hub runs in a machine room: its clock is right, or nothing is.
fn read_clock() -> (Timestamp, ClockQuality) {
    (now(), ClockQuality::Synchronised)
}

/// What has to be done now and then: what is over goes, and what nobody knows of; the register is as it was.
fn keep_house(hub: &Hub, data: &Path) {
    // Whom a register that was put back has revived is refused first: what follows may take long.
    keep_marks(hub, data);
    // Both tell in the log what fails.
    let _either = (hub.forget_due().is_ok(), hub.sweep().is_ok());
}

/// A box that somebody revokes on a page is marked in a minute, whatever becomes of the register then; one that was revived is refused as soon.
fn keep_marks(hub: &Hub, data: &Path) {
    match hub_marks::compare(data, &*hub.register, now()) {
        Ok(put_back) => hub_marks::tell(put_back),
        Err(error) => tracing::error!("the marks of the register cannot be compared: {error:#}"),
    }
}

/// Waits until somebody wants the hub to stop, or it has stopped by itself. Meanwhile it forgets what is over: a store that hangs keeps it from no end.
fn wait(
    hub: &Arc<Hub>,
    data: &Path,
    (listening, watching): (&Listening, &Watching),
    supervisor: &Supervisor,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome: anyhow::Result<()> = runtime.block_on(async {
        let mut house: Option<JoinHandle<()>> = None;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (mut forget, mut look) =
            (tokio::time::interval(FORGET_PERIOD), tokio::time::interval(LOOK_PERIOD));
        let mut signs = tokio::time::interval(supervisor.watch_period().unwrap_or(SIGN_PERIOD));
        let mut beats = 0;
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = look.tick() => {
                    if !listening.is_running() {
                        bail!("the hub stopped by itself")
                    }
                    if watching.thread.is_finished() {
                        bail!("nobody looks at the schools any more: the thread that did has failed")
                    }
                }
                _ = signs.tick() => {
                    // No sign is given for a hub that answers nobody: whoever watches over it starts it anew.
                    let seen = std::mem::replace(&mut beats, listening.beats());
                    if beats != seen {
                        supervisor.tell_alive();
                    }
                }
                _ = forget.tick() => {
                    // What failed is in the log, and is tried again in an hour.
                    if house.as_ref().is_none_or(JoinHandle::is_finished) {
                        let (hub, data) = (Arc::clone(hub), data.to_owned());
                        house = Some(tokio::task::spawn_blocking(move || keep_house(&hub, &data)));
                    }
                }
            }
        }
    });
    runtime.shutdown_background();
    outcome
}

/// Who looks at the schools, up to the end of the value.
struct Watching {
    thread: std::thread::JoinHandle<()>,
    _end: Sender<()>,
}

/// Looks at the schools each minute, on a thread of its own that ends with the value: whoever is written to may take his time. At the
/// hub's end nobody waits for it, because what is not sent is in the register.
fn watch_schools(hub: &Arc<Hub>, data: &Path, ways: Ways) -> anyhow::Result<Watching> {
    let (hub, data, (end, ended)) = (Arc::clone(hub), data.to_owned(), mpsc::channel());
    let thread = std::thread::Builder::new().name("watch".to_owned()).spawn(move || {
        loop {
            look_at_schools(&hub, &data, &ways);
            if ended.recv_timeout(WATCH_PERIOD) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    })?;
    Ok(Watching { thread, _end: end })
}

/// What failed is in the log, and is tried again in a minute.
fn look_at_schools(hub: &Hub, data: &Path, ways: &Ways) {
    keep_marks(hub, data);
    let Some(office) = &hub.office else { return };
    let looked = survey(hub).and_then(|_| ways.send_due(&*office.history, hub.clock));
    if let Err(error) = looked {
        tracing::error!(error = &error as &dyn std::error::Error, "the schools cannot be looked at");
    }
}

#[cfg(test)]
mod tests {
    use hub::register::sqlite::SqliteRegister;
    use hub::register::{Fingerprint, NewBox};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);
    const LATER: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000 + 3_600_000);

    #[test]
    fn a_hub_that_boxes_know_makes_no_keys_unasked() {
        let place = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::new(place.path());
        let register = SqliteRegister::open(&folder.path("register.sqlite")).unwrap();
        let missing = || check_keys(&folder, &register).map_err(|error| error.to_string());
        assert_eq!(missing(), Ok(()), "nobody knows it yet");

        let school = School { uai: "0750655E".to_owned(), name: "École".to_owned(), rooms: vec![] };
        register.put_school(&school).unwrap();
        let code = hub::make_code(&register, &"0750655E".parse().unwrap(), false, LATER).unwrap();
        let new = NewBox {
            log_key: "key".to_owned(),
            version: "0.1".to_owned(),
            public_key: b"x".to_vec(),
            certificate: Fingerprint::of(b"x"),
            certificate_until: LATER,
        };
        let of = register.enrol(&code.number(), &new, NOW).unwrap();
        for name in [AUTHORITY_FILE, MEMBERS_FILE, WITNESS_FILE] {
            let said = missing().unwrap_err();
            assert!(said.contains(&folder.path(name).display().to_string()), "{said}");
            assert!(!said.contains(SNAPSHOT_KEY_FILE) && said.contains("--new-keys"), "{said}");
            folder.replace(name, "a key").unwrap();
        }
        assert_eq!(missing(), Ok(()), "it has no state that another key would not read");
        let state = StoredSnapshot { hash: Hash::of(b"x"), bytes: 1, at: NOW };
        register.add_snapshot(of, &state).unwrap();
        assert!(missing().unwrap_err().contains(SNAPSHOT_KEY_FILE));
        folder.replace(SNAPSHOT_KEY_FILE, "a key").unwrap();
        assert_eq!(missing(), Ok(()));
    }
}
