//! ChromeOS: an Open Network Configuration (chromium.org, "Open Network Configuration format").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Trust, WriteError};
use crate::Network;

/// The configuration: Chromebooks import it at `chrome://network`, and administrators by their console.
///
/// # Errors
/// [`WriteError`].
pub fn chromeos_configuration(network: &Network, trust: Option<&Trust>) -> Result<String, WriteError> {
    let (name, key) = (network.ssid.as_str(), network.passphrase.reveal());
    let hex: String = name.bytes().map(|byte| format!("{byte:02X}")).collect();
    let certificates: Vec<_> = trust
        .map(|trust| {
            json!({
                "GUID": id("authority", &trust.certificate_der),
                "Type": "Authority",
                "TrustBits": ["Web"],
                "X509": STANDARD.encode(&trust.certificate_der),
            })
        })
        .into_iter()
        .collect();
    let configuration = json!({
        "Type": "UnencryptedConfiguration",
        "NetworkConfigurations": [{
            "GUID": id("network", name.as_bytes()),
            "Name": name,
            "Type": "WiFi",
            // Each WPA there is, WPA3 too where network and device have it.
            "WiFi": { "SSID": name, "HexSSID": hex, "Security": "WPA-PSK", "Passphrase": key, "AutoConnect": true },
        }],
        "Certificates": certificates,
    });
    let text = serde_json::to_string_pretty(&configuration).map_err(WriteError::new)?;
    super::reread::check_chromeos(&text, network)?;
    Ok(text)
}

/// The same for the same thing, so that a later file replaces an earlier one.
fn id(kind: &str, of: &[u8]) -> String {
    format!("{{{}}}", super::apple::stable_uuid(&[kind.as_bytes(), of]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joining::samples::{hostile, usual};

    #[test]
    fn a_configuration_as_chromeos_wants_it() {
        insta::assert_snapshot!(chromeos_configuration(&usual(), None).unwrap());
        let trust = Trust { certificate_der: b"certificate".to_vec(), resolver: None };
        let text = chromeos_configuration(&hostile(), Some(&trust)).unwrap();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        let wifi = &read["NetworkConfigurations"][0]["WiFi"];
        assert_eq!(wifi["SSID"], hostile().ssid.as_str());
        assert_eq!(wifi["Passphrase"], hostile().passphrase.reveal());
        assert_eq!(read["Certificates"][0]["X509"], "Y2VydGlmaWNhdGU=");
    }
}
