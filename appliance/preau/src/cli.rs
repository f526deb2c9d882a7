//! The command line.

mod hub;
mod hub_category;
mod hub_configuration;
mod hub_desk;
mod hub_file;
mod hub_lists;
mod hub_people;
mod hub_release;
mod hub_web;
mod journal;
mod lesson;
mod release;
mod retention;
mod run;
mod wifi;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;
use model::{
    Category, CategoryError, DeviceName, DomainName, DomainNameError, Layer, Mac, MacError, Motive,
    OverrideId, PersonName, ProfileName, Role, RoomName, Topic,
};
use portal::Language;

pub(crate) use hub::{
    EngineArguments, EnrolArguments, HubArguments, HubBoxCommand, HubCodeArguments, HubCodeCommand,
    HubCommand, HubRuleArguments, HubRuleCommand, HubSchoolCommand, HubStateCommand, ServeArguments,
    SyncCommand,
};
pub(crate) use hub_category::HubCategoryCommand;
pub(crate) use hub_configuration::HubConfigurationCommand;
pub(crate) use hub_desk::{HubContentCommand, HubNoticeCommand, HubRequestCommand};
pub(crate) use hub_file::{HandedOut, HubFileCommand};
pub(crate) use hub_lists::{HubListsCommand, HubListsPlace};
pub(crate) use hub_people::{HubAlertArguments, HubAlertCommand, HubPersonCommand};
pub(crate) use hub_release::HubReleaseCommand;
pub(crate) use hub_web::{HubCertificateCommand, HubNameCommand};
pub(crate) use journal::{
    Asking, ExportArguments, JournalCommand, SearchArguments, SummaryArguments, VerifyArguments, Window,
};
pub(crate) use lesson::{ChangeArguments, LessonCommand, SettingsArguments, StartArguments};
pub(crate) use release::{HealthArguments, ReleaseCommand};
pub(crate) use retention::{ExpireArguments, HoldAddArguments, HoldCommand};
pub(crate) use run::{ConsoleArguments, RadioArguments, RunOptions};
pub(crate) use wifi::{Address, WifiCommand, WifiJoinArguments, WifiKeyCommand};

/// Préau: the box of a school. Content filter, access log, and what a lesson needs.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What `preau` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the box. Without a configuration file: on loopback, with no privileges and no change to the machine.
    Run(RunOptions),
    /// Show on a machine's own screen how the box is. Its one key has the data wiped, by a word that is typed.
    Console(ConsoleArguments),
    /// Keep one radio for the box at the other end of standard input: hostapd runs as long as the box asks for it. Its unit runs this.
    Radio(RadioArguments),
    /// Check a configuration file: every mistake with its line and column; exit status 1 if there is one.
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Tell how the running box is, thing by thing, and what to do; exit status 1 if something is broken, or no box runs.
    Status {
        /// In English; without it, in French.
        #[arg(long)]
        english: bool,
        #[command(flatten)]
        data: DataFolder,
    },
    /// Write a text for whoever helps from afar: versions, state, counters, settings. It names no person, device or site, and no
    /// address.
    Support {
        /// The configuration file of the box; without it, the embedded default.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The file to write; without it, the text is printed.
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        data: DataFolder,
    },
    /// Compile and query the lists of sites.
    #[command(subcommand)]
    Blocklist(BlocklistCommand),
    /// The school's registered devices.
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Open or close a site or a category, for a lesson or for the school. In force at once, recorded in the journal.
    #[command(subcommand)]
    Override(OverrideCommand),
    /// Give a teacher a room for a lesson, with its Internet and its Wi-Fi. In force at once, recorded in the journal.
    #[command(subcommand)]
    Lesson(LessonCommand),
    /// The people who may sign in on the box's pages.
    #[command(subcommand)]
    Person(PersonCommand),
    /// What the filter would say, and why. Changes nothing.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// The box's certificate authority: what devices have to trust for its pages by HTTPS and its encrypted DNS.
    #[command(subcommand)]
    Ca(CaCommand),
    /// The access log.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// The firewall's ruleset.
    #[command(subcommand)]
    Firewall(FirewallCommand),
    /// The school's Wi-Fi: what is wrong with an access point, and the files by which devices join.
    #[command(subcommand)]
    Wifi(WifiCommand),
    /// Attack the box as a pupil would, and tell what became of it.
    #[command(subcommand)]
    Selftest(SelftestCommand),
    /// What the programs beside the box have to know of its configuration.
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Tell whether a PC that is plugged in would have what it needs of the box; exit status 1 if not. Asks for no line.
    Health(HealthArguments),
    /// The releases of the machine's system, on a box made from the image. As root.
    #[command(subcommand)]
    Release(ReleaseCommand),
    /// Make this box one of the commune's, by a code that its hub has made.
    Enrol(EnrolArguments),
    /// What goes to the commune's hub, and comes from it.
    #[command(subcommand)]
    Sync(SyncCommand),
    /// Run the commune's hub, or carry out one of its commands.
    Hub(HubArguments),
}

/// Subcommands of `preau network`.
#[derive(Debug, Subcommand)]
pub(crate) enum NetworkCommand {
    /// Write `lan.network` for systemd-networkd; where the line has no DHCP, `wan.network`; where the box gives addresses, `dnsmasq.conf` for
    /// dnsmasq.
    Write {
        /// The configuration file of the box.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The folder to write them into; it must be there.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        /// Where the box keeps fixed addresses (`preau run --dhcp-hosts`).
        #[arg(long, value_name = "FILE", default_value = "/run/preau/dhcp-hosts")]
        dhcp_hosts: PathBuf,
        /// Where dnsmasq keeps its leases.
        #[arg(long, value_name = "FILE", default_value = "/var/lib/preau-dhcp/leases")]
        dhcp_leases: PathBuf,
        /// Where the box keeps what somebody has typed of the line (`line.toml` in its data folder): it counts more than the configuration.
        #[arg(long, value_name = "FILE")]
        line: Option<PathBuf>,
    },
}

/// Subcommands of `preau selftest`.
#[derive(Debug, Subcommand)]
pub(crate) enum SelftestCommand {
    /// Try every known way around the filter, from the school's side; exit status 1 if one is open. On the box, the
    /// attacks come from a machine that it makes up for this; with `--box`, from this machine.
    Filter(SelftestArguments),
    /// List the results that are kept, the last first.
    History {
        /// The configuration file that names the school's time zone; without it, the embedded default.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        data: DataFolder,
    },
}

/// Arguments of `preau selftest filter`.
#[derive(Debug, Args)]
pub(crate) struct SelftestArguments {
    /// The configuration file of the box; without it, the embedded default.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataFolder,
    /// Attack the box at this address, from this machine, which is on the school's network.
    #[arg(long = "box", value_name = "ADDRESS", conflicts_with = "profile")]
    pub(crate) address: Option<Ipv4Addr>,
    /// The same box's IPv6 address, where the school has IPv6.
    #[arg(long, value_name = "ADDRESS", requires = "address")]
    pub(crate) box_ipv6: Option<Ipv6Addr>,
    /// With `--box`: a name that the lists of the school refuse.
    #[arg(long, value_name = "NAME", requires = "address")]
    pub(crate) listed: Option<DomainName>,
    /// A site that is permitted, with HTTP and HTTPS; without it, that of the configuration.
    #[arg(long, value_name = "NAME")]
    pub(crate) site: Option<DomainName>,
    /// Attack as a device of this profile; may be given more than once. Without it: the profiles of pupils.
    #[arg(long)]
    pub(crate) profile: Vec<ProfileName>,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a page about it, to be printed and read by whoever is responsible.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// The language of the table: `fr` or `en`.
    #[arg(long, default_value = "fr", value_parser = parse_language)]
    pub(crate) language: Language,
    /// Yield to everything else on the machine, and say nothing: as the box does it.
    #[arg(long, hide = true)]
    pub(crate) background: bool,
}

/// Where the box keeps its state.
#[derive(Debug, Args)]
pub(crate) struct DataFolder {
    /// The data folder; without it, `preau` in the user's state folder.
    #[arg(long = "data", value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
}

/// Subcommands of `preau blocklist`.
#[derive(Debug, Subcommand)]
pub(crate) enum BlocklistCommand {
    /// Compile a UT1 folder or archive into an index.
    Build {
        /// The folder or the .tar.gz with `<category>/domains`, `<category>/urls` and so on, or the folder that holds
        /// `blacklists.tar.gz`.
        source: PathBuf,
        /// The index to write; replaced in one step, and only by a whole one.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print, for each argument: the argument, the categories, and the list line that matched, between tabs.
    Lookup {
        /// The compiled index.
        #[arg(long, value_name = "FILE")]
        index: PathBuf,
        /// Host names, IPv4 addresses or URLs.
        #[arg(required = true, value_name = "NAME_OR_URL")]
        arguments: Vec<String>,
    },
    /// Fetch the lists from the mirror of the configuration, compile them, and put them in force; exit status 3 if
    /// they are held back. The box does so by itself each night.
    Update {
        #[command(flatten)]
        place: ListPlace,
        /// Yield to everything else on the machine, and say nothing: as the box does it.
        #[arg(long, hide = true)]
        background: bool,
    },
    /// Put a list in force that is held back because it lost too much.
    Accept {
        #[command(flatten)]
        place: ListPlace,
    },
    /// Tell what became of the last update.
    Status {
        #[command(flatten)]
        place: ListPlace,
    },
    /// Put an archive of lists into a folder that a web server serves: boxes then fetch only what changed since the archives that
    /// were published there before.
    Publish {
        /// The `blacklists.tar.gz`.
        archive: PathBuf,
        /// The folder of the mirror.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
}

/// Where the lists of a box are.
#[derive(Debug, Args)]
pub(crate) struct ListPlace {
    /// The configuration file; without it, the embedded default.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataFolder,
}

/// Subcommands of `preau device`.
#[derive(Debug, Subcommand)]
pub(crate) enum DeviceCommand {
    /// Register a device, or change what its hardware address stands for.
    Add {
        /// The hardware address, as in 02:00:00:00:00:11.
        #[arg(value_parser = parse_machine)]
        mac: Mac,
        /// What people call it, as on its sticker.
        #[arg(long)]
        name: DeviceName,
        /// The room where it stands.
        #[arg(long)]
        room: Option<RoomName>,
        /// The filter profile.
        #[arg(long)]
        profile: ProfileName,
        /// The configuration file whose profiles count; without it, the embedded default.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        data: DataFolder,
    },
    /// Give a registered device an address for good, where the box gives addresses.
    Fix {
        /// Its hardware address.
        #[arg(value_parser = parse_machine)]
        mac: Mac,
        /// The address, in the school's network.
        address: Ipv4Addr,
        /// The configuration file whose network counts.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        #[command(flatten)]
        data: DataFolder,
    },
    /// Let a device have any address again.
    Release {
        /// Its hardware address.
        #[arg(value_parser = parse_machine)]
        mac: Mac,
        #[command(flatten)]
        data: DataFolder,
    },
    /// List the registered devices.
    List {
        #[command(flatten)]
        data: DataFolder,
    },
    /// Forget a device: from then on it is an unknown one.
    Remove {
        /// The hardware address.
        mac: Mac,
        #[command(flatten)]
        data: DataFolder,
    },
}

/// Subcommands of `preau override`.
#[derive(Debug, Subcommand)]
pub(crate) enum OverrideCommand {
    /// Open a site, with all names under it, or a category. Nothing opens what the commune has locked.
    Permit(OverrideArguments),
    /// Close a site, with all names under it, or a category.
    Refuse(OverrideArguments),
    /// List the overrides that stand: number, state, verdict, topic, for whom, layer, end, author, reason, between tabs.
    List {
        /// Also those that are over, for a year.
        #[arg(long)]
        all: bool,
        /// The configuration file that names the school's time zone; without it, the embedded default.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        data: DataFolder,
    },
    /// Take an override back before its time.
    End {
        /// Its number.
        id: OverrideId,
        /// Who takes it back.
        #[arg(long, value_name = "NAME")]
        author: PersonName,
        #[command(flatten)]
        data: DataFolder,
    },
}

/// Arguments of `preau override permit` and `preau override refuse`.
#[derive(Debug, Args)]
pub(crate) struct OverrideArguments {
    /// The site, as in fr.vikidia.org, or a category of the lists, as in category:games.
    #[arg(value_name = "SITE_OR_CATEGORY", value_parser = parse_topic)]
    pub(crate) topic: Topic,
    /// Who decides.
    #[arg(long, value_name = "NAME")]
    pub(crate) author: PersonName,
    /// Why, in the author's words.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Motive,
    /// On whose authority: `lesson`, for one room or device and at most 8 hours, or `school`.
    #[arg(long, default_value = "lesson", value_parser = parse_layer)]
    pub(crate) layer: Layer,
    /// For the devices of this room.
    #[arg(long, conflicts_with_all = ["device", "profile"])]
    pub(crate) room: Option<RoomName>,
    /// For this device.
    #[arg(long, value_name = "NAME_OR_MAC", conflicts_with = "profile")]
    pub(crate) device: Option<String>,
    /// For the devices of this profile.
    #[arg(long)]
    pub(crate) profile: Option<ProfileName>,
    /// How long: `30m`, `1h30m`. Without an end, a rule of the school stays until somebody takes it back.
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "until", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Until when: `16:30` today, `2026-12-18` for the whole day, or `2026-12-18 16:30`, in the time zone of the school.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// The configuration file; without it, the embedded default.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataFolder,
}

/// Subcommands of `preau person`.
#[derive(Debug, Subcommand)]
pub(crate) enum PersonCommand {
    /// Register somebody, and print the card of her first sign-in.
    Add {
        /// What colleagues call her, as in "Mme Martin".
        #[arg(long)]
        name: PersonName,
        /// What she is in the school: `teacher`, `head`, `technician` or `officer`, who is for data protection.
        #[arg(long)]
        role: Role,
        /// A room where she teaches; may be given more than once. Without one: all rooms.
        #[arg(long = "room", value_name = "ROOM")]
        rooms: Vec<RoomName>,
        #[command(flatten)]
        author: Author,
        #[command(flatten)]
        data: DataFolder,
    },
    /// List everybody: number, name, role, state, rooms, between tabs.
    List {
        #[command(flatten)]
        data: DataFolder,
    },
    /// Print a new card for somebody: her secret no longer counts, and her sessions end.
    Reset {
        /// Her name.
        name: PersonName,
        #[command(flatten)]
        author: Author,
        #[command(flatten)]
        data: DataFolder,
    },
    /// Forget somebody's telephone and her codes on paper: she signs in by her secret alone, and makes another telephone known.
    ForgetTelephone {
        /// Her name.
        name: PersonName,
        #[command(flatten)]
        author: Author,
        #[command(flatten)]
        data: DataFolder,
    },
    /// Let somebody sign in no more, and end her sessions at once. `reset` takes it back.
    Disable {
        /// Her name.
        name: PersonName,
        #[command(flatten)]
        author: Author,
        #[command(flatten)]
        data: DataFolder,
    },
}

/// Who gives a command that the journal records.
#[derive(Debug, Args)]
pub(crate) struct Author {
    /// Who decides, for the journal.
    #[arg(long, value_name = "NAME", default_value = "ligne de commande")]
    pub(crate) author: PersonName,
}

/// Subcommands of `preau policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Tell how the verdict on each name comes about: lists, rules, profile.
    Explain {
        /// The configuration file; without it, the embedded default.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// For this registered device, by name or hardware address; without it, one that nobody registered.
        #[arg(long)]
        device: Option<String>,
        /// At this time: RFC 3339, or `2026-11-23 09:30` in the time zone of the school; without it, now.
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        #[command(flatten)]
        data: DataFolder,
        /// Host names or URLs.
        #[arg(required = true, value_name = "NAME_OR_URL")]
        targets: Vec<String>,
    },
    /// Tell which good and which much visited sites a choice of categories would close or open.
    Impact {
        /// The configuration file; without it, the embedded default.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The profile that would change.
        #[arg(long)]
        profile: ProfileName,
        /// Categories that it would refuse besides.
        #[arg(long, value_name = "CATEGORY", value_delimiter = ',')]
        refuse: Vec<Category>,
        /// Categories that it would no longer refuse.
        #[arg(long, value_name = "CATEGORY", value_delimiter = ',')]
        release: Vec<Category>,
        #[command(flatten)]
        data: DataFolder,
    },
}

/// Subcommands of `preau ca`.
#[derive(Debug, Subcommand)]
pub(crate) enum CaCommand {
    /// Print the certificate's fingerprint, and what it is good for.
    Show {
        #[command(flatten)]
        data: DataFolder,
    },
    /// Save the certificate in PEM, as devices and their managers take it. Never the key.
    Export {
        /// The file to write; without it, standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        data: DataFolder,
    },
}

/// Subcommands of `preau firewall`.
#[derive(Debug, Subcommand)]
pub(crate) enum FirewallCommand {
    /// Print the ruleset that `preau run` would load. Changes nothing.
    Show {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Take the box's table out of the kernel. The school's network is then no longer filtered by this machine.
    Remove,
}

fn parse_machine(text: &str) -> Result<Mac, String> {
    let mac: Mac = text.parse().map_err(|error: MacError| error.to_string())?;
    mac.of_a_machine().map_err(|error| error.to_string())
}

fn parse_language(text: &str) -> Result<Language, String> {
    let languages = [Language::French, Language::English];
    languages.into_iter().find(|it| it.tag() == text).ok_or_else(|| "a language is `fr` or `en`".to_owned())
}

fn parse_topic(text: &str) -> Result<Topic, String> {
    match text.strip_prefix("category:") {
        Some(category) => {
            category.parse().map(Topic::Category).map_err(|error: CategoryError| error.to_string())
        }
        None => text.parse().map(Topic::Site).map_err(|error: DomainNameError| error.to_string()),
    }
}

fn parse_layer(text: &str) -> Result<Layer, String> {
    [Layer::School, Layer::Lesson]
        .into_iter()
        .find(|layer| layer.as_str() == text)
        .ok_or_else(|| "an override is one of the `school` or of a `lesson`".to_owned())
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = text.parse::<SignedDuration>().ok().filter(SignedDuration::is_positive);
    let duration = duration.and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| "a duration is written as in `30m`, `1h30m` or `90s`".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn only_machines_are_registered() {
        let check = |mac: &str, expected: &str| {
            let arguments = ["preau", "device", "add", mac, "--name", "A", "--profile", "adulte"];
            let said =
                Cli::try_parse_from(arguments).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{mac}: {said}");
        };
        check("02:00:00:00:00:11", "");
        check("ff:ff:ff:ff:ff:ff", "(broadcast)");
        check("01:00:5e:00:00:fb", "(multicast)");
        check("00:00:00:00:00:00", "not known");
        check("02:00:00:00:00", "not a MAC address");
    }

    #[test]
    fn overrides_are_read_strictly() {
        let check = |arguments: &[&str], expected: &str| {
            let made = ["preau", "override", "permit", "--author", "Mme Martin", "--reason", "exposé"];
            let said = Cli::try_parse_from([&made[..], arguments].concat());
            let said = said.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(
                said.contains(expected) && said.is_empty() == expected.is_empty(),
                "{arguments:?}: {said}"
            );
        };
        check(&["casino.example", "--room", "CM2", "--for", "1h30m"], "");
        check(&["category:games", "--layer", "school", "--until", "16:30"], "");
        check(&["casino.example", "--for", "30"], "written as in `30m`");
        check(&["casino.example", "--for=-5m"], "written as in `30m`");
        check(&["https://casino.example/", "--for", "5m"], "cannot stand in a host name");
        check(&["category:", "--for", "5m"], "not a category name");
        check(&["casino.example", "--layer", "commune"], "`school` or of a `lesson`");
        check(&["casino.example", "--room", "CM2", "--device", "CM2-01"], "cannot be used with");
        check(&["casino.example", "--for", "5m", "--until", "16:30"], "cannot be used with");
    }
}
