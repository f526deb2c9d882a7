//! `[portal]`: the box's own pages, and what the school says on them.

use std::path::Path;
use std::str::FromStr;

use model::{DomainName, DomainNameError, Role};
use portal::CharterText;
use toml_span::Spanned;

use super::super::Portal;
use super::super::files::read_file;
use super::super::section::{Port, Section};

/// Longest name of who is responsible, and longest way to an officer, in bytes: a line on a page.
const LINE_BYTES_MAX: usize = 300;

/// Whoever keeps the box may do more than anybody else, and comes from outside the school.
const TELEPHONES: [Role; 1] = [Role::Technician];
/// Which roles can be named.
const SHOW_CODES: &str =
    "those who may have to show a code of their telephone are `head`, `technician` and `officer`";

pub(super) struct PortalKeys {
    pub(super) name: Option<DomainName>,
    pub(super) port: Option<Port>,
    pub(super) tls_port: Option<Port>,
    charter: Option<CharterText>,
    controller: Option<String>,
    officer: Option<String>,
    telephones: Option<Vec<Role>>,
}

impl PortalKeys {
    /// The ports on 127.0.0.1 where the file names none.
    const PORT: u16 = 8000;
    const TLS_PORT: u16 = 8444;

    pub(super) fn read(table: &mut Section<'_>) -> Self {
        let read = table.table("portal", |portal| {
            let name = match portal.contains("name") {
                true => portal.parse::<PortalName>("name").map(|PortalName(name)| name),
                false => default_name(),
            };
            Self {
                name,
                port: portal.port("port", Self::PORT),
                tls_port: portal.port("tls_port", Self::TLS_PORT),
                charter: read_charter(portal),
                controller: read_line(portal, "controller"),
                officer: read_line(portal, "dpo"),
                telephones: read_telephones(portal),
            }
        });
        let port = |number| Some(Port { number, span: None });
        let default = || Self {
            name: default_name(),
            port: port(Self::PORT),
            tls_port: port(Self::TLS_PORT),
            charter: None,
            controller: None,
            officer: None,
            telephones: Some(TELEPHONES.to_vec()),
        };
        read.map_or_else(default, |keys| keys.value)
    }

    pub(super) fn finish(self) -> Option<Portal> {
        let Self { name, port, tls_port, charter, controller, officer, telephones } = self;
        Some(Portal {
            name: name?,
            port: port?.number,
            tls_port: tls_port?.number,
            charter,
            controller,
            officer,
            telephones: telephones?,
        })
    }
}

/// The roles whose people have to have a telephone.
fn read_telephones(portal: &mut Section<'_>) -> Option<Vec<Role>> {
    if !portal.contains("telephones") {
        return Some(TELEPHONES.to_vec());
    }
    let roles = portal.optional::<Vec<Spanned<String>>>("telephones")?;
    let read = |role: &Spanned<String>| match role.value.parse() {
        Ok(found) if Role::shows_codes(found) => Some(found),
        Ok(_) | Err(_) => {
            portal.reject(role.span, format!("`{}`: {SHOW_CODES}", role.value));
            None
        }
    };
    Some(roles.iter().filter_map(read).collect())
}

fn default_name() -> Option<DomainName> {
    Portal::usual_name()
}

/// The file of the school's charter, read at once: a box does not begin with one that is not there.
fn read_charter(portal: &mut Section<'_>) -> Option<CharterText> {
    let path = portal.path("charter")?;
    load(&path.value).map_err(|error| portal.reject(path.span, error)).ok()
}

fn load(path: &Path) -> Result<CharterText, String> {
    let place = path.display();
    let bytes = read_file(path).map_err(|error| format!("`{place}`: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("`{place}`: no UTF-8"))?;
    CharterText::parse(&text).map_err(|error| format!("`{place}`: {error}"))
}

/// A line that people read.
fn read_line(portal: &mut Section<'_>, key: &'static str) -> Option<String> {
    let line = portal.optional_spanned::<String>(key)?;
    let text = line.value.trim();
    if text.is_empty() || text.len() > LINE_BYTES_MAX || text.contains(char::is_control) {
        portal.reject(line.span, format!("`{key}` is one line of {LINE_BYTES_MAX} bytes at most"));
        return None;
    }
    Some(text.to_owned())
}

/// A name that the box's certificate authority may vouch for, with all names under it: never a whole top-level domain.
struct PortalName(DomainName);

impl FromStr for PortalName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name: DomainName = text.parse().map_err(|error: DomainNameError| error.to_string())?;
        match name.as_str().contains('.') {
            true => Ok(Self(name)),
            false => Err("a name of two parts at least, as preau.lan: the box's certificate is good for all names under it"
                .to_owned()),
        }
    }
}
