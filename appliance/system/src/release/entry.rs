//! Boot files: a name tells the version, and how often it was tried (automatic boot assessment of systemd-boot).

use model::ReleaseVersion;

/// Most digits of a counter.
const DIGITS_MAX: usize = 4;

/// The boot file of a version: `preau_1.4.0.efi` once it is blessed, `preau_1.4.0+3.efi` before its first start,
/// `preau_1.4.0+0-3.efi` after its last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) version: ReleaseVersion,
    /// `None`: it has passed its health check.
    pub(super) tries: Option<Tries>,
}

/// How often a version may still be tried, and how often it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tries {
    pub(super) left: u32,
    pub(super) done: u32,
}

impl Entry {
    /// `None` for the name of anything else.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_prefix("preau_")?.strip_suffix(".efi")?;
        let Some((version, tries)) = stem.split_once('+') else {
            return Some(Self { version: stem.parse().ok()?, tries: None });
        };
        let (left, done) = match tries.split_once('-') {
            Some((left, done)) => (count(left)?, count(done)?),
            None => (count(tries)?, 0),
        };
        Some(Self { version: version.parse().ok()?, tries: Some(Tries { left, done }) })
    }

    /// Whether the boot loader has no try left for it.
    pub(super) fn has_failed(&self) -> bool {
        self.tries.is_some_and(|tries| tries.left == 0)
    }
}

fn count(digits: &str) -> Option<u32> {
    let is_number =
        (1..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_version_and_tries() {
        let check = |name: &str, expected: Option<(&str, Option<(u32, u32)>)>| {
            let expected = expected.map(|(version, tries)| Entry {
                version: version.parse().unwrap(),
                tries: tries.map(|(left, done)| Tries { left, done }),
            });
            assert_eq!(Entry::parse(name), expected, "{name}");
        };
        check("preau_1.4.0.efi", Some(("1.4.0", None)));
        check("preau_1.4.0+3.efi", Some(("1.4.0", Some((3, 0)))));
        check("preau_1.4.0+3-0.efi", Some(("1.4.0", Some((3, 0)))));
        check("preau_1.4.0+0-3.efi", Some(("1.4.0", Some((0, 3)))));
        check("preau_20261129.1+2-1.efi", Some(("20261129.1", Some((2, 1)))));
        for none in [
            "preau_1.4.0+.efi",
            "preau_1.4.0+3-.efi",
            "preau_1.4.0+-3.efi",
            "preau_1.4.0++3.efi",
            "preau_1.4.0+3-0-1.efi",
            "preau_1.4.0+12345.efi",
            "preau_1.4.0+3.efi.part",
            "preau_1.4.0-rc1.efi",
            "preau_.efi",
            "preau_1.4.0",
            "debian_1.4.0.efi",
            "PREAU_1.4.0.EFI",
        ] {
            check(none, None);
        }
    }
}
