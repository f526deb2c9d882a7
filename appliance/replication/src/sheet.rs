//! What the commune says to one school: a document that the hub signs, of which each has a higher number than the one before.
//!
//! ```text
//! PREAU SCHOOL 1
//! {"serial":1795392000,"school":"0750655E","rules":[...],"answers":[...],"content":[...],"notices":[...],"release":{...},"configuration":{...},"files":[...]}
//!
//! — signature of the hub, as under the commune's policy
//! ```
//!
//! The whole of it stands in each, as in the policy; but no school reads what another one is told.

use model::{
    Answered, DomainName, Motive, PersonName, PreparationTitle, Release, ReleaseArch, ReleaseFile, Rule,
    Timestamp, Uai, Verdict, WorkspacePlace,
};
use serde::{Deserialize, Serialize};

use crate::document;
use crate::library::SheetFile;
use crate::limits::CONFIGURATION_BYTES_MAX;
use crate::policy::{CommuneRule, RULES_MAX, SERIAL_MAX};

/// The first line: what it is, and in which version.
const FIRST_LINE: &str = "PREAU SCHOOL 1";
/// Most answers of a sheet: the last ones of a month.
pub const ANSWERS_MAX: usize = 100;
/// Most places of a workspace that a school is to have: as many as a week of lessons of a large one.
pub const CONTENT_MAX: usize = 200;
/// Most notices: what nobody reads any more is taken back.
pub const NOTICES_MAX: usize = 10;
/// Most letters of a notice.
pub const NOTICE_LENGTH_MAX: usize = 500;

/// What the commune says to one school.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchoolSheet {
    /// Its number. A box takes none that is not higher than the one it has.
    pub serial: u64,
    /// The school's national identifier: a box takes no other school's.
    pub school: String,
    /// Rules for this school alone.
    pub rules: Vec<CommuneRule>,
    /// What was answered to its requests.
    #[serde(default)]
    pub answers: Vec<SheetAnswer>,
    /// What it is to have of its workspace (ENT).
    #[serde(default)]
    pub content: Vec<SheetContent>,
    /// What its people are to read: of the program, of a night without a hub.
    #[serde(default)]
    pub notices: Vec<SheetNotice>,
    /// The release of the box's system that it is to have. What a box believes one by is the release's own signature, and not this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<SheetRelease>,
    /// The same for a box of ARM64: the hub does not ask which kind of machine a school has, and a fresh one has not told it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_arm64: Option<SheetRelease>,
    /// What the commune decides of the configuration of the school's box; nothing where it has never said anything of it. The box judges it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<SheetConfiguration>,
    /// Files for its pupils that it is to have from the hub.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<SheetFile>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetAnswer {
    /// The site.
    pub site: String,
    /// When it was asked for, by the box's own clock: site and moment tell one request from another.
    pub asked_ms: i64,
    /// `all`: a rule of all schools does it; `school`: one of this school; `no`: it stays as it is.
    pub answer: String,
    /// Who answered.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When.
    pub answered_ms: i64,
}

/// Something of the workspace that shall be here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetContent {
    /// Its address.
    pub url: String,
    /// What people call it.
    pub title: String,
    /// Up to when, in milliseconds since 1970.
    pub until_ms: i64,
}

/// Something that people of a school are to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetNotice {
    /// Since when, in milliseconds since 1970.
    pub made_ms: i64,
    /// Who says so.
    pub author: String,
    /// What.
    pub text: String,
}

/// A release of the box's system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetRelease {
    /// Its version.
    pub version: String,
    /// Its files.
    pub files: Vec<SheetReleaseFile>,
}

/// What a sheet has for a release is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what the sheet has for a release of the system is none for such a machine")]
pub struct NoRelease;

/// A part of a box's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetConfiguration {
    /// Its number: that of the sheet by which it was said first.
    pub number: u64,
    /// The tables, as in a box's own file; an empty text takes back what was said before.
    pub text: String,
}

/// A file of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetReleaseFile {
    /// What it is called.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// Its SHA-256, in small hexadecimal digits.
    pub sha256: String,
}

/// The document, with the signature.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedSheet {
    /// A signed note; `None` where the commune has never said anything to this school.
    pub note: Option<String>,
}

impl SchoolSheet {
    /// The text that is signed.
    #[must_use]
    pub fn write(&self) -> String {
        document::write(FIRST_LINE, self)
    }

    /// Reads a text whose signature is right; `None` where it is no sheet, or has something that cannot be.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let sheet: Self = document::read(FIRST_LINE, text)?;
        sheet.is_right().then_some(sheet)
    }

    fn is_right(&self) -> bool {
        self.serial <= SERIAL_MAX
            && self.rules.len() <= RULES_MAX
            && self.answers.len() <= ANSWERS_MAX
            && self.content.len() <= CONTENT_MAX
            && self.notices.len() <= NOTICES_MAX
            && self.school.parse::<Uai>().is_ok()
            && self.rules().is_some()
            && self.answers.iter().all(|answer| answer.read().is_some())
            && self.content.iter().all(|content| content.read().is_some())
            && self.notices.iter().all(SheetNotice::is_right)
            && ReleaseArch::ALL.into_iter().all(|arch| self.release_for(arch).is_ok())
            && self.configuration.as_ref().is_none_or(SheetConfiguration::is_right)
            && SheetFile::read_all(&self.files).is_some()
    }

    /// The release that a box of this kind is to have.
    ///
    /// # Errors
    /// What stands there is none, or is for another kind of machine.
    pub fn release_for(&self, arch: ReleaseArch) -> Result<Option<Release>, NoRelease> {
        let told = match arch {
            ReleaseArch::X86_64 => &self.release,
            ReleaseArch::Arm64 => &self.release_arm64,
        };
        let read =
            |told: &SheetRelease| told.read().filter(|release| release.arch() == arch).ok_or(NoRelease);
        told.as_ref().map(read).transpose()
    }

    /// The rules as the filter takes them; `None` where one is none.
    #[must_use]
    pub fn rules(&self) -> Option<Vec<Rule>> {
        self.rules.iter().map(CommuneRule::read).collect()
    }
}

impl SheetAnswer {
    /// The site, the answer, who answered and why; `None` where one is none.
    #[must_use]
    pub fn read(&self) -> Option<(DomainName, Answered, PersonName, Motive)> {
        let (site, author, reason) =
            (self.site.parse().ok()?, self.author.parse().ok()?, self.reason.parse().ok()?);
        Some((site, Answered::find(&self.answer)?, author, reason))
    }
}

impl SheetContent {
    /// Where it is, what it is called, up to when it is wanted; `None` where one is none.
    #[must_use]
    pub fn read(&self) -> Option<(WorkspacePlace, PreparationTitle, Timestamp)> {
        Some((self.url.parse().ok()?, self.title.parse().ok()?, Timestamp::from_unix_ms(self.until_ms)))
    }
}

impl SheetNotice {
    /// Whether people can read it.
    #[must_use]
    pub fn is_right(&self) -> bool {
        let is_text = |text: &str| !text.trim().is_empty() && !text.chars().any(char::is_control);
        is_text(&self.text)
            && self.text.chars().count() <= NOTICE_LENGTH_MAX
            && self.author.parse::<PersonName>().is_ok()
    }
}

impl SheetConfiguration {
    /// Whether it can be one. Whether it is, the box's own parser says.
    #[must_use]
    pub fn is_right(&self) -> bool {
        let is_text = |character: char| !character.is_control() || matches!(character, '\n' | '\t');
        (1..=SERIAL_MAX).contains(&self.number)
            && self.text.len() <= CONFIGURATION_BYTES_MAX
            && self.text.chars().all(is_text)
    }
}

impl SheetRelease {
    /// How a release is told.
    #[must_use]
    pub fn write(release: &Release) -> Self {
        let file = |ReleaseFile { name, bytes, sha256 }: &ReleaseFile| SheetReleaseFile {
            name: name.clone(),
            bytes: *bytes,
            sha256: sha256.clone(),
        };
        Self { version: release.version().to_string(), files: release.files().iter().map(file).collect() }
    }

    /// The release; `None` where it is none.
    #[must_use]
    pub fn read(&self) -> Option<Release> {
        let file = |SheetReleaseFile { name, bytes, sha256 }: &SheetReleaseFile| ReleaseFile {
            name: name.clone(),
            bytes: *bytes,
            sha256: sha256.clone(),
        };
        Release::new(self.version.parse().ok()?, self.files.iter().map(file).collect()).ok()
    }
}

/// What a school would like the commune to do about a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchoolRequest {
    /// The site.
    pub site: String,
    /// `permit`: open it; `refuse`: close it.
    pub wants: String,
    /// Who asks: somebody who teaches or directs.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Whether it did not wait for the night.
    #[serde(default)]
    pub is_urgent: bool,
    /// When, by the box's own clock.
    pub asked_ms: i64,
}

impl SchoolRequest {
    /// The site and what is wanted; `None` where one of its words is none.
    #[must_use]
    pub fn read(&self) -> Option<(DomainName, Verdict)> {
        let site: DomainName = self.site.parse().ok()?;
        let wants = Verdict::find(&self.wants)?;
        let is_right = !site.is_public_suffix()
            && self.author.parse::<PersonName>().is_ok()
            && self.reason.parse::<Motive>().is_ok();
        is_right.then_some((site, wants))
    }
}

/// What a school sends of its requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchoolRequests {
    /// All that the commune has not been told.
    pub requests: Vec<SchoolRequest>,
}

/// How far the commune has come: the numbers of the documents that a box of this school may fetch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tide {
    /// Of the commune's policy.
    pub policy: u64,
    /// Of the school's sheet.
    pub sheet: u64,
}

impl Tide {
    /// Whether there is something that `seen` has not.
    #[must_use]
    pub fn is_beyond(self, seen: Self) -> bool {
        self.policy > seen.policy || self.sheet > seen.sheet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> SchoolSheet {
        let golden = include_str!("../testdata/sheet-v1.txt");
        SchoolSheet::read(golden).unwrap()
    }

    #[test]
    fn a_sheet_is_read_as_it_was_written() {
        let golden = include_str!("../testdata/sheet-v1.txt");
        let read = sheet();
        assert_eq!(read.write(), golden);
        assert_eq!(
            (read.rules.len(), read.answers.len(), read.content.len(), read.notices.len()),
            (1, 2, 1, 1)
        );
        let release = read.release.as_ref().unwrap();
        assert_eq!(SheetRelease::write(&release.read().unwrap()), *release);
        // A school that is to have no release, and a hub that knows of none, say the same.
        let without = SchoolSheet { release: None, ..read.clone() };
        assert!(!without.write().contains("release") && SchoolSheet::read(&without.write()) == Some(without));
        let configuration =
            SheetConfiguration { number: 1, text: "[school]\nname = \"École\"\n".to_owned() };
        let with = SchoolSheet { configuration: Some(configuration), ..read.clone() };
        assert_eq!(SchoolSheet::read(&with.write()), Some(with));
        let (site, answered, author, _) = read.answers[0].read().unwrap();
        assert_eq!(
            (site.as_str(), answered, author.as_str()),
            ("musee.example", Answered::School, "Mme Noire")
        );
    }

    /// The same release for the other kind of machine.
    fn for_arm64(release: &SheetRelease) -> SheetRelease {
        let mut release = release.clone();
        for file in &mut release.files {
            file.name = file.name.replacen("preau_", "preau-arm64_", 1);
        }
        release
    }

    #[test]
    fn each_kind_of_machine_has_a_release_of_its_own() {
        let mut sheet = sheet();
        assert_eq!(sheet.release_for(ReleaseArch::Arm64), Ok(None));
        sheet.release_arm64 = sheet.release.as_ref().map(for_arm64);
        let read = SchoolSheet::read(&sheet.write()).unwrap();
        for arch in ReleaseArch::ALL {
            assert_eq!(read.release_for(arch).unwrap().unwrap().arch(), arch);
        }
        assert_eq!(SchoolSheet { release_arm64: None, ..read.clone() }.release, read.release);
    }

    #[test]
    fn what_is_no_sheet_is_not_taken() {
        let check = |change: fn(&mut SchoolSheet)| {
            let mut sheet = sheet();
            change(&mut sheet);
            assert_eq!(SchoolSheet::read(&sheet.write()), None, "{sheet:?}");
        };
        check(|sheet| sheet.school = "0750655F".to_owned());
        check(|sheet| sheet.serial = u64::MAX);
        check(|sheet| sheet.rules[0].site = "fr".to_owned());
        check(|sheet| sheet.rules = vec![sheet.rules[0].clone(); RULES_MAX + 1]);
        check(|sheet| sheet.answers[0].answer = "perhaps".to_owned());
        check(|sheet| sheet.answers = vec![sheet.answers[0].clone(); ANSWERS_MAX + 1]);
        check(|sheet| sheet.content[0].url = "https://no name/".to_owned());
        check(|sheet| sheet.content = vec![sheet.content[0].clone(); CONTENT_MAX + 1]);
        check(|sheet| sheet.notices[0].text = "a\nb".to_owned());
        check(|sheet| sheet.notices[0].text = "a".repeat(NOTICE_LENGTH_MAX + 1));
        check(|sheet| sheet.notices = vec![sheet.notices[0].clone(); NOTICES_MAX + 1]);
        check(|sheet| sheet.release.as_mut().unwrap().version = "1.4.1".to_owned());
        check(|sheet| sheet.release.as_mut().unwrap().files[0].name = "../SHA256SUMS".to_owned());
        check(|sheet| drop(sheet.release.as_mut().unwrap().files.pop()));
        // A release of one kind of machine is none for another.
        check(|sheet| sheet.release_arm64.clone_from(&sheet.release));
        check(|sheet| sheet.release = Some(for_arm64(sheet.release.as_ref().unwrap())));
        let configuration = |number, text: String| Some(SheetConfiguration { number, text });
        for (number, text) in [
            (0, String::new()),
            (u64::MAX, String::new()),
            (1, "\r".to_owned()),
            (1, "\u{1b}[2J".to_owned()),
            (1, "#".repeat(CONFIGURATION_BYTES_MAX + 1)),
        ] {
            let sheet = SchoolSheet { configuration: configuration(number, text), ..sheet() };
            assert_eq!(SchoolSheet::read(&sheet.write()), None, "{number}");
        }
        assert_eq!(SchoolSheet::read(&sheet().write().replace("SCHOOL 1", "SCHOOL 2")), None);
        // What signs is the same key: neither is taken for the other.
        assert_eq!(crate::CommunePolicy::read(&sheet().write()), None);
    }

    #[test]
    fn a_request_has_a_site_and_says_what_for() {
        let request = |site: &str, wants: &str, reason: &str| SchoolRequest {
            site: site.to_owned(),
            wants: wants.to_owned(),
            author: "Mme Martin".to_owned(),
            reason: reason.to_owned(),
            is_urgent: true,
            asked_ms: 5,
        };
        assert!(request("musee.example", "permit", "sortie").read().is_some());
        assert!(request("musee.example", "refuse", "sortie").read().is_some());
        assert!(request("musee.example", "open", "sortie").read().is_none());
        assert!(request("fr", "permit", "sortie").read().is_none());
        assert!(request("musee.example", "permit", "").read().is_none());
    }

    #[test]
    fn what_is_lower_is_nothing_new() {
        let tide = |policy, sheet| Tide { policy, sheet };
        assert!(tide(2, 0).is_beyond(tide(1, 5)) && tide(0, 6).is_beyond(tide(1, 5)));
        assert!(!tide(1, 5).is_beyond(tide(1, 5)) && !tide(0, 0).is_beyond(tide(1, 5)));
    }
}
