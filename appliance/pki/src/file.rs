//! The authority as a file: text that technicians and openssl read. docs/formats.md describes it.

use std::net::IpAddr;

use model::{DomainName, Host};

use crate::names::Names;

/// The first line: what it is, and in which version.
const FIRST_LINE: &str = "PREAU AUTHORITY 1";
/// Before each name and address that the certificate is for.
const NAME_LABEL: &str = "for ";
/// Before the BLAKE3 of all bytes up to it, in the last line.
const CHECKSUM_LABEL: &str = "blake3 ";
/// Where the key ends and the certificate begins.
const CERTIFICATE_BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const KEY_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";

/// Most bytes of the file: with a hundred names it has eight thousand.
pub const BYTES_MAX: u64 = 64 * 1024;

/// A file that is no authority, or not a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It does not begin as one.
    #[error("it is not an authority's file of version 1")]
    Kind,
    /// Its checksum is missing or another one: it was cut short or changed.
    #[error("its checksum is wrong: it was cut short or changed")]
    Checksum,
    /// A line names no host.
    #[error("a line names no host")]
    Name,
    /// The key is missing, or not one.
    #[error("it has no key")]
    Key,
    /// The certificate is missing, or not one.
    #[error("it has no certificate")]
    Certificate,
}

/// What is in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) names: Names,
    pub(crate) key_pem: String,
    pub(crate) certificate_pem: String,
}

pub(crate) fn write(names: &Names, key_pem: &str, certificate_pem: &str) -> String {
    let names: String = names.texts().map(|name| format!("{NAME_LABEL}{name}\n")).collect();
    // One kind of line ends, whatever the encoder likes.
    let pem = [key_pem, certificate_pem].map(|pem| format!("{}\n", pem.trim_end().replace("\r\n", "\n")));
    let body = format!("{FIRST_LINE}\n{names}{}", pem.concat());
    let checksum = checksum(&body);
    format!("{body}{CHECKSUM_LABEL}{checksum}\n")
}

pub(crate) fn read(text: &str) -> Result<Parts, Damage> {
    let rest = text.strip_prefix(FIRST_LINE).and_then(|rest| rest.strip_prefix('\n')).ok_or(Damage::Kind)?;
    let (body, written) = text.rsplit_once(CHECKSUM_LABEL).ok_or(Damage::Checksum)?;
    if written.strip_suffix('\n') != Some(checksum(body).as_str()) {
        return Err(Damage::Checksum);
    }
    let end = rest.find(KEY_BEGIN).ok_or(Damage::Key)?;
    let (names, rest) = rest.split_at_checked(end).ok_or(Damage::Key)?;
    let end = rest.find(CERTIFICATE_BEGIN).ok_or(Damage::Certificate)?;
    let (key_pem, rest) = rest.split_at_checked(end).ok_or(Damage::Certificate)?;
    let (certificate_pem, _) = rest.rsplit_once(CHECKSUM_LABEL).ok_or(Damage::Checksum)?;
    Ok(Parts {
        names: read_names(names)?,
        key_pem: key_pem.to_owned(),
        certificate_pem: certificate_pem.to_owned(),
    })
}

fn read_names(lines: &str) -> Result<Names, Damage> {
    let (mut domains, mut addresses): (Vec<DomainName>, Vec<IpAddr>) = (vec![], vec![]);
    for line in lines.lines() {
        let host =
            line.strip_prefix(NAME_LABEL).and_then(|name| Host::parse(name).ok()).ok_or(Damage::Name)?;
        match host {
            Host::Name(name) => domains.push(name),
            Host::Address(address) => addresses.push(address),
        }
    }
    Ok(Names::new(domains, addresses))
}

fn checksum(body: &str) -> String {
    blake3::hash(body.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Authority;

    const GOLDEN: &str = include_str!("../testdata/authority-v1.txt");

    #[test]
    fn the_golden_file_is_read_and_written_back() {
        let authority = Authority::read(GOLDEN).unwrap();
        let names: Vec<_> = authority.names().texts().collect();
        assert_eq!(names, ["ent.example", "preau.lan", "10.77.0.1", "fd77::1"]);
        assert_eq!(authority.write(), GOLDEN);
        assert_eq!(
            authority.fingerprint(),
            "2D:8D:E8:6F:F6:22:E4:8B:D4:C1:3A:0C:46:D8:A1:48:C0:11:2A:2C:0F:BB:53:81:AF:C3:58:76:BF:ED:48:34"
        );
    }

    /// The same with a checksum that is right.
    fn sealed(body: &str) -> String {
        format!("{body}{CHECKSUM_LABEL}{}\n", checksum(body))
    }

    #[test]
    fn what_is_wrong_is_told() {
        let body = GOLDEN.rsplit_once(CHECKSUM_LABEL).unwrap().0;
        let check =
            |text: &str, expected: Damage| assert_eq!(Authority::read(text).unwrap_err(), expected, "{text}");
        check("", Damage::Kind);
        check(&GOLDEN.replace("AUTHORITY 1", "AUTHORITY 2"), Damage::Kind);
        check(body, Damage::Checksum);
        check(GOLDEN.trim_end(), Damage::Checksum);
        check(&GOLDEN.replace("for preau.lan", "for preau.fr"), Damage::Checksum);
        check(&sealed(&body.replace("for preau.lan", "preau.lan")), Damage::Name);
        check(&sealed(&body.replace("for preau.lan", "for a b")), Damage::Name);
        check(&sealed(&body.replace(KEY_BEGIN, "-----BEGIN KEY-----")), Damage::Key);
        check(&sealed(&body.replace(CERTIFICATE_BEGIN, "")), Damage::Certificate);
        check(&sealed(&format!("{FIRST_LINE}\n{KEY_BEGIN}\n{CERTIFICATE_BEGIN}\n")), Damage::Key);
    }

    proptest! {
        #[test]
        fn no_byte_can_change_unseen(at in 0..GOLDEN.len(), byte in b' '..=b'~') {
            let mut bytes = GOLDEN.as_bytes().to_vec();
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            prop_assert!(Authority::read(&String::from_utf8(bytes).unwrap()).is_err());
        }

        #[test]
        fn no_part_is_taken_for_the_whole(end in 0..GOLDEN.len()) {
            prop_assert!(Authority::read(&GOLDEN[..end]).is_err());
        }
    }
}
