use replication::School;

use super::*;
use crate::fleet::Finding;

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);

fn settings() -> Settings {
    Settings {
        commune: "Saint-Exemple".to_owned(),
        timezone: TimeZone::UTC,
        url: Some("https://hub.commune.example:8443/".to_owned()),
        nights: 3,
        metrics: None,
        channels: Channel::ALL.to_vec(),
        authority_der: vec![],
        provider: None,
        check_configuration: |_, _| Ok(vec![]),
    }
}

fn sight(findings: &[Finding]) -> Sight {
    let school = School { uai: "0750655E".to_owned(), name: "École \"Ferry\"".to_owned(), rooms: vec![] };
    Sight { school, present: None, health: None, findings: findings.to_vec() }
}

fn kept(level: Level, is_told: bool) -> Kept {
    Kept { uai: "0750655E".to_owned(), level, since: Timestamp::from_unix_ms(0), is_told }
}

#[test]
fn people_are_told_once_of_each_change_to_red_and_back() {
    let check = |findings: &[Finding], before: Option<Kept>, expected: Option<(Level, usize)>| {
        let compared = compare(&sight(findings), before.as_ref(), &settings(), NOW);
        let seen = compared.map(|(kept, alerts)| {
            assert_eq!((kept.since, kept.is_told), (NOW, kept.level == Level::Red));
            (kept.level, alerts.len())
        });
        assert_eq!(seen, expected, "{findings:?} {before:?}");
    };
    let red = [Finding::NoClock];
    let amber = [Finding::Plain(3)];
    check(&[], None, Some((Level::Green, 0)));
    check(&red, None, Some((Level::Red, 2)));
    check(&[], Some(kept(Level::Green, false)), None);
    check(&red, Some(kept(Level::Green, false)), Some((Level::Red, 2)));
    check(&red, Some(kept(Level::Red, true)), None);
    check(&amber, Some(kept(Level::Green, false)), Some((Level::Amber, 0)));
    check(&amber, Some(kept(Level::Red, true)), Some((Level::Amber, 2)));
    check(&[], Some(kept(Level::Amber, false)), Some((Level::Green, 0)));
}

#[test]
fn what_nobody_could_be_told_is_told_once_somebody_can() {
    let silent = Settings { channels: vec![], ..settings() };
    let (red, well) = (sight(&[Finding::NoClock]), sight(&[]));
    let (kept_red, alerts) = compare(&red, Some(&kept(Level::Green, false)), &silent, NOW).unwrap();
    assert_eq!((kept_red.level, kept_red.is_told, alerts.len()), (Level::Red, false, 0));
    assert!(compare(&red, Some(&kept_red), &silent, NOW).is_none(), "it is noted once");
    // There is a way now: the school is as red as it was, and since when it was.
    let later = Timestamp::from_unix_ms(NOW.unix_ms() + 60_000);
    let (told, alerts) = compare(&red, Some(&kept_red), &settings(), later).unwrap();
    assert_eq!((told.level, told.since, told.is_told, alerts.len()), (Level::Red, NOW, true, 2));
    assert!(alerts.iter().any(|alert| alert.body.contains(&format!("\"since_ms\":{}", NOW.unix_ms()))));
    assert!(compare(&red, Some(&told), &settings(), later).is_none());
    // The same of its end.
    let (over, alerts) = compare(&well, Some(&told), &silent, later).unwrap();
    assert_eq!((over.level, over.is_told, alerts.len()), (Level::Green, true, 0));
    let (over, alerts) = compare(&well, Some(&over), &settings(), later).unwrap();
    assert_eq!((over.is_told, alerts.len()), (false, 2));
}

#[test]
fn an_alert_says_what_there_is_to_do() {
    let sight = sight(&[Finding::NoClock, Finding::Disk(4)]);
    let letter = write(&sight, Channel::Mail, &settings(), NOW);
    assert_eq!(letter.subject, "[Préau] École \"Ferry\"\u{a0}: rouge");
    for words in
        ["École \"Ferry\" (0750655E)", "- Le boîtier ne connaît pas l’heure.", "serveur de temps", "4\u{a0}%"]
    {
        assert!(letter.body.contains(words), "{words}: {}", letter.body);
    }
    assert!(letter.body.contains("https://hub.commune.example:8443/ecole/0750655E\n"), "{}", letter.body);

    let call = write(&sight, Channel::Webhook, &settings(), NOW);
    let body: serde_json::Value = serde_json::from_str(&call.body).unwrap();
    assert_eq!(body["event"], "school");
    assert_eq!((&body["school"], &body["level"]), (&json!("École \"Ferry\""), &json!("red")));
    assert_eq!(body["findings"][0]["name"], "no-clock");
    assert_eq!(body["findings"][1]["level"], "amber");
    let test = write_test(Channel::Webhook, "Saint-Exemple", &TimeZone::UTC, NOW);
    assert!(test.body.contains("\"event\":\"test\""), "{}", test.body);
}
