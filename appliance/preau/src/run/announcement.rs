//! What a box says once it serves: five lines, on standard output.

use std::io::{self, Write};
use std::path::Path;

use portal::{ListOrigin, ListStatus, Trial, TrialKind};

use super::listeners::door_addresses;
use crate::config::Config;

/// Says what listens where, on which list, and what to try.
pub(crate) fn print(config: &Config, data: &Path, list: &ListStatus) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in lines(config, data, list) {
        writeln!(out, "{line}")?;
    }
    out.flush()
}

fn lines(config: &Config, data: &Path, list: &ListStatus) -> [String; 5] {
    let (addresses, _) = door_addresses(config);
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let origin = match list.origin {
        ListOrigin::Embedded => "the built-in list",
        ListOrigin::Built(_) => "the compiled list",
    };
    let said = |kind: TrialKind| -> String {
        let trials = trials(config, data).into_iter().filter(|trial| trial.kind == kind);
        trials.map(|trial| trial.command).collect::<Vec<_>>().join("   or   ")
    };
    let portal = match &config.network {
        Some(_) => format!("http://{}/", config.portal.name),
        None => format!("http://127.0.0.1:{}", config.portal.port),
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
            "Listens on {}: DNS {} (UDP, TCP), gate for TLS {} and HTTP {}, explicit proxy {}; portal {portal}",
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
pub(crate) fn trials(config: &Config, data: &Path) -> Vec<Trial> {
    let (addresses, _) = door_addresses(config);
    let address = addresses.first().map(ToString::to_string).unwrap_or_default();
    let proxy = format!("http://{address}:{}", config.gate.proxy_port);
    let refused = [
        format!("dig @{address} -p {} gambling.preau.test", config.dns.port),
        format!("curl -x {proxy} http://adult.preau.test/"),
    ];
    let permitted = [
        format!("curl -x {proxy} http://{}/", config.portal.name),
        format!("curl -x {proxy} https://example.com/"),
    ];
    let journal = [format!("preau journal search --data {}", data.display())];
    let trial = |kind: TrialKind| move |command: String| Trial { kind, command };
    let refused = refused.into_iter().map(trial(TrialKind::Refused));
    let permitted = permitted.into_iter().map(trial(TrialKind::Permitted));
    refused.chain(permitted).chain(journal.into_iter().map(trial(TrialKind::Journal))).collect()
}

#[cfg(test)]
mod tests {
    use portal::ListStatus;

    use super::*;

    #[test]
    fn five_lines() {
        let config = Config::load_or_default(None).unwrap();
        let list = ListStatus { origin: ListOrigin::Embedded, entries: 27, categories: 2, missing: vec![] };
        let said = lines(&config, Path::new("/home/a/.local/state/preau"), &list);
        // Whether the machine has IPv6 is not what is tested.
        insta::assert_snapshot!(said.join("\n").replace(" and ::1", ""));
    }
}
