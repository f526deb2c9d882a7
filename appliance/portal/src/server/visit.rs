//! A request to a page with forms, read: who sends it, what it carries, and whether it comes from the box's own page.
//!
//! Two cookies. The *session* is shown by same-site requests only. The *visitor* has nothing behind it: it ties the
//! forms of people who are not signed in to their browser, and comes along when a link of a block page leads here.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::{find_authority, find_field};
use crate::Language;
use crate::pages::people::TOKEN_FIELD;

/// Bytes of chance in a visitor's cookie.
const VISITOR_BYTES: usize = 32;
/// Longest value of a cookie that is looked at, in bytes: the box's own are 64.
const COOKIE_BYTES_MAX: usize = 128;
/// What is signed with a cookie as the key, and nothing else is.
const TOKEN_CONTEXT: &[u8] = b"preau form token 1";

/// The cookies of the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jar {
    /// The token of a session.
    Session,
    /// Chance.
    Visitor,
}

/// A request.
pub struct Visit {
    /// Who asks.
    pub client: IpAddr,
    /// The language that suits her.
    pub language: Language,
    /// Whether it came by TLS.
    pub is_encrypted: bool,
    /// Whether it sends a form.
    pub is_post: bool,
    query: String,
    /// Its values are wiped: one may be a secret.
    form: Vec<(String, Zeroizing<String>)>,
    session: Option<String>,
    visitor: Option<String>,
    /// Whether the browser says that the form was sent by a page of this very origin.
    is_same_origin: bool,
}

impl Visit {
    /// Reads a request, whose form is `body`.
    pub fn read(request: &HttpRequest, body: &[u8], client: IpAddr, language: Language) -> Self {
        let is_encrypted = request.app_config().secure();
        let cookie = |jar: Jar| find_cookie(request, jar.name(is_encrypted));
        Self {
            client,
            language,
            is_encrypted,
            is_post: request.method() == actix_web::http::Method::POST,
            query: request.query_string().to_owned(),
            form: form_urlencoded::parse(body)
                .map(|(key, value)| (key.into_owned(), Zeroizing::new(value.into_owned())))
                .collect(),
            session: cookie(Jar::Session),
            visitor: cookie(Jar::Visitor),
            is_same_origin: find_field(request, &header::ORIGIN)
                .is_some_and(|origin| is_same_origin(origin, is_encrypted, find_authority(request))),
        }
    }

    /// Whether secrets may be typed over this connection: by TLS, or on the box itself. What crosses a school's network in
    /// clear is read by whoever answers ARP faster.
    pub fn may_sign_in(&self) -> bool {
        self.is_encrypted || self.client.is_loopback()
    }

    /// The cookie in this jar.
    pub fn cookie(&self, jar: Jar) -> Option<&str> {
        match jar {
            Jar::Session => self.session.as_deref(),
            Jar::Visitor => self.visitor.as_deref(),
        }
    }

    /// Whether the form was filled in on a page of the box, in the browser that has this jar's cookie.
    pub fn is_own_form(&self, jar: Jar) -> bool {
        let Some(cookie) = self.cookie(jar) else { return false };
        let given = self.field(TOKEN_FIELD).and_then(parse_hex).unwrap_or_default();
        let is_right = hmac::verify(&token_key(cookie), TOKEN_CONTEXT, &given).is_ok();
        self.is_same_origin && is_right
    }

    /// The first field of this name in the form.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every field of this name in the form.
    pub fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.form.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of this name in the query; empty where it has none.
    pub fn query(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

impl Jar {
    /// The cookie's name. Over TLS another one: a page without TLS can neither read nor replace it.
    fn name(self, is_encrypted: bool) -> &'static str {
        match (self, is_encrypted) {
            (Self::Session, true) => "__Host-preau-session",
            (Self::Session, false) => "preau-session",
            (Self::Visitor, true) => "__Host-preau-visitor",
            (Self::Visitor, false) => "preau-visitor",
        }
    }

    /// The field that has a browser keep the cookie until it is closed; with `None`, forget it.
    pub fn set(self, value: Option<&str>, is_encrypted: bool) -> Option<HeaderValue> {
        let name = self.name(is_encrypted);
        let site = match self {
            Self::Session => "Strict",
            Self::Visitor => "Lax",
        };
        let secure = if is_encrypted { "; Secure" } else { "" };
        let end = if value.is_some() { "" } else { "; Max-Age=0" };
        let value = value.unwrap_or_default();
        let field = format!("{name}={value}; Path=/; HttpOnly; SameSite={site}{secure}{end}");
        HeaderValue::from_str(&field).ok()
    }
}

/// A new visitor's cookie; `None` when the system gives no chance.
pub fn draw_visitor() -> Option<String> {
    let mut bytes = [0; VISITOR_BYTES];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(hex(&bytes))
}

/// The token of the forms of the browser that has this cookie: whoever cannot read the cookie cannot make it.
pub fn token_of(cookie: &str) -> String {
    hex(hmac::sign(&token_key(cookie), TOKEN_CONTEXT).as_ref())
}

fn token_key(cookie: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, cookie.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Digits only: a number may have a sign.
fn parse_hex(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let places = (0..text.len()).step_by(2);
    places.map(|place| u8::from_str_radix(text.get(place..place + 2)?, 16).ok()).collect()
}

/// The cookie of this name, if it can be one of the box's.
fn find_cookie(request: &HttpRequest, name: &str) -> Option<String> {
    let fields = request.headers().get_all(header::COOKIE).filter_map(|field| field.to_str().ok());
    let mut pairs = fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    let is_ours =
        (1..=COOKIE_BYTES_MAX).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then(|| value.to_owned())
}

/// Whether `Origin`, which every browser sends along with a form, is the page's that the request is for: no page
/// without TLS fills in a form of one with it.
fn is_same_origin(origin: &str, is_encrypted: bool, authority: &str) -> bool {
    let scheme = if is_encrypted { "https" } else { "http" };
    let expected = format!("{scheme}://{authority}");
    !authority.is_empty() && origin.eq_ignore_ascii_case(&expected)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const COOKIE: &str = "00ff00ff";

    fn visit(fields: &[(&str, &str)], body: &str) -> Visit {
        let mut request = TestRequest::post().uri("/connexion?nom=a%20b");
        for (name, value) in fields {
            request = request.append_header((*name, *value));
        }
        let client = "10.77.0.11".parse().unwrap();
        Visit::read(&request.to_http_request(), body.as_bytes(), client, Language::French)
    }

    #[test]
    fn a_form_counts_with_cookie_token_and_origin_only() {
        let token = token_of(COOKIE);
        let body = format!("jeton={token}&a=1&a=2");
        let check = |cookie: &str, origin: &str, body: &str, expected: bool| {
            let fields = [("host", "preau.lan"), ("cookie", cookie), ("origin", origin)];
            let is_own = visit(&fields, body).is_own_form(Jar::Visitor);
            assert_eq!(is_own, expected, "{cookie} {origin} {body}");
        };
        check("preau-visitor=00ff00ff", "http://preau.lan", &body, true);
        check("a=b; preau-visitor=00ff00ff;c", "http://PREAU.lan", &body, true);
        check("preau-session=00ff00ff", "http://preau.lan", &body, false);
        check("preau-visitor=00ff00fe", "http://preau.lan", &body, false);
        check("preau-visitor=", "http://preau.lan", &body, false);
        check("__Host-preau-visitor=00ff00ff", "http://preau.lan", &body, false);
        check("preau-visitor=00ff00ff", "http://evil.example", &body, false);
        check("preau-visitor=00ff00ff", "http://preau.lan:8000", &body, false);
        check("preau-visitor=00ff00ff", "https://preau.lan", &body, false);
        check("preau-visitor=00ff00ff", "null", &body, false);
        check("preau-visitor=00ff00ff", "http://preau.lan", "", false);
        check("preau-visitor=00ff00ff", "http://preau.lan", &body[..20], false);
        let without = visit(&[("host", "preau.lan"), ("cookie", "preau-visitor=00ff00ff")], &body);
        assert!(!without.is_own_form(Jar::Visitor));
    }

    #[test]
    fn a_token_has_one_spelling() {
        for (text, expected) in
            [("00ff", Some(vec![0, 255])), ("+1+2", None), ("0", None), ("-0", None), ("é", None)]
        {
            assert_eq!(parse_hex(text), expected, "{text}");
        }
    }

    #[test]
    fn fields_are_decoded() {
        let visit = visit(&[], "a=1&b=%C3%A9+e&a=2&%ff=");
        assert_eq!(visit.fields("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(visit.field("b"), Some("é e"));
        assert_eq!(visit.field("c"), None);
        assert_eq!(visit.query("nom").as_deref(), Some("a b"));
        assert_eq!(visit.query("personne"), None);
    }

    #[test]
    fn cookies_are_the_browsers_alone() {
        let set = |jar: Jar, value, is_encrypted| {
            jar.set(value, is_encrypted).unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(
            set(Jar::Session, Some("ab"), false),
            "preau-session=ab; Path=/; HttpOnly; SameSite=Strict"
        );
        assert_eq!(
            set(Jar::Session, Some("ab"), true),
            "__Host-preau-session=ab; Path=/; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(
            set(Jar::Visitor, None, false),
            "preau-visitor=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
        );
        assert_ne!(draw_visitor(), draw_visitor());
    }

    #[test]
    fn secrets_are_typed_on_the_box_or_by_tls() {
        let may_sign_in = |address: &str, is_encrypted| {
            let client = address.parse().unwrap();
            Visit { client, is_encrypted, ..visit(&[], "") }.may_sign_in()
        };
        for address in ["127.0.0.1", "::1"] {
            assert!(may_sign_in(address, false), "{address}");
        }
        for address in ["10.77.0.11", "fd77::11", "fe80::1", "203.0.113.7"] {
            assert!(!may_sign_in(address, false), "{address}");
            assert!(may_sign_in(address, true), "{address}");
        }
    }
}
