//! What the ENT has to give: bytes that tell where they are from, under a tag.

use std::io;

use jiff::Zoned;
use jiff::tz::TimeZone;

use super::origin::{Question, Wire};

/// A film, or a document.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its bytes.
    pub bytes: Vec<u8>,
    tag: Option<String>,
    pace: Option<f64>,
    fresh_seconds: u32,
}

impl Object {
    /// So many bytes of a version: no two versions have the same piece anywhere.
    #[must_use]
    pub fn new(length: usize, version: u8) -> Self {
        let words =
            (0_u32..).map(|word| word.wrapping_mul(2_654_435_761).rotate_left(u32::from(version) * 5));
        let bytes = words.flat_map(|word| (word ^ u32::from(version)).to_le_bytes()).take(length).collect();
        Self { bytes, tag: Some(format!("\"v{version}\"")), pace: None, fresh_seconds: 600 }
    }

    /// The same, fresh for so long.
    #[must_use]
    pub fn fresh_for(self, seconds: u32) -> Self {
        Self { fresh_seconds: seconds, ..self }
    }

    /// The same without a tag: nothing tells a version from another.
    #[must_use]
    pub fn without_tag(self) -> Self {
        Self { tag: None, ..self }
    }

    /// The same under a weak tag.
    #[must_use]
    pub fn weakly(self) -> Self {
        Self { tag: self.tag.map(|tag| format!("W/{tag}")), ..self }
    }

    /// The same at a pace of its own.
    #[must_use]
    pub fn at(self, bytes_a_second: f64) -> Self {
        Self { pace: Some(bytes_a_second), ..self }
    }

    /// Its tag.
    #[must_use]
    pub fn tag(&self) -> &str {
        self.tag.as_deref().unwrap_or_default()
    }

    /// Answers as a good server does: whole, or one range (RFC 9110 section 14), or that nothing changed.
    ///
    /// # Errors
    /// The other side is gone.
    pub fn answer(&self, question: &Question, wire: &mut Wire<'_>) -> io::Result<()> {
        let length = self.bytes.len();
        if self.tag.is_some() && question.field("if-none-match").is_some_and(|tags| tags.contains(self.tag()))
        {
            return wire.head(&format!("304 Not Modified\r\n{}", self.fields()));
        }
        let (start, end) = match self.range(question) {
            Some(Ok((start, end))) => {
                let range = format!("Content-Range: bytes {start}-{}/{length}", end - 1);
                let size = end - start;
                let fields = self.fields();
                wire.head(&format!("206 Partial Content\r\n{fields}\r\n{range}\r\nContent-Length: {size}"))?;
                (start, end)
            }
            Some(Err(())) => {
                let range = format!("Content-Range: bytes */{length}");
                return wire.head(&format!("416 Range Not Satisfiable\r\n{range}\r\nContent-Length: 0"));
            }
            None => {
                self.begin(wire)?;
                (0, length)
            }
        };
        match question.method.as_str() {
            "HEAD" => Ok(()),
            _ => self.send(wire, start, end),
        }
    }

    /// Sends the head of the whole.
    ///
    /// # Errors
    /// The other side is gone.
    pub fn begin(&self, wire: &mut Wire<'_>) -> io::Result<()> {
        wire.head(&format!("200 OK\r\n{}\r\nContent-Length: {}", self.fields(), self.bytes.len()))
    }

    /// Sends a piece of the body.
    ///
    /// # Errors
    /// The other side is gone.
    pub fn send(&self, wire: &mut Wire<'_>, start: usize, end: usize) -> io::Result<()> {
        wire.paced(self.bytes.get(start..end).unwrap_or_default(), self.pace)
    }

    /// The fields of each answer about it.
    #[must_use]
    pub fn fields(&self) -> String {
        let tag = self.tag.as_ref().map(|tag| format!("\r\nETag: {tag}")).unwrap_or_default();
        let (date, seconds) = (date(), self.fresh_seconds);
        format!(
            "Date: {date}\r\nContent-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\n\
             Cache-Control: public, max-age={seconds}{tag}"
        )
    }

    /// The one range that is asked for; an error where there is nothing of it.
    fn range(&self, question: &Question) -> Option<Result<(usize, usize), ()>> {
        let length = self.bytes.len();
        let (first, last) = question.field("range")?.strip_prefix("bytes=")?.split_once('-')?;
        if question.field("if-range").is_some_and(|tag| tag != self.tag()) || last.contains(',') {
            return None;
        }
        let (start, end) = match (first.parse::<usize>(), last.parse::<usize>()) {
            (Ok(start), Ok(last)) => (start, length.min(last + 1)),
            (Ok(start), Err(_)) => (start, length),
            (Err(_), Ok(count)) => (length.saturating_sub(count), length),
            (Err(_), Err(_)) => return None,
        };
        Some(if start < end { Ok((start, end)) } else { Err(()) })
    }
}

/// The date of an answer (RFC 9110 section 5.6.7).
#[expect(clippy::disallowed_methods, reason = "a server tells the real time")]
fn date() -> String {
    Zoned::now().with_time_zone(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
