//! The access points of a school, and the networks of its rooms, as the configuration has them.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use model::{AccessPointName, RoomName};

use crate::{Apart, Channel, Security, Ssid};

/// An access point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPoint {
    /// What the configuration calls it.
    pub name: AccessPointName,
    /// The room that it serves.
    pub room: RoomName,
    /// Its channel.
    pub channel: Channel,
    /// What it is, and how it is told to send.
    pub kind: Kind,
}

/// What an access point is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A radio of the box, served by hostapd.
    Hostapd {
        /// The wireless interface, as `wlan0`.
        interface: String,
        /// The bridge of the school's network that stations are put into; without one, the interface stands alone.
        bridge: Option<String>,
    },
    /// A machine with OpenWrt, told over HTTPS.
    OpenWrt {
        /// Where it answers.
        address: SocketAddr,
        /// The SHA-256 of its certificate, as it was seen at its adoption.
        certificate: [u8; 32],
        /// The radio, as its configuration calls it: `radio0`.
        radio: String,
        /// Who the box is to it.
        user: String,
        /// The password that goes with it.
        password: PointPassword,
    },
}

/// By which word the box is known to an access point. Not in any log.
#[derive(Clone, PartialEq, Eq)]
pub enum PointPassword {
    /// What this file has.
    File(PathBuf),
    /// Made of the commune's key ([`crate::AdoptionKey`]).
    Made(String),
}

impl fmt::Debug for PointPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Made(_) => f.write_str("Made(…)"),
        }
    }
}

/// The network of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomNetwork {
    /// The room.
    pub room: RoomName,
    /// The network's name.
    pub ssid: Ssid,
    /// Who has which key.
    pub keys: KeyPolicy,
    /// How devices prove that they have it.
    pub security: Security,
    /// Whether devices reach each other: on a guest network they do not.
    pub isolates_stations: bool,
    /// Bridges apart for the devices of some profiles.
    pub apart: Vec<Apart>,
}

/// Who has which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPolicy {
    /// All devices of the room have the same one.
    Room,
    /// Each registered device of the room has its own, which identifies it whatever hardware address it makes up.
    Device,
}
