//! `preau journal`: what is read, sealed, verified and given out of the log.

use std::path::PathBuf;

use archive::VerifierKey;
use clap::{Args, Subcommand};
use model::{Category, Motive, PersonName, Purpose, RoomName, Target, Verdict};

use super::{DataFolder, ExpireArguments, HoldCommand};

/// Subcommands of `preau journal`.
#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Print the records that fit every given option, oldest first.
    Search(SearchArguments),
    /// Tell what each class asked for on each day, and what was refused to it most; never what few devices did.
    Summary(SummaryArguments),
    /// Seal what is finished: into files that nobody can change unseen. The box does so by itself, each night at midnight.
    Seal {
        #[command(flatten)]
        data: DataFolder,
        /// The configuration file that names the school's time zone; without it, the embedded default.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Yield to everything else on the machine, and say nothing: as the box does it.
        #[arg(long, hide = true)]
        background: bool,
    },
    /// Take an extract out of the log, as one signed file for a judge, a family or the data protection officer: records as
    /// Parquet and CSV, a cover to print, and what it takes to verify all that offline. The box notes that in its log.
    Export(Box<ExportArguments>),
    /// List who has looked into the log, when, and why, the last first.
    Readings {
        #[command(flatten)]
        data: DataFolder,
        /// The configuration file that names the school's time zone; without it, Europe/Paris.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print a new pair of keys: the public one for the configuration (`[journal] readers` or `recovery`), the secret one for
    /// whoever shall read the log. Nothing is kept.
    Keys {
        /// Write the pair on a page to print, with a QR code, for the commune's safe, instead. The file must not be there.
        #[arg(long, value_name = "FILE")]
        sheet: Option<PathBuf>,
        /// The configuration file that names the school; without it, the embedded default.
        #[arg(long, value_name = "FILE", requires = "sheet")]
        config: Option<PathBuf>,
    },
    /// Tell whether anything sealed was changed, removed or added; exit status 1 if so. Reads a copy as well, needs no box,
    /// no line and no key to read the records. With a file, tells the same of an extract. Exit status 2 where nothing is wrong and
    /// not all was verified: nobody said with --key whose an extract is, its cover is of a newer release, or --identity does not
    /// open each sealed file.
    Verify(VerifyArguments),
    /// Tell how the log stands: what is sealed, deleted and held, until when the disk lasts; exit status 1 where somebody has to see
    /// to it.
    Status {
        #[command(flatten)]
        data: DataFolder,
    },
    /// Delete for good what is past its time, and keep the proof of it in the log. The box does so by itself, each night.
    Expire(ExpireArguments),
    /// What must not be deleted though its time be over, for a court or a complaint.
    #[command(subcommand)]
    Hold(HoldCommand),
    /// Be the witness of a box: sign its newest checkpoint if its log only grew since the last one, and print it.
    Witness {
        #[command(flatten)]
        data: DataFolder,
        /// The witness's own folder, with its key and what it has signed; made where there is none. Never on the box.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// The box has a key that this witness does not know: it is new, or was replaced.
        #[arg(long)]
        new_box: bool,
    },
}

/// Options of `preau journal summary`.
#[derive(Debug, Args)]
pub(crate) struct SummaryArguments {
    #[command(flatten)]
    pub(crate) data: DataFolder,
    /// From this day on: `2026-11-23`.
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<String>,
    /// To this day, its whole.
    #[arg(long, value_name = "DATE")]
    pub(crate) to: Option<String>,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    /// The file with the secret key of somebody who may read what is sealed; without it, encrypted days are left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// The box on this folder notes who looks, and why; without a box, nothing is noted.
    #[command(flatten)]
    pub(crate) asking: Asking,
    /// The configuration file that names the school's time zone; without it, Europe/Paris.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Options of `preau journal verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// An extract that `preau journal export` or the head's page has made; without it, a data folder is verified.
    #[arg(value_name = "EXTRACT", conflicts_with = "path")]
    pub(crate) extract: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataFolder,
    /// The file with the secret key of a reader: each sealed file is opened, its rows are compared with its seal, and with what
    /// it says of them itself, by which searches go. Those of an extract are compared with the encrypted days in it.
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// The box's key, as `DATA/sealed/key` had it when the box was new; without it, as that file has it now.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<VerifierKey>,
    /// The key of a witness: the log must be one that has grown from what the witness has signed.
    #[arg(long, value_name = "KEY")]
    pub(crate) witness: Option<VerifierKey>,
    /// What the witness has signed, as the witness keeps it; without it, the copy in `DATA/sealed/witnessed`.
    #[arg(long, value_name = "FILE", requires = "witness")]
    pub(crate) checkpoint: Option<PathBuf>,
}

/// Who looks into the log, and why.
#[derive(Clone, Debug, Args)]
pub(crate) struct Asking {
    /// Why: incident, complaint, judicial, oversight (the data protection officer's), access (somebody's right to what is
    /// kept of her) or maintenance.
    #[arg(long, value_name = "REASON")]
    pub(crate) reason: Option<Purpose>,
    /// Why, in words: the number of a requisition, what happened.
    #[arg(long, value_name = "TEXT", requires = "reason")]
    pub(crate) detail: Option<Motive>,
    /// Who looks; without it, the user of this machine.
    #[arg(long, value_name = "NAME", requires = "reason")]
    pub(crate) author: Option<PersonName>,
}

/// From when to when.
#[derive(Clone, Debug, Args)]
pub(crate) struct Window {
    /// From this time on: RFC 3339, `2026-11-23` or `2026-11-23 09:30` in the time zone of the school.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Before this time; a date means its whole day.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
}

/// Options of `preau journal export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    pub(crate) data: DataFolder,
    /// The file to write, a ZIP archive. It must not be there.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Who asks for it.
    #[arg(long, value_name = "NAME")]
    pub(crate) author: PersonName,
    /// Why: incident, complaint, judicial, oversight, access or maintenance.
    #[arg(long, value_name = "REASON")]
    pub(crate) reason: Purpose,
    /// Why, in words: the number of a requisition, what happened.
    #[arg(long, value_name = "TEXT")]
    pub(crate) detail: Motive,
    #[command(flatten)]
    pub(crate) window: Window,
    /// Of this device, by name or hardware address.
    #[arg(long)]
    pub(crate) device: Option<Target>,
    /// Of the devices of this room.
    #[arg(long)]
    pub(crate) room: Option<RoomName>,
    /// During this lesson: its number, or its room and a moment of it, as 'CM2 2026-11-23 09:30'.
    #[arg(long)]
    pub(crate) lesson: Option<String>,
    /// Acts of this person.
    #[arg(long, requires = "people")]
    pub(crate) person: Option<PersonName>,
    /// For this host or a host under it.
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// By a list of this category.
    #[arg(long)]
    pub(crate) category: Option<Category>,
    /// Of this verdict.
    #[arg(long, value_parser = parse_verdict)]
    pub(crate) verdict: Option<Verdict>,
    /// With names of people, and what people did.
    #[arg(long)]
    pub(crate) people: bool,
    /// The file with the secret key of somebody who may read what is sealed; without it, encrypted days are left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// Add the sealed files as they are: then a reader can verify that no record of theirs was left out.
    #[arg(long)]
    pub(crate) whole: bool,
    /// The configuration file that names the school and its time zone; without it, the embedded default.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Options of `preau journal search`.
#[derive(Debug, Args)]
pub(crate) struct SearchArguments {
    #[command(flatten)]
    pub(crate) data: DataFolder,
    #[command(flatten)]
    pub(crate) window: Window,
    /// Of this device, by name or hardware address.
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// By devices that were in this room; an act by the room that it is for.
    #[arg(long)]
    pub(crate) room: Option<RoomName>,
    /// During this lesson: its number, or its room and a moment of it, as 'CM2 2026-11-23 09:30'.
    #[arg(long)]
    pub(crate) lesson: Option<String>,
    /// Acts of this person: by their author, or who took a rule back. No access is a person's, nobody signs in to browse.
    #[arg(long)]
    pub(crate) person: Option<PersonName>,
    /// For this host or a host under it.
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// Listed in this category; an act by the category that it is about.
    #[arg(long)]
    pub(crate) category: Option<Category>,
    /// Of this verdict.
    #[arg(long, value_parser = parse_verdict)]
    pub(crate) verdict: Option<Verdict>,
    /// Only what people did to the rules: overrides made, taken back, run out.
    #[arg(long, conflicts_with = "device")]
    pub(crate) acts: bool,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    /// The file with the secret key of somebody who may read what is sealed; without it, encrypted days are left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// The box on this folder notes who looks, and why; without a box, nothing is noted.
    #[command(flatten)]
    pub(crate) asking: Asking,
    /// The configuration file that names the school's time zone; without it, Europe/Paris.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

fn parse_verdict(text: &str) -> Result<Verdict, String> {
    Verdict::find(text).ok_or_else(|| "a verdict is `permit` or `refuse`".to_owned())
}
