//! `[certificates]` of a hub: who certifies the names of the commune's schools, and how it is proved whose they are.

use std::path::PathBuf;

use hub::acme::{AcmeDirectory, DnsZone, ExternalAccount, TsigKey};
use model::{DomainName, Host};
use system::clock::now;

use super::contact::Contact;
use super::hub::{read_authorities, read_secret, read_url};
use super::section::Section;

/// What name servers make keys with, where they are not asked for another algorithm.
const ALGORITHM: &str = "hmac-sha256";
const DNS_PORT: u16 = 53;
/// The ways, as there are: each is one of the keys, or two of them.
const KEYS: [&str; 4] = ["program", "acme", "dns", "hook"];

/// Who certifies.
#[expect(clippy::large_enum_variant, reason = "a hub has one")]
#[derive(Debug)]
pub(crate) enum Certifier {
    /// A program, which leads wherever it leads.
    Program(PathBuf),
    /// An authority, whom the hub asks itself.
    Acme(AcmeDirectory, ProofsBy),
}

/// How proofs come into DNS.
#[derive(Debug)]
pub(crate) enum ProofsBy {
    /// By the zone's server.
    Zone(Box<DnsZone>),
    /// By a program.
    Hook(PathBuf),
}

pub(super) fn read_certificates(table: &mut Section<'_>) -> Option<Certifier> {
    let (span, is_there) = (table.span(), KEYS.map(|key| table.contains(key)));
    let program = table.path("program");
    let acme = table.table("acme", read_acme).and_then(|acme| acme.value);
    let zone = table.table("dns", read_zone).and_then(|zone| zone.value);
    let hook = table.path("hook");
    match is_there {
        [true, false, false, false] => Some(Certifier::Program(program?.value)),
        [false, true, true, false] => Some(Certifier::Acme(acme?, ProofsBy::Zone(Box::new(zone?)))),
        [false, true, false, true] => Some(Certifier::Acme(acme?, ProofsBy::Hook(hook?.value))),
        _ => {
            table.reject(span, "one way: `program`; or `acme` with `dns`; or `acme` with `hook`");
            None
        }
    }
}

fn read_acme(acme: &mut Section<'_>) -> Option<AcmeDirectory> {
    let span = acme.span();
    if !acme.contains("directory") {
        acme.reject(span, "the key `directory` is missing here");
    }
    let url = read_url(acme, "directory", &["https://"]);
    let contact = acme.parse_list::<Contact>("contact").iter().map(Contact::to_string).collect();
    let authorities = read_authorities(acme);
    if acme.optional::<bool>("terms_agreed") != Some(true) {
        acme.reject(
            span,
            "`terms_agreed = true` says that you agree to the authority's terms: read them first",
        );
    }
    let external = read_external(acme);
    Some(AcmeDirectory { url: url?, contact, external, authorities })
}

/// The commune's account with an authority that serves its customers alone. What is wrong with it is told.
fn read_external(acme: &mut Section<'_>) -> Option<ExternalAccount> {
    let span = acme.span();
    let is_there = ["external_account", "external_key_file"].map(|key| acme.contains(key));
    let id = acme.optional::<String>("external_account");
    let key = read_secret(acme, "external_key_file", true);
    if matches!(is_there, [true, false] | [false, true]) {
        let message = "`external_account` and `external_key_file` go together: the authority shows both";
        acme.reject(span, message);
        return None;
    }
    match ExternalAccount::new(&id?, &key?) {
        Ok(external) => Some(external),
        Err(error) => {
            acme.reject(span, error.to_string());
            None
        }
    }
}

fn read_zone(dns: &mut Section<'_>) -> Option<DnsZone> {
    let span = dns.span();
    let server = dns.required_spanned::<String>("server").and_then(|text| match Host::parse(&text.value) {
        Ok(server) => Some(server),
        Err(error) => {
            dns.reject(text.span, format!("`{}` is no name and no address: {error}", text.value));
            None
        }
    });
    let port = dns.port("port", DNS_PORT);
    let zone = dns.required_parse::<DomainName>("zone");
    let name = dns.required::<String>("key_name");
    let algorithm = dns.optional::<String>("algorithm").unwrap_or_else(|| ALGORITHM.to_owned());
    if !dns.contains("secret_file") {
        dns.reject(span, "the key `secret_file` is missing here");
    }
    let secret = read_secret(dns, "secret_file", true);
    let key = match TsigKey::new(&name?, &algorithm, &secret?) {
        Ok(key) => key,
        Err(error) => {
            dns.reject(span, error.to_string());
            return None;
        }
    };
    Some(DnsZone { server: server?, port: port?.number, zone: zone?, key, clock: now })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::hub::HubConfig;
    use super::*;

    const ACME: &str = "acme = { directory = 'https://acme.example/dir', contact = ['mailto:si@commune.example'], terms_agreed = true }\n";

    /// The certifier of a configuration, or every mistake of it.
    fn read(certificates: &str) -> Result<Option<Certifier>, String> {
        let config = HubConfig::parse(&format!("version = 1\n[certificates]\n{certificates}"));
        let told = |mistakes: Vec<super::super::Problem>| {
            mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        config.map(|config| config.certifier).map_err(told)
    }

    fn zone(file: &str, more: &str) -> String {
        format!(
            "dns = {{ server = 'ns1.commune.example', zone = 'ecoles.commune.example', key_name = 'preau', secret_file = '{file}'{more} }}\n"
        )
    }

    #[test]
    fn each_way_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        fs::write(&file, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n").unwrap();
        let file = file.display().to_string();
        let program = read("program = '/usr/local/bin/certify'").unwrap();
        assert!(
            matches!(&program, Some(Certifier::Program(path)) if path.ends_with("certify")),
            "{program:?}"
        );
        let hook = read(&format!("{ACME}hook = '/usr/local/bin/hook'")).unwrap();
        assert!(matches!(hook, Some(Certifier::Acme(_, ProofsBy::Hook(_)))), "{hook:?}");
        let Ok(Some(Certifier::Acme(directory, ProofsBy::Zone(found)))) =
            read(&format!("{ACME}{}", zone(&file, ", port = 5353")))
        else {
            panic!("no zone")
        };
        assert_eq!(directory.url, "https://acme.example/dir");
        assert_eq!(directory.contact, ["mailto:si@commune.example"]);
        assert_eq!((found.zone.as_str(), found.port), ("ecoles.commune.example", 5353));
        assert!(directory.external.is_none());
        let account = format!(", external_account = 'kid-1', external_key_file = '{file}' }}");
        let bound = format!("{}hook = '/usr/local/bin/hook'", ACME.replace(" }", &account));
        let Ok(Some(Certifier::Acme(directory, _))) = read(&bound) else { panic!("no account") };
        assert!(format!("{:?}", directory.external).contains("kid-1"));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let (good, bad) = (file("good", "MDEyMzQ1Njc4OWFiY2RlZg=="), file("bad", "not in base 64, but long"));
        let hook = "hook = '/usr/local/bin/hook'\n";
        let external = |more: &str| {
            format!("{}{hook}", ACME.replace(" }", &format!(", external_account = 'kid-1'{more} }}")))
        };
        for (text, words) in [
            (String::new(), "one way"),
            (ACME.to_owned(), "one way"),
            (hook.to_owned(), "one way"),
            (zone(&good, ""), "one way"),
            (format!("{ACME}{hook}{}", zone(&good, "")), "one way"),
            (format!("{ACME}{hook}program = '/bin/true'"), "one way"),
            (format!("acme = {{ terms_agreed = true }}\n{hook}"), "`directory` is missing"),
            (
                format!("acme = {{ directory = 'http://a.example/', terms_agreed = true }}\n{hook}"),
                "https://",
            ),
            (format!("acme = {{ directory = 'https://a.example/' }}\n{hook}"), "terms_agreed = true"),
            (format!("{}{hook}", ACME.replace("true", "false")), "terms_agreed = true"),
            (format!("{}{hook}", ACME.replace("mailto:", "")), "a contact is"),
            (external(""), "go together"),
            (external(&format!(", external_key_file = '{bad}'")), "base 64"),
            (external(", external_key_file = '/nowhere/key'"), "cannot be read"),
            (external(&format!(", external_key_file = '{good}'")).replace("kid-1", ""), "1 to 256 letters"),
            (format!("{ACME}{}", zone(&good, ", algorithm = 'hmac-md5'")), "hmac-sha512"),
            (format!("{ACME}{}", zone(&good, ", colour = 'green'")), "unknown key `colour`"),
            (format!("{ACME}{}", zone(&bad, "")), "base 64"),
            (format!("{ACME}{}", zone("/nowhere/key", "")), "cannot be read"),
            (
                format!("{ACME}dns = {{ server = '-', zone = 'a.example', key_name = 'a' }}"),
                "`secret_file` is missing",
            ),
        ] {
            let told = read(&text).unwrap_err();
            assert!(told.contains(words), "{words}: {told}");
        }
    }
}
