//! Sessions: the token that a browser shows, and how long it counts.

use std::fmt;

use model::{Role, Timestamp};
use ring::digest::{SHA256, digest};
use ring::rand::SecureRandom;

/// Bytes of chance in a token: more than anybody can guess.
const TOKEN_BYTES: usize = 32;
const HOUR_MS: u64 = 3_600_000;

/// What a browser shows to go on with its session. Never kept, and never told by a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; TOKEN_BYTES]);

impl Token {
    /// A new one; `None` when the system gives no chance.
    pub fn draw(random: &dyn SecureRandom) -> Option<Self> {
        let mut bytes = [0; TOKEN_BYTES];
        random.fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// The token that a browser shows: 64 digits of base 16.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Digits only: a number may have a sign, and one token would have several spellings.
        if text.len() != TOKEN_BYTES * 2 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; TOKEN_BYTES];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(place * 2..place * 2 + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The text that a browser keeps.
    #[must_use]
    pub fn reveal(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        let mut hash = [0; TOKEN_BYTES];
        hash.copy_from_slice(digest(&SHA256, &self.0).as_ref());
        TokenHash(hash)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The SHA-256 of a token: whoever reads the state file cannot go on with anybody's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenHash(pub [u8; TOKEN_BYTES]);

/// Whether a session that began and was used at these times counts still. A teacher's survives a lesson without a
/// touch and a day at school; those who can do more are trusted for less long. A clock that was set back ends it:
/// nobody could say when else it would end.
#[must_use]
pub fn is_alive(role: Role, began: Timestamp, used: Timestamp, now: Timestamp) -> bool {
    let (idle_ms, longest_ms) = match role {
        Role::Teacher => (HOUR_MS, 10 * HOUR_MS),
        Role::Head | Role::Technician | Role::Officer => (HOUR_MS / 2, 8 * HOUR_MS),
    };
    // A step of a few seconds is what a time server does now and then.
    let is_set_back = used.ms_since(now) > 60_000;
    !is_set_back && now.ms_since(used) < idle_ms && now.ms_since(began) < longest_ms
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    #[test]
    fn a_token_comes_back_from_its_text_and_no_other() {
        let token = Token::draw(&SystemRandom::new()).unwrap();
        let text = token.reveal();
        assert_eq!(Token::parse(&text), Some(token.clone()));
        assert_eq!(Token::parse(&text).unwrap().hash(), token.hash());
        assert_ne!(Token::draw(&SystemRandom::new()).unwrap().hash(), token.hash());
        for wrong in ["", "00", &text[1..], &format!("{text}0"), &"é".repeat(32), &"+1".repeat(32)] {
            assert_eq!(Token::parse(wrong), None, "{wrong}");
        }
        assert!(!format!("{token:?}").contains(&text[..8]));
    }

    #[test]
    fn sessions_end_when_idle_and_in_any_case() {
        let minute = |minute: i64| Timestamp::from_unix_ms(1_795_422_600_000 + minute * 60_000);
        let check = |role: Role, used: i64, now: i64, expected: bool| {
            assert_eq!(is_alive(role, minute(0), minute(used), minute(now)), expected, "{role} {used} {now}");
        };
        check(Role::Teacher, 0, 59, true);
        check(Role::Teacher, 0, 60, false);
        check(Role::Teacher, 599, 599, true);
        check(Role::Teacher, 599, 600, false);
        check(Role::Head, 0, 29, true);
        check(Role::Head, 0, 30, false);
        check(Role::Technician, 479, 480, false);
        check(Role::Head, 10, 9, true);
        check(Role::Head, 10, 8, false);
    }
}
