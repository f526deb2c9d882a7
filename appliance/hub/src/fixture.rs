//! A hub of a test's own, with one box.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use archive::{Identity, SigningKey};
use model::Timestamp;

use crate::blobs::folder::BlobFolder;
use crate::register::sqlite::SqliteRegister;
use crate::register::{BoxId, Fingerprint, NewBox, Register};
use crate::{Enroller, Hub, make_code};

/// Before anything lies anywhere, and long after.
pub(crate) const EARLY: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);
pub(crate) const LATE: Timestamp = Timestamp::from_unix_ms(4_000_000_000_000);
/// The school.
pub(crate) const UAI: &str = "0750655E";
/// The key of its boxes' log.
pub(crate) const LOG_KEY: &str = "key";

/// A hub in `folder`, where it is early, and its box.
pub(crate) fn open(folder: &Path) -> (Hub, BoxId) {
    let register = SqliteRegister::open(&folder.join("register")).unwrap();
    let school = replication::School { uai: UAI.to_owned(), name: "École".to_owned(), rooms: vec![] };
    register.put_school(&school).unwrap();
    let of = enrol(&register, b"x", false);
    let members = pki::MemberAuthority::generate().unwrap();
    let hub = Hub {
        register: Arc::new(register),
        blobs: Arc::new(BlobFolder::new(&folder.join("files"))),
        enroller: Enroller::new(members, replication::AuthorityHash::of(b"a"), "w".to_owned()),
        witness: SigningKey::of_witness([7; 32]).unwrap(),
        snapshot_key: Identity::generate(),
        clock: || EARLY,
        office: None,
        lists: None,
        incoming: crate::library::Incoming::new(folder, |_| None),
    };
    (hub, of)
}

/// One more of its boxes, by another certificate and the same key.
pub(crate) fn enrol(register: &dyn Register, certificate: &[u8], is_replacement: bool) -> BoxId {
    let code = make_code(register, &UAI.parse().unwrap(), is_replacement, LATE).unwrap();
    let new = NewBox {
        log_key: LOG_KEY.to_owned(),
        version: "0.1".to_owned(),
        public_key: certificate.to_vec(),
        certificate: Fingerprint::of(certificate),
        certificate_until: LATE,
    };
    register.enrol(&code.number(), &new, EARLY).unwrap()
}

/// A request of HTTP that a test's own server gets: its head, and its body.
pub(crate) fn read_request(stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}
