//! What is wrong with the configuration of an access point, as somebody wrote it: one of hostapd, or of OpenWrt.
//!
//! [`check`] tells each fault with its line, its reason and where the reason comes from. It knows what the settings mean
//! when they are left out: most faults are what a program does unasked.

mod access_point;
mod air;
mod hostapd;
mod names;
mod rule;
mod uci;

use access_point::{AccessPoint, Band, Cipher, Scheme, Setting};

pub use air::{CaptureError, OnAir, check_capture, is_capture};
pub use names::Place;
pub use rule::{Rule, Severity};

/// Fewest characters of a key.
const KEY_CHARACTERS_MIN: usize = 20;
/// Fewest different characters of a key: a drawn one of twenty has fewer once in ten thousand times.
const KEY_DIFFERENT_MIN: usize = 8;
/// Channels of 5 GHz on which an access point has to listen for radar first (ETSI EN 301 893).
const RADAR_CHANNELS: std::ops::RangeInclusive<u32> = 52..=144;

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The line that has it, from 1 on; of a setting that is left out, where its network begins.
    pub line: usize,
    /// What is wrong.
    pub rule: Rule,
}

/// A text that is the configuration of no access point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Neither of hostapd nor of OpenWrt.
    #[error("no network is configured here: neither `ssid=` of hostapd nor `config wifi-iface` of OpenWrt")]
    NoNetwork,
}

/// Every fault of a configuration, in the order of its lines.
///
/// # Errors
/// [`Unreadable`].
pub fn check(text: &str, place: &Place) -> Result<Vec<Finding>, Unreadable> {
    let networks = if uci::is_uci(text) { uci::read(text) } else { hostapd::read(text) };
    if networks.is_empty() {
        return Err(Unreadable::NoNetwork);
    }
    let mut findings: Vec<_> = networks.iter().flat_map(|network| judge(network, place)).collect();
    findings.sort_unstable();
    // What a radio has wrong, all its networks have wrong.
    findings.dedup();
    Ok(findings)
}

/// What is wrong with the name of a network.
#[must_use]
pub fn check_name(name: &str, place: &Place) -> Vec<Rule> {
    let faults = [(names::is_default(name), Rule::DefaultName), (place.is_named_in(name), Rule::TellingName)];
    broken(faults)
}

/// What is wrong with the key of the network of this name.
#[must_use]
pub fn check_key(key: &str, name: &str, place: &Place) -> Vec<Rule> {
    let mut different: Vec<char> = key.chars().collect();
    different.sort_unstable();
    different.dedup();
    let is_number = key.chars().all(|character| character.is_ascii_digit());
    let is_simple = is_number || different.len() < KEY_DIFFERENT_MIN;
    let faults = [
        (key.chars().count() < KEY_CHARACTERS_MIN, Rule::ShortKey),
        (is_simple || names::contains(key, name) || place.is_named_in(key), Rule::GuessableKey),
    ];
    broken(faults)
}

fn broken(faults: [(bool, Rule); 2]) -> Vec<Rule> {
    faults.into_iter().filter(|(is_broken, _)| *is_broken).map(|(_, rule)| rule).collect()
}

fn judge(network: &AccessPoint, place: &Place) -> Vec<Finding> {
    [judge_protection(network), judge_name(network, place), judge_key(network, place), judge_radio(network)]
        .concat()
}

fn judge_protection(network: &AccessPoint) -> Vec<Finding> {
    let mut findings = Vec::new();
    for &(line, scheme) in &network.schemes {
        let rule = match scheme {
            Scheme::Open => Rule::Open,
            Scheme::Wep => Rule::Wep,
            Scheme::Wpa1 => Rule::Wpa1,
            Scheme::Wpa2 | Scheme::Wpa3 => continue,
        };
        findings.push(Finding { line, rule });
    }
    let tkip = network.ciphers.iter().filter(|(_, cipher)| *cipher == Cipher::Tkip);
    findings.extend(tkip.map(|&(line, _)| Finding { line, rule: Rule::Tkip }));
    let is_protected =
        network.schemes.iter().any(|(_, scheme)| matches!(scheme, Scheme::Wpa2 | Scheme::Wpa3));
    if is_protected && !network.protects_management.value {
        findings.push(Finding { line: network.protects_management.line, rule: Rule::Unprotected });
    }
    findings.extend(network.wps.map(|line| Finding { line, rule: Rule::Wps }));
    findings
}

fn judge_name(network: &AccessPoint, place: &Place) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(Setting { line, value }) = &network.ssid {
        findings.extend(check_name(value, place).into_iter().map(|rule| Finding { line: *line, rule }));
    }
    findings.extend(network.hidden.map(|line| Finding { line, rule: Rule::Hidden }));
    findings
}

fn judge_key(network: &AccessPoint, place: &Place) -> Vec<Finding> {
    let Some(Setting { line, value }) = &network.key else { return Vec::new() };
    let name = network.ssid.as_ref().map(|ssid| ssid.value.as_str()).unwrap_or_default();
    check_key(value, name, place).into_iter().map(|rule| Finding { line: *line, rule }).collect()
}

fn judge_radio(network: &AccessPoint) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(line) = network.starts_on {
        findings.push(Finding { line, rule: Rule::StartsOn });
    }
    if network.country.is_none() {
        findings.push(Finding { line: network.line, rule: Rule::NoCountry });
    }
    // A channel that the access point chooses may be one of these.
    let may_listen = network.channel.value.is_none_or(|channel| RADAR_CHANNELS.contains(&channel));
    if network.band == Some(Band::Five) && may_listen {
        findings.push(Finding { line: network.channel.line, rule: Rule::RadarChannel });
    }
    findings
}

#[cfg(test)]
mod tests;
