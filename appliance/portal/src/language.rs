//! The languages that pages speak.

use actix_web::http::header::{AcceptLanguage, LanguageTag, Preference, QualityItem};

/// Most languages of a request that are looked at: a browser sends about five, and a page waits for no more.
const PREFERENCES_MAX: usize = 16;

/// A language that every page speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// The language of the schools.
    #[default]
    French,
    /// The other one.
    English,
}

impl Language {
    /// The language that suits a request's `Accept-Language` field best (RFC 9110 section 12.5.4): French
    /// unless English is preferred to it.
    #[must_use]
    pub fn negotiate(accept_language: Option<&str>) -> Self {
        let preferences = accept_language
            .unwrap_or_default()
            .split(',')
            .take(PREFERENCES_MAX)
            .filter_map(|item| item.trim().parse::<QualityItem<Preference<LanguageTag>>>().ok())
            .filter(|item| item.quality > actix_web::http::header::Quality::ZERO)
            .collect();
        AcceptLanguage(preferences).ranked().iter().find_map(Self::of_preference).unwrap_or_default()
    }

    fn of_preference(preference: &Preference<LanguageTag>) -> Option<Self> {
        match preference {
            Preference::Any => Some(Self::default()),
            Preference::Specific(tag) => match tag.primary_language().to_ascii_lowercase().as_str() {
                "fr" => Some(Self::French),
                "en" => Some(Self::English),
                _ => None,
            },
        }
    }

    /// The language's tag, as `lang` and `Content-Language` want it (BCP 47).
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::French => "fr",
            Self::English => "en",
        }
    }

    /// A whole number as the language groups its digits: `637 941` (with narrow no-break spaces) or `637,941`.
    pub(crate) fn group_digits(self, number: u64) -> String {
        let separator = match self {
            Self::French => '\u{202f}',
            Self::English => ',',
        };
        let digits = number.to_string();
        let mut grouped = String::with_capacity(digits.len() * 2);
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                grouped.push(separator);
            }
            grouped.push(digit);
        }
        grouped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_language_wins_and_french_is_the_default() {
        let check = |field: Option<&str>, expected: Language| {
            assert_eq!(Language::negotiate(field), expected, "{field:?}");
        };
        check(None, Language::French);
        check(Some(""), Language::French);
        check(Some("fr-FR,fr;q=0.9,en;q=0.8"), Language::French);
        check(Some("en-GB,en;q=0.9,fr;q=0.8"), Language::English);
        check(Some("fr;q=0.3, en;q=0.7"), Language::English);
        check(Some("EN"), Language::English);
        check(Some("de,en;q=0.5"), Language::English);
        check(Some("de,*;q=0.5"), Language::French);
        check(Some("en;q=0"), Language::French);
        check(Some("de"), Language::French);
        check(Some("english please"), Language::French);
        check(Some("\u{7f},;;;,q=,en;q=9,é"), Language::French);
        check(Some(&"de,".repeat(10_000)), Language::French);
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let check = |number: u64, french: &str, english: &str| {
            assert_eq!(Language::French.group_digits(number), french);
            assert_eq!(Language::English.group_digits(number), english);
        };
        check(0, "0", "0");
        check(999, "999", "999");
        check(637_941, "637\u{202f}941", "637,941");
        check(4_600_000, "4\u{202f}600\u{202f}000", "4,600,000");
    }
}
