//! What a verification finds, in words for people: what is wrong, and what is worth knowing.

use std::fmt;
use std::io;

use journal::SegmentId;
use model::{PersonName, Timestamp};

use crate::belief::Doubt;
use crate::log::LogError;
use crate::retention::{Field, Retention};
use crate::scrutiny::Flaw;
use crate::statement::{Hold, Lift, Readers, State};

/// What is wrong, and where.
#[derive(Debug, thiserror::Error)]
pub enum Finding {
    /// The log cannot be read from somewhere on.
    #[error("log: {0}")]
    Log(#[from] LogError),
    /// There are sealed files without any log.
    #[error("log: there is none, but there are sealed files")]
    NoLog,
    /// A seal stands in another place.
    #[error("seal {found} stands where seal {expected} should")]
    Number {
        /// The number that it should have.
        expected: u64,
        /// The number that it has.
        found: u64,
    },
    /// A seal does not follow the one before it.
    #[error("seal {0}: it does not follow the seal before it: one of them was changed, removed or moved")]
    Chain(u64),
    /// A seal's checkpoint is not signed by the box.
    #[error("seal {seal}: it is not signed by {signer}: a wrong key, or it was changed")]
    Signature {
        /// The seal.
        seal: u64,
        /// Whose signature is missing.
        signer: String,
    },
    /// A seal's checkpoint is of another state than the log up to it.
    #[error("seal {0}: its checkpoint is not that of the log up to it")]
    Root(u64),
    /// The records do not follow those of the seal before.
    #[error("seal {seal}: it begins after record {found}, the seal before ends with {expected}")]
    Gap {
        /// The seal.
        seal: u64,
        /// Where the seal before ends.
        expected: u64,
        /// Where this one begins.
        found: u64,
    },
    /// A seal says what cannot be.
    #[error("seal {seal}: {what}")]
    Impossible {
        /// The seal.
        seal: u64,
        /// What it says.
        what: &'static str,
    },
    /// A file is gone.
    #[error("seal {seal}: {file} is missing")]
    Missing {
        /// The seal.
        seal: u64,
        /// Its file.
        file: String,
    },
    /// A file is longer or shorter than it was.
    #[error("seal {seal}: {file} has {found} bytes, {expected} were sealed: {}", cut(*found, *expected))]
    Length {
        /// The seal.
        seal: u64,
        /// Its file.
        file: String,
        /// How long it was.
        expected: u64,
        /// How long it is.
        found: u64,
    },
    /// A file has other bytes.
    #[error("seal {seal}: {file} was changed: its bytes are not those that were sealed")]
    Bytes {
        /// The seal.
        seal: u64,
        /// Its file.
        file: String,
    },
    /// A file is another seal's.
    #[error("seal {seal}: {file} is the file of seal {of}: they were swapped or copied")]
    Swapped {
        /// The seal.
        seal: u64,
        /// Its file.
        file: String,
        /// Whose it is.
        of: u64,
    },
    /// Something lies among the sealed files that was never sealed.
    #[error("{} was never sealed: no seal is for it", .0.escape_debug())]
    Unsealed(String),
    /// Segments stand beside their seal, and have something else.
    #[error("seal {0}: its segments are still here, and are not what was sealed")]
    Segments(u64),
    /// A segment has a number that is sealed, and no seal was made of it.
    #[error("{0} was never sealed, and its number is among those that are: it was put there")]
    StrangeSegment(SegmentId),
    /// The latest checkpoint is not one of the log.
    #[error("checkpoint: {0}")]
    Checkpoint(&'static str),
    /// Records are missing between the seals, or in what is not sealed yet.
    #[error("records {from} to {through} are neither sealed nor in a segment: {place}")]
    Records {
        /// The first.
        from: u64,
        /// The last.
        through: u64,
        /// Between what.
        place: String,
    },
    /// A segment that waits to be sealed is damaged.
    #[error("{0}")]
    Damage(String),
    /// The log is shorter than what a witness saw.
    #[error(
        "witness: the log has {found} seals, {witnessed} were witnessed: it was cut, or put back to an old state"
    )]
    RolledBack {
        /// How many a witness saw.
        witnessed: u64,
        /// How many there are.
        found: u64,
    },
    /// The log is not what a witness saw.
    #[error(
        "witness: at seal {0} the log is not what was witnessed: days were sealed again, or a copy of the box went on \
         from an old state"
    )]
    Forked(u64),
    /// The witness saw another log.
    #[error("witness: its checkpoint is of the log {0}")]
    OtherLog(String),
    /// What is said of a deletion is not so.
    #[error("entry {entry}: {what}")]
    Expiry {
        /// The entry of the log.
        entry: u64,
        /// What is not so.
        what: &'static str,
    },
    /// Something was deleted before its time.
    #[error("entry {entry}: it was deleted before its time, {}", Written(*due))]
    Early {
        /// The entry of the log.
        entry: u64,
        /// When its time was.
        due: Timestamp,
    },
    /// Something was deleted by a clock that nobody believes.
    #[error("entry {entry}: it was deleted although {doubt}")]
    Doubted {
        /// The entry of the log.
        entry: u64,
        /// What is wrong with the clock.
        doubt: Doubt,
    },
    /// Something was deleted that somebody had it hold.
    #[error("entry {entry}: it was deleted although it was held by entry {hold}")]
    WasHeld {
        /// The entry of the log.
        entry: u64,
        /// That of the hold.
        hold: u64,
    },
    /// Something is past its time, and neither deleted nor held.
    #[error("seal {seal}: {file} is past its time, {}, and no entry says that it is deleted", Written(*due))]
    Overdue {
        /// The seal.
        seal: u64,
        /// Its file.
        file: String,
        /// When its time was.
        due: Timestamp,
    },
    /// A file is plain or encrypted, and the log says otherwise.
    #[error(
        "seal {0}: it is not sealed to those whom the log names: plain in place of encrypted, or the other way round"
    )]
    Form(u64),
    /// Something was not what was sealed when its time came.
    #[error("entry {entry}: the file of seal {seal} was {found} when its time came")]
    Perished {
        /// The entry of the log.
        entry: u64,
        /// The seal.
        seal: u64,
        /// What it was.
        found: State,
    },
    /// A file stays that is said to be deleted.
    #[error(
        "seal {seal}: {file} is still there, long after its deletion was entered in the log: it is not deleted"
    )]
    Undeleted {
        /// The seal.
        seal: u64,
        /// Its file.
        file: String,
    },
    /// A segment stays that is said to be deleted.
    #[error(
        "entry {entry}: {segment} is still there, long after its deletion was entered in the log: it is not deleted"
    )]
    UndeletedSegment {
        /// The entry of the log.
        entry: u64,
        /// The segment.
        segment: SegmentId,
    },
    /// A hold is lifted that there never was.
    #[error("entry {entry}: there is no hold {hold} to lift")]
    NoHold {
        /// The entry of the log.
        entry: u64,
        /// What it lifts.
        hold: u64,
    },
    /// Somebody signs numbers of days that are not those in force.
    #[error("entry {entry}: it signs the numbers of entry {policy}, and others are in force there")]
    NoPolicy {
        /// The entry of the log.
        entry: u64,
        /// What it signs.
        policy: u64,
    },
    /// A sealed file does not have what its seal says, or says of itself what is not so.
    #[error("seal {seal}: {file}: {flaw}")]
    Content {
        /// The seal.
        seal: u64,
        /// The file.
        file: String,
        /// What.
        flaw: Flaw,
    },
    /// Something cannot be read.
    #[error("{what} cannot be read: {source}")]
    Unreadable {
        /// What.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// What the log says of deletions was not gone over.
    #[error("log: whether what it says of deletions is so was not looked at: {0}")]
    Unaudited(&'static str),
}

fn cut(found: u64, expected: u64) -> &'static str {
    if found < expected { "its end was cut off" } else { "something was added" }
}

/// What is worth knowing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Remark {
    /// The clock was set back.
    #[error("seal {seal}: the clock was set back by up to {by_ms} ms")]
    SetBack {
        /// The seal.
        seal: u64,
        /// By how much.
        by_ms: u64,
    },
    /// The clock stepped forward: it showed times that were not there yet.
    #[error("seal {seal}: the clock was ahead of what came after by up to {by_ms} ms")]
    Ahead {
        /// The seal.
        seal: u64,
        /// By how much.
        by_ms: u64,
    },
    /// A seal or a statement is from an earlier time than the one before.
    #[error("entry {0}: it was made, by its clock, before the entry before it")]
    Back(u64),
    /// Records of a box that did not know the time.
    #[error("seal {seal}: {records} records are from a time when the clock was not set")]
    Unset {
        /// The seal.
        seal: u64,
        /// How many.
        records: u64,
    },
    /// Numbers that no segment had when it was sealed.
    #[error("seal {seal}: {records} records were lost to the disk before it was sealed")]
    Lost {
        /// The seal.
        seal: u64,
        /// How many.
        records: u64,
    },
    /// A power cut came between the log and the name of the last file.
    #[error("seal {0}: its file has no name yet; the box gives it one with the next seal")]
    Unnamed(u64),
    /// The end of a segment is an append that was cut.
    #[error("{0}: its end is an append that was cut off, or is under way")]
    Torn(SegmentId),
    /// A disk refused records, and the box was stopped before it could write them again: nobody was promised that they are there.
    #[error(
        "{segment}: before it, the disk refused records {from} to {through}, and the box was stopped before it wrote them again"
    )]
    Unpromised {
        /// The segment after them.
        segment: SegmentId,
        /// The number of the first one.
        from: u64,
        /// That of the last one.
        through: u64,
    },
    /// A segment whose number is among the sealed ones, and of which records are in no sealed file.
    #[error(
        "{0} could not be read when what came after it was sealed: what it has is not sealed, and goes when its time is over"
    )]
    PassedOver(SegmentId),
    /// A segment whose number is among the sealed ones, and that cannot be compared with what was sealed.
    #[error(
        "{0} cannot be read: where its key is gone, a copy that is put back opens it; it goes when its time is over"
    )]
    Unread(SegmentId),
    /// A hold is in force.
    #[error("entry {entry}: {} is held, for {}: {}", held(hold), hold.author, hold.reason)]
    Held {
        /// The entry of the log.
        entry: u64,
        /// What is held.
        hold: Hold,
    },
    /// A hold was in force.
    #[error("entry {entry}: {} was held, for {}: {}", held(hold), hold.author, hold.reason)]
    WasHeld {
        /// The entry of the log.
        entry: u64,
        /// What was held.
        hold: Hold,
    },
    /// A hold was lifted.
    #[error("entry {entry}: the hold of entry {} was lifted by {}: {}", lift.hold, lift.author, lift.reason)]
    Lifted {
        /// The entry of the log.
        entry: u64,
        /// What was lifted, by whom, why.
        lift: Lift,
    },
    /// Somebody decided how long what is kept.
    #[error("entry {entry}: from here on days are {}, as {} signed", numbers(retention), signer(signed.as_ref()))]
    Policy {
        /// The entry of the log.
        entry: u64,
        /// The numbers.
        retention: Retention,
        /// Who.
        signed: Option<PersonName>,
    },
    /// Somebody put her name to how long what is kept.
    #[error("entry {entry}: {author} has signed how long what is kept{}", policy.map_or_else(String::new, |policy| format!(": the numbers of entry {policy}")))]
    Approved {
        /// The entry of the log.
        entry: u64,
        /// The entry with the numbers.
        policy: Option<u64>,
        /// Who.
        author: PersonName,
    },
    /// The box did not know the time by itself.
    #[error("entry {entry}: {name} vouched for the time of the deletion, {days} days after the entry before")]
    Vouched {
        /// The entry of the log.
        entry: u64,
        /// Who.
        name: PersonName,
        /// How far that is from what the log knew.
        days: i64,
    },
    /// From here on files are sealed to others.
    #[error("entry {entry}: from here on days are sealed {}", to(readers))]
    Readers {
        /// The entry of the log.
        entry: u64,
        /// To whom.
        readers: Readers,
    },
    /// A segment was deleted that could not be sealed.
    #[error("entry {entry}: {} was never sealed and was deleted when its time was over, with {records} records", SegmentId::new(*segment))]
    DeletedUnsealed {
        /// The entry of the log.
        entry: u64,
        /// The segment.
        segment: u64,
        /// How many records it had.
        records: u64,
    },
    /// A file is still there that is said to be deleted.
    #[error(
        "seal {seal}: {file} is still there, although its deletion is in the log: the next run deletes it"
    )]
    Kept {
        /// The seal.
        seal: u64,
        /// Its file.
        file: String,
    },
    /// A segment is still there that is said to be deleted.
    #[error(
        "entry {entry}: {segment} is still there, although its deletion is in the log: the next run deletes it"
    )]
    KeptSegment {
        /// The entry of the log.
        entry: u64,
        /// The segment.
        segment: SegmentId,
    },
    /// What a witness has signed.
    #[error("witness: seals and statements 1 to {0} are as witnessed")]
    Witnessed(u64),
}

/// A time as people read it in a list of findings: RFC 3339 in UTC, to the second; of one that no calendar has, the number.
struct Written(Timestamp);

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unix_ms = self.0.unix_ms();
        match jiff::Timestamp::from_millisecond(unix_ms) {
            Ok(time) => write!(f, "{time:.0}"),
            Err(_) => write!(f, "{unix_ms} ms after 1970"),
        }
    }
}

fn held(hold: &Hold) -> String {
    let window = match (hold.from, hold.to) {
        (None, None) => "all time".to_owned(),
        (from, to) => {
            let write = |time: Option<Timestamp>| {
                time.map_or_else(|| "-".to_owned(), |time| Written(time).to_string())
            };
            format!("{} to {}", write(from), write(to))
        }
    };
    match &hold.device {
        Some(device) => format!("{device} in {window}"),
        None => window,
    }
}

fn numbers(retention: &Retention) -> String {
    let each = Field::ALL.map(|field| format!("{field} {}", retention.days(field)));
    each.join(", ")
}

fn to(readers: &Readers) -> String {
    if readers.is_empty() { "to nobody, in clear".to_owned() } else { format!("to {readers}") }
}

fn signer(signed: Option<&PersonName>) -> &str {
    signed.map_or("nobody", PersonName::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        let check = |unix_ms: i64, expected: &str| {
            assert_eq!(Written(Timestamp::from_unix_ms(unix_ms)).to_string(), expected);
        };
        check(1_795_975_387_999, "2026-11-29T18:03:07Z");
        check(0, "1970-01-01T00:00:00Z");
        check(i64::MAX, "9223372036854775807 ms after 1970");
        let due = Timestamp::from_unix_ms(1_795_392_000_000);
        let early = Finding::Early { entry: 3, due };
        assert_eq!(early.to_string(), "entry 3: it was deleted before its time, 2026-11-23T00:00:00Z");
    }
}
