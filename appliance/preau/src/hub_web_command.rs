//! `preau hub name`, `preau hub certificate`: names that the commune owns, and what an authority that browsers trust says of them.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub::register::web::WebOrder;
use hub::register::{Records, Register};
use jiff::tz::TimeZone;
use model::{DomainName, Timestamp, Uai};
use pki::{WebChain, is_web_request};
use system::clock::now;
use system::private::PrivateFolder;

use crate::cli::{HubCertificateCommand, HubNameCommand};
use crate::config::read_file_up_to;
use crate::hub_certify::find_zone;
use crate::hub_command::note_act;
use crate::hub_engines::open_register;
use crate::times;

/// Letters of a line of PEM (RFC 7468).
const LINE_LETTERS: usize = 64;

pub(crate) fn carry_out_name(command: HubNameCommand) -> anyhow::Result<ExitCode> {
    match command {
        HubNameCommand::Add { uai, name, data } => {
            let register = open_register(&data.path)?;
            let is_known = register.schools()?.iter().any(|school| school.uai == uai.as_str());
            ensure!(is_known, "the commune has no school {uai}");
            ensure!(!name.is_public_suffix(), "{name} is nobody's name: give one under it");
            ensure_is_provable(&name, find_zone(&PrivateFolder::new(&data.path)).as_ref())?;
            note_act(&*register, "name-added", &format!("{uai} {name}"))?;
            ensure!(register.add_web_name(&uai, &name)?, "the name is given already, or the school has ten");
        }
        HubNameCommand::List { data } => {
            let mut out = io::stdout().lock();
            for (uai, name) in open_register(&data.path)?.web_names()? {
                writeln!(out, "{uai}\t{name}")?;
            }
        }
        HubNameCommand::Remove { name, data } => {
            let register = open_register(&data.path)?;
            note_act(&*register, "name-removed", name.as_str())?;
            ensure!(register.remove_web_name(&name)?, "no school has the name {name}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn carry_out_certificate(command: HubCertificateCommand) -> anyhow::Result<ExitCode> {
    match command {
        HubCertificateCommand::List { data } => {
            let (mut out, zone) = (io::stdout().lock(), TimeZone::system());
            for order in open_register(&data.path)?.web_orders()? {
                writeln!(out, "{}", describe(&order, &zone))?;
            }
        }
        HubCertificateCommand::Request { uai, data } => {
            let register = open_register(&data.path)?;
            let order = find(&*register, &uai)?;
            ensure_is_for(&order, &names_of(&*register, uai.as_str())?)?;
            io::stdout().write_all(in_pem(&order.request).as_bytes())?;
        }
        HubCertificateCommand::Put { uai, chain, data } => put(&*open_register(&data.path)?, &uai, &chain)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the hub has a zone changed, a name outside of it would never be certified: no proof of it can be put up.
fn ensure_is_provable(name: &DomainName, zone: Option<&DomainName>) -> anyhow::Result<()> {
    let Some(zone) = zone else { return Ok(()) };
    ensure!(
        name.is_under(zone),
        "{name} is not in the zone {zone}, the only one that this hub can change ([certificates.dns] in its configuration): give a name under {zone}, \
         or start the hub with another way to certify"
    );
    Ok(())
}

/// A request in one line: whose, since when, and what became of it.
fn describe(order: &WebOrder, zone: &TimeZone) -> String {
    let WebOrder { uai, asked, tried, failure, made, .. } = order;
    let moment = |at: Timestamp| times::write(at, zone);
    let state = match (made, failure, tried) {
        (Some((_, until)), ..) => format!("good until {}", moment(*until)),
        (None, Some((failure, said)), Some((tried, next))) => {
            let (tried, next, failure) = (moment(*tried), moment(*next), failure.as_str());
            format!("to be certified\ttried {tried}\tagain after {next}\t{failure}: {said}")
        }
        (None, Some((failure, said)), None) => format!("to be certified\t{}: {said}", failure.as_str()),
        (None, None, _) => "to be certified".to_owned(),
    };
    format!("{uai}\tasked {}\t{state}", moment(*asked))
}

fn find(register: &dyn Records, uai: &Uai) -> anyhow::Result<WebOrder> {
    let order = register.web_orders()?.into_iter().find(|order| order.uai == uai.as_str());
    order.with_context(|| {
        format!("the box of {uai} has asked for no certificate yet: preau hub name add, and its next night")
    })
}

fn put(register: &dyn Records, uai: &Uai, file: &Path) -> anyhow::Result<()> {
    let named = || file.display().to_string();
    let pem = String::from_utf8(read_file_up_to(file, 1).with_context(named)?).with_context(named)?;
    let order = find(register, uai)?;
    note_act(register, "certificate-put", uai.as_str())?;
    keep_chain(register, &order, &names_of(register, uai.as_str())?, &pem).with_context(named)
}

/// The names of a school.
pub(crate) fn names_of(register: &dyn Register, uai: &str) -> anyhow::Result<Vec<DomainName>> {
    let names = register.web_names()?.into_iter().filter(|(of, _)| of == uai);
    Ok(names.map(|(_, name)| name).collect())
}

/// A request is for the names that the school has now: nobody certifies another one.
fn ensure_is_for(order: &WebOrder, names: &[DomainName]) -> anyhow::Result<()> {
    ensure!(!order.is_revoked, "the box that asked is revoked: the one in its place asks in its next night");
    ensure!(!names.is_empty(), "the school has no name: preau hub name add");
    ensure!(
        is_web_request(&order.request, &order.public_key, names),
        "what the box has asked for is not what the school's names are now: it asks anew in its next night"
    );
    Ok(())
}

/// Keeps what was made of a request, where it is what the box takes.
pub(crate) fn keep_chain(
    register: &dyn Register,
    order: &WebOrder,
    names: &[DomainName],
    pem: &str,
) -> anyhow::Result<()> {
    ensure_is_for(order, names)?;
    let chain = WebChain::read(pem)?;
    ensure!(
        chain.is_of(&order.public_key),
        "it is for another key than that of the box: certify what `preau hub certificate request` prints"
    );
    ensure!(
        chain.is_for(names),
        "it is not for all the names of the school and nothing else: preau hub name list"
    );
    let (_, until) = chain.validity();
    ensure!(until > now(), "it is over already");
    ensure!(
        register.keep_web_chain(&order.uai, &order.public_key, pem, until)?,
        "the box has asked anew at this moment: certify its new request"
    );
    Ok(())
}

pub(crate) fn in_pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines =
        text.as_bytes().chunks(LINE_LETTERS).map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
    let lines: String = lines.collect();
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{lines}-----END CERTIFICATE REQUEST-----\n")
}

#[cfg(test)]
mod tests {
    use hub::register::web::WebFailure;

    use super::*;

    #[test]
    fn a_name_that_nobody_could_prove_is_refused() {
        let zone: DomainName = "ecoles.commune.example".parse().unwrap();
        let check = |name: &str, zone: Option<&DomainName>, is_taken: bool| {
            let said = ensure_is_provable(&name.parse().unwrap(), zone);
            assert_eq!(said.is_ok(), is_taken, "{name} {zone:?}");
            let told = said.err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(told.contains("in the zone ecoles.commune.example"), !is_taken, "{told}");
        };
        check("ferry.ecoles.commune.example", Some(&zone), true);
        check("ecoles.commune.example", Some(&zone), true);
        check("ferry.commune.example", Some(&zone), false);
        check("mesecoles.commune.example", Some(&zone), false);
        check("ferry.commune.example", None, true);
    }

    #[test]
    fn the_list_says_what_became_of_each_request() {
        let at = Timestamp::from_unix_ms;
        let order = WebOrder {
            uai: "0750655E".to_owned(),
            public_key: Vec::new(),
            request: Vec::new(),
            is_revoked: false,
            asked: at(0),
            since: at(0),
            tried: None,
            failure: None,
            made: None,
        };
        let check = |order: WebOrder, expected: &[&str]| {
            let line = describe(&order, &TimeZone::UTC);
            let words: Vec<&str> = line.split('\t').skip(2).collect();
            assert_eq!(words.len(), expected.len(), "{line}");
            for (word, beginning) in words.iter().zip(expected) {
                assert!(word.starts_with(beginning), "{beginning}: {line}");
            }
        };
        check(order.clone(), &["to be certified"]);
        let failure = Some((WebFailure::Proof, "the proof is not in DNS".to_owned()));
        let failed = WebOrder { failure, ..order.clone() };
        check(failed.clone(), &["to be certified", "proof: the proof is not in DNS"]);
        let tried = WebOrder { tried: Some((at(0), at(7_200_000))), ..failed };
        check(tried, &["to be certified", "tried 1970", "again after 1970", "proof: the proof"]);
        check(WebOrder { made: Some((String::new(), at(0))), ..order }, &["good until 1970"]);
    }
}
