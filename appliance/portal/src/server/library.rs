//! Files from the commune, for the devices of the school: piece by piece, as browsers ask for films.
//!
//! Invariant: nothing of a file acts in the name of the box. What a browser could run is saved and never shown; what is shown is under a policy that permits
//! itself alone, and nothing is guessed of what it is.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use actix_web::body::SizedStream;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use model::{LibraryFile, Shown};

use super::places::Place;
use super::{Portal, find_field};
use crate::library::sum_of;

/// What is read of a file at a time.
const PIECE_BYTES: u64 = 64 << 10;
/// Most files that are read at a time: two by each device of a large school. Each has a piece in memory for as long as whoever asks does not take it.
pub(super) const FILES_MAX: usize = 512;
/// Most of one client: a browser with some tabs, which asks for a film by a few parts.
pub(super) const OF_A_CLIENT_MAX: usize = 8;
/// After how many seconds a client that found no place tries again.
const RETRY_AFTER_S: u32 = 5;
/// What a film or a picture may: be shown.
const MEDIA_POLICY: &str = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; \
                            base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What a document may: browsers show it by a program of their own, which a sandbox would keep away.
const DOCUMENT_POLICY: &str =
    "script-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What everything else may: nothing.
const POLICY: &str =
    "default-src 'none'; sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Answers with a file, or a part of it; `None` where this client has none there.
pub(super) async fn serve(
    request: &HttpRequest,
    portal: web::Data<Portal>,
    client: std::net::IpAddr,
) -> Option<HttpResponse> {
    let sum = sum_of(request.path())?.to_owned();
    let Some(place) = portal.files.take(client) else {
        let mut response = HttpResponse::ServiceUnavailable();
        return Some(response.insert_header((header::RETRY_AFTER, RETRY_AFTER_S)).finish());
    };
    let found = web::block(move || portal.source.open_file(client, &sum)).await.ok()??;
    let (file, source) = found;
    let tag = format!("\"{}\"", file.sha256);
    if find_field(request, &header::IF_NONE_MATCH).is_some_and(|shown| has_tag(shown, &tag)) {
        return Some(describe(HttpResponse::NotModified(), &file, &tag).finish());
    }
    // A part of what was another file until now would be none of this one.
    let is_same = find_field(request, &header::IF_RANGE).is_none_or(|shown| shown == tag);
    let range = find_field(request, &header::RANGE).filter(|_| is_same);
    let part = range.map_or(Part::Whole, |range| read_range(range, file.bytes));
    let (status, from, length) = match part {
        Part::Whole => (StatusCode::OK, 0, file.bytes),
        Part::Of(from, last) => {
            (StatusCode::PARTIAL_CONTENT, from, last.saturating_sub(from).saturating_add(1))
        }
        Part::Nothing => {
            let of = format!("bytes */{}", file.bytes);
            let mut response = describe(HttpResponse::RangeNotSatisfiable(), &file, &tag);
            return Some(response.insert_header((header::CONTENT_RANGE, of)).finish());
        }
    };
    let mut response = describe(HttpResponse::build(status), &file, &tag);
    if let Part::Of(from, last) = part {
        response.insert_header((header::CONTENT_RANGE, format!("bytes {from}-{last}/{}", file.bytes)));
    }
    // Of HEAD, the length alone is told.
    let left = if *request.method() == Method::HEAD { 0 } else { length };
    let reader = Reader { source: Arc::new(source), from, left, _place: place };
    Some(response.body(SizedStream::new(length, stream::unfold(reader, |reader| Box::pin(next(reader))))))
}

/// What is said of a file, whole or in part.
fn describe(
    mut response: actix_web::HttpResponseBuilder,
    file: &LibraryFile,
    tag: &str,
) -> actix_web::HttpResponseBuilder {
    let (kind, policy, disposition) = match file.media.shown() {
        Shown::Media => (file.media.as_str(), MEDIA_POLICY, "inline"),
        Shown::Document => (file.media.as_str(), DOCUMENT_POLICY, "inline"),
        Shown::Text => ("text/plain; charset=utf-8", POLICY, "inline"),
        Shown::Saved => (file.media.as_str(), POLICY, "attachment"),
    };
    let fields: [(HeaderName, &str); 6] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::ACCEPT_RANGES, "bytes"),
        (header::ETAG, tag),
        // It is the same for as long as its address is; whether it may be opened still, the box says.
        (header::CACHE_CONTROL, "private, no-cache"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fields {
        response.insert_header((name, value));
    }
    if let Ok(value) = HeaderValue::from_str(&dispose(disposition, file.name.as_str())) {
        response.insert_header((header::CONTENT_DISPOSITION, value));
    }
    response
}

/// `Content-Disposition` with a name in any letters (RFC 6266, RFC 8187), and one in plain letters beside it.
fn dispose(disposition: &str, name: &str) -> String {
    let plain: String = name.chars().map(|it| if is_plain(it) { it } else { '_' }).collect();
    let encoded: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let encoded = encoded.replace('+', "%20").replace('*', "%2A");
    format!("{disposition}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, ' ' | '-' | '_' | '.' | '(' | ')')
}

/// Whether a list of tags has this one; a weak one is as good here (RFC 9110 section 13.1.2).
fn has_tag(shown: &str, tag: &str) -> bool {
    shown.split(',').map(str::trim).any(|it| it == "*" || it.strip_prefix("W/").unwrap_or(it) == tag)
}

/// What is asked for of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// All of it: of a range that is none, or of several, nothing has to be known (RFC 9110 section 14.2).
    Whole,
    /// From this byte to that.
    Of(u64, u64),
    /// What it has not.
    Nothing,
}

fn read_range(range: &str, bytes: u64) -> Part {
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        // What is too long for a number is behind the end of every file.
        is_number.then(|| digits.parse::<u64>().unwrap_or(u64::MAX))
    };
    let range = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let Some((first, last)) = range else { return Part::Whole };
    let (first, last, end) = (first.trim(), last.trim(), bytes.saturating_sub(1));
    let begin = |from: u64, to: u64| if from <= end { Part::Of(from, to.min(end)) } else { Part::Nothing };
    match (number(first), number(last)) {
        // The last so many bytes: of none, there is nothing.
        (None, Some(count)) if first.is_empty() => begin(bytes.saturating_sub(count), end),
        (Some(from), None) if last.is_empty() => begin(from, end),
        (Some(from), Some(to)) if from <= to => begin(from, to),
        _ => Part::Whole,
    }
}

/// What is left to be read of a file.
struct Reader {
    source: Arc<File>,
    from: u64,
    left: u64,
    _place: Place,
}

/// Reads the next piece on a thread that may wait for the disk. A file that is cut meanwhile cuts the answer.
async fn next(reader: Reader) -> Option<(io::Result<web::Bytes>, Reader)> {
    let (from, length) = (reader.from, reader.left.min(PIECE_BYTES));
    if length == 0 {
        return None;
    }
    let file = Arc::clone(&reader.source);
    let read = web::block(move || -> io::Result<web::Bytes> {
        let mut piece = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_exact_at(&mut piece, from)?;
        Ok(web::Bytes::from(piece))
    });
    let piece = match read.await {
        Ok(Ok(piece)) => piece,
        Ok(Err(error)) => return Some((Err(error), Reader { left: 0, ..reader })),
        Err(_) => return Some((Err(io::ErrorKind::Other.into()), Reader { left: 0, ..reader })),
    };
    let left = reader.left.saturating_sub(length);
    Some((Ok(piece), Reader { from: from.saturating_add(length), left, ..reader }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_what_was_asked_for() {
        let check = |range: &str, expected: Part| assert_eq!(read_range(range, 10), expected, "{range}");
        check("bytes=0-", Part::Of(0, 9));
        check("bytes=3-5", Part::Of(3, 5));
        check("bytes=3-99", Part::Of(3, 9));
        check("bytes=9-9", Part::Of(9, 9));
        check("bytes=-4", Part::Of(6, 9));
        check("bytes=-40", Part::Of(0, 9));
        check("bytes=-0", Part::Nothing);
        check("bytes=10-", Part::Nothing);
        check("bytes=10-12", Part::Nothing);
        check("bytes=99999999999999999999999-", Part::Nothing);
        for none in ["", "bytes=", "bytes=-", "bytes=5-3", "bytes=0-1,4-5", "bytes=a-b", "lines=0-1"] {
            check(none, Part::Whole);
        }
    }

    #[test]
    fn a_name_is_told_in_its_own_letters_and_ends_no_field() {
        let said = dispose("attachment", "été*.pdf\u{e9}\"");
        assert!(said.is_ascii() && HeaderValue::from_str(&said).is_ok(), "{said}");
        assert_eq!(
            said,
            "attachment; filename=\"_t__.pdf__\"; filename*=UTF-8''%C3%A9t%C3%A9%2A.pdf%C3%A9%22"
        );
        assert!(has_tag("\"a\", W/\"b\"", "\"b\"") && has_tag("*", "\"b\"") && !has_tag("\"a\"", "\"b\""));
    }
}
