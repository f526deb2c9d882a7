//! `Cache-Status` (RFC 9211): how the cache handled a request, for whoever looks into it.

use std::fmt::{self, Write as _};

use http::HeaderValue;

use crate::lookup::Cause;

/// What the cache calls itself: a token (RFC 9651 section 3.3.4).
const NAME: &str = "preau";
/// Room for what most members say.
const MEMBER_BYTES: usize = 32;
/// The largest integer of a structured field (RFC 9651 section 3.3.1).
const INTEGER_MAX: u64 = 999_999_999_999_999;

/// The member that this cache adds to the field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus {
    /// It was served from what is stored.
    pub is_hit: bool,
    /// Why the server was asked.
    pub forwarded: Option<Cause>,
    /// What the server answered.
    pub forwarded_status: Option<u16>,
    /// For how many seconds it is fresh still; less than 0 when it is stale.
    pub ttl_s: Option<i64>,
    /// Whether the answer was stored.
    pub is_stored: bool,
    /// Whether others shared the request to the server.
    pub is_collapsed: bool,
    /// More, in a word: letters and hyphens.
    pub detail: Option<&'static str>,
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }
}

impl CacheStatus {
    /// The member as a field of its own. Caches on the way before this one have theirs in lines before it (RFC 9211 section 2).
    #[must_use]
    pub fn to_value(self) -> Option<HeaderValue> {
        let mut text = String::with_capacity(MEMBER_BYTES);
        self.write(&mut text).ok()?;
        HeaderValue::try_from(text).ok()
    }

    /// An item with parameters (RFC 9651 section 3.3): each answer has one, and nothing in it needs to be quoted but the detail.
    fn write(self, text: &mut String) -> fmt::Result {
        text.push_str(NAME);
        if self.is_hit {
            text.push_str(";hit");
        }
        if let Some(cause) = self.forwarded.filter(|_| !self.is_hit) {
            write!(text, ";fwd={}", cause.as_str())?;
            if let Some(status) = self.forwarded_status {
                write!(text, ";fwd-status={status}")?;
            }
            if self.is_stored {
                text.push_str(";stored");
            }
            if self.is_collapsed {
                text.push_str(";collapsed");
            }
        }
        // A structured field has no number of more than fifteen digits; what is fresh for so long needs none.
        if let Some(ttl_s) = self.ttl_s.filter(|ttl_s| ttl_s.unsigned_abs() <= INTEGER_MAX) {
            write!(text, ";ttl={ttl_s}")?;
        }
        if let Some(detail) = self.detail {
            write!(text, ";detail=\"{detail}\"")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9211 section 2.
    #[test]
    fn it_tells_what_was_done() {
        let check = |status: CacheStatus, expected: &str| {
            assert_eq!(status.to_value().unwrap(), expected);
            let read: sfv::List = sfv::Parser::new(expected).parse().unwrap();
            assert_eq!(read.len(), 1, "{expected}");
        };
        check(CacheStatus { is_hit: true, ttl_s: Some(30), ..CacheStatus::default() }, "preau;hit;ttl=30");
        let miss = CacheStatus {
            forwarded: Some(Cause::UriMiss),
            forwarded_status: Some(200),
            ttl_s: Some(-5),
            is_stored: true,
            is_collapsed: true,
            ..CacheStatus::default()
        };
        check(miss, "preau;fwd=uri-miss;fwd-status=200;stored;collapsed;ttl=-5");
        let unstored = CacheStatus {
            forwarded: Some(Cause::Stale),
            detail: Some("set-cookie"),
            ..CacheStatus::default()
        };
        check(unstored, "preau;fwd=stale;detail=\"set-cookie\"");
        // A hit was not forwarded, whatever else is said.
        check(CacheStatus { is_hit: true, ..miss }, "preau;hit;ttl=-5");
        let hit = |ttl_s| CacheStatus { ttl_s: Some(ttl_s), is_hit: true, ..CacheStatus::default() };
        check(hit(999_999_999_999_999), "preau;hit;ttl=999999999999999");
        check(hit(-999_999_999_999_999), "preau;hit;ttl=-999999999999999");
        check(hit(1_000_000_000_000_000), "preau;hit");
        check(hit(i64::MIN), "preau;hit");
    }
}
