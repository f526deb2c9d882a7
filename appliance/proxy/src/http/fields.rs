//! Header fields that an intermediary takes away or adds.

use std::net::IpAddr;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header, request, response};

/// Fields of one hop (RFC 9110 section 7.6.1), besides those that `Connection` names and all of `Proxy-*`.
/// `Transfer-Encoding` is the framing itself: hyper reads it, and writes it anew.
const HOP_BY_HOP: [HeaderName; 4] =
    [header::CONNECTION, header::TE, header::UPGRADE, HeaderName::from_static("keep-alive")];
/// Fields that `Connection` cannot name away: without them a message means another one.
const ESSENTIAL: [HeaderName; 3] = [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
/// How the portal learns whom it serves. It believes the gate, and nobody else.
const CLIENT: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Other spellings of the same claim, which a client could send itself: beginnings of names.
const CLAIMS: [&str; 12] = [
    "forwarded",
    "x-forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-originating-ip",
    "client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
];
/// How a server that believes it is told of another URI than the one that is asked for: beginnings of names.
const REWRITES: [&str; 15] = [
    "x-original-url",
    "x-original-uri",
    "x-original-host",
    "x-original-path",
    "x-rewrite-url",
    "x-override-url",
    "x-proxy-url",
    "x-host",
    "x-http-host",
    "x-scheme",
    "x-url-scheme",
    "x-script-name",
    "x-envoy-original-",
    "front-end-https",
    "base-url",
];
/// And of another method.
const METHODS: [&str; 2] = ["x-http-method", "x-method-override"];
/// The one protocol that HTTP/1.1 is upgraded to. Any other could carry requests that nobody judges: h2c does.
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Prepares the head of a request for the server. `Host` names what was judged.
///
/// No `Via` is added, although RFC 9110 section 7.6.3 asks for it: it would tell every site on the web that a
/// school's filter stands between, and loops are excluded where the gate dials.
pub(crate) fn prepare_request(head: &mut request::Parts, is_websocket: bool) {
    let takes_trailers =
        tokens(&head.headers, header::TE).any(|token| token.eq_ignore_ascii_case(b"trailers"));
    head.headers = without_hop_by_hop(std::mem::take(&mut head.headers));
    if let Some(authority) = head.uri.authority() {
        // Absolute-form: its host replaces the field's (RFC 9112 section 3.2.2). They name the same server.
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            head.headers.insert(header::HOST, host);
        }
    }
    head.uri = head.uri.path_and_query().cloned().map(Into::into).unwrap_or_default();
    head.version = Version::HTTP_11;
    if is_websocket {
        insert_upgrade(&mut head.headers);
    } else if takes_trailers {
        // The gate passes them on to a client that takes them (RFC 9110 section 10.1.4).
        head.headers.insert(header::CONNECTION, HeaderValue::from_static("TE"));
        head.headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

/// Prepares the head of a response for the client.
pub(crate) fn prepare_response(head: &mut response::Parts, is_websocket: bool) {
    head.headers = without_hop_by_hop(std::mem::take(&mut head.headers));
    frame_anew(&mut head.headers);
    head.version = Version::HTTP_11;
    if is_websocket {
        insert_upgrade(&mut head.headers);
    }
}

/// Leaves at most one field that tells where a response ends; without one, hyper writes its own. It settles
/// requests by itself.
fn frame_anew(headers: &mut HeaderMap) {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        // The coding overrides a length (RFC 9112 section 6.3), which may not be sent on. It is gone itself.
        let framing = [header::TRANSFER_ENCODING, header::CONTENT_LENGTH];
        *headers = filter(std::mem::take(headers), |name| !framing.contains(name));
        return;
    }
    // hyper has made sure that a length said several times is the same each time (RFC 9110 section 8.6).
    let mut said = tokens(headers, header::CONTENT_LENGTH);
    if let (Some(first), Some(_)) = (said.next(), said.next())
        && let Ok(length) = HeaderValue::from_bytes(first)
    {
        drop(said);
        headers.insert(header::CONTENT_LENGTH, length);
    }
}

/// Whether nothing but chunks is laid over a body: `chunked` once, or nothing. Other codings are only for who
/// asked for them (RFC 9112 section 7.4), which the gate does not, and several of one kind are read in as many
/// ways as there are readers.
pub(crate) fn is_plainly_coded(headers: &HeaderMap) -> bool {
    let mut codings = tokens(headers, header::TRANSFER_ENCODING);
    codings.next().is_none_or(|only| only.eq_ignore_ascii_case(b"chunked")) && codings.next().is_none()
}

/// Whether a response says in two ways where it ends.
pub(crate) fn has_two_lengths(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING) && headers.contains_key(header::CONTENT_LENGTH)
}

/// Tells the portal who asks.
pub(super) fn name_client(headers: &mut HeaderMap, client: IpAddr) {
    *headers = filter(std::mem::take(headers), |name| !begins_with(name, &CLAIMS));
    if let Ok(client) = HeaderValue::from_str(&client.to_canonical().to_string()) {
        headers.insert(CLIENT, client);
    }
}

/// Takes out what makes another question of a request than the one that its line asks: what answers it goes to others who ask that.
/// Programs of a page say another method with POST.
pub(crate) fn leave_one_question(head: &mut request::Parts) {
    let is_read = [Method::GET, Method::HEAD].contains(&head.method);
    let is_other = |name: &HeaderName| {
        begins_with(name, &CLAIMS) || begins_with(name, &REWRITES) || (is_read && begins_with(name, &METHODS))
    };
    if head.headers.keys().any(is_other) {
        head.headers = filter(std::mem::take(&mut head.headers), |name| !is_other(name));
    }
}

/// Takes out what a request names in `Connection` (RFC 9110 section 7.6.1), before anything is decided by it: the server does not hear
/// that. What it answers would else be kept for those who say it indeed (`Vary`), and whoever asks would choose what the class gets.
pub(crate) fn leave_out_named(headers: &mut HeaderMap) {
    let is_said = |name: &HeaderName| {
        !ESSENTIAL.contains(name) && !HOP_BY_HOP.contains(name) && headers.contains_key(name)
    };
    let named: Vec<HeaderName> = named_fields(headers).filter(is_said).collect();
    if !named.is_empty() {
        *headers = filter(std::mem::take(headers), |name| !named.contains(name));
    }
}

/// The fields that `Connection` names.
fn named_fields(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    tokens(headers, header::CONNECTION).filter_map(|token| HeaderName::from_bytes(token).ok())
}

/// Some servers read `_` as `-` (RFC 3875 section 4.1.18).
fn begins_with(name: &HeaderName, beginnings: &[&str]) -> bool {
    let is_same = |(said, known): (u8, u8)| said == known || (said == b'_' && known == b'-');
    let begins = |beginning: &&str| {
        let name = name.as_str();
        name.len() >= beginning.len() && name.bytes().zip(beginning.bytes()).all(is_same)
    };
    beginnings.iter().any(begins)
}

/// Whether a request asks to go on as a WebSocket (RFC 6455 section 4.1).
pub(crate) fn wants_websocket(method: &Method, version: Version, headers: &HeaderMap) -> bool {
    let asks = headers.get(header::UPGRADE).is_some_and(is_websocket);
    let names = tokens(headers, header::CONNECTION).any(|token| token.eq_ignore_ascii_case(b"upgrade"));
    method == Method::GET && version == Version::HTTP_11 && asks && names
}

/// Whether a response agrees to it.
pub(super) fn is_websocket(upgrade: &HeaderValue) -> bool {
    upgrade.as_bytes().eq_ignore_ascii_case(WEBSOCKET.as_bytes())
}

fn insert_upgrade(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, WEBSOCKET);
}

fn without_hop_by_hop(headers: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = named_fields(&headers).collect();
    filter(headers, |name| {
        let is_named = named.contains(name) && !ESSENTIAL.contains(name);
        !is_named && !HOP_BY_HOP.contains(name) && !name.as_str().starts_with("proxy-")
    })
}

/// Keeps some fields, and the order of all: removing in place would change it.
fn filter(headers: HeaderMap, keeps: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(headers.len());
    let mut current = None;
    for (name, value) in headers {
        // A further value of the field before it comes without a name.
        current = name.or(current);
        if let Some(name) = current.as_ref().filter(|name| keeps(name)) {
            kept.append(name.clone(), value);
        }
    }
    kept
}

/// The members of a field that is a list, over all its lines. Bytes, because a member that is no text is one, too.
fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    let fields = headers.get_all(name).iter();
    fields.flat_map(|value| value.as_bytes().split(|&byte| byte == b',')).map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn list(headers: &HeaderMap) -> Vec<(&str, &str)> {
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
    }

    #[test]
    fn fields_of_one_hop_go_and_the_others_keep_their_order() {
        let headers = map(&[
            ("host", "example.org"),
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("accept", "*/*"),
            ("proxy-connection", "keep-alive"),
            ("cookie", "a=1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "Basic eA=="),
            ("x-end", "2"),
        ]);
        let kept = without_hop_by_hop(headers);
        assert_eq!(
            list(&kept),
            [("host", "example.org"), ("accept", "*/*"), ("cookie", "a=1"), ("x-end", "2")]
        );
    }

    #[test]
    fn what_a_message_means_cannot_be_named_away() {
        let headers = map(&[
            ("host", "example.org"),
            ("content-length", "3"),
            ("connection", "host, content-length, transfer-encoding, cookie"),
            ("cookie", "a=1"),
        ]);
        assert_eq!(list(&without_hop_by_hop(headers)), [("host", "example.org"), ("content-length", "3")]);
    }

    #[test]
    fn what_a_request_names_away_is_not_there() {
        let check = |fields: &[(&str, &str)], expected: &[(&str, &str)]| {
            let mut headers = map(fields);
            leave_out_named(&mut headers);
            assert_eq!(list(&headers), expected, "{fields:?}");
        };
        let (host, accept, cookie) = (("host", "a.test"), ("accept", "text/html"), ("cookie", "a=1"));
        let names = ("connection", "keep-alive, Accept,cookie, x-none");
        check(&[host, accept, names, ("x-end", "2"), cookie], &[host, names, ("x-end", "2")]);
        // What the connection itself is about is read later, and what a message means stays.
        let (te, own) = (("te", "trailers"), ("connection", "TE, upgrade, host, content-length"));
        check(&[host, te, own, ("content-length", "3")], &[host, te, own, ("content-length", "3")]);
        check(&[host, accept], &[host, accept]);
    }

    #[test]
    fn one_transfer_coding_is_plain() {
        let check = |codings: &[&str], expected: bool| {
            let fields: Vec<_> = codings.iter().map(|coding| ("transfer-encoding", *coding)).collect();
            assert_eq!(is_plainly_coded(&map(&fields)), expected, "{codings:?}");
        };
        check(&[], true);
        check(&["chunked"], true);
        check(&["Chunked "], true);
        check(&["chunked", "chunked"], false);
        // A coding that is no text is one that only some readers pass over.
        check(&["é", "chunked"], false);
        check(&["chunked, chunked"], false);
        check(&["gzip, chunked"], false);
        check(&["gzip", "chunked"], false);
        check(&["identity"], false);
        check(&["chunked;q=1"], false);
        check(&["\"chunked\""], false);
        check(&[""], false);
    }

    #[test]
    fn a_response_keeps_one_length() {
        let check = |fields: &[(&str, &str)], expected: &[(&str, &str)]| {
            let mut headers = map(fields);
            frame_anew(&mut headers);
            assert_eq!(list(&headers), expected, "{fields:?}");
        };
        let length = ("content-length", "5");
        let coding = ("transfer-encoding", "chunked");
        let (first, last) = (("x-first", "1"), ("x-last", "2"));
        check(&[first, length, last], &[first, length, last]);
        check(&[first, coding, last], &[first, last]);
        check(&[first, length, coding, last], &[first, last]);
        check(&[coding, first, length, length], &[first]);
        check(&[first, length, length, last], &[first, length, last]);
        check(&[("content-length", "5, 5 ,5"), last], &[length, last]);
    }

    #[test]
    fn only_a_websocket_is_an_upgrade() {
        let check = |method: Method, fields: &[(&str, &str)], expected: bool| {
            assert_eq!(wants_websocket(&method, Version::HTTP_11, &map(fields)), expected, "{fields:?}");
        };
        check(Method::GET, &[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")], true);
        check(Method::GET, &[("upgrade", "websocket")], false);
        check(Method::GET, &[("connection", "upgrade"), ("upgrade", "h2c")], false);
        check(Method::GET, &[("connection", "upgrade"), ("upgrade", "websocket, h2c")], false);
        check(Method::POST, &[("connection", "upgrade"), ("upgrade", "websocket")], false);
    }

    #[test]
    fn only_the_gate_tells_the_portal_who_asks() {
        let mut headers = map(&[
            ("x-forwarded-for", "1.2.3.4"),
            ("forwarded", "for=1.2.3.4"),
            ("x-forwarded-host", "x"),
            ("accept", "*/*"),
        ]);
        name_client(&mut headers, "::ffff:10.77.0.11".parse().unwrap());
        assert_eq!(list(&headers), [("accept", "*/*"), ("x-forwarded-for", "10.77.0.11")]);
    }

    #[test]
    fn a_request_asks_one_question() {
        let check = |method: &str, expected: &[&str]| {
            let request = ::http::Request::builder().method(method).uri("/a");
            let (mut head, ()) = request.body(()).unwrap().into_parts();
            head.headers = map(&[
                ("host", "ent.test"),
                ("x-forwarded-host", "evil.test"),
                ("forwarded", "host=evil.test"),
                ("x-original-url", "/b"),
                ("x-rewrite-url", "/b"),
                ("x-host", "evil.test"),
                ("x-http-host-override", "evil.test"),
                ("x-http-method-override", "HEAD"),
                ("x_forwarded_host", "evil.test"),
                ("x-forwarded", "for=1.2.3.4"),
                ("true-client-ip", "1.2.3.4"),
                ("x-scheme", "http"),
                ("front-end-https", "off"),
                ("x_http-method_override", "HEAD"),
                ("x-hos", "1"),
                ("x-xsrf-token", "1"),
            ]);
            leave_one_question(&mut head);
            let names: Vec<_> = head.headers.keys().map(HeaderName::as_str).collect();
            assert_eq!(names, expected, "{method}");
        };
        for method in ["GET", "HEAD"] {
            check(method, &["host", "x-hos", "x-xsrf-token"]);
        }
        let overridden = ["x-http-method-override", "x_http-method_override"];
        check("POST", &["host", overridden[0], overridden[1], "x-hos", "x-xsrf-token"]);
    }

    #[test]
    fn absolute_form_becomes_origin_form() {
        let check = |uri: &str, host: &str, expected: (&str, &str)| {
            let request = ::http::Request::builder().uri(uri).header("host", host).body(()).unwrap();
            let (mut head, ()) = request.into_parts();
            prepare_request(&mut head, false);
            let sent = head.headers.get("host").unwrap().to_str().unwrap();
            assert_eq!((head.uri.to_string().as_str(), sent), expected);
        };
        check("/a?b=%20", "Example.org", ("/a?b=%20", "Example.org"));
        check("http://example.org/a?b", "EXAMPLE.org:80", ("/a?b", "example.org"));
        check("http://example.org", "example.org", ("/", "example.org"));
        check("*", "example.org", ("*", "example.org"));
    }
}
