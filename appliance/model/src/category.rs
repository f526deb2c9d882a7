//! The categories of the lists.

use std::fmt;
use std::str::FromStr;

/// Longest category name, in bytes: they are folder names of the UT1 archive.
const CATEGORY_BYTES_MAX: usize = 64;

/// A category of the UT1 lists, by the name of its folder: `adult`, `audio-video`, `liste_bu`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Category(Box<str>);

impl Category {
    /// The category's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Category {
    type Err = CategoryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.is_empty() || text.len() > CATEGORY_BYTES_MAX || !text.bytes().all(allowed) {
            return Err(CategoryError);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not a category's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a category name: letters, digits, '-' and '_', at most {CATEGORY_BYTES_MAX}")]
pub struct CategoryError;
