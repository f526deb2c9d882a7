//! `[journal]`: who may read what is sealed, and how long it is kept.

use archive::{Field, Policy, ReaderKey, Retention};
use model::PersonName;

use super::super::section::Section;

/// More than a head, a data protection officer and their substitutes are no readers, but a public.
const READERS_MAX: usize = 8;

/// The keys of the table.
pub(super) struct JournalKeys {
    /// To whom sealed files are encrypted; nobody: they are not.
    pub(super) readers: Vec<ReaderKey>,
    /// How long what is kept.
    pub(super) policy: Policy,
}

impl Default for JournalKeys {
    fn default() -> Self {
        Self { readers: Vec::new(), policy: Policy { retention: Retention::default(), signed: None } }
    }
}

impl JournalKeys {
    pub(super) fn read(table: &mut Section<'_>) -> Self {
        let read = table.table("journal", |journal| {
            let mut readers = journal.parse_list::<ReaderKey>("readers");
            let recovery = journal.parse::<ReaderKey>("recovery");
            let span = journal.span();
            if readers.len() > READERS_MAX {
                journal.reject(span, format!("more than {READERS_MAX} readers"));
            }
            if readers.is_empty() != recovery.is_none() && !journal.has_mistakes() {
                let message = "`readers` and `recovery` belong together: whoever loses a key needs another way to the log, \
                               and a recovery key alone is nobody's to read with";
                journal.reject(span, message);
            }
            readers.extend(recovery);
            let policy = journal.table("retention", read_policy).map(|policy| policy.value);
            Self { readers, policy: policy.unwrap_or_else(|| Self::default().policy) }
        });
        read.map(|keys| keys.value).unwrap_or_default()
    }
}

/// A number of days for each kind of field, and who has signed for them where one is less than the most.
fn read_policy(table: &mut Section<'_>) -> Policy {
    let days = Field::ALL.map(|field| table.optional::<u32>(field.as_str()));
    let signed = table.parse::<PersonName>("signed");
    let span = table.span();
    let retention = Retention::new(|field| days.get(field as usize).copied().flatten());
    let retention = retention.unwrap_or_else(|error| {
        table.reject(span, error.to_string());
        Retention::default()
    });
    if retention != Retention::default() && signed.is_none() {
        table.reject(span, "`signed` is missing: who has decided that less is kept, the data protection officer for instance");
    }
    Policy { retention, signed }
}
