//! The school's Wi-Fi: what a network is, what is wrong with the configuration of an access point, and the files by
//! which tablets and PCs join without anybody typing a key.
//!
//! [`lint`] reads the configuration of an access point as somebody wrote it; [`joining`] writes files for devices.
//! [`plan`] says what an access point has to do next, from what it shall be and what it was found to be; a [`Drive`] does it.
//!
//! Invariant: pure. No socket, file, clock or async runtime; chance is an argument.
//! Invariant: a key is told to whoever asks for the file that needs it, and to no log.
//! Invariant: no access point is told to send without an end that lies ahead.

mod access_point;
mod adoption;
mod country;
mod drive;
mod hostapd;
mod intent;
pub mod joining;
mod key;
pub mod lint;
mod network;
mod openwrt;
mod plan;
mod power;
mod school_year;
mod setup;
mod ssid;
mod station;
mod status;
mod vlan;

pub use access_point::{AccessPoint, KeyPolicy, Kind, PointPassword, RoomNetwork};
pub use adoption::{AdoptionKey, AdoptionKeyError, AnnouncedRadio, Announcement};
pub use country::{Country, CountryError};
pub use drive::{Drive, DriveError};
pub use hostapd::{Channel, ChannelError, DeviceKey, Radio, render_hostapd, render_keys};
pub use intent::{Intent, Wish, intend};
pub use key::{DrawError, Passphrase, PassphraseError, Pmk};
pub use network::{Network, Security};
pub use openwrt::{Options, UNTIL_OPTION, Wireless, render_openwrt, section_name, select, stamp_openwrt};
pub use plan::{Reality, STEPS_MAX, Step, plan};
pub use power::{Power, PowerError};
pub use school_year::{end_of_school_year, is_of_an_earlier_year};
pub use setup::{Served, Setup, Stamp, Stamps};
pub use ssid::{Ssid, SsidError};
pub use station::{Event, KeyId, Station, read_event, read_station};
pub use status::{Sight, Silence, Status};
pub use vlan::{Apart, Vlan, render_vlans};
