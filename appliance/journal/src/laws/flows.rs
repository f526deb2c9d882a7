//! What must hold for flows past the doors: those of services, and those that are refused.

use std::num::NonZeroU32;

use model::{AccessKind, Closing, End, Fault, Host, Reason, Verdict};

use super::{CLOCK, all, assert_golden, finished, opened, record};
use crate::Query;
use crate::fixture::{Asked, at, find};
use crate::simulation::Disk;

fn service_flow() -> Asked {
    let destination = Some("192.0.2.9:993".parse().unwrap());
    let reason = Reason::Service("imaps".parse().unwrap());
    Asked { kind: AccessKind::Tcp, destination, reason, ..Asked::tls("CM2-04", "mail.example") }
}

fn refused(kind: AccessKind, fault: Fault, destination: &str) -> Asked {
    let destination: std::net::SocketAddr = destination.parse().unwrap();
    Asked {
        verdict: Verdict::Refuse,
        kind,
        host: Some(Host::from(destination.ip())),
        destination: (kind != AccessKind::Ip).then_some(destination),
        reason: Reason::Fault(fault),
        ..Asked::dns("", "x.fr")
    }
}

#[test]
fn refused_packets_to_one_destination_share_a_record_and_flows_do_not() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    for second in [1, 2, 59] {
        record(&journal, at(second), refused(AccessKind::Udp, Fault::Quic, "192.0.2.9:443")).unwrap();
    }
    record(&journal, at(2), refused(AccessKind::Udp, Fault::Quic, "192.0.2.10:443")).unwrap();
    record(&journal, at(2), refused(AccessKind::Tcp, Fault::NoService, "192.0.2.9:443")).unwrap();
    record(&journal, at(61), refused(AccessKind::Udp, Fault::Quic, "192.0.2.9:443")).unwrap();
    for second in [62, 63] {
        let flow = record(&journal, at(second), service_flow()).unwrap();
        journal.close_kind(at(64), AccessKind::Tcp, flow, finished(7));
    }
    writer.commit(at(64)).unwrap();
    let found = all(&disk);
    let counts: Vec<u32> = found.iter().map(|found| found.count).collect();
    assert_eq!(counts, [3, 1, 1, 1, 1, 1]);
    let bytes: Vec<_> =
        found.iter().filter_map(|found| found.ended).map(|it| it.closing.bytes_down).collect();
    assert_eq!(bytes, [7, 7]);
}

#[test]
fn what_was_left_out_is_counted_on_one_record() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    let times = |times| NonZeroU32::new(times).unwrap();
    let flood = || Asked { host: None, ..refused(AccessKind::Ip, Fault::Flood, "192.0.2.9:1") };
    for (second, count) in [(1, 40), (11, 1), (21, u32::MAX)] {
        journal.record_times(at(second), CLOCK, flood(), times(count)).unwrap();
        writer.commit(at(second)).unwrap();
    }
    journal.record_times(at(70), CLOCK, flood(), times(1)).unwrap();
    writer.commit(at(70)).unwrap();
    let counts: Vec<(u32, i64)> =
        all(&disk).iter().map(|found| (found.count, found.last_at.unix_ms() - at(0).unix_ms())).collect();
    assert_eq!(counts, [(u32::MAX, 21_000), (1, 70_000)]);
}

#[test]
fn a_refused_flood_is_found_by_the_time_of_its_repeats() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    // From half a minute before ten until some seconds after.
    let ten = 10 * 3_600;
    for second in (-30..=20).step_by(10) {
        record(&journal, at(ten + second), refused(AccessKind::Udp, Fault::Quic, "192.0.2.9:443")).unwrap();
        writer.commit(at(ten + second)).unwrap();
    }
    let found_from = |from| find(&disk, &Query { from: Some(at(from)), ..Query::default() }).0;
    let found = found_from(ten);
    let counts: Vec<_> = found.iter().map(|found| (found.count, found.last_at)).collect();
    assert_eq!(counts, [(6, at(ten + 20))]);
    assert!(found_from(ten + 21).is_empty());
}

/// A box that is killed closes what it cannot close any more.
#[test]
fn flows_that_nobody_closed_are_cut() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    record(&journal, at(1), service_flow()).unwrap();
    record(&journal, at(1), refused(AccessKind::Tcp, Fault::NoService, "192.0.2.9:22")).unwrap();
    writer.commit(at(1)).unwrap();
    drop((journal, writer));
    let (_journal, mut writer) = opened(&disk, at(9));
    writer.commit(at(9)).unwrap();
    let ends: Vec<_> = all(&disk).iter().map(|found| found.ended.map(|it| it.closing.end)).collect();
    assert_eq!(ends, [Some(End::Cut), None]);
}

#[test]
fn the_format_of_flows_is_the_golden_file() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    let flow = record(&journal, at(1), service_flow()).unwrap();
    let peer = Some("192.0.2.9:993".parse().unwrap());
    journal.close_kind(at(4), AccessKind::Tcp, flow, Closing { peer, ..finished(65_536) });
    for (kind, fault) in [
        (AccessKind::Udp, Fault::Quic),
        (AccessKind::Tcp, Fault::DnsOverTls),
        (AccessKind::Udp, Fault::DnsOverQuic),
        (AccessKind::Tcp, Fault::NoService),
        (AccessKind::Tcp, Fault::Elsewhere),
        (AccessKind::Tcp, Fault::NotForProfile),
        (AccessKind::Udp, Fault::Unready),
        (AccessKind::Ip, Fault::Protocol),
    ] {
        record(&journal, at(5), refused(kind, fault, "[2001:db8::9]:443")).unwrap();
    }
    let flood = Asked { host: None, ..refused(AccessKind::Ip, Fault::Flood, "192.0.2.9:1") };
    journal.record_times(at(5), CLOCK, flood, NonZeroU32::new(300).unwrap()).unwrap();
    writer.commit(at(5)).unwrap();
    assert_golden(&disk, include_str!("../../testdata/segment-v1-flows.hex"));
}
