//! An object store of a test's own, which speaks S3 over a temporary folder: the program s3s-fs.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::patience::wait_until;

/// Who asks, in tests.
const KEY: &str = "test-key";
const SECRET: &str = "test-secret";
const BUCKET: &str = "hub";
/// Ports that are tried: another test may take one in the moment in which it is free.
const PORTS_MAX: u32 = 3;

/// A server. It ends with its value, and leaves nothing.
#[derive(Debug)]
pub struct ObjectStore {
    folder: tempfile::TempDir,
    process: Child,
    address: SocketAddr,
}

impl ObjectStore {
    /// Starts it, with one bucket that is empty.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start() -> Result<Self> {
        let mut tried = 1;
        loop {
            match Self::start_once() {
                Err(_) if tried < PORTS_MAX => tried += 1,
                outcome => return outcome,
            }
        }
    }

    fn start_once() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join(BUCKET))?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let root = folder.path().to_str().context("a path that is text")?;
        let port = address.port().to_string();
        #[expect(clippy::disallowed_methods, reason = "the lab runs programs")]
        let mut command = Command::new(find()?);
        command.args([
            "--host",
            "127.0.0.1",
            "--port",
            &port,
            "--access-key",
            KEY,
            "--secret-key",
            SECRET,
            root,
        ]);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut store = Self { folder, process, address };
        wait_until("the object store to answer", || {
            ensure!(store.process.try_wait()?.is_none(), "the object store ended");
            Ok(TcpStream::connect(address).is_ok())
        })?;
        Ok(store)
    }

    /// Its address.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its bucket.
    #[must_use]
    pub fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// The key and the secret of who asks.
    #[must_use]
    pub fn credentials(&self) -> (&'static str, &'static str) {
        (KEY, SECRET)
    }

    /// The bucket's objects, as they lie on its disk.
    #[must_use]
    pub fn objects(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Where `./dev` has installed it, beside the programs that are built; or where the user has it.
fn find() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let built = program.ancestors().map(|folder| folder.join("tools/s3s/bin/s3s-fs"));
    #[expect(clippy::disallowed_methods, reason = "where programs lie")]
    let searched = std::env::var_os("PATH").unwrap_or_default();
    let found: Vec<PathBuf> = std::env::split_paths(&searched).map(|folder| folder.join("s3s-fs")).collect();
    let mut places = built.chain(found).filter(|path| path.is_file());
    places.next().context("s3s-fs is not installed: ./dev test installs it")
}
