//! How a box enrols.

use pki::MemberKey;
use replication::limits::SNAPSHOT_BYTES_MAX;
use replication::{
    AuthorityHash, Begin, Begun, BoxExchange, Encoded, Enrolled, EnrolmentCode, EnrolmentRequest, Proof,
    Proved, Refusal, Snapshot, read_json,
};

use crate::authority;
use crate::client::Client;
use crate::error::SyncError;
use crate::identity::Identity;
use crate::url::HubUrl;

/// How often the proof is sent where no answer arrives: the hub remembers what it answered, and makes no second box.
const PROOFS_MAX: u32 = 3;
/// How often the exchange is gone through where the hub has lost it: it was killed after it had heard the proof.
const EXCHANGES_MAX: u32 = 2;

/// A box that wants to enrol.
#[derive(Clone, Debug)]
pub struct Applicant {
    /// The key of its log of seals, as a verifier key.
    pub log_key: String,
    /// The version of its program.
    pub version: String,
    /// Whether it has a state of its own, which no other one may take the place of.
    pub has_state: bool,
}

/// Enrols at the hub that made the code, with a key that is kept: where the answer is lost, the same code and the same key bring it again. Nothing
/// that the other side says is believed before it has proven that it made the code, and that nobody stands between.
///
/// # Errors
/// [`SyncError`].
pub fn enrol(
    url: &HubUrl,
    code: &EnrolmentCode,
    applicant: &Applicant,
    key: MemberKey,
) -> Result<Identity, SyncError> {
    let authority = authority::see(url)?;
    // From here on, whoever answers has the key of what this authority certified.
    let client = Client::new(url, &authority);
    let mut exchanges = 1;
    let enrolled = loop {
        match go_through(&client, (url, &authority), code, applicant, &key) {
            Err(SyncError::LostExchange) if exchanges < EXCHANGES_MAX => exchanges += 1,
            outcome => break outcome?,
        }
    };
    Ok(Identity { url: url.clone(), authority, enrolled, key })
}

/// One exchange.
fn go_through(
    client: &Client,
    (url, authority): (&HubUrl, &[u8]),
    code: &EnrolmentCode,
    applicant: &Applicant,
    key: &MemberKey,
) -> Result<Enrolled, SyncError> {
    let (exchange, message) = BoxExchange::start(code, AuthorityHash::of(authority));
    let begin = Begin { number: code.number().to_string(), message: Encoded(message) };
    let begun: Begun = client.post("/api/v1/enrolment", &begin)?;
    // The code is worth as much as before.
    if begun.replaces && applicant.has_state {
        return Err(SyncError::HasState);
    }
    let keys = exchange.finish(&begun.message.0).map_err(|_| SyncError::NoHub(url.to_string()))?;

    let request = EnrolmentRequest {
        public_key: Encoded(key.public_key().to_vec()),
        log_key: applicant.log_key.clone(),
        version: applicant.version.clone(),
    };
    let request = serde_json::to_string(&request).unwrap_or_default();
    let proof = Encoded(keys.prove_as_box(request.as_bytes()));
    let proved = prove(client, &Proof { session: begun.session, request, proof })?;
    if !keys.is_of_hub(proved.reply.as_bytes(), &proved.proof.0) {
        return Err(SyncError::FalseHub(url.to_string()));
    }
    let enrolled: Option<Enrolled> = read_json(proved.reply.as_bytes());
    let enrolled = enrolled.filter(|enrolled| enrolled.school.check().is_some());
    enrolled.ok_or_else(|| SyncError::NoHub(url.to_string()))
}

/// Fetches the state of the box whose place this one takes; `None` where the hub has none.
///
/// # Errors
/// [`SyncError`]; it can be fetched again.
pub fn inherit(identity: &Identity) -> Result<Option<Snapshot>, SyncError> {
    let client = Client::of_box(identity)?;
    let mut tries = 1;
    let bytes = loop {
        match client.fetch("/api/v1/inheritance", SNAPSHOT_BYTES_MAX) {
            Err(SyncError::NoAnswer { .. }) if tries < PROOFS_MAX => tries += 1,
            Err(SyncError::Refused(Refusal::NoState)) => return Ok(None),
            outcome => break outcome?,
        }
    };
    let snapshot = Snapshot::read(&bytes).map_err(SyncError::Snapshot)?;
    let is_own = snapshot.about.uai == identity.enrolled.school.uai;
    if is_own { Ok(Some(snapshot)) } else { Err(SyncError::NoHub(identity.url.to_string())) }
}

fn prove(client: &Client, proof: &Proof) -> Result<Proved, SyncError> {
    let mut tries = 1;
    loop {
        match client.post("/api/v1/enrolment/proof", proof) {
            Err(SyncError::NoAnswer { .. }) if tries < PROOFS_MAX => tries += 1,
            // The proof was heard, and what is known of it is gone.
            Err(SyncError::Refused(Refusal::WrongCode)) if tries > 1 => return Err(SyncError::LostExchange),
            outcome => return outcome,
        }
    }
}
