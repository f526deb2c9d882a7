//! The key by which a name server takes changes (TSIG, RFC 8945). What a record of it is, `hickory-proto` knows; its own signatures would change how the
//! doors read DNS (they come with DNSSEC), so ring makes them here.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::ProtoError;
use hickory_proto::op::{Header, Message, Query};
use hickory_proto::rr::rdata::tsig::{TSIG, TsigAlgorithm, make_tsig_record, message_tbs};
use hickory_proto::rr::{DNSClass, Name, RData, Record};
use hickory_proto::serialize::binary::{BinDecodable as _, BinDecoder, BinEncoder};
use model::Timestamp;
use ring::hmac;

/// How far the clocks may be apart, in seconds: what the RFC recommends.
const FUDGE_S: u16 = 300;
/// Where the fields of a message's head end that stand between its number and its last count, and where the head ends.
const COUNTS_END: usize = 10;
const HEAD_END: usize = 12;

/// A key.
#[derive(Clone)]
pub struct TsigKey {
    name: Name,
    algorithm: TsigAlgorithm,
    key: hmac::Key,
}

/// What is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TsigKeyError {
    /// Its name.
    #[error("the name of a key is one of DNS, as preau-acme")]
    Name,
    /// Its algorithm.
    #[error("the algorithm is \"hmac-sha256\", \"hmac-sha384\" or \"hmac-sha512\"")]
    Algorithm,
    /// Its secret.
    #[error("the secret is written in base 64")]
    Secret,
}

impl TsigKey {
    /// A key, as name servers are told of it.
    ///
    /// # Errors
    /// [`TsigKeyError`].
    pub fn new(name: &str, algorithm: &str, secret_base64: &str) -> Result<Self, TsigKeyError> {
        let mut name = Name::from_ascii(name).map_err(|_| TsigKeyError::Name)?;
        name.set_fqdn(true);
        if name.is_root() {
            return Err(TsigKeyError::Name);
        }
        let (algorithm, digest) = match algorithm {
            "hmac-sha256" => (TsigAlgorithm::HmacSha256, hmac::HMAC_SHA256),
            "hmac-sha384" => (TsigAlgorithm::HmacSha384, hmac::HMAC_SHA384),
            "hmac-sha512" => (TsigAlgorithm::HmacSha512, hmac::HMAC_SHA512),
            _ => return Err(TsigKeyError::Algorithm),
        };
        let secret = STANDARD.decode(secret_base64).map_err(|_| TsigKeyError::Secret)?;
        Ok(Self { name, algorithm, key: hmac::Key::new(digest, &secret) })
    }

    /// Signs a message that is sent; its signature, by which the answer is known.
    ///
    /// # Errors
    /// The message cannot be written.
    pub(super) fn sign(&self, message: &mut Message, now: Timestamp) -> Result<Vec<u8>, ProtoError> {
        let seconds = u64::try_from(now.unix_ms()).unwrap_or(0) / 1_000;
        let (algorithm, number) = (self.algorithm.clone(), message.metadata.id);
        let unsigned = TSIG::new(algorithm, seconds, FUDGE_S, Vec::new(), number, None, Vec::new());
        let signed = message_tbs(&*message, &unsigned, &self.name)?;
        let signature = hmac::sign(&self.key, &signed).as_ref().to_vec();
        let record = make_tsig_record(self.name.clone(), unsigned.set_mac(signature.clone()));
        message.signature = Some(Box::new(record));
        Ok(signature)
    }

    /// Whether an answer is signed by this key, to the message of this signature.
    #[must_use]
    pub(super) fn has_signed(&self, answer: &[u8], asked: &[u8]) -> bool {
        self.verify(answer, asked).is_some()
    }

    /// What is signed of an answer: the question's signature, the answer without its last record, and what that one says (RFC 8945 section 4.3).
    fn verify(&self, answer: &[u8], asked: &[u8]) -> Option<()> {
        let mut decoder = BinDecoder::new(answer);
        let counts = Header::read(&mut decoder).ok()?.counts;
        for _ in 0..counts.queries {
            Query::read(&mut decoder).ok()?;
        }
        let records =
            u32::from(counts.answers) + u32::from(counts.authorities) + u32::from(counts.additionals);
        for _ in 1..records {
            <Record>::read(&mut decoder).ok()?;
        }
        let end = decoder.index();
        let last = <Record>::read(&mut decoder).ok()?;
        let RData::TSIG(proof) = &last.data else { return None };
        let is_proof = last.dns_class == DNSClass::ANY && last.ttl == 0;
        if !is_proof || last.name != self.name || proof.algorithm != self.algorithm {
            return None;
        }
        let mut said = Vec::new();
        proof.emit_tsig_for_mac(&mut BinEncoder::new(&mut said), &self.name).ok()?;
        let signed = [
            u16::try_from(asked.len()).ok()?.to_be_bytes().as_slice(),
            asked,
            proof.oid.to_be_bytes().as_slice(),
            answer.get(2..COUNTS_END)?,
            counts.additionals.checked_sub(1)?.to_be_bytes().as_slice(),
            answer.get(HEAD_END..end)?,
            said.as_slice(),
        ]
        .concat();
        hmac::verify(&self.key, &signed, &proof.mac).ok()
    }
}

impl fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key {}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{MessageType, OpCode};
    use hickory_proto::rr::RecordType;

    use super::*;

    const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const NOW: Timestamp = Timestamp::from_unix_ms(1_795_990_593_000);

    fn key(name: &str, secret: &str) -> TsigKey {
        TsigKey::new(name, "hmac-sha256", secret).unwrap()
    }

    /// What a server says to a message of this signature: the same, with what is signed of an answer.
    fn answer(by: &TsigKey, asked: &[u8]) -> Vec<u8> {
        let mut message = Message::new(7, MessageType::Response, OpCode::Update);
        message.add_query(Query::query(Name::from_ascii("ecoles.example.").unwrap(), RecordType::SOA));
        let unsigned =
            TSIG::new(by.algorithm.clone(), 1_795_990_594, FUDGE_S, Vec::new(), 7, None, Vec::new());
        let length = u16::try_from(asked.len()).unwrap().to_be_bytes();
        let own = message_tbs(&message, &unsigned, &by.name).unwrap();
        let signature = hmac::sign(&by.key, &[length.as_slice(), asked, own.as_slice()].concat());
        let record = make_tsig_record(by.name.clone(), unsigned.set_mac(signature.as_ref().to_vec()));
        message.signature = Some(Box::new(record));
        message.to_vec().unwrap()
    }

    #[test]
    fn an_answer_counts_where_the_key_signed_it_to_this_question() {
        let own = key("preau", SECRET);
        let mut message = Message::query();
        let asked = own.sign(&mut message, NOW).unwrap();
        assert_eq!(asked.len(), 32);
        let said = answer(&own, &asked);
        assert!(own.has_signed(&said, &asked));
        assert!(!own.has_signed(&said, &[0; 32]), "to another question");
        let other = key("preau", "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=");
        assert!(!own.has_signed(&answer(&other, &asked), &asked), "by another secret");
        assert!(!own.has_signed(&answer(&key("else", SECRET), &asked), &asked), "by another name");
        message.signature = None;
        assert!(!own.has_signed(&message.to_vec().unwrap(), &asked), "by nobody");
        // Whatever byte is another one: but for the two of its number, in whose place the question's is signed.
        for at in 2..said.len() {
            let mut changed = said.clone();
            changed[at] ^= 1;
            assert!(!own.has_signed(&changed, &asked), "byte {at}");
        }
        for length in 0..said.len() {
            assert!(!own.has_signed(&said[..length], &asked), "{length} bytes");
        }
    }

    #[test]
    fn a_key_is_written_as_name_servers_write_it() {
        let check = |name: &str, algorithm: &str, secret: &str, expected: Option<TsigKeyError>| {
            assert_eq!(TsigKey::new(name, algorithm, secret).err(), expected, "{name} {algorithm}");
        };
        check("preau-acme.", "hmac-sha512", SECRET, None);
        check("", "hmac-sha256", SECRET, Some(TsigKeyError::Name));
        check("preau", "hmac-md5", SECRET, Some(TsigKeyError::Algorithm));
        check("preau", "hmac-sha256", "not base 64", Some(TsigKeyError::Secret));
        assert!(!format!("{:?}", key("preau", SECRET)).contains("MDEy"));
    }
}
