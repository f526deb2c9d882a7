//! Who works at the hub's pages: how somebody signs in, with what, and what is written down of it.
//!
//! Invariant: nobody gets further than her own secret and her own telephone before both are there; what she does is in the register of
//! acts before it is done.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use model::{PersonName, Role, Timestamp};
use people::{CodeKey, PaperCode, Secret, SecretError, StoredSecret, Token, TokenHash, Watch, is_alive};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;

use crate::pace::network_of;
use crate::register::RegisterError;
use crate::register::history::{Channel, History};
use crate::register::people::{Act, Count, Credentials, Member, Staff};

/// How much is trusted to those who decide for a whole commune: as long a secret, and as short a session, as a head's.
const TRUSTED_AS: Role = Role::Technician;
/// Secrets that wait to be compared: each takes a tenth of a second, and 19 MiB.
const WAITING_MAX: u32 = 4;
/// How exactly it is kept when a session was used last: nobody's session ends for it, and a page is not a write.
const USE_MS: u64 = 60_000;

/// What the hub's pages are told by its configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose hub it is.
    pub commune: String,
    /// By which clock the commune lives.
    pub timezone: TimeZone,
    /// Where the pages are, for letters.
    pub url: Option<String>,
    /// After how many nights without its box a school is red.
    pub nights: u32,
    /// The SHA-256 of what a program shows that asks for the metrics; without it nobody gets them.
    pub metrics: Option<[u8; 32]>,
    /// By what people are told of schools.
    pub channels: Vec<Channel>,
    /// Who vouches for the hub: a certificate in DER.
    pub authority_der: Vec<u8>,
}

/// The office.
pub struct Office {
    /// The people.
    pub staff: Arc<dyn Staff>,
    /// How schools were.
    pub history: Arc<dyn History>,
    /// What it is told.
    pub settings: Settings,
    comparing: Mutex<()>,
    waiting: AtomicU32,
}

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Name, secret or code are wrong: it is not said which.
    Wrong,
    /// So many seconds are to be waited for.
    Wait(u64),
    /// Many sign in at this moment.
    Busy,
    /// A field is missing, or cannot be read.
    Field,
    /// It is somebody else's duty.
    Denied,
    /// There is no such thing.
    Unknown,
    /// The secret is too short.
    Short,
    /// It is too long.
    Long,
    /// Anybody would try it first.
    Simple,
    /// It is the one before, or was typed in two ways.
    Same,
    /// The telephone's code is wrong.
    Code,
    /// The school has a box.
    HasBox,
    /// A rule cannot be one.
    Rule,
    /// A rule of all schools says the contrary.
    Contrary,
    /// There are too many.
    TooMany,
    /// Somebody else was quicker.
    Race,
    /// The register fails.
    Unavailable,
}

/// What somebody typed.
pub(crate) struct Typed<'t> {
    pub(crate) name: &'t str,
    pub(crate) secret: &'t str,
    pub(crate) code: &'t str,
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) member: Member,
    pub(crate) network: String,
    token: TokenHash,
}

impl From<RegisterError> for Trouble {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::NoSchool(_) => Self::Unknown,
            RegisterError::HasBox(_) => Self::HasBox,
            RegisterError::Taken => Self::TooMany,
            RegisterError::Spent => Self::Race,
            RegisterError::Engine(error) => {
                tracing::error!(error = &*error, "the register cannot be read or written");
                Self::Unavailable
            }
        }
    }
}

impl Office {
    /// With these people.
    #[must_use]
    pub fn new(staff: Arc<dyn Staff>, history: Arc<dyn History>, settings: Settings) -> Self {
        Self { staff, history, settings, comparing: Mutex::default(), waiting: AtomicU32::new(0) }
    }

    /// Begins a session; the text of its token.
    pub(crate) fn sign_in(&self, from: IpAddr, typed: &Typed<'_>, now: Timestamp) -> Result<String, Trouble> {
        let name: PersonName = typed.name.parse().map_err(|_| Trouble::Wrong)?;
        let secret = Secret::typed(typed.secret).map_err(|_| Trouble::Wrong)?;
        let network = network_of(from).to_string();
        let counts = self.counts(&name, &network)?;
        let found = self.staff.find_member(&name)?.filter(|found| found.member.disabled.is_none());
        let is_right = self.compare(&secret, found.as_ref().map(|found| &found.secret), &counts, now)?;
        let by = match &found {
            Some(found) if is_right => self.second(found, typed.code, now)?,
            Some(_) | None => None,
        };
        let (Some(found), Some(deed)) = (&found, by) else {
            self.staff.add_failure(&counts, now)?;
            if let Some(found) = &found {
                self.note(&found.member, &network, "sign-in-failed", "", now)?;
            }
            return Err(Trouble::Wrong);
        };
        self.note(&found.member, &network, deed, "", now)?;
        let own: Vec<&str> = counts
            .iter()
            .filter(|count| count.watch != Watch::Device)
            .map(|count| count.of.as_str())
            .collect();
        self.staff.forget_failures(&own)?;
        self.open(&found.member, &network, now)
    }

    /// What failures count for: her name on this network, this network, and her name where she never was.
    fn counts(&self, name: &PersonName, network: &str) -> Result<Vec<Count>, Trouble> {
        let key = hex(digest(&SHA256, name.as_str().to_lowercase().as_bytes()).as_ref());
        let mut counts = vec![
            Count { of: format!("pair {key} {network}"), watch: Watch::Pair },
            Count { of: format!("network {network}"), watch: Watch::Device },
        ];
        if !self.staff.is_known(name, network)? {
            counts.push(Count { of: format!("name {key}"), watch: Watch::Name });
        }
        Ok(counts)
    }

    /// Compares a secret with what is kept, unless somebody has to wait. One at a time.
    fn compare(
        &self,
        secret: &Secret,
        stored: Option<&StoredSecret>,
        counts: &[Count],
        now: Timestamp,
    ) -> Result<bool, Trouble> {
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= WAITING_MAX {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(Trouble::Busy);
        }
        let compared = {
            let _turn = self.comparing.lock().unwrap_or_else(PoisonError::into_inner);
            // Asked in turn: what failed a moment ago counts already.
            self.pause_ms(counts, now).and_then(|pause_ms| match pause_ms {
                0 => secret.matches(stored).map_err(|_| Trouble::Unavailable),
                pause_ms => Err(Trouble::Wait(pause_ms.div_ceil(1_000))),
            })
        };
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        compared
    }

    fn pause_ms(&self, counts: &[Count], now: Timestamp) -> Result<u64, Trouble> {
        let mut longest = 0;
        for Count { of, watch } in counts {
            longest = longest.max(watch.pause_ms(self.staff.failures(of)?, now));
        }
        Ok(longest)
    }

    /// What the second thing is that was shown; `None` where it is wrong. Somebody without a telephone shows nothing, and does
    /// nothing but make one known.
    fn second(&self, of: &Credentials, code: &str, now: Timestamp) -> Result<Option<&'static str>, Trouble> {
        let Some(key) = &of.key else { return Ok((!of.member.has_key).then_some("sign-in")) };
        if let Some(step) = key.check(code, of.step, now) {
            return Ok(self.staff.spend_step(of.member.id, step)?.then_some("sign-in"));
        }
        let Some(paper) = PaperCode::typed(code) else { return Ok(None) };
        Ok(self.staff.spend_paper(of.member.id, paper.hash())?.then_some("sign-in-by-paper"))
    }

    fn open(&self, member: &Member, network: &str, now: Timestamp) -> Result<String, Trouble> {
        let token = Token::draw(&SystemRandom::new()).ok_or(Trouble::Unavailable)?;
        self.staff.open_session(member.id, token.hash(), network, now)?;
        Ok(token.reveal())
    }

    /// Who shows this token, if it counts still, and from here.
    pub(crate) fn enter(&self, from: IpAddr, token: &str, now: Timestamp) -> Result<Option<Signed>, Trouble> {
        let Some(token) = Token::parse(token).map(|token| token.hash()) else { return Ok(None) };
        let Some(session) = self.staff.find_session(token)? else { return Ok(None) };
        let network = network_of(from).to_string();
        if session.network != network || !is_alive(TRUSTED_AS, session.began, session.used, now) {
            return Ok(None);
        }
        if now.ms_since(session.used) >= USE_MS {
            self.staff.touch_session(token, now)?;
        }
        Ok(Some(Signed { member: session.member, network, token }))
    }

    /// Ends a session.
    pub(crate) fn sign_out(&self, signed: &Signed, now: Timestamp) -> Result<(), Trouble> {
        self.act(signed, "sign-out", "", now)?;
        Ok(self.staff.end_session(signed.token)?)
    }

    /// A secret of her own in place of the one before. All her sessions end; the token of the one that begins.
    pub(crate) fn change_secret(
        &self,
        signed: &Signed,
        old: &str,
        new: [&str; 2],
        now: Timestamp,
    ) -> Result<String, Trouble> {
        let member = &signed.member;
        let [new, again] = new;
        let counts = self.counts(&member.name, &signed.network)?;
        let found = self.staff.find_member(&member.name)?.ok_or(Trouble::Unknown)?;
        let old_secret = Secret::typed(old).map_err(|_| Trouble::Wrong)?;
        if !self.compare(&old_secret, Some(&found.secret), &counts, now)? {
            self.staff.add_failure(&counts, now)?;
            return Err(Trouble::Wrong);
        }
        let secret = Secret::chosen(new, TRUSTED_AS).map_err(|error| match error {
            SecretError::Short => Trouble::Short,
            SecretError::Long => Trouble::Long,
            SecretError::Simple => Trouble::Simple,
        })?;
        if new != again || secret == old_secret {
            return Err(Trouble::Same);
        }
        let stored = secret.hash(&SystemRandom::new()).map_err(|_| Trouble::Unavailable)?;
        self.act(signed, "secret-changed", "", now)?;
        self.staff.keep_secret(member.id, &stored)?;
        self.open(member, &signed.network, now)
    }

    /// Makes a telephone known whose code somebody typed; her codes on paper. All her sessions end, those that somebody began by her
    /// secret alone among them; the token of the one that begins.
    pub(crate) fn take_key(
        &self,
        signed: &Signed,
        key: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<(Vec<PaperCode>, String), Trouble> {
        let key = CodeKey::parse(key).ok_or(Trouble::Field)?;
        let step = key.check(code, people::CodeStep(0), now).ok_or(Trouble::Code)?;
        let papers = PaperCode::draw(&SystemRandom::new()).map_err(|_| Trouble::Unavailable)?;
        let hashes: Vec<_> = papers.iter().map(PaperCode::hash).collect();
        self.act(signed, "telephone-added", "", now)?;
        if !self.staff.keep_key(signed.member.id, &key, step, &hashes)? {
            return Err(Trouble::Race);
        }
        Ok((papers, self.open(&signed.member, &signed.network, now)?))
    }

    /// Writes down what somebody who is signed in does, before it is done.
    pub(crate) fn act(
        &self,
        signed: &Signed,
        deed: &str,
        about: &str,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        self.note(&signed.member, &signed.network, deed, about, now)
    }

    fn note(
        &self,
        member: &Member,
        network: &str,
        deed: &str,
        about: &str,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let (author, network) = (member.name.as_str().to_owned(), network.to_owned());
        let act = Act { at: now, author, network, deed: deed.to_owned(), about: about.to_owned() };
        Ok(self.staff.note_act(&act)?)
    }

    /// Whether a program may have the metrics.
    pub(crate) fn may_measure(&self, shown: Option<&str>) -> bool {
        let shown = shown.and_then(|field| field.strip_prefix("Bearer "));
        // Hashes are compared: how long that takes tells nothing of the token.
        let hash = shown.map(|shown| digest(&SHA256, shown.as_bytes()));
        self.settings.metrics.is_some_and(|right| hash.is_some_and(|hash| hash.as_ref() == right))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
