//! OpenWrt's configuration, `/etc/config/wireless`: sections with options.
//!
//! Source: openwrt.org, "Wi-Fi /etc/config/wireless", which tells what each option means and what it is when it is left
//! out.

use super::access_point::{AccessPoint, Band, Cipher, Scheme, Setting};

/// Whether a text is of OpenWrt.
pub(super) fn is_uci(text: &str) -> bool {
    text.lines().any(|line| matches!(words(line).as_slice(), [first, kind, ..] if first == "config" && kind.starts_with("wifi-")))
}

/// The networks of a configuration: its sections that are access points.
pub(super) fn read(text: &str) -> Vec<AccessPoint> {
    let sections = read_sections(text);
    let is_network =
        |section: &&Section| section.kind == "wifi-iface" && section.value("mode").unwrap_or("ap") == "ap";
    let network = |section: &Section| {
        let device = section.value("device").unwrap_or_default();
        let radio = sections.iter().find(|it| it.kind == "wifi-device" && it.name == device);
        read_network(section, radio)
    };
    sections.iter().filter(is_network).map(network).collect()
}

#[derive(Default)]
struct Section {
    line: usize,
    kind: String,
    name: String,
    options: Vec<(usize, String, String)>,
}

impl Section {
    fn find(&self, key: &str) -> Option<(usize, &str)> {
        let found = self.options.iter().rev().find(|(_, name, _)| name == key);
        found.map(|(line, _, value)| (*line, value.as_str()))
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.find(key).map(|(_, value)| value)
    }

    fn find_on(&self, key: &str) -> Option<usize> {
        self.find(key).filter(|(_, value)| is_on(value)).map(|(line, _)| line)
    }
}

fn is_on(value: &str) -> bool {
    matches!(value, "1" | "on" | "true" | "yes" | "enabled")
}

fn read_sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let words = words(text);
        let mut words = words.iter().map(String::as_str);
        match (words.next(), words.next(), words.next()) {
            (Some("config"), Some(kind), name) => {
                let (kind, name) = (kind.to_owned(), name.unwrap_or_default().to_owned());
                sections.push(Section { line, kind, name, options: Vec::new() });
            }
            (Some("option" | "list"), Some(key), Some(value)) => {
                if let Some(section) = sections.last_mut() {
                    section.options.push((line, key.to_owned(), value.to_owned()));
                }
            }
            _ => {}
        }
    }
    sections
}

/// The words of a line: quoted ones are whole, `#` outside quotes begins a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, space) if space.is_whitespace() => words.extend(word.take()),
            (_, other) => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

fn read_network(section: &Section, radio: Option<&Section>) -> AccessPoint {
    let setting = |(line, value): (usize, &str)| Setting { line, value: value.to_owned() };
    let line = section.line;
    let (encryption_line, encryption) = section.find("encryption").unwrap_or((line, "none"));
    let pmf = section.find("ieee80211w");
    // WPA3 alone has no other way; beside WPA2 it is there for those who can (OpenWrt's own defaults).
    let unasked =
        encryption.starts_with("sae") || encryption.starts_with("wpa3") || encryption.starts_with("owe");
    let find_radio = |key: &str| radio.and_then(|radio| radio.find(key));
    AccessPoint {
        line,
        ssid: section.find("ssid").map(setting),
        schemes: read_schemes(encryption).into_iter().map(|scheme| (encryption_line, scheme)).collect(),
        ciphers: read_ciphers(encryption).into_iter().map(|cipher| (encryption_line, cipher)).collect(),
        protects_management: Setting {
            line: pmf.map_or(encryption_line, |(line, _)| line),
            value: pmf.map_or(unasked, |(_, level)| level != "0"),
        },
        wps: ["wps_pushbutton", "wps_label"].iter().find_map(|key| section.find_on(key)),
        // With 802.1X it is the secret of a RADIUS server; a single digit says where a WEP key stands.
        key: section.find("key").filter(|_| is_shared_key(encryption)).map(setting),
        hidden: section.find_on("hidden"),
        starts_on: match section.find_on("disabled").or(radio.and_then(|radio| radio.find_on("disabled"))) {
            Some(_) => None,
            None => Some(section.find("disabled").map_or(line, |(line, _)| line)),
        },
        country: find_radio("country").map(setting),
        band: read_band(find_radio("band").or(find_radio("hwmode"))),
        channel: match find_radio("channel") {
            Some((line, value)) => Setting { line, value: value.parse().ok() },
            None => Setting { line: radio.map_or(line, |radio| radio.line), value: None },
        },
    }
}

fn is_shared_key(encryption: &str) -> bool {
    encryption.starts_with("psk") || encryption.starts_with("sae")
}

/// `psk2+ccmp`: how devices prove that they have the key, then ciphers.
fn read_schemes(encryption: &str) -> Vec<Scheme> {
    match encryption.split('+').next().unwrap_or_default() {
        "wep" | "wep-open" | "wep-shared" => vec![Scheme::Wep],
        "psk" | "wpa" => vec![Scheme::Wpa1],
        "psk-mixed" | "wpa-mixed" => vec![Scheme::Wpa1, Scheme::Wpa2],
        "psk2" | "wpa2" => vec![Scheme::Wpa2],
        "sae-mixed" | "wpa3-mixed" => vec![Scheme::Wpa2, Scheme::Wpa3],
        "sae" | "wpa3" | "wpa3-192" | "owe" => vec![Scheme::Wpa3],
        // `none`, and what OpenWrt does not know either, which it takes for `none`.
        _ => vec![Scheme::Open],
    }
}

/// Where ciphers are left out, WPA of the first version has TKIP, the others have CCMP.
fn read_ciphers(encryption: &str) -> Vec<Cipher> {
    let mut words = encryption.split('+');
    let scheme = words.next().unwrap_or_default();
    let named: Vec<_> =
        words.map(|name| if name == "tkip" { Cipher::Tkip } else { Cipher::Strong }).collect();
    match (scheme, named.is_empty()) {
        (_, false) => named,
        ("psk" | "wpa", true) => vec![Cipher::Tkip],
        (_, true) => Vec::new(),
    }
}

fn read_band(band: Option<(usize, &str)>) -> Option<Band> {
    match band?.1 {
        "2g" | "11g" | "11b" => Some(Band::Two),
        "5g" | "11a" => Some(Band::Five),
        "6g" => Some(Band::Six),
        _ => None,
    }
}
