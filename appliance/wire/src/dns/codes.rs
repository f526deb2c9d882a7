//! Numbers that the IANA keeps for DNS.

/// The type of a record or of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordType(pub u16);

impl RecordType {
    /// An IPv4 address.
    pub const A: Self = Self(1);
    /// Another name that stands for this one.
    pub const CNAME: Self = Self(5);
    /// The start of a zone of authority.
    pub const SOA: Self = Self(6);
    /// A pointer to another name: what an address stands for.
    pub const PTR: Self = Self(12);
    /// Host information; RFC 8482 uses it to answer [`Self::ANY`].
    pub const HINFO: Self = Self(13);
    /// An IPv6 address.
    pub const AAAA: Self = Self(28);
    /// The carrier of EDNS (RFC 6891), never asked for.
    pub const OPT: Self = Self(41);
    /// Whatever there is.
    pub const ANY: Self = Self(255);

    /// Whether no record has this type: zone transfers, signatures of transactions and the like (RFC 6895
    /// section 3.1), [`Self::ANY`] among them.
    #[must_use]
    pub fn is_meta(self) -> bool {
        matches!(self.0, 0 | 41 | 128..=255)
    }
}

/// How a reply ends (RFC 1035 section 4.1.1, RFC 6891 section 6.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseCode {
    /// There is an answer, be it empty.
    NoError,
    /// The query breaks the format.
    FormErr,
    /// The answer could not be found out.
    ServFail,
    /// The name does not exist.
    NxDomain,
    /// The kind of query is not served.
    NotImp,
    /// The query is not served to anybody here.
    Refused,
    /// The query's EDNS version is not known.
    BadVers,
}

impl ResponseCode {
    /// The twelve bits of the extended code.
    pub(super) fn bits(self) -> u16 {
        match self {
            Self::NoError => 0,
            Self::FormErr => 1,
            Self::ServFail => 2,
            Self::NxDomain => 3,
            Self::NotImp => 4,
            Self::Refused => 5,
            Self::BadVers => 16,
        }
    }
}

/// Why an answer is what it is (RFC 8914), for people who look into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedError<'t> {
    /// A number of the IANA's table: one of the constants of this type.
    pub code: u16,
    /// The same in words.
    pub text: ErrorText<'t>,
}

/// What an extended error says beside its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorText<'t> {
    /// A line for people. As much of it goes out as fits.
    Plain(&'t str),
    /// An object for programs, for a client that asked for it (draft-ietf-dnsop-structured-dns-error). Where it does not
    /// fit, the shorter one does in its place, or none at all: half an object says nothing.
    Structured {
        /// The whole.
        full: &'t str,
        /// What can least be done without.
        short: &'t str,
    },
}

impl<'t> ExtendedError<'t> {
    /// An error with a line for people.
    #[must_use]
    pub const fn plain(code: u16, text: &'t str) -> Self {
        Self { code, text: ErrorText::Plain(text) }
    }

    /// The answer is another one than the zone's, for reasons of policy.
    pub const FORGED_ANSWER: u16 = 4;
    /// The answer was kept from earlier and is past its time.
    pub const STALE_ANSWER: u16 = 3;
    /// The same failure as a moment ago.
    pub const CACHED_ERROR: u16 = 13;
    /// The server is not able to answer at the moment.
    pub const NOT_READY: u16 = 14;
    /// The name is on a blocklist of whoever runs the server.
    pub const BLOCKED: u16 = 15;
    /// The server holds no such name and asks nobody.
    pub const NOT_SUPPORTED: u16 = 21;
    /// No server that could know answered.
    pub const NO_REACHABLE_AUTHORITY: u16 = 22;
}
