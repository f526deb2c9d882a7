//! Secrets: what people type to sign in.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use model::Role;
use ring::rand::SecureRandom;

/// Memory of a hash, in KiB, passes over it, and lanes: the least that OWASP advises for argon2id (Password Storage
/// Cheat Sheet). A small box takes a tenth of a second for one, and 19 MiB, one at a time.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Bytes of chance that two equal secrets differ by (RFC 9106 section 3.1).
const SALT_BYTES: usize = 16;

/// Shortest PIN, in digits. A class that guesses has a few guesses a day.
const PIN_DIGITS_MIN: usize = 6;
/// Shortest password of a teacher, in characters.
const TEACHER_CHARACTERS_MIN: usize = 8;
/// Shortest password of those who decide for the whole school, in characters.
const DIRECTING_CHARACTERS_MIN: usize = 12;
/// Longest secret, in bytes: whoever sends more does not type it.
const SECRET_BYTES_MAX: usize = 256;
/// Fewest different characters: `111111` and `121212` are what a class tries first.
const DIFFERENT_MIN: usize = 3;

/// Digits of a teacher's first PIN.
const FIRST_PIN_DIGITS: usize = 8;
/// Groups of four characters in the first password of the others: 80 bits.
const FIRST_GROUPS: usize = 4;
/// 32 characters that nobody takes for one another on paper: without `i`, `l`, `o`, `0`, `1`.
const LEGIBLE: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789-";

/// A secret as somebody typed it. Never kept, and never told by a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What is kept of a secret: a PHC string of argon2id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSecret(String);

/// Why a secret cannot be somebody's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Too short for the role.
    #[error("the secret is too short")]
    Short,
    /// Longer than anybody types.
    #[error("the secret is too long")]
    Long,
    /// Few different characters, or digits in a row: what is tried first.
    #[error("the secret is what anybody would try first")]
    Simple,
}

/// A secret could not be hashed: the system gives no chance or no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret cannot be hashed")]
pub struct HashError;

impl Secret {
    /// What somebody typed, to be compared with what is kept.
    ///
    /// # Errors
    /// [`SecretError::Long`].
    pub fn typed(text: &str) -> Result<Self, SecretError> {
        // A PIN of the card is printed in groups, and typed as it is read.
        let is_pin = text.chars().all(|c| c.is_ascii_digit() || c.is_whitespace());
        let text = if is_pin { text.split_whitespace().collect() } else { text.trim().to_owned() };
        if text.len() > SECRET_BYTES_MAX { Err(SecretError::Long) } else { Ok(Self(text)) }
    }

    /// A secret that somebody chooses.
    ///
    /// # Errors
    /// [`SecretError`] when the role wants a better one.
    pub fn chosen(text: &str, role: Role) -> Result<Self, SecretError> {
        let secret = Self::typed(text)?;
        let is_pin = secret.0.bytes().all(|byte| byte.is_ascii_digit());
        let least = match role {
            Role::Teacher if is_pin => PIN_DIGITS_MIN,
            Role::Teacher => TEACHER_CHARACTERS_MIN,
            Role::Head | Role::Technician | Role::Officer => DIRECTING_CHARACTERS_MIN,
        };
        if secret.0.chars().count() < least {
            return Err(SecretError::Short);
        }
        if is_simple(&secret.0) { Err(SecretError::Simple) } else { Ok(secret) }
    }

    /// Hashes it with new salt. Takes a tenth of a second, and 19 MiB.
    ///
    /// # Errors
    /// [`HashError`].
    pub fn hash(&self, random: &dyn SecureRandom) -> Result<StoredSecret, HashError> {
        let mut salt = [0; SALT_BYTES];
        random.fill(&mut salt).map_err(|_| HashError)?;
        let hash: PasswordHash =
            hasher()?.hash_password_with_salt(self.0.as_bytes(), &salt).map_err(|_| HashError)?;
        Ok(StoredSecret(hash.to_string()))
    }

    /// Compares it with what is kept; with `None`, where there is nobody of that name, it takes as long and is wrong.
    ///
    /// # Errors
    /// [`HashError`].
    pub fn matches(&self, stored: Option<&StoredSecret>) -> Result<bool, HashError> {
        let hasher = hasher()?;
        let Some(stored) = stored else {
            let salt = [0; SALT_BYTES];
            let _spent: PasswordHash =
                hasher.hash_password_with_salt(self.0.as_bytes(), &salt).map_err(|_| HashError)?;
            return Ok(false);
        };
        let hash = PasswordHash::new(&stored.0).map_err(|_| HashError)?;
        Ok(hasher.verify_password(self.0.as_bytes(), &hash).is_ok())
    }

    /// The text, to be printed on a card.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl StoredSecret {
    /// What the store has.
    #[must_use]
    pub fn from_phc(text: String) -> Self {
        Self(text)
    }

    /// The PHC string.
    #[must_use]
    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

fn hasher() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| HashError)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Whether it has few different characters, or each follows the one before: `123456`, `fedcba`.
fn is_simple(text: &str) -> bool {
    let characters: Vec<char> = text.to_lowercase().chars().collect();
    let mut different = characters.clone();
    different.sort_unstable();
    different.dedup();
    let steps = || {
        characters
            .iter()
            .zip(characters.iter().skip(1))
            .map(|(a, b)| i64::from(u32::from(*b)) - i64::from(u32::from(*a)))
    };
    let is_row = |step: i64| steps().all(|it| it == step);
    different.len() < DIFFERENT_MIN || is_row(1) || is_row(-1)
}

/// The secret of a printed card, for the first sign-in: a PIN for a teacher, a password for the others.
///
/// # Errors
/// [`HashError`] when the system gives no chance.
pub fn draw_first_secret(role: Role, random: &dyn SecureRandom) -> Result<Secret, HashError> {
    loop {
        let text = match role {
            Role::Teacher => draw_digits(random)?,
            Role::Head | Role::Technician | Role::Officer => draw_groups(random)?,
        };
        if let Ok(secret) = Secret::chosen(&text, role) {
            return Ok(secret);
        }
    }
}

fn draw_digits(random: &dyn SecureRandom) -> Result<String, HashError> {
    let mut digits = String::new();
    while digits.len() < FIRST_PIN_DIGITS {
        let mut byte = [0];
        random.fill(&mut byte).map_err(|_| HashError)?;
        // 250 is the largest multiple of ten: each digit is as likely as any other.
        let [byte] = byte;
        if byte < 250 {
            digits.push(char::from(b'0' + byte % 10));
        }
    }
    Ok(digits)
}

pub(crate) fn draw_groups(random: &dyn SecureRandom) -> Result<String, HashError> {
    let mut groups = Vec::new();
    for _ in 0..FIRST_GROUPS {
        let mut group = String::new();
        while group.len() < 4 {
            let mut byte = [0];
            random.fill(&mut byte).map_err(|_| HashError)?;
            let [byte] = byte;
            let character = LEGIBLE.get(usize::from(byte % 32)).copied().unwrap_or(b'-');
            if character != b'-' {
                group.push(char::from(character));
            }
        }
        groups.push(group);
    }
    Ok(groups.join("-"))
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    #[test]
    fn own_secrets_are_as_good_as_the_role_wants() {
        let check = |role: Role, text: &str, expected: Result<(), SecretError>| {
            assert_eq!(Secret::chosen(text, role).map(drop), expected, "{role} {text}");
        };
        check(Role::Teacher, "402817", Ok(()));
        check(Role::Teacher, "4028 17", Ok(()));
        check(Role::Teacher, "40281", Err(SecretError::Short));
        check(Role::Teacher, "111111", Err(SecretError::Simple));
        check(Role::Teacher, "121212", Err(SecretError::Simple));
        check(Role::Teacher, "123456", Err(SecretError::Simple));
        check(Role::Teacher, "987654", Err(SecretError::Simple));
        check(Role::Teacher, "ardoise", Err(SecretError::Short));
        check(Role::Teacher, "ardoises", Ok(()));
        check(Role::Teacher, "abcdefgh", Err(SecretError::Simple));
        check(Role::Head, "402817402817", Ok(()));
        check(Role::Head, "trois chats", Err(SecretError::Short));
        check(Role::Head, "trois chats gris", Ok(()));
        check(Role::Technician, "40281740281", Err(SecretError::Short));
        check(Role::Technician, &"é".repeat(129), Err(SecretError::Long));
        check(Role::Teacher, "", Err(SecretError::Short));
    }

    #[test]
    fn a_secret_matches_its_own_hash_and_nothing_else() {
        let random = SystemRandom::new();
        let secret = Secret::typed("402817").unwrap();
        let stored = secret.hash(&random).unwrap();
        assert!(stored.as_phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored:?}");
        assert_ne!(secret.hash(&random).unwrap(), stored, "each has its salt");
        assert_eq!(secret.matches(Some(&stored)), Ok(true));
        assert_eq!(Secret::typed(" 40 28 17 ").unwrap().matches(Some(&stored)), Ok(true));
        assert_eq!(Secret::typed("402818").unwrap().matches(Some(&stored)), Ok(false));
        assert_eq!(secret.matches(None), Ok(false));
        assert_eq!(secret.matches(Some(&StoredSecret::from_phc("402817".to_owned()))), Err(HashError));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn first_secrets_are_fit_and_different() {
        let random = SystemRandom::new();
        for role in Role::ALL {
            let drawn = [(); 50].map(|()| draw_first_secret(role, &random).unwrap());
            for secret in &drawn {
                assert_eq!(Secret::chosen(secret.reveal(), role).as_ref(), Ok(secret));
                assert_eq!(drawn.iter().filter(|other| *other == secret).count(), 1);
            }
        }
        assert_eq!(draw_first_secret(Role::Teacher, &random).unwrap().reveal().len(), 8);
        assert_eq!(draw_first_secret(Role::Head, &random).unwrap().reveal().len(), 19);
    }
}
