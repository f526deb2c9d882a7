//! The hub has requests of its boxes certified by a program that its configuration names: an ACME client, or whatever leads to the commune's authority.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use anyhow::Context as _;
use hub::register::Register;
use hub::register::web::WebOrder;
use model::Timestamp;
use system::certifier::certify;
use system::clock::now;

use crate::hub_web_command::{in_pem, keep_chain, names_of};

/// How often it is looked whether something is to be certified.
const LOOK_PERIOD: Duration = Duration::from_secs(5);
/// Before a request that failed is tried again: public authorities count failures, five an hour and a name.
const AGAIN_MS: u64 = 2 * 3_600_000;

/// Has requests be certified, on a thread that ends with the value.
pub(crate) fn keep(register: &Arc<dyn Register>, program: PathBuf) -> anyhow::Result<Sender<()>> {
    let (keeping, ended) = mpsc::channel();
    let mut certifier = Certifier { register: Arc::clone(register), program, tried: BTreeMap::new() };
    std::thread::Builder::new().name("certificates".to_owned()).spawn(move || {
        while ended.recv_timeout(LOOK_PERIOD) == Err(RecvTimeoutError::Timeout) {
            certifier.look();
        }
    })?;
    Ok(keeping)
}

struct Certifier {
    register: Arc<dyn Register>,
    program: PathBuf,
    /// When a school's request was tried last, by its key: another one is not made to wait.
    tried: BTreeMap<String, (Vec<u8>, Timestamp)>,
}

impl Certifier {
    /// One after the other: each may take minutes.
    fn look(&mut self) {
        let orders = match self.register.web_orders() {
            Ok(orders) => orders,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "requests for certificates cannot be read"
                );
                return;
            }
        };
        for order in orders.into_iter().filter(|order| order.made.is_none()) {
            if self.rests(&order, now()) {
                continue;
            }
            self.tried.insert(order.uai.clone(), (order.public_key.clone(), now()));
            match carry_out(&*self.register, &self.program, &order) {
                Ok(()) => tracing::info!(school = order.uai, "the names of a school are certified"),
                Err(error) => {
                    tracing::error!(school = order.uai, "the names of a school are not certified: {error:#}");
                }
            }
        }
    }

    fn rests(&self, order: &WebOrder, now: Timestamp) -> bool {
        let tried = self.tried.get(&order.uai).filter(|(key, _)| *key == order.public_key);
        tried.is_some_and(|(_, at)| *at <= now && now.ms_since(*at) < AGAIN_MS)
    }
}

fn carry_out(register: &dyn Register, program: &Path, order: &WebOrder) -> anyhow::Result<()> {
    let names = names_of(register, &order.uai)?;
    let words: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
    let chain = certify(program, &words, &in_pem(&order.request)).context("the program that certifies")?;
    keep_chain(register, order, &names, &chain)
}

#[cfg(test)]
mod tests {
    use hub::register::sqlite::SqliteRegister;

    use super::*;

    #[test]
    fn what_failed_rests_and_another_request_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let register: Arc<dyn Register> =
            Arc::new(SqliteRegister::open(&folder.path().join("register.sqlite")).unwrap());
        let mut certifier = Certifier { register, program: "/nonexistent".into(), tried: BTreeMap::new() };
        let order = |key: &[u8]| WebOrder {
            uai: "0750655E".to_owned(),
            public_key: key.to_vec(),
            request: Vec::new(),
            asked: Timestamp::from_unix_ms(0),
            made: None,
        };
        let at = |hours: i64| Timestamp::from_unix_ms(hours * 3_600_000);
        assert!(!certifier.rests(&order(b"one"), at(5)));
        certifier.tried.insert("0750655E".to_owned(), (b"one".to_vec(), at(5)));
        assert!(certifier.rests(&order(b"one"), at(6)) && !certifier.rests(&order(b"two"), at(6)));
        assert!(!certifier.rests(&order(b"one"), at(7)) && !certifier.rests(&order(b"one"), at(4)));
    }
}
