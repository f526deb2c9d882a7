//! The certificate for names that the commune owns: the box makes the key and the request, and fetches what was made of it.

use model::{DomainName, Timestamp};
use pki::{WebCertificate, WebChain, WebKey};
use replication::{Encoded, WebRequest, WebState, limits::WEB_NAMES_MAX};
use serde::de::IgnoredAny;

use crate::client::Client;
use crate::error::SyncError;
use crate::identity::HubFolder;
use crate::night::{Step, Watch};

/// Asks for a certificate where one is needed, and takes one that was made; whether there is another one by now.
pub(crate) fn exchange(
    client: &Client,
    folder: &HubFolder,
    now: Timestamp,
    watch: &mut dyn Watch,
) -> Result<(), SyncError> {
    // An older hub has none.
    let Some(state) = client.find::<WebState>("/api/v1/web")? else { return Ok(()) };
    let names = read_names(&state).ok_or_else(|| SyncError::NoHub(client.url()))?;
    if names.is_empty() {
        // Taken back: a box that runs shows it no longer within seconds.
        return folder.drop_web();
    }
    let pending = folder.web_key()?.and_then(|pem| WebKey::read(&pem));
    if let (Some(key), Some(pem)) = (&pending, &state.chain)
        && let Some(web) = take(pem, key, &names)
    {
        let (_, until) = web.chain().validity();
        folder.keep_web(&format!("{}{pem}", key.write()))?;
        watch.report(Step::Web(until));
        return Ok(());
    }
    // One that cannot be read is none: another one is asked for.
    let held = folder.web().ok().flatten();
    if held.is_some_and(|web| web.chain().is_for(&names) && !is_old(web.chain(), now)) {
        return Ok(());
    }
    let key = match pending {
        Some(key) => key,
        None => {
            let key = WebKey::generate().map_err(|_| SyncError::Damaged("randomness".to_owned()))?;
            folder.keep_web_key(&key.write())?;
            key
        }
    };
    let request =
        key.request(&names).map_err(|_| SyncError::Damaged("the key of the certificate".to_owned()))?;
    let message = WebRequest { public_key: Encoded(key.public_key()), request: Encoded(request) };
    let _: IgnoredAny = client.post("/api/v1/web", &message)?;
    Ok(())
}

/// The names that the commune owns and this school's box shall show itself by.
fn read_names(state: &WebState) -> Option<Vec<DomainName>> {
    let is_bounded = state.names.len() <= WEB_NAMES_MAX;
    state.names.iter().map(|name| name.parse().ok()).collect::<Option<Vec<_>>>().filter(|_| is_bounded)
}

/// What was made for this key, and for the names.
fn take(pem: &str, key: &WebKey, names: &[DomainName]) -> Option<WebCertificate> {
    let chain = WebChain::read(pem).ok().filter(|chain| chain.is_for(names))?;
    WebCertificate::new(chain, key)
}

/// Whether two thirds of its time are over.
fn is_old(chain: &WebChain, now: Timestamp) -> bool {
    let (from, until) = chain.validity();
    let life = until.unix_ms().saturating_sub(from.unix_ms());
    now.unix_ms().saturating_sub(from.unix_ms()) >= life / 3 * 2
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};

    use super::*;

    #[test]
    fn names_are_bounded_and_are_names() {
        let state = |names: &[&str]| WebState {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            chain: None,
        };
        assert_eq!(read_names(&state(&["ferry.ecoles.example"])).unwrap().len(), 1);
        assert!(read_names(&state(&["no name"])).is_none());
        assert!(read_names(&state(&["a.example"; WEB_NAMES_MAX + 1])).is_none());
    }

    /// A chain for a key and names, by an authority of the test's own, good for the ninety days from 2026-11-22 on.
    fn certify(key: &WebKey, names: &[&str]) -> String {
        let own = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let issuer = Issuer::new(CertificateParams::default(), own);
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        (params.not_before, params.not_after) =
            (rcgen::date_time_ymd(2026, 11, 22), rcgen::date_time_ymd(2027, 2, 20));
        params.signed_by(&KeyPair::from_pem(&key.write()).unwrap(), &issuer).unwrap().pem()
    }

    #[test]
    fn what_was_made_for_another_key_or_other_names_is_not_taken() {
        let (key, stranger) = (WebKey::generate().unwrap(), WebKey::generate().unwrap());
        let (name, other) = ("ferry.ecoles.example", "ent.commune.example");
        let names: Vec<DomainName> = vec![name.parse().unwrap()];
        let both: Vec<DomainName> = vec![name.parse().unwrap(), other.parse().unwrap()];
        let pem = certify(&key, &[name]);
        assert!(take(&pem, &key, &names).is_some());
        assert!(take(&pem, &stranger, &names).is_none(), "another key");
        assert!(
            take(&pem, &key, &both).is_none() && take(&certify(&key, &[name, other]), &key, &names).is_none()
        );
        assert!(take("", &key, &names).is_none());
    }

    #[test]
    fn another_one_is_asked_for_when_two_thirds_are_over() {
        let chain =
            WebChain::read(&certify(&WebKey::generate().unwrap(), &["ferry.ecoles.example"])).unwrap();
        let (from, _) = chain.validity();
        let after = |days: i64| Timestamp::from_unix_ms(from.unix_ms() + days * 86_400_000);
        assert!(!is_old(&chain, after(0)) && !is_old(&chain, after(59)));
        assert!(is_old(&chain, after(60)) && is_old(&chain, after(91)));
    }

    #[test]
    fn what_is_taken_back_goes_and_what_is_damaged_is_none() {
        let data = tempfile::tempdir().unwrap();
        let folder = HubFolder::new(data.path());
        let _lock = folder.lock().unwrap();
        folder.drop_web().unwrap();
        let key = WebKey::generate().unwrap();
        let pem = certify(&key, &["ferry.ecoles.example"]);
        folder.keep_web(&format!("{}{pem}", key.write())).unwrap();
        folder.keep_web_key(&key.write()).unwrap();
        assert!(folder.web().unwrap().is_some());
        folder.drop_web().unwrap();
        assert!(folder.web().unwrap().is_none() && folder.web_key().unwrap().is_none());
        folder.keep_web("damaged").unwrap();
        assert!(matches!(folder.web(), Err(SyncError::Damaged(_))));
    }
}
