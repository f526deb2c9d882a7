//! What a monitoring program reads (`/metrics`): the text format of OpenMetrics, of the figures that the register has.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use replication::SelftestHealth;

use crate::fleet::Sight;
use crate::register::history::{Alert, Level};

/// What the text is, as HTTP says it.
pub(crate) const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfLevel {
    level: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfSchool {
    uai: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfState {
    state: String,
}

type BySchool = Family<OfSchool, Gauge>;

/// Writes the figures. What a box does not tell has none.
pub(crate) fn write(sights: &[Sight], alerts: &[Alert], serial: u64) -> String {
    let mut registry = Registry::with_prefix("preau_hub");
    count_schools(&mut registry, sights);
    tell_schools(&mut registry, sights);
    tell_boxes(&mut registry, sights);
    count_alerts(&mut registry, alerts);
    let policy: Gauge = Gauge::default();
    policy.set(wide(serial));
    registry.register("policy_serial", "Number of the commune's policy", policy);
    let mut text = String::new();
    // Writing into a text does not fail.
    let _written = encode(&mut text, &registry);
    text
}

fn count_schools(registry: &mut Registry, sights: &[Sight]) {
    let family: Family<OfLevel, Gauge> = Family::default();
    for level in Level::ALL {
        let count = sights.iter().filter(|sight| sight.level() == level).count();
        let label = OfLevel { level: level.as_str().to_owned() };
        family.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register("schools", "Schools by how they are", family);
}

fn tell_schools(registry: &mut Registry, sights: &[Sight]) {
    let (level, findings) = (BySchool::default(), BySchool::default());
    for sight in sights {
        let number = match sight.level() {
            Level::Idle => -1,
            Level::Green => 0,
            Level::Amber => 1,
            Level::Red => 2,
        };
        level.get_or_create(&label(sight)).set(number);
        let count = i64::try_from(sight.findings.len()).unwrap_or(i64::MAX);
        findings.get_or_create(&label(sight)).set(count);
    }
    registry.register("school_level", "How a school is: 2 red, 1 amber, 0 green, -1 without a box", level);
    registry.register("school_findings", "How much there is to say of a school", findings);
}

fn tell_boxes(registry: &mut Registry, sights: &[Sight]) {
    let gauge = |value: &dyn Fn(&Sight) -> Option<i64>| {
        let family = BySchool::default();
        for sight in sights {
            if let Some(value) = value(sight) {
                family.get_or_create(&label(sight)).set(value);
            }
        }
        family
    };
    let health = |sight: &Sight| sight.health.clone();
    let seconds = |ms: i64| ms.div_euclid(1_000);
    let seen = gauge(&|it| it.present.as_ref()?.seen.map(|at| seconds(at.unix_ms())));
    registry.register_with_unit("box_seen", "When a school's box came last", Unit::Seconds, seen);
    let free = gauge(&|it| health(it)?.disk_free_bytes.map(wide));
    registry.register_with_unit("box_disk_free", "Free room on a box's disk", Unit::Bytes, free);
    let disk = gauge(&|it| health(it)?.disk_bytes.map(wide));
    registry.register_with_unit("box_disk", "All of a box's disk", Unit::Bytes, disk);
    let list = gauge(&|it| health(it)?.list_ms.map(seconds));
    registry.register_with_unit("box_list", "When a box's list was put in force", Unit::Seconds, list);
    let until = gauge(&|it| health(it)?.certificate_until_ms.map(seconds));
    registry.register_with_unit("box_certificate_end", "When a box's certificate ends", Unit::Seconds, until);
    let warm = gauge(&|it| health(it)?.temperature_c.map(i64::from));
    registry.register_with_unit("box_temperature", "A box's processor at the warmest", Unit::Celsius, warm);
    tell_selftests(registry, &gauge);
    let log = gauge(&|it| health(it)?.log_size.map(wide));
    registry.register("box_log_entries", "Entries of a box's log of seals", log);
    let signed = gauge(&|it| it.present.as_ref().map(|state| wide(state.log_size)));
    registry.register("box_log_signed_entries", "Entries of it that the hub has signed", signed);
    let policy = gauge(&|it| health(it)?.policy_serial.map(wide));
    registry.register("box_policy_serial", "Number of the commune's policy by which a box works", policy);
}

/// Makes a gauge of what is said of each school, if anything is.
type GaugeOf<'g> = dyn Fn(&dyn Fn(&Sight) -> Option<i64>) -> BySchool + 'g;

/// What became of the last self-test of each box that has told of one.
fn tell_selftests(registry: &mut Registry, gauge: &GaugeOf<'_>) {
    let selftest = |sight: &Sight| sight.health.clone()?.selftest;
    let at = gauge(&|it: &Sight| Some(selftest(it)?.at_ms.div_euclid(1_000)));
    registry.register_with_unit("box_selftest", "When a box's filter was attacked last", Unit::Seconds, at);
    let failed = gauge(&|it: &Sight| Some(i64::from(selftest(it)?.failed)));
    registry.register("box_selftest_open", "Ways around a box's filter that were open then", failed);
    let good = gauge(&|it: &Sight| Some(i64::from(selftest(it)?.outcome == SelftestHealth::CLOSED)));
    registry.register("box_selftest_closed", "1 where it was shown that all is closed, 0 where not", good);
}

fn count_alerts(registry: &mut Registry, alerts: &[Alert]) {
    let family: Family<OfState, Gauge> = Family::default();
    for state in ["waiting", "sent", "given-up"] {
        let count = alerts.iter().filter(|alert| state_of(alert) == state).count();
        let label = OfState { state: state.to_owned() };
        family.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register("alerts", "The last 500 alerts by what became of them", family);
}

fn state_of(alert: &Alert) -> &'static str {
    match (alert.ended, alert.is_sent) {
        (None, _) => "waiting",
        (Some(_), true) => "sent",
        (Some(_), false) => "given-up",
    }
}

fn label(sight: &Sight) -> OfSchool {
    OfSchool { uai: sight.school.uai.clone() }
}

fn wide(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
