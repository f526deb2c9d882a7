//! With the authority that the field tries its clients with (Pebble), and a name server that takes changes by a key (Knot).

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use harness::{NameServer, Pebble};
use instant_acme::Problem;
use model::{Host, Timestamp};
use pki::{WebChain, WebKey};
use rustls::pki_types::CertificateDer;

use super::*;

const ZONE: &str = "ecoles.example";
const NAME: &str = "ferry.ecoles.example";
const PROOF: &str = "_acme-challenge.ferry.ecoles.example";

#[expect(clippy::disallowed_methods, reason = "the name server has a clock of its own")]
fn clock() -> Timestamp {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    Timestamp::from_unix_ms(i64::try_from(ms).unwrap())
}

fn names() -> Vec<DomainName> {
    [NAME, "ent.ferry.ecoles.example"].map(|name| name.parse().unwrap()).to_vec()
}

fn zone(server: SocketAddr, key: (&str, &str)) -> DnsZone {
    DnsZone {
        server: Host::Address(server.ip()),
        port: server.port(),
        zone: ZONE.parse().unwrap(),
        key: TsigKey::new(key.0, "hmac-sha256", key.1).unwrap(),
        clock,
    }
}

fn client(pebble: &Pebble, key: &WebKey) -> AcmeClient {
    let authority = CertificateDer::from_pem_file(pebble.authority()).unwrap();
    let directory = AcmeDirectory {
        url: pebble.directory(),
        contact: vec!["mailto:si@commune.example".to_owned()],
        external: None,
        authorities: vec![authority.to_vec()],
    };
    AcmeClient::new(directory, &key.write()).unwrap()
}

#[test]
fn a_zone_changes_by_its_key_and_below_itself_alone() {
    let server = NameServer::start(ZONE).unwrap();
    let own = zone(server.address(), server.key());
    own.present(PROOF, "one").unwrap();
    assert_eq!(server.look_up(PROOF).unwrap(), "\"one\"\n");
    // What a try that was cut has left goes with the next one.
    own.present(PROOF, "two").unwrap();
    assert_eq!(server.look_up(PROOF).unwrap(), "\"two\"\n");
    own.remove(PROOF, "two").unwrap();
    own.remove(PROOF, "two").unwrap();
    assert_eq!(server.look_up(PROOF).unwrap(), "");

    let check = |zone: &DnsZone, name: &str, expected: &str| {
        let said = zone.present(name, "three").unwrap_err().to_string();
        assert!(said.contains(expected), "{expected}: {said}");
    };
    check(&own, "_acme-challenge.mairie.example", "is not in the zone ecoles.example");
    let (name, secret) = server.key();
    check(&zone(server.address(), ("else", secret)), PROOF, "does not know a key");
    let other = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
    check(&zone(server.address(), (name, other)), PROOF, "another secret");
    let late = || Timestamp::from_unix_ms(clock().unix_ms() - 900_000);
    check(&DnsZone { clock: late, ..own.clone() }, PROOF, "clocks");
    let foreign = DnsZone { zone: "mairie.example".parse().unwrap(), ..own };
    check(&foreign, "_acme-challenge.mairie.example", "does not make the change");
    assert_eq!(server.look_up(PROOF).unwrap(), "");
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    check(&zone(nobody, (name, secret)), PROOF, "does not answer");
}

#[test]
fn an_authority_certifies_what_the_zone_proves() {
    let server = NameServer::start(ZONE).unwrap();
    let pebble = Pebble::start(server.address()).unwrap();
    let (account, zone) = (WebKey::generate().unwrap(), zone(server.address(), server.key()));
    // Twice, as after a restart: the account is found by its key.
    for _ in 0..2 {
        let key = WebKey::generate().unwrap();
        let request = key.request(&names()).unwrap();
        let chain = client(&pebble, &account).certify(&names(), &request, &zone).unwrap();
        let chain = WebChain::read(&chain).unwrap();
        assert!(chain.is_of(&key.public_key()) && chain.is_for(&names()));
        for name in names() {
            assert_eq!(server.look_up(&format!("_acme-challenge.{name}")).unwrap(), "", "the proof is gone");
        }
    }
}

#[test]
fn an_authority_that_serves_its_customers_alone_takes_a_key_that_an_account_vouches_for() {
    const SECRET: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let server = NameServer::start(ZONE).unwrap();
    let pebble = Pebble::start_bound(server.address(), ("kid-1", SECRET)).unwrap();
    let (account, zone) = (WebKey::generate().unwrap(), zone(server.address(), server.key()));
    let own = [NAME.parse::<DomainName>().unwrap()];
    let certify = |external: Option<ExternalAccount>| {
        let mut client = client(&pebble, &account);
        client.directory.external = external;
        let key = WebKey::generate().unwrap();
        let chain = client.certify(&own, &key.request(&own).unwrap(), &zone)?;
        Ok::<_, AcmeError>(WebChain::read(&chain).unwrap().is_of(&key.public_key()))
    };
    let vouching = |id: &str, secret: &str| Some(ExternalAccount::new(id, secret).unwrap());
    // Without it, by a key of somebody else's, or by an account that is not there, the hub is nobody's customer.
    let other = SECRET.replace("zWND", "aaaa");
    for external in [None, vouching("kid-1", &other), vouching("kid-9", SECRET)] {
        let error = certify(external).unwrap_err();
        assert!(matches!(&error, AcmeError::Authority(_)), "{error:?}");
    }
    assert!(certify(vouching("kid-1", SECRET)).unwrap());
    // The key is known from then on: as after a restart, and whatever becomes of that account.
    assert!(certify(vouching("kid-1", &other)).unwrap());
    assert!(certify(None).unwrap());
}

/// Puts nothing up, and remembers what it was to do.
#[derive(Default)]
struct Nowhere(RefCell<Vec<String>>);

impl Proofs for Nowhere {
    fn present(&self, name: &str, _: &str) -> Result<(), ProofError> {
        self.0.borrow_mut().push(format!("present {name}"));
        Ok(())
    }

    fn remove(&self, name: &str, _: &str) -> Result<(), ProofError> {
        self.0.borrow_mut().push(format!("remove {name}"));
        Ok(())
    }
}

#[test]
fn what_is_not_proved_is_not_certified_and_what_was_put_up_goes() {
    let server = NameServer::start(ZONE).unwrap();
    let pebble = Pebble::start(server.address()).unwrap();
    let (key, account) = (WebKey::generate().unwrap(), WebKey::generate().unwrap());
    let own = [NAME.parse::<DomainName>().unwrap()];
    let (request, proofs) = (key.request(&own).unwrap(), Nowhere::default());
    let error = client(&pebble, &account).certify(&own, &request, &proofs).unwrap_err();
    assert!(matches!(&error, AcmeError::Refused(why) if why.contains(NAME)), "{error:?}");
    assert_eq!(*proofs.0.borrow(), [format!("present {PROOF}"), format!("remove {PROOF}")]);
    // Who is not vouched for is not spoken to.
    let mut stranger = client(&pebble, &account);
    stranger.directory.authorities.clear();
    let error = stranger.certify(&own, &request, &proofs).unwrap_err();
    assert!(matches!(&error, AcmeError::Authority(_)) && !error.is_rate_limit(), "{error:?}");
    assert_eq!(proofs.0.borrow().len(), 2);
}

#[test]
fn a_proof_is_of_a_name_that_was_asked_for() {
    let check = |asked: &str, is_wildcard: bool, expected: Option<&str>| {
        let (asked, names) = (Identifier::Dns(asked.to_owned()), names());
        let found = find_own(&asked.authorized(is_wildcard), &names);
        assert_eq!(found.map(DomainName::as_str), expected, "{asked:?}");
    };
    check(NAME, false, Some(NAME));
    check("FERRY.ecoles.example", false, Some(NAME));
    check(NAME, true, None);
    check("mairie.example", false, None);
    check(ZONE, false, None);
    assert_eq!(find_own(&Identifier::Ip([192, 0, 2, 1].into()).authorized(false), &names()), None);
}

#[test]
fn an_authority_that_was_asked_too_often_is_known_by_its_word() {
    let problem = |word: &str| {
        let word = Some(format!("urn:ietf:params:acme:error:{word}"));
        let problem = Problem { r#type: word, detail: None, status: Some(429), subproblems: Vec::new() };
        AcmeError::from(Error::Api(problem)).is_rate_limit()
    };
    assert!(problem("rateLimited") && !problem("unauthorized"));
    assert!(!AcmeError::Key.is_rate_limit());
    let (contact, authorities) = (Vec::new(), Vec::new());
    let directory = AcmeDirectory { url: String::new(), contact, external: None, authorities };
    assert!(matches!(AcmeClient::new(directory, "no key"), Err(AcmeError::Key)));
}
