//! How box and hub prove to each other that both have the code: SPAKE2 (RFC 9382's family, the crate's own transcript), then a proof
//! of each.
//!
//! ```text
//! box                                             hub
//!  |   Begin { number, message }                   |
//!  |---------------------------------------------->|   a session for this code
//!  |   Begun { session, message }                  |
//!  |<----------------------------------------------|
//!  |   Proof { session, request, proof }           |
//!  |---------------------------------------------->|   wrong: one try less. Right: the box is enrolled
//!  |   Proved { reply, proof }                     |
//!  |<----------------------------------------------|   wrong: nothing of the reply is believed
//! ```
//!
//! The authority behind the certificate that the box saw is part of both names: whoever stands between has another one, and
//! both sides then have different keys. The box proves first, so that whoever only asks the hub learns nothing to try codes with; a
//! false hub gets one try for each time that somebody types the code.

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use ring::{hkdf, hmac};
use spake2::{Ed25519Group, Identity, Password, Spake2};
use zeroize::Zeroizing;

use crate::code::{CodeNumber, EnrolmentCode};

/// What else a proof could be taken for, this is not.
const CONTEXT: &[u8] = b"preau enrolment 1";
const BOX_LABEL: &[u8] = b"box";
const HUB_LABEL: &[u8] = b"hub";
/// Bytes of a key: what SHA-256 gives.
const KEY_BYTES: usize = SHA256_OUTPUT_LEN;
/// Bytes of a session's name: nobody guesses another's.
const SESSION_BYTES: usize = 16;

/// The SHA-256 of the certificate of a hub's authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthorityHash([u8; SHA256_OUTPUT_LEN]);

impl AuthorityHash {
    /// Of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let mut hash = [0; SHA256_OUTPUT_LEN];
        hash.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Self(hash)
    }
}

/// The name of an exchange under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionName(pub [u8; SESSION_BYTES]);

/// The message of the other side is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message of the exchange is none")]
pub struct ExchangeError;

/// The box's half.
pub struct BoxExchange(Spake2<Ed25519Group>);

impl BoxExchange {
    /// Begins, and gives the message for the hub whose authority this is.
    #[must_use]
    pub fn start(code: &EnrolmentCode, authority: AuthorityHash) -> (Self, Vec<u8>) {
        let (ours, theirs) = names(&code.number(), authority);
        let (state, message) = Spake2::start_a(&Password::new(code.secret()), &ours, &theirs);
        (Self(state), message)
    }

    /// Goes on with the hub's message.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub fn finish(self, message: &[u8]) -> Result<Keys, ExchangeError> {
        self.0.finish(message).map_err(|_| ExchangeError).and_then(|key| Keys::derive(&Zeroizing::new(key)))
    }
}

/// The hub's half.
pub struct HubExchange(Spake2<Ed25519Group>);

impl HubExchange {
    /// Begins, and gives the message for the box.
    #[must_use]
    pub fn start(code: &EnrolmentCode, authority: AuthorityHash) -> (Self, Vec<u8>) {
        let (theirs, ours) = names(&code.number(), authority);
        let (state, message) = Spake2::start_b(&Password::new(code.secret()), &theirs, &ours);
        (Self(state), message)
    }

    /// Goes on with the box's message.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub fn finish(self, message: &[u8]) -> Result<Keys, ExchangeError> {
        self.0.finish(message).map_err(|_| ExchangeError).and_then(|key| Keys::derive(&Zeroizing::new(key)))
    }
}

/// The names of box and hub in the exchange.
fn names(number: &CodeNumber, authority: AuthorityHash) -> (Identity, Identity) {
    let name = |label: &[u8], more: &[u8]| {
        let parts = [CONTEXT, label, number.as_str().as_bytes(), more];
        Identity::new(&parts.join(&b' '))
    };
    (name(BOX_LABEL, &[]), name(HUB_LABEL, &authority.0))
}

/// What both have where the code was the same, and nobody stood between.
pub struct Keys {
    of_box: Zeroizing<[u8; KEY_BYTES]>,
    of_hub: Zeroizing<[u8; KEY_BYTES]>,
}

/// As long as what HMAC-SHA-256 makes of it.
struct KeyLength;

impl hkdf::KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

impl Keys {
    fn derive(shared: &[u8]) -> Result<Self, ExchangeError> {
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, CONTEXT).extract(shared);
        let key = |label: &[u8]| {
            let (info, mut key) = ([label], Zeroizing::new([0; KEY_BYTES]));
            let output = secret.expand(&info, KeyLength).map_err(|_| ExchangeError)?;
            output.fill(&mut *key).map_err(|_| ExchangeError)?;
            Ok(key)
        };
        Ok(Self { of_box: key(BOX_LABEL)?, of_hub: key(HUB_LABEL)? })
    }

    /// For a hub that goes on with an exchange that another one began.
    #[must_use]
    pub fn write(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([*self.of_box, *self.of_hub].concat())
    }

    /// What [`Self::write`] wrote; `None` where it is anything else.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (of_box, of_hub) = bytes.split_at_checked(KEY_BYTES)?;
        let key = |bytes: &[u8]| bytes.try_into().ok().map(Zeroizing::new);
        Some(Self { of_box: key(of_box)?, of_hub: key(of_hub)? })
    }

    /// The box's proof, for what it asks.
    #[must_use]
    pub fn prove_as_box(&self, request: &[u8]) -> Vec<u8> {
        hmac::sign(&key(&self.of_box), request).as_ref().to_vec()
    }

    /// Whether a box with the same code asked for this.
    #[must_use]
    pub fn is_of_box(&self, request: &[u8], proof: &[u8]) -> bool {
        hmac::verify(&key(&self.of_box), request, proof).is_ok()
    }

    /// The hub's proof, for what it answers.
    #[must_use]
    pub fn prove_as_hub(&self, reply: &[u8]) -> Vec<u8> {
        hmac::sign(&key(&self.of_hub), reply).as_ref().to_vec()
    }

    /// Whether the hub that made the code answered this.
    #[must_use]
    pub fn is_of_hub(&self, reply: &[u8], proof: &[u8]) -> bool {
        hmac::verify(&key(&self.of_hub), reply, proof).is_ok()
    }
}

fn key(bytes: &[u8; KEY_BYTES]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(seed: u8) -> EnrolmentCode {
        EnrolmentCode::from_chance(&[seed; 64]).unwrap()
    }

    /// What both sides have, where the box saw this authority and the hub has that one.
    fn exchange(typed: &EnrolmentCode, seen: &[u8], made: &EnrolmentCode, own: &[u8]) -> (Keys, Keys) {
        let (of_box, to_hub) = BoxExchange::start(typed, AuthorityHash::of(seen));
        let (of_hub, to_box) = HubExchange::start(made, AuthorityHash::of(own));
        (of_box.finish(&to_box).unwrap(), of_hub.finish(&to_hub).unwrap())
    }

    #[test]
    fn both_believe_each_other_with_one_code_and_one_authority_alone() {
        let check = |typed: u8, seen: &str, made: u8, own: &str, expected: bool| {
            let (of_box, of_hub) = exchange(&code(typed), seen.as_bytes(), &code(made), own.as_bytes());
            assert_eq!(of_hub.is_of_box(b"ask", &of_box.prove_as_box(b"ask")), expected);
            assert_eq!(of_box.is_of_hub(b"answer", &of_hub.prove_as_hub(b"answer")), expected);
        };
        check(3, "the hub's", 3, "the hub's", true);
        check(4, "the hub's", 3, "the hub's", false);
        // Whoever stands between shows a certificate of his own, and passes everything on.
        check(3, "another's", 3, "the hub's", false);
    }

    #[test]
    fn a_proof_is_for_what_was_said_and_by_whom() {
        let (of_box, of_hub) = exchange(&code(3), b"a", &code(3), b"a");
        let proof = of_box.prove_as_box(b"ask");
        assert!(!of_hub.is_of_box(b"asked", &proof));
        assert!(!of_hub.is_of_box(b"ask", &of_hub.prove_as_hub(b"ask")), "sent back to its sender");
        assert!(!of_box.is_of_hub(b"ask", &proof), "sent back to its sender");
        assert!(!of_hub.is_of_box(b"ask", &[]));
        let (again, _) = exchange(&code(3), b"a", &code(3), b"a");
        assert_ne!(again.prove_as_box(b"ask"), proof, "no two exchanges have the same keys");
    }

    #[test]
    fn another_hub_goes_on_with_an_exchange() {
        let (of_box, of_hub) = exchange(&code(3), b"a", &code(3), b"a");
        let written = of_hub.write();
        let other = Keys::read(&written).unwrap();
        assert!(other.is_of_box(b"ask", &of_box.prove_as_box(b"ask")));
        assert!(of_box.is_of_hub(b"answer", &other.prove_as_hub(b"answer")));
        assert!(Keys::read(&written[1..]).is_none() && Keys::read(&[&written[..], b"x"].concat()).is_none());
    }

    #[test]
    fn no_bytes_are_fatal() {
        for message in [&b""[..], b"A", b"B", &[0x41; 33], &[0x42; 33], &[0x53; 33], &[0xff; 4_096]] {
            let (of_box, _) = BoxExchange::start(&code(3), AuthorityHash::of(b"a"));
            let (of_hub, _) = HubExchange::start(&code(3), AuthorityHash::of(b"a"));
            let _either = (of_box.finish(message).is_ok(), of_hub.finish(message).is_ok());
        }
        let (of_hub, to_box) = HubExchange::start(&code(3), AuthorityHash::of(b"a"));
        assert!(of_hub.finish(&to_box).is_err(), "its own message, sent back");
    }
}
