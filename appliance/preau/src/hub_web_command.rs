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
use model::{DomainName, Uai};
use pki::{WebChain, is_web_request};
use system::clock::now;

use crate::cli::{HubCertificateCommand, HubNameCommand};
use crate::config::read_file_up_to;
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
            for WebOrder { uai, asked, made, .. } in open_register(&data.path)?.web_orders()? {
                let until = made.map_or_else(
                    || "to be certified".to_owned(),
                    |(_, until)| format!("good until {}", times::write(until, &zone)),
                );
                writeln!(out, "{uai}\tasked {}\t{until}", times::write(asked, &zone))?;
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
