//! The hub has requests of its boxes certified by a program that its configuration names: an ACME client, or whatever leads to the commune's authority.
//!
//! Invariant: the program gets no request but for a school's own names; of several hubs on one register, one runs it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use anyhow::Context as _;
use hub::register::Register;
use hub::register::web::WebOrder;
use pki::is_web_request;
use system::certifier::certify;
use system::clock::now;

use crate::hub_web_command::{in_pem, keep_chain, names_of};

/// How often it is looked whether something is to be certified.
const LOOK_PERIOD: Duration = Duration::from_secs(5);

/// Has requests be certified, on a thread that ends with the value.
pub(crate) fn keep(register: &Arc<dyn Register>, program: PathBuf) -> anyhow::Result<Sender<()>> {
    let (keeping, ended) = mpsc::channel();
    let register = Arc::clone(register);
    std::thread::Builder::new().name("certificates".to_owned()).spawn(move || {
        while ended.recv_timeout(LOOK_PERIOD) == Err(RecvTimeoutError::Timeout) {
            look(&*register, &program);
        }
    })?;
    Ok(keeping)
}

/// One after the other: each may take minutes.
fn look(register: &dyn Register, program: &Path) {
    let orders = match register.web_orders() {
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
        match carry_out(register, program, &order) {
            Ok(true) => tracing::info!(school = order.uai, "the names of a school are certified"),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(school = order.uai, "the names of a school are not certified: {error:#}");
            }
        }
    }
}

/// Has a request be certified; whether it was to be, now and by this hub.
fn carry_out(register: &dyn Register, program: &Path, order: &WebOrder) -> anyhow::Result<bool> {
    let names = names_of(register, &order.uai)?;
    // Where the names have become others, the box asks anew in its next night; that one does not wait for this one.
    if !is_web_request(&order.request, &order.public_key, &names)
        || !register.claim_web_request(&order.uai, &order.public_key, now())?
    {
        return Ok(false);
    }
    let words: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
    let chain = certify(program, &words, &in_pem(&order.request)).context("the program that certifies")?;
    keep_chain(register, order, &names, &chain)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use hub::register::BoxId;
    use hub::register::sqlite::SqliteRegister;
    use model::{DomainName, Uai};
    use pki::WebKey;
    use replication::School;

    use super::*;

    #[test]
    fn the_program_gets_what_is_for_the_names_of_the_school_and_seldom() {
        let folder = tempfile::tempdir().unwrap();
        let (program, runs) = (folder.path().join("certify"), folder.path().join("runs"));
        fs::write(&program, format!("#!/bin/sh\necho \"$@\" >> {}\nexit 3\n", runs.display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let register: Arc<dyn Register> =
            Arc::new(SqliteRegister::open(&folder.path().join("register.sqlite")).unwrap());
        let uai: Uai = "0750655E".parse().unwrap();
        let school = School { uai: uai.to_string(), name: "École".to_owned(), rooms: vec![] };
        register.put_school(&school).unwrap();
        let [own, other] =
            ["ferry.ecoles.example", "mairie.example"].map(|name| name.parse::<DomainName>().unwrap());
        let key = WebKey::generate().unwrap();
        let ask = |names: &[DomainName]| {
            let request = key.request(names).unwrap();
            register.put_web_request(uai.as_str(), BoxId(1), &key.public_key(), &request, now()).unwrap();
            look(&*register, &program);
            fs::read_to_string(&runs).unwrap_or_default()
        };
        assert_eq!(ask(std::slice::from_ref(&own)), "", "the school has no name");
        assert!(register.add_web_name(&uai, &own).unwrap());
        assert_eq!(ask(&[own.clone(), other]), "", "one name too many");
        let once = "ferry.ecoles.example\n";
        assert_eq!(ask(std::slice::from_ref(&own)), once);
        assert_eq!(ask(std::slice::from_ref(&own)), once, "what failed rests, though it is asked anew");
    }
}
