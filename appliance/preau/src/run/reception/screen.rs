//! Writes down what the box's screen shows.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use portal::pages::Console;
use portal::{Enrolment, StatusSource as _};
use system::addresses::own_addresses;
use system::authority;

use crate::config::Config;
use crate::data_folder::AUTHORITY_FILE;
use crate::run::board::Board;
use crate::screen::{Screen, ScreenLine};

/// How often it is written where nothing changes: that shows that the box runs.
const PERIOD: Duration = Duration::from_secs(5);

/// Whoever writes it.
pub(super) struct ScreenWriter {
    path: PathBuf,
    school: String,
    pages: String,
    /// Of the box's authority; `None` where it has none that can be read.
    fingerprint: Option<String>,
    last: Option<Screen>,
    written: Option<Instant>,
    is_failure_told: bool,
}

impl ScreenWriter {
    /// For the box of this configuration, with this data. Its authority is there since before.
    pub(super) fn new(path: &Path, config: &Config, data: &Path) -> Self {
        let authority = authority::find(&data.join(AUTHORITY_FILE)).ok().flatten();
        Self {
            path: path.to_owned(),
            school: config.school.name.clone(),
            pages: format!("http://{}", config.portal.name),
            fingerprint: authority.map(|authority| authority.fingerprint()),
            last: None,
            written: None,
            is_failure_told: false,
        }
    }

    /// Writes it where something has changed, or it is time.
    pub(super) fn look(
        &mut self,
        board: &Board,
        (enrolment, hub): (Option<&Enrolment>, Option<(&str, &str)>),
        now: Instant,
    ) {
        let (status, diagnosis) = (board.status(), board.diagnosis());
        let fingerprint = self.fingerprint.as_deref();
        let lines = Console { status: &status, diagnosis: &diagnosis, enrolment, hub, fingerprint }.lines();
        let beat = self.last.as_ref().map_or(0, |last| last.beat);
        let screen = Screen {
            beat,
            version: status.version,
            school: self.school.clone(),
            pages: self.pages.clone(),
            addresses: own_addresses()
                .into_iter()
                .flatten()
                .filter(is_shown)
                .map(|it| it.to_string())
                .collect(),
            lines: lines.into_iter().map(ScreenLine::from).collect(),
        };
        let is_due = self.written.is_none_or(|written| now.saturating_duration_since(written) >= PERIOD);
        if !is_due && self.last.as_ref() == Some(&screen) {
            return;
        }
        let screen = Screen { beat: beat.wrapping_add(1), ..screen };
        let outcome = screen.write(&self.path);
        let is_told = std::mem::replace(&mut self.is_failure_told, outcome.is_err());
        if let Err(error) = outcome
            && !is_told
        {
            tracing::warn!(%error, "what the screen shows cannot be written");
        }
        (self.last, self.written) = (Some(screen), Some(now));
    }
}

/// Addresses that tell a technician something.
fn is_shown(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_tell_nothing_are_left_out() {
        for (address, expected) in [
            ("127.0.0.1", false),
            ("169.254.1.1", false),
            ("::1", false),
            ("fe80::1", false),
            ("10.77.0.1", true),
            ("fd77::1", true),
        ] {
            assert_eq!(is_shown(&address.parse().unwrap()), expected, "{address}");
        }
    }
}
