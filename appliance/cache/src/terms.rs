//! What a response says about its being kept.

use http::{HeaderMap, HeaderName, header};
use model::Timestamp;
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use crate::directives::{Directives, SECONDS_MAX, Seconds};
use crate::fields;

/// The fields of RFC 9213 that speak to the box, the first ones first: its own. What speaks to content delivery networks
/// (`CDN-Cache-Control`) is for caches that can be told to forget, and what speaks to surrogates (`Surrogate-Control`) for
/// those that announce themselves: the box is neither.
pub static TARGETS: [HeaderName; 1] = [HeaderName::from_static("preau-cache-control")];

/// What the origin allows to a shared cache (RFC 9111 section 5.2.2, with RFC 5861, RFC 8246 and RFC 9213).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// For how long it is fresh, in seconds. `None`: it does not say, and nothing is assumed (no heuristics: what an ENT
    /// does not mark is often one pupil's). What is said twice or cannot be read is 0.
    pub lifetime_s: Option<u64>,
    /// Never to be kept.
    pub no_store: bool,
    /// Never to be used without asking.
    pub no_cache: bool,
    /// For one user only.
    pub private: bool,
    /// For everybody, explicitly: `public` or `s-maxage`.
    pub shared: bool,
    /// Never to be served stale without asking: `must-revalidate`, `proxy-revalidate`, `s-maxage`.
    pub must_revalidate: bool,
    /// To be kept only by who knows its status (RFC 9111 section 5.2.2.3).
    pub must_understand: bool,
    /// Does not change while it is fresh, so a reload need not ask (RFC 8246).
    pub immutable: bool,
    /// For how long after its end it may be served while it is asked for again (RFC 5861 section 3).
    pub stale_while_revalidate_s: u64,
    /// For how long after its end it may be served when asking fails (RFC 5861 section 4). `None`: it does not say.
    pub stale_if_error_s: Option<u64>,
}

impl Terms {
    /// Reads a response. `targets` are the fields of RFC 9213 that speak to this cache, the first ones first: the first that is
    /// valid and not empty takes the place of `Cache-Control` and `Expires`. `received` is when the response came, for one
    /// without `Date`.
    #[must_use]
    pub fn read(headers: &HeaderMap, targets: &[HeaderName], received: Timestamp) -> Self {
        match targets.iter().find_map(|target| read_targeted(headers, target)) {
            Some(directives) => Self::of(&directives, None),
            None => Self::of(&Directives::read(headers), expires_s(headers, received)),
        }
    }

    fn of(directives: &Directives, expires_s: Option<u64>) -> Self {
        let (max_age, s_maxage) = (directives.seconds("max-age"), directives.seconds("s-maxage"));
        let has_s_maxage = s_maxage.valid().is_some();
        Self {
            lifetime_s: lifetime_s(s_maxage, max_age, expires_s),
            no_store: directives.has("no-store"),
            no_cache: directives.has("no-cache"),
            private: directives.has("private"),
            shared: directives.has("public") || has_s_maxage,
            must_revalidate: directives.has("must-revalidate")
                || directives.has("proxy-revalidate")
                || s_maxage != Seconds::Absent
                // Nobody knows for how long it is stale.
                || max_age == Seconds::Invalid,
            must_understand: directives.has("must-understand"),
            immutable: directives.has("immutable"),
            stale_while_revalidate_s: directives.seconds("stale-while-revalidate").valid().unwrap_or(0),
            stale_if_error_s: directives.seconds("stale-if-error").valid(),
        }
    }
}

/// RFC 9111 section 4.2.1, without its last step.
fn lifetime_s(s_maxage: Seconds, max_age: Seconds, expires_s: Option<u64>) -> Option<u64> {
    match (s_maxage, max_age) {
        (Seconds::Valid(seconds), _) | (Seconds::Absent, Seconds::Valid(seconds)) => Some(seconds),
        (Seconds::Invalid, _) | (Seconds::Absent, Seconds::Invalid) => Some(0),
        (Seconds::Absent, Seconds::Absent) => expires_s,
    }
}

/// `Expires` less `Date`. A value that is no date is a time in the past (RFC 9111 section 5.3), and so are two.
fn expires_s(headers: &HeaderMap, received: Timestamp) -> Option<u64> {
    if !headers.contains_key(header::EXPIRES) {
        return None;
    }
    let date = fields::date(headers, &header::DATE).unwrap_or(received);
    let expires = fields::date(headers, &header::EXPIRES);
    Some(expires.map_or(0, |expires| (expires.ms_since(date) / 1_000).min(SECONDS_MAX)))
}

/// A targeted field (RFC 9213 section 2.1): a dictionary. `None` where it is not one, or says nothing: it is then as if it
/// were not there.
fn read_targeted(headers: &HeaderMap, target: &HeaderName) -> Option<Directives> {
    let lines: Option<Vec<&str>> = headers.get_all(target).iter().map(|value| value.to_str().ok()).collect();
    let dictionary: Dictionary = Parser::new(&lines?.join(", ")).parse().ok()?;
    if dictionary.is_empty() {
        return None;
    }
    let members = dictionary.iter().filter_map(|(key, entry)| {
        let ListEntry::Item(item) = entry else { return None };
        let argument = match &item.bare_item {
            BareItem::Boolean(true) => None,
            BareItem::Boolean(false) => return None,
            BareItem::Integer(number) => Some(number.to_string()),
            BareItem::Token(text) => Some(text.as_str().to_owned()),
            // Where seconds are wanted, these are none; what names fields counts for the whole response here.
            BareItem::String(_)
            | BareItem::Decimal(_)
            | BareItem::ByteSequence(_)
            | BareItem::Date(_)
            | BareItem::DisplayString(_) => Some(String::new()),
        };
        Some((key.as_str().to_owned(), argument))
    });
    Some(Directives::from_list(members.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::tests::map;

    const RECEIVED: Timestamp = Timestamp::from_unix_ms(1_577_836_800_000);

    fn terms(lines: &[(&str, &str)]) -> Terms {
        let targets = ["box-cache-control", "cdn-cache-control"].map(HeaderName::from_static);
        Terms::read(&map(lines), &targets, RECEIVED)
    }

    /// RFC 9111 section 4.2.1.
    #[test]
    fn the_lifetime_is_the_first_that_is_said() {
        let check = |lines: &[(&str, &str)], expected: Option<u64>| {
            assert_eq!(terms(lines).lifetime_s, expected, "{lines:?}");
        };
        let date = ("date", "Wed, 01 Jan 2020 00:00:00 GMT");
        let expires = ("expires", "Wed, 01 Jan 2020 00:01:00 GMT");
        check(&[], None);
        check(&[("last-modified", "Wed, 01 Jan 2010 00:00:00 GMT")], None);
        check(&[("cache-control", "public")], None);
        check(&[("cache-control", "max-age=5, s-maxage=7"), expires], Some(7));
        check(&[("cache-control", "max-age=5"), expires], Some(5));
        check(&[date, expires], Some(60));
        check(&[expires], Some(60));
        check(&[("date", "Wed, 01 Jan 2020 00:00:59 GMT"), expires], Some(1));
        check(&[("date", "Wed, 01 Jan 2020 00:02:00 GMT"), expires], Some(0));
    }

    /// RFC 9111 sections 4.2.1 and 5.3.
    #[test]
    fn what_is_doubled_or_unreadable_is_stale() {
        let expires = ("expires", "Wed, 01 Jan 2020 00:01:00 GMT");
        for lines in [
            &[("expires", "0")][..],
            &[("expires", "Wed, 01 Jan 2020 00:01:00 UTC")],
            &[expires, expires],
            &[expires, ("expires", "0")],
            &[("cache-control", "max-age=60, max-age=5")],
            &[("cache-control", "max-age=x"), expires],
            &[("cache-control", "s-maxage=x, max-age=60")],
        ] {
            assert_eq!(terms(lines).lifetime_s, Some(0), "{lines:?}");
        }
    }

    /// RFC 9111 sections 5.2.2.9 to 5.2.2.11, RFC 5861, RFC 8246.
    #[test]
    fn what_is_allowed_is_what_is_said() {
        let said = terms(&[("cache-control", "s-maxage=1, stale-while-revalidate=5, stale-if-error=9")]);
        assert!(said.shared && said.must_revalidate);
        assert_eq!((said.stale_while_revalidate_s, said.stale_if_error_s), (5, Some(9)));
        assert!(terms(&[("cache-control", "max-age=1, immutable")]).immutable);
        // Iconito sends this. It is no directive, and allows nothing.
        let iconito = terms(&[("cache-control", "protected"), ("expires", "0")]);
        assert!(!iconito.shared && iconito.lifetime_s == Some(0));
    }

    /// RFC 9213 sections 2.1 and 2.2.
    #[test]
    fn a_targeted_field_takes_the_place_of_the_others() {
        let check = |lines: &[(&str, &str)], expected: Option<u64>| {
            assert_eq!(terms(lines).lifetime_s, expected, "{lines:?}");
        };
        let plain = ("cache-control", "max-age=5");
        check(&[plain, ("cdn-cache-control", "max-age=60")], Some(60));
        check(&[plain, ("cdn-cache-control", "max-age=60"), ("box-cache-control", "max-age=7")], Some(7));
        check(&[plain, ("cdn-cache-control", "max-age=60"), ("box-cache-control", "")], Some(60));
        check(&[plain, ("cdn-cache-control", "max-age=60, &")], Some(5));
        check(&[plain, ("cdn-cache-control", "MAX-AGE=60")], Some(5));
        check(&[plain, ("cdn-cache-control", "public")], None);
        check(&[plain, ("cdn-cache-control", "max-age=60.5")], Some(0));
        check(&[plain, ("cdn-cache-control", "max-age=\"60\"")], Some(0));
        assert!(terms(&[("cache-control", "public"), ("cdn-cache-control", "no-store")]).no_store);
        assert!(!terms(&[("cache-control", "no-store"), ("cdn-cache-control", "max-age=60")]).no_store);
    }

    #[test]
    fn what_is_for_other_caches_says_nothing_to_the_box() {
        let read = |lines: &[(&str, &str)]| Terms::read(&map(lines), &TARGETS, RECEIVED);
        let plain = ("cache-control", "max-age=5");
        for field in [
            "cdn-cache-control",
            "cloudflare-cdn-cache-control",
            "example-cache-control",
            "surrogate-control",
        ] {
            assert_eq!(read(&[plain, (field, "max-age=60")]).lifetime_s, Some(5), "{field}");
            assert_eq!(read(&[(field, "public, max-age=60")]), read(&[]), "{field}");
            assert!(!read(&[plain, (field, "no-store")]).no_store, "{field}");
        }
        let own = ("preau-cache-control", "public, max-age=60");
        let said = read(&[("cache-control", "private, max-age=5"), ("expires", "0"), own]);
        assert!(said.shared && !said.private && said.lifetime_s == Some(60), "{said:?}");
        assert!(read(&[plain, ("preau-cache-control", "no-store")]).no_store);
        assert_eq!(
            read(&[plain, ("preau-cache-control", "max-age=60, &")]).lifetime_s,
            Some(5),
            "no dictionary"
        );
    }
}
