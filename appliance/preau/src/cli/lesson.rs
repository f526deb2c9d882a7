//! `preau lesson`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use model::{InternetMode, LessonId, PersonName, RoomName};

use super::{DataFolder, parse_duration};

/// Subcommands of `preau lesson`.
#[derive(Debug, Subcommand)]
pub(crate) enum LessonCommand {
    /// Begin a lesson: a room has one at a time. A running box follows within a second.
    Start(StartArguments),
    /// Have a lesson that runs go on in another way.
    Change(ChangeArguments),
    /// End a lesson before its time, and all that it changed.
    End {
        /// Its number.
        id: LessonId,
        /// Who ends it.
        #[arg(long, value_name = "NAME")]
        author: PersonName,
        #[command(flatten)]
        data: DataFolder,
    },
    /// List the lessons that run: number, room, teacher, beginning, end, Internet, Wi-Fi, state, between tabs.
    List {
        /// Also the last ones that are over.
        #[arg(long)]
        all: bool,
        /// The configuration file that names the school's time zone; without it, the embedded default.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        data: DataFolder,
    },
}

/// Arguments of `preau lesson start`.
#[derive(Debug, Args)]
pub(crate) struct StartArguments {
    /// The room.
    pub(crate) room: RoomName,
    /// Who has it.
    #[arg(long, value_name = "NAME")]
    pub(crate) teacher: PersonName,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    /// Take the room over from the colleague who has it.
    #[arg(long)]
    pub(crate) take_over: bool,
    /// The configuration file; without it, the embedded default.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataFolder,
}

/// Arguments of `preau lesson change`.
#[derive(Debug, Args)]
pub(crate) struct ChangeArguments {
    /// The lesson's number.
    pub(crate) id: LessonId,
    /// Who changes it.
    #[arg(long, value_name = "NAME")]
    pub(crate) author: PersonName,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    /// The configuration file that names the school's time zone; without it, the embedded default.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataFolder,
}

/// How a lesson is to go on.
#[derive(Debug, Args)]
pub(crate) struct SettingsArguments {
    /// How long from now on: `55m`, `1h30m`. A lesson lasts as long as the configuration says where nothing else is said.
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "until", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Until when: `16:30` today, in the time zone of the school.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// What the room's devices may reach: `normal`, `list`, `ent` or `closed`.
    #[arg(long, value_name = "MODE", value_parser = InternetMode::WORDS)]
    pub(crate) internet: Option<String>,
    /// A site of the list; may be given more than once.
    #[arg(long, value_name = "SITE", requires = "internet")]
    pub(crate) site: Vec<String>,
    /// Whether the room has its Wi-Fi.
    #[arg(long, value_name = "YES_OR_NO", value_parser = clap::value_parser!(bool))]
    pub(crate) wifi: Option<bool>,
}
