//! Where a mirror is.

use std::fmt;
use std::str::FromStr;

use ureq::http::Uri;

/// The address of the folder that a mirror's files are in: `https://dsi.ut-capitole.fr/blacklists/download/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorUrl(String);

impl MirrorUrl {
    /// Whether the connection proves whose files these are.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// The address of one of its files.
    pub(crate) fn file(&self, name: &str) -> String {
        format!("{}{name}", self.0)
    }
}

impl fmt::Display for MirrorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MirrorUrl {
    type Err = MirrorUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| MirrorUrlError)?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let has_host = uri.host().is_some_and(|host| !host.is_empty()) && !authority.contains('@');
        if !is_web || !has_host || text.contains(['?', '#']) {
            return Err(MirrorUrlError);
        }
        let scheme = uri.scheme_str().unwrap_or_default();
        let path = uri.path().trim_end_matches('/');
        Ok(Self(format!("{scheme}://{authority}{path}/")))
    }
}

/// The text is not the address of a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the address of a folder on a web server, as https://dsi.ut-capitole.fr/blacklists/download/ is")]
pub struct MirrorUrlError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_folders() {
        let check = |text: &str, expected: Option<&str>| {
            let parsed = text.parse::<MirrorUrl>().ok().map(|url| url.file("x"));
            assert_eq!(parsed.as_deref(), expected, "{text}");
        };
        check("https://lists.example/ut1/", Some("https://lists.example/ut1/x"));
        check("https://lists.example/ut1", Some("https://lists.example/ut1/x"));
        check("HTTP://lists.example", Some("http://lists.example/x"));
        check("http://192.0.2.1:8080//", Some("http://192.0.2.1:8080/x"));
        check("https://[2001:db8::1]/ut1/", Some("https://[2001:db8::1]/ut1/x"));
        for wrong in [
            "",
            "lists.example/ut1",
            "/ut1",
            "ftp://lists.example/",
            "rsync://lists.example/",
            "https://name:password@lists.example/",
            "https://lists.example/?list=",
            "https://lists.example/#list",
            "https:///ut1/",
            "https://lists example/",
        ] {
            check(wrong, None);
        }
    }
}
