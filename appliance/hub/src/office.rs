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

use crate::configurations;
use crate::oidc::{Provider, ProviderError, ProviderSettings, turn_back};
use crate::pace::network_of;
use crate::register::RegisterError;
use crate::register::history::{Channel, History};
use crate::register::people::{Act, Count, Credentials, Member, Proof, Staff};

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
    /// The provider by which people of the commune may sign in beside their own secrets.
    pub provider: Option<ProviderSettings>,
    /// Who looks for mistakes in what is written for a box's configuration: its own parser.
    pub check_configuration: configurations::Check,
}

/// The office.
pub struct Office {
    /// The people.
    pub staff: Arc<dyn Staff>,
    /// How schools were.
    pub history: Arc<dyn History>,
    /// What it is told.
    pub settings: Settings,
    provider: Option<Provider>,
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
    /// A file is empty, longer than boxes take, or did not come whole.
    File,
    /// A file is called as none may be.
    FileName,
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
    /// The commune's provider cannot be asked, or what it says does not count.
    Provider,
    /// The commune's provider vouches for somebody whom nobody has registered here.
    Stranger,
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
    /// As this session shows her: for whom the commune's provider vouches by two factors, no card waits, and no telephone is missing.
    pub(crate) member: Member,
    pub(crate) network: String,
    /// Whether she has to show her telephone's code before anything else.
    pub(crate) owes_code: bool,
    proof: Proof,
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

impl From<ProviderError> for Trouble {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Busy => Self::Busy,
            ProviderError::Trip => Self::Field,
            ProviderError::Denied(_)
            | ProviderError::Unreachable(_)
            | ProviderError::Status(_)
            | ProviderError::Strange(_)
            | ProviderError::Token(_) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the commune's provider brings nobody");
                Self::Provider
            }
        }
    }
}

impl Office {
    /// With these people.
    #[must_use]
    pub fn new(staff: Arc<dyn Staff>, history: Arc<dyn History>, settings: Settings) -> Self {
        let provider = settings.provider.clone().map(Provider::new);
        Self { staff, history, settings, provider, comparing: Mutex::default(), waiting: AtomicU32::new(0) }
    }

    /// Whether people may sign in by the commune's provider.
    pub(crate) fn has_provider(&self) -> bool {
        self.provider.is_some()
    }

    /// Where the browser with this cookie goes, to sign in at the commune's provider. Blocks.
    pub(crate) fn depart(&self, cookie: &str, now: Timestamp) -> Result<String, Trouble> {
        let provider = self.provider.as_ref().ok_or(Trouble::Unknown)?;
        Ok(provider.depart(cookie, now)?)
    }

    /// Begins a session of the one for whom the commune's provider vouches; the text of its token. Nobody is registered by that. Blocks.
    pub(crate) fn arrive(
        &self,
        from: IpAddr,
        cookie: &str,
        shown: (&str, &str),
        now: Timestamp,
    ) -> Result<String, Trouble> {
        let provider = self.provider.as_ref().ok_or(Trouble::Unknown)?;
        let network = network_of(from).to_string();
        let counts = [Count { of: format!("network {network}"), watch: Watch::Device }];
        self.check_pause(&counts, now)?;
        let vouched = match provider.arrive(cookie, shown, now) {
            Ok(vouched) => vouched,
            Err(error) => {
                if error.is_made_up() {
                    self.staff.add_failure(&counts, now)?;
                }
                return Err(error.into());
            }
        };
        let Some(member) = self.staff.find_account(&vouched.account)? else {
            self.staff.add_failure(&counts, now)?;
            tracing::warn!(account = ?vouched.account, "the provider vouches for somebody whom nobody has registered");
            return Err(Trouble::Stranger);
        };
        self.note(&member, &network, "sign-in-by-provider", "", now)?;
        let proof = if vouched.has_second { Proof::Provider } else { Proof::ProviderAlone };
        self.open(&member, &network, proof, now)
    }

    /// What somebody is told whom the commune's provider sends back without a code; the log has its word for why.
    pub(crate) fn turn_back(&self, cookie: &str, shown: (&str, &str), now: Timestamp) -> Trouble {
        if self.has_provider() { turn_back(cookie, shown, now).into() } else { Trouble::Unknown }
    }

    /// Takes the code of her telephone, or one on paper, beside what the commune's provider vouched for; the token of the session that begins.
    pub(crate) fn show_code(&self, signed: &Signed, code: &str, now: Timestamp) -> Result<String, Trouble> {
        let counts = self.counts(&signed.member.name, &signed.network)?;
        self.check_pause(&counts, now)?;
        let found = self.staff.find_member(&signed.member.name)?.ok_or(Trouble::Unknown)?;
        // Somebody has it forgotten in this moment: without a telephone nothing would be asked for.
        if found.key.is_none() {
            return Err(Trouble::Race);
        }
        let Some(deed) = self.second(&found, code, now)? else {
            self.staff.add_failure(&counts, now)?;
            self.act(signed, "sign-in-failed", "", now)?;
            return Err(Trouble::Code);
        };
        self.act(signed, deed, "", now)?;
        self.forget_own(&counts)?;
        self.staff.end_session(signed.token)?;
        self.open(&signed.member, &signed.network, Proof::Provider, now)
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
        self.forget_own(&counts)?;
        self.open(&found.member, &network, Proof::Own, now)
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
            self.check_pause(counts, now)
                .and_then(|()| secret.matches(stored).map_err(|_| Trouble::Unavailable))
        };
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        compared
    }

    /// Forgets what failed under her name; what failed on her network stays: others may be there.
    fn forget_own(&self, counts: &[Count]) -> Result<(), Trouble> {
        let own = counts.iter().filter(|count| count.watch != Watch::Device);
        let own: Vec<&str> = own.map(|count| count.of.as_str()).collect();
        Ok(self.staff.forget_failures(&own)?)
    }

    /// Whether somebody has to wait.
    fn check_pause(&self, counts: &[Count], now: Timestamp) -> Result<(), Trouble> {
        match self.pause_ms(counts, now)? {
            0 => Ok(()),
            pause_ms => Err(Trouble::Wait(pause_ms.div_ceil(1_000))),
        }
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

    fn open(&self, member: &Member, network: &str, proof: Proof, now: Timestamp) -> Result<String, Trouble> {
        let token = Token::draw(&SystemRandom::new()).ok_or(Trouble::Unavailable)?;
        self.staff.open_session(member.id, token.hash(), proof, network, now)?;
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
        let (proof, mut member) = (session.proof, session.member);
        let owes_code = proof == Proof::ProviderAlone && member.has_key;
        match proof {
            // One factor of the provider's makes no second one known: her card is shown for that, as by everybody.
            Proof::Own | Proof::ProviderAlone => {}
            Proof::Provider => (member.has_first_secret, member.has_key) = (false, true),
        }
        Ok(Some(Signed { member, network, owes_code, proof, token }))
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
        self.open(member, &signed.network, signed.proof, now)
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
        let proof = match signed.proof {
            Proof::Own => Proof::Own,
            Proof::Provider | Proof::ProviderAlone => Proof::Provider,
        };
        Ok((papers, self.open(&signed.member, &signed.network, proof, now)?))
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
