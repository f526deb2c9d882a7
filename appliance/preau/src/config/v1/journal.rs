//! `[journal]`: who may read what is sealed, and how long it is kept.

use std::str::FromStr;

use archive::{Field, Policy, ReaderKey, Retention};
use model::PersonName;

use super::super::section::Section;

/// More than a head, a data protection officer and their substitutes are no readers, but a public.
const READERS_MAX: usize = 8;

/// The word for no reader at all.
const NOBODY: &str = "nobody";

/// The keys of the table.
pub(super) struct JournalKeys {
    /// To whom sealed files are encrypted; nobody: they are not. `None` where the file does not say: what was encrypted up to now does
    /// not become plain because a section is missing.
    pub(super) readers: Option<Vec<ReaderKey>>,
    /// How long what is kept.
    pub(super) policy: Policy,
}

/// One of those to whom files are encrypted, or the word that they are to be plain.
enum Reader {
    Key(ReaderKey),
    Nobody,
}

impl Reader {
    fn key(self) -> Option<ReaderKey> {
        match self {
            Self::Key(key) => Some(key),
            Self::Nobody => None,
        }
    }
}

impl FromStr for Reader {
    type Err = <ReaderKey as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == NOBODY { Ok(Self::Nobody) } else { text.parse().map(Self::Key) }
    }
}

impl Default for JournalKeys {
    fn default() -> Self {
        Self { readers: None, policy: Policy { retention: Retention::default(), signed: None } }
    }
}

impl JournalKeys {
    pub(super) fn read(table: &mut Section<'_>) -> Self {
        let read = table.table("journal", |journal| {
            let named = journal.parse_list::<Reader>("readers");
            let is_nobody = matches!(named.as_slice(), [Reader::Nobody]);
            let is_mixed = !is_nobody && named.iter().any(|reader| matches!(reader, Reader::Nobody));
            let mut readers: Vec<ReaderKey> = named.into_iter().filter_map(Reader::key).collect();
            let recovery = journal.parse::<ReaderKey>("recovery");
            let span = journal.span();
            if is_mixed {
                journal.reject(span, "`nobody` among `readers` stands alone".to_owned());
            }
            if readers.len() > READERS_MAX {
                journal.reject(span, format!("more than {READERS_MAX} readers"));
            }
            if readers.is_empty() != recovery.is_none() && !journal.has_mistakes() {
                let message = "`readers` and `recovery` belong together: whoever loses a key needs another way to the log, \
                               and a recovery key alone is nobody's to read with";
                journal.reject(span, message);
            }
            readers.extend(recovery);
            let readers = Some(readers).filter(|readers| is_nobody || !readers.is_empty());
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
