//! Range requests and their answers (RFC 9110 section 14).

use http::{HeaderMap, HeaderValue, header};

use crate::fields;
use crate::span::Span;

/// Ranges of one request. A reader of documents asks for a few; more are an attempt to make work (RFC 9110 section 17.15), and
/// are answered with the whole.
const RANGES_MAX: usize = 16;

/// The ranges that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeSet(Vec<Asked>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// From here to the end.
    From(u64),
    /// From the first to the last, both included.
    Between(u64, u64),
    /// So many at the end.
    Suffix(u64),
}

/// What a range request is worth for a body of a known length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// The whole, as if no range had been asked for.
    Whole,
    /// These parts, in the order in which they were asked for; none overlaps another.
    Parts(Vec<Span>),
    /// No byte of it is there: 416.
    Unsatisfiable,
}

impl RangeSet {
    /// Reads `Range`. `None` where there is none, or one that is no list of byte ranges: it is then as if it were not there
    /// (RFC 9110 section 14.2).
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let value = fields::single(headers, &header::RANGE)?.to_str().ok()?;
        let (unit, set) = value.split_once('=')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let members = set.split(',').map(str::trim_ascii).filter(|member| !member.is_empty());
        let asked: Option<Vec<Asked>> = members.take(RANGES_MAX + 1).map(read_range).collect();
        asked.filter(|asked| (1..=RANGES_MAX).contains(&asked.len())).map(Self)
    }

    /// The byte that a set of one range begins with, where that does not depend on the length.
    #[must_use]
    pub fn first_byte(&self) -> Option<u64> {
        match self.0.as_slice() {
            [Asked::From(first) | Asked::Between(first, _)] => Some(*first),
            _ => None,
        }
    }

    /// The set for a body of this length.
    #[must_use]
    pub fn resolve(&self, length: u64) -> Resolved {
        if length == 0 && self.0.iter().any(|asked| matches!(asked, Asked::Suffix(1..))) {
            return Resolved::Whole;
        }
        let mut parts: Vec<Span> = Vec::new();
        for span in self.0.iter().filter_map(|asked| asked.resolve(length)) {
            let overlapping = parts.iter_mut().find(|part| part.intersect(span).is_some());
            match overlapping {
                // Bytes that are asked for twice would be sent twice: that is what attackers ask for.
                Some(_) => return coalesce(&self.0, length),
                None => parts.push(span),
            }
        }
        if parts.is_empty() { Resolved::Unsatisfiable } else { Resolved::Parts(parts) }
    }
}

/// Ranges that overlap, put together (RFC 9110 section 15.3.7.2).
fn coalesce(asked: &[Asked], length: u64) -> Resolved {
    let mut map = crate::span::SpanMap::default();
    for span in asked.iter().filter_map(|asked| asked.resolve(length)) {
        map.insert(span);
    }
    Resolved::Parts(map.spans().to_vec())
}

impl Asked {
    fn resolve(self, length: u64) -> Option<Span> {
        match self {
            Self::From(first) => Span::new(first, length),
            Self::Between(first, last) => Span::new(first, last.saturating_add(1).min(length)),
            Self::Suffix(count) => Span::new(length.saturating_sub(count), length),
        }
    }
}

fn read_range(member: &str) -> Option<Asked> {
    let (first, last) = member.split_once('-')?;
    match (first.trim_ascii(), last.trim_ascii()) {
        ("", count) => Some(Asked::Suffix(read_number(count)?)),
        (first, "") => Some(Asked::From(read_number(first)?)),
        (first, last) => {
            let (first, last) = (read_number(first)?, read_number(last)?);
            (first <= last).then_some(Asked::Between(first, last))
        }
    }
}

/// Digits only. What is too large for a body is as large as can be.
fn read_number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX - 1))
}

/// `Content-Range` (RFC 9110 section 14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// What a 206 brings.
    Part {
        /// Which bytes.
        span: Span,
        /// Of how many, where the server knows.
        length: Option<u64>,
    },
    /// What a 416 says: how many bytes there are.
    Unsatisfied(u64),
}

impl ContentRange {
    /// Reads the field. `None` where it is absent, said twice, or wrong in itself; also where `Content-Length` tells of another
    /// number of bytes.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let value = fields::single(headers, &header::CONTENT_RANGE)?.to_str().ok()?;
        let (unit, rest) = value.split_once(' ')?;
        let (range, length) = rest.trim_ascii().split_once('/')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let length = if length == "*" { None } else { Some(parse_exact(length)?) };
        if range == "*" {
            return length.map(Self::Unsatisfied);
        }
        let (first, last) = range.split_once('-')?;
        let span = Span::new(parse_exact(first)?, parse_exact(last)?.checked_add(1)?)?;
        let fits = length.is_none_or(|length| span.end() <= length);
        let said = content_length(headers);
        (fits && said.is_none_or(|said| said == span.len())).then_some(Self::Part { span, length })
    }

    /// The field for a part.
    #[must_use]
    pub fn part(span: Span, length: u64) -> HeaderValue {
        // A text of digits, always a field's value.
        HeaderValue::from_str(&format!("bytes {}-{}/{length}", span.start(), span.end() - 1))
            .unwrap_or_else(|_| HeaderValue::from_static("bytes */*"))
    }

    /// The field of a 416.
    #[must_use]
    pub fn unsatisfied(length: u64) -> HeaderValue {
        HeaderValue::from_str(&format!("bytes */{length}"))
            .unwrap_or_else(|_| HeaderValue::from_static("bytes */*"))
    }
}

/// The field of a request for the rest of a body, or for a piece of it.
#[must_use]
pub fn range_field(start: u64, end: Option<u64>) -> HeaderValue {
    let text = match end {
        Some(end) => format!("bytes={start}-{}", end.saturating_sub(1)),
        None => format!("bytes={start}-"),
    };
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("bytes=0-"))
}

/// `Content-Length`, where it is one number.
#[must_use]
pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    parse_exact(fields::single(headers, &header::CONTENT_LENGTH)?.to_str().ok()?)
}

fn parse_exact(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// How several parts are sent in one body (RFC 9110 section 14.6).
#[derive(Clone, Debug)]
pub struct Multipart {
    boundary: String,
    content_type: Option<HeaderValue>,
    length: u64,
}

impl Multipart {
    /// `boundary` must not be in any part: a random one is not. `headers` are those of the whole, `length` is its length.
    #[must_use]
    pub fn new(boundary: String, headers: &HeaderMap, length: u64) -> Self {
        Self { boundary, content_type: headers.get(header::CONTENT_TYPE).cloned(), length }
    }

    /// The type of the whole answer.
    #[must_use]
    pub fn content_type(&self) -> HeaderValue {
        HeaderValue::from_str(&format!("multipart/byteranges; boundary={}", self.boundary))
            .unwrap_or_else(|_| HeaderValue::from_static("multipart/byteranges"))
    }

    /// What stands before a part.
    #[must_use]
    pub fn part_head(&self, span: Span) -> Vec<u8> {
        let mut head = format!("\r\n--{}\r\n", self.boundary).into_bytes();
        if let Some(content_type) = &self.content_type {
            head.extend_from_slice(b"Content-Type: ");
            head.extend_from_slice(content_type.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"Content-Range: ");
        head.extend_from_slice(ContentRange::part(span, self.length).as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
        head
    }

    /// What stands after the last part.
    #[must_use]
    pub fn tail(&self) -> Vec<u8> {
        format!("\r\n--{}--\r\n", self.boundary).into_bytes()
    }

    /// The length of the whole answer.
    #[must_use]
    pub fn body_bytes(&self, parts: &[Span]) -> u64 {
        let bytes = |text: &[u8]| u64::try_from(text.len()).unwrap_or(u64::MAX);
        let sums = parts.iter().map(|span| bytes(&self.part_head(*span)).saturating_add(span.len()));
        sums.fold(bytes(&self.tail()), u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::tests::map;

    fn resolve(range: &str, length: u64) -> Option<Resolved> {
        RangeSet::of(&map(&[("range", range)])).map(|set| set.resolve(length))
    }

    fn parts(spans: &[(u64, u64)]) -> Option<Resolved> {
        let spans = spans.iter().map(|(start, end)| Span::new(*start, *end).unwrap());
        Some(Resolved::Parts(spans.collect()))
    }

    /// RFC 9110 section 14.1.2.
    #[test]
    fn ranges_are_read() {
        for (range, expected) in [
            ("bytes=0-499", parts(&[(0, 500)])),
            ("bytes=500-999", parts(&[(500, 1_000)])),
            ("bytes=-500", parts(&[(9_500, 10_000)])),
            ("bytes=-99999", parts(&[(0, 10_000)])),
            ("bytes=9500-", parts(&[(9_500, 10_000)])),
            ("bytes=9500-99999", parts(&[(9_500, 10_000)])),
            ("Bytes=0-0,-1", parts(&[(0, 1), (9_999, 10_000)])),
            ("bytes= 0-0, , 5-6", parts(&[(0, 1), (5, 7)])),
            // In the order in which they were asked for, as long as none overlaps.
            ("bytes=500-600,0-9", parts(&[(500, 601), (0, 10)])),
            ("bytes=500-700,601-999", parts(&[(500, 1_000)])),
            ("bytes=0-,0-,0-", parts(&[(0, 10_000)])),
            ("bytes=0-0,10000-", parts(&[(0, 1)])),
            ("bytes=10000-", Some(Resolved::Unsatisfiable)),
            ("bytes=99999999999999999999999-", Some(Resolved::Unsatisfiable)),
            ("bytes=-0", Some(Resolved::Unsatisfiable)),
        ] {
            assert_eq!(resolve(range, 10_000), expected, "{range}");
        }
    }

    /// RFC 9110 section 14.2.
    #[test]
    fn what_is_no_range_is_not_there() {
        for range in
            ["bytes", "bytes=", "bytes=,", "bytes=5-2", "bytes=a-b", "bytes=1-2,x", "lines=1-2", "bytes=--1"]
        {
            assert_eq!(resolve(range, 10_000), None, "{range}");
        }
        let many = |count: usize| format!("bytes={}", vec!["1-2"; count].join(","));
        assert_eq!(resolve(&many(RANGES_MAX + 1), 10_000), None);
        assert_eq!(resolve(&many(RANGES_MAX), 10_000), parts(&[(1, 3)]));
        assert_eq!(RangeSet::of(&map(&[("range", "bytes=1-2"), ("range", "bytes=3-4")])), None);
    }

    #[test]
    fn an_empty_body_has_no_ranges() {
        assert_eq!(resolve("bytes=0-", 0), Some(Resolved::Unsatisfiable));
        assert_eq!(resolve("bytes=-5", 0), Some(Resolved::Whole));
    }

    /// RFC 9110 section 14.4.
    #[test]
    fn a_content_range_is_right_or_nothing() {
        let part =
            |start, end, length| Some(ContentRange::Part { span: Span::new(start, end).unwrap(), length });
        for (value, expected) in [
            ("bytes 0-4/10", part(0, 5, Some(10))),
            ("bytes 42-1233/*", part(42, 1_234, None)),
            ("bytes */1234", Some(ContentRange::Unsatisfied(1_234))),
            ("bytes */*", None),
            ("bytes 4-2/10", None),
            ("bytes 4-10/10", None),
            ("bytes=0-4/10", None),
            ("bytes 0-4", None),
            ("bytes +0-4/10", None),
            ("bytes 0-18446744073709551615/*", None),
        ] {
            assert_eq!(ContentRange::of(&map(&[("content-range", value)])), expected, "{value}");
        }
        let lie = [("content-range", "bytes 4-9/10"), ("content-length", "5")];
        assert_eq!(ContentRange::of(&map(&lie)), None);
        assert_eq!(ContentRange::part(Span::new(0, 5).unwrap(), 10), "bytes 0-4/10");
        assert_eq!(range_field(5, Some(10)), "bytes=5-9");
        assert_eq!(range_field(5, None), "bytes=5-");
    }

    /// RFC 9110 section 14.6.
    #[test]
    fn several_parts_are_one_body() {
        let multipart = Multipart::new("XX".to_owned(), &map(&[("content-type", "text/plain")]), 10);
        let spans = [Span::new(0, 1).unwrap(), Span::new(8, 10).unwrap()];
        let mut body = Vec::new();
        for (span, bytes) in spans.iter().zip(["0", "89"]) {
            body.extend(multipart.part_head(*span));
            body.extend(bytes.as_bytes());
        }
        body.extend(multipart.tail());
        let expected = "\r\n--XX\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-0/10\r\n\r\n0\
                        \r\n--XX\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n--XX--\r\n";
        assert_eq!(String::from_utf8(body).unwrap(), expected);
        assert_eq!(multipart.body_bytes(&spans), expected.len() as u64);
        assert_eq!(multipart.content_type(), "multipart/byteranges; boundary=XX");
    }
}
