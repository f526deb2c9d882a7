//! The hub has requests of its boxes certified: by an authority whom it asks itself (ACME), or by a program that its configuration names.
//!
//! Invariant: nobody gets a request but for a school's own names; of several hubs on one register, one has it certified. Whatever is wrong here, the hub
//! runs: it says so in its log, and of each school that waits.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use anyhow::Context as _;
use hub::acme::{AcmeClient, AcmeError, ProofError, Proofs};
use hub::register::Register;
use hub::register::web::{WebFailure, WebOrder};
use model::DomainName;
use pki::{WebKey, is_web_request};
use system::certifier::{call, certify};
use system::clock::now;
use system::private::PrivateFolder;

use crate::config::{Certifier, ProofsBy};
use crate::hub_web_command::{in_pem, keep_chain, names_of};

/// How often it is looked whether something is to be certified.
const LOOK_PERIOD: Duration = Duration::from_secs(5);
/// Looks that pass without a try where the authority was asked too often: two hours. Each school's own pause is in the register.
const RESTING_LOOKS: u32 = 1_440;
/// Looks that pass where nobody can be asked, because the key of the account cannot be read: ten minutes.
const CLOSED_LOOKS: u32 = 120;
/// The key of the hub's account at the authority.
const ACCOUNT_KEY_FILE: &str = "acme-key";
/// The zone whose server takes the proofs, for the commands: a name outside is not proved.
const ZONE_FILE: &str = "certificate-zone";

/// How a request is certified.
#[expect(clippy::large_enum_variant, reason = "a hub has one")]
enum Way {
    /// By a program.
    Program(PathBuf),
    /// By an authority, by what stands in DNS.
    Acme(AcmeClient, Box<dyn Proofs>),
}

/// A program that puts proofs into DNS.
struct Hook(PathBuf);

/// What a look has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looked {
    /// The next one is soon.
    Done,
    /// The authority was asked too often.
    TooOften,
}

/// Why a request is not certified: what there is to say of it to people, where it is no trouble of the register's.
struct Failed {
    failure: Option<WebFailure>,
    error: anyhow::Error,
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self { failure: None, error }
    }
}

/// Has requests be certified, on a thread that ends with the value.
pub(crate) fn keep(
    register: &Arc<dyn Register>,
    certifier: Certifier,
    folder: &PrivateFolder,
) -> anyhow::Result<Sender<()>> {
    let mut keeper = Keeper { certifier, folder: folder.clone(), way: None, resting: 0 };
    let (keeping, ended) = mpsc::channel();
    let register = Arc::clone(register);
    std::thread::Builder::new().name("certificates".to_owned()).spawn(move || {
        keeper.open(&*register);
        while ended.recv_timeout(LOOK_PERIOD) == Err(RecvTimeoutError::Timeout) {
            keeper.look(&*register);
        }
    })?;
    Ok(keeping)
}

/// Keeps for the commands which zone is changed, where one is. Without it they look at no name: the hub goes on.
pub(crate) fn keep_zone(certifier: Option<&Certifier>, folder: &PrivateFolder) {
    let kept = match certifier {
        Some(Certifier::Acme(_, ProofsBy::Zone(it))) => folder.replace(ZONE_FILE, it.zone.as_str()),
        Some(Certifier::Acme(_, ProofsBy::Hook(_)) | Certifier::Program(_)) | None => {
            folder.remove(ZONE_FILE)
        }
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "{ZONE_FILE} cannot be written: names outside the zone are not refused");
    }
}

/// The zone outside of which no name is proved; `None` where there is none, or the hub has not run with it.
pub(crate) fn find_zone(folder: &PrivateFolder) -> Option<DomainName> {
    folder.read(ZONE_FILE).ok()??.trim().parse().ok()
}

/// Who has requests certified, look by look.
struct Keeper {
    certifier: Certifier,
    folder: PrivateFolder,
    /// `None` where the key of the account cannot be read.
    way: Option<Way>,
    /// Looks that pass without a try.
    resting: u32,
}

impl Keeper {
    fn look(&mut self, register: &dyn Register) {
        if self.resting > 0 {
            self.resting -= 1;
            return;
        }
        if self.way.is_none() {
            self.open(register);
        }
        if self.way.as_ref().is_some_and(|way| look(register, way) == Looked::TooOften) {
            self.resting = RESTING_LOOKS;
        }
    }

    /// Without the key nobody can be asked: those who wait are told, and it is looked for again, since somebody may put the right one back.
    fn open(&mut self, register: &dyn Register) {
        match Way::open(&self.certifier, &self.folder) {
            Ok(way) => self.way = Some(way),
            Err(error) => {
                tracing::error!("no names of schools are certified: {error:#}");
                for order in read_pending(register).iter().filter(|order| !is_resting(order)) {
                    note(register, order, WebFailure::Key, &error);
                }
                self.resting = CLOSED_LOOKS;
            }
        }
    }
}

impl Way {
    fn open(certifier: &Certifier, folder: &PrivateFolder) -> anyhow::Result<Self> {
        let (directory, proofs) = match certifier {
            Certifier::Program(program) => return Ok(Self::Program(program.clone())),
            Certifier::Acme(directory, proofs) => (directory.clone(), proofs),
        };
        let named =
            || format!("the key of the account at the authority {}", folder.path(ACCOUNT_KEY_FILE).display());
        let key = open_account_key(folder).with_context(named)?;
        let client = AcmeClient::new(directory, &key).with_context(named)?;
        let proofs: Box<dyn Proofs> = match proofs {
            ProofsBy::Zone(zone) => zone.clone(),
            ProofsBy::Hook(program) => Box::new(Hook(program.clone())),
        };
        Ok(Self::Acme(client, proofs))
    }

    /// Has a request, in DER, for these names certified; the chain, in PEM.
    fn certify(&self, names: &[DomainName], request: &[u8]) -> anyhow::Result<String> {
        match self {
            Self::Program(program) => {
                let words: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
                certify(program, &words, &in_pem(request)).context("the program that certifies")
            }
            Self::Acme(client, proofs) => Ok(client.certify(names, request, &**proofs)?),
        }
    }

    /// What people are told of an error of its.
    fn blame(&self, error: &anyhow::Error) -> WebFailure {
        match (self, error.downcast_ref::<AcmeError>()) {
            (Self::Program(_), _) => WebFailure::Program,
            (Self::Acme(..), Some(AcmeError::Proof { .. })) => WebFailure::Proof,
            (Self::Acme(..), Some(AcmeError::Key)) => WebFailure::Key,
            (Self::Acme(..), Some(error)) if error.is_rate_limit() => WebFailure::Often,
            (Self::Acme(..), _) => WebFailure::Authority,
        }
    }
}

/// The key is made once. The authority finds the account by it: nothing else has to outlive a power cut.
fn open_account_key(folder: &PrivateFolder) -> anyhow::Result<String> {
    if let Some(key) = folder.read(ACCOUNT_KEY_FILE)? {
        return Ok(key);
    }
    let key = WebKey::generate()?.write();
    folder.replace(ACCOUNT_KEY_FILE, &key)?;
    Ok(key)
}

impl Proofs for Hook {
    /// It ends when the world can see the text.
    fn present(&self, name: &str, value: &str) -> Result<(), ProofError> {
        Ok(call(&self.0, &["present", name, value])?)
    }

    fn remove(&self, name: &str, value: &str) -> Result<(), ProofError> {
        Ok(call(&self.0, &["cleanup", name, value])?)
    }
}

/// One after the other: each may take minutes.
fn look(register: &dyn Register, way: &Way) -> Looked {
    for order in read_pending(register) {
        match carry_out(register, way, &order) {
            Ok(true) => tracing::info!(school = order.uai, "the names of a school are certified"),
            Ok(false) => {}
            Err(Failed { failure, error }) => {
                tracing::error!(school = order.uai, "the names of a school are not certified: {error:#}");
                if let Some(failure) = failure {
                    note(register, &order, failure, &error);
                }
                // What it says of one school holds for all.
                if failure == Some(WebFailure::Often) {
                    return Looked::TooOften;
                }
            }
        }
    }
    Looked::Done
}

/// What is to be certified; nothing where the register cannot be read. Whoever was tried last comes last: one school of which the authority has enough
/// does not have the others wait each time.
fn read_pending(register: &dyn Register) -> Vec<WebOrder> {
    let mut orders = register.pending_web_orders().unwrap_or_else(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "requests for certificates cannot be read");
        Vec::new()
    });
    orders.sort_by_key(|order| order.tried.map(|(tried, _)| tried));
    orders
}

/// Whether it was tried lately, perhaps by another hub of the register that has its key: what that one found out stands until it is tried again.
fn is_resting(order: &WebOrder) -> bool {
    let now = now();
    order.tried.is_some_and(|(tried, next)| tried <= now && now < next)
}

/// Notes why a school waits, for the pages and the list of certificates.
fn note(register: &dyn Register, order: &WebOrder, failure: WebFailure, error: &anyhow::Error) {
    let noted = register.note_web_failure(&order.uai, &order.public_key, failure, &format!("{error:#}"));
    if let Err(error) = noted {
        tracing::warn!(error = &error as &dyn std::error::Error, "why a school waits cannot be noted");
    }
}

/// Has a request be certified; whether it was to be, now and by this hub.
fn carry_out(register: &dyn Register, way: &Way, order: &WebOrder) -> Result<bool, Failed> {
    let names = names_of(register, &order.uai)?;
    // Where the names have become others, the box asks anew in its next night; that one does not wait for this one.
    if !is_web_request(&order.request, &order.public_key, &names) {
        return Ok(false);
    }
    let is_claimed = register.claim_web_request(&order.uai, &order.public_key, now());
    if !is_claimed.map_err(anyhow::Error::from)? {
        return Ok(false);
    }
    let chain = way.certify(&names, &order.request);
    let chain = chain.map_err(|error| Failed { failure: Some(way.blame(&error)), error })?;
    let kept = keep_chain(register, order, &names, &chain);
    kept.map_err(|error| Failed { failure: Some(WebFailure::Chain), error })?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use hub::acme::AcmeDirectory;
    use hub::register::BoxId;
    use hub::register::sqlite::SqliteRegister;
    use model::{Timestamp, Uai};
    use replication::School;

    use super::*;
    use crate::config::HubConfig;

    #[test]
    fn the_program_gets_what_is_for_the_names_of_the_school_and_seldom() {
        let folder = tempfile::tempdir().unwrap();
        let (program, runs) = (folder.path().join("certify"), folder.path().join("runs"));
        fs::write(&program, format!("#!/bin/sh\necho \"$@\" >> {}\nexit 3\n", runs.display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let way = Way::Program(program);
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
            assert_eq!(look(&*register, &way), Looked::Done);
            fs::read_to_string(&runs).unwrap_or_default()
        };
        assert_eq!(ask(std::slice::from_ref(&own)), "", "the school has no name");
        assert!(register.add_web_name(&uai, &own).unwrap());
        assert_eq!(ask(&[own.clone(), other]), "", "one name too many");
        let once = "ferry.ecoles.example\n";
        assert_eq!(ask(std::slice::from_ref(&own)), once);
        let order = register.pending_web_orders().unwrap().pop().unwrap();
        let (failure, said) = order.failure.unwrap();
        assert!(failure == WebFailure::Program && said.starts_with("the program that certifies"), "{said}");
        assert!(order.tried.is_some_and(|(tried, next)| tried < next));
        assert_eq!(ask(std::slice::from_ref(&own)), once, "what failed rests, though it is asked anew");
    }

    #[test]
    fn who_was_tried_last_comes_after_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let (program, runs) = (folder.path().join("certify"), folder.path().join("runs"));
        fs::write(&program, format!("#!/bin/sh\necho \"$@\" >> {}\nexit 3\n", runs.display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let register: Arc<dyn Register> =
            Arc::new(SqliteRegister::open(&folder.path().join("register.sqlite")).unwrap());
        let put = |uai: &str, name: &str| {
            let school = School { uai: uai.to_owned(), name: "École".to_owned(), rooms: vec![] };
            register.put_school(&school).unwrap();
            let name: DomainName = name.parse().unwrap();
            assert!(register.add_web_name(&uai.parse().unwrap(), &name).unwrap());
            let key = WebKey::generate().unwrap();
            let request = key.request(&[name]).unwrap();
            register.put_web_request(uai, BoxId(1), &key.public_key(), &request, now()).unwrap();
            key.public_key()
        };
        let key = put("0750655E", "ferry.ecoles.example");
        put("0911234X", "hugo.ecoles.example");
        let before = Timestamp::from_unix_ms(now().unix_ms() - 3 * 3_600_000);
        assert!(register.claim_web_request("0750655E", &key, before).unwrap());
        assert_eq!(look(&*register, &Way::Program(program)), Looked::Done);
        assert_eq!(fs::read_to_string(&runs).unwrap(), "hugo.ecoles.example\nferry.ecoles.example\n");
    }

    #[test]
    fn the_account_has_one_key_that_nobody_else_reads() {
        let around = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::new(around.path());
        let open = || {
            let url = "https://acme.example/dir".to_owned();
            let (contact, authorities) = (Vec::new(), Vec::new());
            let directory = AcmeDirectory { url, contact, external: None, authorities };
            let hook = ProofsBy::Hook("/bin/true".into());
            Way::open(&Certifier::Acme(directory, hook), &folder).map(|way| matches!(way, Way::Acme(..)))
        };
        assert!(open().unwrap());
        let path = folder.path(ACCOUNT_KEY_FILE);
        let key = fs::read_to_string(&path).unwrap();
        assert!(open().unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), key, "made once");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        // What is damaged is told, and stays for whoever puts the right one back.
        fs::write(&path, "damaged").unwrap();
        assert!(format!("{:#}", open().unwrap_err()).contains("acme-key"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "damaged");
    }

    #[test]
    fn a_damaged_key_ends_nothing_and_those_who_wait_are_told_why() {
        let around = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::new(around.path());
        let register: Arc<dyn Register> =
            Arc::new(SqliteRegister::open(&around.path().join("register.sqlite")).unwrap());
        let (uai, name): (Uai, DomainName) =
            ("0750655E".parse().unwrap(), "ferry.ecoles.example".parse().unwrap());
        let school = School { uai: uai.to_string(), name: "École".to_owned(), rooms: vec![] };
        register.put_school(&school).unwrap();
        assert!(register.add_web_name(&uai, &name).unwrap());
        let key = WebKey::generate().unwrap();
        let request = key.request(std::slice::from_ref(&name)).unwrap();
        register.put_web_request(uai.as_str(), BoxId(1), &key.public_key(), &request, now()).unwrap();
        let directory = AcmeDirectory {
            // Nobody is there.
            url: "https://127.0.0.1:1/dir".to_owned(),
            contact: Vec::new(),
            external: None,
            authorities: Vec::new(),
        };
        let certifier = Certifier::Acme(directory, ProofsBy::Hook("/bin/true".into()));
        let mut keeper = Keeper { certifier, folder: folder.clone(), way: None, resting: 0 };
        let told = || {
            let order = register.pending_web_orders().unwrap().pop().unwrap();
            (order.failure.unwrap(), order.tried.is_some())
        };
        fs::write(folder.path(ACCOUNT_KEY_FILE), "damaged").unwrap();
        keeper.look(&*register);
        let ((failure, said), is_tried) = told();
        assert!(failure == WebFailure::Key && said.contains("acme-key"), "{said}");
        assert!(keeper.way.is_none() && !is_tried, "the tries of the day are left");
        // What is no file at all is no end either.
        fs::remove_file(folder.path(ACCOUNT_KEY_FILE)).unwrap();
        fs::create_dir(folder.path(ACCOUNT_KEY_FILE)).unwrap();
        keeper.resting = 0;
        keeper.look(&*register);
        assert!(keeper.way.is_none() && keeper.resting == CLOSED_LOOKS);
        // It is put back: no start is needed.
        fs::remove_dir(folder.path(ACCOUNT_KEY_FILE)).unwrap();
        for _ in 0..=CLOSED_LOOKS {
            keeper.look(&*register);
        }
        let ((failure, said), is_tried) = told();
        assert!(keeper.way.is_some() && is_tried && failure == WebFailure::Authority, "{said}");
        // Another hub of the register, whose key is damaged, does not talk over that.
        fs::write(folder.path(ACCOUNT_KEY_FILE), "damaged").unwrap();
        (keeper.way, keeper.resting) = (None, 0);
        keeper.look(&*register);
        assert!(keeper.way.is_none() && told().0.0 == WebFailure::Authority);
    }

    #[test]
    fn the_zone_is_there_for_the_commands_as_long_as_it_is_changed() {
        let around = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::new(around.path());
        let file = around.path().join("key");
        fs::write(&file, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n").unwrap();
        let text = format!(
            "version = 1\n[certificates]\nacme = {{ directory = 'https://acme.example/dir', terms_agreed = true }}\n\
             dns = {{ server = 'ns1.commune.example', zone = 'ecoles.example', key_name = 'preau', secret_file = '{}' }}\n",
            file.display()
        );
        let configuration = around.path().join("hub.toml");
        fs::write(&configuration, text).unwrap();
        let certifier = HubConfig::load(Some(&configuration)).unwrap().certifier;
        assert_eq!(find_zone(&folder), None);
        keep_zone(certifier.as_ref(), &folder);
        assert_eq!(find_zone(&folder), Some("ecoles.example".parse().unwrap()));
        keep_zone(Some(&Certifier::Program("/bin/true".into())), &folder);
        assert_eq!(find_zone(&folder), None);
        keep_zone(None, &folder);
        assert_eq!(find_zone(&folder), None);
    }

    #[test]
    fn a_hook_is_told_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let (program, told) = (folder.path().join("hook"), folder.path().join("told"));
        let script = format!("#!/bin/sh\necho \"$@\" >> {}\n[ \"$3\" != bad ]\n", told.display());
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let hook = Hook(program);
        hook.present("_acme-challenge.ferry.example", "value").unwrap();
        hook.remove("_acme-challenge.ferry.example", "value").unwrap();
        assert!(hook.present("_acme-challenge.ferry.example", "bad").is_err());
        let expected =
            ["present", "cleanup"].map(|deed| format!("{deed} _acme-challenge.ferry.example value\n"));
        assert!(fs::read_to_string(&told).unwrap().starts_with(&expected.concat()));
    }
}
