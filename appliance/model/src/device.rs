//! The school's own devices.

use crate::text::{TextError, check_identifier, check_shown, name_type};
use crate::{Mac, UnknownDevice};

name_type! {
    /// What people call a device, as it stands on its sticker: `CM2-04`. At most 64 characters.
    DeviceName, check_shown, TextError
}
name_type! {
    /// A room of the school: `CM2`, `Bibliothèque`. At most 64 characters.
    RoomName, check_shown, TextError
}
name_type! {
    /// The name of a filter profile: `elementaire`. Small letters, digits, `-` and `_`; at most 64 characters.
    ProfileName, check_identifier, TextError
}
name_type! {
    /// A person who decides something, as colleagues call her: `Mme Martin`. At most 64 characters.
    PersonName, check_shown, TextError
}

impl ProfileName {
    /// The profile of a device that nobody has registered: [`UnknownDevice::PROFILE`].
    #[must_use]
    pub fn unknown() -> Self {
        #[expect(clippy::expect_used, reason = "the constant is an identifier: a test parses it")]
        UnknownDevice::PROFILE.parse().expect("an identifier")
    }
}

/// A device that the school registered: what its MAC address stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The hardware address that identifies it on the school's network.
    pub mac: Mac,
    /// What people call it.
    pub name: DeviceName,
    /// Where it stands; `None` for a device that moves.
    pub room: Option<RoomName>,
    /// Which filter profile it has.
    pub profile: ProfileName,
}
