//! What fills the hub's ports, as its folder tells: SQLite or PostgreSQL, and a folder.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use hub::blobs::Blobs;
use hub::blobs::folder::BlobFolder;
use hub::register::Records;
use hub::register::postgres::PostgresRegister;
use hub::register::sqlite::SqliteRegister;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use system::machine;
use system::private::PrivateFolder;

use crate::cli::EngineArguments;

const REGISTER_FILE: &str = "register.sqlite";
const BLOBS_FOLDER: &str = "files";
/// Which engines, as JSON.
const ENGINES_FILE: &str = "engines";
/// Their secrets: `postgres PASSWORD`, one a line.
const CREDENTIALS_FILE: &str = "credentials";
/// Who may vouch for the database's server, in PEM; where there is none, the public authorities.
const POSTGRES_AUTHORITY_FILE: &str = "postgres-authority";
const VERSION: u32 = 1;
/// What is left free of the hub's disk: its register has to be written still.
const RESERVE_BYTES: u64 = 1 << 30;

/// The file of engines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Engines {
    version: u32,
    /// The address of a PostgreSQL; without it, SQLite.
    #[serde(default)]
    register: Option<String>,
}

/// Keeps what the hub is told of its engines, for itself and for every command; what it is not told stays.
pub(crate) fn keep(data: &Path, arguments: &EngineArguments) -> anyhow::Result<()> {
    let folder = PrivateFolder::new(data);
    let before = read(&folder)?;
    let EngineArguments { register } = arguments.clone();
    let is_local = |text: &String| text == "sqlite";
    let choose = |said: Option<String>, kept: Option<String>| match said {
        Some(said) if is_local(&said) => None,
        Some(said) => Some(said),
        None => kept,
    };
    let engines = Engines { version: VERSION, register: choose(register, before.register.clone()) };
    if let Some(address) = &engines.register {
        check_register(address)?;
    }
    if engines != before && engines != Engines::local() {
        folder
            .replace(ENGINES_FILE, &serde_json::to_string_pretty(&engines)?)
            .context("the file of engines")?;
    } else if engines != before {
        folder.remove(ENGINES_FILE).context("the file of engines")?;
    }
    Ok(())
}

/// The hub's register.
pub(crate) fn open_register(data: &Path) -> anyhow::Result<Arc<dyn Records>> {
    let folder = PrivateFolder::new(data);
    folder.make().with_context(|| format!("cannot make the folder {}", data.display()))?;
    let Some(address) = read(&folder)?.register else {
        let path = data.join(REGISTER_FILE);
        let register =
            SqliteRegister::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        return Ok(Arc::new(register));
    };
    let secrets = find_secrets(&folder, "postgres")?;
    let roots = read_roots(&folder)?;
    let register = PostgresRegister::open(&address, secrets.first().map(String::as_str), roots);
    Ok(Arc::new(register.context("the register in PostgreSQL cannot be opened")?))
}

/// The files of boxes.
pub(crate) fn open_blobs(data: &Path) -> anyhow::Result<Arc<dyn Blobs>> {
    let free = |folder: &Path| machine::measure_disk(folder).map(|(free, _)| free);
    Ok(Arc::new(BlobFolder::new(&data.join(BLOBS_FOLDER)).with_reserve(RESERVE_BYTES, free)))
}

impl Engines {
    fn local() -> Self {
        Self { version: VERSION, ..Self::default() }
    }
}

fn read(folder: &PrivateFolder) -> anyhow::Result<Engines> {
    let named = || folder.path(ENGINES_FILE).display().to_string();
    let Some(text) = folder.read(ENGINES_FILE).with_context(named)? else { return Ok(Engines::local()) };
    let engines: Engines = serde_json::from_str(&text).with_context(named)?;
    ensure!(
        engines.version == VERSION,
        "{}: version {} is not known to this preau",
        named(),
        engines.version
    );
    Ok(engines)
}

/// Whoever lists the machine's processes would read it.
fn check_register(address: &str) -> anyhow::Result<()> {
    ensure!(
        address.starts_with("postgres://") || address.starts_with("postgresql://"),
        "the register is `sqlite`, or an address as in postgres://preau@db.commune.example/hub"
    );
    let authority = address.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    let has_password = user.contains(':') || address.contains("password=");
    ensure!(
        !has_password,
        "the password belongs into the file {CREDENTIALS_FILE}: a line `postgres PASSWORD`"
    );
    Ok(())
}

/// What stands behind a word in the file of secrets.
fn find_secrets(folder: &PrivateFolder, word: &str) -> anyhow::Result<Vec<String>> {
    let text =
        folder.read(CREDENTIALS_FILE).with_context(|| folder.path(CREDENTIALS_FILE).display().to_string())?;
    let text = text.unwrap_or_default();
    let mut lines = text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    let found = lines.find(|line| line.first().is_some_and(|first| first == word));
    Ok(found.into_iter().flatten().skip(1).collect())
}

fn read_roots(folder: &PrivateFolder) -> anyhow::Result<RootCertStore> {
    let named = || folder.path(POSTGRES_AUTHORITY_FILE).display().to_string();
    let mut roots = RootCertStore::empty();
    match folder.read(POSTGRES_AUTHORITY_FILE).with_context(named)? {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(text) => {
            for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
                roots.add(certificate.with_context(named)?).with_context(named)?;
            }
            ensure!(!roots.is_empty(), "{} has no certificate", named());
        }
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(register: &str) -> EngineArguments {
        EngineArguments { register: (!register.is_empty()).then(|| register.to_owned()) }
    }

    #[test]
    fn what_was_said_once_stays_until_something_else_is_said() {
        let data = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::new(data.path());
        keep(data.path(), &say("")).unwrap();
        assert_eq!(read(&folder).unwrap(), Engines::local());
        keep(data.path(), &say("postgres://preau@db.example/hub")).unwrap();
        keep(data.path(), &say("")).unwrap();
        assert_eq!(read(&folder).unwrap().register.as_deref(), Some("postgres://preau@db.example/hub"));
        keep(data.path(), &say("sqlite")).unwrap();
        assert_eq!(read(&folder).unwrap().register, None);
    }

    #[test]
    fn no_secret_comes_by_the_command_line() {
        let data = tempfile::tempdir().unwrap();
        for wrong in [
            "postgres://preau:secret@db.example/hub",
            "postgres://db.example/hub?password=secret",
            "mysql://x",
        ] {
            assert!(keep(data.path(), &say(wrong)).is_err(), "{wrong}");
        }
        let folder = PrivateFolder::new(data.path());
        folder.replace(CREDENTIALS_FILE, "postgres hidden\n").unwrap();
        assert_eq!(find_secrets(&folder, "postgres").unwrap(), ["hidden"]);
        assert!(find_secrets(&folder, "other").unwrap().is_empty());
    }
}
