//! One network of an access point, in whatever words it was written.

/// A value and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting<T> {
    pub(super) line: usize,
    pub(super) value: T,
}

/// What its devices will meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccessPoint {
    /// Where it begins.
    pub(super) line: usize,
    pub(super) ssid: Option<Setting<String>>,
    /// Each way in which a device may prove that it has the key.
    pub(super) schemes: Vec<(usize, Scheme)>,
    pub(super) ciphers: Vec<(usize, Cipher)>,
    /// Whether devices that can protect management frames (PMF, IEEE 802.11w).
    pub(super) protects_management: Setting<bool>,
    /// Where Wi-Fi Protected Setup is on.
    pub(super) wps: Option<usize>,
    /// A key that stands in the file.
    pub(super) key: Option<Setting<String>>,
    /// Where the name is left out of beacons.
    pub(super) hidden: Option<usize>,
    /// Where it sends as soon as the access point has power.
    pub(super) starts_on: Option<usize>,
    pub(super) country: Option<Setting<String>>,
    pub(super) band: Option<Band>,
    /// `None`: the access point chooses.
    pub(super) channel: Setting<Option<u32>>,
}

/// How devices prove that they have the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Not at all.
    Open,
    Wep,
    Wpa1,
    /// With a key, or with 802.1X.
    Wpa2,
    Wpa3,
}

/// With what pairs of stations encrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    Tkip,
    /// CCMP, GCMP and what comes after.
    Strong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Band {
    /// 2.4 GHz.
    Two,
    /// 5 GHz.
    Five,
    /// 6 GHz: no radar, and nothing older than WPA3.
    Six,
}
