//! What is said, as JSON. `docs/formats.md` describes each.
//!
//! A box and a hub of different ages talk to each other: fields that are not known are passed over, new ones may be missing.

use model::{Category, ReleaseArch, ReleaseVersion, Uai};
use serde::{Deserialize, Serialize};

use crate::encoded::Encoded;
use crate::library::LibraryHealth;
use crate::limits::{
    CATEGORIES_MAX, NAME_LENGTH_MAX, PROOF_HASHES_MAX, REASON_LENGTH_MAX, RELEASES_FAILED_MAX, ROOMS_MAX,
};
use crate::selftest::SelftestHealth;

/// A box begins to enrol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// The part of the code that is no secret.
    pub number: String,
    /// The box's message of the exchange.
    pub message: Encoded,
}

/// The hub takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The exchange that this is.
    pub session: Encoded,
    /// The hub's message of the exchange.
    pub message: Encoded,
    /// Whether the code is for a box that takes another one's place. Nobody has proven anything yet: it spares the code of a box that cannot,
    /// and nothing else is believed of it.
    #[serde(default)]
    pub replaces: bool,
}

/// The box proves that it has the code, and says what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The exchange.
    pub session: Encoded,
    /// An [`EnrolmentRequest`], as the text that the proof is for.
    pub request: String,
    /// The proof.
    pub proof: Encoded,
}

/// What a box says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentRequest {
    /// Its public key: a point of P-256, uncompressed (SEC 1 section 2.3.3).
    pub public_key: Encoded,
    /// The key by which its log of seals is signed, as a verifier key.
    pub log_key: String,
    /// The version of its program.
    pub version: String,
}

/// The hub proves that it made the code, and says what the box is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proved {
    /// An [`Enrolled`], as the text that the proof is for.
    pub reply: String,
    /// The proof.
    pub proof: Encoded,
}

/// What a box is from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// The box's number at the hub.
    pub box_id: u64,
    /// Its certificate, in DER.
    pub certificate: Encoded,
    /// From when to when it is good, in milliseconds since 1970.
    pub valid_ms: (i64, i64),
    /// Its school.
    pub school: School,
    /// The key by which the hub signs how far the box's log has grown, as a verifier key.
    pub witness_key: String,
    /// Whether it takes the place of the box that the school had.
    #[serde(default)]
    pub replaces: bool,
}

/// A school, as the commune knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct School {
    /// Its national identifier.
    pub uai: String,
    /// What people call it.
    pub name: String,
    /// Its rooms, as far as the commune knows them.
    #[serde(default)]
    pub rooms: Vec<String>,
}

impl School {
    /// The identifier, where all of it is what it should be.
    #[must_use]
    pub fn check(&self) -> Option<Uai> {
        let is_name = |name: &String| {
            !name.trim().is_empty()
                && name.chars().count() <= NAME_LENGTH_MAX
                && !name.chars().any(char::is_control)
        };
        let is_right = is_name(&self.name) && self.rooms.len() <= ROOMS_MAX && self.rooms.iter().all(is_name);
        self.uai.parse().ok().filter(|_| is_right)
    }
}

/// How far the hub has signed a box's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogState {
    /// How many entries it had; 0 where nothing was signed yet.
    pub size: u64,
}

/// What the log has grown into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Growth {
    /// The last checkpoint, signed by the box.
    pub note: String,
    /// The proof that it grew from what the hub has signed: hashes, in hexadecimal digits.
    pub proof: Vec<String>,
}

impl Growth {
    /// Whether it may be read at all.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.proof.len() <= PROOF_HASHES_MAX
    }
}

/// The same with the hub's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The checkpoint.
    pub note: String,
}

/// The files that the hub keeps of a box, by the hashes of all their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// In hexadecimal digits.
    pub files: Vec<String>,
    /// When each of them has to be gone, in milliseconds since 1970, in the same order.
    #[serde(default)]
    pub until_ms: Vec<i64>,
}

/// What the hub has of a box's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotState {
    /// The key of age that a snapshot is encrypted to, `age1...`: the hub's.
    pub reader: String,
    /// The hash of the last one that the box has sent, encrypted as it is; `None` where there is none.
    pub last: Option<String>,
}

/// How a box is. What it cannot tell is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The version of its program.
    pub version: String,
    /// What its clock shows, in milliseconds since 1970.
    pub now_ms: i64,
    /// How far it trusts its clock.
    pub clock: String,
    /// Since when its machine is on, in seconds.
    pub up_s: Option<u64>,
    /// Room on its disk, and all of the disk, in bytes.
    pub disk_free_bytes: Option<u64>,
    /// All of the disk.
    pub disk_bytes: Option<u64>,
    /// Memory that is free, in bytes.
    pub memory_free_bytes: Option<u64>,
    /// All of the memory.
    pub memory_bytes: Option<u64>,
    /// Its processor at the warmest, in degrees Celsius.
    #[serde(default)]
    pub temperature_c: Option<i32>,
    /// When its list of sites was put in force.
    pub list_ms: Option<i64>,
    /// Entries of its log of seals.
    pub log_size: Option<u64>,
    /// When the last of them was made.
    pub sealed_ms: Option<i64>,
    /// Sealed files that anybody could read, because no reader's key is configured: these never leave the box.
    pub plain_files: Option<u64>,
    /// Until when its certificate of the hub's is good.
    pub certificate_until_ms: Option<i64>,
    /// The number of the commune's policy by which it works; 0 where it has none.
    #[serde(default)]
    pub policy_serial: Option<u64>,
    /// How much of what the commune wants to be there of the workspace is there, and all of it; nothing where it wants nothing.
    #[serde(default)]
    pub content: Option<(u32, u32)>,
    /// Until when its certificate for names that the commune owns is good, in milliseconds since 1970; nothing where it has none.
    #[serde(default)]
    pub web_until_ms: Option<i64>,
    /// Which release of the box's system runs, and what became of others; nothing where the system is no release.
    #[serde(default)]
    pub release: Option<ReleaseHealth>,
    /// What became of the commune's part of its configuration; nothing where it has none, or is older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<ConfigurationHealth>,
    /// What the school shows of each category that its list has; nothing where the box has no list, or is older than this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<CategorySight>,
    /// What became of its last self-test; nothing where there was none, or the box is older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selftest: Option<SelftestHealth>,
    /// How it is with the files that the commune wants to be there; nothing where it wants none, or the box is older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<LibraryHealth>,
}

/// How a box is with what the commune decides of its configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationHealth {
    /// The number of what it runs with; nothing where it runs with its own alone.
    pub in_force: Option<u64>,
    /// What is not in force yet, and why: `lesson`, `restart`, `file`.
    #[serde(default)]
    pub waiting: Option<ConfigurationDelay>,
    /// What it did not take, and why, in English; [`REASON_LENGTH_MAX`](crate::limits::REASON_LENGTH_MAX) letters at most.
    #[serde(default)]
    pub refused: Option<ConfigurationDelay>,
}

/// A configuration that is not in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationDelay {
    /// Its number.
    pub number: u64,
    /// Why.
    pub why: String,
}

impl ConfigurationHealth {
    /// What may keep one from being in force: a lesson, that nobody starts the box anew, that its file cannot be written.
    pub const WAITS: [&str; 3] = ["lesson", "restart", "file"];

    /// Whether all of it is what may be shown to people.
    #[must_use]
    pub fn is_right(&self) -> bool {
        let is_reason =
            |why: &str| !why.chars().any(char::is_control) && why.chars().count() <= REASON_LENGTH_MAX;
        self.waiting.as_ref().is_none_or(|it| Self::WAITS.contains(&it.why.as_str()))
            && self.refused.as_ref().is_none_or(|it| is_reason(&it.why))
    }
}

/// How a box is with releases of its system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseHealth {
    /// The version that runs.
    pub running: String,
    /// What kind of machine it is ([`model::ReleaseArch::as_str`]); nothing from a box that is older than this, which is a PC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// Since when, in milliseconds since 1970; nothing where the box does not know.
    pub since_ms: Option<i64>,
    /// The version that is here whole, and waits for the night.
    pub waiting: Option<String>,
    /// Why the one that it is to have is not here: `no-room`, `damaged`.
    pub trouble: Option<String>,
    /// Those that were started here and failed, the last first; [`RELEASES_FAILED_MAX`](crate::limits::RELEASES_FAILED_MAX) at most.
    #[serde(default)]
    pub failed: Vec<ReleaseFailure>,
}

/// A release that failed on a box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseFailure {
    /// Its version.
    pub version: String,
    /// When, in milliseconds since 1970; 0 where the box's clock was not set.
    pub at_ms: i64,
    /// Why, as the box's system tells it; [`REASON_LENGTH_MAX`](crate::limits::REASON_LENGTH_MAX) letters at most.
    pub why: String,
}

impl ReleaseHealth {
    /// Whether all of it is what may be shown to people.
    #[must_use]
    pub fn is_right(&self) -> bool {
        let is_version = |text: &str| text.parse::<ReleaseVersion>().is_ok();
        let is_text = |text: &str| !text.chars().any(char::is_control);
        is_version(&self.running)
            && self.arch.as_deref().is_none_or(|word| ReleaseArch::find(word).is_some())
            && self.waiting.as_deref().is_none_or(is_version)
            && self.trouble.as_deref().is_none_or(|word| ["no-room", "damaged"].contains(&word))
            && self.failed.len() <= RELEASES_FAILED_MAX
            && self.failed.iter().all(|it| {
                is_version(&it.version) && is_text(&it.why) && it.why.chars().count() <= REASON_LENGTH_MAX
            })
    }

    /// The kind of machine that it is.
    #[must_use]
    pub fn arch(&self) -> ReleaseArch {
        self.arch.as_deref().and_then(ReleaseArch::find).unwrap_or_default()
    }

    /// What failed of it last, where that is newer than what runs: nothing else will come in its place by itself.
    #[must_use]
    pub fn failure(&self) -> Option<&ReleaseFailure> {
        let running: ReleaseVersion = self.running.parse().ok()?;
        self.failed
            .iter()
            .find(|it| it.version.parse::<ReleaseVersion>().is_ok_and(|version| version > running))
    }
}

/// What a school shows of a category. Nobody's accesses are in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategorySight {
    /// The category.
    pub category: String,
    /// How many registered devices have a profile that shows it.
    pub devices: u32,
    /// How many rules of the school or of a teacher open something of it.
    pub rules: u32,
    /// How many names of the school's workspace (ENT) a lock would close: the category lists them, and nothing opens them all the same. Nothing where the
    /// box is older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<u32>,
    /// What else the list calls it; [`CATEGORIES_MAX`] names at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

impl CategorySight {
    /// Whether the list calls the category so.
    #[must_use]
    pub fn has_name(&self, name: &str) -> bool {
        self.category == name || self.aliases.iter().any(|alias| alias == name)
    }

    fn is_right(&self) -> bool {
        let is_category = |name: &String| name.parse::<Category>().is_ok();
        is_category(&self.category)
            && self.aliases.len() <= CATEGORIES_MAX
            && self.aliases.iter().all(is_category)
    }
}

impl Health {
    /// What the school shows of categories, where that can be true; nothing otherwise.
    #[must_use]
    pub fn categories(&self) -> &[CategorySight] {
        let is_right =
            self.categories.len() <= CATEGORIES_MAX && self.categories.iter().all(CategorySight::is_right);
        if is_right { &self.categories } else { &[] }
    }
}

/// What a hub does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "refusal")]
pub enum Refusal {
    /// No such code, or its secret is another one.
    #[error(
        "the code is wrong, or somebody stands between the box and the hub. Have it read out again; after three wrong tries it \
         is worth nothing any more"
    )]
    WrongCode,
    /// It was made too long ago.
    #[error("the code is too old: ask the commune for a new one")]
    ExpiredCode,
    /// A box enrolled by it.
    #[error("the code was used already, or another one was made since: ask the commune for a new one")]
    UsedCode,
    /// It was tried too often.
    #[error(
        "the code was tried three times, and wrong: it is worth nothing any more. Ask the commune for a new one"
    )]
    BurntCode,
    /// Too many tries from one address, or too many at a time.
    #[error("too many tries: wait for a minute")]
    TooOften,
    /// The box is not known by its certificate.
    #[error("the hub does not know this box: enrol it (preau enrol)")]
    UnknownBox,
    /// Somebody has said that the box is none any more.
    #[error("the hub has revoked this box: it was replaced, or somebody has reported it stolen")]
    RevokedBox,
    /// What was sent is nothing that the hub understands.
    #[error("the hub does not understand the box: one of them may be much older than the other")]
    Malformed,
    /// The log did not grow from what it was.
    #[error("the hub does not sign the log of seals: it is not what it was. Somebody has to look at the box")]
    Fork,
    /// What has arrived of a file is of another length.
    #[error("what has arrived of the file is of another length")]
    WrongOffset,
    /// All of a file has arrived, and it is not that file.
    #[error("the file did not arrive as it was sent")]
    WrongHash,
    /// There is no state that the box could take over, or it is not the one that may.
    #[error("the hub has no state of this school that this box may take over")]
    NoState,
    /// The hub has no such file of a release, or no more: it was withdrawn.
    #[error("the hub has this release of the system no more")]
    NoRelease,
    /// The hub has no such file for this school, or no more: it was taken back.
    #[error("the hub has this file no more")]
    NoFile,
    /// It is too long, or there are too many.
    #[error("the hub keeps no more of this box")]
    TooMuch,
    /// The hub's disk or its register fails.
    #[error("the hub cannot do it now: its disk may be full")]
    Broken,
}

/// Reads a message; `None` where it is none.
#[must_use]
pub fn read_json<'t, T: Deserialize<'t>>(bytes: &'t [u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_kept<T: Serialize + for<'t> Deserialize<'t>>(line: &str) -> bool {
        read_json::<T>(line.as_bytes()).is_some_and(|read| serde_json::to_string(&read).unwrap() == line)
    }

    #[test]
    fn the_golden_file_is_read_and_written_back() {
        let golden = include_str!("../testdata/messages-v1.jsonl");
        let kept: [fn(&str) -> bool; 17] = [
            is_kept::<Begin>,
            is_kept::<Begun>,
            is_kept::<Proof>,
            is_kept::<EnrolmentRequest>,
            is_kept::<Proved>,
            is_kept::<Enrolled>,
            is_kept::<LogState>,
            is_kept::<Growth>,
            is_kept::<Signed>,
            is_kept::<Kept>,
            is_kept::<Health>,
            is_kept::<Refusal>,
            is_kept::<SnapshotState>,
            is_kept::<crate::SchoolRequests>,
            is_kept::<crate::Tide>,
            is_kept::<crate::WebState>,
            is_kept::<crate::WebRequest>,
        ];
        assert_eq!(golden.lines().count(), kept.len());
        for (line, is_kept) in golden.lines().zip(kept) {
            assert!(is_kept(line), "{line}");
        }
    }

    #[test]
    fn refusals_have_names_that_stay() {
        let check = |refusal: Refusal, expected: &str| {
            let text = serde_json::to_string(&refusal).unwrap();
            assert_eq!(text, format!("{{\"refusal\":\"{expected}\"}}"));
            assert_eq!(read_json::<Refusal>(text.as_bytes()), Some(refusal));
        };
        check(Refusal::WrongCode, "wrong-code");
        check(Refusal::RevokedBox, "revoked-box");
        check(Refusal::TooMuch, "too-much");
    }

    #[test]
    fn what_failed_counts_while_it_is_newer_than_what_runs() {
        let failed = |version: &str| ReleaseFailure {
            version: version.to_owned(),
            at_ms: 5,
            why: "preau-health: DNS does not answer".to_owned(),
        };
        let health = |running: &str, failed: Vec<ReleaseFailure>| ReleaseHealth {
            running: running.to_owned(),
            failed,
            ..ReleaseHealth::default()
        };
        let known = health("1.4.0", vec![failed("1.10.0"), failed("1.3.0")]);
        assert!(known.is_right());
        assert_eq!(known.failure().unwrap().version, "1.10.0");
        assert_eq!(health("1.10.1", known.failed.clone()).failure(), None);
        let long = ReleaseFailure { why: "x".repeat(REASON_LENGTH_MAX + 1), ..failed("1.5.0") };
        let torn = ReleaseFailure { why: "a\u{1b}[2J".to_owned(), ..failed("1.5.0") };
        for wrong in [
            health("<b>", vec![]),
            health("1.4.0", vec![long]),
            health("1.4.0", vec![torn]),
            health("1.4.0", vec![failed("1.5.0"); RELEASES_FAILED_MAX + 1]),
            ReleaseHealth { waiting: Some("..".to_owned()), ..health("1.4.0", vec![]) },
            ReleaseHealth { trouble: Some("other".to_owned()), ..health("1.4.0", vec![]) },
            ReleaseHealth { arch: Some("riscv64".to_owned()), ..health("1.4.0", vec![]) },
        ] {
            assert!(!wrong.is_right(), "{wrong:?}");
        }
    }

    #[test]
    fn what_a_box_tells_of_its_configuration_is_what_people_may_read() {
        let waits = |why: &str| ConfigurationHealth {
            waiting: Some(ConfigurationDelay { number: 3, why: why.to_owned() }),
            ..ConfigurationHealth::default()
        };
        let refused = |why: &str| ConfigurationHealth {
            refused: Some(ConfigurationDelay { number: 3, why: why.to_owned() }),
            ..ConfigurationHealth::default()
        };
        for right in [waits("lesson"), waits("restart"), waits("file"), refused("3:1: no profile `é`")] {
            assert!(right.is_right(), "{right:?}");
        }
        let long = "x".repeat(REASON_LENGTH_MAX + 1);
        for wrong in [waits("<b>"), refused("a\u{1b}[2J"), refused("a\nb"), refused(&long)] {
            assert!(!wrong.is_right(), "{wrong:?}");
        }
    }

    #[test]
    fn a_school_is_what_it_should_be() {
        let school = |uai: &str, name: &str, rooms: &[&str]| School {
            uai: uai.to_owned(),
            name: name.to_owned(),
            rooms: rooms.iter().map(|room| (*room).to_owned()).collect(),
        };
        assert!(school("0750655E", "École Jules-Ferry", &["CM2", "CP"]).check().is_some());
        assert!(school("0750655F", "École Jules-Ferry", &[]).check().is_none());
        assert!(school("0750655E", "  ", &[]).check().is_none());
        assert!(school("0750655E", "École\nJules-Ferry", &[]).check().is_none());
        assert!(school("0750655E", "École", &[""; 1]).check().is_none());
        assert!(school("0750655E", "École", &["a"; ROOMS_MAX + 1]).check().is_none());
    }

    #[test]
    fn categories_are_believed_where_they_can_be_some() {
        let tell =
            |categories: Vec<CategorySight>| Health { categories, ..Health::default() }.categories().len();
        let sight = |name: &str| CategorySight {
            category: name.to_owned(),
            devices: 12,
            rules: 1,
            ..CategorySight::default()
        };
        assert_eq!(tell(vec![sight("adult"), sight("liste_bu")]), 2);
        assert_eq!(tell(vec![sight("adult"), sight("<b>")]), 0);
        assert_eq!(tell(vec![sight("adult"); CATEGORIES_MAX + 1]), 0);
        let named = |aliases: &[&str]| CategorySight {
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            ..sight("adult")
        };
        assert_eq!(tell(vec![named(&["porn", "sexe"])]), 1);
        assert_eq!(tell(vec![named(&["porn", "<b>"])]), 0);
        assert_eq!(tell(vec![named(&["porn"; CATEGORIES_MAX + 1])]), 0);
        assert!(named(&["porn"]).has_name("porn") && named(&["porn"]).has_name("adult"));
        assert!(!named(&["porn"]).has_name("games"));
        // An older box tells of neither.
        let old: CategorySight = read_json(b"{\"category\":\"adult\",\"devices\":0,\"rules\":0}").unwrap();
        assert_eq!((old.workspace, old.aliases.len()), (None, 0));
    }

    #[test]
    fn a_newer_side_may_say_more() {
        let state: LogState = read_json(b"{\"size\":3,\"colour\":\"green\"}").unwrap();
        assert_eq!(state.size, 3);
        assert_eq!(
            read_json::<Health>(b"{\"version\":\"9\",\"now_ms\":0,\"clock\":\"unset\"}").unwrap().list_ms,
            None
        );
        assert_eq!(read_json::<LogState>(b"{\"size\":-1}"), None);
        assert_eq!(read_json::<Begin>(b"{\"number\":\"ABCD\",\"message\":\"***\"}"), None);
    }
}
