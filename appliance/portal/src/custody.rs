//! Who can read what is sealed, and how long what is kept: what head and data protection officer answer for.

use model::{PersonName, Timestamp};

/// How the log is kept, as its own entries say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Custody {
    /// The public keys to which days are sealed; none: they are sealed in clear.
    pub readers: Vec<String>,
    /// Since when; `None` where the log has never said.
    pub readers_since: Option<Timestamp>,
    /// How many days each kind of field is kept.
    pub kept: Vec<KeptField>,
    /// The entry that says so; `None` where nobody has decided: a year.
    pub entry: Option<u64>,
    /// Since when.
    pub kept_since: Option<Timestamp>,
    /// Who has decided, by the box's configuration.
    pub signed: Option<PersonName>,
    /// Who has put her name to these numbers on this page, and when; the last first.
    pub approvals: Vec<(PersonName, Timestamp)>,
    /// From when on shorter numbers are for what is sealed already, where they are not yet.
    pub settles: Option<Timestamp>,
}

/// How long a kind of field is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptField {
    /// Its word: `access`, `who`, `destination`, `traffic` or `acts`.
    pub word: &'static str,
    /// How many days.
    pub days: u32,
    /// How many what is sealed already is kept for now.
    pub settled_days: u32,
}
