//! What fills the hub's ports, as its folder tells: SQLite and a folder, or PostgreSQL and an object store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use hub::blobs::Blobs;
use hub::blobs::folder::BlobFolder;
use hub::blobs::s3::{S3Blobs, S3Place};
use hub::library::Incoming;
use hub::register::Records;
use hub::register::postgres::PostgresRegister;
use hub::register::sqlite::SqliteRegister;
use hub::register::transfer::Whole;
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
/// Their secrets: `postgres PASSWORD`, `s3 KEY SECRET`, one a line.
const CREDENTIALS_FILE: &str = "credentials";
/// Who may vouch for the database's server, in PEM; where there is none, the public authorities.
const POSTGRES_AUTHORITY_FILE: &str = "postgres-authority";
/// The same for the object store's.
const S3_AUTHORITY_FILE: &str = "s3-authority";
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
    /// The address of an object store; without it, a folder.
    #[serde(default)]
    blobs: Option<String>,
    /// The object store's server, and its region.
    #[serde(default)]
    endpoint: Option<String>,
    #[serde(default)]
    region: Option<String>,
}

/// Keeps what the hub is told of its engines, for itself and for every command; what it is not told stays.
pub(crate) fn keep(data: &Path, arguments: &EngineArguments) -> anyhow::Result<()> {
    Change::plan(data, arguments)?.put()
}

/// Other engines than those that the hub has.
pub(crate) struct Change {
    folder: PrivateFolder,
    data: PathBuf,
    before: Engines,
    after: Engines,
}

impl Change {
    /// What follows from what is said.
    pub(crate) fn plan(data: &Path, arguments: &EngineArguments) -> anyhow::Result<Self> {
        let folder = PrivateFolder::new(data);
        let before = read(&folder)?;
        let after = choose(&before, arguments)?;
        Ok(Self { folder, data: data.to_owned(), before, after })
    }

    /// Whether the register goes elsewhere.
    pub(crate) fn moves_register(&self) -> bool {
        self.before.register != self.after.register
    }

    /// Whether the files go elsewhere.
    pub(crate) fn moves_blobs(&self) -> bool {
        let place = |engines: &Engines| {
            let Engines { blobs, endpoint, region, .. } = engines.clone();
            blobs.map(|blobs| (blobs, endpoint, region))
        };
        place(&self.before) != place(&self.after)
    }

    /// The register that is, and the one that is to be.
    pub(crate) fn registers(&self) -> anyhow::Result<(Whole, Whole)> {
        let open = |engines: &Engines| -> anyhow::Result<Whole> {
            Ok(match &engines.register {
                None => open_sqlite(&self.data)?.into(),
                Some(address) => open_postgres(&self.folder, address)?.into(),
            })
        };
        Ok((open(&self.before)?, open(&self.after)?))
    }

    /// The files that are, and where they are to be.
    pub(crate) fn blobs(&self) -> anyhow::Result<(Arc<dyn Blobs>, Arc<dyn Blobs>)> {
        let open = |engines: &Engines| open_blobs_of(&self.folder, &self.data, engines);
        Ok((open(&self.before)?, open(&self.after)?))
    }

    /// Counts from now on.
    pub(crate) fn put(&self) -> anyhow::Result<()> {
        let Self { folder, before, after, .. } = self;
        if after != before && *after != Engines::local() {
            folder
                .replace(ENGINES_FILE, &serde_json::to_string_pretty(after)?)
                .context("the file of engines")?;
        } else if after != before {
            folder.remove(ENGINES_FILE).context("the file of engines")?;
        }
        Ok(())
    }
}

fn choose(before: &Engines, arguments: &EngineArguments) -> anyhow::Result<Engines> {
    let EngineArguments { register, blobs, s3_endpoint, s3_region } = arguments.clone();
    let is_local = |text: &String| text == "sqlite" || text == "folder";
    let choose = |said: Option<String>, kept: Option<String>| match said {
        Some(said) if is_local(&said) => None,
        Some(said) => Some(said),
        None => kept,
    };
    let engines = Engines {
        version: VERSION,
        register: choose(register, before.register.clone()),
        blobs: choose(blobs, before.blobs.clone()),
        endpoint: s3_endpoint.or_else(|| before.endpoint.clone()),
        region: s3_region.or_else(|| before.region.clone()),
    };
    if let Some(address) = &engines.register {
        check_register(address)?;
    }
    find_place(&engines)?;
    Ok(engines)
}

/// The hub's register.
pub(crate) fn open_register(data: &Path) -> anyhow::Result<Arc<dyn Records>> {
    let folder = PrivateFolder::new(data);
    folder.make().with_context(|| format!("cannot make the folder {}", data.display()))?;
    Ok(match read(&folder)?.register {
        None => Arc::new(open_sqlite(data)?),
        Some(address) => Arc::new(open_postgres(&folder, &address)?),
    })
}

fn open_sqlite(data: &Path) -> anyhow::Result<SqliteRegister> {
    let path = data.join(REGISTER_FILE);
    SqliteRegister::open(&path).with_context(|| format!("cannot open {}", path.display()))
}

fn open_postgres(folder: &PrivateFolder, address: &str) -> anyhow::Result<PostgresRegister> {
    let secrets = find_secrets(folder, "postgres")?;
    let roots = read_roots(folder)?;
    let register = PostgresRegister::open(address, secrets.first().map(String::as_str), roots);
    register.context("the register in PostgreSQL cannot be opened")
}

/// Where files lie that are on their way to the hub's.
pub(crate) fn open_incoming(data: &Path) -> Incoming {
    Incoming::new(data, free)
}

fn free(folder: &Path) -> Option<u64> {
    machine::measure_disk(folder).map(|(free, _)| free)
}

/// The files of boxes.
pub(crate) fn open_blobs(data: &Path) -> anyhow::Result<Arc<dyn Blobs>> {
    let folder = PrivateFolder::new(data);
    open_blobs_of(&folder, data, &read(&folder)?)
}

fn open_blobs_of(folder: &PrivateFolder, data: &Path, engines: &Engines) -> anyhow::Result<Arc<dyn Blobs>> {
    let Some(place) = find_place(engines)? else {
        let blobs = BlobFolder::new(&data.join(BLOBS_FOLDER)).with_reserve(RESERVE_BYTES, free);
        return Ok(Arc::new(blobs));
    };
    let secrets = find_secrets(folder, "s3")?;
    let [key, secret] = secrets.as_slice() else {
        bail!("the object store needs a line `s3 KEY SECRET` in {}", folder.path(CREDENTIALS_FILE).display())
    };
    let roots = read_authorities(folder, S3_AUTHORITY_FILE)?;
    Ok(Arc::new(S3Blobs::new(&place, key, secret, roots)?))
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

/// Where the object store is; `None`: a folder.
fn find_place(engines: &Engines) -> anyhow::Result<Option<S3Place>> {
    let Some(address) = &engines.blobs else { return Ok(None) };
    let rest =
        address.strip_prefix("s3://").context("the files are in a `folder`, or at s3://BUCKET/PREFIX")?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    ensure!(!bucket.is_empty(), "the files are in a `folder`, or at s3://BUCKET/PREFIX");
    let endpoint =
        engines.endpoint.clone().context("give the server of the object store: --s3-endpoint URL")?;
    ensure!(
        endpoint.starts_with("https://") || endpoint.starts_with("http://"),
        "--s3-endpoint is an address"
    );
    let region = engines.region.clone().unwrap_or_else(|| "garage".to_owned());
    Ok(Some(S3Place { endpoint, bucket: bucket.to_owned(), prefix: prefix.to_owned(), region }))
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
    let mut roots = RootCertStore::empty();
    match read_authorities(folder, POSTGRES_AUTHORITY_FILE)? {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(authorities) => {
            for authority in authorities {
                roots.add(authority).context(POSTGRES_AUTHORITY_FILE)?;
            }
        }
    }
    Ok(roots)
}

/// The authorities in a file; `None` where there is no file.
fn read_authorities(
    folder: &PrivateFolder,
    name: &str,
) -> anyhow::Result<Option<Vec<CertificateDer<'static>>>> {
    let named = || folder.path(name).display().to_string();
    let Some(text) = folder.read(name).with_context(named)? else { return Ok(None) };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let authorities = read.with_context(named)?;
    ensure!(!authorities.is_empty(), "{} has no certificate", named());
    Ok(Some(authorities))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(register: &str, blobs: &str, endpoint: Option<&str>) -> EngineArguments {
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        EngineArguments {
            register: said(register),
            blobs: said(blobs),
            s3_endpoint: endpoint.map(str::to_owned),
            s3_region: None,
        }
    }

    #[test]
    fn what_was_said_once_stays_until_something_else_is_said() {
        let data = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::new(data.path());
        keep(data.path(), &say("", "", None)).unwrap();
        assert_eq!(read(&folder).unwrap(), Engines::local());
        keep(data.path(), &say("postgres://preau@db.example/hub", "", None)).unwrap();
        keep(data.path(), &say("", "s3://files/hub", Some("https://s3.example"))).unwrap();
        let engines = read(&folder).unwrap();
        assert_eq!(engines.register.as_deref(), Some("postgres://preau@db.example/hub"));
        let place = find_place(&engines).unwrap().unwrap();
        assert_eq!(
            (place.bucket.as_str(), place.prefix.as_str(), place.region.as_str()),
            ("files", "hub", "garage")
        );
        keep(data.path(), &say("sqlite", "folder", None)).unwrap();
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
            assert!(keep(data.path(), &say(wrong, "", None)).is_err(), "{wrong}");
        }
        assert!(keep(data.path(), &say("", "s3://files", None)).is_err(), "no server");
        assert!(keep(data.path(), &say("", "ftp://files", Some("https://s3.example"))).is_err());
        let folder = PrivateFolder::new(data.path());
        folder.replace(CREDENTIALS_FILE, "postgres hidden\ns3 key secret\n").unwrap();
        assert_eq!(find_secrets(&folder, "postgres").unwrap(), ["hidden"]);
        assert_eq!(find_secrets(&folder, "s3").unwrap(), ["key", "secret"]);
        assert!(find_secrets(&folder, "other").unwrap().is_empty());
    }
}
