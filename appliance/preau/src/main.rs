//! The box: command line, configuration, roles. No logic: what a command does lives in its room.

mod blocklist_command;
mod ca_command;
mod category_sights;
mod check_command;
mod cli;
mod condition;
mod condition_command;
mod config;
mod console_command;
mod data_folder;
mod decided;
mod default_profiles;
mod device_command;
mod enrol_command;
mod enrolment;
mod expire_command;
mod export_command;
mod firewall_command;
mod health_command;
mod hold_command;
mod hub_acts_command;
mod hub_adopt_command;
mod hub_alert_command;
mod hub_category_command;
mod hub_certify;
mod hub_command;
mod hub_configuration_command;
mod hub_desk_command;
mod hub_engines;
mod hub_export_command;
mod hub_file_command;
mod hub_letters;
mod hub_library;
mod hub_lists_command;
mod hub_marks;
mod hub_move_command;
mod hub_night;
mod hub_person_command;
mod hub_release_command;
mod hub_rule_command;
mod hub_web_command;
mod join_files;
mod journal_command;
mod lesson_command;
mod line;
mod list_source;
mod network_command;
mod operator;
mod override_command;
mod person_command;
mod policy_command;
mod radio_command;
mod reader_keys;
mod reading_command;
mod reasons;
mod release_command;
mod releases;
mod run;
mod screen;
mod seal_command;
mod selftest_command;
mod selftest_health;
mod sought_lesson;
mod status_command;
mod summary_command;
mod support;
mod sync_command;
mod take_over;
mod times;
mod update_command;
mod verify_command;
mod wifi_command;
mod wifi_key_command;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use addressing::Paths;
use anyhow::Context as _;
use clap::Parser;
use model::{Device, Verdict};
use store::NewPerson;
use system::limits::limit_memory;

use cli::{
    BlocklistCommand, CaCommand, Cli, Command, DataFolder, DeviceCommand, FirewallCommand, HoldCommand,
    JournalCommand, LessonCommand, NetworkCommand, OverrideCommand, PersonCommand, PolicyCommand,
    SearchArguments, SelftestCommand, SummaryArguments, WifiCommand, WifiJoinArguments, WifiKeyCommand,
    Window,
};
use config::Config;
use verify_command::MEMORY_BYTES_MAX;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match carry_out(cli.command) {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _told = writeln!(std::io::stderr(), "preau: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(options) => run::run(&options),
        Command::Console(arguments) => console_command::console(&arguments),
        Command::Radio(arguments) => radio_command::keep(&arguments),
        Command::Check { config } => check_command::check(&config),
        Command::Status { english, data } => {
            condition_command::status(&data_folder::find(data.path.as_deref())?, english)
        }
        Command::Support { config, out, data } => {
            let data = data_folder::find(data.path.as_deref())?;
            support::support(&support::Place { config, data }, out.as_deref())
        }
        Command::Blocklist(BlocklistCommand::Build { source, out }) => {
            blocklist_command::build(&source, &out)
        }
        Command::Blocklist(BlocklistCommand::Lookup { index, arguments }) => {
            blocklist_command::lookup(&index, &arguments)
        }
        Command::Blocklist(BlocklistCommand::Update { place, background }) => {
            update_command::update(&place, background)
        }
        Command::Blocklist(BlocklistCommand::Accept { place }) => update_command::accept(&place),
        Command::Blocklist(BlocklistCommand::Status { place }) => update_command::status(&place),
        Command::Blocklist(BlocklistCommand::Publish { archive, out }) => {
            blocklist_command::publish(&archive, &out)
        }
        Command::Device(command) => carry_out_device(command),
        Command::Override(command) => carry_out_override(command),
        Command::Lesson(command) => carry_out_lesson(command),
        Command::Person(command) => carry_out_person(command),
        Command::Policy(command) => carry_out_policy(command),
        Command::Ca(CaCommand::Show { data }) => ca_command::show(&data_folder::find(data.path.as_deref())?),
        Command::Ca(CaCommand::Export { out, data }) => {
            ca_command::export(&data_folder::find(data.path.as_deref())?, out.as_deref())
        }
        Command::Journal(command) => carry_out_journal(command),
        Command::Firewall(FirewallCommand::Show { config }) => {
            firewall_command::show(&Config::load(&config)?)
        }
        Command::Firewall(FirewallCommand::Remove) => firewall_command::remove(),
        Command::Wifi(command) => carry_out_wifi(command),
        Command::Selftest(SelftestCommand::Filter(arguments)) => selftest_command::filter(&arguments),
        Command::Network(NetworkCommand::Write { config, out, dhcp_hosts, dhcp_leases, line }) => {
            let paths = Paths { hosts: &dhcp_hosts, leases: &dhcp_leases };
            network_command::write(&Config::load(&config)?, &out, paths, line.as_deref())
        }
        Command::Health(arguments) => health_command::health(&arguments),
        Command::Release(command) => release_command::carry_out(&command),
        Command::Enrol(arguments) => enrol_command::enrol(&arguments),
        Command::Sync(command) => sync_command::carry_out(command),
        Command::Hub(arguments) => hub_command::carry_out(arguments),
        Command::Selftest(SelftestCommand::History { config, data }) => {
            let config = Config::load_or_default(config.as_deref())?;
            selftest_command::history(&data_folder::find(data.path.as_deref())?, &config)
        }
    }
}

fn carry_out_device(command: DeviceCommand) -> anyhow::Result<ExitCode> {
    match command {
        DeviceCommand::Add { mac, name, room, profile, config, data } => {
            let config = Config::load_or_default(config.as_deref())?;
            let device = Device { mac, name, room, profile };
            device_command::add(&data_folder::find(data.path.as_deref())?, &config, &device)
        }
        DeviceCommand::Fix { mac, address, config, data } => {
            let config = Config::load(&config)?;
            device_command::fix(&data_folder::find(data.path.as_deref())?, &config, mac, address)
        }
        DeviceCommand::Release { mac, data } => {
            device_command::release(&data_folder::find(data.path.as_deref())?, mac)
        }
        DeviceCommand::List { data } => device_command::list(&data_folder::find(data.path.as_deref())?),
        DeviceCommand::Remove { mac, data } => {
            device_command::remove(&data_folder::find(data.path.as_deref())?, mac)
        }
    }
}

fn carry_out_override(command: OverrideCommand) -> anyhow::Result<ExitCode> {
    match command {
        OverrideCommand::Permit(arguments) => override_command::make(Verdict::Permit, arguments),
        OverrideCommand::Refuse(arguments) => override_command::make(Verdict::Refuse, arguments),
        OverrideCommand::List { all, config, data } => {
            let config = Config::load_or_default(config.as_deref())?;
            override_command::list(&data_folder::find(data.path.as_deref())?, &config.school.timezone, all)
        }
        OverrideCommand::End { id, author, data } => {
            override_command::end(&data_folder::find(data.path.as_deref())?, id, &author)
        }
    }
}

fn carry_out_lesson(command: LessonCommand) -> anyhow::Result<ExitCode> {
    match command {
        LessonCommand::Start(arguments) => lesson_command::start(arguments),
        LessonCommand::Change(arguments) => lesson_command::change(arguments),
        LessonCommand::End { id, author, data } => {
            lesson_command::end(&data_folder::find(data.path.as_deref())?, id, &author)
        }
        LessonCommand::List { all, config, data } => {
            let config = Config::load_or_default(config.as_deref())?;
            lesson_command::list(&data_folder::find(data.path.as_deref())?, &config.school.timezone, all)
        }
    }
}

fn carry_out_person(command: PersonCommand) -> anyhow::Result<ExitCode> {
    match command {
        PersonCommand::Add { name, role, rooms, author, data } => {
            let new = NewPerson { name, role, rooms };
            person_command::add(&data_folder::find(data.path.as_deref())?, &new, &author)
        }
        PersonCommand::List { data } => person_command::list(&data_folder::find(data.path.as_deref())?),
        PersonCommand::Reset { name, author, data } => {
            person_command::reset(&data_folder::find(data.path.as_deref())?, &name, &author)
        }
        PersonCommand::ForgetTelephone { name, author, data } => {
            person_command::forget_telephone(&data_folder::find(data.path.as_deref())?, &name, &author)
        }
        PersonCommand::Disable { name, author, data } => {
            person_command::disable(&data_folder::find(data.path.as_deref())?, &name, &author)
        }
    }
}

fn carry_out_journal(command: JournalCommand) -> anyhow::Result<ExitCode> {
    match command {
        JournalCommand::Search(arguments) => search(arguments),
        JournalCommand::Summary(arguments) => summarise(arguments),
        JournalCommand::Seal { data, config, background } => {
            seal_command::seal(&data_folder::find(data.path.as_deref())?, config.as_deref(), background)
        }
        JournalCommand::Export(arguments) => export_command::export(&arguments),
        JournalCommand::Readings { data, config } => {
            let time_zone = match config {
                Some(path) => Config::load(&path)?.school.timezone,
                None => journal_command::default_time_zone(),
            };
            reading_command::list(&data_folder::find(data.path.as_deref())?, &time_zone)
        }
        JournalCommand::Keys { sheet: None, .. } => seal_command::print_keys(),
        JournalCommand::Keys { sheet: Some(sheet), config } => {
            seal_command::write_sheet(&sheet, &Config::load_or_default(config.as_deref())?)
        }
        JournalCommand::Verify(arguments) if arguments.extract.is_some() => {
            export_command::verify(&arguments)
        }
        JournalCommand::Verify(arguments) => verify_command::verify(&arguments),
        JournalCommand::Status { data } => status_command::status(&data_folder::find(data.path.as_deref())?),
        JournalCommand::Expire(arguments) => expire_command::expire(&arguments),
        JournalCommand::Hold(command) => carry_out_hold(command),
        JournalCommand::Witness { data, state, new_box } => {
            verify_command::witness(&data_folder::find(data.path.as_deref())?, &state, new_box)
        }
    }
}

fn carry_out_hold(command: HoldCommand) -> anyhow::Result<ExitCode> {
    match command {
        HoldCommand::Add(arguments) => {
            let zone = hold_command::zone(arguments.config.as_deref())?;
            hold_command::add(arguments, &zone)
        }
        HoldCommand::List { all, config, data } => {
            let zone = hold_command::zone(config.as_deref())?;
            hold_command::list(&data_folder::find(data.path.as_deref())?, &zone, all)
        }
        HoldCommand::Lift { number, reason, author, data } => {
            hold_command::lift(&data_folder::find(data.path.as_deref())?, number, reason, &author)
        }
    }
}

fn carry_out_policy(command: PolicyCommand) -> anyhow::Result<ExitCode> {
    let open = |config: Option<PathBuf>, data: DataFolder| {
        let config = Config::load_or_default(config.as_deref())?;
        policy_command::School::open(config, data.path.as_deref())
    };
    match command {
        PolicyCommand::Explain { config, device, at, data, targets } => {
            let school = open(config, data)?;
            policy_command::explain_targets(&school, device.as_deref(), at.as_deref(), &targets)
        }
        PolicyCommand::Impact { config, profile, refuse, release, data } => {
            let change = policy_command::Change { profile, refuse, release };
            policy_command::impact(&open(config, data)?, &change)
        }
    }
}

fn carry_out_wifi(command: WifiCommand) -> anyhow::Result<ExitCode> {
    match command {
        WifiCommand::Check { files, ssids, config } => {
            wifi_command::check_files(&files, &ssids, &Config::load_or_default(config.as_deref())?)
        }
        WifiCommand::Join(arguments) => {
            let WifiJoinArguments { ssid, wpa3, key_stdin, radio, until, out, config, data } = arguments;
            let security = if wpa3 { wifi::Security::Transition } else { wifi::Security::Wpa2 };
            let joining = wifi_command::Joining {
                ssid,
                security,
                is_key_typed: key_stdin,
                radio: radio.radio(),
                until,
                out,
            };
            let config = Config::load_or_default(config.as_deref())?;
            wifi_command::join(joining, &config, &data_folder::find(data.path.as_deref())?)
        }
        WifiCommand::Adopt { address } => wifi_key_command::adopt(address),
        WifiCommand::Status { place } => {
            let data = data_folder::find(place.data.path.as_deref())?;
            wifi_key_command::status(&data, &time_zone(place.config)?)
        }
        WifiCommand::Key(WifiKeyCommand::List { place }) => {
            let data = data_folder::find(place.data.path.as_deref())?;
            wifi_key_command::list(&data, &time_zone(place.config)?)
        }
        WifiCommand::Key(WifiKeyCommand::Show { owner, data }) => {
            wifi_key_command::show(&data_folder::find(data.path.as_deref())?, owner.room, owner.device)
        }
        WifiCommand::Key(WifiKeyCommand::Renew { owner, data }) => {
            wifi_key_command::renew(&data_folder::find(data.path.as_deref())?, owner.room, owner.device)
        }
    }
}

fn summarise(arguments: SummaryArguments) -> anyhow::Result<ExitCode> {
    limit_memory(MEMORY_BYTES_MAX).context("cannot bound the memory of a summary")?;
    let SummaryArguments { data, from, to, json, identity, asking, config } = arguments;
    let (data, time_zone) = (data_folder::find(data.path.as_deref())?, time_zone(config)?);
    let options = summary_command::SummaryOptions { data, from, to, json, identity, asking, time_zone };
    summary_command::summarise(&options)
}

/// That of the school, or the usual one.
fn time_zone(config: Option<PathBuf>) -> anyhow::Result<jiff::tz::TimeZone> {
    config.map_or_else(
        || Ok(journal_command::default_time_zone()),
        |path| Ok(Config::load(&path)?.school.timezone),
    )
}

fn search(arguments: SearchArguments) -> anyhow::Result<ExitCode> {
    limit_memory(MEMORY_BYTES_MAX).context("cannot bound the memory of a search")?;
    let SearchArguments { data, window: Window { from, to }, device, room, lesson, person, host, .. } =
        arguments;
    let SearchArguments { category, verdict, acts, json, identity, asking, config, .. } = arguments;
    let (data, time_zone) = (data_folder::find(data.path.as_deref())?, time_zone(config)?);
    journal_command::search(&journal_command::SearchOptions {
        data,
        from,
        to,
        device,
        room,
        lesson,
        person,
        host,
        category,
        verdict,
        acts,
        json,
        identity,
        asking,
        time_zone,
    })
}
