//! What a page that is stale says of itself: a line of text at its top.
//!
//! Only pages that a person opens are touched, and only where that changes nothing else: the whole of a page in HTML, of an
//! encoding that is understood, with a body that begins where it seems to. The line has no style and no script of its own,
//! which a page's policy (CSP) would have to permit: what it looks like is in attributes that are older than style sheets.

use std::fmt::Write as _;
use std::io::Read as _;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use bytes::Bytes;
use cache::Stored;
use flate2::read::GzDecoder;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;

use super::exchange::Flow;
use super::measure::Measured;
use super::plea::wants_page;

/// Longest page that is touched, as it came. Longer ones are served as they are.
const PAGE_BYTES_MAX: u64 = 512 * 1024;
/// Longest page once it is decoded: a small file can stand for a very long text.
const TEXT_BYTES_MAX: u64 = 2 << 20;
/// Pages that are in memory for this at once, at most; the others are served as they are.
pub(super) const PAGES_MAX: usize = 16;
/// Bytes of a page that are sent at a time: what a slow browser has not read yet is in memory here, and counts.
const PIECE_BYTES: usize = 16 * 1024;

/// Fields that are not true any more of a page that was changed.
const CHANGED_FIELDS: [HeaderName; 9] = [
    header::ACCEPT_RANGES,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::ETAG,
    header::LAST_MODIFIED,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
];

/// Whether a page is one that says that it is stale: a person opens it, and it can be changed.
pub(super) fn fits(method: &Method, request: &HeaderMap, stored: &Stored, length: Option<u64>) -> bool {
    let text = |name: &HeaderName| {
        let lines = stored.headers.get_all(name).iter();
        lines.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",").to_ascii_lowercase()
    };
    let (kind, coding) = (text(&header::CONTENT_TYPE), text(&header::CONTENT_ENCODING));
    // A frame would say it a second time, and what a script fetches is no page.
    let is_opened =
        request.get("sec-fetch-dest").is_none_or(|dest| dest == "document") && wants_page(request);
    let is_html = kind.split(';').next().is_some_and(|kind| kind.trim() == "text/html");
    let is_read = is_html && !["utf-16", "utf-32", "utf-7"].iter().any(|charset| kind.contains(charset));
    method == Method::GET
        && is_opened
        && is_read
        && stored.status == StatusCode::OK
        && ["", "identity", "gzip", "x-gzip"].contains(&coding.as_str())
        // RFC 9110 section 7.7.
        && !text(&header::CACHE_CONTROL).contains("no-transform")
        && length.is_some_and(|length| (1..=PAGE_BYTES_MAX).contains(&length))
}

/// Puts a notice at the top of a page; where that is not possible the page is as it was. The page keeps its `room` until it
/// is sent.
///
/// # Errors
/// The page cannot be read.
pub(super) async fn put(
    response: Response<Flow>,
    notice: String,
    room: OwnedSemaphorePermit,
) -> Result<Response<Flow>, Box<dyn std::error::Error + Send + Sync>> {
    let (mut head, body) = response.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let is_coded = head.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    let page = bytes.clone();
    let changing = spawn_blocking(move || {
        let text = if is_coded { decode(&page) } else { Some(page.to_vec()) };
        text.and_then(|text| insert(&text, &notice))
    });
    let body = match changing.await.ok().flatten() {
        Some(changed) => {
            CHANGED_FIELDS.iter().for_each(|name| drop(head.headers.remove(name)));
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(changed.len()));
            // The browser keeps the server's page, not this one.
            head.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Bytes::from(changed)
        }
        None => bytes,
    };
    Ok(Response::from_parts(head, send(body, room)))
}

/// A page in pieces, which has its room until the last one has gone.
fn send(page: Bytes, room: OwnedSemaphorePermit) -> Flow {
    let length = u64::try_from(page.len()).ok();
    let pieces = stream::unfold((page, room), |(mut page, room)| async move {
        let piece = page.split_to(page.len().min(PIECE_BYTES));
        (!piece.is_empty())
            .then(|| (Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Frame::data(piece)), (page, room)))
    });
    // Boxed, because the measure has to move it.
    Measured::new(StreamBody::new(pieces).boxed_unsync(), 0, length).boxed_unsync()
}

fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    GzDecoder::new(bytes).take(TEXT_BYTES_MAX + 1).read_to_end(&mut text).ok()?;
    (u64::try_from(text.len()).ok()? <= TEXT_BYTES_MAX).then_some(text)
}

/// The page with the notice behind its `<body>`. `None` where nobody can be sure where that is.
fn insert(page: &[u8], notice: &str) -> Option<Vec<u8>> {
    let small = page.to_ascii_lowercase();
    let head_end = find(&small, b"</head", 0).unwrap_or(0);
    let start = find(&small, b"<body", head_end)?;
    let between = small.get(head_end..start)?;
    let is_disguised = find(between, b"<script", 0).is_some() || find(between, b"<!--", 0).is_some();
    let is_tag = small.get(start + 5).is_some_and(|&byte| byte == b'>' || byte.is_ascii_whitespace());
    if is_disguised || !is_tag {
        return None;
    }
    let end = start + tag_length(small.get(start..)?)?;
    let (before, after) = page.split_at_checked(end)?;
    Some([before, banner(notice).as_bytes(), after].concat())
}

fn find(text: &[u8], word: &[u8], from: usize) -> Option<usize> {
    let place = text.get(from..)?.windows(word.len()).position(|part| part == word)?;
    Some(from + place)
}

/// Bytes of a tag: up to the first `>` that is in no quotes.
fn tag_length(tag: &[u8]) -> Option<usize> {
    let mut quote = None;
    let end = tag.iter().position(|&byte| {
        match quote {
            None if byte == b'"' || byte == b'\'' => quote = Some(byte),
            Some(open) if byte == open => quote = None,
            None | Some(_) => {}
        }
        quote.is_none() && byte == b'>'
    })?;
    Some(end + 1)
}

/// In letters that are the same in every encoding that HTML is written in.
fn banner(notice: &str) -> String {
    let mut text = String::new();
    for c in notice.chars() {
        if c.is_ascii_alphanumeric() || " .,-".contains(c) {
            text.push(c);
        } else {
            // Into memory, which does not fail.
            let _outcome = write!(text, "&#{};", u32::from(c));
        }
    }
    format!(
        "<div role=\"status\" lang=\"fr\"><table role=\"presentation\" width=\"100%\" cellpadding=\"6\" bgcolor=\"#fff3cd\">\
         <tr><td align=\"center\"><font color=\"#5c4400\">{text}</font></td></tr></table></div>"
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;

    use http_body_util::Full;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::tests::stored;

    const PUBLIC: (&str, &str) = ("cache-control", "public, max-age=60");

    #[test]
    fn only_pages_that_a_person_opens_are_touched() {
        let check = |request: (&'static str, &'static str),
                     response: &[(&'static str, &'static str)],
                     expected: bool| {
            let asked: HeaderMap =
                [(request.0.parse().unwrap(), request.1.parse().unwrap())].into_iter().collect();
            let fits = fits(&Method::GET, &asked, &stored(response), Some(1_000));
            assert_eq!(fits, expected, "{request:?} {response:?}");
        };
        let (html, page) = (("content-type", "text/html; charset=UTF-8"), ("sec-fetch-dest", "document"));
        check(page, &[PUBLIC, html], true);
        check(("accept", "text/html,*/*"), &[PUBLIC, html], true);
        check(("sec-fetch-dest", "iframe"), &[PUBLIC, html], false);
        check(("sec-fetch-dest", "empty"), &[PUBLIC, html], false);
        check(("accept", "*/*"), &[PUBLIC, html], false);
        check(page, &[PUBLIC, html, ("content-encoding", "gzip")], true);
        check(page, &[PUBLIC, html, ("content-encoding", "br")], false);
        check(page, &[PUBLIC, html, ("content-encoding", "gzip, gzip")], false);
        check(page, &[PUBLIC, ("content-type", "text/html; charset=utf-16")], false);
        check(page, &[PUBLIC, ("content-type", "application/json")], false);
        check(page, &[("cache-control", "public, max-age=60, no-transform"), html], false);
        let asked: HeaderMap =
            [("accept".parse().unwrap(), "text/html".parse().unwrap())].into_iter().collect();
        for length in [None, Some(0), Some(PAGE_BYTES_MAX + 1)] {
            assert!(!fits(&Method::GET, &asked, &stored(&[PUBLIC, html]), length));
        }
        assert!(!fits(&Method::HEAD, &asked, &stored(&[PUBLIC, html]), Some(9)));
    }

    #[test]
    fn the_notice_stands_where_the_body_begins() {
        let check = |page: &str, expected: Option<(&str, &str)>| {
            let found = insert(page.as_bytes(), "x").map(|page| String::from_utf8(page).unwrap());
            let expected = expected.map(|(before, after)| format!("{before}{}{after}", banner("x")));
            assert_eq!(found, expected, "{page}");
        };
        check("<head></head><BODY class=a>b", Some(("<head></head><BODY class=a>", "b")));
        check("<body>b", Some(("<body>", "b")));
        check(
            "<head><script>'<body>'</script></head><body\n id='>'>b",
            Some(("<head><script>'<body>'</script></head><body\n id='>'>", "b")),
        );
        for unsure in [
            "<p>no body",
            "<bodyguard>",
            "<script>'<body>'</script><body>",
            "<!-- <body> --><body>",
            "<body",
            "<body a='",
            "",
        ] {
            check(unsure, None);
        }
    }

    #[test]
    fn the_notice_needs_no_style_and_no_script() {
        let text = banner("La ligne de l’école <b>");
        assert!(text.contains("La ligne de l&#8217;&#233;cole &#60;b&#62;") && text.is_ascii(), "{text}");
        for never in ["style", "script", "class", "href", "src", " on"] {
            assert!(!text.contains(never), "{never}");
        }
    }

    fn page(body: &[u8], lines: &[(&'static str, &'static str)]) -> Response<Flow> {
        let body = Full::new(Bytes::from(body.to_vec())).map_err(|never| match never {}).boxed_unsync();
        let mut response = Response::new(body);
        response.headers_mut().extend(
            lines.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())),
        );
        response
    }

    fn room() -> OwnedSemaphorePermit {
        Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap()
    }

    #[tokio::test]
    async fn a_page_has_its_room_until_it_is_sent() {
        let rooms = Arc::new(Semaphore::new(1));
        let room = Arc::clone(&rooms).try_acquire_owned().unwrap();
        let long = [&b"<body>"[..], &vec![b' '; 3 * PIECE_BYTES]].concat();
        let mut body = put(page(&long, &[PUBLIC]), "x".to_owned(), room).await.unwrap().into_body();
        let mut sent = Vec::new();
        while let Some(frame) = body.frame().await {
            let piece = frame.unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE_BYTES, "{} bytes at once", piece.len());
            assert_eq!(rooms.available_permits(), 0, "after {} bytes", sent.len());
            sent.extend(piece);
        }
        assert!(sent.starts_with(b"<body><div") && sent.len() == long.len() + banner("x").len());
        drop(body);
        assert_eq!(rooms.available_permits(), 1);
    }

    #[tokio::test]
    async fn what_is_no_longer_true_is_not_said() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"<body>b").unwrap();
        let lines = [PUBLIC, ("content-encoding", "gzip"), ("etag", "\"a\""), ("content-length", "30")];
        let put = put(page(&encoder.finish().unwrap(), &lines), "x".to_owned(), room()).await.unwrap();
        let headers = put.headers().clone();
        let text = put.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(text, format!("<body>{}b", banner("x")));
        assert_eq!(headers.len(), 2, "{headers:?}");
        assert_eq!(headers.get("content-length").unwrap(), &text.len().to_string());
        assert_eq!(headers.get("cache-control").unwrap(), "no-store");
    }

    #[tokio::test]
    async fn what_cannot_be_changed_is_as_it_was() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let long = vec![b' '; usize::try_from(TEXT_BYTES_MAX).unwrap() + 1];
        encoder.write_all(&long).unwrap();
        for (body, lines) in [
            (b"no page".to_vec(), vec![("etag", "\"a\"")]),
            (b"no gzip".to_vec(), vec![("etag", "\"a\""), ("content-encoding", "gzip")]),
            (encoder.finish().unwrap(), vec![("etag", "\"a\""), ("content-encoding", "gzip")]),
        ] {
            let put = put(page(&body, &lines), "x".to_owned(), room()).await.unwrap();
            assert_eq!(put.headers().len(), lines.len());
            assert!(put.into_body().collect().await.unwrap().to_bytes() == body);
        }
    }
}
