//! What a box says once it serves: five lines, on standard output.

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::Path;

use model::{DomainName, Subject, UnknownDevice};
use policy::Snapshot;
use portal::{ListOrigin, ListStatus, Trial, TrialKind};

use super::front;
use super::listeners::door_addresses;
use crate::config::Config;

/// Sites to show a refusal with: whichever the list in force has. The first is in the built-in list, the last in
/// the laboratory's.
const EXAMPLES: [&str; 4] = ["gambling.preau.test", "bet365.com", "888casino.com", "casino.example"];

/// Says what listens where, on which list, and what to try.
pub(crate) fn tell(config: &Config, list: &ListStatus, data: &Path, trials: &[Trial], has_certificate: bool) {
    if let Err(error) = print(&lines(config, list, data, trials, has_certificate)) {
        tracing::warn!(%error, "nobody reads what listens where");
    }
}

fn print(lines: &[String]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    out.flush()
}

fn lines(
    config: &Config,
    list: &ListStatus,
    data: &Path,
    trials: &[Trial],
    has_certificate: bool,
) -> [String; 5] {
    let (addresses, _) = door_addresses(config);
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let origin = match list.origin {
        ListOrigin::Embedded => "the built-in list",
        ListOrigin::Built(_) => "the compiled list",
    };
    let said = |kind: TrialKind| -> String {
        let trials = trials.iter().filter(|trial| trial.kind == kind);
        trials.map(|trial| trial.command.as_str()).collect::<Vec<_>>().join("   or   ")
    };
    let portal = match &config.network {
        Some(_) => format!("http://{}/", config.portal.name),
        None => format!("http://127.0.0.1:{}/", config.portal.port),
    };
    let (dns_tls, portal_tls) = match has_certificate {
        true => (format!(", by TLS {}", config.dns.tls_port), format!(" and {}", front::url(config))),
        false => (String::new(), String::new()),
    };
    let uai = config.school.uai.as_ref().map(|uai| format!(" ({uai})")).unwrap_or_default();
    [
        format!(
            "Préau {}: {}{uai}, {origin} ({} entries), data in {}",
            env!("CARGO_PKG_VERSION"),
            config.school.name,
            list.entries,
            data.display()
        ),
        format!(
            "Listens on {}: DNS {} (UDP, TCP{dns_tls}), gate for TLS {} and HTTP {}, explicit proxy {}; \
             portal {portal}{portal_tls}",
            addresses.join(" and "),
            config.dns.port,
            config.gate.tls_port,
            config.gate.http_port,
            config.gate.proxy_port,
        ),
        format!("Refused: {}", said(TrialKind::Refused)),
        format!("Passes:  {}", said(TrialKind::Permitted)),
        format!("The log: {}", said(TrialKind::Journal)),
    ]
}

/// Commands that show the box at work, from a PC of the school or from the machine itself.
pub(crate) fn trials(config: &Config, policy: &Snapshot, data: &Path) -> Vec<Trial> {
    let (addresses, _) = door_addresses(config);
    let address = addresses.first().map(ToString::to_string).unwrap_or_default();
    let proxy = format!("http://{address}:{}", config.gate.proxy_port);
    let refused = EXAMPLES.into_iter().find(|name| is_refused(policy, name));
    let refused = refused.into_iter().flat_map(|name| {
        [format!("dig @{address} -p {} {name}", config.dns.port), format!("curl -x {proxy} http://{name}/")]
    });
    let permitted = [
        format!("curl -x {proxy} http://{}/", config.portal.name),
        format!("curl -x {proxy} https://example.com/"),
    ];
    let journal = format!(
        "{} journal search --reason maintenance --data {}",
        program(),
        quote(&data.to_string_lossy())
    );
    let trial = |kind: TrialKind| move |command: String| Trial { kind, command };
    let refused = refused.map(trial(TrialKind::Refused));
    let permitted = permitted.into_iter().map(trial(TrialKind::Permitted));
    refused.chain(permitted).chain([trial(TrialKind::Journal)(journal)]).collect()
}

/// This program, as a shell finds it from anywhere.
fn program() -> String {
    std::env::current_exe().map_or_else(|_| "preau".to_owned(), |path| quote(&path.to_string_lossy()))
}

/// A word as a shell reads it back.
fn quote(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@".contains(&byte);
    if word.bytes().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Whether a device that nobody registered is refused this site.
fn is_refused(policy: &Snapshot, name: &str) -> bool {
    let subject = Subject::Unknown(UnknownDevice { mac: None, address: Ipv4Addr::LOCALHOST.into() });
    let refused = policy.standing(&subject, None).refused;
    DomainName::parse(name).is_ok_and(|name| {
        policy.index().match_name(&name).iter().any(|line| !line.set.intersection(refused).is_empty())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_split_them() {
        for (word, expected) in [("/srv/data", "/srv/data"), ("a b", "'a b'"), ("l'école", r"'l'\''école'")]
        {
            assert_eq!(quote(word), expected);
        }
    }

    #[test]
    fn five_lines() {
        let config = Config::load_or_default(None).unwrap();
        let list = ListStatus {
            origin: ListOrigin::Embedded,
            entries: 27,
            categories: 2,
            is_refused: false,
            missing: vec![],
        };
        let data = Path::new("/home/a/.local/state/preau");
        let policy = Snapshot::new(Arc::new(blocklist::builtin()), &config.rulebook());
        let said = lines(&config, &list, data, &trials(&config, &policy, data), true);
        // Whether the machine has IPv6 is not what is tested.
        insta::assert_snapshot!(said.join("\n").replace(" and ::1", "").replace(&program(), "preau"));
    }
}
