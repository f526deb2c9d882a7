//! The code that a technician reads aloud.
//!
//! Twelve letters and digits in three groups: `K7QM-4XRT-9WPE`. The first four are the code's number, by which the hub finds
//! it; seven are the secret, which neither side ever sends; the last one tells that one was misheard, or two were swapped.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroize as _;

/// What a code is made of. Neither 0 and O, nor 1, I and L: whoever hears or reads them takes one for the other.
const SYMBOLS: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
/// How many symbols there are. A prime: so the check finds every wrong symbol, and every two neighbours that were swapped.
const SYMBOL_COUNT: u8 = 31;
/// Symbols of the number: a million codes, of which a commune has some at a time.
const NUMBER_LENGTH: usize = 4;
/// Symbols of the secret: 27 thousand million, of which somebody may try three.
const SECRET_LENGTH: usize = 7;
/// All of a code: number, secret, check.
const LENGTH: usize = NUMBER_LENGTH + SECRET_LENGTH + 1;
/// Symbols between two dashes.
const GROUP_LENGTH: usize = 4;
/// Bytes up to here are symbols equally often; those above are thrown away.
const FAIR_MAX: u8 = SYMBOL_COUNT * 8;

/// A code, by which a box enrols once.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentCode([u8; LENGTH]);

/// The part of a code that is no secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeNumber(String);

/// What is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// It is too short or too long.
    #[error("a code has 12 letters and digits, as in K7QM-4XRT-9WPE")]
    Length,
    /// Something stands in it that is in no code.
    #[error("`{0}` is in no code: there is neither 0 nor O, neither 1 nor I nor L")]
    Symbol(char),
    /// The last one does not fit the others.
    #[error("the code is mistyped: a letter is wrong, or two are swapped. Have it read out again")]
    Check,
}

impl EnrolmentCode {
    /// A code from random bytes, of which 64 always suffice; `None` where they are too few.
    #[must_use]
    pub fn from_chance(bytes: &[u8]) -> Option<Self> {
        let mut fair = bytes.iter().filter(|byte| **byte < FAIR_MAX).map(|byte| byte % SYMBOL_COUNT);
        let mut symbols = [0; LENGTH];
        for place in symbols.iter_mut().take(LENGTH - 1) {
            *place = fair.next()?;
        }
        let check = (0..SYMBOL_COUNT).find(|check| {
            if let Some(last) = symbols.last_mut() {
                *last = *check;
            }
            is_right(&symbols)
        });
        check.map(|_| Self(symbols))
    }

    /// By what the hub finds it.
    #[must_use]
    pub fn number(&self) -> CodeNumber {
        CodeNumber(letters(self.0.get(..NUMBER_LENGTH).unwrap_or_default()))
    }

    /// What both sides prove to have.
    pub(crate) fn secret(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for EnrolmentCode {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl FromStr for EnrolmentCode {
    type Err = CodeError;

    /// As people type it: small letters, spaces and dashes do not matter.
    fn from_str(text: &str) -> Result<Self, CodeError> {
        let mut symbols = [0; LENGTH];
        let mut typed = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
        for place in &mut symbols {
            *place = read_symbol(typed.next().ok_or(CodeError::Length)?)?;
        }
        match typed.next() {
            Some(_) => Err(CodeError::Length),
            None if is_right(&symbols) => Ok(Self(symbols)),
            None => {
                symbols.zeroize();
                Err(CodeError::Check)
            }
        }
    }
}

impl fmt::Display for EnrolmentCode {
    /// The whole code, for the one who reads it aloud.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (group, separator) in self.0.chunks(GROUP_LENGTH).zip(["", "-", "-"]) {
            write!(f, "{separator}{}", letters(group))?;
        }
        Ok(())
    }
}

impl fmt::Debug for EnrolmentCode {
    /// Never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnrolmentCode({})", self.number())
    }
}

impl CodeNumber {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CodeNumber {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let symbols: Vec<u8> = text.chars().map(read_symbol).collect::<Result<_, _>>()?;
        if symbols.len() == NUMBER_LENGTH { Ok(Self(letters(&symbols))) } else { Err(CodeError::Length) }
    }
}

impl fmt::Display for CodeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn read_symbol(typed: char) -> Result<u8, CodeError> {
    let place = SYMBOLS.iter().position(|symbol| char::from(*symbol) == typed.to_ascii_uppercase());
    place.and_then(|place| u8::try_from(place).ok()).ok_or(CodeError::Symbol(typed))
}

fn letters(symbols: &[u8]) -> String {
    symbols.iter().filter_map(|symbol| SYMBOLS.get(usize::from(*symbol))).map(|b| char::from(*b)).collect()
}

/// Whether the symbols, each times its place, make a multiple of 31.
fn is_right(symbols: &[u8; LENGTH]) -> bool {
    let weighted = symbols.iter().zip(1_u32..).map(|(symbol, place)| u32::from(*symbol) * place);
    weighted.sum::<u32>().is_multiple_of(u32::from(SYMBOL_COUNT))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(seed: u8) -> EnrolmentCode {
        let bytes: Vec<u8> = (0..64_u8).map(|i| i.wrapping_mul(37).wrapping_add(seed)).collect();
        EnrolmentCode::from_chance(&bytes).unwrap()
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = code(5);
        let text = code.to_string();
        assert_eq!(text.len(), 14);
        for typed in [text.clone(), text.to_lowercase(), text.replace('-', " "), text.replace('-', "")] {
            assert_eq!(typed.parse::<EnrolmentCode>().unwrap(), code, "{typed}");
        }
        assert_eq!(text.get(..4), Some(code.number().as_str()));
        assert_eq!(code.number().as_str().parse(), Ok(code.number()));
        assert!(!format!("{code:?}").contains(&text[5..]), "the secret is in no developer's log");
    }

    #[test]
    fn what_is_no_code_is_told() {
        let check = |typed: &str, expected: CodeError| {
            assert_eq!(typed.parse::<EnrolmentCode>().unwrap_err(), expected, "{typed}");
        };
        check("", CodeError::Length);
        check("K7QM-4XRT-9WP", CodeError::Length);
        check(&format!("{}2", code(1)), CodeError::Length);
        check("K7QM-4XRO-9WPE", CodeError::Symbol('O'));
        check("K7QM-4XR1-9WPE", CodeError::Symbol('1'));
        check("K7QM-4XRÉ-9WPE", CodeError::Symbol('É'));
        assert!(EnrolmentCode::from_chance(&[255; 64]).is_none(), "no byte is fair");
    }

    proptest! {
        #[test]
        fn a_slip_of_the_tongue_is_found(seed: [u8; 32], place in 0..LENGTH, other in 0..SYMBOL_COUNT) {
            let Some(code) = EnrolmentCode::from_chance(&seed) else { return Ok(()) };
            let mut wrong = code.0;
            wrong[place] = other;
            prop_assert_eq!(is_right(&wrong), wrong == code.0);
            let mut swapped = code.0;
            swapped.swap(place, (place + 1) % LENGTH);
            // The last and the first are no neighbours.
            prop_assert!(place + 1 == LENGTH || !is_right(&swapped) || swapped == code.0);
        }
    }
}
