//! Apple: a configuration profile (developer.apple.com, "Device Management: Profile-Specific Payload Keys").
//!
//! iPads take it from a web page or a cable; Apple Configurator, Meraki and Workspace ONE import it as it is.

use std::net::IpAddr;

use plist::{Date, Dictionary, Value};
use uuid::{Builder, Uuid};

use super::WriteError;
use crate::{Network, Security};

/// What a profile is called, and how long it stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What the settings of the device show: the school's name.
    pub title: String,
    /// Who made it, likewise.
    pub organization: String,
    /// Reverse name of who made it, as `lan.preau.0750655e`: with a later profile for the same network it replaces an
    /// earlier one.
    pub identifier: String,
    /// When the device takes it off by itself: the end of the school year.
    pub removal: Option<jiff::Timestamp>,
}

/// What a device is to trust of a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The certificate of the box's authority (DER).
    pub certificate_der: Vec<u8>,
    /// The box's encrypted DNS, for the time that the device is in the box's network.
    pub resolver: Option<Resolver>,
}

/// DNS over HTTPS of a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolver {
    /// As `https://preau.lan/dns-query`.
    pub url: String,
    /// Where that name is: the device asks nobody for it.
    pub addresses: Vec<IpAddr>,
}

impl Profile {
    /// A tablet may have a profile for each network that it knows.
    fn of_network(&self, network: &Network) -> Self {
        let network = stable_uuid(&[network.ssid.as_str().as_bytes()]);
        Self { identifier: format!("{}.{network}", self.identifier), ..self.clone() }
    }
}

/// The profile, as XML.
///
/// # Errors
/// [`WriteError`].
pub fn apple_profile(
    network: &Network,
    profile: &Profile,
    trust: Option<&Trust>,
) -> Result<Vec<u8>, WriteError> {
    let profile = &profile.of_network(network);
    let mut payloads = vec![wifi(network, profile)];
    if let Some(trust) = trust {
        payloads.push(root(trust, profile));
        payloads.extend(trust.resolver.as_ref().map(|resolver| dns(resolver, network, profile)));
    }
    let mut whole = payload("Configuration", "", profile);
    whole.insert("PayloadDisplayName".to_owned(), profile.title.clone().into());
    whole.insert("PayloadOrganization".to_owned(), profile.organization.clone().into());
    whole.insert("PayloadContent".to_owned(), Value::Array(payloads));
    if let Some(removal) = profile.removal {
        let text = removal.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        whole.insert(
            "RemovalDate".to_owned(),
            Value::Date(Date::from_xml_format(&text).map_err(WriteError::new)?),
        );
    }
    let mut bytes = Vec::new();
    Value::Dictionary(whole).to_writer_xml(&mut bytes).map_err(WriteError::new)?;
    super::reread::check_apple(&bytes, network)?;
    Ok(bytes)
}

fn wifi(network: &Network, profile: &Profile) -> Value {
    let mut wifi = payload("com.apple.wifi.managed", "wifi", profile);
    let encryption = match network.security {
        // WPA3 too, where network and device have it (iOS 13 and later, "WPA2" allows both).
        Security::Wpa2 | Security::Transition => "WPA2",
    };
    wifi.insert("SSID_STR".to_owned(), network.ssid.as_str().into());
    wifi.insert("EncryptionType".to_owned(), encryption.into());
    wifi.insert("Password".to_owned(), network.passphrase.reveal().into());
    wifi.insert("AutoJoin".to_owned(), true.into());
    wifi.insert("HIDDEN_NETWORK".to_owned(), false.into());
    Value::Dictionary(wifi)
}

fn root(trust: &Trust, profile: &Profile) -> Value {
    let mut root = payload("com.apple.security.root", "authority", profile);
    root.insert("PayloadContent".to_owned(), Value::Data(trust.certificate_der.clone()));
    root.insert("PayloadCertificateFileName".to_owned(), "preau.crt".into());
    Value::Dictionary(root)
}

/// Encrypted DNS in the box's own network; elsewhere the device asks whom it finds there.
fn dns(resolver: &Resolver, network: &Network, profile: &Profile) -> Value {
    let mut settings = Dictionary::new();
    settings.insert("DNSProtocol".to_owned(), "HTTPS".into());
    settings.insert("ServerURL".to_owned(), resolver.url.clone().into());
    let addresses = resolver.addresses.iter().map(|address| address.to_string().into()).collect();
    settings.insert("ServerAddresses".to_owned(), Value::Array(addresses));
    let mut here = Dictionary::new();
    here.insert("Action".to_owned(), "Connect".into());
    here.insert("SSIDMatch".to_owned(), Value::Array(vec![network.ssid.as_str().into()]));
    let mut elsewhere = Dictionary::new();
    elsewhere.insert("Action".to_owned(), "Disconnect".into());
    let mut dns = payload("com.apple.dnsSettings.managed", "dns", profile);
    dns.insert("DNSSettings".to_owned(), Value::Dictionary(settings));
    dns.insert("OnDemandRules".to_owned(), Value::Array(vec![here.into(), elsewhere.into()]));
    Value::Dictionary(dns)
}

/// What every payload has.
fn payload(kind: &str, name: &str, profile: &Profile) -> Dictionary {
    let identifier = match name {
        "" => profile.identifier.clone(),
        name => format!("{}.{name}", profile.identifier),
    };
    let mut payload = Dictionary::new();
    payload.insert("PayloadType".to_owned(), kind.into());
    payload.insert("PayloadVersion".to_owned(), 1.into());
    payload.insert("PayloadUUID".to_owned(), stable_uuid(&[identifier.as_bytes()]).to_string().into());
    payload.insert("PayloadIdentifier".to_owned(), identifier.into());
    payload
}

/// A UUID that is the same for the same parts (RFC 9562 section 5.8).
pub(super) fn stable_uuid(parts: &[&[u8]]) -> Uuid {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        // A length before each part: no two lists of parts are the same bytes.
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes()).update(part);
    }
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joining::samples::{hostile, usual};

    fn profile() -> Profile {
        Profile {
            title: "École Jean-Jaurès".to_owned(),
            organization: "Commune d’Essai".to_owned(),
            identifier: "lan.preau.0750655e".to_owned(),
            removal: Some("2027-07-05T22:00:00Z".parse().unwrap()),
        }
    }

    fn trust() -> Trust {
        let resolver = Resolver {
            url: "https://preau.lan/dns-query".to_owned(),
            addresses: vec!["10.77.0.1".parse().unwrap(), "fd77::1".parse().unwrap()],
        };
        Trust { certificate_der: b"certificate".to_vec(), resolver: Some(resolver) }
    }

    #[test]
    fn a_whole_profile() {
        let bytes = apple_profile(&usual(), &profile(), Some(&trust())).unwrap();
        insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
    }

    #[test]
    fn another_reader_finds_the_name_and_the_key() {
        let bytes = apple_profile(&hostile(), &profile(), None).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
        let document = roxmltree::Document::parse_with_options(&text, options).unwrap();
        let value_of = |key: &str| {
            let key = document.descendants().find(|node| node.text() == Some(key)).unwrap();
            key.next_sibling_element().unwrap().text().unwrap().to_owned()
        };
        assert_eq!(value_of("SSID_STR"), hostile().ssid.as_str());
        assert_eq!(value_of("Password"), hostile().passphrase.reveal());
        assert_eq!(value_of("RemovalDate"), "2027-07-05T22:00:00Z");
    }

    #[test]
    fn payloads_of_a_profile_have_names_of_their_own_that_stay() {
        let uuid = |parts: &[&[u8]]| stable_uuid(parts).to_string();
        assert_eq!(uuid(&[b"a", b"bc"]), uuid(&[b"a", b"bc"]));
        assert_ne!(uuid(&[b"a", b"bc"]), uuid(&[b"ab", b"c"]));
        assert_eq!(stable_uuid(&[b"a"]).get_version_num(), 8);
    }
}
