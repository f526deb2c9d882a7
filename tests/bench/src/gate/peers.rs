//! What stands between PC and Internet: the box, squid, or nothing but the kernel.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::street::{BOX, Street, configuration};
use super::{PROXY_PORT, RESOLVER};
use crate::listed::Listed;
use crate::process::{Program, command, run};

/// Where squid takes redirected connections.
const SQUID_TLS_PORT: u16 = 3_129;
/// How long a program may take until it listens.
const START_SECONDS_MAX: u32 = 60;
/// Names that squid refuses: fewer than the box, since only their presence matters here.
const SQUID_NAMES: usize = 10_000;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The box, with its firewall, its list and its journal.
    Preau,
    /// Debian's squid, which looks at the server's name and lets bytes pass (peek and splice), with its log.
    Squid,
    /// The kernel's own forwarding, which neither looks nor records.
    Kernel,
}

impl Peer {
    /// All of them, the box first.
    pub const ALL: [Self; 3] = [Self::Preau, Self::Squid, Self::Kernel];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Preau => "preau",
            Self::Squid => "squid",
            Self::Kernel => "kernel forwarding",
        }
    }

    /// Starts it on its street's box; `None` for the kernel, which needs no start. Its files are in `folder`.
    ///
    /// # Errors
    /// It is not there, or does not listen.
    pub fn start(self, street: &Street, listed: &Listed, folder: &Path) -> Result<Option<Program>> {
        let prepare = match self {
            Self::Preau => preau,
            Self::Squid => squid,
            Self::Kernel => return Ok(None),
        };
        street.gateway.run(|| {
            let mut program = Program::start(self.name(), prepare(listed, folder)?, folder)?;
            let door = SocketAddr::from((BOX, PROXY_PORT));
            let listens = || TcpStream::connect_timeout(&door, Duration::from_millis(200)).is_ok();
            program.wait_until(START_SECONDS_MAX, listens)?;
            Ok(Some(program))
        })
    }
}

fn preau(listed: &Listed, folder: &Path) -> Result<Command> {
    let refused: Vec<String> = listed.categories.iter().map(|category| format!("{category:?}")).collect();
    let more = format!(
        "proxy_port = {PROXY_PORT}
[lists]
index = {index:?}
[[profile]]
name = \"inconnu\"
refused = [{refused}]
",
        index = listed.index,
        refused = refused.join(", "),
    );
    let path = folder.join("preau.toml");
    fs::write(&path, configuration() + &more)?;
    let mut preau = command(&harness::preau_binary()?.to_string_lossy());
    preau.arg("run").arg("--config").arg(path).arg("--data").arg(folder.join("data"));
    Ok(preau)
}

fn squid(listed: &Listed, folder: &Path) -> Result<Command> {
    // Debian's squid gives up root for this user, who then has to write its logs.
    run(arguments("chown", &["proxy", &folder.to_string_lossy()]))?;
    let certificate = folder.join("squid.pem");
    let pem = certificate.to_string_lossy();
    run(arguments(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=squid",
            "-keyout",
            &pem,
            "-out",
            &pem,
        ],
    ))?;
    let refused: String = listed.refused(SQUID_NAMES).iter().map(|name| format!("{name}\n")).collect();
    fs::write(folder.join("squid-names"), refused)?;
    redirect()?;
    let path = folder.join("squid.conf");
    fs::write(&path, squid_configuration(BOX, folder))?;
    let mut squid = command("squid");
    squid.args(["-N", "-f"]).arg(path);
    Ok(squid)
}

fn squid_configuration(address: Ipv4Addr, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "cache_effective_user proxy
visible_hostname squid.example
pid_filename none
coredump_dir {folder}
cache_log {folder}/squid-cache.log
access_log stdio:{folder}/squid-access.log
cache deny all
cache_mem 8 MB
max_filedescriptors 16384
dns_nameservers {RESOLVER}
pinger_enable off
shutdown_lifetime 0 seconds
http_access allow all
http_port {address}:{PROXY_PORT} ssl-bump generate-host-certificates=off tls-cert={folder}/squid.pem
https_port {SQUID_TLS_PORT} intercept ssl-bump generate-host-certificates=off tls-cert={folder}/squid.pem
acl first at_step SslBump1
acl refused ssl::server_name \"{folder}/squid-names\"
ssl_bump peek first
ssl_bump terminate refused
ssl_bump splice all
"
    )
}

/// What the box's firewall does for the box.
fn redirect() -> Result<()> {
    let rules = format!(
        "add table ip squid; add chain ip squid arrival {{ type nat hook prerouting priority dstnat; }}; \
         add rule ip squid arrival iifname lan0 tcp dport 443 redirect to :{SQUID_TLS_PORT}"
    );
    run(arguments("nft", &[&rules]))
}

fn arguments(program: &str, arguments: &[&str]) -> Command {
    let mut command = command(program);
    command.args(arguments);
    command
}
