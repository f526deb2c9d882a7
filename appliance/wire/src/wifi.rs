//! What access points say of themselves on the air: beacons and probe responses of IEEE 802.11.
//!
//! Own code, because the crates that read these frames index what they are sent without looking.

mod beacon;
mod elements;
mod security;

pub use beacon::Beacon;
pub use security::{Akm, CipherSuite, Rsn};

/// The 802.11 frame behind a radiotap header (radiotap.org), which radios in monitor mode put before each.
#[must_use]
pub fn skip_radiotap(packet: &[u8]) -> Option<&[u8]> {
    let [0, _, low, high, ..] = packet else { return None };
    packet.get(usize::from(u16::from_le_bytes([*low, *high])).max(MIN_RADIOTAP_BYTES)..)
}

/// Version, padding, length and one word of fields.
const MIN_RADIOTAP_BYTES: usize = 8;
