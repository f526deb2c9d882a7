//! Keys of a WPA2 or WPA3 network.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use ring::pbkdf2;
use ring::rand::SecureRandom;

use crate::Ssid;

/// Lengths of a passphrase, in characters (IEEE 802.11-2020 annex J.4.1).
const CHARACTERS_MIN: usize = 8;
const CHARACTERS_MAX: usize = 63;
/// Characters of a drawn key that nobody takes for one another on paper: without `i`, `l`, `o`, `0`, `1`. Small letters
/// and digits need no other keyboard on a tablet, and no escape in any of the files that a key stands in.
const LEGIBLE: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// A drawn key is made of groups, with a dash between them: 24 characters, 99 bits.
const GROUPS: usize = 5;
const GROUP_CHARACTERS: usize = 4;
/// Rounds and length of the key that devices compute with (IEEE 802.11-2020 annex J.4.1).
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4095);
const PMK_BYTES: usize = 32;
/// Draws of a byte for each character: a byte is of no use once in 32 times. Chance that fails so often is none.
const DRAWS_MAX: usize = 4096;

/// What people type, or their devices are given: 8 to 63 printable ASCII characters (IEEE 802.11-2020 annex J.4.1). Not in any log.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(Box<str>);

/// The pairwise master key (IEEE 802.11-2020 section 12.7.1.3) that a passphrase makes with the name of one network (annex J.4.1). Not in any log.
#[derive(Clone, PartialEq, Eq)]
pub struct Pmk([u8; PMK_BYTES]);

/// The system gives no chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no key can be drawn: the system gives no chance")]
pub struct DrawError;

impl Passphrase {
    /// Draws a key of 24 characters that nobody chose.
    ///
    /// # Errors
    /// [`DrawError`].
    pub fn draw(random: &dyn SecureRandom) -> Result<Self, DrawError> {
        let mut drawn = Vec::with_capacity(GROUPS * GROUP_CHARACTERS);
        for _ in 0..DRAWS_MAX {
            let mut byte = [0];
            random.fill(&mut byte).map_err(|_| DrawError)?;
            let [byte] = byte;
            // Five bits; the one number of 32 that stands for no character is thrown away: all are as likely.
            drawn.extend(LEGIBLE.get(usize::from(byte & 0x1f)).map(|&character| char::from(character)));
            if drawn.len() == GROUPS * GROUP_CHARACTERS {
                let groups = drawn.chunks(GROUP_CHARACTERS).map(|group| group.iter().collect::<String>());
                return Ok(Self(groups.collect::<Vec<_>>().join("-").into()));
            }
        }
        Err(DrawError)
    }

    /// The key itself, for the file or the screen that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The key that devices compute with: by it an access point need not compute for each of a thousand keys.
    #[must_use]
    pub fn pmk(&self, ssid: &Ssid) -> Pmk {
        let mut pmk = [0; PMK_BYTES];
        let (salt, secret) = (ssid.as_str().as_bytes(), self.0.as_bytes());
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA1, ROUNDS, salt, secret, &mut pmk);
        Pmk(pmk)
    }
}

impl Pmk {
    /// 64 hexadecimal digits, as hostapd and `wpa_supplicant` take it.
    #[must_use]
    pub fn reveal_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl FromStr for Passphrase {
    type Err = PassphraseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(PassphraseError::Character);
        }
        if (CHARACTERS_MIN..=CHARACTERS_MAX).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(PassphraseError::Length)
        }
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

impl fmt::Debug for Pmk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pmk(…)")
    }
}

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    /// Devices refuse it.
    #[error("a key has {CHARACTERS_MIN} to {CHARACTERS_MAX} characters")]
    Length,
    /// An accent or a control character: devices do not agree on its bytes.
    #[error("a key has letters without accents, digits and signs only")]
    Character,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ring::rand::SystemRandom;

    use super::*;

    #[test]
    fn drawn_keys_are_long_legible_and_never_the_same() {
        let keys: Vec<_> = (0..200).map(|_| Passphrase::draw(&SystemRandom::new()).unwrap()).collect();
        let different: BTreeSet<_> = keys.iter().map(Passphrase::reveal).collect();
        assert_eq!(different.len(), keys.len());
        let mut met = BTreeSet::new();
        for key in &keys {
            let text = key.reveal();
            assert_eq!(text.len(), 24, "{text}");
            assert_eq!(text.parse(), Ok(key.clone()));
            for (place, byte) in text.bytes().enumerate() {
                assert_eq!(byte == b'-', place % 5 == 4, "{text}");
                assert!(byte == b'-' || LEGIBLE.contains(&byte), "{text}");
                met.insert(byte);
            }
        }
        // 4,000 characters: one that never comes is one that is never drawn.
        assert_eq!(met.len(), LEGIBLE.len() + 1);
    }

    /// The examples of IEEE 802.11-2020 annex J.4.2.
    #[test]
    fn the_standards_own_examples() {
        let check = |passphrase: &str, ssid: &str, expected: &str| {
            let passphrase: Passphrase = passphrase.parse().unwrap();
            assert_eq!(passphrase.pmk(&ssid.parse().unwrap()).reveal_hex(), expected, "{ssid}");
        };
        check("password", "IEEE", "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e");
        check(
            "ThisIsAPassword",
            "ThisIsASSID",
            "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af",
        );
        check(
            &"a".repeat(32),
            &"Z".repeat(32),
            "becb93866bb8c3832cb777c2f559807c8c59afcb6eae734885001300a981cc62",
        );
    }

    #[test]
    fn what_is_no_key() {
        assert_eq!("1234567".parse::<Passphrase>(), Err(PassphraseError::Length));
        assert_eq!("1".repeat(64).parse::<Passphrase>(), Err(PassphraseError::Length));
        assert_eq!("clé de l'école".parse::<Passphrase>(), Err(PassphraseError::Character));
        let key: Passphrase = "12345678".parse().unwrap();
        assert_eq!(format!("{key:?} {:?}", key.pmk(&"a".parse().unwrap())), "Passphrase(…) Pmk(…)");
    }
}
