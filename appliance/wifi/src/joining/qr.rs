//! The text that Android, iOS and Windows read from a picture on the projector, and the picture.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

use crate::Network;

/// Smallest side of the picture, in pixels of the page; it grows with the page.
const SIDE_PIXELS_MIN: u32 = 320;

/// What the picture corrects, from the largest squares on.
const LEVELS: [EcLevel; 3] = [EcLevel::L, EcLevel::M, EcLevel::Q];

/// There is no picture.
#[derive(Debug, thiserror::Error)]
pub enum QrError {
    /// The text is too long for one.
    #[error("the network's name and key are too long for a picture")]
    Long(#[source] qrcode::types::QrError),
    /// Another program than what drew it reads something else.
    #[error("another reader does not find the network in the picture")]
    Misread,
}

/// `WIFI:T:WPA;S:name;P:key;;`, as ZXing defined it and the Wi-Fi Alliance took it over (WPA3 Specification section 7.1).
#[must_use]
pub fn qr_text(network: &Network) -> String {
    let (name, key) = (escape(network.ssid.as_str()), escape(network.passphrase.reveal()));
    format!("WIFI:T:WPA;S:{name};P:{key};;")
}

/// The picture, as SVG. A tablet reads it from the back of the room: with the lowest correction its squares are largest. One that another
/// reader does not read gets more correction.
///
/// # Errors
/// [`QrError`]; no network's text is so long.
pub fn qr_svg(network: &Network) -> Result<String, QrError> {
    let text = qr_text(network);
    for level in LEVELS {
        let code = QrCode::with_error_correction_level(&text, level).map_err(QrError::Long)?;
        if super::reread::read_picture(&code).as_ref() == Some(&text) {
            return Ok(code
                .render::<svg::Color<'_>>()
                .min_dimensions(SIDE_PIXELS_MIN, SIDE_PIXELS_MIN)
                .build());
        }
    }
    Err(QrError::Misread)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | ';' | ',' | ':' | '"') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joining::samples::{hostile, usual};

    /// What another program makes of the picture.
    fn read_back(network: &Network) -> String {
        let code = QrCode::with_error_correction_level(qr_text(network), EcLevel::L).unwrap();
        let picture = code.render::<char>().quiet_zone(true).module_dimensions(4, 4).build();
        let rows: Vec<Vec<char>> = picture.lines().map(|line| line.chars().collect()).collect();
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(rows[0].len(), rows.len(), |x, y| {
            if rows[y][x] == ' ' { 255 } else { 0 }
        });
        let grids = image.detect_grids();
        grids[0].decode().unwrap().1
    }

    #[test]
    fn devices_read_the_name_and_the_key() {
        assert_eq!(qr_text(&usual()), "WIFI:T:WPA;S:preau-7;P:k7pm-x2hd-9tqv-ej4w-ab3c;;");
        assert_eq!(qr_text(&hostile()), r#"WIFI:T:WPA;S:<a\;b\:\"é\\\,'&>;P:k\\\;\:\"'<&>\, 9~ a;;"#);
        for network in [usual(), hostile()] {
            assert_eq!(read_back(&network), qr_text(&network));
            let svg = qr_svg(&network).unwrap();
            let document = roxmltree::Document::parse(&svg).unwrap();
            assert_eq!(document.root_element().tag_name().name(), "svg");
        }
    }
}
