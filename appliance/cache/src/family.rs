//! What is what in an online workspace (ENT): its family's profile. Data only; a commune can write its own.
//!
//! Invariant: what a profile does not name is treated as ever. A profile can have more kept, never shared: what it names is
//! authorised by the server for each who asks.

use std::str::FromStr;

use crate::key::Key;

/// Patterns of one kind in a profile, at most.
pub const PATTERNS_MAX: usize = 64;
/// Longest time that a profile may give, in days: a school year's longest holidays but one.
pub const OFFLINE_DAYS_MAX: u32 = 31;
/// Shortest value of a cookie that counts as a secret: anything shorter could be guessed.
const SECRET_BYTES_MIN: usize = 16;

/// The profile of a family of workspaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The cookies that a session is known by, the best one first.
    pub session_cookies: Vec<String>,
    /// Files that pupils may see one and all, or not: the same bytes for each who may.
    pub files: Vec<PathPattern>,
    /// Names of query parameters that carry the right to a file and are new each time; `*` at the end stands for any rest. A URI
    /// that has all of them is a file, wherever it is.
    pub signatures: Vec<String>,
    /// What is the same for everybody, signed in or not: style sheets, scripts, pictures of the surface. It is asked for as if nobody
    /// were signed in.
    pub for_all: Vec<PathPattern>,
    /// Where a session ends.
    pub log_out: Vec<PathPattern>,
    /// Whether pages that are stale say so.
    pub has_banner: bool,
    /// For how many days a session may read again, without the line, what it was granted.
    pub offline_days: u32,
}

impl Default for Family {
    /// The profile of a workspace that nobody knows: nothing of it is kept but what it says itself.
    fn default() -> Self {
        Self {
            session_cookies: vec![],
            files: vec![],
            signatures: vec![],
            for_all: vec![],
            log_out: vec![],
            has_banner: true,
            offline_days: 0,
        }
    }
}

/// A file that each has to be authorised for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    /// What it is kept under: its URI without the parameters that carry the right to it.
    pub key: Key,
    /// Whether the URI carries the right to it.
    pub is_signed: bool,
}

impl Family {
    /// The file that a URI names, where it is one that each has to be authorised for.
    #[must_use]
    pub fn file(&self, host: &str, path_and_query: &str) -> Option<FileName> {
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let is_named = self.files.iter().any(|pattern| pattern.matches(path));
        let carries_right = is_plain_path(path) && self.is_signed(query.unwrap_or_default());
        if !is_named && !carries_right {
            return None;
        }
        let Some(query) = query else {
            return Some(FileName { key: Key::new(host, path)?, is_signed: false });
        };
        let is_kept = |parameter: &&str| !self.signatures.iter().any(|name| is_called(parameter, name));
        let kept: Vec<&str> = query.split('&').filter(is_kept).collect();
        let is_signed = kept.len() < query.split('&').count();
        let uri = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
        Some(FileName { key: Key::new(host, &uri)?, is_signed })
    }

    /// Whether this is the same for everybody.
    #[must_use]
    pub fn is_for_all(&self, path_and_query: &str) -> bool {
        let path = path_and_query.split('?').next().unwrap_or_default();
        self.for_all.iter().any(|pattern| pattern.matches(path))
    }

    /// Whether a session ends here.
    #[must_use]
    pub fn is_log_out(&self, path_and_query: &str) -> bool {
        let path = path_and_query.split('?').next().unwrap_or_default();
        self.log_out.iter().any(|pattern| pattern.matches(path))
    }

    /// The secret that a session is known by: a cookie of the profile, where there is one and it is long enough for a secret.
    /// `cookies` are the lines of the field.
    #[must_use]
    pub fn session<'c>(&self, cookies: &[&'c [u8]]) -> Option<&'c [u8]> {
        let find = |name: &String| {
            let mut found = cookies
                .iter()
                .flat_map(|line| line.split(|&byte| byte == b';'))
                .filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="));
            // Said twice, nobody knows which one the server takes.
            found.next().filter(|value| value.len() >= SECRET_BYTES_MIN && found.next().is_none())
        };
        self.session_cookies.iter().find_map(find)
    }

    /// Whether a query has all parameters that carry a right.
    fn is_signed(&self, query: &str) -> bool {
        let has = |name: &String| query.split('&').any(|parameter| is_called(parameter, name));
        !self.signatures.is_empty() && self.signatures.iter().all(has)
    }
}

/// Whether a parameter of a query has this name, or begins with what is before its `*`.
fn is_called(parameter: &str, expected: &str) -> bool {
    let name = parameter.split('=').next().unwrap_or_default();
    match expected.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == expected,
    }
}

/// Paths: segments as they are, `*` for any one segment, `**` at the end for any that follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    segments: Vec<String>,
    has_rest: bool,
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a path is written as `/a/b`, with `*` for any one segment, and `/**` at the end for all below")]
pub struct PatternError;

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let rest = text.strip_prefix('/').ok_or(PatternError)?;
        let mut segments: Vec<String> = rest.split('/').map(str::to_owned).collect();
        let has_rest = segments.last().is_some_and(|last| last == "**");
        if has_rest {
            segments.pop();
        }
        let is_right = |segment: &String| segment == "*" || (is_plain(segment) && !segment.contains('*'));
        // All of a server is no place of its own.
        let is_whole = segments.first().is_some_and(|first| first != "*") && segments.iter().all(is_right);
        if is_whole { Ok(Self { segments, has_rest }) } else { Err(PatternError) }
    }
}

impl PathPattern {
    /// Whether it stands for this path. One that two readers could read in two ways is none of its.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix('/') else { return false };
        let segments: Vec<&str> = rest.split('/').collect();
        let is_long_enough = if self.has_rest {
            segments.len() > self.segments.len()
        } else {
            segments.len() == self.segments.len()
        };
        let is_same = |(known, segment): (&String, &&str)| known == "*" || known == segment;
        is_long_enough && is_plain_path(path) && self.segments.iter().zip(&segments).all(is_same)
    }
}

/// Whether a path means the same to whoever reads it.
fn is_plain_path(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_plain))
}

/// Whether a segment means the same to whoever reads it: no dots that lead elsewhere, no separator in disguise, no parameter.
fn is_plain(segment: &str) -> bool {
    let is_usual = |c: char| c.is_ascii_alphanumeric() || "-._~!$'()*+,:=@".contains(c);
    let mut rest = segment;
    while let Some(c) = rest.chars().next() {
        if c == '%' {
            // What is encoded is a letter beyond ASCII, or a space: nothing that parts or ends a path.
            let byte = rest.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
            if !byte.is_some_and(|byte| byte == b' ' || byte >= 0x80) {
                return false;
            }
            rest = rest.get(3..).unwrap_or_default();
        } else if is_usual(c) {
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        } else {
            return false;
        }
    }
    !segment.is_empty() && segment != "." && segment != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family() -> Family {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Family {
            session_cookies: vec!["oneSessionId".to_owned(), "beneyluent".to_owned()],
            files: patterns(&["/workspace/document/*", "/media/**"]),
            signatures: vec!["signature".to_owned(), "X-Amz-*".to_owned()],
            for_all: patterns(&["/assets/**"]),
            log_out: patterns(&["/auth/logout"]),
            ..Family::default()
        }
    }

    #[test]
    fn a_pattern_is_written_in_one_way() {
        for wrong in
            ["", "a", "/", "/*", "/**", "/a//b", "/a/", "/a/**/b", "/a*", "/a/../b", "/a;b", "/a%2fb", "/a?b"]
        {
            assert_eq!(wrong.parse::<PathPattern>(), Err(PatternError), "{wrong}");
        }
    }

    /// Tricks by which one cache takes a page for a file.
    #[test]
    fn what_can_be_read_in_two_ways_is_no_file() {
        let check = |path: &str, expected: bool| {
            assert_eq!(family().file("ent.example", path).is_some(), expected, "{path}");
        };
        check("/workspace/document/7f3a-11", true);
        check("/workspace/document/7f3a-11?thumbnail=120x120", true);
        check("/workspace/document/%C3%A9t%C3%A9%202.pdf", true);
        check("/media/a/b.mp4", true);
        check("/media", false);
        check("/media/", false);
        for trick in [
            "/workspace/document",
            "/workspace/document/",
            "/workspace/document/7/x.css",
            "/workspace/document/7%2fx.css",
            "/workspace/document/7%2Fx.css",
            "/workspace/document/7%5cx",
            "/workspace/document/7;x.css",
            "/workspace/document/7%3bx.css",
            "/workspace/document/7%00.css",
            "/workspace/document/7%23.css",
            "/workspace/document/7%3f.css",
            "/workspace/document/..",
            "/workspace/document/%2e%2e",
            "/workspace/document/.",
            "/workspace//document/7",
            "//workspace/document/7",
            "/media/../userbook/api/person",
            "/media/%2e%2e/userbook/api/person",
            "/media/a\\b",
            "/media/%",
            "/media/%4",
            "/media/\u{e9}",
            "/WORKSPACE/document/7",
            "/userbook/api/person",
        ] {
            check(trick, false);
        }
    }

    #[test]
    fn what_is_for_all_is_below_its_place_and_nowhere_else() {
        let check = |path: &str, expected: bool| assert_eq!(family().is_for_all(path), expected, "{path}");
        check("/assets/themes/one/theme.css?version=3", true);
        check("/assets", false);
        check("/assets/", false);
        check("/assets/../userbook/api/person", false);
        check("/assets/%2e%2e/userbook/api/person", false);
        check("/assets/x;/userbook", false);
        check("/userbook/api/person?/assets/x.css", false);
        assert!(!Family::default().is_for_all("/assets/themes/one/theme.css"));
    }

    #[test]
    fn signatures_leave_the_key() {
        let check = |uri: &str, key: &str, is_signed: bool| {
            let file = family().file("ent.example", uri).unwrap();
            assert_eq!((file.key.path_and_query(), file.is_signed), (key, is_signed), "{uri}");
        };
        check("/media/a.mp4?signature=x", "/media/a.mp4", true);
        check("/media/a.mp4?size=2&X-Amz-Date=1&X-Amz-Signature=2&v=3", "/media/a.mp4?size=2&v=3", true);
        check("/media/a.mp4?size=2", "/media/a.mp4?size=2", false);
        check("/media/a.mp4?", "/media/a.mp4?", false);
        let is_file = |uri: &str| family().file("ent.example", uri).is_some();
        assert!(is_file("/elsewhere/a.mp4?X-Amz-Date=1&signature=2"));
        assert!(
            !is_file("/elsewhere/a.mp4?signature=2") && !is_file("/elsewhere/;a?X-Amz-Date=1&signature=2")
        );
        assert_eq!(Family::default().file("ent.example", "/media/a.mp4?signature=x"), None);
    }

    #[test]
    fn a_session_is_known_by_a_long_secret_that_is_said_once() {
        let check = |lines: &[&'static str], expected: Option<&str>| {
            let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
            assert_eq!(family().session(&lines), expected.map(str::as_bytes));
        };
        let secret = "0123456789abcdef";
        check(&["a=b; oneSessionId=0123456789abcdef; authenticated=true"], Some(secret));
        check(&["a=b", "beneyluent=0123456789abcdef"], Some(secret));
        check(&["oneSessionId=short"], None);
        check(&["XoneSessionId=0123456789abcdef"], None);
        check(&["oneSessionId=0123456789abcdef; oneSessionId=fedcba9876543210"], None);
        check(&[], None);
        assert!(family().is_log_out("/auth/logout?callback=/") && !family().is_log_out("/auth/login"));
    }
}
