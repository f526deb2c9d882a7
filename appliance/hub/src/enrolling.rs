//! How a box enrols. `replication` has the exchange; here are its sessions, its limits, and what comes of it.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use archive::Hash;
use model::Timestamp;
use pki::{CertifyError, MemberAuthority, Membership};
use replication::{
    AuthorityHash, Begin, Begun, CodeNumber, Encoded, Enrolled, EnrolmentRequest, HubExchange, Keys, Proof,
    Proved, Refusal, School, read_json,
};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::pace::Pace;
use crate::register::{BoxId, CodeState, Exchange, Fingerprint, NewBox, Register, RegisterError, Unheard};

/// How long one may take: a box proves at once, and asks again where the answer did not arrive.
const EXCHANGE_MS: i64 = 120_000;
/// Bytes of a session's name: nobody guesses another's.
const SESSION_BYTES: usize = 16;
/// Longest version that a box may say it has.
const VERSION_LENGTH_MAX: usize = 64;

/// Who enrols boxes. What is under way is in the register: whichever hub is asked goes on with it.
#[derive(Debug)]
pub struct Enroller {
    /// Who certifies them.
    pub members: MemberAuthority,
    /// The authority behind the hub's own certificate.
    pub authority: AuthorityHash,
    /// By which the hub signs how far logs have grown.
    pub witness_key: String,
    /// The tries of the last minute, at this hub.
    pace: Mutex<Pace>,
}

impl Enroller {
    /// With these keys.
    #[must_use]
    pub fn new(members: MemberAuthority, authority: AuthorityHash, witness_key: String) -> Self {
        Self { members, authority, witness_key, pace: Mutex::default() }
    }

    /// A box begins.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn begin(
        &self,
        register: &dyn Register,
        from: IpAddr,
        begin: &Begin,
        now: Timestamp,
    ) -> Result<Begun, Refusal> {
        if !self.pace.lock().unwrap_or_else(PoisonError::into_inner).admit(from, now) {
            return Err(Refusal::TooOften);
        }
        let number: CodeNumber = begin.number.parse().map_err(|_| Refusal::WrongCode)?;
        let found = register.find_code(&number).map_err(tell)?.ok_or(Refusal::WrongCode)?;
        check(&found, now)?;
        let spent = found.unheard.as_ref().map(|unheard| &unheard.code);
        let code = found.code.as_ref().or(spent).ok_or(Refusal::UsedCode)?;
        let (exchange, message) = HubExchange::start(code, self.authority);
        let keys = exchange.finish(&begin.message.0).map_err(|_| Refusal::Malformed)?;
        let mut session = vec![0; SESSION_BYTES];
        SystemRandom::new().fill(&mut session).map_err(|_| Refusal::Broken)?;
        let exchange = Exchange {
            number,
            keys: keys.write().to_vec(),
            begun: now,
            asked: String::new(),
            answer: String::new(),
        };
        register.put_exchange(&session, &exchange, stale(now)).map_err(tell)?;
        let replaces = found.is_replacement;
        Ok(Begun { session: Encoded(session), message: Encoded(message), replaces })
    }

    /// A box proves that it has the code, and is one of the commune's from then on.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn prove(&self, register: &dyn Register, proof: &Proof, now: Timestamp) -> Result<Proved, Refusal> {
        // Taken out: two proofs of one session are never judged at the same time.
        let taken = register.take_exchange(&proof.session.0).map_err(tell)?;
        let mut exchange = taken.filter(|it| it.begun > stale(now)).ok_or(Refusal::WrongCode)?;
        let asked = serde_json::to_string(proof).map_err(|_| Refusal::Malformed)?;
        if !exchange.answer.is_empty() {
            let again = (exchange.asked == asked).then(|| read_json(exchange.answer.as_bytes())).flatten();
            register.put_exchange(&proof.session.0, &exchange, stale(now)).map_err(tell)?;
            return again.ok_or(Refusal::UsedCode);
        }
        let found = register.find_code(&exchange.number).map_err(tell)?.ok_or(Refusal::WrongCode)?;
        check(&found, now)?;
        let keys = Keys::read(&exchange.keys).ok_or(Refusal::Broken)?;
        if !keys.is_of_box(proof.request.as_bytes(), &proof.proof.0) {
            let left = register.spend_try(&exchange.number).map_err(tell)?;
            tracing::warn!(code = %exchange.number, left, "somebody tried a code with a wrong secret");
            return Err(if left == 0 { Refusal::BurntCode } else { Refusal::WrongCode });
        }
        let request: EnrolmentRequest = read_json(proof.request.as_bytes()).ok_or(Refusal::Malformed)?;
        let enrolled = match &found {
            CodeState { code: None, unheard, .. } => {
                self.enrol_again(register, unheard.as_ref(), &found, &request, now)?
            }
            CodeState { .. } => self.enrol(register, &exchange.number, &found, request, now)?,
        };
        let reply = serde_json::to_string(&enrolled).map_err(|_| Refusal::Broken)?;
        let of_hub = keys.prove_as_hub(reply.as_bytes());
        let proved = Proved { reply, proof: Encoded(of_hub) };
        exchange.answer = serde_json::to_string(&proved).map_err(|_| Refusal::Broken)?;
        exchange.asked = asked;
        register.put_exchange(&proof.session.0, &exchange, stale(now)).map_err(tell)?;
        Ok(proved)
    }

    fn enrol(
        &self,
        register: &dyn Register,
        number: &CodeNumber,
        code: &CodeState,
        request: EnrolmentRequest,
        now: Timestamp,
    ) -> Result<Enrolled, Refusal> {
        if !is_version(&request.version) || !is_log_key(&request.log_key) {
            return Err(Refusal::Malformed);
        }
        let membership = self.certify(&request.public_key.0, &code.uai, now)?;
        let new = NewBox {
            log_key: request.log_key,
            version: request.version,
            public_key: request.public_key.0,
            certificate: Fingerprint::of(&membership.certificate_der),
            certificate_until: membership.until,
        };
        let id = match register.enrol(number, &new, now) {
            Err(RegisterError::Spent) => return Err(Refusal::UsedCode),
            enrolled => enrolled.map_err(tell)?,
        };
        tracing::info!(school = code.uai, id = id.0, "a box has enrolled");
        self.answer(register, id, membership, code)
    }

    /// The box that has enrolled by this code, where it did not hear the answer: whoever has its key as well as the code, and nobody else.
    fn enrol_again(
        &self,
        register: &dyn Register,
        unheard: Option<&Unheard>,
        code: &CodeState,
        request: &EnrolmentRequest,
        now: Timestamp,
    ) -> Result<Enrolled, Refusal> {
        let is_same =
            |it: &&Unheard| it.public_key == Hash::of(&request.public_key.0) && it.log_key == request.log_key;
        let id = unheard.filter(is_same).ok_or(Refusal::UsedCode)?.id;
        let membership = self.certify(&request.public_key.0, &code.uai, now)?;
        let fingerprint = Fingerprint::of(&membership.certificate_der);
        register.add_certificate(id, fingerprint, membership.until).map_err(tell)?;
        tracing::info!(school = code.uai, id = id.0, "a box that has enrolled asks for the answer again");
        self.answer(register, id, membership, code)
    }

    fn answer(
        &self,
        register: &dyn Register,
        id: BoxId,
        membership: Membership,
        code: &CodeState,
    ) -> Result<Enrolled, Refusal> {
        Ok(Enrolled {
            box_id: id.0,
            certificate: Encoded(membership.certificate_der),
            valid_ms: (membership.from.unix_ms(), membership.until.unix_ms()),
            school: find_school(register, &code.uai)?,
            witness_key: self.witness_key.clone(),
            replaces: code.is_replacement,
        })
    }

    /// A certificate for a box of this school.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn certify(&self, public_key: &[u8], uai: &str, now: Timestamp) -> Result<Membership, Refusal> {
        self.members.certify(public_key, uai, now).map_err(|error| match error {
            CertifyError::Key => Refusal::Malformed,
            CertifyError::Pki(error) => {
                tracing::error!(%error, "no certificate can be made");
                Refusal::Broken
            }
        })
    }
}

/// What began until then is not under way any more.
fn stale(now: Timestamp) -> Timestamp {
    Timestamp::from_unix_ms(now.unix_ms().saturating_sub(EXCHANGE_MS))
}

/// What a code is worth.
fn check(code: &CodeState, now: Timestamp) -> Result<(), Refusal> {
    match code {
        CodeState { tries_left: 0, .. } => Err(Refusal::BurntCode),
        CodeState { code: None, unheard: None, .. } => Err(Refusal::UsedCode),
        CodeState { code: None, until, .. } if *until <= now => Err(Refusal::UsedCode),
        CodeState { until, .. } if *until <= now => Err(Refusal::ExpiredCode),
        CodeState { .. } => Ok(()),
    }
}

/// Whether it is what a version looks like: it is shown to people, in lists and in terminals.
pub(crate) fn is_version(text: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+');
    text.len() <= VERSION_LENGTH_MAX && text.bytes().all(is_fit)
}

fn is_log_key(text: &str) -> bool {
    text.parse::<archive::VerifierKey>().is_ok()
}

fn find_school(register: &dyn Register, uai: &str) -> Result<School, Refusal> {
    let schools = register.schools().map_err(tell)?;
    schools.into_iter().find(|school| school.uai == uai).ok_or(Refusal::Broken)
}

/// What the register's failures are to a box. The hub's own log has the reason.
#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by value")]
pub(crate) fn tell(error: RegisterError) -> Refusal {
    let error: &dyn std::error::Error = &error;
    tracing::error!(error, "the register fails");
    Refusal::Broken
}

#[cfg(test)]
mod tests;
