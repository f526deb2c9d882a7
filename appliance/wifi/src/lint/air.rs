//! Networks as they are heard: what an access point says of itself on the air, whatever its configuration claims.

use std::collections::BTreeMap;

use model::Mac;
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};
use wire::wifi::{Akm, Beacon, CipherSuite, Rsn, skip_radiotap};

use super::access_point::{AccessPoint, Band, Cipher, Scheme, Setting};
use super::{Place, Rule, judge};

/// How much of a capture is in memory at a time, in bytes: more than any packet.
const BUFFER_BYTES: usize = 1 << 17;
/// Networks that are told of one capture: more than any radio hears, unless somebody makes them up.
const NETWORKS_MAX: usize = 1_000;
/// Kinds of links: 802.11 frames, and the same behind a header (tcpdump.org, "Link-layer header types").
const IEEE_802_11: Linktype = Linktype(105);
const RADIOTAP: Linktype = Linktype(127);
/// The last channel of 2.4 GHz.
const TWO_GHZ_MAX: u8 = 14;

/// A network that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnAir {
    /// The hardware address of the network on its access point.
    pub bssid: Mac,
    /// Its name; empty where it hides.
    pub ssid: String,
    /// What is wrong with it.
    pub rules: Vec<Rule>,
}

/// A capture that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file is damaged, or none that tcpdump or Wireshark write.
    #[error("this capture cannot be read: {0}")]
    Broken(&'static str),
    /// It was not taken by a radio that listens to all.
    #[error("no packet was taken from a radio in monitor mode (link types 127 and 105)")]
    NoRadio,
}

/// Whether bytes begin as a capture does: pcap in either order of bytes and precision, or pcapng.
#[must_use]
pub fn is_capture(bytes: &[u8]) -> bool {
    let starts = [
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ];
    starts.iter().any(|start| bytes.starts_with(start))
}

/// Every network that a capture has a beacon of, by its hardware address: each as it was heard last.
///
/// # Errors
/// [`CaptureError`].
pub fn check_capture(bytes: &[u8], place: &Place) -> Result<Vec<OnAir>, CaptureError> {
    let beacons = read_beacons(bytes)?;
    let networks = beacons.into_iter().map(|(bssid, beacon)| {
        let mut rules: Vec<_> =
            judge(&describe(&beacon), place).into_iter().map(|finding| finding.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        OnAir { bssid, ssid: beacon.ssid, rules }
    });
    Ok(networks.collect())
}

fn read_beacons(bytes: &[u8]) -> Result<BTreeMap<Mac, Beacon>, CaptureError> {
    let mut reader = create_reader(BUFFER_BYTES, bytes).map_err(|error| broken(&error))?;
    let (mut heard, mut links) = (Heard::default(), Vec::new());
    loop {
        let is_last = reader.reader_exhausted();
        let step = match reader.next() {
            Ok((consumed, block)) => {
                if let Some(packet) = find_packet(&block, &mut links) {
                    heard.note(packet);
                }
                Step::Consume(consumed)
            }
            Err(PcapError::Incomplete(_)) if !is_last => Step::Refill,
            // A capture that was cut has what it has.
            Err(PcapError::Eof | PcapError::UnexpectedEof | PcapError::Incomplete(_)) => Step::Stop,
            Err(error) => return Err(broken(&error)),
        };
        match step {
            Step::Consume(bytes) => reader.consume(bytes),
            Step::Refill => reader.refill().map_err(|error| broken(&error))?,
            Step::Stop => break,
        }
    }
    if heard.has_radio { Ok(heard.beacons) } else { Err(CaptureError::NoRadio) }
}

/// What a reading of a part comes to.
enum Step {
    Consume(usize),
    Refill,
    Stop,
}

#[derive(Default)]
struct Heard {
    beacons: BTreeMap<Mac, Beacon>,
    has_radio: bool,
}

impl Heard {
    fn note(&mut self, frame: &[u8]) {
        self.has_radio = true;
        let Some(beacon) = Beacon::read(frame) else { return };
        if self.beacons.len() < NETWORKS_MAX || self.beacons.contains_key(&beacon.bssid) {
            self.beacons.insert(beacon.bssid, beacon);
        }
    }
}

fn broken<I>(error: &PcapError<I>) -> CaptureError {
    let is_strange = matches!(error, PcapError::HeaderNotRecognized);
    CaptureError::Broken(if is_strange {
        "its first bytes are those of none"
    } else {
        "a part of it is damaged"
    })
}

/// The 802.11 frame of a block, where it has one. `links` has the kinds of links that the capture was taken from.
fn find_packet<'a>(block: &PcapBlockOwned<'a>, links: &mut Vec<Linktype>) -> Option<&'a [u8]> {
    let (link, data) = match block {
        PcapBlockOwned::LegacyHeader(header) => {
            links.push(header.network);
            return None;
        }
        PcapBlockOwned::Legacy(packet) => (links.last().copied()?, packet.data),
        PcapBlockOwned::NG(Block::SectionHeader(_)) => {
            links.clear();
            return None;
        }
        PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
            links.push(interface.linktype);
            return None;
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
            (links.get(usize::try_from(packet.if_id).ok()?).copied()?, packet.data)
        }
        PcapBlockOwned::NG(_) => return None,
    };
    match link {
        RADIOTAP => skip_radiotap(data),
        IEEE_802_11 => Some(data),
        _ => None,
    }
}

/// What it says, in the words of its configuration; what a beacon does not say is as it should be.
fn describe(beacon: &Beacon) -> AccessPoint {
    let line = 0;
    let protects = beacon.rsn.as_ref().is_none_or(|rsn| rsn.can_protect_management);
    AccessPoint {
        line,
        ssid: Some(Setting { line, value: beacon.ssid.clone() }),
        schemes: list_schemes(beacon).into_iter().map(|scheme| (line, scheme)).collect(),
        ciphers: list_ciphers(beacon).into_iter().map(|cipher| (line, cipher)).collect(),
        protects_management: Setting { line, value: protects },
        wps: beacon.has_wps.then_some(line),
        key: None,
        hidden: beacon.ssid.is_empty().then_some(line),
        starts_on: None,
        country: Some(Setting { line, value: String::new() }),
        band: beacon.channel.map(|channel| if channel <= TWO_GHZ_MAX { Band::Two } else { Band::Five }),
        channel: Setting { line, value: beacon.channel.map(u32::from) },
    }
}

fn list_schemes(beacon: &Beacon) -> Vec<Scheme> {
    let mut schemes: Vec<_> = beacon.wpa.iter().map(|_| Scheme::Wpa1).collect();
    schemes.extend(beacon.rsn.iter().flat_map(|rsn| &rsn.akms).map(|akm| match akm {
        Akm::Sae | Akm::Owe => Scheme::Wpa3,
        Akm::Psk | Akm::Enterprise | Akm::Other => Scheme::Wpa2,
    }));
    match (schemes.is_empty(), beacon.is_encrypted) {
        (false, _) => schemes,
        (true, true) => vec![Scheme::Wep],
        (true, false) => vec![Scheme::Open],
    }
}

/// The group's cipher counts: with one old device in the room, all get TKIP.
fn list_ciphers(beacon: &Beacon) -> Vec<Cipher> {
    let of = |rsn: &Rsn| rsn.pairwise.iter().copied().chain([rsn.group]).collect::<Vec<_>>();
    let suites = beacon.rsn.iter().chain(&beacon.wpa).flat_map(of);
    suites
        .map(|suite| match suite {
            CipherSuite::Tkip | CipherSuite::Wep => Cipher::Tkip,
            CipherSuite::Strong | CipherSuite::Group | CipherSuite::Other => Cipher::Strong,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A beacon on channel `channel`, with these elements behind its name.
    fn beacon(last: u8, ssid: &str, channel: u8, elements: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x80, 0, 0, 0];
        frame.extend([0xff; 6]);
        frame.extend([2, 0, 0, 0, 0, last].repeat(2));
        frame.extend([0; 10]);
        frame.extend([100, 0, 0x11, 0]);
        frame.extend([0, u8::try_from(ssid.len()).unwrap()]);
        frame.extend_from_slice(ssid.as_bytes());
        frame.extend([3, 1, channel]);
        frame.extend_from_slice(elements);
        frame
    }

    const WPA2: &[u8] = &[48, 20, 1, 0, 0, 15, 172, 4, 1, 0, 0, 15, 172, 4, 1, 0, 0, 15, 172, 2, 0x80, 0];
    const WPA2_TKIP: &[u8] = &[48, 20, 1, 0, 0, 15, 172, 2, 1, 0, 0, 15, 172, 4, 1, 0, 0, 15, 172, 2, 0, 0];
    const WPS: &[u8] = &[221, 4, 0, 0x50, 0xf2, 4];

    /// A capture as tcpdump writes it.
    fn pcap(link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
        let mut bytes = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, link]);
        for packet in packets {
            let length = u32::try_from(packet.len()).unwrap();
            bytes.extend(words(&[0, 0, length, length]));
            bytes.extend_from_slice(packet);
        }
        bytes
    }

    fn radiotap(frame: &[u8]) -> Vec<u8> {
        [&[0, 0, 8, 0, 0, 0, 0, 0][..], frame].concat()
    }

    fn heard(bytes: &[u8]) -> Vec<(String, Vec<Rule>)> {
        let networks = check_capture(bytes, &Place::new(["École Jean-Jaurès"])).unwrap();
        networks.into_iter().map(|network| (network.ssid, network.rules)).collect()
    }

    #[test]
    fn networks_are_judged_by_what_they_say() {
        let frames = [
            beacon(1, "tilleul", 36, WPA2),
            beacon(2, "Livebox-1", 6, &[WPA2_TKIP, WPS].concat()),
            beacon(3, "vieux", 6, &[]),
            beacon(4, "", 100, WPA2),
        ];
        let expected = [
            ("tilleul".to_owned(), vec![]),
            ("Livebox-1".to_owned(), vec![Rule::Tkip, Rule::Unprotected, Rule::Wps, Rule::DefaultName]),
            ("vieux".to_owned(), vec![Rule::Wep]),
            (String::new(), vec![Rule::Hidden, Rule::RadarChannel]),
        ];
        assert_eq!(heard(&pcap(105, &frames)), expected);
        assert_eq!(heard(&pcap(127, &frames.map(|frame| radiotap(&frame)))), expected);
    }

    #[test]
    fn a_network_is_as_it_was_heard_last() {
        let frames = [beacon(1, "tilleul", 36, WPA2_TKIP), beacon(1, "tilleul", 36, WPA2)];
        assert_eq!(heard(&pcap(105, &frames)), [("tilleul".to_owned(), vec![])]);
    }

    #[test]
    fn what_is_no_capture() {
        let check = |bytes: &[u8]| check_capture(bytes, &Place::default()).unwrap_err().to_string();
        assert!(check(b"hello").contains("first bytes"));
        // A PC's network card hears no beacon.
        assert!(check(&pcap(1, &[beacon(1, "tilleul", 36, WPA2)])).contains("monitor mode"));
        assert!(is_capture(&pcap(1, &[])) && !is_capture(b"ssid=a\n"));
        // One that was cut says what it has.
        let whole = pcap(105, &[beacon(1, "a", 1, WPA2), beacon(2, "b", 1, WPA2)]);
        assert_eq!(heard(&whole[..whole.len() - 5]), [("a".to_owned(), vec![])]);
    }

    #[test]
    fn whoever_makes_up_networks_fills_no_memory() {
        let frames: Vec<_> = (0..3_000_u16)
            .map(|number| {
                let mut frame = beacon(0, "a", 1, WPA2);
                let [high, low] = number.to_be_bytes();
                frame[20] = high;
                frame[21] = low;
                frame
            })
            .collect();
        assert_eq!(heard(&pcap(105, &frames)).len(), NETWORKS_MAX);
    }
}
