//! How to reach whoever can correct the filter, for programs.

use std::fmt;
use std::str::FromStr;

/// Longest contact, in bytes: it goes into DNS answers, where room is short.
const BYTES_MAX: usize = 100;

/// A `tel:` or `mailto:` URI: the schemes that clients take from a DNS answer (draft-ietf-dnsop-structured-dns-error).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contact(String);

/// Why a text is no contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ContactError {
    #[error("a contact is tel:+33123456789 or mailto:name@commune.fr")]
    Scheme,
    #[error(
        "a telephone number is + and the country's number, then digits, with `-` between them where it helps reading"
    )]
    Telephone,
    #[error("an address of mail is name@domain, in ASCII")]
    Mail,
    #[error("a contact has {BYTES_MAX} characters at most")]
    Long,
}

impl FromStr for Contact {
    type Err = ContactError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > BYTES_MAX {
            return Err(ContactError::Long);
        }
        match text.split_once(':') {
            Some(("tel", number)) if is_telephone(number) => Ok(Self(text.to_owned())),
            Some(("tel", _)) => Err(ContactError::Telephone),
            Some(("mailto", address)) if is_mail(address) => Ok(Self(text.to_owned())),
            Some(("mailto", _)) => Err(ContactError::Mail),
            Some(_) | None => Err(ContactError::Scheme),
        }
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A global number (RFC 3966 section 5.1.4): a telephone anywhere can dial it. E.164 has 15 digits at most.
fn is_telephone(number: &str) -> bool {
    let Some(digits) = number.strip_prefix('+') else { return false };
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        && digits.starts_with(|first: char| first.is_ascii_digit())
        && (4..=15).contains(&count)
}

/// One plain mailbox (RFC 6068): what a URI or a mail would have to encode is not taken.
fn is_mail(address: &str) -> bool {
    let Some((name, domain)) = address.split_once('@') else { return false };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
    !name.is_empty()
        && name.bytes().all(is_plain)
        && domain.contains('.')
        && model::DomainName::parse(domain).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_whole_uris() {
        let check = |text: &str, expected: Result<(), ContactError>| {
            assert_eq!(text.parse::<Contact>().map(drop), expected, "{text}");
        };
        check("tel:+33123456789", Ok(()));
        check("tel:+33-1-23-45-67-89", Ok(()));
        check("mailto:info+ecole@commune.example.fr", Ok(()));
        check("01 23 45 67 89", Err(ContactError::Scheme));
        check("https://commune.example.fr", Err(ContactError::Scheme));
        check("tel:01 23 45 67 89", Err(ContactError::Telephone));
        check("tel:0123456789", Err(ContactError::Telephone));
        check("tel:+", Err(ContactError::Telephone));
        check("tel:+-33123", Err(ContactError::Telephone));
        check("tel:+1234567890123456", Err(ContactError::Telephone));
        check("mailto:commune.example.fr", Err(ContactError::Mail));
        check("mailto:a b@commune.example.fr", Err(ContactError::Mail));
        check("mailto:a@commune", Err(ContactError::Mail));
        check("mailto:@commune.example.fr", Err(ContactError::Mail));
        check(&format!("mailto:{}@commune.example.fr", "a".repeat(100)), Err(ContactError::Long));
    }
}
