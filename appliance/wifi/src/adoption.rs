//! Access points that make themselves known to the box: what they say, and how the box knows that the commune prepared them.
//!
//! All access points of a commune have its adoption key, from the image that they were given. One that is plugged in says its
//! hardware address, the fingerprint of its certificate and its radios, with a proof by that key. Who lacks the key proves nothing: a laptop
//! that claims to be an access point is never shown to anybody. What is replayed names the true one's certificate, which a laptop cannot show.

use std::fmt;
use std::str::FromStr;

use model::Mac;
use ring::hmac;

use crate::Channel;

/// Bytes of an adoption key.
const KEY_BYTES: usize = 32;
/// Bytes of a certificate's fingerprint: SHA-256.
const FINGERPRINT_BYTES: usize = 32;
/// Most radios of an access point.
const RADIOS_MAX: usize = 4;
/// Longest name of a radio, in bytes: OpenWrt's are `radio0` and the like.
const RADIO_BYTES_MAX: usize = 16;
/// What an announcement is proved for, and what a password is made for: neither stands for the other.
const ANNOUNCEMENT: &str = "preau access point 1";
const PASSWORD: &str = "preau password 1";

/// The commune's key, the same on all of its boxes and access points. Not in any log.
#[derive(Clone, PartialEq, Eq)]
pub struct AdoptionKey([u8; KEY_BYTES]);

/// Not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an adoption key is 64 hexadecimal digits, as `openssl rand -hex 32` prints them")]
pub struct AdoptionKeyError;

/// A radio of an access point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncedRadio {
    /// What its configuration calls it: `radio0`.
    pub name: String,
    /// Whether it is of the band of 5 GHz; else of 2.4.
    pub is_five_ghz: bool,
}

/// What an access point says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The hardware address of its wire, as its label has it.
    pub mac: Mac,
    /// The SHA-256 of its certificate.
    pub certificate: [u8; FINGERPRINT_BYTES],
    /// Its radios.
    pub radios: Vec<AnnouncedRadio>,
}

impl AdoptionKey {
    /// Whether an announcement was made by a machine that has this key. `proof` is hexadecimal.
    #[must_use]
    pub fn proves(&self, announcement: &Announcement, proof: &str) -> bool {
        let Some(proof) = read_hex::<32>(proof) else { return false };
        hmac::verify(&self.key(), announcement.text().as_bytes(), &proof).is_ok()
    }

    /// The proof of an announcement, in hexadecimal digits, as the access point makes it.
    #[must_use]
    pub fn prove(&self, announcement: &Announcement) -> String {
        hex(hmac::sign(&self.key(), announcement.text().as_bytes()).as_ref())
    }

    /// By which word the box is known to the access point with this hardware address: it makes its own at its first start.
    #[must_use]
    pub fn password(&self, mac: Mac) -> String {
        hex(hmac::sign(&self.key(), format!("{PASSWORD}\n{mac}\n").as_bytes()).as_ref())
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.0)
    }
}

impl FromStr for AdoptionKey {
    type Err = AdoptionKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read_hex(text.trim()).map(Self).ok_or(AdoptionKeyError)
    }
}

impl fmt::Debug for AdoptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdoptionKey(…)")
    }
}

impl Announcement {
    /// What came by the wire: an address, 64 hexadecimal digits, and radios with their bands, `radio0:5g radio1:2g`. `None` where it is none.
    #[must_use]
    pub fn read(mac: &str, certificate: &str, radios: &str) -> Option<Self> {
        let radios: Vec<_> = radios.split_ascii_whitespace().map(read_radio).collect::<Option<_>>()?;
        let is_plausible = (1..=RADIOS_MAX).contains(&radios.len());
        let announcement = Self { mac: mac.parse().ok()?, certificate: read_hex(certificate)?, radios };
        is_plausible.then_some(announcement)
    }

    /// The radio that the box takes for a room, and its channel: 5 GHz where there is one, on the channel that the fewest others have.
    #[must_use]
    pub fn choose(&self, taken: &[Channel]) -> Option<(&str, Channel)> {
        let radio = self.radios.iter().find(|radio| radio.is_five_ghz).or_else(|| self.radios.first())?;
        let channels: &[u8] = if radio.is_five_ghz { &[36, 40, 44, 48] } else { &[1, 6, 11] };
        let channels = channels.iter().filter_map(|&number| Channel::new(number).ok());
        let others = |channel: &Channel| taken.iter().filter(|other| *other == channel).count();
        channels.min_by_key(others).map(|channel| (radio.name.as_str(), channel))
    }

    /// What the proof is of.
    fn text(&self) -> String {
        let radios: Vec<String> = self
            .radios
            .iter()
            .map(|radio| format!("{}:{}", radio.name, if radio.is_five_ghz { "5g" } else { "2g" }))
            .collect();
        format!("{ANNOUNCEMENT}\n{}\n{}\n{}\n", self.mac, hex(&self.certificate), radios.join(" "))
    }
}

fn read_radio(word: &str) -> Option<AnnouncedRadio> {
    let (name, band) = word.split_once(':')?;
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_name = (1..=RADIO_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_word);
    let is_five_ghz = match band {
        "5g" => true,
        "2g" => false,
        _ => return None,
    };
    is_name.then(|| AnnouncedRadio { name: name.to_owned(), is_five_ghz })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, place) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(place..place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn key(digit: &str) -> AdoptionKey {
        digit.repeat(64).parse().unwrap()
    }

    fn announcement(mac: &str, radios: &str) -> Announcement {
        Announcement::read(mac, CERTIFICATE, radios).unwrap()
    }

    #[test]
    fn who_lacks_the_key_proves_nothing() {
        let true_one = announcement("02:aa:00:00:00:01", "radio0:5g radio1:2g");
        let proof = key("a").prove(&true_one);
        assert!(key("a").proves(&true_one, &proof));
        assert!(!key("b").proves(&true_one, &proof));
        for other in [
            announcement("02:aa:00:00:00:02", "radio0:5g radio1:2g"),
            announcement("02:aa:00:00:00:01", "radio0:2g radio1:5g"),
            Announcement { certificate: [7; 32], ..true_one.clone() },
        ] {
            assert!(!key("a").proves(&other, &proof), "{other:?}");
        }
        for wrong in ["", "00", &proof[2..], &proof.replace(char::is_numeric, "g"), &"0".repeat(64)] {
            assert!(!key("a").proves(&true_one, wrong), "{wrong}");
        }
        assert_ne!(key("a").password(true_one.mac), proof);
        assert!(!format!("{:?}", key("a")).contains("aa"));
    }

    /// As the script of `firmware-config/openwrt` makes them, which a test of the driver's room runs: computed by `openssl dgst -mac HMAC`.
    #[test]
    fn the_same_as_any_other_program_makes() {
        let mac = "02:aa:00:00:00:01".parse().unwrap();
        assert_eq!(
            key("a").password(mac),
            "e91bf462bc4255037dbb744d8f3346f8d97e4ede9dc0e0ef32f866c0027c0fbc"
        );
    }

    #[test]
    fn what_is_no_announcement() {
        let many = "radio0:5g ".repeat(5);
        for (mac, certificate, radios) in [
            ("", CERTIFICATE, "radio0:5g"),
            ("02:aa:00:00:00:01", "00", "radio0:5g"),
            ("02:aa:00:00:00:01", CERTIFICATE, ""),
            ("02:aa:00:00:00:01", CERTIFICATE, "radio0"),
            ("02:aa:00:00:00:01", CERTIFICATE, "radio0:6g"),
            ("02:aa:00:00:00:01", CERTIFICATE, "radio'0:5g"),
            ("02:aa:00:00:00:01", CERTIFICATE, &many),
        ] {
            assert_eq!(Announcement::read(mac, certificate, radios), None, "{mac} {certificate} {radios}");
        }
        for wrong in ["", "a", &"g".repeat(64), &"a".repeat(65)] {
            assert_eq!(wrong.parse::<AdoptionKey>(), Err(AdoptionKeyError), "{wrong}");
        }
    }

    #[test]
    fn a_room_gets_the_channel_that_the_fewest_have() {
        let channels = |numbers: &[u8]| -> Vec<Channel> {
            numbers.iter().map(|&number| Channel::new(number).unwrap()).collect()
        };
        let check = |radios: &str, taken: &[u8], radio: &str, channel: u8| {
            let announcement = announcement("02:aa:00:00:00:01", radios);
            let (name, chosen) = announcement.choose(&channels(taken)).unwrap();
            assert_eq!((name, chosen), (radio, Channel::new(channel).unwrap()), "{radios} {taken:?}");
        };
        check("radio0:2g radio1:5g", &[], "radio1", 36);
        check("radio0:5g", &[36, 40, 36], "radio0", 44);
        check("radio0:2g", &[1, 36], "radio0", 6);
    }
}
