//! The second thing that somebody shows beside her secret: a code of her telephone's, which is another one every half minute
//! (RFC 6238), or one of the codes on paper that she was given for the day when the telephone is lost.

use std::fmt;

use model::Timestamp;
use ring::digest::{SHA256, digest};
use ring::rand::SecureRandom;
use totp_rs::{Builder, Totp};

use crate::secret::{HashError, draw_groups};

/// Bytes of a key: what RFC 4226 section 4 recommends.
const KEY_BYTES: usize = 20;
/// Codes on paper: one for each telephone that somebody loses in ten years.
const PAPER_CODES: usize = 8;
/// Longest name in an address for telephones, in characters: a screen has no room for more.
const NAME_CHARACTERS_MAX: usize = 64;

/// The key from which a telephone computes its codes. Whoever has it computes them too.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeKey([u8; KEY_BYTES]);

/// A half minute, counted since 1970. No code of one counts twice, nor one of an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CodeStep(pub u64);

/// A code on paper. It counts once.
#[derive(Clone, PartialEq, Eq)]
pub struct PaperCode(String);

/// The SHA-256 of a code on paper: with eighty bits of chance, nobody finds the code from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaperHash(pub [u8; 32]);

impl CodeKey {
    /// A new one.
    ///
    /// # Errors
    /// [`HashError`] when the system gives no chance.
    pub fn draw(random: &dyn SecureRandom) -> Result<Self, HashError> {
        let mut bytes = [0; KEY_BYTES];
        random.fill(&mut bytes).map_err(|_| HashError)?;
        Ok(Self(bytes))
    }

    /// The key that was kept; `None` where the text is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let secret = totp_rs::Secret::try_from_base32(text).ok()?;
        Some(Self(secret.as_bytes().try_into().ok()?))
    }

    /// The letters of the key, to be kept, or typed into a telephone.
    #[must_use]
    pub fn reveal(&self) -> String {
        totp_rs::Secret::new_stack(self.0).to_base32()
    }

    /// What a telephone reads from a picture (`otpauth:`, as Google Authenticator's page on its key format has it).
    #[must_use]
    pub fn address(&self, issuer: &str, name: &str) -> String {
        let [issuer, name] = [issuer, name].map(escape);
        format!("otpauth://totp/{issuer}:{name}?secret={}&issuer={issuer}", self.reveal())
    }

    /// The half minute whose code somebody typed, where it is this one or a neighbour (RFC 6238 section 5.2), and later than
    /// the last one that counted.
    #[must_use]
    pub fn check(&self, typed: &str, last: CodeStep, now: Timestamp) -> Option<CodeStep> {
        let typed: String = typed.split_whitespace().collect();
        let seconds = u64::try_from(now.unix_ms()).ok()? / 1_000;
        let step = self.totp()?.check(&typed, seconds).map(CodeStep)?;
        (step > last).then_some(step)
    }

    /// What a telephone shows at a time.
    #[must_use]
    pub fn show(&self, now: Timestamp) -> Option<String> {
        let seconds = u64::try_from(now.unix_ms()).ok()? / 1_000;
        Some(self.totp()?.generate(seconds).to_string())
    }

    /// Six digits, half a minute, SHA-1: what every telephone's program computes. HMAC asks nothing of SHA-1 that is broken
    /// (RFC 6238 section 1.2).
    fn totp(&self) -> Option<Totp> {
        Builder::new().with_secret(totp_rs::Secret::new_stack(self.0)).build().ok()
    }
}

impl fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeKey(…)")
    }
}

/// A name as a part of an address (RFC 3986 section 2.1). A colon stands between two names.
fn escape(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.chars().filter(|c| *c != ':').take(NAME_CHARACTERS_MAX).collect::<String>().bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

impl PaperCode {
    /// New ones, to be printed.
    ///
    /// # Errors
    /// [`HashError`] when the system gives no chance.
    pub fn draw(random: &dyn SecureRandom) -> Result<Vec<Self>, HashError> {
        (0..PAPER_CODES).map(|_| draw_groups(random).map(Self)).collect()
    }

    /// The code that somebody typed, however she wrote it; `None` where it cannot be one.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        let letters: Vec<char> = text.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
        (letters.len() == 16).then(|| Self(groups.join("-")))
    }

    /// The text, to be printed.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> PaperHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, self.0.as_bytes()).as_ref());
        PaperHash(hash)
    }
}

impl fmt::Debug for PaperCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PaperCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    /// RFC 6238, appendix B: the key of its examples, and the last six digits of its codes.
    const RFC_KEY: CodeKey = CodeKey(*b"12345678901234567890");

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(seconds * 1_000)
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(RFC_KEY.show(at(seconds)).as_deref(), Some(code), "{seconds}");
            let step = u64::try_from(seconds).unwrap() / 30;
            assert_eq!(RFC_KEY.check(code, CodeStep(0), at(seconds)), Some(CodeStep(step)), "{seconds}");
        }
    }

    #[test]
    fn a_code_counts_once_and_in_its_minute() {
        let check = |typed: &str, last: u64, seconds: i64| {
            RFC_KEY.check(typed, CodeStep(last), at(1_111_111_109 + seconds))
        };
        let step = 1_111_111_109 / 30;
        assert_eq!(check("081 804", 0, 0), Some(CodeStep(step)));
        assert_eq!(check("081804", step, 0), None, "it was shown before");
        assert_eq!(check("081804", step + 1, 0), None, "a later one was");
        assert_eq!(check("081804", 0, 30), Some(CodeStep(step)), "a telephone may be late");
        assert_eq!(check("081804", 0, -30), Some(CodeStep(step)), "or early");
        assert_eq!((check("081804", 0, 61), check("081804", 0, -61)), (None, None));
        for typed in ["", "81804", "0818040", "08180a", "+81804", "０８１８０４", "081804\u{0}"] {
            assert_eq!(check(typed, 0, 0), None, "{typed}");
        }
        assert_eq!(RFC_KEY.check("081804", CodeStep(0), Timestamp::from_unix_ms(-1)), None);
    }

    #[test]
    fn a_key_comes_back_from_its_letters() {
        let key = CodeKey::draw(&SystemRandom::new()).unwrap();
        assert_eq!(CodeKey::parse(&key.reveal()), Some(key.clone()));
        assert_ne!(CodeKey::draw(&SystemRandom::new()).unwrap(), key);
        assert_eq!(RFC_KEY.reveal(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for wrong in ["", "GEZDGNBV", "é", "0189"] {
            assert_eq!(CodeKey::parse(wrong), None, "{wrong}");
        }
        assert!(!format!("{key:?}").contains(&key.reveal()));
    }

    #[test]
    fn an_address_says_whose_key_it_is() {
        assert_eq!(
            RFC_KEY.address("Préau: Saint-Exemple", "Mme Petit"),
            "otpauth://totp/Pr%C3%A9au%20Saint-Exemple:Mme%20Petit?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Pr%C3%A9au%20Saint-Exemple"
        );
    }

    #[test]
    fn codes_on_paper_are_typed_as_they_are_read() {
        let codes = PaperCode::draw(&SystemRandom::new()).unwrap();
        assert_eq!(codes.len(), PAPER_CODES);
        for code in &codes {
            let typed = format!(" {} ", code.reveal().to_uppercase().replace('-', " "));
            assert_eq!(PaperCode::typed(&typed).map(|code| code.hash()), Some(code.hash()));
            assert_eq!(codes.iter().filter(|other| other.hash() == code.hash()).count(), 1);
            assert!(!format!("{code:?}").contains(code.reveal()));
        }
        for wrong in ["", "081804", "abcd-abcd-abcd", "abcd-abcd-abcd-abcd-a"] {
            assert!(PaperCode::typed(wrong).is_none(), "{wrong}");
        }
    }
}
