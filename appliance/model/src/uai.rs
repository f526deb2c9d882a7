//! The national identifier of a school.

use std::fmt;
use std::str::FromStr;

/// The check letters: the alphabet without I, O and Q, indexed by the number modulo 23.
const CHECK_LETTERS: &[u8; 23] = b"ABCDEFGHJKLMNPRSTUVWXYZ";

/// *Unité administrative immatriculée*: seven digits and the check letter that follows from them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uai(Box<str>);

impl Uai {
    /// The identifier's eight characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Uai {
    type Err = UaiError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, letter) = text.split_at_checked(7).ok_or(UaiError::Form)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(UaiError::Form);
        }
        let number: usize = digits.parse().map_err(|_| UaiError::Form)?;
        let &[found] = letter.to_ascii_uppercase().as_bytes() else { return Err(UaiError::Form) };
        if !found.is_ascii_alphabetic() {
            return Err(UaiError::Form);
        }
        match CHECK_LETTERS.get(number % CHECK_LETTERS.len()) {
            Some(&expected) if expected == found => Ok(Self(text.to_ascii_uppercase().into_boxed_str())),
            Some(&expected) => Err(UaiError::CheckLetter { expected: expected.into(), found: found.into() }),
            None => Err(UaiError::Form),
        }
    }
}

impl fmt::Display for Uai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a UAI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UaiError {
    /// Not seven digits and a letter.
    #[error("not a UAI: seven digits and a letter, as in 0750655E")]
    Form,
    /// The letter does not follow from the digits: most often a digit was mistyped.
    #[error("the check letter of these digits is {expected}, not {found}: is a digit mistyped?")]
    CheckLetter {
        /// The letter that the digits give.
        expected: char,
        /// The letter that stands there.
        found: char,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_schools_are_right() {
        for text in ["0750655E", "0750655e"] {
            assert_eq!(text.parse::<Uai>().unwrap().as_str(), "0750655E");
        }
    }

    #[test]
    fn a_wrong_letter_names_the_right_one() {
        let error = "0750655F".parse::<Uai>().unwrap_err();
        assert_eq!(error, UaiError::CheckLetter { expected: 'E', found: 'F' });
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "0750655", "075O655E", "07506551E", "0750655é", "+750655E", "07506555"] {
            assert_eq!(text.parse::<Uai>(), Err(UaiError::Form), "{text:?}");
        }
    }
}
