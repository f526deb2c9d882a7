//! Whose a key is that opens what is sealed.

use std::fmt;
use std::str::FromStr;

use crate::Role;

/// For whom a key was made on the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderRole {
    /// The school's head.
    Head,
    /// The data protection officer.
    Officer,
    /// Nobody: it lies in the commune's safe, for the day on which the others are lost.
    Recovery,
}

impl ReaderRole {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Head, Self::Officer, Self::Recovery];

    /// The word that files and records use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Officer => "officer",
            Self::Recovery => "recovery",
        }
    }

    /// Whether somebody of this role makes such keys and takes them away: the officer hers, the head all, as a commune's officer need not
    /// have an access to the box. Whoever does not read the journal makes no key to it.
    #[must_use]
    pub fn is_kept_by(self, role: Role) -> bool {
        match role {
            Role::Head => true,
            Role::Officer => self == Self::Officer,
            Role::Teacher | Role::Technician => false,
        }
    }
}

impl fmt::Display for ReaderRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ReaderRole {
    type Err = ReaderRoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(ReaderRoleError)
    }
}

/// The text is not such a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not whose a key is: head, officer or recovery")]
pub struct ReaderRoleError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_does_not_read_the_journal_keeps_no_key_to_it() {
        for role in Role::ALL {
            let kept = ReaderRole::ALL.into_iter().filter(|of| of.is_kept_by(role)).count();
            let expected = match role {
                Role::Head => 3,
                Role::Officer => 1,
                Role::Teacher | Role::Technician => 0,
            };
            assert_eq!((kept, kept > 0), (expected, role.reads_journal()), "{role}");
        }
        assert!(ReaderRole::ALL.iter().all(|of| of.as_str().parse::<ReaderRole>() == Ok(*of)));
        assert_eq!("mayor".parse::<ReaderRole>(), Err(ReaderRoleError));
    }
}
