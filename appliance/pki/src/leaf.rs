//! What the authority vouches with: a certificate of some days.

use std::time::Duration;

use model::{ClockQuality, Timestamp};
use rcgen::CertificateParams;
use rustls::pki_types::CertificateDer;

const DAY_MS: i64 = 86_400_000;
/// How far a certificate reaches back: a PC whose clock is a day or two late has to open the box's pages too.
const BACK_MS: i64 = 2 * DAY_MS;
/// How far it reaches ahead. Short, because it cannot be taken back: whoever steals its key has it for so long.
const AHEAD_MS: i64 = 10 * DAY_MS;
/// What has to be left of it; with less, the next one is made. PCs whose clocks are some days ahead accept it still.
const LEFT_MS: i64 = 6 * DAY_MS;
/// A clock that is set back by more than this since then gets a certificate anew.
const SET_BACK_MS: i64 = DAY_MS;
/// 2026-01-01 and 2049-12-31, the first and the last moment of an authority's certificate. No box is older; from 2050 on
/// dates are written in another form (RFC 5280 section 4.1.2.5), which old readers do not know.
const FIRST_MS: i64 = 1_767_225_600_000;
const LAST_MS: i64 = 2_524_607_999_000;
/// The latter, as a moment.
pub(crate) const LAST: Timestamp = Timestamp::from_unix_ms(LAST_MS);

/// A certificate and its key. It lives in memory only.
pub struct Leaf {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key_pkcs8: Vec<u8>,
    pub(crate) validity: Validity,
}

impl Leaf {
    /// Whether it can be shown at this time; if not, the next one should be made.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp, quality: ClockQuality) -> bool {
        self.validity.is_fresh(now, quality)
    }

    /// The last moment at which it is good.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        match self.validity {
            Validity::Whole => LAST,
            Validity::Around(made) => Timestamp::from_unix_ms(made.saturating_add(AHEAD_MS)),
        }
    }

    /// The certificate in DER.
    #[must_use]
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }
}

/// For how long a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// As long as the authority. A box that does not know the time cannot say which days those are that its PCs are in; it
    /// knows it minutes after the line is up, and then makes a certificate of some days.
    Whole,
    /// Around the time of its making, in milliseconds since 1970.
    Around(i64),
}

impl Validity {
    pub(crate) fn at(now: Timestamp, quality: ClockQuality) -> Self {
        match quality {
            ClockQuality::Unset => Self::Whole,
            ClockQuality::Synchronised | ClockQuality::Unsynchronised => Self::Around(now.unix_ms()),
        }
    }

    fn is_fresh(self, now: Timestamp, quality: ClockQuality) -> bool {
        match (self, Self::at(now, quality)) {
            (Self::Whole, Self::Whole) => true,
            (Self::Whole, Self::Around(_)) | (Self::Around(_), Self::Whole) => false,
            (Self::Around(made), Self::Around(now)) => {
                let age = now.saturating_sub(made);
                (-SET_BACK_MS..=AHEAD_MS - LEFT_MS).contains(&age)
            }
        }
    }

    /// Writes it into a certificate in the making; never beyond the authority's own time.
    pub(crate) fn set(self, params: &mut CertificateParams) {
        let (first, last) = match self {
            Self::Whole => (FIRST_MS, LAST_MS),
            Self::Around(made) => (made.saturating_sub(BACK_MS), made.saturating_add(AHEAD_MS)),
        };
        let moment = |unix_ms: i64| {
            let since = u64::try_from(unix_ms.clamp(FIRST_MS, LAST_MS)).unwrap_or_default();
            rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis(since)
        };
        (params.not_before, params.not_after) = (moment(first), moment(last));
    }
}

#[cfg(test)]
mod tests {
    use ClockQuality::{Synchronised, Unset, Unsynchronised};

    use super::*;

    #[test]
    fn a_certificate_is_made_anew_long_before_its_end() {
        let made = 1_795_392_000_000;
        let check = |quality: ClockQuality, after_ms: i64, then: ClockQuality, expected: bool| {
            let validity = Validity::at(Timestamp::from_unix_ms(made), quality);
            let now = Timestamp::from_unix_ms(made + after_ms);
            assert_eq!(validity.is_fresh(now, then), expected, "{quality} {after_ms} {then}");
        };
        check(Synchronised, 0, Synchronised, true);
        check(Synchronised, 4 * DAY_MS, Unsynchronised, true);
        check(Synchronised, 4 * DAY_MS + 1, Synchronised, false);
        check(Synchronised, 1_000 * DAY_MS, Synchronised, false);
        // A time server that corrects some minutes is no reason; a clock that was a year ahead is.
        check(Unsynchronised, -60_000, Synchronised, true);
        check(Unsynchronised, -365 * DAY_MS, Synchronised, false);
        check(Unset, 0, Unset, true);
        check(Unset, 40 * DAY_MS, Unset, true);
        check(Unset, 0, Synchronised, false);
        check(Synchronised, 0, Unset, false);
    }

    #[test]
    fn no_time_is_too_strange() {
        for unix_ms in [i64::MIN, -1, 0, FIRST_MS, LAST_MS, i64::MAX] {
            let mut params = CertificateParams::default();
            Validity::Around(unix_ms).set(&mut params);
            assert!(params.not_before <= params.not_after, "{unix_ms}");
        }
    }
}
