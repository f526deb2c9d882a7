//! One line of a `domains` or `urls` file.

use std::net::Ipv4Addr;

use model::{DomainName, DomainNameError, Host, HostError};

use crate::path::normalise;

/// Longest line that is read, in bytes: no browser sends longer URLs, and a file without line ends must not
/// fill the memory.
pub const LINE_BYTES_MAX: usize = 8 * 1024;

/// What a line of a `domains` file covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainLine {
    /// A name and every name under it.
    Name(DomainName),
    /// One IPv4 address.
    Address(Ipv4Addr),
}

impl DomainLine {
    /// Reads a line: a name in any case, with U-labels or A-labels, or an IPv4 address; one dot before it and
    /// one after it change nothing.
    ///
    /// # Errors
    /// [`LineError::Name`] tells what is wrong with the name.
    pub fn parse(line: &str) -> Result<Self, LineError> {
        let text = line.strip_prefix('.').unwrap_or(line);
        match text.strip_suffix('.').unwrap_or(text).parse() {
            Ok(address) => Ok(Self::Address(address)),
            Err(_) => Ok(Self::Name(DomainName::parse(text)?)),
        }
    }
}

/// What a line of a `urls` file covers: every URL of one host whose path and query begin like it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlLine {
    /// The host: this one, not the names under it.
    pub host: Host,
    /// The beginning of path and query, in the spelling that is compared; at least `/`.
    pub prefix: String,
}

impl UrlLine {
    /// Reads a line: `host/path`, with or without a scheme before it.
    ///
    /// # Errors
    /// [`LineError`] for a line that no request could ever match.
    pub fn parse(line: &str) -> Result<Self, LineError> {
        if line.contains('#') {
            return Err(LineError::Fragment);
        }
        if line.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(LineError::Blank);
        }
        let (host, rest) = split_path(strip_web_scheme(line));
        Ok(Self { host: Host::parse(host)?, prefix: normalise(rest) })
    }
}

/// Why a line is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// A line of a difference file that does not say what to do.
    #[error("neither + nor - before the line")]
    Sign,
    /// Bytes that are not text.
    #[error("not UTF-8")]
    NotText,
    /// Longer than [`LINE_BYTES_MAX`].
    #[error("longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// A domain line without a domain.
    #[error("not a domain: {0}")]
    Name(#[from] DomainNameError),
    /// A URL line without a host.
    #[error("not a URL: {0}")]
    Host(#[from] HostError),
    /// A URL line with a fragment, which browsers never send (RFC 9110 section 7.1).
    #[error("a URL with a #fragment can never match: browsers do not send it")]
    Fragment,
    /// A URL line with white space or control characters, which no request has.
    #[error("white space cannot stand in a URL")]
    Blank,
}

/// The host of a URL without its scheme, and the rest from the first slash or question mark on.
pub(crate) fn split_path(text: &str) -> (&str, &str) {
    text.find(['/', '?']).and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

fn strip_web_scheme(text: &str) -> &str {
    match text.split_once("://") {
        Some((scheme, rest)) if ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web)) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_lines_in_every_spelling() {
        let check = |line: &str, expected: &str| match DomainLine::parse(line) {
            Ok(DomainLine::Name(name)) => assert_eq!(name.as_str(), expected, "{line}"),
            Ok(DomainLine::Address(address)) => assert_eq!(address.to_string(), expected, "{line}"),
            Err(error) => panic!("{line}: {error}"),
        };
        check("example.com", "example.com");
        check(".Example.COM.", "example.com");
        check("bücher.example", "xn--bcher-kva.example");
        check("_sip.x-y.fr", "_sip.x-y.fr");
        check("fr", "fr");
        check("192.0.2.1", "192.0.2.1");
        check(".192.0.2.1.", "192.0.2.1");
    }

    #[test]
    fn wrong_domain_lines_say_why() {
        let check = |line: &str, expected: DomainNameError| {
            assert_eq!(DomainLine::parse(line), Err(LineError::Name(expected)), "{line}");
        };
        check("..example.com", DomainNameError::EmptyLabel);
        check("*.example.com", DomainNameError::Character('*'));
        check("example.com/path", DomainNameError::Character('/'));
        check("example.com # why", DomainNameError::Character(' '));
        check("192.0.2.256", DomainNameError::NumericTop);
        check("192.0.02.1", DomainNameError::NumericTop);
        check("2001:db8::1", DomainNameError::Character(':'));
    }

    #[test]
    fn url_lines_in_every_spelling() {
        let check = |line: &str, host: &str, prefix: &str| {
            let url = UrlLine::parse(line).unwrap();
            assert_eq!((url.host.to_string().as_str(), url.prefix.as_str()), (host, prefix), "{line}");
        };
        check("Example.com/Some/Path", "example.com", "/some/path");
        check("HTTPS://example.com/a?B=C", "example.com", "/a?b=c");
        check("example.com", "example.com", "/");
        check("example.com/", "example.com", "/");
        check("example.com?x", "example.com", "/?x");
        check("192.0.2.1/a", "192.0.2.1", "/a");
        check("bücher.example/É", "xn--bcher-kva.example", "/%c3%89");
        check("example.com//a/./%62/%2E%2e/c", "example.com", "/a/c");
        check("example.com/http://other.example/", "example.com", "/http:/other.example/");
    }

    #[test]
    fn wrong_url_lines_say_why() {
        let check = |line: &str, expected: &str| {
            let message = UrlLine::parse(line).unwrap_err().to_string();
            assert!(message.contains(expected), "{line}: {message}");
        };
        check("example.com/a#b", "#fragment");
        check("example.com/a b", "white space");
        check("/path", "a label is empty");
        check("example.com:8080/", "':' cannot stand");
        check("ftp://example.com/", "':' cannot stand");
        check("[example.com]/", "IPv6");
    }
}
