//! What became of a run: kept on the disk, shown in tables and reports.

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attack::{Attack, Family};
use crate::demand::{Outcome, Why};

/// Most bytes of a kept run: some hundred attacks of some hundred bytes each.
pub const RUN_BYTES_MAX: u64 = 1 << 20;

/// The file, by its version.
#[derive(Serialize, Deserialize)]
#[serde(tag = "version")]
enum File {
    #[serde(rename = "1")]
    V1(Run),
}

/// A run of the self-test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it began, in milliseconds since 1970 UTC. It is its name, too.
    pub started_ms: i64,
    /// When it ended; `None` while it runs, and when it was cut.
    pub ended_ms: Option<i64>,
    /// How it stands.
    pub state: State,
    /// From where the box was attacked.
    pub way: Way,
    /// The school.
    pub school: String,
    /// This program's version.
    pub program: String,
    /// When the list in force was built, in milliseconds since 1970 UTC; `None` where that is not known here.
    pub list_built_ms: Option<i64>,
    /// How many lines it has.
    pub list_lines: Option<u64>,
    /// What became of each attack.
    pub results: Vec<Result>,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It runs, or was cut off: whoever holds the lock tells.
    Running,
    /// It came to its end.
    Finished,
    /// It took too long, or could not go on.
    Cut,
}

/// From where the box was attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// From the school's side, by a machine that the box made up.
    School,
    /// From a machine of the school.
    Machine,
    /// On loopback, where there is no firewall.
    Loopback,
}

/// What became of one attack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Result {
    /// The attack's name.
    pub id: String,
    /// What it belongs to.
    pub family: Family,
    /// With what.
    pub with: String,
    /// By which profile.
    pub profile: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A file that is no run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It is larger than any.
    #[error("the file is larger than any result of a self-test")]
    TooLarge,
    /// It is something else.
    #[error("the file is no result of a self-test")]
    Malformed(#[source] serde_json::Error),
}

/// Reads a run.
///
/// # Errors
/// [`RunError`] for other bytes.
pub fn parse(bytes: &[u8]) -> std::result::Result<Run, RunError> {
    if bytes.len() as u64 > RUN_BYTES_MAX {
        return Err(RunError::TooLarge);
    }
    let File::V1(run) = serde_json::from_slice(bytes).map_err(RunError::Malformed)?;
    Ok(run)
}

impl Run {
    /// The bytes of its file.
    ///
    /// # Errors
    /// None that is known: every part has a text.
    pub fn to_bytes(&self) -> std::result::Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec_pretty(&File::V1(self.clone()))
    }

    /// When it began.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.started_ms)
    }

    /// How many attacks passed, failed and were not tested.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        let count =
            |is: fn(&Outcome) -> bool| self.results.iter().filter(|result| is(&result.outcome)).count();
        [
            count(|outcome| *outcome == Outcome::Pass),
            count(|outcome| matches!(outcome, Outcome::Fail { .. })),
            count(|outcome| matches!(outcome, Outcome::NotTested { .. })),
        ]
    }

    /// Whether all was tried that must pass: otherwise a refusal may have reasons of its own.
    #[must_use]
    pub fn has_controls(&self) -> bool {
        let mut controls = self.results.iter().filter(|result| result.family == Family::Control).peekable();
        controls.peek().is_some()
            && controls.all(|result| !matches!(result.outcome, Outcome::NotTested { .. }))
    }

    /// Whether it came to its end, something was tried, and nothing failed.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let [passed, failed, _] = self.counts();
        self.state == State::Finished && failed == 0 && passed > 0
    }
}

impl Result {
    /// Whether there was no time for it.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        matches!(self.outcome, Outcome::NotTested { why: Why::Cut, .. })
    }

    /// What became of an attack.
    #[must_use]
    pub fn of(attack: &Attack, outcome: Outcome) -> Self {
        Self {
            id: attack.id.to_owned(),
            family: attack.family,
            with: attack.with.clone(),
            profile: attack.profile.clone(),
            outcome,
        }
    }
}
