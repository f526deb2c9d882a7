//! `preau hub acts`: who did what at the hub.

use std::io::{self, Write as _};
use std::process::ExitCode;

use hub::register::people::{Act, Staff};
use jiff::tz::TimeZone;

use crate::times;

/// Prints the last acts, or the last ones before the one of a number; the latest first.
pub(crate) fn list(register: &dyn Staff, before: Option<u64>, count: u32) -> anyhow::Result<ExitCode> {
    let (mut out, zone) = (io::stdout().lock(), TimeZone::system());
    for (number, Act { at, author, network, deed, about }) in register.acts(before, count)? {
        let from = if network.is_empty() { "command line" } else { &network };
        writeln!(out, "{number}\t{}\t{author}\t{from}\t{deed}\t{about}", times::write(at, &zone))?;
    }
    Ok(ExitCode::SUCCESS)
}
