//! Access points that say what they are, and the page where one is adopted.

use super::clerk::{CODE, SECRET};
use super::people::{Browser, Open};

#[test]
fn an_access_point_says_what_it_is_without_a_cookie() {
    let open = Open::new();
    let mut machine = Browser::new(open.address);
    machine.client = "10.77.0.21";
    let said = "mac=02%3Aaa%3A00%3A00%3A00%3A01&certificate=00ff&radios=radio0%3A5g+radio1%3A2g&proof=";
    assert_eq!(machine.post("/borne", &format!("{said}{CODE}")).status, "200");
    assert_eq!(machine.post("/borne", &format!("{said}0")).status, "403");
    assert_eq!(machine.get("/borne").status, "404", "there is nothing to read");
    let expected = "10.77.0.21 says 02:aa:00:00:00:01 00ff radio0:5g radio1:2g";
    assert_eq!(open.done(), [expected, expected]);
    assert!(machine.shown_cookies().is_empty());
    open.portal.stop().unwrap();
}

#[test]
fn one_is_adopted_and_released_by_those_who_direct() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    let page = browser.sign_in("personne=1");
    let adopt = "borne=02:aa:00:00:00:01&salle=CM2";
    assert_eq!(browser.get("/technique/bornes").status, "403", "a teacher");
    assert_eq!(browser.fill(&page, "/technique/bornes", adopt).status, "403");
    let mut browser = Browser::new(open.address);
    browser.sign_in("nom=M.+Bernard");
    let page = browser.get("/technique");
    assert!(page.text.contains("/technique/bornes"), "{}", page.text);
    let page = browser.get("/technique/bornes");
    assert!(page.text.contains("02:aa:00:00:00:01") && page.text.contains("0101 0101"), "{}", page.text);
    let adopted = browser.fill(&page, "/technique/bornes", adopt);
    assert_eq!(adopted.location.as_deref(), Some("/technique/bornes"));
    let released = browser.fill(&page, "/technique/bornes/oublier", "borne=borne-02aa00000002");
    assert_eq!(released.location.as_deref(), Some("/technique/bornes"));
    assert_eq!(browser.post("/technique/bornes", adopt).status, "403", "forged");
    assert_eq!(
        open.done(),
        ["M. Bernard adopts 02:aa:00:00:00:01 for CM2", "M. Bernard releases borne-02aa00000002"]
    );
    open.portal.stop().unwrap();
}

#[test]
fn keys_of_the_wifi_are_taken_and_renewed_by_those_who_direct() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    let page = browser.sign_in("personne=1");
    let file = "salle=CM1&appareil=tab-07&fichier=ipad";
    assert_eq!(browser.get("/technique/wifi").status, "403", "a teacher");
    assert_eq!(browser.fill(&page, "/technique/wifi/fichier", file).status, "403");
    let mut browser = Browser::new(open.address);
    browser.sign_in("nom=M.+Bernard");
    let page = browser.get("/technique/wifi");
    assert!(page.text.contains("tab-07") && page.text.contains("tilleul"), "{}", page.text);
    let taken = browser.fill(&page, "/technique/wifi/fichier", file);
    assert!(taken.status == "200" && taken.text.contains("a key"), "{}", taken.text);
    for (form, status) in [("salle=CM1&appareil=tab-07&fichier=x", "422"), ("salle=CM1&fichier=qr", "404")] {
        assert_eq!(browser.fill(&page, "/technique/wifi/fichier", form).status, status, "{form}");
    }
    assert_eq!(browser.get("/technique/wifi/fichier").status, "404", "a link takes no key away");
    let renewed = browser.fill(&page, "/technique/wifi/cle", "salle=CM2&appareil=");
    assert_eq!(renewed.location.as_deref(), Some("/technique/wifi"));
    assert_eq!(browser.post("/technique/wifi/cle", "salle=CM2").status, "403", "forged");
    assert_eq!(open.done(), ["M. Bernard takes ipad of tab-07 in CM1", "M. Bernard renews the key of CM2"]);
    open.portal.stop().unwrap();
}

#[test]
fn a_release_is_put_in_by_day_by_those_who_direct() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    let page = browser.sign_in("personne=1");
    let install = "version=1.5.0&cours=1";
    assert_eq!(browser.get("/technique/version").status, "403", "a teacher");
    assert_eq!(browser.fill(&page, "/technique/version", install).status, "403");
    let mut browser = Browser::new(open.address);
    browser.sign_in("nom=M.+Bernard");
    let page = browser.get("/technique/version");
    assert!(page.status == "200" && page.text.contains("value=\"1.5.0\""), "{}", page.text);
    assert_eq!(browser.fill(&page, "/technique/version", "version=1.5.0").status, "409", "lessons");
    assert_eq!(browser.fill(&page, "/technique/version", "version=x&cours=1").status, "422");
    assert_eq!(browser.post("/technique/version", install).status, "403", "forged");
    let done = browser.fill(&page, "/technique/version", install);
    assert_eq!(done.location.as_deref(), Some("/technique"));
    assert_eq!(open.done(), ["M. Bernard installs 1.5.0"]);
    open.portal.stop().unwrap();
}

#[test]
fn what_the_night_does_is_done_at_once_by_those_who_direct() {
    const PATH: &str = "/technique/maintenant";
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    let page = browser.sign_in("personne=1");
    assert_eq!(browser.fill(&page, PATH, "tache=sync").status, "403", "a teacher");
    assert_eq!(browser.get("/technique/autotest").status, "403");
    let mut browser = Browser::new(open.address);
    browser.sign_in("nom=M.+Bernard");
    let page = browser.get("/technique");
    assert!(page.text.contains(PATH) && page.text.contains("name=\"voulu\""), "{}", page.text);
    assert_eq!(browser.get(PATH).status, "404", "a link does nothing");
    assert_eq!(browser.post(PATH, "tache=sync").status, "403", "forged");
    let wrong = [("tache=reboot", "422"), ("", "422"), ("tache=held-list", "422"), ("tache=lists", "404")];
    for (form, status) in wrong {
        assert_eq!(browser.fill(&page, PATH, form).status, status, "{form}");
    }
    for form in ["tache=sync", "tache=held-list&voulu=1"] {
        assert_eq!(browser.fill(&page, PATH, form).location.as_deref(), Some("/technique"), "{form}");
    }
    assert_eq!(open.done(), ["M. Bernard does sync", "M. Bernard does held-list"]);
    let report = browser.get("/technique/autotest");
    assert!(report.status == "200" && report.text.contains("9.9.9.9"), "{}", report.text);
    assert!(report.text.contains("01 23 45 67 89"), "whom to call: {}", report.text);
    open.portal.stop().unwrap();
}

#[test]
fn a_box_goes_to_another_hub_by_those_who_direct() {
    const PATH: &str = "/technique/hub";
    let open = Open::new();
    let form = |code: &str, secret: &str| format!("code={code}&serveur=hub.autre.example&secret={secret}");
    let mut browser = Browser::new(open.address);
    let page = browser.sign_in("personne=1");
    assert_eq!(browser.get(PATH).status, "403", "a teacher");
    assert_eq!(browser.fill(&page, PATH, &form("K7QM4XRT9WPE", SECRET)).status, "403");
    let mut browser = Browser::new(open.address);
    browser.sign_in("nom=M.+Bernard");
    let page = browser.get("/technique");
    assert!(page.text.contains(PATH), "{}", page.text);
    let page = browser.get(PATH);
    assert!(
        page.text.contains("hub.commune.example") && page.text.contains("name=\"code\""),
        "{}",
        page.text
    );
    let wrong = browser.fill(&page, PATH, &form("K7QM4XRT9WPE", "0"));
    assert!(
        wrong.status == "403" && wrong.text.contains("hub.autre.example"),
        "{} {}",
        wrong.status,
        wrong.text
    );
    let short = browser.fill(&page, PATH, &form("K7QM", SECRET));
    assert!(short.status == "400" && short.text.contains("mal tapé"), "{} {}", short.status, short.text);
    assert_eq!(browser.post(PATH, &form("K7QM4XRT9WPE", SECRET)).status, "403", "forged");
    let done = browser.fill(&page, PATH, &form("K7QM4XRT9WPE", SECRET));
    assert_eq!(done.location.as_deref(), Some(PATH));
    assert_eq!(open.done(), ["M. Bernard joins hub.autre.example by K7QM4XRT9WPE"]);
    open.portal.stop().unwrap();
}

#[test]
fn devices_are_kept_by_those_who_direct() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    browser.sign_in("personne=1");
    assert_eq!(browser.get("/technique/appareils").status, "403", "a teacher");
    let mut browser = Browser::new(open.address);
    browser.sign_in("nom=M.+Bernard");
    let page = browser.get("/technique/appareils");
    assert!(page.text.contains("CM2-01") && page.text.contains("Chariot-&#60;1&#62;"), "{}", page.text);
    assert!(page.text.contains("value=\"02:00:00:00:00:09\""), "the device that asks: {}", page.text);
    let form = "mac=02-00-00-00-00-AB&nom=CM2-03&salle=CM2&profil=elementaire";
    let added = browser.fill(&page, "/technique/appareils", form);
    assert_eq!(added.location.as_deref(), Some("/technique/appareils"));
    for wrong in ["mac=x&nom=a&salle=CM2&profil=elementaire", "mac=02:00:00:00:00:01&nom=&salle=&profil=a"] {
        assert_eq!(browser.fill(&page, "/technique/appareils", wrong).status, "422", "{wrong}");
    }
    browser.fill(&page, "/technique/appareils/oublier", "mac=02:00:00:00:00:01");
    assert_eq!(
        open.done(),
        ["M. Bernard adds 02:00:00:00:00:ab CM2-03 CM2 elementaire", "M. Bernard forgets 02:00:00:00:00:01"]
    );
    open.portal.stop().unwrap();
}

#[test]
fn the_line_is_changed_by_those_who_keep_the_box() {
    const PATH: &str = "/technique/ligne";
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    browser.sign_in("personne=1");
    assert_eq!(browser.get(PATH).status, "403", "a teacher");
    let mut browser = Browser::new(open.address);
    browser.sign_in("nom=M.+Bernard");
    assert!(browser.get("/technique").text.contains(PATH));
    let page = browser.get(PATH);
    assert!(
        page.text.contains("name=\"passerelle\"") && page.text.contains("192.0.2.10/24"),
        "{}",
        page.text
    );
    let form = |address: &str| format!("ligne=fixe&adresse={address}&passerelle=192.0.2.1&dns=192.0.2.53");
    let wrong = browser.fill(&page, PATH, &form("192.0.2.7"));
    assert!(wrong.status == "400" && wrong.text.contains("value=\"192.0.2.7\""), "{}", wrong.text);
    assert_eq!(browser.post(PATH, &form("192.0.2.7%2F24")).status, "403", "forged");
    let done = browser.fill(&page, PATH, &form("192.0.2.7%2F24"));
    assert_eq!(done.location.as_deref(), Some(PATH));
    browser.fill(&page, PATH, "ligne=dhcp");
    assert_eq!(
        open.done(),
        ["M. Bernard has 192.0.2.7/24 by 192.0.2.1, 192.0.2.53", "M. Bernard goes back to DHCP"]
    );
    open.portal.stop().unwrap();
}

#[test]
fn the_files_of_an_access_point_are_taken_by_those_who_keep_the_box() {
    const PATH: &str = "/technique/bornes/fichiers";
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    let page = browser.sign_in("personne=1");
    assert_eq!(browser.fill(&page, PATH, "").status, "403", "a teacher");
    let mut browser = Browser::new(open.address);
    browser.sign_in("nom=M.+Bernard");
    let page = browser.get("/technique/bornes");
    assert!(page.text.contains(PATH), "{}", page.text);
    assert_eq!(browser.post(PATH, "").status, "403", "forged");
    let taken = browser.fill(&page, PATH, "");
    assert!(taken.status == "200" && taken.text.contains("packed"), "{}", taken.text);
    // Another key, once she has said that she knows what it means.
    let (path, meant) = ("/technique/bornes/cle", "voulu=1");
    assert!(page.text.contains(path) && page.text.contains("encore l’ancienne clé"), "{}", page.text);
    assert_eq!(browser.get(path).status, "404", "a link draws none");
    assert_eq!(browser.post(path, meant).status, "403", "forged");
    assert_eq!(browser.fill(&page, path, "").status, "422");
    assert_eq!(browser.fill(&page, path, meant).location.as_deref(), Some("/technique/bornes"));
    let mut teacher = Browser::new(open.address);
    let page = teacher.sign_in("personne=1");
    assert_eq!(teacher.fill(&page, path, meant).status, "403");
    let expected =
        ["M. Bernard takes the files of access points", "M. Bernard has another adoption key drawn"];
    assert_eq!(open.done(), expected);
    open.portal.stop().unwrap();
}
