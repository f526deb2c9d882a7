//! A request for a certificate of the commune's names (RFC 2986), as the hub reads it before anybody certifies it.
//!
//! Invariant: what is believed of a request is all that is in it: an authority that copies it finds no other name.

use model::DomainName;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid as _;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::request::{CertReq, ExtensionReq};

use crate::web::{is_same, only_domains};

/// What it says that it is signed by: ecdsa-with-SHA256 (RFC 5758 section 3.2).
const SIGNED_BY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// Whether a request, in DER, is for these names and no other, for this key (a point of P-256, uncompressed), and signed by it.
#[must_use]
pub fn is_web_request(request: &[u8], public_key: &[u8], names: &[DomainName]) -> bool {
    let asked = read_names(request, public_key).unwrap_or_default();
    !names.is_empty() && is_same(&asked, names)
}

/// The names of a request that has nothing else in it: no subject, no other attribute, no other extension.
fn read_names(request: &[u8], public_key: &[u8]) -> Option<Vec<DomainName>> {
    let asked = CertReq::from_der(request).ok()?;
    let key = asked.info.public_key.subject_public_key.as_bytes()?;
    let (signed, signature) = (asked.info.to_der().ok()?, asked.signature.as_bytes()?);
    let is_signed = asked.algorithm.oid == SIGNED_BY
        && asked.algorithm.parameters.is_none()
        && UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(&signed, signature).is_ok();
    // What was read is what is passed on, byte for byte.
    let is_whole = asked.to_der().is_ok_and(|whole| whole == request);
    if key != public_key || !is_signed || !is_whole || !asked.info.subject.0.is_empty() {
        return None;
    }
    let [attribute] = asked.info.attributes.as_slice() else { return None };
    let [value] = attribute.values.as_slice() else { return None };
    if attribute.oid != ExtensionReq::OID {
        return None;
    }
    let extensions = Vec::<Extension>::from_der(&value.to_der().ok()?).ok()?;
    let [extension] = extensions.as_slice() else { return None };
    if extension.extn_id != SubjectAltName::OID {
        return None;
    }
    only_domains(&SubjectAltName::from_der(extension.extn_value.as_bytes()).ok()?.0)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};

    use super::*;
    use crate::WebKey;

    const NAME: &str = "ferry.ecoles.example";

    fn names(names: &[&str]) -> Vec<DomainName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn a_request_is_for_the_names_of_the_school_and_no_other() {
        let key = WebKey::generate().unwrap();
        let own = names(&[NAME, "ent.example"]);
        let (public, request) = (key.public_key(), key.request(&own).unwrap());
        let is_right = |request: &[u8], names: &[DomainName]| is_web_request(request, &public, names);
        assert!(is_right(&request, &own) && is_right(&request, &names(&["ent.example", NAME])));
        for wrong in
            ["", NAME, "ferry.ecoles.example other.example", "ferry.ecoles.example ent.example other.example"]
        {
            let wrong: Vec<&str> = wrong.split_whitespace().collect();
            assert!(!is_right(&request, &names(&wrong)), "{wrong:?}");
        }
        let more = key.request(&names(&[NAME, "ent.example", "mairie.example"])).unwrap();
        assert!(!is_right(&more, &own), "one name too many");
        let other = WebKey::generate().unwrap();
        assert!(!is_web_request(&request, &other.public_key(), &own), "another one's key");
        assert!(!is_right(&[&request[..], &[0]].concat(), &own) && !is_right(b"request", &own));
        // Whatever byte is another one, it is not signed, or no request.
        for at in 0..request.len() {
            let mut changed = request.clone();
            changed[at] ^= 1;
            assert!(!is_right(&changed, &own), "byte {at}");
        }
    }

    #[test]
    fn what_could_be_certified_beside_the_names_is_none() {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let check = |change: &dyn Fn(&mut CertificateParams), expected: bool| {
            let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
            params.distinguished_name = DistinguishedName::new();
            change(&mut params);
            let request = params.serialize_request(&key).unwrap();
            let public = rcgen::PublicKeyData::der_bytes(&key);
            assert_eq!(is_web_request(request.der(), public, &names(&[NAME])), expected);
        };
        check(&|_| {}, true);
        check(&|params| params.distinguished_name.push(DnType::CommonName, "mairie.example"), false);
        let address = rcgen::SanType::IpAddress([192, 0, 2, 1].into());
        check(&|params| params.subject_alt_names.push(address.clone()), false);
        let all = rcgen::SanType::DnsName("*.ecoles.example".try_into().unwrap());
        check(&|params| params.subject_alt_names.push(all.clone()), false);
        check(&|params| params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained), false);
    }
}
