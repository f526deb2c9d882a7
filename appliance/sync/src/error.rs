//! Why nothing came of it, in words for the technician who stands before the box.

use std::io;

use archive::WitnessError;
use replication::{Refusal, SnapshotError};
use rustls::{AlertDescription, CertificateError};

use crate::identity::NightFault;

/// Why a box did not enrol, or a night was cut. What was sent is there, and is gone on with.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The hub does not do it.
    #[error("{0}")]
    Refused(Refusal),
    /// Nobody answers.
    #[error("the hub {url} does not answer: is the address right, and is the line up?")]
    NoAnswer {
        /// Where.
        url: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The certificate is for another time.
    #[error("the hub's certificate is not good at the time that this box shows: set the box's clock")]
    Clock,
    /// The certificate is for another name.
    #[error(
        "what answers at {0} is a hub of another name: give the address that the hub was told (preau hub --name)"
    )]
    Name(String),
    /// The certificate is somebody else's.
    #[error("what answers at {0} is not the hub that this box enrolled at: somebody may stand between")]
    Stranger(String),
    /// The hub ends the handshake over what the box shows: it is too old, or of another authority over boxes.
    #[error(
        "the hub {0} does not take this box's certificate: enrol the box again (preau enrol CODE --hub URL --again)"
    )]
    Untaken(String),
    /// It has not proven that it made the code.
    #[error(
        "what answers at {0} did not make this code: it is another hub, or somebody stands between. Nothing of it was believed"
    )]
    FalseHub(String),
    /// What answers does not talk as a hub does.
    #[error("what answers at {0} is no hub, or a much newer one")]
    NoHub(String),
    /// A file or a folder of the box fails.
    #[error("cannot read or write {what}")]
    Disk {
        /// What.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// A file of the box is not what it was.
    #[error("{0} is damaged: enrol this box again")]
    Damaged(String),
    /// The hub's signature of the log is none.
    #[error("what the hub has signed is not this box's log")]
    Signature(#[source] WitnessError),
    /// An older policy than the one that is here: somebody plays it again, or the hub was put back to an old state.
    #[error(
        "the hub brings the commune's policy {given}, and {found} is here already: an old one is not taken"
    )]
    OldPolicy {
        /// The number of the one that is here.
        found: u64,
        /// The number of the one that came.
        given: u64,
    },
    /// It is not signed by the hub, or is none.
    #[error("the commune's policy that the hub brings is not signed by it, or is none: it is not taken")]
    Policy,
    /// What the commune says to the school is older than what is here: somebody plays it again, or the hub was put back to an old state.
    #[error(
        "the hub brings what was said to this school under the number {given}, and {found} is here already: an old one is not taken"
    )]
    OldSheet {
        /// The number of the one that is here.
        found: u64,
        /// The number of the one that came.
        given: u64,
    },
    /// It is not signed by the hub, is none, or is another school's.
    #[error("what the hub says to this school is not signed by it, or is for another one: it is not taken")]
    Sheet,
    /// It would lose what somebody has entered.
    #[error(
        "the code is for a box that takes another one's place, and this one has devices, people or rules of its own: it is as good as before. \
         With --discard-state, this box's own state goes, and it takes over the school's"
    )]
    HasState,
    /// The hub heard the proof, and knows nothing of it any more.
    #[error("the hub has lost what this box began: type the same code again, on this box")]
    LostExchange,
    /// What the hub gave for the state of another box is none.
    #[error("what the hub gave is no state of a box")]
    Snapshot(#[source] SnapshotError),
    /// The box was never enrolled.
    #[error("this box is not enrolled: preau enrol CODE --hub URL")]
    NotEnrolled,
    /// Another process does it.
    #[error("another process syncs this box right now")]
    Busy,
    /// Somebody wants it to stop.
    #[error("stopped; it goes on the next time")]
    Stopped,
}

impl SyncError {
    /// Whether nothing else can be done in a night after it: nobody answers whom the box believes, or who answers does not take the box.
    pub(crate) fn ends_night(&self) -> bool {
        match self {
            Self::NoAnswer { .. }
            | Self::Clock
            | Self::Name(_)
            | Self::Stranger(_)
            | Self::Untaken(_)
            | Self::FalseHub(_)
            | Self::NotEnrolled
            | Self::Busy
            | Self::Stopped
            | Self::Refused(Refusal::UnknownBox | Refusal::RevokedBox) => true,
            Self::Refused(_)
            | Self::NoHub(_)
            | Self::Disk { .. }
            | Self::Damaged(_)
            | Self::Signature(_)
            | Self::OldPolicy { .. }
            | Self::Policy
            | Self::OldSheet { .. }
            | Self::Sheet
            | Self::HasState
            | Self::LostExchange
            | Self::Snapshot(_) => false,
        }
    }

    /// Whether the hub does not take the box: no later night succeeds until somebody enrols it again.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Untaken(_) | Self::Refused(Refusal::UnknownBox | Refusal::RevokedBox))
    }

    /// Of which kind it is, where a night failed by it.
    #[must_use]
    pub fn fault(&self) -> NightFault {
        if self.is_refusal() {
            return NightFault::Refused;
        }
        match self {
            Self::NoAnswer { .. } => NightFault::Silent,
            Self::Clock => NightFault::Clock,
            Self::Name(_) | Self::Stranger(_) | Self::FalseHub(_) => NightFault::Stranger,
            Self::Disk { .. } | Self::Damaged(_) | Self::NotEnrolled => NightFault::Disk,
            Self::OldPolicy { .. } | Self::OldSheet { .. } => NightFault::Old,
            Self::Signature(_) | Self::Policy | Self::Sheet => NightFault::Unsigned,
            Self::Refused(_)
            | Self::Untaken(_)
            | Self::NoHub(_)
            | Self::HasState
            | Self::LostExchange
            | Self::Snapshot(_)
            | Self::Busy
            | Self::Stopped => NightFault::Broken,
        }
    }

    /// What the client's error means for the hub at `url`.
    pub(crate) fn from_client(error: ureq::Error, url: &str) -> Self {
        match find_tls(&error) {
            Some(tls) => Self::from_tls(tls, url),
            None => Self::NoAnswer { url: url.to_owned(), source: Box::new(error) },
        }
    }

    /// What an error of the handshake means.
    pub(crate) fn from_tls(error: &rustls::Error, url: &str) -> Self {
        let url = url.to_owned();
        if let rustls::Error::AlertReceived(alert) = error
            && is_about_certificate(*alert)
        {
            return Self::Untaken(url);
        }
        let rustls::Error::InvalidCertificate(error) = error else {
            return Self::NoAnswer { url, source: Box::new(error.clone()) };
        };
        if is_of_another_time(error) {
            Self::Clock
        } else if is_of_another_name(error) {
            Self::Name(url)
        } else {
            Self::Stranger(url)
        }
    }

    /// A file that fails.
    pub(crate) fn disk(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |source| Self::Disk { what, source }
    }
}

/// The error of the handshake, where it was that.
fn find_tls(error: &ureq::Error) -> Option<&rustls::Error> {
    if let ureq::Error::Rustls(error) = error {
        return Some(error);
    }
    let ureq::Error::Io(error) = error else { return None };
    error.get_ref()?.downcast_ref()
}

/// Whether who answers ends the handshake over the certificate that it was shown (RFC 8446, section 6.2).
fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
    )
}

fn is_of_another_time(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    )
}

fn is_of_another_name(error: &CertificateError) -> bool {
    matches!(error, CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_that_failed_has_a_kind() {
        let check = |error: SyncError, expected| assert_eq!(error.fault(), expected, "{error}");
        check(SyncError::Untaken(String::new()), NightFault::Refused);
        check(SyncError::Refused(Refusal::RevokedBox), NightFault::Refused);
        check(SyncError::Refused(Refusal::Broken), NightFault::Broken);
        check(SyncError::Stranger(String::new()), NightFault::Stranger);
        check(SyncError::OldPolicy { found: 2, given: 1 }, NightFault::Old);
        check(SyncError::Policy, NightFault::Unsigned);
        check(SyncError::Damaged(String::new()), NightFault::Disk);
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_said_in_words() {
        let check = |error: CertificateError, expected: &str| {
            let error = io::Error::other(rustls::Error::InvalidCertificate(error));
            let told = SyncError::from_client(ureq::Error::Io(error), "https://hub.example:443").to_string();
            assert!(told.contains(expected), "{told}");
        };
        check(CertificateError::Expired, "set the box's clock");
        check(CertificateError::NotValidYet, "set the box's clock");
        check(CertificateError::NotValidForName, "a hub of another name");
        check(CertificateError::UnknownIssuer, "somebody may stand between");
        let told = |alert: AlertDescription| {
            let error = io::Error::other(rustls::Error::AlertReceived(alert));
            SyncError::from_client(ureq::Error::Io(error), "https://hub.example:443")
        };
        let old = told(AlertDescription::CertificateExpired);
        assert!(
            old.to_string().contains("enrol the box again") && old.is_refusal() && old.ends_night(),
            "{old}"
        );
        assert!(told(AlertDescription::UnknownCA).is_refusal());
        assert!(matches!(told(AlertDescription::HandshakeFailure), SyncError::NoAnswer { .. }));
        let silent = SyncError::from_client(ureq::Error::ConnectionFailed, "https://hub.example:443");
        assert!(silent.to_string().contains("does not answer"), "{silent}");
    }
}
