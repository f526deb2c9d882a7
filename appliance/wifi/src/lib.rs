//! The school's Wi-Fi: what a network is, what is wrong with the configuration of an access point, and the files by
//! which tablets and PCs join without anybody typing a key.
//!
//! [`lint`] reads the configuration of an access point as somebody wrote it; [`joining`] writes files for devices.
//!
//! Invariant: pure. No socket, file, clock or async runtime; chance is an argument.
//! Invariant: a key is told to whoever asks for the file that needs it, and to no log.

mod hostapd;
pub mod joining;
mod key;
pub mod lint;
mod network;
mod ssid;

pub use hostapd::{Channel, ChannelError, DeviceKey, Radio, render_hostapd, render_keys};
pub use key::{DrawError, Passphrase, PassphraseError, Pmk};
pub use network::{Network, Security};
pub use ssid::{Ssid, SsidError};
