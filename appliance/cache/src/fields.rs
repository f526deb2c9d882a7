//! Reading header fields: lists, quoted text, dates.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use model::Timestamp;

/// The members of a field that is a list (RFC 9110 section 5.6.1), over all its lines; commas in quoted text part
/// nothing. Empty members are left out. A line that is no text has none: `is_text` tells.
pub(crate) fn members<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(split_list)
}

/// Whether every line of the field is visible ASCII.
pub(crate) fn is_text(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(name).iter().all(|value| value.to_str().is_ok())
}

/// The members of one line.
fn split_list(line: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    line.split(move |c: char| {
        let parts = c == ',' && !is_quoted;
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        parts
    })
    .map(str::trim_ascii)
    .filter(|member| !member.is_empty())
}

/// The one line of a field that has exactly one.
pub(crate) fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    lines.next().filter(|_| lines.next().is_none())
}

/// A field that is a date (RFC 9110 section 5.6.7). `None` where it is absent, said twice, or no date.
pub(crate) fn date(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    parse_date(single(headers, name)?.to_str().ok()?)
}

/// A date in one of the three forms of RFC 9110 section 5.6.7.
pub(crate) fn parse_date(text: &str) -> Option<Timestamp> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_unix_ms(i64::try_from(since.as_millis()).ok()?))
}

/// The preferred form of a date; before 1970 there is none.
pub(crate) fn format_date(at: Timestamp) -> Option<HeaderValue> {
    let since = Duration::from_millis(u64::try_from(at.unix_ms()).ok()?);
    // The year 9999 is the last one that four digits have.
    let at = UNIX_EPOCH.checked_add(since).filter(|_| since.as_secs() < 253_402_300_800)?;
    HeaderValue::from_str(&httpdate::fmt_http_date(at)).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Header fields as a test writes them: a line each.
    pub(crate) fn map(lines: &[(&str, &str)]) -> HeaderMap {
        let fields = lines.iter();
        fields
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
            .collect()
    }

    #[test]
    fn a_list_is_read_over_its_lines() {
        let headers = map(&[("a", "x, \"y, \\\"z\" ,,"), ("a", "w")]);
        let name = HeaderName::from_static("a");
        assert_eq!(members(&headers, &name).collect::<Vec<_>>(), ["x", "\"y, \\\"z\"", "w"]);
    }

    #[test]
    fn dates_are_read_in_three_forms_and_written_in_one() {
        let at = Timestamp::from_unix_ms(784_111_777_000);
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(parse_date(text), Some(at), "{text}");
        }
        for text in ["0", "-1", "", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 25:49:37 GMT"] {
            assert_eq!(parse_date(text), None, "{text}");
        }
        assert_eq!(format_date(at).unwrap(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(format_date(Timestamp::from_unix_ms(-1)), None);
        assert_eq!(format_date(Timestamp::from_unix_ms(i64::MAX)), None);
    }
}
