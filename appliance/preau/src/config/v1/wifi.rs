//! `[wifi]`, its `[[wifi.network]]` tables, and the `[[access_point]]` tables.

use std::path::PathBuf;
use std::str::FromStr;

use firewall::Interface;
use model::{AccessPointName, RoomName};
use toml_span::{Span, Spanned};
use wifi::lint::{Severity, check_name};
use wifi::{AccessPoint, Channel, Country, KeyPolicy, Kind, RoomNetwork, Security, Ssid};

use crate::cli::Address;
use crate::config::section::Section;
use crate::config::{School, Wifi};

/// Most access points: each has a thread of the box's, and a school has about as many rooms.
const ACCESS_POINTS_MAX: usize = 32;
/// Who the box is to an OpenWrt access point, where the file says nothing else: whom `firmware-config/openwrt` makes.
const OPENWRT_USER: &str = "preau";
/// The radio of an OpenWrt access point, where the file says nothing else.
const OPENWRT_RADIO: &str = "radio0";

/// The school's Wi-Fi, as far as the file tells.
pub(super) struct WifiKeys {
    country: Country,
    listener: Option<Interface>,
    networks: Vec<Spanned<Option<RoomNetwork>>>,
    access_points: Vec<Spanned<Option<AccessPoint>>>,
}

impl WifiKeys {
    pub(super) fn read(table: &mut Section<'_>) -> Self {
        let read = table.table("wifi", |wifi| {
            let country = wifi.parse::<Country>("country").unwrap_or_default();
            let listener = wifi.parse::<Interface>("listener");
            let networks =
                wifi.tables("network", |network| Spanned::with_span(read_network(network), network.span()));
            (country, listener, networks.map(|found| found.value).unwrap_or_default())
        });
        let (country, listener, networks) = read.map(|read| read.value).unwrap_or_default();
        let points =
            table.tables("access_point", |point| Spanned::with_span(read_point(point), point.span()));
        let access_points = points.as_ref().map_or(0, |points| points.value.len());
        if let Some(points) = points.as_ref().filter(|_| access_points > ACCESS_POINTS_MAX) {
            table.reject(points.span, format!("more than {ACCESS_POINTS_MAX} access points"));
        }
        let access_points = points.map(|points| points.value).unwrap_or_default();
        Self { country, listener, networks, access_points }
    }

    /// Compares with what else the file says.
    pub(super) fn check(&self, table: &mut Section<'_>, school: Option<&School>) {
        self.check_networks(table, school);
        let mut seen: Vec<&AccessPoint> = Vec::new();
        for (span, point) in present(&self.access_points) {
            if seen.iter().any(|other| other.name == point.name) {
                table.reject(span, format!("the access point `{}` is described twice", point.name));
            }
            if seen.iter().any(|other| is_same_radio(&other.kind, &point.kind)) {
                table.reject(span, "two access points with one radio");
            }
            seen.push(point);
            let mut networks = present(&self.networks).map(|(_, network)| network);
            match networks.find(|network| network.room == point.room) {
                None => {
                    let message = format!("the room `{}` has no network: add a [[wifi.network]]", point.room);
                    table.reject(span, message);
                }
                Some(network) => check_kind(table, span, point, network),
            }
        }
    }

    fn check_networks(&self, table: &mut Section<'_>, school: Option<&School>) {
        let mut seen: Vec<&RoomNetwork> = Vec::new();
        for (span, network) in present(&self.networks) {
            if seen.iter().any(|other| other.room == network.room) {
                table.reject(span, format!("the room `{}` has two networks", network.room));
            }
            if seen.iter().any(|other| other.ssid == network.ssid) {
                // A tablet would roam into the next room's lesson, and fail there: each room has its own key.
                table.reject(span, format!("two rooms with the network `{}`", network.ssid));
            }
            seen.push(network);
            let Some(school) = school else { continue };
            for rule in check_name(network.ssid.as_str(), &school.place()) {
                if rule.severity() == Severity::Refuse {
                    let message = format!("`{}`: {} ({})", network.ssid, rule.explanation(), rule.source());
                    table.reject(span, message);
                }
            }
            if network.keys == KeyPolicy::Device && network.security == Security::Transition {
                table.reject(span, "a key for each device needs `wpa3 = false`: WPA3 knows one key for all");
            }
        }
    }

    pub(super) fn finish(self) -> Option<Wifi> {
        let Self { country, listener, networks, access_points } = self;
        Some(Wifi {
            country,
            listener,
            networks: networks.into_iter().map(|network| network.value).collect::<Option<_>>()?,
            access_points: access_points.into_iter().map(|point| point.value).collect::<Option<_>>()?,
        })
    }
}

/// The tables that could be read, and where they stand.
fn present<T>(tables: &[Spanned<Option<T>>]) -> impl Iterator<Item = (Span, &T)> {
    tables.iter().filter_map(|table| Some((table.span, table.value.as_ref()?)))
}

fn is_same_radio(one: &Kind, other: &Kind) -> bool {
    match (one, other) {
        (Kind::Hostapd { interface: one, .. }, Kind::Hostapd { interface: other, .. }) => one == other,
        (
            Kind::OpenWrt { address: one, radio: one_radio, .. },
            Kind::OpenWrt { address: other, radio: other_radio, .. },
        ) => one == other && one_radio == other_radio,
        (Kind::Hostapd { .. }, Kind::OpenWrt { .. }) | (Kind::OpenWrt { .. }, Kind::Hostapd { .. }) => false,
    }
}

fn check_kind(table: &mut Section<'_>, span: Span, point: &AccessPoint, network: &RoomNetwork) {
    let is_openwrt = matches!(point.kind, Kind::OpenWrt { .. });
    if is_openwrt && network.keys == KeyPolicy::Device {
        let message = format!(
            "the room `{}` has a key for each device, which only radios of the box (`hostapd`) keep apart",
            point.room
        );
        table.reject(span, message);
    }
}

fn read_network(table: &mut Section<'_>) -> Option<RoomNetwork> {
    let room = table.required_parse::<RoomName>("room");
    let ssid = table.required_parse::<Ssid>("ssid");
    let keys = table.parse::<PolicyWord>("keys").map_or(KeyPolicy::Room, |PolicyWord(keys)| keys);
    let has_wpa3 = table.optional::<bool>("wpa3").unwrap_or(keys == KeyPolicy::Room);
    let isolates_stations = table.optional::<bool>("isolate").unwrap_or(false);
    let security = if has_wpa3 { Security::Transition } else { Security::Wpa2 };
    Some(RoomNetwork { room: room?, ssid: ssid?, keys, security, isolates_stations })
}

fn read_point(table: &mut Section<'_>) -> Option<AccessPoint> {
    let name = table.required_parse::<AccessPointName>("name");
    let room = table.required_parse::<RoomName>("room");
    let channel = read_channel(table);
    let kind = match table.required_parse::<KindWord>("kind") {
        None => {
            // What belongs to a kind is no mistake of its own while the kind is one.
            for key in ["interface", "bridge", "address", "certificate", "radio", "user", "password_file"] {
                let _value = table.contains(key).then(|| table.optional::<String>(key));
            }
            None
        }
        Some(KindWord::Hostapd) => read_hostapd(table),
        Some(KindWord::OpenWrt) => read_openwrt(table),
    };
    Some(AccessPoint { name: name?, room: room?, channel: channel?, kind: kind? })
}

fn read_channel(table: &mut Section<'_>) -> Option<Channel> {
    let number = table.required_spanned::<u8>("channel")?;
    match Channel::new(number.value) {
        Ok(channel) => Some(channel),
        Err(error) => {
            table.reject(number.span, error.to_string());
            None
        }
    }
}

fn read_hostapd(table: &mut Section<'_>) -> Option<Kind> {
    let interface = table.required_parse::<Interface>("interface");
    let bridge = table.parse::<Interface>("bridge");
    Some(Kind::Hostapd { interface: interface?.to_string(), bridge: bridge.map(|bridge| bridge.to_string()) })
}

fn read_openwrt(table: &mut Section<'_>) -> Option<Kind> {
    let address = table.required_parse::<Address>("address").map(|Address(address)| address);
    let certificate = table.required_parse::<Fingerprint>("certificate").map(|Fingerprint(digest)| digest);
    let radio = table.parse::<Word>("radio").map_or_else(|| OPENWRT_RADIO.to_owned(), |Word(word)| word);
    let user = table.parse::<Word>("user").map_or_else(|| OPENWRT_USER.to_owned(), |Word(word)| word);
    let password_file: Option<PathBuf> = match table.path("password_file") {
        Some(file) => Some(file.value),
        None => {
            table.reject(
                table.span(),
                "an access point with OpenWrt needs `password_file`: who the box is to it",
            );
            None
        }
    };
    Some(Kind::OpenWrt {
        address: address?,
        certificate: certificate?,
        radio,
        user,
        password_file: password_file?,
    })
}

struct PolicyWord(KeyPolicy);

impl FromStr for PolicyWord {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "room" => Ok(Self(KeyPolicy::Room)),
            "device" => Ok(Self(KeyPolicy::Device)),
            _ => Err("keys are those of the `room`, or one for each `device`"),
        }
    }
}

enum KindWord {
    Hostapd,
    OpenWrt,
}

impl FromStr for KindWord {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "hostapd" => Ok(Self::Hostapd),
            "openwrt" => Ok(Self::OpenWrt),
            _ => Err("an access point is a radio of the box (`hostapd`) or a machine with `openwrt`"),
        }
    }
}

/// The fingerprint of a certificate: 64 hexadecimal digits, with colons or without.
struct Fingerprint([u8; 32]);

impl FromStr for Fingerprint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "a fingerprint is the SHA-256 of a certificate, 64 hexadecimal digits: `preau wifi adopt` prints it";
        let digits: Vec<char> = text.chars().filter(|&character| character != ':').collect();
        let mut digest = [0; 32];
        if digits.len() != 2 * digest.len() {
            return Err(WRONG);
        }
        for (byte, pair) in digest.iter_mut().zip(digits.chunks(2)) {
            let text: String = pair.iter().collect();
            *byte = u8::from_str_radix(&text, 16).map_err(|_| WRONG)?;
        }
        Ok(Self(digest))
    }
}

/// A word of OpenWrt's configuration.
struct Word(String);

impl FromStr for Word {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const CHARACTERS_MAX: usize = 32;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if (1..=CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(is_word) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a word of OpenWrt: letters, digits and `_`")
        }
    }
}
