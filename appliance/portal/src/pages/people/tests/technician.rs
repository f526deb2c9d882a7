//! The technician's page, what may be installed from it, and what goes to support.

use super::*;

/// Worst first, each with what to do; what is well asks for nothing.
#[test]
fn a_technician_learns_what_is_wrong_and_what_to_do() {
    let (place, status, mut diagnosis) = (samples::place(), samples::status(), samples::diagnosis());
    let read = |diagnosis: &crate::Diagnosis| {
        let page = TechnicianPage {
            place: &place,
            person: &samples::head(),
            status: &status,
            diagnosis,
            new_points: 0,
            token: "t",
            chores: &[],
        };
        page.render(Language::French)
    };
    let page = read(&diagnosis);
    let (gone, there) = (page.find("borne-cm2").unwrap(), page.find("borne-cp").unwrap());
    assert!(gone < there && page.contains("Vérifiez son alimentation et son câble"), "{page}");
    assert!(page.contains("Aucun serveur de la commune") && page.contains("180 Go libres"), "{page}");
    diagnosis.access_points.clear();
    let page = read(&diagnosis);
    assert!(!page.contains("Vérifiez son alimentation"), "{page}");
    let check = |diagnosis: &crate::Diagnosis, topic: &str, level: &str| {
        let findings = crate::pages::diagnose(Language::English, &status, diagnosis);
        let found = findings.iter().find(|finding| finding.topic == topic).unwrap();
        assert_eq!(
            (found.level, found.remedy.is_some()),
            (level, level == "bad" || level == "warning"),
            "{found:?}"
        );
    };
    check(&diagnosis, "line", "good");
    for (machine, topic, level) in [
        (crate::Machine { temperature_c: Some(80), ..diagnosis.machine.clone() }, "temperature", "warning"),
        (crate::Machine { temperature_c: Some(92), ..diagnosis.machine.clone() }, "temperature", "bad"),
        (crate::Machine { temperature_c: None, ..diagnosis.machine.clone() }, "temperature", "neutral"),
        (crate::Machine { memory_free_bytes: 700_000_000, ..diagnosis.machine.clone() }, "memory", "warning"),
        (crate::Machine { memory_free_bytes: 0, ..diagnosis.machine.clone() }, "memory", "bad"),
        (crate::Machine::default(), "memory", "neutral"),
    ] {
        check(&crate::Diagnosis { machine, ..diagnosis.clone() }, topic, level);
    }
    for line in [crate::Line::Down, crate::Line::Crossed, crate::Line::Absent] {
        check(&crate::Diagnosis { line: Some(line), ..diagnosis.clone() }, "line", "bad");
    }
    check(&crate::Diagnosis { is_school_unplugged: true, ..diagnosis.clone() }, "school", "warning");
    let line_seat = Some(samples::line_seat());
    check(&crate::Diagnosis { line_seat, ..diagnosis.clone() }, "line", "warning");
    assert!(page.contains("192.0.2.10/24"), "{page}");
    let now = diagnosis.at.unwrap().unix_ms();
    let ago = |days: i64| Some(Timestamp::from_unix_ms(now - days * 86_400_000));
    let hub = crate::Hub::default();
    for (hub, level) in [
        (None, "neutral"),
        (Some(hub), "neutral"),
        (Some(crate::Hub { failures: 1, ..hub }), "warning"),
        (Some(crate::Hub { succeeded: ago(3), failures: 30, ..hub }), "good"),
        (Some(crate::Hub { succeeded: ago(4), failures: 40, ..hub }), "warning"),
        (Some(crate::Hub { succeeded: ago(0), failures: 1, is_refused: true }), "bad"),
    ] {
        check(&crate::Diagnosis { hub, ..diagnosis.clone() }, "hub", level);
    }
    let old = status.clone();
    let crate::ListOrigin::Built(Some(built)) = old.list.origin else { panic!("{old:?}") };
    let at = |days: i64| Some(Timestamp::from_unix_ms(built.unix_ms() + days * 86_400_000));
    check(&crate::Diagnosis { at: at(14), ..diagnosis.clone() }, "list", "good");
    check(&crate::Diagnosis { at: at(15), ..diagnosis.clone() }, "list", "warning");
}

/// Days in the clear, and days that nobody seals, are somebody's to see to.
#[test]
fn a_technician_learns_who_can_read_the_journal_and_whether_it_is_sealed() {
    let (status, now) = (samples::status(), samples::at(0));
    let tell = |at: Option<Timestamp>, has_readers: bool, days: i64| {
        let waits_since = Some(Timestamp::from_unix_ms(now.unix_ms() - days * 86_400_000));
        let sealing = Some(crate::Sealing { has_readers, waits_since });
        let diagnosis = crate::Diagnosis { at, sealing, ..samples::diagnosis() };
        let findings = crate::pages::diagnose(Language::French, &status, &diagnosis);
        ["keys", "sealing"].map(|topic| findings.iter().find(|it| it.topic == topic).unwrap().clone())
    };
    for (at, has_readers, days, expected) in [
        (Some(now), true, 0, ["good", "good"]),
        (Some(now), true, 2, ["good", "good"]),
        (Some(now), true, 3, ["good", "warning"]),
        (Some(now), false, 0, ["warning", "good"]),
        (None, true, 9, ["good", "neutral"]),
    ] {
        let found = tell(at, has_readers, days);
        assert_eq!(found.each_ref().map(|it| it.level), expected, "{found:?}");
        assert_eq!(found.each_ref().map(|it| it.remedy.is_some()), expected.map(|it| it == "warning"));
    }
    let [keys, sealing] = tell(Some(now), false, 5);
    assert!(keys.remedy.unwrap().contains("Clés du journal"));
    assert!(sealing.lines[0].contains("depuis 5 jours"), "{sealing:?}");
}

/// Whoever has a box that is off every night may install by day what is here, and what a way back is known of.
#[test]
fn what_waits_may_be_installed_by_day() {
    let (place, person, status) = (samples::place(), samples::head(), samples::status());
    let version = || "1.5.0".to_owned();
    let waiting = crate::ReleaseStage::Waiting { version: version(), since: samples::at(0) };
    let refused = crate::ReleaseStage::Refused { version: version(), why: "disk".to_owned() };
    for (stage, is_blessed, expected) in [
        (waiting.clone(), true, true),
        (waiting, false, false),
        (refused, true, true),
        (crate::ReleaseStage::Coming { version: version() }, true, false),
        (crate::ReleaseStage::Hurried { version: version() }, true, false),
        (crate::ReleaseStage::None, true, false),
    ] {
        let running = "1.4.0".to_owned();
        let release = crate::SystemRelease { running, since: None, is_blessed, stage, failed: None };
        let diagnosis = crate::Diagnosis { release: Some(release), ..samples::diagnosis() };
        let page = TechnicianPage {
            place: &place,
            person: &person,
            status: &status,
            diagnosis: &diagnosis,
            token: "t",
            new_points: 0,
            chores: &[],
        };
        let html = page.render(Language::French);
        assert_eq!(html.contains("href=\"/technique/version\""), expected, "{:?}", diagnosis.release);
    }
    let tell = |lessons| {
        let release = crate::WaitingRelease { lessons, ..samples::waiting_release() };
        InstallPage { place: &place, person: &person, release: &release, token: "t" }.render(Language::French)
    };
    assert!(tell(2).contains("moment\u{a0}: 2") && tell(2).contains("name=\"cours\""));
    assert!(!tell(0).contains("name=\"cours\"") && tell(0).contains("value=\"1.5.0\""));
}

/// What is under way has no button, what changes what pupils see has to be meant, and where a box has nothing of a kind, nothing is offered.
#[test]
fn what_the_night_does_may_be_done_at_once() {
    let (place, person, status, diagnosis) =
        (samples::place(), samples::head(), samples::status(), samples::diagnosis());
    let read = |chores: &[crate::ChoreLine]| {
        let page = TechnicianPage {
            place: &place,
            person: &person,
            status: &status,
            diagnosis: &diagnosis,
            new_points: 0,
            token: "t",
            chores,
        };
        page.render(Language::French)
    };
    let (word, ask) = ("name=\"tache\" value=\"", "name=\"voulu\"");
    for chore in crate::Chore::ALL {
        for state in [
            crate::ChoreState::Free,
            crate::ChoreState::Asked,
            crate::ChoreState::Running,
            crate::ChoreState::Failed,
        ] {
            let page = read(&[crate::ChoreLine { chore, state }]);
            let is_free = matches!(state, crate::ChoreState::Free | crate::ChoreState::Failed);
            let button = format!("{word}{}\"", chore.as_str());
            assert_eq!(page.contains(&button), is_free, "{chore:?} {state:?}: {page}");
            assert_eq!(page.contains(ask), is_free && chore.has_to_be_meant(), "{chore:?} {state:?}");
            let is_told = page.contains("Le dernier essai n’a pas abouti");
            assert_eq!(is_told, state == crate::ChoreState::Failed, "{chore:?} {state:?}");
        }
    }
    let none = read(&[]);
    assert!(!none.contains("/technique/maintenant") && none.contains("/technique/autotest"), "{none}");
}

/// What runs, what waits, what failed, and when somebody has to do something.
#[test]
fn a_technician_learns_of_releases_of_the_system() {
    let (status, now) = (samples::status(), samples::at(0));
    let tell = |release: crate::SystemRelease| {
        let diagnosis = crate::Diagnosis { at: Some(now), release: Some(release), ..samples::diagnosis() };
        let told = |diagnosis: &crate::Diagnosis| {
            let findings = crate::pages::diagnose(Language::French, &status, diagnosis);
            findings.into_iter().find(|finding| finding.topic == "release").unwrap()
        };
        (told(&diagnosis), told(&diagnosis.without_names()))
    };
    let well = crate::SystemRelease {
        running: "1.4.0".to_owned(),
        since: Some(now),
        is_blessed: true,
        stage: crate::ReleaseStage::None,
        failed: None,
    };
    let version = || "1.5.0".to_owned();
    let days_ago = |days: i64| Timestamp::from_unix_ms(now.unix_ms() - days * 86_400_000);
    let waiting = |days| crate::ReleaseStage::Waiting { version: version(), since: days_ago(days) };
    let refused = crate::ReleaseStage::Refused { version: version(), why: "SECRET".to_owned() };
    for (stage, level, words) in [
        (crate::ReleaseStage::None, "good", "1.4.0"),
        (crate::ReleaseStage::Coming { version: version() }, "good", "1.5.0"),
        (crate::ReleaseStage::NoRoom { version: version() }, "warning", "place"),
        (crate::ReleaseStage::Damaged { version: version() }, "warning", "abîmée"),
        (waiting(7), "good", "nuit"),
        (waiting(8), "warning", "nuit"),
        (crate::ReleaseStage::Hurried { version: version() }, "good", "quelques minutes"),
        (refused, "warning", "SECRET"),
        (crate::ReleaseStage::Installed { version: version() }, "good", "1.5.0"),
    ] {
        let (found, nameless) = tell(crate::SystemRelease { stage, ..well.clone() });
        assert_eq!((found.level, found.remedy.is_some()), (level, level == "warning"), "{found:?}");
        assert!(found.lines.join(" ").contains(words), "{found:?}");
        assert!(!nameless.lines.join(" ").contains("SECRET"), "{nameless:?}");
    }
    let failed = |at| crate::SystemFailure { version: version(), at, why: "SECRET".to_owned() };
    for (at, words) in [(Some(now), "a échoué ici (le "), (None, "a échoué ici (moment inconnu")] {
        let (found, nameless) = tell(crate::SystemRelease { failed: Some(failed(at)), ..well.clone() });
        assert_eq!((found.level, found.lines.len(), nameless.lines.len()), ("warning", 3, 2), "{found:?}");
        assert!(found.lines[1].contains(words), "{found:?}");
    }
    let (found, _) = tell(crate::SystemRelease { is_blessed: false, ..well });
    assert_eq!(found.level, "neutral");
    let findings = crate::pages::diagnose(Language::French, &status, &samples::diagnosis());
    assert!(findings.iter().all(|finding| finding.topic != "release"), "the system is no release");
}

/// What became of what the commune decides of the configuration, and when somebody has to do something.
#[test]
fn a_technician_learns_of_the_settings_of_the_commune() {
    let status = samples::status();
    let tell = |configuration| {
        let diagnosis = crate::Diagnosis { configuration, ..samples::diagnosis() };
        let told = |diagnosis: &crate::Diagnosis| {
            let findings = crate::pages::diagnose(Language::French, &status, diagnosis);
            findings.into_iter().find(|finding| finding.topic == "configuration")
        };
        (told(&diagnosis), told(&diagnosis.without_names()))
    };
    assert!(tell(None).0.is_none());
    let refused = crate::Configuration::Refused { why: "3:1: SECRET".to_owned() };
    for (configuration, level, words) in [
        (crate::Configuration::InForce, "good", "travaille avec"),
        (crate::Configuration::Lesson, "good", "séance"),
        (crate::Configuration::Restart, "warning", "prochain démarrage"),
        (crate::Configuration::File, "warning", "ne peut pas écrire"),
        (crate::Configuration::Inherited, "warning", "du boîtier précédent"),
        (refused, "warning", "3:1: SECRET"),
    ] {
        let (found, nameless) = tell(Some(configuration));
        let (found, nameless) = (found.unwrap(), nameless.unwrap());
        assert_eq!((found.level, found.remedy.is_some()), (level, level == "warning"), "{found:?}");
        assert!(found.lines.join(" ").contains(words), "{found:?}");
        assert!(!nameless.lines.join(" ").contains("SECRET"), "{nameless:?}");
    }
}

#[test]
fn what_goes_to_support_names_no_access_point() {
    let findings =
        crate::pages::diagnose(Language::English, &samples::status(), &samples::diagnosis().without_names());
    let text = format!("{findings:?}");
    assert!(!text.contains("borne-") && text.contains("1: does not answer any more"), "{text}");
}

#[test]
fn what_goes_to_support_names_no_category() {
    let held = vec![crate::Shrunk { category: "commune_noire".parse().unwrap(), before: 9, after: 1 }];
    let time_zone = jiff::tz::TimeZone::UTC;
    let update = crate::UpdateStatus { last: None, next: None, held, time_zone };
    let status = crate::Status { update: Some(update), ..samples::status() };
    let tell = |status: &crate::Status| {
        format!("{:?}", crate::pages::diagnose(Language::English, status, &samples::diagnosis()))
    };
    assert!(tell(&status).contains("commune_noire"));
    assert!(!tell(&status.without_names()).contains("commune_noire"));
}

/// Whoever is to unplug another router has to find it; support, which helps from afar, has no use for its addresses.
#[test]
fn others_that_give_addresses_are_told_to_technicians_alone() {
    let with = |strangers: Vec<String>| {
        let mut status = samples::status();
        status.selftest.as_mut().unwrap().strangers = strangers;
        status
    };
    let find = |status: &crate::Status| {
        let findings = crate::pages::diagnose(Language::French, status, &samples::diagnosis());
        findings.into_iter().find(|finding| finding.topic == "stranger")
    };
    assert!(find(&with(vec![])).is_none());
    let status = with(vec!["192.168.1.1 [02:00:00:00:00:12]".to_owned()]);
    let found = find(&status).unwrap();
    assert_eq!(found.level, "bad");
    assert!(found.lines.join(" ").contains("192.168.1.1 [02:00:00:00:00:12]"), "{found:?}");
    assert!(found.remedy.unwrap().contains("Débranchez cet appareil"));
    let nameless = find(&status.without_names()).unwrap();
    assert!(nameless.level == "bad" && !nameless.lines.join(" ").contains("192.168"), "{nameless:?}");
    // Anybody opens the home page.
    let home = crate::pages::checks::check_all(Language::French, &status);
    assert!(home.iter().all(|check| !check.lines.join(" ").contains("192.168")));
}
