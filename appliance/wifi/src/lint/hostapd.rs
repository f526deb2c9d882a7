//! hostapd's configuration: `key=value` a line; `bss=` begins one more network of the same radio.
//!
//! Source: hostapd.conf of hostapd 2.10, which tells what each key means and what it is when it is left out.

use super::access_point::{AccessPoint, Band, Cipher, Scheme, Setting};

/// Bits of `wpa`.
const WPA_1: u32 = 1;
const WPA_2: u32 = 2;

/// The networks of a configuration; none where it names none.
pub(super) fn read(text: &str) -> Vec<AccessPoint> {
    let mut parts = vec![Part::default()];
    for (line, text) in (1..).zip(text.lines()) {
        let Some((key, value)) = text.split_once('=').filter(|_| !text.starts_with('#')) else { continue };
        if key == "bss" {
            parts.push(Part { line, ..Part::default() });
        }
        if let Some(part) = parts.last_mut() {
            part.settings.push((line, key.trim(), value.trim_end()));
        }
    }
    let radio = parts.first().cloned().unwrap_or_default();
    let is_network = |part: &&Part<'_>| part.find("ssid").or(part.find("ssid2")).is_some();
    parts.iter().filter(is_network).map(|part| read_network(part, &radio)).collect()
}

/// One network's settings; the first one's are the radio's, too.
#[derive(Clone, Default)]
struct Part<'t> {
    line: usize,
    settings: Vec<(usize, &'t str, &'t str)>,
}

impl<'t> Part<'t> {
    /// The last value of a key: it is the one that counts.
    fn find(&self, key: &str) -> Option<(usize, &'t str)> {
        self.settings.iter().rev().find(|(_, name, _)| *name == key).map(|&(line, _, value)| (line, value))
    }

    fn find_number(&self, key: &str) -> Option<(usize, u32)> {
        self.find(key).and_then(|(line, value)| Some((line, value.trim().parse().ok()?)))
    }

    /// Where a switch is not at 0.
    fn find_on(&self, key: &str) -> Option<usize> {
        self.find_number(key).filter(|&(_, value)| value != 0).map(|(line, _)| line)
    }
}

fn read_network(part: &Part<'_>, radio: &Part<'_>) -> AccessPoint {
    let plain = part.find("ssid").map(|(line, value)| Setting { line, value: value.to_owned() });
    let ssid = plain.or(part.find("ssid2").map(|(line, value)| Setting { line, value: read_string(value) }));
    let line = ssid.as_ref().map_or(part.line, |ssid| ssid.line);
    let key = ["wpa_passphrase", "sae_password"].iter().find_map(|key| part.find(key));
    let pmf = part.find_number("ieee80211w");
    AccessPoint {
        line,
        schemes: read_schemes(part, line),
        ciphers: read_ciphers(part),
        protects_management: Setting {
            line: pmf.map_or(line, |(line, _)| line),
            value: pmf.is_some_and(|(_, level)| level >= 1),
        },
        wps: part.find_on("wps_state"),
        // What stands behind `|` is not the password but for whom it is.
        key: key.map(|(line, value)| Setting {
            line,
            value: value.split('|').next().unwrap_or_default().to_owned(),
        }),
        hidden: part.find_on("ignore_broadcast_ssid"),
        starts_on: match part.find_number("start_disabled") {
            Some((_, 1)) => None,
            Some((line, _)) => Some(line),
            None => Some(line),
        },
        country: radio.find("country_code").map(|(line, value)| Setting { line, value: value.to_owned() }),
        band: read_band(radio),
        channel: read_channel(radio, line),
        ssid,
    }
}

/// `ssid2`: text in quotes, or hexadecimal digits.
fn read_string(value: &str) -> String {
    let value = value.trim();
    if let Some(text) = value.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        return text.to_owned();
    }
    let (pairs, _) = value.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned()
}

fn read_schemes(part: &Part<'_>, network_line: usize) -> Vec<(usize, Scheme)> {
    if let Some((line, _)) = (0..4).find_map(|number| part.find(&format!("wep_key{number}"))) {
        return vec![(line, Scheme::Wep)];
    }
    let (line, bits) = part.find_number("wpa").unwrap_or((network_line, 0));
    let mut schemes = Vec::new();
    if bits & WPA_1 != 0 {
        schemes.push((line, Scheme::Wpa1));
    }
    if bits & WPA_2 != 0 {
        // Without the key it is WPA-PSK.
        let (line, methods) = part.find("wpa_key_mgmt").unwrap_or((line, "WPA-PSK"));
        let is_new =
            |method: &str| method.contains("SAE") || method.contains("OWE") || method.contains("SUITE-B");
        let methods = methods.split_ascii_whitespace();
        schemes
            .extend(methods.map(|method| (line, if is_new(method) { Scheme::Wpa3 } else { Scheme::Wpa2 })));
    }
    if schemes.is_empty() { vec![(line, Scheme::Open)] } else { schemes }
}

/// Where WPA2's ciphers are left out they are WPA's, and where these are left out, TKIP.
fn read_ciphers(part: &Part<'_>) -> Vec<(usize, Cipher)> {
    let Some((line, bits)) = part.find_number("wpa").filter(|&(_, bits)| bits != 0) else {
        return Vec::new();
    };
    let of_wpa = part.find("wpa_pairwise").unwrap_or((line, "TKIP"));
    let of_rsn = part.find("rsn_pairwise").unwrap_or(of_wpa);
    let used = [(bits & WPA_1, of_wpa), (bits & WPA_2, of_rsn)];
    let used = used.into_iter().filter(|(is_used, _)| *is_used != 0).map(|(_, ciphers)| ciphers);
    let mut ciphers = Vec::new();
    for (line, names) in used {
        let cipher = |name| if name == "TKIP" { Cipher::Tkip } else { Cipher::Strong };
        ciphers.extend(names.split_ascii_whitespace().map(|name| (line, cipher(name))));
    }
    ciphers
}

fn read_band(radio: &Part<'_>) -> Option<Band> {
    // Operating classes 131 to 137 are those of 6 GHz (IEEE 802.11ax).
    let is_six = radio.find_number("op_class").is_some_and(|(_, class)| (131..=137).contains(&class));
    match radio.find("hw_mode").map(|(_, mode)| mode.trim()) {
        Some("a") if is_six => Some(Band::Six),
        Some("a") => Some(Band::Five),
        Some("g" | "b") => Some(Band::Two),
        Some(_) | None => None,
    }
}

fn read_channel(radio: &Part<'_>, line: usize) -> Setting<Option<u32>> {
    match radio.find("channel") {
        // 0 and `acs_survey`: it chooses.
        Some((line, value)) => {
            Setting { line, value: value.trim().parse().ok().filter(|&number| number != 0) }
        }
        None => Setting { line, value: None },
    }
}
