//! TLS alerts (RFC 8446 section 6).

/// A fatal alert that the box sends in place of a server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alert {
    /// The hello is longer than anything a client would send.
    RecordOverflow,
    /// The server name is an address, or no name at all.
    IllegalParameter,
    /// The policy refuses the name.
    AccessDenied,
    /// The hello breaks its protocol.
    DecodeError,
    /// The box cannot do its part: the journal is closed, or the site does not answer.
    InternalError,
    /// The hello has no server name.
    MissingExtension,
}

impl Alert {
    /// The alert's number on the wire.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::RecordOverflow => 22,
            Self::IllegalParameter => 47,
            Self::AccessDenied => 49,
            Self::DecodeError => 50,
            Self::InternalError => 80,
            Self::MissingExtension => 109,
        }
    }

    /// The whole alert record, unencrypted as it stands before any key is agreed: type 21, version 3.3,
    /// length 2, level fatal, code.
    #[must_use]
    pub fn record(self) -> [u8; 7] {
        [21, 3, 3, 0, 2, 2, self.code()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_registry() {
        let check = |alert: Alert, code: u8| assert_eq!(alert.record(), [21, 3, 3, 0, 2, 2, code]);
        check(Alert::RecordOverflow, 22);
        check(Alert::IllegalParameter, 47);
        check(Alert::AccessDenied, 49);
        check(Alert::DecodeError, 50);
        check(Alert::InternalError, 80);
        check(Alert::MissingExtension, 109);
    }
}
