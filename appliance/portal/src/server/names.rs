//! DNS by HTTPS (RFC 8484).

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Portal, find_authority, find_field};
use crate::client::is_own_authority;
use crate::{Language, NameAnswer, Unanswered};

/// The media type of questions and answers.
const MESSAGE_TYPE: &str = "application/dns-message";
/// Longest question that is taken, in bytes: more than any name, EDNS and padding, as by TCP.
const QUESTION_BYTES_MAX: usize = 4_096;
/// Longest wait for the body of a request: it is one packet.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// After how many seconds a client that asks too much may ask again.
const RETRY_AFTER_S: u32 = 1;

/// Why a request gets no DNS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Objection {
    /// It did not come by TLS.
    Plain,
    /// Nobody knows who asks.
    Nameless,
    /// It is for another host.
    Misdirected,
    /// It neither reads nor sends.
    Method,
    /// It has no question, or not in base64url.
    Encoding,
    /// It takes too long.
    Slow,
    /// Its question is too long: in the path, or in the body.
    LongPath,
    LongBody,
    /// Its body is something else.
    MediaType,
    /// Its question is none.
    NotAQuery,
    /// The client asks too much.
    TooMany,
}

impl Objection {
    fn status(self) -> StatusCode {
        match self {
            Self::Plain => StatusCode::FORBIDDEN,
            Self::Nameless | Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Encoding | Self::NotAQuery => StatusCode::BAD_REQUEST,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::LongPath => StatusCode::URI_TOO_LONG,
            Self::LongBody => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Plain => "names-plain",
            Self::Nameless | Self::Misdirected => "notice-lead-misdirected",
            Self::Method => "names-method",
            Self::Encoding => "names-encoding",
            Self::Slow => "names-slow",
            Self::LongPath | Self::LongBody => "names-long",
            Self::MediaType => "names-media-type",
            Self::NotAQuery => "names-not-a-query",
            Self::TooMany => "names-too-many",
        }
    }

    fn respond(self, language: Language) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        response.content_type("text/plain; charset=utf-8");
        response.insert_header((header::CONTENT_LANGUAGE, language.tag()));
        if self == Self::Method {
            response.insert_header((header::ALLOW, HeaderValue::from_static("GET, HEAD, POST")));
        }
        if self == Self::TooMany {
            response.insert_header((header::RETRY_AFTER, RETRY_AFTER_S));
        }
        if self == Self::Nameless {
            response.force_close();
        }
        response.body(format!("{}\n", language.say(self.key())))
    }
}

/// Answers a request, whatever it is.
pub(super) async fn serve(
    request: HttpRequest,
    payload: web::Payload,
    portal: web::Data<Portal>,
) -> HttpResponse {
    match answer(&request, payload, &portal).await {
        Ok(NameAnswer { message, lifetime_s }) => HttpResponse::Ok()
            .content_type(MESSAGE_TYPE)
            // What a name leads to depends on who asks.
            .insert_header((header::CACHE_CONTROL, format!("private, max-age={lifetime_s}")))
            .body(message),
        Err(objection) => {
            objection.respond(Language::negotiate(find_field(&request, &header::ACCEPT_LANGUAGE)))
        }
    }
}

async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    portal: &Portal,
) -> Result<NameAnswer, Objection> {
    if !is_own_authority(find_authority(request), &portal.settings.own_hosts) {
        return Err(Objection::Misdirected);
    }
    let front = portal.front.as_ref().filter(|_| request.app_config().secure()).ok_or(Objection::Plain)?;
    let client = portal.caller(request).ok_or(Objection::Nameless)?;
    let question = read_question(request, payload).await?;
    front.resolver.answer(&question, client).await.map_err(|unanswered| match unanswered {
        Unanswered::NotAQuery => Objection::NotAQuery,
        Unanswered::TooMany => Objection::TooMany,
    })
}

async fn read_question(request: &HttpRequest, payload: web::Payload) -> Result<Vec<u8>, Objection> {
    match *request.method() {
        Method::GET | Method::HEAD => decode(request.query_string()),
        Method::POST => {
            // What was sent is taken first, also of a question that is none: over HTTP/2 an answer before its end is an error to some clients.
            let body = payload.to_bytes_limited(QUESTION_BYTES_MAX);
            let body = match actix_web::rt::time::timeout(BODY_TIMEOUT, body).await {
                Ok(Ok(Ok(body))) => body.to_vec(),
                Ok(Ok(Err(_))) => return Err(Objection::Encoding),
                Ok(Err(_)) => return Err(Objection::LongBody),
                Err(_) => return Err(Objection::Slow),
            };
            let media_type = find_field(request, &header::CONTENT_TYPE).unwrap_or_default();
            let media_type = media_type.split(';').next().unwrap_or_default().trim();
            media_type.eq_ignore_ascii_case(MESSAGE_TYPE).then_some(body).ok_or(Objection::MediaType)
        }
        _ => Err(Objection::Method),
    }
}

/// The question in `dns=…` (RFC 8484 section 6: base64url, without padding).
fn decode(query: &str) -> Result<Vec<u8>, Objection> {
    /// Characters for so many bytes, four for three.
    const CHARACTERS_MAX: usize = QUESTION_BYTES_MAX.div_ceil(3) * 4;
    let question = query.split('&').find_map(|pair| pair.strip_prefix("dns=")).ok_or(Objection::Encoding)?;
    if question.len() > CHARACTERS_MAX {
        return Err(Objection::LongPath);
    }
    // Some clients pad all the same, and write the sign in the code of URLs.
    let question: Cow<'_, str> = match question.contains('%') {
        true => question.replace("%3D", "=").replace("%3d", "=").into(),
        false => question.into(),
    };
    let question = question.trim_end_matches('=');
    match URL_SAFE_NO_PAD.decode(question) {
        Ok(question) if !question.is_empty() => Ok(question),
        Ok(_) | Err(_) => Err(Objection::Encoding),
    }
}
