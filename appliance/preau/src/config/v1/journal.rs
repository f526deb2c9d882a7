//! `[journal]`: who may read what is sealed.

use archive::ReaderKey;

use super::super::section::Section;

/// More than a head, a data protection officer and their substitutes are no readers, but a public.
const READERS_MAX: usize = 8;

/// The keys of the table.
#[derive(Default)]
pub(super) struct JournalKeys {
    /// To whom sealed files are encrypted; nobody: they are not.
    pub(super) readers: Vec<ReaderKey>,
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
            Self { readers }
        });
        read.map(|keys| keys.value).unwrap_or_default()
    }
}
