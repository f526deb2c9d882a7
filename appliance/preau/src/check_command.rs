//! `preau check`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use archive::{Field, Policy, Retention, SETTLED_DAYS};
use system::sealing::Manner;

use crate::config::Config;

/// Says that a configuration has no mistakes, and what it means for the log: how long what is kept, as who signed, and who can
/// read it.
pub(crate) fn check(path: &Path) -> anyhow::Result<ExitCode> {
    let config = Config::load(path)?;
    if let Some(fault) = &config.wifi.adoption_key_fault {
        anyhow::bail!("{}: `adoption_key_file`: {fault}", path.display());
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{}: no mistakes ({})", path.display(), config.school.name)?;
    for line in describe_journal(&config.sealing(Some(path))) {
        writeln!(out, "{line}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn describe_journal(manner: &Manner) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(Policy { retention, signed }) = &manner.policy {
        let days = Field::ALL.map(|field| format!("{field} {}", retention.days(field))).join(", ");
        let signed = signed
            .as_ref()
            .map_or_else(|| "nobody had to sign".to_owned(), |name| format!("signed by {name}"));
        lines.push(format!("log: kept for so many days: {days} ({signed})"));
        if *retention != Retention::default() {
            lines.push(format!(
                "log: a number that is lower than the one before is for what is sealed already after {SETTLED_DAYS} days; then that is \
                 gone for good (preau journal status)"
            ));
        }
    }
    match manner.readers.as_deref() {
        None | Some([]) => lines.push(
            "log: sealed days are in clear: nobody's key is given, unless the head has made some on her page"
                .to_owned(),
        ),
        Some(readers) => {
            lines.extend(readers.iter().map(|reader| format!("log: sealed days are read with {reader}")));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use archive::Identity;
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn what_becomes_of_the_log_is_told() {
        let (head, safe) = (Identity::generate().reader(), Identity::generate().reader());
        let retention = Retention::new(|field| (field == Field::Traffic).then_some(30)).unwrap();
        let policy = Some(Policy { retention, signed: "La DPO".parse().ok() });
        let readers = Some(vec![head.clone(), safe.clone()]);
        let told = describe_journal(&Manner { time_zone: TimeZone::UTC, readers, policy });
        let expected = [
            "log: kept for so many days: access 365, who 365, destination 365, traffic 30, acts 365 (signed by La DPO)".to_owned(),
            "log: a number that is lower than the one before is for what is sealed already after 7 days; then that is gone for good (preau journal status)".to_owned(),
            format!("log: sealed days are read with {head}"),
            format!("log: sealed days are read with {safe}"),
        ];
        assert_eq!(told, expected);
        let open =
            describe_journal(&Manner { time_zone: TimeZone::UTC, readers: Some(vec![]), policy: None });
        assert_eq!(
            open,
            [
                "log: sealed days are in clear: nobody's key is given, unless the head has made some on her page"
            ]
        );
    }
}
