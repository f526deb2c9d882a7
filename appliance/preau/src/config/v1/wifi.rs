//! `[wifi]`, its `[[wifi.network]]` tables, and the `[[access_point]]` tables.

use std::path::PathBuf;
use std::str::FromStr;

use firewall::Interface;
use model::{AccessPointName, ProfileName, RoomName};
use policy::Profile;
use toml_span::{Span, Spanned};
use wifi::lint::{Severity, check_name};
use wifi::{
    AccessPoint, AdoptionKey, AdoptionKeyError, Apart, Channel, Country, KeyPolicy, Kind, PointPassword,
    Power, RoomNetwork, Security, Ssid,
};

use crate::cli::Address;
use crate::config::files::read_file;
use crate::config::section::Section;
use crate::config::{School, Wifi};

/// Most access points: each has a thread of the box's, and a school has about as many rooms.
const ACCESS_POINTS_MAX: usize = 32;
/// Longest name of an interface of the kernel's (`IFNAMSIZ`, without its final zero), and what hostapd appends to that of a radio.
const VLAN_INTERFACE_BYTES_MAX: usize = 15;
const VLAN_SUFFIX_BYTES: usize = 2;
/// Who the box is to an OpenWrt access point, where the file says nothing else: whom `firmware-config/openwrt` makes.
const OPENWRT_USER: &str = "preau";
/// The radio of an OpenWrt access point, where the file says nothing else.
const OPENWRT_RADIO: &str = "radio0";

/// The school's Wi-Fi, as far as the file tells.
pub(super) struct WifiKeys {
    country: Country,
    power: Power,
    listener: Option<Interface>,
    adoption_key: Option<Result<AdoptionKey, String>>,
    networks: Vec<Spanned<Option<RoomNetwork>>>,
    access_points: Vec<Spanned<Option<AccessPoint>>>,
}

impl WifiKeys {
    pub(super) fn read(table: &mut Section<'_>) -> Self {
        let read = table.table("wifi", |wifi| {
            let country = wifi.parse::<Country>("country").unwrap_or_default();
            let power = read_power(wifi);
            let listener = wifi.parse::<Interface>("listener");
            let adoption_key = read_adoption_key(wifi);
            let networks =
                wifi.tables("network", |network| Spanned::with_span(read_network(network), network.span()));
            let networks = networks.map(|found| found.value).unwrap_or_default();
            (country, power, listener, adoption_key, networks)
        });
        let (country, power, listener, adoption_key, networks) =
            read.map(|read| read.value).unwrap_or_default();
        let points =
            table.tables("access_point", |point| Spanned::with_span(read_point(point), point.span()));
        let access_points = points.as_ref().map_or(0, |points| points.value.len());
        if let Some(points) = points.as_ref().filter(|_| access_points > ACCESS_POINTS_MAX) {
            table.reject(points.span, format!("more than {ACCESS_POINTS_MAX} access points"));
        }
        let access_points = points.map(|points| points.value).unwrap_or_default();
        Self { country, power, listener, adoption_key, networks, access_points }
    }

    /// Compares with what else the file says.
    pub(super) fn check(
        &self,
        table: &mut Section<'_>,
        school: Option<&School>,
        profiles: &[Profile],
        bridges: &[Interface],
    ) {
        self.check_networks(table, school);
        self.check_apart(table, profiles, bridges);
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

    /// A bridge apart is one of the school's networks: of what comes from any other, the firewall lets nothing in.
    fn check_apart(&self, table: &mut Section<'_>, profiles: &[Profile], bridges: &[Interface]) {
        for (span, network) in present(&self.networks) {
            let mut seen: Vec<&ProfileName> = Vec::new();
            for apart in &network.apart {
                if !bridges.iter().any(|bridge| bridge.as_str() == apart.bridge) {
                    let message = format!("`{}` is the interface of no [[lan.apart]]", apart.bridge);
                    table.reject(span, message);
                }
                for name in &apart.profiles {
                    if !profiles.iter().any(|profile| profile.name == *name) {
                        table.reject(span, format!("there is no profile `{name}`"));
                    } else if seen.contains(&name) {
                        table.reject(span, format!("the profile `{name}` is put apart twice"));
                    }
                    seen.push(name);
                }
            }
        }
    }

    pub(super) fn finish(self) -> Option<Wifi> {
        let Self { country, power, listener, adoption_key, networks, access_points } = self;
        let (adoption_key, adoption_key_fault) = match adoption_key {
            None => (None, None),
            Some(Ok(key)) => (Some(key), None),
            Some(Err(fault)) => (None, Some(fault)),
        };
        Some(Wifi {
            country,
            power,
            listener,
            adoption_key,
            adoption_key_fault,
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
    let longest = VLAN_INTERFACE_BYTES_MAX - VLAN_SUFFIX_BYTES;
    if let Kind::Hostapd { interface, .. } = &point.kind
        && !network.apart.is_empty()
        && interface.len() > longest
    {
        let message =
            format!("the name `{interface}` is too long for a network apart: {longest} letters at most");
        table.reject(span, message);
    }
    if is_openwrt && network.keys == KeyPolicy::Device {
        let message = format!(
            "the room `{}` has a key for each device, which only radios of the box (`hostapd`) keep apart",
            point.room
        );
        table.reject(span, message);
    }
}

fn read_power(table: &mut Section<'_>) -> Power {
    let Some(dbm) = table.optional_spanned::<u8>("power") else { return Power::default() };
    Power::new(dbm.value).unwrap_or_else(|error| {
        table.reject(dbm.span, error.to_string());
        Power::default()
    })
}

/// The commune's key, or why it cannot be read. That is no mistake of the file's: a box that takes another one's place has its
/// configuration before anybody has put the key in place, and filters.
fn read_adoption_key(table: &mut Section<'_>) -> Option<Result<AdoptionKey, String>> {
    let path = table.path("adoption_key_file")?;
    let place = path.value.display();
    Some(read_file(&path.value).map_err(|error| format!("`{place}`: {error}")).and_then(|bytes| {
        let text = String::from_utf8_lossy(&bytes);
        text.parse().map_err(|error: AdoptionKeyError| format!("`{place}`: {error}"))
    }))
}

fn read_network(table: &mut Section<'_>) -> Option<RoomNetwork> {
    let room = table.required_parse::<RoomName>("room");
    let ssid = table.required_parse::<Ssid>("ssid");
    let keys = table.parse::<PolicyWord>("keys").map_or(KeyPolicy::Room, |PolicyWord(keys)| keys);
    let has_wpa3 = table.optional::<bool>("wpa3").unwrap_or(keys == KeyPolicy::Room);
    let isolates_stations = table.optional::<bool>("isolate").unwrap_or(false);
    let security = if has_wpa3 { Security::Transition } else { Security::Wpa2 };
    let apart = table.tables("apart", read_apart).map(|found| found.value).unwrap_or_default();
    let apart = apart.into_iter().collect::<Option<Vec<_>>>()?;
    if !apart.is_empty() && keys == KeyPolicy::Room {
        table.reject(
            table.span(),
            "[[wifi.network.apart]] needs `keys = \"device\"`: the key tells whose device it is",
        );
    }
    Some(RoomNetwork { room: room?, ssid: ssid?, keys, security, isolates_stations, apart })
}

/// Devices of some profiles, on a bridge of their own.
fn read_apart(table: &mut Section<'_>) -> Option<Apart> {
    let bridge = table.required_parse::<Interface>("bridge");
    let profiles: Vec<ProfileName> = table.parse_list("profiles");
    if profiles.is_empty() {
        table.reject(table.span(), "`profiles` names those whose devices are put apart");
    }
    Some(Apart { profiles, bridge: bridge?.to_string() })
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
        password: PointPassword::File(password_file?),
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
