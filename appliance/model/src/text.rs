//! Short texts that people choose: names of devices, rooms, profiles.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;

/// Longest name that people may give, in characters: it has to fit a table and a projector.
pub(crate) const NAME_CHARACTERS_MAX: usize = 64;

/// Why a text cannot name something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("the name is empty")]
    Empty,
    /// Too long to be shown.
    #[error("the name is longer than {NAME_CHARACTERS_MAX} characters")]
    TooLong,
    /// A control character, which would break a table or a terminal.
    #[error("the name has a control character")]
    Control,
    /// A character outside `a-z 0-9 - _`, in a name that configuration files refer to.
    #[error("{0:?} cannot stand here: small letters, digits, '-' and '_' only")]
    Character(char),
}

pub(crate) fn check_shown(text: &str) -> Result<Box<str>, TextError> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(TextError::Control);
    }
    // Before it is spelled anew, so that nobody has the box spell a book.
    if text.chars().count() > NAME_CHARACTERS_MAX {
        return Err(TextError::TooLong);
    }
    let text = spell(text);
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    if text.chars().count() > NAME_CHARACTERS_MAX {
        return Err(TextError::TooLong);
    }
    Ok(text.into())
}

/// One spelling for what looks the same: no characters that nobody sees (zero width, direction, soft hyphen: Unicode's
/// `Default_Ignorable_Code_Point`), compatibility forms made plain (NFKC, UAX #15), one kind of space. A name that was
/// kept in another spelling is read in this one.
fn spell(text: &str) -> String {
    let normalizer = ComposingNormalizerBorrowed::new_nfkc();
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let seen: String = normalizer.normalize(text).chars().filter(|c| !ignorable.contains(*c)).collect();
    // What stood on both sides of one may belong together now.
    let text = normalizer.normalize(&seen);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn check_identifier(text: &str) -> Result<Box<str>, TextError> {
    let shown = check_shown(text)?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    match shown.chars().find(|&c| !allowed(c)) {
        Some(c) => Err(TextError::Character(c)),
        None => Ok(shown),
    }
}

/// Declares a name type over a checked text.
macro_rules! name_type {
    ($(#[$documentation:meta])* $name:ident, $check:path, $error:ty) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The name's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self($check(text)?))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use name_type;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_names_are_trimmed_and_bounded() {
        assert_eq!(check_shown(" CM2-04 ").as_deref(), Ok("CM2-04"));
        assert_eq!(check_shown(" "), Err(TextError::Empty));
        assert_eq!(check_shown("a\u{1b}[31m"), Err(TextError::Control));
        assert_eq!(check_shown(&"é".repeat(65)), Err(TextError::TooLong));
        assert!(check_shown(&"é".repeat(64)).is_ok());
    }

    #[test]
    fn names_that_look_the_same_are_the_same() {
        for twin in [
            "Mme\u{a0}Martin",
            "Mme\u{202f}Martin",
            "Mme  Martin",
            "Mme Mar\u{200b}tin",
            "\u{feff}Mme Martin\u{2060}",
            "Mme Mar\u{ad}tin",
            "Mme \u{202e}Martin",
            "Mme Martin\u{fe0f}",
            "Mme\u{2028}Martin",
            "\u{ff2d}me Martin",
        ] {
            assert_eq!(check_shown(twin).as_deref(), Ok("Mme Martin"), "{twin:?}");
        }
        assert_eq!(check_shown("E\u{301}lodie").as_deref(), Ok("Élodie"));
        assert_eq!(check_shown("E\u{200d}\u{301}lodie").as_deref(), Ok("Élodie"));
        for name in ["Mme Lœuf", "M. d’Aubigné", "Élodie-Anne", "Tablette n° 3", "校长"] {
            assert_eq!(check_shown(name).as_deref(), Ok(name), "nothing is lost");
        }
        for nothing in ["\u{200b}", "\u{3164}", "\u{a0}\u{2060}"] {
            assert_eq!(check_shown(nothing), Err(TextError::Empty), "{nothing:?}");
        }
        // One character that stands for eighteen.
        assert_eq!(check_shown(&"\u{fdfa}".repeat(4)), Err(TextError::TooLong));
    }

    #[test]
    fn identifiers_are_plain() {
        assert_eq!(check_identifier("elementaire").as_deref(), Ok("elementaire"));
        assert_eq!(check_identifier("Élémentaire"), Err(TextError::Character('É')));
    }
}
