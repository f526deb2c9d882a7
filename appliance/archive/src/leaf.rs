//! A leaf of the log: a seal, or a statement about what is sealed.

use std::fmt;
use std::str::FromStr;

use model::{ClockQuality, Timestamp};

use crate::hash::Hash;
use crate::seal::{Seal, SealError};
use crate::statement::{self, Fact, Statement};

/// What leaves are hashed with before them (RFC 9162 section 2.1.1).
const LEAF_PREFIX: u8 = 0;

/// What an entry of the log says. Its number is its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// Something is sealed.
    Seal(Seal),
    /// Something is deleted, held, decided.
    Statement(Statement),
}

impl Leaf {
    /// Its place in the log, from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        match self {
            Self::Seal(seal) => seal.number,
            Self::Statement(statement) => statement.number,
        }
    }

    /// The hash of the leaf before.
    #[must_use]
    pub fn previous(&self) -> Option<Hash> {
        match self {
            Self::Seal(seal) => seal.previous,
            Self::Statement(statement) => statement.previous,
        }
    }

    /// The seal, where it is one.
    #[must_use]
    pub fn seal(&self) -> Option<&Seal> {
        match self {
            Self::Seal(seal) => Some(seal),
            Self::Statement(_) => None,
        }
    }

    /// The statement, where it is one.
    #[must_use]
    pub fn statement(&self) -> Option<&Statement> {
        match self {
            Self::Statement(statement) => Some(statement),
            Self::Seal(_) => None,
        }
    }

    /// When it was made, and how far to trust that: for whom a person vouched, as far as for a time server.
    #[must_use]
    pub fn made(&self) -> (Timestamp, ClockQuality) {
        match self {
            Self::Seal(seal) => (seal.sealed, seal.sealed_clock),
            Self::Statement(Statement { at, clock, .. }) => {
                (*at, if self.is_vouched() { ClockQuality::Synchronised } else { *clock })
            }
        }
    }

    /// Whether a person vouched for when it was made.
    pub(crate) fn is_vouched(&self) -> bool {
        self.statement().is_some_and(|statement| match &statement.fact {
            Fact::Expiry(expiry) => expiry.term.vouched.is_some(),
            Fact::Unsealed(unsealed) => unsealed.term.vouched.is_some(),
            Fact::Hold(_)
            | Fact::Lift(_)
            | Fact::Policy(_)
            | Fact::Approval(_)
            | Fact::Readers(_)
            | Fact::Clock => false,
        })
    }

    /// The numbers of the records that it accounts for: above the first, up to the second.
    pub(crate) fn sequences(&self) -> Option<(u64, u64)> {
        match self {
            Self::Seal(seal) => Some(seal.sequences),
            Self::Statement(statement) => match &statement.fact {
                Fact::Unsealed(unsealed) => Some((unsealed.after, unsealed.through)),
                Fact::Expiry(_)
                | Fact::Hold(_)
                | Fact::Lift(_)
                | Fact::Policy(_)
                | Fact::Approval(_)
                | Fact::Readers(_)
                | Fact::Clock => None,
            },
        }
    }

    /// The last segment that it accounts for.
    pub(crate) fn last_segment(&self) -> Option<u64> {
        match self {
            Self::Seal(seal) => Some(seal.segments.1),
            Self::Statement(statement) => match &statement.fact {
                Fact::Unsealed(unsealed) => Some(unsealed.segment),
                Fact::Expiry(_)
                | Fact::Hold(_)
                | Fact::Lift(_)
                | Fact::Policy(_)
                | Fact::Approval(_)
                | Fact::Readers(_)
                | Fact::Clock => None,
            },
        }
    }

    /// Its hash in the tree.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let leaf = self.to_string();
        Hash::of(&[&[LEAF_PREFIX], leaf.as_bytes()].concat())
    }

    pub(crate) fn placed(self, number: u64, previous: Option<Hash>) -> Self {
        match self {
            Self::Seal(seal) => Self::Seal(Seal { number, previous, ..seal }),
            Self::Statement(statement) => Self::Statement(Statement { number, previous, ..statement }),
        }
    }
}

/// Whether a leaf is about somebody's case: a hold, or its end.
pub(crate) fn is_private(leaf: &Leaf) -> bool {
    leaf.statement().is_some_and(|statement| match statement.fact {
        Fact::Hold(_) | Fact::Lift(_) => true,
        Fact::Expiry(_)
        | Fact::Unsealed(_)
        | Fact::Policy(_)
        | Fact::Approval(_)
        | Fact::Readers(_)
        | Fact::Clock => false,
    })
}

impl From<Seal> for Leaf {
    fn from(seal: Seal) -> Self {
        Self::Seal(seal)
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seal(seal) => seal.fmt(f),
            Self::Statement(statement) => statement.fmt(f),
        }
    }
}

impl FromStr for Leaf {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        if text.lines().next() == Some(statement::FIRST_LINE) {
            text.parse().map(Self::Statement)
        } else {
            text.parse().map(Self::Seal)
        }
    }
}
