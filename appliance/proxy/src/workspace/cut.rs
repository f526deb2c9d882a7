//! The part of a server's answer that a client asked for, where the cache asked for more.

use ::http::{HeaderMap, StatusCode};
use cache::{ContentRange, RangeSet, Resolved, Span, content_length, is_range_wanted};

/// What of the server's answer a client gets, whose range the cache made a larger one of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// All of it.
    Whole,
    /// This part, so many bytes after the answer's first.
    Part { skip: u64, part: Span, length: u64 },
    /// It is not what was asked for.
    Wrong,
}

/// The part of an answer that a client asked for.
pub(super) fn cut(asked: &HeaderMap, status: StatusCode, answered: &HeaderMap) -> Cut {
    let ranges = RangeSet::of(asked).filter(|_| is_range_wanted(answered, asked));
    let span = match status {
        StatusCode::OK => content_length(answered).and_then(|length| Some((Span::new(0, length)?, length))),
        StatusCode::PARTIAL_CONTENT => match ContentRange::of(answered) {
            Some(ContentRange::Part { span, length: Some(length) }) => Some((span, length)),
            Some(ContentRange::Part { .. } | ContentRange::Unsatisfied(_)) | None => return Cut::Wrong,
        },
        _ => None,
    };
    let is_part = status == StatusCode::PARTIAL_CONTENT;
    let Some((ranges, (span, length))) = ranges.zip(span) else {
        return if is_part { Cut::Wrong } else { Cut::Whole };
    };
    match ranges.resolve(length) {
        Resolved::Parts(parts) => match parts.as_slice() {
            [part] if span.intersect(*part) == Some(*part) => {
                Cut::Part { skip: part.start() - span.start(), part: *part, length }
            }
            _ if is_part => Cut::Wrong,
            _ => Cut::Whole,
        },
        Resolved::Whole | Resolved::Unsatisfiable => {
            if is_part {
                Cut::Wrong
            } else {
                Cut::Whole
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_the_range_that_it_asked_for() {
        let map = |lines: &[(&'static str, &'static str)]| -> HeaderMap {
            lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
        };
        let check =
            |range: &'static str, status: u16, answered: &[(&'static str, &'static str)], expected: Cut| {
                let asked = if range.is_empty() { HeaderMap::new() } else { map(&[("range", range)]) };
                let status = StatusCode::from_u16(status).unwrap();
                assert_eq!(cut(&asked, status, &map(answered)), expected, "{range} {status} {answered:?}");
            };
        let part = |skip, start, end| Cut::Part { skip, part: Span::new(start, end).unwrap(), length: 100 };
        let whole = ("content-length", "100");
        check("", 200, &[whole], Cut::Whole);
        check("bytes=0-1", 200, &[whole], part(0, 0, 2));
        check("bytes=50-", 200, &[whole], part(50, 50, 100));
        check("bytes=0-1,5-6", 200, &[whole], Cut::Whole);
        check("bytes=0-1", 200, &[], Cut::Whole);
        check("bytes=0-1", 404, &[whole], Cut::Whole);
        check("bytes=45-49", 206, &[("content-range", "bytes 40-99/100")], part(5, 45, 50));
        check("bytes=30-49", 206, &[("content-range", "bytes 40-99/100")], Cut::Wrong);
        check("bytes=45-49", 206, &[("content-range", "bytes 40-99/*")], Cut::Wrong);
        check("", 206, &[("content-range", "bytes 40-99/100")], Cut::Wrong);
    }
}
