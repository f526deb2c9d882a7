//! Names that tell too much, or that everybody has.

/// How names of networks begin that nobody chose: makers', providers', programs'.
const DEFAULTS: [&str; 23] = [
    "livebox",
    "freebox",
    "bbox-",
    "sfr_",
    "sfr-",
    "numericable",
    "redbox",
    "neuf_",
    "wanadoo",
    "orange-",
    "tp-link",
    "tplink",
    "netgear",
    "linksys",
    "dlink",
    "d-link",
    "asus",
    "cisco",
    "ubnt",
    "unifi",
    "openwrt",
    "default",
    "wlan",
];
/// What tells a passer-by that children are here.
const TELLING: [&str; 11] = [
    "ecole",
    "maternelle",
    "elementaire",
    "primaire",
    "scolaire",
    "college",
    "school",
    "eleve",
    "enfant",
    "cantine",
    "mairie",
];
/// Shortest word of the school's name that tells which school it is: shorter ones are articles.
const WORD_CHARACTERS_MIN: usize = 4;

/// What a name must not tell: the school, its street, its town.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    words: Vec<String>,
}

impl Place {
    /// The place that these texts are about: the school's name, its identifier, its address.
    #[must_use]
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let words = texts.into_iter().flat_map(|text| {
            let folded = fold(text);
            let words = folded.split(|character: char| !character.is_alphanumeric()).map(str::to_owned);
            words.collect::<Vec<_>>()
        });
        Self { words: words.filter(|word| word.chars().count() >= WORD_CHARACTERS_MIN).collect() }
    }

    /// Whether a name or a key tells it.
    pub(super) fn is_named_in(&self, text: &str) -> bool {
        let folded = fold(text);
        let mut words = self.words.iter().map(String::as_str).chain(TELLING);
        words.any(|word| folded.contains(word))
    }
}

/// Whether it is a name that nobody chose.
pub(super) fn is_default(name: &str) -> bool {
    let folded = fold(name);
    DEFAULTS.iter().any(|start| folded.starts_with(start))
}

/// Whether a text has another one in it, however it is spelt.
pub(super) fn contains(text: &str, part: &str) -> bool {
    let part = fold(part);
    part.chars().count() >= WORD_CHARACTERS_MIN && fold(text).contains(&part)
}

/// Small letters without the accents of French.
fn fold(text: &str) -> String {
    let plain = |character: char| match character {
        'à' | 'â' | 'ä' => "a".to_owned(),
        'ç' => "c".to_owned(),
        'é' | 'è' | 'ê' | 'ë' => "e".to_owned(),
        'î' | 'ï' => "i".to_owned(),
        'ô' | 'ö' => "o".to_owned(),
        'ù' | 'û' | 'ü' => "u".to_owned(),
        'ÿ' => "y".to_owned(),
        'œ' => "oe".to_owned(),
        'æ' => "ae".to_owned(),
        other => other.to_string(),
    };
    text.chars().flat_map(char::to_lowercase).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_tell() {
        let place = Place::new(["École élémentaire Jean-Jaurès", "0750655E", "rue de la Gare"]);
        for name in ["ECOLE-wifi", "JAURÈS", "jean_cm2", "0750655e", "la-gare", "Élèves"] {
            assert!(place.is_named_in(name), "{name}");
        }
        for name in ["preau-7", "tilleul", "la", "CM2"] {
            assert!(!place.is_named_in(name), "{name}");
        }
        assert!(Place::default().is_named_in("maternelle"));
    }

    #[test]
    fn names_that_everybody_has() {
        for name in ["Livebox-1234", "OpenWrt", "TP-Link_2F", "default"] {
            assert!(is_default(name), "{name}");
        }
        assert!(!is_default("tilleul-livebox"));
        assert!(contains("Tilleul2026", "TILLEUL") && !contains("abc", "a"));
    }
}
