//! Beacons (IEEE 802.11-2020 section 9.3.3.2) and probe responses (9.3.3.10): the same fields, sent to all and to one.

use model::Mac;

use super::Rsn;
use super::elements::Elements;

/// First byte of the frame control: management frames of these kinds, version 0 (IEEE 802.11-2020 section 9.2.4.1).
const BEACON: u8 = 0x80;
const PROBE_RESPONSE: u8 = 0x50;
/// Frame control, duration, three addresses, sequence (section 9.3.3.1); then time, interval, capabilities (section 9.3.3.2).
const HEADER_BYTES: usize = 24;
const FIXED_BYTES: usize = 12;
/// The bit of the frame control's second byte that says that four bytes of HT control follow.
const HAS_HT_CONTROL: u8 = 0x80;
const HT_CONTROL_BYTES: usize = 4;
/// The bit of the capabilities that says that frames are encrypted (section 9.4.1.4).
const PRIVACY: u16 = 1 << 4;

/// Numbers of elements (section 9.4.2.1).
const SSID: u8 = 0;
const DS_PARAMETERS: u8 = 3;
const RSN: u8 = 48;
const HT_OPERATION: u8 = 61;
const VENDOR: u8 = 221;
/// Microsoft's elements (section 9.4.2.25 has their frame): WPA, and Wi-Fi Protected Setup.
const WPA: [u8; 4] = [0x00, 0x50, 0xf2, 1];
const WPS: [u8; 4] = [0x00, 0x50, 0xf2, 4];

/// What an access point says of one of its networks: a beacon or a probe response (IEEE 802.11-2020 sections 9.3.3.2 and 9.3.3.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beacon {
    /// The hardware address of the network on this access point.
    pub bssid: Mac,
    /// The network's name (section 9.4.2.2); empty where it is left out. What is no UTF-8 is replaced.
    pub ssid: String,
    /// Whether frames are encrypted at all. Without the two below, it is WEP.
    pub is_encrypted: bool,
    /// WPA2 and later (section 9.4.2.24).
    pub rsn: Option<Rsn>,
    /// WPA of the first version.
    pub wpa: Option<Rsn>,
    /// Whether Wi-Fi Protected Setup is there.
    pub has_wps: bool,
    /// The channel, of 2.4 or 5 GHz (sections 9.4.2.4 and 9.4.2.56).
    pub channel: Option<u8>,
}

impl Beacon {
    /// Reads a frame from its frame control on; `None` when it is another kind of frame, or is cut short before its
    /// elements. Elements that are broken are as if they were not there.
    #[must_use]
    pub fn read(frame: &[u8]) -> Option<Self> {
        let (&[kind, flags], _) = frame.split_first_chunk()?;
        if kind != BEACON && kind != PROBE_RESPONSE {
            return None;
        }
        let skipped = if flags & HAS_HT_CONTROL == 0 { 0 } else { HT_CONTROL_BYTES };
        let bssid = Mac::new(*frame.get(16..22)?.first_chunk()?);
        let fixed = frame.get(HEADER_BYTES + skipped..)?;
        let capabilities = u16::from_le_bytes(*fixed.get(10..)?.first_chunk()?);
        let mut beacon = Self {
            bssid,
            ssid: String::new(),
            is_encrypted: capabilities & PRIVACY != 0,
            rsn: None,
            wpa: None,
            has_wps: false,
            channel: None,
        };
        for (number, body) in Elements(fixed.get(FIXED_BYTES..)?) {
            beacon.note(number, body);
        }
        Some(beacon)
    }

    fn note(&mut self, number: u8, body: &[u8]) {
        match (number, body) {
            // A hidden name is none, or as many zeros as it has bytes.
            (SSID, name) if name.iter().any(|&byte| byte != 0) => {
                self.ssid = String::from_utf8_lossy(name).into_owned();
            }
            (DS_PARAMETERS | HT_OPERATION, &[channel, ..]) => self.channel = Some(channel),
            (RSN, body) => self.rsn = Rsn::read(body).or(self.rsn.take()),
            (VENDOR, body) => match body.split_first_chunk() {
                Some((&WPA, rest)) => self.wpa = Rsn::read_wpa(rest).or(self.wpa.take()),
                Some((&WPS, _)) => self.has_wps = true,
                Some(_) | None => {}
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wifi::{Akm, CipherSuite, skip_radiotap};

    /// A beacon of 02:00:00:00:00:00 with these capabilities and elements.
    fn frame(capabilities: u16, elements: &[(u8, &[u8])]) -> Vec<u8> {
        let mut frame = vec![BEACON, 0, 0, 0];
        frame.extend([0xff; 6]);
        frame.extend([2, 0, 0, 0, 0, 0].repeat(2));
        frame.extend([0; 2]);
        frame.extend([0; 8]);
        frame.extend(100_u16.to_le_bytes());
        frame.extend(capabilities.to_le_bytes());
        for (number, body) in elements {
            frame.extend([*number, u8::try_from(body.len()).unwrap()]);
            frame.extend_from_slice(body);
        }
        frame
    }

    /// WPA2 and WPA3 with CCMP, management frames protected where possible: as hostapd sends it.
    const TRANSITION: &[u8] =
        &[1, 0, 0, 0x0f, 0xac, 4, 1, 0, 0, 0x0f, 0xac, 4, 2, 0, 0, 0x0f, 0xac, 2, 0, 0x0f, 0xac, 8, 0x80, 0];

    #[test]
    fn a_good_network() {
        let bytes = frame(PRIVACY, &[(SSID, b"tilleul"), (DS_PARAMETERS, &[6]), (RSN, TRANSITION)]);
        let beacon = Beacon::read(&bytes).unwrap();
        let rsn = Rsn {
            pairwise: vec![CipherSuite::Strong],
            group: CipherSuite::Strong,
            akms: vec![Akm::Psk, Akm::Sae],
            can_protect_management: true,
            must_protect_management: false,
        };
        assert_eq!(
            beacon,
            Beacon {
                bssid: "02:00:00:00:00:00".parse().unwrap(),
                ssid: "tilleul".to_owned(),
                is_encrypted: true,
                rsn: Some(rsn),
                wpa: None,
                has_wps: false,
                channel: Some(6),
            }
        );
        // Behind the header that a radio in monitor mode puts before it.
        let with_header = [&[0, 0, 9, 0, 0, 0, 0, 0, 0][..], &bytes].concat();
        assert_eq!(Beacon::read(skip_radiotap(&with_header).unwrap()), Some(beacon));
    }

    #[test]
    fn an_old_network() {
        let wpa =
            [&WPA[..], &[1, 0, 0, 0x50, 0xf2, 2, 1, 0, 0, 0x50, 0xf2, 2, 1, 0, 0, 0x50, 0xf2, 2]].concat();
        let bytes =
            frame(PRIVACY, &[(SSID, &[0, 0, 0]), (VENDOR, &wpa), (VENDOR, &WPS), (HT_OPERATION, &[100, 0])]);
        let beacon = Beacon::read(&bytes).unwrap();
        assert_eq!((beacon.ssid.as_str(), beacon.has_wps, beacon.channel), ("", true, Some(100)));
        let wpa = beacon.wpa.unwrap();
        assert_eq!(
            (wpa.pairwise, wpa.group, wpa.akms),
            (vec![CipherSuite::Tkip], CipherSuite::Tkip, vec![Akm::Psk])
        );
    }

    #[test]
    fn what_an_element_leaves_out_is_as_the_standard_says() {
        let read = |body: &[u8]| Beacon::read(&frame(0, &[(RSN, body)])).unwrap().rsn;
        let short = read(&[1, 0]).unwrap();
        assert_eq!((short.pairwise, short.akms), (vec![CipherSuite::Strong], vec![Akm::Enterprise]));
        assert_eq!(read(&[2, 0]), None);
        assert_eq!(read(&[1]), None);
        // A list that is longer than the element is none.
        assert_eq!(
            read(&[1, 0, 0, 0x0f, 0xac, 4, 9, 0, 0, 0x0f, 0xac, 2]).unwrap().akms,
            vec![Akm::Enterprise]
        );
    }

    #[test]
    fn other_frames_are_none() {
        let mut data = frame(0, &[]);
        data[0] = 0x08;
        assert_eq!(Beacon::read(&data), None);
        assert_eq!(skip_radiotap(&[1, 0, 8, 0, 0]), None);
        assert_eq!(skip_radiotap(&[0, 0, 200, 0, 0]), None);
    }

    proptest! {
        #[test]
        fn no_frame_is_too_strange(cut in 0_usize..200, tail in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = frame(PRIVACY, &[(SSID, b"tilleul"), (RSN, TRANSITION)]);
            bytes.truncate(cut);
            let is_whole = bytes.len() >= HEADER_BYTES + FIXED_BYTES;
            bytes.extend(tail);
            if is_whole {
                prop_assert!(Beacon::read(&bytes).is_some());
            }
        }
    }
}
