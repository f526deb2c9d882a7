//! `[dns]` and `[[dns.upstream]]`.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use model::DomainName;
use toml_span::Spanned;

use super::line::Line;
use crate::config::files::read_authorities;
use crate::config::section::{Port, Section};
use crate::config::{Dns, Upstream};

/// The port of DNS on a school's network (RFC 1035 section 4.2).
const PORT: u16 = 53;
/// The port of DNS over TLS (RFC 7858 section 3.1).
const TLS_PORT: u16 = 853;
/// The ports of DNS and of DNS over TLS on loopback, where no privilege is needed to open them.
const PORT_ON_LOOPBACK: u16 = 5300;
const TLS_PORT_ON_LOOPBACK: u16 = 8853;
/// Most upstream resolvers: more only delay the moment when all have failed.
const UPSTREAMS_MAX: usize = 8;
/// Questions that a device may be allowed in a second: with fewer, pages load slowly; a million is more than the box
/// answers, so that nothing is limited.
const QUESTIONS_PER_SECOND: RangeInclusive<u32> = 10..=1_000_000;

/// The DNS door, as far as the file tells.
pub(super) struct DnsKeys {
    pub(super) port: Option<Port>,
    pub(super) tls_port: Option<Port>,
    /// Each with the place of its address; `None` for one that is wrong.
    upstreams: Vec<Option<Spanned<Upstream>>>,
    questions_per_second: u32,
}

impl DnsKeys {
    pub(super) fn read(table: &mut Section<'_>, has_line: bool) -> Self {
        let (default, tls_default) =
            if has_line { (PORT, TLS_PORT) } else { (PORT_ON_LOOPBACK, TLS_PORT_ON_LOOPBACK) };
        let read = table.table("dns", |dns| {
            let port = dns.port("port", default);
            let tls_port = dns.port("tls_port", tls_default);
            let upstreams = dns.tables("upstream", read_upstream);
            if let Some(found) = upstreams.as_ref().filter(|found| found.value.len() > UPSTREAMS_MAX) {
                dns.reject(found.span, format!("more than {UPSTREAMS_MAX} upstreams"));
            }
            let upstreams = upstreams.map(|found| found.value).unwrap_or_default();
            Self { port, tls_port, upstreams, questions_per_second: read_questions_per_second(dns) }
        });
        let absent = || Self {
            port: Some(Port { number: default, span: None }),
            tls_port: Some(Port { number: tls_default, span: None }),
            upstreams: vec![],
            questions_per_second: resolver::QUESTIONS_PER_SECOND,
        };
        read.map_or_else(absent, |keys| keys.value)
    }

    /// A box that asks itself never gets an answer.
    pub(super) fn check_upstreams(&self, table: &mut Section<'_>, line: Option<&Line>) {
        let own = line.map(Line::box_addresses).unwrap_or_default();
        for Spanned { value: upstream, span } in self.upstreams.iter().flatten() {
            let address = upstream.address.to_canonical();
            let is_own_door = line.is_none()
                && address.is_loopback()
                && [self.port, self.tls_port].iter().flatten().any(|port| port.number == upstream.port);
            if own.contains(&address) || is_own_door {
                table.reject(*span, format!("{address} is this box: it cannot ask itself"));
            } else if line.is_some_and(|line| line.is_nobodys(address)) {
                table.reject(*span, format!("{address} is the address of no machine of the school"));
            }
        }
    }

    pub(super) fn finish(self) -> Option<Dns> {
        let upstreams: Option<Vec<_>> =
            self.upstreams.into_iter().map(|upstream| Some(upstream?.value)).collect();
        let questions_per_second = self.questions_per_second;
        let (port, tls_port) = (self.port?.number, self.tls_port?.number);
        Some(Dns { port, tls_port, upstreams: upstreams?, questions_per_second })
    }
}

fn read_questions_per_second(dns: &mut Section<'_>) -> u32 {
    let questions = dns.optional_spanned::<u32>("questions_per_second");
    if let Some(found) = questions.as_ref().filter(|found| !QUESTIONS_PER_SECOND.contains(&found.value)) {
        let (least, most) = QUESTIONS_PER_SECOND.into_inner();
        dns.reject(found.span, format!("a number of questions from {least} to {most}"));
    }
    questions.map_or(resolver::QUESTIONS_PER_SECOND, |found| found.value)
}

fn read_upstream(table: &mut Section<'_>) -> Option<Spanned<Upstream>> {
    let address = table.required_parse_spanned::<IpAddr>("address");
    if let Some(address) = address.as_ref().filter(|address| !is_of_a_machine(address.value)) {
        let message = format!("{} is not the address of a resolver", address.value);
        table.reject(address.span, message);
    }
    let has_tls = table.contains("tls_name");
    let port = table.port("port", if has_tls { TLS_PORT } else { PORT });
    let tls_name = table.parse::<DomainName>("tls_name");
    let ca_file = table.path("ca_file");
    let authorities = match ca_file {
        None => vec![],
        Some(file) if !has_tls => {
            table.reject(file.span, "`ca_file` has a meaning only with `tls_name`");
            vec![]
        }
        Some(file) => read_authorities(&file.value).unwrap_or_else(|error| {
            table.reject(file.span, format!("`{}`: {error}", file.value.display()));
            vec![]
        }),
    };
    let Spanned { value: address, span } = address?;
    Some(Spanned::with_span(Upstream { address, port: port?.number, tls_name, authorities }, span))
}

/// Whether one machine can have this address, and be found by it alone: a link-local one needs an interface too.
fn is_of_a_machine(address: IpAddr) -> bool {
    let is_peculiar = match address {
        IpAddr::V4(address) => address == Ipv4Addr::BROADCAST,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !(is_peculiar || address.is_unspecified() || address.is_multicast())
}
