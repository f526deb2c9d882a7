//! What a person asks the lists: a name, an address, or a URL.

use std::fmt;
use std::str::FromStr;

use model::{Host, HostError};

use crate::line::split_path;
use crate::path::normalise;

/// A question in the form that lines are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// A whole host.
    Host(Host),
    /// A page.
    Url {
        /// The host.
        host: Host,
        /// Path and query, in the spelling that is compared.
        path_and_query: String,
    },
}

impl FromStr for Query {
    type Err = HostError;

    /// Reads a name or an address; or, where there is a slash or a question mark, a URL: with or without
    /// scheme, user and port. The fragment does not count.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(host) = Host::parse(text) {
            return Ok(Self::Host(host));
        }
        let (url, _fragment) = text.split_once('#').unwrap_or((text, ""));
        let (authority, rest) = split_path(strip_scheme(url));
        let host = Host::parse(strip_user_and_port(authority))?;
        Ok(Self::Url { host, path_and_query: normalise(rest) })
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Url { host, path_and_query } => write!(f, "{host}{path_and_query}"),
        }
    }
}

/// Without `scheme:` and the slashes after it (RFC 3986 section 3.1).
fn strip_scheme(url: &str) -> &str {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    match url.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() && scheme.bytes().all(allowed) => rest,
        _ => url,
    }
}

fn strip_user_and_port(authority: &str) -> &str {
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_user, host)| host);
    match host_and_port.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host_and_port,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_urls_as_people_write_them() {
        let check = |text: &str, expected: &str| {
            assert_eq!(text.parse::<Query>().unwrap().to_string(), expected, "{text}");
        };
        check("Example.com.", "example.com");
        check("bücher.example", "xn--bcher-kva.example");
        check("192.0.2.1", "192.0.2.1");
        check("2001:db8::1", "2001:db8::1");
        check("example.com/", "example.com/");
        check("http://example.com", "example.com/");
        check("example.com:8080", "example.com/");
        check("https://anna:secret@Example.com.:443/A/b?C=d#e", "example.com/a/b?c=d");
        check("http://[2001:db8::1]:80/a", "2001:db8::1/a");
        check("example.com//%41/../b/./c", "example.com/b/c");
        check("example.com?q=a@b:1/c", "example.com/?q=a@b:1/c");
        check("ftp://192.0.2.1/a", "192.0.2.1/a");
        check("example.com#top", "example.com/");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "/", "http://", "a b", "a..b/c", "://example.com/", "http:///path", "1.2.3"] {
            assert!(text.parse::<Query>().is_err(), "{text:?}");
        }
    }
}
