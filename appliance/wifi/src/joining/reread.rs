//! The files for devices as another program reads them: where it does not find what went in, nobody gets the file.

use qrcode::QrCode;
use roxmltree::{Document, Node, ParsingOptions};
use rqrr::PreparedImage;
use serde_json::Value;

use super::WriteError;
use crate::Network;

/// What another reader finds is not what was meant.
#[derive(Debug, thiserror::Error)]
#[error("another reader finds another {0}")]
struct Misread(&'static str);

/// Apple's profile, by a reader of XML that knows nothing of property lists.
pub(super) fn check_apple(bytes: &[u8], network: &Network) -> Result<(), WriteError> {
    let text = std::str::from_utf8(bytes).map_err(WriteError::new)?;
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(WriteError::new)?;
    compare(network, apple_value(&document, "SSID_STR"), apple_value(&document, "Password"))
}

/// Windows' profile, by another reader of XML than what wrote it.
pub(super) fn check_windows(text: &str, network: &Network) -> Result<(), WriteError> {
    let document = Document::parse(text).map_err(WriteError::new)?;
    // The first name is what Windows calls the profile.
    let ssid = element(&document, "SSID");
    let name = ssid.and_then(|ssid| ssid.children().find(|it| it.tag_name().name() == "name"));
    let key = element(&document, "keyMaterial");
    compare(network, name.and_then(|name| name.text()), key.and_then(|key| key.text()))
}

/// The configuration of Chromebooks.
pub(super) fn check_chromeos(text: &str, network: &Network) -> Result<(), WriteError> {
    let read: Value = serde_json::from_str(text).map_err(WriteError::new)?;
    let wifi = read.pointer("/NetworkConfigurations/0/WiFi").unwrap_or(&Value::Null);
    let [name, key] = ["SSID", "Passphrase"].map(|field| wifi.get(field).and_then(Value::as_str));
    compare(network, name, key)
}

/// What a camera reads from a picture, by another program than what drew it.
pub(super) fn read_picture(code: &QrCode) -> Option<String> {
    const PIXELS_OF_A_SQUARE: u32 = 4;
    let drawing = code.render::<char>().module_dimensions(PIXELS_OF_A_SQUARE, PIXELS_OF_A_SQUARE).build();
    let rows: Vec<Vec<char>> = drawing.lines().map(|line| line.chars().collect()).collect();
    let width = rows.first()?.len();
    let shade = |x: usize, y: usize| match rows.get(y).and_then(|row| row.get(x)) {
        Some(' ') | None => u8::MAX,
        Some(_) => 0,
    };
    let mut image = PreparedImage::prepare_from_greyscale(width, rows.len(), shade);
    let grids = image.detect_grids();
    grids.first()?.decode().ok().map(|(_, text)| text)
}

fn compare(network: &Network, name: Option<&str>, key: Option<&str>) -> Result<(), WriteError> {
    if name != Some(network.ssid.as_str()) {
        return Err(WriteError::new(Misread("name")));
    }
    if key != Some(network.passphrase.reveal()) {
        return Err(WriteError::new(Misread("key")));
    }
    Ok(())
}

/// The value that stands beside a key of a property list.
fn apple_value<'d>(document: &'d Document<'_>, key: &str) -> Option<&'d str> {
    let is_key = |node: &Node<'_, '_>| node.has_tag_name("key") && node.text() == Some(key);
    document.descendants().find(is_key)?.next_sibling_element()?.text()
}

/// The first element of this name, in whichever namespace.
fn element<'d, 'i>(document: &'d Document<'i>, name: &str) -> Option<Node<'d, 'i>> {
    document.descendants().find(|node| node.tag_name().name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joining::samples::{hostile, usual};
    use crate::joining::{Profile, apple_profile, chromeos_configuration, qr_svg, qr_text, windows_profile};

    fn profile() -> Profile {
        let title = "École Jean-Jaurès".to_owned();
        let organization = "Commune d’Essai".to_owned();
        Profile { title, organization, identifier: "lan.preau".to_owned(), removal: None }
    }

    /// A check that finds no fault in another network's file would find none in any.
    #[test]
    fn a_file_of_another_network_is_found_out() {
        for (made, meant) in [(usual(), hostile()), (hostile(), usual())] {
            let other_key = Network { passphrase: meant.passphrase.clone(), ..made.clone() };
            let apple = apple_profile(&made, &profile(), None).unwrap();
            let windows = windows_profile(&made).unwrap();
            let chromeos = chromeos_configuration(&made, None).unwrap();
            check_apple(&apple, &made).unwrap();
            check_windows(&windows, &made).unwrap();
            check_chromeos(&chromeos, &made).unwrap();
            for (other, expected) in [(&meant, "another name"), (&other_key, "another key")] {
                for error in [
                    check_apple(&apple, other).unwrap_err(),
                    check_windows(&windows, other).unwrap_err(),
                    check_chromeos(&chromeos, other).unwrap_err(),
                ] {
                    let cause = std::error::Error::source(&error).unwrap().to_string();
                    assert!(cause.contains(expected), "{cause}");
                }
            }
        }
        assert!(check_apple(b"<plist>", &usual()).is_err() && check_chromeos("{}", &usual()).is_err());
    }

    /// Windows calls the profile by a name, too, and joins by the other one.
    #[test]
    fn the_name_of_the_network_is_read_and_not_that_of_the_profile() {
        let windows = windows_profile(&usual()).unwrap();
        let (before, ssid) = windows.split_once("<SSID>").unwrap();
        let other = format!("{before}<SSID>{}", ssid.replace("<name>preau-7<", "<name>preau-8<"));
        assert_ne!(other, windows);
        check_windows(&other, &usual()).unwrap_err();
    }

    /// What a class points its tablets at is read, whatever key was drawn.
    #[test]
    fn each_key_makes_a_picture_that_is_read() {
        for number in 0..64_u32 {
            let key = format!("k7pm-x2hd-9tqv-ej4w-{:04}", number * 151);
            let network = Network { passphrase: key.parse().unwrap(), ..usual() };
            qr_svg(&network).unwrap();
            let code = QrCode::new(qr_text(&network)).unwrap();
            assert_eq!(read_picture(&code), Some(qr_text(&network)));
        }
    }
}
