//! Releases of the box's system: a version, and the files that it comes in.

use std::fmt;
use std::str::FromStr;

/// Most numbers of a version.
const PARTS_MAX: usize = 6;
/// Most digits of each.
const DIGITS_MAX: usize = 9;
/// Files of a release: root, verity, the boot file, their sums, the signature of these.
pub const RELEASE_FILES: usize = 5;
/// Most bytes of a file: a slot has 512 MiB, and what does not get smaller by packing grows a little.
pub const RELEASE_FILE_BYTES_MAX: u64 = 640 << 20;
/// Most bytes of the sums and of their signature.
const SUMS_BYTES_MAX: u64 = 64 << 10;
/// The sums, and their signature: what a box's system believes a release by.
const SUMS_FILE: &str = "SHA256SUMS";
const SIGNATURE_FILE: &str = "SHA256SUMS.gpg";
/// Digits of a SHA-256.
const HASH_DIGITS: usize = 64;
/// Digits of the parts of a UUID (RFC 9562 section 4).
const UUID_DIGITS: [usize; 5] = [8, 4, 4, 4, 12];

/// A version: numbers and dots, ordered number by number, as systemd-sysupdate orders them. It has one spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseVersion(Vec<u32>);

/// Why a text is no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a version: numbers and dots, as in 1.4.0, without a zero before another digit")]
pub struct ReleaseVersionError;

impl FromStr for ReleaseVersion {
    type Err = ReleaseVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_number = |part: &str| {
            (1..=DIGITS_MAX).contains(&part.len())
                && part.bytes().all(|byte| byte.is_ascii_digit())
                && (part == "0" || !part.starts_with('0'))
        };
        let read =
            |part: &str| part.parse::<u32>().ok().filter(|_| is_number(part)).ok_or(ReleaseVersionError);
        let parts = text.split('.').take(PARTS_MAX + 1).map(read).collect::<Result<Vec<u32>, _>>()?;
        if parts.len() > PARTS_MAX { Err(ReleaseVersionError) } else { Ok(Self(parts)) }
    }
}

impl fmt::Display for ReleaseVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.0.iter().enumerate() {
            let dot = if place == 0 { "" } else { "." };
            write!(f, "{dot}{part}")?;
        }
        Ok(())
    }
}

/// A kind of machine that releases are made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReleaseArch {
    /// PCs. Their releases bear no word of it: they were there before the others.
    #[default]
    X86_64,
    /// ARM with 64 bits, and UEFI.
    Arm64,
}

impl ReleaseArch {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Arm64];
    /// The kind of machine that this program is built for.
    pub const OWN: Self = if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86_64 };

    /// Its word, which is systemd's.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86-64",
            Self::Arm64 => "arm64",
        }
    }

    /// The one of this word.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| arch.as_str() == word)
    }

    /// How the files of its releases begin (`image/build`, and the patterns of systemd-sysupdate on the box): no box knows a file of
    /// another kind by its name, and the names are signed.
    fn stem(self) -> &'static str {
        match self {
            Self::X86_64 => "preau_",
            Self::Arm64 => "preau-arm64_",
        }
    }

    /// What stands behind a version where that alone would not tell.
    fn suffix(self) -> &'static str {
        match self {
            Self::X86_64 => "",
            Self::Arm64 => "-arm64",
        }
    }
}

/// What one release is told from all others by, in writing: `1.4.0`, `1.4.0-arm64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseKey {
    /// Its version.
    pub version: ReleaseVersion,
    /// What it is for.
    pub arch: ReleaseArch,
}

impl FromStr for ReleaseKey {
    type Err = ReleaseVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut marked = ReleaseArch::ALL.into_iter().filter(|arch| !arch.suffix().is_empty());
        let found = marked.find_map(|arch| Some((text.strip_suffix(arch.suffix())?, arch)));
        let (version, arch) = found.unwrap_or((text, ReleaseArch::X86_64));
        Ok(Self { version: version.parse()?, arch })
    }
}

impl fmt::Display for ReleaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.version, self.arch.suffix())
    }
}

/// A file of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseFile {
    /// What it is called.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// Its SHA-256, in small hexadecimal digits.
    pub sha256: String,
}

/// A release whose files have the names that its version gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    key: ReleaseKey,
    files: Vec<ReleaseFile>,
}

/// Why something is no release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// A file is missing, or there are too many.
    #[error("a release has five files: root, verity, the boot file, SHA256SUMS, SHA256SUMS.gpg")]
    Files,
    /// A file that belongs to no release of this version.
    #[error("{0} is no file of this release")]
    Name(String),
    /// Files for different kinds of machine.
    #[error("{0} is for another kind of machine than the file before")]
    Arch(String),
    /// A file is empty, or too long.
    #[error("{0} is empty or too long")]
    Length(String),
    /// Its sum is none.
    #[error("the sum of {0} is none")]
    Sum(String),
}

impl Release {
    /// Of these files, in the order of their names.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub fn new(version: ReleaseVersion, mut files: Vec<ReleaseFile>) -> Result<Self, ReleaseError> {
        files.sort_by(|one, other| one.name.cmp(&other.name));
        let (mut kinds, mut known) = (Vec::new(), None);
        for ReleaseFile { name, bytes, sha256 } in &files {
            let (kind, arch) = Kind::of(&version, name).ok_or_else(|| ReleaseError::Name(name.clone()))?;
            if known.is_some() && arch.is_some() && known != arch {
                return Err(ReleaseError::Arch(name.clone()));
            }
            known = known.or(arch);
            if *bytes == 0 || *bytes > kind.bytes_max() {
                return Err(ReleaseError::Length(name.clone()));
            }
            let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            if sha256.len() != HASH_DIGITS || !sha256.bytes().all(is_digit) {
                return Err(ReleaseError::Sum(name.clone()));
            }
            kinds.push(kind);
        }
        kinds.sort_unstable();
        kinds.dedup();
        // One of each: two roots of one version would leave it to the box which one it takes.
        match known {
            Some(arch) if files.len() == RELEASE_FILES && kinds.len() == RELEASE_FILES => {
                Ok(Self { key: ReleaseKey { version, arch }, files })
            }
            Some(_) | None => Err(ReleaseError::Files),
        }
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &ReleaseVersion {
        &self.key.version
    }

    /// The kind of machine that it is for.
    #[must_use]
    pub fn arch(&self) -> ReleaseArch {
        self.key.arch
    }

    /// What tells it from all others.
    #[must_use]
    pub fn key(&self) -> &ReleaseKey {
        &self.key
    }

    /// Its files, in the order of their names.
    #[must_use]
    pub fn files(&self) -> &[ReleaseFile] {
        &self.files
    }

    /// All of them, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    /// Whether a file of a release of this version may be called so.
    #[must_use]
    pub fn has_name(version: &ReleaseVersion, name: &str) -> bool {
        Kind::of(version, name).is_some()
    }

    /// The version that the name of its boot file tells: what a folder is a release of.
    #[must_use]
    pub fn version_of(name: &str) -> Option<ReleaseVersion> {
        let stem = ReleaseArch::ALL.into_iter().find_map(|arch| name.strip_prefix(arch.stem()));
        stem?.strip_suffix(".efi")?.parse().ok()
    }
}

/// What a file of a release is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Root,
    Verity,
    Boot,
    Sums,
    Signature,
}

impl Kind {
    /// What it is, and for what kind of machine where its name tells.
    fn of(version: &ReleaseVersion, name: &str) -> Option<(Self, Option<ReleaseArch>)> {
        match name {
            SUMS_FILE => return Some((Self::Sums, None)),
            SIGNATURE_FILE => return Some((Self::Signature, None)),
            _ => {}
        }
        let begins = |arch: ReleaseArch| Some((name.strip_prefix(arch.stem())?, arch));
        let (rest, arch) = ReleaseArch::ALL.into_iter().find_map(begins)?;
        let rest = rest.strip_prefix(version.to_string().as_str())?;
        if rest == ".efi" {
            return Some((Self::Boot, Some(arch)));
        }
        let (uuid, kind) = rest.strip_prefix('_')?.split_once('.')?;
        let kind = match kind {
            "root.raw.gz" => Self::Root,
            "verity.raw.gz" => Self::Verity,
            _ => return None,
        };
        is_uuid(uuid).then_some((kind, Some(arch)))
    }

    fn bytes_max(self) -> u64 {
        match self {
            Self::Root | Self::Verity | Self::Boot => RELEASE_FILE_BYTES_MAX,
            Self::Sums | Self::Signature => SUMS_BYTES_MAX,
        }
    }
}

fn is_uuid(text: &str) -> bool {
    let is_part = |(part, digits): (&str, usize)| {
        part.len() == digits && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    text.split('-').count() == UUID_DIGITS.len() && text.split('-').zip(UUID_DIGITS).all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "0b1f6c1e-7a55-4c0b-9a86-0d6a4bb1c0de";

    fn version(text: &str) -> ReleaseVersion {
        text.parse().unwrap()
    }

    fn file(name: &str) -> ReleaseFile {
        ReleaseFile { name: name.to_owned(), bytes: 5, sha256: "0f".repeat(32) }
    }

    fn files_of(stem: &str) -> Vec<ReleaseFile> {
        let named = ["root", "verity"].map(|part| format!("{stem}_1.4.0_{UUID}.{part}.raw.gz"));
        let others = [&format!("{stem}_1.4.0.efi"), SUMS_FILE, SIGNATURE_FILE].map(str::to_owned);
        named.iter().chain(&others).map(|name| file(name)).collect()
    }

    fn files() -> Vec<ReleaseFile> {
        files_of("preau")
    }

    #[test]
    fn versions_are_ordered_number_by_number_and_have_one_spelling() {
        let ordered = ["0.1.0", "0.9", "0.10", "1", "1.0", "1.0.1", "1.4.0", "1.10.0", "20261129.1"];
        assert!(ordered.windows(2).all(|pair| version(pair[0]) < version(pair[1])));
        for text in ordered {
            assert_eq!(version(text).to_string(), text);
        }
        let strange = ["1.2-rc1", "1.2/..", "+1", "1234567890", "1.1.1.1.1.1.1", "٣"];
        for none in ["", ".", "1.", ".1", "1..2", "01.2", "1.00"].into_iter().chain(strange) {
            assert_eq!(none.parse::<ReleaseVersion>(), Err(ReleaseVersionError), "{none}");
        }
    }

    #[test]
    fn a_release_has_each_of_its_files_once() {
        let release = Release::new(version("1.4.0"), files()).unwrap();
        assert_eq!((release.bytes(), release.files().len()), (25, RELEASE_FILES));
        assert!(release.files().windows(2).all(|pair| pair[0].name < pair[1].name));
        let check = |change: fn(&mut Vec<ReleaseFile>), expected: &ReleaseError| {
            let mut files = files();
            change(&mut files);
            assert_eq!(Release::new(version("1.4.0"), files).unwrap_err(), *expected);
        };
        check(|files| drop(files.pop()), &ReleaseError::Files);
        check(Vec::clear, &ReleaseError::Files);
        check(|files| files[1] = files[0].clone(), &ReleaseError::Files);
        check(|files| files[3].bytes = 0, &ReleaseError::Length(SUMS_FILE.to_owned()));
        check(|files| files[3].bytes = SUMS_BYTES_MAX + 1, &ReleaseError::Length(SUMS_FILE.to_owned()));
        check(|files| files[3].sha256 = "0F".repeat(32), &ReleaseError::Sum(SUMS_FILE.to_owned()));
        let above = "../SHA256SUMS".to_owned();
        check(|files| files[3].name = "../SHA256SUMS".to_owned(), &ReleaseError::Name(above));
    }

    #[test]
    fn all_files_of_a_release_are_for_one_kind_of_machine_and_their_names_tell_which() {
        let (pc, arm) =
            (ReleaseArch::X86_64, Release::new(version("1.4.0"), files_of("preau-arm64")).unwrap());
        assert_eq!((arm.arch(), arm.key().to_string().as_str()), (ReleaseArch::Arm64, "1.4.0-arm64"));
        let release = Release::new(version("1.4.0"), files()).unwrap();
        assert_eq!((release.arch(), release.key().to_string().as_str()), (pc, "1.4.0"));
        for place in 0..3 {
            let mut mixed = files();
            mixed[place] = files_of("preau-arm64")[place].clone();
            let outcome = Release::new(version("1.4.0"), mixed);
            assert!(matches!(outcome, Err(ReleaseError::Arch(_))), "{outcome:?}");
        }
        assert_eq!(Release::version_of("preau-arm64_1.4.0.efi"), Some(version("1.4.0")));
        for other in ["preau-riscv64_1.4.0.efi", "preau-arm64-1.4.0.efi", "preau_arm64_1.4.0.efi"] {
            assert_eq!(Release::version_of(other), None, "{other}");
            assert!(!Release::has_name(&version("1.4.0"), other), "{other}");
        }
    }

    #[test]
    fn a_key_has_one_spelling() {
        for key in ["1.4.0", "1.4.0-arm64", "20261129.1-arm64"] {
            assert_eq!(key.parse::<ReleaseKey>().unwrap().to_string(), key);
        }
        for none in ["", "-arm64", "1.4.0-x86-64", "1.4.0-arm64-arm64", "1.4.0-riscv64", "1.4.0arm64"] {
            assert!(none.parse::<ReleaseKey>().is_err(), "{none}");
        }
        for arch in ReleaseArch::ALL {
            assert_eq!(ReleaseArch::find(arch.as_str()), Some(arch));
        }
    }

    #[test]
    fn names_are_those_of_the_version() {
        let check = |name: &str, expected: bool| {
            assert_eq!(Release::has_name(&version("1.4.0"), name), expected, "{name}");
        };
        check(&format!("preau_1.4.0_{UUID}.root.raw.gz"), true);
        check("preau_1.4.0.efi", true);
        check("SHA256SUMS.gpg", true);
        for wrong in [
            "preau_1.4.1.efi",
            "preau_1.4.0+3.efi",
            "preau_1.4.0_0.root.raw.gz",
            "preau_1.4.0_.root.raw.gz",
            "preau_1.4.0.root.raw.gz",
            "a/SHA256SUMS",
            "",
        ] {
            check(wrong, false);
        }
        check(&format!("preau_1.4.0_{UUID}.root.raw.xz"), false);
        check(&format!("preau_1.4.0_{UUID}.root.raw.gz.part"), false);
        assert_eq!(Release::version_of("preau_1.4.0.efi"), Some(version("1.4.0")));
        assert_eq!(Release::version_of("preau_1.4.0+3.efi"), None);
    }
}
