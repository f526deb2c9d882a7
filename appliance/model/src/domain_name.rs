//! Domain names as the filter compares them: lower case, A-labels, no trailing dot.

use std::fmt;
use std::str::FromStr;

/// Longest label, in bytes (RFC 1035 section 2.3.4).
pub const LABEL_BYTES_MAX: usize = 63;
/// Longest name in text form without its trailing dot, in bytes (RFC 1035 section 2.3.4: 255 on the wire).
pub const NAME_BYTES_MAX: usize = 253;

/// A host name in the one form that lists, verdicts and records share.
///
/// Lower case ASCII, internationalised labels as A-labels (RFC 5890), no trailing dot, labels of 1 to 63
/// letters, digits, hyphens or underscores, 253 bytes at most. The last label is never all digits: such text
/// is a broken IPv4 address, which no resolver should be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomainName(Box<str>);

impl DomainName {
    /// Reads a name as people and programs write it: any case, an optional trailing dot, U-labels or A-labels.
    ///
    /// # Errors
    /// [`DomainNameError`] tells which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, DomainNameError> {
        if text.is_ascii() {
            return Self::from_ascii(text);
        }
        let ascii = idna::domain_to_ascii(text).map_err(|_| DomainNameError::NotInternational)?;
        Self::from_ascii(&ascii)
    }

    fn from_ascii(text: &str) -> Result<Self, DomainNameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.len() > NAME_BYTES_MAX {
            return Err(DomainNameError::TooLong);
        }
        for label in text.split('.') {
            check_label(label)?;
        }
        if is_numeric(last_label(text)) {
            return Err(DomainNameError::NumericTop);
        }
        Ok(Self(text.to_ascii_lowercase().into_boxed_str()))
    }

    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name itself, then each parent, most specific first: `a.b.fr`, `b.fr`, `fr`.
    pub fn suffixes(&self) -> impl Iterator<Item = &str> {
        let mut rest = Some(self.as_str());
        std::iter::from_fn(move || {
            let current = rest?;
            rest = current.split_once('.').map(|(_, parent)| parent);
            Some(current)
        })
    }

    /// Whether this name is `zone` or lies under it, by whole labels: `notexample.com` is not under
    /// `example.com`.
    #[must_use]
    pub fn is_under(&self, zone: &Self) -> bool {
        self.0.strip_suffix(zone.as_str()).is_some_and(|child| child.is_empty() || child.ends_with('.'))
    }

    /// What somebody registered: one label under a public suffix, by the list of publicsuffix.org. `lemonde.fr` of
    /// `www.lemonde.fr`, `classe.github.io` of `a.classe.github.io`. `None` for a public suffix.
    #[must_use]
    pub fn registrable(&self) -> Option<Self> {
        let registered = psl::domain_str(&self.0).map(|domain| Self(domain.into()));
        // Of a house that lets names under its own, the own one is registered as well: `github.io`.
        registered.or_else(|| (!self.is_public_suffix()).then(|| self.clone()))
    }

    /// Whether names of all the world are registered right under it: `fr`, `gouv.fr`, `co.uk`. Names of houses that let
    /// some under theirs (`github.io`) are none.
    #[must_use]
    pub fn is_public_suffix(&self) -> bool {
        let suffix = psl::suffix(self.0.as_bytes());
        suffix.is_some_and(|it| it.as_bytes() == self.0.as_bytes() && it.typ() != Some(psl::Type::Private))
    }
}

fn check_label(label: &str) -> Result<(), DomainNameError> {
    match label.len() {
        0 => return Err(DomainNameError::EmptyLabel),
        1..=LABEL_BYTES_MAX => {}
        _ => return Err(DomainNameError::LabelTooLong),
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match label.bytes().find(|&byte| !allowed(byte)) {
        Some(byte) => Err(DomainNameError::Character(char::from(byte))),
        None => Ok(()),
    }
}

fn last_label(text: &str) -> &str {
    text.rsplit('.').next().unwrap_or(text)
}

fn is_numeric(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DomainName {
    type Err = DomainNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Why a text is not a domain name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DomainNameError {
    /// No text, a leading dot, or two dots in a row.
    #[error("a label is empty")]
    EmptyLabel,
    /// A label longer than [`LABEL_BYTES_MAX`].
    #[error("a label is longer than {LABEL_BYTES_MAX} bytes")]
    LabelTooLong,
    /// A name longer than [`NAME_BYTES_MAX`].
    #[error("the name is longer than {NAME_BYTES_MAX} bytes")]
    TooLong,
    /// A character that no host name has.
    #[error("{0:?} cannot stand in a host name")]
    Character(char),
    /// A last label of digits only.
    #[error("the last label is a number: a broken IPv4 address?")]
    NumericTop,
    /// Text beyond ASCII that UTS 46 does not map to a name.
    #[error("not an internationalised domain name")]
    NotInternational,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_every_spelling() {
        let check =
            |text: &str, expected: &str| assert_eq!(DomainName::parse(text).unwrap().as_str(), expected);
        check("Example.COM", "example.com");
        check("example.com.", "example.com");
        check("école.fr", "xn--cole-9oa.fr");
        check("ÉCOLE.fr.", "xn--cole-9oa.fr");
        check("XN--COLE-9OA.fr", "xn--cole-9oa.fr");
        check("jaz_082.x-film.us", "jaz_082.x-film.us");
    }

    #[test]
    fn wrong_names_say_why() {
        let check = |text: &str, expected: DomainNameError| {
            assert_eq!(DomainName::parse(text).unwrap_err(), expected, "{text:?}");
        };
        check("", DomainNameError::EmptyLabel);
        check(".", DomainNameError::EmptyLabel);
        check("a..b", DomainNameError::EmptyLabel);
        check(".a.fr", DomainNameError::EmptyLabel);
        check("a b.fr", DomainNameError::Character(' '));
        check("1.2.3.456", DomainNameError::NumericTop);
        check("127.1", DomainNameError::NumericTop);
        check(&format!("{}.fr", "a".repeat(64)), DomainNameError::LabelTooLong);
        check(&"abc.".repeat(64), DomainNameError::TooLong);
    }

    #[test]
    fn what_was_registered() {
        let check = |text: &str, expected: Option<&str>| {
            let found = DomainName::parse(text).unwrap().registrable();
            assert_eq!(found.as_ref().map(DomainName::as_str), expected, "{text}");
        };
        check("www.lemonde.fr", Some("lemonde.fr"));
        check("lemonde.fr", Some("lemonde.fr"));
        check("a.education.gouv.fr", Some("education.gouv.fr"));
        check("a.b.co.uk", Some("b.co.uk"));
        check("a.classe.github.io", Some("classe.github.io"));
        check("github.io", Some("github.io"));
        check("a.casino.example", Some("casino.example"));
        check("a.xn--cole-9oa.fr", Some("xn--cole-9oa.fr"));
        for suffix in ["fr", "gouv.fr", "co.uk", "example", "xn--fiqs8s"] {
            check(suffix, None);
            assert!(DomainName::parse(suffix).unwrap().is_public_suffix(), "{suffix}");
        }
        for name in ["lemonde.fr", "github.io", "a.fr", "casino.example"] {
            assert!(!DomainName::parse(name).unwrap().is_public_suffix(), "{name}");
        }
    }

    #[test]
    fn parents_by_whole_labels() {
        let name = DomainName::parse("a.b.fr").unwrap();
        assert_eq!(name.suffixes().collect::<Vec<_>>(), ["a.b.fr", "b.fr", "fr"]);
        let zone = DomainName::parse("example.com").unwrap();
        for (text, expected) in [("example.com", true), ("www.example.com", true), ("notexample.com", false)]
        {
            assert_eq!(DomainName::parse(text).unwrap().is_under(&zone), expected, "{text}");
        }
    }
}
