//! The way of a browser to the provider and back: state, nonce and the verifier of PKCE.
//!
//! Nothing of it is kept: all three follow from the visitor's cookie, which no other site reads, and from what stands in the state itself, the moment and some chance. So
//! whichever process of the hub is come back to goes on, and nobody fills a table by leaving.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Timestamp;
use ring::digest::{SHA256, digest};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};

/// How long somebody may take at the provider, in milliseconds: a forgotten telephone is fetched.
const TRIP_MS: u64 = 15 * 60_000;
/// Digits of the moment, and bytes of chance.
const MOMENT_DIGITS: usize = 16;
const CHANCE_BYTES: usize = 16;
const HEAD_DIGITS: usize = MOMENT_DIGITS + 2 * CHANCE_BYTES;
/// What is derived, and for what.
const STATE: &str = "preau oidc state 1 ";
const NONCE: &str = "preau oidc nonce 1 ";
const VERIFIER: &str = "preau oidc verifier 1 ";

pub(super) struct Trip {
    /// What comes back with the browser.
    pub(super) state: String,
    /// What comes back in the token.
    pub(super) nonce: String,
    /// What the hub alone can show for the code (RFC 7636).
    pub(super) verifier: String,
}

impl Trip {
    /// Of the browser with this cookie; `None` when the system gives no chance.
    pub(super) fn begin(cookie: &str, now: Timestamp) -> Option<Self> {
        let mut chance = [0; CHANCE_BYTES];
        SystemRandom::new().fill(&mut chance).ok()?;
        Some(Self::of(cookie, &format!("{:016x}{}", now.unix_ms().unsigned_abs(), hex(&chance))))
    }

    /// The one that this browser began, and not too long ago.
    pub(super) fn resume(cookie: &str, state: &str, now: Timestamp) -> Option<Self> {
        let head = state.get(..HEAD_DIGITS)?;
        let trip = Self::of(cookie, head);
        // Hashes are compared: how long that takes tells nothing of the right one.
        let [own, shown] = [trip.state.as_str(), state].map(|text| digest(&SHA256, text.as_bytes()));
        let began = i64::from_str_radix(head.get(..MOMENT_DIGITS)?, 16).ok()?;
        let began = Timestamp::from_unix_ms(began);
        (own.as_ref() == shown.as_ref() && began <= now && now.ms_since(began) <= TRIP_MS).then_some(trip)
    }

    /// What the provider is told of the verifier.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.as_bytes()))
    }

    fn of(cookie: &str, head: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, cookie.as_bytes());
        let derive = |what: &str| hmac::sign(&key, format!("{what}{head}").as_bytes());
        Self {
            state: format!("{head}{}", hex(derive(STATE).as_ref())),
            nonce: hex(derive(NONCE).as_ref()),
            verifier: URL_SAFE_NO_PAD.encode(derive(VERIFIER)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);

    fn later(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(NOW.unix_ms() + ms)
    }

    #[test]
    fn a_browser_comes_back_to_what_it_began_and_nobody_else_does() {
        let trip = Trip::begin("00ff", NOW).unwrap();
        let back = Trip::resume("00ff", &trip.state, later(60_000)).unwrap();
        assert_eq!((&back.nonce, &back.verifier), (&trip.nonce, &trip.verifier));
        assert_eq!(trip.verifier.len(), 43, "as RFC 7636 wants it");
        assert!(Trip::resume("00fe", &trip.state, NOW).is_none(), "another browser");
        assert!(Trip::resume("00ff", &trip.state, later(15 * 60_000 + 1)).is_none(), "too late");
        assert!(Trip::resume("00ff", &trip.state, later(-1)).is_none(), "from the future");
        let other = Trip::begin("00ff", NOW).unwrap();
        assert!(other.state != trip.state && other.nonce != trip.nonce && other.verifier != trip.verifier);
        let mut wrong = trip.state.clone();
        wrong.replace_range(20..21, if wrong.as_bytes()[20] == b'0' { "1" } else { "0" });
        for state in [wrong.as_str(), &trip.state[1..], &format!("{}0", trip.state), "", "é"] {
            assert!(Trip::resume("00ff", state, NOW).is_none(), "{state}");
        }
    }

    /// RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_that_of_the_standard() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        let trip = Trip { state: String::new(), nonce: String::new(), verifier };
        assert_eq!(trip.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
