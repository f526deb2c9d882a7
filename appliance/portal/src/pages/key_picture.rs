//! A key of codes, as pages of boxes and of the hub show it to a telephone.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

/// Smallest side of a picture, in pixels.
const SIDE_PIXELS_MIN: u32 = 240;

/// A key, in letters and as a picture.
pub struct KeyPicture {
    /// The letters, as a form brings them back.
    pub letters: String,
    /// The letters in groups, as somebody types them.
    pub groups: String,
    /// The picture, as SVG inside a page; empty where the text is too long for one.
    pub picture: String,
}

impl KeyPicture {
    /// Of these letters, and of the address that a telephone reads.
    #[must_use]
    pub fn new(letters: &str, address: &str) -> Self {
        let characters: Vec<char> = letters.chars().collect();
        let groups: Vec<String> = characters.chunks(4).map(|group| group.iter().collect()).collect();
        let picture = draw(address, EcLevel::M).unwrap_or_default();
        Self { letters: letters.to_owned(), groups: groups.join(" "), picture }
    }
}

/// A text as a picture, as SVG inside a page; `None` where it is too long for one.
pub(super) fn draw(text: &str, correction: EcLevel) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, correction).ok()?;
    let picture = code.render::<svg::Color<'_>>().min_dimensions(SIDE_PIXELS_MIN, SIDE_PIXELS_MIN).build();
    // Inside a page there is no declaration of XML.
    picture.find("<svg").and_then(|place| picture.get(place..)).map(str::to_owned)
}
