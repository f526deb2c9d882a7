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
        return Ok(());
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
    let held = folder.web()?;
    if held.as_ref().is_some_and(|web| web.chain().covers(&names) && !is_old(web.chain(), now)) {
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

/// What was made for this key, and for all the names.
fn take(pem: &str, key: &WebKey, names: &[DomainName]) -> Option<WebCertificate> {
    let chain = WebChain::read(pem).ok().filter(|chain| chain.covers(names))?;
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

    #[test]
    fn what_was_made_for_another_key_is_not_taken() {
        let key = WebKey::generate().unwrap();
        let name: DomainName = "ferry.ecoles.example".parse().unwrap();
        assert!(take("", &key, &[name]).is_none());
    }
}
