//! A statement: what a leaf of the log says that is not a seal. What was deleted and when, what must not be, how long
//! what is kept.

use std::fmt;
use std::str::FromStr;

use model::{ClockQuality, DeviceName, Mac, Motive, PersonName, Timestamp, When};

use crate::bounds::Bounds;
use crate::crypt::ReaderKey;
use crate::frames::may_be_within;
use crate::hash::Hash;
use crate::lines::{Lines, Optional, WrongLine};
use crate::retention::{Field, Retention};
use crate::seal::{Seal, SealError};
use crate::words;

/// The first line: what it is, and in which version.
pub(crate) const FIRST_LINE: &str = "PREAU STATEMENT 1";
/// Most keys that are read: nobody seals to as many.
const READERS_MAX: usize = 64;

/// What is stated, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its number: its place in the log, from 1.
    pub number: u64,
    /// The hash of the leaf before; `None` for the first one.
    pub previous: Option<Hash>,
    /// When.
    pub at: Timestamp,
    /// How far to trust that.
    pub clock: ClockQuality,
    /// What.
    pub fact: Fact,
}

/// What is stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A file that was sealed is deleted.
    Expiry(Expiry),
    /// A segment that was never sealed is deleted.
    Unsealed(Unsealed),
    /// Something must not be deleted.
    Hold(Hold),
    /// It may be.
    Lift(Lift),
    /// How long what is kept from now on.
    Policy(Policy),
    /// Whoever watches over that puts her name to it.
    Approval(Approval),
    /// To whom files are sealed from now on.
    Readers(Readers),
    /// Nothing but that the clock shows this time: it has jumped, and is believed when it goes on from here.
    Clock,
}

/// The deletion of a sealed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Its seal.
    pub seal: u64,
    /// Which of the seal's files.
    pub field: Field,
    /// The hash that was sealed.
    pub hash: Hash,
    /// What was found before it was deleted.
    pub found: State,
    /// Why then.
    pub term: Term,
}

/// What a file is that is about to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// What was sealed.
    Intact,
    /// Something else.
    Changed,
    /// Gone.
    Missing,
    /// Nobody knows: the disk does not give it back.
    Unreadable,
}

/// Why something is deleted when it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// How many days it was to be kept.
    pub days: u32,
    /// When they were over.
    pub due: Timestamp,
    /// How long after that it went, and why.
    pub promptness: Promptness,
    /// Who vouched for the time, where the box did not know it by itself.
    pub vouched: Option<PersonName>,
}

/// How a deletion stands to its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promptness {
    /// Within two days.
    OnTime,
    /// Later, because the box was off.
    Off,
    /// Later, because somebody had it held.
    Held,
    /// Later, for another reason: its clock was not believed, it could not write.
    Late,
}

/// The deletion of a segment that could not be sealed in all its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsealed {
    /// The segment.
    pub segment: u64,
    /// It had the records with numbers above this ...
    pub after: u64,
    /// ... up to this.
    pub through: u64,
    /// How long it was.
    pub bytes: u64,
    /// The hash of its bytes.
    pub hash: Hash,
    /// Why then.
    pub term: Term,
}

/// Whom or what a hold is about. The box cannot read what is encrypted: a device's is for every file in the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// By its hardware address.
    Mac(Mac),
    /// By its name.
    Name(DeviceName),
}

/// What must not be deleted until it is lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The first time that it is about; `None`: from the beginning.
    pub from: Option<Timestamp>,
    /// The time after the last; `None`: until it is lifted.
    pub to: Option<Timestamp>,
    /// The device that it is about; `None`: all.
    pub device: Option<Device>,
    /// Who asks for it.
    pub author: PersonName,
    /// Why.
    pub reason: Motive,
}

/// The end of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lift {
    /// The number of the hold.
    pub hold: u64,
    /// Who lifts it.
    pub author: PersonName,
    /// Why.
    pub reason: Motive,
}

/// How long what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The numbers.
    pub retention: Retention,
    /// Who has decided; `None` where nobody had to: the most of all.
    pub signed: Option<PersonName>,
}

/// A name under how long what is kept: the data protection officer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The entry with the numbers; `None` where there was none yet: the most of all.
    pub policy: Option<u64>,
    /// Who.
    pub author: PersonName,
}

/// To whom files are encrypted; with nobody, they are not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readers(Vec<ReaderKey>);

impl Readers {
    /// These.
    #[must_use]
    pub fn new(keys: Vec<ReaderKey>) -> Self {
        Self(keys)
    }

    /// The keys, as people write them.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Whether files are plain.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.keys().join(" "))
    }
}

impl FromStr for Readers {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        let keys: Result<Vec<_>, _> = text.split(' ').take(READERS_MAX + 1).map(str::parse).collect();
        let keys = keys.ok().filter(|keys| keys.len() <= READERS_MAX).ok_or(SealError::Line("readers"))?;
        Ok(Self(keys))
    }
}

impl Hold {
    /// Whether what is sealed here may be what it is about. `bounds` are the seal's.
    #[must_use]
    pub fn covers(&self, seal: &Seal, bounds: &Bounds) -> bool {
        self.covers_records(seal.times, seal.clocks, bounds)
    }

    /// The same for records of these times, by the quality of their clock.
    #[must_use]
    pub fn covers_records(
        &self,
        times: Option<(Timestamp, Timestamp)>,
        clocks: [u64; 3],
        bounds: &Bounds,
    ) -> bool {
        let (frame, window) = ((bounds.not_before(), bounds.not_after()), (self.from, self.to));
        // A clock may be wrong, also one that a time server disciplines: the records may be of any time that the log leaves open. The
        // time by which they are due is one of them, also where the bounds contradict each other.
        let reckoned = times.and_then(|(_, latest)| bounds.reckon(Some(latest), clocks));
        may_be_within(times, clocks, frame, window)
            || When::between(frame.0, frame.1).may_be_within(0, window)
            || reckoned.is_some_and(|at| When::Shown(at).may_be_within(0, window))
    }
}

impl FromStr for Device {
    type Err = model::TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(mac) => Ok(Self::Mac(mac)),
            Err(_) => text.parse().map(Self::Name),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mac(mac) => mac.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl Statement {
    /// How long what is kept, where it says that.
    pub(crate) fn policy(&self) -> Option<&Policy> {
        match &self.fact {
            Fact::Policy(policy) => Some(policy),
            Fact::Expiry(_)
            | Fact::Unsealed(_)
            | Fact::Hold(_)
            | Fact::Lift(_)
            | Fact::Approval(_)
            | Fact::Readers(_)
            | Fact::Clock => None,
        }
    }
}

/// Gives an enumeration its words.
macro_rules! words {
    ($name:ident: $($variant:ident = $word:literal),+) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }

        impl FromStr for $name {
            type Err = SealError;

            fn from_str(text: &str) -> Result<Self, SealError> {
                match text { $($word => Ok(Self::$variant),)+ _ => Err(SealError::Kind) }
            }
        }
    };
}

words!(State: Intact = "intact", Changed = "changed", Missing = "missing", Unreadable = "unreadable");
words!(Promptness: OnTime = "on-time", Off = "off", Held = "held", Late = "late");

/// The leaf: what is hashed.
impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        writeln!(f, "entry {}", self.number)?;
        writeln!(f, "previous {}", Optional(self.previous))?;
        writeln!(f, "at {}", self.at.unix_ms())?;
        writeln!(f, "clock {}", self.clock)?;
        self.fact.fmt(f)
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expiry(Expiry { seal, field, hash, found, term }) => {
                writeln!(f, "fact expiry\nseal {seal}\nfield {field}\nsha256 {hash}\nfound {found}")?;
                term.fmt(f)
            }
            Self::Unsealed(Unsealed { segment, after, through, bytes, hash, term }) => {
                writeln!(f, "fact unsealed\nsegment {segment}\nafter {after}\nthrough {through}")?;
                writeln!(f, "bytes {bytes}\nsha256 {hash}")?;
                term.fmt(f)
            }
            Self::Hold(Hold { from, to, device, author, reason }) => {
                let (from, to) = (from.map(Timestamp::unix_ms), to.map(Timestamp::unix_ms));
                writeln!(f, "fact hold\nfrom {}\nto {}", Optional(from), Optional(to))?;
                writeln!(f, "device {}\nauthor {author}\nreason {reason}", Optional(device.as_ref()))
            }
            Self::Lift(Lift { hold, author, reason }) => {
                writeln!(f, "fact lift\nhold {hold}\nauthor {author}\nreason {reason}")
            }
            Self::Policy(Policy { retention, signed }) => {
                writeln!(f, "fact policy")?;
                Field::ALL
                    .into_iter()
                    .try_for_each(|field| writeln!(f, "{field} {}", retention.days(field)))?;
                writeln!(f, "signed {}", Optional(signed.as_ref()))
            }
            Self::Approval(Approval { policy, author }) => {
                writeln!(f, "fact approval\npolicy {}\nauthor {author}", Optional(policy.as_ref()))
            }
            Self::Readers(readers) => {
                let readers = Some(readers).filter(|readers| !readers.is_empty());
                writeln!(f, "fact readers\nreaders {}", Optional(readers))
            }
            Self::Clock => writeln!(f, "fact clock"),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { days, due, promptness, vouched } = self;
        writeln!(f, "days {days}\ndue {}\npromptness {promptness}", due.unix_ms())?;
        writeln!(f, "vouched {}", Optional(vouched.as_ref()))
    }
}

impl FromStr for Statement {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        let mut lines = Lines::new(text);
        if lines.next() != Some(FIRST_LINE) {
            return Err(SealError::Kind);
        }
        let statement = Self {
            number: lines.value("entry")?,
            previous: lines.optional("previous")?,
            at: Timestamp::from_unix_ms(lines.value("at")?),
            clock: lines.read("clock", words::clock)?,
            fact: read_fact(&mut lines)?,
        };
        if lines.is_at_end() { Ok(statement) } else { Err(SealError::Rest) }
    }
}

fn read_fact(lines: &mut Lines<'_>) -> Result<Fact, WrongLine> {
    let time = |ms: Option<i64>| ms.map(Timestamp::from_unix_ms);
    Ok(match lines.read("fact", Some)? {
        "expiry" => Fact::Expiry(Expiry {
            seal: lines.value("seal")?,
            field: lines.value("field")?,
            hash: lines.value("sha256")?,
            found: lines.value("found")?,
            term: read_term(lines)?,
        }),
        "unsealed" => Fact::Unsealed(Unsealed {
            segment: lines.value("segment")?,
            after: lines.value("after")?,
            through: lines.value("through")?,
            bytes: lines.value("bytes")?,
            hash: lines.value("sha256")?,
            term: read_term(lines)?,
        }),
        "hold" => Fact::Hold(Hold {
            from: time(lines.optional("from")?),
            to: time(lines.optional("to")?),
            device: lines.optional("device")?,
            author: lines.value("author")?,
            reason: lines.value("reason")?,
        }),
        "lift" => Fact::Lift(Lift {
            hold: lines.value("hold")?,
            author: lines.value("author")?,
            reason: lines.value("reason")?,
        }),
        "policy" => Fact::Policy(read_policy(lines)?),
        "approval" => {
            Fact::Approval(Approval { policy: lines.optional("policy")?, author: lines.value("author")? })
        }
        "readers" => Fact::Readers(lines.optional("readers")?.unwrap_or_default()),
        "clock" => Fact::Clock,
        _ => return Err("fact"),
    })
}

fn read_term(lines: &mut Lines<'_>) -> Result<Term, WrongLine> {
    Ok(Term {
        days: lines.value("days")?,
        due: Timestamp::from_unix_ms(lines.value("due")?),
        promptness: lines.value("promptness")?,
        vouched: lines.optional("vouched")?,
    })
}

fn read_policy(lines: &mut Lines<'_>) -> Result<Policy, WrongLine> {
    let mut days = [0; Field::ALL.len()];
    for (field, place) in Field::ALL.into_iter().zip(&mut days) {
        *place = lines.value(field.as_str())?;
    }
    let retention = Retention::new(|field| days.get(field as usize).copied()).map_err(|_| "policy")?;
    Ok(Policy { retention, signed: lines.optional("signed")? })
}
