//! What can be wrong, why it is, and who says so.

/// ANSSI's technical note on Wi-Fi.
const ANSSI: &str = "ANSSI, note DAT-NT-005, « Recommandations de sécurité relatives aux réseaux Wi-Fi »";

/// Something that is wrong with an access point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// No encryption.
    Open,
    /// WEP.
    Wep,
    /// WPA of before 2004.
    Wpa1,
    /// TKIP.
    Tkip,
    /// No protection of management frames.
    Unprotected,
    /// Wi-Fi Protected Setup.
    Wps,
    /// A key that can be tried out.
    ShortKey,
    /// A key that can be guessed.
    GuessableKey,
    /// A name that nobody chose.
    DefaultName,
    /// A name that tells where it is.
    TellingName,
    /// A network that hides.
    Hidden,
    /// It sends as soon as it has power.
    StartsOn,
    /// No country.
    NoCountry,
    /// A channel with radar.
    RadarChannel,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It must not be so in a school.
    Refuse,
    /// It works, and should be otherwise.
    Advise,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 14] = [
        Self::Open,
        Self::Wep,
        Self::Wpa1,
        Self::Tkip,
        Self::Unprotected,
        Self::Wps,
        Self::ShortKey,
        Self::GuessableKey,
        Self::DefaultName,
        Self::TellingName,
        Self::Hidden,
        Self::StartsOn,
        Self::NoCountry,
        Self::RadarChannel,
    ];

    /// How bad it is.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::Hidden | Self::RadarChannel => Severity::Advise,
            Self::Open
            | Self::Wep
            | Self::Wpa1
            | Self::Tkip
            | Self::Unprotected
            | Self::Wps
            | Self::ShortKey
            | Self::GuessableKey
            | Self::DefaultName
            | Self::TellingName
            | Self::StartsOn
            | Self::NoCountry => Severity::Refuse,
        }
    }

    /// What is wrong, why, and what to write instead.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Open => {
                "no encryption: everybody nearby reads along and joins. Use WPA2 with CCMP, or WPA2 and WPA3"
            }
            Self::Wep => "WEP is broken within minutes. Use WPA2 with CCMP, or WPA2 and WPA3",
            Self::Wpa1 => "WPA of the first version is obsolete. Allow WPA2 (RSN) and later only",
            Self::Tkip => {
                "TKIP is broken and obsolete, and is what some programs use unasked. Name CCMP alone"
            }
            Self::Unprotected => {
                "management frames are not protected: anybody throws devices out. Set 802.11w to 1 or 2"
            }
            Self::Wps => {
                "Wi-Fi Protected Setup gives the key away to who guesses a PIN of eight digits. Switch it off"
            }
            Self::ShortKey => {
                "a key of less than 20 characters can be tried out by who recorded one device joining"
            }
            Self::GuessableKey => {
                "a key made of a number, of few different characters, or of the name of the network or the school is guessed"
            }
            Self::DefaultName => {
                "a name that many networks have: devices that know one of them try to join, and keys are in tables"
            }
            Self::TellingName => "the name tells a passer-by that children are here, or which school it is",
            Self::Hidden => {
                "a name left out of beacons protects nothing, and has each tablet call for it wherever it goes"
            }
            Self::StartsOn => {
                "it sends as soon as it has power; in a primary school it is off unless a lesson needs it"
            }
            Self::NoCountry => "no country: the radio keeps to no rule, or to the narrowest of all. Set FR",
            Self::RadarChannel => {
                "on this channel it listens for radar for a minute before each lesson. Name one of 36 to 48"
            }
        }
    }

    /// Where the rule comes from.
    #[must_use]
    pub fn source(self) -> &'static str {
        match self {
            Self::Open
            | Self::Wps
            | Self::ShortKey
            | Self::GuessableKey
            | Self::DefaultName
            | Self::TellingName => ANSSI,
            Self::Wep => "IEEE 802.11-2020 section 12.3",
            Self::Wpa1 | Self::Tkip => "IEEE 802.11-2020 section 12.5.2",
            Self::Unprotected => "IEEE 802.11-2020 section 12.6.19; Wi-Fi Alliance, WPA3 Specification",
            Self::Hidden => "IEEE 802.11-2020 section 9.3.3: devices call the name in the clear",
            Self::StartsOn => "loi 2015-136 du 9 février 2015, article 7",
            Self::NoCountry => "ETSI EN 300 328 and EN 301 893",
            Self::RadarChannel => "ETSI EN 301 893, channel availability check",
        }
    }
}
