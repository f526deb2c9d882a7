//! `[dhcp]`.

use std::ops::RangeInclusive;

use addressing::{Leases, Pool};
use toml_span::{Span, Spanned};

use super::line::Line;
use crate::config::section::Section;

/// How long a device keeps an address, in minutes, where the file does not say: a morning.
const LEASE_MINUTES: u32 = 240;
/// Less has devices ask all the time; more than a week keeps addresses of visitors from others.
const LEASE_MINUTES_RANGE: RangeInclusive<u32> = 10..=10_080;
/// Most addresses of a pool: a network of a school is smaller, and each is a line that dnsmasq may have to keep.
const POOL_MAX: u32 = 4_096;

/// What devices are given, as far as the file tells.
pub(super) struct DhcpKeys {
    span: Span,
    pool: Option<Spanned<Pool>>,
    minutes: u32,
}

impl DhcpKeys {
    /// `None` without the table: the box gives no addresses.
    pub(super) fn read(table: &mut Section<'_>) -> Option<Self> {
        let read = table.table("dhcp", |dhcp| {
            let pool = dhcp.required_parse_spanned::<Pool>("pool");
            (pool, read_minutes(dhcp))
        })?;
        let Spanned { value: (pool, minutes), span } = read;
        Some(Self { span, pool, minutes })
    }

    /// What devices are given, when it fits into the school's network.
    pub(super) fn check(self, table: &mut Section<'_>, line: Option<&Line>) -> Option<Leases> {
        let Some(line) = line else {
            table.reject(
                self.span,
                "[dhcp] gives addresses of the school's network: it needs [lan] and [wan]",
            );
            return None;
        };
        let Spanned { value: pool, span } = self.pool?;
        let (network, address) = line.ipv4()?;
        if ![pool.first(), pool.last()].iter().all(|address| network.contains(address)) {
            table.reject(span, format!("the addresses {pool} are not all in the network {network}"));
        } else if [network.network(), network.broadcast()].into_iter().any(|nobodys| pool.contains(nobodys)) {
            table.reject(span, format!("the first and the last address of {network} are of no machine"));
        } else if pool.contains(address) {
            table.reject(span, format!("{address} is the box's own: it cannot be given to a device"));
        } else if pool.count() > POOL_MAX {
            table.reject(span, format!("more than {POOL_MAX} addresses"));
        }
        Some(Leases { pool, minutes: self.minutes })
    }
}

fn read_minutes(dhcp: &mut Section<'_>) -> u32 {
    let minutes = dhcp.optional_spanned::<u32>("lease_minutes");
    if let Some(found) = minutes.as_ref().filter(|found| !LEASE_MINUTES_RANGE.contains(&found.value)) {
        let (least, most) = LEASE_MINUTES_RANGE.into_inner();
        dhcp.reject(found.span, format!("a number of minutes from {least} to {most}"));
    }
    minutes.map_or(LEASE_MINUTES, |found| found.value)
}
