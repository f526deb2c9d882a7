//! The caches that are measured: the box, and what Debian has. Each has the processors of the machine, keeps what comes on the
//! disk or in memory as its makers have it, and speaks TLS to devices.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::Result;

use super::vouching::Vouching;
use super::{DOOR, NAME, ORIGIN};
use crate::gate::street;
use crate::process::{Program, command, run};

/// The hardware address of the PC: the box serves the ENT to devices that it knows.
pub const PC: &str = "02:00:00:00:00:11";

const NGINX: &str = include_str!("../../peers/nginx.conf");
const VARNISH: &str = include_str!("../../peers/varnish.vcl");
const HITCH: &str = include_str!("../../peers/hitch.conf");
const SQUID: &str = include_str!("../../peers/squid.conf");
const APACHE: &str = include_str!("../../peers/apache.conf");
const TRAFFIC_SERVER: &str = include_str!("../../peers/trafficserver.config");
/// Where Debian has what Traffic Server is told.
const TRAFFIC_SERVER_DEFAULTS: &str = "/etc/trafficserver";

/// What Varnish keeps in memory.
const VARNISH_STORE: &str = "malloc,512M";
/// What nginx asks for and keeps piece by piece, with its slices.
const SLICE: &str = "      slice 1m;
      proxy_cache_key $scheme$host$uri$is_args$args$slice_range;
      proxy_set_header Range $slice_range;
";

/// A cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The box.
    Preau,
    /// Debian's nginx: `proxy_cache` with its lock.
    Nginx,
    /// The same with `slice`.
    NginxSlice,
    /// Debian's Varnish, with hitch before it.
    Varnish,
    /// Debian's squid.
    Squid,
    /// Debian's Apache: `mod_cache_disk`.
    Apache,
    /// Debian's Traffic Server.
    TrafficServer,
}

impl Peer {
    /// Those that are measured, the box first.
    pub const ALL: [Self; 5] = [Self::Preau, Self::Nginx, Self::NginxSlice, Self::Varnish, Self::Squid];
    /// Those of which what is kept is asked for, the box first.
    pub const KEEPING: [Self; 6] =
        [Self::Preau, Self::Nginx, Self::NginxSlice, Self::Varnish, Self::Squid, Self::TrafficServer];
    /// Those that the independent suite is played with, the box first.
    pub const JUDGED: [Self; 6] =
        [Self::Preau, Self::Nginx, Self::Varnish, Self::Squid, Self::Apache, Self::TrafficServer];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Preau => "preau",
            Self::Nginx => "nginx",
            Self::NginxSlice => "nginx, slices",
            Self::Varnish => "Varnish, hitch",
            Self::Squid => "squid",
            Self::Apache => "Apache",
            Self::TrafficServer => "Traffic Server",
        }
    }

    /// Whether it asks the ENT's server in clear.
    #[must_use]
    pub fn asks_plainly(self) -> bool {
        self == Self::Varnish
    }

    /// Starts its programs on the calling thread's machine. Their files are in `folder`.
    ///
    /// # Errors
    /// They are not there, or refuse their configuration.
    pub fn start(self, vouching: &Vouching, folder: &Path) -> Result<Vec<Program>> {
        let fill = |template: &str| fill(template, vouching, folder);
        match self {
            Self::Preau => preau(vouching, folder),
            Self::Nginx | Self::NginxSlice => {
                let (slice, offset) = if self == Self::Nginx { ("", "0") } else { (SLICE, "1g") };
                let text = fill(NGINX).replace("{slice}", slice).replace("{range_offset}", offset);
                let mut nginx = command("nginx");
                nginx.args(["-e", "stderr", "-c"]).arg(write(folder, "nginx.conf", &text)?);
                Ok(vec![Program::start("nginx", nginx, folder)?])
            }
            Self::Varnish => {
                let mut varnish = command("varnishd");
                varnish.args(["-F", "-j", "none", "-a", "127.0.0.1:6081,PROXY", "-s", VARNISH_STORE, "-f"]);
                varnish
                    .arg(write(folder, "varnish.vcl", &fill(VARNISH))?)
                    .arg("-n")
                    .arg(folder.join("varnish"));
                let mut hitch = command("hitch");
                hitch.arg(format!("--config={}", write(folder, "hitch.conf", &fill(HITCH))?));
                Ok(vec![
                    Program::start("varnishd", varnish, folder)?,
                    Program::start("hitch", hitch, folder)?,
                ])
            }
            Self::Squid => {
                let path = write(folder, "squid.conf", &fill(SQUID))?;
                // Debian's squid gives up root for this user, who then has to write here.
                run(arguments("chown", &["-R", "proxy", &folder.to_string_lossy()]))?;
                run(arguments("squid", &["-N", "-z", "-f", &path]))?;
                Ok(vec![Program::start("squid", arguments("squid", &["-N", "-f", &path]), folder)?])
            }
            Self::Apache => {
                let path = write(folder, "apache.conf", &fill(APACHE))?;
                fs::create_dir(folder.join("apache-cache"))?;
                run(arguments("chown", &["-R", "www-data", &folder.to_string_lossy()]))?;
                let apache = arguments("apache2", &["-D", "FOREGROUND", "-f", &path]);
                Ok(vec![Program::start("apache", apache, folder)?])
            }
            Self::TrafficServer => traffic_server(&fill(TRAFFIC_SERVER), folder),
        }
    }
}

/// Traffic Server, with a place of its own for all that it writes.
fn traffic_server(own: &str, folder: &Path) -> Result<Vec<Program>> {
    let (place, root) = (folder.join("ats"), folder.display());
    fs::create_dir(&place)?;
    let defaults = place.join("etc").display().to_string();
    run(arguments("cp", &["--recursive", TRAFFIC_SERVER_DEFAULTS, &defaults]))?;
    let records = fs::read_to_string(place.join("etc/records.config"))?;
    for (name, text) in [
        ("records.config", records + own),
        ("remap.config", format!("map https://{NAME}/ https://{ORIGIN}/\n")),
        ("storage.config", format!("{root}/ats/cache 256M\n")),
        ("ssl_multicert.config", "dest_ip=* ssl_cert_name=server.pem ssl_key_name=server.key\n".to_owned()),
        (
            "ip_allow.yaml",
            "ip_allow:\n- {apply: in, ip_addrs: 0/0, action: allow, methods: ALL}\n".to_owned(),
        ),
    ] {
        write(&place, &format!("etc/{name}"), &text)?;
    }
    for name in ["cache", "run", "log"] {
        fs::create_dir(place.join(name))?;
    }
    let layout = format!(
        "prefix: {root}/ats\nexec_prefix: {root}/ats\nbindir: /usr/bin\nsbindir: /usr/bin\nsysconfdir: {root}/ats/etc\n\
         datadir: {root}/ats/cache\nlocalstatedir: {root}/ats/run\nruntimedir: {root}/ats/run\nlogdir: {root}/ats/log\n\
         cachedir: {root}/ats/cache\nincludedir: /usr/include\nlibdir: /usr/lib/trafficserver\n\
         libexecdir: /usr/lib/trafficserver/modules\nmandir: /usr/share/man\ninfodir: /usr/share/info\n"
    );
    let layout = write(&place, "runroot.yaml", &layout)?;
    let server = arguments("traffic_server", &[&format!("--run-root={layout}")]);
    Ok(vec![Program::start("trafficserver", server, folder)?])
}

fn fill(template: &str, vouching: &Vouching, folder: &Path) -> String {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    [
        ("{workers}", workers.to_string()),
        ("{folder}", folder.display().to_string()),
        ("{name}", NAME.to_owned()),
        ("{door}", DOOR.to_string()),
        ("{origin}", ORIGIN.to_string()),
        ("{authority}", vouching.authority.display().to_string()),
        ("{chain}", vouching.chain.display().to_string()),
        ("{key}", vouching.key.display().to_string()),
        ("{both}", vouching.both.display().to_string()),
    ]
    .iter()
    .fold(template.to_owned(), |text, (place, value)| text.replace(place, value))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<String> {
    let path = folder.join(name);
    fs::write(&path, text)?;
    Ok(path.display().to_string())
}

/// The box, with the PC among its devices.
fn preau(vouching: &Vouching, folder: &Path) -> Result<Vec<Program>> {
    let ent = format!(
        "[ent_cache]
gib = 256
[[ent]]
hosts = [\"{NAME}\"]
served_to = [\"elementaire\"]
upstream = \"{ORIGIN}\"
ca_file = {:?}
",
        vouching.authority
    );
    let path = write(folder, "preau.toml", &(street::configuration() + &ent))?;
    let device = ["device", "add", PC, "--name", "CM2-01", "--profile", "elementaire", "--config", &path];
    run(own_command(folder, &device)?)?;
    Ok(vec![run_preau(folder)?])
}

/// Starts the box that was configured in this folder.
///
/// # Errors
/// It is not built.
pub fn run_preau(folder: &Path) -> Result<Program> {
    let path = folder.join("preau.toml").display().to_string();
    Program::start("preau", own_command(folder, &["run", "--config", &path])?, folder)
}

fn own_command(folder: &Path, words: &[&str]) -> Result<Command> {
    let mut own = command(&harness::preau_binary()?.display().to_string());
    own.args(words).arg("--data").arg(folder.join("data"));
    Ok(own)
}

/// Who vouches for the box to devices, as `preau ca export` has it; for the peers it is whoever vouches for the ENT.
///
/// # Errors
/// The box has no authority yet.
pub fn export_authority(folder: &Path) -> Result<String> {
    let own = folder.join("box.pem").display().to_string();
    let data = folder.join("data").display().to_string();
    run(arguments(
        &harness::preau_binary()?.display().to_string(),
        &["ca", "export", "--out", &own, "--data", &data],
    ))?;
    Ok(own)
}

fn arguments(program: &str, arguments: &[&str]) -> Command {
    let mut command = command(program);
    command.args(arguments);
    command
}
