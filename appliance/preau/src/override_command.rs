//! `preau override`.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use access::{Clock, Instant};
use anyhow::{Context, bail};
use blocklist::Index;
use jiff::tz::TimeZone;
use model::{
    AccessKind, Category, Device, DomainName, Mac, NewOverride, Override, OverrideId, PersonName,
    ProfileName, Reason, RoomName, Rule, Scope, Subject, Timestamp, Topic, UnknownDevice, Verdict,
};
use policy::{Decided, Decision, Question, Snapshot, Target, decide};
use store::Store;
use system::clock::SystemClock;

use crate::cli::OverrideArguments;
use crate::config::Config;
use crate::data_folder;
use crate::policy_command::School;
use crate::times::parse_coming;

/// What stands in a column that has nothing to say.
const NOTHING: &str = "-";

/// Keeps a new override. A running box puts it in force.
pub(crate) fn make(effect: Verdict, arguments: OverrideArguments) -> anyhow::Result<ExitCode> {
    let OverrideArguments {
        topic,
        author,
        reason,
        layer,
        room,
        device,
        profile,
        duration,
        until,
        config,
        data,
    } = arguments;
    let school = School::open(Config::load_or_default(config.as_deref())?, data.path.as_deref())?;
    let zone = &school.config.school.timezone;
    let clock = SystemClock::new().now();
    let now = set(clock)?;
    let until = match until {
        Some(text) => Some(parse_coming(&text, zone, now).context("--until")?),
        None => duration.map(|duration| {
            let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_unix_ms(now.unix_ms().saturating_add(ms))
        }),
    };
    let mut store = open(&school.data)?;
    let scope = match (room, device, profile) {
        (Some(room), ..) => Scope::Room(find_room(&store, &room)?),
        (_, Some(device), _) => Scope::Device(find_device(&store, &device)?),
        (.., Some(profile)) => Scope::Profile(find_profile(&school.config, profile)?),
        (None, None, None) => Scope::Everyone,
    };
    let rule = Rule { layer, effect, topic, scope, author, motive: reason, from: None, until };
    let new = NewOverride::new(rule, now)?;
    check_topic(&school, &store.devices()?, &new)?;
    let made = store.add_override(new, clock.quality)?;
    writeln!(std::io::stdout(), "{}", describe(&made, zone))?;
    Ok(ExitCode::SUCCESS)
}

/// Lists the overrides that stand, with `all` also those that are over.
pub(crate) fn list(data: &Path, zone: &TimeZone, all: bool) -> anyhow::Result<ExitCode> {
    let now = SystemClock::new().now().plausible();
    let mut out = std::io::stdout().lock();
    for it in open(data)?.overrides()?.iter().filter(|it| all || !it.is_over(now)) {
        let Rule { layer, effect, topic, scope, author, motive, until, .. } = &it.rule;
        let (topic, scope, state) = (describe_topic(topic), describe_scope(scope), describe_state(it, now));
        let until = until.map_or(NOTHING.to_owned(), |until| local(until, zone));
        let layer = layer.as_str();
        writeln!(
            out,
            "{}\t{state}\t{effect}\t{topic}\t{scope}\t{layer}\t{until}\t{author}\t{motive}",
            it.id
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes an override back.
pub(crate) fn end(data: &Path, id: OverrideId, author: &PersonName) -> anyhow::Result<ExitCode> {
    let ended = open(data)?.end_override(id, author, set(SystemClock::new().now())?)?;
    let Rule { effect, topic, scope, .. } = &ended.rule;
    let (topic, scope) = (describe_topic(topic), describe_scope(scope));
    writeln!(std::io::stdout(), "{id}: {effect} {topic}, {scope}: taken back by {author}")?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn open(data: &Path) -> anyhow::Result<Store> {
    data_folder::make(data)?;
    Ok(Store::open(&data.join(data_folder::STATE_FILE))?)
}

/// An end that is counted from a clock that was never set is none.
pub(crate) fn set(clock: Instant) -> anyhow::Result<Timestamp> {
    clock
        .plausible()
        .context("the clock of this machine is not set: what begins now would begin and end at any time")
}

/// The room as devices have it: a rule for another room would be in force for nobody.
pub(crate) fn find_room(store: &Store, room: &RoomName) -> anyhow::Result<RoomName> {
    let mut rooms: Vec<RoomName> = store.devices()?.into_iter().filter_map(|device| device.room).collect();
    rooms.sort_unstable();
    rooms.dedup();
    if let Some(found) = rooms.iter().find(|known| same(known.as_str(), room.as_str())) {
        return Ok(found.clone());
    }
    let known: Vec<_> = rooms.iter().map(RoomName::as_str).collect();
    bail!("no device is registered in the room `{room}`; rooms with devices: {}", known.join(", "))
}

/// A registered device by its name, or any device by its hardware address.
fn find_device(store: &Store, text: &str) -> anyhow::Result<Mac> {
    if let Ok(mac) = text.parse::<Mac>() {
        return Ok(mac.of_a_machine()?);
    }
    let is_meant = |device: &Device| same(device.name.as_str(), text);
    match store.devices()?.into_iter().find(is_meant) {
        Some(device) => Ok(device.mac),
        None => bail!("no device `{text}` is registered: give its name or its hardware address"),
    }
}

fn find_profile(config: &Config, name: ProfileName) -> anyhow::Result<ProfileName> {
    let profiles = config.rulebook().profiles;
    if profiles.iter().any(|profile| profile.name == name) {
        return Ok(name);
    }
    let known: Vec<_> = profiles.iter().map(|profile| profile.name.as_str()).collect();
    bail!("there is no profile `{name}`; known: {}", known.join(", "))
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Refuses what would have no effect. The policy comes to the same verdict in any case; here the author is told.
fn check_topic(school: &School, devices: &[Device], new: &NewOverride) -> anyhow::Result<()> {
    let (rule, index) = (new.rule(), school.open_list()?);
    match &rule.topic {
        Topic::Category(category) => check_category(school, index, category, rule.effect),
        Topic::Site(site) if rule.effect == Verdict::Permit => {
            let mut rulebook = school.rulebook()?;
            rulebook.rules.push(rule.clone());
            let snapshot = Snapshot::new(index, &rulebook);
            check_site(&snapshot, subject_of(&rule.scope, devices), site, new.made())
        }
        Topic::Site(_) => Ok(()),
    }
}

fn check_category(
    school: &School,
    index: Arc<Index>,
    category: &Category,
    effect: Verdict,
) -> anyhow::Result<()> {
    let id = index.category_id(category.as_str());
    let id = id.with_context(|| format!("no list has the category `{category}`"))?;
    // By its number, because a category has aliases; by the configuration, or by the commune's hub.
    let locked = Snapshot::new(index, &school.rulebook()?).locked_categories();
    if effect == Verdict::Permit && locked.iter().any(|it| it == id) {
        bail!("the commune has locked the category {category}: nobody in the school can open it");
    }
    Ok(())
}

/// Tries the rule on one of those for whom it is meant.
fn check_site(
    snapshot: &Snapshot,
    subject: Subject,
    site: &DomainName,
    now: Timestamp,
) -> anyhow::Result<()> {
    let target = Target::Host(site.clone().into());
    let question = Question { subject, kind: AccessKind::Http, target, destination: None };
    let Decision::Refusal(refusal) = decide(snapshot, question, Some(now)) else { return Ok(()) };
    match refusal.reason() {
        Reason::Locked { category, .. } => bail!(
            "{site} is in the category {category}, which the commune has locked: only the commune can make an exception"
        ),
        Reason::Ruled(ruling) => {
            let (layer, author, entry) = (ruling.layer.as_str(), &ruling.author, &ruling.entry);
            bail!("a rule of the {layer}, made by {author}, refuses {entry}: it is stronger than this one")
        }
        Reason::Fault(_) => bail!("{site} is a way around the filter: nobody can open it"),
        // Whoever was tried is not meant: there is no device of this profile yet.
        Reason::NotListed
        | Reason::Listed { .. }
        | Reason::WhiteListed { .. }
        | Reason::Workspace { .. }
        | Reason::NotWhiteListed
        | Reason::ClosedHours
        | Reason::Service(_)
        | Reason::Narrowed(_) => Ok(()),
    }
}

/// One of those for whom a rule is meant.
fn subject_of(scope: &Scope, devices: &[Device]) -> Subject {
    let is_meant = |device: &&Device| match scope {
        Scope::Everyone => true,
        Scope::Profile(profile) => device.profile == *profile,
        Scope::Room(room) => device.room.as_ref() == Some(room),
        Scope::Device(mac) => device.mac == *mac,
    };
    let mac = if let Scope::Device(mac) = scope { Some(*mac) } else { None };
    let unknown = UnknownDevice { mac, address: Ipv4Addr::UNSPECIFIED.into() };
    devices.iter().find(is_meant).map_or(unknown.into(), |device| Subject::Device(Arc::new(device.clone())))
}

fn describe(made: &Override, zone: &TimeZone) -> String {
    let Rule { effect, topic, scope, until, .. } = &made.rule;
    let until = until
        .map_or("until somebody takes it back".to_owned(), |until| format!("until {}", local(until, zone)));
    format!("{}: {effect} {}, {}, {until}", made.id, describe_topic(topic), describe_scope(scope))
}

fn describe_topic(topic: &Topic) -> String {
    match topic {
        Topic::Site(site) => site.to_string(),
        Topic::Category(category) => format!("category:{category}"),
    }
}

fn describe_scope(scope: &Scope) -> String {
    match scope {
        Scope::Everyone => "everyone".to_owned(),
        Scope::Profile(profile) => format!("profile {profile}"),
        Scope::Room(room) => format!("room {room}"),
        Scope::Device(mac) => format!("device {mac}"),
    }
}

fn describe_state(it: &Override, now: Option<Timestamp>) -> String {
    match &it.ended {
        Some(ended) => format!("taken back by {}", ended.by),
        None if it.is_over(now) => "over".to_owned(),
        None if it.is_start_recorded => "in force".to_owned(),
        // A refusal waits for nobody.
        None if it.is_in_force() => "in force, not recorded yet".to_owned(),
        None => "waiting for the box".to_owned(),
    }
}

pub(crate) fn local(at: Timestamp, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_millisecond(at.unix_ms()) {
        Ok(time) => time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => at.unix_ms().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use model::{ClockQuality, Layer};
    use store::CommuneDocument;

    use super::*;
    use crate::cli::{Cli, Command, OverrideCommand};

    /// A school with two devices, on the built-in list: `gambling` and `adult`, of which the commune locks the last.
    fn school() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path()).unwrap();
        for (mac, name, room) in
            [("02:00:00:00:00:11", "CM2-01", Some("CM2")), ("02:00:00:00:00:13", "Tablette", None)]
        {
            let device = Device {
                mac: mac.parse().unwrap(),
                name: name.parse().unwrap(),
                room: room.map(|room| room.parse().unwrap()),
                profile: "elementaire".parse().unwrap(),
            };
            store.add_device(&device).unwrap();
        }
        folder
    }

    /// `permit casino.example --room CM2`, as Mme Martin types it.
    fn type_in(data: &Path, line: &str) -> anyhow::Result<ExitCode> {
        let mut words = vec!["preau", "override"];
        words.extend(line.split(' '));
        words.extend(["--author", "Mme Martin", "--reason", "exposé", "--data", data.to_str().unwrap()]);
        let Command::Override(command) = Cli::try_parse_from(words)?.command else { panic!("{line}") };
        match command {
            OverrideCommand::Permit(arguments) => make(Verdict::Permit, arguments),
            OverrideCommand::Refuse(arguments) => make(Verdict::Refuse, arguments),
            OverrideCommand::List { .. } | OverrideCommand::End { .. } => panic!("{line}"),
        }
    }

    #[test]
    fn what_is_kept_is_what_was_meant() {
        let school = school();
        let check = |line: &str, expected: &str| {
            type_in(school.path(), line).unwrap();
            let overrides = open(school.path()).unwrap().overrides().unwrap();
            let made = overrides.last().unwrap();
            let Rule { layer, effect, topic, scope, from, until, .. } = &made.rule;
            let ms = until.zip(*from).map_or(0, |(until, from)| until.ms_since(from));
            let said = format!(
                "{} {effect} {} {} {ms}",
                layer.as_str(),
                describe_topic(topic),
                describe_scope(scope)
            );
            assert_eq!(said, expected, "{line}");
        };
        check("permit casino.example --room cm2 --for 30m", "lesson permit casino.example room CM2 1800000");
        check(
            "permit category:gambling --device tablette --for 90s",
            "lesson permit category:gambling device 02:00:00:00:00:13 90000",
        );
        check(
            "refuse Casino.Example. --device 02-00-00-00-00-99 --for 8h",
            "lesson refuse casino.example device 02:00:00:00:00:99 28800000",
        );
        check("refuse casino.example --layer school", "school refuse casino.example everyone 0");
        check(
            "refuse category:adult --layer school --profile adulte --for 48h",
            "school refuse category:adult profile adulte 172800000",
        );
    }

    #[test]
    fn a_permit_waits_for_its_record_and_a_refusal_does_not() {
        let school = school();
        let state = |line: &str| {
            type_in(school.path(), line).unwrap();
            let mut store = open(school.path()).unwrap();
            let made = store.overrides().unwrap().pop().unwrap();
            store.mark_recorded(made.id, &model::Deed::Make).unwrap();
            let recorded = store.overrides().unwrap().pop().unwrap();
            let over = made.rule.until;
            [(&made, None), (&recorded, None), (&recorded, over)].map(|(it, now)| describe_state(it, now))
        };
        let permit = state("permit casino.example --room CM2 --for 30m");
        assert_eq!(permit, ["waiting for the box", "in force", "over"]);
        let refuse = state("refuse casino.example --room CM2 --for 30m");
        assert_eq!(refuse, ["in force, not recorded yet", "in force", "over"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        let school = school();
        let check = |line: &str, expected: &str| {
            let error = format!("{:#}", type_in(school.path(), line).unwrap_err());
            assert!(error.contains(expected), "{line}: {error}");
        };
        check("permit casino.example --for 30m", "for one room or one device");
        check("permit casino.example --profile adulte --for 30m", "for one room or one device");
        check("permit casino.example --room CM2", "a lesson's rule has an end");
        check("permit casino.example --room CM2 --for 9h", "within 8 hours");
        check("permit casino.example --room CM2 --until 2026-11-01", "the end has passed already");
        check("permit casino.example --room CM2 --until soon", "`soon` is not a time");
        check("permit fr --room CM2 --for 30m", "a public suffix (fr, gouv.fr) is nobody's site");
        check("permit casino.example --room CM3 --for 30m", "`CM3`; rooms with devices: CM2");
        check("permit casino.example --device CM2-09 --for 30m", "no device `CM2-09` is registered");
        check("permit casino.example --device ff:ff:ff:ff:ff:ff --for 30m", "broadcast");
        check("refuse casino.example --layer school --profile adultes", "known: ");
        check("permit category:gamblng --room CM2 --for 30m", "no list has the category `gamblng`");
        check("permit category:adult --room CM2 --for 30m", "the commune has locked the category adult");
        check("permit category:adult --layer school", "the commune has locked the category adult");
        check(
            "permit www.adult.preau.test --room CM2 --for 30m",
            "in the category adult, which the commune has locked",
        );
        check("permit use-application-dns.net --room CM2 --for 30m", "a way around the filter");
        assert_eq!(open(school.path()).unwrap().overrides().unwrap(), []);
        type_in(school.path(), "refuse preau.test --layer school").unwrap();
        check(
            "permit www.gambling.preau.test --room CM2 --for 30m",
            "a rule of the school, made by Mme Martin, refuses preau.test: it is stronger than this one",
        );
    }

    #[test]
    fn what_the_communes_hub_has_locked_is_opened_by_nobody_in_the_school() {
        let school = school();
        let lock = Rule {
            layer: Layer::Commune,
            effect: Verdict::Refuse,
            topic: Topic::Category("gambling".parse().unwrap()),
            scope: Scope::Everyone,
            author: "M. Blanc".parse().unwrap(),
            motive: "jeux d’argent".parse().unwrap(),
            from: None,
            until: None,
        };
        let now = Timestamp::from_unix_ms(1_795_422_600_000);
        let (lock, hub) = (NewOverride::of_commune(lock, now).unwrap(), "hub".parse().unwrap());
        let document = CommuneDocument { serial: 1, signer: "hub".to_owned() };
        let at = (now, ClockQuality::Synchronised);
        let mut store = open(school.path()).unwrap();
        store.replace_commune_rules(&document, &[lock], &hub, at).unwrap();
        for (line, expected) in [
            ("permit category:gambling --layer school", "the commune has locked the category gambling"),
            (
                "permit www.gambling.preau.test --room CM2 --for 30m",
                "in the category gambling, which the commune has locked",
            ),
        ] {
            let error = format!("{:#}", type_in(school.path(), line).unwrap_err());
            assert!(error.contains(expected), "{line}: {error}");
        }
        assert_eq!(store.overrides().unwrap().len(), 1);
        type_in(school.path(), "refuse category:gambling --layer school").unwrap();
    }
}
