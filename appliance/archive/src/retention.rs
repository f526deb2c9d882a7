//! How long what is kept: one number for each kind of field.
//!
//! Numbers only go down from a year: more than that no law asks for. `docs/retention.md` has the law behind each.

use std::fmt;
use std::str::FromStr;

/// Most days that anything is kept, and how long it is where nobody has decided otherwise: the year that this project was given
/// (`docs/retention.md`).
pub const DAYS_MAX: u32 = 365;
/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// A kind of field, with a life of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The access record: when, which host, the verdict and its reason. All else of an access goes with it.
    Access,
    /// Who: device, hardware address, room, profile, lesson, person.
    Who,
    /// Addresses and ports: what the packets were bound for, what the box connected to.
    Destination,
    /// Bytes each way, and how long it lasted.
    Traffic,
    /// What adults did: rules, sign-ins, changes of people.
    Acts,
}

impl Field {
    /// Every kind, in the order of files and texts.
    pub const ALL: [Self; 5] = [Self::Access, Self::Who, Self::Destination, Self::Traffic, Self::Acts];

    /// The word that configuration and files use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Who => "who",
            Self::Destination => "destination",
            Self::Traffic => "traffic",
            Self::Acts => "acts",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No kind of field has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of field")]
pub struct FieldError;

impl FromStr for Field {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        Self::ALL.into_iter().find(|field| field.as_str() == text).ok_or(FieldError)
    }
}

/// How many days each kind of field is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    days: [u32; Field::ALL.len()],
}

/// Numbers that cannot be kept to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetentionError {
    /// Nothing is kept for longer than a year.
    #[error("`{field}` is kept for {days} days: {DAYS_MAX} at most, and only less may be decided")]
    TooLong {
        /// The kind of field.
        field: Field,
        /// How many were asked for.
        days: u32,
    },
    /// What is never kept is no log.
    #[error("`{0}` is kept for no day: 1 at least")]
    None(Field),
    /// A part of a record cannot outlive it.
    #[error(
        "`{field}` would be kept for {days} days, longer than `access`, which it is a part of, with {access}"
    )]
    Outlives {
        /// The kind of field.
        field: Field,
        /// How many were asked for.
        days: u32,
        /// How long the record is kept.
        access: u32,
    },
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: [DAYS_MAX; Field::ALL.len()] }
    }
}

impl Retention {
    /// The numbers that somebody has decided on; of what nobody has, the most.
    ///
    /// # Errors
    /// [`RetentionError`].
    pub fn new(decided: impl Fn(Field) -> Option<u32>) -> Result<Self, RetentionError> {
        let mut retention = Self::default();
        let access = decided(Field::Access).unwrap_or(DAYS_MAX);
        for (field, place) in Field::ALL.into_iter().zip(&mut retention.days) {
            // A part of a record goes with it at the latest; acts are records of their own.
            let most = if field == Field::Acts { DAYS_MAX } else { access };
            let days = decided(field).unwrap_or(most);
            match days {
                0 => return Err(RetentionError::None(field)),
                days if days > DAYS_MAX => return Err(RetentionError::TooLong { field, days }),
                days if days > most => return Err(RetentionError::Outlives { field, days, access }),
                days => *place = days,
            }
        }
        Ok(retention)
    }

    /// How many days a kind of field is kept.
    #[must_use]
    pub fn days(&self, field: Field) -> u32 {
        self.days.get(field as usize).copied().unwrap_or(DAYS_MAX)
    }

    /// The longer of the two numbers of each kind.
    #[must_use]
    pub(crate) fn longest(&self, other: &Self) -> Self {
        let mut longest = *self;
        longest.days.iter_mut().zip(other.days).for_each(|(days, other)| *days = other.max(*days));
        longest
    }

    /// The kinds of field that have a file of their own: those whose life is another than that of the access record.
    pub fn apart(&self) -> impl Iterator<Item = Field> + use<> {
        let retention = *self;
        Field::ALL.into_iter().filter(move |field| retention.days(*field) != retention.days(Field::Access))
    }

    /// Where what cannot be taken apart goes, damaged bytes and records of a newer program: to what is kept shortest.
    #[must_use]
    pub fn shortest(&self) -> Field {
        Field::ALL.into_iter().min_by_key(|field| self.days(*field)).unwrap_or(Field::Access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(decided: &[(Field, u32)]) -> Result<Retention, RetentionError> {
        Retention::new(|field| decided.iter().find(|(of, _)| *of == field).map(|(_, days)| *days))
    }

    #[test]
    fn numbers_go_down_only() {
        assert_eq!(decide(&[]), Ok(Retention::default()));
        let check = |decided: &[(Field, u32)], expected: &str| {
            assert_eq!(decide(decided).unwrap_err().to_string(), expected);
        };
        check(
            &[(Field::Access, 366)],
            "`access` is kept for 366 days: 365 at most, and only less may be decided",
        );
        check(&[(Field::Acts, 0)], "`acts` is kept for no day: 1 at least");
        check(
            &[(Field::Access, 180), (Field::Who, 200)],
            "`who` would be kept for 200 days, longer than `access`, which it is a part of, with 180",
        );
    }

    #[test]
    fn parts_go_with_the_record_at_the_latest() {
        let retention = decide(&[(Field::Access, 180), (Field::Traffic, 30)]).unwrap();
        assert_eq!(Field::ALL.map(|field| retention.days(field)), [180, 180, 180, 30, 365]);
        assert_eq!(retention.apart().collect::<Vec<_>>(), [Field::Traffic, Field::Acts]);
        assert_eq!(retention.shortest(), Field::Traffic);
        assert_eq!(Retention::default().apart().count(), 0);
        assert_eq!(Retention::default().shortest(), Field::Access);
    }
}
