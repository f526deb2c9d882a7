//! Schools and their boxes, as a register and the boxes' folders have them after they enrolled.
//!
//! The exchange itself is left out: a hub takes twenty of one address in a minute, and this is one address.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow};
use hub::register::{Fingerprint, NewBox};
use model::{Timestamp, Uai};
use pki::{MemberAuthority, MemberKey};
use replication::{Encoded, Enrolled, School};
use sync::{HubFolder, Identity};
use system::authority;
use system::clock::now;

use super::engines::Hubs;
use super::template::Template;

const HOUR_MS: i64 = 3_600_000;
/// How many boxes are written at a time.
const WRITERS: usize = 8;

/// Makes so many boxes in `place`, each enrolled; their data folders. Of several processes, each has its share of them.
///
/// # Errors
/// The register or the disk fails.
pub fn enrol(hubs: &Hubs, template: &Template, count: usize, place: &Path) -> Result<Vec<PathBuf>> {
    let register = hubs.register()?;
    let members = MemberAuthority::read(&fs::read_to_string(hubs.folder.join("members"))?)?;
    let root = authority::find(&hubs.folder.join("authority"))?.context("the hub's authority")?;
    let root = root.certificate_der();
    let until = Timestamp::from_unix_ms(now().unix_ms() + HOUR_MS);
    let mut boxes = Vec::new();
    for number in 0..count {
        let uai = uai(number)?;
        let school = School { uai: uai.to_string(), name: format!("École {number}"), rooms: vec![] };
        register.put_school(&school)?;
        let code = hub::make_code(&*register, &uai, false, until)?;
        let key = MemberKey::generate()?;
        let membership = members.certify(key.public_key(), uai.as_str(), now())?;
        let new = NewBox {
            log_key: template.log_key.clone(),
            version: "0.1.0".to_owned(),
            public_key: key.public_key().to_vec(),
            certificate: Fingerprint::of(&membership.certificate_der),
            certificate_until: membership.until,
        };
        let id = register.enrol(&code.number(), &new, now())?;
        let address = hubs.addresses.get(number % hubs.addresses.len()).context("a hub")?;
        let identity = Identity {
            url: format!("https://{address}").parse()?,
            authority: root.clone(),
            enrolled: Enrolled {
                box_id: id.0,
                certificate: Encoded(membership.certificate_der),
                valid_ms: (membership.from.unix_ms(), membership.until.unix_ms()),
                school,
                witness_key: hubs.witness.clone(),
                replaces: false,
            },
            key,
        };
        boxes.push((place.join(format!("box-{number}")), identity));
    }
    keep(&boxes)?;
    Ok(boxes.into_iter().map(|(data, _)| data).collect())
}

/// Writes what each box is into its folder. Each waits for the disk, so that several do it at a time.
fn keep(boxes: &[(PathBuf, Identity)]) -> Result<()> {
    thread::scope(|scope| {
        let share = boxes.len().div_ceil(WRITERS).max(1);
        let writers = boxes.chunks(share).map(|some| {
            scope.spawn(move || some.iter().try_for_each(|(data, identity)| keep_one(data, identity)))
        });
        let writers: Vec<_> = writers.collect();
        writers
            .into_iter()
            .try_for_each(|writer| writer.join().map_err(|_| anyhow!("a writer broke down"))?)
    })
}

fn keep_one(data: &Path, identity: &Identity) -> Result<()> {
    fs::create_dir_all(data)?;
    let folder = HubFolder::new(data);
    let _lock = folder.lock()?;
    Ok(folder.keep(identity)?)
}

/// An identifier of a school that is none: its number, and the letter that belongs to it.
fn uai(number: usize) -> Result<Uai> {
    let digits = format!("{:07}", 9_000_000 + number);
    ('A'..='Z').find_map(|letter| format!("{digits}{letter}").parse().ok()).context("an identifier")
}
