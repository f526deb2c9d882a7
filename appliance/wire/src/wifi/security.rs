//! What an access point offers to protect a connection (IEEE 802.11-2020 section 9.4.2.24), and WPA before it.

use super::elements::Fields;

/// The standard's own selectors (IEEE 802.11-2020 section 9.4.2.24), and those of WPA, by their first three bytes.
const OUI_IEEE: [u8; 3] = [0x00, 0x0f, 0xac];
const OUI_WPA: [u8; 3] = [0x00, 0x50, 0xf2];
/// Bits of the capabilities (section 9.4.2.24.4): management frames may be protected, and must be.
const MFP_REQUIRED: u16 = 1 << 6;
const MFP_CAPABLE: u16 = 1 << 7;

/// The ways in which stations may be connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rsn {
    /// What one station and the access point may encrypt with.
    pub pairwise: Vec<CipherSuite>,
    /// What encrypts for all stations.
    pub group: CipherSuite,
    /// How stations may prove that they have the key.
    pub akms: Vec<Akm>,
    /// Whether management frames are protected for stations that can (PMF).
    pub can_protect_management: bool,
    /// Whether stations that cannot are refused.
    pub must_protect_management: bool,
}

/// With what frames are encrypted (IEEE 802.11-2020 section 9.4.2.24.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CipherSuite {
    /// With what the group is.
    Group,
    /// WEP, of 40 or 104 bits.
    Wep,
    /// TKIP.
    Tkip,
    /// CCMP or GCMP, of any length.
    Strong,
    /// Something else.
    Other,
}

/// How stations prove that they have the key (IEEE 802.11-2020 section 9.4.2.24.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Akm {
    /// 802.1X.
    Enterprise,
    /// A pre-shared key.
    Psk,
    /// Simultaneous authentication of equals: WPA3.
    Sae,
    /// Opportunistic encryption without a key.
    Owe,
    /// Something else.
    Other,
}

impl Rsn {
    /// The body of element 48. What is left out at its end is as the standard says.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        Self::read_as(body, OUI_IEEE)
    }

    /// The body of WPA's element, behind its type: the same fields with other selectors, and no capabilities.
    pub(super) fn read_wpa(body: &[u8]) -> Option<Self> {
        let wpa = Self::read_as(body, OUI_WPA)?;
        Some(Self { can_protect_management: false, must_protect_management: false, ..wpa })
    }

    fn read_as(body: &[u8], oui: [u8; 3]) -> Option<Self> {
        let mut fields = Fields(body);
        // Other versions have other fields.
        if fields.u16()? != 1 {
            return None;
        }
        let unsaid = if oui == OUI_IEEE { CipherSuite::Strong } else { CipherSuite::Tkip };
        let group = fields.four().map_or(unsaid, |selector| CipherSuite::read(selector, oui));
        let pairwise =
            fields.selectors().map(|all| all.iter().map(|&one| CipherSuite::read(one, oui)).collect());
        let akms = fields.selectors().map(|all| all.iter().map(|&one| Akm::read(one, oui)).collect());
        let capabilities = fields.u16().unwrap_or_default();
        Some(Self {
            pairwise: pairwise.unwrap_or_else(|| vec![unsaid]),
            group,
            akms: akms.unwrap_or_else(|| vec![Akm::Enterprise]),
            can_protect_management: capabilities & MFP_CAPABLE != 0,
            must_protect_management: capabilities & MFP_REQUIRED != 0,
        })
    }
}

impl CipherSuite {
    fn read(selector: [u8; 4], oui: [u8; 3]) -> Self {
        let [a, b, c, number] = selector;
        match number {
            _ if [a, b, c] != oui => Self::Other,
            0 => Self::Group,
            1 | 5 => Self::Wep,
            2 => Self::Tkip,
            4 | 8 | 9 | 10 => Self::Strong,
            _ => Self::Other,
        }
    }
}

impl Akm {
    fn read(selector: [u8; 4], oui: [u8; 3]) -> Self {
        let [a, b, c, number] = selector;
        match number {
            _ if [a, b, c] != oui => Self::Other,
            1 | 3 | 5 | 11 | 12 | 13 => Self::Enterprise,
            2 | 4 | 6 | 19 | 20 => Self::Psk,
            8 | 9 | 24 | 25 => Self::Sae,
            18 => Self::Owe,
            _ => Self::Other,
        }
    }
}
