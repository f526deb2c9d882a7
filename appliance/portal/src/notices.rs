//! What the school says of its network: its charter, and whose the log is.

/// The charter and the legal notice, as the school has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notices {
    /// The school's own charter; `None`: the one that the box brings.
    pub charter: Option<CharterText>,
    /// Who is responsible for the log, as in "Commune de Saint-Martin".
    pub controller: Option<String>,
    /// How to reach the data protection officer.
    pub officer: Option<String>,
    /// For how many days an access is kept.
    pub days: u32,
}

impl Default for Notices {
    fn default() -> Self {
        Self { charter: None, controller: None, officer: None, days: 365 }
    }
}

/// A charter: headings, paragraphs and lists, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharterText {
    pub(crate) parts: Vec<Part>,
}

/// A part of a charter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Heading(String),
    Paragraph(String),
    List(Vec<String>),
}

/// Why a text is no charter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CharterError {
    /// It has more than a sheet or two.
    #[error("longer than {} bytes: a charter is read by children", CharterText::BYTES_MAX)]
    Long,
    /// There is nothing in it.
    #[error("there is no text in it")]
    Empty,
}

impl CharterText {
    /// Longest text, in bytes: four sheets of paper.
    pub const BYTES_MAX: usize = 16_384;

    /// Reads a text in the simplest form of Markdown: lines that begin with `#` are headings, those with `-` or `*` parts of a
    /// list, other lines paragraphs, with an empty line between two. All else is shown as it stands.
    ///
    /// # Errors
    /// [`CharterError`].
    pub fn parse(text: &str) -> Result<Self, CharterError> {
        if text.len() > Self::BYTES_MAX {
            return Err(CharterError::Long);
        }
        let (mut parts, mut is_open) = (Vec::new(), false);
        for line in text.trim_start_matches('\u{feff}').lines().map(str::trim) {
            let item = line.strip_prefix("- ").or_else(|| line.strip_prefix("* "));
            match (line.trim_start_matches('#'), item, parts.last_mut()) {
                ("", ..) => {}
                (heading, ..) if line.starts_with('#') => {
                    parts.push(Part::Heading(heading.trim().to_owned()));
                }
                (_, Some(item), Some(Part::List(items))) if is_open => items.push(item.trim().to_owned()),
                (_, Some(item), _) => parts.push(Part::List(vec![item.trim().to_owned()])),
                (_, None, Some(Part::Paragraph(text))) if is_open => {
                    text.push(' ');
                    text.push_str(line);
                }
                (_, None, _) => parts.push(Part::Paragraph(line.to_owned())),
            }
            is_open = !line.is_empty();
        }
        if parts.is_empty() { Err(CharterError::Empty) } else { Ok(Self { parts }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charter_has_headings_paragraphs_and_lists() {
        let text = "\u{feff}# Notre charte\r\n\r\nÀ l’école,\r\non apprend.\r\n\r\n- un\r\n* deux\r\n\r\n## Et\r\nfin <b>";
        let owned = str::to_owned;
        let expected = vec![
            Part::Heading(owned("Notre charte")),
            Part::Paragraph(owned("À l’école, on apprend.")),
            Part::List(vec![owned("un"), owned("deux")]),
            Part::Heading(owned("Et")),
            Part::Paragraph(owned("fin <b>")),
        ];
        assert_eq!(CharterText::parse(text), Ok(CharterText { parts: expected }));
    }

    #[test]
    fn what_is_no_charter_is_refused() {
        assert_eq!(CharterText::parse(" \n#\n"), Err(CharterError::Empty));
        assert_eq!(CharterText::parse(&"a".repeat(CharterText::BYTES_MAX + 1)), Err(CharterError::Long));
    }
}
