//! Options of `preau hub`, `preau enrol` and `preau sync`.

use std::net::SocketAddr;
use std::path::PathBuf;

use archive::Hash;
use clap::{Args, Subcommand};
use model::{DomainName, Host, Motive, PersonName, Uai};
use replication::{CodeNumber, EnrolmentCode};
use sync::HubUrl;

use super::DataFolder;
use super::hub_category::HubCategoryCommand;
use super::hub_configuration::HubConfigurationCommand;
use super::hub_desk::{HubContentCommand, HubNoticeCommand, HubRequestCommand};
use super::hub_file::HubFileCommand;
use super::hub_lists::HubListsCommand;
use super::hub_people::{HubAlertCommand, HubPersonCommand};
use super::hub_release::HubReleaseCommand;
use super::hub_web::{HubCertificateCommand, HubNameCommand};
use crate::releases::REPORT;

/// Options of `preau hub`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct HubArguments {
    #[command(subcommand)]
    pub(crate) command: Option<HubCommand>,
    #[command(flatten)]
    pub(crate) serve: ServeArguments,
}

/// Options of a hub that runs.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// The folder of the hub, not that of a box.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "[::]:8443")]
    pub(crate) listen: SocketAddr,
    /// The name or address by which boxes reach it, once for each. Needed the first time; kept for the next ones.
    #[arg(long = "name", value_name = "HOST", value_parser = parse_host)]
    pub(crate) names: Vec<Host>,
    /// The configuration file of the hub: whose it is, who is told of a school, who reads the metrics.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Boxes have enrolled, and a key of the hub's is lost: make another one. Without it, the hub does not start then.
    #[arg(long)]
    pub(crate) new_keys: bool,
    #[command(flatten)]
    pub(crate) engines: EngineArguments,
}

/// What fills the hub's ports. What is said once is kept in its folder, for all commands.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct EngineArguments {
    /// Where the register is: `sqlite`, or a PostgreSQL, as in postgres://preau@db.commune.example/hub. Its password stands in the file `credentials`.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) register: Option<String>,
    /// Where the files of boxes are: `folder`, or an object store, as in s3://BUCKET/PREFIX. Its key stands in the file `credentials`.
    #[arg(long, value_name = "PLACE")]
    pub(crate) blobs: Option<String>,
    /// The object store's server, as in https://s3.commune.example.
    #[arg(long, value_name = "URL")]
    pub(crate) s3_endpoint: Option<String>,
    /// The object store's region; without it, `garage`.
    #[arg(long, value_name = "NAME")]
    pub(crate) s3_region: Option<String>,
}

/// The folder of a hub.
#[derive(Debug, Args)]
pub(crate) struct HubData {
    /// The folder of the hub. It may run meanwhile.
    #[arg(long = "data", value_name = "DIR")]
    pub(crate) path: PathBuf,
}

/// Subcommands of `preau hub`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubCommand {
    /// The commune's schools.
    #[command(subcommand)]
    School(HubSchoolCommand),
    /// Make a code by which a box of a school enrols, once; or list and cancel codes.
    Code(HubCodeArguments),
    /// The boxes.
    #[command(subcommand)]
    Box(HubBoxCommand),
    /// The states that boxes have sent, for those that take their places.
    #[command(subcommand)]
    State(HubStateCommand),
    /// Take what a lost box had sealed and not sent, from its disk: where its log is what the box has signed, and has grown from what this hub has
    /// signed of it.
    Adopt {
        /// The data folder of the lost box, or a copy of it.
        disk: PathBuf,
        #[command(flatten)]
        data: HubData,
    },
    /// What the commune opens or closes for all its schools; boxes fetch it each night.
    #[command(subcommand)]
    Rule(HubRuleCommand),
    /// The categories that the commune locks in all its schools.
    #[command(subcommand)]
    Category(HubCategoryCommand),
    /// What the commune decides of the configurations of boxes.
    #[command(subcommand)]
    Configuration(HubConfigurationCommand),
    /// What schools ask for: list and answer.
    #[command(subcommand)]
    Request(HubRequestCommand),
    /// What schools shall have of their workspaces (ENT).
    #[command(subcommand)]
    Content(HubContentCommand),
    /// What people of all schools are to read.
    #[command(subcommand)]
    Notice(HubNoticeCommand),
    /// The filter lists that the hub mirrors for all its boxes.
    #[command(subcommand)]
    Lists(HubListsCommand),
    /// Releases of the boxes' system, and which school is to have which.
    #[command(subcommand)]
    Release(HubReleaseCommand),
    /// Files that boxes fetch in the night and show to pupils, whether the line is up or down.
    #[command(subcommand)]
    File(HubFileCommand),
    /// Names that the commune owns, for the boxes of its schools.
    #[command(subcommand)]
    Name(HubNameCommand),
    /// Certificates for these names, by an authority that browsers trust.
    #[command(subcommand)]
    Certificate(HubCertificateCommand),
    /// Who may sign in at the hub's pages.
    #[command(subcommand)]
    Person(HubPersonCommand),
    /// Those who are told of a school.
    #[command(subcommand)]
    Alert(HubAlertCommand),
    /// Tell who did what at the hub, the latest first: number, time, person, network, act, what it was about.
    Acts {
        /// Those before the one of this number.
        #[arg(long, value_name = "NUMBER")]
        before: Option<u64>,
        /// So many at most.
        #[arg(long, value_name = "NUMBER", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=10_000))]
        count: u32,
        #[command(flatten)]
        data: HubData,
    },
    /// Take the hub to other engines with all that it has, while it is stopped: from a file and a folder to a PostgreSQL and an object store, or back.
    Move {
        #[command(flatten)]
        engines: EngineArguments,
        /// The folder of the hub, which does not run.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Write all that the hub has into a folder, in files that any program reads: the end of a contract. No secret is among them.
    Export {
        /// The folder: empty, or not there yet.
        out: PathBuf,
        #[command(flatten)]
        data: HubData,
    },
}

/// Options of `preau hub code`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct HubCodeArguments {
    #[command(subcommand)]
    pub(crate) command: Option<HubCodeCommand>,
    /// The school's national identifier.
    #[arg(required = true)]
    pub(crate) uai: Option<Uai>,
    /// The box takes the place of the one that the school has, which is revoked when it enrols.
    #[arg(long, visible_alias = "replace")]
    pub(crate) replacement: bool,
    /// The state that it takes over, as `preau hub state list` tells it; without it, the newest.
    #[arg(long, value_name = "HASH", requires = "replacement")]
    pub(crate) state: Option<Hash>,
    /// For how many hours the code is good.
    #[arg(long, value_name = "HOURS", default_value = "24", value_parser = clap::value_parser!(u32).range(1..=720))]
    pub(crate) hours: u32,
    /// The folder of the hub. It may run meanwhile.
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) data: Option<PathBuf>,
}

/// Subcommands of `preau hub code`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubCodeCommand {
    /// List the codes by which boxes can enrol still: number, school, until when, tries that are left. Never their secrets.
    List {
        #[command(flatten)]
        data: HubData,
    },
    /// Make a code worth nothing: it went astray, or nobody needs it.
    Cancel {
        /// Its number, as `list` tells it: its first letters.
        number: CodeNumber,
        #[command(flatten)]
        data: HubData,
    },
}

/// Subcommands of `preau hub rule`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubRuleCommand {
    /// Open a site for every school, whatever the lists say.
    Permit(HubRuleArguments),
    /// Close a site to every school.
    Refuse(HubRuleArguments),
    /// List the rules: number of the policy, verdict, site, author, reason, end.
    List {
        #[command(flatten)]
        data: HubData,
    },
    /// Take a rule back.
    Remove {
        /// The site that it is about.
        site: DomainName,
        #[command(flatten)]
        data: HubData,
    },
}

/// A rule of the commune.
#[derive(Debug, Args)]
pub(crate) struct HubRuleArguments {
    /// The site, and all names under it.
    pub(crate) site: DomainName,
    /// Who decides.
    #[arg(long, value_name = "NAME")]
    pub(crate) author: PersonName,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Motive,
    /// For how many days; without it, until somebody takes it back.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub(crate) days: Option<u32>,
    #[command(flatten)]
    pub(crate) data: HubData,
}

/// Subcommands of `preau hub school`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubSchoolCommand {
    /// Add a school, or change its name and rooms.
    Add {
        /// Its national identifier.
        uai: Uai,
        /// What people call it.
        name: String,
        /// A room, once for each.
        #[arg(long = "room", value_name = "NAME")]
        rooms: Vec<String>,
        #[command(flatten)]
        data: HubData,
    },
    /// List the schools.
    List {
        #[command(flatten)]
        data: HubData,
    },
}

/// Subcommands of `preau hub box`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubBoxCommand {
    /// List the boxes, revoked ones too: number, school, state, when it was heard of, entries of its log, files.
    List {
        #[command(flatten)]
        data: HubData,
    },
    /// Refuse a box from its next request on: it was stolen, or is to be replaced.
    Revoke {
        /// Its number, as `list` tells it.
        id: u64,
        #[command(flatten)]
        data: HubData,
    },
    /// Print the last checkpoint of a box's log that this hub has signed, for `preau journal verify --checkpoint`.
    Checkpoint {
        /// Its number, as `list` tells it.
        id: u64,
        #[command(flatten)]
        data: HubData,
    },
}

/// Subcommands of `preau hub state`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubStateCommand {
    /// List the states of a school, the newest first: hash, box, when it came, bytes.
    List {
        /// The school's national identifier.
        uai: Uai,
        #[command(flatten)]
        data: HubData,
    },
}

/// Options of `preau enrol`.
#[derive(Debug, Args)]
pub(crate) struct EnrolArguments {
    /// The code that the commune has read out, as in K7QM-4XRT-9WPE.
    pub(crate) code: EnrolmentCode,
    /// Where the hub is, as in https://hub.commune.example:8443.
    #[arg(long, value_name = "URL")]
    pub(crate) hub: HubUrl,
    /// The box is enrolled, and shall be anew. What it has of its own, it keeps.
    #[arg(long)]
    pub(crate) again: bool,
    /// Devices, people and rules that somebody has entered here go, where the box takes another one's place.
    #[arg(long)]
    pub(crate) discard_state: bool,
    /// Where the box reads its configuration: the one of the box whose place it takes is put there. Without it, it is put into the data folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataFolder,
}

/// Subcommands of `preau sync`.
#[derive(Debug, Subcommand)]
pub(crate) enum SyncCommand {
    /// Do now what the box does each night.
    Now {
        /// Most kilobits a second that go over the line.
        #[arg(long, value_name = "NUMBER", default_value = "8000", value_parser = clap::value_parser!(u32).range(8..))]
        kbit: u32,
        /// Where the machine's system tells which of its releases runs.
        #[arg(long, value_name = "FILE", hide = true, default_value = REPORT)]
        release_report: PathBuf,
        #[command(flatten)]
        data: DataFolder,
    },
    /// Tell what the box is at its hub, and what became of the last nights.
    Status {
        #[command(flatten)]
        data: DataFolder,
    },
}

fn parse_host(text: &str) -> Result<Host, String> {
    Host::parse(text).map_err(|error| format!("`{text}` is no name and no address: {error}"))
}
