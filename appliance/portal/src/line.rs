//! How the box is on its line: by DHCP, or by an address that the provider has given on paper.

use std::net::IpAddr;

use model::Person;

use crate::Trouble;

/// The part of the box that keeps it. Its calls block.
pub trait LineRoom: Send + Sync {
    /// How it is; `None` where the box has no line.
    fn line(&self) -> Option<LineSeat>;

    /// Has it otherwise, within seconds. Who wanted that is on record.
    ///
    /// # Errors
    /// [`LineTrouble`]; nothing was changed.
    fn change_line(&self, client: IpAddr, person: &Person, typed: &TypedLine<'_>) -> Result<(), LineTrouble>;
}

/// How the box is to be on its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineSeat {
    /// What counts.
    pub shown: LineShown,
    /// Whether somebody has typed it on the box's pages, or had it on a stick; else the configuration says it.
    pub is_typed: bool,
    /// Whether the machine has the address by now.
    pub is_in_force: bool,
}

/// How the box is on its line, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineShown {
    /// The line says what the box is.
    Dhcp,
    /// The box is told.
    Fixed {
        /// Its address, with the length of the prefix.
        address: String,
        /// The provider's router.
        gateway: String,
        /// The DNS servers, with commas between.
        resolvers: String,
    },
}

/// What somebody has typed.
#[derive(Clone, Copy, Debug)]
pub enum TypedLine<'t> {
    /// By DHCP.
    Dhcp,
    /// By an address.
    Fixed {
        /// The address, with the length of the prefix.
        address: &'t str,
        /// The provider's router.
        gateway: &'t str,
        /// The DNS servers.
        resolvers: &'t str,
    },
}

/// What is wrong with what was typed. Each has words, with what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// The address is none, or has no prefix.
    Address,
    /// The gateway is none, or not in the address's prefix.
    Gateway,
    /// The DNS servers are none, or too many.
    Resolvers,
    /// It is in the school's own range.
    School,
    /// The box cannot write.
    Disk,
    /// The box is fresh no more: its page for everybody is gone.
    Taken,
}

/// Why the line is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineTrouble {
    /// What was typed.
    Typed(LineFault),
    /// Whoever typed it.
    Person(Trouble),
}

impl LineFault {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Address, Self::Gateway, Self::Resolvers, Self::School, Self::Disk, Self::Taken];

    /// The text that says what it is, and what to do.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Address => "line-fault-address",
            Self::Gateway => "line-fault-gateway",
            Self::Resolvers => "line-fault-resolvers",
            Self::School => "line-fault-school",
            Self::Disk => "line-fault-disk",
            Self::Taken => "line-fault-taken",
        }
    }
}

impl From<Trouble> for LineTrouble {
    fn from(trouble: Trouble) -> Self {
        Self::Person(trouble)
    }
}

impl From<LineFault> for LineTrouble {
    fn from(fault: LineFault) -> Self {
        Self::Typed(fault)
    }
}
