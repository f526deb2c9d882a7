use replication::ReleaseFailure;

use super::*;
use crate::register::BoxId;

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);

fn ago(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW.unix_ms() - ms)
}

fn measure() -> Measure {
    Measure { now: NOW, nights: 3, serial: 7, published: ago(9 * DAY_MS) }
}

/// A box that came a minute ago, and is well.
fn well() -> Health {
    Health {
        version: "0.1.0".to_owned(),
        now_ms: ago(MINUTE_MS).unix_ms(),
        clock: "synchronised".to_owned(),
        up_s: Some(90_000),
        disk_free_bytes: Some(50),
        disk_bytes: Some(100),
        memory_free_bytes: Some(50),
        memory_bytes: Some(100),
        temperature_c: Some(51),
        list_ms: Some(ago(DAY_MS).unix_ms()),
        log_size: Some(6),
        sealed_ms: Some(ago(DAY_MS).unix_ms()),
        plain_files: Some(0),
        certificate_until_ms: Some(ago(-200 * DAY_MS).unix_ms()),
        policy_serial: Some(7),
        ..Health::default()
    }
}

fn state(seen: Option<Timestamp>, health: Option<&Health>) -> BoxState {
    BoxState {
        id: BoxId(1),
        uai: "0750655E".to_owned(),
        log_key: String::new(),
        version: "0.1.0".to_owned(),
        enrolled: ago(90 * DAY_MS),
        revoked: None,
        seen,
        health: health.map(|health| serde_json::to_string(health).unwrap()),
        log_size: 6,
    }
}

fn school(uai: &str, name: &str) -> School {
    School { uai: uai.to_owned(), name: name.to_owned(), rooms: vec![] }
}

fn findings(boxes: Vec<BoxState>) -> Vec<Finding> {
    judge(school("0750655E", "École"), boxes, &[], &measure()).findings
}

#[test]
fn a_box_that_is_well_is_green() {
    let sight =
        judge(school("0750655E", "École"), vec![state(Some(ago(MINUTE_MS)), Some(&well()))], &[], &measure());
    assert_eq!((sight.findings.as_slice(), sight.level()), (&[][..], Level::Green));
    // An older one tells less; what it does not tell is not held against it.
    let old = Health {
        version: "0.0.1".to_owned(),
        now_ms: NOW.unix_ms(),
        clock: "synchronised".to_owned(),
        list_ms: Some(NOW.unix_ms()),
        ..Health::default()
    };
    assert_eq!(findings(vec![state(Some(NOW), Some(&old))]), []);
}

#[test]
fn a_school_without_a_box_is_idle_until_it_had_one() {
    assert_eq!(findings(vec![]), [Finding::NoBox]);
    assert_eq!(Finding::NoBox.level(), Level::Idle);
    let revoked = BoxState { revoked: Some(ago(DAY_MS)), ..state(Some(NOW), Some(&well())) };
    assert_eq!(findings(vec![revoked.clone()]), [Finding::Revoked(ago(DAY_MS))]);
    let replacement = state(None, None);
    assert_eq!(findings(vec![revoked.clone(), replacement]), [Finding::NeverCame(ago(90 * DAY_MS))]);
    assert_eq!(findings(vec![revoked, state(Some(ago(MINUTE_MS)), Some(&well()))]), []);
}

#[test]
fn nights_without_a_box_are_counted() {
    let check = |hours: i64, expected: Option<(i64, Level)>| {
        let found = findings(vec![state(Some(ago(hours * HOUR_MS)), Some(&well()))]);
        let absent = found.iter().find(|finding| finding.name() == "absent");
        let seen = absent.map(|finding| (finding.number().unwrap(), finding.level()));
        assert_eq!(seen, expected, "{hours}");
    };
    check(0, None);
    check(35, None);
    check(36, Some((1, Level::Amber)));
    check(60, Some((2, Level::Amber)));
    check(84, Some((3, Level::Red)));
    check(24 * 400, Some((399, Level::Red)));
    check(-24, None);
}

#[test]
fn each_trouble_has_its_colour() {
    let check = |change: fn(&mut Health), expected: &[(Finding, Level)]| {
        let mut health = well();
        change(&mut health);
        let found = findings(vec![state(Some(ago(MINUTE_MS)), Some(&health))]);
        let found: Vec<_> = found.into_iter().map(|finding| (finding, finding.level())).collect();
        assert_eq!(found, expected);
    };
    check(|it| it.disk_free_bytes = Some(10), &[]);
    check(|it| it.disk_free_bytes = Some(9), &[(Finding::Disk(9), Level::Amber)]);
    check(|it| it.disk_free_bytes = Some(2), &[(Finding::Disk(2), Level::Red)]);
    check(|it| (it.disk_free_bytes, it.disk_bytes) = (Some(u64::MAX), Some(0)), &[]);
    check(|it| it.memory_free_bytes = Some(4), &[(Finding::Memory(4), Level::Amber)]);
    check(|it| it.list_ms = None, &[(Finding::NoList, Level::Red)]);
    check(|it| it.list_ms = Some(ago(6 * DAY_MS).unix_ms()), &[]);
    check(|it| it.list_ms = Some(ago(8 * DAY_MS).unix_ms()), &[(Finding::List(7), Level::Amber)]);
    check(|it| it.list_ms = Some(ago(31 * DAY_MS).unix_ms()), &[(Finding::List(30), Level::Red)]);
    check(|it| it.certificate_until_ms = Some(ago(-91 * DAY_MS).unix_ms()), &[]);
    check(
        |it| it.certificate_until_ms = Some(ago(-89 * DAY_MS).unix_ms()),
        &[(Finding::Certificate(89), Level::Amber)],
    );
    check(
        |it| it.certificate_until_ms = Some(ago(3 * DAY_MS).unix_ms()),
        &[(Finding::Certificate(-3), Level::Red)],
    );
    check(|it| it.log_size = Some(8), &[(Finding::Unsigned(2), Level::Amber)]);
    check(|it| it.sealed_ms = Some(ago(4 * DAY_MS).unix_ms()), &[(Finding::Sealed(3), Level::Amber)]);
    check(|it| it.sealed_ms = Some(ago(11 * DAY_MS).unix_ms()), &[(Finding::Sealed(10), Level::Red)]);
    check(|it| it.plain_files = Some(4), &[(Finding::Plain(4), Level::Amber)]);
    check(|it| it.clock = "unset".to_owned(), &[(Finding::NoClock, Level::Red)]);
    check(|it| it.now_ms += 61_000, &[(Finding::Clock(61), Level::Amber)]);
    check(|it| it.now_ms -= 601_000, &[(Finding::Clock(601), Level::Red)]);
    check(
        |it| it.now_ms = i64::MIN,
        &[(Finding::Clock(i64::MIN.abs_diff(ago(MINUTE_MS).unix_ms()) / 1_000), Level::Red)],
    );
    check(|it| it.temperature_c = Some(85), &[(Finding::Warm(85), Level::Amber)]);
    check(|it| it.policy_serial = Some(6), &[(Finding::Policy(6), Level::Amber)]);
    check(|it| it.policy_serial = None, &[]);
    let release = |running: &str| ReleaseHealth {
        running: running.to_owned(),
        failed: vec![ReleaseFailure { version: "1.5.0".to_owned(), at_ms: 5, why: String::new() }],
        ..ReleaseHealth::default()
    };
    let judge = |running: &str| {
        let health = Health { release: Some(release(running)), ..well() };
        findings(vec![state(Some(ago(MINUTE_MS)), Some(&health))])
    };
    assert_eq!((judge("1.4.0"), judge("1.5.1")), (vec![Finding::Release], vec![]));
}

#[test]
fn a_box_that_has_not_taken_its_configuration_is_looked_at() {
    let delay = |why: &str| Some(replication::ConfigurationDelay { number: 9, why: why.to_owned() });
    let judge = |configuration| {
        let health = Health { configuration: Some(configuration), ..well() };
        findings(vec![state(Some(ago(MINUTE_MS)), Some(&health))])
    };
    let runs = replication::ConfigurationHealth { in_force: Some(7), ..Default::default() };
    assert_eq!(judge(runs.clone()), []);
    let waits = replication::ConfigurationHealth { waiting: delay("lesson"), ..runs.clone() };
    assert_eq!(judge(waits), []);
    let refused = replication::ConfigurationHealth { refused: delay("3:1: no"), ..runs };
    assert_eq!(judge(refused), [Finding::Configuration]);
    assert_eq!(Finding::Configuration.level(), Level::Amber);
}

#[test]
fn what_a_self_test_found_is_told_and_an_older_box_tells_none() {
    assert_eq!(well().selftest, None);
    let selftest = replication::SelftestHealth {
        at_ms: ago(DAY_MS).unix_ms(),
        outcome: "open".to_owned(),
        since_ms: Some(ago(DAY_MS).unix_ms()),
        failed: 2,
        ..replication::SelftestHealth::default()
    };
    let health = Health { selftest: Some(selftest), ..well() };
    let found = findings(vec![state(Some(ago(MINUTE_MS)), Some(&health))]);
    assert_eq!(found, [Finding::Open { failed: 2, since: ago(DAY_MS), is_long: false }]);
}

#[test]
fn a_certificate_that_does_not_come_is_told() {
    let order = |days: i64, failure: Option<WebFailure>| WebOrder {
        uai: "0750655E".to_owned(),
        public_key: Vec::new(),
        request: Vec::new(),
        is_revoked: false,
        asked: ago(HOUR_MS),
        since: ago(days * DAY_MS),
        tried: failure.map(|_| (ago(HOUR_MS), ago(-HOUR_MS))),
        failure: failure.map(|failure| (failure, "said".to_owned())),
        made: None,
    };
    let judge_by = |pending: &[WebOrder], health: &Health| {
        let boxes = vec![state(Some(ago(MINUTE_MS)), Some(health))];
        judge(school("0750655E", "École"), boxes, pending, &measure())
    };
    let check = |days: i64, failure: Option<WebFailure>, expected: Option<Level>| {
        let sight = judge_by(&[order(days, failure)], &well());
        let found = sight.findings.first().map(|finding| (finding.name(), finding.level()));
        assert_eq!(found, expected.map(|level| ("uncertified", level)), "{days} {failure:?}");
    };
    check(0, None, None);
    check(1, None, None);
    check(2, None, Some(Level::Amber));
    check(0, Some(WebFailure::Proof), Some(Level::Amber));
    check(6, Some(WebFailure::Key), Some(Level::Amber));
    check(7, Some(WebFailure::Often), Some(Level::Red));
    check(7, None, Some(Level::Red));
    // Where the one before is good still, nobody is warned.
    let covered = Health { web_until_ms: Some(ago(-40 * DAY_MS).unix_ms()), ..well() };
    let failed = order(9, Some(WebFailure::Authority));
    assert_eq!(judge_by(std::slice::from_ref(&failed), &covered).level(), Level::Amber);
    let over = Health { web_until_ms: Some(ago(DAY_MS).unix_ms()), ..well() };
    assert_eq!(judge_by(std::slice::from_ref(&failed), &over).level(), Level::Red);
    // Another school's is another school's; without a box, nobody asks.
    let other = WebOrder { uai: "0911234X".to_owned(), ..failed.clone() };
    assert_eq!(judge_by(&[other], &well()).findings, []);
    let none = judge(school("0750655E", "École"), vec![], &[failed], &measure());
    assert_eq!(none.findings, [Finding::NoBox]);
}

#[test]
fn a_policy_of_yesterday_is_not_missed_yet() {
    let health = Health { policy_serial: Some(6), ..well() };
    let boxes = || vec![state(Some(ago(MINUTE_MS)), Some(&health))];
    let check = |hours: i64, expected: &[Finding]| {
        let measure = Measure { published: ago(hours * HOUR_MS), ..measure() };
        assert_eq!(judge(school("0750655E", "École"), boxes(), &[], &measure).findings, expected, "{hours}");
    };
    check(0, &[]);
    check(36, &[]);
    check(37, &[Finding::Policy(6)]);
}

#[test]
fn what_a_box_says_that_nobody_understands_is_told() {
    let mut state = state(Some(ago(MINUTE_MS)), None);
    assert_eq!(findings(vec![state.clone()]), [Finding::Unreadable]);
    state.health = Some("[]".to_owned());
    assert_eq!(findings(vec![state]), [Finding::Unreadable]);
}

#[test]
fn the_worst_comes_first() {
    let health = Health { plain_files: Some(1), clock: "unset".to_owned(), ..well() };
    let found = findings(vec![state(Some(ago(40 * HOUR_MS)), Some(&health))]);
    let levels: Vec<Level> = found.iter().map(|finding| finding.level()).collect();
    assert_eq!(levels.first(), Some(&Level::Red));
    assert!(levels.is_sorted_by(|one, other| one >= other), "{found:?}");

    let schools = vec![school("0750655E", "B"), school("0911234X", "C"), school("0751234A", "A")];
    let bad = BoxState {
        uai: "0911234X".to_owned(),
        ..state(Some(NOW), Some(&Health { clock: "unset".to_owned(), ..well() }))
    };
    let sights = judge_all(schools, vec![state(Some(ago(MINUTE_MS)), Some(&well())), bad], &[], &measure());
    let order: Vec<_> = sights.iter().map(|sight| (sight.school.name.as_str(), sight.level())).collect();
    assert_eq!(order, [("C", Level::Red), ("B", Level::Green), ("A", Level::Idle)]);
}
