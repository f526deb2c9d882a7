//! What a change makes of what is stored (RFC 9111 section 4.4), and what a HEAD tells about it (section 4.3.5).

use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use crate::fields;
use crate::key::Key;
use crate::range::content_length;
use crate::stored::Stored;

/// The keys whose responses must not be used any more without asking, after this answer.
#[must_use]
pub fn invalidated(method: &Method, key: &Key, status: StatusCode, response: &HeaderMap) -> Vec<Key> {
    let is_error = status.is_client_error() || status.is_server_error();
    if is_safe(method) || is_error {
        return vec![];
    }
    let named = |name: &HeaderName| {
        let reference = fields::single(response, name).and_then(|value| value.to_str().ok());
        reference.and_then(|reference| key.resolve(reference))
    };
    let mut keys = vec![key.clone()];
    keys.extend([header::LOCATION, header::CONTENT_LOCATION].iter().filter_map(named));
    keys.dedup();
    keys
}

/// Methods that change nothing (RFC 9110 section 9.2.1). One that nobody knows may change anything.
#[must_use]
pub fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(method)
}

/// Whether a 200 to HEAD speaks of the representation that is stored (RFC 9111 section 4.3.5): it may then bring it up to date.
/// Otherwise that is another one by now.
#[must_use]
pub fn is_same_as_head(stored: &Stored, response: &HeaderMap) -> bool {
    let agrees = |name: &HeaderName| match fields::single(response, name) {
        Some(value) => fields::single(&stored.headers, name) == Some(value),
        None => !response.contains_key(name),
    };
    let length = content_length(response);
    let has_length = length.is_none() || length == content_length(&stored.headers);
    has_length && agrees(&header::ETAG) && agrees(&header::LAST_MODIFIED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::tests::map;
    use crate::stored::tests::stored;

    fn paths(method: &str, status: u16, response: &[(&str, &str)]) -> Vec<String> {
        let key = Key::new("ent.example", "/a/b").unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        let keys = invalidated(&method, &key, status, &map(response));
        keys.iter().map(|key| key.path_and_query().to_owned()).collect()
    }

    /// RFC 9111 section 4.4.
    #[test]
    fn a_change_makes_what_is_stored_invalid() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"] {
            for status in [200, 201, 204, 302] {
                assert_eq!(paths(method, status, &[]), ["/a/b"], "{method} {status}");
            }
            for status in [400, 404, 500] {
                assert_eq!(paths(method, status, &[]), [""; 0], "{method} {status}");
            }
        }
        for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
            assert_eq!(paths(method, 200, &[]), [""; 0], "{method}");
        }
        let named = [("location", "c"), ("content-location", "https://ENT.example/d?e")];
        assert_eq!(paths("POST", 201, &named), ["/a/b", "/a/c", "/d?e"]);
        let elsewhere = [("location", "https://evil.example/c"), ("content-location", "//cdn.example/d")];
        assert_eq!(paths("POST", 201, &elsewhere), ["/a/b"]);
    }

    /// RFC 9111 section 4.3.5.
    #[test]
    fn a_head_tells_whether_it_is_the_same() {
        let known = stored(&[("etag", "\"a\""), ("content-length", "5")]);
        let check = |response: &[(&str, &str)], expected: bool| {
            assert_eq!(is_same_as_head(&known, &map(response)), expected, "{response:?}");
        };
        check(&[], true);
        check(&[("etag", "\"a\""), ("content-length", "5"), ("x", "new")], true);
        check(&[("etag", "\"b\"")], false);
        check(&[("content-length", "6")], false);
        check(&[("last-modified", "Wed, 01 Jan 2020 00:00:00 GMT")], false);
    }
}
