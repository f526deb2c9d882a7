//! `Cache-Status` (RFC 9211): how the cache handled a request, for whoever looks into it.

use http::HeaderValue;
use sfv::{KeyRef, ListSerializer, StringRef, TokenRef};

use crate::lookup::Cause;

/// What the cache calls itself.
const NAME: &str = "preau";

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
    /// More, in a word.
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
        HeaderValue::from_str(&self.serialize().ok()?).ok()
    }

    fn serialize(self) -> Result<String, sfv::Error> {
        let key = |name| KeyRef::from_str(name);
        let mut list = ListSerializer::new();
        let mut member = list.bare_item(TokenRef::from_str(NAME)?);
        if self.is_hit {
            member = member.parameter(key("hit")?, true);
        }
        if let Some(cause) = self.forwarded.filter(|_| !self.is_hit) {
            member = member.parameter(key("fwd")?, TokenRef::from_str(cause.as_str())?);
            if let Some(status) = self.forwarded_status {
                member = member.parameter(key("fwd-status")?, sfv::Integer::from(status));
            }
            if self.is_stored {
                member = member.parameter(key("stored")?, true);
            }
            if self.is_collapsed {
                member = member.parameter(key("collapsed")?, true);
            }
        }
        // A structured field has no number of more than fifteen digits; what is fresh for so long needs none.
        if let Some(ttl_s) = self.ttl_s.and_then(|ttl_s| sfv::Integer::try_from(ttl_s).ok()) {
            member = member.parameter(key("ttl")?, ttl_s);
        }
        if let Some(detail) = self.detail {
            member = member.parameter(key("detail")?, StringRef::from_str(detail)?);
        }
        let _ = member;
        Ok(list.finish().unwrap_or_default())
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
        check(CacheStatus { ttl_s: Some(i64::MAX), is_hit: true, ..CacheStatus::default() }, "preau;hit");
    }
}
