//! Windows: a WLAN profile, version 1, with the extension of version 4 for WPA3.
//!
//! Source: learn.microsoft.com, "WLAN_profile Schema Elements". The order of elements is part of the schema.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::WriteError;
use crate::{Network, Security};

const NAMESPACE: &str = "http://www.microsoft.com/networking/WLAN/profile/v1";
/// The extension that has Windows fall back to WPA2 where the network has both.
const TRANSITION_NAMESPACE: &str = "http://www.microsoft.com/networking/WLAN/profile/v4";

/// The profile: `netsh wlan add profile filename=…` takes it, and so do the tools that manage a school's PCs.
///
/// # Errors
/// [`WriteError`].
pub fn windows_profile(network: &Network) -> Result<String, WriteError> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    write(&mut writer, network).map_err(WriteError::new)?;
    let profile = String::from_utf8(writer.into_inner()).map_err(WriteError::new)?;
    super::reread::check_windows(&profile, network)?;
    Ok(profile)
}

type Xml = Writer<Vec<u8>>;

fn write(writer: &mut Xml, network: &Network) -> std::io::Result<()> {
    let name = network.ssid.as_str();
    let hex: String = name.bytes().map(|byte| format!("{byte:02X}")).collect();
    writer.write_event(Event::Decl(BytesDecl::new("1.0", None, None)))?;
    let profile = writer.create_element("WLANProfile").with_attribute(("xmlns", NAMESPACE));
    profile.write_inner_content(|writer| {
        text(writer, "name", name)?;
        nest(writer, "SSIDConfig", |writer| {
            nest(writer, "SSID", |writer| {
                text(writer, "hex", &hex)?;
                text(writer, "name", name)
            })?;
            text(writer, "nonBroadcast", "false")
        })?;
        text(writer, "connectionType", "ESS")?;
        text(writer, "connectionMode", "auto")?;
        nest(writer, "MSM", |writer| nest(writer, "security", |writer| write_security(writer, network)))
    })?;
    Ok(())
}

fn write_security(writer: &mut Xml, network: &Network) -> std::io::Result<()> {
    let authentication = match network.security {
        Security::Wpa2 => "WPA2PSK",
        Security::Transition => "WPA3SAE",
    };
    nest(writer, "authEncryption", |writer| {
        text(writer, "authentication", authentication)?;
        text(writer, "encryption", "AES")?;
        text(writer, "useOneX", "false")?;
        if network.security == Security::Transition {
            let transition = writer.create_element("transitionMode");
            let transition = transition.with_attribute(("xmlns", TRANSITION_NAMESPACE));
            transition.write_text_content(BytesText::new("true"))?;
        }
        Ok(())
    })?;
    nest(writer, "sharedKey", |writer| {
        text(writer, "keyType", "passPhrase")?;
        text(writer, "protected", "false")?;
        text(writer, "keyMaterial", network.passphrase.reveal())
    })
}

fn nest(
    writer: &mut Xml,
    name: &str,
    inside: impl FnOnce(&mut Xml) -> std::io::Result<()>,
) -> std::io::Result<()> {
    writer.create_element(name).write_inner_content(inside).map(|_| ())
}

fn text(writer: &mut Xml, name: &str, text: &str) -> std::io::Result<()> {
    writer.create_element(name).write_text_content(BytesText::new(text)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joining::samples::{hostile, usual};

    #[test]
    fn profiles_as_the_schema_wants_them() {
        insta::assert_snapshot!(windows_profile(&usual()).unwrap());
        insta::assert_snapshot!(windows_profile(&hostile()).unwrap());
    }

    #[test]
    fn another_reader_finds_the_name_and_the_key() {
        for network in [usual(), hostile()] {
            let profile = windows_profile(&network).unwrap();
            let document = roxmltree::Document::parse(&profile).unwrap();
            let find = |name: &str| {
                let found = document.descendants().find(|node| node.tag_name().name() == name);
                found.and_then(|node| node.text()).unwrap_or_default().to_owned()
            };
            assert_eq!(find("name"), network.ssid.as_str());
            assert_eq!(find("keyMaterial"), network.passphrase.reveal());
            let order: Vec<_> = document.root_element().children().filter(|node| node.is_element()).collect();
            let order: Vec<_> = order.iter().map(|node| node.tag_name().name()).collect();
            assert_eq!(order, ["name", "SSIDConfig", "connectionType", "connectionMode", "MSM"]);
        }
    }
}
