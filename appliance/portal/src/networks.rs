//! The keys of the rooms' Wi-Fi, and the files by which devices join, as technicians take and renew them through the pages.

use std::net::IpAddr;

use model::{DeviceName, Person, RoomName, Timestamp};

use crate::Trouble;

/// The part of the box that keeps the keys of its Wi-Fi. Its calls block.
pub trait NetworkRoom: Send + Sync {
    /// The networks of the rooms, and whose keys there are: not the keys.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn networks(&self) -> Result<Vec<RoomKeys>, Trouble>;

    /// A file by which devices join. Whoever has it has the key: that it was taken is on record first.
    ///
    /// # Errors
    /// [`Trouble::Unknown`] where there is no such key, [`Trouble::Unavailable`].
    fn join_file(
        &self,
        client: IpAddr,
        person: &Person,
        bearer: &KeyBearer,
        kind: JoinFile,
    ) -> Result<Vec<u8>, Trouble>;

    /// Draws a key in place of one, which opens nothing from then on.
    ///
    /// # Errors
    /// [`Trouble::Unknown`] where there is no such key, [`Trouble::Unavailable`].
    fn renew_wifi_key(&self, client: IpAddr, person: &Person, bearer: &KeyBearer) -> Result<(), Trouble>;
}

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBearer {
    /// The room whose network it opens.
    pub room: RoomName,
    /// The device that alone has it; `None`: all devices of the room have it.
    pub device: Option<DeviceName>,
}

/// The network of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomKeys {
    /// The room.
    pub room: RoomName,
    /// The network's name.
    pub ssid: String,
    /// Whether a lesson is under way there: its devices lose the Wi-Fi when a key is renewed.
    pub is_in_lesson: bool,
    /// Whose keys there are, and since when.
    pub keys: Vec<(Option<DeviceName>, Timestamp)>,
}

/// A file by which devices join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinFile {
    /// iPads and Macs: a configuration profile.
    Apple,
    /// Windows: a WLAN profile.
    Windows,
    /// Chromebooks: an open network configuration.
    Chromebook,
    /// Everything with a camera: a picture.
    Picture,
}

impl JoinFile {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Apple, Self::Windows, Self::Chromebook, Self::Picture];

    /// The word that forms, records and names of files use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apple => "ipad",
            Self::Windows => "windows",
            Self::Chromebook => "chromebook",
            Self::Picture => "qr",
        }
    }

    /// The one of a word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// The ending of its name.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Apple => "mobileconfig",
            Self::Windows => "xml",
            Self::Chromebook => "onc",
            Self::Picture => "svg",
        }
    }

    /// What it is said to be: an iPad installs what is said to be a profile.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Apple => "application/x-apple-aspen-config",
            Self::Windows => "application/xml",
            Self::Chromebook => "application/json",
            Self::Picture => "image/svg+xml",
        }
    }
}
