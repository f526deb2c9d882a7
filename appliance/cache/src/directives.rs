//! `Cache-Control`, as it stands there (RFC 9111 section 5.2).

use http::{HeaderMap, header};

use crate::fields;

/// Directives that are kept of one message: no origin sends a tenth of it, and a hostile one sends more.
const DIRECTIVES_MAX: usize = 64;
/// Seconds beyond which a number counts as this one (RFC 9111 section 1.2.2).
pub(crate) const SECONDS_MAX: u64 = 2_147_483_648;

/// The directives of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives {
    /// In lower case, with their arguments.
    list: Vec<(String, Option<String>)>,
}

/// A directive with a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seconds {
    /// It is not there.
    Absent,
    /// It is there once, or several times with one value.
    Valid(u64),
    /// It is there with something else, or with several values: freshness that cannot be trusted is none (RFC 9111
    /// section 4.2.1).
    Invalid,
}

impl Seconds {
    /// The number, where there is one.
    pub(crate) fn valid(self) -> Option<u64> {
        match self {
            Self::Valid(seconds) => Some(seconds),
            Self::Absent | Self::Invalid => None,
        }
    }
}

impl Directives {
    /// Reads the field. What a line has that is no text is left out with its line, and the rest has to be believed
    /// least: it then counts as `no-store`.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        if !headers.contains_key(header::CACHE_CONTROL) {
            return Self::default();
        }
        let members = fields::members(headers, &header::CACHE_CONTROL);
        let mut list: Vec<_> = members.take(DIRECTIVES_MAX).map(read_directive).collect();
        let is_whole = fields::members(headers, &header::CACHE_CONTROL).nth(DIRECTIVES_MAX).is_none();
        if !is_whole || !fields::is_text(headers, &header::CACHE_CONTROL) {
            list.push(("no-store".to_owned(), None));
        }
        Self { list }
    }

    pub(crate) fn from_list(list: Vec<(String, Option<String>)>) -> Self {
        Self { list }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.list.iter().any(|(known, _)| known == name)
    }

    pub(crate) fn seconds(&self, name: &str) -> Seconds {
        let mut values = self.list.iter().filter(|(known, _)| known == name).map(|(_, argument)| argument);
        let Some(first) = values.next() else { return Seconds::Absent };
        match first.as_deref().and_then(parse_seconds) {
            Some(seconds) if values.all(|other| other == first) => Seconds::Valid(seconds),
            Some(_) | None => Seconds::Invalid,
        }
    }
}

/// A name with or without an argument; the argument as a token or as quoted text (RFC 9111 section 5.2).
fn read_directive(member: &str) -> (String, Option<String>) {
    match member.split_once('=') {
        None => (member.to_ascii_lowercase(), None),
        Some((name, argument)) => {
            let bare = argument.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            (name.trim_end().to_ascii_lowercase(), Some(bare.unwrap_or(argument).to_owned()))
        }
    }
}

/// `delta-seconds` (RFC 9111 section 1.2.2): digits only, and what is too large is as large as counts.
pub(crate) fn parse_seconds(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(SECONDS_MAX).min(SECONDS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::tests::map;

    fn read(lines: &[&str]) -> Directives {
        let lines: Vec<_> = lines.iter().map(|line| ("cache-control", *line)).collect();
        Directives::read(&map(&lines))
    }

    #[test]
    fn seconds_are_digits_and_said_once() {
        let check = |lines: &[&str], expected| {
            assert_eq!(read(lines).seconds("max-age"), expected, "{lines:?}");
        };
        check(&["no-transform"], Seconds::Absent);
        check(&["foo, MaX-aGe=60"], Seconds::Valid(60));
        check(&["max-age=\"60\""], Seconds::Valid(60));
        check(&["max-age=0003600"], Seconds::Valid(3_600));
        check(&["max-age=99999999999999999999999"], Seconds::Valid(SECONDS_MAX));
        check(&["max-age=60", "max-age=60"], Seconds::Valid(60));
        check(&["max-age=60, max-age=0"], Seconds::Invalid);
        check(&["max-age=0", "max-age=60"], Seconds::Invalid);
        for invalid in [
            "max-age",
            "max-age=",
            "max-age=-60",
            "max-age=60.0",
            "max-age= 60",
            "max-age='60'",
            "max-age=6a",
        ] {
            check(&[invalid], Seconds::Invalid);
        }
        // Text in quotes says nothing, whatever it looks like.
        check(&["ext=\"a, max-age=60\""], Seconds::Absent);
    }

    #[test]
    fn what_cannot_be_read_keeps_nothing() {
        assert!(read(&["nO-StOrE"]).has("no-store"));
        assert!(read(&["private=\"set-cookie\""]).has("private"));
        let mut headers = map(&[("cache-control", "public, max-age=60")]);
        headers.append("cache-control", http::HeaderValue::from_bytes(b"no-st\xffore").unwrap());
        assert!(Directives::read(&headers).has("no-store"));
        let many = vec!["public"; DIRECTIVES_MAX + 1].join(",");
        assert!(read(&[&many]).has("no-store"));
        assert!(!read(&[many.strip_prefix("public,").unwrap()]).has("no-store"));
    }
}
